// VRRP packets: bytes from fields and fields from bytes (RFC 9568 §5, RFC 3768 §5, with keepalived's layout of the
// authentication forms). For IPv4 the IP header is part of it, since raw sockets send and receive it with us.
//
// Safe on hostile bytes: parsePacket gives null or fields whose offsets lie within the bytes; nothing throws.

import { assert } from '../base/assert.ts';
import type { IpFamily } from '../model/vrrp.ts';
import { IPV4_BYTES } from './address.ts';
import { AH_BYTES, AH_ICV_OFFSET, ahIcv, PASS_BYTES, type Sequence, TRAILER_BYTES, writeTrailer } from './auth.ts';
import { checksumAdd, checksumFold, PROTOCOL_VRRP, pseudoSum } from './checksum.ts';
import type { AdvertFact } from './contract.ts';
import { CENTISECOND_MS } from './timers.ts';

export const PROTOCOL_AH = 51;
export const IPV4_HEADER_BYTES = 20;
export const VRRP_HEADER_BYTES = 8;
export const TYPE_ADVERTISEMENT = 1;
const TOS_INTERNETWORK_CONTROL = 0xc0;
const AH_LENGTH_WORDS = 4; // in 32-bit words, minus 2
const FRAGMENT_BITS = 0x3fff; // more fragments, and the offset

export const AUTH_TYPE = { none: 0, pass: 1, ah: 2 } as const;

/** Everything an advertisement says, whomever it goes to. */
export interface AdvertSpec {
  version: 2 | 3;
  vrid: number;
  priority: number; // 0: we stop
  advertIntMs: number;
  addresses: readonly Uint8Array[]; // in the order they are advertised
  auth: keyof typeof AUTH_TYPE;
  authKey: Uint8Array; // 8 bytes; unused with 'none'
  pseudoHeader: boolean; // v3 over IPv4: checksum with (keepalived) or without (RFC 9568) pseudo header
  source: Uint8Array;
  ttl: number;
  ipId: number;
  ahSequence: number;
  unicast: boolean;
  trailer: { keyId: number; key: Uint8Array; sequence: Sequence } | null;
}

/** The packet for one destination: with IPv4 header for IPv4 (header checksum left to the kernel), the PDU for IPv6. */
export function encodeAdvert(spec: AdvertSpec, destination: Uint8Array): Uint8Array {
  const isInet = spec.source.length === IPV4_BYTES;
  assert(spec.source.length === destination.length, 'source and destination are of one family');
  assert(spec.addresses.length <= 255, 'an advertisement counts at most 255 addresses');
  const ahBytes = isInet && spec.auth === 'ah' ? AH_BYTES : 0;
  const headBytes = isInet ? IPV4_HEADER_BYTES + ahBytes : 0;
  const pduBytes =
    VRRP_HEADER_BYTES + spec.addresses.length * destination.length + (spec.version === 2 && isInet ? PASS_BYTES : 0); // always there over IPv4, zeros unless PASS
  const bytes = new Uint8Array(headBytes + pduBytes + (spec.trailer === null ? 0 : TRAILER_BYTES));
  if (isInet) writeIpHeader(bytes, spec, destination, ahBytes > 0 ? PROTOCOL_AH : PROTOCOL_VRRP);
  const pduEnd = headBytes + pduBytes;
  writePdu(bytes, headBytes, pduEnd, spec);
  if (spec.trailer !== null) {
    const { keyId, key, sequence } = spec.trailer;
    writeTrailer(bytes, headBytes, pduEnd, spec.source, keyId, key, sequence);
  }
  // Over IPv6 the kernel's checksum covers the whole payload; over IPv4 a trailer stays outside.
  writeChecksum(bytes, headBytes, isInet ? pduEnd : bytes.length, spec, destination);
  if (ahBytes > 0) writeAh(bytes, spec);
  return bytes;
}

function writeIpHeader(bytes: Uint8Array, spec: AdvertSpec, destination: Uint8Array, protocol: number): void {
  bytes[0] = 0x45;
  bytes[1] = TOS_INTERNETWORK_CONTROL;
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length & 255;
  bytes[4] = (spec.ipId >> 8) & 255;
  bytes[5] = spec.ipId & 255;
  bytes[8] = spec.ttl;
  bytes[9] = protocol;
  bytes.set(spec.source, 12);
  bytes.set(destination, 16);
}

function writePdu(bytes: Uint8Array, start: number, end: number, spec: AdvertSpec): void {
  bytes[start] = (spec.version << 4) | TYPE_ADVERTISEMENT;
  bytes[start + 1] = spec.vrid;
  bytes[start + 2] = spec.priority;
  bytes[start + 3] = spec.addresses.length;
  if (spec.version === 2) {
    bytes[start + 4] = AUTH_TYPE[spec.auth];
    bytes[start + 5] = Math.round(spec.advertIntMs / 1000);
    if (spec.auth === 'pass') bytes.set(spec.authKey, end - PASS_BYTES);
  } else {
    const centiseconds = Math.round(spec.advertIntMs / CENTISECOND_MS);
    bytes[start + 4] = (centiseconds >> 8) & 0x0f;
    bytes[start + 5] = centiseconds & 255;
  }
  let at = start + VRRP_HEADER_BYTES;
  for (const address of spec.addresses) {
    bytes.set(address, at);
    at += address.length;
  }
}

