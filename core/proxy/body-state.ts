// How far one direction of a message's body has come: plain fields, kept with the stream.

import { ChunkDecoder } from '../http/h1/chunked.ts';

export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
export const BODY_CLOSE = 3; // ends with the connection

/** One direction of a message's body. */
export class Body {
  mode = BODY_NONE;
  done = true;
  leftBytes = 0; // BODY_LENGTH: still to come
  chunkedOut = false; // BODY_CHUNKED: written chunked again (a 1.0 peer gets it plain)
  discards = false; // it is read to its end, and nobody gets it
  readonly decoder = new ChunkDecoder();

  reset(mode: number, lengthBytes: number): void {
    this.mode = mode;
    this.leftBytes = lengthBytes;
    this.done = mode === BODY_NONE || (mode === BODY_LENGTH && lengthBytes === 0);
    this.discards = false;
    this.chunkedOut = mode === BODY_CHUNKED;
    this.decoder.reset();
  }
}
