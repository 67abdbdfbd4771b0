// Queues of byte ranges: what a connection still has to send, or has received and not yet consumed.
//
// All queues of a thread share one pool of nodes in typed arrays; a queue is a head and a tail index held by
// the connection. A node may own its buffer slot (it is released with the node) or only borrow bytes that live
// longer (static texts). Nodes are reused, the pool doubles when it runs out: nothing is allocated per range.

import { assert } from '../base/assert.ts';
import type { Buffers } from '../io/buffers.ts';
import { NO_BUFFER } from '../io/engine.ts';

export const NO_SEGMENT = -1;

/** So few bytes are always copied rather than given a slot of their own; any number once half of all slots are in use. */
const ABSORB_BYTES_MAX = 16 * 1024;

export class Segments {
  private next: Int32Array;
  private offsets: Int32Array;
  private lengths: Int32Array;
  private bufferIds: Int32Array;
  private free = NO_SEGMENT;
  usedCount = 0;
  readonly buffers: Buffers;

  constructor(buffers: Buffers, capacity: number) {
    this.buffers = buffers;
    this.next = new Int32Array(capacity);
    this.offsets = new Int32Array(capacity);
    this.lengths = new Int32Array(capacity);
    this.bufferIds = new Int32Array(capacity);
    this.linkFree(0, capacity);
  }

  /** A node for `length` bytes at `offset`; `bufferId` is the slot it takes over, or NO_BUFFER when it only borrows. */
  make(bufferId: number, offset: number, length: number): number {
    if (this.free === NO_SEGMENT) this.grow();
    const segment = this.free;
    this.free = this.next[segment]!;
    this.next[segment] = NO_SEGMENT;
    this.bufferIds[segment] = bufferId;
    this.offsets[segment] = offset;
    this.lengths[segment] = length;
    this.usedCount++;
    return segment;
  }

  /**
   * Copies `length` bytes at `offset` behind the last node's own when they are few, or slots are, and its slot has
   * room: a peer that sends byte by byte must not be given a slot for each. False: nothing was done. The last node's
   * bytes must not be with the engine.
   */
  absorb(last: number, offset: number, length: number): boolean {
    if (last === NO_SEGMENT) return false;
    const { buffers } = this;
    if (length > ABSORB_BYTES_MAX && !buffers.isScarce) return false;
    const bufferId = this.bufferIds[last]!;
    if (bufferId === NO_BUFFER) return false;
    const end = this.offsets[last]! + this.lengths[last]!;
    if (end + length > buffers.dataEnd(bufferId)) return false;
    buffers.bytes.copyWithin(end, offset, offset + length);
    this.lengths[last]! += length;
    return true;
  }

  /** Frees the node and the slot it owns. */
  drop(segment: number): void {
    const bufferId = this.bufferIds[segment]!;
    if (bufferId !== NO_BUFFER) this.buffers.release(bufferId);
    this.forget(segment);
  }

  /** Frees the node; the slot it owned is the caller's again. */
  forget(segment: number): void {
    assert(this.usedCount > 0, 'a segment was freed that is not in use');
    this.next[segment] = this.free;
    this.free = segment;
    this.usedCount--;
  }

  nextOf(segment: number): number {
    return this.next[segment]!;
  }

  link(segment: number, after: number): void {
    this.next[segment] = after;
  }

  offsetOf(segment: number): number {
    return this.offsets[segment]!;
  }

  lengthOf(segment: number): number {
    return this.lengths[segment]!;
  }

  bufferOf(segment: number): number {
    return this.bufferIds[segment]!;
  }

  private linkFree(from: number, to: number): void {
    for (let index = to - 1; index >= from; index--) {
      this.next[index] = this.free;
      this.free = index;
    }
  }

  private grow(): void {
    const before = this.next.length;
    this.next = grown(this.next);
    this.offsets = grown(this.offsets);
    this.lengths = grown(this.lengths);
    this.bufferIds = grown(this.bufferIds);
    this.linkFree(before, before * 2);
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
