// The VRRP thread: waits in ppoll(2) for packets, netlink news, messages and the next deadline, and for nothing else.
//
// It never returns to the event loop of its thread: messages are taken one by one when the eventfd fires, and what it
// posts needs no turn of its own. So neither promises nor timers of anybody else stand between a deadline and its
// advert. Order within a turn: links first (who may send), then packets (a waiting advert of the master counts, though
// we woke late), then time, then messages, then what can wait.
//
// A successor (VrrpWorkerData.waits) goes through the same turns with its router not started and its actions muted: it
// learns links, scripts and reloads, and keeps the packets of the last moments. 'adopt' makes it the router.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import type { FromVrrpWorker, ToVrrpWorker, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import * as libc from '../../core/sys/libc.ts';
import { setOrdinary } from '../../core/sys/realtime.ts';
import { answerTo } from './answers.ts';
import { BackendTracking } from './backends.ts';
import { clearLeftovers } from './leftovers.ts';
import { closeParts, makeParts, type Parts } from './parts.ts';
import { applyScheduling, missingCapability, type Standing } from './privileges.ts';
import { Claim, type Estate, estateOf } from './succession.ts';
import { due, type Timed } from './timed.ts';

const NEVER = Number.POSITIVE_INFINITY;
const WAIT_MS_MAX = 1_000; // a thread that is being ended notices by then
const BACKEND_LOOK_MS = 20; // how soon a change of server states is seen
const SOCKET_RETRY_MS = 1_000;
const LATE_MS = 1; // beyond it a deadline is not believed without another look at the sockets
const OFFER_MS_MAX = 500; // how long an heir may take to wake up, with nothing due
const OFFER_LATE_MS = 4; // how late what is due may become for its sake
const WARM_EVERY_MS = 1_000; // how often a takeover is rehearsed, so that its code stays compiled and at hand
const WARM_ROOM_MS = 4; // and only when no deadline is nearer

/** The thread's way to its supervisor. */
export interface Line {
  post: (message: FromVrrpWorker) => void;
  /** The next message, or null when there is none; never waits. */
  take: () => ToVrrpWorker | null;
  /** Sends to a thread that waits for our state; `heir` came with 'hand-over'. */
  pass: (heir: object, message: ToVrrpWorker) => void;
}

export class VrrpLoop {
  private readonly data: VrrpWorkerData;
  private readonly line: Line;
  private readonly parts: Parts;
  private readonly urgent: readonly Timed[];
  private readonly later: readonly Timed[];
  private standing: Standing = { realtime: false, memoryLocked: false };
  private model: VrrpModel;
  private backends: BackendTracking;
  private running = true;
  private isWaiting = true;
  private heir: object | null = null; // how to reach the thread that waits for our role
  private retryAtMs = NEVER; // for sockets that could not be opened
  private warmAtMs = 0;

  /** Throws SysError when a socket cannot be had. */
  constructor(data: VrrpWorkerData, line: Line) {
    this.data = data;
    this.line = line;
    this.model = data.model;
    this.backends = new BackendTracking(data.model, data.serverWords, data.backends);
    this.parts = makeParts(data, line.post);
    const { router, bfd, actions, interfaces, inputs } = this.parts;
    // All that a turn does in time, in its order; messages come between the two.
    this.urgent = [
      { nextMs: () => router.deadlineMs, onTime: (now) => this.time(now) },
      due({ nextMs: () => bfd.deadlineMs, onTime: (now) => bfd.onTime(now) && inputs.watch() }),
    ];
    this.later = [
      due({ nextMs: () => (actions.isBehind ? 0 : NEVER), onTime: () => actions.proceed() }),
      { nextMs: (now) => (this.isTracking ? now + BACKEND_LOOK_MS : NEVER), onTime: () => this.tellBackends() },
      due({ nextMs: () => this.retryAtMs, onTime: () => this.syncSockets() }),
      due({ nextMs: () => interfaces.nextMs, onTime: () => this.tellLinks() }),
      { nextMs: () => actions.nextMs, onTime: (now) => actions.onTime(now) },
      { nextMs: () => NEVER, onTime: (now) => this.keepWarm(now) }, // in turns that come anyway
    ];
    this.setWaiting(true); // prepare() must not disturb who is the router until now
  }

