// Answers of our own: error pages, monitor-uri (manual §4.2 "errorfile", "monitor-uri").
//
// A reply ends the stream's business with servers; what is left of the request is drained, so that a kept-alive
// client may go on. Requests that are refused before there is a stream are answered by refuseHead.

import { assert } from '../base/assert.ts';
import { CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_NONE } from '../http/h1/write.ts';
import { HEAD_CLOSE, HEAD_HTTP_10, HEAD_KEEP_ALIVE, METHOD_HEAD } from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { ENOBUFS } from '../io/net.ts';
import type { TerminationCause, TerminationPhase } from '../observe/names.ts';
import * as counters from '../shared/counters.ts';
import { BODY_NONE } from './body-state.ts';
import { endBulk } from './bulk.ts';
import type { Connection } from './connection.ts';
import { abortStream, detachBack, finishIfDone, setTermination } from './finish.ts';
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
import type { ProxyThread } from './thread.ts';

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
  if (!stream.responseStarted) stream.log.status = -1;
  abortStream(thread, stream);
}

function sendReply(thread: ProxyThread, stream: Stream, status: number): void {
  const front = stream.front;
  assert(front !== null, 'a running stream has a client');
  if (stream.phase === PHASE_QUEUE) leaveQueue(thread, stream);
  stream.phase = PHASE_REPLY;
  endBulk(thread, stream.bulkDown);
  endBulk(thread, stream.bulkUp);
  detachBack(thread, stream, false);
  if (stream.requestBuffer !== NO_BUFFER) {
    thread.buffers.release(stream.requestBuffer);
    stream.requestBuffer = NO_BUFFER;
  }
  const flags = stream.requestFlags;
  const backend = stream.backend;
  const replies = backend?.replies.has(status) ? backend.replies : stream.frontend!.replies;
  const close =
    stream.closeFront || replies.closes(status) || thread.stopping || (flags & HEAD_CLOSE) !== 0 || front.endSeen;
  stream.closeFront = close;
  stream.responseStarted = true;
  stream.responseClosed = true;
  stream.response.reset(BODY_NONE, 0);
  const keepAlive = (flags & HEAD_HTTP_10) !== 0 && (flags & HEAD_KEEP_ALIVE) !== 0;
  const connection = close ? CONNECTION_CLOSE : keepAlive ? CONNECTION_KEEP_ALIVE : CONNECTION_NONE;
  const reply = replies.find(status, connection);
  thread.counters.cells[stream.frontend!.counterAt + counters.INTERCEPTED]! += 1;
  sendText(thread, front, reply.bytes, stream.method === METHOD_HEAD ? reply.headLength : reply.bytes.length);
  drainRequest(thread, stream, front);
  finishIfDone(thread, stream);
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
  const timeouts = stream.frontend!.proxy.timeouts;
  thread.setDeadline(front, thread.after(timeouts.client));
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
