// One BFD session: states, intervals, Poll Sequences, detection (RFC 5880 §6, asynchronous mode). The packet checks that
// need no session are in packet.ts, those that find one in system.ts.
//
// What keepalived does beyond the RFC is done here too: the TTL check has a tolerance (max_hops), and a neighbor that
// says it is administratively down is no failure (RFC 5882 §3.2): the session falls, but nobody is told.

import { assert } from '../base/assert.ts';
import type {
  BfdCounters,
  BfdIntents,
  BfdOptions,
  BfdPacketFact,
  BfdPeer,
  BfdState,
  BfdStatus,
  ExportedBfd,
} from './contract.ts';
import {
  type BfdPacket,
  DIAGNOSTIC_ADMIN_DOWN,
  DIAGNOSTIC_EXPIRED,
  DIAGNOSTIC_NEIGHBOR_DOWN,
  DIAGNOSTIC_NONE,
  diagnosticText,
  writePacket,
} from './packet.ts';

const REMOTE_MIN_RX_INITIAL_US = 1; // RFC 5880 §6.8.1
const JITTER_MAX = 0.25; // RFC 5880 §6.8.7
const JITTER_MIN_SINGLE = 0.1; // with a multiplier of 1 one late packet is all it takes
const HOPS_ANY = 255;
const FAREWELL_COUNT = 3; // AdminDown packets: nobody repeats them when one is lost
const STALE_FINAL_MS = 2_000; // no answer to a Poll takes longer
const TWO_TO_32 = 0x1_0000_0000;

export class Session {
  peer: BfdPeer;
  state: BfdState = 'down';
  readonly localDiscriminator: number;
  /** When onTime must be called at the latest. */
  deadlineMs = Infinity;
  counters: BfdCounters = newCounters();
  /** What was told last. A neighbor that went AdminDown leaves it as it was. */
  toldUp = false;

  private readonly random32: () => number;
  private remoteState: BfdState = 'down';
  private remoteDiscriminator = 0;
  private localDiagnostic = DIAGNOSTIC_NONE;
  private remoteDiagnostic = DIAGNOSTIC_NONE;
  private remoteMinTxUs = 0;
  private remoteMinRxUs = REMOTE_MIN_RX_INITIAL_US;
  private remoteMultiplier = 0; // 0 exactly while nothing has been heard
  private remoteDemand = false;
  // What is announced, and what is acted on: they differ from a change until the Poll Sequence has told the neighbor.
  private desiredTxUs: number;
  private txInForceUs: number;
  private requiredRxUs: number;
  private rxInForceUs: number;
  private polling = false;
  private pollAgain = false; // something changed during a Poll Sequence: another one after it
  // A slow path holds several Polls at once, and their answers do not say which of them they are for: those to the Polls
  // of an earlier sequence must not end the one that came after it.
  private unansweredPolls = 0;
  private staleFinals = 0; // answers still to come to Polls from before this sequence
  private lastPollMs = -Infinity;
  private sendAtMs = Infinity;
  private detectAtMs = Infinity; // finite exactly while a neighbor is known
  private plannedPeriodMs = Infinity;
  private lastSentMs = -Infinity;
  private heardAtMs = -Infinity;
  private sinceMs: number;
  private reason = 'it starts';

  constructor(peer: BfdPeer, localDiscriminator: number, nowMs: number, { random32 }: BfdOptions) {
    assert(localDiscriminator !== 0, 'a discriminator is not zero');
    this.peer = peer;
    this.localDiscriminator = localDiscriminator;
    this.random32 = random32;
    this.sinceMs = nowMs;
    this.desiredTxUs = this.txInForceUs = peer.config.idleTxUs;
    this.requiredRxUs = this.rxInForceUs = peer.config.minRxUs;
  }

  get name(): string {
    return this.peer.config.name;
  }

  /** Begins to send, unless it is the neighbor who must (passive). */
  start(nowMs: number): void {
    this.plan(nowMs);
    this.settle();
  }

  clearCounters(): void {
    this.counters = newCounters();
  }

