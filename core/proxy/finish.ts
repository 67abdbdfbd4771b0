// The end of a stream: counters, the log line, and what becomes of its two connections.

import { assert } from '../base/assert.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { letterCode, type TerminationCause, type TerminationPhase } from '../observe/names.ts';
import * as counters from '../shared/counters.ts';
import { accountServer } from './account.ts';
import { endBulk } from './bulk.ts';
import { CONNECTION_OPEN, type Connection, FRONT_HEAD, FRONT_LINGER } from './connection.ts';
import { endsOf, fillAddresses } from './endpoints.ts';
import { releaseRules } from './language.ts';
import { fillLoads } from './loads.ts';
import { closePrivate, putIdle, stopUsing } from './pool.ts';
import { leaveQueue, releasePlace } from './queue.ts';
import { NO_SEGMENT } from './segments.ts';
import { PHASE_IDLE, PHASE_QUEUE, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';
import { countStatus, countTracked, stopTracking } from './tracked.ts';

/** How long a client may take to close after we did, before the fd is taken back. */
const LINGER_MS = 2_000;

const DASH = 0x2d;

/** Says who ended the stream and in which phase, unless that was said already: the first cause counts. */
export function setTermination(stream: Stream, cause: TerminationCause, phase: TerminationPhase): void {
  const log = stream.log;
  if (log.terminationCause !== DASH) return;
  log.setTermination(letterCode(cause), letterCode(phase));
}

/** The server's connection leaves the stream: into the pool when `keep` and the limits allow it, else closed. */
export function detachBack(thread: ProxyThread, stream: Stream, keep: boolean): void {
  const back = stream.back;
  if (back !== null) {
    stream.back = null;
    back.stream = null;
    const customLog = stream.frontend!.customLog;
    if (customLog !== null) customLog.backLeaves(stream, back);
    const kept =
      keep &&
      !stream.closeBack &&
      !thread.stopping &&
      back.state === CONNECTION_OPEN &&
      !back.endSeen &&
      back.errno === 0 &&
      back.inFirst === NO_SEGMENT &&
      back.headBuffer === NO_BUFFER &&
      back.outFirst === NO_SEGMENT &&
      putIdle(thread, back, stream.front);
    stopUsing(back.server!);
    if (!kept) thread.closeConnection(back);
    else thread.recvStart(back);
  }
  // Logs tell who else is on the server when the line is written.
  if (stream.server !== null) stream.log.srvConn = thread.load.current(stream.server.loadRow) - 1;
  releasePlace(thread, stream);
}

/** The stream is over when the request was taken whole, the response was, and the client has all of it. */
export function finishIfDone(thread: ProxyThread, stream: Stream): boolean {
  const front = stream.front;
  assert(front !== null, 'a running stream has a client');
  if (!stream.responseClosed || !stream.request.done) return false;
  if (stream.back !== null && stream.back.outFirst === NO_SEGMENT) detachBack(thread, stream, true);
  if (stream.back !== null || front.outFirst !== NO_SEGMENT) return false;
  endStream(thread, stream);
  return true;
}

/** Cuts the stream now: whatever was not sent is lost, both connections close. */
export function abortStream(thread: ProxyThread, stream: Stream): void {
  stream.closeFront = true;
  const front = stream.front;
  assert(front !== null, 'a running stream has a client');
  detachBack(thread, stream, stream.rule.keepsBack);
  endStream(thread, stream);
  closeFront(thread, front);
}

/** Lets go of a client's connection and of the server connections that are its own. */
export function closeFront(thread: ProxyThread, front: Connection): void {
  closePrivate(thread, front);
  thread.closeConnection(front);
}

// Counts and logs the stream, then returns the client's connection to its next request or to its end.
function endStream(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const frontend = stream.frontend!;
  if (stream.phase === PHASE_QUEUE) leaveQueue(thread, stream);
  if (stream.requestBuffer !== NO_BUFFER) {
    thread.buffers.release(stream.requestBuffer);
    stream.requestBuffer = NO_BUFFER;
  }
  endBulk(thread, stream.bulkDown);
  endBulk(thread, stream.bulkUp);
  accountStream(thread, stream);
  if (stream.sourceSet !== null || stream.targetSet !== null) fillAddresses(thread, front, stream.log, endsOf(stream));
  if (frontend.customLog === null) frontend.logger.finished(stream.log);
  else frontend.customLog.finished(stream);
  if (stream.tracked !== null || front.tracked !== null) accountTracked(thread, stream, front);
  if (stream.rule.used) releaseRules(thread, stream);
  if (frontend.capturing !== null) frontend.capturing.end(stream);
  if (stream.backend !== null) thread.load.release(stream.backend.loadRow);
  stream.phase = PHASE_IDLE;
  front.stream = null;
  stream.front = null;
  const close = stream.closeFront || thread.stopping;
  const endDateMs = thread.wallClock.nowMs;
  thread.freeStream(stream);
  if (front.state !== CONNECTION_OPEN) return;
  if (close || !stream.http) {
    lingerFront(thread, front);
    return;
  }
  front.phase = FRONT_HEAD;
  front.requestCount++;
  front.sinceMs = thread.clock.nowMs;
  front.sinceWallMs = endDateMs;
  front.headSinceMs = 0;
  const timeouts = frontend.proxy.timeouts;
  thread.setDeadline(front, thread.after(timeouts.httpKeepAlive || timeouts.httpRequest || timeouts.client));
  if (front.inFirst !== NO_SEGMENT || front.headBuffer !== NO_BUFFER || front.endSeen) thread.fronts.push(front);
  else thread.recvStart(front);
}

// The stream's bytes and its status, in what it and its connection track.
function accountTracked(thread: ProxyThread, stream: Stream, front: Connection): void {
  const { log } = stream;
  if (stream.http) countStatus(thread, stream, log.status);
  if (log.bytesUploaded > 0) countTracked(thread, stream, front, 'bytes_in_cnt', log.bytesUploaded);
  if (log.bytesRead > 0) countTracked(thread, stream, front, 'bytes_out_cnt', log.bytesRead);
  stopTracking(thread, stream);
}

/** Says goodbye: FIN after the last byte, then waits for the client's, so that no RST eats the response. */
export function lingerFront(thread: ProxyThread, front: Connection): void {
  closePrivate(thread, front);
  const crowded = thread.openCount > thread.lingerCountMax && front.outFirst === NO_SEGMENT;
  if (front.endSeen || front.errno !== 0 || crowded) {
    thread.closeConnection(front);
    return;
  }
  front.phase = FRONT_LINGER;
  if (front.counted) thread.leaveFrontend(front);
  thread.dropInput(front);
  thread.shutdownAfterSend(front);
  thread.recvStart(front);
  const timeouts = front.frontend!.proxy.timeouts;
  thread.setDeadline(
    front,
    thread.clock.nowMs + Math.min(timeouts.clientFin || timeouts.client || LINGER_MS, LINGER_MS),
  );
}

function accountStream(thread: ProxyThread, stream: Stream): void {
  const log = stream.log;
  const frontend = stream.frontend!;
  log.markClose = thread.clock.nowMs - stream.startedMs;
  fillLoads(thread, stream);
  const cells = thread.counters.cells;
  if (stream.http) thread.counters.countResponse(frontend.counterRow, log.status);
  cells[frontend.counterAt + counters.REQ_IN_BYTES]! += log.bytesUploaded;
  cells[frontend.counterAt + counters.RES_OUT_BYTES]! += log.bytesRead;
  const backend = stream.backend;
  if (backend === null) return;
  log.beconn -= 1; // this stream has left it
  if (stream.http) thread.counters.countResponse(backend.counterRow, log.status);
  cells[backend.counterAt + counters.REQ_IN_BYTES]! += log.bytesUploaded;
  cells[backend.counterAt + counters.RES_OUT_BYTES]! += log.bytesRead;
  accountServer(thread, backend, log, stream.http);
}
