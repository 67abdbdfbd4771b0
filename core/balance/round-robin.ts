// `balance roundrobin`: weighted turns, smooth, with weights that may change at run time (manual §4.2 "balance").
//
// Time is a row of places, total weight long, walked one place a pick. A server of weight w wants every
// (total / w)th place, remainders carried along. Three queues hold the servers: `current` by wanted place,
// `initial` by falling weight for those who have not had their first turn in this round (heavy ones first keeps
// the mix smooth, and they also fill holes), `next` for those whose next place lies in the next round. When nothing
// is left, `next` becomes `initial` and a round begins. A pick costs O(log n).

import { assert } from '../base/assert.ts';
import { EFFECTIVE_WEIGHT_MAX, SERVER_WEIGHT_MAX, WEIGHT_SCALE } from '../shared/server-words.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { GROUP_ACTIVE, GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

const NOWHERE = -1;

/** The rotation of one group: the active servers, or the backups. */
class Wheel {
  private readonly group: ServerGroup;
  private readonly weights: Int32Array;
  private initial: KeyedHeap;
  private next: KeyedHeap;
  private readonly current: KeyedHeap;
  private readonly wantedPlaces: Float64Array; // by position: where it wants its next turn; 0: wherever we are
  private readonly remainders: Float64Array; // by position: sub-place part of it, in units of its weight
  private readonly setAside: Int32Array; // chain of servers found full during one pick
  private place: number; // where we are in the round
  private roundWeight: number; // length of the round, fixed when it began

  constructor(group: ServerGroup) {
    const count = group.serverCount;
    this.group = group;
    this.weights = group.weights;
    this.initial = new KeyedHeap(count);
    this.next = new KeyedHeap(count);
    this.current = new KeyedHeap(count);
    this.wantedPlaces = new Float64Array(count);
    this.remainders = new Float64Array(count);
    this.setAside = new Int32Array(count);
    this.place = 0;
    this.roundWeight = 0;
  }

  start(position: number): void {
    this.queueByWeight(this.initial, position);
  }

  startRound(totalWeight: number): void {
    this.roundWeight = totalWeight;
    this.place = totalWeight;
  }

  /** A server came, went, or changed weight. `totalWeight` is already the new one. */
  change(position: number, totalWeight: number): void {
    const weight = this.weights[position]!;
    if (this.initial.has(position)) {
      this.initial.remove(position);
      if (weight > 0) this.remainders[position] = 0;
    } else if (this.next.has(position)) {
      this.next.remove(position);
    } else if (this.current.has(position)) {
      this.current.remove(position);
    }
    if (weight === 0) return;
    this.wantedPlaces[position] = this.place + Math.floor((totalWeight + this.roundWeight - this.place) / weight);
    this.queue(position, totalWeight);
  }

  /** The next server in turn that has room and is not `avoid`; `avoid` itself when no other has; −1 when none has. */
  pick(avoid: number, totalWeight: number): number {
    let switched = false;
    let avoided = NOWHERE;
    let asideFirst = NOWHERE;
    let position = NOWHERE;
    for (;;) {
      if (this.roundWeight === 0) this.startRound(totalWeight);
      position = this.takeFirst();
      if (position < 0) {
        if (switched) {
          position = avoided;
          break;
        }
        switched = true;
        this.switchRounds(totalWeight);
        position = this.takeFirst();
        if (position < 0) {
          position = avoided;
          break;
        }
      }
      this.advance(position, totalWeight);
      this.place++;
      if (this.group.hasRoom(position)) {
        if (position !== avoid || avoided >= 0) break;
        avoided = position;
      }
      this.setAside[position] = asideFirst;
      asideFirst = position;
    }
    if (position >= 0) this.queue(position, totalWeight);
    this.returnAside(asideFirst, position, switched, totalWeight);
    return position;
  }

