// The entries of one version of a reference: keys, values, and an index for each way in which they are matched.
//
// An entry's number is its place in the stores. It stays until the stores are packed, which happens inside of a change and
// never while something is matched; what survives that is the entry's mark.

import { assert } from '../../base/assert.ts';
import type { MatchMethod } from '../../model/language.ts';
import { type Keys, makeIndex, type PatternIndex } from './indexes.ts';
import { StringTable } from './string-table.ts';
import { grown, latin1Bytes, TextStore } from './texts.ts';

const UNUSED_MIN = 64 * 1024; // bytes: below, packing is not worth it
const DEAD_MIN = 1024;

/** Which index: HAProxy keeps one for each pair of these. */
export interface IndexKind {
  readonly method: MatchMethod;
  readonly ignoreCase: boolean;
}

let serialLast = 0;

export class Entries implements Keys {
  readonly serial = ++serialLast; // tells the entries of versions apart, as marks do within one
  texts: TextStore;
  values: TextStore;
  readonly hosts: Readonly<Record<string, string>>;
  live: Uint8Array;
  marks: Uint32Array; // ascending: the order in which entries came
  count = 0; // live ones
  private readonly hasValues: boolean;
  private nextMark = 1;
  private indexes: { kind: IndexKind; index: PatternIndex }[] = [];
  private byKey: StringTable | null = null; // made when the first change looks for a key

  constructor(keys: TextStore, values: TextStore | null, hosts: Readonly<Record<string, string>>) {
    this.texts = keys;
    this.hasValues = values !== null;
    this.values = values ?? new TextStore(1, 1);
    this.hosts = hosts;
    this.count = keys.count;
    this.live = new Uint8Array(Math.max(keys.count, 16)).fill(1, 0, keys.count);
    this.marks = new Uint32Array(this.live.length);
    for (let entry = 0; entry < keys.count; entry++) this.marks[entry] = this.nextMark++;
  }

  isLive(entry: number): boolean {
    return this.live[entry] === 1;
  }

  index({ method, ignoreCase }: IndexKind): PatternIndex {
    const known = this.indexes.find(({ kind }) => kind.method === method && kind.ignoreCase === ignoreCase);
    if (known !== undefined) return known.index;
    const index = this.build(method, ignoreCase);
    this.indexes.push({ kind: { method, ignoreCase }, index });
    return index;
  }

  private build(method: MatchMethod, ignoreCase: boolean): PatternIndex {
    const index = makeIndex(method, ignoreCase, this);
    for (let entry = 0; entry < this.texts.count; entry++) if (this.isLive(entry)) index.add(entry);
    return index;
  }

  add(key: string, value: string | null): void {
    const entry = this.texts.pushText(key);
    if (this.hasValues) this.values.pushText(value ?? '');
    if (entry === this.live.length) {
      this.live = grown(this.live);
      this.marks = grown(this.marks);
    }
    this.live[entry] = 1;
    this.marks[entry] = this.nextMark++;
    this.count++;
    for (const { index } of this.indexes) index.add(entry);
    this.byKey?.add(entry);
  }

  /** The first entry with that key, −1 none. */
  find(key: string): number {
    const bytes = latin1Bytes(key);
    return this.keyTable().find(bytes, 0, bytes.length);
  }

  /** The next entry with the same key as `entry`, −1 none. */
  nextAlike(entry: number): number {
    const key = this.texts.text(entry);
    for (let other = entry + 1; other < this.texts.count; other++) {
      if (this.isLive(other) && this.texts.lengths[other] === key.length && this.texts.text(other) === key)
        return other;
    }
    return -1;
  }

  /** The live entry with that mark, −1 none. */
  byMark(mark: number): number {
    let low = 0;
    let high = this.texts.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.marks[middle]! < mark) low = middle + 1;
      else high = middle;
    }
    return low < this.texts.count && this.marks[low] === mark && this.isLive(low) ? low : -1;
  }

  private keyTable(): StringTable {
    if (this.byKey === null) {
      this.byKey = new StringTable(this.texts, false, (entry) => this.isLive(entry));
      for (let entry = 0; entry < this.texts.count; entry++) if (this.isLive(entry)) this.byKey.add(entry);
    }
    return this.byKey;
  }

  /** True as for remove(). */
  setValue(entry: number, value: string): boolean {
    if (!this.hasValues) return false;
    this.values.replace(entry, value);
    return this.packWhenWasteful();
  }

  /** True when the entries got other numbers and the indexes are other objects. */
  remove(entry: number): boolean {
    assert(this.isLive(entry), 'an entry is removed twice');
    this.live[entry] = 0;
    this.count--;
    for (const { index } of this.indexes) index.remove(entry);
    this.byKey?.remove(entry);
    this.texts.forget(entry);
    if (this.hasValues) this.values.forget(entry);
    return this.packWhenWasteful();
  }

  private packWhenWasteful(): boolean {
    const dead = this.texts.count - this.count;
    const wasteful = (store: TextStore): boolean => store.unused > UNUSED_MIN && store.unused * 2 > store.used;
    if (!wasteful(this.texts) && !wasteful(this.values) && !(dead > DEAD_MIN && dead > this.count)) return false;
    this.pack();
    return true;
  }

  private pack(): void {
    const { texts, values, live, marks } = this;
    const capacity = Math.max(this.count, 16);
    this.texts = new TextStore(capacity, texts.used - texts.unused);
    this.values = new TextStore(this.hasValues ? capacity : 1, values.used - values.unused);
    this.live = new Uint8Array(capacity).fill(1, 0, this.count);
    this.marks = new Uint32Array(capacity);
    for (let entry = 0; entry < texts.count; entry++) {
      if (live[entry] !== 1) continue;
      const next = this.texts.push(texts.bytes, texts.starts[entry]!, texts.lengths[entry]!);
      if (this.hasValues) this.values.push(values.bytes, values.starts[entry]!, values.lengths[entry]!);
      this.marks[next] = marks[entry]!;
    }
    this.byKey = null;
    this.indexes = this.indexes.map(({ kind }) => ({ kind, index: this.build(kind.method, kind.ignoreCase) }));
  }
}
