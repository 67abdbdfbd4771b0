// sc_…, sc0_… to sc2_… and src_…: what stick tables know of what is tracked, and of the client's address (manual §7.3.3).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { NO_ENTRY, type StickTable } from '../tables/stick-table.ts';
import { sourceSample } from './fetch-connection.ts';
import type { ArgKind, Fetch, FetchRow, Signature } from './rows.ts';
import type { Subject, TrackedView } from './subject.ts';
import { keyOf, keyValue, tableKey } from './table-key.ts';
import { NOT_STORED, readEntry, type TableRead, tableReads } from './table-reads.ts';
import { type Sample, TYPE_ANY, TYPE_BOOL, TYPE_SINT, USE_INTRN, USE_L4CLI } from './types.ts';

/** The last lookup's answer. */
export const foundCounter: { table: StickTable | null; entry: number } = { table: null, entry: NO_ENTRY };

/** A counter of the stream, else of its connection, into foundCounter. False: nothing is tracked there. */
export function findTracked(subject: Subject, counter: number): boolean {
  const tracked =
    trackedBy(subject.stream?.tracked ?? null, counter) ?? trackedBy(subject.front?.tracked ?? null, counter);
  if (tracked === null) return false;
  foundCounter.table = subject.tables[tracked.tables[counter]!]!;
  foundCounter.entry = tracked.entries[counter]!;
  return true;
}

function trackedBy(tracked: TrackedView | null, counter: number): TrackedView | null {
  return tracked !== null && counter < tracked.tables.length && tracked.tables[counter]! >= 0 ? tracked : null;
}

/** The same key in another table. False: it is not there. */
function lookElsewhere(subject: Subject, tableIndex: number): boolean {
  const key = foundCounter.table!.key(foundCounter.entry);
  foundCounter.table = subject.tables[tableIndex]!;
  foundCounter.entry = foundCounter.table.find(key, 0, key.length, subject.clock.nowMs);
  return foundCounter.entry !== NO_ENTRY;
}

function tableArg(args: readonly Arg[], at: number): number {
  const arg = args[at];
  if (arg === undefined || arg.kind !== 'table') return -1;
  assert(arg.index >= 0, 'a table argument was not resolved');
  return arg.index;
}

const intArg = (args: readonly Arg[], at: number): number => {
  const arg = args[at];
  return arg?.kind === 'sint' ? arg.value : 0;
};

type Found = (subject: Subject, sample: Sample) => boolean;

/** `sc_NAME(counter[, element][, table])` and its short forms, which have the counter in their name. */
function trackedRow(
  name: string,
  out: number,
  fixed: number,
  withElement: boolean,
  use: (element: number) => Found,
): FetchRow {
  const kinds: ArgKind[] = [];
  if (withElement) kinds.push('sint');
  if (fixed < 0) kinds.push('sint');
  const min = kinds.length;
  if (name !== 'key') kinds.push('table');
  return {
    name: fixed < 0 ? `sc_${name}` : `sc${fixed}_${name}`,
    args: { kinds, min },
    out,
    uses: USE_INTRN,
    compile(args): Fetch {
      const element = withElement ? intArg(args, 0) : 0;
      const counter = fixed < 0 ? intArg(args, withElement ? 1 : 0) : fixed;
      const table = tableArg(args, min);
      const get = use(element);
      return (subject, sample) => {
        // Whether it is tracked can always be told.
        const isThere = findTracked(subject, counter) && (table < 0 || lookElsewhere(subject, table));
        if (!isThere) foundCounter.entry = NO_ENTRY;
        if (!isThere && out !== TYPE_BOOL) return false;
        sample.setInt(0);
        return get(subject, sample);
      };
    },
  };
}

function valueOf(what: TableRead, element: number): Found {
  return (subject, sample) => {
    const { table, entry } = foundCounter;
    if (entry === NO_ENTRY) return true;
    const value = readEntry(table!, entry, what, element, subject.clock.nowMs);
    if (value === NOT_STORED) return false;
    sample.setInt(value);
    return true;
  };
}

const isTracked: Found = (_subject, sample) => {
  sample.setBool(foundCounter.entry !== NO_ENTRY);
  return true;
};

