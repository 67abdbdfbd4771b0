// Two address owners (priority 255) is the operator's mistake; still one of them must give way. The lower address does so
// at once; the higher one sends two adverts, waits a little more than an interval, and gives way itself if that did not
// help (as keepalived does since 2.3).

const ADVERTS = 2;
const WAIT_INTERVALS = 1.2;

export class OwnerClash {
  /** Until then the other owner may still give way; Infinity: nothing is waited for. */
  untilMs = Infinity;
  private advertsLeft = 0;
  private intervalMs = 0;

  /** An owner's advert reached us. What to do about it: give way, begin to insist, or go on insisting. */
  onOwner(isOutranked: boolean, intervalMs: number): 'give-way' | 'insist' | 'wait' {
    if (isOutranked || this.untilMs !== Infinity) {
      this.untilMs = Infinity;
      return 'give-way';
    }
    if (this.advertsLeft > 0) return 'wait';
    this.advertsLeft = ADVERTS;
    this.intervalMs = intervalMs;
    return 'insist';
  }

  onSent(nowMs: number): void {
    if (this.advertsLeft === 0) return;
    this.advertsLeft--;
    if (this.advertsLeft === 0) this.untilMs = nowMs + this.intervalMs * WAIT_INTERVALS;
  }

  /** The other owner was not heard again. */
  onTime(nowMs: number): void {
    if (nowMs >= this.untilMs) this.untilMs = Infinity;
  }

  reset(): void {
    this.advertsLeft = 0;
    this.untilMs = Infinity;
  }
}
