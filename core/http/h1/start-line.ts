// The first line of a message: request line (RFC 9112 §3) and status line (§4), with HAProxy's tolerance for blanks and
// for empty lines before it. Returns offsets, or verdicts as negative numbers; start at parseRequestLine and
// parseStatusLine.

import type { Head } from '../message.ts';
import * as message from '../message.ts';
import * as chars from './chars.ts';
import { wordOf } from './chars.ts';
import * as verdict from './verdict.ts';
import { viewOf, wordValue } from './words.ts';

// Own copies of imported constants: see parse.ts.
const {
  HEAD_HTTP_10,
  METHOD_CONNECT,
  METHOD_DELETE,
  HEAD_NOT_HTTP,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_PATCH,
  METHOD_POST,
  METHOD_PUT,
  METHOD_TRACE,
} = message;
const { CR, HT, LF, SP, TARGET, TARGET_RELAXED, TOKEN_LOWER, VERSION } = chars;
const { HEAD_BAD_START_LINE, HEAD_BAD_VERSION, HEAD_PARTIAL } = verdict;

const VERSION_BYTES = 8; // HTTP/d.d
const GET_SP = wordValue('GET ');
const HTTP = wordValue('HTTP');
const SLASH_1_1 = wordValue('/1.1');
const CR_LF = 0x0a0d; // as a 16-bit word
const PLAIN_END_BYTES = 10; // HTTP/1.1 CR LF
const PLAIN_STATUS_BYTES = 13; // HTTP/1.1 SP 3DIGIT SP
const STATUS_BEFORE_LAST_MAX = 6551; // one digit more still fits in 16 bits

/** Passes empty lines, remembering how far; returns the first byte of something else, or a negative verdict. */
function skipEmptyLines(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = start;
  for (;;) {
    head.lineOffset = p;
    if (p >= end) return -HEAD_PARTIAL;
    if (bytes[p] === CR) {
      if (p + 1 >= end) return -HEAD_PARTIAL;
      if (bytes[p + 1] !== LF) return -HEAD_BAD_START_LINE;
      p += 2;
    } else if (bytes[p] === LF) {
      p++;
    } else {
      head.startOffset = p;
      return p;
    }
  }
}

