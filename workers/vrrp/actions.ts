// Carries out what core/vrrp asks for, in its order: packets first, then addresses, then gratuitous ARP.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { IpFamily, VirtualAddress, VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { FromVrrpWorker } from '../../core/model/vrrp-worker.ts';
import type { LinkInfo } from '../../core/netlink/link.ts';
import { errnoText } from '../../core/sys/errno.ts';
import { addressOf, formatAddress } from '../../core/vrrp/address.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import { settingsOf } from '../../core/vrrp/settings.ts';
import type { Announcer } from './announce.ts';
import { Backlog } from './backlog.ts';
import type { Briefing } from './briefing.ts';
import { ExtraAnnouncements } from './extra-announcements.ts';
import type { Figures } from './figures.ts';
import type { Filter } from './filter.ts';
import { type FilteredAddress, isToldByName } from './filter-content.ts';
import type { Holdings } from './holdings.ts';
import type { Interfaces } from './interfaces.ts';
import type { Sockets } from './sockets.ts';
import { wantedName } from './virtual-links.ts';
import type { Vmacs } from './vmac.ts';

export interface ActionParts {
  sockets: Sockets;
  briefing: Briefing;
  interfaces: Interfaces;
  holdings: Holdings;
  filter: Filter;
  announcer: Announcer;
  vmacs: Vmacs;
  figures: Figures;
  post: (message: FromVrrpWorker) => void;
}

export class Actions {
  /** While true nothing is carried out: a successor that waits only learns. */
  isMuted = false;
  private readonly parts: ActionParts;
  private readonly instances = new Map<string, VrrpInstance>();
  private readonly addressVmacs = new Map<string, string>(); // by instance and address: its own virtual interface
  private readonly extra = new ExtraAnnouncements((name) => this.announceExtra(name));
  private readonly backlog = new Backlog((intent) => this.one(intent));
  private model: VrrpModel | null = null;
  private readonly mute = new Map<string, number>(); // errno of an instance's sends that was logged already

  constructor(parts: ActionParts) {
    this.parts = parts;
  }

  /** Instances that are gone stay known until forget(): they still have to release what they hold. */
  learn(model: VrrpModel): void {
    this.model = model;
    this.parts.filter.learn(model);
    this.parts.interfaces.configure(model.links ?? []);
    for (const instance of model.instances) {
      this.instances.set(instance.name, instance);
      for (const { address, vmac } of [...instance.addresses, ...instance.excluded]) {
        // As the file writes it and as we do.
        for (const text of [address, formatAddress(addressOf(address))]) {
          const key = `${instance.name} ${text}`;
          if (vmac === undefined || vmac === '') this.addressVmacs.delete(key);
          else this.addressVmacs.set(key, vmac);
        }
      }
    }
  }

  forget(model: VrrpModel): void {
    const names = new Set(model.instances.map((each) => each.name));
    for (const name of this.instances.keys()) if (!names.has(name)) this.instances.delete(name);
    this.parts.briefing.keep(names);
  }

  carryOut(intents: Intent[]): void {
    if (!this.isMuted) {
      const isFree = this.backlog.isEmpty;
      // Words cost a message to another thread: what others on the network wait for goes first.
      for (const intent of intents) if (isAdvert(intent)) this.one(intent);
      for (const intent of intents) if (!isAdvert(intent) && !isWord(intent)) this.backlog.add(intent);
      for (const intent of intents) if (isWord(intent)) this.backlog.add(intent);
      if (isFree) this.backlog.proceed();
    }
    intents.length = 0;
  }

  /** Something is left that one turn was too short for: proceed() goes on with it. */
  get isBehind(): boolean {
    return !this.backlog.isEmpty;
  }

  proceed(): void {
    this.backlog.proceed();
  }

  /** All that is left, however long it takes. */
  finish(): void {
    this.backlog.proceed(Number.POSITIVE_INFINITY);
  }

  /** When onTime() has something to do; Infinity: never. */
  get nextMs(): number {
    return Math.min(this.extra.nextMs, this.parts.filter.nextMs);
  }

  onTime(now: number): void {
    this.parts.filter.onTime(now);
    this.extra.onTime(now, (name) => this.instances.get(name)?.garp.extraIntervalMs ?? 0);
  }

  /** A predecessor handed over the addresses of a master: what it dropped is dropped still. */
  adopt(instance: VrrpInstance): void {
    this.extra.begin(instance, nowMs());
    if (this.model === null || settingsOf(instance, this.model.global).accept) return;
    this.drop(instance.name, instance.interfaceName, [...instance.addresses, ...instance.excluded]);
  }

  /**
   * The link that carries an instance's addresses of `family`: its virtual one when the name is its own interface's,
   * and the family the instance's. `address` (text) may have a virtual interface of its own.
   */
  deviceName(instanceName: string, interfaceName: string, family: IpFamily, address = ''): string {
    const own = this.addressVmacs.get(`${instanceName} ${address}`);
    if (own !== undefined) return own;
    const instance = this.instances.get(instanceName);
    const virtual = this.parts.vmacs.nameOf(instanceName);
    if (virtual === '' || instance === undefined) return interfaceName;
    if (instance.family !== family) {
      return interfaceName === wantedName(instance) ? instance.interfaceName : interfaceName;
    }
    const isOwn = interfaceName === instance.interfaceName || interfaceName === wantedName(instance);
    return isOwn ? virtual : interfaceName;
  }

  /** The link of an address as core/vrrp knows it, when its loss is told: the virtual one by the name it was given. */
  toldName(instanceName: string, address: VirtualAddress, interfaceName: string): string {
    if (address.interfaceName !== '') return address.interfaceName;
    const instance = this.instances.get(instanceName);
    return instance === undefined || instance.vmac === null ? interfaceName : wantedName(instance);
  }

