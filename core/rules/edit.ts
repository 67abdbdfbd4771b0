// How rules change a message head: new texts go into the arena's edit room, lines and start line then point at them; what
// was received stays where it is.
//
// Every function that needs room answers false when there is none, or when a text holds CR, LF or NUL: those three never
// get into a head, whatever a format or a regex made (HAProxy passes on what a replacement's `\x0a` writes; weir refuses
// the rewrite). Nothing is changed then, except where it says so. The caller reports it: see rewriteFailed.
//
// Start at beginEdit; actions-headers.ts and actions-uri.ts are the users.

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';
import { requestFormBytes, responseFormBytes } from '../http/form-bytes.ts';
import type { Head } from '../http/message.ts';
import * as message from '../http/message.ts';
import type { RuleSetName } from '../model/rules.ts';
import { findLine, type HeaderName } from '../sample/http-header-walk.ts';
import type { Subject } from '../sample/subject.ts';
import { RULE_CONTINUE, RULE_INTERNAL, type RuleRun } from './contract.ts';
import { UriParts } from './uri-parts.ts';

const { HEADER_HOST, HEAD_ABSOLUTE_URI, METHOD_CONNECT } = message;

const CR = 13;
const LF = 10;
const HT = 9;
const SP = 32;
const COLON = 58;

/** No room, or a text that may not stand in a head. */
export const EDIT_FAILED = -1;

const parts = new UriParts();

/** Does this rule set act on requests? The others act on responses. */
export function actsOnRequest(set: RuleSetName): boolean {
  return set === 'http-request' || set.startsWith('tcp-request');
}

/** What rules of this set edit, null while it cannot be read: then the rule has nothing to do. */
export function headOf(subject: Subject, onRequest: boolean): Head | null {
  return onRequest ? subject.request : subject.response;
}

/** A rewrite that could not be done: counted; under `strict-mode on` the message ends with an internal error. */
export function rewriteFailed(run: RuleRun): number {
  run.host.rewriteFailed();
  run.rewriteFailed = run.strict;
  return run.strict ? RULE_INTERNAL : RULE_CONTINUE;
}

/** The verdict of an action that did or could not do its rewrite. */
export function verdictOf(done: boolean, run: RuleRun): number {
  return done ? RULE_CONTINUE : rewriteFailed(run);
}

/** Are bytes [from, to) free of CR, LF and NUL? */
export function isHeadText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    const byte = bytes[index]!;
    if (byte <= CR && (byte === CR || byte === LF || byte === 0)) return false;
  }
  return true;
}

/** What is as good as compiled: something that writes text to [at, limit) and says where it ended. */
export interface TextWriter {
  write(subject: Subject, bytes: Uint8Array, at: number, limit: number): number;
}

// Formats cut what does not fit and do not say so. A part that is written as a whole or not at all (a number, a date, an
// address) is shorter than this: a text that came closer to the limit may have lost its end.
const CUT_BYTES = 64;

/**
 * Writes a text to the edit room, from `at` on.
 * @returns where it ended, or EDIT_FAILED
 */
export function writeText(subject: Subject, text: TextWriter, at: number): number {
  const limit = subject.editEnd;
  if (at < 0 || at >= limit) return EDIT_FAILED;
  const end = text.write(subject, subject.bytes, at, limit);
  if (end < at || end > limit - CUT_BYTES) return EDIT_FAILED;
  return isHeadText(subject.bytes, at, end) ? end : EDIT_FAILED;
}

/** Copies [from, to) of `source` to the edit room at `at`; returns where it ended, or EDIT_FAILED. */
export function copyText(subject: Subject, source: Uint8Array, from: number, to: number, at: number): number {
  if (at < 0 || at + (to - from) > subject.editEnd) return EDIT_FAILED;
  return writeBytes(subject.bytes, at, source, from, to - from);
}

/** A name that begins with a colon never gets on the wire: it is a pseudo-header of HTTP/2. */
const NEVER_SENT = COLON;

/** Removes every line of that name. */
export function removeLines(head: Head, bytes: Uint8Array, name: HeaderName): void {
  for (let index = findLine(head, bytes, name, 0); index >= 0; index = findLine(head, bytes, name, index + 1)) {
    head.removeHeader(index);
  }
}

/**
 * Adds a line `name: text` at the end of the head, spelled as the wire wants it, so that it is sent in one piece with its
 * neighbours. With `replaces`, all older lines of that name go; the text may still be made from them. A new Host also
 * becomes the authority of a target that has one.
 * @returns false: not done (a failed authority leaves the line in, and older lines are gone, as in HAProxy)
 */
export function addLine(subject: Subject, head: Head, name: HeaderName, text: TextWriter, replaces: boolean): boolean {
  const bytes = subject.bytes;
  const nameStart = subject.editAt;
  const valueStart = beginLine(subject, name);
  const valueEnd = writeText(subject, text, valueStart);
  return finishLine(subject, head, bytes, name, nameStart, valueStart, valueEnd, replaces);
}

