// The packet filter of VRRP (RFC 9568 §6.4.3 (650), Accept_Mode): packets to and from addresses that must not be
// accepted are dropped, neighbour discovery excepted; group reports of virtual MACs go out of their base interface.
//
// What ought to be there is known here whole; a change is sent as the difference, and when that fails (somebody flushed
// the ruleset) everything is made anew in one transaction, so that there is no moment without it. Until start() nothing
// is sent: a successor first learns what its predecessor dropped, then takes its tables' place in one step.

import { isDeepStrictEqual } from 'node:util';
import type { IpFamily, VrrpGlobal, VrrpModel } from '../../core/model/vrrp.ts';
import { NLMSG_ERROR, parseError, parseMessages } from '../../core/netlink/message.ts';
import { encodeBatch, encodeGetTable, type NftMessage } from '../../core/netlink/nftables.ts';
import { NETLINK_NETFILTER } from '../../core/sys/abi.ts';
import { ENOBUFS, ENOENT, errnoText } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodeNetlinkAddress, type PacketIo, RECEIVE_FAILED } from '../../core/sys/packet-io.ts';
import { settingsOf } from '../../core/vrrp/settings.ts';
import {
  addressElement,
  type FilteredAddress,
  type FilteredVmac,
  isSame,
  isToldByName,
  keyOf,
  type Placed,
  sameBytes,
  vmacElements,
} from './filter-content.ts';
import { PARTS, type Part, partMessages, protocolOf, type TableOptions } from './filter-tables.ts';
import { openNetlink } from './kernel.ts';

const FAMILIES: readonly IpFamily[] = ['inet', 'inet6'];
const ELEMENTS_PER_MESSAGE_MAX = 500; // a nest's length has 16 bits
const LOOK_MS = 1_000;
const REHEARSAL = ''; // no instance has this name
const REHEARSAL_ROUNDS = 8;
const KERNEL = encodeNetlinkAddress(0);

type Content = ReadonlyMap<string, Placed>; // by family, set and key

export class Filter {
  private readonly io: PacketIo;
  private readonly log: (text: string) => void;
  private fd = -1;
  private sequence = 0;
  private options: TableOptions = { table: '', priority: 0, counters: false };
  private started = false;
  private reportsMoved = true;
  private lookAtMs = 0;
  private readonly dropped = new Map<string, readonly FilteredAddress[]>(); // by instance
  private readonly vmacs = new Map<string, FilteredVmac>(); // by name
  private wanted = new Set<string>(); // parts that instances will need: made before they are master
  private readonly made = new Set<string>(); // `family part` that the kernel has
  private content: Content = new Map(); // what the kernel's sets hold
  private readonly said = new Set<string>();

  constructor(io: PacketIo, log: (text: string) => void) {
    this.io = io;
    this.log = log;
  }

  /** The file's words about the filter, and what its instances are going to need. */
  learn(model: VrrpModel): void {
    const before = this.options;
    this.options = optionsOf(model.global);
    this.wanted = wantedParts(model);
    if (!this.started) return;
    const isUnchanged = isDeepStrictEqual(before, this.options);
    if (before.table !== '' && before.table !== this.options.table) {
      this.removeTables(before.table);
      this.made.clear();
      this.content = new Map();
    }
    if (this.options.table === '') return;
    if (isUnchanged) this.update('');
    else this.rebuild('');
  }

  /** From now on the kernel follows; what an earlier process left under the same name goes in the same step. */
  start(): void {
    this.started = true;
    if (this.options.table === '') return;
    this.rebuild('');
    if (this.dropped.size === 0 && this.made.has('inet vips')) this.rehearse();
  }

  // The first takeover must not be the first time this code runs: an address that nobody has (RFC 5737) comes and goes.
  private rehearse(): void {
    const bytes = new Uint8Array([192, 0, 2, 1]);
    for (let round = 0; round < REHEARSAL_ROUNDS; round++) {
      this.drop(REHEARSAL, [{ bytes, ifindex: 0, linkName: '', byName: false }]);
      this.pass(REHEARSAL, [bytes]);
    }
  }

  /** Packets to these addresses of `instance` are dropped from now on, besides those that are already. */
  drop(instance: string, addresses: readonly FilteredAddress[]): void {
    const before = this.dropped.get(instance) ?? [];
    this.dropped.set(instance, [
      ...before.filter((each) => !addresses.some((other) => isSame(each, other))),
      ...addresses,
    ]);
    this.update(instance);
  }

  /** These addresses of `instance` are filtered no longer. */
  pass(instance: string, addresses: readonly Uint8Array[]): void {
    const before = this.dropped.get(instance);
    if (before === undefined) return;
    const rest = before.filter((each) => !addresses.some((bytes) => sameBytes(bytes, each.bytes)));
    if (rest.length === 0) this.dropped.delete(instance);
    else this.dropped.set(instance, rest);
    this.update(instance);
  }

