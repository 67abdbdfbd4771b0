// One thread's idea of now: read from the kernel once per loop turn, then a plain field for everybody.
//
// Monotonic milliseconds since an arbitrary origin that all threads of the process share (so that rates
// counted in one thread can be read in another). Simulations make their own object of the same shape.

/** What core rooms ask for: a field, never a call, so that time stands still within a turn. */
export interface Clock {
  readonly nowMs: number; // whole milliseconds, never going back
}

/** The real clock of one thread; the loop calls turn() once after each wait. */
export class TurnClock implements Clock {
  nowMs = monotonicMs();

  turn(): void {
    this.nowMs = monotonicMs();
  }
}

// performance.now() counts from each thread's own start; both it and hrtime() read CLOCK_MONOTONIC, so one
// difference taken at load makes it common to all threads, without hrtime's array on every turn.
const originMs = hrtimeMs() - performance.now();

/** CLOCK_MONOTONIC in whole milliseconds: the same in every thread of the process. */
export function monotonicMs(): number {
  return Math.floor(originMs + performance.now());
}

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
