// The request target and its agreement with Host (RFC 9112 §3.2, §3.3): origin form, absolute form, authority form
// (CONNECT) and asterisk form (OPTIONS). A default port is dropped and a missing path becomes `/`, in place.
//
// Start at checkTarget.

import type { Head } from '../message.ts';
import { HEAD_ABSOLUTE_URI, METHOD_CONNECT, METHOD_OPTIONS, METHOD_OTHER, METHOD_PATCH } from '../message.ts';
import { COLON, equalText, equalWord, SLASH, wordOf } from './chars.ts';
import { authorityIsForbidden } from './fields.ts';
import { HEAD_BAD_HOST, HEAD_BAD_TARGET, HEAD_OK } from './verdict.ts';

const ASTERISK = 42;
const AT = 64;
const HTTP = wordOf('http://');
const HTTPS = wordOf('https://');

/** Judges the target of a request whose lines are all read; may rewrite target and Host. `relaxed`: judges its form alone. */
export function checkTarget(bytes: Uint8Array, head: Head, relaxed: boolean): number {
  const first = bytes[head.uriOffset]!;
  if (first === SLASH) return head.method === METHOD_CONNECT ? HEAD_BAD_TARGET : HEAD_OK;
  if (first === ASTERISK) return checkAsterisk(head);
  const scheme = schemeLength(bytes, head.uriOffset, head.uriLength);
  if (scheme === 0) return head.method === METHOD_CONNECT ? checkAuthority(bytes, head, relaxed) : HEAD_BAD_TARGET;
  return head.method === METHOD_CONNECT ? HEAD_BAD_TARGET : checkAbsolute(bytes, head, scheme, relaxed);
}

/** `*` is for OPTIONS, and for methods we do not know. */
function checkAsterisk(head: Head): number {
  const allowed = head.method === METHOD_OPTIONS || head.method === METHOD_OTHER || head.method === METHOD_PATCH;
  return allowed && head.uriLength === 1 ? HEAD_OK : HEAD_BAD_TARGET;
}

/** The length of `scheme://` at the beginning of the target, 0 when there is none. */
function schemeLength(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let p = offset;
  if (!isAlpha(bytes[p]!)) return 0;
  while (p < end && (isAlpha(bytes[p]!) || isDigit(bytes[p]!) || isSchemeMark(bytes[p]!))) p++;
  if (p + 3 > end) return 0;
  if (bytes[p] !== COLON || bytes[p + 1] !== SLASH || bytes[p + 2] !== SLASH) return 0;
  return p + 3 - offset;
}