  addVmac(vmac: FilteredVmac): void {
    const before = this.vmacs.get(vmac.name);
    if (before !== undefined && isDeepStrictEqual(before, vmac)) return;
    this.vmacs.set(vmac.name, vmac);
    this.update(vmac.name);
  }

  removeVmac(name: string): void {
    if (this.vmacs.delete(name)) this.update(name);
  }

  /** When onTime() looks after the tables again; Infinity: nothing is filtered. */
  get nextMs(): number {
    return this.content.size > 0 ? this.lookAtMs : Number.POSITIVE_INFINITY;
  }

  /** Somebody's `nft flush ruleset` takes our tables along: they are made again. */
  onTime(nowMs: number): void {
    if (nowMs < this.nextMs) return;
    this.lookAtMs = nowMs + LOOK_MS;
    const families = new Set([...this.content.values()].map((each) => each.family));
    if ([...families].every((family) => this.isThere(family))) return;
    this.log(`the nftables table ${this.options.table} was removed by somebody else and is made again`);
    this.rebuild('');
  }

  /** Takes the tables away: an orderly end. */
  clear(): void {
    this.dropped.clear();
    this.vmacs.clear();
    if (this.made.size > 0) this.removeTables(this.options.table);
    this.made.clear();
    this.content = new Map();
  }

  /** The tables stay. */
  close(): void {
    if (this.fd >= 0) libc.close(this.fd);
    this.fd = -1;
  }

  // What differs from the kernel's, or all of it when that is refused.
  private update(about: string): void {
    if (!this.started || this.options.table === '') return;
    const content = this.wantedContent();
    const needed = this.neededParts(content);
    const parts = needed.filter((each) => !this.made.has(each));
    // Rules stand in the order of their parts, so what comes before others is not added after them.
    if (
      FAMILIES.some((family) =>
        isOutOfOrder(
          needed.filter((each) => each.startsWith(`${family} `)),
          this.made,
        ),
      )
    ) {
      return this.rebuild(about);
    }
    const gone = [...this.content].filter(([key]) => !content.has(key)).map(([, each]) => each);
    const added = [...content].filter(([key]) => !this.content.has(key)).map(([, each]) => each);
    const messages = [
      ...parts.flatMap((each) => this.partOf(each)),
      ...this.elements('delete-elements', gone),
      ...this.elements('add-elements', added),
    ];
    if (messages.length === 0) return;
    if (this.send(messages) === '') {
      for (const part of parts) this.made.add(part);
      this.content = content;
    } else this.rebuild(about);
  }

  // A table that is added is there to be deleted, whether it was before or not. A kernel that cannot copy packets to
  // another device does without the rules that need it.
  private rebuild(about: string): void {
    const reason = this.remake();
    if (reason === '') return;
    const hadReports = this.reportsMoved;
    this.reportsMoved = false;
    if (hadReports && this.remake() === '') {
      if (this.vmacs.size > 0)
        this.sayOnce(`reports of virtual MACs leave by their own interface: nftables: ${reason}`);
      return;
    }
    this.reportsMoved = hadReports;
    if (this.wantedContent().size > 0 || about !== '') this.complain(about, reason);
  }

  // '' when the kernel has everything, else why it has nothing.
  private remake(): string {
    const content = this.wantedContent();
    const parts = this.neededParts(content);
    const reason = this.send([
      ...this.withoutTables(this.options.table),
      ...parts.flatMap((each) => this.partOf(each)),
      ...this.elements('add-elements', [...content.values()]),
    ]);
    this.made.clear();
    this.content = reason === '' ? content : new Map();
    if (reason === '') for (const part of parts) this.made.add(part);
    return reason;
  }

  private complain(about: string, reason: string): void {
    const prefix = about === '' ? '' : `(${about}) `;
    this.sayOnce(`${prefix}no packet filter: nftables: ${reason}; packets to the virtual addresses are accepted`);
  }

  private sayOnce(text: string): void {
    if (this.said.has(text)) return;
    this.said.add(text);
    this.log(text);
  }

  private removeTables(table: string): void {
    const reason = this.send(this.withoutTables(table));
    if (reason !== '') this.log(`removing the nftables table ${table}: ${reason}`);
  }

  private withoutTables(table: string): NftMessage[] {
    return FAMILIES.flatMap((family): NftMessage[] => [
      { do: 'add-table', family: protocolOf(family), table },
      { do: 'delete-table', family: protocolOf(family), table },
    ]);
  }

  private partOf(key: string): NftMessage[] {
    const [family, part] = key.split(' ') as [IpFamily, Part];
    return partMessages(family, part, this.options);
  }

