// Goal: our bytes are the bytes on the wire. Method: packets captured from keepalived 2.2.7 and recomputed by hand,
// the vectors of the auth_hmac draft, and a round trip over random fields.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../testing/fuzz.ts';
import { addressOf, formatAddress, parseAddress } from './address.ts';
import { garpFrame, unsolicitedNaFrame } from './arp.ts';
import {
  isSequenceAfter,
  nextSequence,
  passwordBytes,
  type SenderSequence,
  verifyTrailer,
  writeTrailer,
} from './auth.ts';
import { checksumAdd, checksumFold, isChecksumRight } from './checksum.ts';
import { type AdvertSpec, encodeAdvert, parsePacket, pduLength } from './packet.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const GROUP = addressOf('224.0.0.18');
const CAPTURED: AdvertSpec = {
  version: 3,
  vrid: 51,
  priority: 150,
  advertIntMs: 100,
  addresses: [addressOf('10.77.0.100')],
  auth: 'none',
  authKey: passwordBytes('secret12'),
  pseudoHeader: true,
  source: addressOf('10.77.0.1'),
  ttl: 255,
  ipId: 1,
  ahSequence: 1,
  unicast: false,
  trailer: null,
};
const V2: AdvertSpec = { ...CAPTURED, version: 2, advertIntMs: 1000 };

function pduOf(spec: AdvertSpec, destination: Uint8Array = GROUP): string {
  const bytes = encodeAdvert(spec, destination);
  return hex(bytes.subarray(spec.source.length === 16 ? 0 : spec.auth === 'ah' ? 44 : 20));
}

test('a v2 advertisement without authentication is as captured, eight zero bytes last', () => {
  assert.equal(pduOf(V2), '2133960100013e190a4d00640000000000000000');
});

test('a v2 advertisement with PASS is as captured', () => {
  assert.equal(pduOf({ ...V2, auth: 'pass' }), '213396010101cf9a0a4d00647365637265743132');
});

test('a v2 advertisement inside AH is as captured, and so is its integrity value', () => {
  const spec: AdvertSpec = { ...V2, auth: 'ah' };
  assert.equal(pduOf(spec), '2133960102013c190a4d00640000000000000000');
  const bytes = encodeAdvert(spec, GROUP);
  assert.equal(hex(bytes.subarray(20, 32)), '70040000' + '0a4d0001' + '00000001');
  assert.equal(hex(bytes.subarray(32, 44)), '3ec2483f6b8b48530167ea60');
  assert.equal(bytes[9], 51);
});

test('a v3 advertisement is as captured: multicast, unicast and without pseudo header', () => {
  assert.equal(pduOf(CAPTURED), '31339601000a43330a4d0064');
  assert.equal(pduOf({ ...CAPTURED, unicast: true }, addressOf('10.77.0.2')), '31339601000a18f70a4d0064');
  assert.equal(pduOf({ ...CAPTURED, pseudoHeader: false }), '31339601000a2e100a4d0064');
});

test('a v3 advertisement over IPv6 is as captured', () => {
  const spec: AdvertSpec = {
    ...CAPTURED,
    source: addressOf('fe80::1'),
    addresses: [addressOf('fe80::100'), addressOf('fd77::100')],
  };
  const bytes = encodeAdvert(spec, addressOf('ff02::12'));
  assert.equal(hex(bytes.subarray(0, 6)), '31339602000a');
  assert.equal(hex(bytes.subarray(8)), hex(addressOf('fe80::100')) + hex(addressOf('fd77::100')));
  assert.ok(isChecksumRight(3, spec.source, addressOf('ff02::12'), bytes, 0, bytes.length));
});

test('the IPv4 header is the one keepalived builds', () => {
  const bytes = encodeAdvert({ ...V2, ipId: 0x1234 }, GROUP);
  assert.equal(hex(bytes.subarray(0, 20)), '45c00028' + '12340000' + 'ff700000' + '0a4d0001' + 'e0000012');
  const ah = encodeAdvert({ ...V2, auth: 'ah' }, GROUP);
  assert.equal((ah[2]! << 8) | ah[3]!, 20 + 24 + 8 + 4 + 8);
});

test('a stopping master differs in the priority and the checksum alone', () => {
  const running = encodeAdvert(V2, GROUP);
  const stopping = encodeAdvert({ ...V2, priority: 0 }, GROUP);
  assert.equal(stopping[22], 0);
  const differing = [...running.keys()].filter((at) => running[at] !== stopping[at]);
  assert.ok(differing.every((at) => at === 22 || at === 26 || at === 27));
  assert.ok(isChecksumRight(2, V2.source, GROUP, stopping, 20, 40));
});

