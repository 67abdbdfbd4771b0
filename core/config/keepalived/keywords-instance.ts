// vrrp_instance: the protocol's words (keepalived.conf(5), "VRRP instances"). Trackers and scripts: keywords-track.ts.

import { isIP } from 'node:net';
import {
  familyOf,
  INTERFACE_NAME_BYTES_MAX,
  isLinkLocalMulticast,
  isMulticast,
  parseSocketAddress,
  parseVirtualAddress,
} from './addresses.ts';
import { type InstanceDraft, newInstance } from './drafts.ts';
import { boolean, decimal, flag, type KeywordTable, type Parse, type Row, unsigned } from './keyword-table.ts';
import { authentication, authHmac } from './keywords-auth.ts';
import { type Notifying, notifyRow, notifyRows, trackRows } from './keywords-track.ts';
import { INT_MAX, SECONDS_MAX, UINT_MAX } from './numbers.ts';
import { parseRoute } from './routes.ts';
import { parseRule } from './rules.ts';
import { parseNotifyScript } from './scripts.ts';
import type { Words } from './words.ts';

const SECOND_US = 1_000_000;
const ADVERT_INT_US_MIN = 10_000;
const PREEMPT_DELAY_SECONDS_MAX = 1_000;
const INTERFACE_NAME = /^(?!\.{1,2}$)[^/:\s]+$/;

const on = (set: (instance: InstanceDraft) => void): Row => flag((parse) => set(parse.instance));

type Switches = {
  [Key in keyof InstanceDraft]: InstanceDraft[Key] extends boolean | null ? Key : never;
}[keyof InstanceDraft];

const instanceSwitch = (key: Switches, name: string): Row =>
  boolean(
    ({ instance }, value) => (instance[key] = value),
    (word, { instance }) => `(${instance.name}) invalid ${name} ${word} specified`,
  );

const garpSeconds = (name: string, set: (instance: InstanceDraft, us: number) => void): Row =>
  unsigned(
    0,
    SECONDS_MAX,
    ({ instance }, seconds) => set(instance, seconds * SECOND_US),
    (word, { instance }) => `(${instance.name}): ${name} '${word}' invalid - ignoring`,
  );

const garpRepeat = (name: string, set: (instance: InstanceDraft, count: number) => void): Row =>
  unsigned(
    0,
    UINT_MAX,
    (parse, count) => {
      if (count === 0) parse.warning(`(${parse.instance.name}): ${name} must be greater than 0, setting to 1`);
      set(parse.instance, Math.max(1, count));
    },
    (word, { instance }) => `(${instance.name}): ${name} '${word}' invalid - ignoring`,
  );

const garpRows: KeywordTable = {
  garp_master_delay: garpSeconds('garp_master_delay', (instance, us) => (instance.garpDelayUs = us)),
  garp_master_repeat: garpRepeat('garp_master_repeat', (instance, count) => (instance.garpRepeat = count)),
  garp_master_refresh: {
    set(words, parse) {
      const { instance } = parse;
      const seconds = parse.numbers.unsigned(words.at(1), 0, UINT_MAX);
      if (seconds === null) {
        parse.warning(`(${instance.name}): Invalid garp_master_refresh '${words.at(1)}' - ignoring`);
      }
      instance.garpRefreshSeconds = seconds ?? 0;
    },
  },
  garp_master_refresh_repeat: garpRepeat(
    'garp_master_refresh_repeat',
    (instance, count) => (instance.garpRefreshRepeat = count),
  ),
  garp_lower_prio_delay: garpSeconds('garp_lower_prio_delay', (instance, us) => (instance.garpLowerPrioDelayUs = us)),
  garp_lower_prio_repeat: unsigned(
    0,
    INT_MAX,
    ({ instance }, count) => (instance.garpLowerPrioRepeat = count),
    (word, { instance }) => `(${instance.name}): Invalid garp_lower_prio_repeat '${word}'`,
  ),
  garp_extra_if: { set: takeExtraGarp },
  vmac_garp_intvl: { set: takeExtraGarp },
};

