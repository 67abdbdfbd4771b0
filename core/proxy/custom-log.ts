// Lines of the traffic log in formats of the operator's own (manual §4.2 "log-format", "log-format-sd",
// "error-log-format"). A frontend without such formats has no CustomLog, and pays nothing.
//
// A line is written as soon as all it tells is known (HAProxy's logwait), which is mostly the stream's end: at the
// request, at the server's connection (TCP), at the response head, or at last. As in HAProxy, a format that was done
// at the request is written once more at the response.

import type { FormatAst } from '../model/language.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RuleAst } from '../model/rules.ts';
import type { Logger } from '../observe/logger.ts';
import { letterCode } from '../observe/names.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import { waitsOf } from '../sample/format-waits.ts';
import * as origins from '../sample/log-origin.ts';
import { LEVEL_SILENT, type LogRecord } from '../sample/log-record.ts';
import type { Subject } from '../sample/subject.ts';
import { NO_BYTES, USE_L4SRV, USE_L5SRV } from '../sample/types.ts';
import * as counters from '../shared/counters.ts';
import type { Connection } from './connection.ts';
import { learnBack } from './endpoints.ts';
import { aimConnection, aimLine } from './language.ts';
import { isContentStage } from './request-rules.ts';
import { isAfterResponse, isResponseContent } from './response-rules.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

const SPACE = 0x20;
const BACK_ALIASES: readonly string[] = ['bi', 'bp', 'si', 'sp'];

export class CustomLog {
  private readonly needsBack: boolean;
  /** Something may be written before the stream's end. */
  readonly isEarly: boolean;

  private readonly thread: ProxyThread;
  private readonly proxy: Proxy;
  private readonly logger: Logger;
  private readonly waits: number;
  private readonly format: Format | null; // null: a built-in one, which the logger writes
  private readonly errorFormat: Format | null;
  private readonly dataFormat: Format | null;
  private readonly text: Uint8Array;
  private readonly data: Uint8Array;

  constructor(thread: ProxyThread, proxy: Proxy, logger: Logger) {
    const { linker } = thread.language;
    const compile = (ast: FormatAst | null): Format | null => (ast === null ? null : compileFormat(ast, linker));
    const { customLogFormat, errorLogFormat, logFormatSd } = proxy;
    this.thread = thread;
    this.proxy = proxy;
    this.logger = logger;
    this.format = compile(customLogFormat);
    this.errorFormat = compile(errorLogFormat);
    this.dataFormat = compile(logFormatSd);
    this.waits = waitsOfProxy(proxy);
    this.isEarly = (this.waits & origins.WAIT_BYTES) === 0;
    this.needsBack = [customLogFormat, errorLogFormat, logFormatSd].some((ast) => ast !== null && namesBack(ast));
    this.text = new Uint8Array(logger.textBytesMax);
    this.data = logFormatSd === null ? NO_BYTES : new Uint8Array(logger.textBytesMax);
  }

  /** The server's connection leaves its stream: what lines may say of it is kept. */
  backLeaves(stream: Stream, back: Connection): void {
    if (this.needsBack && back.fd >= 0) learnBack(this.thread, back);
    stream.pastBack.remember(back);
  }

  /** A stream begins. */
  begin(record: LogRecord): void {
    if (this.format === null) this.logger.accepted(record);
    record.waits = this.waits;
  }

  /** Its request head is there. */
  requested(stream: Stream): void {
    const { log } = stream;
    if (this.format === null || (log.waits & origins.WAIT_REQUEST) === 0) return;
    log.waits &= ~(origins.WAIT_REQUEST | origins.WAIT_INIT);
    if (log.waits === 0) this.write(stream, origins.ORIGIN_TXN_REQUEST);
  }

  /** Mode tcp: its server is connected. */
  connected(stream: Stream): void {
    if (this.format === null) this.logger.connected(stream.log);
    else this.writeEarly(stream, stream.log.markConnect, origins.ORIGIN_TXN_CONNECT);
  }

  /** The response head is there. */
  responded(stream: Stream): void {
    stream.log.waits &= ~origins.WAIT_RESPONSE;
    if (this.format === null) this.logger.responded(stream.log);
    else this.writeEarly(stream, stream.log.markData, origins.ORIGIN_TXN_RESPONSE);
  }

  /** The stream is over, and its load counted. */
  finished(stream: Stream): void {
    const { log } = stream;
    const { format, logger } = this;
    if (log.isUnreadable && (format !== null || this.errorFormat !== null)) {
      if (!log.logged && !logger.ignores(log)) this.writeUnreadable(stream, log);
      return;
    }
    if (format === null) logger.finished(log);
    else if (!log.logged && log.waits !== 0 && !logger.ignores(log)) this.write(stream, origins.ORIGIN_TXN_CLOSE);
  }

  /** `do-log`: one more line, on the subject as the running rule has it. */
  now(stream: Stream): void {
    const { log } = stream;
    const { subject } = this.thread.language;
    if (this.format === null) this.logger.now(log);
    else if (log.level !== LEVEL_SILENT) {
      this.send(this.format, subject, this.logger.levelNow(log, false), originOfRule(stream, subject));
    }
  }

  /** As now(), of a connection whose own rules run: there is no stream, the record says what there is. */
  nowOf(record: LogRecord, origin: number): void {
    if (this.format === null) {
      this.logger.now(record);
      return;
    }
    const { subject } = this.thread.language;
    subject.record = record;
    this.send(this.format, subject, this.logger.levelNow(record, false), origin);
    subject.record = null;
  }

