// The PROXY protocol's header, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): bytes in, addresses out, and back.
//
// Pure: no engine, no clock, nothing allocated per header. Safe on hostile bytes: every exit is a verdict. Start at
// parseProxyHeader; writeProxyV1 and writeProxyV2 are its mirror. Addresses are network-order bytes: 4 of an array
// of 16 for IPv4. HAProxy wants the whole header in the first segment; whether PARTIAL means waiting is the caller's.

import { assert } from '../base/assert.ts';
import { writeDecimal } from './address-text.ts';

/** Verdicts. The errors are HAProxy's fc_err PRX_NOT_HDR, PRX_BAD_HDR and PRX_BAD_PROTO. */
export const PROXY_OK = 1;
export const PROXY_PARTIAL = 0; // right so far
export const PROXY_NOT_HEADER = -1; // no PROXY header begins like this
export const PROXY_BAD_HEADER = -2; // malformed, over a limit, or its checksum is wrong
export const PROXY_BAD_PROTOCOL = -3; // version 1 with a word other than TCP4, TCP6 and UNKNOWN
export type ProxyVerdict = 1 | 0 | -1 | -2 | -3;

/** Longest version 1 line, CRLF included (§2.1). */
export const PROXY_V1_BYTES_MAX = 107;
/** Longest version 2 header: HAProxy takes no more than its default buffer. */
export const PROXY_V2_BYTES_MAX = 16_384;
const TLV_VALUE_BYTES_MAX = 1024; // HAProxy's limit for any one
const AUTHORITY_BYTES_MAX = 255;
const UNIQUE_ID_BYTES_MAX = 128;

export const PP2_TYPE_ALPN = 0x01;
export const PP2_TYPE_AUTHORITY = 0x02;
export const PP2_TYPE_CRC32C = 0x03;
export const PP2_TYPE_NOOP = 0x04;
export const PP2_TYPE_UNIQUE_ID = 0x05;
export const PP2_TYPE_SSL = 0x20;
export const PP2_TYPE_NETNS = 0x30;

/** Families of an endpoint. */
export const PROXY_FAMILY_NONE = 0; // unknown: the real connection's addresses count
export const PROXY_FAMILY_INET = 4;
export const PROXY_FAMILY_INET6 = 6;

const V1_PREFIX = bytesOf('PROXY ');
const V2_SIGNATURE = new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
const V2_LOCAL = 0x20;
const V2_PROXY = 0x21;
const V2_TCP4 = 0x11;
const V2_TCP6 = 0x21;
const TLV_HEADER_BYTES = 3;

const WORD_TCP4 = bytesOf('TCP4 ');
const WORD_TCP6 = bytesOf('TCP6 ');
const WORD_UNKNOWN = bytesOf('UNKNOWN');
const LINE_UNKNOWN = bytesOf('PROXY UNKNOWN\r\n');

const CR = 13;
const LF = 10;
const SPACE = 32;
const DOT = 46;
const COLON = 58;
const DIGIT_0 = 48;

/** Who speaks to whom. Both families are the same after parsing; for writing they may differ. */
export class ProxyAddresses {
  sourceFamily = PROXY_FAMILY_NONE;
  destinationFamily = PROXY_FAMILY_NONE;
  sourcePort = 0;
  destinationPort = 0;
  readonly source = new Uint8Array(16);
  readonly destination = new Uint8Array(16);
}

/** What parseProxyHeader found; made once and used for many. Only meaningful after PROXY_OK. */
export class ProxyHeader {
  version = 0; // 1 or 2
  local = false; // v2 LOCAL: the sender speaks for itself, as health checks do
  consumedBytes = 0; // the header's length: what follows is the connection's own
  readonly addresses = new ProxyAddresses();
  tlvStart = 0; // absolute offsets in the bytes parsed; well-formed TLVs, none when equal
  tlvEnd = 0;
  valueOffset = 0; // set by findTlv
  valueBytes = 0;
}

/** Reads the header at bytes[start, end). */
export function parseProxyHeader(bytes: Uint8Array, start: number, end: number, out: ProxyHeader): ProxyVerdict {
  assert(start >= 0 && start <= end && end <= bytes.length, 'the range lies outside its bytes');
  out.version = 0;
  out.local = false;
  out.consumedBytes = 0;
  out.tlvStart = 0;
  out.tlvEnd = 0;
  clearAddresses(out.addresses);
  if (start === end) return PROXY_PARTIAL;
  const signature = bytes[start] === CR ? V2_SIGNATURE : V1_PREFIX;
  const known = Math.min(end - start, signature.length);
  if (!matches(bytes, start, end, signature, known)) return PROXY_NOT_HEADER;
  if (known < signature.length) return PROXY_PARTIAL;
  const verdict = signature === V1_PREFIX ? parseV1(bytes, start, end, out) : parseV2(bytes, start, end, out);
  if (verdict === PROXY_OK) assert(start + out.consumedBytes <= end, 'the PROXY header parser walked past its input');
  else clearAddresses(out.addresses);
  return verdict;
}

