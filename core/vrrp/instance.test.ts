// Goal: every rule of the state machine (RFC 9568 §6.4) and every option that bends it. Method: one router on a bench,
// fed with facts and time; what it asks for is compared word by word.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from './address.ts';
import type { Intent } from './contract.ts';
import { instanceOf, linkOf, modelOf, virtualAddress } from './fixture-model.ts';
import { Rig } from './fixture-rig.ts';

const DOWN_100 = 360.9375; // of priority 100 at 100 ms
const near = (actual: number, wanted: number, what = ''): void =>
  assert.ok(Math.abs(actual - wanted) < 0.01, `${actual} is not ${wanted} ${what}`);

const BECOMING_MASTER = ['advert 100', 'add-addresses', 'announce 10.77.0.100 ×5', 'INSTANCE VI_1 MASTER'];
const adverts = (rig: Rig): number => rig.take().filter((each) => each.do === 'send-advert').length;
const logs = (intents: Intent[]): string[] => intents.flatMap((each) => (each.do === 'log' ? [each.text] : []));

// ------------------------------------------------------------------------------------------------- §6.4.1 Initialize

test('a start leads to BACKUP with a full Master_Down, after leftovers are removed', () => {
  const rig = new Rig().start();
  assert.deepEqual(rig.words(), ['remove-addresses', 'INSTANCE VI_1 BACKUP']);
  assert.equal(rig.state, 'backup');
  near(rig.router.deadlineMs - rig.nowMs, DOWN_100);
});

test('`state MASTER` without priority 255 starts as BACKUP all the same', () => {
  const rig = new Rig({ wantedState: 'MASTER' }).start();
  assert.equal(rig.state, 'backup');
  near(rig.router.deadlineMs - rig.nowMs, DOWN_100);
});

test('an owner that wants to be MASTER is so at once, one that does not waits its Down', () => {
  const rig = new Rig({ wantedState: 'MASTER', priority: 255 }).start();
  assert.equal(rig.state, 'master');
  assert.equal(rig.words()[1], 'advert 255');
  const modest = new Rig({ priority: 255 }).start();
  assert.equal(modest.state, 'backup');
  near(modest.router.deadlineMs - modest.nowMs, 300.390625);
});

test('without its interface, its link or a source address it starts in FAULT, and comes up when all are there', () => {
  const rig = new Rig();
  rig.router.start(rig.nowMs, rig.intents);
  assert.equal(rig.state, 'fault');
  assert.match(logs(rig.take()).join(), /Entering FAULT STATE: interface eth0 is missing/);
  rig.router.onLink(linkOf(1, { up: false }), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'fault');
  rig.router.onLink(linkOf(1, { primary4: null }), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'fault');
  assert.deepEqual(rig.status().faults, { link: false, address: true, tracker: 0 });
  rig.router.onLink(linkOf(1), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'backup');
  near(rig.router.deadlineMs - rig.nowMs, DOWN_100);
});

test('vrrp_startup_delay and vrrp_delay_after_boot hold everything back', () => {
  for (const global of [{ startupDelayMs: 5000 }, { delayAfterBootMs: 6000 }]) {
    const rig = new Rig({}, { global }).start();
    rig.hear();
    assert.equal(rig.state, 'init');
    assert.equal(rig.router.deadlineMs, 6000);
    rig.wait(5000);
    assert.equal(rig.state, 'backup');
  }
});

test('IPv6 adverts leave from the link-local address, which comes first in the list too', () => {
  const rig = new Rig({
    family: 'inet6',
    addresses: [virtualAddress('fd77::100'), virtualAddress('fe80::100')],
  }).master();
  rig.wait(100);
  const sent = rig.take().find((each) => each.do === 'send-advert')!;
  assert.deepEqual(sent.source, addressOf('fe80::1'));
  assert.deepEqual(sent.packets[0]!.bytes.subarray(8, 24), addressOf('fe80::100'));
  assert.deepEqual(sent.packets[0]!.destination, addressOf('ff02::12'));
});

// ---------------------------------------------------------------------------------------------------- §6.4.2 Backup

