// The lines of virtual_routes and static_routes (keepalived.conf(5), "Virtual routes"; ip-route(8)).
//
// An option is a row: it takes its words and sets attributes that core/netlink's words know. Names become numbers
// here, since the files of iproute2 belong to the machine that reads the configuration.

import type { IpFamily, VirtualRoute } from '../../model/vrrp.ts';
import { familyOf, normalAddress, parseAddress } from './addresses.ts';
import type { Mutable } from './drafts.ts';
import type { Parse } from './keyword-table.ts';
import { UINT_MAX } from './numbers.ts';
import type { Words } from './words.ts';

const PROTOCOL_KEEPALIVED = 18;
const RTT_MS_MIN = 200;
const RTT_MS_MAX = 120_000;

type NextHop = Mutable<VirtualRoute['nextHops'][number]>;

interface RouteDraft {
  family: IpFamily | null;
  to: string; // '' not given
  toText: string;
  prefix: number;
  attributes: Record<string, string | number | boolean>;
  nextHops: NextHop[];
  noTrack: boolean;
  trackGroup: string;
}

/** Ends the line: it is left out, and the reason was told. */
class BadLine extends Error {}

interface Cursor {
  readonly words: Words;
  at: number; // of the option's word; options leave it on their last word
  readonly parse: Parse;
  readonly route: RouteDraft;
}

const fail = (cursor: Cursor, text: string): never => {
  cursor.parse.warning(text);
  throw new BadLine(text);
};

const nextWord = (cursor: Cursor): string => cursor.words.at(++cursor.at);

/** One route; null: the line was wrong, told. `isStatic`: track_group may follow. */
export function parseRoute(words: Words, parse: Parse, isStatic: boolean): VirtualRoute | null {
  const route: RouteDraft = {
    family: null,
    to: '',
    toText: '',
    prefix: 0,
    attributes: {},
    nextHops: [],
    noTrack: false,
    trackGroup: '',
  };
  const cursor: Cursor = { words, at: 0, parse, route };
  try {
    for (; cursor.at < words.count; cursor.at++) {
      const word = words.at(cursor.at);
      if (word === 'nexthop') {
        takeNextHops(cursor);
        break;
      }
      const option = Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined;
      if (isStatic && word === 'track_group') takeTrackGroup(cursor);
      else if (option !== undefined) option(cursor, word);
      else takeDestination(cursor, word);
    }
    return finish(cursor, isStatic);
  } catch (error) {
    if (error instanceof BadLine) return null;
    throw error;
  }
}

function finish(cursor: Cursor, isStatic: boolean): VirtualRoute {
  const { route, parse, words } = cursor;
  const { attributes } = route;
  if (route.to === '') fail(cursor, 'Route must have a destination');
  if (!route.noTrack) {
    const protocol = attributes['protocol'];
    if (protocol !== undefined && protocol !== PROTOCOL_KEEPALIVED) {
      const kept = `RTPROT_KEEPALIVED(${PROTOCOL_KEEPALIVED})`;
      parse.warning(`Route cannot be tracked if protocol is not ${kept}, resetting protocol`);
    }
    attributes['protocol'] = PROTOCOL_KEEPALIVED;
    if (attributes['dev'] === undefined) {
      parse.warning(`Warning - cannot track route ${route.toText} with no interface specified, not tracking`);
      route.noTrack = true;
    }
  }
  if (isStatic && route.trackGroup !== '') {
    if (attributes['dev'] === undefined) parse.warning('Static route cannot have track group if no oif specified');
    else parse.draft.staticTracks.push({ group: route.trackGroup, interfaceName: String(attributes['dev']) });
  }
  return {
    family: route.family ?? 'inet',
    to: route.to,
    prefix: route.prefix,
    attributes,
    nextHops: route.nextHops,
    noTrack: route.noTrack,
    file: words.file,
    line: words.line,
  };
}

function setFamily(cursor: Cursor, family: IpFamily, mistake: string): void {
  const { route } = cursor;
  if (route.family !== null && route.family !== family) fail(cursor, mistake);
  route.family = family;
}

const MIXED = 'Cannot mix IPv4 and IPv6 addresses for route';

function address(cursor: Cursor, text: string, mistake: string): string {
  const parsed = parseAddress(text, false, cursor.parse);
  if (parsed === null) return fail(cursor, mistake);
  setFamily(cursor, parsed.family, MIXED);
  return parsed.address;
}

