// The client's side of an HTTP stream: from the first byte of a head to the last byte of its body.
//
// frontBytes and frontEnd are what dispatch calls; they gather a head, start the stream (log, backend, rewritten
// head) and afterwards pass the body on as fast as the server takes it.

import { assert } from '../base/assert.ts';
import { requestFormBytes } from '../http/form-bytes.ts';
import { writeLastChunk } from '../http/h1/chunked.ts';
import { parseRequestHead } from '../http/h1/parse.ts';
import { HEAD_OK, HEAD_PARTIAL, statusOfVerdict } from '../http/h1/verdict.ts';
import {
  CONNECTION_CLOSE,
  CONNECTION_KEEP_ALIVE,
  CONNECTION_NONE,
  WRITE_FULL,
  writeRequestHead,
} from '../http/h1/write.ts';
import {
  HEAD_ABSOLUTE_URI,
  HEAD_CHUNKED,
  HEAD_CLOSE,
  HEAD_HTTP_10,
  HEAD_KEEP_ALIVE,
  HEAD_LENGTH,
  HEAD_MUST_CLOSE,
  type Head,
  METHOD_OTHER,
} from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import type { TerminationCause, TerminationPhase } from '../observe/names.ts';
import { RULE_INTERNAL } from '../rules/contract.ts';
import { FRAMING_DROP_BODY, FRAMING_KEPT, saysClose, settleFraming } from '../rules/framing.ts';
import { errorRepliesOf } from '../rules/reply.ts';
import { type LogRecord, MARK_NONE } from '../sample/log-record.ts';
import * as counters from '../shared/counters.ts';
import { assignServer } from './assign.ts';
import { BODY_BAD, placeHead, ready, sendBody, takeBody } from './body.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from './body-state.ts';
import { endBulk } from './bulk.ts';
import { type Connection, FRONT_STREAM } from './connection.ts';
import { fillAddresses } from './endpoints.ts';
import { abortStream, closeFront, finishIfDone, setTermination } from './finish.ts';
import { addForwarded } from './forwarded.ts';
import { gather, gatherHeld, held, holdRest, takeGathered, takeHeldBytes } from './gather.ts';
import { aimRequest, forgetRequest, isWhole } from './language.ts';
import { resumeTcpRules } from './listener.ts';
import { phaseLetter, replyMonitor, replyStatus, sendText } from './reply.ts';
import {
  awaitsKey,
  endByRule,
  endTarpit,
  enterBackend,
  isInTarpit,
  leaveTarpit,
  REQUEST_GO,
  runRequestRules,
  wantsMoreInRules,
} from './request-rules.ts';
import { NO_SEGMENT } from './segments.ts';
import {
  PHASE_CONNECT,
  PHASE_QUEUE,
  PHASE_REPLY,
  PHASE_RESPONSE,
  PHASE_RESPONSE_RULES,
  PHASE_RULES,
  PHASE_TUNNEL,
  type Stream,
} from './stream.ts';
import { type ProxyThread, SCRATCH_BYTES } from './thread.ts';
import { countTracked } from './tracked.ts';

const SPACE = 32;
const SLASH = 47;
/** Trailers written anew grow by at most a blank per line, and the last chunk by its two line ends. */
const TRAILER_ROOM_BYTES = 256;

// What prepareRequest made of it.
const REQUEST_READY = 0;
const REQUEST_FULL = 1; // it does not fit, or no slot is free
const REQUEST_BAD = 2; // the chunks that came with the head are wrong

