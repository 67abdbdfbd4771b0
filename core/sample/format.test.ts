// Goal: formats write what HAProxy's would. Method: texts with stated results, at every limit; garbage from a seed.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { LanguageBench } from './fixture-language.ts';
import {
  applyFlags,
  OPTION_CBOR,
  OPTION_ESCAPE,
  OPTION_JSON,
  OPTION_MANDATORY,
  OPTION_QUOTE,
} from './format-options.ts';
import { type FormatOptions, parseFormat } from './format-parse.ts';
import { AT_CFG_PARSER } from './types.ts';

const bench = new LanguageBench();

const CASES: readonly (readonly [text: string, written: string, options?: Partial<FormatOptions>])[] = [
  ['', ''],
  ['plain text', 'plain text'],
  ['a%%b', 'a%b'],
  ['a%$b', 'a$b'],
  ['%[str(a)]', 'a'],
  ['<%[str(a)]-%[int(5),add(2)]>', '<a-7>'],
  ['%[bool(true)] %[ipv4(1.2.3.4)] %[meth(GET)]', '1 1.2.3.4 GET'],
  ['%[str("a]b")]', 'a]b'],
  ['%[var(txn.none)]', ''],
  ['%{+Q}[str(a)]', '"a"'],
  ['%{+Q}[var(txn.none)]', '""'],
  ['%{+M}[var(txn.none)]', '-'],
  ['%{+E}[str(a\\"b\\\\c]d)]', 'a\\"b\\\\c\\]d'],
  ['%{+Q,+E}[str(a\\"b)]', '"a\\"b"'],
  ['%{+Q}o%[str(a)]%[str(b)]%{-Q}[str(c)]', '"a""b"c'],
  ['%(name)[str(a)]', 'a'],
  ['%(name:str)[int(5)]', '5'],
  ['%[bin(6100ff)]', 'a'],
  ['%{+bin}o%[bin(6100ff)]', 'a\0\xff'],
  ['  a  %[str(b)]  c', '  a  b  c'],
  ['  a  %[str(b)]  c', 'a b c', { log: true }],
  ['%[var(txn.none)] %[var(txn.none)]', '- -', { log: true }],
  ['%[str(a\\r\\nb)]', 'a%0D%0Ab', { http: true }],
  ['%[bin(01097f80)]', '%01\t%7F\x80', { http: true }],
  ['%{+Q}[str(a)]', 'a', { http: true }],
];

for (const [text, written, options] of CASES) {
  test(`"${text}"${options?.log ? ' in a log' : options?.http ? ' in HTTP' : ''} is ${JSON.stringify(written)}`, () =>
    strictEqual(bench.format(text, options), written));
}

// Method: a shorter limit never changes what stands before it.
test('what does not fit is cut', () => {
  for (const text of ['ab%[str(cdef)]%{+Q}[str(gh)] ij', '%{+Q,+E}[str(a\\"b\\\\c)]xyz%[int(123456)]']) {
    const whole = bench.format(text);
    for (let limit = 0; limit <= whole.length; limit++) {
      const cut = bench.format(text, {}, limit);
      ok(cut.length <= limit, `limit ${limit}`);
      ok(whole.startsWith(cut), `limit ${limit}`);
    }
    strictEqual(bench.format(text, {}, whole.length), whole);
  }
  strictEqual(bench.format('%[str(\\r\\n)]', { http: true }, 5), '%0D');
});

test('flags are added and taken away, unknown ones ignored, and the first encoding stays', () => {
  strictEqual(applyFlags(0, '+Q,+E'), OPTION_QUOTE | OPTION_ESCAPE);
  strictEqual(applyFlags(OPTION_QUOTE, '-Q,+M'), OPTION_MANDATORY);
  strictEqual(applyFlags(0, '+nope,Q,+constructor'), 0);
  strictEqual(applyFlags(0, '+json,+cbor'), OPTION_JSON);
  strictEqual(applyFlags(OPTION_CBOR, '-cbor,+json'), OPTION_JSON);
});

test('encodings of the whole line are known, and win over those of an item', () => {
  const ast = (text: string) => {
    const parsed = parseFormat(text, bench.scope, { where: AT_CFG_PARSER });
    ok(parsed.ok);
    return parsed.ast;
  };
  deepStrictEqual([ast('%{+json}o').encoding, ast('%{+cbor}o').encoding, ast('x').encoding], ['json', 'cbor', '']);
  const [part] = ast('%{+json,+E}o%{-json}[str(a)]').parts;
  ok(part?.kind === 'sample');
  strictEqual(part.options & (OPTION_JSON | OPTION_ESCAPE), OPTION_JSON);
});

const PIECES = [
  ...[
    '%',
    '%%',
    '%[',
    ']',
    '%{',
    '}',
    '%(',
    ')',
    '+Q',
    '-X',
    ',',
    ' ',
    ':',
    'str',
    '(',
    'a',
    '1',
    'o',
    '"',
    '\\',
    'json',
  ],
  ...['%[str(a)]', '%{+Q}[int(5)]', '%(n:sint)[int(5)]', '%{+json}o', '%{+E}o'],
];

function garbage(prng: Prng): string {
  let text = '';
  for (let count = prng.below(14); count > 0; count--) {
    text += prng.below(10) === 0 ? String.fromCharCode(1 + prng.below(255)) : PIECES[prng.below(PIECES.length)];
  }
  return text;
}

// Whatever the text, the parser answers; what it accepts never writes beyond its limit (LanguageBench.format looks).
fuzz('formats', (prng) => {
  const text = garbage(prng);
  const options = { http: prng.below(3) === 0, log: prng.below(3) === 0 };
  const parsed = parseFormat(text, bench.scope, { where: AT_CFG_PARSER, ...options });
  if (parsed.ok) ok(bench.format(text, options, prng.below(40)).length <= 40);
  else ok(parsed.error.length > 0);
});
