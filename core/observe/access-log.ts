// One traffic line: a LogRecord and a compiled format in, bytes out (manual §8.2).
//
// HAProxy's three formats are log-format strings like any operator's; compileLogFormat turns a string into a list of
// ops once, LineWriter walks it per line and appends bytes: no string, no allocation. An alias is a row of ALIASES,
// a case in LineWriter and a bound in `bytesMax`; only those the three formats need are here.

import type { Model } from '../model/model.ts';
import type { LogFormatKind, ProxyMode } from '../model/proxy.ts';
import type { LocalCalendar } from './calendar.ts';
import { LOG_FAMILY_INET, LOG_FAMILY_INET6, LOG_FAMILY_NONE, LOG_SERVER_STATS, type LogRecord } from './log-record.ts';
import { writeTime } from './syslog.ts';
import {
  asciiBytes,
  MONTH_LETTERS,
  writeBytes,
  writeInet,
  writeInet6,
  writeInt,
  writePadded,
  writeTriple,
} from './text.ts';

/** The formats of `option tcplog` and `option httplog`, as the manual prints them (§8.2.2, §8.2.3). */
export const TCP_LOG_FORMAT = '%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq';
export const HTTP_LOG_FORMAT =
  '%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r';

const OP_TEXT = 0;
const OP_CLIENT_IP = 1;
const OP_CLIENT_PORT = 2;
const OP_FRONTEND_IP = 3;
const OP_FRONTEND_PORT = 4;
const OP_ACCEPT_DATE = 5;
const OP_REQUEST_DATE = 6;
const OP_FRONTEND = 7;
const OP_FRONTEND_TRANSPORT = 8;
const OP_BACKEND = 9;
const OP_SERVER = 10;
const OP_TIME_REQUEST = 11;
const OP_TIME_QUEUE = 12;
const OP_TIME_CONNECT = 13;
const OP_TIME_RESPONSE = 14;
const OP_TIME_ACTIVE = 15;
const OP_TIME_TOTAL = 16;
const OP_STATUS = 17;
const OP_BYTES_READ = 18;
const OP_CLIENT_COOKIE = 19;
const OP_SERVER_COOKIE = 20;
const OP_TERMINATION = 21;
const OP_TERMINATION_COOKIE = 22;
const OP_ACTCONN = 23;
const OP_FECONN = 24;
const OP_BECONN = 25;
const OP_SRV_CONN = 26;
const OP_RETRIES = 27;
const OP_SRV_QUEUE = 28;
const OP_BACKEND_QUEUE = 29;
const OP_REQUEST_LINE = 30;
// Runs that the formats share, as one step each: a line has half as many steps.
const OP_CLIENT = 32; // %ci:%cp
const OP_HTTP_TIMERS = 33; // %TR/%Tw/%Tc/%Tr/%Ta
const OP_LOADS = 34; // %ac/%fc/%bc/%sc/%rc
const OP_QUEUES = 35; // %sq/%bq
const OP_NOTHING = 31; // writes nothing, and no space of its own: captures of a frontend that captures nothing

/** An alias's op, and the most bytes it writes (0: a proxy's or server's name, or the request line). */
const ALIASES: Record<string, readonly [op: number, bytesMax: number]> = {
  ac: [OP_ACTCONN, 17],
  B: [OP_BYTES_READ, 18],
  b: [OP_BACKEND, 0],
  bc: [OP_BECONN, 17],
  bq: [OP_BACKEND_QUEUE, 17],
  CC: [OP_CLIENT_COOKIE, 1],
  ci: [OP_CLIENT_IP, 45],
  cp: [OP_CLIENT_PORT, 17],
  CS: [OP_SERVER_COOKIE, 1],
  f: [OP_FRONTEND, 0],
  fc: [OP_FECONN, 17],
  fi: [OP_FRONTEND_IP, 45],
  fp: [OP_FRONTEND_PORT, 17],
  ft: [OP_FRONTEND_TRANSPORT, 1],
  hr: [OP_NOTHING, 0],
  hs: [OP_NOTHING, 0],
  r: [OP_REQUEST_LINE, 2],
  rc: [OP_RETRIES, 18],
  s: [OP_SERVER, 0],
  sc: [OP_SRV_CONN, 17],
  sq: [OP_SRV_QUEUE, 17],
  ST: [OP_STATUS, 17],
  t: [OP_ACCEPT_DATE, 24],
  Ta: [OP_TIME_ACTIVE, 18],
  Tc: [OP_TIME_CONNECT, 17],
  TR: [OP_TIME_REQUEST, 17],
  Tr: [OP_TIME_RESPONSE, 17],
  tr: [OP_REQUEST_DATE, 24],
  ts: [OP_TERMINATION, 2],
  tsc: [OP_TERMINATION_COOKIE, 4],
  Tt: [OP_TIME_TOTAL, 18],
  Tw: [OP_TIME_QUEUE, 17],
};

