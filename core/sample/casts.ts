// Conversions between sample types, which happen by themselves wherever a value of another type is wanted (manual §7.1).
//
// Some are free: the value is taken as it is and keeps its type (bool and sint, str given as bin, an address of either
// family where any will do). The others rewrite the sample, with texts in the trash.

import { assert } from '../base/assert.ts';
import { asciiBytes, writeInet6, writeInt } from '../base/text.ts';
import { METHOD_OTHER } from '../http/message.ts';
import { NOT_INET4, parseInet4, parseInet6, readInt64 } from './numbers.ts';
import type { Subject } from './subject.ts';
import {
  type Sample,
  type SampleType,
  TYPE_ADDR,
  TYPE_ANY,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_METH,
  TYPE_SAME,
  TYPE_SINT,
  TYPE_STR,
} from './types.ts';

export const CAST_IMPOSSIBLE = 0;
export const CAST_FREE = 1; // the value serves as it is
export const CAST_REAL = 2; // it is rewritten, and may fail

// By source type, then by wanted type, in the order of TYPE_…: `-` impossible, `=` free, `*` real.
const MATRIX: readonly string[] = [
  '=-********', // any
  '----------', // same
  '=-==---**-', // bool
  '=-==*****-', // sint
  '=---*****-', // addr
  '=--*==***-', // ipv4
  '=---=*=**-', // ipv6
  '=-*****==*', // str
  '=------*=*', // bin
  '=------**=', // meth
];

const TYPE_COUNT = 10;
const KINDS = Uint8Array.from(MATRIX.join(''), (mark) => '-=*'.indexOf(mark));

/** Whether a value of one type can stand for another, as far as types tell: one of CAST_…. */
export function castKind(from: SampleType, to: SampleType): number {
  return KINDS[from * TYPE_COUNT + to]!;
}

