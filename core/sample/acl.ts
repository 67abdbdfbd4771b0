// ACLs and conditions as a thread runs them (manual §7.1, §7.2). They keep their structure, so that `weir explain` can walk
// through it and say which test of which ACL decided.
//
// Three results, as HAProxy's: PASS and FAIL are certain, MISS says that more bytes may decide otherwise. Numbers are chosen
// so that `|` is OR and `&` is AND.

import { writeBytes } from '../base/text.ts';
import type { AclAst, AclTest, ConditionAst } from '../model/language.ts';
import { castTo } from './casts.ts';
import type { Expression } from './expression-run.ts';
import type { Matcher } from './patterns/contract.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_SINT, TYPE_STR } from './types.ts';

export const CONDITION_FAIL = 0;
export const CONDITION_MISS = 1;
export const CONDITION_PASS = 3;

const negate = (result: number): number => CONDITION_PASS >> result;

/** How values are compared. */
export const COMPARE_FOUND = 0; // any value will do
export const COMPARE_BOOL = 1; // it is not zero
export const COMPARE_PATTERN = 2; // it matches a pattern of matchers[0]
export const COMPARE_PATTERNS = 3; // or of a further one
export const COMPARE_GROUP = 4; // http_auth_group: a group of that user

/** Groups by user: the names as texts of a sample. */
export type UserGroups = ReadonlyMap<string, readonly Uint8Array[]>;

/** One test: an expression and what its values are compared with. */
export class AclTestRun {
  readonly ast: AclTest;
  readonly expression: Expression;
  readonly compare: number;
  readonly matchers: readonly Matcher[];
  private readonly first: Matcher | null;
  private readonly groups: UserGroups;
  matchedBy: Matcher | null = null; // what matched last, and its entry: for `weir explain`
  matchedEntry = -1;

  constructor(ast: AclTest, expression: Expression, compare: number, matchers: readonly Matcher[], groups: UserGroups) {
    this.ast = ast;
    this.expression = expression;
    this.compare = compare;
    this.matchers = matchers;
    this.first = matchers[0] ?? null;
    this.groups = groups;
  }

  /** Tries all values that the fetch has; stops at the first that matches. */
  evaluate(subject: Subject, sample: Sample): number {
    const { expression } = this;
    let found = expression.evaluate(subject, sample);
    while (found) {
      if (this.matches(sample, subject)) return CONDITION_PASS;
      if (!sample.more) break;
      found = expression.evaluateNext(subject, sample);
    }
    return sample.mayChange && !subject.final ? CONDITION_MISS : CONDITION_FAIL;
  }

  /** Whether this one value matches; `sample` is used up. */
  matches(sample: Sample, subject: Subject): boolean {
    switch (this.compare) {
      case COMPARE_FOUND:
        return true;
      case COMPARE_BOOL:
        return castTo(sample, TYPE_SINT, subject) && sample.number !== 0;
      case COMPARE_PATTERN:
        return this.remember(this.first!, this.first!.match(sample, subject));
      case COMPARE_PATTERNS:
        return this.matchesAny(sample, subject);
      default:
        return this.matchesGroup(sample, subject);
    }
  }

  private remember(matcher: Matcher, entry: number): boolean {
    if (entry < 0) return false;
    this.matchedBy = matcher;
    this.matchedEntry = entry;
    return true;
  }

  private matchesAny(sample: Sample, subject: Subject): boolean {
    for (let index = 0; index < this.matchers.length; index++) {
      const matcher = this.matchers[index]!;
      if (this.remember(matcher, matcher.match(sample, subject))) return true;
    }
    return false;
  }

  /** HAProxy looks for the user's name once more, and compares the names of his groups. Allocates: it is rare. */
  private matchesGroup(sample: Sample, subject: Subject): boolean {
    if (!castTo(sample, TYPE_STR, subject)) return false;
    const text = new Uint8Array(sample.length);
    writeBytes(text, 0, sample.bytes, sample.offset, sample.length);
    for (const group of this.groups.get(Buffer.from(text).toString('latin1')) ?? []) {
      sample.setBytes(TYPE_STR, group, 0, group.length);
      if (this.matchesAny(sample, subject)) return true;
    }
    return false;
  }
}

/** All tests of one name: one that passes is enough. */
export class Acl {
  readonly ast: AclAst;
  readonly tests: readonly AclTestRun[];

  constructor(ast: AclAst, tests: readonly AclTestRun[]) {
    this.ast = ast;
    this.tests = tests;
  }

  evaluate(subject: Subject, sample: Sample): number {
    const { tests } = this;
    let result = CONDITION_FAIL;
    for (let index = 0; index < tests.length; index++) {
      result |= tests[index]!.evaluate(subject, sample);
      if (result === CONDITION_PASS) break;
    }
    return result;
  }
}

export interface Term {
  readonly acl: Acl;
  readonly negated: boolean;
}

/** What follows `if` or `unless`: one group of terms, all of which hold, is enough. */
export class Condition {
  readonly ast: ConditionAst;
  readonly groups: readonly (readonly Term[])[];
  private readonly unless: boolean;
  // The test it consists of, when it is one only, as in most rules: a thousand of them are walked without looking at what
  // holds them together. `flips` is 1 when its result is to be negated.
  private readonly only: AclTestRun | null;
  private readonly flips: number;
  private readonly sample: Sample;

  /** @param sample for its values; not that of a condition which may be at work at the same time (acl()) */
  constructor(ast: ConditionAst, groups: readonly (readonly Term[])[], sample: Sample) {
    this.ast = ast;
    this.groups = groups;
    this.unless = ast.unless;
    const term = groups.length === 1 && groups[0]!.length === 1 ? groups[0]![0]! : null;
    this.only = term !== null && term.acl.tests.length === 1 ? term.acl.tests[0]! : null;
    this.flips = (ast.unless ? 1 : 0) ^ (term?.negated === true ? 1 : 0);
    this.sample = sample;
  }

  /** CONDITION_PASS: the rule applies (`unless` is taken into account). MISS never comes when subject.final is set. */
  evaluate(subject: Subject): number {
    const { only } = this;
    const { iterate } = subject;
    subject.iterate = true;
    let result: number;
    if (only !== null) {
      result = only.evaluate(subject, this.sample);
      if (this.flips === 1) result = negate(result);
    } else {
      result = this.evaluateGroups(subject);
      if (this.unless) result = negate(result);
    }
    subject.iterate = iterate;
    return result;
  }

  private evaluateGroups(subject: Subject): number {
    const { groups } = this;
    let result = CONDITION_FAIL;
    for (let index = 0; index < groups.length; index++) {
      result |= this.evaluateGroup(groups[index]!, subject);
      if (result === CONDITION_PASS) break;
    }
    return result;
  }

  private evaluateGroup(terms: readonly Term[], subject: Subject): number {
    const { sample } = this;
    let result = CONDITION_PASS;
    for (let index = 0; index < terms.length; index++) {
      const { acl, negated } = terms[index]!;
      const found = acl.evaluate(subject, sample);
      result &= negated ? negate(found) : found;
      if (result !== CONDITION_PASS) break;
    }
    return result;
  }
}
