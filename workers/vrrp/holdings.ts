// What the master holds: addresses, routes and rules put into the kernel and taken out again.
//
// Every step is idempotent: what is there already, or gone already, is success. What is held is remembered, so that an
// address somebody else removes is noticed, and what a killed process left behind is removed at the start.

import type { VirtualAddress, VirtualRoute, VirtualRule } from '../../core/model/vrrp.ts';
import {
  type AddressInfo,
  type AddressSpec,
  encodeDeleteAddress,
  encodeNewAddress,
  IFA_F_HOMEADDRESS,
  IFA_F_MANAGETEMPADDR,
  IFA_F_MCAUTOJOIN,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
} from '../../core/netlink/address.ts';
import { MessageWriter } from '../../core/netlink/message.ts';
import { encodeDeleteRoute, encodeNewRoute } from '../../core/netlink/route.ts';
import { encodeDeleteRule, encodeNewRule } from '../../core/netlink/rule.ts';
import { EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH, errnoText } from '../../core/sys/errno.ts';
import { formatAddress, parseAddress } from '../../core/vrrp/address.ts';
import type { Interfaces } from './interfaces.ts';
import { type Acknowledgement, COMMAND_BYTES_MAX, type Kernel } from './kernel.ts';
import { routeSpec, ruleSpec } from './routes.ts';

/** IFA_PROTO of our addresses (kernels before 5.18 ignore it): the number that routes of keepalived carry too. */
export const ADDRESS_PROTOCOL = 18;

const ROUTE_GONE = [ESRCH, ENOENT, ENODEV];

/** An address that is ours just now. */
interface Held {
  ifindex: number;
  toldName: string; // the interface's name as core/vrrp knows it: the base of a virtual one
  address: Uint8Array;
  tracked: boolean; // somebody else removing it is news
}

export class Holdings {
  private readonly kernel: Kernel;
  private readonly interfaces: Interfaces;
  private readonly writer = new MessageWriter(COMMAND_BYTES_MAX);
  private readonly log: (text: string) => void;
  private readonly held = new Map<string, Held>();

  constructor(kernel: Kernel, interfaces: Interfaces, log: (text: string) => void) {
    this.kernel = kernel;
    this.interfaces = interfaces;
    this.log = log;
  }

  addAddress(address: VirtualAddress, interfaceName: string, toldName: string): void {
    const spec = this.specOf(address, interfaceName);
    if (spec === null) return this.log(`${address.address} cannot be added: no interface ${interfaceName}`);
    const answer = this.kernel.command(encodeNewAddress(this.writer, spec, this.kernel.nextSequence()));
    if (answer.errno !== 0 && answer.errno !== EEXIST) {
      return this.complain(`adding ${address.address} to ${interfaceName}`, answer);
    }
    this.held.set(keyOf(spec.index, spec.address), {
      ifindex: spec.index,
      toldName,
      address: spec.address,
      tracked: !address.noTrack,
    });
  }

  removeAddress(address: VirtualAddress, interfaceName: string): void {
    const spec = this.specOf(address, interfaceName);
    if (spec === null) return; // the interface is gone, and its addresses with it
    this.held.delete(keyOf(spec.index, spec.address));
    const answer = this.kernel.command(encodeDeleteAddress(this.writer, spec, this.kernel.nextSequence()));
    if (answer.errno === 0 || answer.errno === EADDRNOTAVAIL || answer.errno === ENODEV) return;
    this.complain(`removing ${address.address} from ${interfaceName}`, answer);
  }

  /** Marks an address as held without touching the kernel: a predecessor handed it over. */
  adoptAddress(address: VirtualAddress, interfaceName: string, toldName: string): void {
    const spec = this.specOf(address, interfaceName);
    if (spec === null) return;
    const { index, address: bytes } = spec;
    this.held.set(keyOf(index, bytes), { ifindex: index, toldName, address: bytes, tracked: !address.noTrack });
  }

  /** Removes an address that was found at the start. */
  removeLeftover(found: AddressInfo): void {
    const spec = { index: found.index, address: found.address, prefix: found.prefix, peer: null };
    const answer = this.kernel.command(encodeDeleteAddress(this.writer, spec, this.kernel.nextSequence()));
    if (answer.errno !== 0 && answer.errno !== EADDRNOTAVAIL) {
      this.complain(`removing the leftover ${formatAddress(found.address)}`, answer);
    }
  }

  /** Held addresses that are no longer in the kernel, forgotten here; asks the kernel before it says so. */
  takeLost(): Held[] {
    const missing = [...this.held.values()].filter((each) => !this.interfaces.has(each.ifindex, each.address));
    const lost: Held[] = [];
    // One look at the kernel for all of them.
    if (missing.length > 0) this.interfaces.confirm(missing[0]!.ifindex, missing[0]!.address);
    for (const each of missing) {
      if (this.interfaces.has(each.ifindex, each.address)) continue;
      this.held.delete(keyOf(each.ifindex, each.address));
      if (each.tracked) lost.push(each);
    }
    return lost;
  }

