// global_defs: VRRP's defaults, scripts and FIFOs, mail (keepalived.conf(5), "Global definitions").
//
// The whole block is read before anything else, wherever it stands: its defaults hold for instances above it too.

import { isIP } from 'node:net';
import { isLinkLocalMulticast, isMulticast, parseSocketAddress } from './addresses.ts';
import type { GlobalDraft } from './drafts.ts';
import { boolean, decimal, flag, type KeywordTable, type Parse, type Row, unsigned } from './keyword-table.ts';
import { INT_MAX, SECONDS_MAX, UINT_MAX } from './numbers.ts';
import { parseNotifyScript } from './scripts.ts';
import type { Words } from './words.ts';

const SECOND_US = 1_000_000;
const GARP_DEFAULTS = { repeat: 5, refreshRepeat: 1, delayUs: 5 * SECOND_US };

type Flags = { [Key in keyof GlobalDraft]: GlobalDraft[Key] extends boolean | null ? Key : never }[keyof GlobalDraft];

/** A switch of global_defs, with keepalived's usual words about a bad value. */
const globalSwitch = (key: Flags, name: string): Row =>
  boolean(
    (parse, value) => (parse.global[key] = value),
    (word) => `Invalid value '${word}' for global ${name} specified`,
  );

/** Seconds, kept as microseconds. */
const globalSeconds = (name: string, set: (global: GlobalDraft, us: number) => void): Row =>
  unsigned(
    0,
    SECONDS_MAX,
    (parse, seconds) => set(parse.global, seconds * SECOND_US),
    (word) => `${name} '${word}' invalid - ignoring`,
  );

/** How often something is sent: 0 is told and means once. */
const globalRepeat = (name: string, set: (global: GlobalDraft, count: number) => void): Row =>
  unsigned(
    0,
    UINT_MAX,
    (parse, count) => {
      if (count === 0) parse.warning(`${name} must be greater than 0, setting to 1`);
      set(parse.global, Math.max(1, count));
    },
    (word) => `${name} '${word}' invalid - ignoring`,
  );

const globalInterval = (name: string, key: 'garpIntervalUs' | 'gnaIntervalUs'): Row =>
  decimal(
    { min: 1, max: UINT_MAX, places: 6 },
    (parse, us, word) => {
      parse.global[key] = us;
      if (us >= SECOND_US) parse.diagnostics.notice(`The ${name} is very large - ${word} seconds`);
    },
    (word) => `${name} '${word}' is invalid`,
  );

const mcastGroup = (name: string, key: 'mcastGroup4' | 'mcastGroup6', family: 'inet' | 'inet6'): Row => ({
  set(words, parse) {
    const text = words.at(1);
    const group = parseSocketAddress(text);
    if (group === null) parse.warning(`Can't parse ${name} [${text}]. Skipping`);
    else if (group.family !== family) {
      parse.warning(`${name} [${text}] is not ${family === 'inet' ? 'IPv4' : 'IPv6'}. Skipping`);
    } else if (!isMulticast(group.address)) parse.warning(`${name} [${text}] is not multicast. Skipping`);
    else {
      if (family === 'inet6' && !isLinkLocalMulticast(group.address)) {
        parse.warning(`${name} [${text}] should be link-local multicast.`);
      }
      parse.global[key] = group.address;
    }
  },
});

const fifo = (type: '' | 'vrrp_', key: 'notifyFifo' | 'vrrpNotifyFifo'): Row => ({
  set(words, parse) {
    if (words.count < 2) parse.warning(`No ${type}notify_fifo name specified`);
    else if (parse.global[key] !== '') {
      parse.warning(`${type}notify_fifo already specified - ignoring ${words.at(1)}`);
    } else parse.global[key] = words.at(1);
  },
});

const fifoScript = (type: '' | 'vrrp_', key: 'notifyFifoScript' | 'vrrpNotifyFifoScript'): Row => ({
  quoted: true,
  set(words, parse) {
    if (words.count < 2) parse.warning(`No ${type}notify_fifo_script specified`);
    else if (parse.global[key] !== null) {
      parse.warning(`${type}notify_fifo_script already specified - ignoring ${words.at(1)}`);
    } else parse.global[key] = parseNotifyScript(words, `${type}notify_fifo`, parse);
  },
});