  /** Runs until told to stop. What is thrown here releases the addresses first. */
  run(): void {
    try {
      this.prepare();
      if (this.data.state !== null) this.adopt(this.data.state as Estate, this.data.stateTakenAtMs);
      else if (this.data.waits) this.line.post({ kind: 'prepared' });
      else this.startAfresh();
      while (this.running) this.turn();
    } catch (fault) {
      if (!this.isWaiting) this.release();
      throw fault;
    } finally {
      if (!this.isWaiting && !this.parts.actions.isMuted) this.parts.briefing.silence(); // else the board is another's
      closeParts(this.parts);
    }
  }

  // ------------------------------------------------------------------------------------------------ beginning, end

  // Everything that changes nothing on the machine, so that a predecessor may still be the router.
  private prepare(): void {
    const { interfaces, vmacs, rehearsal, inputs, complain } = this.parts;
    this.learn(this.model);
    if (!interfaces.refresh()) throw new Error('the kernel does not list its interfaces');
    vmacs.make(this.model);
    this.syncSockets();
    this.tellLinks();
    rehearsal.whole();
    // The turn's own code as well: nothing is due yet, and what waits to be read is there in the first turn still.
    this.waitMs();
    inputs.wait(0);
    inputs.look();
    for (const each of this.urgent) each.onTime(nowMs());
    // Not before: at the same priority as a predecessor's thread, the rehearsal would stand in its way.
    this.standing = applyScheduling(this.model.global, complain);
  }

  // While it waits a thread only learns and keeps what it hears.
  private setWaiting(isWaiting: boolean): void {
    const { hearing, actions, vmacs, briefing } = this.parts;
    this.isWaiting = isWaiting;
    if (!isWaiting) briefing.begin();
    hearing.isWaiting = isWaiting;
    actions.isMuted = isWaiting;
    vmacs.isIdle = isWaiting;
  }

  private startAfresh(): void {
    const { virtual, filter, vmacs, statics, bfd, election } = this.parts;
    this.setWaiting(false);
    clearLeftovers(this.model, virtual, this.parts, (text) => this.line.post({ kind: 'log', level: 'notice', text }));
    filter.start();
    vmacs.make(this.model);
    statics.add(this.model);
    this.syncSockets();
    this.tellLinks();
    this.tellBackends();
    this.drainMessages(); // what is known of scripts already
    bfd.configure(this.model, nowMs());
    this.openBfd();
    election.start();
    this.line.post({ kind: 'ready' });
  }

  // Role and timers of a predecessor that sends nothing any more: what its neighbours wait for first, the rest after.
  private adopt(estate: Estate, takenAtMs: number): void {
    const { router, election, hearing, bfd, vmacs, holdings, statics, filter } = this.parts;
    const now = nowMs();
    router.importState(estate.router, Math.max(0, now - takenAtMs), now);
    vmacs.adoptSettings(estate.settings);
    hearing.adopt(estate.heard);
    this.setWaiting(false);
    bfd.configure(this.model, nowMs(), estate.bfd);
    election.start();
    hearing.catchUp(estate.heard, takenAtMs);
    this.time(nowMs());
    this.line.post({ kind: 'ready' });
    this.openBfd();
    election.adoptAddresses(this.model, holdings);
    statics.adopt(this.model);
    filter.start();
    vmacs.make(this.model);
    this.syncSockets();
    this.tellLinks();
    election.tellLost(holdings);
  }

