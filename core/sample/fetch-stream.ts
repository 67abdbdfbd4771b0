// Fetches about the stream at hand: its timers, byte counts, timeouts, the rules it passed, how it ended (manual §7.3.2,
// §7.3.3, §7.3.7).
//
// Timers are differences of the log's marks (§8.4), −1 where an event has not happened. Most are only whole when the line
// is logged: validity says so (USE_RQFIN, USE_TXFIN …).

import type { Arg } from '../model/language.ts';
import { checkDateUnit, setPlace, UNIT_MS, UNIT_SECONDS, unitOf } from './fetch-aim.ts';
import type { LogRecord } from './log-record.ts';
import { type Fetch, type FetchRow, NO_ARGS } from './rows.ts';
import type { StreamView, Subject } from './subject.ts';
import {
  type Sample,
  TYPE_BOOL,
  TYPE_SINT,
  TYPE_STR,
  USE_BKEND,
  USE_FTEND,
  USE_HRQHP,
  USE_HRQHV,
  USE_HRSHV,
  USE_INTRN,
  USE_L4CLI,
  USE_L4SRV,
  USE_RQFIN,
  USE_RSFIN,
  USE_SSFIN,
  USE_TXFIN,
} from './types.ts';

/** A number of the log's record. */
function logged(value: (log: LogRecord) => number): FetchRow['compile'] {
  return () => (subject, sample) => {
    if (subject.stream === null) return false;
    sample.setInt(value(subject.stream.log));
    return true;
  };
}

/** A number of the stream; undefined: nobody keeps it here. */
function ofStream(value: (stream: StreamView) => number | undefined): FetchRow['compile'] {
  return () => (subject, sample) => {
    const found = subject.stream === null ? undefined : value(subject.stream);
    if (found === undefined) return false;
    sample.setInt(found);
    return true;
  };
}

/** The server's timeouts come into force with its connection; before, only a `set-timeout` shows. */
function onceConnected(
  name: 'server' | 'tunnel',
  value: (stream: StreamView) => number | undefined,
): FetchRow['compile'] {
  return (_args, linker) => {
    const settings = Float64Array.from(linker.model.proxies, (proxy) => proxy.timeouts[name]);
    return (subject, sample) => {
      const { stream } = subject;
      const found = stream === null ? undefined : value(stream);
      if (stream === null || found === undefined) return false;
      const isOwn = stream.backendIndex < 0 || settings[stream.backendIndex] === found;
      sample.setInt(isOwn && stream.log.markConnect < 0 ? 0 : found);
      return true;
    };
  };
}

const idleMs = (log: LogRecord): number => Math.max(0, log.markIdle);
const headFromMs = (log: LogRecord): number => (log.markIdle >= 0 ? log.markIdle + log.markHandshake : 0);

// %Ti %Tq %TR %Tw %Tc %Tr %Td %Ta %Tu %Tt
const queueTimer = (log: LogRecord): number => (log.markQueue >= 0 ? log.markQueue - log.markRequest : -1);
const connectTimer = (log: LogRecord): number => (log.markConnect >= 0 ? log.markConnect - log.markQueue : -1);
const responseTimer = (log: LogRecord): number => (log.markData >= 0 ? log.markData - log.markConnect : -1);
const dataTimer = (log: LogRecord): number => (log.markData >= 0 ? log.markClose - log.markData : -1);

// HAProxy takes the idle time as it is, −1 too.
const headTimer = (log: LogRecord): number =>
  log.markRequest >= 0 ? log.markRequest - log.markIdle - log.markHandshake : -1;

/** Accept to the end of the handshakes; before the first stream, the connection knows. */
function fetchHandshakeTimer(subject: Subject, sample: Sample): boolean {
  const found = subject.stream === null ? subject.front?.handshakeMs : subject.stream.log.markHandshake;
  if (found === undefined) return false;
  sample.setInt(found);
  return true;
}

// Dates

function compileAcceptDate(args: readonly Arg[]): Fetch {
  return dated(args, (subject) => subject.stream?.log.acceptDateMs ?? subject.front?.sinceWallMs ?? -1);
}

function compileRequestDate(args: readonly Arg[]): Fetch {
  return dated(args, (subject) => {
    const log = subject.stream?.log;
    if (log === undefined) return subject.front?.sinceWallMs ?? -1;
    return log.acceptDateMs + headFromMs(log);
  });
}

function dated(args: readonly Arg[], dateMs: (subject: Subject) => number): Fetch {
  const unit = unitOf(args, 0, UNIT_SECONDS);
  return (subject, sample) => {
    const date = dateMs(subject);
    if (date < 0) return false;
    sample.mayChange = true;
    if (unit === UNIT_SECONDS) sample.setInt(Math.floor(date / 1e3));
    else if (unit === UNIT_MS) sample.setInt(Math.floor(date));
    else sample.setInt(Math.floor(date * 1e3));
    return true;
  };
}

// Rules

function fetchLastRuleFile(subject: Subject, sample: Sample): boolean {
  return subject.stream !== null && setPlace(subject, sample, subject.lastRuleFile, 0);
}

function fetchLastRuleLine(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null || subject.lastRuleFile === '') return false;
  sample.setInt(subject.lastRuleLine);
  return true;
}

function fetchLastEntity(subject: Subject, sample: Sample): boolean {
  return subject.stream !== null && setPlace(subject, sample, subject.lastRuleFile, subject.lastRuleLine);
}

function fetchWaitingEntity(subject: Subject, sample: Sample): boolean {
  return subject.stream !== null && setPlace(subject, sample, subject.waitingEntityFile, subject.waitingEntityLine);
}

