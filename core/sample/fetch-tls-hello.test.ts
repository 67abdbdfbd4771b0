// Goal: what a client asks for in its TLS hello is found as soon as it can be and never mistaken, and no bytes make the
// peeker look beyond what came. Method: hellos of a real TLS library and hand-made ones, cut at every byte, lied in at
// every byte, and spoiled at random from a seed; the bytes end amid others, which must make no difference.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { before, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import type { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { tlsHelloFetches } from './fetch-tls-hello.ts';
import { Bench } from './fixture-fetch.ts';
import { DIRECTION_RESPONSE } from './subject.ts';

/** The first bytes a real TLS client sends. */
async function helloOf(options: ConnectionOptions): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(Uint8Array.from(chunk));
      done();
    },
  });
  const client = connect({ ...options, socket: wire });
  client.on('error', () => {});
  const guard = setTimeout(() => resolve(new Uint8Array(0)), 5000); // then every test fails
  const hello = await promise;
  clearTimeout(guard);
  client.destroy();
  wire.destroy();
  return hello;
}

const u16 = (value: number): number[] => [value >> 8, value & 255];
const block16 = (bytes: readonly number[]): number[] => [...u16(bytes.length), ...bytes];
const extension = (type: number, data: readonly number[]): number[] => [...u16(type), ...block16(data)];
const letters = (text: string): number[] => [...Buffer.from(text)];
const serverName = (name: string, kind = 0): number[] => extension(0, block16([kind, ...block16(letters(name))]));
const protocols = (...names: string[]): number[] =>
  extension(16, block16(names.flatMap((name) => [name.length, ...letters(name)])));

/** A hello with these extensions in one record. */
function makeHello(extensions: readonly number[], ciphers: readonly number[] = [0x13, 0x01, 0xc0, 0x2f]): Uint8Array {
  const random = Array.from({ length: 32 }, (_, index) => index);
  const body = [3, 3, ...random, 3, 7, 7, 7, ...block16(ciphers), 1, 0, ...block16(extensions)];
  const message = [1, 0, ...u16(body.length), ...body];
  return Uint8Array.from([0x16, 3, 1, ...block16(message)]);
}

const bench = new Bench();

function ask(name: string, bytes: Uint8Array): unknown {
  bench.put(bytes);
  return bench.fetch(tlsHelloFetches, name);
}

const hex = (value: unknown): string => Buffer.from(String(value), 'latin1').toString('hex');

let modern: Uint8Array;
let plain: Uint8Array;
let old: Uint8Array;

