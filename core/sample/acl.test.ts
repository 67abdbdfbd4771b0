// Goal: ACLs and conditions decide as HAProxy's. Method: ACLs of constants and variables, every flag and grammar rule once;
// three-valued logic and values that come one by one with a made-up fetch.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AclTest, ConditionAst } from '../model/language.ts';
import {
  Acl,
  AclTestRun,
  COMPARE_BOOL,
  COMPARE_FOUND,
  COMPARE_GROUP,
  COMPARE_PATTERN,
  CONDITION_FAIL,
  CONDITION_MISS,
  CONDITION_PASS,
  Condition,
} from './acl.ts';
import { aclKeywords } from './acl-keywords.ts';
import { parseCondition, parseTest } from './acl-parse.ts';
import { compileAcl } from './compile.ts';
import { Expression } from './expression-run.ts';
import { LanguageBench } from './fixture-language.ts';
import type { Matcher } from './patterns/contract.ts';
import type { Fetch } from './rows.ts';
import { Sample, TYPE_STR } from './types.ts';

const PASSES: readonly string[] = [
  ...['str(a) a', 'str(a) b a', 'str(A) -i a', 'str(a) -m str a', 'str(abc) -m beg ab', 'str(abc) -m end bc'],
  ...['str(abc) -m sub b', 'str(/a/b/c) -m dir b', 'str(a.b.c) -m dom b', 'str(abc) -m reg ^a.c$', 'str(abc) -m len 3'],
  ...['str(12) -m int 12', 'int(5) 5', 'int(5) gt 4', 'int(5) ge 5 lt 9', 'int(5) 3:6', 'int(5) -m str 5'],
  ...['ipv4(10.1.2.3) 10.0.0.0/8', 'ipv6(::1) ::1', 'str(10.1.2.3) -m ip 10.0.0.0/8', 'bin(0102) -m bin 0102'],
  ...['bool(true)', 'bool(true) -m bool', 'int(5) -m bool', 'str(a) -m found', 'str() -m found'],
  ...['str(-i) -- -i', 'meth(GET) -m str GET', 'str(A),lower a', 'str(a) -u 9 a', 'int(-5) lt 0', 'str(x) -f virt@x x'],
];

const FAILS: readonly string[] = [
  ...['str(a) b', 'str(A) a', 'str(abc) -m beg bc', 'str(abc) -m len 4', 'int(5) gt 5', 'int(5) lt 5', 'int(5) 6:9'],
  ...['ipv4(11.1.2.3) 10.0.0.0/8', 'bool(false)', 'int(0) -m bool', 'str(x) -m int 5', 'var(txn.none) -m found'],
  ...['str(a) --', 'str(x) -m ip 10.0.0.0/8', 'str(x) -f virt@x'],
];

for (const text of [...PASSES, ...FAILS]) {
  const expected = PASSES.includes(text) ? CONDITION_PASS : CONDITION_FAIL;
  test(`{ ${text} } ${expected === CONDITION_PASS ? 'holds' : 'does not hold'}`, () => {
    strictEqual(new LanguageBench().condition(`if { ${text} }`), expected);
  });
}

const T = CONDITION_PASS;
const F = CONDITION_FAIL;

const GRAMMAR: readonly (readonly [string, number])[] = [
  ['if TRUE', T],
  ['unless TRUE', F],
  ['unless FALSE', T],
  ['if TRUE FALSE', F],
  ['if TRUE TRUE', T],
  ['if FALSE or TRUE', T],
  ['if FALSE OR TRUE', T],
  ['if FALSE || TRUE', T],
  ['if TRUE FALSE or FALSE TRUE', F],
  ['if !FALSE', T],
  ['if ! FALSE', T],
  ['if !! TRUE', T],
  ['if !!!TRUE', F],
  ['if !{ str(a) a }', F],
  ['if ! { str(a) b } TRUE', T],
  ['unless { str(a) b } or { str(a) c }', T],
  ['if { acl(TRUE,!FALSE) }', T],
  ['if { acl(TRUE,FALSE) }', F],
  ['if', F],
  ['if ! !', F],
];

