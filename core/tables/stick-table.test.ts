// Goal: a shared table keeps what HAProxy's keeps, to the entry, also when threads work on it together and one dies.
// Method: small tables against stated results, a naive model from a seed, and real worker threads on one buffer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Prng } from '../base/prng.ts';
import type { StickTableModel } from '../model/tables.ts';
import { NO_ENTRY, StickTable } from './stick-table.ts';

const base: StickTableModel = {
  index: 0,
  name: 't',
  proxyIndex: 0,
  keyType: 'string',
  keyBytes: 8,
  size: 3,
  expireMs: 1_000,
  nopurge: false,
  columns: [
    { type: 'gpc', count: 2, periodMs: 0 },
    { type: 'http_req_cnt', count: 1, periodMs: 0 },
    { type: 'http_req_rate', count: 1, periodMs: 1_000 },
  ],
  file: '',
  line: 0,
};

const make = (changes: Partial<StickTableModel> = {}): StickTable => {
  const model = { ...base, ...changes };
  return new StickTable(model, StickTable.create(model, 2).buffer, 0, 2);
};
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const find = (table: StickTable, key: string, nowMs: number): number => table.find(bytesOf(key), 0, key.length, nowMs);
const obtain = (table: StickTable, key: string, nowMs: number): number =>
  table.obtain(bytesOf(key), 0, key.length, nowMs);
const track = (table: StickTable, key: string, nowMs: number): number =>
  table.track(bytesOf(key), 0, key.length, nowMs);
const keysOf = (table: StickTable, nowMs: number): string[] =>
  table.entries(nowMs).map((entry) => Buffer.from(table.key(entry)).toString('latin1'));

test('an entry is found by its key until its time is over', () => {
  const table = make();
  const entry = obtain(table, 'a', 100);
  table.add(entry, table.column('http_req_cnt'), 2);
  assert.equal(find(table, 'a', 1_099), entry);
  assert.equal(table.get(entry, table.column('http_req_cnt')), 2);
  assert.equal(table.leftMs(entry, 600), 500);
  assert.equal(find(table, 'a', 1_100), NO_ENTRY);
  assert.equal(table.usedCount, 0);
  assert.equal(table.get(obtain(table, 'a', 1_100), table.column('http_req_cnt')), 0, 'it begins anew');
});

test('looking does not keep an entry alive, obtaining does', () => {
  const table = make();
  obtain(table, 'a', 0);
  find(table, 'a', 900);
  assert.equal(find(table, 'a', 1_000), NO_ENTRY);
  obtain(table, 'b', 0);
  obtain(table, 'b', 900);
  assert.notEqual(find(table, 'b', 1_899), NO_ENTRY);
});

test('a full table forgets what was used longest ago and is not tracked', () => {
  const table = make();
  const first = track(table, 'a', 1);
  obtain(table, 'b', 2);
  obtain(table, 'c', 3);
  obtain(table, 'd', 4);
  assert.deepEqual(keysOf(table, 5), ['a', 'c', 'd']);
  table.release(first, 6);
  obtain(table, 'e', 7);
  assert.deepEqual(keysOf(table, 8), ['d', 'a', 'e'], 'releasing is a use');
});

test('with nopurge a full table takes no more, but room that expired', () => {
  const table = make({ nopurge: true });
  for (const key of ['a', 'b', 'c']) obtain(table, key, 0);
  assert.equal(obtain(table, 'd', 500), NO_ENTRY);
  assert.notEqual(obtain(table, 'd', 1_000), NO_ENTRY);
});

test('a tracked entry outlives its time, and its time begins when it is released', () => {
  const table = make();
  const entry = track(table, 'a', 0);
  assert.equal(find(table, 'a', 5_000), entry);
  table.release(entry, 5_000);
  assert.equal(find(table, 'a', 5_999), entry);
  assert.equal(find(table, 'a', 6_000), NO_ENTRY);
});

test('keys are cut to the length of the table', () => {
  const table = make();
  assert.equal(obtain(table, 'abcdefghXY', 0), find(table, 'abcdefghZZ', 0));
});

test('a rate counts this period and the fitting part of the last', () => {
  const table = make();
  const entry = obtain(table, 'a', 10_000);
  const cell = table.rateCell(table.column('http_req_rate'), 0);
  for (let index = 0; index < 10; index++) table.count(entry, cell, 1, 1_000, 10_000);
  assert.equal(table.rate(entry, cell, 1_000, 10_000), 10);
  assert.equal(table.rate(entry, cell, 1_000, 11_000), 10);
  assert.equal(table.rate(entry, cell, 1_000, 11_500), 5);
  table.count(entry, cell, 4, 1_000, 11_500);
  assert.equal(table.rate(entry, cell, 1_000, 11_500), 9);
  assert.equal(table.rate(entry, cell, 1_000, 13_500), 0);
});

