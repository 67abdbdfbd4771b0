// What one proxy thread owns, and the verbs every phase uses on a connection: receive, send, hold, time, close.
//
// Nothing here knows HTTP. A verb arms an operation or changes a queue; what follows from its completion is
// decided in dispatch.ts, which calls the phases. Phases that want another connection or stream looked at later
// in the same turn (a place came free, a pipelined request waits) put it on a work list instead of calling it.

import { assert } from '../base/assert.ts';
import type { TurnClock } from '../base/clock.ts';
import type { TurnWallClock } from '../base/wall-clock.ts';
import type { HeadLimits } from '../http/h1/verdict.ts';
import { Head } from '../http/message.ts';
import type { Buffers } from '../io/buffers.ts';
import { type Engine, GROUP_BACK, GROUP_FRONT, NO_BUFFER } from '../io/engine.ts';
import { setNodelay } from '../io/net.ts';
import type { Timers } from '../io/timers.ts';
import type { Model } from '../model/model.ts';
import type { Counters } from '../shared/counters.ts';
import type { FdOwners } from '../shared/fd-owners.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import type { ServerWords } from '../shared/server-words.ts';
import type { WakeBoard } from '../shared/wake.ts';
import type { StickTable } from '../tables/stick-table.ts';
import { Pipes } from './bulk.ts';
import {
  CONNECTION_CLOSING,
  CONNECTION_FREE,
  CONNECTION_OPEN,
  Connection,
  FRONT_HEAD,
  IDLE_NOT,
  OP_BITS,
  OP_CONNECT,
  OP_POLL_IN,
  OP_POLL_OUT,
  OP_RECV,
  OP_SEND,
  SIDE_FRONT,
} from './connection.ts';
import type { Language } from './language.ts';
import type { Backend, Frontend, ServerLink } from './runtime.ts';
import { NO_SEGMENT, Segments } from './segments.ts';
import { Stream } from './stream.ts';
import { stopTracking, TrackedCounters } from './tracked.ts';

/** A side stops receiving while more than this waits to be sent to the other, and resumes below the low mark. */
const OUT_BYTES_HIGH = 192 * 1024;
export const OUT_BYTES_LOW = 64 * 1024;
/** The high mark while more than half of all buffers are in use: peers that do not read must leave some to the others. */
const OUT_BYTES_HIGH_SCARCE = 16 * 1024;
/** Receiving stops when so much was received that nobody could take yet (a body before its server is connected). */
export const IN_BYTES_HIGH = 64 * 1024;

const MSG_MORE = 0x8000;

/** Scratch bytes in the static part: where heads are written before they are moved in front of their body. */
export const SCRATCH_BYTES = 64 * 1024;

/** Static bytes besides: header names, monitor URIs, and a sockaddr per server. */
export const STATIC_BYTES_BASE = SCRATCH_BYTES + 64 * 1024;
export const STATIC_BYTES_PER_SERVER = 128;

export interface ThreadParts {
  model: Model;
  threadIndex: number;
  engine: Engine;
  timers: Timers;
  clock: TurnClock;
  wallClock: TurnWallClock;
  words: ServerWords;
  load: ServerLoad;
  counters: Counters;
  owners: FdOwners;
  wakeBoard: WakeBoard;
  headLimits: HeadLimits;
  globalMaxconn: number;
}

export class ProxyThread {
  readonly model: Model;
  readonly threadIndex: number;
  readonly engine: Engine;
  readonly buffers: Buffers;
  readonly bytes: Uint8Array; // the arena
  readonly timers: Timers;
  readonly clock: TurnClock;
  readonly wallClock: TurnWallClock;
  readonly words: ServerWords;
  readonly load: ServerLoad;
  readonly counters: Counters;
  readonly owners: FdOwners;
  readonly wakeBoard: WakeBoard;
  readonly headLimits: HeadLimits;
  globalMaxconn: number; // `set maxconn global` changes it
  connectionRateLimit = 0; // `set rate-limit`, a second, of the process; 0: none
  sessionRateLimit = 0;
  readonly segments: Segments;
  private readonly headerCountMax: number;
  readonly trailers: Head; // of the chunked body that has just ended
  private readonly freeHeads: Head[] = [];
  readonly scratchOffset: number; // SCRATCH_BYTES for heads being written
  readonly editOffset: number; // texts added to the head at hand
  tables: readonly StickTable[] = []; // by Model.tables index; set before anything runs
  private readonly freeTracked: TrackedCounters[] = [];
  language!: Language; // set by linkModel
  readonly frontends: (Frontend | null)[] = []; // by Proxy.index
  readonly backends: (Backend | null)[] = [];
  readonly servers: ServerLink[] = []; // by Server.index, as far as their backends are enabled

