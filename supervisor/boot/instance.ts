// The serving process as its operator sees it: signals in, messages, states and the exit code out.
//
// SIGUSR1 finishes (management manual §4): no new connections, the old ones end by themselves or by
// hard-stop-after, exit code 0. SIGTERM and SIGINT end at once, and the process dies of that very signal, so that
// shells see 143 and 130. SIGTTOU and SIGTTIN stop and start accepting, SIGHUP shows the servers, SIGQUIT the engine.
// VRRP's are in boot/signals.

import { flushCompileCache } from 'node:module';
import type { Model } from '../../core/model/model.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import type { Listener } from '../../core/model/worker-data.ts';
import { CONNECTIONS, SESSIONS } from '../../core/shared/counters.ts';
import { _exit } from '../../core/sys/libc.ts';
import { disarmSignals } from '../../core/sys/signals.ts';
import { Control } from '../control/control.ts';
import { SupervisorPatterns } from '../control/patterns.ts';
import { ControlServer } from '../control/server.ts';
import { SupervisorVariables } from '../control/variables.ts';
import { type CodeImage, codeIsReadable } from '../fleet/code-image.ts';
import { Fleet } from '../fleet/fleet.ts';
import type { SharedTables } from '../fleet/shared-tables.ts';
import { serverStateLines } from '../fleet/state-dump.ts';
import type { VrrpHandle } from '../vrrp/boot.ts';
import type { CommandLine } from './args.ts';
import { controlName } from './control-names.ts';
import { Events } from './events.ts';
import { type BoundControl, type BoundSocket, closeSockets, pauseSockets, resumeSockets } from './listeners.ts';
import type { Messages } from './messages.ts';
import { KEEPALIVED_REALTIME_SIGNALS, SIGNALS } from './signals.ts';

const WORKER_URL = new URL('../../workers/proxy/main.ts', import.meta.url);
const VRRP_STOP_MS = 1_000; // priority 0 goes out at once; the rest is the kernel's work with addresses
const HARD_STOP_MS = 2_000; // how long threads may take to end before the process ends without them

export interface InstanceParts {
  threadCount: number;
  tables: SharedTables;
  sockets: BoundSocket[]; // those of a frontend that was shut down leave the list
  controls: BoundControl[];
  fdLimit: number;
  startedAtMs: number;
  image: CodeImage | null;
  listeners: (threadIndex: number) => Listener[];
  vrrp: ((events: Events, giveUp: (text: string) => void) => VrrpHandle) | null;
  onReady: () => void;
  inheritsRole: boolean; // the election is taken over from a predecessor, which waits for onRole()
  onRole: () => void;
}

export class Instance {
  private readonly model: Model;
  private readonly messages: Messages;
  private readonly events: Events;
  private readonly line: CommandLine;
  private control: ControlServer | null = null;
  private patterns: SupervisorPatterns | null = null;
  private variables: SupervisorVariables | null = null;
  private vrrp: VrrpHandle | null = null;
  private fleet: Fleet | null = null; // null until start(): signals before that end the process or are moot
  private parts: InstanceParts | null = null;
  private stopping = false;
  private finishAsked = false; // SIGUSR1 before the threads were there
  private paused = false;
  private givenUp = false;
  private nextCrash = 0;

  /** Takes over the signals; from here on an early SIGUSR1 is not lost and a SIGHUP does not kill. */
  constructor(model: Model, messages: Messages, line: CommandLine) {
    this.model = model;
    this.messages = messages;
    this.line = line;
    this.events = new Events(line.quiet ? 'error' : line.verbose || line.debug ? 'debug' : 'info');
    process.removeAllListeners('SIGUSR1').on('SIGUSR1', () => this.onFinish());
    process.on('SIGTERM', () => void this.endBySignal('SIGTERM', 143));
    process.on('SIGINT', () => void this.endBySignal('SIGINT', 130));
    process.on('SIGHUP', () => this.onHangup());
    process.on('SIGQUIT', () => void this.showThreads());
    process.on('SIGTTOU', () => void this.pause());
    process.on('SIGTTIN', () => this.resume());
    process.on('SIGUSR2', () => this.onUser2());
    process.on(SIGNALS.DATA, () => this.vrrp?.dump(['data']));
    process.on(SIGNALS.JSON, () => this.vrrp?.dump(['json']));
    process.on(SIGNALS.STATS_CLEAR, () => this.vrrp?.dump(['stats'], true));
  }

  /** Loads what is otherwise loaded when first needed: the files may be out of reach soon. */
  prepareForConfinement(): void {
    this.events.load();
  }

