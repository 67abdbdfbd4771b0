// Networks → the entry of the longest one that an address lies in, for one address family.
//
// Networks lie in one hash table by their bits and length. A lookup tries lengths from long to short, but only those that
// occur among networks which share the address's first bits ("head": 16 of IPv4, 32 of IPv6): these are few, however many
// networks there are. Networks shorter than the head are tried by all lengths of theirs that occur.

import { grown } from './texts.ts';

const NETWORKS_FIRST = 16;
const SLOTS_FIRST = 32;
const HEADS_FIRST = 32;
const HEADS_MAX = 1 << 16;
const REMOVED = -1; // slots: 0 free, network + 1
const FREE = 0;

export class AddressTable {
  private readonly wordCount: number; // 1 or 4
  private readonly headBits: number;
  private readonly maskWords: number; // words of a set of lengths: bit n of it is length n
  private networkCount = 0;
  private words: Uint32Array; // wordCount a network, cut to its length
  private lengths = new Uint8Array(NETWORKS_FIRST);
  private entries = new Int32Array(NETWORKS_FIRST);
  // Pairs: a network's number + 1, and its hash, so that a miss costs one look at memory.
  private slots = new Int32Array(SLOTS_FIRST * 2);
  private used = 0;
  private live = 0;
  private heads: Uint32Array; // lengths that occur, by hash of the head
  private headCount = HEADS_FIRST;
  private readonly shortLengths: Uint32Array; // those shorter than a head
  private readonly key = new Uint32Array(4);

  constructor(family: 4 | 6) {
    this.wordCount = family === 4 ? 1 : 4;
    this.headBits = family === 4 ? 16 : 32;
    this.maskWords = family === 4 ? 2 : 5;
    this.words = new Uint32Array(NETWORKS_FIRST * this.wordCount);
    this.heads = new Uint32Array(HEADS_FIRST * this.maskWords);
    this.shortLengths = new Uint32Array(this.maskWords);
  }

  /** False: the network has an entry already, which keeps it. */
  add(words: Uint32Array, length: number, entry: number): boolean {
    this.cut(words, length);
    const slot = this.slotFor(length);
    if (this.slots[slot]! > 0) return false;
    if ((this.used + 1) * 4 > this.slots.length) {
      this.grow();
      return this.add(words, length, entry);
    }
    const network = this.networkCount++;
    if (network === this.entries.length) {
      this.words = grown(this.words);
      this.lengths = grown(this.lengths);
      this.entries = grown(this.entries);
    }
    for (let index = 0; index < this.wordCount; index++)
      this.words[network * this.wordCount + index] = this.key[index]!;
    this.lengths[network] = length;
    this.entries[network] = entry;
    this.slots[slot] = network + 1;
    this.slots[slot + 1] = this.hashOf(length);
    this.used++;
    this.live++;
    this.markLength(length);
    return true;
  }

  /** The entry of exactly this network, −1 none. */
  entryOf(words: Uint32Array, length: number): number {
    this.cut(words, length);
    const network = this.slots[this.slotFor(length)]! - 1;
    return network < 0 ? -1 : this.entries[network]!;
  }

  /** Gives the network another entry; −1 removes it. */
  replace(words: Uint32Array, length: number, entry: number): void {
    this.cut(words, length);
    const slot = this.slotFor(length);
    const network = this.slots[slot]! - 1;
    if (network < 0) return;
    if (entry >= 0) {
      this.entries[network] = entry;
      return;
    }
    this.slots[slot] = REMOVED;
    this.live--;
  }

  /** The entry of the longest network with that address; IPv4 has one word. */
  find(word0: number, word1: number, word2: number, word3: number): number {
    if (this.live === 0) return -1;
    const { key, maskWords, headCount } = this;
    key[0] = word0;
    key[1] = word1;
    key[2] = word2;
    key[3] = word3;
    const head = headHash(this.headBits === 16 ? word0 >>> 16 : word0) & (headCount - 1);
    const found = this.findAmong(this.heads, head * maskWords);
    return found >= 0 ? found : this.findAmong(this.shortLengths, 0);
  }

