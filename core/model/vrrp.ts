// What keepalived.conf means for VRRP: plain, cloneable data (keepalived.conf(5); RFC 9568). The words are keepalived's.
//
// Times are milliseconds, priorities 0–255. Every field is always present; null, -1, 0 or '' say "not set" as told there.

export type IpFamily = 'inet' | 'inet6';

/** One address to be held by the master: `virtual_ipaddress`, `static_ipaddress`. */
export interface VirtualAddress {
  family: IpFamily;
  address: string;
  prefix: number;
  broadcast: string; // '' none, '+' and '-' as keepalived
  label: string;
  scope: number; // RT_SCOPE_…
  interfaceName: string; // '' the instance's
  peer: string; // '' none
  preferredLifetime: number; // seconds; -1: keepalived's default (0 for /128)
  homeAddress: boolean;
  noDad: boolean;
  mngTmpAddr: boolean;
  noPrefixRoute: boolean;
  autojoin: boolean;
  noTrack: boolean;
  vmac?: string; // the virtual interface of its link that it is put on; absent or '' none of its own
  file: string;
  line: number;
}

/** A route or rule: its words as parsed, each with its value, for core/netlink to encode. */
export interface VirtualRoute {
  family: IpFamily;
  to: string; // 'default', address/prefix
  prefix: number;
  attributes: Readonly<Record<string, string | number | boolean>>; // via, dev, src, metric, table, scope, tos, mtu, …
  nextHops: readonly { family: IpFamily; via: string; dev: string; weight: number; onlink: boolean }[];
  noTrack: boolean;
  file: string;
  line: number;
}

export interface VirtualRule {
  family: IpFamily;
  attributes: Readonly<Record<string, string | number | boolean>>; // from, to, table, iif, oif, fwmark, pref, …
  noTrack: boolean;
  file: string;
  line: number;
}

/** What an instance or a group watches; weight 0 means a fault, else it is added to the priority. */
export interface TrackedInterface {
  name: string;
  weight: number;
  reverse: boolean;
}

export interface TrackedObject {
  kind: 'script' | 'file' | 'process' | 'bfd' | 'backend';
  name: string; // for 'backend': the proxy's name
  weight: number | null; // null: the object's own
  reverse: boolean;
  serversUpMin: number; // 'backend': `weir:backend NAME up>=N`; else 0
}

export interface VrrpScript {
  name: string;
  command: readonly string[]; // empty with `backend`
  shell: boolean; // run through /bin/sh -c
  intervalMs: number; // default 1000
  timeoutMs: number; // 0: the interval
  weight: number;
  weightReverse: boolean;
  rise: number;
  fall: number;
  initFail: boolean;
  uid: number; // -1 not set
  gid: number;
  /** `script "weir:backend NAME up>=N"`: no process is run. */
  backend: { name: string; serversUpMin: number } | null;
  file: string;
  line: number;
}

export interface VrrpTrackFile {
  name: string;
  path: string;
  weight: number;
  weightReverse: boolean;
  initFile: { create: boolean; overwrite: boolean; value: number } | null;
}

export interface VrrpTrackProcess {
  name: string;
  process: string;
  parameters: readonly string[]; // empty: any
  parameterMatch: 'exact' | 'initial' | 'partial' | 'none';
  weight: number;
  weightReverse: boolean;
  quorum: number;
  quorumMax: number; // -1 none
  delayMs: number;
  terminateDelayMs: number;
  forkDelayMs: number;
  fullCommand: boolean;
}

/** One BFD session (RFC 5880, 5881, 5883): `bfd_instance`. Its weight is with those who track it. */
export interface VrrpBfd {
  name: string;
  family: IpFamily;
  neighbor: string;
  source: string; // '' whatever the route says
  minRxUs: number; // microseconds, as on the wire; default 10 ms
  minTxUs: number; // default 10 ms
  idleTxUs: number; // while not Up; at least a second
  multiplier: number; // 1–255, default 5
  passive: boolean;
  ttl: number; // sent, and expected; default 255, hop limit 64
  maxHops: number; // how much less of it is accepted; 255: any
  multihop: boolean; // port 4784 instead of 3784
  file: string;
  line: number;
}

/** A notify script: what is run, as whom. */
export interface NotifyScript {
  command: readonly string[];
  uid: number; // -1 not set
  gid: number;
}

export interface NotifyScripts {
  master: NotifyScript | null;
  backup: NotifyScript | null;
  fault: NotifyScript | null;
  stop: NotifyScript | null;
  deleted: NotifyScript | null;
  masterRxLowerPri: NotifyScript | null;
  any: NotifyScript | null; // `notify`: with TYPE NAME STATE PRIORITY
}

