// The VRRP thread and everything around it that may take time: started, watched, told, stopped. Start at start().
//
// The thread decides and acts on the network; this side runs its scripts and remembers what they said, so that a thread
// that replaces a crashed one begins with all that is known.
//
// A thread can give its role to another without a missed advert: renew() within this process (see Move); between two
// processes prepare() in the new one, handOver() in the old one, adopt() in the new one.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { monotonicMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type {
  FromVrrpWorker,
  ToVrrpWorker,
  VrrpAnswer,
  VrrpBackend,
  VrrpQuestion,
} from '../../core/model/vrrp-worker.ts';
import type { CodeImage } from '../fleet/code-image.ts';
import { RestartPolicy } from '../fleet/restart-policy.ts';
import { within } from '../fleet/within.ts';
import { Asks } from './asks.ts';
import { Deputy } from './deputy.ts';
import { History, type Transition } from './history.ts';
import { Move, PREPARE_MS, type Remains, type StateAnswer } from './move.ts';
import { Notifier, statesOf } from './notify.ts';
import type { TrackingStatus } from './status.ts';
import { VrrpThread } from './thread.ts';
import { Trackers } from './trackers.ts';

const WATCH_MS = 2_000; // a thread that has not answered by the next look is taken for hung
const SCRIPT_TIMEOUT_MS = 10_000; // of startup_script and shutdown_script
const STOP_SCRIPTS_MS = 1_000; // how long the last notify scripts may take before the process goes on to end

const LEVELS = { error: 'error', warning: 'warn', notice: 'info', info: 'info' } as const;

export interface VrrpServiceOptions {
  model: VrrpModel;
  serverWords: SharedArrayBuffer | null;
  backends: readonly VrrpBackend[];
  image: CodeImage | null; // not null: threads cannot be started from disk
  /** Run state of a predecessor, with the monotonic time it was taken; null: a fresh start. */
  state: { state: object; takenAtMs: number } | null;
  onEvent: (level: 'info' | 'warn' | 'error', text: string, fields: Record<string, string | number>) => void;
  /** The election cannot run (any more): `capability` is what is missing, or ''. */
  onGiveUp: (text: string, capability: string) => void;
}

export class VrrpService {
  private readonly options: VrrpServiceOptions;
  private readonly policy = new RestartPolicy(1);
  private readonly notifier: Notifier;
  private readonly trackers: Trackers;
  private readonly history = new History();
  private readonly deputy: Deputy;
  private readonly asks = new Asks();
  private readonly started = Promise.withResolvers<boolean>(); // the election runs, or cannot
  private model: VrrpModel;
  private backends: readonly VrrpBackend[];
  private thread: VrrpThread | null = null;
  private move: Move | null = null;
  private phase: 'running' | 'stopping' = 'running';
  private refused = false;
  private handedOver = false; // to another process: what outlives us is the successor's
  private pingCount = 0;
  private watch: NodeJS.Timeout | null = null;
  private unanswered = false;
  private spawnedAtMs = 0;

  constructor(options: VrrpServiceOptions) {
    this.options = options;
    this.model = options.model;
    this.backends = options.backends;
    const log = (level: 'info' | 'warn' | 'error', text: string): void => options.onEvent(level, text, {});
    this.notifier = new Notifier(log);
    this.deputy = new Deputy(options.image, (text) => log('error', text));
    this.trackers = new Trackers({ log, result: (result) => this.post({ kind: 'tracked', result }) });
  }

  /** Starts scripts and thread; resolves when the election runs (true) or cannot (false). */
  async start(): Promise<boolean> {
    const { state } = this.options;
    const { startupScript } = this.model.global;
    const limitMs = this.model.operation?.startupScriptTimeoutMs || SCRIPT_TIMEOUT_MS;
    if (startupScript !== null && state === null) await this.notifier.runAlone(startupScript, limitMs);
    this.notifier.configure(this.model);
    this.spawn(state, false);
    this.around();
    return this.started.promise;
  }

  /**
   * Everything ready, while another process is still the router here; false: it cannot run. adopt() comes next. The
   * configuration is to be the other's: what differs comes by a reload() afterwards, which lets go of what is left over.
   */
  prepare(): Promise<boolean> {
    this.trackers.succeed();
    const { prepared } = this.spawn(null, true);
    this.around();
    return within(PREPARE_MS, prepared, false);
  }

  /** After prepare(): this is the router from now on, with what the other's handOver() gave; null: it gave nothing. */
  adopt(answer: StateAnswer | null): Promise<boolean> {
    const { thread } = this;
    if (thread === null) return Promise.resolve(false);
    this.notifier.configure(this.model);
    if (answer !== null) this.notifier.inherit();
    thread.post({ kind: 'adopt', state: answer?.state ?? null, takenAtMs: answer?.takenAtMs ?? 0, claim: null });
    return thread.adopted;
  }

