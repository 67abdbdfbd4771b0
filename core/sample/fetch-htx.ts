// The developers' view of an HTTP message (HAProxy's `internal.htx.…`, which its manual leaves out): useful to see what
// rules have in front of them. Sizes are those HAProxy would have for the same message.

import { assert } from '../base/assert.ts';
import { writeBytes, writeInt } from '../base/text.ts';
import type { Arg } from '../model/language.ts';
import { latin1Bytes, setText } from './fetch-aim.ts';
import { bytesOf } from './http-message.ts';
import { BLOCK_DATA, BLOCK_HEADER, BLOCK_START_LINE, HTX_BLOCK_BYTES, HTX_BYTES, HtxBlocks } from './htx-blocks.ts';
import { type Fetch, type FetchRow, NO_ARGS, type Signature } from './rows.ts';
import { DIRECTION_RESPONSE, type Subject } from './subject.ts';
import {
  NO_BYTES,
  type Sample,
  type SampleType,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_SINT,
  TYPE_STR,
  USE_HRQHV,
  USE_HRSHV,
} from './types.ts';

const blocks = new HtxBlocks();

const KIND_NAMES: readonly Uint8Array[] = [
  ...['HTX_BLK_REQ_SL', 'HTX_BLK_HDR', 'HTX_BLK_EOH', 'HTX_BLK_DATA', 'HTX_BLK_UNUSED'],
].map(latin1Bytes);
const RESPONSE_LINE = latin1Bytes('HTX_BLK_RES_SL');

// Named positions.
const HEAD = -1;
const TAIL = -2;
const FIRST = -3;
const POSITIONS: ReadonlyMap<string, number> = new Map([
  ['head', HEAD],
  ['tail', TAIL],
  ['first', FIRST],
]);

/** Refuses what is no position, in HAProxy's words. */
export function checkBlock(args: readonly Arg[]): string | null {
  const arg = args[0];
  if (arg?.kind !== 'str' || arg.text === '') {
    return 'a block position is expected (> 0) or a special block name (head, tail, first)';
  }
  return POSITIONS.has(arg.text) || /^[0-9]+$/.test(arg.text) ? null : 'invalid block position';
}

function count(value: (subject: Subject) => number): FetchRow['compile'] {
  return () => (subject, sample) => {
    if (!blocks.read(subject, sample)) return false;
    sample.mayChange = true;
    sample.setInt(value(subject));
    return true;
  };
}

const sizeOf = (subject: Subject): number => subject.model.global.bufsize - HTX_BYTES;
const usedBytes = (): number => blocks.dataBytes + blocks.count * HTX_BLOCK_BYTES;
const freeBytes = (subject: Subject): number => Math.max(0, sizeOf(subject) - usedBytes());

function fetchHasEnd(subject: Subject, sample: Sample): boolean {
  if (!blocks.read(subject, sample)) return false;
  sample.mayChange = true;
  sample.setBool(blocks.body?.complete ?? false);
  return true;
}

/** Something of the block that the argument points at. */
function ofBlock(put: (subject: Subject, sample: Sample, position: number) => boolean): FetchRow['compile'] {
  return (args: readonly Arg[]): Fetch => {
    const arg = args[0];
    assert(arg?.kind === 'str', 'a block has a position');
    const given = POSITIONS.get(arg.text) ?? Number(arg.text);
    return (subject, sample) => {
      if (!blocks.read(subject, sample)) return false;
      sample.mayChange = true;
      return put(subject, sample, given === TAIL ? blocks.count - 1 : Math.max(0, given));
    };
  };
}

function putNothing(sample: Sample, type: SampleType): boolean {
  sample.setBytes(type, NO_BYTES, 0, 0);
  return true;
}

function putKind(subject: Subject, sample: Sample, position: number): boolean {
  const kind = blocks.kindAt(position);
  const isResponse = kind === BLOCK_START_LINE && subject.direction === DIRECTION_RESPONSE;
  return setText(sample, isResponse ? RESPONSE_LINE : KIND_NAMES[kind]!);
}

