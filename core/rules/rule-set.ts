// A list of rules, compiled once in each thread, and the walk through it (manual §4.3, §4.4).
//
// The walk stops where a rule decides, and where one has to wait: for bytes (a condition of a content rule that misses
// them) or for a moment (pause). Then the caller keeps run.index, run.resumed, run.yieldedSinceMs and run.strict with
// the stream, and calls again with them. Start at compileRules and runRules; traceRules is the same walk, told aloud.

import { assert } from '../base/assert.ts';
import type { RuleAst } from '../model/rules.ts';
import { CONDITION_MISS, CONDITION_PASS, type Condition, compileCondition } from '../sample/condition.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { type ConditionFilter, makeFilter } from './condition-filter.ts';
import { type Action, RULE_CONTINUE, RULE_YIELD, type RuleRun } from './contract.ts';
import { actionRow } from './rows.ts';

/** run.index after a condition missed bytes: begin anew, as HAProxy's content inspection does. */
export const RULE_INDEX_ANEW = -1;

const NEVER = 0x7fff_ffff;

export class CompiledRule {
  readonly ast: RuleAst;
  readonly condition: Condition | null;
  readonly action: Action;

  constructor(ast: RuleAst, condition: Condition | null, action: Action) {
    this.ast = ast;
    this.condition = condition;
    this.action = action;
  }
}

export class RuleSet {
  readonly rules: readonly CompiledRule[];
  /** Index of the first rule that is the section's own; those before it are of its defaults section. */
  readonly ownFrom: number;
  /** Passes over rules that cannot apply; null where a plain walk is as good. */
  readonly filter: ConditionFilter | null;

  constructor(rules: readonly CompiledRule[], filter: ConditionFilter | null = null) {
    this.rules = rules;
    this.filter = filter;
    const own = rules.findIndex((rule) => rule.ast.inDefaults !== true);
    this.ownFrom = own < 0 ? rules.length : own;
    for (let index = this.ownFrom; index < rules.length; index++) {
      assert(rules[index]!.ast.inDefaults !== true, 'rules of a defaults section come first');
    }
  }
}

/** Compiles rules in their order. Throws AssertionFailure for an action that no row has: the parser refuses those. */
export function compileRules(asts: readonly RuleAst[], linker: Linker): RuleSet {
  const rules = asts.map((ast, at) => {
    const row = actionRow(ast.set, ast.action);
    assert(row !== null, 'a rule has an action that no row has');
    const condition = ast.condition === null ? null : compileCondition(ast.condition, linker);
    return new CompiledRule(ast, condition, row.compile(withEnd(ast, asts[at + 1]), linker));
  });
  const conditions = rules.map((rule) => rule.condition);
  return new RuleSet(rules, makeFilter(conditions, linker));
}

/** Successive `early-hint` rules make one response: the last of them has to know that it is (manual "early-hint"). */
function withEnd(ast: RuleAst, next: RuleAst | undefined): RuleAst {
  if (ast.action !== 'early-hint') return ast;
  const goesOn =
    next !== undefined && next.action === ast.action && next.condition === null && next.inDefaults === ast.inDefaults;
  return { ...ast, options: { ...ast.options, last: !goesOn } };
}

/**
 * Evaluates the rules from run.index on. subject.final says that conditions have all the bytes they will get.
 * @returns RULE_CONTINUE when nobody decided, RULE_YIELD to be called again, else what the deciding rule gave
 */
export function runRules(set: RuleSet, subject: Subject, run: RuleRun): number {
  const { rules } = set;
  const count = rules.length;
  let index = begin(subject, run);
  let border = set.ownFrom > index ? set.ownFrom : NEVER;
  // While bytes may be missing, every condition has its say.
  const filter = subject.final ? set.filter : null;
  filter?.begin();
  for (; index < count; index++) {
    if (!run.resumed) {
      if (filter !== null) {
        index = filter.next(index, subject);
        if (index >= count) break;
      }
      if (index >= border) {
        run.strict = true;
        border = NEVER;
      }
    }
    const rule = rules[index]!;
    if (!run.resumed) {
      const condition = rule.condition;
      if (condition !== null) {
        const verdict = condition.evaluate(subject);
        if (verdict !== CONDITION_PASS) {
          if (verdict === CONDITION_MISS && !subject.final) return miss(run);
          continue;
        }
      }
    }
    const resumed = run.resumed;
    const outcome = rule.action(subject, run);
    run.resumed = false;
    if (outcome !== RULE_CONTINUE) return leave(rule, index, outcome, resumed, subject, run);
    filter?.forget();
  }
  return end(run);
}

/** What `weir explain` hears of each rule that is looked at, in order. */
export interface RuleObserver {
  /** The condition was evaluated, or there is none (PASS); called before the action. */
  onCondition(rule: CompiledRule, verdict: number): void;
  /** The action ran. */
  onAction(rule: CompiledRule, outcome: number): void;
}

/** As runRules, on the very same compiled objects; `observer` is told of every step. */
export function traceRules(set: RuleSet, subject: Subject, run: RuleRun, observer: RuleObserver): number {
  const { rules, ownFrom } = set;
  for (let index = begin(subject, run); index < rules.length; index++) {
    const rule = rules[index]!;
    if (!run.resumed) {
      if (index === ownFrom) run.strict = true;
      const verdict = rule.condition === null ? CONDITION_PASS : rule.condition.evaluate(subject);
      observer.onCondition(rule, verdict);
      if (verdict === CONDITION_MISS && !subject.final) return miss(run);
      if (verdict !== CONDITION_PASS) continue;
    }
    const resumed = run.resumed;
    const outcome = rule.action(subject, run);
    run.resumed = false;
    observer.onAction(rule, outcome);
    if (outcome !== RULE_CONTINUE) return leave(rule, index, outcome, resumed, subject, run);
  }
  return end(run);
}

function begin(subject: Subject, run: RuleRun): number {
  run.timedOut = false;
  run.rewriteFailed = false;
  if (run.index < 0) {
    run.index = 0;
    run.resumed = false;
  }
  if (run.resumed) {
    subject.waitingEntityFile = '';
    subject.waitingEntityLine = 0;
  } else if (run.index === 0) run.strict = true;
  return run.index;
}

function miss(run: RuleRun): number {
  run.index = RULE_INDEX_ANEW;
  run.resumed = false;
  return RULE_YIELD;
}

function leave(
  rule: CompiledRule,
  index: number,
  outcome: number,
  resumed: boolean,
  subject: Subject,
  run: RuleRun,
): number {
  run.index = index;
  if (outcome === RULE_YIELD) {
    if (!resumed) run.yieldedSinceMs = subject.clock.nowMs;
    run.resumed = true;
    subject.waitingEntityFile = rule.ast.file;
    subject.waitingEntityLine = rule.ast.line;
  } else {
    run.strict = true;
    subject.lastRuleFile = rule.ast.file;
    subject.lastRuleLine = rule.ast.line;
  }
  return outcome;
}

function end(run: RuleRun): number {
  run.index = 0;
  run.strict = true;
  return RULE_CONTINUE;
}
