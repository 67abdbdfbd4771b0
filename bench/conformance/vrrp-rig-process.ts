// A process within a network namespace, what it said, and how to wait for something without waiting too long.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export const WAIT_MS = 30_000;
const POLL_MS = 2;
const RT_POLICY = 2; // SCHED_RR

export function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves with the wall clock's time at which it was seen to be true; `limitMs` later it throws. */
export async function until(what: string, isTrue: () => boolean, limitMs = WAIT_MS, pollMs = POLL_MS): Promise<number> {
  const deadlineMs = performance.now() + limitMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`took too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return wallMs();
}

export const wallMs = (): number => performance.timeOrigin + performance.now();

export interface LabProcessOptions {
  uid?: number;
  env?: Readonly<Record<string, string>>;
  stdin?: boolean; // a pipe; otherwise nothing
}

/** A process within a node's namespace; it does not outlive the test, however that ends. */
export class LabProcess {
  output = '';
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  isEnded = false;

  constructor(namespace: string, words: readonly string[], options: LabProcessOptions = {}) {
    const identity = options.uid === undefined ? [] : ['setpriv', `--reuid=${options.uid}`, '--clear-groups'];
    const within = ['ip', 'netns', 'exec', namespace, ...identity, ...words];
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', ...within], {
      stdio: [options.stdin === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const take = (bytes: Buffer): void => {
      this.output += bytes.toString('latin1');
    };
    this.child.stdout!.on('data', take);
    this.child.stderr!.on('data', take);
    this.ended = new Promise((resolve) => {
      this.child.on('close', () => {
        this.isEnded = true;
        resolve();
      });
    });
  }

  async says(pattern: RegExp, limitMs = WAIT_MS): Promise<void> {
    try {
      await until(String(pattern), () => pattern.test(this.output) || this.isEnded, limitMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}:\n${this.output}`);
    }
    if (!pattern.test(this.output)) throw new Error(`ended before saying ${pattern}:\n${this.output}`);
  }

  /** How often it said it. */
  count(pattern: RegExp): number {
    return [...this.output.matchAll(new RegExp(pattern, 'g'))].length;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

/** The real-time threads of a weir, oldest first: the VRRP thread and, once it is there, its deputy. */
export function realtimeThreads(router: LabProcess): number[] {
  const folder = `/proc/${router.child.pid}/task`;
  const policyOf = (tid: string): number => {
    const text = readFileSync(`${folder}/${tid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[38]);
  };
  return readdirSync(folder)
    .filter((tid) => policyOf(tid) === RT_POLICY)
    .map(Number)
    .sort((a, b) => a - b);
}
