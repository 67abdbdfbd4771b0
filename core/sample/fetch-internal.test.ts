// Goal: dates, chance and the process itself are told as HAProxy tells them. Method: a clock that stands still, stated
// values, and for what is random its form and its spread.

import { equal, match, ok } from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { internalFetches as rows } from './fetch-internal.ts';
import { Bench, sint, str, WALL_MS } from './fixture-fetch.ts';

const bench = new Bench();
const SECONDS = Math.floor(WALL_MS / 1000);

test('the date comes in seconds, milliseconds and microseconds, moved by an offset', () => {
  equal(bench.fetch(rows, 'date'), SECONDS);
  equal(bench.sample.mayChange, true);
  equal(bench.fetch(rows, 'date', sint(3600)), SECONDS + 3600);
  equal(bench.fetch(rows, 'date', sint(-1), str('ms')), Math.floor(WALL_MS) - 1);
  equal(bench.fetch(rows, 'date', sint(0), str('us')), Math.floor(WALL_MS * 1000));
  equal(bench.fetch(rows, 'date', sint(0), str('s')), SECONDS);
  equal(bench.fetch(rows, 'date_us'), 123_456);
  equal(bench.sample.mayChange, true);
});

test('an offset of 64 bits is added exactly, and wraps', () => {
  const most = 0x7fff_ffff_ffff_ffffn;
  equal(bench.fetch(rows, 'date', sint(most)), BigInt.asIntN(64, most + BigInt(SECONDS)));
  const near = BigInt(Number.MAX_SAFE_INTEGER) - 5n;
  equal(bench.fetch(rows, 'date', sint(near)), near + BigInt(SECONDS));
});

test('a unit that is none is refused in the words of HAProxy', () => {
  const { check } = rows.find((row) => row.name === 'date')!;
  equal(check!([sint(1), str('x')]), "expects 's', 'ms' or 'us', got 'x'");
  equal(check!([sint(1)]), null);
});

test('the process and the thread say who they are', () => {
  equal(bench.fetch(rows, 'pid'), 4242);
  equal(bench.fetch(rows, 'thread'), 1);
  equal(bench.fetch(rows, 'tgroup'), 0);
  equal(bench.fetch(rows, 'nbproc'), 1);
  equal(bench.fetch(rows, 'proc'), 1);
  equal(bench.fetch(rows, 'uptime'), 61);
  equal(bench.fetch(rows, 'hostname'), hostname());
  equal(bench.fetch(rows, 'quic_enabled'), null);
  equal(bench.fetch(rows, 'always_true'), true);
  equal(bench.fetch(rows, 'always_false'), false);
});

test('env gives a variable, and nothing for one that is not set', () => {
  process.env['WEIR_TEST_ENV'] = 'grün';
  equal(bench.fetch(rows, 'env', str('WEIR_TEST_ENV')), Buffer.from('grün').toString('latin1'));
  delete process.env['WEIR_TEST_ENV'];
  equal(bench.fetch(rows, 'env', str('WEIR_TEST_ENV')), null);
});

test('act_conn counts the connections of the process over all threads', () => {
  const { load } = bench;
  load.acquire(load.process());
  load.acquire(load.process());
  equal(bench.fetch(rows, 'act_conn'), 2);
});

test('rand is spread evenly over its range and ends below it', () => {
  const counts = new Int32Array(8);
  const drawCount = 16_000;
  const fetch = rows.find((row) => row.name === 'rand')!.compile([sint(8)], bench.linker);
  for (let index = 0; index < drawCount; index++) {
    ok(fetch(bench.subject, bench.sample));
    counts[bench.sample.number]! += 1;
  }
  // 2000 each; six standard deviations are about 250.
  for (const count of counts) ok(Math.abs(count - drawCount / 8) < 250, `spread ${counts}`);
  equal(bench.sample.mayChange, true);
});

test('rand without range has 32 bits, and one beyond them wraps as in C', () => {
  let most = 0;
  for (let index = 0; index < 200; index++) {
    const drawn = bench.fetch(rows, 'rand') as number;
    ok(drawn >= 0 && drawn < 2 ** 32);
    most = Math.max(most, drawn);
  }
  ok(most > 2 ** 31);
  equal(bench.fetch(rows, 'rand', sint(0)), 0);
  equal(bench.fetch(rows, 'rand', sint(1)), 0);
  ok((bench.fetch(rows, 'rand', sint(2 ** 32)) as number) < 2 ** 32);
  // (2⁶⁴ − 1) · r >> 32, in 64 bits, is below 2³².
  const wrapped = bench.fetch(rows, 'rand', sint(-1)) as number;
  ok(wrapped >= 0 && wrapped < 2 ** 32);
});

test('a UUID is of version 4 unless 7 is asked for, and never the same', () => {
  const seen = new Set<unknown>();
  for (let index = 0; index < 600; index++) {
    const uuid = String(bench.fetch(rows, 'uuid'));
    match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(uuid);
  }
  equal(seen.size, 600);
  match(String(bench.fetch(rows, 'uuid', sint(4))), /^.{14}4/);
  const timed = String(bench.fetch(rows, 'uuid', sint(7)));
  match(timed, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  equal(Number.parseInt(timed.slice(0, 8) + timed.slice(9, 13), 16), Math.floor(WALL_MS));
  const { check } = rows.find((row) => row.name === 'uuid')!;
  equal(check!([sint(3)]), "Unsupported UUID version: '3'");
  equal(check!([]), null);
});

test('wait_end is true when nothing more is waited for, and makes rules wait before', () => {
  equal(bench.fetch(rows, 'wait_end'), true);
  bench.subject.final = false;
  equal(bench.fetch(rows, 'wait_end'), null);
  equal(bench.sample.mayChange, true);
  bench.subject.final = true;
});

test('what only the process can tell is asked of it, and has no value without', () => {
  for (const name of ['stopping', 'cpu_usage_thr', 'cpu_usage_proc', 'cpu_usage_grp']) {
    equal(bench.fetch(rows, name), null, name);
  }
  bench.world.isStopping = () => true;
  bench.world.cpuUsagePercent = (ofProcess) => (ofProcess ? 40 : 70);
  equal(bench.fetch(rows, 'stopping'), true);
  equal(bench.fetch(rows, 'cpu_usage_thr'), 70);
  equal(bench.fetch(rows, 'cpu_usage_proc'), 40);
  equal(bench.fetch(rows, 'cpu_usage_grp'), 40);
});

test('the stream says its mode and its priority in queues', () => {
  equal(bench.fetch(rows, 'internal.strm.is_htx'), false);
  equal(new Bench(true).fetch(rows, 'internal.strm.is_htx'), true);
  equal(bench.fetch(rows, 'prio_class'), null);
  bench.stream.rule = { priorityClass: -7, priorityOffsetMs: 250 };
  equal(bench.fetch(rows, 'prio_class'), -7);
  equal(bench.fetch(rows, 'prio_offset'), 250);
  bench.subject.stream = null;
  for (const name of ['internal.strm.is_htx', 'prio_class', 'prio_offset']) equal(bench.fetch(rows, name), null);
});
