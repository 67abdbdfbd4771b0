// Routes and rules of the configuration, with its words, as core/netlink encodes them (ip-route(8), ip-rule(8)).

import type { VirtualRoute, VirtualRule } from '../../core/model/vrrp.ts';
import {
  type NextHopSpec,
  ROUTE_METRICS,
  ROUTE_TYPES,
  type RouteSpec,
  RT_TABLE_MAIN,
  RTAX_LOCK,
  RTNH_F_ONLINK,
  RTPROT_KEEPALIVED,
} from '../../core/netlink/route.ts';
import {
  FR_ACT_BLACKHOLE,
  FR_ACT_GOTO,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  type RuleSpec,
} from '../../core/netlink/rule.ts';
import { parseAddress } from '../../core/vrrp/address.ts';

type Attributes = Readonly<Record<string, string | number | boolean>>;
type IndexOf = (linkName: string) => number; // 0: no such link

const TABLES: Readonly<Record<string, number>> = { default: 253, main: RT_TABLE_MAIN, local: 255 };
const SCOPES: Readonly<Record<string, number>> = {
  global: 0,
  universe: 0,
  site: 200,
  link: 253,
  host: 254,
  nowhere: 255,
};
const SCOPE_LINK = 253;
const SCOPE_HOST = 254;
const PREFERENCES: Readonly<Record<string, number>> = { medium: 0, high: 1, low: 3 };
const FEATURE_ECN = 1;

/** What to send for a route, or what is wrong with it. */
export function routeSpec(route: VirtualRoute, indexOf: IndexOf): RouteSpec | string {
  const { attributes } = route;
  const destination = route.to === 'default' ? null : parseAddress(route.to.split('/')[0]!);
  if (destination === null && route.to !== 'default') return `${route.to} is no address`;
  const type = ROUTE_TYPES[text(attributes, 'type') || 'unicast'] ?? number(attributes, 'type', 1);
  const gateway = addressOf(attributes, 'via', 'gw');
  const device = text(attributes, 'dev', 'oif');
  const index = device === '' ? 0 : indexOf(device);
  if (device !== '' && index === 0) return `no interface ${device}`;
  const nextHops: NextHopSpec[] = [];
  for (const hop of route.nextHops) {
    const hopIndex = hop.dev === '' ? 0 : indexOf(hop.dev);
    if (hop.dev !== '' && hopIndex === 0) return `no interface ${hop.dev}`;
    nextHops.push({
      gateway: hop.via === '' ? null : parseAddress(hop.via),
      index: hopIndex,
      weight: Math.max(1, hop.weight),
      flags: hop.onlink ? RTNH_F_ONLINK : 0,
    });
  }
  return {
    family: route.family,
    destination,
    prefix: route.prefix,
    type,
    table: named(attributes, TABLES, RT_TABLE_MAIN, 'table'),
    scope: route.family === 'inet6' ? 0 : named(attributes, SCOPES, scopeOf(type), 'scope'),
    tos: number(attributes, 'tos', 0, 'dsfield'),
    protocol: number(attributes, 'protocol', RTPROT_KEEPALIVED),
    gateway,
    index,
    source: prefixed(attributes, 'from'),
    preferredSource: addressOf(attributes, 'src'),
    priority: number(attributes, 'metric', -1, 'priority', 'preference'),
    flags: attributes['onlink'] === true ? RTNH_F_ONLINK : 0,
    realms: realmsOf(attributes, 'realms', 'realm'),
    preference: named(attributes, PREFERENCES, -1, 'pref'),
    expiresSeconds: number(attributes, 'expires', -1),
    ttlPropagate: flag(attributes, 'ttl-propagate'),
    metrics: metricsOf(attributes),
    congestion: text(attributes, 'congctl'),
    nextHops,
    mode: modeOf(attributes, type),
  };
}

/** What to send for a rule, or what is wrong with it. */
export function ruleSpec(rule: VirtualRule): RuleSpec | string {
  const { attributes } = rule;
  const goto = number(attributes, 'goto', -1);
  const table = named(attributes, TABLES, 0, 'table', 'lookup');
  const action = actionOf(attributes, goto, table);
  const [mark, mask] = maskedOf(attributes, 'fwmark');
  return {
    family: rule.family,
    from: prefixed(attributes, 'from'),
    to: prefixed(attributes, 'to'),
    tos: number(attributes, 'tos', 0, 'dsfield'),
    table: action === FR_ACT_TO_TBL && table === 0 && attributes['l3mdev'] !== true ? RT_TABLE_MAIN : table,
    action,
    invert: attributes['not'] === true,
    priority: number(attributes, 'preference', -1, 'pref', 'priority', 'order'),
    goto,
    inputLink: text(attributes, 'iif', 'dev'),
    outputLink: text(attributes, 'oif'),
    fwmark: mark,
    fwmask: mask,
    realms: realmsOf(attributes, 'realms', 'realm'),
    tunnelId: number(attributes, 'tun_id', -1),
    suppressPrefixLength: number(attributes, 'suppress_prefixlength', -1, 'suppress_prefixlen'),
    suppressGroup: number(attributes, 'suppress_ifgroup', -1),
    uidRange: rangeOf(attributes, 'uidrange'),
    l3mdev: attributes['l3mdev'] === true,
    ipProtocol: number(attributes, 'ip_proto', -1, 'ipproto'),
    sourcePorts: rangeOf(attributes, 'sport'),
    destinationPorts: rangeOf(attributes, 'dport'),
    protocol: number(attributes, 'protocol', RTPROT_KEEPALIVED),
  };
}

