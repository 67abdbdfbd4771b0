// Texts by what they begin with: a tree whose edges are pieces of the texts (a radix tree), in typed arrays.
//
// One walk along a subject meets all texts that it begins with. HAProxy takes the longest of them where it keeps a tree
// (`beg` with case), and the first of its list elsewhere; `end` is the same walk backwards, `sub` a walk from every place,
// `dir` and `dom` one from every beginning of a word. So what costs HAProxy a look at every pattern costs a few steps.

import { assert } from '../../base/assert.ts';
import { FOLD, grown, NO_FOLD, type TextStore } from './texts.ts';

const NODES_FIRST = 16;
const LINKS_FIRST = 32;
const NODES_MAX = 1 << 22; // a node and a byte fit one key
const NONE = -1;

export class PrefixTree {
  private readonly texts: TextStore;
  private readonly fold: Uint8Array;
  private readonly step: number; // 1 forwards, −1 backwards
  private readonly isLive: (entry: number) => boolean;
  private nodeCount = 1;
  // The edge into a node: `edgeLength` bytes from `edgeAt` on in the store, in the direction of the walk.
  private edgeAt = new Int32Array(NODES_FIRST);
  private edgeLength = new Int32Array(NODES_FIRST);
  private entryOf = new Int32Array(NODES_FIRST).fill(NONE); // the first whose text ends here
  // Children, by parent and first byte of the edge: slots of a hash table.
  private linkKeys = new Int32Array(LINKS_FIRST).fill(NONE);
  private linkNodes = new Int32Array(LINKS_FIRST);
  private linkCount = 0;
  private duplicates = 0;
  // Where a text of the store counts from and to; what is outside was cut off (delimiters of dir and dom).
  private readonly range = new Int32Array(2);
  private readonly rangeOf: (texts: TextStore, entry: number, range: Int32Array) => void;

  constructor(
    texts: TextStore,
    ignoreCase: boolean,
    backwards: boolean,
    isLive: (entry: number) => boolean,
    rangeOf: (texts: TextStore, entry: number, range: Int32Array) => void = wholeText,
  ) {
    this.texts = texts;
    this.fold = ignoreCase ? FOLD : NO_FOLD;
    this.step = backwards ? -1 : 1;
    this.isLive = isLive;
    this.rangeOf = rangeOf;
  }

  add(entry: number): void {
    const node = this.nodeFor(entry);
    if (this.entryOf[node] !== NONE) this.duplicates++;
    else this.entryOf[node] = entry;
  }

  /** Its text is still in the store, and isLive() already says false. */
  remove(entry: number): void {
    const node = this.nodeFor(entry);
    if (this.entryOf[node] !== entry) {
      this.duplicates--;
      return;
    }
    this.entryOf[node] = NONE;
    for (let other = entry + 1; this.duplicates > 0 && other < this.texts.count; other++) {
      if (!this.isLive(other) || this.nodeFor(other) !== node) continue;
      this.entryOf[node] = other;
      this.duplicates--;
      return;
    }
  }

  /** The longest text that bytes[offset, offset + length) begins with. */
  longest(bytes: Uint8Array, offset: number, length: number): number {
    return this.walk(bytes, offset, offset + length, LONGEST, NO_FOLD);
  }

  /** The first entry whose text bytes[offset, offset + length) begins with; backwards: ends with. */
  first(bytes: Uint8Array, offset: number, length: number): number {
    return this.step > 0
      ? this.walk(bytes, offset, offset + length, FIRST, NO_FOLD)
      : this.walk(bytes, offset + length - 1, offset - 1, FIRST, NO_FOLD);
  }

  /** The first entry whose text stands anywhere. An empty text stands nowhere. */
  within(bytes: Uint8Array, offset: number, length: number): number {
    const end = offset + length;
    let best = NONE;
    for (let at = offset; at < end; at++) {
      const entry = this.walk(bytes, at, end, FIRST, NO_FOLD);
      if (entry !== NONE && (best === NONE || entry < best)) best = entry;
    }
    return best;
  }

  /** The first entry whose text stands between delimiters, or the ends. `delimiters` has 1 for each of them. */
  word(bytes: Uint8Array, offset: number, length: number, delimiters: Uint8Array): number {
    const end = offset + length;
    let best = NONE;
    let mayBegin = true;
    for (let at = offset; at < end; at++) {
      if (delimiters[bytes[at]!] === 1) {
        mayBegin = true;
        continue;
      }
      if (!mayBegin) continue;
      mayBegin = false;
      const entry = this.walk(bytes, at, end, WORD, delimiters);
      if (entry !== NONE && (best === NONE || entry < best)) best = entry;
    }
    return best;
  }

