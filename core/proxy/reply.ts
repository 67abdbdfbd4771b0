// Answers of our own: error pages, monitor-uri (manual §4.2 "errorfile", "monitor-uri").
//
// A reply ends the stream's business with servers; what is left of the request is drained, so that a kept-alive
// client may go on. Requests that are refused before there is a stream are answered by refuseHead.

import { assert } from '../base/assert.ts';
import { parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK } from '../http/h1/verdict.ts';
import {
  CONNECTION_CLOSE,
  CONNECTION_KEEP_ALIVE,
  CONNECTION_NONE,
  WRITE_FULL,
  writeResponseHead,
} from '../http/h1/write.ts';
import {
  HEAD_CLOSE,
  HEAD_HTTP_10,
  HEAD_KEEP_ALIVE,
  HEADER_CONNECTION,
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_HEAD,
} from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { ENOBUFS, forgetSocket } from '../io/net.ts';
import type { TerminationCause, TerminationPhase } from '../observe/names.ts';
import type { ReplyBuffer } from '../rules/contract.ts';
import {
  FRAMING_BROKEN,
  FRAMING_DROP_BODY,
  FRAMING_KEPT,
  FRAMING_UNTIL_CLOSE,
  saysClose,
  settleFraming,
} from '../rules/framing.ts';
import { errorRepliesOf } from '../rules/reply.ts';
import * as counters from '../shared/counters.ts';
import { hasAfterResponse, runAfterResponse } from './after-response.ts';
import { placeHead, ready, sendHeadAlone } from './body.ts';
import { BODY_NONE } from './body-state.ts';
import { endBulk } from './bulk.ts';
import type { Connection } from './connection.ts';
import { abortStream, detachBack, finishIfDone, setTermination } from './finish.ts';
import { holdGathered } from './gather.ts';
import { aimRequest, aimResponse } from './language.ts';
import { leaveQueue } from './queue.ts';
import { NO_SEGMENT } from './segments.ts';
import {
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_QUEUE,
  PHASE_REPLY,
  PHASE_RESPONSE,
  PHASE_TUNNEL,
  type Stream,
} from './stream.ts';
import { type ProxyThread, SCRATCH_BYTES } from './thread.ts';

/**
 * Answers the stream with `status` instead of a server, logs who was to blame and in which phase, and closes the
 * client's connection only where its request asked for that. After a response has begun it can only be cut.
 */
export function replyStatus(
  thread: ProxyThread,
  stream: Stream,
  status: number,
  cause: TerminationCause,
  phase: TerminationPhase,
): void {
  setTermination(stream, cause, phase);
  if (stream.responseStarted) {
    abortStream(thread, stream);
    return;
  }
  stream.log.status = status;
  sendReply(thread, stream, status);
}

/** 200 to `monitor-uri`: neither logged nor counted as a request. */
export function replyMonitor(thread: ProxyThread, stream: Stream): void {
  stream.log.logged = true;
  stream.log.status = 200;
  sendReply(thread, stream, 200);
}

/** How far the stream had come, as the second letter of the termination state says it (manual §8.5). */
export function phaseLetter(stream: Stream): TerminationPhase {
  switch (stream.phase) {
    case PHASE_QUEUE:
      return 'Q';
    case PHASE_CONNECT:
      return 'C';
    case PHASE_RESPONSE:
      return 'H';
    case PHASE_BODY:
      return stream.response.done ? 'L' : 'D';
    case PHASE_TUNNEL:
      return 'D';
    default:
      return 'R';
  }
}

/** Ends the stream without a word: the client sees a close and may retry (a reused server connection failed). */
export function closeSilently(
  thread: ProxyThread,
  stream: Stream,
  cause: TerminationCause,
  phase: TerminationPhase,
): void {
  setTermination(stream, cause, phase);
  if (!stream.responseStarted && !stream.rule.responding) stream.log.status = -1;
  abortStream(thread, stream);
}

