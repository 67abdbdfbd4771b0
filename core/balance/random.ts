// `balance random[(draws)]`: draw servers by weight and keep the least loaded (manual §4.2 "balance").
//
// A draw is a random point on the consistent ring. Of two servers the one with fewer streams for its weight is
// kept; equals are told apart by this thread's sessions of the last second. If the one kept is full the stream
// goes to the backend's queue: no second try, as a full winner means that the others are hardly better off.

import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { type Counters, SESSION_RATE } from '../shared/counters.ts';
import { ConsistentRing } from './consistent.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { GROUP_NONE, type ServerGroup } from './server-group.ts';

export class Random extends GroupBalancer {
  private readonly ring: ConsistentRing;
  private readonly counters: Counters;
  private readonly clock: Clock;
  private readonly draws: number;
  private state: number; // xorshift32: never 0

  /** `draws`: 0 is the unwritten default and draws once, as 1 does. `seed`: any; equal seeds draw alike. */
  constructor(group: ServerGroup, counters: Counters, clock: Clock, draws: number, seed: number) {
    assert(draws >= 0, 'the number of draws cannot be negative');
    super(group);
    this.ring = new ConsistentRing(group);
    this.counters = counters;
    this.clock = clock;
    this.draws = Math.max(1, draws);
    this.state = (seed | 0) === 0 ? 0x9e3779b9 | 0 : seed | 0;
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    let chosen = this.ring.nearest(this.nextRandom(), avoid);
    for (let draw = 1; draw < this.draws; draw++) {
      const drawn = this.ring.nearest(this.nextRandom(), avoid);
      if (drawn !== chosen && this.better(drawn, chosen)) chosen = drawn;
    }
    return group.fullForRandom(chosen) ? PICK_FULL : chosen;
  }

  override rekey(position: number, key: number): void {
    this.group.ringKeys[position] = key;
    this.ring.rekey();
  }

  private better(drawn: number, chosen: number): boolean {
    const { group } = this;
    const drawnWeight = group.weights[drawn]!;
    const chosenWeight = group.weights[chosen]!;
    const drawnLoad = group.served(drawn) * chosenWeight;
    const chosenLoad = group.served(chosen) * drawnWeight;
    if (drawnLoad !== chosenLoad) return drawnLoad < chosenLoad;
    const drawnRate = this.rateOf(drawn) * chosenWeight;
    const chosenRate = this.rateOf(chosen) * drawnWeight;
    return drawnRate <= chosenRate;
  }

  private rateOf(position: number): number {
    return this.counters.ownRate(this.group.rows[position]!, SESSION_RATE, this.clock.nowMs);
  }

  private nextRandom(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  protected override refresh(): void {
    if (this.group.refresh()) this.ring.rebuild();
  }
}
