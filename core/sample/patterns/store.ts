// All pattern references of one thread, as the configuration made them and as they were changed since (management guide
// §9.3, "add map" … "show map").
//
// A reference has versions: the current one is matched, others are prepared beside it until one of them is committed. A
// change is plain data, checked by whoever makes it and applied alike by every thread and by the supervisor's own copy.

import { assert } from '../../base/assert.ts';
import type { MatchMethod, PatternChange, PatternPair, PatternRef, PatternUse } from '../../model/language.ts';
import { castTo } from '../casts.ts';
import { NOT_INET4, parseInet4, parseInet6 } from '../numbers.ts';
import type { Subject } from '../subject.ts';
import { type Sample, type SampleType, TYPE_STR } from '../types.ts';
import type { Matcher } from './contract.ts';
import { Entries, type IndexKind } from './entries.ts';
import type { PatternIndex } from './indexes.ts';
import { checkKey } from './key-parse.ts';
import { latin1Bytes, TextStore } from './texts.ts';

/** The version that is current when the change is applied. */
export const CURRENT_VERSION = -1;

/** Every entry of the key, where a change names one by its place among those with the same key. */
export const ALL_ALIKE = -1;

export type { PatternChange, PatternPair };

/** One use of a reference by one method; stable while versions come and go. */
class RefMatcher implements Matcher {
  readonly kind: IndexKind;
  private readonly state: RefState;
  private entries: Entries;
  private index: PatternIndex;
  private wants: SampleType | null;

  constructor(state: RefState, kind: IndexKind) {
    this.state = state;
    this.kind = kind;
    this.entries = state.entries;
    this.index = this.entries.index(kind);
    this.wants = this.index.wants;
  }

  /** After a change that may have replaced the entries or their indexes. */
  renew(): void {
    this.entries = this.state.entries;
    this.index = this.entries.index(this.kind);
    this.wants = this.index.wants;
  }

  match(sample: Sample, subject: Subject): number {
    const { wants } = this;
    if (wants !== null && sample.type !== wants && !castTo(sample, wants, subject)) return -1;
    return this.index.match(sample, subject);
  }

  keyText(entry: number): string {
    return entry < this.entries.texts.count ? this.entries.texts.text(entry) : '';
  }

  key(entry: number, sample: Sample): void {
    const { texts } = this.entries;
    if (entry < texts.count) sample.setBytes(TYPE_STR, texts.bytes, texts.starts[entry]!, texts.lengths[entry]!);
    else sample.setBytes(TYPE_STR, texts.bytes, 0, 0);
  }

  value(entry: number, sample: Sample): void {
    const { values } = this.entries;
    if (entry < values.count) sample.setBytes(TYPE_STR, values.bytes, values.starts[entry]!, values.lengths[entry]!);
    else sample.setBytes(TYPE_STR, values.bytes, 0, 0);
  }

  isTree(entry: number): boolean {
    return this.index.isTree(entry);
  }

  get count(): number {
    return this.entries.count;
  }

  get changeCount(): number {
    return this.state.changeCount;
  }

  get changes(): { readonly count: number } {
    return this.state.changes;
  }
}

export type { RefMatcher };

/** One reference with its versions. */
export class RefState {
  readonly ref: PatternRef;
  current = 0;
  next = 0;
  private readonly versions = new Map<number, Entries>();
  private readonly matchers: RefMatcher[] = [];
  private begun = false; // version 0 was made from the configuration, and is never again
  changeCount = 0;
  readonly changes: { count: number }; // of all references of a store

  constructor(ref: PatternRef, changes: { count: number } = { count: 0 }) {
    this.ref = ref;
    this.changes = changes;
  }

  /** Of the current version; made from the configuration at the first call. */
  get entries(): Entries {
    return this.versions.get(this.current) ?? this.makeVersion(this.current);
  }

  /** Entries of a version, null when it has none. */
  version(version: number): Entries | null {
    return version === this.current ? this.entries : (this.versions.get(version) ?? null);
  }

  /** Versions that have entries, with the current one. */
  existing(): ReadonlyMap<number, Entries> {
    void this.entries;
    return this.versions;
  }

  /** Of all versions. */
  get entryCount(): number {
    let count = 0;
    for (const entries of this.existing().values()) count += entries.count;
    return count;
  }

