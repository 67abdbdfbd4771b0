// An explanation as text for people.

import type {
  AnswerReport,
  Explanation,
  HeaderLine,
  MessageReport,
  RefusalReport,
  StageReport,
} from './explanation.ts';
import { placeText, RuleText } from './render-rules.ts';
import { ink, type Style, signsOf } from './style.ts';

export function renderText(explanation: Explanation, style: Style): string {
  return new Renderer(explanation, style).render();
}

class Renderer {
  private readonly out: Explanation;
  private readonly style: Style;
  private readonly lines: string[] = [];
  private readonly rules: RuleText;
  private section = '';

  constructor(explanation: Explanation, style: Style) {
    this.out = explanation;
    this.style = style;
    this.rules = new RuleText(style, this.lines);
  }

  render(): string {
    const { out } = this;
    this.heading();
    if (out.refusal !== null) this.refusal('the request is refused', out.refusal);
    const [front, back] = this.splitStages();
    this.stages(front);
    if (out.backend !== null) this.backend();
    this.stages(back);
    this.server();
    this.sent();
    if (out.response !== null) this.response();
    if (out.answer !== null) this.answer(out.answer);
    this.result();
    return `${this.lines.join('\n')}\n`;
  }

  private heading(): void {
    const { request, connection, notes } = this.out;
    const first =
      request.method === '' ? `${request.bytes} bytes` : `${request.method} ${request.uri} ${request.version}`;
    this.rules.line(0, first, 'bold');
    const from = { '': '', address: ' (assumed)', port: ' (port assumed)' }[connection.fromAssumed];
    const to = connection.toAssumed ? ' (assumed)' : '';
    const { bind } = connection;
    const bindName = bind.name === '' ? bind.address : `${bind.name} (${bind.address})`;
    this.rules.line(2, `from  ${connection.from}${from}`);
    this.rules.line(2, `to    ${connection.to}${to}, bind ${bindName}`);
    this.rules.line(2, `in    frontend ${connection.frontend}, mode ${connection.mode} (${placeText(bind)})`);
    if (request.lineEnds === 'added') this.rules.line(2, 'its lines ended with LF alone and were given CRLF');
    for (const note of notes) this.rules.line(2, note, 'yellow');
  }

  private refusal(title: string, { verdict, offset, excerpt }: RefusalReport): void {
    this.lines.push('');
    this.rules.line(0, `${title}: ${verdict}`, 'red');
    this.rules.line(2, `at byte ${offset}: ${excerpt}`);
  }

  /** The frontend's, with the choice of the backend; and what comes after that choice. */
  private splitStages(): [StageReport[], StageReport[]] {
    const { stages, backend } = this.out;
    const isFront = (stage: StageReport): boolean => stage.kind !== 'backend' && stage.set !== 'use-server';
    if (backend === null) return [stages, []];
    return [stages.filter(isFront), stages.filter((stage) => !isFront(stage))];
  }

  private stages(stages: readonly StageReport[]): void {
    for (const stage of stages) {
      this.begin(`${stage.kind} ${stage.section}`);
      this.rules.stage(stage);
    }
  }

  private begin(section: string, suffix = ''): void {
    if (this.section === section) return;
    this.section = section;
    this.lines.push('');
    this.lines.push(ink(this.style, 'bold', section) + suffix);
  }

  private backend(): void {
    const { name, why, by } = this.out.backend!;
    this.section = '';
    this.begin(`backend ${name}`, `  chosen by ${why}${by === null ? '' : ` (${placeText(by)})`}`);
  }

  private server(): void {
    const { server, backend } = this.out;
    if (server === null || backend === null) return;
    const by = server.by === null ? '' : ` (${placeText(server.by)})`;
    this.rules.line(2, 'server', 'bold');
    if (server.name === '') this.rules.line(4, `none: ${server.why}`, 'red');
    else {
      const perhaps = server.certain ? '' : 'perhaps ';
      const how = server.by === null ? `balance ${server.algorithm}: ${server.why}` : `${server.why}${by}`;
      this.rules.line(4, `${perhaps}${server.name} ${server.address}, ${how}`, server.certain ? 'green' : 'yellow');
    }
    const width = Math.max(...backend.servers.map((each) => each.name.length), 0);
    for (const each of backend.servers) {
      const isChosen = each.name === server.name;
      const words = [`weight ${each.weight}`, each.state, each.backup ? 'backup' : ''].filter((word) => word !== '');
      const fit = each.eligible ? '' : ', balance does not use it now';
      this.rules.line(4, `${isChosen ? '*' : ' '} ${each.name.padEnd(width)}  ${words.join(', ')}${fit}`, 'dim');
    }
  }

