// What connections and streams track in stick tables, and the events counted there (manual §4.4 "track-sc0", §11).
//
// A counter of the stream counts before the same counter of its connection, as in HAProxy. Each holds a reference on its
// entry, which is given back when the stream or the connection ends. Who tracks nothing pays a test for null.

import type { TableDataType } from '../model/tables.ts';
import { countEvent } from '../sample/table-reads.ts';
import { NO_ENTRY } from '../tables/stick-table.ts';
import type { Connection } from './connection.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

export class TrackedCounters {
  readonly tables: Int32Array; // in Model.tables; −1: this counter tracks nothing
  readonly entries: Int32Array;

  constructor(count: number) {
    this.tables = new Int32Array(count).fill(-1);
    this.entries = new Int32Array(count).fill(NO_ENTRY);
  }
}

/** Begins to track an entry that is referenced already: counts the connection. */
export function startTracking(
  thread: ProxyThread,
  holder: Connection | Stream,
  counter: number,
  tableIndex: number,
  entry: number,
): void {
  holder.tracked ??= thread.takeTracked();
  holder.tracked.tables[counter] = tableIndex;
  holder.tracked.entries[counter] = entry;
  const table = thread.tables[tableIndex]!;
  const current = table.column('conn_cur');
  if (current >= 0) table.add(entry, current, 1);
  countEvent(table, entry, 'conn_cnt', null, 0, 1, thread.clock.nowMs);
}

/** The stream or connection ends: its entries are released. */
export function stopTracking(thread: ProxyThread, holder: Connection | Stream): void {
  const { tracked } = holder;
  if (tracked === null) return;
  holder.tracked = null;
  for (let counter = 0; counter < tracked.tables.length; counter++) {
    const tableIndex = tracked.tables[counter]!;
    if (tableIndex < 0) continue;
    const table = thread.tables[tableIndex]!;
    const entry = tracked.entries[counter]!;
    const current = table.column('conn_cur');
    if (current >= 0 && table.get(entry, current) > 0) table.add(entry, current, -1);
    table.release(entry, thread.clock.nowMs);
    tracked.tables[counter] = -1;
    tracked.entries[counter] = NO_ENTRY;
  }
  thread.giveTracked(tracked);
}

/** Counts an event in everything the stream and its connection track; a counter of the stream stands for both. */
export function countTracked(
  thread: ProxyThread,
  stream: Stream | null,
  front: Connection,
  type: TableDataType,
  by: number,
): void {
  const own = stream === null ? null : stream.tracked;
  const shared = front.tracked;
  if (own === null && shared === null) return;
  const count = (own ?? shared)!.tables.length;
  for (let counter = 0; counter < count; counter++) {
    const tracked = own !== null && own.tables[counter]! >= 0 ? own : shared;
    if (tracked === null || tracked.tables[counter]! < 0) continue;
    countOne(thread, tracked, counter, type, by);
  }
}

/** Counts an event in one counter's entry. */
export function countOne(
  thread: ProxyThread,
  tracked: TrackedCounters,
  counter: number,
  type: TableDataType,
  by: number,
): void {
  const table = thread.tables[tracked.tables[counter]!]!;
  countEvent(table, tracked.entries[counter]!, type, null, 0, by, thread.clock.nowMs);
}

/** Client errors by HAProxy's default `http-err-codes`, servers' by `http-fail-codes`. */
export function countStatus(thread: ProxyThread, stream: Stream, status: number): void {
  const front = stream.front!;
  if (stream.tracked === null && front.tracked === null) return;
  if (isErrorStatus(status)) countTracked(thread, stream, front, 'http_err_cnt', 1);
  else if (isFailStatus(status)) countTracked(thread, stream, front, 'http_fail_cnt', 1);
}

export const isErrorStatus = (status: number): boolean => status >= 400 && status < 500;
export const isFailStatus = (status: number): boolean =>
  status >= 500 && status < 600 && status !== 501 && status !== 505;
