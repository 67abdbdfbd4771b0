// Stick tables at run time (management guide §9.3 "show table", "set table", "clear table").

import { isIP } from 'node:net';
import { monotonicMs } from '../../core/base/clock.ts';
import { writeInet6 } from '../../core/base/text.ts';
import type { TableColumn } from '../../core/model/tables.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { NO_ENTRY, type StickTable } from '../../core/tables/stick-table.ts';
import { type Answer, type Call, type Command, CommandError, dump } from './command.ts';

const DATA_OPERATORS = ['eq', 'ne', 'le', 'lt', 'ge', 'gt'];
const RATE_CELLS_OF_ONE = 1;

function tableOf(call: Call): StickTable {
  const name = call.word(2);
  const table = call.control.tables.tables.find(({ model }) => model.name === name);
  if (table === undefined) throw new CommandError('No such table\n');
  return table;
}

const header = (table: StickTable, nowMs: number): string =>
  `# table: ${table.model.name}, type: ${table.model.keyType}, size:${table.model.size}, used:${table.purge(nowMs)}\n`;

function keyText(table: StickTable, entry: number): string {
  const key = table.key(entry);
  switch (table.model.keyType) {
    case 'ip':
      return [...key].join('.');
    case 'ipv6': {
      const text = new Uint8Array(48);
      return Buffer.from(text.subarray(0, writeInet6(text, 0, key))).toString('latin1');
    }
    case 'integer':
      return String(new DataView(key.buffer, key.byteOffset, 4).getUint32(0));
    case 'string':
      return Buffer.from(key).toString('latin1');
    default:
      return Buffer.from(key).toString('hex').toUpperCase();
  }
}

/** Elements of gpc(n) and the like show their number: gpc0, gpc0_rate. */
function elementName({ type, count }: TableColumn, element: number): string {
  if (type === 'gpc' || type === 'gpt') return `${type}${element}`;
  if (type === 'gpc_rate') return `gpc${element}_rate`;
  return count === RATE_CELLS_OF_ONE ? type : `${type}${element}`;
}

function valueOf(table: StickTable, entry: number, column: TableColumn, element: number, nowMs: number): number {
  const at = table.column(column.type);
  if (column.periodMs === 0) return table.get(entry, at + element);
  return table.rate(entry, table.rateCell(at, element), column.periodMs, nowMs);
}

// The number stands for HAProxy's address: unique among the entries, and never 0.
function line(table: StickTable, entry: number, nowMs: number): string {
  const words = [
    `0x${((entry + 1) * 128).toString(16)}:`,
    `key=${keyText(table, entry)}`,
    `use=${table.referenceCount(entry)}`,
    `exp=${Math.round(table.leftMs(entry, nowMs))}`,
    'shard=0',
  ];
  for (const column of table.model.columns) {
    for (let element = 0; element < column.count; element++) {
      const period = column.periodMs === 0 ? '' : `(${column.periodMs})`;
      const value = valueOf(table, entry, column, element, nowMs);
      words.push(`${elementName(column, element)}${period}=${value}`);
    }
  }
  return `${words.join(' ')}\n`;
}

/** What `key K` names, as the table keeps it. */
function parseKey(table: StickTable, text: string): Uint8Array {
  if (text === '') throw new CommandError('"key" keyword requires a value\n');
  const { keyType, keyBytes } = table.model;
  if (keyType === 'string') return Uint8Array.from(Buffer.from(text, 'latin1'));
  if (keyType === 'integer') {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, Number.parseInt(text, 10) >>> 0);
    return bytes;
  }
  if (keyType === 'binary') {
    const bytes = new Uint8Array(keyBytes);
    bytes.set(Buffer.from(text, 'hex').subarray(0, keyBytes));
    return bytes;
  }
  const version = keyType === 'ip' ? 4 : 6;
  if (isIP(text) !== version) throw new CommandError(`Invalid ${keyType} key\n`);
  const at = version === 4 ? 4 : 8;
  return encodeInet(text, 0).slice(at, at + (version === 4 ? 4 : 16));
}

interface Filter {
  column: TableColumn;
  element: number;
  operator: string;
  value: number;
}

