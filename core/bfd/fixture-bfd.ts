// What the tests of this room share: a configured session, a packet of its neighbor, a system driven by hand.

import { Prng } from '../base/prng.ts';
import type { VrrpBfd } from '../model/vrrp.ts';
import type { BfdIntent, BfdPacketFact, BfdPeer, BfdStatus } from './contract.ts';
import { type BfdPacket, readPacket, writePacket } from './packet.ts';
import { BfdSystem } from './system.ts';

export const OURS = Uint8Array.of(10, 0, 0, 1);
export const THEIRS = Uint8Array.of(10, 0, 0, 2);

/** keepalived's defaults, with other words where `with` has them. */
export function bfdOf(change: Partial<VrrpBfd> = {}): VrrpBfd {
  return {
    name: 'b',
    family: 'inet',
    neighbor: '10.0.0.2',
    source: '',
    minRxUs: 10_000,
    minTxUs: 10_000,
    idleTxUs: 1_000_000,
    multiplier: 5,
    passive: false,
    ttl: 255,
    maxHops: 0,
    multihop: false,
    file: '',
    line: 0,
    ...change,
  };
}

export function peerOf(change: Partial<VrrpBfd> = {}): BfdPeer {
  const config = bfdOf(change);
  const bytes = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));
  return { config, neighbor: bytes(config.neighbor), source: config.source === '' ? null : bytes(config.source) };
}

/** A neighbor's packet: Down, asking for 10 ms both ways, three losses allowed. */
export function packetOf(change: Partial<BfdPacket> = {}): BfdPacket {
  return {
    diagnostic: 0,
    state: 'down',
    poll: false,
    final: false,
    authentication: false,
    demand: false,
    multiplier: 3,
    myDiscriminator: 77,
    yourDiscriminator: 0,
    desiredMinTxUs: 10_000,
    requiredMinRxUs: 10_000,
    ...change,
  };
}

/** One system; time passes when told to. */
export class Rig {
  readonly system: BfdSystem;
  nowMs = 1_000;
  readonly intents: BfdIntent[] = [];

  constructor(peers: readonly BfdPeer[] = [peerOf()], seed = 1) {
    const prng = new Prng(seed);
    this.system = new BfdSystem({ random32: () => prng.next32() });
    this.system.configure(peers, this.nowMs, this.intents);
  }

  /** A datagram of the neighbor's, with its bytes as they are. */
  deliver(bytes: Uint8Array, change: Partial<BfdPacketFact> = {}): this {
    const fact = { bytes, family: 'inet', source: THEIRS, destination: OURS, ttl: 255, multihop: false } as const;
    this.system.onPacket({ ...fact, ...change }, this.nowMs, this.intents);
    return this;
  }

  /** A packet of the neighbor's for our session, unless `change` says otherwise. */
  hear(change: Partial<BfdPacket> = {}, fact: Partial<BfdPacketFact> = {}): this {
    const knowsUs = change.state === 'init' || change.state === 'up';
    const yourDiscriminator = knowsUs ? this.status().localDiscriminator : 0;
    return this.deliver(writePacket(packetOf({ yourDiscriminator, ...change })), fact);
  }

  /** Lets time pass, with every deadline met on time. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    while (this.system.deadlineMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.system.deadlineMs);
      this.system.onTime(this.nowMs, this.intents);
    }
    this.nowMs = endMs;
    return this;
  }

  /** Up, with nothing left to say: the Poll Sequence was answered. */
  bringUp(change: Partial<BfdPacket> = {}): this {
    this.hear(change);
    this.hear({ ...change, state: 'up' });
    this.hear({ ...change, state: 'up', final: true });
    this.take();
    return this;
  }

  status(name = 'b'): BfdStatus {
    return this.system.status(this.nowMs).find((each) => each.name === name)!;
  }

  /** The intents so far, which are forgotten. */
  take(): BfdIntent[] {
    return this.intents.splice(0);
  }

  /** The packets so far, decoded; all intents are forgotten. */
  sent(): BfdPacket[] {
    return this.take().flatMap((each) => (each.do === 'send' ? [readPacket(each.bytes) as BfdPacket] : []));
  }

  /** What was told so far; all intents are forgotten. */
  told(): boolean[] {
    return this.take().flatMap((each) => (each.do === 'tell' ? [each.up] : []));
  }
}