const LATE_MASTER = 'a master that wakes later than its own down interval always goes back to BACKUP first';

function takeExtraGarp(words: Words, parse: Parse): void {
  const { instance } = parse;
  const name = words.at(0);
  if (name === 'vmac_garp_intvl') {
    parse.diagnostics.notice(`Keyword "${name}" is deprecated - please use "garp_extra_if"`);
  }
  let seconds = -1;
  for (const word of words.list.slice(1)) {
    if (word === 'all') {
      instance.garpExtraAll = true;
      continue;
    }
    const number = parse.numbers.unsigned(word, 0, 86_400);
    if (number === null) return parse.warning(`(${instance.name}): ${name} '${word}' invalid - ignoring`);
    seconds = number;
  }
  if (seconds < 0) parse.warning(`(${instance.name}): ${name} specified without time - ignoring`);
  else instance.garpExtraSeconds = seconds;
}

const electionRows: KeywordTable = {
  state: { set: takeState },
  virtual_router_id: unsigned(
    1,
    255,
    ({ instance }, vrid) => (instance.vrid = vrid),
    (word, { instance }) => `(${instance.name}): VRID '${word}' not valid - must be between 1 & 255`,
  ),
  priority: {
    set(words, parse) {
      const priority = parse.numbers.unsigned(words.at(1), 1, 255);
      if (priority === null) {
        const range = 'Priority not valid! must be between 1 & 255. Using default 100';
        parse.warning(`(${parse.instance.name}) ${range}`);
      }
      parse.instance.priority = priority ?? 100;
    },
  },
  advert_int: decimal(
    { min: ADVERT_INT_US_MIN, max: 255 * SECOND_US, places: 6 },
    ({ instance }, us) => (instance.advertIntUs = us),
    (word, { instance }) => `(${instance.name}) Advert interval (${word}) not valid! Must be > 0 - ignoring`,
  ),
  version: { set: takeVersion },
  native_ipv6: {
    set(_words, { instance, diagnostics }) {
      if (instance.family === 'inet') {
        diagnostics.warning(`(${instance.name}) Cannot specify native_ipv6 with IPv4 addresses`);
        return;
      }
      instance.family = 'inet6';
      instance.version = 3;
      instance.nativeIpv6 = true;
    },
  },
  accept: on((instance) => (instance.accept = true)),
  no_accept: on((instance) => (instance.accept = false)),
  strict_mode: instanceSwitch('strict', 'strict_mode'),
  skip_check_adv_addr: {
    // keepalived takes "off" as on too.
    ...boolean(
      ({ instance }) => (instance.skipCheckAdvAddr = true),
      (word, { instance }) => `(${instance.name}) invalid skip_check_adv_addr ${word} specified`,
    ),
  },
  preempt: on((instance) => (instance.nopreempt = false)),
  nopreempt: on((instance) => (instance.nopreempt = true)),
  preempt_delay: {
    set(words, parse) {
      const limit = PREEMPT_DELAY_SECONDS_MAX;
      const us = parse.numbers.decimal(words.at(1), 0, limit * SECOND_US, 6);
      const { instance } = parse;
      if (us === null) parse.warning(`(${instance.name}) Preempt_delay not valid! must be between 0-${limit}`);
      instance.preemptDelayUs = us ?? 0;
    },
  },
  down_timer_adverts: unsigned(
    1,
    100,
    ({ instance }, count) => (instance.downTimerAdverts = count),
    (word, { instance }) => `(${instance.name}): Invalid down_timer_adverts [1:100] '${word}'`,
  ),
  lower_prio_no_advert: instanceSwitch('lowerPrioNoAdvert', 'lower_prio_no_advert'),
  higher_prio_send_advert: instanceSwitch('higherPrioSendAdvert', 'higher_prio_send_advert'),
  owner_ignore_adverts: instanceSwitch('ownerIgnoreAdverts', 'owner_ignore_adverts'),
  v3_checksum_as_v2: instanceSwitch('checksumAsV2', 'v3_checksum_as_v2'),
  timer_expired_backup: { set: takeTimerExpired, ignored: LATE_MASTER },
  thread_timer_expired: {
    ignored: LATE_MASTER,
    set(words, parse) {
      const advice = "please replace with keyword 'timer_expired_backup'";
      parse.warning(`(${parse.instance.name}) thread_timer_expired - ${advice}`);
      takeTimerExpired(words, parse);
    },
  },
  debug: {
    ...unsigned(
      0,
      4,
      ({ instance }, level) => (instance.debug = level),
      (word, { instance }) => `(${instance.name}) Debug value '${word}' not valid; must be between 0-4`,
    ),
    ignored: 'it changes nothing in keepalived either',
  },
};

