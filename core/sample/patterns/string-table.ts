// Texts → the entry that has them: a hash table of entry numbers in one array, the texts stay in their store. Of several
// entries with the same text the first one counts, as in HAProxy; the others wait until it is removed.

import { FOLD, NO_FOLD, type TextStore } from './texts.ts';

const SLOTS_FIRST = 16;
const FREE = 0;
const REMOVED = -1; // others hold an entry's number + 1
const NUL = 0;

export class StringTable {
  private readonly texts: TextStore;
  private readonly fold: Uint8Array;
  private readonly isLive: (entry: number) => boolean;
  private readonly seed = Math.floor(Math.random() * 0x1_0000_0000) | 0;
  private slots = new Int32Array(SLOTS_FIRST);
  private hashes = new Int32Array(SLOTS_FIRST); // of the text in the same slot
  private used = 0; // slots that are not free
  private lengthMax = 0;
  private duplicates = 0; // entries that wait behind one with the same text

  /** @param isLive whether an entry still counts: asked when one with the same text is removed */
  constructor(texts: TextStore, ignoreCase: boolean, isLive: (entry: number) => boolean) {
    this.texts = texts;
    this.fold = ignoreCase ? FOLD : NO_FOLD;
    this.isLive = isLive;
  }

  /** `entry` is also its text's number in the store; entries come in ascending order. */
  add(entry: number): void {
    const length = this.texts.lengths[entry]!;
    if (length > this.lengthMax) this.lengthMax = length;
    if ((this.used + 1) * 2 > this.slots.length) this.grow();
    const hash = this.hashOf(this.texts.bytes, this.texts.starts[entry]!, length);
    const slot = this.slotFor(hash, entry);
    if (this.slots[slot]! > 0) {
      this.duplicates++;
      return;
    }
    this.slots[slot] = entry + 1;
    this.hashes[slot] = hash;
    this.used++;
  }

  /** The entry whose text is bytes[offset, offset + length), −1 none. */
  find(bytes: Uint8Array, offset: number, length: number): number {
    if (length > this.lengthMax) return -1;
    const { slots, hashes, fold } = this;
    const { starts, lengths, bytes: known } = this.texts;
    const mask = slots.length - 1;
    const hash = this.hashOf(bytes, offset, length);
    for (let slot = hash & mask; slots[slot] !== FREE; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (entry < 0 || hashes[slot] !== hash || lengths[entry] !== length) continue;
      const start = starts[entry]!;
      let at = 0;
      while (at < length && fold[known[start + at]!] === fold[bytes[offset + at]!]) at++;
      if (at === length) return entry;
    }
    return -1;
  }

  /** As find(), for what HAProxy keeps in trees: the text ends at a NUL. */
  findText(bytes: Uint8Array, offset: number, length: number): number {
    const entry = this.find(bytes, offset, length);
    if (entry >= 0) return entry;
    const limit = offset + Math.min(length, this.lengthMax + 1);
    for (let at = offset; at < limit; at++) {
      if (bytes[at] === NUL) return this.find(bytes, offset, at - offset);
    }
    return -1;
  }

  /** The entry counts no more; its text is still in the store, and isLive() already says false. */
  remove(entry: number): void {
    const hash = this.hashOf(this.texts.bytes, this.texts.starts[entry]!, this.texts.lengths[entry]!);
    const slot = this.slotFor(hash, entry);
    if (this.slots[slot] !== entry + 1) {
      this.duplicates--; // it waited behind another
      return;
    }
    const next = this.duplicates > 0 ? this.nextAlike(entry) : -1;
    if (next < 0) {
      this.slots[slot] = REMOVED;
      return;
    }
    this.slots[slot] = next + 1;
    this.duplicates--;
  }

  private nextAlike(entry: number): number {
    for (let other = entry + 1; other < this.texts.count; other++) {
      if (this.isLive(other) && this.isAlike(entry, other)) return other;
    }
    return -1;
  }

  private isAlike(one: number, other: number): boolean {
    const { starts, lengths, bytes } = this.texts;
    const length = lengths[one]!;
    if (lengths[other] !== length) return false;
    const { fold } = this;
    for (let at = 0; at < length; at++) {
      if (fold[bytes[starts[one]! + at]!] !== fold[bytes[starts[other]! + at]!]) return false;
    }
    return true;
  }

  // Where the entry's text is, or the free slot where it would be put.
  private slotFor(hash: number, entry: number): number {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (; this.slots[slot] !== FREE; slot = (slot + 1) & mask) {
      const other = this.slots[slot]! - 1;
      if (other >= 0 && this.hashes[slot] === hash && this.isAlike(other, entry)) return slot;
    }
    return slot;
  }

  private grow(): void {
    const { slots, hashes } = this;
    let live = 0;
    for (let slot = 0; slot < slots.length; slot++) if (slots[slot]! > 0) live++;
    let length = SLOTS_FIRST;
    while (length < (live + 1) * 4) length *= 2;
    this.slots = new Int32Array(length);
    this.hashes = new Int32Array(length);
    this.used = live;
    for (let old = 0; old < slots.length; old++) {
      if (slots[old]! <= 0) continue;
      let slot = hashes[old]! & (length - 1);
      while (this.slots[slot] !== FREE) slot = (slot + 1) & (length - 1);
      this.slots[slot] = slots[old]!;
      this.hashes[slot] = hashes[old]!;
    }
  }

  private hashOf(bytes: Uint8Array, offset: number, length: number): number {
    const { fold } = this;
    let hash = this.seed;
    const end = offset + length;
    for (let at = offset; at < end; at++) hash = Math.imul(hash ^ fold[bytes[at]!]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }
}
