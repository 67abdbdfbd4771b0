// Texts by what they begin with: a tree whose edges are pieces of the texts (a radix tree), in typed arrays.
//
// One walk along a subject meets all texts that it begins with. HAProxy takes the longest of them where it keeps a tree
// (`beg` with case), and the first of its list elsewhere; `end` is the same walk backwards, `sub` a walk from every place,
// `dir` and `dom` one from every beginning of a word. So what costs HAProxy a look at every pattern costs a few steps.

import { assert } from '../../base/assert.ts';
import { FOLD, grown, NO_FOLD, type TextStore } from './texts.ts';

const NODE_WORDS = 4;
const EDGE_AT = 0;
const EDGE_LENGTH = 1;
const ENTRY = 2;
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
  // A node's words lie together, because a walk through a large tree waits for memory at each step: the edge into it
  // (EDGE_LENGTH bytes from EDGE_AT on in the store, in the direction of the walk), and the first entry that ends here.
  private nodes = new Int32Array(NODES_FIRST * NODE_WORDS).fill(NONE);
  // Children, by parent and first byte of the edge: slots of a hash table, each with its key and its node.
  private links = new Int32Array(LINKS_FIRST * 2).fill(NONE);
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
    if (this.nodes[node + ENTRY] !== NONE) this.duplicates++;
    else this.nodes[node + ENTRY] = entry;
  }

  /** Its text is still in the store, and isLive() already says false. */
  remove(entry: number): void {
    const node = this.nodeFor(entry);
    if (this.nodes[node + ENTRY] !== entry) {
      this.duplicates--;
      return;
    }
    this.nodes[node + ENTRY] = NONE;
    for (let other = entry + 1; this.duplicates > 0 && other < this.texts.count; other++) {
      if (!this.isLive(other) || this.nodeFor(other) !== node) continue;
      this.nodes[node + ENTRY] = other;
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
    const { step, fold, nodes, links } = this;
    const known = this.texts.bytes;
    const mask = links.length - 2;
    let best = mode === WORD ? NONE : nodes[ENTRY]!;
    let node = 0;
    let at = from;
    while (at !== to) {
      const key = linkKey(node, fold[bytes[at]!]!);
      let slot = linkSlot(key) & mask;
      while (links[slot] !== key && links[slot] !== NONE) slot = (slot + 2) & mask;
      if (links[slot] === NONE) return best;
      node = links[slot + 1]!;
      const length = nodes[node + EDGE_LENGTH]!;
      if ((to - at) * step < length) return best;
      if (length > 1) {
        const edge = nodes[node + EDGE_AT]!;
        for (let index = 1; index < length; index++) {
          if (fold[known[edge + index * step]!] !== fold[bytes[at + index * step]!]) return best;
        }
      }
      at += length * step;
      const entry = nodes[node + ENTRY]!;
      if (entry === NONE) continue;
      if (mode === LONGEST) best = entry;
      else if (mode === FIRST || at === to || delimiters[bytes[at]!] === 1) {
        if (best === NONE || entry < best) best = entry;
      }
    }
    return best;
  }

  // The node where the entry's text ends, as its place in `nodes`; it is made when there is none.
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
      const slot = this.slotOf(linkKey(node, fold[texts.bytes[at]!]!));
      if (this.links[slot] === NONE) return this.addChild(node, at, length - done);
      const child = this.links[slot + 1]!;
      const edge = this.nodes[child + EDGE_AT]!;
      const edgeLength = this.nodes[child + EDGE_LENGTH]!;
      const common = Math.min(edgeLength, length - done);
      let same = 1;
      while (same < common && fold[texts.bytes[edge + same * step]!] === fold[texts.bytes[at + same * step]!]) same++;
      node = same < edgeLength ? this.splitEdge(slot, same) : child;
      done += same;
    }
    return node;
  }

  private addChild(parent: number, at: number, length: number): number {
    const node = this.newNode(at, length);
    this.link(parent, at, node);
    return node;
  }

  // A new node takes the first part of the edge, and the old one's place under its parent.
  private splitEdge(slot: number, length: number): number {
    const lower = this.links[slot + 1]!;
    const edge = this.nodes[lower + EDGE_AT]!;
    const upper = this.newNode(edge, length);
    this.links[slot + 1] = upper;
    this.nodes[lower + EDGE_AT] = edge + length * this.step;
    this.nodes[lower + EDGE_LENGTH]! -= length;
    this.link(upper, edge + length * this.step, lower);
    return upper;
  }

  private newNode(edgeAt: number, edgeLength: number): number {
    const node = this.nodeCount++ * NODE_WORDS;
    assert(this.nodeCount < NODES_MAX, 'too many patterns for one tree');
    if (node === this.nodes.length) this.nodes = grown(this.nodes);
    this.nodes[node + EDGE_AT] = edgeAt;
    this.nodes[node + EDGE_LENGTH] = edgeLength;
    this.nodes[node + ENTRY] = NONE;
    return node;
  }

  private slotOf(key: number): number {
    const { links } = this;
    const mask = links.length - 2;
    let slot = linkSlot(key) & mask;
    while (links[slot] !== key && links[slot] !== NONE) slot = (slot + 2) & mask;
    return slot;
  }

  private link(parent: number, at: number, node: number): void {
    if ((this.linkCount + 1) * 4 > this.links.length) this.growLinks();
    const key = linkKey(parent, this.fold[this.texts.bytes[at]!]!);
    const slot = this.slotOf(key);
    this.links[slot] = key;
    this.links[slot + 1] = node;
    this.linkCount++;
  }

  private growLinks(): void {
    const old = this.links;
    this.links = new Int32Array(old.length * 2).fill(NONE);
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === NONE) continue;
      const slot = this.slotOf(old[from]!);
      this.links[slot] = old[from]!;
      this.links[slot + 1] = old[from + 1]!;
    }
  }
}

const LONGEST = 0;
const FIRST = 1;
const WORD = 2;

/** @param node its place in `nodes` */
function linkKey(node: number, byte: number): number {
  return ((node / NODE_WORDS) << 8) | byte;
}

// Slots are pairs of words.
function linkSlot(key: number): number {
  const hash = Math.imul(key, 0x9e3779b1);
  return (hash ^ (hash >>> 15)) << 1;
}

function wholeText(texts: TextStore, entry: number, range: Int32Array): void {
  range[0] = texts.starts[entry]!;
  range[1] = texts.starts[entry]! + texts.lengths[entry]!;
}
