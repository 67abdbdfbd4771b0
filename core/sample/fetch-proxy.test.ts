// Goal: names, settings and load of frontends, backends and servers are told as `show stat` tells them. Method: one
// frontend and one backend of three servers, counted by hand.

import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Arg } from '../model/language.ts';
import { REQUEST_RATE, SESSION_RATE } from '../shared/counters.ts';
import { SERVER_DRAIN, SERVER_MAINT, SERVER_UP, WEIGHT_SCALE } from '../shared/server-words.ts';
import { proxyFetches } from './fetch-proxy.ts';
import { serverFetches } from './fetch-server.ts';
import { Bench, backend, frontend, NOW_MS, serverArg } from './fixture-fetch.ts';

const rows = [...proxyFetches, ...serverFetches];
const BACK = backend(1);

function expect(bench: Bench, expected: Record<string, unknown>, ...args: Arg[]): void {
  for (const [name, value] of Object.entries(expected)) equal(bench.fetch(rows, name, ...args), value, name);
}

test('a frontend tells its id, name, default backend, timeouts and bind', () => {
  const bench = new Bench();
  expect(bench, { fe_id: 2, fe_name: 'front', fe_defbe: 'back', fe_client_timeout: 1001, fe_tarpit_timeout: 1002 });
  expect(bench, { so_id: 1, so_name: 'first' });
  bench.front.bindIndex = 1;
  expect(bench, { so_id: 7, so_name: null });
});

test('before there is a stream, the connection knows its frontend and has no backend', () => {
  const bench = new Bench();
  bench.subject.stream = null;
  expect(bench, { fe_id: 2, fe_name: 'front', so_id: 1, be_id: null, be_name: null, be_server_timeout: null });
  bench.subject.front = null;
  expect(bench, { fe_id: null, fe_name: null, so_id: null, so_name: null, dst_conn: null });
});

test('a backend tells its id, name and timeouts; before it is chosen the frontend stands for it', () => {
  const bench = new Bench();
  expect(bench, { be_id: 3, be_name: 'back', be_server_timeout: 2001, be_connect_timeout: 2002 });
  expect(bench, { be_queue_timeout: 2003, be_tunnel_timeout: 2004, be_tarpit_timeout: 2005 });
  bench.stream.backendIndex = -1;
  expect(bench, { be_id: 2, be_name: 'front', be_server_timeout: 0, fe_defbe: 'back' });
});

test('a frontend without default backend has none', () => {
  const bench = new Bench();
  bench.stream.frontendIndex = 1;
  expect(bench, { fe_defbe: null, fe_name: 'back' });
});

test('connections are counted over all threads, of the named section or of the one at hand', () => {
  const bench = new Bench();
  const { load } = bench;
  load.acquire(load.frontend(0));
  load.acquire(load.frontend(0));
  load.acquire(load.backend(1));
  expect(bench, { fe_conn: 2, be_conn: 1 });
  expect(bench, { fe_conn: 2 }, frontend(0));
  expect(bench, { fe_conn: 0 }, frontend(1));
  expect(bench, { be_conn: 0 }, backend(0));
  bench.front.listener = { current: 17 };
  expect(bench, { dst_conn: 17 });
});

test('rates are those of the last second over all threads', () => {
  const bench = new Bench();
  const { counters, load } = bench;
  for (let count = 0; count < 3; count++) counters.countRate(load.frontend(0), SESSION_RATE, NOW_MS);
  for (let count = 0; count < 4; count++) counters.countRate(load.frontend(0), REQUEST_RATE, NOW_MS);
  for (let count = 0; count < 5; count++) counters.countRate(load.backend(1), SESSION_RATE, NOW_MS);
  for (let count = 0; count < 6; count++) counters.countRate(load.server(2), SESSION_RATE, NOW_MS);
  expect(bench, { fe_sess_rate: 3, fe_req_rate: 4, be_sess_rate: 5 });
  expect(bench, { be_sess_rate: 5 }, BACK);
  expect(bench, { srv_sess_rate: 6 }, serverArg(2));
  expect(bench, { srv_sess_rate: 0 }, serverArg(0));
});

