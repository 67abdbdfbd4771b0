// What can be asked of an entry of a stick table, once for all who ask: sc_…, src_… and table_… (manual §7.3.2, §7.3.3).

import type { TableColumn, TableDataType } from '../model/tables.ts';
import type { StickTable } from '../tables/stick-table.ts';

/** Not a number that was counted: the table does not store it. */
export const NOT_STORED = -1;

export interface TableRead {
  readonly name: string; // behind sc_ and src_
  readonly kind: 'count' | 'kbytes' | 'rate' | 'inc' | 'clear' | 'trackers';
  readonly type: TableDataType; // what is read or counted
  readonly array: TableDataType | null; // where gpc0 and its like live in a table that stores gpc(n)
  readonly element: number; // in that array; −1: an argument says it
  readonly changes: boolean; // makes the entry when src_ does not find it
}

const read = (name: string, kind: TableRead['kind'], type: TableDataType): TableRead => ({
  name,
  kind,
  type,
  array: null,
  element: 0,
  changes: false,
});

const counts = (...types: TableDataType[]): TableRead[] => types.map((type) => read(type, 'count', type));
const rates = (...types: TableDataType[]): TableRead[] => types.map((type) => read(type, 'rate', type));

/** gpc0 and gpc1 are the first elements of gpc(n) where the table has that. */
function general(element: 0 | 1): TableRead[] {
  const type = `gpc${element}` as const;
  return [
    { ...read(`get_${type}`, 'count', type), array: 'gpc', element },
    { ...read(`${type}_rate`, 'rate', `${type}_rate`), array: 'gpc_rate', element },
    { ...read(`inc_${type}`, 'inc', type), array: 'gpc', element, changes: true },
    { ...read(`clr_${type}`, 'clear', type), array: 'gpc', element, changes: true },
  ];
}

export const tableReads: readonly TableRead[] = [
  ...counts('conn_cnt', 'conn_cur', 'sess_cnt', 'http_req_cnt', 'http_err_cnt', 'http_fail_cnt', 'glitch_cnt'),
  ...rates('conn_rate', 'sess_rate', 'http_req_rate', 'http_err_rate', 'http_fail_rate', 'glitch_rate'),
  ...rates('bytes_in_rate', 'bytes_out_rate'),
  read('kbytes_in', 'kbytes', 'bytes_in_cnt'),
  read('kbytes_out', 'kbytes', 'bytes_out_cnt'),
  { ...read('get_gpt0', 'count', 'gpt0'), array: 'gpt' },
  ...general(0),
  ...general(1),
  { ...read('get_gpt', 'count', 'gpt'), element: -1 },
  { ...read('get_gpc', 'count', 'gpc'), element: -1 },
  { ...read('gpc_rate', 'rate', 'gpc_rate'), element: -1 },
  { ...read('inc_gpc', 'inc', 'gpc'), element: -1, changes: true },
  { ...read('clr_gpc', 'clear', 'gpc'), element: -1, changes: true },
];

/** Where a column's element stands: −1 when the table does not store it. */
export function cellOf(table: StickTable, type: TableDataType, array: TableDataType | null, element: number): number {
  const own = table.column(type);
  if (own >= 0 && (array !== null || element < table.elementCount(type))) {
    return type.endsWith('_rate')
      ? table.rateCell(own, array === null ? element : 0)
      : own + (array === null ? element : 0);
  }
  if (array === null) return -1;
  const column = table.column(array);
  if (column < 0 || element >= table.elementCount(array)) return -1;
  return array.endsWith('_rate') ? table.rateCell(column, element) : column + element;
}

export function periodOf(table: StickTable, type: TableDataType, array: TableDataType | null): number {
  const found = table.model.columns.find((column: TableColumn) => column.type === type || column.type === array);
  return found === undefined ? 0 : found.periodMs;
}

/** The rate that belongs to a counter: gpc0 → gpc0_rate. */
const rateOf = (type: TableDataType): TableDataType => `${type.replace(/_cnt$/, '')}_rate` as TableDataType;

/** Counts an event in a counter and in its rate, as far as the table stores them; the counter's new value, or NOT_STORED. */
export function countEvent(
  table: StickTable,
  entry: number,
  type: TableDataType,
  array: TableDataType | null,
  element: number,
  by: number,
  nowMs: number,
): number {
  const rateType = rateOf(type);
  const rateArray = array === null ? null : rateOf(array);
  const rate = cellOf(table, rateType, rateArray, element);
  if (rate >= 0) table.count(entry, rate, by, periodOf(table, rateType, rateArray), nowMs);
  const cell = cellOf(table, type, array, element);
  return cell < 0 ? (rate < 0 ? NOT_STORED : 0) : table.add(entry, cell, by);
}

/** What a read of this entry gives; NOT_STORED: the table has nothing of the kind. */
export function readEntry(table: StickTable, entry: number, what: TableRead, argument: number, nowMs: number): number {
  const element = what.element < 0 ? argument : what.element;
  if (what.kind === 'trackers') return table.referenceCount(entry);
  if (what.kind === 'inc') return countEvent(table, entry, what.type, what.array, element, 1, nowMs);
  const cell = cellOf(table, what.type, what.array, element);
  if (cell < 0) return NOT_STORED;
  if (what.kind === 'rate') return table.rate(entry, cell, periodOf(table, what.type, what.array), nowMs);
  const value = table.get(entry, cell);
  if (what.kind === 'clear') table.set(entry, cell, 0);
  return what.kind === 'kbytes' ? Math.floor(value / 1024) : value;
}
