// Goal: every sc_…, src_… and table_… gives what the table holds. Method: one table that stores everything, an entry with a
// different number in each column, and each keyword against the number it must give, in all its forms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arg } from '../model/language.ts';
import type { StickTableModel, TableDataType } from '../model/tables.ts';
import { StickTable } from '../tables/stick-table.ts';
import { tableConverters } from './convert-table.ts';
import { counterFetches } from './fetch-counters.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { Trash } from './trash.ts';
import { Sample, TYPE_BOOL, TYPE_IPV4, TYPE_SINT } from './types.ts';

const PERIOD_MS = 10_000;
const NOW_MS = 50_000;
const counts: TableDataType[] = ['conn_cnt', 'conn_cur', 'sess_cnt', 'http_req_cnt', 'http_err_cnt', 'http_fail_cnt'];
const rates: TableDataType[] = ['conn_rate', 'sess_rate', 'http_req_rate', 'http_err_rate', 'http_fail_rate'];
const columns: StickTableModel['columns'] = [
  ...[...counts, 'glitch_cnt' as const, 'bytes_in_cnt' as const, 'bytes_out_cnt' as const, 'server_id' as const],
  ...[...rates, 'glitch_rate' as const, 'bytes_in_rate' as const, 'bytes_out_rate' as const],
].map((type) => ({ type, count: 1, periodMs: type.endsWith('_rate') ? PERIOD_MS : 0 }));
const model: StickTableModel = {
  ...{ index: 0, name: 't', proxyIndex: 0, keyType: 'ip', keyBytes: 4, size: 10, expireMs: 60_000, nopurge: false },
  columns: [
    ...columns,
    { type: 'gpt', count: 3, periodMs: 0 },
    { type: 'gpc', count: 3, periodMs: 0 },
    { type: 'gpc_rate', count: 3, periodMs: PERIOD_MS },
  ],
  file: '',
  line: 0,
};

const ADDRESS = 0xc0000207; // 192.0.2.7
const KEY = Uint8Array.from([192, 0, 2, 7]);
const linker = {} as Linker;
const TABLE: Arg = { kind: 'table', name: 't', index: 0 };
const number = (value: number): Arg => ({ kind: 'sint', value, exact: String(value) });

/** What each column holds: its own number, so that no keyword can pass by reading another. */
const HELD = new Map<TableDataType, number>(
  columns.map(({ type }, at) => [type, type.startsWith('bytes') && type.endsWith('_cnt') ? (at + 1) * 2048 : at + 11]),
);

function bench(): { subject: Subject; table: StickTable; entry: number } {
  const table = new StickTable(model, StickTable.create(model, 1).buffer, 0, 1);
  const entry = table.track(KEY, 0, 4, NOW_MS - 1_000);
  for (const { type, periodMs } of columns) {
    const cell = table.column(type);
    if (periodMs === 0) table.set(entry, cell, HELD.get(type)!);
    else table.count(entry, table.rateCell(cell, 0), HELD.get(type)!, periodMs, NOW_MS);
  }
  for (let element = 0; element < 3; element++) {
    table.set(entry, table.column('gpt') + element, 100 + element);
    table.set(entry, table.column('gpc') + element, 200 + element);
    table.count(entry, table.rateCell(table.column('gpc_rate'), element), 300 + element, PERIOD_MS, NOW_MS);
  }
  const tracked = { tables: Int32Array.of(0, -1, 0), entries: Int32Array.of(entry, -1, entry) };
  const front = { tracked, sourceFamily: 2, source0: ADDRESS | 0, sourcePort: 1, targetFamily: 0 };
  const subject = {
    ...{ front, stream: null, tables: [table], clock: { nowMs: NOW_MS }, trash: new Trash(1024), world: {} },
  } as unknown as Subject;
  return { subject, table, entry };
}

function fetchValue(subject: Subject, name: string, args: readonly Arg[]): Sample | null {
  const row = counterFetches.find((each) => each.name === name);
  assert.ok(row !== undefined, `there is ${name}`);
  const sample = new Sample();
  return row.compile(args, linker)(subject, sample) ? sample : null;
}

/** Name behind sc_ and src_, its number, and the arguments of array elements. */
const READS: readonly (readonly [string, number, ...Arg[]])[] = [
  ...[...counts, ...rates, 'glitch_cnt' as const, 'glitch_rate' as const].map(
    (type) => [type, HELD.get(type)!] as const,
  ),
  ['bytes_in_rate', HELD.get('bytes_in_rate')!],
  ['bytes_out_rate', HELD.get('bytes_out_rate')!],
  ['kbytes_in', HELD.get('bytes_in_cnt')! / 1024],
  ['kbytes_out', HELD.get('bytes_out_cnt')! / 1024],
  ['get_gpt0', 100],
  ['get_gpc0', 200],
  ['get_gpc1', 201],
  ['gpc0_rate', 300],
  ['gpc1_rate', 301],
  ['inc_gpc0', 201],
  ['inc_gpc1', 202],
  ['clr_gpc0', 200],
  ['clr_gpc1', 201],
  ['get_gpt', 102, number(2)],
  ['get_gpc', 202, number(2)],
  ['gpc_rate', 302, number(2)],
  ['inc_gpc', 203, number(2)],
  ['clr_gpc', 202, number(2)],
];

