// Goal: weir and keepalived elect the right master among each other, from the same file. Method: real keepalived and
// weir in network namespaces on one bridge; every election is played with each of them in each place.
//
// Bounds are the protocol's (RFC 9568 §6.1): Master_Down_Interval and Skew_Time, with room for a busy machine.

import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type ConfSpec,
  confText,
  type Frame,
  GLOBAL,
  instanceText,
  type Kind,
  Lab,
  type NodeName,
  until,
  type Wire,
  wallMs,
  whyNot,
  wireMissing,
} from './vrrp-rig.ts';

const skip = whyNot();
/** All of it takes minutes and wants a machine for itself: VRRP_INTEROP=all. Otherwise one election, both ways. */
const isWhole = process.env['VRRP_INTEROP'] === 'all';
const skipRules = isWhole ? skip : 'VRRP_INTEROP=all runs it';
const VIP = '10.77.0.100';
const SLACK_MS = 1_000; // ip(8) tells us late on a busy machine
const WIRE_SLACK_MS = { weir: 40, keepalived: 250 }; // of what the kernel's own times tell

/** Who plays the stronger router and who the weaker one. */
const PAIRS: readonly [Kind, Kind][] = [
  ['weir', 'keepalived'],
  ['keepalived', 'weir'],
  ['weir', 'weir'],
];

interface Election {
  title: string;
  spec: Partial<ConfSpec>;
  strong?: readonly string[]; // lines of this router alone
  weak?: readonly string[];
  address?: string;
  downMs: number; // Master_Down_Interval of priority 100
  skewMs: number;
  isUnicast?: boolean;
  pairs?: readonly [Kind, Kind][];
}

const V2 = { version: 2, advertInt: 1 } as const;
const V3_TIMES = { downMs: 361, skewMs: 61 };
const V2_TIMES = { downMs: 3_610, skewMs: 610 };

const ELECTIONS: readonly Election[] = [
  { title: 'v3', spec: {}, ...V3_TIMES },
  { title: 'v3 with 10 ms adverts', spec: { advertInt: 0.01 }, downMs: 36, skewMs: 6 },
  {
    title: 'v3 over IPv6',
    spec: { addresses: ['fe80::100/64', 'fd77::100/128'] },
    address: 'fd77::100',
    ...V3_TIMES,
  },
  {
    title: 'v3 to unicast peers',
    spec: {},
    strong: ['unicast_src_ip 10.77.0.1', 'unicast_peer {', '10.77.0.2', '}'],
    weak: ['unicast_src_ip 10.77.0.2', 'unicast_peer {', '10.77.0.1', '}'],
    isUnicast: true,
    ...V3_TIMES,
  },
  { title: 'v3 from virtual MACs', spec: { lines: ['use_vmac'] }, ...V3_TIMES },
  { title: 'v2', spec: V2, ...V2_TIMES },
  {
    title: 'v2 with a password',
    spec: { ...V2, lines: ['authentication {', 'auth_type PASS', 'auth_pass secret12', '}'] },
    ...V2_TIMES,
    pairs: PAIRS.slice(0, 2),
  },
  {
    title: 'v2 with AH',
    spec: { ...V2, lines: ['authentication {', 'auth_type AH', 'auth_pass secret12', '}'] },
    ...V2_TIMES,
    pairs: PAIRS.slice(0, 2),
  },
];

