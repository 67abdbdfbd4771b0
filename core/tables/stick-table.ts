// A stick table in memory that all threads share: keys, their counters, and when they are forgotten (manual §11).
//
// One lock a table: every call takes it for the few hundred nanoseconds it needs. The lock's word names the thread that
// holds it, so that reclaim() can free it, and the references, of a thread that crashed. Entries hang in chains by hash and in
// one list by last use; as all live equally long that is also the order in which they expire. A full table forgets the
// entry used longest ago that nobody tracks.
//
// A handle is an entry's number. It stays the same entry only while a reference is held (retain); without, the entry may be
// forgotten and given to another key at any time, so who only looks reads at once.

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';
import type { StickTableModel, TableDataType } from '../model/tables.ts';

/** No such entry, or none to be had: the table is full and nothing may be purged. */
export const NO_ENTRY = -1;

// Header cells.
const LOCK = 0; // 0 free, else the holder's number + 1
const USED_COUNT = 1;
const FREE_FIRST = 2; // entries + 1, 0 none
const OLDEST = 3;
const NEWEST = 4;
const HEADER_CELLS = 8;

// Cells of an entry; links are entry + 1, 0 none.
const CHAIN_NEXT = 0;
const OLDER = 1;
const NEWER = 2;
const REFERENCES = 3;
const HASH = 4;
const KEY_LENGTH = 5;
const IN_USE = 6;
const ENTRY_CELLS = 8;

const RATE_CELLS = 3; // start of the running period, events in it, events in the one before
const SPINS_MAX = 200;
const WAIT_MS = 1;

const isRateType = (type: TableDataType): boolean => type.endsWith('_rate');

export class StickTable {
  readonly model: StickTableModel;
  readonly buffer: SharedArrayBuffer;
  private readonly cells: Int32Array;
  private readonly data: Float64Array; // per entry: expiry, then the columns
  private readonly keys: Uint8Array;
  private readonly bucketsAt: number;
  private readonly bucketMask: number;
  private readonly entriesAt: number;
  private readonly dataCells: number; // of an entry
  private readonly columnAt: ReadonlyMap<TableDataType, number>;
  private readonly holder: number; // this thread's word in LOCK
  private readonly heldAt: number; // this thread's references by entry
  private readonly held: Uint32Array;

  /** Attaches. `threadIndex` is the proxy thread's own, −1 for the supervisor, which retains nothing. */
  constructor(model: StickTableModel, buffer: SharedArrayBuffer, threadIndex: number, threadCount: number) {
    const layout = layoutOf(model, threadCount);
    assert(buffer.byteLength === layout.bytes, 'a stick table is attached to memory of another size');
    assert(threadIndex >= -1 && threadIndex < threadCount, 'thread index is outside the table');
    this.model = model;
    this.buffer = buffer;
    this.cells = new Int32Array(buffer, 0, layout.cellCount);
    this.data = new Float64Array(buffer, layout.dataOffset, model.size * layout.dataCells);
    this.keys = new Uint8Array(buffer, layout.keysOffset, model.size * model.keyBytes);
    this.held = new Uint32Array(buffer, layout.heldOffset, model.size * threadCount);
    this.bucketsAt = HEADER_CELLS;
    this.bucketMask = layout.bucketCount - 1;
    this.entriesAt = HEADER_CELLS + layout.bucketCount;
    this.dataCells = layout.dataCells;
    this.columnAt = layout.columnAt;
    this.holder = threadIndex + 2; // 1 is the supervisor
    this.heldAt = threadIndex < 0 ? -1 : threadIndex * model.size;
  }

  /** Made by the supervisor, once. */
  static create(model: StickTableModel, threadCount: number): StickTable {
    assert(threadCount >= 1 && threadCount <= THREAD_COUNT_MAX, 'thread count out of range');
    const table = new StickTable(model, new SharedArrayBuffer(layoutOf(model, threadCount).bytes), -1, threadCount);
    // Every entry is free, in order.
    for (let entry = 0; entry < model.size; entry++) {
      table.cells[table.cellOf(entry) + CHAIN_NEXT] = entry + 1 < model.size ? entry + 2 : 0;
    }
    table.cells[FREE_FIRST] = 1;
    return table;
  }

  /** Cell of a column for get/set/add/count/rate; −1: the table does not store it. */
  column(type: TableDataType): number {
    return this.columnAt.get(type) ?? -1;
  }

  /** Elements of a column: 1, or n of gpc(n) and gpt(n); 0 when it is not stored. */
  elementCount(type: TableDataType): number {
    return this.model.columns.find((column) => column.type === type)?.count ?? 0;
  }

