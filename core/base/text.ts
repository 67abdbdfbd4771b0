// Numbers, addresses and dates as ASCII, appended to bytes: each function writes at `at` and returns where it ended.
// The caller has made sure of the room.

const ZERO = 0x30;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;

/** Three letters a month, as the C locale has them. */
export const MONTH_LETTERS = asciiBytes('JanFebMarAprMayJunJulAugSepOctNovDec');

/** The bytes of an ASCII (or any UTF-8) constant; for set-up, it allocates. */
export function asciiBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const copyBytes = Buffer.prototype.copy;
const LOOP_BYTES_MAX = 8; // up to here a loop is faster than the call

/** Copies text[offset, offset + length). Makes no view: Buffer.copy takes ranges. */
export function writeBytes(bytes: Uint8Array, at: number, text: Uint8Array, offset: number, length: number): number {
  if (length > LOOP_BYTES_MAX) {
    copyBytes.call(text, bytes, at, offset, offset + length);
    return at + length;
  }
  for (let index = 0; index < length; index++) bytes[at + index] = text[offset + index]!;
  return at + length;
}

// "000" to "999": three digits without a division.
const TRIPLES = asciiBytes(Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0')).join(''));

/** A whole number of up to 2^53 in decimal, with its sign; at most 17 bytes. */
export function writeInt(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    if (value < 0) return writeNegative(bytes, at, value);
    bytes[at] = ZERO + value;
    return at + 1;
  }
  if (value < 1000) {
    const triple = value * 3;
    if (value < 100) {
      bytes[at] = TRIPLES[triple + 1]!;
      bytes[at + 1] = TRIPLES[triple + 2]!;
      return at + 2;
    }
    return writeTriple(bytes, at, value);
  }
  const high = value < 0x3fff_ffff ? (value / 1000) | 0 : Math.floor(value / 1000);
  return writeTriple(bytes, writeInt(bytes, at, high), value - high * 1000);
}

function writeNegative(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = MINUS;
  return writeInt(bytes, at + 1, -value);
}

/** 0–999 as three digits. */
export function writeTriple(bytes: Uint8Array, at: number, value: number): number {
  const triple = value * 3;
  bytes[at] = TRIPLES[triple]!;
  bytes[at + 1] = TRIPLES[triple + 1]!;
  bytes[at + 2] = TRIPLES[triple + 2]!;
  return at + 3;
}

/** The last `digits` decimal digits of a number below 2^31, with leading zeros. */
export function writePadded(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let left = value | 0;
  for (let index = at + digits - 1; index >= at; index--) {
    const next = (left / 10) | 0;
    bytes[index] = ZERO + (left - next * 10);
    left = next;
  }
  return at + digits;
}

/** Four bytes as a dotted quad; at most 15 bytes. */
export function writeInet(bytes: Uint8Array, at: number, address: Uint8Array, offset: number): number {
  let next = writeInt(bytes, at, address[offset]!);
  for (let index = 1; index < 4; index++) {
    bytes[next] = DOT;
    next = writeInt(bytes, next + 1, address[offset + index]!);
  }
  return next;
}

/** Sixteen bytes as inet_ntop(3) writes them (RFC 5952; embedded IPv4 keeps its dots); at most 45 bytes. */
export function writeInet6(bytes: Uint8Array, at: number, address: Uint8Array): number {
  const run = longestZeroRun(address);
  const runStart = run >> 4;
  const runLength = run & 15;
  const quadTail =
    runLength >= 2 && runStart === 0 && (runLength === 6 || (runLength === 5 && group(address, 5) === 0xffff));
  let next = at;
  for (let index = 0; index < 8; index++) {
    if (runLength >= 2 && index >= runStart && index < runStart + runLength) {
      if (index === runStart) bytes[next++] = COLON;
      continue;
    }
    if (index !== 0) bytes[next++] = COLON;
    if (index === 6 && quadTail) return writeInet(bytes, next, address, 12);
    next = writeHex(bytes, next, group(address, index));
  }
  if (runLength >= 2 && runStart + runLength === 8) bytes[next++] = COLON;
  return next;
}

function group(address: Uint8Array, index: number): number {
  return (address[index * 2]! << 8) | address[index * 2 + 1]!;
}

// The first of the longest runs of zero groups: start in the high bits, length in the low four.
function longestZeroRun(address: Uint8Array): number {
  let best = 0;
  let bestStart = 0;
  let length = 0;
  for (let index = 0; index < 8; index++) {
    length = group(address, index) === 0 ? length + 1 : 0;
    if (length > best) {
      best = length;
      bestStart = index - length + 1;
    }
  }
  return (bestStart << 4) | best;
}

function writeHex(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0;
  for (; shift >= 0; shift -= 4) {
    const digit = (value >> shift) & 15;
    bytes[next++] = digit < 10 ? ZERO + digit : 0x57 + digit;
  }
  return next;
}