  /** The connection died before its session began. False: there is no format for that, HAProxy's own words count. */
  refused(front: Connection, record: LogRecord): boolean {
    if (this.errorFormat === null) return false;
    record.markIdle = 0;
    record.markClose = this.thread.clock.nowMs - front.sinceMs;
    record.setTermination(letterCode('P'), letterCode('R'));
    record.id32 = this.thread.nextStreamId();
    this.sendRecord(this.errorFormat, front, record, origins.ORIGIN_SESS_KILLED);
    return true;
  }

  private writeUnreadable(stream: Stream, record: LogRecord): void {
    record.markIdle = 0;
    record.bytesUploaded = 0;
    record.id32 = stream.id32;
    this.sendRecord(this.errorFormat ?? this.format!, stream.front!, record, origins.ORIGIN_SESS_ERROR);
  }

  // Without a stream: fetches that need one have no value, aliases have the record's.
  private sendRecord(format: Format, front: Connection, record: LogRecord, origin: number): void {
    const subject = aimConnection(this.thread, front);
    subject.record = record;
    this.send(format, subject, this.logger.levelNow(record, true), origin);
    subject.record = null;
    this.count();
  }

  private writeEarly(stream: Stream, markClose: number, origin: number): void {
    const { log } = stream;
    if ((log.waits & origins.WAIT_BYTES) !== 0 || log.logged) return;
    log.markClose = markClose;
    this.write(stream, origin);
  }

  private write(stream: Stream, origin: number): void {
    const { log } = stream;
    const level = this.logger.levelFor(log);
    if (log.level === LEVEL_SILENT) log.waits = 0;
    if (level === LEVEL_SILENT) return;
    this.send(this.format!, aimLine(this.thread, stream), level, origin);
    log.waits = 0;
    this.count();
  }

  private send(format: Format, subject: Subject, level: number, origin: number): void {
    const { text, data, dataFormat } = this;
    subject.logOrigin = origin;
    const length = format.write(subject, text, 0, text.length);
    let dataLength = dataFormat === null ? 0 : dataFormat.write(subject, data, 0, data.length);
    subject.logOrigin = origins.ORIGIN_NONE;
    while (dataLength > 0 && data[dataLength - 1] === SPACE) dataLength--;
    this.logger.sendMade(level, text, length, data, dataLength);
  }

  private count(): void {
    const { thread, proxy } = this;
    const { cells } = thread.counters;
    cells[thread.counters.at(thread.counters.frontend(proxy.index)) + counters.LOG_LINES]! += 1;
  }
}

/** A CustomLog for the frontends that need one. */
export function makeCustomLog(thread: ProxyThread, proxy: Proxy, logger: Logger): CustomLog | null {
  if (!logger.active || (proxy.customLogFormat === null && proxy.errorLogFormat === null)) return null;
  return new CustomLog(thread, proxy, logger);
}

// The rule set that runs, by the message it has and its place: content rules come first of both sides.
function originOfRule(stream: Stream, subject: Subject): number {
  const { responding, stage } = stream.rule;
  if (!stream.http) return responding ? origins.ORIGIN_TCP_RESPONSE : origins.ORIGIN_TCP_REQUEST;
  if (!responding) return isContentStage(stage) ? origins.ORIGIN_TCP_REQUEST : origins.ORIGIN_HTTP_REQUEST;
  if (isAfterResponse(stage) || stream.back === null) return origins.ORIGIN_HTTP_AFTER_RESPONSE;
  return isResponseContent(stage) && subject.response !== null
    ? origins.ORIGIN_TCP_RESPONSE
    : origins.ORIGIN_HTTP_RESPONSE;
}

// Formats of rules count too: HAProxy asks what any format of the section needs.
function waitsOfProxy(proxy: Proxy): number {
  const isHttp = proxy.mode === 'http';
  const { rules, requestCaptures, responseCaptures, cookieCapture } = proxy;
  const lists: readonly (readonly RuleAst[])[] = [
    ...[rules.tcpRequestConnection, rules.tcpRequestSession, rules.tcpRequestContent, rules.tcpResponseContent],
    ...[rules.httpRequest, rules.httpResponse, rules.httpAfterResponse, rules.redirect],
  ];
  const formats = [
    ...[proxy.customLogFormat, proxy.errorLogFormat, proxy.logFormatSd, proxy.uniqueIdFormat],
    ...lists.flatMap((list) => list.flatMap((rule) => [...rule.formats])),
  ];
  let waits = formats.reduce((sum, ast) => (ast === null ? sum : sum | waitsOf(ast, isHttp)), 0);
  if (requestCaptures.length > 0) waits |= origins.WAIT_REQUEST_HEADERS;
  if (responseCaptures.length > 0) waits |= origins.WAIT_RESPONSE_HEADERS;
  if (cookieCapture !== null) waits |= origins.WAIT_COOKIE;
  return proxy.logasap ? waits & ~origins.WAIT_BYTES : waits;
}

function namesBack({ parts, uses }: FormatAst): boolean {
  if ((uses & (USE_L4SRV | USE_L5SRV)) !== 0) return true;
  return parts.some((part) => part.kind === 'alias' && BACK_ALIASES.includes(part.alias));
}
