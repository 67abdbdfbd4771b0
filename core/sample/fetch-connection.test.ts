// Goal: addresses, errors and the kernel's figures of both connections are told right, and nothing is told that is not
// known. Method: stated connections, a world that answers or does not, TLVs good and cut.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../testing/fuzz.ts';
import { CONNECTION_ERROR_PROXY_NOT_HEADER } from './connection-errors.ts';
import { connectionFetches } from './fetch-connection.ts';
import { proxyHeaderFetches } from './fetch-proxy-header.ts';
import { Bench, str } from './fixture-fetch.ts';
import { type AddressView, FAMILY_INET, FAMILY_INET6, FAMILY_NONE, FAMILY_UNIX } from './subject.ts';

const rows = [...connectionFetches, ...proxyHeaderFetches];

function expect(bench: Bench, expected: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(expected)) equal(bench.fetch(rows, name), value, name);
}

test('src and dst are the client’s connection until a rule sets them; fc_ stays', () => {
  const bench = new Bench();
  expect(bench, { src: '127.0.0.1', src_port: 4711, dst: '10.0.0.1', dst_port: 80 });
  const set: AddressView = { family: FAMILY_INET, port: 99, word0: 0xc0a80001 | 0, word1: 0, word2: 0, word3: 0 };
  bench.stream.sourceSet = set;
  bench.stream.targetSet = { ...set, port: 0 };
  expect(bench, { src: '192.168.0.1', src_port: 99, dst: '192.168.0.1', dst_port: null });
  expect(bench, { fc_src: '127.0.0.1', fc_src_port: 4711, fc_dst: '10.0.0.1', fc_dst_port: 80 });
  bench.subject.stream = null;
  expect(bench, { src: '127.0.0.1', dst_port: 80 });
  bench.subject.front = null;
  expect(bench, { src: null, dst: null, src_port: null, fc_dst_port: null, src_is_local: null });
});

test('an IPv6 address keeps its sixteen bytes, a Unix socket has neither address nor port', () => {
  const bench = new Bench();
  Object.assign(bench.front, { sourceFamily: FAMILY_INET6, source0: 0x20010db8, source1: 0, source2: 0, source3: -2 });
  expect(bench, { src: '20010db80000000000000000fffffffe', fc_src: '20010db80000000000000000fffffffe' });
  bench.front.sourceFamily = FAMILY_UNIX;
  expect(bench, { src: null, src_port: null, fc_src: null, src_is_local: true });
});

test('addresses that are not known yet are asked of the kernel', () => {
  const bench = new Bench();
  bench.back.sourceFamily = FAMILY_NONE;
  bench.back.targetFamily = FAMILY_NONE;
  expect(bench, { bc_src: null, bc_dst: null, bc_src_port: null, bc_dst_port: null });
  bench.world.learnAddresses = (connection) => {
    equal(connection, bench.back);
    Object.assign(connection, { sourceFamily: FAMILY_INET, sourcePort: 5, source0: 0x7f000002 });
    Object.assign(connection, { targetFamily: FAMILY_INET, targetPort: 6, target0: 0x7f000003 });
  };
  expect(bench, { bc_src: '127.0.0.2', bc_dst: '127.0.0.3', bc_src_port: 5, bc_dst_port: 6 });
  bench.subject.back = null;
  expect(bench, { bc_src: null, bc_dst: null, bc_src_port: null, bc_dst_port: null });
});

test('a PROXY header speaks for src and dst, the socket for fc_', () => {
  const bench = new Bench();
  bench.front.receivedProxy = true;
  expect(bench, {
    src: '127.0.0.1',
    dst_port: 80,
    fc_src: null,
    fc_src_port: null,
    fc_dst: null,
    fc_dst_is_local: null,
  });
  bench.world.socketAddress = (_connection, ofPeer, into) => {
    Object.assign(into, { family: FAMILY_INET, port: ofPeer ? 1 : 2, word0: ofPeer ? 0x0a000009 : 0x0a000008 });
    return true;
  };
  expect(bench, { fc_src: '10.0.0.9', fc_src_port: 1, fc_dst: '10.0.0.8', fc_dst_port: 2, src: '127.0.0.1' });
});

