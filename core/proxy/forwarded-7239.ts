// The Forwarded header (RFC 7239 §4–§6) as HAProxy writes it: proto, host, by, for, in this order, joined by ";".
//
// A node with a port, and every IPv6 node, is quoted; a node nobody knows is "unknown".

import type { Head } from '../http/message.ts';
import { HEADER_HOST } from '../http/message.ts';
import { AF_INET, AF_INET6 } from '../io/net.ts';
import type { Forwarded } from '../model/proxy.ts';
import type { Expression } from '../sample/expression.ts';
import type { Subject } from '../sample/subject.ts';
import { writeAddress, writeDecimal } from './address-text.ts';
import { type Ends, endsOf } from './endpoints.ts';
import { type ForwardedExpressions, textOf, writeNodeName, writeNodePort } from './forwarded-expressions.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

const QUOTE = 34;
const SEMICOLON = 59;
const COLON = 58;
const OPEN = 91;
const CLOSE = 93;

const PROTO = ascii('proto=http');
const HOST = ascii('host="');
const BY = ascii('by=');
const FOR = ascii('for=');
const UNKNOWN = ascii('unknown');

// Bytes of a uri-host with port (RFC 3986 §3.2.2) that may stand between quotes as they are. HAProxy takes letters,
// digits and dots only, so that a host with a dash or an underscore is told as `host=""`; we tell it.
const HOST_BYTES = new Uint8Array(256);
for (const byte of ascii("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_~!$&'()*+,;=%:[]")) {
  HOST_BYTES[byte] = 1;
}

/** Longest Host that is told: longer ones are told as empty, as the edit space is bounded. */
const HOST_BYTES_MAX = 1024;

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Writes the header's value at `at` (edit space); returns the offset after it, `at` when nothing is asked for. */
export function writeForwarded(thread: ProxyThread, option: Forwarded, ends: Ends, head: Head, at: number): number {
  const bytes = thread.bytes;
  let out = at;
  if (option.proto) out = put(bytes, out, PROTO);
  if (option.host) out = writeHost(bytes, separate(bytes, at, out), head);
  if (option.by || option.byPort) {
    out = put(bytes, separate(bytes, at, out), BY);
    out = writeNode(bytes, out, ends.targetFamily, ends, false, option.byPort);
  }
  if (option.for || option.forPort) {
    out = put(bytes, separate(bytes, at, out), FOR);
    out = writeNode(bytes, out, ends.sourceFamily, ends, true, option.forPort);
  }
  return out;
}

/** As writeForwarded, of an option that has expressions. */
export function writeForwardedBy(
  thread: ProxyThread,
  stream: Stream,
  option: Forwarded,
  expressions: ForwardedExpressions,
  head: Head,
  at: number,
): number {
  const bytes = thread.bytes;
  const subject = expressions.aim(thread, stream, head);
  let out = at;
  if (option.proto) out = put(bytes, out, PROTO);
  if (option.host) {
    out = separate(bytes, at, out);
    out = expressions.host === null ? writeHost(bytes, out, head) : writeHostBy(bytes, out, expressions.host, subject);
  }
  // Asked for anew: an expression may have made the kernel tell addresses.
  if (option.by) {
    out = put(bytes, separate(bytes, at, out), BY);
    out = writeNodeBy(bytes, out, expressions.by, expressions.byPort, option.byPort, subject, endsOf(stream), false);
  }
  if (option.for) {
    out = put(bytes, separate(bytes, at, out), FOR);
    out = writeNodeBy(bytes, out, expressions.for, expressions.forPort, option.forPort, subject, endsOf(stream), true);
  }
  return out;
}

function writeHostBy(bytes: Uint8Array, start: number, host: Expression, subject: Subject): number {
  let out = put(bytes, start, HOST);
  const text = textOf(host, subject);
  if (text !== null && hostIsPlain(text.bytes, text.offset, text.length)) {
    for (let at = 0; at < text.length; at++) bytes[out++] = text.bytes[text.offset + at]!;
  }
  bytes[out++] = QUOTE;
  return out;
}

