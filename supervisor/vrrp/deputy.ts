// The deputy of the VRRP thread as the supervisor holds it: there while the configuration has instances whose adverts
// are so close together that a lost processor costs the role, and a second processor to send them from.
//
// Whoever is the router uses the same board, so moves and crashes of VRRP threads do not concern the deputy, nor its own
// crashes them.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { monotonicMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpDeputyData, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { DEPUTY_INTERVAL_MS_MAX, DeputyBoard } from '../../core/shared/deputy-board.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { close, eventfd, eventfd_write } from '../../core/sys/libc.ts';
import { type CodeImage, codeIsReadable, workerSource } from '../fleet/code-image.ts';
import { RestartPolicy } from '../fleet/restart-policy.ts';
import { within } from '../fleet/within.ts';

const WORKER_URL = new URL('../../workers/vrrp/deputy-main.ts', import.meta.url);
const STOP_MS = 2_000; // how long it may take to end, or to get ready when it has only just begun
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 };

export class Deputy {
  private readonly board = DeputyBoard.create();
  private readonly wakeFd: number;
  private readonly image: CodeImage | null;
  private readonly log: (text: string) => void;
  private readonly policy = new RestartPolicy(1);
  private worker: Worker | null = null;
  private gone: Promise<void> = Promise.resolve();
  private isWanted = false;
  private isOver = false;

  /** Throws SysError without descriptors. */
  constructor(image: CodeImage | null, log: (text: string) => void) {
    this.wakeFd = check('eventfd', eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    this.image = image;
    this.log = log;
  }

  /** What a VRRP thread needs to brief it, whether it is there or not. */
  get data(): VrrpWorkerData['deputy'] {
    return { board: this.board.buffer, wakeFd: this.wakeFd };
  }

  /** Starts it when `model` is better off with one. Once started it stays; without briefings it sleeps. */
  configure(model: VrrpModel): void {
    if (this.isOver) return;
    this.isWanted ||= wantsDeputy(model);
    if (this.isWanted && this.worker === null) this.spawn(model);
  }

  /** There is no router just now. */
  silence(): void {
    this.board.endAll();
  }

  /** Resolves when it has ended; no VRRP thread runs any more. */
  async stop(): Promise<void> {
    if (this.isOver) return this.gone;
    this.isOver = true;
    this.isWanted = false;
    this.board.stop();
    eventfd_write(this.wakeFd, 1);
    await within(STOP_MS, this.gone, undefined);
    await this.worker?.terminate();
    close(this.wakeFd);
  }

  private spawn(model: VrrpModel): void {
    const data: VrrpDeputyData = { ...this.data, global: model.global };
    const { script, options } = workerSource(WORKER_URL, data, codeIsReadable(WORKER_URL) ? null : this.image);
    const worker = new Worker(script, { ...options, name: 'vrrp deputy', resourceLimits: RESOURCE_LIMITS });
    this.worker = worker;
    let failure = '';
    worker.on('error', (error) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    this.gone = new Promise((resolve) => {
      worker.on('exit', (code) => {
        resolve();
        this.ended(model, failure || `exit code ${code}`);
      });
    });
  }

  private ended(model: VrrpModel, reason: string): void {
    const hasServed = this.board.runs;
    this.board.reset();
    this.worker = null;
    if (!this.isWanted) return;
    const verdict = this.policy.crashed(0, hasServed, monotonicMs());
    this.isWanted = verdict.restart;
    const next = verdict.restart ? 'another is started' : 'late adverts are nobody’s business from now on';
    this.log(`the VRRP thread's deputy ended (${reason}); ${next}`);
    if (!verdict.restart) return;
    setTimeout(() => {
      if (this.isWanted && this.worker === null) this.spawn(model);
    }, verdict.delayMs);
  }
}

/** An advert that carries a sequence number is the router's alone. */
export function wantsDeputy({ global, instances }: VrrpModel): boolean {
  const processorCount = global.cpuAffinity.length || availableParallelism();
  if (processorCount < 2) return false;
  return instances.some(
    ({ advertIntMs, auth, authHmac }) =>
      advertIntMs <= DEPUTY_INTERVAL_MS_MAX && auth.type !== 'ah' && authHmac === null,
  );
}
