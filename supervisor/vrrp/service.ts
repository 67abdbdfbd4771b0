// The VRRP thread and everything around it that may take time: started, watched, told, stopped. Start at start().
//
// The thread decides and acts on the network; this side runs its scripts and remembers what they said, so that a thread
// that replaces a crashed one begins with all that is known.

import { Worker } from 'node:worker_threads';
import { monotonicMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type {
  FromVrrpWorker,
  ToVrrpWorker,
  VrrpAnswer,
  VrrpBackend,
  VrrpQuestion,
  VrrpTrackResult,
  VrrpWorkerData,
} from '../../core/model/vrrp-worker.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { close, eventfd, eventfd_write } from '../../core/sys/libc.ts';
import { type CodeImage, codeIsReadable, workerSource } from '../fleet/code-image.ts';
import { RestartPolicy } from '../fleet/restart-policy.ts';
import { Notifier } from './notify.ts';
import { TrackFiles } from './track-files.ts';
import { TrackProcesses } from './track-processes.ts';
import { TrackScripts } from './track-scripts.ts';

const WORKER_URL = new URL('../../workers/vrrp/main.ts', import.meta.url);
const WATCH_MS = 2_000; // a thread that has not answered by the next look is taken for hung
const SCRIPT_TIMEOUT_MS = 10_000; // of startup_script and shutdown_script
const STOP_SCRIPTS_MS = 1_000; // how long the last notify scripts may take before the process goes on to end
/** The thread makes little garbage; small spaces keep each collection far below a 10 ms advert interval. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

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
  private readonly wakeFd: number;
  private readonly policy = new RestartPolicy(1);
  private readonly notifier: Notifier;
  private readonly scripts: TrackScripts;
  private readonly files: TrackFiles;
  private readonly processes: TrackProcesses;
  private readonly results = new Map<string, VrrpTrackResult>(); // the latest of each tracked thing
  private readonly asksOut = new Map<number, (answer: VrrpAnswer | null) => void>();
  private readonly readies: ((running: boolean) => void)[] = [];
  private readonly gone: (() => void)[] = [];
  private model: VrrpModel;
  private backends: readonly VrrpBackend[];
  private worker: Worker | null = null;
  private phase: 'running' | 'stopping' = 'running';
  private ready = false;
  private refused = false;
  private nextId = 0;
  private watch: NodeJS.Timeout | null = null;
  private unanswered = false;
  private firstState: VrrpServiceOptions['state'];

  constructor(options: VrrpServiceOptions) {
    this.options = options;
    this.model = options.model;
    this.backends = options.backends;
    this.firstState = options.state;
    this.wakeFd = check('eventfd', eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    const log = (level: 'info' | 'warn' | 'error', text: string): void => options.onEvent(level, text, {});
    const report = { log, result: (result: VrrpTrackResult) => this.onResult(result) };
    this.notifier = new Notifier(log);
    this.scripts = new TrackScripts(report);
    this.files = new TrackFiles(report);
    this.processes = new TrackProcesses(report);
  }

  /** Starts scripts and thread; resolves when the election runs (true) or cannot (false). */
  async start(): Promise<boolean> {
    const { startupScript } = this.model.global;
    if (startupScript !== null) await this.notifier.runAlone(startupScript, SCRIPT_TIMEOUT_MS);
    this.notifier.configure(this.model);
    const running = new Promise<boolean>((resolve) => this.readies.push(resolve));
    this.spawn();
    this.track();
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
    return running;
  }

  reload(model: VrrpModel, backends: readonly VrrpBackend[]): void {
    this.model = model;
    this.backends = backends;
    this.notifier.configure(model);
    this.post({ kind: 'reload', model, backends });
    this.track();
  }

  /** What the thread answers; null when there is none. */
  ask(question: VrrpQuestion): Promise<VrrpAnswer | null> {
    return this.request((id) => ({ kind: 'ask', id, question }));
  }

  /** The run state for a successor; the thread ends without letting go of anything. */
  async handOver(): Promise<VrrpAnswer | null> {
    this.end();
    return this.request((id) => ({ kind: 'hand-over', id }));
  }

  /** Priority 0, everything released, notify_stop; resolves when the thread is gone and its scripts have run. */
  async stop(timeoutMs: number): Promise<void> {
    this.end();
    const { worker } = this;
    if (worker !== null) {
      const gone = new Promise<void>((resolve) => this.gone.push(resolve));
      this.post({ kind: 'stop' });
      await within(timeoutMs, gone);
      await worker.terminate();
    }
    await within(STOP_SCRIPTS_MS, this.notifier.quiet());
    const { shutdownScript } = this.model.global;
    if (shutdownScript !== null) await this.notifier.runAlone(shutdownScript, SCRIPT_TIMEOUT_MS);
    this.notifier.stop();
    close(this.wakeFd);
  }

  /** Test hook: the thread throws. */
  crash(): void {
    this.post({ kind: 'crash' });
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

  private spawn(): void {
    const { image, serverWords } = this.options;
    const data: VrrpWorkerData = {
      model: this.model,
      wakeFd: this.wakeFd,
      serverWords,
      backends: this.backends,
      state: this.firstState?.state ?? null,
      stateTakenAtMs: this.firstState?.takenAtMs ?? 0,
    };
    this.firstState = null;
    const { script, options } = workerSource(WORKER_URL, data, codeIsReadable(WORKER_URL) ? null : image);
    const worker = new Worker(script, { ...options, name: 'vrrp', resourceLimits: RESOURCE_LIMITS });
    let failure = '';
    this.worker = worker;
    this.ready = false;
    this.unanswered = false;
    worker.on('message', (message: FromVrrpWorker) => this.onMessage(message));
    worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    worker.on('exit', (code) => this.onExit(failure === '' ? `exit code ${code}` : failure));
    for (const result of this.results.values()) this.post({ kind: 'tracked', result });
  }

  private onMessage(message: FromVrrpWorker): void {
    const { onEvent } = this.options;
    this.unanswered = false;
    switch (message.kind) {
      case 'ready':
        this.ready = true;
        onEvent('info', 'VRRP runs', { instances: this.model.instances.length });
        return this.tellReady(true);
      case 'refused':
        this.refused = true;
        return this.options.onGiveUp(message.text, message.capability);
      case 'log':
        return onEvent(LEVELS[message.level], message.text, {});
      case 'notify':
        return this.notifier.changed(message);
      case 'answer': {
        const asker = this.asksOut.get(message.id);
        this.asksOut.delete(message.id);
        return asker?.(message.answer);
      }
      case 'pong':
      case 'stopped':
        return;
    }
  }

  private onExit(reason: string): void {
    this.worker = null;
    for (const asker of this.asksOut.values()) asker(null);
    this.asksOut.clear();
    for (const waiter of this.gone.splice(0)) waiter();
    if (this.phase === 'stopping' || this.refused) return this.tellReady(false);
    const [headline] = reason.split('\n', 1);
    const verdict = this.policy.crashed(0, this.ready, monotonicMs());
    if (!verdict.restart) {
      this.options.onEvent('error', 'VRRP thread crashed, giving up', { reason: headline!, stack: reason });
      this.options.onGiveUp(verdict.reason, '');
      return this.tellReady(false);
    }
    const { delayMs } = verdict;
    this.options.onEvent('error', 'VRRP thread crashed, starting another', {
      reason: headline!,
      stack: reason,
      delayMs,
    });
    setTimeout(() => {
      if (this.phase === 'running') this.spawn();
    }, delayMs);
  }

  private tellReady(running: boolean): void {
    for (const waiter of this.readies.splice(0)) waiter(running);
  }

  private look(): void {
    if (this.worker === null) return;
    if (this.unanswered) {
      this.options.onEvent('error', 'VRRP thread does not answer and is ended', {});
      void this.worker.terminate();
      return;
    }
    this.unanswered = true;
    this.post({ kind: 'ping', id: ++this.nextId });
  }

  private request(message: (id: number) => ToVrrpWorker): Promise<VrrpAnswer | null> {
    if (this.worker === null) return Promise.resolve(null);
    const id = ++this.nextId;
    return new Promise((resolve) => {
      this.asksOut.set(id, resolve);
      this.post(message(id));
    });
  }

  private post(message: ToVrrpWorker): void {
    if (this.worker === null) return;
    this.worker.postMessage(message);
    eventfd_write(this.wakeFd, 1);
  }
}

const LEVELS = { error: 'error', warning: 'warn', notice: 'info', info: 'info' } as const;

async function within(timeoutMs: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | null = null;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([done, late]);
  if (timer !== null) clearTimeout(timer);
}
