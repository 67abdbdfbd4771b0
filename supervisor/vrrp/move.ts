// A role on its way from one VRRP thread of this process to another, without a missed advert. Start at run().
//
// `thread` has the role, its `heir` is to have it. Whoever dies meanwhile, one of them is the router or the service
// hears that none is left. The stages, and what leads from each to the next:
//
//   preparing    the heir gets ready, the thread goes on as ever, both are told what happens
//     the heir is ready                       → handing
//     the heir ends, or is not ready in time  → over: nothing happened
//     the thread dies                         → inheriting: the heir starts afresh, at once
//     the thread dies, once too often         → over: the service gives up
//     the service is to end                   → over: nothing happened
//   handing      the thread was told to hand over; what is to be said waits until it is clear who is the router
//     the heir says that it runs              → over: it moved
//     the thread takes the role back          → preparing, and the next offer: the heir was not awake in time
//     the thread ends                         → inheriting
//     the heir ends                           → heirless
//   heirless     the thread has yet to say, or to show by its end, whether the role was its own
//     the thread takes the role back          → over: nothing happened
//     the thread ends                         → over: none is left
//   inheriting   the heir has the thread's state or starts afresh; what is to be said waits for it
//     the heir says that it runs              → over: it moved
//     the heir ends, or hangs and is ended    → over: none is left
//
// When none is left, the next thread starts from the state, if the thread gave it, and hears what has waited.

import type { MessagePort } from 'node:worker_threads';
import type { ToVrrpWorker, VrrpAnswer } from '../../core/model/vrrp-worker.ts';
import { within } from '../fleet/within.ts';
import type { Asks } from './asks.ts';
import type { VrrpThread } from './thread.ts';

export const PREPARE_MS = 10_000; // how long an heir may take to get ready
const HAND_OVER_MS = 2_000; // how long an offer may take, and the end of who gave the role; then the thread hangs
const BEGIN_MS = 2_000; // how long an heir that has got ready may take to run; then it hangs
const OFFERS_MAX = 5; // of the role to an heir that is not awake in time

// The thread is gone and told the heir nothing. One that was told has the state already and ignores this.
const BEGIN_AFRESH: ToVrrpWorker = { kind: 'adopt', state: null, takenAtMs: 0, claim: null };

export type StateAnswer = Extract<VrrpAnswer, { kind: 'state' }>;

/** A VrrpThread, as far as a move is concerned with it. */
export type MovingThread = Pick<VrrpThread, keyof VrrpThread>;

/** What is left of a move when both of its threads are gone. */
export interface Remains {
  readonly state: StateAnswer | null; // what the thread handed over
  readonly held: readonly ToVrrpWorker[]; // what has waited, oldest first, without what a thread is started with
}

/** What the service hears. One of moved() and failed() ends the move, once; lost() comes after failed(). */
export interface MoveEvents {
  /** The heir is the router. What has waited is posted to it after this. */
  moved: () => void;
  /** The thread goes on, if it lives. */
  failed: () => void;
  /** The heir ended before it was the router. */
  heirEnded: (reason: string) => void;
  /** The thread died while the heir got ready. True: the heir may begin. */
  threadDied: (reason: string) => boolean;
  /** Neither lives. `wasReady`: the one that ended last had run. */
  lost: (wasReady: boolean, reason: string, remains: Remains) => void;
}

export class Move {
  readonly heir: MovingThread;
  private readonly thread: MovingThread;
  private readonly heirPort: MessagePort; // by which the thread tells the heir; it goes with the first offer
  private readonly asks: Asks;
  private readonly events: MoveEvents;
  private readonly held: ToVrrpWorker[] = []; // while the stage is neither preparing nor over
  private readonly ended = Promise.withResolvers<void>(); // one way or the other, and who has to go is gone
  private stage: 'preparing' | 'handing' | 'heirless' | 'inheriting' | 'over' = 'preparing';
  private state: StateAnswer | null = null;
  private isSettling = false; // no offers any more

  /** The heir was made to wait, with the other end of `heirPort`. */
  constructor(thread: MovingThread, heir: MovingThread, heirPort: MessagePort, asks: Asks, events: MoveEvents) {
    this.thread = thread;
    this.heir = heir;
    this.heirPort = heirPort;
    this.asks = asks;
    this.events = events;
  }

