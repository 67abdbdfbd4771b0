// `show info`: the process in figures, names, order and types as HAProxy's (management guide §9.3 "show info").

import { availableParallelism, hostname } from 'node:os';
import { HAPROXY_DATE, VERSION_TEXT } from '../../core/base/version.ts';
import type { ThreadFigures } from '../../core/model/worker-data.ts';
import * as counters from '../../core/shared/counters.ts';
import { type Answer, type Call, type Command, dump } from './command.ts';
import type { Control } from './control.ts';
import { type FieldValue, jsonMembers, typedText } from './fields.ts';

/** What is shown of the process, gathered once a call. */
interface Facts {
  control: Control;
  figures: ThreadFigures[];
  connectionRate: number;
  connectionRateMax: number;
  connectionTotal: number;
  requestTotal: number;
  bytesOut: number;
  splicedBytes: number;
  idlePercent: number;
  bytesOutRate: number;
}

type Row = readonly [name: string, tags: string, value: (facts: Facts) => FieldValue | null, meaning: string];

const zero = (): number => 0;

const sumOf = (facts: Facts, pick: (figures: ThreadFigures) => number): number =>
  facts.figures.reduce((sum, each) => sum + pick(each), 0);

const rss = (): number => process.memoryUsage.rss();

const ROWS: readonly Row[] = [
  ['Name', 'POSV:str', () => 'HAProxy', 'product whose interface this is'],
  ['Version', 'POSV:str', () => VERSION_TEXT, 'version'],
  ['Release_date', 'POSV:str', () => HAPROXY_DATE, 'date of that version'],
  ['Nbthread', 'CGSV:u32', ({ control }) => control.parts.threadCount, 'proxy threads'],
  ['Nbproc', 'CGSV:u32', () => 1, 'processes, always 1'],
  ['Process_num', 'KGPV:u32', () => 1, 'number of this process, always 1'],
  ['Pid', 'SGPV:u32', () => process.pid, 'process id'],
  ['Uptime', 'MDPV:str', ({ control }) => uptimeText(control.uptimeSeconds()), 'time since the start'],
  ['Uptime_sec', 'MDPV:u32', ({ control }) => control.uptimeSeconds(), 'seconds since the start'],
  ['Memmax_MB', 'CLPV:u32', ({ control }) => control.parts.memoryMegabytes, 'memory limit (-m) in MB'],
  ['PoolAlloc_MB', 'MGPV:u32', () => rss() >> 20, 'resident memory in MB'],
  ['PoolUsed_MB', 'MGPV:u32', () => rss() >> 20, 'resident memory in MB'],
  ['PoolFailed', 'MCPV:u32', zero, 'allocations that failed'],
  ['Ulimit-n', 'CLPV:u32', ({ control }) => control.parts.fdLimit, 'limit of file descriptors'],
  ['Maxsock', 'CLPV:u32', ({ control }) => control.parts.fdLimit, 'limit of sockets'],
  ['Maxconn', 'CLPV:u32', ({ control }) => control.model.global.maxconn, 'limit of connections'],
  ['Hard_maxconn', 'CLPV:u32', ({ control }) => control.state.hardMaxconn, 'what Maxconn may be set to'],
  ['CurrConns', 'MGPV:u32', currentConnections, 'connections of clients now'],
  ['CumConns', 'MCPV:u32', (facts) => facts.connectionTotal, 'connections of clients so far'],
  ['CumReq', 'MCPV:u32', (facts) => facts.requestTotal, 'requests so far'],
  ['MaxSslConns', 'MMPV:u32', zero, 'limit of TLS connections'],
  ['CurrSslConns', 'MGPV:u32', zero, 'TLS connections now'],
  ['CumSslConns', 'MCPV:u32', zero, 'TLS connections so far'],
  ['Maxpipes', 'CLPV:u32', zero, 'limit of pipes for splicing, 0: none'],
  ['PipesUsed', 'MGPV:u32', (facts) => sumOf(facts, (each) => each.pipesUsed), 'pipes in use'],
  ['PipesFree', 'MGPV:u32', (facts) => sumOf(facts, (each) => each.pipesFree), 'pipes kept for later'],
  ['ConnRate', 'MRPV:u32', (facts) => facts.connectionRate, 'connections of the last second'],
  ['ConnRateLimit', 'CLPV:u32', ({ control }) => control.rateLimits.connections, 'limit of ConnRate'],
  ['MaxConnRate', 'MMPV:u32', (facts) => facts.connectionRateMax, 'highest ConnRate'],
  ['SessRate', 'MRPV:u32', (facts) => facts.connectionRate, 'sessions of the last second'],
  ['SessRateLimit', 'CLPV:u32', ({ control }) => control.rateLimits.sessions, 'limit of SessRate'],
  ['MaxSessRate', 'MRPV:u32', (facts) => facts.connectionRateMax, 'highest SessRate'],
  ['SslRate', 'MRPV:u32', zero, 'TLS connections of the last second'],
  ['SslRateLimit', 'CLPV:u32', zero, 'limit of SslRate'],
  ['MaxSslRate', 'MMPV:u32', zero, 'highest SslRate'],
  ['SslFrontendKeyRate', 'MGPV:u32', zero, 'TLS keys made for clients in the last second'],
  ['SslFrontendMaxKeyRate', 'MMPV:u32', zero, 'highest SslFrontendKeyRate'],
  ['SslFrontendSessionReuse_pct', 'MGPV:u32', zero, 'TLS sessions of clients resumed, per cent'],
  ['SslBackendKeyRate', 'MRPV:u32', zero, 'TLS keys made for servers in the last second'],
  ['SslBackendMaxKeyRate', 'MMPV:u32', zero, 'highest SslBackendKeyRate'],
  ['SslCacheLookups', 'MCPV:u32', zero, 'lookups in the cache of TLS sessions'],
  ['SslCacheMisses', 'MCPV:u32', zero, 'lookups there that found nothing'],
  ['CompressBpsIn', 'MRPV:u32', zero, 'bytes given to compression in the last second'],
  ['CompressBpsOut', 'MRPV:u32', zero, 'bytes compression made in the last second'],
  ['CompressBpsRateLim', 'CLPV:u32', zero, 'limit of CompressBpsOut'],
  ['ZlibMemUsage', 'MGPV:u32', () => null, 'memory of compression'],
  ['MaxZlibMemUsage', 'CLPV:u32', () => null, 'limit of ZlibMemUsage'],
  ['Tasks', 'MGPV:u32', (facts) => currentConnections(facts) + facts.control.sessionCount, 'connections in hand'],
  ['Run_queue', 'MGPV:u32', zero, 'work put off, always 0: a turn leaves none'],
  ['Idle_pct', 'MaPV:u32', (facts) => facts.idlePercent, 'CPU time of the threads not used lately, per cent'],
  ['node', 'COSV:str', ({ control }) => control.model.global.node || hostname(), 'name of the node'],
  ['description', 'COSV:str', ({ control }) => control.model.global.description || null, 'description of the node'],
  ['Stopping', 'MGPV:u32', ({ control }) => (control.parts.stopping() ? 1 : 0), '1 while the process is finishing'],
  ['Jobs', 'MGPV:u32', jobCount, 'listeners, connections and sessions of operators'],
  ['Unstoppable Jobs', 'MGPV:u32', zero, 'jobs that do not end with a soft stop'],
  ['Listeners', 'MGPV:u32', ({ control }) => control.parts.listenerCount(), 'listening sockets'],
  ['ActivePeers', 'MGPV:u32', zero, 'peers verified'],
  ['ConnectedPeers', 'MGPV:u32', zero, 'peers connected'],
  ['DroppedLogs', 'MGPV:u32', (facts) => sumOf(facts, (each) => each.droppedLogs), 'log lines lost'],
  ['BusyPolling', 'MGPV:u32', zero, 'always 0'],
  ['FailedResolutions', 'MGPV:u32', zero, 'names that could not be resolved'],
  ['TotalBytesOut', 'MGPV:u64', (facts) => facts.bytesOut, 'bytes sent so far'],
  ['TotalSplicedBytesOut', 'MGPV:u64', (facts) => facts.splicedBytes, 'bytes sent through pipes so far'],
  ['BytesOutRate', 'MRPV:u64', (facts) => facts.bytesOutRate, 'bytes sent a second since this was last asked'],
  ['DebugCommandsIssued', 'MGPV:u32', zero, 'debug commands used'],
  ['CumRecvLogs', 'MCPV:u32', zero, 'log messages received'],
  ['Build info', 'POSV:str', () => VERSION_TEXT, 'version'],
  ['Memmax_bytes', 'CLPV:u32', ({ control }) => control.parts.memoryMegabytes * 1_048_576, 'memory limit (-m)'],
  ['PoolAlloc_bytes', 'MGPV:u64', rss, 'resident memory'],
  ['PoolUsed_bytes', 'MGPV:u64', rss, 'resident memory'],
  ['Start_time_sec', 'MDPV:u32', ({ control }) => Math.floor(control.parts.startedAtMs / 1000), 'when it started'],
  [
    'Tainted',
    'SGPV:str',
    ({ control }) => `${control.tainted === 0 ? '' : '0x'}${control.tainted.toString(16)}`,
    'experimental commands used',
  ],
  ['TotalWarnings', 'MCPV:u32', ({ control }) => control.parts.warningCount(), 'warnings since the start'],
  [
    'MaxconnReached',
    'MCPV:u32',
    zero,
    'times Maxconn was reached by an accepted connection; none is accepted beyond it',
  ],
  ['BootTime_ms', 'MDPV:u32', ({ control }) => control.parts.bootMs, 'ms from the start to the first accept'],
  ['Niced_tasks', 'MGPV:u32', zero, 'always 0'],
  [
    'CurrStreams',
    'MGPV:u64',
    (facts) => sumOf(facts, (each) => each.streamCount) + facts.control.sessionCount,
    'streams now',
  ],
  ['CumStreams', 'MGPV:u64', (facts) => facts.requestTotal, 'streams so far'],
  ['BlockedTrafficWarnings', 'MGPV:u32', zero, 'warnings about a turn that took too long'],
  ['PatternsAdded', 'MGPV:u64', patternCount, 'patterns of acls and maps now'],
  ['PatternsFreed', 'MGPV:u64', zero, 'patterns removed'],
  ['NbThreadGroups', 'CGSV:u32', () => 1, 'thread groups, always 1'],
];

