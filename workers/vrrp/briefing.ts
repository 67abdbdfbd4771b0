// What the router tells its deputy (deputy.ts) after each advert, and what it hears of it: names of instances on this
// side, slots of the board on the other.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { type Cue, DEPUTY_INTERVAL_MS_MAX, DEPUTY_SLOT_COUNT, DeputyBoard } from '../../core/shared/deputy-board.ts';
import * as libc from '../../core/sys/libc.ts';
import type { Intent } from '../../core/vrrp/contract.ts';

type SendAdvert = Extract<Intent, { do: 'send-advert' }>;

interface Slot {
  index: number;
  spokenSeen: number;
}

export class Briefing {
  private readonly board: DeputyBoard;
  private readonly wakeFd: number;
  private readonly log: (text: string) => void;
  private readonly slots = new Map<string, Slot>();
  private readonly uncovered = new Set<string>(); // that were said to be without a deputy
  private spokenTotalSeen = 0;

  constructor({ board, wakeFd }: VrrpWorkerData['deputy'], log: (text: string) => void) {
    this.board = new DeputyBoard(board);
    this.wakeFd = wakeFd;
    this.log = log;
  }

  /** This thread is the router now: what a predecessor left on the board is wiped. */
  begin(): void {
    this.silence();
    this.slots.clear();
    this.spokenTotalSeen = this.board.spokenTotal;
  }

  /** `intent` was sent as `cue` says. */
  brief(intent: SendAdvert, cue: Cue): void {
    const { board } = this;
    const { instance, nextAtMs, intervalMs } = intent;
    const isWanted = Number.isFinite(nextAtMs) && intervalMs <= DEPUTY_INTERVAL_MS_MAX;
    if (!isWanted || !board.runs) return this.end(instance);
    const slot = this.slotOf(instance);
    if (slot === null) return this.sayUncovered(instance, 'there are too many instances');
    board.processor = libc.sched_getcpu();
    if (!board.arm(slot.index, cue, intent, nowMs())) {
      if (!board.hasRoom(cue)) this.sayUncovered(instance, 'its adverts are too large');
      return;
    }
    if (board.isAsleep(nextAtMs, intervalMs)) libc.eventfd_write(this.wakeFd, 1);
  }

  /** Nobody sends for it any more. */
  end(instance: string): void {
    const slot = this.slots.get(instance);
    if (slot !== undefined) this.board.end(slot.index);
  }

  /** Nobody sends for any of them; until the next brief(). */
  silence(): void {
    this.board.endAll();
  }

  /** Tells what the deputy sent since the last time. */
  news(tell: (instance: string, count: number, atMs: number) => void): void {
    const { board } = this;
    if (board.spokenTotal === this.spokenTotalSeen) return;
    this.spokenTotalSeen = board.spokenTotal;
    for (const [instance, slot] of this.slots) {
      const count = (board.spoken(slot.index) - slot.spokenSeen) | 0;
      if (count === 0) continue;
      slot.spokenSeen = (slot.spokenSeen + count) | 0;
      tell(instance, count, board.spokenAtMs(slot.index));
    }
  }

  /** Instances that are in the configuration no more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.slots.keys()) {
      if (names.has(name)) continue;
      this.end(name);
      this.slots.delete(name);
    }
    for (const name of this.uncovered) if (!names.has(name)) this.uncovered.delete(name);
  }

  /** Whether the deputy sends with `fd` no more, so that it may be closed. */
  letGo(fd: number): boolean {
    return this.board.letGo(fd);
  }

  private slotOf(instance: string): Slot | null {
    const known = this.slots.get(instance);
    if (known !== undefined) return known;
    const taken = new Set([...this.slots.values()].map((each) => each.index));
    let index = 0;
    while (taken.has(index)) index++;
    if (index >= DEPUTY_SLOT_COUNT) return null;
    const slot = { index, spokenSeen: this.board.spoken(index) };
    this.slots.set(instance, slot);
    return slot;
  }

  private sayUncovered(instance: string, why: string): void {
    if (this.uncovered.has(instance)) return;
    this.uncovered.add(instance);
    this.log(`(${instance}) ${why} for a second thread to send them when this one is late`);
  }
}
