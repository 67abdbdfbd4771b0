// `weir vrrp` on a terminal: who is master and since when, what is wrong, what is watched, what happened last.

import type { VrrpBfdStatus } from '../../core/model/vrrp-worker.ts';
import type { InstanceReport, VrrpReport } from './report.ts';

const TRANSITIONS_SHOWN = 8;
const ALARM = ['\x1b[1;31m', '\x1b[0m'] as const; // bold, red

const ERRORS = [
  ...['packet_len_err', 'ip_ttl_err', 'invalid_type_rcvd', 'advert_interval_err', 'addr_list_err', 'chk_err'],
  ...['vers_err', 'invalid_authtype', 'authtype_mismatch', 'auth_failure'],
];

/** Everything; `colored` marks a split brain. */
export function pageOf(report: VrrpReport, colored: boolean): string {
  const parts = [tableOf(report)];
  const troubles = report.instances.flatMap((each) => troublesOf(each));
  if (troubles.length > 0) {
    const mark = ({ text, alarm }: Trouble): string => (alarm && colored ? `${ALARM[0]}${text}${ALARM[1]}` : text);
    parts.push(`${troubles.map(mark).join('\n')}\n`);
  }
  const { tracking } = report;
  if (tracking.length > 0) {
    const rows = tracking.map((each) => [each.name, each.kind, upText(each.up), each.by.join(' '), each.detail]);
    parts.push(columns([['TRACKED', 'KIND', 'STATE', 'BY', 'DETAIL'], ...rows]));
  }
  if (report.bfd.length > 0) parts.push(bfdTableOf(report.bfd));
  const last = report.transitions.slice(-TRANSITIONS_SHOWN);
  if (last.length > 0) {
    const rows = last.map(({ at, name, from, to, reason }) => [at, name, from || '-', to, reason]);
    parts.push(columns([['WHEN', 'INSTANCE', 'FROM', 'TO', 'WHY'], ...rows]));
  }
  return parts.join('\n');
}

const upText = (up: boolean | null): string => (up === null ? '-' : up ? 'up' : 'DOWN');

/** One row an instance. */
export function tableOf(report: VrrpReport): string {
  const rows = [['INSTANCE', 'STATE', 'FOR', 'IF', 'VRID', 'PRIO', 'MASTER', 'SENT', 'RCVD', 'ERRORS', 'ADDRESSES']];
  for (const each of report.instances) {
    const { counters } = each;
    const errors = ERRORS.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
    const priority =
      each.priority === each.effectivePriority ? String(each.priority) : `${each.effectivePriority} (${each.priority})`;
    rows.push([
      each.name,
      each.state.toUpperCase(),
      durationText(each.sinceMs),
      each.interface,
      String(each.vrid),
      priority,
      each.state === 'master' ? 'self' : each.master || '-',
      String(counters['advert_sent'] ?? 0),
      String(counters['advert_rcvd'] ?? 0),
      String(errors),
      each.addresses.join(' '),
    ]);
  }
  return columns(rows);
}

/** One row a BFD session. */
function bfdTableOf(sessions: readonly VrrpBfdStatus[]): string {
  const rows = sessions.map((each) => [
    each.name,
    each.state.toUpperCase(),
    durationText(each.sinceMs),
    each.neighbor,
    each.txIntervalMs < 0 ? '-' : `${each.txIntervalMs}ms`,
    `${each.detectionMs}ms`,
    String(each.counters['packets_sent'] ?? 0),
    String(each.counters['packets_rcvd'] ?? 0),
    String(each.counters['down'] ?? 0),
    each.reason,
  ]);
  return columns([['BFD', 'STATE', 'FOR', 'NEIGHBOR', 'EVERY', 'DETECTS', 'SENT', 'RCVD', 'FELL', 'WHY'], ...rows]);
}

interface Trouble {
  text: string;
  alarm: boolean;
}

function troublesOf({ name, faults, splitBrain, counters }: InstanceReport): Trouble[] {
  const found: Trouble[] = [];
  const times = `${splitBrain.adverts} ${splitBrain.adverts === 1 ? 'advert' : 'adverts'}`;
  const last = `the last ${durationText(splitBrain.lastMs)} ago`;
  if (splitBrain.now) {
    found.push({ text: visible(`${name}: SPLIT BRAIN, there is another master: ${times}, ${last}`), alarm: true });
  } else if (splitBrain.adverts > 0) {
    const ago = splitBrain.lastMs < 0 ? '' : `, ${last}`;
    found.push({ text: visible(`${name}: there was another master: ${times}${ago}`), alarm: false });
  }
  if (faults.link) found.push({ text: visible(`${name}: its interface is missing or down`), alarm: false });
  if (faults.address) found.push({ text: visible(`${name}: it has no address to send from`), alarm: false });
  if (faults.tracker > 0) {
    const what = faults.tracker === 1 ? 'something it tracks has' : `${faults.tracker} things it tracks have`;
    found.push({ text: visible(`${name}: ${what} failed`), alarm: false });
  }
  const late = counters['late_master'] ?? 0;
  if (late > 0) found.push({ text: visible(`${name}: gave up ${late} times because it woke too late`), alarm: false });
  const spoken = counters['advert_by_deputy'] ?? 0;
  if (spoken > 0) {
    const text = `${name}: ${spoken} adverts were late and sent by its deputy: the machine's processors come and go`;
    found.push({ text: visible(text), alarm: false });
  }
  return found;
}

/** `5s`, `3m05s`, `2h13m`, `4d02h`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(visible));
  const widths = shown[0]!.map((_, column) => Math.max(...shown.map((row) => row[column]!.length)));
  const lines = shown.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** Names come from files and reasons from the network's addresses: nothing of them steers a terminal. */
const visible = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
