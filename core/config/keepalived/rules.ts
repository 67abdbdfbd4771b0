// The lines of virtual_rules and static_rules (keepalived.conf(5), "Virtual rules"; ip-rule(8)).
//
// As routes.ts: an option is a row, names become numbers. A rule without preference gets one from the top down.

import type { IpFamily, VirtualRule } from '../../model/vrrp.ts';
import { parseAddress } from './addresses.ts';
import type { Parse } from './keyword-table.ts';
import { UINT_MAX, wholeNumber } from './numbers.ts';
import type { Words } from './words.ts';

const PROTOCOL_KEEPALIVED = 18;
const PREFERENCE_FIRST = 16_384; // the one of the first rule without; the next is one less
const ONE_ACTION = 'Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable';

const IP_PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  ospf: 89,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
};

class BadLine extends Error {}

interface Cursor {
  readonly words: Words;
  at: number; // of the option's word; options leave it on their last word
  readonly parse: Parse;
  family: IpFamily | null;
  readonly attributes: Record<string, string | number | boolean>;
  action: '' | 'table' | 'type' | 'goto';
  needsTable: boolean; // an option that only means something with a table
  noTrack: boolean;
  trackGroup: string;
}

const fail = (cursor: Cursor, text: string): never => {
  cursor.parse.warning(text);
  throw new BadLine(text);
};

const nextWord = (cursor: Cursor): string => cursor.words.at(++cursor.at);

/** One rule; null: the line was wrong, told. `isStatic`: track_group may follow. */
export function parseRule(words: Words, parse: Parse, isStatic: boolean): VirtualRule | null {
  const cursor: Cursor = {
    words,
    at: 0,
    parse,
    family: null,
    attributes: {},
    action: '',
    needsTable: false,
    noTrack: false,
    trackGroup: '',
  };
  try {
    for (; cursor.at < words.count; cursor.at++) {
      const word = words.at(cursor.at);
      const option = Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined;
      if (isStatic && word === 'track_group') takeTrackGroup(cursor);
      else if (option !== undefined) option(cursor, word);
      else takeType(cursor, word);
    }
    return finish(cursor);
  } catch (error) {
    if (error instanceof BadLine) return null;
    throw error;
  }
}

function finish(cursor: Cursor): VirtualRule {
  const { attributes, parse, words } = cursor;
  const goto = attributes['goto'];
  const preference = attributes['preference'];
  if (typeof goto === 'number') {
    if (preference === undefined) fail(cursor, `Invalid rule - goto target ${goto} specified without preference`);
    if (Number(preference) >= goto) fail(cursor, `Invalid rule - preference ${preference} >= goto target ${goto}`);
  }
  if (cursor.action === '') fail(cursor, 'No action specified for rule - ignoring');
  if (cursor.action !== 'table' && cursor.needsTable) {
    fail(cursor, 'suppressor/realm specified for non table action - skipping');
  }
  if (attributes['table'] !== undefined && attributes['l3mdev'] === true) {
    fail(cursor, 'table cannot be specified for l3mdev rules');
  }
  if (!cursor.noTrack) {
    const protocol = attributes['protocol'];
    if (protocol !== undefined && protocol !== PROTOCOL_KEEPALIVED) {
      const kept = `RTPROT_KEEPALIVED(${PROTOCOL_KEEPALIVED})`;
      parse.warning(`Rule cannot be tracked if protocol is not ${kept}, resetting protocol`);
    }
    attributes['protocol'] = PROTOCOL_KEEPALIVED;
  }
  if (cursor.trackGroup !== '') {
    const device = attributes['iif'];
    if (device === undefined) parse.warning('Static rule cannot have track_group if dev/iif not specified');
    else parse.draft.staticTracks.push({ group: cursor.trackGroup, interfaceName: String(device) });
  }
  const family = cursor.family ?? 'inet';
  if (preference === undefined) {
    const chosen = PREFERENCE_FIRST - parse.draft.ruleCounts[family]++;
    attributes['preference'] = chosen;
    const remark = 'This is probably not what you want.';
    parse.warning(`Rule has no preference specified - setting to ${chosen}. ${remark}`);
  }
  return { family, attributes, noTrack: cursor.noTrack, file: words.file, line: words.line };
}

