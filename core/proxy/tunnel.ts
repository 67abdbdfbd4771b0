// Bytes both ways without looking at them: mode tcp, CONNECT, and what follows a 101.
//
// Each side's FIN is passed on when everything before it has been sent; the stream ends when both sides closed.
// `timeout tunnel` replaces client and server timeouts once the connection stands; after a half-close
// `client-fin`/`server-fin` count (manual §4.2).

import { NO_BUFFER } from '../io/engine.ts';
import { RULE_CONTINUE, RULE_STOP, RULE_YIELD } from '../rules/contract.ts';
import { BODY_CLOSE } from './body-state.ts';
import { endBulk } from './bulk.ts';
import { abortStream, detachBack, finishIfDone, setTermination } from './finish.ts';
import { gather, held, takeGathered, takeHeldBytes } from './gather.ts';
import { aimResponse, beginResponseVariables, runStreamRules } from './language.ts';
import { endByRule } from './request-rules.ts';
import { NO_SEGMENT } from './segments.ts';
import { PHASE_TUNNEL, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Both connections stand: from now on bytes flow blindly. */
export function startTunnel(thread: ProxyThread, stream: Stream): void {
  stream.phase = PHASE_TUNNEL;
  stream.closeFront = true;
  stream.closeBack = true;
  stream.request.reset(BODY_CLOSE, 0);
  stream.response.reset(BODY_CLOSE, 0);
  stream.responseStarted = true;
  thread.recvStart(stream.front!);
  thread.recvStart(stream.back!);
  refreshDeadlines(thread, stream);
  thread.fronts.push(stream.front!);
}

/** The server's bytes are looked at before the first is passed on. */
export function beginInspection(thread: ProxyThread, stream: Stream): void {
  const { rule } = stream;
  beginResponseVariables(thread, stream);
  rule.used = true;
  rule.inspecting = true;
  rule.index = 0;
  rule.yielded = false;
  rule.inspectUntilMs = 0;
}

/**
 * `tcp-response content` in mode tcp: the server's first bytes are gathered until the rules have decided on them.
 * Called with what came, or length 0 when the server ended or the inspection's time is over.
 */
export function inspectResponse(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  const back = stream.back!;
  const { rule } = stream;
  const { subject, run } = thread.language;
  if (length > 0) gather(thread, back, bufferId, offset, length);
  const bytes = back.headBuffer === NO_BUFFER ? 0 : back.headEnd - back.headStart;
  if (rule.inspectUntilMs === 0) {
    rule.inspectUntilMs = thread.clock.nowMs + stream.backend!.proxy.rules.tcpResponseInspectDelayMs;
  }
  aimResponse(thread, stream, null);
  subject.final = back.endSeen || bytes >= thread.model.global.bufsize || thread.clock.nowMs >= rule.inspectUntilMs;
  const verdict = runStreamRules(thread, stream, stream.backend!.rules!.tcpResponseContent!);
  if (verdict === RULE_YIELD) {
    thread.setDeadline(back, run.waitUntilMs || rule.inspectUntilMs);
    return;
  }
  rule.inspecting = false;
  if (verdict !== RULE_CONTINUE && verdict !== RULE_STOP) {
    rule.responding = true;
    stream.log.bytesRead += bytes;
    endByRule(thread, stream, verdict);
    return;
  }
  if (rule.closeBack) {
    // `close`: nobody gets what the server said, and it hears no more.
    if (back.headBuffer !== NO_BUFFER) thread.buffers.release(takeGathered(back));
    stream.log.bytesRead += bytes;
    stream.request.done = true;
    stream.response.done = true;
    stream.responseClosed = true;
    detachBack(thread, stream, false);
    finishIfDone(thread, stream);
    return;
  }
  if (back.headBuffer !== NO_BUFFER) {
    const from = back.headStart;
    tunnelFromBack(thread, stream, takeGathered(back), from, bytes);
  } else refreshDeadlines(thread, stream);
  if (back.endSeen) backEnded(thread, stream);
}

export function tunnelFromFront(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  const back = stream.back!;
  stream.log.bytesUploaded += length;
  thread.send(back, bufferId, offset, length);
  if (thread.isBackedUp(back)) thread.recvStop(stream.front!);
  refreshDeadlines(thread, stream);
}

export function tunnelFromBack(
  thread: ProxyThread,
  stream: Stream,
  bufferId: number,
  offset: number,
  length: number,
): void {
  if (stream.rule.inspecting) {
    inspectResponse(thread, stream, bufferId, offset, length);
    return;
  }
  const front = stream.front!;
  stream.log.bytesRead += length;
  thread.send(front, bufferId, offset, length);
  if (thread.isBackedUp(front)) thread.recvStop(stream.back!);
  refreshDeadlines(thread, stream);
}

/** Bytes that came from the client before the tunnel stood. */
export function tunnelHeld(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  while (front.inFirst !== NO_SEGMENT && !thread.isBackedUp(stream.back!)) {
    takeHeldBytes(thread, front);
    tunnelFromFront(thread, stream, held.bufferId, held.offset, held.length);
  }
  if (front.inFirst !== NO_SEGMENT) return;
  if (front.endSeen) frontEnded(thread, stream);
  else thread.recvStart(front);
}

/** The client sent FIN: the server gets it after the last byte. */
export function frontEnded(thread: ProxyThread, stream: Stream): void {
  if (stream.frontEnded || stream.front!.inFirst !== NO_SEGMENT) return;
  stream.frontEnded = true;
  endBulk(thread, stream.bulkUp);
  thread.shutdownAfterSend(stream.back!);
  refreshDeadlines(thread, stream);
  endIfBoth(thread, stream);
}

/** The server sent FIN: the client gets it after the last byte. */
export function backEnded(thread: ProxyThread, stream: Stream): void {
  if (stream.backEnded) return;
  if (stream.rule.inspecting) {
    inspectResponse(thread, stream, NO_BUFFER, 0, 0);
    return;
  }
  stream.backEnded = true;
  endBulk(thread, stream.bulkDown);
  thread.shutdownAfterSend(stream.front!);
  refreshDeadlines(thread, stream);
  endIfBoth(thread, stream);
}

/** After each completed send: the last bytes may be out. */
export function endIfBoth(thread: ProxyThread, stream: Stream): void {
  if (!stream.frontEnded || !stream.backEnded) return;
  if (stream.front!.outFirst !== NO_SEGMENT) return;
  const back = stream.back;
  if (back !== null && back.outFirst !== NO_SEGMENT && back.errno === 0) return;
  stream.request.done = true;
  stream.response.done = true;
  stream.responseClosed = true;
  finishIfDone(thread, stream);
}

/** Nothing moved for too long. */
export function tunnelExpired(thread: ProxyThread, stream: Stream, ofFront: boolean): void {
  if (stream.rule.inspecting && !ofFront) {
    inspectResponse(thread, stream, NO_BUFFER, 0, 0);
    return;
  }
  setTermination(stream, ofFront ? 'c' : 's', 'D');
  abortStream(thread, stream);
}

export function refreshDeadlines(thread: ProxyThread, stream: Stream): void {
  const front = stream.frontend!.proxy.timeouts;
  const back = stream.backend!.proxy.timeouts;
  let frontMs = stream.tunnelTimeoutMs || stream.clientTimeoutMs;
  let backMs = stream.tunnelTimeoutMs || stream.serverTimeoutMs;
  if (stream.backEnded && front.clientFin !== 0) frontMs = front.clientFin;
  if (stream.frontEnded && back.serverFin !== 0) backMs = back.serverFin;
  // A side that has said its last word and been told everything has nothing left to be late with.
  if (stream.frontEnded && stream.front!.outFirst === NO_SEGMENT) frontMs = 0;
  if (stream.backEnded && stream.back !== null && stream.back.outFirst === NO_SEGMENT) backMs = 0;
  thread.setDeadline(stream.front!, thread.after(frontMs));
  if (stream.back !== null) thread.setDeadline(stream.back, thread.after(backMs));
}
