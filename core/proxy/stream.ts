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

import { LogRecord } from '../sample/log-record.ts';
import { BODY_NONE, Body } from './body-state.ts';
import { Bulk } from './bulk.ts';
import type { Connection } from './connection.ts';
import type { Backend, Frontend, ServerLink } from './runtime.ts';

export const PHASE_IDLE = 0; // in the pool
export const PHASE_QUEUE = 1; // waits for a server
export const PHASE_CONNECT = 2; // a server connection is being made, or retried after a pause
export const PHASE_RESPONSE = 3; // the request went out (its body may still flow); no response head yet
export const PHASE_BODY = 4; // response body
export const PHASE_TUNNEL = 5; // bytes flow blindly both ways
export const PHASE_REPLY = 6; // we answer ourselves; the rest of the request is drained

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
  method = 0;
  readonly request = new Body();
  requestBuffer = -1; // what goes out first once connected: the rewritten head and the body bytes that came with it
  requestOffset = 0;
  requestLength = 0;
  requestSent = false; // at least one byte of it was given to a server connection
  notFirst = false; // an earlier request came on this client connection

  // Response
  readonly response = new Body();
  responseStarted = false; // a head was sent to the client: errors can only cut now
  responseClosed = false; // the server's response is whole (the request may still be flowing)
  closeFront = false; // the client's connection ends with this stream
  closeBack = false; // the server's connection is not kept
  reusedBack = false; // the request went out on a connection that had served before

  // Choosing and connecting
  retriesLeft = 0;
  avoidPosition = -1;
  hash = -1;
  queueNext: Stream | null = null;
  queuePrevious: Stream | null = null;
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
    this.request.reset(BODY_NONE, 0);
    this.requestBuffer = -1;
    this.requestOffset = 0;
    this.requestLength = 0;
    this.requestSent = false;
    this.notFirst = false;
    this.response.reset(BODY_NONE, 0);
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
  }
}
