// Goal: a packet that must not be believed is counted under its reason and changes nothing else; one that may, counts.
// Method: a backup and a master hear one packet per row of the table, then hostile bytes from a seed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VrrpInstance } from '../model/vrrp.ts';
import { fuzz } from '../testing/fuzz.ts';
import { addressOf } from './address.ts';
import type { AdvertFact, VrrpCounters } from './contract.ts';
import { virtualAddress } from './fixture-model.ts';
import { factOf, type Neighbour, Rig, WALL_MS } from './fixture-rig.ts';
import { encodeAdvert } from './packet.ts';

const V2: Partial<VrrpInstance> = { version: 2, advertIntMs: 1000 };
const PASS: Partial<VrrpInstance> = { ...V2, auth: { type: 'pass', password: 'secret12' } };
const AH: Partial<VrrpInstance> = { ...V2, auth: { type: 'ah', password: 'secret12' } };
const V6: Partial<VrrpInstance> = { family: 'inet6', addresses: [virtualAddress('fe80::100')] };
const UNICAST: Partial<VrrpInstance> = {
  unicast: true,
  unicastPeers: [{ address: '10.77.0.9', minTtl: 64, maxTtl: 255 }],
};
const HMAC_KEY = { id: 1, secret: new Uint8Array(32).fill(5) };
const HMAC: Partial<VrrpInstance> = {
  authHmac: { keys: [HMAC_KEY], sendId: 1, mode: 'enforce', windowMs: 5000 },
};
const TRAILER = { keyId: 1, key: HMAC_KEY.secret, sequence: { high: WALL_MS / 1000, low: 1 } };

type Change = (fact: AdvertFact) => AdvertFact;

// Changes bytes at offsets of the whole packet; the checksum is left as it was unless said otherwise.
const poke =
  (...changes: [number, number][]): Change =>
  (fact) => {
    for (const [at, value] of changes) fact.bytes[at] = value;
    return fact;
  };
const resize =
  (bytes: number, total = true): Change =>
  (fact) => {
    const resized = new Uint8Array(fact.bytes.length + bytes);
    resized.set(fact.bytes.subarray(0, resized.length));
    if (total && fact.family === 'inet') {
      resized[2] = resized.length >> 8;
      resized[3] = resized.length & 255;
    }
    return { ...fact, bytes: resized };
  };

interface Row {
  what: string;
  config?: Partial<VrrpInstance>;
  neighbour?: Neighbour;
  change?: Change;
  counter: keyof VrrpCounters | '';
}

