// Numbers and addresses as they stand in header, cookie and parameter values, read as HAProxy reads them there.

import { readIpv4 } from './http-uri.ts';
import { parseInet6 } from './numbers.ts';

const MINUS = 0x2d;
const COLON = 0x3a;
const ZERO = 0x30;
const INT_MAX = 0x7fffffff;

/** Bytes are signed where HAProxy compares them with digits. */
const signed = (byte: number): number => (byte << 24) >> 24;

/**
 * A 32-bit integer with wrap-around. It ends at the first byte above '9'; bytes below '0' count as negative digits,
 * which is odd, and what `hdr_val` has always done ("1 2" is 842: its blank is the digit −16).
 */
export function readInt(bytes: Uint8Array, offset: number, length: number): number {
  let at = offset;
  const end = offset + length;
  let value = 0;
  if (length === 0) return 0;
  const sign = bytes[at] === MINUS ? -1 : 1;
  if (sign < 0) at++;
  for (; at < end; at++) {
    const digit = signed(bytes[at]!) - ZERO;
    if (digit > 9) break;
    value = (Math.imul(value, 10) + sign * digit) | 0;
  }
  return value;
}

/** Is this a port number, 0 to 65535, in HAProxy's strict reading? ("-0" and "-" are 0.) */
export function isPort(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length <= 0) return false;
  let at = offset;
  const end = offset + length;
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9 || value > INT_MAX / 10) return false;
    value = value * 10 + digit;
  }
  return negative ? value === 0 : value <= 65_535;
}

export const ADDRESS_NONE = 0;
export const ADDRESS_IPV4 = 4; // in `into.word`
export const ADDRESS_IPV6 = 6; // 16 bytes at `to`

/**
 * An address as proxies write it in headers: IPv4 with or without a port, IPv6 with or without brackets; nothing before
 * or behind it.
 * @param to where in `target` sixteen bytes may be written
 */
export function readAddress(
  bytes: Uint8Array,
  offset: number,
  length: number,
  into: { word: number },
  target: Uint8Array,
  to: number,
): number {
  const end = offset + length;
  const taken = readIpv4(bytes, offset, end, into);
  if (taken > 0) {
    if (taken === length) return ADDRESS_IPV4;
    if (bytes[offset + taken] === COLON && isPort(bytes, offset + taken + 1, length - taken - 1)) return ADDRESS_IPV4;
  }
  const bracketed = length >= 2 && bytes[offset] === 0x5b && bytes[end - 1] === 0x5d;
  const from = bracketed ? offset + 1 : offset;
  return parseInet6(bytes, from, (bracketed ? end - 1 : end) - from, target, to) ? ADDRESS_IPV6 : ADDRESS_NONE;
}

/** A path or URL hash step by step: h = byte + 65599·h, bytes signed (HAProxy's base32 and url32). */
export function hashBytes(hash: number, bytes: Uint8Array, offset: number, end: number): number {
  let value = hash;
  for (let at = offset; at < end; at++) value = (signed(bytes[at]!) + Math.imul(value, 65_599)) | 0;
  return value;
}
