// Listens to conditions and maps while the real compiled objects run: which values an expression had, which pattern
// matched, what no longer had to be looked at. Nothing is evaluated a second time, so that what is shown is what decided;
// only values that come after the one that matched are asked for, with the fetch alone.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import type { AclTest, ConditionAst, ExpressionAst } from '../../core/model/language.ts';
import type { Model } from '../../core/model/model.ts';
import { compileAcl } from '../../core/sample/compile.ts';
import {
  type Acl,
  type AclTestRun,
  CONDITION_MISS,
  CONDITION_PASS,
  type Condition,
} from '../../core/sample/condition.ts';
import type { Expression } from '../../core/sample/expression.ts';
import { valueText } from '../../core/sample/expression.ts';
import { referenceName } from '../../core/sample/patterns/load.ts';
import type { PatternStore, RefMatcher } from '../../core/sample/patterns/store.ts';
import type { Convert, Fetch, Linker } from '../../core/sample/rows.ts';
import type { Subject } from '../../core/sample/subject.ts';
import { Sample, TYPE_NAMES } from '../../core/sample/types.ts';
import type {
  ConditionReport,
  LookupReport,
  Mark,
  PatternPlace,
  TermReport,
  TestReport,
  ValueReport,
} from './explanation.ts';

/** A fetch with more values than this is cut short. */
const VALUES_MAX = 64;

/** How busy a process is: a fresh one says little about a running one. */
const AT_REST =
  /^((be|fe)_(conn|sess_rate|req_rate)|be_conn_free|dst_conn|avg_queue|connslots|nbsrv|queue|act_conn|srv_(conn|conn_free|is_up|queue|sess_rate|weight|uweight)|cpu_usage_\w+|uptime|stopping|fc_(rtt|rttvar|unacked|sacked|retrans|fackets|lost|reordering))$/;
const NOW = /^(date|date_us|accept_date|request_date)$|\.timer\./;
const RANDOM = /^(rand|uuid|unique-id|txn\.id32)$/;
const PORT = /^(fc_)?src_port$/;

interface Heard {
  values: ValueReport[];
  noValueAfter: string;
  lookups: LookupReport[];
  result: number;
  matched: PatternPlace | null;
}

type Open<T> = { -readonly [Key in keyof T]: T[Key] };

export class Listener {
  /** The source port was not given: what looks at it is marked. */
  portAssumed = false;
  private readonly model: Model;
  private readonly heard = new Map<AclTestRun, Heard>();
  private readonly attached = new Set<Acl>();
  private readonly references = new Map<RefMatcher, number>();
  private lookups: LookupReport[] | null = null; // of maps, outside of conditions
  private current: Heard | null = null;
  private chain: ValueReport['steps'] = [];

  constructor(model: Model) {
    this.model = model;
  }

  /** A matcher of the store that tells which of its entries was found. */
  matcher(
    store: PatternStore,
    refIndex: number,
    ...how: Parameters<Linker['map']> extends [number, ...infer R] ? R : never
  ): RefMatcher {
    const matcher = store.matcher(refIndex, ...how);
    if (this.references.has(matcher)) return matcher;
    this.references.set(matcher, refIndex);
    const match = matcher.match.bind(matcher);
    matcher.match = (sample, subject) => {
      const entry = match(sample, subject);
      this.onMatch(matcher, refIndex, entry);
      return entry;
    };
    return matcher;
  }

