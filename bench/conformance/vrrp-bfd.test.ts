// Goal: BFD sessions of weir and keepalived come up with each other, notice a dead path within the detection time, and
// move the VRRP instances that track them. Method: both in network namespaces on one bridge, tshark beside them.
//
// Intervals are long enough here for a busy machine; the short ones (keepalived's default, 10 ms) are in the cases that
// ask for them. VRRP_INTEROP=all runs everything, otherwise one pair.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { BfdWire, type Frame, TSHARK_WORDS } from './vrrp-bfd-wire.ts';
import {
  instanceText,
  type Kind,
  Lab,
  type LabProcess,
  type NodeName,
  type Router,
  until,
  whyNot,
} from './vrrp-rig.ts';
import { globalText } from './vrrp-rig-conf.ts';

const TSHARK = ['/usr/bin/tshark', '/usr/local/bin/tshark'].find((path) => existsSync(path)) ?? '';
const skip = whyNot();
const isWhole = process.env['VRRP_INTEROP'] === 'all';
const skipMost = isWhole ? skip : 'VRRP_INTEROP=all runs it';
const SLACK_MS = 250; // how late a busy machine may wake keepalived, or tell us what it said
const FIGURES_MS = 15_000;
const LATE_MS = 15; // how late weir's own thread may notice
const GLOBAL = globalText(['bfd_rt_priority 50', 'bfd_rlimit_rttime 2000000']);
const TRACK = ['track_bfd {', 'peer', '}'];

interface Session {
  neighbor: string;
  source?: string;
  lines?: readonly string[];
}

const session = ({ neighbor, source = '', lines = ['min_rx 50', 'min_tx 50'] }: Session): string =>
  [
    'bfd_instance peer {',
    `neighbor_ip ${neighbor}`,
    source === '' ? '' : `source_ip ${source}`,
    ...lines,
    '}',
    '',
  ].join('\n');

/** The file of node a or b: a session with the other, and an instance that tracks it. */
function conf(
  node: 'a' | 'b',
  lines?: readonly string[],
  options: { isInet6?: boolean; track?: string[] } = {},
): string {
  const [own, other] = node === 'a' ? [1, 2] : [2, 1];
  const at = (number: number): string => (options.isInet6 === true ? `fd77::${number}` : `10.77.0.${number}`);
  const bfd = session({ neighbor: at(other), source: at(own), ...(lines === undefined ? {} : { lines }) });
  const vrid = node === 'a' ? 51 : 52; // each is the only router of its own
  const addresses = [`10.77.0.10${own}/32`];
  return GLOBAL + bfd + instanceText({ priority: 100, vrid, addresses, lines: options.track ?? TRACK });
}

const UP = /\(peer\) Entering Up state/;
const DOWN = /\(peer\) Entering Down state/;

/** How long each of them says that it heard nothing before it went Down, in milliseconds. */
function silenceMs(router: Router): number {
  const pattern = router.kind === 'weir' ? /nothing heard for ([\d.]+) ms/ : /Expired after (\d+) ms/;
  const found = pattern.exec(router.output);
  assert.ok(found !== null, router.output);
  return Number(found[1]);
}

async function bothUp(...routers: Router[]): Promise<void> {
  for (const each of routers) await each.says(UP);
}

interface Figures extends BfdFigures {
  drops: Record<string, number>;
  priority: number;
}

interface BfdFigures {
  state: string;
  txIntervalMs: number;
  detectionMs: number;
  polling: boolean;
  counters: Record<string, number>;
}

async function figures(router: Router): Promise<Figures> {
  const status = (await router.status()) as unknown as {
    bfd: BfdFigures[];
    bfdDrops: Record<string, number>;
    instances: { effectivePriority: number }[];
  };
  return { ...status.bfd[0]!, drops: status.bfdDrops, priority: status.instances[0]!.effectivePriority };
}