/** Looks for the first TLV of `type`; true sets `valueOffset` and `valueBytes`. `bytes` are those that were parsed. */
export function findTlv(header: ProxyHeader, bytes: Uint8Array, type: number): boolean {
  for (let at = header.tlvStart; at < header.tlvEnd; ) {
    const valueBytes = read16(bytes, at + 1);
    if (bytes[at] === type) {
      header.valueOffset = at + TLV_HEADER_BYTES;
      header.valueBytes = valueBytes;
      return true;
    }
    at += TLV_HEADER_BYTES + valueBytes;
  }
  return false;
}

// Version 1, §2.1: the line is looked at only when its CRLF is there.
function parseV1(bytes: Uint8Array, start: number, end: number, out: ProxyHeader): ProxyVerdict {
  const limit = Math.min(end, start + PROXY_V1_BYTES_MAX);
  let lineEnd = start + V1_PREFIX.length;
  while (lineEnd < limit && bytes[lineEnd] !== CR && bytes[lineEnd] !== LF) lineEnd++;
  if (lineEnd + 1 >= limit) {
    if (limit === start + PROXY_V1_BYTES_MAX) return PROXY_BAD_HEADER;
    return lineEnd < limit && bytes[lineEnd] === LF ? PROXY_BAD_HEADER : PROXY_PARTIAL;
  }
  if (bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) return PROXY_BAD_HEADER;
  out.version = 1;
  out.consumedBytes = lineEnd + 2 - start;
  const word = start + V1_PREFIX.length;
  if (matches(bytes, word, lineEnd, WORD_TCP4, WORD_TCP4.length)) {
    return parseV1Endpoints(bytes, word + WORD_TCP4.length, lineEnd, PROXY_FAMILY_INET, out.addresses);
  }
  if (matches(bytes, word, lineEnd, WORD_TCP6, WORD_TCP6.length)) {
    return parseV1Endpoints(bytes, word + WORD_TCP6.length, lineEnd, PROXY_FAMILY_INET6, out.addresses);
  }
  if (!matches(bytes, word, lineEnd, WORD_UNKNOWN, WORD_UNKNOWN.length)) return PROXY_BAD_PROTOCOL;
  // Whatever a sender adds to UNKNOWN is to be ignored (§2.1), but it is another word without the space.
  const after = word + WORD_UNKNOWN.length;
  return after === lineEnd || bytes[after] === SPACE ? PROXY_OK : PROXY_BAD_PROTOCOL;
}

function parseV1Endpoints(
  bytes: Uint8Array,
  start: number,
  end: number,
  family: number,
  out: ProxyAddresses,
): ProxyVerdict {
  const sourceEnd = fieldEnd(bytes, start, end);
  const destinationEnd = fieldEnd(bytes, sourceEnd + 1, end);
  const sourcePortEnd = fieldEnd(bytes, destinationEnd + 1, end);
  if (sourcePortEnd >= end) return PROXY_BAD_HEADER;
  const parse = family === PROXY_FAMILY_INET ? parseInet : parseInet6;
  if (!parse(bytes, start, sourceEnd, out.source, 0)) return PROXY_BAD_HEADER;
  if (!parse(bytes, sourceEnd + 1, destinationEnd, out.destination, 0)) return PROXY_BAD_HEADER;
  const sourcePort = parseDecimal(bytes, destinationEnd + 1, sourcePortEnd, 65_535);
  const destinationPort = parseDecimal(bytes, sourcePortEnd + 1, end, 65_535);
  if (sourcePort < 0 || destinationPort < 0) return PROXY_BAD_HEADER;
  out.sourceFamily = family;
  out.destinationFamily = family;
  out.sourcePort = sourcePort;
  out.destinationPort = destinationPort;
  return PROXY_OK;
}

