// Scripts of keepalived.conf as child processes: own user, nothing on stdout, an end when their time is up.

import { type ChildProcess, spawn } from 'node:child_process';

const KILL_AFTER_MS = 2_000; // from SIGTERM to SIGKILL

export interface ScriptRun {
  command: readonly string[];
  shell: boolean;
  uid: number; // -1 ours
  gid: number;
  timeoutMs: number; // 0: no limit
}

export type ScriptEnd =
  | { kind: 'exit'; code: number }
  | { kind: 'signal'; signal: string }
  | { kind: 'timeout' }
  | { kind: 'error'; text: string };

/** Starts it; `onEnd` is called once. The returned function ends it early. */
export function runScript(run: ScriptRun, onEnd: (end: ScriptEnd) => void): () => void {
  const [program, ...words] = run.shell ? ['/bin/sh', '-c', run.command.join(' ')] : run.command;
  let child: ChildProcess;
  try {
    child = spawn(program!, words, {
      stdio: 'ignore',
      ...(run.uid >= 0 ? { uid: run.uid } : {}),
      ...(run.gid >= 0 ? { gid: run.gid } : {}),
    });
  } catch (error) {
    const text = (error as Error).message;
    queueMicrotask(() => onEnd({ kind: 'error', text }));
    return () => {};
  }
  let done = false;
  let timedOut = false;
  let killer: NodeJS.Timeout | null = null;
  const end = (): void => {
    child.kill('SIGTERM');
    killer ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  const limit =
    run.timeoutMs > 0
      ? setTimeout(() => {
          timedOut = true;
          end();
        }, run.timeoutMs)
      : null;
  const finish = (verdict: ScriptEnd): void => {
    if (done) return;
    done = true;
    if (limit !== null) clearTimeout(limit);
    if (killer !== null) clearTimeout(killer);
    onEnd(verdict);
  };
  child.on('error', (error) => finish({ kind: 'error', text: error.message }));
  child.on('exit', (code, signal) => {
    if (timedOut) finish({ kind: 'timeout' });
    else if (signal !== null) finish({ kind: 'signal', signal });
    else finish({ kind: 'exit', code: code ?? 0 });
  });
  return end;
}
