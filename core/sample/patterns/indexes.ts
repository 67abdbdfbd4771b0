// How entries are found by match method (manual §7.1.1): one index for each way in which a set of entries is matched.
//
// Of several entries that match, the same one wins as in HAProxy: the longest text or network where it keeps a tree (`str`,
// `beg` with case, `ip`), else the first in the order of the file.

import { METHOD_OTHER } from '../../http/message.ts';
import type { MatchMethod } from '../../model/language.ts';
import type { Subject } from '../subject.ts';
import {
  type Sample,
  type SampleType,
  TYPE_ADDR,
  TYPE_BIN,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_METH,
  TYPE_SINT,
  TYPE_STR,
} from '../types.ts';
import { AddressTable } from './address-table.ts';
import {
  type Network,
  parseHexBytes,
  parseMethodName,
  parseNetwork,
  parsePatternRegex,
  parseRange,
  parseVersionRange,
  type Range,
} from './key-parse.ts';
import { PrefixTree } from './prefix-tree.ts';
import { type CompiledRegex, newCaptures } from './regex.ts';
import { StringTable } from './string-table.ts';
import { FOLD, NO_FOLD, TextStore } from './texts.ts';

/** The keys of a set of entries, by entry; entries that were removed are still in the store. */
export interface Keys {
  readonly texts: TextStore;
  readonly hosts: Readonly<Record<string, string>>;
  isLive(entry: number): boolean;
}

export interface PatternIndex {
  /** What the sample has to be cast to; null: nothing. */
  readonly wants: SampleType | null;
  /** Entries come in ascending order. */
  add(entry: number): void;
  remove(entry: number): void;
  /** `sample` has the wanted type. */
  match(sample: Sample, subject: Subject): number;
  /** Whether HAProxy finds that entry through a tree. */
  isTree(entry: number): boolean;
}

/** What the last match of `regm` captured, from the sample's offset. */
export const matchCaptures: Int32Array = newCaptures();

export function makeIndex(method: MatchMethod, ignoreCase: boolean, keys: Keys): PatternIndex {
  switch (method) {
    case 'found':
      return new AnyIndex(false);
    case 'bool':
      return new AnyIndex(true);
    case 'int':
    case 'ver':
      return new RangeIndex(keys, method === 'ver', false);
    case 'len':
      return new RangeIndex(keys, false, true);
    case 'ip':
      return new AddressIndex(keys);
    case 'bin':
      return new BytesIndex(keys);
    case 'str':
      return new TextIndex(keys, ignoreCase);
    case 'beg':
    case 'end':
    case 'sub':
      return new PlaceIndex(method, keys, ignoreCase);
    case 'dir':
      return new WordIndex(keys, ignoreCase, '/?');
    case 'dom':
      return new WordIndex(keys, ignoreCase, '/?.:');
    case 'meth':
      return new MethodIndex(keys, ignoreCase);
    case 'reg':
    case 'regm':
      return new RegexIndex(keys, method, ignoreCase);
  }
}

/** found, bool: the patterns do not count. */
class AnyIndex implements PatternIndex {
  readonly wants: SampleType | null;

  constructor(asBool: boolean) {
    this.wants = asBool ? TYPE_SINT : null;
  }

  add(): void {}
  remove(): void {}

  match(sample: Sample): number {
    return this.wants === null || sample.number !== 0 ? 0 : -1;
  }

  isTree(): boolean {
    return false;
  }
}

class TextIndex implements PatternIndex {
  readonly wants = TYPE_STR;
  private readonly table: StringTable;
  private readonly ignoreCase: boolean;

  constructor(keys: Keys, ignoreCase: boolean) {
    this.table = new StringTable(keys.texts, ignoreCase, (entry) => keys.isLive(entry));
    this.ignoreCase = ignoreCase;
  }

  add(entry: number): void {
    this.table.add(entry);
  }

  remove(entry: number): void {
    this.table.remove(entry);
  }

  match({ bytes, offset, length }: Sample): number {
    return this.ignoreCase ? this.table.find(bytes, offset, length) : this.table.findText(bytes, offset, length);
  }

  isTree(): boolean {
    return !this.ignoreCase;
  }
}

/** beg, end, sub. */
class PlaceIndex implements PatternIndex {
  readonly wants = TYPE_STR;
  private readonly tree: PrefixTree;
  private readonly method: 'beg' | 'end' | 'sub';
  private readonly longest: boolean;

