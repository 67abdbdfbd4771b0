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
import { wordOf } from './chars.ts';
import * as fields from './fields.ts';
import { parseKnownField, removeUpgradeOption } from './fields.ts';
import { checkTarget } from './target.ts';
import type { HeadLimits } from './verdict.ts';
import * as verdict from './verdict.ts';
import { viewOf, wordValue } from './words.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use, which made
// these loops a third slower (h1.bench).
const {
  HEAD_CHUNKED,
  HEAD_CLOSE,
  HEAD_CLOSE_DELIMITED,
  HEAD_EXPECT_CONTINUE,
  HEAD_HTTP_10,
  HEAD_KEEP_ALIVE,
  HEAD_LENGTH,
  HEAD_MUST_CLOSE,
  HEAD_NO_BODY,
  HEAD_TUNNEL,
  HEAD_UPGRADE,
  HEAD_WEBSOCKET,
  HEADER_CONNECTION,
  HEADER_CONTENT_LENGTH,
  HEADER_REMOVED,
  HEADER_SEC_WEBSOCKET_ACCEPT,
  HEADER_SEC_WEBSOCKET_KEY,
  HEADER_TRANSFER_ENCODING,
  HEADER_UPGRADE,
  METHOD_CONNECT,
  METHOD_DELETE,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_PATCH,
  METHOD_POST,
  METHOD_PUT,
  METHOD_TRACE,
  PARSE_FIELDS,
  PARSE_NOTHING,
  PARSE_START_LINE,
} = message;
const { COLON, CR, HT, LF, SP, TARGET, TOKEN_LOWER, VALUE, VERSION } = chars;
const {
  CHUNKED_LAST,
  FIELD_DROP,
  FRAMING_FIELD,
  KIND_REQUEST,
  KIND_RESPONSE,
  KIND_TRAILERS,
  SAW_CLOSE,
  SAW_CODING,
  SAW_CONTINUE,
  SAW_KEEP_ALIVE,
  SAW_LENGTH,
  SAW_OTHER_CODING,
  SAW_UPGRADE_FIELD,
  SAW_UPGRADE_TOKEN,
  SAW_WEBSOCKET,
} = fields;
const {
  COST_FIXED_BYTES,
  COST_PER_FIELD_BYTES,
  HEAD_BAD_CODING,
  HEAD_BAD_FIELD,
  HEAD_BAD_LENGTH,
  HEAD_BAD_START_LINE,
  HEAD_BAD_UPGRADE,
  HEAD_BAD_VERSION,
  HEAD_OK,
  HEAD_PARTIAL,
  HEAD_PAYLOAD_FORBIDDEN,
  HEAD_TARGET_TOO_LONG,
  HEAD_TOO_LARGE,
  HEAD_TOO_MANY_FIELDS,
  HEAD_UNKNOWN_CODING,
} = verdict;

const VERSION_BYTES = 8; // HTTP/d.d
const HIGH_BITS = 0x80808080 | 0; // bit 7 of each byte of a word
const GET_SP = wordValue('GET ');
const HTTP = wordValue('HTTP');
const SLASH_1_1 = wordValue('/1.1');
const CR_LF = 0x0a0d; // as a 16-bit word
const PLAIN_END_BYTES = 10; // HTTP/1.1 CR LF
const PLAIN_STATUS_BYTES = 13; // HTTP/1.1 SP 3DIGIT SP
const WEBSOCKET_KEY_BYTES = 24; // 16 bytes in base64 (RFC 6455 §4.1)

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
    const next = parseRequestLine(bytes, head.lineOffset, stop, head);
    if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
    head.parsePhase = PARSE_FIELDS;
    head.lineOffset = next;
  }
  const next = parseFields(bytes, head.lineOffset, stop, head, KIND_REQUEST, limits.headerCountMax);
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
    const next = parseStatusLine(bytes, head.lineOffset, stop, head);
    if (next < 0) return -next === HEAD_PARTIAL ? waitFrom(start, stop, head, limits) : refuse(head, -next);
    head.parsePhase = PARSE_FIELDS;
    head.lineOffset = next;
  }
  const next = parseFields(bytes, head.lineOffset, stop, head, KIND_RESPONSE, limits.headerCountMax);
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
  const next = parseFields(bytes, start, end, trailers, KIND_TRAILERS, headerCountMax);
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

