// Actions that steer the walk itself: allow, pause, wait-for-body, wait-for-handshake, strict-mode, early-hint, do-log
// (manual §4.3, §4.4).

import { HEAD_EXPECT_CONTINUE, HEAD_HTTP_10, HEADER_EXPECT, METHOD_CONNECT } from '../http/message.ts';
import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import { compileFormat } from '../sample/format.ts';
import { bodyOf } from '../sample/http-body.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { Sample, TYPE_SINT } from '../sample/types.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  RULE_BAD_REQUEST,
  RULE_CONTINUE,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_STOP,
  RULE_YIELD,
  type RuleParts,
  type RuleRun,
} from './contract.ts';
import { CRLF, errorRepliesOf, headerStart, latin1, writer } from './reply.ts';
import { readHeader, readSize, readTimeMs } from './words.ts';

const HTTP: readonly RuleSetName[] = ['http-request', 'http-response', 'http-after-response'];
const REQUEST_AND_RESPONSE: readonly RuleSetName[] = ['http-request', 'http-response'];

const TIME_MAX = '2147483647 ms or ~24.8 days';

function parsePause(line: ActionLine): RuleParts | null {
  const text = line.peek();
  const time = readTimeMs(text);
  if (time.ok) {
    if (time.ms === 0) return line.fail("null value is not valid for a 'pause' rule");
    line.next();
    return { options: { ms: time.ms } };
  }
  if (time.why === 'over') {
    return line.fail(`timer overflow in argument '${text}' to rule 'pause' (maximum value is ${TIME_MAX})`);
  }
  if (time.why === 'under') {
    return line.fail(`timer underflow in argument '${text}' to rule 'pause' (minimum value is 1 ms)`);
  }
  const expression = line.expression(`unexpected character '${time.char}' in rule 'pause'`);
  return expression === null ? null : { expressions: [expression] };
}

function compilePause(ast: RuleAst, linker: Linker): Action {
  const [expressionAst] = ast.expressions;
  const fixedMs = (ast.options['ms'] as number | undefined) ?? 0;
  const expression = expressionAst === undefined ? null : compileExpression(expressionAst, linker);
  const sample = new Sample();
  return (subject, run) => {
    let ms = fixedMs;
    if (expression !== null) {
      if (!expression.evaluateAs(subject, sample, TYPE_SINT)) return RULE_CONTINUE;
      ms = sample.number;
    }
    return waitUntil(subject, run, ms) ? RULE_CONTINUE : RULE_YIELD;
  };
}

/** True when `ms` have passed since the action ran first; else run.waitUntilMs says when they will. */
function waitUntil(subject: Subject, run: RuleRun, ms: number): boolean {
  const { nowMs } = subject.clock;
  const untilMs = (run.resumed ? run.yieldedSinceMs : nowMs) + ms;
  if (untilMs <= nowMs) return true;
  run.waitUntilMs = untilMs;
  return false;
}

function parseWaitForBody(line: ActionLine): RuleParts | null {
  let ms = -1;
  let bytes = 0;
  for (;;) {
    const word = line.peek();
    if (word === 'use-large-buffer') return line.notImplemented(`${line.set} ${line.word} ${word}`);
    if (word !== 'time' && word !== 'at-least') break;
    line.next();
    const text = line.next();
    if (text === '') return line.fail(`missing argument for '${word}'`);
    if (word === 'time') {
      const time = readTimeMs(text);
      if (!time.ok) return line.fail(timeProblem(time));
      ms = time.ms;
    } else {
      const size = readSize(text);
      if (typeof size === 'string') return line.fail(`unexpected character '${size[0]}'`);
      bytes = size;
    }
  }
  return ms < 0 ? line.fail('expects time <time> [ at-least <bytes> ]') : { options: { ms, bytes } };
}

function timeProblem(time: Exclude<ReturnType<typeof readTimeMs>, { ok: true }>): string {
  if (time.why === 'over') return `time overflow (maximum value is ${TIME_MAX})`;
  if (time.why === 'under') return 'time underflow (minimum non-null value is 1 ms)';
  return `unexpected character '${time.char}'`;
}

const CONTINUE_100 = latin1('HTTP/1.1 100 Continue\r\n\r\n');
const STATUS_REQUEST_TIMEOUT = 408;
const STATUS_GATEWAY_TIMEOUT = 504;

function compileWaitForBody(ast: RuleAst, linker: Linker): Action {
  const ms = ast.options['ms'] as number;
  const bytesMin = ast.options['bytes'] as number;
  const ofRequest = ast.set === 'http-request';
  const errors = errorRepliesOf(linker);
  return (subject, run) => {
    const head = ofRequest ? subject.request : subject.response;
    if (head === null || subject.stream?.method === METHOD_CONNECT) return RULE_CONTINUE;
    const body = bodyOf(subject, head);
    if (body === null) return RULE_BAD_REQUEST;
    if (ofRequest) answerExpect(subject, run);
    if (body.complete || (bytesMin > 0 && body.length >= bytesMin)) return RULE_CONTINUE;
    if (ms === 0 || !waitUntil(subject, run, ms)) return RULE_YIELD; // no time: as long as the peer may be silent
    const status = ofRequest ? STATUS_REQUEST_TIMEOUT : STATUS_GATEWAY_TIMEOUT;
    const front = subject.stream?.frontendIndex ?? -1;
    const back = subject.stream?.backendIndex ?? -1;
    if (!errors.find(status, front, back).write(subject, run.reply)) return RULE_INTERNAL;
    run.reply.status = status;
    run.reply.closes = ofRequest;
    run.timedOut = true;
    return RULE_REPLY;
  };
}

