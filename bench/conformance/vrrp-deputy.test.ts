// Goal: a master whose processor is taken away goes on being heard, by its deputy on another one; and one that hangs
// loses its role all the same. Method: a process of higher real-time priority takes the processor to which the test has
// bound the VRRP thread, as a hypervisor does without asking; kernel times from a probe beside the routers.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import type { ProbeReport } from './vrrp-probe.ts';
import { Probe } from './vrrp-probe-rig.ts';
import { type ConfSpec, confText, Lab, type Router, until, whyNot } from './vrrp-rig.ts';
import { unicastLines } from './vrrp-rig-conf.ts';
import { realtimeThreads } from './vrrp-rig-process.ts';

const skip = whyNot('weir') || (availableParallelism() < 2 ? 'a deputy needs a second processor' : false);
const isLong = process.env['VRRP_INTEROP'] === 'all';
const skipLong = skip || (isLong ? false : 'VRRP_INTEROP=all runs it');
const VIP = '10.77.0.100';
const STRONG = '10.77.0.1';
const WEAK = '10.77.0.2';
const PROCESSOR = 0; // the one that is taken away
const OTHER = 1;
const THEFT_MS = 150; // at 10 ms adverts a backup takes over after 36
const THEFTS = isLong ? 5 : 2;
const HANG_MS = 1_600; // longer than a deputy speaks for a silent router, shorter than the supervisor waits for a pong
const GAP_MS_MAX = 25;
const STALL_MS = 8;
const TRIES_MAX = 5;

const bind = (tid: number, processor: number): void => {
  execFileSync('taskset', ['-p', '-c', String(processor), String(tid)], { stdio: 'ignore' });
};

const thief = (ms: number): string[] => {
  const spin = `require('fs').writeSync(1, '.'); const end = performance.now() + ${ms}; while (performance.now() < end);`;
  return ['-c', String(PROCESSOR), 'chrt', '-f', '90', process.execPath, '-e', spin];
};

/** The processor does nothing else for `ms`, and whatever it takes to start and end a process. */
function steal(ms: number): void {
  execFileSync('taskset', thief(ms));
}