  // By the lengths in a set, the longest first. `key` is cut further and further.
  private findAmong(lengths: Uint32Array, at: number): number {
    for (let word = this.maskWords - 1; word >= 0; word--) {
      let bits = lengths[at + word]!;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits);
        bits = (bits & ~(1 << bit)) >>> 0;
        const length = word * 32 + bit;
        this.cutKey(length);
        const network = this.slots[this.slotFor(length)]! - 1;
        if (network >= 0) return this.entries[network]!;
      }
    }
    return -1;
  }

  private cut(words: Uint32Array, length: number): void {
    for (let index = 0; index < this.wordCount; index++) this.key[index] = words[index]!;
    this.cutKey(length);
  }

  private cutKey(length: number): void {
    const { key } = this;
    for (let index = 0, left = length; index < this.wordCount; index++, left -= 32) {
      if (left <= 0) key[index] = 0;
      else if (left < 32) key[index] = (key[index]! & (0xffff_ffff << (32 - left))) >>> 0;
    }
  }

  private markLength(length: number): void {
    const word = length >> 5;
    const bit = 1 << (length & 31);
    if (length < this.headBits) {
      this.shortLengths[word]! |= bit;
      return;
    }
    if (this.live > this.headCount && this.headCount < HEADS_MAX) return this.growHeads();
    const value = this.headBits === 16 ? this.key[0]! >>> 16 : this.key[0]!;
    const head = headHash(value) & (this.headCount - 1);
    this.heads[head * this.maskWords + word]! |= bit;
  }

  private growHeads(): void {
    while (this.headCount < this.live * 2 && this.headCount < HEADS_MAX) this.headCount *= 2;
    this.heads = new Uint32Array(this.headCount * this.maskWords);
    for (let slot = 0; slot < this.slots.length; slot += 2) {
      const network = this.slots[slot]! - 1;
      if (network < 0) continue;
      const length = this.lengths[network]!;
      if (length < this.headBits) continue;
      const first = this.words[network * this.wordCount]!;
      const head = headHash(this.headBits === 16 ? first >>> 16 : first) & (this.headCount - 1);
      this.heads[head * this.maskWords + (length >> 5)]! |= 1 << (length & 31);
    }
  }

  // Of the network in `key`: its slot, or a free one.
  private slotFor(length: number): number {
    const { slots, words, lengths, wordCount, key } = this;
    const mask = slots.length - 2;
    const hash = this.hashOf(length);
    let slot = (hash << 1) & mask;
    for (; slots[slot] !== FREE; slot = (slot + 2) & mask) {
      const network = slots[slot]! - 1;
      if (network < 0 || slots[slot + 1] !== hash || lengths[network] !== length) continue;
      if (words[network * wordCount] !== key[0]) continue;
      if (wordCount === 1) return slot;
      const at = network * 4;
      if (words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3]) return slot;
    }
    return slot;
  }

  private hashOf(length: number): number {
    const { key } = this;
    let hash = Math.imul(key[0]! ^ (length << 24), 0x9e3779b1);
    if (this.wordCount === 4) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ key[1]!, 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13) ^ key[2]!, 0xc2b2ae35);
      hash = Math.imul(hash ^ (hash >>> 16) ^ key[3]!, 0x27d4eb2f);
    }
    return hash ^ (hash >>> 15);
  }

  private grow(): void {
    const old = this.slots;
    let count = SLOTS_FIRST;
    while (count < (this.live + 1) * 4) count *= 2;
    this.slots = new Int32Array(count * 2);
    this.used = this.live;
    const mask = this.slots.length - 2;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from]! <= 0) continue;
      let slot = (old[from + 1]! << 1) & mask;
      while (this.slots[slot] !== FREE) slot = (slot + 2) & mask;
      this.slots[slot] = old[from]!;
      this.slots[slot + 1] = old[from + 1]!;
    }
  }
}

function headHash(value: number): number {
  const hash = Math.imul(value, 0x9e3779b1);
  return hash ^ (hash >>> 16);
}
