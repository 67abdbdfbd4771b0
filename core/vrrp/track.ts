// What tracked things mean for an instance: faults and weights from interfaces, scripts, files, processes, BFD and
// backends (keepalived.conf: track_*). Computed afresh at each change, never by adding and subtracting.

import type { TrackedInterface, TrackedObject, VrrpModel } from '../model/vrrp.ts';
import type { TrackedFact } from './contract.ts';

const FILE_FAULT = -254; // at or below this a file's product means a fault
const FILE_BONUS_MAX = 253;

/** The state of all tracked things, as told so far. */
export class TrackBoard {
  private readonly told = new Map<string, TrackedFact>();
  private scripts = new Map<string, { weight: number; reverse: boolean; initFail: boolean; backend: BackendNeed }>();
  private files = new Map<string, { weight: number; reverse: boolean }>();
  private processes = new Map<string, { weight: number; reverse: boolean }>();

  constructor(model: VrrpModel) {
    this.configure(model);
  }

  configure(model: VrrpModel): void {
    this.scripts = new Map(
      model.scripts.map((each) => [
        each.name,
        { weight: each.weight, reverse: each.weightReverse, initFail: each.initFail, backend: each.backend },
      ]),
    );
    this.files = new Map(
      model.trackFiles.map((each) => [each.name, { weight: each.weight, reverse: each.weightReverse }]),
    );
    this.processes = new Map(
      model.trackProcesses.map((each) => [each.name, { weight: each.weight, reverse: each.weightReverse }]),
    );
  }

  tell(fact: TrackedFact): void {
    this.told.set(`${fact.kind} ${fact.name}`, { ...fact });
  }

  /** Up, down, or not yet known. */
  stateOf(tracked: TrackedObject): 'up' | 'down' | 'unknown' {
    const script = tracked.kind === 'script' ? this.scripts.get(tracked.name) : undefined;
    const backend = backendOf(tracked, script?.backend ?? null);
    if (backend !== null) {
      const fact = this.told.get(`backend ${backend.name}`);
      if (fact === undefined) return 'unknown';
      return fact.serversUp >= backend.serversUpMin ? 'up' : 'down';
    }
    const fact = this.told.get(`${tracked.kind} ${tracked.name}`);
    if (fact !== undefined) return fact.up ? 'up' : 'down';
    return script?.initFail === true ? 'down' : 'unknown';
  }

  valueOf(name: string): number {
    return this.told.get(`file ${name}`)?.value ?? 0;
  }

  /** The weight in force and its sign: the tracker's own word, else the object's. */
  weightOf(tracked: TrackedObject): { weight: number; reverse: boolean } {
    if (tracked.weight !== null) return { weight: tracked.weight, reverse: tracked.reverse };
    const own =
      tracked.kind === 'script'
        ? this.scripts.get(tracked.name)
        : tracked.kind === 'file'
          ? this.files.get(tracked.name)
          : tracked.kind === 'process'
            ? this.processes.get(tracked.name)
            : undefined;
    return { weight: own?.weight ?? 0, reverse: own?.reverse ?? tracked.reverse };
  }
}

type BackendNeed = { name: string; serversUpMin: number } | null;

function backendOf(tracked: TrackedObject, ofScript: BackendNeed): BackendNeed {
  if (tracked.kind === 'backend') return { name: tracked.name, serversUpMin: tracked.serversUpMin };
  return ofScript;
}

/** What everything tracked comes to. */
export interface Verdict {
  weight: number; // to be added to the base priority
  faults: string[]; // why it may not run, in words
  isPending: boolean; // something of weight 0 has not reported yet: stay in INIT
}

/** @param isUp whether the interface of that name is there and up */
export function judge(
  board: TrackBoard,
  interfaces: readonly TrackedInterface[],
  objects: readonly TrackedObject[],
  isUp: (name: string) => boolean,
): Verdict {
  const verdict: Verdict = { weight: 0, faults: [], isPending: false };
  for (const each of interfaces) {
    judgeOne(verdict, isUp(each.name) ? 'up' : 'down', each.weight, each.reverse, `interface ${each.name}`);
  }
  for (const each of objects) {
    const { weight, reverse } = board.weightOf(each);
    if (each.kind === 'file') judgeFile(verdict, board.valueOf(each.name), weight, reverse, each.name);
    else judgeOne(verdict, board.stateOf(each), weight, reverse, `${each.kind} ${each.name}`, each.kind);
  }
  return verdict;
}

function judgeOne(
  verdict: Verdict,
  state: 'up' | 'down' | 'unknown',
  weight: number,
  reverse: boolean,
  what: string,
  kind = '',
): void {
  if (state === 'unknown') {
    // A script must have spoken before we believe it; the rest are up until told otherwise.
    if (kind === 'script' || kind === 'backend') {
      if (weight === 0) verdict.isPending = true;
      return;
    }
    judgeOne(verdict, 'up', weight, reverse, what);
    return;
  }
  const isUp = state === 'up';
  if (weight === 0) {
    if (isUp === reverse) verdict.faults.push(`${what} is ${state}`);
  } else if (isUp === weight > 0) {
    verdict.weight += reverse ? -weight : weight;
  }
}

function judgeFile(verdict: Verdict, value: number, weight: number, reverse: boolean, name: string): void {
  const sign = reverse ? -1 : 1;
  const isFault = weight === 0 ? (value !== 0) !== reverse : value * weight * sign <= FILE_FAULT;
  if (isFault) verdict.faults.push(`file ${name} is ${value}`);
  else if (weight !== 0) verdict.weight += Math.min(FILE_BONUS_MAX, value * weight * sign);
}