  // In the order in which they have to be made.
  private neededParts(content: Content): string[] {
    const needed = new Set(
      [...this.wanted, ...this.made].filter((each) => this.reportsMoved || !each.endsWith(' reports')),
    );
    for (const { family, part } of content.values()) {
      needed.add(`${family} ${part}`);
      if (part.startsWith('link-local')) needed.add(`${family} vips`);
    }
    for (const each of [...needed]) needed.add(`${each.split(' ')[0]} out`);
    return FAMILIES.flatMap((family) => PARTS.map((part) => `${family} ${part}`)).filter((each) => needed.has(each));
  }

  private wantedContent(): Content {
    const placed: Placed[] = this.reportsMoved ? [...this.vmacs.values()].flatMap(vmacElements) : [];
    for (const addresses of this.dropped.values()) placed.push(...addresses.map(addressElement));
    return new Map(placed.map((each) => [keyOf(each), each]));
  }

  private elements(what: 'add-elements' | 'delete-elements', all: readonly Placed[]): NftMessage[] {
    const bySet = new Map<string, Placed[]>();
    for (const each of all) {
      const key = `${each.family} ${each.set}`;
      const list = bySet.get(key);
      if (list === undefined) bySet.set(key, [each]);
      else list.push(each);
    }
    const messages: NftMessage[] = [];
    for (const list of bySet.values()) {
      const { family, set } = list[0]!;
      for (let at = 0; at < list.length; at += ELEMENTS_PER_MESSAGE_MAX) {
        const elements = list.slice(at, at + ELEMENTS_PER_MESSAGE_MAX).map(({ element }) => element);
        messages.push({ do: what, family: protocolOf(family), table: this.options.table, set, elements });
      }
    }
    return messages;
  }

  // True unless the kernel says that there is no such table.
  private isThere(family: IpFamily): boolean {
    this.sequence++;
    const bytes = encodeGetTable(protocolOf(family), this.options.table, this.sequence);
    this.io.data.set(bytes);
    if (this.io.send(this.fd, bytes.length, KERNEL, 0, null, 0) !== 0) return true;
    return this.answer().errno !== ENOENT;
  }

  // '' when the kernel did it all, else why it did nothing.
  private send(messages: readonly NftMessage[]): string {
    if (messages.length === 0) return '';
    try {
      if (this.fd < 0) this.fd = openNetlink(NETLINK_NETFILTER, 0);
    } catch (error) {
      return (error as Error).message;
    }
    const bytes = encodeBatch(messages, this.sequence + 1);
    this.sequence += messages.length + 2;
    if (bytes.length > this.io.dataBytesMax) return 'there are too many addresses for one transaction';
    this.io.data.set(bytes);
    const errno = this.io.send(this.fd, bytes.length, KERNEL, 0, null, 0);
    if (errno !== 0) return errnoText(errno);
    const { count, errno: refusal, text } = this.answer();
    if (count === 0) return 'the kernel gave no answer';
    return refusal === 0 ? '' : text === '' ? errnoText(refusal) : text;
  }

  // The kernel has answered within the send: the first complaint counts.
  private answer(): { count: number; errno: number; text: string } {
    const first = { count: 0, errno: 0, text: '' };
    for (;;) {
      const length = this.io.receive(this.fd, false);
      if (length === RECEIVE_FAILED && this.io.errno === ENOBUFS) continue;
      if (length < 0) return first;
      for (const message of parseMessages(this.io.data.slice(0, length))) {
        if (message.type !== NLMSG_ERROR) continue;
        first.count++;
        if (first.errno === 0) Object.assign(first, parseError(message));
      }
    }
  }
}

function optionsOf(global: VrrpGlobal): TableOptions {
  const { nftables, nftablesPriority, nftablesCounters } = global;
  return { table: nftables, priority: nftablesPriority ?? -1, counters: nftablesCounters ?? false };
}

// A takeover then only adds elements.
function wantedParts(model: VrrpModel): Set<string> {
  const wanted = new Set<string>();
  for (const instance of model.instances) {
    const isSilent = instance.family === 'inet' && model.global.localIgmpDisabled === true;
    if (instance.vmac !== null && !isSilent) {
      for (const { family } of [instance, ...instance.excluded]) wanted.add(`${family} reports`);
    }
    if (settingsOf(instance, model.global).accept) continue;
    for (const { family, address, interfaceName, noTrack } of [...instance.addresses, ...instance.excluded]) {
      wanted.add(`${family} vips`);
      if (!/^fe[89ab]/i.test(address)) continue;
      const isOwnLink =
        (interfaceName === '' || interfaceName === instance.interfaceName) &&
        (instance.vmac === null || family === instance.family);
      const byName = isToldByName(instance, model.global, isOwnLink || noTrack);
      wanted.add(`${family} link-local${byName ? '-name' : ''}`);
    }
  }
  return wanted;
}

function isOutOfOrder(needed: readonly string[], made: ReadonlySet<string>): boolean {
  const firstMissing = needed.findIndex((each) => !made.has(each));
  return firstMissing >= 0 && needed.slice(firstMissing).some((each) => made.has(each));
}
