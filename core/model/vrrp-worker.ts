// What the VRRP thread is started with and what it and the supervisor say to each other: plain, cloneable data.
//
// The thread never waits on anyone: it looks for messages when its eventfd fires, and everything that may take time
// (track scripts, notify scripts, mail, files, processes) is done by the supervisor, which sends results as facts.
// Every post to the thread is followed by a write to `wakeFd`. What it posts itself needs no wake.

import type { VrrpGlobal, VrrpModel } from './vrrp.ts';

export interface VrrpWorkerData {
  model: VrrpModel;
  wakeFd: number; // an eventfd of the supervisor's, non-blocking; never closed by the worker
  /** Where `weir:backend NAME` reads: core/shared/server-words, and which words belong to whom; null: no proxies. */
  serverWords: SharedArrayBuffer | null;
  backends: readonly VrrpBackend[];
  /** What the thread or process this one takes over from gave away with 'hand-over'; null: a fresh start. */
  state: object | null;
  stateTakenAtMs: number; // CLOCK_MONOTONIC when it was exported
  /** Get everything ready, say 'prepared', and wait for 'adopt': until then someone else is the router here. */
  waits: boolean;
  /** The MessagePort by which a predecessor in this process sends its 'adopt'; null: it comes from the supervisor. */
  inbox: object | null;
  /** Where its deputy looks (core/shared/deputy-board), whether there is one just now or not, and the eventfd. */
  deputy: { board: SharedArrayBuffer; wakeFd: number };
}

/** What the deputy of the VRRP thread is started with. */
export interface VrrpDeputyData {
  board: SharedArrayBuffer;
  wakeFd: number; // as above
  global: VrrpGlobal; // for its scheduling
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
  /**
   * Someone takes over: 'answer' holds the state; nothing is released, nothing more is sent, the thread ends.
   * With a `claim` an heir in this process is told at once, without the supervisor's turn: by `heir`, its MessagePort
   * (null: as before), and `heirWakeFd`. Unless the heir takes the claim before something is due, the thread takes it
   * back, goes on, and answers 'done'.
   */
  | {
      kind: 'hand-over';
      id: number;
      heir: object | null;
      heirWakeFd: number;
      claim: SharedArrayBuffer | null;
    }
  /**
   * To a thread that waits: it is the router from now on, if it gets the claim. Without a state: a fresh start, the
   * predecessor died.
   */
  | { kind: 'adopt'; state: object | null; takenAtMs: number; claim: SharedArrayBuffer | null }
  | { kind: 'crash' }; // test hook

/** VRRP thread → supervisor. */
export type FromVrrpWorker =
  | { kind: 'prepared' } // it waits for 'adopt'
  | { kind: 'ready' } // the election runs
  /** The thread cannot do its work: text names what is missing; it ends. */
  | { kind: 'refused'; capability: string; text: string }
  | { kind: 'log'; level: 'error' | 'warning' | 'notice' | 'info'; text: string }
  | { kind: 'notify'; type: 'INSTANCE' | 'GROUP'; name: string; state: string; priority: number }
  | { kind: 'answer'; id: number; answer: VrrpAnswer }
  | { kind: 'pong'; id: number }
  | { kind: 'stopped' };

export type VrrpAnswer =
  | {
      kind: 'status';
      instances: readonly object[];
      groups: readonly object[];
      nowMs: number;
      figures: VrrpFigures;
      sockets?: readonly VrrpSocket[];
      /** Of `weir:backend`: how many servers are usable. */
      backends?: readonly { name: string; serversUp: number }[];
      links?: readonly { name: string; up: boolean }[]; // as the election was told
      bfd?: readonly VrrpBfdStatus[];
      bfdDrops?: Readonly<Record<string, number>>; // packets that no session saw, by the check that refused them
    }
  | { kind: 'state'; state: object; takenAtMs: number } // opaque to all but a VRRP thread
  | { kind: 'done' };

/** A BFD session, for `weir vrrp`: core/bfd's BfdStatus, intervals in milliseconds, moments as "ago". */
export interface VrrpBfdStatus {
  name: string;
  state: 'admin-down' | 'down' | 'init' | 'up';
  remoteState: 'admin-down' | 'down' | 'init' | 'up';
  trackedUp: boolean; // what those who track it were told: a neighbor that stopped in order leaves it as it was
  neighbor: string;
  source: string;
  multihop: boolean;
  passive: boolean;
  localDiscriminator: number;
  remoteDiscriminator: number;
  localDiagnostic: string;
  remoteDiagnostic: string;
  txIntervalMs: number;
  detectionMs: number;
  desiredMinTxMs: number;
  requiredMinRxMs: number;
  remoteMinTxMs: number;
  remoteMinRxMs: number;
  remoteMultiplier: number;
  polling: boolean;
  sinceMs: number;
  heardMs: number;
  reason: string;
  counters: Readonly<Record<string, number>>;
  sendErrors: number;
}

/** An open receiving socket and who uses it, for keepalived.data. */
export interface VrrpSocket {
  fdIn: number;
  fdOut: number; // -1: nothing was sent there yet
  interfaceName: string; // '' any
  family: 'inet' | 'inet6';
  protocol: number; // 112, or 51 with AH
  source: string; // unicast: our own address; '' multicast
  receiveBytes: number; // 0: the kernel's default
  instances: readonly string[];
}

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
