// After the last line: what an instance is when its words are put together (keepalived's defaults and corrections).
//
// The order of the steps is keepalived's: a correction may depend on the one before, and so do the messages. A message
// here belongs to the line the block began at.

import type { IpFamily } from '../../model/vrrp.ts';
import { familyOf, INTERFACE_NAME_BYTES_MAX, isLinkLocal, VMAC_WANTED } from './addresses.ts';
import type { InstanceDraft } from './drafts.ts';
import type { Parse } from './keyword-table.ts';
import { checkScript } from './scripts.ts';

const SECOND_US = 1_000_000;
const CENTISECOND_US = 10_000;
const PRIORITY_OWNER = 255;
const PRIORITY_STANDARD = 100;
const DOWN_TIMER_ADVERTS_STANDARD = 3;
const MTU_STANDARD = 1_500;
const ADDRESS_COUNT_MAX = 255;
const HMAC_WINDOW_SECONDS_MIN = 5;
const HMAC_WINDOW_SECONDS_MAX = 300;
const HMAC_TRAILER_BYTES = 28;

/** False: keepalived would not start. */
type Step = (instance: InstanceDraft, parse: Parse) => unknown;

/** Settles all instances and groups. False: there is something keepalived would not start with. */
export function completeAll(parse: Parse): boolean {
  const { draft, diagnostics } = parse;
  checkScripts(parse);
  for (const instance of draft.instances) {
    diagnostics.at(instance.file, instance.line);
    if (!hasMinimum(instance, parse)) return false;
  }
  joinGroups(parse);
  for (const instance of draft.instances) {
    diagnostics.at(instance.file, instance.line);
    for (const step of STEPS) if (step(instance, parse) === false) return false;
  }
  if (conflicts(parse)) return false;
  followStaticTracks(parse);
  settleGroups(parse);
  dropUnusedScripts(parse);
  diagnostics.at('', 0);
  return true;
}

function hasMinimum(instance: InstanceDraft, { diagnostics }: Parse): boolean {
  if (instance.vrid === 0) diagnostics.error(`(${instance.name}) the virtual router id must be set`);
  // keepalived asks for unicast before it knows: only a source address alone is not enough.
  else if (instance.interfaceName === '' && !isUnicast(instance)) {
    diagnostics.error(`(${instance.name}) Unknown interface!`);
  } else return true;
  return false;
}

export function isUnicast(instance: InstanceDraft): boolean {
  return instance.unicastConfigured && instance.unicastPeers.length > 0;
}

const isStrict = (instance: InstanceDraft, parse: Parse): boolean => instance.strict ?? parse.global.strict;

/** Says `text` about the instance. */
const warn = (instance: InstanceDraft, parse: Parse, text: string): void => parse.warning(`(${instance.name}) ${text}`);

const STEPS: readonly Step[] = [
  chooseVersion,
  chooseStateAndPriority,
  settleAuthentication,
  settleHmac,
  settleUnicast,
  firstAddressIsLinkLocal,
  settleVrf,
  cutAddresses,
  settlePreemption,
  settleAccept,
  settleStrictTimers,
  settleOwner,
  settleAdvertInterval,
  settleLinkDelays,
  settleIpvlan,
  settleInterfaces,
  settleAddressVmacs,
  settleExtraGarp,
  needsAddress,
  dropWeights,
];

function chooseVersion(instance: InstanceDraft, parse: Parse): boolean {
  if (instance.family === 'inet6') {
    if (instance.version === 2) {
      if (isStrict(instance, parse)) warn(instance, parse, 'cannot use IPv6 with VRRP version 2; setting version 3');
      instance.version = 3;
    }
    instance.version ||= 3;
  }
  instance.family ??= 'inet';
  instance.version ||= parse.global.version;
  if (instance.family === 'inet' && instance.unicastTtl === -1) instance.unicastTtl = 255;
  if (instance.addresses.length > 0 || instance.noAddressAllowed) return true;
  if (instance.version === 3 || isStrict(instance, parse)) {
    parse.diagnostics.error(`(${instance.name}) No VIP specified; at least one is required`);
    return false;
  }
  warn(instance, parse, 'No VIP specified; at least one is sensible');
  return true;
}

