// vrrp_track_process: how many processes of a name run (keepalived.conf(5) "vrrp_track_process").
//
// /proc is read every LOOK_MS while something is tracked. A change counts once it has lasted for the delay of its
// direction: `terminate_delay` when too few run, `fork_delay` when enough do.

import { readdirSync, readFileSync } from 'node:fs';
import type { VrrpModel, VrrpTrackProcess } from '../../core/model/vrrp.ts';
import type { TrackedProcessStatus } from './status.ts';
import type { TrackReport } from './track-scripts.ts';

const LOOK_MS = 250;
const COMM_BYTES_MAX = 15; // what the kernel keeps of a name

interface Watched {
  tracked: VrrpTrackProcess;
  told: boolean | null;
  since: number; // performance.now() of when the present verdict began
  verdict: boolean;
  count: number;
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
    this.watched = model.trackProcesses.map((tracked) => ({ tracked, told: null, since, verdict: false, count: 0 }));
    if (this.watched.length === 0) return;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  status(): TrackedProcessStatus[] {
    return this.watched.map(({ tracked, told, verdict, count }) => ({
      name: tracked.name,
      up: told ?? false,
      count,
      waiting: told === null || told === verdict ? '' : verdict ? 'fork' : 'terminate',
    }));
  }

  private look(): void {
    const running = readProcesses(this.watched.some(({ tracked }) => needsWords(tracked)));
    const now = performance.now();
    for (const each of this.watched) {
      const { tracked } = each;
      const count = running.filter((process) => matches(tracked, process)).length;
      const verdict = count >= tracked.quorum && (tracked.quorumMax < 0 || count <= tracked.quorumMax);
      each.count = count;
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

/** `withWords`: their command lines too, which cost another look at each. Zombies run no more. */
function readProcesses(withWords: boolean): RunningProcess[] {
  const found: RunningProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // `123 (name) S …`; the name may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const end = stat.lastIndexOf(')');
      if (/[ZX]/.test(stat[end + 2] ?? 'X')) continue;
      const comm = stat.slice(stat.indexOf('(') + 1, end);
      const words = withWords ? readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0').slice(0, -1) : [];
      found.push({ comm, words });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

const needsWords = (tracked: VrrpTrackProcess): boolean => tracked.fullCommand || tracked.parameterMatch !== 'none';

/** Whether a process is one of those that are tracked. */
export function matches(tracked: VrrpTrackProcess, process: RunningProcess): boolean {
  const [program = '', ...parameters] = process.words;
  const isNamed = tracked.fullCommand
    ? program === tracked.process
    : process.comm === tracked.process.slice(tracked.process.lastIndexOf('/') + 1).slice(0, COMM_BYTES_MAX);
  if (!isNamed) return false;
  const wanted = tracked.parameters;
  switch (tracked.parameterMatch) {
    case 'none':
      return true;
    case 'exact':
      return parameters.length === wanted.length && wanted.every((word, index) => word === parameters[index]);
    case 'partial': // the first ones are these
      return wanted.every((word, index) => word === parameters[index]);
    case 'initial': // and the last of them may be longer
      return wanted.every((word, index) => {
        const given = parameters[index] ?? '';
        return index === wanted.length - 1 ? given.startsWith(word) : given === word;
      });
  }
}
