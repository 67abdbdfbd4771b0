// One VRRP thread as the supervisor holds it: the worker, its eventfd, what it has said so far.

import { type MessagePort, type Transferable, Worker } from 'node:worker_threads';
import type { FromVrrpWorker, ToVrrpWorker, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { close, eventfd, eventfd_write } from '../../core/sys/libc.ts';
import { type CodeImage, codeIsReadable, workerSource } from '../fleet/code-image.ts';

const WORKER_URL = new URL('../../workers/vrrp/main.ts', import.meta.url);
/** The thread makes little garbage; small spaces keep each collection far below a 10 ms advert interval. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

export interface ThreadEvents {
  message: (message: FromVrrpWorker) => void;
  exit: (reason: string) => void;
}

export class VrrpThread {
  readonly wakeFd: number;
  ready = false; // it said that its election runs
  readonly prepared: Promise<boolean>; // false: it ended before
  readonly adopted: Promise<boolean>; // it said 'ready', or it ended
  readonly gone: Promise<void>;
  private readonly worker: Worker;
  private isGone = false;
  // The worker, and a predecessor that may still write to wakeFd: closed sooner, the number could be a client's socket.
  private wakeFdUsers = 1;

  /** Throws SysError without descriptors. `inbox` is where a predecessor sends its state. */
  constructor(
    data: Omit<VrrpWorkerData, 'wakeFd' | 'inbox'>,
    inbox: MessagePort | null,
    image: CodeImage | null,
    events: ThreadEvents,
  ) {
    this.wakeFd = check('eventfd', eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    const whole: VrrpWorkerData = { ...data, wakeFd: this.wakeFd, inbox };
    const { script, options } = workerSource(WORKER_URL, whole, codeIsReadable(WORKER_URL) ? null : image);
    const transferList: Transferable[] = inbox === null ? [] : [inbox];
    this.worker = new Worker(script, { ...options, transferList, name: 'vrrp', resourceLimits: RESOURCE_LIMITS });
    const prepared = Promise.withResolvers<boolean>();
    const adopted = Promise.withResolvers<boolean>();
    const gone = Promise.withResolvers<void>();
    this.prepared = prepared.promise;
    this.adopted = adopted.promise;
    this.gone = gone.promise;
    let failure = '';
    this.worker.on('message', (message: FromVrrpWorker) => {
      if (message.kind === 'prepared') prepared.resolve(true);
      if (message.kind === 'ready') {
        this.ready = true;
        adopted.resolve(true);
      }
      events.message(message);
    });
    this.worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.worker.on('exit', (code) => {
      prepared.resolve(false);
      adopted.resolve(false);
      this.isGone = true;
      this.dropWakeFd();
      gone.resolve();
      events.exit(failure === '' ? `exit code ${code}` : failure);
    });
  }

  post(message: ToVrrpWorker, transferList: readonly Transferable[] = []): void {
    if (this.isGone) return;
    this.worker.postMessage(message, transferList);
    eventfd_write(this.wakeFd, 1);
  }

  holdWakeFd(): void {
    this.wakeFdUsers++;
  }

  dropWakeFd(): void {
    if (--this.wakeFdUsers === 0) close(this.wakeFd);
  }

  async terminate(): Promise<void> {
    await this.worker.terminate();
  }
}
