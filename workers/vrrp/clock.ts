// CLOCK_MONOTONIC in milliseconds with fractions: common to all threads and processes of the machine.

const [seconds, nanoseconds] = process.hrtime();
const originMs = seconds * 1e3 + nanoseconds / 1e6 - performance.now();

export function nowMs(): number {
  return originMs + performance.now();
}