before(async () => {
  modern = await helloOf({ servername: 'www.example.com', ALPNProtocols: ['h2', 'http/1.1'] });
  plain = await helloOf({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' });
  old = Uint8Array.from([
    ...[0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16],
    ...[1, 0, 128, 0, 0, 5],
    ...Array.from({ length: 16 }, (_, index) => index),
  ]);
});

test('a real hello tells its server name, protocols, version and lists', () => {
  equal(ask('req.ssl_sni', modern), 'www.example.com');
  equal(ask('req_ssl_sni', modern), 'www.example.com');
  equal(ask('req.ssl_alpn', modern), 'h2');
  equal(ask('req.ssl_hello_type', modern), 1);
  equal(ask('req_ssl_hello_type', modern), 1);
  equal(ask('req.ssl_ver', modern), 0x30003);
  equal(ask('req_ssl_ver', modern), 0x30003);
  equal(ask('req.ssl_ec_ext', modern), true);
  equal(ask('req.ssl_st_ext', modern), 1);
  ok(hex(ask('req.ssl_cipherlist', modern)).startsWith('1302'), 'TLS_AES_256_GCM_SHA384 is first');
  ok(hex(ask('req.ssl_supported_groups', modern)).includes('001d'), 'x25519 is among the groups');
  ok(hex(ask('req.ssl_sigalgs', modern)).includes('0804'), 'rsa_pss_rsae_sha256 is among the algorithms');
  const shares = hex(ask('req.ssl_keyshare_groups', modern));
  ok(shares.includes('001d') && shares.length <= 8, `a share for x25519 and at most one more: ${shares}`);
});

test('a hello without name, protocols or key shares has none', () => {
  equal(ask('req.ssl_hello_type', plain), 1);
  for (const name of ['req.ssl_sni', 'req.ssl_alpn', 'req.ssl_keyshare_groups']) {
    equal(ask(name, plain), null, name);
    equal(bench.sample.mayChange, false, name);
  }
  equal(hex(ask('req.ssl_cipherlist', plain)).slice(0, 4), 'c02f');
});

test('an ACL is given all protocols, one after the other', () => {
  bench.put(makeHello(protocols('h3', 'h2', 'http/1.1')));
  bench.subject.iterate = true;
  const row = tlsHelloFetches.find((candidate) => candidate.name === 'req.ssl_alpn')!;
  const fetch = row.compile([], bench.linker);
  const seen: unknown[] = [];
  bench.sample.begin();
  do {
    ok(fetch(bench.subject, bench.sample));
    seen.push(bench.value());
  } while (bench.sample.more);
  bench.subject.iterate = false;
  deepEqual(seen, ['h3', 'h2', 'http/1.1']);
});

test('a name that is none is passed over for the next extension', () => {
  equal(ask('req.ssl_sni', makeHello([...serverName('not.this', 7), ...serverName('but.this')])), 'but.this');
  equal(ask('req.ssl_sni', makeHello(serverName('x', 7))), null);
});

test('a session ticket is told from an empty extension and from none', () => {
  equal(ask('req.ssl_st_ext', makeHello(extension(35, []))), 1);
  equal(ask('req.ssl_st_ext', makeHello([...serverName('a.b'), ...extension(35, [1])])), 2);
  equal(ask('req.ssl_st_ext', makeHello(serverName('a.b'))), 0);
  equal(ask('req.ssl_st_ext', makeHello([...extension(10, [0, 2, 0, 29]), 0, 35, 0, 9])), null);
});

test('the groups of key shares come without their keys', () => {
  const shares = block16([...u16(29), ...block16([1, 2, 3]), ...u16(23), ...block16([])]);
  equal(hex(ask('req.ssl_keyshare_groups', makeHello(extension(51, shares)))), '001d0017');
  // A share whose key claims to go on behind the list ends it.
  equal(hex(ask('req.ssl_keyshare_groups', makeHello(extension(51, block16([...u16(29), 255, 255]))))), '001d');
});

const ALL = tlsHelloFetches.map((row) => row.name).filter((name) => name.startsWith('req.'));
// These do not wait for the end of the record, and can do without the message's last four bytes.
const EARLY = ['req.ssl_sni', 'req.ssl_alpn'];

test('every hello that is cut short is waited for, at every byte', () => {
  const whole = makeHello([...protocols('h2'), ...serverName('www.example.com'), ...extension(35, [])]);
  for (const hello of [modern, whole]) {
    for (const name of ALL) {
      const expected = ask(name, hello);
      for (let cut = 0; cut < hello.length; cut++) {
        const found = ask(name, hello.subarray(0, cut));
        if (found === null && (expected !== null || cut < hello.length - 4)) {
          equal(bench.sample.mayChange, true, `${name} cut at ${cut}`);
        } else if (found !== null) {
          ok(EARLY.includes(name) && cut >= hello.length - 4, `${name} at ${cut} of ${hello.length}`);
          equal(found, expected);
        }
      }
    }
  }
});

test('an SSLv2 hello tells its version, whole or not at all', () => {
  equal(ask('req.ssl_ver', old), 0x30001);
  for (let cut = 0; cut < old.length; cut++) {
    equal(ask('req.ssl_ver', old.subarray(0, cut)), null);
    equal(bench.sample.mayChange, true, `cut at ${cut}`);
  }
  const lying = Uint8Array.from(old);
  lying[1]! += 1;
  equal(ask('req.ssl_ver', lying), null);
  equal(bench.sample.mayChange, false);
  equal(ask('req.ssl_hello_type', old), null);
});

test('what is no hello is known at its first byte', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-OpenSSH', '\x15\x03\x01\x00\x02\x02\x28']) {
    for (const name of ALL) {
      const hasType = name === 'req.ssl_hello_type' || name === 'req.ssl_ver';
      if (hasType && text[0] === '\x15') continue;
      equal(ask(name, Buffer.from(text, 'latin1')), null, `${name} of ${text}`);
      equal(bench.sample.mayChange && name !== 'req.ssl_ver', false, `${name} of ${text}`);
    }
  }
});

