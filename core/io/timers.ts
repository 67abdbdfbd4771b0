// The timers of one thread: a hierarchical wheel of one-millisecond ticks, four levels of 256 slots.
//
// A timer is a small number chosen by the caller (its slot index); starting, restarting and stopping it is O(1)
// and allocates nothing. Level n holds deadlines less than 256^(n+1) ms away; whatever comes nearer is moved down
// when the wheel reaches its slot, at most three times in a timer's life. One bit per slot says "not empty", so
// that empty time is skipped: a jump of the clock costs what it passes, not how far it goes.
//
// The caller brings the time (whole milliseconds of a monotonic clock, any size: nothing here wraps). A timer
// never fires early; it fires in the first `advance` at or after its deadline. Pushing a deadline back lazily
// (leave the timer alone, look at the true deadline when it fires, start again) is the caller's business.

import { assert } from '../base/assert.ts';

const LEVEL_COUNT = 4;
const LEVEL_BITS = 8;
const LEVEL_SLOTS = 1 << LEVEL_BITS;
const SLOT_MASK = LEVEL_SLOTS - 1;
const LEVEL_WORDS = LEVEL_SLOTS / 32;
const SPAN_MS = 2 ** (LEVEL_BITS * LEVEL_COUNT); // about 49.7 days; later deadlines wait in the last slot for their turn

// Lists are circular and doubly linked through `following` and `preceding`. Index 0 means "in no list", then come
// the lists' own anchors (one a slot, and the list of expired timers), then the timers.
const ANCHOR_FIRST = 1;
const ANCHOR_EXPIRED = ANCHOR_FIRST + LEVEL_COUNT * LEVEL_SLOTS;
const TIMER_FIRST = ANCHOR_EXPIRED + 1;
const ID_MAX = 0x0fff_ffff;

/** What `msUntilNext` says when no timer runs: about twelve days. */
export const MS_UNTIL_NEXT_MAX = 0x3fff_ffff;

/** Expired ids are handed out by `nextExpired`; this one means there is none left. */
export const NO_TIMER = -1;

export class Timers {
  /** Timers started and neither stopped nor handed out by `nextExpired`. */
  count = 0;

  private following: Int32Array;
  private preceding: Int32Array;
  private deadlines: Float64Array; // by id, in ms
  private readonly filled = new Int32Array(LEVEL_COUNT * LEVEL_WORDS); // bit set exactly while the slot's list is not empty
  private reachedMs: number; // every slot up to this moment has been dealt with
  private eventMs = Number.POSITIVE_INFINITY; // no slot needs attention before this; may be too early, never too late

  /** `nowMs` is the moment the wheel begins at; `idCount` ids have room from the start, more are made as needed. */
  constructor(nowMs: number, idCount = 1024) {
    this.reachedMs = Math.floor(nowMs);
    this.following = new Int32Array(TIMER_FIRST + idCount);
    this.preceding = new Int32Array(TIMER_FIRST + idCount);
    this.deadlines = new Float64Array(idCount);
    for (let anchor = ANCHOR_FIRST; anchor < TIMER_FIRST; anchor++) {
      this.following[anchor] = anchor;
      this.preceding[anchor] = anchor;
    }
  }

  /**
   * Fires timer `id` once `deadlineMs` is reached; a running timer gets the new deadline. A deadline that has
   * passed already fires at the next millisecond, so that a timer started while the expired ones are being
   * handed out cannot keep that loop alive.
   */
  start(id: number, deadlineMs: number): void {
    assert(id >= 0 && id <= ID_MAX, 'timer id is outside 0..2^28');
    assert(deadlineMs < Number.POSITIVE_INFINITY, 'a timer needs a finite deadline');
    if (id >= this.deadlines.length) this.grow(id);
    if (this.following[TIMER_FIRST + id] !== 0) this.unlink(TIMER_FIRST + id);
    else this.count++;
    const deadline = Math.ceil(deadlineMs);
    this.deadlines[id] = deadline;
    this.place(id, deadline > this.reachedMs ? deadline : this.reachedMs + 1);
  }

  /** Forgets timer `id`, also when it has expired but was not handed out yet; nothing happens when it does not run. */
  stop(id: number): void {
    if (!this.isRunning(id)) return;
    this.unlink(TIMER_FIRST + id);
    this.count--;
  }

  /** True from `start` until `stop`, or until `nextExpired` returned it. */
  isRunning(id: number): boolean {
    return id < this.deadlines.length && this.following[TIMER_FIRST + id] !== 0;
  }

  /** The deadline last given to `start`, in ms. */
  deadlineMs(id: number): number {
    return this.deadlines[id]!;
  }

  /** Moves the wheel to `nowMs`; timers that are due wait for `nextExpired`. A clock that went back is ignored. */
  advance(nowMs: number): void {
    const now = Math.floor(nowMs);
    while (this.eventMs <= now) {
      this.reachedMs = this.eventMs;
      this.turnSlots();
      this.eventMs = this.findEventMs();
    }
    if (now > this.reachedMs) this.reachedMs = now;
  }

  /** An expired timer's id, which then runs no longer, or NO_TIMER. They come in the order of their milliseconds. */
  nextExpired(): number {
    const node = this.following[ANCHOR_EXPIRED]!;
    if (node === ANCHOR_EXPIRED) return NO_TIMER;
    this.unlink(node);
    this.count--;
    return node - TIMER_FIRST;
  }

