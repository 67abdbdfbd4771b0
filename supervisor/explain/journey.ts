// The state of one explanation: what core/proxy keeps in a connection and its stream, and how the subject is pointed at it
// before rules run (as core/proxy/language.ts does), and the answers that weir gives by itself.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import { CHUNKS_UNFINISHED, findChunksEnd } from '../../core/http/h1/chunked-scan.ts';
import { HEAD_CHUNKED, HEAD_LENGTH, type Head } from '../../core/http/message.ts';
import type { Model } from '../../core/model/model.ts';
import {
  RULE_ABORT,
  RULE_BAD_REQUEST,
  RULE_CLOSE,
  RULE_DENY,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_SILENT_DROP,
  RULE_TARPIT,
} from '../../core/rules/contract.ts';
import type { RuleSet } from '../../core/rules/rule-set.ts';
import { type ConnectionView, DIRECTION_REQUEST, DIRECTION_RESPONSE, type Span } from '../../core/sample/subject.ts';
import type { VariableTable } from '../../core/sample/variables.ts';
import { SESSION_RATE } from '../../core/shared/counters.ts';
import { type AnswerFacts, answerOf, reasonText, writePage } from './answers.ts';
import { headerLines, headState } from './changes.ts';
import type { Explanation, MessageReport, Place, StageReport } from './explanation.ts';
import { addressText, type From, type Target, viewText, withLineEnds } from './input.ts';
import { ExplainStream, makeConnection } from './parties.ts';
import { newStage, placeOf, runStage } from './stage.ts';
import { type CompiledProxy, Surroundings } from './surroundings.ts';

/** What is to be explained. */
export interface Question {
  request: Uint8Array;
  response: Uint8Array | null; // what the server answers
  from: From;
  target: Target;
  toAssumed: boolean;
}

const STATUS_BAD_GATEWAY = 502;

/** One request on its way, with everything that was found out so far in `out`. */
export class Journey {
  readonly model: Model;
  readonly question: Question;
  readonly around: Surroundings;
  readonly front: ConnectionView;
  readonly frontend: CompiledProxy;
  readonly sessVariables: VariableTable;
  readonly out: Explanation;
  request: Uint8Array; // with the line ends it is parsed with
  stream: ExplainStream;
  backend: CompiledProxy | null = null;
  head: Head | null = null; // the request's, in mode http
  back: ConnectionView | null = null;
  txn: VariableTable | null = null;
  reqres: VariableTable | null = null;
  bodyEnd = 0;
  responding = false;
  noBackend = ''; // why there is none

  constructor(model: Model, question: Question) {
    this.model = model;
    this.question = question;
    const { target, from, request, response } = question;
    const responseBytes = response === null ? 0 : withLineEnds(response).bytes.length;
    this.around = new Surroundings(model, withLineEnds(request).bytes.length, responseBytes);
    this.around.uniqueIdFormat = target.proxy.uniqueIdFormat;
    this.around.listener.portAssumed = from.assumed !== '';
    const { clock, wallClock, load, counters, variables, subject } = this.around;
    this.frontend = this.around.compiled(target.proxy);
    this.front = makeConnection(
      ...([from.view, target.view, target.proxy.index, target.bindIndex, clock.nowMs, wallClock.nowMs] as const),
    );
    this.sessVariables = variables.take('sess', subject.procVariables as VariableTable);
    this.stream = this.newStream();
    this.request = request;
    this.out = this.newExplanation();
    // This one connection is there, as a real one would be.
    load.acquire(load.process());
    load.acquire(load.frontend(target.proxy.index));
    counters.countRate(counters.frontend(target.proxy.index), SESSION_RATE, clock.nowMs);
  }

  newStream(): ExplainStream {
    const { clock, wallClock } = this.around;
    return new ExplainStream(this.question.target.proxy, clock.nowMs, wallClock.nowMs, this.model.global.logUriBytes);
  }

