// Addresses: `ipmask`, and the parts of a Forwarded header (RFC 7239; manual §7.3.1: rfc7239_*).

import { writeBytes, writeInet6, writeInt } from '../base/text.ts';
import { castTo } from './casts.ts';
import { bytesOfText, textOf } from './convert-arguments.ts';
import { NOT_INET4, parseInet6, parseStrictInet4 } from './numbers.ts';
import { type Convert, type ConverterRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_ADDR, TYPE_ANY, TYPE_BOOL, TYPE_IPV4, TYPE_IPV6, TYPE_SINT, TYPE_STR } from './types.ts';

// --- ipmask

type Args = Parameters<ConverterRow['compile']>[0];

function mask4Of(args: Args): number {
  const [arg] = args;
  return arg !== undefined && (arg.kind === 'mask4' || arg.kind === 'ipv4') ? arg.word : 0;
}

function mask6Of(args: Args): Uint8Array | null {
  const arg = args[1];
  if (arg === undefined || (arg.kind !== 'mask6' && arg.kind !== 'ipv6')) return null;
  return Uint8Array.from({ length: 16 }, (_, index) => arg.words[index >> 2]! >>> (24 - (index & 3) * 8));
}

const ipmaskRow: ConverterRow = {
  name: 'ipmask',
  args: { kinds: ['mask4', 'mask6'], min: 1 },
  in: TYPE_ADDR,
  out: TYPE_ADDR,
  compile(args) {
    const mask4 = mask4Of(args);
    const mask6 = mask6Of(args);
    return (sample, subject) => {
      // An IPv6 address that holds an IPv4 one counts as that one.
      if (sample.type === TYPE_IPV4 || castTo(sample, TYPE_IPV4, subject)) {
        sample.setIpv4(sample.number & mask4);
        return true;
      }
      if (mask6 === null) return false;
      const { trash } = subject;
      const at = trash.take();
      for (let index = 0; index < 16; index++) {
        trash.bytes[at + index] = sample.bytes[sample.offset + index]! & mask6[index]!;
      }
      sample.setBytes(TYPE_IPV6, trash.bytes, at, 16);
      return true;
    };
  },
};

// --- Forwarded: the reader, bytes[at, end); a failed step sets failed

let bytes: Uint8Array = new Uint8Array(0);
let at = 0;
let end = 0;
let failed = false;

const QUOTE = 0x22;
const DOT = 0x2e;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const BRACKET = 0x5b;
const BRACKET_CLOSE = 0x5d;
const UNDERSCORE = 0x5f;
const DASH = 0x2d;
const LETTER_S = 0x73;
const LETTER_U = 0x75;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isAlphanumeric(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x7a);
}

function isObfuscated(byte: number): boolean {
  return isAlphanumeric(byte) || byte === DOT || byte === DASH || byte === UNDERSCORE;
}

function isAt(byte: number): boolean {
  return at < end && bytes[at] === byte;
}

function skipText(text: Uint8Array): boolean {
  if (end - at < text.length) return false;
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  at += text.length;
  return true;
}

const NODE_UNKNOWN = 0;
const NODE_OBFUSCATED = 1;
const NODE_IPV4 = 2;
const NODE_IPV6 = 3;
const PORT_NONE = 0;
const PORT_OBFUSCATED = 1;
const PORT_NUMBER = 2;

// The node that was read last.
let nodeKind = NODE_UNKNOWN;
let nodeAt = 0; // the obfuscated name, without `_`
let nodeEnd = 0;
let nodeWord = 0;
const nodeAddress = new Uint8Array(16);
let portKind = PORT_NONE;
let portAt = 0;
let portEnd = 0;
let portNumber = 0;

function readObfuscated(): void {
  const start = at;
  while (at < end && isObfuscated(bytes[at]!)) at++;
  if (at === start) failed = true;
}

function readPort(): void {
  portNumber = 0;
  while (at < end && isDigit(bytes[at]!) && portNumber <= 0xffff) portNumber = portNumber * 10 + bytes[at++]! - 0x30;
  if (portNumber === 0 || portNumber > 0xffff) failed = true;
}

const INET4_TEXT_MAX = 15;
const INET6_TEXT_MAX = 45;

function readInet4(): void {
  const start = at;
  while (at < end && at - start < INET4_TEXT_MAX && (isDigit(bytes[at]!) || bytes[at] === DOT)) at++;
  nodeKind = NODE_IPV4;
  nodeWord = parseStrictInet4(bytes, start, at - start);
  if (nodeWord === NOT_INET4) failed = true;
}

