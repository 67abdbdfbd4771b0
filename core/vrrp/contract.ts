// What core/vrrp is told (facts) and what it asks for (intents): the whole surface between the protocol and the
// worker that owns sockets, netlink and scripts. Types only.
//
// How to drive it: make one VrrpRouter (router.ts), tell it the links, call start(), then hand it every fact as it
// happens and call onTime() no later than router.deadlineMs. After each call carry out the intents IN ORDER and empty
// the list: the order is the protocol's (RFC 9568 §6.4: the advertisement first, then the addresses, then ARP/NA).
// After a wait, deliver the packets that are already in the sockets BEFORE onTime: a backup that woke late would
// otherwise take over although the master's adverts lie in its queue.
//
// Time: nowMs is CLOCK_MONOTONIC in milliseconds with fractions (adverts may be 10 ms apart); it never goes back
// between two calls. Wall-clock time is only asked for by auth_hmac (VrrpRouterOptions.wallMs).
// Addresses are bytes in network order: 4 (inet) or 16 (inet6). Byte arrays in facts are read during the call only;
// those in intents are fresh and belong to the receiver.

import type { IpFamily, VirtualAddress, VirtualRoute, VirtualRule, VrrpInstance, VrrpModel } from '../model/vrrp.ts';

// ---------------------------------------------------------------------------------------------------------- facts

/**
 * Everything the router needs to know of a network interface; told at the start for every link, and again whenever
 * any field changes (RTM_NEWLINK, RTM_NEWADDR, RTM_DELADDR). A link that is gone: VrrpRouter.onLinkGone.
 */
export interface LinkFact {
  ifindex: number;
  name: string;
  up: boolean; // IFF_UP and IFF_RUNNING
  /** Primary IPv4 address (first, not secondary, not one of our virtual ones); null: none. */
  primary4: Uint8Array | null;
  /** Link-local IPv6 address usable as a source (not tentative, not a virtual one); null: none. */
  linkLocal: Uint8Array | null;
  /** Every address on it, of both families: whether a configured source address is there (unicast_src_ip, track_src_ip). */
  addresses: readonly Uint8Array[];
}

/** A packet from a raw socket. */
export interface AdvertFact {
  /** Where it came in; for sockets without a device (unicast): 0. */
  ifindex: number;
  family: IpFamily;
  /** inet: the whole IP packet, header first (protocol 112, or 51 with AH). inet6: from the VRRP header on. */
  bytes: Uint8Array;
  /** inet6 only (recvmsg's name); for inet both are read from the IP header and these may be empty. */
  source: Uint8Array;
  /** inet6 only: from IPV6_PKTINFO. */
  destination: Uint8Array;
  /** inet6 only: IPV6_HOPLIMIT, -1 if the kernel did not say (rejected on multicast). */
  hopLimit: number;
}

/**
 * State of something tracked, told at the start if known and at each change. Until an object with no initial state
 * is told, the instances that track it stay INIT (scripts, unless init_fail) or count it as up (the others).
 */
export interface TrackedFact {
  kind: 'script' | 'file' | 'process' | 'bfd' | 'backend';
  name: string;
  /** script: passed rise / failed fall; process: quorum met; bfd: up; backend: at least serversUpMin up. */
  up: boolean;
  /** file: its number; 0 for the others. */
  value: number;
  /** backend only: how many servers are up; 0 for the others. */
  serversUp: number;
}

// -------------------------------------------------------------------------------------------------------- intents

export interface OutPacket {
  destination: Uint8Array;
  /**
   * inet: the whole IP packet for IP_HDRINCL (the kernel fills the header checksum). inet6: the VRRP PDU, checksum
   * set (harmless with IPV6_CHECKSUM 6); the source goes by IPV6_PKTINFO.
   */
  bytes: Uint8Array;
}

