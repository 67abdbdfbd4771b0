// The VRRP thread: waits in ppoll(2) for packets, netlink news, messages and the next deadline, and for nothing else.
//
// It never returns to the event loop of its thread: messages are taken one by one when the eventfd fires, and what it
// posts needs no turn of its own. So neither promises nor timers of anybody else stand between a deadline and its
// advert. Order within a turn: links first (who may send), then packets (a waiting advert of the master counts, though
// we woke late), then time, then messages.

import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { FromVrrpWorker, ToVrrpWorker, VrrpQuestion, VrrpWorkerData } from '../../core/model/vrrp-worker.ts';
import { type AddressInfo, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR } from '../../core/netlink/address.ts';
import { RTMGRP_LINK } from '../../core/netlink/link.ts';
import { POLLIN } from '../../core/sys/abi.ts';
import * as libc from '../../core/sys/libc.ts';
import { PacketIo, Poller } from '../../core/sys/packet-io.ts';
import { addressOf, formatAddress } from '../../core/vrrp/address.ts';
import type { AdvertFact, ExportedState, Intent } from '../../core/vrrp/contract.ts';
import { VrrpRouter } from '../../core/vrrp/router.ts';
import { Actions } from './actions.ts';
import { Announcer } from './announce.ts';
import { BackendTracking } from './backends.ts';
import { nowMs } from './clock.ts';
import { Figures } from './figures.ts';
import { ADDRESS_PROTOCOL, Holdings } from './holdings.ts';
import { Interfaces, type LinkNews } from './interfaces.ts';
import { Kernel } from './kernel.ts';
import { applyScheduling, missingCapability, type Standing } from './privileges.ts';
import { rehearse } from './rehearsal.ts';
import { type Listening, Sockets } from './sockets.ts';
import { Vmacs } from './vmac.ts';

const PACKET_BYTES_MAX = 256 * 1024; // a netlink dump's datagram is larger than any packet
const FD_COUNT_MAX = 1024;
const WAIT_MS_MAX = 1_000; // a thread that is being ended notices by then
const BACKEND_LOOK_MS = 20; // how soon a change of server states is seen
const SOCKET_RETRY_MS = 1_000;
const PACKETS_PER_TURN_MAX = 32; // of one socket: a flood does not keep our own adverts waiting
const PRIORITY_OWNER = 255;
const REHEARSED_MAX = 4; // instances
const REHEARSAL_ROUNDS = 20;

/** The thread's way to its supervisor. */
export interface Line {
  post: (message: FromVrrpWorker) => void;
  /** The next message, or null when there is none; never waits. */
  take: () => ToVrrpWorker | null;
}

export class VrrpLoop {
  private readonly data: VrrpWorkerData;
  private readonly line: Line;
  private readonly io = new PacketIo(PACKET_BYTES_MAX);
  private readonly poller = new Poller(FD_COUNT_MAX);
  private readonly figures = new Figures();
  private readonly intents: Intent[] = [];
  private readonly kernel: Kernel;
  private readonly interfaces: Interfaces;
  private readonly holdings: Holdings;
  private readonly sockets: Sockets;
  private readonly vmacs: Vmacs;
  private readonly announcer: Announcer;
  private readonly actions: Actions;
  private readonly router: VrrpRouter;
  private readonly standing: Standing;
  private model: VrrpModel;
  private backends: BackendTracking;
  private virtualOwners = new Map<string, number>(); // by address text: the highest priority of those who want it
  private running = true;
  private retryAtMs = Number.POSITIVE_INFINITY;
  private readonly wakeBytes = new Uint8Array(8);

