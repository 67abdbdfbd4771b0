// Goal: weir and keepalived elect the same master in every form of VRRP, and hand over as soon as the protocol allows.
// Method: real keepalived and weir in network namespaces on one bridge, each in each place, from the same file; a third
// node is the client and listens. Numbers with # are those of the checklist of scenarios.
//
// Bounds are the protocol's (RFC 9568 §6.1): Master_Down_Interval and Skew_Time, with room for a busy machine.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Kind, Lab, type Router, until, wallMs, whyNot, wireMissing } from './vrrp-rig.ts';
import { Client } from './vrrp-rig-client.ts';
import { authLines, type ConfSpec, confText, unicastLines } from './vrrp-rig-conf.ts';
import {
  advertAfter,
  advertBefore,
  assertAnswers,
  assertCounted,
  assertDecoded,
  assertLasted,
  assertOwner,
  assertSaid,
  assertWaited,
  downMs,
  heardTwice,
  isWhole,
  PAIRS,
  SLACK_MS,
  skewMs,
  stepper,
  VIP,
  VMAC,
  VMAC6,
  WIRE_SLACK_MS,
} from './vrrp-rig-scene.ts';
import type { Frame, Wire } from './vrrp-rig-wire.ts';

const skip = whyNot() || wireMissing;
const STRONG = 150;
const WEAK = 100;
const ANSWER_MS = 20; // from a master's first advert to its first answer
const ANNOUNCED = 5; // garp_master_repeat
const CLOSE_MS = 100;
const CROSSED_MS = 25; // two adverts may pass each other
const DELAYED_MS = 1_000; // garp_master_delay in the labs' files
const GROUP = '224.0.0.18';
const HOPS = 255;

interface Form {
  title: string; // '#n what'
  spec: Partial<ConfSpec>;
  strong?: readonly string[]; // lines of this router alone
  weak?: readonly string[];
  address?: string;
  mac?: string; // of whoever is master
  ttl?: number;
  check?: (scene: Scene) => Promise<void> | void; // what else is true when all is over
}

const V2 = { version: 2, advertInt: 1 } as const;

const FORMS: readonly Form[] = [
  { title: '#3 v3, adverts each 100 ms', spec: {} },
  { title: '#2 v2, adverts each second', spec: V2 },
  { title: '#4 v3, adverts each 10 ms', spec: { advertInt: 0.01 }, check: isSteady },
  {
    title: '#20 v2 with PASS',
    spec: { ...V2, lines: authLines('PASS', 'secret12') },
    check: ({ wire }) => {
      for (const frame of wire.adverts()) assert.equal(frame.password, 'secret12');
    },
  },
  { title: '#21 v2 with AH', spec: { ...V2, lines: authLines('AH', 'secret12') }, check: countsUp },
  {
    title: '#22 v3 to unicast peers, TTL 64',
    spec: { lines: ['unicast_ttl 64'] },
    strong: unicastLines('10.77.0.1', ['10.77.0.2']),
    weak: unicastLines('10.77.0.2', ['10.77.0.1']),
    ttl: 64,
    check: ({ wire }) => {
      for (const frame of wire.adverts())
        assert.equal(frame.destination, frame.source === '10.77.0.1' ? '10.77.0.2' : '10.77.0.1');
    },
  },
  {
    title: '#23 v3 over IPv6',
    spec: { addresses: ['fe80::100/64', 'fd77::100/128'] },
    address: 'fd77::100',
    check: ({ wire }) => {
      for (const frame of wire.adverts()) {
        assert.equal(frame.destination, 'ff02::12');
        assert.match(frame.source, /^fe80::/);
      }
      for (const frame of wire.announcements('fd77::100')) assert.ok(frame.isOverride && frame.ttl === HOPS);
    },
  },
  { title: '#24 v3 from virtual MACs', spec: { lines: ['use_vmac'] }, mac: VMAC, check: hasOneMac },
  {
    title: '#24 v3 over IPv6 from virtual MACs',
    spec: { lines: ['use_vmac'], addresses: ['fe80::100/64', 'fd77::100/128'] },
    address: 'fd77::100',
    mac: VMAC6,
    check: hasOneMac,
  },
  {
    title: '#21 v2 with AH to unicast peers',
    spec: { ...V2, lines: authLines('AH', 'secret12') },
    strong: unicastLines('10.77.0.1', ['10.77.0.2']),
    weak: unicastLines('10.77.0.2', ['10.77.0.1']),
    check: countsUp,
  },
];

