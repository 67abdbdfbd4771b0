// What the thread answers to 'status', as this side reads it: the shape of core/vrrp's InstanceStatus and GroupStatus.

import type { VrrpInstance, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpBfdStatus, VrrpSocket } from '../../core/model/vrrp-worker.ts';

type State = 'init' | 'backup' | 'master' | 'fault';

export interface InstanceStatus {
  name: string;
  group: string;
  state: State;
  wantState: State;
  basePriority: number;
  effectivePriority: number;
  faults: { link: boolean; address: boolean; tracker: number };
  masterPriority: number;
  masterAddress: Uint8Array | null;
  source: Uint8Array | null;
  ifindex: number;
  masterAdvertIntMs: number;
  masterDownMs: number;
  nextAdvertInMs: number;
  masterDownInMs: number;
  sinceMs: number;
  sinceWallMs: number;
  unexpectedAtMs: number; // another master was heard while this was one; -1 never
  counters: Readonly<Record<CounterName, number>>;
  config: VrrpInstance;
}

type CounterName =
  | 'advert_rcvd'
  | 'advert_sent'
  | 'become_master'
  | 'release_master'
  | 'packet_len_err'
  | 'advert_interval_err'
  | 'ip_ttl_err'
  | 'invalid_type_rcvd'
  | 'addr_list_err'
  | 'invalid_authtype'
  | 'authtype_mismatch'
  | 'auth_failure'
  | 'pri_zero_rcvd'
  | 'pri_zero_sent'
  | 'chk_err'
  | 'vers_err'
  | 'auth_ext_missing'
  | 'auth_ext_malformed'
  | 'auth_ext_unknown_key'
  | 'auth_ext_invalid_hmac'
  | 'auth_ext_stale'
  | 'auth_ext_replay'
  | 'unexpected_master'
  | 'pri_zero_limited'
  | 'interval_clamped'
  | 'late_master'
  | 'late_backup'
  | 'advert_by_deputy'
  | 'unicast_source_err';

export interface GroupStatus {
  name: string;
  state: State;
  members: readonly string[];
}

/** How the supervisor's own watching stands: scripts, files and processes that something tracks. */
export interface TrackingStatus {
  scripts: readonly TrackedScriptStatus[];
  files: readonly TrackedFileStatus[];
  processes: readonly TrackedProcessStatus[];
}

export interface TrackedScriptStatus {
  name: string;
  result: number; // as keepalived counts: up from `rise` on
  known: boolean; // a first run has ended, or init_fail stands for it
  up: boolean;
  running: boolean; // at this moment
  last: string; // what its last run came to
}

export interface TrackedFileStatus {
  name: string;
  value: number;
}

export interface TrackedProcessStatus {
  name: string;
  up: boolean;
  count: number;
  /** The verdict is another already, and its delay has not passed. */
  waiting: '' | 'fork' | 'terminate';
}

/** Everything a dump is made of; nothing here is changed by it. */
export interface DumpParts {
  model: VrrpModel;
  instances: readonly InstanceStatus[];
  groups: readonly GroupStatus[];
  tracking: TrackingStatus;
  sockets: readonly VrrpSocket[];
  bfd: readonly VrrpBfdStatus[];
  nowMs: number; // monotonic, when the status was taken
  realtime: boolean; // the thread has the priority it wanted
}