  constructor(method: 'beg' | 'end' | 'sub', keys: Keys, ignoreCase: boolean) {
    this.tree = new PrefixTree(keys.texts, ignoreCase, method === 'end', (entry) => keys.isLive(entry));
    this.method = method;
    this.longest = method === 'beg' && !ignoreCase;
  }

  add(entry: number): void {
    this.tree.add(entry);
  }

  remove(entry: number): void {
    this.tree.remove(entry);
  }

  match({ bytes, offset, length }: Sample): number {
    if (this.longest) return this.tree.longest(bytes, offset, length);
    return this.method === 'sub' ? this.tree.within(bytes, offset, length) : this.tree.first(bytes, offset, length);
  }

  isTree(): boolean {
    return this.longest;
  }
}

/**
 * dir, dom: the pattern between delimiters; those at its own ends do not count. One of nothing but delimiters never matches
 * (HAProxy looks at the byte behind the value there, and matches when it is a NUL).
 */
class WordIndex implements PatternIndex {
  readonly wants = TYPE_STR;
  private readonly tree: PrefixTree;
  private readonly delimiters = new Uint8Array(256);

  constructor(keys: Keys, ignoreCase: boolean, delimiters: string) {
    for (const char of delimiters) this.delimiters[char.charCodeAt(0)] = 1;
    this.tree = new PrefixTree(
      keys.texts,
      ignoreCase,
      false,
      (entry) => keys.isLive(entry),
      (texts, entry, range) => this.strip(texts, entry, range),
    );
  }

  private strip(texts: TextStore, entry: number, range: Int32Array): void {
    let start = texts.starts[entry]!;
    let end = start + texts.lengths[entry]!;
    while (start < end && this.delimiters[texts.bytes[start]!] === 1) start++;
    while (end > start && this.delimiters[texts.bytes[end - 1]!] === 1) end--;
    range[0] = start;
    range[1] = end;
  }

  add(entry: number): void {
    this.tree.add(entry);
  }

  remove(entry: number): void {
    this.tree.remove(entry);
  }

  match({ bytes, offset, length }: Sample): number {
    return this.tree.word(bytes, offset, length, this.delimiters);
  }

  isTree(): boolean {
    return false;
  }
}

/** Patterns in hex. Their bytes are kept apart, under the entries' numbers. */
class BytesIndex implements PatternIndex {
  readonly wants = TYPE_BIN;
  private readonly keys: Keys;
  private readonly decoded = new TextStore();
  private readonly table: StringTable;

  constructor(keys: Keys) {
    this.keys = keys;
    this.table = new StringTable(this.decoded, false, (entry) => keys.isLive(entry));
  }

  add(entry: number): void {
    const parsed = parseHexBytes(this.keys.texts.text(entry));
    const bytes = parsed.ok ? parsed.value : new Uint8Array(0);
    while (this.decoded.count < entry) this.decoded.push(bytes, 0, 0); // entries that were never ours
    this.decoded.push(bytes, 0, bytes.length);
    if (parsed.ok) this.table.add(entry);
  }

  remove(entry: number): void {
    this.table.remove(entry);
  }

  match({ bytes, offset, length }: Sample): number {
    return this.table.find(bytes, offset, length);
  }

  isTree(): boolean {
    return false;
  }
}

/** int, ver, len: single numbers in a hash, ranges one after the other; the first entry of either wins. */
class RangeIndex implements PatternIndex {
  readonly wants: SampleType;
  private readonly keys: Keys;
  private readonly versions: boolean;
  private readonly ofLength: boolean;
  private readonly singles = new Map<number, number>();
  private singleDuplicates = 0;
  // Ranges; what has no bound is infinite. Beyond 2⁵³ the exact bounds are in `exact`, by entry.
  private entries: number[] = [];
  private least: number[] = [];
  private most: number[] = [];
  private readonly exact = new Map<number, Range>();

  constructor(keys: Keys, versions: boolean, ofLength: boolean) {
    this.keys = keys;
    this.versions = versions;
    this.ofLength = ofLength;
    this.wants = ofLength ? TYPE_STR : TYPE_SINT;
  }

  private read(entry: number): Range | null {
    const text = this.keys.texts.text(entry);
    const parsed = this.versions ? parseVersionRange(text) : parseRange(text);
    return parsed.ok ? parsed.value : null;
  }