test('queues of a backend and its servers are added up, and shared among the servers in use', () => {
  const bench = new Bench();
  const { load, words } = bench;
  load.enqueue(load.backend(1));
  load.enqueue(load.backend(1));
  load.enqueue(load.server(1));
  expect(bench, { queue: 3, avg_queue: 2, nbsrv: 2 });
  expect(bench, { queue: 3, avg_queue: 2 }, BACK);
  expect(bench, { srv_queue: 1 }, serverArg(1));
  words.setFlags(0, 0, SERVER_UP);
  words.setFlags(1, 0, SERVER_UP);
  words.setFlags(2, 0, SERVER_UP);
  expect(bench, { queue: 3, avg_queue: 6, nbsrv: 0 }, BACK);
});

test('nbsrv counts active servers, else one backup, or all with option allbackups', () => {
  const bench = new Bench();
  const { words } = bench;
  expect(bench, { nbsrv: 2 });
  words.setFlags(0, SERVER_DRAIN, 0);
  expect(bench, { nbsrv: 1 });
  words.setWeight(1, 0);
  expect(bench, { nbsrv: 1 }, BACK);
  words.setFlags(2, SERVER_MAINT, 0);
  expect(bench, { nbsrv: 0 }, BACK);
  expect(bench, { nbsrv: 0 }, backend(0));
});

test('free places are those of the servers in use', () => {
  const bench = new Bench();
  const { load, words } = bench;
  expect(bench, { be_conn_free: 11, connslots: 5 + 3 + 6 + 4 + 7 + 5 });
  load.acquire(load.server(0));
  load.enqueue(load.server(1));
  expect(bench, { be_conn_free: 10, connslots: 28 }, BACK);
  expect(bench, { srv_conn: 1, srv_conn_free: 4 }, serverArg(0));
  words.setFlags(0, SERVER_MAINT, 0);
  words.setFlags(1, 0, SERVER_UP);
  expect(bench, { be_conn_free: 7, connslots: 12 }, BACK);
  bench.world.serverMaxconn = (index) => (index === 2 ? 0 : 9);
  expect(bench, { be_conn_free: -1 }, BACK);
  expect(bench, { srv_conn_free: -1 }, serverArg(2));
  expect(bench, { srv_conn_free: 8 }, serverArg(0));
});

test('a backend of which one server has no limit says -1', () => {
  const bench = new Bench();
  Object.assign(bench.model.proxies[1]!.servers[1]!, { maxconn: 0 });
  expect(bench, { be_conn_free: -1, connslots: -1 });
  Object.assign(bench.model.proxies[1]!.servers[1]!, { maxconn: 1, maxqueue: 0 });
  expect(bench, { be_conn_free: 6, connslots: -1 });
});

test('a server tells whether it is up and its three weights', () => {
  const bench = new Bench();
  const { words } = bench;
  expect(bench, { srv_is_up: true, srv_weight: 20, srv_iweight: 20, srv_uweight: 20 }, serverArg(1));
  words.setWeight(1, 8);
  words.setEffectiveWeight(1, 3 * WEIGHT_SCALE + 1);
  expect(bench, { srv_is_up: true, srv_weight: 4, srv_iweight: 20, srv_uweight: 8 }, serverArg(1));
  words.setFlags(1, SERVER_DRAIN, 0);
  expect(bench, { srv_is_up: true }, serverArg(1));
  words.setFlags(1, SERVER_MAINT, 0);
  expect(bench, { srv_is_up: false }, serverArg(1));
  words.setFlags(0, 0, SERVER_UP);
  expect(bench, { srv_is_up: false }, serverArg(0));
});

test('the stream’s server is named, also after the stream has left it', () => {
  const bench = new Bench();
  expect(bench, { srv_id: null, srv_name: null });
  bench.stream.serverIndex = 1;
  expect(bench, { srv_id: 12, srv_name: 's1' });
  bench.stream.serverIndex = -1;
  bench.stream.log.serverIndex = 2;
  expect(bench, { srv_id: 13, srv_name: 's2' });
  bench.subject.stream = null;
  expect(bench, { srv_id: null, srv_name: null });
});
