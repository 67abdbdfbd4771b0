// `log` lines, in `global` and in proxies (manual §3.1 and §4.2 "log").

import type { Address, LogTarget } from '../../model/proxy.ts';
import { parseAddress } from './addresses.ts';
import type { ParseContext, Statement } from './context.ts';
import type { LoggerDraft } from './drafts.ts';
import { isDigit } from './text.ts';
import { cInteger } from './units.ts';

const FACILITIES: readonly string[] = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news'],
  ...['uucp', 'cron', 'auth2', 'ftp', 'ntp', 'audit', 'alert', 'cron2'],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
];
const LEVELS: readonly string[] = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];
const LEVEL_DEBUG = 7;
const FORMATS: readonly LogTarget['format'][] = [
  'local',
  'rfc3164',
  'rfc5424',
  'priority',
  'short',
  'timed',
  'iso',
  'raw',
];
const LENGTH_DEFAULT = 1_024;
const LENGTH_MIN = 80;
const LENGTH_MAX = 65_535;
const SYSLOG_PORT = 514;

/** The rest of a `log` line while its options are read one after the other. */
interface Reading {
  statement: Statement;
  at: number;
  fail(message: string): null;
}

/**
 * Adds what the line says to `loggers`. `globalLoggers` are those that `log global` copies; null in the global
 * section itself.
 */
export function parseLogLine(
  statement: Statement,
  loggers: LoggerDraft[],
  globalLoggers: readonly LoggerDraft[] | null,
  context: ParseContext,
): void {
  if (statement.negation === 'no') {
    if (statement.at(1) !== '') context.alert(`log : 'no log' does not expect arguments`);
    else loggers.length = 0;
    return;
  }
  if (statement.at(1) === 'global' && statement.at(2) === '') {
    if (globalLoggers === null) context.alert(`log : 'global' is not supported for a global syslog server`);
    else copyGlobal(loggers, globalLoggers);
    return;
  }
  if (statement.at(1) === '' || statement.at(2) === '') {
    const orGlobal = globalLoggers === null ? '' : 'or global';
    context.alert(`log : expects <address> and <facility> ${orGlobal} as arguments`);
    return;
  }
  const target = readTarget(statement, context);
  if (target !== null) loggers.push({ target, origin: null });
}

function copyGlobal(loggers: LoggerDraft[], globalLoggers: readonly LoggerDraft[]): void {
  for (const origin of globalLoggers) {
    if (!loggers.some((logger) => logger.origin === origin)) loggers.push({ target: origin.target, origin });
  }
}

function readTarget(statement: Statement, context: ParseContext): LogTarget | null {
  const reading: Reading = {
    statement,
    at: 2,
    fail(message) {
      context.alert(`log : ${message}`);
      return null;
    },
  };
  const maxLength = readLength(reading);
  const format = maxLength === null ? null : readFormat(reading);
  const sample = format === null ? null : readSample(reading);
  if (maxLength === null || format === null || sample === null) return null;
  if (statement.at(reading.at) === 'profile') {
    context.notImplemented('log ... profile');
    return null;
  }
  const facility = FACILITIES.indexOf(statement.at(reading.at));
  if (facility < 0) return reading.fail(`unknown log facility '${statement.at(reading.at)}'`);
  reading.at++;
  const levelMax = readLevel(reading, LEVEL_DEBUG, 'unknown optional log level');
  const levelMin = levelMax === null ? null : readLevel(reading, 0, 'unknown optional minimum log level');
  if (levelMax === null || levelMin === null) return null;
  const extra = statement.at(reading.at);
  if (extra !== '') return reading.fail(`cannot handle unexpected argument '${extra}'`);
  const address = readAddress(statement.at(1), reading, context);
  return address === null ? null : { address, format, maxLength, facility, levelMax, levelMin, ...sample };
}

function readLength(reading: Reading): number | null {
  if (reading.statement.at(reading.at) !== 'len') return LENGTH_DEFAULT;
  const text = reading.statement.at(reading.at + 1);
  const length = cInteger(text);
  if (length < LENGTH_MIN || length > LENGTH_MAX) {
    return reading.fail(`invalid log length '${text}', must be between ${LENGTH_MIN} and ${LENGTH_MAX}`);
  }
  reading.at += 2;
  return length;
}

