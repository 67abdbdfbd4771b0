// What the kernel has: links and their addresses, dumped at the start and kept by its events.
//
// Addresses of a link are dumped anew when any of them changed, since their order says which is primary. Facts about a
// link are told only when they differ from what was told last.

import { monotonicExactMs as nowMs } from '../../core/base/clock.ts';
import type { VrrpLink } from '../../core/model/vrrp.ts';
import {
  type AddressInfo,
  encodeGetAddresses,
  IFA_F_DADFAILED,
  IFA_F_SECONDARY,
  IFA_F_TENTATIVE,
  parseAddress,
  RTM_DELADDR,
  RTM_NEWADDR,
} from '../../core/netlink/address.ts';
import {
  encodeGetLinks,
  IFF_RUNNING,
  IFF_UP,
  type LinkInfo,
  parseLink,
  RTM_DELLINK,
  RTM_NEWLINK,
} from '../../core/netlink/link.ts';
import { MessageWriter, type NetlinkMessage } from '../../core/netlink/message.ts';
import { isLinkLocal6, sameAddress } from '../../core/vrrp/address.ts';
import type { LinkFact } from '../../core/vrrp/contract.ts';
import { COMMAND_BYTES_MAX, type Kernel } from './kernel.ts';
import { LinkStates } from './link-states.ts';

/** Says whether an address of a link is one of ours to move, and so no source for adverts. */
export type IsVirtual = (address: AddressInfo) => boolean;

export interface LinkNews {
  changed: LinkFact[];
  goneIndexes: number[];
  /** Whether anything about links or addresses moved: sockets and held addresses want a look. */
  moved: boolean;
}

export class Interfaces {
  readonly links = new Map<number, LinkInfo>(); // by ifindex
  private addresses = new Map<number, AddressInfo[]>(); // by ifindex, in the kernel's order
  private readonly told = new Map<number, LinkFact>();
  private readonly kernel: Kernel;
  private readonly isVirtual: IsVirtual;
  private readonly states: LinkStates;
  private readonly writer = new MessageWriter(COMMAND_BYTES_MAX);

  constructor(kernel: Kernel, isVirtual: IsVirtual, states = new LinkStates(() => {})) {
    this.kernel = kernel;
    this.isVirtual = isVirtual;
    this.states = states;
  }

  byName(name: string): LinkInfo | null {
    for (const link of this.links.values()) if (link.name === name) return link;
    return null;
  }

  addressesOf(ifindex: number): readonly AddressInfo[] {
    return this.addresses.get(ifindex) ?? [];
  }

  all(): readonly AddressInfo[] {
    return [...this.addresses.values()].flat();
  }

  has(ifindex: number, address: Uint8Array): boolean {
    return this.addressesOf(ifindex).some((each) => sameAddress(each.address, address));
  }

  /** Dumps links and addresses; false when the kernel would not tell. */
  refresh(): boolean {
    const links = this.kernel.dump((sequence) => encodeGetLinks(this.writer, sequence));
    if (links === null) return false;
    this.links.clear();
    for (const message of links) this.learnLink(message);
    return this.refreshAddresses();
  }

  /** Takes in the monitor's messages; dumps what they do not tell whole. */
  learn(messages: readonly NetlinkMessage[] | 'lost'): LinkNews {
    let moved = false;
    if (messages === 'lost') {
      this.refresh();
      moved = true;
    } else {
      let addressesMoved = false;
      for (const message of messages) {
        if (message.type === RTM_NEWLINK || message.type === RTM_DELLINK) moved = this.learnLink(message) || moved;
        if (message.type === RTM_NEWADDR || message.type === RTM_DELADDR) addressesMoved = true;
      }
      if (addressesMoved) this.refreshAddresses();
      moved = moved || addressesMoved;
    }
    return moved ? this.news() : { changed: [], goneIndexes: [], moved };
  }

  /** When news() may tell something though the kernel did not; Infinity: never. */
  get nextMs(): number {
    return this.states.nextMs;
  }

  close(): void {
    this.states.close();
  }