/** As figures(), once `isTrue` for them. */
async function figuresWhen(router: Router, what: string, isTrue: (now: Figures) => boolean): Promise<Figures> {
  const deadlineMs = performance.now() + FIGURES_MS;
  for (;;) {
    const now = await figures(router);
    if (isTrue(now)) return now;
    assert.ok(performance.now() < deadlineMs, `took too long: ${what}: ${JSON.stringify(now)}\n${router.output}`);
  }
}

/** When no Poll Sequence is under way, and `pollsMin` have been. */
const settled = (router: Router, pollsMin = 1): Promise<Figures> =>
  figuresWhen(router, 'its Poll Sequences', (now) => !now.polling && now.counters['polls']! >= pollsMin);

/** tshark on a node's interface; resolves when it listens. */
async function listen(lab: Lab, node: NodeName): Promise<BfdWire> {
  const started: LabProcess = lab.run(node, [TSHARK, ...TSHARK_WORDS]);
  await started.says(/Capturing on/);
  return new BfdWire(started);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const LIFE = 'come up, notice a cut cable in time, and come back';

interface Pair {
  a: Router;
  b: Router;
  packets: () => Frame[]; // of the first weir among them
}

async function begin(lab: Lab, kinds: readonly [Kind, Kind], isInet6: boolean): Promise<Pair> {
  const wire = TSHARK === '' ? null : await listen(lab, 'b');
  const a = lab.start('a', kinds[0], conf('a', undefined, { isInet6 }));
  const b = lab.start('b', kinds[1], conf('b', undefined, { isInet6 }));
  await bothUp(a, b);
  const own = `${isInet6 ? 'fd77::' : '10.77.0.'}${a.kind === 'weir' ? 1 : 2}`;
  return { a, b, packets: () => wire?.frames().filter((each) => each.source === own) ?? [] };
}

async function cut(lab: Lab, { a, b }: Pair): Promise<void> {
  const { state, detectionMs, txIntervalMs } = await settled(a.kind === 'weir' ? a : b);
  assert.deepEqual([state, detectionMs, txIntervalMs], ['up', 250, 50]);
  lab.cable('a', false);
  for (const each of [a, b]) {
    await each.says(DOWN);
    const silent = silenceMs(each);
    const most = 250 + (each.kind === 'weir' ? LATE_MS : SLACK_MS);
    assert.ok(silent >= 250 && silent <= most, `${each.kind} noticed after ${silent} ms`);
  }
}

async function live(lab: Lab, kinds: readonly [Kind, Kind], isInet6: boolean): Promise<void> {
  const pair = await begin(lab, kinds, isInet6);
  const { a, b, packets } = pair;
  await a.says(a.enters('MASTER'));
  await b.says(b.enters('MASTER'));
  await cut(lab, pair);
  await a.says(a.enters('FAULT'));
  await b.says(b.enters('FAULT'));
  await lab.untilHeld('a', '10.77.0.101', false);
  lab.cable('a', true);
  await until('both are Up again', () => a.count(UP) >= 2 && b.count(UP) >= 2);
  await lab.untilHeld('a', '10.77.0.101', true);
  await lab.untilHeld('b', '10.77.0.102', true);
  assert.deepEqual([a.count(DOWN), b.count(DOWN)], [1, 1], `${a.output}\n---\n${b.output}`);
  if (TSHARK === '') return;
  await until('a second or two of packets on the wire', () => packets().length > 60);
  checkFrames(packets(), isInet6);
}

/** What RFC 5880 and 5881 say of weir's packets. */
function checkFrames(ours: readonly Frame[], isInet6: boolean): void {
  assert.deepEqual(
    ours.filter((each) => each.complaint !== '').map((each) => each.complaint),
    [],
  );
  for (const each of ours) {
    assert.equal(each.ttl, isInet6 ? 64 : 255);
    assert.equal(each.targetPort, 3784);
    assert.ok(each.sourcePort >= 49_152);
    assert.equal(each.multiplier, 5);
    assert.ok(each.state === 'up' || each.desiredMinTxUs >= 1_000_000, 'who is not Up is slow');
    assert.ok(!(each.poll && each.final));
  }
  assert.equal(new Set(ours.map((each) => each.sourcePort)).size, 1);
  assert.equal(new Set(ours.map((each) => each.myDiscriminator)).size, 1);
  // Periodic packets while Up: 37.5 to 50 ms apart; those in between answer a Poll or tell of a change.
  const steady = ours.filter((each) => each.state === 'up' && !each.final);
  const gaps = steady.slice(1).map((each, index) => each.atMs - steady[index]!.atMs);
  const ordinary = gaps.filter((gap) => gap >= 36 && gap <= 50 + LATE_MS);
  assert.ok(ordinary.length >= gaps.length * 0.8, `${gaps.map((gap) => gap.toFixed(1)).join(' ')}`);
}

describe('BFD between weir and keepalived', { skip }, () => {
  test('the sessions come up, and what tracks them fails when the cable is cut', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const pair = await begin(lab, ['weir', 'keepalived'], false);
    await pair.a.says(/Entering BACKUP STATE: all faults are gone/);
    if (TSHARK !== '') {
      await until('packets on the wire', () => pair.packets().length > 30);
      checkFrames(pair.packets(), false);
    }
    await cut(lab, pair);
    await pair.a.says(/Entering FAULT STATE: bfd peer is down/);
  });
});

