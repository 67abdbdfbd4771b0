// The rules a response passes on its way to the client (manual §4.3, §4.4), in HAProxy's order: the backend's
// tcp-response content and http-response, the frontend's http-response, then http-after-response of both, which see
// our own answers too.

import { HEAD_CHUNKED, HEAD_CLOSE_DELIMITED, HEAD_LENGTH, HEAD_TUNNEL, type Head } from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { RULE_CLOSE, RULE_CONTINUE, RULE_INTERNAL, RULE_REPLY, RULE_STOP, RULE_YIELD } from '../rules/contract.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import { MARK_NONE } from '../sample/log-record.ts';
import { ready, takeBody } from './body.ts';
import { BODY_CHUNKED, BODY_CLOSE, BODY_LENGTH, BODY_NONE, type Body } from './body-state.ts';
import { takeGathered } from './gather.ts';
import { aimResponse, beginResponseVariables, runStreamRules } from './language.ts';
import { replyStatus } from './reply.ts';
import { endByRule } from './request-rules.ts';
import { NO_SEGMENT } from './segments.ts';
import { PHASE_RESPONSE_RULES, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

const STAGE_CONTENT = 0;
const STAGE_BACK = 1;
const STAGE_FRONT = 2;
const STAGE_AFTER_BACK = 3;
const STAGE_AFTER_FRONT = 4;
const STAGE_DONE = 5;

export const RESPONSE_GO = 0;
export const RESPONSE_WAITS = 1;
export const RESPONSE_ENDED = 2;

/** Whether any section on this stream's way has rules for responses. */
export function hasResponseRules(stream: Stream): boolean {
  return stream.frontend!.rules !== null || (stream.backend !== null && stream.backend.rules !== null);
}

/** The response's rules begin: forgets where the request's ended. */
export function beginResponseRules(thread: ProxyThread, stream: Stream): void {
  const { rule } = stream;
  beginResponseVariables(thread, stream);
  rule.stage = STAGE_CONTENT;
  rule.index = 0;
  rule.yielded = false;
  rule.stageSinceMs = 0;
  rule.editAt = 0;
}

/** Runs the response through its rules, from where it stands. */
export function runResponseRules(thread: ProxyThread, stream: Stream, head: Head): number {
  const { subject } = thread.language;
  const { rule } = stream;
  while (rule.stage < STAGE_DONE) {
    const set = setOf(stream, rule.stage);
    if (set === null) {
      nextStage(stream);
      continue;
    }
    aimResponse(thread, stream, head);
    subject.final = rule.stage !== STAGE_CONTENT || contentIsFinal(thread, stream);
    if (rule.stage === STAGE_CONTENT) stream.log.markData = MARK_NONE; // for HAProxy the response is not there yet
    const verdict = runStreamRules(thread, stream, set);
    if (verdict === RULE_CONTINUE || verdict === RULE_STOP) {
      if (rule.stage === STAGE_CONTENT) stream.log.markData = thread.clock.nowMs - stream.startedMs;
      nextStage(stream);
      continue;
    }
    if (verdict === RULE_YIELD) {
      if (!waitInRules(thread, stream, head)) return RESPONSE_ENDED;
      return RESPONSE_WAITS;
    }
    leaveServer(thread, stream, head, verdict);
    endByRule(thread, stream, verdict);
    return RESPONSE_ENDED;
  }
  return RESPONSE_GO;
}

/** What rules waited for did not come in time. */
export function serverStalls(thread: ProxyThread, stream: Stream): void {
  leaveServer(thread, stream, stream.rule.responseHead!, RULE_REPLY);
  replyStatus(thread, stream, 504, 's', 'H');
}

// Nobody gets this response. What came of its body counts all the same, and when that is all of it, its connection is as
// good as after any other response.
function leaveServer(thread: ProxyThread, stream: Stream, head: Head, verdict: number): void {
  const back = stream.back;
  const { log, rule } = stream;
  if (back === null || back.headBuffer === NO_BUFFER || (head.flags & HEAD_TUNNEL) !== 0) {
    if (back !== null && back.headBuffer !== NO_BUFFER) log.bytesRead += back.headEnd - head.endOffset;
    return;
  }
  const body = stream.response;
  beginBody(body, head);
  const consumed = takeBody(thread, body, head.endOffset, back.headEnd);
  log.bytesRead += ready.formBytes;
  const isWhole = consumed === back.headEnd && body.done && back.inFirst === NO_SEGMENT;
  if (!isWhole || !stream.request.done || rule.closeBack || verdict === RULE_CLOSE) return;
  thread.buffers.release(takeGathered(back));
  rule.keepsBack = true;
}

/** What the head says of the body that follows. */
export function beginBody(body: Body, head: Head): void {
  const { flags } = head;
  // Chunks go to a 1.0 client too, as HAProxy does: it decides by what the server says, not by who asks.
  if ((flags & HEAD_CHUNKED) !== 0) body.reset(BODY_CHUNKED, 0);
  else if ((flags & HEAD_LENGTH) !== 0) body.reset(BODY_LENGTH, head.contentLength);
  else if ((flags & HEAD_CLOSE_DELIMITED) !== 0) body.reset(BODY_CLOSE, 0);
  else body.reset(BODY_NONE, 0);
}

/** Whether tcp-response content rules run at this stage. */
export function isResponseContent(stage: number): boolean {
  return stage === STAGE_CONTENT;
}

export function isAfterResponse(stage: number): boolean {
  return stage >= STAGE_AFTER_BACK;
}

function nextStage(stream: Stream): void {
  const { rule } = stream;
  rule.stage++;
  rule.index = 0;
  rule.yielded = false;
}

function setOf(stream: Stream, stage: number): RuleSet | null {
  const isFront = stage === STAGE_FRONT || stage === STAGE_AFTER_FRONT;
  const side = isFront ? stream.frontend! : stream.backend!;
  // A listen section's rules run once.
  if (isFront && side.proxy === stream.backend!.proxy) return null;
  const rules = side.rules;
  if (rules === null) return null;
  switch (stage) {
    case STAGE_CONTENT:
      return rules.tcpResponseContent;
    case STAGE_BACK:
    case STAGE_FRONT:
      return rules.httpResponse;
    case STAGE_AFTER_BACK:
    case STAGE_AFTER_FRONT:
      return rules.httpAfterResponse;
    default:
      return null;
  }
}

function contentIsFinal(thread: ProxyThread, stream: Stream): boolean {
  const back = stream.back!;
  const { rule } = stream;
  if (rule.stageSinceMs === 0) rule.stageSinceMs = thread.clock.nowMs;
  const delayMs = stream.backend!.proxy.rules.tcpResponseInspectDelayMs;
  const isFull = back.headBuffer !== NO_BUFFER && back.headEnd - back.headStart >= thread.model.global.bufsize;
  return back.endSeen || isFull || thread.clock.nowMs >= rule.stageSinceMs + delayMs;
}

// False: there was no room to keep what rules had added, and the stream is answered with 500.
function waitInRules(thread: ProxyThread, stream: Stream, head: Head): boolean {
  const { run } = thread.language;
  const { rule } = stream;
  const back = stream.back!;
  if (!thread.language.keepEdits(thread, stream, head)) {
    endByRule(thread, stream, RULE_INTERNAL);
    return false;
  }
  rule.responseHead = head;
  stream.phase = PHASE_RESPONSE_RULES;
  let untilMs = run.waitUntilMs;
  if (rule.stage === STAGE_CONTENT) {
    const inspectMs = rule.stageSinceMs + stream.backend!.proxy.rules.tcpResponseInspectDelayMs;
    untilMs = untilMs === 0 ? inspectMs : Math.min(untilMs, inspectMs);
  }
  rule.waitsForPeer = untilMs === 0;
  thread.setDeadline(back, untilMs || thread.after(stream.serverTimeoutMs));
  thread.recvStart(back);
  return true;
}
