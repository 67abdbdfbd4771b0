// One virtual router: its states and timers (RFC 9568 §6.4; RFC 3768 §6.4), with keepalived's FAULT beside the RFC's
// Initialize, and its improvements where the reference is known to be wrong.
//
// Sans-io: facts and time come in, intents go out. Invariants, asserted at the end of each entry:
// addresses are held exactly while master; a master has an advert timer, a backup a Master_Down timer, the rest none.

import { assert } from '../base/assert.ts';
import { compareAddresses, formatAddress, sameAddress } from './address.ts';
import { nextAdvert, type SendLine } from './advert.ts';
import type { SenderSequence, Sequence } from './auth.ts';
import type { FaultCauses, Intents, NotifyState, VrrpCounters, VrrpState } from './contract.ts';
import { newCounters } from './counters.ts';
import { type Announced, Announcer } from './garp.ts';
import { OnceLog } from './once-log.ts';
import { OwnerClash } from './owner-clash.ts';
import { encodeAdvert, type ReceivedAdvert } from './packet.ts';
import { checkAdvert, type Receiver } from './receive.ts';
import { ReplyLimit } from './reply-limit.ts';
import {
  addResources,
  announcedOf,
  exchangeResources,
  heldAddresses,
  isTrackedAddress,
  removeResources,
} from './resources.ts';
import type { Settings } from './settings.ts';
import { Standstill } from './standstill.ts';
import type { Companions, Conditions, Host } from './surroundings.ts';
import { learnedIntervalMs, masterDownMs, PRIORITY_OWNER, PRIORITY_STOP, skewMs } from './timers.ts';

export class Instance implements Receiver, SendLine {
  settings: Settings;
  group: Companions | null = null;
  state: VrrpState = 'init';
  // What it would be without its sync group.
  wantState: VrrpState = 'init';
  counters: VrrpCounters = newCounters();

  ifindex = 0;
  source: Uint8Array | null = null;
  faults: FaultCauses = { link: true, address: true, tracker: 0 };
  isPending = false;
  private weight = 0;
  private faultReason = 'it has not started';

  // RFC 9568 §6.1; infinite while not running.
  advertAtMs = Infinity;
  masterDownAtMs = Infinity;
  preemptAtMs = Infinity; // end of preempt_delay; Infinity: not counting
  lastSentAtMs = -Infinity;
  masterAdvertIntMs: number;
  masterPriority = 0;
  masterAddress: Uint8Array | null = null;
  effectivePriority: number;
  // Two owners met and we gave way: 254 until the other is gone.
  ownerLowered = false;
  private readonly clash = new OwnerClash();
  private readonly replies = new ReplyLimit();
  private readonly standstill = new Standstill();
  readonly announcer = new Announcer();

  ipId = 0;
  ahSequence = 0;
  ahSeen: { source: number[]; sequence: number }[] = [];
  hmacSent: Sequence = { high: 0, low: 0 };
  hmacSeen: SenderSequence[] = [];

  sinceMs = 0;
  sinceWallMs = 0;
  unexpectedAtMs = -1;
  holdsAddresses = false;
  private readonly host: Host;
  private readonly logs: OnceLog;
  private readonly notes: string[] = [];

  constructor(settings: Settings, host: Host) {
    this.settings = settings;
    this.host = host;
    this.logs = new OnceLog(settings.config.name);
    this.masterAdvertIntMs = settings.config.advertIntMs;
    this.effectivePriority = settings.config.priority;
  }

  get name(): string {
    return this.settings.config.name;
  }

  get deadlineMs(): number {
    if (this.state === 'master') return Math.min(this.advertAtMs, this.announcer.deadlineMs, this.clash.untilMs);
    return this.state === 'backup' ? this.masterDownAtMs : Infinity;
  }

  get isFaulty(): boolean {
    return this.faults.link || this.faults.address || this.faults.tracker > 0;
  }

  /** Master_Down_Interval by the master's interval, as a backup counts it. */
  get masterDownMs(): number {
    const { config, downTimerAdverts } = this.settings;
    return masterDownMs(config.version, this.effectivePriority, this.masterIntervalMs, downTimerAdverts);
  }