test('when Master_Down ends: the advert, then addresses, then ARP, then the notify', () => {
  const rig = new Rig().start();
  rig.take();
  rig.wait(DOWN_100 - 0.01);
  assert.deepEqual(rig.words(), []);
  rig.wait(0.02);
  assert.deepEqual(rig.words(), BECOMING_MASTER);
  assert.equal(rig.status().counters.become_master, 1);
});

test('routes and rules follow the addresses, and go before them', () => {
  const route = {
    family: 'inet',
    to: 'default',
    prefix: 0,
    attributes: {},
    nextHops: [],
    noTrack: false,
    file: '',
    line: 1,
  } as const;
  const rule = { family: 'inet', attributes: {}, noTrack: false, file: '', line: 1 } as const;
  const rig = new Rig({ routes: [route], rules: [rule] }).start();
  rig.take();
  rig.wait(400);
  assert.deepEqual(rig.words().slice(0, 4), ['advert 100', 'add-addresses', 'add-routes', 'add-rules']);
  rig.hear();
  assert.deepEqual(rig.words(), ['remove-rules', 'remove-routes', 'remove-addresses', 'INSTANCE VI_1 BACKUP']);
});

test('a higher or equal priority restarts the timer, a lower one does not', () => {
  const rig = new Rig().start();
  rig.wait(200).hear({ priority: 200 });
  near(rig.status().masterDownInMs, DOWN_100);
  rig.wait(200).hear({ priority: 100 });
  near(rig.status().masterDownInMs, DOWN_100);
  rig.wait(200).hear({ priority: 99 });
  near(rig.status().masterDownInMs, DOWN_100 - 200);
  rig.wait(200);
  assert.equal(rig.state, 'master');
});

test('v3 counts by the master’s interval, v2 by its own', () => {
  const rig = new Rig().start().hear({ advertIntMs: 1000 });
  near(rig.status().masterDownInMs, 3609.375);
  rig.hear({ advertIntMs: 10 });
  near(rig.status().masterDownInMs, 36.09375);
  const v2 = new Rig({ version: 2, advertIntMs: 2000 }).start().hear();
  near(v2.status().masterDownInMs, 6000 + 609.375);
});

test('a learned interval is forgotten when we become master: our own counts', () => {
  const rig = new Rig().start().hear({ advertIntMs: 1000 });
  rig.wait(3700);
  assert.equal(rig.state, 'master');
  assert.equal(rig.status().masterAdvertIntMs, 100);
  near(rig.status().nextAdvertInMs % 100, rig.status().nextAdvertInMs);
  rig.hear({ priority: 50, advertIntMs: 1000 });
  assert.equal(rig.status().masterAdvertIntMs, 100);
});

test('priority 0 leaves the skew alone, and a flood of them puts nothing off', () => {
  const rig = new Rig().start().hear();
  rig.hear({ priority: 0 });
  near(rig.status().masterDownInMs, 60.9375);
  rig.wait(30).hear({ priority: 0 });
  near(rig.status().masterDownInMs, 30.9375);
  assert.equal(rig.status().counters.pri_zero_rcvd, 2);
  rig.wait(31);
  assert.equal(rig.state, 'master');
});

test('nopreempt obeys any master, and takes over only when there is none', () => {
  const rig = new Rig({ preempt: false }).start();
  for (let round = 0; round < 20; round++) rig.wait(100).hear({ priority: 1 });
  assert.equal(rig.state, 'backup');
  rig.wait(361);
  assert.equal(rig.state, 'master');
  rig.hear({ priority: 99 });
  assert.equal(rig.state, 'master', 'nopreempt does not make a master give way');
});

test('the owner preempts even with nopreempt, and so does `state MASTER`', () => {
  for (const config of [{ priority: 255 }, { wantedState: 'MASTER' } as const]) {
    const rig = new Rig({ preempt: false, ...config }).start();
    for (let round = 0; round < 4; round++) rig.wait(100).hear({ priority: 1 });
    assert.equal(rig.state, 'master');
  }
});

