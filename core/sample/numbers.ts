// Integers and addresses as HAProxy reads them, from bytes and (when a configuration is parsed) from text.
//
// Safe on hostile bytes: a value that is not what it should be is told apart, never thrown.

import type { Sample } from './types.ts';

const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;

const SAFE_DIGITS = 15; // as many decimal digits always fit a double exactly
export const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
export const INT64_MIN = -0x8000_0000_0000_0000n;

/**
 * A signed 64-bit number from the start of bytes[offset, end) into `sample`: a sign, then digits up to the first byte that
 * is none. No digit is 0; what is too large stays at the end of the range. Returns where it stopped.
 */
export function readInt64(bytes: Uint8Array, offset: number, end: number, sample: Sample): number {
  let at = offset;
  let negative = false;
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) {
    negative = bytes[at] === MINUS;
    at++;
  }
  const from = at;
  let value = 0;
  while (at < end && (bytes[at]! - ZERO) >>> 0 <= 9) {
    value = value * 10 + (bytes[at]! - ZERO);
    at++;
  }
  if (at - from <= SAFE_DIGITS) sample.setInt(negative && value !== 0 ? -value : value);
  else sample.setWide(wideOf(bytes, from, at, negative));
  return at;
}

function wideOf(bytes: Uint8Array, from: number, end: number, negative: boolean): bigint {
  let text = '';
  for (let at = from; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return clampInt64(negative ? -BigInt(text) : BigInt(text));
}

export function clampInt64(value: bigint): bigint {
  if (value > INT64_MAX) return INT64_MAX;
  return value < INT64_MIN ? INT64_MIN : value;
}

/** The number at the start of `text` as above, and what follows it. */
export function parseInt64(text: string): { value: bigint; rest: string } {
  const match = /^([-+]?)([0-9]*)/.exec(text)!;
  const digits = BigInt(match[2] === '' ? '0' : match[2]!);
  return { value: clampInt64(match[1] === '-' ? -digits : digits), rest: text.slice(match[0].length) };
}

/** Returned by parseInet4 for what is no address. */
export const NOT_INET4 = -1;

/**
 * A dotted quad at the start of bytes[offset, offset + length) as a big-endian word, or NOT_INET4. As HAProxy's, it takes
 * leading zeros as decimal and stops at the first byte that is neither digit nor dot.
 */
export function parseInet4(bytes: Uint8Array, offset: number, length: number): number {
  let word = 0;
  let part = 0;
  let partCount = 0;
  let sawDigit = false;
  for (let at = offset; at < offset + length; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >= 0 && digit <= 9) {
      part = part * 10 + digit;
      if (part > 255) return NOT_INET4;
      if (!sawDigit && ++partCount > 4) return NOT_INET4;
      sawDigit = true;
    } else if (bytes[at] !== DOT) break;
    else if (!sawDigit || partCount === 4) return NOT_INET4;
    else {
      word = word * 256 + part;
      part = 0;
      sawDigit = false;
    }
  }
  return partCount < 4 ? NOT_INET4 : word * 256 + part;
}

const INET6_TEXT_MAX = 46;
const groups = new Uint16Array(8);

/** An IPv6 address as inet_pton(3) takes it; sixteen bytes go to out[outOffset…]. False: it is none, nothing was written. */
export function parseInet6(
  bytes: Uint8Array,
  offset: number,
  length: number,
  out: Uint8Array,
  outOffset: number,
): boolean {
  if (length > INET6_TEXT_MAX || length < 2) return false;
  const end = offset + length;
  let at = offset;
  let count = 0;
  let gapAt = -1; // groups before `::`
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false;
    gapAt = 0;
    at += 2;
  }
  while (at < end) {
    const groupAt = at;
    let value = 0;
    while (at < end && hexOf(bytes[at]!) >= 0) {
      value = value * 16 + hexOf(bytes[at]!);
      at++;
      if (at - groupAt > 4) return false;
    }
    if (at < end && bytes[at] === DOT) {
      if (count > 6 || !readQuad(bytes, groupAt, end, count)) return false;
      count += 2;
      at = end;
      break;
    }
    if (at === groupAt || count === 8) return false;
    groups[count++] = value;
    if (at === end) break;
    if (bytes[at] !== COLON) return false;
    at++;
    if (at === end) return false; // a single colon ends it
    if (bytes[at] === COLON) {
      if (gapAt >= 0) return false;
      gapAt = count;
      at++;
    }
  }
  if (gapAt < 0 ? count !== 8 : count >= 8) return false;
  writeGroups(out, outOffset, count, gapAt);
  return true;
}

/** The dotted end of an IPv6 address, strictly: 1–3 digits, no leading zero, four parts and nothing behind. */
function readQuad(bytes: Uint8Array, from: number, end: number, count: number): boolean {
  const word = parseStrictInet4(bytes, from, end - from);
  if (word === NOT_INET4) return false;
  groups[count] = word >>> 16;
  groups[count + 1] = word & 0xffff;
  return true;
}

/** inet_pton(AF_INET): four decimal parts without leading zeros, and nothing else. */
export function parseStrictInet4(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let partAt = offset;
  for (let at = offset; at <= end; at++) {
    if (at < end && bytes[at] !== DOT) {
      if ((bytes[at]! - ZERO) >>> 0 > 9) return NOT_INET4;
      continue;
    }
    const digits = at - partAt;
    if (digits === 0 || digits > 3 || (digits > 1 && bytes[partAt] === ZERO)) return NOT_INET4;
    partAt = at + 1;
  }
  return parseInet4(bytes, offset, length);
}

function writeGroups(out: Uint8Array, outOffset: number, count: number, gapAt: number): void {
  const gap = 8 - count;
  for (let index = 0; index < 8; index++) {
    let value = 0;
    if (gapAt < 0 || index < gapAt) value = groups[index]!;
    else if (index >= gapAt + gap) value = groups[index - gap]!;
    out[outOffset + index * 2] = value >>> 8;
    out[outOffset + index * 2 + 1] = value & 0xff;
  }
}

function hexOf(byte: number): number {
  if (byte >= ZERO && byte <= 0x39) return byte - ZERO;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
