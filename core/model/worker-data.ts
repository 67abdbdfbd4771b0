// What a proxy thread is started with and what it and the supervisor say to each other: plain, cloneable data.
//
// Listening sockets belong to the supervisor: it opened them and it alone closes them, so that a replaced thread
// finds them where they were. A worker only arms accept on them, and cancels that on 'soft-stop' and 'pause'.
// Messages are handled in the order they were posted; every post is followed by a wake (core/shared/wake.ts).

import type { Model } from './model.ts';

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
  startedAtMs: number; // the process's start, Date.now()
  pid: number;
}

/** Supervisor → worker. */
export type ToWorker =
  | { kind: 'soft-stop' } // accept no more, let connections finish, then say 'drained'
  | { kind: 'hard-stop' } // close everything, say 'stopped', return from the loop
  | { kind: 'pause' } // accept no more until 'resume'; connections go on
  | { kind: 'resume' } // the sockets listen again: accept
  | { kind: 'dump' } // say 'dump' with figures of engine, buffers and pools for people
  | { kind: 'ping'; id: number } // say 'pong': everything posted before has been done
  | { kind: 'crash' }; // test hook: throw out of the loop

/** Worker → supervisor. */
export type FromWorker =
  | { kind: 'ready'; engine: 'uring' | 'epoll'; engineReason: string } // accepting
  | { kind: 'drained' } // after 'soft-stop': no connection is left
  | { kind: 'stopped' } // after 'hard-stop': the thread ends now
  | { kind: 'event'; level: EventLevel; text: string; fields?: Record<string, string | number> }
  | { kind: 'dump'; text: string }
  | { kind: 'pong'; id: number };

export type EventLevel = 'debug' | 'info' | 'warn' | 'error';
