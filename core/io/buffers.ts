// The arena of one thread: one mapping that holds every byte the kernel may touch, cut into equal slots.
//
// A slot is `headroom | data | tailroom`. The kernel receives into `data`; a rewritten head or a chunk size
// grows into the headroom in front of it, a chunk's end into the tailroom behind it, so that what arrived
// can leave again without being copied. A slot has exactly one owner: the free list, the kernel, or the caller.
// Slots are handed out last-in first-out, so a lightly loaded thread stays inside a few warm pages.
//
// In front of the slots lies a static part for what lives as long as the thread: sockaddrs, constant header
// texts, scratch space. It is only ever given out, never taken back.

import { assert } from '../base/assert.ts';
import { type Mapping, mapAligned } from '../sys/memory.ts';

export const SLOT_HEADROOM_BYTES = 2048;
export const SLOT_TAILROOM_BYTES = 64;
const PAGE_BYTES = 4096;

const OWNER_FREE = 0;
const OWNER_KERNEL = 1;
const OWNER_CALLER = 2;

export interface BufferSizes {
  slotCount: number; // at most 32768, what 16-bit buffer ids of two rings can name
  dataBytes: number; // the least a receive can take; rounded up so that slots are whole pages
  staticBytes: number;
}

export class Buffers {
  readonly mapping: Mapping;
  readonly bytes: Uint8Array; // the arena: all offsets index it
  readonly address: bigint;
  readonly slotCount: number;
  readonly slotBytes: number;
  readonly dataBytes: number; // capacity of a receive
  freeCount: number;

  private readonly slotsOffset: number;
  private readonly freeStack: Int32Array;
  private readonly owners: Uint8Array;
  private staticUsed = 0;

  constructor(sizes: BufferSizes) {
    assert(sizes.slotCount >= 4 && sizes.slotCount <= 32_768, 'slotCount is outside 4..32768');
    const wanted = SLOT_HEADROOM_BYTES + sizes.dataBytes + SLOT_TAILROOM_BYTES;
    this.slotBytes = Math.ceil(wanted / PAGE_BYTES) * PAGE_BYTES;
    this.dataBytes = this.slotBytes - SLOT_HEADROOM_BYTES - SLOT_TAILROOM_BYTES;
    this.slotCount = sizes.slotCount;
    this.slotsOffset = Math.ceil(sizes.staticBytes / PAGE_BYTES) * PAGE_BYTES;
    const length = this.slotsOffset + this.slotCount * this.slotBytes;
    // Offsets stay small integers for V8, and aligned: base + offset never carries out of the low 32 bits.
    assert(length <= 0x7000_0000, 'the arena is larger than 1.75 GiB');
    this.mapping = mapAligned(length);
    this.bytes = this.mapping.bytes;
    this.address = this.mapping.address;
    this.freeStack = new Int32Array(this.slotCount);
    this.owners = new Uint8Array(this.slotCount);
    for (let id = 0; id < this.slotCount; id++) this.freeStack[id] = this.slotCount - 1 - id;
    this.freeCount = this.slotCount;
  }

  /** More than half of all slots are in use: receiving goes on in small steps, so that some are left for everybody. */
  get isScarce(): boolean {
    return this.freeCount * 2 <= this.slotCount;
  }

  /** Slots the caller owns. Counted slot by slot: for people who ask, not for the data path. */
  get heldCount(): number {
    let count = 0;
    for (const owner of this.owners) if (owner === OWNER_CALLER) count++;
    return count;
  }

  /** Offset of `length` static bytes (8-byte aligned). Throws AssertionFailure when the static part is used up. */
  allocateStatic(length: number): number {
    const offset = this.staticUsed;
    assert(offset + length <= this.slotsOffset, 'the static part of the arena is used up');
    this.staticUsed = (offset + length + 7) & ~7;
    return offset;
  }

  /** Copies `bytes` into the static part; returns their offset. */
  placeStatic(bytes: Uint8Array): number {
    const offset = this.allocateStatic(bytes.length);
    this.bytes.set(bytes, offset);
    return offset;
  }

  /** First byte of the slot: where the headroom begins. */
  slotOffset(bufferId: number): number {
    return this.slotsOffset + bufferId * this.slotBytes;
  }

  /** Where received bytes begin. */
  dataOffset(bufferId: number): number {
    return this.slotsOffset + bufferId * this.slotBytes + SLOT_HEADROOM_BYTES;
  }

  /** End of the data part: the tailroom follows. */
  dataEnd(bufferId: number): number {
    return this.slotsOffset + (bufferId + 1) * this.slotBytes - SLOT_TAILROOM_BYTES;
  }

  /** A slot for the caller, or -1 when all are in use. */
  take(): number {
    if (this.freeCount === 0) return -1;
    const bufferId = this.freeStack[--this.freeCount]!;
    assert(this.owners[bufferId] === OWNER_FREE, 'a slot on the free list has an owner');
    this.owners[bufferId] = OWNER_CALLER;
    return bufferId;
  }

  /** The caller gives a slot back. */
  release(bufferId: number): void {
    assert(this.owners[bufferId] === OWNER_CALLER, 'a slot was released that its caller does not own');
    this.owners[bufferId] = OWNER_FREE;
    this.freeStack[this.freeCount++] = bufferId;
  }

  /** For engines: a free slot becomes the kernel's. -1 when none is free. */
  lend(): number {
    if (this.freeCount === 0) return -1;
    const bufferId = this.freeStack[--this.freeCount]!;
    assert(this.owners[bufferId] === OWNER_FREE, 'a slot on the free list has an owner');
    this.owners[bufferId] = OWNER_KERNEL;
    return bufferId;
  }

  /** For engines: the kernel filled a slot; it is the caller's now. */
  handOver(bufferId: number): void {
    assert(this.owners[bufferId] === OWNER_KERNEL, 'the kernel filled a slot it was not lent');
    this.owners[bufferId] = OWNER_CALLER;
  }

  /** For engines: a lent slot comes back unused. */
  takeBack(bufferId: number): void {
    assert(this.owners[bufferId] === OWNER_KERNEL, 'a slot was taken back that was not lent');
    this.owners[bufferId] = OWNER_FREE;
    this.freeStack[this.freeCount++] = bufferId;
  }

  /** For engines that stop: every slot still lent comes back. Nothing may write to them any more. */
  takeBackLent(): void {
    for (let bufferId = 0; bufferId < this.slotCount; bufferId++) {
      if (this.owners[bufferId] === OWNER_KERNEL) this.takeBack(bufferId);
    }
  }
}