/** As addLine with the text from [from, to) of `source`. */
export function addLineOf(
  subject: Subject,
  head: Head,
  name: HeaderName,
  source: Uint8Array,
  from: number,
  to: number,
  replaces: boolean,
): boolean {
  const nameStart = subject.editAt;
  const valueStart = beginLine(subject, name);
  const valueEnd = isHeadText(source, from, to) ? copyText(subject, source, from, to, valueStart) : EDIT_FAILED;
  return finishLine(subject, head, subject.bytes, name, nameStart, valueStart, valueEnd, replaces);
}

/** A line that is the same each time, made by addLine once: `name: text` and CR LF. */
export class ReadyLine {
  private readonly bytes: Uint8Array;
  private readonly valueAt: number;

  /** Takes the line that was just added at `index` of the head. */
  constructor(head: Head, bytes: Uint8Array, index: number) {
    const from = head.nameOffset[index]!;
    const end = head.valueOffset[index]! + head.valueLength[index]! + 2;
    this.bytes = bytes.slice(from, end);
    this.valueAt = head.valueOffset[index]! - from;
  }

  /** As addLine. */
  add(subject: Subject, head: Head, name: HeaderName, replaces: boolean): boolean {
    const { bytes, valueAt } = this;
    const at = copyText(subject, bytes, 0, bytes.length, subject.editAt);
    if (at < 0) return false;
    const nameStart = subject.editAt;
    return finishLine(subject, head, subject.bytes, name, nameStart, nameStart + valueAt, at - 2, replaces);
  }
}

/** Texts shorter than this always fit: a received head leaves `tune.maxrewrite` of the buffer free. */
const SURELY_FITS_BYTES = 256;
/** What HAProxy's buffer holds besides texts: its own head, and for each line, start line and end a description. */
const FORM_BYTES = 64;
const FORM_LINE_BYTES = 8;

// A head grows no larger than `tune.bufsize`, as HAProxy would hold it.
function fits(subject: Subject, head: Head, addedBytes: number): boolean {
  if (addedBytes < SURELY_FITS_BYTES) return true;
  const formBytes = head === subject.request ? requestFormBytes(head) : responseFormBytes(head);
  const used = FORM_BYTES + formBytes + FORM_LINE_BYTES * (head.headerCount + 3);
  return used + addedBytes <= subject.trash.chunkBytes;
}

function beginLine(subject: Subject, name: HeaderName): number {
  const bytes = subject.bytes;
  const length = name.length;
  if (length === 0 || subject.editAt + length + 2 > subject.editEnd) return EDIT_FAILED;
  const at = writeBytes(bytes, subject.editAt, name.text, 0, length);
  bytes[at] = COLON;
  bytes[at + 1] = SP;
  return at + 2;
}

function finishLine(
  subject: Subject,
  head: Head,
  bytes: Uint8Array,
  name: HeaderName,
  nameStart: number,
  valueStart: number,
  valueEnd: number,
  replaces: boolean,
): boolean {
  // The older lines go in any case: what was to be replaced must not be taken for what replaces it.
  if (replaces) removeLines(head, bytes, name);
  if (valueEnd < 0 || valueEnd + 2 > subject.editEnd || head.headerCount >= head.headerCountMax) return false;
  if (!fits(subject, head, valueEnd - nameStart)) return false;
  if (name.text[0] === NEVER_SENT) return true;
  bytes[valueEnd] = CR;
  bytes[valueEnd + 1] = LF;
  const index = head.addHeader(name.id, nameStart, name.length, valueStart, valueEnd - valueStart);
  assert(index >= 0, 'a head with room for a line did not take it');
  subject.editAt = valueEnd + 2;
  return name.id !== HEADER_HOST || updateAuthority(subject, head, valueStart, valueEnd);
}

/** Gives the line at `index` the value [from, to), which stands in the edit room; a Host as in addLine. */
export function setValue(
  subject: Subject,
  head: Head,
  index: number,
  from: number,
  to: number,
  hostFrom: number,
  hostTo: number,
): boolean {
  if (!fits(subject, head, to - from - head.valueLength[index]!)) return false;
  head.valueOffset[index] = from;
  head.valueLength[index] = to - from;
  return head.headerId[index] !== HEADER_HOST || updateAuthority(subject, head, hostFrom, hostTo);
}

/** Has the target an authority: absolute form, authority form, or whatever else begins with neither `/` nor `*`? */
export function hasAuthority(head: Head, bytes: Uint8Array): boolean {
  if (head.uriLength === 0) return false;
  const first = bytes[head.uriOffset]!;
  return first !== 0x2f && first !== 0x2a;
}

