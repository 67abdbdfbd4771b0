// What the fetches of layers 4 to 6 have in common: which proxy is meant, and how texts and addresses get into a sample.

import { assert } from '../base/assert.ts';
import { writeInt } from '../base/text.ts';
import type { Arg } from '../model/language.ts';
import type { Signature } from './rows.ts';
import { DIRECTION_RESPONSE, FAMILY_INET, FAMILY_INET6, type Span, type Subject } from './subject.ts';
import { type Sample, TYPE_IPV6, TYPE_STR } from './types.ts';

export const BACKEND_ARG: Signature = { kinds: ['backend'], min: 1 };
export const FRONTEND_ARG: Signature = { kinds: ['frontend'], min: 1 };
export const SERVER_ARG: Signature = { kinds: ['server'], min: 1 };
export const UNIT_ARG: Signature = { kinds: ['str'], min: 0 };

/** Latin1 text of the configuration as bytes; for set-up. */
export const latin1Bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Model.proxies index of the frontend at hand, −1 outside of any connection. */
export function frontendIndexOf(subject: Subject): number {
  if (subject.stream !== null) return subject.stream.frontendIndex;
  return subject.front?.frontend?.proxy.index ?? -1;
}

/** Model.proxies index of the backend at hand; before one was chosen it is the frontend itself, as in HAProxy. −1: no stream. */
export function backendIndexOf(subject: Subject): number {
  const { stream } = subject;
  if (stream === null) return -1;
  return stream.backendIndex >= 0 ? stream.backendIndex : stream.frontendIndex;
}

/** The proxy an argument names, −1 when it leaves that to the place of use. */
export function proxyIndexOf(args: readonly Arg[]): number {
  const arg = args[0];
  return arg?.kind === 'proxy' ? arg.index : -1;
}

/** The server an argument names; names were resolved when the configuration was loaded. */
export function serverIndexOf(args: readonly Arg[]): number {
  const arg = args[0];
  assert(arg?.kind === 'server' && arg.index >= 0, 'a server argument was not resolved');
  return arg.index;
}

/** The bytes of the side that is being evaluated. */
export function dataOf(subject: Subject): Span {
  return subject.direction === DIRECTION_RESPONSE ? subject.responseData : subject.requestData;
}

/** A text that stays as it is: constants and names. */
export function setText(sample: Sample, text: Uint8Array): boolean {
  sample.setBytes(TYPE_STR, text, 0, text.length);
  return true;
}

/** `file:line`, or `file` alone with line 0, in the trash; false when there is none. */
export function setPlace(subject: Subject, sample: Sample, file: string, line: number): boolean {
  if (file === '') return false;
  const { trash } = subject;
  const at = trash.take();
  let end = writeLatin1(trash.bytes, at, at + trash.chunkBytes - 18, file);
  if (line > 0) {
    trash.bytes[end] = 0x3a;
    end = writeInt(trash.bytes, end + 1, line);
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
  return true;
}

/** A latin1 string's bytes, cut at `limit`; returns the end. */
export function writeLatin1(bytes: Uint8Array, at: number, limit: number, text: string): number {
  const length = Math.min(text.length, limit - at);
  for (let index = 0; index < length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + length;
}

/** An address of four big-endian words; false for other families. */
export function setAddress(
  subject: Subject,
  sample: Sample,
  family: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): boolean {
  if (family === FAMILY_INET) {
    sample.setIpv4(word0);
    return true;
  }
  if (family !== FAMILY_INET6) return false;
  const { trash } = subject;
  const at = trash.take();
  writeWord(trash.bytes, at, word0);
  writeWord(trash.bytes, at + 4, word1);
  writeWord(trash.bytes, at + 8, word2);
  writeWord(trash.bytes, at + 12, word3);
  sample.setBytes(TYPE_IPV6, trash.bytes, at, 16);
  return true;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

// Units of times (manual §7.3.2 "date", §7.3.3 "fc_rtt").
export const UNIT_SECONDS = 's';
export const UNIT_MS = 'ms';
export const UNIT_US = 'us';

/** The unit that args[index] names, or what counts without. */
export function unitOf(args: readonly Arg[], index: number, absent: string): string {
  const arg = args[index];
  return arg?.kind === 'str' ? arg.text : absent;
}

/** Refuses any unit but s, ms and us at args[index], in HAProxy's words. */
export function checkDateUnit(args: readonly Arg[], index: number): string | null {
  const unit = unitOf(args, index, UNIT_SECONDS);
  if (unit === UNIT_SECONDS || unit === UNIT_MS || unit === UNIT_US) return null;
  return `expects 's', 'ms' or 'us', got '${unit}'`;
}
