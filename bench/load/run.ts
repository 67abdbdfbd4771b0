// `npm run bench`: weir beside every proxy that is installed, case by case, in alternating rounds.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findPeer, findWrk, type Peer } from '../rig/peers.ts';
import { paintFor } from '../rig/terminal.ts';
import { svgChart } from './chart.ts';
import { autocannonTool, type LoadTool, wrkTool } from './load-tool.ts';
import { idleCountFor, type MeasureOptions, measureScenario, startBenchOrigin, whyNot } from './measure.ts';
import {
  type BenchResult,
  caseText,
  describeRun,
  markdownReport,
  replaceBetweenMarks,
  summarizeCase,
} from './report.ts';
import { chooseScenarios, type Scenario, scenarios } from './scenarios.ts';

// The origin meets at most one connection per client and the proxies' idle ones.
const ORIGIN_CONNECTION_COUNT_MAX = 8_192;

const benchFolder = fileURLToPath(new URL('..', import.meta.url));

const help = `Usage: npm run bench [-- OPTIONS]

Starts weir and the proxies it is compared with, one thread each, before the same origin; loads them in turn from
this machine over loopback; and prints and saves requests per second, latency, CPU per request of the proxy, memory,
and the ratios to HAProxy. The result goes to bench/results/ as JSON and as an SVG chart.

Options:
  --cases a,b      only these cases (default: all)
  --peers a,b      only these proxies: weir, haproxy, nginx, or name=path of any (default: weir, haproxy and nginx,
                   as far as installed; HAPROXY_PEER, NGINX_PEER and WRK_PEER name others than those on PATH)
  --reference NAME the peer that ratios are to (default: the first haproxy)
  --rounds N       runs of each peer in each case (default 5)
  --seconds N      length of a run (default 4)
  --warmup N       seconds of load before the first round (default 4)
  --clients N      connections that make requests (default 64)
  --idle N         connections of the idle case (default 10000)
  --tool NAME      wrk or autocannon (default: wrk where installed)
  --json FILE      save the result here instead of bench/results/; the chart goes beside it as .svg
  --publish        also copy it to bench/published/ and rewrite the tables in bench/README.md
  --list           list the cases
  --help           this text

Exit status: 0 all measured, 1 a peer failed in a case, 2 wrong usage or nothing to measure.
`;

interface Settings {
  cases: Scenario[];
  peerWords: string[];
  arePeersChosen: boolean; // then a missing one is an error, not a remark
  reference: string;
  roundCount: number;
  seconds: number;
  warmupSeconds: number;
  connectionCount: number;
  idleCount: number;
  tool: string;
  jsonPath: string;
  isPublished: boolean;
}

class UsageError extends Error {}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`--${option} takes a whole number from ${min} to ${max}, not '${text}'`);
  }
  return value;
}

const words = (text: string | undefined): string[] => (text ?? '').split(',').filter((word) => word !== '');

/** The command line as settings; 'help' or 'list' when it only asks. Throws UsageError, also on unknown options. */
export function parseCommandLine(args: readonly string[]): Settings | 'help' | 'list' {
  const values = parseOptions(args);
  if (values.help) return 'help';
  if (values.list) return 'list';
  if (values.tool !== undefined && values.tool !== 'wrk' && values.tool !== 'autocannon') {
    throw new UsageError(`--tool is wrk or autocannon, not '${values.tool}'`);
  }
  let cases: Scenario[];
  try {
    cases = chooseScenarios(words(values.cases));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return {
    cases,
    peerWords: values.peers === undefined ? ['weir', 'haproxy', 'nginx'] : words(values.peers),
    arePeersChosen: values.peers !== undefined,
    reference: values.reference ?? '',
    roundCount: wholeNumber('rounds', values.rounds ?? '5', 1, 1_000),
    seconds: wholeNumber('seconds', values.seconds ?? '4', 1, 600),
    warmupSeconds: wholeNumber('warmup', values.warmup ?? '4', 1, 600),
    connectionCount: wholeNumber('clients', values.clients ?? '64', 1, 2_000),
    idleCount: wholeNumber('idle', values.idle ?? '10000', 1, 100_000),
    tool: values.tool ?? '',
    jsonPath: values.json ?? '',
    isPublished: values.publish ?? false,
  };
}

function parseOptions(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        cases: text,
        peers: text,
        reference: text,
        rounds: text,
        seconds: text,
        warmup: text,
        clients: text,
        idle: text,
        tool: text,
        json: text,
        publish: flag,
        list: flag,
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The peers asked for, as far as installed. Throws UsageError when one that was named is not there. */
async function findPeers(settings: Settings, say: (line: string) => void): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const word of settings.peerWords) {
    const peer = await findPeer(word).catch((error: Error) => {
      throw new UsageError(error.message);
    });
    if (peer !== null) {
      if (peers.some((other) => other.name === peer.name)) throw new UsageError(`two peers are called '${peer.name}'`);
      peers.push(peer);
    } else if (settings.arePeersChosen) throw new UsageError(`${word} is not installed`);
    else say(`${word} is not installed: left out`);
  }
  if (peers.length === 0) throw new UsageError('nothing to measure: none of the peers is installed');
  return peers;
}

/** Fewer idle connections where the open-file limit of this machine holds no more. */
function fitIdleCount(settings: Settings, say: (line: string) => void): void {
  const idleCountMax = idleCountFor(openFileLimit());
  if (settings.idleCount <= idleCountMax || settings.cases.every((scenario) => scenario.kind !== 'idle')) return;
  say(
    `idle: ${idleCountMax} connections instead of ${settings.idleCount}, because of the open-file limit (ulimit -Hn)`,
  );
  settings.idleCount = idleCountMax;
}

function openFileLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return hard ? Number(hard[1]) : Number.POSITIVE_INFINITY; // `unlimited`
}

function chooseReference(settings: Settings, peers: readonly Peer[]): string {
  if (settings.reference === '') return peers.find((peer) => peer.kind === 'haproxy')?.name ?? '';
  if (!peers.some((peer) => peer.name === settings.reference)) {
    throw new UsageError(`--reference '${settings.reference}' is none of the peers`);
  }
  return settings.reference;
}

async function chooseTool(settings: Settings): Promise<LoadTool> {
  const wrkPath = findWrk();
  if (settings.tool === 'wrk' && wrkPath === '') throw new UsageError('wrk is not installed');
  if (settings.tool === 'autocannon' || wrkPath === '') return autocannonTool();
  // One thread leaves the rest of a small machine to the proxy and the origin.
  return await wrkTool(wrkPath, availableParallelism() >= 8 ? 2 : 1);
}

/** On a terminal one line that changes, else a line each; `clear` before other output. */
function progressOn(stream: NodeJS.WriteStream): { show(text: string, isDetail?: boolean): void; clear(): void } {
  if (!stream.isTTY) return { show: (text, isDetail) => isDetail !== true && stream.write(`${text}\n`), clear() {} };
  return {
    show: (text) => stream.write(`\r\x1b[K${text.slice(0, (stream.columns || 80) - 1)}`),
    clear: () => stream.write('\r\x1b[K'),
  };
}

function save(result: BenchResult, settings: Settings): string {
  const stamp = result.date.slice(0, 19).replaceAll(':', '').replace('T', '-');
  const jsonPath =
    settings.jsonPath === '' ? join(benchFolder, 'results', `${stamp}.json`) : resolve(settings.jsonPath);
  mkdirSync(dirname(jsonPath), { recursive: true });
  writeFileSync(jsonPath, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(svgPathFor(jsonPath), svgChart(result));
  return jsonPath;
}

const svgPathFor = (jsonPath: string): string => `${jsonPath.replace(/\.json$/, '')}.svg`;

function publish(result: BenchResult, jsonPath: string): void {
  const folder = join(benchFolder, 'published');
  const readmePath = join(benchFolder, 'README.md');
  mkdirSync(folder, { recursive: true });
  copyFileSync(jsonPath, join(folder, 'result.json'));
  copyFileSync(svgPathFor(jsonPath), join(folder, 'result.svg'));
  writeFileSync(readmePath, replaceBetweenMarks(readFileSync(readmePath, 'utf8'), markdownReport(result)));
}

async function bench(settings: Settings): Promise<number> {
  const paint = paintFor(process.stdout);
  const progress = progressOn(process.stderr);
  const say = (line: string): void => {
    progress.clear();
    process.stdout.write(`${line}\n`);
  };
  const peers = await findPeers(settings, say);
  const reference = chooseReference(settings, peers);
  const tool = await chooseTool(settings);
  fitIdleCount(settings, say);
  const origin = await startBenchOrigin(ORIGIN_CONNECTION_COUNT_MAX);
  const result: BenchResult = {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
      coreCount: cpus().length,
      kernel: release(),
      memoryBytes: totalmem(),
    },
    node: process.version,
    loadTool: tool.name,
    origin: origin.name,
    reference,
    roundCount: settings.roundCount,
    secondsPerRun: settings.seconds,
    connectionCount: settings.connectionCount,
    idleCount: settings.idleCount,
    cases: [],
  };
  say(`${describeRun(result)}\n${peers.map((peer) => `${peer.name} ${peer.version}`).join(', ')}\n`);
  const { port: originPort, folder } = origin;
  const options: MeasureOptions = { ...settings, peers, tool, originPort, folder, progress: progress.show };
  let failureCount = 0;
  try {
    for (const scenario of settings.cases) {
      for (const peer of peers) {
        const reason = whyNot(peer, scenario);
        if (reason !== '') say(paint.dim(`${scenario.name}: without ${peer.name}, ${reason}`));
      }
      const summary = summarizeCase(scenario, await measureScenario(scenario, options), reference);
      result.cases.push(summary);
      const [title, ...lines] = caseText(summary, reference);
      say([paint.bold(title!), ...lines, ''].join('\n'));
      for (const entry of summary.entries.filter((each) => each.failure !== '')) {
        failureCount++;
        say(paint.red(`${entry.peer} failed in ${scenario.name}: ${entry.failure}`));
      }
    }
  } finally {
    progress.clear();
    await origin.stop();
  }
  const jsonPath = save(result, settings);
  say(`saved ${jsonPath} and ${svgPathFor(jsonPath)}`);
  if (settings.isPublished) {
    publish(result, jsonPath);
    say('published: bench/published/ and the tables of bench/README.md');
  }
  return failureCount === 0 ? 0 : 1;
}

/** The command: arguments in, exit status out. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const settings = parseCommandLine(args);
    if (settings === 'help') process.stdout.write(help);
    else if (settings === 'list') {
      for (const scenario of scenarios) process.stdout.write(`${scenario.name.padEnd(14)}${scenario.title}\n`);
    } else return await bench(settings);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`bench: ${error.message}\nTry: npm run bench -- --help\n`);
    return 2;
  }
}

// Ctrl-C must not leave proxies behind: exit() runs the hook that ends every child.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  process.exitCode = await main(process.argv.slice(2));
}