const lifeScript = (type: 'startup' | 'shutdown'): Row => ({
  quoted: true,
  set(words, parse) {
    const { global } = parse;
    const key = `${type}Script` as const;
    if (global[key] !== null) parse.warning(`${type} script already specified`);
    else if (words.count < 2) parse.warning(`${type} script missing`);
    else {
      global[key] = parseNotifyScript(words, type, parse);
      if (global[key] === null) parse.warning(`Invalid ${type} script`);
      global[`${key}TimeoutMs`] ||= 10_000;
    }
  },
});

const lifeScriptTimeout = (type: 'startup' | 'shutdown'): Row => ({
  set(words, parse) {
    if (words.count < 2) {
      parse.warning(`${type}_script_timeout requires value`);
      return;
    }
    const seconds = parse.numbers.unsigned(words.at(1), 1, 1_000);
    if (seconds !== null) parse.global[`${type}ScriptTimeoutMs`] = seconds * 1_000;
    else parse.warning(`${type}_script_timeout '${words.at(1)}' must be in [1, 1000] - ignoring`);
  },
});

/** `router_id NAME` and the like: one word, or nothing with a remark. */
const named = (missing: string, set: (parse: Parse, name: string, words: Words) => void): Row => ({
  set(words, parse) {
    if (words.count < 2) parse.warning(missing);
    else set(parse, words.at(1), words);
  },
});

const dumpFile = (key: 'stateDumpFile' | 'statsDumpFile' | 'jsonDumpFile'): Row => ({
  set(words, parse) {
    if (words.count === 2 && words.at(1) !== '') parse.global[key] = words.at(1);
    else parse.warning(`${words.at(0)} requires a non-empty path`);
  },
});

const startupDelay = (name: string, key: 'startupDelayMs' | 'delayAfterBootMs'): Row =>
  decimal(
    { min: 1_000, max: UINT_MAX, places: 6 },
    (parse, us, word) => {
      parse.global[key] = Math.round(us / 1_000);
      if (us >= 60 * SECOND_US) parse.diagnostics.notice(`The ${name} is very large - ${word} seconds`);
    },
    (word) => `${name} '${word}' is invalid`,
  );

/** `NAME <ADDR>`: what needs quotes by RFC 5322 gets them. */
function mailAddress(text: string): string {
  const match = /^(.*?)[ \t]*(<[^<]*>)$/s.exec(text);
  if (match === null || match[1] === '' || !/[()<>[\]:;@\\,.]/.test(match[1]!)) return text;
  return `"${match[1]!.replace(/["\\]/g, '\\$&')}" ${match[2]}`;
}

const GARP_ROWS: KeywordTable = {
  vrrp_garp_master_delay: globalSeconds('vrrp_garp_master_delay', (global, us) => (global.garpDelayUs = us)),
  vrrp_garp_master_repeat: globalRepeat('vrrp_garp_master_repeat', (global, count) => (global.garpRepeat = count)),
  vrrp_garp_master_refresh: {
    set(words, parse) {
      const seconds = parse.numbers.unsigned(words.at(1), 0, UINT_MAX);
      if (seconds === null) parse.warning(`Invalid vrrp_garp_master_refresh '${words.at(1)}' - ignoring`);
      parse.global.garpRefreshSeconds = seconds ?? 0;
    },
  },
  vrrp_garp_master_refresh_repeat: globalRepeat(
    'vrrp_garp_master_refresh_repeat',
    (global, count) => (global.garpRefreshRepeat = count),
  ),
  vrrp_garp_lower_prio_delay: globalSeconds(
    'vrrp_garp_lower_prio_delay',
    (global, us) => (global.garpLowerPrioDelayUs = us),
  ),
  vrrp_garp_lower_prio_repeat: unsigned(
    0,
    INT_MAX,
    (parse, count) => (parse.global.garpLowerPrioRepeat = count),
    (word) => `Invalid vrrp_garp_lower_prio_repeat '${word}'`,
  ),
  vrrp_garp_interval: globalInterval('vrrp_garp_interval', 'garpIntervalUs'),
  vrrp_gna_interval: globalInterval('vrrp_gna_interval', 'gnaIntervalUs'),
  vrrp_min_garp: boolean(
    ({ global }, value) => {
      if (!value) return;
      // What the file set already stays.
      if (global.garpRepeat === GARP_DEFAULTS.repeat) global.garpRepeat = 1;
      if (global.garpRefreshRepeat === GARP_DEFAULTS.refreshRepeat) global.garpRefreshRepeat = 0;
      if (global.garpDelayUs === GARP_DEFAULTS.delayUs) global.garpDelayUs = 0;
    },
    () => 'Invalid value for vrrp_min_garp specified',
  ),
};