// Version 2, §2.2.
function parseV2(bytes: Uint8Array, start: number, end: number, out: ProxyHeader): ProxyVerdict {
  if (end - start > V2_SIGNATURE.length) {
    const command = bytes[start + 12]!;
    if (command >> 4 !== 2) return PROXY_NOT_HEADER;
    if (command !== V2_LOCAL && command !== V2_PROXY) return PROXY_BAD_HEADER;
  }
  if (end - start < V2_FIXED_BYTES) return PROXY_PARTIAL;
  const totalBytes = V2_FIXED_BYTES + read16(bytes, start + 14);
  if (totalBytes > PROXY_V2_BYTES_MAX) return PROXY_BAD_HEADER;
  const addressBytes = addressBytesOf(bytes[start + 13]!, totalBytes - V2_FIXED_BYTES);
  if (addressBytes < 0) return PROXY_BAD_HEADER;
  if (end - start < totalBytes) return PROXY_PARTIAL;
  out.version = 2;
  out.local = bytes[start + 12] === V2_LOCAL;
  out.consumedBytes = totalBytes;
  if (!out.local) takeV2Addresses(bytes, start, out.addresses);
  out.tlvStart = start + V2_FIXED_BYTES + addressBytes;
  out.tlvEnd = start + totalBytes;
  return checkTlvs(bytes, start, out);
}

// Length of the address block for this family and transport, at most `limit`, or -1 for what must be refused. Of an
// unspecified family nobody knows where the TLVs would begin: HAProxy's own LOCAL headers have them at once.
function addressBytesOf(family: number, limit: number): number {
  const transport = family & 15;
  if (transport > 2) return -1;
  const addressBytes = family >> 4 === 0 ? 0 : family >> 4 === 1 ? 12 : family >> 4 === 2 ? 36 : 216;
  if (family >> 4 > 3) return -1;
  return addressBytes <= limit ? addressBytes : -1;
}

// Only TCP is forwarded here: for datagrams and unix sockets the connection's own addresses count.
function takeV2Addresses(bytes: Uint8Array, start: number, out: ProxyAddresses): void {
  const family = bytes[start + 13];
  if (family !== V2_TCP4 && family !== V2_TCP6) return;
  const addressBytes = family === V2_TCP4 ? 4 : 16;
  const at = start + V2_FIXED_BYTES;
  for (let index = 0; index < addressBytes; index++) {
    out.source[index] = bytes[at + index]!;
    out.destination[index] = bytes[at + addressBytes + index]!;
  }
  out.sourcePort = read16(bytes, at + 2 * addressBytes);
  out.destinationPort = read16(bytes, at + 2 * addressBytes + 2);
  out.sourceFamily = family === V2_TCP4 ? PROXY_FAMILY_INET : PROXY_FAMILY_INET6;
  out.destinationFamily = out.sourceFamily;
}

// Every TLV ends within the header and keeps its limit; the checksum, where there is one, is right (§2.2.3).
function checkTlvs(bytes: Uint8Array, start: number, out: ProxyHeader): ProxyVerdict {
  let checksumOffset = -1;
  let at = out.tlvStart;
  while (at < out.tlvEnd) {
    if (at + TLV_HEADER_BYTES > out.tlvEnd) return PROXY_BAD_HEADER;
    const type = bytes[at]!;
    const valueBytes = read16(bytes, at + 1);
    const valueOffset = at + TLV_HEADER_BYTES;
    at = valueOffset + valueBytes;
    if (at > out.tlvEnd || valueBytes > TLV_VALUE_BYTES_MAX) return PROXY_BAD_HEADER;
    if (type === PP2_TYPE_AUTHORITY && valueBytes > AUTHORITY_BYTES_MAX) return PROXY_BAD_HEADER;
    if (type === PP2_TYPE_UNIQUE_ID && valueBytes > UNIQUE_ID_BYTES_MAX) return PROXY_BAD_HEADER;
    if (type !== PP2_TYPE_CRC32C) continue;
    if (valueBytes !== 4 || checksumOffset >= 0) return PROXY_BAD_HEADER;
    checksumOffset = valueOffset;
  }
  if (checksumOffset < 0) return PROXY_OK;
  const wanted = (read16(bytes, checksumOffset) << 16) | read16(bytes, checksumOffset + 2);
  return crc32c(bytes, start, out.tlvEnd, checksumOffset) === wanted ? PROXY_OK : PROXY_BAD_HEADER;
}

/**
 * Writes a version 1 line at bytes[offset] and returns its length, at most PROXY_V1_BYTES_MAX, which must fit.
 * UNKNOWN when an address is; IPv4 beside IPv6 is written as ::ffff:a.b.c.d.
 */
