// Scheduling, memory locking and capabilities of the calling thread (sched(7), mlockall(2), capabilities(7)).
//
// Each function returns 0 or the positive errno: being refused is news for the operator, not a fault.

import {
  MCL_CURRENT,
  MCL_ONFAULT,
  PR_SET_KEEPCAPS,
  PR_SET_TIMERSLACK,
  PRIO_PROCESS,
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

/** Locks what the process has touched; reserved but unused address space is not made real. */
export function lockMemory(): number {
  return outcome(libc.mlockall(MCL_CURRENT | MCL_ONFAULT));
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
