// The load generators: wrk where it is installed, else autocannon, which comes with weir. Both run as a child
// process and report in their own words; the parsers turn these into the same figures.

import { createRequire } from 'node:module';
import { runChild } from '../rig/children.ts';

export interface LoadFigures {
  requestCount: number; // answered requests
  seconds: number;
  bytes: number; // received, heads included
  p50Us: number;
  p99Us: number;
  errorCount: number; // broken connections, timeouts and answers that were not 2xx or 3xx
}

export interface LoadTool {
  name: string; // with version, for the report
  secondsMin: number; // the shortest run it can do
  /** Loads `url` with `connectionCount` clients for about `seconds` (whole ones). Throws when the tool fails. */
  run(url: string, connectionCount: number, seconds: number, newConnectionPerRequest: boolean): Promise<LoadFigures>;
}

// A tool that hangs is ended this long after its run should have been over.
const OVERTIME_MS = 20_000;

/** wrk at `path`, with `threadCount` threads. */
export async function wrkTool(path: string, threadCount: number): Promise<LoadTool> {
  const { stdout, stderr } = await runChild(path, ['-v'], OVERTIME_MS);
  const version = /wrk (?:\S+\/)?(\d[^\s[]*)/.exec(stdout + stderr)?.[1] ?? '';
  return {
    name: `wrk ${version}`.trim(),
    secondsMin: 1,
    async run(url, connectionCount, seconds, newConnectionPerRequest) {
      const header = newConnectionPerRequest ? ['-H', 'Connection: close'] : [];
      const wholeSeconds = Math.max(1, Math.round(seconds));
      const counts = [`-t${threadCount}`, `-c${connectionCount}`, `-d${wholeSeconds}s`];
      const { code, stdout, stderr } = await runChild(
        path,
        [...counts, '--latency', ...header, url],
        wholeSeconds * 1_000 + OVERTIME_MS,
      );
      if (code !== 0) throw new Error(`wrk failed: ${stderr || stdout}`);
      return parseWrk(stdout);
    },
  };
}

/** The autocannon that comes with weir, run by the same Node as we are. */
export function autocannonTool(): LoadTool {
  const require = createRequire(import.meta.url);
  const path = require.resolve('autocannon/autocannon.js');
  const version = (require('autocannon/package.json') as { version: string }).version;
  return {
    name: `autocannon ${version}`,
    secondsMin: 1,
    async run(url, connectionCount, seconds, newConnectionPerRequest) {
      const header = newConnectionPerRequest ? ['-H', 'Connection=close'] : [];
      const wholeSeconds = Math.max(1, Math.round(seconds));
      const { code, stdout, stderr } = await runChild(
        process.execPath,
        [path, '-j', '-n', '-c', String(connectionCount), '-d', String(wholeSeconds), ...header, url],
        wholeSeconds * 1_000 + OVERTIME_MS,
      );
      if (code !== 0) throw new Error(`autocannon failed: ${stderr || stdout}`);
      return parseAutocannon(stdout);
    },
  };
}

const timeUs: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000 };
const byteUnit: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** What `wrk --latency` prints. Throws when it is not that. */
export function parseWrk(text: string): LoadFigures {
  const total = /^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h), ([\d.]+)([KMGT]?B) read$/m.exec(text);
  if (!total) throw new Error(`this is not a report of wrk:\n${text}`);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const wrongStatus = /Non-2xx or 3xx responses: (\d+)/.exec(text);
  const errors = [...(socketErrors?.slice(1) ?? []), wrongStatus?.[1] ?? '0'].map(Number);
  return {
    requestCount: Number(total[1]),
    seconds: (Number(total[2]) * timeUs[total[3]!]!) / 1_000_000,
    bytes: Number(total[4]) * byteUnit[total[5]!]!,
    p50Us: wrkPercentile(text, 50),
    p99Us: wrkPercentile(text, 99),
    errorCount: errors.reduce((sum, count) => sum + count, 0),
  };
}

function wrkPercentile(text: string, percent: number): number {
  const match = new RegExp(`^\\s*${percent}%\\s+([\\d.]+)(us|ms|s|m|h)$`, 'm').exec(text);
  if (!match) throw new Error(`this report of wrk has no ${percent} % line:\n${text}`);
  return Number(match[1]) * timeUs[match[2]!]!;
}

interface AutocannonReport {
  duration: number;
  errors: number;
  timeouts: number;
  non2xx: number;
  '2xx': number;
  latency: { p50: number; p99: number };
  throughput: { total: number };
}

/** What `autocannon --json` prints: latencies in whole milliseconds. Throws when it is not that. */
export function parseAutocannon(text: string): LoadFigures {
  const report = JSON.parse(text) as Partial<AutocannonReport>;
  const { duration, errors, timeouts, non2xx, latency, throughput } = report;
  const good = report['2xx'];
  if (
    duration === undefined ||
    errors === undefined ||
    timeouts === undefined ||
    non2xx === undefined ||
    good === undefined ||
    latency === undefined ||
    throughput === undefined
  ) {
    throw new Error(`this is not a report of autocannon:\n${text}`);
  }
  return {
    requestCount: good + non2xx,
    seconds: duration,
    bytes: throughput.total,
    p50Us: latency.p50 * 1_000,
    p99Us: latency.p99 * 1_000,
    errorCount: errors + timeouts + non2xx,
  };
}