  get usedCount(): number {
    return Atomics.load(this.cells, USED_COUNT);
  }

  // Entries

  /** The key's entry, or NO_ENTRY. Keys longer than keyBytes are cut, as HAProxy cuts them. */
  find(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const kept = Math.min(length, this.model.keyBytes);
    this.lock();
    const entry = this.look(hashOf(bytes, offset, kept), bytes, offset, kept, nowMs);
    this.unlock();
    return entry;
  }

  /** The key's entry with a reference, made when there is none; NO_ENTRY: the table is full. Its expiry starts anew. */
  track(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    assert(this.heldAt >= 0, 'only proxy threads hold references');
    this.lock();
    const entry = this.obtainLocked(bytes, offset, length, nowMs);
    if (entry !== NO_ENTRY) {
      this.cells[this.cellOf(entry) + REFERENCES]! += 1;
      this.held[this.heldAt + entry]! += 1;
    }
    this.unlock();
    return entry;
  }

  /** As track(), without a reference: the handle is good for what is done at once. */
  obtain(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    this.lock();
    const entry = this.obtainLocked(bytes, offset, length, nowMs);
    this.unlock();
    return entry;
  }

  /** Gives a reference of this thread back; the entry's expiry starts now. */
  release(entry: number, nowMs: number): void {
    this.lock();
    assert(this.held[this.heldAt + entry]! > 0, 'a table entry is released that this thread does not hold');
    this.held[this.heldAt + entry]! -= 1;
    this.cells[this.cellOf(entry) + REFERENCES]! -= 1;
    this.touchLocked(entry, nowMs);
    this.unlock();
  }

  /** Forgets the entry; false: somebody tracks it. */
  remove(entry: number): boolean {
    this.lock();
    const at = this.cellOf(entry);
    const removes = this.cells[at + IN_USE] === 1 && this.cells[at + REFERENCES] === 0;
    if (removes) this.freeLocked(entry);
    this.unlock();
    return removes;
  }

  /** Sets every column to 0. */
  clear(entry: number): void {
    this.lock();
    this.data.fill(0, entry * this.dataCells + 1, (entry + 1) * this.dataCells);
    this.unlock();
  }

  /** Forgets what has expired; returns the entries in use afterwards. */
  purge(nowMs: number): number {
    this.lock();
    this.purgeLocked(nowMs, this.model.size);
    const { usedCount } = this;
    this.unlock();
    return usedCount;
  }

  // Columns of an entry: `cell` is column(type) plus the element's number (times RATE_CELLS for rates: see rateCell).

  get(entry: number, cell: number): number {
    return this.data[entry * this.dataCells + cell]!;
  }

  set(entry: number, cell: number, value: number): void {
    this.data[entry * this.dataCells + cell] = value;
  }

  /** Adds; returns what it is then. */
  add(entry: number, cell: number, by: number): number {
    this.lock();
    const at = entry * this.dataCells + cell;
    const value = this.data[at]! + by;
    this.data[at] = value;
    this.unlock();
    return value;
  }

  /** The cell of element `index` of a rate column. */
  rateCell(column: number, index: number): number {
    return column + index * RATE_CELLS;
  }

  /** Counts `by` events in a rate. */
  count(entry: number, cell: number, by: number, periodMs: number, nowMs: number): void {
    this.lock();
    const at = entry * this.dataCells + cell;
    const { data } = this;
    if (nowMs - data[at]! >= periodMs) {
      const nextMs = data[at]! + periodMs;
      const missedOne = data[at] === 0 || nowMs - nextMs >= periodMs;
      data[at + 2] = missedOne ? 0 : data[at + 1]!;
      data[at + 1] = 0;
      data[at] = missedOne ? nowMs : nextMs;
    }
    data[at + 1]! += by;
    this.unlock();
  }

  /** Events per period: those of the running one and the fitting part of the one before, as HAProxy's freq_ctr. */
  rate(entry: number, cell: number, periodMs: number, nowMs: number): number {
    const at = entry * this.dataCells + cell;
    const tickMs = this.data[at]!;
    let current = this.data[at + 1]!;
    let previous = this.data[at + 2]!;
    let remainMs = tickMs + periodMs - nowMs;
    if (remainMs <= 0) {
      // The period is over and nobody has rotated it yet.
      remainMs += periodMs;
      previous = remainMs > 0 ? current : 0;
      current = 0;
      if (remainMs <= 0) return 0;
    }
    // A lone event counts in full while its period lasts: a rate of one event does not fade to zero by rounding.
    if (current === 0 && previous <= 1) return previous;
    return Math.floor(current + (previous * remainMs) / periodMs);
  }

  // For people: show table

