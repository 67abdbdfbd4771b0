// global_defs: processes, firewalls, netlink buffers, reloading, SNMP and D-Bus; and the words that stand beside the
// blocks (keepalived.conf(5), "Global definitions", "Top-level").

import type { GlobalDraft } from './drafts.ts';
import { BRACE_MATCH, MATCH, READABLE, WILDCARD_MATCH } from './includes.ts';
import { boolean, flag, ignored, type KeywordTable, type Parse, type Row, refused, unsigned } from './keyword-table.ts';
import { INT_MAX, UINT_MAX } from './numbers.ts';
import { SETPRIV } from './script-users.ts';
import type { Words } from './words.ts';

const REAL_TIME_PRIORITY_MAX = 99; // SCHED_RR
const TABLE_NAME_BYTES_MAX = 254;
const CHAIN_NAME_BYTES_MAX = 27;
const LVS = 'it concerns LVS, which weir does not drive yet';
const RT_LIMIT = 'the limit would end the proxies with the thread; one that does not answer is replaced instead';
const NAMES = "weir's threads have names of their own";

/** A whole number with a sign. */
const signed = (
  range: { min: number; max: number },
  set: (global: GlobalDraft, value: number) => void,
  mistake: (word: string) => string,
): Row => ({
  set(words, parse) {
    const value = parse.numbers.int(words.at(1), range.min, range.max);
    if (value === null) parse.warning(mistake(words.at(1)));
    else set(parse.global, value);
  },
});

const processRows: KeywordTable = {
  vrrp_priority: {
    set(words, parse) {
      if (words.count < 2) parse.warning('No vrrp process priority specified');
      else {
        const nice = parse.numbers.int(words.at(1), -20, 19);
        if (nice === null) parse.warning('Invalid vrrp process priority specified');
        parse.global.priority = nice ?? 0;
      }
    },
  },
  vrrp_rt_priority: { set: takeRealTimePriority },
  vrrp_no_swap: flag(({ global }) => (global.noSwap = true)),
  vrrp_cpu_affinity: { set: takeCpus },
  vrrp_rlimit_rttime: { set: takeRealTimeLimit, ignored: RT_LIMIT },
  vrrp_rlimit_rtime: { set: takeRealTimeLimit, ignored: RT_LIMIT },
  max_auto_priority: ignored('the real-time priority is what vrrp_rt_priority says, and is never raised later'),
  min_auto_priority_delay: ignored('the real-time priority is never raised later'),
  process_names: ignored(NAMES),
  process_name: ignored(NAMES),
  vrrp_process_name: ignored(NAMES),
  checker_process_name: ignored(NAMES),
  lvs_process_name: ignored(NAMES),
  bfd_process_name: ignored(NAMES),
  set_supplementary_groups: {
    set(words, parse) {
      if (SETPRIV !== null) parse.global.supplementaryGroups = true;
      else
        parse.diagnostics.notImplemented(words.at(0), 'without setpriv(1) of util-linux scripts have no such groups');
    },
  },
  umask: ignored('the files weir writes have a mode of their own, 0600'),
  random_seed: ignored('random numbers have no other use here than to differ'),
};

function takeRealTimePriority(words: Words, parse: Parse): void {
  if (words.count < 2) {
    parse.warning('No vrrp process real-time priority specified');
    return;
  }
  const priority = parse.numbers.int(words.at(1), -INT_MAX - 1, INT_MAX);
  if (priority === null) parse.warning(`vrrp process real-time priority '${words.at(1)}' invalid`);
  else if (priority < 1) {
    parse.warning(`vrrp process real-time priority ${priority} less than minimum 1 - setting to minimum`);
  } else if (priority > REAL_TIME_PRIORITY_MAX) {
    const limit = `greater than maximum ${REAL_TIME_PRIORITY_MAX} - setting to maximum`;
    parse.warning(`vrrp process real-time priority ${priority} ${limit}`);
  }
  if (priority !== null) parse.global.rtPriority = Math.min(Math.max(priority, 1), REAL_TIME_PRIORITY_MAX);
}

