// What an instance needs of those around it: the router's host, its sync group, the conditions outside.

import type { Intents } from './contract.ts';
import type { Instance } from './instance.ts';

/** What an instance asks of its surroundings. */
export interface Host {
  wallMs(): number;
  readonly learnedFactorMax: number;
}

/** The sync group as its members see it (sync-group.ts). */
export interface Companions {
  readonly name: string;
  canGoMaster(member: Instance): boolean;
  onMemberMaster(member: Instance, nowMs: number, intents: Intents): void;
  onMemberBackup(member: Instance, nowMs: number, intents: Intents): void;
  others(member: Instance): readonly Instance[];
}

/** The outside conditions of an instance, as the router gathers them. */
export interface Conditions {
  ifindex: number; // where adverts leave; 0: not there
  isLinkUp: boolean; // all links it needs
  source: Uint8Array | null;
  weight: number; // of all trackers
  trackerFaults: readonly string[];
  isPending: boolean; // a script has not reported yet
}
