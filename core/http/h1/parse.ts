// HTTP/1 message heads: bytes in, offsets out (RFC 9112 §2–§7), with HAProxy's tolerance and HAProxy's refusals.
//
// Pure: no engine, no clock, nothing allocated per message. Safe on hostile bytes: every exit is a verdict, never a
// throw, and no byte outside [start, end) is read or written. Bytes inside may be rewritten: names become lower case,
// folded lines are joined by spaces, cleaned values close up. A head may come in pieces: the parser continues at
// the first unfinished line, so that no byte is looked at more than three times however the pieces are cut.
//
// Start at parseRequestHead and parseResponseHead; parseFields is what both share with trailers.

import { assert } from '../../base/assert.ts';
import { headerIdOf } from '../header-names.ts';
import type { Head } from '../message.ts';
import * as message from '../message.ts';
import * as chars from './chars.ts';
import * as fields from './fields.ts';
import { parseKnownField } from './fields.ts';
import { frameRequest, frameResponse, frameTrailers } from './framing.ts';
import { parseRequestLine, parseStatusLine } from './start-line.ts';
import type { HeadLimits } from './verdict.ts';
import * as verdict from './verdict.ts';
import { viewOf } from './words.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use, which made
// these loops a third slower (h1.bench).
const { PARSE_FIELDS, PARSE_NOTHING, PARSE_START_LINE } = message;
const { COLON, CR, HT, LF, SP, TOKEN_LOWER, VALUE } = chars;
const { FIELD_DROP, FRAMING_FIELD, KIND_REQUEST, KIND_RESPONSE, KIND_TRAILERS } = fields;
const { HEAD_BAD_FIELD, HEAD_OK, HEAD_PARTIAL, HEAD_TARGET_TOO_LONG, HEAD_TOO_LARGE, HEAD_TOO_MANY_FIELDS } = verdict;

const NAME_BYTES_MAX = 255; // HAProxy's form counts the bytes of a name in one byte
const HIGH_BITS = 0x80808080 | 0; // bit 7 of each byte of a word

/**
 * Parses a request head (RFC 9112 §3, §5–§7) that begins at `start`; empty lines before it are skipped.
 * @param start offset of the first byte; the same in every call for one head
 * @param end offset after the last byte received so far
 * @param head filled in; valid when the verdict is HEAD_OK. Its body begins at head.endOffset
 * @returns HEAD_OK, HEAD_PARTIAL, or an error verdict; statusOfVerdict knows the answer to it
 */
export function parseRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: Head,
  limits: HeadLimits,
): number {
  // What lies beyond a full buffer is not part of the head, however much the caller has at hand.
  const stop = end - start > limits.headBytesMax ? start + limits.headBytesMax : end;
  if (head.parsePhase === PARSE_NOTHING) begin(head, start, limits);
  else if (!lineIsWhole(bytes, stop, head)) return wait(start, stop, head, limits);
  if (head.parsePhase === PARSE_START_LINE) {
    const next = parseRequestLine(bytes, head.lineOffset, stop, head, limits.relaxed);
    if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
    head.parsePhase = PARSE_FIELDS;
    head.lineOffset = next;
    if (head.versionLength === 0) {
      head.endOffset = next; // HTTP/0.9 has no lines
      return refuse(head, frameRequest(bytes, head, limits));
    }
  }
  const next = parseFields(bytes, head.lineOffset, stop, head, KIND_REQUEST, limits.headerCountMax, limits.relaxed);
  if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
  head.endOffset = next;
  return refuse(head, frameRequest(bytes, head, limits));
}

/**
 * Parses a response head (RFC 9112 §4–§7); the parameters are parseRequestHead's.
 * Interim responses (100, 102–199) are heads of their own: HEAD_NO_BODY, and the next head follows.
 * @param requestMethod METHOD_* of the request it answers: HEAD and CONNECT change the framing
 */
export function parseResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: Head,
  requestMethod: number,
  limits: HeadLimits,
): number {
  // What lies beyond a full buffer is not part of the head, however much the caller has at hand.
  const stop = end - start > limits.headBytesMax ? start + limits.headBytesMax : end;
  if (head.parsePhase === PARSE_NOTHING) begin(head, start, limits);
  else if (!lineIsWhole(bytes, stop, head)) return wait(start, stop, head, limits);
  if (head.parsePhase === PARSE_START_LINE) {
    const next = parseStatusLine(bytes, head.lineOffset, stop, head, limits.relaxed);
    if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
    head.parsePhase = PARSE_FIELDS;
    head.lineOffset = next;
  }
  const next = parseFields(bytes, head.lineOffset, stop, head, KIND_RESPONSE, limits.headerCountMax, limits.relaxed);
  if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
  head.endOffset = next;
  return refuse(head, frameResponse(head, requestMethod, limits));
}

