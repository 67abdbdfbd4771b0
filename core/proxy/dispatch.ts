// From a completion to the step it continues. The phases of a stream are listed in stream.ts; here is who calls them.
//
// After each completion the work lists are drained: streams that were granted a place on a server, clients whose
// held bytes can now be looked at. Phases never call back up; they put work on these lists.

import { assert } from '../base/assert.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { ENOBUFS } from '../io/net.ts';
import { NO_TIMER } from '../io/timers.ts';
import { connectDone, connectFailed, failStream, retryServer, useServer } from './assign.ts';
import { BULK_NONE } from './bulk.ts';
import { bulkMayStart, bulkReadable, bulkWritable, considerDown, considerUp } from './bulk-step.ts';
import {
  CONNECTION_CLOSING,
  CONNECTION_OPEN,
  type Connection,
  FRONT_HEAD,
  FRONT_LINGER,
  FRONT_PROXY_HEADER,
  FRONT_STREAM,
  OP_ACCEPT,
  OP_BITS,
  OP_CONNECT,
  OP_MASK,
  OP_POLL_IN,
  OP_RECV,
  OP_SEND,
  SIDE_FRONT,
} from './connection.ts';
import { connectionFailed, dropIdle } from './failure.ts';
import { abortStream, finishIfDone, setTermination } from './finish.ts';
import { held, takeHeldBytes } from './gather.ts';
import type { Listeners } from './listener.ts';
import { purgeIdle } from './pool.ts';
import { proxyHeaderBytes, proxyHeaderMissing } from './proxy-header.ts';
import { serveQueues } from './queue.ts';
import { phaseLetter, replyStatus } from './reply.ts';
import {
  clientGone,
  headBytes,
  headEnd,
  headExpired,
  requestBytes,
  requestEnd,
  requestHeld,
  resumeRequest,
} from './request.ts';
import { clientStalls } from './request-rules.ts';
import { bodyBytes, cutResponse, responseBytes, responseEnd, responseWaits, resumeResponse } from './response.ts';
import { serverStalls } from './response-rules.ts';
import { NO_SEGMENT } from './segments.ts';
import {
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_QUEUE,
  PHASE_REPLY,
  PHASE_RESPONSE,
  PHASE_RESPONSE_RULES,
  PHASE_RULES,
  PHASE_TUNNEL,
  type Stream,
} from './stream.ts';
import { OUT_BYTES_LOW, type ProxyThread } from './thread.ts';
import {
  backEnded,
  endIfBoth,
  frontEnded,
  tunnelExpired,
  tunnelFromBack,
  tunnelFromFront,
  tunnelHeld,
} from './tunnel.ts';

const ECANCELED = 125;
/** Buffers came home in this turn: starved receives are tried again when at least this many are free. */
const STARVED_RETRY_FREE = 2;

/** Handles every completion of the engine's turn, then the timers that are due. */
export function runTurn(thread: ProxyThread, listeners: Listeners): void {
  const engine = thread.engine;
  while (engine.next()) {
    const low = engine.ticketLow;
    const op = low & OP_MASK;
    const slot = low >>> OP_BITS;
    if (op === OP_ACCEPT) {
      listeners.accepted(slot, engine.result, engine.more);
      continue;
    }
    const connection = thread.connections[slot]!;
    assert(connection.generation === engine.ticketHigh, 'a completion came for a connection that is gone');
    if (op === OP_RECV) recvDone(thread, connection, engine.result, engine.bufferId, engine.more);
    else if (op === OP_SEND) sendDone(thread, connection, engine.result);
    else if (op === OP_CONNECT) connectEnded(thread, connection, engine.result);
    else pollDone(thread, connection, op);
    if (thread.granted.length > 0 || thread.fronts.length > 0) drainWork(thread);
  }
  runTimers(thread);
  if (thread.purgeAtMs !== 0 && thread.purgeAtMs <= thread.clock.nowMs) purgeIdle(thread);
  if (thread.starved.length > 0) feedStarved(thread);
}

/** Another thread gave places back, or the supervisor changed something. */
export function runWoken(thread: ProxyThread): void {
  serveQueues(thread);
  drainWork(thread);
}

function drainWork(thread: ProxyThread): void {
  for (;;) {
    const stream = thread.granted.pop();
    if (stream !== undefined) {
      // It may have been given up between the grant and now.
      if (stream.granted && stream.server !== null) useServer(thread, stream);
      continue;
    }
    const front = thread.fronts.pop();
    if (front === undefined) return;
    if (front.state === CONNECTION_OPEN) resumeFront(thread, front);
  }
}

