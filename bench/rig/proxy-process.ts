// One running proxy, whichever program it is: its config in a folder of its own, started, awaited, measured, stopped.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './children.ts';
import type { Peer } from './peers.ts';
import { cpuSeconds, fdCount, type Memory, memoryOf } from './proc.ts';

const START_TIMEOUT_MS = 10_000;
const TRY_EVERY_MS = 10;

export interface ProxyOptions {
  configText: string; // haproxy.cfg for weir and haproxy, nginx.conf for nginx
  ports: readonly number[]; // TCP ports of 127.0.0.1 that must accept before the start counts as done
  args?: readonly string[]; // put after the program's own (`-f FILE`)
  env?: Record<string, string>;
  openFileMin?: number;
}

export interface ProxyProcess {
  peer: Peer;
  pid: number;
  folder: string; // holds the config; goes away with stop()
  cpuSeconds(): number; // user + system so far, all threads and child processes
  memory(): Memory;
  fdCount(): number;
  hasExited(): boolean;
  output(): string; // the last it wrote
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How each kind of program is told to stay in the foreground with one config file. */
export function commandLine(peer: Peer, configPath: string, folder: string): string[] {
  if (peer.kind === 'nginx') return ['-p', folder, '-c', configPath];
  return ['-db', '-f', configPath];
}

/** Starts `peer` and waits until its ports accept. Throws with the program's own words when it does not come up. */
export async function startProxy(peer: Peer, options: ProxyOptions): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), `weir-rig-${peer.kind}-`));
  const configPath = join(folder, peer.kind === 'nginx' ? 'nginx.conf' : 'proxy.cfg');
  writeFileSync(configPath, options.configText);
  let child: Child | null = null;
  try {
    child = await startChild(peer.path, [...commandLine(peer, configPath, folder), ...(options.args ?? [])], {
      env: options.env,
      openFileMin: options.openFileMin,
    });
    for (const port of options.ports) await waitUntilAccepts(port, child, peer.name);
  } catch (error) {
    await child?.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return running(peer, child, folder);
}

function running(peer: Peer, child: Child, folder: string): ProxyProcess {
  return {
    peer,
    pid: child.pid,
    folder,
    cpuSeconds: () => cpuSeconds(child.pid),
    memory: () => memoryOf(child.pid),
    fdCount: () => fdCount(child.pid),
    hasExited: () => child.hasExited(),
    output: () => child.lastWords(),
    async stop(signal = 'SIGTERM') {
      await child.stop(signal);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when something accepts on 127.0.0.1:`port`; rejects when `child` ends first or the time is over. */
export async function waitUntilAccepts(port: number, child: Child, name: string): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.hasExited()) {
      await child.exited; // so that its last words have all arrived
      throw new Error(`${name} ended before it listened on port ${port}${quoted(child)}`);
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`${name} did not listen on port ${port} within ${START_TIMEOUT_MS} ms${quoted(child)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
}

const quoted = (child: Child): string => (child.lastWords() === '' ? '' : `:\n${child.lastWords()}`);

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