  // What our own silence may last: every backup of our rank or below waits at least as long.
  private get ownDownMs(): number {
    const { config, downTimerAdverts } = this.settings;
    return masterDownMs(config.version, this.effectivePriority, config.advertIntMs, downTimerAdverts);
  }

  // Version 2 has only our own.
  private get masterIntervalMs(): number {
    const { version, advertIntMs } = this.settings.config;
    return version === 2 ? advertIntMs : this.masterAdvertIntMs;
  }

  // ---------------------------------------------------------------------------------------------------- time

  onTime(nowMs: number, intents: Intents): void {
    if (this.stepBackIfLate(nowMs, intents)) return;
    if (this.state === 'master') {
      // RFC 9568 §6.4.3: Adver_Timer fires.
      if (nowMs >= this.advertAtMs) this.advertise(nowMs, intents);
      if (nowMs >= this.announcer.deadlineMs) {
        this.announcer.run(this.settings, this.announced(), nowMs, intents);
      }
      this.clash.onTime(nowMs);
    } else if (this.state === 'backup' && nowMs >= this.masterDownAtMs) {
      this.masterDown(nowMs, intents);
    }
    this.check();
  }

  // A master that slept through its own Down interval (a stalled machine, a suspended one) has probably been replaced:
  // it goes back before it sends, else both would be master until the next packet sorts them out.
  private stepBackIfLate(nowMs: number, intents: Intents): boolean {
    if (this.state !== 'master') return false;
    const silentMs = nowMs - this.lastSentAtMs;
    if (silentMs <= this.ownDownMs) return false;
    this.counters.late_master++;
    this.masterAdvertIntMs = this.settings.config.advertIntMs;
    this.leaveMaster('backup', `we were silent for ${Math.round(silentMs)} ms`, false, nowMs, intents);
    this.group?.onMemberBackup(this, nowMs, intents);
    return true;
  }

  // RFC 9568 §6.4.2: Active_Down_Timer (RFC 3768: Master_Down_Timer) fires.
  private masterDown(nowMs: number, intents: Intents): void {
    const lateMs = nowMs - this.masterDownAtMs;
    if (this.standstill.grants(lateMs, this.masterIntervalMs)) {
      this.counters.late_backup++;
      this.logs.once('stood still', `we stood still for ${Math.round(lateMs)} ms, and listen once more`, intents);
      this.masterDownAtMs = nowMs + this.masterIntervalMs;
      return;
    }
    this.wantState = 'master';
    if (this.group !== null && !this.group.canGoMaster(this)) {
      this.masterDownAtMs = nowMs + this.masterDownMs;
      return;
    }
    const from = this.masterAddress === null ? '' : `, nothing from ${formatAddress(this.masterAddress)}`;
    this.becomeMaster(`Receive advertisement timeout${from}`, nowMs, intents);
    this.group?.onMemberMaster(this, nowMs, intents);
  }

  // -------------------------------------------------------------------------------------------------- packets

  /** A packet for this virtual router, not from ourselves. Refused ones change nothing but counters. */
  onAdvert(advert: ReceivedAdvert, nowMs: number, intents: Intents): void {
    // RFC 9568 §6.4.1: Initialize listens to nobody.
    if (this.state !== 'backup' && this.state !== 'master') return;
    const notes = this.notes;
    notes.length = 0;
    const refusal = checkAdvert(this, advert, this.host.wallMs(), notes);
    const from = formatAddress(advert.source);
    if (refusal !== '') {
      this.logs.once(refusal, `ignoring advertisement from ${from}: ${refusal}`, intents);
      return;
    }
    for (const note of notes) this.logs.once(note, `${note}, from ${from}`, intents);
    this.stepBackIfLate(nowMs, intents);
    if (this.state === 'backup') this.backupOnAdvert(advert, nowMs, intents);
    else this.masterOnAdvert(advert, nowMs, intents);
    this.check();
  }

