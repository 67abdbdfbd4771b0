// vrrp_script: run every interval, judged by rise and fall (keepalived.conf(5) "vrrp_script").
//
// As keepalived counts: the result runs from 0 to rise + fall − 1 and is up from `rise` on. The first run decides at
// once, up or down, unless init_fail says down until proved otherwise. A run that takes too long is a failure; the next
// one starts when its interval comes, or when the slow one is gone.

import type { VrrpModel, VrrpScript } from '../../core/model/vrrp.ts';
import type { VrrpTrackResult } from '../../core/model/vrrp-worker.ts';
import { runScript, type ScriptEnd } from './child.ts';
import type { TrackedScriptStatus } from './status.ts';

export interface TrackReport {
  result: (result: VrrpTrackResult) => void;
  log: (level: 'info' | 'warn' | 'error', text: string) => void;
}

interface Runner {
  script: VrrpScript;
  result: number;
  known: boolean; // a first run has ended, or init_fail stands for it
  timer: NodeJS.Timeout | null;
  end: (() => void) | null; // while it runs
  due: boolean; // its interval came while it ran
  lastText: string;
}

/** rise and fall as keepalived counts them: the next result, and whether the verdict is told (null: it is not). */
export function judge(
  script: Pick<VrrpScript, 'rise' | 'fall'>,
  result: number,
  known: boolean,
  passed: boolean,
): { result: number; verdict: boolean | null } {
  const top = script.rise + script.fall - 1;
  if (!known) return { result: passed ? top : 0, verdict: passed };
  if (passed) {
    if (result < script.rise - 1) return { result: result + 1, verdict: null };
    return { result: top, verdict: result < script.rise ? true : null };
  }
  if (result > script.rise) return { result: result - 1, verdict: null };
  return { result: 0, verdict: result >= script.rise ? false : null };
}

export class TrackScripts {
  private runners: Runner[] = [];
  private allGroups = false;
  private readonly report: TrackReport;

  constructor(report: TrackReport) {
    this.report = report;
  }

  /** Runs what somebody tracks; scripts that stay as they are keep their count. */
  configure(model: VrrpModel): void {
    this.allGroups = model.operation?.supplementaryGroups ?? false;
    const tracked = new Set<string>();
    for (const holder of [...model.instances, ...model.groups]) {
      for (const each of holder.tracked) if (each.kind === 'script') tracked.add(each.name);
    }
    const wanted = model.scripts.filter((each) => tracked.has(each.name) && each.backend === null);
    const kept: Runner[] = [];
    for (const script of wanted) {
      const before = this.runners.find((each) => sameScript(each.script, script));
      if (before === undefined) kept.push(this.start(script));
      else kept.push(before);
    }
    for (const runner of this.runners) if (!kept.includes(runner)) stop(runner);
    this.runners = kept;
  }

  stop(): void {
    for (const runner of this.runners) stop(runner);
    this.runners = [];
  }

  status(): TrackedScriptStatus[] {
    return this.runners.map(({ script, result, known, end, lastText }) => ({
      name: script.name,
      result,
      known,
      up: known && result >= script.rise,
      running: end !== null,
      last: lastText,
    }));
  }

  private start(script: VrrpScript): Runner {
    const runner: Runner = {
      script,
      result: 0,
      known: script.initFail,
      timer: null,
      end: null,
      due: false,
      lastText: '',
    };
    runner.timer = setInterval(() => this.run(runner), script.intervalMs);
    this.run(runner);
    return runner;
  }

  private run(runner: Runner): void {
    if (runner.end !== null) {
      runner.due = true;
      return;
    }
    const { script } = runner;
    const { command, shell, uid, gid } = script;
    const timeoutMs = script.timeoutMs || script.intervalMs;
    runner.end = runScript({ command, shell, uid, gid, timeoutMs, allGroups: this.allGroups }, (end) =>
      this.ended(runner, end),
    );
  }

  private ended(runner: Runner, end: ScriptEnd): void {
    runner.end = null;
    if (runner.timer === null) return; // stopped meanwhile
    const { script } = runner;
    const passed = end.kind === 'exit' && end.code === 0;
    const text = textOf(end);
    if (!passed && text !== runner.lastText) this.report.log('warn', `Script \`${script.name}\` ${text}`);
    runner.lastText = text;
    const { result, verdict } = judge(script, runner.result, runner.known, passed);
    runner.result = result;
    runner.known = true;
    if (verdict !== null) {
      this.report.log('info', `VRRP_Script(${script.name}) ${verdict ? 'succeeded' : 'failed'}`);
      this.report.result({ kind: 'script', name: script.name, up: verdict, value: 0 });
    }
    if (!runner.due) return;
    runner.due = false;
    this.run(runner);
  }
}

function textOf(end: ScriptEnd): string {
  switch (end.kind) {
    case 'exit':
      return `now returning ${end.code}`;
    case 'signal':
      return `was ended by ${end.signal}`;
    case 'timeout':
      return 'took too long and was ended';
    case 'error':
      return `could not be run: ${end.text}`;
  }
}

function stop(runner: Runner): void {
  if (runner.timer !== null) clearInterval(runner.timer);
  runner.timer = null;
  runner.end?.();
}

function sameScript(a: VrrpScript, b: VrrpScript): boolean {
  return (
    JSON.stringify({ ...a, line: 0, file: '', weight: 0 }) === JSON.stringify({ ...b, line: 0, file: '', weight: 0 })
  );
}
