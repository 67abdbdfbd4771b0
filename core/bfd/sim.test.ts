// Goal: whatever the network and the neighbors do, the promises of RFC 5880 hold. Method: two systems in one simulated
// time, a network that loses, delays, reorders and doubles packets, systems that crash, stop, reload and move to another
// thread, strangers who send rubbish; everything from one seed. SIM_RUNS says how many seeds (default 6).
//
// What must hold: nobody is Up whose neighbor has not heard it (three-way handshake); nobody is Up longer than the
// detection time after the last packet; who is Up stays Up while nothing is lost; once the network is whole, both come
// Up. Sabotaged runs show that each of these would be noticed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import type { VrrpBfd } from '../model/vrrp.ts';
import type { BfdIntent, BfdStatus } from './contract.ts';
import { peerOf } from './fixture-bfd.ts';
import { type BfdPacket, readPacket, writePacket } from './packet.ts';
import { BfdSystem } from './system.ts';

const RUNS = Number(process.env['SIM_RUNS'] ?? 6);
const RUN_MS = 20_000;
const RECOVERY_MS = 20_000; // several slow intervals, and the longest detection time before
const EPSILON_MS = 1e-6;

type Sabotage = 'none' | 'no handshake' | 'no detection' | 'silent peer';

interface Flight {
  atMs: number;
  to: Node;
  bytes: Uint8Array;
  ttl: number;
  sender: Node | null; // null: a stranger
}

interface Network {
  lossShare: number; // of 1000
  delayMs: number;
  spreadMs: number;
  doubleShare: number;
  isCut: boolean;
}

class Node {
  readonly address: Uint8Array;
  readonly intents: BfdIntent[] = [];
  readonly prng: Prng;
  config: VrrpBfd;
  system: BfdSystem;
  wasUp = false;
  isAlive = true;
  /** The lowest detection-relevant interval it may hold the neighbor to: the slowest it announced lately. */
  requiredRxUs: number;
  lastHeard: { atMs: number; packet: BfdPacket } | null = null;

  constructor(index: number, config: VrrpBfd, prng: Prng) {
    this.address = Uint8Array.of(10, 0, 0, index + 1);
    this.config = config;
    this.requiredRxUs = config.minRxUs;
    this.prng = prng;
    this.system = this.fresh();
  }

  fresh(): BfdSystem {
    return new BfdSystem({ random32: () => this.prng.next32() });
  }

  statusAt(nowMs: number): BfdStatus {
    return this.system.status(nowMs)[0]!;
  }
}

class World {
  nowMs = 0;
  flapCount = 0;
  upCount = 0;
  readonly nodes: readonly [Node, Node];
  readonly network: Network = { lossShare: 0, delayMs: 1, spreadMs: 0, doubleShare: 0, isCut: false };
  private readonly prng: Prng;
  private readonly sabotage: Sabotage;
  private flights: Flight[] = [];
  private readonly heard = new Set<string>(); // "who whom", by discriminator

  constructor(seed: number, sabotage: Sabotage = 'none') {
    this.prng = new Prng(seed);
    this.sabotage = sabotage;
    const passiveIndex = this.prng.below(4); // 2 and 3: none
    const make = (index: number): Node => {
      const config = this.anyConfig(index, passiveIndex === index);
      const node = new Node(index, config, new Prng(seed * 2 + index));
      node.system.configure([peerOf(config)], 0, node.intents);
      return node;
    };
    this.nodes = [make(0), make(1)];
    for (const node of this.nodes) this.carryOut(node);
  }

  anyConfig(index: number, passive: boolean): VrrpBfd {
    const { prng } = this;
    return peerOf({
      neighbor: `10.0.0.${2 - index}`,
      minRxUs: prng.pick([1_000, 5_000, 10_000, 50_000, 300_000]),
      minTxUs: prng.pick([2_000, 5_000, 10_000, 50_000, 300_000, 2_000_000]),
      multiplier: prng.pick([1, 2, 3, 5]),
      passive,
    }).config;
  }

