// What the thread answers to 'status', as this side reads it: the shape of core/vrrp's InstanceStatus and GroupStatus.

import type { VrrpInstance } from '../../core/model/vrrp.ts';

type State = 'init' | 'backup' | 'master' | 'fault';

export interface InstanceStatus {
  name: string;
  group: string;
  state: State;
  wantState: State;
  basePriority: number;
  effectivePriority: number;
  masterPriority: number;
  masterAddress: Uint8Array | null;
  source: Uint8Array | null;
  masterDownMs: number;
  nextAdvertInMs: number;
  masterDownInMs: number;
  sinceMs: number;
  sinceWallMs: number;
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
  | 'pri_zero_sent';

export interface GroupStatus {
  name: string;
  state: State;
  members: readonly string[];
}
