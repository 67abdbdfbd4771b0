// The 32-bit hashes of converters: bytes in, an unsigned number out. The same values as HAProxy's, since maps, stick tables
// and hashes of other balancers are built on them.

function crcTable(polynomial: number): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = (word >>> 1) ^ (word & 1 ? polynomial : 0);
    table[byte] = word;
  }
  return table;
}

const CRC32 = crcTable(0xedb88320); // IEEE 802.3, reflected
const CRC32C = crcTable(0x82f63b78); // RFC 4960 appendix B, reflected

function crc(table: Int32Array, bytes: Uint8Array, offset: number, length: number): number {
  let word = -1;
  for (let at = offset; at < offset + length; at++) word = (word >>> 8) ^ table[(word ^ bytes[at]!) & 0xff]!;
  return ~word >>> 0;
}

export function crc32(bytes: Uint8Array, offset: number, length: number): number {
  return crc(CRC32, bytes, offset, length);
}

export function crc32c(bytes: Uint8Array, offset: number, length: number): number {
  return crc(CRC32C, bytes, offset, length);
}

export function djb2(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 5381;
  for (let at = offset; at < offset + length; at++) hash = ((hash << 5) + hash + bytes[at]!) | 0;
  return hash >>> 0;
}

export function sdbm(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0;
  for (let at = offset; at < offset + length; at++) hash = (bytes[at]! + (hash << 6) + (hash << 16) - hash) | 0;
  return hash >>> 0;
}

// Two words that are complemented, rotated by what they hold, and swapped at every byte.
export function wt6(bytes: Uint8Array, offset: number, length: number): number {
  let first = 0xa53c965a | 0;
  let second = 0x5ca6953a | 0;
  let firstTurn = 6;
  let secondTurn = 18;
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at]!;
    first = ~(first ^ byte);
    second = ~(second + byte);
    const turned = (second << firstTurn) | (second >>> (32 - firstTurn));
    second = (first << secondTurn) | (first >>> (32 - secondTurn));
    first = turned;
    const mixed = ((first >>> 16) ^ second) & 0xffff;
    firstTurn = mixed & 31;
    secondTurn = mixed >>> 11;
  }
  return (first ^ second) >>> 0;
}

/** Spreads a 32-bit hash over all its bits (Bob Jenkins' full avalanche, then a multiplication): the flag `1` of converters. */
export function avalanche(hash: number): number {
  let word = hash | 0;
  word = (word + 0x7ed55d16 + (word << 12)) | 0;
  word = word ^ 0xc761c23c ^ (word >>> 19);
  word = (word + 0x165667b1 + (word << 5)) | 0;
  word = ((word + 0xd3a2646c) | 0) ^ (word << 9);
  word = (word + 0xfd7046c5 + (word << 3)) | 0;
  word = word ^ 0xb55a4f09 ^ (word >>> 16);
  return Math.imul(word, 3_221_225_473) >>> 0;
}
