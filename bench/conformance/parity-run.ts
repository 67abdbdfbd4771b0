// Runs the case tables through two proxies at once and compares.
//
// Each section copy is a lane: on both sides a listener, scripted origins and a log socket that nobody else uses, so
// what arrives there belongs to the lane's running case. A case is over when both sides look the same and have been
// quiet for a moment; when they differ, the slower one gets time to catch up before that counts.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Peer } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { type ProxyProcess, startProxy } from '../rig/proxy-process.ts';
import { DIFFERENCES } from './differences.ts';
import { joinChunks } from './joined-chunks.ts';
import type { Case, Step } from './parity-case.ts';
import { RawClient } from './raw-client.ts';
import { ScriptedOrigin } from './scripted-origin.ts';
import { FILES, GLOBAL, SECTIONS, type Section } from './sections.ts';
import {
  type Names,
  normalizeLog,
  proxyV2AsText,
  rename,
  sameBytes,
  sameLogs,
  type Transcript,
  timeDifference,
} from './transcript.ts';

const QUIET_MS = 30;
const STEP_TIMEOUT_MS = 3_000;
const CATCH_UP_MS = 1_500;
/** The same where a difference is expected. */
const LISTED_MS = 200;
const FINISH_MS = 300;
const LOGS_MS = 1_500;
const LOOK_EVERY_MS = 4;
/** A log line of a client that is none of the case's: the look whether the port accepts at the start. */
const STRANGER = /^(Connect from )?127\.0\.0\.1:\d+ /;

export interface Result {
  readonly case: Case;
  readonly left: Transcript;
  readonly right: Transcript;
  isSame: boolean;
  timeNote: string; // how the times differ, '' when they do not
  readonly reference: Result | null; // of a cut exchange: what the whole one looked like
}

interface SideLane {
  readonly names: { laneName: string; sectionName: string };
  readonly bindPort: number;
  readonly ownPorts: Map<number, string>;
  readonly origin: ScriptedOrigin;
  readonly origin2: ScriptedOrigin;
  readonly logSocket: DatagramSocket;
  readonly logs: string[]; // not yet taken by a case, oldest first
  lastLogMs: number;
}

interface Lane {
  readonly section: Section;
  readonly sides: readonly SideLane[]; // one per proxy
  readonly isHasty: boolean;
  readonly isPeerOld: boolean; // HAProxy 2.6 loses bytes when a response is cut behind an interim one
}

interface Exchange {
  readonly lane: SideLane;
  readonly clients: RawClient[];
  readonly names: Names & { ports: Map<number, string> };
}

export interface Rig {
  run(cases: readonly Case[], report?: (result: Result) => void): Promise<Result[]>;
  runCuts(exchanges: readonly CutExchange[]): Promise<Result[]>;
  /** Runs a result's case once more, alone. */
  again(result: Result): Promise<Result>;
  stop(): Promise<void>;
}

/** One exchange, and how it is cut: each variant must look like the whole. */
export interface CutExchange {
  readonly whole: Case;
  readonly variants: readonly Case[];
}

export interface RigOptions {
  readonly args?: readonly (readonly string[])[]; // more words for each proxy
  readonly withNew?: boolean; // sections that only HAProxy 3.4 has
  readonly only?: ReadonlySet<string>; // names of the sections wanted
  readonly isHasty?: boolean; // many differences are expected: does not wait long for the two to agree
}

