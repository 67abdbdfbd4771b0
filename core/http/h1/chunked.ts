// The chunked coding (RFC 9112 §7.1): a decoder that may be stopped at any byte, and the few writers a sender needs.
//
// The decoder works in place: the payload of the chunks in one buffer closes up to the left, over framing already
// read, and stands there as one stretch. Its state is plain numbers, so that another process can go on with it.
// Start at ChunkDecoder.decode.

import type { Head } from '../message.ts';
import * as message from '../message.ts';
import * as chars from './chars.ts';
import { parseTrailers } from './parse.ts';
import type { HeadLimits } from './verdict.ts';
import * as verdict from './verdict.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use, which made
// these loops a third slower (h1.bench).
const { HEADER_REMOVED } = message;
const { COLON, CR, HEX, HT, LF, SP } = chars;
const { HEAD_OK } = verdict;

/** All bytes up to consumedOffset are read, the message goes on. */
export const CHUNKS_MORE = 0;
/** The message ended at consumedOffset; what follows is the next one's. */
export const CHUNKS_DONE = 1;
/** The framing is broken: nothing after this can be trusted (400 to a client, 502 about a server). */
export const CHUNKS_BAD = 2;

/** States of ChunkDecoder.state, in the order they are passed. */
export const CHUNK_SIZE_FIRST = 0; // a digit must come
export const CHUNK_SIZE = 1;
export const CHUNK_SIZE_BLANK = 2; // blanks after the size
export const CHUNK_EXTENSION = 3;
export const CHUNK_SIZE_LF = 4;
export const CHUNK_DATA = 5;
export const CHUNK_DATA_CR = 6;
export const CHUNK_DATA_LF = 7;
export const CHUNK_TRAILERS = 8;
export const CHUNK_DONE = 9;
export const CHUNK_BAD = 10;

/** Bits of ChunkDecoder.quote. */
const IN_QUOTES = 1;
const AFTER_BACKSLASH = 2;

/** HAProxy's bound: a size has at most 52 bits, which a double also counts exactly. */
const SIZE_LIMIT = 2 ** 52;
/** A size line with its extensions has to fit where a head fits; endless ones are an attack. */
const SIZE_LINE_BYTES_MAX = 16_384;

const SEMICOLON = 59;
const QUOTE = 34;
const BACKSLASH = 92;
const DELETE = 127;

export class ChunkDecoder {
  state = CHUNK_SIZE_FIRST;
  remaining = 0; // the size being read, then the payload bytes of this chunk still to come
  lineBytes = 0; // bytes of the size line so far
  quote = 0; // IN_QUOTES, AFTER_BACKSLASH: where in an extension we are
  trailerBytes = 0; // bytes of the trailer block at hand already searched for its end

  // Results of the last decode, offsets into its bytes.
  dataOffset = 0; // the payload, valid when dataLength is not 0
  dataLength = 0;
  consumedOffset = 0; // the first byte not read: `end`, or the message's end, or an unfinished trailer block

  /** Ready for the first chunk of another message. */
  reset(): void {
    this.state = CHUNK_SIZE_FIRST;
    this.remaining = 0;
    this.lineBytes = 0;
    this.quote = 0;
    this.trailerBytes = 0;
    this.dataOffset = 0;
    this.dataLength = 0;
    this.consumedOffset = 0;
  }