export interface VrrpInstance {
  name: string;
  version: 2 | 3;
  family: IpFamily;
  wantedState: 'MASTER' | 'BACKUP';
  interfaceName: string;
  vrf?: string; // of unicast without an interface; absent or '' none
  vrid: number;
  priority: number; // 1–255
  advertIntMs: number; // v2: whole seconds; v3: 10–40950
  addresses: readonly VirtualAddress[]; // virtual_ipaddress
  excluded: readonly VirtualAddress[]; // virtual_ipaddress_excluded
  routes: readonly VirtualRoute[];
  rules: readonly VirtualRule[];
  auth: { type: 'none' | 'pass' | 'ah'; password: string };
  authHmac: {
    keys: readonly { id: number; secret: Uint8Array }[];
    sendId: number;
    mode: 'enforce' | 'permissive' | 'receive-only';
    windowMs: number;
  } | null;
  preempt: boolean;
  preemptDelayMs: number;
  accept: boolean | null; // null: by strict
  strict: boolean | null; // null: the global one
  skipCheckAdvAddr: boolean;
  dontTrackPrimary: boolean;
  linkbeatPolling: boolean;
  unicast: boolean;
  unicastPeers: readonly { address: string; minTtl: number; maxTtl: number }[];
  unicastTtl: number; // default 255
  checkUnicastSource: boolean;
  sourceAddress: string; // mcast_src_ip / unicast_src_ip; '' the interface's primary
  trackSourceAddress: boolean;
  mcastGroup: string; // '' the protocol's
  downTimerAdverts: number; // default 3
  higherPrioSendAdvert: boolean;
  lowerPrioNoAdvert: boolean;
  ownerIgnoreAdverts: boolean;
  checksumPseudoHeader: boolean; // v3 over IPv4: sent with pseudo header (keepalived's default true)
  garp: {
    masterDelayMs: number; // default 5000; 0: no second burst
    masterRepeat: number; // default 5
    masterRefreshMs: number; // 0 off
    masterRefreshRepeat: number; // default 1
    lowerPrioDelayMs: number;
    lowerPrioRepeat: number;
    intervalMs: number; // between packets, fractions allowed
    gnaIntervalMs: number;
    extraInterface: string; // '' none
    extraIntervalMs?: number; // garp_extra_if; absent or 0: never
    extraAll?: boolean; // of links without a virtual MAC too
  };
  vmac: {
    name: string;
    transmitOnBase: boolean;
    netlinkNotify: boolean;
    kind?: 'macvlan' | 'ipvlan'; // absent macvlan
    mac?: readonly number[]; // 6 octets; absent or empty: the protocol's
    group?: number; // of interfaces; absent or -1: the base's
    ipvlanFlags?: number; // IPVLAN_F_…
    address?: { address: string; prefix: number } | null; // of the ipvlan's own
  } | null; // use_vmac, use_ipvlan
  ipvlan: string; // use_ipvlan; '' none
  promoteSecondaries: boolean;
  nativeIpv6: boolean;
  trackInterfaces: readonly TrackedInterface[];
  tracked: readonly TrackedObject[];
  kernelRxBufBytes: number; // 0 default
  notify: NotifyScripts;
  /** Its deletion by a reload is told as DELETED, not as FAULT; absent: when there is a script for it. */
  notifyDeleted?: boolean;
  smtpAlert: boolean;
  smtpAlertFaults: boolean;
  notifyPriorityChanges: boolean;
  debug: number;
  file: string;
  line: number;
}

export interface VrrpSyncGroup {
  name: string;
  members: readonly string[]; // names of instances
  trackInterfaces: readonly TrackedInterface[];
  tracked: readonly TrackedObject[];
  globalTracking: boolean;
  trackingIsAny: boolean; // sync_group_tracking_weight
  notify: NotifyScripts;
  smtpAlert: boolean;
  file: string;
  line: number;
}

