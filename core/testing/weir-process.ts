// weir as its users start it: the launcher with a command line, its output and its end. For tests of the whole.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const LAUNCHER = fileURLToPath(new URL('../../supervisor/weir', import.meta.url));

const END_MS = 10_000; // a process that has not ended by then is killed, and its test fails for it
const POLL_MS = 5;

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface WeirOptions {
  env?: Record<string, string>;
  stdio?: StdioOptions; // stdout and stderr stay pipes
  program?: string;
}

export class WeirProcess {
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private isEnded = false;

  constructor(args: readonly string[], options: WeirOptions = {}) {
    this.child = spawn(options.program ?? LAUNCHER, args, {
      env: { ...process.env, ...options.env },
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.stdout += bytes.toString('latin1');
    });
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.stderr += bytes.toString('latin1');
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        this.isEnded = true;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves once `isTrue` says so; rejects with the output when the process ends first or takes too long. */
  async until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + END_MS;
    while (!(await isTrue())) {
      if (this.isEnded || performance.now() > deadlineMs) {
        throw new Error(`weir ${this.isEnded ? 'ended' : 'took too long'} before ${what}:\n${this.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Resolves when stderr holds `pattern`. */
  says(pattern: RegExp): Promise<void> {
    return this.until(`saying ${pattern}`, () => pattern.test(this.stderr));
  }

  started(): Promise<void> {
    return this.says(/"msg":"started"/);
  }

  /** How it ends by itself; it is killed when it does not. */
  async end(): Promise<Ended> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    const ended = await this.ended;
    clearTimeout(timer);
    return ended;
  }
}

/** A process that the test's end kills, whatever happened. */
export function startWeir(context: TestContext, args: readonly string[], options: WeirOptions = {}): WeirProcess {
  const weir = new WeirProcess(args, options);
  context.after(async () => {
    weir.kill('SIGKILL');
    await weir.ended;
  });
  return weir;
}

/** Starts weir and waits for its end. */
export function runWeir(args: readonly string[], options: WeirOptions = {}): Promise<Ended> {
  return new WeirProcess(args, options).end();
}

export interface Folder {
  path: string;
  /** Writes `text` to the file `name` and gives its path. */
  file(name: string, text: string): string;
}

/** A folder that goes away with the test; others may enter it, since weir may give up its rights. */
export function makeFolder(context: TestContext): Folder {
  const path = mkdtempSync(join(tmpdir(), 'weir-test-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    file(name, text) {
      const filePath = join(path, name);
      writeFileSync(filePath, text);
      return filePath;
    },
  };
}

/** A TCP port of 127.0.0.1 that nobody holds just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The status of GET `path` at a port of 127.0.0.1 or a Unix socket; 0 when nobody answers. */
export function statusOf(where: number | string, path: string): Promise<number> {
  const target = typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where };
  return new Promise((resolve) => {
    const asked = request({ ...target, path, agent: false, timeout: END_MS }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
      response.on('error', () => resolve(0));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(0));
    asked.end();
  });
}

/** Whether a process exists and is no zombie that only waits to be collected. */
export function isAlive(pid: number): boolean {
  try {
    const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return state !== null && state[1] !== 'Z';
  } catch {
    return false;
  }
}