describe('BFD between weir, keepalived and the path between them', { concurrency: 2, skip: skipMost }, () => {
  for (const isInet6 of [false, true]) {
    for (const kinds of [
      ['weir', 'keepalived'],
      ['weir', 'weir'],
    ] as const) {
      test(`over ${isInet6 ? 'IPv6' : 'IPv4'}: ${kinds.join(' and ')} ${LIFE}`, async (context) => {
        await live(new Lab(context, ['a', 'b']), kinds, isInet6);
      });
    }
  }

  for (const kind of ['weir', 'keepalived'] as const) {
    const other = kind === 'weir' ? 'keepalived' : 'weir';

    test(`a passive ${kind} waits for ${other} to begin`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const wire = TSHARK === '' ? null : await listen(lab, 'b');
      const passive = lab.start('a', kind, conf('a', ['min_rx 50', 'min_tx 50', 'passive']));
      await passive.runs();
      await pause(1_500); // longer than the slow interval
      assert.deepEqual(wire?.frames() ?? [], []);
      const active = lab.start('b', other, conf('b'));
      await bothUp(passive, active);
    });

    test(`a ${kind} that is killed is noticed by ${other} in time, and heard again when it is back`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const victim = lab.start('a', kind, conf('a'));
      const witness = lab.start('b', other, conf('b'));
      await bothUp(victim, witness);
      await witness.says(witness.enters('MASTER'));
      victim.crash();
      await witness.says(DOWN);
      const silent = silenceMs(witness);
      assert.ok(silent >= 250 && silent <= 250 + SLACK_MS, `${silent} ms`);
      await witness.says(witness.enters('FAULT'));
      const again = lab.start('a', kind, conf('a'));
      await again.says(UP);
      await until('it is Up again', () => witness.count(UP) === 2);
      await lab.untilHeld('b', '10.77.0.102', true);
    });

    test(`the slower wish wins, and the sender's multiplier counts, between ${kind} and ${other}`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const wire = TSHARK === '' ? null : await listen(lab, 'b');
      const a = lab.start('a', kind, conf('a', ['min_rx 40', 'min_tx 30', 'multiplier 4']));
      const b = lab.start('b', other, conf('b', ['min_rx 120', 'min_tx 60', 'multiplier 3']));
      await bothUp(a, b);
      const weir = kind === 'weir' ? a : b;
      await until('a second of packets', () => (wire?.frames().length ?? 100) > 60);
      const { txIntervalMs, detectionMs } = await figures(weir);
      // a sends every 120 ms with multiplier 4, b every 60 ms with 3.
      assert.deepEqual([txIntervalMs, detectionMs], kind === 'weir' ? [120, 180] : [60, 480]);
      lab.cable('a', false);
      await a.says(DOWN);
      await b.says(DOWN);
      for (const [router, least] of [
        [a, 180],
        [b, 480],
      ] as const) {
        const silent = silenceMs(router);
        assert.ok(silent >= least - 1 && silent <= least + SLACK_MS, `${router.kind}: ${silent} ms`);
      }
    });
  }

  test('a weight moves the priority while the session is Up, without a fault', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const a = lab.start('a', 'weir', conf('a', undefined, { track: ['track_bfd {', 'peer weight 30', '}'] }));
    await a.says(a.enters('MASTER'));
    assert.equal((await figures(a)).priority, 100);
    const b = lab.start('b', 'keepalived', conf('b', undefined, { track: ['track_bfd {', 'peer weight -30', '}'] }));
    await bothUp(a, b);
    assert.equal((await figures(a)).priority, 130);
    b.crash();
    await a.says(DOWN);
    assert.equal((await figures(a)).priority, 100);
    assert.equal(a.count(a.enters('FAULT')), 0);
  });

  test('with reverse a session that is Up is the fault', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const a = lab.start('a', 'weir', conf('a', undefined, { track: ['track_bfd {', 'peer weight 0 reverse', '}'] }));
    await a.says(a.enters('MASTER'));
    const b = lab.start('b', 'weir', conf('b'));
    await b.says(UP);
    await a.says(a.enters('FAULT'));
    b.crash();
    await lab.untilHeld('a', '10.77.0.101', true);
  });

  test('a sync group that tracks a session faults and returns as one', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const group = ['vrrp_sync_group G {', 'group {', 'VI_1', 'VI_2', '}', ...TRACK, '}', ''].join('\n');
    const text =
      GLOBAL +
      session({ neighbor: '10.77.0.2' }) +
      group +
      instanceText({ priority: 100, addresses: ['10.77.0.101/32'] }) +
      instanceText({ priority: 100, addresses: ['10.77.0.111/32'], name: 'VI_2', vrid: 61 });
    const a = lab.start('a', 'weir', text);
    const b = lab.start('b', 'keepalived', conf('b'));
    await bothUp(a, b);
    await lab.untilHeld('a', '10.77.0.101', true);
    await lab.untilHeld('a', '10.77.0.111', true);
    lab.cable('b', false);
    await lab.untilHeld('a', '10.77.0.101', false);
    await lab.untilHeld('a', '10.77.0.111', false);
    lab.cable('b', true);
    await lab.untilHeld('a', '10.77.0.111', true);
  });

  test('a reload with other intervals keeps the session Up on both sides', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const wire = TSHARK === '' ? null : await listen(lab, 'b');
    const a = lab.start('a', 'weir', conf('a'));
    const b = lab.start('b', 'keepalived', conf('b'));
    await bothUp(a, b);
    await lab.untilHeld('a', '10.77.0.101', true);
    const intervals = [
      ['min_rx 20', 'min_tx 90'],
      ['min_rx 200', 'min_tx 20'],
      ['min_rx 50', 'min_tx 50'],
    ];
    for (const lines of intervals) {
      const polls = (await figures(a)).counters['polls']!;
      lab.reload('a', a, conf('a', lines));
      assert.equal((await settled(a, polls + 1)).state, 'up');
      await pause(600); // longer than any detection time here
    }
    assert.deepEqual([a.count(DOWN), b.count(DOWN), a.count(UP), b.count(UP)], [0, 0, 1, 1], a.output + b.output);
    assert.ok(lab.holds('a', '10.77.0.101'));
    const polls = (wire?.frames() ?? []).filter((each) => each.poll && each.source === '10.77.0.1');
    assert.ok(wire === null || new Set(polls.map((each) => each.desiredMinTxUs)).size >= 3);
  });

  test('a session that is configured out says AdminDown and one that is new begins, the rest untouched', async (context) => {
    const lab = new Lab(context, ['a', 'b', 'c']);
    const other = session({ neighbor: '10.77.0.3' }).replace('peer', 'third');
    const a = lab.start('a', 'weir', conf('a') + other);
    const b = lab.start('b', 'weir', conf('b'));
    const c = lab.start(
      'c',
      'weir',
      GLOBAL + session({ neighbor: '10.77.0.1' }) + instanceText({ priority: 9, vrid: 9 }),
    );
    await bothUp(a, b, c);
    lab.reload('a', a, conf('a'));
    await c.says(/Entering Down state: the neighbor is administratively down/);
    lab.reload('a', a, conf('a') + other);
    await until('it is Up again', () => c.count(UP) === 2);
    assert.deepEqual([a.count(UP), a.count(DOWN), b.count(DOWN)], [1, 0, 0]);
  });

  test('an orderly stop is no failure for the neighbor: its instance stays, as with keepalived', async (context) => {
    const lab = new Lab(context, ['a', 'b', 'c']);
    const a = lab.start('a', 'weir', conf('a') + session({ neighbor: '10.77.0.3' }).replace('peer', 'third'));
    const b = lab.start('b', 'keepalived', conf('b'));
    const c = lab.start(
      'c',
      'weir',
      GLOBAL +
        session({ neighbor: '10.77.0.1' }) +
        instanceText({ priority: 100, vrid: 53, addresses: ['10.77.0.103/32'], lines: TRACK }),
    );
    await bothUp(a, b, c);
    await lab.untilHeld('b', '10.77.0.102', true);
    await lab.untilHeld('c', '10.77.0.103', true);
    const faults = [b, c].map((each) => each.count(/Entering FAULT STATE/));
    await a.stop('SIGTERM');
    await b.says(DOWN);
    await c.says(DOWN);
    await pause(600);
    assert.deepEqual(
      [b, c].map((each) => each.count(/Entering FAULT STATE/)),
      faults,
    );
    assert.ok(lab.holds('b', '10.77.0.102') && lab.holds('c', '10.77.0.103'));
  });

  test('another thread, and another service, take the session over while it is Up', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const a = lab.start('a', 'weir', conf('a'));
    const b = lab.start('b', 'keepalived', conf('b'));
    await bothUp(a, b);
    await lab.untilHeld('a', '10.77.0.101', true);
    a.signal('SIGWINCH');
    await a.says(/"renewed":true/);
    await pause(600);
    a.signal('SIGURG');
    await a.says(/"upgraded":true/);
    await pause(600);
    const now = await figures(a);
    assert.equal(now.state, 'up');
    assert.deepEqual([a.count(DOWN), b.count(DOWN), b.count(UP)], [0, 0, 1], a.output + b.output);
    assert.ok(lab.holds('a', '10.77.0.101'));
  });

  test('a thread that crashes begins anew, and the session comes back', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const a = lab.start('a', 'weir', conf('a'));
    const b = lab.start('b', 'weir', conf('b'));
    await bothUp(a, b);
    a.signal('SIGALRM');
    await until('both are Up again', () => a.count(UP) === 2 && b.count(UP) === 2);
    await lab.untilHeld('a', '10.77.0.101', true);
  });

  test('over a router a multihop session comes up when max_hops lets it, and not before', async (context) => {
    const lab = new Lab(context, ['a', 'b', 'c']);
    lab.ip('a', 'addr', 'add', '10.78.0.1/32', 'dev', 'lo');
    lab.ip('b', 'addr', 'add', '10.79.0.2/32', 'dev', 'lo');
    for (const [node, to, via] of [
      ['a', '10.79.0.2', '10.77.0.3'],
      ['b', '10.78.0.1', '10.77.0.3'],
      ['c', '10.78.0.1', '10.77.0.1'],
      ['c', '10.79.0.2', '10.77.0.2'],
    ] as const) {
      lab.ip(node, 'route', 'add', to, 'via', via);
    }
    const settings = ['ip_forward=1', 'conf.all.send_redirects=0', 'conf.eth0.send_redirects=0'];
    await lab.run('c', ['sysctl', '-qw', ...settings.map((each) => `net.ipv4.${each}`)]).ended;
    const text = (neighbor: string, source: string, hops: number): string =>
      GLOBAL +
      session({ neighbor, source, lines: ['min_rx 50', 'min_tx 50', 'multihop', `max_hops ${hops}`] }) +
      instanceText({ priority: 9 });
    const a = lab.start('a', 'weir', text('10.79.0.2', '10.78.0.1', 0));
    const b = lab.start('b', 'weir', text('10.78.0.1', '10.79.0.2', 1));
    await a.runs();
    await b.runs();
    const now = await figuresWhen(a, 'packets from too far away', ({ counters }) => counters['ttl_err']! > 0);
    assert.equal(now.state, 'down');
    lab.reload('a', a, text('10.79.0.2', '10.78.0.1', 1));
    await bothUp(a, b);
  });

  test('rubbish and lies on the port are counted and change nothing', async (context) => {
    const lab = new Lab(context, ['a', 'b', 'c']);
    const a = lab.start('a', 'weir', conf('a'));
    const b = lab.start('b', 'weir', conf('b'));
    await bothUp(a, b);
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      const sane = Buffer.from('20c0031800000007000000080000271000002710' + '00000000', 'hex');
      socket.bind(() => {
        socket.setTTL(255);
        let left = 3000;
        const one = () => {
          for (let burst = 0; burst < 30; burst++, left--) {
            const bytes = Buffer.from(sane);
            for (let change = left % 4; change > 0; change--) bytes[Math.floor(Math.random() * 24)] = Math.random() * 256;
            socket.send(left % 5 === 0 ? bytes.subarray(0, left % 30) : bytes, 3784, '10.77.0.1');
          }
          if (left > 0) setTimeout(one, 5);
          else setTimeout(() => { console.log('sent'); socket.close(); }, 50);
        };
        one();
      });`;
    await lab.run('c', [process.execPath, '-e', script]).says(/sent/);
    const now = await figures(a);
    const drops = Object.values(now.drops).reduce((sum, each) => sum + each, 0);
    assert.ok(drops > 2_500, `${drops} were refused`);
    assert.ok(Object.values(now.drops).filter((each) => each > 0).length >= 5, JSON.stringify(now.drops));
    assert.equal(now.state, 'up');
    assert.deepEqual([a.count(DOWN), b.count(DOWN)], [0, 0]);
  });

  test('at 10 ms nothing flaps for five seconds while both processors are busy', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const fast = ['min_rx 10', 'min_tx 10'];
    const a = lab.start('a', 'weir', conf('a', fast));
    const b = lab.start('b', 'weir', conf('b', fast));
    await bothUp(a, b);
    const before = await figures(a);
    const burners = [0, 1].map(() => lab.run('a', [process.execPath, '-e', 'for (;;);']));
    await pause(5_000);
    for (const each of burners) await each.stop('SIGKILL');
    const after = await figures(a);
    assert.deepEqual([a.count(DOWN), b.count(DOWN)], [0, 0], a.output + b.output);
    const packets = after.counters['packets_rcvd']! - before.counters['packets_rcvd']!;
    assert.ok(packets > 450 && packets < 800, `${packets} packets in five seconds`);
    lab.cable('a', false);
    await a.says(DOWN);
    await b.says(DOWN);
    for (const each of [a, b]) assert.ok(silenceMs(each) < 50 + LATE_MS, `${silenceMs(each)} ms`);
  });
});
