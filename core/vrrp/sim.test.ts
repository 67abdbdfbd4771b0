// Goal: whatever the network and the machines do, once they are quiet there is one master per partition, it holds the
// addresses alone, nothing flaps, and sync groups stand together.
// Method: 2–5 routers from a seed, run through loss, delay, duplication, reordering, one-way cuts, partitions, clock
// jumps, crashes that leave addresses behind, restarts, orderly stops, reloads, late wake-ups, faults, weights and
// hostile packets; the invariants are checked at every step. Mutants with known bugs must be caught.
//
// SIM_STEPS: how many steps (1000000 unless told otherwise). FUZZ_SEED: the first seed; printed on failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import type { IpFamily, VrrpInstance, VrrpModel } from '../model/vrrp.ts';
import { Agenda, SegmentSim } from '../testing/vrrp-sim.ts';
import { addressOf } from './address.ts';
import { isChecksumRight } from './checksum.ts';
import type { AdvertFact, Intent } from './contract.ts';
import { groupOf, instanceOf, linkOf, modelOf, virtualAddress } from './fixture-model.ts';
import { parsePacket } from './packet.ts';
import { VrrpRouter } from './router.ts';

type MakeRouter = (model: VrrpModel, wallMs: () => number) => VrrpRouter;

const STEPS_DEFAULT = 1_000_000;
const WALL_START_MS = 1_700_000_000_000;
const INBOX_MAX = 200;
const HMAC_KEY = { id: 1, secret: new Uint8Array(32).fill(7) };

/** What is common to all routers of one scenario. */
interface Plan {
  nodeCount: number;
  vrNames: string[];
  isGrouped: boolean;
  version: 2 | 3;
  family: IpFamily;
  intervalMsMax: number;
  downMaxMs: number;
  preemptDelayMs: number;
  alwaysPreempts: boolean;
  hasOwnersClash: boolean;
  configs: VrrpInstance[][]; // by node, by virtual router
}

function hostOf(plan: Plan, node: number): string {
  return plan.family === 'inet' ? `10.77.0.${node + 1}` : `fe80::${(node + 1).toString(16)}`;
}

function makePlan(prng: Prng): Plan {
  const nodeCount = 2 + prng.below(4);
  const vrCount = 1 + prng.below(3);
  const version = prng.pick([2, 3, 3] as const);
  const family: IpFamily = version === 3 && prng.below(3) === 0 ? 'inet6' : 'inet';
  const baseMs = version === 2 ? 1000 * (1 + prng.below(2)) : prng.pick([10, 50, 100, 1000]);
  const isMixed = version === 3 && prng.below(5) === 0;
  const preemptStyle = prng.below(5); // 0–2 all, 3 none, 4 mixed
  const adverts = prng.pick([3, 3, 3, 2, 5]);
  const preemptDelayMs = prng.below(5) === 0 ? baseMs * 3 : 0;
  const isUnicast = prng.below(4) === 0;
  const ownerCount = prng.pick([0, 0, 0, 0, 0, 1, 1, 2]);
  const auth = version === 2 ? prng.pick(['none', 'pass', 'ah'] as const) : 'none';
  const isHmac = version === 3 && prng.below(5) === 0;
  const plan: Plan = {
    nodeCount,
    vrNames: Array.from({ length: vrCount }, (_, index) => `VI_${index + 1}`),
    isGrouped: vrCount > 1 && prng.below(2) === 0,
    version,
    family,
    intervalMsMax: baseMs * (isMixed ? 4 : 1),
    downMaxMs: 0,
    preemptDelayMs,
    alwaysPreempts: preemptStyle <= 2,
    hasOwnersClash: ownerCount > 1,
    configs: [],
  };
  plan.downMaxMs = adverts * plan.intervalMsMax + Math.max(plan.intervalMsMax, version === 2 ? 1000 : 0);
  for (let node = 0; node < nodeCount; node++) {
    const preempt = preemptStyle <= 2 || (preemptStyle === 4 && prng.below(2) === 0);
    const priorities = plan.vrNames.map(() => (node < ownerCount ? 255 : prng.pick([1, 50, 100, 100, 150, 200, 254])));
    const common: Partial<VrrpInstance> = {
      version,
      family,
      advertIntMs: isMixed ? baseMs * (1 + prng.below(4)) : baseMs,
      preempt,
      preemptDelayMs,
      downTimerAdverts: adverts,
      wantedState: prng.below(3) === 0 && preempt ? 'MASTER' : 'BACKUP',
      auth: { type: auth, password: 'secret12' },
      authHmac: isHmac ? { keys: [HMAC_KEY], sendId: 1, mode: 'enforce', windowMs: 5000 } : null,
      unicast: isUnicast,
      lowerPrioNoAdvert: prng.below(6) === 0,
      higherPrioSendAdvert: prng.below(6) === 0,
      checksumPseudoHeader: prng.below(2) === 0,
      tracked: [
        { kind: 'process', name: 'fault', weight: 0, reverse: false, serversUpMin: 0 },
        { kind: 'file', name: 'weight', weight: 1, reverse: false, serversUpMin: 0 },
      ],
    };
    plan.configs.push(
      plan.vrNames.map((name, index) =>
        instanceOf({
          ...common,
          name,
          vrid: 51 + index,
          priority: plan.isGrouped ? priorities[0]! : priorities[index]!,
          addresses: [virtualAddress(family === 'inet' ? `10.77.1.${index + 1}` : `fe80::1:${index + 1}`)],
          sourceAddress: isUnicast ? hostOf(plan, node) : '',
          unicastPeers: Array.from({ length: isUnicast ? nodeCount : 0 }, (_, peer) => peer)
            .filter((peer) => peer !== node)
            .map((peer) => ({ address: hostOf(plan, peer), minTtl: 0, maxTtl: 255 })),
        }),
      ),
    );
  }
  // preempt_delay is the only reason why lower ones may stay longer; `state MASTER` switches it off.
  return plan;
}