test('a hello of several records is waited for whole, then read as if it were one', () => {
  const { length } = modern;
  const half = 200;
  const message = modern.subarray(5);
  const split = Uint8Array.from([
    ...[0x16, 3, 1, ...u16(half), ...message.subarray(0, half)],
    ...[0x16, 3, 1, ...u16(message.length - half), ...message.subarray(half)],
  ]);
  equal(ask('req.ssl_cipherlist', split.subarray(0, length - 5)), null);
  equal(bench.sample.mayChange, true);
  equal(hex(ask('req.ssl_cipherlist', split)), hex(ask('req.ssl_cipherlist', modern)), 'it stands in the first record');
});

test('the response side is looked at in the response', () => {
  const hello = Uint8Array.from([0x16, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3]);
  bench.put(hello);
  bench.subject.responseData.bytes = bench.subject.requestData.bytes;
  bench.subject.responseData.offset = bench.subject.requestData.offset;
  bench.subject.responseData.length = hello.length;
  bench.put(modern);
  bench.subject.direction = DIRECTION_RESPONSE;
  equal(bench.fetch(tlsHelloFetches, 'res.ssl_hello_type'), 2);
  equal(bench.fetch(tlsHelloFetches, 'rep_ssl_hello_type'), 2);
  bench.subject.direction = 0;
  equal(bench.fetch(tlsHelloFetches, 'req.ssl_hello_type'), 1);
});

test('a stream of mode http has no hello to look at', () => {
  const http = new Bench(true);
  http.put(modern);
  for (const name of ALL) {
    equal(http.fetch(tlsHelloFetches, name), null, name);
    equal(http.sample.mayChange, false, name);
  }
});

/** Whatever the bytes: a value lies inside them (or in the trash), and what lies behind them makes no difference. */
function check(bytes: Uint8Array): void {
  for (const { name } of tlsHelloFetches) {
    const first = ask(name, bytes);
    const { mayChange, offset, length } = bench.sample;
    const { requestData } = bench.subject;
    if (typeof first === 'string' && name !== 'req.ssl_keyshare_groups') {
      ok(offset >= requestData.offset && offset + length <= requestData.offset + requestData.length, name);
    }
    requestData.bytes.fill(0xa5, requestData.offset + requestData.length);
    requestData.bytes.fill(0xa5, 0, requestData.offset);
    equal(bench.fetch(tlsHelloFetches, name), first, name);
    equal(bench.sample.mayChange, mayChange, name);
    ok(first === null || !mayChange, name);
  }
}

test('a lie in any one byte of a hello is survived', () => {
  const hello = makeHello([
    ...serverName('www.example.com'),
    ...protocols('h2', 'x'),
    ...extension(51, [0, 4, 0, 29, 0, 0]),
  ]);
  for (let at = 0; at < hello.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const lying = Uint8Array.from(hello);
      lying[at] = value;
      check(lying);
    }
  }
});

function spoil(prng: Prng, hello: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(hello);
  for (let count = prng.below(6); count > 0; count--) {
    bytes[prng.below(Math.min(bytes.length, 160))] = prng.pick([0, 1, 2, 3, 22, 255, prng.below(256)]);
  }
  return bytes.subarray(0, prng.below(4) === 0 ? prng.below(bytes.length + 1) : bytes.length);
}

fuzz('no hello makes the peeker look beyond what came', (prng) => {
  const types = [0, 10, 13, 16, 35, 51, 43];
  const extensions: number[] = [];
  for (let count = prng.below(5); count > 0; count--) {
    const data = [...prng.bytes(prng.below(20))];
    if (data.length > 2 && prng.below(2) === 0) data.splice(0, 2, ...u16(data.length - 2));
    extensions.push(...extension(prng.pick(types), data));
  }
  check(spoil(prng, makeHello(extensions)));
  check(spoil(prng, prng.pick([modern, plain, old])));
});