/** Bytes of the next request head: gathers them and starts the stream when the head is whole. */
export function headBytes(
  thread: ProxyThread,
  front: Connection,
  bufferId: number,
  offset: number,
  length: number,
): void {
  gather(thread, front, bufferId, offset, length);
  if (front.headSinceMs === 0) front.headSinceMs = thread.clock.nowMs;
  const head = front.head ?? thread.takeHead();
  front.head = head;
  const verdict = parseRequestHead(thread.bytes, front.headStart, front.headEnd, head, front.frontend!.headLimits);
  if (verdict === HEAD_OK) {
    front.head = null;
    startStream(thread, front, head);
    // Rules that wait keep the head with their stream.
    if (front.stream === null || front.stream.rule.requestHead !== head) thread.freeHead(head);
    return;
  }
  if (verdict !== HEAD_PARTIAL) {
    refuseHead(thread, front, statusOfVerdict(verdict), 'P', 'R');
    return;
  }
  // A first request has had its time since the connection was accepted; later ones have it from their first byte.
  const timeouts = front.frontend!.proxy.timeouts;
  if (front.requestCount > 0) thread.setDeadline(front, headDeadline(front.headSinceMs, timeouts));
  thread.recvStart(front);
}

function headDeadline(sinceMs: number, timeouts: { httpRequest: number; client: number }): number {
  const durationMs = timeouts.httpRequest || timeouts.client;
  return durationMs === 0 ? 0 : sinceMs + durationMs;
}

/**
 * Answers a request that never became a stream (unreadable, too slow, cut) and closes. `text` false: says nothing.
 */
export function refuseHead(
  thread: ProxyThread,
  front: Connection,
  status: number,
  cause: TerminationCause,
  phase: TerminationPhase,
  text = true,
): void {
  refuseStream(thread, openStream(thread, front), front, status, cause, phase, text);
}

// Logged as what it never was: a request that could be read.
function refuseStream(
  thread: ProxyThread,
  stream: Stream,
  front: Connection,
  status: number,
  cause: TerminationCause,
  phase: TerminationPhase,
  text: boolean,
): void {
  const frontend = stream.frontend!;
  const log = stream.log;
  thread.counters.cells[frontend.counterAt + counters.FAILED_REQUESTS]! += 1;
  if (front.tracked !== null) countTracked(thread, stream, front, 'http_req_cnt', 1);
  log.bytesUploaded = front.headBuffer === NO_BUFFER ? 0 : front.headEnd - front.headStart;
  log.markIdle = MARK_NONE;
  log.markRequest = MARK_NONE;
  log.requestLineLength = 0;
  log.status = status;
  log.isUnreadable = true;
  stream.request.done = true;
  thread.dropInput(front);
  stream.phase = PHASE_REPLY;
  stream.closeFront = true;
  stream.responseStarted = true;
  stream.responseClosed = true;
  setTermination(stream, cause, phase);
  if (text) {
    sendEarly(thread, stream, front, status);
  }
  finishIfDone(thread, stream);
}

// The page for a request that could not be read; a page without a byte is none.
function sendEarly(thread: ProxyThread, stream: Stream, front: Connection, status: number): void {
  const frontend = stream.frontend!;
  if (!frontend.hasErrorReplies) {
    const { bytes } = frontend.replies.early(status);
    sendText(thread, front, bytes, bytes.length);
    return;
  }
  const { run, linker } = thread.language;
  const found = errorRepliesOf(linker).find(status, frontend.proxy.index, -1);
  const subject = aimRequest(thread, stream, null);
  if (found.write(subject, run.reply) && run.reply.length > 0) {
    sendText(thread, front, run.reply.bytes, run.reply.length);
  }
}

// A stream for what this client sends next, with its log record begun.
function openStream(thread: ProxyThread, front: Connection): Stream {
  const frontend = front.frontend;
  assert(frontend !== null && front.stream === null, 'a client connection carries one stream at a time');
  const stream = thread.takeStream();
  stream.reset(front, frontend, true);
  front.stream = stream;
  front.phase = FRONT_STREAM;
  stream.notFirst = front.requestCount > 0;
  stream.startedMs = front.sinceMs;
  const log = stream.log;
  log.reset();
  log.frontendIndex = frontend.proxy.index;
  log.backendIndex = frontend.proxy.index;
  log.acceptDateMs = front.sinceWallMs;
  if (frontend.logger.active) fillAddresses(thread, front, log);
  return stream;
}