  start(parts: InstanceParts): void {
    this.parts = parts;
    const patterns = new SupervisorPatterns(this.model, (change) => this.fleet!.change({ kind: 'patterns', change }));
    this.patterns = patterns;
    const variables = new SupervisorVariables(this.model, parts.tables, patterns.store, parts.startedAtMs, (variable) =>
      this.fleet!.change({ kind: 'proc-variable', variable }),
    );
    this.variables = variables;
    const fleet = new Fleet({
      model: this.model,
      threadCount: parts.threadCount,
      tables: parts.tables,
      listeners: parts.listeners,
      startedAtMs: parts.startedAtMs,
      workerUrl: WORKER_URL,
      image: parts.image !== null && codeIsReadable(WORKER_URL) ? null : parts.image,
      onReady: () => {
        this.events.emit('info', 'started', {
          threads: parts.threadCount,
          sockets: parts.sockets.length,
          startMs: Date.now() - parts.startedAtMs,
        });
        parts.onReady();
        if (!this.stopping) this.startControl(parts);
        flushCompileCache(); // now, since a process that is killed would not leave its part behind
        if (this.finishAsked) this.onFinish();
      },
      onGiveUp: (reason) => void this.giveUp(reason),
      onEvent: (level, text, fields) => this.events.emit(level, text, fields),
      onPatterns: (change) => patterns.learn(change),
      replay: () => patterns.replay(),
      onVariable: (variable) => variables.learn(variable),
      procValues: () => variables.values(),
    });
    this.vrrp = parts.vrrp?.(this.events, (text) => void this.withoutVrrp(text)) ?? null;
    if (this.vrrp !== null) disarmSignals(KEEPALIVED_REALTIME_SIGNALS);
    void this.startAll(fleet, parts.inheritsRole);
  }

  // A role is on its way for as long as this thread is busy, and nobody sends adverts then: so it comes first.
  private async startAll(fleet: Fleet, inheritsRole: boolean): Promise<void> {
    if (inheritsRole) {
      await this.vrrp?.start();
      this.parts!.onRole();
      if (this.givenUp) return;
    }
    this.fleet = fleet;
    fleet.start();
    if (!inheritsRole) void this.vrrp?.start();
  }

  private startControl(parts: InstanceParts): void {
    const of = (proxyIndex: number): BoundSocket[] =>
      parts.sockets.filter((socket) => socket.proxyIndex === proxyIndex);
    const control = new Control({
      model: this.model,
      tables: parts.tables,
      threads: this.fleet!,
      threadCount: parts.threadCount,
      fdLimit: parts.fdLimit,
      memoryMegabytes: this.line.memoryMegabytes,
      startedAtMs: parts.startedAtMs,
      bootMs: Math.round(Date.now() - parts.startedAtMs),
      warningCount: () => this.messages.warningCount,
      listenerCount: () => parts.sockets.length + parts.controls.length,
      stopping: () => this.stopping,
      boundSockets: parts.controls.map((bound) => ({ name: controlName(bound), level: bound.socket.level })),
      sockets: {
        pause: (proxyIndex) => pauseSockets(of(proxyIndex)),
        resume: (proxyIndex) => resumeSockets(of(proxyIndex)),
        close: (proxyIndex) => {
          const closing = of(proxyIndex);
          parts.sockets.splice(0, parts.sockets.length, ...parts.sockets.filter((each) => !closing.includes(each)));
          closeSockets(closing);
        },
      },
      warn: (text) => this.messages.warning(text),
      alert: (text) => this.messages.alert(text),
      report: (text) => this.events.emit('error', text, {}),
      stoppedText: (proxy) => this.stoppedText(proxy),
      patterns: this.patterns!.control,
      variables: this.variables,
    });
    this.control = new ControlServer(control);
    this.control.start(parts.controls.map(({ fd, socket }) => ({ fd, level: socket.level })));
  }

  // The election cannot run. Whether the proxies may go on without it is the operator's word: --vrrp-optional.
  private async withoutVrrp(text: string): Promise<void> {
    this.vrrp = null;
    if (!this.line.vrrpOptional) return this.giveUp(text);
    this.messages.warning(`${text}. The proxies run without VRRP (--vrrp-optional).`);
  }

  private async stopVrrp(): Promise<void> {
    const { vrrp } = this;
    this.vrrp = null;
    await vrrp?.stop(VRRP_STOP_MS);
  }

  private onFinish(): void {
    if (this.fleet === null) {
      this.finishAsked = true;
      return;
    }
    if (this.stopping) return;
    this.stopping = true;
    const { graceMs } = this.model.global;
    if (graceMs <= 0) {
      void this.finish();
      return;
    }
    this.messages.notice(`Scheduling a soft-stop in ${graceMs} ms.`);
    setTimeout(() => void this.finish(), graceMs);
  }

