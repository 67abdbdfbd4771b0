// Accepting clients: limits first (manual §3.2 "maxconn", §4.2 "maxconn", §5.1 "maxconn"), then a connection in the
// phase its frontend asks for.
//
// A place in the process and one in the frontend are taken in the shared load table before a client is served.
// When either is full the listener stops accepting; the few that were accepted already wait, and the rest stays
// in the kernel's backlog, as with HAProxy.

import { assert } from '../base/assert.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { closeNow, setKeepalive, setNodelay, setNoLinger } from '../io/net.ts';
import type { Listener } from '../model/worker-data.ts';
import * as counters from '../shared/counters.ts';
import { assignServer } from './assign.ts';
import { BODY_CLOSE } from './body-state.ts';
import {
  type Connection,
  FRONT_HEAD,
  FRONT_PROXY_HEADER,
  FRONT_STREAM,
  OP_ACCEPT,
  OP_BITS,
  OP_MASK,
  SIDE_FRONT,
} from './connection.ts';
import { admits } from './connection-rules.ts';
import { fillAddresses, readSource, readTarget } from './endpoints.ts';
import { holdGathered, takeGathered } from './gather.ts';
import { releaseRules } from './language.ts';
import { closeSilently } from './reply.ts';
import { enterBackend, REQUEST_GO, runRequestRules } from './request-rules.ts';
import type { Frontend } from './runtime.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';
import { countTracked } from './tracked.ts';

const ECANCELED = 125;
/** After EMFILE and its kin: when to try again. */
const RETRY_MS = 100;

/** One listening socket this thread accepts from. The socket itself is the supervisor's. */
export class ListenerState {
  readonly index: number; // in Listeners.all, the slot of its tickets
  readonly fd: number;
  readonly frontend: Frontend;
  readonly bindIndex: number;
  readonly acceptProxy: boolean;
  readonly maxconn: number;
  armed = false;
  paused = true; // by the supervisor, or not started
  closed = false; // its frontend was shut down: the fd may be somebody else's by now
  current = 0; // connections of this thread through it
  retryAtMs = 0;
  readonly waiting: number[] = []; // accepted fds that found no place yet

  constructor(index: number, listener: Listener, frontend: Frontend) {
    const bind = frontend.proxy.binds[listener.bindIndex];
    assert(bind !== undefined, 'a listener belongs to a bind');
    this.index = index;
    this.fd = listener.fd;
    this.frontend = frontend;
    this.bindIndex = listener.bindIndex;
    this.acceptProxy = bind.acceptProxy;
    this.maxconn = bind.maxconn;
  }
}

export class Listeners {
  readonly all: ListenerState[] = [];
  private readonly thread: ProxyThread;

  constructor(thread: ProxyThread, listeners: readonly Listener[]) {
    this.thread = thread;
    for (const listener of listeners) {
      const frontend = thread.frontends[listener.proxyIndex];
      assert(frontend !== null && frontend !== undefined, 'a listener belongs to a frontend');
      this.all.push(new ListenerState(this.all.length, listener, frontend));
      // What the listening socket has, Linux gives to every accepted one: no call per client.
      setNodelay(listener.fd);
      if (frontend.proxy.clitcpka) setKeepalive(listener.fd);
    }
  }

  /** Starts, or resumes, accepting everywhere. */
  start(): void {
    for (const listener of this.all) {
      if (listener.closed) continue;
      listener.paused = false;
      this.arm(listener);
    }
  }

  /** The same for one proxy's listeners; not accepting `forGood` cannot be undone. */
  setAccepting(proxyIndex: number, accepts: boolean, forGood: boolean): void {
    for (const listener of this.all) {
      if (listener.frontend.proxy.index !== proxyIndex || listener.closed) continue;
      listener.paused = !accepts;
      listener.closed = forGood;
      if (accepts) this.arm(listener);
      else this.disarm(listener);
    }
  }

  /** Accepts no more; what was accepted and waits for a place is served still. */
  pause(): void {
    for (const listener of this.all) {
      listener.paused = true;
      this.disarm(listener);
    }
  }

  /** A completion of a listener's accept. */
  accepted(index: number, result: number, more: boolean): void {
    const listener = this.all[index]!;
    if (!more) listener.armed = false;
    if (result >= 0) {
      const { owners, threadIndex, engine } = this.thread;
      if (result >= owners.fdCount) engine.close(result);
      else {
        // Ours from now on: it may have to wait for a place, and a crash must not leave its client hanging.
        owners.set(result, threadIndex);
        listener.waiting.push(result);
        this.serveWaiting(listener);
      }
    } else if (!more && !listener.paused && result !== -ECANCELED) {
      listener.retryAtMs = this.thread.clock.nowMs + RETRY_MS; // out of fds or memory: look again in a moment
    }
    if (!listener.armed && listener.retryAtMs === 0) this.arm(listener);
  }