function startStream(thread: ProxyThread, front: Connection, head: Head): void {
  const stream = openStream(thread, front);
  const frontend = stream.frontend!;
  const nowMs = thread.clock.nowMs;
  const log = stream.log;
  const cells = thread.counters.cells;
  cells[frontend.counterAt + counters.REQUESTS]! += 1;
  thread.counters.countRate(frontend.counterRow, counters.REQUEST_RATE, nowMs);
  if (front.tracked !== null) countTracked(thread, null, front, 'http_req_cnt', 1);
  log.markIdle = front.headSinceMs - front.sinceMs;
  log.markRequest = nowMs - front.sinceMs;
  log.bytesUploaded = requestFormBytes(head);
  if (frontend.needsRequestLine) captureLine(thread, head, log);
  const { customLog, capturing } = frontend;
  if (customLog === null) frontend.logger.accepted(log);
  else customLog.begin(log);
  stream.method = head.method;
  stream.serverMethod = head.method;
  stream.requestFlags = head.flags;
  const flags = head.flags;
  if ((flags & HEAD_CHUNKED) !== 0) stream.request.reset(BODY_CHUNKED, 0);
  else if ((flags & HEAD_LENGTH) !== 0) stream.request.reset(BODY_LENGTH, head.contentLength);
  else stream.request.reset(BODY_NONE, 0);
  stream.closeFront =
    frontend.proxy.connectionMode === 'CLO' ||
    (flags & (HEAD_CLOSE | HEAD_MUST_CLOSE)) !== 0 ||
    (flags & (HEAD_HTTP_10 | HEAD_KEEP_ALIVE)) === HEAD_HTTP_10;
  stream.bodyOffset = head.endOffset;
  if (frontend.monitorUri !== null && sameText(thread.bytes, head, frontend.monitorUri)) {
    replyMonitor(thread, stream);
    return;
  }
  if (customLog !== null) customLog.requested(stream);
  if (capturing !== null) {
    capturing.begin(stream);
    capturing.request(thread, stream, head);
  }
  if (head.method === METHOD_OTHER && isPreface(thread.bytes, head)) {
    // Prior knowledge of HTTP/2, which is not spoken here: no server may take it for a request.
    log.requestLineLength = 0;
    log.markIdle = MARK_NONE;
    log.markRequest = MARK_NONE;
    stream.closeFront = true;
    replyStatus(thread, stream, 400, 'P', 'R');
    return;
  }
  if (frontend.isPlain && !awaitsKey(frontend.defaultBackend, head))
    enterBackend(thread, stream, frontend.defaultBackend);
  else if (runRequestRules(thread, stream, head) !== REQUEST_GO) return;
  toServer(thread, stream, front, head);
}

/** A stream that waited in its rules goes on: bytes came, the client ended, or the deadline passed. */
export function resumeRequest(thread: ProxyThread, stream: Stream): void {
  if (isInTarpit(stream)) {
    if (stream.front!.endSeen || thread.clock.nowMs >= stream.front!.deadlineMs) endTarpit(thread, stream);
    return;
  }
  if (!stream.http) {
    resumeTcpRules(thread, stream);
    return;
  }
  const front = stream.front!;
  const head = stream.rule.requestHead;
  assert(head !== null, 'a request that waits in its rules has its head');
  if (runRequestRules(thread, stream, head) !== REQUEST_GO) return;
  const isCut = front.endSeen && front.inFirst === NO_SEGMENT && !isWhole(thread.bytes, front, head);
  if (isCut && stream.backend !== null) {
    cutInRules(thread, stream);
    return;
  }
  toServer(thread, stream, front, head);
  // A FIN that came while rules waited is looked at now.
  if (front.stream === stream && front.endSeen && front.inFirst === NO_SEGMENT) requestEnd(thread, stream);
}

