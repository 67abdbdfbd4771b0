// Goal: one session does what RFC 5880 §6 says, and what keepalived does beyond it. Method: a neighbor played by hand,
// time passed by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packetOf, peerOf, Rig, THEIRS } from './fixture-bfd.ts';
import { readPacket, writePacket } from './packet.ts';

test('a session begins Down, is told so, and sends about once a second', () => {
  const rig = new Rig();
  assert.deepEqual(rig.told(), [false]);
  rig.pass(0);
  const [first] = rig.sent();
  assert.deepEqual([first?.state, first?.yourDiscriminator, first?.desiredMinTxUs], ['down', 0, 1_000_000]);
  assert.notEqual(first?.myDiscriminator, 0);
  rig.pass(20_000);
  const { length } = rig.sent();
  assert.ok(length >= 20 && length <= 27, `${length} packets in 20 s`);
});

test('Down answers Down with Init, and comes Up only when the neighbor has heard that', () => {
  const rig = new Rig();
  rig.take();
  rig.hear();
  assert.equal(rig.status().state, 'init');
  const [answer] = rig.sent();
  assert.deepEqual([answer?.state, answer?.yourDiscriminator], ['init', 77]);
  rig.hear();
  assert.equal(rig.status().state, 'init', 'a neighbor that is still Down has not heard us');
  rig.hear({ state: 'init' });
  assert.equal(rig.status().state, 'up');
  assert.deepEqual(rig.told(), [true]);
});

test('Down answers Init with Up', () => {
  const rig = new Rig();
  rig.hear({ state: 'init' });
  assert.equal(rig.status().state, 'up');
});

test('Down does not believe a neighbor that is Up: it means the session before', () => {
  const rig = new Rig();
  rig.hear({ state: 'up' });
  assert.equal(rig.status().state, 'down');
});

test('coming Up begins a Poll Sequence with the faster interval, which Final ends', () => {
  const rig = new Rig();
  rig.hear().hear({ state: 'up' });
  const packets = rig.sent();
  assert.deepEqual([packets.at(-1)?.state, packets.at(-1)?.poll, packets.at(-1)?.desiredMinTxUs], ['up', true, 10_000]);
  rig.pass(15);
  assert.ok(rig.sent().every((each) => each.poll));
  rig.hear({ state: 'up', final: true });
  rig.pass(15);
  const after = rig.sent();
  assert.ok(after.length > 0 && after.every((each) => !each.poll));
});

test('Poll is answered at once with Final, and never with Poll beside it', () => {
  const rig = new Rig();
  rig.hear().hear({ state: 'init' });
  rig.take();
  rig.hear({ state: 'up', poll: true });
  const packets = rig.sent();
  assert.deepEqual(
    packets.map((each) => [each.final, each.poll]),
    [[true, false]],
  );
});

test('packets are 0 to 25 percent early, and by 10 to 25 percent with a multiplier of 1', () => {
  for (const [multiplier, least, most] of [
    [5, 0, 0.25],
    [1, 0.1, 0.25],
  ] as const) {
    const rig = new Rig([peerOf({ multiplier, minTxUs: 100_000 })]).bringUp({ desiredMinTxUs: 1_000_000_000 });
    const gaps: number[] = [];
    for (let count = 0; count < 500; count++) {
      const beforeMs = rig.nowMs;
      rig.pass(rig.system.deadlineMs - rig.nowMs);
      if (count > 0) gaps.push(rig.nowMs - beforeMs);
    }
    assert.equal(rig.sent().length, 500);
    const [shortest, longest] = [Math.min(...gaps), Math.max(...gaps)];
    assert.ok(shortest >= 100 * (1 - most) - 0.001 && longest <= 100 * (1 - least) + 0.001, `${shortest} ${longest}`);
    assert.ok(longest - shortest > 10, 'the whole range is used');
  }
});

test('the interval is the slower of what we want and what the neighbor can take', () => {
  const rig = new Rig([peerOf({ minTxUs: 20_000 })]);
  assert.equal(rig.bringUp({ requiredMinRxUs: 10_000 }).status().txIntervalMs, 20);
  rig.hear({ state: 'up', requiredMinRxUs: 300_000 });
  assert.equal(rig.status().txIntervalMs, 300);
  rig.hear({ state: 'up', requiredMinRxUs: 0 });
  assert.equal(rig.status().txIntervalMs, -1);
  rig.take();
  for (let count = 0; count < 100; count++) rig.pass(10).hear({ state: 'up', requiredMinRxUs: 0 });
  assert.deepEqual(rig.sent(), [], 'a neighbor that wants nothing gets nothing');
});