/** From the `[`. Embedded IPv4 addresses are not read, as in HAProxy. */
function readInet6(): void {
  const start = ++at;
  while (at < end && at - start < INET6_TEXT_MAX && (isAlphanumeric(bytes[at]!) || bytes[at] === COLON)) at++;
  nodeKind = NODE_IPV6;
  if (!isAt(BRACKET_CLOSE) || !parseInet6(bytes, start, at - start, nodeAddress, 0)) failed = true;
  else at++;
}

const UNKNOWN = bytesOfText('unknown');

/** `name[:port]`; ports and IPv6 addresses stand only within quotes. */
function readNode(isQuoted: boolean): void {
  portKind = PORT_NONE;
  nodeKind = NODE_UNKNOWN;
  if (at >= end || bytes[at] === 0) failed = true;
  else if (isAt(UNDERSCORE)) {
    nodeAt = ++at;
    readObfuscated();
    nodeKind = NODE_OBFUSCATED;
    nodeEnd = at;
  } else if (isAt(LETTER_U)) failed = !skipText(UNKNOWN);
  else if (isQuoted && isAt(BRACKET)) readInet6();
  else readInet4();
  if (failed || !isAt(COLON)) return;
  at++;
  if (!isQuoted || at >= end) failed = true;
  else if (isAt(UNDERSCORE)) {
    portAt = ++at;
    readObfuscated();
    portKind = PORT_OBFUSCATED;
    portEnd = at;
  } else {
    portKind = PORT_NUMBER;
    readPort();
  }
}

function readHost(isQuoted: boolean): void {
  if (at >= end) failed = true;
  else if (isQuoted && isAt(BRACKET)) readInet6();
  else while (at < end && (isAlphanumeric(bytes[at]!) || bytes[at] === DOT)) at++;
  if (failed || !isAt(COLON)) return;
  at++;
  if (isQuoted) readPort();
  else failed = true;
}

const HTTP = bytesOfText('http');

/** Only http and https, and never in quotes. */
function readProto(): void {
  if (!skipText(HTTP)) failed = true;
  else if (isAt(LETTER_S)) at++;
}

// Fields in the order of FIELD_NAMES; `for` and `by` are read alike.
const FIELD_COUNT = 4;
const FIELD_HOST = 2;
const FIELD_PROTO = 3;
const FIELD_NAMES = ['for', 'by', 'host', 'proto'];
const FIELD_STARTS = FIELD_NAMES.map((name) => bytesOfText(`${name}=`));

const seen = new Uint8Array(FIELD_COUNT);
const valueAt = new Int32Array(FIELD_COUNT);
const valueEnd = new Int32Array(FIELD_COUNT);

function readField(): void {
  let field = 0;
  // Each name once, and something behind its `=`.
  while (
    field < FIELD_COUNT &&
    (seen[field] === 1 || end - at <= FIELD_STARTS[field]!.length || !skipText(FIELD_STARTS[field]!))
  ) {
    field++;
  }
  if (field === FIELD_COUNT) {
    failed = true;
    return;
  }
  const isQuoted = field !== FIELD_PROTO && isAt(QUOTE);
  if (isQuoted) at++;
  valueAt[field] = at;
  if (field === FIELD_PROTO) readProto();
  else if (field === FIELD_HOST) readHost(isQuoted);
  else readNode(isQuoted);
  valueEnd[field] = at;
  seen[field] = 1;
  if (!isQuoted || failed) return;
  if (isAt(QUOTE)) at++;
  else failed = true;
}

function open(sample: Sample): void {
  bytes = sample.bytes;
  at = sample.offset;
  end = at + sample.length;
  failed = false;
}

/** Reads one element of a Forwarded header; false: it is not one that can be trusted. Once all four fields are there, the rest
 * does not matter. */
function readForwarded(sample: Sample): boolean {
  open(sample);
  seen.fill(0);
  let count = 0;
  while (at < end && count < FIELD_COUNT) {
    if (count > 0) {
      if (!isAt(SEMICOLON)) return false;
      at++;
    }
    readField();
    if (failed) return false;
    count++;
  }
  return count > 0;
}

