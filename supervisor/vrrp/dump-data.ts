// keepalived.data: what is configured and how it stands, in the rows of keepalived 2.2 that exporters and people know.
//
// Where weir differs on purpose: passwords are masked (as keepalived does since 2.4), and what only keepalived's own
// inside could answer is left out rather than made up.

import type { VrrpModel, VrrpSyncGroup } from '../../core/model/vrrp.ts';
import type { VrrpSocket } from '../../core/model/vrrp-worker.ts';
import { globalRows, yesNo } from './dump-global.ts';
import { addressRows, instanceRows, notifyRows } from './dump-instance.ts';
import { interfaceRows } from './dump-interfaces.ts';
import { bfdRows, fileRows, processRows, scriptRows, trackedRows } from './dump-tracked.ts';
import { routeText, ruleText, STATE_NAMES } from './dump-words.ts';
import type { DumpParts } from './status.ts';

const IPPROTO_AH = 51;

export function dataText(parts: DumpParts): string {
  const { model } = parts;
  const rows = [...globalRows(model, parts.realtime), ...garpDelayRows(model)];
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0) rows.push(`------< ${title} >------`, ...lines);
  };
  section('Static Addresses', addressRows(model.staticAddresses, null, true));
  section(
    'Static Routes',
    model.staticRoutes.map((each) => `     ${routeText(each)}`),
  );
  section(
    'Static Rules',
    model.staticRules.map((each) => `     ${ruleText(each)}`),
  );
  section(
    'VRRP Topology',
    parts.instances.flatMap((each) => instanceRows(each, parts)),
  );
  section(
    'VRRP Sockpool',
    parts.sockets.flatMap((each) => socketRows(each, parts)),
  );
  section(
    'VRRP Sync groups',
    model.groups.flatMap((each) => groupRows(each, parts)),
  );
  section(
    'VRRP Scripts',
    model.scripts.flatMap((each) => scriptRows(each, parts)),
  );
  section(
    'VRRP Track files',
    model.trackFiles.flatMap((each) => fileRows(each, parts)),
  );
  section(
    'VRRP Track processes',
    model.trackProcesses.flatMap((each) => processRows(each, parts)),
  );
  section('VRRP Track BFDs', bfdRows(parts));
  rows.push(...interfaceRows(model));
  return `${rows.join('\n')}\n`;
}

function garpDelayRows(model: VrrpModel): string[] {
  const rows: string[] = [];
  const seen = new Set<string>();
  for (const { garp, interfaceName } of model.instances) {
    if (seen.has(interfaceName) || (garp.intervalMs === 0 && garp.gnaIntervalMs === 0)) continue;
    seen.add(interfaceName);
    rows.push('------< GARP delay group 0 >------');
    if (garp.intervalMs > 0) rows.push(` GARP interval = ${garp.intervalMs / 1000}`);
    if (garp.gnaIntervalMs > 0) rows.push(` GNA interval = ${garp.gnaIntervalMs / 1000}`);
    rows.push(' Interfaces', `  ${interfaceName}`);
  }
  return rows.length === 0 ? [] : ['------< Gratuitous ARP delays >------', ...rows];
}

function socketRows(socket: VrrpSocket, { model }: DumpParts): string[] {
  const members = model.instances.filter((each) => socket.instances.includes(each.name));
  const rows = [` fd_in ${socket.fdIn} fd_out = ${socket.fdOut}`, `   Interface = ${socket.interfaceName}`];
  rows.push(`   Family = ${socket.family === 'inet' ? 'IPv4' : 'IPv6'}`);
  rows.push(`   Protocol = ${socket.protocol === IPPROTO_AH ? 'AH' : 'VRRP'}`);
  rows.push(`   Type = ${socket.source === '' ? 'Multicast' : 'Unicast'}`);
  if (socket.source !== '') rows.push(`   Address = ${socket.source}`);
  rows.push(`   Rx buf size = ${socket.receiveBytes}`, '   VRRP instances');
  const byVrid = [...members].sort((a, b) => a.vrid - b.vrid);
  return [...rows, ...byVrid.map((each) => `     ${each.name} vrid ${each.vrid}`)];
}

function groupRows(group: VrrpSyncGroup, { model, groups, instances }: DumpParts): string[] {
  const state = groups.find((each) => each.name === group.name)?.state ?? 'init';
  const members = instances.filter((each) => group.members.includes(each.name));
  const faulty = members.filter((each) => each.faults.link || each.faults.address || each.faults.tracker > 0).length;
  const initial = members.filter((each) => each.state === 'init').length;
  return [
    ` VRRP Sync Group = ${group.name}, ${STATE_NAMES[state]}`,
    `   Num member fault ${faulty}, num member init ${initial}`,
    '   VRRP member instances :',
    ...group.members.map((name) => `     ${name}`),
    ...(group.trackingIsAny ? ['   sync group tracking weight set'] : []),
    `   Using smtp notification = ${yesNo(group.smtpAlert)}`,
    ...trackedRows(group.trackInterfaces, group.tracked, model, 'Tracked process'),
    ...notifyRows(group.notify, model),
  ];
}
