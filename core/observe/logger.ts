// Which lines are written, at what level, to whom: one Logger per proxy and thread, all fed by one Logging.
//
// A stream calls accepted() when it begins (HTTP: at each request), connected()/responded() on the way, finished()
// at the end, always with its one LogRecord; the options decide which of these write (manual §4.2 "option
// dontlognull", "dontlog-normal", "logasap", "log-separate-errors"). flush() sends, once per turn.

import { LocalCalendar } from '../base/calendar.ts';
import { asciiBytes, writeBytes } from '../base/text.ts';
import type { WallClock } from '../base/wall-clock.ts';
import type { Model } from '../model/model.ts';
import type { LogTarget, Proxy } from '../model/proxy.ts';
import { LEVEL_SILENT, LEVEL_UNSET, LOG_FAMILY_UNIX, type LogRecord } from '../sample/log-record.ts';
import { LineWriter, NameTable } from './access-log.ts';
import { compileLogFormat, formatOf, type LogFormat } from './log-format.ts';
import { LogSink, type LogWriter } from './log-sink.ts';
import { LEVEL_ERR, LEVEL_INFO, type LogIdentity, Sampler, SyslogHeader } from './syslog.ts';

/** The request line kept for logs without tune.http.logurilen: HAProxy's default of 1024 holds an end byte too. */
export const REQUEST_LINE_BYTES_DEFAULT = 1023;

const LINE_BYTES_MIN = 1024; // what lines are built for even when every `len` is less
// What an early refusal starts with; there is no stream yet, so nothing else is known.
const REFUSAL_FORMAT = compileLogFormat('%ci:%cp [%t');
const NEWLINE = 0x0a;
const DASH = 0x2d;
const LETTER_LOCAL = 0x4c; // L: answered by the proxy itself, which is no error

/** What all loggers of one thread share. */
export class Logging {
  readonly sink: LogSink;
  readonly lines: LineWriter;
  readonly calendar = new LocalCalendar();
  readonly clock: WallClock;
  readonly model: Model;
  readonly pid: number;
  /** The longest `len` of the whole configuration: lines are built up to it, then cut to each target's own. */
  readonly lineBytesMax: number;
  private readonly loggers: Logger[];
  private readonly globalLogger: TargetList;

  /** @param writer see core/io/log-socket.ts; @param pid of the process, shown behind the tag */
  constructor(model: Model, writer: LogWriter, clock: WallClock, pid: number) {
    this.model = model;
    this.sink = new LogSink(writer);
    this.clock = clock;
    this.pid = pid;
    this.lines = new LineWriter(new NameTable(model), this.calendar);
    const targets = [...model.global.log, ...model.proxies.flatMap((proxy) => proxy.log)];
    this.lineBytesMax = targets.reduce((max, target) => Math.max(max, target.maxLength), LINE_BYTES_MIN);
    this.loggers = model.proxies.map((proxy) => new Logger(proxy, this));
    this.globalLogger = new TargetList(model.global.log, model.global.logTag, this);
  }

  /** The logger of the proxy at this position in model.proxies. */
  forProxy(proxyIndex: number): Logger {
    return this.loggers[proxyIndex]!;
  }

  /** A line of the process itself, to the global section's targets. `text` without newline. */
  event(level: number, text: string): void {
    this.globalLogger.sendText(level, asciiBytes(text));
  }

  /** Sends what was logged in this turn; false when lines wait for a busy receiver: flush again within milliseconds. */
  flush(): boolean {
    return this.sink.writer.flush();
  }
}

/** The traffic log of one proxy. */
export class Logger {
  /** False: nothing is ever written, no record needs to be filled. */
  readonly active: boolean;
  /** The record needs captureRequestLine. */
  readonly needsRequestLine: boolean;
  /** The record needs the address that the client connected to. */
  readonly needsDestination: boolean;

  private readonly logging: Logging;
  private readonly targets: TargetList;
  private readonly format: LogFormat;
  private readonly unixFormat: LogFormat;
  private readonly atAccept: boolean;
  private readonly isHttp: boolean;
  private readonly logasap: boolean;
  private readonly dontlognull: boolean;
  private readonly dontlogNormal: boolean;
  private readonly separateErrors: boolean;