  /** Runs for `ms`, doing `act` at random moments, about `actCount` times. */
  run(ms: number, actCount = 0, act: () => void = () => {}): void {
    const endMs = this.nowMs + ms;
    let actAtMs = actCount === 0 ? Infinity : this.nowMs + this.prng.below(Math.ceil(ms / actCount));
    for (;;) {
      const nextMs = Math.min(this.nextFlightMs, this.nextDeadlineMs, actAtMs);
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (this.nowMs >= actAtMs) {
        act();
        actAtMs = this.nowMs + 1 + this.prng.below(Math.ceil((2 * ms) / actCount));
      }
      this.deliver();
      for (const node of this.nodes) this.time(node);
    }
    this.nowMs = endMs;
  }

  crash(node: Node): void {
    node.isAlive = false;
    node.wasUp = false;
  }

  revive(node: Node): void {
    node.isAlive = true;
    node.lastHeard = null;
    node.system = node.fresh();
    node.requiredRxUs = node.config.minRxUs;
    node.system.configure([peerOf(node.config)], this.nowMs, node.intents);
    this.carryOut(node);
  }

  stop(node: Node): void {
    node.system.stop(this.nowMs, node.intents);
    this.carryOut(node);
    this.crash(node);
  }

  reload(node: Node): void {
    const passive = node.config.passive;
    node.config = { ...this.anyConfig(this.nodes.indexOf(node), passive), multiplier: node.config.multiplier };
    // Until the neighbor knows, the slower of both counts.
    node.requiredRxUs = Math.max(node.requiredRxUs, node.config.minRxUs);
    node.system.configure([peerOf(node.config)], this.nowMs, node.intents);
    this.carryOut(node);
  }

  /** Another thread takes over, at once. */
  handOver(node: Node): void {
    const states = structuredClone(node.system.exportState(this.nowMs));
    node.system = node.fresh();
    node.system.configure([peerOf(node.config)], this.nowMs, node.intents, states);
    if (node.lastHeard !== null) node.lastHeard.atMs = this.nowMs; // it begins to count anew
    this.carryOut(node);
  }

  stranger(): void {
    const { prng } = this;
    const to = prng.pick(this.nodes);
    const bytes =
      prng.below(2) === 0
        ? prng.bytes(prng.below(60))
        : writePacket({
            diagnostic: prng.below(32),
            state: prng.pick(['admin-down', 'down', 'init', 'up']),
            poll: prng.below(2) === 0,
            final: false,
            authentication: false,
            demand: prng.below(2) === 0,
            multiplier: 1 + prng.below(255),
            myDiscriminator: 1 + prng.below(1000),
            yourDiscriminator: prng.below(1000),
            desiredMinTxUs: prng.next32(),
            requiredMinRxUs: prng.next32(),
          });
    this.flights.push({ atMs: this.nowMs, to, bytes, ttl: prng.below(255), sender: null });
  }

  isUp(node: Node): boolean {
    return node.isAlive && node.statusAt(this.nowMs).state === 'up';
  }

  private get nextFlightMs(): number {
    return this.flights.reduce((least, each) => Math.min(least, each.atMs), Infinity);
  }

  private get nextDeadlineMs(): number {
    const living = this.nodes.filter((each) => each.isAlive && this.sabotage !== 'no detection');
    return living.reduce((least, each) => Math.min(least, each.system.deadlineMs), this.tickMs);
  }

  // Without detection nobody's deadline drives the run.
  private get tickMs(): number {
    return this.sabotage === 'no detection' ? this.nowMs + 5 : Infinity;
  }

  private time(node: Node): void {
    if (!node.isAlive) return;
    if (this.sabotage === 'no detection' && this.isUp(node)) this.resend(node);
    else if (this.nowMs >= node.system.deadlineMs) node.system.onTime(this.nowMs, node.intents);
    this.carryOut(node);
    this.check(node);
  }

