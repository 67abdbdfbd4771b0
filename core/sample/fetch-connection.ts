// Fetches about the client's and the server's connection: addresses, errors, the kernel's view of it (manual §7.3.3).
//
// `src` and `dst` are what rules have set, else what the PROXY header said, else the socket's; `fc_…` are the socket's own.
// Addresses are asked of the kernel when the first fetch wants them.

import type { Arg } from '../model/language.ts';
import { connectionErrorMessage, connectionErrorName, connectionErrorOf } from './connection-errors.ts';
import { setAddress, setText, UNIT_ARG, UNIT_MS, UNIT_US, unitOf } from './fetch-aim.ts';
import { type Fetch, type FetchRow, NO_ARGS } from './rows.ts';
import {
  type AddressView,
  type ConnectionView,
  FAMILY_INET,
  FAMILY_INET6,
  FAMILY_NONE,
  FAMILY_UNIX,
  type Subject,
} from './subject.ts';
import {
  type Sample,
  TYPE_ADDR,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_SINT,
  TYPE_STR,
  USE_L4CLI,
  USE_L4SRV,
  USE_L5CLI,
  USE_L5SRV,
} from './types.ts';

type Side = (subject: Subject) => ConnectionView | null;

const front: Side = (subject) => subject.front;
const back: Side = (subject) => subject.back;

function learned(subject: Subject, connection: ConnectionView): ConnectionView {
  if (connection.sourceFamily === FAMILY_NONE || connection.targetFamily === FAMILY_NONE) {
    subject.world.learnAddresses?.(connection);
  }
  return connection;
}

const socket: AddressView = { family: FAMILY_NONE, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };

function copyAddress(to: AddressView, from: AddressView): void {
  to.family = from.family;
  to.port = from.port;
  to.word0 = from.word0;
  to.word1 = from.word1;
  to.word2 = from.word2;
  to.word3 = from.word3;
}

/** The connection's source (or target) into `socket`; the PROXY header's and the session's count only where `said`. */
function readAddress(subject: Subject, connection: ConnectionView, isSource: boolean, said: boolean): boolean {
  if (!said) {
    const kept = (isSource ? connection.ownSource : connection.ownTarget) ?? null;
    if (kept !== null) {
      copyAddress(socket, kept);
      return true;
    }
    if (connection.receivedProxy === true) {
      return subject.world.socketAddress?.(connection, isSource, socket) ?? false;
    }
  }
  const own = learned(subject, connection);
  socket.family = isSource ? own.sourceFamily : own.targetFamily;
  socket.port = isSource ? own.sourcePort : own.targetPort;
  socket.word0 = isSource ? own.source0 : own.target0;
  socket.word1 = isSource ? own.source1 : own.target1;
  socket.word2 = isSource ? own.source2 : own.target2;
  socket.word3 = isSource ? own.source3 : own.target3;
  return true;
}

/** Of one of the connections, as its socket has it. */
function ofSocket(side: Side, isSource: boolean, put: PutAddress): Fetch {
  return (subject, sample) => {
    const connection = side(subject);
    if (connection === null || !readAddress(subject, connection, isSource, false)) return false;
    return put(subject, sample, socket);
  };
}

/** Of the client, as rules and the PROXY header have it. */
function ofClient(isSource: boolean, put: PutAddress): Fetch {
  return (subject, sample) => {
    const { stream, front: connection } = subject;
    const set = stream === null ? null : isSource ? stream.sourceSet : stream.targetSet;
    if (set !== null) return put(subject, sample, set);
    if (connection === null || !readAddress(subject, connection, isSource, true)) return false;
    return put(subject, sample, socket);
  };
}

/** The client's address as `src` gives it. */
export const sourceSample: Fetch = (subject, sample) => clientSource(subject, sample);

type PutAddress = (subject: Subject, sample: Sample, address: AddressView) => boolean;

const putAddress: PutAddress = (subject, sample, { family, word0, word1, word2, word3 }) =>
  setAddress(subject, sample, family, word0, word1, word2, word3);

const clientSource = ofClient(true, putAddress);