// As the kernel does by itself: before the others of the same destination. What is no way must be the only one.
function modeOf(attributes: Attributes, type: number): RouteSpec['mode'] {
  if (attributes['append'] === true) return 'append';
  return attributes['add'] === true || type !== ROUTE_TYPES['unicast'] ? 'add' : 'prepend';
}

// keepalived says universe, also of what needs no gateway; only where the kernel takes no such scope we say its own.
function scopeOf(type: number): number {
  if (type === ROUTE_TYPES['local'] || type === ROUTE_TYPES['nat']) return SCOPE_HOST;
  return type >= 3 && type <= 5 ? SCOPE_LINK : 0;
}

function actionOf(attributes: Attributes, goto: number, table: number): number {
  if (goto >= 0) return FR_ACT_GOTO;
  const type =
    text(attributes, 'type') || ['blackhole', 'unreachable', 'prohibit'].find((each) => attributes[each] === true);
  if (type === 'blackhole') return FR_ACT_BLACKHOLE;
  if (type === 'unreachable') return FR_ACT_UNREACHABLE;
  if (type === 'prohibit') return FR_ACT_PROHIBIT;
  return table >= 0 ? FR_ACT_TO_TBL : 0;
}

function metricsOf(attributes: Attributes): { metric: number; value: number }[] {
  const metrics: { metric: number; value: number }[] = [];
  let locked = 0;
  for (const [word, metric] of Object.entries(ROUTE_METRICS)) {
    const value = attributes[word];
    if (value === undefined) continue;
    const words = String(value).split(/\s+/);
    if (words[0] === 'lock' || attributes[`${word} lock`] === true || attributes[`${word}_lock`] === true) {
      locked |= 1 << metric;
    }
    const last = words[words.length - 1]!;
    const amount = word === 'features' && last === 'ecn' ? FEATURE_ECN : value === true ? 1 : Number(last);
    if (Number.isFinite(amount)) metrics.push({ metric, value: amount });
  }
  if (locked !== 0) metrics.unshift({ metric: RTAX_LOCK, value: locked });
  return metrics;
}

function text(attributes: Attributes, ...words: string[]): string {
  for (const word of words) if (attributes[word] !== undefined) return String(attributes[word]);
  return '';
}

function number(attributes: Attributes, word: string, otherwise: number, ...others: string[]): number {
  const value = text(attributes, word, ...others);
  const amount = value === '' ? Number.NaN : Number(value);
  return Number.isFinite(amount) ? amount : otherwise;
}

function named(
  attributes: Attributes,
  names: Readonly<Record<string, number>>,
  otherwise: number,
  ...words: string[]
): number {
  const value = text(attributes, ...words);
  return names[value] ?? (value === '' || !Number.isFinite(Number(value)) ? otherwise : Number(value));
}

function flag(attributes: Attributes, word: string): number {
  const value = attributes[word];
  if (value === undefined) return -1;
  return value === true || value === 1 || value === 'enabled' ? 1 : 0;
}

function addressOf(attributes: Attributes, ...words: string[]): Uint8Array | null {
  const value = text(attributes, ...words).replace(/^inet6?\s+/, '');
  return value === '' ? null : parseAddress(value.split('/')[0]!);
}

function prefixed(attributes: Attributes, word: string): { address: Uint8Array; prefix: number } | null {
  const value = text(attributes, word);
  if (value === '' || value === 'all' || value === 'any' || value === 'default') return null;
  const [host, bits] = value.split('/');
  const address = parseAddress(host!);
  return address === null ? null : { address, prefix: bits === undefined ? address.length * 8 : Number(bits) };
}

function realmsOf(attributes: Attributes, ...words: string[]): number {
  const value = text(attributes, ...words);
  if (value === '') return -1;
  const [first, second] = value.split('/').map(Number);
  return second === undefined ? first! : first! * 65_536 + second;
}

function maskedOf(attributes: Attributes, word: string): [number, number] {
  const value = text(attributes, word);
  if (value === '') return [-1, -1];
  const [mark, mask] = value.split('/').map(Number);
  return [mark!, mask ?? number(attributes, 'fwmask', -1)];
}

function rangeOf(attributes: Attributes, word: string): { first: number; last: number } | null {
  const value = text(attributes, word);
  if (value === '') return null;
  const [first, last] = value.split('-').map(Number);
  return { first: first!, last: last ?? first! };
}
