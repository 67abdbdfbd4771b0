// One request and its response, or one tunnel: everything about it between its front and its back connection.
//
// The phases, in the order an operator knows them; each file named here owns the step and calls down only:
//   accept          listener.ts
//   request head    request.ts    parse, monitor-uri, choose the backend, rewrite
//   choose server   assign.ts     balance, queue, reuse or connect
//   response head   response.ts   parse, rewrite
//   body            body.ts       both directions; bulk.ts when splice(2) pays
//   tunnel          tunnel.ts     mode tcp, CONNECT, 101
//   keep or close   finish.ts     counters, log line, what becomes of the two connections
// Streams are plain fields and are reused; `Stream.reset` says what a fresh one is.

import { assert } from '../base/assert.ts';
import { LogRecord } from '../sample/log-record.ts';
import type { AddressView, CaptureStore, TextCell } from '../sample/subject.ts';
import { NO_BYTES } from '../sample/types.ts';
import { BODY_NONE, Body } from './body-state.ts';
import { Bulk } from './bulk.ts';
import type { Connection } from './connection.ts';
import { PastConnection } from './past-connection.ts';
import { TIMEOUT_BITS } from './rule-host.ts';
import { RuleState } from './rule-state.ts';
import type { Backend, Frontend, ServerLink } from './runtime.ts';
import type { TrackedCounters } from './tracked.ts';

export const PHASE_IDLE = 0; // in the pool
export const PHASE_QUEUE = 1; // waits for a server
export const PHASE_CONNECT = 2; // a server connection is being made, or retried after a pause
export const PHASE_RESPONSE = 3; // the request went out (its body may still flow); no response head yet
export const PHASE_BODY = 4; // response body
export const PHASE_TUNNEL = 5; // bytes flow blindly both ways
export const PHASE_REPLY = 6; // we answer ourselves; the rest of the request is drained
export const PHASE_RULES = 7; // the request's rules wait for bytes or for a moment
export const PHASE_RESPONSE_RULES = 8; // the response's do

export class Stream {
  phase = PHASE_IDLE;
  http = true;
  front: Connection | null = null;
  back: Connection | null = null;
  frontend: Frontend | null = null;
  backend: Backend | null = null;
  server: ServerLink | null = null; // non-null exactly while a place on it is held

  // Request
  requestFlags = 0; // HEAD_… of the request
  method = 0; // the client's
  serverMethod = 0; // what the server was asked with: a rule may have changed it
  readonly request = new Body();
  requestBuffer = -1; // what goes out first once connected: the rewritten head and the body bytes that came with it
  requestOffset = 0;
  requestLength = 0;
  requestSent = false; // at least one byte of it was given to a server connection
  notFirst = false; // an earlier request came on this client connection
  bodyOffset = -1; // the head is still in the client's gathered slot, and ends here; −1: it is on its way, or gone

  // Response
  responseFlags = 0; // HEAD_… of it
  readonly response = new Body();
  responseStarted = false; // a head was sent to the client: errors can only cut now
  responseClosed = false; // the server's response is whole (the request may still be flowing)
  closeFront = false; // the client's connection ends with this stream
  closeBack = false; // the server's connection is not kept
  reusedBack = false; // the request went out on a connection that had served before

  // Timeouts in ms, 0 none: the sections' own until `set-timeout` says otherwise
  clientTimeoutMs = 0;
  serverTimeoutMs = 0;
  tunnelTimeoutMs = 0;
  connectTimeoutMs = 0;
  queueTimeoutMs = 0;
  tarpitTimeoutMs = 0;
  timeoutsSet = 0; // TIMEOUT_BITS of those that `set-timeout` gave
  retriesMax = 0;

  // Rules
  readonly rule = new RuleState();
  sourceSet: AddressView | null = null; // set-src and its kin: what counts instead of the connection's
  targetSet: AddressView | null = null;
  tracked: TrackedCounters | null = null; // stick counters
  requestCaptures: CaptureStore | null = null;
  responseCaptures: CaptureStore | null = null;
  readonly uniqueId: TextCell = { bytes: NO_BYTES, length: -1 };
  readonly clientCookie: TextCell = { bytes: NO_BYTES, length: -1 };
  readonly serverCookie: TextCell = { bytes: NO_BYTES, length: -1 };
  readonly pastBack = new PastConnection(); // its server's connection, for logs in custom formats
  id32 = 0; // counts the streams of the process, threads in turn

