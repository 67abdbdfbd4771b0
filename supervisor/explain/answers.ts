// Answers that weir gives by itself, read back from the bytes it would send, and the http-after-response rules on them.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import { parseResponseHead } from '../../core/http/h1/parse.ts';
import { HEAD_OK } from '../../core/http/h1/verdict.ts';
import { HEADER_CONNECTION, METHOD_GET } from '../../core/http/message.ts';
import { reasonOf } from '../../core/http/reason.ts';
import type { ReplyBuffer } from '../../core/rules/contract.ts';
import { errorRepliesOf } from '../../core/rules/reply.ts';
import { headerLines, headState } from './changes.ts';
import type { AnswerReport, Place } from './explanation.ts';
import type { Surroundings } from './surroundings.ts';

const FIRST_LINE_MAX = 200;

export interface AnswerFacts {
  why: string;
  by: Place | null;
  delayMs: number;
}

/** The phrase that is written where a head has none. */
export const reasonText = (status: number): string => Buffer.from(reasonOf(status)).toString('latin1');

/** Fills run.reply with the page for this status. */
export function writePage(around: Surroundings, status: number, frontIndex: number, backIndex: number): ReplyBuffer {
  const { reply } = around.run;
  errorRepliesOf(around.linker).find(status, frontIndex, backIndex).write(around.subject, reply);
  reply.status = status;
  return reply;
}

/**
 * The answer in `reply`; `onHead` runs rules on its head before it is read out.
 * A reply of no length is a close without a word: status 0.
 */
export function answerOf(
  around: Surroundings,
  reply: ReplyBuffer,
  facts: AnswerFacts,
  onHead: (() => void) | null,
): AnswerReport {
  const { subject, responseAt } = around;
  const nothing = { status: 0, reason: '', headers: [], bodyBytes: 0, bodyFirstLine: '', ...facts };
  if (reply.length === 0) return nothing;
  const { bytes } = subject;
  bytes.set(reply.bytes.subarray(0, reply.length), responseAt);
  const end = responseAt + reply.length;
  const head = around.newHead();
  if (parseResponseHead(bytes, responseAt, end, head, METHOD_GET, around.limits) !== HEAD_OK) return nothing;
  head.removeAll(HEADER_CONNECTION); // settled by how the connection goes on
  if (onHead !== null) {
    subject.response = head;
    onHead();
    subject.response = null;
  }
  const state = headState(head, bytes);
  const body = Buffer.from(bytes.subarray(head.endOffset, end)).toString('latin1');
  return {
    status: state.status,
    reason: state.reason || reasonText(state.status),
    headers: headerLines(state),
    bodyBytes: body.length,
    bodyFirstLine: fromBytes((/^[^\r\n]*/.exec(body)?.[0] ?? '').slice(0, FIRST_LINE_MAX)),
    ...facts,
  };
}