const VRRP_ROWS: KeywordTable = {
  vrrp_version: {
    set(words, parse) {
      const version = parse.numbers.int(words.at(1), 2, 3);
      if (version === null) parse.warning('VRRP Error: Version must be either 2 or 3');
      else parse.global.version = version === 2 ? 2 : 3;
    },
  },
  vrrp_strict: globalSwitch('strict', 'vrrp_strict'),
  vrrp_skip_check_adv_addr: globalSwitch('skipCheckAdvAddr', 'vrrp_check_adv_addr'),
  vrrp_check_unicast_src: flag(({ global }) => (global.checkUnicastSource = true)),
  vrrp_owner_ignore_adverts: globalSwitch('ownerIgnoreAdverts', 'vrrp_owner_ignore_adverts'),
  v3_checksum_as_v2: flag(({ global }) => (global.checksumAsV2 = true)),
  vrrp_lower_prio_no_advert: boolean(
    ({ global }, value) => (global.lowerPrioNoAdvert = value),
    () => 'Invalid value for vrrp_lower_prio_no_advert specified',
  ),
  vrrp_higher_prio_send_advert: boolean(
    ({ global }, value) => (global.higherPrioSendAdvert = value),
    () => 'Invalid value for vrrp_higher_prio_send_advert specified',
  ),
  vrrp_down_timer_adverts: unsigned(
    1,
    100,
    (parse, count) => (parse.global.downTimerAdverts = count),
    (word) => `Invalid vrrp_down_timer_adverts [1:100] '${word}'`,
  ),
  vrrp_mcast_group4: mcastGroup('vrrp_mcast_group4', 'mcastGroup4', 'inet'),
  vrrp_mcast_group6: mcastGroup('vrrp_mcast_group6', 'mcastGroup6', 'inet6'),
  vrrp_startup_delay: startupDelay('vrrp_startup_delay', 'startupDelayMs'),
  vrrp_delay_after_boot: startupDelay('vrrp_delay_after_boot', 'delayAfterBootMs'),
  log_unknown_vrids: flag(({ global }) => (global.unknownVridsLogged = true)),
  default_interface: named('default_interface requires interface name', ({ global }, name) => {
    global.defaultInterface = name;
  }),
  dynamic_interfaces: {
    set(words, { global, diagnostics }) {
      global.dynamicInterfaces = true;
      if (words.count < 2) return;
      if (words.at(1) === 'allow_if_changes') global.allowIfChanges = true;
      else diagnostics.warning(`Unknown dynamic_interfaces option '${words.at(1)}'`);
    },
  },
  vmac_prefix: {
    set(words, parse) {
      if (parse.global.vmacPrefix === '') parse.global.vmacPrefix = words.at(1);
      else parse.warning(`vmac prefix has already been specified - ignoring ${words.at(1)}`);
    },
  },
};

