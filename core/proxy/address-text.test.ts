// Goal: addresses read as the system writes them. Method: every form by hand, then seeds against core/sys's own text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, AF_INET6 } from '../io/net.ts';
import { fuzz } from '../testing/fuzz.ts';
import { writeAddress, writeDecimal } from './address-text.ts';

const bytes = new Uint8Array(128);
const textOf = (end: number): string => new TextDecoder().decode(bytes.subarray(0, end));
const inet6 = (...words: [number, number, number, number]): string =>
  textOf(writeAddress(bytes, 0, AF_INET6, ...words));

test('an IPv4 address is a dotted quad', () => {
  assert.equal(textOf(writeAddress(bytes, 0, AF_INET, 0x7f000001, 0, 0, 0)), '127.0.0.1');
  assert.equal(textOf(writeAddress(bytes, 0, AF_INET, -1, 0, 0, 0)), '255.255.255.255');
  assert.equal(textOf(writeAddress(bytes, 0, AF_INET, 0, 0, 0, 0)), '0.0.0.0');
});

test('an IPv6 address is shortened at its first longest run of zero groups', () => {
  assert.equal(inet6(0, 0, 0, 0), '::');
  assert.equal(inet6(0, 0, 0, 1), '::1');
  assert.equal(inet6(0x20010db8, 0, 0, 1), '2001:db8::1');
  assert.equal(inet6(0x20010db8, 0, 0x00010000, 0), '2001:db8:0:0:1::');
  assert.equal(inet6(0x20010db8, 0x00010002, 0x00030004, 0x00050006), '2001:db8:1:2:3:4:5:6');
  assert.equal(inet6(0xfe800000 | 0, 0, 0, 0), 'fe80::');
  assert.equal(inet6(0x00010000, 0x00020003, 0x00040005, 0x00060007), '1:0:2:3:4:5:6:7');
});

test('mapped and compatible IPv4 keep their dots', () => {
  assert.equal(inet6(0, 0, 0xffff, 0x01020304), '::ffff:1.2.3.4');
  assert.equal(inet6(0, 0, 0, 0x01020304), '::1.2.3.4');
});

test('numbers are written in as many digits as they have', () => {
  for (const value of [0, 9, 10, 99, 100, 65_535, 2_147_483_647]) {
    assert.equal(textOf(writeDecimal(bytes, 0, value)), String(value));
  }
});

fuzz('an IPv6 text means the address it was made from', (prng) => {
  const words = Array.from({ length: 4 }, () =>
    prng.below(3) === 0 ? 0 : prng.next32() & (prng.below(2) ? -1 : 0xffff),
  );
  const text = inet6(words[0]!, words[1]!, words[2]!, words[3]!);
  const host = new URL(`http://[${text}]/`).hostname;
  const wanted = words.map((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)].join(':')).join(':');
  assert.equal(host, new URL(`http://[${wanted}]/`).hostname);
});
