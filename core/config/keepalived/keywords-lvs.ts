// virtual_server and what belongs to it (keepalived.conf(5), "LVS CONFIGURATION"): known words, kept as they stand.
//
// Nothing of this is acted on yet; the tables say which words there are and which of them have braces.

import { ignored, type KeywordTable, type Row } from './keyword-table.ts';

const WAITING = 'it is kept for LVS, which this program does not drive yet';

const word: Row = ignored(WAITING);

function words(...names: string[]): KeywordTable {
  return Object.fromEntries(names.map((name) => [name, word]));
}

const block = (body: KeywordTable): Row => ({ ...word, body });

const CONNECTION = words('connect_ip', 'connect_port', 'bindto', 'bind_port', 'bind_if', 'connect_timeout', 'fwmark');
const COMMON = words('retry', 'delay_before_retry', 'warmup', 'delay_loop', 'alpha', 'log_all_failures');

const URL_ROWS: KeywordTable = words(
  ...['path', 'digest', 'status_code', 'virtualhost', 'regex', 'regex_no_match', 'regex_options'],
  ...['regex_min_offset', 'regex_max_offset', 'regex_stack', 'tls_compliant'],
);

const HTTP: Row = block({
  ...CONNECTION,
  ...COMMON,
  ...words('nb_get_retry', 'virtualhost', 'http_protocol', 'enable_sni', 'sni_name', 'fast_recovery', 'tls_compliant'),
  url: block(URL_ROWS),
});

const CHECKERS: KeywordTable = {
  MISC_CHECK: block({ ...COMMON, ...words('misc_path', 'misc_timeout', 'misc_dynamic', 'user') }),
  SMTP_CHECK: block({
    ...CONNECTION,
    ...COMMON,
    ...words('helo_name'),
    host: block({ ...CONNECTION, ...COMMON }),
  }),
  TCP_CHECK: block({ ...CONNECTION, ...COMMON }),
  PING_CHECK: block({ ...CONNECTION, ...COMMON }),
  UDP_CHECK: block({
    ...CONNECTION,
    ...COMMON,
    ...words('payload', 'require_reply', 'min_reply_length', 'max_reply_length'),
  }),
  HTTP_GET: HTTP,
  SSL_GET: HTTP,
  DNS_CHECK: block({ ...CONNECTION, ...COMMON, ...words('type', 'name') }),
  FILE_CHECK: block(words('track_file', 'weight')),
  BFD_CHECK: block(words('name', 'alpha')),
};

const REAL_SERVER: KeywordTable = {
  ...words('weight', 'lvs_method', 'uthreshold', 'lthreshold', 'inhibit_on_failure', 'notify_up', 'notify_down'),
  ...words('alpha', 'retry', 'delay_before_retry', 'warmup', 'connect_timeout', 'delay_loop', 'smtp_alert'),
  ...words('virtualhost', 'snmp_name'),
  ...CHECKERS,
};

const VIRTUAL_SERVER: KeywordTable = {
  ...words('ip_family', 'retry', 'delay_before_retry', 'warmup', 'connect_timeout', 'delay_loop', 'lb_algo', 'lb_kind'),
  ...words('inhibit_on_failure', 'lvs_sched', 'lvs_method', 'hashed', 'ops', 'flag-1', 'flag-2', 'flag-3', 'sh-port'),
  ...words('sh-fallback', 'mh-port', 'mh-fallback', 'persistence_engine', 'persistence_timeout', 'protocol', 'omega'),
  ...words('persistence_granularity', 'ha_suspend', 'smtp_alert', 'virtualhost', 'snmp_name', 'alpha', 'quorum_up'),
  ...words('quorum_down', 'quorum', 'hysteresis', 'weight', 'sorry_server', 'sorry_server_inhibit'),
  ...words('sorry_server_lvs_method'),
  real_server: block(REAL_SERVER),
};

/** A block whose lines are no keywords. */
export const ANY_LINES: KeywordTable = { '*': word };

/** What the braces of each block of LVS may hold. */
export const lvsBlocks: Readonly<Record<string, KeywordTable>> = {
  SSL: words('password', 'ca', 'certificate', 'key'),
  virtual_server_group: ANY_LINES,
  virtual_server: VIRTUAL_SERVER,
};