test('preempt_delay counts from the first lower advert, and is called off by a higher one', () => {
  const rig = new Rig({ preemptDelayMs: 2000 }).start();
  const until = (priority: number, ms: number): void => {
    for (let passed = 0; passed < ms; passed += 100) rig.hear({ priority }).wait(100);
  };
  until(50, 1000);
  until(200, 200);
  until(50, 1900);
  assert.equal(rig.state, 'backup');
  until(50, 500);
  assert.equal(rig.state, 'master');
});

test('preempt_delay gives the measured takeover: the delay, and then one Down from the last accepted advert', () => {
  const rig = new Rig({ preemptDelayMs: 2000, priority: 150 }).start();
  const startMs = rig.nowMs;
  while (rig.state !== 'master') rig.hear({ priority: 100 }).wait(100);
  const tookMs = rig.nowMs - startMs;
  assert.ok(tookMs >= 2200 && tookMs <= 2400, `${tookMs}`);
});

test('down_timer_adverts lengthens the wait', () => {
  const rig = new Rig({ downTimerAdverts: 5 }).start();
  near(rig.router.deadlineMs - rig.nowMs, 560.9375);
});

// ---------------------------------------------------------------------------------------------------- §6.4.3 Master

test('a master advertises on a grid that small delays do not shift', () => {
  const rig = new Rig({ advertIntMs: 10 }).master();
  const first = rig.router.deadlineMs;
  for (let round = 0; round < 100; round++) {
    rig.nowMs = rig.router.deadlineMs + (round % 7) * 0.3;
    rig.router.onTime(rig.nowMs, rig.intents);
  }
  near(rig.router.deadlineMs - first, 1000);
  assert.equal(adverts(rig), 100);
});

test('priority 0 is answered at once, and the timer starts anew', () => {
  const rig = new Rig().master();
  rig.wait(60);
  rig.hear({ priority: 0 });
  assert.deepEqual(rig.words(), ['advert 100']);
  near(rig.status().nextAdvertInMs, 100);
});

test('a flood of priority 0 is answered sixteen times an interval, no more', () => {
  const rig = new Rig().master();
  for (let packet = 0; packet < 1000; packet++) rig.hear({ priority: 0 }).wait(1);
  const sent = adverts(rig);
  assert.ok(sent >= 100 && sent <= 165, `${sent} adverts in a second`);
  assert.equal(rig.state, 'master');
  assert.ok(rig.status().counters.pri_zero_limited > 800);
});

test('a lower priority is answered with an advert, ARPs and its notify, and is a split brain', () => {
  const rig = new Rig().master();
  rig.wait(60).hear({ priority: 50 });
  const intents = rig.take();
  assert.match(logs(intents).join(), /10\.77\.0\.9 with lower priority 50, ours 100: two masters/);
  rig.intents.push(...intents);
  assert.deepEqual(rig.words(), ['advert 100', 'announce 10.77.0.100 ×5', 'INSTANCE VI_1 MASTER_RX_LOWER_PRI']);
  assert.equal(rig.status().counters.unexpected_master, 1);
  assert.equal(rig.state, 'master');
});

test('lower_prio_no_advert leaves out the advert, not the ARPs', () => {
  const rig = new Rig({ lowerPrioNoAdvert: true }).master();
  rig.wait(60).hear({ priority: 50 });
  assert.deepEqual(rig.words(), ['announce 10.77.0.100 ×5', 'INSTANCE VI_1 MASTER_RX_LOWER_PRI']);
});

test('a higher priority ends mastership without a priority 0, its Down counted from that advert', () => {
  const rig = new Rig().master();
  rig.wait(60).hear({ priority: 101 });
  assert.deepEqual(rig.words(), ['remove-addresses', 'INSTANCE VI_1 BACKUP']);
  near(rig.status().masterDownInMs, DOWN_100);
  assert.equal(rig.status().counters.release_master, 1);
});

