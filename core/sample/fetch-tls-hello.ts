// Fetches that peek at the handshake of a TLS connection which is passed on unread (manual §7.3.5 "req.ssl_…").
//
// Only mode tcp has such bytes. As long as the hello is not whole they have no value and may get one.

import { dataOf } from './fetch-aim.ts';
import { type FetchRow, NO_ARGS } from './rows.ts';
import type { Span, Subject } from './subject.ts';
import {
  EXTENSION_KEY_SHARE,
  EXTENSION_SESSION_TICKET,
  EXTENSION_SIGNATURE_ALGORITHMS,
  EXTENSION_SUPPORTED_GROUPS,
  findCiphers,
  findExtension,
  findExtensions,
  findList,
  findProtocol,
  findServerName,
  HELLO_NOT,
  HELLO_OK,
  HELLO_PARTIAL,
  HelloPart,
  type HelloVerdict,
  lacksExtension,
} from './tls-hello.ts';
import {
  type Sample,
  type SampleType,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_SINT,
  TYPE_STR,
  USE_FTEND,
  USE_L4CLI,
  USE_L5CLI,
  USE_L6REQ,
  USE_L6RES,
} from './types.ts';

const part = new HelloPart();

/** The bytes to look at; null: there can be no hello here. */
function waiting(subject: Subject): Span | null {
  return subject.stream === null || subject.stream.http ? null : dataOf(subject);
}

function settle(sample: Sample, verdict: HelloVerdict): boolean {
  if (verdict === HELLO_PARTIAL) sample.mayChange = true;
  return verdict === HELLO_OK;
}

function setPart(sample: Sample, type: SampleType, data: Span): boolean {
  sample.setBytes(type, data.bytes, part.offset, part.length);
  return true;
}

function fetchServerName(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null) return false;
  const verdict = findServerName(data.bytes, data.offset, data.offset + data.length, part);
  return settle(sample, verdict) && setPart(sample, TYPE_STR, data);
}

/** The first protocol offered; an ACL gets one after the other. */
function fetchProtocol(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  sample.more = false;
  if (data === null) return false;
  const verdict = findProtocol(data.bytes, data.offset, data.offset + data.length, sample.cursor, part);
  if (!settle(sample, verdict)) return false;
  sample.more = part.after > 0;
  if (sample.more) sample.cursor = part.after;
  return setPart(sample, TYPE_STR, data);
}

function fetchCiphers(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null) return false;
  const verdict = findCiphers(data.bytes, data.offset, data.offset + data.length, part);
  return settle(sample, verdict) && setPart(sample, TYPE_BIN, data);
}

function list(type: number): FetchRow['compile'] {
  return () => (subject, sample) => {
    const data = waiting(subject);
    if (data === null) return false;
    const verdict = findList(data.bytes, data.offset, data.offset + data.length, type, 2, part);
    return settle(sample, verdict) && setPart(sample, TYPE_BIN, data);
  };
}

const SHARE_HEADER_BYTES = 4; // group, length of the key

/** The groups of the key shares, without the keys. */
function fetchKeyShares(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null) return false;
  const { bytes } = data;
  const verdict = findList(
    bytes,
    data.offset,
    data.offset + data.length,
    EXTENSION_KEY_SHARE,
    SHARE_HEADER_BYTES,
    part,
  );
  if (!settle(sample, verdict)) return false;
  const { trash } = subject;
  const start = trash.take();
  const limit = start + trash.chunkBytes - 2;
  let to = start;
  const end = part.offset + part.length;
  for (let at = part.offset; at + SHARE_HEADER_BYTES <= end && to <= limit; ) {
    trash.bytes[to] = bytes[at]!;
    trash.bytes[to + 1] = bytes[at + 1]!;
    to += 2;
    at += SHARE_HEADER_BYTES + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  sample.setBytes(TYPE_BIN, trash.bytes, start, to - start);
  return true;
}

function findInHello(data: Span, type: number): HelloVerdict {
  const end = data.offset + data.length;
  const verdict = findExtensions(data.bytes, data.offset, end, part);
  if (verdict === HELLO_OK) return findExtension(data.bytes, end, type, part);
  part.length = -1; // not well-formed, see lacksExtension
  return verdict;
}

/** True with the extension of elliptic curves, otherwise no value. */
function fetchCurves(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null || !settle(sample, findInHello(data, EXTENSION_SUPPORTED_GROUPS))) return false;
  sample.setBool(true);
  return true;
}

/** 0: no session ticket extension, 1: an empty one, 2: one with a ticket. */
function fetchTicket(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null) return false;
  const verdict = findInHello(data, EXTENSION_SESSION_TICKET);
  if (verdict === HELLO_NOT && lacksExtension(part)) {
    sample.setInt(0);
    return true;
  }
  if (!settle(sample, verdict)) return false;
  sample.setInt(part.length > 0 ? 2 : 1);
  return true;
}

const isRecordType = (byte: number): boolean => (byte >= 0x14 && byte <= 0x17) || byte === 0xff;
const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** The type of the handshake message that comes first: 1 ClientHello, 2 ServerHello. */
function fetchHelloType(subject: Subject, sample: Sample): boolean {
  const data = waiting(subject);
  if (data === null) return false;
  const { bytes, offset, length } = data;
  if (length === 0) return settle(sample, HELLO_PARTIAL);
  if (!isRecordType(bytes[offset]!)) return false;
  if (length < 9) return settle(sample, HELLO_PARTIAL);
  if (bytes[offset + 1]! < 3 || read16(bytes, offset + 3) < 4) return false;
  const messageBytes = (bytes[offset + 6]! << 16) | read16(bytes, offset + 7);
  if (length < 9 + messageBytes) return settle(sample, HELLO_PARTIAL);
  sample.setInt(bytes[offset + 5]!);
  return true;
}

