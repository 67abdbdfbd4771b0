// What the rest of the language asks of patterns: does this value match, and with which entry.

import type { Subject } from '../subject.ts';
import type { Sample } from '../types.ts';

/** One pattern reference, seen through one match method: kept current when the reference changes at run time. */
export interface Matcher {
  /** Number of the matching entry, or −1. `sample` has any type; the matcher casts it as HAProxy does. */
  match(sample: Sample, subject: Subject): number;
  /** Text of the entry that matched (its key as loaded, latin1): for `weir explain`, allocates. */
  keyText(entry: number): string;
  /** The entry's key as a string in `sample`: a view of its bytes. */
  key(entry: number, sample: Sample): void;
  /** The value a map holds for that entry: view of its bytes in `sample` as a string. */
  value(entry: number, sample: Sample): void;
  readonly count: number; // entries just now
  /** How often the reference was changed at run time; `changes` counts those of all references together. */
  readonly changeCount: number;
  readonly changes: { readonly count: number };
}