const REFUSED: Row[] = [
  { what: 'a TTL of 254', neighbour: { ttl: 254 }, counter: 'ip_ttl_err' },
  { what: 'a hop limit of 254', config: V6, neighbour: { hopLimit: 254 }, counter: 'ip_ttl_err' },
  { what: 'a hop limit the kernel did not tell', config: V6, neighbour: { hopLimit: -1 }, counter: 'ip_ttl_err' },
  { what: 'a wrong checksum', change: poke([26, 0x12]), counter: 'chk_err' },
  { what: 'a wrong checksum over IPv6', config: V6, change: poke([6, 0x12]), counter: 'chk_err' },
  { what: 'a wrong checksum in v2', config: V2, change: poke([26, 0x12]), counter: 'chk_err' },
  { what: 'version 2 to version 3', neighbour: { version: 2, advertIntMs: 1000 }, counter: 'vers_err' },
  { what: 'version 3 to version 2', config: V2, neighbour: { version: 3 }, counter: 'vers_err' },
  { what: 'version 15', change: poke([20, 0xf1]), counter: 'vers_err' },
  { what: 'type 2', change: poke([20, 0x32], [26, 0x5f], [27, 0xf7]), counter: 'invalid_type_rcvd' },
  { what: 'two addresses counted, one there', change: poke([23, 2]), counter: 'packet_len_err' },
  { what: '255 addresses counted, one there', change: poke([23, 255]), counter: 'packet_len_err' },
  { what: 'four bytes too many, by the IP header', change: resize(4), counter: 'packet_len_err' },
  { what: 'two bytes too many over IPv6', config: V6, change: resize(2), counter: 'packet_len_err' },
  { what: 'four bytes beyond the IP length', change: resize(4, false), counter: 'packet_len_err' },
  { what: 'fewer bytes than the IP header says', change: resize(-4, false), counter: 'packet_len_err' },
  { what: 'an IP length of 65535', change: poke([2, 0xff], [3, 0xff]), counter: 'packet_len_err' },
  { what: 'v2 without its eight last bytes', config: V2, change: resize(-8), counter: 'packet_len_err' },
  { what: 'another interval in v2', config: V2, neighbour: { advertIntMs: 5000 }, counter: 'advert_interval_err' },
  { what: 'authentication type 7', config: V2, change: poke([24, 7]), counter: 'invalid_authtype' },
  { what: 'PASS where none is wanted', config: V2, neighbour: { auth: 'pass' }, counter: 'authtype_mismatch' },
  { what: 'no PASS where one is wanted', config: PASS, neighbour: { auth: 'none' }, counter: 'authtype_mismatch' },
  {
    what: 'a wrong password',
    config: PASS,
    neighbour: { authKey: new TextEncoder().encode('secret13') },
    counter: 'auth_failure',
  },
  { what: 'AH where none is wanted', config: V2, neighbour: { auth: 'ah' }, counter: 'authtype_mismatch' },
  { what: 'no AH where it is wanted', config: AH, neighbour: { auth: 'none' }, counter: 'authtype_mismatch' },
  {
    what: 'AH with another password',
    config: AH,
    neighbour: { authKey: new TextEncoder().encode('secret13') },
    counter: 'auth_failure',
  },
  { what: 'AH with a changed integrity value', config: AH, change: poke([35, 1]), counter: 'auth_failure' },
  { what: 'AH for another protocol', config: AH, change: poke([20, 6]), counter: 'auth_failure' },
  { what: 'AH with an SPI that is not the source', config: AH, change: poke([27, 77]), counter: 'auth_failure' },
  {
    what: 'a unicast packet to a multicast instance',
    neighbour: { destination: '10.77.0.1' },
    counter: 'addr_list_err',
  },
  {
    what: 'a multicast packet to a unicast instance',
    config: UNICAST,
    neighbour: { destination: '224.0.0.18' },
    counter: 'addr_list_err',
  },
  { what: 'a unicast packet below min_ttl', config: UNICAST, neighbour: { ttl: 63 }, counter: 'ip_ttl_err' },
  {
    what: 'a stranger with check_unicast_src',
    config: { ...UNICAST, checkUnicastSource: true },
    neighbour: { host: 8 },
    counter: 'unicast_source_err',
  },
  { what: 'no trailer where auth_hmac is enforced', config: HMAC, counter: 'auth_ext_missing' },
  {
    what: 'a trailer of another key',
    config: HMAC,
    neighbour: { trailer: { ...TRAILER, keyId: 2 } },
    counter: 'auth_ext_unknown_key',
  },
  {
    what: 'a trailer made with another secret',
    config: HMAC,
    neighbour: { trailer: { ...TRAILER, key: new Uint8Array(32) } },
    counter: 'auth_ext_invalid_hmac',
  },
  {
    what: 'a trailer of yesterday',
    config: HMAC,
    neighbour: { trailer: { ...TRAILER, sequence: { high: WALL_MS / 1000 - 86_400, low: 1 } } },
    counter: 'auth_ext_stale',
  },
  {
    what: 'a trailer of unknown type',
    config: HMAC,
    neighbour: { trailer: TRAILER },
    change: poke([32, 9]),
    counter: 'auth_ext_malformed',
  },
  { what: 'another VRID', neighbour: { vrid: 52 }, counter: '' },
  { what: 'VRID 0', neighbour: { vrid: 0 }, counter: '' },
  { what: 'our own source address', neighbour: { host: 1 }, counter: '' },
  { what: 'a packet of three bytes', change: (fact) => ({ ...fact, bytes: fact.bytes.subarray(0, 3) }), counter: '' },
  { what: 'a packet that ends in the IP header', change: resize(-20), counter: '' },
  { what: 'a fragment', change: poke([6, 0x20]), counter: '' },
  { what: 'an IP header of four words', change: poke([0, 0x44]), counter: '' },
  { what: 'another protocol', change: poke([9, 17]), counter: '' },
  { what: 'another interface', change: (fact) => ({ ...fact, ifindex: 9 }), counter: '' },
];

