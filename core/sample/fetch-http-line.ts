// Fetches of the start lines (manual §7.3.6): method, target and its parts, version, status.

import { asciiBytes, writeBytes } from '../base/text.ts';
import { HEAD_HTTP_10, type Head, METHOD_OTHER, METHOD_PATCH } from '../http/message.ts';
import type { Arg } from '../model/language.ts';
import { avalanche } from './convert-hash-small.ts';
import { HeaderName, HeaderWalk } from './http-header-walk.ts';
import { bytesOf, isRaw, requestOf, responseOf } from './http-message.ts';
import { indexOfByte, pathEnd, pathOffset, readTarget, TargetAddress } from './http-uri.ts';
import { hashBytes } from './http-values.ts';
import { ORIGIN_NONE } from './log-origin.ts';
import { type Fetch, type FetchRow, NO_ARGS, type Signature } from './rows.ts';
import { FAMILY_INET, FAMILY_INET6, type Subject } from './subject.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const QUESTION_MARK = 0x3f;
const SLASH = 0x2f;
const HOST = new HeaderName('host');

/** Canonical names by METHOD_…; '' for those that HAProxy knows by their text alone. */
const METHOD_TEXTS: readonly Uint8Array[] = [
  '',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  '',
].map(asciiBytes);

/**
 * The method, kept for the whole stream when HAProxy has a number for it (`http-request set-method` does not change
 * that number); another one's text goes with the request's head.
 */
function method(subject: Subject, sample: Sample): boolean {
  const stream = subject.stream;
  if (stream === null) return false;
  const kept = stream.http ? stream.method : METHOD_OTHER;
  if (kept !== METHOD_OTHER && kept !== METHOD_PATCH) return setMethod(sample, kept, METHOD_TEXTS[kept]!, 0, -1);
  const head = requestOf(subject, sample);
  if (head === null) return false;
  return setMethod(sample, head.method, bytesOf(subject, head), head.methodOffset, head.methodLength);
}

/** @param length −1: all of `text` */
function setMethod(sample: Sample, number: number, text: Uint8Array, offset: number, length: number): boolean {
  sample.setBytes(types.TYPE_METH, text, offset, length < 0 ? text.length : length);
  sample.number = number;
  sample.wide = null;
  return true;
}

/** "1.1" out of "HTTP/1.1" of a head, else what the stream remembers of the request. */
function requestVersion(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head !== null) return setVersion(sample, bytesOf(subject, head), head, 5);
  return rememberedVersion(subject, sample, 5);
}

const VERSION_10 = asciiBytes('HTTP/1.0');
const VERSION_11 = asciiBytes('HTTP/1.1');

/** @param from 5: the number alone, 0: with "HTTP/" */
function setVersion(sample: Sample, bytes: Uint8Array, head: Head, from: number): boolean {
  if (head.versionLength !== 8) return false;
  sample.setBytes(types.TYPE_STR, bytes, head.versionOffset + from, 8 - from);
  return true;
}

function rememberedVersion(subject: Subject, sample: Sample, from: number): boolean {
  const stream = subject.stream;
  if (stream === null || !stream.http || stream.log.requestLineLength === 0) return false;
  const text = (stream.requestFlags & HEAD_HTTP_10) !== 0 ? VERSION_10 : VERSION_11;
  sample.setBytes(types.TYPE_STR, text, from, 8 - from);
  return true;
}

function capturedRequestVersion(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head !== null) return setVersion(sample, bytesOf(subject, head), head, 0);
  return rememberedVersion(subject, sample, 0);
}

function responseVersion(from: number): Fetch {
  return (subject, sample) => {
    const head = responseOf(subject, sample);
    if (head !== null) return setVersion(sample, subject.bytes, head, from);
    // For a line of the log the message may be gone, but not what is known of it.
    const { stream } = subject;
    if (subject.logOrigin === ORIGIN_NONE || stream === null || !stream.http || stream.log.status <= 0) return false;
    const text = ((stream.responseFlags ?? 0) & HEAD_HTTP_10) !== 0 ? VERSION_10 : VERSION_11;
    sample.setBytes(types.TYPE_STR, text, from, 8 - from);
    return true;
  };
}

