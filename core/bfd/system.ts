// All BFD sessions of a configuration: packets find their session here (RFC 5880 §6.3, §6.8.6), deadlines are gathered.
// The worker's only door to this room (contract.ts says how it is driven).

import { assert } from '../base/assert.ts';
import type { VrrpBfd } from '../model/vrrp.ts';
import type {
  BfdDropCounters,
  BfdIntents,
  BfdOptions,
  BfdPacketFact,
  BfdPeer,
  BfdStatus,
  ExportedBfd,
} from './contract.ts';
import { readPacket } from './packet.ts';
import { Session } from './session.ts';

export class BfdSystem {
  drops: BfdDropCounters = newDrops();

  private readonly options: BfdOptions;
  private readonly sessions = new Map<string, Session>();
  private readonly byDiscriminator = new Map<number, Session>();
  private lastMs = -Infinity;

  constructor(options: BfdOptions) {
    this.options = options;
  }

  /** When onTime must be called at the latest (monotonic ms); Infinity: nothing is waited for. */
  get deadlineMs(): number {
    let deadlineMs = Infinity;
    for (const session of this.sessions.values()) deadlineMs = Math.min(deadlineMs, session.deadlineMs);
    return deadlineMs;
  }

  /**
   * The sessions that are wanted from now on. Those with the same neighbor go on with their new settings, the others
   * end (AdminDown) or begin (told to be down, until they are up). `states`: of a predecessor, for those that begin.
   */
  configure(peers: readonly BfdPeer[], nowMs: number, intents: BfdIntents, states: readonly ExportedBfd[] = []): void {
    const now = this.turn(nowMs);
    const wanted = new Map(peers.map((each) => [each.config.name, each]));
    assert(wanted.size === peers.length, 'sessions have names of their own');
    for (const [name, session] of this.sessions) {
      const peer = wanted.get(name);
      if (peer !== undefined && isSameSession(peer.config, session.peer.config)) session.reconfigure(peer, now);
      else this.remove(session, now, intents);
    }
    for (const peer of peers) {
      if (this.sessions.has(peer.config.name)) continue;
      const state = states.find((each) => each.name === peer.config.name && each.neighbor === peer.config.neighbor);
      this.add(peer, state, now, intents);
    }
  }

  onPacket(fact: BfdPacketFact, nowMs: number, intents: BfdIntents): void {
    const now = this.turn(nowMs);
    const packet = readPacket(fact.bytes);
    if (typeof packet === 'string') {
      this.drops[packet]++;
      return;
    }
    const session =
      packet.yourDiscriminator === 0 ? this.findByAddress(fact) : this.byDiscriminator.get(packet.yourDiscriminator);
    if (session === undefined || session.peer.config.multihop !== fact.multihop) {
      this.drops.no_session++;
      return;
    }
    session.onPacket(packet, fact, now, intents);
  }

  onTime(nowMs: number, intents: BfdIntents): void {
    const now = this.turn(nowMs);
    for (const session of this.sessions.values()) if (now >= session.deadlineMs) session.onTime(now, intents);
  }

  /** The orderly end of all sessions. */
  stop(nowMs: number, intents: BfdIntents): void {
    const now = this.turn(nowMs);
    for (const session of this.sessions.values()) this.remove(session, now, intents);
  }

  exportState(nowMs: number): ExportedBfd[] {
    const now = this.turn(nowMs);
    return [...this.sessions.values()].map((each) => each.exportState(now));
  }

  status(nowMs: number): BfdStatus[] {
    const now = this.turn(nowMs);
    return [...this.sessions.values()].map((each) => each.status(now));
  }

  clearCounters(): void {
    this.drops = newDrops();
    for (const session of this.sessions.values()) session.clearCounters();
  }

  private add(peer: BfdPeer, state: ExportedBfd | undefined, nowMs: number, intents: BfdIntents): void {
    const isFree = (each: number): boolean => each !== 0 && !this.byDiscriminator.has(each);
    let discriminator = state?.localDiscriminator ?? 0;
    while (!isFree(discriminator)) discriminator = this.options.random32() >>> 0;
    const session = new Session(peer, discriminator, nowMs, this.options);
    this.sessions.set(peer.config.name, session);
    this.byDiscriminator.set(discriminator, session);
    if (state !== undefined && state.state !== 'admin-down') session.importState(state, nowMs);
    else session.start(nowMs);
    intents.push({ do: 'tell', session: session.name, up: session.toldUp });
  }

  private remove(session: Session, nowMs: number, intents: BfdIntents): void {
    session.stop(nowMs, intents);
    this.sessions.delete(session.name);
    this.byDiscriminator.delete(session.localDiscriminator);
  }

  // A neighbor that does not know us yet: by its address, and by ours where the configuration names it.
  private findByAddress({ source, destination, multihop }: BfdPacketFact): Session | undefined {
    for (const session of this.sessions.values()) {
      const { peer } = session;
      if (peer.config.multihop !== multihop || !isSame(peer.neighbor, source)) continue;
      if (peer.source === null || destination.length === 0 || isSame(peer.source, destination)) return session;
    }
    return undefined;
  }

  // Time never goes back, whatever the caller's clock does.
  private turn(nowMs: number): number {
    assert(Number.isFinite(nowMs), 'now is a number');
    this.lastMs = Math.max(this.lastMs, nowMs);
    return this.lastMs;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

// What makes it another session, whatever its name.
function isSameSession(a: VrrpBfd, b: VrrpBfd): boolean {
  return a.neighbor === b.neighbor && a.source === b.source && a.multihop === b.multihop;
}

function newDrops(): BfdDropCounters {
  return {
    packet_len_err: 0,
    vers_err: 0,
    detect_mult_err: 0,
    multipoint_err: 0,
    my_discr_err: 0,
    your_discr_err: 0,
    flags_err: 0,
    no_session: 0,
  };
}