/** Passes empty lines, remembering how far; returns the first byte of something else, or a negative verdict. */
function skipEmptyLines(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = start;
  for (;;) {
    head.lineOffset = p;
    if (p >= end) return -HEAD_PARTIAL;
    if (bytes[p] === CR) {
      if (p + 1 >= end) return -HEAD_PARTIAL;
      if (bytes[p + 1] !== LF) return -HEAD_BAD_START_LINE;
      p += 2;
    } else if (bytes[p] === LF) {
      p++;
    } else {
      head.startOffset = p;
      return p;
    }
  }
}

/** Reads the request line; returns the offset after it, or a negative verdict. */
function parseRequestLine(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = skipEmptyLines(bytes, start, end, head);
  if (p < 0) return p;

  const view = viewOf(bytes);
  head.methodOffset = p;
  if (p + 4 <= end && view.getInt32(p, true) === GET_SP) p += 3;
  else while (p < end && TOKEN_LOWER[bytes[p]!] !== 0) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.methodLength = p - head.methodOffset;
  if (head.methodLength === 0) return -HEAD_BAD_START_LINE;
  head.method = methodOf(bytes, head.methodOffset, head.methodLength);

  const afterMethod = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterMethod) return -HEAD_BAD_START_LINE;

  head.uriOffset = p;
  while (p < end && TARGET[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.uriLength = p - head.uriOffset;
  if (head.uriLength === 0) return -HEAD_BAD_START_LINE;

  const afterTarget = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterTarget) return -HEAD_BAD_START_LINE;

  head.versionOffset = p;
  if (p + PLAIN_END_BYTES <= end && view.getInt32(p, true) === HTTP && view.getInt32(p + 4, true) === SLASH_1_1) {
    p += VERSION_BYTES;
    if (view.getUint16(p, true) === CR_LF) {
      head.versionLength = VERSION_BYTES;
      head.startLineEnd = p;
      return p + 2;
    }
  }
  while (p < end && VERSION[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.versionLength = p - head.versionOffset;
  return endStartLine(bytes, p, end, head);
}

/** Reads the status line; returns the offset after it, or a negative verdict. */
function parseStatusLine(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = skipEmptyLines(bytes, start, end, head);
  if (p < 0) return p;

  const view = viewOf(bytes);
  head.versionOffset = p;
  if (p + PLAIN_STATUS_BYTES <= end && view.getInt32(p, true) === HTTP && view.getInt32(p + 4, true) === SLASH_1_1) {
    p += VERSION_BYTES;
  }
  while (p < end && VERSION[bytes[p]!] === 1) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.versionLength = p - head.versionOffset;

  const afterVersion = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterVersion) return -HEAD_BAD_START_LINE;

  const digits = p;
  let status = 0;
  while (p < end && bytes[p]! >= 48 && bytes[p]! <= 57) {
    if (p - digits >= 3) return -HEAD_BAD_START_LINE;
    status = status * 10 + (bytes[p]! - 48);
    p++;
  }
  if (p >= end) return -HEAD_PARTIAL;
  if (p === digits) return -HEAD_BAD_START_LINE;
  head.status = status;

  const afterStatus = p;
  while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
  if (p >= end) return -HEAD_PARTIAL;
  if (p === afterStatus && bytes[p] !== CR && bytes[p] !== LF) return -HEAD_BAD_START_LINE;

  head.reasonOffset = p;
  while (p < end && bytes[p] !== CR && bytes[p] !== LF) p++;
  if (p >= end) return -HEAD_PARTIAL;
  head.reasonLength = p - head.reasonOffset;
  return endStartLine(bytes, p, end, head);
}

/** Reads the line end at `p` and judges the version; returns the offset after the line, or a negative verdict. */
function endStartLine(bytes: Uint8Array, start: number, end: number, head: Head): number {
  let p = start;
  head.startLineEnd = p;
  if (bytes[p] === CR) {
    p++;
    if (p >= end) return -HEAD_PARTIAL;
  }
  if (bytes[p] !== LF) return -HEAD_BAD_START_LINE;
  const v = head.versionOffset;
  if (head.versionLength !== VERSION_BYTES) return -HEAD_BAD_VERSION;
  // "HTTP/" digit "." digit; everything from 1.1 on is spoken to as 1.1
  if (bytes[v] !== 72 || bytes[v + 1] !== 84 || bytes[v + 2] !== 84 || bytes[v + 3] !== 80) return -HEAD_BAD_VERSION;
  if (bytes[v + 4] !== 47 || bytes[v + 6] !== 46) return -HEAD_BAD_VERSION;
  const major = bytes[v + 5]! - 48;
  const minor = bytes[v + 7]! - 48;
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return -HEAD_BAD_VERSION;
  if (major < 1 || (major === 1 && minor < 1)) head.flags |= HEAD_HTTP_10;
  return p + 1;
}

const METHODS: readonly Uint8Array[] = methodTable();

function methodTable(): Uint8Array[] {
  const methods: Uint8Array[] = [];
  methods[METHOD_OTHER] = wordOf('');
  methods[METHOD_GET] = wordOf('GET');
  methods[METHOD_HEAD] = wordOf('HEAD');
  methods[METHOD_POST] = wordOf('POST');
  methods[METHOD_PUT] = wordOf('PUT');
  methods[METHOD_DELETE] = wordOf('DELETE');
  methods[METHOD_CONNECT] = wordOf('CONNECT');
  methods[METHOD_OPTIONS] = wordOf('OPTIONS');
  methods[METHOD_TRACE] = wordOf('TRACE');
  methods[METHOD_PATCH] = wordOf('PATCH');
  return methods;
}

/** METHOD_* of a method name, which is case-sensitive (RFC 9110 §9.1). */
function methodOf(bytes: Uint8Array, offset: number, length: number): number {
  if (length === 3 && bytes[offset] === 71 && bytes[offset + 1] === 69 && bytes[offset + 2] === 84) return METHOD_GET;
  for (let method = METHOD_HEAD; method < METHODS.length; method++) {
    const name = METHODS[method]!;
    if (name.length !== length) continue;
    let index = 0;
    while (index < length && bytes[offset + index] === name[index]) index++;
    if (index === length) return method;
  }
  return METHOD_OTHER;
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
    if (nameBytes === 0) return endFields(bytes, p, end);
    if (bytes[p] !== COLON) return -HEAD_BAD_FIELD;
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
      if (bytes[p] !== LF) return -HEAD_BAD_FIELD;
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
      const verdict = parseKnownField(bytes, head, id, value, valueBytes, kind);
      if (verdict > HEAD_OK) return -verdict;
      if (verdict === FIELD_DROP) continue;
      value = head.editOffset;
      valueBytes = head.editLength;
    }
    if (index + 1 >= headerCountMax) return -HEAD_TOO_MANY_FIELDS; // one place is the empty line's
    headerId[index] = id;
    headerFlags[index] = 0;
    nameOffset[index] = name;
    nameLength[index] = nameBytes;
    valueOffset[index] = value;
    valueLength[index] = valueBytes;
    index++;
  }
}