  /**
   * The thread is about to die and its engine was told to abandon everything: closes what was accepted and never
   * looked at. The ownership table, where its other descriptors are found afterwards, does not know of these.
   */
  closeUnseen(): void {
    const { engine } = this.thread;
    while (engine.next()) {
      if ((engine.ticketLow & OP_MASK) === OP_ACCEPT && engine.result >= 0) closeNow(engine.result);
    }
  }

  /** Places came free, or time passed: serve who waits, accept again. Called once a turn; cheap when all is well. */
  revisit(): void {
    const nowMs = this.thread.clock.nowMs;
    for (const listener of this.all) {
      if (listener.waiting.length > 0) this.serveWaiting(listener);
      if (listener.armed || listener.paused) continue;
      if (listener.retryAtMs > nowMs) continue;
      listener.retryAtMs = 0;
      this.arm(listener);
    }
  }

  /** Whether revisit() must be called again soon, even when nothing else happens. */
  get anyWaiting(): boolean {
    for (const listener of this.all) {
      if (listener.waiting.length > 0 || (!listener.armed && !listener.paused)) return true;
    }
    return false;
  }

  private arm(listener: ListenerState): void {
    if (listener.armed || listener.paused || listener.waiting.length > 0) return;
    listener.armed = true;
    this.thread.engine.acceptArm(listener.fd, (listener.index << OP_BITS) | OP_ACCEPT, 0);
  }

  private disarm(listener: ListenerState): void {
    if (!listener.armed) return;
    this.thread.engine.cancel(listener.fd, (listener.index << OP_BITS) | OP_ACCEPT, 0);
  }

  private serveWaiting(listener: ListenerState): void {
    const thread = this.thread;
    const { load } = thread;
    const frontend = listener.frontend;
    while (listener.waiting.length > 0) {
      if (listener.maxconn > 0 && listener.current >= listener.maxconn) break;
      if (isOverRate(thread, frontend)) break;
      if (!this.takePlace(load.process(), thread.globalMaxconn)) break;
      if (!this.takePlace(frontend.loadRow, frontend.maxconn)) {
        load.release(load.process());
        break;
      }
      const fd = listener.waiting.shift()!;
      thread.owners.clear(fd); // openConnection sets it again
      listener.current++;
      this.open(listener, fd);
    }
    if (listener.waiting.length > 0) this.disarm(listener);
  }

  private takePlace(row: number, max: number): boolean {
    const { load, threadIndex } = this.thread;
    if (load.tryAcquire(row, max)) return true;
    load.startWaiting(row, threadIndex);
    if (!load.tryAcquire(row, max)) return false;
    load.stopWaiting(row, threadIndex);
    return true;
  }

  private open(listener: ListenerState, fd: number): void {
    const thread = this.thread;
    const frontend = listener.frontend;
    const front = thread.openConnection(fd, SIDE_FRONT);
    front.frontend = frontend;
    front.bindIndex = listener.bindIndex;
    front.listener = listener;
    front.counted = true;
    front.nodelaySet = true;
    if (frontend.proxy.nolingerFront) setNoLinger(fd);
    front.sinceWallMs = thread.wallClock.nowMs;
    const cells = thread.counters.cells;
    cells[frontend.counterAt + counters.CONNECTIONS]! += 1;
    if (frontend.needsSource) readSource(front);
    if (frontend.needsTarget) readTarget(front);
    const connectionRules = frontend.rules === null ? null : frontend.rules.tcpRequestConnection;
    if (connectionRules !== null && !admits(thread, front, connectionRules, counters.DENIED_CONNECTIONS)) return;
    cells[frontend.counterAt + counters.SESSIONS]! += 1;
    thread.counters.countRate(frontend.counterRow, counters.SESSION_RATE, thread.clock.nowMs);
    if (thread.connectionRateLimit !== 0 || thread.sessionRateLimit !== 0) {
      thread.counters.countRate(thread.counters.process(), counters.SESSION_RATE, thread.clock.nowMs);
    }
    if (listener.acceptProxy || front.phase === FRONT_PROXY_HEADER) {
      front.phase = FRONT_PROXY_HEADER;
      const { clientHandshake, client } = frontend.proxy.timeouts;
      thread.setDeadline(front, thread.after(clientHandshake || client));
      thread.recvStart(front);
    } else beginSession(thread, front);
  }
}