/** `data.TYPE OP VALUE`, several in a row. */
function readFilters(call: Call, table: StickTable): Filter[] {
  const filters: Filter[] = [];
  for (let at = 3; call.word(at).startsWith('data.'); at += 3) {
    const { column, element } = columnOf(table, call.word(at).slice('data.'.length));
    const operator = call.word(at + 1);
    if (!DATA_OPERATORS.includes(operator)) {
      throw new CommandError('Require and operator among "eq", "ne", "le", "ge", "lt", "gt"\n');
    }
    if (!/^-?[0-9]+$/.test(call.word(at + 2)))
      throw new CommandError('Require a valid integer value to compare against\n');
    filters.push({ column, element, operator, value: Number(call.word(at + 2)) });
  }
  return filters;
}

function columnOf(table: StickTable, name: string): { column: TableColumn; element: number } {
  for (const column of table.model.columns) {
    for (let element = 0; element < column.count; element++) {
      if (elementName(column, element) === name) return { column, element };
    }
  }
  throw new CommandError('Data type not stored in this table\n');
}

function passes(table: StickTable, entry: number, filters: readonly Filter[], nowMs: number): boolean {
  return filters.every(({ column, element, operator, value }) => {
    const found = valueOf(table, entry, column, element, nowMs);
    switch (operator) {
      case 'eq':
        return found === value;
      case 'ne':
        return found !== value;
      case 'le':
        return found <= value;
      case 'lt':
        return found < value;
      case 'ge':
        return found >= value;
      default:
        return found > value;
    }
  });
}

/** The entries that the words behind the table's name choose; all of them without any. */
function chosen(call: Call, table: StickTable, nowMs: number): number[] {
  const word = call.word(3);
  if (word === 'key') {
    const key = parseKey(table, call.word(4));
    const entry = table.find(key, 0, key.length, nowMs);
    return entry === NO_ENTRY ? [] : [entry];
  }
  if (word !== '' && !word.startsWith('data.')) {
    throw new CommandError('Optional argument only supports "data.<store_data_type>" and key <key>\n');
  }
  const filters = readFilters(call, table);
  return table.entries(nowMs).filter((entry) => passes(table, entry, filters, nowMs));
}

function showTable(call: Call): Answer {
  const nowMs = monotonicMs();
  if (call.word(2) === '') return dump(call.control.tables.tables.map((table) => header(table, nowMs)).join(''));
  const table = tableOf(call);
  const entries = chosen(call, table, nowMs);
  // A key that is not there is answered with nothing at all.
  if (call.word(3) === 'key' && entries.length === 0) return dump('');
  return dump(header(table, nowMs) + entries.map((entry) => line(table, entry, nowMs)).join(''));
}

function clearTable(call: Call): Answer {
  const nowMs = monotonicMs();
  const table = tableOf(call);
  const entries = chosen(call, table, nowMs);
  // What is tracked stays, with its counters at zero: who counts in it goes on.
  for (const entry of entries) if (!table.remove(entry)) table.clear(entry);
  return dump('');
}

function setTable(call: Call): Answer {
  const nowMs = monotonicMs();
  const table = tableOf(call);
  if (call.word(3) !== 'key')
    throw new CommandError('Required arguments: <table> key <key> data.<store_data_type> <value>\n');
  const key = parseKey(table, call.word(4));
  const changes: { column: TableColumn; element: number; value: number }[] = [];
  for (let at = 5; call.word(at) !== ''; at += 2) {
    if (!call.word(at).startsWith('data.')) throw new CommandError('"data.<type>" followed by a value expected\n');
    const value = call.word(at + 1);
    if (!/^[0-9]+$/.test(value)) throw new CommandError('Require a valid integer value to store\n');
    changes.push({ ...columnOf(table, call.word(at).slice('data.'.length)), value: Number(value) });
  }
  const entry = table.obtain(key, 0, key.length, nowMs);
  if (entry === NO_ENTRY) throw new CommandError('Unable to allocate a new entry\n');
  for (const { column, element, value } of changes) {
    const at = table.column(column.type);
    if (column.periodMs === 0) table.set(entry, at + element, value);
    else table.count(entry, table.rateCell(at, element), value, column.periodMs, nowMs);
  }
  return dump('');
}

export const tableCommands: readonly Command[] = [
  {
    words: ['show', 'table'],
    usage: "show table <table> [<filter>]*          : report table usage stats or dump this table's contents (cf doc)",
    level: 'operator',
    run: showTable,
  },
  {
    words: ['clear', 'table'],
    usage: 'clear table <table> [<filter>]*         : remove an entry from a table (filter: data/key)',
    level: 'operator',
    run: clearTable,
  },
  {
    words: ['set', 'table'],
    usage: "set table <table> key <k> [data.* <v>]* : update or create a table entry's data",
    level: 'operator',
    run: setTable,
  },
];
