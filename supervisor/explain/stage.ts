// One set of rules, walked aloud: the real walk (traceRules) with an ear at every rule.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import type { RuleAst } from '../../core/model/rules.ts';
import {
  RULE_ABORT,
  RULE_BAD_REQUEST,
  RULE_CLOSE,
  RULE_CONTINUE,
  RULE_DENY,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_SILENT_DROP,
  RULE_STOP,
  RULE_TARPIT,
  RULE_YIELD,
} from '../../core/rules/contract.ts';
import { type CompiledRule, type RuleObserver, type RuleSet, traceRules } from '../../core/rules/rule-set.ts';
import { CONDITION_MISS, CONDITION_PASS } from '../../core/sample/condition.ts';
import { changesBetween, type State, takeState } from './changes.ts';
import type { Place, RuleReport, RuleResult, StageReport } from './explanation.ts';
import type { Surroundings } from './surroundings.ts';

/** Rules that wait time and again (each pause is one turn) end somewhere. */
const TURNS_MAX = 1000;

export const placeOf = ({ file, line }: { file: string; line: number }): Place => ({ file: fromBytes(file), line });

const RESULTS: Readonly<Record<number, RuleResult>> = {
  [RULE_CONTINUE]: 'applied',
  [RULE_STOP]: 'stopped',
  [RULE_REPLY]: 'answered',
  [RULE_DENY]: 'answered',
  [RULE_TARPIT]: 'tarpitted',
  [RULE_CLOSE]: 'closed',
  [RULE_SILENT_DROP]: 'dropped',
  [RULE_BAD_REQUEST]: 'failed',
  [RULE_INTERNAL]: 'failed',
  [RULE_ABORT]: 'closed',
};

/** Of a section that is there as the request's frontend, or as its backend only. */
export function newStage({ kind, name }: Proxy, isFront: boolean, set: string, evaluated = true): StageReport {
  const shown = !isFront ? 'backend' : kind === 'listen' ? 'listen' : 'frontend';
  return { kind: shown, section: name, set, evaluated, waitedMs: 0, rules: [], notReached: [] };
}

export function ruleReport(rule: Pick<RuleAst, 'file' | 'line' | 'text' | 'inDefaults'>): RuleReport {
  return {
    ...placeOf(rule),
    text: fromBytes(rule.text),
    inDefaults: rule.inDefaults === true,
    condition: null,
    result: 'skipped',
    waitedMs: 0,
    changes: [],
    lookups: [],
    chose: '',
  };
}

/** The rules of a set as they stand, where there is nothing to evaluate them on. */
export function listRules(stage: StageReport, set: RuleSet, around: Surroundings): void {
  around.listener.beginRule();
  for (const { ast, condition } of set.rules) {
    const report = ruleReport(ast);
    report.result = 'listed';
    if (condition !== null) report.condition = around.listener.report(condition, -1);
    stage.rules.push(report);
  }
}

class StageObserver implements RuleObserver {
  private readonly stage: StageReport;
  private readonly around: Surroundings;
  private waiting: RuleReport | null = null;
  private report: RuleReport | null = null;
  private before: State;
  evaluatedCount = 0;

  constructor(stage: StageReport, around: Surroundings) {
    this.stage = stage;
    this.around = around;
    this.before = takeState(around.subject, around.names);
    around.host.asked.length = 0;
    around.listener.beginRule();
  }

  onCondition(rule: CompiledRule, verdict: number): void {
    const { listener } = this.around;
    const report = ruleReport(rule.ast);
    if (rule.condition !== null) report.condition = listener.report(rule.condition, verdict);
    this.stage.rules.push(report);
    this.evaluatedCount++;
    this.report = report;
    if (verdict === CONDITION_PASS) return;
    report.result = verdict === CONDITION_MISS ? 'missed' : 'skipped';
    this.end();
  }

  onAction(_rule: CompiledRule, outcome: number): void {
    const report = this.waiting ?? this.report!;
    const { listener, host, subject, names } = this.around;
    const after = takeState(subject, names);
    report.changes.push(...changesBetween(this.before, after), ...host.asked);
    report.lookups.push(...listener.actionLookups());
    this.before = after;
    this.waiting = outcome === RULE_YIELD ? report : null;
    report.result = RESULTS[outcome] ?? 'applied';
    this.end();
  }

  waited(ms: number): void {
    if (this.waiting !== null) this.waiting.waitedMs += ms;
  }

  private end(): void {
    this.around.host.asked.length = 0;
    this.around.listener.beginRule();
  }
}

export interface SetRun {
  stage: StageReport;
  set: RuleSet;
  /** Content rules wait so long for bytes that do not come; −1: this set never waits for bytes. */
  inspectMs: number;
  /** Points the subject at what the rules are about; called before each turn. */
  aim: () => void;
}

/** Runs the set to its end, waiting where it waits; a RULE_… other than RULE_YIELD. */
export function runStage(around: Surroundings, { stage, set, inspectMs, aim }: SetRun): number {
  const { subject, run, clock, wallClock } = around;
  const pass = (ms: number): void => {
    clock.nowMs += ms;
    wallClock.nowMs += ms;
  };
  run.index = 0;
  run.resumed = false;
  run.strict = true;
  aim();
  subject.final = inspectMs <= 0;
  let observer = new StageObserver(stage, around);
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    run.waitUntilMs = 0;
    const verdict = traceRules(set, subject, run, observer);
    if (verdict !== RULE_YIELD) {
      stage.notReached.push(...set.rules.slice(observer.evaluatedCount).map(({ ast }) => placeOf(ast)));
      return verdict;
    }
    if (run.index < 0) {
      // Bytes are missing and none will come: the rules begin anew when the inspection's time is over.
      stage.waitedMs = inspectMs;
      pass(inspectMs);
      stage.rules.length = 0;
      observer = new StageObserver(stage, around);
      aim();
      subject.final = true;
      continue;
    }
    const waitMs = Math.max(1, run.waitUntilMs - clock.nowMs);
    observer.waited(waitMs);
    pass(waitMs);
    const { final } = subject;
    aim();
    subject.final = final;
  }
  return RULE_INTERNAL;
}
