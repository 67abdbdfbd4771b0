// The header lines that decide how a message is framed and what happens to its connection (RFC 9112 §6, §9.6;
// RFC 9110 §7.2, §7.8, §8.6): what each says is gathered in Head.parseBits while the lines are read; `target`
// and `parse` judge the whole. Values are cleaned in place, always to something no longer.
//
// Start at parseKnownField.

import type { Head } from '../message.ts';
import * as message from '../message.ts';
import * as chars from './chars.ts';
import { equalText, equalWord, wordOf } from './chars.ts';
import * as verdict from './verdict.ts';
import { viewOf, wordValue } from './words.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use, which made
// these loops a third slower (h1.bench).
const {
  HEADER_CONNECTION,
  HEADER_CONTENT_LENGTH,
  HEADER_EXPECT,
  HEADER_HOST,
  HEADER_TRANSFER_ENCODING,
  HEADER_UPGRADE,
} = message;
const { AUTHORITY_SUSPECT, COLON, COMMA, CR, HT, LF, LOWER, SP } = chars;
const { HEAD_BAD_CODING, HEAD_BAD_HOST, HEAD_BAD_LENGTH, HEAD_OK } = verdict;

export const KIND_REQUEST = 0;
export const KIND_RESPONSE = 1;
export const KIND_TRAILERS = 2;

/** Bits of Head.parseBits. */
export const SAW_CLOSE = 1;
export const SAW_KEEP_ALIVE = 2;
export const SAW_UPGRADE_TOKEN = 4; // Connection: upgrade
export const SAW_UPGRADE_FIELD = 8; // an Upgrade line with something left in it
export const SAW_WEBSOCKET = 16;
export const SAW_LENGTH = 32;
export const SAW_CODING = 64; // a Transfer-Encoding line
export const SAW_CHUNKED = 128;
export const CHUNKED_LAST = 256; // chunked is the last coding so far
export const SAW_OTHER_CODING = 512;
export const SAW_CONTINUE = 1024; // Expect: 100-continue

/** The line just read stands in editOffset/editLength and stays, or it leaves no line behind. */
export const FIELD_DROP = -1;

const CLOSE = wordOf('close');
const KEEP_ALIVE = wordOf('keep-alive');
const UPGRADE = wordOf('upgrade');
const CHUNKED = wordOf('chunked');
const WEBSOCKET = wordOf('websocket');
const H2C = wordOf('h2c');
const H2 = wordOf('h2');
const CONTINUE = wordOf('100-continue');

const KEEP_WORD = wordValue('keep');
const ALIVE_WORD = wordValue('-ali');
const VE_WORD = 0x6576; // "ve"

const QUOTE = 34;
const BACKSLASH = 92;

/** 1 for the ids that parseKnownField wants to see. */
export const FRAMING_FIELD = new Uint8Array(256);
FRAMING_FIELD[HEADER_HOST] = 1;
FRAMING_FIELD[HEADER_CONNECTION] = 1;
FRAMING_FIELD[HEADER_CONTENT_LENGTH] = 1;
FRAMING_FIELD[HEADER_TRANSFER_ENCODING] = 1;
FRAMING_FIELD[HEADER_UPGRADE] = 1;
FRAMING_FIELD[HEADER_EXPECT] = 1;

/**
 * Reads one framing line; its value is [offset, offset+length) and may be changed in place.
 * @returns HEAD_OK (keep the line with the value in head.editOffset/editLength), FIELD_DROP, or an error verdict
 */
export function parseKnownField(
  bytes: Uint8Array,
  head: Head,
  id: number,
  offset: number,
  length: number,
  kind: number,
  relaxed: boolean,
): number {
  head.editOffset = offset;
  head.editLength = length;
  switch (id) {
    case HEADER_HOST:
      return kind === KIND_RESPONSE ? HEAD_OK : parseHost(bytes, head, offset, length);
    case HEADER_CONNECTION:
      return parseConnection(bytes, head, offset, length, kind);
    case HEADER_CONTENT_LENGTH:
      return parseContentLength(bytes, head, offset, length);
    case HEADER_TRANSFER_ENCODING:
      return parseTransferEncoding(bytes, head, offset, length, kind, relaxed && kind === KIND_RESPONSE);
    case HEADER_UPGRADE:
      return parseUpgrade(bytes, head, offset, length);
    case HEADER_EXPECT:
      if (equalWord(bytes, offset, length, CONTINUE)) head.parseBits |= SAW_CONTINUE;
      return HEAD_OK;
    default:
      return HEAD_OK;
  }
}

/** Where the list element that begins at `offset` ends: at a comma outside quotes, or at `end`. */
export function elementEnd(bytes: Uint8Array, offset: number, end: number): number {
  let quoted = false;
  for (let p = offset; p < end; p++) {
    const byte = bytes[p]!;
    if (quoted) {
      if (byte === BACKSLASH) p++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === COMMA) return p;
    else if (byte === QUOTE) quoted = true;
  }
  return end;
}

