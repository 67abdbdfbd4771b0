// IP addresses as text, written byte by byte into the arena: no string on the request path.

import { AF_INET } from '../io/net.ts';

const DOT = 46;
const COLON = 58;

/** Writes the address (words in big-endian order) at `at`; returns the offset after it. At most 45 bytes. */
export function writeAddress(
  bytes: Uint8Array,
  at: number,
  family: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): number {
  if (family === AF_INET) return writeQuad(bytes, at, word0);
  return writeInet6(bytes, at, word0, word1, word2, word3);
}

function writeQuad(bytes: Uint8Array, at: number, word: number): number {
  let out = writeDecimal(bytes, at, word >>> 24);
  bytes[out++] = DOT;
  out = writeDecimal(bytes, out, (word >>> 16) & 255);
  bytes[out++] = DOT;
  out = writeDecimal(bytes, out, (word >>> 8) & 255);
  bytes[out++] = DOT;
  return writeDecimal(bytes, out, word & 255);
}

/** Writes a number below 2^31 in decimal digits; returns the offset after it. */
export function writeDecimal(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++;
  let rest = value;
  for (let out = at + digits - 1; out >= at; out--) {
    bytes[out] = 48 + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return at + digits;
}

const groups = new Uint16Array(64); // 8 used; larger so that it lies outside V8's moving heap

// As inet_ntop(3): the longest run of two or more zero groups (the first of equals) becomes "::", and an IPv4
// address keeps its dots when mapped (::ffff:a.b.c.d) or compatible (::a.b.c.d).
function writeInet6(bytes: Uint8Array, at: number, w0: number, w1: number, w2: number, w3: number): number {
  groups[0] = w0 >>> 16;
  groups[1] = w0 & 0xffff;
  groups[2] = w1 >>> 16;
  groups[3] = w1 & 0xffff;
  groups[4] = w2 >>> 16;
  groups[5] = w2 & 0xffff;
  groups[6] = w3 >>> 16;
  groups[7] = w3 & 0xffff;
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > runLength) {
      runStart = start;
      runLength = length;
    }
  }
  const quadTail = runStart === 0 && (runLength === 6 || (runLength === 5 && groups[5] === 0xffff));
  let out = at;
  for (let index = 0; index < 8; index++) {
    if (runStart >= 0 && index >= runStart && index < runStart + runLength) {
      if (index === runStart) bytes[out++] = COLON;
      continue;
    }
    if (index !== 0) bytes[out++] = COLON;
    if (index === 6 && quadTail) return writeQuad(bytes, out, w3);
    out = writeHex(bytes, out, groups[index]!);
  }
  if (runStart >= 0 && runStart + runLength === 8) bytes[out++] = COLON;
  return out;
}

function writeHex(bytes: Uint8Array, at: number, value: number): number {
  let out = at;
  for (let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0; shift >= 0; shift -= 4) {
    const digit = (value >>> shift) & 15;
    bytes[out++] = digit < 10 ? 48 + digit : 87 + digit;
  }
  return out;
}