const MESSAGE_BYTES_MAX = (1 << 14) + 2048;

/**
 * The version the client asks for: major in the upper 16 bits, minor in the lower. Of any TLS record the one inside its
 * message; of an SSLv2 hello its own.
 */
function fetchVersion(subject: Subject, sample: Sample): boolean {
  const { stream, requestData: data, model } = subject;
  if (stream === null || stream.http) return false;
  const { bytes, offset, length } = data;
  if (length === 0) return settle(sample, HELLO_PARTIAL);
  // More than fits the buffer is not waited for.
  const room = model.global.bufsize - model.global.maxrewrite;
  if (!isRecordType(bytes[offset]!)) return fetchOldVersion(sample, data, room);
  if (length < 11) return settle(sample, HELLO_PARTIAL);
  const messageBytes = read16(bytes, offset + 3);
  if (bytes[offset + 1]! < 3 || messageBytes < 6 || messageBytes > MESSAGE_BYTES_MAX) return false;
  if (length - 5 < Math.min(messageBytes, room - 5)) return settle(sample, HELLO_PARTIAL);
  sample.setInt(bytes[offset + 9]! * 0x1_0000 + bytes[offset + 10]!);
  return true;
}

function fetchOldVersion(sample: Sample, data: Span, room: number): boolean {
  const { bytes, offset, length } = data;
  const isShort = (bytes[offset]! & 0x80) !== 0;
  const headerBytes = isShort ? 2 : 3;
  if (length <= headerBytes) return settle(sample, HELLO_PARTIAL);
  const recordBytes = ((bytes[offset]! & (isShort ? 0x7f : 0x3f)) << 8) | bytes[offset + 1]!;
  const paddingBytes = isShort ? 0 : bytes[offset + 2]!;
  if (bytes[offset + headerBytes] !== 1) return false;
  const at = offset + headerBytes + 1;
  const left = length - headerBytes - 1;
  if (left < 8) return settle(sample, HELLO_PARTIAL);
  const cipherBytes = read16(bytes, at + 2);
  const sessionIdBytes = read16(bytes, at + 4);
  const challengeBytes = read16(bytes, at + 6);
  if (cipherBytes % 3 !== 0 || (sessionIdBytes !== 0 && sessionIdBytes !== 16)) return false;
  if (challengeBytes < 16 || challengeBytes > 32) return false;
  if (recordBytes !== 9 + cipherBytes + sessionIdBytes + challengeBytes) return false;
  const messageBytes = cipherBytes + sessionIdBytes + challengeBytes + paddingBytes;
  const roomLeft = room - headerBytes - 9;
  if (left - 8 < Math.min(messageBytes, roomLeft)) return settle(sample, HELLO_PARTIAL);
  sample.setInt(bytes[at]! * 0x1_0000 + bytes[at + 1]!);
  return true;
}

const request = { args: NO_ARGS, uses: USE_L6REQ };
const response = { args: NO_ARGS, uses: USE_L6RES };
// HAProxy's rows say more than is true of these: kept, since it decides where configurations are taken.
const anywhere = { args: NO_ARGS, out: TYPE_BIN, uses: USE_L6REQ | USE_L4CLI | USE_L5CLI | USE_FTEND };

export const tlsHelloFetches: readonly FetchRow[] = [
  { ...response, name: 'rep_ssl_hello_type', out: TYPE_SINT, compile: () => fetchHelloType },
  { ...request, name: 'req.ssl_alpn', out: TYPE_STR, compile: () => fetchProtocol },
  { ...anywhere, name: 'req.ssl_cipherlist', compile: () => fetchCiphers },
  { ...request, name: 'req.ssl_ec_ext', out: TYPE_BOOL, compile: () => fetchCurves },
  { ...request, name: 'req.ssl_hello_type', out: TYPE_SINT, compile: () => fetchHelloType },
  { ...anywhere, name: 'req.ssl_keyshare_groups', compile: () => fetchKeyShares },
  { ...anywhere, name: 'req.ssl_sigalgs', compile: list(EXTENSION_SIGNATURE_ALGORITHMS) },
  { ...request, name: 'req.ssl_sni', out: TYPE_STR, compile: () => fetchServerName },
  { ...request, name: 'req.ssl_st_ext', out: TYPE_SINT, compile: () => fetchTicket },
  { ...anywhere, name: 'req.ssl_supported_groups', compile: list(EXTENSION_SUPPORTED_GROUPS) },
  { ...request, name: 'req.ssl_ver', out: TYPE_SINT, compile: () => fetchVersion },
  { ...request, name: 'req_ssl_hello_type', out: TYPE_SINT, compile: () => fetchHelloType },
  { ...request, name: 'req_ssl_sni', out: TYPE_STR, compile: () => fetchServerName },
  { ...request, name: 'req_ssl_ver', out: TYPE_SINT, compile: () => fetchVersion },
  { ...response, name: 'res.ssl_hello_type', out: TYPE_SINT, compile: () => fetchHelloType },
];