function takeState(words: Words, parse: Parse): void {
  const { instance } = parse;
  const state = words.at(1);
  if (state === 'MASTER') instance.state = 'MASTER';
  else if (state !== 'BACKUP') {
    parse.warning(`(${instance.name}) unknown state '${state}', defaulting to BACKUP`);
    instance.state = 'BACKUP';
  } else if (instance.state === 'MASTER') {
    parse.warning(`(${instance.name}) state previously set as MASTER - ignoring BACKUP`);
  } else instance.state = 'BACKUP';
}

function takeVersion(words: Words, parse: Parse): void {
  const { instance } = parse;
  const version = parse.numbers.int(words.at(1), 2, 3);
  if (version === null) parse.warning(`(${instance.name}): Version must be either 2 or 3`);
  else if ((instance.version !== 0 && instance.version !== version) || (version === 2 && instance.family === 'inet6')) {
    const conflict = `conflicts with configured or deduced version ${instance.version}; ignoring.`;
    parse.warning(`(${instance.name}) vrrp_version ${version} ${conflict}`);
  } else instance.version = version === 2 ? 2 : 3;
}

function takeTimerExpired(words: Words, parse: Parse): void {
  const { instance } = parse;
  const priority = words.count < 2 ? 254 : parse.numbers.unsigned(words.at(1), 1, 254);
  if (priority !== null) instance.otherPriorityMax = priority;
  else {
    const range = 'highest_other_priority not valid! must be between 1 & 254';
    parse.warning(`(${instance.name}) timer_expired_backup ${range}`);
  }
}

const interfaceRows: KeywordTable = {
  interface: { set: takeInterface },
  dont_track_primary: on((instance) => (instance.dontTrackPrimary = true)),
  linkbeat_use_polling: {
    set(_words, parse) {
      const advice = "'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block";
      parse.warning(`(${parse.instance.name}) ${advice}`);
      parse.instance.linkbeatPolling = true;
    },
  },
  use_vmac: { set: takeVmac },
  vmac_xmit_base: on((instance) => (instance.vmacXmitBase = true)),
  use_vmac_addr: on((instance) => (instance.vmacAddresses = true)),
  use_ipvlan: { set: takeIpvlan },
  vrf: { set: takeVrf },
  promote_secondaries: on((instance) => (instance.promoteSecondaries = true)),
  kernel_rx_buf_size: {
    set(words, parse) {
      const { instance } = parse;
      const bytes = words.count === 2 ? parse.numbers.unsigned(words.at(1), 0, UINT_MAX) : null;
      if (bytes === null) parse.warning(`(${instance.name}) invalid kernel_rx_buf_size specified`);
      else instance.kernelRxBufBytes = bytes;
    },
  },
  lvs_sync_daemon_interface: {
    set(_words, parse) {
      const { name } = parse.instance;
      parse.warning(`(${name}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.`);
      parse.warning(`${' '.repeat(6 + Math.max(0, name.length - 2))}Please use global lvs_sync_daemon`);
    },
    ignored: 'it concerns LVS, which weir does not drive yet',
  },
};