  private async finish(): Promise<void> {
    const fleet = this.fleet!;
    const { hardStopAfterMs } = this.model.global;
    if (hardStopAfterMs > 0) setTimeout(() => void this.hardStop(), hardStopAfterMs);
    this.control?.stop();
    await this.stopVrrp(); // another router takes the addresses: new connections go there
    await fleet.softStop();
    closeSockets(this.parts!.sockets);
    this.sayStopped();
    await fleet.drained();
    await this.control?.drained();
    await this.leave(0);
  }

  private sayStopped(): void {
    for (const proxy of this.model.proxies) {
      if (!proxy.disabled) this.messages.warning(this.stoppedText(proxy));
    }
  }

  private stoppedText(proxy: Proxy): string {
    const { counters } = this.parts!.tables;
    const front = proxy.kind === 'backend' ? 0 : counters.sum(counters.frontend(proxy.index), CONNECTIONS);
    const back = proxy.kind === 'frontend' ? 0 : counters.sum(counters.backend(proxy.index), SESSIONS);
    return `Proxy ${proxy.name} stopped (cumulated conns: FE: ${front}, BE: ${back}).`;
  }

  private async hardStop(): Promise<void> {
    const { serverLoad } = this.parts!.tables;
    this.messages.warning('soft-stop running for too long, performing a hard-stop.');
    for (const proxy of this.model.proxies) {
      const left = serverLoad.current(serverLoad.frontend(proxy.index));
      if (left === 0) continue;
      this.messages.warning(`Proxy ${proxy.name} hard-stopped (${left} remaining conns will be closed).`);
    }
    await this.leave(0);
  }

  private async endBySignal(signal: NodeJS.Signals, code: number): Promise<void> {
    this.stopping = true;
    process.removeAllListeners(signal); // a second one ends the process without further ado
    await Promise.all([this.stopVrrp(), this.fleet?.hardStop(HARD_STOP_MS)]);
    process.kill(process.pid, signal);
    // The first process of a container does not die of its own signal.
    setTimeout(() => _exit(code), HARD_STOP_MS);
  }

  private async giveUp(reason: string): Promise<void> {
    if (this.givenUp) return;
    this.givenUp = true;
    this.messages.mainAlert(`${reason}. Exiting.`);
    await this.leave(1);
  }

  private async leave(code: number): Promise<void> {
    this.stopping = true;
    const [ended] = await Promise.all([this.fleet?.hardStop(HARD_STOP_MS) ?? true, this.stopVrrp()]);
    if (!ended) this.messages.warning('Some tasks resisted to hard-stop, exiting now.');
    // Not process.exit(): that would wait for a thread that did not end.
    if (!ended) _exit(code);
    process.exit(code);
  }

  private async pause(): Promise<void> {
    if (this.fleet === null || this.stopping || this.paused) return;
    this.paused = true;
    await this.fleet.pause();
    if (!this.paused || this.stopping) return;
    pauseSockets(this.parts!.sockets);
    for (const name of this.frontNames()) this.messages.warning(`Paused proxy ${name}.`);
  }

  private resume(): void {
    if (this.fleet === null || this.stopping || !this.paused) return;
    this.paused = false;
    if (!resumeSockets(this.parts!.sockets)) {
      this.messages.warning('Some listeners could not resume: another process may have taken their addresses.');
    }
    this.fleet.resume();
    for (const name of this.frontNames()) this.messages.warning(`Resumed proxy ${name}.`);
  }

  private frontNames(): string[] {
    const indexes = new Set(this.parts!.sockets.map((socket) => socket.proxyIndex));
    return [...indexes].map((index) => this.model.proxies[index]!.name);
  }

  // HAProxy shows its servers, keepalived reads its file again: each part does what its operators know.
  private onHangup(): void {
    this.vrrp?.reload();
    this.showServers();
  }

  private showServers(): void {
    if (this.parts === null) return;
    this.messages.warning('SIGHUP received, dumping servers states.');
    for (const text of serverStateLines(this.model, this.parts.tables)) this.messages.warning(text);
  }

  private async showThreads(): Promise<void> {
    if (this.fleet === null) return;
    const { rss, heapTotal } = process.memoryUsage();
    this.messages.notice(`SIGQUIT received: ${rss >> 10} kB resident, ${heapTotal >> 10} kB heap of the supervisor.`);
    for (const text of await this.fleet.dump()) {
      for (const row of text.split('\n')) if (row !== '') this.messages.notice(row);
    }
  }

  // As keepalived's USR2 it writes the dump files. Fault tests may ask for a crash by it.
  private onUser2(): void {
    this.vrrp?.dump(['data', 'stats']);
    if (process.env['WEIR_TEST_CRASH'] !== '1' || this.fleet === null) return;
    this.fleet.crash(this.nextCrash++);
  }
}