test('both forms of the v3 checksum over IPv4 are believed, and keepalived 1.3.6’s for unicast', () => {
  const to = addressOf('10.77.0.2');
  const right = (bytes: Uint8Array): boolean => isChecksumRight(3, CAPTURED.source, to, bytes, 20, 32);
  assert.ok(right(encodeAdvert(CAPTURED, to)));
  assert.ok(right(encodeAdvert({ ...CAPTURED, pseudoHeader: false }, to)));
  const old = encodeAdvert(CAPTURED, GROUP);
  assert.ok(right(old));
  old[26] = old[26]! ^ 1;
  assert.ok(!right(old));
});

test('every single changed byte breaks the checksum', () => {
  const bytes = encodeAdvert(CAPTURED, GROUP);
  for (let at = 20; at < bytes.length; at++) {
    const broken = bytes.slice();
    broken[at] = broken[at]! ^ 0x41;
    assert.ok(!isChecksumRight(3, CAPTURED.source, GROUP, broken, 20, 32), `byte ${at}`);
  }
});

// The images of the draft's appendix: key 00…1f, VRID 51, priority 200, sequence 0x6800000080000000.
const HMAC_KEY = { id: 1, secret: new Uint8Array(32).map((_, index) => index) };
const HMAC_WALL_MS = 0x68000000 * 1000 + 500;
const HMAC4 = unhex('3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265');
const HMAC6 = unhex(
  '3133c8010064a2e9 fe800000000000000000000000000100 010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78',
);

test('the auth_hmac images of the draft verify, once', () => {
  const from4 = addressOf('198.51.100.10');
  const from6 = addressOf('fe80::10');
  const seen: SenderSequence[] = [];
  assert.equal(verifyTrailer(HMAC4, 0, 12, from4, [HMAC_KEY], 5000, HMAC_WALL_MS, seen), 'ok');
  assert.equal(verifyTrailer(HMAC6, 0, 24, from6, [HMAC_KEY], 5000, HMAC_WALL_MS, seen), 'ok');
  assert.equal(verifyTrailer(HMAC4, 0, 12, from4, [HMAC_KEY], 5000, HMAC_WALL_MS, seen), 'replay');
});

test('writing the trailer gives the draft’s images', () => {
  for (const [image, at, source] of [
    [HMAC4, 12, '198.51.100.10'],
    [HMAC6, 24, 'fe80::10'],
  ] as const) {
    const bytes = image.slice();
    bytes.fill(0, at);
    const sequence = { high: 0x68000000, low: 0x80000000 };
    writeTrailer(bytes, 0, at, addressOf(source), 1, HMAC_KEY.secret, sequence);
    assert.equal(hex(bytes), hex(image));
  }
});

test('a changed byte of an authenticated packet is told apart as keepalived does', () => {
  const cases: [number, string][] = [
    [2, 'invalid-hmac'],
    [5, 'invalid-hmac'],
    [6, 'ok'], // the checksum is not signed
    [23, 'invalid-hmac'],
    [24, 'malformed'],
    [25, 'unknown-key'],
    [26, 'malformed'],
    [35, 'invalid-hmac'],
    [36, 'invalid-hmac'],
  ];
  for (const [at, verdict] of cases) {
    const bytes = HMAC6.slice();
    bytes[at] = bytes[at]! ^ 1;
    assert.equal(
      verifyTrailer(bytes, 0, 24, addressOf('fe80::10'), [HMAC_KEY], 5000, HMAC_WALL_MS, []),
      verdict,
      `${at}`,
    );
  }
  assert.equal(
    verifyTrailer(HMAC6, 0, 24, addressOf('fe80::20'), [HMAC_KEY], 5000, HMAC_WALL_MS, []),
    'invalid-hmac',
    'the source is signed too',
  );
});

test('an authenticated packet outside the time window is stale, on either side', () => {
  for (const [offMs, verdict] of [
    [6000, 'stale'],
    [5000, 'ok'],
    [-5000, 'ok'],
    [-6000, 'stale'],
  ] as const) {
    assert.equal(
      verifyTrailer(HMAC4, 0, 12, addressOf('198.51.100.10'), [HMAC_KEY], 5000, HMAC_WALL_MS + offMs, []),
      verdict,
    );
  }
});

