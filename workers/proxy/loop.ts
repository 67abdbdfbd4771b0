// Wires the core rooms to one thread and turns its loop.

import { TurnClock } from '../../core/base/clock.ts';
import { TurnWallClock } from '../../core/base/wall-clock.ts';
import { headLimits } from '../../core/http/h1/verdict.ts';
import { Buffers } from '../../core/io/buffers.ts';
import { makeEngine } from '../../core/io/choose.ts';
import type { Engine } from '../../core/io/engine.ts';
import { LogSocket } from '../../core/io/log-socket.ts';
import { Timers } from '../../core/io/timers.ts';
import type { Model } from '../../core/model/model.ts';
import type { FromWorker, ProxyWorkerData, Question, ThreadAnswer, ToWorker } from '../../core/model/worker-data.ts';
import { Logging } from '../../core/observe/logger.ts';
import { applyChange } from '../../core/proxy/changes.ts';
import { runTurn, runWoken } from '../../core/proxy/dispatch.ts';
import { drainIdle, stopAll } from '../../core/proxy/drain.ts';
import { giveLanguage } from '../../core/proxy/language-link.ts';
import { linkModel } from '../../core/proxy/link.ts';
import { Listeners } from '../../core/proxy/listener.ts';
import { killStream, listStreams, threadFigures } from '../../core/proxy/sessions.ts';
import { ProxyThread, STATIC_BYTES_BASE, STATIC_BYTES_PER_SERVER } from '../../core/proxy/thread.ts';
import { PatternStore } from '../../core/sample/patterns/store.ts';
import { Counters } from '../../core/shared/counters.ts';
import { FdOwners } from '../../core/shared/fd-owners.ts';
import { Rotations } from '../../core/shared/rotations.ts';
import { ServerLoad } from '../../core/shared/server-load.ts';
import { ServerWords } from '../../core/shared/server-words.ts';
import { WakeBoard } from '../../core/shared/wake.ts';
import { eventfd_write } from '../../core/sys/libc.ts';
import { StickTable } from '../../core/tables/stick-table.ts';

/** Loop turns before libuv gets a look, when nobody woke us. */
const TURNS_MAX = 256;
/** Longest wait in the kernel: a thread that is being terminated notices by then. */
const WAIT_MS_MAX = 1_000;
/** Log lines that a busy receiver refused, and listeners that had no room, are tried again so soon. */
const RETRY_MS = 10;

const SLOT_COUNT_MIN = 512;
const SLOT_COUNT_MAX = 16_384;
const SLOTS_PER_CONNECTION = 2;
const SLOT_DATA_BYTES = 62 * 1024;

export class ProxyLoop {
  private readonly data: ProxyWorkerData;
  private readonly post: (message: FromWorker) => void;
  private readonly engine: Engine;
  private readonly thread: ProxyThread;
  private readonly listeners: Listeners;
  private readonly logging: Logging;
  private readonly patterns: PatternStore; // what this thread's rules match with
  private readonly clock = new TurnClock();
  private readonly wallClock = new TurnWallClock();
  private readonly timers: Timers;
  private readonly wakeBoard: WakeBoard;
  private readonly engineReason: string;
  private running = true;
  private draining = false;
  private woken = false;
  private crashing = false;
  private logsPending = false;

  constructor(data: ProxyWorkerData, post: (message: FromWorker) => void) {
    this.data = data;
    this.post = post;
    const { model, threadIndex, shared } = data;
    const buffers = new Buffers({
      slotCount: slotCountOf(model, data.threadCount),
      dataBytes: Math.max(SLOT_DATA_BYTES, model.global.bufsize),
      staticBytes: STATIC_BYTES_BASE + model.serverCount * STATIC_BYTES_PER_SERVER + model.proxies.length * 4096,
    });
    this.patterns = new PatternStore(model.patternRefs);
    this.wakeBoard = new WakeBoard(shared.wake, (fd) => void eventfd_write(fd, 1));
    const choice = makeEngine(data.engine, buffers, this.wakeBoard.eventfdOf(threadIndex));
    this.engine = choice.engine;
    this.engineReason = choice.reason;
    this.timers = new Timers(this.clock.nowMs);
    this.thread = new ProxyThread({
      model,
      threadIndex,
      engine: this.engine,
      timers: this.timers,
      clock: this.clock,
      wallClock: this.wallClock,
      words: new ServerWords(shared.serverWords),
      load: new ServerLoad(shared.serverLoad, threadIndex),
      counters: new Counters(shared.counters, threadIndex),
      owners: new FdOwners(shared.fdOwners),
      wakeBoard: this.wakeBoard,
      headLimits: headLimits(model.global.bufsize, model.global.maxrewrite, model.global.maxhdr),
      globalMaxconn: model.global.maxconn,
    });
    this.thread.ownFds(this.engine.ownFds());
    const targetCount = model.global.log.length + model.proxies.reduce((sum, proxy) => sum + proxy.log.length, 0);
    const logSocket = new LogSocket(Math.max(1, targetCount));
    this.logging = new Logging(model, logSocket, this.wallClock, data.pid);
    this.thread.ownFds(logSocket.fds());
    const rotations = new Rotations(shared.rotations, threadIndex);
    this.thread.tables = model.tables.map(
      (table) => new StickTable(table, shared.tables[table.index]!, threadIndex, data.threadCount),
    );
    giveLanguage(this.thread, {
      pid: data.pid,
      startedAtMs: data.startedAtMs,
      procValues: data.procValues,
      patterns: this.patterns,
      onPatterns: (change) => post({ kind: 'patterns-changed', change }),
      onVariable: (variable) => post({ kind: 'proc-variable-changed', variable }),
    });
    linkModel(this.thread, this.logging, rotations, (data.startedAtMs + threadIndex * 7919) | 0);
    this.listeners = new Listeners(this.thread, data.listeners);
  }