/** The length of [offset, end) without the blanks at its end. */
export function trimmedLength(bytes: Uint8Array, offset: number, end: number): number {
  let p = end;
  while (p > offset && isBlank(bytes[p - 1]!)) p--;
  return p - offset;
}

/** Linear white space; CR and LF of folded lines are spaces by now, yet trailers of other makers may hold them. */
function isBlank(byte: number): boolean {
  return byte === SP || byte === HT || byte === CR || byte === LF;
}

/** SAW_* bit of a connection option (RFC 9110 §7.6.1), 0 for one that is the peers' own business. */
export function connectionOption(bytes: Uint8Array, offset: number, length: number): number {
  if (length === 5 && equalWord(bytes, offset, length, CLOSE)) return SAW_CLOSE;
  if (length === 10 && equalWord(bytes, offset, length, KEEP_ALIVE)) return SAW_KEEP_ALIVE;
  if (length === 7 && equalWord(bytes, offset, length, UPGRADE)) return SAW_UPGRADE_TOKEN;
  return 0;
}

/** SAW_* bits of an upgrade token; -1 for HTTP/2, which is never forwarded (RFC 9113 §3.1). */
function upgradeOption(bytes: Uint8Array, offset: number, length: number): number {
  if (equalWord(bytes, offset, length, WEBSOCKET)) return SAW_WEBSOCKET;
  if (equalWord(bytes, offset, length, H2C) || equalWord(bytes, offset, length, H2)) return -1;
  return 0;
}

/**
 * Takes elements out of a list, the others closing up in place as HAProxy closes them up: text before the first
 * removal stays as it was, later elements are trimmed and joined by a comma without space. The elements that go
 * are, by `id` and `remove`: of Connection those whose option bit is in `remove`, of Upgrade those of HTTP/2.
 * Every element's bits are added to head.parseBits; the result stands in head.editOffset/editLength.
 */
function closeUpList(bytes: Uint8Array, head: Head, id: number, offset: number, length: number, remove: number): void {
  const end = offset + length;
  let kept = offset; // where the list as kept so far ends
  let done = offset; // where the elements seen so far end
  let p = offset;
  while (p < end) {
    if (isBlank(bytes[p]!)) {
      p++;
      continue;
    }
    const next = elementEnd(bytes, p, end);
    const size = trimmedLength(bytes, p, next);
    const bits = id === HEADER_UPGRADE ? upgradeOption(bytes, p, size) : connectionOption(bytes, p, size);
    if (bits > 0) head.parseBits |= bits;
    if (bits < 0 || (bits & remove) !== 0) {
      done = next;
    } else if (kept === done) {
      kept = done = next;
    } else {
      if (kept > offset) bytes[kept++] = COMMA;
      bytes.copyWithin(kept, p, p + size);
      kept += size;
      done = next;
    }
    p = next + 1;
  }
  head.editOffset = offset;
  head.editLength = kept - offset;
}

/** Connection: close and keep-alive are for us and go, other options pass. Trailers are read, not cleaned. */
function parseConnection(bytes: Uint8Array, head: Head, offset: number, length: number, kind: number): number {
  if (kind === KIND_TRAILERS) return length === 0 ? FIELD_DROP : HEAD_OK;
  if (length === 10 && isKeepAlive(viewOf(bytes), offset)) {
    head.parseBits |= SAW_KEEP_ALIVE; // what most servers say in every response
    return FIELD_DROP;
  }
  closeUpList(bytes, head, HEADER_CONNECTION, offset, length, SAW_CLOSE | SAW_KEEP_ALIVE);
  return head.editLength === 0 ? FIELD_DROP : HEAD_OK;
}

/** Do the ten bytes at `offset` say keep-alive? Bit 5 is the case of a letter; a value holds no CR to become a dash. */
function isKeepAlive(view: DataView, offset: number): boolean {
  if ((view.getInt32(offset, true) | 0x20202020) !== KEEP_WORD) return false;
  if ((view.getInt32(offset + 4, true) | 0x20202020) !== ALIVE_WORD) return false;
  return (view.getUint16(offset + 8, true) | 0x2020) === VE_WORD;
}

/** Removes the option `upgrade` from a Connection value already cleaned; the new length is in head.editLength. */
export function removeUpgradeOption(bytes: Uint8Array, head: Head, offset: number, length: number): void {
  closeUpList(bytes, head, HEADER_CONNECTION, offset, length, SAW_UPGRADE_TOKEN);
}

/** Upgrade (RFC 9110 §7.8): h2 and h2c are hop-by-hop offers to us, which we decline by silence. */
function parseUpgrade(bytes: Uint8Array, head: Head, offset: number, length: number): number {
  closeUpList(bytes, head, HEADER_UPGRADE, offset, length, 0);
  if (head.editLength === 0) return FIELD_DROP;
  head.parseBits |= SAW_UPGRADE_FIELD;
  // HAProxy cleans once when it reads and once when it writes, and each time an empty element at the end goes. The
  // writer does so for Connection; here both times are at once.
  closeUpList(bytes, head, HEADER_UPGRADE, head.editOffset, head.editLength, 0);
  return head.editLength === 0 ? FIELD_DROP : HEAD_OK;
}