const OPTIONS: Readonly<Record<string, (cursor: Cursor, word: string) => void>> = {
  inet: (cursor) => setFamily(cursor, 'inet', 'inet specified for IPv6 route'),
  inet6: (cursor) => setFamily(cursor, 'inet6', 'inet6 specified for IPv4 route'),
  src: (cursor) => {
    const text = nextWord(cursor);
    cursor.route.attributes['src'] = address(cursor, text, `invalid route src address ${text}`);
  },
  as: (cursor) => {
    if (nextWord(cursor) === 'to') nextWord(cursor);
    cursor.parse.warning('"as to" for MPLS only - ignoring');
  },
  via: takeVia,
  gw: (cursor) => {
    cursor.parse.warning('"gw" for routes is deprecated. Please use "via"');
    takeVia(cursor);
  },
  from: takeFrom,
  tos: takeDsfield,
  dsfield: takeDsfield,
  table: (cursor) => takeNamed(cursor, 'table', 'table', (name) => `Routing table ${name} not found for route`),
  protocol: (cursor) =>
    takeNamed(cursor, 'protocol', 'protocol', (name) => `Protocol ${name} not found or invalid for route`),
  scope: (cursor) => takeNamed(cursor, 'scope', 'scope', (name) => `Scope ${name} not found or invalid for route`),
  metric: takeMetric,
  priority: takeMetric,
  preference: takeMetric,
  dev: takeDevice,
  oif: takeDevice,
  onlink: (cursor) => {
    cursor.route.attributes['onlink'] = true;
  },
  encap: (cursor) => {
    cursor.parse.diagnostics.notImplemented('encap', 'routes into tunnels are not made');
    throw new BadLine('encap');
  },
  expires: (cursor) => {
    setFamily(cursor, 'inet6', 'expires is only valid for IPv6');
    cursor.route.attributes['expires'] = u32(cursor, 'Invalid expires time');
  },
  mtu: (cursor, word) => takeLockable(cursor, word, () => u32(cursor, 'Invalid MTU', false)),
  hoplimit: (cursor) => {
    cursor.route.attributes['hoplimit'] = u32(cursor, 'Invalid hoplimit', true, 255);
  },
  advmss: (cursor, word) => takeLockable(cursor, word, () => u32(cursor, 'Invalid advmss', false)),
  rtt: (cursor, word) => takeLockable(cursor, word, () => roundTrip(cursor, 8, 'rtt')),
  rttvar: (cursor, word) => takeLockable(cursor, word, () => roundTrip(cursor, 4, 'rttvar')),
  reordering: (cursor, word) => takeLockable(cursor, word, () => u32(cursor, 'Invalid reordering value', false)),
  window: (cursor) => {
    cursor.route.attributes['window'] = u32(cursor, 'Invalid window value');
  },
  cwnd: (cursor, word) => takeLockable(cursor, word, () => u32(cursor, 'Invalid cwnd value', false)),
  ssthresh: (cursor, word) => takeLockable(cursor, word, () => u32(cursor, 'Invalid ssthresh value', false)),
  realms: (cursor) => {
    const text = nextWord(cursor);
    const realms = cursor.parse.routeNames.realms(text);
    if (realms === null) fail(cursor, `Invalid realms ${text} for route`);
    setFamily(cursor, 'inet', 'realms are only valid for IPv4');
    cursor.route.attributes['realms'] = realms!;
  },
  rto_min: (cursor, word) => takeLockable(cursor, word, () => roundTrip(cursor, 1, 'rto_min value')),
  initcwnd: (cursor) => {
    cursor.route.attributes['initcwnd'] = u32(cursor, 'Invalid initcwnd value');
  },
  initrwnd: (cursor) => {
    cursor.route.attributes['initrwnd'] = u32(cursor, 'Invalid initrwnd value');
  },
  features: (cursor) => {
    const feature = nextWord(cursor);
    if (feature === 'ecn') cursor.route.attributes['features'] = 'ecn';
    else cursor.parse.warning(`feature ${feature} not supported`);
  },
  quickack: (cursor) => {
    cursor.route.attributes['quickack'] = u32(cursor, 'Invalid quickack value', true, 1);
  },
  congctl: (cursor) => {
    if (cursor.words.at(cursor.at + 1) === 'lock') {
      cursor.at++;
      cursor.route.attributes['congctl_lock'] = true;
    }
    cursor.route.attributes['congctl'] = nextWord(cursor);
  },
  pref: takePreference,
  'ttl-propagate': (cursor) => {
    const value = nextWord(cursor);
    if (value === 'enabled' || value === 'disabled') cursor.route.attributes['ttl-propagate'] = value;
    else cursor.parse.warning(`ttl-propagate value ${value} not recognised`);
  },
  fastopen_no_cookie: (cursor) => {
    cursor.route.attributes['fastopen_no_cookie'] = u32(cursor, 'Invalid fastopen_no_cookie value', true, 1);
  },
  add: (cursor) => setMode(cursor, 'add'),
  prepend: (cursor) => setMode(cursor, 'prepend'),
  append: (cursor) => setMode(cursor, 'append'),
  or: takeOr,
  no_track: (cursor) => {
    cursor.route.noTrack = true;
  },
  vrf: (cursor) => {
    cursor.parse.diagnostics.notImplemented('vrf', 'give the table of the VRF by number instead');
    throw new BadLine('vrf');
  },
};