  /** The request as it leaves, where rules changed it. */
  private sent(): void {
    const { sent, request } = this.out;
    if (sent === null) return;
    const isSame = sent.method === request.method && sent.uri === request.uri && sameHeaders(sent, request.headers);
    if (isSame) return;
    this.section = '';
    this.begin('request as rules leave it');
    this.message(`${sent.method} ${sent.uri} ${request.version}`, sent.headers);
  }

  private message(first: string, headers: readonly HeaderLine[]): void {
    this.rules.line(2, first);
    for (const { name, value } of headers) this.rules.line(2, `${name}: ${value}`, 'dim');
  }

  private response(): void {
    const { given, stages, refusal, sent } = this.out.response!;
    this.section = '';
    if (!given && stages.length === 0) return;
    this.begin(given ? 'response' : 'response rules that would run, not evaluated without --response');
    if (refusal !== null) this.refusal('the response is refused', refusal);
    for (const stage of stages) {
      this.rules.stage(stage, `${stage.kind} ${stage.section}, ${stage.set}`);
    }
    if (sent === null) return;
    this.section = '';
    this.begin('response as it goes to the client');
    this.message(`HTTP/1.1 ${sent.status} ${sent.reason}`, sent.headers);
  }

  private answer(answer: AnswerReport): void {
    const by = answer.by === null ? '' : ` (${placeText(answer.by)})`;
    this.section = '';
    this.begin('answer by weir', `  ${answer.why}${by}`);
    for (const stage of this.out.afterResponse) {
      this.rules.stage(stage, `${stage.kind} ${stage.section}, ${stage.set}`);
    }
    if (this.out.afterResponse.length > 0) this.rules.line(2, 'as it is sent', 'bold');
    if (answer.status === 0) {
      this.rules.line(2, 'the connection is closed without a word', 'red');
      return;
    }
    if (answer.delayMs < 0) this.rules.line(2, 'as long as the client stays, nothing is sent; then:');
    if (answer.delayMs > 0) this.rules.line(2, `nothing is sent for ${answer.delayMs}ms; then:`);
    this.rules.line(2, `${answer.status} ${answer.reason}`, 'red');
    for (const { name, value } of answer.headers) this.rules.line(2, `${name}: ${value}`, 'dim');
    if (answer.bodyBytes > 0) this.rules.line(2, `${answer.bodyBytes} bytes: ${answer.bodyFirstLine}`, 'dim');
  }

  private result(): void {
    const { arrow } = signsOf(this.style);
    this.lines.push('');
    const { text, isGood } = this.resultText(arrow);
    this.rules.line(0, `${arrow} ${text}`, isGood ? 'green' : 'red');
  }

  private resultText(arrow: string): { text: string; isGood: boolean } {
    const { outcome, server, answer } = this.out;
    const to =
      server?.certain === false
        ? `${outcome.backend}, perhaps to ${outcome.server}`
        : `${outcome.backend}/${outcome.server}`;
    switch (outcome.kind) {
      case 'forwarded': {
        const status = outcome.status === 0 ? '' : ` ${arrow} ${outcome.status} to the client`;
        return { text: `forwarded to ${to} (${server?.address ?? ''})${status}`, isGood: true };
      }
      case 'answered':
        return {
          text: `answered with ${outcome.status}${answer?.reason ? ` ${answer.reason}` : ''}`,
          isGood: outcome.status < 400,
        };
      case 'closed':
        return { text: 'the connection is closed without an answer', isGood: false };
      case 'dropped':
        return { text: 'the connection is dropped, and the client is not told', isGood: false };
      case 'waiting':
        return { text: 'more bytes are waited for', isGood: false };
    }
  }
}

function sameHeaders({ headers }: MessageReport, others: readonly HeaderLine[]): boolean {
  if (headers.length !== others.length) return false;
  return headers.every(({ name, value }, at) => name === others[at]!.name && value === others[at]!.value);
}