function takeInterface(words: Words, parse: Parse): void {
  const { instance } = parse;
  const name = words.at(1);
  if (Buffer.byteLength(name) > INTERFACE_NAME_BYTES_MAX) {
    parse.warning(`Interface name '${name}' too long - ignoring`);
  } else if (!parse.interfaceExists(name)) {
    instance.interfaceName = '';
    parse.warning(`WARNING - interface ${name} for vrrp_instance ${instance.name} doesn't exist`);
  } else if (name === 'lo') {
    instance.interfaceName = '';
    parse.warning(`(${instance.name}) cannot use a loopback interface (lo) for vrrp - ignoring`);
  } else instance.interfaceName = name;
}

function takeVmac(words: Words, parse: Parse): void {
  const { instance } = parse;
  instance.useVmac = true;
  for (let at = 1; at < words.count; at++) {
    const word = words.at(at);
    if (word.includes(':')) takeMac(word, parse);
    else if (word === 'netlink_notify_msg') instance.vmacNotify = true;
    else if (word === 'group') takeLinkGroup(words.at(++at), 'VMAC', parse);
    else {
      const name = word === 'name' ? words.at(++at) : word;
      if (instance.vmacName !== '') parse.warning('VMAC interface name already specified');
      else if (!INTERFACE_NAME.test(name) || Buffer.byteLength(name) > INTERFACE_NAME_BYTES_MAX) {
        parse.warning(`VMAC interface name '${name}' too long or invalid characters - ignoring`);
      } else takeVirtualName(name, parse);
    }
  }
}

function takeVrf(words: Words, parse: Parse): void {
  const { instance } = parse;
  const name = words.at(1);
  const about = `(${instance.name})`;
  if (Buffer.byteLength(name) > INTERFACE_NAME_BYTES_MAX) {
    parse.warning(`${about} VRF interface name '${name}' too long - ignoring`);
  } else if (instance.interfaceName !== '') {
    parse.warning(`${about} Cannot specify VRF interface and interface - ignoring`);
  } else if (instance.vrf !== '') {
    parse.warning(`${about} VRF interface already specified as '${instance.vrf}' - ignoring`);
  } else if (!parse.interfaceExists(name)) {
    parse.warning(`${about} WARNING - VRF interface ${name} doesn't exist`);
  } else if (name === 'lo') {
    parse.warning(`${about} cannot use a loopback interface (${name}) for VRF - ignoring`);
  } else instance.vrf = name;
}

function takeVirtualName(name: string, parse: Parse): void {
  const { instance } = parse;
  const other = parse.draft.instances.find((each) => each.vmacName === name);
  if (other === undefined) instance.vmacName = name;
  else parse.warning(`(${instance.name}) VRRP instance ${other.name} is already using ${name} - ignoring name`);
}

function takeLinkGroup(name: string, what: string, parse: Parse): void {
  const group = parse.routeNames.group(name);
  if (group === null) parse.warning(`${what} group ${name} not found`);
  else parse.instance.vmacGroup = group;
}

// Six octets, or five: the sixth is the virtual router's number then.
function takeMac(text: string, parse: Parse): void {
  const { instance } = parse;
  if (instance.vmacMac.length > 0) return parse.warning('VMAC interface address already specified');
  if (!/^[0-9A-Fa-f:]*$/.test(text)) return parse.warning(`VMAC invalid MAC address ${text}`);
  const parts = text.replace(/:$/, '').split(':');
  const octets = parts.map((part) => (/^[0-9A-Fa-f]{1,2}$/.test(part) ? Number.parseInt(part, 16) : Number.NaN));
  if (octets.length < 5 || octets.length > 6 || octets.some(Number.isNaN)) {
    return parse.warning(`VMAC invalid MAC address ${text} - ignored`);
  }
  const isOfProtocol = octets.slice(0, 4).join() === '0,0,94,0' && (octets[4] === 1 || octets[4] === 2);
  if ((octets[0]! & 1) !== 0) parse.warning(`VMAC MAC address is multicast ${text} - ignoring`);
  else if (isOfProtocol) parse.warning(`VMAC MAC address not allowed to be RFC5798 address (${text}) - ignoring`);
  else instance.vmacMac = octets;
}

