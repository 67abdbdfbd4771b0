// Models for the tests of this room: what keepalived's defaults come to, with the fields a test cares about replaced.

import type { VirtualAddress, VrrpGlobal, VrrpInstance, VrrpModel, VrrpSyncGroup } from '../model/vrrp.ts';
import { addressOf } from './address.ts';
import type { LinkFact } from './contract.ts';

const NO_SCRIPTS = {
  master: null,
  backup: null,
  fault: null,
  stop: null,
  deleted: null,
  masterRxLowerPri: null,
  any: null,
};

export function virtualAddress(address: string, extra: Partial<VirtualAddress> = {}): VirtualAddress {
  const family = address.includes(':') ? 'inet6' : 'inet';
  return {
    family,
    address,
    prefix: family === 'inet' ? 32 : 128,
    broadcast: '',
    label: '',
    scope: 0,
    interfaceName: '',
    peer: '',
    preferredLifetime: -1,
    homeAddress: false,
    noDad: true,
    mngTmpAddr: false,
    noPrefixRoute: false,
    autojoin: false,
    noTrack: false,
    file: 'keepalived.conf',
    line: 1,
    ...extra,
  };
}

/** VRRPv3 over IPv4, VRID 51, 100 ms, priority 100, 10.77.0.100 on eth0. */
export function instanceOf(extra: Partial<VrrpInstance> = {}): VrrpInstance {
  return {
    name: 'VI_1',
    version: 3,
    family: 'inet',
    wantedState: 'BACKUP',
    interfaceName: 'eth0',
    vrid: 51,
    priority: 100,
    advertIntMs: 100,
    addresses: [virtualAddress('10.77.0.100')],
    excluded: [],
    routes: [],
    rules: [],
    auth: { type: 'none', password: '' },
    authHmac: null,
    preempt: true,
    preemptDelayMs: 0,
    accept: null,
    strict: null,
    skipCheckAdvAddr: false,
    dontTrackPrimary: false,
    linkbeatPolling: false,
    unicast: false,
    unicastPeers: [],
    unicastTtl: 255,
    checkUnicastSource: false,
    sourceAddress: '',
    trackSourceAddress: false,
    mcastGroup: '',
    downTimerAdverts: 3,
    higherPrioSendAdvert: false,
    lowerPrioNoAdvert: false,
    ownerIgnoreAdverts: false,
    checksumPseudoHeader: true,
    garp: {
      masterDelayMs: 5000,
      masterRepeat: 5,
      masterRefreshMs: 0,
      masterRefreshRepeat: 1,
      lowerPrioDelayMs: 5000,
      lowerPrioRepeat: 5,
      intervalMs: 0,
      gnaIntervalMs: 0,
      extraInterface: '',
    },
    vmac: null,
    ipvlan: '',
    promoteSecondaries: false,
    nativeIpv6: false,
    trackInterfaces: [],
    tracked: [],
    kernelRxBufBytes: 0,
    notify: NO_SCRIPTS,
    smtpAlert: false,
    smtpAlertFaults: false,
    notifyPriorityChanges: false,
    debug: 0,
    file: 'keepalived.conf',
    line: 1,
    ...extra,
  };
}

export function groupOf(name: string, members: string[], extra: Partial<VrrpSyncGroup> = {}): VrrpSyncGroup {
  return {
    name,
    members,
    trackInterfaces: [],
    tracked: [],
    globalTracking: false,
    trackingIsAny: false,
    notify: NO_SCRIPTS,
    smtpAlert: false,
    file: 'keepalived.conf',
    line: 1,
    ...extra,
  };
}

// A cast, not a type: what only the worker reads need not be here.
const GLOBAL = {
  routerId: 'test',
  strict: false,
  version: 2,
  garpLowerPrioNoAdvert: false,
  higherPrioSendAdvert: false,
  priority: 0,
  rtPriority: 0,
  rlimitRtimeUs: 0,
  noSwap: false,
  cpuAffinity: [],
  startupDelayMs: 0,
  delayAfterBootMs: 0,
  iptables: [],
  nftables: '',
  notifyFifo: '',
  notifyFifoScript: null,
  vrrpNotifyFifo: '',
  vrrpNotifyFifoScript: null,
  startupScript: null,
  shutdownScript: null,
  notificationEmail: [],
  notificationEmailFrom: '',
  smtpServer: '',
  smtpHeloName: '',
  smtpConnectTimeoutMs: 30_000,
  smtpAlert: false,
  smtpAlertVrrp: false,
  scriptUser: null,
  enableScriptSecurity: false,
  dynamicInterfaces: false,
  allowIfChanges: false,
  unknownVridsLogged: false,
  instanceName: '',
  namespace: '',
  useSymlinkPaths: false,
  reloadTimeFile: '',
} as Partial<VrrpGlobal> as VrrpGlobal;

export function modelOf(
  instances: VrrpInstance[],
  extra: Partial<Omit<VrrpModel, 'global'>> & { global?: Partial<VrrpGlobal> } = {},
): VrrpModel {
  return {
    instances,
    groups: [],
    scripts: [],
    trackFiles: [],
    trackProcesses: [],
    staticAddresses: [],
    staticRoutes: [],
    staticRules: [],
    virtualServers: [],
    files: [],
    ...extra,
    global: { ...GLOBAL, ...extra.global },
  };
}

/** eth0, up, as router number `host` of 10.77.0.0/24 and fe80::/64. */
export function linkOf(host: number, extra: Partial<LinkFact> = {}): LinkFact {
  const primary4 = addressOf(`10.77.0.${host}`);
  const linkLocal = addressOf(`fe80::${host.toString(16)}`);
  return { ifindex: 2, name: 'eth0', up: true, primary4, linkLocal, addresses: [primary4, linkLocal], ...extra };
}