  readonly connections: Connection[] = [];
  private readonly freeSlots: number[] = [];
  private readonly freeStreams: Stream[] = [];
  private streamSerial = 0; // streams so far
  openCount = 0;
  frontCount = 0; // open front connections
  streamCount = 0;
  stopping = false; // soft stop: keep-alive ends, nothing new is accepted
  readonly pipes = new Pipes();
  purgeAtMs = 0; // when idle server connections are looked through next; 0: none is idle
  readonly poolHighCount: number; // open connections beyond which none is kept idle
  readonly lookBytes: number; // what is received of a response that is probably long, to see its head
  readonly lingerCountMax: number; // open connections beyond which a client is not waited for after the last byte
  readonly poolLowCount: number; // … beyond which only one a server is

  // Work lists, drained by dispatch after each completion.
  readonly fronts: Connection[] = []; // front connections with held bytes and no stream
  readonly granted: Stream[] = []; // streams that left a queue with a place on a server
  readonly starved: Connection[] = []; // receives that found no free buffer

  constructor(parts: ThreadParts) {
    this.model = parts.model;
    this.threadIndex = parts.threadIndex;
    this.engine = parts.engine;
    this.buffers = parts.engine.buffers;
    this.bytes = this.buffers.bytes;
    this.timers = parts.timers;
    this.clock = parts.clock;
    this.wallClock = parts.wallClock;
    this.words = parts.words;
    this.load = parts.load;
    this.counters = parts.counters;
    this.owners = parts.owners;
    this.wakeBoard = parts.wakeBoard;
    this.headLimits = parts.headLimits;
    this.globalMaxconn = parts.globalMaxconn;
    const fdCount = Math.floor(parts.owners.fdCount / parts.load.threadCount);
    this.poolHighCount = Math.floor(fdCount / 4);
    this.poolLowCount = Math.floor(fdCount / 5);
    this.lookBytes = Math.min(this.buffers.dataBytes, parts.model.global.bufsize);
    this.lingerCountMax = Math.floor((fdCount * 3) / 4);
    this.segments = new Segments(this.buffers, 1024);
    // Room for the lines the proxy adds itself: forwarded, x-forwarded-for, x-original-to, and a few.
    this.headerCountMax = parts.headLimits.headerCountMax + 8;
    this.trailers = new Head(this.headerCountMax);
    this.scratchOffset = this.buffers.allocateStatic(SCRATCH_BYTES);
    this.editOffset = this.buffers.allocateStatic(4096);
  }

  /** Fds that live as long as the thread (its engine's, its log sockets): found by whoever cleans up after a crash. */
  ownFds(fds: readonly number[]): void {
    for (const fd of fds) this.owners.set(fd, this.threadIndex);
  }

  // Connections

  /** Takes over an fd; receiving is not armed yet. */
  openConnection(fd: number, side: number): Connection {
    let connection: Connection;
    const slot = this.freeSlots.pop();
    if (slot === undefined) {
      connection = new Connection(this.connections.length);
      this.connections.push(connection);
    } else {
      connection = this.connections[slot]!;
    }
    assert(connection.state === CONNECTION_FREE, 'a connection slot was reused while in use');
    connection.state = CONNECTION_OPEN;
    connection.generation = (connection.generation + 1) & 0x3fffffff;
    connection.side = side;
    connection.fd = fd;
    connection.sinceMs = this.clock.nowMs;
    this.owners.set(fd, this.threadIndex);
    this.openCount++;
    if (side === SIDE_FRONT) this.frontCount++;
    return connection;
  }