  // RFC 9568 §6.4.2: an advertisement while BACKUP.
  private backupOnAdvert(advert: ReceivedAdvert, nowMs: number, intents: Intents): void {
    const isNewMaster = !sameAddress(this.masterAddress, advert.source);
    if (this.ownerLowered && (isNewMaster || advert.priority !== PRIORITY_OWNER)) this.lowerOwner(false);
    if (advert.priority === PRIORITY_STOP) {
      // Priority 0: the master stops; the best of us is there first.
      const { version } = this.settings.config;
      // Never later than it would have been anyway: a flood of these must not keep a backup waiting for ever.
      const soonestMs = nowMs + skewMs(version, this.effectivePriority, this.masterIntervalMs);
      this.masterDownAtMs = Math.min(this.masterDownAtMs, soonestMs);
      this.logs.once('stop', `Backup received priority 0 advertisement from ${formatAddress(advert.source)}`, intents);
      return;
    }
    this.masterAddress ??= advert.source;
    if (!this.isAccepted(advert.priority, nowMs)) {
      // Lower than ours: discarded; the timer runs on, and at its end we preempt.
      this.logs.once(
        'lower',
        `received lower priority (${advert.priority}) advert from ${formatAddress(advert.source)} - discarding`,
        intents,
      );
      return;
    }
    // Higher, equal, or not to be preempted: the master stands.
    this.standstill.forget();
    if (isNewMaster) this.logs.forget();
    this.masterAddress = advert.source;
    this.learnInterval(advert, intents);
    this.masterPriority = advert.priority;
    this.masterDownAtMs = nowMs + this.masterDownMs;
    this.countPreemptDelay(advert.priority, nowMs);
    // A sync group may have kept us from becoming master; there is one again.
    this.wantState = 'backup';
  }

  private isAccepted(priority: number, nowMs: number): boolean {
    const { preempt, preemptDelayMs } = this.settings;
    if (!preempt || priority >= this.effectivePriority) return true;
    return preemptDelayMs > 0 && (this.preemptAtMs === Infinity || nowMs < this.preemptAtMs);
  }

  // preempt_delay counts from the first advert of a lower master and is called off by a higher one.
  private countPreemptDelay(priority: number, nowMs: number): void {
    if (this.settings.preemptDelayMs === 0) return;
    if (priority >= this.effectivePriority) this.preemptAtMs = Infinity;
    else if (this.preemptAtMs === Infinity) this.preemptAtMs = nowMs + this.settings.preemptDelayMs;
  }

  // RFC 9568 §6.4.2: Active_Adver_Interval is the sender's; v2 has only its own.
  private learnInterval(advert: ReceivedAdvert, intents: Intents): void {
    const { config } = this.settings;
    if (config.version === 2) return;
    const learnedMs = learnedIntervalMs(advert.centiseconds, config.advertIntMs, this.host.learnedFactorMax);
    if (learnedMs !== advert.centiseconds * 10) {
      this.counters.interval_clamped++;
      this.logs.once(
        'interval',
        `advertisement interval ${advert.centiseconds * 10} ms from ${formatAddress(advert.source)} taken as ${learnedMs} ms`,
        intents,
      );
    }
    this.masterAdvertIntMs = learnedMs;
  }

  // RFC 9568 §6.4.3: an advertisement while MASTER (there called Active).
  private masterOnAdvert(advert: ReceivedAdvert, nowMs: number, intents: Intents): void {
    assert(this.source !== null, 'a master has a source address');
    if (advert.priority === PRIORITY_STOP) {
      // Priority 0: tell the others at once that there is a master.
      this.answer(nowMs, intents);
      return;
    }
    const order = compareAddresses(advert.source, this.source);
    const from = formatAddress(advert.source);
    if (advert.priority === this.effectivePriority) {
      if (order === 0) {
        this.logs.once('same', `equal priority advertisement from ${from}, which is our own address`, intents);
        return;
      }
      if (this.effectivePriority === PRIORITY_OWNER) this.ownersClash(advert, order > 0, intents);
    }
    const mine = this.effectivePriority;
    const isOutranked = advert.priority > mine || (advert.priority === mine && order > 0);
    if (!isOutranked) {
      this.defend(advert, nowMs, intents);
      return;
    }
    // A better one; from its advert on we are its backup. No priority 0: it is master already.
    if (this.settings.higherPrioSendAdvert) this.sendAdvert(mine, nowMs, intents);
    this.learnInterval(advert, intents);
    this.masterPriority = advert.priority;
    this.masterAddress = advert.source;
    const why =
      advert.priority > mine
        ? `higher priority ${advert.priority}, ours ${mine}`
        : `same priority ${mine} but higher IP address than ours`;
    this.leaveMaster('backup', `Master received advert from ${from} with ${why}`, false, nowMs, intents);
    this.group?.onMemberBackup(this, nowMs, intents);
  }

