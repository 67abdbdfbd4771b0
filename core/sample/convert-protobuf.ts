// `protobuf` and `ungrpc` (manual §7.3.1): one field of a Protocol Buffers message, by a path of field numbers.
//
// Safe on hostile bytes: a message that ends too early or makes no sense has no value.

import { assert } from '../base/assert.ts';
import { setWords, textOf } from './convert-arguments.ts';
import type { Convert, ConverterRow } from './rows.ts';
import { type Sample, TYPE_BIN } from './types.ts';

const WIRE_VARINT = 0;
const WIRE_64BIT = 1;
const WIRE_BYTES = 2;
const WIRE_32BIT = 5;

const AS_BINARY = 0;
const AS_VARINT = 1;
const AS_ZIGZAG = 2;
const AS_FIXED32 = 3;
const AS_SFIXED32 = 4;
const AS_FLOAT = 5;
const AS_FIXED64 = 6;
const AS_DOUBLE = 7;

const TYPES: Readonly<Record<string, number>> = {
  int32: AS_VARINT,
  uint32: AS_VARINT,
  int64: AS_VARINT,
  uint64: AS_VARINT,
  bool: AS_VARINT,
  enum: AS_VARINT,
  sint32: AS_ZIGZAG,
  sint64: AS_ZIGZAG,
  fixed32: AS_FIXED32,
  sfixed32: AS_SFIXED32,
  float: AS_FLOAT,
  fixed64: AS_FIXED64,
  sfixed64: AS_FIXED64,
  double: AS_DOUBLE,
};

const WORD = 0x1_0000_0000;

// The reader: bytes[at, end), and the two words of the varint read last.
let bytes: Uint8Array = new Uint8Array(0);
let at = 0;
let end = 0;
let low = 0;
let high = 0;

/** A varint of at most ten bytes; no bytes at all are 0, as in HAProxy. False: it is not complete. */
function readVarint(): boolean {
  low = 0;
  high = 0;
  if (at >= end) return true;
  for (let shift = 0; shift < 64 && at < end; shift += 7) {
    const byte = bytes[at++]!;
    const bits = byte & 0x7f;
    if (shift < 32) low |= bits << shift;
    if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
    if (byte < 0x80) return true;
  }
  return false;
}

function skip(wire: number): boolean {
  if (wire === WIRE_VARINT) return readVarint();
  const size = wire === WIRE_32BIT ? 4 : 8;
  if (end - at < size) return false;
  at += size;
  return true;
}

function setView(sample: Sample, length: number): boolean {
  sample.setBytes(TYPE_BIN, bytes, at, length);
  return true;
}

function storeVarint(sample: Sample, type: number): boolean {
  const start = at;
  if ((type !== AS_BINARY && type !== AS_VARINT && type !== AS_ZIGZAG) || !readVarint()) return false;
  const length = at - start;
  at = start;
  if (type === AS_BINARY) return setView(sample, length);
  if (type === AS_ZIGZAG) {
    const sign = -(low & 1);
    low = ((low >>> 1) | (high << 31)) ^ sign;
    high = (high >>> 1) ^ sign;
  }
  setWords(sample, high, low);
  return true;
}

const floatCells = new DataView(new ArrayBuffer(8));

function readWord(offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}

const HALF = 2 ** 63;

/** The integer part as C makes it an unsigned 64-bit one on x86-64, also of what has none. */
function truncated(value: number): bigint {
  if (value >= HALF) return value < 2 * HALF ? BigInt.asIntN(64, BigInt(value)) : 0n;
  return value >= -HALF ? BigInt(Math.trunc(value)) : -0x8000_0000_0000_0000n;
}

function storeFixed32(sample: Sample, type: number): boolean {
  if (end - at < 4) return false;
  const word = readWord(at);
  if (type === AS_BINARY) return setView(sample, 4);
  if (type === AS_FIXED32) sample.setInt(word >>> 0);
  else if (type === AS_SFIXED32) sample.setInt(word);
  else if (type === AS_FLOAT) {
    floatCells.setInt32(0, word);
    const value = floatCells.getFloat32(0);
    // Taken for 64 bits first, then the lower half counts.
    const exact = value >= -HALF && value < HALF ? BigInt(Math.trunc(value)) : 0n;
    sample.setInt(Number(BigInt.asUintN(32, exact)));
  } else return false;
  return true;
}