  /** Throws SysError when a socket cannot be had. */
  constructor(data: VrrpWorkerData, line: Line) {
    this.data = data;
    this.line = line;
    this.model = data.model;
    const complain = (text: string): void => line.post({ kind: 'log', level: 'error', text });
    this.standing = applyScheduling(data.model.global, complain);
    this.kernel = new Kernel(this.io, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    this.interfaces = new Interfaces(this.kernel, (address) => this.isVirtual(address));
    this.holdings = new Holdings(this.kernel, this.interfaces, complain);
    this.sockets = new Sockets(this.io, this.interfaces, complain);
    this.vmacs = new Vmacs(this.kernel, this.interfaces, complain);
    this.announcer = new Announcer(this.io);
    const { sockets, interfaces, holdings, announcer, vmacs, figures } = this;
    this.actions = new Actions({ sockets, interfaces, holdings, announcer, vmacs, figures, post: line.post });
    this.backends = new BackendTracking(data.model, data.serverWords, data.backends);
    this.router = new VrrpRouter(data.model, { wallMs: Date.now });
  }

  /** Runs until told to stop. What is thrown here releases the addresses first. */
  run(): void {
    try {
      this.begin();
      while (this.running) this.turn();
    } catch (fault) {
      this.release();
      throw fault;
    } finally {
      this.close();
    }
  }

  private begin(): void {
    const { model } = this;
    this.learn(model);
    if (!this.interfaces.refresh()) throw new Error('the kernel does not list its interfaces');
    const takenOver = this.data.state !== null;
    if (!takenOver) this.clearLeftovers(model);
    this.vmacs.make(model);
    for (const address of model.staticAddresses) {
      this.holdings.addAddress(address, address.interfaceName, address.interfaceName);
    }
    this.holdings.addRoutes(model.staticRoutes);
    this.holdings.addRules(model.staticRules);
    this.syncSockets();
    rehearse(model);
    if (takenOver) this.takeOver(this.data.state as ExportedState);
    this.tell(this.interfaces.news());
    this.tellBackends();
    this.drainMessages(); // what is known of scripts already
    this.router.start(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    this.line.post({ kind: 'ready' });
  }

  private turn(): void {
    const deadlineMs = this.router.deadlineMs;
    this.poller.wait(this.waitMs(deadlineMs));
    const wokenMs = nowMs();
    // Before anything opens or closes sockets, which starts the poller's list anew.
    const isWoken = this.poller.ready(0) !== 0;
    const readable = this.sockets.listening.filter((_, index) => this.poller.ready(index + 2) !== 0);
    if (this.poller.ready(1) !== 0) this.monitor();
    for (const each of readable) if (this.sockets.listening.includes(each)) this.receive(each);
    this.time(nowMs());
    if (isWoken) {
      libc.read(this.data.wakeFd, this.wakeBytes, 8);
      this.drainMessages();
    }
    this.tellBackends();
    if (nowMs() >= this.retryAtMs) this.syncSockets();
    this.figures.turnDone(nowMs() - wokenMs);
  }

  private waitMs(deadlineMs: number): number {
    const now = nowMs();
    let waitMs = Math.min(WAIT_MS_MAX, deadlineMs - now, this.retryAtMs - now);
    if (this.backends.watched) waitMs = Math.min(waitMs, BACKEND_LOOK_MS);
    return Math.max(0, waitMs);
  }

  private time(now: number): void {
    const { deadlineMs } = this.router;
    if (now < deadlineMs) return;
    this.figures.deadlineMet(now - deadlineMs);
    this.router.onTime(now, this.intents);
    this.actions.carryOut(this.intents);
  }

  private receive(listening: Listening): void {
    const isInet6 = listening.family === 'inet6';
    for (let count = 0; count < PACKETS_PER_TURN_MAX; count++) {
      const length = this.io.receive(listening.fd, isInet6);
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

  private drainMessages(): void {
    for (;;) {
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
        this.release();
        this.running = false;
        return this.line.post({ kind: 'stopped' });
      case 'hand-over':
        this.answer(message.id, 'export');
        this.running = false;
        return;
      case 'crash':
        throw new Error('crashed on request of a test');
    }
  }

  private reload(model: VrrpModel, backends: VrrpWorkerData['backends']): void {
    const before = this.model;
    this.model = model;
    this.learn(model);
    this.vmacs.make(model);
    this.syncSockets();
    this.replaceStatics(before, model);
    this.router.reload(model, nowMs(), this.intents);
    this.actions.carryOut(this.intents);
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
        return post({
          kind: 'answer',
          id,
          answer: { kind: 'status', instances, groups: this.router.groups(), nowMs: now, figures },
        });
      }
      case 'export':
        return post({
          kind: 'answer',
          id,
          answer: { kind: 'state', state: this.router.exportState(now), takenAtMs: now },
        });
      case 'clear-counters':
        this.router.clearCounters();
        return post({ kind: 'answer', id, answer: { kind: 'done' } });
    }
  }

  // Everything let go of, with priority 0 while we were master.
  private release(): void {
    this.router.stop(nowMs(), this.intents);
    this.actions.carryOut(this.intents);
    this.holdings.removeRules(this.model.staticRules);
    this.holdings.removeRoutes(this.model.staticRoutes);
    for (const address of this.model.staticAddresses) this.holdings.removeAddress(address, address.interfaceName);
    this.vmacs.close();
  }

  private close(): void {
    this.sockets.close();
    this.announcer.close();
    this.kernel.close();
  }

  private learn(model: VrrpModel): void {
    this.actions.learn(model);
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
    this.rehearseHoldings(model);
  }

  // The way through netlink and the frames of an announcement, before they are needed in a hurry: nothing is held yet,
  // so there is nothing to remove, and nothing is announced.
  private rehearseHoldings(model: VrrpModel): void {
    for (const instance of model.instances.slice(0, REHEARSED_MAX)) {
      const link = this.interfaces.byName(instance.interfaceName);
      const [address] = instance.addresses;
      if (link === null || address === undefined) continue;
      const bytes = addressOf(address.address);
      this.announcer.announce(link, bytes, 0);
      // An owner's virtual address may be the interface's own: that one stays.
      if (this.interfaces.has(link.index, bytes)) continue;
      for (let round = 0; round < REHEARSAL_ROUNDS; round++) {
        this.holdings.removeAddress(address, instance.interfaceName);
      }
    }
  }

  private takeOver(state: ExportedState): void {
    const now = nowMs();
    this.router.importState(state, Math.max(0, now - this.data.stateTakenAtMs), now);
    const masters = new Set(state.instances.filter((each) => each.state === 'master').map((each) => each.name));
    for (const instance of this.model.instances) {
      if (!masters.has(instance.name)) continue;
      for (const address of [...instance.addresses, ...instance.excluded]) {
        const toldName = address.interfaceName || instance.interfaceName;
        this.holdings.adoptAddress(address, this.actions.deviceName(instance.name, toldName), toldName);
      }
    }
  }

  private syncSockets(): void {
    this.sockets.sync(this.model, (instance: VrrpInstance) => {
      return this.vmacs.nameOf(instance.name) || instance.interfaceName;
    });
    this.poller.watch(
      [this.data.wakeFd, this.kernel.monitorFd, ...this.sockets.listening.map((each) => each.fd)],
      POLLIN,
    );
    this.retryAtMs = this.sockets.incomplete ? nowMs() + SOCKET_RETRY_MS : Number.POSITIVE_INFINITY;
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
