// One case of the bench, measured: every peer started, warmed up, and loaded in turn, round after round.
//
// Peers alternate within a round (A, B, C, A, B, C …), because the machine's mood changes by the second: a
// ratio between two runs of the same round says far more than two averages. Start at measureScenario.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../rig/children.ts';
import { findNginx, type Peer } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { type Memory, udpDrops } from '../rig/proc.ts';
import { type ProxyProcess, startProxy, waitUntilAccepts } from '../rig/proxy-process.ts';
import { configFor, mapText, nginxOriginConfig } from './configs.ts';
import type { LoadTool } from './load-tool.ts';
import { fileBytes, type Scenario } from './scenarios.ts';

export type FigureName =
  | 'requestsPerSecond'
  | 'p50Us'
  | 'p99Us'
  | 'cpuUsPerRequest'
  | 'mibPerSecond' // body bytes
  | 'cpuUsPerMib'
  | 'rssBytes'
  | 'pssBytes'
  | 'errorCount'
  | 'logLineCount' // that the sink got
  | 'logLostCount' // requests without a line at the sink
  | 'logDroppedCount' // of these, thrown away by the kernel because the sink was too slow
  | 'baseRssBytes' // idle case: before the clients came
  | 'rssBytesPerConnection'
  | 'pssBytesPerConnection'
  | 'fdCount';

/** What one run of one peer gave. A figure that does not apply is absent. */
export type Figures = Partial<Record<FigureName, number>>;

/** One peer in one case. In the logging case each peer has two: with and without a line per request. */
export interface Entry {
  peer: Peer;
  isLogging: boolean;
  runs: Figures[]; // one a round; shorter than the others when it failed
  failure: string; // why it stopped taking part; '' as it should be
}

export interface MeasureOptions {
  peers: readonly Peer[];
  tool: LoadTool;
  originPort: number;
  folder: string; // for files that configs name
  roundCount: number;
  seconds: number; // of each run
  warmupSeconds: number;
  connectionCount: number;
  idleCount: number; // connections of the idle case
  progress(text: string, isDetail?: boolean): void; // details are worth a line only where they overwrite each other
}

const CONNECTION_COUNT_MIN = 4_096; // maxconn where a case needs no more
const IDLE_CONNECTION_MARGIN = 150; // above the idle ones: the warm-up's clients, which may still be leaving
const OPEN_FILE_MARGIN = 200; // above two a connection: listeners, pipes, what the runtime itself holds
const IDLE_OPEN_MS_MAX = 60_000;
const SETTLE_MS_MAX = 5_000;
const SETTLE_EVERY_MS = 200;
const ANSWER_MS_MAX = 10_000;

const openFilesFor = (connectionCount: number): number => connectionCount * 2 + OPEN_FILE_MARGIN;

/** How many idle connections a proxy can hold that may open `openFileMax` files and reserves two a connection. */
export function idleCountFor(openFileMax: number): number {
  return Math.max(0, Math.floor((openFileMax - OPEN_FILE_MARGIN) / 2) - IDLE_CONNECTION_MARGIN);
}

/** Can `peer` take part in `scenario`? '' or why not. */
export function whyNot(peer: Peer, scenario: Scenario): string {
  if (peer.kind === 'nginx' && scenario.frontLines.length > 0) return 'it has no such rules';
  return scenario.mode === 'tcp' && !peer.canTcp ? 'its stream module is not installed' : '';
}

/** Measures `scenario` with every peer that can take part. A peer's failure is its entry's; only ours throw. */
export async function measureScenario(scenario: Scenario, options: MeasureOptions): Promise<Entry[]> {
  const variants = scenario.kind === 'logging' ? [false, true] : [false];
  const entries: Entry[] = [];
  for (const peer of options.peers) {
    if (whyNot(peer, scenario) !== '') continue;
    for (const isLogging of variants) entries.push({ peer, isLogging, runs: [], failure: '' });
  }
  if (scenario.kind === 'idle') await measureIdle(scenario, entries, options);
  else await measureLoad(scenario, entries, options);
  return entries;
}

/** Runs `work`; when it fails, says so in the entry, which then stands aside. */
async function guarded(entry: Entry, work: () => Promise<void>): Promise<void> {
  if (entry.failure !== '') return;
  try {
    await work();
  } catch (error) {
    entry.failure = error instanceof Error ? error.message : String(error);
  }
}

interface Running {
  entry: Entry;
  proxy: ProxyProcess;
  url: string;
}

async function startEntry(
  entry: Entry,
  scenario: Scenario,
  logPort: number,
  options: MeasureOptions,
): Promise<Running> {
  const port = await freePort();
  const idleCountMax = scenario.kind === 'idle' ? options.idleCount + IDLE_CONNECTION_MARGIN : 0;
  const connectionCountMax = Math.max(CONNECTION_COUNT_MIN, idleCountMax);
  const mapPath = scenario.map > 0 ? join(options.folder, `${scenario.name}.map`) : '';
  if (mapPath !== '') writeFileSync(mapPath, mapText(scenario));
  const configText = configFor(entry.peer, scenario, {
    port,
    originPort: options.originPort,
    logPort: entry.isLogging ? logPort : 0,
    connectionCountMax,
    mapPath,
  });
  const proxy = await startProxy(entry.peer, {
    configText,
    ports: [port],
    openFileMin: openFilesFor(connectionCountMax),
  });
  return { entry, proxy, url: `http://127.0.0.1:${port}/${scenario.file}` };
}