/** A format string that weir cannot compile; the message is HAProxy's. */
export class LogFormatError extends Error {
  override name = 'LogFormatError';
}

/**
 * A line as a program of steps, two words each: a value and the text behind it. Word 0: the op in bits 0–7, whether
 * the value stands in double quotes in bit 8, the text's length from bit 16 on. Word 1: where the text begins in
 * `text`, or, when it is one byte long as most are, that byte itself.
 */
export interface LogFormat {
  readonly program: Int32Array;
  readonly text: Uint8Array;
  readonly bytesMax: number; // of a line without its names and its request line's bytes
  readonly nameCount: number; // names in a line
  readonly needsRequestLine: boolean;
  readonly needsDestination: boolean;
}

const QUOTED = 1 << 8;
const TEXT_LENGTH_SHIFT = 16;

const RUNS: readonly (readonly [run: number, separator: string, ...ops: number[]])[] = [
  [OP_CLIENT, ':', OP_CLIENT_IP, OP_CLIENT_PORT],
  [OP_HTTP_TIMERS, '/', OP_TIME_REQUEST, OP_TIME_QUEUE, OP_TIME_CONNECT, OP_TIME_RESPONSE, OP_TIME_ACTIVE],
  [OP_LOADS, '/', OP_ACTCONN, OP_FECONN, OP_BECONN, OP_SRV_CONN, OP_RETRIES],
  [OP_QUEUES, '/', OP_SRV_QUEUE, OP_BACKEND_QUEUE],
];

interface Step {
  op: number;
  text: string;
  quoted: boolean;
}

/** Compiles a log-format string (manual §8.2.6). Runs of spaces become one, `%%` is a percent sign. */
export function compileLogFormat(format: string): LogFormat {
  const steps: Step[] = [];
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    const end = percent < 0 ? format.length : percent;
    if (end > at) addText(steps, format.slice(at, end));
    if (percent < 0) break;
    at = parseItem(steps, format, percent + 1);
  }
  return toProgram(dropNothings(steps));
}

const ITEM = /(?:\{([^}]*)\})?([A-Za-z][A-Za-z0-9]*)/y;

function parseItem(steps: Step[], format: string, at: number): number {
  if (format[at] === '%') {
    addText(steps, '%');
    return at + 1;
  }
  ITEM.lastIndex = at;
  const match = ITEM.exec(format);
  if (match === null) throw new LogFormatError(`truncated line after '${format.slice(at - 1)}'`);
  const flags = match[1] ?? '';
  const alias = match[2]!;
  const row = ALIASES[alias];
  if (row === undefined || !Object.hasOwn(ALIASES, alias)) throw new LogFormatError(`no such format alias '${alias}'`);
  if (flags !== '' && flags !== '+Q') throw new LogFormatError(`unknown flags '${flags}' of '%${alias}'`);
  steps.push({ op: row[0], text: '', quoted: flags === '+Q' });
  return ITEM.lastIndex;
}

// A space is a separator: none at the start, and one only after something else was written.
function addText(steps: Step[], text: string): void {
  for (const char of text) {
    let last = steps.at(-1);
    while (char === ' ' && last?.op === OP_NOTHING) {
      steps.pop();
      last = steps.at(-1);
    }
    if (char === ' ' && (last === undefined || (last.op === OP_TEXT && last.text.endsWith(' ')))) continue;
    if (last?.op === OP_TEXT) last.text += char;
    else steps.push({ op: OP_TEXT, text: char, quoted: false });
  }
}

function dropNothings(steps: readonly Step[]): Step[] {
  return steps.filter((step) => step.op !== OP_NOTHING);
}

