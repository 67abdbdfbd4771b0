// One router on a bench: the test plays its neighbours, its clock and its machine, and looks at what it asks for.

import type { VrrpInstance, VrrpModel } from '../model/vrrp.ts';
import { addressOf } from './address.ts';
import { passwordBytes } from './auth.ts';
import type { AdvertFact, InstanceStatus, Intent } from './contract.ts';
import { instanceOf, linkOf, modelOf } from './fixture-model.ts';
import { type AdvertSpec, encodeAdvert } from './packet.ts';
import { VrrpRouter } from './router.ts';

export const WALL_MS = 1_700_000_000_000;

/** A neighbour's packet: as the instance itself would send it, with the differences given. */
export interface Neighbour extends Partial<AdvertSpec> {
  host?: number;
  destination?: string;
  hopLimit?: number;
}

export function specOf(config: VrrpInstance, neighbour: Neighbour = {}): AdvertSpec {
  const { host = 9, destination: _, hopLimit: __, ...rest } = neighbour;
  return {
    version: config.version,
    vrid: config.vrid,
    priority: 200,
    advertIntMs: config.advertIntMs,
    addresses: config.addresses.map((each) => addressOf(each.address)),
    auth: config.auth.type,
    authKey: passwordBytes(config.auth.password),
    pseudoHeader: config.checksumPseudoHeader,
    source: addressOf(config.family === 'inet' ? `10.77.0.${host}` : `fe80::${host.toString(16)}`),
    ttl: 255,
    ipId: 1,
    ahSequence: 1,
    unicast: config.unicast,
    trailer: null,
    ...rest,
  };
}

export function factOf(config: VrrpInstance, neighbour: Neighbour = {}): AdvertFact {
  const spec = specOf(config, neighbour);
  const group = config.family === 'inet' ? '224.0.0.18' : 'ff02::12';
  const destination = addressOf(neighbour.destination ?? (config.unicast ? '10.77.0.1' : group));
  return {
    ifindex: 2,
    family: config.family,
    bytes: encodeAdvert(spec, destination),
    source: spec.source,
    destination,
    hopLimit: neighbour.hopLimit ?? 255,
  };
}

export class Rig {
  nowMs = 1000;
  wallMs = WALL_MS;
  readonly router: VrrpRouter;
  readonly config: VrrpInstance;
  intents: Intent[] = [];

  constructor(config: Partial<VrrpInstance> = {}, model: Parameters<typeof modelOf>[1] = {}) {
    this.config = instanceOf(config);
    this.router = new VrrpRouter(modelOf([this.config], model), { wallMs: () => this.wallMs });
  }

  static ofModel(model: VrrpModel): Rig {
    const rig = new Rig();
    Object.assign(rig, {
      router: new VrrpRouter(model, { wallMs: () => rig.wallMs }),
      config: model.instances[0],
    });
    return rig;
  }

  /** As host 1 of the segment, its link up. */
  start(): this {
    this.router.onLink(linkOf(1), this.nowMs, this.intents);
    this.router.start(this.nowMs, this.intents);
    return this;
  }

  /** Goes to that much later, stopping at every deadline on the way, as a punctual worker does. */
  wait(ms: number): this {
    const endMs = this.nowMs + ms;
    while (this.router.deadlineMs <= endMs) {
      this.nowMs = this.router.deadlineMs;
      this.router.onTime(this.nowMs, this.intents);
    }
    this.nowMs = endMs;
    return this;
  }

  /** That much later, all at once: the machine stood still. */
  sleep(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  hear(neighbour: Neighbour = {}, config: VrrpInstance = this.config): this {
    this.router.onAdvert(factOf(config, neighbour), this.nowMs, this.intents);
    return this;
  }

  master(): this {
    this.start().wait(this.status().masterDownInMs + 0.001);
    this.take();
    return this;
  }

  status(name = this.config.name): InstanceStatus {
    return this.router.status(this.nowMs).find((each) => each.name === name)!;
  }

  get state(): string {
    return this.status().state;
  }

  /** What was asked for since the last time. */
  take(): Intent[] {
    return this.intents.splice(0);
  }

  /** The same, as words: what, and its most telling detail. */
  words(): string[] {
    return this.take()
      .filter((each) => each.do !== 'log' && each.do !== 'end-adverts')
      .map((each) => {
        if (each.do === 'send-advert') return `advert ${each.priority}`;
        if (each.do === 'notify') return `${each.type} ${each.name} ${each.state}`;
        if (each.do === 'announce') return `announce ${each.address.join('.')} ×${each.count}`;
        return each.do;
      });
  }

  tell(kind: 'script' | 'file' | 'process' | 'bfd' | 'backend', name: string, up: boolean, number = 0): this {
    const fact = { kind, name, up, value: number, serversUp: number };
    this.router.onTracked(fact, this.nowMs, this.intents);
    return this;
  }
}