// The authority follows a changed Host, so that the server cannot take two hosts for one (RFC 9112 §3.2.2). Only requests
// have a target.
function updateAuthority(subject: Subject, head: Head, hostFrom: number, hostTo: number): boolean {
  if (head !== subject.request || !hasAuthority(head, subject.bytes)) return true;
  const bytes = subject.bytes;
  const uriEnd = head.uriOffset + head.uriLength;
  parts.parse(bytes, head.uriOffset, uriEnd);
  const { authorityStart, authorityEnd } = parts;
  if (authorityEnd === authorityStart) return false;
  if (sameText(bytes, hostFrom, hostTo, authorityStart, authorityEnd)) return true;
  const start = subject.editAt;
  let at = copyText(subject, bytes, head.uriOffset, authorityStart, start);
  at = copyText(subject, bytes, hostFrom, hostTo, at);
  at = copyText(subject, bytes, authorityEnd, uriEnd, at);
  if (at < 0) return false;
  pointUri(subject, head, start, at);
  return true;
}

function sameText(bytes: Uint8Array, from: number, to: number, otherFrom: number, otherTo: number): boolean {
  if (to - from !== otherTo - otherFrom) return false;
  for (let index = 0; index < to - from; index++) if (bytes[from + index] !== bytes[otherFrom + index]) return false;
  return true;
}

/** The target is now [start, end) of the edit room. */
function pointUri(subject: Subject, head: Head, start: number, end: number): void {
  assert(start === subject.editAt && end <= subject.editEnd, 'a target must be written at the start of the edit room');
  head.uriOffset = start;
  head.uriLength = end - start;
  subject.editAt = end;
}

/**
 * Replaces the target by [start, end), just written to the edit room. Host lines follow the authority of a target that has
 * one (http-request set-uri, replace-uri).
 * @returns false: the target has no authority where one must be (`http:///x`), or no room; it was replaced all the same
 */
export function setUri(subject: Subject, head: Head, start: number, end: number): boolean {
  const bytes = subject.bytes;
  if (!fits(subject, head, end - start - head.uriLength)) return false;
  pointUri(subject, head, start, end);
  head.flags &= ~HEAD_ABSOLUTE_URI;
  if (!hasAuthority(head, bytes)) return true;
  parts.parse(bytes, start, end);
  if (parts.hasScheme) head.flags |= HEAD_ABSOLUTE_URI;
  const isConnect = head.method === METHOD_CONNECT;
  const hostStart = isConnect ? start : parts.authorityStart;
  const hostEnd = isConnect ? end : parts.authorityEnd;
  if (hostStart === hostEnd) return false;
  for (let index = head.find(HEADER_HOST, 0); index >= 0; index = head.find(HEADER_HOST, index + 1)) {
    head.valueOffset[index] = hostStart;
    head.valueLength[index] = hostEnd - hostStart;
  }
  return true;
}

/**
 * Replaces path, or path and query, by a text; what stands before (scheme, authority) and, for the path alone, from `?` on
 * is kept. A target without a path (`*`, authority form) is replaced as a whole.
 */
export function setPath(subject: Subject, head: Head, text: TextWriter, withQuery: boolean): boolean {
  const bytes = subject.bytes;
  const uriEnd = head.uriOffset + head.uriLength;
  parts.parse(bytes, head.uriOffset, uriEnd);
  const pathStart = parts.pathStart < 0 ? head.uriOffset : parts.pathStart;
  const tailStart = withQuery ? uriEnd : queryStart(bytes, pathStart, uriEnd);
  const start = subject.editAt;
  let at = copyText(subject, bytes, head.uriOffset, pathStart, start);
  at = at < 0 ? at : writeText(subject, text, at);
  at = copyText(subject, bytes, tailStart, uriEnd, at);
  if (at < 0 || !fits(subject, head, at - start - head.uriLength)) return false;
  pointUri(subject, head, start, at);
  return true;
}

/** Replaces what follows the first `?` of the target, or adds `?` and the text when there is none and the text is not empty. */
export function setQuery(subject: Subject, head: Head, text: TextWriter): boolean {
  const bytes = subject.bytes;
  const uriEnd = head.uriOffset + head.uriLength;
  const mark = queryStart(bytes, head.uriOffset, uriEnd);
  const start = subject.editAt;
  const markAt = copyText(subject, bytes, head.uriOffset, mark, start);
  if (markAt < 0 || markAt >= subject.editEnd) return false;
  bytes[markAt] = 0x3f;
  const at = writeText(subject, text, markAt + 1);
  if (at < 0 || !fits(subject, head, at - start - head.uriLength)) return false;
  if (mark < uriEnd || at > markAt + 1) pointUri(subject, head, start, at);
  return true;
}

/** Offset of the first `?` in [from, to), `to` when there is none. */
export function queryStart(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== 0x3f) at++;
  return at;
}

/** The value of the line without blanks around it: where it begins. */
export function trimStart(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === SP || bytes[at] === HT)) at++;
  return at;
}

export function trimEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at > from && (bytes[at - 1] === SP || bytes[at - 1] === HT)) at--;
  return at;
}

/** The end of the list element that begins at `from`: a comma outside quotes, or `to` (RFC 9110 §5.6.1, §5.6.4). */
export function elementEnd(bytes: Uint8Array, from: number, to: number): number {
  let quoted = false;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (quoted && byte === 0x5c) at++;
    else if (byte === 0x22) quoted = !quoted;
    else if (!quoted && byte === 0x2c) return at;
  }
  return to;
}