function chooseStateAndPriority(instance: InstanceDraft, parse: Parse): void {
  instance.priority ||= instance.state === 'MASTER' ? PRIORITY_OWNER : PRIORITY_STANDARD;
  const byPriority = instance.priority === PRIORITY_OWNER ? 'MASTER' : 'BACKUP';
  if (instance.state !== null && isStrict(instance, parse) && instance.state !== byPriority) {
    warn(instance, parse, 'State MASTER must match being address owner');
    instance.state = byPriority;
  }
  instance.state ??= byPriority;
}

function settleAuthentication(instance: InstanceDraft, parse: Parse): void {
  if (instance.authType === 'none') return;
  const drop = (text: string): void => {
    warn(instance, parse, text);
    instance.authType = 'none';
  };
  if (isStrict(instance, parse)) drop('Strict mode does not support authentication. Ignoring.');
  else if (instance.version === 3) drop('VRRP version 3 does not support authentication. Ignoring.');
  else if (instance.password === '') drop('Authentication specified but no password given. Ignoring');
  else if (instance.authType === 'ah' && instance.state === 'MASTER' && instance.priority !== PRIORITY_OWNER) {
    warn(instance, parse, 'Initial state master is incompatible with AH authentication - clearing');
    instance.state = 'BACKUP';
  }
}

function settleHmac(instance: InstanceDraft, parse: Parse): void {
  const { hmac } = instance;
  if (hmac === null) return;
  if (instance.authType !== 'none') {
    warn(instance, parse, 'auth_hmac cannot be combined with authentication, dropping legacy auth');
    instance.authType = 'none';
  }
  if (!hmac.keys.some((key) => key.id === hmac.sendId)) {
    warn(instance, parse, `auth_hmac active_key ${hmac.sendId} is not defined, disabling extension`);
    instance.hmac = null;
    return;
  }
  if (isStrict(instance, parse) && hmac.mode !== 'enforce') {
    warn(instance, parse, 'strict mode requires auth_hmac mode enforce');
    hmac.mode = 'enforce';
  }
  if (!hmac.byTime) parse.diagnostics.notImplemented('anti_replay monotonic', 'replays are told by time');
  if (hmac.windowSeconds > 0) return;
  const seconds = 3 * Math.floor(instance.advertIntUs / SECOND_US);
  hmac.windowSeconds = Math.min(Math.max(seconds, HMAC_WINDOW_SECONDS_MIN), HMAC_WINDOW_SECONDS_MAX);
}

function settleUnicast(instance: InstanceDraft, parse: Parse): boolean {
  const { diagnostics } = parse;
  if (instance.interfaceName === '') {
    const fail = (text: string): false => {
      diagnostics.error(`(${instance.name})${text}`);
      return false;
    };
    if (instance.sourceAddress === '') return fail(': Unicast instances must have unicast_src_ip or interface');
    if (isLinkLocal(instance.sourceAddress)) return fail(' Non link-local address required if interface omitted');
  }
  if (!instance.unicastConfigured) return true;
  if (instance.unicastPeers.length === 0) {
    if (instance.unicastFaultNoPeer) {
      diagnostics.notImplemented(
        'unicast_fault_no_peer',
        `(${instance.name}) has no peer, give it one or leave it out`,
      );
    } else {
      const default1 = 'A unicast keyword has been specified without any unicast peers. Defaulting to multicast.';
      warn(instance, parse, `${default1} This usage is deprecated - please update your configuration.`);
    }
  } else if (instance.mcastGroup !== '') {
    warn(instance, parse, 'multicast destination specified with unicast - ignoring');
    instance.mcastGroup = '';
  }
  return true;
}

function firstAddressIsLinkLocal(instance: InstanceDraft, parse: Parse): void {
  const first = instance.addresses[0];
  if (instance.family !== 'inet6' || isUnicast(instance) || first === undefined || isLinkLocal(first.address)) return;
  if (isStrict(instance, parse)) warn(instance, parse, 'the first IPv6 VIP address must be link local');
  else parse.diagnostics.notice(`(${instance.name}) the first IPv6 VIP address should be link local`);
}