export type Intent =
  /** sendto for each packet, on the interface (the VMAC's unless transmitOnBase); MSG_DONTROUTE when multicast. */
  | {
      do: 'send-advert';
      instance: string;
      family: IpFamily;
      ifindex: number;
      priority: number;
      multicast: boolean;
      ttl: number; // inet6: the hop limit
      source: Uint8Array;
      packets: readonly OutPacket[];
      /**
       * When the next one is due, and how often after that: until 'end-adverts' these packets may be sent again by
       * someone else if this router does not come to it (onSpokenFor). Infinity: they may not, since they were the
       * last or carry a sequence number.
       */
      nextAtMs: number;
      intervalMs: number;
      /** A silence of more than this, and another may be master by now: then only the router decides what is sent. */
      downMs: number;
    }
  /** Nobody sends for this instance any more; in order with its adverts. */
  | { do: 'end-adverts'; instance: string }
  /** Idempotent: an address already there is success. `accept` false: also drop packets to them (nft), before adding. */
  | {
      do: 'add-addresses';
      instance: string;
      interfaceName: string; // for addresses without one of their own
      accept: boolean;
      addresses: readonly VirtualAddress[];
    }
  /** Idempotent: an address already gone is success. The drop rules of accept=false go after the addresses. */
  | { do: 'remove-addresses'; instance: string; interfaceName: string; addresses: readonly VirtualAddress[] }
  | { do: 'add-routes' | 'remove-routes'; instance: string; routes: readonly VirtualRoute[] }
  | { do: 'add-rules' | 'remove-rules'; instance: string; rules: readonly VirtualRule[] }
  /** `count` gratuitous ARPs / unsolicited NAs now, back to back (frames: arp.ts). Spacing is done by the router. */
  | {
      do: 'announce';
      instance: string;
      family: IpFamily;
      interfaceName: string; // the instance's or the address's own; the worker maps use_vmac
      address: Uint8Array;
      count: number;
    }
  /** Scripts, FIFO, SMTP and SNMP: `scripts` chooses notify_X and `notify`; TYPE NAME STATE PRIO are as here. */
  | {
      do: 'notify';
      type: 'INSTANCE' | 'GROUP';
      name: string;
      state: NotifyState;
      priority: number; // effective; 0 for a group
    }
  | { do: 'log'; level: LogLevel; text: string };

export type NotifyState =
  | 'MASTER'
  | 'BACKUP'
  | 'FAULT'
  | 'STOP'
  | 'DELETED'
  | 'MASTER_RX_LOWER_PRI'
  | 'MASTER_PRIORITY'
  | 'BACKUP_PRIORITY';

export type LogLevel = 'error' | 'warning' | 'notice' | 'info';

/** Intents are pushed here in the order they must be done. A plain array will do. */
export interface Intents {
  push(intent: Intent): unknown;
}

// ----------------------------------------------------------------------------------------------------------- state

export type VrrpState = 'init' | 'backup' | 'master' | 'fault';

/** keepalived's own numbers, as in its JSON and data files. */
export const VRRP_STATE_NUMBERS = { init: 0, backup: 1, master: 2, fault: 3 } as const;

/** Why an instance cannot run; `tracker` counts tracked objects of weight 0. */
export interface FaultCauses {
  link: boolean; // interface missing or down (unless dont_track_primary)
  address: boolean; // no source address
  tracker: number;
}

/** As keepalived counts and names them (keepalived.stats, JSON); the last group is weir's own. */
export interface VrrpCounters {
  advert_rcvd: number;
  advert_sent: number;
  become_master: number;
  release_master: number;
  packet_len_err: number;
  advert_interval_err: number;
  ip_ttl_err: number;
  invalid_type_rcvd: number;
  addr_list_err: number;
  invalid_authtype: number;
  authtype_mismatch: number;
  auth_failure: number;
  pri_zero_rcvd: number;
  pri_zero_sent: number;
  chk_err: number;
  vers_err: number;
  auth_ext_missing: number; // auth_hmac configured, packet without a trailer
  auth_ext_malformed: number;
  auth_ext_unknown_key: number;
  auth_ext_invalid_hmac: number;
  auth_ext_stale: number; // outside the time window
  auth_ext_replay: number;
  // weir's own
  unexpected_master: number; // adverts of another master while we are master: split brain
  pri_zero_limited: number; // priority-0 adverts not answered, because of the rate limit
  interval_clamped: number; // learned intervals that were out of bounds
  late_master: number; // times we woke later than our own Down interval while master
  late_backup: number; // times we woke so late that a master's silence proved nothing yet
  advert_by_deputy: number; // of advert_sent: those that someone sent for us (onSpokenFor)
  unicast_source_err: number; // check_unicast_src: not a peer
}