/**
 * Parses a whole block of trailers (RFC 9112 §7.1.2), the empty line included. The caller has seen its end.
 * @returns HEAD_OK with the lines in `trailers` and endOffset after the block, HEAD_PARTIAL, or an error verdict
 */
export function parseTrailers(
  bytes: Uint8Array,
  start: number,
  end: number,
  trailers: Head,
  headerCountMax: number,
): number {
  assert(headerCountMax <= trailers.headerCountMax, 'the head has fewer columns than the limit allows lines');
  trailers.reset();
  trailers.startOffset = start;
  const next = parseFields(bytes, start, end, trailers, KIND_TRAILERS, headerCountMax, false);
  if (next < 0) return -next;
  trailers.endOffset = next;
  return frameTrailers(trailers);
}

function begin(head: Head, start: number, limits: HeadLimits): void {
  assert(limits.headerCountMax <= head.headerCountMax, 'the head has fewer columns than the limit allows lines');
  head.reset();
  head.parsePhase = PARSE_START_LINE;
  head.startOffset = start;
  head.lineOffset = start;
  head.scannedOffset = start;
}

/** Ends the parse with this verdict. */
function refuse(head: Head, verdict: number): number {
  head.parsePhase = PARSE_NOTHING;
  return verdict;
}

/** More bytes are needed, unless a buffer full of them was not enough. */
function wait(start: number, end: number, head: Head, limits: HeadLimits): number {
  if (end - start < limits.headBytesMax) return HEAD_PARTIAL;
  return refuse(head, head.parsePhase === PARSE_START_LINE ? HEAD_TARGET_TOO_LONG : HEAD_TOO_LARGE);
}

/** As wait, after a line was read up to `end` and did not end there. */
function waitFrom(start: number, end: number, head: Head, limits: HeadLimits): number {
  // The last two bytes are looked at again: they may be the line end whose line is whole once we see what follows.
  head.scannedOffset = Math.max(head.lineOffset, end - 2);
  return wait(start, end, head, limits);
}

/**
 * Does the unfinished line end before `end`, or does it hold a byte that no line holds? If neither, remembers how far
 * was looked. (Other errors in a line that has begun are seen when it ends.)
 */
function lineIsWhole(bytes: Uint8Array, end: number, head: Head): boolean {
  let p = head.scannedOffset;
  for (;;) {
    while (p < end && VALUE[bytes[p]!] === 1) p++;
    head.scannedOffset = p;
    if (p >= end) return false;
    let lineEnd = p;
    if (bytes[p] === CR) {
      lineEnd = p + 1;
      if (lineEnd >= end) return false;
    }
    if (bytes[lineEnd] !== LF) return true; // a NUL or a bare CR: refused, whatever follows
    if (head.parsePhase === PARSE_START_LINE || p === head.lineOffset) return true; // needs no look at what follows
    if (lineEnd + 1 >= end) return false;
    if (bytes[lineEnd + 1] !== SP && bytes[lineEnd + 1] !== HT) return true;
    p = lineEnd + 1; // folded: the line goes on
  }
}

/**
 * Reads header lines up to and with the empty one (RFC 9112 §5), appending them to the head's columns.
 * @returns the offset after the empty line, or a negative verdict; on -HEAD_PARTIAL head.lineOffset is the line to
 * read again
 */
function parseFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: Head,
  kind: number,
  headerCountMax: number,
  relaxed: boolean,
): number {
  const { headerId, headerFlags, nameOffset, nameLength, valueOffset, valueLength } = head;
  const view = viewOf(bytes);
  const wordEnd = end - 4;
  let index = head.headerCount;
  let p = start;
  for (;;) {
    const name = p;
    head.lineOffset = name;
    head.headerCount = index;
    if (p >= end) return -HEAD_PARTIAL;

    // Four bytes at once as far as they are letters or dashes; any other token byte is left to the loop below.
    // Setting bit 5 lower-cases a letter. A byte from 128 on may carry into the sums of the bytes after it, but
    // it fails by itself and only the bytes before the first that fails are taken.
    while (p <= wordEnd) {
      const raw = view.getInt32(p, true);
      const lower = raw | 0x20202020;
      const letters = (lower + 0x1f1f1f1f) & ~(lower + 0x05050505) & ~lower;
      const dash = raw ^ 0x2d2d2d2d;
      const others = ((dash & 0x7f7f7f7f) + 0x7f7f7f7f) | dash;
      const failing = ~letters & others & HIGH_BITS;
      if (failing !== 0) {
        const goodBits = 24 - Math.clz32(failing & -failing);
        const good = (1 << goodBits) - 1;
        view.setInt32(p, (lower & good) | (raw & ~good), true);
        p += goodBits >> 3;
        break;
      }
      view.setInt32(p, lower, true);
      p += 4;
    }
    while (p < end) {
      const lower = TOKEN_LOWER[bytes[p]!]!;
      if (lower === 0) break;
      bytes[p++] = lower;
    }
    if (p >= end) return -HEAD_PARTIAL;
    const nameBytes = p - name;
    if (nameBytes === 0 && !(relaxed && isName(bytes[p]!))) return endFields(bytes, p, end);
    if (bytes[p] !== COLON) {
      if (!relaxed) return -HEAD_BAD_FIELD;
      p = passOddLine(bytes, p, end);
      if (p < 0) return p;
      continue;
    }
    p++;
    while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;

    let value = p;
    let valueEnd = p;
    for (;;) {
      // Above 13 lies nothing that ends a value; of the few bytes below, only NUL, LF and CR do.
      while (p <= wordEnd) {
        const word = view.getInt32(p, true);
        const low = (word - 0x0e0e0e0e) & ~word & HIGH_BITS; // its lowest bit belongs to the first byte below 14
        if (low !== 0) {
          p += (31 - Math.clz32(low & -low)) >> 3;
          break;
        }
        p += 4;
      }
      while (p < end && (bytes[p]! > 13 || VALUE[bytes[p]!] === 1)) p++;
      if (p >= end) return -HEAD_PARTIAL;
      valueEnd = p;
      if (bytes[p] === CR) {
        p++;
        if (p >= end) return -HEAD_PARTIAL;
      }
      if (bytes[p] !== LF) {
        if (!relaxed || p !== valueEnd) return -HEAD_BAD_FIELD;
        p++; // a NUL: the value goes on
        continue;
      }
      p++;
      if (p >= end) return -HEAD_PARTIAL;
      if (bytes[p] !== SP && bytes[p] !== HT) break;
      for (let fold = valueEnd; fold < p; fold++) bytes[fold] = SP; // obs-fold (RFC 9112 §5.2)
    }
    while (value < valueEnd && (bytes[value] === SP || bytes[value] === HT)) value++;
    while (valueEnd > value && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HT)) valueEnd--;

    const id = headerIdOf(view, name, nameBytes);
    let valueBytes = valueEnd - value;
    if (FRAMING_FIELD[id] === 1) {
      const verdict = parseKnownField(bytes, head, id, value, valueBytes, kind, relaxed);
      if (verdict > HEAD_OK) return -verdict;
      if (verdict === FIELD_DROP) continue;
      value = head.editOffset;
      valueBytes = head.editLength;
    }
    if (index + 1 >= headerCountMax) return -HEAD_TOO_MANY_FIELDS; // one place is the empty line's
    if (nameBytes > NAME_BYTES_MAX) return -HEAD_BAD_FIELD;
    headerId[index] = id;
    headerFlags[index] = 0;
    nameOffset[index] = name;
    nameLength[index] = nameBytes;
    valueOffset[index] = value;
    valueLength[index] = valueBytes;
    index++;
  }
}

/** Relaxed limits let a line pass whose name is none, and forget it; returns the offset after it, or a negative verdict. */
function passOddLine(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end && bytes[p] !== COLON && bytes[p] !== LF) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (bytes[p] === LF) return -HEAD_BAD_FIELD;
  for (;;) {
    while (p < end && bytes[p] !== CR && bytes[p] !== LF) p++;
    if (p < end && bytes[p] === CR) p++;
    if (p + 1 >= end) return -HEAD_PARTIAL;
    if (bytes[p] !== LF) return -HEAD_BAD_FIELD;
    p++;
    if (bytes[p] !== SP && bytes[p] !== HT) return p;
  }
}

/** May a line begin with this byte, when any name is let pass? */
function isName(byte: number): boolean {
  return byte !== COLON && byte !== CR && byte !== LF;
}

/** Reads the empty line that a line without a name must be; returns the offset after it, or a negative verdict. */
function endFields(bytes: Uint8Array, p: number, end: number): number {
  if (bytes[p] === LF) return p + 1;
  if (bytes[p] !== CR) return -HEAD_BAD_FIELD;
  if (p + 1 >= end) return -HEAD_PARTIAL;
  return bytes[p + 1] === LF ? p + 2 : -HEAD_BAD_FIELD;
}