describe('weir and keepalived elect the same master', { concurrency: 2, skip }, () => {
  for (const election of isWhole ? ELECTIONS : ELECTIONS.slice(0, 1)) {
    const pairs = election.pairs ?? PAIRS;
    for (const [strong, weak] of isWhole ? pairs : pairs.slice(0, 2)) {
      test(`${election.title}: ${strong} over ${weak} by priority, handed over on stop, taken over after a crash`, async (context) => {
        const lab = new Lab(context, ['a', 'b']);
        const address = election.address ?? VIP;
        const conf = (priority: number, lines: readonly string[] = []): string =>
          confText({ ...election.spec, priority, lines: [...(election.spec.lines ?? []), ...lines] });
        const wire = wireMissing === false ? await lab.wire('b') : null;
        const first = lab.start('a', strong, conf(150, election.strong));
        await first.says(first.enters('MASTER'));
        await lab.untilHeld('a', address, true);
        const second = lab.start('b', weak, conf(100, election.weak));
        await second.says(second.enters('BACKUP'));
        await heardTwice(wire, election);
        assert.equal(lab.holds('b', address), false, `${first.output}\n---\n${second.output}`);
        // An orderly stop says so with priority 0: the other waits for its skew only.
        const stoppedMs = wallMs();
        first.signal('SIGTERM');
        const handOverMs = (await lab.untilHeld('b', address, true)) - stoppedMs;
        assert.ok(handOverMs <= election.skewMs + SLACK_MS, `handed over after ${handOverMs} ms`);
        await first.ended;
        assert.equal(lab.holds('a', address), false);
        // The stronger one comes back and preempts.
        const again = lab.start('a', strong, conf(150, election.strong));
        await again.says(again.enters('MASTER'));
        await lab.untilHeld('b', address, false);
        assert.ok(lab.holds('a', address));
        // A crash says nothing: the other waits for its Master_Down_Interval.
        const crashedMs = again.crash();
        const takenMs = (await lab.untilHeld('b', address, true)) - crashedMs;
        assert.ok(takenMs <= election.downMs + SLACK_MS, `taken over after ${takenMs} ms`);
        if (wire !== null) await checkWire(wire, election, crashedMs, WIRE_SLACK_MS[weak]);
      });
    }
  }
});

/** keepalived says that it is BACKUP before it listens: waits until the master has sent twice more. */
async function heardTwice(wire: Wire | null, election: Election): Promise<void> {
  const count = wire?.adverts().length ?? 0;
  const intervalMs = (election.spec.advertInt ?? 0.1) * 1_000;
  if (wire !== null) await until('two more adverts', () => wire.adverts().length >= count + 2);
  else await new Promise((resolve) => setTimeout(resolve, 2 * intervalMs));
}

async function checkWire(wire: Wire, election: Election, crashedMs: number, slackMs: number): Promise<void> {
  const crashed = (): boolean => wire.adverts().some((frame) => frame.priority === 100 && frame.atMs > crashedMs);
  await until('the new master’s advert on the wire', crashed);
  const adverts = wire.adverts();
  assert.deepEqual(
    adverts.filter((frame) => frame.complaint !== '').map((frame) => frame.complaint),
    [],
  );
  assert.ok(adverts.some((frame) => frame.priority === 150));
  // The kernel's own times: from the last word of one to the first of the other.
  const farewell = adverts.find((frame) => frame.priority === 0)!;
  const successor = adverts.find((frame) => frame.priority === 100 && frame.atMs > farewell.atMs)!;
  const handOverMs = successor.atMs - farewell.atMs;
  assert.ok(handOverMs <= election.skewMs + slackMs, `after priority 0 ${handOverMs} ms of silence`);
  const last = adverts.filter((frame) => frame.priority === 150).at(-1)!;
  const next = adverts.find((frame) => frame.priority === 100 && frame.atMs > last.atMs)!;
  const silenceMs = next.atMs - last.atMs;
  assert.ok(silenceMs <= election.downMs + slackMs, `after a crash ${silenceMs} ms of silence`);
  assert.ok(silenceMs >= election.downMs - 2, `it waited for only ${silenceMs} ms`);
  if (election.isUnicast === true) return;
  const isInet6 = election.address !== undefined;
  const isNews = (address: string, neighbour: string): boolean =>
    isInet6 ? neighbour.includes(election.address!) : address === VIP;
  const announced = wire.frames().filter((frame) => isNews(frame.arpAddress, frame.neighbour));
  assert.ok(announced.length >= 5, `${announced.length} announcements`);
}