for (const row of REFUSED) {
  for (const role of ['backup', 'master'] as const) {
    test(`a ${role} refuses ${row.what}, and nothing but ${row.counter || 'nothing'} is counted`, () => {
      const rig = new Rig(row.config ?? {});
      if (role === 'master') rig.master();
      else rig.start();
      rig.take();
      rig.sleep(7);
      const before = rig.status();
      const fact = factOf(rig.config, row.neighbour ?? {});
      rig.router.onAdvert(row.change?.(fact) ?? fact, rig.nowMs, rig.intents);
      const after = rig.status();
      const wanted = { ...before.counters };
      if (row.counter !== '') wanted[row.counter]++;
      assert.deepEqual(after, { ...before, counters: wanted });
      assert.ok(rig.take().every((each) => each.do === 'log'));
    });
  }
}

const ACCEPTED: Row[] = [
  { what: 'a plain one', counter: '' },
  { what: 'one without pseudo header', neighbour: { pseudoHeader: false }, counter: '' },
  { what: 'one over IPv6', config: V6, counter: '' },
  { what: 'one in v2', config: V2, counter: '' },
  { what: 'one with the right password', config: PASS, counter: '' },
  { what: 'one in AH', config: AH, counter: '' },
  { what: 'one with the right trailer', config: HMAC, neighbour: { trailer: TRAILER }, counter: '' },
  {
    what: 'one without trailer while migrating',
    config: { authHmac: { ...HMAC.authHmac!, mode: 'permissive' } },
    counter: '',
  },
  { what: 'a unicast one from its peer', config: UNICAST, counter: '' },
  { what: 'a unicast one of TTL 64', config: UNICAST, neighbour: { ttl: 64 }, counter: '' },
  {
    what: 'a unicast one from a stranger, unless check_unicast_src',
    config: UNICAST,
    neighbour: { host: 8 },
    counter: '',
  },
  { what: 'one padded to Ethernet’s minimum', change: resize(14, false), counter: '' },
  { what: 'one padded, with a VLAN tag', change: resize(10, false), counter: '' },
  {
    what: 'one with another address list',
    neighbour: { addresses: [addressOf('10.9.9.9')] },
    counter: 'addr_list_err',
  },
  { what: 'one without any address', neighbour: { addresses: [] }, counter: 'addr_list_err' },
  {
    what: 'one with an address more',
    neighbour: { addresses: [addressOf('10.77.0.100'), addressOf('10.77.0.101')] },
    counter: 'addr_list_err',
  },
  { what: 'one with interval 0', neighbour: { advertIntMs: 0 }, counter: 'interval_clamped' },
  { what: 'one with interval 40.95 s', neighbour: { advertIntMs: 40_950 }, counter: 'interval_clamped' },
];

for (const row of ACCEPTED) {
  test(`a backup believes ${row.what}`, () => {
    const rig = new Rig(row.config ?? {}).start();
    rig.sleep(50);
    const before = rig.status().counters;
    const fact = factOf(rig.config, row.neighbour ?? {});
    rig.router.onAdvert(row.change?.(fact) ?? fact, rig.nowMs, rig.intents);
    const after = rig.status();
    const wanted = { ...before, advert_rcvd: 1 };
    if (row.counter !== '') wanted[row.counter] = 1;
    assert.deepEqual(after.counters, wanted);
    assert.equal(after.masterPriority, 200);
    assert.equal(after.masterDownInMs, after.masterDownMs);
  });
}

test('IP options are skipped', () => {
  const rig = new Rig().start();
  const fact = factOf(rig.config);
  const bytes = new Uint8Array(fact.bytes.length + 4);
  bytes.set(fact.bytes.subarray(0, 20));
  bytes.set(fact.bytes.subarray(20), 24);
  bytes[0] = 0x46;
  bytes[3] = bytes.length;
  rig.router.onAdvert({ ...fact, bytes }, rig.nowMs, rig.intents);
  assert.equal(rig.status().counters.advert_rcvd, 1);
});

test('an AH sequence counts once per sender, and ours goes on after the highest seen', () => {
  const rig = new Rig(AH).start();
  rig.hear({ ahSequence: 7 }).hear({ ahSequence: 7 }).hear({ ahSequence: 6 });
  assert.deepEqual([rig.status().counters.advert_rcvd, rig.status().counters.auth_failure], [1, 2]);
  rig.hear({ ahSequence: 3, host: 8 });
  assert.equal(rig.status().counters.advert_rcvd, 2);
  rig.take();
  rig.wait(4000);
  const sent = rig.take().find((each) => each.do === 'send-advert')!;
  assert.equal(new DataView(sent.packets[0]!.bytes.buffer).getUint32(28), 8);
});

