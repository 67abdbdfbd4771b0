// Fetches on the bytes that wait, whatever protocol they are of (manual §7.3.5): their length, and pieces of them.
//
// Only mode tcp has such bytes; HTTP has req.body instead. What is not there yet may come; what does not fit the buffer
// never will.

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { dataOf } from './fetch-aim.ts';
import { HtxBlocks } from './htx-blocks.ts';
import { type Fetch, type FetchRow, NO_ARGS, type Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BIN, TYPE_SINT, USE_L6REQ, USE_L6RES } from './types.ts';

const blocks = new HtxBlocks();

/** Bytes waiting; in mode http what HAProxy's representation of the message has, head and body. */
function fetchLength(subject: Subject, sample: Sample): boolean {
  const { stream } = subject;
  if (stream === null) return false;
  const isMessage = stream.http && blocks.read(subject, sample);
  sample.mayChange = true;
  sample.setInt(isMessage ? blocks.dataBytes : dataOf(subject).length);
  return true;
}

// HAProxy keeps offsets and lengths in 32 unsigned bits.
function unsigned(arg: Arg | undefined): number {
  return arg?.kind === 'sint' ? Number(BigInt.asUintN(32, BigInt(arg.exact))) : 0;
}

/** `payload(offset,length)`; length 0: all from the offset on, as far as it came. */
function compilePayload(args: readonly Arg[]): Fetch {
  const offset = unsigned(args[0]);
  const length = unsigned(args[1]);
  return (subject, sample) => {
    const { stream } = subject;
    if (stream?.http === true) return false;
    if (offset + length > subject.trash.chunkBytes) return false;
    const data = dataOf(subject);
    if (data.length === 0 || offset + length > data.length) {
      sample.mayChange = true;
      return false;
    }
    sample.setBytes(TYPE_BIN, data.bytes, data.offset + offset, length === 0 ? data.length - offset : length);
    if (length === 0) sample.mayChange = !data.complete;
    return true;
  };
}

// The third argument of payload_lv as HAProxy's row keeps it: bit 0 says relative, the others are the offset. It forgets to
// shift absolute ones, so that they count half, and odd ones are taken for relative; configurations are tuned to that.
function place(arg: Arg | undefined): bigint | null {
  if (arg?.kind !== 'str' || arg.text === '') return null;
  const number = readNumber(arg.text);
  assert(number !== null, 'payload_lv was not checked');
  return arg.text[0] === '+' || arg.text[0] === '-' ? BigInt.asIntN(64, number * 2n + 1n) : number;
}

/** A sign and digits, both may be missing; null: something else follows. */
function readNumber(text: string): bigint | null {
  const match = /^([-+]?)([0-9]*)$/.exec(text);
  if (match === null) return null;
  const digits = BigInt(match[2] === '' ? '0' : match[2]!);
  return match[1] === '-' ? -digits : digits;
}

/** Refuses negative and senseless places, in HAProxy's words. */
export function checkPayloadLv(args: readonly Arg[]): string | null {
  const [lengthAt, lengthBytes, data] = args;
  const at = lengthAt?.kind === 'sint' ? BigInt(lengthAt.exact) : 0n;
  const bytes = lengthBytes?.kind === 'sint' ? BigInt(lengthBytes.exact) : 0n;
  if (at < 0n) return 'payload offset1 must be positive';
  if (bytes === 0n) return 'payload length must be > 0';
  if (data?.kind !== 'str' || data.text === '') return null;
  const number = readNumber(data.text);
  if (number === null) return 'payload offset2 is not a number';
  return at + bytes + number < 0n ? 'payload offset2 too negative' : null;
}

/** `payload_lv(offset1,length[,offset2])`: a length in the bytes says how long the piece is. */
function compilePayloadLv(args: readonly Arg[]): Fetch {
  const lengthAt = unsigned(args[0]);
  const lengthBytes = unsigned(args[1]);
  const moved = place(args[2]);
  const shift = moved === null ? 0 : Number(BigInt.asIntN(32, moved >> 1n));
  const dataAt = moved !== null && (moved & 1n) === 0n ? shift : lengthAt + lengthBytes + shift;
  return (subject, sample) => {
    const { stream, trash } = subject;
    if (stream?.http === true) return false;
    const data = dataOf(subject);
    if (data.length === 0 || lengthAt + lengthBytes > data.length) {
      sample.mayChange = true;
      return false;
    }
    const length = readLength(data.bytes, data.offset + lengthAt, lengthBytes);
    if (length === 0 || dataAt < 0 || dataAt + length > trash.chunkBytes) return false;
    if (dataAt + length > data.length) {
      sample.mayChange = true;
      return false;
    }
    sample.setBytes(TYPE_BIN, data.bytes, data.offset + dataAt, length);
    return true;
  };
}

// Big-endian; of more than four bytes the last four count.
function readLength(bytes: Uint8Array, at: number, count: number): number {
  let length = 0;
  for (let index = Math.max(0, count - 4); index < count; index++) length = length * 256 + bytes[at + index]!;
  return length;
}

const PAYLOAD_ARGS: Signature = { kinds: ['sint', 'sint'], min: 2 };
const PAYLOAD_LV_ARGS: Signature = { kinds: ['sint', 'sint', 'str'], min: 2 };

const piece = { args: PAYLOAD_ARGS, out: TYPE_BIN, compile: compilePayload };
const counted = { args: PAYLOAD_LV_ARGS, out: TYPE_BIN, check: checkPayloadLv, compile: compilePayloadLv };
const length = { args: NO_ARGS, out: TYPE_SINT, compile: () => fetchLength };

export const payloadFetches: readonly FetchRow[] = [
  { ...piece, name: 'payload', uses: USE_L6REQ | USE_L6RES },
  { ...counted, name: 'payload_lv', uses: USE_L6REQ | USE_L6RES },
  { ...length, name: 'req.len', uses: USE_L6REQ },
  { ...piece, name: 'req.payload', uses: USE_L6REQ },
  { ...counted, name: 'req.payload_lv', uses: USE_L6REQ },
  { ...length, name: 'req_len', uses: USE_L6REQ },
  { ...length, name: 'res.len', uses: USE_L6RES },
  { ...piece, name: 'res.payload', uses: USE_L6RES },
  { ...counted, name: 'res.payload_lv', uses: USE_L6RES },
];
