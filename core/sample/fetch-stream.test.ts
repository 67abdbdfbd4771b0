// Goal: timers, dates, counts and states of a stream are those of its log line. Method: a log record filled by hand, and
// the manual's formulas (§8.4) worked out on paper.

import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { streamFetches as rows } from './fetch-stream.ts';
import { Bench, str, WALL_MS } from './fixture-fetch.ts';

function expect(bench: Bench, expected: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(expected)) equal(bench.fetch(rows, name), value, name);
}

function whole(): Bench {
  const bench = new Bench(true);
  const { log } = bench.stream;
  log.acceptDateMs = WALL_MS;
  Object.assign(log, { markHandshake: 2, markIdle: 10, markRequest: 17, markQueue: 20, markConnect: 31 });
  Object.assign(log, { markData: 50, markClose: 99, retries: 2, redispatched: true, srvQueue: 4, backendQueue: 5 });
  return bench;
}

test('timers are the log’s', () => {
  expect(whole(), {
    'fc.timer.handshake': 2,
    'fc.timer.total': 99,
    'req.timer.idle': 10,
    'req.timer.tq': 17,
    'req.timer.hdr': 5,
    'req.timer.queue': 3,
    'bc.timer.connect': 11,
    'res.timer.hdr': 19,
    'res.timer.data': 49,
    'txn.timer.total': 87,
    'txn.timer.user': 89,
  });
});

test('a timer whose event has not happened is -1', () => {
  expect(new Bench(true), {
    'fc.timer.handshake': 0,
    'req.timer.idle': -1,
    'req.timer.tq': -1,
    'req.timer.hdr': -1,
    'req.timer.queue': -1,
    'bc.timer.connect': -1,
    'res.timer.hdr': -1,
    'res.timer.data': -1,
    'txn.timer.total': 0,
    'txn.timer.user': 0,
  });
});

test('dates of accept and request come in three units', () => {
  const bench = whole();
  expect(bench, { accept_date: Math.floor(WALL_MS / 1000), request_date: Math.floor((WALL_MS + 12) / 1000) });
  equal(bench.sample.mayChange, true);
  equal(bench.fetch(rows, 'accept_date', str('ms')), Math.floor(WALL_MS));
  equal(bench.fetch(rows, 'request_date', str('ms')), Math.floor(WALL_MS) + 12);
  equal(bench.fetch(rows, 'accept_date', str('us')), Math.floor(WALL_MS * 1000));
  bench.stream.log.markIdle = -1;
  equal(bench.fetch(rows, 'request_date', str('ms')), Math.floor(WALL_MS));
  const { check } = rows.find((row) => row.name === 'accept_date')!;
  equal(check!([str('x')]), "expects 's', 'ms' or 'us', got 'x'");
});

test('before the stream, the connection knows its date and its handshake', () => {
  const bench = whole();
  bench.subject.stream = null;
  expect(bench, { accept_date: Math.floor(WALL_MS / 1000), 'fc.timer.handshake': null, 'fc.timer.total': null });
  bench.front.handshakeMs = 6;
  expect(bench, { 'fc.timer.handshake': 6 });
  bench.subject.front = null;
  expect(bench, { accept_date: null, request_date: null, 'fc.timer.handshake': null });
});

test('bytes are counted on all four ways, as far as somebody counts them', () => {
  const bench = whole();
  Object.assign(bench.stream, { requestBytes: 11, responseBytes: 22 });
  expect(bench, { bytes_in: 11, bytes_out: 22, 'req.bytes_in': 11, 'res.bytes_in': 22 });
  expect(bench, { 'req.bytes_out': null, 'res.bytes_out': null });
  Object.assign(bench.stream, { requestBytesSent: 33, responseBytesSent: 44 });
  expect(bench, { 'req.bytes_out': 33, 'res.bytes_out': 44 });
});

test('timeouts in force are the stream’s', () => {
  const bench = whole();
  expect(bench, { cur_client_timeout: null, cur_server_timeout: null });
  Object.assign(bench.stream, { clientTimeoutMs: 1, serverTimeoutMs: 2001, connectTimeoutMs: 3 });
  Object.assign(bench.stream, { queueTimeoutMs: 4, tarpitTimeoutMs: 5, tunnelTimeoutMs: 2004 });
  expect(bench, { cur_client_timeout: 1, cur_server_timeout: 2001, cur_connect_timeout: 3 });
  expect(bench, { cur_queue_timeout: 4, cur_tarpit_timeout: 5, cur_tunnel_timeout: 2004 });
});

test('a server’s timeouts are not in force before its connection, unless a rule set them', () => {
  const bench = whole();
  bench.stream.log.markConnect = -1;
  Object.assign(bench.stream, { serverTimeoutMs: 2001, tunnelTimeoutMs: 2004 });
  expect(bench, { cur_server_timeout: 0, cur_tunnel_timeout: 0 });
  Object.assign(bench.stream, { serverTimeoutMs: 8000, tunnelTimeoutMs: 9000 });
  expect(bench, { cur_server_timeout: 8000, cur_tunnel_timeout: 9000 });
});

test('queue positions, retries, redispatch and number', () => {
  const bench = whole();
  expect(bench, { bc_be_queue: 5, bc_srv_queue: 4, 'txn.conn_retries': 2, 'txn.redispatched': true, 'txn.id32': null });
  bench.stream.id32 = 4_294_967_295;
  expect(bench, { 'txn.id32': 4_294_967_295 });
});

test('how it ended is two letters, dashes while it runs', () => {
  const bench = whole();
  expect(bench, { 'txn.sess_term_state': '--' });
  bench.stream.log.setTermination('s'.charCodeAt(0), 'Q'.charCodeAt(0));
  expect(bench, { 'txn.sess_term_state': 'sQ' });
});

test('the rule that ran last and the one that waits are named by file and line', () => {
  const bench = whole();
  expect(bench, { last_entity: null, last_rule_file: null, last_rule_line: null, waiting_entity: null });
  bench.subject.lastRuleFile = '/etc/h\u00e4.cfg';
  bench.subject.lastRuleLine = 42;
  expect(bench, { last_entity: '/etc/h\u00e4.cfg:42', last_rule_file: '/etc/h\u00e4.cfg', last_rule_line: 42 });
  bench.subject.waitingEntityFile = 'http-buffer-request';
  expect(bench, { waiting_entity: 'http-buffer-request' });
  bench.subject.waitingEntityFile = 'a.cfg';
  bench.subject.waitingEntityLine = 7;
  expect(bench, { waiting_entity: 'a.cfg:7' });
});

test('without a stream nothing of it is told', () => {
  const bench = whole();
  bench.subject.lastRuleFile = 'a.cfg';
  bench.subject.waitingEntityFile = 'a.cfg';
  bench.subject.stream = null;
  bench.subject.front = null;
  for (const { name } of rows) equal(bench.fetch(rows, name), null, name);
});
