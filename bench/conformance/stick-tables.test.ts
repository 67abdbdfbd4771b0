// Goal: what rules track and count in stick tables is what HAProxy counts. Method: one configuration that uses every action
// and most fetches, one sequence of requests, against stated answers; and against HAProxy where a 3.4 is installed.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findHaproxy, findWeir, type Peer } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { startProxy } from '../rig/proxy-process.ts';

const SHOWN = [
  'sc0=%[sc0_tracked]/%[sc0_key]/%[sc0_conn_cnt]/%[sc0_conn_cur]/%[sc0_conn_rate]/%[sc0_sess_cnt]/%[sc0_http_req_cnt]',
  'rates=%[sc0_http_req_rate]/%[sc0_gpc0_rate] errors=%[sc0_http_err_cnt]/%[sc1_http_err_cnt]',
  'gpc=%[sc0_get_gpc0]/%[sc_get_gpc(1,1)]/%[sc_get_gpc(2,1)] gpt=%[sc0_get_gpt0]/%[sc_get_gpt(1,1)]',
  'sc1=%[sc1_key]/%[sc_http_req_cnt(1)]/%[sc1_conn_cnt]/%[sc1_trackers] sc2=%[sc2_tracked]',
  'src=%[src_conn_cnt(f)]/%[src_get_gpc0(f)] table=%[table_cnt(tab)]/%[table_avl(tab)]',
  'path=%[path,table_http_req_cnt(tab)]/%[path,in_table(tab)]/%[str(zz),in_table(tab)]/%[str(zz),table_http_req_cnt(tab)]',
].join(' ');

const configText = (port: number, probe: number, socket: string): string => `global
  nbthread 1
  stats socket ${socket} level admin
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 2s
frontend probe
  bind 127.0.0.1:${probe}
backend tab
  stick-table type string len 16 size 10 expire 1m store gpc(3),gpt(2),http_req_cnt,conn_cnt,http_err_cnt
frontend f
  bind 127.0.0.1:${port}
  stick-table type ip size 100 expire 1m store gpc0,gpc0_rate(60s),gpt0,conn_cnt,conn_cur,conn_rate(60s),sess_cnt,http_req_cnt,http_req_rate(60s),http_err_cnt
  tcp-request connection track-sc0 src
  http-request track-sc1 path table tab
  http-request sc-inc-gpc0(0) if { path /inc }
  http-request sc-inc-gpc(1,1) if { path /inc }
  http-request sc-add-gpc(2,1) 5 if { path /inc }
  http-request sc-set-gpt0(0) 42 if { path /inc }
  http-request sc-set-gpt(1,1) int(7) if { path /inc }
  http-request deny deny_status 429 if { path /deny }
  http-request return status 200 content-type text/plain lf-string "${SHOWN}"
`;

const PATHS = ['/a', '/inc', '/deny', '/inc', '/a'];

const EXPECTED = [
  'sc0=1/127.0.0.1/1/1/1/1/1 rates=1/0 errors=0/0 gpc=0/0/0 gpt=0/0 sc1=/a/1/1/1 sc2=0 src=1/0 table=1/9 path=1/1/0/0',
  'sc0=1/127.0.0.1/2/1/2/2/2 rates=2/1 errors=0/0 gpc=1/1/5 gpt=42/7 sc1=/inc/1/1/1 sc2=0 src=2/1 table=2/8 path=1/1/0/0',
  '429',
  'sc0=1/127.0.0.1/4/1/4/4/4 rates=4/2 errors=1/0 gpc=2/2/10 gpt=42/7 sc1=/inc/2/2/1 sc2=0 src=4/2 table=3/7 path=2/1/0/0',
  'sc0=1/127.0.0.1/5/1/5/5/5 rates=5/2 errors=1/0 gpc=2/0/0 gpt=42/0 sc1=/a/2/2/1 sc2=0 src=5/2 table=3/7 path=2/1/0/0',
];

// One connection a request; the next begins when it is closed, so that `conn_cur` is told.
function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ port, path, host: '127.0.0.1', agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (data: string) => {
        text += data;
      });
      response.on('close', () => call.socket?.destroy());
      call.socket?.on('close', () => resolve(response.statusCode === 200 ? text : String(response.statusCode)));
    });
    call.on('error', reject).end();
  });
}

function command(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const client = connect(socket, () => client.end(`${text}\n`));
    client.on('data', (data) => {
      answer += data.toString('latin1');
    });
    client.on('error', reject).on('close', () => resolve(answer));
  });
}

/** What differs from run to run: addresses, and the time an entry has left. */
const settled = (text: string): string[] =>
  text
    .replace(/0x[0-9a-f]+:/g, '0x:')
    .replace(/exp=\d+/g, 'exp=')
    .split('\n')
    .sort();

async function run(peer: Peer): Promise<{ answers: string[]; tables: string[][] }> {
  const [port, probe] = [await freePort(), await freePort()];
  const socket = join(tmpdir(), `weir-stick-${process.pid}-${port}.sock`);
  const proxy = await startProxy(peer, { configText: configText(port, probe, socket), ports: [probe] });
  try {
    const answers: string[] = [];
    for (const path of PATHS) answers.push(await ask(port, path));
    const tables: string[][] = [];
    for (const text of [
      'show table',
      'show table tab',
      'show table tab key /inc',
      'show table tab data.http_req_cnt gt 1',
      'set table tab key /new data.conn_cnt 9',
      'show table tab key /new',
      'clear table tab key /inc',
      'show table tab key /inc',
      'show table nope',
      'clear table tab data.http_req_cnt ge 1',
    ]) {
      tables.push(settled(await command(socket, text)));
    }
    return { answers, tables };
  } finally {
    await proxy.stop();
  }
}

test('rules track, count and read as stated', { timeout: 60_000 }, async () => {
  const weir = await findWeir();
  assert.ok(weir !== null, 'weir is here');
  const { answers, tables } = await run(weir);
  assert.deepEqual(answers, EXPECTED);
  assert.ok(
    tables[2]!.includes(
      '0x: key=/inc use=0 exp= shard=0 conn_cnt=2 http_req_cnt=2 http_err_cnt=0 gpt0=0 gpt1=7 gpc0=0 gpc1=2 gpc2=10',
    ),
  );
  assert.ok(
    tables[5]!.includes(
      '0x: key=/new use=0 exp= shard=0 conn_cnt=9 http_req_cnt=0 http_err_cnt=0 gpt0=0 gpt1=0 gpc0=0 gpc1=0 gpc2=0',
    ),
  );
  assert.ok(!tables[7]!.some((line) => line.includes('/inc')), 'what was cleared is gone');
});

test('HAProxy 3.4 answers the same', { timeout: 60_000 }, async (t) => {
  const [weir, haproxy] = [await findWeir(), await findHaproxy()];
  if (haproxy === null || !haproxy.version.startsWith('3.4')) return t.skip('no HAProxy 3.4 is installed');
  const [ours, theirs] = [await run(weir!), await run(haproxy)];
  assert.deepEqual(ours, theirs);
});
