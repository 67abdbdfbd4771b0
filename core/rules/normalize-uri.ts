// The normalizers of `http-request normalize-uri` (manual §4.4, RFC 3986 §6.2.2): bytes in, bytes out.
//
// Each reads bytes[from, to) and writes its result to `out` at [at, limit); input and output must not overlap. No normalizer sees more of the target than its row in NORMALIZERS says.

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';

/** The result does not fit. */
export const NORMALIZE_FULL = -1;
/** Under `strict`: a percent sign without two hexadecimal digits. The request is a bad one. */
export const NORMALIZE_INVALID = -2;

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const HASH = 0x23;
const AMPERSAND = 0x26;
const EQUALS = 0x3d;

/** Where the result ends, or NORMALIZE_…. */
export type Normalizer = (
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
) => number;

/** The part of the target that goes in and is replaced. */
export const PART_PATH = 0; // without the query
export const PART_PATH_AND_QUERY = 1;
export const PART_QUERY = 2; // what follows `?`

/** Runs of slashes become one. */
export function mergeSlashes(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  if (at + (to - from) > limit) return NORMALIZE_FULL;
  let end = at;
  for (let index = from; index < to; index++) {
    const byte = bytes[index]!;
    if (byte === SLASH && index > from && bytes[index - 1] === SLASH) continue;
    out[end++] = byte;
  }
  return end;
}

/** Segments `.` are taken out with the slash behind them. */
export function stripDot(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  if (at + (to - from) > limit) return NORMALIZE_FULL;
  let end = at;
  let index = from;
  while (index < to) {
    const segment = index;
    while (index < to && bytes[index] !== SLASH) index++;
    const segmentEnd = index < to ? ++index : index;
    const length = segmentEnd - segment;
    const isDot = bytes[segment] === DOT && (length === 1 || (length === 2 && bytes[segment + 1] === SLASH));
    if (!isDot) end = writeBytes(out, end, bytes, segment, length);
  }
  return end;
}

/** `..` segments take the segment before them away; those that find none stay in front. */
export function stripDotDot(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return takeUp(bytes, from, to, out, at, limit, false);
}

/** As stripDotDot; those that find none go too. */
export function stripDotDotFull(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return takeUp(bytes, from, to, out, at, limit, true);
}

// Read from the end, so that how many segments are still to be taken away is known when one is met. The result is written
// from its end, too, and then moved to the front.
function takeUp(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
  full: boolean,
): number {
  // `/..` becomes `/../`: one byte more than it was.
  const tail = at + (to - from) + 1;
  if (tail > limit) return NORMALIZE_FULL;
  let head = tail;
  let up = 0;
  let index = to - 1;
  // The last segment may be one without a slash behind it.
  if (index - from >= 2 && isUp(bytes, index - 2)) {
    up++;
    index -= 2;
  }
  while (index >= from) {
    if (index - from >= 3 && bytes[index] === SLASH && isUp(bytes, index - 3)) {
      up++;
      index -= 3;
    } else if (up > 0) {
      index--; // the slash behind the segment
      if (index < from) break; // the front is reached: `up` segments found nothing
      up--;
      while (index >= from && bytes[index] !== SLASH) index--;
    } else {
      out[--head] = bytes[index--]!;
      while (index >= from && bytes[index] !== SLASH) out[--head] = bytes[index--]!;
    }
  }
  if (up > 0) {
    out[--head] = SLASH;
    for (; up > 0 && !full; up--) {
      out[--head] = DOT;
      out[--head] = DOT;
      out[--head] = SLASH;
    }
  }
  assert(head >= at, 'a path without its dots is longer than its room');
  if (head > at) out.copyWithin(at, head, tail);
  return at + (tail - head);
}

function isUp(bytes: Uint8Array, index: number): boolean {
  return bytes[index] === SLASH && bytes[index + 1] === DOT && bytes[index + 2] === DOT;
}

/** The digits of percent encodings in upper case. */
export function percentToUppercase(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return percents(bytes, from, to, out, at, limit, false, false);
}

export function percentToUppercaseStrict(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return percents(bytes, from, to, out, at, limit, true, false);
}

/** Percent encodings of letters, digits, `-`, `.`, `_` and `~` become these characters. */
export function percentDecodeUnreserved(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return percents(bytes, from, to, out, at, limit, false, true);
}

export function percentDecodeUnreservedStrict(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  return percents(bytes, from, to, out, at, limit, true, true);
}