test('between equals the higher address wins, numerically', () => {
  for (const [own, other, wins] of [
    ['10.77.0.1', 9, false],
    ['10.77.0.200', 9, true],
    ['10.77.0.10', 9, true],
  ] as const) {
    const rig = new Rig();
    rig.router.onLink(linkOf(1, { primary4: addressOf(own) }), rig.nowMs, rig.intents);
    rig.router.start(rig.nowMs, rig.intents);
    rig.wait(400).hear({ priority: 100, host: other });
    assert.equal(rig.state, wins ? 'master' : 'backup', own);
  }
});

test('between equals over IPv6 the link-local addresses decide', () => {
  const config = { family: 'inet6', addresses: [virtualAddress('fe80::100')] } as const;
  const lower = new Rig(config).start();
  lower.wait(400).hear({ priority: 100, host: 0x10 });
  assert.equal(lower.state, 'backup');
  const higher = new Rig(config);
  higher.router.onLink(linkOf(0x20), higher.nowMs, higher.intents);
  higher.router.start(higher.nowMs, higher.intents);
  higher.wait(400).hear({ priority: 100, host: 0x10 });
  assert.equal(higher.state, 'master');
});

test('higher_prio_send_advert sends one more before stepping down', () => {
  const rig = new Rig({ higherPrioSendAdvert: true }).master();
  rig.wait(60).hear({ priority: 200 });
  assert.deepEqual(rig.words(), ['advert 100', 'remove-addresses', 'INSTANCE VI_1 BACKUP']);
});

test('two owners: the lower address gives way with 254, and is 255 again when alone', () => {
  const rig = new Rig({ priority: 255, wantedState: 'MASTER' }).start();
  rig.take();
  rig.hear({ priority: 255, host: 9 });
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().effectivePriority, 254);
  rig.wait(400);
  assert.equal(rig.state, 'master');
  assert.equal(rig.status().effectivePriority, 255);
});

test('two owners: the higher address gives way only when the other does not stop', () => {
  const patient = new Rig({ priority: 255, wantedState: 'MASTER' });
  patient.router.onLink(linkOf(20), patient.nowMs, patient.intents);
  patient.router.start(patient.nowMs, patient.intents);
  patient.hear({ priority: 255, host: 9 });
  patient.wait(500);
  assert.equal(patient.state, 'master', 'the other stopped');
  for (let round = 0; round < 5; round++) patient.hear({ priority: 255, host: 9 }).wait(100);
  assert.equal(patient.state, 'backup', 'the other went on');
});

test('an equal advert from our own address is a warning, nothing else', () => {
  const rig = new Rig().master();
  rig.hear({ priority: 100, host: 1 }).hear({ priority: 100, host: 1 });
  assert.equal(logs(rig.take()).filter((each) => /our own source address/.test(each)).length, 1);
  assert.equal(rig.state, 'master');
});

test('a master that slept through its own Down goes back before it sends', () => {
  const rig = new Rig().master();
  rig.sleep(DOWN_100 + 1);
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['remove-addresses', 'INSTANCE VI_1 BACKUP']);
  assert.equal(rig.status().counters.late_master, 1);
  near(rig.status().masterDownInMs, DOWN_100);
});

test('a backup that stood still listens for one more interval before it takes over, once', () => {
  const rig = new Rig().start();
  const waitMs = rig.status().masterDownInMs;
  rig.sleep(waitMs + 30);
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().counters.late_backup, 1);
  near(rig.status().masterDownInMs, 100);
  rig.sleep(150); // late again: the machine is what it is
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.equal(rig.state, 'master');
  assert.equal(rig.status().counters.late_backup, 1);
});

test('a backup that is a little late, as a loaded machine makes it, takes over', () => {
  const rig = new Rig().start();
  rig.sleep(rig.status().masterDownInMs + 25);
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.equal(rig.state, 'master');
});

test('a backup that heard its master after it stood still may stand still again', () => {
  const rig = new Rig().start();
  for (let round = 1; round <= 3; round++) {
    rig.sleep(rig.status().masterDownInMs + 60);
    rig.router.onTime(rig.nowMs, rig.intents);
    assert.equal(rig.status().counters.late_backup, round);
    rig.hear({ priority: 200 });
    assert.equal(rig.state, 'backup');
  }
});

