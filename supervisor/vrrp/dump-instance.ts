// One instance in keepalived.data, from its state to its scripts.

import type { NotifyScript, VirtualAddress, VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpSocket } from '../../core/model/vrrp-worker.ts';
import { yesNo } from './dump-global.ts';
import { listRows, scriptStatus, scriptsOf, trackedRows } from './dump-tracked.ts';
import {
  addressText,
  bytesText,
  commandText,
  macText,
  ownerText,
  routeText,
  ruleText,
  STATE_NAMES,
  stampText,
} from './dump-words.ts';
import type { DumpParts, InstanceStatus } from './status.ts';

const PRIORITY_OWNER = 255;

export function instanceRows(instance: InstanceStatus, parts: DumpParts): string[] {
  const { config } = instance;
  return [
    ...stateRows(instance, parts),
    ...linkRows(instance),
    ...timerRows(config),
    ...electionRows(instance),
    ...holdingRows(instance),
    ...unicastRows(config),
    socketText(config, parts.sockets),
    ...listRows(
      'Virtual Routes :',
      config.routes.map((each) => `     ${routeText(each)}`),
    ),
    ...listRows(
      'Virtual Rules :',
      config.rules.map((each) => `     ${ruleText(each)}`),
    ),
    ...trackedRows(config.trackInterfaces, config.tracked, parts.model, 'Tracked processes'),
    `   Using smtp notification = ${yesNo(config.smtpAlert)}`,
    `   Notify deleted = ${(config.notifyDeleted ?? config.notify.deleted !== null) ? 'Deleted' : 'Fault'}`,
    ...notifyRows(config.notify, parts.model),
    `   Notify priority changes = ${config.notifyPriorityChanges}`,
  ];
}

function stateRows(instance: InstanceStatus, { nowMs, tracking, model }: DumpParts): string[] {
  const { config, state, faults } = instance;
  const rows = [` VRRP Instance = ${instance.name}`, `   VRRP Version = ${config.version}`];
  if (instance.group !== '') rows.push(`   Sync group = ${instance.group}`);
  if (config.family === 'inet6') rows.push('   Using Native IPv6');
  rows.push(`   State = ${STATE_NAMES[state]}`);
  if (state === 'backup') {
    rows.push(`   Master router = ${instance.masterAddress === null ? '0.0.0.0' : bytesText(instance.masterAddress)}`);
    rows.push(`   Master priority = ${instance.masterPriority}`);
    if (config.version === 3) rows.push(`   Master advert int = ${(learnedMs(instance) / 1000).toFixed(2)} sec`);
  }
  rows.push(...flagRows(config), `   Wantstate = ${STATE_NAMES[instance.wantState]}`);
  const faultCount = faults.tracker + (faults.link ? 1 : 0) + (faults.address ? 1 : 0);
  rows.push('   Number of config faults = 0', `   Number of interface and track script faults = ${faultCount}`);
  const unknown = scriptsOf(instance, model).filter((name) => !(scriptStatus(name, tracking)?.known ?? true));
  rows.push(`   Number of track scripts init = ${unknown.length}`);
  rows.push(`   Last transition = ${stampText(instance.sinceWallMs)}`);
  const leftMs = instance.nextAdvertInMs >= 0 ? instance.nextAdvertInMs : instance.masterDownInMs;
  const nowWallMs = instance.sinceWallMs + (nowMs - instance.sinceMs);
  rows.push(`   Read timeout = ${leftMs < 0 ? 'DISABLED' : stampText(nowWallMs + leftMs)}`);
  rows.push(`   Master down timer = ${Math.floor(instance.masterDownMs * 1000)} usecs`);
  return rows;
}

const learnedMs = (instance: InstanceStatus): number => instance.masterAdvertIntMs || instance.config.advertIntMs;

// The heading says that some option differs from the usual; of them only unicast has a row.
function flagRows(config: VrrpInstance): string[] {
  const { vmac, sourceAddress, trackSourceAddress, promoteSecondaries, dontTrackPrimary, skipCheckAdvAddr } = config;
  const some = [vmac !== null, sourceAddress !== '', trackSourceAddress, promoteSecondaries, dontTrackPrimary];
  some.push(skipCheckAdvAddr, !config.preempt, config.unicast, config.linkbeatPolling);
  some.push(
    config.excluded.some((each) => each.family !== config.family),
    !config.checksumPseudoHeader,
  );
  if (!some.includes(true)) return ['   Flags: none'];
  return config.unicast ? ['   Flags:', '     Using unicast'] : ['   Flags:'];
}