function setMode(cursor: Cursor, mode: string): void {
  for (const each of ['add', 'prepend', 'append']) delete cursor.route.attributes[each];
  cursor.route.attributes[mode] = true;
}

/** A number behind the option; `what` begins the message. `advance` false: the cursor is on it already. */
function u32(cursor: Cursor, what: string, advance = true, max = UINT_MAX): number {
  const text = advance ? nextWord(cursor) : cursor.words.at(cursor.at);
  return cursor.parse.numbers.unsigned(text, 0, max) ?? fail(cursor, `${what} ${text} specified for route`);
}

/** `[lock] VALUE`; `read` finds the cursor on the value. */
function takeLockable(cursor: Cursor, word: string, read: () => number): void {
  const locked = nextWord(cursor) === 'lock';
  if (locked) cursor.at++;
  const value = read();
  cursor.route.attributes[word] = locked ? `lock ${value}` : value;
}

/** Times as the kernel keeps them: in 1/`scale` milliseconds, or with a unit (s, ms). */
function roundTrip(cursor: Cursor, scale: number, what: string): number {
  const text = cursor.words.at(cursor.at);
  const match = /^\s*([\d.]+)(ms|s|msec|sec|msecs|secs)?$/i.exec(text);
  const unit = match?.[2]?.toLowerCase();
  const limit = RTT_MS_MAX * scale;
  const places = unit !== undefined && !unit.startsWith('m') ? 3 : 0;
  const value = match === null ? null : cursor.parse.numbers.decimal(match[1]!, 0, limit, places);
  if (value === null) return fail(cursor, `Invalid ${what} ${text} for route`);
  const scaled = unit === undefined ? value : value * scale;
  return Math.min(Math.max(scaled, RTT_MS_MIN * scale), limit);
}

function takeVia(cursor: Cursor): void {
  let text = nextWord(cursor);
  if (text === 'inet' || text === 'inet6') {
    setFamily(cursor, text, MIXED);
    text = nextWord(cursor);
  }
  cursor.route.attributes['via'] = address(cursor, text, `invalid route via address ${text}`);
}

function takeFrom(cursor: Cursor): void {
  const text = nextWord(cursor);
  const parsed = parseAddress(text, true, cursor.parse);
  if (parsed === null) return fail(cursor, `invalid route from address ${text}`);
  if (parsed.family !== 'inet6') fail(cursor, `route from address only supported with IPv6 (${text})`);
  setFamily(cursor, parsed.family, MIXED);
  cursor.route.attributes['from'] = `${parsed.address}/${parsed.prefix}`;
}

function takeDsfield(cursor: Cursor): void {
  const text = nextWord(cursor);
  const value = cursor.parse.routeNames.dsfield(text);
  cursor.route.attributes['tos'] = value ?? fail(cursor, `TOS value ${text} is invalid`);
}

function takeNamed(
  cursor: Cursor,
  attribute: string,
  kind: 'table' | 'protocol' | 'scope',
  mistake: (name: string) => string,
): void {
  const name = nextWord(cursor);
  cursor.route.attributes[attribute] = cursor.parse.routeNames[kind](name) ?? fail(cursor, mistake(name));
}

function takeMetric(cursor: Cursor): void {
  cursor.route.attributes['metric'] = u32(cursor, 'Invalid metric');
}

function takeDevice(cursor: Cursor): void {
  const name = nextWord(cursor);
  if (!cursor.parse.interfaceExists(name)) {
    fail(cursor, `WARNING - interface ${name} for VROUTE nexthop doesn't exist`);
  }
  cursor.route.attributes['dev'] = name;
}

function takePreference(cursor: Cursor): void {
  setFamily(cursor, 'inet6', 'pref is only valid for IPv6');
  const text = nextWord(cursor);
  if (text === 'low' || text === 'medium' || text === 'high') cursor.route.attributes['pref'] = text;
  else {
    cursor.at--;
    cursor.route.attributes['pref'] = u32(cursor, 'Invalid pref value', true, 255);
  }
}

