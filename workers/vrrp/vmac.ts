// Virtual interfaces: a macvlan an instance (`use_vmac`), with the settings that make it answer for its addresses and
// nobody else's, or an ipvlan. Settings of other interfaces are remembered and given back at the end.
//
// Private mode: frames that come from outside with the same MAC (the other router's adverts) reach this interface alone.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { encodeNewAddress, IFA_F_NODAD, RT_SCOPE_LINK } from '../../core/netlink/address.ts';
import {
  encodeDeleteLink,
  encodeNewIpvlan,
  encodeNewMacvlan,
  encodeNoLinkLocal,
  encodeSetFlags,
  encodeSetGroup,
  IFF_UP,
  type LinkInfo,
  MACVLAN_MODE_PRIVATE,
} from '../../core/netlink/link.ts';
import { MessageWriter } from '../../core/netlink/message.ts';
import { EEXIST, errnoText } from '../../core/sys/errno.ts';
import { formatAddress, parseAddress } from '../../core/vrrp/address.ts';
import type { Filter } from './filter.ts';
import type { Interfaces } from './interfaces.ts';
import { type Acknowledgement, COMMAND_BYTES_MAX, type Kernel } from './kernel.ts';
import { type VirtualLink, virtualLinksOf } from './virtual-links.ts';

const CONF4 = '/proc/sys/net/ipv4/conf';
const PROMOTE = '/promote_secondaries';
const CONF6 = '/proc/sys/net/ipv6/conf';
const LOCAL_REPORTS = '/proc/sys/net/ipv4/igmp_link_local_mcast_reports';
const PREFIX_BITS = 64;

export class Vmacs {
  /** While true nothing is made or deleted: a predecessor still does that, and what is there is only learned. */
  isIdle = false;
  private readonly kernel: Kernel;
  private readonly interfaces: Interfaces;
  private readonly filter: Filter;
  private readonly log: (text: string) => void;
  private readonly writer = new MessageWriter(COMMAND_BYTES_MAX);
  private readonly names = new Map<string, string>(); // of instances: their virtual interface
  private readonly made = new Set<string>(); // names of those that are wanted, and of some that no longer are
  private readonly said = new Set<string>();
  private isSilent = false; // disable_local_igmp
  private readonly saved = new Map<string, string>(); // settings as they were, by path

  constructor(kernel: Kernel, interfaces: Interfaces, filter: Filter, log: (text: string) => void) {
    this.kernel = kernel;
    this.interfaces = interfaces;
    this.filter = filter;
    this.log = log;
  }

  /** The instance's virtual interface, or '' when it uses none. */
  nameOf(instance: string): string {
    return this.names.get(instance) ?? '';
  }

  /** Whether it is one of those made here. */
  isOurs(name: string): boolean {
    return this.made.has(name);
  }

  /** Makes what `model` wants and has a base for. */
  make(model: VrrpModel): void {
    this.silenceReports(model);
    this.promote(model);
    const macs = new Map<string, string>(); // by base and address: who has it
    for (const link of virtualLinksOf(model)) {
      const before = this.names.get(link.owner);
      if (link.owner !== '' && before !== undefined && before !== link.name) this.remove(before);
      if (link.owner !== '') this.names.set(link.owner, link.name);
      this.made.add(link.name);
      const key = `${link.baseName} ${link.hardwareAddress?.join(':')}`;
      const other = macs.get(key);
      if (other === undefined || link.hardwareAddress === null) this.makeOne(link);
      else this.sayOnce(`${link.name} has the same virtual MAC on ${link.baseName} as ${other}: it is left out`);
      if (other === undefined) macs.set(key, link.name);
    }
  }

  /** Deletes what `model` no longer wants: once the instances that used it have let go. */
  prune(model: VrrpModel): void {
    const wanted = virtualLinksOf(model);
    for (const name of this.made) {
      if (wanted.some((each) => each.name === name)) continue;
      this.remove(name);
      this.made.delete(name);
    }
    for (const owner of this.names.keys()) {
      if (!wanted.some((each) => each.owner === owner)) this.names.delete(owner);
    }
  }

  /** Settings to give back at the end, by path: for a successor. */
  settings(): [string, string][] {
    return [...this.saved];
  }

  adoptSettings(settings: readonly (readonly [string, string])[]): void {
    for (const [path, value] of settings) this.saved.set(path, value);
  }

