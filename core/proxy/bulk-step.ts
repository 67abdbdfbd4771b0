// When a direction of a stream goes over to splicing, and what follows from each pump of its pipe.

import { REQ_SPLICED_BYTES, RES_SPLICED_BYTES } from '../shared/counters.ts';
import { countSpliced } from './account.ts';
import { BODY_LENGTH } from './body-state.ts';
import {
  BULK_NONE,
  BULK_RUNNING,
  type Bulk,
  bulkReady,
  endBulk,
  PUMP_DONE,
  PUMP_NO_PIPE,
  PUMP_SLOW,
  PUMP_SOURCE_ENDED,
  PUMP_SOURCE_FAILED,
  PUMP_TARGET_FAILED,
  pump,
  startBulk,
} from './bulk.ts';
import { connectionFailed } from './failure.ts';
import { finishIfDone } from './finish.ts';
import { requestEnd } from './request.ts';
import { responseDone, responseEnd } from './response.ts';
import { NO_SEGMENT } from './segments.ts';
import { PHASE_BODY, PHASE_RESPONSE, PHASE_TUNNEL, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';
import { backEnded, frontEnded, refreshDeadlines } from './tunnel.ts';

/** A body with at least so much still to come is worth a pipe. */
const LEFT_BYTES_MIN = 256 * 1024;
/** In a tunnel: so many receives in a row of at least FULL_BYTES each. */
const FULL_COUNT = 8;
const FULL_BYTES = 32 * 1024;

/** After bytes came from the server: goes over to splicing when what is still to come is long. */
export function considerDown(thread: ProxyThread, stream: Stream, length: number): void {
  const { bulkDown, back } = stream;
  if (bulkDown.state !== BULK_NONE || back === null || !stream.spliceDown) return;
  if (stream.phase === PHASE_BODY) {
    if (stream.response.mode !== BODY_LENGTH || stream.response.leftBytes < LEFT_BYTES_MIN) return;
    // The next body from here is probably long too: what a standing receive would bring must be copied, and it may
    // bring all of the body before it can be stopped.
    back.recvSingly = true;
    back.server!.sendsLong = true;
  } else {
    stream.fullDownCount = length >= FULL_BYTES ? stream.fullDownCount + 1 : 0;
    if (stream.phase !== PHASE_TUNNEL || stream.fullDownCount < FULL_COUNT) return;
  }
  startBulk(thread, bulkDown, back);
}

/** After bytes came from the client: the same for its side. */
export function considerUp(thread: ProxyThread, stream: Stream, length: number): void {
  const { bulkUp, front, back } = stream;
  if (bulkUp.state !== BULK_NONE || front === null || back === null) return;
  if (stream.phase === PHASE_TUNNEL) {
    stream.fullUpCount = length >= FULL_BYTES ? stream.fullUpCount + 1 : 0;
    if (stream.fullUpCount < FULL_COUNT) return;
  } else {
    const forwarding = stream.phase === PHASE_RESPONSE || stream.phase === PHASE_BODY;
    if (!forwarding || stream.request.mode !== BODY_LENGTH || stream.request.leftBytes < LEFT_BYTES_MIN) return;
    if (front.inFirst !== NO_SEGMENT) return;
  }
  startBulk(thread, bulkUp, front);
}

/** A receive ended or a send completed: a direction that waits to begin splicing may begin. */
export function bulkMayStart(thread: ProxyThread, stream: Stream): void {
  const { front, back } = stream;
  if (back === null || front === null) return;
  if (bulkReady(stream.bulkDown, back, front)) stepDown(thread, stream);
  if (stream.back !== null && bulkReady(stream.bulkUp, front, back)) stepUp(thread, stream);
}

/** Readiness on one of the stream's connections. */
export function bulkReadable(thread: ProxyThread, stream: Stream, ofFront: boolean): void {
  if (ofFront) {
    if (stream.bulkUp.state === BULK_RUNNING) stepUp(thread, stream);
  } else if (stream.bulkDown.state === BULK_RUNNING) stepDown(thread, stream);
}

export function bulkWritable(thread: ProxyThread, stream: Stream, ofFront: boolean): void {
  bulkReadable(thread, stream, !ofFront);
}

function stepDown(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const back = stream.back!;
  const bulk = stream.bulkDown;
  const result = pump(thread, bulk, stream.response, back, front);
  stream.log.bytesRead += bulk.movedBytes;
  countSpliced(thread, stream, RES_SPLICED_BYTES, bulk.movedBytes);
  account(thread, stream, bulk);
  switch (result) {
    case PUMP_DONE:
      endBulk(thread, bulk);
      stream.response.done = true;
      thread.recvStart(back);
      responseDone(thread, stream);
      return;
    case PUMP_SLOW:
    case PUMP_NO_PIPE:
      leave(thread, stream, bulk, result);
      back.recvSingly = false;
      thread.recvStart(back);
      return;
    case PUMP_SOURCE_ENDED:
      endBulk(thread, bulk);
      back.endSeen = true;
      if (stream.phase === PHASE_TUNNEL) backEnded(thread, stream);
      else responseEnd(thread, stream);
      return;
    case PUMP_SOURCE_FAILED:
      endBulk(thread, bulk);
      connectionFailed(thread, back, back.errno);
      return;
    case PUMP_TARGET_FAILED:
      endBulk(thread, bulk);
      connectionFailed(thread, front, front.errno);
      return;
    default:
  }
}

function stepUp(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const back = stream.back!;
  const bulk = stream.bulkUp;
  const result = pump(thread, bulk, stream.request, front, back);
  stream.log.bytesUploaded += bulk.movedBytes;
  countSpliced(thread, stream, REQ_SPLICED_BYTES, bulk.movedBytes);
  account(thread, stream, bulk);
  switch (result) {
    case PUMP_DONE:
      endBulk(thread, bulk);
      stream.request.done = true;
      thread.setDeadline(front, 0);
      thread.recvStart(front);
      if (stream.responseClosed) finishIfDone(thread, stream);
      return;
    case PUMP_SLOW:
    case PUMP_NO_PIPE:
      leave(thread, stream, bulk, result);
      thread.recvStart(front);
      return;
    case PUMP_SOURCE_ENDED:
      endBulk(thread, bulk);
      front.endSeen = true;
      if (stream.phase === PHASE_TUNNEL) frontEnded(thread, stream);
      else requestEnd(thread, stream);
      return;
    case PUMP_SOURCE_FAILED:
      endBulk(thread, bulk);
      connectionFailed(thread, front, front.errno);
      return;
    case PUMP_TARGET_FAILED:
      endBulk(thread, bulk);
      connectionFailed(thread, back, back.errno);
      return;
    default:
  }
}

function leave(thread: ProxyThread, stream: Stream, bulk: Bulk, why: number): void {
  endBulk(thread, bulk);
  stream.fullDownCount = 0;
  stream.fullUpCount = 0;
  if (why === PUMP_NO_PIPE) {
    stream.spliceDown = false;
    stream.spliceUp = false;
  }
}

// Bytes moved are activity of both sides.
function account(thread: ProxyThread, stream: Stream, bulk: Bulk): void {
  if (bulk.movedBytes === 0) return;
  bulk.movedBytes = 0;
  if (stream.phase === PHASE_TUNNEL) {
    refreshDeadlines(thread, stream);
    return;
  }
  thread.setDeadline(stream.front!, thread.after(stream.clientTimeoutMs));
  thread.setDeadline(stream.back!, thread.after(stream.serverTimeoutMs));
}
