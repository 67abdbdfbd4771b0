// HTTP/1 message heads: a Head back to bytes, in the form HAProxy gives them. Names are lower case already (the
// parser saw to it), order is kept, removed lines are left out, our own Connection line comes last.
//
// What arrived in that very form is copied in as few pieces as possible: often a head is one run of bytes.
// Start at writeRequestHead and writeResponseHead.

import type { Head } from '../message.ts';
import * as message from '../message.ts';
import { reasonOf } from '../reason.ts';
import * as chars from './chars.ts';
import { wordOf } from './chars.ts';
import * as fields from './fields.ts';
import { connectionOption, elementEnd, trimmedLength } from './fields.ts';
import { viewOf } from './words.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use, which made
// these loops a third slower (h1.bench).
const { HEAD_HTTP_10, HEAD_NOT_HTTP, HEADER_CONNECTION, HEADER_REMOVED, HEADER_TE } = message;
const { COLON, COMMA, CR, HT, LF, SP } = chars;
const { SAW_CLOSE, SAW_KEEP_ALIVE, SAW_UPGRADE_TOKEN } = fields;

/** What our own Connection line says; none at all for the default of the version spoken. */
export const CONNECTION_NONE = 0;
export const CONNECTION_CLOSE = 1;
export const CONNECTION_KEEP_ALIVE = 2;

const COLON_SP = 0x203a; // as 16-bit words
const CR_LF = 0x0a0d;

/** It does not fit. */
export const WRITE_FULL = -1;

const COPY_LOOP_BYTES_MAX = 64; // below this a loop beats the call of copyWithin (h1.bench)

const CLOSE_LINE = wordOf('connection: close\r\n');
const KEEP_ALIVE_LINE = wordOf('connection: keep-alive\r\n');
const CONNECTION_START = wordOf('connection: ');
const TE_LINE = wordOf('te: trailers\r\n');
const TRAILERS = wordOf('trailers');
const VERSION_10 = wordOf('HTTP/1.0');
const VERSION_11 = wordOf('HTTP/1.1');

// The stretch of source bytes that waits to be copied: lines that stand side by side become one copy. Module
// state rather than fields of an object, as only one head is ever being written; no call leaves it filled.
let runStart = 0;
let runEnd = 0;
// Did a Connection line written hold the option upgrade? Then ours is not added.
let wroteUpgrade = false;

/**
 * Writes a request head (RFC 9112 §3) to [out, outEnd), which must not overlap the bytes the head refers to.
 * @param http10 the version word: HTTP/1.0 (or the older one the client said), otherwise HTTP/1.1
 * @param connection CONNECTION_*: our own line, left out when the request asks for an upgrade
 * @returns the offset after the empty line, or WRITE_FULL
 */
export function writeRequestHead(
  head: Head,
  bytes: Uint8Array,
  out: number,
  outEnd: number,
  http10: boolean,
  connection: number,
): number {
  runStart = 0;
  runEnd = 0;
  let o = out;
  if (requestLineIsPlain(head, bytes, http10)) {
    runStart = head.methodOffset;
    runEnd = head.versionOffset + 10;
  } else {
    o = writeRequestLine(head, bytes, o, outEnd, http10);
    if (o < 0) return WRITE_FULL;
  }
  return writeFields(head, bytes, o, outEnd, connection);
}

/**
 * Writes a response head (RFC 9112 §4); as writeRequestHead. The version is the server's, 1.1 for anything above
 * 1.0; a missing reason phrase is supplied.
 * @param connection CONNECTION_*; an interim response never says any
 */
export function writeResponseHead(
  head: Head,
  bytes: Uint8Array,
  out: number,
  outEnd: number,
  connection: number,
): number {
  runStart = 0;
  runEnd = 0;
  let o = out;
  if (statusLineIsPlain(head, bytes)) {
    runStart = head.versionOffset;
    runEnd = head.reasonOffset + head.reasonLength + 2;
  } else {
    o = writeStatusLine(head, bytes, o, outEnd);
    if (o < 0) return WRITE_FULL;
  }
  return writeFields(head, bytes, o, outEnd, head.status < 200 ? CONNECTION_NONE : connection);
}

/** Does the request line stand in the source byte for byte as we would write it? */
function requestLineIsPlain(head: Head, bytes: Uint8Array, http10: boolean): boolean {
  const uri = head.uriOffset;
  const version = head.versionOffset;
  if (uri !== head.methodOffset + head.methodLength + 1 || bytes[uri - 1] !== SP) return false;
  if (version !== uri + head.uriLength + 1 || bytes[version - 1] !== SP) return false;
  return version + 10 <= bytes.length && versionIsPlain(bytes, version, http10) && lineEnds(bytes, version + 8);
}