  /**
   * Reads the chunks in [start, end) and closes up their payload in place.
   *
   * Trailers are parsed when their whole block is at hand. Until then they stay unread: consumedOffset is before
   * `end` and state is CHUNK_TRAILERS, and the next call must begin with the same bytes.
   * @param trailers filled with the trailer lines when the verdict is CHUNKS_DONE; may be shared by decoders
   * @returns CHUNKS_MORE, CHUNKS_DONE or CHUNKS_BAD
   */
  decode(bytes: Uint8Array, start: number, end: number, trailers: Head, limits: HeadLimits): number {
    this.dataOffset = start;
    this.dataLength = 0;
    let p = start;
    while (p < end && this.state < CHUNK_TRAILERS) {
      if (this.state === CHUNK_DATA) p = this.takePayload(bytes, p, end);
      else if (this.state < CHUNK_DATA) p = this.readSizeLine(bytes, p, end);
      else p = this.readDataEnd(bytes, p);
    }
    this.consumedOffset = p;
    if (this.state === CHUNK_TRAILERS) return this.readTrailers(bytes, p, end, trailers, limits);
    if (this.state === CHUNK_BAD) return CHUNKS_BAD;
    return this.state === CHUNK_DONE ? CHUNKS_DONE : CHUNKS_MORE;
  }

  /** Moves the payload at `p` to the end of what this call has gathered. */
  private takePayload(bytes: Uint8Array, p: number, end: number): number {
    const length = Math.min(this.remaining, end - p);
    if (this.dataLength === 0) this.dataOffset = p;
    else bytes.copyWithin(this.dataOffset + this.dataLength, p, p + length);
    this.dataLength += length;
    this.remaining -= length;
    if (this.remaining === 0) this.state = CHUNK_DATA_CR;
    return p + length;
  }

  /** CRLF after the payload, both bytes and nothing else. */
  private readDataEnd(bytes: Uint8Array, p: number): number {
    if (this.state === CHUNK_DATA_CR) this.state = bytes[p] === CR ? CHUNK_DATA_LF : CHUNK_BAD;
    else this.state = bytes[p] === LF ? CHUNK_SIZE_FIRST : CHUNK_BAD;
    return p + 1;
  }

  /** `1*HEXDIG *WSP *( ";" extension ) CRLF`, from whatever byte of it is next. Extensions are skipped. */
  private readSizeLine(bytes: Uint8Array, start: number, end: number): number {
    let p = start;
    let state = this.state;
    while (p < end && state < CHUNK_DATA) {
      const byte = bytes[p++]!;
      if (state <= CHUNK_SIZE) state = this.sizeByte(byte, state);
      else if (state === CHUNK_EXTENSION) state = this.extensionByte(byte);
      else if (state === CHUNK_SIZE_BLANK) state = byte === SP || byte === HT ? state : afterSize(byte);
      else state = byte === LF ? this.endSizeLine() : CHUNK_BAD;
    }
    if (state < CHUNK_DATA) {
      this.lineBytes += p - start;
      if (this.lineBytes > SIZE_LINE_BYTES_MAX) state = CHUNK_BAD;
    }
    this.state = state;
    return p;
  }

  private sizeByte(byte: number, state: number): number {
    const digit = HEX[byte]!;
    if (digit < 16) {
      this.remaining = state === CHUNK_SIZE_FIRST ? digit : this.remaining * 16 + digit;
      return this.remaining < SIZE_LIMIT ? CHUNK_SIZE : CHUNK_BAD;
    }
    if (state === CHUNK_SIZE_FIRST) return CHUNK_BAD;
    return byte === SP || byte === HT ? CHUNK_SIZE_BLANK : afterSize(byte);
  }

  /** A quoted string must be closed and a backslash stand inside one: others may read a CRLF in there otherwise. */
  private extensionByte(byte: number): number {
    if (byte !== HT && (byte < SP || byte === DELETE))
      return byte === CR && this.quote === 0 ? CHUNK_SIZE_LF : CHUNK_BAD;
    if ((this.quote & AFTER_BACKSLASH) !== 0) this.quote &= ~AFTER_BACKSLASH;
    else if (byte === BACKSLASH) {
      if (this.quote === 0) return CHUNK_BAD;
      this.quote |= AFTER_BACKSLASH;
    } else if (byte === QUOTE) this.quote ^= IN_QUOTES;
    return CHUNK_EXTENSION;
  }