/**
 * Content-Length (RFC 9110 §8.6): digits only; repeated values must agree and collapse to one line without
 * leading zeros. Lengths that a double cannot count exactly (2^53 and more) are refused; HAProxy counts to 2^64.
 */
function parseContentLength(bytes: Uint8Array, head: Head, offset: number, length: number): number {
  const end = offset + length;
  const known = (head.parseBits & SAW_LENGTH) !== 0;
  let expected = known ? head.contentLength : -1;
  let p = offset;
  for (;;) {
    while (p < end && isBlank(bytes[p]!)) p++;
    const digits = p;
    let value = 0;
    while (p < end && bytes[p]! >= 48 && bytes[p]! <= 57) {
      value = value * 10 + (bytes[p]! - 48);
      if (value > Number.MAX_SAFE_INTEGER) return HEAD_BAD_LENGTH;
      p++;
    }
    if (p === digits) return HEAD_BAD_LENGTH;
    if (expected >= 0 && value !== expected) return HEAD_BAD_LENGTH;
    expected = value;
    let first = digits;
    while (first < p - 1 && bytes[first] === 48) first++;
    head.editOffset = first;
    head.editLength = p - first;
    while (p < end && isBlank(bytes[p]!)) p++;
    if (p === end) break;
    if (bytes[p] !== COMMA) return HEAD_BAD_LENGTH;
    p++;
  }
  head.contentLength = expected;
  head.parseBits |= SAW_LENGTH;
  return known ? FIELD_DROP : HEAD_OK;
}

/** Transfer-Encoding (RFC 9112 §6.1): chunked once and last; what other codings mean is judged by the caller. */
function parseTransferEncoding(
  bytes: Uint8Array,
  head: Head,
  offset: number,
  length: number,
  kind: number,
  relaxed: boolean,
): number {
  const end = offset + length;
  if (length === 0) return relaxed ? FIELD_DROP : HEAD_BAD_CODING;
  const wasChunked = (head.parseBits & SAW_CHUNKED) !== 0;
  head.parseBits |= SAW_CODING;
  let p = offset;
  while (p < end) {
    if (isBlank(bytes[p]!)) {
      p++;
      continue;
    }
    const next = elementEnd(bytes, p, end);
    const size = trimmedLength(bytes, p, next);
    if ((size === 0 || next + 1 === end) && !relaxed) return HEAD_BAD_CODING; // an empty element, here or at the end
    head.parseBits &= ~CHUNKED_LAST;
    if (equalWord(bytes, p, size, CHUNKED)) {
      if ((head.parseBits & SAW_CHUNKED) !== 0 && !relaxed) return HEAD_BAD_CODING;
      // The client is told once what was said twice, or among nothings.
      if (relaxed) {
        head.editOffset = p;
        head.editLength = size;
      }
      head.parseBits |= SAW_CHUNKED | CHUNKED_LAST;
      for (let index = p; index < p + size; index++) bytes[index] = LOWER[bytes[index]!]!;
    } else if (size > 0) {
      if (kind !== KIND_RESPONSE && (head.parseBits & SAW_CHUNKED) !== 0) return HEAD_BAD_CODING;
      head.parseBits |= SAW_OTHER_CODING;
    }
    p = next + 1;
  }
  if (!relaxed) return HEAD_OK;
  return wasChunked || (head.parseBits & (SAW_CHUNKED | SAW_OTHER_CODING)) === 0 ? FIELD_DROP : HEAD_OK;
}

/** Host (RFC 9110 §7.2): one, or several that agree, which collapse to the first. */
function parseHost(bytes: Uint8Array, head: Head, offset: number, length: number): number {
  const first = head.hostIndex;
  if (first < 0) {
    if (authorityIsForbidden(bytes, offset, length)) return HEAD_BAD_HOST;
    head.hostIndex = head.headerCount;
    return HEAD_OK;
  }
  const same = equalText(bytes, offset, length, head.valueOffset[first]!, head.valueLength[first]!);
  return same ? FIELD_DROP : HEAD_BAD_HOST;
}

/**
 * Does an authority or Host hold a byte that would make two readers disagree about it? Brackets pass where an
 * IP literal has them (RFC 3986 §3.2.2); the comma does not, for it also separates field values.
 */
export function authorityIsForbidden(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  let open = false;
  for (let p = offset; p < end; p++) {
    const byte = bytes[p]!;
    if (AUTHORITY_SUSPECT[byte] === 0) continue;
    if (byte === 91 && p === offset) open = !open;
    else if (byte === 93 && (p + 1 === end || bytes[p + 1] === COLON)) open = !open;
    else return true;
  }
  return open;
}
