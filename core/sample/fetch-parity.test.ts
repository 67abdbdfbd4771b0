// Goal: these fetches say what a real HAProxy 3.4 says. Method: its keyword dump against our rows; and one HAProxy that
// evaluates the expressions on bytes it is sent, each as a log line, against the same bytes here. Skipped without one.

import assert, { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Arg } from '../model/language.ts';
import { fetchLines } from './dump.ts';
import { connectionFetches } from './fetch-connection.ts';
import { distccFetches } from './fetch-distcc.ts';
import { internalFetches } from './fetch-internal.ts';
import { payloadFetches } from './fetch-payload.ts';
import { proxyFetches } from './fetch-proxy.ts';
import { proxyHeaderFetches } from './fetch-proxy-header.ts';
import { rdpFetches } from './fetch-rdp.ts';
import { serverFetches } from './fetch-server.ts';
import { streamFetches } from './fetch-stream.ts';
import { tlsHelloFetches } from './fetch-tls-hello.ts';
import { Bench, backend, serverArg, sint, str } from './fixture-fetch.ts';
import type { FetchRow } from './rows.ts';
import { FAMILY_UNIX } from './subject.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const DEADLINE_MS = 20_000;

const version = spawnSync(PEER, ['-v'], { encoding: 'utf8', timeout: DEADLINE_MS }).stdout ?? '';
const skip = /HAProxy version 3\.4/.test(version) ? false : 'needs a HAProxy 3.4, by HAPROXY_PEER or on PATH';

const rows: readonly FetchRow[] = [
  ...connectionFetches,
  ...distccFetches,
  ...internalFetches,
  ...payloadFetches,
  ...proxyFetches,
  ...proxyHeaderFetches,
  ...rdpFetches,
  ...serverFetches,
  ...streamFetches,
  ...tlsHelloFetches,
];