  /** A packet that is meant for this session and has passed the checks of packet.ts. */
  onPacket(packet: BfdPacket, fact: BfdPacketFact, nowMs: number, intents: BfdIntents): void {
    if (!this.hasComeNearEnough(fact.ttl)) {
      this.counters.ttl_err++;
      return;
    }
    if (packet.authentication) {
      this.counters.auth_err++;
      return;
    }
    assert(this.state !== 'admin-down', 'a session that was stopped is forgotten');
    this.counters.packets_rcvd++;
    this.heardAtMs = nowMs;
    this.remoteDiscriminator = packet.myDiscriminator;
    this.remoteState = packet.state;
    this.remoteDiagnostic = packet.diagnostic;
    this.remoteDemand = packet.demand;
    this.remoteMinRxUs = packet.requiredMinRxUs;
    this.remoteMinTxUs = packet.desiredMinTxUs;
    this.remoteMultiplier = packet.multiplier;
    if (packet.final) this.pollAnswered(nowMs);
    const before = this.state;
    this.follow(packet.state, nowMs, intents);
    this.detectAtMs = nowMs + this.detectionMs;
    this.plan(nowMs);
    if (packet.poll) this.send(false, true, intents);
    if (this.state !== before && !packet.poll) this.sendNow(nowMs, intents);
    this.settle();
  }

  onTime(nowMs: number, intents: BfdIntents): void {
    if (nowMs >= this.detectAtMs) this.expire(nowMs, intents);
    if (nowMs >= this.sendAtMs) this.sendNow(nowMs, intents);
    this.settle();
  }

  /** Other settings for the same neighbor: the session goes on, a Poll Sequence tells of new intervals (§6.8.3). */
  reconfigure(peer: BfdPeer, nowMs: number): void {
    this.peer = peer;
    const { idleTxUs, minTxUs, minRxUs } = peer.config;
    this.announce(this.state === 'up' ? minTxUs : idleTxUs, minRxUs, nowMs);
    if (this.remoteMultiplier > 0) this.detectAtMs = this.heardAtMs + this.detectionMs;
    this.plannedPeriodMs = Number.NaN; // another multiplier is another jitter
    this.plan(nowMs);
    this.settle();
  }

  /** The orderly end: the neighbor is told that this is no failure (RFC 5880 §6.8.16). */
  stop(nowMs: number, intents: BfdIntents): void {
    const isKnown = this.remoteDiscriminator !== 0;
    this.enter('admin-down', DIAGNOSTIC_ADMIN_DOWN, 'it is stopped', nowMs, intents);
    if (isKnown) for (let count = 0; count < FAREWELL_COUNT; count++) this.send(false, false, intents);
    this.sendAtMs = this.detectAtMs = Infinity;
    this.settle();
  }

  exportState(nowMs: number): ExportedBfd {
    return {
      name: this.name,
      neighbor: this.peer.config.neighbor,
      state: this.state,
      remoteState: this.remoteState,
      localDiscriminator: this.localDiscriminator,
      remoteDiscriminator: this.remoteDiscriminator,
      localDiagnostic: this.localDiagnostic,
      remoteDiagnostic: this.remoteDiagnostic,
      desiredTxUs: this.desiredTxUs,
      txInForceUs: this.txInForceUs,
      requiredRxUs: this.requiredRxUs,
      rxInForceUs: this.rxInForceUs,
      remoteMinTxUs: this.remoteMinTxUs,
      remoteMinRxUs: this.remoteMinRxUs,
      remoteMultiplier: this.remoteMultiplier,
      remoteDemand: this.remoteDemand,
      polling: this.polling,
      unansweredPolls: this.unansweredPolls,
      staleFinals: this.staleFinals,
      toldUp: this.toldUp,
      reason: this.reason,
      sinceAgoMs: nowMs - this.sinceMs,
      counters: { ...this.counters },
    };
  }