  isHeld(ifindex: number, address: Uint8Array): boolean {
    return this.held.has(keyOf(ifindex, address));
  }

  addRoutes(routes: readonly VirtualRoute[]): void {
    for (const route of routes) {
      const spec = routeSpec(route, (name) => this.interfaces.byName(name)?.index ?? 0);
      if (typeof spec === 'string') {
        this.log(`route to ${route.to}: ${spec}`);
        continue;
      }
      const answer = this.kernel.command(encodeNewRoute(this.writer, spec, this.kernel.nextSequence()));
      if (answer.errno === EEXIST && spec.mode !== 'add') continue;
      if (answer.errno !== 0) this.complain(`adding the route to ${route.to}`, answer);
    }
  }

  removeRoutes(routes: readonly VirtualRoute[]): void {
    for (const route of routes) {
      const spec = routeSpec(route, (name) => this.interfaces.byName(name)?.index ?? 0);
      if (typeof spec === 'string') continue;
      const answer = this.kernel.command(encodeDeleteRoute(this.writer, spec, this.kernel.nextSequence()));
      if (answer.errno === 0 || ROUTE_GONE.includes(answer.errno)) continue;
      this.complain(`removing the route to ${route.to}`, answer);
    }
  }

  addRules(rules: readonly VirtualRule[]): void {
    for (const rule of rules) {
      const spec = ruleSpec(rule);
      if (typeof spec === 'string') {
        this.log(`rule: ${spec}`);
        continue;
      }
      const answer = this.kernel.command(encodeNewRule(this.writer, spec, this.kernel.nextSequence()));
      if (answer.errno !== 0 && answer.errno !== EEXIST) this.complain('adding a rule', answer);
    }
  }

  removeRules(rules: readonly VirtualRule[]): void {
    for (const rule of rules) {
      const spec = ruleSpec(rule);
      if (typeof spec === 'string') continue;
      const answer = this.kernel.command(encodeDeleteRule(this.writer, spec, this.kernel.nextSequence()));
      if (answer.errno !== 0 && answer.errno !== ENOENT) this.complain('removing a rule', answer);
    }
  }

  // Null when the interface is not there.
  private specOf(address: VirtualAddress, interfaceName: string): AddressSpec | null {
    const link = this.interfaces.byName(interfaceName);
    const bytes = parseAddress(address.address);
    if (link === null || bytes === null) return null;
    return {
      index: link.index,
      address: bytes,
      prefix: address.prefix,
      broadcast: broadcastOf(address, bytes),
      label: address.label,
      scope: address.scope,
      peer: address.peer === '' ? null : parseAddress(address.peer.split('/')[0]!),
      flags: flagsOf(address),
      preferredLifetime: preferredOf(address),
      protocol: ADDRESS_PROTOCOL,
    };
  }

  private complain(what: string, answer: Acknowledgement): void {
    this.kernel.errorCount++;
    this.log(`${what}: ${answer.text === '' ? errnoText(answer.errno) : answer.text}`);
  }
}

function keyOf(ifindex: number, address: Uint8Array): string {
  return `${ifindex}|${formatAddress(address)}`;
}

// `brd +` is the network's last address, `brd -` its first.
function broadcastOf(address: VirtualAddress, bytes: Uint8Array): Uint8Array | null {
  if (address.broadcast === '' || bytes.length !== 4) return null;
  if (address.broadcast !== '+' && address.broadcast !== '-') return parseAddress(address.broadcast);
  const broadcast = bytes.slice();
  for (let bit = address.prefix; bit < 32; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (address.broadcast === '+') broadcast[bit >> 3]! |= mask;
    else broadcast[bit >> 3]! &= ~mask;
  }
  return broadcast;
}

function flagsOf(address: VirtualAddress): number {
  if (address.family === 'inet') {
    return (address.noPrefixRoute ? IFA_F_NOPREFIXROUTE : 0) | (address.autojoin ? IFA_F_MCAUTOJOIN : 0);
  }
  let flags = 0;
  if (address.noDad) flags |= IFA_F_NODAD;
  if (address.homeAddress) flags |= IFA_F_HOMEADDRESS;
  if (address.mngTmpAddr) flags |= IFA_F_MANAGETEMPADDR;
  if (address.noPrefixRoute) flags |= IFA_F_NOPREFIXROUTE;
  if (address.autojoin) flags |= IFA_F_MCAUTOJOIN;
  return flags;
}

// A /128 is deprecated from the start, so that the kernel does not choose it as a source by itself.
function preferredOf(address: VirtualAddress): number {
  if (address.preferredLifetime >= 0) return address.preferredLifetime;
  return address.family === 'inet6' && address.prefix === 128 ? 0 : -1;
}