function linkRows(instance: InstanceStatus): string[] {
  const { config } = instance;
  const { vmac, interfaceName } = config;
  const rows: string[] = [];
  if (vmac === null) rows.push(`   Interface = ${interfaceName || 'not configured'}`);
  else rows.push(...virtualLinkRows(vmac, interfaceName, !instance.faults.link));
  if (config.vrf) rows.push(`   VRF = ${config.vrf}`);
  if (config.dontTrackPrimary) rows.push('   VRRP interface tracking disabled');
  if (config.skipCheckAdvAddr) rows.push('   Skip checking advert IP addresses');
  if (config.strict === true) rows.push('   Enforcing strict VRRP compliance');
  const source = instance.source === null ? '(none)' : bytesText(instance.source);
  rows.push(`   Using src_ip = ${source}${config.sourceAddress === '' ? '' : ' (from configuration)'}`);
  if (config.unicast) return rows;
  const group = config.mcastGroup || (config.family === 'inet' ? '224.0.0.18' : 'ff02::12');
  rows.push(`   Multicast address ${group}${config.family === 'inet' ? '' : `, ifindex ${instance.ifindex}`}`);
  return rows;
}

const IPVLAN_KINDS = ['bridge', 'private', 'vepa'] as const; // IPVLAN_F_…

function virtualLinkRows(vmac: NonNullable<VrrpInstance['vmac']>, base: string, isUp: boolean): string[] {
  const { name, transmitOnBase, mac, group, address } = vmac;
  const rows: string[] = [];
  const isIpvlan = vmac.kind === 'ipvlan';
  if (isIpvlan) {
    const own = address ? `, i/f address = ${address.address}/${address.prefix}` : '';
    const kind = IPVLAN_KINDS[vmac.ipvlanFlags ?? 0] ?? 'unknown';
    rows.push(`   Use IPVLAN, i/f ${name}, is_up = ${isUp}${own}, type ${kind}`);
  } else rows.push(`   Use VMAC, i/f name ${name}, is_up = ${isUp}, xmit_base = ${transmitOnBase}`);
  if (mac !== undefined && mac.length > 0) rows.push(`     MAC = ${macText(mac)}`);
  if (vmac.netlinkNotify) rows.push('     Force netlink update for base interface');
  if (group !== undefined && group >= 0) rows.push(`     Interface group ${group}`);
  const xmit = transmitOnBase ? ', xmit base i/f' : '';
  rows.push(`   Interface = ${name}, ${isIpvlan ? 'ipvlan' : 'vmac'} on ${base}${xmit}`);
  return rows;
}

function timerRows(config: VrrpInstance): string[] {
  const { garp } = config;
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return [
    `   Gratuitous ARP delay = ${seconds(garp.masterDelayMs)}`,
    `   Gratuitous ARP repeat = ${garp.masterRepeat}`,
    `   Gratuitous ARP refresh = ${seconds(garp.masterRefreshMs)}`,
    `   Gratuitous ARP refresh repeat = ${garp.masterRefreshRepeat}`,
    `   Gratuitous ARP lower priority delay = ${seconds(garp.lowerPrioDelayMs)}`,
    `   Gratuitous ARP lower priority repeat = ${garp.lowerPrioRepeat}`,
    `   Down timer adverts = ${config.downTimerAdverts}`,
    ...(garp.extraIntervalMs
      ? [`   Gratuitous ARP for each secondary ${garp.extraAll ? 'i/f' : 'VMAC'} = ${seconds(garp.extraIntervalMs)}`]
      : []),
    `   Send advert after receive lower priority advert = ${!config.lowerPrioNoAdvert}`,
    `   Send advert after receive higher priority advert = ${config.higherPrioSendAdvert}`,
  ];
}

