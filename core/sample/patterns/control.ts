// Pattern references as the runtime API sees them (management guide §9.3, "show map", "get acl", "add map" …): the
// supervisor's own copy, what the commands show of it, and changes by entry or by key.
//
// A change is checked here, published to every thread, and then made here too. What the threads' rules change themselves
// comes in by learn().

import type { PatternUse } from '../../model/language.ts';
import { NOT_INET4, parseInet4 } from '../numbers.ts';
import type { Subject } from '../subject.ts';
import { Trash } from '../trash.ts';
import { Sample, TYPE_STR } from '../types.ts';
import type { Entries } from './entries.ts';
import { referenceName } from './load.ts';
import { ALL_ALIKE, type PatternChange, type PatternPair, type PatternStore, type RefState } from './store.ts';
import { latin1Bytes } from './texts.ts';

export interface PatternRefInfo {
  id: number;
  name: string;
  display: string;
  isMap: boolean;
  isAcl: boolean;
  hasSamples: boolean; // entries have values
  currentVersion: number;
  nextVersion: number;
  entryCount: number; // of all versions
}

export interface PatternEntry {
  ref: bigint; // never 0, never used for another entry
  key: string;
  value: string | null; // null: an ACL's
}

/** What one way of matching makes of a text. */
export interface PatternMatch {
  method: string;
  ignoresCase: boolean;
  isTree: boolean;
  key: string | null; // the pattern that matched, null: none did
  value: string | null;
  valueType: string; // as samples are named; '' for an ACL
}

const MARK_BITS = 32n;
const TRASH_BYTES = 16_384;

export class PatternDirectory {
  private readonly store: PatternStore;
  private readonly publish: (change: PatternChange) => Promise<void>;
  private readonly refuse: (message: string) => Error;
  private readonly byId = new Map<number, RefState>();

  /**
   * @param publish tells every thread of a change; resolves when all of them work with it
   * @param refuse makes the error for a change that cannot be made; gets HAProxy's words without a full stop
   */
  constructor(
    store: PatternStore,
    publish: (change: PatternChange) => Promise<void>,
    refuse: (message: string) => Error,
  ) {
    this.store = store;
    this.publish = publish;
    this.refuse = refuse;
    for (const state of store.references) this.byId.set(state.ref.id, state);
  }

  /** In order of ids. */
  list(): PatternRefInfo[] {
    return [...this.byId.values()].sort((one, other) => one.ref.id - other.ref.id).map(infoOf);
  }

  /** By `#id`, or by a file's name. */
  find(identifier: string): PatternRefInfo | null {
    if (identifier.startsWith('#')) {
      // strtol(3): nothing behind the sign is 0.
      const match = /^#[ \t\n\v\f\r]*([-+]?[0-9]*)$/.exec(identifier);
      const state = match === null ? undefined : this.byId.get(Number(match[1]!.replace(/^[-+]$/, '0')));
      return state === undefined ? null : infoOf(state);
    }
    const name = referenceName(identifier);
    const state = this.store.references.find(({ ref }) => ref.name !== '' && ref.name === name);
    return state === undefined ? null : infoOf(state);
  }

  private state(id: number): RefState {
    const state = this.byId.get(id);
    if (state === undefined) throw this.refuse('Unknown identifier');
    return state;
  }

  /** Entries of a version in order; none for a version that does not exist. */
  *entries(id: number, version: number): Iterable<PatternEntry> {
    const entries = this.state(id).version(version);
    if (entries === null) return;
    const hasValues = this.state(id).ref.values !== null;
    for (let entry = 0; entry < entries.texts.count; entry++) {
      if (!entries.isLive(entry)) continue;
      const value = hasValues ? entries.values.text(entry) : null;
      yield { ref: refOf(entries, entry), key: entries.texts.text(entry), value };
    }
  }

  /** A line for each way in which the reference is matched. */
  get(id: number, text: string): PatternMatch[] {
    const state = this.state(id);
    return state.ref.uses.map((use) => this.matchOf(state, use, text));
  }