/** Starts both proxies on the same configuration. Throws with the program's words when one does not come up. */
export async function startRig(peers: readonly [Peer, Peer], options: RigOptions = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-parity-'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text, 'latin1');
  const wanted = SECTIONS.filter(
    (section) =>
      (options.withNew !== false || section.since === undefined) &&
      (options.only === undefined || options.only.has(section.name)),
  );
  const full = await startFullListener();
  const deadPort = await freePort();
  const lanes: Lane[] = [];
  const configs = [GLOBAL, GLOBAL];
  const ports: number[][] = [[], []];
  for (const section of wanted) {
    for (let copy = 0; copy < (section.copies ?? 1); copy++) {
      const sides = await Promise.all([makeLane(section, copy), makeLane(section, copy)]);
      sides.forEach((side, index) => {
        configs[index] += fill(section.config, side, deadPort, full.port, folder);
        ports[index]!.push(side.bindPort);
      });
      lanes.push({ section, sides, isHasty: options.isHasty === true, isPeerOld: options.withNew === false });
    }
  }
  const processes: ProxyProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.stop('SIGTERM')));
    for (const lane of lanes) {
      for (const side of lane.sides) {
        side.logSocket.close();
        await side.origin.close();
        await side.origin2.close();
      }
    }
    await full.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const started = await Promise.allSettled(
      peers.map((peer, index) =>
        startProxy(peer, {
          configText: configs[index]!,
          ports: ports[index]!,
          args: options.args?.[index] ?? [],
          openFileMin: 4096,
        }),
      ),
    );
    for (const each of started) if (each.status === 'fulfilled') processes.push(each.value);
    for (const each of started) if (each.status === 'rejected') throw each.reason;
  } catch (error) {
    await stop();
    throw error;
  }
  await Promise.all(lanes[0]!.sides.map(warmUp));
  return {
    run: (cases, report) => runCases(lanes, cases, processes, report),
    runCuts: (exchanges) => runCuts(lanes, exchanges),
    again: (result) => {
      const lane = lanes.find((each) => each.section.name === result.case.on)!;
      return result.reference === null ? runCase(lane, result.case) : runVariant(lane, result.case, result.reference);
    },
    stop,
  };
}

// The kernel accepts for a program that is not quite ready: waits until it has answered something.
async function warmUp(lane: SideLane): Promise<void> {
  const client = new RawClient(lane.bindPort);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.waitUntil(() => client.byteCount > 0, STEP_TIMEOUT_MS);
  await client.finish(FINISH_MS);
  await lane.origin.finish(FINISH_MS);
}

async function makeLane(section: Section, copy: number): Promise<SideLane> {
  const origin = new ScriptedOrigin();
  const origin2 = new ScriptedOrigin();
  await origin.listen();
  await origin2.listen();
  const logSocket = createSocket('udp4');
  await new Promise<void>((resolve) => logSocket.bind(0, '127.0.0.1', resolve));
  const bindPort = await freePort();
  const lane: SideLane = {
    names: {
      laneName: (section.copies ?? 1) > 1 ? `${section.name}.${copy}.` : section.name,
      sectionName: section.name,
    },
    bindPort,
    ownPorts: new Map([
      [bindPort, '<port>'],
      [origin.port, '<origin>'],
      [origin2.port, '<origin2>'],
    ]),
    origin,
    origin2,
    logSocket,
    logs: [],
    lastLogMs: 0,
  };
  logSocket.on('message', (bytes) => {
    lane.logs.push(bytes.toString('latin1').replace(/\n$/, ''));
    lane.lastLogMs = performance.now();
  });
  return lane;
}

function fill(config: string, lane: SideLane, deadPort: number, fullPort: number, folder: string): string {
  const words: Record<string, string> = {
    NAME: lane.names.laneName,
    BIND: String(lane.bindPort),
    ORIGIN: `127.0.0.1:${lane.origin.port}`,
    ORIGIN2: `127.0.0.1:${lane.origin2.port}`,
    DEAD: String(deadPort),
    FULL: String(fullPort),
    LOG: `127.0.0.1:${lane.logSocket.address().port}`,
    DIR: folder,
  };
  return config.replace(/@([A-Z0-9]+)@/g, (_, word: string) => words[word] ?? `@${word}@`);
}

