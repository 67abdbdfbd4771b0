// Goal: expressions are read as HAProxy reads them. Method: what an expression becomes, and the words about wrong ones (all
// of which core/config/haproxy/parity-language.test.ts holds against a HAProxy); garbage from a seed.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { compileExpression } from './compile.ts';
import { converterRows } from './converters.ts';
import { parseExpression } from './expression-parse.ts';
import { fetchRows } from './fetches.ts';
import { LanguageBench } from './fixture-language.ts';
import { valueText } from './sample-text.ts';
import { Sample, TYPE_ANY, TYPE_BIN, TYPE_BOOL, TYPE_IPV6, TYPE_METH, TYPE_SINT, TYPE_STR } from './types.ts';

const bench = new LanguageBench();

const ERRORS: readonly (readonly [words: string, error: string])[] = [
  ['', 'missing fetch method'],
  ['(x)', 'missing fetch method'],
  ['nope', "unknown fetch method 'nope'"],
  ['int', "fetch method 'int' : expected type 'integer' at position 1, but got nothing"],
  ['int()', "fetch method 'int' : expected type 'integer' at position 1, but got nothing"],
  ['int(x)', "fetch method 'int' : failed to parse 'x' as type 'integer' at position 1"],
  ['int(1', "fetch method 'int' : expected ')'"],
  ['int(1,2)', "fetch method 'int' : expected ')' before ',2)'"],
  ['str(a\\', "fetch method 'str' : failed to parse '\\' after 'a' as type 'string' at position 1"],
  ['bool(x)', "invalid args in fetch method 'bool' : Expects 'true', 'false', '0' or '1'"],
  ['bin(1)', "invalid args in fetch method 'bin' : an even number of hex digit is expected"],
  ['str(a)x', 'missing comma after fetch keyword'],
  ['str(a),lower(b)', "invalid arg 1 in converter 'lower' : expected ')' before 'b)'"],
  ['str(a),lower()x', "missing comma after converter 'lower'"],
  ['str(a),nope', "unknown converter 'nope'"],
  ['bin(00),add(1)', "converter 'add' cannot be applied"],
];

for (const [text, error] of ERRORS) {
  test(`"${text}" is refused: ${error}`, () => strictEqual(bench.error(text), error));
}

test('a variable without a scope is refused with the scopes there are', () => {
  strictEqual(
    bench.error('var(x)'),
    "invalid args in fetch method 'var' : invalid variable name 'x'. A variable name must start with its scope. " +
      "The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'",
  );
  strictEqual(bench.error('var(txn.a-b)'), "invalid args in fetch method 'var' : invalid syntax at char '-'");
});

const VALUES: readonly (readonly [text: string, value: string])[] = [
  ['str(a)', '"a"'],
  ['str("a,b")', '"a,b"'],
  ["str('a)b')", '"a)b"'],
  ['str(\\r\\n\\t\\\\\\ )', '"\\x0d\\x0a\\x09\\\\ "'],
  ['str(\\x)', '"\\\\x"'],
  ["str('\\n')", '"\\\\n"'],
  ['str("a\'b")', '"a\'b"'],
  ['str(a"b"c)', '"abc"'],
  ['str( a )', '" a "'],
  ['str', '""'],
  ['str(a),,upper,', '"A"'],
  ['int(-5)', '-5'],
  ['bool(TRUE)', 'true'],
  ['bin(00fF)', '0x00ff'],
  ['meth(GET)', 'GET'],
  ['ipv6(::1)', '::1'],
];

for (const [text, value] of VALUES) test(`${text} is ${value}`, () => strictEqual(bench.evaluate(text), value));

test('converters may follow in words of their own, up to the first that is none', () => {
  const parsed = parseExpression(['str(Ab)', 'lower,upper', 'lower', 'if', 'TRUE'], 0, bench.scope);
  ok(parsed.ok);
  strictEqual(parsed.at, 3);
  strictEqual(parsed.ast.text, 'str(Ab) lower,upper lower');
  deepStrictEqual(
    parsed.ast.converters.map(({ name }) => name),
    ['lower', 'upper', 'lower'],
  );
  deepStrictEqual([parsed.ast.file, parsed.ast.line], ['test.cfg', 7]);
});

test('within brackets an expression ends where something else begins', () => {
  const parsed = parseExpression(['str(a),upper] rest'], 0, bench.scope, true);
  ok(parsed.ok);
  deepStrictEqual([parsed.end, parsed.ast.text], [12, 'str(a),upper']);
});

test('the type that comes out is the last converter’s, or what went in where it says `same`', () => {
  strictEqual(bench.parse('str(a)').out, TYPE_STR);
  strictEqual(bench.parse('str(a),length').out, TYPE_SINT);
  strictEqual(bench.parse('str(a),set-var(txn.a)').out, TYPE_ANY);
  strictEqual(bench.parse('bin(00)').out, TYPE_BIN);
});

test('names of proxies are left for later, with their place', () => {
  const { scope } = new LanguageBench();
  ok(parseExpression(['fe_conn'], 0, scope).ok);
  ok(parseExpression(['srv_conn(b/s)'], 0, scope).ok);
  deepStrictEqual(
    scope.uses.map(({ arg, position, keyword, converter, where, line }) => [
      arg,
      position,
      keyword,
      converter,
      where,
      line,
    ]),
    [
      [{ kind: 'proxy', side: 'front', name: '', index: -1 }, 0, 'fe_conn', '', 'acl', 7],
      [{ kind: 'server', backend: '', name: 'b/s', index: -1 }, 0, 'srv_conn', '', 'acl', 7],
    ],
  );
});

test('no name is in a table twice, and every argument that is needed comes before those that are not', () => {
  for (const rows of [fetchRows, converterRows]) {
    strictEqual(new Set(rows.map((row) => row.name)).size, rows.length);
    for (const { name, args } of rows) ok(args.min <= args.kinds.length, name);
  }
});

const PIECES = [
  ...['str', 'int', 'bool', 'bin', 'ipv4', 'ipv6', 'meth', 'var', 'acl', 'lower', 'upper', 'length', 'set-var'],
  ...['(', ')', ',', '"', "'", '\\', ' ', '-', '.', '1', '255', '::', 'txn.a', 'proc.b', 'TRUE', 'true', 'x', '%', ']'],
];

function garbage(prng: Prng): string {
  let text = prng.below(3) === 0 ? '' : `${PIECES[prng.below(8)]}(`;
  for (let count = prng.below(12); count > 0; count--) {
    text += prng.below(8) === 0 ? String.fromCharCode(1 + prng.below(255)) : PIECES[prng.below(PIECES.length)];
  }
  return text;
}

// Whatever the text, the parser answers, its answer says where it stopped, and what it accepts can be run.
fuzz('expressions', (prng) => {
  const words = Array.from({ length: 1 + prng.below(3) }, () => garbage(prng));
  const stopAnywhere = prng.below(2) === 0;
  const parsed = parseExpression(words, 0, bench.scope, stopAnywhere);
  if (!parsed.ok) {
    ok(parsed.error.length > 0);
    return;
  }
  ok(parsed.at >= 0 && parsed.at <= words.length);
  if (stopAnywhere) ok(parsed.end <= words[0]!.length && parsed.at === 0);
  const expression = compileExpression(parsed.ast, bench.linker);
  const sample = new Sample();
  if (!expression.evaluate(bench.subject, sample)) return;
  ok(sample.type >= TYPE_BOOL && sample.type <= TYPE_METH);
  if (sample.type >= TYPE_IPV6) ok(sample.offset + sample.length <= sample.bytes.length);
  strictEqual(typeof valueText(sample), 'string');
});