function putStartLine(subject: Subject, sample: Sample, position: number): boolean {
  if (blocks.kindAt(position) !== BLOCK_START_LINE) return putNothing(sample, TYPE_STR);
  const head = blocks.head!;
  const bytes = bytesOf(subject, head);
  const { trash } = subject;
  const start = trash.take();
  const limit = start + trash.chunkBytes;
  let at: number;
  if (subject.direction === DIRECTION_RESPONSE) {
    at = append(trash.bytes, start, limit, bytes, head.versionOffset, head.versionLength);
    trash.bytes[at] = 0x20;
    at = writeInt(trash.bytes, at + 1, head.status);
    trash.bytes[at] = 0x20;
    at = append(trash.bytes, at + 1, limit, bytes, head.reasonOffset, head.reasonLength);
  } else {
    at = append(trash.bytes, start, limit, bytes, head.methodOffset, head.methodLength);
    trash.bytes[at] = 0x20;
    at = append(trash.bytes, at + 1, limit, bytes, head.uriOffset, head.uriLength);
    trash.bytes[at] = 0x20;
    at = append(trash.bytes, at + 1, limit, bytes, head.versionOffset, head.versionLength);
  }
  sample.setBytes(TYPE_STR, trash.bytes, start, at - start);
  return true;
}

// Leaves room for what follows in a start line.
const LINE_REST_BYTES = 32;

function append(to: Uint8Array, at: number, limit: number, from: Uint8Array, offset: number, length: number): number {
  const fitting = Math.max(0, Math.min(length, limit - LINE_REST_BYTES - at));
  return writeBytes(to, at, from, offset, fitting);
}

function putHeaderName(subject: Subject, sample: Sample, position: number): boolean {
  if (blocks.kindAt(position) !== BLOCK_HEADER) return putNothing(sample, TYPE_STR);
  const head = blocks.head!;
  const index = blocks.headerAt(position);
  sample.setBytes(TYPE_STR, bytesOf(subject, head), head.nameOffset[index]!, head.nameLength[index]!);
  return true;
}

function putHeaderValue(subject: Subject, sample: Sample, position: number): boolean {
  if (blocks.kindAt(position) !== BLOCK_HEADER) return putNothing(sample, TYPE_STR);
  const head = blocks.head!;
  const index = blocks.headerAt(position);
  sample.setBytes(TYPE_STR, bytesOf(subject, head), head.valueOffset[index]!, head.valueLength[index]!);
  return true;
}

function putData(_subject: Subject, sample: Sample, position: number): boolean {
  if (blocks.kindAt(position) !== BLOCK_DATA) return putNothing(sample, TYPE_BIN);
  const body = blocks.body!;
  sample.setBytes(TYPE_BIN, body.bytes, body.offset, body.length);
  return true;
}

const POSITION_ARG: Signature = { kinds: ['str'], min: 1 };
const message = { args: NO_ARGS, out: TYPE_SINT, uses: USE_HRQHV | USE_HRSHV };
const block = { args: POSITION_ARG, out: TYPE_STR, uses: USE_HRQHV | USE_HRSHV, check: checkBlock };

export const htxFetches: readonly FetchRow[] = [
  { ...message, name: 'internal.htx.data', compile: count(() => blocks.dataBytes) },
  { ...message, name: 'internal.htx.free', compile: count(freeBytes) },
  {
    ...message,
    name: 'internal.htx.free_data',
    compile: count((subject) => Math.max(0, freeBytes(subject) - HTX_BLOCK_BYTES)),
  },
  { ...message, name: 'internal.htx.has_eom', out: TYPE_BOOL, compile: () => fetchHasEnd },
  { ...message, name: 'internal.htx.nbblks', compile: count(() => blocks.count) },
  { ...message, name: 'internal.htx.size', compile: count(sizeOf) },
  { ...message, name: 'internal.htx.used', compile: count(usedBytes) },
  { ...block, name: 'internal.htx_blk.data', out: TYPE_BIN, compile: ofBlock(putData) },
  { ...block, name: 'internal.htx_blk.hdrname', compile: ofBlock(putHeaderName) },
  { ...block, name: 'internal.htx_blk.hdrval', compile: ofBlock(putHeaderValue) },
  {
    ...block,
    name: 'internal.htx_blk.size',
    out: TYPE_SINT,
    compile: ofBlock((_subject, sample, position) => {
      sample.setInt(blocks.bytesAt(position));
      return true;
    }),
  },
  { ...block, name: 'internal.htx_blk.start_line', compile: ofBlock(putStartLine) },
  { ...block, name: 'internal.htx_blk.type', compile: ofBlock(putKind) },
];
