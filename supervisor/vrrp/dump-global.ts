// The global definitions in keepalived.data, row by row as keepalived 2.2 writes them.
//
// What weir has no counterpart of (checker and BFD processes, SNMP, D-Bus) is shown as switched off, which it is.

import type { NotifyScript, VrrpDefaults, VrrpGlobal, VrrpModel } from '../../core/model/vrrp.ts';
import { commandText, ownerText } from './dump-words.ts';
import { smtpAddress } from './smtp.ts';

/** As keepalived says it of switches. */
export const yesNo = (on: boolean): string => (on ? 'yes' : 'no');
const onOff = (value: boolean | null): string => (value === null ? 'unset' : value ? 'on' : 'off');
const seconds = (ms: number): number => Math.floor(ms / 1000);
const sixPlaces = (ms: number): string => (ms / 1000).toFixed(6);

export function globalRows(model: VrrpModel, realtime: boolean): string[] {
  const { global, operation } = model;
  const defaults = operation?.defaults ?? null;
  const rows = ['------< Global definitions >------'];
  rows.push(` Network namespace = ${global.namespace || '(default)'}`);
  rows.push(' Network namespace ipvs = (main namespace)');
  if (global.instanceName !== '') rows.push(` Instance name = ${global.instanceName}`);
  rows.push(` Router ID = ${global.routerId}`, ...mailRows(global, defaults));
  rows.push(' No test config before reload');
  if (global.reloadTimeFile !== '') {
    rows.push(` Reload time file = ${global.reloadTimeFile}${operation?.reloadRepeat ? ' (repeat)' : ''}`);
  }
  if (operation?.dataUseInstance) rows.push(' Use instance name in data dumps');
  const { startupScript, shutdownScript } = global;
  const life = (name: string, script: NotifyScript | null, timeoutMs: number): void => {
    if (script === null) return;
    const whose = ownerText(script, global.scriptUser);
    rows.push(` ${name} script = ${commandText(script.command)}, uid:gid ${whose}, timeout ${seconds(timeoutMs)}`);
  };
  life('Startup', startupScript, operation?.startupScriptTimeoutMs ?? 0);
  life('Shutdown', shutdownScript, operation?.shutdownScriptTimeoutMs ?? 0);
  rows.push(` Dynamic interfaces = ${global.dynamicInterfaces}`);
  if (global.dynamicInterfaces) rows.push(` Allow interface changes = ${global.allowIfChanges}`);
  if (defaults?.noEmailFaults) rows.push(' Send emails for fault transitions = off');
  rows.push(
    ` Default interface = ${defaults?.defaultInterface || 'eth0'}`,
    ` Disable local IGMP = ${yesNo(global.localIgmpDisabled ?? false)}`,
  );
  rows.push(' LVS flush = false', ' LVS flush on stop = disabled', ...fifoRows(global));
  rows.push(` FIFO write vrrp states on reload = ${operation?.fifoStatesOnReload ?? false}`);
  if (defaults !== null) rows.push(...defaultRows(defaults, global));
  rows.push(...filterRows(global, defaults), ...processRows(global, defaults), ...agentRows());
  rows.push(` Script security ${global.enableScriptSecurity ? 'enabled' : 'disabled'}`);
  if (global.scriptUser !== null) {
    rows.push(` Default script uid:gid ${global.scriptUser.uid}:${global.scriptUser.gid}`);
  }
  rows.push(...bufferRows(defaults), ' umask = 0177');
  if (global.startupDelayMs > 0) rows.push(` vrrp_startup_delay = ${global.startupDelayMs / 1000}`);
  if (global.unknownVridsLogged) rows.push(' log_unknown_vrids');
  if (defaults?.ownerIgnoreAdverts) rows.push(' vrrp_owner_ignore_adverts');
  if (defaults !== null && defaults.vmacPrefix !== '') rows.push(` VMAC prefix = ${defaults.vmacPrefix}`);
  if (realtime) rows.push(` current realtime priority = ${global.rtPriority}`);
  if (operation?.jsonVersion === 2) rows.push(' json_version 2');
  for (const [name, path] of [
    ['state', operation?.stateDumpFile],
    ['stats', operation?.statsDumpFile],
    ['json', operation?.jsonDumpFile],
  ]) {
    if (path) rows.push(` ${name} dump file ${path}`);
  }
  return rows;
}

function mailRows(global: VrrpGlobal, defaults: VrrpDefaults | null): string[] {
  const rows: string[] = [];
  const server = smtpAddress(global);
  if (server !== null) {
    rows.push(` Smtp server = ${server.host}`, ` Smtp server port = ${server.port}`);
    rows.push(` Smtp HELO name = ${global.smtpHeloName}`);
    rows.push(` Smtp server connection timeout = ${seconds(global.smtpConnectTimeoutMs)}`);
    rows.push(` Email notification from = ${global.notificationEmailFrom}`, ' Email notification to:');
    rows.push(...global.notificationEmail.map((address) => `   ${address}`));
  }
  rows.push(` Default smtp_alert = ${onOff(defaults?.smtpAlert ?? null)}`);
  rows.push(` Default smtp_alert_vrrp = ${onOff(defaults?.smtpAlertVrrp ?? null)}`);
  rows.push(' Default smtp_alert_checker = unset', ' Checkers log all failures = false');
  return rows;
}