/** Runs become one step; what they write stays the same. */
function joinRuns(steps: readonly Step[]): Step[] {
  const joined: Step[] = [];
  let at = 0;
  while (at < steps.length) {
    const run = RUNS.find(([, separator, ...ops]) =>
      ops.every((op, index) => {
        const value = steps[at + index * 2];
        const behind = steps[at + index * 2 + 1];
        const isSeparated = index === ops.length - 1 || (behind?.op === OP_TEXT && behind.text === separator);
        return value?.op === op && !value.quoted && isSeparated;
      }),
    );
    if (run === undefined) {
      joined.push(steps[at++]!);
    } else {
      joined.push({ op: run[0], text: '', quoted: false });
      at += (run.length - 2) * 2 - 1;
    }
  }
  return joined;
}

function toProgram(allSteps: readonly Step[]): LogFormat {
  const steps = joinRuns(allSteps);
  const text = asciiBytes(steps.map((step) => step.text).join(''));
  const words: number[] = [];
  let offset = 0;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index]!;
    const isText = step.op === OP_TEXT;
    const behind = isText ? step : steps[index + 1]?.op === OP_TEXT ? steps[++index]! : null;
    const length = behind === null ? 0 : asciiBytes(behind.text).length;
    words.push((isText ? OP_NOTHING : step.op) | (step.quoted ? QUOTED : 0) | (length << TEXT_LENGTH_SHIFT));
    words.push(length === 1 ? text[offset]! : offset);
    offset += length;
  }
  const bounds = new Map(Object.values(ALIASES).map((row) => [row[0], row[1]]));
  const has = (...ops: number[]): boolean => allSteps.some((step) => ops.includes(step.op));
  return {
    program: Int32Array.from(words),
    text,
    bytesMax:
      allSteps.reduce((sum, step) => sum + asciiBytes(step.text).length, 0) +
      allSteps.reduce((sum, step) => sum + (bounds.get(step.op) ?? 0), 0),
    nameCount: steps.filter((step) => NAME_OPS.includes(step.op)).length,
    needsRequestLine: has(OP_REQUEST_LINE),
    needsDestination: has(OP_FRONTEND_IP, OP_FRONTEND_PORT),
  };
}

const NAME_OPS: readonly number[] = [OP_FRONTEND, OP_FRONTEND_TRANSPORT, OP_BACKEND, OP_SERVER];

/**
 * The format of a proxy's lines. The default one is written when a connection (HTTP: a request) comes in, the
 * others when it is over; it has a form of its own for clients on Unix sockets.
 */
export function formatOf(kind: LogFormatKind, mode: ProxyMode, unixClient: boolean): LogFormat {
  if (kind === 'tcplog') return compileLogFormat(TCP_LOG_FORMAT);
  if (kind === 'httplog') return compileLogFormat(HTTP_LOG_FORMAT);
  const side = mode === 'http' ? 'HTTP' : 'TCP';
  if (unixClient) return compileLogFormat(`Connect to unix:%cp (%f/${side})`);
  return compileLogFormat(`Connect from %ci:%cp to %fi:%fp (%f/${side})`);
}

/** Every proxy's and server's name as bytes, by index. */
export class NameTable {
  readonly bytes: Uint8Array;
  readonly proxyOffset: Int32Array;
  readonly proxyLength: Int32Array;
  readonly serverOffset: Int32Array; // by Server.index
  readonly serverLength: Int32Array;
  readonly bytesMax: number; // of one name

  constructor(model: Model) {
    const proxies = model.proxies.map((proxy) => asciiBytes(proxy.name));
    const servers: Uint8Array[] = new Array(model.serverCount).fill(new Uint8Array(0));
    for (const proxy of model.proxies) {
      for (const server of proxy.servers) servers[server.index] = asciiBytes(server.name);
    }
    const all = [...proxies, ...servers];
    this.bytes = new Uint8Array(all.reduce((sum, name) => sum + name.length, 0));
    this.bytesMax = all.reduce((max, name) => Math.max(max, name.length), NO_SERVER.length);
    let offset = 0;
    const place = (names: readonly Uint8Array[], offsets: Int32Array, lengths: Int32Array): void => {
      names.forEach((name, index) => {
        this.bytes.set(name, offset);
        offsets[index] = offset;
        lengths[index] = name.length;
        offset += name.length;
      });
    };
    this.proxyOffset = new Int32Array(proxies.length);
    this.proxyLength = new Int32Array(proxies.length);
    this.serverOffset = new Int32Array(servers.length);
    this.serverLength = new Int32Array(servers.length);
    place(proxies, this.proxyOffset, this.proxyLength);
    place(servers, this.serverOffset, this.serverLength);
  }
}

