// One request's way through the configuration, in the order of core/proxy: the connection's rules, the request's rules of
// the frontend, the choice of a backend, the backend's rules, the choice of a server, and the response's rules.
//
// Start at explain(). Nothing is decided here that the compiled rules decide; what core/proxy adds to them (monitor-uri, the
// answer for a missing server …) is done as it does it.

import { requestFormBytes } from '../../core/http/form-bytes.ts';
import { parseRequestHead } from '../../core/http/h1/parse.ts';
import { HEAD_OK, HEAD_PARTIAL, statusOfVerdict } from '../../core/http/h1/verdict.ts';
import { type Head, METHOD_OTHER } from '../../core/http/message.ts';
import type { Model } from '../../core/model/model.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import { RULE_CONTINUE, RULE_SILENT_DROP, RULE_STOP } from '../../core/rules/contract.ts';
import { FRAMING_BROKEN, settleFraming } from '../../core/rules/framing.ts';
import type { RuleSet } from '../../core/rules/rule-set.ts';
import { answerOf, writePage } from './answers.ts';
import { headerLines, headState } from './changes.ts';
import { chooseBackend, findServer, useServer } from './choices.ts';
import type { Explanation, RequestFacts } from './explanation.ts';
import { withLineEnds } from './input.ts';
import { Journey, messageOf, type Question } from './journey.ts';
import { httpResponse, tcpResponse } from './response-walk.ts';
import { runStage } from './stage.ts';
import type { CompiledProxy } from './surroundings.ts';
import { excerptAt, verdictText } from './verdicts.ts';

const STATUS_UNAVAILABLE = 503;
const VERSION_2 = 50; // the digit in HTTP/2.0

/** Walks the request; `model` is not changed, and may be asked again. */
export function explain(model: Model, question: Question): Explanation {
  const way = new Journey(model, question);
  if (way.question.target.bind.acceptProxy) {
    way.note('the bind has accept-proxy: a PROXY header comes first; --from and --to stand for what it says');
  }
  if (connectionRules(way, 'tcp-request connection') && connectionRules(way, 'tcp-request session')) {
    if (way.frontend.proxy.mode === 'http') walkHttp(way);
    else walkTcp(way);
  }
  return way.out;
}

function connectionRules(way: Journey, name: 'tcp-request connection' | 'tcp-request session'): boolean {
  const set = name === 'tcp-request connection' ? way.frontend.tcpRequestConnection : way.frontend.tcpRequestSession;
  const stage = way.beginStage(way.out.stages, way.frontend, name, set);
  if (stage === null) return true;
  const verdict = runStage(way.around, { stage, set, inspectMs: -1, aim: () => way.aimConnection() });
  if (way.around.host.expectsProxy) {
    way.note('a rule expects a PROXY header first; --from and --to stand for what it says');
    way.around.host.expectsProxy = false;
  }
  if (verdict === RULE_CONTINUE || verdict === RULE_STOP) return true;
  way.out.outcome.kind = verdict === RULE_SILENT_DROP ? 'dropped' : 'closed';
  return false;
}

function walkTcp(way: Journey): void {
  way.place(way.request);
  way.stream.requestBytes = way.request.length;
  if (!requestRules(way)) return;
  if (way.around.host.switchesToHttp) {
    way.note('switch-mode http: the bytes are read as an HTTP request from here on');
    restartAsHttp(way);
    walkHttp(way);
    return;
  }
  if (way.backend === null) {
    way.out.outcome.kind = 'closed';
    return;
  }
  if (findServer(way, useServer(way))) tcpResponse(way);
  else way.out.outcome.kind = 'closed';
}

function restartAsHttp(way: Journey): void {
  const { variables, load } = way.around;
  if (way.backend !== null) load.release(load.backend(way.backend.proxy.index));
  if (way.reqres !== null) variables.give(way.reqres);
  if (way.txn !== null) variables.give(way.txn);
  way.backend = null;
  way.txn = null;
  way.reqres = null;
  way.stream = way.newStream();
  way.stream.http = true;
  way.out.backend = null;
  way.out.outcome.backend = '';
}

function walkHttp(way: Journey): void {
  const typed = withLineEnds(way.request);
  way.request = typed.bytes;
  way.out.request.lineEnds = typed.converted ? 'added' : 'crlf';
  way.place(typed.bytes);
  const { subject, limits, requestAt } = way.around;
  const head = way.around.newHead();
  const verdict = parseRequestHead(subject.bytes, requestAt, way.bodyEnd, head, limits);
  if (verdict !== HEAD_OK) {
    refuse(way, head, verdict);
    return;
  }
  way.head = head;
  describeRequest(way, head);
  beginHttp(way, head);
  if (isMonitor(way, head)) {
    const reply = writePage(way.around, 200, way.frontend.proxy.index, -1);
    way.answer(reply, { why: `monitor-uri ${way.frontend.proxy.monitorUri}`, by: null, delayMs: 0 });
    return;
  }
  if (isPreface(way, head)) {
    way.answerStatus(400, 'the start of an HTTP/2 connection, which is not spoken on this bind', null);
    return;
  }
  if (requestRules(way)) toServer(way, head);
}