  // Someone of lower rank believes to be master: split brain, or a network that was just joined again.
  private defend(advert: ReceivedAdvert, nowMs: number, intents: Intents): void {
    const { settings } = this;
    this.counters.unexpected_master++;
    this.unexpectedAtMs = nowMs;
    this.logs.once(
      'split',
      `Received advert from ${formatAddress(advert.source)} with lower priority ${advert.priority}, ours ${this.effectivePriority}: two masters`,
      intents,
      'warning',
    );
    if (settings.lowerPrioNoAdvert) {
      if (!this.replies.may(nowMs, settings.config.advertIntMs)) return;
      this.replies.onAnswer(nowMs);
    } else if (!this.answer(nowMs, intents)) {
      return;
    }
    this.announcer.onLowerPriority(settings, this.announced(), nowMs, intents);
    // The other side held the whole group, and only one of its adverts reaches us before it steps down.
    for (const other of this.group?.others(this) ?? []) {
      if (other.state === 'master') {
        other.announcer.onLowerPriority(other.settings, other.announced(), nowMs, intents);
      }
    }
    this.notify('MASTER_RX_LOWER_PRI', intents);
  }

  // At once, unless we did so a moment ago: then as soon as the limit allows. False: put off.
  private answer(nowMs: number, intents: Intents): boolean {
    const { advertIntMs } = this.settings.config;
    if (this.replies.may(nowMs, advertIntMs)) {
      this.replies.onAnswer(nowMs);
      this.advertise(nowMs, intents);
      return true;
    }
    this.counters.pri_zero_limited++;
    this.advertAtMs = Math.min(this.advertAtMs, this.replies.putOff(advertIntMs));
    return false;
  }

  private ownersClash(advert: ReceivedAdvert, isOutranked: boolean, intents: Intents): void {
    const { version, advertIntMs } = this.settings.config;
    const theirsMs = version === 2 ? advert.advertSeconds * 1000 : advert.centiseconds * 10;
    const text = `CONFIGURATION ERROR: we and ${formatAddress(advert.source)} are both address owners`;
    const todo = this.clash.onOwner(isOutranked, Math.max(advertIntMs, theirsMs));
    if (todo === 'insist') this.logs.once('clash', text, intents, 'error');
    if (todo !== 'give-way') return;
    this.lowerOwner(true);
    this.logs.say('error', `${text}; our priority is lowered`, intents);
  }

  private lowerOwner(isLowered: boolean): void {
    this.ownerLowered = isLowered;
    this.effectivePriority = isLowered ? PRIORITY_OWNER - 1 : PRIORITY_OWNER;
  }

  // -------------------------------------------------------------------------------------------------- sending

  // One advert of ours, and the timer set anew (RFC 9568 §6.4.3). The grid is kept as long as we are on
  // time, so that small delays do not add up.
  private advertise(nowMs: number, intents: Intents): void {
    const { advertIntMs } = this.settings.config;
    const gridMs = this.advertAtMs + advertIntMs;
    const isOnGrid = nowMs >= this.advertAtMs && gridMs > nowMs;
    this.advertAtMs = isOnGrid ? gridMs : nowMs + advertIntMs;
    this.sendAdvert(this.effectivePriority, nowMs, intents);
    this.replies.onSent(nowMs);
    this.clash.onSent(nowMs);
  }