type Happening =
  | { kind: 'wake' }
  | { kind: 'packet'; fact: AdvertFact }
  | { kind: 'thaw' }
  | { kind: 'chaos' }
  | { kind: 'hostile' };

interface Node {
  router: VrrpRouter | null;
  held: Set<string>;
  states: Map<string, string>;
  sentAtMs: Map<string, number>;
  clockOffsetMs: number;
  wallOffsetMs: number;
  wakeAtMs: number;
  isFrozen: boolean;
  inbox: AdvertFact[];
  configs: VrrpInstance[];
  isLinkUp: boolean;
  isFaulty: boolean;
  weight: number;
}

class World {
  readonly plan: Plan;
  steps = 0;
  private readonly prng: Prng;
  private readonly make: MakeRouter;
  private readonly agenda = new Agenda<Happening>();
  private readonly segment: SegmentSim;
  private readonly nodes: Node[] = [];
  private readonly intents: Intent[] = [];
  private nowMs = 0;
  private jitterMs: number;
  private isHostile = false;
  // What the scenarios have come across, so that a test can tell that they came across it.
  transitions = 0;
  lateCount = 0;
  hostileCount = 0;
  private sideOf: number[] = [];
  private lastFact: AdvertFact | null = null;
  // Since when there have been two masters of a virtual router on a side, after the bound; by "side router".
  private readonly doubleSince = new Map<string, number>();
  private boundAtMs = Infinity;

  constructor(seed: number, make: MakeRouter) {
    this.prng = new Prng(seed);
    this.make = make;
    this.plan = makePlan(this.prng);
    const { nodeCount } = this.plan;
    this.segment = new SegmentSim(this.prng, nodeCount, this.calm());
    this.sideOf = new Array<number>(nodeCount).fill(0);
    this.jitterMs = this.calmJitterMs;
    for (let index = 0; index < nodeCount; index++) {
      this.nodes.push({
        router: null,
        held: new Set(),
        states: new Map(),
        sentAtMs: new Map(),
        clockOffsetMs: this.prng.below(1_000_000) / 7,
        wallOffsetMs: 0,
        wakeAtMs: Infinity,
        isFrozen: false,
        inbox: [],
        configs: this.plan.configs[index]!,
        isLinkUp: true,
        isFaulty: false,
        weight: 0,
      });
      this.boot(index);
    }
  }

  private get smallestMs(): number {
    return Math.min(...this.plan.configs.flat().map((each) => each.advertIntMs));
  }

  private get calmJitterMs(): number {
    return this.smallestMs / 50;
  }

  private calm(): SegmentSim['faults'] {
    return { lossPerMille: 0, duplicatePerMille: 20, delayMinMs: 0.05, delayMaxMs: this.smallestMs / 40 };
  }