  private newExplanation(): Explanation {
    const { from, target, toAssumed, request } = this.question;
    const { proxy, bind, view } = target;
    return {
      version: 1,
      files: [...this.model.files],
      request: {
        ...{ bytes: request.length, lineEnds: 'raw', method: '', uri: '', version: '', headers: [] },
        ...{ bodyBytes: 0, bodyComplete: true },
      },
      connection: {
        from: viewText(from.view),
        fromAssumed: from.assumed,
        to: viewText(view),
        toAssumed,
        frontend: proxy.name,
        mode: proxy.mode,
        bind: {
          name: bind.name,
          address: addressText(bind.address),
          file: fromBytes(bind.file),
          line: bind.line,
        },
      },
      refusal: null,
      stages: [],
      backend: null,
      server: null,
      sent: null,
      answer: null,
      afterResponse: [],
      response: null,
      outcome: { kind: 'closed', status: 0, backend: '', server: '' },
      notes: [],
    };
  }

  note(text: string): void {
    this.out.notes.push(text);
  }

  aimConnection(): void {
    const { subject, host } = this.around;
    subject.messageSerial++;
    subject.direction = DIRECTION_REQUEST;
    subject.front = this.front;
    subject.back = null;
    subject.stream = null;
    subject.request = null;
    subject.response = null;
    subject.requestData.length = 0;
    subject.responseData.length = 0;
    subject.sessVariables = this.sessVariables;
    subject.txnVariables = null;
    subject.reqresVariables = null;
    host.stream = null;
    host.front = this.front;
  }

  /** null: there are no such rules, and nothing to tell. */
  beginStage(into: StageReport[], side: CompiledProxy, name: string, set: RuleSet): StageReport | null {
    if (set.rules.length === 0) return null;
    const stage = newStage(side.proxy, side === this.frontend, name);
    into.push(stage);
    return stage;
  }

  place(bytes: Uint8Array): void {
    this.around.subject.bytes.set(bytes, this.around.requestAt);
    this.bodyEnd = this.around.requestAt + bytes.length;
  }

  // As core/proxy decides it: everything of the body stands behind its head.
  isWhole(head: Head, end: number): boolean {
    if ((head.flags & HEAD_CHUNKED) !== 0) {
      return findChunksEnd(this.around.subject.bytes, head.endOffset, end) !== CHUNKS_UNFINISHED;
    }
    return (head.flags & HEAD_LENGTH) === 0 || end - head.endOffset >= head.contentLength;
  }

  aimRequest(): void {
    const { subject } = this.around;
    const { head } = this;
    this.aimStream();
    subject.direction = DIRECTION_REQUEST;
    subject.request = head;
    subject.response = null;
    subject.responseData.length = 0;
    const from = head === null ? this.around.requestAt : head.endOffset;
    this.aimData(subject.requestData, from, this.around.requestAt, this.bodyEnd, head);
  }

  /** What a buffer would hold of the message's data. */
  private aimData(span: Span, from: number, startAt: number, end: number, head: Head | null): void {
    const { bufsize, maxrewrite } = this.model.global;
    const limit = Math.max(from, Math.min(end, startAt + bufsize));
    span.bytes = this.around.subject.bytes;
    span.offset = from;
    span.length = limit - from;
    span.complete = end - startAt >= bufsize - maxrewrite || (head !== null && this.isWhole(head, limit));
  }

  private aimStream(): void {
    const { subject, variables, host } = this.around;
    if (this.txn === null) {
      // A stream begins: what ended connection rules is not its rule.
      subject.lastRuleFile = '';
      subject.lastRuleLine = 0;
    }
    this.txn ??= variables.take('txn', this.sessVariables);
    this.reqres ??= variables.take(this.responding ? 'res' : 'req', this.txn);
    subject.messageSerial++;
    subject.front = this.front;
    subject.back = this.back;
    subject.stream = this.stream;
    subject.sessVariables = this.sessVariables;
    subject.txnVariables = this.txn;
    subject.reqresVariables = this.reqres;
    subject.final = true;
    host.stream = this.stream;
    host.front = this.front;
  }