function refuse(way: Journey, head: Head, verdict: number): void {
  const { requestAt } = way.around;
  const isPartial = verdict === HEAD_PARTIAL;
  const status = isPartial ? 408 : statusOfVerdict(verdict);
  const at = Math.min(Math.max(head.lineOffset, requestAt), way.bodyEnd);
  way.out.refusal = {
    verdict: verdictText(verdict),
    status,
    offset: at - requestAt,
    excerpt: excerptAt(way.request, at - requestAt), // as it came: the parser has changed its copy
  };
  if (isPartial) way.note('the head is not whole: weir waits for the rest until timeout http-request, then says 408');
  const reply = writePage(way.around, status, way.frontend.proxy.index, -1);
  way.out.answer = answerOf(way.around, reply, { why: 'the request cannot be read', by: null, delayMs: 0 }, null);
  way.out.outcome = { kind: isPartial ? 'waiting' : 'answered', status, backend: '', server: '' };
}

function describeRequest(way: Journey, head: Head): void {
  const state = headState(head, way.around.subject.bytes);
  const { method, uri, version } = state;
  const bodyBytes = way.bodyEnd - head.endOffset;
  const facts: RequestFacts = {
    ...way.out.request,
    ...{ bytes: way.request.length, method, uri, version, headers: headerLines(state), bodyBytes },
    bodyComplete: way.isWhole(head, way.bodyEnd),
  };
  way.out.request = facts;
  if (!facts.bodyComplete) way.note('the body is shorter than its head says: what waits for it, waits in vain');
}

function beginHttp(way: Journey, head: Head): void {
  const { stream, around } = way;
  const { bytes } = around.subject;
  const { method, uri, version } = headState(head, bytes);
  const line = Buffer.from(`${method} ${uri} ${version}`, 'utf8');
  stream.method = head.method;
  stream.requestFlags = head.flags;
  stream.requestBytes = requestFormBytes(head);
  stream.log.markIdle = 0;
  stream.log.markRequest = 0;
  stream.log.bytesUploaded = stream.requestBytes;
  stream.log.captureRequestLine(line, 0, line.length);
  if (stream.requestCaptures !== null) {
    stream.requestCapturePool.captureHeaders(head, bytes, stream.requestCaptures as never);
  }
}

function isMonitor(way: Journey, head: Head): boolean {
  const { monitorUri } = way.frontend.proxy;
  if (monitorUri === '') return false;
  const { uri } = headState(head, way.around.subject.bytes);
  return uri === monitorUri || uri.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '') === monitorUri;
}

function isPreface(way: Journey, head: Head): boolean {
  const { method, uri } = headState(head, way.around.subject.bytes);
  const digit = way.around.subject.bytes[head.versionOffset + 5];
  return head.method === METHOD_OTHER && method === 'PRI' && uri === '*' && digit === VERSION_2;
}

/** The rules of both sides, with the choice of the backend between them. False: it ended there. */
function requestRules(way: Journey): boolean {
  if (!sideRules(way, way.frontend)) return false;
  chooseBackend(way);
  if (way.backend !== null && way.backend !== way.frontend && !sideRules(way, way.backend)) return false;
  return true;
}

function sideRules(way: Journey, side: CompiledProxy): boolean {
  const inspectMs = side.proxy.rules.tcpRequestInspectDelayMs;
  if (!requestStage(way, 'tcp-request content', side, side.tcpRequestContent, inspectMs)) return false;
  if (!way.stream.http) return true;
  return (
    bodyIsThere(way, side) &&
    requestStage(way, 'http-request', side, side.httpRequest, -1) &&
    requestStage(way, 'redirect', side, side.redirect, -1)
  );
}

/** `option http-buffer-request`: rules wait for the body, as long as the head may take. */
function bodyIsThere(way: Journey, { proxy }: CompiledProxy): boolean {
  if (!proxy.httpBufferRequest) return true;
  way.aimRequest();
  if (way.around.subject.requestData.complete) return true;
  if (way.frontend.proxy.timeouts.httpRequest === 0) way.out.outcome.kind = 'waiting';
  else way.answerStatus(408, 'option http-buffer-request: the body did not come', null);
  return false;
}

function requestStage(way: Journey, name: string, side: CompiledProxy, set: RuleSet, inspectMs: number): boolean {
  const stage = way.beginStage(way.out.stages, side, name, set);
  if (stage === null) return true;
  const verdict = runStage(way.around, { stage, set, inspectMs, aim: () => way.aimRequest() });
  if (verdict === RULE_CONTINUE || verdict === RULE_STOP) return true;
  way.endByRule(verdict, way.out.stages);
  return false;
}

function toServer(way: Journey, head: Head): void {
  const { backend } = way;
  if (backend === null) {
    way.answerStatus(STATUS_UNAVAILABLE, way.noBackend, null);
    return;
  }
  const forced = useServer(way);
  way.aimRequest();
  if (settleFraming(way.around.subject, head, false) === FRAMING_BROKEN) {
    way.answerStatus(500, 'a rule made the head contradict the body', null);
    return;
  }
  way.out.sent = messageOf(head, way.around.subject.bytes);
  noteForwarded(way, backend.proxy);
  if (findServer(way, forced)) httpResponse(way, head);
  else way.answerStatus(STATUS_UNAVAILABLE, way.out.server?.why ?? '', null);
}

function noteForwarded(way: Journey, backend: Proxy): void {
  const { proxy } = way.frontend;
  const either = (option: 'forwardFor' | 'originalTo' | 'forwarded'): boolean =>
    backend[option] !== null || (option !== 'forwarded' && proxy[option] !== null);
  const options = [
    either('forwarded') ? 'forwarded' : '',
    either('forwardFor') ? 'forwardfor' : '',
    either('originalTo') ? 'originalto' : '',
  ].filter((option) => option !== '');
  for (const option of options) way.note(`option ${option} adds its header as the request leaves; it is not shown`);
  if (proxy.uniqueIdHeader !== '') {
    way.note(`unique-id-header adds ${proxy.uniqueIdHeader} as the request leaves; it is not shown`);
  }
}