function currentConnections({ control }: Facts): number {
  const { serverLoad } = control.tables;
  return serverLoad.current(serverLoad.process());
}

function jobCount(facts: Facts): number {
  const { control } = facts;
  return control.parts.listenerCount() + currentConnections(facts) + control.sessionCount;
}

function patternCount({ control }: Facts): number {
  return (control.parts.patterns?.list() ?? []).reduce((sum, each) => sum + each.entryCount, 0);
}

function uptimeText(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600) % 24;
  return `${Math.floor(seconds / 86400)}d ${hours}h${two(Math.floor(seconds / 60) % 60)}m${two(seconds % 60)}s`;
}

/** What the last call saw, so that this one can show rates. */
export class InfoHistory {
  private atMs = performance.now();
  private cpuMicros = 0;
  private bytesOut = 0;

  take(bytesOut: number, threadCount: number): { idlePercent: number; bytesOutRate: number } {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage();
    const elapsedMs = Math.max(1, nowMs - this.atMs);
    const usedMs = (user + system - this.cpuMicros) / 1000;
    const bytesOutRate = Math.round(((bytesOut - this.bytesOut) * 1000) / elapsedMs);
    this.atMs = nowMs;
    this.cpuMicros = user + system;
    this.bytesOut = bytesOut;
    const cpuCount = Math.min(threadCount, availableParallelism());
    const idle = 100 - (100 * usedMs) / (elapsedMs * cpuCount);
    return { idlePercent: Math.round(Math.min(100, Math.max(0, idle))), bytesOutRate: Math.max(0, bytesOutRate) };
  }
}

