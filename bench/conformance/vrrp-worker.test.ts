// Goal: what one weir router does to its machine: addresses, routes, rules, scripts, leftovers, rights and crashes.
// Method: namespaces; where keepalived has an answer to compare with, it is asked as well.

import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import { confText, GLOBAL, instanceText, type Kind, Lab, until, whyNot } from './vrrp-rig.ts';

const skip = whyNot('weir');
const withoutKeepalived = whyNot();
const VIP = '10.77.0.100';
const NOBODY = 65_534;

describe('a weir router on its machine', { skip, concurrency: 2 }, () => {
  test('addresses that a killed process left are removed at the next start, before anyone is master', async (context) => {
    const lab = new Lab(context, ['a']);
    const first = lab.start('a', 'weir', confText({ priority: 150 }));
    await first.says(first.enters('MASTER'));
    await lab.untilHeld('a', VIP, true);
    first.crash();
    await first.ended;
    assert.ok(lab.holds('a', VIP), 'nobody removed it');
    // So far from mastership that the address must be gone meanwhile.
    const second = lab.start('a', 'weir', confText({ priority: 150, version: 2, advertInt: 5 }));
    await second.says(/10\.77\.0\.100 was left on eth0/);
    await second.says(/VRRP runs/);
    assert.equal(lab.holds('a', VIP), false);
    assert.ok(lab.holds('a', '10.77.0.1'), 'the interface keeps its own');
  });

  test('a master holds its excluded addresses, routes and rules, and lets go of all of them', async (context) => {
    const lab = new Lab(context, ['a']);
    const lines = [
      'virtual_ipaddress_excluded {',
      '10.77.0.110/32',
      'fd77::110/64',
      '}',
      'virtual_routes {',
      '10.99.0.0/16 via 10.77.0.2 dev eth0 metric 7 table 300',
      '}',
      'virtual_rules {',
      'from 10.77.0.100/32 table 300 preference 77',
      '}',
    ];
    const router = lab.start('a', 'weir', confText({ priority: 150, lines }));
    await router.says(router.enters('MASTER'));
    await lab.untilHeld('a', '10.77.0.110', true);
    await lab.untilHeld('a', 'fd77::110', true);
    const routes = (): string => lab.ip('a', 'route', 'show', 'table', 'all');
    await until('the route', () =>
      /10\.99\.0\.0\/16 via 10\.77\.0\.2 dev eth0 table 300 proto keepalived metric 7/.test(routes()),
    );
    await until('the rule', () => /77:\s+from 10\.77\.0\.100 lookup 300/.test(lab.ip('a', 'rule')));
    await router.stop('SIGTERM');
    assert.equal(lab.holds('a', '10.77.0.110') || lab.holds('a', 'fd77::110') || lab.holds('a', VIP), false);
    assert.doesNotMatch(routes(), /10\.99\.0\.0/);
    assert.doesNotMatch(lab.ip('a', 'rule'), /77:/);
  });

  test('an address that somebody removes from the master is back soon', async (context) => {
    const lab = new Lab(context, ['a']);
    const router = lab.start('a', 'weir', confText({ priority: 150 }));
    await router.says(router.enters('MASTER'));
    await lab.untilHeld('a', VIP, true);
    lab.ip('a', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    await lab.untilHeld('a', VIP, true);
  });

  test('a thread that crashes lets go first, and another takes its place', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const strong = lab.start('a', 'weir', confText({ priority: 150 }));
    await strong.says(strong.enters('MASTER'));
    const weak = lab.start('b', 'weir', confText({ priority: 100 }));
    await weak.says(weak.enters('BACKUP'));
    strong.signal('SIGALRM');
    await strong.says(/VRRP thread crashed, starting another/);
    await weak.says(weak.enters('MASTER'));
    await until('the new thread’s mastership', () => strong.count(strong.enters('MASTER')) >= 2);
    await lab.untilHeld('b', VIP, false);
    assert.ok(lab.holds('a', VIP));
  });

  test('without its rights VRRP says which one is missing', async (context) => {
    const lab = new Lab(context, ['a']);
    const conf = join(lab.folder, 'k.conf');
    const cfg = join(lab.folder, 'h.cfg');
    chmodSync(lab.folder, 0o755);
    writeFileSync(conf, confText({ priority: 150 }));
    writeFileSync(
      cfg,
      'defaults\n  mode http\n  timeout client 5s\nfrontend f\n  bind 127.0.0.1:8080\n  http-request return status 200\n',
    );
    const refused = lab.run('a', [LAUNCHER, '-f', cfg, '-f', conf], { uid: NOBODY });
    await refused.ended;
    assert.match(refused.output, /VRRP needs CAP_NET_RAW/);
    assert.equal(refused.child.exitCode, 1);
    const optional = lab.run('a', [LAUNCHER, '--vrrp-optional', '-f', cfg, '-f', conf], { uid: NOBODY });
    await optional.says(/"msg":"started"/);
    await optional.says(/CAP_NET_RAW.*proxies run without VRRP/);
    await optional.stop('SIGTERM');
  });
});

describe('scripts and FIFO are told as keepalived tells them', { skip: withoutKeepalived }, () => {
  test('the same lines in the same order, from start to stop', async (context) => {
    const told: Record<Kind, { fifo: string[]; scripts: string[] }> = {
      weir: { fifo: [], scripts: [] },
      keepalived: { fifo: [], scripts: [] },
    };
    for (const kind of ['weir', 'keepalived'] as const) {
      const lab = new Lab(context, ['a']);
      const log = join(lab.folder, 'log');
      const fifoLog = join(lab.folder, 'fifo.log');
      const script = join(lab.folder, 'notify.sh');
      const reader = join(lab.folder, 'reader.sh');
      writeFileSync(log, '');
      writeFileSync(fifoLog, '');
      writeFileSync(script, `#!/bin/sh\necho "$*" >> ${log}\n`);
      writeFileSync(reader, `#!/bin/sh\nexec cat "$1" >> ${fifoLog}\n`);
      for (const path of [script, reader]) chmodSync(path, 0o755);
      const global = GLOBAL.replace(
        '}',
        `  vrrp_notify_fifo ${join(lab.folder, 'fifo')}\n  vrrp_notify_fifo_script ${reader}\n}`,
      );
      const lines = [
        `notify_master "${script} master"`,
        `notify_backup "${script} backup"`,
        `notify_stop "${script} stop"`,
      ];
      const text = global + instanceText({ priority: 150, lines: [...lines, `notify "${script} any"`] });
      const router = lab.start('a', kind, text);
      await router.says(router.enters('MASTER'));
      const said = (path: string): string[] =>
        readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line !== '');
      await until(
        'the lines of MASTER',
        () => said(fifoLog).some((line) => / MASTER /.test(line)) && said(log).length >= 4,
      );
      router.signal('SIGTERM');
      await router.ended;
      await until('the lines of STOP', () => said(log).length >= 6);
      // Whether the reader still gets the last line is a race with its own end.
      told[kind] = { fifo: said(fifoLog).filter((line) => !/STOP/.test(line)), scripts: said(log).sort() };
      await lab.close();
    }
    assert.deepEqual(told.weir, told.keepalived);
  });
});