function settleVrf(instance: InstanceDraft, parse: Parse): void {
  if (instance.vrf === '' || (instance.interfaceName === '' && isUnicast(instance))) return;
  const missing = instance.interfaceName === '' ? ' unicast' : 'out interface';
  warn(instance, parse, `vrf can only be specified with${missing} - clearing`);
  instance.vrf = '';
}

/** Addresses that do not fit into one packet are held all the same, and not advertised. */
function cutAddresses(instance: InstanceDraft, parse: Parse): void {
  const isInet6 = instance.family === 'inet6';
  let headBytes = 14 + 8 + (isInet6 ? 40 : 20);
  if (!isInet6 && instance.version === 2) headBytes += 8 + (instance.authType === 'ah' ? 24 : 0);
  if (instance.hmac !== null) headBytes += HMAC_TRAILER_BYTES;
  const fitting = Math.floor((MTU_STANDARD - headBytes) / (isInet6 ? 16 : 4));
  const max = Math.min(fitting, ADDRESS_COUNT_MAX);
  const count = instance.addresses.length;
  if (count <= max) return;
  const room = `exceeds maximum/space available in packet (max ${max} addresses) - excess moved to eVIPs`;
  warn(instance, parse, `Number of VIPs (${count}) ${room}`);
  instance.excluded.push(...instance.addresses.splice(max));
}

function settlePreemption(instance: InstanceDraft, parse: Parse): void {
  const reset = (text: string): void => {
    warn(instance, parse, text);
    instance.preemptDelayUs = 0;
  };
  if (instance.priority === PRIORITY_OWNER && instance.nopreempt) {
    const owner = `nopreempt is incompatible with priority ${PRIORITY_OWNER}. resetting nopreempt`;
    warn(instance, parse, owner);
    instance.nopreempt = false;
  }
  if (instance.state === 'MASTER') {
    if (instance.nopreempt) {
      warn(instance, parse, 'Warning - nopreempt will not work with initial state MASTER - clearing');
      instance.nopreempt = false;
    }
    if (instance.preemptDelayUs > 0) {
      reset('Warning - preempt delay will not work with initial state MASTER - clearing');
    }
  }
  if (instance.preemptDelayUs > 0 && isStrict(instance, parse)) {
    reset('preempt_delay is incompatible with strict mode - resetting');
  }
  if (instance.preemptDelayUs > 0 && instance.nopreempt) {
    reset('preempt_delay is incompatible with nopreempt mode - resetting');
  }
  if (!instance.nopreempt && instance.otherPriorityMax > 0) {
    warn(instance, parse, 'expired_timer_backup requires nopreempt - resetting');
    instance.otherPriorityMax = 0;
  }
}

function settleAccept(instance: InstanceDraft, parse: Parse): void {
  const { global, diagnostics } = parse;
  const strict = isStrict(instance, parse);
  if (instance.downTimerAdverts !== DOWN_TIMER_ADVERTS_STANDARD && strict) {
    warn(instance, parse, 'down_timer_adverts is incompatible with strict mode - resetting');
    instance.downTimerAdverts = DOWN_TIMER_ADVERTS_STANDARD;
  }
  const owner = instance.priority === PRIORITY_OWNER;
  instance.accept ??= owner || !strict;
  if (instance.accept && !owner && strict && instance.version === 2) {
    const rfc = 'accept mode for VRRP version 2 does not comply with RFC3768 - resetting';
    warn(instance, parse, `warning - ${rfc}`);
    instance.accept = false;
  }
  if ((instance.accept && !instance.useVmac) || global.iptables.length > 0 || global.nftables !== '') return;
  diagnostics.notice('use_vmac or no_accept/strict specified, but no firewall configured - using nftables');
  global.nftables = 'keepalived';
}