function label(entry: Entry): string {
  return entry.isLogging ? `${entry.peer.name} with logging` : entry.peer.name;
}

async function measureLoad(scenario: Scenario, entries: readonly Entry[], options: MeasureOptions): Promise<void> {
  const sink = scenario.kind === 'logging' ? await startLogSink() : null;
  const all: Running[] = [];
  try {
    for (const entry of entries) {
      await guarded(entry, async () => {
        options.progress(`${scenario.name}: warming up ${label(entry)}`);
        const running = await startEntry(entry, scenario, sink?.port ?? 0, options);
        all.push(running);
        await load(running, scenario, options, options.warmupSeconds);
      });
    }
    for (let round = 1; round <= options.roundCount; round++) {
      for (const running of all) {
        await guarded(running.entry, async () => {
          options.progress(`${scenario.name}: round ${round} of ${options.roundCount}, ${label(running.entry)}`);
          running.entry.runs.push(await measureRun(running, scenario, sink, options));
        });
      }
    }
  } finally {
    for (const running of all) await running.proxy.stop();
    await sink?.stop();
  }
}

function load(running: Running, scenario: Scenario, options: MeasureOptions, seconds: number) {
  return options.tool.run(running.url, options.connectionCount, seconds, scenario.newConnectionPerRequest);
}

async function measureRun(
  running: Running,
  scenario: Scenario,
  sink: LogSink | null,
  options: MeasureOptions,
): Promise<Figures> {
  const { proxy, entry } = running;
  const logBefore = entry.isLogging ? await sink!.count() : null;
  const cpuBefore = proxy.cpuSeconds();
  const said = await load(running, scenario, options, options.seconds);
  if (proxy.hasExited()) throw new Error(`${entry.peer.name} ended under load:\n${proxy.output()}`);
  const cpuUs = (proxy.cpuSeconds() - cpuBefore) * 1_000_000;
  if (said.requestCount === 0) throw new Error(`${entry.peer.name} answered no request:\n${proxy.output()}`);
  const memory = proxy.memory();
  const figures: Figures = {
    requestsPerSecond: said.requestCount / said.seconds,
    p50Us: said.p50Us,
    p99Us: said.p99Us,
    cpuUsPerRequest: cpuUs / said.requestCount,
    rssBytes: memory.rssBytes,
    pssBytes: memory.pssBytes,
    errorCount: said.errorCount,
    fdCount: proxy.fdCount(),
  };
  if (scenario.isBulk) {
    const mib = (said.requestCount * fileBytes[scenario.file]) / 2 ** 20;
    figures.mibPerSecond = mib / said.seconds;
    figures.cpuUsPerMib = cpuUs / mib;
  }
  if (logBefore) {
    const logAfter = await sink!.settledCount();
    figures.logLineCount = logAfter.lines - logBefore.lines;
    figures.logDroppedCount = logAfter.drops - logBefore.drops;
    figures.logLostCount = Math.max(0, said.requestCount - figures.logLineCount);
  }
  return figures;
}

// --- idle: memory of connections that wait ---

async function measureIdle(scenario: Scenario, entries: readonly Entry[], options: MeasureOptions): Promise<void> {
  for (let round = 1; round <= options.roundCount; round++) {
    for (const entry of entries) {
      await guarded(entry, async () => {
        const what = `${scenario.name}: round ${round} of ${options.roundCount}, ${label(entry)}`;
        options.progress(what);
        // A new process each round: what an allocator once took it seldom gives back.
        const running = await startEntry(entry, scenario, 0, options);
        try {
          entry.runs.push(await measureIdleRun(running, scenario, options, what));
        } finally {
          await running.proxy.stop();
        }
      });
    }
  }
}

async function measureIdleRun(
  running: Running,
  scenario: Scenario,
  options: MeasureOptions,
  what: string,
): Promise<Figures> {
  const { proxy } = running;
  // Warm first, so that code, pools and heap that any traffic needs are not counted as the connections'.
  await load(running, scenario, options, options.warmupSeconds);
  const before = await settledMemory(proxy);
  const clients = await openIdleClients(running.url, scenario, options, (opened) =>
    options.progress(`${what}: ${opened} of ${options.idleCount} connections`, true),
  );
  try {
    const after = await settledMemory(proxy);
    const openCount = await clients.openCount();
    if (openCount !== options.idleCount) {
      throw new Error(`${options.idleCount - openCount} of ${options.idleCount} idle connections were closed`);
    }
    return {
      baseRssBytes: before.rssBytes,
      rssBytes: after.rssBytes,
      pssBytes: after.pssBytes,
      rssBytesPerConnection: (after.rssBytes - before.rssBytes) / openCount,
      pssBytesPerConnection: (after.pssBytes - before.pssBytes) / openCount,
      fdCount: proxy.fdCount(),
    };
  } finally {
    await clients.stop();
  }
}

