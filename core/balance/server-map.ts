// The fixed table of static-rr and of map-based hashing: each server as often as its weight says, spread evenly.
//
// Its length is the sum of the usable servers' weights over the greatest common divisor of all configured weights.
// Place o goes to the server that is furthest behind: each place adds every server's weight to its score, and
// the winner's score pays the table's length. "Furthest behind" is counted in whole table lengths, equals in
// declaration order. Done naively that is n steps a place; here each server waits for the place at which its
// whole count rises (one calendar entry a server), so a table costs O(length × log n).
//
// Weights are the configured ones: the table cannot follow a weight at run time, only out (0) and back in
// (manual §4.2 "static-rr").

import { assert } from '../base/assert.ts';
import { KeyedHeap } from './keyed-heap.ts';
import type { ServerGroup } from './server-group.ts';

// A score lies within −1 … +2 table lengths; one level more catches a mistake.
const LEVEL_COUNT = 5;
const END = -1;

export class ServerMap {
  length = 0;
  entries: Int32Array; // positions; the first `length` count
  private readonly group: ServerGroup;
  private readonly shares: Int32Array; // by position: places it gets, configured weight / gcd
  private readonly calendarNext: Int32Array; // by position: next server with the same calendar place
  private readonly risen: Float64Array; // by position: how often its count has risen
  private readonly levels: Int8Array; // by position
  private readonly heaps: KeyedHeap[]; // by level: its servers in declaration order

  constructor(group: ServerGroup) {
    const count = group.serverCount;
    this.group = group;
    this.shares = Int32Array.from(group.configuredWeights);
    const divisor = this.shares.reduce(greatestCommonDivisor, 0) || 1;
    for (let position = 0; position < count; position++) this.shares[position]! /= divisor;
    this.entries = new Int32Array(this.lengthMax());
    this.calendarNext = new Int32Array(count);
    this.risen = new Float64Array(count);
    this.levels = new Int8Array(count);
    this.heaps = Array.from({ length: LEVEL_COUNT }, () => new KeyedHeap(count));
    this.rebuild();
  }

  /** After group.refresh() said that something changed. */
  rebuild(): void {
    const group = this.group;
    this.length = 0;
    for (let position = 0; position < group.serverCount; position++) {
      if (group.member(position)) this.length += this.share(position);
    }
    if (this.length === 0) return;
    const calendar = new Int32Array(this.length).fill(END);
    for (const heap of this.heaps) heap.clear();
    for (let position = 0; position < group.serverCount; position++) {
      if (!group.member(position)) continue;
      this.risen[position] = 0;
      this.enter(position, 1);
      this.plan(calendar, position);
    }
    for (let place = 0; place < this.length; place++) {
      this.rise(calendar, place);
      this.entries[place] = this.winner();
    }
  }

  // A weight of 0 in the file that was raised at run time: one place, the least it can have.
  private share(position: number): number {
    return Math.max(1, this.shares[position]!);
  }

  private lengthMax(): number {
    let length = 0;
    for (let position = 0; position < this.shares.length; position++) length += this.share(position);
    return length;
  }

  // The score at place o is (o + 1) × share: it reaches k table lengths at o = ⌈k × length / share⌉ − 1.
  private plan(calendar: Int32Array, position: number): void {
    const rises = this.risen[position]! + 1;
    const place = Math.ceil((rises * this.length) / this.share(position)) - 1;
    if (place >= this.length) return;
    this.calendarNext[position] = calendar[place]!;
    calendar[place] = position;
  }

  private rise(calendar: Int32Array, place: number): void {
    let position = calendar[place]!;
    while (position !== END) {
      const next = this.calendarNext[position]!;
      this.move(position, 1);
      this.risen[position]! += 1;
      this.plan(calendar, position);
      position = next;
    }
  }

  private winner(): number {
    for (let level = LEVEL_COUNT - 1; level > 0; level--) {
      const position = this.heaps[level]!.first();
      if (position < 0) continue;
      this.move(position, -1);
      return position;
    }
    assert(false, 'a map place without server');
    return END;
  }

  private move(position: number, by: number): void {
    const level = this.levels[position]!;
    this.heaps[level]!.remove(position);
    this.enter(position, level + by);
  }

  private enter(position: number, level: number): void {
    assert(level >= 0 && level < LEVEL_COUNT, 'a server ran ahead of its share');
    this.levels[position] = level;
    this.heaps[level]!.insert(position, position);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  let x = a;
  let y = b;
  while (y !== 0) {
    const rest = x % y;
    x = y;
    y = rest;
  }
  return x;
}