  private one(intent: Intent): void {
    const { filter, holdings, post } = this.parts;
    switch (intent.do) {
      case 'send-advert':
        return this.sendAdvert(intent);
      case 'end-adverts':
        return this.parts.briefing.end(intent.instance);
      case 'add-addresses':
        if (intent.accept) filter.pass(intent.instance, intent.addresses.map(bytesOf));
        else this.drop(intent.instance, intent.interfaceName, intent.addresses);
        for (const address of intent.addresses) {
          const toldName = this.toldName(intent.instance, address, intent.interfaceName);
          holdings.addAddress(
            address,
            this.deviceName(intent.instance, toldName, address.family, address.address),
            toldName,
          );
        }
        return this.beginExtra(intent.instance);
      case 'remove-addresses':
        for (const address of [...intent.addresses].reverse()) {
          const toldName = this.toldName(intent.instance, address, intent.interfaceName);
          holdings.removeAddress(address, this.deviceName(intent.instance, toldName, address.family, address.address));
        }
        return filter.pass(intent.instance, intent.addresses.map(bytesOf));
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

  // RFC 9568 §6.4.3 (650): without Accept_Mode packets to the addresses are dropped, from before they are added.
  private drop(instanceName: string, interfaceName: string, addresses: readonly VirtualAddress[]): void {
    const instance = this.instances.get(instanceName);
    if (instance === undefined || this.model === null) return;
    const { global } = this.model;
    const filtered = addresses.map((address): FilteredAddress => {
      const linkName = this.deviceName(
        instanceName,
        address.interfaceName || interfaceName,
        address.family,
        address.address,
      );
      const isOwnLink = linkName === this.deviceName(instanceName, instance.interfaceName, instance.family);
      return {
        bytes: bytesOf(address),
        ifindex: this.parts.interfaces.byName(linkName)?.index ?? 0,
        linkName,
        byName: isToldByName(instance, global, isOwnLink || address.noTrack),
      };
    });
    this.parts.filter.drop(instanceName, filtered);
  }

  private sendAdvert(intent: Extract<Intent, { do: 'send-advert' }>): void {
    const { briefing, figures, sockets } = this.parts;
    const cue = sockets.cueOf(intent, this.sendingIndex(intent.instance, intent.ifindex));
    const errno = sockets.send(cue);
    if (errno === 0) briefing.brief(intent, cue);
    else briefing.end(intent.instance);
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

  /** Opens what an instance sends with, so that its first advert need not. */
  openSender(instance: VrrpInstance): void {
    const link = this.parts.interfaces.byName(instance.interfaceName);
    if (link === null && instance.interfaceName !== '') return;
    this.parts.sockets.openSender(instance.family, this.sendingIndex(instance.name, link?.index ?? 0));
  }

  private sendingIndex(instanceName: string, ifindex: number): number {
    const instance = this.instances.get(instanceName);
    if (ifindex === 0 && instance?.vrf) return this.parts.interfaces.byName(instance.vrf)?.index ?? 0;
    const virtual = this.parts.vmacs.nameOf(instanceName);
    if (virtual === '' || instance?.vmac?.transmitOnBase === true) return ifindex;
    return this.parts.interfaces.byName(virtual)?.index ?? ifindex;
  }

  private announce(intent: Extract<Intent, { do: 'announce' }>): void {
    const link: LinkInfo | null = this.parts.interfaces.byName(
      this.deviceName(intent.instance, intent.interfaceName, intent.family, formatAddress(intent.address)),
    );
    if (link === null) return;
    const errno = this.parts.announcer.announce(link, intent.address, intent.count);
    if (errno === 0) return;
    this.parts.figures.sendErrors++;
    this.log('error', `(${intent.instance}) announcing ${formatAddress(intent.address)}: ${errnoText(errno)}`);
  }

  private beginExtra(instanceName: string): void {
    const instance = this.instances.get(instanceName);
    if (instance !== undefined) this.extra.begin(instance, nowMs());
  }

  // One address a link: its own link is left out unless its adverts leave by another.
  private announceExtra(instanceName: string): boolean {
    const instance = this.instances.get(instanceName);
    if (instance === undefined) return false;
    const { interfaces, holdings, announcer } = this.parts;
    const own = this.deviceName(instanceName, instance.interfaceName, instance.family);
    const done = new Set<string>();
    let isHeld = false;
    for (const address of [...instance.addresses, ...instance.excluded]) {
      const toldName = this.toldName(instanceName, address, instance.interfaceName);
      const device = this.deviceName(instanceName, toldName, address.family, address.address);
      const link = interfaces.byName(device);
      if (link === null || !holdings.isHeld(link.index, bytesOf(address))) continue;
      isHeld = true;
      const isVirtual = this.parts.vmacs.isOurs(device);
      if (!isVirtual && instance.garp.extraAll !== true) continue;
      if ((device === own && instance.vmac?.transmitOnBase !== true) || done.has(device)) continue;
      done.add(device);
      announcer.announce(link, bytesOf(address), 1);
    }
    return isHeld;
  }

  private log(level: 'error' | 'info', text: string): void {
    this.parts.post({ kind: 'log', level, text });
  }
}

const bytesOf = ({ address }: VirtualAddress): Uint8Array => addressOf(address);

const isAdvert = (intent: Intent): boolean => intent.do === 'send-advert' || intent.do === 'end-adverts';
const isWord = (intent: Intent): boolean => intent.do === 'log' || intent.do === 'notify';
