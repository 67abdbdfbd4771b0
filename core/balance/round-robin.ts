// `balance roundrobin`: weighted turns, smooth, with weights that may change at run time (manual §4.2 "balance").
//
// Time is a row of places, total weight long, walked one place a pick. A server of weight w wants every
// (total / w)th place, remainders carried along. Three queues hold the servers: `current` by wanted place,
// `initial` by falling weight for those who have not had their first turn in this round (heavy ones first keeps
// the mix smooth, and they also fill holes), `next` for those whose next place lies in the next round. When nothing
// is left, `next` becomes `initial` and a round begins. A pick costs O(log n).
//
// All threads turn the same wheels, in shared memory behind the rotation's lock (core/shared/rotations.ts). Exact:
// whichever threads pick, the picks together are the one sequence that a single thread would make, full servers,
// changed weights and servers that come and go included; the first thread that sees a change brings the wheels in
// line. Approximate: a pick that finds the lock held for longer than enter() waits (its holder lost its core, or
// crashed) takes its turn on wheels of its thread alone, which are as even but know nothing of the others.

import { assert } from '../base/assert.ts';
import { type Carver, Rotation } from '../shared/rotations.ts';
import { EFFECTIVE_WEIGHT_MAX, SERVER_WEIGHT_MAX, WEIGHT_SCALE } from '../shared/server-words.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { GROUP_BACKUPS, GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

const NOWHERE = -1;

// Cells of `numbers`.
const PLACE = 0; // where we are in the round
const ROUND_WEIGHT = 1; // length of the round, fixed when it began
const TOTAL_WEIGHT = 2; // of the servers on the wheel

/** The rotation of one group: the active servers, or the backups. All its state lies in `memory`. */
class Wheel {
  private readonly group: ServerGroup;
  private readonly kind: number; // of its servers, as in ServerGroup.isBackup
  private readonly numbers: Float64Array;
  private readonly swapped: Int32Array; // [0]: 1 while `initial` is the second of the two heaps
  private readonly weights: Int32Array; // by position: as the wheel has it, which may be older than the group's
  private readonly wantedPlaces: Float64Array; // by position: where it wants its next turn; 0: wherever we are
  private readonly remainders: Float64Array; // by position: sub-place part of it, in units of its weight
  private readonly setAside: Int32Array; // chain of servers found full during one pick
  private readonly heaps: [KeyedHeap, KeyedHeap];
  private readonly current: KeyedHeap;

  constructor(group: ServerGroup, kind: number, memory: Carver) {
    const count = group.serverCount;
    this.group = group;
    this.kind = kind;
    this.numbers = memory.float64s(3);
    this.swapped = memory.int32s(1);
    this.weights = memory.int32s(count);
    this.wantedPlaces = memory.float64s(count);
    this.remainders = memory.float64s(count);
    this.setAside = memory.int32s(count);
    this.heaps = [new KeyedHeap(count, memory), new KeyedHeap(count, memory)];
    this.current = new KeyedHeap(count, memory);
  }

  get totalWeight(): number {
    return this.numbers[TOTAL_WEIGHT]!;
  }

  private get initial(): KeyedHeap {
    return this.heaps[this.swapped[0] === 0 ? 0 : 1];
  }

  private get next(): KeyedHeap {
    return this.heaps[this.swapped[0] === 0 ? 1 : 0];
  }

  /** From nothing, whatever state its memory is in; `firstTurn`: the position to begin with. */
  build(firstTurn: number): void {
    const { group, weights, numbers } = this;
    this.heaps[0].clear();
    this.heaps[1].clear();
    this.current.clear();
    this.swapped[0] = 0;
    for (let step = 0; step < group.serverCount; step++) {
      const position = (firstTurn + step) % group.serverCount;
      const weight = group.isBackup[position] === this.kind ? group.weights[position]! : 0;
      weights[position] = weight;
      if (weight > 0) this.queueByWeight(this.initial, position);
    }
    numbers[TOTAL_WEIGHT] = this.weightOfGroup();
    this.startRound();
  }

  /** Brings it in line with the group's weights: servers came, went, or changed. */
  sync(): void {
    const { group, weights } = this;
    this.numbers[TOTAL_WEIGHT] = this.weightOfGroup();
    for (let position = 0; position < group.serverCount; position++) {
      if (group.isBackup[position] !== this.kind) continue;
      const weight = group.weights[position]!;
      if (weight === weights[position]) continue;
      weights[position] = weight;
      this.change(position, weight);
    }
  }

  private weightOfGroup(): number {
    return this.kind === 0 ? this.group.activeWeight : this.group.backupWeight;
  }

  private startRound(): void {
    const total = this.totalWeight;
    this.numbers[ROUND_WEIGHT] = total;
    this.numbers[PLACE] = total;
  }

  private change(position: number, weight: number): void {
    const { initial, next, current, numbers } = this;
    if (initial.has(position)) {
      initial.remove(position);
      if (weight > 0) this.remainders[position] = 0;
    } else if (next.has(position)) {
      next.remove(position);
    } else if (current.has(position)) {
      current.remove(position);
    }
    if (weight === 0) return;
    const place = numbers[PLACE]!;
    const placesLeft = this.totalWeight + numbers[ROUND_WEIGHT]! - place;
    this.wantedPlaces[position] = place + Math.floor(placesLeft / weight);
    this.queue(position);
  }

