// Goal: every map converter gives the value, number, address or key that HAProxy gives.
// Method: small maps through the rows' own compile(), by a linker that is nothing but a store.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arg, MatchMethod, PatternRef } from '../model/language.ts';
import { mapConverters } from './convert-map.ts';
import { PatternStore } from './patterns/store.ts';
import { latin1Bytes, TextStore } from './patterns/texts.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { Trash } from './trash.ts';
import { Sample, TYPE_ADDR, TYPE_IPV4, TYPE_IPV6, TYPE_SINT, TYPE_STR } from './types.ts';

const subject = { trash: new Trash(1024) } as Subject;

function linkerOf(pairs: Readonly<Record<string, string>>): { linker: Linker; store: PatternStore } {
  const keys = new TextStore();
  const values = new TextStore();
  for (const [key, value] of Object.entries(pairs)) {
    keys.pushText(key);
    values.pushText(value);
  }
  const ref: PatternRef = {
    ...{ index: 0, id: 0, name: 'm', isMap: true, isAcl: false, display: '', uses: [], hosts: {} },
    ...{ keys: keys.pack(), values: values.pack(), lines: new Int32Array(keys.count) },
  };
  const store = new PatternStore([ref]);
  const map = (index: number, method: string, ignoreCase: boolean) =>
    store.matcher(index, method as MatchMethod, ignoreCase);
  return { store, linker: { map } as Partial<Linker> as Linker };
}

const row = (name: string) => mapConverters.find((each) => each.name === name)!;

/** What a converter makes of a text, as text; null: no value. */
function convert(name: string, pairs: Readonly<Record<string, string>>, input: string, ...rest: Arg[]): string | null {
  const args: Arg[] = [{ kind: 'patterns', index: 0 }, ...rest];
  const sample = new Sample();
  const bytes = latin1Bytes(input);
  sample.setBytes(TYPE_STR, bytes, 0, bytes.length);
  if (!row(name).compile(args, linkerOf(pairs).linker)(sample, subject)) return null;
  return resultOf(sample);
}

function resultOf(sample: Sample): string {
  if (sample.type === TYPE_SINT) return `int ${sample.wide ?? sample.number}`;
  if (sample.type === TYPE_IPV4) return `ipv4 ${sample.number.toString(16)}`;
  const bytes = Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length));
  return sample.type === TYPE_IPV6 ? `ipv6 ${bytes.toString('hex')}` : bytes.toString('latin1');
}

const text = (value: string): Arg => ({ kind: 'str', text: value });
const number = (value: number): Arg => ({ kind: 'sint', value, exact: String(value) });

test('all names that HAProxy registers are there, with its types', () => {
  const methods = ['str', 'beg', 'sub', 'dir', 'dom', 'end', 'reg', 'int', 'ip'];
  const expected = [
    'map',
    'map_regm',
    ...['', '_int', '_ip', '_key'].flatMap((out) => methods.map((m) => `map_${m}${out}`)),
  ];
  assert.deepEqual(mapConverters.map(({ name }) => name).sort(), expected.sort());
  const types = (name: string): number[] => [row(name).in, row(name).out];
  assert.deepEqual(types('map_ip_int'), [TYPE_ADDR, TYPE_SINT]);
  assert.deepEqual(types('map_int_ip'), [TYPE_SINT, TYPE_ADDR]);
  assert.deepEqual(types('map_beg_key'), [TYPE_STR, TYPE_STR]);
  assert.deepEqual(row('map_beg_key').args.kinds, ['patterns']);
  assert.deepEqual(row('map_beg_int').args.kinds, ['patterns', 'sint']);
});

test('each method finds its value', () => {
  const cases: readonly [string, Record<string, string>, string, string | null][] = [
    ['map', { a: '1', b: '2 3' }, 'b', '2 3'],
    ['map_str', { a: '1' }, 'A', null],
    ['map_beg', { '/': 'root', '/api': 'api' }, '/api/x', 'api'],
    ['map_sub', { bc: 'x', b: 'y' }, 'abcd', 'x'],
    ['map_dir', { img: 'i' }, '/a/img/b', 'i'],
    ['map_dom', { example: 'e' }, 'www.example.com', 'e'],
    ['map_end', { '.png': 'p' }, 'a.png', 'p'],
    ['map_reg', { '^/[0-9]+$': 'n' }, '/12', 'n'],
    ['map_regm', { '^/(\\w+)/(\\w+)': '\\2-\\1\\x21' }, '/a/b', 'b-a!'],
    ['map_int', { '1:5': 'low', '6:': 'high' }, '7', 'high'],
    ['map_ip', { '10.0.0.0/8': 'ten', '10.1.0.0/16': 'one' }, '10.1.2.3', 'one'],
    ['map_str_int', { a: '-5' }, 'a', 'int -5'],
    ['map_str_int', { a: '9223372036854775807' }, 'a', 'int 9223372036854775807'],
    ['map_ip_int', { '::/0': '3' }, '::1', 'int 3'],
    ['map_str_ip', { a: '10.0.0.1' }, 'a', 'ipv4 a000001'],
    ['map_beg_ip', { a: '::1' }, 'ab', `ipv6 ${'0'.repeat(31)}1`],
    ['map_beg_key', { a: '1', ab: '2' }, 'abc', 'ab'],
    ['map_ip_key', { '10.0.0.0/8': '' }, '10.9.9.9', '10.0.0.0/8'],
    ['map_str_key', { a: '1' }, 'b', null],
  ];
  for (const [name, pairs, input, expected] of cases)
    assert.equal(convert(name, pairs, input), expected, `${name} ${input}`);
});

test('the default stands in when nothing matches', () => {
  assert.equal(convert('map', {}, 'x', text('other')), 'other');
  assert.equal(convert('map_str_int', {}, 'x', number(-7)), 'int -7');
  assert.equal(convert('map_str_ip', {}, 'x', text('192.0.2.1')), 'ipv4 c0000201');
  assert.equal(convert('map_str_ip', {}, 'x', text('::2')), `ipv6 ${'0'.repeat(31)}2`);
  assert.equal(convert('map_int', {}, 'not a number', text('d')), 'd', 'also when the input is no key at all');
  assert.equal(convert('map', {}, 'x'), null);
});

test('a default that is no address is refused in words', () => {
  const args: Arg[] = [{ kind: 'patterns', index: 0 }, text('nope')];
  assert.equal(row('map_str_ip').check!(args), 'map: cannot parse default ip <nope>.');
  assert.equal(row('map_str_ip').check!([args[0]!, text('1.2.3.4')]), null);
  assert.equal(row('map_str_ip').check!([args[0]!]), null);
});

test('a converter follows what the map becomes at run time', () => {
  const { linker, store } = linkerOf({ a: '1' });
  const run = row('map').compile([{ kind: 'patterns', index: 0 }], linker);
  const get = (): string | null => {
    const sample = new Sample();
    sample.setBytes(TYPE_STR, latin1Bytes('a'), 0, 1);
    return run(sample, subject) ? resultOf(sample) : null;
  };
  assert.equal(get(), '1');
  store.change(0, 'set', 'a', '2');
  assert.equal(get(), '2');
  store.change(0, 'del', 'a', '');
  assert.equal(get(), null);
});

test('a replacement that does not fit gives no value', () => {
  const { linker } = linkerOf({ '(.*)': '\\1\\1\\1' });
  const sample = new Sample();
  const bytes = new Uint8Array(600).fill(0x61);
  sample.setBytes(TYPE_STR, bytes, 0, bytes.length);
  assert.equal(row('map_regm').compile([{ kind: 'patterns', index: 0 }], linker)(sample, subject), false);
});
