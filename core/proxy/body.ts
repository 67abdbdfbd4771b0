// A message's body on its way from one connection to the other, for both directions alike.
//
// Bytes leave from the slot they arrived in. Chunked bodies are checked and written with our own framing: the
// decoder closes up the payload inside the slot, its size line goes in front (where the old one, or headroom,
// was) and its end behind it. A head that is to precede the first bytes is moved from scratch to just before
// them, so that head and body are one send.

import { trailerFormBytes } from '../http/form-bytes.ts';
import { CHUNKS_BAD, CHUNKS_DONE, writeChunkHeader, writeLastChunk } from '../http/h1/chunked.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { BODY_CHUNKED, BODY_LENGTH, type Body } from './body-state.ts';
import type { Connection } from './connection.ts';
import type { ProxyThread } from './thread.ts';

/** The chunked framing was wrong: these bytes were not sent. */
export const BODY_BAD = -1;
const CR = 13;
const LF = 10;
const LAST_CHUNK_BYTES = 5; // "0\r\n\r\n"

/** What the last takeBody/placeHead call left to send: [start, end) of the slot; what takeBody took, as logs count it. */
export const ready = { start: 0, end: 0, formBytes: 0 };

/**
 * Reads body bytes [offset, end) and leaves in `ready` what of the slot is to be sent for them, framed anew.
 * Room for a size line before `ready.start` is used, so a head may be placed there afterwards, not before.
 * @returns the offset after the last byte consumed: what follows is the next message's (body.done), or an
 *   unfinished trailer block to be given again with more bytes; or BODY_BAD
 */
export function takeBody(thread: ProxyThread, body: Body, offset: number, end: number): number {
  ready.start = offset;
  ready.end = offset;
  ready.formBytes = 0;
  if (body.done) return offset;
  if (body.mode === BODY_LENGTH) {
    const left = body.leftBytes;
    const taken = Math.min(left, end - offset);
    body.leftBytes = left - taken;
    body.done = left === taken;
    ready.end = body.discards ? offset : offset + taken;
    ready.formBytes = taken;
    return offset + taken;
  }
  if (body.mode !== BODY_CHUNKED) {
    ready.end = body.discards ? offset : end;
    ready.formBytes = end - offset;
    return end;
  }
  return takeChunks(thread, body, offset, end);
}

function takeChunks(thread: ProxyThread, body: Body, offset: number, end: number): number {
  const decoder = body.decoder;
  const bytes = thread.bytes;
  const verdict = decoder.decode(bytes, offset, end, thread.trailers, thread.headLimits);
  if (verdict === CHUNKS_BAD) return BODY_BAD;
  body.done = verdict === CHUNKS_DONE;
  ready.start = decoder.dataOffset;
  ready.end = decoder.dataOffset + decoder.dataLength;
  ready.formBytes = decoder.dataLength + (body.done ? trailerFormBytes(thread.trailers) : 0);
  if (body.discards) ready.end = ready.start;
  else if (body.chunkedOut && decoder.dataLength > 0) {
    ready.start = writeChunkHeader(bytes, decoder.dataOffset, decoder.dataLength);
    bytes[ready.end] = CR;
    bytes[ready.end + 1] = LF;
    ready.end += 2;
  }
  return decoder.consumedOffset;
}

/**
 * Moves `headLength` scratch bytes to just before `ready.start`, inside slot `bufferId`; false when the slot has
 * no room there (the head grew by more than the headroom): then it must go in a slot of its own.
 */
export function placeHead(thread: ProxyThread, bufferId: number, headLength: number): boolean {
  const start = ready.start - headLength;
  if (start < thread.buffers.slotOffset(bufferId)) return false;
  thread.bytes.copyWithin(start, thread.scratchOffset, thread.scratchOffset + headLength);
  ready.start = start;
  return true;
}

/** Sends `headLength` scratch bytes from a slot of their own; false when none is free. */
export function sendHeadAlone(thread: ProxyThread, to: Connection, headLength: number): boolean {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) return false;
  const start = thread.buffers.dataOffset(bufferId);
  thread.bytes.copyWithin(start, thread.scratchOffset, thread.scratchOffset + headLength);
  thread.send(to, bufferId, start, headLength);
  return true;
}

/**
 * Ends a chunked body: the last chunk behind what is in `ready` when it needs no trailers and fits, else in a slot
 * of its own after it. Sends everything; the slot goes along. False when no slot was free for trailers.
 */
export function sendBody(thread: ProxyThread, body: Body, to: Connection, bufferId: number): boolean {
  const last = body.mode === BODY_CHUNKED && body.done && body.chunkedOut;
  if (!last) {
    if (ready.end > ready.start) thread.send(to, bufferId, ready.start, ready.end - ready.start);
    else thread.buffers.release(bufferId);
    return true;
  }
  const bytes = thread.bytes;
  const trailers = thread.trailers;
  const limit = thread.buffers.dataEnd(bufferId) + 32;
  if (trailers.headerCount === 0 && ready.end + LAST_CHUNK_BYTES <= limit) {
    ready.end = writeLastChunk(bytes, ready.end, ready.end + LAST_CHUNK_BYTES, null);
    thread.send(to, bufferId, ready.start, ready.end - ready.start);
    return true;
  }
  const tailBuffer = thread.buffers.take();
  if (tailBuffer === NO_BUFFER) {
    thread.buffers.release(bufferId);
    return false;
  }
  // The trailers' text still stands in the slot they came in: write them before that slot may go.
  const tailStart = thread.buffers.dataOffset(tailBuffer);
  const tailEnd = writeLastChunk(bytes, tailStart, thread.buffers.dataEnd(tailBuffer), trailers);
  if (ready.end > ready.start) thread.send(to, bufferId, ready.start, ready.end - ready.start);
  else thread.buffers.release(bufferId);
  thread.send(to, tailBuffer, tailStart, tailEnd - tailStart);
  return true;
}

/** Sends what `takeBody` left, after a head of `headLength` scratch bytes (0: none). False: no slot was free. */
export function sendWithHead(
  thread: ProxyThread,
  body: Body,
  to: Connection,
  bufferId: number,
  headLength: number,
): boolean {
  if (headLength > 0 && !placeHead(thread, bufferId, headLength)) {
    if (!sendHeadAlone(thread, to, headLength)) {
      thread.buffers.release(bufferId);
      return false;
    }
  }
  return sendBody(thread, body, to, bufferId);
}
