// A heap of server positions by key, equal keys in the order they came: the order of a sorted tree whose
// duplicates queue up. Insert, remove and re-key cost O(log n); everything is allocated at construction.

import { assert } from '../base/assert.ts';

const ABSENT = -1;

export class KeyedHeap {
  count = 0;
  private readonly items: Int32Array; // the heap: positions
  private readonly where: Int32Array; // by position: its place in items, or ABSENT
  private readonly keys: Float64Array; // by position
  private readonly turns: Float64Array; // by position: order of arrival, breaks ties
  private nextTurn = 0; // 2^53 arrivals outlast any process

  constructor(positionCount: number) {
    this.items = new Int32Array(positionCount);
    this.where = new Int32Array(positionCount).fill(ABSENT);
    this.keys = new Float64Array(positionCount);
    this.turns = new Float64Array(positionCount);
  }

  has(position: number): boolean {
    return this.where[position] !== ABSENT;
  }

  key(position: number): number {
    return this.keys[position]!;
  }

  /** The position with the lowest key that came first, or −1. */
  first(): number {
    return this.count === 0 ? -1 : this.items[0]!;
  }

  /** Behind all of equal key. */
  insert(position: number, key: number): void {
    assert(this.where[position] === ABSENT, 'already in the heap');
    this.keys[position] = key;
    this.turns[position] = this.nextTurn++;
    this.place(position);
  }

  remove(position: number): void {
    const at = this.where[position]!;
    assert(at !== ABSENT, 'not in the heap');
    this.where[position] = ABSENT;
    this.count--;
    if (at === this.count) return;
    const last = this.items[this.count]!;
    this.items[at] = last;
    this.where[last] = at;
    this.siftUp(at);
    this.siftDown(this.where[last]!);
  }

  /** Puts back what remove() took out, at its old turn among equals. */
  restore(position: number): void {
    assert(this.where[position] === ABSENT, 'already in the heap');
    this.place(position);
  }

  clear(): void {
    while (this.count > 0) this.where[this.items[--this.count]!] = ABSENT;
  }

  private place(position: number): void {
    this.items[this.count] = position;
    this.where[position] = this.count;
    this.siftUp(this.count++);
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
      this.where[parent] = at;
      at = parentAt;
    }
    this.items[at] = moving;
    this.where[moving] = at;
  }

  private siftDown(start: number): void {
    let at = start;
    const moving = this.items[at]!;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= this.count) break;
      if (childAt + 1 < this.count && this.before(this.items[childAt + 1]!, this.items[childAt]!)) childAt++;
      const child = this.items[childAt]!;
      if (!this.before(child, moving)) break;
      this.items[at] = child;
      this.where[child] = at;
      at = childAt;
    }
    this.items[at] = moving;
    this.where[moving] = at;
  }
}