test('silence for the detection time takes an Up session Down, not sooner', () => {
  const rig = new Rig([peerOf({ minRxUs: 40_000 })]).bringUp({ multiplier: 3, desiredMinTxUs: 10_000 });
  assert.equal(rig.status().detectionMs, 120);
  rig.pass(119.9);
  assert.equal(rig.status().state, 'up');
  rig.take();
  rig.pass(0.2);
  assert.equal(rig.status().state, 'down');
  assert.equal(rig.status().localDiagnostic, 'Control Detection Time Expired');
  assert.deepEqual([rig.status().counters.expired, rig.status().counters.down], [1, 1]);
  const intents = rig.take();
  const log = intents.find((each) => each.do === 'log');
  assert.match(log?.do === 'log' ? log.text : '', /\(b\) Entering Down state: nothing heard for 120\.\d ms/);
  assert.deepEqual(
    intents.filter((each) => each.do === 'tell'),
    [{ do: 'tell', session: 'b', up: false }],
  );
  const farewell = intents.find((each) => each.do === 'send');
  const packet = readPacket(farewell?.do === 'send' ? farewell.bytes : new Uint8Array(0));
  assert.ok(typeof packet === 'object' && packet.yourDiscriminator === 0 && packet.diagnostic === 1);
});

test('the detection time follows the slower of what we take and what the neighbor wants', () => {
  const rig = new Rig().bringUp({ multiplier: 4, desiredMinTxUs: 250_000 });
  assert.equal(rig.status().detectionMs, 1_000);
  rig.hear({ state: 'up', multiplier: 4, desiredMinTxUs: 5_000 });
  assert.equal(rig.status().detectionMs, 40);
});

test('silence in Init leads back to Down', () => {
  const rig = new Rig().hear({ multiplier: 2, desiredMinTxUs: 1_000_000 });
  assert.equal(rig.status().state, 'init');
  rig.pass(1_999);
  assert.equal(rig.status().state, 'init');
  rig.pass(2);
  assert.equal(rig.status().state, 'down');
  assert.deepEqual(rig.told(), [false], 'Init was never told to be up');
});

test('a neighbor that says Down takes us Down at once, and we sail slowly again', () => {
  const rig = new Rig().bringUp();
  rig.hear({ yourDiscriminator: rig.status().localDiscriminator });
  assert.equal(rig.status().state, 'down');
  assert.equal(rig.status().localDiagnostic, 'Neighbor Signaled Session Down');
  assert.equal(rig.status().txIntervalMs, 1_000);
  const [packet] = rig.sent();
  assert.deepEqual([packet?.state, packet?.desiredMinTxUs, packet?.poll], ['down', 1_000_000, false]);
});

test('a neighbor that starts anew is found by its address and heard', () => {
  const rig = new Rig().bringUp();
  rig.hear({ myDiscriminator: 1234 });
  assert.equal(rig.status().state, 'down');
  assert.equal(rig.status().remoteDiscriminator, 1234);
  rig.hear({ myDiscriminator: 1234 });
  assert.equal(rig.status().state, 'init');
});

test('a neighbor that goes AdminDown is no failure: the session falls and nobody is told', () => {
  const rig = new Rig().bringUp();
  rig.hear({ state: 'admin-down', diagnostic: 7, yourDiscriminator: rig.status().localDiscriminator });
  assert.equal(rig.status().state, 'down');
  assert.deepEqual(rig.told(), []);
  rig.hear({ state: 'admin-down', yourDiscriminator: 0 });
  assert.equal(rig.status().state, 'down', 'AdminDown does not lead to Init');
  rig.pass(10_000);
  assert.deepEqual(rig.told(), []);
  rig.bringUp();
  assert.equal(rig.status().state, 'up');
});

test('a passive session says nothing before it has heard the neighbor, and nothing after it lost it', () => {
  const rig = new Rig([peerOf({ passive: true })]);
  rig.pass(60_000);
  assert.deepEqual(rig.sent(), []);
  rig.hear({ desiredMinTxUs: 1_000_000 });
  assert.deepEqual(
    rig.sent().map((each) => each.state),
    ['init'],
  );
  rig.pass(10_000);
  assert.equal(rig.status().state, 'down');
  rig.take();
  rig.pass(60_000);
  assert.deepEqual(rig.sent(), []);
});

test('a neighbor in Demand mode is spared our packets, except to end a Poll Sequence', () => {
  const rig = new Rig();
  rig.hear().hear({ state: 'up' });
  rig.hear({ state: 'up', demand: true });
  rig.take();
  rig.pass(20);
  assert.ok(rig.sent().length > 0, 'the Poll Sequence goes on');
  rig.hear({ state: 'up', demand: true, final: true });
  for (let count = 0; count < 50; count++) rig.pass(10).hear({ state: 'up', demand: true });
  assert.deepEqual(rig.sent(), []);
  rig.hear({ state: 'up', demand: true, poll: true });
  assert.equal(rig.sent().length, 1, 'but its Poll is answered');
});