const NO_SERVER = asciiBytes('<NOSRV>');
const STATS_SERVER = asciiBytes('<STATS>');
const BAD_REQUEST = asciiBytes('<BADREQ>');
const UNIX = asciiBytes('unix');
const DASH = 0x2d;
const PLUS = 0x2b;
const QUOTE = 0x22;
const HASH = 0x23;
const TILDE = 0x7e;
const COLON = 0x3a;
const SLASH = 0x2f;
const HEX = asciiBytes('0123456789ABCDEF');
const DATE_BYTES = 24; // "22/Nov/2026:14:23:01.123"
const ESCAPE_ROOM = 4; // an escape is only begun where HAProxy begins it: with one byte to spare behind it

/** 1 for bytes that a request line shows as #XX: controls, quote, hash, DEL and above. */
const ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte >= 0x7f || byte === QUOTE || byte === HASH ? 1 : 0,
);

export class LineWriter {
  private readonly names: NameTable;
  private readonly calendar: LocalCalendar;
  // The last date written, to the second: "22/Nov/2026:14:23:01".
  private readonly dateText = new Uint8Array(DATE_BYTES);
  private dateSecond = Number.NaN;

  constructor(names: NameTable, calendar: LocalCalendar) {
    this.names = names;
    this.calendar = calendar;
  }

  /** Bytes that must be free where write() starts, whatever the record holds; `limit` is its argument. */
  roomFor(format: LogFormat, limit: number): number {
    return Math.max(limit, format.bytesMax + format.nameCount * this.names.bytesMax) + ESCAPE_ROOM;
  }