  /** Goes on where another thread ended. It was we who could not hear: the neighbor gets a whole Detection Time. */
  importState(state: ExportedBfd, nowMs: number): void {
    this.state = state.state;
    this.remoteState = state.remoteState;
    this.remoteDiscriminator = state.remoteDiscriminator;
    this.localDiagnostic = state.localDiagnostic;
    this.remoteDiagnostic = state.remoteDiagnostic;
    this.desiredTxUs = state.desiredTxUs;
    this.txInForceUs = state.txInForceUs;
    this.requiredRxUs = state.requiredRxUs;
    this.rxInForceUs = state.rxInForceUs;
    this.remoteMinTxUs = state.remoteMinTxUs;
    this.remoteMinRxUs = state.remoteMinRxUs;
    this.remoteMultiplier = state.remoteMultiplier;
    this.remoteDemand = state.remoteDemand;
    this.polling = state.polling;
    this.unansweredPolls = state.unansweredPolls;
    this.staleFinals = state.staleFinals;
    this.lastPollMs = nowMs;
    this.toldUp = state.toldUp;
    this.reason = state.reason;
    this.sinceMs = nowMs - state.sinceAgoMs;
    this.counters = { ...newCounters(), ...state.counters };
    if (this.remoteMultiplier > 0) {
      this.heardAtMs = nowMs;
      this.detectAtMs = nowMs + this.detectionMs;
    }
    // What changed between the two is announced as any change is.
    this.reconfigure(this.peer, nowMs);
  }

  status(nowMs: number): BfdStatus {
    const { config } = this.peer;
    const periodMs = this.periodMs;
    return {
      name: this.name,
      state: this.state,
      remoteState: this.remoteState,
      trackedUp: this.toldUp,
      neighbor: config.neighbor,
      source: config.source,
      multihop: config.multihop,
      passive: config.passive,
      localDiscriminator: this.localDiscriminator,
      remoteDiscriminator: this.remoteDiscriminator,
      localDiagnostic: diagnosticText(this.localDiagnostic),
      remoteDiagnostic: diagnosticText(this.remoteDiagnostic),
      txIntervalMs: periodMs === Infinity ? -1 : periodMs,
      detectionMs: this.detectionMs,
      desiredMinTxMs: this.desiredTxUs / 1_000,
      requiredMinRxMs: this.requiredRxUs / 1_000,
      remoteMinTxMs: this.remoteMinTxUs / 1_000,
      remoteMinRxMs: this.remoteMinRxUs / 1_000,
      remoteMultiplier: this.remoteMultiplier,
      polling: this.polling,
      sinceMs: nowMs - this.sinceMs,
      heardMs: this.heardAtMs === -Infinity ? -1 : nowMs - this.heardAtMs,
      reason: this.reason,
      counters: { ...this.counters },
    };
  }

  // ---------------------------------------------------------------------------------------------------- inside

  /** RFC 5880 §6.8.4: how long the neighbor may be silent; 0 before anything was heard. */
  private get detectionMs(): number {
    return (this.remoteMultiplier * Math.max(this.rxInForceUs, this.remoteMinTxUs)) / 1_000;
  }

  /** RFC 5880 §6.8.7: how often packets go out, before jitter; Infinity: not by themselves. */
  private get periodMs(): number {
    if (this.state === 'admin-down') return Infinity;
    if (this.peer.config.passive && this.remoteDiscriminator === 0) return Infinity;
    if (this.remoteMinRxUs === 0) return Infinity;
    const isSpared = this.remoteDemand && this.state === 'up' && this.remoteState === 'up';
    if (isSpared && !this.polling) return Infinity;
    return Math.max(this.txInForceUs, this.remoteMinRxUs) / 1_000;
  }

  // RFC 5881 §5 with keepalived's tolerance: a neighbor is taken to send with the TTL that we send with.
  private hasComeNearEnough(ttl: number): boolean {
    const { maxHops, ttl: sentTtl } = this.peer.config;
    return maxHops === HOPS_ANY || (ttl >= 0 && ttl + maxHops >= sentTtl);
  }

