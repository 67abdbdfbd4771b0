// Carries out what core/vrrp asks for, in its order: packets first, then addresses, then gratuitous ARP.

import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { FromVrrpWorker } from '../../core/model/vrrp-worker.ts';
import type { LinkInfo } from '../../core/netlink/link.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { formatAddress } from '../../core/vrrp/address.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import type { Announcer } from './announce.ts';
import type { Figures } from './figures.ts';
import type { Holdings } from './holdings.ts';
import type { Interfaces } from './interfaces.ts';
import type { Sockets } from './sockets.ts';
import { type Vmacs, wantedName } from './vmac.ts';

export interface ActionParts {
  sockets: Sockets;
  interfaces: Interfaces;
  holdings: Holdings;
  announcer: Announcer;
  vmacs: Vmacs;
  figures: Figures;
  post: (message: FromVrrpWorker) => void;
}

export class Actions {
  private readonly parts: ActionParts;
  private readonly instances = new Map<string, VrrpInstance>();
  private readonly unfiltered = new Set<string>(); // instances of which it was said
  private readonly mute = new Map<string, number>(); // errno of an instance's sends that was logged already

  constructor(parts: ActionParts) {
    this.parts = parts;
  }

  /** Instances that are gone stay known until forget(): they still have to release what they hold. */
  learn(model: VrrpModel): void {
    for (const instance of model.instances) this.instances.set(instance.name, instance);
  }

  forget(model: VrrpModel): void {
    const names = new Set(model.instances.map((each) => each.name));
    for (const name of this.instances.keys()) if (!names.has(name)) this.instances.delete(name);
  }

  carryOut(intents: Intent[]): void {
    for (const intent of intents) this.one(intent);
    intents.length = 0;
  }

  /** The link that carries an instance's addresses: its virtual one when the name is its own interface's. */
  deviceName(instanceName: string, interfaceName: string): string {
    const instance = this.instances.get(instanceName);
    const virtual = this.parts.vmacs.nameOf(instanceName);
    if (virtual === '' || instance === undefined) return interfaceName;
    const isOwn = interfaceName === instance.interfaceName || interfaceName === wantedName(instance);
    return isOwn ? virtual : interfaceName;
  }

  private one(intent: Intent): void {
    const { holdings, post } = this.parts;
    switch (intent.do) {
      case 'send-advert':
        return this.sendAdvert(intent);
      case 'add-addresses':
        if (!intent.accept) this.sayUnfiltered(intent.instance);
        for (const address of intent.addresses) {
          const toldName = address.interfaceName || intent.interfaceName;
          holdings.addAddress(address, this.deviceName(intent.instance, toldName), toldName);
        }
        return;
      case 'remove-addresses':
        for (const address of [...intent.addresses].reverse()) {
          const toldName = address.interfaceName || intent.interfaceName;
          holdings.removeAddress(address, this.deviceName(intent.instance, toldName));
        }
        return;
      case 'add-routes':
        return holdings.addRoutes(intent.routes);
      case 'remove-routes':
        return holdings.removeRoutes(intent.routes);
      case 'add-rules':
        return holdings.addRules(intent.rules);
      case 'remove-rules':
        return holdings.removeRules(intent.rules);
      case 'announce':
        return this.announce(intent);
      case 'notify':
        return post({
          kind: 'notify',
          type: intent.type,
          name: intent.name,
          state: intent.state,
          priority: intent.priority,
        });
      case 'log':
        return post({ kind: 'log', level: intent.level, text: intent.text });
    }
  }

  // RFC 9568 §6.4.3 (650): without Accept_Mode packets to the addresses are to be dropped, which needs a packet filter.
  private sayUnfiltered(instance: string): void {
    if (this.unfiltered.has(instance)) return;
    this.unfiltered.add(instance);
    const text = `(${instance}) no_accept: weir sets no packet filter, so packets to the virtual addresses are accepted`;
    this.parts.post({ kind: 'log', level: 'warning', text });
  }

  private sendAdvert(intent: Extract<Intent, { do: 'send-advert' }>): void {
    const { figures, sockets } = this.parts;
    const errno = sockets.send(intent, this.sendingIndex(intent.instance, intent.ifindex));
    figures.packetsOut += intent.packets.length;
    const before = this.mute.get(intent.instance) ?? 0;
    if (errno === before) {
      if (errno !== 0) figures.sendErrors++;
      return;
    }
    this.mute.set(intent.instance, errno);
    if (errno === 0) return this.log('info', `(${intent.instance}) adverts are sent again`);
    figures.sendErrors++;
    this.log('error', `(${intent.instance}) cannot send adverts: ${errnoText(errno)}`);
  }

  private sendingIndex(instanceName: string, ifindex: number): number {
    const instance = this.instances.get(instanceName);
    const virtual = this.parts.vmacs.nameOf(instanceName);
    if (virtual === '' || instance?.vmac?.transmitOnBase === true) return ifindex;
    return this.parts.interfaces.byName(virtual)?.index ?? ifindex;
  }

  private announce(intent: Extract<Intent, { do: 'announce' }>): void {
    const link: LinkInfo | null = this.parts.interfaces.byName(this.deviceName(intent.instance, intent.interfaceName));
    if (link === null) return;
    const errno = this.parts.announcer.announce(link, intent.address, intent.count);
    if (errno === 0) return;
    this.parts.figures.sendErrors++;
    this.log('error', `(${intent.instance}) announcing ${formatAddress(intent.address)}: ${errnoText(errno)}`);
  }

  private log(level: 'error' | 'info', text: string): void {
    this.parts.post({ kind: 'log', level, text });
  }
}
