// How keepalived writes addresses, routes, rules, scripts and times in its dumps (keepalived.data, keepalived.json).

import type { NotifyScript, VirtualAddress, VirtualRoute, VirtualRule, VrrpInstance } from '../../core/model/vrrp.ts';
import { ipv6ToText } from '../../core/sys/sockaddr.ts';

const SCOPE_NAMES: Readonly<Record<number, string>> = {
  ...{ 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' },
};
const FOREVER = 0xffff_ffff;
const TABLE_MAIN = 254;
const REALM_SOURCE = 65_536; // the upper half is the source's

export const macText = (bytes: readonly number[]): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

export const STATE_NAMES = { init: 'INIT', backup: 'BACKUP', master: 'MASTER', fault: 'FAULT' } as const;

/** `10.0.0.1/24 brd 10.0.0.255 dev eth0 scope global label eth0:1 set`; a whole host's length is not written. */
export function addressText(address: VirtualAddress, instance: VrrpInstance | null, isSet: boolean): string {
  const { family, peer, prefix } = address;
  const isWhole = prefix === (family === 'inet' ? 32 : 128);
  const own = `${address.address}${isWhole || peer !== '' ? '' : `/${prefix}`}`;
  const brd = family === 'inet' ? broadcastText(address) : '';
  return [
    own,
    brd === '' ? '' : ` brd ${brd}`,
    ` dev ${deviceText(address, instance)}`,
    ` scope ${SCOPE_NAMES[address.scope] ?? address.scope}`,
    address.label === '' ? '' : ` label ${address.label}`,
    peer === '' ? '' : ` peer ${peer}/${prefix}`,
    address.homeAddress ? ' home' : '',
    family === 'inet6' && !address.noDad ? ' -nodad' : '',
    address.mngTmpAddr ? ' mngtmpaddr' : '',
    address.noPrefixRoute ? ' noprefixroute' : '',
    address.autojoin ? ' autojoin' : '',
    address.noTrack ? ' no_track' : '',
    family === 'inet6' ? ` ${lifetimeText(address)}` : '',
    isSet ? ' set' : '',
  ].join('');
}

function deviceText(address: VirtualAddress, instance: VrrpInstance | null): string {
  const base = instance?.interfaceName ?? '';
  const device = address.interfaceName || base;
  const vmac = instance?.vmac ?? null;
  if (address.vmac) return `${address.vmac}@${device} use_vmac`;
  return vmac !== null && device === base ? `${vmac.name}@${base}` : device;
}

function lifetimeText(address: VirtualAddress): string {
  const { preferredLifetime, prefix } = address;
  const seconds = preferredLifetime >= 0 ? preferredLifetime : prefix === 128 ? 0 : FOREVER;
  if (seconds === 0) return 'deprecated';
  return `preferred_lft ${seconds >= FOREVER ? 'forever' : seconds}`;
}

/** `+` and `-` are the last and the first address of the network. */
function broadcastText({ broadcast, address, prefix }: VirtualAddress): string {
  if (broadcast !== '+' && broadcast !== '-') return broadcast;
  const whole = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const hosts = 2 ** (32 - prefix);
  const network = whole - (whole % hosts);
  const value = broadcast === '+' ? network + hosts - 1 : network;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

type Attributes = VirtualRoute['attributes'];

/** `prepend 10.9.0.0/16 via inet 10.0.0.2 dev eth0 table 300 proto 18 metric 7`. */
export function routeText(route: VirtualRoute): string {
  const { attributes, family } = route;
  const type = String(attributes['type'] ?? 'unicast');
  const mode = attributes['add'] === true || type !== 'unicast' ? 'add' : attributes['append'] ? 'append' : 'prepend';
  const any = family === 'inet' ? '0.0.0.0/0' : '::/0';
  const words = [mode];
  if (type !== 'unicast') words.push(type);
  words.push(route.to === 'default' ? any : networkText(route.to));
  if (attributes['from'] !== undefined) words.push('from', networkText(String(attributes['from'])));
  pushValues(words, attributes, ['src', 'tos']);
  if (attributes['via'] !== undefined) words.push(`via ${family}`, String(attributes['via']));
  pushValues(words, attributes, ['dev']);
  if (attributes['table'] !== TABLE_MAIN) pushValues(words, attributes, ['table']);
  pushValues(words, attributes, ['protocol'], 'proto');
  pushValues(words, attributes, ['scope', 'metric']);
  if (attributes['onlink'] === true) words.push('onlink');
  if (attributes['realms'] !== undefined) words.push(realmsText(Number(attributes['realms'])));
  if (attributes['expires'] !== undefined) words.push(`expires ${attributes['expires']}sec`);
  pushValues(words, attributes, ['congctl']);
  for (const [name, scale] of [
    ['rtt', 8],
    ['rttvar', 4],
    ['rto_min', 1],
  ] as const) {
    if (attributes[name] !== undefined) words.push(name, timeText(String(attributes[name]), scale));
  }
  if (attributes['features'] === 'ecn') words.push('features ecn');
  pushValues(words, attributes, ['mtu', 'window', 'ssthresh', 'cwnd', 'advmss', 'reordering', 'hoplimit']);
  pushValues(words, attributes, ['initcwnd', 'initrwnd', 'quickack', 'pref', 'fastopen_no_cookie', 'ttl-propagate']);
  for (const hop of route.nextHops) {
    words.push('nexthop');
    if (hop.via !== '') words.push(`via ${hop.family} ${hop.via}`);
    if (hop.dev !== '') words.push(`dev ${hop.dev}`);
    if (hop.weight !== 1) words.push(`weight ${hop.weight}`);
    if (hop.onlink) words.push('onlink');
  }
  if (route.noTrack) words.push('no_track');
  return words.join(' ');
}

function pushValues(words: string[], attributes: Attributes, names: readonly string[], as?: string): void {
  for (const name of names) if (attributes[name] !== undefined) words.push(as ?? name, String(attributes[name]));
}

// The kernel keeps them in fractions of a millisecond.
function timeText(value: string, scale: number): string {
  const lock = value.startsWith('lock ') ? 'lock ' : '';
  const ms = Number(value.slice(lock.length)) / scale;
  return lock + (ms >= 1000 ? `${ms / 1000}s` : `${ms}ms`);
}

function realmsText(realms: number): string {
  const source = Math.floor(realms / REALM_SOURCE);
  return source === 0 ? `realm ${realms}` : `realms ${source}/${realms % REALM_SOURCE}`;
}

/** `from 10.0.0.1 priority 77 tos 0x0 protocol 18 lookup 300`. */
export function ruleText(rule: VirtualRule): string {
  const { attributes } = rule;
  const from = attributes['from'];
  const to = attributes['to'];
  const words: string[] = [];
  if (rule.family === 'inet6' && (from ?? 'all') === 'all' && (to ?? 'all') === 'all') words.push('inet6');
  if (attributes['not'] === true) words.push('not');
  words.push('from', from === undefined ? 'all' : networkText(String(from)));
  if (to !== undefined && to !== 'all') words.push('to', networkText(String(to)));
  pushValues(words, attributes, ['preference'], 'priority');
  words.push('tos', `0x${Number(attributes['tos'] ?? 0).toString(16)}`);
  if (attributes['fwmark'] !== undefined) words.push('fwmark', markText(String(attributes['fwmark'])));
  pushValues(words, attributes, ['iif', 'oif', 'suppress_prefixlength', 'suppress_ifgroup']);
  pushValues(words, attributes, ['tun_id'], 'tunnel-id');
  pushValues(words, attributes, ['uidrange']);
  if (attributes['l3mdev'] === true) words.push('l3mdev');
  pushValues(words, attributes, ['protocol']);
  pushValues(words, attributes, ['ip_proto'], 'ipproto');
  pushValues(words, attributes, ['sport', 'dport']);
  const realms = attributes['realms'];
  if (realms !== undefined) {
    words.push('realms', `${Math.floor(Number(realms) / REALM_SOURCE)}/${Number(realms) % REALM_SOURCE}`);
  }
  if (attributes['goto'] !== undefined) words.push('goto', String(attributes['goto']));
  else if (attributes['type'] !== undefined) words.push('type', String(attributes['type']));
  else words.push('lookup', String(attributes['table'] ?? 0));
  if (rule.noTrack) words.push('no_track');
  return words.join(' ');
}

const markText = (mark: string): string =>
  mark
    .split('/')
    .map((part) => `0x${Number(part).toString(16)}`)
    .filter((part, index) => index === 0 || part !== '0xffffffff')
    .join('/');

const networkText = (text: string): string => text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '');

/** Each word in single quotes, as a shell would read it. */
export function commandText(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

/** Whose rights a script has: its own, else those of `script_user`, else ours. */
export function ownerText(
  script: Pick<NotifyScript, 'uid' | 'gid'>,
  user: { uid: number; gid: number } | null,
): string {
  const uid = script.uid >= 0 ? script.uid : (user?.uid ?? process.geteuid!());
  const gid = script.uid >= 0 ? script.gid : (user?.gid ?? process.getegid!());
  return `${uid}:${gid}`;
}

/** `1795376165.382013 (Sun Nov 22 19:36:05.382013 2026)`, local time as ctime(3). */
export function stampText(wallMs: number): string {
  const micros = Math.round(wallMs * 1000);
  const fraction = String(micros % 1_000_000).padStart(6, '0');
  const seconds = Math.floor(micros / 1_000_000);
  const [day, month, date, year, time] = new Date(seconds * 1000).toString().split(' ');
  return `${seconds}.${fraction} (${day} ${month} ${date!.replace(/^0/, ' ')} ${time}.${fraction} ${year})`;
}

export function bytesText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : ipv6ToText(bytes, 0);
}