  add(entry: number): void {
    const range = this.read(entry);
    if (range === null) return;
    const least = range.min === null ? -Infinity : Number(range.min);
    const most = range.max === null ? Infinity : Number(range.max);
    if (least === most && Number.isSafeInteger(least)) {
      if (this.singles.has(least)) this.singleDuplicates++;
      else this.singles.set(least, entry);
      return;
    }
    const isExact = (value: number): boolean => !Number.isFinite(value) || Number.isSafeInteger(value);
    if (!isExact(least) || !isExact(most)) this.exact.set(entry, range);
    this.entries.push(entry);
    this.least.push(least);
    this.most.push(most);
  }

  remove(entry: number): void {
    const at = this.entries.indexOf(entry);
    if (at >= 0) {
      this.entries.splice(at, 1);
      this.least.splice(at, 1);
      this.most.splice(at, 1);
      this.exact.delete(entry);
      return;
    }
    const single = Number(this.read(entry)?.min ?? Number.NaN);
    if (this.singles.get(single) !== entry) {
      this.singleDuplicates--;
      return;
    }
    this.singles.delete(single);
    for (let other = entry + 1; this.singleDuplicates > 0 && other < this.keys.texts.count; other++) {
      const range = this.keys.isLive(other) ? this.read(other) : null;
      if (range === null || range.min !== range.max || Number(range.min) !== single) continue;
      this.singles.set(single, other);
      this.singleDuplicates--;
      return;
    }
  }

  match(sample: Sample): number {
    const wide = this.ofLength ? null : sample.wide;
    const value = this.ofLength ? sample.length : sample.number;
    const single = wide === null ? (this.singles.get(value) ?? -1) : -1;
    const { entries, least, most } = this;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index]!;
      if (single >= 0 && entry > single) break;
      if (wide !== null || this.exact.size > 0) {
        if (this.liesIn(wide ?? BigInt(value), entry, index)) return entry;
      } else if (least[index]! <= value && value <= most[index]!) return entry;
    }
    return single;
  }

  private liesIn(value: bigint, entry: number, index: number): boolean {
    const range = this.exact.get(entry);
    if (range === undefined) return this.least[index]! <= value && value <= this.most[index]!;
    return (range.min === null || range.min <= value) && (range.max === null || value <= range.max);
  }

  isTree(): boolean {
    return false;
  }
}

/** IPv4 and IPv6, each in its own table; IPv4 masks with holes in a list. */
class AddressIndex implements PatternIndex {
  readonly wants = TYPE_ADDR;
  private readonly keys: Keys;
  private readonly inet4 = new AddressTable(4);
  private readonly inet6 = new AddressTable(6);
  private duplicates = 0;
  private holed: { entry: number; word: number; mask: number }[] = [];

  constructor(keys: Keys) {
    this.keys = keys;
  }

  private read(entry: number): Network | null {
    const parsed = parseNetwork(this.keys.texts.text(entry), this.keys.hosts);
    return parsed.ok ? parsed.value : null;
  }

  private tableOf(network: Network): AddressTable {
    return network.family === 4 ? this.inet4 : this.inet6;
  }

  add(entry: number): void {
    const network = this.read(entry);
    if (network === null) return;
    if (network.bits < 0) this.holed.push({ entry, word: network.words[0]!, mask: network.mask });
    else if (!this.tableOf(network).add(network.words, network.bits, entry)) this.duplicates++;
  }

  remove(entry: number): void {
    const network = this.read(entry);
    if (network === null) return;
    if (network.bits < 0) {
      this.holed = this.holed.filter((other) => other.entry !== entry);
      return;
    }
    const table = this.tableOf(network);
    if (table.entryOf(network.words, network.bits) !== entry) {
      this.duplicates--;
      return;
    }
    const next = this.duplicates > 0 ? this.nextAlike(entry, table, network) : -1;
    if (next >= 0) this.duplicates--;
    table.replace(network.words, network.bits, next);
  }

  private nextAlike(entry: number, table: AddressTable, wanted: Network): number {
    for (let other = entry + 1; other < this.keys.texts.count; other++) {
      const network = this.keys.isLive(other) ? this.read(other) : null;
      if (network === null || network.bits !== wanted.bits || network.family !== wanted.family) continue;
      if (table.entryOf(network.words, network.bits) === entry) return other;
    }
    return -1;
  }

