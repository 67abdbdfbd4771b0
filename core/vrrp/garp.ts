// When gratuitous ARPs and unsolicited NAs go out: at once after becoming master, again after garp_master_delay, then
// every garp_master_refresh; and when a lower-priority master has confused the segment (keepalived.conf, garp_*).
//
// RFC 9568 §6.4.2 asks for one per address; the repetitions are keepalived's.

import type { IpFamily } from '../model/vrrp.ts';
import type { Intents } from './contract.ts';
import type { Settings } from './settings.ts';

/** One address to announce, and where. */
export interface Announced {
  family: IpFamily;
  interfaceName: string;
  address: Uint8Array;
}

export class Announcer {
  // Infinity: not pending.
  delayedAtMs = Infinity;
  refreshAtMs = Infinity;
  lowerAtMs = Infinity;
  // Spaced out (garp_interval, gna_interval): what is still to be sent, one packet each. A new burst replaces the
  // rest of the old one, so the queue never holds more than one burst.
  queue: Announced[] = [];
  queueAtMs = Infinity;

  get deadlineMs(): number {
    return Math.min(this.delayedAtMs, this.refreshAtMs, this.lowerAtMs, this.queueAtMs);
  }

  onMaster(settings: Settings, addresses: readonly Announced[], nowMs: number, intents: Intents): void {
    const { garp } = settings.config;
    this.burst(settings, addresses, garp.masterRepeat, nowMs, intents);
    this.delayedAtMs = garp.masterDelayMs > 0 ? nowMs + garp.masterDelayMs : Infinity;
    this.refreshAtMs = garp.masterRefreshMs > 0 ? nowMs + garp.masterDelayMs + garp.masterRefreshMs : Infinity;
    this.lowerAtMs = Infinity;
  }

  /** A lower-priority router was heard sending as master: hosts may have learned its MAC. */
  onLowerPriority(settings: Settings, addresses: readonly Announced[], nowMs: number, intents: Intents): void {
    if (settings.lowerPrioRepeat <= 0) return;
    this.burst(settings, addresses, settings.lowerPrioRepeat, nowMs, intents);
    if (settings.lowerPrioDelayMs > 0) this.lowerAtMs = nowMs + settings.lowerPrioDelayMs;
  }

  run(settings: Settings, addresses: readonly Announced[], nowMs: number, intents: Intents): void {
    const { garp } = settings.config;
    if (nowMs >= this.delayedAtMs) {
      this.delayedAtMs = Infinity;
      this.burst(settings, addresses, garp.masterRepeat, nowMs, intents);
    }
    if (nowMs >= this.refreshAtMs) {
      this.refreshAtMs = garp.masterRefreshMs > 0 ? nowMs + garp.masterRefreshMs : Infinity;
      this.burst(settings, addresses, garp.masterRefreshRepeat, nowMs, intents);
    }
    if (nowMs >= this.lowerAtMs) {
      this.lowerAtMs = Infinity;
      this.burst(settings, addresses, settings.lowerPrioRepeat, nowMs, intents);
    }
    if (nowMs >= this.queueAtMs) this.sendQueued(settings, nowMs, intents);
  }

  /** No longer master: nothing is announced any more. */
  cancel(): void {
    this.delayedAtMs = Infinity;
    this.refreshAtMs = Infinity;
    this.lowerAtMs = Infinity;
    this.queueAtMs = Infinity;
    this.queue = [];
  }

  /** `repeat` packets for each address, together or spaced as configured. */
  burst(settings: Settings, addresses: readonly Announced[], repeat: number, nowMs: number, intents: Intents): void {
    const spaced: Announced[] = [];
    for (let round = 0; round < repeat; round++) {
      for (const each of addresses) if (spacingMs(settings, each) > 0) spaced.push(each);
    }
    for (const each of addresses) {
      if (repeat <= 0 || spacingMs(settings, each) > 0) continue;
      intents.push({ do: 'announce', instance: settings.config.name, ...each, count: repeat });
    }
    if (spaced.length === 0) return;
    this.queue = spaced;
    this.sendQueued(settings, nowMs, intents);
  }

  // One packet; after a late wake-up the rest is not caught up in a heap.
  private sendQueued(settings: Settings, nowMs: number, intents: Intents): void {
    const next = this.queue.shift();
    if (next !== undefined) intents.push({ do: 'announce', instance: settings.config.name, ...next, count: 1 });
    const following = this.queue[0];
    this.queueAtMs = following === undefined ? Infinity : nowMs + spacingMs(settings, following);
  }
}

function spacingMs(settings: Settings, announced: Announced): number {
  const { garp } = settings.config;
  return announced.family === 'inet' ? garp.intervalMs : garp.gnaIntervalMs;
}