  /** Cancels what is armed and closes the fd once the last completion was seen. Idempotent. */
  closeConnection(connection: Connection): void {
    if (connection.state !== CONNECTION_OPEN) return;
    connection.state = CONNECTION_CLOSING;
    this.clearDeadline(connection);
    this.dropInput(connection);
    if (connection.side === SIDE_FRONT && connection.counted) this.leaveFrontend(connection);
    if (connection.recvArmed && !connection.recvCancelled) {
      connection.recvCancelled = true;
      this.cancel(connection, OP_RECV);
    }
    if (connection.sending) this.cancel(connection, OP_SEND);
    if (connection.connecting) this.cancel(connection, OP_CONNECT);
    if ((connection.polling & (1 << OP_POLL_IN)) !== 0) this.cancel(connection, OP_POLL_IN);
    if ((connection.polling & (1 << OP_POLL_OUT)) !== 0) this.cancel(connection, OP_POLL_OUT);
    this.freeWhenQuiet(connection);
  }

  /**
   * The client's places in its frontend and in the process are free; who waits for them, here or elsewhere, is told.
   * A client that only has to close yet holds none, as with HAProxy.
   */
  leaveFrontend(front: Connection): void {
    front.counted = false;
    const { load, threadIndex, wakeBoard } = this;
    const frontend = front.frontend;
    assert(frontend !== null && front.listener !== null, 'a client connection belongs to a frontend');
    front.listener.current--;
    load.release(frontend.loadRow);
    load.release(load.process());
    const frontWaiter = load.nextWaiter(frontend.loadRow, threadIndex);
    if (frontWaiter >= 0 && frontWaiter !== threadIndex) wakeBoard.wake(frontWaiter);
    const processWaiter = load.nextWaiter(load.process(), threadIndex);
    if (processWaiter >= 0 && processWaiter !== threadIndex) wakeBoard.wake(processWaiter);
  }

  /** The last step of closing; dispatch calls it after each completion of a closing connection, and off `starved`. */
  freeWhenQuiet(connection: Connection): void {
    if (connection.inflightCount !== 0 || connection.state !== CONNECTION_CLOSING || connection.starved) return;
    this.dropOutput(connection);
    this.owners.clear(connection.fd);
    this.engine.close(connection.fd);
    this.openCount--;
    if (connection.side === SIDE_FRONT) this.frontCount--;
    this.resetConnection(connection);
    this.freeSlots.push(connection.slot);
  }

  private resetConnection(connection: Connection): void {
    connection.state = CONNECTION_FREE;
    connection.fd = -1;
    connection.stream = null;
    connection.recvArmed = false;
    connection.recvCancelled = false;
    connection.recvWanted = false;
    connection.recvSingly = false;
    connection.sending = false;
    connection.connecting = false;
    connection.polling = 0;
    connection.endSeen = false;
    connection.errno = 0;
    connection.shutAfterSend = false;
    connection.shutDone = false;
    connection.nodelaySet = false;
    connection.sendCount = 0;
    connection.sinceMs = 0;
    connection.headSinceMs = 0;
    connection.phase = FRONT_HEAD;
    connection.frontend = null;
    connection.listener = null;
    connection.counted = false;
    connection.proxyTlvs = null;
    connection.receivedProxy = false;
    if (connection.tracked !== null) stopTracking(this, connection);
    connection.ownSource = null;
    connection.ownTarget = null;
    connection.mappedPort = 0;
    connection.pinned = false;
    if (connection.variables !== null) this.language.variables.give(connection.variables);
    connection.variables = null;
    connection.requestCount = 0;
    connection.sourceFamily = 0;
    connection.targetFamily = 0;
    connection.server = null;
    connection.owner = null;
    assert(connection.idle === IDLE_NOT, 'an idle connection was freed while in a list');
    assert(connection.privateFirst === null, 'a client connection was freed with server connections of its own');
  }

  // Receiving

  /** Receives until stopped; idempotent. */
  recvStart(connection: Connection): void {
    connection.recvWanted = true;
    if (connection.recvArmed || connection.endSeen || connection.state !== CONNECTION_OPEN) return;
    if (connection.starved) return;
    connection.recvArmed = true;
    connection.inflightCount++;
    const group = connection.side === SIDE_FRONT ? GROUP_FRONT : GROUP_BACK;
    const ticketLow = (connection.slot << OP_BITS) | OP_RECV;
    if (connection.recvSingly)
      this.engine.recvOnce(connection.fd, group, this.lookBytes, ticketLow, connection.generation);
    else this.engine.recvArm(connection.fd, group, ticketLow, connection.generation);
  }