  /** Someone else sent our last advert again, `count` times, when we did not come to it. */
  onSpokenFor(count: number, atMs: number): void {
    this.counters.advert_sent += count;
    this.counters.advert_by_deputy += count;
    if (this.state !== 'master') return;
    const { advertIntMs } = this.settings.config;
    this.lastSentAtMs = Math.max(this.lastSentAtMs, atMs);
    while (this.advertAtMs <= atMs) this.advertAtMs += advertIntMs;
    this.replies.onSent(atMs);
    this.clash.onSent(atMs);
  }

  private sendAdvert(priority: number, nowMs: number, intents: Intents): void {
    const { config, group, peers } = this.settings;
    if (this.source === null || (this.ifindex === 0 && config.interfaceName !== '')) return; // nothing to send with
    const spec = nextAdvert(this, this.settings, priority, this.source, this.host.wallMs());
    const mayRepeat = priority !== PRIORITY_STOP && spec.auth !== 'ah' && spec.trailer === null;
    const destinations = config.unicast ? peers.map((each) => each.address) : [group];
    intents.push({
      do: 'send-advert',
      instance: config.name,
      family: config.family,
      ifindex: this.ifindex,
      priority,
      multicast: !config.unicast,
      ttl: spec.ttl,
      source: this.source,
      packets: destinations.map((destination) => ({ destination, bytes: encodeAdvert(spec, destination) })),
      nextAtMs: mayRepeat ? this.advertAtMs : Infinity,
      intervalMs: config.advertIntMs,
      downMs: this.ownDownMs,
    });
    this.lastSentAtMs = nowMs;
    this.counters.advert_sent++;
    if (priority !== PRIORITY_STOP) return;
    this.counters.pri_zero_sent++;
    this.logs.say('info', 'sent 0 priority', intents);
  }

  // ------------------------------------------------------------------------------------------------- transitions

  // RFC 9568 §6.4.2, and §6.4.1 for the owner's start: the advert first, so that the old master lets
  // go of the addresses before ours are announced.
  becomeMaster(reason: string, nowMs: number, intents: Intents): void {
    assert(this.state !== 'master' && this.source !== null, 'only a runnable backup becomes master');
    if (this.ownerLowered) this.lowerOwner(false);
    this.enter('master', reason, nowMs, intents);
    this.counters.become_master++;
    this.masterDownAtMs = Infinity;
    this.preemptAtMs = Infinity;
    this.masterAdvertIntMs = this.settings.config.advertIntMs; // a master's own interval counts, whatever it learned
    this.masterPriority = this.effectivePriority;
    this.masterAddress = this.source;
    this.clash.reset();
    this.advertAtMs = nowMs;
    this.advertise(nowMs, intents);
    this.hold(intents);
    this.announcer.onMaster(this.settings, this.announced(), nowMs, intents);
    this.notify('MASTER', intents);
  }

  /** To BACKUP, or to FAULT as by a Shutdown event (RFC 9568 §6.4.3). `stop`: priority 0 goes first. */
  leaveMaster(to: 'backup' | 'fault', reason: string, stop: boolean, nowMs: number, intents: Intents): void {
    assert(this.state === 'master', 'only a master can leave mastership');
    intents.push({ do: 'end-adverts', instance: this.name });
    if (stop) this.sendAdvert(PRIORITY_STOP, nowMs, intents);
    this.announcer.cancel();
    this.release(intents);
    this.advertAtMs = Infinity;
    this.clash.reset();
    this.counters.release_master++;
    if (sameAddress(this.masterAddress, this.source)) {
      this.masterAddress = null; // we know of no other yet
      this.masterPriority = 0;
    }
    this.wantState = to;
    this.enter(to, reason, nowMs, intents);
    this.preemptAtMs = Infinity;
    this.masterDownAtMs = to === 'backup' ? nowMs + this.masterDownMs : Infinity;
    this.notify(to === 'backup' ? 'BACKUP' : 'FAULT', intents);
  }