// The client ended within its body: no server gets the half of it.
function cutInRules(thread: ProxyThread, stream: Stream): void {
  countAbort(thread, stream);
  setTermination(stream, 'C', 'R');
  stream.log.status = 400;
  abortStream(thread, stream);
}

// The backend is known and every rule has had its say: the head is written anew and the server looked for.
function toServer(thread: ProxyThread, stream: Stream, front: Connection, head: Head): void {
  const frontend = stream.frontend!;
  const backend = stream.backend;
  if (backend === null) {
    stream.log.markRequest = MARK_NONE;
    replyStatus(thread, stream, 503, 'S', 'C');
    return;
  }
  const frontMode = frontend.proxy.connectionMode;
  const backMode = backend.proxy.connectionMode;
  const chunked10 = (head.flags & (HEAD_HTTP_10 | HEAD_CHUNKED)) === (HEAD_HTTP_10 | HEAD_CHUNKED);
  if (stream.rule.used && !settleRequest(thread, stream, head)) return;
  stream.closeBack =
    frontMode === 'SCL' || backMode === 'SCL' || backMode === 'CLO' || chunked10 || stream.rule.closeBack;
  if (frontend.uniqueId !== null && !frontend.uniqueId.addTo(thread, stream, head)) {
    replyStatus(thread, stream, 500, 'P', 'R');
    return;
  }
  addForwarded(thread, stream, frontend, backend, head);
  if (backend.key !== null) stream.hash = backend.key.hash(thread, stream, head);
  stream.bodyOffset = -1;
  const prepared = prepareRequest(thread, stream, front, head);
  if (stream.rule.used) forgetRequest(thread, stream);
  if (prepared === REQUEST_READY) assignServer(thread, stream);
  else if (prepared === REQUEST_FULL) replyStatus(thread, stream, 500, 'P', 'R');
  else {
    // As if no backend had been chosen: the whole of what came at once counts as the request.
    thread.load.release(backend.loadRow);
    thread.counters.cells[backend.counterAt + counters.SESSIONS]! -= 1;
    stream.backend = null;
    stream.log.backendIndex = frontend.proxy.index;
    refuseStream(thread, stream, front, 400, 'P', 'R', true);
  }
}

// Rules ran: no line of theirs may say another length than the body has. False: one does, and the answer is 500.
function settleRequest(thread: ProxyThread, stream: Stream, head: Head): boolean {
  const subject = aimRequest(thread, stream, head);
  const verdict = settleFraming(subject, head, false);
  stream.rule.editAt = subject.editAt;
  stream.rule.closeBack = saysClose(subject, head);
  stream.serverMethod = head.method;
  if (verdict === FRAMING_KEPT) return true;
  if (verdict === FRAMING_DROP_BODY) {
    stream.request.discards = true;
    stream.request.chunkedOut = false;
    return true;
  }
  endByRule(thread, stream, RULE_INTERNAL);
  return false;
}

// The start of an HTTP/2 connection, `PRI * HTTP/2.0`, read as a request line (RFC 9113 §3.4).
function isPreface(bytes: Uint8Array, head: Head): boolean {
  const { methodOffset, versionOffset } = head;
  if (head.methodLength !== 3 || head.uriLength !== 1 || bytes[versionOffset + 5] !== 50) return false;
  return bytes[methodOffset] === 80 && bytes[methodOffset + 1] === 82 && bytes[methodOffset + 2] === 73;
}

// The line as logs show it: its three words with one blank between them, however they came.
function captureLine(thread: ProxyThread, head: Head, log: LogRecord): void {
  const { methodOffset, methodLength, uriOffset, uriLength, versionOffset, versionLength } = head;
  const isPlain = uriOffset === methodOffset + methodLength + 1 && versionOffset === uriOffset + uriLength + 1;
  const bytes = thread.bytes;
  if (isPlain && bytes[uriOffset - 1] === SPACE && bytes[versionOffset - 1] === SPACE) {
    log.captureRequestLine(bytes, methodOffset, versionOffset + versionLength - methodOffset);
    return;
  }
  const at = thread.scratchOffset;
  let end = at + methodLength;
  bytes.copyWithin(at, methodOffset, methodOffset + methodLength);
  bytes[end++] = SPACE;
  bytes.copyWithin(end, uriOffset, uriOffset + uriLength);
  end += uriLength;
  bytes[end++] = SPACE;
  bytes.copyWithin(end, versionOffset, versionOffset + versionLength);
  log.captureRequestLine(bytes, at, end + versionLength - at);
}

