// keepalived.stats: the counters of every instance, in the rows that exporters parse.

import type { InstanceStatus } from './status.ts';

/** The rows of auth_hmac, which keepalived has since 2.4.2, are there when an instance uses it. */
export function statsText(instances: readonly InstanceStatus[]): string {
  const withHmac = instances.some((each) => (each.config?.authHmac ?? null) !== null);
  return instances.map((each) => statsOf(each, withHmac)).join('');
}

function statsOf({ name, counters }: InstanceStatus, withHmac: boolean): string {
  const rows = [
    `VRRP Instance: ${name}`,
    '  Advertisements:',
    `    Received: ${counters.advert_rcvd}`,
    `    Sent: ${counters.advert_sent}`,
    `  Became master: ${counters.become_master}`,
    `  Released master: ${counters.release_master}`,
    '  Packet Errors:',
    `    Length: ${counters.packet_len_err}`,
    `    TTL: ${counters.ip_ttl_err}`,
    `    Invalid Type: ${counters.invalid_type_rcvd}`,
    `    Advertisement Interval: ${counters.advert_interval_err}`,
    `    Address List: ${counters.addr_list_err}`,
    '  Authentication Errors:',
    `    Invalid Type: ${counters.invalid_authtype}`,
    `    Type Mismatch: ${counters.authtype_mismatch}`,
    `    Failure: ${counters.auth_failure}`,
  ];
  if (withHmac) {
    rows.push(
      '  Authentication Extension Errors:',
      `    Missing: ${counters.auth_ext_missing}`,
      `    Malformed: ${counters.auth_ext_malformed}`,
      `    Unknown Key: ${counters.auth_ext_unknown_key}`,
      `    Invalid HMAC: ${counters.auth_ext_invalid_hmac}`,
      `    Stale: ${counters.auth_ext_stale}`,
      `    Replay: ${counters.auth_ext_replay}`,
    );
  }
  rows.push('  Priority Zero:', `    Received: ${counters.pri_zero_rcvd}`, `    Sent: ${counters.pri_zero_sent}`);
  return `${rows.join('\n')}\n`;
}