test('packets from further away than max_hops are refused, and change nothing', () => {
  const rig = new Rig();
  rig.hear({}, { ttl: 254 }).hear({}, { ttl: -1 });
  assert.equal(rig.status().state, 'down');
  assert.equal(rig.status().counters.ttl_err, 2);
  const tolerant = new Rig([peerOf({ maxHops: 3 })]);
  tolerant.hear({}, { ttl: 251 });
  assert.equal(tolerant.status().state, 'down');
  tolerant.hear({}, { ttl: 252 });
  assert.equal(tolerant.status().state, 'init');
  const careless = new Rig([peerOf({ maxHops: 255 })]);
  careless.hear({}, { ttl: -1 });
  assert.equal(careless.status().state, 'init');
});

test('authentication that nobody configured is refused', () => {
  const rig = new Rig();
  const bytes = new Uint8Array(26);
  bytes.set(writePacket(packetOf()));
  bytes[1]! |= 4;
  bytes[3] = 26;
  rig.deliver(bytes);
  assert.deepEqual([rig.status().state, rig.status().counters.auth_err], ['down', 1]);
});

test('packets find their session by discriminator, else by both addresses, and by the port', () => {
  const rig = new Rig([
    peerOf({ name: 'one', source: '10.0.0.1' }),
    peerOf({ name: 'two', source: '10.0.0.9' }),
    peerOf({ name: 'far', multihop: true, ttl: 64 }),
  ]);
  const bytes = writePacket(packetOf());
  rig.deliver(bytes, { destination: Uint8Array.of(10, 0, 0, 9) });
  assert.deepEqual(
    rig.system.status(rig.nowMs).map((each) => each.state),
    ['down', 'init', 'down'],
  );
  rig.deliver(bytes, { destination: Uint8Array.of(10, 0, 0, 8) });
  assert.equal(rig.system.drops.no_session, 1);
  rig.deliver(bytes, { source: Uint8Array.of(10, 0, 0, 3) });
  assert.equal(rig.system.drops.no_session, 2);
  const far = rig.status('far');
  rig.deliver(writePacket(packetOf({ state: 'up', yourDiscriminator: far.localDiscriminator })));
  assert.equal(rig.system.drops.no_session, 3, 'a session of many hops is not heard on the port of one hop');
  rig.deliver(writePacket(packetOf({ state: 'up', yourDiscriminator: 12 })));
  assert.equal(rig.system.drops.no_session, 4);
});

test('sessions of one neighbor, over one hop and over many, are apart', () => {
  const rig = new Rig([peerOf({ name: 'far', multihop: true }), peerOf()]);
  rig.hear();
  assert.deepEqual([rig.status('far').state, rig.status('b').state], ['down', 'init']);
  rig.hear({}, { multihop: true });
  assert.equal(rig.status('far').state, 'init');
});

test('discriminators are neither zero nor the same', () => {
  const peers = Array.from({ length: 50 }, (_, index) => peerOf({ name: `b${index}`, neighbor: `10.0.1.${index}` }));
  const values = new Rig(peers).system.status(1_000).map((each) => each.localDiscriminator);
  assert.equal(new Set(values).size, 50);
  assert.ok(!values.includes(0));
});

test('a reload with the same neighbor keeps the session Up and polls for the new intervals', () => {
  const rig = new Rig().bringUp();
  rig.system.configure([peerOf({ minTxUs: 50_000, minRxUs: 5_000 })], rig.nowMs, rig.intents);
  assert.deepEqual(rig.told(), []);
  let status = rig.status();
  assert.deepEqual(
    [status.state, status.polling, status.txIntervalMs, status.desiredMinTxMs, status.requiredMinRxMs],
    ['up', true, 10, 50, 5],
    'slower sending and quicker detection wait for the answer',
  );
  assert.equal(status.detectionMs, 30);
  rig.hear({ state: 'up', final: true, desiredMinTxUs: 5_000 });
  status = rig.status();
  assert.deepEqual([status.polling, status.txIntervalMs, status.detectionMs], [false, 50, 15]);
});

test('faster sending and slower detection do not wait for the answer', () => {
  const rig = new Rig([peerOf({ minTxUs: 50_000 })]).bringUp();
  rig.system.configure([peerOf({ minTxUs: 20_000, minRxUs: 30_000 })], rig.nowMs, rig.intents);
  const status = rig.status();
  assert.deepEqual([status.polling, status.txIntervalMs, status.detectionMs], [true, 20, 90]);
});

test('a change during a Poll Sequence gets a Poll Sequence of its own', () => {
  const rig = new Rig().bringUp();
  rig.system.configure([peerOf({ minTxUs: 50_000 })], rig.nowMs, rig.intents);
  rig.system.configure([peerOf({ minTxUs: 60_000 })], rig.nowMs, rig.intents);
  rig.hear({ state: 'up', final: true });
  assert.deepEqual([rig.status().polling, rig.status().txIntervalMs], [true, 10]);
  rig.hear({ state: 'up', final: true });
  assert.deepEqual([rig.status().polling, rig.status().txIntervalMs], [false, 60]);
});

