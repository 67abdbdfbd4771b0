// Which thread owns which file descriptor, so that the fleet can close what a crashed thread left open.
//
// One Int32 an fd: 0 nobody, else thread index + 1. Writers: the owning thread, around open/accept and close;
// the supervisor for threads that are gone. Set right after the call that made the fd and clear right before
// close(): in the other order another thread could get the same number in between and lose its mark.

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';

const NOBODY = 0;

export class FdOwners {
  readonly buffer: SharedArrayBuffer;
  readonly fdCount: number;
  private readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.fdCount = this.cells.length;
  }

  /** `fdCount` is RLIMIT_NOFILE as it will stay: no fd at or above it can exist. */
  static create(fdCount: number): FdOwners {
    assert(fdCount > 0, 'the fd limit must be positive');
    return new FdOwners(new SharedArrayBuffer(fdCount * 4));
  }

  set(fd: number, threadIndex: number): void {
    assert(fd >= 0 && fd < this.fdCount, 'fd is at or above the limit');
    assert(threadIndex >= 0 && threadIndex < THREAD_COUNT_MAX, 'thread index out of range');
    const before = Atomics.exchange(this.cells, fd, threadIndex + 1);
    assert(before === NOBODY, 'fd already has an owner');
  }

  clear(fd: number): void {
    assert(fd >= 0 && fd < this.fdCount, 'fd is at or above the limit');
    const before = Atomics.exchange(this.cells, fd, NOBODY);
    assert(before !== NOBODY, 'fd has no owner to clear');
  }

  /** Thread index, or −1. */
  ownerOf(fd: number): number {
    assert(fd >= 0 && fd < this.fdCount, 'fd is at or above the limit');
    return Atomics.load(this.cells, fd) - 1;
  }

  /** The fds of one thread, ascending. For the supervisor: it walks the whole table and allocates. */
  fdsOf(threadIndex: number): number[] {
    const fds: number[] = [];
    for (let fd = 0; fd < this.fdCount; fd++) {
      if (Atomics.load(this.cells, fd) === threadIndex + 1) fds.push(fd);
    }
    return fds;
  }
}
