// One request's way through the configuration, in the order of core/proxy: the connection's rules, the request's rules of
// the frontend, the choice of a backend, the backend's rules, the choice of a server, and the response's rules.
//
// Start at explain(). Nothing is decided here that the compiled rules decide; what core/proxy adds to them (monitor-uri, the
// answer for a missing server …) is done as it does it.

import { fromBytes } from '../../core/config/haproxy/text.ts';
import { CHUNKS_UNFINISHED, findChunksEnd } from '../../core/http/h1/chunked-scan.ts';
import { parseRequestHead, parseResponseHead } from '../../core/http/h1/parse.ts';
import { HEAD_BAD_UPGRADE, HEAD_OK, HEAD_PARTIAL, statusOfVerdict } from '../../core/http/h1/verdict.ts';
import {
  HEAD_CHUNKED,
  HEAD_LENGTH,
  HEAD_TUNNEL,
  HEAD_UPGRADE,
  type Head,
  METHOD_OTHER,
} from '../../core/http/message.ts';
import type { Model } from '../../core/model/model.ts';
import type { Proxy, Server } from '../../core/model/proxy.ts';
import type { ServerRule, SwitchingRule } from '../../core/model/rules.ts';
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
} from '../../core/rules/contract.ts';
import { FRAMING_BROKEN, settleFraming } from '../../core/rules/framing.ts';
import type { RuleSet } from '../../core/rules/rule-set.ts';
import type { ChoiceObserver } from '../../core/rules/switching.ts';
import { CONDITION_FAIL, CONDITION_PASS } from '../../core/sample/condition.ts';
import { compileFormat } from '../../core/sample/format.ts';
import {
  type AddressView,
  type ConnectionView,
  DIRECTION_REQUEST,
  DIRECTION_RESPONSE,
  type Span,
} from '../../core/sample/subject.ts';
import type { VariableTable } from '../../core/sample/variables.ts';
import { SESSION_RATE } from '../../core/shared/counters.ts';
import { type AnswerFacts, answerOf, writePage } from './answers.ts';
import { headerLines, headState } from './changes.ts';
import type {
  BackendReport,
  Explanation,
  MessageReport,
  Place,
  RefusalReport,
  RequestFacts,
  RuleReport,
  StageReport,
} from './explanation.ts';
import { addressText, parseIp, type Target, viewText, withLineEnds } from './input.ts';
import { ExplainStream, makeConnection } from './parties.ts';
import { balancerOf, chooseServer, type ForcedServer, serverReports } from './server-choice.ts';
import { listRules, newStage, placeOf, ruleReport, runStage } from './stage.ts';
import { type CompiledProxy, Surroundings } from './surroundings.ts';
import { excerptAt, verdictText } from './verdicts.ts';

export interface Question {
  request: Uint8Array;
  response: Uint8Array | null; // what the server answers
  from: AddressView;
  fromAssumed: boolean;
  target: Target;
  toAssumed: boolean;
}

export function explain(model: Model, question: Question): Explanation {
  return new Walk(model, question).run();
}

const STATUS_BAD_GATEWAY = 502;
const STATUS_UNAVAILABLE = 503;
const VERSION_2 = 50; // the digit in HTTP/2.0

class Walk {
  private readonly model: Model;
  private readonly question: Question;
  private readonly around: Surroundings;
  private readonly front: ConnectionView;
  private readonly frontend: CompiledProxy;
  private readonly sessVariables: VariableTable;
  private readonly out: Explanation;
  private request: Uint8Array; // with the line ends it is parsed with
  private stream: ExplainStream;
  private backend: CompiledProxy | null = null;
  private head: Head | null = null; // the request's, in mode http
  private back: ConnectionView | null = null;
  private txn: VariableTable | null = null;
  private reqres: VariableTable | null = null;
  private bodyEnd = 0;
  private responding = false;