test('random use agrees with a list kept by hand', () => {
  const seed = 20261122;
  const prng = new Prng(seed);
  const table = make({ size: 5, keyBytes: 4 });
  let model: { key: string; expiresMs: number; count: number; references: number }[] = [];
  const tracked: { entry: number; key: string }[] = [];
  let nowMs = 1;
  const forget = (): void => {
    model = model.filter(({ expiresMs, references }) => expiresMs > nowMs || references > 0);
  };
  const used = (key: string): void => {
    const known = model.find((each) => each.key === key);
    if (known === undefined && model.length === 5) {
      const oldest = model.findIndex(({ references }) => references === 0);
      if (oldest < 0) return;
      model.splice(oldest, 1);
    }
    const entry = known ?? { key, expiresMs: 0, count: 0, references: 0 };
    entry.expiresMs = nowMs + 1_000;
    model = [...model.filter((each) => each !== entry), entry];
  };
  for (let step = 0; step < 20_000; step++) {
    nowMs += prng.below(60);
    forget();
    const key = `k${prng.below(9)}`;
    const action = prng.below(4);
    const released = action === 2 ? tracked.splice(prng.below(tracked.length + 1), 1)[0] : undefined;
    if (action === 0) {
      used(key);
      const entry = obtain(table, key, nowMs);
      const known = model.find((each) => each.key === key);
      assert.equal(entry === NO_ENTRY, known === undefined, `seed ${seed}, step ${step}`);
      if (known !== undefined) known.count = table.add(entry, table.column('http_req_cnt'), 1);
    } else if (action === 1) {
      used(key);
      const entry = track(table, key, nowMs);
      const known = model.find((each) => each.key === key);
      assert.equal(entry === NO_ENTRY, known === undefined, `seed ${seed}, step ${step}`);
      if (known === undefined) continue;
      known.references++;
      tracked.push({ entry, key });
    } else if (released !== undefined) {
      model.find((each) => each.key === released.key)!.references--;
      used(released.key);
      table.release(released.entry, nowMs);
    }
    const entry = find(table, key, nowMs);
    const known = model.find((each) => each.key === key);
    assert.equal(entry === NO_ENTRY, known === undefined, `seed ${seed}, step ${step}: is ${key} there`);
    if (known !== undefined) assert.equal(table.get(entry, table.column('http_req_cnt')), known.count);
    assert.deepEqual(keysOf(table, nowMs).sort(), model.map((each) => each.key).sort(), `seed ${seed}, step ${step}`);
  }
});

const WORKER = `
  const { workerData, parentPort } = require('node:worker_threads');
  import(workerData.url).then(({ StickTable }) => {
    const table = new StickTable(workerData.model, workerData.buffer, workerData.threadIndex, 2);
    const key = new Uint8Array(1);
    for (let index = 0; index < workerData.count; index++) {
      key[0] = index % 4;
      const entry = table.track(key, 0, 1, 1);
      table.add(entry, table.column('http_req_cnt'), 1);
      if (!workerData.keeps) table.release(entry, 1);
    }
    parentPort.postMessage('done');
  });
`;

function work(model: StickTableModel, buffer: SharedArrayBuffer, threadIndex: number, keeps: boolean): Promise<void> {
  const url = new URL('./stick-table.ts', import.meta.url).href;
  const workerData = { url, model, buffer, threadIndex, count: 20_000, keeps };
  const worker = new Worker(WORKER, { eval: true, workerData });
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

test('two threads lose no count', async () => {
  const model = { ...base, size: 4 };
  const { buffer } = StickTable.create(model, 2);
  await Promise.all([work(model, buffer, 0, false), work(model, buffer, 1, false)]);
  const table = new StickTable(model, buffer, -1, 2);
  const counts = table.entries(1).map((entry) => table.get(entry, table.column('http_req_cnt')));
  assert.deepEqual(counts, [10_000, 10_000, 10_000, 10_000]);
});

test('what a dead thread held is free again', async () => {
  const model = { ...base, size: 4 };
  const { buffer } = StickTable.create(model, 2);
  await work(model, buffer, 1, true);
  const table = new StickTable(model, buffer, 0, 2);
  assert.ok(table.entries(1).every((entry) => table.referenceCount(entry) === 5_000));
  const lock = new Int32Array(buffer, 0, 1);
  lock[0] = 3; // as if it had died inside a call
  table.reclaim(1);
  assert.ok(table.entries(1).every((entry) => table.referenceCount(entry) === 0));
  assert.equal(table.purge(2_000), 0);
});