const putPort: PutAddress = (_subject, sample, { family, port }) => {
  if ((family !== FAMILY_INET && family !== FAMILY_INET6) || port === 0) return false;
  sample.setInt(port);
  return true;
};

const putIsLocal: PutAddress = (subject, sample, { family, word0, word1, word2, word3 }) => {
  if (family === FAMILY_NONE) return false;
  const isLocal =
    family === FAMILY_UNIX ? 1 : (subject.world.isLocalAddress?.(family, word0, word1, word2, word3) ?? -1);
  if (isLocal < 0) return false;
  sample.setBool(isLocal === 1);
  return true;
};

// Errors

const NO_ERROR_YET = -1;

function errorOf(subject: Subject, sample: Sample, side: Side): number {
  const connection = side(subject);
  if (connection === null) return NO_ERROR_YET;
  const failure = connection.failure ?? 0;
  const error = failure === 0 ? connectionErrorOf(connection.errno) : failure;
  if (error !== 0 || connection.isHandshaking !== true) return error;
  sample.mayChange = true;
  return NO_ERROR_YET;
}

function errorCode(side: Side): Fetch {
  return (subject, sample) => {
    const error = errorOf(subject, sample, side);
    if (error === NO_ERROR_YET) return false;
    sample.setInt(error);
    return true;
  };
}

function errorText(side: Side, textOf: (error: number) => Uint8Array | undefined): Fetch {
  return (subject, sample) => {
    const error = errorOf(subject, sample, side);
    const text = error === NO_ERROR_YET ? undefined : textOf(error);
    return text !== undefined && setText(sample, text);
  };
}

// What the connection speaks. HTTP/1 and blind bytes carry one stream at a time.

/** A connection's protocol is settled when its first stream exists; before, the answer may come later. */
function settled(subject: Subject, sample: Sample, side: Side): boolean {
  if (side(subject) === null) return false;
  if (subject.stream !== null) return true;
  sample.mayChange = true;
  return false;
}

function httpMajor(side: Side): Fetch {
  return (subject, sample) => {
    if (!settled(subject, sample, side) || !subject.stream!.http) return false;
    sample.setInt(1);
    return true;
  };
}

function oneStream(side: Side): Fetch {
  return (subject, sample) => {
    if (!settled(subject, sample, side)) return false;
    sample.setInt(1);
    return true;
  };
}

function glitches(side: Side): Fetch {
  return (subject, sample) => {
    if (!settled(subject, sample, side)) return false;
    const count = side(subject)!.glitchCount;
    if (count === undefined || !subject.stream!.http) return false;
    sample.setInt(count);
    return true;
  };
}

/** How many requests came before this one on its connection; 0 for blind bytes. */
function fetchFrontStreamId(subject: Subject, sample: Sample): boolean {
  const { stream, front: connection } = subject;
  if (stream === null || connection === null) return false;
  sample.setInt(stream.http ? connection.requestCount : 0);
  return true;
}

function fetchBackStreamId(subject: Subject, sample: Sample): boolean {
  const { stream, back: connection } = subject;
  if (stream === null || connection === null) return false;
  sample.setInt(stream.http ? Math.max(0, connection.requestCount - 1) : 0); // this one is counted already
  return true;
}

/** Aborts of single streams exist from HTTP/2 on: here a stream ends with its connection. */
function fetchStreamAborted(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null) return false;
  sample.setBool(false);
  return true;
}

function fetchNoResetCode(subject: Subject, sample: Sample): boolean {
  sample.mayChange = subject.stream !== null;
  return false;
}

function fetchReused(subject: Subject, sample: Sample): boolean {
  if (subject.stream === null) return false;
  sample.setBool(subject.stream.reusedBack);
  return true;
}

/** TLS comes later: until then no connection has it. */
function fetchNoTls(_subject: Subject, sample: Sample): boolean {
  sample.setBool(false);
  return true;
}

// The kernel's figures: byte offsets in struct tcp_info (linux/tcp.h).
const TCP_INFO_UNACKED = 24;
const TCP_INFO_SACKED = 28;
const TCP_INFO_LOST = 32;
const TCP_INFO_RETRANS = 36;
const TCP_INFO_FACKETS = 40;
const TCP_INFO_RTT = 68; // µs
const TCP_INFO_RTTVAR = 72;
const TCP_INFO_REORDERING = 88;

