// What VRRP threads were asked and have not answered yet.

import type { ToVrrpWorker, VrrpAnswer } from '../../core/model/vrrp-worker.ts';

/** Null: nobody is left to answer. */
type Tell = (answer: VrrpAnswer | null) => void;

export class Asks {
  private readonly open = new Map<number, { to: object; tell: Tell }>();
  private lastId = 0;

  /**
   * The id to ask `to` with: a thread, or whoever keeps the question for one. `tell` is called once, in the very turn of
   * the answer or of the thread's end: of an answer and an end that come together, the answer is known before anybody
   * hears of the end.
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

  /** `message` is posted to `to` now: if it is a question, its end is the end of the question. */
  passOn(message: ToVrrpWorker, to: object): void {
    if (message.kind !== 'ask' && message.kind !== 'hand-over') return;
    const ask = this.open.get(message.id);
    if (ask !== undefined) ask.to = to;
  }

  /** The thread is gone: what it was asked gets no answer. */
  ended(thread: object): void {
    this.close((to) => to === thread);
  }

  /** No thread is left, nor will there be another. */
  endAll(): void {
    this.close(() => true);
  }

  private close(isConcerned: (to: object) => boolean): void {
    for (const [id, { to, tell }] of this.open) {
      if (!isConcerned(to)) continue;
      this.open.delete(id);
      tell(null);
    }
  }
}