  match(sample: Sample): number {
    if (sample.type === TYPE_IPV4) {
      const word = sample.number;
      const found = this.inet4.find(word, 0, 0, 0);
      if (found >= 0) return found;
      const mapped = this.inet6.find(0, 0, 0xffff, word);
      return mapped >= 0 ? mapped : this.findHoled(word);
    }
    if (sample.type !== TYPE_IPV6) return -1;
    const { bytes, offset } = sample;
    const word0 = wordAt(bytes, offset);
    const word1 = wordAt(bytes, offset + 4);
    const word2 = wordAt(bytes, offset + 8);
    const word3 = wordAt(bytes, offset + 12);
    const found = this.inet6.find(word0, word1, word2, word3);
    if (found >= 0) return found;
    const inet4 = inet4In(word0, word1, word2, word3);
    if (inet4 < 0) return -1;
    const narrow = this.inet4.find(inet4, 0, 0, 0);
    return narrow >= 0 ? narrow : this.findHoled(inet4);
  }

  private findHoled(word: number): number {
    const { holed } = this;
    for (let index = 0; index < holed.length; index++) {
      const each = holed[index]!;
      if (((word ^ each.word) & each.mask) === 0) return each.entry;
    }
    return -1;
  }

  isTree(entry: number): boolean {
    return !this.holed.some((each) => each.entry === entry);
  }
}

/** The IPv4 address that an IPv6 one stands for: mapped, compatible (RFC 4291 §2.5.5) or 6to4 (RFC 3056); −1 none. */
function inet4In(word0: number, word1: number, word2: number, word3: number): number {
  if (word0 === 0 && word1 === 0 && (word2 === 0xffff || word2 === 0)) return word3;
  if (word0 >>> 16 !== 0x2002) return -1;
  return (((word0 & 0xffff) << 16) | (word1 >>> 16)) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** The ACL keyword `method`: known methods by number; -i only counts for others. */
class MethodIndex implements PatternIndex {
  readonly wants = TYPE_METH;
  private readonly keys: Keys;
  private readonly fold: Uint8Array;
  private patterns: { entry: number; method: number }[] = [];

  constructor(keys: Keys, ignoreCase: boolean) {
    this.keys = keys;
    this.fold = ignoreCase ? FOLD : NO_FOLD;
  }

  add(entry: number): void {
    this.patterns.push({ entry, method: parseMethodName(this.keys.texts.text(entry)) });
  }

  remove(entry: number): void {
    this.patterns = this.patterns.filter((other) => other.entry !== entry);
  }

  match(sample: Sample): number {
    const { patterns } = this;
    for (let index = 0; index < patterns.length; index++) {
      const { entry, method } = patterns[index]!;
      if (method !== METHOD_OTHER) {
        if (sample.number === method) return entry;
      } else if (sample.number === METHOD_OTHER && this.hasName(entry, sample)) return entry;
    }
    return -1;
  }

  private hasName(entry: number, sample: Sample): boolean {
    const { bytes, starts, lengths } = this.keys.texts;
    if (lengths[entry] !== sample.length) return false;
    const start = starts[entry]!;
    for (let index = 0; index < sample.length; index++) {
      if (this.fold[bytes[start + index]!] !== this.fold[sample.bytes[sample.offset + index]!]) return false;
    }
    return true;
  }

  isTree(): boolean {
    return false;
  }
}

class RegexIndex implements PatternIndex {
  readonly wants = TYPE_STR;
  private readonly keys: Keys;
  private readonly method: 'reg' | 'regm';
  private readonly ignoreCase: boolean;
  private regexes: CompiledRegex[] = [];
  private entries: number[] = [];

  constructor(keys: Keys, method: 'reg' | 'regm', ignoreCase: boolean) {
    this.keys = keys;
    this.method = method;
    this.ignoreCase = ignoreCase;
  }

  add(entry: number): void {
    const parsed = parsePatternRegex(this.keys.texts.text(entry), this.method, this.ignoreCase);
    if (!parsed.ok) return;
    this.regexes.push(parsed.regex);
    this.entries.push(entry);
  }

  remove(entry: number): void {
    const at = this.entries.indexOf(entry);
    if (at < 0) return;
    this.regexes.splice(at, 1);
    this.entries.splice(at, 1);
  }

  match({ bytes, offset, length }: Sample): number {
    const { regexes, method } = this;
    for (let index = 0; index < regexes.length; index++) {
      const regex = regexes[index]!;
      const found =
        method === 'reg' ? regex.test(bytes, offset, length) : regex.exec(bytes, offset, length, matchCaptures);
      if (found) return this.entries[index]!;
    }
    return -1;
  }

  isTree(): boolean {
    return false;
  }
}