  /** Chaos, then quiet with the checks; once or twice. */
  run(): void {
    const rounds = 1 + this.prng.below(2);
    for (let round = 0; round < rounds; round++) {
      this.storm();
      this.quiet();
    }
  }

  private storm(): void {
    const { prng } = this;
    this.boundAtMs = Infinity;
    this.doubleSince.clear();
    this.segment.faults = {
      lossPerMille: prng.pick([0, 50, 200, 500]),
      duplicatePerMille: prng.pick([0, 100]),
      delayMinMs: 0.05,
      delayMaxMs: this.smallestMs * prng.pick([0.05, 0.5, 2]),
    };
    this.jitterMs = this.smallestMs * prng.pick([0.02, 0.2, 1]);
    const actions = 5 + prng.below(25);
    let atMs = this.nowMs;
    for (let action = 0; action < actions; action++) {
      atMs += (prng.below(1000) / 1000) * this.plan.intervalMsMax * prng.pick([0.3, 2, 6]);
      this.agenda.add(atMs, prng.below(this.plan.nodeCount), { kind: 'chaos' });
    }
    this.runUntil(atMs);
  }

  private quiet(): void {
    const { prng, plan } = this;
    // Every machine that froze comes back, wall clocks agree again, and the cut becomes a clean one.
    for (const [index, node] of this.nodes.entries()) {
      if (node.isFrozen) this.thaw(index);
      node.wallOffsetMs = 0;
    }
    this.sideOf = this.nodes.map(() => (prng.below(3) === 0 ? 1 : 0));
    this.segment.divide(this.sideOf);
    this.segment.faults = this.calm();
    this.jitterMs = this.calmJitterMs;
    this.isHostile = prng.below(2) === 0;
    if (this.isHostile) this.agenda.add(this.nowMs, 0, { kind: 'hostile' });
    // Packets of the storm may still be under way; after them, one Down of the lowest and its skew.
    const stormTailMs = 2 * this.smallestMs;
    const settleMs = stormTailMs + plan.downMaxMs;
    this.boundAtMs = this.nowMs + settleMs + (plan.hasOwnersClash ? 6 * plan.intervalMsMax : 0);
    this.runUntil(this.nowMs + settleMs + 4 * plan.downMaxMs + plan.preemptDelayMs + 6 * plan.intervalMsMax);
    this.checkSettled();
    const before = this.transitions;
    this.runUntil(this.nowMs + 2 * plan.downMaxMs + plan.preemptDelayMs);
    assert.equal(this.transitions, before, 'states changed in a quiet period');
    this.checkSettled();
    this.isHostile = false;
  }

  // ------------------------------------------------------------------------------------------------- the machinery

  private runUntil(endMs: number): void {
    while (this.agenda.nextAtMs() <= endMs) {
      const { atMs, node, what } = this.agenda.take();
      this.nowMs = atMs;
      this.happen(node, what, atMs);
    }
    this.nowMs = endMs;
  }

  private happen(index: number, what: Happening, atMs: number): void {
    const node = this.nodes[index]!;
    if (what.kind === 'wake') {
      if (node.wakeAtMs !== atMs) return; // an older deadline
      node.wakeAtMs = Infinity;
      if (node.router === null || node.isFrozen) return;
      node.router.onTime(this.localMs(node), this.intents);
    } else if (what.kind === 'packet') {
      if (node.router === null || !node.isLinkUp) return;
      if (node.isFrozen) {
        if (node.inbox.length < INBOX_MAX) node.inbox.push(what.fact);
        return;
      }
      node.router.onAdvert(what.fact, this.localMs(node), this.intents);
    } else if (what.kind === 'thaw') {
      if (!node.isFrozen) return;
      this.thaw(index);
    } else if (what.kind === 'chaos') {
      this.chaos(index);
    } else {
      this.hostile();
    }
    this.steps++;
    this.after(index);
  }

  private localMs(node: Node): number {
    return this.nowMs + node.clockOffsetMs;
  }

  /** Carries out what the router asked for, checks the invariants, and sets its alarm. */
  private after(index: number): void {
    const node = this.nodes[index]!;
    for (const intent of this.intents) this.carryOut(index, node, intent);
    this.intents.length = 0;
    if (node.router === null) return;
    this.checkNode(node);
    if (this.nowMs >= this.boundAtMs) this.checkDoubles();
    const wakeAtMs = node.router.deadlineMs - node.clockOffsetMs;
    if (wakeAtMs === Infinity) return;
    const atMs = Math.max(this.nowMs, wakeAtMs) + (this.prng.below(1000) / 1000) * this.jitterMs;
    // Jitter is drawn once per deadline: an alarm that is close enough stays.
    if (node.wakeAtMs >= wakeAtMs && node.wakeAtMs <= wakeAtMs + this.jitterMs && node.wakeAtMs >= this.nowMs) return;
    node.wakeAtMs = atMs;
    this.agenda.add(atMs, index, { kind: 'wake' });
  }

