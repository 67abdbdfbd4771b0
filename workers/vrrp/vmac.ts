// Virtual MACs: a macvlan interface an instance (`use_vmac`), with the settings that make it answer for its addresses
// and nobody else's. Settings of other interfaces are remembered and given back at the end.
//
// Private mode: frames that come from outside with the same MAC (the other router's adverts) reach this interface alone.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import { encodeNewAddress, IFA_F_NODAD, RT_SCOPE_LINK } from '../../core/netlink/address.ts';
import {
  encodeDeleteLink,
  encodeNewMacvlan,
  encodeNoLinkLocal,
  encodeSetFlags,
  IFF_UP,
  type LinkInfo,
  MACVLAN_MODE_PRIVATE,
} from '../../core/netlink/link.ts';
import { MessageWriter } from '../../core/netlink/message.ts';
import { EEXIST, errnoText } from '../../core/sys/errno.ts';
import type { Interfaces } from './interfaces.ts';
import { type Acknowledgement, COMMAND_BYTES_MAX, type Kernel } from './kernel.ts';

const CONF4 = '/proc/sys/net/ipv4/conf';
const PREFIX_BITS = 64;

export class Vmacs {
  private readonly kernel: Kernel;
  private readonly interfaces: Interfaces;
  private readonly log: (text: string) => void;
  private readonly writer = new MessageWriter(COMMAND_BYTES_MAX);
  private readonly names = new Map<string, string>(); // of instances: their virtual interface
  private readonly saved = new Map<string, string>(); // settings as they were, by path

  constructor(kernel: Kernel, interfaces: Interfaces, log: (text: string) => void) {
    this.kernel = kernel;
    this.interfaces = interfaces;
    this.log = log;
  }

  /** The instance's virtual interface, or '' when it uses none. */
  nameOf(instance: string): string {
    return this.names.get(instance) ?? '';
  }

  /** Makes what `model` wants and has a base for. */
  make(model: VrrpModel): void {
    const wanted = namesOf(model);
    for (const instance of model.instances) {
      const name = wanted.get(instance.name);
      if (name === undefined) continue;
      const before = this.names.get(instance.name);
      if (before !== undefined && before !== name) this.remove(before);
      this.names.set(instance.name, name);
      this.makeOne(instance, name);
    }
  }

  /** Deletes what `model` no longer wants: once the instances that used it have let go. */
  prune(model: VrrpModel): void {
    const wanted = namesOf(model);
    for (const [instance, name] of this.names) {
      if (wanted.has(instance)) continue;
      this.remove(name);
      this.names.delete(instance);
    }
  }

  /** Deletes the virtual interfaces and gives settings back. */
  close(): void {
    for (const name of this.names.values()) this.remove(name);
    this.names.clear();
    for (const [path, value] of this.saved) write(path, value);
    this.saved.clear();
  }

  private makeOne(instance: VrrpInstance, name: string): void {
    const base = this.interfaces.byName(instance.interfaceName);
    if (base === null) return;
    const mac = macOf(instance);
    const found = this.interfaces.byName(name);
    if (found !== null) {
      if (isOurs(found, base, mac)) return;
      if (found.kind !== 'macvlan') {
        return this.log(`${name} is there already and is no virtual MAC`);
      }
      this.remove(name);
    }
    const spec = { name, parentIndex: base.index, hardwareAddress: mac, mode: MACVLAN_MODE_PRIVATE, group: 0 };
    const made = this.kernel.command(encodeNewMacvlan(this.writer, spec, this.kernel.nextSequence()));
    if (made.errno !== 0 && made.errno !== EEXIST) {
      return this.complain(`making ${name}`, made);
    }
    this.interfaces.refresh();
    const link = this.interfaces.byName(name);
    if (link === null) return;
    this.setUp(instance, link, base);
    this.interfaces.refresh();
  }

  private setUp(instance: VrrpInstance, link: LinkInfo, base: LinkInfo): void {
    const { kernel, writer } = this;
    kernel.command(encodeNoLinkLocal(writer, link.index, kernel.nextSequence()));
    const own = `${CONF4}/${link.name}`;
    write(`${own}/arp_ignore`, '1');
    if (instance.family === 'inet') {
      write(`${own}/accept_local`, '1');
      write(`${own}/promote_secondaries`, '1');
      this.freeReversePath(link.name);
      write(`${own}/rp_filter`, '0');
      this.set(`${CONF4}/${base.name}/arp_ignore`, '1');
      this.set(`${CONF4}/${base.name}/arp_filter`, '1');
    }
    const up = kernel.command(encodeSetFlags(writer, link.index, IFF_UP, IFF_UP, kernel.nextSequence()));
    if (up.errno !== 0) this.complain(`bringing ${link.name} up`, up);
    const linkLocal = instance.family === 'inet6' ? this.interfaces.linkLocalOf(base.index) : null;
    if (linkLocal === null) return;
    const spec = {
      index: link.index,
      address: linkLocal,
      prefix: PREFIX_BITS,
      broadcast: null,
      label: '',
      scope: RT_SCOPE_LINK,
      peer: null,
      flags: IFA_F_NODAD,
      preferredLifetime: -1,
      protocol: 0,
    };
    const added = kernel.command(encodeNewAddress(writer, spec, kernel.nextSequence()));
    if (added.errno !== 0 && added.errno !== EEXIST) this.complain(`giving ${link.name} its link-local address`, added);
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
    const link = this.interfaces.byName(name);
    if (link === null || link.kind !== 'macvlan') return;
    const gone = this.kernel.command(encodeDeleteLink(this.writer, link.index, this.kernel.nextSequence()));
    if (gone.errno !== 0) return this.complain(`deleting ${name}`, gone);
    this.interfaces.refresh();
  }

  private complain(what: string, answer: Acknowledgement): void {
    this.log(`${what}: ${answer.text === '' ? errnoText(answer.errno) : answer.text}`);
  }
}

/** 00:00:5E:00:01:VRID, of IPv6 00:00:5E:00:02:VRID (RFC 9568 §7.3). */
export function macOf(instance: Pick<VrrpInstance, 'family' | 'vrid'>): Uint8Array {
  return new Uint8Array([0, 0, 0x5e, 0, instance.family === 'inet' ? 1 : 2, instance.vrid]);
}

/** The name core/vrrp gives an instance's virtual interface; a taken one gets another, see namesOf. */
export function wantedName(instance: VrrpInstance): string {
  return instance.vmac === null ? '' : instance.vmac.name || `vrrp.${instance.vrid}`;
}

// Names as keepalived gives them: vrrp.VRID, or what the file says; the second user of a name gets vrrp6.VRID, vrrp1.VRID…
function namesOf(model: VrrpModel): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const instance of model.instances) {
    if (instance.vmac === null) continue;
    const { vrid } = instance;
    const choices = [instance.vmac.name, `vrrp.${vrid}`, ...(instance.family === 'inet6' ? [`vrrp6.${vrid}`] : [])];
    let name = choices.find((each) => each !== '' && !taken.has(each));
    for (let index = 1; name === undefined; index++)
      if (!taken.has(`vrrp${index}.${vrid}`)) name = `vrrp${index}.${vrid}`;
    taken.add(name);
    names.set(instance.name, name);
  }
  return names;
}

function isOurs(link: LinkInfo, base: LinkInfo, mac: Uint8Array): boolean {
  const sameMac =
    link.hardwareAddress.length === mac.length && mac.every((byte, at) => byte === link.hardwareAddress[at]);
  return link.kind === 'macvlan' && link.parentIndex === base.index && sameMac && (link.flags & IFF_UP) !== 0;
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
