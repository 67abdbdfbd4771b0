// Work for the kernel that may be more than one turn should last: a router that becomes master of two hundred
// addresses must not keep the adverts of its other instances waiting meanwhile.
//
// Adverts never come here, they go out at once. All the rest keeps its order: what is asked for first is done first,
// and words (logs, scripts) follow what they tell of.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VirtualAddress } from '../../core/model/vrrp.ts';
import type { Intent } from '../../core/vrrp/contract.ts';

const ADDRESSES_MAX = 4; // a piece: some tenths of a millisecond
const TURN_MS = 2;

export class Backlog {
  private readonly queue: Intent[] = [];
  private readonly work: (intent: Intent) => void;

  constructor(work: (intent: Intent) => void) {
    this.work = work;
  }

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  add(intent: Intent): void {
    if (intent.do === 'add-addresses') {
      for (const addresses of pieces(intent.addresses)) this.queue.push({ ...intent, addresses });
    } else if (intent.do === 'remove-addresses') {
      // The last first, as they are removed.
      for (const addresses of pieces(intent.addresses).reverse()) this.queue.push({ ...intent, addresses });
    } else {
      this.queue.push(intent);
    }
  }

  /** As much as a turn may take, or all of it. */
  proceed(limitMs = TURN_MS): void {
    const endAtMs = nowMs() + limitMs;
    while (this.queue.length > 0) {
      this.work(this.queue.shift()!);
      if (nowMs() >= endAtMs) return;
    }
  }
}

function pieces(addresses: readonly VirtualAddress[]): (readonly VirtualAddress[])[] {
  if (addresses.length <= ADDRESSES_MAX) return [addresses];
  const all: (readonly VirtualAddress[])[] = [];
  for (let at = 0; at < addresses.length; at += ADDRESSES_MAX) all.push(addresses.slice(at, at + ADDRESSES_MAX));
  return all;
}
