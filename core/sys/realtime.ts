// Scheduling, memory locking and capabilities of the calling thread (sched(7), mlock2(2), capabilities(7)).
//
// Each function returns 0 or the positive errno: being refused is news for the operator, not a fault.

import { readFileSync } from 'node:fs';
import {
  MLOCK_ONFAULT,
  PR_SET_KEEPCAPS,
  PR_SET_TIMERSLACK,
  PRIO_PROCESS,
  SCHED_OTHER,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
  SYS_capget,
  SYS_capset,
} from './abi.ts';
import { lastErrno } from './ffi.ts';
import * as libc from './libc.ts';

const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const EFFECTIVE = 0;
const PERMITTED = 1;

const outcome = (result: number): number => (result < 0 ? lastErrno() : 0);

/** SCHED_RR at `priority` (1–99) for this thread; threads and processes it makes start as ordinary ones. */
export function setRealtime(priority: number): number {
  return outcome(libc.sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, new Int32Array([priority])));
}

/** Back among the ordinary ones: a real-time thread that is about to end must not keep others waiting meanwhile. */
export function setOrdinary(): number {
  return outcome(libc.sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, new Int32Array([0])));
}

/** nice(2) value of this thread, -20 to 19. */
export function setNice(value: number): number {
  return outcome(libc.setpriority(PRIO_PROCESS, 0, value));
}

/** Binds this thread to the named processors (0–1023). */
export function setAffinity(processors: readonly number[]): number {
  const mask = new Uint8Array(128);
  for (const index of processors) if (index >= 0 && index < 1024) mask[index >> 3]! |= 1 << (index & 7);
  return outcome(libc.sched_setaffinity(0, mask.length, mask));
}

/** The processors that this thread may run on (0–1023). */
export function processorsAllowed(): number[] {
  const mask = new Uint8Array(128);
  if (libc.sched_getaffinity(0, mask.length, mask) < 0) return [];
  const isAllowed = (index: number): boolean => (mask[index >> 3]! & (1 << (index & 7))) !== 0;
  return Array.from({ length: mask.length * 8 }, (_, index) => index).filter(isAllowed);
}

/**
 * Locks what the process has mapped from files (code and constants of the program and its libraries), page by page as
 * it is touched. Not the heap: the engine gives unused pages back with madvise(2), the kernel refuses that for locked
 * ones, and the engine ends the process for it.
 */
export function lockMemory(): number {
  let refused = 0;
  for (const row of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r..p \S+ \S+ \S+ +\//.exec(row);
    if (match === null) continue;
    const start = BigInt(`0x${match[1]}`);
    const length = Number(BigInt(`0x${match[2]}`) - start);
    if (libc.mlock2(start, length, MLOCK_ONFAULT) < 0) refused ||= lastErrno();
  }
  return refused;
}

/** How late this thread's timed waits may be on purpose, nanoseconds. */
export function setTimerSlack(nanoseconds: number): number {
  return outcome(libc.prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0));
}

/** This thread's effective capabilities of numbers 0–31, one bit each; 0 when they cannot be read. */
export function effectiveCapabilities(): number {
  const data = new Uint32Array(6);
  if (libc.capabilityCall(SYS_capget, new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]), data) < 0) return 0;
  return data[EFFECTIVE]!;
}

/** Makes permitted ones among `mask` (bits of numbers 0–31) effective for this thread. */
export function raiseCapabilities(mask: number): number {
  const header = new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]);
  const data = new Uint32Array(6);
  if (libc.capabilityCall(SYS_capget, header, data) < 0) return lastErrno();
  data[EFFECTIVE] = data[EFFECTIVE]! | (data[PERMITTED]! & mask);
  return outcome(libc.capabilityCall(SYS_capset, header, data));
}

/** This thread's permitted capabilities outlive its change to another user; those of other threads do not. */
export function keepCapabilities(): number {
  return outcome(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
}

/** Gives up for good what is not in `mask` (bits of numbers 0–31); what is left is permitted, none of it effective. */
export function limitCapabilities(mask: number): number {
  const header = new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]);
  const data = new Uint32Array(6);
  if (libc.capabilityCall(SYS_capget, header, data) < 0) return lastErrno();
  const permitted = data[PERMITTED]! & mask;
  data.fill(0);
  data[PERMITTED] = permitted;
  return outcome(libc.capabilityCall(SYS_capset, header, data));
}