async function gatherFacts(control: Control): Promise<Facts> {
  const answers = await control.threads.ask({ kind: 'figures' });
  const table = control.tables.counters;
  const nowMs = control.nowMs();
  let connectionRate = 0;
  let connectionRateMax = 0;
  let connectionTotal = control.sessionTotal;
  let requestTotal = control.sessionTotal;
  let bytesOut = 0;
  let splicedBytes = 0;
  for (const proxy of control.model.proxies) {
    if (proxy.kind === 'backend') continue;
    const row = table.frontend(proxy.index);
    connectionRate += table.totalRate(row, counters.SESSION_RATE, nowMs);
    connectionRateMax = Math.max(connectionRateMax, table.maxRate(row, counters.SESSION_RATE, nowMs));
    connectionTotal += table.sum(row, counters.CONNECTIONS);
    requestTotal += table.sum(row, proxy.mode === 'http' ? counters.REQUESTS : counters.SESSIONS);
    splicedBytes += table.sum(row, counters.RES_SPLICED_BYTES) + table.sum(row, counters.REQ_SPLICED_BYTES);
    bytesOut += table.sum(row, counters.RES_OUT_BYTES) + table.sum(row, counters.REQ_IN_BYTES);
  }
  const { idlePercent, bytesOutRate } = control.infoHistory.take(bytesOut, control.parts.threadCount);
  return {
    control,
    figures: answers.filter((answer) => answer.kind === 'figures'),
    connectionRate,
    connectionRateMax: Math.max(connectionRateMax, connectionRate),
    connectionTotal,
    requestTotal,
    bytesOut,
    splicedBytes,
    idlePercent,
    bytesOutRate,
  };
}

async function showInfo(call: Call): Promise<Answer> {
  const options = new Set(call.words.slice(2));
  const form = call.words.slice(2).findLast((word) => word === 'typed' || word === 'json') ?? 'plain';
  const facts = await gatherFacts(call.control);
  const describes = options.has('desc');
  const items: string[] = [];
  for (const [position, [name, tags, valueOf, meaning]] of ROWS.entries()) {
    const value = valueOf(facts);
    if (value === null) continue;
    if (form === 'json') items.push(`{${jsonMembers(position, name, tags, value)}}`);
    else {
      const shown = form === 'typed' ? `${position}.${name}.1:${typedText(tags, value)}` : `${name}: ${value}`;
      items.push(`${shown}${describes ? `:"${meaning}"` : ''}\n`);
    }
  }
  return dump(form === 'json' ? `[${items.join(',')}]\n` : items.join(''));
}

export const infoCommands: readonly Command[] = [
  {
    words: ['show', 'info'],
    usage: 'show info [desc|json|typed|float]*      : report information about the running process',
    level: 'user',
    run: showInfo,
  },
];