  // Everything let go of, with priority 0 while we were master.
  private release(): void {
    const { election, actions, bfd, statics, vmacs, filter } = this.parts;
    election.stop();
    actions.finish();
    bfd.stop(nowMs());
    statics.remove(this.model);
    vmacs.close();
    filter.clear();
  }

  // ------------------------------------------------------------------------------------------------------ the turn

  // Loops go by index, since iterators are allocated.
  private turn(): void {
    const { urgent, later } = this;
    const { inputs, actions, sockets, hearing, bfd, figures } = this.parts;
    inputs.wait(this.waitMs());
    const wokenMs = nowMs();
    this.hearDeputy();
    inputs.look();
    const { hasMessages, hasNews, readable, readableBfd } = inputs;
    // While we add addresses, the news are our own doing, and each look at them lists all addresses.
    if (hasNews && !actions.isBehind) this.monitor();
    for (let at = 0; at < readable.length; at++) {
      if (sockets.listening.includes(readable[at]!)) hearing.receive(readable[at]!);
    }
    for (let at = 0; at < readableBfd.length; at++) bfd.receive(readableBfd[at]!, nowMs());
    for (let at = 0; at < urgent.length; at++) urgent[at]!.onTime(nowMs());
    if (hasMessages) {
      inputs.acknowledge();
      this.drainMessages();
      if (!this.running) return;
    }
    for (let at = 0; at < later.length; at++) later[at]!.onTime(nowMs());
    figures.turnDone(nowMs() - wokenMs);
  }

  private waitMs(): number {
    const { urgent, later } = this;
    const now = nowMs();
    let nextMs = now + WAIT_MS_MAX;
    for (let at = 0; at < urgent.length; at++) nextMs = Math.min(nextMs, urgent[at]!.nextMs(now));
    for (let at = 0; at < later.length; at++) nextMs = Math.min(nextMs, later[at]!.nextMs(now));
    return Math.max(0, nextMs - now);
  }

  private time(now: number): void {
    const { router, sockets, hearing, figures, election } = this.parts;
    this.hearDeputy();
    if (now < router.deadlineMs) return;
    // The machine may have stood still since we looked: what came in before `now` counts, however late we are.
    if (now - router.deadlineMs > LATE_MS) {
      for (const each of sockets.listening) hearing.receive(each);
      if (now < router.deadlineMs) return;
    }
    figures.deadlineMet(now - router.deadlineMs);
    election.onTime(now);
  }

  // Before anything that may find us late.
  private hearDeputy(): void {
    this.parts.briefing.news(this.parts.election.onSpokenFor);
  }

  private keepWarm(now: number): void {
    const { router, rehearsal } = this.parts;
    if (now < this.warmAtMs || router.deadlineMs - now < WARM_ROOM_MS) return;
    this.warmAtMs = now + WARM_EVERY_MS;
    rehearsal.once();
  }

  private monitor(): void {
    const { interfaces, kernel, election, vmacs, holdings } = this.parts;
    const news = interfaces.learn(kernel.changes());
    if (!news.moved) return;
    election.onLinks(news);
    vmacs.make(this.model);
    this.syncSockets();
    election.tellLost(holdings);
  }

  private tellLinks(): void {
    this.parts.election.onLinks(this.parts.interfaces.news());
  }

  private tellBackends(): void {
    this.parts.election.onTracked(this.backends.news());
  }

  private get isTracking(): boolean {
    return this.backends.watched && !this.isWaiting;
  }

  private syncSockets(): void {
    const { sockets, vmacs, actions, inputs } = this.parts;
    sockets.sync(this.model, (instance) => vmacs.nameOf(instance.name) || instance.interfaceName);
    for (const each of this.model.instances) actions.openSender(each);
    inputs.watch();
    this.retryAtMs = sockets.incomplete ? nowMs() + SOCKET_RETRY_MS : NEVER;
  }

  private openBfd(): void {
    this.parts.bfd.open(nowMs());
    this.parts.inputs.watch();
  }

  // ------------------------------------------------------------------------------------------------------ messages

