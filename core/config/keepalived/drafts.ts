// What the rows fill in while files are read; complete.ts settles it and build.ts makes the model of it.
//
// null says "not given" wherever a default depends on something that may come later.

import type {
  ConfBlock,
  IpFamily,
  NotifyScript,
  TrackedInterface,
  TrackedObject,
  VirtualAddress,
  VirtualRoute,
  VirtualRule,
  VrrpBfd,
  VrrpScript,
  VrrpTrackFile,
  VrrpTrackProcess,
} from '../../model/vrrp.ts';

/** Fields may be set, lists filled. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export type NotifyDraft = Record<
  'master' | 'backup' | 'fault' | 'stop' | 'deleted' | 'masterRxLowerPri' | 'any',
  NotifyScript | null
>;

export const newNotify = (): NotifyDraft => ({
  master: null,
  backup: null,
  fault: null,
  stop: null,
  deleted: null,
  masterRxLowerPri: null,
  any: null,
});

/** A script that is tracked, with what the line said about its weight. */
export interface TrackedDraft extends Mutable<TrackedObject> {
  weight: number; // the object's own when the line has none
}

export interface HmacDraft {
  keys: { id: number; secret: Uint8Array }[];
  sendId: number;
  mode: 'enforce' | 'permissive' | 'receive-only';
  windowSeconds: number; // 0: by advert_int
  byTime: boolean; // anti_replay time
}

export interface InstanceDraft {
  name: string;
  file: string;
  line: number;
  version: 0 | 2 | 3; // 0 not known yet
  family: IpFamily | null;
  state: 'MASTER' | 'BACKUP' | null;
  interfaceName: string;
  vrid: number; // 0 not given
  priority: number; // 0 not given
  advertIntUs: number; // 0 not given
  addresses: VirtualAddress[];
  excluded: VirtualAddress[];
  noAddressAllowed: boolean;
  routes: VirtualRoute[];
  rules: VirtualRule[];
  authType: 'none' | 'pass' | 'ah';
  password: string;
  hmac: HmacDraft | null;
  nopreempt: boolean;
  preemptDelayUs: number;
  accept: boolean | null;
  strict: boolean | null;
  skipCheckAdvAddr: boolean;
  dontTrackPrimary: boolean;
  linkbeatPolling: boolean;
  unicastConfigured: boolean; // any word of unicast
  unicastFaultNoPeer: boolean;
  unicastPeers: { address: string; minTtl: number; maxTtl: number }[];
  unicastTtl: number; // -1 not given
  checkUnicastSource: boolean;
  sourceAddress: string;
  trackSourceAddress: boolean;
  mcastGroup: string;
  downTimerAdverts: number;
  higherPrioSendAdvert: boolean | null;
  lowerPrioNoAdvert: boolean | null;
  ownerIgnoreAdverts: boolean | null;
  checksumAsV2: boolean;
  garpDelayUs: number;
  garpRepeat: number;
  garpRefreshSeconds: number;
  garpRefreshRepeat: number;
  garpLowerPrioDelayUs: number | null;
  garpLowerPrioRepeat: number | null;
  garpExtraSeconds: number; // -1 not given
  garpExtraAll: boolean;
  vrf: string;
  useVmac: boolean;
  vmacName: string;
  vmacXmitBase: boolean;
  vmacNotify: boolean;
  vmacMac: number[]; // [] the protocol's
  vmacGroup: number; // -1 the base's
  vmacAddresses: boolean; // use_vmac_addr
  useIpvlan: boolean; // useVmac is set too: it is another kind of virtual interface
  ipvlanFlags: number;
  ipvlanAddress: { address: string; prefix: number } | null;
  promoteSecondaries: boolean;
  nativeIpv6: boolean;
  trackInterfaces: Mutable<TrackedInterface>[];
  tracked: TrackedDraft[];
  kernelRxBufBytes: number;
  notify: NotifyDraft;
  notifyDeleted: boolean;
  smtpAlert: boolean | null;
  notifyPriorityChanges: boolean | null;
  otherPriorityMax: number; // timer_expired_backup; 0 off
  debug: number;
}