  private onMatch(matcher: RefMatcher, refIndex: number, entry: number): void {
    const ref = this.model.patternRefs[refIndex]!;
    if (!ref.isMap || ref.values === null) return;
    const lookups = this.current?.lookups ?? this.lookups;
    if (lookups === null) return;
    const sample = new Sample();
    if (entry >= 0) matcher.value(entry, sample);
    const value = Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length)).toString('latin1');
    lookups.push({
      map: fromBytes(referenceName(ref.name)),
      found: entry < 0 ? null : this.placeOf(refIndex, matcher.keyText(entry), entry, null),
      value: entry < 0 ? '' : fromBytes(value),
    });
  }

  /** Where a pattern is written; one that was added by a rule has no line. */
  private placeOf(refIndex: number, key: string, entry: number, test: AclTest | null): PatternPlace {
    const ref = this.model.patternRefs[refIndex]!;
    const pattern = fromBytes(key);
    if (ref.name === '') return { pattern, file: fromBytes(test?.file ?? ''), line: test?.line ?? 0 };
    const { ends, bytes } = ref.keys;
    const start = entry === 0 ? 0 : (ends[entry - 1] ?? 0);
    const isLoaded = entry < ends.length && Buffer.from(bytes.subarray(start, ends[entry])).toString('latin1') === key;
    return { pattern, file: fromBytes(referenceName(ref.name)), line: isLoaded ? ref.lines[entry]! : 0 };
  }

  /** Before the condition of this AST is evaluated for the first time. */
  attach(ast: ConditionAst | null, linker: Linker): void {
    for (const term of ast?.groups.flat() ?? []) {
      const acl = compileAcl(term.acl, linker);
      if (this.attached.has(acl)) continue;
      this.attached.add(acl);
      for (const test of acl.tests) {
        this.attachTest(test);
        for (const arg of test.ast.expression.args) if (arg.kind === 'condition') this.attach(arg.condition, linker);
      }
    }
  }

  private attachTest(test: AclTestRun): void {
    const evaluate = test.evaluate.bind(test);
    const matches = test.matches.bind(test);
    this.attachExpression(test.expression);
    test.evaluate = (subject, sample) => {
      const outer = this.current;
      const outerChain = this.chain;
      const heard: Heard = { values: [], noValueAfter: '', lookups: [], result: 0, matched: null };
      this.current = heard;
      heard.result = evaluate(subject, sample);
      if (heard.result === CONDITION_PASS && sample.more) this.hearRest(test, subject, sample, heard);
      this.current = outer;
      this.chain = outerChain;
      this.heard.set(test, heard);
      return heard.result;
    };
    test.matches = (sample, subject) => {
      const heard = this.current;
      test.matchedBy = null;
      const matched = matches(sample, subject);
      if (heard !== null) {
        const value = heard.values.at(-1);
        if (value !== undefined) value.matched = matched;
        if (matched) heard.matched = this.matchedPlace(test);
      }
      return matched;
    };
  }

  private matchedPlace({ ast, matchedBy, matchedEntry }: AclTestRun): PatternPlace | null {
    if (matchedBy === null) return null;
    const refIndex = this.references.get(matchedBy as RefMatcher);
    if (refIndex === undefined) return null;
    return this.placeOf(refIndex, matchedBy.keyText(matchedEntry), matchedEntry, ast);
  }

  private attachExpression(expression: Expression): void {
    const { fetch, steps } = expression;
    const evaluate = expression.evaluate.bind(expression);
    const evaluateNext = expression.evaluateNext.bind(expression);
    const hear = (found: boolean, sample: Sample): boolean => {
      const heard = this.current;
      if (heard === null) return found;
      if (found) heard.values.push(this.valueOf(sample));
      else if (heard.values.length === 0) heard.noValueAfter = steps[this.chain.length - 1]?.name ?? '';
      return found;
    };
    expression.evaluate = (subject, sample) => {
      this.chain = [];
      return hear(evaluate(subject, sample), sample);
    };
    expression.evaluateNext = (subject, sample) => {
      this.chain = [];
      return hear(evaluateNext(subject, sample), sample);
    };
    if (steps.length === 0) return;
    (expression as Open<Expression>).fetch = this.heardStep(expression.ast.fetch, fetch);
    for (const step of steps) {
      const { convert } = step;
      (step as { convert: Convert }).convert = (sample, subject) => {
        const found = convert(sample, subject);
        if (found) this.hearStep(step.name, sample);
        return found;
      };
    }
  }

  private heardStep(name: string, fetch: Fetch): Fetch {
    return (subject, sample) => {
      const found = fetch(subject, sample);
      if (found) this.hearStep(name, sample);
      return found;
    };
  }

  private hearStep(name: string, sample: Sample): void {
    if (this.current !== null) this.chain.push({ name, type: TYPE_NAMES[sample.type]!, text: valueText(sample) });
  }

  private valueOf(sample: Sample): ValueReport {
    return { type: TYPE_NAMES[sample.type]!, text: valueText(sample), steps: this.chain, matched: null };
  }

  /** Values after the one that matched: the fetch goes on where it stopped, on a sample of its own. */
  private hearRest({ expression }: AclTestRun, subject: Subject, sample: Sample, heard: Heard): void {
    const rest = new Sample();
    rest.copy(sample);
    while (heard.values.length < VALUES_MAX && rest.more && expression.evaluateNext(subject, rest));
  }

  /** Forgets what the rule before has let hear. */
  beginRule(): void {
    this.heard.clear();
    this.lookups = [];
  }

  /** The maps that were asked since the condition, by the action. */
  actionLookups(): LookupReport[] {
    const lookups = this.lookups ?? [];
    this.lookups = [];
    return lookups;
  }

  /** What was heard of this condition, evaluated just now; `verdict` is a CONDITION_…, −1 when it was not evaluated. */
  report(condition: Condition, verdict: number): ConditionReport {
    const { ast } = condition;
    return {
      text: fromBytes(ast.text),
      unless: ast.unless,
      holds: verdict < 0 || verdict === CONDITION_MISS ? null : verdict === CONDITION_PASS,
      groups: condition.groups.map((terms) => terms.map(({ acl, negated }) => this.term(acl, negated))),
    };
  }

  private term(acl: Acl, negated: boolean): TermReport {
    const results = acl.tests.map((test) => this.heard.get(test)?.result ?? -1).filter((result) => result >= 0);
    const held = results.includes(CONDITION_PASS) ? true : results.includes(CONDITION_MISS) ? null : false;
    return {
      acl: fromBytes(acl.ast.name),
      negated,
      evaluated: results.length > 0,
      holds: results.length === 0 || held === null ? null : held !== negated,
      tests: acl.tests.map((test) => this.test(test)),
    };
  }

  private test(test: AclTestRun): TestReport {
    const { ast } = test;
    const heard = this.heard.get(test) ?? null;
    return {
      file: fromBytes(ast.file),
      line: ast.line,
      text: fromBytes(ast.text),
      expression: fromBytes(ast.expression.text),
      method: ast.method,
      evaluated: heard !== null,
      holds: heard === null || heard.result === CONDITION_MISS ? null : heard.result === CONDITION_PASS,
      values: heard?.values ?? [],
      noValueAfter: heard?.noValueAfter ?? '',
      matched: heard?.matched ?? null,
      patternCount: test.matchers.reduce((sum, matcher) => sum + matcher.count, 0),
      lookups: heard?.lookups ?? [],
      mark: heard === null ? '' : this.markOf(ast.expression),
    };
  }

  private markOf({ fetch }: ExpressionAst): Mark {
    if (AT_REST.test(fetch)) return 'at rest';
    if (NOW.test(fetch)) return 'now';
    if (RANDOM.test(fetch)) return 'random';
    return this.portAssumed && PORT.test(fetch) ? 'assumed' : '';
  }
}
