// One announcement a link from time to time (garp_extra_if): a switch learns where the virtual MAC is of links that
// carry addresses, but no adverts. keepalived.conf(5): of virtual interfaces only, or of all with `all`.

import type { VrrpInstance } from '../../core/model/vrrp.ts';

export class ExtraAnnouncements {
  private readonly dueMs = new Map<string, number>(); // by instance
  private readonly announce: (instanceName: string) => boolean;

  /** `announce` does it for an instance now; false: it holds nothing any more. */
  constructor(announce: (instanceName: string) => boolean) {
    this.announce = announce;
  }

  /** When onTime() has something to do; Infinity: never. */
  get nextMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const dueMs of this.dueMs.values()) nextMs = Math.min(nextMs, dueMs);
    return nextMs;
  }

  /** The instance holds its addresses now: the first time comes after the second burst of announcements. */
  begin(instance: VrrpInstance, nowMs: number): void {
    const { extraIntervalMs = 0, masterDelayMs } = instance.garp;
    if (extraIntervalMs <= 0) this.dueMs.delete(instance.name);
    else if (!this.dueMs.has(instance.name)) this.dueMs.set(instance.name, nowMs + masterDelayMs + extraIntervalMs);
  }

  /** Announces what is due; `intervalOf` an instance that is no longer known is 0. */
  onTime(nowMs: number, intervalOf: (instanceName: string) => number): void {
    for (const [name, dueMs] of this.dueMs) {
      if (nowMs < dueMs) continue;
      const intervalMs = intervalOf(name);
      if (intervalMs > 0 && this.announce(name)) this.dueMs.set(name, nowMs + intervalMs);
      else this.dueMs.delete(name);
    }
  }
}