/** Reads the empty line that a line without a name must be; returns the offset after it, or a negative verdict. */
function endFields(bytes: Uint8Array, p: number, end: number): number {
  if (bytes[p] === LF) return p + 1;
  if (bytes[p] !== CR) return -HEAD_BAD_FIELD;
  if (p + 1 >= end) return -HEAD_PARTIAL;
  return bytes[p + 1] === LF ? p + 2 : -HEAD_BAD_FIELD;
}

/** Judges a request whose lines are all read and decides its framing (RFC 9112 §6.3). */
function frameRequest(bytes: Uint8Array, head: Head, limits: HeadLimits): number {
  const verdict = checkTarget(bytes, head);
  if (verdict !== HEAD_OK) return verdict;
  if ((head.parseBits & SAW_CODING) !== 0 && !settleCoding(head)) return HEAD_BAD_CODING;
  if (costIsTooHigh(head, head.methodLength + head.uriLength + head.versionLength, limits)) return HEAD_TOO_LARGE;

  const bits = head.parseBits;
  if (head.method === METHOD_CONNECT) {
    // What follows is the tunnel's. HAProxy accepts a length here and then fails to write it.
    if ((bits & SAW_LENGTH) !== 0 && head.contentLength > 0) return HEAD_BAD_LENGTH;
    dropFraming(head);
    head.flags |= HEAD_TUNNEL | HEAD_NO_BODY;
  } else if ((bits & CHUNKED_LAST) !== 0) head.flags |= HEAD_CHUNKED;
  else if ((bits & SAW_LENGTH) === 0) head.flags |= HEAD_NO_BODY;
  else head.flags |= head.contentLength > 0 ? HEAD_LENGTH : HEAD_LENGTH | HEAD_NO_BODY;

  if ((head.flags & HEAD_HTTP_10) !== 0 && (head.flags & HEAD_NO_BODY) === 0 && methodForbidsPayload(head.method)) {
    return HEAD_PAYLOAD_FORBIDDEN;
  }
  if ((bits & SAW_OTHER_CODING) !== 0) return HEAD_UNKNOWN_CODING;
  settleConnection(head);
  if ((bits & (SAW_UPGRADE_TOKEN | SAW_UPGRADE_FIELD)) !== 0) {
    settleUpgrade(bytes, head);
    if ((head.flags & HEAD_WEBSOCKET) !== 0 && !hasWebsocketKey(head)) return HEAD_BAD_UPGRADE;
  }
  if ((bits & SAW_CONTINUE) !== 0 && (head.flags & HEAD_HTTP_10) === 0) head.flags |= HEAD_EXPECT_CONTINUE;
  return HEAD_OK;
}