  /** Entries in use, oldest first; allocates. */
  entries(nowMs: number): number[] {
    this.lock();
    this.purgeLocked(nowMs, this.model.size);
    const found: number[] = [];
    for (let link = this.cells[OLDEST]!; link !== 0; link = this.cells[this.cellOf(link - 1) + NEWER]!)
      found.push(link - 1);
    this.unlock();
    return found;
  }

  /** The entry's key; allocates. */
  key(entry: number): Uint8Array {
    const at = entry * this.model.keyBytes;
    return this.keys.slice(at, at + this.cells[this.cellOf(entry) + KEY_LENGTH]!);
  }

  referenceCount(entry: number): number {
    return this.cells[this.cellOf(entry) + REFERENCES]!;
  }

  /** Ms until it is forgotten; 0: never, or at once. */
  leftMs(entry: number, nowMs: number): number {
    return this.model.expireMs === 0 ? 0 : Math.max(0, this.data[entry * this.dataCells]! - nowMs);
  }

  /** A thread has crashed: its lock and its references are free. By the supervisor, before the thread's successor starts. */
  reclaim(threadIndex: number): void {
    Atomics.compareExchange(this.cells, LOCK, threadIndex + 2, 0);
    this.lock();
    const heldAt = threadIndex * this.model.size;
    for (let entry = 0; entry < this.model.size; entry++) {
      const count = this.held[heldAt + entry]!;
      if (count === 0) continue;
      this.held[heldAt + entry] = 0;
      this.cells[this.cellOf(entry) + REFERENCES]! -= count;
    }
    this.unlock();
  }

  // Inside the lock

  private obtainLocked(bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const kept = Math.min(length, this.model.keyBytes);
    const hash = hashOf(bytes, offset, kept);
    const known = this.look(hash, bytes, offset, kept, nowMs);
    if (known !== NO_ENTRY) {
      this.touchLocked(known, nowMs);
      return known;
    }
    if (this.cells[FREE_FIRST] === 0) this.purgeLocked(nowMs, 1);
    if (this.cells[FREE_FIRST] === 0 && !this.model.nopurge) this.freeOldest();
    const link = this.cells[FREE_FIRST]!;
    if (link === 0) return NO_ENTRY;
    const entry = link - 1;
    const at = this.cellOf(entry);
    const bucket = this.bucketsAt + (hash & this.bucketMask);
    this.cells[FREE_FIRST] = this.cells[at + CHAIN_NEXT]!;
    this.cells[at + CHAIN_NEXT] = this.cells[bucket]!;
    this.cells[bucket] = link;
    this.cells[at + HASH] = hash;
    this.cells[at + KEY_LENGTH] = kept;
    this.cells[at + REFERENCES] = 0;
    this.cells[at + IN_USE] = 1;
    this.cells[at + OLDER] = 0;
    this.cells[at + NEWER] = 0;
    const keyAt = entry * this.model.keyBytes;
    for (let index = 0; index < kept; index++) this.keys[keyAt + index] = bytes[offset + index]!;
    this.data.fill(0, entry * this.dataCells, (entry + 1) * this.dataCells);
    this.cells[USED_COUNT]! += 1;
    this.linkNewest(entry, nowMs);
    return entry;
  }

  // An expired entry that nobody tracks is as good as forgotten, and is.
  private look(hash: number, bytes: Uint8Array, offset: number, length: number, nowMs: number): number {
    const { cells, keys } = this;
    const keyBytes = this.model.keyBytes;
    for (let link = cells[this.bucketsAt + (hash & this.bucketMask)]!; link !== 0; ) {
      const entry = link - 1;
      const at = this.cellOf(entry);
      link = cells[at + CHAIN_NEXT]!;
      if (cells[at + HASH] !== hash || cells[at + KEY_LENGTH] !== length) continue;
      const keyAt = entry * keyBytes;
      let index = 0;
      while (index < length && keys[keyAt + index] === bytes[offset + index]) index++;
      if (index < length) continue;
      if (!this.hasExpired(entry, nowMs)) return entry;
      this.freeLocked(entry);
      return NO_ENTRY;
    }
    return NO_ENTRY;
  }

  private hasExpired(entry: number, nowMs: number): boolean {
    if (this.model.expireMs === 0 || this.cells[this.cellOf(entry) + REFERENCES]! > 0) return false;
    return this.data[entry * this.dataCells]! <= nowMs;
  }

  private touchLocked(entry: number, nowMs: number): void {
    this.unlink(entry);
    this.linkNewest(entry, nowMs);
  }

