// IP addresses as text, and the lines of virtual_ipaddress, virtual_ipaddress_excluded and static_ipaddress
// (keepalived.conf(5), "Virtual addresses").
//
// Addresses stay text in the model; they are put into one spelling here (RFC 5952), so that equal ones are equal.

import { isIPv4, isIPv6 } from 'node:net';
import type { IpFamily, VirtualAddress } from '../../model/vrrp.ts';
import type { Mutable } from './drafts.ts';
import type { Parse } from './keyword-table.ts';
import { UINT_MAX } from './numbers.ts';
import type { Words } from './words.ts';

export const INTERFACE_NAME_BYTES_MAX = 15;
const LIFETIME_FOREVER = UINT_MAX;

export interface ParsedAddress {
  family: IpFamily;
  address: string;
  prefix: number; // 32 and 128 when none was given
}

/** An address's family by its look: a colon says IPv6. */
export function familyOf(text: string): IpFamily {
  return text.includes(':') ? 'inet6' : 'inet';
}

/** inet_pton(3): the address in one spelling; null when it is none. No zone. */
export function normalAddress(text: string): string | null {
  if (text.includes('%')) return null;
  if (familyOf(text) === 'inet') return isIPv4(text) ? text : null;
  if (!isIPv6(text)) return null;
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** ADDRESS[/LEN]; null after "VRRP parsed invalid IP". `prefixAllowed` false: a slash makes it invalid. */
export function parseAddress(text: string, prefixAllowed: boolean, parse: Parse): ParsedAddress | null {
  const family = familyOf(text);
  const prefixMax = family === 'inet6' ? 128 : 32;
  const slash = prefixAllowed ? text.indexOf('/') : -1;
  let prefix = prefixMax;
  if (slash >= 0) {
    const length = text.slice(slash + 1);
    const given = parse.numbers.unsigned(length, 0, prefixMax);
    if (given !== null) prefix = given;
    else parse.warning(`Invalid address prefix len ${length} for address ${text} - using ${prefixMax}`);
  }
  const address = normalAddress(slash < 0 ? text : text.slice(0, slash));
  if (address !== null) return { family, address, prefix };
  parse.warning(`VRRP parsed invalid IP ${text}. skipping IP...`);
  return null;
}

/** An address, or one followed by a range or a mask, which are left out; null when it is none. */
export function parseSocketAddress(text: string): { family: IpFamily; address: string } | null {
  const address = normalAddress(text.replace(/[-/].*$/s, ''));
  return address === null ? null : { family: familyOf(text), address };
}

export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** A group of routers: 224.0.0.0/4, or ff00::/8. */
export function isMulticast(address: string): boolean {
  return familyOf(address) === 'inet6' ? /^ff/i.test(address) : /^2(2[4-9]|3\d)\./.test(address);
}

export function isLinkLocalMulticast(address: string): boolean {
  return /^ff[0-9a-f]2/i.test(address);
}

interface Entry {
  address: Mutable<VirtualAddress>;
  text: string; // as written
  words: Words;
  parse: Parse;
  isStatic: boolean;
  broadcastWord: string; // '', '+', '-' or an address
  trackGroup: string;
  dropped: boolean;
}

/** One line of a block of addresses; null: it was wrong in a way that leaves no address, told. */
export function parseVirtualAddress(words: Words, parse: Parse, isStatic: boolean): VirtualAddress | null {
  const parsed = parseAddress(words.at(0), true, parse);
  if (parsed === null) return null;
  const entry: Entry = {
    address: newAddress(parsed, words),
    text: words.at(0),
    words,
    parse,
    isStatic,
    broadcastWord: '',
    trackGroup: '',
    dropped: false,
  };
  for (let at = 1; at < words.count && !entry.dropped; ) at = takeOption(entry, at);
  if (entry.dropped) return null;
  settleBroadcast(entry);
  if (isStatic && !chooseStaticInterface(entry)) return null;
  if (parsed.family === 'inet6') settleInet6(entry);
  if (entry.trackGroup !== '') {
    parse.draft.staticTracks.push({ group: entry.trackGroup, interfaceName: entry.address.interfaceName });
  }
  return entry.address;
}

function newAddress(parsed: ParsedAddress, words: Words): Mutable<VirtualAddress> {
  return {
    ...parsed,
    broadcast: '',
    label: '',
    scope: 0,
    interfaceName: '',
    peer: '',
    preferredLifetime: -1,
    homeAddress: false,
    noDad: parsed.family === 'inet6', // of use at once; who holds it is VRRP's to decide
    mngTmpAddr: false,
    noPrefixRoute: false,
    autojoin: false,
    noTrack: false,
    file: words.file,
    line: words.line,
  };
}

/** In an address's `vmac` until complete.ts gives it a name. */
export const VMAC_WANTED = '*';

const FLAGS: Readonly<Record<string, (address: Mutable<VirtualAddress>) => void>> = {
  home: (address) => (address.homeAddress = true),
  '-nodad': (address) => (address.noDad = false),
  mngtmpaddr: (address) => (address.mngTmpAddr = true),
  noprefixroute: (address) => (address.noPrefixRoute = true),
  autojoin: (address) => (address.autojoin = true),
  no_track: (address) => (address.noTrack = true),
};

const PARAMETERS: Readonly<Record<string, (entry: Entry, value: string) => void>> = {
  dev: takeDevice,
  scope: takeScope,
  broadcast: takeBroadcast,
  brd: takeBroadcast,
  label: takeLabel,
  peer: takePeer,
  preferred_lft: takeLifetime,
};

/** Takes the option at `at`; returns where the next one is. */
function takeOption(entry: Entry, at: number): number {
  const { words, parse } = entry;
  const word = words.at(at);
  const set = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined;
  if (set !== undefined) {
    set(entry.address);
    return at + 1;
  }
  const take = Object.hasOwn(PARAMETERS, word) ? PARAMETERS[word] : undefined;
  const isGroup = entry.isStatic && word === 'track_group';
  if (take !== undefined || isGroup) {
    const value = words.list[at + 1];
    if (value === undefined) drop(entry, `No ${word} parameter specified for ${entry.text}`);
    else if (take !== undefined) take(entry, value);
    else takeTrackGroup(entry, value);
    return at + 2;
  }
  if (!entry.isStatic && word === 'use_vmac') entry.address.vmac = VMAC_WANTED;
  else parse.warning(`Unknown configuration entry '${word}' for ip address - ignoring`);
  return at + 1;
}

function drop(entry: Entry, text: string): void {
  entry.parse.warning(text);
  entry.dropped = true;
}

function takeDevice(entry: Entry, name: string): void {
  if (entry.address.interfaceName !== '') {
    drop(entry, `Cannot specify ipaddress device more than once for ${entry.text}`);
  } else if (!entry.parse.interfaceExists(name)) {
    drop(entry, `WARNING - interface ${name} for ip address ${entry.text} doesn't exist`);
  } else entry.address.interfaceName = name;
}

function takeScope(entry: Entry, name: string): void {
  const scope = entry.parse.routeNames.scope(name);
  if (scope === null) entry.parse.warning(`Invalid scope '${name}' specified for ${entry.text} - ignoring`);
  else entry.address.scope = scope;
}

function takeBroadcast(entry: Entry, value: string): void {
  if (entry.address.family === 'inet6') {
    const reason = `VRRP is trying to assign a broadcast ${entry.words.list[entry.words.list.indexOf(value) - 1]}`;
    drop(entry, `${reason} to the IPv6 address ${entry.text} !!?? WTF... skipping VIP...`);
  } else if (value !== '+' && value !== '-' && !isIPv4(value)) {
    drop(entry, `VRRP is trying to assign invalid broadcast ${value}. skipping VIP...`);
  } else entry.broadcastWord = value;
}

function takeLabel(entry: Entry, label: string): void {
  if (Buffer.byteLength(label) <= INTERFACE_NAME_BYTES_MAX) entry.address.label = label;
  else drop(entry, `Address label ${label} is longer than maximum length 15 - removing address`);
}

function takePeer(entry: Entry, text: string): void {
  const { address, parse } = entry;
  if (address.peer !== '') {
    parse.warning(`Peer ${text} - another peer has already been specified`);
    return;
  }
  const peer = parseAddress(text, false, parse);
  if (peer === null) parse.warning(`Invalid peer address ${text}`);
  else if (peer.family !== address.family) parse.warning(`Peer address ${text} does not match address family`);
  else {
    if (address.prefix !== peer.prefix) {
      parse.warning('Cannot specify address prefix when specifying peer address - ignoring');
    }
    address.peer = peer.address;
    address.prefix = peer.prefix;
  }
}

function takeLifetime(entry: Entry, text: string): void {
  const seconds = text === 'forever' ? LIFETIME_FOREVER : entry.parse.numbers.unsigned(text, 0, UINT_MAX);
  if (seconds === null) entry.parse.warning(`preferred_lft ${text} is invalid`);
  else entry.address.preferredLifetime = seconds;
}

function takeTrackGroup(entry: Entry, name: string): void {
  if (entry.trackGroup !== '') drop(entry, `track_group ${name} is a duplicate`);
  else if (!entry.parse.draft.trackGroups.some((group) => group.name === name)) {
    entry.parse.warning(`track_group ${name} not found`);
  } else entry.trackGroup = name;
}

/** `brd +`: the host bits set; `brd -`: clear. */
function settleBroadcast(entry: Entry): void {
  const { address, broadcastWord: word, parse } = entry;
  if (word === '') return;
  if (address.peer !== '') {
    parse.warning('Cannot specify broadcast and peer addresses - ignoring broadcast address');
  } else if (word !== '+' && word !== '-') address.broadcast = word;
  else if (address.prefix > 30) parse.warning(`Address prefix length ${address.prefix} too long for broadcast`);
  else {
    const hostBits = address.prefix === 0 ? 0xffff_ffff : 2 ** (32 - address.prefix) - 1;
    const number = address.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const network = number - (number % (hostBits + 1));
    const broadcast = word === '+' ? network + hostBits : network;
    address.broadcast = [24, 16, 8, 0].map((shift) => Math.floor(broadcast / 2 ** shift) % 256).join('.');
  }
}

function chooseStaticInterface(entry: Entry): boolean {
  const { address, parse } = entry;
  if (address.interfaceName !== '') return true;
  const name = parse.global.defaultInterface === '' ? 'eth0' : parse.global.defaultInterface;
  if (parse.interfaceExists(name)) {
    address.interfaceName = name;
    return true;
  }
  const problem = `Static address ${entry.text} requires either an interface or default interface must exist`;
  parse.diagnostics.error(problem, 4);
  return false;
}

function settleInet6(entry: Entry): void {
  const { address, parse, text } = entry;
  if (address.scope !== 0) {
    parse.warning(`Cannot specify scope for IPv6 addresses (${text}) - ignoring scope`);
    address.scope = 0;
  }
  if (address.label !== '') {
    parse.warning(`Cannot specify label for IPv6 addresses (${text}) - ignoring label`);
    address.label = '';
  }
}