  private matchOf(state: RefState, use: PatternUse, text: string): PatternMatch {
    const { method, ignoreCase } = use;
    const shown = method === 'ver' ? 'int' : method === 'meth' ? 'unknown' : method;
    const result = { method: shown, ignoresCase: ignoreCase, isTree: false, key: null, value: null, valueType: '' };
    if (method === 'found') return result;
    const matcher = state.matcher(method, ignoreCase);
    const sample = new Sample();
    const bytes = latin1Bytes(text);
    sample.setBytes(TYPE_STR, bytes, 0, bytes.length);
    const entry = matcher.match(sample, castSubject());
    if (entry < 0) return result;
    if (method === 'bool') return { ...result, key: 'unknown' };
    const value = state.ref.values === null ? null : state.entries.values.text(entry);
    const valueType = value === null ? '' : valueTypeOf(use, value);
    // A use without values is an ACL's: HAProxy has none to show for it either.
    const shownValue = use.out === '' ? null : value;
    return { ...result, isTree: matcher.isTree(entry), key: matcher.keyText(entry), value: shownValue, valueType };
  }

  /** Adds to a version, all pairs or none. */
  async add(id: number, version: number, pairs: readonly PatternPair[]): Promise<void> {
    await this.make({ kind: 'add', ref: this.state(id).ref.index, version, pairs });
  }

  /** Changes the value of every entry of a key, or of one entry. False: there is none. */
  async set(id: number, target: string | bigint, value: string): Promise<boolean> {
    const place = this.place(id, target);
    if (place === null) {
      if (typeof target === 'bigint') throw this.refuse('key or pattern not found');
      return false;
    }
    await this.make({ kind: 'set', ...place, value });
    return true;
  }

  /** Deletes the first entry of a key, or one entry. False: there is none. */
  async delete(id: number, target: string | bigint): Promise<boolean> {
    const place = this.place(id, target);
    if (place === null) return false;
    await this.make({ kind: 'delete', ...place });
    return true;
  }

  async clear(id: number, version: number): Promise<void> {
    await this.make({ kind: 'clear', ref: this.state(id).ref.index, version });
  }

  /** A new version, empty, unseen until it is committed. */
  async prepare(id: number): Promise<number> {
    const state = this.state(id);
    await this.make({ kind: 'prepare', ref: state.ref.index });
    return state.next;
  }

  async commit(id: number, version: number): Promise<void> {
    await this.make({ kind: 'commit', ref: this.state(id).ref.index, version });
  }

  /** A change that threads made by themselves: the others and this copy follow. */
  learn(change: PatternChange): void {
    if (this.store.check(change) === null) this.store.apply(change);
  }

  private async make(change: PatternChange): Promise<void> {
    const problem = this.store.check(change);
    if (problem !== null) throw this.refuse(problem);
    await this.publish(change);
    this.store.apply(change);
  }

  /** Which entry is meant, in words that mean the same in every thread. */
  private place(
    id: number,
    target: string | bigint,
  ): { ref: number; version: number; key: string; nth: number } | null {
    const state = this.state(id);
    const ref = state.ref.index;
    if (typeof target === 'string') {
      if (state.entries.find(target) < 0) return null;
      return { ref, version: state.current, key: target, nth: ALL_ALIKE };
    }
    for (const [version, entries] of state.existing()) {
      if (BigInt(entries.serial) !== target >> MARK_BITS) continue;
      const entry = entries.byMark(Number(BigInt.asUintN(32, target)));
      if (entry < 0) return null;
      const key = entries.texts.text(entry);
      let nth = 0;
      for (let other = entries.find(key); other >= 0 && other !== entry; other = entries.nextAlike(other)) nth++;
      return { ref, version, key, nth };
    }
    return null;
  }
}

const refOf = (entries: Entries, entry: number): bigint =>
  (BigInt(entries.serial) << MARK_BITS) | BigInt(entries.marks[entry]!);

function infoOf(state: RefState): PatternRefInfo {
  const { id, name, display, isMap, isAcl, values } = state.ref;
  return {
    ...{ id, name, display, isMap, isAcl, hasSamples: values !== null },
    ...{ currentVersion: state.current, nextVersion: state.next, entryCount: state.entryCount },
  };
}

function valueTypeOf({ out }: PatternUse, value: string): string {
  if (out !== 'addr') return out;
  const bytes = latin1Bytes(value);
  return parseInet4(bytes, 0, bytes.length) === NOT_INET4 ? 'ipv6' : 'ipv4';
}

let subjectForCasts: Subject | null = null;

// Casts of text need room for results and nothing else of a subject.
function castSubject(): Subject {
  subjectForCasts ??= { trash: new Trash(TRASH_BYTES) } as Subject;
  return subjectForCasts;
}