function writeNodeBy(
  bytes: Uint8Array,
  start: number,
  node: Expression | null,
  port: Expression | null,
  withPort: boolean,
  subject: Subject,
  ends: Ends,
  source: boolean,
): number {
  let out = start;
  if (withPort) bytes[out++] = QUOTE;
  const name = out;
  const family = source ? ends.sourceFamily : ends.targetFamily;
  if (node !== null) out = writeNodeName(bytes, out, node, subject, withPort);
  else if (family === AF_INET || family === AF_INET6) out = writeName(bytes, out, family, ends, source, withPort);
  if (out === name) out = put(bytes, out, UNKNOWN);
  if (withPort) {
    bytes[out] = COLON;
    let end = out + 1;
    if (port !== null) end = writeNodePort(bytes, end, port, subject);
    else if (family === AF_INET || family === AF_INET6) {
      end = writeDecimal(bytes, end, source ? ends.sourcePort : ends.targetPort);
    }
    if (end > out + 1) out = end;
  }
  if (bytes[start] === QUOTE) bytes[out++] = QUOTE;
  return out;
}

// An IPv6 address is in brackets, and in quotes of its own where the node has none.
function writeName(
  bytes: Uint8Array,
  start: number,
  family: number,
  ends: Ends,
  source: boolean,
  quoted: boolean,
): number {
  let out = start;
  if (family === AF_INET6 && !quoted) bytes[out++] = QUOTE;
  if (family === AF_INET6) bytes[out++] = OPEN;
  if (source) out = writeAddress(bytes, out, family, ends.source0, ends.source1, ends.source2, ends.source3);
  else out = writeAddress(bytes, out, family, ends.target0, ends.target1, ends.target2, ends.target3);
  if (family === AF_INET6) bytes[out++] = CLOSE;
  return out;
}

function separate(bytes: Uint8Array, at: number, out: number): number {
  if (out === at) return out;
  bytes[out] = SEMICOLON;
  return out + 1;
}

function put(bytes: Uint8Array, out: number, text: Uint8Array): number {
  for (let index = 0; index < text.length; index++) bytes[out + index] = text[index]!;
  return out + text.length;
}

// A host that is missing, or cannot stand in quotes, is told as empty.
function writeHost(bytes: Uint8Array, start: number, head: Head): number {
  let out = put(bytes, start, HOST);
  const index = head.find(HEADER_HOST, 0);
  if (index >= 0) {
    const offset = head.valueOffset[index]!;
    const length = head.valueLength[index]!;
    if (hostIsPlain(bytes, offset, length)) for (let at = 0; at < length; at++) bytes[out++] = bytes[offset + at]!;
  }
  bytes[out++] = QUOTE;
  return out;
}

function hostIsPlain(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length > HOST_BYTES_MAX) return false;
  for (let at = 0; at < length; at++) if (HOST_BYTES[bytes[offset + at]!] === 0) return false;
  return true;
}

function writeNode(
  bytes: Uint8Array,
  at: number,
  family: number,
  ends: Ends,
  source: boolean,
  withPort: boolean,
): number {
  let out = at;
  const quoted = withPort || family === AF_INET6;
  if (quoted) bytes[out++] = QUOTE;
  if (family === AF_INET6) bytes[out++] = OPEN;
  if (family !== AF_INET && family !== AF_INET6) out = put(bytes, out, UNKNOWN);
  else if (source) out = writeAddress(bytes, out, family, ends.source0, ends.source1, ends.source2, ends.source3);
  else out = writeAddress(bytes, out, family, ends.target0, ends.target1, ends.target2, ends.target3);
  if (family === AF_INET6) bytes[out++] = CLOSE;
  if (withPort && (family === AF_INET || family === AF_INET6)) {
    bytes[out++] = COLON;
    out = writeDecimal(bytes, out, source ? ends.sourcePort : ends.targetPort);
  }
  if (quoted) bytes[out++] = QUOTE;
  return out;
}