function setPrefixed(sample: Sample, subject: Subject, start: number, stop: number): boolean {
  const { trash } = subject;
  if (stop - start + 1 > trash.chunkBytes) return false;
  const out = trash.take();
  trash.bytes[out] = UNDERSCORE;
  writeBytes(trash.bytes, out + 1, bytes, start, stop - start);
  sample.setBytes(TYPE_STR, trash.bytes, out, stop - start + 1);
  return true;
}

/** The name of `name[:port]` as an address or text. */
const nodeName: Convert = (sample, subject) => {
  open(sample);
  readNode(true);
  if (failed) return false;
  switch (nodeKind) {
    case NODE_UNKNOWN:
      sample.setBytes(TYPE_STR, UNKNOWN, 0, UNKNOWN.length);
      return true;
    case NODE_OBFUSCATED:
      return setPrefixed(sample, subject, nodeAt, nodeEnd);
    case NODE_IPV4:
      sample.setIpv4(nodeWord);
      return true;
    default: {
      const { trash } = subject;
      const out = trash.take();
      writeBytes(trash.bytes, out, nodeAddress, 0, 16);
      sample.setBytes(TYPE_IPV6, trash.bytes, out, 16);
      return true;
    }
  }
};

/** Its port as a number or text. */
const nodePort: Convert = (sample, subject) => {
  open(sample);
  readNode(true);
  if (failed || portKind === PORT_NONE) return false;
  if (portKind === PORT_OBFUSCATED) return setPrefixed(sample, subject, portAt, portEnd);
  sample.setInt(portNumber);
  return true;
};

/** Text that may stand for a name or port, with the `_` that marks it. */
function obfuscate(sample: Sample, subject: Subject): boolean {
  open(sample);
  readObfuscated();
  return !failed && at === end && setPrefixed(sample, subject, sample.offset, end);
}

const toNodeName: Convert = (sample, subject) => {
  if (sample.type === TYPE_IPV6) {
    const { trash } = subject;
    for (let index = 0; index < 16; index++) nodeAddress[index] = sample.bytes[sample.offset + index]!;
    const out = trash.take();
    trash.bytes[out] = BRACKET;
    const stop = writeInet6(trash.bytes, out + 1, nodeAddress);
    trash.bytes[stop] = BRACKET_CLOSE;
    sample.setBytes(TYPE_STR, trash.bytes, out, stop + 1 - out);
    return true;
  }
  if (sample.type === TYPE_IPV4) return castTo(sample, TYPE_STR, subject);
  if (!castTo(sample, TYPE_STR, subject)) return false;
  if (sample.length > 0) return obfuscate(sample, subject);
  sample.setBytes(TYPE_STR, UNKNOWN, 0, UNKNOWN.length);
  return true;
};

const toNodePort: Convert = (sample, subject) => {
  if (sample.type !== TYPE_SINT) return castTo(sample, TYPE_STR, subject) && obfuscate(sample, subject);
  const { trash } = subject;
  const port = sample.wide === null ? sample.number >>> 0 : Number(BigInt.asUintN(32, sample.wide));
  const out = trash.take();
  sample.setBytes(TYPE_STR, trash.bytes, out, writeInt(trash.bytes, out, port) - out);
  return true;
};

const fieldRow: ConverterRow = {
  name: 'rfc7239_field',
  args: { kinds: ['str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_STR,
  compile(args) {
    const field = FIELD_NAMES.indexOf(textOf(args, 0));
    return (sample) => {
      if (field < 0 || !readForwarded(sample) || seen[field] === 0) return false;
      sample.setBytes(TYPE_STR, bytes, valueAt[field]!, valueEnd[field]! - valueAt[field]!);
      return true;
    };
  },
};

export const addressConverters: readonly ConverterRow[] = [
  ipmaskRow,
  fieldRow,
  {
    name: 'rfc7239_is_valid',
    args: NO_ARGS,
    in: TYPE_STR,
    out: TYPE_BOOL,
    compile: () => (sample) => {
      sample.setBool(readForwarded(sample));
      return true;
    },
  },
  { name: 'rfc7239_n2nn', args: NO_ARGS, in: TYPE_STR, out: TYPE_ANY, compile: () => nodeName },
  { name: 'rfc7239_n2np', args: NO_ARGS, in: TYPE_STR, out: TYPE_ANY, compile: () => nodePort },
  { name: 'rfc7239_nn', args: NO_ARGS, in: TYPE_ANY, out: TYPE_STR, compile: () => toNodeName },
  { name: 'rfc7239_np', args: NO_ARGS, in: TYPE_ANY, out: TYPE_STR, compile: () => toNodePort },
];
