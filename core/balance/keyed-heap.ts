// A heap of server positions by key, equal keys in the order they came: the order of a sorted tree whose
// duplicates queue up. Insert, remove and re-key cost O(log n); everything is allocated at construction, or lies in
// memory that threads share (then whoever calls holds the lock that guards it). Zeroed memory is an empty heap.

import { assert } from '../base/assert.ts';
import { Carver } from '../shared/rotations.ts';

/** Bytes of a heap: its head and so many a position, positions counted up to an even number. */
const HEAD_BYTES = 16;
const POSITION_BYTES = 24;

export class KeyedHeap {
  private readonly counts: Int32Array; // [0]: entries
  private readonly arrivals: Float64Array; // [0]: arrivals so far; 2^53 outlast any process
  private readonly items: Int32Array; // the heap: positions
  private readonly where: Int32Array; // by position: its place in items + 1, 0 when absent
  private readonly keys: Float64Array; // by position
  private readonly turns: Float64Array; // by position: order of arrival, breaks ties

  constructor(positionCount: number, memory = ownMemory(positionCount)) {
    this.counts = memory.int32s(1);
    this.arrivals = memory.float64s(1);
    this.items = memory.int32s(positionCount);
    this.where = memory.int32s(positionCount);
    this.keys = memory.float64s(positionCount);
    this.turns = memory.float64s(positionCount);
  }

  get count(): number {
    return this.counts[0]!;
  }

  has(position: number): boolean {
    return this.where[position] !== 0;
  }

  key(position: number): number {
    return this.keys[position]!;
  }

  /** The position with the lowest key that came first, or −1. */
  first(): number {
    return this.counts[0] === 0 ? -1 : this.items[0]!;
  }

  /** Behind all of equal key. */
  insert(position: number, key: number): void {
    const arrival = this.arrivals[0]!;
    this.arrivals[0] = arrival + 1;
    this.insertAt(position, key, arrival);
  }

  /** Among equal keys by `turn`. A heap is filled either in this way alone or by insert() alone. */
  insertAt(position: number, key: number, turn: number): void {
    assert(this.where[position] === 0, 'already in the heap');
    this.keys[position] = key;
    this.turns[position] = turn;
    this.place(position);
  }

  remove(position: number): void {
    const at = this.where[position]! - 1;
    assert(at >= 0, 'not in the heap');
    const lastAt = this.counts[0]! - 1;
    this.where[position] = 0;
    this.counts[0] = lastAt;
    if (at === lastAt) return;
    const last = this.items[lastAt]!;
    this.items[at] = last;
    this.where[last] = at + 1;
    this.siftUp(at);
    this.siftDown(this.where[last]! - 1);
  }

  /** Puts back what remove() took out, at its old turn among equals. */
  restore(position: number): void {
    assert(this.where[position] === 0, 'already in the heap');
    this.place(position);
  }

  /** Whatever state its memory is in. */
  clear(): void {
    this.where.fill(0);
    this.counts[0] = 0;
  }

  private place(position: number): void {
    const at = this.counts[0]!;
    this.counts[0] = at + 1;
    this.items[at] = position;
    this.where[position] = at + 1;
    this.siftUp(at);
  }

  private before(a: number, b: number): boolean {
    const keyA = this.keys[a]!;
    const keyB = this.keys[b]!;
    return keyA < keyB || (keyA === keyB && this.turns[a]! < this.turns[b]!);
  }

  private siftUp(start: number): void {
    let at = start;
    const moving = this.items[at]!;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.items[parentAt]!;
      if (!this.before(moving, parent)) break;
      this.items[at] = parent;
      this.where[parent] = at + 1;
      at = parentAt;
    }
    this.items[at] = moving;
    this.where[moving] = at + 1;
  }

  private siftDown(start: number): void {
    const count = this.counts[0]!;
    let at = start;
    const moving = this.items[at]!;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= count) break;
      if (childAt + 1 < count && this.before(this.items[childAt + 1]!, this.items[childAt]!)) childAt++;
      const child = this.items[childAt]!;
      if (!this.before(child, moving)) break;
      this.items[at] = child;
      this.where[child] = at + 1;
      at = childAt;
    }
    this.items[at] = moving;
    this.where[moving] = at + 1;
  }
}

function ownMemory(positionCount: number): Carver {
  const byteCount = HEAD_BYTES + (positionCount + (positionCount & 1)) * POSITION_BYTES;
  return new Carver(new ArrayBuffer(byteCount), 0, byteCount);
}
