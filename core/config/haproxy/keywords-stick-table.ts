// `stick-table` (manual §11.1) and `tune.stick-counters`.

import type { TableColumn, TableDataType, TableKeyType } from '../../model/tables.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ProxyDraft, StickTableDraft } from './drafts.ts';
import { parseSize, parseTime } from './units.ts';

const STRING_BYTES_DEFAULT = 32;
const ARRAY_MAX = 100;

const KEY_BYTES: Readonly<Record<TableKeyType, number>> = {
  ip: 4,
  ipv6: 16,
  integer: 4,
  string: STRING_BYTES_DEFAULT,
  binary: STRING_BYTES_DEFAULT,
};

/** The order HAProxy shows them in. */
const SHOWN_ORDER: readonly TableDataType[] = [
  ...([
    'server_id',
    'gpt0',
    'gpc0',
    'gpc0_rate',
    'conn_cnt',
    'conn_rate',
    'conn_cur',
    'sess_cnt',
    'sess_rate',
  ] as const),
  ...(['http_req_cnt', 'http_req_rate', 'http_err_cnt', 'http_err_rate', 'bytes_in_cnt', 'bytes_in_rate'] as const),
  ...(['bytes_out_cnt', 'bytes_out_rate', 'gpc1', 'gpc1_rate', 'http_fail_cnt', 'http_fail_rate'] as const),
  ...(['gpt', 'gpc', 'gpc_rate', 'glitch_cnt', 'glitch_rate'] as const),
];

/** What follows the word in parentheses: nothing, a period, or an array's length. */
const DATA_TYPES: Readonly<Record<TableDataType, 'none' | 'period' | 'array' | 'array-period'>> = {
  server_id: 'none',
  gpt: 'array',
  gpt0: 'none',
  gpc: 'array',
  gpc_rate: 'array-period',
  gpc0: 'none',
  gpc0_rate: 'period',
  gpc1: 'none',
  gpc1_rate: 'period',
  conn_cnt: 'none',
  conn_rate: 'period',
  conn_cur: 'none',
  sess_cnt: 'none',
  sess_rate: 'period',
  http_req_cnt: 'none',
  http_req_rate: 'period',
  http_err_cnt: 'none',
  http_err_rate: 'period',
  http_fail_cnt: 'none',
  http_fail_rate: 'period',
  bytes_in_cnt: 'none',
  bytes_in_rate: 'period',
  bytes_out_cnt: 'none',
  bytes_out_rate: 'period',
  glitch_cnt: 'none',
  glitch_rate: 'period',
};

const isDataType = (word: string): word is TableDataType => Object.hasOwn(DATA_TYPES, word);
const isKeyType = (word: string): word is TableKeyType => Object.hasOwn(KEY_BYTES, word);

/** `stick-table type T size N [expire E] [nopurge] [store …]…` */
export function parseStickTable(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  if (proxy.kind === 'defaults') return context.alert("'stick-table' is not supported in 'defaults' section.");
  const { stickTable } = proxy;
  if (stickTable !== null) {
    const where = `${stickTable.file}:${stickTable.line}`;
    return context.alert(
      `stick-table name '${proxy.name}' conflicts with table declared in ${proxy.typeWord} '${proxy.name}' at ${where}.`,
    );
  }
  const table: StickTableDraft = {
    keyType: null,
    keyBytes: 0,
    size: 0,
    expireMs: 0,
    nopurge: false,
    columns: [],
    ...context.place,
  };
  const problem = readTable(statement, table, context);
  table.columns.sort((left, right) => SHOWN_ORDER.indexOf(left.type) - SHOWN_ORDER.indexOf(right.type));
  if (problem === '') proxy.stickTable = table;
  else if (problem !== null) context.alert(problem);
}