function versionIsPlain(bytes: Uint8Array, version: number, http10: boolean): boolean {
  return bytes[version] === 72 && bytes[version + 5] === 49 && bytes[version + 7] === (http10 ? 48 : 49);
}

function lineEnds(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === CR && bytes[offset + 1] === LF;
}

/** Does the status line stand in the source as we would write it, with this status? */
function statusLineIsPlain(head: Head, bytes: Uint8Array): boolean {
  const version = head.versionOffset;
  const reason = head.reasonOffset;
  const end = reason + head.reasonLength;
  if (head.reasonLength === 0 || reason !== version + 13 || end + 2 > bytes.length) return false;
  if (bytes[version + 8] !== SP || bytes[version + 12] !== SP || !lineEnds(bytes, end)) return false;
  const digits = (bytes[version + 9]! - 48) * 100 + (bytes[version + 10]! - 48) * 10 + (bytes[version + 11]! - 48);
  return digits === head.status && versionIsPlain(bytes, version, (head.flags & HEAD_HTTP_10) !== 0);
}

function writeRequestLine(head: Head, bytes: Uint8Array, out: number, outEnd: number, http10: boolean): number {
  if (out + head.methodLength + head.uriLength + head.versionLength + 12 > outEnd) return WRITE_FULL;
  let o = copy(bytes, head.methodOffset, head.methodOffset + head.methodLength, out);
  bytes[o++] = SP;
  o = copy(bytes, head.uriOffset, head.uriOffset + head.uriLength, o);
  bytes[o++] = SP;
  o = writeVersion(head, bytes, o, http10);
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}

function writeStatusLine(head: Head, bytes: Uint8Array, out: number, outEnd: number): number {
  const reason = reasonOf(head.status);
  const reasonLength = head.reasonLength > 0 ? head.reasonLength : reason.length;
  if (out + 22 + head.versionLength + reasonLength > outEnd) return WRITE_FULL;
  let o = writeVersion(head, bytes, out, (head.flags & HEAD_HTTP_10) !== 0);
  bytes[o++] = SP;
  const status = head.status;
  if (status >= 10_000) bytes[o++] = 48 + (((status / 10_000) | 0) % 10);
  if (status >= 1_000) bytes[o++] = 48 + (((status / 1_000) | 0) % 10);
  if (status >= 100) bytes[o++] = 48 + (((status / 100) | 0) % 10);
  if (status >= 10) bytes[o++] = 48 + (((status / 10) | 0) % 10);
  bytes[o++] = 48 + (status % 10);
  bytes[o++] = SP;
  if (head.reasonLength > 0) o = copy(bytes, head.reasonOffset, head.reasonOffset + head.reasonLength, o);
  else o = writeWord(bytes, o, reason);
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}

function versionCanBeCopied(head: Head): boolean {
  return head.versionLength === 8 || (head.flags & HEAD_NOT_HTTP) !== 0;
}

/** HTTP/1.1; or the word the peer said when it was 1.0, older, or none of HTTP's. */
function writeVersion(head: Head, bytes: Uint8Array, out: number, http10: boolean): number {
  if (!http10) return writeWord(bytes, out, VERSION_11);
  if ((head.flags & HEAD_HTTP_10) === 0 || !versionCanBeCopied(head)) return writeWord(bytes, out, VERSION_10);
  return copy(bytes, head.versionOffset, head.versionOffset + head.versionLength, out);
}

/** Writes the lines, our Connection line and the empty line, after the start line that may wait as the run. */
function writeFields(head: Head, bytes: Uint8Array, out: number, outEnd: number, connection: number): number {
  const view = viewOf(bytes);
  const limit = bytes.length - 2;
  const count = head.headerCount;
  let o = out;
  wroteUpgrade = false;
  for (let index = 0; index < count; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const id = head.headerId[index]!;
    if (id === HEADER_CONNECTION || id === HEADER_TE) {
      o = writeHopField(head, bytes, flushRun(bytes, o, outEnd), outEnd, index);
      if (o < 0) return WRITE_FULL;
      continue;
    }
    const name = head.nameOffset[index]!;
    const nameEnd = name + head.nameLength[index]!;
    const value = head.valueOffset[index]!;
    const valueEnd = value + head.valueLength[index]!;
    if (
      value === nameEnd + 2 &&
      valueEnd <= limit &&
      view.getUint16(nameEnd, true) === COLON_SP &&
      view.getUint16(valueEnd, true) === CR_LF
    ) {
      if (name !== runEnd) {
        o = flushRun(bytes, o, outEnd);
        if (o < 0) return WRITE_FULL;
        runStart = name;
      }
      runEnd = valueEnd + 2;
      continue;
    }
    o = writeField(bytes, flushRun(bytes, o, outEnd), outEnd, name, nameEnd, value, valueEnd);
    if (o < 0) return WRITE_FULL;
  }
  o = flushRun(bytes, o, outEnd);
  if (o < 0) return WRITE_FULL;
  if (connection !== CONNECTION_NONE && !wroteUpgrade) {
    const line = connection === CONNECTION_CLOSE ? CLOSE_LINE : KEEP_ALIVE_LINE;
    if (o + line.length > outEnd) return WRITE_FULL;
    o = writeWord(bytes, o, line);
  }
  if (o + 2 > outEnd) return WRITE_FULL;
  bytes[o] = CR;
  bytes[o + 1] = LF;
  return o + 2;
}

