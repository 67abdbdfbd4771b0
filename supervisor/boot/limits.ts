// How many connections and file descriptors this process may have (manual §3.1 "maxconn", "ulimit-n").
//
// As HAProxy: a connection takes two sockets, splicing proxies add pipes; without `maxconn` the descriptor limit
// decides, with it the limit is raised to fit. Beyond HAProxy's sum there is a reserve for the runtime's own
// descriptors, and the soft limit is brought down to what was computed, because tables are sized by it.

import type { Model } from '../../core/model/model.ts';
import { RLIMIT_NOFILE } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { getrlimit, setrlimit } from '../../core/sys/libc.ts';

const FD_LIMIT_UNCONFIGURED_MAX = 1_048_576; // HAProxy's cap where nothing is configured: containers may allow 2^30
const MAXCONN_MIN = 100;
const RUNTIME_FDS = 48; // Node itself, logs, control
const RUNTIME_FDS_PER_THREAD = 12; // ring or poller, event fds, the thread's own loop
const FDS_PER_CONNECTION = 2;
const CONNECTION_BYTES = 16_384; // memory of a connection beside its two buffers, for -m

export interface Limits {
  maxconn: number; // of the whole process
  fdLimit: number; // RLIMIT_NOFILE as it now is and stays
}

export interface LimitOptions {
  threadCount: number;
  maxconn: number; // -n; 0 not given
  memoryMegabytes: number; // -m; 0 not given
}

export interface LimitReport {
  notice(text: string): void;
  mainAlert(text: string): void;
}

interface FdLimit {
  soft: number;
  hard: number;
}

/** The sum of descriptors that are no connection's; one line per holder. */
function fixedFdCount(model: Model, threadCount: number): number {
  let bindCount = 0;
  for (const proxy of model.proxies) bindCount += proxy.binds.length;
  return (
    RUNTIME_FDS + //
    RUNTIME_FDS_PER_THREAD * threadCount +
    bindCount * threadCount +
    controlFdCount(model)
  );
}

// Operators count besides clients, as their sockets do.
function controlFdCount({ global }: Model): number {
  return global.controlSockets.length === 0 ? 0 : global.controlSockets.length + global.controlMaxconn;
}

/** Pipes of splicing proxies, a quarter of their connections; -1 when nothing bounds them before maxconn is known. */
export function pipeCount(model: Model, maxconn: number): number {
  let frontCount = 0;
  let backCount = 0;
  for (const proxy of model.proxies) {
    if (!proxy.spliceRequest && !proxy.spliceResponse && !proxy.spliceAuto) continue;
    if (maxconn === 0) return -1;
    if (proxy.kind !== 'backend') frontCount += proxy.maxconn || maxconn;
    if (proxy.kind !== 'frontend') backCount += proxy.fullconn || maxconn;
  }
  const pipes = Math.min(Math.max(frontCount, backCount), maxconn);
  return pipes >= 4 ? Math.floor(pipes / 4) : pipes;
}

function computeMaxconn(model: Model, options: LimitOptions, limit: FdLimit): number {
  const configured = model.global.ulimitN > 0 || options.memoryMegabytes > 0;
  let remaining = model.global.ulimitN || Math.max(limit.soft, limit.hard);
  if (!configured) remaining = Math.min(remaining, FD_LIMIT_UNCONFIGURED_MAX);
  remaining -= fixedFdCount(model, options.threadCount);
  const pipes = pipeCount(model, 0);
  const byFds = Math.floor(pipes < 0 ? (2 * remaining) / (2 * FDS_PER_CONNECTION + 1) : remaining / FDS_PER_CONNECTION);
  if (options.memoryMegabytes === 0) return Math.max(byFds, MAXCONN_MIN);
  const bytes = options.memoryMegabytes * 1_048_576;
  const byMemory = Math.floor(bytes / (CONNECTION_BYTES + 2 * model.global.bufsize));
  return Math.max(Math.min(byFds, byMemory), MAXCONN_MIN);
}

export function readFdLimit(): FdLimit {
  const cells = new BigUint64Array(2);
  check('getrlimit', getrlimit(RLIMIT_NOFILE, cells));
  const finite = (value: bigint): number => Number(value > 0x7fffffffn ? 0x7fffffffn : value);
  return { soft: finite(cells[0]!), hard: finite(cells[1]!) };
}

/** Computes both limits and sets RLIMIT_NOFILE; null after an ALERT: then weir must not start. */
export function applyLimits(model: Model, options: LimitOptions, report: LimitReport): Limits | null {
  const limit = readFdLimit();
  let maxconn = options.maxconn || model.global.maxconn;
  if (maxconn === 0) {
    maxconn = computeMaxconn(model, options, limit);
    report.notice(`Automatically setting global.maxconn to ${maxconn}.`);
  }
  const fixed = fixedFdCount(model, options.threadCount);
  const needed = fixed + maxconn * FDS_PER_CONNECTION + pipeCount(model, maxconn) * 2;
  const wanted = model.global.ulimitN || needed;
  if (!setFdLimit(wanted, limit)) {
    const fitting = Math.max(Math.floor((limit.hard - fixed) / FDS_PER_CONNECTION), 1);
    report.mainAlert(
      `Cannot raise FD limit to ${wanted}, current limit is ${limit.soft} and hard limit is ${limit.hard}. ` +
        `Without 'maxconn' and 'ulimit-n' weir chooses what fits; about maxconn ${fitting} would.`,
    );
    return null;
  }
  if (wanted < needed) {
    report.mainAlert(
      `FD limit (${wanted}) too low for maxconn=${maxconn}/maxsock=${needed}. ` +
        `Please raise 'ulimit-n' to ${needed} or more to avoid any trouble.`,
    );
    return null;
  }
  return { maxconn, fdLimit: wanted };
}

// The hard limit is raised only when it must be, which only root may; it is never brought down.
function setFdLimit(wanted: number, limit: FdLimit): boolean {
  const cells = new BigUint64Array([BigInt(wanted), BigInt(Math.max(wanted, limit.hard))]);
  return setrlimit(RLIMIT_NOFILE, cells) === 0;
}