  private carryOut(index: number, node: Node, intent: Intent): void {
    switch (intent.do) {
      case 'send-advert':
        node.sentAtMs.set(intent.instance, this.nowMs);
        if (node.isLinkUp) this.transmit(index, intent);
        return;
      case 'add-addresses':
        for (const each of intent.addresses) node.held.add(each.address);
        return;
      case 'remove-addresses':
        for (const each of intent.addresses) node.held.delete(each.address);
        return;
      case 'notify':
        if (intent.type !== 'INSTANCE' || intent.state === 'MASTER_RX_LOWER_PRI') return;
        this.transitions++;
        node.states.set(intent.name, intent.state);
        return;
      case 'announce':
        assert.ok(
          node.configs[0]!.unicast || node.held.has(textOf(intent.address)),
          'announced an address that is not held',
        );
    }
  }

  private transmit(from: number, intent: Extract<Intent, { do: 'send-advert' }>): void {
    const { bytes, destination } = intent.packets[0] ?? { bytes: null, destination: null };
    if (bytes === null) return;
    const factOf = (packet: Uint8Array, to: Uint8Array): AdvertFact => ({
      ifindex: 2,
      family: intent.family,
      bytes: packet,
      source: intent.source,
      destination: to,
      hopLimit: intent.ttl,
    });
    this.lastFact = factOf(bytes, destination);
    for (let to = 0; to < this.plan.nodeCount; to++) {
      if (to === from) continue;
      const packet = intent.multicast
        ? intent.packets[0]!
        : intent.packets.find((each) => each.destination.at(-1) === to + 1)!;
      for (const delayMs of this.segment.delaysMs(from, to)) {
        this.agenda.add(this.nowMs + delayMs, to, { kind: 'packet', fact: factOf(packet.bytes, packet.destination) });
      }
    }
  }

  private modelOf(node: Node): VrrpModel {
    return modelOf(node.configs, {
      groups: this.plan.isGrouped ? [groupOf('G', this.plan.vrNames)] : [],
      trackProcesses: [],
    });
  }

  // ------------------------------------------------------------------------------------------------------ mischief

  private boot(index: number): void {
    const node = this.nodes[index]!;
    node.router = this.make(this.modelOf(node), () => WALL_START_MS + this.nowMs + node.wallOffsetMs);
    node.states.clear();
    this.tellOutside(index);
    node.router.start(this.localMs(node), this.intents);
    this.after(index);
  }

  private tellOutside(index: number): void {
    const node = this.nodes[index]!;
    const router = node.router;
    if (router === null) return;
    const nowMs = this.localMs(node);
    router.onLink(linkOf(index + 1, { up: node.isLinkUp }), nowMs, this.intents);
    router.onTracked(
      { kind: 'process', name: 'fault', up: !node.isFaulty, value: 0, serversUp: 0 },
      nowMs,
      this.intents,
    );
    router.onTracked({ kind: 'file', name: 'weight', up: true, value: node.weight, serversUp: 0 }, nowMs, this.intents);
  }