  private makeVersion(version: number): Entries {
    const { ref } = this;
    const asLoaded = !this.begun;
    this.begun = true;
    const keys = asLoaded ? TextStore.of(ref.keys) : new TextStore();
    const values = ref.values === null ? null : asLoaded ? TextStore.of(ref.values) : new TextStore();
    const entries = new Entries(keys, values, ref.hosts);
    for (const { kind } of this.matchers) entries.index(kind);
    this.versions.set(version, entries);
    return entries;
  }

  matcher(method: MatchMethod, ignoreCase: boolean): RefMatcher {
    for (const matcher of this.matchers) {
      if (matcher.kind.method === method && matcher.kind.ignoreCase === ignoreCase) return matcher;
    }
    const matcher = new RefMatcher(this, { method, ignoreCase });
    this.matchers.push(matcher);
    return matcher;
  }

  private renewMatchers(): void {
    for (const matcher of this.matchers) matcher.renew();
  }

  private isWithValues(): boolean {
    return this.ref.values !== null;
  }

  add(version: number, pairs: readonly PatternPair[]): void {
    const entries = this.entriesFor(version);
    for (const { key, value } of pairs) entries.add(key, this.isWithValues() ? (value ?? '') : null);
  }

  private entriesFor(version: number): Entries {
    void this.entries; // what was loaded comes first, whatever version is asked for
    const wanted = version === CURRENT_VERSION ? this.current : version;
    return this.versions.get(wanted) ?? this.makeVersion(wanted);
  }

  /** The entries that a change names; none when there is no such key. */
  private named(entries: Entries, key: string, nth: number): number[] {
    const found: number[] = [];
    for (let entry = entries.find(key); entry >= 0; entry = entries.nextAlike(entry)) found.push(entry);
    if (nth === ALL_ALIKE) return found;
    return found.slice(nth, nth + 1);
  }

  put(key: string, value: string | null): void {
    if (this.set(CURRENT_VERSION, key, ALL_ALIKE, value ?? '')) return;
    this.add(CURRENT_VERSION, [{ key, value }]);
  }

  /** False: there is no such entry. */
  set(version: number, key: string, nth: number, value: string): boolean {
    const entries = this.entriesFor(version);
    const first = entries.find(key);
    if (first < 0) return false;
    if (!this.isWithValues()) return true;
    // Marks, because entries may get other numbers on the way.
    const marks = this.named(entries, key, nth).map((entry) => entries.marks[entry]!);
    let renumbered = false;
    for (const mark of marks) if (entries.setValue(entries.byMark(mark), value)) renumbered = true;
    if (renumbered) this.renewMatchers();
    return marks.length > 0;
  }

  /** The entry, or the first of the key with ALL_ALIKE, as HAProxy does. */
  remove(version: number, key: string, nth: number): boolean {
    const entries = this.entriesFor(version);
    const entry = nth <= 0 ? entries.find(key) : (this.named(entries, key, nth)[0] ?? -1);
    if (entry < 0) return false;
    if (entries.remove(entry)) this.renewMatchers();
    return true;
  }

  prepare(): number {
    void this.entries;
    this.next = (this.next + 1) >>> 0;
    return this.next;
  }

  /** Whether a version lies between the current one and the last that was prepared; numbers wrap at 2³². */
  mayCommit(version: number): boolean {
    return (version - (this.current + 1)) >>> 0 < (this.next - this.current) >>> 0;
  }

  /** The version becomes the current one, older ones go. False: it lies out of range, nothing was changed. */
  commit(version: number): boolean {
    if (!this.mayCommit(version)) return false;
    this.entriesFor(version);
    this.current = version >>> 0;
    for (const other of [...this.versions.keys()]) if (((version - other) | 0) > 0) this.versions.delete(other);
    this.renewMatchers();
    return true;
  }

  clear(version: number): void {
    const wanted = version === CURRENT_VERSION ? this.current : version;
    void this.entries;
    if (!this.versions.delete(wanted) || wanted !== this.current) return;
    this.makeVersion(wanted);
    this.renewMatchers();
  }
}

export class PatternStore {
  private readonly states: readonly RefState[];