function settleStrictTimers(instance: InstanceDraft, parse: Parse): void {
  const { global } = parse;
  const strict = isStrict(instance, parse);
  const repeat = global.garpLowerPrioRepeat ?? global.garpRepeat;
  const delayUs = global.garpLowerPrioDelayUs ?? global.garpDelayUs;
  if (strict && (instance.garpLowerPrioRepeat ?? 0) > 0) {
    warn(instance, parse, 'Strict mode requires no repeat garps. resetting');
    instance.garpLowerPrioRepeat = 0;
  }
  instance.garpLowerPrioRepeat ??= strict ? 0 : repeat;
  if (strict && (instance.garpLowerPrioDelayUs ?? 0) > 0) {
    warn(instance, parse, 'Strict mode requires no repeat garp delay. resetting');
    instance.garpLowerPrioDelayUs = 0;
  }
  instance.garpLowerPrioDelayUs ??= strict ? 0 : delayUs;
  if (strict && instance.lowerPrioNoAdvert === false) {
    warn(instance, parse, 'Strict mode requires no lower priority advert. resetting');
    instance.lowerPrioNoAdvert = true;
  }
  instance.lowerPrioNoAdvert ??= strict || global.lowerPrioNoAdvert;
  if (strict && instance.higherPrioSendAdvert === true) {
    warn(instance, parse, 'strict mode requires higher_prio_send_advert to be clear. resetting');
    instance.higherPrioSendAdvert = false;
  }
  instance.higherPrioSendAdvert ??= strict ? false : global.higherPrioSendAdvert;
}

function settleOwner(instance: InstanceDraft, parse: Parse): void {
  const { global } = parse;
  const owner = instance.priority === PRIORITY_OWNER;
  const strict = isStrict(instance, parse);
  if (instance.ownerIgnoreAdverts === true && !owner) {
    warn(instance, parse, `ignoring owner_ignore_adverts since priority is not ${PRIORITY_OWNER}`);
    instance.ownerIgnoreAdverts = false;
  }
  if (instance.ownerIgnoreAdverts === false && owner && strict) {
    warn(instance, parse, `strict_mode with priority ${PRIORITY_OWNER} requires owner_ignore_adverts`);
    instance.ownerIgnoreAdverts = true;
  }
  instance.ownerIgnoreAdverts ??= owner && (strict || global.ownerIgnoreAdverts);
  instance.smtpAlert ??= global.smtpAlertVrrp ?? global.smtpAlert ?? false;
  const group = parse.draft.groups.find((each) => each.members?.includes(instance.name));
  instance.notifyPriorityChanges ??= group?.notifyPriorityChanges ?? global.notifyPriorityChanges;
}

/** v2: whole seconds up to 255; v3: hundredths up to 40.95. Halves go up. */
function settleAdvertInterval(instance: InstanceDraft, parse: Parse): void {
  instance.advertIntUs ||= SECOND_US;
  const us = instance.advertIntUs;
  const [unit, count] = instance.version === 2 ? [SECOND_US, 256] : [CENTISECOND_US, 4_096];
  const about = `VRRPv${instance.version} advertisement interval`;
  if (us >= count * unit) {
    const places = instance.version === 2 ? 0 : 2;
    const show = (units: number): string => ((units * unit) / SECOND_US).toFixed(places);
    const limit = `is out of range. Must be less than ${show(count)}s. Setting to ${show(count - 1)}s`;
    warn(instance, parse, `${about} ${(us / SECOND_US).toFixed(2)}s ${limit}`);
    instance.advertIntUs = (count - 1) * unit;
  } else if (us % unit !== 0) {
    const wanted = instance.version === 2 ? 'an integer. rounding' : 'in units of 10ms - rounding';
    warn(instance, parse, `${about} ${(us / SECOND_US).toFixed(6)}s must be ${wanted}`);
    instance.advertIntUs = Math.max(unit, Math.floor((us + unit / 2) / unit) * unit);
  }
}

