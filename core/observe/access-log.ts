// One traffic line: a LogRecord and a compiled format in, bytes out (manual §8.2). No string, no allocation per line.

import type { LocalCalendar } from '../base/calendar.ts';
import {
  asciiBytes,
  MONTH_LETTERS,
  writeBytes,
  writeInet,
  writeInet6,
  writeInt,
  writePadded,
  writeTriple,
} from '../base/text.ts';
import type { Model } from '../model/model.ts';
import {
  LOG_FAMILY_INET,
  LOG_FAMILY_INET6,
  LOG_FAMILY_NONE,
  LOG_SERVER_STATS,
  type LogRecord,
} from '../sample/log-record.ts';
import {
  type LogFormat,
  OP_ACCEPT_DATE,
  OP_ACTCONN,
  OP_BACKEND,
  OP_BACKEND_QUEUE,
  OP_BECONN,
  OP_BYTES_READ,
  OP_CLIENT,
  OP_CLIENT_COOKIE,
  OP_CLIENT_IP,
  OP_CLIENT_PORT,
  OP_FECONN,
  OP_FRONTEND,
  OP_FRONTEND_IP,
  OP_FRONTEND_PORT,
  OP_FRONTEND_TRANSPORT,
  OP_HTTP_TIMERS,
  OP_LOADS,
  OP_QUEUES,
  OP_REQUEST_DATE,
  OP_REQUEST_LINE,
  OP_RETRIES,
  OP_SERVER,
  OP_SERVER_COOKIE,
  OP_SRV_CONN,
  OP_SRV_QUEUE,
  OP_STATUS,
  OP_TERMINATION,
  OP_TERMINATION_COOKIE,
  OP_TIME_ACTIVE,
  OP_TIME_CONNECT,
  OP_TIME_QUEUE,
  OP_TIME_REQUEST,
  OP_TIME_RESPONSE,
  OP_TIME_TOTAL,
  QUOTED,
  TEXT_LENGTH_SHIFT,
} from './log-format.ts';
import { writeTime } from './syslog.ts';

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
          next = this.writeDate(bytes, next, record, 0);
          break;
        case OP_REQUEST_DATE:
          next = this.writeDate(bytes, next, record, beforeRequestMs(record));
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

  // "22/Nov/2026:14:23:01.123", local time. The date is no argument: a number that large would be boxed.
  private writeDate(bytes: Uint8Array, at: number, record: LogRecord, laterMs: number): number {
    const dateMs = record.acceptDateMs + laterMs;
    const second = Math.floor(dateMs / 1000);
    if (second !== this.dateSecond) this.renewDate(second);
    writeBytes(bytes, at, this.dateText, 0, DATE_BYTES - 3);
    return writeTriple(bytes, at + DATE_BYTES - 3, (dateMs - second * 1000) | 0);
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
