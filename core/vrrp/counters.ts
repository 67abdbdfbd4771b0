// The counters of an instance, under keepalived's names.

import type { VrrpCounters } from './contract.ts';

export function newCounters(): VrrpCounters {
  return {
    advert_rcvd: 0,
    advert_sent: 0,
    become_master: 0,
    release_master: 0,
    packet_len_err: 0,
    advert_interval_err: 0,
    ip_ttl_err: 0,
    invalid_type_rcvd: 0,
    addr_list_err: 0,
    invalid_authtype: 0,
    authtype_mismatch: 0,
    auth_failure: 0,
    pri_zero_rcvd: 0,
    pri_zero_sent: 0,
    chk_err: 0,
    vers_err: 0,
    auth_ext_missing: 0,
    auth_ext_malformed: 0,
    auth_ext_unknown_key: 0,
    auth_ext_invalid_hmac: 0,
    auth_ext_stale: 0,
    auth_ext_replay: 0,
    unexpected_master: 0,
    pri_zero_limited: 0,
    interval_clamped: 0,
    late_master: 0,
    late_backup: 0,
    advert_by_deputy: 0,
    unicast_source_err: 0,
  };
}