export interface GroupDraft {
  name: string;
  file: string;
  line: number;
  members: string[] | null;
  trackInterfaces: Mutable<TrackedInterface>[];
  tracked: TrackedDraft[];
  globalTracking: boolean;
  trackingWeight: boolean;
  notify: NotifyDraft;
  smtpAlert: boolean | null;
  notifyPriorityChanges: boolean | null;
}

export interface GarpGroupDraft {
  garpIntervalUs: number | null;
  gnaIntervalUs: number | null;
  interfaces: string[];
}

export interface BfdDraft {
  name: string;
  weight: number;
  reverse: boolean;
  session: Mutable<VrrpBfd>;
  ignored: boolean; // its neighbor is no address: what else the block says of the session does not count
  forVrrp: boolean;
  forChecker: boolean;
}

/** Everything but global_defs. */
export interface Draft {
  instances: InstanceDraft[];
  instance: InstanceDraft; // the one whose block is open
  groups: GroupDraft[];
  group: GroupDraft;
  scripts: Mutable<VrrpScript>[];
  script: Mutable<VrrpScript>;
  scriptUserGiven: boolean;
  scriptRemoved: boolean;
  trackFiles: Mutable<VrrpTrackFile>[];
  trackFile: Mutable<VrrpTrackFile>;
  trackProcesses: Mutable<VrrpTrackProcess>[];
  trackProcess: Mutable<VrrpTrackProcess>;
  bfds: BfdDraft[]; // what may be tracked, also when its session cannot run
  bfd: BfdDraft;
  bfdSessions: VrrpBfd[];
  garpGroups: GarpGroupDraft[];
  garpGroup: GarpGroupDraft;
  linkbeatInterfaces: { name: string; method: 'any' | 'MII' | 'ETHTOOL' | 'IOCTL' }[];
  addressVmacs: { name: string; interfaceName: string; family: IpFamily; vrid: number; mac: number[] }[];
  linkDelays: { name: string; downUs: number; upUs: number }[];
  trackGroups: { name: string; members: string[] | null }[];
  staticTracks: { group: string; interfaceName: string }[]; // static items whose interface instances watch
  ruleCounts: Record<IpFamily, number>; // rules without preference so far
  staticAddresses: VirtualAddress[];
  staticRoutes: VirtualRoute[];
  staticRules: VirtualRule[];
  virtualServers: ConfBlock[];
}

export function newInstance(name: string, global: GlobalDraft, place: { file: string; line: number }): InstanceDraft {
  return {
    name,
    file: place.file,
    line: place.line,
    version: 0,
    family: null,
    state: null,
    interfaceName: '',
    vrid: 0,
    priority: 0,
    advertIntUs: 0,
    addresses: [],
    excluded: [],
    noAddressAllowed: false,
    routes: [],
    rules: [],
    authType: 'none',
    password: '',
    hmac: null,
    nopreempt: false,
    preemptDelayUs: 0,
    accept: null,
    strict: null,
    skipCheckAdvAddr: global.skipCheckAdvAddr,
    dontTrackPrimary: false,
    linkbeatPolling: false,
    unicastConfigured: false,
    unicastFaultNoPeer: false,
    unicastPeers: [],
    unicastTtl: -1,
    checkUnicastSource: global.checkUnicastSource,
    sourceAddress: '',
    trackSourceAddress: false,
    mcastGroup: '',
    downTimerAdverts: global.downTimerAdverts,
    higherPrioSendAdvert: null,
    lowerPrioNoAdvert: null,
    ownerIgnoreAdverts: null,
    checksumAsV2: global.checksumAsV2,
    garpDelayUs: global.garpDelayUs,
    garpRepeat: global.garpRepeat,
    garpRefreshSeconds: global.garpRefreshSeconds,
    garpRefreshRepeat: global.garpRefreshRepeat,
    garpLowerPrioDelayUs: null,
    garpLowerPrioRepeat: null,
    garpExtraSeconds: -1,
    garpExtraAll: false,
    vrf: '',
    useVmac: false,
    vmacName: '',
    vmacXmitBase: false,
    vmacNotify: false,
    vmacMac: [],
    vmacGroup: -1,
    vmacAddresses: false,
    useIpvlan: false,
    ipvlanFlags: 0,
    ipvlanAddress: null,
    promoteSecondaries: false,
    nativeIpv6: false,
    trackInterfaces: [],
    tracked: [],
    kernelRxBufBytes: 0,
    notify: newNotify(),
    notifyDeleted: false,
    smtpAlert: null,
    notifyPriorityChanges: null,
    otherPriorityMax: 0,
    debug: 0,
  };
}

