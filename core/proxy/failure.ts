// A connection that broke: what that means for its stream depends on the side and on how far it came.

import { NO_BUFFER } from '../io/engine.ts';
import { type Connection, FRONT_HEAD, IDLE_NOT, SIDE_FRONT } from './connection.ts';
import { abortStream, closeFront, finishIfDone, setTermination } from './finish.ts';
import { unlinkIdle } from './pool.ts';
import { clientGone, headEnd } from './request.ts';
import { cutResponse, responseEnd, serverFailed } from './response.ts';
import { PHASE_REPLY, PHASE_RESPONSE, PHASE_RESPONSE_RULES, PHASE_TUNNEL } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** An error on the fd: it is of no use any more, and its stream neither, unless the answer is whole. */
export function connectionFailed(thread: ProxyThread, connection: Connection, errno: number): void {
  if (connection.errno === 0) connection.errno = errno;
  const stream = connection.stream;
  if (connection.side === SIDE_FRONT) {
    if (stream === null) {
      if (connection.phase === FRONT_HEAD) headEnd(thread, connection);
      else closeFront(thread, connection);
      return;
    }
    if (stream.phase === PHASE_REPLY) abortStream(thread, stream);
    else clientGone(thread, stream);
    return;
  }
  if (stream === null) {
    dropIdle(thread, connection);
    return;
  }
  if (stream.phase === PHASE_TUNNEL) {
    if (stream.rule.inspecting && connection.headBuffer !== NO_BUFFER) {
      stream.log.bytesRead += connection.headEnd - connection.headStart; // read, and looked at, before it broke
    }
    setTermination(stream, 'S', 'D');
    abortStream(thread, stream);
  } else if (stream.phase === PHASE_RESPONSE) serverFailed(thread, stream);
  else if (stream.phase === PHASE_RESPONSE_RULES) {
    // What came of the answer counts; whether that is all of it is seen when its rules are done.
    connection.endSeen = true;
    responseEnd(thread, stream);
  } else if (!stream.response.done) {
    setTermination(stream, 'S', 'D');
    cutResponse(thread, stream);
  } else {
    // The answer is whole; only the rest of the request has nowhere to go.
    stream.request.done = true;
    stream.closeFront = true;
    stream.closeBack = true;
    finishIfDone(thread, stream);
  }
}

/** An idle server connection is no good any more. */
export function dropIdle(thread: ProxyThread, back: Connection): void {
  if (back.idle !== IDLE_NOT) unlinkIdle(back);
  thread.closeConnection(back);
}
