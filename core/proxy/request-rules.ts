// The rules a request passes on its way to a server (manual §4.3, §4.4), in HAProxy's order: the frontend's
// tcp-request content, http-request and redirect, then use_backend, then the same of the backend.
//
// A rule may have to wait: for more bytes, for a moment. Then the stream keeps its head and its place in the rules
// (PHASE_RULES), and whatever happens next (bytes, FIN, the deadline) calls resumeRequest. A frontend and backend
// without rules never come here.

import { assert } from '../base/assert.ts';
import { type Head, METHOD_POST } from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { answerExpect } from '../rules/actions-final-flow.ts';
import {
  RULE_ABORT,
  RULE_BAD_REQUEST,
  RULE_CLOSE,
  RULE_CONTINUE,
  RULE_DENY,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_SILENT_DROP,
  RULE_STOP,
  RULE_TARPIT,
  RULE_YIELD,
} from '../rules/contract.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import { MARK_NONE } from '../sample/log-record.ts';
import * as counters from '../shared/counters.ts';
import type { Connection } from './connection.ts';
import { abortStream, setTermination } from './finish.ts';
import { holdGathered } from './gather.ts';
import { aimRequest, runStreamRules } from './language.ts';
import { closeSilently, replyBuffer, replyStatus, silentDrop } from './reply.ts';
import { restrictNames } from './restrict-names.ts';
import type { Backend, Frontend } from './runtime.ts';
import { PHASE_RULES, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

// Where the request stands: RuleState.stage.
export const STAGE_FRONT_CONTENT = 0;
const STAGE_FRONT_BODY = 1; // option http-buffer-request
const STAGE_FRONT_HTTP = 2;
const STAGE_FRONT_REDIRECT = 3;
const STAGE_SWITCH = 4;
const STAGE_BACK_CONTENT = 5;
const STAGE_BACK_BODY = 6;
const STAGE_BACK_HTTP = 7;
const STAGE_BACK_REDIRECT = 8;
const STAGE_SERVER = 9;
const STAGE_KEY_BODY = 10; // balance url_param: the parameter may stand in the body
const STAGE_DONE = 11;
const STAGE_TARPIT = 12; // refused, but the client is kept waiting

// What the request's caller does next.
export const REQUEST_GO = 0; // to its server
export const REQUEST_WAITS = 1; // resumeRequest goes on
export const REQUEST_ENDED = 2; // answered, or closed

/** Runs the request through its rules, from where it stands; `head` null in mode tcp. */
export function runRequestRules(thread: ProxyThread, stream: Stream, head: Head | null): number {
  const { subject, run } = thread.language;
  for (;;) {
    const stage = stream.rule.stage;
    if (stage === STAGE_DONE) return REQUEST_GO;
    if (stage === STAGE_SWITCH) {
      aimRequest(thread, stream, head);
      chooseBackend(thread, stream);
      nextStage(stream);
      continue;
    }
    if (stage === STAGE_FRONT_BODY || stage === STAGE_BACK_BODY || stage === STAGE_KEY_BODY) {
      const outcome = awaitBody(thread, stream, head);
      if (outcome !== REQUEST_GO) return outcome;
      nextStage(stream);
      continue;
    }
    if (stage === STAGE_SERVER) {
      chooseServer(thread, stream, head);
      nextStage(stream);
      continue;
    }
    const isRedirect = stage === STAGE_FRONT_REDIRECT || stage === STAGE_BACK_REDIRECT;
    if (isRedirect && head !== null && !namesAreAllowed(thread, stream, head)) {
      countDenied(thread, stream, false);
      replyStatus(thread, stream, 403, 'P', 'R');
      return REQUEST_ENDED;
    }
    const set = setOf(stream, stage);
    if (set === null) {
      nextStage(stream);
      continue;
    }
    aimRequest(thread, stream, head);
    subject.final = !isContentStage(stage) || contentIsFinal(thread, stream);
    const verdict = runStreamRules(thread, stream, set);
    if (verdict === RULE_CONTINUE || verdict === RULE_STOP) {
      nextStage(stream);
      continue;
    }
    if (verdict === RULE_YIELD) {
      if (waitInRules(thread, stream, head, run.waitUntilMs)) return REQUEST_WAITS;
      endByRule(thread, stream, RULE_INTERNAL);
      return REQUEST_ENDED;
    }
    endByRule(thread, stream, verdict);
    return verdict === RULE_TARPIT && isInTarpit(stream) ? REQUEST_WAITS : REQUEST_ENDED;
  }
}

/** Does the backend's hash algorithm look for its key in this request's body? */
export function awaitsKey(backend: Backend | null, head: Head): boolean {
  return backend?.key?.readsBody === true && head.method === METHOD_POST;
}

function wantsBody({ rule, frontend, backend }: Stream, head: Head): boolean {
  if (rule.stage === STAGE_FRONT_BODY) return frontend!.proxy.httpBufferRequest;
  if (rule.stage === STAGE_BACK_BODY) return backend?.proxy.httpBufferRequest === true;
  return rule.forcedServer < 0 && awaitsKey(backend, head);
}

// `option http-buffer-request` (manual §4.2): the body is awaited before rules see the request, as far as a buffer holds
// it, and no longer than the head may take.
function awaitBody(thread: ProxyThread, stream: Stream, head: Head | null): number {
  if (head === null || !wantsBody(stream, head)) return REQUEST_GO;
  const { host, run } = thread.language;
  const subject = aimRequest(thread, stream, head);
  host.stream = stream;
  answerExpect(subject, run);
  if (subject.requestData.complete) return REQUEST_GO;
  const { rule } = stream;
  const nowMs = thread.clock.nowMs;
  // Without a limit of its own it is over when the client was silent for too long: its deadline has fired, and is none now.
  const isSilent = rule.stageSinceMs !== 0 && stream.front!.deadlineMs === 0 && stream.clientTimeoutMs !== 0;
  if (rule.stageSinceMs === 0) rule.stageSinceMs = nowMs;
  const { httpRequest } = (stream.backend ?? stream.frontend!).proxy.timeouts;
  const untilMs = httpRequest === 0 ? 0 : rule.stageSinceMs + httpRequest;
  if (isSilent || (untilMs !== 0 && nowMs >= untilMs)) {
    clientStalls(thread, stream);
    return REQUEST_ENDED;
  }
  if (waitInRules(thread, stream, head, untilMs)) return REQUEST_WAITS;
  endByRule(thread, stream, RULE_INTERNAL);
  return REQUEST_ENDED;
}

/** What rules waited for did not come in time. */
export function clientStalls(thread: ProxyThread, stream: Stream): void {
  stream.closeFront = true;
  stream.log.markRequest = MARK_NONE;
  replyStatus(thread, stream, 408, 'c', 'R');
}

function nextStage(stream: Stream): void {
  stream.rule.stage++;
  stream.rule.stageSinceMs = 0;
  stream.rule.index = 0;
  stream.rule.yielded = false;
}

// Whose turn it is at this stage; null: nobody's. What a listen section wants has happened as its frontend's.
function sideOf(stream: Stream, stage: number): Frontend | Backend | null {
  if (stage < STAGE_BACK_CONTENT) return stream.frontend;
  const { backend } = stream;
  return backend === null || backend.proxy === stream.frontend!.proxy ? null : backend;
}

// `option http-restrict-req-hdr-names`, behind the http-request rules of its section.
function namesAreAllowed(thread: ProxyThread, stream: Stream, head: Head): boolean {
  const restricts = sideOf(stream, stream.rule.stage)?.proxy.restrictNames ?? 'preserve';
  return restricts === 'preserve' || restrictNames(thread.bytes, head, restricts === 'reject');
}

function setOf(stream: Stream, stage: number): RuleSet | null {
  const rules = sideOf(stream, stage)?.rules ?? null;
  if (rules === null) return null;
  switch (stage) {
    case STAGE_FRONT_CONTENT:
    case STAGE_BACK_CONTENT:
      return rules.tcpRequestContent;
    case STAGE_FRONT_HTTP:
    case STAGE_BACK_HTTP:
      return stream.http ? rules.httpRequest : null;
    case STAGE_FRONT_REDIRECT:
    case STAGE_BACK_REDIRECT:
      return stream.http ? rules.redirect : null;
    default:
      return null;
  }
}

/** `use_backend`, then `default_backend`; a listen section is its own (manual §4.2 "use_backend"). */
function chooseBackend(thread: ProxyThread, stream: Stream): void {
  const frontend = stream.frontend!;
  const switching = frontend.rules?.switching ?? null;
  let backend: Backend | null = frontend.defaultBackend;
  if (switching !== null) {
    thread.language.subject.final = true;
    const index = switching.choose(thread.language.subject);
    if (index >= 0) backend = thread.backends[index] ?? null;
  }
  enterBackend(thread, stream, backend);
}

/** `use-server` (manual §4.2): the first rule that holds; whether its server can be used is seen when it is asked for. */
function chooseServer(thread: ProxyThread, stream: Stream, head: Head | null): void {
  const choice = stream.backend?.rules?.servers ?? null;
  if (choice === null) return;
  const subject = aimRequest(thread, stream, head);
  subject.final = true;
  stream.rule.forcedServer = choice.choose(subject, thread.language.isUsable);
}

/** The stream belongs to this backend from now on; null: there is none, which the caller answers with 503. */
export function enterBackend(thread: ProxyThread, stream: Stream, backend: Backend | null): void {
  stream.backend = backend;
  if (backend === null) return;
  thread.load.acquire(backend.loadRow);
  thread.counters.cells[backend.counterAt + counters.SESSIONS]! += 1;
  stream.log.backendIndex = backend.proxy.index;
  stream.retriesLeft = backend.proxy.retries;
  stream.retriesMax = backend.proxy.retries;
  stream.takeTimeouts(backend);
}

// No more bytes are worth waiting for: the delay is over, the client has ended, or no more would fit.
function contentIsFinal(thread: ProxyThread, stream: Stream): boolean {
  const front = stream.front!;
  if (stream.rule.stageSinceMs === 0) stream.rule.stageSinceMs = thread.clock.nowMs;
  if (front.endSeen || front.inBytes > 0) return true;
  if (front.headBuffer !== NO_BUFFER && front.headEnd - front.headStart >= thread.model.global.bufsize) return true;
  return thread.clock.nowMs >= inspectUntilMs(stream);
}

function inspectUntilMs(stream: Stream): number {
  const back = stream.rule.stage === STAGE_BACK_CONTENT;
  const delayMs = (back ? stream.backend! : stream.frontend!).proxy.rules.tcpRequestInspectDelayMs;
  return stream.rule.stageSinceMs + delayMs;
}

function waitInRules(thread: ProxyThread, stream: Stream, head: Head | null, waitUntilMs: number): boolean {
  const front = stream.front!;
  if (head !== null && !thread.language.keepEdits(thread, stream, head)) return false;
  stream.rule.requestHead = head;
  stream.phase = PHASE_RULES;
  let untilMs = waitUntilMs;
  if (isContentStage(stream.rule.stage)) {
    const inspectMs = inspectUntilMs(stream);
    untilMs = untilMs === 0 ? inspectMs : Math.min(untilMs, inspectMs);
  }
  // The request is under way: what limits it is its rule, or how long the client may be silent.
  stream.rule.waitsForPeer = untilMs === 0;
  thread.setDeadline(front, untilMs || thread.after(stream.clientTimeoutMs));
  thread.recvStart(front);
  return true;
}

/** Whether tcp-request content rules run at this stage. */
export function isContentStage(stage: number): boolean {
  return stage === STAGE_FRONT_CONTENT || stage === STAGE_BACK_CONTENT;
}

/** A rule has decided that this request goes no further. */
export function endByRule(thread: ProxyThread, stream: Stream, verdict: number): void {
  const { run } = thread.language;
  const response = stream.rule.responding;
  const phase = response ? 'H' : 'R';
  if (!response && (run.timedOut || !isAnswer(verdict))) stream.log.markRequest = MARK_NONE; // its rules were never done
  if (!response && !stream.http) stream.log.bytesUploaded = gatheredBytes(stream.front!);
  switch (verdict) {
    case RULE_REPLY:
      if (run.timedOut) replyBuffer(thread, stream, run.reply, response ? 's' : 'c', phase);
      else replyBuffer(thread, stream, run.reply, 'L', phase);
      return;
    case RULE_DENY:
      countDenied(thread, stream, response);
      replyBuffer(thread, stream, run.reply, 'P', phase);
      return;
    case RULE_TARPIT:
      countDenied(thread, stream, response);
      startTarpit(thread, stream);
      return;
    case RULE_CLOSE:
      countDenied(thread, stream, response);
      forgetLine(stream);
      closeSilently(thread, stream, 'P', response ? 'D' : 'R');
      return;
    case RULE_SILENT_DROP:
      countDenied(thread, stream, response);
      forgetLine(stream);
      silentDrop(thread, stream, 'R', run.silentDropTtl);
      return;
    case RULE_BAD_REQUEST:
      thread.counters.cells[stream.frontend!.counterAt + counters.FAILED_REQUESTS]! += 1;
      replyStatus(thread, stream, response ? 502 : 400, 'P', phase);
      return;
    case RULE_INTERNAL:
      countInternal(thread, stream);
      replyStatus(thread, stream, 500, run.rewriteFailed ? 'P' : 'I', phase);
      return;
    default:
      assert(verdict === RULE_ABORT, 'a rule gave a verdict that nobody knows');
      closeSilently(thread, stream, 'I', phase);
  }
}

function gatheredBytes(front: Connection): number {
  return (front.headBuffer === NO_BUFFER ? 0 : front.headEnd - front.headStart) + front.inBytes;
}

function isAnswer(verdict: number): boolean {
  return verdict === RULE_REPLY || verdict === RULE_DENY;
}

// As HAProxy logs it: a frontend's content rules run before the request's line is noted.
function forgetLine(stream: Stream): void {
  if (stream.http && !stream.rule.responding && stream.rule.stage === STAGE_FRONT_CONTENT)
    stream.log.requestLineLength = 0;
}

function countDenied(thread: ProxyThread, stream: Stream, response: boolean): void {
  const cells = thread.counters.cells;
  const field = response ? counters.DENIED_RESPONSES : counters.DENIED_REQUESTS;
  cells[stream.frontend!.counterAt + field]! += 1;
  if (stream.backend !== null) cells[stream.backend.counterAt + field]! += 1;
  if (response && stream.server !== null) cells[stream.server.counterAt + field]! += 1;
}

function countInternal(thread: ProxyThread, stream: Stream): void {
  const cells = thread.counters.cells;
  cells[stream.frontend!.counterAt + counters.INTERNAL_ERRORS]! += 1;
  if (stream.backend !== null) cells[stream.backend.counterAt + counters.INTERNAL_ERRORS]! += 1;
}

// The answer is ready but kept back for `timeout tarpit` (manual §4.2), else `timeout connect`.
function startTarpit(thread: ProxyThread, stream: Stream): void {
  const front = stream.front!;
  const { reply } = thread.language.run;
  stream.rule.tarpitReply = reply.bytes.slice(0, reply.length);
  stream.rule.tarpitHeadLength = reply.headLength;
  stream.rule.tarpitCloses = reply.closes;
  stream.rule.waitsForPeer = false;
  stream.log.status = reply.status;
  stream.rule.stage = STAGE_TARPIT;
  stream.phase = PHASE_RULES;
  // Thousands may wait here: none of them keeps a slot that only holds what it asked for.
  if (stream.bodyOffset >= 0) holdGathered(thread, front, stream.bodyOffset);
  stream.bodyOffset = -1;
  const durationMs = stream.tarpitTimeoutMs || (stream.backend ?? stream.frontend!).proxy.timeouts.connect;
  if (durationMs === 0) {
    endTarpit(thread, stream);
    return;
  }
  thread.setDeadline(front, thread.after(durationMs));
  thread.recvStart(front);
}

/** The tarpit's time is over, or its client left. */
export function endTarpit(thread: ProxyThread, stream: Stream): void {
  const { reply } = thread.language.run;
  reply.bytes.set(stream.rule.tarpitReply!);
  reply.length = stream.rule.tarpitReply!.length;
  reply.headLength = stream.rule.tarpitHeadLength;
  reply.status = stream.log.status;
  reply.closes = stream.rule.tarpitCloses;
  stream.rule.tarpitReply = null;
  stream.log.markQueue = thread.clock.nowMs - stream.startedMs; // where HAProxy tells how long it was kept waiting
  replyBuffer(thread, stream, reply, 'P', 'T');
}

/** The client is gone before its answer came. */
export function leaveTarpit(thread: ProxyThread, stream: Stream): void {
  stream.log.markQueue = thread.clock.nowMs - stream.startedMs;
  setTermination(stream, 'P', 'T');
  abortStream(thread, stream);
}

export function isInTarpit(stream: Stream): boolean {
  return stream.rule.stage === STAGE_TARPIT;
}

/** Bytes of the client while rules wait: they are gathered behind the head as long as there is room. */
export function wantsMoreInRules(thread: ProxyThread, front: Connection): boolean {
  return front.headBuffer === NO_BUFFER || front.headEnd - front.headStart < thread.model.global.bufsize;
}
