// table_… and in_table: what a stick table knows of the value at hand (manual §7.3.1).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { NO_ENTRY, type StickTable } from '../tables/stick-table.ts';
import type { Convert, ConverterRow, Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import { keyOf, tableKey } from './table-key.ts';
import { NOT_STORED, readEntry, type TableRead, tableReads } from './table-reads.ts';
import { type Sample, TYPE_ANY, TYPE_BOOL, TYPE_SINT } from './types.ts';

const TABLE_ARG: Signature = { kinds: ['table'], min: 1 };
const ELEMENT_ARGS: Signature = { kinds: ['sint', 'table'], min: 2 };
const DEFAULT_ARGS: Signature = { kinds: ['table', 'sint'], min: 1 };

function indexOf(args: readonly Arg[], at: number): number {
  const arg = args[at];
  assert(arg?.kind === 'table' && arg.index >= 0, 'a table argument was not resolved');
  return arg.index;
}

function look(table: StickTable, sample: Sample, subject: Subject): number {
  if (!keyOf(table, sample, subject)) return NO_ENTRY;
  return table.find(tableKey.bytes, tableKey.offset, tableKey.length, subject.clock.nowMs);
}

/** table_gpc0 reads what sc_get_gpc0 reads, and so on. */
const nameOf = (what: TableRead): string => `table_${what.name.replace(/^get_/, '')}`;

function readRow(what: TableRead): ConverterRow {
  const withElement = what.element < 0;
  return {
    name: nameOf(what),
    args: withElement ? ELEMENT_ARGS : TABLE_ARG,
    in: TYPE_ANY,
    out: TYPE_SINT,
    compile(args): Convert {
      const arg = args[0];
      const element = withElement && arg?.kind === 'sint' ? arg.value : 0;
      const tableIndex = indexOf(args, withElement ? 1 : 0);
      return (sample, subject) => {
        const table = subject.tables[tableIndex]!;
        const entry = look(table, sample, subject);
        sample.setInt(0);
        if (entry === NO_ENTRY) return true;
        const value = readEntry(table, entry, what, element, subject.clock.nowMs);
        if (value === NOT_STORED) return false;
        sample.setInt(value);
        return true;
      };
    },
  };
}

/** The time an entry has left, or how long it has not been used; the second argument stands in for a key that is not there. */
function timeRow(name: string, msOf: (table: StickTable, entry: number, nowMs: number) => number): ConverterRow {
  return {
    name,
    args: DEFAULT_ARGS,
    in: TYPE_ANY,
    out: TYPE_SINT,
    compile(args): Convert {
      const tableIndex = indexOf(args, 0);
      const arg = args[1];
      const instead = arg?.kind === 'sint' ? arg.value : null;
      return (sample, subject) => {
        const table = subject.tables[tableIndex]!;
        const entry = look(table, sample, subject);
        if (entry === NO_ENTRY && instead === null) return false;
        sample.setInt(entry === NO_ENTRY ? instead! : msOf(table, entry, subject.clock.nowMs));
        return true;
      };
    },
  };
}

const inTable: ConverterRow = {
  name: 'in_table',
  args: TABLE_ARG,
  in: TYPE_ANY,
  out: TYPE_BOOL,
  compile(args): Convert {
    const tableIndex = indexOf(args, 0);
    return (sample, subject) => {
      sample.setBool(look(subject.tables[tableIndex]!, sample, subject) !== NO_ENTRY);
      return true;
    };
  },
};

const read = (name: string, kind: TableRead['kind'], type: TableRead['type']): TableRead => ({
  name,
  kind,
  type,
  array: null,
  element: 0,
  changes: false,
});

export const tableConverters: readonly ConverterRow[] = [
  inTable,
  ...tableReads.map(readRow),
  readRow(read('trackers', 'trackers', 'conn_cur')),
  readRow(read('server_id', 'count', 'server_id')),
  timeRow('table_expire', (table, entry, nowMs) => table.leftMs(entry, nowMs)),
  timeRow('table_idle', (table, entry, nowMs) => {
    const { expireMs } = table.model;
    return expireMs === 0 ? 0 : expireMs - table.leftMs(entry, nowMs);
  }),
];