function readFormat(reading: Reading): LogTarget['format'] | null {
  if (reading.statement.at(reading.at) !== 'format') return 'local';
  const text = reading.statement.at(reading.at + 1);
  const format = FORMATS.find((each) => each === text);
  if (format === undefined) return reading.fail(`unknown log format '${text}'`);
  reading.at += 2;
  return format;
}

function readLevel(reading: Reading, otherwise: number, problem: string): number | null {
  const text = reading.statement.at(reading.at);
  if (text === '') return otherwise;
  const level = LEVELS.indexOf(text);
  if (level < 0) return reading.fail(`${problem} '${text}'`);
  reading.at++;
  return level;
}

type Sample = Pick<LogTarget, 'sampleRanges' | 'sampleSize'>;

/** `sample 1,3-5:10`: of every ten messages the first and the third to fifth. */
function readSample(reading: Reading): Sample | null {
  if (reading.statement.at(reading.at) !== 'sample') return { sampleRanges: [], sampleSize: 0 };
  const text = reading.statement.at(reading.at + 1);
  const colon = text.indexOf(':');
  if (colon < 0) return reading.fail('Missing sample size');
  const rangesText = text.slice(0, colon);
  const ranges: [number, number][] = [];
  for (let at = 0; at < rangesText.length; ) {
    const comma = rangesText.indexOf(',', at);
    const end = comma < 0 ? rangesText.length : comma;
    const range = readRange(rangesText.slice(at, end));
    if (range === null) return reading.fail(`wrong sample range '${rangesText.slice(at)}'`);
    const [low, high] = range;
    const within = (value: number): boolean => ranges.some((other) => value >= other[0] && value <= other[1]);
    if (within(low) || within(high)) return reading.fail('ranges are overlapping');
    ranges.push(range);
    at = end + 1;
  }
  if (ranges.length === 0) return reading.fail('no sampling ranges given');
  const sizeText = text.slice(colon + 1);
  const size = /^[0-9]+$/.test(sizeText) ? Number(sizeText) : 0;
  if (size === 0) return reading.fail(`wrong sample size '${sizeText}' for sample range '${rangesText}'`);
  const highest = Math.max(...ranges.map((range) => range[1]));
  if (size < highest) {
    return reading.fail(
      `sample size ${size} should be greater or equal to ${highest} the maximum of the high ranges limits`,
    );
  }
  ranges.sort((left, right) => left[0] - right[0]);
  reading.at += 2;
  return { sampleRanges: ranges, sampleSize: size };
}

function readRange(text: string): [number, number] | null {
  const match = /^([0-9]+)(?:-([0-9]+))?$/.exec(text);
  if (match === null) return null;
  const low = Number(match[1]);
  const high = match[2] === undefined ? low : Number(match[2]);
  if (low === 0 || (match[2] !== undefined && high <= low)) return null;
  return [low, high];
}

function readAddress(text: string, reading: Reading, context: ParseContext): LogTarget['address'] | null {
  if (text === 'stdout' || text === 'stderr') return { family: text };
  for (const prefix of ['ring@', 'backend@']) {
    if (!text.startsWith(prefix)) continue;
    context.notImplemented(`log ${prefix}`);
    return null;
  }
  const rules = { resolve: true, portAllowed: true, rawFd: true, datagram: true, stream: true, datagramFirst: true };
  const result = parseAddress(text, rules, context);
  if (!result.ok) return reading.fail(result.message);
  const parsed = result.address;
  if (!parsed.datagram && parsed.family !== 'fd') {
    context.notImplemented(isDigit(text[0] ?? '') ? `log ${text}` : `log over a stream (${text})`);
    return null;
  }
  return toLogAddress(parsed.family, parsed.host, parsed.port, parsed.fd);
}

function toLogAddress(family: string, host: string, port: number, fd: number): Address | null {
  switch (family) {
    case 'fd':
      return { family: 'fd', fd };
    case 'unix':
      return { family: 'unix', path: host };
    case 'abns':
    case 'abnsz':
      return { family: 'abns', name: host, zeroTerminated: family === 'abnsz' };
    case 'inet6':
      return { family: 'inet6', host, port: port === 0 ? SYSLOG_PORT : port, scope: '' };
    default:
      return { family: 'inet', host, port: port === 0 ? SYSLOG_PORT : port };
  }
}