  // A session that sends and does not watch.
  private resend(node: Node): void {
    const other = this.other(node);
    if (this.network.isCut) return;
    const { localDiscriminator, remoteDiscriminator } = node.statusAt(this.nowMs);
    const bytes = writePacket({
      diagnostic: 0,
      state: 'up',
      poll: false,
      final: false,
      authentication: false,
      demand: false,
      multiplier: node.config.multiplier,
      myDiscriminator: localDiscriminator,
      yourDiscriminator: remoteDiscriminator,
      desiredMinTxUs: node.config.minTxUs,
      requiredMinRxUs: node.config.minRxUs,
    });
    this.flights.push({ atMs: this.nowMs + 1, to: other, bytes, ttl: 255, sender: node });
  }

  private deliver(): void {
    const due = this.flights.filter((each) => each.atMs <= this.nowMs);
    this.flights = this.flights.filter((each) => each.atMs > this.nowMs);
    due.sort((a, b) => a.atMs - b.atMs);
    for (const { to, bytes, ttl, sender } of due) {
      if (!to.isAlive) continue;
      const before = to.statusAt(this.nowMs);
      const source = sender?.address ?? Uint8Array.of(10, 0, 0, 66);
      const fact = { bytes, family: 'inet', source, destination: to.address, ttl, multihop: false } as const;
      to.system.onPacket(fact, this.nowMs, to.intents);
      const after = to.statusAt(this.nowMs);
      const isAccepted = after.counters.packets_rcvd > before.counters.packets_rcvd;
      if (sender === null) {
        assert.ok(!isAccepted, 'a stranger is not heard');
        assert.equal(after.state, before.state, 'a stranger changes nothing');
      } else if (isAccepted) {
        const packet = readPacket(bytes) as BfdPacket;
        to.lastHeard = { atMs: this.nowMs, packet };
        this.heard.add(`${after.localDiscriminator} ${packet.myDiscriminator}`);
        if (packet.final && !after.polling) to.requiredRxUs = to.config.minRxUs;
      }
      this.carryOut(to);
      this.check(to);
    }
  }

  private carryOut(node: Node): void {
    for (const intent of node.intents.splice(0)) {
      if (intent.do !== 'send') continue;
      if (this.sabotage === 'silent peer' && this.nodes[0] === node && this.nowMs > 10_000) continue;
      let { bytes } = intent;
      if (this.sabotage === 'no handshake') {
        const packet = readPacket(bytes) as BfdPacket;
        const other = this.other(node);
        const yourDiscriminator = other.isAlive ? other.statusAt(this.nowMs).localDiscriminator : 0;
        if (packet.state === 'down' && yourDiscriminator !== 0) {
          bytes = writePacket({ ...packet, state: 'init', yourDiscriminator });
        }
      }
      const copies = this.prng.below(1000) < this.network.doubleShare ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) this.throwOut(node, bytes);
    }
  }

  private throwOut(node: Node, bytes: Uint8Array): void {
    const { network, prng } = this;
    if (network.isCut || prng.below(1000) < network.lossShare) return;
    const spread = network.spreadMs * (prng.below(1001) / 1000);
    const atMs = this.nowMs + network.delayMs + spread;
    this.flights.push({ atMs, to: this.other(node), bytes, ttl: 255, sender: node });
  }

  private other(node: Node): Node {
    return this.nodes[0] === node ? this.nodes[1] : this.nodes[0];
  }

  private check(node: Node): void {
    if (!node.isAlive) return;
    const { state, localDiscriminator, remoteDiscriminator } = node.statusAt(this.nowMs);
    const isUp = state === 'up';
    if (isUp) {
      if (!node.wasUp) {
        this.upCount++;
        assert.ok(
          this.heard.has(`${remoteDiscriminator} ${localDiscriminator}`),
          'handshake: a session is Up whose neighbor never heard it',
        );
      }
      const { atMs, packet } = node.lastHeard!;
      const longestMs = (packet.multiplier * Math.max(node.requiredRxUs, packet.desiredMinTxUs)) / 1_000;
      const silentMs = this.nowMs - atMs;
      assert.ok(silentMs <= longestMs + EPSILON_MS, `detection: Up after ${silentMs} ms, allowed ${longestMs} ms`);
    } else {
      if (node.wasUp) this.flapCount++;
      node.requiredRxUs = node.config.minRxUs;
    }
    node.wasUp = isUp;
  }
}