function takeTrackGroup(cursor: Cursor): void {
  const { route, parse } = cursor;
  const name = nextWord(cursor);
  if (route.trackGroup !== '') fail(cursor, `track_group ${name} is a duplicate`);
  if (!parse.draft.trackGroups.some((group) => group.name === name)) parse.warning(`track_group ${name} not found`);
  else route.trackGroup = name;
}

/** `via A or B`: two equal ways, an old spelling of nexthop. */
function takeOr(cursor: Cursor): void {
  const { route, parse } = cursor;
  parse.warning('"or" for routes is deprecated. Please use "nexthop"');
  if (route.nextHops.length > 0) {
    parse.warning('"or" route already specified - ignoring subsequent');
    cursor.at++;
    return;
  }
  const text = nextWord(cursor);
  const second = normalAddress(text);
  if (second === null) return fail(cursor, `Invalid "or" address ${text}`);
  const first = String(route.attributes['via'] ?? '');
  delete route.attributes['via'];
  for (const via of [first, second].filter((each) => each !== '')) {
    route.nextHops.push({ family: familyOf(via), via, dev: '', weight: 1, onlink: false });
  }
}

function takeDestination(cursor: Cursor, word: string): void {
  const { route, parse } = cursor;
  let text = word === 'to' ? nextWord(cursor) : word;
  if (parse.routeNames.routeType(text) !== null) {
    route.attributes['type'] = text === 'brd' ? 'broadcast' : text;
    text = nextWord(cursor);
  }
  route.toText = text;
  if (text === 'default6') {
    parse.diagnostics.notice("'default6' is deprecated - please replace with 'inet6 default'");
    setFamily(cursor, 'inet6', MIXED);
  }
  if (/^(default6?|any|all)$/.test(text)) {
    route.to = 'default';
    route.prefix = 0;
    return;
  }
  const parsed = parseAddress(text, true, parse);
  if (parsed === null) return fail(cursor, `unknown route keyword ${text}`);
  setFamily(cursor, parsed.family, `${MIXED} (${text})`);
  route.to = `${parsed.address}/${parsed.prefix}`;
  route.prefix = parsed.prefix;
}

function takeNextHops(cursor: Cursor): void {
  const { route, words, parse } = cursor;
  if (route.nextHops.length > 0) {
    parse.warning('Cannot specify nexthops with "or" route');
    return;
  }
  while (words.list[cursor.at] === 'nexthop') {
    const hop: NextHop = { family: route.family ?? 'inet', via: '', dev: '', weight: 1, onlink: false };
    cursor.at++;
    while (cursor.at < words.count && takeHopOption(cursor, hop)) cursor.at++;
    route.nextHops.push(hop);
  }
  if (cursor.at < words.count) {
    fail(cursor, `Route has trailing nonsense after nexthops - ${words.at(cursor.at)}`);
  }
}

/** False: the word belongs to something else. */
function takeHopOption(cursor: Cursor, hop: NextHop): boolean {
  const { route, parse } = cursor;
  switch (cursor.words.at(cursor.at)) {
    case 'via': {
      let text = nextWord(cursor);
      if (text === 'inet' || text === 'inet6') {
        setFamily(cursor, text, 'IPv4/6 mismatch for nexthop');
        text = nextWord(cursor);
      }
      const parsed = parseAddress(text, false, parse) ?? fail(cursor, `invalid nexthop address ${text}`);
      setFamily(cursor, parsed.family, 'Address family mismatch for next hop');
      hop.family = parsed.family;
      hop.via = parsed.address;
      return true;
    }
    case 'dev':
      hop.dev = nextWord(cursor);
      if (!parse.interfaceExists(hop.dev)) {
        fail(cursor, `WARNING - interface ${hop.dev} for VROUTE nexthop doesn't exist`);
      }
      return true;
    case 'weight':
      hop.weight = u32(cursor, 'Invalid weight', true, 256);
      if (hop.weight === 0) fail(cursor, 'Invalid weight 0 specified for route');
      return true;
    case 'onlink':
      hop.onlink = true;
      return true;
    case 'encap':
    case 'realms':
      parse.diagnostics.notImplemented(cursor.words.at(cursor.at), 'it is not set for one of several next hops');
      throw new BadLine('nexthop option');
    case 'as':
      if (nextWord(cursor) === 'to') nextWord(cursor);
      return fail(cursor, "'as [to]' (nat) not supported") || route.noTrack;
    default:
      return false;
  }
}
