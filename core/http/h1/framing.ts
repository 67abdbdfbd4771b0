// What the lines of a head amount to once all are read: is there a body and where does it end, does the connection go
// on, is this an upgrade (RFC 9112 §6.3, §9.3; RFC 9110 §7.8). Start at frameRequest and frameResponse.

import type { Head } from '../message.ts';
import * as message from '../message.ts';
import * as fields from './fields.ts';
import { removeUpgradeOption } from './fields.ts';
import { checkTarget } from './target.ts';
import type { HeadLimits } from './verdict.ts';
import * as verdict from './verdict.ts';

// Own copies of imported constants: see parse.ts.
const {
  HEADER_CONNECTION,
  HEADER_CONTENT_LENGTH,
  HEADER_REMOVED,
  HEADER_SEC_WEBSOCKET_ACCEPT,
  HEADER_SEC_WEBSOCKET_KEY,
  HEADER_TRANSFER_ENCODING,
  HEADER_UPGRADE,
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
  METHOD_CONNECT,
  METHOD_DELETE,
  METHOD_GET,
  METHOD_HEAD,
} = message;
const {
  CHUNKED_LAST,
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
  HEAD_BAD_LENGTH,
  HEAD_BAD_UPGRADE,
  HEAD_OK,
  HEAD_PAYLOAD_FORBIDDEN,
  HEAD_TOO_LARGE,
  HEAD_UNKNOWN_CODING,
} = verdict;

const WEBSOCKET_KEY_BYTES = 24; // 16 bytes in base64 (RFC 6455 §4.1)

/** Judges a request whose lines are all read and decides its framing (RFC 9112 §6.3). */
export function frameRequest(bytes: Uint8Array, head: Head, limits: HeadLimits): number {
  const verdict = checkTarget(bytes, head, limits.relaxed);
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
    if ((head.flags & HEAD_WEBSOCKET) !== 0 && !limits.relaxed && !hasWebsocketKey(head)) return HEAD_BAD_UPGRADE;
  }
  if ((bits & SAW_CONTINUE) !== 0 && (head.flags & HEAD_HTTP_10) === 0) head.flags |= HEAD_EXPECT_CONTINUE;
  return HEAD_OK;
}

/** HTTP/1.0 gives these methods no body (RFC 1945 §7.2.1). */
function methodForbidsPayload(method: number): boolean {
  return method === METHOD_GET || method === METHOD_HEAD || method === METHOD_DELETE;
}

/** Judges a response whose lines are all read and decides its framing (RFC 9112 §6.3). */
export function frameResponse(head: Head, requestMethod: number, limits: HeadLimits): number {
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
  return limits.relaxed || head.find(HEADER_SEC_WEBSOCKET_ACCEPT, 0) >= 0 ? HEAD_OK : HEAD_BAD_UPGRADE;
}

/** Trailers frame nothing, yet what would be refused in a request head is refused here too. */
export function frameTrailers(trailers: Head): number {
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