  // The state machine of RFC 5880 §6.8.6, at its end.
  private follow(remote: BfdState, nowMs: number, intents: BfdIntents): void {
    if (remote === 'admin-down') {
      if (this.state === 'down') return;
      this.enter('down', DIAGNOSTIC_NEIGHBOR_DOWN, 'the neighbor is administratively down', nowMs, intents);
      return;
    }
    switch (this.state) {
      case 'down':
        if (remote === 'down') this.enter('init', DIAGNOSTIC_NONE, 'the neighbor is heard', nowMs, intents);
        else if (remote === 'init') this.enter('up', DIAGNOSTIC_NONE, 'the neighbor hears us', nowMs, intents);
        return;
      case 'init':
        if (remote !== 'down') this.enter('up', DIAGNOSTIC_NONE, 'the neighbor hears us', nowMs, intents);
        return;
      case 'up':
        if (remote !== 'down') return;
        this.enter('down', DIAGNOSTIC_NEIGHBOR_DOWN, 'the neighbor says that it is down', nowMs, intents);
        return;
    }
  }

  private expire(nowMs: number, intents: BfdIntents): void {
    const silentMs = (nowMs - this.heardAtMs).toFixed(1);
    const reason = `nothing heard for ${silentMs} ms, detection time ${this.detectionMs} ms`;
    // RFC 5880 §6.8.1: the neighbor is unknown from now on, and owes us nothing.
    this.detectAtMs = Infinity;
    this.remoteDiscriminator = 0;
    this.remoteMultiplier = 0;
    this.remoteMinTxUs = 0;
    this.remoteMinRxUs = REMOTE_MIN_RX_INITIAL_US;
    this.remoteDemand = false;
    this.unansweredPolls = 0;
    if (this.state === 'init' || this.state === 'up') {
      if (this.state === 'up') this.counters.expired++;
      this.enter('down', DIAGNOSTIC_EXPIRED, reason, nowMs, intents);
      this.remoteState = 'down';
      this.plan(nowMs);
      if (this.periodMs !== Infinity) this.sendNow(nowMs, intents);
      return;
    }
    this.remoteState = 'down';
    this.plan(nowMs);
  }

  private enter(state: BfdState, diagnostic: number, reason: string, nowMs: number, intents: BfdIntents): void {
    const before = this.state;
    assert(before !== state, 'a session enters a state it is not in');
    assert(state !== 'init' || before === 'down', 'Init is entered from Down only');
    this.state = state;
    this.localDiagnostic = diagnostic;
    this.reason = reason;
    this.sinceMs = nowMs;
    if (state === 'up') this.counters.up++;
    if (before === 'up') this.counters.down++;
    const { idleTxUs, minTxUs, minRxUs } = this.peer.config;
    // RFC 5880 §6.8.3: slow while not Up.
    this.announce(state === 'up' ? minTxUs : idleTxUs, minRxUs, nowMs);
    intents.push({
      do: 'log',
      level: before === 'up' && state === 'down' ? 'warning' : state === 'init' ? 'info' : 'notice',
      text: `(${this.name}) Entering ${STATE_TEXTS[state]} state: ${reason}${this.diagnosticsFor(state)}`,
    });
    this.tell(before, intents);
  }

  private diagnosticsFor(state: BfdState): string {
    if (state !== 'down') return '';
    const local = diagnosticText(this.localDiagnostic);
    return ` (Local diagnostic - ${local}, Remote diagnostic - ${diagnosticText(this.remoteDiagnostic)})`;
  }

  private tell(before: BfdState, intents: BfdIntents): void {
    const isUp = this.state === 'up';
    if (!isUp && (before !== 'up' || this.state === 'admin-down' || this.remoteState === 'admin-down')) return;
    this.toldUp = isUp;
    intents.push({ do: 'tell', session: this.name, up: isUp });
  }

