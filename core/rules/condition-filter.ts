// Which rules of a long list need to be looked at: those whose condition may hold for the message at hand.
//
// A list of a thousand `if { path_beg /x }` has a thousand conditions on one and the same value. Here that value is fetched
// once and found among all patterns at once; every other rule is passed over. The filter never decides: the rule it names is
// evaluated as any other, so it may name too many but never too few. Conditions it does not understand are always named.

import { LOWER } from '../http/h1/chars.ts';
import type { PatternRef } from '../model/language.ts';
import { type AclTestRun, COMPARE_PATTERN, type Term } from '../sample/acl.ts';
import { castTo } from '../sample/casts.ts';
import type { Condition } from '../sample/condition.ts';
import type { Expression } from '../sample/expression.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { Sample, TYPE_STR } from '../sample/types.ts';

/** Below this a plain walk is faster. */
const RULE_COUNT_MIN = 8;

// What gives another value each time, or does something by being evaluated, is evaluated rule by rule.
const FETCHES_UNSTEADY: readonly string[] = ['rand', 'uuid', 'date', 'date_us'];
const CONVERTERS_UNSTEADY: readonly string[] = ['set-var', 'unset-var', 'debug'];

/** Makes a filter for conditions by their rules' places; null: too few of them would gain. */
export function makeFilter(conditions: readonly (Condition | null)[], linker: Linker): ConditionFilter | null {
  if (conditions.length < RULE_COUNT_MIN) return null;
  const groups = new Map<string, TestedRule[]>();
  const loose = new Uint8Array(conditions.length);
  for (const [rule, condition] of conditions.entries()) {
    const decisive = condition === null ? null : decisiveTests(condition);
    if (decisive === null) loose[rule] = 1;
    else for (const tests of decisive) addTo(groups, rule, tests);
  }
  const keys: ValueKey[] = [];
  for (const group of groups.values()) {
    if (group.length >= RULE_COUNT_MIN) keys.push(makeKey(group, linker));
    else for (const { rule } of group) loose[rule] = 1;
  }
  return keys.length === 0 ? null : new ConditionFilter(keys, loose);
}

/** A rule, and tests of one value: where none of them matches, this value is no reason for the rule to apply. */
interface TestedRule {
  readonly rule: number;
  readonly tests: readonly AclTestRun[];
}

function addTo(groups: Map<string, TestedRule[]>, rule: number, tests: readonly AclTestRun[]): void {
  const name = testName(tests[0]!);
  const group = groups.get(name) ?? [];
  groups.set(name, group);
  const last = group.at(-1);
  if (last?.rule !== rule) group.push({ rule, tests });
  else group[group.length - 1] = { rule, tests: [...last.tests, ...tests] };
}

/** Tests without which the condition cannot hold: for each of its ORed groups those of one term; null: there are none. */
function decisiveTests(condition: Condition): (readonly AclTestRun[])[] | null {
  if (condition.ast.unless) return null;
  const decisive: (readonly AclTestRun[])[] = [];
  for (const group of condition.groups) {
    const tests = group.map(testsOf).find((each) => each !== null);
    if (tests === undefined || tests === null) return null;
    decisive.push(tests);
  }
  return decisive;
}

/** All tests of the term's ACL, when they compare the same value in the same way with patterns of their own. */
function testsOf({ acl, negated }: Term): readonly AclTestRun[] | null {
  const { tests } = acl;
  if (negated || tests.length === 0) return null;
  const name = testName(tests[0]!);
  for (const test of tests) {
    if (test.compare !== COMPARE_PATTERN || test.ast.files.length > 0) return null;
    if (!isSteady(test) || testName(test) !== name) return null;
  }
  return tests;
}

function isSteady({ ast }: AclTestRun): boolean {
  const { fetch, args, converters } = ast.expression;
  if (FETCHES_UNSTEADY.includes(fetch) || args.some((arg) => arg.kind === 'condition')) return false;
  return converters.every(({ name }) => !CONVERTERS_UNSTEADY.includes(name));
}

/** The same for tests that compare the same value in the same way. */
function testName({ ast }: AclTestRun): string {
  const { fetch, args, converters } = ast.expression;
  return JSON.stringify([fetch, args, converters, ast.method, ast.ignoreCase]);
}

