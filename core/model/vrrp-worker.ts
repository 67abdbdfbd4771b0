// What the VRRP thread is started with and what it and the supervisor say to each other: plain, cloneable data.
//
// The thread never waits on anyone: it looks for messages when its eventfd fires, and everything that may take time
// (track scripts, notify scripts, mail, files, processes) is done by the supervisor, which sends results as facts.
// Every post to the thread is followed by a write to `wakeFd`. What it posts itself needs no wake.

import type { VrrpModel } from './vrrp.ts';

export interface VrrpWorkerData {
  model: VrrpModel;
  wakeFd: number; // an eventfd of the supervisor's, non-blocking; never closed by the worker
  /** Where `weir:backend NAME` reads: core/shared/server-words, and which words belong to whom; null: no proxies. */
  serverWords: SharedArrayBuffer | null;
  backends: readonly VrrpBackend[];
  /** core/vrrp's ExportedState of the thread or process this one takes over from; null: a fresh start. */
  state: object | null;
  stateTakenAtMs: number; // CLOCK_MONOTONIC when it was exported
}

/** A proxy's servers, by their positions in the server words. */
export interface VrrpBackend {
  name: string;
  serverIndexes: readonly number[];
}

/** The result of something tracked that the supervisor watches. */
export interface VrrpTrackResult {
  kind: 'script' | 'file' | 'process' | 'bfd';
  name: string;
  up: boolean;
  value: number; // a file's number; 0 for the others
}

export type VrrpQuestion =
  | 'status' // VrrpStatusAnswer
  | 'export' // the run state; the thread goes on
  | 'clear-counters';

/** Supervisor → VRRP thread. */
export type ToVrrpWorker =
  | { kind: 'tracked'; result: VrrpTrackResult }
  | { kind: 'reload'; model: VrrpModel; backends: readonly VrrpBackend[] }
  | { kind: 'ask'; id: number; question: VrrpQuestion }
  | { kind: 'ping'; id: number } // say 'pong'
  | { kind: 'stop' } // priority 0, everything released, 'stopped'
  /** Someone takes over: 'answer' holds the state; nothing is released, nothing more is sent, the thread ends. */
  | { kind: 'hand-over'; id: number }
  | { kind: 'crash' }; // test hook

/** VRRP thread → supervisor. */
export type FromVrrpWorker =
  | { kind: 'ready' } // the election runs
  /** The thread cannot do its work: text names what is missing; it ends. */
  | { kind: 'refused'; capability: string; text: string }
  | { kind: 'log'; level: 'error' | 'warning' | 'notice' | 'info'; text: string }
  | { kind: 'notify'; type: 'INSTANCE' | 'GROUP'; name: string; state: string; priority: number }
  | { kind: 'answer'; id: number; answer: VrrpAnswer }
  | { kind: 'pong'; id: number }
  | { kind: 'stopped' };

export type VrrpAnswer =
  | { kind: 'status'; instances: readonly object[]; groups: readonly object[]; nowMs: number; figures: VrrpFigures }
  | { kind: 'state'; state: object; takenAtMs: number } // core/vrrp's ExportedState
  | { kind: 'done' };

/** How well the thread keeps its times. Milliseconds; lateness is from the deadline to the moment it is acted on. */
export interface VrrpFigures {
  turnCount: number;
  deadlineCount: number;
  lateMsMax: number;
  /** Deadlines met within 0.1, 0.25, 0.5, 1, 2, 3, 5, 10 ms, and later. */
  lateCounts: readonly number[];
  packetsIn: number;
  packetsOut: number;
  packetsDropped: number; // truncated, or from an interface nobody listens on
  sendErrors: number;
  netlinkErrors: number;
  netlinkOverruns: number; // ENOBUFS: everything was dumped again
  turnMsMax: number; // longest time between waking up and waiting again
  realtime: boolean;
  memoryLocked: boolean;
}
