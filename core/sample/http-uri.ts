// Parts of a request target (RFC 9112 §3.2), by HAProxy's reading: offsets, nothing copied.

const SLASH = 0x2f;
const ASTERISK = 0x2a;
const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const QUESTION_MARK = 0x3f;

/** 1 letters, 2 what else a scheme may have behind its first letter. */
const SCHEME = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a && byte >= 0x41) SCHEME[byte] = 1;
  if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e) SCHEME[byte] = 2;
}

/** Offset of the first `byte` in [from, end), else `end`. */
export function indexOfByte(bytes: Uint8Array, from: number, end: number, byte: number): number {
  let at = from;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}

/** Where the path begins in the target bytes[offset, end); −1: `*`, an authority or nothing has none. */
export function pathOffset(bytes: Uint8Array, offset: number, end: number): number {
  if (offset >= end) return -1;
  const first = bytes[offset]!;
  if (first === SLASH) return offset;
  if (first === ASTERISK) return -1;
  const authority = schemeEnd(bytes, offset, end);
  if (authority < 0) return -1;
  // The authority ends at the first slash whatever stands before it, a question mark too.
  const path = indexOfByte(bytes, authority, end, SLASH);
  return path < end ? path : -1;
}

/** Where the path that begins at `path` ends: at the question mark, or with the target. */
export function pathEnd(bytes: Uint8Array, path: number, end: number): number {
  return indexOfByte(bytes, path, end, QUESTION_MARK);
}

/** Offset after `scheme://`, −1 when the target does not begin with one. */
function schemeEnd(bytes: Uint8Array, offset: number, end: number): number {
  if (SCHEME[bytes[offset]!] !== 1) return -1;
  let at = offset + 1;
  while (at < end && SCHEME[bytes[at]!] !== 0) at++;
  if (at + 3 > end || bytes[at] !== COLON || bytes[at + 1] !== SLASH || bytes[at + 2] !== SLASH) return -1;
  return at + 3;
}

/** An IPv4 address and port out of a target; filled by readTarget. */
export class TargetAddress {
  word = 0;
  port = 0;
}

/**
 * Reads `http://1.2.3.4:80/…` (or https). False when the host is no IPv4 address: names are not looked up here.
 */
export function readTarget(bytes: Uint8Array, offset: number, end: number, into: TargetAddress): boolean {
  let at = offset;
  // The first "://" anywhere counts; what stands before it must be the scheme and nothing else.
  while (at + 3 <= end && !(bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH)) at++;
  if (at + 3 > end) return false;
  const port = defaultPort(bytes, offset, at - offset);
  const host = at + 3;
  if (port < 0 || bytes[host] === OPENING_BRACKET) return false;
  const length = readIpv4(bytes, host, end, into);
  if (length === 0) return false;
  into.port = port;
  let digit = host + length;
  if (digit < end && bytes[digit] === COLON) {
    let value = 0;
    for (digit++; digit < end && bytes[digit]! >= 0x30 && bytes[digit]! <= 0x39; digit++) {
      value = (Math.imul(value, 10) + bytes[digit]! - 0x30) | 0;
    }
    into.port = value & 0xffff;
  }
  return true;
}

function defaultPort(bytes: Uint8Array, offset: number, length: number): number {
  if (length !== 4 && length !== 5) return -1;
  const http =
    (bytes[offset]! | 0x20) === 0x68 &&
    (bytes[offset + 1]! | 0x20) === 0x74 &&
    (bytes[offset + 2]! | 0x20) === 0x74 &&
    (bytes[offset + 3]! | 0x20) === 0x70;
  if (!http) return -1;
  if (length === 4) return 80;
  return (bytes[offset + 4]! | 0x20) === 0x73 ? 443 : -1;
}

/** Reads four decimal bytes into into.word; returns how many characters they took, 0 when they are no address. */
export function readIpv4(bytes: Uint8Array, offset: number, end: number, into: { word: number }): number {
  let at = offset;
  let word = 0;
  let octet = 0;
  let octetCount = 0;
  let inOctet = false;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x30 && byte <= 0x39) {
      octet = octet * 10 + byte - 0x30;
      if (octet > 255) return 0;
      if (!inOctet && ++octetCount > 4) return 0;
      inOctet = true;
    } else if (byte === 0x2e) {
      if (!inOctet || octetCount === 4) return 0;
      word = (word << 8) | octet;
      octet = 0;
      inOctet = false;
    } else break;
  }
  if (octetCount < 4) return 0;
  into.word = ((word << 8) | octet) >>> 0;
  return at - offset;
}