function storeFixed64(sample: Sample, type: number): boolean {
  if (end - at < 8) return false;
  if (type === AS_BINARY) return setView(sample, 8);
  if (type === AS_FIXED64) setWords(sample, readWord(at + 4), readWord(at));
  else if (type === AS_DOUBLE) {
    floatCells.setInt32(0, readWord(at + 4));
    floatCells.setInt32(4, readWord(at));
    sample.setWide(truncated(floatCells.getFloat64(0)));
  } else return false;
  return true;
}

function store(sample: Sample, wire: number, type: number, length: number): boolean {
  switch (wire) {
    case WIRE_VARINT:
      return storeVarint(sample, type);
    case WIRE_32BIT:
      return storeFixed32(sample, type);
    case WIRE_64BIT:
      return storeFixed64(sample, type);
    default:
      return type === AS_BINARY && setView(sample, length);
  }
}

/**
 * Looks for the field in bytes[at, end). A message that was gone into without success is left at its end, and the path begins
 * anew; `left` counts what is unread of it.
 */
function lookUp(sample: Sample, path: readonly number[], type: number): boolean {
  let left = 0;
  for (let step = 0; at < end; ) {
    let from = at;
    if (!readVarint()) return false;
    const wire = low & 7;
    const isFound = ((high << 29) | (low >>> 3)) >>> 0 === path[step];
    if (wire === WIRE_BYTES) {
      if (!readVarint()) return false;
      left = (high >>> 0) * WORD + (low >>> 0);
      if (left > end - at) return false;
      from = at;
      if (!isFound) at += left;
    } else if (wire !== WIRE_VARINT && wire !== WIRE_32BIT && wire !== WIRE_64BIT) return false;
    else if (!isFound && !skip(wire)) return false;
    if (isFound && step === path.length - 1) return store(sample, wire, type, left);
    if (left > 0) left -= at - from;
    if (isFound) step++;
    else if (left <= 0) step = 0;
  }
  return false;
}

function open(sample: Sample): void {
  bytes = sample.bytes;
  at = sample.offset;
  end = at + sample.length;
}

type Compile = (path: readonly number[], type: number) => Convert;

const compileProtobuf: Compile = (path, type) => (sample) => {
  open(sample);
  return lookUp(sample, path, type);
};

const GRPC_HEADER_BYTES = 5; // a flag, then the message's length

const compileUngrpc: Compile = (path, type) => (sample) => {
  open(sample);
  const all = end;
  let left = sample.length;
  while (left > GRPC_HEADER_BYTES) {
    const length = bytes[at + 1]! * 0x100_0000 + ((bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
    at += GRPC_HEADER_BYTES;
    left -= GRPC_HEADER_BYTES;
    if (left < length) return false;
    // The next message is looked for where the search of this one ended, as in HAProxy; never behind the bytes there are.
    end = Math.min(at + length, all);
    if (lookUp(sample, path, type)) return true;
    left -= length;
    end = all;
  }
  return false;
};

function row(name: string, compile: Compile): ConverterRow {
  return {
    name,
    args: { kinds: ['fields', 'str'], min: 1 },
    in: TYPE_BIN,
    out: TYPE_BIN,
    check(args) {
      const type = textOf(args, 1);
      if (args[1] === undefined || args[1].kind === 'none') return null;
      return Object.hasOwn(TYPES, type) ? null : `Wrong protocol buffer type '${type}'`;
    },
    compile(args) {
      const [path] = args;
      assert(path?.kind === 'fields', 'a path of field numbers was parsed');
      return compile(path.numbers, TYPES[textOf(args, 1)] ?? AS_BINARY);
    },
  };
}

export const protobufConverters: readonly ConverterRow[] = [
  row('protobuf', compileProtobuf),
  row('ungrpc', compileUngrpc),
];
