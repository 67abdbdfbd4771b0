// Waking another proxy thread: an eventfd number per thread, and a flag so that many wakes cost one write.
//
// The supervisor opens one eventfd for each thread *slot* and closes none while any thread runs: a thread that
// replaces a crashed one gets the same eventfd. So a number read here can never be somebody else's socket.
// Cells: fd + 1 (writer: supervisor, once) and a pending flag (Atomics: wakers set it, the owner clears it).

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';

const FD = 0;
const PENDING = 1;
const ROW_CELLS = 16; // a cache line each: the flags are hot

export class WakeBoard {
  readonly buffer: SharedArrayBuffer;
  readonly threadCount: number;
  private readonly cells: Int32Array;
  private readonly writeEventfd: (fd: number) => void;

  /** `writeEventfd` adds 1 to the eventfd; it must not throw for EAGAIN (the counter is full: already awake). */
  constructor(buffer: SharedArrayBuffer, writeEventfd: (fd: number) => void) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.threadCount = this.cells.length / ROW_CELLS;
    this.writeEventfd = writeEventfd;
  }

  static create(threadCount: number, writeEventfd: (fd: number) => void): WakeBoard {
    assert(threadCount >= 1 && threadCount <= THREAD_COUNT_MAX, 'thread count out of range');
    return new WakeBoard(new SharedArrayBuffer(threadCount * ROW_CELLS * 4), writeEventfd);
  }

  /** By the supervisor, before the thread starts. A wake that came earlier is delivered now. */
  publish(threadIndex: number, eventfd: number): void {
    assert(eventfd >= 0, 'an eventfd is not negative');
    const offset = this.offset(threadIndex);
    const before = Atomics.exchange(this.cells, offset + FD, eventfd + 1);
    assert(before === 0 || before === eventfd + 1, 'a thread slot keeps its eventfd for life');
    if (Atomics.load(this.cells, offset + PENDING) !== 0) this.writeEventfd(eventfd);
  }

  /** The eventfd to poll, or −1 before publish(). */
  eventfdOf(threadIndex: number): number {
    return Atomics.load(this.cells, this.offset(threadIndex) + FD) - 1;
  }

  /** Makes the thread's loop turn. Costs a system call only when none is on its way yet. */
  wake(threadIndex: number): void {
    const offset = this.offset(threadIndex);
    if (Atomics.exchange(this.cells, offset + PENDING, 1) !== 0) return;
    const eventfd = Atomics.load(this.cells, offset + FD) - 1;
    if (eventfd >= 0) this.writeEventfd(eventfd);
  }

  wakeAll(): void {
    for (let threadIndex = 0; threadIndex < this.threadCount; threadIndex++) this.wake(threadIndex);
  }

  /**
   * The woken thread calls this after draining its eventfd and *before* it looks at what it was woken for: news
   * that comes later sets the flag again and writes again.
   */
  woken(threadIndex: number): void {
    Atomics.store(this.cells, this.offset(threadIndex) + PENDING, 0);
  }

  private offset(threadIndex: number): number {
    assert(threadIndex >= 0 && threadIndex < this.threadCount, 'thread index is outside the board');
    return threadIndex * ROW_CELLS;
  }
}