const SCRIPT_ROWS: KeywordTable = {
  script_user: named('No script username specified', (parse, user, words) => {
    if (!parse.users.choose(user, words.list[2])) parse.warning('Error setting global script uid/gid');
  }),
  enable_script_security: flag((parse) => {
    parse.global.enableScriptSecurity = true;
    parse.users.securityWanted = true;
  }),
  use_symlink_paths: {
    ...globalSwitch('useSymlinkPaths', 'use_symlink_path'),
    ignored: 'scripts are always run by the path that is written, and checked where it leads',
  },
  notify_fifo: fifo('', 'notifyFifo'),
  notify_fifo_script: fifoScript('', 'notifyFifoScript'),
  vrrp_notify_fifo: fifo('vrrp_', 'vrrpNotifyFifo'),
  vrrp_notify_fifo_script: fifoScript('vrrp_', 'vrrpNotifyFifoScript'),
  vrrp_notify_priority_changes: globalSwitch('notifyPriorityChanges', 'vrrp_notify_priority_changes'),
  fifo_write_vrrp_states_on_reload: flag(({ global }) => (global.fifoStatesOnReload = true)),
  startup_script: lifeScript('startup'),
  startup_script_timeout: lifeScriptTimeout('startup'),
  shutdown_script: lifeScript('shutdown'),
  shutdown_script_timeout: lifeScriptTimeout('shutdown'),
};

const MAIL_ROWS: KeywordTable = {
  router_id: named('routerid name missing - ignoring', ({ global }, name) => (global.routerId = name)),
  notification_email: {
    set(words, parse) {
      const lines = parse.blockLines(words);
      if (lines.length === 0) parse.warning('Warning - empty notification_email block');
      parse.global.notificationEmail.push(...lines.flatMap((line) => line.list.map(mailAddress)));
    },
  },
  notification_email_from: named('emailfrom missing - ignoring', (parse, address, words) => {
    if (words.count > 2) parse.warning(`emailfrom - ignoring extra entries '${words.at(2)}' ...`);
    parse.global.notificationEmailFrom = mailAddress(address);
  }),
  smtp_server: {
    set(words, parse) {
      const host = words.at(1);
      const port = words.count >= 3 ? words.at(2) : '25';
      const number = Number(port);
      if (/^\d+$/.test(port) && number >= 1 && number <= 65_535) {
        parse.global.smtpServer = isIP(host) === 6 ? `[${host}]:${number}` : `${host}:${number}`;
      } else parse.warning(`Invalid smtp server ${host} ${port}`);
    },
  },
  smtp_helo_name: {
    set(words, parse) {
      if (words.count >= 2) parse.global.smtpHeloName = words.at(1);
    },
  },
  smtp_connect_timeout: unsigned(
    0,
    SECONDS_MAX,
    (parse, seconds) => {
      if (seconds === 0) parse.warning('smtp_conect_timeout must be greater than 0, setting to 1');
      parse.global.smtpConnectTimeoutMs = Math.max(1, seconds) * 1_000;
    },
    (word) => `smtp_connect_timeout '${word}' must be in [0, ${SECONDS_MAX}] - ignoring`,
  ),
  smtp_alert: globalSwitch('smtpAlert', 'smtp_alert'),
  smtp_alert_vrrp: globalSwitch('smtpAlertVrrp', 'smtp_alert_vrrp'),
  no_email_faults: flag(({ global }) => (global.noEmailFaults = true)),
};

const DUMP_ROWS: KeywordTable = {
  state_dump_file: dumpFile('stateDumpFile'),
  state_dump_file_location: dumpFile('stateDumpFile'), // the manual's spelling
  stats_dump_file: dumpFile('statsDumpFile'),
  stats_dump_file_location: dumpFile('statsDumpFile'),
  json_dump_file: dumpFile('jsonDumpFile'),
  json_dump_file_location: dumpFile('jsonDumpFile'),
  json_version: {
    set(words, parse) {
      if (words.count < 2) {
        parse.warning(`${words.at(0)} requires version`);
        return;
      }
      const version = parse.numbers.unsigned(words.at(1), 1, 2);
      if (version === null) parse.warning('Invalid JSON version');
      else parse.global.jsonVersion = version === 1 ? 1 : 2;
    },
  },
  data_use_instance: globalSwitch('dataUseInstance', 'date_use_instance'),
};

/** The rows of global_defs that decide what VRRP does; keywords-process.ts has the others. */
export const globalKeywords: KeywordTable = {
  ...VRRP_ROWS,
  ...GARP_ROWS,
  ...SCRIPT_ROWS,
  ...MAIL_ROWS,
  ...DUMP_ROWS,
};
