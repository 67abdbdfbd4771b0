// An instance's run state as plain data, to move role and timers to another process without a missed advert, and the
// snapshot that dumps are made of. Deadlines travel relative: the receiver may have another clock.

import type { ExportedInstance, InstanceStatus } from './contract.ts';
import type { Instance } from './instance.ts';

function inMs(atMs: number, nowMs: number): number {
  return Number.isFinite(atMs) ? Math.max(0, atMs - nowMs) : -1;
}

function atMs(inMs: number, nowMs: number): number {
  return inMs < 0 ? Infinity : nowMs + inMs;
}

export function exportInstance(instance: Instance, nowMs: number): ExportedInstance {
  const { config } = instance.settings;
  const { announcer } = instance;
  return {
    name: config.name,
    family: config.family,
    vrid: config.vrid,
    state: instance.state,
    wantState: instance.wantState,
    ownerLowered: instance.ownerLowered,
    effectivePriority: instance.effectivePriority,
    masterPriority: instance.masterPriority,
    masterAddress: [...(instance.masterAddress ?? [])],
    masterAdvertIntMs: instance.masterAdvertIntMs,
    advertInMs: inMs(instance.advertAtMs, nowMs),
    masterDownInMs: inMs(instance.masterDownAtMs, nowMs),
    preemptInMs: inMs(instance.preemptAtMs, nowMs),
    sinceLastSentMs: Number.isFinite(instance.lastSentAtMs) ? nowMs - instance.lastSentAtMs : -1,
    sinceMs: nowMs - instance.sinceMs,
    sinceWallMs: instance.sinceWallMs,
    delayedBurstInMs: inMs(announcer.delayedAtMs, nowMs),
    refreshInMs: inMs(announcer.refreshAtMs, nowMs),
    lowerBurstInMs: inMs(announcer.lowerAtMs, nowMs),
    queued: announcer.queue.map((each) => ({ ...each, address: [...each.address] })),
    queueInMs: inMs(announcer.queueAtMs, nowMs),
    ipId: instance.ipId,
    ahSequence: instance.ahSequence,
    ahSeen: instance.ahSeen.map((each) => ({ ...each, source: [...each.source] })),
    hmacSent: [instance.hmacSent.high, instance.hmacSent.low],
    hmacSeen: instance.hmacSeen.map((each) => ({ ...each, source: [...each.source] })),
    counters: { ...instance.counters },
  };
}

/** @param exportedAtMs when exportInstance ran, on this process's clock */
export function importInstance(instance: Instance, state: ExportedInstance, exportedAtMs: number): void {
  const { announcer } = instance;
  instance.state = state.state;
  instance.wantState = state.wantState;
  instance.holdsAddresses = state.state === 'master';
  instance.ownerLowered = state.ownerLowered && instance.settings.isOwner;
  instance.effectivePriority = state.effectivePriority;
  if (instance.settings.isOwner) instance.effectivePriority = instance.ownerLowered ? 254 : 255;
  instance.masterPriority = state.masterPriority;
  instance.masterAddress = state.masterAddress.length === 0 ? null : new Uint8Array(state.masterAddress);
  instance.masterAdvertIntMs = state.masterAdvertIntMs;
  instance.advertAtMs = atMs(state.advertInMs, exportedAtMs);
  instance.masterDownAtMs = atMs(state.masterDownInMs, exportedAtMs);
  instance.preemptAtMs = atMs(state.preemptInMs, exportedAtMs);
  instance.lastSentAtMs = state.sinceLastSentMs < 0 ? -Infinity : exportedAtMs - state.sinceLastSentMs;
  instance.sinceMs = exportedAtMs - state.sinceMs;
  instance.sinceWallMs = state.sinceWallMs;
  announcer.delayedAtMs = atMs(state.delayedBurstInMs, exportedAtMs);
  announcer.refreshAtMs = atMs(state.refreshInMs, exportedAtMs);
  announcer.lowerAtMs = atMs(state.lowerBurstInMs, exportedAtMs);
  announcer.queue = state.queued.map((each) => ({ ...each, address: new Uint8Array(each.address) }));
  announcer.queueAtMs = atMs(state.queueInMs, exportedAtMs);
  instance.ipId = state.ipId;
  instance.ahSequence = state.ahSequence;
  instance.ahSeen = state.ahSeen.map((each) => ({ ...each, source: [...each.source] }));
  instance.hmacSent = { high: state.hmacSent[0], low: state.hmacSent[1] };
  instance.hmacSeen = state.hmacSeen.map((each) => ({ ...each, source: [...each.source] }));
  instance.counters = { ...instance.counters, ...state.counters };
}

export function statusOf(instance: Instance, nowMs: number): InstanceStatus {
  const { config } = instance.settings;
  return {
    name: config.name,
    group: instance.group?.name ?? '',
    state: instance.state,
    wantState: instance.wantState,
    basePriority: config.priority,
    effectivePriority: instance.effectivePriority,
    faults: { ...instance.faults },
    masterPriority: instance.masterPriority,
    masterAddress: instance.masterAddress?.slice() ?? null,
    masterAdvertIntMs: instance.masterAdvertIntMs,
    masterDownMs: instance.masterDownMs,
    nextAdvertInMs: inMs(instance.advertAtMs, nowMs),
    masterDownInMs: inMs(instance.masterDownAtMs, nowMs),
    source: instance.source?.slice() ?? null,
    ifindex: instance.ifindex,
    sinceMs: instance.sinceMs,
    sinceWallMs: instance.sinceWallMs,
    unexpectedAtMs: instance.unexpectedAtMs,
    counters: { ...instance.counters },
    config,
  };
}
