// CLOCK_MONOTONIC in milliseconds with fractions: common to all threads and processes of the machine.
//
// performance.now() counts from the thread's own start. The difference is taken once, between two looks at the kernel's
// clock that lie close together: a thread that loses its processor in between would otherwise be as many milliseconds
// off for the rest of its life, and its deadlines with it when they move to another thread.

const APART_MS_MAX = 0.02;
const TRIES_MAX = 1_000;

function kernelMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

function measureOrigin(): number {
  let originMs = 0;
  let apartMsMin = Number.POSITIVE_INFINITY;
  for (let count = 0; count < TRIES_MAX && apartMsMin > APART_MS_MAX; count++) {
    const beforeMs = kernelMs();
    const ownMs = performance.now();
    const afterMs = kernelMs();
    if (afterMs - beforeMs >= apartMsMin) continue;
    apartMsMin = afterMs - beforeMs;
    originMs = (beforeMs + afterMs) / 2 - ownMs;
  }
  return originMs;
}

const originMs = measureOrigin();

export function nowMs(): number {
  return originMs + performance.now();
}
