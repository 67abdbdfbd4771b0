// The server's side of an HTTP stream: from the first byte of a response head to the last byte of its body.

import { assert } from '../base/assert.ts';
import { responseFormBytes } from '../http/form-bytes.ts';
import { parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_BAD_UPGRADE, HEAD_OK, HEAD_PARTIAL } from '../http/h1/verdict.ts';
import {
  CONNECTION_CLOSE,
  CONNECTION_KEEP_ALIVE,
  CONNECTION_NONE,
  WRITE_FULL,
  writeResponseHead,
} from '../http/h1/write.ts';
import {
  HEAD_CHUNKED,
  HEAD_CLOSE,
  HEAD_CLOSE_DELIMITED,
  HEAD_HTTP_10,
  HEAD_MUST_CLOSE,
  HEAD_TUNNEL,
  HEAD_UPGRADE,
  HEAD_WEBSOCKET,
  type Head,
  METHOD_HEAD,
} from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { RULE_INTERNAL } from '../rules/contract.ts';
import { FRAMING_BROKEN, FRAMING_DROP_BODY, FRAMING_UNTIL_CLOSE, saysClose, settleFraming } from '../rules/framing.ts';
import { MARK_NONE } from '../sample/log-record.ts';
import * as counters from '../shared/counters.ts';
import { BODY_BAD, ready, sendHeadAlone, sendWithHead, takeBody } from './body.ts';
import { BODY_CLOSE } from './body-state.ts';
import { endBulk } from './bulk.ts';
import type { Connection } from './connection.ts';
import { abortStream, finishIfDone, setTermination } from './finish.ts';
import { gather, gatherHeld, held, holdRest, takeGathered, takeHeldBytes } from './gather.ts';
import { aimResponse } from './language.ts';
import { fillLoads } from './loads.ts';
import { closeSilently, replyStatus } from './reply.ts';
import { requestEnd } from './request.ts';
import { endByRule } from './request-rules.ts';
import { beginBody, beginResponseRules, hasResponseRules, RESPONSE_GO, runResponseRules } from './response-rules.ts';
import { NO_SEGMENT } from './segments.ts';
import { PHASE_BODY, PHASE_RESPONSE, PHASE_RESPONSE_RULES, type Stream } from './stream.ts';
import { type ProxyThread, SCRATCH_BYTES } from './thread.ts';
import { startTunnel } from './tunnel.ts';

/** Bytes from the server while the head is awaited. */
export function responseBytes(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  const back = stream.back!;
  gather(thread, back, bufferId, offset, length);
  while (stream.phase === PHASE_RESPONSE && back.headBuffer !== NO_BUFFER) {
    const head = back.head ?? thread.takeHead();
    back.head = head;
    const verdict = parseResponseHead(
      thread.bytes,
      back.headStart,
      back.headEnd,
      head,
      stream.serverMethod,
      back.server!.backend.headLimits,
    );
    if (verdict === HEAD_PARTIAL) return;
    back.head = null;
    if (verdict !== HEAD_OK) {
      // A whole head that is refused for its meaning counts; one that could not be read does not.
      if (verdict === HEAD_BAD_UPGRADE && (head.flags & HEAD_WEBSOCKET) === 0)
        stream.log.bytesRead += responseFormBytes(head);
      thread.freeHead(head);
      countBadResponse(thread, stream);
      replyStatus(thread, stream, 502, 'P', 'H');
      return;
    }
    stream.log.bytesRead += responseFormBytes(head);
    if (head.status === 101 && (stream.requestFlags & HEAD_UPGRADE) === 0) {
      // Switching to what nobody asked for.
      thread.freeHead(head);
      countBadResponse(thread, stream);
      replyStatus(thread, stream, 502, 'P', 'H');
      return;
    }
    const interim = head.status >= 100 && head.status < 200 && (head.flags & HEAD_TUNNEL) === 0;
    if (interim) passInterim(thread, stream, back, head);
    else startResponse(thread, stream, back, head);
    // Rules that wait keep the head with their stream.
    if (stream.rule.responseHead !== head) thread.freeHead(head);
  }
}

// 100 Continue, 103 Early Hints: passed on (to 1.0 clients too, as HAProxy does); the real head is still to come.
function passInterim(thread: ProxyThread, stream: Stream, back: Connection, head: Head): void {
  const scratch = thread.scratchOffset;
  const end = writeResponseHead(head, thread.bytes, scratch, scratch + SCRATCH_BYTES, CONNECTION_NONE);
  if (end === WRITE_FULL || !sendHeadAlone(thread, stream.front!, end - scratch)) {
    replyStatus(thread, stream, 500, 'P', 'H');
    return;
  }
  if (head.endOffset < back.headEnd) back.headStart = head.endOffset;
  else thread.buffers.release(takeGathered(back));
}

