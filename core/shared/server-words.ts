// What each server is fit for, one Int32 a server, so that nobody ever sees half a change.
//
//   bits  0–12  effective weight in sixteenths (0–4096): what balancers use; slowstart moves it alone
//   bits 13–18  flags, below
//   bits 19–27  weight in the operator's units (0–256): what `set weight` set and `show stat` shows
//
// Writers: the health worker and the supervisor's control commands, by compare-and-exchange, so either may
// change its part without undoing the other's. Readers: proxy threads, which compare the epoch before each
// pick and look at the words only when it moved. The epoch is bumped after the word: who sees the new
// epoch sees the new word.

import { assert } from '../base/assert.ts';
import type { Model } from '../model/model.ts';
import type { Server } from '../model/proxy.ts';

/** Balancers count weight in sixteenths, so that a warming server can take less than one unit. */
export const WEIGHT_SCALE = 16;
export const SERVER_WEIGHT_MAX = 256;
export const EFFECTIVE_WEIGHT_MAX = SERVER_WEIGHT_MAX * WEIGHT_SCALE;

export const SERVER_UP = 1 << 13; // clear: checks (or the operator) hold it for down
export const SERVER_DRAIN = 1 << 14; // only persistent clients still reach it
export const SERVER_MAINT = 1 << 15; // out of service by the operator, the file, or a name without address
export const SERVER_STOPPING = 1 << 16; // up, but asked by its own check or agent to get nothing new
export const SERVER_UNRESOLVED = 1 << 17; // why it is in MAINT: its name has no address yet

const EFFECTIVE_MASK = 0x1fff;
const FLAGS_MASK = SERVER_UP | SERVER_DRAIN | SERVER_MAINT | SERVER_STOPPING | SERVER_UNRESOLVED;
const FLAGS_UNFIT = SERVER_DRAIN | SERVER_MAINT | SERVER_STOPPING | SERVER_UNRESOLVED;
const WEIGHT_SHIFT = 19;
const WEIGHT_MASK = 0x1ff;

const EPOCH_CELL = 0;
const HEADER_CELLS = 16; // a cache line: the epoch is read on every pick and must not share one with words

export function packServerWord(weight: number, effectiveWeight: number, flags: number): number {
  assert(weight >= 0 && weight <= SERVER_WEIGHT_MAX, 'server weight out of range');
  assert(effectiveWeight >= 0 && effectiveWeight <= EFFECTIVE_WEIGHT_MAX, 'effective weight out of range');
  assert((flags & ~FLAGS_MASK) === 0, 'unknown server flag');
  return (weight << WEIGHT_SHIFT) | flags | effectiveWeight;
}

export const wordWeight = (word: number): number => (word >> WEIGHT_SHIFT) & WEIGHT_MASK;
export const wordEffectiveWeight = (word: number): number => word & EFFECTIVE_MASK;
export const wordFlags = (word: number): number => word & FLAGS_MASK;

/** May load balancing choose it? Weight 0 means no, as the manual's "weight" says. */
export function wordUsable(word: number): boolean {
  return (word & (SERVER_UP | FLAGS_UNFIT)) === SERVER_UP && (word & EFFECTIVE_MASK) !== 0;
}

/** May what names it reach it (use-server, a queue of its own)? Neither weight 0 nor draining forbids that. */
export function wordRunning(word: number): boolean {
  return (word & (SERVER_UP | SERVER_MAINT | SERVER_UNRESOLVED)) === SERVER_UP;
}

function initialWord(server: Server): number {
  let flags = SERVER_UP;
  if (server.disabled) flags |= SERVER_MAINT;
  if (!server.resolved) flags |= SERVER_MAINT | SERVER_UNRESOLVED;
  return packServerWord(server.weight, server.weight * WEIGHT_SCALE, flags);
}

export class ServerWords {
  readonly buffer: SharedArrayBuffer;
  readonly serverCount: number;
  private readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.serverCount = this.cells.length - HEADER_CELLS;
    assert(this.serverCount >= 0, 'server words buffer is too small');
  }

  /** The supervisor makes them from the model: everyone up, except who is disabled or has no address. */
  static create(model: Pick<Model, 'serverCount' | 'proxies'>): ServerWords {
    const words = new ServerWords(new SharedArrayBuffer((HEADER_CELLS + model.serverCount) * 4));
    for (const proxy of model.proxies) {
      for (const server of proxy.servers) {
        assert(server.index >= 0 && server.index < model.serverCount, 'server index is outside the model');
        words.cells[HEADER_CELLS + server.index] = initialWord(server);
      }
    }
    return words;
  }

  /** Changes whenever any word did; compare for equality, it wraps. */
  epoch(): number {
    return Atomics.load(this.cells, EPOCH_CELL);
  }

  word(serverIndex: number): number {
    assert(serverIndex >= 0 && serverIndex < this.serverCount, 'server index is outside the table');
    return Atomics.load(this.cells, HEADER_CELLS + serverIndex);
  }

  usable(serverIndex: number): boolean {
    return wordUsable(this.word(serverIndex));
  }

  running(serverIndex: number): boolean {
    return wordRunning(this.word(serverIndex));
  }

  /** Sets the operator's weight (0–256) and the effective one with it, in one store. */
  setWeight(serverIndex: number, weight: number): void {
    assert(weight >= 0 && weight <= SERVER_WEIGHT_MAX, 'server weight out of range');
    const mask = (WEIGHT_MASK << WEIGHT_SHIFT) | EFFECTIVE_MASK;
    this.change(serverIndex, mask, (weight << WEIGHT_SHIFT) | (weight * WEIGHT_SCALE));
  }

  /** Slowstart's step: sixteenths of a weight unit (0–4096); the operator's weight stays. */
  setEffectiveWeight(serverIndex: number, sixteenths: number): void {
    assert(sixteenths >= 0 && sixteenths <= EFFECTIVE_WEIGHT_MAX, 'effective weight out of range');
    this.change(serverIndex, EFFECTIVE_MASK, sixteenths);
  }

  /** Sets and clears flags in one store: setFlags(i, SERVER_UP, SERVER_MAINT) brings a server back. */
  setFlags(serverIndex: number, set: number, clear: number): void {
    assert(((set | clear) & ~FLAGS_MASK) === 0, 'unknown server flag');
    assert((set & clear) === 0, 'a flag cannot be set and cleared at once');
    this.change(serverIndex, set | clear, set);
  }

  // Replaces the bits under `mask`; silent (no epoch) when nothing changes.
  private change(serverIndex: number, mask: number, bits: number): void {
    const cell = HEADER_CELLS + serverIndex;
    let before = this.word(serverIndex);
    for (;;) {
      const after = (before & ~mask) | bits;
      if (after === before) return;
      const seen = Atomics.compareExchange(this.cells, cell, before, after);
      if (seen === before) break;
      before = seen;
    }
    Atomics.add(this.cells, EPOCH_CELL, 1);
  }
}
