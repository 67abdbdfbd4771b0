// Authentication of adverts: the clear-text password of RFC 2338 §5.3 as keepalived keeps it, the AH header
// (RFC 2402) with HMAC-MD5-96, and keepalived ≥ 2.4.2's auth_hmac trailer. Pure functions over bytes.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert.ts';

export const PASS_BYTES = 8;
export const AH_BYTES = 24;
export const AH_ICV_OFFSET = 12;
export const ICV_BYTES = 12;
export const TRAILER_BYTES = 28;
const TRAILER_HMAC_OFFSET = 12;
const TRAILER_HMAC_BYTES = 16;
const TRAILER_TYPE_SHA256 = 1;
const PSEUDO_BYTES = 20;
const ZERO_HMAC = new Uint8Array(TRAILER_HMAC_BYTES);
const ZERO_CHECKSUM = new Uint8Array(2);

/** auth_pass as it is on the wire: its first 8 bytes, zero-padded. Also AH's key. */
export function passwordBytes(password: string): Uint8Array {
  const bytes = new Uint8Array(PASS_BYTES);
  bytes.set(new TextEncoder().encode(password).subarray(0, PASS_BYTES));
  return bytes;
}

/** Compares in constant time; different lengths are never equal. */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * The 12-byte ICV over IP header, AH and VRRP PDU. Mutable fields count as zero: TOS, fragment offset, header
 * checksum, and on unicast the TTL (multicast is checked to be 255 anyway).
 * @param ahOffset where the AH header begins in `packet` (the IP header's length)
 */
export function ahIcv(packet: Uint8Array, ahOffset: number, key: Uint8Array, unicast: boolean): Uint8Array {
  assert(packet.length >= ahOffset + AH_BYTES, 'the packet holds its AH header');
  const copy = new Uint8Array(packet);
  copy[1] = 0;
  copy.fill(0, 6, 8);
  if (unicast) copy[8] = 0;
  copy.fill(0, 10, 12);
  copy.fill(0, ahOffset + AH_ICV_OFFSET, ahOffset + AH_BYTES);
  return new Uint8Array(createHmac('md5', key).update(copy).digest().subarray(0, ICV_BYTES));
}

/** A sequence of 64 bits: seconds in the high word; 1/65536 s and a counter in the low one. */
export interface Sequence {
  high: number;
  low: number;
}

/** a is after b in serial arithmetic (RFC 1982) over 64 bits. */
export function isSequenceAfter(a: Sequence, b: Sequence): boolean {
  const borrow = a.low < b.low ? 1 : 0;
  const high = (a.high - b.high - borrow) | 0;
  if (high !== 0) return high > 0;
  return a.low !== b.low;
}

function clockSequence(wallMs: number): Sequence {
  const seconds = Math.floor(wallMs / 1000);
  const subsec = Math.floor(((wallMs - seconds * 1000) * 65_536) / 1000) & 0xffff;
  return { high: seconds >>> 0, low: (subsec << 16) >>> 0 };
}

/**
 * The next sequence to send: the clock, or one more than the last if the clock has not moved. A clock that was set
 * back further than the window starts again from itself: receivers would find the old line stale.
 */
export function nextSequence(last: Sequence, wallMs: number, windowMs: number): Sequence {
  const clock = clockSequence(wallMs);
  if (isSequenceAfter(clock, last)) return clock;
  if (((last.high - clock.high) | 0) > windowMs / 1000) return clock;
  return last.low === 0xffff_ffff ? { high: (last.high + 1) >>> 0, low: 0 } : { high: last.high, low: last.low + 1 };
}

function trailerHmac(
  key: Uint8Array,
  version: number,
  vrid: number,
  source: Uint8Array,
  bytes: Uint8Array,
  start: number,
  hmacAt: number,
): Uint8Array {
  const pseudo = new Uint8Array(PSEUDO_BYTES);
  pseudo[0] = source.length === 4 ? 4 : 6;
  pseudo[1] = version;
  pseudo[2] = vrid;
  pseudo.set(source, 4);
  const hmac = createHmac('sha256', key).update(pseudo);
  // The checksum counts as zero: over IPv6 the kernel writes it after us.
  hmac.update(bytes.subarray(start, start + 6)).update(ZERO_CHECKSUM);
  hmac.update(bytes.subarray(start + 8, hmacAt)).update(ZERO_HMAC);
  return new Uint8Array(hmac.digest().subarray(0, TRAILER_HMAC_BYTES));
}

/**
 * Writes the trailer at `at`, directly after the PDU that begins at `start`. The destination is not part of it, so
 * one trailer serves all unicast peers.
 */
export function writeTrailer(
  bytes: Uint8Array,
  start: number,
  at: number,
  source: Uint8Array,
  keyId: number,
  key: Uint8Array,
  sequence: Sequence,
): void {
  assert(at + TRAILER_BYTES <= bytes.length, 'the packet has room for its trailer');
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES);
  view.setUint8(0, TRAILER_TYPE_SHA256);
  view.setUint8(1, keyId);
  view.setUint16(2, 0);
  view.setUint32(4, sequence.high);
  view.setUint32(8, sequence.low);
  const hmacAt = at + TRAILER_HMAC_OFFSET;
  bytes.set(trailerHmac(key, bytes[start]! >> 4, bytes[start + 1]!, source, bytes, start, hmacAt), hmacAt);
}

