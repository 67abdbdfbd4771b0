// The date of one thread, for logs: wall time in ms with its fraction, read once per turn.
//
// performance.now() is fine-grained but knows nothing of clock steps, Date.now() follows them but counts whole
// milliseconds. So: the monotonic clock plus an offset that is taken anew whenever the two drift apart.

/** What log headers and accept dates ask for. */
export interface WallClock {
  readonly nowMs: number; // since 1970, with a fraction of microseconds
}

const DRIFT_MS_MAX = 1.5; // Date.now() cuts off up to 1 ms by itself

export class TurnWallClock implements WallClock {
  nowMs = 0;
  private offsetMs = 0;

  constructor() {
    this.turn();
  }

  /** Reads the clock; the loop calls it once after each wait. */
  turn(): void {
    const monotonic = performance.now();
    const whole = Date.now();
    const now = this.offsetMs + monotonic;
    const ahead = now - whole;
    if (ahead < -DRIFT_MS_MAX || ahead > 1 + DRIFT_MS_MAX) {
      this.offsetMs = whole - monotonic;
      this.nowMs = whole;
      return;
    }
    this.nowMs = now;
  }
}