test('whether an address is local is asked of the kernel', () => {
  const bench = new Bench();
  expect(bench, { src_is_local: null, dst_is_local: null, fc_src_is_local: null, fc_dst_is_local: null });
  bench.world.isLocalAddress = (_family, word0) => (word0 === 0x7f000001 ? 1 : 0);
  expect(bench, { src_is_local: true, dst_is_local: false, fc_src_is_local: true, fc_dst_is_local: false });
  bench.stream.sourceSet = { family: FAMILY_INET, port: 0, word0: 1, word1: 0, word2: 0, word3: 0 };
  expect(bench, { src_is_local: false, fc_src_is_local: true });
  bench.world.isLocalAddress = () => -1;
  expect(bench, { src_is_local: null });
});

test('an error is a number, a word and a sentence', () => {
  const bench = new Bench();
  expect(bench, { fc_err: 0, fc_err_name: '', fc_err_str: 'Success' });
  bench.back.errno = 111;
  expect(bench, { bc_err: 47, bc_err_name: 'EREFUSED', bc_err_str: 'ECONNREFUSED returned by OS' });
  bench.back.errno = 9999;
  expect(bench, { bc_err: 6, bc_err_name: 'SOCK_ERR', bc_err_str: 'General socket error' });
  bench.front.failure = CONNECTION_ERROR_PROXY_NOT_HEADER;
  bench.front.errno = 104;
  expect(bench, { fc_err: 15, fc_err_name: 'PRX_NOT_HDR' });
  bench.subject.back = null;
  expect(bench, { bc_err: null, bc_err_name: null, bc_err_str: null });
});

test('while a PROXY header is awaited, errors and header may still come', () => {
  const bench = new Bench();
  bench.front.isHandshaking = true;
  for (const name of ['fc_err', 'fc_err_name', 'fc_rcvd_proxy', 'fc_pp_authority', 'fc_pp_unique_id']) {
    equal(bench.fetch(rows, name), null, name);
    equal(bench.sample.mayChange, true, name);
  }
});

test('a connection of HTTP/1 or of blind bytes has one stream', () => {
  const bench = new Bench(true);
  expect(bench, { fc_http_major: 1, bc_http_major: 1, fc_nb_streams: 1, bc_nb_streams: 1 });
  expect(bench, { fc_settings_streams_limit: 1, bc_settings_streams_limit: 1, fc_glitches: null });
  bench.front.glitchCount = 3;
  bench.back.glitchCount = 4;
  bench.front.requestCount = 2;
  bench.back.requestCount = 9;
  expect(bench, { fc_glitches: 3, bc_glitches: 4, 'fs.id': 2, 'bs.id': 8, 'fs.aborted': false, 'bs.aborted': false });
  const tcp = new Bench();
  expect(tcp, { fc_http_major: null, bc_http_major: null, fc_nb_streams: 1, 'fs.id': 0, 'bs.id': 0 });
  tcp.subject.back = null;
  expect(tcp, { bc_nb_streams: null, bc_settings_streams_limit: null, 'bs.id': null });
  tcp.subject.stream = null;
  for (const name of ['fc_http_major', 'fc_nb_streams', 'fc_settings_streams_limit']) {
    equal(tcp.fetch(rows, name), null, name);
    equal(tcp.sample.mayChange, true, name);
  }
});

test('reuse of a server’s connection shows, TLS does not exist yet, and no stream was ever reset', () => {
  const bench = new Bench();
  expect(bench, { bc_reused: false, ssl_fc: false, ssl_bc: false, 'fs.rst_code': null, 'bs.rst_code': null });
  equal(bench.sample.mayChange, true);
  bench.stream.reusedBack = true;
  expect(bench, { bc_reused: true });
});