for (const [text, expected] of GRAMMAR) {
  test(`"${text}" is ${expected === T ? 'true' : 'false'}`, () =>
    strictEqual(new LanguageBench().condition(text), expected));
}

test('lines of one name are alternatives, also those that follow the rule that uses it', () => {
  const bench = new LanguageBench();
  strictEqual(bench.acl('x str(a) b'), '');
  const parsed = parseCondition(['if', 'x'], 0, bench.scope);
  ok(parsed.ok);
  strictEqual(bench.acl('x str(a) a'), '');
  const acl = parsed.ast.groups[0]![0]!.acl;
  strictEqual(acl.tests.length, 2);
  strictEqual(compileAcl(acl, bench.linker).evaluate(bench.subject, new Sample()), CONDITION_PASS);
});

test('an ACL is compiled once for a thread, however many rules use it', () => {
  const bench = new LanguageBench();
  bench.acl('x str(a) a');
  const { linker } = bench;
  const acl = bench.scope.acls.get('x')!;
  strictEqual(compileAcl(acl, linker), compileAcl(acl, linker));
});

test('a named ACL hides a predefined one of its name', () => {
  const bench = new LanguageBench();
  bench.acl('TRUE bool(false)');
  strictEqual(bench.condition('if TRUE'), CONDITION_FAIL);
});

test('the last matching entry is remembered, to be explained', () => {
  const bench = new LanguageBench();
  bench.acl('x str(b) a b');
  const acl = compileAcl(bench.scope.acls.get('x')!, bench.linker);
  strictEqual(acl.evaluate(bench.subject, new Sample()), CONDITION_PASS);
  const [run] = acl.tests;
  strictEqual(run!.matchedBy!.keyText(run!.matchedEntry), 'b');
});

test('files are looked at beside the line’s own patterns, each with the -i that stood before it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-acl-'));
  try {
    writeFileSync(join(directory, 'one'), '# comment\nOne\n  two words \n');
    writeFileSync(join(directory, 'two'), 'Two\n');
    const holds = (value: string): number =>
      new LanguageBench().condition(`if { str(${value}) -f ${directory}/one -i -f ${directory}/two three }`);
    deepStrictEqual(['One', 'one', 'two', 'TWO', 'three', 'THREE', 'four'].map(holds), [T, F, T, T, T, T, F]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the keywords have their own way to compare, unless converters follow', () => {
  const bench = new LanguageBench();
  const parsed = parseTest(['path_beg', '/a'], bench.scope);
  ok(parsed.ok);
  deepStrictEqual([parsed.test.method, parsed.test.keyword, parsed.test.expression.fetch], ['beg', 'path_beg', 'path']);
  const plain = parseTest(['path_beg,lower', '/a'], bench.scope);
  ok(plain.ok);
  deepStrictEqual([plain.test.method, plain.test.keyword], ['str', 'path']);
  deepStrictEqual(bench.warnings, [
    "parsing [test.cfg:7] : original matching method 'path_beg' was overwritten and will not be applied as expected.",
  ]);
});

test('there are the 77 ACL keywords that HAProxy dumps', () => strictEqual(aclKeywords.length, 77));

test('an ACL that leads back to itself is refused', () => {
  const bench = new LanguageBench();
  bench.acl('a str(x) x');
  bench.acl('b acl(a)');
  strictEqual(bench.acl('a acl(b)'), 'have a recursive loop');
});

const AST: AclTest = {
  ...{ keyword: 'made-up', method: 'str', byGroup: false, ignoreCase: false, files: [], ignoreCaseFiles: [] },
  ...{ patterns: 0, text: '', file: '', line: 0 },
  expression: { text: '', fetch: '', args: [], converters: [], out: TYPE_STR, uses: 0, file: '', line: 0 },
};