function fifoRows(global: VrrpGlobal): string[] {
  const rows: string[] = [];
  const both = [
    ['Global', global.notifyFifo, global.notifyFifoScript],
    ['VRRP', global.vrrpNotifyFifo, global.vrrpNotifyFifoScript],
  ] as const;
  for (const [type, path, script] of both) {
    if (path === '') continue;
    const whose = ownerText({ uid: -1, gid: -1 }, global.scriptUser);
    rows.push(` ${type} notify fifo = ${path}, uid:gid ${whose}`);
    if (script === null) continue;
    const scriptWhose = ownerText(script, global.scriptUser);
    rows.push(` ${type} notify fifo script = ${commandText(script.command)}, uid:gid ${scriptWhose}`);
  }
  return rows;
}

function defaultRows(defaults: VrrpDefaults, global: VrrpGlobal): string[] {
  const { garp } = defaults;
  return [
    ` VRRP notify priority changes = ${defaults.notifyPriorityChanges}`,
    ` VRRP IPv4 mcast group = ${defaults.mcastGroup4}`,
    ` VRRP IPv6 mcast group = ${defaults.mcastGroup6}`,
    ` Gratuitous ARP delay = ${seconds(garp.delayMs)}`,
    ` Gratuitous ARP repeat = ${garp.repeat}`,
    ` Gratuitous ARP refresh timer = ${seconds(garp.refreshMs)}`,
    ` Gratuitous ARP refresh repeat = ${garp.refreshRepeat}`,
    ` Gratuitous ARP lower priority delay = ${seconds(garp.lowerPrioDelayMs ?? garp.delayMs)}`,
    ` Gratuitous ARP lower priority repeat = ${garp.lowerPrioRepeat ?? garp.repeat}`,
    ` Num adverts before down = ${defaults.downTimerAdverts}`,
    ' Gratuitous ARP for each secondary VMAC = 0s',
    ` Send advert after receive lower priority advert = ${!global.garpLowerPrioNoAdvert}`,
    ` Send advert after receive higher priority advert = ${global.higherPrioSendAdvert}`,
    ` Gratuitous ARP interval = ${sixPlaces(garp.intervalMs)}`,
    ` Gratuitous NA interval = ${sixPlaces(garp.gnaIntervalMs)}`,
    ` VRRP default protocol version = ${global.version}`,
  ];
}

function filterRows(global: VrrpGlobal, defaults: VrrpDefaults | null): string[] {
  const rows: string[] = [];
  const [inputChain, outputChain] = global.iptables;
  if (inputChain !== undefined) rows.push(` Iptables input chain = ${inputChain}`);
  if (outputChain !== undefined) rows.push(` Iptables output chain = ${outputChain}`);
  if (global.nftables !== '') {
    rows.push(` nftables table name = ${global.nftables}`);
    rows.push(` nftables base chain priority = ${defaults?.nftablesPriority ?? -1}`);
    rows.push(` nftables ${global.nftablesIfindex ? '' : "don't "}force use ifindex for link local IPv6`);
  }
  rows.push(` nftables ${global.nftablesCounters ? 'with' : 'without'} counters`);
  return rows;
}

function processRows(global: VrrpGlobal, defaults: VrrpDefaults | null): string[] {
  const rows = [
    ` VRRP check unicast_src = ${defaults?.checkUnicastSource ?? false}`,
    ` VRRP skip check advert addresses = ${defaults?.skipCheckAdvAddr ?? false}`,
    ` VRRP strict mode = ${global.strict}`,
    ' Max auto priority = 0',
    ' Min auto priority delay = 1000000 usecs',
    ` VRRP process priority = ${global.priority}`,
    ` VRRP don't swap = ${global.noSwap}`,
    ` VRRP realtime priority = ${global.rtPriority}`,
  ];
  if (global.cpuAffinity.length > 0) rows.push(` VRRP CPU Affinity = ${global.cpuAffinity.join(' ')}`);
  rows.push(` VRRP realtime limit = ${global.rlimitRtimeUs}`);
  for (const name of ['Checker', 'BFD']) {
    rows.push(` ${name} process priority = 0`, ` ${name} don't swap = false`);
    rows.push(` ${name} realtime priority = 0`, ` ${name} realtime limit = 10000`);
  }
  return rows;
}

const agentRows = (): string[] => [
  ...['SNMP vrrp', 'SNMP checker', 'SNMP RFCv2', 'SNMP RFCv3', 'SNMP traps'].map((name) => ` ${name} disabled`),
  ' SNMP socket = default (unix:/var/agentx/master)',
  ' DBus disabled',
  ' DBus service name = ',
];

function bufferRows(defaults: VrrpDefaults | null): string[] {
  const names = ['vrrp_netlink_cmd', 'vrrp_netlink_monitor', 'process_monitor', 'lvs_netlink_cmd'];
  const rows = [...names, 'lvs_netlink_monitor'].flatMap((name) => [
    ` ${name}_rcv_bufs = 0`,
    ` ${name}_rcv_bufs_force = 0`,
  ]);
  rows.push(' rs_init_notifies = 0', ' no_checker_emails = 0');
  const bufs = defaults?.rxBufs ?? { size: 0, mtu: false, advert: false };
  if (bufs.mtu) rows.push(' rx_bufs_policy = MTU');
  else if (bufs.advert) rows.push(' rx_bufs_policy = ADVERT');
  else if (bufs.size > 0) rows.push(` rx_bufs_size = ${bufs.size}`);
  rows.push(' rx_bufs_multiples = 3');
  return rows;
}