describe('the rules of keepalived hold with weir on either side', { concurrency: 2, skip: skipRules }, () => {
  const kinds: readonly Kind[] = ['weir', 'keepalived'];
  for (const [index, kind] of kinds.entries()) {
    const other = kinds[1 - index]!;

    test(`a ${kind} with nopreempt leaves a weaker ${other} master`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await weak.says(weak.enters('MASTER'));
      const wire = wireMissing === false ? await lab.wire('b') : null;
      const strong = lab.start('a', kind, confText({ priority: 150, lines: ['nopreempt'] }));
      await strong.says(strong.enters('BACKUP'));
      // Twice its Master_Down_Interval without a claim.
      await new Promise((resolve) => setTimeout(resolve, 800));
      assert.equal(lab.holds('a', VIP), false);
      assert.equal(lab.holds('b', VIP), true);
      if (wire !== null) assert.deepEqual(wire.adverts('10.77.0.1'), []);
    });

    test(`a ${kind} with preempt_delay takes over from ${other} when the delay is over, not before`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await weak.says(weak.enters('MASTER'));
      const strong = lab.start('a', kind, confText({ priority: 150, lines: ['preempt_delay 2'] }));
      await strong.says(strong.enters('BACKUP'));
      const backupMs = wallMs();
      const tookMs = (await lab.untilHeld('a', VIP, true)) - backupMs;
      assert.ok(tookMs > 1_800 && tookMs < 2_450 + SLACK_MS, `${tookMs} ms`);
    });

    test(`a ${kind} whose script fails gives way to ${other}, and returns when it passes again`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const flag = join(lab.folder, 'fine');
      const script = join(lab.folder, 'check.sh');
      writeFileSync(flag, '');
      writeFileSync(script, `#!/bin/sh\ntest -e ${flag}\n`);
      chmodSync(script, 0o755);
      const scriptBlock = `vrrp_script fine {\n  script "${script}"\n  interval 1\n  fall 1\n  rise 1\n}\n`;
      const tracking = ['track_script {', 'fine', '}'];
      const strong = lab.start('a', kind, GLOBAL + scriptBlock + instanceText({ priority: 150, lines: tracking }));
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('BACKUP'));
      rmSync(flag);
      await strong.says(strong.enters('FAULT'));
      await lab.untilHeld('b', VIP, true);
      assert.equal(lab.holds('a', VIP), false);
      writeFileSync(flag, '');
      await lab.untilHeld('a', VIP, true);
      await lab.untilHeld('b', VIP, false);
    });

    test(`a script's weight takes ${kind} below ${other} without a fault`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const flag = join(lab.folder, 'fine');
      const script = join(lab.folder, 'check.sh');
      writeFileSync(flag, '');
      writeFileSync(script, `#!/bin/sh\ntest -e ${flag}\n`);
      chmodSync(script, 0o755);
      const scriptBlock = `vrrp_script fine {\n  script "${script}"\n  interval 1\n  weight -60\n}\n`;
      const tracking = ['track_script {', 'fine', '}'];
      const strong = lab.start('a', kind, GLOBAL + scriptBlock + instanceText({ priority: 150, lines: tracking }));
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('BACKUP'));
      const wire = wireMissing === false ? await lab.wire('b') : null;
      rmSync(flag);
      await lab.untilHeld('b', VIP, true);
      await strong.says(new RegExp(`${strong.enters('BACKUP').source}`));
      assert.equal(strong.count(strong.enters('FAULT')), 0);
      if (wire === null) return;
      await until('an advert of priority 90', () => wire.adverts('10.77.0.1').some((frame) => frame.priority === 90));
      assert.ok(wire.adverts('10.77.0.1').every((frame) => frame.priority !== 0));
    });

    test(`two instances of a ${kind} in a sync group move together, against ${other}`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const flag = join(lab.folder, 'fine');
      const script = join(lab.folder, 'check.sh');
      writeFileSync(flag, '');
      writeFileSync(script, `#!/bin/sh\ntest -e ${flag}\n`);
      chmodSync(script, 0o755);
      const scriptBlock = `vrrp_script fine {\n  script "${script}"\n  interval 1\n}\n`;
      const group = 'vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n}\n';
      const second = { name: 'VI_2', vrid: 52, addresses: ['10.77.0.101/32'] };
      const tracking = ['track_script {', 'fine', '}'];
      const text = (priority: number, lines: readonly string[]): string =>
        GLOBAL + group + scriptBlock + instanceText({ priority, lines }) + instanceText({ ...second, priority });
      const strong = lab.start('a', kind, text(150, tracking));
      const weak = lab.start('b', other, text(100, []));
      await lab.untilHeld('a', VIP, true);
      await lab.untilHeld('a', '10.77.0.101', true);
      await weak.says(weak.enters('BACKUP'));
      const wire = wireMissing === false ? await lab.wire('b') : null;
      rmSync(flag);
      await lab.untilHeld('b', '10.77.0.101', true);
      await lab.untilHeld('b', VIP, true);
      assert.equal(lab.holds('a', VIP) || lab.holds('a', '10.77.0.101'), false);
      assert.ok(strong.count(/Entering FAULT STATE/) >= 2, 'both members are told of the fault');
      if (wire === null) return;
      const farewells = (): Frame[] => wire.adverts('10.77.0.1').filter((frame) => frame.priority === 0);
      await until('the farewell of both', () => new Set(farewells().map((frame) => frame.vrid)).size === 2);
      const lastWords = farewells();
      const spreadMs =
        Math.max(...lastWords.map((each) => each.atMs)) - Math.min(...lastWords.map((each) => each.atMs));
      assert.ok(spreadMs < 25, `both say priority 0 within ${spreadMs} ms`);
    });

    test(`a reload that lowers ${kind}'s priority hands over to ${other}`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const strong = lab.start('a', kind, confText({ priority: 150 }));
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('BACKUP'));
      lab.reload('a', strong, confText({ priority: 90, addresses: [`${VIP}/32`, '10.77.0.102/32'] }));
      await lab.untilHeld('b', VIP, true);
      await lab.untilHeld('a', VIP, false);
      assert.equal(lab.holds('a', '10.77.0.102'), false);
    });

    test(`after a partition the stronger ${kind} is the only master, and ${other} has let go`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const strong = lab.start('a', kind, confText({ priority: 150 }));
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('BACKUP'));
      lab.cable('a', false);
      await lab.untilHeld('b', VIP, true);
      assert.ok(lab.holds('a', VIP), 'it cannot know');
      lab.cable('a', true);
      await lab.untilHeld('b', VIP, false);
      assert.ok(lab.holds('a', VIP));
    });

    test(`a ${kind} whose interface goes down yields to ${other}, and claims again when it is back`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const strong = lab.start('a', kind, confText({ priority: 150 }));
      const weak = lab.start('b', other, confText({ priority: 100 }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('BACKUP'));
      lab.ip('a', 'link', 'set', 'eth0', 'down');
      await strong.says(strong.enters('FAULT'));
      await lab.untilHeld('b', VIP, true);
      lab.ip('a', 'link', 'set', 'eth0', 'up');
      await lab.untilHeld('b', VIP, false);
      await lab.untilHeld('a', VIP, true);
    });

    test(`a ${kind} and a ${other} with different passwords do not believe each other`, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const lines = (password: string): string[] => [
        'authentication {',
        'auth_type PASS',
        `auth_pass ${password}`,
        '}',
      ];
      const strong = lab.start('a', kind, confText({ ...V2, priority: 150, lines: lines('secret12') }));
      const weak = lab.start('b', other, confText({ ...V2, priority: 100, lines: lines('wrong') }));
      await strong.says(strong.enters('MASTER'));
      await weak.says(weak.enters('MASTER'));
      assert.ok(lab.holds('a', VIP) && lab.holds('b', VIP));
      const weir = kind === 'weir' ? strong : weak;
      const { instances } = await weir.status();
      assert.ok(instances[0]!.counters['auth_failure']! > 0);
    });
  }

  test('of equal priorities exactly one is master', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    lab.start('a', 'weir', confText({ priority: 100 }));
    lab.start('b', 'keepalived', confText({ priority: 100 }));
    const holders = (): NodeName[] => (['a', 'b'] as const).filter((name) => lab.holds(name, VIP));
    await until('a master', () => holders().length > 0);
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.equal(holders().length, 1);
  });

  test('among three routers the next strongest follows, whoever it is', async (context) => {
    const lab = new Lab(context, ['a', 'b', 'c', 'd']);
    await lab.serve('a', 'b', 'c');
    const first = lab.start('a', 'weir', confText({ priority: 200 }));
    const second = lab.start('b', 'keepalived', confText({ priority: 150 }));
    const third = lab.start('c', 'weir', confText({ priority: 100 }));
    await first.says(first.enters('MASTER'));
    await second.says(second.enters('BACKUP'));
    await third.says(third.enters('BACKUP'));
    const probe = lab.probe('d', VIP);
    await probe.says(/"answers":"a"/);
    first.crash();
    await probe.says(/"answers":"b"/);
    second.crash();
    await probe.says(/"answers":"c"/);
  });
});