/** Two routers and a client during one form of election. */
interface Scene {
  form: Form;
  lab: Lab;
  wire: Wire;
  address: string;
  kinds: { strong: Kind; weak: Kind };
  strong: Router;
  weak: Router;
  isClose: boolean; // the two are only 2 ms apart, less than what a busy machine makes of it
  downMs: number; // of the weaker
  skewMs: number;
}

const conf = (form: Form, priority: number, lines: readonly string[] = []): string =>
  confText({ ...form.spec, priority, lines: [...(form.spec.lines ?? []), ...lines] });
const startStrong = (form: Form, lab: Lab, kind: Kind): Router => lab.start('a', kind, conf(form, STRONG, form.strong));
const startWeak = (form: Form, lab: Lab, kind: Kind): Router => lab.start('b', kind, conf(form, WEAK, form.weak));

describe('weir and keepalived elect the same master', { concurrency: 2, skip }, () => {
  for (const form of isWhole ? FORMS : FORMS.slice(0, 1)) {
    for (const [strong, weak] of isWhole ? PAIRS : PAIRS.slice(0, 2)) {
      test(`${form.title}: ${strong} above ${weak}`, (context) => playAll(context, form, strong, weak));
    }
  }
});

async function playAll(context: TestContext, form: Form, strong: Kind, weak: Kind): Promise<void> {
  const isHub = form.strong !== undefined;
  const lab = new Lab(context, ['a', 'b', 'd'], { isHub });
  const wire = await lab.wire('d');
  const { version = 3, advertInt = 0.1 } = form.spec;
  const intervalMs = advertInt * 1_000;
  lab.carrier(['a', 'b'], false);
  const scene: Scene = {
    form,
    lab,
    wire,
    address: form.address ?? VIP,
    kinds: { strong, weak },
    strong: startStrong(form, lab, strong),
    weak: startWeak(form, lab, weak),
    isClose: intervalMs < CLOSE_MS,
    downMs: downMs(version, WEAK, intervalMs),
    skewMs: skewMs(version, WEAK, intervalMs),
  };
  await lab.serve('a', 'b');
  const strongDownMs = downMs(version, STRONG, intervalMs);
  const step = stepper(context);
  await step('#1 both start at the same moment: the stronger is master, the weaker never', () =>
    startTogether(scene, strongDownMs),
  );
  await step('#5 SIGTERM: the weaker takes over after its skew', () => stopOrderly(scene));
  await step('#6 the stronger returns and preempts', () => comeBack(scene, strongDownMs));
  await step('kill -9: the weaker takes over after its Master_Down_Interval', () => crash(scene));
  await step('every packet is decoded without complaint', () => endWell(scene));
}

async function endWell(scene: Scene): Promise<void> {
  const { wire, form } = scene;
  const { strong, weak } = scene;
  assertSaid(strong, [/\(VI_1\) received lower priority \(100\) advert from [0-9a-f.:]+ - discarding/]);
  assertSaid(weak, [
    /Receive advertisement timeout/,
    /\(VI_1\) Backup received priority 0 advertisement/,
    /Master received advert from [0-9a-f.:]+ with higher priority 150, ours 100/,
  ]);
  assertDecoded(wire);
  for (const frame of wire.adverts()) assert.equal(frame.ttl, form.ttl ?? HOPS);
  await form.check?.(scene);
}

// What a client's hardware must send to, while this node is master.
const macOf = ({ form, lab }: Scene, node: 'a' | 'b'): string => form.mac ?? lab.mac(node);

const owns = (scene: Scene, node: 'a' | 'b'): Promise<void> =>
  assertOwner(scene.lab, scene.wire, 'd', scene.address, macOf(scene, node));

