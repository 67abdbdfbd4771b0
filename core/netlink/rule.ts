// Routing policy rules by rtnetlink (ip-rule(8), RTM_*RULE): `virtual_rules` and `static_rules`, names resolved.

import { type MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from './message.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;

export const FR_ACT_TO_TBL = 1;
export const FR_ACT_GOTO = 2;
export const FR_ACT_BLACKHOLE = 6;
export const FR_ACT_UNREACHABLE = 7;
export const FR_ACT_PROHIBIT = 8;
export const FIB_RULE_INVERT = 2;

const AF_INET = 2;
const AF_INET6 = 10;
const RT_TABLE_COMPAT = 252;
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_FLOW = 11;
const FRA_TUN_ID = 12;
const FRA_SUPPRESS_IFGROUP = 13;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

export interface RuleSpec {
  family: 'inet' | 'inet6';
  from: { address: Uint8Array; prefix: number } | null;
  to: { address: Uint8Array; prefix: number } | null;
  tos: number;
  table: number; // 0: none (goto, blackhole)
  action: number; // FR_ACT_…
  invert: boolean; // `not`
  priority: number; // -1: the kernel chooses
  goto: number; // -1 none
  inputLink: string; // iif
  outputLink: string; // oif
  fwmark: number; // -1 none
  fwmask: number; // -1 none
  realms: number; // -1 none
  tunnelId: number; // -1 none
  suppressPrefixLength: number; // -1 none
  suppressGroup: number; // -1 none
  uidRange: { first: number; last: number } | null;
  l3mdev: boolean;
  ipProtocol: number; // -1 none
  sourcePorts: { first: number; last: number } | null;
  destinationPorts: { first: number; last: number } | null;
  protocol: number; // FRA_PROTOCOL: who set it
}

/** Adds a rule; EEXIST when an equal one is there. */
export function encodeNewRule(writer: MessageWriter, spec: RuleSpec, sequence: number): Uint8Array {
  writer.begin(RTM_NEWRULE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  body(writer, spec);
  return writer.end();
}

/** Removes a rule; ENOENT when it is gone already. */
export function encodeDeleteRule(writer: MessageWriter, spec: RuleSpec, sequence: number): Uint8Array {
  writer.begin(RTM_DELRULE, NLM_F_REQUEST | NLM_F_ACK, sequence);
  body(writer, spec);
  return writer.end();
}

// struct fib_rule_hdr: family, dst_len, src_len, tos, table, two reserved, action, flags; then the attributes.
function body(writer: MessageWriter, spec: RuleSpec): void {
  writer.u8(spec.family === 'inet' ? AF_INET : AF_INET6);
  writer.u8(spec.to?.prefix ?? 0);
  writer.u8(spec.from?.prefix ?? 0);
  writer.u8(spec.tos);
  writer.u8(spec.table < 256 ? spec.table : RT_TABLE_COMPAT);
  writer.u8(0);
  writer.u8(0);
  writer.u8(spec.action);
  writer.u32(spec.invert ? FIB_RULE_INVERT : 0);
  if (spec.to !== null) writer.attribute(FRA_DST, spec.to.address);
  if (spec.from !== null) writer.attribute(FRA_SRC, spec.from.address);
  if (spec.priority >= 0) writer.attributeU32(FRA_PRIORITY, spec.priority);
  if (spec.table >= 256) writer.attributeU32(FRA_TABLE, spec.table);
  if (spec.goto >= 0) writer.attributeU32(FRA_GOTO, spec.goto);
  if (spec.inputLink !== '') writer.attributeText(FRA_IIFNAME, spec.inputLink);
  if (spec.outputLink !== '') writer.attributeText(FRA_OIFNAME, spec.outputLink);
  if (spec.fwmark >= 0) writer.attributeU32(FRA_FWMARK, spec.fwmark);
  if (spec.fwmask >= 0) writer.attributeU32(FRA_FWMASK, spec.fwmask);
  if (spec.realms >= 0) writer.attributeU32(FRA_FLOW, spec.realms);
  if (spec.suppressPrefixLength >= 0) writer.attributeU32(FRA_SUPPRESS_PREFIXLEN, spec.suppressPrefixLength);
  if (spec.suppressGroup >= 0) writer.attributeU32(FRA_SUPPRESS_IFGROUP, spec.suppressGroup);
  if (spec.l3mdev) writer.attributeU8(FRA_L3MDEV, 1);
  if (spec.ipProtocol >= 0) writer.attributeU8(FRA_IP_PROTO, spec.ipProtocol);
  if (spec.protocol !== 0) writer.attributeU8(FRA_PROTOCOL, spec.protocol);
  ranges(writer, spec);
}

function ranges(writer: MessageWriter, spec: RuleSpec): void {
  if (spec.tunnelId >= 0) writer.attribute(FRA_TUN_ID, bigEndian64(spec.tunnelId));
  if (spec.uidRange !== null) writer.attribute(FRA_UID_RANGE, pair32(spec.uidRange.first, spec.uidRange.last));
  if (spec.sourcePorts !== null) {
    writer.attribute(FRA_SPORT_RANGE, pair16(spec.sourcePorts.first, spec.sourcePorts.last));
  }
  if (spec.destinationPorts !== null) {
    writer.attribute(FRA_DPORT_RANGE, pair16(spec.destinationPorts.first, spec.destinationPorts.last));
  }
}

function pair16(first: number, last: number): Uint8Array {
  return new Uint8Array(new Uint16Array([first, last]).buffer);
}

function pair32(first: number, last: number): Uint8Array {
  return new Uint8Array(new Uint32Array([first, last]).buffer);
}

function bigEndian64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