  /** The next server in turn that has room and is not `avoid`; `avoid` itself when no other has; −1 when none has. */
  pick(avoid: number): number {
    const { numbers } = this;
    let switched = false;
    let avoided = NOWHERE;
    let asideFirst = NOWHERE;
    let position = NOWHERE;
    for (;;) {
      if (numbers[ROUND_WEIGHT] === 0) this.startRound();
      position = this.takeFirst();
      if (position < 0) {
        if (switched) {
          position = avoided;
          break;
        }
        switched = true;
        this.switchRounds();
        position = this.takeFirst();
        if (position < 0) {
          position = avoided;
          break;
        }
      }
      this.advance(position);
      numbers[PLACE]! += 1;
      if (this.group.hasRoom(position)) {
        if (position !== avoid || avoided >= 0) break;
        avoided = position;
      }
      this.setAside[position] = asideFirst;
      asideFirst = position;
    }
    if (position >= 0) this.queue(position);
    this.returnAside(asideFirst, position, switched);
    return position;
  }

  // Within the round, full servers keep their rhythm as if they had been served; across a switch their place is
  // lost and only their weight counts.
  private returnAside(first: number, taken: number, switched: boolean): void {
    for (let position = first; position >= 0; position = this.setAside[position]!) {
      if (position === taken) continue;
      if (switched) this.queueByWeight(this.initial, position);
      else this.queue(position);
    }
  }

  // Who wanted this place or an earlier one; else a hole, filled by who waits for a first turn; else the nearest.
  private takeFirst(): number {
    const planned = this.current.first();
    if (planned >= 0 && this.wantedPlaces[planned]! <= this.numbers[PLACE]!) {
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

  private switchRounds(): void {
    assert(this.initial.count === 0 && this.current.count === 0, 'a round ended with servers left in it');
    this.swapped[0] = 1 - this.swapped[0]!;
    this.startRound();
  }

  private advance(position: number): void {
    const weight = this.weights[position]!;
    const totalWeight = this.totalWeight;
    let wanted = this.wantedPlaces[position]!;
    if (wanted === 0) wanted = this.numbers[PLACE]!;
    wanted += Math.floor(totalWeight / weight);
    let remainder = this.remainders[position]! + (totalWeight % weight);
    if (remainder >= weight) {
      remainder -= weight;
      wanted++;
    }
    this.wantedPlaces[position] = wanted;
    this.remainders[position] = remainder;
  }

  private queue(position: number): void {
    const wanted = this.wantedPlaces[position]!;
    const roundWeight = this.numbers[ROUND_WEIGHT]!;
    if (wanted >= 2 * roundWeight || wanted >= roundWeight + this.totalWeight) {
      this.wantedPlaces[position] = wanted - roundWeight;
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

/** The wheels of one backend in one rotation. Between rotation.enter() and leave(), except the constructor. */
class Wheels {
  private readonly rotation: Rotation;
  private readonly group: ServerGroup;
  private readonly firstTurn: number;
  private readonly active: Wheel;
  private readonly backups: Wheel;

  constructor(group: ServerGroup, rotation: Rotation, firstTurn: number) {
    const memory = rotation.body();
    this.rotation = rotation;
    this.group = group;
    this.firstTurn = firstTurn;
    this.active = new Wheel(group, 0, memory);
    this.backups = new Wheel(group, 1, memory);
  }

  /** Afterwards they follow the server words that the group has seen, and nobody has seen later ones in them. */
  sync(): void {
    const { rotation, group } = this;
    if (!rotation.built()) {
      this.active.build(this.firstTurn);
      this.backups.build(this.firstTurn);
    } else {
      if (rotation.epoch() === group.epoch) return;
      // Another thread has brought them in line with words that are news to us, or else it is our task.
      if (group.stale()) group.refresh();
      if (rotation.epoch() === group.epoch) return;
      this.active.sync();
      this.backups.sync();
    }
    rotation.follow(group.epoch);
  }

  pick(avoid: number): number {
    const { group } = this;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    const wheel = group.using === GROUP_BACKUPS ? this.backups : this.active;
    // Nobody on it: all became unfit a moment ago.
    if (wheel.totalWeight === 0) return PICK_NONE;
    const position = wheel.pick(avoid);
    return position < 0 ? PICK_FULL : position;
  }
}

export class RoundRobin extends GroupBalancer {
  private readonly rotation: Rotation;
  private readonly wheels: Wheels;
  private readonly ownFirstTurn: number;
  private ownWheels: Wheels | null; // null until a pick cannot have its turn on the shared ones

  /** `firstTurn`: the position that starts a rotation of this thread's own; a shared one starts with the first. */
  constructor(group: ServerGroup, rotation: Rotation, firstTurn: number) {
    super(group);
    this.rotation = rotation;
    this.wheels = new Wheels(group, rotation, rotation.alone ? firstTurn : 0);
    this.ownFirstTurn = firstTurn;
    this.ownWheels = null;
    // Weights that change before the first pick must find the wheels built, as HAProxy's are.
    if (!rotation.enter()) return;
    this.wheels.sync();
    rotation.leave();
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (group.queueBlocks()) return PICK_FULL;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    if (!this.rotation.enter()) return this.pickOwn(avoid);
    this.wheels.sync();
    const position = this.wheels.pick(avoid);
    this.rotation.leave();
    return position;
  }

  private pickOwn(avoid: number): number {
    if (this.ownWheels === null) {
      const rotation = Rotation.own('roundrobin', this.group.serverCount);
      this.ownWheels = new Wheels(this.group, rotation, this.ownFirstTurn);
    }
    this.ownWheels.sync();
    return this.ownWheels.pick(avoid);
  }

  protected override refresh(): void {
    this.group.refresh();
  }
}
