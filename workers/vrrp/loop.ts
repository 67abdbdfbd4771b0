// The VRRP thread: waits in ppoll(2) for packets, netlink news, messages and the next deadline, and for nothing else.
//
// It never returns to the event loop of its thread: messages are taken one by one when the eventfd fires, and what it
// posts needs no turn of its own. So neither promises nor timers of anybody else stand between a deadline and its
// advert. Order within a turn: links first (who may send), then packets (a waiting advert of the master counts, though
// we woke late), then time, then messages.
//
// A successor (VrrpWorkerData.waits) goes through the same turns with its router not started and its actions muted: it
// learns links, scripts and reloads, and keeps the packets of the last moments. 'adopt' makes it the router.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { FromVrrpWorker, ToVrrpWorker, VrrpQuestion, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { type AddressInfo, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR } from '../../core/netlink/address.ts';
import { RTMGRP_LINK } from '../../core/netlink/link.ts';
import { POLLIN } from '../../core/sys/abi.ts';
import * as libc from '../../core/sys/libc.ts';
import { PacketIo, Poller } from '../../core/sys/packet-io.ts';
import { setOrdinary } from '../../core/sys/realtime.ts';
import { addressOf, formatAddress } from '../../core/vrrp/address.ts';
import type { AdvertFact, Intent } from '../../core/vrrp/contract.ts';
import { VrrpRouter } from '../../core/vrrp/router.ts';
import { Actions } from './actions.ts';
import { Announcer } from './announce.ts';
import { BackendTracking } from './backends.ts';
import { Bfd } from './bfd.ts';
import { Briefing } from './briefing.ts';
import { Figures } from './figures.ts';
import { Filter } from './filter.ts';
import { ADDRESS_PROTOCOL, Holdings } from './holdings.ts';
import { Interfaces, type LinkNews } from './interfaces.ts';
import { Kernel } from './kernel.ts';
import { LinkStates } from './link-states.ts';
import { applyScheduling, missingCapability, type Standing } from './privileges.ts';
import { Rehearsal } from './rehearsal.ts';
import { type Listening, Sockets } from './sockets.ts';
import { Claim, type Estate, Overheard } from './succession.ts';
import { Vmacs } from './vmac.ts';