  /** RFC 9568 §6.4.1: Startup, from INIT or from FAULT. */
  comeUp(reason: string, nowMs: number, intents: Intents): void {
    assert(this.state === 'init' || this.state === 'fault', 'only a stopped instance comes up');
    const isStart = this.state === 'init';
    this.masterAdvertIntMs = this.settings.config.advertIntMs;
    this.masterAddress = null;
    this.masterPriority = 0;
    this.preemptAtMs = Infinity;
    // What a killed predecessor left behind would answer beside the real master.
    if (isStart) this.release(intents);
    const { isOwner, config } = this.settings;
    if (isStart && isOwner && config.wantedState === 'MASTER') {
      this.wantState = 'master';
      if (this.group === null || this.group.canGoMaster(this)) {
        this.becomeMaster('it owns the addresses', nowMs, intents);
        this.group?.onMemberMaster(this, nowMs, intents);
        return;
      }
    } else {
      this.wantState = 'backup';
    }
    this.enter('backup', reason, nowMs, intents);
    this.masterDownAtMs = nowMs + this.masterDownMs;
    this.introduce(intents);
    this.notify('BACKUP', intents);
  }

  // A unicast master may have forgotten our MAC; without it, its first adverts would wait for ARP.
  private introduce(intents: Intents): void {
    const { config } = this.settings;
    if (!config.unicast || this.source === null || config.interfaceName === '') return;
    const { name: instance, family, interfaceName } = config;
    intents.push({ do: 'announce', instance, family, interfaceName, address: this.source, count: 1 });
  }

  /** It cannot or must not run. */
  enterFault(reason: string, nowMs: number, intents: Intents): void {
    if (this.state === 'fault') return;
    if (this.state === 'master') {
      this.leaveMaster('fault', reason, true, nowMs, intents);
      return;
    }
    if (this.state === 'init') this.release(intents);
    this.masterDownAtMs = Infinity;
    this.wantState = 'fault';
    this.enter('fault', reason, nowMs, intents);
    this.notify('FAULT', intents);
  }

  /** Why it is faulty, for the log; '' when it is not. */
  get faultWords(): string {
    return this.isFaulty ? this.faultReason : '';
  }

  /** Back to BACKUP with the shortest timer: we mean to be master again as soon as everything is set up anew. */
  restart(reason: string, nowMs: number, intents: Intents): void {
    if (this.state !== 'master') return;
    const { version, advertIntMs } = this.settings.config;
    this.leaveMaster('backup', reason, true, nowMs, intents);
    this.masterDownAtMs = nowMs + skewMs(version, this.effectivePriority, advertIntMs);
    this.check();
  }

  /** The end: of the program or of the instance. */
  stop(state: NotifyState, nowMs: number, intents: Intents): void {
    if (this.state === 'master') {
      intents.push({ do: 'end-adverts', instance: this.name });
      this.sendAdvert(PRIORITY_STOP, nowMs, intents);
      this.counters.release_master++;
    }
    this.announcer.cancel();
    if (this.holdsAddresses) this.release(intents);
    this.advertAtMs = Infinity;
    this.masterDownAtMs = Infinity;
    this.clash.reset();
    this.state = 'init';
    this.wantState = 'init';
    this.notify(state, intents);
  }

  private enter(state: VrrpState, reason: string, nowMs: number, intents: Intents): void {
    this.state = state;
    if (state === 'master') this.wantState = 'master';
    this.sinceMs = nowMs;
    this.sinceWallMs = this.host.wallMs();
    this.logs.forget();
    this.logs.say('notice', `Entering ${state.toUpperCase()} STATE: ${reason}`, intents);
  }

  // -------------------------------------------------------------------------------------------------- conditions

  /** Takes in what the outside is like. The caller settles the state afterwards, alone or with the sync group. */
  setConditions(conditions: Conditions, nowMs: number, intents: Intents): void {
    const { config } = this.settings;
    this.ifindex = conditions.ifindex;
    this.isPending = conditions.isPending;
    this.weight = conditions.weight;
    const isMissing = conditions.ifindex === 0 && config.interfaceName !== '';
    this.faults = {
      link: isMissing || (!conditions.isLinkUp && !config.dontTrackPrimary),
      address: conditions.source === null,
      tracker: conditions.trackerFaults.length,
    };
    // A master keeps its old source for the priority 0 with which it leaves.
    if (conditions.source !== null || this.state !== 'master') this.source = conditions.source;
    this.faultReason = this.faults.link
      ? `interface ${config.interfaceName} is ${isMissing ? 'missing' : 'down'}`
      : this.faults.address
        ? 'there is no source address'
        : conditions.trackerFaults.join(', ');
    this.updatePriority(nowMs, intents);
  }