  /** Stops receiving; bytes already on their way still arrive. Idempotent. */
  recvStop(connection: Connection): void {
    connection.recvWanted = false;
    if (!connection.recvArmed || connection.recvCancelled) return;
    connection.recvCancelled = true;
    this.cancel(connection, OP_RECV);
  }

  /** A receive found no buffer: it is armed again when some came home (dispatch looks each turn). */
  starve(connection: Connection): void {
    if (connection.starved) return;
    connection.starved = true;
    this.starved.push(connection);
  }

  /** Keeps received bytes for later, in order; the connection owns the slot. */
  hold(connection: Connection, bufferId: number, offset: number, length: number): void {
    if (this.segments.absorb(connection.inLast, offset, length)) this.buffers.release(bufferId);
    else {
      const segment = this.segments.make(bufferId, offset, length);
      if (connection.inLast === NO_SEGMENT) connection.inFirst = segment;
      else this.segments.link(connection.inLast, segment);
      connection.inLast = segment;
    }
    connection.inBytes += length;
    if (connection.inBytes > IN_BYTES_HIGH) this.recvStop(connection);
  }

  /** Takes the oldest held segment off the queue; its node and slot are the caller's. NO_SEGMENT when none. */
  takeHeld(connection: Connection): number {
    const segment = connection.inFirst;
    if (segment === NO_SEGMENT) return NO_SEGMENT;
    connection.inFirst = this.segments.nextOf(segment);
    if (connection.inFirst === NO_SEGMENT) connection.inLast = NO_SEGMENT;
    connection.inBytes -= this.segments.lengthOf(segment);
    return segment;
  }

  dropInput(connection: Connection): void {
    for (let segment = connection.inFirst; segment !== NO_SEGMENT; ) {
      const next = this.segments.nextOf(segment);
      this.segments.drop(segment);
      segment = next;
    }
    connection.inFirst = NO_SEGMENT;
    connection.inLast = NO_SEGMENT;
    connection.inBytes = 0;
    if (connection.headBuffer !== NO_BUFFER) this.buffers.release(connection.headBuffer);
    connection.headBuffer = NO_BUFFER;
    if (connection.head !== null) {
      this.freeHead(connection.head);
      connection.head = null;
    }
  }

  // Sending

  /** Queues bytes and starts sending when idle. The slot (or NO_BUFFER for lasting bytes) goes with them. */
  send(connection: Connection, bufferId: number, offset: number, length: number): void {
    assert(length > 0, 'nothing to send');
    connection.outBytes += length;
    const last = connection.outLast;
    const isFree = last !== NO_SEGMENT && !(connection.sending && last === connection.outFirst);
    if (isFree && this.segments.absorb(last, offset, length)) {
      if (bufferId !== NO_BUFFER) this.buffers.release(bufferId);
      return;
    }
    const segment = this.segments.make(bufferId, offset, length);
    if (last === NO_SEGMENT) connection.outFirst = segment;
    else this.segments.link(last, segment);
    connection.outLast = segment;
    if (!connection.sending && !connection.connecting) this.sendFirst(connection);
  }

  /** So much waits to be sent that the other side must receive no more for now. */
  isBackedUp(connection: Connection): boolean {
    return connection.outBytes > (this.buffers.isScarce ? OUT_BYTES_HIGH_SCARCE : OUT_BYTES_HIGH);
  }

  /** Hands the oldest queued segment to the engine: one send at a time keeps the order. */
  sendFirst(connection: Connection): void {
    const segment = connection.outFirst;
    if (segment === NO_SEGMENT || connection.state !== CONNECTION_OPEN) return;
    const segments = this.segments;
    // Nagle never delays the first packet of a connection, so those that send once save the call.
    if (connection.sendCount === 1 && !connection.nodelaySet) {
      connection.nodelaySet = true;
      setNodelay(connection.fd);
    }
    connection.sendCount++;
    connection.sending = true;
    connection.inflightCount++;
    const flags = segments.nextOf(segment) === NO_SEGMENT ? 0 : MSG_MORE;
    this.engine.send(
      connection.fd,
      segments.offsetOf(segment),
      segments.lengthOf(segment),
      flags,
      (connection.slot << OP_BITS) | OP_SEND,
      connection.generation,
    );
  }

