// Goal: every conversion between types gives HAProxy's value, and the impossible ones are refused. Method: the matrix of
// manual §7.1 cell by cell, with stated values.

import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { METHOD_GET, METHOD_OTHER, METHOD_PATCH } from '../http/message.ts';
import { CAST_FREE, CAST_IMPOSSIBLE, CAST_REAL, castKind, castTo, methodOf } from './casts.ts';
import { LanguageBench } from './fixture-language.ts';
import { valueText } from './sample-text.ts';
import {
  Sample,
  type SampleType,
  TYPE_ADDR,
  TYPE_ANY,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_METH,
  TYPE_NAMES,
  TYPE_SAME,
  TYPE_SINT,
  TYPE_STR,
} from './types.ts';

const bench = new LanguageBench();

/** `text` as an expression, made `type`: its own type's name and its value; null when that is impossible. */
function cast(text: string, type: SampleType): string | null {
  bench.evaluate(text);
  const { sample } = bench;
  return castTo(sample, type, bench.subject) ? `${TYPE_NAMES[sample.type]} ${valueText(sample)}` : null;
}

const CASES: readonly (readonly [text: string, type: SampleType, expected: string | null])[] = [
  ['bool(true)', TYPE_SINT, 'bool true'], // free: it stays what it is
  ['bool(true)', TYPE_STR, 'str "1"'],
  ['bool(false)', TYPE_STR, 'str "0"'],
  ['bool(true)', TYPE_BIN, 'bin 0x0000000000000001'],
  ['bool(true)', TYPE_IPV4, null],
  ['bool(true)', TYPE_METH, null],
  ['int(-12)', TYPE_BOOL, 'sint -12'],
  ['int(-12)', TYPE_STR, 'str "-12"'],
  ['int(9223372036854775807)', TYPE_STR, 'str "9223372036854775807"'],
  ['int(-9223372036854775808)', TYPE_STR, 'str "-9223372036854775808"'],
  ['int(-1)', TYPE_BIN, 'bin 0xffffffffffffffff'],
  ['int(258)', TYPE_BIN, 'bin 0x0000000000000102'],
  ['int(4294967296)', TYPE_BIN, 'bin 0x0000000100000000'],
  ['int(-4294967297)', TYPE_BIN, 'bin 0xfffffffeffffffff'],
  ['int(9223372036854775807)', TYPE_BIN, 'bin 0x7fffffffffffffff'],
  ['int(16909060)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['int(-1)', TYPE_IPV4, 'ipv4 255.255.255.255'],
  ['int(4294967297)', TYPE_IPV4, 'ipv4 0.0.0.1'],
  ['int(9223372036854775807)', TYPE_IPV4, 'ipv4 255.255.255.255'],
  ['int(16909060)', TYPE_ADDR, 'ipv4 1.2.3.4'],
  ['int(16909060)', TYPE_IPV6, 'ipv6 ::ffff:1.2.3.4'],
  ['int(1)', TYPE_METH, null],
  ['ipv4(1.2.3.4)', TYPE_SINT, 'sint 16909060'],
  ['ipv4(255.0.0.1)', TYPE_SINT, 'sint 4278190081'],
  ['ipv4(1.2.3.4)', TYPE_STR, 'str "1.2.3.4"'],
  ['ipv4(255.255.255.255)', TYPE_STR, 'str "255.255.255.255"'],
  ['ipv4(1.2.3.4)', TYPE_BIN, 'bin 0x01020304'],
  ['ipv4(1.2.3.4)', TYPE_IPV6, 'ipv6 ::ffff:1.2.3.4'],
  ['ipv4(1.2.3.4)', TYPE_ADDR, 'ipv4 1.2.3.4'],
  ['ipv4(1.2.3.4)', TYPE_BOOL, null],
  ['ipv6(2001:db8::1)', TYPE_STR, 'str "2001:db8::1"'],
  ['ipv6(::1)', TYPE_BIN, 'bin 0x00000000000000000000000000000001'],
  ['ipv6(::ffff:1.2.3.4)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['ipv6(::1.2.3.4)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['ipv6(2002:102:304::9)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['ipv6(2001:db8::1)', TYPE_IPV4, null],
  ['ipv6(::1)', TYPE_ADDR, 'ipv6 ::1'],
  ['ipv6(::1)', TYPE_SINT, null],
  ['str(12)', TYPE_SINT, 'sint 12'],
  ['str(-12x)', TYPE_SINT, 'sint -12'],
  ['str(+7)', TYPE_SINT, 'sint 7'],
  ['str(x)', TYPE_SINT, 'sint 0'],
  ['str(-)', TYPE_SINT, 'sint 0'],
  ['str()', TYPE_SINT, null],
  ['str(9007199254740993)', TYPE_SINT, 'sint 9007199254740993'],
  ['str(9223372036854775808)', TYPE_SINT, 'sint 9223372036854775807'],
  ['str(-9999999999999999999999)', TYPE_SINT, 'sint -9223372036854775808'],
  ['str(5)', TYPE_BOOL, 'sint 5'],
  ['str(1.2.3.4)', TYPE_ADDR, 'ipv4 1.2.3.4'],
  ['str(::1)', TYPE_ADDR, 'ipv6 ::1'],
  ['str(1.2.3)', TYPE_ADDR, null],
  ['str(1.2.3.4)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['str(1.2.3.4:80)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['str(001.2.3.4)', TYPE_IPV4, 'ipv4 1.2.3.4'],
  ['str(1.2.3.256)', TYPE_IPV4, null],
  ['str(1.2.3.4.5)', TYPE_IPV4, null],
  ['str(1..3.4)', TYPE_IPV4, null],
  ['str(::1)', TYPE_IPV4, null],
  ['str(1:2:3:4:5:6:7:8)', TYPE_IPV6, 'ipv6 1:2:3:4:5:6:7:8'],
  ['str(1:2::7:8)', TYPE_IPV6, 'ipv6 1:2::7:8'],
  ['str(::)', TYPE_IPV6, 'ipv6 ::'],
  ['str(ABCD::)', TYPE_IPV6, 'ipv6 abcd::'],
  ['str(::ffff:1.2.3.4)', TYPE_IPV6, 'ipv6 ::ffff:1.2.3.4'],
  ['str(1:2:3:4:5:6:1.2.3.4)', TYPE_IPV6, 'ipv6 1:2:3:4:5:6:102:304'],
  ...[
    '1:2:3',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':1',
    '1:',
    '12345::',
    '::1 ',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3.256',
  ].map((text) => [`str("${text}")`, TYPE_IPV6, null] as const),
  ['str(a)', TYPE_BIN, 'str "a"'],
  ['str(GET)', TYPE_METH, 'meth GET'],
  ['str(get)', TYPE_METH, 'meth get'],
  ['bin(6100ff)', TYPE_STR, 'str "a"'],
  ['bin(61ff)', TYPE_STR, 'str "a\\xff"'],
  ['bin(474554)', TYPE_METH, 'meth GET'],
  ['bin(61)', TYPE_SINT, null],
  ['meth(POST)', TYPE_STR, 'str "POST"'],
  ['meth(BREW)', TYPE_STR, 'str "BREW"'],
  ['meth(POST)', TYPE_BIN, 'str "POST"'],
  ['meth(POST)', TYPE_SINT, null],
];

for (const [text, type, expected] of CASES) {
  const how = expected === null ? 'impossible' : expected;
  test(`${text} as ${TYPE_NAMES[type]} is ${how}`, () => strictEqual(cast(text, type), expected));
}

test('any value serves where any will do, and nothing is ever the same as a type', () => {
  for (let type = TYPE_BOOL; type <= TYPE_METH; type++) {
    strictEqual(castKind(type, TYPE_ANY), CAST_FREE);
    strictEqual(castKind(type, TYPE_SAME), CAST_IMPOSSIBLE);
    if (type !== TYPE_ADDR) strictEqual(castKind(type, type), CAST_FREE);
  }
  strictEqual(castKind(TYPE_ANY, TYPE_STR), CAST_REAL);
});

test('a sample that already has the type is left alone', () => {
  const sample = new Sample();
  sample.setInt(7);
  strictEqual(castTo(sample, TYPE_SINT, bench.subject), true);
  strictEqual(sample.number, 7);
});

test('methods are known by their exact names', () => {
  const named = (text: string): number => methodOf(Buffer.from(`-${text}-`), 1, text.length);
  deepStrictEqual([named('GET'), named('PATCH')], [METHOD_GET, METHOD_PATCH]);
  deepStrictEqual([named('get'), named(''), named('GETS'), named('GE')], new Array(4).fill(METHOD_OTHER));
});