// A listener whose accept queue is full: its thread sleeps, so the kernel answers no more SYNs.
async function startFullListener(): Promise<{ port: number; stop(): Promise<void> }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const { createServer } = require('node:net');
     const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       const flag = new Int32Array(new SharedArrayBuffer(4));
       parentPort.postMessage({ port: server.address().port, flag });
       Atomics.wait(flag, 0, 0);
       process.exit(0);
     });`,
    { eval: true },
  );
  const { port, flag } = await new Promise<{ port: number; flag: Int32Array }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const fillers = [0, 1, 2, 3].map(() => new RawClient(port));
  await Promise.all(fillers.slice(0, 2).map((filler) => filler.waitUntil(() => filler.isConnected(), 500)));
  return {
    port,
    async stop() {
      for (const filler of fillers) filler.reset();
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      await worker.terminate();
    },
  };
}

async function runCases(
  lanes: readonly Lane[],
  cases: readonly Case[],
  processes: readonly ProxyProcess[],
  report?: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  const queues = new Map<string, Case[]>();
  for (const each of cases) {
    if (!lanes.some((lane) => lane.section.name === each.on)) throw new Error(`no section '${each.on}' (${each.name})`);
    const queue = queues.get(each.on);
    if (queue === undefined) queues.set(each.on, [each]);
    else queue.push(each);
  }
  await Promise.all(
    lanes.map(async (lane) => {
      const queue = queues.get(lane.section.name) ?? [];
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const result = await runCase(lane, next);
        results.push(result);
        report?.(result);
        const dead = processes.find((process) => process.hasExited());
        if (dead) throw new Error(`${dead.peer.name} ended during '${next.name}':\n${dead.output()}`);
      }
    }),
  );
  const order = new Map(cases.map((each, index) => [each, index]));
  return results.sort((one, other) => order.get(one.case)! - order.get(other.case)!);
}

function begin(lane: SideLane, each: Case): Exchange {
  lane.origin.begin(each.origin ?? {});
  lane.origin2.begin(each.second ?? {});
  lane.logs.length = 0;
  return { lane, clients: [], names: { ...lane.names, ports: new Map(lane.ownPorts) } };
}

async function runCase(lane: Lane, each: Case): Promise<Result> {
  const exchanges = lane.sides.map((side) => begin(side, each));
  await Promise.all(exchanges.map((exchange) => runSteps(exchange, each.steps)));
  const waitMs = lane.isHasty || DIFFERENCES.has(each.name) ? LISTED_MS : CATCH_UP_MS;
  await settle(exchanges, each, waitMs);
  const [left, right] = exchanges.map(take) as [Transcript, Transcript];
  await Promise.all(exchanges.map(finish));
  await settleLogs(exchanges, left, right, waitMs);
  const timeNote = timeDifference(left, right);
  return {
    case: each,
    left,
    right,
    isSame: sameBytes(left, right) && sameLogs(left, right) && timeNote === '',
    timeNote,
    reference: null,
  };
}

async function finish(exchange: Exchange): Promise<void> {
  await Promise.all(exchange.clients.map((client) => client.finish(FINISH_MS)));
  await Promise.all([exchange.lane.origin.finish(FINISH_MS), exchange.lane.origin2.finish(FINISH_MS)]);
}

function clientAt(exchange: Exchange, step: { client?: number }): RawClient {
  const index = step.client ?? 0;
  while (exchange.clients.length <= index) exchange.clients.push(new RawClient(exchange.lane.bindPort));
  return exchange.clients[index]!;
}

async function runSteps(exchange: Exchange, steps: readonly Step[]): Promise<void> {
  const { lane } = exchange;
  const first = clientAt(exchange, {});
  await first.waitUntil(() => first.isConnected(), STEP_TIMEOUT_MS);
  for (const step of steps) {
    if ('pauseMs' in step) await new Promise((resolve) => setTimeout(resolve, step.pauseMs));
    else if ('untilOrigin' in step) {
      await untilTrue(() => originText(lane).includes(step.untilOrigin), STEP_TIMEOUT_MS);
    } else if ('untilConnections' in step) {
      await untilTrue(() => lane.origin.connections.length >= step.untilConnections, STEP_TIMEOUT_MS);
    } else await clientStep(clientAt(exchange, step), step);
  }
}

async function clientStep(client: RawClient, step: Step): Promise<void> {
  await client.waitUntil(() => client.isConnected(), STEP_TIMEOUT_MS);
  if ('send' in step) client.send(step.send);
  else if ('until' in step) await client.waitUntil(() => client.text().includes(step.until), STEP_TIMEOUT_MS);
  else if ('untilClosed' in step) await client.waitUntil(() => false, STEP_TIMEOUT_MS);
  else if ('halfClose' in step) client.halfClose();
  else if ('reset' in step) client.reset();
  else if ('pauseReading' in step) client.pause();
  else if ('resumeReading' in step) client.resume();
}

function originText(lane: SideLane): string {
  const connections = [...lane.origin.connections, ...lane.origin2.connections];
  return connections.map((connection) => Buffer.concat(connection.chunks).toString('latin1')).join('\n');
}

async function untilTrue(isTrue: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return true;
}

function take(exchange: Exchange): Transcript {
  const { lane, names } = exchange;
  for (const [index, client] of exchange.clients.entries()) names.ports.set(client.port, `<client${index}>`);
  const origins = [
    ...lane.origin.connections.map((connection) => ({ origin: 'a', connection })),
    ...lane.origin2.connections.map((connection) => ({ origin: 'b', connection })),
  ];
  return {
    clients: exchange.clients.map((client) => ({
      bytes: joinChunks(rename(client.text(), names)),
      state: client.state,
      firstMs: client.byteCount === 0 ? -1 : client.firstMs - client.openedMs,
      endedMs: client.endedMs === 0 ? -1 : client.endedMs - client.openedMs,
    })),
    origins: origins.map(({ origin, connection }) => ({
      origin,
      bytes: joinChunks(rename(proxyV2AsText(Buffer.concat(connection.chunks).toString('latin1'), names), names)),
      state: connection.state,
    })),
    logs: lane.logs.map((line) => rename(normalizeLog(line), names)).filter((line) => !STRANGER.test(line)),
  };
}

// Something came back (or a silent case has been silent long enough), and then nothing for a moment.
function isQuiet(exchange: Exchange, each: Case, startMs: number): boolean {
  const nowMs = performance.now();
  const { lane, clients } = exchange;
  const quietMs = each.silentMs ?? QUIET_MS;
  const heard =
    each.silentMs !== undefined || clients.every((client) => client.byteCount > 0 || client.state !== 'open');
  const lastMs = Math.max(
    startMs,
    lane.origin.lastChangeMs,
    lane.origin2.lastChangeMs,
    ...clients.map((client) => client.lastChangeMs),
  );
  const pausing = lane.origin.pausingCount + lane.origin2.pausingCount > 0;
  return heard && !pausing && nowMs - lastMs >= quietMs;
}

async function settle(exchanges: readonly Exchange[], each: Case, waitMs: number): Promise<void> {
  const startMs = performance.now();
  await untilTrue(
    () =>
      exchanges.every((exchange) => isQuiet(exchange, each, startMs)) &&
      sameBytes(take(exchanges[0]!), take(exchanges[1]!)),
    waitMs,
  );
}

// The lines of a case arrive after its connections ended; the lane's next case starts when both sides have the same.
async function settleLogs(
  exchanges: readonly Exchange[],
  left: Transcript,
  right: Transcript,
  waitMs: number,
): Promise<void> {
  const startMs = performance.now();
  const look = (): boolean => {
    left.logs = take(exchanges[0]!).logs;
    right.logs = take(exchanges[1]!).logs;
    const lastMs = Math.max(startMs, ...exchanges.map((exchange) => exchange.lane.lastLogMs));
    return sameLogs(left, right) && performance.now() - lastMs >= QUIET_MS / 2;
  };
  await untilTrue(look, Math.max(waitMs, LOOK_EVERY_MS));
}

async function runCuts(lanes: readonly Lane[], exchanges: readonly CutExchange[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const { whole, variants } of exchanges) {
    const own = lanes.filter((lane) => lane.section.name === whole.on);
    const reference = await runCase(own[0]!, whole);
    results.push(reference);
    const queue = [...variants];
    await Promise.all(
      own.map(async (lane) => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          results.push(await runVariant(lane, next, reference));
        }
      }),
    );
  }
  return results;
}

// Both sides must look as they did on the whole exchange; as soon as they do, that is it.
async function runVariant(lane: Lane, each: Case, reference: Result): Promise<Result> {
  const exchanges = lane.sides.map((side) => begin(side, each));
  await Promise.all(exchanges.map((exchange) => runSteps(exchange, each.steps)));
  const wanted = [reference.left, reference.right];
  const judged = exchanges.map((_, index) => index === 1 || (each.peerErrs !== true && !lane.isPeerOld));
  const all = (isRight: (taken: Transcript, wanted: Transcript) => boolean): boolean =>
    exchanges.every((exchange, index) => !judged[index] || isRight(take(exchange), wanted[index]!));
  await untilTrue(() => all(sameBytes), CATCH_UP_MS);
  const [left, right] = exchanges.map(take) as [Transcript, Transcript];
  await Promise.all(exchanges.map(finish));
  await untilTrue(() => all(sameLogs), LOGS_MS);
  left.logs = take(exchanges[0]!).logs;
  right.logs = take(exchanges[1]!).logs;
  const isSame = [left, right].every(
    (side, index) => !judged[index] || (sameBytes(side, wanted[index]!) && sameLogs(side, wanted[index]!)),
  );
  return { case: each, left, right, isSame, timeNote: '', reference };
}
