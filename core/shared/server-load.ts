// Who is busy: current and queued counts of every server, backend, frontend and of the process, and which
// threads wait for a place there.
//
// All four kinds are rows of one shape (a cache line each), so one set of verbs serves them: server(i),
// backend(p), frontend(p) and process() give row numbers; a server's row is its index. Writers: every proxy
// thread, by Atomics. Beside the sums, each thread keeps in cells of its own what it holds itself, so that
// reclaim() can give back the places of a thread that crashed; only that thread writes them while it lives.
//
// No wake-up is lost if both sides keep this order (Atomics are sequentially consistent):
//   waiter:    queue up locally → startWaiting(row) → tryAcquire(row) once more → only then sleep
//   releaser:  release(row) → nextWaiter(row) → wake that thread
// Either the waiter's second try sees the free place, or the releaser sees the waiter's bit. A thread keeps its bit
// while it has anything queued there. Two releasers may wake the same thread, so a woken thread that has served its
// queue, or wants nothing any more, passes the wake on with nextWaiter() as long as the row has a free place.

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';
import type { Model } from '../model/model.ts';

const CURRENT = 0;
const QUEUED = 1;
const CURRENT_MAX = 2; // highest `current` seen; a lost race may leave it one low, as it only feeds statistics
const QUEUED_MAX = 3;
const WAITERS_LOW = 4; // bit t: thread t waits (0–31)
const WAITERS_HIGH = 5; // bit t−32: thread t waits (32–63)
const ROW_CELLS = 16;

const HEADER_SERVER_COUNT = 0;
const HEADER_PROXY_COUNT = 1;
const HEADER_THREAD_COUNT = 2;
const HEADER_CELLS = 16;

const HELD_CELLS = 2; // current, queued

const WAITER_BITS = 32;

export class ServerLoad {
  readonly buffer: SharedArrayBuffer;
  readonly serverCount: number;
  readonly proxyCount: number;
  readonly threadCount: number;
  readonly rowCount: number;
  private readonly cells: Int32Array;
  private readonly heldOffset: number; // this thread's own cells; −1 in the supervisor, which holds nothing