/** Reads the request line; returns the offset after it, or a negative verdict. HTTP/0.9 leaves versionLength 0. */
export function parseRequestLine(bytes: Uint8Array, start: number, end: number, head: Head, relaxed: boolean): number {
  let p = skipEmptyLines(bytes, start, end, head);
  if (p < 0) return p;

  const view = viewOf(bytes);
  head.methodOffset = p;
  if (p + 4 <= end && view.getInt32(p, true) === GET_SP) p += 3;
  else while (p < end && TOKEN_LOWER[bytes[p]!] !== 0) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.methodLength = p - head.methodOffset;
  if (head.methodLength === 0) return -HEAD_BAD_START_LINE;
  head.method = methodOf(bytes, head.methodOffset, head.methodLength);

  const afterMethod = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterMethod) return -HEAD_BAD_START_LINE;

  head.uriOffset = p;
  while (p < end && TARGET[bytes[p]!] === 1) p++;
  if (relaxed) while (p < end && TARGET_RELAXED[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.uriLength = p - head.uriOffset;
  if (head.uriLength === 0) return -HEAD_BAD_START_LINE;

  const afterTarget = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (relaxed && (bytes[p] === CR || bytes[p] === LF)) return endOldLine(bytes, p, end, head);
  if (p === afterTarget) return -HEAD_BAD_START_LINE;

  head.versionOffset = p;
  if (p + PLAIN_END_BYTES <= end && view.getInt32(p, true) === HTTP && view.getInt32(p + 4, true) === SLASH_1_1) {
    p += VERSION_BYTES;
    if (view.getUint16(p, true) === CR_LF) {
      head.versionLength = VERSION_BYTES;
      head.startLineEnd = p;
      return p + 2;
    }
  }
  while (p < end && VERSION[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.versionLength = p - head.versionOffset;
  return endStartLine(bytes, p, end, head, relaxed);
}

/** A request without a version is HTTP/0.9's, which knows GET alone (RFC 1945 §5); it is taken for one of 1.0. */
function endOldLine(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = start;
  if (head.method !== METHOD_GET) return -HEAD_BAD_VERSION;
  head.startLineEnd = p;
  head.versionOffset = p;
  head.versionLength = 0;
  if (bytes[p] === CR) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (bytes[p] !== LF) return -HEAD_BAD_START_LINE;
  head.flags |= HEAD_HTTP_10;
  return p + 1;
}

/** Reads the status line; returns the offset after it, or a negative verdict. */
export function parseStatusLine(bytes: Uint8Array, start: number, end: number, head: Head, relaxed: boolean): number {
  let p = skipEmptyLines(bytes, start, end, head);
  if (p < 0) return p;

  const view = viewOf(bytes);
  head.versionOffset = p;
  if (p + PLAIN_STATUS_BYTES <= end && view.getInt32(p, true) === HTTP && view.getInt32(p + 4, true) === SLASH_1_1) {
    p += VERSION_BYTES;
  }
  while (p < end && VERSION[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.versionLength = p - head.versionOffset;

  const afterVersion = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterVersion) return -HEAD_BAD_START_LINE;

  const digits = p;
  let status = 0;
  while (p < end && bytes[p]! >= 48 && bytes[p]! <= 57) {
    if (p - digits >= 3 && !(relaxed && status <= STATUS_BEFORE_LAST_MAX)) return -HEAD_BAD_START_LINE;
    status = status * 10 + (bytes[p]! - 48);
    p++;
  }
  if (p >= end) return -HEAD_PARTIAL;
  if (p === digits) return -HEAD_BAD_START_LINE;
  head.status = status;

  const afterStatus = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterStatus && bytes[p] !== CR && bytes[p] !== LF) return -HEAD_BAD_START_LINE;

  head.reasonOffset = p;
  while (p < end && bytes[p] !== CR && bytes[p] !== LF) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.reasonLength = p - head.reasonOffset;
  return endStartLine(bytes, p, end, head, relaxed);
}

/** Reads the line end at `p` and judges the version; returns the offset after the line, or a negative verdict. */
function endStartLine(bytes: Uint8Array, start: number, end: number, head: Head, relaxed: boolean): number {
  let p = start;
  head.startLineEnd = p;
  if (bytes[p] === CR) {
    p++;
    if (p >= end) return -HEAD_PARTIAL;
  }
  if (bytes[p] !== LF) return -HEAD_BAD_START_LINE;
  if (!readVersion(bytes, head)) {
    if (!relaxed || head.versionLength === 0) return -HEAD_BAD_VERSION;
    head.flags |= HEAD_HTTP_10 | HEAD_NOT_HTTP;
  }
  return p + 1;
}

/** "HTTP/" digit "." digit; everything from 1.1 on is spoken to as 1.1. False: it is something else. */
function readVersion(bytes: Uint8Array, head: Head): boolean {
  const v = head.versionOffset;
  if (head.versionLength !== VERSION_BYTES) return false;
  if (bytes[v] !== 72 || bytes[v + 1] !== 84 || bytes[v + 2] !== 84 || bytes[v + 3] !== 80) return false;
  if (bytes[v + 4] !== 47 || bytes[v + 6] !== 46) return false;
  const major = bytes[v + 5]! - 48;
  const minor = bytes[v + 7]! - 48;
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return false;
  if (major < 1 || (major === 1 && minor < 1)) head.flags |= HEAD_HTTP_10;
  return true;
}

const METHODS: readonly Uint8Array[] = methodTable();

function methodTable(): Uint8Array[] {
  const methods: Uint8Array[] = [];
  methods[METHOD_OTHER] = wordOf('');
  methods[METHOD_GET] = wordOf('GET');
  methods[METHOD_HEAD] = wordOf('HEAD');
  methods[METHOD_POST] = wordOf('POST');
  methods[METHOD_PUT] = wordOf('PUT');
  methods[METHOD_DELETE] = wordOf('DELETE');
  methods[METHOD_CONNECT] = wordOf('CONNECT');
  methods[METHOD_OPTIONS] = wordOf('OPTIONS');
  methods[METHOD_TRACE] = wordOf('TRACE');
  methods[METHOD_PATCH] = wordOf('PATCH');
  return methods;
}

/** METHOD_* of a method name, which is case-sensitive (RFC 9110 §9.1). */
function methodOf(bytes: Uint8Array, offset: number, length: number): number {
  if (length === 3 && bytes[offset] === 71 && bytes[offset + 1] === 69 && bytes[offset + 2] === 84) return METHOD_GET;
  for (let method = METHOD_HEAD; method < METHODS.length; method++) {
    const name = METHODS[method]!;
    if (name.length !== length) continue;
    let index = 0;
    while (index < length && bytes[offset + index] === name[index]) index++;
    if (index === length) return method;
  }
  return METHOD_OTHER;
}