function startResponse(thread: ProxyThread, stream: Stream, back: Connection, head: Head): void {
  const flags = head.flags;
  const log = stream.log;
  log.markData = thread.clock.nowMs - stream.startedMs;
  log.status = head.status;
  stream.responseFlags = flags;
  back.recvSingly = false; // until this body, too, turns out long
  back.server!.sendsLong = false;
  if ((flags & (HEAD_CLOSE | HEAD_CLOSE_DELIMITED | HEAD_MUST_CLOSE)) !== 0) stream.closeBack = true;
  const { capturing } = stream.frontend!;
  if (capturing !== null) capturing.response(thread, stream, head);
  if (hasResponseRules(stream)) {
    beginResponseRules(thread, stream);
    if (runResponseRules(thread, stream, head) !== RESPONSE_GO) return;
    if (!settleResponse(thread, stream, head)) return;
  }
  passResponse(thread, stream, back, head);
}

/** A response that waited in its rules goes on: bytes came, the server ended, or the deadline passed. */
export function resumeResponse(thread: ProxyThread, stream: Stream): void {
  const head = stream.rule.responseHead;
  assert(head !== null, 'a response that waits in its rules has its head');
  const outcome = runResponseRules(thread, stream, head);
  if (outcome !== RESPONSE_GO) return;
  if (!settleResponse(thread, stream, head)) return;
  stream.rule.responseHead = null;
  thread.setDeadline(stream.back!, thread.after(stream.serverTimeoutMs));
  const front = stream.front!;
  passResponse(thread, stream, stream.back!, head);
  thread.freeHead(head);
  // A FIN that came while rules waited is looked at now: there is more to come than the client may want.
  if (front.stream === stream && stream.phase === PHASE_BODY && front.endSeen) requestEnd(thread, stream);
}

// Rules ran: no line of theirs may say another length than the body has. False: one does, and the answer is 500.
function settleResponse(thread: ProxyThread, stream: Stream, head: Head): boolean {
  stream.log.status = head.status;
  const subject = aimResponse(thread, stream, head);
  const verdict = settleFraming(subject, head, true);
  if (verdict === FRAMING_BROKEN) {
    endByRule(thread, stream, RULE_INTERNAL);
    return false;
  }
  // A client that asked with HEAD gets no body, whatever the server was asked with.
  const isHead = stream.method === METHOD_HEAD && stream.serverMethod !== METHOD_HEAD;
  stream.rule.dropsBody = isHead || verdict === FRAMING_DROP_BODY;
  // A 204 where chunks were announced is not trusted to end where it says, as in HAProxy.
  const isOdd204 = verdict === FRAMING_DROP_BODY && head.status === 204 && (head.flags & HEAD_CHUNKED) !== 0;
  if (isOdd204 || saysClose(subject, head)) stream.closeFront = true;
  stream.rule.untilClose = verdict === FRAMING_UNTIL_CLOSE;
  if (stream.rule.untilClose) stream.closeFront = true;
  return true;
}

/** Bytes of the body while the response's rules wait: gathered behind the head for them, as long as there is room. */
export function responseWaits(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  const back = stream.back!;
  if (back.inFirst !== NO_SEGMENT || back.headBuffer === NO_BUFFER) {
    thread.hold(back, bufferId, offset, length);
    return;
  }
  gather(thread, back, bufferId, offset, length);
  if (back.headEnd - back.headStart >= thread.model.global.bufsize) thread.recvStop(back);
  resumeResponse(thread, stream);
}