const trackerCount: Found = (_subject, sample) => {
  if (foundCounter.entry !== NO_ENTRY) sample.setInt(foundCounter.table!.referenceCount(foundCounter.entry));
  return true;
};

const keyFound: Found = (_subject, sample) => {
  if (foundCounter.entry === NO_ENTRY) return false;
  keyValue(foundCounter.table!, foundCounter.entry, sample);
  return true;
};

/** The forms of one counter; `fixed` −1: an argument names it. The short forms know no array elements. */
function trackedRows(fixed: number): FetchRow[] {
  const reads = tableReads.filter((what) => fixed < 0 || what.element >= 0);
  return [
    ...reads.map((what) =>
      trackedRow(what.name, TYPE_SINT, fixed, what.element < 0, (element) => valueOf(what, element)),
    ),
    trackedRow('tracked', TYPE_BOOL, fixed, false, () => isTracked),
    trackedRow('trackers', TYPE_SINT, fixed, false, () => trackerCount),
    trackedRow('key', TYPE_ANY, fixed, false, () => keyFound),
  ];
}

const SOURCE_ARG: Signature = { kinds: ['table'], min: 1 };
const SOURCE_ELEMENT_ARGS: Signature = { kinds: ['sint', 'table'], min: 2 };

/** `src_NAME([element,] table)`: what the table knows of the client's address. */
function sourceRow(what: TableRead): FetchRow {
  const withElement = what.element < 0;
  return {
    name: `src_${what.name}`,
    args: withElement ? SOURCE_ELEMENT_ARGS : SOURCE_ARG,
    out: TYPE_SINT,
    uses: USE_L4CLI,
    compile(args): Fetch {
      const element = withElement ? intArg(args, 0) : 0;
      const tableIndex = tableArg(args, withElement ? 1 : 0);
      return (subject, sample) => {
        const table = subject.tables[tableIndex]!;
        const { nowMs } = subject.clock;
        if (!sourceSample(subject, sample) || !keyOf(table, sample, subject)) return false;
        const { bytes, offset, length } = tableKey;
        const entry = what.changes
          ? table.obtain(bytes, offset, length, nowMs)
          : table.find(bytes, offset, length, nowMs);
        sample.setInt(0);
        if (entry === NO_ENTRY) return true;
        const value = readEntry(table, entry, what, element, nowMs);
        if (value === NOT_STORED) return false;
        sample.setInt(value);
        return true;
      };
    },
  };
}

/** `src_updt_conn_cnt(table)`: counts the connection, and gives the count (manual §7.3.3). */
const updateRow: FetchRow = {
  name: 'src_updt_conn_cnt',
  args: SOURCE_ARG,
  out: TYPE_SINT,
  uses: USE_L4CLI,
  compile(args): Fetch {
    const tableIndex = tableArg(args, 0);
    return (subject, sample) => {
      const table = subject.tables[tableIndex]!;
      const { nowMs } = subject.clock;
      if (!sourceSample(subject, sample) || !keyOf(table, sample, subject)) return false;
      const entry = table.obtain(tableKey.bytes, tableKey.offset, tableKey.length, nowMs);
      const cell = table.column('conn_cnt');
      if (entry === NO_ENTRY || cell < 0) return false;
      sample.setInt(table.add(entry, cell, 1));
      return true;
    };
  },
};

const TABLE_ARG: Signature = { kinds: ['table'], min: 1 };

/** `table_cnt(table)` and `table_avl(table)`: entries in use, and room for more. */
const tableRow = (name: string, count: (table: StickTable) => number): FetchRow => ({
  name,
  args: TABLE_ARG,
  out: TYPE_SINT,
  uses: USE_INTRN,
  compile(args): Fetch {
    const tableIndex = tableArg(args, 0);
    return (subject, sample) => {
      sample.setInt(count(subject.tables[tableIndex]!));
      return true;
    };
  },
});

export const counterFetches: readonly FetchRow[] = [
  ...trackedRows(-1),
  ...trackedRows(0),
  ...trackedRows(1),
  ...trackedRows(2),
  ...tableReads.map(sourceRow),
  updateRow,
  tableRow('table_cnt', (table) => table.usedCount),
  tableRow('table_avl', (table) => table.model.size - table.usedCount),
];
