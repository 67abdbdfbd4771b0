// vrrp_track_process: how many processes of a name run (keepalived.conf(5) "vrrp_track_process").
//
// /proc is read every LOOK_MS while something is tracked. A change counts once it has lasted for the delay of its
// direction: `terminate_delay` when too few run, `fork_delay` when enough do.

import { readdirSync, readFileSync } from 'node:fs';
import type { VrrpModel, VrrpTrackProcess } from '../../core/model/vrrp.ts';
import type { TrackReport } from './track-scripts.ts';

const LOOK_MS = 250;
const COMM_BYTES_MAX = 15; // what the kernel keeps of a name

interface Watched {
  tracked: VrrpTrackProcess;
  told: boolean | null;
  since: number; // performance.now() of when the present verdict began
  verdict: boolean;
}

export class TrackProcesses {
  private readonly report: TrackReport;
  private watched: Watched[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(report: TrackReport) {
    this.report = report;
  }

  configure(model: VrrpModel): void {
    this.stop();
    const since = performance.now();
    this.watched = model.trackProcesses.map((tracked) => ({ tracked, told: null, since, verdict: false }));
    if (this.watched.length === 0) return;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private look(): void {
    const running = readProcesses();
    const now = performance.now();
    for (const each of this.watched) {
      const { tracked } = each;
      const count = running.filter((process) => matches(tracked, process)).length;
      const verdict = count >= tracked.quorum && (tracked.quorumMax < 0 || count <= tracked.quorumMax);
      if (verdict !== each.verdict) {
        each.verdict = verdict;
        each.since = now;
      }
      const delayMs =
        each.told === null
          ? 0
          : verdict
            ? tracked.forkDelayMs || tracked.delayMs
            : tracked.terminateDelayMs || tracked.delayMs;
      if (each.told === verdict || now - each.since < delayMs) continue;
      each.told = verdict;
      this.report.log('info', `Process tracking ${tracked.name}: quorum ${verdict ? 'gained' : 'lost'} (${count})`);
      this.report.result({ kind: 'process', name: tracked.name, up: verdict, value: 0 });
    }
  }
}

interface RunningProcess {
  comm: string;
  words: readonly string[]; // its command line
}

function readProcesses(): RunningProcess[] {
  const found: RunningProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const comm = readFileSync(`/proc/${name}/comm`, 'latin1').trimEnd();
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0').slice(0, -1);
      found.push({ comm, words });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Whether a process is one of those that are tracked. */
export function matches(tracked: VrrpTrackProcess, process: RunningProcess): boolean {
  const [program = '', ...parameters] = process.words;
  const isNamed = tracked.fullCommand
    ? program === tracked.process
    : process.comm === tracked.process.slice(tracked.process.lastIndexOf('/') + 1).slice(0, COMM_BYTES_MAX);
  if (!isNamed) return false;
  if (tracked.parameterMatch === 'none') return parameters.length === 0;
  const wanted = tracked.parameters;
  if (wanted.length === 0) return true;
  switch (tracked.parameterMatch) {
    case 'exact':
      return parameters.length === wanted.length && wanted.every((word, index) => word === parameters[index]);
    case 'initial':
      return wanted.every((word, index) => word === parameters[index]);
    case 'partial':
      return wanted.every((word, index) => {
        const given = parameters[index] ?? '';
        return index === wanted.length - 1 ? given.startsWith(word) : given === word;
      });
  }
}
