// Goal: counters add up over threads, fds find their owner, wakes cost one write. Method: every verb of the three
// small tables on buffers attached several times, as threads do.

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicMs, TurnClock } from '../base/clock.ts';
import type { Model } from '../model/model.ts';
import * as names from './counters.ts';
import { Counters, REQUEST_RATE, REQUESTS, RES_OUT_BYTES, RESPONSES_OTHER, SESSION_RATE } from './counters.ts';
import { FdOwners } from './fd-owners.ts';
import { WakeBoard } from './wake.ts';

const model = { serverCount: 3, proxies: [{}, {}] } as unknown as Model;

function twoThreads(): [Counters, Counters, Counters] {
  const table = Counters.create(model, 2);
  return [new Counters(table.buffer, 0), new Counters(table.buffer, 1), table];
}

test('a sum is the sum of the rows of all threads', () => {
  const [one, two, table] = twoThreads();
  const row = one.frontend(1);
  one.cells[one.at(row) + REQUESTS]! += 3;
  two.add(row, REQUESTS, 4);
  two.add(row, RES_OUT_BYTES, 2 ** 40);
  one.add(one.backend(1), REQUESTS, 100);
  equal(table.sum(row, REQUESTS), 7);
  equal(table.gather(row).fields[RES_OUT_BYTES], 2 ** 40);
  equal(table.sum(table.backend(1), REQUESTS), 100);
  equal(table.sum(table.process(), REQUESTS), 0);
});

test('no two fields share a cell and no two rows share cells', () => {
  const fields = Object.entries(names).filter(([, value]) => typeof value === 'number') as [string, number][];
  equal(new Set(fields.map(([, field]) => field)).size, fields.length);
  const [one, two, table] = twoThreads();
  const rows = [0, 1, 2, one.frontend(0), one.frontend(1), one.backend(0), one.backend(1), one.process()];
  equal(new Set(rows).size, table.rowCount);
  for (const counters of [one, two]) for (const row of rows) counters.add(row, REQUESTS, row + 1);
  for (const row of rows) equal(table.sum(row, REQUESTS), 2 * (row + 1));
});

test('responses count by class, strange ones as other', () => {
  const [one, , table] = twoThreads();
  for (const status of [100, 199, 200, 204, 302, 404, 404, 503, 599, 600, 99, 0]) one.countResponse(0, status);
  const counts = [0, 1, 2, 3, 4, 5].map((n) => table.sum(0, RESPONSES_OTHER + n));
  deepEqual(counts, [3, 2, 2, 1, 2, 2]);
});

test('a rate slides over one second and forgets after two', () => {
  const [one, two, table] = twoThreads();
  const startMs = 50_000;
  for (let i = 0; i < 100; i++) one.countRate(1, REQUEST_RATE, startMs + i);
  equal(one.ownRate(1, REQUEST_RATE, startMs + 100), 100);
  two.countRate(1, REQUEST_RATE, startMs + 100);
  equal(table.totalRate(1, REQUEST_RATE, startMs + 100), 101);
  equal(one.ownRate(1, REQUEST_RATE, startMs + 1500), 50);
  for (let i = 0; i < 40; i++) one.countRate(1, REQUEST_RATE, startMs + 1250);
  equal(one.ownRate(1, REQUEST_RATE, startMs + 1250), 75 + 40);
  equal(one.ownRate(1, REQUEST_RATE, startMs + 5000), 0);
  ok(table.maxRate(1, REQUEST_RATE, startMs + 5000) >= 76, 'the rotation noted what the rate was');
  equal(table.totalRate(0, REQUEST_RATE, startMs), 0);
});

test('one event in a while is a rate of one until its second has passed twice', () => {
  const [one] = twoThreads();
  one.countRate(0, SESSION_RATE, 10_000);
  deepEqual(
    [10_000, 10_999, 11_500, 12_001].map((nowMs) => one.ownRate(0, SESSION_RATE, nowMs)),
    [1, 1, 1, 0],
  );
});