function isAlpha(byte: number): boolean {
  const lower = byte | 32;
  return lower >= 97 && lower <= 122;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isSchemeMark(byte: number): boolean {
  return byte === 43 || byte === 45 || byte === 46;
}

/** Where the authority that begins at `offset` ends: at the path or the end of the target. */
function authorityEnd(bytes: Uint8Array, offset: number, end: number): number {
  let p = offset;
  while (p < end && bytes[p] !== SLASH) p++;
  return p;
}

/** Where the host begins: after the last `@`, for user information is no part of it. */
function hostStart(bytes: Uint8Array, offset: number, end: number): number {
  let start = offset;
  for (let p = offset; p < end; p++) if (bytes[p] === AT) start = p + 1;
  return start;
}

/** Offset of the colon before the port (which may have no digits), or -1 when there is no port. */
function portColon(bytes: Uint8Array, offset: number, length: number): number {
  let p = offset + length;
  while (p > offset) {
    p--;
    if (!isDigit(bytes[p]!)) return bytes[p] === COLON ? p : -1;
  }
  return -1;
}

/**
 * Is the port behind `colon` one that may be left out? An empty one always is.
 * @param scheme length of the scheme at schemeOffset; 0 when there is none: then both 80 and 443 count
 */
function isDefaultPort(bytes: Uint8Array, colon: number, end: number, schemeOffset: number, scheme: number): boolean {
  const digits = end - colon - 1;
  if (digits === 0) return true;
  const is80 = digits === 2 && bytes[colon + 1] === 56 && bytes[colon + 2] === 48;
  const is443 = digits === 3 && bytes[colon + 1] === 52 && bytes[colon + 2] === 52 && bytes[colon + 3] === 51;
  if (scheme === 0) return is80 || is443;
  if (is80) return equalWord(bytes, schemeOffset, scheme, HTTP);
  return is443 && equalWord(bytes, schemeOffset, scheme, HTTPS);
}

function checkAuthority(bytes: Uint8Array, head: Head, relaxed: boolean): number {
  const verdict = checkConnect(bytes, head);
  return relaxed ? HEAD_OK : verdict;
}

/** CONNECT names host and port; Host may leave out a default port and loses it when it does not. */
function checkConnect(bytes: Uint8Array, head: Head): number {
  const targetEnd = head.uriOffset + head.uriLength;
  const end = authorityEnd(bytes, head.uriOffset, targetEnd);
  const start = hostStart(bytes, head.uriOffset, end);
  if (authorityIsForbidden(bytes, start, end - start)) return HEAD_BAD_TARGET;
  const colon = portColon(bytes, start, end - start);
  if (colon < 0 || colon + 1 === end) return HEAD_BAD_TARGET;
  if (head.hostIndex < 0) return HEAD_OK;

  const host = head.valueOffset[head.hostIndex]!;
  const hostLength = head.valueLength[head.hostIndex]!;
  const hostColon = portColon(bytes, host, hostLength);
  const nameLength = hostColon < 0 ? hostLength : hostColon - host;
  if (!equalText(bytes, host, nameLength, start, colon - start)) return HEAD_BAD_HOST;
  const standard = isDefaultPort(bytes, colon, end, 0, 0);
  if (hostColon < 0 || hostColon + 1 === host + hostLength) return standard ? HEAD_OK : HEAD_BAD_HOST;
  if (!equalText(bytes, hostColon, host + hostLength - hostColon, colon, end - colon)) return HEAD_BAD_HOST;
  if (standard) head.valueLength[head.hostIndex] = nameLength;
  return HEAD_OK;
}

/** Absolute form: the authority must be Host's, but for a default port that one of them leaves out. */
function checkAbsolute(bytes: Uint8Array, head: Head, scheme: number, relaxed: boolean): number {
  head.flags |= HEAD_ABSOLUTE_URI;
  const targetEnd = head.uriOffset + head.uriLength;
  const end = authorityEnd(bytes, head.uriOffset + scheme, targetEnd);
  const start = hostStart(bytes, head.uriOffset + scheme, end);
  if (!relaxed) {
    if (authorityIsForbidden(bytes, start, end - start)) return HEAD_BAD_TARGET;
    if (head.hostIndex >= 0 && !hostAgrees(bytes, head, scheme, start, end)) return HEAD_BAD_HOST;
  }
  normalizeAbsolute(bytes, head, scheme, start, end);
  return HEAD_OK;
}

/** Is Host the authority [start, end), or the same but for a default port on one side? */
function hostAgrees(bytes: Uint8Array, head: Head, scheme: number, start: number, end: number): boolean {
  const host = head.valueOffset[head.hostIndex]!;
  const hostEnd = host + head.valueLength[head.hostIndex]!;
  if (equalText(bytes, host, hostEnd - host, start, end - start)) return true;
  const colon = portColon(bytes, start, end - start);
  const hostColon = portColon(bytes, host, hostEnd - host);
  if (colon < 0 && hostColon < 0) return false;
  if (colon >= 0 && !isDefaultPort(bytes, colon, end, head.uriOffset, scheme)) return false;
  if (hostColon >= 0 && !isDefaultPort(bytes, hostColon, hostEnd, head.uriOffset, scheme)) return false;
  const nameLength = (colon < 0 ? end : colon) - start;
  return equalText(bytes, host, (hostColon < 0 ? hostEnd : hostColon) - host, start, nameLength);
}

/**
 * Drops a default port, gives an absent path its `/` (not for OPTIONS) and, when either happened, makes Host the
 * authority. The port goes by moving what stands before it to the right; the slash takes the place of the
 * blank after the target.
 */
function normalizeAbsolute(bytes: Uint8Array, head: Head, scheme: number, start: number, end: number): void {
  const colon = portColon(bytes, start, end - start);
  const targetEnd = head.uriOffset + head.uriLength;
  const dropped = colon >= 0 && isDefaultPort(bytes, colon, end, head.uriOffset, scheme) ? end - colon : 0;
  const pathless = end === targetEnd && head.method !== METHOD_OPTIONS;
  if (dropped === 0 && !pathless) return;
  if (dropped > 0) {
    bytes.copyWithin(head.uriOffset + dropped, head.uriOffset, colon);
    head.uriOffset += dropped;
    head.uriLength -= dropped;
  }
  if (pathless) {
    bytes[targetEnd] = SLASH;
    head.uriLength++;
  }
  if (head.hostIndex < 0) return;
  head.valueOffset[head.hostIndex] = start + dropped;
  head.valueLength[head.hostIndex] = end - start - dropped;
}