const IPVLAN_FLAGS: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };

function takeIpvlan(words: Words, parse: Parse): void {
  const { instance } = parse;
  const about = `(${instance.name})`;
  if (instance.useIpvlan) return parse.warning(`${about} use_ipvlan already specified`);
  instance.useIpvlan = true;
  instance.useVmac = true;
  let hasFlags = false;
  for (let at = 1; at < words.count; at++) {
    const word = words.at(at);
    const flags = Object.hasOwn(IPVLAN_FLAGS, word) ? IPVLAN_FLAGS[word] : undefined;
    if (flags !== undefined) {
      if (hasFlags) parse.warning(`${about} ipvlan type already specified - ignoring '${word}'`);
      else instance.ipvlanFlags = flags;
      hasFlags = true;
    } else if (word === 'group') takeLinkGroup(words.at(++at), 'ipvlan', parse);
    else if (word !== 'name' && isIP(word.split('/')[0]!) !== 0) takeIpvlanAddress(word, parse);
    else {
      const name = word === 'name' ? words.at(++at) : word;
      if (instance.vmacName !== '') parse.warning(`${about} IPVLAN interface already specified - ignoring '${name}'`);
      else if (Buffer.byteLength(name) > INTERFACE_NAME_BYTES_MAX) {
        parse.warning(`${about} IPVLAN interface name '${name}' too long - ignoring`);
      } else takeVirtualName(name, parse);
    }
  }
}

function takeIpvlanAddress(text: string, parse: Parse): void {
  const { instance } = parse;
  const [address, bits] = text.split('/');
  const family = familyOf(address!);
  if (instance.ipvlanAddress !== null) {
    parse.warning(`(${instance.name}) ipvlan address already specified - ignoring '${text}'`);
    return;
  }
  instance.family ??= family;
  if (instance.family !== family) {
    const must = `ipvlan address[${text}] MUST match vrrp instance family !!! Skipping...`;
    parse.warning(`(${instance.name}) ${must}`);
    return;
  }
  const length = family === 'inet' ? 32 : 128;
  const prefix = bits === undefined ? length : parse.numbers.unsigned(bits, 0, length);
  if (prefix === null) return;
  instance.ipvlanAddress = { address: address!, prefix };
  if (instance.sourceAddress === '') instance.sourceAddress = address!;
}

const addressRows: KeywordTable = {
  virtual_ipaddress: { set: (words, parse) => parse.eachLine(words, (line) => takeVirtualAddress(line, parse)) },
  virtual_ipaddress_excluded: {
    set: (words, parse) =>
      parse.eachLine(words, (line) => {
        const address = parseVirtualAddress(line, parse, false);
        if (address !== null) parse.instance.excluded.push(address);
      }),
  },
  no_virtual_ipaddress: on((instance) => (instance.noAddressAllowed = true)),
  virtual_routes: {
    set: (words, parse) =>
      parse.eachLine(words, (line) => {
        const route = parseRoute(line, parse, false);
        if (route !== null) parse.instance.routes.push(route);
      }),
  },
  virtual_rules: {
    set: (words, parse) =>
      parse.eachLine(words, (line) => {
        const rule = parseRule(line, parse, false);
        if (rule !== null) parse.instance.rules.push(rule);
      }),
  },
};

function takeVirtualAddress(line: Words, parse: Parse): void {
  const { instance } = parse;
  const address = parseVirtualAddress(line, parse, false);
  if (address === null) return;
  instance.family ??= address.family;
  if (address.family !== instance.family) {
    parse.warning(`(${instance.name}): address family must match VRRP instance [${line.at(0)}] - ignoring`);
  } else if (instance.addresses.some((each) => each.address === address.address)) {
    parse.diagnostics.notice(`(${instance.name}): VIP duplicates a VIP ${line.at(0)} - ignoring`);
  } else instance.addresses.push(address);
}