  /**
   * How long the engine may wait, in ms: never longer than until the next deadline, sometimes shorter (a slot is
   * to be moved down, or its timer was stopped). 0 when a timer is due; at most MS_UNTIL_NEXT_MAX.
   */
  msUntilNext(nowMs: number): number {
    if (this.following[ANCHOR_EXPIRED] !== ANCHOR_EXPIRED) return 0;
    const wait = this.eventMs - nowMs;
    if (wait <= 0) return 0;
    return wait < MS_UNTIL_NEXT_MAX ? Math.ceil(wait) : MS_UNTIL_NEXT_MAX;
  }

  // Puts a timer that is in no list where it belongs at `reachedMs`: expired, or the level its distance asks for.
  private place(id: number, deadline: number): void {
    const distance = deadline - this.reachedMs;
    if (distance <= 0) {
      this.link(TIMER_FIRST + id, ANCHOR_EXPIRED);
      return;
    }
    let level = 0;
    if (distance >= 0x100) level = distance < 0x1_0000 ? 1 : distance < 0x100_0000 ? 2 : 3;
    const at = distance < SPAN_MS ? deadline : this.reachedMs + SPAN_MS - 1;
    const shift = level * LEVEL_BITS;
    const slot = ((at >>> 0) >>> shift) & SLOT_MASK;
    this.filled[level * LEVEL_WORDS + (slot >> 5)]! |= 1 << (slot & 31);
    this.link(TIMER_FIRST + id, ANCHOR_FIRST + level * LEVEL_SLOTS + slot);
    // The wheel stops where the slot begins: at the deadline itself on level 0, before it on the others.
    const slotMs = at - ((at >>> 0) & ((1 << shift) - 1));
    if (slotMs < this.eventMs) this.eventMs = slotMs;
  }

  // Deals with the slots that begin at `reachedMs`. Higher levels first: what they send down may be due now.
  private turnSlots(): void {
    const tick = this.reachedMs >>> 0;
    for (let level = LEVEL_COUNT - 1; level >= 0; level--) {
      const shift = level * LEVEL_BITS;
      if ((tick & ((1 << shift) - 1)) !== 0) continue;
      const slot = (tick >>> shift) & SLOT_MASK;
      if ((this.filled[level * LEVEL_WORDS + (slot >> 5)]! & (1 << (slot & 31))) !== 0) this.emptySlot(level, slot);
    }
  }

  // Each timer is unlinked and placed anew. None can return to this slot, except on the last level, where a deadline
  // beyond the span waits another round: so the list is walked up to the node that was last when the walk began.
  private emptySlot(level: number, slot: number): void {
    const anchor = ANCHOR_FIRST + level * LEVEL_SLOTS + slot;
    const last = this.preceding[anchor]!;
    let node = anchor;
    while (node !== last) {
      node = this.following[anchor]!;
      this.unlink(node);
      this.place(node - TIMER_FIRST, this.deadlines[node - TIMER_FIRST]!);
    }
  }

  // When the next slot that is not empty begins, or Infinity.
  private findEventMs(): number {
    const reached = this.reachedMs;
    const tick = reached >>> 0;
    let nearest = Number.POSITIVE_INFINITY;
    for (let level = 0; level < LEVEL_COUNT; level++) {
      const shift = level * LEVEL_BITS;
      const steps = this.stepsToFilled(level, (tick >>> shift) & SLOT_MASK);
      if (steps === 0) continue;
      const slotMs = reached - (tick & ((1 << shift) - 1)) + steps * (1 << shift);
      if (slotMs < nearest) nearest = slotMs;
    }
    return nearest;
  }

  // Slots from `slot` to the next filled one of the level, 1..256 (256: `slot` itself, a round later), or 0.
  private stepsToFilled(level: number, slot: number): number {
    const filled = this.filled;
    const base = level * LEVEL_WORDS;
    const first = (slot + 1) & SLOT_MASK;
    const word = filled[base + (first >> 5)]! & (-1 << (first & 31));
    if (word !== 0) return ((lowestBit(word) - (first & 31)) & 31) + 1;
    for (let step = 1; step <= LEVEL_WORDS; step++) {
      const index = ((first >> 5) + step) & (LEVEL_WORDS - 1);
      const later = filled[base + index]!;
      if (later !== 0) return ((index * 32 + lowestBit(later) - first) & SLOT_MASK) + 1;
    }
    return 0;
  }

  private link(node: number, anchor: number): void {
    const last = this.preceding[anchor]!;
    this.following[last] = node;
    this.preceding[node] = last;
    this.following[node] = anchor;
    this.preceding[anchor] = node;
  }

  private unlink(node: number): void {
    const after = this.following[node]!;
    const before = this.preceding[node]!;
    assert(after !== 0 && before !== 0, 'a timer that is in no list was unlinked');
    this.following[before] = after;
    this.preceding[after] = before;
    this.following[node] = 0;
    this.preceding[node] = 0;
    // The neighbours are one and the same only when the list's anchor is all that is left.
    if (after === before && after < ANCHOR_EXPIRED) {
      const slot = after - ANCHOR_FIRST;
      this.filled[slot >> 5]! &= ~(1 << (slot & 31));
    }
  }

  private grow(id: number): void {
    let idCount = Math.max(this.deadlines.length, 64);
    while (idCount <= id) idCount *= 2;
    const following = new Int32Array(TIMER_FIRST + idCount);
    const preceding = new Int32Array(TIMER_FIRST + idCount);
    const deadlines = new Float64Array(idCount);
    following.set(this.following);
    preceding.set(this.preceding);
    deadlines.set(this.deadlines);
    this.following = following;
    this.preceding = preceding;
    this.deadlines = deadlines;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