// Every rule has had its say: the head is written anew and the body follows it.
function passResponse(thread: ProxyThread, stream: Stream, back: Connection, head: Head): void {
  const flags = head.flags;
  const { capturing } = stream.frontend!;
  if (capturing !== null) capturing.responseCookie(thread, stream, head);
  if ((flags & HEAD_TUNNEL) !== 0) {
    startUpgrade(thread, stream, back, head);
    return;
  }
  // Chunks in 1.0 are faulty framing (RFC 9112 §6.1): both connections end.
  const faulty10 = HEAD_HTTP_10 | HEAD_MUST_CLOSE;
  if ((flags & faulty10) === faulty10) stream.closeFront = true;
  const body = stream.response;
  beginBody(body, head);
  if (body.mode === BODY_CLOSE) stream.closeFront = true;
  if (stream.rule.dropsBody) {
    body.discards = true;
    stream.spliceDown = false;
  }
  if (stream.rule.dropsBody || stream.rule.untilClose) body.chunkedOut = false;
  if (thread.stopping) stream.closeFront = true;
  if (stream.rule.closeBack) stream.closeBack = true;
  const scratch = thread.scratchOffset;
  const written = writeResponseHead(
    head,
    thread.bytes,
    scratch,
    scratch + SCRATCH_BYTES,
    frontConnection(stream, flags),
  );
  if (written === WRITE_FULL) {
    replyStatus(thread, stream, 500, 'P', 'H');
    return;
  }
  stream.phase = PHASE_BODY;
  stream.responseStarted = true;
  const end = back.headEnd;
  const bufferId = takeGathered(back);
  passBody(thread, stream, bufferId, head.endOffset, end, written - scratch);
  if (stream.back !== back) return;
  if (back.inFirst !== NO_SEGMENT) passHeld(thread, stream, back);
  else if (back.endSeen) {
    // It ended while its rules waited.
    if (!stream.response.done) responseEnd(thread, stream);
  } else if (!back.recvWanted && !thread.isBackedUp(stream.front!)) thread.recvStart(back);
}

// What came beyond the gathered slot while rules waited.
function passHeld(thread: ProxyThread, stream: Stream, back: Connection): void {
  while (stream.back === back && back.inFirst !== NO_SEGMENT && !stream.response.done) {
    takeHeldBytes(thread, back);
    bodyBytes(thread, stream, held.bufferId, held.offset, held.length);
  }
  if (stream.back !== back || stream.response.done) return;
  if (back.endSeen) responseEnd(thread, stream);
  else if (!thread.isBackedUp(stream.front!)) thread.recvStart(back);
}

// What is not the default of the version that the head shows must be said: close in 1.1, keep-alive in 1.0. A 1.0
// client is told of keep-alive in either.
function frontConnection(stream: Stream, responseFlags: number): number {
  if (stream.closeFront) return (responseFlags & HEAD_HTTP_10) === 0 ? CONNECTION_CLOSE : CONNECTION_NONE;
  return ((responseFlags | stream.requestFlags) & HEAD_HTTP_10) !== 0 ? CONNECTION_KEEP_ALIVE : CONNECTION_NONE;
}

// 101, or 2xx to CONNECT: the head goes out as it is, then bytes flow blindly.
function startUpgrade(thread: ProxyThread, stream: Stream, back: Connection, head: Head): void {
  const scratch = thread.scratchOffset;
  const written = writeResponseHead(head, thread.bytes, scratch, scratch + SCRATCH_BYTES, CONNECTION_NONE);
  if (written === WRITE_FULL) {
    replyStatus(thread, stream, 500, 'P', 'H');
    return;
  }
  stream.responseStarted = true;
  const end = back.headEnd;
  const bufferId = takeGathered(back);
  ready.start = head.endOffset;
  ready.end = end;
  stream.log.bytesRead += end - head.endOffset;
  stream.response.reset(BODY_CLOSE, 0);
  if (!sendWithHead(thread, stream.response, stream.front!, bufferId, written - scratch)) {
    abortStream(thread, stream);
    return;
  }
  startTunnel(thread, stream);
}

/** Bytes from the server while the body flows. */
export function bodyBytes(thread: ProxyThread, stream: Stream, bufferId: number, offset: number, length: number): void {
  const back = stream.back!;
  let slot = bufferId;
  let from = offset;
  let end = offset + length;
  if (back.headBuffer !== NO_BUFFER) {
    gather(thread, back, bufferId, offset, length);
    from = back.headStart;
    end = back.headEnd;
    slot = takeGathered(back);
  }
  passBody(thread, stream, slot, from, end, 0);
}