/** HTTP/1.0 gives these methods no body (RFC 1945 §7.2.1). */
function methodForbidsPayload(method: number): boolean {
  return method === METHOD_GET || method === METHOD_HEAD || method === METHOD_DELETE;
}

/** Judges a response whose lines are all read and decides its framing (RFC 9112 §6.3). */
function frameResponse(head: Head, requestMethod: number, limits: HeadLimits): number {
  const bits = head.parseBits;
  const status = head.status;
  if ((bits & SAW_CODING) !== 0) settleCoding(head);
  // The version, three digits and the reason are the start line's text.
  if (costIsTooHigh(head, head.versionLength + 3 + head.reasonLength, limits)) return HEAD_TOO_LARGE;
  if ((bits & SAW_OTHER_CODING) !== 0) return HEAD_UNKNOWN_CODING;

  const interim = status >= 100 && status < 200;
  if (status === 101 || (requestMethod === METHOD_CONNECT && status >= 200 && status < 300)) {
    dropFraming(head);
    head.flags |= HEAD_TUNNEL | HEAD_NO_BODY;
  } else if (interim || status === 204) {
    dropFraming(head);
    head.flags |= HEAD_NO_BODY;
  } else if (requestMethod === METHOD_HEAD || status === 304) head.flags |= HEAD_NO_BODY;
  else if ((bits & CHUNKED_LAST) !== 0) head.flags |= HEAD_CHUNKED;
  else if ((bits & SAW_LENGTH) === 0) head.flags |= HEAD_CLOSE_DELIMITED | HEAD_CLOSE;
  else head.flags |= head.contentLength > 0 ? HEAD_LENGTH : HEAD_LENGTH | HEAD_NO_BODY;

  settleConnection(head);
  if (status !== 101) return HEAD_OK;
  if ((bits & SAW_UPGRADE_TOKEN) === 0) return HEAD_BAD_UPGRADE;
  head.flags |= HEAD_UPGRADE;
  if ((bits & SAW_WEBSOCKET) === 0) return HEAD_OK;
  head.flags |= HEAD_WEBSOCKET;
  return head.find(HEADER_SEC_WEBSOCKET_ACCEPT, 0) >= 0 ? HEAD_OK : HEAD_BAD_UPGRADE;
}