test('a replayed trailer is refused', () => {
  const rig = new Rig(HMAC).start();
  rig.hear({ trailer: TRAILER }).hear({ trailer: TRAILER });
  assert.deepEqual([rig.status().counters.advert_rcvd, rig.status().counters.auth_ext_replay], [1, 1]);
});

test('skip_check_adv_addr looks at the list of a new master only', () => {
  const rig = new Rig({ skipCheckAdvAddr: true }).start();
  for (let round = 0; round < 3; round++) rig.hear({ addresses: [] });
  assert.equal(rig.status().counters.addr_list_err, 1);
});

test('an owner that ignores adverts is not moved by another owner', () => {
  const rig = new Rig({ priority: 255, wantedState: 'MASTER', ownerIgnoreAdverts: true }).start();
  rig.take();
  rig.hear({ priority: 255 });
  assert.equal(rig.state, 'master');
  assert.ok(rig.take().every((each) => each.do === 'log'));
});

test('a flood of bad packets is one log line and leaves the master’s cadence alone', () => {
  const rig = new Rig().master();
  const sentAtMs: number[] = [];
  const bad = poke([26, 0x12])(factOf(rig.config));
  for (let tick = 0; tick < 1000; tick++) {
    rig.wait(1);
    for (const each of rig.take()) if (each.do === 'send-advert') sentAtMs.push(rig.nowMs);
    rig.router.onAdvert(bad, rig.nowMs, rig.intents);
  }
  assert.equal(sentAtMs.length, 10);
  assert.ok(sentAtMs.every((at, index) => index === 0 || Math.abs(at - sentAtMs[index - 1]! - 100) <= 1));
  assert.equal(rig.status().counters.chk_err, 1000);
});

test('unknown VRIDs are logged when asked for, ever more rarely', () => {
  const rig = new Rig({}, { global: { unknownVridsLogged: true } }).start();
  rig.take();
  for (let count = 0; count < 100; count++) rig.hear({ vrid: 9 });
  assert.equal(rig.take().filter((each) => each.do === 'log').length, 7);
});

// Hostile bytes: never a throw, never anything but log lines unless the packet is entirely valid.
fuzz('vrrp-hostile-packets', (prng) => {
  const rig = new Rig(prng.pick([{}, V2, PASS, AH, V6, UNICAST, HMAC]));
  if (prng.below(2) === 0) rig.master();
  else rig.start();
  rig.take();
  const before = rig.status();
  const fact = factOf(rig.config, { priority: prng.below(256), trailer: prng.below(2) === 0 ? TRAILER : null });
  for (let packet = 0; packet < 20; packet++) {
    let bytes = prng.below(4) === 0 ? prng.bytes(prng.below(100)) : fact.bytes.slice();
    if (prng.below(3) === 0) bytes = bytes.subarray(0, prng.below(bytes.length + 1));
    const isInet6 = rig.config.family === 'inet6';
    for (let changes = 1 + prng.below(4); changes > 0 && bytes.length > 0; changes--) {
      bytes[prng.below(bytes.length)] = prng.below(256);
    }
    const source = isInet6 && prng.below(10) === 0 ? prng.bytes(prng.below(20)) : fact.source;
    rig.router.onAdvert({ ...fact, bytes, source }, rig.nowMs, rig.intents);
    const after = rig.status();
    if (after.counters.advert_rcvd !== before.counters.advert_rcvd) return; // it was valid after all
    assert.deepEqual({ ...after, counters: null }, { ...before, counters: null });
    assert.ok(rig.take().every((each) => each.do === 'log'));
  }
});

test('the encoder and the tests agree on what an advertisement is', () => {
  const rig = new Rig().master();
  rig.wait(100);
  const sent = rig.take().find((each) => each.do === 'send-advert')!;
  assert.deepEqual(
    sent.packets[0]!.bytes,
    encodeAdvert(
      {
        version: 3,
        vrid: 51,
        priority: 100,
        advertIntMs: 100,
        addresses: [addressOf('10.77.0.100')],
        auth: 'none',
        authKey: new Uint8Array(8),
        pseudoHeader: true,
        source: addressOf('10.77.0.1'),
        ttl: 255,
        ipId: 2,
        ahSequence: 0,
        unicast: false,
        trailer: null,
      },
      addressOf('224.0.0.18'),
    ),
  );
});