export function writeProxyV1(bytes: Uint8Array, offset: number, addresses: ProxyAddresses): number {
  assert(offset + PROXY_V1_BYTES_MAX <= bytes.length, 'no room for a PROXY v1 line');
  const family = commonFamily(addresses);
  if (family === PROXY_FAMILY_NONE) return put(bytes, offset, LINE_UNKNOWN) - offset;
  let at = put(bytes, offset, V1_PREFIX);
  at = put(bytes, at, family === PROXY_FAMILY_INET ? WORD_TCP4 : WORD_TCP6);
  at = writeAddress(bytes, at, family, addresses.sourceFamily, addresses.source);
  bytes[at++] = SPACE;
  at = writeAddress(bytes, at, family, addresses.destinationFamily, addresses.destination);
  bytes[at++] = SPACE;
  at = writeDecimal(bytes, at, addresses.sourcePort);
  bytes[at++] = SPACE;
  at = writeDecimal(bytes, at, addresses.destinationPort);
  bytes[at++] = CR;
  bytes[at++] = LF;
  assert(at - offset <= PROXY_V1_BYTES_MAX, 'a PROXY v1 line grew beyond its limit');
  return at - offset;
}

/** What `proxy-v2-options` asks for (manual §5.2). null: none. Over its limit, a value is left out. */
export interface ProxyTlvs {
  crc32c: boolean;
  authority: Uint8Array | null;
  uniqueId: Uint8Array | null;
}

/** Room that any header of writeProxyV2 fits in. */
export const PROXY_V2_WRITE_BYTES_MAX =
  V2_FIXED_BYTES +
  36 + // two IPv6 addresses and ports
  (TLV_HEADER_BYTES + 4) + // crc32c
  (TLV_HEADER_BYTES + AUTHORITY_BYTES_MAX) +
  (TLV_HEADER_BYTES + UNIQUE_ID_BYTES_MAX);

/**
 * Writes a version 2 header at bytes[offset] and returns its length, at most PROXY_V2_WRITE_BYTES_MAX, which must
 * fit. LOCAL when an address is unknown. The TLVs stand in HAProxy's order.
 */
export function writeProxyV2(bytes: Uint8Array, offset: number, addresses: ProxyAddresses, tlvs: ProxyTlvs): number {
  assert(offset + PROXY_V2_WRITE_BYTES_MAX <= bytes.length, 'no room for a PROXY v2 header');
  const family = commonFamily(addresses);
  let at = put(bytes, offset, V2_SIGNATURE);
  bytes[at] = family === PROXY_FAMILY_NONE ? V2_LOCAL : V2_PROXY;
  bytes[at + 1] = family === PROXY_FAMILY_NONE ? 0 : family === PROXY_FAMILY_INET ? V2_TCP4 : V2_TCP6;
  at += 4; // the length is written last
  if (family !== PROXY_FAMILY_NONE) {
    at = putAddress(bytes, at, family, addresses.sourceFamily, addresses.source);
    at = putAddress(bytes, at, family, addresses.destinationFamily, addresses.destination);
    at = write16(bytes, at, addresses.sourcePort);
    at = write16(bytes, at, addresses.destinationPort);
  }
  let checksumOffset = -1;
  if (tlvs.crc32c) {
    checksumOffset = at + TLV_HEADER_BYTES;
    at = writeTlvHeader(bytes, at, PP2_TYPE_CRC32C, 4) + 4;
  }
  at = writeTlv(bytes, at, PP2_TYPE_AUTHORITY, tlvs.authority, AUTHORITY_BYTES_MAX);
  at = writeTlv(bytes, at, PP2_TYPE_UNIQUE_ID, tlvs.uniqueId, UNIQUE_ID_BYTES_MAX);
  write16(bytes, offset + 14, at - offset - V2_FIXED_BYTES);
  if (checksumOffset >= 0) {
    const checksum = crc32c(bytes, offset, at, checksumOffset);
    write16(bytes, checksumOffset, checksum >>> 16);
    write16(bytes, checksumOffset + 2, checksum & 0xffff);
  }
  assert(at - offset <= PROXY_V2_WRITE_BYTES_MAX, 'a PROXY v2 header grew beyond its limit');
  return at - offset;
}

// The family both addresses can be written in, or none.
function commonFamily(addresses: ProxyAddresses): number {
  const { sourceFamily, destinationFamily } = addresses;
  if (sourceFamily === PROXY_FAMILY_NONE || destinationFamily === PROXY_FAMILY_NONE) return PROXY_FAMILY_NONE;
  if (sourceFamily === PROXY_FAMILY_INET && destinationFamily === PROXY_FAMILY_INET) return PROXY_FAMILY_INET;
  return PROXY_FAMILY_INET6;
}