test('an advert says until when someone else may keep silent for it, the last one that nobody may repeat it', () => {
  const rig = new Rig().master();
  rig.take();
  rig.wait(100);
  const [sent] = rig.take().filter((each) => each.do === 'send-advert');
  near(sent!.nextAtMs, rig.nowMs + 100);
  assert.equal(sent!.intervalMs, 100);
  rig.router.stop(rig.nowMs, rig.intents);
  const last = rig.take().filter((each) => each.do === 'send-advert' || each.do === 'end-adverts');
  assert.deepEqual(
    last.map((each) => each.do),
    ['end-adverts', 'send-advert'],
  );
  assert.ok(last[1]!.do === 'send-advert' && last[1]!.nextAtMs === Infinity);
});

test('adverts that carry a sequence number are never left to someone else', () => {
  const rig = new Rig({ version: 2, advertIntMs: 1000, auth: { type: 'ah', password: 'secret' } }).master();
  rig.take();
  rig.wait(3000);
  const sent = rig.take().filter((each) => each.do === 'send-advert');
  assert.ok(sent.length > 0 && sent.every((each) => each.nextAtMs === Infinity));
});

test('a master for whom someone else spoke is not late, and goes on in the same rhythm', () => {
  const rig = new Rig().master();
  const { advert_sent: before } = rig.status().counters;
  rig.take();
  rig.sleep(rig.status().nextAdvertInMs + 950);
  rig.router.onSpokenFor('VI_1', 10, rig.nowMs - 48); // each 2 ms after it was due
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.equal(rig.state, 'master');
  assert.deepEqual(rig.words(), []);
  near(rig.status().nextAdvertInMs, 50);
  const { counters } = rig.status();
  assert.equal(counters.advert_sent, before + 10);
  assert.equal(counters.advert_by_deputy, 10);
});

test('what someone else said before we gave way is counted and changes nothing else', () => {
  const rig = new Rig().master();
  rig.hear({ priority: 200 });
  const downInMs = rig.status().masterDownInMs;
  rig.router.onSpokenFor('VI_1', 1, rig.nowMs);
  rig.router.onSpokenFor('of nobody', 1, rig.nowMs);
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().masterDownInMs, downInMs);
  assert.equal(rig.status().counters.advert_by_deputy, 1);
});

test('a late master judges a waiting packet as a backup', () => {
  const rig = new Rig().master();
  rig.sleep(500);
  rig.hear({ priority: 50 });
  assert.deepEqual(rig.words(), ['remove-addresses', 'INSTANCE VI_1 BACKUP']);
});

test('a master that is late by less than its Down goes on', () => {
  const rig = new Rig().master();
  rig.sleep(350);
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['advert 100']);
  near(rig.status().nextAdvertInMs, 100);
});

// ---------------------------------------------------------------------------------------- faults, weights, addresses