function electionRows(instance: InstanceStatus): string[] {
  const { config } = instance;
  const enabled = (on: boolean): string => (on ? 'enabled' : 'disabled');
  const interval = config.version === 3 ? `${config.advertIntMs} milli-sec` : `${config.advertIntMs / 1000} sec`;
  const rows: string[] = [];
  if (instance.basePriority === PRIORITY_OWNER && config.ownerIgnoreAdverts) {
    rows.push('   Address owner ignores received adverts = true');
  }
  rows.push(`   Virtual Router ID = ${config.vrid}`, `   Priority = ${instance.basePriority}`);
  rows.push(`   Effective priority = ${instance.effectivePriority}`);
  rows.push(`   Total priority = ${instance.effectivePriority}`, `   Advert interval = ${interval}`);
  if (config.version === 3 && instance.state === 'backup') {
    rows.push(`   Master advert interval = ${learnedMs(instance)} milli-sec`);
  }
  rows.push(`   Accept = ${enabled(config.accept !== false)}`, `   Preempt = ${enabled(config.preempt)}`);
  if (config.preemptDelayMs > 0) rows.push(`   Preempt delay = ${config.preemptDelayMs / 1000} secs`);
  rows.push(`   Promote_secondaries = ${enabled(config.promoteSecondaries)}`, ...authRows(config));
  if (config.kernelRxBufBytes > 0) rows.push(`   Kernel rx buffer size = ${config.kernelRxBufBytes}`);
  if (config.debug > 0) rows.push(`   Debug level = ${config.debug}`);
  return rows;
}

function authRows({ auth, authHmac, version }: VrrpInstance): string[] {
  const rows: string[] = [];
  if (auth.type === 'ah') rows.push('   Authentication type = IPSEC_AH');
  else if (auth.type === 'pass') rows.push('   Authentication type = SIMPLE_PASSWORD', '   Password = ********');
  else if (version === 2) rows.push('   Authentication type = none');
  if (authHmac === null) return rows;
  rows.push('   Authentication extension = HMAC-SHA256-128');
  rows.push(`     Keys = ${authHmac.keys.length}, active key id = ${authHmac.sendId}`, `     Mode = ${authHmac.mode}`);
  const { windowMs } = authHmac;
  rows.push(`     Anti replay = ${windowMs > 0 ? `time, window = ${windowMs / 1000} sec` : 'monotonic'}`);
  return rows;
}

function holdingRows({ config, state }: InstanceStatus): string[] {
  const isSet = state === 'master';
  const { addresses, excluded } = config;
  return [
    ...listRows(`Virtual IP (${addresses.length}):`, addressRows(addresses, config, isSet)),
    ...listRows('Virtual IP Excluded :', addressRows(excluded, config, isSet)),
  ];
}

export const addressRows = (list: readonly VirtualAddress[], instance: VrrpInstance | null, isSet: boolean): string[] =>
  list.map((each) => `     ${addressText(each, instance, isSet)}`);

function unicastRows(config: VrrpInstance): string[] {
  if (!config.unicast) return [];
  return [
    `   Unicast TTL = ${config.unicastTtl}`,
    `   Check unicast src : ${yesNo(config.checkUnicastSource)}`,
    '   Unicast Peer :',
    ...config.unicastPeers.map((peer) => `     ${peer.address} min_ttl ${peer.minTtl} max_ttl ${peer.maxTtl}`),
    '   Unicast checksum compatibility = no',
  ];
}

function socketText(config: VrrpInstance, sockets: readonly VrrpSocket[]): string {
  const socket = sockets.find((each) => each.instances.includes(config.name));
  return socket === undefined ? '   No sockets allocated' : `   fd_in ${socket.fdIn}, fd_out ${socket.fdOut}`;
}

const NOTIFY_NAMES = [
  ['backup', 'Backup'],
  ['master', 'Master'],
  ['fault', 'Fault'],
  ['stop', 'Stop'],
  ['deleted', 'Deleted'],
  ['any', 'Generic'],
  ['masterRxLowerPri', 'Master rx lower pri'],
] as const;

export function notifyRows(notify: VrrpInstance['notify'], model: VrrpModel): string[] {
  return NOTIFY_NAMES.flatMap(([key, name]) => {
    const script: NotifyScript | null = notify[key];
    if (script === null) return [];
    const whose = ownerText(script, model.global.scriptUser);
    return [`   ${name} state transition script = ${commandText(script.command)}, uid:gid ${whose}`];
  });
}