// Writes the head as the server will see it and puts it in front of the body bytes that came with it; what
// belongs to later messages is held.
function prepareRequest(thread: ProxyThread, stream: Stream, front: Connection, head: Head): number {
  const scratch = thread.scratchOffset;
  const http10 = (head.flags & HEAD_HTTP_10) !== 0;
  const pretend = stream.backend!.proxy.pretendKeepAlive;
  // Only what is not the version's default is said.
  let connection = CONNECTION_NONE;
  if (stream.closeBack && !pretend) connection = http10 ? CONNECTION_NONE : CONNECTION_CLOSE;
  else if (http10) connection = CONNECTION_KEEP_ALIVE;
  const written = writeRequestHead(head, thread.bytes, scratch, scratch + SCRATCH_BYTES, http10, connection);
  if (written === WRITE_FULL) return REQUEST_FULL;
  const bodyOffset = head.endOffset;
  const end = front.headEnd;
  const bufferId = takeGathered(front);
  stream.requestBuffer = bufferId;
  let rest = bodyOffset;
  ready.start = bodyOffset;
  ready.end = bodyOffset;
  const body = stream.request;
  // A slot filled to the brim may have no room for the chunks' own end: then all of the body is held.
  const now = body.mode === BODY_LENGTH || end + TRAILER_ROOM_BYTES <= thread.buffers.dataEnd(bufferId);
  if (now) {
    rest = takeBody(thread, body, bodyOffset, end);
    if (rest === BODY_BAD) return REQUEST_BAD;
    stream.log.bytesUploaded += ready.formBytes;
  }
  // Received more than was read: hold it before the head is written over its neighbourhood.
  if (rest < end) {
    if (!holdRest(thread, front, rest, end)) return REQUEST_FULL;
    if (now && !body.done && body.mode === BODY_CHUNKED) gatherHeld(thread, front);
  }
  if (now && body.done && body.mode === BODY_CHUNKED && body.chunkedOut) endChunks(thread, written);
  if (!placeHead(thread, bufferId, written - scratch)) {
    if (!makeRoom(thread, bufferId, written - scratch)) return REQUEST_FULL;
    placeHead(thread, bufferId, written - scratch);
  }
  stream.requestOffset = ready.start;
  stream.requestLength = ready.end - ready.start;
  return REQUEST_READY;
}

// Rules made the head longer than the room before the body: the body moves to the slot's end, if that is enough.
function makeRoom(thread: ProxyThread, bufferId: number, headLength: number): boolean {
  const length = ready.end - ready.start;
  const end = Math.max(thread.buffers.dataEnd(bufferId), ready.end);
  if (end - length - headLength < thread.buffers.slotOffset(bufferId)) return false;
  thread.bytes.copyWithin(end - length, ready.start, ready.end);
  ready.start = end - length;
  ready.end = end;
  return true;
}

// The last chunk and the trailers go behind what is ready; by way of scratch space, as they may stand in each
// other's way in the slot.
function endChunks(thread: ProxyThread, scratchFrom: number): void {
  const scratchEnd = thread.scratchOffset + SCRATCH_BYTES;
  const end = writeLastChunk(thread.bytes, scratchFrom, scratchEnd, thread.trailers);
  assert(end > 0, 'trailers are shorter than the scratch space');
  thread.bytes.copyWithin(ready.end, scratchFrom, end);
  ready.end += end - scratchFrom;
}