  /** Attaches. `threadIndex` is the proxy thread's own, or −1 for one that only looks or reclaims. */
  constructor(buffer: SharedArrayBuffer, threadIndex: number) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.serverCount = this.cells[HEADER_SERVER_COUNT]!;
    this.proxyCount = this.cells[HEADER_PROXY_COUNT]!;
    this.threadCount = this.cells[HEADER_THREAD_COUNT]!;
    this.rowCount = this.serverCount + 2 * this.proxyCount + 1;
    assert(threadIndex >= -1 && threadIndex < this.threadCount, 'thread index is outside the table');
    this.heldOffset = threadIndex < 0 ? -1 : this.heldBase(threadIndex);
  }

  /** Made by the supervisor; one row a server, two a proxy (its front and its back), one for the process. */
  static create(model: Pick<Model, 'serverCount' | 'proxies'>, threadCount: number): ServerLoad {
    assert(threadCount >= 1 && threadCount <= THREAD_COUNT_MAX, 'thread count out of range');
    const rowCount = model.serverCount + 2 * model.proxies.length + 1;
    const cellCount = HEADER_CELLS + rowCount * ROW_CELLS + threadCount * rowCount * HELD_CELLS;
    const cells = new Int32Array(new SharedArrayBuffer(cellCount * 4));
    cells[HEADER_SERVER_COUNT] = model.serverCount;
    cells[HEADER_PROXY_COUNT] = model.proxies.length;
    cells[HEADER_THREAD_COUNT] = threadCount;
    return new ServerLoad(cells.buffer as SharedArrayBuffer, -1);
  }

  server(serverIndex: number): number {
    return serverIndex;
  }

  frontend(proxyIndex: number): number {
    return this.serverCount + proxyIndex;
  }

  backend(proxyIndex: number): number {
    return this.serverCount + this.proxyCount + proxyIndex;
  }

  process(): number {
    return this.serverCount + 2 * this.proxyCount;
  }

  current(row: number): number {
    return Atomics.load(this.cells, this.offset(row) + CURRENT);
  }

  queued(row: number): number {
    return Atomics.load(this.cells, this.offset(row) + QUEUED);
  }

  currentMax(row: number): number {
    return Atomics.load(this.cells, this.offset(row) + CURRENT_MAX);
  }

  queuedMax(row: number): number {
    return Atomics.load(this.cells, this.offset(row) + QUEUED_MAX);
  }

  /** `clear counters`: the highest values seen begin anew. By the supervisor. */
  clearMaxima(): void {
    for (let row = 0; row < this.rowCount; row++) {
      Atomics.store(this.cells, this.offset(row) + CURRENT_MAX, 0);
      Atomics.store(this.cells, this.offset(row) + QUEUED_MAX, 0);
    }
  }

  /** Takes a place if fewer than `max` are taken, over all threads; 0 means no limit. False: it is full. */
  tryAcquire(row: number, max: number): boolean {
    const offset = this.offset(row);
    if (max === 0) {
      this.acquire(row);
      return true;
    }
    let before = Atomics.load(this.cells, offset + CURRENT);
    for (;;) {
      if (before >= max) return false;
      const seen = Atomics.compareExchange(this.cells, offset + CURRENT, before, before + 1);
      if (seen === before) break;
      before = seen;
    }
    this.noteMax(offset + CURRENT_MAX, before + 1);
    this.hold(row, CURRENT, 1);
    return true;
  }

  /** Takes a place whatever the limit: for counts that nothing bounds, and for persistence that ignores it. */
  acquire(row: number): void {
    const offset = this.offset(row);
    const after = Atomics.add(this.cells, offset + CURRENT, 1) + 1;
    this.noteMax(offset + CURRENT_MAX, after);
    this.hold(row, CURRENT, 1);
  }

  /** Gives a place back; then ask nextWaiter() whom to wake. */
  release(row: number): void {
    const before = Atomics.sub(this.cells, this.offset(row) + CURRENT, 1);
    assert(before > 0, 'a place was released that nobody held');
    this.hold(row, CURRENT, -1);
  }

  /** One more stream of this thread waits in the row's queue. */
  enqueue(row: number): void {
    const offset = this.offset(row);
    const after = Atomics.add(this.cells, offset + QUEUED, 1) + 1;
    this.noteMax(offset + QUEUED_MAX, after);
    this.hold(row, QUEUED, 1);
  }

  dequeue(row: number): void {
    const before = Atomics.sub(this.cells, this.offset(row) + QUEUED, 1);
    assert(before > 0, 'a stream left a queue that was empty');
    this.hold(row, QUEUED, -1);
  }

  /** This thread wants to be woken when a place of the row comes free. Idempotent. */
  startWaiting(row: number, threadIndex: number): void {
    Atomics.or(this.cells, this.waiterCell(row, threadIndex), 1 << (threadIndex & (WAITER_BITS - 1)));
  }

  stopWaiting(row: number, threadIndex: number): void {
    Atomics.and(this.cells, this.waiterCell(row, threadIndex), ~(1 << (threadIndex & (WAITER_BITS - 1))));
  }

  /**
   * The next waiting thread after `threadIndex`, going round (itself last), or −1 when nobody waits. Start from
   * the thread woken before, or from one's own, and the wakes are spread evenly.
   */
  nextWaiter(row: number, threadIndex: number): number {
    const offset = this.offset(row);
    const low = Atomics.load(this.cells, offset + WAITERS_LOW);
    const high = this.threadCount > WAITER_BITS ? Atomics.load(this.cells, offset + WAITERS_HIGH) : 0;
    if ((low | high) === 0) return -1;
    let after = firstBitFrom(low, high, threadIndex + 1);
    if (after < 0) after = firstBitFrom(low, high, 0);
    assert(after >= 0 && after < this.threadCount, 'a thread waits that does not exist');
    return after;
  }

  /**
   * After a crash, with the thread certainly gone: gives back every place and queue entry it held and clears its
   * waiter bits. The caller then wakes the other threads, since places may have come free anywhere.
   */
  reclaim(threadIndex: number): void {
    const base = this.heldBase(threadIndex);
    for (let row = 0; row < this.rowCount; row++) {
      const offset = this.offset(row);
      const held = base + row * HELD_CELLS;
      Atomics.sub(this.cells, offset + CURRENT, this.cells[held + CURRENT]!);
      Atomics.sub(this.cells, offset + QUEUED, this.cells[held + QUEUED]!);
      this.cells[held + CURRENT] = 0;
      this.cells[held + QUEUED] = 0;
      this.stopWaiting(row, threadIndex);
    }
  }

  private heldBase(threadIndex: number): number {
    assert(threadIndex >= 0 && threadIndex < this.threadCount, 'thread index is outside the table');
    return HEADER_CELLS + this.rowCount * ROW_CELLS + threadIndex * this.rowCount * HELD_CELLS;
  }

  private offset(row: number): number {
    assert(row >= 0 && row < this.rowCount, 'load row is outside the table');
    return HEADER_CELLS + row * ROW_CELLS;
  }

  private waiterCell(row: number, threadIndex: number): number {
    assert(threadIndex >= 0 && threadIndex < this.threadCount, 'thread index is outside the table');
    return this.offset(row) + (threadIndex < WAITER_BITS ? WAITERS_LOW : WAITERS_HIGH);
  }

  private hold(row: number, what: number, by: number): void {
    assert(this.heldOffset >= 0, 'only a proxy thread may hold places');
    const cell = this.heldOffset + row * HELD_CELLS + what;
    const after = this.cells[cell]! + by;
    assert(after >= 0, 'this thread released more than it held');
    this.cells[cell] = after;
  }

  private noteMax(cell: number, value: number): void {
    if (Atomics.load(this.cells, cell) < value) Atomics.store(this.cells, cell, value);
  }
}

// Lowest set bit at or above `from` in the 64-bit map high:low, or −1.
function firstBitFrom(low: number, high: number, from: number): number {
  const lowLeft = from < WAITER_BITS ? low & (-1 << from) : 0;
  if (lowLeft !== 0) return lowestBit(lowLeft);
  if (from >= 2 * WAITER_BITS) return -1;
  const highLeft = from <= WAITER_BITS ? high : high & (-1 << (from - WAITER_BITS));
  return highLeft === 0 ? -1 : WAITER_BITS + lowestBit(highLeft);
}

function lowestBit(bits: number): number {
  return WAITER_BITS - 1 - Math.clz32(bits & -bits);
}
