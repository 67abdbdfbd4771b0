// The proxy threads: started, watched, replaced when they crash, drained and stopped. Start at start().
//
// One slot a thread number. A thread that throws takes only its own connections with it: its descriptors are found
// in the shared ownership table and closed, the places it held are given back, and another thread takes over the
// slot with the same listening sockets, so clients wait in the kernel's queue at worst. Nothing here runs while
// nothing happens, but for one look at every thread's health in WATCH_MS.

import { Worker } from 'node:worker_threads';
import { monotonicMs } from '../../core/base/clock.ts';
import type { Model } from '../../core/model/model.ts';
import type {
  Change,
  EventLevel,
  FromWorker,
  Listener,
  PatternChange,
  ProcValue,
  ProxyWorkerData,
  Question,
  ThreadAnswer,
  ToWorker,
} from '../../core/model/worker-data.ts';
import { SHUT_RDWR } from '../../core/sys/abi.ts';
import { close, shutdown } from '../../core/sys/libc.ts';
import { type CodeImage, workerSource } from './code-image.ts';
import { RestartPolicy } from './restart-policy.ts';
import type { SharedTables } from './shared-tables.ts';
import { within } from './within.ts';

const WATCH_MS = 10_000; // a thread that has not answered by the next look is taken for hung

export interface FleetOptions {
  model: Model;
  threadCount: number;
  tables: SharedTables;
  listeners: (threadIndex: number) => Listener[];
  startedAtMs: number;
  workerUrl: URL;
  image: CodeImage | null; // not null: threads cannot be started from disk
  onReady: () => void; // once: all threads accept
  onGiveUp: (reason: string) => void; // the process cannot serve (any more)
  onEvent: (level: EventLevel, text: string, fields: Record<string, string | number>) => void;
  /** A thread's rules changed patterns; the other threads are told. */
  onPatterns?: (change: PatternChange) => void;
  onVariable?: (variable: ProcValue) => void; // likewise, of a proc variable
  procValues?: () => readonly ProcValue[]; // what a thread that starts now begins with
  /** What a thread that starts later must be told to be like the others. */
  replay?: () => Iterable<Change>;
}

interface Slot {
  index: number;
  worker: Worker | null;
  state: 'starting' | 'ready' | 'waiting' | 'gone'; // waiting: crashed, to be started again
  drained: boolean;
  restartCount: number;
  pingsOut: Map<number, () => void>; // by id, who waits for the pong
  unanswered: boolean; // since the last look of the watch
  dumpsOut: ((text: string) => void)[];
  asksOut: Map<number, (answer: ThreadAnswer | null) => void>; // by id; null: the thread is gone
}

export class Fleet {
  private readonly options: FleetOptions;
  private readonly slots: Slot[] = [];
  private readonly policy: RestartPolicy;
  private phase: 'running' | 'draining' | 'stopping' = 'running';
  private announced = false; // onReady was called
  private paused = false;
  private readonly pausedProxies = new Set<number>(); // by command: a replacement thread must not accept there
  private pingId = 0;
  private watch: NodeJS.Timeout | null = null;
  private readonly emptied: (() => void)[] = []; // wait until every thread is gone
  private readonly idled: (() => void)[] = []; // wait until every thread is drained or gone

  constructor(options: FleetOptions) {
    this.options = options;
    this.policy = new RestartPolicy(options.threadCount);
    for (let index = 0; index < options.threadCount; index++) {
      this.slots.push({
        index,
        worker: null,
        state: 'waiting',
        drained: false,
        restartCount: 0,
        pingsOut: new Map(),
        unanswered: false,
        dumpsOut: [],
        asksOut: new Map(),
      });
    }
  }

  start(): void {
    for (const slot of this.slots) this.spawn(slot);
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
  }