const unicastRows: KeywordTable = {
  unicast_peer: {
    set(words, parse) {
      parse.instance.unicastConfigured = true;
      parse.eachLine(words, (line) => takePeer(line, parse));
    },
  },
  unicast_fault_no_peer: on((instance) => {
    instance.unicastConfigured = true;
    instance.unicastFaultNoPeer = true;
  }),
  unicast_src_ip: {
    set(words, parse) {
      parse.instance.unicastConfigured = true;
      takeSource(words, parse);
    },
  },
  unicast_ttl: unsigned(
    0,
    255,
    ({ instance }, ttl) => (instance.unicastTtl = ttl),
    (word, { instance }) => `(${instance.name}): TTL '${word}' not valid - must be between 0 & 255`,
  ),
  check_unicast_src: on((instance) => {
    instance.unicastConfigured = true;
    instance.checkUnicastSource = true;
  }),
  old_unicast_checksum: {
    set(words, parse) {
      const { instance } = parse;
      instance.unicastConfigured = true;
      if (words.count < 2) {
        parse.diagnostics.notImplemented('old_unicast_checksum', 'the checksum of keepalived before 1.3.7 is not sent');
      } else if (words.at(1) !== 'never') {
        parse.warning(`(${instance.name}) Unknown old_unicast_chksum mode ${words.at(1)} - ignoring`);
      }
    },
  },
  mcast_src_ip: { set: takeSource },
  mcast_dst_ip: { set: takeMulticastGroup },
  track_src_ip: on((instance) => (instance.trackSourceAddress = true)),
};

function takeSource(words: Words, parse: Parse): void {
  const { instance } = parse;
  const text = words.at(1);
  const source = parseSocketAddress(text);
  const about = `Configuration error: VRRP instance[${instance.name}]`;
  if (source === null) {
    parse.warning(`${about} malformed src address[${text}]. Skipping...`);
    return;
  }
  instance.family ??= source.family;
  if (source.family === instance.family) instance.sourceAddress = source.address;
  else {
    parse.warning(`${about} and src address[${text}] MUST be of the same family !!! Skipping...`);
    instance.sourceAddress = '';
  }
}

function takeMulticastGroup(words: Words, parse: Parse): void {
  const { instance } = parse;
  const text = words.at(1);
  const group = parseSocketAddress(text);
  if (group === null) {
    parse.warning(`(${instance.name}) malformed mcast dest address ${text}. Skipping...`);
    return;
  }
  instance.family ??= group.family;
  if (group.family !== instance.family) {
    parse.warning(`(${instance.name}) mcast dest address ${text} MUST match VRRP instance family. Skipping...`);
    return;
  }
  const isInet6 = familyOf(group.address) === 'inet6';
  if (isInet6 ? isLinkLocalMulticast(group.address) : isMulticast(group.address)) instance.mcastGroup = group.address;
  else {
    const kind = isInet6 ? ' link-local' : '';
    parse.warning(`(${instance.name}) mcast_dst_ip ${text} not${kind} multicast. Skipping...`);
  }
}