for (const [name, value, ...elements] of READS) {
  test(`sc_${name}, src_${name} and table_… give ${value}`, () => {
    const of = (fetch: string, args: readonly Arg[]): number | undefined =>
      fetchValue(bench().subject, fetch, args)?.number;
    assert.equal(of(`sc_${name}`, [...elements, number(0)]), value);
    assert.equal(of(`sc_${name}`, [...elements, number(2), TABLE]), value, 'with the table named');
    assert.equal(of(`sc_${name}`, [...elements, number(1)]), undefined, 'nothing is tracked there');
    assert.equal(of(`src_${name}`, [...elements, TABLE]), value);
    if (elements.length === 0) {
      assert.equal(of(`sc0_${name}`, []), value);
      assert.equal(of(`sc1_${name}`, []), undefined);
      assert.equal(of(`sc2_${name}`, [TABLE]), value);
    }
    const converter = tableConverters.find((row) => row.name === `table_${name.replace(/^get_/, '')}`)!;
    const { subject } = bench();
    const sample = new Sample();
    sample.setIpv4(ADDRESS);
    assert.equal(converter.compile([...elements, TABLE], linker)(sample, subject), true);
    assert.deepEqual([sample.type, sample.number], [TYPE_SINT, value]);
    sample.setIpv4(1);
    converter.compile([...elements, TABLE], linker)(sample, subject);
    assert.equal(sample.number, 0, 'a key that is not there counts 0');
  });
}

test('what is cleared is 0 afterwards, and what is incremented counts in its rate', () => {
  const { subject } = bench();
  fetchValue(subject, 'sc0_clr_gpc0', []);
  assert.equal(fetchValue(subject, 'sc0_get_gpc0', [])?.number, 0);
  fetchValue(subject, 'src_inc_gpc1', [TABLE]);
  assert.equal(fetchValue(subject, 'sc0_gpc1_rate', [])?.number, 302);
});

test('whether a counter tracks, who else does, and what', () => {
  const { subject } = bench();
  for (const [name, args, expected] of [
    ['sc_tracked', [number(0)], 1],
    ['sc_tracked', [number(1)], 0],
    ['sc0_tracked', [], 1],
    ['sc1_tracked', [TABLE], 0],
    ['sc2_tracked', [TABLE], 1],
  ] as const) {
    const sample = fetchValue(subject, name, args);
    assert.deepEqual([sample?.type, sample?.number], [TYPE_BOOL, expected], name);
  }
  for (const name of ['sc0_trackers', 'sc2_trackers']) assert.equal(fetchValue(subject, name, [])?.number, 1, name);
  assert.equal(fetchValue(subject, 'sc_trackers', [number(0), TABLE])?.number, 1);
  assert.equal(fetchValue(subject, 'sc1_trackers', []), null);
  for (const [name, args] of [
    ['sc_key', [number(0)]],
    ['sc0_key', []],
    ['sc2_key', []],
  ] as const) {
    const key = fetchValue(subject, name, args);
    assert.deepEqual([key?.type, key?.number], [TYPE_IPV4, ADDRESS], name);
  }
  assert.equal(fetchValue(subject, 'sc1_key', []), null);
});

test('a table tells how full it is, and src_updt_conn_cnt counts', () => {
  const { subject } = bench();
  assert.equal(fetchValue(subject, 'table_cnt', [TABLE])?.number, 1);
  assert.equal(fetchValue(subject, 'table_avl', [TABLE])?.number, 9);
  assert.equal(fetchValue(subject, 'src_updt_conn_cnt', [TABLE])?.number, HELD.get('conn_cnt')! + 1);
});

test('in_table, table_trackers, table_server_id, table_expire and table_idle', () => {
  const { subject, table, entry } = bench();
  table.release(entry, NOW_MS - 1_000);
  const convert = (name: string, address: number, ...args: Arg[]): number | null => {
    const sample = new Sample();
    sample.setIpv4(address);
    const row = tableConverters.find((each) => each.name === name)!;
    return row.compile([TABLE, ...args], linker)(sample, subject) ? sample.number : null;
  };
  assert.deepEqual([convert('in_table', ADDRESS), convert('in_table', 1)], [1, 0]);
  assert.equal(convert('table_trackers', ADDRESS), 0);
  assert.equal(convert('table_server_id', ADDRESS), HELD.get('server_id'));
  assert.equal(convert('table_expire', ADDRESS), 59_000);
  assert.equal(convert('table_idle', ADDRESS), 1_000);
  assert.deepEqual([convert('table_expire', 1), convert('table_expire', 1, number(5))], [null, 5]);
  assert.deepEqual([convert('table_idle', 1), convert('table_idle', 1, number(6))], [null, 6]);
});