  /**
   * Writes the line at `bytes[at]`, at most `limit` bytes of it; returns its end. No newline, no header.
   * @param early option logasap: totals get a "+" as they are not final
   */
  write(format: LogFormat, record: LogRecord, early: boolean, bytes: Uint8Array, at: number, limit: number): number {
    const { program, text } = format;
    let next = at;
    for (let pc = 0; pc < program.length; pc += 2) {
      const word = program[pc]!;
      switch (word & 255) {
        case OP_CLIENT:
          next = writeAddress(record.clientFamily, record.clientAddress, bytes, next);
          bytes[next++] = COLON;
          next = writePort(record.clientFamily, record.clientPort, bytes, next);
          break;
        case OP_HTTP_TIMERS:
          next = writeHttpTimers(record, early, bytes, next);
          break;
        case OP_LOADS:
          next = writeLoads(record, bytes, next);
          break;
        case OP_QUEUES:
          next = writeInt(bytes, next, record.srvQueue);
          bytes[next++] = SLASH;
          next = writeInt(bytes, next, record.backendQueue);
          break;
        case OP_CLIENT_IP:
          next = writeAddress(record.clientFamily, record.clientAddress, bytes, next);
          break;
        case OP_CLIENT_PORT:
          next = writePort(record.clientFamily, record.clientPort, bytes, next);
          break;
        case OP_FRONTEND_IP:
          next = writeAddress(record.destinationFamily, record.destinationAddress, bytes, next);
          break;
        case OP_FRONTEND_PORT:
          next = writePort(record.destinationFamily, record.destinationPort, bytes, next);
          break;
        case OP_ACCEPT_DATE:
          next = this.writeDate(bytes, next, record.acceptDateMs);
          break;
        case OP_REQUEST_DATE:
          next = this.writeDate(bytes, next, record.acceptDateMs + beforeRequestMs(record));
          break;
        case OP_FRONTEND:
          next = this.writeProxyName(bytes, next, record.frontendIndex);
          break;
        case OP_FRONTEND_TRANSPORT:
          next = this.writeProxyName(bytes, next, record.frontendIndex);
          if (record.tls) bytes[next++] = TILDE;
          break;
        case OP_BACKEND:
          next = this.writeProxyName(bytes, next, record.backendIndex);
          break;
        case OP_SERVER:
          next = this.writeServerName(bytes, next, record.serverIndex);
          break;
        case OP_TIME_REQUEST:
          next = writeInt(bytes, next, timeRequestMs(record));
          break;
        case OP_TIME_QUEUE:
          next = writeInt(bytes, next, timeQueueMs(record));
          break;
        case OP_TIME_CONNECT:
          next = writeInt(bytes, next, timeConnectMs(record));
          break;
        case OP_TIME_RESPONSE:
          next = writeInt(bytes, next, timeResponseMs(record));
          break;
        case OP_TIME_ACTIVE:
          if (early) bytes[next++] = PLUS;
          next = writeInt(bytes, next, record.markClose - beforeRequestMs(record));
          break;
        case OP_TIME_TOTAL:
          if (early) bytes[next++] = PLUS;
          next = writeInt(bytes, next, record.markClose);
          break;
        case OP_STATUS:
          next = writeInt(bytes, next, record.status);
          break;
        case OP_BYTES_READ:
          if (early) bytes[next++] = PLUS;
          next = writeInt(bytes, next, record.bytesRead);
          break;
        case OP_TERMINATION:
          bytes[next++] = record.terminationCause;
          bytes[next++] = record.terminationPhase;
          break;
        case OP_TERMINATION_COOKIE:
          bytes[next++] = record.terminationCause;
          bytes[next++] = record.terminationPhase;
          bytes[next++] = record.terminationCookie;
          bytes[next++] = record.terminationSetCookie;
          break;
        case OP_ACTCONN:
          next = writeInt(bytes, next, record.actconn);
          break;
        case OP_FECONN:
          next = writeInt(bytes, next, record.feconn);
          break;
        case OP_BECONN:
          next = writeInt(bytes, next, record.beconn);
          break;
        case OP_SRV_CONN:
          next = writeInt(bytes, next, record.srvConn);
          break;
        case OP_RETRIES:
          if (record.redispatched) bytes[next++] = PLUS;
          next = writeInt(bytes, next, record.retries);
          break;
        case OP_SRV_QUEUE:
          next = writeInt(bytes, next, record.srvQueue);
          break;
        case OP_BACKEND_QUEUE:
          next = writeInt(bytes, next, record.backendQueue);
          break;
        case OP_CLIENT_COOKIE: // there is none without `capture cookie`
        case OP_SERVER_COOKIE:
          bytes[next++] = DASH;
          break;
        case OP_REQUEST_LINE:
          next = writeRequestLine(record, (word & QUOTED) !== 0, bytes, next, at + limit);
          break;
      }
      const textLength = word >>> TEXT_LENGTH_SHIFT;
      if (textLength === 1) bytes[next++] = program[pc + 1]!;
      else if (textLength > 1) next = writeBytes(bytes, next, text, program[pc + 1]!, textLength);
    }
    return Math.min(next, at + limit);
  }

  /** "22/Nov/2026:14:23:01.123", local time. */
  writeDate(bytes: Uint8Array, at: number, dateMs: number): number {
    const second = Math.floor(dateMs / 1000);
    if (second !== this.dateSecond) this.renewDate(second);
    writeBytes(bytes, at, this.dateText, 0, DATE_BYTES - 3);
    return writeTriple(bytes, at + DATE_BYTES - 3, Math.floor(dateMs - second * 1000));
  }

  private writeProxyName(bytes: Uint8Array, at: number, proxyIndex: number): number {
    const names = this.names;
    return writeBytes(bytes, at, names.bytes, names.proxyOffset[proxyIndex]!, names.proxyLength[proxyIndex]!);
  }

  private writeServerName(bytes: Uint8Array, at: number, serverIndex: number): number {
    const names = this.names;
    if (serverIndex >= 0) {
      return writeBytes(bytes, at, names.bytes, names.serverOffset[serverIndex]!, names.serverLength[serverIndex]!);
    }
    const label = serverIndex === LOG_SERVER_STATS ? STATS_SERVER : NO_SERVER;
    return writeBytes(bytes, at, label, 0, label.length);
  }

