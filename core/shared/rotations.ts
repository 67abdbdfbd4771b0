// Whose turn it is in each backend, for all proxy threads together: one rotation a backend, as HAProxy has one a
// thread group (manual §3.1 "nbthread", §4.2 "balance").
//
// Each backend whose algorithm takes turns has a head (one cache line) and a body that the algorithm lays out itself
// with a Carver: roundrobin its wheels, leastconn the turn each server had last, static-rr nothing. Two ways to write:
//   - alone, between enter() and leave(): plain reads and writes of the body, ordered by the lock word (roundrobin);
//   - at any time: with Atomics on `cells` (static-rr's place, leastconn's count), and single words of a body whose
//     owner can do with a late one (leastconn's turns).
//
// Nobody ever waits long for the lock: enter() gives up after some microseconds, and at once when the very holding it
// gave up on still lasts, so a holder that the kernel does not let run, or that crashed, costs the others next to
// nothing. A crashed holder's lock is freed by reclaim(), with the body marked as not built: it may be half written.

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';
import type { Model } from '../model/model.ts';
import type { BalanceAlgorithm } from '../model/proxy.ts';

/** In `Rotation.cells`, for Atomics: static-rr's next place; leastconn's count of turns so far. */
export const TURN = 3;

// Bits 0–6: the holder's thread index + 1, 0 while free; above: the number of holdings so far, which tells one
// holding from the next.
const LOCK = 0;
const BUILT = 1; // written by the holder, or by reclaim() when the holder is gone
const EPOCH = 2; // of the server words that the body follows; the holder's
const NOT_HELD = 1; // no free lock word has this value
const HEAD_CELLS = 16;
const HEAD_BYTES = HEAD_CELLS * 4;

const HOLDER_MASK = 127;
const HOLDING_ONE = HOLDER_MASK + 1;

// A pick holds the lock for 0.1–1 µs. So many looks take about 10 µs: enough for a row of others to have their turn.
const LOOKS_MAX = 4_000;

const WHEEL_COUNT = 2; // active servers, backups
const WHEEL_HEAD_BYTES = 80;
const WHEEL_SERVER_BYTES = 96;
const STAMP_BYTES = 4;

const LINE_BYTES = 64;

/** Bytes that the algorithm's body takes; −1 for algorithms that take no turns. */
function bodyBytes(algorithm: BalanceAlgorithm['name'], serverCount: number): number {
  const even = serverCount + (serverCount & 1); // each array of a body starts at a multiple of 8
  switch (algorithm) {
    case 'roundrobin':
      return WHEEL_COUNT * (WHEEL_HEAD_BYTES + even * WHEEL_SERVER_BYTES);
    case 'leastconn':
      return even * STAMP_BYTES;
    case 'static-rr':
      return 0;
    default:
      return -1;
  }
}

/** Hands out a body piece by piece, always in the same order, so that every thread sees the same arrays. */
export class Carver {
  private readonly buffer: ArrayBufferLike;
  private at: number;
  private readonly end: number;

  constructor(buffer: ArrayBufferLike, offset: number, byteCount: number) {
    this.buffer = buffer;
    this.at = offset;
    this.end = offset + byteCount;
  }

  int32s(count: number): Int32Array {
    return new Int32Array(this.buffer, this.take(count * 4), count);
  }

  float64s(count: number): Float64Array {
    return new Float64Array(this.buffer, this.take(count * 8), count);
  }

  private take(byteCount: number): number {
    const offset = this.at;
    this.at += (byteCount + 7) & ~7;
    assert(this.at <= this.end, 'the body of a rotation is too small');
    return offset;
  }
}

/** One backend's rotation as one thread sees it. */
export class Rotation {
  readonly cells: Int32Array; // the head
  readonly alone: boolean; // no other thread has a part in it
  private readonly buffer: ArrayBufferLike;
  private readonly bodyOffset: number;
  private readonly bodyByteCount: number;
  private readonly holder: number;
  private held = NOT_HELD; // between enter() and leave(): the lock word before it
  private givenUpOn = 0; // the lock word of the holding that enter() last gave up on; 0: none

  /** `threadIndex` −1: nobody else has a part in it. */
  constructor(buffer: ArrayBufferLike, offset: number, bodyByteCount: number, threadIndex: number) {
    this.cells = new Int32Array(buffer, offset, HEAD_CELLS);
    this.alone = threadIndex < 0;
    this.buffer = buffer;
    this.bodyOffset = offset + HEAD_BYTES;
    this.bodyByteCount = bodyByteCount;
    this.holder = threadIndex + 1;
  }

  /** One thread's own, for a process with one thread and for picks that could not have their turn in the shared one. */
  static own(algorithm: BalanceAlgorithm['name'], serverCount: number): Rotation {
    const byteCount = bodyBytes(algorithm, serverCount);
    assert(byteCount >= 0, 'this algorithm takes no turns');
    return new Rotation(new ArrayBuffer(HEAD_BYTES + byteCount), 0, byteCount, -1);
  }

  body(): Carver {
    return new Carver(this.buffer, this.bodyOffset, this.bodyByteCount);
  }