test('the last session is the latest of all threads', () => {
  const [one, two, table] = twoThreads();
  one.countRate(0, SESSION_RATE, 7000);
  two.countRate(0, SESSION_RATE, 6000);
  equal(table.sum(0, names.LAST_SESSION_MS), 7000);
});

test('times average over the recent streams and remember the longest', () => {
  const [one, two, table] = twoThreads();
  one.addTimes(0, 10, 20, 30, 60);
  two.addTimes(0, 30, -1, 50, 100);
  const sums = table.gather(0);
  deepEqual(
    [sums.queueMsAverage, sums.connectMsAverage, sums.responseMsAverage, sums.totalMsAverage],
    [20, 10, 40, 80],
  );
  equal(sums.fields[names.TOTAL_MS_MAX], 100);
  for (let i = 0; i < 10_000; i++) one.addTimes(1, 5, 5, 5, 5);
  ok(Math.abs(table.gather(1).totalMsAverage - 5) < 1e-6);
  for (let i = 0; i < 5_000; i++) one.addTimes(1, 9, 9, 9, 9);
  ok(Math.abs(table.gather(1).totalMsAverage - 9) < 0.01);
});

test('the supervisor cannot count and no thread counts outside the table', () => {
  const [one, , table] = twoThreads();
  throws(() => table.add(0, REQUESTS, 1), /only a proxy thread/);
  throws(() => one.add(table.rowCount, REQUESTS, 1), /outside the table/);
  throws(() => one.add(0, names.TOTAL_MS_MAX, 1), /not a field to add to/);
});

test('the fds of a thread are found and may pass to another', () => {
  const owners = FdOwners.create(1024);
  const other = new FdOwners(owners.buffer);
  owners.set(5, 0);
  other.set(9, 1);
  owners.set(1023, 0);
  deepEqual(other.fdsOf(0), [5, 1023]);
  deepEqual(owners.fdsOf(1), [9]);
  deepEqual([owners.ownerOf(5), owners.ownerOf(9), owners.ownerOf(10)], [0, 1, -1]);
  other.clear(5);
  owners.set(5, 63);
  deepEqual(owners.fdsOf(0), [1023]);
  equal(owners.ownerOf(5), 63);
});

test('an fd with an owner cannot be taken, one without cannot be cleared', () => {
  const owners = FdOwners.create(16);
  owners.set(3, 2);
  throws(() => owners.set(3, 1), /already has an owner/);
  throws(() => owners.clear(4), /no owner/);
  throws(() => owners.set(16, 0), /limit/);
  throws(() => owners.set(-1, 0), /limit/);
});

test('many wakes are one write until the thread has woken', () => {
  const written: number[] = [];
  const write = (fd: number): void => {
    written.push(fd);
  };
  const board = WakeBoard.create(2, write);
  const thread = new WakeBoard(board.buffer, write);
  board.publish(0, 70);
  board.publish(1, 71);
  for (let i = 0; i < 5; i++) board.wake(1);
  thread.wake(1);
  deepEqual(written, [71]);
  thread.woken(1);
  board.wakeAll();
  deepEqual(written, [71, 70, 71]);
  equal(thread.eventfdOf(1), 71);
});

test('a wake that came before the eventfd is delivered with it', () => {
  const written: number[] = [];
  const board = WakeBoard.create(1, (fd) => written.push(fd));
  equal(board.eventfdOf(0), -1);
  board.wake(0);
  deepEqual(written, []);
  board.publish(0, 0);
  deepEqual(written, [0]);
  throws(() => board.publish(0, 8), /keeps its eventfd/);
});

test('the clock never goes back and stands still within a turn', () => {
  const clock = new TurnClock();
  const before = clock.nowMs;
  ok(Number.isInteger(before));
  while (monotonicMs() <= before);
  equal(clock.nowMs, before);
  clock.turn();
  ok(clock.nowMs > before);
  const [seconds, nanoseconds] = process.hrtime();
  ok(Math.abs(monotonicMs() - (seconds * 1000 + nanoseconds / 1e6)) < 1000, 'it is the origin that all threads share');
});