  /**
   * A new thread takes the place of the one that runs, without a missed advert and without a word to scripts. True: it
   * has; false: the one that runs goes on, since a move is under way already, or the new one did not get ready.
   */
  async renew(): Promise<boolean> {
    const { thread } = this;
    if (this.phase !== 'running' || this.move !== null || thread === null || !thread.ready) return false;
    const { port1, port2 } = new MessageChannel();
    const heir = this.makeThread(null, true, port2);
    this.move = new Move(thread, heir, port1, this.asks, {
      moved: () => this.onMoved(heir),
      failed: () => {
        this.move = null;
      },
      heirEnded: (reason) => this.sayEnd('the thread that was to take over VRRP ended', reason),
      threadDied: (reason) => this.mayBeginInstead(thread, reason),
      lost: (wasReady, reason, remains) => this.recover(wasReady, reason, remains),
    });
    return this.move.run();
  }

  reload(model: VrrpModel, backends: readonly VrrpBackend[]): void {
    this.model = model;
    this.backends = backends;
    this.notifier.configure(model);
    this.history.keep(model.instances.map((each) => each.name));
    this.post({ kind: 'reload', model, backends });
    if (this.thread?.ready === true) this.deputy.configure(model);
    this.trackers.configure(this.model);
    if (model.operation?.fifoStatesOnReload) void this.writeStates();
  }

  /** What the thread answers; null when there is none. */
  ask(question: VrrpQuestion): Promise<VrrpAnswer | null> {
    return this.request((id) => ({ kind: 'ask', id, question }));
  }

  /** How what this side watches stands. */
  tracking(): TrackingStatus {
    return this.trackers.status();
  }

  /** The last changes of state, oldest first. */
  transitions(): readonly Transition[] {
    return this.history.list();
  }

  /** The run state for a successor in another process; the thread ends without letting go of anything. */
  async handOver(): Promise<VrrpAnswer | null> {
    this.end();
    await this.move?.settle();
    this.handedOver = true;
    return this.request((id) => ({ kind: 'hand-over', id, heir: null, heirWakeFd: -1, claim: null }));
  }

  /** Priority 0, everything released, notify_stop; resolves when the thread is gone and its scripts have run. */
  async stop(timeoutMs: number): Promise<void> {
    this.end();
    await this.move?.settle();
    const { thread } = this;
    if (thread !== null) {
      this.post({ kind: 'stop' });
      await within(timeoutMs, thread.gone, undefined);
      await thread.terminate();
    }
    await this.move?.heir.terminate(); // it did not come to an end in its time
    await this.deputy.stop();
    await within(STOP_SCRIPTS_MS, this.notifier.quiet(), undefined);
    if (this.handedOver) return this.notifier.leave();
    const { shutdownScript } = this.model.global;
    const limitMs = this.model.operation?.shutdownScriptTimeoutMs || SCRIPT_TIMEOUT_MS;
    if (shutdownScript !== null) await this.notifier.runAlone(shutdownScript, limitMs);
    this.notifier.stop();
  }

  /** Test hook: the thread throws, or the one that gets ready to take its place. */
  crash(who: 'thread' | 'heir' = 'thread'): void {
    if (who === 'heir') this.move?.heir.post({ kind: 'crash' });
    else this.post({ kind: 'crash' });
  }

  private spawn(state: VrrpServiceOptions['state'], waits: boolean): VrrpThread {
    this.thread = this.makeThread(state, waits, null);
    this.spawnedAtMs = monotonicMs();
    this.unanswered = false;
    return this.thread;
  }

  private makeThread(state: VrrpServiceOptions['state'], waits: boolean, inbox: MessagePort | null): VrrpThread {
    const { image, serverWords } = this.options;
    const data = {
      model: this.model,
      serverWords,
      backends: this.backends,
      state: state?.state ?? null,
      stateTakenAtMs: state?.takenAtMs ?? 0,
      waits,
      deputy: this.deputy.data,
    };
    const thread: VrrpThread = new VrrpThread(data, inbox, image, {
      message: (message) => this.onMessage(thread, message),
      exit: (reason) => this.onExit(thread, reason),
    });
    for (const result of this.trackers.results()) thread.post({ kind: 'tracked', result });
    return thread;
  }

