// Which virtual interfaces a model wants: one an instance with use_vmac or use_ipvlan, and one for each link that an
// address on another link, or of the other family, is to have a virtual MAC on (use_vmac_addr, `use_vmac` of an address).

import type { IpFamily, VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';

export interface VirtualLink {
  name: string;
  baseName: string;
  owner: string; // the instance, '' of addresses
  kind: 'macvlan' | 'ipvlan';
  hardwareAddress: Uint8Array | null; // null: the base's (ipvlan)
  ipvlanFlags: number; // IPVLAN_F_…
  group: number; // of interfaces; -1: the base's
  family: IpFamily;
  families: readonly IpFamily[]; // of what its instance holds
  hasLinkLocal: boolean; // the base's, to send adverts from
  notifiesBase: boolean; // the kernel is made to tell of the base, which some bridges forget
  address: { address: string; prefix: number } | null; // of its own (ipvlan)
}

/** All that `model` wants, instances first. */
export function virtualLinksOf(model: VrrpModel): VirtualLink[] {
  const links: VirtualLink[] = [];
  const taken = new Set<string>();
  for (const instance of model.instances) {
    if (instance.vmac === null) continue;
    const name = nameOf(instance, taken);
    taken.add(name);
    // Named and never made: core/vrrp waits for it, so the instance stays in fault (keepalived.conf: use_ipvlan).
    if (instance.vmac.kind === 'ipvlan' && instance.family === 'inet' && !instance.vmac.address) continue;
    links.push(ofInstance(instance, instance.vmac, name));
  }
  for (const { name, interfaceName, family, mac } of model.addressVmacs ?? []) {
    links.push({
      name,
      baseName: interfaceName,
      owner: '',
      kind: 'macvlan',
      hardwareAddress: new Uint8Array(mac),
      ipvlanFlags: 0,
      group: -1,
      family,
      families: [family],
      hasLinkLocal: family === 'inet6',
      notifiesBase: false,
      address: null,
    });
  }
  return links;
}

function ofInstance(instance: VrrpInstance, vmac: NonNullable<VrrpInstance['vmac']>, name: string): VirtualLink {
  const isIpvlan = vmac.kind === 'ipvlan';
  const mac = vmac.mac === undefined || vmac.mac.length === 0 ? macOf(instance) : new Uint8Array(vmac.mac);
  return {
    name,
    baseName: instance.interfaceName,
    owner: instance.name,
    kind: isIpvlan ? 'ipvlan' : 'macvlan',
    hardwareAddress: isIpvlan ? null : mac,
    ipvlanFlags: vmac.ipvlanFlags ?? 0,
    group: vmac.group ?? -1,
    family: instance.family,
    families: [...new Set([instance.family, ...instance.excluded.map((each) => each.family)])],
    hasLinkLocal: instance.family === 'inet6' && !isIpvlan && !vmac.transmitOnBase,
    notifiesBase: vmac.netlinkNotify,
    address: vmac.address ?? null,
  };
}

/** 00:00:5E:00:01:VRID, of IPv6 00:00:5E:00:02:VRID (RFC 9568 §7.3). */
export function macOf(instance: Pick<VrrpInstance, 'family' | 'vrid'>): Uint8Array {
  return new Uint8Array([0, 0, 0x5e, 0, instance.family === 'inet' ? 1 : 2, instance.vrid]);
}

/** The name core/vrrp gives an instance's virtual interface; configurations name all, so that no other is picked. */
export function wantedName(instance: VrrpInstance): string {
  return instance.vmac === null ? '' : instance.vmac.name || `vrrp.${instance.vrid}`;
}

// The first of keepalived's names that nobody has.
function nameOf(instance: VrrpInstance, taken: ReadonlySet<string>): string {
  const { vrid } = instance;
  const choices = [instance.vmac!.name, `vrrp.${vrid}`, ...(instance.family === 'inet6' ? [`vrrp6.${vrid}`] : [])];
  const name = choices.find((each) => each !== '' && !taken.has(each));
  if (name !== undefined) return name;
  for (let index = 1; ; index++) if (!taken.has(`vrrp${index}.${vrid}`)) return `vrrp${index}.${vrid}`;
}
