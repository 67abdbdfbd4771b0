// Goal: the same key lands on the same server as with HAProxy. Method: HAProxy's published values for the bytes
// 0…255 (its hash converters' reference test), known vectors, and the edges of the number reader.

import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { hashCrc32, hashDjb2, hashKey, hashSdbm, hashSource, hashWt6, mix, readNumber } from './hash.ts';

const allBytes = Uint8Array.from({ length: 256 }, (_unused, value) => value);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

test('sdbm, djb2, wt6 and crc32 give the values HAProxy gives, with and without avalanche', () => {
  const expected = [
    [hashCrc32, 688229491, 4230317029],
    [hashDjb2, 2589693061, 600622701],
    [hashSdbm, 905707648, 3103804144],
    [hashWt6, 4090277559, 1192658767],
  ] as const;
  for (const [hash, plain, mixed] of expected) {
    equal(hash(allBytes, 0, 256), plain, hash.name);
    equal(mix(hash(allBytes, 0, 256)), mixed, hash.name);
  }
});

test('hashKey goes by the function and the avalanche of hash-type', () => {
  const values = { sdbm: 905707648, djb2: 2589693061, wt6: 4090277559, crc32: 688229491 };
  for (const [name, value] of Object.entries(values)) {
    const type = { method: 'map-based', function: name as keyof typeof values, avalanche: false } as const;
    equal(hashKey(type, allBytes, 0, 256), value);
    equal(hashKey({ ...type, avalanche: true }, allBytes, 0, 256), mix(value));
  }
  equal(hashKey({ method: 'map-based', function: 'none', avalanche: false }, ascii('x1234y'), 1, 6), 1234);
});

test('only the bytes between start and end count', () => {
  for (const hash of [hashCrc32, hashDjb2, hashSdbm, hashWt6, readNumber]) {
    equal(hash(ascii('ab123cd'), 2, 5), hash(ascii('123'), 0, 3), hash.name);
  }
  equal(hashCrc32(ascii('123456789'), 0, 9), 0xcbf43926);
  equal(hashDjb2(ascii(''), 0, 0), 5381);
});

test('an address is the XOR of its 32-bit words in network order', () => {
  equal(hashSource(Uint8Array.of(127, 0, 0, 1), 0, 4, false), 0x7f000001);
  equal(hashSource(Uint8Array.of(255, 255, 255, 255), 0, 4, false), 0xffffffff);
  const v6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1);
  equal(hashSource(v6, 0, 16, false), (0x20010db8 ^ 0x01020304 ^ 1) >>> 0);
  equal(hashSource(v6, 0, 16, true), mix(0x20010db8 ^ 0x01020304 ^ 1));
});

test('hash function none reads signed decimal numbers and saturates at 64 bits', () => {
  const number = (text: string): number => readNumber(ascii(text), 0, text.length);
  equal(number('0'), 0);
  equal(number('4294967295'), 0xffffffff);
  equal(number('4294967296'), 0);
  equal(number('4294967297x9'), 1);
  equal(number('-1'), 0xffffffff);
  equal(number('+7'), 7);
  equal(number(''), 0);
  equal(number('-'), 0);
  equal(number('abc'), 0);
  equal(number('9223372036854775807'), 0xffffffff);
  equal(number('9223372036854775806'), 0xfffffffe);
  equal(number('9223372036854775808'), 0xffffffff);
  equal(number('9'.repeat(400)), 0xffffffff);
  equal(number(`-${'9'.repeat(400)}`), 0);
  equal(number('-9223372036854775807'), 1);
});
