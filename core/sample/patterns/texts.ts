// Short texts by number: packed ones, as a configuration carries them to the threads, and a store that grows at run time.
//
// Bytes that were written are never changed again: whoever holds a view of a text keeps it, also after the text got another
// value or the store moved to a larger array.

import { assert } from '../../base/assert.ts';
import type { PackedTexts } from '../../model/language.ts';

const BYTES_FIRST = 256;
const TEXTS_FIRST = 16;

export const NO_TEXTS: PackedTexts = { bytes: new Uint8Array(0), ends: new Int32Array(0) };

/** Text `index` as latin1. */
export function packedText(texts: PackedTexts, index: number): string {
  const from = index === 0 ? 0 : texts.ends[index - 1]!;
  return latin1(texts.bytes, from, texts.ends[index]! - from);
}

/** bytes[offset, offset + length) with one character a byte. */
export function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1');
}

export function latin1Bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/** Texts that grow in number and can be given another value. */
export class TextStore {
  bytes: Uint8Array;
  starts: Int32Array;
  lengths: Int32Array;
  count = 0;
  used = 0; // bytes
  unused = 0; // of these, bytes that no text has any more

  constructor(textCount = TEXTS_FIRST, byteCount = BYTES_FIRST) {
    this.bytes = new Uint8Array(Math.max(byteCount, BYTES_FIRST));
    this.starts = new Int32Array(Math.max(textCount, TEXTS_FIRST));
    this.lengths = new Int32Array(Math.max(textCount, TEXTS_FIRST));
  }

  /** All texts of `packed`, under their numbers there. */
  static of(packed: PackedTexts): TextStore {
    const count = packed.ends.length;
    const store = new TextStore(count, packed.bytes.length);
    store.bytes.set(packed.bytes);
    store.used = packed.bytes.length;
    let from = 0;
    for (let index = 0; index < count; index++) {
      const end = packed.ends[index]!;
      store.starts[index] = from;
      store.lengths[index] = end - from;
      from = end;
    }
    store.count = count;
    return store;
  }

  /** A further text; its number. */
  push(bytes: Uint8Array, offset: number, length: number): number {
    const index = this.count;
    if (index === this.starts.length) {
      this.starts = grown(this.starts);
      this.lengths = grown(this.lengths);
    }
    this.count = index + 1;
    this.write(index, bytes, offset, length);
    return index;
  }

  pushText(text: string): number {
    const bytes = latin1Bytes(text);
    return this.push(bytes, 0, bytes.length);
  }

  /** Another value for a text; the old bytes stay where they are. */
  replace(index: number, text: string): void {
    this.forget(index);
    const bytes = latin1Bytes(text);
    this.write(index, bytes, 0, bytes.length);
  }

  /** The text's bytes are not wanted any more; they go when the owner copies what is left to a new store. */
  forget(index: number): void {
    assert(index < this.count, 'a text is forgotten that never was');
    this.unused += this.lengths[index]!;
  }

  text(index: number): string {
    return latin1(this.bytes, this.starts[index]!, this.lengths[index]!);
  }

  pack(): PackedTexts {
    const ends = new Int32Array(this.count);
    const bytes = new Uint8Array(this.used - this.unused);
    let at = 0;
    for (let index = 0; index < this.count; index++) {
      const start = this.starts[index]!;
      bytes.set(this.bytes.subarray(start, start + this.lengths[index]!), at);
      at += this.lengths[index]!;
      ends[index] = at;
    }
    return { bytes, ends };
  }

  private write(index: number, bytes: Uint8Array, offset: number, length: number): void {
    if (this.used + length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.used + length));
      larger.set(this.bytes.subarray(0, this.used));
      this.bytes = larger;
    }
    this.starts[index] = this.used;
    this.lengths[index] = length;
    for (let at = 0; at < length; at++) this.bytes[this.used + at] = bytes[offset + at]!;
    this.used += length;
  }
}

/** A copy of twice the length. */
export function grown<T extends Int32Array | Uint32Array | Uint8Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}

/** Lower case of ASCII letters, all other bytes as they are. */
export const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

/** Every byte as it is: the same loops serve both. */
export const NO_FOLD = Uint8Array.from({ length: 256 }, (_, byte) => byte);
