// What instances and groups watch and tell: track_interface, track_script, track_file, track_process, track_bfd,
// notify_* (keepalived.conf(5), "Tracking", "Notify scripts"). The same rows serve both.
//
// weir's own: `weir:backend NAME up>=N` in track_script watches the servers of a backend, with no script.

import type { TrackedObject } from '../../model/vrrp.ts';
import type { Mutable, NotifyDraft, TrackedDraft } from './drafts.ts';
import type { KeywordTable, Parse, Row } from './keyword-table.ts';
import { parseNotifyScript } from './scripts.ts';
import type { Words } from './words.ts';

const WEIGHT_MAX = 253;

/** Whose trackers they are, and its name for the messages. */
export interface Tracking {
  readonly about: string;
  readonly list: {
    trackInterfaces: Mutable<{ name: string; weight: number; reverse: boolean }>[];
    tracked: TrackedDraft[];
  };
}

/** Something that may be tracked, declared before. */
interface Declared {
  readonly weight: number;
  readonly weightReverse: boolean;
}

type Kind = 'script' | 'file' | 'process' | 'bfd';

/** track_… of a block. */
export function trackRows(of: (parse: Parse) => Tracking): KeywordTable {
  const rowOf = (kind: Kind): Row => ({
    set: (words, parse) => parse.eachLine(words, (line) => takeObject(kind, line, parse, of(parse))),
  });
  return {
    track_interface: {
      set: (words, parse) => parse.eachLine(words, (line) => takeInterface(line, parse, of(parse))),
    },
    track_script: rowOf('script'),
    track_file: rowOf('file'),
    track_process: rowOf('process'),
    track_bfd: rowOf('bfd'),
  };
}

function takeInterface(line: Words, parse: Parse, { about, list }: Tracking): void {
  const name = line.at(0);
  if (!parse.interfaceExists(name)) {
    parse.warning(`(${about}) tracked interface ${name} doesn't exist`);
    return;
  }
  if (list.trackInterfaces.some((each) => each.name === name)) {
    parse.warning(`(${about}) duplicate track_interface ${name} - ignoring`);
    return;
  }
  const entry = { name, weight: 0, reverse: false };
  if (line.count >= 2) {
    if (line.at(1) !== 'weight') {
      parse.warning(`(${about}) unknown track_interface ${name} option ${line.at(1)} - ignoring`);
      return;
    }
    if (line.count === 2) {
      parse.warning(`(${about}) weight without value specified for track_interface ${name} - ignoring`);
      return;
    }
    const weight = parse.numbers.int(line.at(2), -254, 254);
    if (weight === null) {
      const range = 'must be between [-253..253] inclusive. Ignoring...';
      parse.warning(`(${about}) weight ${line.at(2)} for ${name} ${range}`);
    } else entry.weight = cutWeight(weight, about, name, parse);
    const option = line.list[3];
    if (option === 'reverse') entry.reverse = true;
    else if (option !== undefined) {
      parse.warning(`(${about}) unknown track_interace ${name} weight option ${option} - ignoring`);
    }
  }
  list.trackInterfaces.push(entry);
}

function cutWeight(weight: number, about: string, name: string, parse: Parse): number {
  if (Math.abs(weight) <= WEIGHT_MAX) return weight;
  parse.warning(`(${about}) weight for ${name} cannot be +/-254. Setting to +/-253`);
  return weight < 0 ? -WEIGHT_MAX : WEIGHT_MAX;
}

function declared(kind: Kind, name: string, { draft }: Parse): Declared | undefined {
  if (kind === 'script') return draft.scripts.find((each) => each.name === name);
  if (kind === 'file') return draft.trackFiles.find((each) => each.name === name);
  if (kind === 'process') return draft.trackProcesses.find((each) => each.name === name);
  const bfd = draft.bfds.find((each) => each.name === name && each.forVrrp);
  return bfd === undefined ? undefined : { weight: bfd.weight, weightReverse: bfd.reverse };
}

function takeObject(kind: Kind, line: Words, parse: Parse, tracking: Tracking): void {
  const { about, list } = tracking;
  const name = line.at(0);
  if (kind === 'script' && name === 'weir:backend') {
    takeBackend(line, parse, tracking);
    return;
  }
  const object = declared(kind, name, parse);
  if (object === undefined) {
    parse.warning(`(${about}) track ${kind} ${name} not found, ignoring...`);
    return;
  }
  if (list.tracked.some((each) => each.kind === kind && each.name === name)) {
    parse.warning(`(${about}) duplicate track_${kind} ${name} - ignoring`);
    return;
  }
  const entry = { kind, name, weight: object.weight, reverse: object.weightReverse, serversUpMin: 0 };
  if (takeWeight(entry, { line, at: 1, kind, name }, parse, about)) list.tracked.push(entry);
}