  /** True: the heir is the router. False: it is not and has ended. */
  async run(): Promise<boolean> {
    const { heir } = this;
    heir.holdWakeFd(); // the thread writes to it
    try {
      if (await within(PREPARE_MS, heir.prepared, false)) await this.handOver();
      const isRouter = this.stage !== 'preparing' && (await within(BEGIN_MS, heir.adopted, false));
      if (this.stage === 'preparing') this.fail();
      if (!isRouter) await heir.terminate();
      return isRouter;
    } finally {
      heir.dropWakeFd();
      this.ended.resolve();
    }
  }

  /** The end of all comes: resolves when the role is with one thread alone again, after HAND_OVER_MS at the latest. */
  async settle(): Promise<void> {
    this.isSettling = true;
    if (this.stage !== 'preparing') return within(HAND_OVER_MS, this.ended.promise, undefined);
    this.fail();
    await this.heir.terminate();
  }

  /** To the router, whoever that is or will be. */
  post(message: ToVrrpWorker): void {
    if (this.stage === 'preparing') this.tellBoth(message);
    else this.held.push(message);
  }

  /** Who has a question that is posted now: the thread, or this, until it is clear who is the router. */
  answerer(): object {
    return this.stage === 'preparing' ? this.thread : this;
  }

  /** `who` said that its election runs; false: that is no news of the move. */
  onReady(who: object): boolean {
    if (who !== this.heir) return false;
    this.stage = 'over';
    this.events.moved();
    for (const message of this.held) this.tell(this.heir, message);
    return true;
  }

  onExit(who: object, reason: string): void {
    if (who === this.heir) this.onHeirExit(reason);
    else if (who === this.thread) this.onThreadExit(reason);
  }

  // Until it is clear who is the router, or the heir was too late each time.
  private async handOver(): Promise<void> {
    for (let count = 0; count < OFFERS_MAX && this.stage === 'preparing' && !this.isSettling; count++) {
      const answer = await this.offer(count === 0 ? this.heirPort : null);
      if (answer?.kind !== 'done') return this.endThread();
      this.takenBack();
    }
  }

  // Null: the thread ended without an answer. 'done': the heir was not awake in time, the thread goes on.
  private async offer(heirPort: MessagePort | null): Promise<VrrpAnswer | null> {
    const { thread, heir } = this;
    this.stage = 'handing';
    const answered = Promise.withResolvers<VrrpAnswer | null>();
    const id = this.asks.add(thread, (answer) => {
      if (answer?.kind === 'state') this.state = answer;
      answered.resolve(answer);
    });
    const claim = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const transferList = heirPort === null ? [] : [heirPort];
    thread.post({ kind: 'hand-over', id, heir: heirPort, heirWakeFd: heir.wakeFd, claim }, transferList);
    const answer = await within<VrrpAnswer | null | 'none'>(HAND_OVER_MS, answered.promise, 'none');
    if (answer !== 'none') return answer;
    await thread.terminate(); // it hangs
    return answered.promise;
  }

  // It has nothing more to do.
  private async endThread(): Promise<void> {
    await within(HAND_OVER_MS, this.thread.gone, undefined);
    await this.thread.terminate();
  }

  private takenBack(): void {
    if (this.stage === 'handing') this.stage = 'preparing';
    else if (this.stage === 'heirless') this.fail();
    else return; // it died right after; who is the router shows without it
    for (const message of this.held.splice(0)) this.tellBoth(message);
  }

  private tellBoth(message: ToVrrpWorker): void {
    this.tell(this.thread, message);
    if (isStartData(message)) this.heir.post(message);
  }

  private tell(to: MovingThread, message: ToVrrpWorker): void {
    this.asks.passOn(message, to);
    to.post(message);
  }

  private onHeirExit(reason: string): void {
    this.events.heirEnded(reason);
    if (this.stage === 'preparing') this.fail();
    else if (this.stage === 'handing') this.stage = 'heirless';
    else this.lose(this.heir, reason);
  }

  private onThreadExit(reason: string): void {
    if (this.stage === 'heirless') return this.lose(this.thread, 'the thread that was to take over ended');
    if (this.stage === 'preparing' && !this.events.threadDied(reason)) {
      this.fail();
      return void this.heir.terminate();
    }
    this.stage = 'inheriting';
    this.heir.post(BEGIN_AFRESH);
  }

  private fail(): void {
    if (this.stage === 'over') return;
    this.stage = 'over';
    this.events.failed();
  }

  private lose(last: MovingThread, reason: string): void {
    this.fail();
    const held = this.held.filter((message) => !isStartData(message));
    this.events.lost(last.ready, reason, { state: this.state, held });
  }
}

// What every thread has to know, and what the next one is started with as it is by then.
const isStartData = ({ kind }: ToVrrpWorker): boolean => kind === 'tracked' || kind === 'reload';
