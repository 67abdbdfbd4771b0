// What VRRP threads were asked and have not answered yet.

import type { VrrpAnswer } from '../../core/model/vrrp-worker.ts';

/** Null: the thread ended without an answer. */
type Tell = (answer: VrrpAnswer | null) => void;

export class Asks {
  private readonly open = new Map<number, { to: object; tell: Tell }>();
  private lastId = 0;

  /**
   * The id to ask thread `to` with. `tell` is called once, in the very turn of the answer or of the thread's end: of an
   * answer and an end that come together, the answer is known before anybody hears of the end.
   */
  add(to: object, tell: Tell): number {
    const id = ++this.lastId;
    this.open.set(id, { to, tell });
    return id;
  }

  answered(id: number, answer: VrrpAnswer): void {
    const ask = this.open.get(id);
    this.open.delete(id);
    ask?.tell(answer);
  }

  /** The thread is gone: what it was asked gets no answer. */
  ended(thread: object): void {
    for (const [id, { to, tell }] of this.open) {
      if (to !== thread) continue;
      this.open.delete(id);
      tell(null);
    }
  }
}