  // RFC 5880 §6.8.3: while Up, sending slower and expecting packets more often wait for the end of a Poll Sequence.
  private announce(desiredTxUs: number, requiredRxUs: number, nowMs: number): void {
    const isChanged = desiredTxUs !== this.desiredTxUs || requiredRxUs !== this.requiredRxUs;
    this.desiredTxUs = desiredTxUs;
    this.requiredRxUs = requiredRxUs;
    if (this.state !== 'up') {
      this.txInForceUs = desiredTxUs;
      this.rxInForceUs = requiredRxUs;
      this.polling = this.pollAgain = false;
      return;
    }
    this.txInForceUs = Math.min(this.txInForceUs, desiredTxUs);
    this.rxInForceUs = Math.max(this.rxInForceUs, requiredRxUs);
    if (!isChanged) return;
    if (this.polling) this.pollAgain = true;
    else this.pollBegin(nowMs);
  }

  private pollBegin(nowMs: number): void {
    if (nowMs - this.lastPollMs > STALE_FINAL_MS) this.unansweredPolls = 0;
    this.staleFinals = this.unansweredPolls;
    this.polling = true;
    this.counters.polls++;
  }

  private pollAnswered(nowMs: number): void {
    this.unansweredPolls = Math.max(0, this.unansweredPolls - 1);
    if (!this.polling) return;
    if (this.staleFinals > 0) {
      this.staleFinals--;
      return;
    }
    this.polling = false;
    if (this.pollAgain) {
      this.pollAgain = false;
      this.pollBegin(nowMs);
      return;
    }
    this.txInForceUs = this.desiredTxUs;
    this.rxInForceUs = this.requiredRxUs;
  }

  // Another period is counted from the last packet; the same one keeps its time, so that jitter is drawn once a packet.
  private plan(nowMs: number): void {
    const { periodMs } = this;
    if (periodMs === this.plannedPeriodMs) return;
    this.plannedPeriodMs = periodMs;
    this.sendAtMs = periodMs === Infinity ? Infinity : Math.max(nowMs, this.lastSentMs + this.jittered(periodMs));
  }

  private jittered(periodMs: number): number {
    const chance = this.random32() / TWO_TO_32;
    const least = this.peer.config.multiplier === 1 ? JITTER_MIN_SINGLE : 0;
    return periodMs * (1 - least - chance * (JITTER_MAX - least));
  }

  /** The periodic packet, now: its turn, or a change that should not wait for its turn (RFC 5880 §6.8.7, at its end). */
  private sendNow(nowMs: number, intents: BfdIntents): void {
    this.send(this.polling, false, intents);
    if (this.polling) {
      this.unansweredPolls++;
      this.lastPollMs = nowMs;
    }
    this.lastSentMs = nowMs;
    const { periodMs } = this;
    this.plannedPeriodMs = periodMs;
    this.sendAtMs = periodMs === Infinity ? Infinity : nowMs + this.jittered(periodMs);
  }

  private send(poll: boolean, final: boolean, intents: BfdIntents): void {
    this.counters.packets_sent++;
    const bytes = writePacket({
      diagnostic: this.localDiagnostic,
      state: this.state,
      poll,
      final,
      authentication: false,
      demand: false,
      multiplier: this.peer.config.multiplier,
      myDiscriminator: this.localDiscriminator,
      yourDiscriminator: this.remoteDiscriminator,
      desiredMinTxUs: this.desiredTxUs,
      requiredMinRxUs: this.requiredRxUs,
    });
    intents.push({ do: 'send', session: this.name, bytes });
  }

  private settle(): void {
    this.deadlineMs = Math.min(this.sendAtMs, this.detectAtMs);
    assert(this.state !== 'up' || this.remoteDiscriminator !== 0, 'who is Up knows the neighbor');
    assert(this.state !== 'up' || this.detectAtMs < Infinity, 'who is Up watches the neighbor');
    assert(this.state === 'up' || !this.polling, 'only who is Up polls');
  }
}

const STATE_TEXTS: Readonly<Record<BfdState, string>> = {
  'admin-down': 'AdminDown',
  down: 'Down',
  init: 'Init',
  up: 'Up',
};

function newCounters(): BfdCounters {
  return {
    packets_sent: 0,
    packets_rcvd: 0,
    ttl_err: 0,
    auth_err: 0,
    polls: 0,
    up: 0,
    down: 0,
    expired: 0,
  };
}