function setFamily(cursor: Cursor, family: IpFamily, mistake: string): void {
  if (cursor.family !== null && cursor.family !== family) fail(cursor, mistake);
  cursor.family = family;
}

function setAction(cursor: Cursor, action: Cursor['action'], mistake: string): void {
  if (cursor.action !== '') fail(cursor, mistake);
  cursor.action = action;
}

const OPTIONS: Readonly<Record<string, (cursor: Cursor, word: string) => void>> = {
  inet: (cursor) => setFamily(cursor, 'inet', 'inet specified for IPv6 rule'),
  inet6: (cursor) => setFamily(cursor, 'inet6', 'inet6 specified for IPv4 rule'),
  from: takeAddress,
  to: takeAddress,
  table: takeTable,
  lookup: takeTable,
  not: (cursor) => {
    cursor.attributes['not'] = true;
  },
  preference: takePreference,
  order: takePreference,
  priority: takePreference,
  tos: takeDsfield,
  dsfield: takeDsfield,
  fwmark: takeMark,
  realms: takeRealms,
  suppress_prefixlength: takeSuppressPrefix,
  sup_pl: takeSuppressPrefix,
  suppress_ifgroup: takeSuppressGroup,
  sup_group: takeSuppressGroup,
  dev: (cursor) => takeDevice(cursor, 'iif'),
  iif: (cursor) => takeDevice(cursor, 'iif'),
  oif: (cursor) => takeDevice(cursor, 'oif'),
  'tunnel-id': (cursor, word) => {
    const id = cursor.parse.numbers.unsigned64(nextWord(cursor));
    cursor.attributes['tun_id'] = id ?? fail(cursor, `Invalid tunnel-id ${word} specified`);
  },
  uidrange: (cursor, word) => {
    const match = /^\s*(\d+)-\s*(\d+)/.exec(nextWord(cursor)) ?? fail(cursor, `Invalid uidrange ${word} specified`);
    cursor.attributes['uidrange'] = `${match[1]}-${match[2]}`;
  },
  l3mdev: (cursor) => {
    setAction(cursor, 'table', 'Cannot specify l3mdev with other action');
    cursor.attributes['l3mdev'] = true;
  },
  protocol: (cursor) => {
    const text = nextWord(cursor);
    const value = cursor.parse.numbers.unsigned(text, 0, 255);
    if (value === null) cursor.parse.warning(`Invalid protocol ${text}`);
    else cursor.attributes['protocol'] = value;
  },
  ipproto: (cursor) => {
    const text = nextWord(cursor);
    const value = wholeNumber(text) ?? (Object.hasOwn(IP_PROTOCOLS, text) ? IP_PROTOCOLS[text]! : -1);
    if (value < 0 || value > 255) cursor.parse.warning(`Invalid ipproto ${text}`);
    else cursor.attributes['ip_proto'] = value;
  },
  sport: takePorts,
  dport: takePorts,
  no_track: (cursor) => {
    cursor.noTrack = true;
  },
};

function takeAddress(cursor: Cursor, word: string): void {
  const text = nextWord(cursor);
  if (/^(default|any|all)$/.test(text)) {
    cursor.attributes[word] = 'all';
    return;
  }
  const parsed = parseAddress(text, true, cursor.parse) ?? fail(cursor, `Invalid rule ${word} address ${text}`);
  setFamily(cursor, parsed.family, 'rule specification has mixed IPv4 and IPv6');
  cursor.attributes[word] = `${parsed.address}/${parsed.prefix}`;
}

function takeTable(cursor: Cursor): void {
  const name = nextWord(cursor);
  const table = cursor.parse.routeNames.table(name) ?? fail(cursor, `Routing table ${name} not found for rule`);
  if (table === 0) fail(cursor, 'Table 0 is not valid');
  cursor.attributes['table'] = table;
  setAction(cursor, 'table', `${ONE_ACTION} for rule`);
}

