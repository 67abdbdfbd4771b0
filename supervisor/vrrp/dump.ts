// keepalived's dump files, in the layouts that exporters parse: keepalived.data, keepalived.stats and keepalived.json.

import { renameSync, writeFileSync } from 'node:fs';
import type { VirtualAddress, VrrpModel } from '../../core/model/vrrp.ts';
import type { VrrpAnswer } from '../../core/model/vrrp-worker.ts';
import { ipv6ToText } from '../../core/sys/sockaddr.ts';
import type { GroupStatus, InstanceStatus } from './status.ts';

type StatusAnswer = Extract<VrrpAnswer, { kind: 'status' }>;

const DATA_FILE = '/tmp/keepalived.data';
const STATS_FILE = '/tmp/keepalived.stats';
const SCOPE_NAMES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host' };
const STATE_NAMES = { init: 'INIT', backup: 'BACKUP', master: 'MASTER', fault: 'FAULT' } as const;

/** Writes both files; what could not be written is returned, one line each. */
export function writeDumps(model: VrrpModel, answer: StatusAnswer): string[] {
  const instances = answer.instances as readonly InstanceStatus[];
  const groups = answer.groups as readonly GroupStatus[];
  const failures: string[] = [];
  const put = (path: string, text: string): void => {
    try {
      // Readers never see half a file.
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      failures.push(`${path}: ${(error as Error).message}`);
    }
  };
  put(model.operation?.stateDumpFile || DATA_FILE, dataText(model, instances, groups, answer.nowMs));
  put(model.operation?.statsDumpFile || STATS_FILE, statsText(instances));
  return failures;
}

/** keepalived.stats: counters of every instance. */
export function statsText(instances: readonly InstanceStatus[]): string {
  return instances.map(statsOf).join('');
}

function statsOf({ name, counters }: InstanceStatus): string {
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
    '  Priority Zero:',
    `    Received: ${counters.pri_zero_rcvd}`,
    `    Sent: ${counters.pri_zero_sent}`,
  ];
  return `${rows.join('\n')}\n`;
}

/** keepalived.data: what is configured and how it stands. */
export function dataText(
  model: VrrpModel,
  instances: readonly InstanceStatus[],
  groups: readonly GroupStatus[],
  nowMs: number,
): string {
  const rows = ['------< Global definitions >------', ` Router ID = ${model.global.routerId}`];
  rows.push(` Default VRRP version = ${model.global.version}`);
  if (instances.length > 0) rows.push('------< VRRP Topology >------');
  for (const instance of instances) rows.push(...instanceRows(instance, nowMs));
  if (groups.length > 0) rows.push('------< VRRP Sync groups >------');
  for (const group of groups) {
    rows.push(` VRRP Sync Group = ${group.name}, ${STATE_NAMES[group.state]}`);
    rows.push('   VRRP member instances :', ...group.members.map((member) => `     ${member}`));
  }
  if (model.scripts.length > 0) rows.push('------< VRRP Scripts >------');
  for (const script of model.scripts) {
    rows.push(` VRRP Script = ${script.name}`, `   Command = '${script.command.join(' ')}'`);
    rows.push(
      `   Interval = ${script.intervalMs / 1000} sec`,
      `   Timeout = ${script.timeoutMs / 1000} sec`,
      `   Weight = ${script.weight}`,
    );
    rows.push(`   Rise = ${script.rise}`, `   Fall = ${script.fall}`);
  }
  return `${rows.join('\n')}\n`;
}

function instanceRows(instance: InstanceStatus, nowMs: number): string[] {
  const { config } = instance;
  const { garp } = config;
  const enabled = (on: boolean): string => (on ? 'enabled' : 'disabled');
  const seconds = (ms: number): string => String(ms / 1000);
  const leftMs = instance.nextAdvertInMs >= 0 ? instance.nextAdvertInMs : instance.masterDownInMs;
  const rows = [
    ` VRRP Instance = ${instance.name}`,
    `   VRRP Version = ${config.version}`,
    ...(instance.group === '' ? [] : [`   Sync group = ${instance.group}`]),
    `   State = ${STATE_NAMES[instance.state]}`,
    `   Wantstate = ${STATE_NAMES[instance.wantState]}`,
    `   Last transition = ${stamp(instance.sinceWallMs)}`,
    ...(leftMs >= 0 ? [`   Read timeout = ${stamp(instance.sinceWallMs + (nowMs - instance.sinceMs) + leftMs)}`] : []),
    `   Master down timer = ${Math.floor(instance.masterDownMs * 1000)} usecs`,
    `   Interface = ${config.interfaceName}`,
    ...(instance.source === null ? [] : [`   Using src_ip = ${addressText(instance.source)}`]),
    `   Gratuitous ARP delay = ${seconds(garp.masterDelayMs)}`,
    `   Gratuitous ARP repeat = ${garp.masterRepeat}`,
    `   Gratuitous ARP refresh = ${seconds(garp.masterRefreshMs)}`,
    `   Gratuitous ARP refresh repeat = ${garp.masterRefreshRepeat}`,
    `   Gratuitous ARP lower priority delay = ${seconds(garp.lowerPrioDelayMs)}`,
    `   Gratuitous ARP lower priority repeat = ${garp.lowerPrioRepeat}`,
    `   Down timer adverts = ${config.downTimerAdverts}`,
    `   Send advert after receive lower priority advert = ${!config.lowerPrioNoAdvert}`,
    `   Send advert after receive higher priority advert = ${config.higherPrioSendAdvert}`,
    `   Virtual Router ID = ${config.vrid}`,
    `   Priority = ${instance.basePriority}`,
    `   Effective priority = ${instance.effectivePriority}`,
    `   Total priority = ${instance.effectivePriority}`,
    `   Advert interval = ${config.version === 3 ? `${config.advertIntMs} milli-sec` : `${config.advertIntMs / 1000} sec`}`,
    `   Accept = ${enabled(config.accept !== false)}`,
    `   Preempt = ${enabled(config.preempt)}`,
    `   Promote_secondaries = ${enabled(config.promoteSecondaries)}`,
  ];
  const isSet = instance.state === 'master';
  for (const [title, addresses] of [
    ['Virtual IP', config.addresses],
    ['Virtual IP Excluded', config.excluded],
  ] as const) {
    if (addresses.length === 0) continue;
    rows.push(`   ${title} (${addresses.length}):`);
    for (const each of addresses) rows.push(addressRow(each, config.interfaceName, isSet));
  }
  return rows;
}

// As `10.0.0.1/24 dev eth0 scope global set`; a host's own length is not written.
function addressRow(address: VirtualAddress, interfaceName: string, isSet: boolean): string {
  const whole = address.family === 'inet' ? 32 : 128;
  const length = address.prefix === whole ? '' : `/${address.prefix}`;
  const scope = SCOPE_NAMES[address.scope] ?? String(address.scope);
  const device = address.interfaceName || interfaceName;
  return `     ${address.address}${length} dev ${device} scope ${scope}${isSet ? ' set' : ''}`;
}

// `1795376165.382013 (Sun Nov 22 19:36:05.382013 2026)`, local time as ctime(3).
function stamp(wallMs: number): string {
  const [day, month, date, year, time] = new Date(wallMs).toString().split(' ');
  const micros = String(Math.round((wallMs % 1000) * 1000)).padStart(6, '0');
  return `${Math.floor(wallMs / 1000)}.${micros} (${day} ${month} ${date!.replace(/^0/, ' ')} ${time}.${micros} ${year})`;
}

function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : ipv6ToText(bytes, 0);
}