  constructor(proxy: Proxy, logging: Logging) {
    const tag = proxy.logTag === '' ? logging.model.global.logTag : proxy.logTag;
    this.logging = logging;
    this.targets = new TargetList(proxy.log, tag, logging);
    this.active = proxy.log.length > 0;
    this.format = formatOf(proxy.logFormat, proxy.mode, false);
    this.unixFormat = formatOf(proxy.logFormat, proxy.mode, true);
    this.atAccept = proxy.logFormat === 'default';
    this.needsRequestLine = this.active && this.format.needsRequestLine;
    this.needsDestination = this.active && this.format.needsDestination;
    this.isHttp = proxy.mode === 'http';
    this.logasap = proxy.logasap;
    this.dontlognull = proxy.dontlognull;
    this.dontlogNormal = proxy.dontlogNormal;
    this.separateErrors = proxy.logSeparateErrors;
  }

  /** A stream begins: the default format's one line, for HTTP one a request, whatever becomes of it. */
  accepted(record: LogRecord): void {
    if (!this.active || !this.atAccept) return;
    const format = record.clientFamily === LOG_FAMILY_UNIX ? this.unixFormat : this.format;
    this.targets.sendLine(LEVEL_INFO, format, record, false);
  }

  /** TCP mode, the server is connected: with logasap the line is written now, markClose being markConnect. */
  connected(record: LogRecord): void {
    if (this.logasap && !this.isHttp) this.writeEarly(record, record.markConnect);
  }

  /** HTTP, the response head is complete: with logasap the line is written now, markClose being markData. */
  responded(record: LogRecord): void {
    if (this.logasap && this.isHttp) this.writeEarly(record, record.markData);
  }

  /**
   * The stream is over, or it was refused before it could begin: writes its line unless that was done early, the
   * options suppress it, or the format was written at accept. Requests answered by monitor-uri never come here.
   */
  finished(record: LogRecord): void {
    if (!this.active || this.atAccept || record.logged) return;
    if (this.dontlognull && record.bytesUploaded === 0) return;
    this.write(record);
  }

  /** `do-log`: a line of what is known by now; the one at the end comes all the same. */
  now(record: LogRecord): void {
    // Without a format there is nothing to say.
    if (!this.active || this.atAccept || record.level === LEVEL_SILENT) return;
    this.targets.sendLine(this.levelOf(record, false), this.format, record, false);
  }

  /**
   * The connection died before there was a stream: bad or missing PROXY header, failed handshake. HAProxy writes
   * this with httplog and tcplog alike, never with the default format.
   * @param bindLabel the bind's name, or its id when it has none
   * @param text HAProxy's words, e.g. "Received an invalid PROXY protocol header"
   */
  refused(record: LogRecord, bindLabel: string, text: string): void {
    if (!this.active || this.atAccept) return;
    const proxy = this.logging.model.proxies[record.frontendIndex]!;
    this.targets.sendRefusal(
      this.separateErrors ? LEVEL_ERR : LEVEL_INFO,
      record,
      `] ${proxy.name}/${bindLabel}: ${text}`,
    );
  }

  /** Text that a custom format may make: the longest `len`, without the newline. */
  get textBytesMax(): number {
    return this.logging.lineBytesMax - 1;
  }

  /** The client said nothing, and then nothing is logged (`option dontlognull`). */
  ignores(record: LogRecord): boolean {
    return this.dontlognull && record.bytesUploaded === 0;
  }

  /** The level of the stream's line; LEVEL_SILENT: rules or `option dontlog-normal` want none. */
  levelFor(record: LogRecord): number {
    const isError = this.isError(record);
    if (!isError && this.dontlogNormal) return LEVEL_SILENT;
    return this.levelOf(record, isError);
  }

  /** The level of a line that comes besides the stream's own. */
  levelNow(record: LogRecord, isError: boolean): number {
    return this.levelOf(record, isError);
  }

  /**
   * Sends text[0, length), made by a custom format, and the structured data of `log-format-sd` (length 0: none). Line
   * ends at the end of either are left out; without any text nothing is sent.
   */
  sendMade(level: number, text: Uint8Array, length: number, data: Uint8Array, dataLength: number): void {
    if (this.active) this.targets.sendMade(level, text, length, data, dataLength);
  }

  /** Something that is not traffic, e.g. a server going down: "Server b/s is DOWN…". `text` without newline. */
  event(level: number, text: string): void {
    this.targets.sendText(level, asciiBytes(text));
  }

  private writeEarly(record: LogRecord, closeMark: number): void {
    if (!this.active || this.atAccept || record.logged) return;
    record.markClose = closeMark;
    this.write(record);
  }

  private write(record: LogRecord): void {
    if (record.level === LEVEL_SILENT) return;
    const isError = this.isError(record);
    if (!isError && this.dontlogNormal) return;
    record.logged = true;
    this.targets.sendLine(this.levelOf(record, isError), this.format, record, this.logasap);
  }

  private levelOf(record: LogRecord, isError: boolean): number {
    if (record.level !== LEVEL_UNSET) return record.level;
    return isError && this.separateErrors ? LEVEL_ERR : LEVEL_INFO;
  }