  private chaos(index: number): void {
    const { prng, plan } = this;
    const node = this.nodes[index]!;
    switch (prng.below(14)) {
      case 0:
        this.sideOf = this.nodes.map(() => prng.below(2));
        return this.segment.divide(this.sideOf);
      case 1:
        return this.segment.divide(this.nodes.map(() => 0));
      case 2:
        return this.segment.tear(prng.pick([100, 300, 600]));
      case 3: // kill -9
        node.router = null;
        node.isFrozen = false;
        return;
      case 4:
        if (node.router === null) this.boot(index);
        return;
      case 5: {
        if (node.router === null || node.isFrozen) return;
        node.router.stop(this.localMs(node), this.intents);
        for (const intent of this.intents) this.carryOut(index, node, intent);
        this.intents.length = 0;
        assert.equal(node.held.size, 0, 'an orderly stop left addresses');
        node.router = null;
        return;
      }
      case 6:
      case 7: {
        if (node.router === null || node.isFrozen) return;
        node.isFrozen = true;
        const forMs = plan.downMaxMs * prng.pick([0.2, 0.8, 1.5, 4]);
        this.agenda.add(this.nowMs + forMs, index, { kind: 'thaw' });
        return;
      }
      case 8: // suspended: the clock went on without us
        node.clockOffsetMs += plan.downMaxMs * prng.pick([0.3, 1.2, 20]);
        return;
      case 9:
        node.wallOffsetMs = prng.pick([0, 60_000, -60_000, 86_400_000]);
        return;
      case 10:
        if (node.router === null || node.isFrozen) return;
        this.reload(index);
        return;
      case 11:
        node.isLinkUp = !node.isLinkUp;
        break;
      case 12:
        node.isFaulty = !node.isFaulty;
        break;
      case 13:
        node.weight = prng.pick([0, 0, -40, 60]);
        break;
    }
    if (!node.isFrozen) this.tellOutside(index);
  }

  private reload(index: number): void {
    const { prng, plan } = this;
    const node = this.nodes[index]!;
    const shift = prng.pick([0, 3, -7]);
    const second = prng.below(2) === 0;
    node.configs = plan.configs[index]!.map((each, at) => ({
      ...each,
      priority: each.priority === 255 ? 255 : Math.min(254, Math.max(1, each.priority + shift)),
      addresses: second
        ? [...each.addresses, virtualAddress(plan.family === 'inet' ? `10.77.2.${at + 1}` : `fe80::2:${at + 1}`)]
        : each.addresses,
    }));
    node.router!.reload(this.modelOf(node), this.localMs(node), this.intents);
  }

  private thaw(index: number): void {
    const node = this.nodes[index]!;
    node.isFrozen = false;
    const inbox = node.inbox.splice(0);
    if (node.router === null) return;
    this.tellOutside(index);
    for (const fact of inbox) node.router.onAdvert(fact, this.localMs(node), this.intents);
    node.router.onTime(this.localMs(node), this.intents);
    this.checkLate(node);
    this.after(index);
  }

  // Who slept through its own Down must not send as master before it has been backup.
  private checkLate(node: Node): void {
    for (const [name, sentAtMs] of node.sentAtMs) {
      if (node.states.get(name) !== 'MASTER' || this.nowMs - sentAtMs <= this.plan.downMaxMs) continue;
      this.lateCount++;
      for (const intent of this.intents) {
        if (intent.do === 'notify' && intent.name === name) break;
        const isSent = intent.do === 'send-advert' && intent.instance === name && intent.priority > 0;
        assert.ok(!isSent, 'a master that was late for its own Down sent before it stepped back');
      }
    }
  }

  // A packet that must be refused, made from a real one, to everybody; and the next in a twentieth of an interval.
  private hostile(): void {
    if (!this.isHostile) return;
    this.agenda.add(this.nowMs + this.smallestMs / 3, 0, { kind: 'hostile' });
    if (this.lastFact === null) return;
    const fact = { ...this.lastFact, bytes: this.lastFact.bytes.slice() };
    const parsed = parsePacket(fact)!;
    const at = parsed.start + this.prng.below(parsed.end - parsed.start);
    fact.bytes[at] = fact.bytes[at]! ^ (1 + this.prng.below(255));
    const broken = parsePacket(fact);
    // One in some ten thousand is right by another of the accepted forms.
    const { bytes, start, end, source, destination } = parsed;
    if (broken !== null && isChecksumRight(broken.version, source, destination, fact.bytes, start, end)) return;
    if (isTrailerOnly(parsed.version, bytes.length - start, at - start)) return;
    this.hostileCount++;
    for (const [index, node] of this.nodes.entries()) {
      if (node.router === null || node.isFrozen) continue;
      const before = node.router.deadlineMs;
      node.router.onAdvert(fact, this.localMs(node), this.intents);
      assert.equal(node.router.deadlineMs, before, 'a refused packet moved a timer');
      assert.ok(
        this.intents.every((intent) => intent.do === 'log'),
        'a refused packet did something',
      );
      this.after(index);
    }
  }

  // ---------------------------------------------------------------------------------------------------- invariants

