// The VRRP thread and everything around it that may take time: started, watched, told, stopped. Start at start().
//
// The thread decides and acts on the network; this side runs its scripts and remembers what they said, so that a thread
// that replaces a crashed one begins with all that is known.
//
// A thread can give its role to another without a missed advert: renew() within this process; between two processes
// prepare() in the new one, handOver() in the old one, adopt() in the new one. Of a move (Move) the stages are
// `preparing`: the heir gets ready, the thread goes on as ever and both are told what happens; `handing`: the thread
// was told to hand over, and what is to be said waits until the heir is the router. Whoever dies meanwhile:
// the thread while preparing: the heir starts afresh, at once. The thread while handing: the heir has its state or
// starts afresh. The heir, whenever it has not got the role: nothing happened. The heir just after: another one starts
// from the state.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { monotonicMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type {
  FromVrrpWorker,
  ToVrrpWorker,
  VrrpAnswer,
  VrrpBackend,
  VrrpQuestion,
  VrrpTrackResult,
} from '../../core/model/vrrp-worker.ts';
import type { CodeImage } from '../fleet/code-image.ts';
import { RestartPolicy } from '../fleet/restart-policy.ts';
import { Deputy } from './deputy.ts';
import { History, type Transition } from './history.ts';
import { Notifier } from './notify.ts';
import type { GroupStatus, InstanceStatus, TrackingStatus } from './status.ts';
import { VrrpThread } from './thread.ts';
import { TrackFiles } from './track-files.ts';
import { TrackProcesses } from './track-processes.ts';
import { TrackScripts } from './track-scripts.ts';

const WATCH_MS = 2_000; // a thread that has not answered by the next look is taken for hung
const SCRIPT_TIMEOUT_MS = 10_000; // of startup_script and shutdown_script
const STOP_SCRIPTS_MS = 1_000; // how long the last notify scripts may take before the process goes on to end
const PREPARE_MS = 10_000; // how long an heir may take to get ready
const HAND_OVER_MS = 2_000; // how long an offer may take; then the thread is taken for hung and ended
const OFFERS_MAX = 5; // of the role to an heir that is not awake in time

type StateAnswer = Extract<VrrpAnswer, { kind: 'state' }>;