  beginResponse(): void {
    const { variables } = this.around;
    this.responding = true;
    if (this.reqres !== null) variables.give(this.reqres);
    this.reqres = null;
    this.around.clearEdits();
  }

  aimResponse(head: Head | null, end: number): void {
    const { subject, responseAt } = this.around;
    this.aimStream();
    subject.direction = DIRECTION_RESPONSE;
    subject.request = null;
    subject.response = head;
    subject.requestData.length = 0;
    this.aimData(subject.responseData, head === null ? responseAt : head.endOffset, responseAt, end, head);
  }

  /** A rule has decided that it goes no further. */
  endByRule(verdict: number, stages: readonly StageReport[]): void {
    const rule = stages.at(-1)?.rules.at(-1) ?? null;
    const by = rule === null ? null : placeOf(rule);
    const { run } = this.around;
    switch (verdict) {
      case RULE_REPLY:
      case RULE_DENY:
        this.answer(run.reply, { why: 'a rule answers', by, delayMs: 0 });
        return;
      case RULE_TARPIT:
        this.answer(run.reply, { why: 'a rule keeps the client waiting, then answers', by, delayMs: this.tarpitMs() });
        return;
      case RULE_BAD_REQUEST:
        this.answerStatus(this.responding ? STATUS_BAD_GATEWAY : 400, 'the message is not what the rule needs', by);
        return;
      case RULE_INTERNAL:
        this.answerStatus(500, 'the rule could not do its work', by);
        return;
      case RULE_SILENT_DROP:
        this.out.outcome.kind = 'dropped';
        return;
      case RULE_CLOSE:
      case RULE_ABORT:
        this.out.outcome.kind = 'closed';
    }
  }

  /** −1: as long as the client stays. */
  private tarpitMs(): number {
    return this.stream.tarpitTimeoutMs || (this.backend ?? this.frontend).proxy.timeouts.connect || -1;
  }

  answerStatus(status: number, why: string, by: Place | null): void {
    const frontIndex = this.frontend.proxy.index;
    const reply = writePage(this.around, status, frontIndex, this.backend?.proxy.index ?? -1);
    this.answer(reply, { why, by, delayMs: 0 });
  }

  answer(reply: Parameters<typeof answerOf>[1], facts: AnswerFacts): void {
    const answer = answerOf(this.around, reply, facts, () => this.afterResponse());
    this.out.answer = answer;
    this.out.outcome.kind = answer.status === 0 ? 'closed' : 'answered';
    this.out.outcome.status = answer.status;
  }

  /** http-after-response rules see our own answers too. */
  private afterResponse(): void {
    const { subject } = this.around;
    const head = subject.response;
    if (!this.responding) this.beginResponse();
    const back = this.backend !== null && this.backend !== this.frontend ? this.backend : null;
    for (const side of [back, this.frontend]) {
      const set = side?.httpAfterResponse;
      if (side === null || set === undefined || set.rules.length === 0) continue;
      const stage = newStage(side.proxy, side === this.frontend, 'http-after-response');
      this.out.afterResponse.push(stage);
      runStage(this.around, {
        ...{ stage, set, inspectMs: -1 },
        aim: () => {
          this.aimResponse(head, head!.endOffset);
          subject.responseData.length = 0;
        },
      });
    }
  }
}

export function messageOf(head: Head, bytes: Uint8Array): MessageReport {
  const state = headState(head, bytes);
  const isRequest = state.status === 0;
  return {
    method: isRequest ? state.method : '',
    uri: isRequest ? state.uri : '',
    status: state.status,
    reason: isRequest ? '' : state.reason || reasonText(state.status),
    headers: headerLines(state),
  };
}