function passBody(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  end: number,
  headLength: number,
): void {
  const front = stream.front!;
  const back = stream.back!;
  const body = stream.response;
  const consumed = takeBody(thread, body, offset, end);
  stream.log.bytesRead += ready.formBytes;
  if (headLength > 0 && stream.frontend!.logsEarly) {
    const { customLog, logger } = stream.frontend!;
    fillLoads(thread, stream);
    if (customLog === null) logger.responded(stream.log);
    else customLog.responded(stream);
  }
  if (consumed === BODY_BAD) {
    thread.buffers.release(bufferId);
    badBody(thread, stream, headLength);
    return;
  }
  if (consumed < end) {
    if (body.done) {
      // More than was announced: what follows cannot be trusted, nor can the connection.
      stream.closeBack = true;
    } else if (!keepTrailers(thread, back, consumed, end)) {
      thread.buffers.release(bufferId);
      abortStream(thread, stream);
      return;
    }
  }
  if (!sendWithHead(thread, body, front, bufferId, headLength)) {
    setTermination(stream, 'R', 'D');
    abortStream(thread, stream);
    return;
  }
  thread.setDeadline(front, thread.after(stream.clientTimeoutMs));
  if (body.done) {
    responseDone(thread, stream);
    return;
  }
  thread.setDeadline(back, thread.after(stream.serverTimeoutMs));
  if (thread.isBackedUp(front)) thread.recvStop(back);
}

// An unfinished block of trailers stays, gathered, until the rest of it comes.
function keepTrailers(thread: ProxyThread, back: Connection, from: number, end: number): boolean {
  if (!holdRest(thread, back, from, end)) return false;
  gatherHeld(thread, back);
  return true;
}

function badBody(thread: ProxyThread, stream: Stream, headLength: number): void {
  countBadResponse(thread, stream);
  if (headLength > 0) {
    // The bad chunk came with the head, of which nothing was sent yet.
    stream.responseStarted = false;
    stream.log.bytesRead = 0;
    stream.log.markData = MARK_NONE;
    replyStatus(thread, stream, 502, 'P', 'H');
    return;
  }
  setTermination(stream, 'P', 'D');
  cutResponse(thread, stream);
}

function countBadResponse(thread: ProxyThread, stream: Stream): void {
  thread.counters.cells[stream.backend!.counterAt + counters.FAILED_RESPONSES]! += 1;
  if (stream.server !== null) thread.counters.cells[stream.server.counterAt + counters.FAILED_RESPONSES]! += 1;
}

/** The response is whole. The server's connection is free as soon as it has the whole request too. */
export function responseDone(thread: ProxyThread, stream: Stream): void {
  stream.responseClosed = true;
  endBulk(thread, stream.bulkDown); // it may have been about to begin when the last bytes came
  const back = stream.back;
  if (back?.endSeen && !stream.request.done) {
    // Nobody is left to take the rest of the request.
    stream.request.done = true;
    stream.closeFront = true;
  }
  finishIfDone(thread, stream);
}

/** The server sent FIN. */
export function responseEnd(thread: ProxyThread, stream: Stream): void {
  if (stream.phase === PHASE_RESPONSE_RULES) {
    resumeResponse(thread, stream);
    return;
  }
  if (stream.phase === PHASE_RESPONSE) {
    serverFailed(thread, stream);
    return;
  }
  const body = stream.response;
  if (body.done) return;
  if (body.mode === BODY_CLOSE) {
    body.done = true;
    responseDone(thread, stream);
    return;
  }
  countServerAbort(thread, stream);
  setTermination(stream, 'S', 'D');
  cutResponse(thread, stream);
}

/** The server closed or reset before it answered. */
export function serverFailed(thread: ProxyThread, stream: Stream): void {
  const back = stream.back!;
  const silent = back.headBuffer === NO_BUFFER;
  if (stream.reusedBack && silent && !stream.responseStarted) {
    // It most likely timed out just as we sent: the client is to retry, so it gets nothing but a close.
    stream.log.logged = true;
    stream.log.status = 0;
    closeSilently(thread, stream, 'S', 'H');
    return;
  }
  countBadResponse(thread, stream);
  replyStatus(thread, stream, 502, silent ? 'S' : 'P', 'H');
}

function countServerAbort(thread: ProxyThread, stream: Stream): void {
  const cells = thread.counters.cells;
  cells[stream.frontend!.counterAt + counters.SERVER_ABORTS]! += 1;
  cells[stream.backend!.counterAt + counters.SERVER_ABORTS]! += 1;
  if (stream.server !== null) cells[stream.server.counterAt + counters.SERVER_ABORTS]! += 1;
}

/** The response cannot be completed: the client gets what is on its way, then the close that tells it so. */
export function cutResponse(thread: ProxyThread, stream: Stream): void {
  stream.closeFront = true;
  stream.closeBack = true;
  stream.request.done = true;
  stream.response.done = true;
  stream.responseClosed = true;
  const back = stream.back;
  if (back !== null) back.errno ||= 1;
  finishIfDone(thread, stream);
}