  // Priority moves only within 1–254, and the owner's not at all (RFC 9568 §6.1). Nothing is sent: the next advert
  // carries it.
  private updatePriority(nowMs: number, intents: Intents): void {
    const { config, isOwner } = this.settings;
    const wanted = isOwner ? PRIORITY_OWNER : Math.min(PRIORITY_OWNER - 1, Math.max(1, config.priority + this.weight));
    if (this.ownerLowered && isOwner) return;
    if (wanted === this.effectivePriority) return;
    const before = this.masterDownMs;
    this.logs.say('info', `Changing effective priority from ${this.effectivePriority} to ${wanted}`, intents);
    this.ownerLowered = false;
    this.effectivePriority = wanted;
    if (this.state === 'master') this.masterPriority = wanted;
    // The running timer moves by as much as its skew did.
    if (this.state === 'backup')
      this.masterDownAtMs = Math.max(nowMs, this.masterDownAtMs + this.masterDownMs - before);
    if (config.notifyPriorityChanges && this.state === 'master') this.notify('MASTER_PRIORITY', intents);
    if (config.notifyPriorityChanges && this.state === 'backup') this.notify('BACKUP_PRIORITY', intents);
  }

  /** A new configuration of the same virtual router: state, timers and counters stay, differences are applied. */
  reconfigure(settings: Settings, nowMs: number, intents: Intents): void {
    this.stepBackIfLate(nowMs, intents); // by the interval that was in force
    const before = this.settings;
    const downBefore = this.masterDownMs;
    if (this.masterAdvertIntMs === before.config.advertIntMs) this.masterAdvertIntMs = settings.config.advertIntMs;
    this.settings = settings;
    if (this.ownerLowered && !settings.isOwner) this.ownerLowered = false;
    if (this.state === 'backup') {
      this.masterDownAtMs = Math.max(nowMs, this.masterDownAtMs + this.masterDownMs - downBefore);
    }
    if (this.state !== 'master') return;
    const fresh = exchangeResources(before, settings, intents);
    this.announcer.burst(settings, fresh, settings.config.garp.masterRepeat, nowMs, intents);
    this.masterAdvertIntMs = settings.config.advertIntMs;
    // Neighbours hear of it at once (the router calls onTime when all is settled), and a shorter interval than before
    // does not make us late.
    this.advertAtMs = nowMs;
    this.lastSentAtMs = nowMs;
  }

  // ---------------------------------------------------------------------------------------------------- resources

  private hold(intents: Intents): void {
    this.holdsAddresses = true;
    addResources(this.settings, intents);
  }

  private release(intents: Intents): void {
    this.holdsAddresses = false;
    removeResources(this.settings, intents);
  }

  announced(): Announced[] {
    return heldAddresses(this.settings).map((each) => announcedOf(each, this.settings));
  }

  /** Whether this address, vanished from the kernel, is one the instance holds and cares about. */
  isHolding(interfaceName: string, address: Uint8Array): boolean {
    return this.holdsAddresses && isTrackedAddress(this.settings, interfaceName, address);
  }

  // --------------------------------------------------------------------------------------------------------- words

  notify(state: NotifyState, intents: Intents): void {
    intents.push({ do: 'notify', type: 'INSTANCE', name: this.name, state, priority: this.effectivePriority });
  }

  /** The warning for packets that carry our own source address: a mirror, a loop or a duplicate address. */
  noteOwnAddress(intents: Intents): void {
    this.logs.once('own', 'received an advertisement with our own source address', intents, 'warning');
  }

  /** The invariants of the head of this file; holds between any two calls. */
  check(): void {
    assert(this.holdsAddresses === (this.state === 'master'), 'addresses are held exactly while master');
    assert(this.advertAtMs < Infinity === (this.state === 'master'), 'the advert timer runs exactly while master');
    assert(
      this.masterDownAtMs < Infinity === (this.state === 'backup'),
      'the Master_Down timer runs exactly while backup',
    );
  }
}