  /** Deletes the virtual interfaces and gives settings back. */
  close(): void {
    for (const name of this.made) this.remove(name);
    this.made.clear();
    this.names.clear();
    for (const [path, value] of this.saved) write(path, value);
    this.saved.clear();
  }

  // promote_secondaries: the first address of a network may go, and the others of it stay.
  private promote(model: VrrpModel): void {
    if (this.isIdle) return;
    const wanted = new Set<string>();
    for (const { promoteSecondaries, vmac, family, interfaceName } of model.instances) {
      if (!promoteSecondaries || vmac !== null || family !== 'inet' || interfaceName === '') continue;
      const path = `${CONF4}/${interfaceName}${PROMOTE}`;
      wanted.add(path);
      this.set(path, '1');
    }
    for (const [path, value] of this.saved) {
      if (!path.endsWith(PROMOTE) || wanted.has(path)) continue;
      write(path, value);
      this.saved.delete(path);
    }
  }

  // disable_local_igmp: no reports of 224.0.0.0/24 from any interface, which switches forward anyway (RFC 4541 §2.1.2).
  private silenceReports(model: VrrpModel): void {
    const isWanted = model.global.localIgmpDisabled === true;
    this.isSilent = isWanted;
    if (this.isIdle) return;
    if (isWanted) this.set(LOCAL_REPORTS, '0');
    const before = this.saved.get(LOCAL_REPORTS);
    if (isWanted || before === undefined) return;
    write(LOCAL_REPORTS, before);
    this.saved.delete(LOCAL_REPORTS);
  }

  private makeOne(wanted: VirtualLink): void {
    const { name } = wanted;
    const base = this.interfaces.byName(wanted.baseName);
    if (base === null) return;
    const found = this.interfaces.byName(name);
    if (found !== null) {
      if (isOurs(found, base, wanted)) return this.tellFilter(wanted, found, base);
      if (found.kind !== 'macvlan' && found.kind !== 'ipvlan') {
        return this.sayOnce(`${name} is there already and is no virtual interface`);
      }
      this.remove(name);
    }
    if (this.isIdle) return;
    const made = this.kernel.command(this.encode(wanted, base));
    if (made.errno !== 0 && made.errno !== EEXIST) return this.complain(`making ${name}`, made);
    this.interfaces.refresh();
    const link = this.interfaces.byName(name);
    if (link === null) return;
    this.tellFilter(wanted, link, base); // before it is up and joins groups
    this.setUp(wanted, link, base);
    this.interfaces.refresh();
  }

  private encode(wanted: VirtualLink, base: LinkInfo): Uint8Array {
    const master = this.interfaces.links.get(base.masterIndex);
    const spec = {
      name: wanted.name,
      parentIndex: base.index,
      group: wanted.group < 0 ? base.group : wanted.group,
      masterIndex: master?.kind === 'vrf' ? master.index : 0,
    };
    const sequence = this.kernel.nextSequence();
    if (wanted.hardwareAddress === null) {
      return encodeNewIpvlan(this.writer, { ...spec, flags: wanted.ipvlanFlags }, sequence);
    }
    const macvlan = { ...spec, hardwareAddress: wanted.hardwareAddress, mode: MACVLAN_MODE_PRIVATE };
    return encodeNewMacvlan(this.writer, macvlan, sequence);
  }

  private tellFilter(wanted: VirtualLink, link: LinkInfo, base: LinkInfo): void {
    if (wanted.kind !== 'macvlan') return;
    // Where there are no reports of IPv4 there are none to move.
    if (wanted.family === 'inet' && this.isSilent) return this.filter.removeVmac(link.name);
    const { families } = wanted;
    const baseLinkLocal = this.interfaces.linkLocalOf(base.index);
    this.filter.addVmac({ name: link.name, ifindex: link.index, baseIndex: base.index, baseLinkLocal, families });
  }

