// A network segment of few nodes, driven by a seed: events in time order, packets lost, delayed, doubled and overtaking
// each other, and cut-off links in either direction. It knows nothing of the protocol: the test that uses it puts
// its routers in (core/vrrp/sim.test.ts).

import { assert } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';

export interface SegmentFaults {
  lossPerMille: number;
  duplicatePerMille: number;
  delayMinMs: number;
  delayMaxMs: number; // packets with different delays overtake each other
}

/** Something that happens at a time; ties are in the order of scheduling. */
export interface SimEvent<T> {
  atMs: number;
  order: number;
  node: number;
  what: T;
}

/** Events by time: a binary heap, so that a million of them cost no more than they must. */
export class Agenda<T> {
  private readonly heap: SimEvent<T>[] = [];
  private order = 0;

  get length(): number {
    return this.heap.length;
  }

  nextAtMs(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0]!.atMs;
  }

  add(atMs: number, node: number, what: T): void {
    assert(Number.isFinite(atMs), 'an event has a time');
    const { heap } = this;
    const event = { atMs, order: this.order++, node, what };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  take(): SimEvent<T> {
    const { heap } = this;
    assert(heap.length > 0, 'nothing is on the agenda');
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore<T>(a: SimEvent<T>, b: SimEvent<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Who hears whom, and how well. */
export class SegmentSim {
  faults: SegmentFaults;
  readonly nodeCount: number;
  private readonly prng: Prng;
  // cut[from * nodeCount + to]: 1 when nothing gets through.
  private readonly cut: Uint8Array;

  constructor(prng: Prng, nodeCount: number, faults: SegmentFaults) {
    this.prng = prng;
    this.nodeCount = nodeCount;
    this.faults = faults;
    this.cut = new Uint8Array(nodeCount * nodeCount);
  }

  /** Nodes with the same number hear each other, others do not. */
  divide(sideOf: readonly number[]): void {
    for (let from = 0; from < this.nodeCount; from++) {
      for (let to = 0; to < this.nodeCount; to++) {
        this.cut[from * this.nodeCount + to] = sideOf[from] === sideOf[to] ? 0 : 1;
      }
    }
  }

  /** Each direction of each pair is cut with the given chance: the nastiest of partitions. */
  tear(perMille: number): void {
    for (let index = 0; index < this.cut.length; index++) this.cut[index] = this.prng.below(1000) < perMille ? 1 : 0;
  }

  isCut(from: number, to: number): boolean {
    return this.cut[from * this.nodeCount + to] === 1;
  }

  /** After how many milliseconds each copy of a packet from one node arrives at another; empty when it is lost. */
  delaysMs(from: number, to: number): number[] {
    const { faults, prng } = this;
    if (this.isCut(from, to) || prng.below(1000) < faults.lossPerMille) return [];
    const one = (): number =>
      faults.delayMinMs + (prng.below(1_000_000) / 1_000_000) * (faults.delayMaxMs - faults.delayMinMs);
    return prng.below(1000) < faults.duplicatePerMille ? [one(), one()] : [one()];
  }
}