  /** False: someone holds it for too long, do without. True: leave() must follow in the same turn of the loop. */
  enter(): boolean {
    if (this.alone) return true;
    const { cells } = this;
    let word = Atomics.load(cells, LOCK);
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      if ((word & HOLDER_MASK) === 0) {
        const seen = Atomics.compareExchange(cells, LOCK, word, word | this.holder);
        if (seen === word) {
          this.held = word;
          return true;
        }
        word = seen;
      } else {
        if (word === this.givenUpOn) return false;
        word = Atomics.load(cells, LOCK);
      }
    }
    this.givenUpOn = (word & HOLDER_MASK) === 0 ? 0 : word;
    return false;
  }

  leave(): void {
    if (this.alone) return;
    assert(this.held !== NOT_HELD, 'a rotation was left that was not entered');
    Atomics.store(this.cells, LOCK, (this.held + HOLDING_ONE) | 0);
    this.held = NOT_HELD;
  }

  /** Has the body been laid out since it was made or reclaimed? Between enter() and leave(), as the two that follow. */
  built(): boolean {
    return this.cells[BUILT] !== 0;
  }

  epoch(): number {
    return this.cells[EPOCH]!;
  }

  /** The body now follows the server words of this epoch. */
  follow(epoch: number): void {
    this.cells[BUILT] = 1;
    this.cells[EPOCH] = epoch;
  }
}

const PROXY_COUNT = 0;
const THREAD_COUNT = 1;
const HEADER_CELLS = 16;
// Two cells a proxy: where its rotation begins (in cells; 0: it has none), and the size of its body in bytes.
const ENTRY_CELLS = 2;

export class Rotations {
  readonly buffer: SharedArrayBuffer;
  private readonly cells: Int32Array;
  private readonly threadIndex: number;

  /** Attaches. `threadIndex` is the proxy thread's own, or −1 for one that only reclaims. */
  constructor(buffer: SharedArrayBuffer, threadIndex: number) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
    this.threadIndex = threadIndex;
    assert(threadIndex >= -1 && threadIndex < this.cells[THREAD_COUNT]!, 'thread index is outside the table');
  }

  /** Made by the supervisor: a rotation for each backend and listen section that takes turns. */
  static create(model: Pick<Model, 'proxies'>, threadCount: number): Rotations {
    assert(threadCount >= 1 && threadCount <= THREAD_COUNT_MAX, 'thread count out of range');
    assert(THREAD_COUNT_MAX <= HOLDER_MASK, 'a lock word has no room for that many threads');
    const { proxies } = model;
    const directory: number[] = [];
    let at = roundUp((HEADER_CELLS + proxies.length * ENTRY_CELLS) * 4);
    for (const proxy of proxies) {
      const serverCount = proxy.kind === 'frontend' ? 0 : proxy.servers.length;
      const byteCount = serverCount === 0 ? -1 : bodyBytes(proxy.balance.name, serverCount);
      directory.push(byteCount < 0 ? 0 : at / 4, Math.max(0, byteCount));
      if (byteCount >= 0) at += roundUp(HEAD_BYTES + byteCount);
    }
    const cells = new Int32Array(new SharedArrayBuffer(at));
    cells[PROXY_COUNT] = proxies.length;
    cells[THREAD_COUNT] = threadCount;
    cells.set(directory, HEADER_CELLS);
    return new Rotations(cells.buffer as SharedArrayBuffer, -1);
  }

  /** The backend's rotation, for this thread; only for one whose algorithm takes turns. Allocates: ask once. */
  backend(proxyIndex: number): Rotation {
    assert(this.threadIndex >= 0, 'only a proxy thread may take turns');
    const offset = this.offsetOf(proxyIndex);
    assert(offset !== 0, 'this backend takes no turns');
    const byteCount = this.cells[HEADER_CELLS + proxyIndex * ENTRY_CELLS + 1]!;
    return new Rotation(this.buffer, offset * 4, byteCount, this.threadIndex);
  }

  /** After a crash, with the thread certainly gone: frees what it held, to be built anew by whoever enters next. */
  reclaim(threadIndex: number): void {
    const proxyCount = this.cells[PROXY_COUNT]!;
    for (let proxyIndex = 0; proxyIndex < proxyCount; proxyIndex++) {
      const offset = this.offsetOf(proxyIndex);
      if (offset === 0) continue;
      const word = Atomics.load(this.cells, offset + LOCK);
      if ((word & HOLDER_MASK) !== threadIndex + 1) continue;
      this.cells[offset + BUILT] = 0;
      Atomics.store(this.cells, offset + LOCK, (word - (threadIndex + 1) + HOLDING_ONE) | 0);
    }
  }

  private offsetOf(proxyIndex: number): number {
    assert(proxyIndex >= 0 && proxyIndex < this.cells[PROXY_COUNT]!, 'proxy index is outside the table');
    return this.cells[HEADER_CELLS + proxyIndex * ENTRY_CELLS]!;
  }
}

function roundUp(byteCount: number): number {
  return Math.ceil(byteCount / LINE_BYTES) * LINE_BYTES;
}
