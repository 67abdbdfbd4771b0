// AST → what a thread runs. Conditions and expressions are here together because acl() is an expression made of a condition.

import { assert } from '../base/assert.ts';
import type { AclAst, AclTest, ConditionAst, ExpressionAst } from '../model/language.ts';
import {
  Acl,
  AclTestRun,
  COMPARE_BOOL,
  COMPARE_FOUND,
  COMPARE_GROUP,
  COMPARE_PATTERN,
  COMPARE_PATTERNS,
  CONDITION_MISS,
  CONDITION_PASS,
  Condition,
  type UserGroups,
} from './acl.ts';
import { converterRow } from './converters.ts';
import { Expression } from './expression-run.ts';
import { fetchRow } from './fetches.ts';
import type { Matcher } from './patterns/contract.ts';
import type { Fetch, Linker } from './rows.ts';
import { Sample } from './types.ts';

/** Once per thread and place of use: compiled parts may keep their own state. */
export function compileExpression(ast: ExpressionAst, linker: Linker): Expression {
  const steps = ast.converters.map(({ name, args }) => {
    const converter = converterRow(name);
    assert(converter !== undefined, 'an expression was parsed with a converter that is not there');
    return { name, takes: converter.in, convert: converter.compile(args, linker) };
  });
  return new Expression(ast, compileFetch(ast, linker), steps);
}

function compileFetch(ast: ExpressionAst, linker: Linker): Fetch {
  const [arg] = ast.args;
  if (arg?.kind === 'condition') return conditionFetch(conditionOf(arg.condition, linker, new Sample()));
  const row = fetchRow(ast.fetch);
  assert(row !== undefined, 'an expression was parsed with a fetch that is not there');
  return row.compile(ast.args, linker);
}

function conditionFetch(condition: Condition): Fetch {
  return (subject, sample) => {
    const result = condition.evaluate(subject);
    if (result === CONDITION_MISS) return false;
    sample.setBool(result === CONDITION_PASS);
    return true;
  };
}

// One sample a thread for all conditions of rules, which are evaluated one after the other.
const samples = new WeakMap<Linker, Sample>();

export function compileCondition(ast: ConditionAst, linker: Linker): Condition {
  const sample = samples.get(linker) ?? new Sample();
  samples.set(linker, sample);
  return conditionOf(ast, linker, sample);
}

function conditionOf(ast: ConditionAst, linker: Linker, sample: Sample): Condition {
  const groups = ast.groups.map((terms) =>
    terms.map(({ acl, negated }) => ({ acl: compileAcl(acl, linker), negated })),
  );
  return new Condition(ast, groups, sample);
}

// One Acl a thread for each name, however many rules use it.
const compiled = new WeakMap<Linker, Map<AclAst, Acl>>();

export function compileAcl(ast: AclAst, linker: Linker): Acl {
  const known = compiled.get(linker) ?? new Map<AclAst, Acl>();
  compiled.set(linker, known);
  let acl = known.get(ast);
  if (acl === undefined) {
    acl = new Acl(
      ast,
      ast.tests.map((test) => compileTest(test, linker)),
    );
    known.set(ast, acl);
  }
  return acl;
}

function compileTest(ast: AclTest, linker: Linker): AclTestRun {
  const expression = compileExpression(ast.expression, linker);
  const make = (compare: number, matchers: readonly Matcher[]): AclTestRun =>
    new AclTestRun(ast, expression, compare, matchers, compare === COMPARE_GROUP ? groupsOf(ast, linker) : NO_GROUPS);
  if (ast.method === 'found') return make(COMPARE_FOUND, []);
  if (ast.method === 'bool') return make(COMPARE_BOOL, []);
  const matchers = matchersOf(ast, linker, ast.ignoreCase);
  if (ast.byGroup) return make(COMPARE_GROUP, matchers);
  return make(matchers.length === 1 ? COMPARE_PATTERN : COMPARE_PATTERNS, matchers);
}

/** Files first, then the line's own, even when it has none yet: the runtime API can add some. */
function matchersOf(ast: AclTest, linker: Linker, ignoreCase: boolean): Matcher[] {
  const files = ast.files.map((ref, index) => linker.map(ref, ast.method, ast.ignoreCaseFiles[index]!));
  return [...files, linker.map(ast.patterns, ast.method, ignoreCase)];
}

const NO_GROUPS: UserGroups = new Map();

function groupsOf(ast: AclTest, linker: Linker): UserGroups {
  const [arg] = ast.expression.args;
  const list = arg?.kind === 'userlist' ? linker.model.userlists[arg.index] : undefined;
  const groups = new Map<string, readonly Uint8Array[]>();
  for (const user of list?.users ?? []) {
    groups.set(
      user.name,
      user.groups.map((name) => new Uint8Array(Buffer.from(name, 'latin1'))),
    );
  }
  return groups;
}