/** For dumps, `weir vrrp`, tests. A snapshot: nothing in it changes later. */
export interface InstanceStatus {
  name: string;
  group: string; // '' none
  state: VrrpState;
  wantState: VrrpState;
  basePriority: number;
  effectivePriority: number;
  faults: FaultCauses;
  masterPriority: number; // of the last master heard; own while master
  masterAddress: Uint8Array | null;
  masterAdvertIntMs: number; // learned (v3)
  masterDownMs: number; // Master_Down_Interval in force
  nextAdvertInMs: number; // -1 unless master
  masterDownInMs: number; // -1 unless backup
  source: Uint8Array | null;
  ifindex: number; // 0: not there
  sinceMs: number; // of the last transition (monotonic)
  /** `since` on the wall clock, from options.wallMs: for keepalived's "last transition". */
  sinceWallMs: number;
  unexpectedAtMs: number; // when another master was heard while we were one, last (monotonic); -1 never
  counters: VrrpCounters;
  config: VrrpInstance;
}

export interface GroupStatus {
  name: string;
  state: VrrpState;
  members: readonly string[];
}

/**
 * The run state as plain data (structured clone or JSON), for a hand-over: deadlines are relative, -1 not set, so
 * that the receiver may run on another clock. `ageMs` of the data is given to importState by the receiver.
 */
export interface ExportedState {
  version: 1;
  instances: readonly ExportedInstance[];
}

export interface ExportedInstance {
  name: string;
  family: IpFamily;
  vrid: number;
  state: VrrpState;
  wantState: VrrpState;
  ownerLowered: boolean;
  effectivePriority: number; // so that a change the receiver knows of already is still told
  masterPriority: number;
  masterAddress: number[];
  masterAdvertIntMs: number;
  advertInMs: number;
  masterDownInMs: number;
  preemptInMs: number;
  sinceLastSentMs: number; // -1: never
  sinceMs: number; // ago
  sinceWallMs: number;
  delayedBurstInMs: number;
  refreshInMs: number;
  lowerBurstInMs: number;
  /** What is left of a spaced burst of announcements (garp_interval, gna_interval), and when its next is due. */
  queued: readonly { family: IpFamily; interfaceName: string; address: number[] }[];
  queueInMs: number;
  ipId: number;
  ahSequence: number;
  ahSeen: readonly { source: number[]; sequence: number }[];
  /** auth_hmac: the last sequence sent, and the last accepted of each sender; 64 bits as two words, high first. */
  hmacSent: readonly [number, number];
  hmacSeen: readonly { source: number[]; high: number; low: number }[];
  counters: VrrpCounters;
}

export interface VrrpRouterOptions {
  /** Wall clock, milliseconds since 1970; auth_hmac's timestamps and "last transition". */
  wallMs: () => number;
  /** A learned interval (v3) is capped at this many times our own, though never below 3 s; 0: no cap. Default 10. */
  learnedFactorMax?: number;
}

/** What router.ts offers; here so that a worker's tests may stand in for it. */
export interface VrrpRouterApi {
  /** When onTime must be called at the latest (monotonic ms); Infinity: nothing is waited for. */
  readonly deadlineMs: number;
  /** Leaves INIT (after startup delays). Before it, facts are only remembered. */
  start(nowMs: number, intents: Intents): void;
  onLink(link: LinkFact, nowMs: number, intents: Intents): void;
  onLinkGone(ifindex: number, nowMs: number, intents: Intents): void;
  /** An address of ours vanished from the kernel and it was not our doing (RTM_DELADDR). */
  onAddressLost(interfaceName: string, address: Uint8Array, nowMs: number, intents: Intents): void;
  onTracked(fact: TrackedFact, nowMs: number, intents: Intents): void;
  onAdvert(advert: AdvertFact, nowMs: number, intents: Intents): void;
  onTime(nowMs: number, intents: Intents): void;
  /** The last packets of a master's 'send-advert' were sent again `count` times by someone else, last at `atMs`. */
  onSpokenFor(instanceName: string, count: number, atMs: number): void;
  reload(model: VrrpModel, nowMs: number, intents: Intents): void;
  /** Orderly end: priority 0, everything released, notify STOP. The router is dead afterwards. */
  stop(nowMs: number, intents: Intents): void;
  exportState(nowMs: number): ExportedState;
  /** Before start(): takes over role and timers; no advert, address or notify is asked for again. */
  importState(state: ExportedState, ageMs: number, nowMs: number): void;
  status(nowMs: number): InstanceStatus[];
  groups(): GroupStatus[];
  /** All counters to zero (keepalived's SIGSTATS_CLEAR). */
  clearCounters(): void;
}