  constructor(model: Model, question: Question) {
    this.model = model;
    this.question = question;
    const { target, from, request, response } = question;
    const responseBytes = response === null ? 0 : withLineEnds(response).bytes.length;
    this.around = new Surroundings(model, withLineEnds(request).bytes.length, responseBytes);
    this.around.listener.portAssumed = question.fromAssumed || !question.from.port;
    const { clock, wallClock, load, counters, variables, subject } = this.around;
    this.frontend = this.around.compiled(target.proxy);
    this.front = makeConnection(
      ...([from, target.view, target.proxy.index, target.bindIndex, clock.nowMs, wallClock.nowMs] as const),
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

  private newStream(): ExplainStream {
    const { clock, wallClock } = this.around;
    return new ExplainStream(this.question.target.proxy, clock.nowMs, wallClock.nowMs, this.model.global.logUriBytes);
  }

  private newExplanation(): Explanation {
    const { from, fromAssumed, target, toAssumed, request } = this.question;
    const { proxy, bind, view } = target;
    return {
      version: 1,
      files: [...this.model.files],
      request: {
        ...{ bytes: request.length, lineEnds: 'raw', method: '', uri: '', version: '', headers: [] },
        ...{ bodyBytes: 0, bodyComplete: true },
      },
      connection: {
        from: viewText(from),
        fromAssumed,
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

  run(): Explanation {
    if (this.question.target.bind.acceptProxy) {
      this.note('the bind has accept-proxy: a PROXY header comes first; --from and --to stand for what it says');
    }
    if (this.connectionRules('tcp-request connection') && this.connectionRules('tcp-request session')) {
      if (this.frontend.proxy.mode === 'http') this.walkHttp();
      else this.walkTcp();
    }
    return this.out;
  }

  private note(text: string): void {
    this.out.notes.push(text);
  }

  // Connections

  private connectionRules(name: 'tcp-request connection' | 'tcp-request session'): boolean {
    const set = name === 'tcp-request connection' ? this.frontend.tcpRequestConnection : this.frontend.tcpRequestSession;
    const stage = this.beginStage(this.out.stages, this.frontend, name, set);
    if (stage === null) return true;
    const verdict = runStage(this.around, { stage, set, inspectMs: -1, aim: () => this.aimConnection() });
    if (this.around.host.expectsProxy) {
      this.note('a rule expects a PROXY header first; --from and --to stand for what it says');
      this.around.host.expectsProxy = false;
    }
    if (verdict === RULE_CONTINUE || verdict === RULE_STOP) return true;
    this.out.outcome.kind = verdict === RULE_SILENT_DROP ? 'dropped' : 'closed';
    return false;
  }

  private aimConnection(): void {
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
  }

  /** null: there are no such rules, and nothing to tell. */
  private beginStage(into: StageReport[], side: CompiledProxy, name: string, set: RuleSet): StageReport | null {
    if (set.rules.length === 0) return null;
    const kind = side === this.frontend && side !== this.backend ? 'frontend' : 'backend';
    const stage = newStage(side === this.frontend ? 'frontend' : kind, side.proxy.name, name);
    into.push(stage);
    return stage;
  }

  // TCP

  private walkTcp(): void {
    this.place(this.request);
    this.stream.requestBytes = this.request.length;
    if (!this.requestRules()) return;
    if (this.around.host.switchesToHttp) {
      this.note('switch-mode http: the bytes are read as an HTTP request from here on');
      this.restartAsHttp();
      this.walkHttp();
      return;
    }
    if (this.backend === null) {
      this.out.outcome.kind = 'closed';
      return;
    }
    if (this.findServer(this.useServer())) this.tcpResponse();
    else this.out.outcome.kind = 'closed';
  }

  private restartAsHttp(): void {
    const { variables, load } = this.around;
    if (this.backend !== null) load.release(load.backend(this.backend.proxy.index));
    if (this.reqres !== null) variables.give(this.reqres);
    if (this.txn !== null) variables.give(this.txn);
    this.backend = null;
    this.txn = null;
    this.reqres = null;
    this.stream = this.newStream();
    this.stream.http = true;
    this.out.backend = null;
  }

  private place(bytes: Uint8Array): void {
    this.around.subject.bytes.set(bytes, this.around.requestAt);
    this.bodyEnd = this.around.requestAt + bytes.length;
  }

  private tcpResponse(): void {
    const { response } = this.question;
    const side = this.backend!;
    const given = response !== null;
    this.out.response = { given, stages: [], refusal: null, sent: null };
    this.out.outcome.kind = 'forwarded';
    if (given) {
      this.around.subject.bytes.set(response, this.around.responseAt);
      this.beginResponse();
    }
    const end = this.around.responseAt + (response?.length ?? 0);
    const verdict = this.responseStage('tcp-response content', side, side.tcpResponseContent, null, given, end);
    if (verdict !== RULE_CONTINUE && verdict !== RULE_STOP) this.endByRule(verdict, this.out.response.stages);
  }

  // HTTP

  private walkHttp(): void {
    const typed = withLineEnds(this.request);
    this.request = typed.bytes;
    this.out.request.lineEnds = typed.converted ? 'added' : 'crlf';
    this.place(typed.bytes);
    const { subject, limits, requestAt } = this.around;
    const head = this.around.newHead();
    const verdict = parseRequestHead(subject.bytes, requestAt, this.bodyEnd, head, limits);
    if (verdict !== HEAD_OK) {
      this.refuse(head, verdict);
      return;
    }
    this.head = head;
    this.describeRequest(head);
    this.beginHttp(head);
    if (this.isMonitor(head)) {
      const reply = writePage(this.around, 200, this.frontend.proxy.index, -1);
      this.answer(reply, { why: `monitor-uri ${this.frontend.proxy.monitorUri}`, by: null, delayMs: 0 });
      return;
    }
    if (this.isPreface(head)) {
      this.answerStatus(400, 'the start of an HTTP/2 connection, which is not spoken on this bind', null);
      return;
    }
    if (this.requestRules()) this.toServer(head);
  }

  private refuse(head: Head, verdict: number): void {
    const { subject, requestAt } = this.around;
    const isPartial = verdict === HEAD_PARTIAL;
    const status = isPartial ? 408 : statusOfVerdict(verdict);
    const at = Math.min(Math.max(head.lineOffset, requestAt), this.bodyEnd);
    this.out.refusal = {
      verdict: verdictText(verdict),
      status,
      offset: at - requestAt,
      excerpt: excerptAt(subject.bytes, at, this.bodyEnd),
    };
    if (isPartial) this.note('the head is not whole: weir waits for the rest until timeout http-request, then says 408');
    const reply = writePage(this.around, status, this.frontend.proxy.index, -1);
    this.out.answer = answerOf(this.around, reply, { why: 'the request cannot be read', by: null, delayMs: 0 }, null);
    this.out.outcome = { kind: isPartial ? 'waiting' : 'answered', status, backend: '', server: '' };
  }

  private describeRequest(head: Head): void {
    const state = headState(head, this.around.subject.bytes);
    const { method, uri, version } = state;
    const bodyBytes = this.bodyEnd - head.endOffset;
    const facts: RequestFacts = {
      ...this.out.request,
      ...{ bytes: this.request.length, method, uri, version, headers: headerLines(state), bodyBytes },
      bodyComplete: this.isWhole(head, this.bodyEnd),
    };
    this.out.request = facts;
    if (!facts.bodyComplete) this.note('the body is shorter than its head says: what waits for it, waits in vain');
  }

  private beginHttp(head: Head): void {
    const { stream, around } = this;
    const { bytes } = around.subject;
    const { method, uri, version } = headState(head, bytes);
    const line = Buffer.from(`${method} ${uri} ${version}`, 'utf8');
    stream.method = head.method;
    stream.requestFlags = head.flags;
    stream.requestBytes = this.request.length;
    stream.log.markIdle = 0;
    stream.log.markRequest = 0;
    stream.log.bytesUploaded = this.request.length;
    stream.log.captureRequestLine(line, 0, line.length);
    if (stream.requestCaptures !== null) {
      stream.requestCapturePool.captureHeaders(head, bytes, stream.requestCaptures as never);
    }
  }

  private isMonitor(head: Head): boolean {
    const { monitorUri } = this.frontend.proxy;
    if (monitorUri === '') return false;
    const { uri } = headState(head, this.around.subject.bytes);
    return uri === monitorUri || uri.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '') === monitorUri;
  }

  private isPreface(head: Head): boolean {
    const { method, uri } = headState(head, this.around.subject.bytes);
    const digit = this.around.subject.bytes[head.versionOffset + 5];
    return head.method === METHOD_OTHER && method === 'PRI' && uri === '*' && digit === VERSION_2;
  }

  // As core/proxy decides it: everything of the body stands behind its head.
  private isWhole(head: Head, end: number): boolean {
    if ((head.flags & HEAD_CHUNKED) !== 0) {
      return findChunksEnd(this.around.subject.bytes, head.endOffset, end) !== CHUNKS_UNFINISHED;
    }
    return (head.flags & HEAD_LENGTH) === 0 || end - head.endOffset >= head.contentLength;
  }

  // The request's rules

  /** False: it ended there. */
  private requestRules(): boolean {
    if (!this.sideRules(this.frontend)) return false;
    this.chooseBackend();
    if (this.backend !== null && this.backend !== this.frontend && !this.sideRules(this.backend)) return false;
    return true;
  }

  private sideRules(side: CompiledProxy): boolean {
    const inspectMs = side.proxy.rules.tcpRequestInspectDelayMs;
    if (!this.requestStage('tcp-request content', side, side.tcpRequestContent, inspectMs)) return false;
    if (!this.stream.http) return true;
    return (
      this.requestStage('http-request', side, side.httpRequest, -1) &&
      this.requestStage('redirect', side, side.redirect, -1)
    );
  }

  private requestStage(name: string, side: CompiledProxy, set: RuleSet, inspectMs: number): boolean {
    const stage = this.beginStage(this.out.stages, side, name, set);
    if (stage === null) return true;
    const verdict = runStage(this.around, { stage, set, inspectMs, aim: () => this.aimRequest() });
    if (verdict === RULE_CONTINUE || verdict === RULE_STOP) return true;
    this.endByRule(verdict, this.out.stages);
    return false;
  }

  private aimRequest(): void {
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
  }

  // The backend

  private chooseBackend(): void {
    const { frontend, model } = this;
    const { switching } = frontend.proxy;
    let found: Proxy | null = null;
    let why = '';
    let by: Place | null = null;
    if (switching.length > 0) {
      const stage = newStage('frontend', frontend.proxy.name, 'use_backend');
      this.out.stages.push(stage);
      this.aimRequest();
      const index = frontend.switching.trace(this.around.subject, this.choiceObserver(stage, model.proxies));
      stage.notReached.push(...switching.slice(stage.rules.length).map(placeOf));
      const last = stage.rules.at(-1)!;
      if (index >= 0) {
        found = model.proxies[index]!;
        why = 'use_backend';
        by = placeOf(last);
        last.result = 'chosen';
      } else if (last.condition?.holds !== false && last.result === 'passed-over') {
        why = `no backend is called ${JSON.stringify(last.chose)}, so that `;
      }
    }
    if (found === null) [found, why] = this.defaultBackend(why);
    if (found === null) return;
    this.enterBackend(found, { name: found.name, why, by, servers: [] });
  }

  private choiceObserver(stage: StageReport, named: readonly { name: string; index: number }[]): ChoiceObserver {
    this.around.listener.beginRule();
    return {
      onRule: (rule, condition, held, chosen) => {
        const { listener } = this.around;
        const report: RuleReport = ruleReport(rule);
        if (condition !== null) report.condition = listener.report(condition, held ? CONDITION_PASS : CONDITION_FAIL);
        report.lookups.push(...listener.actionLookups());
        if (held) {
          report.result = 'passed-over'; // until the caller says that it was chosen
          report.chose = named.find((each) => each.index === chosen)?.name ?? this.nameOf(rule);
        }
        listener.beginRule();
        stage.rules.push(report);
      },
    };
  }

  /** What a dynamic name came to, when nothing is called so. */
  private nameOf(rule: SwitchingRule | ServerRule): string {
    if (rule.format === null) return 'backend' in rule ? rule.backend : rule.server;
    const { subject, linker } = this.around;
    const { trash } = subject;
    const at = trash.take();
    const end = compileFormat(rule.format, linker).write(subject, trash.bytes, at, at + trash.chunkBytes);
    return fromBytes(Buffer.from(trash.bytes.subarray(at, end)).toString('latin1'));
  }

  private defaultBackend(prefix: string): [Proxy | null, string] {
    const { proxy } = this.frontend;
    const { proxies } = this.model;
    if (proxy.defaultBackend === '') {
      return proxy.kind === 'listen' ? [proxy, `${prefix}the listen section itself`] : [null, ''];
    }
    const found = proxies.find((each) => each.name === proxy.defaultBackend && each.kind !== 'frontend');
    return found === undefined || found.disabled ? [null, ''] : [found, `${prefix}default_backend`];
  }

  private enterBackend(proxy: Proxy, report: BackendReport): void {
    const { load } = this.around;
    this.backend = proxy === this.frontend.proxy ? this.frontend : this.around.compiled(proxy);
    load.acquire(load.backend(proxy.index));
    this.stream.enterBackend(proxy);
    this.out.backend = report;
    this.out.outcome.backend = proxy.name;
  }

  // The server

  private toServer(head: Head): void {
    const { backend } = this;
    if (backend === null) {
      this.answerStatus(STATUS_UNAVAILABLE, 'no rule chose a backend, and there is no default_backend', null);
      return;
    }
    const forced = this.useServer();
    this.aimRequest();
    if (settleFraming(this.around.subject, head, false) === FRAMING_BROKEN) {
      this.answerStatus(500, 'a rule made the head contradict the body', null);
      return;
    }
    this.out.sent = messageOf(head, this.around.subject.bytes);
    this.noteForwarded(backend.proxy);
    if (this.findServer(forced)) this.httpResponse(head);
    else this.answerStatus(STATUS_UNAVAILABLE, this.out.server?.why ?? '', null);
  }

  private noteForwarded(backend: Proxy): void {
    const { proxy } = this.frontend;
    const either = (option: 'forwardFor' | 'originalTo' | 'forwarded'): boolean =>
      backend[option] !== null || (option !== 'forwarded' && proxy[option] !== null);
    const options = [
      either('forwarded') ? 'forwarded' : '',
      either('forwardFor') ? 'forwardfor' : '',
      either('originalTo') ? 'originalto' : '',
    ].filter((option) => option !== '');
    for (const option of options) this.note(`option ${option} adds its header as the request leaves; it is not shown`);
  }

  /** The use-server rules. */
  private useServer(): ForcedServer {
    const { around } = this;
    const { proxy, servers } = this.backend!;
    if (proxy.serverRules.length === 0) return { serverIndex: -1, by: null };
    const stage = newStage('backend', proxy.name, 'use-server');
    this.out.stages.push(stage);
    this.aimRequest();
    const isUsable = (index: number): boolean => around.words.usable(index);
    const serverIndex = servers.trace(around.subject, isUsable, this.choiceObserver(stage, proxy.servers));
    stage.notReached.push(...proxy.serverRules.slice(stage.rules.length).map(placeOf));
    const last = stage.rules.at(-1)!;
    if (serverIndex < 0) return { serverIndex, by: null };
    last.result = 'chosen';
    return { serverIndex, by: placeOf(last) };
  }

  /** False: none can be used. */
  private findServer(forced: ForcedServer): boolean {
    const { around } = this;
    const { proxy } = this.backend!;
    const balancer = balancerOf(around, proxy);
    this.out.backend!.servers = serverReports(around, proxy, balancer);
    const source = this.stream.sourceSet ?? this.question.from;
    const choice = chooseServer(around, proxy, balancer, forced, source);
    this.out.server = choice.report;
    if (choice.server === null) return false;
    this.connectTo(choice.server);
    return true;
  }

  private connectTo(server: Server): void {
    const { clock, wallClock, load } = this.around;
    const { address } = server;
    const isInet = address.family === 'inet' || address.family === 'inet6';
    const nobody = { family: 0, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };
    const view = isInet ? (parseIp(address.host, address.port) ?? nobody) : nobody;
    load.acquire(load.server(server.index));
    this.back = makeConnection(nobody, view, this.frontend.proxy.index, 0, clock.nowMs, wallClock.nowMs);
    this.stream.serverIndex = server.index;
    this.stream.log.serverIndex = server.index;
    this.stream.log.markQueue = 0;
    this.stream.log.markConnect = 0;
    this.out.outcome.server = server.name;
  }

  // The response

  private beginResponse(): void {
    const { variables } = this.around;
    this.responding = true;
    if (this.reqres !== null) variables.give(this.reqres);
    this.reqres = null;
    this.around.clearEdits();
  }

  private httpResponse(requestHead: Head): void {
    const { response } = this.question;
    const given = response !== null;
    const report = { given, stages: [] as StageReport[], refusal: null, sent: null };
    this.out.response = report;
    this.out.outcome.kind = 'forwarded';
    if (!given) {
      this.eachResponseStage(null, 0);
      return;
    }
    const parsed = this.parseResponse(withLineEnds(response).bytes, requestHead.method);
    if (parsed === null) return;
    const { head, end } = parsed;
    this.beginResponse();
    const { stream, around } = this;
    stream.log.status = head.status;
    stream.responseBytes = end - around.responseAt;
    if (stream.responseCaptures !== null) {
      stream.responseCapturePool.captureHeaders(head, around.subject.bytes, stream.responseCaptures as never);
    }
    const verdict = this.eachResponseStage(head, end);
    if (verdict !== RULE_CONTINUE) {
      this.endByRule(verdict, this.out.response.stages);
      return;
    }
    this.aimResponse(head, end);
    if (settleFraming(around.subject, head, true) === FRAMING_BROKEN) {
      this.answerStatus(500, 'a rule made the head contradict the body', null);
      return;
    }
    this.out.response.sent = messageOf(head, around.subject.bytes);
    this.out.outcome.status = head.status;
  }

  /** The final head; interim ones before it are passed on without rules. null: it cannot be read, which was said. */
  private parseResponse(bytes: Uint8Array, method: number): { head: Head; end: number } | null {
    const { subject, responseAt, limits } = this.around;
    subject.bytes.set(bytes, responseAt);
    const end = responseAt + bytes.length;
    let at = responseAt;
    for (;;) {
      const head = this.around.newHead();
      let verdict = parseResponseHead(subject.bytes, at, end, head, method, limits);
      if (verdict === HEAD_OK && head.status === 101 && (this.stream.requestFlags & HEAD_UPGRADE) === 0) {
        verdict = HEAD_BAD_UPGRADE;
      }
      if (verdict !== HEAD_OK) {
        this.refuseResponse(head, verdict, end);
        return null;
      }
      if (head.status >= 200 || (head.flags & HEAD_TUNNEL) !== 0) return { head, end };
      at = head.endOffset;
    }
  }

  private refuseResponse(head: Head, verdict: number, end: number): void {
    const { subject, responseAt } = this.around;
    const at = Math.min(Math.max(head.lineOffset, responseAt), end);
    const isPartial = verdict === HEAD_PARTIAL;
    const refusal: RefusalReport = {
      verdict: verdictText(verdict),
      status: STATUS_BAD_GATEWAY,
      offset: at - responseAt,
      excerpt: excerptAt(subject.bytes, at, end),
    };
    this.out.response!.refusal = refusal;
    const why = isPartial ? 'the response ends before its head is whole' : 'the response cannot be read';
    this.answerStatus(STATUS_BAD_GATEWAY, why, null);
  }

  /** `head` null: they are listed. A RULE_…, RULE_CONTINUE when all had their say. */
  private eachResponseStage(head: Head | null, end: number): number {
    const { frontend } = this;
    const backend = this.backend!;
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
      const verdict = this.responseStage(name, side, set, head, head !== null, end);
      if (verdict !== RULE_CONTINUE && verdict !== RULE_STOP) return verdict;
    }
    return RULE_CONTINUE;
  }

  private responseStage(
    name: string,
    side: CompiledProxy,
    set: RuleSet,
    head: Head | null,
    evaluated: boolean,
    end: number,
  ): number {
    if (set.rules.length === 0) return RULE_CONTINUE;
    const stage = newStage(side === this.backend ? 'backend' : 'frontend', side.proxy.name, name, evaluated);
    this.out.response!.stages.push(stage);
    if (!evaluated) {
      listRules(stage, set, this.around);
      return RULE_CONTINUE;
    }
    const inspectMs = name === 'tcp-response content' ? side.proxy.rules.tcpResponseInspectDelayMs : -1;
    return runStage(this.around, { stage, set, inspectMs, aim: () => this.aimResponse(head, end) });
  }

  private aimResponse(head: Head | null, end: number): void {
    const { subject, responseAt } = this.around;
    this.aimStream();
    subject.direction = DIRECTION_RESPONSE;
    subject.request = null;
    subject.response = head;
    subject.requestData.length = 0;
    this.aimData(subject.responseData, head === null ? responseAt : head.endOffset, responseAt, end, head);
  }

  // Answers

  /** A rule has decided that it goes no further. */
  private endByRule(verdict: number, stages: readonly StageReport[]): void {
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

  private answerStatus(status: number, why: string, by: Place | null): void {
    const frontIndex = this.frontend.proxy.index;
    const reply = writePage(this.around, status, frontIndex, this.backend?.proxy.index ?? -1);
    this.answer(reply, { why, by, delayMs: 0 });
  }

  private answer(reply: Parameters<typeof answerOf>[1], facts: AnswerFacts): void {
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
      const stage = newStage(side === this.frontend ? 'frontend' : 'backend', side.proxy.name, 'http-after-response');
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

function messageOf(head: Head, bytes: Uint8Array): MessageReport {
  const state = headState(head, bytes);
  const isRequest = state.status === 0;
  return {
    method: isRequest ? state.method : '',
    uri: isRequest ? state.uri : '',
    status: state.status,
    reason: isRequest ? '' : state.reason,
    headers: headerLines(state),
  };
}
