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
// difference makes it common to all threads, without hrtime's array on every turn. It is taken between two looks that lie
// close together: a thread that loses its processor in between would be as many milliseconds off for all its life.
const APART_MS_MAX = 0.02;
const TRIES_MAX = 1_000;
const originMs = measureOrigin();

/** CLOCK_MONOTONIC in whole milliseconds: the same in every thread of the process. */
export function monotonicMs(): number {
  return Math.floor(originMs + performance.now());
}

/** As monotonicMs, with fractions. */
export function monotonicExactMs(): number {
  return originMs + performance.now();
}

function measureOrigin(): number {
  let foundMs = 0;
  let apartMsMin = Number.POSITIVE_INFINITY;
  for (let count = 0; count < TRIES_MAX && apartMsMin > APART_MS_MAX; count++) {
    const beforeMs = hrtimeMs();
    const ownMs = performance.now();
    const afterMs = hrtimeMs();
    if (afterMs - beforeMs >= apartMsMin) continue;
    apartMsMin = afterMs - beforeMs;
    foundMs = (beforeMs + afterMs) / 2 - ownMs;
  }
  return foundMs;
}

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
