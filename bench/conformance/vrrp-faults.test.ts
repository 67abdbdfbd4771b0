// Goal: what the machine under a router can do to it: netlink that loses messages, interfaces and addresses that go and
// come, refusals of the kernel, rights that are missing. Method: each fault is made for real in a network namespace;
// where keepalived has an answer to the same fault, it is asked as well.
//
// By default the quick ones; VRRP_INTEROP=all plays all of them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import {
  confText,
  GLOBAL,
  instanceText,
  type Kind,
  Lab,
  type NodeName,
  type Router,
  until,
  whyNot,
} from './vrrp-rig.ts';

const skip = whyNot('weir');
const skipLong = process.env['VRRP_INTEROP'] === 'all' ? false : 'VRRP_INTEROP=all runs it';
const KINDS: readonly Kind[] = whyNot() === false ? ['weir', 'keepalived'] : ['weir'];
const VIP = '10.77.0.100';
const CHANGE_COUNT = 2_500; // more messages than the monitor's socket has room for
const SCHED_RR = 2;

async function sh(lab: Lab, name: NodeName, command: string): Promise<string> {
  const process = lab.run(name, ['sh', '-c', command]);
  await process.ended;
  assert.equal(process.child.exitCode, 0, `${command}: ${process.output}`);
  return process.output;
}

const indexOf = (lab: Lab): number => Number.parseInt(lab.ip('a', 'link', 'show', 'eth0'), 10);

/** A single master on node a. */
async function masterOn(lab: Lab, kind: Kind, conf: string): Promise<Router> {
  const router = lab.start('a', kind, conf);
  await router.says(router.enters('MASTER'));
  await lab.untilHeld('a', VIP, true);
  return router;
}

/** Waits until `router` has entered a state so many times. */
async function entered(router: Router, state: 'MASTER' | 'BACKUP' | 'FAULT', times: number): Promise<void> {
  await until(`${state} ×${times}`, () => router.count(router.enters(state)) >= times).catch((error: Error) => {
    throw new Error(`${error.message}\n${router.output}`);
  });
}