/** A seed that replays the failure goes with it. */
function seeds(runs: (seed: number) => void): void {
  const first = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 0x4000_0000));
  for (let index = 0; index < RUNS; index++) {
    try {
      runs(first + index);
    } catch (error) {
      throw new Error(`replay it with FUZZ_SEED=${first + index} SIM_RUNS=1\n${(error as Error).stack}`);
    }
  }
}

const bothUp = (world: World): boolean => world.nodes.every((node) => world.isUp(node));

/** A network that loses nothing; its delays vary by less than the least reserve: a tenth of the shortest interval. */
function steady(world: World, prng: Prng): void {
  const delayMs = prng.pick([0.1, 1, 30]);
  Object.assign(world.network, {
    lossShare: 0,
    delayMs,
    spreadMs: 0.04,
    doubleShare: delayMs < 1 ? prng.below(100) : 0, // a doubled Poll has two answers, which nobody can tell apart
    isCut: false,
  });
}

function lossless(seed: number, sabotage: Sabotage = 'none'): void {
  const prng = new Prng(seed ^ 0x5bd1e995);
  const world = new World(seed, sabotage);
  steady(world, prng);
  world.run(RECOVERY_MS);
  assert.ok(bothUp(world), 'recovery: a whole network brings both Up');
  world.run(RUN_MS / 3, 10, () => {
    const node = prng.pick(world.nodes);
    if (prng.below(3) === 0) world.handOver(node);
    else if (prng.below(2) === 0) world.reload(node);
    else world.stranger();
  });
  assert.ok(bothUp(world) && world.flapCount === 0, `flaps: ${world.flapCount} without any loss`);
}

function hostile(seed: number, sabotage: Sabotage = 'none'): void {
  const prng = new Prng(seed ^ 0x1b873593);
  const world = new World(seed, sabotage);
  Object.assign(world.network, { lossShare: prng.below(400), delayMs: 1, spreadMs: prng.below(30), doubleShare: 50 });
  world.run(RUN_MS, 40, () => {
    const node = prng.pick(world.nodes);
    const what = prng.below(7);
    if (!node.isAlive) world.revive(node);
    else if (what === 0) world.crash(node);
    else if (what === 1) world.stop(node);
    else if (what === 2) world.reload(node);
    else if (what === 3) world.handOver(node);
    else if (what === 4) world.network.isCut = !world.network.isCut;
    else world.stranger();
  });
  for (const node of world.nodes) if (!node.isAlive) world.revive(node);
  steady(world, prng);
  world.run(RECOVERY_MS);
  assert.ok(bothUp(world), 'recovery: a whole network brings both Up');
  world.network.isCut = true;
  world.run(RECOVERY_MS);
  assert.ok(!world.nodes.some((node) => world.isUp(node)), 'detection: a cut network leaves nobody Up');
}

test('who is Up stays Up through reloads, hand-overs and strangers while nothing is lost', () => {
  seeds((seed) => lossless(seed));
});

test('loss, disorder, crashes and strangers break no promise, and the sessions come back afterwards', () => {
  seeds((seed) => hostile(seed));
});

test('a sabotaged protocol is caught', () => {
  const caught = (sabotage: Sabotage, run: (seed: number, sabotage: Sabotage) => void, pattern: RegExp): void => {
    let count = 0;
    for (let seed = 1; seed <= 5; seed++) {
      try {
        run(seed, sabotage);
      } catch (error) {
        assert.match((error as Error).message, pattern);
        count++;
      }
    }
    assert.ok(count >= 4, `${sabotage}: caught ${count} times of 5`);
  };
  caught('no handshake', hostile, /handshake|recovery/);
  caught('no detection', hostile, /detection/);
  caught('silent peer', lossless, /flaps|recovery/);
});
