// The runtime API of the process: its commands, and what they work on. One for all sessions.

import { monotonicMs } from '../../core/base/clock.ts';
import type { Model } from '../../core/model/model.ts';
import type { Proxy, Server } from '../../core/model/proxy.ts';
import type { Change, Question, ThreadAnswer } from '../../core/model/worker-data.ts';
import type { SharedTables } from '../fleet/shared-tables.ts';
import { type Command, CommandError } from './command.ts';
import { allCommands } from './commands.ts';
import type { PatternControl } from './pattern-control.ts';
import type { ProcVariables } from './proc-variables.ts';
import { InfoHistory } from './show-info.ts';
import { RuntimeState } from './state.ts';

/** What commands may ask of the proxy threads. */
export interface Threads {
  /** Resolves when every living thread has made the change. */
  change(change: Change): Promise<void>;
  /** The answer of every living thread. */
  ask(question: Question): Promise<ThreadAnswer[]>;
}

export interface ControlParts {
  /** The supervisor's own copy: commands change it, and replacement threads start with it. */
  model: Model;
  tables: SharedTables;
  threads: Threads;
  threadCount: number;
  fdLimit: number;
  memoryMegabytes: number; // -m; 0 none
  startedAtMs: number; // wall clock
  bootMs: number; // from then until all threads accepted
  warningCount: () => number;
  listenerCount: () => number; // sockets that clients are accepted from
  stopping: () => boolean;
  /** Stops, or lets go on, the kernel's queueing on a proxy's sockets; `close` ends them. */
  boundSockets: readonly { name: string; level: string }[]; // of the runtime API itself
  sockets: { pause(proxyIndex: number): void; resume(proxyIndex: number): boolean; close(proxyIndex: number): void };
  warn: (text: string) => void; // the operator's console
  alert: (text: string) => void;
  report: (text: string) => void; // weir's own log
  stoppedText: (proxy: Proxy) => string; // what is said of a proxy that stopped
  patterns: PatternControl | null; // null: nothing has patterns
  variables: ProcVariables | null;
}

export class Control {
  readonly parts: ControlParts;
  readonly model: Model;
  readonly tables: SharedTables;
  readonly threads: Threads;
  readonly state: RuntimeState;
  readonly commands: readonly Command[];
  sessionCount = 0; // operators' sessions now
  sessionTotal = 0;
  tainted = 0; // bits of `show info`'s Tainted
  readonly rateLimits = { connections: 0, sessions: 0 }; // `set rate-limit`, a second; 0 none
  readonly infoHistory = new InfoHistory();

  constructor(parts: ControlParts) {
    this.parts = parts;
    this.model = parts.model;
    this.tables = parts.tables;
    this.threads = parts.threads;
    this.state = new RuntimeState(parts.model, parts.tables, Date.now());
    this.commands = allCommands;
  }

  /** The first command whose words begin `words`. */
  find(words: readonly string[]): Command | null {
    return this.commands.find((command) => command.words.every((word, index) => word === words[index])) ?? null;
  }

  report(text: string): void {
    this.parts.report(text);
  }

  uptimeSeconds(): number {
    return Math.floor((Date.now() - this.parts.startedAtMs) / 1000);
  }

  nowMs(): number {
    return monotonicMs();
  }

  /** A frontend or listen section by name; throws CommandError. */
  frontend(name: string): Proxy {
    if (name === '') throw new CommandError('A frontend name is expected.\n');
    const proxy = this.model.proxies.find((each) => each.kind !== 'backend' && each.name === name);
    if (proxy === undefined) throw new CommandError('No such frontend.\n');
    return proxy;
  }

  /** A backend or listen section by name or '#id', or null. */
  findBackend(name: string): Proxy | null {
    const id = /^#(\d+)$/.exec(name);
    const isIt = (each: Proxy): boolean => (id === null ? each.name === name : each.id === Number(id[1]));
    return this.model.proxies.find((each) => each.kind !== 'frontend' && isIt(each)) ?? null;
  }

  /** "backend/server", either by name or '#id'; throws CommandError. */
  server(text: string): { proxy: Proxy; server: Server } {
    const slash = text.indexOf('/');
    const serverName = slash < 0 ? '' : text.slice(slash + 1);
    if (serverName === '') throw new CommandError("Require 'backend/server'.\n");
    const proxy = this.findBackend(text.slice(0, slash));
    if (proxy === null) throw new CommandError('No such backend.\n');
    const id = /^#(\d+)$/.exec(serverName);
    const server = proxy.servers.find((each) => (id === null ? each.name === serverName : each.id === Number(id[1])));
    if (server === undefined) throw new CommandError('No such server.\n');
    return { proxy, server };
  }
}