  private checkNode(node: Node): void {
    let masters = 0;
    for (const config of node.configs) {
      const isMaster = node.states.get(config.name) === 'MASTER';
      if (isMaster) masters++;
      for (const each of config.addresses) {
        assert.equal(node.held.has(each.address), isMaster, 'addresses are held by masters only, and by them all');
      }
    }
    if (this.plan.isGrouped) {
      assert.ok(masters === 0 || masters === node.configs.length, 'a sync group is master in part');
    }
  }

  private mastersOf(side: number, name: string): number[] {
    const found: number[] = [];
    for (const [index, node] of this.nodes.entries()) {
      if (this.sideOf[index] !== side || node.router === null || !node.isLinkUp) continue;
      if (node.states.get(name) === 'MASTER') found.push(index);
    }
    return found;
  }

  // Two masters may overlap while the better one's first advert is under way, never longer.
  private checkDoubles(): void {
    const overlapMs = 2 * this.segment.faults.delayMaxMs + 2 * this.calmJitterMs;
    for (const side of [0, 1]) {
      for (const name of this.plan.vrNames) {
        const key = `${side} ${name}`;
        if (this.mastersOf(side, name).length <= 1) {
          this.doubleSince.delete(key);
          continue;
        }
        const sinceMs = this.doubleSince.get(key) ?? this.nowMs;
        this.doubleSince.set(key, sinceMs);
        assert.ok(this.nowMs - sinceMs <= overlapMs, `two masters of ${name} for ${this.nowMs - sinceMs} ms`);
      }
    }
  }

  private checkSettled(): void {
    for (const side of [0, 1]) {
      const members = this.nodes.filter((node, index) => this.sideOf[index] === side && isAble(node));
      for (const [vr, name] of this.plan.vrNames.entries()) {
        const masters = this.mastersOf(side, name);
        assert.equal(masters.length, members.length === 0 ? 0 : 1, `masters of ${name} among ${members.length}`);
        if (masters.length === 0 || !this.plan.alwaysPreempts || this.plan.hasOwnersClash) continue;
        const best = Math.max(...members.map((node) => effectiveOf(node, vr)));
        assert.equal(effectiveOf(this.nodes[masters[0]!]!, vr), best, `the master of ${name} is not the best`);
      }
    }
    for (const node of this.nodes) {
      for (const status of node.router?.status(this.localMs(node)) ?? []) {
        const told = node.states.get(status.name) ?? 'INIT';
        assert.equal(status.state.toUpperCase(), told, 'the state is what was notified last');
      }
    }
  }
}

function isAble(node: Node): boolean {
  return node.router !== null && node.isLinkUp && !node.isFaulty;
}

function effectiveOf(node: Node, vr: number): number {
  const { priority } = node.configs[vr]!;
  return priority === 255 ? 255 : Math.min(254, Math.max(1, priority + node.weight));
}

const texts = new Map<string, string>();

function textOf(address: Uint8Array): string {
  const key = address.join();
  let text = texts.get(key);
  if (text === undefined) {
    const all = ['10.77.1', '10.77.2'].flatMap((net) => [1, 2, 3].map((host) => `${net}.${host}`));
    const all6 = ['fe80::1', 'fe80::2'].flatMap((net) => [1, 2, 3].map((host) => `${net}:${host}`));
    text = [...all, ...all6].find((each) => addressOf(each).join() === key) ?? '';
    texts.set(key, text);
  }
  return text;
}

// A byte past the PDU is outside the IPv4 checksum; whether it matters is the HMAC's to say, tested elsewhere.
function isTrailerOnly(version: number, length: number, at: number): boolean {
  return version === 3 && length > 28 && at >= length - 28;
}

// ------------------------------------------------------------------------------------------------------------ tests