// A client whose held bytes could not be taken when they came.
function resumeFront(thread: ProxyThread, front: Connection): void {
  const stream = front.stream;
  if (stream !== null) {
    if (stream.phase === PHASE_TUNNEL) tunnelHeld(thread, stream);
    else requestHeld(thread, stream);
    return;
  }
  if (front.phase !== FRONT_HEAD) return;
  while (front.inFirst !== NO_SEGMENT && front.stream === null && front.state === CONNECTION_OPEN) {
    takeHeldBytes(thread, front);
    headBytes(thread, front, held.bufferId, held.offset, held.length);
  }
  if (front.stream !== null || front.state !== CONNECTION_OPEN) return;
  if (front.endSeen) headEnd(thread, front);
  else thread.recvStart(front);
}

function recvDone(thread: ProxyThread, connection: Connection, result: number, bufferId: number, more: boolean): void {
  if (!more) {
    connection.inflightCount--;
    connection.recvArmed = false;
    connection.recvCancelled = false;
  }
  if (connection.state !== CONNECTION_OPEN) {
    if (bufferId !== NO_BUFFER) thread.buffers.release(bufferId);
    thread.freeWhenQuiet(connection);
    return;
  }
  if (result > 0) {
    const offset = thread.buffers.dataOffset(bufferId);
    if (connection.side === SIDE_FRONT) frontBytes(thread, connection, bufferId, offset, result);
    else backBytes(thread, connection, bufferId, offset, result);
  } else if (result === 0) {
    connection.endSeen = true;
    connection.recvWanted = false;
    if (connection.side === SIDE_FRONT) frontEnd(thread, connection);
    else backEnd(thread, connection);
    return;
  } else if (result === -ENOBUFS && connection.recvWanted) {
    thread.starve(connection);
    return;
  } else if (result !== -ECANCELED && result !== -ENOBUFS) {
    connectionFailed(thread, connection, -result);
    return;
  }
  if (!more && connection.stream !== null && !connection.recvWanted) bulkMayStart(thread, connection.stream);
  if (!more && connection.recvWanted && connection.state === CONNECTION_OPEN) thread.recvStart(connection);
}

function frontBytes(thread: ProxyThread, front: Connection, bufferId: number, offset: number, length: number): void {
  const stream = front.stream;
  if (stream !== null) {
    if (stream.phase === PHASE_TUNNEL && front.inFirst === NO_SEGMENT) {
      tunnelFromFront(thread, stream, bufferId, offset, length);
      if (stream.spliceUp) considerUp(thread, stream, length);
    } else if (stream.phase === PHASE_TUNNEL) thread.hold(front, bufferId, offset, length);
    else {
      requestBytes(thread, stream, bufferId, offset, length);
      if (front.stream === stream && !stream.request.done && stream.spliceUp) considerUp(thread, stream, length);
    }
    return;
  }
  if (front.phase === FRONT_HEAD) {
    if (front.inFirst === NO_SEGMENT) headBytes(thread, front, bufferId, offset, length);
    else thread.hold(front, bufferId, offset, length);
  } else if (front.phase === FRONT_PROXY_HEADER) proxyHeaderBytes(thread, front, bufferId, offset, length);
  else thread.buffers.release(bufferId); // lingering
}

function backBytes(thread: ProxyThread, back: Connection, bufferId: number, offset: number, length: number): void {
  const stream = back.stream;
  if (stream === null) {
    // An idle server connection has nothing to say: whatever this is, the next client must not get it.
    thread.buffers.release(bufferId);
    dropIdle(thread, back);
    return;
  }
  if (stream.phase === PHASE_RESPONSE) responseBytes(thread, stream, bufferId, offset, length);
  else if (stream.phase === PHASE_BODY && !stream.response.done) bodyBytes(thread, stream, bufferId, offset, length);
  else if (stream.phase === PHASE_RESPONSE_RULES) responseWaits(thread, stream, bufferId, offset, length);
  else if (stream.phase === PHASE_TUNNEL) tunnelFromBack(thread, stream, bufferId, offset, length);
  else {
    thread.buffers.release(bufferId);
    stream.closeBack = true;
  }
  if (back.stream === stream && stream.spliceDown) considerDown(thread, stream, length);
}

