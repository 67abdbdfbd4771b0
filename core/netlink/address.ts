// Addresses of links by rtnetlink (rtnetlink(7) RTM_*ADDR): what the master of a VRRP instance holds.
//
// As keepalived sends them: NEWADDR without CREATE, EXCL or REPLACE, so that an address that is there is EEXIST and
// a leftover of a dead process is taken over as it is.

import {
  attributeText,
  attributeU8,
  attributeU32,
  type MessageWriter,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  parseAttributes,
  viewOf,
} from './message.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTMGRP_IPV4_IFADDR = 0x10;
export const RTMGRP_IPV6_IFADDR = 0x100;

export const IFA_F_SECONDARY = 0x01;
export const IFA_F_NODAD = 0x02;
export const IFA_F_HOMEADDRESS = 0x10;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_TENTATIVE = 0x40;
export const IFA_F_MANAGETEMPADDR = 0x100;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_MCAUTOJOIN = 0x400;

export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const IFADDRMSG_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
const LIFETIME_FOREVER = 0xffff_ffff;

export interface AddressSpec {
  index: number; // of the link
  address: Uint8Array; // 4 or 16 bytes
  prefix: number;
  broadcast: Uint8Array | null;
  label: string; // '' none
  scope: number;
  peer: Uint8Array | null;
  flags: number; // IFA_F_…
  preferredLifetime: number; // seconds; -1: forever
  protocol: number; // IFA_PROTO: who set it; 0 not said
}

export interface AddressInfo {
  index: number;
  address: Uint8Array; // the link's own: IFA_LOCAL, else IFA_ADDRESS
  prefix: number;
  flags: number;
  scope: number;
  label: string;
  protocol: number; // IFA_PROTO, 0 when not told
}

/** Asks for every address of both families. */
export function encodeGetAddresses(writer: MessageWriter, sequence: number): Uint8Array {
  writer.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  header(writer, AF_UNSPEC, 0, 0, 0);
  return writer.end();
}

export function encodeNewAddress(writer: MessageWriter, spec: AddressSpec, sequence: number): Uint8Array {
  const isInet6 = spec.address.length === 16;
  writer.begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, isInet6 ? AF_INET6 : AF_INET, spec.prefix, spec.scope, spec.index);
  if (isInet6 && spec.preferredLifetime >= 0) {
    writer.attribute(IFA_CACHEINFO, lifetimes(spec.preferredLifetime));
  }
  if (spec.flags !== 0) writer.attributeU32(IFA_FLAGS, spec.flags);
  writer.attribute(IFA_LOCAL, spec.address);
  if (spec.peer !== null) writer.attribute(IFA_ADDRESS, spec.peer);
  else if (!isInet6) writer.attribute(IFA_ADDRESS, spec.address);
  if (!isInet6 && spec.broadcast !== null) writer.attribute(IFA_BROADCAST, spec.broadcast);
  if (!isInet6 && spec.label !== '') writer.attributeText(IFA_LABEL, spec.label);
  if (spec.protocol !== 0) writer.attributeU8(IFA_PROTO, spec.protocol);
  return writer.end();
}

/** Removes exactly this address; EADDRNOTAVAIL when it is gone already. */
export function encodeDeleteAddress(
  writer: MessageWriter,
  spec: Pick<AddressSpec, 'index' | 'address' | 'prefix' | 'peer'>,
  sequence: number,
): Uint8Array {
  const isInet6 = spec.address.length === 16;
  writer.begin(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, sequence);
  header(writer, isInet6 ? AF_INET6 : AF_INET, spec.prefix, 0, spec.index);
  writer.attribute(IFA_LOCAL, spec.address);
  if (spec.peer !== null) writer.attribute(IFA_ADDRESS, spec.peer);
  else if (!isInet6) writer.attribute(IFA_ADDRESS, spec.address);
  return writer.end();
}

/** The payload of RTM_NEWADDR or RTM_DELADDR; null when it is no IP address. */
export function parseAddress(payload: Uint8Array): AddressInfo | null {
  if (payload.length < IFADDRMSG_BYTES) return null;
  const family = payload[0]!;
  const attributes = parseAttributes(payload, IFADDRMSG_BYTES);
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const bytes = family === AF_INET ? 4 : family === AF_INET6 ? 16 : 0;
  if (address === undefined || address.length !== bytes || bytes === 0) return null;
  const label = attributes.get(IFA_LABEL);
  return {
    index: viewOf(payload).getUint32(4, true),
    address: address.slice(),
    prefix: payload[1]!,
    flags: attributeU32(attributes.get(IFA_FLAGS), payload[2]!),
    scope: payload[3]!,
    label: label === undefined ? '' : attributeText(label),
    protocol: attributeU8(attributes.get(IFA_PROTO), 0),
  };
}

// struct ifa_cacheinfo: preferred, valid, created, updated.
function lifetimes(preferredSeconds: number): Uint8Array {
  const bytes = new Uint8Array(16);
  viewOf(bytes).setUint32(0, preferredSeconds, true);
  viewOf(bytes).setUint32(4, LIFETIME_FOREVER, true);
  return bytes;
}

// struct ifaddrmsg: family, prefix length, flags, scope, index.
function header(writer: MessageWriter, family: number, prefix: number, scope: number, index: number): void {
  writer.u8(family);
  writer.u8(prefix);
  writer.u8(0);
  writer.u8(scope);
  writer.u32(index);
}