function takeCpus(words: Words, parse: Parse): void {
  if (words.count < 2) parse.warning('No vrrp cpu_id set specified');
  const cpus: number[] = [];
  for (const text of words.list.slice(1)) {
    const cpu = parse.numbers.int(text, 0, parse.options.cpuCount - 1);
    if (cpu === null) {
      parse.warning(`Invalid cpu_id:${Number.parseInt(text, 10) || 0} specified for vrrp process`);
      return;
    }
    cpus.push(cpu);
  }
  parse.global.cpuAffinity = cpus;
}

function takeRealTimeLimit(words: Words, parse: Parse): void {
  if (words.at(0) === 'vrrp_rlimit_rtime') {
    parse.diagnostics.notice("Keyword 'vrrp_rlimit_rtime' is deprecated - please use 'vrrp_rlimit_rttime'");
  }
  const limit = parse.numbers.unsigned(words.at(1), 1, UINT_MAX);
  if (limit === null) parse.warning(`Invalid vrrp real-time limit - ${words.at(1)}`);
  parse.global.rlimitRtimeUs = limit === null ? 0 : Math.max(2, limit);
}

/** checker_… and bfd_…: processes that weir does not have. */
function otherProcess(name: 'checker' | 'bfd'): KeywordTable {
  const why = `weir has no ${name} process`;
  const words = ['priority', 'no_swap', 'rt_priority', 'cpu_affinity', 'rlimit_rttime', 'rlimit_rtime'];
  return Object.fromEntries(words.map((word) => [`${name}_${word}`, ignored(why)]));
}

const firewallRows: KeywordTable = {
  nftables: {
    set(words, parse) {
      const { global } = parse;
      const name = words.list[1] ?? 'keepalived';
      if (global.nftablesGiven) parse.warning('nftables already specified - ignoring');
      else if (Buffer.byteLength(name) > TABLE_NAME_BYTES_MAX) {
        parse.warning('VRRP Error : nftables chain name too long - ignored');
      } else if (name === '') parse.warning('VRRP Error : nftables chain name empty - ignored');
      else {
        global.nftables = name;
        global.nftablesGiven = true;
      }
    },
  },
  nftables_priority: signed(
    { min: -INT_MAX - 1, max: INT_MAX },
    (global, priority) => (global.nftablesPriority = priority),
    (word) => `invalid nftables chain priority '${word}'`,
  ),
  nftables_counters: flag(({ global }) => (global.nftablesCounters = true)),
  nftables_ifindex: flag(({ global }) => (global.nftablesIfindex = true)),
  vrrp_iptables: { set: takeIptables },
  vrrp_ipsets: ignored('addresses are in sets of nftables'),
};

function takeIptables(words: Words, parse: Parse): void {
  const { global } = parse;
  const chains = words.count < 2 ? ['INPUT', 'OUTPUT'] : words.list.slice(1, 3);
  if (global.iptables.length > 0) {
    parse.warning('iptables already specified - ignoring');
    return;
  }
  for (const [index, chain] of chains.entries()) {
    const which = index === 0 ? 'in chain' : 'out chain';
    if (Buffer.byteLength(chain) > CHAIN_NAME_BYTES_MAX) {
      parse.warning(`VRRP Error : iptables ${which} name too long - ignored`);
      return;
    }
    if (chain === '') {
      parse.warning(`VRRP Error : iptables ${which} name empty - ignored`);
      return;
    }
    if (chain === global.iptables[0]) {
      parse.diagnostics.notice('vrrp_iptables: chain names cannot be the same');
      global.iptables = [];
      return;
    }
    global.iptables.push(chain);
  }
  // As keepalived does where iptables(8) is nftables underneath.
  parse.diagnostics.notice('vrrp_iptables: the rules are made in the nftables table keepalived, not in those chains');
}

const SIZES = 'buffers are sized by the kernel, and an overrun is followed by a complete reading';

const bufferRows: KeywordTable = {
  ...Object.fromEntries(
    ['vrrp_netlink_cmd', 'vrrp_netlink_monitor', 'process_monitor', 'lvs_netlink_cmd', 'lvs_netlink_monitor'].flatMap(
      (name): [string, Row][] => [
        [`${name}_rcv_bufs`, { set: checkBufferSize, ignored: SIZES }],
        [
          `${name}_rcv_bufs_force`,
          {
            ...boolean(
              () => {},
              (word) => `Invalid value '${word}' for global ${name}_rcv_bufs_force specified`,
            ),
            ignored: SIZES,
          },
        ],
      ],
    ),
  ),
  vrrp_rx_bufs_policy: { set: takeBufferPolicy },
  vrrp_rx_bufs_multiplier: {
    set(words, parse) {
      if (words.count !== 2) parse.warning('Invalid vrrp_rx_bufs_multiplier');
      else if (parse.numbers.unsigned(words.at(1), 1, UINT_MAX) === null) {
        parse.warning(`Invalid vrrp_rx_bufs_multiplier ${words.at(1)}`);
      }
    },
    ignored: 'it only scales the policies MTU and ADVERT, for which the kernel default is enough',
  },
};