/** Answers with what a rule made (core/rules/reply.ts). After a response has begun the stream can only be cut. */
export function replyBuffer(
  thread: ProxyThread,
  stream: Stream,
  reply: ReplyBuffer,
  cause: TerminationCause,
  phase: TerminationPhase,
): void {
  setTermination(stream, cause, phase);
  if (stream.responseStarted) {
    abortStream(thread, stream);
    return;
  }
  stream.log.status = reply.status;
  const front = stopServers(thread, stream);
  if (reply.length === 0) {
    abortStream(thread, stream);
    return;
  }
  const connection = settleConnection(thread, stream, front, reply.closes);
  sendWritten(thread, stream, front, reply.bytes, reply.length, connection);
  drainRequest(thread, stream, front);
  finishIfDone(thread, stream);
}

/** `silent-drop`: the client is not told that its connection is gone (manual §4.4). */
export function silentDrop(thread: ProxyThread, stream: Stream, phase: TerminationPhase, ttl: number): void {
  const front = stream.front!;
  setTermination(stream, 'P', phase);
  forgetSocket(front.fd, front.sourceFamily, ttl);
  front.errno ||= 1; // closed at once: nothing may be said any more, not even FIN
  closeSilently(thread, stream, 'P', phase);
}

function sendReply(thread: ProxyThread, stream: Stream, status: number): void {
  const backend = stream.backend;
  if (stream.frontend!.hasErrorReplies || backend?.hasErrorReplies) {
    sendConfigured(thread, stream, status);
    return;
  }
  const front = stopServers(thread, stream);
  const replies = backend?.replies.has(status) ? backend.replies : stream.frontend!.replies;
  const connection = settleConnection(thread, stream, front, replies.closes(status));
  if (hasAfterResponse(stream)) {
    const reply = replies.find(status, CONNECTION_NONE);
    sendWritten(thread, stream, front, reply.bytes, reply.bytes.length, connection);
  } else {
    const reply = replies.find(status, connection);
    sendText(thread, front, reply.bytes, stream.method === METHOD_HEAD ? reply.headLength : reply.bytes.length);
  }
  drainRequest(thread, stream, front);
  finishIfDone(thread, stream);
}

// The section has answers of its own, which may hold formats: `errorfile`, `http-error`, `errorloc`, `errorfiles`.
function sendConfigured(thread: ProxyThread, stream: Stream, status: number): void {
  const { run, linker } = thread.language;
  const { reply } = run;
  const found = errorRepliesOf(linker).find(status, stream.frontendIndex, stream.backendIndex);
  const subject = stream.rule.responding ? aimResponse(thread, stream, null) : aimRequest(thread, stream, null);
  const written = found.write(subject, reply);
  const front = stopServers(thread, stream);
  if (!written || reply.length === 0) {
    // `errorfile` with nothing in it: the connection closes without a word.
    stream.closeFront = true;
    stream.log.status = written ? -1 : 500;
    abortStream(thread, stream);
    return;
  }
  stream.log.status = reply.status;
  const connection = settleConnection(thread, stream, front, reply.closes);
  sendWritten(thread, stream, front, reply.bytes, reply.length, connection);
  drainRequest(thread, stream, front);
  finishIfDone(thread, stream);
}

// No server has anything to do with this stream any more; what was not sent of the request is dropped or held.
function stopServers(thread: ProxyThread, stream: Stream): Connection {
  const front = stream.front;
  assert(front !== null, 'a running stream has a client');
  if (stream.phase === PHASE_QUEUE) leaveQueue(thread, stream);
  stream.phase = PHASE_REPLY;
  endBulk(thread, stream.bulkDown);
  endBulk(thread, stream.bulkUp);
  detachBack(thread, stream, stream.rule.keepsBack);
  if (stream.requestBuffer !== NO_BUFFER) {
    thread.buffers.release(stream.requestBuffer);
    stream.requestBuffer = NO_BUFFER;
  }
  if (stream.bodyOffset >= 0) holdGathered(thread, front, stream.bodyOffset);
  stream.bodyOffset = -1;
  return front;
}

