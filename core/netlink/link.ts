// Links by rtnetlink: the dump, its events, and the macvlan interfaces of `use_vmac` (rtnetlink(7) RTM_*LINK).

import {
  attributeText,
  attributeU8,
  attributeU32,
  type MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  parseAttributes,
  viewOf,
} from './message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTMGRP_LINK = 1;

export const IFF_UP = 1;
export const IFF_LOOPBACK = 8;
export const IFF_RUNNING = 0x40;
export const IFF_MULTICAST = 0x1000;

export const MACVLAN_MODE_PRIVATE = 1;
const IN6_ADDR_GEN_MODE_NONE = 1;

const IFINFOMSG_BYTES = 16;
const AF_UNSPEC = 0;
const AF_INET6 = 10;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IPVLAN_MODE_L2 = 0;
export const IPVLAN_F_PRIVATE = 1;
export const IPVLAN_F_VEPA = 2;
const IFLA_INET6_ADDR_GEN_MODE = 8;

export interface LinkInfo {
  index: number;
  name: string;
  hardwareType: number; // ARPHRD_…: 1 Ethernet
  flags: number; // IFF_…
  mtu: number;
  hardwareAddress: Uint8Array; // 6 bytes for Ethernet
  parentIndex: number; // IFLA_LINK: what a macvlan or vlan sits on; 0 none
  parentIsElsewhere: boolean; // in another network namespace: the index is one of there
  masterIndex: number; // a VRF, bridge or bond it belongs to; 0 none
  operationalState: number; // IF_OPER_…, 255 not told
  kind: string; // "macvlan", '' a plain device
  group: number; // of interfaces, 0 the default one
}

/** Asks for every link. */
export function encodeGetLinks(writer: MessageWriter, sequence: number): Uint8Array {
  writer.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  header(writer, AF_UNSPEC, 0, 0, 0);
  return writer.end();
}

export interface MacvlanSpec {
  name: string;
  parentIndex: number;
  hardwareAddress: Uint8Array;
  mode: number; // MACVLAN_MODE_…
  group: number; // 0: the default group
  masterIndex: number; // a VRF to be in; 0 none
}

/** Makes a macvlan; EEXIST when the name is taken. */
export function encodeNewMacvlan(writer: MessageWriter, spec: MacvlanSpec, sequence: number): Uint8Array {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  header(writer, AF_UNSPEC, 0, 0, 0);
  writer.attributeU32(IFLA_LINK, spec.parentIndex);
  writer.attributeText(IFLA_IFNAME, spec.name);
  writer.attribute(IFLA_ADDRESS, spec.hardwareAddress);
  if (spec.group !== 0) writer.attributeU32(IFLA_GROUP, spec.group);
  if (spec.masterIndex !== 0) writer.attributeU32(IFLA_MASTER, spec.masterIndex);
  const info = writer.nestBegin(IFLA_LINKINFO);
  writer.attributeText(IFLA_INFO_KIND, 'macvlan');
  const data = writer.nestBegin(IFLA_INFO_DATA);
  writer.attributeU32(IFLA_MACVLAN_MODE, spec.mode);
  writer.nestEnd(data);
  writer.nestEnd(info);
  return writer.end();
}

export interface IpvlanSpec {
  name: string;
  parentIndex: number;
  flags: number; // IPVLAN_F_…; 0: bridge
  group: number;
  masterIndex: number;
}

/** Makes an ipvlan of layer 2; it has the base's hardware address. EEXIST when the name is taken. */
export function encodeNewIpvlan(writer: MessageWriter, spec: IpvlanSpec, sequence: number): Uint8Array {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  header(writer, AF_UNSPEC, 0, 0, 0);
  writer.attributeU32(IFLA_LINK, spec.parentIndex);
  writer.attributeText(IFLA_IFNAME, spec.name);
  if (spec.group !== 0) writer.attributeU32(IFLA_GROUP, spec.group);
  if (spec.masterIndex !== 0) writer.attributeU32(IFLA_MASTER, spec.masterIndex);
  const info = writer.nestBegin(IFLA_LINKINFO);
  writer.attributeText(IFLA_INFO_KIND, 'ipvlan');
  const data = writer.nestBegin(IFLA_INFO_DATA);
  writer.attributeU16(IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
  writer.attributeU16(IFLA_IPVLAN_FLAGS, spec.flags);
  writer.nestEnd(data);
  writer.nestEnd(info);
  return writer.end();
}

/** Puts a link into a group: also a way to have the kernel tell of the link. */
export function encodeSetGroup(writer: MessageWriter, index: number, group: number, sequence: number): Uint8Array {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, AF_UNSPEC, index, 0, 0);
  writer.attributeU32(IFLA_GROUP, group);
  return writer.end();
}

/** No link-local address by itself: a virtual MAC's is the master's alone. */
export function encodeNoLinkLocal(writer: MessageWriter, index: number, sequence: number): Uint8Array {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, AF_UNSPEC, index, 0, 0);
  const spec = writer.nestBegin(IFLA_AF_SPEC);
  const inet6 = writer.nestBegin(AF_INET6);
  writer.attributeU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  writer.nestEnd(inet6);
  writer.nestEnd(spec);
  return writer.end();
}

/** Sets the flags named by `mask` to `flags`: IFF_UP, IFF_UP brings a link up. */
export function encodeSetFlags(
  writer: MessageWriter,
  index: number,
  flags: number,
  mask: number,
  sequence: number,
): Uint8Array {
  writer.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, AF_UNSPEC, index, flags, mask);
  return writer.end();
}

export function encodeDeleteLink(writer: MessageWriter, index: number, sequence: number): Uint8Array {
  writer.begin(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, AF_UNSPEC, index, 0, 0);
  return writer.end();
}

/** The payload of RTM_NEWLINK or RTM_DELLINK; null when it is too short to be one. */
export function parseLink(payload: Uint8Array): LinkInfo | null {
  if (payload.length < IFINFOMSG_BYTES) return null;
  const view = viewOf(payload);
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES);
  const name = attributes.get(IFLA_IFNAME);
  const info = attributes.get(IFLA_LINKINFO);
  const kind = info === undefined ? undefined : parseAttributes(info, 0).get(IFLA_INFO_KIND);
  return {
    index: view.getInt32(4, true),
    name: name === undefined ? '' : attributeText(name),
    hardwareType: view.getUint16(2, true),
    flags: view.getUint32(8, true),
    mtu: attributeU32(attributes.get(IFLA_MTU), 0),
    hardwareAddress: (attributes.get(IFLA_ADDRESS) ?? new Uint8Array(0)).slice(),
    parentIndex: attributeU32(attributes.get(IFLA_LINK), 0),
    parentIsElsewhere: attributes.has(IFLA_LINK_NETNSID),
    masterIndex: attributeU32(attributes.get(IFLA_MASTER), 0),
    operationalState: attributeU8(attributes.get(IFLA_OPERSTATE), 255),
    kind: kind === undefined ? '' : attributeText(kind),
    group: attributeU32(attributes.get(IFLA_GROUP), 0),
  };
}

// struct ifinfomsg: family, pad, type, index, flags, change.
function header(writer: MessageWriter, family: number, index: number, flags: number, change: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.u16(0);
  writer.u32(index);
  writer.u32(flags);
  writer.u32(change);
}
