// Goal: rules run in order, stop where one decides, and go on where one waited. Method: rules made of counted actions and
// conditions with given verdicts, walked through and compared with what was called.

import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleAst } from '../model/rules.ts';
import { CONDITION_FAIL, CONDITION_MISS, CONDITION_PASS, type Condition } from '../sample/condition.ts';
import type { Subject } from '../sample/subject.ts';
import { RULE_CONTINUE, RULE_DENY, RULE_STOP, RULE_YIELD, type RuleHost, RuleRun } from './contract.ts';
import { CompiledRule, RULE_INDEX_ANEW, RuleSet, runRules, traceRules } from './rule-set.ts';

class Walk {
  readonly called: string[] = [];
  readonly clock = { nowMs: 1000 };
  readonly subject = {
    ...{ final: true, clock: this.clock, lastRuleFile: '', lastRuleLine: 0 },
    ...{ waitingEntityFile: '', waitingEntityLine: 0 },
  } as unknown as Subject;
  readonly run = new RuleRun({} as RuleHost, 1024);
  private line = 0;

  /** One rule: the verdict of its condition (null none) and what its action gives, or does. */
  rule(
    name: string,
    verdict: number | null,
    outcome: number | ((run: RuleRun) => number),
    inDefaults = false,
  ): CompiledRule {
    const ast = { file: 'a.cfg', line: ++this.line, inDefaults, action: name } as unknown as RuleAst;
    const condition =
      verdict === null ? null : ({ evaluate: () => this.evaluate(name, verdict) } as unknown as Condition);
    return new CompiledRule(ast, condition, (_subject, run) => {
      this.called.push(name);
      return typeof outcome === 'number' ? outcome : outcome(run);
    });
  }

  private evaluate(name: string, verdict: number): number {
    this.called.push(`${name}?`);
    return verdict;
  }

  go(...rules: readonly CompiledRule[]): number {
    return runRules(new RuleSet(rules), this.subject, this.run);
  }
}

test('rules run in order and those whose condition fails are passed over', () => {
  const walk = new Walk();
  const outcome = walk.go(
    walk.rule('a', null, RULE_CONTINUE),
    walk.rule('b', CONDITION_FAIL, RULE_DENY),
    walk.rule('c', CONDITION_PASS, RULE_CONTINUE),
  );
  strictEqual(outcome, RULE_CONTINUE);
  deepStrictEqual(walk.called, ['a', 'b?', 'c?', 'c']);
  strictEqual(walk.subject.lastRuleLine, 0);
});

test('the first rule that decides ends the walk and is remembered as the last one', () => {
  const walk = new Walk();
  const rules = [walk.rule('a', null, RULE_CONTINUE), walk.rule('b', null, RULE_STOP), walk.rule('c', null, RULE_DENY)];
  strictEqual(walk.go(...rules), RULE_STOP);
  deepStrictEqual(walk.called, ['a', 'b']);
  strictEqual(walk.subject.lastRuleFile, 'a.cfg');
  strictEqual(walk.subject.lastRuleLine, 2);
});

test('a rule that yields is called again without its condition, and the walk goes on behind it', () => {
  const walk = new Walk();
  let ready = false;
  const resumed: boolean[] = [];
  const rules = [
    walk.rule('a', null, RULE_CONTINUE),
    walk.rule('wait', CONDITION_PASS, (run) => {
      resumed.push(run.resumed);
      return ready ? RULE_CONTINUE : RULE_YIELD;
    }),
    walk.rule('b', CONDITION_PASS, (run) => {
      resumed.push(run.resumed);
      return RULE_STOP;
    }),
  ];
  strictEqual(walk.go(...rules), RULE_YIELD);
  strictEqual(walk.run.index, 1);
  strictEqual(walk.run.yieldedSinceMs, 1000);
  strictEqual(walk.subject.waitingEntityLine, 2);
  walk.clock.nowMs = 1500;
  strictEqual(walk.go(...rules), RULE_YIELD);
  strictEqual(walk.run.yieldedSinceMs, 1000, 'the time of the first call stays');
  ready = true;
  strictEqual(walk.go(...rules), RULE_STOP);
  deepStrictEqual(walk.called, ['a', 'wait?', 'wait', 'wait', 'wait', 'b?', 'b']);
  deepStrictEqual(resumed, [false, true, true, false]);
  strictEqual(walk.subject.waitingEntityLine, 0);
});

test('a condition that lacks bytes stops the walk, which begins anew when there are more', () => {
  const walk = new Walk();
  const rules = [walk.rule('a', null, RULE_CONTINUE), walk.rule('b', CONDITION_MISS, RULE_DENY)];
  (walk.subject as { final: boolean }).final = false;
  strictEqual(walk.go(...rules), RULE_YIELD);
  strictEqual(walk.run.index, RULE_INDEX_ANEW);
  // Whoever keeps the place may think a rule yielded: it must not run without its condition.
  walk.run.resumed = true;
  (walk.subject as { final: boolean }).final = true;
  strictEqual(walk.go(...rules), RULE_CONTINUE);
  deepStrictEqual(walk.called, ['a', 'b?', 'a', 'b?']);
});

test('strict mode lasts to the end of the defaults’ rules, and begins again with the section’s own', () => {
  const walk = new Walk();
  const seen: boolean[] = [];
  const look = (run: RuleRun): number => {
    seen.push(run.strict);
    return RULE_CONTINUE;
  };
  const soften = (run: RuleRun): number => {
    run.strict = false;
    return RULE_CONTINUE;
  };
  const rules = [
    walk.rule('soften', null, soften, true),
    walk.rule('look', null, look, true),
    walk.rule('look', null, look),
    walk.rule('soften', null, soften),
    walk.rule('look', null, look),
  ];
  strictEqual(new RuleSet(rules).ownFrom, 2);
  strictEqual(walk.go(...rules), RULE_CONTINUE);
  deepStrictEqual(seen, [false, true, false]);
  strictEqual(walk.run.strict, true);
});

test('a trace takes the very same way and tells every step', () => {
  const walk = new Walk();
  const rules = [
    walk.rule('a', CONDITION_FAIL, RULE_DENY),
    walk.rule('b', null, RULE_CONTINUE),
    walk.rule('c', CONDITION_PASS, RULE_STOP),
    walk.rule('d', null, RULE_DENY),
  ];
  const told: string[] = [];
  const outcome = traceRules(new RuleSet(rules), walk.subject, walk.run, {
    onCondition: (rule, verdict) => told.push(`${rule.ast.action}:${verdict}`),
    onAction: (rule, result) => told.push(`${rule.ast.action}=${result}`),
  });
  strictEqual(outcome, RULE_STOP);
  deepStrictEqual(told, ['a:0', 'b:3', 'b=0', 'c:3', 'c=1']);
  deepStrictEqual(walk.called, ['a?', 'b', 'c?', 'c']);
});