// What becomes of the client's connection after this answer: a CONNECTION_* for its head.
function settleConnection(thread: ProxyThread, stream: Stream, front: Connection, replyCloses: boolean): number {
  const flags = stream.requestFlags;
  const close = stream.closeFront || replyCloses || thread.stopping || (flags & HEAD_CLOSE) !== 0 || front.endSeen;
  stream.closeFront = close;
  stream.responseStarted = true;
  stream.responseClosed = true;
  stream.response.reset(BODY_NONE, 0);
  thread.counters.cells[stream.frontend!.counterAt + counters.INTERCEPTED]! += 1;
  if (close) return CONNECTION_CLOSE;
  const keepAlive = (flags & HEAD_HTTP_10) !== 0 && (flags & HEAD_KEEP_ALIVE) !== 0;
  return keepAlive ? CONNECTION_KEEP_ALIVE : CONNECTION_NONE;
}

// A whole response in bytes of ours: read as one, so that http-after-response rules can change it, and written anew.
// Without a slot to work in the client is cut.
function sendWritten(
  thread: ProxyThread,
  stream: Stream,
  front: Connection,
  text: Uint8Array,
  length: number,
  connection: number,
): void {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) {
    front.errno = ENOBUFS;
    return;
  }
  const bytes = thread.bytes;
  const offset = thread.buffers.dataOffset(bufferId);
  for (let index = 0; index < length; index++) bytes[offset + index] = text[index]!;
  const head = thread.takeHead();
  // Our answer to a CONNECT is one like any other: nothing is tunnelled behind it.
  const isConnect = stream.method === METHOD_CONNECT;
  const method = isConnect ? METHOD_GET : stream.method;
  const verdict = parseResponseHead(bytes, offset, offset + length, head, method, thread.headLimits);
  assert(verdict === HEAD_OK, 'an answer of our own is a response');
  let framing = FRAMING_KEPT;
  if (hasAfterResponse(stream)) {
    runAfterResponse(thread, stream, head);
    stream.log.status = head.status;
    framing = settleFraming(thread.language.subject, head, true);
    stream.rule.editAt = thread.language.subject.editAt;
    if (framing === FRAMING_UNTIL_CLOSE || saysClose(thread.language.subject, head)) stream.closeFront = true;
  }
  if ((head.flags & HEAD_CLOSE) !== 0) stream.closeFront = true; // `hdr connection close`
  head.removeAll(HEADER_CONNECTION);
  const scratch = thread.scratchOffset;
  const how = stream.closeFront ? CONNECTION_CLOSE : connection;
  // The client takes what follows a 2xx for the tunnel's.
  if (isConnect && head.status >= 200 && head.status < 300) stream.closeFront = true;
  const written =
    framing === FRAMING_BROKEN ? WRITE_FULL : writeResponseHead(head, bytes, scratch, scratch + SCRATCH_BYTES, how);
  const bodyOffset = head.endOffset;
  thread.freeHead(head);
  if (written === WRITE_FULL) {
    thread.buffers.release(bufferId);
    front.errno = ENOBUFS;
    return;
  }
  ready.start = bodyOffset;
  ready.end = stream.method === METHOD_HEAD || framing === FRAMING_DROP_BODY ? bodyOffset : offset + length;
  if (!placeHead(thread, bufferId, written - scratch)) {
    if (!sendHeadAlone(thread, front, written - scratch)) front.errno = ENOBUFS;
  }
  if (ready.end > ready.start) thread.send(front, bufferId, ready.start, ready.end - ready.start);
  else thread.buffers.release(bufferId);
}

// The rest of the request is read and dropped, so that its end, and the next request, can be found.
function drainRequest(thread: ProxyThread, stream: Stream, front: Connection): void {
  if (stream.request.done) return;
  if (stream.closeFront) {
    stream.request.done = true;
    return;
  }
  if (front.inFirst !== NO_SEGMENT) thread.fronts.push(front);
  else thread.recvStart(front);
  thread.setDeadline(front, thread.after(stream.clientTimeoutMs));
}

/** Sends bytes that live outside the arena: a copy in a slot of its own. Without a free slot the client is cut. */
export function sendText(thread: ProxyThread, front: Connection, text: Uint8Array, length: number): void {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) {
    front.errno = ENOBUFS;
    return;
  }
  const offset = thread.buffers.dataOffset(bufferId);
  const bytes = thread.bytes;
  for (let index = 0; index < length; index++) bytes[offset + index] = text[index]!;
  thread.send(front, bufferId, offset, length);
}
