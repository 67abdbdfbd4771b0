// What happens when a state changes: notify scripts, FIFOs and mails, as keepalived calls them (keepalived.conf(5) "notify").
//
// The FIFO line first, then the script of the state, which gets no further arguments, then `notify` with TYPE NAME STATE
// PRIORITY. Scripts are started in the order of the changes and not waited for, as keepalived does; the priority of a
// FIFO or script is the effective one.

import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import type { NotifyScript, NotifyScripts, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpAnswer } from '../../core/model/vrrp-worker.ts';
import { runScript } from './child.ts';
import { MailAlerts } from './mail-alerts.ts';
import type { GroupStatus, InstanceStatus } from './status.ts';

const { O_RDWR, O_NONBLOCK } = constants;
const FIFO_MODE = 0o600;
const FIFO_SCRIPT_STOP_MS = 100;

export interface StateChange {
  type: 'INSTANCE' | 'GROUP';
  name: string;
  state: string;
  priority: number;
}

type Log = (level: 'info' | 'warn' | 'error', text: string) => void;

const SCRIPT_OF: Readonly<Record<string, Exclude<keyof NotifyScripts, 'any'>>> = {
  MASTER: 'master',
  BACKUP: 'backup',
  FAULT: 'fault',
  STOP: 'stop',
  DELETED: 'deleted',
  MASTER_RX_LOWER_PRI: 'masterRxLowerPri',
};

/** The commands that a change leads to, in their order. */
export function commandsOf(scripts: NotifyScripts, change: StateChange): NotifyScript[] {
  const commands: NotifyScript[] = [];
  const kind = SCRIPT_OF[change.state];
  const own = kind === undefined ? null : scripts[kind];
  if (own !== null) commands.push(own);
  // Of a lower-priority advert only its own script is told, of a changed priority none: both are no new state.
  if (scripts.any !== null && kind !== undefined && kind !== 'masterRxLowerPri') {
    const { type, name, state, priority } = change;
    commands.push({ ...scripts.any, command: [...scripts.any.command, type, name, state, String(priority)] });
  }
  return commands;
}

/** `INSTANCE "VI_1" MASTER 150` and a newline. */
export function fifoLine(change: StateChange): string {
  return `${change.type} "${change.name}" ${change.state} ${change.priority}\n`;
}

/** The states of all groups and instances, of an answer to 'status'. */
export function statesOf(answer: Extract<VrrpAnswer, { kind: 'status' }>): StateChange[] {
  const groups = answer.groups as readonly GroupStatus[];
  const instances = answer.instances as readonly InstanceStatus[];
  return [
    ...groups.map(({ name, state }) => ({ type: 'GROUP' as const, name, state: state.toUpperCase(), priority: 0 })),
    ...instances.map(({ name, state, effectivePriority: priority }) => {
      return { type: 'INSTANCE' as const, name, state: state.toUpperCase(), priority };
    }),
  ];
}

interface Fifo {
  path: string;
  fd: number;
  made: boolean;
  endScript: (() => void) | null;
}

export class Notifier {
  private readonly log: Log;
  private readonly mails: MailAlerts;
  private scripts = new Map<string, NotifyScripts>(); // of instances and groups that are or were
  private scriptUser: { uid: number; gid: number } | null = null;
  private allGroups = false;
  private fifos: Fifo[] = [];
  private running = 0;
  private readonly toldSinceReload = new Set<string>(); // by type and name
  private readonly idle: (() => void)[] = [];

  constructor(log: Log) {
    this.log = log;
    this.mails = new MailAlerts(log);
  }

  configure(model: VrrpModel): void {
    this.mails.configure(model);
    this.toldSinceReload.clear();
    this.scriptUser = model.global.scriptUser;
    this.allGroups = model.operation?.supplementaryGroups ?? false;
    // What was deleted still has a last word to say.
    for (const each of model.instances) this.scripts.set(`INSTANCE ${each.name}`, each.notify);
    for (const each of model.groups) this.scripts.set(`GROUP ${each.name}`, each.notify);
    const { notifyFifo, notifyFifoScript, vrrpNotifyFifo, vrrpNotifyFifoScript } = model.global;
    const wanted: [string, NotifyScript | null][] = [
      [notifyFifo, notifyFifoScript],
      [vrrpNotifyFifo, vrrpNotifyFifoScript],
    ];
    for (const fifo of this.fifos) if (!wanted.some(([path]) => path === fifo.path)) closeFifo(fifo);
    this.fifos = this.fifos.filter((fifo) => wanted.some(([path]) => path === fifo.path));
    for (const [path, script] of wanted) {
      if (path !== '' && !this.fifos.some((fifo) => fifo.path === path)) this.openFifo(path, script);
    }
  }

