// Goal: numbers, times and sizes mean what HAProxy takes them for. Method: the values around each limit and unit.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../../testing/fuzz.ts';
import { cInteger, looksTooSmall, parseLong, parseSize, parseTime } from './units.ts';

function ms(text: string): number | string {
  const result = parseTime(text, 'ms');
  return result.ok ? result.value : result.why;
}

test('a time without a unit is in the unit of its keyword, and others are converted', () => {
  strictEqual(ms('10'), 10);
  strictEqual(ms('10ms'), 10);
  strictEqual(ms('2s'), 2_000);
  strictEqual(ms('3m'), 180_000);
  strictEqual(ms('1h'), 3_600_000);
  strictEqual(ms('1d'), 86_400_000);
  strictEqual(ms('1500us'), 2, 'rounded up');
  deepStrictEqual(parseTime('90', 's'), { ok: true, value: 90, trailing: '' });
  deepStrictEqual(parseTime('2m', 's'), { ok: true, value: 120, trailing: '' });
});

test('times that do not fit are over or under, odd characters are named', () => {
  strictEqual(ms('2147483647'), 2_147_483_647);
  strictEqual(ms('2147483648'), 'over');
  strictEqual(ms('25d'), 'over');
  strictEqual(ms('1us'), 1, 'a part of a millisecond is one');
  deepStrictEqual(parseTime('5x', 'ms'), { ok: false, why: 'character', char: 'x' });
  deepStrictEqual(parseTime('', 'ms'), { ok: false, why: 'character', char: '\0' });
  deepStrictEqual(parseTime('-5', 'ms'), { ok: false, why: 'character', char: '-' });
  deepStrictEqual(parseTime('5sx', 'ms'), { ok: true, value: 5_000, trailing: 'x' });
});

test('a bare small number looks like seconds', () => {
  ok(looksTooSmall('50', 100));
  ok(!looksTooSmall('100', 100));
  ok(!looksTooSmall('50ms', 100));
  ok(!looksTooSmall('0', 100));
});

test('sizes know k, m and g, and say where they stop making sense', () => {
  strictEqual(parseSize('16384'), 16_384);
  strictEqual(parseSize('16k'), 16_384);
  strictEqual(parseSize('2M'), 2 * 1024 * 1024);
  strictEqual(parseSize('3g'), 3 * 1024 ** 3);
  strictEqual(parseSize('4g'), 'g');
  strictEqual(parseSize('16kb'), 'b');
  strictEqual(parseSize('x'), 'x');
});

test('integers are read as C reads them', () => {
  strictEqual(cInteger(' 12abc'), 12);
  strictEqual(cInteger('abc'), 0);
  strictEqual(cInteger('4294967297'), 1);
  deepStrictEqual(parseLong('0x1fz', 0), { value: 31, rest: 'z' });
  deepStrictEqual(parseLong('017', 0), { value: 15, rest: '' });
  deepStrictEqual(parseLong('0xz', 0), { value: 0, rest: 'xz' });
  deepStrictEqual(parseLong('-8', 10), { value: -8, rest: '' });
  deepStrictEqual(parseLong('+', 10), { value: 0, rest: '+' });
  deepStrictEqual(parseLong('19', 8), { value: 1, rest: '9' });
});

fuzz('a time written in any unit is the same time', (prng) => {
  const count = prng.below(20_000);
  const [unit, factor] = prng.pick([
    ['ms', 1],
    ['s', 1_000],
    ['m', 60_000],
  ] as const);
  strictEqual(ms(`${count}${unit}`), ms(String(count * factor)));
});