/** In the response's rules only, as the reference; from the log on, the response's head may be gone. */
function capturedResponseVersion(subject: Subject, sample: Sample): boolean {
  const head = subject.response;
  return head !== null && setVersion(sample, subject.bytes, head, 0);
}

function status(subject: Subject, sample: Sample): boolean {
  const head = responseOf(subject, sample);
  if (head !== null) return setInt(sample, head.status);
  const log = subject.stream?.log;
  const isKnown = subject.logOrigin !== ORIGIN_NONE && log !== undefined && log.markData >= 0 && log.status > 0;
  return isKnown && setInt(sample, log.status);
}

/** The status as logged; before that, the one that is on its way. */
function transactionStatus(subject: Subject, sample: Sample): boolean {
  const stream = subject.stream;
  if (stream === null || !stream.http) return false;
  if (stream.log.status > 0) return setInt(sample, stream.log.status);
  const head = responseOf(subject, sample);
  return head !== null && setInt(sample, head.status);
}

/** The status the server gave; 0 when the answer was made here. */
function serverStatus(subject: Subject, sample: Sample): boolean {
  const stream = subject.stream;
  if (stream === null || !stream.http) return false;
  const { log } = stream;
  if (log.status > 0) return setInt(sample, log.markData >= 0 ? log.status : 0);
  const head = responseOf(subject, sample);
  return head !== null && setInt(sample, head.status);
}

function setInt(sample: Sample, value: number): boolean {
  sample.setInt(value);
  return true;
}

function url(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head === null) return false;
  sample.setBytes(types.TYPE_STR, bytesOf(subject, head), head.uriOffset, head.uriLength);
  return true;
}

const target = new TargetAddress();

function readUrl(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head === null) return false;
  return readTarget(bytesOf(subject, head), head.uriOffset, head.uriOffset + head.uriLength, target);
}

function urlIp(subject: Subject, sample: Sample): boolean {
  if (!readUrl(subject, sample)) return false;
  sample.setIpv4(target.word);
  return true;
}

function urlPort(subject: Subject, sample: Sample): boolean {
  return readUrl(subject, sample) && setInt(sample, target.port);
}

// Where the path of the message at hand stands, found once for all rules about it (Subject.messageSerial).
let pathSerial = 0;
let pathUriOffset = 0;
let pathUriLength = 0;
let pathAt = 0;
let pathLength = 0;

function path(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head === null) return false;
  const bytes = bytesOf(subject, head);
  const { uriOffset, uriLength } = head;
  const serial = subject.messageSerial;
  if (serial === 0 || serial !== pathSerial || uriOffset !== pathUriOffset || uriLength !== pathUriLength) {
    const end = uriOffset + uriLength;
    pathAt = pathOffset(bytes, uriOffset, end);
    pathLength = pathAt < 0 ? 0 : pathEnd(bytes, pathAt, end) - pathAt;
    pathSerial = isRaw(head) ? 0 : serial;
    pathUriOffset = uriOffset;
    pathUriLength = uriLength;
  }
  if (pathAt < 0) return false;
  sample.setBytes(types.TYPE_STR, bytes, pathAt, pathLength);
  return true;
}

function pathq(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head === null) return false;
  const bytes = bytesOf(subject, head);
  const end = head.uriOffset + head.uriLength;
  const start = pathOffset(bytes, head.uriOffset, end);
  if (start < 0) return false;
  sample.setBytes(types.TYPE_STR, bytes, start, end - start);
  return true;
}

const hostWalk = new HeaderWalk();