/** `weight N [reverse|noreverse]` from word `at` on. False: the line is left out. */
function takeWeight(
  entry: TrackedDraft,
  { line, at, kind, name }: { line: Words; at: number; kind: Kind; name: string },
  parse: Parse,
  about: string,
): boolean {
  if (line.count <= at) return true;
  if (line.at(at) !== 'weight') {
    const which = kind === 'bfd' ? ` ${name}` : '';
    parse.warning(`(${about}) unknown track ${kind}${which} option ${line.at(at)} - ignoring`);
    return false;
  }
  if (line.count === at + 1) {
    parse.warning(`(${about}) weight without value specified for track ${kind} ${name} - ignoring`);
    return false;
  }
  const limit = kind === 'bfd' ? WEIGHT_MAX : WEIGHT_MAX + 1;
  const weight = parse.numbers.int(line.at(at + 1), -limit, limit);
  if (weight === null) {
    parse.warning(
      kind === 'script'
        ? `(${about}) track script ${name}: weight must be between [-253..253] inclusive, ignoring...`
        : `(${about}) weight for track ${kind} ${name} must be in [-${limit}..${limit}] inclusive. Ignoring...`,
    );
  } else entry.weight = kind === 'script' ? cutWeight(weight, about, name, parse) : weight;
  const option = line.list[at + 2];
  if (option === 'reverse' || option === 'noreverse') entry.reverse = option === 'reverse';
  else if (option !== undefined) {
    const which = kind === 'script' || kind === 'process' ? `track_${kind}` : `track ${kind}`;
    parse.warning(`(${about}) unknown ${which} ${name} weight option ${option} - ignoring`);
    return kind === 'script' || kind === 'process';
  }
  return true;
}

/** `weir:backend NAME up>=N`: its name and number; null: it does not look like that. */
export function parseBackendCheck(words: readonly string[]): { name: string; serversUpMin: number } | null {
  const match = /^up>=(\d{1,6})$/.exec(words.slice(2).join(''));
  const name = words[1];
  if (words[0] !== 'weir:backend' || name === undefined || match === null || Number(match[1]) < 1) return null;
  return { name, serversUpMin: Number(match[1]) };
}

function takeBackend(line: Words, parse: Parse, { about, list }: Tracking): void {
  const weightAt = line.list.indexOf('weight', 2);
  const end = weightAt < 0 ? line.count : weightAt;
  const backend = parseBackendCheck(line.list.slice(0, end));
  if (backend === null) {
    parse.diagnostics.error(
      `(${about}) weir:backend expects a backend's name and up>=N, as in 'weir:backend web up>=2'`,
    );
    return;
  }
  const entry: TrackedDraft = { kind: 'backend', ...backend, weight: 0, reverse: false };
  if (list.tracked.some((each) => each.kind === 'backend' && each.name === entry.name)) {
    parse.warning(`(${about}) duplicate track_script weir:backend ${entry.name} - ignoring`);
  } else if (takeWeight(entry, { line, at: end, kind: 'script', name: line.at(0) }, parse, about)) {
    list.tracked.push(entry);
  }
}

/** A tracked object as the model has it. */
export const trackedObject = ({ kind, name, weight, reverse, serversUpMin }: TrackedDraft): TrackedObject => ({
  kind,
  name,
  weight,
  reverse,
  serversUpMin,
});

/** Whose scripts they are, and how messages begin. */
export interface Notifying {
  readonly about: string;
  readonly notify: NotifyDraft;
}

const NOTIFY_WORDS: Readonly<Record<string, keyof NotifyDraft>> = {
  notify_master: 'master',
  notify_backup: 'backup',
  notify_fault: 'fault',
  notify_stop: 'stop',
  notify: 'any',
};

/** One notify keyword: the first of it counts. */
export function notifyRow(word: string, key: keyof NotifyDraft, of: (parse: Parse) => Notifying): Row {
  return {
    quoted: true,
    set(words, parse) {
      const { about, notify } = of(parse);
      if (notify[key] === null) notify[key] = parseNotifyScript(words, 'notify', parse);
      else parse.warning(`${about} ${word} script already specified - ignoring ${words.at(1)}`);
    },
  };
}

/** notify_… that instances and groups share. */
export function notifyRows(of: (parse: Parse) => Notifying): KeywordTable {
  return Object.fromEntries(Object.entries(NOTIFY_WORDS).map(([word, key]) => [word, notifyRow(word, key, of)]));
}