test('sequences grow with the clock, within it, and start again when it was set far back', () => {
  const first = nextSequence({ high: 0, low: 0 }, 5_000_500, 5000);
  assert.deepEqual(first, { high: 5000, low: 0x80000000 });
  const second = nextSequence(first, 5_000_500, 5000);
  assert.deepEqual(second, { high: 5000, low: 0x80000001 });
  assert.ok(isSequenceAfter(second, first) && !isSequenceAfter(first, second) && !isSequenceAfter(first, first));
  assert.deepEqual(nextSequence({ high: 5000, low: 0xffffffff }, 4_999_000, 5000), { high: 5001, low: 0 });
  assert.deepEqual(nextSequence(first, 1_000_000, 5000), { high: 1000, low: 0 });
});

test('a gratuitous ARP is the 42 bytes keepalived sends', () => {
  const frame = garpFrame(unhex('00005e000133'), addressOf('10.77.0.100'));
  assert.equal(
    hex(frame),
    'ffffffffffff00005e0001330806' + '0001080006040001' + '00005e0001330a4d0064' + 'ffffffffffff0a4d0064',
  );
});

test('an unsolicited neighbour advertisement has the override flag, its option and a right checksum', () => {
  const address = addressOf('fd77::100');
  const frame = unsolicitedNaFrame(unhex('00005e000233'), address, false);
  assert.equal(hex(frame.subarray(0, 14)), '33330000000100005e00023386dd');
  assert.equal(hex(frame.subarray(14, 22)), '6000000000203aff');
  assert.equal(hex(frame.subarray(22, 54)), hex(address) + hex(addressOf('ff02::1')));
  assert.equal(frame[54], 136);
  assert.equal(frame[58], 0x20);
  assert.equal(hex(frame.subarray(78)), '020100005e000233');
  const sum = checksumAdd(checksumAdd(0, frame, 22, 54) + 58 + 32, frame, 54, 86);
  assert.equal(checksumFold(sum), 0);
  assert.equal(unsolicitedNaFrame(unhex('00005e000233'), address, true)[58], 0xa0);
});

test('addresses are read and written as inet_pton and inet_ntop do', () => {
  for (const text of [
    '10.77.0.1',
    '255.255.255.255',
    'fe80::1',
    '::',
    '::1',
    'fd77::',
    '1:2:3:4:5:6:7:8',
    'a::b:0:0:c',
  ]) {
    assert.equal(formatAddress(parseAddress(text)), text);
  }
  assert.equal(hex(parseAddress('::ffff:10.77.0.1')!), '00000000000000000000ffff0a4d0001');
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '1::2::3',
    '1:2:3',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '1.2.3.4:5::',
  ]) {
    assert.equal(parseAddress(text), null, text);
  }
});

fuzz('vrrp-packet-round-trip', (prng) => {
  const isInet6 = prng.below(2) === 0;
  const version = isInet6 ? 3 : prng.pick([2, 3] as const);
  const width = isInet6 ? 16 : 4;
  const spec: AdvertSpec = {
    ...CAPTURED,
    version,
    vrid: prng.below(256),
    priority: prng.below(256),
    advertIntMs: version === 2 ? 1000 * (1 + prng.below(255)) : 10 * (1 + prng.below(4095)),
    addresses: Array.from({ length: prng.below(20) }, () => prng.bytes(width)),
    auth: version === 2 ? prng.pick(['none', 'pass', 'ah'] as const) : 'none',
    pseudoHeader: prng.below(2) === 0,
    source: prng.bytes(width),
    ipId: prng.below(65_536),
  };
  const destination = isInet6 ? addressOf('ff02::12') : GROUP;
  const bytes = encodeAdvert(spec, destination);
  const family = isInet6 ? 'inet6' : 'inet';
  const parsed = parsePacket({ ifindex: 1, family, bytes, source: spec.source, destination, hopLimit: 255 })!;
  assert.deepEqual(
    [parsed.version, parsed.vrid, parsed.priority, parsed.count, parsed.type],
    [version, spec.vrid, spec.priority, spec.addresses.length, 1],
  );
  assert.equal(version === 2 ? parsed.advertSeconds * 1000 : parsed.centiseconds * 10, spec.advertIntMs);
  assert.equal(hex(parsed.source), hex(spec.source));
  assert.equal(parsed.end - parsed.start, pduLength(parsed));
  assert.ok(isChecksumRight(version, spec.source, destination, bytes, parsed.start, parsed.end));
});