/** Trailers frame nothing, yet what would be refused in a request head is refused here too. */
function frameTrailers(trailers: Head): number {
  if ((trailers.parseBits & SAW_CODING) === 0 || settleCoding(trailers)) return HEAD_OK;
  return HEAD_BAD_CODING;
}

/**
 * Transfer-Encoding was seen: it overrules Content-Length, and where an older agent might read the message
 * otherwise, the connection ends with it (RFC 9112 §6.1).
 * @returns whether chunked is the last coding
 */
function settleCoding(head: Head): boolean {
  if ((head.parseBits & SAW_LENGTH) !== 0) {
    head.removeAll(HEADER_CONTENT_LENGTH);
    head.parseBits &= ~SAW_LENGTH;
    head.contentLength = 0;
    head.flags |= HEAD_MUST_CLOSE | HEAD_CLOSE;
  } else if ((head.flags & HEAD_HTTP_10) !== 0) head.flags |= HEAD_MUST_CLOSE | HEAD_CLOSE;
  return (head.parseBits & CHUNKED_LAST) !== 0;
}

/** The message has no body and must not speak of one. */
function dropFraming(head: Head): void {
  if ((head.parseBits & (SAW_LENGTH | SAW_CODING)) === 0) return;
  head.removeAll(HEADER_CONTENT_LENGTH);
  head.removeAll(HEADER_TRANSFER_ENCODING);
  head.contentLength = 0;
}

/** Connection options to flags (RFC 9112 §9.3). */
function settleConnection(head: Head): void {
  const bits = head.parseBits;
  if ((bits & SAW_KEEP_ALIVE) !== 0) head.flags |= HEAD_KEEP_ALIVE;
  else if ((head.flags & HEAD_HTTP_10) !== 0) head.flags |= HEAD_CLOSE;
  if ((bits & SAW_CLOSE) !== 0) head.flags |= HEAD_CLOSE;
}

/** An upgrade needs the Connection option and the Upgrade line; one without the other is taken out. */
function settleUpgrade(bytes: Uint8Array, head: Head): void {
  const bits = head.parseBits;
  if ((bits & SAW_UPGRADE_TOKEN) === 0) {
    head.removeAll(HEADER_UPGRADE);
    return;
  }
  if ((bits & SAW_UPGRADE_FIELD) !== 0) {
    head.flags |= (bits & SAW_WEBSOCKET) !== 0 ? HEAD_UPGRADE | HEAD_WEBSOCKET : HEAD_UPGRADE;
    return;
  }
  for (let index = head.find(HEADER_CONNECTION, 0); index >= 0; index = head.find(HEADER_CONNECTION, index + 1)) {
    removeUpgradeOption(bytes, head, head.valueOffset[index]!, head.valueLength[index]!);
    head.valueLength[index] = head.editLength;
    if (head.editLength === 0) head.removeHeader(index);
  }
}

function hasWebsocketKey(head: Head): boolean {
  for (
    let index = head.find(HEADER_SEC_WEBSOCKET_KEY, 0);
    index >= 0;
    index = head.find(HEADER_SEC_WEBSOCKET_KEY, index + 1)
  ) {
    if (head.valueLength[index] === WEBSOCKET_KEY_BYTES) return true;
  }
  return false;
}

/**
 * Would HAProxy's internal form of this head overflow its buffer?
 * @param startLineBytes text of the start line's three parts
 */
function costIsTooHigh(head: Head, startLineBytes: number, limits: HeadLimits): boolean {
  const wireBytes = head.endOffset - head.startOffset;
  if (wireBytes + COST_FIXED_BYTES + head.headerCount * COST_PER_FIELD_BYTES <= limits.headCostMax) return false;
  let cost = COST_FIXED_BYTES + startLineBytes;
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    cost += COST_PER_FIELD_BYTES + head.nameLength[index]! + head.valueLength[index]!;
  }
  return cost > limits.headCostMax;
}