// The whole target, or the path of an absolute one.
function sameText(bytes: Uint8Array, head: Head, text: { offset: number; length: number }): boolean {
  const from = head.uriLength === text.length ? 0 : pathOffset(bytes, head);
  if (head.uriLength - from !== text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[head.uriOffset + from + index] !== bytes[text.offset + index]) return false;
  }
  return true;
}

// How many bytes of the target stand before its path.
function pathOffset(bytes: Uint8Array, head: Head): number {
  if ((head.flags & HEAD_ABSOLUTE_URI) === 0) return 0;
  let slashCount = 0;
  for (let index = 0; index < head.uriLength; index++) {
    if (bytes[head.uriOffset + index] === SLASH && ++slashCount === 3) return index;
  }
  return 0;
}

/** Bytes from a client whose stream is running: its body, or the next request. */
export function requestBytes(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  const front = stream.front!;
  const phase = stream.phase;
  if (phase === PHASE_RULES) {
    rulesBytes(thread, stream, bufferId, offset, length);
    return;
  }
  if (stream.request.done || phase === PHASE_QUEUE || phase === PHASE_CONNECT || front.inFirst !== NO_SEGMENT) {
    thread.hold(front, bufferId, offset, length);
    return;
  }
  forwardRequest(thread, stream, bufferId, offset, length);
}

// Rules wait: what comes is gathered behind the head for them to see, as long as there is room, and they look again.
function rulesBytes(thread: ProxyThread, stream: Stream, bufferId: number, offset: number, length: number): void {
  const front = stream.front!;
  if (front.inFirst !== NO_SEGMENT || isInTarpit(stream) || !wantsMoreInRules(thread, front)) {
    thread.hold(front, bufferId, offset, length);
    return;
  }
  gather(thread, front, bufferId, offset, length);
  resumeRequest(thread, stream);
}

/** Passes on what was held while the stream could not take it. */
export function requestHeld(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  while (front.stream === stream && front.inFirst !== NO_SEGMENT && !stream.request.done) {
    if (stream.phase === PHASE_QUEUE || stream.phase === PHASE_CONNECT) return;
    if (stream.back !== null && thread.isBackedUp(stream.back)) return;
    takeHeldBytes(thread, front);
    forwardRequest(thread, stream, held.bufferId, held.offset, held.length);
  }
  if (front.stream === stream && !stream.request.done) {
    if (front.endSeen && front.inFirst === NO_SEGMENT) requestCut(thread, stream);
    else thread.recvStart(front);
  }
}

function forwardRequest(thread: ProxyThread, stream: Stream, bufferId: number, offset: number, length: number): void {
  const front = stream.front!;
  const body = stream.request;
  let slot = bufferId;
  let from = offset;
  let end = offset + length;
  if (front.headBuffer !== NO_BUFFER) {
    gather(thread, front, bufferId, offset, length);
    from = front.headStart;
    end = front.headEnd;
    slot = takeGathered(front);
  }
  const consumed = takeBody(thread, body, from, end);
  stream.log.bytesUploaded += ready.formBytes;
  if (consumed === BODY_BAD) {
    thread.buffers.release(slot);
    // Too late for a page: the connection ends without one, as HAProxy does.
    setTermination(stream, 'P', phaseLetter(stream));
    if (!stream.responseStarted) stream.log.status = 400;
    abortStream(thread, stream);
    return;
  }
  if (consumed < end && !holdRest(thread, front, consumed, end)) {
    thread.buffers.release(slot);
    replyStatus(thread, stream, 500, 'R', phaseLetter(stream));
    return;
  }
  const back = stream.back;
  if (back === null || stream.phase === PHASE_REPLY) {
    thread.buffers.release(slot); // drained: nobody wants it any more
    if (body.done) finishIfDone(thread, stream);
    else thread.setDeadline(front, thread.after(stream.clientTimeoutMs));
    return;
  }
  // An unfinished block of trailers waits, gathered, for the rest of it.
  if (consumed < end && !body.done) gatherHeld(thread, front);
  if (!sendBody(thread, body, back, slot)) {
    replyStatus(thread, stream, 500, 'R', phaseLetter(stream));
    return;
  }
  if (body.done) endBulk(thread, stream.bulkUp); // it may have been about to begin
  thread.setDeadline(front, body.done ? 0 : thread.after(stream.clientTimeoutMs));
  thread.setDeadline(back, thread.after(stream.serverTimeoutMs));
  if (thread.isBackedUp(back)) thread.recvStop(front);
  if (body.done && stream.responseClosed) finishIfDone(thread, stream);
}