function frontEnd(thread: ProxyThread, front: Connection): void {
  const stream = front.stream;
  if (stream === null) {
    if (front.phase === FRONT_HEAD && front.inFirst === NO_SEGMENT) headEnd(thread, front);
    else if (front.phase === FRONT_PROXY_HEADER) proxyHeaderMissing(thread, front, false);
    else if (front.phase === FRONT_LINGER && front.outFirst === NO_SEGMENT) thread.closeConnection(front);
    return;
  }
  if (stream.phase === PHASE_TUNNEL) frontEnded(thread, stream);
  else if (stream.http || stream.phase === PHASE_RULES) requestEnd(thread, stream);
  else if (stream.backend?.proxy.abortonclose) clientGone(thread, stream);
}

function backEnd(thread: ProxyThread, back: Connection): void {
  const stream = back.stream;
  if (stream === null) dropIdle(thread, back);
  else if (stream.phase === PHASE_TUNNEL) backEnded(thread, stream);
  else responseEnd(thread, stream);
}

function sendDone(thread: ProxyThread, connection: Connection, result: number): void {
  connection.inflightCount--;
  connection.sending = false;
  if (connection.state !== CONNECTION_OPEN) {
    thread.freeWhenQuiet(connection);
    return;
  }
  if (result < 0) {
    thread.dropOutput(connection);
    sendFailed(thread, connection, -result);
    return;
  }
  thread.sendDone(connection);
  const stream = connection.stream;
  if (connection.outFirst === NO_SEGMENT) {
    if (connection.shutAfterSend && !connection.shutDone) thread.shutdownNow(connection);
    if (connection.phase === FRONT_LINGER && connection.endSeen) {
      thread.closeConnection(connection);
      return;
    }
  }
  if (stream === null) return;
  if (connection.side === SIDE_FRONT) frontSent(thread, stream);
  else backSent(thread, stream);
}

// The server may have answered and closed without reading all of the request: its answer counts, so what it has
// sent is read to the end first. A client that does not read is gone.
function sendFailed(thread: ProxyThread, connection: Connection, errno: number): void {
  const stream = connection.stream;
  if (connection.side === SIDE_FRONT || stream === null || stream.phase === PHASE_TUNNEL) {
    connectionFailed(thread, connection, errno);
    return;
  }
  stream.closeBack = true;
  stream.request.done = true;
  stream.closeFront = true;
  thread.recvStart(connection);
}

function frontSent(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const back = stream.back;
  if (stream.bulkDown.state !== BULK_NONE) {
    bulkMayStart(thread, stream);
    return;
  }
  if (back !== null && !back.recvWanted && !back.endSeen && front.outBytes <= OUT_BYTES_LOW) thread.recvStart(back);
  if (stream.phase === PHASE_TUNNEL) {
    if (stream.backEnded) endIfBoth(thread, stream);
    return;
  }
  if (finishIfDone(thread, stream)) return;
  if (stream.phase === PHASE_BODY && stream.request.done) {
    // Nothing more is expected of the client but to read what is still to come.
    thread.setDeadline(front, front.outFirst === NO_SEGMENT ? 0 : thread.after(stream.clientTimeoutMs));
  }
}

function backSent(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const back = stream.back!;
  if (stream.bulkUp.state !== BULK_NONE) {
    bulkMayStart(thread, stream);
    return;
  }
  if (stream.phase === PHASE_TUNNEL) {
    if (back.outBytes <= OUT_BYTES_LOW) tunnelHeld(thread, stream);
    if (stream.frontEnded && stream.backEnded) endIfBoth(thread, stream);
    return;
  }
  if (!stream.request.done && back.outBytes <= OUT_BYTES_LOW && (!front.recvWanted || front.inFirst !== NO_SEGMENT)) {
    requestHeld(thread, stream);
    return;
  }
  if (stream.responseClosed) finishIfDone(thread, stream);
}

// Readiness, for a direction that is being spliced.
function pollDone(thread: ProxyThread, connection: Connection, op: number): void {
  connection.inflightCount--;
  connection.polling &= ~(1 << op);
  if (connection.state !== CONNECTION_OPEN) {
    thread.freeWhenQuiet(connection);
    return;
  }
  const stream = connection.stream;
  if (stream === null || stream.back === null) return;
  const ofFront = connection.side === SIDE_FRONT;
  if (op === OP_POLL_IN) bulkReadable(thread, stream, ofFront);
  else bulkWritable(thread, stream, ofFront);
}

function connectEnded(thread: ProxyThread, back: Connection, result: number): void {
  back.inflightCount--;
  back.connecting = false;
  if (back.state !== CONNECTION_OPEN) {
    thread.freeWhenQuiet(back);
    return;
  }
  const stream = back.stream;
  assert(stream !== null, 'a connecting server connection belongs to a stream');
  if (result < 0) connectFailed(thread, stream, 'S');
  else connectDone(thread, stream);
}

