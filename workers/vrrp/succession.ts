// What moves from a VRRP thread to the one that takes its place, and what the second hears while it waits.
//
// Both have the same sockets open, so every advert comes to both. Each carries the kernel's time stamp, and the kernel
// gives both copies the same one: the predecessor says which was the last it acted on, by socket, and the successor
// acts on those after it. So none is lost and none counts twice, whenever either of them came to read it.

import type { ExportedBfd } from '../../core/bfd/contract.ts';
import type { AdvertFact, ExportedState } from '../../core/vrrp/contract.ts';
import type { VrrpRouter } from '../../core/vrrp/router.ts';
import type { Bfd } from './bfd.ts';
import type { Hearing } from './hearing.ts';
import type { Vmacs } from './vmac.ts';

/** The whole of a thread's state, as plain data (structured clone or JSON). */
export interface Estate {
  version: 1;
  router: ExportedState;
  bfd?: readonly ExportedBfd[];
  /** By socket: the time stamp of the last packet that was acted on. */
  heard: readonly (readonly [string, number])[];
  /** Settings of the machine as they were before the first thread changed them, by path: to be given back at the end. */
  settings: readonly (readonly [string, string])[];
}

/** Those who have something to hand over. */
export interface Testators {
  router: VrrpRouter;
  bfd: Bfd;
  hearing: Hearing;
  vmacs: Vmacs;
}

export function estateOf({ router, bfd, hearing, vmacs }: Testators, now: number): Estate {
  return {
    version: 1,
    router: router.exportState(now),
    bfd: bfd.exportState(now),
    heard: hearing.stamps(),
    settings: vmacs.settings(),
  };
}

const OFFERED = 0;
const TAKEN = 1;
const WITHDRAWN = 2;

/**
 * Whose the role is while it is offered: one shared word, and whoever changes it first has it. So there are never two
 * routers nor none, whichever thread is late or dead.
 */
export class Claim {
  private readonly word: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer) {
    this.word = new Int32Array(shared);
  }

  /** The heir's: true when the role is its own now. */
  take(): boolean {
    const isOurs = Atomics.compareExchange(this.word, 0, OFFERED, TAKEN) === OFFERED;
    Atomics.notify(this.word, 0);
    return isOurs;
  }

  /** The owner's: waits at most `waitMs` for the heir to take it; false: it did not, and cannot any more. */
  giveWithin(waitMs: number): boolean {
    Atomics.wait(this.word, 0, OFFERED, waitMs);
    return Atomics.compareExchange(this.word, 0, OFFERED, WITHDRAWN) === TAKEN;
  }
}

interface Kept {
  key: string;
  stampMs: number; // 0: the kernel did not tell
  readAtMs: number; // monotonic
  fact: AdvertFact;
}

// At 100 adverts a second of one master this is a whole second; a move takes a few milliseconds.
const KEPT_MAX = 128;

/** The packets of the last moments, kept by a successor until it knows which of them are its own. */
export class Overheard {
  private readonly ring: Kept[] = [];
  private at = 0;

  keep(key: string, stampMs: number, readAtMs: number, fact: AdvertFact): void {
    this.ring[this.at] = { key, stampMs, readAtMs, fact };
    this.at = (this.at + 1) % KEPT_MAX;
  }

  /**
   * Those that came after what is in `heard`, oldest first; nothing is kept any more. Where the predecessor heard
   * nothing, or stamps are missing, those read after `takenAtMs`, the moment of its last word.
   */
  takeAfter(heard: Estate['heard'], takenAtMs: number): AdvertFact[] {
    const last = new Map(heard);
    const kept = [...this.ring.slice(this.at), ...this.ring.slice(0, this.at)];
    this.ring.length = 0;
    this.at = 0;
    const isOurs = ({ key, stampMs, readAtMs }: Kept): boolean => {
      const lastMs = last.get(key);
      return lastMs === undefined || stampMs === 0 ? readAtMs > takenAtMs : stampMs > lastMs;
    };
    return kept.filter(isOurs).map(({ fact }) => fact);
  }
}