/** Names by METHOD_…; '' for METHOD_OTHER, which has its name in the sample. */
const METHOD_NAMES: readonly Uint8Array[] = [
  ...['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
].map(asciiBytes);

/** The name of METHOD_…, '' for METHOD_OTHER; for people, it allocates. */
export function methodName(method: number): string {
  return Buffer.from(METHOD_NAMES[method]!).toString('latin1');
}

/** METHOD_… of a name, which has to be in capitals. */
export function methodOf(bytes: Uint8Array, offset: number, length: number): number {
  for (let method = METHOD_NAMES.length - 1; method > METHOD_OTHER; method--) {
    const name = METHOD_NAMES[method]!;
    if (name.length !== length) continue;
    let at = 0;
    while (at < length && name[at] === bytes[offset + at]) at++;
    if (at === length) return method;
  }
  return METHOD_OTHER;
}

/**
 * Makes `sample` usable as `type`; false: it cannot be, the sample is then of no use. After a free cast the sample keeps its
 * own type, as HAProxy's does: who asks for BIN may get STR, for SINT a BOOL, for ADDR either family.
 */
export function castTo(sample: Sample, type: SampleType, subject: Subject): boolean {
  if (sample.type === type) return true;
  const kind = castKind(sample.type, type);
  if (kind !== CAST_REAL) return kind === CAST_FREE;
  assert(sample.type !== TYPE_ANY && sample.type !== TYPE_ADDR, 'a value never has a type of signatures');
  assert(type !== TYPE_SAME && type !== TYPE_ANY, 'nothing is rewritten as any');
  switch (sample.type) {
    case TYPE_BOOL:
      return castInt(sample, type, subject);
    case TYPE_SINT:
      return castInt(sample, type, subject);
    case TYPE_IPV4:
      return castIpv4(sample, type, subject);
    case TYPE_IPV6:
      return castIpv6(sample, type, subject);
    case TYPE_STR:
      return castText(sample, type, subject);
    case TYPE_BIN:
      return type === TYPE_METH ? textToMethod(sample) : binToText(sample);
    default:
      return methodToText(sample);
  }
}

function castInt(sample: Sample, type: SampleType, subject: Subject): boolean {
  if (type === TYPE_STR) return intToText(sample, subject);
  if (type === TYPE_BIN) return intToBin(sample, subject);
  sample.setIpv4(lowWord(sample));
  return type === TYPE_IPV6 ? ipv4ToIpv6(sample, subject) : true;
}

function lowWord(sample: Sample): number {
  return sample.wide === null ? sample.number >>> 0 : Number(BigInt.asUintN(32, sample.wide));
}

function castIpv4(sample: Sample, type: SampleType, subject: Subject): boolean {
  if (type === TYPE_SINT) {
    sample.setInt(sample.number);
    return true;
  }
  if (type === TYPE_IPV6) return ipv4ToIpv6(sample, subject);
  const { trash } = subject;
  const at = trash.take();
  if (type === TYPE_BIN) {
    writeWord(trash.bytes, at, sample.number);
    sample.setBytes(TYPE_BIN, trash.bytes, at, 4);
    return true;
  }
  const word = sample.number;
  let end = writeInt(trash.bytes, at, word >>> 24);
  for (let shift = 16; shift >= 0; shift -= 8) {
    trash.bytes[end] = 0x2e;
    end = writeInt(trash.bytes, end + 1, (word >>> shift) & 0xff);
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
  return true;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

function ipv4ToIpv6(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const at = trash.take();
  trash.bytes.fill(0, at, at + 10);
  trash.bytes[at + 10] = 0xff;
  trash.bytes[at + 11] = 0xff;
  writeWord(trash.bytes, at + 12, sample.number);
  sample.setBytes(TYPE_IPV6, trash.bytes, at, 16);
  return true;
}

const address6 = new Uint8Array(16);

function castIpv6(sample: Sample, type: SampleType, subject: Subject): boolean {
  if (type === TYPE_IPV4) return ipv6ToIpv4(sample);
  if (type === TYPE_BIN) {
    sample.type = TYPE_BIN;
    return true;
  }
  for (let index = 0; index < 16; index++) address6[index] = sample.bytes[sample.offset + index]!;
  const { trash } = subject;
  const at = trash.take();
  sample.setBytes(TYPE_STR, trash.bytes, at, writeInet6(trash.bytes, at, address6) - at);
  return true;
}

/** Mapped and compatible addresses (RFC 4291 §2.5.5) and 6to4 (RFC 3056) have an IPv4 one inside; others have none. */
function ipv6ToIpv4(sample: Sample): boolean {
  const { bytes, offset } = sample;
  if (bytes[offset] === 0x20 && bytes[offset + 1] === 0x02) {
    sample.setIpv4(readWord(bytes, offset + 2));
    return true;
  }
  const middle = readWord(bytes, offset + 8);
  const isMapped = middle === 0xffff || middle === 0;
  if (!isMapped || readWord(bytes, offset) !== 0 || readWord(bytes, offset + 4) !== 0) return false;
  sample.setIpv4(readWord(bytes, offset + 12));
  return true;
}

function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function castText(sample: Sample, type: SampleType, subject: Subject): boolean {
  switch (type) {
    case TYPE_BOOL:
    case TYPE_SINT:
      if (sample.length === 0) return false;
      readInt64(sample.bytes, sample.offset, sample.offset + sample.length, sample);
      return true;
    case TYPE_IPV4:
      return textToIpv4(sample);
    case TYPE_IPV6:
      return textToIpv6(sample, subject);
    case TYPE_ADDR:
      return textToIpv4(sample) || textToIpv6(sample, subject);
    default:
      return textToMethod(sample);
  }
}

function textToIpv4(sample: Sample): boolean {
  const word = parseInet4(sample.bytes, sample.offset, sample.length);
  if (word === NOT_INET4) return false;
  sample.setIpv4(word);
  return true;
}

function textToIpv6(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const at = trash.take();
  if (!parseInet6(sample.bytes, sample.offset, sample.length, trash.bytes, at)) return false;
  sample.setBytes(TYPE_IPV6, trash.bytes, at, 16);
  return true;
}

function textToMethod(sample: Sample): boolean {
  sample.type = TYPE_METH;
  sample.number = methodOf(sample.bytes, sample.offset, sample.length);
  return true;
}

/** A NUL ends a text, whatever follows. */
function binToText(sample: Sample): boolean {
  const { bytes, offset } = sample;
  let length = 0;
  while (length < sample.length && bytes[offset + length] !== 0) length++;
  sample.length = length;
  sample.type = TYPE_STR;
  return true;
}

/** Also what METH → BIN does: the type is STR then, which is free to be BIN. */
function methodToText(sample: Sample): boolean {
  if (sample.number !== METHOD_OTHER) {
    const name = METHOD_NAMES[sample.number]!;
    sample.setBytes(TYPE_STR, name, 0, name.length);
  }
  sample.type = TYPE_STR;
  return true;
}

function intToText(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const at = trash.take();
  const end = writeInteger(trash.bytes, at, sample);
  sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
  return true;
}

/** The decimal digits of a bool or sint; at most 20 bytes. Returns where they end. */
export function writeInteger(bytes: Uint8Array, at: number, sample: Sample): number {
  if (sample.wide === null) return writeInt(bytes, at, sample.number);
  const text = sample.wide.toString();
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}

const WORD = 0x1_0000_0000;

/** Eight bytes, the highest first. A bool is 0 or 1. */
function intToBin(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const at = trash.take();
  const { wide } = sample;
  const value = sample.type === TYPE_BOOL && sample.number !== 0 ? 1 : sample.number;
  const high = wide === null ? Math.floor(value / WORD) : Number(BigInt.asIntN(32, wide >> 32n));
  writeWord(trash.bytes, at, high | 0);
  writeWord(trash.bytes, at + 4, wide === null ? value >>> 0 : Number(BigInt.asUintN(32, wide)));
  sample.setBytes(TYPE_BIN, trash.bytes, at, 8);
  return true;
}