/** Two letters, as the log's: what ended the stream, and when. "--" while it runs. */
function fetchTermination(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null) return false;
  const { log } = subject.stream;
  const { trash } = subject;
  const at = trash.take();
  trash.bytes[at] = log.terminationCause;
  trash.bytes[at + 1] = log.terminationPhase;
  sample.setBytes(TYPE_STR, trash.bytes, at, 2);
  return true;
}

function fetchRedispatched(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null) return false;
  sample.setBool(subject.stream.log.redispatched);
  return true;
}

const requestIn = (stream: StreamView): number => stream.requestBytes;
const responseIn = (stream: StreamView): number => stream.responseBytes;

const number = { args: NO_ARGS, out: TYPE_SINT };
const ofRequest = { ...number, uses: USE_HRQHV };
const ofServer = { ...number, uses: USE_L4SRV };
const ofBackend = { ...number, uses: USE_BKEND };
const date = { args: { kinds: ['str'], min: 0 }, out: TYPE_SINT, check: checkUnit } as const;

function checkUnit(args: readonly Arg[]): string | null {
  return checkDateUnit(args, 0);
}

export const streamFetches: readonly FetchRow[] = [
  { ...date, name: 'accept_date', uses: USE_L4CLI, compile: compileAcceptDate },
  { ...ofServer, name: 'bc.timer.connect', compile: logged(connectTimer) },
  { ...ofServer, name: 'bc_be_queue', compile: logged((log) => log.backendQueue) },
  { ...ofServer, name: 'bc_srv_queue', compile: logged((log) => log.srvQueue) },
  { ...number, name: 'bytes_in', uses: USE_RQFIN, compile: ofStream(requestIn) },
  { ...number, name: 'bytes_out', uses: USE_RSFIN, compile: ofStream(responseIn) },
  { ...number, name: 'cur_client_timeout', uses: USE_FTEND, compile: ofStream((stream) => stream.clientTimeoutMs) },
  { ...ofBackend, name: 'cur_connect_timeout', compile: ofStream((stream) => stream.connectTimeoutMs) },
  { ...ofBackend, name: 'cur_queue_timeout', compile: ofStream((stream) => stream.queueTimeoutMs) },
  { ...ofBackend, name: 'cur_server_timeout', compile: onceConnected('server', (stream) => stream.serverTimeoutMs) },
  {
    ...number,
    name: 'cur_tarpit_timeout',
    uses: USE_FTEND | USE_BKEND,
    compile: ofStream((stream) => stream.tarpitTimeoutMs),
  },
  { ...ofBackend, name: 'cur_tunnel_timeout', compile: onceConnected('tunnel', (stream) => stream.tunnelTimeoutMs) },
  { ...number, name: 'fc.timer.handshake', uses: USE_L4CLI, compile: () => fetchHandshakeTimer },
  { ...number, name: 'fc.timer.total', uses: USE_SSFIN, compile: logged((log) => log.markClose) },
  { args: NO_ARGS, name: 'last_entity', out: TYPE_STR, uses: USE_INTRN, compile: () => fetchLastEntity },
  { args: NO_ARGS, name: 'last_rule_file', out: TYPE_STR, uses: USE_INTRN, compile: () => fetchLastRuleFile },
  { ...number, name: 'last_rule_line', uses: USE_INTRN, compile: () => fetchLastRuleLine },
  { ...number, name: 'req.bytes_in', uses: USE_RQFIN, compile: ofStream(requestIn) },
  { ...number, name: 'req.bytes_out', uses: USE_RQFIN, compile: ofStream((stream) => stream.requestBytesSent) },
  { ...ofRequest, name: 'req.timer.hdr', compile: logged(headTimer) },
  { ...ofRequest, name: 'req.timer.idle', compile: logged((log) => log.markIdle) },
  { ...ofServer, name: 'req.timer.queue', compile: logged(queueTimer) },
  { ...ofRequest, name: 'req.timer.tq', compile: logged((log) => log.markRequest) },
  { ...date, name: 'request_date', uses: USE_HRQHP, compile: compileRequestDate },
  { ...number, name: 'res.bytes_in', uses: USE_RSFIN, compile: ofStream(responseIn) },
  { ...number, name: 'res.bytes_out', uses: USE_RSFIN, compile: ofStream((stream) => stream.responseBytesSent) },
  { ...number, name: 'res.timer.data', uses: USE_RSFIN, compile: logged(dataTimer) },
  { ...number, name: 'res.timer.hdr', uses: USE_HRSHV, compile: logged(responseTimer) },
  { ...ofServer, name: 'txn.conn_retries', compile: logged((log) => log.retries) },
  { ...number, name: 'txn.id32', uses: USE_INTRN, compile: ofStream((stream) => stream.id32) },
  { args: NO_ARGS, name: 'txn.redispatched', out: TYPE_BOOL, uses: USE_L4SRV, compile: () => fetchRedispatched },
  { args: NO_ARGS, name: 'txn.sess_term_state', out: TYPE_STR, uses: USE_INTRN, compile: () => fetchTermination },
  {
    ...number,
    name: 'txn.timer.total',
    uses: USE_TXFIN,
    compile: logged((log) => log.markClose - headFromMs(log)),
  },
  { ...number, name: 'txn.timer.user', uses: USE_TXFIN, compile: logged((log) => log.markClose - idleMs(log)) },
  { args: NO_ARGS, name: 'waiting_entity', out: TYPE_STR, uses: USE_INTRN, compile: () => fetchWaitingEntity },
];