/** First Host value and path, put together in the trash; without a Host value the path alone. */
function base(withQuery: boolean): Fetch {
  const pathAlone = withQuery ? pathq : path;
  return (subject, sample) => {
    const head = requestOf(subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    hostWalk.begin();
    if (!hostWalk.next(head, bytes, HOST, false) || hostWalk.length === 0) return pathAlone(subject, sample);
    const uriEnd = head.uriOffset + head.uriLength;
    const start = pathOffset(bytes, head.uriOffset, uriEnd);
    const length = start < 0 ? 0 : (withQuery ? uriEnd : pathEnd(bytes, start, uriEnd)) - start;
    const { trash } = subject;
    if (hostWalk.length + length > trash.chunkBytes) return false;
    const at = trash.take();
    let end = writeBytes(trash.bytes, at, bytes, hostWalk.offset, hostWalk.length);
    end = writeBytes(trash.bytes, end, bytes, start, length);
    sample.setBytes(types.TYPE_STR, trash.bytes, at, end - at);
    return true;
  };
}

/** base32: the hash of the first Host value and the path; url32: of the whole Host line and the path with its query. */
function hash(whole: boolean): Fetch {
  return (subject, sample) => {
    const head = requestOf(subject, sample);
    if (head === null) return false;
    sample.setInt(hashOf(head, bytesOf(subject, head), whole));
    return true;
  };
}

function hashOf(head: Head, bytes: Uint8Array, whole: boolean): number {
  let value = 0;
  hostWalk.begin();
  if (hostWalk.next(head, bytes, HOST, whole)) {
    value = hashBytes(value, bytes, hostWalk.offset, hostWalk.offset + hostWalk.length);
  }
  const end = head.uriOffset + head.uriLength;
  const start = pathOffset(bytes, head.uriOffset, end);
  if (start >= 0 && bytes[start] === SLASH) {
    value = hashBytes(value, bytes, start, whole ? end : pathEnd(bytes, start, end));
  }
  return avalanche(value);
}

/** That hash and the client's address behind it, 8 or 20 bytes. */
function hashAndSource(whole: boolean): Fetch {
  return (subject, sample) => {
    const length = writeSource(subject, sample, whole);
    return length > 0;
  };
}

function writeSource(subject: Subject, sample: Sample, whole: boolean): number {
  const { stream, front, trash } = subject;
  if (stream === null || front === null) return 0;
  const set = stream.sourceSet;
  const family = set === null ? front.sourceFamily : set.family;
  if (family !== FAMILY_INET && family !== FAMILY_INET6) return 0;
  const head = requestOf(subject, sample);
  if (head === null) return 0;
  const at = trash.take();
  writeWord(trash.bytes, at, hashOf(head, bytesOf(subject, head), whole));
  writeWord(trash.bytes, at + 4, set === null ? front.source0 : set.word0);
  let length = 8;
  if (family === FAMILY_INET6) {
    writeWord(trash.bytes, at + 8, set === null ? front.source1 : set.word1);
    writeWord(trash.bytes, at + 12, set === null ? front.source2 : set.word2);
    writeWord(trash.bytes, at + 16, set === null ? front.source3 : set.word3);
    length = 20;
  }
  sample.setBytes(types.TYPE_BIN, trash.bytes, at, length);
  return length;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** What stands behind the first question mark; with_qm keeps the mark when something does. */
function query(withMark: boolean): Fetch {
  return (subject, sample) => {
    const head = requestOf(subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    const end = head.uriOffset + head.uriLength;
    const mark = indexOfByte(bytes, head.uriOffset, end, QUESTION_MARK);
    if (mark === end) return false;
    const start = withMark && mark + 1 < end ? mark : mark + 1;
    sample.setBytes(types.TYPE_STR, bytes, start, end - start);
    return true;
  };
}

const textOf = (arg: Arg | undefined): string => (arg?.kind === 'str' ? arg.text : '');

function checkQuery(args: readonly Arg[]): string | null {
  const option = textOf(args[0]);
  return option === '' || option === 'with_qm' ? null : "supported options are: 'with_qm'";
}

function isHttp(subject: Subject, sample: Sample): boolean {
  const head = requestOf(subject, sample);
  if (head === null) return false;
  sample.setBool(true);
  return true;
}

function isFirstRequest(subject: Subject, sample: Sample): boolean {
  const { stream, front } = subject;
  if (stream === null || front === null || !stream.http) return false;
  sample.setBool(front.requestCount === 0);
  return true;
}

function uniqueId(subject: Subject, sample: Sample): boolean {
  const { stream } = subject;
  if (stream === null) return false;
  const cell = stream.uniqueId.length >= 0 ? stream.uniqueId : subject.world.uniqueId?.(stream);
  if (cell == null || cell.length < 0) return false;
  sample.setBytes(types.TYPE_STR, cell.bytes, 0, cell.length);
  return true;
}

const { TYPE_BIN, TYPE_BOOL, TYPE_IPV4, TYPE_METH, TYPE_SINT, TYPE_STR } = types;
const { USE_HRQHP, USE_HRQHV, USE_HRSHP, USE_CONST, USE_LISTN, USE_FTEND } = types;

function row(name: string, out: number, uses: number, fetch: Fetch): FetchRow {
  return { name, args: NO_ARGS, out, uses, compile: () => fetch };
}

const OPTION: Signature = { kinds: ['str'], min: 0 };

export const httpLineFetches: readonly FetchRow[] = [
  row('base', TYPE_STR, USE_HRQHV, base(false)),
  row('base32', TYPE_SINT, USE_HRQHV, hash(false)),
  row('base32+src', TYPE_BIN, USE_HRQHV, hashAndSource(false)),
  row('baseq', TYPE_STR, USE_HRQHV, base(true)),
  row('capture.req.ver', TYPE_STR, USE_HRQHP, capturedRequestVersion),
  row('capture.res.ver', TYPE_STR, USE_HRQHP, capturedResponseVersion),
  row('http_first_req', TYPE_BOOL, USE_HRQHP, isFirstRequest),
  row('method', TYPE_METH, USE_HRQHP, method),
  row('path', TYPE_STR, USE_HRQHV, path),
  row('pathq', TYPE_STR, USE_HRQHV, pathq),
  {
    name: 'query',
    args: OPTION,
    out: TYPE_STR,
    uses: USE_HRQHV,
    check: checkQuery,
    compile: (args) => query(textOf(args[0]) === 'with_qm'),
  },
  row('req.proto_http', TYPE_BOOL, USE_HRQHP, isHttp),
  row('req_proto_http', TYPE_BOOL, USE_HRQHP, isHttp),
  row('req.ver', TYPE_STR, USE_HRQHP, requestVersion),
  row('req_ver', TYPE_STR, USE_HRQHP, requestVersion),
  row('res.ver', TYPE_STR, USE_HRSHP, responseVersion(5)),
  row('resp_ver', TYPE_STR, USE_HRSHP, responseVersion(5)),
  row('server_status', TYPE_SINT, USE_HRSHP, serverStatus),
  row('status', TYPE_SINT, USE_HRSHP, status),
  row('txn.status', TYPE_SINT, USE_HRSHP, transactionStatus),
  // Everywhere: HAProxy's row says "the server's connection" but gives the number of that source for its bit.
  row('unique-id', TYPE_STR, USE_CONST | USE_LISTN | USE_FTEND, uniqueId),
  row('url', TYPE_STR, USE_HRQHV, url),
  row('url32', TYPE_SINT, USE_HRQHV, hash(true)),
  row('url32+src', TYPE_BIN, USE_HRQHV, hashAndSource(true)),
  row('url_ip', TYPE_IPV4, USE_HRQHV, urlIp),
  row('url_port', TYPE_SINT, USE_HRQHV, urlPort),
];