/** The client sent FIN while its stream runs. */
export function requestEnd(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  if (stream.phase === PHASE_RULES) {
    // Those that wait for bytes decide on what there is; whether the client is gone is seen when all are done.
    resumeRequest(thread, stream);
    return;
  }
  if (stream.request.done) {
    const backend = stream.backend;
    const aborts = backend !== null ? backend.proxy.abortonclose : true;
    // Half-closed, but it may well be waiting for its answer: only abortonclose takes it for gone, as long as the
    // server still has something to say. One whose answer is there already gets it.
    const answered = stream.responseClosed || stream.phase === PHASE_RESPONSE_RULES || stream.phase === PHASE_TUNNEL;
    if (aborts && !answered) clientGone(thread, stream);
    return;
  }
  if (front.inFirst === NO_SEGMENT) requestCut(thread, stream);
}

// The body ended before its time.
function requestCut(thread: ProxyThread, stream: Stream): void {
  if (stream.phase === PHASE_REPLY) {
    stream.request.done = true;
    stream.closeFront = true;
    finishIfDone(thread, stream);
    return;
  }
  clientGone(thread, stream);
}

/** The client went away: nothing more is worth doing for it. A half-closed one still gets a 400. */
export function clientGone(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  if (isInTarpit(stream)) {
    leaveTarpit(thread, stream);
    return;
  }
  const waits = stream.phase === PHASE_RESPONSE;
  const unfinished = !stream.request.done; // its own fault: no page for it
  // HAProxy's letters: a client that resets after a whole request is found out when the response is due.
  const letter = waits && front.errno !== 0 && stream.request.done ? 'D' : phaseLetter(stream);
  countAbort(thread, stream);
  stream.closeFront = true;
  stream.request.done = true;
  setTermination(stream, 'C', letter);
  if (stream.responseStarted || front.errno !== 0 || !waits || unfinished) {
    if (!stream.responseStarted) stream.log.status = waits ? 400 : -1;
    abortStream(thread, stream);
    return;
  }
  replyStatus(thread, stream, 400, 'C', letter);
}

function countAbort(thread: ProxyThread, stream: Stream): void {
  const cells = thread.counters.cells;
  cells[stream.frontend!.counterAt + counters.CLIENT_ABORTS]! += 1;
  if (stream.backend !== null) cells[stream.backend.counterAt + counters.CLIENT_ABORTS]! += 1;
  if (stream.server !== null) cells[stream.server.counterAt + counters.CLIENT_ABORTS]! += 1;
}

/** The client closed between requests, or inside a head. */
export function headEnd(thread: ProxyThread, front: Connection): void {
  const partial = front.headBuffer !== NO_BUFFER;
  if (!partial && front.requestCount > 0) {
    closeFront(thread, front);
    return;
  }
  const silent = !partial && front.frontend!.proxy.httpIgnoreProbes;
  if (silent) closeFront(thread, front);
  else refuseHead(thread, front, 400, 'C', 'R', front.errno === 0);
}

/** Time is up for a head: 408, unless nothing of a later request came, which is just an idle client. */
export function headExpired(thread: ProxyThread, front: Connection): void {
  const partial = front.headBuffer !== NO_BUFFER;
  const idle = !partial && (front.requestCount > 0 || front.frontend!.proxy.httpIgnoreProbes);
  if (idle) closeFront(thread, front);
  else refuseHead(thread, front, 408, 'c', 'R');
}