  private setUp(wanted: VirtualLink, link: LinkInfo, base: LinkInfo): void {
    const { kernel, writer } = this;
    if (!wanted.families.includes('inet6')) write(`${CONF6}/${link.name}/disable_ipv6`, '1');
    if (wanted.kind === 'macvlan') {
      kernel.command(encodeNoLinkLocal(writer, link.index, kernel.nextSequence()));
      this.answerAlone(wanted, link, base);
    }
    const up = kernel.command(encodeSetFlags(writer, link.index, IFF_UP, IFF_UP, kernel.nextSequence()));
    if (up.errno !== 0) this.complain(`bringing ${link.name} up`, up);
    const linkLocal = wanted.hasLinkLocal ? this.interfaces.linkLocalOf(base.index) : null;
    if (linkLocal !== null) this.addAddress(link, linkLocal, PREFIX_BITS, 0);
    const own = wanted.address === null ? null : parseAddress(wanted.address.address);
    if (own !== null) this.addAddress(link, own, wanted.address!.prefix, -1);
    if (wanted.notifiesBase) kernel.command(encodeSetGroup(writer, base.index, base.group, kernel.nextSequence()));
  }

  // ARP for its own addresses, by it and by nobody else.
  private answerAlone(wanted: VirtualLink, link: LinkInfo, base: LinkInfo): void {
    const own = `${CONF4}/${link.name}`;
    write(`${own}/arp_ignore`, '1');
    if (wanted.family !== 'inet') return;
    write(`${own}/accept_local`, '1');
    write(`${own}/promote_secondaries`, '1');
    this.freeReversePath(link.name);
    write(`${own}/rp_filter`, '0');
    this.set(`${CONF4}/${base.name}/arp_ignore`, '1');
    this.set(`${CONF4}/${base.name}/arp_filter`, '1');
  }

  // The preferred lifetime 0: no source of anything but adverts.
  private addAddress(link: LinkInfo, address: Uint8Array, prefix: number, preferredLifetime: number): void {
    const isInet6 = address.length === 16;
    const spec = {
      index: link.index,
      address,
      prefix,
      broadcast: null,
      label: '',
      scope: isInet6 && preferredLifetime === 0 ? RT_SCOPE_LINK : 0,
      peer: null,
      flags: isInet6 ? IFA_F_NODAD : 0,
      preferredLifetime,
      protocol: 0,
    };
    const added = this.kernel.command(encodeNewAddress(this.writer, spec, this.kernel.nextSequence()));
    if (added.errno === 0 || added.errno === EEXIST) return;
    this.complain(`giving ${link.name} the address ${formatAddress(address)}`, added);
  }

  // The kernel uses the larger of `all` and the interface's own: `all` moves to the others, so that ours can be 0.
  private freeReversePath(linkName: string): void {
    const all = read(`${CONF4}/all/rp_filter`);
    if (all === '' || all === '0') return;
    for (const name of readdirSync(CONF4)) {
      if (name === 'all' || name === 'default' || name === linkName) continue;
      const path = `${CONF4}/${name}/rp_filter`;
      if (Number(read(path)) < Number(all)) this.set(path, all);
    }
    this.set(`${CONF4}/all/rp_filter`, '0');
  }

  private set(path: string, value: string): void {
    const before = read(path);
    if (before === '' || before === value) return;
    if (!this.saved.has(path)) this.saved.set(path, before);
    write(path, value);
  }

  private remove(name: string): void {
    if (this.isIdle) return;
    const link = this.interfaces.byName(name);
    if (link === null || (link.kind !== 'macvlan' && link.kind !== 'ipvlan')) return;
    this.filter.removeVmac(name);
    const gone = this.kernel.command(encodeDeleteLink(this.writer, link.index, this.kernel.nextSequence()));
    if (gone.errno !== 0) return this.complain(`deleting ${name}`, gone);
    this.interfaces.refresh();
  }

  private sayOnce(text: string): void {
    if (this.said.has(text)) return;
    this.said.add(text);
    this.log(text);
  }

  // Once: it is tried again at every change of a link.
  private complain(what: string, answer: Acknowledgement): void {
    this.sayOnce(`${what}: ${answer.text === '' ? errnoText(answer.errno) : answer.text}`);
  }
}

// On a base that is one of them itself the kernel puts it on that one's own base.
function isOurs(link: LinkInfo, base: LinkInfo, wanted: VirtualLink): boolean {
  const parentIndex = base.kind === wanted.kind ? base.parentIndex : base.index;
  if (link.kind !== wanted.kind || link.parentIndex !== parentIndex || (link.flags & IFF_UP) === 0) return false;
  const mac = wanted.hardwareAddress;
  return (
    mac === null ||
    (link.hardwareAddress.length === mac.length && mac.every((byte, at) => byte === link.hardwareAddress[at]))
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function write(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch {
    // The interface is gone, or /proc/sys is read-only here: the election runs all the same.
  }
}