// '' when all is well, the words for what is wrong, null when it was said.
function readTable(statement: Statement, table: StickTableDraft, context: ParseContext): string | null {
  let at = 1;
  while (statement.at(at) !== '') {
    const word = statement.at(at);
    const value = statement.at(at + 1);
    switch (word) {
      case 'type': {
        const used = readType(statement, at, table);
        if (typeof used === 'string') return used;
        at += used;
        break;
      }
      case 'size': {
        if (value === '') return `stick-table: missing argument after '${word}'.`;
        const size = parseSize(value);
        if (typeof size !== 'number') return `stick-table: unexpected character '${size}' in argument of '${word}'.`;
        table.size = size;
        at += 2;
        break;
      }
      case 'expire': {
        if (value === '') return `stick-table: missing argument after '${word}'.`;
        const time = parseTime(value, 'ms');
        if (!time.ok && time.why === 'character') {
          return `stick-table: unexpected character '${time.char}' in argument of '${word}'.`;
        }
        if (!time.ok) return `stick-table: timer ${time.why}flow in argument '${value}' to '${word}'.`;
        table.expireMs = time.value;
        at += 2;
        break;
      }
      case 'nopurge':
        table.nopurge = true;
        at++;
        break;
      case 'store': {
        const problem = readStore(value, table);
        if (problem !== '') return problem;
        at += 2;
        break;
      }
      case 'peers':
      case 'srvkey':
      case 'write-to':
      case 'recv-only':
      case 'brates-factor':
        context.notImplemented(`stick-table ... ${word}`);
        return null;
      default:
        return `stick-table: unknown argument '${word}'.`;
    }
  }
  if (table.keyType === null) return 'stick-table: missing type.';
  return table.size === 0 ? 'stick-table: missing size.' : '';
}

// How many words were read, or what is wrong.
function readType(statement: Statement, at: number, table: StickTableDraft): number | string {
  const type = statement.at(at + 1);
  if (!isKeyType(type)) return `stick-table: unknown type '${type}'.`;
  table.keyType = type;
  table.keyBytes = KEY_BYTES[type];
  const takesLength = type === 'string' || type === 'binary';
  if (!takesLength || statement.at(at + 2) !== 'len') return 2;
  const length = Number(statement.at(at + 3));
  if (!Number.isInteger(length) || length <= 0) return "stick-table: type: 'len' expects a positive integer argument.";
  table.keyBytes = length;
  return 4;
}

function readStore(list: string, table: StickTableDraft): string {
  if (list === '') return "stick-table: missing argument after 'store'.";
  // Commas within parentheses belong to the arguments.
  for (const item of list.match(/[^,(]+(?:\([^)]*\))?/g) ?? []) {
    const [, word = '', args] = /^([^(]*)(?:\((.*)\))?$/.exec(item) ?? [];
    if (word === 'server_key')
      return "stick-table: store option 'server_key' is known to HAProxy 3.4 but not implemented by weir yet.";
    if (!isDataType(word)) return `stick-table: unknown store option '${word}'.`;
    if (table.columns.some((column) => column.type === word)) {
      return `stick-table: store option '${word}' already enabled.`;
    }
    const column = readColumn(word, args);
    if (typeof column === 'string') return column;
    table.columns.push(column);
  }
  return '';
}

function readColumn(type: TableDataType, args: string | undefined): TableColumn | string {
  const takes = DATA_TYPES[type];
  if (takes === 'none') {
    return args === undefined
      ? { type, count: 1, periodMs: 0 }
      : `stick-table: unexpected argument to store option '${type}'.`;
  }
  const words = args === undefined ? [] : args.split(',');
  if (words.length === 0) return `stick-table: missing argument to store option '${type}'.`;
  const count = takes === 'period' ? 1 : Number(words.shift());
  if (!Number.isInteger(count) || count < 1 || count > ARRAY_MAX) {
    return `stick-table: invalid argument to store option '${type}'.`;
  }
  if (takes === 'array') return { type, count, periodMs: 0 };
  const period = parseTime(words[0] ?? '', 'ms');
  if (!period.ok || period.value === 0) return `stick-table: invalid argument to store option '${type}'.`;
  return { type, count, periodMs: period.value };
}