async function startTogether(scene: Scene, strongDownMs: number): Promise<void> {
  const { lab, wire, strong, weak, address, kinds, isClose } = scene;
  for (const each of [strong, weak]) await each.runs();
  for (const each of [strong, weak]) await each.says(/entering FAULT state/i);
  const plugged = lab.carrier(['a', 'b'], true);
  await lab.untilHeld('a', address, true);

  await until('the first advert', () => wire.adverts().length > 0);
  const first = isClose ? await advertAfter(wire, STRONG, 0) : wire.adverts()[0];
  assert.equal(first!.priority, STRONG);
  assertWaited(first!, plugged, strongDownMs, kinds.strong);
  await heardTwice(wire);
  const others = wire.adverts().filter((frame) => frame.priority !== STRONG && (!isClose || frame.atMs > first!.atMs));
  assert.deepEqual(others, [], 'only the stronger speaks');
  const own = macOf(scene, 'a');
  const announced = (): Frame[] =>
    wire.announcements(address).filter((frame) => frame.sourceMac === own && frame.atMs >= first!.atMs);
  await until('announcements', () => announced().length >= ANNOUNCED);
  const news = announced();
  if (!isClose) assert.equal(wire.announcements(address)[0], news[0], 'the advert goes before the announcements');
  assert.ok(news[0]!.atMs - first!.atMs <= WIRE_SLACK_MS[kinds.strong], 'announced at once');
  assert.equal(lab.holds('b', address), false);
  await owns(scene, 'a');
  assert.deepEqual(weak.transitions().slice(-1), ['BACKUP']);
  if (!isClose) assert.equal(weak.count(weak.enters('MASTER')), 0);
  // The announcements come once more, as garp_master_delay says.
  await until('the delayed announcements', () => announced().length >= 2 * ANNOUNCED);
  const delayed = announced()[ANNOUNCED]!.atMs - first!.atMs;
  assert.ok(delayed >= DELAYED_MS - 5 && delayed <= DELAYED_MS + WIRE_SLACK_MS[kinds.strong], `delayed ${delayed} ms`);
}

async function stopOrderly(scene: Scene): Promise<void> {
  const { lab, wire, strong, address, kinds } = scene;
  const client = await Client.start(lab, 'd', address, scene.form.mac !== undefined);
  await client.firstAnswer('a');
  const stoppedMs = wallMs();
  strong.signal('SIGTERM');
  const heldMs = (await lab.untilHeld('b', address, true)) - stoppedMs;
  assert.ok(heldMs <= scene.skewMs + SLACK_MS, `handed over after ${heldMs} ms`);
  await strong.ended;
  assert.equal(lab.holds('a', address), false);
  assertSaid(strong, [/Receive advertisement timeout/, /\(VI_1\) sent 0 priority/]);
  const farewell = await advertAfter(wire, 0, stoppedMs);
  const successor = await advertAfter(wire, WEAK, farewell.atMs);
  assertLasted('after priority 0', farewell, successor, scene.skewMs, kinds.weak);
  assert.equal(wire.adverts().filter((frame) => frame.priority === 0).length, 1, 'it says farewell once');
  await answersSoon(client, successor, kinds.weak);
  await owns(scene, 'b');
}

/** The client, who asks without pause, has an answer of the next master as soon as that one has spoken. */
async function answersSoon(client: Client, successor: Frame, kind: Kind): Promise<void> {
  const lateMs = (await client.firstAnswer('b')) - successor.atMs;
  await client.stop();
  const excusedMs = client.isExact ? WIRE_SLACK_MS[kind] : SLACK_MS;
  assert.ok(lateMs <= ANSWER_MS + excusedMs, `answered ${lateMs} ms after the first advert`);
}