  /** What the file says of links. */
  configure(links: readonly VrrpLink[]): void {
    this.states.configure(links, nowMs());
  }

  /** Facts that differ from what was told before. */
  news(): LinkNews {
    this.states.poll(nowMs());
    const changed: LinkFact[] = [];
    const goneIndexes = [...this.told.keys()].filter((ifindex) => !this.links.has(ifindex));
    for (const ifindex of goneIndexes) this.told.delete(ifindex);
    for (const link of this.links.values()) {
      const fact = this.factOf(link);
      const before = this.told.get(link.index);
      if (before !== undefined && sameFact(before, fact)) continue;
      this.told.set(link.index, fact);
      changed.push(fact);
    }
    return { changed, goneIndexes, moved: true };
  }

  /** Every link as it was told last, for `weir vrrp`. */
  standings(): { name: string; up: boolean }[] {
    return [...this.told.values()].map(({ name, up }) => ({ name, up }));
  }

  /** True when `address` is really on the link: asks the kernel. */
  confirm(ifindex: number, address: Uint8Array): boolean {
    this.refreshAddresses();
    return this.has(ifindex, address);
  }

  /** Link-local IPv6 address fit to send from; null none. */
  linkLocalOf(ifindex: number): Uint8Array | null {
    const found = this.addressesOf(ifindex).find(
      (each) =>
        isLinkLocal6(each.address) && (each.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0 && !this.isVirtual(each),
    );
    return found?.address ?? null;
  }

  /** First IPv4 address that is neither secondary nor one of the virtual ones; null none. */
  primary4Of(ifindex: number): Uint8Array | null {
    const found = this.addressesOf(ifindex).find(
      (each) => each.address.length === 4 && (each.flags & IFA_F_SECONDARY) === 0 && !this.isVirtual(each),
    );
    return found?.address ?? null;
  }

  // A virtual interface runs when its base does; the kernel marks it so a little later.
  private isUp(link: LinkInfo): boolean {
    const isVirtual = (link.kind === 'macvlan' || link.kind === 'ipvlan') && !link.parentIsElsewhere;
    const base = isVirtual ? this.links.get(link.parentIndex) : undefined;
    const { name, flags } = base ?? link;
    const isRunning = (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0;
    return this.states.isUp(name, isRunning, nowMs()) && (base === undefined || (link.flags & IFF_UP) !== 0);
  }

  private refreshAddresses(): boolean {
    const messages = this.kernel.dump((sequence) => encodeGetAddresses(this.writer, sequence));
    if (messages === null) return false;
    const found = new Map<number, AddressInfo[]>();
    for (const message of messages) {
      const info = message.type === RTM_NEWADDR ? parseAddress(message.payload) : null;
      if (info === null) continue;
      const list = found.get(info.index);
      if (list === undefined) found.set(info.index, [info]);
      else list.push(info);
    }
    this.addresses = found;
    return true;
  }

  // False for news that say nothing about the link as such: a bridge tells of its ports with the same message types.
  private learnLink(message: NetlinkMessage): boolean {
    const info = message.payload[0] === 0 ? parseLink(message.payload) : null;
    if (info === null) return false;
    if (message.type === RTM_DELLINK) {
      this.addresses.delete(info.index);
      this.states.forget(info.name);
      return this.links.delete(info.index);
    }
    this.links.set(info.index, info);
    return true;
  }

  private factOf(link: LinkInfo): LinkFact {
    return {
      ifindex: link.index,
      name: link.name,
      up: this.isUp(link),
      primary4: this.primary4Of(link.index),
      linkLocal: this.linkLocalOf(link.index),
      addresses: this.addressesOf(link.index).map((each) => each.address),
    };
  }
}

function sameFact(a: LinkFact, b: LinkFact): boolean {
  return (
    a.name === b.name &&
    a.up === b.up &&
    sameOrNone(a.primary4, b.primary4) &&
    sameOrNone(a.linkLocal, b.linkLocal) &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => sameAddress(address, b.addresses[index]!))
  );
}

function sameOrNone(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === b || sameAddress(a, b);
}