function tcpInfo(subject: Subject, side: Side, offset: number): number {
  const connection = side(subject);
  if (connection === null || connection.fd < 0) return -1;
  const { sourceFamily } = learned(subject, connection);
  if (sourceFamily !== FAMILY_INET && sourceFamily !== FAMILY_INET6) return -1;
  return subject.world.tcpInfo?.(connection, offset) ?? -1;
}

function tcpCounter(offset: number): Fetch {
  return (subject, sample) => {
    const value = tcpInfo(subject, front, offset);
    if (value < 0) return false;
    sample.setInt(value);
    return true;
  };
}

function tcpTime(side: Side, offset: number): FetchRow['compile'] {
  return (args: readonly Arg[]) => {
    const inMs = unitOf(args, 0, UNIT_MS) === UNIT_MS;
    return (subject, sample) => {
      const micros = tcpInfo(subject, side, offset);
      if (micros < 0) return false;
      sample.setInt(inMs ? Math.floor((micros + 500) / 1000) : micros);
      return true;
    };
  };
}

function checkTimeUnit(args: readonly Arg[]): string | null {
  const unit = unitOf(args, 0, UNIT_MS);
  return unit === UNIT_MS || unit === UNIT_US ? null : `expects 'us' or 'ms', got '${unit}'`;
}

function fetchSavedSyn(subject: Subject, sample: Sample): boolean {
  const { trash, world } = subject;
  if (subject.front === null || world.savedSyn === undefined) return false;
  const at = trash.take();
  const length = world.savedSyn(subject.front, trash.bytes, at, at + trash.chunkBytes);
  if (length < 0) return false;
  sample.setBytes(TYPE_BIN, trash.bytes, at, length);
  return true;
}

const client = { args: NO_ARGS, uses: USE_L4CLI };
const server = { args: NO_ARGS, uses: USE_L4SRV };
const counter = { args: UNIT_ARG, uses: USE_L4CLI, out: TYPE_SINT };
const time = { args: UNIT_ARG, uses: USE_L4CLI, out: TYPE_SINT, check: checkTimeUnit };