/** A role on its way to another thread of this process. */
interface Move {
  heir: VrrpThread;
  stage: 'preparing' | 'handing';
  held: ToVrrpWorker[]; // said while handing
  state: StateAnswer | null; // what the thread handed over
  heirIsGone: boolean;
  ended: Promise<void>; // one way or the other
}

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
  private readonly scripts: TrackScripts;
  private readonly files: TrackFiles;
  private readonly processes: TrackProcesses;
  private readonly history = new History();
  private readonly deputy: Deputy;
  private readonly results = new Map<string, VrrpTrackResult>(); // the latest of each tracked thing
  private readonly asksOut = new Map<number, { to: VrrpThread; tell: (answer: VrrpAnswer | null) => void }>();
  private readonly readies: ((running: boolean) => void)[] = [];
  private model: VrrpModel;
  private backends: readonly VrrpBackend[];
  private thread: VrrpThread | null = null;
  private move: Move | null = null;
  private phase: 'running' | 'stopping' = 'running';
  private refused = false;
  private handedOver = false; // to another process: what outlives us is the successor's
  private nextId = 0;
  private watch: NodeJS.Timeout | null = null;
  private unanswered = false;
  private spawnedAtMs = 0;

  constructor(options: VrrpServiceOptions) {
    this.options = options;
    this.model = options.model;
    this.backends = options.backends;
    const log = (level: 'info' | 'warn' | 'error', text: string): void => options.onEvent(level, text, {});
    const report = { log, result: (result: VrrpTrackResult) => this.onResult(result) };
    this.notifier = new Notifier(log);
    this.deputy = new Deputy(options.image, (text) => log('error', text));
    this.scripts = new TrackScripts(report);
    this.files = new TrackFiles(report);
    this.processes = new TrackProcesses(report);
  }

  /** Starts scripts and thread; resolves when the election runs (true) or cannot (false). */
  async start(): Promise<boolean> {
    const { state } = this.options;
    const { startupScript } = this.model.global;
    const limitMs = this.model.operation?.startupScriptTimeoutMs || SCRIPT_TIMEOUT_MS;
    if (startupScript !== null && state === null) await this.notifier.runAlone(startupScript, limitMs);
    this.notifier.configure(this.model);
    const running = new Promise<boolean>((resolve) => this.readies.push(resolve));
    this.spawn(state, false);
    this.around();
    return running;
  }

  /**
   * Everything ready, while another process is still the router here; false: it cannot run. adopt() comes next. The
   * configuration is to be the other's: what differs comes by a reload() afterwards, which lets go of what is left over.
   */
  prepare(): Promise<boolean> {
    this.files.succeed();
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
    const ended = Promise.withResolvers<void>();
    const move: Move = {
      heir,
      stage: 'preparing',
      held: [],
      state: null,
      heirIsGone: false,
      ended: ended.promise,
    };
    this.move = move;
    heir.holdWakeFd(); // the thread writes to it
    try {
      if (await this.carryOver(move, thread, port1)) return true;
      if (this.move === move) this.move = null;
      await heir.terminate();
      return false;
    } finally {
      heir.dropWakeFd();
      ended.resolve();
    }
  }

  private async carryOver(move: Move, thread: VrrpThread, port: MessagePort): Promise<boolean> {
    const { heir } = move;
    const isPrepared = await within(PREPARE_MS, heir.prepared, false);
    // The thread died meanwhile: the heir has begun by itself.
    if (this.move === move && this.thread === null) return heir.adopted;
    if (!isPrepared) return false;
    for (let offer = 0; offer < OFFERS_MAX && this.move === move && !move.heirIsGone; offer++) {
      if (this.phase !== 'running') return false;
      const answer = await this.offer(move, thread, offer === 0 ? port : null);
      if (answer === null || answer.kind === 'state') {
        await thread.gone;
        return heir.adopted;
      }
      this.takenBack(move);
    }
    return false;
  }

  // Null: the thread ended without an answer. 'done': the heir was not awake in time, the thread goes on.
  private async offer(move: Move, thread: VrrpThread, port: MessagePort | null): Promise<VrrpAnswer | null> {
    move.stage = 'handing';
    const id = ++this.nextId;
    const answered = new Promise<VrrpAnswer | null>((resolve) => {
      const tell = (answer: VrrpAnswer | null): void => {
        if (answer?.kind === 'state') move.state = answer;
        resolve(answer);
      };
      this.asksOut.set(id, { to: thread, tell });
    });
    const claim = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const message = { kind: 'hand-over', id, heir: port, heirWakeFd: move.heir.wakeFd, claim } as const;
    thread.post(message, port === null ? [] : [port]);
    const answer = await within<VrrpAnswer | null | 'none'>(HAND_OVER_MS, answered, 'none');
    if (answer !== 'none') return answer;
    await thread.terminate(); // it hangs
    return answered;
  }

  private takenBack(move: Move): void {
    if (this.move !== move) return;
    move.stage = 'preparing';
    for (const message of move.held.splice(0)) this.post(message);
    if (move.heirIsGone) this.move = null;
  }

  reload(model: VrrpModel, backends: readonly VrrpBackend[]): void {
    this.model = model;
    this.backends = backends;
    this.notifier.configure(model);
    this.history.keep(model.instances.map((each) => each.name));
    this.post({ kind: 'reload', model, backends });
    if (this.thread?.ready === true) this.deputy.configure(model);
    this.track();
    if (model.operation?.fifoStatesOnReload) void this.writeStates();
  }

  /** What the thread answers; null when there is none. */
  ask(question: VrrpQuestion): Promise<VrrpAnswer | null> {
    return this.request((id) => ({ kind: 'ask', id, question }));
  }

  // fifo_write_vrrp_states_on_reload: those that the reload itself has changed are told already when the answer comes.
  private async writeStates(): Promise<void> {
    const answer = await this.ask('status');
    if (answer?.kind !== 'status') return;
    const groups = answer.groups as readonly GroupStatus[];
    const instances = answer.instances as readonly InstanceStatus[];
    this.notifier.writeStates([
      ...groups.map(({ name, state }) => ({ type: 'GROUP' as const, name, state: state.toUpperCase(), priority: 0 })),
      ...instances.map(({ name, state, effectivePriority: priority }) => {
        return { type: 'INSTANCE' as const, name, state: state.toUpperCase(), priority };
      }),
    ]);
  }

  /** How what this side watches stands. */
  tracking(): TrackingStatus {
    return { scripts: this.scripts.status(), files: this.files.status(), processes: this.processes.status() };
  }

  /** The last changes of state, oldest first. */
  transitions(): readonly Transition[] {
    return this.history.list();
  }

  /** The run state for a successor in another process; the thread ends without letting go of anything. */
  async handOver(): Promise<VrrpAnswer | null> {
    this.end();
    await this.settleMove();
    this.handedOver = true;
    return this.request((id) => ({ kind: 'hand-over', id, heir: null, heirWakeFd: -1, claim: null }));
  }

  /** Priority 0, everything released, notify_stop; resolves when the thread is gone and its scripts have run. */
  async stop(timeoutMs: number): Promise<void> {
    this.end();
    await this.settleMove();
    const { thread } = this;
    if (thread !== null) {
      this.post({ kind: 'stop' });
      await within(timeoutMs, thread.gone, undefined);
      await thread.terminate();
    }
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

  private end(): void {
    this.phase = 'stopping';
    if (this.watch !== null) clearInterval(this.watch);
    this.scripts.stop();
    this.files.stop();
    this.processes.stop();
  }

  private track(): void {
    this.scripts.configure(this.model);
    this.files.configure(this.model);
    this.processes.configure(this.model);
  }

  private onResult(result: VrrpTrackResult): void {
    this.results.set(`${result.kind} ${result.name}`, result);
    this.post({ kind: 'tracked', result });
  }

  private around(): void {
    this.track();
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
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
    for (const result of this.results.values()) thread.post({ kind: 'tracked', result });
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
        if (from === this.move?.heir) return this.moved(this.move);
        onEvent('info', 'VRRP runs', { instances: this.model.instances.length });
        return this.tellReady(true);
      case 'refused':
        if (from !== this.thread) return; // it ends, and the move with it
        this.refused = true;
        return this.options.onGiveUp(message.text, message.capability);
      case 'log':
        this.history.learn(message.text, Date.now());
        return onEvent(LEVELS[message.level], message.text, {});
      case 'notify':
        return this.notifier.changed(message);
      case 'answer': {
        const asker = this.asksOut.get(message.id);
        this.asksOut.delete(message.id);
        return asker?.tell(message.answer);
      }
      case 'pong':
      case 'stopped':
        return;
    }
  }

  // The heir is the router: what was to be said meanwhile is for it.
  private moved(move: Move): void {
    this.move = null;
    this.thread = move.heir;
    this.unanswered = false;
    this.options.onEvent('info', 'VRRP moved to another thread', { instances: this.model.instances.length });
    for (const message of move.held) move.heir.post(message);
  }

  /** Until the role is with one thread alone again; at an end. */
  private async settleMove(): Promise<void> {
    const { move } = this;
    if (move === null) return;
    if (move.stage === 'handing') {
      await within(HAND_OVER_MS, move.ended, undefined);
      return;
    }
    this.move = null;
    await move.heir.terminate();
  }

  private onExit(thread: VrrpThread, reason: string): void {
    for (const [id, { to, tell }] of this.asksOut) {
      if (to !== thread) continue;
      this.asksOut.delete(id);
      tell(null);
    }
    const { move } = this;
    if (move !== null && thread === move.heir) return this.heirEnded(move, reason);
    if (thread !== this.thread) return; // one that handed over, or an heir that was given up
    if (move === null) {
      this.thread = null;
      return this.recover(thread, reason, null);
    }
    if (move.heirIsGone) {
      this.move = null;
      this.thread = null;
      return this.recover(thread, 'the thread that was to take over ended', move);
    }
    this.threadEnded(thread, move, reason);
  }

  private heirEnded(move: Move, reason: string): void {
    const [headline] = reason.split('\n', 1);
    this.options.onEvent('error', 'the thread that was to take over VRRP ended', { reason: headline!, stack: reason });
    if (move.stage === 'preparing') {
      this.move = null;
      return;
    }
    move.heirIsGone = true;
    if (this.thread !== null) return; // its end is near, and decides
    this.move = null;
    this.recover(move.heir, reason, move);
  }

  // Its end is what a hand-over looks like; or it died, and the heir that waits is the quickest to take its place.
  private threadEnded(thread: VrrpThread, move: Move, reason: string): void {
    const { heir } = move;
    this.thread = null;
    if (move.stage === 'handing') {
      // Ignored when the thread has told it already.
      return heir.post({ kind: 'adopt', state: null, takenAtMs: 0, claim: null });
    }
    const [headline] = reason.split('\n', 1);
    const verdict = this.policy.crashed(0, thread.ready, monotonicMs());
    if (!verdict.restart) {
      this.move = null;
      void heir.terminate();
      return this.giveUp(verdict.reason, headline!, reason);
    }
    this.options.onEvent('error', 'VRRP thread crashed, the one that was to replace it begins', {
      reason: headline!,
      stack: reason,
    });
    move.stage = 'handing';
    heir.post({ kind: 'adopt', state: null, takenAtMs: 0, claim: null });
  }

  // No thread is left.
  private recover(thread: VrrpThread, reason: string, move: Move | null): void {
    if (this.phase === 'stopping' || this.refused) return this.tellReady(false);
    const [headline] = reason.split('\n', 1);
    const verdict = this.policy.crashed(0, thread.ready, monotonicMs());
    if (!verdict.restart) return this.giveUp(verdict.reason, headline!, reason);
    const { delayMs } = verdict;
    this.options.onEvent('error', 'VRRP thread crashed, starting another', {
      reason: headline!,
      stack: reason,
      delayMs,
    });
    setTimeout(() => {
      if (this.phase !== 'running') return;
      const next = this.spawn(move?.state ?? null, false);
      for (const message of move?.held ?? []) next.post(message);
    }, delayMs);
  }

  private giveUp(text: string, headline: string, stack: string): void {
    this.options.onEvent('error', 'VRRP thread crashed, giving up', { reason: headline, stack });
    this.options.onGiveUp(text, '');
    this.tellReady(false);
  }

  private tellReady(running: boolean): void {
    for (const waiter of this.readies.splice(0)) waiter(running);
  }

  private look(): void {
    if (this.thread === null || this.move !== null) return;
    // A thread that has only just begun hears nobody yet; on a busy machine that takes longer than a look.
    if (!this.thread.ready && monotonicMs() - this.spawnedAtMs < PREPARE_MS) return;
    if (this.unanswered) {
      this.options.onEvent('error', 'VRRP thread does not answer and is ended', {});
      void this.thread.terminate();
      return;
    }
    this.unanswered = true;
    this.post({ kind: 'ping', id: ++this.nextId });
  }

  private request(message: (id: number) => ToVrrpWorker): Promise<VrrpAnswer | null> {
    const to = this.move?.stage === 'handing' ? this.move.heir : this.thread;
    if (to === null) return Promise.resolve(null);
    const id = ++this.nextId;
    return new Promise((tell) => {
      this.asksOut.set(id, { to, tell });
      this.post(message(id));
    });
  }

  private post(message: ToVrrpWorker): void {
    const { move } = this;
    if (move?.stage === 'handing') return void move.held.push(message);
    this.thread?.post(message);
    if (move !== null && (message.kind === 'tracked' || message.kind === 'reload')) move.heir.post(message);
  }
}

const LEVELS = { error: 'error', warning: 'warn', notice: 'info', info: 'info' } as const;

/** What `done` comes to, or `otherwise` when that takes longer than `timeoutMs`. */
async function within<T>(timeoutMs: number, done: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | null = null;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), timeoutMs);
  });
  const result = await Promise.race([done, late]);
  if (timer !== null) clearTimeout(timer);
  return result;
}
