// Goal: numbers and addresses in logs read as the C library writes them. Method: compare with String() and with
// inet_ntop(3), which node:net uses, over random values.

import assert from 'node:assert/strict';
import { SocketAddress } from 'node:net';
import { test } from 'node:test';
import type { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { asciiBytes, writeBytes, writeInet, writeInet6, writeInt, writePadded } from './text.ts';

const bytes = new Uint8Array(128);

function textOf(write: (at: number) => number): string {
  bytes.fill(0x7e);
  const end = write(3);
  assert.equal(bytes[2], 0x7e, 'wrote in front of its place');
  assert.equal(bytes[end], 0x7e, 'wrote behind its end');
  return new TextDecoder().decode(bytes.subarray(3, end));
}

function canonical(address: Uint8Array): string {
  const groups: string[] = [];
  for (let index = 0; index < 16; index += 2) groups.push(((address[index]! << 8) | address[index + 1]!).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

test('whole numbers are written as String writes them, up to 2^53', () => {
  const values = [0, 1, 9, 10, 99, 100, 999, 1000, 1001, 10_000, 65_535, 999_999, 1_000_000, 1_073_741_822];
  values.push(1_073_741_823, 1_073_741_824, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 10 ** 12, 2 ** 53 - 1, 2 ** 53);
  for (const value of values) {
    assert.equal(
      textOf((at) => writeInt(bytes, at, value)),
      String(value),
    );
    if (value !== 0) {
      assert.equal(
        textOf((at) => writeInt(bytes, at, -value)),
        String(-value),
      );
    }
  }
});

fuzz('log numbers read back', (prng: Prng) => {
  const value = Math.floor((prng.next32() * 2 ** 21 + prng.below(2 ** 21)) / 2 ** prng.below(53));
  assert.equal(
    textOf((at) => writeInt(bytes, at, value)),
    String(value),
  );
});

test('padded numbers keep their width', () => {
  assert.equal(
    textOf((at) => writePadded(bytes, at, 7, 6)),
    '000007',
  );
  assert.equal(
    textOf((at) => writePadded(bytes, at, 999_999, 6)),
    '999999',
  );
});

test('byte ranges are copied whatever their length', () => {
  const source = asciiBytes('abcdefghijklmnopqrstuvwxyz');
  for (let length = 0; length <= 20; length++) {
    assert.equal(
      textOf((at) => writeBytes(bytes, at, source, 2, length)),
      'cdefghijklmnopqrstuvwxyz'.slice(0, length),
    );
  }
});

test('IPv4 addresses are dotted quads', () => {
  assert.equal(
    textOf((at) => writeInet(bytes, at, Uint8Array.of(9, 9, 203, 0, 113, 255), 2)),
    '203.0.113.255',
  );
});

test('IPv6 addresses are shortened as HAProxy logs them', () => {
  const cases: [number[], string][] = [
    [[0, 0, 0, 0, 0, 0, 0, 0], '::'],
    [[0, 0, 0, 0, 0, 0, 0, 1], '::1'],
    [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], '2001:db8::1:0:0:1'],
    [[0, 0, 0, 0, 0, 0xffff, 0x102, 0x304], '::ffff:1.2.3.4'],
    [[0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], '2001:db8::'],
    [[0x2001, 0, 1, 2, 3, 4, 5, 6], '2001:0:1:2:3:4:5:6'],
  ];
  for (const [groups, expected] of cases) {
    const address = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 255]));
    assert.equal(
      textOf((at) => writeInet6(bytes, at, address)),
      expected,
    );
  }
});

fuzz('log addresses agree with inet_ntop', (prng: Prng) => {
  const address = prng.bytes(16);
  for (let group = 0; group < 8; group++) {
    const shape = prng.below(4);
    if (shape < 2) address[group * 2] = 0;
    if (shape < 1) address[group * 2 + 1] = 0;
    if (shape === 3 && group === 5) address.fill(255, 10, 12);
  }
  assert.equal(
    textOf((at) => writeInet6(bytes, at, address)),
    canonical(address),
  );
});