  private endSizeLine(): number {
    this.lineBytes = 0;
    this.trailerBytes = 0;
    return this.remaining === 0 ? CHUNK_TRAILERS : CHUNK_DATA;
  }

  /** The trailer block that begins at `start`, once its end is in sight. */
  private readTrailers(bytes: Uint8Array, start: number, end: number, trailers: Head, limits: HeadLimits): number {
    if (!blockIsWhole(bytes, start, start + this.trailerBytes, end)) {
      this.trailerBytes = end - start;
      if (end - start < limits.headBytesMax) return CHUNKS_MORE;
      this.state = CHUNK_BAD;
      return CHUNKS_BAD;
    }
    const verdict = parseTrailers(bytes, start, end, trailers, limits.headerCountMax);
    this.state = verdict === HEAD_OK ? CHUNK_DONE : CHUNK_BAD;
    if (verdict !== HEAD_OK) return CHUNKS_BAD;
    this.consumedOffset = trailers.endOffset;
    return CHUNKS_DONE;
  }
}

function afterSize(byte: number): number {
  if (byte === CR) return CHUNK_SIZE_LF;
  return byte === SEMICOLON ? CHUNK_EXTENSION : CHUNK_BAD;
}

/** Is there an empty line in the block at `start`? Only bytes from `from` on are new. */
function blockIsWhole(bytes: Uint8Array, start: number, from: number, end: number): boolean {
  for (let p = from; p < end; p++) {
    if (bytes[p] !== LF) continue;
    if (p === start || bytes[p - 1] === LF) return true;
    if (bytes[p - 1] === CR && (p - 1 === start || bytes[p - 2] === LF)) return true;
  }
  return false;
}

/** The most bytes a chunk header takes: 14 digits and CRLF. */
export const CHUNK_HEADER_BYTES_MAX = 16;

/**
 * Writes a chunk's header so that it ends at `endOffset`, where its payload begins. The CRLF after the payload is
 * the caller's to write.
 * @param size of the payload, 1 to 2^52-1
 * @returns the offset of the header's first byte, at most CHUNK_HEADER_BYTES_MAX before endOffset
 */
export function writeChunkHeader(bytes: Uint8Array, endOffset: number, size: number): number {
  let o = endOffset;
  bytes[--o] = LF;
  bytes[--o] = CR;
  let rest = size;
  do {
    const digit = rest % 16;
    bytes[--o] = digit < 10 ? 48 + digit : 55 + digit;
    rest = (rest - digit) / 16;
  } while (rest > 0);
  return o;
}

/**
 * Writes the last chunk, the trailers if any, and the empty line (RFC 9112 §7.1.2).
 * @returns the offset after it, or -1 when it does not fit
 */
export function writeLastChunk(bytes: Uint8Array, out: number, outEnd: number, trailers: Head | null): number {
  let o = out;
  if (o + 5 > outEnd) return -1;
  bytes[o++] = 48;
  bytes[o++] = CR;
  bytes[o++] = LF;
  if (trailers !== null) {
    for (let index = 0; index < trailers.headerCount; index++) {
      if ((trailers.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
      o = writeTrailer(bytes, o, outEnd - 2, trailers, index);
      if (o < 0) return -1;
    }
  }
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}

function writeTrailer(bytes: Uint8Array, out: number, outEnd: number, trailers: Head, index: number): number {
  const nameLength = trailers.nameLength[index]!;
  const valueLength = trailers.valueLength[index]!;
  let o = out;
  if (o + nameLength + valueLength + 4 > outEnd) return -1;
  const name = trailers.nameOffset[index]!;
  for (let p = 0; p < nameLength; p++) bytes[o++] = bytes[name + p]!;
  bytes[o++] = COLON;
  bytes[o++] = SP;
  const value = trailers.valueOffset[index]!;
  for (let p = 0; p < valueLength; p++) bytes[o++] = bytes[value + p]!;
  bytes[o++] = CR;
  bytes[o++] = LF;
  return o;
}
