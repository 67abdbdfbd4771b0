// Goal: an address that is not accepted is not answered for, from before it is there until after it is gone; what is in
// the packet filter is what keepalived puts there. Method: namespaces; `nft list ruleset` of both from the same file,
// and connections from a neighbour.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { confText, instanceText, type Kind, Lab, type NodeName, type Router, until, whyNot } from './vrrp-rig.ts';

const withNft = spawnSync('nft', ['--version']).status === 0 ? false : 'nft is not installed';
const skip = whyNot('weir') || withNft;
const skipParity = whyNot() || withNft;
const VIP = '10.77.0.100';
const VIP6 = 'fd77::100';
const TIMED_OUT = 124; // timeout(1)
/** All of it takes half a minute: VRRP_INTEROP=all. */
const isWhole = process.env['VRRP_INTEROP'] === 'all';
const whole = { skip: isWhole ? false : 'VRRP_INTEROP=all runs it' };

function ruleset(lab: Lab, name: NodeName): string {
  return execFileSync('ip', ['netns', 'exec', lab.namespace(name), 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
}

/** Whether `address` answers a connection of node b's: with a refusal, as nobody listens. */
function answers(lab: Lab, address: string, seconds = 0.3): boolean {
  const words = ['netns', 'exec', lab.namespace('b'), 'timeout', String(seconds)];
  const { status } = spawnSync('ip', [...words, 'bash', '-c', `exec 3<>/dev/tcp/${address}/9`]);
  return status !== TIMED_OUT;
}

async function master(lab: Lab, kind: Kind, text: string, address = VIP): Promise<Router> {
  const router = lab.start('a', kind, text);
  await router.says(router.enters('MASTER'));
  await lab.untilHeld('a', address, true);
  return router;
}

const MIXED = [
  'no_accept',
  'virtual_ipaddress_excluded {',
  '10.77.0.110/24',
  'fd77::110/64',
  'fe80::5/64 dev eth0',
  '}',
];
const both = (...lines: string[]): string =>
  confText({ priority: 150, addresses: ['10.77.0.100/24', '10.77.0.101/32'], lines: [...MIXED, ...lines] }) +
  instanceText({
    priority: 150,
    name: 'VI_2',
    vrid: 52,
    addresses: ['fe80::100/64', 'fd77::100/64'],
    lines: ['no_accept', ...lines],
  });
const withGlobal = (text: string, ...lines: string[]): string =>
  text.replace('global_defs {', ['global_defs {', ...lines].join('\n'));

const PARITY: readonly [title: string, text: string][] = [
  ['no_accept over both families', both()],
  [
    'virtual MACs, a table of its own, a priority, counters and indexes',
    withGlobal(both('use_vmac'), 'nftables weirtest', 'nftables_priority -5', 'nftables_counters', 'nftables_ifindex'),
  ],
  ['link-local addresses told by name where the link may go', both('dont_track_primary')],
  ['virtual MACs that accept', both('use_vmac').replaceAll('no_accept', '')],
  ['virtual MACs without reports of IPv4', withGlobal(both('use_vmac'), 'disable_local_igmp')],
  ['nothing to filter', both().replaceAll('no_accept', '')],
];

/**
 * Without what only keepalived 2.4 makes (the link-local address of a virtual MAC's base, told by neighbours alone; old
 * MLD reports too), as the installed one is older; and without counts.
 */
function comparable(text: string): string[] {
  const plain = text
    .replace(/\tset (parent_link_local|mld-report) \{\n(?:\t\t.*\n|\t\t\t.*\n)*?\t\}\n\n/g, '')
    .replace(/\t\ticmpv6 type nd-neighbor-advert meta oifkind "macvlan" .*\n/g, '')
    .replace('icmpv6 type @mld-report', 'icmpv6 type mld2-listener-report')
    .replace(/packets \d+ bytes \d+/g, 'packets bytes');
  return plain.split(/^(?=table )/m).sort();
}

describe('the packet filter holds what keepalived puts there', { skip: skipParity, concurrency: 2 }, () => {
  for (const [title, text] of isWhole ? PARITY : PARITY.slice(1, 2)) {
    test(title, async (context) => {
      const theirs = new Lab(context, ['a']);
      await master(theirs, 'keepalived', text);
      await theirs.untilHeld('a', VIP6, true);
      const expected = comparable(ruleset(theirs, 'a'));
      const ours = new Lab(context, ['a']);
      const router = await master(ours, 'weir', text);
      await ours.untilHeld('a', VIP6, true);
      await router.says(/VI_2\).*Entering MASTER/);
      assert.deepEqual(comparable(ruleset(ours, 'a')), expected);
      await router.stop('SIGTERM');
      assert.equal(ruleset(ours, 'a'), '');
    });
  }
});

describe('an address that is not accepted', { skip, concurrency: 2 }, () => {
  test('is found by its neighbours and does not answer them, over IPv4 and IPv6', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const accepts = (word: string): string =>
      confText({ priority: 150, lines: [word] }) +
      instanceText({
        priority: 150,
        name: 'VI_2',
        vrid: 52,
        addresses: ['fe80::100/64', 'fd77::100/64'],
        lines: [word],
      });
    const router = await master(lab, 'weir', accepts('no_accept'));
    await lab.untilHeld('a', VIP6, true);
    assert.equal(answers(lab, VIP), false);
    assert.equal(answers(lab, VIP6), false);
    await until('the router’s own addresses to answer', () => answers(lab, '10.77.0.1') && answers(lab, 'fd77::1'));
    for (const address of [VIP, VIP6]) {
      await until(`${address} to be a known neighbour`, () => /lladdr/.test(lab.ip('b', 'neigh', 'show', address)));
    }
    const { instances } = await router.status();
    await until('adverts', () => instances.every((each) => each.state === 'master'));
    assert.ok(instances.every((each) => each.counters['advert_sent']! > 0));
    // A master that is told to accept does so where it stands, and back.
    lab.reload('a', router, accepts('accept'));
    await until('answers', () => answers(lab, VIP) && answers(lab, VIP6));
    lab.reload('a', router, accepts('no_accept'));
    await until('silence', () => !answers(lab, VIP, 0.1) && !answers(lab, VIP6, 0.1));
  });

  test('strict mode: the owner answers, another master does not', whole, async (context) => {
    for (const [priority, expected] of [
      [150, false],
      [255, true],
    ] as const) {
      const lab = new Lab(context, ['a', 'b']);
      const text = confText({ priority, lines: ['strict_mode on'] });
      await master(lab, 'weir', text.replace('state BACKUP', priority === 255 ? 'state MASTER' : 'state BACKUP'));
      assert.equal(answers(lab, VIP), expected);
      await lab.close();
    }
  });

  test('a backup filters nothing of the address, and a stopped router leaves no table', whole, async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const router = await master(lab, 'weir', confText({ priority: 150, lines: ['no_accept'] }));
    const stronger = lab.start('b', 'weir', confText({ priority: 200 }));
    await stronger.says(stronger.enters('MASTER'));
    await lab.untilHeld('a', VIP, false);
    assert.doesNotMatch(ruleset(lab, 'a'), /10\.77\.0\.100/);
    await router.stop('SIGTERM');
    assert.equal(ruleset(lab, 'a'), '');
  });

  test('what a killed process filtered is gone at the next start', whole, async (context) => {
    const lab = new Lab(context, ['a']);
    const first = await master(lab, 'weir', confText({ priority: 150, lines: ['no_accept'] }));
    first.crash();
    await first.ended;
    assert.match(ruleset(lab, 'a'), /10\.77\.0\.100/);
    const second = lab.start('a', 'weir', confText({ priority: 150, version: 2, advertInt: 5, lines: ['no_accept'] }));
    await second.says(/VRRP runs/);
    assert.doesNotMatch(ruleset(lab, 'a'), /10\.77\.0\.100/);
  });

  test(
    'moving to another thread and to another service leaves no moment in which it answers',
    whole,
    async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const text = confText({ priority: 150, advertInt: 0.2, lines: ['no_accept'] });
      const router = await master(lab, 'weir', text);
      const before = ruleset(lab, 'a');
      await lab.serve('a');
      const asking = lab.probe('b', VIP); // 200 times a second, told only of answers
      router.signal('SIGWINCH');
      await router.says(/"renewed":true/);
      router.signal('SIGURG');
      await router.says(/"upgraded":true/);
      assert.ok(lab.holds('a', VIP));
      assert.equal(ruleset(lab, 'a'), before);
      assert.equal(answers(lab, VIP), false);
      assert.equal(asking.output, '');
      lab.reload('a', router, text.replace('no_accept', 'accept'));
      await asking.says(/answers/);
      await router.stop('SIGTERM');
      assert.equal(ruleset(lab, 'a'), '');
    },
  );

  test(
    'a ruleset that somebody flushed is whole again within a second, or with the next address',
    whole,
    async (context) => {
      const lab = new Lab(context, ['a', 'b']);
      const one = confText({ priority: 150, lines: ['no_accept'] });
      const router = await master(lab, 'weir', one);
      const before = ruleset(lab, 'a');
      const flush = (): Buffer => execFileSync('ip', ['netns', 'exec', lab.namespace('a'), 'nft', 'flush', 'ruleset']);
      flush();
      lab.reload('a', router, one.replace(`${VIP}/32`, `${VIP}/32\n10.77.0.101/32`));
      await lab.untilHeld('a', '10.77.0.101', true);
      assert.match(ruleset(lab, 'a'), /10\.77\.0\.100, 10\.77\.0\.101/);
      assert.equal(answers(lab, VIP), false);
      lab.reload('a', router, one);
      await until('the ruleset as it was', () => ruleset(lab, 'a') === before);
      flush();
      await router.says(/table keepalived was removed by somebody else/);
      assert.equal(ruleset(lab, 'a'), before);
    },
  );

  test('a filter that cannot be had is told once, and the election goes on', whole, async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const owner = spawn('ip', ['netns', 'exec', lab.namespace('a'), 'nft', '-i'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    context.after(() => owner.kill('SIGKILL'));
    owner.stdin.write('add table ip keepalived { flags owner; }\n');
    await until('a table of somebody else’s', () => /table ip keepalived/.test(ruleset(lab, 'a')));
    const router = await master(lab, 'weir', confText({ priority: 150, lines: ['no_accept'] }));
    await router.says(/\(VI_1\) no packet filter: nftables: .*packets to the virtual addresses are accepted/);
    assert.ok(answers(lab, VIP));
    assert.equal(router.count(/\(VI_1\) no packet filter/), 1);
    assert.equal(owner.exitCode, null);
  });
});