  // Choosing and connecting
  retriesLeft = 0;
  avoidPosition = -1;
  hash = -1;
  queueNext: Stream | null = null;
  queuePrevious: Stream | null = null;
  queueDueMs = 0; // among those of its priority class: when it joined, moved by `set-priority-offset`
  queuedOn: ServerLink | null = null; // null while PHASE_QUEUE: in the backend's queue
  granted = false; // a place was taken for it while it waited
  retryServer: ServerLink | null = null; // PHASE_CONNECT: to be tried again when the pause is over

  // Tunnel: half-closes already passed on
  frontEnded = false;
  backEnded = false;
  readonly bulkDown = new Bulk(); // back to front
  readonly bulkUp = new Bulk(); // front to back
  spliceDown = false; // this direction may go through a pipe
  spliceUp = false;
  fullDownCount = 0; // receives in a row that brought a lot
  fullUpCount = 0;

  readonly log: LogRecord;
  startedMs = 0; // monotonic: what the log's marks count from

  constructor(requestLineBytesMax: number) {
    this.log = new LogRecord(requestLineBytesMax);
  }

  reset(front: Connection, frontend: Frontend, http: boolean): void {
    this.phase = PHASE_IDLE;
    this.http = http;
    this.front = front;
    this.back = null;
    this.frontend = frontend;
    this.backend = null;
    this.server = null;
    this.requestFlags = 0;
    this.method = 0;
    this.serverMethod = 0;
    this.request.reset(BODY_NONE, 0);
    this.requestBuffer = -1;
    this.requestOffset = 0;
    this.requestLength = 0;
    this.requestSent = false;
    this.notFirst = false;
    this.bodyOffset = -1;
    this.response.reset(BODY_NONE, 0);
    this.responseFlags = 0;
    this.responseStarted = false;
    this.responseClosed = false;
    this.closeFront = false;
    this.closeBack = false;
    this.reusedBack = false;
    this.retriesLeft = 0;
    this.avoidPosition = -1;
    this.hash = -1;
    this.queueNext = null;
    this.queuePrevious = null;
    this.queuedOn = null;
    this.granted = false;
    this.retryServer = null;
    this.frontEnded = false;
    this.backEnded = false;
    this.spliceDown = false;
    this.spliceUp = false;
    this.fullDownCount = 0;
    this.fullUpCount = 0;
    const timeouts = frontend.proxy.timeouts;
    this.clientTimeoutMs = timeouts.client;
    this.tarpitTimeoutMs = timeouts.tarpit;
    this.timeoutsSet = 0;
    this.pastBack.forget();
    this.sourceSet = null;
    this.targetSet = null;
    this.uniqueId.length = -1;
    this.clientCookie.length = -1;
    this.serverCookie.length = -1;
    assert(!this.rule.used, 'a stream was reused whose rules were not released');
  }

  /** The backend's timeouts count from now on. */
  takeTimeouts(backend: Backend): void {
    const { server, tunnel, connect, queue, tarpit } = backend.proxy.timeouts;
    const kept = this.timeoutsSet;
    if ((kept & TIMEOUT_BITS.server) === 0) this.serverTimeoutMs = server;
    if ((kept & TIMEOUT_BITS.tunnel) === 0) this.tunnelTimeoutMs = tunnel;
    if ((kept & TIMEOUT_BITS.connect) === 0) this.connectTimeoutMs = connect;
    if ((kept & TIMEOUT_BITS.queue) === 0) this.queueTimeoutMs = queue || connect;
    if ((kept & TIMEOUT_BITS.tarpit) === 0 && tarpit !== 0) this.tarpitTimeoutMs = tarpit;
  }

  // As fetches and logs ask (core/sample/subject.ts, StreamView).

  get frontendIndex(): number {
    return this.frontend!.proxy.index;
  }

  get backendIndex(): number {
    return this.backend === null ? -1 : this.backend.proxy.index;
  }

  get serverIndex(): number {
    return Math.max(this.log.serverIndex, -1); // also after its place was given up
  }

  get requestBytes(): number {
    return this.log.bytesUploaded;
  }

  get responseBytes(): number {
    return this.log.bytesRead;
  }
}