  changed(change: StateChange): void {
    this.toldSinceReload.add(`${change.type} ${change.name}`);
    this.writeFifos(change);
    const scripts = this.scripts.get(`${change.type} ${change.name}`);
    if (scripts !== undefined) for (const command of commandsOf(scripts, change)) this.run(command);
    this.mails.changed(change);
  }

  /** Into the FIFOs alone: the states of those that have not changed since configure(). INIT is no state to tell. */
  writeStates(states: readonly StateChange[]): void {
    for (const each of states) {
      if (each.state === 'INIT' || this.toldSinceReload.has(`${each.type} ${each.name}`)) continue;
      this.writeFifos(each);
    }
  }

  private writeFifos(change: StateChange): void {
    const line = fifoLine(change);
    for (const fifo of this.fifos) {
      try {
        writeSync(fifo.fd, line, null, 'latin1');
      } catch {
        // Full: nobody reads. keepalived drops the line as well.
      }
    }
  }

  /** Runs one script for itself: startup_script, shutdown_script. Resolves when it ended or `timeoutMs` is over. */
  async runAlone(script: NotifyScript, timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      runScript({ ...this.identified(script), allGroups: this.allGroups, shell: false, timeoutMs }, (end) => {
        if (end.kind !== 'exit' || end.code !== 0) this.log('warn', `${script.command[0]}: ${JSON.stringify(end)}`);
        resolve();
      });
    });
  }

  /** Resolves when no script runs any more and no mail waits. */
  async quiet(): Promise<void> {
    const scripts = new Promise<void>((resolve) => {
      if (this.running === 0) resolve();
      else this.idle.push(resolve);
    });
    await Promise.all([scripts, this.mails.quiet()]);
  }

  stop(): void {
    this.mails.end();
    for (const fifo of this.fifos) closeFifo(fifo);
    this.fifos = [];
  }

  /** As stop(), but a successor writes into the FIFOs from now on: they stay. */
  leave(): void {
    for (const fifo of this.fifos) fifo.made = false;
    this.stop();
  }

  /** The FIFOs that a predecessor left are ours to remove. */
  inherit(): void {
    for (const fifo of this.fifos) fifo.made = true;
  }

  private run(script: NotifyScript): void {
    this.running++;
    runScript({ ...this.identified(script), allGroups: this.allGroups, shell: false, timeoutMs: 0 }, (end) => {
      if (end.kind === 'error') this.log('error', `notify script ${script.command[0]}: ${end.text}`);
      this.running--;
      if (this.running === 0) for (const waiter of this.idle.splice(0)) waiter();
    });
  }

  private identified(script: NotifyScript): NotifyScript {
    if (script.uid >= 0 || this.scriptUser === null || process.geteuid!() !== 0) return script;
    return { ...script, ...this.scriptUser };
  }

  private openFifo(path: string, script: NotifyScript | null): void {
    let made = false;
    try {
      if (!isFifo(path)) {
        const { status } = spawnSync('mkfifo', ['-m', FIFO_MODE.toString(8), path], { stdio: 'ignore' });
        if (status !== 0) throw new Error('it cannot be made');
        made = true;
      }
      const fifo: Fifo = { path, fd: openSync(path, O_RDWR | O_NONBLOCK), made, endScript: null };
      this.fifos.push(fifo);
      if (script === null) return;
      const { command, uid, gid } = this.identified(script);
      const run = { command: [...command, path], uid, gid, allGroups: this.allGroups, shell: false, timeoutMs: 0 };
      fifo.endScript = runScript(run, (end) => {
        if (end.kind === 'error') this.log('error', `notify_fifo_script ${command[0]}: ${end.text}`);
      });
    } catch (error) {
      this.log('error', `notify FIFO ${path}: ${(error as Error).message}`);
    }
  }
}

function isFifo(path: string): boolean {
  try {
    return statSync(path).isFIFO();
  } catch {
    return false;
  }
}

function closeFifo(fifo: Fifo): void {
  closeSync(fifo.fd);
  if (fifo.endScript !== null) setTimeout(fifo.endScript, FIFO_SCRIPT_STOP_MS); // it may read what is left
  if (!fifo.made) return;
  try {
    unlinkSync(fifo.path);
  } catch {
    // Somebody else removed it.
  }
}
