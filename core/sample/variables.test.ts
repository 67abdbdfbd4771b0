// Goal: variables keep what they are given, where and as long as HAProxy keeps it. Method: set-var() and var() in expressions,
// each condition once; limits counted by hand.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { LanguageBench } from './fixture-language.ts';
import { valueText } from './sample-text.ts';
import { Sample } from './types.ts';
import { parseSetConditions, parseVariableAction, parseVariableName } from './variable-names.ts';
import { VariableNames, VariablePool, VariableTable } from './variables.ts';

const NO_LIMITS = { global: 0, proc: 0, sess: 0, txn: 0, reqres: 0 };

test('every type comes back as it was put in', () => {
  const bench = new LanguageBench();
  const cases = [
    'str(a)',
    'int(5)',
    'int(9223372036854775807)',
    'bool(true)',
    'ipv4(1.2.3.4)',
    'ipv6(::1)',
    'bin(0001)',
  ];
  for (const text of [...cases, 'meth(GET)', 'meth(BREW)']) {
    const value = bench.evaluate(text);
    strictEqual(bench.evaluate(`${text},set-var(txn.x)`), value);
    strictEqual(bench.evaluate('var(txn.x)'), value);
  }
});

test('a variable that was never set has no value, or the default', () => {
  const bench = new LanguageBench();
  strictEqual(bench.evaluate('var(txn.x)'), null);
  strictEqual(bench.evaluate('var(txn.x,other)'), '"other"');
  bench.evaluate('int(1),set-var(txn.x)');
  strictEqual(bench.evaluate('var(txn.x,other)'), '1');
  bench.evaluate('int(1),unset-var(txn.x)');
  strictEqual(bench.evaluate('var(txn.x,other)'), '"other"');
});

test('scopes are apart, and one that does not exist here cannot be set', () => {
  const bench = new LanguageBench();
  bench.evaluate('int(1),set-var(txn.x)');
  bench.evaluate('int(2),set-var(proc.x)');
  bench.evaluate('int(3),set-var(req.x)');
  deepStrictEqual(
    ['txn', 'proc', 'req', 'res', 'sess'].map((scope) => bench.evaluate(`var(${scope}.x)`)),
    ['1', '2', '3', null, null],
  );
  strictEqual(bench.evaluate('int(4),set-var(res.x)'), null);
  strictEqual(bench.evaluate('int(4),set-var(sess.x)'), null);
  bench.reqres.clear();
  bench.reqres.begin('res', bench.txn);
  bench.evaluate('int(4),set-var(res.x)');
  deepStrictEqual([bench.evaluate('var(req.x)'), bench.evaluate('var(res.x)')], [null, '4']);
});

test('setting a variable of the process is told to the world', () => {
  const bench = new LanguageBench();
  bench.evaluate('int(1),set-var(txn.x)');
  bench.evaluate('int(1),set-var(proc.y)');
  bench.evaluate('int(1),unset-var(proc.y)');
  deepStrictEqual(bench.changedVariables, [0, 0]);
  strictEqual(bench.names.nameOf('proc', 0), 'y');
});

/** Whether set-var(x,condition) sets it, by what it holds: '' nothing yet, 'unset' nothing any more. */
function sets(condition: string, before: string, value: string): boolean {
  const bench = new LanguageBench();
  if (before === 'unset') {
    bench.evaluate('int(0),set-var(txn.x)');
    bench.evaluate('int(0),unset-var(txn.x)');
  } else if (before !== '') bench.evaluate(`${before},set-var(txn.x)`);
  return bench.evaluate(`${value},set-var(txn.x,${condition})`) !== null;
}

const CONDITIONS: readonly (readonly [condition: string, before: string, value: string, sets: boolean])[] = [
  ['ifexists', '', 'int(1)', false],
  ['ifexists', 'int(5)', 'int(1)', true],
  ['ifexists', 'unset', 'int(1)', false],
  ['ifnotexists', '', 'int(1)', true],
  ['ifnotexists', 'int(5)', 'int(1)', false],
  ['ifset', '', 'int(1)', false],
  ['ifset', 'int(5)', 'int(1)', true],
  ['ifnotset', '', 'int(1)', true],
  ['ifnotset', 'int(5)', 'int(1)', false],
  ['ifempty', '', 'str()', true],
  ['ifempty', '', 'str(a)', false],
  ['ifempty', '', 'int(0)', false],
  ['ifnotempty', '', 'str()', false],
  ['ifnotempty', '', 'str(a)', true],
  ['ifnotempty', '', 'int(0)', true],
  ['ifgt', 'int(5)', 'int(4)', true],
  ['ifgt', 'int(5)', 'int(5)', false],
  ['ifgt', 'int(9223372036854775807)', 'int(9223372036854775806)', true],
  ['ifgt', 'str(5)', 'int(9)', true],
  ['iflt', 'int(5)', 'int(6)', true],
  ['iflt', 'int(5)', 'int(5)', false],
  ['ifexists,ifnotempty', 'int(5)', 'str()', false],
];