export function newGroup(name: string, place: { file: string; line: number }): GroupDraft {
  return {
    name,
    file: place.file,
    line: place.line,
    members: null,
    trackInterfaces: [],
    tracked: [],
    globalTracking: false,
    trackingWeight: false,
    notify: newNotify(),
    smtpAlert: null,
    notifyPriorityChanges: null,
  };
}

export function newScript(name: string, place: { file: string; line: number }): Mutable<VrrpScript> {
  return {
    name,
    command: [],
    shell: false,
    intervalMs: 1_000,
    timeoutMs: 0,
    weight: 0,
    weightReverse: false,
    rise: 1,
    fall: 1,
    initFail: false,
    uid: -1,
    gid: -1,
    backend: null,
    file: place.file,
    line: place.line,
  };
}

export function newTrackFile(name: string): Mutable<VrrpTrackFile> {
  return { name, path: '', weight: 1, weightReverse: false, initFile: null };
}

export function newTrackProcess(name: string): Mutable<VrrpTrackProcess> {
  return {
    name,
    process: '',
    parameters: [],
    parameterMatch: 'none',
    weight: 0,
    weightReverse: false,
    quorum: 1,
    quorumMax: -1,
    delayMs: 0,
    terminateDelayMs: 0,
    forkDelayMs: 0,
    fullCommand: false,
  };
}

export function newBfd(name: string, place: { file: string; line: number }): BfdDraft {
  const session: Mutable<VrrpBfd> = {
    name,
    family: 'inet',
    neighbor: '',
    source: '',
    minRxUs: 10_000,
    minTxUs: 10_000,
    idleTxUs: 1_000_000,
    multiplier: 5,
    passive: false,
    ttl: 0,
    maxHops: 0,
    multihop: false,
    file: place.file,
    line: place.line,
  };
  return { name, weight: 0, reverse: false, session, ignored: false, forVrrp: false, forChecker: false };
}

export const newGarpGroup = (): GarpGroupDraft => ({ garpIntervalUs: null, gnaIntervalUs: null, interfaces: [] });

export function newDraft(): Draft {
  const nowhere = { file: '', line: 0 };
  return {
    instances: [],
    instance: newInstance('', newGlobal(), nowhere),
    groups: [],
    group: newGroup('', nowhere),
    scripts: [],
    script: newScript('', nowhere),
    scriptUserGiven: false,
    scriptRemoved: false,
    trackFiles: [],
    trackFile: newTrackFile(''),
    trackProcesses: [],
    trackProcess: newTrackProcess(''),
    bfds: [],
    bfd: newBfd('', nowhere),
    bfdSessions: [],
    garpGroups: [],
    garpGroup: newGarpGroup(),
    linkbeatInterfaces: [],
    addressVmacs: [],
    linkDelays: [],
    trackGroups: [],
    staticTracks: [],
    ruleCounts: { inet: 0, inet6: 0 },
    staticAddresses: [],
    staticRoutes: [],
    staticRules: [],
    virtualServers: [],
  };
}