/** The same beside what happens during `play`. */
async function stealDuring(ms: number, play: () => void): Promise<void> {
  const child = spawn('taskset', thief(ms), { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  play();
  await ended;
}

interface Scene {
  probe: Probe;
  strong: Router;
  weak: Router;
}

type Spec = Omit<ConfSpec, 'priority'>;

async function sceneOf(context: TestContext, spec: Spec, weakSpec: Spec = spec): Promise<Scene> {
  const lab = new Lab(context, ['a', 'b', 'c']);
  const probe = await Probe.start(lab, 'c', VIP, 'listen');
  const strong = lab.start('a', 'weir', confText({ ...spec, priority: 150 }));
  await strong.says(strong.enters('MASTER'));
  await until('the deputy', () => realtimeThreads(strong).length === 2);
  const weak = lab.start('b', 'weir', confText({ ...weakSpec, priority: 100 }));
  await weak.says(weak.enters('BACKUP'));
  await until('the other deputy', () => realtimeThreads(weak).length === 2);
  bind(realtimeThreads(strong)[0]!, PROCESSOR);
  bind(realtimeThreads(weak)[0]!, OTHER);
  return { probe, strong, weak };
}

const byDeputy = async (router: Router): Promise<number> =>
  (await router.status()).instances[0]!.counters['advert_by_deputy']!;

function gapMsMax({ adverts }: ProbeReport, source: string): number {
  const times = adverts.filter((each) => each.source === source).map((each) => each.atMs);
  return Math.max(...times.slice(1).map((at, index) => at - times[index]!));
}

describe('the deputy', { skip }, () => {
  for (const [title, lines, skipped] of [
    ['multicast', [], skip],
    ['a virtual MAC', ['use_vmac'], skipLong],
  ] as const) {
    test(`a master without its processor is heard all the same, with ${title}`, { skip: skipped }, async (context) => {
      const { probe, strong, weak } = await sceneOf(context, { advertInt: 0.01, lines });
      let played = 0;
      let tries = 0;
      for (; played < THEFTS && tries < THEFTS + TRIES_MAX; tries++) {
        await probe.report();
        const before = await byDeputy(strong);
        steal(THEFT_MS);
        const report = await probe.report();
        if (report.stallMsMax > STALL_MS) continue; // more than one processor was away
        played++;
        const spoken = (await byDeputy(strong)) - before;
        const gapMs = gapMsMax(report, STRONG);
        context.diagnostic(`${spoken} adverts by the deputy, the largest gap ${gapMs.toFixed(2)} ms`);
        assert.ok(spoken >= THEFT_MS / 10 - 2, `${spoken}`);
        assert.ok(gapMs <= GAP_MS_MAX, `${gapMs}`);
        assert.ok(report.adverts.every((each) => each.source === STRONG));
        assert.ok(report.adverts.every((each) => each.priority === 150));
      }
      assert.ok(played > 0, 'the machine stood still each time');
      if (tries > played) return;
      assert.equal(strong.count(strong.enters('MASTER')), 1);
      assert.equal(weak.count(weak.enters('MASTER')), 0);
      const { counters } = (await strong.status()).instances[0]!;
      assert.equal(counters['late_master'], 0);
    });
  }

  for (const [title, spec, weakSpec] of [
    ['IPv6', { addresses: ['fe80::100/128', 'fd77::100/64'] }],
    ['unicast', { lines: unicastLines(STRONG, [WEAK, '10.77.0.9']) }, { lines: unicastLines(WEAK, [STRONG]) }],
  ] as const) {
    test(`its backup hears the deputy, with ${title}`, { skip: skipLong }, async (context) => {
      const advertInt = 0.01;
      const { strong, weak } = await sceneOf(context, { advertInt, ...spec }, { advertInt, ...(weakSpec ?? spec) });
      const heard = async (): Promise<number> => (await weak.status()).instances[0]!.counters['advert_rcvd']!;
      const before = await heard();
      const spokenBefore = await byDeputy(strong);
      steal(THEFT_MS);
      const spoken = (await byDeputy(strong)) - spokenBefore;
      assert.ok(spoken > 0);
      assert.ok((await heard()) - before >= spoken, `${spoken} were sent`);
      assert.equal(weak.count(weak.enters('MASTER')), 0);
    });
  }

  test('a master that hangs is spoken for only so long, then the other takes over', {
    skip: skipLong,
  }, async (context) => {
    const { probe, strong, weak } = await sceneOf(context, { advertInt: 0.01 });
    await probe.report();
    steal(HANG_MS);
    await until('its return', () => strong.count(strong.enters('MASTER')) === 2);
    await until('the other’s end', () => weak.transitions().join(' ') === 'BACKUP MASTER BACKUP');
    assert.match(strong.output, /Entering BACKUP STATE: we were silent for \d+ ms/);
    const { adverts } = await probe.report();
    const changes = adverts.filter((each, index) => each.source !== adverts[index - 1]?.source);
    assert.deepEqual(
      changes.map((each) => each.source),
      [STRONG, WEAK, STRONG],
    );
    const spokenMs = changes[1]!.atMs - adverts[0]!.atMs;
    context.diagnostic(`the other took over ${spokenMs.toFixed(0)} ms after the first advert that was seen`);
    assert.ok(spokenMs > 1_000 && spokenMs < HANG_MS, `${spokenMs}`);
  });

  test('a master that stood still, deputy and all, leaves the role to who took it, whoever of them is back first', {
    skip: skipLong,
  }, async (context) => {
    const { probe, strong, weak } = await sceneOf(context, { advertInt: 0.01, lines: ['nopreempt'] });
    strong.signal('SIGSTOP');
    try {
      await weak.says(weak.enters('MASTER'));
      await probe.report();
    } finally {
      await stealDuring(THEFT_MS, () => strong.signal('SIGCONT')); // the deputy is back first
    }
    await strong.says(/we were silent for/);
    const sources: string[] = [];
    while (sources.length < 10) sources.push(...(await probe.report()).adverts.map((each) => each.source));
    assert.deepEqual([...new Set(sources)], [WEAK]);
  });

  test('adverts far enough apart need no deputy', { skip: skipLong }, async (context) => {
    const lab = new Lab(context, ['a']);
    const router = lab.start('a', 'weir', confText({ advertInt: 1, priority: 255 }));
    await router.says(router.enters('MASTER'));
    await router.status();
    assert.equal(realtimeThreads(router).length, 1);
  });
});
