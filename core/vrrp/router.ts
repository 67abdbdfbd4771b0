// All virtual routers of a configuration: facts find their instances here, sync groups are settled, deadlines are
// gathered. The worker's only door to this room (contract.ts says how it is driven).

import { assert } from '../base/assert.ts';
import type { VrrpInstance, VrrpModel } from '../model/vrrp.ts';
import { formatAddress, sameAddress } from './address.ts';
import type {
  AdvertFact,
  ExportedState,
  GroupStatus,
  InstanceStatus,
  Intents,
  LinkFact,
  TrackedFact,
  VrrpRouterApi,
  VrrpRouterOptions,
} from './contract.ts';
import { newCounters } from './counters.ts';
import { exportInstance, importInstance, statusOf } from './hand-over.ts';
import { Instance } from './instance.ts';
import { parsePacket, type ReceivedAdvert } from './packet.ts';
import { vmacName } from './resources.ts';
import { type Settings, settingsOf } from './settings.ts';
import type { Conditions, Host } from './surroundings.ts';
import { SyncGroup } from './sync-group.ts';
import { LEARNED_FACTOR_MAX } from './timers.ts';
import { judge, TrackBoard } from './track.ts';

export class VrrpRouter implements VrrpRouterApi, Host {
  readonly learnedFactorMax: number;
  /** Packets too short or strange to belong to any instance, and those for a VRID nobody here has. */
  malformedCount = 0;
  unknownVridCount = 0;

  private model: VrrpModel;
  private readonly wall: () => number;
  private readonly instances = new Map<string, Instance>();
  private readonly syncGroups = new Map<string, SyncGroup>();
  // Instances by family and VRID: several only when their interfaces or peers differ.
  private readonly byVrid = new Map<string, Instance[]>();
  private readonly links = new Map<string, LinkFact>();
  private readonly board: TrackBoard;
  private startAtMs = Infinity;
  private isStarted = false;
  private isImported = false;
  private lastMs = -Infinity;

  constructor(model: VrrpModel, options: VrrpRouterOptions) {
    this.model = model;
    this.wall = options.wallMs;
    this.learnedFactorMax = options.learnedFactorMax ?? LEARNED_FACTOR_MAX;
    this.board = new TrackBoard(model);
    for (const config of model.instances) {
      this.instances.set(config.name, new Instance(settingsOf(config, model.global), this));
    }
    this.regroup();
    this.reindex();
  }

  wallMs(): number {
    return this.wall();
  }

  get deadlineMs(): number {
    if (!this.isStarted) return this.startAtMs;
    let deadlineMs = Infinity;
    for (const instance of this.instances.values()) deadlineMs = Math.min(deadlineMs, instance.deadlineMs);
    return deadlineMs;
  }

  // ------------------------------------------------------------------------------------------------------- facts

  start(nowMs: number, intents: Intents): void {
    const { startupDelayMs, delayAfterBootMs } = this.model.global;
    // The monotonic clock counts from boot. A role that was taken over does not wait.
    if (this.isImported) this.startAtMs = this.turn(nowMs);
    else this.startAtMs = Math.max(this.turn(nowMs) + startupDelayMs, delayAfterBootMs);
    if (this.startAtMs <= nowMs) this.begin(nowMs, intents);
  }

  private begin(nowMs: number, intents: Intents): void {
    this.isStarted = true;
    this.settle(nowMs, intents);
  }

  onLink(link: LinkFact, nowMs: number, intents: Intents): void {
    const renamed = [...this.links.values()].find((each) => each.ifindex === link.ifindex && each.name !== link.name);
    if (renamed !== undefined) this.links.delete(renamed.name);
    this.links.set(link.name, { ...link, addresses: link.addresses.map((each) => each.slice()) });
    this.settle(this.turn(nowMs), intents);
  }

  onLinkGone(ifindex: number, nowMs: number, intents: Intents): void {
    for (const link of this.links.values()) if (link.ifindex === ifindex) this.links.delete(link.name);
    this.settle(this.turn(nowMs), intents);
  }

  onAddressLost(interfaceName: string, address: Uint8Array, nowMs: number, intents: Intents): void {
    this.turn(nowMs);
    for (const instance of this.instances.values()) {
      if (!instance.isHolding(interfaceName, address)) continue;
      const reason = `virtual address ${formatAddress(address)} was removed from ${interfaceName}`;
      const group = this.groupOf(instance);
      if (group === undefined) instance.restart(reason, nowMs, intents);
      else group.restart(reason, nowMs, intents);
    }
    this.check();
  }

  onTracked(fact: TrackedFact, nowMs: number, intents: Intents): void {
    this.board.tell(fact);
    this.settle(this.turn(nowMs), intents);
  }

  onAdvert(fact: AdvertFact, nowMs: number, intents: Intents): void {
    this.turn(nowMs);
    if (!this.isStarted) return;
    const advert = parsePacket(fact);
    if (advert === null) {
      this.malformedCount++;
      return;
    }
    const instance = this.find(advert, fact.ifindex);
    if (instance === undefined) {
      this.noteUnknown(advert, intents);
      return;
    }
    if (sameAddress(instance.source, advert.source)) {
      instance.noteOwnAddress(intents);
      return;
    }
    instance.onAdvert(advert, nowMs, intents);
    this.check();
  }