  private linkNewest(entry: number, nowMs: number): void {
    const { cells } = this;
    const at = this.cellOf(entry);
    const newest = cells[NEWEST]!;
    cells[at + OLDER] = newest;
    cells[at + NEWER] = 0;
    if (newest === 0) cells[OLDEST] = entry + 1;
    else cells[this.cellOf(newest - 1) + NEWER] = entry + 1;
    cells[NEWEST] = entry + 1;
    this.data[entry * this.dataCells] = nowMs + this.model.expireMs;
  }

  private unlink(entry: number): void {
    const { cells } = this;
    const at = this.cellOf(entry);
    const older = cells[at + OLDER]!;
    const newer = cells[at + NEWER]!;
    if (older === 0) cells[OLDEST] = newer;
    else cells[this.cellOf(older - 1) + NEWER] = newer;
    if (newer === 0) cells[NEWEST] = older;
    else cells[this.cellOf(newer - 1) + OLDER] = older;
  }

  private purgeLocked(nowMs: number, countMax: number): void {
    if (this.model.expireMs === 0) return;
    let count = 0;
    for (let link = this.cells[OLDEST]!; link !== 0 && count < countMax; ) {
      const entry = link - 1;
      link = this.cells[this.cellOf(entry) + NEWER]!;
      if (this.data[entry * this.dataCells]! > nowMs) return;
      if (this.cells[this.cellOf(entry) + REFERENCES] !== 0) continue;
      this.freeLocked(entry);
      count++;
    }
  }

  private freeOldest(): void {
    for (let link = this.cells[OLDEST]!; link !== 0; link = this.cells[this.cellOf(link - 1) + NEWER]!) {
      if (this.cells[this.cellOf(link - 1) + REFERENCES] !== 0) continue;
      this.freeLocked(link - 1);
      return;
    }
  }

  private freeLocked(entry: number): void {
    const { cells } = this;
    const at = this.cellOf(entry);
    let before = this.bucketsAt + (cells[at + HASH]! & this.bucketMask);
    while (cells[before] !== entry + 1) {
      assert(cells[before] !== 0, 'a table entry is not in the chain of its hash');
      before = this.cellOf(cells[before]! - 1) + CHAIN_NEXT;
    }
    cells[before] = cells[at + CHAIN_NEXT]!;
    this.unlink(entry);
    cells[at + IN_USE] = 0;
    cells[at + CHAIN_NEXT] = cells[FREE_FIRST]!;
    cells[FREE_FIRST] = entry + 1;
    cells[USED_COUNT]! -= 1;
  }

  private cellOf(entry: number): number {
    return this.entriesAt + entry * ENTRY_CELLS;
  }

  private lock(): void {
    const { cells, holder } = this;
    for (let spins = 0; ; spins++) {
      const found = Atomics.compareExchange(cells, LOCK, 0, holder);
      if (found === 0) return;
      assert(found !== holder, 'a thread waits for a lock of its own');
      // Its holder was taken off the processor: let it go on.
      if (spins >= SPINS_MAX) Atomics.wait(cells, LOCK, found, WAIT_MS);
    }
  }

  private unlock(): void {
    const { cells, holder } = this;
    const found = Atomics.compareExchange(cells, LOCK, holder, 0);
    assert(found === holder, 'a table is unlocked by who does not hold it');
  }
}

interface Layout {
  bucketCount: number;
  cellCount: number;
  dataOffset: number;
  dataCells: number;
  keysOffset: number;
  heldOffset: number;
  bytes: number;
  columnAt: ReadonlyMap<TableDataType, number>;
}

function layoutOf(model: StickTableModel, threadCount: number): Layout {
  assert(model.size >= 1 && model.keyBytes >= 1, 'a stick table has room for an entry and a key');
  let bucketCount = 8;
  while (bucketCount < model.size) bucketCount *= 2;
  const columnAt = new Map<TableDataType, number>();
  let dataCells = 1; // expiry
  for (const { type, count } of model.columns) {
    columnAt.set(type, dataCells);
    dataCells += isRateType(type) ? count * RATE_CELLS : count;
  }
  const cellCount = HEADER_CELLS + bucketCount + model.size * ENTRY_CELLS;
  const dataOffset = (cellCount * 4 + 7) & ~7;
  const keysOffset = dataOffset + model.size * dataCells * 8;
  const heldOffset = (keysOffset + model.size * model.keyBytes + 3) & ~3;
  const bytes = heldOffset + model.size * threadCount * 4;
  return { bucketCount, cellCount, dataOffset, dataCells, keysOffset, heldOffset, bytes, columnAt };
}

function hashOf(bytes: Uint8Array, offset: number, length: number): number {
  let hash = length;
  for (let index = 0; index < length; index++) hash = (Math.imul(hash, 0x01000193) ^ bytes[offset + index]!) | 0;
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) | 0;
}