describe('faults of the machine', { skip, concurrency: 2 }, () => {
  test('when netlink loses messages everything is read anew, and what went missing meanwhile is noticed', async (context) => {
    const lab = new Lab(context, ['a']);
    const router = lab.start('a', 'weir', confText({ priority: 254, advertInt: 0.1 }));
    await router.says(router.enters('MASTER'));
    await lab.untilHeld('a', VIP, true);
    lab.ip('a', 'link', 'add', 'dum0', 'type', 'veth', 'peer', 'name', 'dum1');
    lab.ip('a', 'link', 'set', 'dum0', 'up');
    const batch = join(lab.folder, 'batch');
    // Each a message of a kilobyte, and the kernel's lock (one for all namespaces) is held for a moment only.
    const rows = Array.from({ length: CHANGE_COUNT }, (_, index) => `link set dum0 mtu ${1_400 + (index & 1)}`);
    writeFileSync(batch, `${rows.join('\n')}\nlink del dum0\naddr del ${VIP}/32 dev eth0\n`);
    router.signal('SIGSTOP');
    try {
      await sh(lab, 'a', `ip -batch ${batch}`);
    } finally {
      router.signal('SIGCONT');
    }
    await lab.untilHeld('a', VIP, true);
    const { figures, instances } = await router.status();
    assert.ok((figures as unknown as { netlinkOverruns: number }).netlinkOverruns > 0, JSON.stringify(figures));
    assert.equal(instances[0]!.state, 'master');
    // The next change is seen as ever.
    const removals = router.count(/was removed from eth0/);
    lab.ip('a', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    await until('the next removal', () => router.count(/was removed from eth0/) > removals);
    await lab.untilHeld('a', VIP, true);
  });

  for (const kind of KINDS) {
    test(`${kind}: an interface that is deleted and made again is found again under its new index`, {
      skip: skipLong,
    }, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      // keepalived follows interfaces that come and go only when told to.
      const conf = confText({ priority: 150 }).replace(
        'global_defs {',
        'global_defs {\n  dynamic_interfaces allow_if_changes',
      );
      const router = await masterOn(lab, kind, conf);
      const before = indexOf(lab);
      lab.ip('a', 'link', 'del', 'eth0');
      await entered(router, 'FAULT', 1);
      const bridge = lab.namespace('s');
      await sh(
        lab,
        'b',
        `ip netns exec ${bridge} sh -c 'ip link add pa type veth peer name eth0 netns ${lab.namespace('a')} && ip link set pa master br0 up'`,
      );
      lab.ip('a', 'link', 'set', 'eth0', 'up');
      lab.ip('a', 'addr', 'add', '10.77.0.1/24', 'dev', 'eth0');
      await entered(router, 'MASTER', 2);
      await lab.untilHeld('a', VIP, true);
      assert.notEqual(indexOf(lab), before);
    });

    test(`${kind}: an interface under another name is gone, and back with its own`, {
      skip: skipLong,
    }, async (context) => {
      const lab = new Lab(context, ['a']);
      const conf = confText({ priority: 150 }).replace(
        'global_defs {',
        'global_defs {\n  dynamic_interfaces allow_if_changes',
      );
      const router = await masterOn(lab, kind, conf);
      const rename = (from: string, to: string): void => {
        lab.ip('a', 'link', 'set', from, 'down');
        lab.ip('a', 'link', 'set', from, 'name', to);
        lab.ip('a', 'link', 'set', to, 'up');
      };
      rename('eth0', 'other0');
      await entered(router, 'FAULT', 1);
      rename('other0', 'eth0');
      await entered(router, 'MASTER', 2);
      await lab.untilHeld('a', VIP, true);
    });

    test(`${kind}: a master whose own address goes away says priority 0 and is FAULT until it is back`, {
      skip: skipLong,
    }, async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const router = await masterOn(lab, kind, confText({ priority: 150 }));
      const other = lab.start('b', 'weir', confText({ priority: 100 }));
      await other.says(other.enters('BACKUP'));
      await until('an advert heard', () => other.count(/VRRP runs/) > 0);
      lab.ip('a', 'addr', 'del', '10.77.0.1/24', 'dev', 'eth0');
      await entered(router, 'FAULT', 1);
      await entered(other, 'MASTER', 1);
      await lab.untilHeld('a', VIP, false);
      lab.ip('a', 'addr', 'add', '10.77.0.1/24', 'dev', 'eth0');
      await entered(router, 'MASTER', 2);
      await lab.untilHeld('a', VIP, true);
      await lab.untilHeld('b', VIP, false);
    });

    test(`${kind}: an address that the operator had put there before is taken over, and removed at the end`, {
      skip: skipLong,
    }, async (context) => {
      const lab = new Lab(context, ['a']);
      const router = lab.start('a', kind, confText({ priority: 150, advertInt: 0.5 }));
      await router.says(router.enters('BACKUP'));
      lab.ip('a', 'addr', 'add', `${VIP}/32`, 'dev', 'eth0');
      await router.says(router.enters('MASTER'));
      await router.stop('SIGTERM');
      assert.equal(lab.holds('a', VIP), false, router.output);
    });

    test(`${kind}: an address that the kernel refuses is said, and the others are held all the same`, {
      skip: skipLong,
    }, async (context) => {
      const lab = new Lab(context, ['a']);
      await sh(lab, 'a', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6');
      const lines = ['virtual_ipaddress_excluded {', 'fd77::110/64', '10.77.0.110/32', '}'];
      const router = await masterOn(lab, kind, confText({ priority: 150, lines }));
      await lab.untilHeld('a', '10.77.0.110', true);
      assert.equal(lab.holds('a', 'fd77::110'), false);
      if (kind === 'weir') assert.match(router.output, /adding fd77::110 to eth0: \S+/);
      assert.equal(router.count(router.enters('MASTER')), 1);
    });
  }

  test('adverts that the kernel refuses to send are said once, and once that they go out again', {
    skip: skipLong,
  }, async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const router = await masterOn(lab, 'weir', confText({ priority: 150 }));
    const backup = lab.start('b', 'weir', confText({ priority: 100 }));
    await backup.says(backup.enters('BACKUP'));
    // EPERM: a rule of the packet filter.
    await sh(
      lab,
      'a',
      'nft add table inet t && nft add chain inet t o "{ type filter hook output priority 0; }" && nft add rule inet t o ip protocol 112 drop',
    );
    await router.says(/cannot send adverts: Operation not permitted/);
    await backup.says(backup.enters('MASTER'));
    await sh(lab, 'a', 'nft delete table inet t');
    await router.says(/adverts are sent again/);
    await until('one master', () => backup.count(backup.enters('BACKUP')) >= 2);
    assert.equal(router.count(/cannot send adverts/), 1);
    const { figures } = await router.status();
    assert.ok((figures as unknown as { sendErrors: number }).sendErrors > 2);
  });

  test('a master that does not track its interface goes on while it is down', { skip: skipLong }, async (context) => {
    const lab = new Lab(context, ['a']);
    const router = await masterOn(lab, 'weir', confText({ priority: 150, lines: ['dont_track_primary'] }));
    lab.ip('a', 'link', 'set', 'eth0', 'down');
    await router.says(/cannot send adverts: Network is (down|unreachable)/);
    lab.ip('a', 'link', 'set', 'eth0', 'up');
    await router.says(/adverts are sent again/);
    assert.deepEqual([router.count(router.enters('MASTER')), router.count(router.enters('FAULT'))], [1, 0]);
    await lab.untilHeld('a', VIP, true);
  });

  test('the election’s thread and its deputy are real-time and nothing else is; without the right it says so and runs', {
    skip: skipLong,
  }, async (context) => {
    const lab = new Lab(context, ['a']);
    const conf = confText({ priority: 150 }).replace('global_defs {', 'global_defs {\n  vrrp_no_swap');
    const router = await masterOn(lab, 'weir', conf);
    const realtime = (): number[] =>
      schedulingOf(router.child.pid!)
        .filter((each) => each.policy === SCHED_RR)
        .map((each) => each.priority);
    const expected = availableParallelism() > 1 ? [50, 50] : [50];
    await until('both', () => realtime().length >= expected.length);
    assert.deepEqual(realtime(), expected);
    assert.ok(lockedKilobytes(router.child.pid!) > 0);
    const { figures } = await router.status();
    const standing = figures as unknown as { realtime: boolean; memoryLocked: boolean };
    assert.deepEqual([standing.realtime, standing.memoryLocked], [true, true]);
    await router.stop('SIGTERM');

    const cfg = join(lab.folder, 'h.cfg');
    const file = join(lab.folder, 'k.conf');
    writeFileSync(cfg, CFG);
    writeFileSync(file, conf);
    const poor = lab.run('a', [
      'setpriv',
      '--bounding-set=-sys_nice,-ipc_lock',
      'prlimit',
      '--memlock=0',
      LAUNCHER,
      '-f',
      cfg,
      '-f',
      file,
    ]);
    await poor.says(/vrrp_rt_priority 50: .*CAP_SYS_NICE/);
    await poor.says(/vrrp_no_swap: .*CAP_IPC_LOCK/);
    await poor.says(/Entering MASTER STATE/);
    assert.ok(schedulingOf(poor.child.pid!).every((each) => each.policy !== SCHED_RR));
    await poor.stop('SIGTERM');
    assert.equal(lab.holds('a', VIP), false);
  });

  for (const [lacking, capability] of [
    ['net_raw', 'CAP_NET_RAW'],
    ['net_admin', 'CAP_NET_ADMIN'],
  ] as const) {
    test(`without ${capability} alone VRRP names it, and the proxies run if the operator allows it`, {
      skip: lacking === 'net_admin' ? false : skipLong, // vrrp-worker.test.ts has the other
    }, async (context) => {
      const lab = new Lab(context, ['a']);
      const cfg = join(lab.folder, 'h.cfg');
      const file = join(lab.folder, 'k.conf');
      writeFileSync(cfg, CFG);
      writeFileSync(file, GLOBAL + instanceText({ priority: 150 }));
      const start = (...words: string[]) =>
        lab.run('a', ['setpriv', `--bounding-set=-${lacking}`, LAUNCHER, ...words, '-f', cfg, '-f', file]);
      const refused = start();
      await refused.ended;
      assert.match(refused.output, new RegExp(`VRRP needs ${capability} to \\w+`));
      assert.doesNotMatch(refused.output, new RegExp(`VRRP needs (?!${capability})`));
      assert.equal(refused.child.exitCode, 1);
      const optional = start('--vrrp-optional');
      await optional.says(/"msg":"started"/);
      await optional.says(new RegExp(`${capability}.*proxies run without VRRP`));
      const asked = lab.run('a', [
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-m',
        '5',
        'http://127.0.0.1:8080/',
      ]);
      await asked.ended;
      assert.equal(asked.output, '200');
      await optional.stop('SIGTERM');
    });
  }
});

const CFG =
  'global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 5s\nfrontend f\n  bind 127.0.0.1:8080\n  http-request return status 200\n';

/** Policy and real-time priority of every thread (proc(5), /proc/PID/stat fields 41 and 40). */
function schedulingOf(pid: number): { policy: number; priority: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // the first is field 3
    return { policy: Number(fields[38]), priority: Number(fields[37]) };
  });
}

function lockedKilobytes(pid: number): number {
  return Number(/^VmLck:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]);
}