test('a lost link ends in FAULT with priority 0, and its return in BACKUP with a fresh Down', () => {
  const rig = new Rig().master();
  rig.router.onLink(linkOf(1, { up: false }), rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 FAULT']);
  assert.equal(rig.router.deadlineMs, Infinity);
  rig.hear();
  assert.equal(rig.state, 'fault');
  rig.router.onLink(linkOf(1), rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['INSTANCE VI_1 BACKUP']);
  near(rig.status().masterDownInMs, DOWN_100);
});

test('a removed link sends nothing', () => {
  const rig = new Rig().master();
  rig.router.onLinkGone(2, rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['remove-addresses', 'INSTANCE VI_1 FAULT']);
});

test('dont_track_primary does not care about the link', () => {
  const rig = new Rig({ dontTrackPrimary: true }).master();
  rig.router.onLink(linkOf(1, { up: false }), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'master');
});

test('a lost source address is a fault; another one is used at once', () => {
  const rig = new Rig().master();
  rig.router.onLink(linkOf(7), rig.nowMs, rig.intents);
  rig.wait(100);
  const sent = rig.take().find((each) => each.do === 'send-advert')!;
  assert.deepEqual(sent.source, addressOf('10.77.0.7'));
  rig.router.onLink(linkOf(7, { primary4: null }), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'fault');
});

test('mcast_src_ip needs not be local, unless track_src_ip', () => {
  const free = new Rig({ sourceAddress: '10.9.9.9' }).start();
  assert.equal(free.state, 'backup');
  const tracked = new Rig({ sourceAddress: '10.9.9.9', trackSourceAddress: true }).start();
  assert.equal(tracked.state, 'fault');
  tracked.router.onLink(linkOf(1, { addresses: [addressOf('10.9.9.9')] }), tracked.nowMs, tracked.intents);
  assert.equal(tracked.state, 'backup');
});

test('unicast sends to each peer from its source, each with its own checksum', () => {
  const peers = ['10.77.0.8', '10.77.0.9'].map((address) => ({ address, minTtl: 0, maxTtl: 255 }));
  const rig = new Rig({ unicast: true, unicastPeers: peers, sourceAddress: '10.77.0.1', unicastTtl: 64 }).master();
  rig.wait(100);
  const sent = rig.take().find((each) => each.do === 'send-advert')!;
  assert.equal(sent.multicast, false);
  assert.deepEqual(
    sent.packets.map((each) => each.destination.at(-1)),
    [8, 9],
  );
  assert.deepEqual(
    sent.packets.map((each) => each.bytes[8]),
    [64, 64],
  );
  assert.notEqual(sent.packets[0]!.bytes[27], sent.packets[1]!.bytes[27]);
});

test('the same VRID twice on an interface is told apart by the peers', () => {
  const unicast = (name: string, peer: string) =>
    instanceOf({
      name,
      unicast: true,
      sourceAddress: '10.77.0.1',
      unicastPeers: [{ address: peer, minTtl: 0, maxTtl: 255 }],
    });
  const configs = [unicast('A', '10.77.0.8'), unicast('B', '10.77.0.9'), instanceOf({ name: 'C' })];
  const rig = Rig.ofModel(modelOf(configs)).start();
  rig.hear({ host: 9, destination: '10.77.0.1' }, configs[1]);
  rig.hear({ host: 9 }, configs[2]);
  assert.deepEqual(
    ['A', 'B', 'C'].map((name) => rig.status(name).counters.advert_rcvd),
    [0, 1, 1],
  );
});

test('a virtual MAC’s interface must be there and up, and packets on it count', () => {
  const rig = new Rig({ vmac: { name: '', transmitOnBase: false, netlinkNotify: false } }).start();
  assert.equal(rig.state, 'fault');
  const vmac = { ...linkOf(1), name: 'vrrp.51', ifindex: 7, primary4: null };
  rig.router.onLink(vmac, rig.nowMs, rig.intents);
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().ifindex, 7);
  rig.wait(400);
  assert.equal(rig.state, 'master');
  rig.router.onLink({ ...vmac, up: false }, rig.nowMs, rig.intents);
  assert.equal(rig.state, 'fault');
});

test('a virtual address that somebody removed: priority 0, and master again after the skew', () => {
  const rig = new Rig().master();
  rig.router.onAddressLost('eth0', addressOf('10.77.0.99'), rig.nowMs, rig.intents);
  rig.router.onAddressLost('eth1', addressOf('10.77.0.100'), rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), []);
  rig.router.onAddressLost('eth0', addressOf('10.77.0.100'), rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 BACKUP']);
  near(rig.status().masterDownInMs, 60.9375);
  rig.wait(61);
  assert.deepEqual(rig.words(), BECOMING_MASTER);
});

test('no_track lets an address go', () => {
  const rig = new Rig({ addresses: [virtualAddress('10.77.0.100', { noTrack: true })] }).master();
  rig.router.onAddressLost('eth0', addressOf('10.77.0.100'), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'master');
});

const WEIGHTED = { kind: 'script', name: 'check', reverse: false, serversUpMin: 0 } as const;

