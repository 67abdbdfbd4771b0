// What the kernel says of a process: CPU time, memory, open files, children (proc(5)).
//
// The parsers take text and are pure; the readers take a pid and sum over the process and its descendants,
// because some peers work in child processes (nginx) and some in threads, which /proc/PID/stat already sums.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessStat {
  pid: number;
  parentPid: number;
  cpuTicks: number; // utime + stime, of all threads, ended ones too; in clock ticks
}

export interface Memory {
  rssBytes: number; // resident
  pssBytes: number; // proportional: shared pages divided among their users; rssBytes where the kernel gives none
}

/** /proc/PID/stat. The name in parentheses may hold anything, so fields are counted from the last `)`. */
export function parseStat(text: string): ProcessStat {
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  const pid = Number.parseInt(text, 10);
  const parentPid = Number(fields[1]);
  const cpuTicks = Number(fields[11]) + Number(fields[12]);
  if (
    nameEnd < 0 ||
    !Number.isSafeInteger(pid) ||
    !Number.isSafeInteger(parentPid) ||
    !Number.isSafeInteger(cpuTicks)
  ) {
    throw new Error('this is not a /proc/PID/stat line');
  }
  return { pid, parentPid, cpuTicks };
}

/** /proc/PID/smaps_rollup. */
export function parseSmapsRollup(text: string): Memory {
  const kib = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
    return match ? Number(match[1]) : -1;
  };
  const rssKib = kib('Rss');
  const pssKib = kib('Pss');
  if (rssKib < 0) throw new Error('this is not a smaps_rollup: no Rss line');
  return { rssBytes: rssKib * 1024, pssBytes: (pssKib < 0 ? rssKib : pssKib) * 1024 };
}

/** VmRSS of /proc/PID/status, in bytes; 0 for a process without memory (a zombie, a kernel thread). */
export function parseStatusRss(text: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/** The `drops` column of /proc/net/udp for the IPv4 socket bound to `port`; -1 when there is no such socket. */
export function parseUdpDrops(text: string, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(suffix)) return Number(fields[fields.length - 1]);
  }
  return -1;
}

let ticksPerSecond = 0;

/** Clock ticks a second (USER_HZ), 100 nearly everywhere. */
export function clockTicks(): number {
  if (ticksPerSecond > 0) return ticksPerSecond;
  try {
    ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  } catch {
    ticksPerSecond = 0;
  }
  if (!(ticksPerSecond > 0)) ticksPerSecond = 100;
  return ticksPerSecond;
}

/** `pid` and all its living descendants; empty when it is gone. */
export function processTree(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  let isAlive = false;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = parseStat(readFileSync(`/proc/${name}/stat`, 'latin1'));
      if (stat.pid === pid) isAlive = true;
      const siblings = childrenOf.get(stat.parentPid);
      if (siblings) siblings.push(stat.pid);
      else childrenOf.set(stat.parentPid, [stat.pid]);
    } catch {
      // It ended while we looked.
    }
  }
  const pids = isAlive ? [pid] : [];
  for (let index = 0; index < pids.length; index++) pids.push(...(childrenOf.get(pids[index]!) ?? []));
  return pids;
}

/** User and system CPU seconds of `pid` and its descendants so far. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const each of processTree(pid)) {
    try {
      ticks += parseStat(readFileSync(`/proc/${each}/stat`, 'latin1')).cpuTicks;
    } catch {
      // It ended while we looked.
    }
  }
  return ticks / clockTicks();
}

/** Memory of `pid` and its descendants. PSS needs the same user or root; without it, it equals RSS. */
export function memoryOf(pid: number): Memory {
  const sum: Memory = { rssBytes: 0, pssBytes: 0 };
  for (const each of processTree(pid)) {
    try {
      const memory = readMemory(each);
      sum.rssBytes += memory.rssBytes;
      sum.pssBytes += memory.pssBytes;
    } catch {
      // It ended while we looked.
    }
  }
  return sum;
}

function readMemory(pid: number): Memory {
  try {
    return parseSmapsRollup(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  } catch {
    const rssBytes = parseStatusRss(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return { rssBytes, pssBytes: rssBytes };
  }
}

/** Open files of `pid` and its descendants; -1 when we may not look or it is gone. */
export function fdCount(pid: number): number {
  let count = 0;
  for (const each of processTree(pid)) {
    try {
      count += readdirSync(`/proc/${each}/fd`).length;
    } catch {
      if (each === pid) return -1;
    }
  }
  return count > 0 ? count : -1;
}

/** Datagrams the kernel threw away because the receive buffer of the UDP socket on `port` was full; -1: no socket. */
export function udpDrops(port: number): number {
  return parseUdpDrops(readFileSync('/proc/net/udp', 'latin1'), port);
}