const NEVER = 0x7fff_ffff;

export class ConditionFilter {
  private readonly keys: readonly ValueKey[];
  private readonly candidates: Int32Array; // by key: the next rule it names, −1 not known
  private readonly alwaysLoose: Uint8Array;
  private readonly nextLoose: Int32Array; // by rule: the first that is always looked at, from there on
  private changesSeen = 0;

  constructor(keys: readonly ValueKey[], loose: Uint8Array) {
    this.keys = keys;
    this.candidates = new Int32Array(keys.length).fill(-1);
    this.alwaysLoose = loose;
    this.nextLoose = new Int32Array(loose.length + 1);
    this.loosen();
  }

  /** Before a walk: forgets the last message, and learns of patterns that were changed at run time. */
  begin(): void {
    this.candidates.fill(-1);
    const { count } = this.keys[0]!.changes;
    if (count === this.changesSeen) return;
    this.changesSeen = count;
    this.loosen();
  }

  /** A rule has acted: values may be others now. */
  forget(): void {
    this.candidates.fill(-1);
  }

  /** The first rule at or after `from` that has to be looked at; beyond the last when there is none. */
  next(from: number, subject: Subject): number {
    const { keys, candidates } = this;
    let best = this.nextLoose[from]!;
    if (best === from) return best;
    for (let index = 0; index < keys.length; index++) {
      let candidate = candidates[index]!;
      if (candidate < from) {
        candidate = keys[index]!.find(from, best, subject);
        candidates[index] = candidate;
      }
      if (candidate < best) best = candidate;
    }
    return best;
  }

  /** Rules whose patterns are no longer those of the configuration are looked at always. */
  private loosen(): void {
    const loose = this.alwaysLoose.slice();
    for (const key of this.keys) key.markChanged(loose);
    let next = NEVER;
    for (let rule = loose.length; rule >= 0; rule--) {
      if (rule < loose.length && loose[rule] === 1) next = rule;
      this.nextLoose[rule] = next;
    }
  }
}

function makeKey(rules: readonly TestedRule[], linker: Linker): ValueKey {
  const { method } = rules[0]!.tests[0]!.ast;
  const texts = method === 'str' || method === 'beg' || method === 'end';
  return texts ? new TextKey(rules, method, linker) : new ListKey(rules);
}

/** One value, and the rules that compare it. */
abstract class ValueKey {
  protected readonly rules: readonly TestedRule[];
  protected readonly expression: Expression;
  protected readonly sample = new Sample();

  constructor(rules: readonly TestedRule[]) {
    this.rules = rules;
    this.expression = rules[0]!.tests[0]!.expression;
  }

  get changes(): { readonly count: number } {
    return this.rules[0]!.tests[0]!.matchers[0]!.changes;
  }

  markChanged(loose: Uint8Array): void {
    for (const { rule, tests } of this.rules) {
      for (const test of tests) if (test.matchers[0]!.changeCount > 0) loose[rule] = 1;
    }
  }

  /** The first rule in [from, limit) that one of the values may match, `limit` when there is none. */
  find(from: number, limit: number, subject: Subject): number {
    const { expression, sample } = this;
    const { iterate } = subject;
    subject.iterate = true;
    let best = limit;
    let found = expression.evaluate(subject, sample);
    while (found) {
      best = this.findValue(from, best, subject);
      if (!sample.more) break;
      found = expression.evaluateNext(subject, sample);
    }
    subject.iterate = iterate;
    return best;
  }

  /** As find(), for the value that this.sample has; of it only `more` and `cursor` count afterwards. */
  protected abstract findValue(from: number, limit: number, subject: Subject): number;
}

/** Any way of comparing: the value is tried against one rule after the other. */
class ListKey extends ValueKey {
  private readonly tried = new Sample();

  protected findValue(from: number, limit: number, subject: Subject): number {
    const { rules, sample, tried } = this;
    for (let at = firstFrom(rules, from); at < rules.length; at++) {
      const { rule, tests } = rules[at]!;
      if (rule >= limit) break;
      for (let index = 0; index < tests.length; index++) {
        tried.copy(sample);
        if (tests[index]!.matches(tried, subject)) return rule;
      }
    }
    return limit;
  }
}