function percents(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
  strict: boolean,
  decodes: boolean,
): number {
  if (at + (to - from) > limit) return NORMALIZE_FULL;
  let end = at;
  for (let index = from; index < to; index++) {
    const byte = bytes[index]!;
    if (byte !== PERCENT) {
      out[end++] = byte;
      continue;
    }
    const high = index + 2 < to ? hexValue(bytes[index + 1]!) : -1;
    const low = high < 0 ? -1 : hexValue(bytes[index + 2]!);
    if (low < 0) {
      if (strict) return NORMALIZE_INVALID;
      out[end++] = byte;
      continue;
    }
    const value = high * 16 + low;
    if (decodes && isUnreserved(value)) out[end++] = value;
    else {
      out[end] = byte;
      out[end + 1] = decodes ? bytes[index + 1]! : upper(bytes[index + 1]!);
      out[end + 2] = decodes ? bytes[index + 2]! : upper(bytes[index + 2]!);
      end += 3;
    }
    index += 2;
  }
  return end;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function upper(byte: number): number {
  return byte >= 0x61 ? byte - 0x20 : byte;
}

/** RFC 3986 §2.3. */
function isUnreserved(byte: number): boolean {
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === DOT || byte === 0x5f || byte === 0x7e;
}

/** Everything from the first `#` on goes. */
export function fragmentStrip(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  let end = from;
  while (end < to && bytes[end] !== HASH) end++;
  return at + (end - from) > limit ? NORMALIZE_FULL : writeBytes(out, at, bytes, from, end - from);
}

/** Every `#` becomes `%23`. */
export function fragmentEncode(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  let end = at;
  for (let index = from; index < to; index++) {
    if (end + 3 > limit) return NORMALIZE_FULL;
    const byte = bytes[index]!;
    if (byte !== HASH) {
      out[end++] = byte;
      continue;
    }
    out[end] = PERCENT;
    out[end + 1] = 0x32;
    out[end + 2] = 0x33;
    end += 3;
  }
  return end;
}

// HAProxy's limit: as many parameters as its 16-byte strings fill a buffer of 16 KiB. More are refused as out of room.
const PARAM_COUNT_MAX = 1024;
const paramStarts = new Int32Array(PARAM_COUNT_MAX);
const paramEnds = new Int32Array(PARAM_COUNT_MAX);
let order = new Uint16Array(PARAM_COUNT_MAX);
let sorted = new Uint16Array(PARAM_COUNT_MAX);

/**
 * Parameters between `&` sorted by their names' bytes, shorter names first; equal names keep their order.
 * One `&` at the very end ends no further parameter and is lost, as in HAProxy.
 */
export function querySortByName(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  if (at + (to - from) > limit) return NORMALIZE_FULL;
  let count = 0;
  for (let index = from; index < to; index++) {
    if (count === PARAM_COUNT_MAX) return NORMALIZE_FULL;
    paramStarts[count] = index;
    while (index < to && bytes[index] !== AMPERSAND) index++;
    paramEnds[count] = index;
    order[count] = count;
    count++;
  }
  sortParams(bytes, count);
  let end = at;
  for (let rank = 0; rank < count; rank++) {
    if (rank > 0) out[end++] = AMPERSAND;
    const param = order[rank]!;
    end = writeBytes(out, end, bytes, paramStarts[param]!, paramEnds[param]! - paramStarts[param]!);
  }
  return end;
}

// A merge sort, bottom up: stable, and no order of parameters makes it slow.
function sortParams(bytes: Uint8Array, count: number): void {
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += width * 2) {
      merge(bytes, start, Math.min(start + width, count), Math.min(start + width * 2, count));
    }
    const swap = order;
    order = sorted;
    sorted = swap;
  }
}

function merge(bytes: Uint8Array, start: number, middle: number, end: number): void {
  let left = start;
  let right = middle;
  for (let index = start; index < end; index++) {
    const takesLeft = left < middle && (right >= end || compareNames(bytes, order[left]!, order[right]!) <= 0);
    sorted[index] = takesLeft ? order[left++]! : order[right++]!;
  }
}

function compareNames(bytes: Uint8Array, a: number, b: number): number {
  const startA = paramStarts[a]!;
  const startB = paramStarts[b]!;
  const lengthA = nameLength(bytes, startA, paramEnds[a]!);
  const lengthB = nameLength(bytes, startB, paramEnds[b]!);
  const common = Math.min(lengthA, lengthB);
  for (let index = 0; index < common; index++) {
    const difference = bytes[startA + index]! - bytes[startB + index]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

function nameLength(bytes: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && bytes[end] !== EQUALS) end++;
  return end - from;
}

/** Name on the configuration's line, its option (`full`, `strict`) and what it works on. */
export const NORMALIZERS: readonly {
  readonly name: string;
  readonly option: string; // '' without
  readonly part: number;
  readonly run: Normalizer;
}[] = [
  { name: 'path-merge-slashes', option: '', part: PART_PATH, run: mergeSlashes },
  { name: 'path-strip-dot', option: '', part: PART_PATH, run: stripDot },
  { name: 'path-strip-dotdot', option: '', part: PART_PATH, run: stripDotDot },
  { name: 'path-strip-dotdot', option: 'full', part: PART_PATH, run: stripDotDotFull },
  { name: 'query-sort-by-name', option: '', part: PART_QUERY, run: querySortByName },
  { name: 'percent-to-uppercase', option: '', part: PART_PATH_AND_QUERY, run: percentToUppercase },
  { name: 'percent-to-uppercase', option: 'strict', part: PART_PATH_AND_QUERY, run: percentToUppercaseStrict },
  { name: 'percent-decode-unreserved', option: '', part: PART_PATH_AND_QUERY, run: percentDecodeUnreserved },
  {
    name: 'percent-decode-unreserved',
    option: 'strict',
    part: PART_PATH_AND_QUERY,
    run: percentDecodeUnreservedStrict,
  },
  { name: 'fragment-strip', option: '', part: PART_PATH_AND_QUERY, run: fragmentStrip },
  { name: 'fragment-encode', option: '', part: PART_PATH_AND_QUERY, run: fragmentEncode },
];