function clearAddresses(addresses: ProxyAddresses): void {
  addresses.sourceFamily = PROXY_FAMILY_NONE;
  addresses.destinationFamily = PROXY_FAMILY_NONE;
  addresses.sourcePort = 0;
  addresses.destinationPort = 0;
  addresses.source.fill(0);
  addresses.destination.fill(0);
}

function matches(bytes: Uint8Array, at: number, end: number, word: Uint8Array, length: number): boolean {
  if (at + length > end) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== word[index]) return false;
  return true;
}

// Where the field that begins at `at` ends: the next space, or `end`.
function fieldEnd(bytes: Uint8Array, at: number, end: number): number {
  let cursor = at;
  while (cursor < end && bytes[cursor] !== SPACE) cursor++;
  return cursor;
}

// Digits only, no leading zero, at most `limit`; -1 otherwise.
function parseDecimal(bytes: Uint8Array, start: number, end: number, limit: number): number {
  if (start >= end || end - start > 5) return -1;
  if (bytes[start] === DIGIT_0 && end - start > 1) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - DIGIT_0;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= limit ? value : -1;
}

/** A dotted address of exactly [start, end), as inet_pton(3) takes it, to out[outOffset, +4). */
export function parseInet(bytes: Uint8Array, start: number, end: number, out: Uint8Array, outOffset: number): boolean {
  let at = start;
  for (let index = 0; index < 4; index++) {
    let partEnd = at;
    while (partEnd < end && bytes[partEnd] !== DOT) partEnd++;
    if (partEnd === end && index < 3) return false;
    if (index === 3 && partEnd !== end) return false;
    const value = parseDecimal(bytes, at, partEnd, 255);
    if (value < 0) return false;
    out[outOffset + index] = value;
    at = partEnd + 1;
  }
  return true;
}

/** As inet_pton(3): groups of 1 to 4 hex digits, one `::` for at least one group, an IPv4 tail for the last two. */
export function parseInet6(bytes: Uint8Array, start: number, end: number, out: Uint8Array, outOffset: number): boolean {
  let groupCount = 0;
  let gapAt = -1; // how many groups stand before the `::`
  let at = start;
  if (at < end && bytes[at] === COLON) {
    if (at + 1 >= end || bytes[at + 1] !== COLON) return false;
    gapAt = 0;
    at += 2;
  }
  while (at < end) {
    const groupEnd = hexEnd(bytes, at, end);
    if (groupEnd < end && bytes[groupEnd] === DOT) {
      if (groupCount > 6 || !parseInet(bytes, at, end, out, outOffset + groupCount * 2)) return false;
      groupCount += 2;
      at = end;
      break;
    }
    if (groupEnd === at || groupEnd - at > 4 || groupCount === 8) return false;
    let value = 0;
    for (let cursor = at; cursor < groupEnd; cursor++) value = (value << 4) | hexValue(bytes[cursor]!);
    out[outOffset + groupCount * 2] = value >> 8;
    out[outOffset + groupCount * 2 + 1] = value & 255;
    groupCount++;
    at = groupEnd;
    if (at === end) break;
    if (bytes[at] !== COLON) return false;
    at++;
    if (at === end) return false; // a colon at the end that is not of a `::`
    if (bytes[at] === COLON) {
      if (gapAt >= 0) return false;
      gapAt = groupCount;
      at++;
    }
  }
  return gapAt < 0 ? groupCount === 8 : openGap(out, outOffset, groupCount, gapAt);
}

// Moves the groups behind the `::` to the end and zeroes what it stands for.
function openGap(out: Uint8Array, outOffset: number, groupCount: number, gapAt: number): boolean {
  if (groupCount > 7) return false;
  const from = outOffset + gapAt * 2;
  const to = from + 16 - groupCount * 2;
  out.copyWithin(to, from, outOffset + groupCount * 2);
  out.fill(0, from, to);
  return true;
}

function hexEnd(bytes: Uint8Array, at: number, end: number): number {
  let cursor = at;
  while (cursor < end && hexValue(bytes[cursor]!) >= 0) cursor++;
  return cursor;
}