  // Redispatched, ended by anything but a clean end or our own answer, retried, or a server error.
  private isError(record: LogRecord): boolean {
    const cause = record.terminationCause;
    if (record.redispatched) return true;
    if (cause !== DASH && cause !== LETTER_LOCAL) return true;
    if (cause === DASH && record.retries > 0) return true;
    return this.isHttp && record.status >= 500;
  }
}

/** One `log` line of the configuration, ready to write. */
class TargetLink {
  readonly channel: number;
  readonly header: SyslogHeader;
  readonly sampler: Sampler;
  readonly levelMax: number;
  readonly levelMin: number;
  readonly maxLength: number;

  constructor(target: LogTarget, identity: LogIdentity, logging: Logging) {
    this.channel = logging.sink.channel(target.address);
    this.header = new SyslogHeader(target, identity, logging.calendar);
    this.sampler = new Sampler(target.sampleRanges, target.sampleSize);
    this.levelMax = target.levelMax;
    this.levelMin = target.levelMin;
    this.maxLength = target.maxLength;
  }
}

/** All targets of one proxy: the same message, each with its own header, cut to its own length. */
class TargetList {
  private readonly logging: Logging;
  private readonly links: readonly TargetLink[];
  private readonly writer: LogWriter;

  constructor(targets: readonly LogTarget[], tag: string, logging: Logging) {
    const identity = { hostname: logging.model.global.logSendHostname, tag, pid: logging.pid };
    this.logging = logging;
    this.writer = logging.sink.writer;
    this.links = targets.map((target) => new TargetLink(target, identity, logging));
  }

  sendLine(level: number, format: LogFormat, record: LogRecord, early: boolean): void {
    const { lines, lineBytesMax, clock } = this.logging;
    const { links, writer } = this;
    const messageBytesMax = lines.roomFor(format, lineBytesMax - 1);
    for (let index = 0; index < links.length; index++) {
      const link = links[index]!;
      if (level > link.levelMax || !link.sampler.take()) continue;
      const start = writer.reserve(link.channel, link.header.bytesMax + messageBytesMax + 1);
      if (start < 0) continue;
      const message = link.header.write(writer.bytes, start, Math.max(level, link.levelMin), clock);
      const end = lines.write(format, record, early, writer.bytes, message, lineBytesMax - 1);
      this.finish(link, start, end);
    }
  }

  /** For rare lines: it allocates. */
  sendText(level: number, text: Uint8Array): void {
    const { writer } = this;
    const length = Math.min(text.length, this.logging.lineBytesMax);
    for (const link of this.links) {
      if (level > link.levelMax || !link.sampler.take()) continue;
      const start = writer.reserve(link.channel, link.header.bytesMax + length + 1);
      if (start < 0) continue;
      const message = link.header.write(writer.bytes, start, Math.max(level, link.levelMin), this.logging.clock);
      this.finish(link, start, writeBytes(writer.bytes, message, text, 0, length));
    }
  }

  sendMade(level: number, text: Uint8Array, textLength: number, data: Uint8Array, dataLength: number): void {
    const { writer, links } = this;
    const { clock } = this.logging;
    let length = textLength;
    while (length > 0 && (text[length - 1] === NEWLINE || text[length - 1] === 0)) length--;
    if (length === 0) return;
    for (let index = 0; index < links.length; index++) {
      const link = links[index]!;
      if (level > link.levelMax || !link.sampler.take()) continue;
      const start = writer.reserve(link.channel, link.header.bytesMax + dataLength + 1 + length + 1);
      if (start < 0) continue;
      const shown = Math.max(level, link.levelMin);
      const message = link.header.writeWithData(writer.bytes, start, shown, clock, data, dataLength);
      this.finish(link, start, writeBytes(writer.bytes, message, text, 0, length));
    }
  }

  /** "address:port [date" and then `text`. */
  sendRefusal(level: number, record: LogRecord, text: string): void {
    const scratch = new Uint8Array(this.logging.lines.roomFor(REFUSAL_FORMAT, 0));
    const end = this.logging.lines.write(REFUSAL_FORMAT, record, false, scratch, 0, scratch.length);
    const tail = asciiBytes(text);
    const whole = new Uint8Array(end + tail.length);
    whole.set(scratch.subarray(0, end));
    whole.set(tail, end);
    this.sendText(level, whole);
  }

  private finish(link: TargetLink, start: number, end: number): void {
    const last = Math.min(end, start + link.maxLength - 1);
    this.writer.bytes[last] = NEWLINE;
    this.writer.commit(link.channel, last + 1 - start);
  }
}