  start(): void {
    this.listeners.start();
    // A thread that crashed in this slot may have taken a wake and not cleared the flag: nobody would wake us again.
    this.wakeDone();
    this.post({ kind: 'ready', engine: this.engine.name, engineReason: this.engineReason });
    setImmediate(this.turns);
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'soft-stop':
        this.draining = true;
        this.thread.stopping = true;
        this.listeners.pause();
        drainIdle(this.thread);
        return;
      case 'hard-stop':
        this.listeners.pause();
        stopAll(this.thread);
        this.running = false;
        return;
      case 'pause':
        this.listeners.pause();
        return;
      case 'resume':
        this.listeners.start();
        return;
      case 'dump':
        this.post({ kind: 'dump', text: this.describe() });
        return;
      case 'change':
        applyChange(this.thread, this.listeners, this.patterns, message.change);
        return runWoken(this.thread);
      case 'ask':
        this.post({ kind: 'answer', id: message.id, answer: this.answer(message.question) });
        return runWoken(this.thread);
      case 'ping':
        this.post({ kind: 'pong', id: message.id });
        return;
      case 'crash':
        this.crashing = true;
        return;
      default:
        throw new Error(`unknown message ${(message as { kind: string }).kind}`);
    }
  }

  private answer(question: Question): ThreadAnswer {
    switch (question.kind) {
      case 'figures':
        return { kind: 'figures', ...threadFigures(this.thread, this.logging.sink.writer.droppedCount) };
      case 'streams':
        return { kind: 'streams', streams: listStreams(this.thread) };
      case 'kill-stream':
        return { kind: 'kill-stream', killed: killStream(this.thread, question.id) };
    }
  }

  private readonly turns = (): void => {
    try {
      for (let count = 0; count < TURNS_MAX && !this.woken; count++) {
        if (!this.turnOnce()) return;
      }
    } catch (fault) {
      this.engine.abandon();
      this.listeners.closeUnseen();
      throw fault;
    }
    this.woken = false;
    setImmediate(this.turns);
  };

  // False: the loop is over.
  private turnOnce(): boolean {
    this.turn();
    if (this.crashing) throw new Error('crashed on request of a test');
    const quiet = this.thread.openCount === 0;
    if (this.draining && quiet) {
      this.draining = false;
      this.post({ kind: 'drained' });
    }
    if (this.running || !quiet) return true;
    this.finish();
    return false;
  }

  private turn(): void {
    let waitMs = Math.min(this.timers.msUntilNext(this.clock.nowMs), WAIT_MS_MAX);
    const purgeAtMs = this.thread.purgeAtMs;
    if (purgeAtMs !== 0) waitMs = Math.min(waitMs, Math.max(0, purgeAtMs - this.clock.nowMs));
    if ((this.logsPending || this.listeners.anyWaiting) && waitMs > RETRY_MS) waitMs = RETRY_MS;
    this.engine.turn(this.running && !this.crashing ? waitMs : 0);
    this.clock.turn();
    this.wallClock.turn();
    runTurn(this.thread, this.listeners);
    if (this.engine.takeWoken()) this.wakeDone();
    if (this.listeners.anyWaiting) this.listeners.revisit();
    this.logsPending = !this.logging.flush();
    const lost = this.logging.sink.takeLossReport(this.clock.nowMs);
    if (lost !== '') this.post({ kind: 'event', level: 'warn', text: lost });
  }

  // The engine has drained the eventfd; now clear the flag, then look: news that comes after that wakes us again.
  private wakeDone(): void {
    this.woken = true;
    this.wakeBoard.woken(this.data.threadIndex);
    runWoken(this.thread);
    this.listeners.revisit();
  }

  private finish(): void {
    this.logging.flush();
    this.engine.stop();
    this.post({ kind: 'stopped' });
    process.exit(0);
  }

  private describe(): string {
    const { thread } = this;
    const { buffers } = thread;
    return [
      `thread ${this.data.threadIndex}: engine ${this.engine.name}, ${this.engine.syscallCount} system calls`,
      `  connections ${thread.openCount} (${thread.frontCount} of clients), streams ${thread.streamCount}`,
      `  buffers ${buffers.heldCount} held, ${buffers.freeCount} free of ${buffers.slotCount}, ${buffers.slotBytes} bytes each`,
      `  segments ${thread.segments.usedCount} in use`,
    ].join('\n');
  }
}

// A sum per thread: a receive and a send under way for each connection it may hold, bounded by the arena.
function slotCountOf(model: Model, threadCount: number): number {
  const connections = Math.ceil((model.global.maxconn || 2_000) / threadCount);
  const wanted = SLOT_COUNT_MIN + connections * SLOTS_PER_CONNECTION;
  return Math.min(SLOT_COUNT_MAX, wanted);
}