function checkBufferSize(words: Words, parse: Parse): void {
  const name = words.at(0).replace(/_rcv_bufs$/, '');
  if (words.count < 2) parse.warning(`${name}_rcv_bufs size missing`);
  else if (parse.numbers.unsigned(words.at(1), 0, UINT_MAX) === null) {
    parse.warning(`${name}_rcv_bufs size (${words.at(1)}) invalid`);
  }
}

function takeBufferPolicy(words: Words, parse: Parse): void {
  const { rxBufs } = parse.global;
  if (words.count < 2) parse.warning('vrrp_rx_bufs_policy missing');
  for (const word of words.list.slice(1)) {
    if (/^mtu$/i.test(word)) rxBufs.mtu = true;
    else if (/^advert$/i.test(word)) rxBufs.advert = true;
    else {
      const size = parse.numbers.unsigned(word, 0, UINT_MAX);
      if (size === null) parse.warning(`Invalid vrrp_rx_bufs_policy ${word}`);
      else rxBufs.size = size;
    }
  }
  if (rxBufs.size > 0 && (rxBufs.mtu || rxBufs.advert)) {
    parse.warning('Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy');
  } else if (rxBufs.mtu && rxBufs.advert) {
    parse.warning('Cannot set both vrrp_rx_bufs_policy MTU and ADVERT, ignoring ADVERT');
    rxBufs.advert = false;
  }
}

const INCLUDE_CHECKS: Readonly<Record<string, number>> = {
  read: READABLE,
  readable: READABLE, // the manual's spelling
  match: MATCH,
  wildcard_match: WILDCARD_MATCH,
  brace_match: BRACE_MATCH,
};

function takeIncludeCheck(words: Words, parse: Parse): void {
  if (words.count < 2) {
    parse.setIncludeCheck(() => READABLE | MATCH | WILDCARD_MATCH | BRACE_MATCH);
    return;
  }
  for (const [index, word] of words.list.slice(1).entries()) {
    const sign = /^[+-]/.exec(word)?.[0] ?? '';
    const bit = INCLUDE_CHECKS[word.slice(sign.length)];
    if (sign === '' && index > 0) parse.warning(`Duplicate include_check '${word}' specified - ignoring`);
    else if (bit === undefined) parse.warning(`Unknown include_check type '${word.slice(sign.length)}' - ignoring`);
    else
      parse.setIncludeCheck((before) => (sign === '' ? READABLE | bit : sign === '+' ? before | bit : before & ~bit));
  }
}

const RELOADS = "weir's reload always checks the new files first, and keeps the old ones when they are wrong";
const COPIES = 'weir reads its files once, in one process';

const reloadRows: KeywordTable = {
  include_check: { set: takeIncludeCheck },
  reload_check_config: ignored(RELOADS),
  reload_time_file: {
    set(words, parse) {
      if (words.count !== 2) parse.warning('reload_time_file invalid');
      else parse.global.reloadTimeFile = words.at(1);
    },
  },
  reload_repeat: flag(({ global }) => (global.reloadRepeat = true)),
  reload_file: ignored('it tells others that a reload is running, which takes no time worth telling'),
  config_save_dir: ignored(COPIES),
  tmp_config_directory: ignored(COPIES),
  iproute_usr_dir: ignored("iproute2's names are looked up where its packages put them"),
  iproute_etc_dir: ignored("iproute2's names are looked up where its packages put them"),
};

const SNMP = 'weir has no SNMP agent';
const DBUS = 'weir is not on D-Bus';

