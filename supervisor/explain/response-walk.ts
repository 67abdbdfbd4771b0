// The response's way back: its rules are evaluated on a response that was given, and listed without one.

import { responseFormBytes } from '../../core/http/form-bytes.ts';
import { parseResponseHead } from '../../core/http/h1/parse.ts';
import { HEAD_BAD_UPGRADE, HEAD_OK, HEAD_PARTIAL } from '../../core/http/h1/verdict.ts';
import { HEAD_TUNNEL, HEAD_UPGRADE, type Head } from '../../core/http/message.ts';
import { RULE_CONTINUE, RULE_STOP } from '../../core/rules/contract.ts';
import { FRAMING_BROKEN, settleFraming } from '../../core/rules/framing.ts';
import type { RuleSet } from '../../core/rules/rule-set.ts';
import type { RefusalReport, StageReport } from './explanation.ts';
import { withLineEnds } from './input.ts';
import { type Journey, messageOf } from './journey.ts';
import { listRules, newStage, runStage } from './stage.ts';
import type { CompiledProxy } from './surroundings.ts';
import { excerptAt, verdictText } from './verdicts.ts';

const STATUS_BAD_GATEWAY = 502;

/** `tcp-response content` of the backend, on the bytes the server sends. */
export function tcpResponse(way: Journey): void {
  const { response } = way.question;
  const side = way.backend!;
  const given = response !== null;
  way.out.response = { given, stages: [], refusal: null, sent: null };
  way.out.outcome.kind = 'forwarded';
  if (given) {
    way.around.subject.bytes.set(response, way.around.responseAt);
    way.beginResponse();
  }
  const end = way.around.responseAt + (response?.length ?? 0);
  const verdict = responseStage(way, 'tcp-response content', side, side.tcpResponseContent, null, given, end);
  if (verdict !== RULE_CONTINUE && verdict !== RULE_STOP) way.endByRule(verdict, way.out.response.stages);
}

/** All rules on a response, in core/proxy's order. */
export function httpResponse(way: Journey, requestHead: Head): void {
  const { response } = way.question;
  const given = response !== null;
  const report = { given, stages: [] as StageReport[], refusal: null, sent: null };
  way.out.response = report;
  way.out.outcome.kind = 'forwarded';
  if (!given) {
    eachResponseStage(way, null, 0);
    return;
  }
  const parsed = parseResponse(way, withLineEnds(response).bytes, requestHead.method);
  if (parsed === null) return;
  const { head, end } = parsed;
  way.beginResponse();
  const { stream, around } = way;
  stream.log.status = head.status;
  stream.responseBytes = responseFormBytes(head);
  stream.log.bytesRead = stream.responseBytes;
  stream.log.markData = 0;
  if (stream.responseCaptures !== null) {
    stream.responseCapturePool.captureHeaders(head, around.subject.bytes, stream.responseCaptures as never);
  }
  const verdict = eachResponseStage(way, head, end);
  if (verdict !== RULE_CONTINUE) {
    way.endByRule(verdict, way.out.response.stages);
    return;
  }
  way.aimResponse(head, end);
  if (settleFraming(around.subject, head, true) === FRAMING_BROKEN) {
    way.answerStatus(500, 'a rule made the head contradict the body', null);
    return;
  }
  way.out.response.sent = messageOf(head, around.subject.bytes);
  way.out.outcome.status = head.status;
}

/** The final head; interim ones before it are passed on without rules. null: it cannot be read, which was said. */
function parseResponse(way: Journey, bytes: Uint8Array, method: number): { head: Head; end: number } | null {
  const { subject, responseAt, limits } = way.around;
  subject.bytes.set(bytes, responseAt);
  const end = responseAt + bytes.length;
  let at = responseAt;
  for (;;) {
    const head = way.around.newHead();
    let verdict = parseResponseHead(subject.bytes, at, end, head, method, limits);
    if (verdict === HEAD_OK && head.status === 101 && (way.stream.requestFlags & HEAD_UPGRADE) === 0) {
      verdict = HEAD_BAD_UPGRADE;
    }
    if (verdict !== HEAD_OK) {
      refuseResponse(way, head, verdict, bytes);
      return null;
    }
    if (head.status >= 200 || (head.flags & HEAD_TUNNEL) !== 0) return { head, end };
    at = head.endOffset;
  }
}

function refuseResponse(way: Journey, head: Head, verdict: number, bytes: Uint8Array): void {
  const { responseAt } = way.around;
  const offset = Math.min(Math.max(head.lineOffset - responseAt, 0), bytes.length);
  const isPartial = verdict === HEAD_PARTIAL;
  const refusal: RefusalReport = {
    verdict: verdictText(verdict),
    status: STATUS_BAD_GATEWAY,
    offset,
    excerpt: excerptAt(bytes, offset),
  };
  way.out.response!.refusal = refusal;
  const why = isPartial ? 'the response ends before its head is whole' : 'the response cannot be read';
  way.answerStatus(STATUS_BAD_GATEWAY, why, null);
}

/** `head` null: they are listed. A RULE_…, RULE_CONTINUE when all had their say. */
function eachResponseStage(way: Journey, head: Head | null, end: number): number {
  const { frontend } = way;
  const backend = way.backend!;
  const steps: [string, CompiledProxy, RuleSet][] = [
    ['tcp-response content', backend, backend.tcpResponseContent],
    ['http-response', backend, backend.httpResponse],
    ['http-response', frontend, frontend.httpResponse],
    ['http-after-response', backend, backend.httpAfterResponse],
    ['http-after-response', frontend, frontend.httpAfterResponse],
  ];
  for (const [at, [name, side, set]] of steps.entries()) {
    // A listen section's rules run once.
    if ((at === 2 || at === 4) && backend === frontend) continue;
    const verdict = responseStage(way, name, side, set, head, head !== null, end);
    if (verdict !== RULE_CONTINUE && verdict !== RULE_STOP) return verdict;
  }
  return RULE_CONTINUE;
}

function responseStage(
  way: Journey,
  name: string,
  side: CompiledProxy,
  set: RuleSet,
  head: Head | null,
  evaluated: boolean,
  end: number,
): number {
  if (set.rules.length === 0) return RULE_CONTINUE;
  const stage = newStage(side.proxy, side === way.frontend, name, evaluated);
  way.out.response!.stages.push(stage);
  if (!evaluated) {
    listRules(stage, set, way.around);
    return RULE_CONTINUE;
  }
  const inspectMs = name === 'tcp-response content' ? side.proxy.rules.tcpResponseInspectDelayMs : -1;
  return runStage(way.around, { stage, set, inspectMs, aim: () => way.aimResponse(head, end) });
}