  // Within the round, full servers keep their rhythm as if they had been served; across a switch their place is
  // lost and only their weight counts.
  private returnAside(first: number, taken: number, switched: boolean, totalWeight: number): void {
    for (let position = first; position >= 0; position = this.setAside[position]!) {
      if (position === taken) continue;
      if (switched) this.queueByWeight(this.initial, position);
      else this.queue(position, totalWeight);
    }
  }

  // Who wanted this place or an earlier one; else a hole, filled by who waits for a first turn; else the nearest.
  private takeFirst(): number {
    const planned = this.current.first();
    if (planned >= 0 && this.wantedPlaces[planned]! <= this.place) {
      this.current.remove(planned);
      return planned;
    }
    const waiting = this.initial.first();
    if (waiting >= 0) {
      this.initial.remove(waiting);
      this.wantedPlaces[waiting] = 0;
      this.remainders[waiting] = 0;
      return waiting;
    }
    if (planned >= 0) this.current.remove(planned);
    return planned;
  }

  private switchRounds(totalWeight: number): void {
    assert(this.initial.count === 0 && this.current.count === 0, 'a round ended with servers left in it');
    const swap = this.initial;
    this.initial = this.next;
    this.next = swap;
    this.startRound(totalWeight);
  }

  private advance(position: number, totalWeight: number): void {
    const weight = this.weights[position]!;
    let wanted = this.wantedPlaces[position]!;
    if (wanted === 0) wanted = this.place;
    wanted += Math.floor(totalWeight / weight);
    let remainder = this.remainders[position]! + (totalWeight % weight);
    if (remainder >= weight) {
      remainder -= weight;
      wanted++;
    }
    this.wantedPlaces[position] = wanted;
    this.remainders[position] = remainder;
  }

  private queue(position: number, totalWeight: number): void {
    const wanted = this.wantedPlaces[position]!;
    if (wanted >= 2 * this.roundWeight || wanted >= this.roundWeight + totalWeight) {
      this.wantedPlaces[position] = wanted - this.roundWeight;
      this.queueByWeight(this.next, position);
      return;
    }
    // By place; within a place the heavier and the less overdue first.
    const rank = EFFECTIVE_WEIGHT_MAX + this.remainders[position]! - this.weights[position]!;
    this.current.insert(position, SERVER_WEIGHT_MAX * wanted + Math.floor(rank / WEIGHT_SCALE));
  }

  private queueByWeight(heap: KeyedHeap, position: number): void {
    heap.insert(position, EFFECTIVE_WEIGHT_MAX - this.weights[position]!);
  }
}

export class RoundRobin extends GroupBalancer {
  override readonly needsSourceHash = false;
  private readonly active: Wheel;
  private readonly backups: Wheel;

  /** `firstTurn`: the position that starts the rotation, so that threads need not all begin with the same server. */
  constructor(group: ServerGroup, firstTurn: number) {
    super(group);
    this.active = new Wheel(group);
    this.backups = new Wheel(group);
    for (let step = 0; step < group.serverCount; step++) {
      const position = (firstTurn + step) % group.serverCount;
      if (!group.usable(position)) continue;
      this.wheelOf(position).start(position);
    }
    this.active.startRound(group.activeWeight);
    this.backups.startRound(group.backupWeight);
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (group.queueBlocks()) return PICK_FULL;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    const wheel = group.using === GROUP_ACTIVE ? this.active : this.backups;
    const position = wheel.pick(avoid, group.totalWeight);
    return position < 0 ? PICK_FULL : position;
  }

  protected override refresh(): void {
    const group = this.group;
    if (!group.refresh()) return;
    for (let i = 0; i < group.changedCount; i++) {
      const position = group.changed[i]!;
      const total = group.isBackup[position] === 0 ? group.activeWeight : group.backupWeight;
      this.wheelOf(position).change(position, total);
    }
  }

  private wheelOf(position: number): Wheel {
    return this.group.isBackup[position] === 0 ? this.active : this.backups;
  }
}
