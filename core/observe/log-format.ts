// Log formats compiled: a log-format string (manual §8.2.6) becomes a program that LineWriter walks (access-log.ts).
//
// HAProxy's three formats are such strings, like any operator's. An alias is a row of ALIASES, a case in LineWriter
// and a bound; only those that the three formats need are here.

import { asciiBytes } from '../base/text.ts';
import type { LogFormatKind, ProxyMode } from '../model/proxy.ts';
import { HTTP_LOG_FORMAT, TCP_LOG_FORMAT } from '../sample/log-formats.ts';

export const OP_TEXT = 0;
export const OP_CLIENT_IP = 1;
export const OP_CLIENT_PORT = 2;
export const OP_FRONTEND_IP = 3;
export const OP_FRONTEND_PORT = 4;
export const OP_ACCEPT_DATE = 5;
export const OP_REQUEST_DATE = 6;
export const OP_FRONTEND = 7;
export const OP_FRONTEND_TRANSPORT = 8;
export const OP_BACKEND = 9;
export const OP_SERVER = 10;
export const OP_TIME_REQUEST = 11;
export const OP_TIME_QUEUE = 12;
export const OP_TIME_CONNECT = 13;
export const OP_TIME_RESPONSE = 14;
export const OP_TIME_ACTIVE = 15;
export const OP_TIME_TOTAL = 16;
export const OP_STATUS = 17;
export const OP_BYTES_READ = 18;
export const OP_CLIENT_COOKIE = 19;
export const OP_SERVER_COOKIE = 20;
export const OP_TERMINATION = 21;
export const OP_TERMINATION_COOKIE = 22;
export const OP_ACTCONN = 23;
export const OP_FECONN = 24;
export const OP_BECONN = 25;
export const OP_SRV_CONN = 26;
export const OP_RETRIES = 27;
export const OP_SRV_QUEUE = 28;
export const OP_BACKEND_QUEUE = 29;
export const OP_REQUEST_LINE = 30;
// Runs that the formats share, as one step each: a line has half as many steps.
export const OP_CLIENT = 32; // %ci:%cp
export const OP_HTTP_TIMERS = 33; // %TR/%Tw/%Tc/%Tr/%Ta
export const OP_LOADS = 34; // %ac/%fc/%bc/%sc/%rc
export const OP_QUEUES = 35; // %sq/%bq
export const OP_NOTHING = 31; // writes nothing, and no space of its own: captures of a frontend that captures nothing

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

export const QUOTED = 1 << 8;
export const TEXT_LENGTH_SHIFT = 16;

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