  /** Resolves when every living thread has done all that was posted before. */
  async settle(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.ping(slot)));
  }

  pause(): Promise<void> {
    this.paused = true;
    this.postAll({ kind: 'pause' });
    return this.settle();
  }

  resume(): void {
    this.paused = false;
    this.postAll({ kind: 'resume' });
  }

  /** No thread accepts any more; resolves when that is true of all. Then await drained(). */
  softStop(): Promise<void> {
    this.phase = 'draining';
    for (const slot of this.slots) if (slot.state === 'waiting') this.leave(slot);
    this.postAll({ kind: 'soft-stop' });
    return this.settle();
  }

  /** Resolves when no thread has a connection left; only after softStop(). */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.idled.push(resolve);
      this.checkIdle();
    });
  }

  /** Ends all threads, connections included. False when one did not end within `timeoutMs`. */
  async hardStop(timeoutMs: number): Promise<boolean> {
    this.phase = 'stopping';
    if (this.watch !== null) clearInterval(this.watch);
    for (const slot of this.slots) if (slot.state === 'waiting') this.leave(slot);
    this.postAll({ kind: 'hard-stop' });
    const gone = new Promise<boolean>((resolve) => {
      this.emptied.push(() => resolve(true));
      this.checkEmpty();
    });
    return within(timeoutMs, gone, false);
  }

  /** Each living thread's own figures, for people. */
  dump(): Promise<string[]> {
    const living = this.slots.filter((slot) => slot.state === 'ready');
    return Promise.all(
      living.map(
        (slot) =>
          new Promise<string>((resolve) => {
            slot.dumpsOut.push(resolve);
            this.post(slot, { kind: 'dump' });
          }),
      ),
    );
  }

  /** Resolves when every living thread has made the change. Later ones start with the model as it is then. */
  change(change: Change): Promise<void> {
    if (change.kind === 'frontend-accepts') {
      if (change.accepts || change.forGood) this.pausedProxies.delete(change.proxyIndex);
      else this.pausedProxies.add(change.proxyIndex);
    }
    this.postAll({ kind: 'change', change });
    return this.settle();
  }

  /** What every living thread answers, in order of threads. */
  async ask(question: Question): Promise<ThreadAnswer[]> {
    const answers = await Promise.all(this.slots.map((slot) => this.askOne(slot, question)));
    return answers.filter((answer) => answer !== null);
  }

  /** Test hook: makes one thread throw. */
  crash(threadIndex: number): void {
    this.post(this.slots[threadIndex % this.slots.length]!, { kind: 'crash' });
  }

  private spawn(slot: Slot): void {
    const { model, threadCount, tables, startedAtMs } = this.options;
    const data: ProxyWorkerData = {
      model,
      threadIndex: slot.index,
      threadCount,
      listeners: this.options.listeners(slot.index),
      engine: model.global.engine,
      shared: tables.buffers,
      procValues: this.options.procValues?.() ?? [],
      startedAtMs,
      pid: process.pid,
    };
    const { script, options } = workerSource(this.options.workerUrl, data, this.options.image);
    const worker = new Worker(script, { ...options, name: `proxy-${slot.index}` });
    let failure = '';
    slot.worker = worker;
    slot.state = 'starting';
    slot.unanswered = false;
    worker.on('message', (message: FromWorker) => this.onMessage(slot, message));
    worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    worker.on('exit', (code) => this.onExit(slot, failure === '' ? `exit code ${code}` : failure));
    if (this.paused) this.post(slot, { kind: 'pause' });
    for (const change of this.options.replay?.() ?? []) this.post(slot, { kind: 'change', change });
    for (const proxyIndex of this.pausedProxies) {
      const change: Change = { kind: 'frontend-accepts', proxyIndex, accepts: false, forGood: false };
      this.post(slot, { kind: 'change', change });
    }
  }

  private onMessage(slot: Slot, message: FromWorker): void {
    slot.unanswered = false;
    switch (message.kind) {
      case 'ready':
        return this.onThreadReady(slot, message.engine, message.engineReason);
      case 'drained':
        slot.drained = true;
        return this.checkIdle();
      case 'pong': {
        const waiter = slot.pingsOut.get(message.id);
        slot.pingsOut.delete(message.id);
        return waiter?.();
      }
      case 'dump':
        return slot.dumpsOut.shift()?.(message.text);
      case 'answer': {
        const asker = slot.asksOut.get(message.id);
        slot.asksOut.delete(message.id);
        return asker?.(message.answer);
      }
      case 'event':
        return this.options.onEvent(message.level, message.text, { thread: slot.index, ...message.fields });
      case 'proc-variable-changed':
        this.options.onVariable?.(message.variable);
        // To its author as well, so that all end with the value that came here last.
        this.postAll({ kind: 'change', change: { kind: 'proc-variable', variable: message.variable } });
        return;
      case 'patterns-changed': {
        const { change } = message;
        this.options.onPatterns?.(change);
        // To its author as well, so that all end with the change that came here last; but who has deleted an entry would
        // delete the next one of the same key.
        for (const other of this.slots) {
          if (other === slot && change.kind === 'delete') continue;
          this.post(other, { kind: 'change', change: { kind: 'patterns', change } });
        }
        return;
      }
      case 'stopped':
        return;
    }
  }

  private onThreadReady(slot: Slot, engine: string, reason: string): void {
    slot.state = 'ready';
    this.options.onEvent('info', 'proxy thread accepts', { thread: slot.index, engine, reason });
    if (this.announced || this.slots.some((each) => each.state !== 'ready')) return;
    this.announced = true;
    this.options.onReady();
  }

  private onExit(slot: Slot, reason: string): void {
    const wasReady = slot.state === 'ready';
    slot.worker = null;
    this.answerFor(slot);
    // A thread that ended as told has closed its own, and what it left goes with the process.
    if (this.phase === 'stopping') return this.leave(slot);
    const closedFds = this.reclaim(slot);
    const [headline] = reason.split('\n', 1);
    const fields = { thread: slot.index, reason: headline!, stack: reason, closedFds };
    if (this.phase === 'draining') {
      this.options.onEvent('error', 'proxy thread crashed while stopping', fields);
      return this.leave(slot);
    }
    if (!this.announced) {
      this.leave(slot);
      return this.options.onGiveUp(`proxy thread ${slot.index} did not start: ${reason}`);
    }
    const verdict = this.policy.crashed(slot.index, wasReady, monotonicMs());
    if (!verdict.restart) {
      this.options.onEvent('error', 'proxy thread crashed, giving up', fields);
      this.leave(slot);
      return this.options.onGiveUp(verdict.reason);
    }
    slot.restartCount++;
    const { delayMs } = verdict;
    this.options.onEvent('error', 'proxy thread crashed, starting another', {
      ...fields,
      restarts: slot.restartCount,
      delayMs,
    });
    slot.state = 'waiting';
    if (delayMs === 0) return this.spawn(slot);
    setTimeout(() => {
      if (slot.state === 'waiting' && this.phase === 'running') this.spawn(slot);
    }, delayMs);
  }

  // The thread is certainly gone: 'exit' comes after it was joined, so nobody else touches what it owned.
  private reclaim(slot: Slot): number {
    const { fdOwners, serverLoad, rotations, wake } = this.options.tables;
    const fds = fdOwners.fdsOf(slot.index);
    for (const fd of fds) {
      // The dead thread's ring may still refer to the socket: shutdown is what its peer will notice.
      shutdown(fd, SHUT_RDWR);
      fdOwners.clear(fd);
      close(fd);
    }
    serverLoad.reclaim(slot.index);
    rotations.reclaim(slot.index);
    for (const table of this.options.tables.tables) table.reclaim(slot.index);
    wake.wakeAll();
    return fds.length;
  }

  // Who waits for an answer of a thread that is gone need not wait any longer.
  private answerFor(slot: Slot): void {
    for (const waiter of slot.pingsOut.values()) waiter();
    slot.pingsOut.clear();
    for (const waiter of slot.dumpsOut.splice(0)) waiter('');
    for (const asker of slot.asksOut.values()) asker(null);
    slot.asksOut.clear();
  }

  private leave(slot: Slot): void {
    slot.state = 'gone';
    this.checkIdle();
    this.checkEmpty();
  }

  private checkIdle(): void {
    if (!this.slots.every((slot) => slot.drained || slot.state === 'gone')) return;
    for (const waiter of this.idled.splice(0)) waiter();
  }

  private checkEmpty(): void {
    if (!this.slots.every((slot) => slot.state === 'gone')) return;
    for (const waiter of this.emptied.splice(0)) waiter();
  }

  private ping(slot: Slot): Promise<void> {
    if (slot.worker === null) return Promise.resolve();
    const id = ++this.pingId;
    return new Promise((resolve) => {
      slot.pingsOut.set(id, resolve);
      this.post(slot, { kind: 'ping', id });
    });
  }

  private askOne(slot: Slot, question: Question): Promise<ThreadAnswer | null> {
    if (slot.worker === null) return Promise.resolve(null);
    const id = ++this.pingId;
    return new Promise((resolve) => {
      slot.asksOut.set(id, resolve);
      this.post(slot, { kind: 'ask', id, question });
    });
  }

  private look(): void {
    for (const slot of this.slots) {
      if (slot.worker === null) continue;
      if (slot.unanswered) {
        this.options.onEvent('error', 'proxy thread does not answer and is ended', { thread: slot.index });
        void slot.worker.terminate();
        continue;
      }
      slot.unanswered = true;
      void this.ping(slot);
    }
  }

  private postAll(message: ToWorker): void {
    for (const slot of this.slots) this.post(slot, message);
  }

  private post(slot: Slot, message: ToWorker): void {
    if (slot.worker === null) return;
    slot.worker.postMessage(message);
    this.options.tables.wake.wake(slot.index);
  }
}
