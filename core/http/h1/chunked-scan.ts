// Whether a chunked body has come whole, without touching it: for rules that look at bodies before they are forwarded.

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
/** More digits than any size that fits in 2⁵³. */
const SIZE_DIGITS_MAX = 13;

/** The body's end has not come yet. */
export const CHUNKS_UNFINISHED = -1;
/** No chunked body looks like this: the decoder will say so in its own time. */
export const CHUNKS_FAULTY = -2;

/** @returns the offset after the trailers' empty line, CHUNKS_UNFINISHED or CHUNKS_FAULTY (RFC 9112 §7.1) */
export function findChunksEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (;;) {
    let size = 0;
    let digits = 0;
    for (let value = hexValue(bytes, at, to); value >= 0; value = hexValue(bytes, ++at, to)) {
      size = size * 16 + value;
      if (++digits > SIZE_DIGITS_MAX) return CHUNKS_FAULTY;
    }
    if (at >= to) return CHUNKS_UNFINISHED;
    const next = bytes[at]!;
    if (digits === 0 || (next !== CR && next !== LF && next !== SEMICOLON && next !== 32 && next !== 9)) {
      return CHUNKS_FAULTY;
    }
    at = lineEnd(bytes, at, to);
    if (at < 0) return CHUNKS_UNFINISHED;
    if (size === 0) return trailersEnd(bytes, at, to);
    if (size > to - at) return CHUNKS_UNFINISHED;
    at += size;
    at = lineEnd(bytes, at, to);
    if (at < 0) return CHUNKS_UNFINISHED;
  }
}

function trailersEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (;;) {
    const end = lineEnd(bytes, at, to);
    if (end < 0) return CHUNKS_UNFINISHED;
    const isEmpty = end - at === 1 || (end - at === 2 && bytes[at] === CR);
    if (isEmpty) return end;
    at = end;
  }
}

// After the next LF, or −1.
function lineEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (bytes[at] === LF) return at + 1;
  return -1;
}

function hexValue(bytes: Uint8Array, at: number, to: number): number {
  if (at >= to) return -1;
  const byte = bytes[at]!;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