test('a weight changes the next advert, sends no priority 0, and tells who asked', () => {
  const rig = new Rig({ priority: 150, tracked: [{ ...WEIGHTED, weight: -60 }], notifyPriorityChanges: true });
  rig.master();
  rig.tell('script', 'check', false);
  assert.deepEqual(rig.words(), ['INSTANCE VI_1 MASTER_PRIORITY']);
  rig.wait(100);
  assert.deepEqual(rig.words(), ['advert 90']);
});

test('a backup’s running timer moves with its skew', () => {
  const rig = new Rig({ priority: 100, tracked: [{ ...WEIGHTED, weight: 50 }] }).start().hear();
  rig.wait(100).tell('script', 'check', true);
  near(rig.status().masterDownInMs, 341.40625 - 100);
});

test('priorities stay within 1 and 254, and the owner’s stays 255', () => {
  const low = new Rig({ tracked: [{ ...WEIGHTED, weight: -200 }] }).start().tell('script', 'check', false);
  assert.equal(low.status().effectivePriority, 1);
  const high = new Rig({ tracked: [{ ...WEIGHTED, weight: 200 }] }).start().tell('script', 'check', true);
  assert.equal(high.status().effectivePriority, 254);
  const owner = new Rig({ priority: 255, tracked: [{ ...WEIGHTED, weight: -200 }] })
    .start()
    .tell('script', 'check', false);
  assert.equal(owner.status().effectivePriority, 255);
});

