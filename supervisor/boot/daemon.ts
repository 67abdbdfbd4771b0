// `-D` and `daemon`: Node cannot fork, so weir starts itself again, detached, and waits for its word.
//
// The child is the same command line with one more descriptor, a socket to its launcher, named in the environment.
// It keeps the terminal for its start-up messages and every inherited socket under its number, says READY once
// workers accept, and only then lets go of stdin, stdout and stderr. The launcher's exit code is 0 or the child's.

import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Messages } from './messages.ts';

const READY_FD_VARIABLE = 'WEIR_READY_FD';

/** Whether this process is the detached one. */
export function isDaemonChild(): boolean {
  return process.env[READY_FD_VARIABLE] !== undefined;
}

/** The sockets (and pipes the configuration names) that who started us left open, by number. */
export function inheritedFds(named: readonly number[]): number[] {
  const fds: number[] = [];
  for (const entry of readdirSync('/proc/self/fd')) {
    const fd = Number(entry);
    if (fd <= 2) continue;
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // Node opens no sockets by itself, so all of them are somebody's gift; its pipes look like any others.
      if (target.startsWith('socket:') || named.includes(fd)) fds.push(fd);
    } catch {
      // The directory listing's own descriptor is gone again.
    }
  }
  return fds;
}

/** Starts the daemon and ends this process with its verdict. `named` are fds that the configuration uses. */
export async function launchDaemon(named: readonly number[], messages: Messages): Promise<never> {
  const inherited = inheritedFds(named);
  const readyFd = Math.max(2, ...inherited) + 1;
  const stdio: SpawnOptions['stdio'] = new Array(readyFd).fill('ignore');
  stdio[0] = stdio[1] = stdio[2] = 'inherit';
  for (const fd of inherited) stdio[fd] = fd;
  stdio[readyFd] = 'pipe';
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true, // setsid(2)
    stdio,
    env: { ...process.env, [READY_FD_VARIABLE]: String(readyFd) },
  });
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(255));
    child.on('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
  const ready = new Promise<boolean>((resolve) => {
    const socket = child.stdio[readyFd] as Socket;
    socket.on('data', () => resolve(true));
    socket.on('close', () => resolve(false));
    socket.on('error', () => resolve(false));
  });
  if (await ready) process.exit(0);
  const code = await exited;
  messages.alert(`Process ${child.pid ?? 0} exited with code ${code} (${code >= 128 ? 'Signal' : 'Exit'})`);
  process.exit(code === 143 ? 0 : code);
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : signal === 'SIGINT' ? 2 : 127;
}

/** By the daemon once it serves. */
export function reportReady(): void {
  const fd = Number(process.env[READY_FD_VARIABLE]);
  delete process.env[READY_FD_VARIABLE];
  try {
    writeSync(fd, 'READY\n');
    closeSync(fd);
  } catch {
    // The launcher is gone; nobody is left to tell.
  }
}
