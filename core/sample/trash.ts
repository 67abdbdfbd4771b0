// Room for results: a ring of chunks, each tune.bufsize long, taken in turn (HAProxy's get_trash_chunk).
//
// A result stays valid until as many further chunks were taken as the ring has: longer than any expression, and a rule that
// needs a value after evaluating others copies it (variables, edits). Nothing is ever given back.

import { assert } from '../base/assert.ts';

const CHUNK_COUNT = 32;

export class Trash {
  readonly bytes: Uint8Array;
  readonly chunkBytes: number;
  private next = 0;

  /** @param chunkBytes the most a result can have: tune.bufsize */
  constructor(chunkBytes: number) {
    assert(chunkBytes >= 1024, 'a trash chunk holds at least a kibibyte');
    this.chunkBytes = chunkBytes;
    this.bytes = new Uint8Array(chunkBytes * CHUNK_COUNT);
  }

  /** Where the ring stands: set back, the chunks taken since may be taken again. For who has copied what they held. */
  get mark(): number {
    return this.next;
  }

  returnTo(mark: number): void {
    this.next = mark;
  }

  /** Offset of `chunkBytes` bytes of this.bytes that may be written. */
  take(): number {
    const offset = this.next * this.chunkBytes;
    this.next = (this.next + 1) % CHUNK_COUNT;
    return offset;
  }
}
