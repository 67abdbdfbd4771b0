// A proxy under fault tests: weir (or the haproxy it is compared with) as a process of its own, with its log lines,
// its own figures (SIGQUIT) and its descriptors (/proc) at hand.
//
// In the config, @LOG@ stands for our log receiver and @NAME@ for a free port called NAME (the same everywhere).

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../rig/children.ts';
import { findWeir, type Peer } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { waitUntilAccepts } from '../rig/proxy-process.ts';

const WAIT_MS_MAX = 10_000;
const LOOK_EVERY_MS = 20;

export type EngineName = 'uring' | 'epoll';
export const ENGINES: readonly EngineName[] = ['uring', 'epoll'];

/** Resolves when `isTrue` says so; rejects with what `describe` says after `timeoutMs`. Looks every 20 ms. */
export async function waitUntil(
  isTrue: () => boolean | Promise<boolean>,
  describe: () => string,
  timeoutMs = WAIT_MS_MAX,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`after ${timeoutMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** One thread's figures, as SIGQUIT shows them. */
export interface ThreadFigures {
  engine: string;
  connections: number;
  clients: number;
  streams: number;
  buffersHeld: number; // by connections; those lent to the kernel for receiving are not counted
  buffersFree: number;
  segments: number;
}

/** A traffic log line, the syslog header cut off. */
export interface LogLine {
  text: string;
  flags: string; // `SC--`, or `--` in mode tcp; '' for a line that has none
  status: number; // NaN in mode tcp
  retries: string; // the last of the five counts: `3`, `+1`
}

export interface FaultProxy {
  name: string;
  pid: number;
  port(name: string): number;
  logs: LogLine[];
  output(): string; // all of stderr and stdout
  events(text: string): Record<string, unknown>[]; // weir's own events whose text begins so
  figures(): Promise<ThreadFigures[]>;
  servers(): Promise<string>; // the answer to SIGHUP
  /** Waits until so many threads have come up again after the start. */
  readyAfter(crashCount: number): Promise<void>;
  socketCount(): number;
  rssBytes(): number;
  hasExited(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Waits until no thread has a client, a stream or a held buffer left and no more sockets are open than `socketCountMax`. */
  atRest(socketCountMax: number, idleMax?: number): Promise<void>;
  /** Ends it; rejects when it had ended before, or when a thread had crashed unasked. */
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  peer?: Peer; // default: this checkout's weir
  engine?: EngineName;
  args?: readonly string[];
  env?: Record<string, string>;
  crashes?: boolean; // threads may crash: the test asks for it
  fdLimit?: number; // RLIMIT_NOFILE
  wrapper?: readonly string[]; // a program that executes the rest of its command line
}

export async function startFaultProxy(config: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const peer = options.peer ?? (await findWeir());
  if (peer === null) throw new Error('the launcher of weir is missing');
  const logs: LogLine[] = [];
  const receiver = await receiveLogs((text) => logs.push(parseLog(text)));
  const ports = new Map<string, number>();
  for (const [, name] of config.matchAll(/@([A-Z0-9]+)@/g)) {
    if (name !== 'LOG' && !ports.has(name!)) ports.set(name!, await freePort());
  }
  const folder = mkdtempSync(join(tmpdir(), 'weir-fault-'));
  const text = config
    .replaceAll('@LOG@', `127.0.0.1:${receiver.address().port}`)
    .replace(/@([A-Z0-9]+)@/g, (_, name: string) => String(ports.get(name)));
  writeFileSync(join(folder, 'proxy.cfg'), text);
  const words = [peer.path, '-db', '-f', join(folder, 'proxy.cfg')];
  if (options.engine !== undefined && peer.kind === 'weir') words.push('--engine', options.engine);
  words.push(...(options.args ?? []));
  const command = [...(options.wrapper ?? []), ...words];
  if (options.fdLimit !== undefined) command.unshift('sh', '-c', 'ulimit -n "$0"; exec "$@"', String(options.fdLimit));
  let output = '';
  const child = await startChild(command[0]!, command.slice(1), { env: options.env });
  for (const stream of [child.process.stdout, child.process.stderr]) {
    stream!.on('data', (bytes: Buffer) => {
      output += bytes.toString('utf8');
    });
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.stop(signal);
    receiver.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const match of text.matchAll(/^\s*bind\s+127\.0\.0\.1:(\d+)/gm)) {
      await waitUntilAccepts(Number(match[1]), child, peer.name);
    }
    if (peer.kind === 'weir') {
      await waitUntil(
        () => eventsIn(output, 'started').length > 0 || child.hasExited(),
        () => `weir does not start:\n${output}`,
      );
      if (child.hasExited()) throw new Error(`weir does not start:\n${output}`);
    }
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return running(peer, child, ports, logs, () => output, end, options);
}

function running(
  peer: Peer,
  child: Child,
  ports: Map<string, number>,
  logs: LogLine[],
  output: () => string,
  end: (signal: NodeJS.Signals) => Promise<void>,
  options: FaultProxyOptions,
): FaultProxy {
  const proxy: FaultProxy = {
    name: options.engine === undefined ? peer.name : `${peer.name} on ${options.engine}`,
    pid: child.pid,
    port(name) {
      const port = ports.get(name);
      if (port === undefined) throw new Error(`the config has no @${name}@`);
      return port;
    },
    logs,
    output,
    events: (text) => eventsIn(output(), text),
    async figures() {
      const from = output().length;
      child.process.kill('SIGQUIT');
      const answer = (): string => output().slice(from);
      const isWhole = (): boolean =>
        /segments \d+ in use/.test(answer()) && countIn(answer(), 'segments ') === countIn(answer(), ': engine ');
      // Threads answer one after the other, each with all of its lines: a moment of silence ends the answer.
      await waitUntil(isWhole, () => `no figures: ${answer()}`);
      return parseFigures(answer());
    },
    async servers() {
      const from = output().length;
      child.process.kill('SIGHUP');
      await waitUntil(
        () => /SIGHUP: Proxy .*\n/.test(output().slice(from)),
        () => 'no answer to SIGHUP',
      );
      return output().slice(from);
    },
    async readyAfter(crashCount) {
      const started = (): number => eventsIn(output(), 'proxy thread accepts').length;
      const threads = Number(/"threads":(\d+)/.exec(output())?.[1]);
      await waitUntil(
        () => started() >= threads + crashCount,
        () => `${started()} threads came up: ${output().slice(-3000)}`,
      );
    },
    socketCount: () => socketCount(child.pid),
    rssBytes: () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1]) * 1024,
    hasExited: () => child.hasExited(),
    signal: (name) => void child.process.kill(name),
    async atRest(socketCountMax, idleMax = 0) {
      let last = '';
      const isAtRest = async (): Promise<boolean> => {
        const figures = await proxy.figures();
        const sockets = proxy.socketCount();
        last = `${JSON.stringify(figures)}, ${sockets} sockets (${socketCountMax} allowed)`;
        const idle = figures.reduce((sum, each) => sum + each.connections - each.clients, 0);
        const quiet = figures.every((each) => each.clients + each.streams + each.buffersHeld + each.segments === 0);
        return quiet && idle <= idleMax && sockets <= socketCountMax;
      };
      await waitUntil(isAtRest, () => `${proxy.name} is not at rest: ${last}\n${output().slice(-2000)}`);
    },
    async stop() {
      const ended = child.hasExited();
      await end('SIGTERM');
      if (ended) throw new Error(`${proxy.name} ended by itself:\n${output().slice(-4000)}`);
      const crashes = eventsIn(output(), 'proxy thread crashed');
      if (crashes.length > 0 && options.crashes !== true) {
        throw new Error(`a thread of ${proxy.name} crashed: ${String(crashes[0]!['stack'])}`);
      }
    },
  };
  return proxy;
}

/** Open stream sockets of a process: not its log sockets (they open with the first line), nor rings and files. */
export function socketCount(pid: number): number {
  const udp = new Set<string>();
  for (const line of readFileSync('/proc/net/udp', 'latin1').split('\n')) udp.add(line.trim().split(/\s+/)[9] ?? '');
  let count = 0;
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && !udp.has(inode)) count++;
    } catch {
      // It was closed while we looked.
    }
  }
  return count;
}

function countIn(text: string, part: string): number {
  return text.split(part).length - 1;
}

function parseFigures(text: string): ThreadFigures[] {
  const pattern =
    /thread \d+: engine (\w+),[\s\S]*?connections (\d+) \((\d+) of clients\), streams (\d+)[\s\S]*?buffers (\d+) held, (\d+) free of[\s\S]*?segments (\d+) in use/g;
  return [...text.matchAll(pattern)].map((match) => ({
    engine: match[1]!,
    connections: Number(match[2]),
    clients: Number(match[3]),
    streams: Number(match[4]),
    buffersHeld: Number(match[5]),
    buffersFree: Number(match[6]),
    segments: Number(match[7]),
  }));
}

function eventsIn(output: string, text: string): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue;
    try {
      const event = JSON.parse(line) as Record<string, unknown>;
      if (String(event['msg']).startsWith(text)) found.push(event);
    } catch {
      // A line that is still being written.
    }
  }
  return found;
}

/** A log line in HAProxy's httplog or tcplog format. Exported for its own test. */
export function parseLog(datagram: string): LogLine {
  const text = datagram.replace(/^<\d+>\w+ +\d+ [\d:]+ \S+?: /, '').trimEnd();
  const http = / (-?\d+) \+?\d+ \S+ \S+ (\S{4}) (?:\d+\/){4}(\+?\d+) \d+\/\d+ /.exec(text);
  if (http !== null) return { text, status: Number(http[1]), flags: http[2]!, retries: http[3]! };
  const tcp = / \+?\d+ (\S{2}) (?:\d+\/){4}(\+?\d+) \d+\/\d+$/.exec(text);
  return { text, status: Number.NaN, flags: tcp?.[1] ?? '', retries: tcp?.[2] ?? '' };
}

async function receiveLogs(onLine: (text: string) => void): Promise<UdpSocket> {
  const receiver = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  receiver.on('message', (bytes) => onLine(bytes.toString('latin1')));
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  return receiver;
}
