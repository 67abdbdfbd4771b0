// Goal: bytes and fields mean the same both ways, and hostile bytes are refused by the first check of RFC 5880 §6.8.6
// that they fail. Method: known bytes, one damaged field after the other, random ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../testing/fuzz.ts';
import { BFD_STATES } from './contract.ts';
import { packetOf } from './fixture-bfd.ts';
import { type BfdPacket, diagnosticText, HEADER_BYTES, readPacket, writePacket } from './packet.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** An Up packet with some bytes replaced. */
function damaged(change: Readonly<Record<number, number>>, length = HEADER_BYTES): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(writePacket(packetOf({ state: 'up', yourDiscriminator: 5 })).subarray(0, length));
  for (const [at, value] of Object.entries(change)) bytes[Number(at)] = value;
  return bytes;
}

test('a packet has the bytes of RFC 5880 §4.1', () => {
  const bytes = writePacket({
    diagnostic: 1,
    state: 'up',
    poll: true,
    final: false,
    authentication: false,
    demand: false,
    multiplier: 5,
    myDiscriminator: 0x01020304,
    yourDiscriminator: 0xf0e0d0c0,
    desiredMinTxUs: 10_000,
    requiredMinRxUs: 4_294_967_000,
  });
  assert.equal(hex(bytes), '21e00518 01020304 f0e0d0c0 00002710 fffffed8 00000000'.replaceAll(' ', ''));
});

test('every state and flag is read as it was written', () => {
  for (const state of BFD_STATES) {
    for (const flags of [{}, { poll: true }, { final: true }, { demand: true }]) {
      const packet = packetOf({ state, ...flags, yourDiscriminator: 9, diagnostic: 8 });
      assert.deepEqual(readPacket(writePacket(packet)), packet);
    }
  }
});

test('each damage is refused by its own check', () => {
  assert.equal(readPacket(new Uint8Array(0)), 'packet_len_err');
  for (let length = 1; length < HEADER_BYTES; length++) assert.equal(readPacket(damaged({}, length)), 'packet_len_err');
  for (const version of [0, 2, 7]) assert.equal(readPacket(damaged({ 0: version << 5 })), 'vers_err');
  for (const length of [0, 23, 25, 255]) assert.equal(readPacket(damaged({ 3: length })), 'packet_len_err');
  assert.equal(readPacket(damaged({ 2: 0 })), 'detect_mult_err');
  assert.equal(readPacket(damaged({ 1: 0xc1 })), 'multipoint_err');
  assert.equal(readPacket(damaged({ 4: 0, 5: 0, 6: 0, 7: 0 })), 'my_discr_err');
  for (const state of [0x80, 0xc0]) assert.equal(readPacket(damaged({ 1: state, 11: 0 })), 'your_discr_err');
  assert.equal(readPacket(damaged({ 1: 0xf0 })), 'flags_err');
});

test('a packet of two damages is refused by the earlier check', () => {
  assert.equal(readPacket(damaged({ 0: 0, 3: 23 })), 'vers_err');
  assert.equal(readPacket(damaged({ 3: 23, 2: 0 })), 'packet_len_err');
  assert.equal(readPacket(damaged({ 2: 0, 1: 0xc1 })), 'detect_mult_err');
  assert.equal(readPacket(damaged({ 1: 0xc1, 7: 0 })), 'multipoint_err');
  assert.equal(readPacket(damaged({ 7: 0, 11: 0 })), 'my_discr_err');
  assert.equal(readPacket(damaged({ 1: 0xf0, 11: 0 })), 'your_discr_err');
});

test('who has no authentication section must not be shorter than one says', () => {
  assert.equal(readPacket(damaged({ 1: 0xc4 })), 'packet_len_err');
  const whole = readPacket(damaged({ 1: 0xc4, 3: 26 }, 26)) as BfdPacket;
  assert.equal(whole.authentication, true);
});

test('what follows the packet in its datagram does not count, nor does a diagnostic of later days', () => {
  const packet = readPacket(damaged({ 0: (1 << 5) | 31 }, 40)) as BfdPacket;
  assert.equal(packet.state, 'up');
  assert.equal(packet.diagnostic, 31);
  assert.equal(diagnosticText(31), 'Unknown (31)');
  assert.equal(diagnosticText(1), 'Control Detection Time Expired');
});

fuzz('bfd-packet: any bytes give fields or a verdict, and fields give the same bytes', (prng) => {
  const bytes = prng.bytes(prng.below(64));
  // Mostly bytes that come far: right version, right length.
  if (bytes.length >= 4 && prng.below(8) !== 0) {
    bytes[0] = (1 << 5) | (bytes[0]! & 31);
    bytes[3] = prng.below(4) === 0 ? prng.below(64) : HEADER_BYTES;
  }
  const packet = readPacket(bytes);
  if (typeof packet === 'string') return;
  assert.ok(bytes.length >= HEADER_BYTES && packet.multiplier > 0 && packet.myDiscriminator > 0);
  if (packet.authentication || bytes[3] !== HEADER_BYTES) return;
  const again = writePacket(packet);
  // The control plane bit and the echo interval are nobody's here.
  const expected = bytes.slice(0, HEADER_BYTES).fill(0, 20);
  expected[1]! &= ~0x08;
  assert.equal(hex(again), hex(expected));
});
