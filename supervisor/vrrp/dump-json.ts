// keepalived.json: data and counters of every instance; version 1 an array, version 2 an object that also holds the
// tracked processes (keepalived.conf(5), "json_version"). Keys, their order and their types are keepalived's.

import type { NotifyScript, VirtualAddress, VrrpModel, VrrpTrackProcess } from '../../core/model/vrrp.ts';
import { addressText, commandText, routeText, ruleText } from './dump-words.ts';
import type { InstanceStatus, TrackingStatus } from './status.ts';

const STATE_NUMBERS = { init: 0, backup: 1, master: 2, fault: 3 } as const;
const AUTH_NUMBERS = { none: 0, pass: 1, ah: 2 } as const;
const MASKED = '********'; // passwords never leave the process

const STATS = [
  ...['advert_rcvd', 'advert_sent', 'become_master', 'release_master', 'packet_len_err', 'advert_interval_err'],
  ...['ip_ttl_err', 'invalid_type_rcvd', 'addr_list_err', 'invalid_authtype', 'authtype_mismatch', 'auth_failure'],
] as const;
const HMAC_STATS = [
  ...['auth_ext_missing', 'auth_ext_malformed', 'auth_ext_unknown_key', 'auth_ext_invalid_hmac'],
  ...['auth_ext_stale', 'auth_ext_replay'],
] as const;
const LAST_STATS = ['pri_zero_rcvd', 'pri_zero_sent'] as const;

export function jsonText(model: VrrpModel, instances: readonly InstanceStatus[], tracking: TrackingStatus): string {
  const vrrp = instances.map((each) => ({ data: dataOf(each, model), stats: statsOf(each) }));
  if ((model.operation?.jsonVersion ?? 1) === 1) return `${JSON.stringify(vrrp)}\n`;
  const processes = model.trackProcesses.map((each) => processOf(each, tracking));
  return `${JSON.stringify({ vrrp, ...(processes.length > 0 ? { track_process: processes } : {}) })}\n`;
}

function statsOf({ counters, config }: InstanceStatus): object {
  const names = config.authHmac === null ? [...STATS, ...LAST_STATS] : [...STATS, ...HMAC_STATS, ...LAST_STATS];
  return Object.fromEntries(names.map((name) => [name, counters[name]]));
}

const bit = (on: boolean): number => (on ? 1 : 0);
const wholeSeconds = (ms: number): number => Math.floor(ms / 1000);

function dataOf(instance: InstanceStatus, model: VrrpModel): object {
  const { config, state } = instance;
  const { garp } = config;
  const isSet = state === 'master';
  return {
    iname: instance.name,
    dont_track_primary: bit(config.dontTrackPrimary),
    skip_check_adv_addr: bit(config.skipCheckAdvAddr),
    strict_mode: bit(config.strict ?? model.global.strict),
    vmac_ifname: config.vmac?.name ?? '',
    ifp_ifname: config.vmac?.name ?? config.interfaceName,
    master_priority: isSet ? 0 : instance.masterPriority,
    last_transition: Math.round(instance.sinceWallMs * 1000) / 1_000_000,
    garp_delay: garp.masterDelayMs / 1000,
    garp_refresh: wholeSeconds(garp.masterRefreshMs),
    garp_rep: garp.masterRepeat,
    garp_refresh_rep: garp.masterRefreshRepeat,
    garp_lower_prio_delay: wholeSeconds(garp.lowerPrioDelayMs),
    garp_lower_prio_rep: garp.lowerPrioRepeat,
    lower_prio_no_advert: bit(config.lowerPrioNoAdvert),
    higher_prio_send_advert: bit(config.higherPrioSendAdvert),
    vrid: config.vrid,
    base_priority: instance.basePriority,
    effective_priority: instance.effectivePriority,
    vipset: isSet,
    promote_secondaries: config.promoteSecondaries,
    adver_int: config.advertIntMs / 1000,
    master_adver_int: (isSet ? config.advertIntMs : instance.masterAdvertIntMs || config.advertIntMs) / 1000,
    accept: bit(config.accept !== false),
    nopreempt: !config.preempt,
    preempt_delay: wholeSeconds(config.preemptDelayMs),
    state: STATE_NUMBERS[state],
    wantstate: STATE_NUMBERS[instance.wantState],
    version: config.version,
    smtp_alert: config.smtpAlert,
    notify_deleted: config.notifyDeleted ?? config.notify.deleted !== null,
    ...scriptsOf(config.notify),
    ...listOf('vips', config.addresses, (each: VirtualAddress) => addressText(each, config, isSet)),
    ...listOf('evips', config.excluded, (each: VirtualAddress) => addressText(each, config, isSet)),
    ...listOf('vroutes', config.routes, routeText),
    ...listOf('vrules', config.rules, ruleText),
    ...listOf('track_ifp', config.trackInterfaces, (each) => each.name),
    ...listOf('track_script', scriptsTracked(instance, model), commandText),
    ...listOf(
      'track_process',
      config.tracked.filter((each) => each.kind === 'process'),
      (each) => each.name,
    ),
    auth_type: AUTH_NUMBERS[config.auth.type],
    ...(config.auth.type === 'none' ? {} : { auth_data: MASKED }),
  };
}

function scriptsTracked({ config }: InstanceStatus, model: VrrpModel): (readonly string[])[] {
  const names = config.tracked.filter((each) => each.kind === 'script').map((each) => each.name);
  return names.map((name) => model.scripts.find((script) => script.name === name)?.command ?? []);
}

const SCRIPTS = [
  ['backup', 'script_backup'],
  ['master', 'script_master'],
  ['fault', 'script_fault'],
  ['stop', 'script_stop'],
  ['deleted', 'script_deleted'],
  ['any', 'script'],
  ['masterRxLowerPri', 'script_master_rx_lower_pri'],
] as const;

function scriptsOf(notify: InstanceStatus['config']['notify']): object {
  const rows = SCRIPTS.map(([key, name]): [string, NotifyScript | null] => [name, notify[key]]);
  return Object.fromEntries(rows.flatMap(([name, script]) => (script ? [[name, commandText(script.command)]] : [])));
}

function listOf<T>(name: string, items: readonly T[], text: (item: T) => string): object {
  return items.length === 0 ? {} : { [name]: items.map(text) };
}

function processOf(each: VrrpTrackProcess, tracking: TrackingStatus): object {
  const seen = tracking.processes.find((process) => process.name === each.name);
  const weight = each.weightReverse ? -each.weight : each.weight;
  return {
    process: each.name,
    ...(each.parameters.length > 0 ? { parameters: each.parameters.join(' ') } : {}),
    param_match: each.parameterMatch === 'exact' && each.parameters.length === 0 ? 'none' : each.parameterMatch,
    min_processes: each.quorum,
    ...(each.quorumMax >= 0 ? { max_processes: each.quorumMax } : {}),
    current_processes: seen?.count ?? 0,
    have_quorum: seen?.up ?? false,
    weight,
    terminate_delay: (each.terminateDelayMs || each.delayMs) / 1000,
    fork_delay: (each.forkDelayMs || each.delayMs) / 1000,
    fork_delay_timer_running: seen?.waiting === 'fork',
    terminate_delay_timer_running: seen?.waiting === 'terminate',
    full_command: each.fullCommand,
  };
}