/** A link that is down for longer than a backup waits would make two masters. */
function settleLinkDelays(instance: InstanceDraft, parse: Parse): void {
  const delays = parse.draft.linkDelays.find(({ name }) => name === instance.interfaceName);
  if (delays === undefined || (delays.downUs === 0 && delays.upUs === 0)) return;
  const { downTimerAdverts: adverts, advertIntUs, name } = instance;
  if (adverts === 1) {
    const reset = 'cannot use debounce timers with down_timer_adverts = 1 - resetting';
    parse.diagnostics.notice(`${name}: ${reset}`);
    delays.downUs = 0;
    delays.upUs = 0;
    return;
  }
  const maxUs = (adverts - 1) * advertIntUs - Math.floor(advertIntUs / 256);
  if (delays.downUs <= maxUs) return;
  const limit = `debounce timer(s) not less that ${adverts - 1} * advert_int - resetting`;
  parse.diagnostics.notice(`${name}: interface ${instance.interfaceName} ${limit}`);
  if (delays.upUs === delays.downUs) delays.upUs = maxUs;
  delays.downUs = maxUs;
}

function settleInterfaces(instance: InstanceDraft, parse: Parse): void {
  const { global } = parse;
  if (instance.sourceAddress === '') instance.trackSourceAddress = false;
  if (global.linkbeatPolling || parse.draft.linkbeatInterfaces.some(({ name }) => name === instance.interfaceName)) {
    instance.linkbeatPolling = true;
  }
  if (instance.useVmac) {
    if (isStrict(instance, parse) && instance.vmacXmitBase) {
      warn(instance, parse, 'xmit_base is incompatible with strict mode - resetting');
      instance.vmacXmitBase = false;
    }
    if (instance.promoteSecondaries) {
      warn(instance, parse, 'promote_secondaries is automatically set for vmacs - ignoring');
      instance.promoteSecondaries = false;
    }
    const prefix = global.vmacPrefix === '' ? 'vrrp' : global.vmacPrefix;
    instance.vmacName ||= virtualName(prefix, instance.vrid, instance.family, parse);
    if (instance.vmacMac.length === 5) instance.vmacMac.push(instance.vrid);
  } else if (instance.vmacXmitBase) {
    warn(instance, parse, 'vmac_xmit_base is only valid with a vmac');
    instance.vmacXmitBase = false;
  }
  const own = instance.trackInterfaces.findIndex((each) => each.name === instance.interfaceName);
  if (own >= 0 && instance.interfaceName !== '') {
    warn(instance, parse, `Ignoring track_interface ${instance.interfaceName} since own interface`);
    instance.trackInterfaces.splice(own, 1);
  }
  const isHeld = (address: { interfaceName: string; address: string; prefix: number }): boolean => {
    if (address.interfaceName !== '' || instance.interfaceName !== '') return true;
    warn(instance, parse, `no interface for vip ${address.address}/${address.prefix} - removing`);
    return false;
  };
  if (instance.interfaceName === '' && global.defaultInterface !== '') return;
  instance.addresses = instance.addresses.filter(isHeld);
  instance.excluded = instance.excluded.filter(isHeld);
}

/** vrrp.51; of IPv6, if that is taken, vrrp6.51; then vrrp1.51 and so on. */
function virtualName(prefix: string, vrid: number, family: IpFamily | null, parse: Parse): string {
  const { instances, addressVmacs } = parse.draft;
  const taken = new Set([...instances.map((each) => each.vmacName), ...addressVmacs.map((each) => each.name)]);
  const middle = family === 'inet6' ? ['', '6'] : [''];
  for (let number = 1; number < 1_000; number++) if (number !== 6 || family !== 'inet6') middle.push(String(number));
  const names = middle.map((part) => {
    const rest = `${part}.${vrid}`;
    return `${prefix.slice(0, INTERFACE_NAME_BYTES_MAX - rest.length)}${rest}`;
  });
  return names.find((name) => !taken.has(name))!;
}

