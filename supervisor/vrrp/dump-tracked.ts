// What is tracked in keepalived.data: who tracks what with which weight, and how each script, file, process and BFD
// session stands.

import type { TrackedInterface, TrackedObject, VrrpModel, VrrpScript } from '../../core/model/vrrp.ts';
import { commandText, ownerText } from './dump-words.ts';
import type { DumpParts, InstanceStatus, TrackedProcessStatus, TrackingStatus } from './status.ts';

export const listRows = (title: string, rows: readonly string[]): string[] =>
  rows.length === 0 ? [] : [`   ${title}`, ...rows];

export function trackedRows(
  interfaces: readonly TrackedInterface[],
  tracked: readonly TrackedObject[],
  model: VrrpModel,
  processes: string,
): string[] {
  const of = (kind: TrackedObject['kind'], comma: string): string[] =>
    tracked.filter((each) => each.kind === kind).map((each) => `     ${each.name}${comma} ${weightText(each, model)}`);
  const links = interfaces.map((each) => `     ${each.name} weight ${each.weight}${each.reverse ? ' reverse' : ''}`);
  return [
    ...listRows('Tracked interfaces :', links),
    ...listRows('Tracked scripts :', [...of('script', ''), ...of('backend', '')]),
    ...listRows('Tracked files :', of('file', ',')),
    ...listRows(`${processes} :`, of('process', ',')),
    ...listRows('Tracked BFDs :', of('bfd', ':')),
  ];
}

/** A line's own weight, else the object's; `reverse` may come from either. */
function weightText(tracked: TrackedObject, model: VrrpModel): string {
  const lists = { script: model.scripts, file: model.trackFiles, process: model.trackProcesses, bfd: [], backend: [] };
  const object = lists[tracked.kind].find((each) => each.name === tracked.name);
  const weight = tracked.weight ?? object?.weight ?? 0;
  const reverse = tracked.reverse || (tracked.weight === null && (object?.weightReverse ?? false));
  return `weight ${weight}${reverse ? ' reverse' : ''}`;
}

export const scriptsOf = (instance: InstanceStatus, model: VrrpModel): string[] => {
  const group = model.groups.find((each) => each.members.includes(instance.name));
  const tracked = [...instance.config.tracked, ...(group?.tracked ?? [])];
  return tracked.filter((each) => each.kind === 'script').map((each) => each.name);
};

export const scriptStatus = (name: string, tracking: TrackingStatus): TrackingStatus['scripts'][number] | undefined =>
  tracking.scripts.find((each) => each.name === name);

/** `1 sec`, `0.250 sec`. */
const secondsText = (ms: number): string => `${ms % 1000 === 0 ? ms / 1000 : (ms / 1000).toFixed(3)} sec`;

export function scriptRows(script: VrrpScript, parts: DumpParts): string[] {
  const { model, tracking } = parts;
  const status = scriptStatus(script.name, tracking);
  const words = script.backend === null ? script.command : [`weir:backend ${script.backend.name}`];
  return [
    ` VRRP Script = ${script.name}`,
    `   Command = ${script.shell ? words.join(' ') : commandText(words)}`,
    `   Interval = ${secondsText(script.intervalMs)}`,
    `   Timeout = ${secondsText(script.timeoutMs)}`,
    `   Weight = ${script.weight}${script.weightReverse ? ' reverse' : ''}`,
    `   Rise = ${script.rise}`,
    `   Fall = ${script.fall}`,
    `   Result = ${status?.result ?? 0}`,
    '   Insecure = no',
    `   Init state = ${status === undefined || !status.known ? (script.initFail ? 'INIT/FAILED' : 'INIT') : 'unknown'}`,
    `   Status = ${status?.up ? 'GOOD' : 'BAD'}`,
    `   Script uid:gid = ${ownerText(script, model.global.scriptUser)}`,
    '   VRRP instances :',
    ...trackersOf('script', script.name, model),
    `   State = ${status?.running ? 'running' : 'idle'}`,
  ];
}

export function fileRows(file: VrrpModel['trackFiles'][number], { model, tracking }: DumpParts): string[] {
  const value = tracking.files.find((each) => each.name === file.name)?.value ?? 0;
  return [
    ` Track file = ${file.name}`,
    `   File = ${file.path}`,
    `   Status = ${value}`,
    `   Weight = ${file.weight}${file.weightReverse ? ' reverse' : ''}`,
    ...trackersOf('file', file.name, model),
  ];
}

export function processRows(each: VrrpModel['trackProcesses'][number], { model, tracking }: DumpParts): string[] {
  const status = tracking.processes.find((process) => process.name === each.name);
  const match = each.parameterMatch === 'exact' ? '' : ` = ${each.parameterMatch}`;
  const runs = (timer: TrackedProcessStatus['waiting']): string =>
    status?.waiting === timer ? 'running' : 'not running';
  return [
    ` VRRP Track process = ${each.name}`,
    `   Process = ${each.process}`,
    ...(each.parameters.length > 0 ? [`   Parameters = ${each.parameters.join(' ')}`] : []),
    ...(each.parameterMatch === 'none' ? [] : [`   Param match${match}`]),
    `   Min processes = ${each.quorum}`,
    ...(each.quorumMax >= 0 ? [`   Max processes = ${each.quorumMax}`] : []),
    `   Current processes = ${status?.count ?? 0}`,
    `   Have quorum = ${status?.up ?? false}`,
    `   Weight = ${each.weight}${each.weightReverse ? ' reverse' : ''}`,
    `   Terminate delay = ${((each.terminateDelayMs || each.delayMs) / 1000).toFixed(6)}s`,
    `   Fork delay = ${((each.forkDelayMs || each.delayMs) / 1000).toFixed(6)}s`,
    `   Fork delay timer ${runs('fork')}`,
    `   Terminate delay timer ${runs('terminate')}`,
    `   Full command = ${each.fullCommand}`,
    ...trackersOf('process', each.name, model),
  ];
}

export function bfdRows({ model, bfd }: DumpParts): string[] {
  return bfd.flatMap(({ name, trackedUp }) => {
    const trackers = trackersOf('bfd', name, model);
    if (trackers.length === 0) return [];
    const state = `   Bfd is ${trackedUp ? 'up' : 'down'}`;
    return [` VRRP Track BFD = ${name}`, state, '   Tracking VRRP instances :', ...trackers];
  });
}

/** Who tracks it, by itself or through its group. */
function trackersOf(kind: TrackedObject['kind'], name: string, model: VrrpModel): string[] {
  const own: string[] = [];
  const byGroup: string[] = [];
  const isIt = (each: TrackedObject): boolean => each.kind === kind && each.name === name;
  for (const instance of model.instances) {
    const tracked = instance.tracked.find(isIt);
    const group = model.groups.find((each) => each.members.includes(instance.name));
    const groupTracked = group?.tracked.find(isIt);
    if (tracked !== undefined) own.push(`     ${instance.name}, ${weightText(tracked, model)}`);
    else if (groupTracked !== undefined) byGroup.push(`     ${instance.name}, ${weightText(groupTracked, model)}`);
  }
  return listRows('Tracking instances :', [...own, ...byGroup]);
}
