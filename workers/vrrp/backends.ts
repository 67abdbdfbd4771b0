// `weir:backend NAME up>=N`: how many servers of a proxy are usable, read from the shared server words.

import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpBackend } from '../../core/model/vrrp-worker.ts';
import { ServerWords } from '../../core/shared/server-words.ts';
import type { TrackedFact } from '../../core/vrrp/contract.ts';

export class BackendTracking {
  readonly watched: boolean; // something depends on a backend
  private readonly words: ServerWords | null;
  private readonly serversOf = new Map<string, readonly number[]>();
  private readonly told = new Map<string, number>(); // by backend: servers up, as told last
  private epoch = -1;

  constructor(model: VrrpModel, buffer: SharedArrayBuffer | null, backends: readonly VrrpBackend[]) {
    this.words = buffer === null ? null : new ServerWords(buffer);
    const names = new Set<string>();
    for (const script of model.scripts) if (script.backend !== null) names.add(script.backend.name);
    for (const holder of [...model.instances, ...model.groups]) {
      for (const tracked of holder.tracked) if (tracked.kind === 'backend') names.add(tracked.name);
    }
    for (const name of names) {
      this.serversOf.set(name, backends.find((each) => each.name === name)?.serverIndexes ?? []);
    }
    this.watched = names.size > 0;
  }

  /** As told last. */
  status(): { name: string; serversUp: number }[] {
    return [...this.told].map(([name, serversUp]) => ({ name, serversUp }));
  }

  /** What changed since the last look; everything at the first. Costs one load when nothing did. */
  news(): TrackedFact[] {
    if (!this.watched) return [];
    const epoch = this.words?.epoch() ?? 0;
    if (epoch === this.epoch) return [];
    this.epoch = epoch;
    const facts: TrackedFact[] = [];
    for (const [name, indexes] of this.serversOf) {
      const serversUp = indexes.filter((index) => this.words?.usable(index) ?? false).length;
      if (this.told.get(name) === serversUp) continue;
      this.told.set(name, serversUp);
      facts.push({ kind: 'backend', name, up: serversUp > 0, value: 0, serversUp });
    }
    return facts;
  }
}