function madeUp(fetch: Fetch, compare: number, matches: (value: string) => boolean): AclTestRun {
  const matcher: Matcher = {
    match: ({ bytes, offset, length }) =>
      matches(Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')) ? 0 : -1,
    keyText: () => '',
    key: () => {},
    value: () => {},
    count: 1,
    changeCount: 0,
    changes: { count: 0 },
  };
  const groups = new Map([['ann', ['admins', 'staff'].map((name) => Buffer.from(name))]]);
  return new AclTestRun(AST, new Expression(AST.expression, fetch, []), compare, [matcher], groups);
}

/** Values one after the other, as far as the evaluation asks for several. */
function values(...texts: string[]): Fetch {
  return (subject, sample) => {
    const text = texts[sample.cursor];
    if (text === undefined) return false;
    sample.cursor++;
    sample.more = subject.iterate && sample.cursor < texts.length;
    sample.setBytes(TYPE_STR, Buffer.from(text), 0, text.length);
    return true;
  };
}

const ast: ConditionAst = { unless: false, groups: [], text: '', file: '', line: 0 };

function condition(...terms: (readonly [AclTestRun, boolean?])[]): Condition {
  const group = terms.map(([run, negated = false]) => ({ acl: new Acl({ name: '', tests: [AST] }, [run]), negated }));
  return new Condition(ast, [group], new Sample());
}

test('all values of a fetch are tried, until one matches', () => {
  const { subject } = new LanguageBench();
  const seen: string[] = [];
  const run = madeUp(values('a', 'b', 'c'), COMPARE_PATTERN, (value) => seen.push(value) > 0 && value === 'b');
  strictEqual(condition([run]).evaluate(subject), CONDITION_PASS);
  deepStrictEqual(seen, ['a', 'b']);
  strictEqual(subject.iterate, false);
});

test('a test of http_auth_group compares the groups of the user, not his name', () => {
  const { subject } = new LanguageBench();
  const asks = (user: string, group: string): number =>
    condition([madeUp(values(user), COMPARE_GROUP, (value) => value === group)]).evaluate(subject);
  deepStrictEqual([asks('ann', 'staff'), asks('ann', 'ann'), asks('bob', 'staff')], [T, F, F]);
});

const missing: Fetch = (_subject, sample) => {
  sample.mayChange = true;
  return false;
};

const partial: Fetch = (_subject, sample) => {
  sample.mayChange = true;
  sample.setInt(0);
  return true;
};

test('what may still come is a miss, and a failure when nothing will', () => {
  const { subject } = new LanguageBench();
  const cases: readonly (readonly [Fetch, number])[] = [
    [missing, COMPARE_FOUND],
    [partial, COMPARE_BOOL],
  ];
  for (const [fetch, compare] of cases) {
    const run = madeUp(fetch, compare, () => false);
    subject.final = false;
    strictEqual(condition([run]).evaluate(subject), CONDITION_MISS);
    strictEqual(condition([run, true]).evaluate(subject), CONDITION_MISS);
    subject.final = true;
    strictEqual(condition([run]).evaluate(subject), CONDITION_FAIL);
    strictEqual(condition([run, true]).evaluate(subject), CONDITION_PASS);
  }
});

test('a miss stops a group, and only a later group that passes settles the condition', () => {
  const { subject } = new LanguageBench();
  subject.final = false;
  const miss = madeUp(missing, COMPARE_FOUND, () => false);
  const pass = madeUp(values('x'), COMPARE_FOUND, () => true);
  const fail = madeUp(
    () => false,
    COMPARE_FOUND,
    () => false,
  );
  const acl = (run: AclTestRun): { acl: Acl; negated: boolean } => ({
    acl: new Acl({ name: '', tests: [AST] }, [run]),
    negated: false,
  });
  const evaluate = (...groups: AclTestRun[][]): number =>
    new Condition(
      ast,
      groups.map((group) => group.map(acl)),
      new Sample(),
    ).evaluate(subject);
  strictEqual(evaluate([miss, fail]), CONDITION_MISS);
  strictEqual(evaluate([fail, miss]), CONDITION_FAIL);
  strictEqual(evaluate([miss], [pass]), CONDITION_PASS);
  strictEqual(evaluate([miss], [fail]), CONDITION_MISS);
  strictEqual(new Acl({ name: '', tests: [AST] }, [miss, pass]).evaluate(subject, new Sample()), CONDITION_PASS);
  strictEqual(new Condition({ ...ast, unless: true }, [[acl(miss)]], new Sample()).evaluate(subject), CONDITION_MISS);
});