/** A virtual MAC for what is on another link than its instance's, or of the other family. */
function settleAddressVmacs(instance: InstanceDraft, parse: Parse): void {
  const { global, draft } = parse;
  for (const address of [...instance.addresses, ...instance.excluded]) {
    const isAsked = address.vmac === VMAC_WANTED;
    delete (address as { vmac?: string }).vmac;
    const isOwnLink = address.interfaceName === '' || address.interfaceName === instance.interfaceName;
    const isOwnFamily = address.family === instance.family;
    if (isAsked && isOwnLink && isOwnFamily && instance.useVmac && !instance.useIpvlan) {
      warn(instance, parse, `use_vmac specified for VIP/eVIP ${address.address} and vrrp instance`);
      continue;
    }
    if (isAsked && (!isOwnLink || !isOwnFamily) && instance.vmacAddresses) {
      warn(instance, parse, `use_vmac_addr specified and use_vmac specified for VIP/eVIP ${address.address}`);
    }
    if (!isAsked && (!instance.vmacAddresses || (isOwnLink && isOwnFamily))) continue;
    const interfaceName = isOwnLink ? instance.interfaceName : address.interfaceName;
    const mac = macOf(instance, address.family);
    const own = draft.instances.find(
      (each) =>
        each.useVmac &&
        !each.useIpvlan &&
        each.interfaceName === interfaceName &&
        macOf(each, each.family).join() === mac.join(),
    );
    const before = draft.addressVmacs.find(
      (each) => each.interfaceName === interfaceName && each.mac.join() === mac.join(),
    );
    if (own !== undefined && own.vmacName !== '') {
      address.vmac = own.vmacName;
      continue;
    }
    if (before === undefined) {
      const prefix = global.vmacAddressPrefix || global.vmacPrefix || 'vrrp';
      const name = virtualName(prefix, instance.vrid, address.family, parse);
      draft.addressVmacs.push({ name, interfaceName, family: address.family, vrid: instance.vrid, mac });
      address.vmac = name;
    } else address.vmac = before.name;
  }
}

/** Without a link beside the instance's own there is nothing to announce from time to time. */
function settleExtraGarp(instance: InstanceDraft, { global, draft }: Parse): void {
  if (instance.garpExtraSeconds < 0) {
    instance.garpExtraSeconds = global.garpExtraSeconds;
    instance.garpExtraAll ||= global.garpExtraAll;
  }
  const others = [...instance.addresses, ...instance.excluded].filter(({ vmac = '', interfaceName, family }) => {
    if (vmac !== '') return vmac !== instance.vmacName;
    const isOwnLink = interfaceName === '' || interfaceName === instance.interfaceName;
    return !isOwnLink || (instance.useVmac && family !== instance.family);
  });
  const hasVirtual = others.some(({ vmac }) => draft.addressVmacs.some((each) => each.name === vmac));
  if (!hasVirtual && (others.length === 0 || !instance.garpExtraAll)) instance.garpExtraSeconds = 0;
}

function macOf(instance: InstanceDraft, family: IpFamily | null): number[] {
  if (instance.vmacMac.length === 6) return instance.vmacMac;
  return [0, 0, 0x5e, 0, family === 'inet6' ? 2 : 1, instance.vrid];
}

/** An ipvlan has the MAC of its base, so neighbours tell it by its address; without one the instance stays in fault. */
function settleIpvlan(instance: InstanceDraft, parse: Parse): void {
  if (!instance.useIpvlan) return;
  const fault = 'setting instance to fault state';
  if (instance.family === 'inet' && instance.ipvlanAddress === null) {
    warn(instance, parse, `IPv4 ipvlan requires a source ip address to be configured. ${fault}`);
  } else if (instance.ipvlanAddress !== null && familyOf(instance.ipvlanAddress.address) !== instance.family) {
    warn(instance, parse, `IPv4 ipvlan address family does not match instance. ${fault}`);
    instance.ipvlanAddress = null;
  }
}

function needsAddress(instance: InstanceDraft, parse: Parse): boolean {
  if (instance.addresses.length > 0 || instance.noAddressAllowed) return true;
  if (instance.version === 2 && instance.family === 'inet' && !isStrict(instance, parse)) return true;
  parse.diagnostics.error(`(${instance.name}) No VIP specified; at least one is required`);
  return false;
}

