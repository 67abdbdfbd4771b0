// `balance leastconn`: the server with the least load for its weight; equals take turns (manual §4.2 "balance").
//
// Ordered by (inflight + 1) × 4096 / effective weight, where inflight = served + queued, and 0 for an idle server,
// so that an idle one always goes first. Equals go in the order in which they came to their load: each stream that any
// thread assigns to a server or takes from it gives that server the next number of the backend's shared count, and
// the lowest number goes first.
//
// A heap holds the order as this thread last saw it. Its own changes arrive by taken() and dropped(); changes made by
// other threads are noticed in two ways: the server on top is checked before it is chosen, and each pick looks at
// a few more in turn. With up to SWEEP_COUNT servers a pick so sees all loads and numbers as they are: exact, except
// that threads which pick at the same instant may choose the same server. With more servers, one elsewhere in the heap
// may be out of date for n / SWEEP_COUNT picks of this thread: it is then taken a little later than in its turn.

import { type Rotation, TURN } from '../shared/rotations.ts';
import { EFFECTIVE_WEIGHT_MAX } from '../shared/server-words.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

const SWEEP_COUNT = 16;

export class LeastConn extends GroupBalancer {
  private readonly heap: KeyedHeap;
  private readonly skipped: Int32Array; // full or avoided servers taken out during one pick
  private readonly sweepCount: number; // 0 when no other thread can change the load
  private readonly alone: boolean; // no other thread gives numbers
  private readonly cells: Int32Array; // [TURN]: numbers given so far; Atomics only
  // By position: the server's number. Every thread writes and reads it plainly: a word is never seen half, and who
  // sees it late, or loses it to a thread that wrote at the same time, has equals in another order, no more.
  private readonly numbers: Int32Array;
  private readonly numbersSeen: Int32Array; // by position: the number it has its place in the heap for
  private using: number; // the group the heap was filled for
  private sweepAt = 0;
  // Numbers wrap at 2^32, turns in the heap do not: the latest number seen, and the turn it stands for.
  private latestNumber: number;
  private latestTurn: number;

  /** `firstTurn`: the position that starts a rotation of this thread's own; a shared one starts with the first. */
  constructor(group: ServerGroup, rotation: Rotation, firstTurn: number, threadCount: number) {
    super(group);
    this.alone = rotation.alone;
    this.cells = rotation.cells;
    this.numbers = rotation.body().int32s(group.serverCount);
    this.numbersSeen = new Int32Array(group.serverCount);
    this.heap = new KeyedHeap(group.serverCount);
    this.skipped = new Int32Array(group.serverCount);
    this.sweepCount = threadCount === 1 ? 0 : Math.min(SWEEP_COUNT, group.serverCount);
    this.using = GROUP_NONE;
    if (rotation.enter()) {
      if (!rotation.built()) this.numberAll(rotation.alone ? firstTurn : 0);
      rotation.follow(group.epoch);
      rotation.leave();
    }
    this.latestNumber = Atomics.load(this.cells, TURN);
    this.latestTurn = 0;
    this.fill();
  }

  override pick(_hash: number, avoid: number): number {
    const group = this.group;
    if (group.stale()) this.refresh();
    if (group.using === GROUP_NONE) return PICK_NONE;
    if (group.using === GROUP_ONE_BACKUP) return group.firstBackup;
    for (let i = 0; i < this.sweepCount; i++) this.sweepOne();
    return this.pickLeast(avoid);
  }

  override taken(position: number): void {
    this.toTheEnd(position);
    this.update(position);
  }

  override dropped(position: number): void {
    this.toTheEnd(position);
    this.update(position);
  }

  private pickLeast(avoid: number): number {
    const heap = this.heap;
    let chosen = PICK_FULL;
    let skippedCount = 0;
    let checksLeft = heap.count; // others may change loads while we look: do not chase them for ever
    while (heap.count > 0) {
      const position = heap.first();
      if (checksLeft > 0 && this.update(position)) {
        checksLeft--;
        continue;
      }
      const hasRoom = this.group.hasRoomOrQueue(position);
      if (hasRoom && position !== avoid) {
        chosen = position;
        break;
      }
      if (hasRoom) chosen = position; // to be avoided, but better than none
      heap.remove(position);
      this.skipped[skippedCount++] = position;
    }
    for (let i = 0; i < skippedCount; i++) heap.restore(this.skipped[i]!);
    return chosen;
  }

  private keyOf(position: number): number {
    const inflight = this.group.inflight(position);
    if (inflight === 0) return 0;
    return Math.floor(((inflight + 1) * EFFECTIVE_WEIGHT_MAX) / this.group.weights[position]!);
  }

  // A number as a turn that does not wrap, while it is less than 2^31 numbers old.
  private turnOf(number: number): number {
    const ahead = (number - this.latestNumber) | 0;
    const turn = this.latestTurn + ahead;
    if (ahead > 0) {
      this.latestNumber = (this.latestNumber + ahead) | 0;
      this.latestTurn = turn;
    }
    return turn;
  }

  private toTheEnd(position: number): void {
    this.numbers[position] = this.alone ? this.cells[TURN]!++ : Atomics.add(this.cells, TURN, 1);
  }

  private numberAll(firstTurn: number): void {
    const { serverCount } = this.group;
    for (let step = 0; step < serverCount; step++) this.toTheEnd((firstTurn + step) % serverCount);
  }

  // Moves the server to where its load and its turn belong; false when it stays.
  private update(position: number): boolean {
    if (!this.heap.has(position)) return false;
    const key = this.keyOf(position);
    const number = this.numbers[position]!;
    if (key === this.heap.key(position) && number === this.numbersSeen[position]) return false;
    this.heap.remove(position);
    this.enter(position, key, number);
    return true;
  }

  private sweepOne(): void {
    this.update(this.sweepAt);
    this.sweepAt = this.sweepAt + 1 === this.group.serverCount ? 0 : this.sweepAt + 1;
  }

  protected override refresh(): void {
    const group = this.group;
    if (!group.refresh()) return;
    // Who came back or changed goes behind its equals. Each thread does this once; nobody cares who was the last.
    for (let i = 0; i < group.changedCount; i++) this.toTheEnd(group.changed[i]!);
    if (group.using !== this.using) {
      this.fill();
      return;
    }
    for (let i = 0; i < group.changedCount; i++) {
      const position = group.changed[i]!;
      if (this.heap.has(position)) this.heap.remove(position);
      if (group.member(position)) this.enterAnew(position);
    }
  }

  private fill(): void {
    const group = this.group;
    this.using = group.using;
    this.heap.clear();
    for (let position = 0; position < group.serverCount; position++) {
      if (group.member(position)) this.enterAnew(position);
    }
  }

  private enterAnew(position: number): void {
    this.enter(position, this.keyOf(position), this.numbers[position]!);
  }

  private enter(position: number, key: number, number: number): void {
    this.numbersSeen[position] = number;
    this.heap.insertAt(position, key, this.turnOf(number));
  }
}