test('figures of TCP come from the kernel, times in ms unless us is asked for', () => {
  const bench = new Bench();
  expect(bench, { fc_rtt: null, bc_rttvar: null, fc_lost: null });
  const figures: Record<number, number> = { 24: 1, 28: 2, 32: 3, 36: 4, 40: 5, 68: 1_499, 72: 1_500, 88: 8 };
  bench.world.tcpInfo = (_connection, offset) => figures[offset] ?? -1;
  expect(bench, { fc_unacked: 1, fc_sacked: 2, fc_lost: 3, fc_retrans: 4, fc_fackets: 5, fc_reordering: 8 });
  expect(bench, { fc_rtt: 1, fc_rttvar: 2, bc_rtt: 1, bc_rttvar: 2 });
  equal(bench.fetch(rows, 'fc_rtt', str('us')), 1_499);
  equal(bench.fetch(rows, 'fc_rtt', str('ms')), 1);
  bench.front.sourceFamily = FAMILY_UNIX;
  expect(bench, { fc_rtt: null });
  const { check } = rows.find((row) => row.name === 'fc_rtt')!;
  equal(check!([str('ns')]), "expects 'us' or 'ms', got 'ns'");
  equal(check!([str('')]), "expects 'us' or 'ms', got ''");
  equal(check!([]), null);
});

test('a SYN that was kept is copied', () => {
  const bench = new Bench();
  expect(bench, { fc_saved_syn: null });
  bench.world.savedSyn = (_connection, bytes, at) => {
    bytes.set([0x45, 0, 1], at);
    return 3;
  };
  expect(bench, { fc_saved_syn: '\x45\x00\x01' });
});

const TLVS = Uint8Array.from([
  0x02, 0, 3, 97, 46, 98, 0xe0, 0, 1, 120, 0x05, 0, 2, 105, 100, 0xe0, 0, 0, 0xe0, 0, 1, 122,
]);

test('TLVs of the PROXY header are found by type, and by an ACL one after the other', () => {
  const bench = new Bench();
  expect(bench, { fc_pp_authority: null, fc_pp_unique_id: null, fc_rcvd_proxy: null });
  bench.front.proxyTlvs = TLVS;
  bench.front.receivedProxy = true;
  expect(bench, { fc_pp_authority: 'a.b', fc_pp_unique_id: 'id', fc_rcvd_proxy: true });
  equal(bench.fetch(rows, 'fc_pp_tlv', str('authority')), 'a.b');
  equal(bench.fetch(rows, 'fc_pp_tlv', str('0xE0')), 'x');
  equal(bench.fetch(rows, 'fc_pp_tlv', str('0340')), 'x');
  equal(bench.fetch(rows, 'fc_pp_tlv', str('ALPN')), null);
  bench.subject.iterate = true;
  const fetch = rows.find((row) => row.name === 'fc_pp_tlv')!.compile([str('224')], bench.linker);
  const seen: unknown[] = [];
  bench.sample.begin();
  do {
    ok(fetch(bench.subject, bench.sample));
    seen.push(bench.value());
  } while (bench.sample.more);
  deepEqual(seen, ['x', '', 'z']);
});

test('a TLV type that is none is refused in the words of HAProxy', () => {
  const { check } = rows.find((row) => row.name === 'fc_pp_tlv')!;
  equal(check!([str('x')]), "Could not convert type 'x'");
  equal(check!([str('256')]), "Invalid TLV Type '256'");
  equal(check!([str('-1')]), "Invalid TLV Type '-1'");
  for (const good of ['0x10', '', '255', 'ssl_cn', '017']) equal(check!([str(good)]), null, good);
});

fuzz(
  'no TLVs make the walk leave them',
  (prng) => {
    const bench = new Bench();
    const bytes = Uint8Array.from(TLVS);
    for (let count = prng.below(5); count > 0; count--) bytes[prng.below(bytes.length)] = prng.next32();
    bench.front.proxyTlvs = bytes.subarray(0, prng.below(bytes.length + 1));
    bench.subject.iterate = true;
    const fetch = rows.find((row) => row.name === 'fc_pp_tlv')!.compile([str('0xe0')], bench.linker);
    bench.sample.begin();
    for (let step = 0; fetch(bench.subject, bench.sample); step++) {
      ok(bench.sample.offset + bench.sample.length <= bench.front.proxyTlvs.length);
      ok(step < TLVS.length, 'it ends');
      if (!bench.sample.more) break;
    }
  },
  4,
);
