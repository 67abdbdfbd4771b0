// The first takeover must not be the first time its code runs: cold, it is a millisecond later. Before the election,
// and once a second while there is time, routers that exist only in memory elect each other, and what they ask for is
// carried out with a deaf descriptor, so that V8 has compiled (and keeps) all that a takeover needs.
//
// Nothing of this reaches the network: packets and commands go to no descriptor (PacketIo.isDeaf), and the few netlink
// commands that are sent name an interface that does not exist.

import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import { DeputyBoard } from '../../core/shared/deputy-board.ts';
import type { PacketIo } from '../../core/sys/packet-io.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import { VrrpRouter } from '../../core/vrrp/router.ts';
import { Actions } from './actions.ts';
import type { Announcer } from './announce.ts';
import { Briefing } from './briefing.ts';
import { Figures } from './figures.ts';
import { Filter } from './filter.ts';
import { Holdings } from './holdings.ts';
import { Interfaces } from './interfaces.ts';
import type { Kernel } from './kernel.ts';
import type { Sockets } from './sockets.ts';
import { wantedName } from './virtual-links.ts';
import type { Vmacs } from './vmac.ts';

const ROUNDS = 120;
const ROUNDS_MS_MAX = 400; // on a machine so busy that it takes longer, colder is better than later
const STEPS = 4; // deadlines a round: the takeover and a few adverts
const COMMANDS = 40;
const INSTANCES_MAX = 4;
const ADDRESSES_MAX = 4;
const NOWHERE_INDEX = 0x7fff_fff0;
const NO_FD = -1;

export interface Stage {
  io: PacketIo;
  kernel: Kernel;
  interfaces: Interfaces;
  sockets: Sockets;
  announcer: Announcer;
  vmacs: Vmacs;
}

export class Rehearsal {
  private readonly stage: Stage;
  private readonly actions: Actions;
  private model: VrrpModel;

  constructor(stage: Stage, model: VrrpModel) {
    this.stage = stage;
    const { io, kernel, interfaces, sockets, announcer, vmacs } = stage;
    const holdings = new Holdings(kernel, interfaces, () => {});
    const filter = new Filter(io, () => {}); // never started: it only computes
    const figures = new Figures();
    this.actions = new Actions({
      sockets,
      briefing: new Briefing({ board: deputyBoard(), wakeFd: NO_FD }, () => {}),
      interfaces,
      holdings,
      filter,
      announcer,
      vmacs,
      figures,
      post: () => {},
    });
    this.model = excerptOf(model);
    this.actions.learn(this.model);
  }

  learn(model: VrrpModel): void {
    this.model = excerptOf(model);
    this.actions.learn(this.model);
    this.actions.forget(this.model);
  }

  /** Until it runs well; some tens of milliseconds. */
  whole(): void {
    const endAtMs = performance.now() + ROUNDS_MS_MAX;
    this.command();
    for (let round = 0; round < ROUNDS && performance.now() < endAtMs; round++) this.once();
  }

  /** One takeover; well below a millisecond once whole() has run. */
  once(): void {
    const { io, kernel } = this.stage;
    const { errorCount } = kernel;
    io.isDeaf = true;
    try {
      this.elect();
    } finally {
      io.isDeaf = false;
      kernel.errorCount = errorCount;
    }
  }

  private elect(): void {
    const intents: Intent[] = [];
    const own = this.prepare(1);
    const other = this.prepare(2);
    for (let step = 0; step < STEPS; step++) {
      const nowMs = own.deadlineMs;
      if (!Number.isFinite(nowMs)) break;
      own.onTime(nowMs, intents);
      const sent = intents.filter((each) => each.do === 'send-advert');
      this.actions.carryOut(intents);
      this.actions.finish();
      for (const each of sent) hear(other, each, nowMs);
    }
    if (Number.isFinite(own.deadlineMs)) own.stop(own.deadlineMs, intents);
    this.actions.carryOut(intents);
    this.actions.finish(); // deaf as long as anything is done
  }

  private prepare(host: number): VrrpRouter {
    const intents: Intent[] = [];
    const router = new VrrpRouter(this.model, { wallMs: Date.now });
    const names = new Set<string>();
    for (const each of this.model.instances) {
      names.add(each.interfaceName);
      if (each.vmac !== null) names.add(this.stage.vmacs.nameOf(each.name) || wantedName(each));
    }
    let ifindex = NOWHERE_INDEX;
    for (const name of names) {
      const primary4 = new Uint8Array([192, 0, 2, host]);
      const linkLocal = new Uint8Array([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
      const configured = this.model.instances.map((each) => each.sourceAddress).filter((each) => each !== '');
      const link = this.stage.interfaces.byName(name);
      const own = link === null ? [] : this.stage.interfaces.addressesOf(link.index).map((each) => each.address);
      router.onLink(
        {
          ifindex: link?.index ?? ifindex++,
          name,
          up: true,
          primary4,
          linkLocal,
          addresses: configured.length === 0 ? [primary4, linkLocal] : own,
        },
        0,
        intents,
      );
    }
    for (const { name } of this.model.scripts) {
      router.onTracked({ kind: 'script', name, up: true, value: 0, serversUp: 0 }, 0, intents);
    }
    router.start(0, intents);
    return router;
  }

  // The way through netlink and back: the kernel refuses, since there is no such interface.
  private command(): void {
    const { kernel } = this.stage;
    const { errorCount } = kernel;
    const nowhere = new Interfaces(kernel, () => false);
    const holdings = new Holdings(kernel, nowhere, () => {});
    for (const { interfaceName, addresses } of this.model.instances) {
      const link = this.stage.interfaces.byName(interfaceName);
      const [address] = addresses;
      if (link === null || address === undefined) continue;
      nowhere.links.set(NOWHERE_INDEX, { ...link, index: NOWHERE_INDEX });
      for (let count = 0; count < COMMANDS; count++) {
        holdings.addAddress(address, interfaceName, interfaceName);
        holdings.removeAddress(address, interfaceName);
      }
    }
    kernel.errorCount = errorCount;
  }
}

// One that a deputy seems to sleep at, so that it is woken each time: by no descriptor.
function deputyBoard(): SharedArrayBuffer {
  const board = DeputyBoard.create();
  board.begin();
  board.sleepUntil(Number.POSITIVE_INFINITY);
  return board.buffer;
}

function hear(
  router: VrrpRouter,
  { family, ifindex, source, ttl, packets }: Extract<Intent, { do: 'send-advert' }>,
  nowMs: number,
): void {
  for (const { bytes, destination } of packets) {
    router.onAdvert({ ifindex, family, bytes, source, destination, hopLimit: ttl }, nowMs, []);
  }
}

// Enough of it to go every way: few instances and addresses, nothing that waits, no groups that wait for others.
function excerptOf(model: VrrpModel): VrrpModel {
  const cut = (instance: VrrpInstance): VrrpInstance => ({
    ...instance,
    addresses: instance.addresses.slice(0, ADDRESSES_MAX),
    excluded: instance.excluded.slice(0, ADDRESSES_MAX),
    tracked: [],
    trackInterfaces: [],
  });
  return {
    ...model,
    global: { ...model.global, startupDelayMs: 0, delayAfterBootMs: 0 },
    instances: model.instances.slice(0, INSTANCES_MAX).map(cut),
    groups: [],
  };
}