  /** After a completed send: drops its segment and starts the next. */
  sendDone(connection: Connection): void {
    const segment = connection.outFirst;
    assert(segment !== NO_SEGMENT, 'a send completed that was not queued');
    connection.outFirst = this.segments.nextOf(segment);
    if (connection.outFirst === NO_SEGMENT) connection.outLast = NO_SEGMENT;
    connection.outBytes -= this.segments.lengthOf(segment);
    this.segments.drop(segment);
    if (connection.outFirst !== NO_SEGMENT) this.sendFirst(connection);
  }

  dropOutput(connection: Connection): void {
    assert(!connection.sending, 'bytes under way cannot be dropped');
    for (let segment = connection.outFirst; segment !== NO_SEGMENT; ) {
      const next = this.segments.nextOf(segment);
      this.segments.drop(segment);
      segment = next;
    }
    connection.outFirst = NO_SEGMENT;
    connection.outLast = NO_SEGMENT;
    connection.outBytes = 0;
  }

  /** Sends what is queued, then FIN. */
  shutdownAfterSend(connection: Connection): void {
    if (connection.shutDone || connection.state !== CONNECTION_OPEN) return;
    connection.shutAfterSend = true;
    if (connection.outFirst === NO_SEGMENT && !connection.connecting) this.shutdownNow(connection);
  }

  shutdownNow(connection: Connection): void {
    connection.shutDone = true;
    this.engine.shutdown(connection.fd, 1);
  }

  pollArm(connection: Connection, op: number, events: number): void {
    if ((connection.polling & (1 << op)) !== 0 || connection.state !== CONNECTION_OPEN) return;
    connection.polling |= 1 << op;
    connection.inflightCount++;
    this.engine.pollArm(connection.fd, events, (connection.slot << OP_BITS) | op, connection.generation);
  }

  private cancel(connection: Connection, op: number): void {
    this.engine.cancel(connection.fd, (connection.slot << OP_BITS) | op, connection.generation);
  }

  // Time

  /** Something must happen on this connection before `ms`; 0 for no limit. A later deadline costs one store. */
  setDeadline(connection: Connection, ms: number): void {
    connection.deadlineMs = ms;
    if (ms === 0 || (connection.timerMs !== 0 && connection.timerMs <= ms)) return;
    connection.timerMs = ms;
    this.timers.start(connection.slot, ms);
  }

  clearDeadline(connection: Connection): void {
    connection.deadlineMs = 0;
    if (connection.timerMs === 0) return;
    connection.timerMs = 0;
    this.timers.stop(connection.slot);
  }

  /** now + duration, or 0 (no limit) for a duration of 0. */
  after(durationMs: number): number {
    return durationMs === 0 ? 0 : this.clock.nowMs + durationMs;
  }

  // Heads and streams

  /** A head to parse into; it stays with its connection while the message's head is incomplete. */
  takeHead(): Head {
    const head = this.freeHeads.pop() ?? new Head(this.headerCountMax);
    head.reset();
    return head;
  }

  freeHead(head: Head): void {
    this.freeHeads.push(head);
  }

  takeTracked(): TrackedCounters {
    return this.freeTracked.pop() ?? new TrackedCounters(this.model.global.stickCounters);
  }

  giveTracked(tracked: TrackedCounters): void {
    this.freeTracked.push(tracked);
  }

  takeStream(): Stream {
    this.streamCount++;
    const stream = this.freeStreams.pop() ?? new Stream(1023);
    stream.id32 = this.nextStreamId();
    return stream;
  }

  /** Numbers of streams, and of lines without one, over all threads: each takes every nth. */
  nextStreamId(): number {
    return (this.streamSerial++ * this.load.threadCount + this.threadIndex) >>> 0;
  }

  freeStream(stream: Stream): void {
    this.streamCount--;
    this.freeStreams.push(stream);
  }
}