  // From `from` on, `to` is just past the last byte in the direction of the walk.
  private walk(bytes: Uint8Array, from: number, to: number, mode: number, delimiters: Uint8Array): number {
    const { step, fold, edgeAt, edgeLength, entryOf, linkKeys, linkNodes } = this;
    const known = this.texts.bytes;
    const mask = linkKeys.length - 1;
    let best = mode === WORD ? NONE : entryOf[0]!;
    let node = 0;
    let at = from;
    while (at !== to) {
      const key = (node << 8) | fold[bytes[at]!]!;
      let slot = linkSlot(key) & mask;
      while (linkKeys[slot] !== key && linkKeys[slot] !== NONE) slot = (slot + 1) & mask;
      if (linkKeys[slot] === NONE) return best;
      node = linkNodes[slot]!;
      const length = edgeLength[node]!;
      if ((to - at) * step < length) return best;
      const edge = edgeAt[node]!;
      for (let index = 1; index < length; index++) {
        if (fold[known[edge + index * step]!] !== fold[bytes[at + index * step]!]) return best;
      }
      at += length * step;
      const entry = entryOf[node]!;
      if (entry === NONE) continue;
      if (mode === LONGEST) best = entry;
      else if (mode === FIRST || at === to || delimiters[bytes[at]!] === 1) {
        if (best === NONE || entry < best) best = entry;
      }
    }
    return best;
  }

  // The node where the entry's text ends; it is made when there is none.
  private nodeFor(entry: number): number {
    const { step, fold, texts, range } = this;
    this.rangeOf(texts, entry, range);
    const start = range[0]!;
    const length = range[1]! - start;
    const first = step > 0 ? start : start + length - 1;
    let node = 0;
    let done = 0;
    while (done < length) {
      const at = first + done * step;
      const slot = this.slotOf((node << 8) | fold[texts.bytes[at]!]!);
      if (this.linkKeys[slot] === NONE) return this.addChild(node, at, length - done);
      const child = this.linkNodes[slot]!;
      const edge = this.edgeAt[child]!;
      const common = Math.min(this.edgeLength[child]!, length - done);
      let same = 1;
      while (same < common && fold[texts.bytes[edge + same * step]!] === fold[texts.bytes[at + same * step]!]) same++;
      node = same < this.edgeLength[child]! ? this.splitEdge(slot, same) : child;
      done += same;
    }
    return node;
  }

  private addChild(parent: number, at: number, length: number): number {
    const node = this.newNode();
    this.edgeAt[node] = at;
    this.edgeLength[node] = length;
    this.link(parent, at, node);
    return node;
  }

  // A new node takes the first part of the edge, and the old one's place under its parent.
  private splitEdge(slot: number, length: number): number {
    const lower = this.linkNodes[slot]!;
    const upper = this.newNode();
    this.edgeAt[upper] = this.edgeAt[lower]!;
    this.edgeLength[upper] = length;
    this.linkNodes[slot] = upper;
    this.edgeAt[lower]! += length * this.step;
    this.edgeLength[lower]! -= length;
    this.link(upper, this.edgeAt[lower]!, lower);
    return upper;
  }

  private newNode(): number {
    const node = this.nodeCount++;
    assert(node < NODES_MAX, 'too many patterns for one tree');
    if (node === this.edgeAt.length) {
      this.edgeAt = grown(this.edgeAt);
      this.edgeLength = grown(this.edgeLength);
      this.entryOf = grown(this.entryOf);
    }
    this.entryOf[node] = NONE;
    return node;
  }

  private slotOf(key: number): number {
    const mask = this.linkKeys.length - 1;
    let slot = linkSlot(key) & mask;
    while (this.linkKeys[slot] !== key && this.linkKeys[slot] !== NONE) slot = (slot + 1) & mask;
    return slot;
  }

  private link(parent: number, at: number, node: number): void {
    if ((this.linkCount + 1) * 2 > this.linkKeys.length) this.growLinks();
    const key = (parent << 8) | this.fold[this.texts.bytes[at]!]!;
    const slot = this.slotOf(key);
    this.linkKeys[slot] = key;
    this.linkNodes[slot] = node;
    this.linkCount++;
  }

  private growLinks(): void {
    const { linkKeys, linkNodes } = this;
    this.linkKeys = new Int32Array(linkKeys.length * 2).fill(NONE);
    this.linkNodes = new Int32Array(linkKeys.length * 2);
    for (let old = 0; old < linkKeys.length; old++) {
      if (linkKeys[old] === NONE) continue;
      const slot = this.slotOf(linkKeys[old]!);
      this.linkKeys[slot] = linkKeys[old]!;
      this.linkNodes[slot] = linkNodes[old]!;
    }
  }
}

const LONGEST = 0;
const FIRST = 1;
const WORD = 2;

function linkSlot(key: number): number {
  const hash = Math.imul(key, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

function wholeText(texts: TextStore, entry: number, range: Int32Array): void {
  range[0] = texts.starts[entry]!;
  range[1] = texts.starts[entry]! + texts.lengths[entry]!;
}