  private drainMessages(): void {
    while (this.running) {
      const message = this.line.take();
      if (message === null) return;
      this.onMessage(message);
    }
  }

  private onMessage(message: ToVrrpWorker): void {
    switch (message.kind) {
      case 'tracked':
        return this.parts.election.onTracked([{ ...message.result, serversUp: 0 }]);
      case 'reload':
        return this.reload(message.model, message.backends);
      case 'ask': {
        const { parts, backends, standing } = this;
        const answer = answerTo(message.question, { ...parts, backends, standing }, nowMs());
        return this.line.post({ kind: 'answer', id: message.id, answer });
      }
      case 'ping':
        return this.line.post({ kind: 'pong', id: message.id });
      case 'stop':
        if (!this.isWaiting) this.release();
        this.running = false;
        return this.line.post({ kind: 'stopped' });
      case 'hand-over':
        return this.handOver(message);
      case 'adopt':
        if (!this.isWaiting) return; // it came both ways
        if (message.claim !== null && !new Claim(message.claim).take()) return; // too late: the other goes on
        if (message.state === null) return this.startAfresh();
        return this.adopt(message.state as Estate, message.takenAtMs);
      case 'crash':
        throw new Error('crashed on request of a test');
    }
  }

  // Nothing is released and nothing more is done: the heir answers for it from the moment it has the claim. Whether it
  // is alive and awake shows before anything is due; if not, this thread goes on as if nothing had been.
  private handOver(message: Extract<ToVrrpWorker, { kind: 'hand-over' }>): void {
    const { id, claim } = message;
    const { post } = this.line;
    const { actions, router, briefing } = this.parts;
    if (this.isWaiting) return post({ kind: 'answer', id, answer: { kind: 'done' } });
    actions.finish();
    briefing.silence(); // what it said is in the state, and it says no more
    this.hearDeputy();
    const takenAtMs = nowMs();
    const state = estateOf(this.parts, takenAtMs);
    this.heir = message.heir ?? this.heir;
    if (claim !== null && this.heir !== null) {
      this.line.pass(this.heir, { kind: 'adopt', state, takenAtMs, claim });
      libc.eventfd_write(message.heirWakeFd, 1);
      const dueInMs = Math.max(0, router.deadlineMs - nowMs());
      const waitMs = Math.min(OFFER_MS_MAX, dueInMs + OFFER_LATE_MS);
      if (!new Claim(claim).giveWithin(waitMs)) return post({ kind: 'answer', id, answer: { kind: 'done' } });
    }
    this.running = false;
    actions.isMuted = true;
    setOrdinary();
    post({ kind: 'answer', id, answer: { kind: 'state', state, takenAtMs } });
  }

  private reload(model: VrrpModel, backends: VrrpWorkerData['backends']): void {
    const { vmacs, statics, bfd, election, actions } = this.parts;
    const before = this.model;
    this.model = model;
    this.learn(model);
    vmacs.make(model);
    this.syncSockets();
    if (!this.isWaiting) {
      statics.replace(before, model);
      // Before what tracks it: a session that is new is known to be down.
      bfd.configure(model, nowMs());
      this.openBfd();
    }
    election.reload(model);
    actions.finish(); // before links and instances go
    actions.forget(model);
    vmacs.prune(model);
    this.backends = new BackendTracking(model, this.data.serverWords, backends);
    this.tellBackends();
    this.tellLinks();
  }

  private learn(model: VrrpModel): void {
    const { actions, rehearsal, virtual } = this.parts;
    actions.learn(model);
    rehearsal.learn(model);
    virtual.learn(model);
  }
}

/** Runs the thread to its end; says so and returns when the process may not do the work. */
export function runVrrp(data: VrrpWorkerData, line: Line): void {
  const missing = missingCapability();
  if (missing !== null) return line.post({ kind: 'refused', ...missing });
  new VrrpLoop(data, line).run();
}