export const connectionFetches: readonly FetchRow[] = [
  { ...server, name: 'bc_dst', out: TYPE_ADDR, compile: () => ofSocket(back, false, putAddress) },
  { ...server, name: 'bc_dst_port', out: TYPE_SINT, compile: () => ofSocket(back, false, putPort) },
  { ...server, name: 'bc_err', out: TYPE_SINT, compile: () => errorCode(back) },
  { ...server, name: 'bc_err_name', out: TYPE_STR, compile: () => errorText(back, connectionErrorName) },
  { ...server, name: 'bc_err_str', out: TYPE_STR, compile: () => errorText(back, connectionErrorMessage) },
  { ...server, name: 'bc_glitches', out: TYPE_SINT, compile: () => glitches(back) },
  { ...server, name: 'bc_http_major', out: TYPE_SINT, compile: () => httpMajor(back) },
  { ...server, name: 'bc_nb_streams', uses: USE_L5SRV, out: TYPE_SINT, compile: () => oneStream(back) },
  { ...server, name: 'bc_reused', out: TYPE_BOOL, compile: () => fetchReused },
  { ...time, name: 'bc_rtt', compile: tcpTime(back, TCP_INFO_RTT) },
  { ...time, name: 'bc_rttvar', compile: tcpTime(back, TCP_INFO_RTTVAR) },
  { ...server, name: 'bc_settings_streams_limit', uses: USE_L5SRV, out: TYPE_SINT, compile: () => oneStream(back) },
  { ...server, name: 'bc_src', out: TYPE_ADDR, compile: () => ofSocket(back, true, putAddress) },
  { ...server, name: 'bc_src_port', out: TYPE_SINT, compile: () => ofSocket(back, true, putPort) },
  { ...server, name: 'bs.aborted', uses: USE_L5SRV, out: TYPE_SINT, compile: () => fetchStreamAborted },
  { ...server, name: 'bs.id', uses: USE_L5SRV, out: TYPE_SINT, compile: () => fetchBackStreamId },
  { ...server, name: 'bs.rst_code', uses: USE_L5SRV, out: TYPE_SINT, compile: () => fetchNoResetCode },
  { ...client, name: 'dst', out: TYPE_ADDR, compile: () => ofClient(false, putAddress) },
  { ...client, name: 'dst_is_local', out: TYPE_BOOL, compile: () => ofClient(false, putIsLocal) },
  { ...client, name: 'dst_port', out: TYPE_SINT, compile: () => ofClient(false, putPort) },
  { ...client, name: 'fc_dst', out: TYPE_ADDR, compile: () => ofSocket(front, false, putAddress) },
  { ...client, name: 'fc_dst_is_local', out: TYPE_BOOL, compile: () => ofSocket(front, false, putIsLocal) },
  { ...client, name: 'fc_dst_port', out: TYPE_SINT, compile: () => ofSocket(front, false, putPort) },
  { ...client, name: 'fc_err', out: TYPE_SINT, compile: () => errorCode(front) },
  { ...client, name: 'fc_err_name', out: TYPE_STR, compile: () => errorText(front, connectionErrorName) },
  { ...client, name: 'fc_err_str', out: TYPE_STR, compile: () => errorText(front, connectionErrorMessage) },
  { ...counter, name: 'fc_fackets', compile: () => tcpCounter(TCP_INFO_FACKETS) },
  { ...client, name: 'fc_glitches', out: TYPE_SINT, compile: () => glitches(front) },
  { ...client, name: 'fc_http_major', out: TYPE_SINT, compile: () => httpMajor(front) },
  { ...counter, name: 'fc_lost', compile: () => tcpCounter(TCP_INFO_LOST) },
  { ...client, name: 'fc_nb_streams', out: TYPE_SINT, compile: () => oneStream(front) },
  { ...counter, name: 'fc_reordering', compile: () => tcpCounter(TCP_INFO_REORDERING) },
  { ...counter, name: 'fc_retrans', compile: () => tcpCounter(TCP_INFO_RETRANS) },
  { ...time, name: 'fc_rtt', compile: tcpTime(front, TCP_INFO_RTT) },
  { ...time, name: 'fc_rttvar', compile: tcpTime(front, TCP_INFO_RTTVAR) },
  { ...counter, name: 'fc_sacked', compile: () => tcpCounter(TCP_INFO_SACKED) },
  { ...client, name: 'fc_saved_syn', out: TYPE_BIN, compile: () => fetchSavedSyn },
  { ...client, name: 'fc_settings_streams_limit', uses: USE_L5CLI, out: TYPE_SINT, compile: () => oneStream(front) },
  { ...client, name: 'fc_src', out: TYPE_ADDR, compile: () => ofSocket(front, true, putAddress) },
  { ...client, name: 'fc_src_is_local', out: TYPE_BOOL, compile: () => ofSocket(front, true, putIsLocal) },
  { ...client, name: 'fc_src_port', out: TYPE_SINT, compile: () => ofSocket(front, true, putPort) },
  { ...counter, name: 'fc_unacked', compile: () => tcpCounter(TCP_INFO_UNACKED) },
  { ...client, name: 'fs.aborted', uses: USE_L5CLI, out: TYPE_SINT, compile: () => fetchStreamAborted },
  { ...client, name: 'fs.id', uses: USE_L5CLI, out: TYPE_STR, compile: () => fetchFrontStreamId }, // str, says HAProxy's own row
  { ...client, name: 'fs.rst_code', uses: USE_L5CLI, out: TYPE_SINT, compile: () => fetchNoResetCode },
  { ...client, name: 'src', out: TYPE_ADDR, compile: () => ofClient(true, putAddress) },
  { ...client, name: 'src_is_local', out: TYPE_BOOL, compile: () => ofClient(true, putIsLocal) },
  { ...client, name: 'src_port', out: TYPE_SINT, compile: () => ofClient(true, putPort) },
  { ...server, name: 'ssl_bc', uses: USE_L5SRV, out: TYPE_BOOL, compile: () => fetchNoTls },
  { ...client, name: 'ssl_fc', uses: USE_L5CLI, out: TYPE_BOOL, compile: () => fetchNoTls },
];
