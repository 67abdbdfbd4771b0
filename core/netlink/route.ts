// Routes by rtnetlink (rtnetlink(7) RTM_*ROUTE): `virtual_routes` and `static_routes` with names already resolved.

import { type MessageWriter, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from './message.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTPROT_KEEPALIVED = 18;
export const RT_TABLE_MAIN = 254;
export const RT_SCOPE_NOWHERE = 255;
const RT_TABLE_COMPAT = 252; // in the 8-bit field, when the table does not fit it

const AF_INET = 2;
const AF_INET6 = 10;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_FLOW = 11;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_PREF = 20;
const RTA_EXPIRES = 23;
const RTA_TTL_PROPAGATE = 26;
const RTAX_CC_ALGO = 16;

export const RTNH_F_ONLINK = 4;

/** rtmsg's types by their words. */
export const ROUTE_TYPES: Readonly<Record<string, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
};

/** RTAX_… by the words of ip-route(8); `congctl` is text, `features` a bit mask. */
export const ROUTE_METRICS: Readonly<Record<string, number>> = {
  mtu: 2,
  window: 3,
  rtt: 4,
  rttvar: 5,
  ssthresh: 6,
  cwnd: 7,
  advmss: 8,
  reordering: 9,
  hoplimit: 10,
  initcwnd: 11,
  features: 12,
  rto_min: 13,
  initrwnd: 14,
  quickack: 15,
  fastopen_no_cookie: 17,
};
export const RTAX_LOCK = 1;

export interface NextHopSpec {
  gateway: Uint8Array | null; // may be of the other family (RTA_VIA)
  index: number; // 0: none said
  weight: number; // 1–256
  flags: number; // RTNH_F_…
}

export interface RouteSpec {
  family: 'inet' | 'inet6';
  destination: Uint8Array | null; // null: default
  prefix: number;
  type: number; // ROUTE_TYPES
  table: number;
  scope: number;
  tos: number;
  protocol: number;
  gateway: Uint8Array | null;
  index: number; // outgoing link, 0 none
  source: { address: Uint8Array; prefix: number } | null; // `from`, IPv6 only
  preferredSource: Uint8Array | null;
  priority: number; // metric; -1 not said
  flags: number; // RTNH_F_…
  realms: number; // -1 not said
  preference: number; // ICMPv6 router preference; -1 not said
  expiresSeconds: number; // -1 not said
  ttlPropagate: number; // -1 not said
  metrics: readonly { metric: number; value: number }[]; // RTAX_…
  congestion: string; // RTAX_CC_ALGO, '' none
  nextHops: readonly NextHopSpec[]; // more than one way
  mode: 'add' | 'append' | 'prepend';
}

/**
 * Adds a route: `prepend` before those of the same destination and metric, `append` after them; `add` is EEXIST where
 * there is one. The very same route is EEXIST always. Routes of others stay.
 */
export function encodeNewRoute(writer: MessageWriter, spec: RouteSpec, sequence: number): Uint8Array {
  const mode = spec.mode === 'append' ? NLM_F_APPEND : spec.mode === 'prepend' ? 0 : NLM_F_EXCL;
  writer.begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | mode, sequence);
  body(writer, spec);
  return writer.end();
}

/** Removes the route of the same destination, table, metric and way; ESRCH when it is gone already. */
export function encodeDeleteRoute(writer: MessageWriter, spec: RouteSpec, sequence: number): Uint8Array {
  writer.begin(RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, sequence);
  body(writer, spec);
  return writer.end();
}

// struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags; then the attributes.
function body(writer: MessageWriter, spec: RouteSpec): void {
  writer.u8(spec.family === 'inet' ? AF_INET : AF_INET6);
  writer.u8(spec.destination === null ? 0 : spec.prefix);
  writer.u8(spec.source?.prefix ?? 0);
  writer.u8(spec.tos);
  writer.u8(spec.table < 256 ? spec.table : RT_TABLE_COMPAT);
  writer.u8(spec.protocol);
  writer.u8(spec.scope);
  writer.u8(spec.type);
  writer.u32(spec.flags);
  if (spec.table >= 256) writer.attributeU32(RTA_TABLE, spec.table);
  if (spec.destination !== null) writer.attribute(RTA_DST, spec.destination);
  if (spec.source !== null) writer.attribute(RTA_SRC, spec.source.address);
  if (spec.priority >= 0) writer.attributeU32(RTA_PRIORITY, spec.priority);
  if (spec.preferredSource !== null) writer.attribute(RTA_PREFSRC, spec.preferredSource);
  if (spec.gateway !== null) gateway(writer, spec.family, spec.gateway);
  if (spec.index !== 0) writer.attributeU32(RTA_OIF, spec.index);
  if (spec.realms >= 0) writer.attributeU32(RTA_FLOW, spec.realms);
  if (spec.preference >= 0) writer.attributeU8(RTA_PREF, spec.preference);
  if (spec.expiresSeconds >= 0) writer.attributeU32(RTA_EXPIRES, spec.expiresSeconds);
  if (spec.ttlPropagate >= 0) writer.attributeU8(RTA_TTL_PROPAGATE, spec.ttlPropagate);
  metrics(writer, spec);
  nextHops(writer, spec);
}

function metrics(writer: MessageWriter, spec: RouteSpec): void {
  if (spec.metrics.length === 0 && spec.congestion === '') return;
  const nest = writer.nestBegin(RTA_METRICS);
  for (const { metric, value } of spec.metrics) writer.attributeU32(metric, value);
  if (spec.congestion !== '') writer.attributeText(RTAX_CC_ALGO, spec.congestion);
  writer.nestEnd(nest);
}

// RTA_MULTIPATH holds struct rtnexthop: len, flags, hops (weight − 1), ifindex; each with attributes of its own.
function nextHops(writer: MessageWriter, spec: RouteSpec): void {
  if (spec.nextHops.length === 0) return;
  const nest = writer.nestBegin(RTA_MULTIPATH);
  for (const hop of spec.nextHops) {
    const start = writer.offset;
    writer.u16(0);
    writer.u8(hop.flags);
    writer.u8(hop.weight - 1);
    writer.u32(hop.index);
    if (hop.gateway !== null) gateway(writer, spec.family, hop.gateway);
    writer.setU16(start, writer.offset - start);
  }
  writer.nestEnd(nest);
}

// RTA_VIA (struct rtvia: family, address) carries a next hop of the other family: an IPv4 route over IPv6.
function gateway(writer: MessageWriter, family: 'inet' | 'inet6', address: Uint8Array): void {
  if ((address.length === 4) === (family === 'inet')) return writer.attribute(RTA_GATEWAY, address);
  const via = new Uint8Array(2 + address.length);
  via[0] = address.length === 4 ? AF_INET : AF_INET6;
  via.set(address, 2);
  writer.attribute(RTA_VIA, via);
}
