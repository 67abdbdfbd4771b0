// What a proxy thread is started with and what it and the supervisor say to each other: plain, cloneable data.
//
// Listening sockets belong to the supervisor: it opened them and it alone closes them, so that a replaced thread
// finds them where they were. A worker only arms accept on them, and cancels that on 'soft-stop' and 'pause'.
// Messages are handled in the order they were posted; every post is followed by a wake (core/shared/wake.ts).

import type { PatternChange, ProcValue } from './language.ts';
import type { Model } from './model.ts';

import type { Address } from './proxy.ts';

export type { PatternChange, ProcValue } from './language.ts';

/** A listening socket to accept from: this thread's own SO_REUSEPORT socket, or one all threads share. */
export interface Listener {
  proxyIndex: number; // position in Model.proxies
  bindIndex: number; // position in that proxy's binds
  fd: number; // listening, non-blocking; never closed by the worker
}

/** SharedArrayBuffers, attached with the classes of core/shared. */
export interface SharedBuffers {
  serverWords: SharedArrayBuffer;
  serverLoad: SharedArrayBuffer;
  counters: SharedArrayBuffer;
  rotations: SharedArrayBuffer;
  tables: readonly SharedArrayBuffer[]; // by Model.tables index
  fdOwners: SharedArrayBuffer;
  wake: SharedArrayBuffer; // the thread's eventfd is already published in it
}

export interface ProxyWorkerData {
  model: Model;
  threadIndex: number;
  threadCount: number;
  listeners: Listener[];
  engine: '' | 'uring' | 'epoll'; // '' choose by yourself, and say in 'ready' which and why
  shared: SharedBuffers;
  procValues: readonly ProcValue[]; // what `set-var` and later changes gave the process's variables
  startedAtMs: number; // the process's start, Date.now()
  pid: number;
}

/** What a command of the runtime API changes in every thread. The supervisor has checked it: it cannot fail. */
export type Change =
  | { kind: 'server-changed'; serverIndex: number } // its word in shared memory: queues are looked at again
  | { kind: 'server-address'; serverIndex: number; address: Address; portOffset: number }
  | { kind: 'server-maxconn'; serverIndex: number; maxconn: number; minconn: number }
  | { kind: 'frontend-maxconn'; proxyIndex: number; maxconn: number }
  | { kind: 'global-maxconn'; maxconn: number }
  | { kind: 'rate-limit'; what: 'connections' | 'sessions'; perSecond: number } // of the process; 0 none
  | { kind: 'frontend-accepts'; proxyIndex: number; accepts: boolean; forGood: boolean } // for good: its sockets close
  | { kind: 'clear-counters'; all: boolean } // false: only the maxima
  | { kind: 'kill-server-streams'; serverIndex: number }
  | { kind: 'patterns'; change: PatternChange }
  | { kind: 'proc-variable'; variable: ProcValue };

/** What a command asks every thread; each answers for itself. */
export type Question = { kind: 'figures' } | { kind: 'streams' } | { kind: 'kill-stream'; id: number }; // stream ids are unique among the threads, see core/proxy/sessions.ts

export type ThreadAnswer =
  | ({ kind: 'figures' } & ThreadFigures)
  | { kind: 'streams'; streams: StreamReport[] }
  | { kind: 'kill-stream'; killed: boolean };

export interface ThreadFigures {
  streamCount: number;
  droppedLogs: number;
  pipesUsed: number;
  pipesFree: number;
  /** By Server.index: connections idle (unproven, safe, private), in use, most in use, estimated to be needed. */
  servers: { unproven: number; safe: number; priv: number; used: number; usedMax: number; needed: number }[];
}

/** One running stream, for `show sess`; texts are latin1, ages ms, −1 where a deadline is not set. */
export interface StreamReport {
  id: number;
  proxyIndex: number;
  bindIndex: number;
  backendIndex: number; // −1: none chosen
  serverIndex: number; // −1
  source: string; // "127.0.0.1:4711", "unix:1", or ''
  target: string;
  ageMs: number;
  phase: string;
  isHttp: boolean;
  requestLine: string; // '' when none was captured
  frontFd: number;
  backFd: number; // −1
  frontLeftMs: number;
  backLeftMs: number;
  bytesIn: number;
  bytesOut: number;
  waitingToSendFront: number;
  waitingToSendBack: number;
  retries: number;
}

/** Supervisor → worker. */
export type ToWorker =
  | { kind: 'soft-stop' } // accept no more, let connections finish, then say 'drained'
  | { kind: 'hard-stop' } // close everything, say 'stopped', return from the loop
  | { kind: 'pause' } // accept no more until 'resume'; connections go on
  | { kind: 'resume' } // the sockets listen again: accept
  | { kind: 'dump' } // say 'dump' with figures of engine, buffers and pools for people
  | { kind: 'change'; change: Change }
  | { kind: 'ask'; id: number; question: Question } // say 'answer'
  | { kind: 'ping'; id: number } // say 'pong': everything posted before has been done
  | { kind: 'crash' }; // test hook: throw out of the loop

/** Worker → supervisor. */
export type FromWorker =
  | { kind: 'ready'; engine: 'uring' | 'epoll'; engineReason: string } // accepting
  | { kind: 'drained' } // after 'soft-stop': no connection is left
  | { kind: 'stopped' } // after 'hard-stop': the thread ends now
  | { kind: 'event'; level: EventLevel; text: string; fields?: Record<string, string | number> }
  | { kind: 'dump'; text: string }
  | { kind: 'answer'; id: number; answer: ThreadAnswer }
  | { kind: 'proc-variable-changed'; variable: ProcValue } // by a rule, as above
  | { kind: 'patterns-changed'; change: PatternChange } // by a rule; it is made here already, the others must follow
  | { kind: 'pong'; id: number };

export type EventLevel = 'debug' | 'info' | 'warn' | 'error';