function hexValue(byte: number): number {
  if (byte >= DIGIT_0 && byte <= 57) return byte - DIGIT_0;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

// Sixteen bytes of an address of either family, in `mapped`.
const mapped = new Uint8Array(16);

function mapAddress(ownFamily: number, address: Uint8Array): Uint8Array {
  if (ownFamily === PROXY_FAMILY_INET6) return address;
  mapped.fill(0);
  mapped[10] = 0xff;
  mapped[11] = 0xff;
  for (let index = 0; index < 4; index++) mapped[12 + index] = address[index]!;
  return mapped;
}

function putAddress(bytes: Uint8Array, at: number, family: number, ownFamily: number, address: Uint8Array): number {
  const addressBytes = family === PROXY_FAMILY_INET ? 4 : 16;
  const source = family === PROXY_FAMILY_INET ? address : mapAddress(ownFamily, address);
  for (let index = 0; index < addressBytes; index++) bytes[at + index] = source[index]!;
  return at + addressBytes;
}

function writeAddress(bytes: Uint8Array, at: number, family: number, ownFamily: number, address: Uint8Array): number {
  if (family === PROXY_FAMILY_INET) return writeInet(bytes, at, address, 0);
  return writeInet6(bytes, at, mapAddress(ownFamily, address));
}

function writeInet(bytes: Uint8Array, offset: number, address: Uint8Array, addressOffset: number): number {
  let at = offset;
  for (let index = 0; index < 4; index++) {
    if (index > 0) bytes[at++] = DOT;
    at = writeDecimal(bytes, at, address[addressOffset + index]!);
  }
  return at;
}

// As inet_ntop(3): the longest run of two zero groups or more is `::`; addresses that hold an IPv4 show its dots.
function writeInet6(bytes: Uint8Array, offset: number, address: Uint8Array): number {
  let gapStart = -1;
  let gapCount = 1;
  for (let start = 0; start < 8; start++) {
    let count = 0;
    while (start + count < 8 && group(address, start + count) === 0) count++;
    if (count > gapCount) {
      gapStart = start;
      gapCount = count;
    }
  }
  const holdsInet = gapStart === 0 && (gapCount === 6 || (gapCount === 5 && group(address, 5) === 0xffff));
  let at = offset;
  for (let index = 0; index < 8; index++) {
    if (index === gapStart) {
      bytes[at++] = COLON;
      index += gapCount - 1;
      if (index === 7) bytes[at++] = COLON;
      continue;
    }
    if (index > 0) bytes[at++] = COLON;
    if (holdsInet && index === 6) return writeInet(bytes, at, address, 12);
    at = writeHex(bytes, at, group(address, index));
  }
  return at;
}

function group(address: Uint8Array, index: number): number {
  return read16(address, index * 2);
}

function writeHex(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  for (let shift = 12; shift >= 0; shift -= 4) {
    if (value >> shift === 0 && shift > 0) continue;
    const digit = (value >> shift) & 15;
    bytes[at++] = digit < 10 ? DIGIT_0 + digit : 87 + digit;
  }
  return at;
}

function writeTlvHeader(bytes: Uint8Array, at: number, type: number, valueBytes: number): number {
  bytes[at] = type;
  write16(bytes, at + 1, valueBytes);
  if (type === PP2_TYPE_CRC32C) bytes.fill(0, at + TLV_HEADER_BYTES, at + TLV_HEADER_BYTES + valueBytes);
  return at + TLV_HEADER_BYTES;
}

function writeTlv(bytes: Uint8Array, at: number, type: number, value: Uint8Array | null, limit: number): number {
  if (value === null || value.length > limit) return at;
  const valueOffset = writeTlvHeader(bytes, at, type, value.length);
  for (let index = 0; index < value.length; index++) bytes[valueOffset + index] = value[index]!;
  return valueOffset + value.length;
}

function put(bytes: Uint8Array, at: number, source: Uint8Array): number {
  for (let index = 0; index < source.length; index++) bytes[at + index] = source[index]!;
  return at + source.length;
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function write16(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 255;
  return at + 2;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

// CRC32c (RFC 9260 appendix A), reflected, polynomial 0x1EDC6F41.
const CRC_TABLE = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  CRC_TABLE[byte] = value;
}

// Of bytes[start, end), the four at `zeroOffset` taken as zero (-1: none). A signed 32-bit number.
function crc32c(bytes: Uint8Array, start: number, end: number, zeroOffset: number): number {
  let crc = -1;
  for (let at = start; at < end; at++) {
    const byte = zeroOffset >= 0 && at >= zeroOffset && at < zeroOffset + 4 ? 0 : bytes[at]!;
    crc = CRC_TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8);
  }
  return ~crc;
}