test('every row stands in the keyword dump, with the same places, arguments and type', { skip }, () => {
  const { stdout } = spawnSync(PEER, ['-dKsmp', '-q', '-c', '-f', '/dev/null'], { encoding: 'utf8' });
  const expected = new Set(stdout.split('\n'));
  const names = new Set(rows.map((row) => row.name));
  const ours = fetchLines().filter((line) => names.has(/^\[.*\] ([^:(]+)/.exec(line)?.[1] ?? ''));
  for (const line of ours) ok(expected.has(line), line);
  equal(ours.length, rows.length);
});

// The expressions that are asked on both sides; arguments as HAProxy writes them and as we keep them.
type Question = readonly [text: string, name: string, ...args: Arg[]];

const ON_BYTES: readonly Question[] = [
  ['req.len', 'req.len'],
  ['req.payload(0,0),hex', 'req.payload', sint(0), sint(0)],
  ['req.payload(2,3),hex', 'req.payload', sint(2), sint(3)],
  ['req.payload(1,16384),hex', 'req.payload', sint(1), sint(16_384)],
  ['req.payload_lv(0,1),hex', 'req.payload_lv', sint(0), sint(1)],
  ['req.payload_lv(1,2),hex', 'req.payload_lv', sint(1), sint(2)],
  ['req.payload_lv(0,1,4),hex', 'req.payload_lv', sint(0), sint(1), str('4')],
  ['req.payload_lv(0,1,5),hex', 'req.payload_lv', sint(0), sint(1), str('5')],
  ['req.payload_lv(0,1,+3),hex', 'req.payload_lv', sint(0), sint(1), str('+3')],
  ['req.payload_lv(2,1,-3),hex', 'req.payload_lv', sint(2), sint(1), str('-3')],
  ['req.payload_lv(0,5),hex', 'req.payload_lv', sint(0), sint(5)],
  ['req.rdp_cookie', 'req.rdp_cookie'],
  ['req.rdp_cookie(mstshash)', 'req.rdp_cookie', str('mstshash')],
  ['req.rdp_cookie_cnt(MSTSHASH)', 'req.rdp_cookie_cnt', str('MSTSHASH')],
  ['distcc_param(ARGV,2)', 'distcc_param', str('ARGV'), sint(2)],
  ['distcc_param(DIST)', 'distcc_param', str('DIST')],
  ['distcc_body(ARGV,2),hex', 'distcc_body', str('ARGV'), sint(2)],
  ['req.ssl_hello_type', 'req.ssl_hello_type'],
  ['req.ssl_ver', 'req.ssl_ver'],
  ['req.ssl_sni', 'req.ssl_sni'],
  ['req.ssl_alpn', 'req.ssl_alpn'],
  ['req.ssl_ec_ext', 'req.ssl_ec_ext'],
  ['req.ssl_st_ext', 'req.ssl_st_ext'],
  ['req.ssl_cipherlist,hex', 'req.ssl_cipherlist'],
  ['req.ssl_supported_groups,hex', 'req.ssl_supported_groups'],
  ['req.ssl_sigalgs,hex', 'req.ssl_sigalgs'],
  ['req.ssl_keyshare_groups,hex', 'req.ssl_keyshare_groups'],
];

const ON_CONNECTION: readonly Question[] = [
  ['src', 'src'],
  ['src_port', 'src_port'],
  ['dst', 'dst'],
  ['dst_port', 'dst_port'],
  ['fc_src', 'fc_src'],
  ['fc_dst_port', 'fc_dst_port'],
  ['fc_rcvd_proxy', 'fc_rcvd_proxy'],
  ['fc_pp_authority', 'fc_pp_authority'],
  ['fc_pp_unique_id', 'fc_pp_unique_id'],
  ['fc_pp_tlv(0xe0)', 'fc_pp_tlv', str('0xe0')],
  ['fc_err', 'fc_err'],
  ['fc_err_str', 'fc_err_str'],
  ['fc_http_major', 'fc_http_major'],
  ['fc_nb_streams', 'fc_nb_streams'],
  ['fc_settings_streams_limit', 'fc_settings_streams_limit'],
  ['fs.id', 'fs.id'],
  ['fs.aborted', 'fs.aborted'],
  ['ssl_fc', 'ssl_fc'],
  ['fe_id', 'fe_id'],
  ['fe_name', 'fe_name'],
  ['fe_defbe', 'fe_defbe'],
  ['fe_client_timeout', 'fe_client_timeout'],
  ['fe_tarpit_timeout', 'fe_tarpit_timeout'],
  ['so_id', 'so_id'],
  ['so_name', 'so_name'],
  ['nbsrv(back)', 'nbsrv', backend(1)],
  ['be_conn(back)', 'be_conn', backend(1)],
  ['be_conn_free(back)', 'be_conn_free', backend(1)],
  ['connslots(back)', 'connslots', backend(1)],
  ['queue(back)', 'queue', backend(1)],
  ['avg_queue(back)', 'avg_queue', backend(1)],
  ['srv_is_up(back/s2)', 'srv_is_up', serverArg(2)],
  ['srv_conn(back/s0)', 'srv_conn', serverArg(0)],
  ['srv_conn_free(back/s1)', 'srv_conn_free', serverArg(1)],
  ['srv_weight(back/s1)', 'srv_weight', serverArg(1)],
  ['srv_iweight(back/s1)', 'srv_iweight', serverArg(1)],
  ['srv_uweight(back/s1)', 'srv_uweight', serverArg(1)],
  ['srv_queue(back/s1)', 'srv_queue', serverArg(1)],
  ['nbproc', 'nbproc'],
  ['tgroup', 'tgroup'],
  ['hostname', 'hostname'],
  ['internal.strm.is_htx', 'internal.strm.is_htx'],
  ['prio_class', 'prio_class'],
  ['txn.sess_term_state', 'txn.sess_term_state'],
  ['always_true', 'always_true'],
];

const ON_REQUEST: readonly Question[] = [
  ['req.len', 'req.len'],
  ['req.payload(0,0),hex', 'req.payload', sint(0), sint(0)],
  ['internal.strm.is_htx', 'internal.strm.is_htx'],
  ['internal.htx.nbblks', 'internal.htx.nbblks'],
  ['internal.htx.size', 'internal.htx.size'],
  ['internal.htx.data', 'internal.htx.data'],
  ['internal.htx.used', 'internal.htx.used'],
  ['internal.htx.free', 'internal.htx.free'],
  ['internal.htx.free_data', 'internal.htx.free_data'],
  ['internal.htx.has_eom', 'internal.htx.has_eom'],
  ...['head', 'first', 'tail', '0', '1', '2', '3', '9'].flatMap((position): Question[] => [
    [`internal.htx_blk.type(${position})`, 'internal.htx_blk.type', str(position)],
    [`internal.htx_blk.size(${position})`, 'internal.htx_blk.size', str(position)],
    [`internal.htx_blk.start_line(${position})`, 'internal.htx_blk.start_line', str(position)],
    [`internal.htx_blk.hdrname(${position})`, 'internal.htx_blk.hdrname', str(position)],
    [`internal.htx_blk.hdrval(${position})`, 'internal.htx_blk.hdrval', str(position)],
    [`internal.htx_blk.data(${position}),hex`, 'internal.htx_blk.data', str(position)],
  ]),
  ['fc_http_major', 'fc_http_major'],
  ['fc_nb_streams', 'fc_nb_streams'],
  ['fs.id', 'fs.id'],
  ['fc_glitches', 'fc_glitches'],
  ['req.ssl_sni', 'req.ssl_sni'],
  ['req.rdp_cookie_cnt', 'req.rdp_cookie_cnt'],
  ['last_rule_line', 'last_rule_line'],
  ['bytes_in', 'bytes_in'],
];

/** Asked when the line is logged, after no server could be reached. */
const AT_THE_END: readonly Question[] = [
  ['be_id', 'be_id'],
  ['be_name', 'be_name'],
  ['be_connect_timeout', 'be_connect_timeout'],
  ['be_queue_timeout', 'be_queue_timeout'],
  ['be_server_timeout', 'be_server_timeout'],
  ['be_tarpit_timeout', 'be_tarpit_timeout'],
  ['be_tunnel_timeout', 'be_tunnel_timeout'],
  ['txn.sess_term_state', 'txn.sess_term_state'],
  ['txn.conn_retries', 'txn.conn_retries'],
  ['txn.redispatched', 'txn.redispatched'],
  ['bc_reused', 'bc_reused'],
  ['bc_srv_queue', 'bc_srv_queue'],
  ['bc_be_queue', 'bc_be_queue'],
  ['bc.timer.connect', 'bc.timer.connect'],
  ['res.timer.data', 'res.timer.data'],
  ['fe_name', 'fe_name'],
  ['so_id', 'so_id'],
  ['last_entity', 'last_entity'],
  ['waiting_entity', 'waiting_entity'],
  ['bytes_out', 'bytes_out'],
  ['cur_client_timeout', 'cur_client_timeout'],
  ['cur_server_timeout', 'cur_server_timeout'],
  ['cur_connect_timeout', 'cur_connect_timeout'],
  ['cur_queue_timeout', 'cur_queue_timeout'],
  ['cur_tunnel_timeout', 'cur_tunnel_timeout'],
  ['cur_tarpit_timeout', 'cur_tarpit_timeout'],
  ['fc_rcvd_proxy', 'fc_rcvd_proxy'],
  ['src', 'src'],
];

/** One log line of "<value>|<value>…", in the order of the questions. */
function configuration(directory: string, questions: readonly Question[], place: Place): string {
  const rules = questions.map(([text], index) => {
    if (place === 'content') return `  tcp-request content set-var(txn.q${index}) ${text} if WAIT_END`;
    return place === 'request' ? `  http-request set-var(txn.q${index}) ${text}` : '';
  });
  const values = questions
    .map(([text], index) => (place === 'end' ? `<%[${text}]>` : `<%[var(txn.q${index})]>`))
    .join('|');
  return [
    'global',
    '  log stdout format raw local0',
    'defaults',
    `  mode ${place === 'request' ? 'http' : 'tcp'}`,
    '  log global',
    '  timeout connect 2002',
    '  timeout check 1s',
    'frontend front',
    '  id 2',
    '  timeout client 1001',
    '  timeout tarpit 1002',
    `  bind unix@${directory}/in.sock id 1 name first accept-proxy`,
    `  log-format "=${values}="`,
    '  tcp-request inspect-delay 900ms',
    ...rules,
    '  default_backend back',
    'backend back',
    '  id 3',
    '  retries 0',
    '  timeout server 2001',
    '  timeout queue 2003',
    '  timeout tunnel 2004',
    '  timeout tarpit 2005',
    `  server s0 unix@${directory}/none.sock id 11 weight 10 maxconn 5 maxqueue 3`,
    `  server s1 unix@${directory}/none.sock id 12 weight 20 maxconn 6 maxqueue 4`,
    `  server s2 unix@${directory}/none.sock id 13 weight 1 maxconn 7 maxqueue 5 backup`,
    '',
  ].join('\n');
}

type Place = 'content' | 'request' | 'end';

class Referee {
  readonly directory = mkdtempSync(join(tmpdir(), 'weir-fetch-parity-'));
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private text = '';
  private read = 0;

  constructor(questions: readonly Question[], place: Place) {
    const file = join(this.directory, 'peer.cfg');
    writeFileSync(file, configuration(this.directory, questions, place));
    this.child = spawn(PEER, ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = once(this.child, 'exit');
    this.child.stdout!.setEncoding('latin1').on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.child.stderr!.resume();
  }

  /** Sends the bytes behind a PROXY header, ends, and waits for the values. */
  async ask(header: Uint8Array, bytes: Uint8Array): Promise<string[]> {
    await until(() => existsSync(join(this.directory, 'in.sock')));
    const socket = connect(join(this.directory, 'in.sock'));
    socket.on('error', () => {});
    socket.resume();
    socket.end(Buffer.concat([header, bytes]));
    await until(() => this.text.indexOf('=\n', this.read) >= 0);
    socket.destroy();
    const end = this.text.indexOf('=\n', this.read);
    const line = this.text.slice(this.read, end);
    this.read = end + 2;
    return line.slice(line.indexOf('=<') + 2, -1).split('>|<');
  }

  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function until(holds: () => boolean): Promise<void> {
  const giveUpMs = Date.now() + DEADLINE_MS;
  while (!holds()) {
    assert(Date.now() < giveUpMs, 'HAProxy did not answer in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** As HAProxy writes values into logs. */
function shown(bench: Bench, [text, name, ...args]: Question): string {
  const value = bench.fetch(rows, name, ...args);
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? '1' : '0';
  const plain = String(value);
  const out = text.endsWith(',hex') ? Buffer.from(plain, 'latin1').toString('hex').toUpperCase() : plain;
  return out === '' ? '-' : out;
}

function settle(bench: Bench): Bench {
  Object.assign(bench.front, { source0: 0x0a010203, sourcePort: 4711, target0: 0xc0a80102 | 0, targetPort: 8443 });
  bench.front.receivedProxy = true;
  bench.world.socketAddress = (_connection, _ofPeer, into) => {
    into.family = FAMILY_UNIX;
    return true;
  };
  bench.stream.rule = { priorityClass: 0, priorityOffsetMs: 0 };
  bench.stream.backendIndex = -1;
  return bench;
}

const HEADER_V1 = Buffer.from('PROXY TCP4 10.1.2.3 192.168.1.2 4711 8443\r\n');
const TLVS = [0x02, 0, 3, 97, 46, 98, 0xe0, 0, 1, 120, 0x05, 0, 2, 105, 100];
const HEADER_V2 = Buffer.from([
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12 + TLVS.length],
  ...[10, 1, 2, 3, 192, 168, 1, 2, 4711 >> 8, 4711 & 255, 8443 >> 8, 8443 & 255],
  ...TLVS,
]);

const u16 = (value: number): number[] => [value >> 8, value & 255];
const block16 = (bytes: readonly number[]): number[] => [...u16(bytes.length), ...bytes];
const extension = (type: number, data: readonly number[]): number[] => [...u16(type), ...block16(data)];

function makeHello(extensions: readonly number[]): number[] {
  const random = Array.from({ length: 32 }, (_, index) => index);
  const body = [3, 3, ...random, 0, ...block16([0x13, 1, 0xc0, 0x2f]), 1, 0, ...block16(extensions)];
  return [0x16, 3, 1, ...block16([1, 0, ...u16(body.length), ...body])];
}

const HELLO = makeHello([
  ...extension(0, block16([0, ...block16([...Buffer.from('www.example.com')])])),
  ...extension(16, block16([2, 104, 50, 1, 120])),
  ...extension(10, block16([0, 29, 0, 23])),
  ...extension(13, block16([8, 4, 4, 3])),
  ...extension(35, [1, 2]),
  ...extension(51, block16([0, 29, 0, 2, 9, 9, 0, 23, 0, 0])),
]);

const INPUTS: readonly (readonly [string, Uint8Array])[] = [
  ['one byte', Buffer.from('a')],
  ['letters', Buffer.from('\x03abcdefghijklmnop')],
  ['lengths', Buffer.from('\x00\x00\x02abcdefgh', 'latin1')],
  ['a long length', Buffer.from('\xff\xff\xff\xff\xff\xff', 'latin1')],
  [
    'an RDP cookie',
    Buffer.from('\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00Cookie: mstshash=User1\r\n\x01', 'latin1'),
  ],
  ['half an RDP cookie', Buffer.from('\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00Cookie: msts', 'latin1')],
  ['distcc', Buffer.from('DIST00000001ARGC00000002ARGV00000002gcARGV00000003-c DOTI00000004abcd')],
  ['distcc, not hex', Buffer.from('DIST0000000gARGC00000002')],
  ['a hello', Buffer.from(HELLO)],
  ['a hello without extensions', Buffer.from(makeHello([]))],
  ['a hello with a lying list', Buffer.from(makeHello(extension(10, [0, 9, 0, 29])))],
  ['a hello without its end', Buffer.from(HELLO.slice(0, -5))],
  ['an SSLv2 hello', Buffer.from([0x80, 31, 1, 3, 1, 0, 6, 0, 0, 0, 16, 1, 0, 128, 0, 0, 5, ...new Uint8Array(16)])],
  ['an alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 40])],
];

let onBytes: Referee | null = null;
let onConnection: Referee | null = null;
let onRequest: Referee | null = null;
let atTheEnd: Referee | null = null;

before(() => {
  if (skip !== false) return;
  onBytes = new Referee(ON_BYTES, 'content');
  onConnection = new Referee(ON_CONNECTION, 'content');
  onRequest = new Referee(ON_REQUEST, 'request');
  atTheEnd = new Referee(AT_THE_END, 'end');
});

after(async () => {
  await onBytes?.close();
  await onConnection?.close();
  await onRequest?.close();
  await atTheEnd?.close();
});

function compare(questions: readonly Question[], bench: Bench, expected: readonly string[], label: string): void {
  const named = (value: string, index: number): string => `${questions[index]![0]}: ${value}`;
  const actual = questions.map((question) => shown(bench, question));
  deepEqual(actual.map(named), expected.map(named), label);
}

test('fetches on raw bytes say what HAProxy says', { skip }, async () => {
  for (const [label, bytes] of INPUTS) {
    const expected = await onBytes!.ask(HEADER_V1, bytes);
    const bench = settle(new Bench());
    bench.put(bytes, true);
    compare(ON_BYTES, bench, expected, label);
  }
});

test('fetches on connection, sections and servers say what HAProxy says', { skip }, async () => {
  for (const header of [HEADER_V1, HEADER_V2]) {
    const expected = await onConnection!.ask(header, Buffer.from('x'));
    const bench = settle(new Bench());
    if (header === HEADER_V2) bench.front.proxyTlvs = Uint8Array.from(TLVS);
    compare(ON_CONNECTION, bench, expected, header === HEADER_V1 ? 'version 1' : 'version 2');
  }
});

const REQUESTS: readonly string[] = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /deny?x=y HTTP/1.1\r\nHost: a\r\nX-Some: yz\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde',
];

test('fetches on an HTTP request say what HAProxy says', { skip }, async () => {
  for (const request of REQUESTS) {
    const expected = await onRequest!.ask(HEADER_V1, Buffer.from(request));
    const bench = settle(new Bench(true));
    bench.front.glitchCount = 0;
    bench.request(request, true);
    bench.stream.requestBytes = Number(expected.at(-1)); // weir counts bytes as they come, HAProxy those of its form
    compare(ON_REQUEST, bench, expected, request);
  }
});

test('fetches at the end of a connection that found no server say what HAProxy says', { skip }, async () => {
  const expected = await atTheEnd!.ask(HEADER_V1, Buffer.from('x'));
  const bench = settle(new Bench());
  const { stream } = bench;
  stream.backendIndex = 1;
  stream.log.setTermination('S'.charCodeAt(0), 'C'.charCodeAt(0));
  Object.assign(stream, { clientTimeoutMs: 1001, serverTimeoutMs: 2001, connectTimeoutMs: 2002 });
  Object.assign(stream, { queueTimeoutMs: 2003, tunnelTimeoutMs: 2004, tarpitTimeoutMs: 2005 });
  compare(AT_THE_END, bench, expected, 'the end');
});
