// The hash functions of `hash-type` (manual §4.2) and the hash of `balance source`.
//
// All give unsigned 32 bits. The functions themselves: sdbm (hash × 65599 + byte), djb2 (hash × 33 + byte from
// 5381), wt6, CRC-32 as in IEEE 802.3, and `none`, which reads the key as a decimal number.

import type { HashType } from '../model/proxy.ts';

const ADDRESS_WORD_BYTES = 4;

/**
 * The hash of `balance source`: the address's 32-bit words in network order, XORed; 4 bytes for IPv4, 16 for
 * IPv6. The hash function of `hash-type` does not take part, only its avalanche does.
 */
export function hashSource(bytes: Uint8Array, start: number, end: number, avalanche: boolean): number {
  let hash = 0;
  for (let at = start; at + ADDRESS_WORD_BYTES <= end; at += ADDRESS_WORD_BYTES) {
    hash ^= (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  return avalanche ? mix(hash) : hash >>> 0;
}

/** The hash of a key (uri, header, parameter …) as `hash-type` says. */
export function hashKey(type: HashType, bytes: Uint8Array, start: number, end: number): number {
  const hash = hashWith(type.function, bytes, start, end);
  return type.avalanche ? mix(hash) : hash;
}

function hashWith(name: HashType['function'], bytes: Uint8Array, start: number, end: number): number {
  switch (name) {
    case 'sdbm':
      return hashSdbm(bytes, start, end);
    case 'djb2':
      return hashDjb2(bytes, start, end);
    case 'wt6':
      return hashWt6(bytes, start, end);
    case 'crc32':
      return hashCrc32(bytes, start, end);
    case 'none':
      return readNumber(bytes, start, end);
  }
}

/**
 * A full avalanche over 32 bits (one of Bob Jenkins' integer hashes), then a multiplication that spreads close
 * values over the whole range. Also places servers on the consistent ring.
 */
export function mix(value: number): number {
  let a = value | 0;
  a = (a + 0x7ed55d16 + (a << 12)) | 0;
  a = a ^ 0xc761c23c ^ (a >>> 19);
  a = (a + 0x165667b1 + (a << 5)) | 0;
  a = ((a + 0xd3a2646c) | 0) ^ (a << 9);
  a = (a + 0xfd7046c5 + (a << 3)) | 0;
  a = a ^ 0xb55a4f09 ^ (a >>> 16);
  return Math.imul(a, 0xc0000001) >>> 0;
}

export function hashSdbm(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 65599) + bytes[at]!) | 0;
  return hash >>> 0;
}

export function hashDjb2(bytes: Uint8Array, start: number, end: number): number {
  let hash = 5381;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 33) + bytes[at]!) | 0;
  return hash >>> 0;
}

export function hashWt6(bytes: Uint8Array, start: number, end: number): number {
  let a = 0xa53c965a | 0;
  let b = 0x5ca6953a | 0;
  let turnA = 6;
  let turnB = 18;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    a = ~(a ^ byte);
    b = ~(b + byte);
    const turned = rotateLeft(b, turnA);
    b = rotateLeft(a, turnB);
    a = turned;
    const steps = ((a >>> 16) ^ b) & 0xffff;
    turnA = steps & 31;
    turnB = steps >>> 11;
  }
  return (a ^ b) >>> 0;
}

// JavaScript takes shift counts modulo 32, so a turn by 0 comes out right.
function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

const crcTable = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  crcTable[byte] = crc;
}

export function hashCrc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

const TWO_32 = 0x1_0000_0000;
const HALF_64_HIGH = 0x8000_0000; // high word of 2^63
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;

/** A signed 64-bit decimal number's low 32 bits; digits up to the first other byte; what overflows saturates. */
export function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = at < end && bytes[at] === MINUS;
  if (negative || (at < end && bytes[at] === PLUS)) at++;
  let high = 0;
  let low = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) break;
    low = low * 10 + digit;
    const carry = Math.floor(low / TWO_32);
    low -= carry * TWO_32;
    high = high * 10 + carry;
    if (high >= HALF_64_HIGH) return negative ? 0 : 0xffffffff; // the ends of the signed range
  }
  return negative ? -low >>> 0 : low;
}