export interface VrrpGlobal {
  routerId: string; // default: the host name
  strict: boolean;
  version: 2 | 3;
  garpLowerPrioNoAdvert: boolean;
  higherPrioSendAdvert: boolean;
  priority: number; // vrrp_priority (nice); 0 not set
  rtPriority: number; // vrrp_rt_priority; 0 not set
  rlimitRtimeUs: number;
  noSwap: boolean;
  cpuAffinity: readonly number[];
  startupDelayMs: number;
  delayAfterBootMs: number;
  iptables: readonly string[]; // chains; empty: not used
  nftables: string; // table; '' not used
  nftablesPriority?: number; // of its chains; absent -1
  nftablesCounters?: boolean; // its rules count
  nftablesIfindex?: boolean; // links are always told by index
  localIgmpDisabled?: boolean; // disable_local_igmp
  notifyFifo: string; // '' none
  notifyFifoScript: NotifyScript | null;
  vrrpNotifyFifo: string;
  vrrpNotifyFifoScript: NotifyScript | null;
  startupScript: NotifyScript | null;
  shutdownScript: NotifyScript | null;
  notificationEmail: readonly string[];
  notificationEmailFrom: string;
  smtpServer: string; // '' none; host:port
  smtpHeloName: string;
  smtpConnectTimeoutMs: number;
  smtpAlert: boolean;
  smtpAlertVrrp: boolean;
  scriptUser: { uid: number; gid: number } | null;
  enableScriptSecurity: boolean;
  dynamicInterfaces: boolean;
  allowIfChanges: boolean;
  unknownVridsLogged: boolean;
  instanceName: string;
  namespace: string;
  useSymlinkPaths: boolean;
  reloadTimeFile: string;
}

/** What the file says of a link itself: linkbeat_interfaces, linkbeat_use_polling, interface_up_down_delays. */
export interface VrrpLink {
  name: string;
  linkbeat: '' | 'any' | 'MII' | 'ETHTOOL' | 'IOCTL'; // how the card is asked each second; '' not at all
  downDelayMs: number; // how long it must be down, or up again, to count
  upDelayMs: number;
}

/** How it is operated rather than what it does. */
export interface VrrpOperation {
  startupScriptTimeoutMs: number; // 0 without script
  shutdownScriptTimeoutMs: number;
  fifoStatesOnReload: boolean; // fifo_write_vrrp_states_on_reload
  supplementaryGroups?: boolean; // set_supplementary_groups: scripts have all groups of their user
  reloadRepeat: boolean;
  stateDumpFile: string; // '' /tmp/keepalived.data
  statsDumpFile: string; // '' /tmp/keepalived.stats
  jsonDumpFile: string; // '' /tmp/keepalived.json
  jsonVersion: 1 | 2;
  dataUseInstance: boolean; // the dumps' names hold instanceName and namespace
  /** What global_defs says for those who do not say it themselves: the dumps show it, nothing else reads it. */
  defaults?: VrrpDefaults;
}

export interface VrrpDefaults {
  smtpAlert: boolean | null; // null: not given
  smtpAlertVrrp: boolean | null;
  noEmailFaults: boolean;
  notifyPriorityChanges: boolean;
  defaultInterface: string;
  mcastGroup4: string;
  mcastGroup6: string;
  garp: {
    delayMs: number;
    repeat: number;
    refreshMs: number;
    refreshRepeat: number;
    lowerPrioDelayMs: number | null; // null: as delayMs
    lowerPrioRepeat: number | null;
    intervalMs: number;
    gnaIntervalMs: number;
  };
  downTimerAdverts: number;
  checkUnicastSource: boolean;
  skipCheckAdvAddr: boolean;
  ownerIgnoreAdverts: boolean;
  nftablesPriority: number;
  vmacPrefix: string;
  rxBufs: { size: number; mtu: boolean; advert: boolean };
}

/** Everything of keepalived.conf that VRRP needs. */
export interface VrrpModel {
  global: VrrpGlobal;
  operation?: VrrpOperation; // absent: keepalived's defaults (no time limit of its own, files in /tmp, version 1)
  instances: readonly VrrpInstance[];
  groups: readonly VrrpSyncGroup[];
  scripts: readonly VrrpScript[];
  trackFiles: readonly VrrpTrackFile[];
  trackProcesses: readonly VrrpTrackProcess[];
  links?: readonly VrrpLink[]; // absent: none
  /** Virtual MACs that addresses have on links where their instance has none (use_vmac_addr). */
  addressVmacs?: readonly { name: string; interfaceName: string; family: IpFamily; mac: readonly number[] }[];
  bfds?: readonly VrrpBfd[]; // sessions that can run; absent: none
  staticAddresses: readonly VirtualAddress[];
  staticRoutes: readonly VirtualRoute[];
  staticRules: readonly VirtualRule[];
  /** `virtual_server` blocks, parsed and kept for LVS: name and body as tokens with their lines. */
  virtualServers: readonly { words: readonly string[]; file: string; line: number; body: readonly ConfBlock[] }[];
  files: readonly string[];
}

/** A parsed statement with what its braces held. */
export interface ConfBlock {
  words: readonly string[];
  file: string;
  line: number;
  body: readonly ConfBlock[];
}