/** `rate-limit sessions` (manual §4.2): sessions of the last second, over all threads, have reached the limit. */
function isOverRate(thread: ProxyThread, frontend: Frontend): boolean {
  if (thread.connectionRateLimit !== 0 || thread.sessionRateLimit !== 0) {
    const rate = thread.counters.totalRate(thread.counters.process(), counters.SESSION_RATE, thread.clock.nowMs);
    if (thread.connectionRateLimit !== 0 && rate >= thread.connectionRateLimit) return true;
    if (thread.sessionRateLimit !== 0 && rate >= thread.sessionRateLimit) return true;
  }
  const limit = frontend.proxy.rateLimitSessions;
  if (limit === 0) return false;
  return thread.counters.totalRate(frontend.counterRow, counters.SESSION_RATE, thread.clock.nowMs) >= limit;
}

/** The connection itself is settled (addresses known): HTTP waits for a head, TCP looks for its server. */
export function beginSession(thread: ProxyThread, front: Connection): void {
  const frontend = front.frontend!;
  const timeouts = frontend.proxy.timeouts;
  const sessionRules = frontend.rules === null ? null : frontend.rules.tcpRequestSession;
  if (sessionRules !== null && !admits(thread, front, sessionRules, counters.DENIED_SESSIONS)) return;
  if (front.tracked !== null) countTracked(thread, null, front, 'sess_cnt', 1);
  if (frontend.proxy.mode === 'http') {
    front.phase = FRONT_HEAD;
    thread.setDeadline(front, thread.after(timeouts.httpRequest || timeouts.client));
    thread.recvStart(front);
    if (front.inFirst >= 0) thread.fronts.push(front);
    return;
  }
  const stream = thread.takeStream();
  stream.reset(front, frontend, false);
  front.stream = stream;
  front.phase = FRONT_STREAM;
  stream.request.reset(BODY_CLOSE, 0);
  stream.response.reset(BODY_CLOSE, 0);
  stream.closeFront = true;
  stream.closeBack = true;
  stream.startedMs = front.sinceMs;
  const log = stream.log;
  log.reset();
  log.frontendIndex = frontend.proxy.index;
  log.backendIndex = frontend.proxy.index;
  log.acceptDateMs = front.sinceWallMs;
  if (frontend.logger.active) {
    fillAddresses(thread, front, log);
    if (frontend.customLog === null) frontend.logger.accepted(log);
    else frontend.customLog.begin(log);
  }
  if (frontend.capturing !== null) frontend.capturing.begin(stream);
  if (frontend.isPlain) {
    enterBackend(thread, stream, frontend.defaultBackend);
    toServer(thread, stream);
  } else resumeTcpRules(thread, stream);
}

/** A stream of mode tcp goes on in its rules: it began, or something it waited for came. */
export function resumeTcpRules(thread: ProxyThread, stream: Stream): void {
  if (runRequestRules(thread, stream, null) !== REQUEST_GO) return;
  const front = stream.front!;
  if (stream.rule.switchToHttp) {
    becomeHttp(thread, stream, front);
    return;
  }
  const key = stream.backend === null ? null : stream.backend.key;
  if (key !== null) stream.hash = key.hash(thread, stream, null);
  if (front.headBuffer !== NO_BUFFER) {
    // What the rules looked at is the first thing the server gets.
    stream.requestOffset = front.headStart;
    stream.requestLength = front.headEnd - front.headStart;
    stream.requestBuffer = takeGathered(front);
    stream.log.bytesUploaded += stream.requestLength;
  }
  toServer(thread, stream);
}

// `switch-mode http`: the stream ends unlogged, and what it looked at is the first bytes of a request.
function becomeHttp(thread: ProxyThread, stream: Stream, front: Connection): void {
  if (stream.backend !== null) {
    thread.load.release(stream.backend.loadRow);
    stream.backend = null;
  }
  releaseRules(thread, stream);
  if (stream.frontend!.capturing !== null) stream.frontend!.capturing.end(stream);
  front.stream = null;
  stream.front = null;
  thread.freeStream(stream);
  front.phase = FRONT_HEAD;
  const timeouts = front.frontend!.proxy.timeouts;
  thread.setDeadline(front, thread.after(timeouts.httpRequest || timeouts.client));
  if (front.headBuffer !== NO_BUFFER) holdGathered(thread, front, front.headStart);
  thread.recvStart(front);
  thread.fronts.push(front);
}

function toServer(thread: ProxyThread, stream: Stream): void {
  if (stream.backend === null) {
    closeSilently(thread, stream, 'S', 'C');
    return;
  }
  thread.recvStart(stream.front!);
  assignServer(thread, stream);
}
