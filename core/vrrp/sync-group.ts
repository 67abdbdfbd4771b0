// vrrp_sync_group: virtual routers that are master together or not at all, e.g. the inside and the outside of one box.
//
// A member becomes master only when all others want to; BACKUP or FAULT of one drags all (keepalived.conf, sync groups).

import { assert } from '../base/assert.ts';
import type { TrackedInterface, TrackedObject, VrrpSyncGroup } from '../model/vrrp.ts';
import type { Intents, NotifyState, VrrpState } from './contract.ts';
import type { Instance } from './instance.ts';
import type { Companions } from './surroundings.ts';

export class SyncGroup implements Companions {
  config: VrrpSyncGroup;
  members: Instance[];
  state: VrrpState = 'init';

  constructor(config: VrrpSyncGroup, members: Instance[]) {
    this.config = config;
    this.members = members;
  }

  get name(): string {
    return this.config.name;
  }

  others(member: Instance): readonly Instance[] {
    return this.members.filter((each) => each !== member);
  }

  /** What the group watches counts for every member; where one owns its addresses, weights could split the group. */
  trackedForMembers(): readonly TrackedObject[] {
    const { tracked } = this.config;
    return this.hasOwner() ? tracked.map((each) => ({ ...each, weight: 0 })) : tracked;
  }

  interfacesForMembers(): readonly TrackedInterface[] {
    const { trackInterfaces } = this.config;
    return this.hasOwner() ? trackInterfaces.map((each) => ({ ...each, weight: 0 })) : trackInterfaces;
  }

  private hasOwner(): boolean {
    return this.members.some((each) => each.settings.isOwner);
  }

  canGoMaster(member: Instance): boolean {
    if (this.members.some((each) => each.isFaulty || (each.isPending && each.state === 'init'))) return false;
    return this.state === 'master' || this.others(member).every((each) => each.wantState === 'master');
  }

  /** One made it, so all do. */
  onMemberMaster(member: Instance, nowMs: number, intents: Intents): void {
    if (this.state === 'master') return;
    this.log('Syncing instances to MASTER state', intents);
    this.state = 'master';
    for (const other of this.others(member)) {
      if (other.state !== 'master') other.becomeMaster(`sync group ${this.name}`, nowMs, intents);
    }
    this.notify('MASTER', intents);
  }

  /** One gave way, so all do. No priority 0: whoever won holds the other virtual routers' adverts ready. */
  onMemberBackup(member: Instance, nowMs: number, intents: Intents): void {
    if (this.state === 'backup') return;
    this.log('Syncing instances to BACKUP state', intents);
    this.state = 'backup';
    for (const other of this.others(member)) {
      if (other.state === 'master') other.leaveMaster('backup', `sync group ${this.name}`, false, nowMs, intents);
    }
    this.notify('BACKUP', intents);
  }

  /** A virtual address was lost: the group sets itself up anew, all members with priority 0 and their shortest timers. */
  restart(reason: string, nowMs: number, intents: Intents): void {
    if (this.state !== 'master') return;
    for (const each of this.members) each.restart(reason, nowMs, intents);
    this.state = 'backup';
    this.notify('BACKUP', intents);
  }

  /** After conditions have changed: FAULT if any member is faulty, else up as soon as all may run. */
  settle(nowMs: number, intents: Intents): void {
    const faulty = this.members.find((each) => each.isFaulty);
    if (faulty !== undefined) {
      for (const each of this.members) {
        each.enterFault(each.faultWords || `sync group ${this.name}, ${faulty.name}`, nowMs, intents);
      }
      this.become('fault', 'FAULT', intents);
      return;
    }
    const stopped = this.members.filter((each) => each.state === 'init' || each.state === 'fault');
    if (stopped.length === 0 || stopped.some((each) => each.isPending)) return;
    // BACKUP first: an owner among them may then carry the whole group to MASTER.
    if (this.state !== 'master') this.become('backup', 'BACKUP', intents);
    for (const each of stopped) {
      if (each.state === 'init' || each.state === 'fault') each.comeUp('it starts', nowMs, intents);
    }
  }

  /** After an import: what the members' states say. */
  adopt(): void {
    const running = this.members.filter((each) => each.state === 'master' || each.state === 'backup');
    if (this.members.some((each) => each.state === 'fault')) this.state = 'fault';
    else if (running.length === 0) this.state = 'init';
    else this.state = running.every((each) => each.state === 'master') ? 'master' : 'backup';
  }

  /** After a reload put other instances together: they must agree. */
  unite(nowMs: number, intents: Intents): void {
    this.adopt();
    if (this.state === 'master') return;
    for (const each of this.members) {
      if (each.state === 'master') each.leaveMaster('backup', `sync group ${this.name}`, true, nowMs, intents);
    }
  }

  /** All members in the state the group says; between two calls of the router this always holds. */
  check(): void {
    const masters = this.members.filter((each) => each.state === 'master').length;
    assert(masters === 0 || this.state === 'master', 'a group has masters only when it is master itself');
  }

  private become(state: VrrpState, word: NotifyState, intents: Intents): void {
    if (this.state === state) return;
    this.state = state;
    this.log(`Syncing instances to ${word} state`, intents);
    this.notify(word, intents);
  }

  notify(state: NotifyState, intents: Intents): void {
    intents.push({ do: 'notify', type: 'GROUP', name: this.name, state, priority: 0 });
  }

  private log(text: string, intents: Intents): void {
    intents.push({ do: 'log', level: 'notice', text: `VRRP_Group(${this.name}) ${text}` });
  }
}
