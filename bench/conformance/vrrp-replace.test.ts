// Goal: `weir -sf` replaces a master (or a backup) and no other router notices: role, addresses and counters go on.
// Method: whole weirs in namespaces, one replaced twice, another that must stay backup, tshark's kernel times.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import { confText, GLOBAL, instanceText, Lab, type LabProcess, until, whyNot, wireMissing } from './vrrp-rig.ts';
import { realtimeThreads } from './vrrp-rig-process.ts';

const VIP = '10.77.0.100';
const ADVERT_S = 0.1;

function files(lab: Lab, text: string, global: readonly string[] = []): string[] {
  const cfg = join(lab.folder, 'proxy.cfg');
  const conf = join(lab.folder, 'router.conf');
  writeFileSync(
    cfg,
    `${global.join('\n')}\ndefaults\n  mode http\n  timeout client 5s\nfrontend f\n  bind 127.0.0.1:8080\n  http-request return status 200\n`,
  );
  writeFileSync(conf, text);
  return ['-f', cfg, '-f', conf];
}

/** The process of the launcher: `ip netns exec` replaces itself by it. */
const pidOf = (weir: LabProcess): string => String(weir.child.pid);

describe('a weir that is replaced with -sf', { skip: whyNot('weir') || wireMissing }, () => {
  test('stays master for all others, twice over, and ends', { timeout: 60_000 }, async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const fifo = join(lab.folder, 'fifo');
    const global = GLOBAL.replace('}', `  vrrp_notify_fifo ${fifo}\n}`);
    const words = files(lab, global + instanceText({ priority: 150, advertInt: ADVERT_S }));
    const first = lab.run('a', [LAUNCHER, ...words]);
    await first.says(/Entering MASTER STATE/);
    await first.says(/"msg":"started"/);
    const weak = lab.start('b', 'weir', confText({ priority: 100, advertInt: ADVERT_S }));
    await weak.says(weak.enters('BACKUP'));
    const wire = await lab.wire('b');
    await until('adverts before', () => wire.adverts().length >= 3);
    let last = first;
    for (let round = 0; round < 2; round++) {
      const next = lab.run('a', [LAUNCHER, ...words, '-sf', pidOf(last)]);
      await next.says(/VRRP is taken over/);
      await last.ended;
      assert.equal(last.child.exitCode, 0, last.output);
      const before = wire.adverts().length;
      await until('adverts of the next', () => wire.adverts().length >= before + 3);
      assert.ok(lab.holds('a', VIP));
      assert.equal(next.count(/Entering/), 0, 'its state is the old one’s');
      assert.ok(existsSync(fifo), 'the FIFO is there for its readers');
      last = next;
    }
    const adverts = wire.adverts();
    assert.ok(
      adverts.every((frame) => frame.priority === 150),
      'nobody said priority 0, nobody else spoke',
    );
    const gaps = adverts.slice(1).map((frame, index) => frame.atMs - adverts[index]!.atMs);
    assert.ok(Math.max(...gaps) < 3 * ADVERT_S * 1000, `gaps of ${gaps.map((gap) => gap.toFixed(0)).join(' ')} ms`);
    assert.equal(weak.count(weak.enters('MASTER')), 0);
    // The last one answers for the address as the first did.
    last.signal('SIGTERM');
    await weak.says(weak.enters('MASTER'));
    await last.ended;
    assert.equal(lab.holds('a', VIP), false);
    assert.equal(existsSync(fifo), false, 'whoever came last removes it');
  });

  test('in a chroot and as another user it elects, and is replaced, all the same', {
    timeout: 60_000,
  }, async (context) => {
    const lab = new Lab(context, ['a']);
    const jail = join(lab.folder, 'jail');
    mkdirSync(jail);
    const confined = ['global', `  chroot ${jail}`, '  uid 65534', '  gid 65534'];
    const words = files(lab, confText({ priority: 150, advertInt: ADVERT_S }), confined);
    const first = lab.run('a', [LAUNCHER, ...words]);
    await first.says(/Entering MASTER STATE/);
    await first.says(/"msg":"started"/);
    const next = lab.run('a', [LAUNCHER, ...words, '-sf', pidOf(first)]);
    await next.says(/VRRP is taken over/);
    await first.ended;
    assert.equal(first.child.exitCode, 0, first.output);
    assert.ok(lab.holds('a', VIP));
    await next.says(/"msg":"started"/);
    if (availableParallelism() > 1) await until('its deputy', () => realtimeThreads(next).length === 2);
    assert.doesNotMatch(first.output + next.output, /deputy ended/);
    await next.stop('SIGTERM');
    assert.equal(lab.holds('a', VIP), false);
  });

  test('without an election before, the new one begins as ever', { timeout: 60_000 }, async (context) => {
    const lab = new Lab(context, ['a']);
    const words = files(lab, confText({ priority: 150, advertInt: ADVERT_S }));
    const first = lab.run('a', [LAUNCHER, ...words.slice(0, 2)]);
    await first.says(/"msg":"started"/);
    const next = lab.run('a', [LAUNCHER, ...words, '-sf', pidOf(first)]);
    await next.says(/Entering MASTER STATE/);
    await first.ended;
    assert.equal(first.child.exitCode, 0);
    await lab.untilHeld('a', VIP, true);
  });
});
