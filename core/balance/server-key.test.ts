// Goal: a server's nodes stand where HAProxy puts them. Method: the published values of XXH32 and of the avalanche that the
// keys are made with, and the fall-back to the id; the proxies' parity test compares whole rings with HAProxy.

import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { xxh32 } from '../base/xxh32.ts';
import type { Address, HashKey, Server } from '../model/proxy.ts';
import { mix } from './hash.ts';
import { serverKey } from './server-key.ts';

function key(hashKey: HashKey, address: Address, more: Partial<Server> = {}): number {
  return serverKey({ id: 3, guid: '', resolved: true, portOffset: 0, hashKey, address, ...more } as Server);
}

const inet: Address = { family: 'inet', host: '10.1.2.3', port: 8080 };
const unix: Address = { family: 'unix', path: '/x' };
const inet6 = (host: string): Address => ({ family: 'inet6', host, port: 8080, scope: '' });

test('XXH32 gives its published values', () => {
  const of = (text: string, seed: number): number => xxh32(new TextEncoder().encode(text), 0, text.length, seed);
  equal(of('', 0), 0x02cc5d05);
  equal(of('', 0x9e3779b1), 0x36b78ae7);
  equal(of('a', 0), 1426945110);
  equal(of('Nobody inspects the spammish repetition', 0), 0xe2293b2f);
});

test('by id the keys of neighbours lie a whole weight apart, and wrap at 32 bits', () => {
  equal(key('id', inet), 3 * 4096);
  equal(key('id', inet, { id: 2 ** 28 + 1 }), 4096);
});

test('by all 32 bits of the id its bytes are turned round before they are mixed', () => {
  equal(key('id32', inet), mix(0x03000000));
  equal(key('id32', inet, { id: 0x01020304 }), mix(0x04030201));
});

test('by address the port counts only where it is asked for', () => {
  equal(key('addr', inet), mix(0x0302010a));
  equal(key('addr', inet), key('addr', { ...inet, port: 1 }));
  equal(key('addr-port', inet), mix((mix(8080) + 0x0302010a) >>> 0));
  equal(key('addr-port', { ...inet, port: 0 }, { portOffset: 100 }), mix((mix(100) + 0x0302010a) >>> 0));
});

test('an IPv6 address counts by its bytes, however it is written', () => {
  const bytes = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4);
  for (const host of ['2001:db8::102:304', '2001:DB8:0:0:0:0:102:304', '2001:db8::1.2.3.4']) {
    equal(key('addr', inet6(host)), xxh32(bytes, 0, 16, 0), host);
    equal(key('addr-port', inet6(host)), xxh32(bytes, 0, 16, mix(8080)), host);
  }
  equal(key('addr', inet6('::')), xxh32(new Uint8Array(16), 0, 16, 0));
});

test('what is not there is replaced by the id', () => {
  for (const hashKey of ['addr', 'addr-port', 'guid'] as const) equal(key(hashKey, unix), 3 * 4096, hashKey);
  equal(key('addr', inet, { resolved: false }), 3 * 4096);
  equal(key('guid', unix, { guid: 'a' }), 1426945110);
});
