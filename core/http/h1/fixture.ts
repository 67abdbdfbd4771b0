// What the tests of this room share: text in a guarded arena, heads as plain data, a request's way through the proxy.

import assert from 'node:assert/strict';
import { HEAD_HTTP_10, HEAD_UPGRADE, HEADER_REMOVED, Head, METHOD_GET, PARSE_NOTHING } from '../message.ts';
import { parseRequestHead, parseResponseHead } from './parse.ts';
import { HEAD_OK, type HeadLimits, headLimits, statusOfVerdict } from './verdict.ts';
import { CONNECTION_KEEP_ALIVE, CONNECTION_NONE, writeRequestHead, writeResponseHead } from './write.ts';

export const LIMITS: HeadLimits = headLimits(16_384, 1024, 101);
export const START = 64; // text begins here; before it and after it stand guard bytes
const OUT_BYTES = 40_000;

/** A text in an arena of its own: `guard` before START and from `end` on, room for writing behind. */
export interface Sample {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly guard: number;
}

export function sampleOf(text: string | Uint8Array, guard = 0xaa): Sample {
  const content = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const bytes = new Uint8Array(START + content.length + START + OUT_BYTES).fill(guard);
  bytes.set(content, START);
  return { bytes, end: START + content.length, guard };
}

/** Throws when a byte outside [START, end) is not the guard any more. */
export function checkGuards(sample: Sample): void {
  const { bytes, end, guard } = sample;
  for (let p = 0; p < START; p++) assert.equal(bytes[p], guard, `guard byte ${p} before the text was overwritten`);
  for (let p = end; p < bytes.length; p++) {
    if (bytes[p] !== guard) assert.fail(`guard byte ${p - end} after the text was overwritten`);
  }
}

export function textAt(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}

/** One way to parse: a request, or a response to a request with this method. */
export type Parse = (bytes: Uint8Array, end: number, head: Head) => number;

export const asRequest: Parse = (bytes, end, head) => parseRequestHead(bytes, START, end, head, LIMITS);

export function asResponse(requestMethod = METHOD_GET): Parse {
  return (bytes, end, head) => parseResponseHead(bytes, START, end, head, requestMethod, LIMITS);
}

/** Everything a parsed head says, as data that can be compared. */
export function describe(bytes: Uint8Array, head: Head): Record<string, unknown> {
  const lines: string[] = [];
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const name = textAt(bytes, head.nameOffset[index]!, head.nameLength[index]!);
    lines.push(`${head.headerId[index]} ${name}: ${textAt(bytes, head.valueOffset[index]!, head.valueLength[index]!)}`);
  }
  return {
    method: head.method,
    methodText: textAt(bytes, head.methodOffset, head.methodLength),
    uri: textAt(bytes, head.uriOffset, head.uriLength),
    version: textAt(bytes, head.versionOffset, head.versionLength),
    status: head.status,
    reason: textAt(bytes, head.reasonOffset, head.reasonLength),
    flags: head.flags,
    contentLength: head.contentLength,
    endOffset: head.endOffset,
    startLineEnd: head.startLineEnd,
    lines,
  };
}

export interface Outcome {
  readonly verdict: number;
  /** What describe says when the verdict is HEAD_OK. */
  readonly head: Record<string, unknown> | null;
}

/** Parses a text that arrives in pieces cut at these distances from its start. */
export function parseInPieces(text: string | Uint8Array, cuts: readonly number[], parse: Parse, guard = 0xaa): Outcome {
  const sample = sampleOf(text, guard);
  const head = new Head(128);
  let verdict = -1;
  for (const cut of [...cuts, sample.end - START]) {
    // What has not arrived yet is not in the arena.
    const bytes = sample.bytes.slice();
    bytes.fill(guard, START + cut, sample.end);
    verdict = parse(bytes, START + cut, head);
    checkGuards({ bytes, end: START + cut, guard });
    sample.bytes.set(bytes.subarray(START, START + cut), START);
    if (verdict !== 1) break;
  }
  if (verdict !== 1) assert.equal(head.parsePhase, PARSE_NOTHING, 'a finished parse leaves nothing behind');
  return { verdict, head: verdict === HEAD_OK ? describe(sample.bytes, head) : null };
}

export function parseText(
  text: string | Uint8Array,
  parse: Parse = asRequest,
): { verdict: number; head: Head; bytes: Uint8Array } {
  const sample = sampleOf(text);
  const head = new Head(128);
  const verdict = parse(sample.bytes, sample.end, head);
  checkGuards(sample);
  return { verdict, head, bytes: sample.bytes };
}

/** The head a server sees, its connection kept as by default; or the status that refuses the request. */
export function forwardRequest(text: string): string | number {
  const { verdict, head, bytes } = parseText(text);
  if (verdict !== HEAD_OK) return statusOfVerdict(verdict);
  const http10 = (head.flags & HEAD_HTTP_10) !== 0;
  const out = bytes.length - OUT_BYTES;
  const connection = http10 && (head.flags & HEAD_UPGRADE) === 0 ? CONNECTION_KEEP_ALIVE : CONNECTION_NONE;
  const end = writeRequestHead(head, bytes, out, bytes.length, http10, connection);
  assert.ok(end > out, 'the head fits');
  return textAt(bytes, out, end - out);
}

/** The head a client sees, with this connection line; or 502. */
export function forwardResponse(
  text: string,
  connection = CONNECTION_NONE,
  requestMethod = METHOD_GET,
): string | number {
  const { verdict, head, bytes } = parseText(text, asResponse(requestMethod));
  if (verdict !== HEAD_OK) return 502;
  const out = bytes.length - OUT_BYTES;
  const end = writeResponseHead(head, bytes, out, bytes.length, connection);
  assert.ok(end > out, 'the head fits');
  return textAt(bytes, out, end - out);
}