const PACKET_BYTES_MAX = 256 * 1024; // a netlink dump's datagram is larger than any packet
const FD_COUNT_MAX = 1024;
const WAIT_MS_MAX = 1_000; // a thread that is being ended notices by then
const BACKEND_LOOK_MS = 20; // how soon a change of server states is seen
const SOCKET_RETRY_MS = 1_000;
const PACKETS_PER_TURN_MAX = 32; // of one socket: a flood does not keep our own adverts waiting
const PRIORITY_OWNER = 255;
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
  private readonly complain: (text: string) => void;
  private readonly io = new PacketIo(PACKET_BYTES_MAX);
  private readonly poller = new Poller(FD_COUNT_MAX);
  private readonly figures = new Figures();
  private readonly intents: Intent[] = [];
  private readonly kernel: Kernel;
  private readonly interfaces: Interfaces;
  private readonly holdings: Holdings;
  private readonly filter: Filter;
  private readonly sockets: Sockets;
  private readonly briefing: Briefing;
  private readonly vmacs: Vmacs;
  private readonly announcer: Announcer;
  private readonly actions: Actions;
  private readonly router: VrrpRouter;
  private readonly bfd: Bfd;
  private readonly rehearsal: Rehearsal;
  private warmAtMs = 0;
  private standing: Standing = { realtime: false, memoryLocked: false };
  private model: VrrpModel;
  private backends: BackendTracking;
  private virtualOwners = new Map<string, number>(); // by address text: the highest priority of those who want it
  private running = true;
  private isWaiting: boolean;
  private readonly overheard = new Overheard();
  private heir: object | null = null; // how to reach the thread that waits for our role
  private readonly heard = new Map<string, number>(); // by socket: the stamp of the last packet acted on
  private retryAtMs = Number.POSITIVE_INFINITY;
  private readonly wakeBytes = new Uint8Array(8);
  private readonly tellSpoken: (instance: string, count: number, atMs: number) => void;

  /** Throws SysError when a socket cannot be had. */
  constructor(data: VrrpWorkerData, line: Line) {
    this.data = data;
    this.line = line;
    this.model = data.model;
    const complain = (text: string): void => line.post({ kind: 'log', level: 'error', text });
    this.complain = complain;
    this.kernel = new Kernel(this.io, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    this.interfaces = new Interfaces(this.kernel, (address) => this.isVirtual(address), new LinkStates(complain));
    this.holdings = new Holdings(this.kernel, this.interfaces, complain);
    this.filter = new Filter(this.io, complain);
    this.briefing = new Briefing(data.deputy, (text) => line.post({ kind: 'log', level: 'notice', text }));
    this.sockets = new Sockets(this.io, this.interfaces, (fd) => this.briefing.letGo(fd), complain);
    this.vmacs = new Vmacs(this.kernel, this.interfaces, this.filter, complain);
    this.announcer = new Announcer(this.io);
    const { sockets, briefing, interfaces, holdings, filter, announcer, vmacs, figures } = this;
    this.actions = new Actions({
      sockets,
      briefing,
      interfaces,
      holdings,
      filter,
      announcer,
      vmacs,
      figures,
      post: line.post,
    });
    this.backends = new BackendTracking(data.model, data.serverWords, data.backends);
    this.router = new VrrpRouter(data.model, { wallMs: Date.now });
    this.tellSpoken = (instance, count, atMs) => this.router.onSpokenFor(instance, count, atMs);
    this.bfd = new Bfd(this.io, {
      log: (level, text) => line.post({ kind: 'log', level, text }),
      tell: (name, up) => this.tellBfd(name, up),
    });
    const { io, kernel } = this;
    this.rehearsal = new Rehearsal({ io, kernel, interfaces, sockets, announcer, vmacs }, data.model);
    // At first everyone waits: prepare() must not disturb who is the router until now.
    this.isWaiting = true;
    this.actions.isMuted = true;
    this.vmacs.isIdle = true;
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
      this.close();
    }
  }

  // Everything that changes nothing on the machine, so that a predecessor may still be the router.
  private prepare(): void {
    this.learn(this.model);
    if (!this.interfaces.refresh()) throw new Error('the kernel does not list its interfaces');
    this.vmacs.make(this.model);
    this.syncSockets();
    this.tell(this.interfaces.news());
    this.rehearsal.whole();
    // Not before: at the same priority as a predecessor's thread, the rehearsal would stand in its way.
    this.standing = applyScheduling(this.model.global, this.complain);
  }

  private actNow(): void {
    this.isWaiting = false;
    this.briefing.begin();
    this.actions.isMuted = false;
    this.vmacs.isIdle = false;
  }

  private startAfresh(): void {
    const { model } = this;
    this.actNow();
    this.clearLeftovers(model);
    this.filter.start();
    this.vmacs.make(model);
    for (const address of model.staticAddresses) {
      this.holdings.addAddress(address, address.interfaceName, address.interfaceName);
    }
    this.holdings.addRoutes(model.staticRoutes);
    this.holdings.addRules(model.staticRules);
    this.syncSockets();
    this.tell(this.interfaces.news());
    this.tellBackends();
    this.drainMessages(); // what is known of scripts already
    this.bfd.configure(this.model, nowMs());
    this.openBfd();
    this.router.start(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    this.line.post({ kind: 'ready' });
  }

  // Role and timers of a predecessor that sends nothing any more: what its neighbours wait for first, the rest after.
  private adopt(estate: Estate, takenAtMs: number): void {
    const now = nowMs();
    this.router.importState(estate.router, Math.max(0, now - takenAtMs), now);
    this.vmacs.adoptSettings(estate.settings);
    for (const [key, stampMs] of estate.heard) this.heard.set(key, stampMs);
    this.actNow();
    this.bfd.configure(this.model, nowMs(), estate.bfd);
    this.router.start(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    for (const fact of this.overheard.takeAfter(estate.heard, takenAtMs)) {
      this.router.onAdvert(fact, nowMs(), this.intents);
      this.actions.carryOut(this.intents);
    }
    this.time(nowMs());
    this.line.post({ kind: 'ready' });
    this.openBfd();
    this.adoptHoldings();
    this.filter.start();
    this.vmacs.make(this.model);
    this.syncSockets();
    this.tell(this.interfaces.news());
    this.tellLost();
  }

  private adoptHoldings(): void {
    const { holdings, model } = this;
    const status = this.router.status(nowMs());
    const masters = new Set(status.filter((each) => each.state === 'master').map((each) => each.name));
    for (const instance of model.instances) {
      if (!masters.has(instance.name)) continue;
      this.actions.adopt(instance);
      for (const address of [...instance.addresses, ...instance.excluded]) {
        const toldName = this.actions.toldName(instance.name, address, instance.interfaceName);
        holdings.adoptAddress(
          address,
          this.actions.deviceName(instance.name, toldName, address.family, address.address),
          toldName,
        );
      }
    }
    for (const address of model.staticAddresses) {
      holdings.adoptAddress(address, address.interfaceName, address.interfaceName);
    }
  }

  private turn(): void {
    const deadlineMs = this.router.deadlineMs;
    this.poller.wait(this.waitMs(deadlineMs));
    const wokenMs = nowMs();
    this.hearDeputy();
    // Before anything opens or closes sockets, which starts the poller's list anew.
    const isWoken = this.poller.ready(0) !== 0;
    const readable = this.sockets.listening.filter((_, index) => this.poller.ready(index + 2) !== 0);
    const bfdStart = this.sockets.listening.length + 2;
    const bfdReadable = this.bfd.receiving.filter((_, index) => this.poller.ready(index + bfdStart) !== 0);
    // While we add addresses, the news are our own doing, and each look at them lists all addresses.
    if (this.poller.ready(1) !== 0 && !this.actions.isBehind) this.monitor();
    for (const each of readable) if (this.sockets.listening.includes(each)) this.receive(each);
    for (const each of bfdReadable) this.bfd.receive(each, nowMs());
    this.time(nowMs());
    if (nowMs() >= this.bfd.deadlineMs && this.bfd.onTime(nowMs())) this.watch();
    if (isWoken) {
      libc.read(this.data.wakeFd, this.wakeBytes, 8);
      this.drainMessages();
      if (!this.running) return;
    }
    if (this.actions.isBehind) this.actions.proceed();
    this.tellBackends();
    if (nowMs() >= this.retryAtMs) this.syncSockets();
    if (nowMs() >= this.interfaces.nextMs) this.tell(this.interfaces.news());
    this.actions.onTime(nowMs());
    this.keepWarm(nowMs());
    this.figures.turnDone(nowMs() - wokenMs);
  }

  private waitMs(deadlineMs: number): number {
    if (this.actions.isBehind) return 0;
    const now = nowMs();
    let waitMs = Math.min(
      WAIT_MS_MAX,
      deadlineMs - now,
      this.retryAtMs - now,
      this.interfaces.nextMs - now,
      this.actions.nextMs - now,
    );
    if (this.backends.watched && !this.isWaiting) waitMs = Math.min(waitMs, BACKEND_LOOK_MS);
    return Math.max(0, Math.min(waitMs, this.bfd.deadlineMs - now));
  }

  // Before anything that may find us late.
  private hearDeputy(): void {
    this.briefing.news(this.tellSpoken);
  }

  private time(now: number): void {
    this.hearDeputy();
    if (now < this.router.deadlineMs) return;
    // The machine may have stood still since we looked: what came in before `now` counts, however late we are.
    if (now - this.router.deadlineMs > LATE_MS) {
      for (const each of this.sockets.listening) this.receive(each);
      if (now < this.router.deadlineMs) return;
    }
    this.figures.deadlineMet(now - this.router.deadlineMs);
    this.router.onTime(now, this.intents);
    this.actions.carryOut(this.intents);
  }

  private keepWarm(now: number): void {
    if (now < this.warmAtMs || this.router.deadlineMs - now < WARM_ROOM_MS) return;
    this.warmAtMs = now + WARM_EVERY_MS;
    this.rehearsal.once();
  }

  private receive(listening: Listening): void {
    const isInet6 = listening.family === 'inet6';
    for (let count = 0; count < PACKETS_PER_TURN_MAX; count++) {
      const length = this.io.receive(listening.fd, true);
      if (length < 0) return;
      this.figures.packetsIn++;
      if (this.io.truncated) {
        this.figures.packetsDropped++;
        continue;
      }
      const fact: AdvertFact = {
        ifindex: listening.ifindex,
        family: listening.family,
        bytes: this.io.data.slice(0, length),
        source: isInet6 ? this.io.name.slice(8, 24) : NO_BYTES,
        destination: isInet6 ? this.io.destination6.slice() : NO_BYTES,
        hopLimit: isInet6 ? this.io.hopLimit : -1,
      };
      const { stampMs } = this.io;
      if (this.isWaiting) {
        this.overheard.keep(listening.key, stampMs, nowMs(), fact);
        continue;
      }
      if (stampMs > 0) this.heard.set(listening.key, stampMs);
      this.router.onAdvert(fact, nowMs(), this.intents);
      this.actions.carryOut(this.intents);
    }
  }

  private monitor(): void {
    const news = this.interfaces.learn(this.kernel.changes());
    if (!news.moved) return;
    this.tell(news);
    this.vmacs.make(this.model);
    this.syncSockets();
    this.tellLost();
  }

  private tellLost(): void {
    for (const lost of this.holdings.takeLost()) {
      this.router.onAddressLost(lost.toldName, lost.address, nowMs(), this.intents);
      this.actions.carryOut(this.intents);
    }
  }

  private tell(news: LinkNews): void {
    for (const ifindex of news.goneIndexes) this.router.onLinkGone(ifindex, nowMs(), this.intents);
    for (const fact of news.changed) this.router.onLink(fact, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  private tellBackends(): void {
    for (const fact of this.backends.news()) this.router.onTracked(fact, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  private tellBfd(name: string, up: boolean): void {
    this.router.onTracked({ kind: 'bfd', name, up, value: 0, serversUp: 0 }, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
  }

  private openBfd(): void {
    this.bfd.open(nowMs());
    this.watch();
  }

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
        this.router.onTracked({ ...message.result, serversUp: 0 }, nowMs(), this.intents);
        return this.actions.carryOut(this.intents);
      case 'reload':
        return this.reload(message.model, message.backends);
      case 'ask':
        return this.answer(message.id, message.question);
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
    if (this.isWaiting) return post({ kind: 'answer', id, answer: { kind: 'done' } });
    this.actions.finish();
    this.briefing.silence(); // what it said is in the state, and it says no more
    this.hearDeputy();
    const takenAtMs = nowMs();
    const state = this.estate(takenAtMs);
    this.heir = message.heir ?? this.heir;
    if (claim !== null && this.heir !== null) {
      this.line.pass(this.heir, { kind: 'adopt', state, takenAtMs, claim });
      libc.eventfd_write(message.heirWakeFd, 1);
      const dueInMs = Math.max(0, this.router.deadlineMs - nowMs());
      const waitMs = Math.min(OFFER_MS_MAX, dueInMs + OFFER_LATE_MS);
      if (!new Claim(claim).giveWithin(waitMs)) return post({ kind: 'answer', id, answer: { kind: 'done' } });
    }
    this.running = false;
    this.actions.isMuted = true;
    setOrdinary();
    post({ kind: 'answer', id, answer: { kind: 'state', state, takenAtMs } });
  }

  private estate(now: number): Estate {
    return {
      version: 1,
      router: this.router.exportState(now),
      bfd: this.bfd.exportState(now),
      heard: [...this.heard],
      settings: this.vmacs.settings(),
    };
  }

  private reload(model: VrrpModel, backends: VrrpWorkerData['backends']): void {
    const before = this.model;
    this.model = model;
    this.learn(model);
    this.vmacs.make(model);
    this.syncSockets();
    if (!this.isWaiting) this.replaceStatics(before, model);
    // Before what tracks it: a session that is new is known to be down.
    if (!this.isWaiting) {
      this.bfd.configure(model, nowMs());
      this.openBfd();
    }
    this.router.reload(model, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    this.actions.finish(); // before links and instances go
    this.actions.forget(model);
    this.vmacs.prune(model);
    this.backends = new BackendTracking(model, this.data.serverWords, backends);
    this.tellBackends();
    this.tell(this.interfaces.news());
  }

  private replaceStatics(before: VrrpModel, model: VrrpModel): void {
    const keep = new Set(model.staticAddresses.map((each) => `${each.address}|${each.interfaceName}`));
    for (const each of before.staticAddresses) {
      if (!keep.has(`${each.address}|${each.interfaceName}`)) this.holdings.removeAddress(each, each.interfaceName);
    }
    const texts = new Set([...model.staticRoutes, ...model.staticRules].map(contentOf));
    this.holdings.removeRules(before.staticRules.filter((each) => !texts.has(contentOf(each))));
    this.holdings.removeRoutes(before.staticRoutes.filter((each) => !texts.has(contentOf(each))));
    for (const each of model.staticAddresses) this.holdings.addAddress(each, each.interfaceName, each.interfaceName);
    this.holdings.addRoutes(model.staticRoutes);
    this.holdings.addRules(model.staticRules);
  }

  private answer(id: number, question: VrrpQuestion): void {
    const { post } = this.line;
    const now = nowMs();
    switch (question) {
      case 'status': {
        const { errorCount: netlinkErrors, overrunCount: netlinkOverruns } = this.kernel;
        const figures = this.figures.snapshot({ ...this.standing, netlinkErrors, netlinkOverruns });
        const instances = this.router.status(now);
        const sockets = this.sockets.describe();
        const backends = this.backends.status();
        const links = this.interfaces.standings();
        const bfd = this.bfd.status(now);
        const bfdDrops = this.bfd.drops;
        return post({
          kind: 'answer',
          id,
          answer: {
            kind: 'status',
            instances,
            groups: this.router.groups(),
            nowMs: now,
            figures,
            sockets,
            backends,
            links,
            bfd,
            bfdDrops,
          },
        });
      }
      case 'export':
        return post({
          kind: 'answer',
          id,
          answer: { kind: 'state', state: this.estate(now), takenAtMs: now },
        });
      case 'clear-counters':
        this.router.clearCounters();
        this.bfd.clearCounters();
        return post({ kind: 'answer', id, answer: { kind: 'done' } });
    }
  }

  // Everything let go of, with priority 0 while we were master.
  private release(): void {
    this.router.stop(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    this.actions.finish();
    this.bfd.stop(nowMs());
    this.holdings.removeRules(this.model.staticRules);
    this.holdings.removeRoutes(this.model.staticRoutes);
    for (const address of this.model.staticAddresses) this.holdings.removeAddress(address, address.interfaceName);
    this.vmacs.close();
    this.filter.clear();
  }

  private close(): void {
    if (!this.isWaiting && !this.actions.isMuted) this.briefing.silence(); // else the board is another's
    this.sockets.close();
    this.bfd.close();
    this.announcer.close();
    this.kernel.close();
    this.filter.close();
    this.interfaces.close();
  }

  private learn(model: VrrpModel): void {
    this.actions.learn(model);
    this.rehearsal.learn(model);
    this.virtualOwners = new Map();
    for (const instance of model.instances) {
      for (const each of [...instance.addresses, ...instance.excluded]) {
        const key = formatAddress(addressOf(each.address));
        this.virtualOwners.set(key, Math.max(this.virtualOwners.get(key) ?? 0, instance.priority));
      }
    }
  }

  // An owner's virtual address may be the interface's own: only what carries our mark is ours then.
  private isVirtual(address: AddressInfo): boolean {
    const priority = this.virtualOwners.get(formatAddress(address.address));
    if (priority === undefined) return false;
    return priority < PRIORITY_OWNER || address.protocol === ADDRESS_PROTOCOL;
  }

  // A process that was killed left what it held; until we are master it is not ours to answer for.
  private clearLeftovers(model: VrrpModel): void {
    for (const address of this.interfaces.all()) {
      if (!this.isVirtual(address)) continue;
      this.holdings.removeLeftover(address);
      const link = this.interfaces.links.get(address.index)?.name ?? '';
      const text = `${formatAddress(address.address)} was left on ${link} by an earlier process and is removed`;
      this.line.post({ kind: 'log', level: 'notice', text });
    }
    for (const instance of model.instances) {
      this.holdings.removeRules(instance.rules);
      this.holdings.removeRoutes(instance.routes);
    }
    this.interfaces.refresh();
  }

  private syncSockets(): void {
    this.sockets.sync(this.model, (instance: VrrpInstance) => {
      return this.vmacs.nameOf(instance.name) || instance.interfaceName;
    });
    for (const each of this.model.instances) this.actions.openSender(each);
    this.watch();
    this.retryAtMs = this.sockets.incomplete ? nowMs() + SOCKET_RETRY_MS : Number.POSITIVE_INFINITY;
  }

  private watch(): void {
    const sockets = [...this.sockets.listening, ...this.bfd.receiving];
    this.poller.watch([this.data.wakeFd, this.kernel.monitorFd, ...sockets.map((each) => each.fd)], POLLIN);
  }
}

const NO_BYTES = new Uint8Array(0);

const contentOf = (each: { family: string; attributes: object }): string =>
  JSON.stringify({ ...each, file: '', line: 0 });

/** Runs the thread to its end; says so and returns when the process may not do the work. */
export function runVrrp(data: VrrpWorkerData, line: Line): void {
  const missing = missingCapability();
  if (missing !== null) return line.post({ kind: 'refused', ...missing });
  new VrrpLoop(data, line).run();
}