/** The last sequence accepted of one sender. */
export interface SenderSequence extends Sequence {
  source: number[];
}

export type TrailerVerdict = 'ok' | 'malformed' | 'unknown-key' | 'invalid-hmac' | 'stale' | 'replay';

// Concurrent legitimate senders of one VRID are few; more would let a replayed stranger grow our memory.
const SENDERS_MAX = 4;

function secondsOff(sequence: Sequence, wallMs: number): number {
  return (Math.floor(wallMs / 1000) - sequence.high) | 0;
}

/**
 * Verifies a trailer and raises the sender's mark. The order matters: stale is cheap and is asked first, the mark
 * moves only after the HMAC was right.
 * @param seen changed in place; oldest used first
 */
export function verifyTrailer(
  bytes: Uint8Array,
  start: number,
  at: number,
  source: Uint8Array,
  keys: readonly { id: number; secret: Uint8Array }[],
  windowMs: number,
  wallMs: number,
  seen: SenderSequence[],
): TrailerVerdict {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES);
  if (view.getUint8(0) !== TRAILER_TYPE_SHA256 || view.getUint16(2) !== 0) return 'malformed';
  const sequence: Sequence = { high: view.getUint32(4), low: view.getUint32(8) };
  const windowSeconds = windowMs / 1000;
  if (Math.abs(secondsOff(sequence, wallMs)) > windowSeconds) return 'stale';
  const key = keys.find((each) => each.id === view.getUint8(1));
  if (key === undefined) return 'unknown-key';
  const hmacAt = at + TRAILER_HMAC_OFFSET;
  const wanted = trailerHmac(key.secret, bytes[start]! >> 4, bytes[start + 1]!, source, bytes, start, hmacAt);
  if (!sameSecret(wanted, bytes.subarray(hmacAt, hmacAt + TRAILER_HMAC_BYTES))) return 'invalid-hmac';

  const index = seen.findIndex((each) => each.source.every((byte, at) => byte === source[at]));
  const sender = index >= 0 ? seen.splice(index, 1)[0]! : null;
  // A mark outside the window only orders packets that are stale anyway; forgetting it frees a sender whose clock
  // was set back.
  const isMarkFresh = sender !== null && Math.abs(secondsOff(sender, wallMs)) <= windowSeconds;
  if (isMarkFresh && !isSequenceAfter(sequence, sender)) {
    seen.push(sender);
    return 'replay';
  }
  seen.push({ source: [...source], high: sequence.high, low: sequence.low });
  if (seen.length > SENDERS_MAX) seen.shift();
  return 'ok';
}