  private onMessage(from: VrrpThread, message: FromVrrpWorker): void {
    const { onEvent } = this.options;
    if (from === this.thread) this.unanswered = false;
    switch (message.kind) {
      case 'prepared':
        return;
      case 'ready':
        this.deputy.configure(this.model);
        if (this.move?.onReady(from)) return;
        onEvent('info', 'VRRP runs', { instances: this.model.instances.length });
        return this.started.resolve(true);
      case 'refused':
        if (from !== this.thread) return; // it ends, and the move with it
        this.refused = true;
        return this.options.onGiveUp(message.text, message.capability);
      case 'log':
        this.history.learn(message.text, Date.now());
        return onEvent(LEVELS[message.level], message.text, {});
      case 'notify':
        return this.notifier.changed(message);
      case 'answer':
        return this.asks.answered(message.id, message.answer);
      case 'pong':
      case 'stopped':
        return;
    }
  }

  private onMoved(heir: VrrpThread): void {
    this.move = null;
    this.thread = heir;
    this.unanswered = false;
    this.options.onEvent('info', 'VRRP moved to another thread', { instances: this.model.instances.length });
  }

  private onExit(thread: VrrpThread, reason: string): void {
    this.asks.ended(thread);
    const wasRouter = thread === this.thread; // another has handed over, or was an heir
    if (wasRouter) this.thread = null;
    if (this.move !== null) return this.move.onExit(thread, reason);
    if (!wasRouter) return;
    this.deputy.silence(); // one that was ended from outside could not
    this.recover(thread.ready, reason, null);
  }

  // No thread is left.
  private recover(wasReady: boolean, reason: string, remains: Remains | null): void {
    if (this.phase === 'stopping' || this.refused) return this.noMore();
    const delayMs = this.restartDelayMs(wasReady, reason);
    if (delayMs === null) return;
    this.sayEnd('VRRP thread crashed, starting another', reason, { delayMs });
    setTimeout(() => {
      if (this.phase !== 'running') return this.noMore();
      const next = this.spawn(remains?.state ?? null, false);
      for (const message of remains?.held ?? []) {
        this.asks.passOn(message, next);
        next.post(message);
      }
    }, delayMs);
  }

  private noMore(): void {
    this.started.resolve(false);
    this.asks.endAll();
    void this.deputy.stop();
  }

  // Of a thread that died while its heir got ready: the heir is the quickest to take its place.
  private mayBeginInstead(thread: VrrpThread, reason: string): boolean {
    if (this.restartDelayMs(thread.ready, reason) === null) return false;
    this.sayEnd('VRRP thread crashed, the one that was to replace it begins', reason);
    return true;
  }

  // Null: it crashed too often, and that is said.
  private restartDelayMs(wasReady: boolean, reason: string): number | null {
    const verdict = this.policy.crashed(0, wasReady, monotonicMs());
    if (verdict.restart) return verdict.delayMs;
    this.sayEnd('VRRP thread crashed, giving up', reason);
    this.options.onGiveUp(verdict.reason, '');
    this.noMore();
    return null;
  }

  private sayEnd(text: string, reason: string, more: { delayMs?: number } = {}): void {
    const [headline] = reason.split('\n', 1);
    this.options.onEvent('error', text, { reason: headline!, stack: reason, ...more });
  }

  private around(): void {
    this.trackers.configure(this.model);
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
  }

  private look(): void {
    if (this.thread === null) return;
    if (this.move !== null && this.move.answerer() !== this.thread) return; // the move has limits of its own
    // A thread that has only just begun hears nobody yet; on a busy machine that takes longer than a look.
    if (!this.thread.ready && monotonicMs() - this.spawnedAtMs < PREPARE_MS) return;
    if (this.unanswered) {
      this.options.onEvent('error', 'VRRP thread does not answer and is ended', {});
      void this.thread.terminate();
      return;
    }
    this.unanswered = true;
    this.post({ kind: 'ping', id: ++this.pingCount });
  }

  private end(): void {
    this.phase = 'stopping';
    if (this.watch !== null) clearInterval(this.watch);
    this.trackers.stop();
  }

  // fifo_write_vrrp_states_on_reload: those that the reload itself has changed are told already when the answer comes.
  private async writeStates(): Promise<void> {
    const answer = await this.ask('status');
    if (answer?.kind === 'status') this.notifier.writeStates(statesOf(answer));
  }

  private request(message: (id: number) => ToVrrpWorker): Promise<VrrpAnswer | null> {
    const to = this.move?.answerer() ?? this.thread;
    if (to === null) return Promise.resolve(null);
    return new Promise((tell) => this.post(message(this.asks.add(to, tell))));
  }

  private post(message: ToVrrpWorker): void {
    if (this.move !== null) this.move.post(message);
    else this.thread?.post(message);
  }
}
