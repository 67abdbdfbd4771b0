// Scripts of keepalived.conf as child processes: own user, nothing on stdout, an end when their time is up.

import { type ChildProcess, spawn } from 'node:child_process';
import { SETPRIV } from '../../core/config/keepalived/script-users.ts';

const KILL_AFTER_MS = 2_000; // from SIGTERM to SIGKILL

export interface ScriptRun {
  command: readonly string[];
  shell: boolean;
  uid: number; // -1 ours
  gid: number;
  allGroups?: boolean; // with the supplementary groups of the user
  timeoutMs: number; // 0: no limit
}

export type ScriptEnd =
  | { kind: 'exit'; code: number }
  | { kind: 'signal'; signal: string }
  | { kind: 'timeout' }
  | { kind: 'error'; text: string };

/** Starts it; `onEnd` is called once. The returned function ends it early. */
export function runScript(run: ScriptRun, onEnd: (end: ScriptEnd) => void): () => void {
  const words = run.shell ? ['/bin/sh', '-c', run.command.join(' ')] : run.command;
  const { uid, gid } = run;
  const changer = run.allGroups === true && uid >= 0 ? SETPRIV : null;
  const identity = [`--reuid=${uid}`, `--regid=${gid >= 0 ? gid : process.getgid!()}`, '--init-groups', '--'];
  const [program, ...parameters] = changer === null ? words : [changer, ...identity, ...words];
  let child: ChildProcess;
  try {
    child = spawn(program!, parameters, {
      stdio: 'ignore',
      detached: true, // a group of its own, which is ended as a whole
      ...(uid >= 0 && changer === null ? { uid } : {}),
      ...(gid >= 0 && changer === null ? { gid } : {}),
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
    if (done) return; // its number may be somebody else's by now
    signalGroup(child, 'SIGTERM');
    killer ??= setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
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

// What it has started ends with it, as with keepalived: else every timeout would leave something behind.
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone.
  }
}