/** global_defs and the words beside the blocks. */
export interface GlobalDraft {
  routerId: string;
  strict: boolean;
  version: 2 | 3;
  skipCheckAdvAddr: boolean;
  checkUnicastSource: boolean;
  ownerIgnoreAdverts: boolean;
  checksumAsV2: boolean;
  lowerPrioNoAdvert: boolean;
  higherPrioSendAdvert: boolean;
  downTimerAdverts: number;
  mcastGroup4: string;
  mcastGroup6: string;
  garpDelayUs: number;
  garpRepeat: number;
  garpRefreshSeconds: number;
  garpRefreshRepeat: number;
  garpLowerPrioDelayUs: number | null;
  garpLowerPrioRepeat: number | null;
  garpIntervalUs: number;
  gnaIntervalUs: number;
  garpExtraSeconds: number;
  garpExtraAll: boolean;
  defaultInterface: string;
  dynamicInterfaces: boolean;
  allowIfChanges: boolean;
  unknownVridsLogged: boolean;
  priority: number;
  rtPriority: number;
  rlimitRtimeUs: number;
  noSwap: boolean;
  cpuAffinity: number[];
  startupDelayMs: number;
  delayAfterBootMs: number;
  iptables: string[];
  nftables: string;
  nftablesGiven: boolean;
  nftablesPriority: number;
  nftablesCounters: boolean;
  nftablesIfindex: boolean;
  notifyFifo: string;
  notifyFifoScript: NotifyScript | null;
  vrrpNotifyFifo: string;
  vrrpNotifyFifoScript: NotifyScript | null;
  notifyPriorityChanges: boolean;
  fifoStatesOnReload: boolean;
  startupScript: NotifyScript | null;
  startupScriptTimeoutMs: number;
  shutdownScript: NotifyScript | null;
  shutdownScriptTimeoutMs: number;
  notificationEmail: string[];
  notificationEmailFrom: string;
  smtpServer: string;
  smtpHeloName: string;
  smtpConnectTimeoutMs: number;
  smtpAlert: boolean | null;
  smtpAlertVrrp: boolean | null;
  noEmailFaults: boolean;
  enableScriptSecurity: boolean;
  supplementaryGroups: boolean;
  instanceName: string;
  namespace: string;
  useSymlinkPaths: boolean;
  reloadTimeFile: string;
  reloadRepeat: boolean;
  vmacPrefix: string;
  vmacAddressPrefix: string;
  localIgmpDisabled: boolean;
  rxBufs: { size: number; mtu: boolean; advert: boolean };
  linkbeatPolling: boolean;
  stateDumpFile: string;
  statsDumpFile: string;
  jsonDumpFile: string;
  jsonVersion: 1 | 2;
  dataUseInstance: boolean;
}

export function newGlobal(): GlobalDraft {
  return {
    routerId: '',
    strict: false,
    version: 2,
    skipCheckAdvAddr: false,
    checkUnicastSource: false,
    ownerIgnoreAdverts: false,
    checksumAsV2: false,
    lowerPrioNoAdvert: false,
    higherPrioSendAdvert: false,
    downTimerAdverts: 3,
    mcastGroup4: '224.0.0.18',
    mcastGroup6: 'ff02::12',
    garpDelayUs: 5_000_000,
    garpRepeat: 5,
    garpRefreshSeconds: 0,
    garpRefreshRepeat: 1,
    garpLowerPrioDelayUs: null,
    garpLowerPrioRepeat: null,
    garpIntervalUs: 0,
    gnaIntervalUs: 0,
    garpExtraSeconds: 0,
    garpExtraAll: false,
    defaultInterface: '',
    dynamicInterfaces: false,
    allowIfChanges: false,
    unknownVridsLogged: false,
    priority: 0,
    rtPriority: 0,
    rlimitRtimeUs: 10_000,
    noSwap: false,
    cpuAffinity: [],
    startupDelayMs: 0,
    delayAfterBootMs: 0,
    iptables: [],
    nftables: '',
    nftablesGiven: false,
    nftablesPriority: -1,
    nftablesCounters: false,
    nftablesIfindex: false,
    notifyFifo: '',
    notifyFifoScript: null,
    vrrpNotifyFifo: '',
    vrrpNotifyFifoScript: null,
    notifyPriorityChanges: false,
    fifoStatesOnReload: false,
    startupScript: null,
    startupScriptTimeoutMs: 0,
    shutdownScript: null,
    shutdownScriptTimeoutMs: 0,
    notificationEmail: [],
    notificationEmailFrom: '',
    smtpServer: '',
    smtpHeloName: '',
    smtpConnectTimeoutMs: 0,
    smtpAlert: null,
    smtpAlertVrrp: null,
    noEmailFaults: false,
    enableScriptSecurity: false,
    supplementaryGroups: false,
    instanceName: '',
    namespace: '',
    useSymlinkPaths: false,
    reloadTimeFile: '',
    reloadRepeat: false,
    vmacPrefix: '',
    vmacAddressPrefix: '',
    localIgmpDisabled: false,
    rxBufs: { size: 0, mtu: false, advert: false },
    linkbeatPolling: false,
    stateDumpFile: '',
    statsDumpFile: '',
    jsonDumpFile: '',
    jsonVersion: 1,
    dataUseInstance: false,
  };
}