function takePreference(cursor: Cursor, word: string): void {
  const value = cursor.parse.numbers.unsigned(nextWord(cursor), 0, UINT_MAX, 0);
  cursor.attributes['preference'] = value ?? fail(cursor, `Invalid rule preference ${word} specified`);
}

function takeDsfield(cursor: Cursor): void {
  const text = nextWord(cursor);
  cursor.attributes['tos'] = cursor.parse.routeNames.dsfield(text) ?? fail(cursor, `TOS value ${text} is invalid`);
}

function takeMark(cursor: Cursor): void {
  const text = nextWord(cursor);
  const [mark, mask, more] = text.split('/').map(wholeNumber);
  const bad = (value: number | null | undefined): boolean => value === null || Number(value ?? 0) > UINT_MAX;
  if (text.includes('-') || more !== undefined || bad(mark) || bad(mask)) {
    fail(cursor, `Invalid rule fwmark ${text} specified`);
  }
  cursor.attributes['fwmark'] = mask === undefined ? mark! : `${mark}/${mask}`;
}

function takeRealms(cursor: Cursor): void {
  const text = nextWord(cursor);
  cursor.attributes['realms'] = cursor.parse.routeNames.realms(text) ?? fail(cursor, `invalid realms ${text} for rule`);
  cursor.needsTable = true;
  setFamily(cursor, 'inet', 'realms is only valid for IPv4');
}

function takeSuppressPrefix(cursor: Cursor, word: string): void {
  const value = cursor.parse.numbers.unsigned(nextWord(cursor), 0, 0x7fff_ffff);
  cursor.attributes['suppress_prefixlength'] = value ?? fail(cursor, `Invalid suppress_prefixlength ${word} specified`);
  cursor.needsTable = true;
}

function takeSuppressGroup(cursor: Cursor): void {
  const text = nextWord(cursor);
  cursor.attributes['suppress_ifgroup'] =
    cursor.parse.routeNames.group(text) ?? fail(cursor, `suppress_group ${text} is invalid`);
  cursor.needsTable = true;
}

function takeDevice(cursor: Cursor, attribute: 'iif' | 'oif'): void {
  const name = nextWord(cursor);
  if (!cursor.parse.interfaceExists(name)) fail(cursor, `WARNING - interface ${name} for rule doesn't exist`);
  cursor.attributes[attribute] = name;
}

function takePorts(cursor: Cursor, word: string): void {
  const text = nextWord(cursor);
  const match = /^\s*(\d{1,5})-\s*(\d{1,5})/.exec(text);
  if (match === null) cursor.parse.warning(`invalid ${word} range ${text}`);
  else cursor.attributes[word] = `${match[1]}-${match[2]}`;
}

function takeTrackGroup(cursor: Cursor): void {
  const { parse } = cursor;
  const name = nextWord(cursor);
  if (cursor.trackGroup !== '') fail(cursor, `track_group ${name} is a duplicate`);
  if (!parse.draft.trackGroups.some((group) => group.name === name)) parse.warning(`track_group ${name} not found`);
  else cursor.trackGroup = name;
}

/** `[type] ACTION`: what else a rule may do than to name a table. */
function takeType(cursor: Cursor, word: string): void {
  const { parse, attributes } = cursor;
  const text = word === 'type' ? nextWord(cursor) : word;
  if (text === 'goto') {
    const target = parse.numbers.unsigned(nextWord(cursor), 0, UINT_MAX);
    attributes['goto'] = target ?? fail(cursor, `Invalid target ${text} specified`);
  } else if (text === 'nop') {
    parse.diagnostics.notImplemented('nop', 'rules that do nothing are not made');
    throw new BadLine('nop');
  } else if (text === 'blackhole' || text === 'unreachable' || text === 'prohibit') attributes['type'] = text;
  else if (parse.routeNames.routeType(text) !== null) fail(cursor, `Invalid rule action ${text}`);
  else fail(cursor, `Unknown rule option ${text}`);
  setAction(cursor, text === 'goto' ? 'goto' : 'type', `${ONE_ACTION}/l3mdev for rule`);
}