const agentRows: KeywordTable = {
  ...Object.fromEntries(
    ['enable_snmp_vrrp', 'enable_snmp_keepalived', 'enable_snmp_rfc', 'enable_snmp_rfcv2', 'enable_snmp_rfcv3'].map(
      (word) => [word, refused(SNMP)],
    ),
  ),
  enable_snmp_checker: refused(SNMP),
  enable_traps: ignored('it only matters together with enable_snmp_…'),
  snmp_socket: ignored('it only matters together with enable_snmp_…'),
  snmp_vs_stats_update_interval: ignored('it only matters together with enable_snmp_checker'),
  snmp_rs_stats_update_interval: ignored('it only matters together with enable_snmp_checker'),
  enable_dbus: refused(DBUS),
  dbus_service_name: ignored('it only matters together with enable_dbus'),
  dbus_no_interface_name: ignored('it only matters together with enable_dbus'),
};

function takeExtraGarp(words: Words, parse: Parse): void {
  const name = words.at(0);
  if (name === 'vrrp_vmac_garp_intvl') {
    parse.diagnostics.notice(`Keyword "${name}" is deprecated - please use "vrrp_garp_extra_if"`);
  }
  let seconds = 0;
  for (const word of words.list.slice(1)) {
    if (word === 'all') {
      parse.global.garpExtraAll = true;
      continue;
    }
    const number = parse.numbers.unsigned(word, 1, 86_400);
    if (number === null) return parse.warning(`${name} '${word}' invalid - ignoring`);
    seconds = number;
  }
  if (seconds === 0) parse.warning(`${name} specified without time - ignoring`);
  else parse.global.garpExtraSeconds = seconds;
}

const otherRows: KeywordTable = {
  disable_local_igmp: flag(({ global }) => (global.localIgmpDisabled = true)),
  vrrp_garp_extra_if: { set: takeExtraGarp },
  vrrp_vmac_garp_intvl: { set: takeExtraGarp },
  vmac_addr_prefix: {
    set(words, parse) {
      if (parse.global.vmacAddressPrefix === '') parse.global.vmacAddressPrefix = words.at(1);
      else parse.warning(`vmac address prefix has already been specified - ignoring ${words.at(1)}`);
    },
  },
  ...Object.fromEntries(
    [
      ...['lvs_timeouts', 'lvs_flush', 'lvs_flush_on_stop', 'lvs_flush_onstop', 'lvs_sync_daemon'],
      ...['lvs_notify_fifo', 'lvs_notify_fifo_script', 'nftables_ipvs', 'nftables_ipvs_priority'],
      ...['nftables_ipvs_start_fwmark', 'rs_init_notifies', 'no_checker_emails', 'smtp_alert_checker'],
      'checker_log_all_failures',
    ].map((word) => [word, { ...ignored(LVS), quoted: word.endsWith('_script') }]),
  ),
};

/** The rest of global_defs; keywords-global.ts has what VRRP does. */
export const processKeywords: KeywordTable = {
  ...processRows,
  ...otherProcess('checker'),
  ...otherProcess('bfd'),
  ...firewallRows,
  ...bufferRows,
  ...reloadRows,
  ...agentRows,
  ...otherRows,
};

const IN_NAMESPACE = 'start weir in it: ip netns exec NAME weir …';

/** Words that stand beside the blocks. */
export const topKeywords: KeywordTable = {
  linkbeat_use_polling: flag(({ global }) => (global.linkbeatPolling = true)),
  net_namespace: {
    refused: IN_NAMESPACE,
    set(words, parse) {
      if (words.count < 2) parse.warning('net_namespace name missing - ignoring');
      else if (parse.global.namespace === '') {
        parse.global.namespace = words.at(1);
        parse.diagnostics.notImplemented('net_namespace', IN_NAMESPACE);
      } else parse.warning(`Duplicate net_namespace definition ${words.at(1)} - ignoring`);
    },
  },
  net_namespace_ipvs: ignored(LVS),
  namespace_with_ipsets: ignored('ipsets are not used'),
  use_pid_dir: ignored('the pid file is where -p says'),
  instance: {
    set(words, parse) {
      if (words.count < 2) parse.warning('instance name missing - ignoring');
      else if (parse.global.instanceName === '') parse.global.instanceName = words.at(1);
      else parse.warning(`Duplicate instance definition ${words.at(1)} - ignoring`);
    },
  },
  child_wait_time: {
    ...unsigned(
      0,
      UINT_MAX,
      () => {},
      (word) => `Invalid child_wait_time ${word}`,
    ),
    ignored: 'weir has no child processes to wait for',
  },
};