  private renewDate(second: number): void {
    const date = this.calendar;
    const bytes = this.dateText;
    date.load(second);
    this.dateSecond = second;
    let next = writePadded(bytes, 0, date.day, 2);
    bytes[next] = 0x2f;
    next = writeBytes(bytes, next + 1, MONTH_LETTERS, date.month * 3, 3);
    bytes[next] = 0x2f;
    next = writePadded(bytes, next + 1, date.year, 4);
    bytes[next] = 0x3a;
    next = writeTime(bytes, next + 1, date);
    bytes[next] = 0x2e;
  }
}

/** Between accept and the first byte of the request: what %TR and %Ta leave out. */
function beforeRequestMs(record: LogRecord): number {
  return record.markIdle >= 0 ? record.markIdle + record.markHandshake : 0;
}

function writeAddress(family: number, address: Uint8Array, bytes: Uint8Array, at: number): number {
  if (family === LOG_FAMILY_INET) return writeInet(bytes, at, address, 0);
  if (family === LOG_FAMILY_INET6) return writeInet6(bytes, at, address);
  if (family !== LOG_FAMILY_NONE) return writeBytes(bytes, at, UNIX, 0, UNIX.length);
  bytes[at] = DASH;
  return at + 1;
}

function writePort(family: number, port: number, bytes: Uint8Array, at: number): number {
  if (family !== LOG_FAMILY_NONE) return writeInt(bytes, at, port);
  bytes[at] = DASH;
  return at + 1;
}

// A timer is the time between two marks, -1 when the later one was not reached (manual §8.4).
function timeRequestMs(record: LogRecord): number {
  return record.markRequest >= 0 ? record.markRequest - record.markIdle - record.markHandshake : -1;
}

function timeQueueMs(record: LogRecord): number {
  return record.markQueue >= 0 ? record.markQueue - record.markRequest : -1;
}

function timeConnectMs(record: LogRecord): number {
  return record.markConnect >= 0 ? record.markConnect - record.markQueue : -1;
}

function timeResponseMs(record: LogRecord): number {
  return record.markData >= 0 ? record.markData - record.markConnect : -1;
}

function writeHttpTimers(record: LogRecord, early: boolean, bytes: Uint8Array, at: number): number {
  let next = writeInt(bytes, at, timeRequestMs(record));
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, timeQueueMs(record));
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, timeConnectMs(record));
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, timeResponseMs(record));
  bytes[next++] = SLASH;
  if (early) bytes[next++] = PLUS;
  return writeInt(bytes, next, record.markClose - beforeRequestMs(record));
}

function writeLoads(record: LogRecord, bytes: Uint8Array, at: number): number {
  let next = writeInt(bytes, at, record.actconn);
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, record.feconn);
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, record.beconn);
  bytes[next] = SLASH;
  next = writeInt(bytes, next + 1, record.srvConn);
  bytes[next++] = SLASH;
  if (record.redispatched) bytes[next++] = PLUS;
  return writeInt(bytes, next, record.retries);
}

// The one part of a line that a peer decides: never beyond `end`, and nothing but printable bytes. An escape that
// does not fit ends the text as HAProxy ends it, and the closing quote still comes when there is room for it.
function writeRequestLine(record: LogRecord, quoted: boolean, bytes: Uint8Array, at: number, end: number): number {
  const known = record.requestLineLength > 0;
  const source = known ? record.requestLine : BAD_REQUEST;
  const length = known ? record.requestLineLength : BAD_REQUEST.length;
  let next = at;
  if (quoted && next < end) bytes[next++] = QUOTE;
  if (next + length < end && (!known || record.isRequestLinePlain())) {
    next = writeBytes(bytes, next, source, 0, length);
    if (quoted) bytes[next++] = QUOTE;
    return next;
  }
  for (let index = 0; index < length && next < end; index++) {
    const byte = source[index]!;
    if (ESCAPED[byte] === 0) {
      bytes[next++] = byte;
      continue;
    }
    if (end - next < ESCAPE_ROOM) break;
    bytes[next] = HASH;
    bytes[next + 1] = HEX[byte >> 4]!;
    bytes[next + 2] = HEX[byte & 15]!;
    next += 3;
  }
  if (quoted && next < end) bytes[next++] = QUOTE;
  return next;
}