test('a script of weight 0 keeps the instance in INIT until it has spoken, then may fail it', () => {
  const rig = new Rig({ tracked: [{ ...WEIGHTED, weight: 0 }] }).start();
  assert.equal(rig.state, 'init');
  rig.tell('script', 'check', true);
  assert.equal(rig.state, 'backup');
  rig.wait(400);
  rig.take();
  rig.tell('script', 'check', false);
  assert.deepEqual(rig.words(), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 FAULT']);
  rig.tell('script', 'check', true);
  assert.equal(rig.state, 'backup');
});

// --------------------------------------------------------------------------------------------------- ARP schedule

const announced = (rig: Rig): string[] => rig.words().filter((each) => each.startsWith('announce'));

test('ARPs: five at once, five after garp_master_delay, then one every refresh', () => {
  const garp = { ...instanceOf().garp, masterRefreshMs: 10_000 };
  const rig = new Rig({ garp }).start();
  rig.take();
  rig.wait(361);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×5']);
  rig.wait(4990);
  assert.deepEqual(announced(rig), []);
  rig.wait(20);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×5']);
  rig.wait(9990);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×1']);
  rig.wait(20_000);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×1', 'announce 10.77.0.100 ×1']);
});

test('ARPs stop with mastership', () => {
  const rig = new Rig().master();
  rig.hear({ priority: 200 });
  rig.take();
  for (let round = 0; round < 60; round++) rig.wait(100).hear({ priority: 200 });
  assert.deepEqual(announced(rig), []);
});

test('a lower master’s traces are overwritten twice: at once and after the delay', () => {
  const garp = { ...instanceOf().garp, masterDelayMs: 0, lowerPrioRepeat: 3, lowerPrioDelayMs: 2000 };
  const rig = new Rig({ garp }).master();
  rig.hear({ priority: 50 });
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×3']);
  rig.wait(1990);
  assert.deepEqual(announced(rig), []);
  rig.wait(20);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×3']);
});

test('garp_interval spaces the packets, excluded addresses are announced too', () => {
  const garp = { ...instanceOf().garp, masterRepeat: 2, masterDelayMs: 0, intervalMs: 1.5 };
  const rig = new Rig({ garp, excluded: [virtualAddress('10.77.0.101')] }).start();
  rig.take();
  rig.wait(DOWN_100 + 0.1);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×1']);
  rig.wait(1.5);
  assert.deepEqual(announced(rig), ['announce 10.77.0.101 ×1']);
  rig.wait(3);
  assert.deepEqual(announced(rig), ['announce 10.77.0.100 ×1', 'announce 10.77.0.101 ×1']);
  rig.wait(10);
  assert.deepEqual(announced(rig), []);
});

// -------------------------------------------------------------------------------------------------------- strict

test('strict mode: no reply to lower ones, three adverts, no accept, no authentication, no delay', () => {
  const rig = new Rig({
    strict: true,
    version: 2,
    advertIntMs: 1000,
    accept: true,
    downTimerAdverts: 5,
    preemptDelayMs: 9000,
    auth: { type: 'pass', password: 'secret12' },
  }).start();
  near(rig.status().masterDownInMs, 3609.375);
  rig.take();
  rig.wait(3700);
  const added = rig.intents.find((each) => each.do === 'add-addresses')!;
  assert.equal(added.accept, false);
  const sent = rig.intents.find((each) => each.do === 'send-advert')!;
  assert.equal(sent.packets[0]!.bytes[24], 0, 'authentication type');
  rig.take();
  rig.hear({ priority: 50, auth: 'none' });
  assert.deepEqual(rig.words(), ['INSTANCE VI_1 MASTER_RX_LOWER_PRI']);
});

test('accept: everybody by default, in strict mode the owner alone, unless v3 asks for it', () => {
  const acceptOf = (config: Parameters<typeof instanceOf>[0]): boolean => {
    const rig = new Rig(config).start();
    rig.wait(5000);
    return rig.take().find((each) => each.do === 'add-addresses')!.accept;
  };
  assert.equal(acceptOf({}), true);
  assert.equal(acceptOf({ accept: false }), false);
  assert.equal(acceptOf({ strict: true }), false);
  assert.equal(acceptOf({ strict: true, priority: 255 }), true);
  assert.equal(acceptOf({ strict: true, accept: true }), true);
});

// --------------------------------------------------------------------------------------------------------- the end

test('a stop sends priority 0 before it lets go, and a backup’s is silent', () => {
  const rig = new Rig().master();
  rig.router.stop(rig.nowMs, rig.intents);
  assert.deepEqual(rig.words(), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 STOP']);
  const backup = new Rig().start();
  backup.take();
  backup.router.stop(backup.nowMs, backup.intents);
  assert.deepEqual(backup.words(), ['INSTANCE VI_1 STOP']);
  assert.equal(backup.router.deadlineMs, Infinity);
});

test('each transition is logged once, with its reason', () => {
  const rig = new Rig().start();
  rig.wait(400).hear({ priority: 200 });
  rig.wait(100).hear({ priority: 200 });
  const said = logs(rig.take()).filter((each) => each.includes('Entering'));
  assert.deepEqual(said, [
    '(VI_1) Entering BACKUP STATE: it starts',
    '(VI_1) Entering MASTER STATE: Receive advertisement timeout',
    '(VI_1) Entering BACKUP STATE: Master received advert from 10.77.0.9 with higher priority 200, ours 100',
  ]);
});

// keepalived's own words: people and their tools grep for them.
test('what keepalived says as well is said in its words, and a repetition is not', () => {
  const rig = new Rig().start();
  for (let count = 0; count < 3; count++) rig.hear({ priority: 50 });
  for (let count = 0; count < 3; count++) rig.hear({ priority: 0 });
  rig.wait(400).hear({ priority: 50 });
  rig.router.stop(rig.nowMs, rig.intents);
  const said = logs(rig.take()).filter((each) => !each.includes('BACKUP STATE'));
  assert.deepEqual(said, [
    '(VI_1) received lower priority (50) advert from 10.77.0.9 - discarding',
    '(VI_1) Backup received priority 0 advertisement from 10.77.0.9',
    '(VI_1) Entering MASTER STATE: Receive advertisement timeout, nothing from 10.77.0.9',
    '(VI_1) Received advert from 10.77.0.9 with lower priority 50, ours 100: two masters',
    '(VI_1) sent 0 priority',
  ]);
});

test('of equal priorities the reason names the address', () => {
  const rig = new Rig().master();
  rig.hear({ priority: 100 });
  assert.match(
    logs(rig.take()).join(),
    /advert from 10\.77\.0\.9 with same priority 100 but higher IP address than ours/,
  );
});
