// What the packet filter's sets hold: virtual addresses that are not accepted, and the interfaces of virtual MACs.

import type { IpFamily, VrrpGlobal, VrrpInstance } from '../../core/model/vrrp.ts';
import type { NftElement } from '../../core/netlink/nftables.ts';
import { isLinkLocal6 } from '../../core/vrrp/address.ts';
import {
  MAP_VMAC,
  type Part,
  SET_LINK_LOCAL,
  SET_LINK_LOCAL_NAME,
  SET_PARENT_LINK_LOCAL,
  SET_VIPS,
  SET_VMAC,
} from './filter-tables.ts';

const IFNAME_BYTES = 16;

/** An address as the master holds it. */
export interface FilteredAddress {
  bytes: Uint8Array;
  ifindex: number;
  linkName: string;
  /** A link-local address told by its link's name, not its index: the link may go and come while it is held. */
  byName: boolean;
}

/** A virtual MAC's interface. */
export interface FilteredVmac {
  name: string;
  ifindex: number;
  baseIndex: number;
  baseLinkLocal: Uint8Array | null;
  families: readonly IpFamily[]; // of its addresses
}

/** An element and where it belongs. */
export interface Placed {
  family: IpFamily;
  part: Part;
  set: string;
  element: NftElement;
}

/** Whether a link-local address of the instance is filtered by its link's name: keepalived's rule. */
export function isToldByName(instance: VrrpInstance, global: VrrpGlobal, isOwnLink: boolean): boolean {
  return global.nftablesIfindex !== true && instance.dontTrackPrimary && isOwnLink;
}

export function addressElement(address: FilteredAddress): Placed {
  const { bytes, byName } = address;
  if (bytes.length === 4) return { family: 'inet', part: 'vips', set: SET_VIPS, element: { key: bytes, data: null } };
  if (!isLinkLocal6(bytes)) {
    return { family: 'inet6', part: 'vips', set: SET_VIPS, element: { key: bytes, data: null } };
  }
  const link = byName ? nameBytes(address.linkName) : indexBytes(address.ifindex);
  return {
    family: 'inet6',
    part: byName ? 'link-local-name' : 'link-local',
    set: byName ? SET_LINK_LOCAL_NAME : SET_LINK_LOCAL,
    element: { key: join(bytes, link), data: null },
  };
}

export function vmacElements(vmac: FilteredVmac): Placed[] {
  const key = indexBytes(vmac.ifindex);
  const placed: Placed[] = [];
  for (const family of vmac.families) {
    const part = 'reports';
    placed.push({ family, part, set: MAP_VMAC, element: { key, data: indexBytes(vmac.baseIndex) } });
    if (family === 'inet') continue;
    placed.push({ family, part, set: SET_VMAC, element: { key, data: null } });
    if (vmac.baseLinkLocal === null) continue;
    const parent = join(vmac.baseLinkLocal, nameBytes(vmac.name));
    placed.push({ family, part, set: SET_PARENT_LINK_LOCAL, element: { key: parent, data: null } });
  }
  return placed;
}

export const keyOf = ({ family, set, element }: Placed): string =>
  `${family} ${set} ${Buffer.from(element.key).toString('hex')} ${Buffer.from(element.data ?? []).toString('hex')}`;

export const isSame = (one: FilteredAddress, other: FilteredAddress): boolean =>
  one.ifindex === other.ifindex && one.byName === other.byName && sameBytes(one.bytes, other.bytes);

export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

// In the machine's own order, as the kernel compares them.
function indexBytes(ifindex: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, ifindex, true);
  return bytes;
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(IFNAME_BYTES);
  bytes.set(new TextEncoder().encode(name).subarray(0, IFNAME_BYTES - 1));
  return bytes;
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one, 0);
  bytes.set(other, one.length);
  return bytes;
}