test('a late answer to an earlier Poll Sequence does not end the one after it', () => {
  const rig = new Rig().bringUp();
  rig.system.configure([peerOf({ minTxUs: 50_000 })], rig.nowMs, rig.intents);
  for (let polls = 0; polls < 3; polls++) {
    rig.pass(rig.system.deadlineMs - rig.nowMs); // each on its way: the path is slow
    rig.hear({ state: 'up' });
  }
  assert.equal(rig.sent().filter((each) => each.poll).length, 3);
  rig.hear({ state: 'up', final: true });
  assert.equal(rig.status().polling, false);
  rig.system.configure([peerOf({ minTxUs: 90_000 })], rig.nowMs, rig.intents);
  rig.hear({ state: 'up', final: true });
  rig.hear({ state: 'up', final: true });
  assert.deepEqual([rig.status().polling, rig.status().txIntervalMs], [true, 50]);
  rig.hear({ state: 'up', final: true });
  assert.deepEqual([rig.status().polling, rig.status().txIntervalMs], [false, 90]);
});

test('a reload with the same words changes nothing', () => {
  const rig = new Rig().bringUp();
  rig.system.configure([peerOf()], rig.nowMs, rig.intents);
  assert.deepEqual(rig.take(), []);
  assert.equal(rig.status().polling, false);
});

test('a session that is removed says AdminDown, and one for another neighbor begins Down', () => {
  const rig = new Rig().bringUp();
  const before = rig.status().localDiscriminator;
  rig.system.configure([peerOf({ neighbor: '10.0.0.3' })], rig.nowMs, rig.intents);
  const intents = rig.take();
  const packets = intents.flatMap((each) => (each.do === 'send' ? [readPacket(each.bytes)] : []));
  assert.equal(packets.length, 3);
  for (const packet of packets) {
    assert.ok(typeof packet === 'object' && packet.state === 'admin-down' && packet.diagnostic === 7);
  }
  assert.deepEqual(intents.at(-1), { do: 'tell', session: 'b', up: false });
  assert.notEqual(rig.status().localDiscriminator, before);
});

test('an orderly stop says AdminDown to those who know us, and nothing more', () => {
  const rig = new Rig([peerOf(), peerOf({ name: 'lonely', neighbor: '10.0.0.7' })]).bringUp();
  rig.system.stop(rig.nowMs, rig.intents);
  assert.deepEqual(
    rig.take().flatMap((each) => (each.do === 'send' ? [each.session] : each.do === 'tell' ? ['told'] : [])),
    ['b', 'b', 'b'],
  );
  assert.equal(rig.system.deadlineMs, Infinity);
});

test('a hand-over keeps the session Up, its discriminators and its Poll Sequence', () => {
  const rig = new Rig();
  rig.hear().hear({ state: 'up' });
  const states = structuredClone(rig.system.exportState(rig.nowMs));
  const heir = new Rig([], 2);
  heir.nowMs = 7_000_000; // another machine's clock would do as well
  heir.system.configure([peerOf()], heir.nowMs, heir.intents, states);
  assert.deepEqual(heir.told(), [true]);
  const [before, after] = [rig.status(), heir.status()];
  assert.deepEqual({ ...after, heardMs: 0 }, { ...before, heardMs: 0 });
  heir.pass(0);
  assert.deepEqual(
    heir.sent().map((each) => [each.state, each.poll, each.yourDiscriminator]),
    [['up', true, 77]],
  );
  heir.hear({ state: 'up', final: true });
  heir.pass(29);
  assert.equal(heir.status().state, 'up');
  heir.pass(2);
  assert.equal(heir.status().state, 'down');
});

test('a hand-over to a file that names another neighbor begins anew', () => {
  const states = new Rig().bringUp().system.exportState(1_000);
  const heir = new Rig([], 2);
  heir.system.configure([peerOf({ neighbor: '10.0.0.3' })], heir.nowMs, heir.intents, states);
  assert.deepEqual(heir.told(), [false]);
});

test('the counters say what came and went', () => {
  const rig = new Rig().bringUp();
  rig.deliver(new Uint8Array(3)).deliver(new Uint8Array(24), { source: THEIRS });
  const { counters } = rig.status();
  assert.deepEqual([counters.packets_rcvd, counters.up, counters.polls], [3, 1, 1]);
  assert.deepEqual([rig.system.drops.packet_len_err, rig.system.drops.vers_err], [1, 1]);
  rig.system.clearCounters();
  assert.equal(rig.status().counters.packets_rcvd, 0);
  assert.equal(rig.system.drops.vers_err, 0);
});
