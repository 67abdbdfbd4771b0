// The supervisor's side of maps and acls, and what the map and acl commands need of the pattern store: lookup, reading and changing, in versions.
//
// A reference is one file (or one inline list) of patterns, shared by all that name it. Changes go to all threads at
// once or not at all: a method that changes resolves when every living thread works with the change, and rejects
// with PatternError, nothing having changed, when it cannot be made. All texts are latin1.

/** A change that cannot be made; the message is HAProxy's, without its final period and line end. */
export class PatternError extends Error {}

export interface PatternRefInfo {
  id: number; // unique; shown first in `show map`
  name: string; // the file, or '' for an inline list
  display: string; // "pattern loaded from file … used by map at file … line …"
  isMap: boolean;
  isAcl: boolean;
  hasSamples: boolean; // entries have values
  currentVersion: number;
  nextVersion: number;
  entryCount: number;
}

export interface PatternEntry {
  ref: bigint; // what "#0x…" names: never 0, never used for another entry
  key: string;
  value: string | null; // null: an acl's entry
}

/** One compiled use of a reference, and what it makes of a key: a line of `get map` or `get acl`. */
export interface PatternMatch {
  method: string; // found, bool, int, ip, bin, len, str, beg, sub, dir, dom, end, reg
  ignoresCase: boolean;
  isTree: boolean; // found through an index
  key: string | null; // the pattern that matched; null: none did
  value: string | null;
  valueType: string; // str, sint, addr …
}

export interface PatternControl {
  /** In order of ids. */
  list(): PatternRefInfo[];
  /** By "#id" or by name; null when there is none. */
  find(identifier: string): PatternRefInfo | null;
  /** Entries of a version in order; none for a version that does not exist. */
  entries(id: number, version: number): Iterable<PatternEntry>;
  get(id: number, key: string): PatternMatch[];
  /** Adds to a version, all pairs or none. */
  add(id: number, version: number, pairs: readonly { key: string; value: string | null }[]): Promise<void>;
  /** Changes the value of every entry of the key, or of one entry. False: there is none. */
  set(id: number, target: string | bigint, value: string): Promise<boolean>;
  delete(id: number, target: string | bigint): Promise<boolean>;
  clear(id: number, version: number): Promise<void>;
  /** A new version, empty, unseen until it is committed. */
  prepare(id: number): Promise<number>;
  /** The version becomes current; all older ones go. */
  commit(id: number, version: number): Promise<void>;
}