function numberFromEnv(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} is not a whole number`);
  return value;
}

function runSeed(seed: number, make: MakeRouter): World {
  try {
    const world = new World(seed, make);
    world.run();
    return world;
  } catch (error) {
    const reason = error instanceof Error ? error.stack : String(error);
    throw new Error(`the simulation failed; replay it with FUZZ_SEED=${seed} SIM_STEPS=1\n${reason}`, { cause: error });
  }
}

const honest: MakeRouter = (model, wallMs) => new VrrpRouter(model, { wallMs });

test('elections come out right in a million steps of bad networks and worse machines', (context) => {
  const first = numberFromEnv('FUZZ_SEED', Math.floor(Math.random() * 0x4000_0000));
  const wanted = numberFromEnv('SIM_STEPS', STEPS_DEFAULT);
  const startedMs = performance.now();
  let steps = 0;
  let seed = first;
  let transitions = 0;
  let lateCount = 0;
  let hostileCount = 0;
  for (; steps < wanted; seed++) {
    const world = runSeed(seed, honest);
    steps += world.steps;
    transitions += world.transitions;
    lateCount += world.lateCount;
    hostileCount += world.hostileCount;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  context.diagnostic(
    `${steps} steps in ${seed - first} scenarios from seed ${first}: ${seconds.toFixed(1)} s, ${Math.round(steps / seconds)} steps/s; ` +
      `${transitions} transitions, ${lateCount} late masters, ${hostileCount} hostile packets`,
  );
  if (wanted < STEPS_DEFAULT) return;
  assert.ok(transitions > steps / 100 && lateCount > 100 && hostileCount > 1000, 'the scenarios were too tame');
});

// Each mutant has one bug; within a few hundred scenarios the invariants must notice.
const mutants: Record<string, MakeRouter> = {
  'that does not listen': (model, wallMs) =>
    new (class extends VrrpRouter {
      override onAdvert(): void {}
    })(model, { wallMs }),
  'that keeps its addresses': (model, wallMs) =>
    new (class extends VrrpRouter {
      override onAdvert(...[fact, nowMs, intents]: Parameters<VrrpRouter['onAdvert']>): void {
        super.onAdvert(fact, nowMs, {
          push: (intent) => (intent.do === 'remove-addresses' ? 0 : intents.push(intent)),
        });
      }
    })(model, { wallMs }),
  'that takes every advertisement for a master’s, however low': (model, wallMs) =>
    new (class extends VrrpRouter {
      override onAdvert(...[fact, nowMs, intents]: Parameters<VrrpRouter['onAdvert']>): void {
        super.onAdvert(fact, nowMs, intents);
        if (this.status(nowMs)[0]?.state === 'backup') super.onAdvert(fact, nowMs, intents);
      }
    })(
      { ...model, instances: model.instances.map((each) => ({ ...each, preempt: false, wantedState: 'BACKUP' })) },
      {
        wallMs,
      },
    ),
  'that gives way to no equal': (model, wallMs) =>
    new (class extends VrrpRouter {
      override onAdvert(...[fact, nowMs, intents]: Parameters<VrrpRouter['onAdvert']>): void {
        const status = this.status(nowMs)[0];
        const isEqual = parsePacket(fact)?.priority === status?.effectivePriority;
        if (status?.state !== 'master' || !isEqual) super.onAdvert(fact, nowMs, intents);
      }
    })(model, { wallMs }),
  'whose timers bad packets set anew': (model, wallMs) =>
    new (class extends VrrpRouter {
      postponedMs = 0;
      override get deadlineMs(): number {
        return super.deadlineMs + this.postponedMs;
      }
      override onAdvert(...[fact, nowMs, intents]: Parameters<VrrpRouter['onAdvert']>): void {
        const before = this.status(nowMs)[0]?.counters.chk_err;
        super.onAdvert(fact, nowMs, intents);
        this.postponedMs = this.status(nowMs)[0]?.counters.chk_err === before ? 0 : 1;
      }
    })(model, { wallMs }),
  'that goes on after it slept': (model, wallMs) =>
    new (class extends VrrpRouter {
      override onTime(...[nowMs, intents]: Parameters<VrrpRouter['onTime']>): void {
        // As if it had been awake all the time: a call for each deadline, in the past.
        while (this.deadlineMs < nowMs) super.onTime(this.deadlineMs, intents);
        super.onTime(nowMs, intents);
      }
    })(model, { wallMs }),
  'whose sync groups are ignored': (model, wallMs) => new VrrpRouter({ ...model, groups: [] }, { wallMs }),
  'that leaves a killed one’s addresses in place': (model, wallMs) =>
    new (class extends VrrpRouter {
      override start(...[nowMs, intents]: Parameters<VrrpRouter['start']>): void {
        super.start(nowMs, { push: (intent) => (intent.do === 'remove-addresses' ? 0 : intents.push(intent)) });
      }
    })(model, { wallMs }),
};

for (const [name, make] of Object.entries(mutants)) {
  test(`the simulation catches a router ${name}`, () => {
    const caught = (): boolean => {
      for (let seed = 1; seed <= 400; seed++) {
        try {
          new World(seed, make).run();
        } catch {
          return true;
        }
      }
      return false;
    };
    assert.ok(caught(), 'a canary survived 400 scenarios');
  });
}
