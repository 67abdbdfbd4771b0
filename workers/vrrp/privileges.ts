// The thread's standing with the kernel: capabilities it cannot do without, real time and locked memory if allowed.

import type { VrrpGlobal } from '../../core/model/vrrp.ts';
import { CAP_IPC_LOCK, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_NICE } from '../../core/sys/abi.ts';
import { errnoText } from '../../core/sys/errno.ts';
import {
  effectiveCapabilities,
  lockMemory,
  raiseCapabilities,
  setAffinity,
  setNice,
  setRealtime,
  setTimerSlack,
} from '../../core/sys/realtime.ts';

const NEEDED: readonly [number, string, string][] = [
  [CAP_NET_RAW, 'CAP_NET_RAW', 'to send and receive adverts and gratuitous ARP'],
  [CAP_NET_ADMIN, 'CAP_NET_ADMIN', 'to add and remove addresses, routes and interfaces'],
];

/** Raises what is permitted. The capability that is missing and why it is needed; null when all are there. */
export function missingCapability(): { capability: string; text: string } | null {
  const mask = (1 << CAP_NET_ADMIN) | (1 << CAP_NET_RAW) | (1 << CAP_SYS_NICE) | (1 << CAP_IPC_LOCK);
  raiseCapabilities(mask);
  const effective = effectiveCapabilities();
  for (const [number, name, purpose] of NEEDED) {
    if ((effective & (1 << number)) !== 0) continue;
    return { capability: name, text: `VRRP needs ${name} ${purpose}, and this process does not have it` };
  }
  return null;
}

const NICE_HURRY = -20;
let hurried = false;

/** Before all ordinary threads, if allowed, until applyScheduling(): this thread must not be kept waiting with a lock. */
export function hurry(): void {
  raiseCapabilities(1 << CAP_SYS_NICE);
  hurried = setNice(NICE_HURRY) === 0;
}

export interface Standing {
  realtime: boolean;
  memoryLocked: boolean;
}

/** Applies vrrp_rt_priority, vrrp_priority, vrrp_cpu_affinity and vrrp_no_swap; one line for each that is refused. */
export function applyScheduling(global: VrrpGlobal, log: (text: string) => void): Standing {
  const standing = { realtime: false, memoryLocked: false };
  setTimerSlack(1);
  if (hurried) setNice(0);
  if (global.rtPriority > 0) {
    const errno = setRealtime(global.rtPriority);
    standing.realtime = errno === 0;
    if (errno !== 0) log(`vrrp_rt_priority ${global.rtPriority}: ${errnoText(errno)} (CAP_SYS_NICE)`);
  } else if (global.priority !== 0) {
    const errno = setNice(global.priority);
    if (errno !== 0) log(`vrrp_priority ${global.priority}: ${errnoText(errno)} (CAP_SYS_NICE)`);
  }
  if (global.cpuAffinity.length > 0) {
    const errno = setAffinity(global.cpuAffinity);
    if (errno !== 0) log(`vrrp_cpu_affinity: ${errnoText(errno)}`);
  }
  if (global.noSwap) {
    const errno = lockMemory();
    standing.memoryLocked = errno === 0;
    if (errno !== 0) log(`vrrp_no_swap: ${errnoText(errno)} (CAP_IPC_LOCK, or a larger RLIMIT_MEMLOCK)`);
  }
  return standing;
}
