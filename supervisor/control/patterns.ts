// The supervisor's own copy of all maps and acls: what commands read, and what a thread that starts later must learn.

import type { Model } from '../../core/model/model.ts';
import type { Change, PatternChange } from '../../core/model/worker-data.ts';
import { PatternDirectory } from '../../core/sample/patterns/control.ts';
import { CURRENT_VERSION, PatternStore, type RefState } from '../../core/sample/patterns/store.ts';
import { type PatternControl, PatternError } from './pattern-control.ts';

export class SupervisorPatterns {
  readonly control: PatternControl;
  readonly store: PatternStore;
  private readonly directory: PatternDirectory;
  private readonly touched = new Set<number>(); // references that are not as the configuration made them

  /** `publish` resolves when every thread works with the change. */
  constructor(model: Model, publish: (change: PatternChange) => Promise<void>) {
    this.store = new PatternStore(model.patternRefs);
    this.directory = new PatternDirectory(
      this.store,
      (change) => {
        this.touched.add(change.ref);
        return publish(change);
      },
      (message) => new PatternError(message),
    );
    this.control = this.directory;
  }

  /** A thread's rule made the change. */
  learn(change: PatternChange): void {
    this.touched.add(change.ref);
    this.directory.learn(change);
  }

  /** Makes a thread that has what the configuration says into one that has what is here. */
  *replay(): Iterable<Change> {
    for (const ref of this.touched) {
      for (const change of rebuild(this.store.state(ref), ref)) yield { kind: 'patterns', change };
    }
  }
}

// Emptied, led to the same version numbers, then filled again, every version in its order.
function* rebuild(state: RefState, ref: number): Iterable<PatternChange> {
  yield { kind: 'clear', ref, version: CURRENT_VERSION };
  for (let version = 0; version !== state.next; version = (version + 1) >>> 0) yield { kind: 'prepare', ref };
  if (state.current !== 0) yield { kind: 'commit', ref, version: state.current };
  for (const [version, entries] of state.existing()) {
    const pairs: { key: string; value: string | null }[] = [];
    for (let entry = 0; entry < entries.texts.count; entry++) {
      if (!entries.isLive(entry)) continue;
      const value = state.ref.values === null ? null : entries.values.text(entry);
      pairs.push({ key: entries.texts.text(entry), value });
    }
    if (pairs.length > 0) yield { kind: 'add', ref, version, pairs };
  }
}
