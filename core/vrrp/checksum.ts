// The Internet checksum (RFC 1071) and the pseudo headers VRRP puts before it.

import { IPV4_BYTES } from './address.ts';

export const PROTOCOL_VRRP = 112;

/** Adds the bytes [start, end) as big-endian 16-bit words to a sum; an odd last byte counts as the high one. */
export function checksumAdd(sum: number, bytes: Uint8Array, start: number, end: number): number {
  let total = sum;
  let at = start;
  for (; at + 1 < end; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) total += bytes[at]! << 8;
  return total;
}

/** Folds a sum to its ones' complement: what goes into the checksum field. 0 when a correct field was in the sum. */
export function checksumFold(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x1_0000);
  return ~rest & 0xffff;
}

/**
 * Sum of the pseudo header: source, destination, zero, protocol, length. One sum for both families, since the
 * wider fields of IPv6's (RFC 8200 §8.1) only add zero words at our lengths.
 */
export function pseudoSum(source: Uint8Array, destination: Uint8Array, protocol: number, lengthBytes: number): number {
  let sum = checksumAdd(0, source, 0, source.length);
  sum = checksumAdd(sum, destination, 0, destination.length);
  return sum + protocol + lengthBytes;
}

/** 224.0.0.18: also keepalived ≤ 1.3.6's idea of a unicast packet's pseudo destination. */
export const MULTICAST_GROUP4 = new Uint8Array([224, 0, 0, 18]);
/** ff02::12 (RFC 9568 §5.1.2.2). */
export const MULTICAST_GROUP6 = new Uint8Array([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12]);

/**
 * Whether the checksum at offset `start + 6` is right. VRRPv2 covers the PDU alone (RFC 3768 §5.3.8). VRRPv3 over
 * IPv4 goes both ways in the wild: RFC 9568 §5.2.8 without a pseudo header, keepalived (and RFC 5798's reading)
 * with one, and old keepalived's with the multicast group even on unicast; all three are accepted, since each
 * catches the same transmission errors. VRRPv3 over IPv6 has exactly one form.
 */
export function isChecksumRight(
  version: number,
  source: Uint8Array,
  destination: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const sum = checksumAdd(0, bytes, start, end);
  const length = end - start;
  if (source.length !== IPV4_BYTES) {
    return checksumFold(sum + pseudoSum(source, destination, PROTOCOL_VRRP, length)) === 0;
  }
  if (checksumFold(sum) === 0) return true;
  if (version === 2) return false;
  if (checksumFold(sum + pseudoSum(source, destination, PROTOCOL_VRRP, length)) === 0) return true;
  return checksumFold(sum + pseudoSum(source, MULTICAST_GROUP4, PROTOCOL_VRRP, length)) === 0;
}