function writeChecksum(bytes: Uint8Array, start: number, end: number, spec: AdvertSpec, destination: Uint8Array): void {
  let sum = checksumAdd(0, bytes, start, end);
  const isInet6 = destination.length !== IPV4_BYTES;
  if (isInet6 || (spec.version === 3 && spec.pseudoHeader)) {
    sum += pseudoSum(spec.source, destination, PROTOCOL_VRRP, end - start);
  }
  const checksum = checksumFold(sum);
  bytes[start + 6] = checksum >> 8;
  bytes[start + 7] = checksum & 255;
}

function writeAh(bytes: Uint8Array, spec: AdvertSpec): void {
  const at = IPV4_HEADER_BYTES;
  bytes[at] = PROTOCOL_VRRP;
  bytes[at + 1] = AH_LENGTH_WORDS;
  bytes.set(spec.source, at + 4); // SPI
  new DataView(bytes.buffer).setUint32(at + 8, spec.ahSequence);
  bytes.set(ahIcv(bytes, at, spec.authKey, spec.unicast), at + AH_ICV_OFFSET);
}

/** A received packet, taken apart but not yet believed. Offsets lie within `bytes`. */
export interface ReceivedAdvert {
  family: IpFamily;
  bytes: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  ttl: number; // -1: the kernel did not say
  ahOffset: number; // -1: none
  start: number; // of the VRRP header
  end: number; // of what the IP header says is payload, never past what was received
  totalLength: number; // the IP header's word, or what was received for IPv6
  version: number;
  type: number;
  vrid: number;
  priority: number;
  count: number;
  authType: number; // v2
  advertSeconds: number; // v2
  centiseconds: number; // v3
}

/** The fields of a packet; null when it is too short to name a virtual router, or no VRRP at all. */
export function parsePacket(fact: AdvertFact): ReceivedAdvert | null {
  return fact.family === 'inet' ? parseInet(fact.bytes) : parseInet6(fact);
}

function parseInet(bytes: Uint8Array): ReceivedAdvert | null {
  if (bytes.length < IPV4_HEADER_BYTES || bytes[0]! >> 4 !== 4) return null;
  const headerBytes = (bytes[0]! & 15) * 4; // options are skipped
  if (headerBytes < IPV4_HEADER_BYTES) return null;
  if ((((bytes[6]! << 8) | bytes[7]!) & FRAGMENT_BITS) !== 0) return null; // the kernel reassembles
  const protocol = bytes[9]!;
  if (protocol !== PROTOCOL_VRRP && protocol !== PROTOCOL_AH) return null;
  const totalLength = (bytes[2]! << 8) | bytes[3]!;
  const start = headerBytes + (protocol === PROTOCOL_AH ? AH_BYTES : 0);
  const end = Math.min(bytes.length, totalLength);
  if (end < start + VRRP_HEADER_BYTES) return null;
  const source = bytes.slice(12, 16);
  const destination = bytes.slice(16, 20);
  const ahOffset = protocol === PROTOCOL_AH ? headerBytes : -1;
  return fieldsOf('inet', bytes, source, destination, bytes[8]!, ahOffset, start, end, totalLength);
}

function parseInet6(fact: AdvertFact): ReceivedAdvert | null {
  const { bytes, source, destination, hopLimit } = fact;
  if (bytes.length < VRRP_HEADER_BYTES || source.length !== 16 || destination.length !== 16) return null;
  return fieldsOf('inet6', bytes, source.slice(), destination.slice(), hopLimit, -1, 0, bytes.length, bytes.length);
}

function fieldsOf(
  family: IpFamily,
  bytes: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
  ttl: number,
  ahOffset: number,
  start: number,
  end: number,
  totalLength: number,
): ReceivedAdvert {
  const word = (bytes[start + 4]! << 8) | bytes[start + 5]!;
  return {
    ...{ family, bytes, source, destination, ttl, ahOffset, start, end, totalLength },
    version: bytes[start]! >> 4,
    type: bytes[start]! & 15,
    vrid: bytes[start + 1]!,
    priority: bytes[start + 2]!,
    count: bytes[start + 3]!,
    authType: word >> 8,
    advertSeconds: word & 255,
    centiseconds: word & 0x0fff,
  };
}

/** How long the VRRP PDU must be by its own count of addresses (and v2's authentication data). */
export function pduLength(advert: ReceivedAdvert): number {
  const addressBytes = advert.family === 'inet' ? 4 : 16;
  const tail = advert.version === 2 && advert.family === 'inet' ? PASS_BYTES : 0;
  return VRRP_HEADER_BYTES + advert.count * addressBytes + tail;
}