/** Weights mean nothing where the priority may not move: address owners, groups without sync_group_tracking_weight. */
function dropWeights(instance: InstanceDraft, parse: Parse): void {
  const group = parse.draft.groups.find((each) => each.members?.includes(instance.name));
  const inGroup = group !== undefined && !group.trackingWeight;
  if (!inGroup && instance.priority !== PRIORITY_OWNER) return;
  const reason = inGroup ? 'SYNC group' : 'address_owner';
  instance.trackInterfaces = instance.trackInterfaces.filter((tracked) => {
    if (tracked.weight === 0) return true;
    const what = `tracked interface ${inGroup ? 'weight ' : ''}due to ${inGroup ? reason : 'address owner'}`;
    warn(instance, parse, `ignoring ${tracked.name} ${what}`);
    tracked.weight = 0;
    return inGroup;
  });
  instance.tracked = instance.tracked.filter((tracked) => {
    if (tracked.weight === 0 || tracked.kind === 'process') return true;
    if (tracked.kind === 'file' && tracked.weight === 1) {
      const advice = `ignoring weight from tracked file ${tracked.name} due to ${reason}. specify weight 0`;
      warn(instance, parse, advice);
      tracked.weight = 0;
      return true;
    }
    const weight =
      tracked.kind === 'file' || tracked.kind === 'bfd' ? ` with weight ${tracked.weight}` : ' with weights';
    const kind = tracked.kind === 'backend' ? 'script weir:backend' : tracked.kind;
    warn(instance, parse, `ignoring tracked ${kind} ${tracked.name}${weight} due to ${reason}`);
    return false;
  });
}

/** Which instances are in which group; a name that is no instance is left out, and so is a group without any. */
function joinGroups(parse: Parse): void {
  const { draft, diagnostics } = parse;
  const joined = new Set<string>();
  draft.groups = draft.groups.filter((group) => {
    diagnostics.at(group.file, group.line);
    if (group.members === null) {
      parse.warning(`Sync group ${group.name} has no virtual router(s). removing`);
      return false;
    }
    group.members = group.members.filter((name) => {
      if (!draft.instances.some((instance) => instance.name === name)) {
        parse.warning(`Virtual router ${name} specified in sync group ${group.name} doesn't exist - ignoring`);
      } else if (joined.has(name)) {
        parse.warning(`Virtual router ${name} cannot exist in more than one sync group; ignoring ${group.name}`);
      } else {
        joined.add(name);
        return true;
      }
      return false;
    });
    if (group.members.length === 0) {
      const none = 'no matching virtual router found in group declaration - removing';
      parse.warning(`Sync group ${group.name}, ${none}`);
      return false;
    }
    if (group.members.length === 1) {
      const alone = "has only 1 virtual router(s) - this probably isn't what you want";
      parse.warning(`Sync group ${group.name} ${alone}`);
    }
    return true;
  });
}

function settleGroups(parse: Parse): void {
  const { draft, diagnostics, global } = parse;
  for (const group of draft.groups) {
    diagnostics.at(group.file, group.line);
    group.smtpAlert ??= global.smtpAlertVrrp ?? global.smtpAlert ?? false;
    const members = draft.instances.filter((instance) => group.members?.includes(instance.name));
    if (!members.some((instance) => instance.priority === PRIORITY_OWNER)) continue;
    for (const tracked of [...group.tracked, ...group.trackInterfaces]) {
      if (tracked.weight === 0) continue;
      const kind = 'kind' in tracked ? tracked.kind : 'interface';
      const clearing = kind === 'script' || kind === 'interface' ? 'clearing weight' : 'setting weight 0';
      const what = `weighted track ${kind} '${tracked.name}' with member having priority ${PRIORITY_OWNER}`;
      parse.warning(`(${group.name}) Cannot have ${what} - ${clearing}`);
      tracked.weight = 0;
    }
  }
}

/** Two instances with one number cannot be told apart on one interface. */
function conflicts(parse: Parse): boolean {
  const { instances } = parse.draft;
  let found = false;
  for (const [index, left] of instances.entries()) {
    for (const right of instances.slice(index + 1)) {
      if (left.family !== right.family || left.vrid !== right.vrid || isUnicast(left) !== isUnicast(right)) continue;
      parse.diagnostics.at(right.file, right.line);
      if (isUnicast(left) ? unicastConflict(left, right) : multicastConflict(left, right)) {
        found = true;
        parse.diagnostics.error(
          isUnicast(left)
            ? `(${left.name}) duplicate VRID conflict with ${right.name} VRID ${left.vrid}`
            : `${left.name} and ${right.name} both use VRID ${left.vrid} with IPv${left.family === 'inet' ? 4 : 6} on ` +
                `interface ${left.interfaceName}`,
        );
      }
    }
  }
  return found;
}