for (const [condition, before, value, expected] of CONDITIONS) {
  test(`${value},set-var(x,${condition}) ${expected ? 'sets' : 'leaves'} x, which holds ${before || 'nothing'}`, () =>
    strictEqual(sets(condition, before, value), expected));
}

test('names of the process exist as soon as the configuration has them', () => {
  const bench = new LanguageBench();
  strictEqual(bench.evaluate('int(1),set-var(proc.x,ifexists)'), '1');
  strictEqual(bench.evaluate('int(1),set-var(proc.y,ifnotexists)'), null);
});

test('limits count 88 bytes a variable and its text, and those of the scopes within', () => {
  const limited = (limits: Partial<typeof NO_LIMITS>, ...texts: string[]): boolean[] => {
    const bench = new LanguageBench(limits);
    return texts.map((text) => bench.evaluate(text) !== null);
  };
  deepStrictEqual(limited({ txn: 92 }, 'str(abcd),set-var(txn.x)', 'str(abcde),set-var(txn.x)'), [true, false]);
  deepStrictEqual(limited({ txn: 176 }, 'int(1),set-var(txn.x)', 'int(1),set-var(req.x)', 'int(1),set-var(req.y)'), [
    true,
    true,
    false,
  ]);
  deepStrictEqual(limited({ proc: 100 }, 'int(1),set-var(txn.x)', 'int(1),set-var(proc.x)'), [true, false]);
  deepStrictEqual(limited({ global: 100, proc: 500 }, 'int(1),set-var(txn.x)', 'int(1),set-var(txn.y)'), [true, false]);
  deepStrictEqual(limited({ reqres: 87 }, 'int(1),set-var(req.x)', 'int(1),set-var(txn.x)'), [false, true]);
  deepStrictEqual(limited({ txn: 90 }, 'int(1),set-var(txn.x)', 'int(1),unset-var(txn.x)', 'str(ab),set-var(txn.y)'), [
    true,
    true,
    true,
  ]);
});

test('a table that comes back from the pool is empty, and gives its bytes back to the scope around', () => {
  const pool = new VariablePool({ ...NO_LIMITS, proc: 200 });
  const proc = pool.take('proc', null);
  const sample = new Sample();
  sample.setInt(1);
  const txn = pool.take('txn', proc);
  ok(txn.set(3, sample) && txn.set(1, sample));
  strictEqual(txn.set(0, sample), false);
  deepStrictEqual(txn.list(), [3, 1]);
  pool.give(txn);
  const again = pool.take('req', proc);
  strictEqual(again, txn);
  strictEqual(again.get(3, sample), false);
  ok(again.set(0, sample) && again.set(2, sample));
});

test('a value stays what it is when the text it was read from is reused', () => {
  const table = new VariableTable(NO_LIMITS);
  const sample = new Sample();
  const text = Buffer.from('long enough to be copied in one go');
  sample.setBytes(7, text, 5, 10);
  table.set(0, sample);
  text.fill(0x78);
  ok(table.get(0, sample));
  strictEqual(valueText(sample), '"enough to "');
  table.set(0, sample);
  ok(table.get(0, sample));
  strictEqual(valueText(sample), '"enough to "');
});

test('names have numbers of their own in each scope', () => {
  const names = new VariableNames();
  deepStrictEqual(
    [names.numberOf('txn', 'a'), names.numberOf('req', 'b'), names.numberOf('txn', 'c'), names.numberOf('txn', 'a')],
    [0, 0, 1, 0],
  );
  deepStrictEqual([names.find('txn', 'c'), names.find('sess', 'c'), names.countOf('txn')], [1, -1, 2]);
});

test('names are read with their scope, those of a parent’s stream are never set', () => {
  deepStrictEqual(parseVariableName('txn.a_1.b'), { scope: 'txn', name: 'a_1.b' });
  deepStrictEqual(parseVariableName('ptxn.a'), { scope: 'check', name: 'ptxn.a' });
  strictEqual(parseVariableName(''), 'Empty variable name cannot be accepted');
  strictEqual(parseVariableName('txn.a b'), "invalid syntax at char ' '");
});

test('conditions and actions are read in HAProxy’s words', () => {
  strictEqual(parseSetConditions(['ifset', 'x']), 'unknown condition "x"');
  deepStrictEqual(parseVariableAction('set-var(txn.a,ifset,ifgt)'), {
    ...{ action: 'set-var', scope: 'txn', name: 'a', conditions: 16 + 64 },
  });
  deepStrictEqual(parseVariableAction('unset-var(req.a)'), {
    action: 'unset-var',
    scope: 'req',
    name: 'a',
    conditions: 0,
  });
  const expects = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'";
  strictEqual(parseVariableAction('set-var'), `invalid or incomplete action 'set-var'. ${expects}`);
  strictEqual(parseVariableAction('set-var(a'), `incomplete argument after action 'set-var(a'. ${expects}`);
  strictEqual(
    parseVariableAction('unset-var(txn.a,ifset)'),
    'unset-var does not expect parameters after the variable name. Only "set-var" and "set-var-fmt" manage conditions',
  );
});
