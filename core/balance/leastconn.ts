// `balance leastconn`: the server with the least load for its weight; equals take turns (manual §4.2 "balance").
//
// Ordered by (inflight + 1) × 4096 / effective weight, where inflight = served + queued, and 0 for an idle server,
// so that an idle one always goes first. A heap holds the order as this thread last saw it. Its own changes arrive
// by taken() and dropped(); changes made by other threads are noticed in two ways: the server on top is checked
// before it is chosen, and each pick looks at a few more in turn, so a server elsewhere in the heap is out of date
// for at most n / SWEEP_COUNT picks (never, with up to SWEEP_COUNT servers).

import { EFFECTIVE_WEIGHT_MAX } from '../shared/server-words.ts';
import { PICK_FULL, PICK_NONE } from './contract.ts';
import { GroupBalancer } from './group-balancer.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { GROUP_NONE, GROUP_ONE_BACKUP, type ServerGroup } from './server-group.ts';

const SWEEP_COUNT = 16;

export class LeastConn extends GroupBalancer {
  override readonly needsSourceHash = false;
  private readonly heap: KeyedHeap;
  private readonly skipped: Int32Array; // full or avoided servers taken out during one pick
  private readonly sweepCount: number; // 0 when no other thread can change the load
  private readonly firstTurn: number;
  private using: number; // the group the heap was filled for
  private sweepAt = 0;

  constructor(group: ServerGroup, firstTurn: number, threadCount: number) {
    super(group);
    this.heap = new KeyedHeap(group.serverCount);
    this.skipped = new Int32Array(group.serverCount);
    this.sweepCount = threadCount === 1 ? 0 : Math.min(SWEEP_COUNT, group.serverCount);
    this.firstTurn = firstTurn;
    this.using = GROUP_NONE;
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
    this.update(position);
  }

  override dropped(position: number): void {
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

  // Moves the server to where its load belongs, behind its equals; false when it stays.
  private update(position: number): boolean {
    if (!this.heap.has(position)) return false;
    const key = this.keyOf(position);
    if (key === this.heap.key(position)) return false;
    this.heap.remove(position);
    this.heap.insert(position, key);
    return true;
  }

  private sweepOne(): void {
    this.update(this.sweepAt);
    this.sweepAt = this.sweepAt + 1 === this.group.serverCount ? 0 : this.sweepAt + 1;
  }

  protected override refresh(): void {
    const group = this.group;
    if (!group.refresh()) return;
    if (group.using !== this.using) {
      this.fill();
      return;
    }
    for (let i = 0; i < group.changedCount; i++) {
      const position = group.changed[i]!;
      if (this.heap.has(position)) this.heap.remove(position);
      if (group.member(position)) this.heap.insert(position, this.keyOf(position));
    }
  }

  private fill(): void {
    const group = this.group;
    this.using = group.using;
    this.heap.clear();
    for (let step = 0; step < group.serverCount; step++) {
      const position = (this.firstTurn + step) % group.serverCount;
      if (group.member(position)) this.heap.insert(position, this.keyOf(position));
    }
  }
}