// Time

function runTimers(thread: ProxyThread): void {
  const { timers, clock } = thread;
  timers.advance(clock.nowMs);
  for (;;) {
    const slot = timers.nextExpired();
    if (slot === NO_TIMER) return;
    const connection = thread.connections[slot]!;
    connection.timerMs = 0;
    const deadlineMs = connection.deadlineMs;
    if (deadlineMs === 0 || connection.state !== CONNECTION_OPEN) continue;
    if (deadlineMs > clock.nowMs) {
      thread.setDeadline(connection, deadlineMs);
      continue;
    }
    connection.deadlineMs = 0;
    if (connection.side === SIDE_FRONT) frontExpired(thread, connection);
    else backExpired(thread, connection);
    drainWork(thread);
  }
}

function frontExpired(thread: ProxyThread, front: Connection): void {
  const stream = front.stream;
  if (stream === null) {
    if (front.phase === FRONT_HEAD) headExpired(thread, front);
    else if (front.phase === FRONT_PROXY_HEADER) proxyHeaderMissing(thread, front, true);
    else thread.closeConnection(front);
    return;
  }
  assert(front.phase === FRONT_STREAM, 'a stream belongs to a client in FRONT_STREAM');
  switch (stream.phase) {
    case PHASE_QUEUE:
      failStream(thread, stream, 503, 's', 'Q');
      return;
    case PHASE_CONNECT:
      if (stream.retryServer !== null) retryServer(thread, stream, stream.retryServer);
      return;
    case PHASE_TUNNEL:
      tunnelExpired(thread, stream, true);
      return;
    case PHASE_RULES:
      if (stream.rule.waitsForPeer) clientStalls(thread, stream);
      else resumeRequest(thread, stream);
      return;
    case PHASE_REPLY:
      setTermination(stream, 'c', 'L');
      abortStream(thread, stream);
      return;
    default:
      clientSlow(thread, stream);
  }
}

// The client neither sends the rest of its request nor reads the response.
function clientSlow(thread: ProxyThread, stream: Stream): void {
  if (stream.responseStarted) {
    setTermination(stream, 'c', phaseLetter(stream));
    abortStream(thread, stream);
    return;
  }
  stream.closeFront = true;
  stream.request.done = true;
  replyStatus(thread, stream, 400, 'c', phaseLetter(stream)); // 408 is for heads
}

function backExpired(thread: ProxyThread, back: Connection): void {
  const stream = back.stream;
  if (stream === null) {
    dropIdle(thread, back);
    return;
  }
  switch (stream.phase) {
    case PHASE_CONNECT:
      connectFailed(thread, stream, 's');
      return;
    case PHASE_RESPONSE:
      // With equal timeouts a stalled request body runs both out in one moment: it was the client that stopped.
      if (isDue(thread, stream.front!)) clientSlow(thread, stream);
      else replyStatus(thread, stream, 504, 's', 'H');
      return;
    case PHASE_RESPONSE_RULES:
      if (stream.rule.waitsForPeer) serverStalls(thread, stream);
      else resumeResponse(thread, stream);
      return;
    case PHASE_TUNNEL:
      tunnelExpired(thread, stream, isDue(thread, stream.front!));
      return;
    default:
      if (stream.response.done) {
        stream.request.done = true;
        stream.closeFront = true;
        finishIfDone(thread, stream);
        return;
      }
      setTermination(stream, 's', 'D');
      cutResponse(thread, stream);
  }
}

function isDue(thread: ProxyThread, connection: Connection): boolean {
  return connection.deadlineMs !== 0 && connection.deadlineMs <= thread.clock.nowMs;
}

// Receives of clients leave a quarter of all slots to the servers' (core/io): to try sooner would be in vain, each turn.
function feedStarved(thread: ProxyThread): void {
  const { buffers, starved: list } = thread;
  for (let count = list.length; count > 0; count--) {
    const connection = list.shift()!;
    const reserve = connection.side === SIDE_FRONT ? buffers.slotCount >> 2 : 0;
    if (connection.state === CONNECTION_OPEN && buffers.freeCount < reserve + STARVED_RETRY_FREE) {
      list.push(connection);
      continue;
    }
    connection.starved = false;
    if (connection.state === CONNECTION_OPEN && connection.recvWanted) thread.recvStart(connection);
    else if (connection.state === CONNECTION_CLOSING) thread.freeWhenQuiet(connection);
  }
}
