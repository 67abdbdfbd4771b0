// Child processes that never outlive us: every one is known here until it has exited.
//
// Started through a shell that raises the open-file limit first, because Node cannot change its own; the
// shell execs, so the child's pid is the program's. Whatever is left when we exit is killed.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

const STDERR_BYTES_MAX = 16_384;
const STOP_GRACE_MS = 5_000;

const alive = new Set<ChildProcess>();
let isExitHookSet = false;

function killLeftovers(): void {
  for (const child of alive) child.kill('SIGKILL');
}

export interface ChildOptions {
  env?: Record<string, string>;
  cwd?: string;
  openFileMin?: number; // raise the soft limit of open files to this when it is lower; 0 or absent: leave it
  stdio?: StdioOptions; // default: no input, output and errors on pipes
}

export interface Child {
  process: ChildProcess;
  pid: number;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  hasExited(): boolean;
  /** The last 16 KiB of what it wrote to stdout and stderr, where these are pipes and `takeStdout` took none. */
  lastWords(): string;
  /** `signal`, then SIGKILL when it is still there after `graceMs`. Resolves when the process is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
}

// $0 is the wanted limit. Soft alone first, hard too when allowed, else the most we may have.
const RAISE_LIMIT =
  'if [ "$(ulimit -Sn)" != unlimited ] && [ "$(ulimit -Sn)" -lt "$0" ]; then ' +
  'ulimit -Sn "$0" 2>/dev/null || ulimit -n "$0" 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"; fi; exec "$@"';

/** Starts `program`. Throws when it cannot be executed at all (no such file, not executable). */
export async function startChild(program: string, args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  if (!isExitHookSet) {
    isExitHookSet = true;
    process.on('exit', killLeftovers);
  }
  const openFileMin = options.openFileMin ?? 0;
  const child = spawn(
    openFileMin > 0 ? 'sh' : program,
    openFileMin > 0 ? ['-c', RAISE_LIMIT, String(openFileMin), program, ...args] : [...args],
    {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    },
  );
  let words = '';
  const keep = (bytes: Buffer): void => {
    words = (words + bytes.toString('latin1')).slice(-STDERR_BYTES_MAX);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);

  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
  });
  child.on('error', (error) => keep(Buffer.from(`${error.message}\n`))); // a failed kill or send must not end us
  alive.add(child);

  return {
    process: child,
    pid: child.pid!,
    exited,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    lastWords: () => words,
    async stop(signal = 'SIGTERM', graceMs = STOP_GRACE_MS) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Runs `program` to its end and gives its output. Rejects when it cannot start or runs longer than `timeoutMs`. */
export async function runChild(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  options: ChildOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = await startChild(program, args, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.process.stdout?.on('data', (bytes: Buffer) => out.push(bytes));
  child.process.stderr?.on('data', (bytes: Buffer) => err.push(bytes));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.process.kill('SIGKILL');
  }, timeoutMs);
  const { code } = await child.exited;
  clearTimeout(timer);
  if (isLate) throw new Error(`${program} did not end within ${timeoutMs} ms`);
  return { code, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') };
}
