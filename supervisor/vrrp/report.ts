// What `weir vrrp --json` says: the running election as one document, without any password. The README beside this file
// names its fields; times are milliseconds, moments are ISO 8601.

import type { TrackedObject, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpAnswer, VrrpBfdStatus } from '../../core/model/vrrp-worker.ts';
import { bytesText } from './dump-words.ts';
import type { Transition } from './history.ts';
import type { GroupStatus, InstanceStatus, TrackingStatus } from './status.ts';

type StatusAnswer = Extract<VrrpAnswer, { kind: 'status' }>;

/** Another master that was heard this long ago is one still. */
const SPLIT_NOW_MS_MIN = 10_000;

export interface VrrpReport {
  at: string; // when it was made
  instances: InstanceReport[];
  groups: readonly GroupStatus[];
  tracking: TrackedReport[];
  bfd: readonly VrrpBfdStatus[];
  bfdDrops: Readonly<Record<string, number>>; // packets that no session saw, by the check that refused them
  transitions: { at: string; name: string; from: string; to: string; reason: string }[]; // oldest first
  figures: object;
}

export interface InstanceReport {
  name: string;
  group: string;
  state: string;
  wantState: string;
  interface: string;
  source: string; // '' none
  vrid: number;
  version: number;
  priority: number;
  effectivePriority: number;
  master: string;
  masterPriority: number;
  masterAdvertIntMs: number;
  masterDownMs: number;
  nextAdvertInMs: number; // -1 unless master
  masterDownInMs: number; // -1 unless backup
  sinceMs: number; // ago
  since: string;
  faults: { link: boolean; address: boolean; tracker: number };
  /** Adverts of another master while this was one; `now`: lately. */
  splitBrain: { adverts: number; lastMs: number; now: boolean }; // lastMs: ago, -1 never
  addresses: string[];
  excluded: string[];
  counters: Readonly<Record<string, number>>;
}

export interface TrackedReport {
  kind: TrackedObject['kind'] | 'interface';
  name: string;
  /** null: not known here. */
  up: boolean | null;
  detail: string;
  by: string[]; // instances and groups
}

export interface ReportParts {
  model: VrrpModel;
  answer: StatusAnswer;
  tracking: TrackingStatus;
  transitions: readonly Transition[];
  wallMs: number;
}

export function reportOf(parts: ReportParts): VrrpReport {
  const { answer, model, transitions, wallMs } = parts;
  return {
    at: new Date(wallMs).toISOString(),
    instances: (answer.instances as readonly InstanceStatus[]).map((each) => instanceOf(each, parts)),
    groups: answer.groups as readonly GroupStatus[],
    tracking: trackingOf(model, parts),
    bfd: answer.bfd ?? [],
    bfdDrops: answer.bfdDrops ?? {},
    transitions: transitions.map(({ atMs, ...each }) => ({ at: new Date(atMs).toISOString(), ...each })),
    figures: answer.figures,
  };
}

function instanceOf(each: InstanceStatus, { answer, wallMs }: ReportParts): InstanceReport {
  const sinceMs = answer.nowMs - each.sinceMs;
  const lastMs = each.unexpectedAtMs < 0 ? -1 : answer.nowMs - each.unexpectedAtMs;
  const addressOf = ({ address, prefix }: { address: string; prefix: number }): string => `${address}/${prefix}`;
  return {
    name: each.name,
    group: each.group,
    state: each.state,
    wantState: each.wantState,
    interface: each.config.interfaceName,
    source: each.source === null ? '' : bytesText(each.source),
    vrid: each.config.vrid,
    version: each.config.version,
    priority: each.basePriority,
    effectivePriority: each.effectivePriority,
    master: each.masterAddress === null ? '' : bytesText(each.masterAddress),
    masterPriority: each.masterPriority,
    masterAdvertIntMs: each.masterAdvertIntMs,
    masterDownMs: each.masterDownMs,
    nextAdvertInMs: each.nextAdvertInMs,
    masterDownInMs: each.masterDownInMs,
    sinceMs,
    since: new Date(wallMs - sinceMs).toISOString(),
    faults: each.faults,
    splitBrain: {
      adverts: each.counters.unexpected_master,
      lastMs,
      now: each.state === 'master' && lastMs >= 0 && lastMs < Math.max(SPLIT_NOW_MS_MIN, 3 * each.masterDownMs),
    },
    addresses: each.config.addresses.map(addressOf),
    excluded: each.config.excluded.map(addressOf),
    counters: each.counters,
  };
}

function trackingOf(model: VrrpModel, { tracking, answer }: ReportParts): TrackedReport[] {
  const found = new Map<string, TrackedReport>();
  for (const holder of [...model.instances, ...model.groups]) {
    const add = (kind: TrackedReport['kind'], name: string): void => {
      const key = `${kind} ${name}`;
      const entry = found.get(key) ?? { kind, name, ...stateOf(kind, name, tracking, answer), by: [] };
      entry.by.push(holder.name);
      found.set(key, entry);
    };
    for (const { name } of holder.trackInterfaces) add('interface', name);
    for (const { kind, name } of holder.tracked) add(kind, name);
  }
  return [...found.values()];
}

function stateOf(
  kind: TrackedReport['kind'],
  name: string,
  tracking: TrackingStatus,
  answer: StatusAnswer,
): Pick<TrackedReport, 'up' | 'detail'> {
  const isIt = (each: { name: string }): boolean => each.name === name;
  switch (kind) {
    case 'script': {
      const script = tracking.scripts.find(isIt);
      if (script === undefined || !script.known) return { up: null, detail: 'it has not ended for the first time' };
      return { up: script.up, detail: script.last };
    }
    case 'file': {
      const file = tracking.files.find(isIt);
      return file === undefined ? { up: null, detail: '' } : { up: true, detail: `value ${file.value}` };
    }
    case 'process': {
      const process = tracking.processes.find(isIt);
      return process === undefined
        ? { up: null, detail: '' }
        : { up: process.up, detail: `${process.count} running${process.waiting === '' ? '' : ', changing'}` };
    }
    case 'backend': {
      const backend = answer.backends?.find(isIt);
      if (backend === undefined) return { up: null, detail: '' };
      return { up: backend.serversUp > 0, detail: `${backend.serversUp} servers up` };
    }
    case 'bfd': {
      const session = answer.bfd?.find(isIt);
      if (session === undefined) return { up: false, detail: 'its session cannot run' };
      return { up: session.trackedUp, detail: `${session.state}: ${session.reason}` };
    }
    case 'interface': {
      const link = answer.links?.find(isIt);
      return link === undefined ? { up: false, detail: 'it is not there' } : { up: link.up, detail: '' };
    }
  }
}