function multicastConflict(left: InstanceDraft, right: InstanceDraft): boolean {
  return left.interfaceName === right.interfaceName && left.mcastGroup === right.mcastGroup;
}

function unicastConflict(left: InstanceDraft, right: InstanceDraft): boolean {
  const both = left.interfaceName !== '' && right.interfaceName !== '';
  if (both && left.interfaceName !== right.interfaceName) return false;
  if (left.sourceAddress !== right.sourceAddress) return false;
  return left.unicastPeers.some((peer) => right.unicastPeers.some((other) => other.address === peer.address));
}

/** `track_group`: its instances watch the interfaces of static addresses, routes and rules. */
function followStaticTracks(parse: Parse): void {
  const { draft } = parse;
  for (const { group, interfaceName } of draft.staticTracks) {
    const members = draft.trackGroups.find((each) => each.name === group)?.members ?? [];
    for (const instance of draft.instances) {
      if (!members.includes(instance.name) || instance.interfaceName === interfaceName) continue;
      if (instance.trackInterfaces.some((each) => each.name === interfaceName)) continue;
      instance.trackInterfaces.push({ name: interfaceName, weight: 0, reverse: false });
    }
  }
}

/** Scripts that cannot or may not run are left out, with what tracks them. */
function checkScripts(parse: Parse): void {
  const { draft, diagnostics, global } = parse;
  if (draft.instances.length === 0) return;
  let anyScript = false;
  let anyInsecure = false;
  draft.scripts = draft.scripts.filter((script) => {
    if (script.backend !== null) return true;
    diagnostics.at(script.file, script.line);
    const verdict = checkScript(script.command, script, parse);
    anyScript ||= verdict.isFile;
    anyInsecure ||= verdict.insecure;
    if (verdict.inhibited) parse.warning(`Disabling track script ${script.name} due to insecure`);
    else if (!verdict.found) {
      parse.warning(`Disabling track script ${script.name} since not found/accessible`);
    }
    script.command = verdict.command;
    return verdict.runnable;
  });
  diagnostics.at('', 0);
  const check = <Key extends string>(owner: Record<Key, NotifyScriptOrNull>, key: Key): void => {
    const script = owner[key];
    if (script === null) return;
    const verdict = checkScript(script.command, script, parse);
    anyScript ||= verdict.isFile;
    anyInsecure ||= verdict.insecure;
    owner[key] = verdict.runnable && verdict.isFile ? { ...script, command: verdict.command } : null;
  };
  for (const owner of [...draft.instances, ...draft.groups]) {
    diagnostics.at(owner.file, owner.line);
    for (const key of ['backup', 'master', 'fault', 'stop', 'deleted', 'any', 'masterRxLowerPri'] as const) {
      check(owner.notify, key);
    }
    owner.tracked = owner.tracked.filter(
      ({ kind, name }) => kind !== 'script' || draft.scripts.some((script) => script.name === name),
    );
  }
  diagnostics.at('', 0);
  for (const key of ['notifyFifoScript', 'vrrpNotifyFifoScript', 'startupScript', 'shutdownScript'] as const) {
    check(global, key);
  }
  if (global.enableScriptSecurity || !anyScript) return;
  const insecure = anyInsecure ? ' There are insecure scripts.' : '';
  const what = 'scripts are being executed but script_security not enabled.';
  diagnostics.security(`SECURITY VIOLATION - ${what}${insecure}`);
}

type NotifyScriptOrNull = InstanceDraft['notify']['master'];

/** A script nobody watches is not run. */
function dropUnusedScripts(parse: Parse): void {
  const { draft, diagnostics } = parse;
  const watchers = [...draft.instances, ...draft.groups];
  draft.scripts = draft.scripts.filter((script) => {
    const used = watchers.some(({ tracked }) =>
      tracked.some(({ kind, name }) => kind === 'script' && name === script.name),
    );
    diagnostics.at(script.file, script.line);
    if (!used) diagnostics.notice(`Warning - script ${script.name} is not used`);
    return used;
  });
}