  constructor(refs: readonly PatternRef[]) {
    const changes = { count: 0 };
    this.states = refs.map((ref) => new RefState(ref, changes));
    for (const [index, { ref }] of this.states.entries()) {
      assert(ref.index === index, 'pattern references are numbered by their place');
    }
  }

  /** Stays valid for good: changes reach it. The same for the same arguments. */
  matcher(refIndex: number, method: MatchMethod, ignoreCase: boolean): RefMatcher {
    return this.state(refIndex).matcher(method, ignoreCase);
  }

  state(refIndex: number): RefState {
    const state = this.states[refIndex];
    assert(state !== undefined, 'there is no such pattern reference');
    return state;
  }

  get references(): readonly RefState[] {
    return this.states;
  }

  /** Why the change cannot be made, in HAProxy's words without a full stop; null when it can. */
  check(change: PatternChange): string | null {
    const { ref } = this.state(change.ref);
    switch (change.kind) {
      case 'add': {
        for (const { key, value } of change.pairs) {
          const problem = checkPair(ref, key, value);
          if (problem !== null) return problem;
        }
        return null;
      }
      case 'put':
        return checkPair(ref, change.key, change.value);
      case 'set':
        return checkValue(ref, change.value);
      case 'commit':
        return this.state(change.ref).mayCommit(change.version) ? null : 'Version number out of range';
      default:
        return null;
    }
  }

  /** Makes a change that was checked. False: what it names is not there. */
  apply(change: PatternChange): boolean {
    const state = this.state(change.ref);
    state.changeCount++;
    state.changes.count++;
    switch (change.kind) {
      case 'add':
        state.add(change.version, change.pairs);
        return true;
      case 'put':
        state.put(change.key, change.value);
        return true;
      case 'set':
        return state.set(change.version, change.key, change.nth, change.value);
      case 'delete':
        return state.remove(change.version, change.key, change.nth);
      case 'prepare':
        state.prepare();
        return true;
      case 'commit':
        return state.commit(change.version);
      case 'clear':
        state.clear(change.version);
        return true;
    }
  }

  /**
   * What rules ask for (Subject.world.changePatterns): `add` only adds what is not there, and otherwise sets its value.
   * False: it cannot be made, or there is nothing to set or delete.
   */
  change(refIndex: number, kind: 'add' | 'set' | 'del', key: string, value: string): boolean {
    const change = ruleChange(refIndex, kind, key, value);
    return this.check(change) === null && this.apply(change);
  }
}

/** The change that World.changePatterns means, for those who pass it on. */
export function ruleChange(ref: number, kind: 'add' | 'set' | 'del', key: string, value: string): PatternChange {
  if (kind === 'add') return { kind: 'put', ref, key, value };
  const version = CURRENT_VERSION;
  if (kind === 'set') return { kind: 'set', ref, version, key, nth: ALL_ALIKE, value };
  return { kind: 'delete', ref, version, key, nth: 0 };
}

/** A new entry has to make sense to all who match against the reference. */
function checkPair(ref: PatternRef, key: string, value: string | null): string | null {
  for (const use of ref.uses) {
    const problem = (value === null ? null : checkValueFor(use, value)) ?? checkKeyFor(ref, use, key);
    if (problem !== null) return problem;
  }
  return null;
}

function checkKeyFor(ref: PatternRef, use: PatternUse, key: string): string | null {
  return checkKey(key, use.method, use.ignoreCase, ref.hosts);
}

function checkValue(ref: PatternRef, value: string): string | null {
  for (const use of ref.uses) {
    const problem = checkValueFor(use, value);
    if (problem !== null) return problem;
  }
  return null;
}

const address = new Uint8Array(16);

/** Why a map's value is not what its converter gives out. */
export function checkValueFor({ out }: PatternUse, value: string): string | null {
  if (out === 'sint' && !/^[-+]?[0-9]*$/.test(value)) return `unable to parse '${value}'`;
  if (out === 'addr') {
    const bytes = latin1Bytes(value);
    const isAddress =
      parseInet4(bytes, 0, bytes.length) !== NOT_INET4 || parseInet6(bytes, 0, bytes.length, address, 0);
    if (!isAddress) return `unable to parse '${value}'`;
  }
  return null;
}