/** Who waits for the body must ask for it (RFC 9110 §10.1.1). */
export function answerExpect(subject: Subject, run: RuleRun): void {
  const head = subject.request!;
  if ((head.flags & (HEAD_EXPECT_CONTINUE | HEAD_HTTP_10)) !== HEAD_EXPECT_CONTINUE) return;
  run.host.sendInterim(CONTINUE_100, 0, CONTINUE_100.length);
  head.removeAll(HEADER_EXPECT);
  head.flags &= ~HEAD_EXPECT_CONTINUE;
}

function parseStrictMode(line: ActionLine): RuleParts | null {
  const word = line.next();
  if (word === '') return line.fail('expects exactly 1 arguments');
  const mode = word.toLowerCase();
  if (mode === 'on' || mode === 'off') return { options: { strict: mode === 'on' } };
  return line.fail(`Unexpected value '${word}'. Only 'on' and 'off' are supported`);
}

const EARLY_HINTS = latin1('HTTP/1.1 103 Early Hints\r\n');
const STATUS_EARLY_HINTS = 103;

/** Rules that follow one another fill one response, which stands in run.reply until the last of them sends it. */
function compileEarlyHint(ast: RuleAst, linker: Linker): Action {
  const name = headerStart(ast.options['name'] as string);
  const format = compileFormat(ast.formats[0]!, linker);
  const isLast = ast.options['last'] === true;
  return (subject, run) => {
    if (subject.request === null || (subject.request.flags & HEAD_HTTP_10) !== 0) return RULE_CONTINUE;
    const { reply } = run;
    const isFirst = reply.status !== STATUS_EARLY_HINTS;
    writer.begin(reply.bytes, isFirst ? 0 : reply.length);
    if (isFirst) writer.text(EARLY_HINTS);
    writer.text(name);
    writer.format(format, subject);
    writer.text(CRLF);
    if (isLast) writer.text(CRLF);
    reply.length = writer.at;
    reply.status = isLast || !writer.fits ? 0 : STATUS_EARLY_HINTS;
    if (!writer.fits) return RULE_INTERNAL;
    if (isLast) run.host.sendInterim(reply.bytes, 0, reply.length);
    return RULE_CONTINUE;
  };
}

/** What log profiles call these places (manual §8.2.5 "do-log"). */
const LOG_PLACES: Readonly<Record<RuleSetName, string>> = {
  'tcp-request connection': 'tcp-req-conn',
  'tcp-request session': 'tcp-req-sess',
  'tcp-request content': 'tcp-req-cont',
  'tcp-response content': 'tcp-res-cont',
  'http-request': 'http-req',
  'http-response': 'http-res',
  'http-after-response': 'http-after-res',
};

function parseDoLog(line: ActionLine): RuleParts | null {
  if (line.peek() !== 'profile') return {};
  line.next();
  if (line.next() === '') return line.fail(`action '${line.word}': 'profile' expects argument.`);
  return line.notImplemented(`${line.set} ${line.word} profile`);
}

export const flowActions: readonly ActionRow[] = [
  { name: 'allow', isPrefix: false, sets: HTTP, parse: () => ({}), compile: () => () => RULE_STOP },
  { name: 'pause', isPrefix: false, sets: REQUEST_AND_RESPONSE, parse: parsePause, compile: compilePause },
  {
    name: 'wait-for-body',
    isPrefix: false,
    sets: REQUEST_AND_RESPONSE,
    parse: parseWaitForBody,
    compile: compileWaitForBody,
  },
  {
    // Until TLS comes, no handshake is ever pending when a request is there.
    name: 'wait-for-handshake',
    isPrefix: false,
    sets: ['http-request'],
    parse: () => ({}),
    compile: () => () => RULE_CONTINUE,
  },
  {
    name: 'strict-mode',
    isPrefix: false,
    sets: HTTP,
    parse: parseStrictMode,
    compile: (ast) => {
      const strict = ast.options['strict'] as boolean;
      return (_subject, run) => {
        run.strict = strict;
        return RULE_CONTINUE;
      };
    },
  },
  { name: 'early-hint', isPrefix: false, sets: ['http-request'], parse: readHeader, compile: compileEarlyHint },
  {
    name: 'do-log',
    isPrefix: false,
    sets: Object.keys(LOG_PLACES) as RuleSetName[],
    parse: parseDoLog,
    compile: (ast) => {
      const place = LOG_PLACES[ast.set];
      return (_subject, run) => {
        run.host.logNow(place);
        return RULE_CONTINUE;
      };
    },
  },
];
