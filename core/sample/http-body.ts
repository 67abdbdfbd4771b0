// The body of a message as far as it came (manual §7.3.6, req.body): a view of the raw bytes, or, when it is chunked, its
// payload decoded into a buffer of this thread (one for each direction), valid until another body is looked at.

import { writeBytes } from '../base/text.ts';
import { CHUNK_DATA, CHUNKS_BAD, CHUNKS_DONE, ChunkDecoder } from '../http/h1/chunked.ts';
import { type HeadLimits, headLimits } from '../http/h1/verdict.ts';
import { HEAD_CHUNKED, HEAD_CLOSE_DELIMITED, HEAD_LENGTH, HEAD_NO_BODY, HEAD_TUNNEL, Head } from '../http/message.ts';
import { isRaw } from './http-message.ts';
import { DIRECTION_RESPONSE, type Subject } from './subject.ts';
import { NO_BYTES } from './types.ts';

const TRAILER_COUNT_MAX = 101;
const LIMITS: HeadLimits = headLimits(16_384, 1024, TRAILER_COUNT_MAX);

export class BodyView {
  bytes: Uint8Array = NO_BYTES;
  offset = 0;
  length = 0;
  complete = false; // no byte of it is missing
  /** Bytes the sender has said there are: the Content-Length, or the sizes of the chunks that began. */
  announced = 0;

  private decoded: Uint8Array = NO_BYTES;
  private readonly decoder = new ChunkDecoder();
  private readonly trailers = new Head(TRAILER_COUNT_MAX);

  /** Reads what came behind this head. False: its chunks are broken. */
  read(subject: Subject, head: Head): boolean {
    const span = subject.direction === DIRECTION_RESPONSE ? subject.responseData : subject.requestData;
    const { flags } = head;
    if ((flags & (HEAD_NO_BODY | HEAD_TUNNEL)) !== 0 || isRaw(head)) return this.view(NO_BYTES, 0, 0, 0, true);
    if ((flags & HEAD_CHUNKED) !== 0) return this.readChunks(span.bytes, span.offset, span.length, span.complete);
    if ((flags & HEAD_LENGTH) !== 0) {
      const length = Math.min(span.length, head.contentLength);
      return this.view(
        span.bytes,
        span.offset,
        length,
        head.contentLength,
        length === head.contentLength || span.complete,
      );
    }
    if ((flags & HEAD_CLOSE_DELIMITED) === 0) return this.view(NO_BYTES, 0, 0, 0, true);
    return this.view(span.bytes, span.offset, span.length, span.length, span.complete);
  }

  private view(bytes: Uint8Array, offset: number, length: number, announced: number, complete: boolean): boolean {
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.announced = announced;
    this.complete = complete;
    return true;
  }

  private readChunks(bytes: Uint8Array, offset: number, length: number, complete: boolean): boolean {
    const { decoder } = this;
    if (this.decoded.length < length) this.decoded = new Uint8Array(length);
    writeBytes(this.decoded, 0, bytes, offset, length);
    decoder.reset();
    this.trailers.reset();
    const verdict = decoder.decode(this.decoded, 0, length, this.trailers, LIMITS);
    if (verdict === CHUNKS_BAD) return false;
    const more = decoder.state === CHUNK_DATA ? decoder.remaining : 0;
    const { dataLength } = decoder;
    return this.view(
      this.decoded,
      decoder.dataOffset,
      dataLength,
      dataLength + more,
      complete || verdict === CHUNKS_DONE,
    );
  }
}

const requestBody = new BodyView();
const responseBody = new BodyView();

/** The body at hand, of the message whose rules run; null: it cannot be read. */
export function bodyOf(subject: Subject, head: Head): BodyView | null {
  const body = subject.direction === DIRECTION_RESPONSE ? responseBody : requestBody;
  return body.read(subject, head) ? body : null;
}
