// UUIDs of versions 4 and 7 (RFC 9562 §5.4, §5.7), as 36 characters.

import type { Arg } from '../model/language.ts';
import type { Fetch } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_STR } from './types.ts';

const UUID_BYTES = 16;
const TEXT_BYTES = 36;
const DASH = 0x2d;
const HEX = Uint8Array.from(Buffer.from('0123456789abcdef'));

// Random bytes come from the kernel's generator, many at a time: an identifier must not be guessable from the one before.
const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let poolUsed = POOL_BYTES;
const uuid = new Uint8Array(UUID_BYTES);

/** Refuses other versions than 4 and 7, in HAProxy's words. */
export function checkUuidVersion(args: readonly Arg[]): string | null {
  const version = args[0];
  if (version?.kind !== 'sint' || version.value === 4 || version.value === 7) return null;
  return `Unsupported UUID version: '${version.exact}'`;
}

/** `uuid([version])`. */
export function compileUuid(args: readonly Arg[]): Fetch {
  const version = args[0];
  const isTimed = version?.kind === 'sint' && version.value === 7;
  return (subject, sample) => fetchUuid(subject, sample, isTimed);
}

function fetchUuid(subject: Subject, sample: Sample, isTimed: boolean): boolean {
  draw();
  if (isTimed) stamp(Math.floor(subject.wallClock.nowMs));
  uuid[6] = (uuid[6]! & 0x0f) | (isTimed ? 0x70 : 0x40);
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  const { trash } = subject;
  const at = trash.take();
  let next = at;
  for (let index = 0; index < UUID_BYTES; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) trash.bytes[next++] = DASH;
    trash.bytes[next++] = HEX[uuid[index]! >> 4]!;
    trash.bytes[next++] = HEX[uuid[index]! & 15]!;
  }
  sample.mayChange = true;
  sample.setBytes(TYPE_STR, trash.bytes, at, TEXT_BYTES);
  return true;
}

function draw(): void {
  if (poolUsed === POOL_BYTES) {
    crypto.getRandomValues(pool);
    poolUsed = 0;
  }
  for (let index = 0; index < UUID_BYTES; index++) uuid[index] = pool[poolUsed + index]!;
  poolUsed += UUID_BYTES;
}

// The first 48 bits: milliseconds since 1970.
function stamp(nowMs: number): void {
  const high = Math.floor(nowMs / 0x1_0000_0000);
  uuid[0] = high >>> 8;
  uuid[1] = high;
  uuid[2] = nowMs / 0x100_0000;
  uuid[3] = nowMs / 0x1_0000;
  uuid[4] = nowMs / 0x100;
  uuid[5] = nowMs;
}
