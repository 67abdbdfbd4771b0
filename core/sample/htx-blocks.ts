// An HTTP message counted as HAProxy's internal representation counts it (its doc/internals/api/htx-api.txt): a start line,
// a block a header, one for the end of headers, one of data. For `req.len` and the developers' `internal.htx.…`.

import { HEADER_REMOVED, type Head } from '../http/message.ts';
import { type BodyView, bodyOf } from './http-body.ts';
import { headOf, SIDE_EITHER } from './http-message.ts';
import { DIRECTION_RESPONSE, type Subject } from './subject.ts';
import type { Sample } from './types.ts';

// HAProxy's sizes on 64-bit machines.
export const HTX_BYTES = 40; // of the representation itself, in a buffer
export const HTX_BLOCK_BYTES = 8; // of a block's entry
const START_LINE_BYTES = 20; // beside its texts
const STATUS_BYTES = 3;

export const BLOCK_START_LINE = 0;
export const BLOCK_HEADER = 1;
export const BLOCK_END_OF_HEADERS = 2;
export const BLOCK_DATA = 3;
export const BLOCK_NONE = 4;

/** The message at hand, made once and used for many. */
export class HtxBlocks {
  head: Head | null = null;
  body: BodyView | null = null;
  private isResponse = false;
  private headerCount = 0; // those not removed

  /** False: there is no HTTP message; sample.mayChange says whether there may be one. */
  read(subject: Subject, sample: Sample): boolean {
    this.head = headOf(SIDE_EITHER, subject, sample);
    if (this.head === null) return false;
    this.isResponse = subject.direction === DIRECTION_RESPONSE;
    this.body = bodyOf(subject, this.head);
    this.headerCount = 0;
    for (let index = 0; index < this.head.headerCount; index++) {
      if ((this.head.headerFlags[index]! & HEADER_REMOVED) === 0) this.headerCount++;
    }
    return true;
  }

  get count(): number {
    return this.headerCount + (this.bodyBytes > 0 ? 3 : 2);
  }

  get bodyBytes(): number {
    return this.body === null ? 0 : this.body.length;
  }

  /** One of BLOCK_…: what stands at this position, from 0. */
  kindAt(position: number): number {
    if (position < 0 || position >= this.count) return BLOCK_NONE;
    if (position === 0) return BLOCK_START_LINE;
    if (position <= this.headerCount) return BLOCK_HEADER;
    return position === this.headerCount + 1 ? BLOCK_END_OF_HEADERS : BLOCK_DATA;
  }

  /** Index in the head of the header that stands at this position. */
  headerAt(position: number): number {
    const { headerFlags } = this.head!;
    let index = -1;
    for (let left = position; left > 0; left--) {
      do index++;
      while ((headerFlags[index]! & HEADER_REMOVED) !== 0);
    }
    return index;
  }

  /** Bytes of the block at this position, 0 where there is none. */
  bytesAt(position: number): number {
    const head = this.head!;
    switch (this.kindAt(position)) {
      case BLOCK_START_LINE: {
        const rest = this.isResponse ? STATUS_BYTES + head.reasonLength : head.methodLength + head.uriLength;
        return START_LINE_BYTES + head.versionLength + rest;
      }
      case BLOCK_HEADER: {
        const index = this.headerAt(position);
        return head.nameLength[index]! + head.valueLength[index]!;
      }
      case BLOCK_END_OF_HEADERS:
        return 1;
      case BLOCK_DATA:
        return this.bodyBytes;
      default:
        return 0;
    }
  }

  /** Bytes of all blocks. */
  get dataBytes(): number {
    const head = this.head!;
    let sum = this.bytesAt(0) + 1 + this.bodyBytes;
    for (let index = 0; index < head.headerCount; index++) {
      if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
      sum += head.nameLength[index]! + head.valueLength[index]!;
    }
    return sum;
  }
}