function takePeer(line: Words, parse: Parse): void {
  const { instance } = parse;
  const text = line.at(0);
  const about = `Configuration error: VRRP instance[${instance.name}]`;
  const peer = parseSocketAddress(text);
  if (peer === null) {
    parse.warning(`${about} malformed unicast peer address[${text}]. Skipping...`);
    return;
  }
  instance.family ??= peer.family;
  if (peer.family !== instance.family) {
    parse.warning(`${about} and unicast peer address[${text}] MUST be of the same family !!! Skipping...`);
    return;
  }
  const ttls = { minTtl: 0, maxTtl: 255 };
  for (let at = 1; at < line.count; at += 2) {
    const word = line.at(at);
    if (at + 1 >= line.count) {
      parse.warning(`(${instance.name}) ${word} is missing a value`);
      break;
    }
    const ttl = parse.numbers.unsigned(line.at(at + 1), 0, 255);
    if (ttl === null) continue;
    if (word === 'min_ttl') ttls.minTtl = ttl;
    else if (word === 'max_ttl') ttls.maxTtl = ttl;
    else {
      parse.warning(`(${instance.name}) unknown unicast_peer option ${word}`);
      break;
    }
    instance.checkUnicastSource = true;
  }
  if (ttls.minTtl > ttls.maxTtl) {
    const range = `min_ttl ${ttls.minTtl} > max_ttl ${ttls.maxTtl} - all packets will be discarded`;
    parse.warning(`(${instance.name}) ${range}`);
  }
  if (instance.unicastPeers.some((each) => each.address === peer.address)) {
    parse.diagnostics.notice(`(${instance.name}) ${text} - duplicate unicast_peer`);
  } else instance.unicastPeers.push({ address: peer.address, ...ttls });
}

const notifying = ({ instance }: Parse): Notifying => ({ about: `(${instance.name})`, notify: instance.notify });

/** The block as a whole. */
export const instanceBlock: Row = {
  set(words, parse) {
    const name = words.list[1];
    if (words.count !== 2 || name === undefined) {
      parse.warning('vrrp_instance must have a name');
      parse.skipBlock(false);
    } else if (parse.draft.instances.some((instance) => instance.name === name)) {
      parse.warning(`vrrp instance ${name} already defined`);
      parse.skipBlock(false);
    } else {
      parse.draft.instance = newInstance(name, parse.global, words);
      parse.draft.instances.push(parse.draft.instance);
    }
  },
  body: {
    ...electionRows,
    ...garpRows,
    ...interfaceRows,
    ...addressRows,
    ...unicastRows,
    ...trackRows((parse) => ({ about: parse.instance.name, list: parse.instance })),
    ...notifyRows(notifying),
    notify_deleted: {
      quoted: true,
      set(words, parse) {
        const { instance } = parse;
        if (instance.notifyDeleted) {
          const rest = words.list[1] ?? '';
          parse.warning(`(${instance.name}) notify_deleted already specified - ignoring ${rest}`);
          return;
        }
        instance.notifyDeleted = true;
        if (words.count > 1) instance.notify.deleted = parseNotifyScript(words, 'notify', parse);
      },
    },
    notify_master_rx_lower_pri: notifyRow('notify_master_rx_lower_pri', 'masterRxLowerPri', notifying),
    smtp_alert: boolean(
      ({ instance }, value) => (instance.smtpAlert = value),
      (word) => `Invalid vrrp_instance smtp_alert parameter ${word}`,
    ),
    notify_priority_changes: boolean(
      ({ instance }, value) => (instance.notifyPriorityChanges = value),
      (word, { instance }) => `(${instance.name}) Invalid value '${word}' for notify_priority_changes specified`,
    ),
    authentication,
    auth_hmac: authHmac,
  },
  end({ instance, diagnostics }) {
    const about = `(${instance.name})`;
    if (instance.unicastConfigured && instance.useVmac) {
      if (instance.interfaceName === '') {
        const clearing = 'Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac';
        diagnostics.warning(`${about}: ${clearing}`);
        instance.useVmac = false;
      } else if (!instance.vmacXmitBase) {
        diagnostics.warning(`${about} unicast with use_vmac requires vmac_xmit_base - setting`);
        instance.vmacXmitBase = true;
      }
    }
    if (instance.unicastPeers.length === 0 && instance.unicastTtl !== -1) {
      diagnostics.warning(`${about}: Cannot use unicast_ttl without unicast peers - resetting`);
      instance.unicastTtl = 0;
    }
    if (instance.interfaceName === '') instance.linkbeatPolling = false;
  },
};
