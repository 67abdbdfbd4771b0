// Whether a Forwarded value received may be continued: HAProxy adds its own element to a header it understands, and
// begins a new line after one it does not (manual §4.2 "option forwarded"; RFC 7239 §4–§6).
//
// Elements are separated by commas. Each may have for, by, host and proto once, in any order; anything else is not
// understood. Start at forwardedIsValid. The readers below return the offset after what they read, or -1.

import { parseInet, parseInet6 } from './proxy-protocol.ts';

const QUOTE = 34;
const COMMA = 44;
const DOT = 46;
const COLON = 58;
const SEMICOLON = 59;
const OPEN = 91;
const CLOSE = 93;
const UNDERSCORE = 95;

const FOR = 1;
const BY = 2;
const HOST = 4;
const PROTO = 8;

const WORD_FOR = ascii('for=');
const WORD_BY = ascii('by=');
const WORD_HOST = ascii('host=');
const WORD_PROTO = ascii('proto=');
const WORD_HTTP = ascii('http');
const WORD_UNKNOWN = ascii('unknown');

const address = new Uint8Array(16); // what the parsers write; nobody reads it

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Is every element of the value [offset, offset+length) understood? An empty value is not. */
export function forwardedIsValid(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  let at = offset;
  if (length === 0) return false;
  while (at <= end) {
    let next = at;
    while (next < end && bytes[next] !== COMMA) next++;
    let last = next;
    while (at < last && isBlank(bytes[at]!)) at++;
    while (last > at && isBlank(bytes[last - 1]!)) last--;
    if (!elementIsValid(bytes, at, last)) return false;
    at = next + 1;
  }
  return true;
}

function elementIsValid(bytes: Uint8Array, start: number, end: number): boolean {
  let seen = 0;
  let at = start;
  if (start === end) return false;
  while (at < end) {
    if (at > start && bytes[at++] !== SEMICOLON) return false;
    const parameter = parameterAt(bytes, at, end);
    if (parameter === 0 || (seen & parameter) !== 0) return false;
    seen |= parameter;
    at = readParameter(bytes, at, end, parameter);
    if (at < 0) return false;
  }
  return true;
}

function parameterAt(bytes: Uint8Array, at: number, end: number): number {
  if (startsWith(bytes, at, end, WORD_FOR)) return FOR;
  if (startsWith(bytes, at, end, WORD_BY)) return BY;
  if (startsWith(bytes, at, end, WORD_HOST)) return HOST;
  return startsWith(bytes, at, end, WORD_PROTO) ? PROTO : 0;
}

function readParameter(bytes: Uint8Array, start: number, end: number, parameter: number): number {
  if (parameter === PROTO) return readProto(bytes, start + WORD_PROTO.length, end);
  let at = start + (parameter === FOR ? WORD_FOR : parameter === BY ? WORD_BY : WORD_HOST).length;
  const quoted = at < end && bytes[at] === QUOTE;
  if (quoted) at++;
  if (at >= end) return -1;
  at = parameter === HOST ? readHost(bytes, at, end, quoted) : readNode(bytes, at, end, quoted);
  if (at < 0 || !quoted) return at;
  return at < end && bytes[at] === QUOTE ? at + 1 : -1;
}

function readProto(bytes: Uint8Array, at: number, end: number): number {
  if (!startsWith(bytes, at, end, WORD_HTTP)) return -1;
  const after = at + WORD_HTTP.length;
  return after < end && bytes[after] === 115 ? after + 1 : after;
}

/** A host as HAProxy takes it: letters, digits and dots, or an IPv6 address in brackets; a port only in quotes. */
export function readHost(bytes: Uint8Array, start: number, end: number, quoted: boolean): number {
  let at = start;
  if (quoted && bytes[at] === OPEN) at = readInet6(bytes, at, end);
  else while (at < end && (isAlnum(bytes[at]!) || bytes[at] === DOT)) at++;
  if (at < 0 || at >= end || bytes[at] !== COLON) return at;
  return quoted ? readPort(bytes, at + 1, end) : -1;
}

export const NODE_NONE = 0; // no node name
export const NODE_INET6 = 1; // an IPv6 address in brackets
export const NODE_OTHER = 2; // an IPv4 address, `unknown`, or an obfuscated name

/** What the text as a whole is, as the name of a node. */
export function nodeNameKind(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  if (length === 0) return NODE_NONE;
  const isInet6 = bytes[offset] === OPEN;
  const at = isInet6 ? readInet6(bytes, offset, end) : readPlainName(bytes, offset, end);
  if (at !== end) return NODE_NONE;
  return isInet6 ? NODE_INET6 : NODE_OTHER;
}

/** Is the text as a whole a node's port: digits, or an obfuscated one? */
export function isNodePort(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  if (length === 0) return false;
  return (bytes[offset] === UNDERSCORE ? readToken(bytes, offset + 1, end) : readPort(bytes, offset, end)) === end;
}

/** Could the text be an obfuscated name or port, once it has its underscore? */
export function isObfuscated(bytes: Uint8Array, offset: number, length: number): boolean {
  return readToken(bytes, offset, offset + length) === offset + length;
}

function readPlainName(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] === UNDERSCORE) return readToken(bytes, at + 1, end);
  if (startsWith(bytes, at, end, WORD_UNKNOWN)) return at + WORD_UNKNOWN.length;
  return readInet(bytes, at, end);
}

function readNode(bytes: Uint8Array, start: number, end: number, quoted: boolean): number {
  let at = start;
  if (bytes[at] === UNDERSCORE) at = readToken(bytes, at + 1, end);
  else if (startsWith(bytes, at, end, WORD_UNKNOWN)) at += WORD_UNKNOWN.length;
  else if (quoted && bytes[at] === OPEN) at = readInet6(bytes, at, end);
  else at = readInet(bytes, at, end);
  if (at < 0 || at >= end || bytes[at] !== COLON) return at;
  if (!quoted || at + 1 >= end) return -1;
  return bytes[at + 1] === UNDERSCORE ? readToken(bytes, at + 2, end) : readPort(bytes, at + 1, end);
}

function readToken(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (isAlnum(bytes[at]!) || bytes[at] === DOT || bytes[at] === 45 || bytes[at] === UNDERSCORE)) at++;
  return at > start ? at : -1;
}

function readInet(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (isDigit(bytes[at]!) || bytes[at] === DOT)) at++;
  return parseInet(bytes, start, at, address, 0) ? at : -1;
}

function readInet6(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  while (at < end && (isAlnum(bytes[at]!) || bytes[at] === COLON)) at++;
  if (at >= end || bytes[at] !== CLOSE) return -1;
  return parseInet6(bytes, start + 1, at, address, 0) ? at + 1 : -1;
}

function readPort(bytes: Uint8Array, start: number, end: number): number {
  let port = 0;
  let at = start;
  while (at < end && isDigit(bytes[at]!)) {
    port = port * 10 + bytes[at]! - 48;
    if (port > 65_535) return -1;
    at++;
  }
  return port > 0 ? at : -1;
}

function startsWith(bytes: Uint8Array, at: number, end: number, word: Uint8Array): boolean {
  if (at + word.length > end) return false;
  for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word[index]) return false;
  return true;
}

function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isAlnum(byte: number): boolean {
  const lower = byte | 32;
  return isDigit(byte) || (lower >= 97 && lower <= 122);
}