async function comeBack(scene: Scene, strongDownMs: number): Promise<void> {
  const { form, lab, wire, weak, address, kinds } = scene;
  const startedMs = wallMs();
  scene.strong = startStrong(form, lab, kinds.strong);
  const claim = await advertAfter(wire, STRONG, startedMs);
  await lab.untilHeld('b', address, false);
  assert.ok(lab.holds('a', address));
  assert.ok(claim.atMs - startedMs >= strongDownMs, 'it waits for its own Master_Down_Interval');
  const join = wire.frames().find((frame) => frame.atMs > startedMs && frame.joins.includes(GROUP));
  if (form.address === undefined && form.strong === undefined) assert.ok(join !== undefined, 'it joins the group');
  await heardTwice(wire);
  await until('the weaker says so', () => weak.transitions().at(-1) === 'BACKUP');
  const crossedMs = claim.atMs + CROSSED_MS;
  const contested = wire.adverts().filter((frame) => frame.priority === WEAK && frame.atMs > crossedMs);
  assert.deepEqual(contested, [], 'the weaker is silent from the first advert of the stronger on');
  assert.ok(
    wire.adverts().every((frame) => frame.priority !== 0 || frame.atMs < startedMs),
    'nobody says priority 0',
  );
  await owns(scene, 'a');
  await assertCounted(scene.strong, { become_master: 1, release_master: 0, pri_zero_rcvd: 0, pri_zero_sent: 0 });
  assert.deepEqual(scene.strong.transitions(), ['BACKUP', 'MASTER']);
}

async function crash(scene: Scene): Promise<void> {
  const { lab, wire, weak, address, kinds } = scene;
  const client = await Client.start(lab, 'd', address, scene.form.mac !== undefined);
  await client.firstAnswer('a');
  const killedMs = scene.strong.crash();
  // Its kernel would go on answering from the hardware address that the next master has as well.
  if (scene.form.mac !== undefined) lab.cable('a', false);
  await lab.untilHeld('b', address, true);
  const successor = await advertAfter(wire, WEAK, killedMs);
  const last = advertBefore(wire, STRONG, successor.atMs);
  assertLasted('after a crash', last, successor, scene.downMs, kinds.weak);
  await answersSoon(client, successor, kinds.weak);
  // A killed process leaves the address to its kernel, which answers on; a machine that died would not.
  lab.cable('a', false);
  await owns(scene, 'b');
  const mastership = { become_master: 2, release_master: 1 };
  await assertCounted(weak, { ...(scene.isClose ? {} : mastership), pri_zero_rcvd: 1, pri_zero_sent: 0 });
  assert.deepEqual(weak.transitions().slice(-4), ['BACKUP', 'MASTER', 'BACKUP', 'MASTER']);
}

// 100 adverts a second: the master's cadence, 99 of 100 late by less than 3 ms on a quiet machine.
function isSteady({ wire, kinds }: Scene): void {
  const times = wire.adverts('10.77.0.1').map((frame) => frame.atMs);
  const spaces = times.slice(1).map((at, index) => at - times[index]!);
  const usual = spaces.sort((a, b) => a - b)[spaces.length >> 1]!;
  assert.ok(Math.abs(usual - 10) < 1, `${kinds.strong}: ${usual} ms between adverts`);
}

// Each sender's sequence rises by one, whoever was master in between; the receiver is content with it.
function countsUp({ wire }: Scene): void {
  for (const source of ['10.77.0.1', '10.77.0.2']) {
    const numbers = wire.adverts(source).map((frame) => frame.ahSequence);
    assert.ok(numbers.length > 0 && numbers[0]! > 0);
    const steps = numbers.slice(1).map((number, index) => number - numbers[index]!);
    const starts = steps.filter((step) => step !== 1);
    // A process that was started anew, and one that has heard the other count meanwhile.
    assert.ok(starts.length <= 1, `steps of ${source}: ${steps}`);
  }
}

// The address has one hardware address, whoever is master: a client needs no ARP to go on.
async function hasOneMac({ form, lab, wire, address }: Scene): Promise<void> {
  const speakers = new Set(wire.adverts().map((frame) => frame.sourceMac));
  const announced = new Set(wire.announcements(address).map((frame) => frame.sourceMac));
  assert.deepEqual([...speakers, ...announced], [form.mac, form.mac]);
  assert.ok(
    wire.frames().every((frame) => frame.joins === '' || frame.sourceMac !== form.mac),
    'no IGMP from the virtual MAC',
  );
  lab.ip('d', 'neigh', 'replace', address, 'lladdr', form.mac!, 'dev', 'eth0', 'nud', 'permanent');
  await assertAnswers(lab, 'd', address);
}