/** Memory once it has stopped changing by more than 0.2 %, or after 5 s whatever it is. */
async function settledMemory(proxy: ProxyProcess): Promise<Memory> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  let last = proxy.memory();
  let calmCount = 0;
  while (calmCount < 3 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_EVERY_MS));
    const now = proxy.memory();
    calmCount = Math.abs(now.rssBytes - last.rssBytes) <= last.rssBytes * 0.002 ? calmCount + 1 : 0;
    last = now;
  }
  return last;
}

/** The next message of `child`. Rejects when it ends first or says nothing for `timeoutMs`. */
function nextMessage(child: Child, timeoutMs: number): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error('a helper process of the bench does not answer')), timeoutMs);
    const end = (error: Error | null, message: Record<string, number> = {}): void => {
      clearTimeout(timer);
      child.process.off('message', onMessage);
      child.process.off('exit', onExit);
      if (error) reject(error);
      else resolve(message);
    };
    const onMessage = (message: unknown): void => end(null, message as Record<string, number>);
    const onExit = (): void => end(new Error(`a helper process of the bench ended:\n${child.lastWords()}`));
    child.process.on('message', onMessage);
    child.process.on('exit', onExit);
  });
}

function startHelper(file: string, args: readonly string[], openFileMin: number): Promise<Child> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return startChild(process.execPath, [path, ...args], {
    openFileMin,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

async function openIdleClients(
  url: string,
  scenario: Scenario,
  options: MeasureOptions,
  opened: (count: number) => void,
): Promise<{ openCount(): Promise<number>; stop(): Promise<void> }> {
  const args = [new URL(url).port, String(options.idleCount), `/${scenario.file}`];
  const child = await startHelper('./idle-client.ts', args, options.idleCount + 200);
  const deadlineMs = performance.now() + IDLE_OPEN_MS_MAX;
  try {
    for (;;) {
      const message = await nextMessage(child, Math.max(1, deadlineMs - performance.now()));
      if (message['failed']) throw new Error(`${message['failed']} of ${options.idleCount} connections failed`);
      if (message['ready'] !== undefined) break;
      opened(message['opened'] ?? 0);
    }
  } catch (error) {
    await child.stop('SIGKILL');
    throw error;
  }
  return {
    async openCount() {
      const answer = nextMessage(child, ANSWER_MS_MAX);
      child.process.send('count');
      return (await answer)['open'] ?? 0;
    },
    stop: () => child.stop('SIGKILL'),
  };
}

// --- the log sink ---

interface LogCount {
  lines: number;
  drops: number;
}

interface LogSink {
  port: number;
  count(): Promise<LogCount>;
  settledCount(): Promise<LogCount>; // once no more lines are coming in
  stop(): Promise<void>;
}

async function startLogSink(): Promise<LogSink> {
  const child = await startHelper('./log-sink.ts', [], 0);
  const port = (await nextMessage(child, ANSWER_MS_MAX))['port'] ?? 0;
  const count = async (): Promise<LogCount> => {
    const answer = nextMessage(child, ANSWER_MS_MAX);
    child.process.send('count');
    return { lines: (await answer)['lines'] ?? 0, drops: udpDrops(port) };
  };
  const settledCount = async (): Promise<LogCount> => {
    let last = await count();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_EVERY_MS));
      const now = await count();
      if (now.lines === last.lines && now.drops === last.drops) return now;
      last = now;
    }
  };
  return { port, count, settledCount, stop: () => child.stop('SIGKILL') };
}

// --- the origin ---

export interface BenchOrigin {
  name: string; // with version, for the report
  port: number;
  folder: string; // what it serves; gone when it stops
  stop(): Promise<void>;
}

/** The origin of all cases: nginx, one worker, static files; a Node server where nginx is not installed. */
export async function startBenchOrigin(connectionCountMax: number): Promise<BenchOrigin> {
  const nginx = await findNginx();
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-files-'));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  if (nginx === null) {
    const child = await startHelper('./node-origin.ts', [String(port)], connectionCountMax + 200);
    await waitUntilAccepts(port, child, 'the origin');
    const stop = (): Promise<void> => child.stop('SIGKILL').then(forget);
    return { name: `node ${process.version}`, port, folder, stop };
  }
  for (const [name, bytes] of Object.entries(fileBytes)) writeFileSync(join(folder, name), Buffer.alloc(bytes, 'a'));
  const configText = nginxOriginConfig(port, folder, connectionCountMax);
  const proxy = await startProxy(nginx, { configText, ports: [port], openFileMin: openFilesFor(connectionCountMax) });
  return {
    name: `nginx ${nginx.version}`,
    port,
    folder,
    async stop() {
      await proxy.stop();
      forget();
    },
  };
}