function firstFrom(rules: readonly TestedRule[], from: number): number {
  let low = 0;
  let high = rules.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rules[middle]!.rule < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A text and the rules that have it, in their order. */
interface TextEntry {
  readonly text: Uint8Array; // as it is hashed: folded, and backwards for `end`
  readonly rules: number[];
}

/** str, beg and end: a hash that grows byte by byte is looked up at each length that a pattern has. */
class TextKey extends ValueKey {
  private readonly whole: boolean; // str
  private readonly backward: boolean; // end
  private readonly fold: boolean;
  private readonly isLength: Uint8Array; // by length: some pattern is that long
  private readonly buckets: TextEntry[][] = [];
  private readonly mask: number;

  constructor(rules: readonly TestedRule[], method: string, linker: Linker) {
    super(rules);
    this.whole = method === 'str';
    this.backward = method === 'end';
    this.fold = rules[0]!.tests[0]!.ast.ignoreCase;
    let size = 16;
    while (size < rules.length * 2) size *= 2;
    this.mask = size - 1;
    for (let at = 0; at < size; at++) this.buckets.push([]);
    let longest = 0;
    for (const { rule, tests } of rules) {
      for (const test of tests) {
        for (const text of textsOf(linker.model.patternRefs[test.ast.patterns]!)) {
          this.add(this.turned(text), rule);
          longest = Math.max(longest, text.length);
        }
      }
    }
    this.isLength = new Uint8Array(longest + 1);
    for (const { text } of this.buckets.flat()) this.isLength[text.length] = 1;
  }

  private turned(text: Uint8Array): Uint8Array {
    const out = this.fold ? text.map((byte) => LOWER[byte]!) : text.slice();
    return this.backward ? out.reverse() : out;
  }

  private add(text: Uint8Array, rule: number): void {
    let hash = 0;
    for (const byte of text) hash = (Math.imul(hash, 31) + byte) | 0;
    const bucket = this.bucket(hash);
    const entry = bucket.find((each) => Buffer.compare(each.text, text) === 0);
    if (entry === undefined) bucket.push({ text, rules: [rule] });
    else if (entry.rules.at(-1) !== rule) entry.rules.push(rule);
  }

  private bucket(hash: number): TextEntry[] {
    return this.buckets[(hash ^ (hash >>> 15)) & this.mask]!;
  }

  protected findValue(from: number, limit: number, subject: Subject): number {
    const { sample, isLength } = this;
    if (sample.type !== TYPE_STR && !castTo(sample, TYPE_STR, subject)) return limit;
    const { bytes, offset, length } = sample;
    const last = offset + length - 1;
    const lengthMax = Math.min(length, isLength.length - 1);
    let best = limit;
    let hash = 0;
    for (let taken = 0; ; taken++) {
      if (isLength[taken] === 1 && (!this.whole || taken === length)) {
        const rule = this.lookUp(hash, taken, bytes, offset, last, from);
        if (rule < best) best = rule;
      }
      if (taken >= lengthMax) break;
      const byte = bytes[this.backward ? last - taken : offset + taken]!;
      hash = (Math.imul(hash, 31) + (this.fold ? LOWER[byte]! : byte)) | 0;
    }
    return best;
  }

  private lookUp(hash: number, length: number, bytes: Uint8Array, offset: number, last: number, from: number): number {
    const bucket = this.bucket(hash);
    for (let at = 0; at < bucket.length; at++) {
      const { text, rules } = bucket[at]!;
      if (text.length !== length || !this.isText(text, bytes, offset, last)) continue;
      for (let index = 0; index < rules.length; index++) if (rules[index]! >= from) return rules[index]!;
      return NEVER;
    }
    return NEVER;
  }

  private isText(text: Uint8Array, bytes: Uint8Array, offset: number, last: number): boolean {
    for (let at = 0; at < text.length; at++) {
      const byte = bytes[this.backward ? last - at : offset + at]!;
      if (text[at] !== (this.fold ? LOWER[byte] : byte)) return false;
    }
    return true;
  }
}

function textsOf({ keys }: PatternRef): Uint8Array[] {
  const texts: Uint8Array[] = [];
  let start = 0;
  for (const end of keys.ends) {
    texts.push(keys.bytes.slice(start, end));
    start = end;
  }
  return texts;
}