/** Copies the waiting run; returns the offset after it, or WRITE_FULL (also when `out` is that already). */
function flushRun(bytes: Uint8Array, out: number, outEnd: number): number {
  const length = runEnd - runStart;
  if (out < 0 || out + length > outEnd) return WRITE_FULL;
  const o = length === 0 ? out : copy(bytes, runStart, runEnd, out);
  runStart = 0;
  runEnd = 0;
  return o;
}

/** One line piece by piece: added by us, or not spelled as we spell. */
function writeField(
  bytes: Uint8Array,
  out: number,
  outEnd: number,
  name: number,
  nameEnd: number,
  value: number,
  valueEnd: number,
): number {
  if (out < 0 || out + (nameEnd - name) + (valueEnd - value) + 4 > outEnd) return WRITE_FULL;
  let o = copy(bytes, name, nameEnd, out);
  bytes[o++] = COLON;
  bytes[o++] = SP;
  o = copy(bytes, value, valueEnd, o);
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}

/** Connection and TE: the lines that are about this hop and are written from what they mean. */
function writeHopField(head: Head, bytes: Uint8Array, out: number, outEnd: number, index: number): number {
  const value = head.valueOffset[index]!;
  const valueEnd = value + head.valueLength[index]!;
  if (out < 0) return WRITE_FULL;
  if (head.headerId[index] === HEADER_CONNECTION) return writeConnection(bytes, out, outEnd, value, valueEnd);
  if (!asksForTrailers(bytes, value, valueEnd)) return out;
  return out + TE_LINE.length > outEnd ? WRITE_FULL : writeWord(bytes, out, TE_LINE);
}

/** Of TE only `trailers` is passed on: the first such word counts if a comma or nothing follows it. */
function asksForTrailers(bytes: Uint8Array, value: number, valueEnd: number): boolean {
  for (let p = value; p + TRAILERS.length <= valueEnd; p++) {
    let index = 0;
    while (index < TRAILERS.length && bytes[p + index] === TRAILERS[index]) index++;
    if (index < TRAILERS.length) continue;
    return p + index === valueEnd || bytes[p + index] === COMMA;
  }
  return false;
}

/**
 * Connection without close and keep-alive, nothing when nothing is left. Lines that were parsed hold neither any
 * more and are copied as they stand; a line that a rule added may.
 */
function writeConnection(bytes: Uint8Array, out: number, outEnd: number, value: number, valueEnd: number): number {
  if (out + CONNECTION_START.length + (valueEnd - value) + 2 > outEnd) return WRITE_FULL;
  const start = writeWord(bytes, out, CONNECTION_START);
  let o = start;
  let copied = value; // up to here the list is as it was
  let p = value;
  while (p < valueEnd) {
    if (bytes[p] === SP || bytes[p] === HT) {
      p++;
      continue;
    }
    const next = elementEnd(bytes, p, valueEnd);
    const size = trimmedLength(bytes, p, next);
    const option = connectionOption(bytes, p, size);
    if (option === SAW_UPGRADE_TOKEN) wroteUpgrade = true;
    if (option === SAW_CLOSE || option === SAW_KEEP_ALIVE) copied = -1;
    else if (copied >= 0) {
      o = copy(bytes, copied, next, o);
      copied = next;
    } else {
      if (o > start) bytes[o++] = COMMA;
      o = copy(bytes, p, p + size, o);
    }
    p = next + 1;
  }
  if (o === start) return out;
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}

/** Copies [from, to) to `out`, which lies outside it; returns the offset after the copy. */
function copy(bytes: Uint8Array, from: number, to: number, out: number): number {
  const length = to - from;
  if (length > COPY_LOOP_BYTES_MAX) {
    bytes.copyWithin(out, from, to);
    return out + length;
  }
  const view = viewOf(bytes);
  let index = 0;
  for (; index + 4 <= length; index += 4) view.setInt32(out + index, view.getInt32(from + index, true), true);
  for (; index < length; index++) bytes[out + index] = bytes[from + index]!;
  return out + length;
}

/** Writes a word made at boot; returns the offset after it. */
function writeWord(bytes: Uint8Array, out: number, word: Uint8Array): number {
  for (let index = 0; index < word.length; index++) bytes[out + index] = word[index]!;
  return out + word.length;
}