  onTime(nowMs: number, intents: Intents): void {
    this.turn(nowMs);
    if (!this.isStarted) {
      if (nowMs >= this.startAtMs) this.begin(nowMs, intents);
      return;
    }
    for (const instance of this.instances.values()) {
      // A late master is only found out by asking, whatever its timers say.
      if (nowMs >= instance.deadlineMs || instance.state === 'master') instance.onTime(nowMs, intents);
    }
    this.check();
  }

  onSpokenFor(instanceName: string, count: number, atMs: number): void {
    this.instances.get(instanceName)?.onSpokenFor(count, atMs);
  }

  // --------------------------------------------------------------------------------------------- reload and stop

  reload(model: VrrpModel, nowMs: number, intents: Intents): void {
    this.turn(nowMs);
    this.model = model;
    this.board.configure(model);
    const wanted = new Map(model.instances.map((each) => [each.name, each]));
    for (const [name, instance] of this.instances) {
      const config = wanted.get(name);
      if (config !== undefined && isSameRouter(instance.settings.config, config)) continue;
      this.remove(name, instance, nowMs, intents);
    }
    for (const config of model.instances) {
      const settings = settingsOf(config, model.global);
      const instance = this.instances.get(config.name);
      if (instance === undefined) this.instances.set(config.name, new Instance(settings, this));
      else instance.reconfigure(settings, nowMs, intents);
    }
    this.regroup();
    this.reindex();
    if (!this.isStarted) return;
    for (const group of this.syncGroups.values()) group.unite(nowMs, intents);
    this.settle(nowMs, intents);
    for (const instance of this.instances.values()) if (instance.state === 'master') instance.onTime(nowMs, intents);
    this.check();
  }

  private remove(name: string, instance: Instance, nowMs: number, intents: Intents): void {
    intents.push({ do: 'log', level: 'notice', text: `(${name}) removed from the configuration` });
    const { notify, notifyDeleted = notify.deleted !== null } = instance.settings.config;
    instance.stop(notifyDeleted ? 'DELETED' : 'FAULT', nowMs, intents);
    this.instances.delete(name);
  }

  stop(nowMs: number, intents: Intents): void {
    this.turn(nowMs);
    for (const instance of this.instances.values()) instance.stop('STOP', nowMs, intents);
    for (const group of this.syncGroups.values()) group.notify('STOP', intents);
    this.instances.clear();
    this.syncGroups.clear();
    this.byVrid.clear();
    this.startAtMs = Infinity;
  }

  // --------------------------------------------------------------------------------------------------- hand-over

  exportState(nowMs: number): ExportedState {
    return { version: 1, instances: [...this.instances.values()].map((each) => exportInstance(each, nowMs)) };
  }

  importState(state: ExportedState, ageMs: number, nowMs: number): void {
    assert(!this.isStarted, 'state is imported before the start');
    this.isImported = true;
    for (const exported of state.instances) {
      const instance = this.instances.get(exported.name);
      if (instance === undefined) continue;
      const { vrid, family } = instance.settings.config;
      if (exported.vrid === vrid && exported.family === family) importInstance(instance, exported, nowMs - ageMs);
    }
    for (const group of this.syncGroups.values()) group.adopt();
  }

  status(nowMs: number): InstanceStatus[] {
    return [...this.instances.values()].map((each) => statusOf(each, nowMs));
  }

  groups(): GroupStatus[] {
    return [...this.syncGroups.values()].map((group) => ({
      name: group.name,
      state: group.state,
      members: group.members.map((each) => each.name),
    }));
  }

  clearCounters(): void {
    for (const instance of this.instances.values()) instance.counters = newCounters();
  }

  // ---------------------------------------------------------------------------------------------------- inside

  // Time never goes back, whatever the caller's clock does.
  private turn(nowMs: number): number {
    assert(Number.isFinite(nowMs), 'now is a number');
    this.lastMs = Math.max(this.lastMs, nowMs);
    return this.lastMs;
  }

  /** Conditions first, for all; then states, groups as one. */
  private settle(nowMs: number, intents: Intents): void {
    for (const instance of this.instances.values()) {
      instance.setConditions(this.conditionsOf(instance), nowMs, intents);
    }
    if (!this.isStarted) return;
    for (const group of this.syncGroups.values()) group.settle(nowMs, intents);
    for (const instance of this.instances.values()) {
      if (instance.group !== null) continue;
      if (instance.isFaulty) instance.enterFault(instance.faultWords, nowMs, intents);
      else if (!instance.isPending && (instance.state === 'init' || instance.state === 'fault')) {
        instance.comeUp(instance.state === 'init' ? 'it starts' : 'all faults are gone', nowMs, intents);
      }
    }
    this.check();
  }

  private conditionsOf(instance: Instance): Conditions {
    const { settings } = instance;
    const { config } = settings;
    const base = this.links.get(config.interfaceName);
    const group = this.groupOf(instance);
    const virtual = config.vmac === null ? base : this.links.get(vmacName(config.vmac.name, config.vrid));
    const sending = config.vmac?.transmitOnBase === true ? base : virtual;
    const isUp = (name: string): boolean => this.links.get(name)?.up === true;
    const verdict = judge(
      this.board,
      [...config.trackInterfaces, ...(group?.interfacesForMembers() ?? [])],
      [...config.tracked, ...(group?.trackedForMembers() ?? [])],
      isUp,
    );
    const isEverywhere = config.interfaceName === ''; // unicast without an interface
    return {
      ifindex: virtual === undefined ? 0 : (sending?.ifindex ?? 0),
      isLinkUp: isEverywhere || (base?.up === true && virtual?.up === true),
      source: this.sourceOf(settings, base, sending),
      weight: verdict.weight,
      trackerFaults: verdict.faults,
      isPending: verdict.isPending,
    };
  }

  private sourceOf(settings: Settings, base?: LinkFact, sending?: LinkFact): Uint8Array | null {
    const { config, source } = settings;
    if (source !== null) {
      const mustBeLocal = config.unicast || config.trackSourceAddress;
      return !mustBeLocal || this.isLocal(config, source) ? source : null;
    }
    if (config.family === 'inet') return base?.primary4 ?? null;
    return sending?.linkLocal ?? base?.linkLocal ?? null;
  }

  private isLocal(config: VrrpInstance, address: Uint8Array): boolean {
    for (const link of this.links.values()) {
      if (config.interfaceName !== '' && link.name !== config.interfaceName && !config.unicast) continue;
      if (link.addresses.some((each) => sameAddress(each, address))) return true;
    }
    return false;
  }

  private find(advert: ReceivedAdvert, ifindex: number): Instance | undefined {
    const here = (this.byVrid.get(vridKey(advert.family, advert.vrid)) ?? []).filter((each) =>
      this.isHeardOn(each.settings.config, ifindex),
    );
    if (here.length <= 1) return here[0];
    // The same VRID twice on one interface: unicast ones are told apart by our address, then by their peers.
    const score = (each: Instance): number =>
      (each.settings.config.unicast && sameAddress(each.source, advert.destination) ? 2 : 0) +
      (each.settings.peers.some((peer) => sameAddress(peer.address, advert.source)) ? 4 : 0) +
      (!each.settings.config.unicast && sameAddress(each.settings.group, advert.destination) ? 8 : 0);
    return here.reduce((best, each) => (score(each) > score(best) ? each : best));
  }

  private isHeardOn(config: VrrpInstance, ifindex: number): boolean {
    if (ifindex === 0 || config.interfaceName === '') return config.unicast;
    if (this.links.get(config.interfaceName)?.ifindex === ifindex) return true;
    return config.vmac !== null && this.links.get(vmacName(config.vmac.name, config.vrid))?.ifindex === ifindex;
  }

  private noteUnknown(advert: ReceivedAdvert, intents: Intents): void {
    this.unknownVridCount++;
    // The first, then ever rarer: 1, 2, 4, 8 …
    const isRound = (this.unknownVridCount & (this.unknownVridCount - 1)) === 0;
    if (!this.model.global.unknownVridsLogged || !isRound) return;
    intents.push({ do: 'log', level: 'info', text: `unknown VRID ${advert.vrid}, ${this.unknownVridCount} so far` });
  }

  private groupOf(instance: Instance): SyncGroup | undefined {
    return instance.group === null ? undefined : this.syncGroups.get(instance.group.name);
  }

  private regroup(): void {
    const before = new Map(this.syncGroups);
    this.syncGroups.clear();
    for (const instance of this.instances.values()) instance.group = null;
    for (const config of this.model.groups) {
      const members = config.members
        .map((name) => this.instances.get(name))
        .filter((each) => each !== undefined && each.group === null) as Instance[];
      if (members.length === 0) continue;
      const group = new SyncGroup(config, members);
      group.state = before.get(config.name)?.state ?? 'init';
      for (const member of members) member.group = group;
      this.syncGroups.set(config.name, group);
    }
  }

  private reindex(): void {
    this.byVrid.clear();
    for (const instance of this.instances.values()) {
      const { family, vrid } = instance.settings.config;
      const key = vridKey(family, vrid);
      this.byVrid.set(key, [...(this.byVrid.get(key) ?? []), instance]);
    }
  }

  private check(): void {
    for (const instance of this.instances.values()) instance.check();
    for (const group of this.syncGroups.values()) group.check();
  }
}

function vridKey(family: string, vrid: number): string {
  return `${family} ${vrid}`;
}

// What makes it another virtual router, whatever its name.
function isSameRouter(a: VrrpInstance, b: VrrpInstance): boolean {
  return (
    a.vrid === b.vrid &&
    a.family === b.family &&
    a.version === b.version &&
    a.interfaceName === b.interfaceName &&
    a.unicast === b.unicast &&
    JSON.stringify(a.vmac) === JSON.stringify(b.vmac)
  );
}
