// Goal: who operates keepalived finds what he knows: its dump files row by row, its mails, its signals. Method: weir and
// keepalived with one file and in one state, each in a namespace of its own; what they write is compared. The comparison
// with keepalived is long: VRRP_INTEROP=all.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { LAUNCHER } from '../../core/testing/weir-process.ts';
import { everything, MAILING, PEER, TRACK_FILE } from './vrrp-operate-conf.ts';
import { compareRows, differences, MailServer, Operated, settled } from './vrrp-operate-rig.ts';
import { confText, GLOBAL, instanceText, type Kind, Lab, until, whyNot } from './vrrp-rig.ts';

const skip = whyNot();
const long = process.env['VRRP_INTEROP'] === 'all' ? false : 'only with VRRP_INTEROP=all';
const EQUAL_MIN = 0.95;
const ATTEMPTS_MAX = 4;
const REALTIME_SIGNALS = [36, 63, 64]; // keepalived's JSON, STATS_CLEAR and TDUMP

/** Rows that one of the two has alone, and why that stays so. */
const ROWS_APART: readonly (readonly [RegExp, string])[] = [
  [/^ libnftnl version|^ GARP next time|^ {3}Not IPv6 forwarding|^ {3}rp_filter/, 'only keepalived’s inside knows'],
  [/'\/(usr\/)?bin\/(true|false)'/, 'weir runs scripts by the path that is written, keepalived by the resolved one'],
  [/^ {3}File = /, 'the test’s own folder'],
  [/^ current realtime time limit/, 'weir sets none: it would end the proxies as well'],
  [/^ {3}Password = /, 'weir masks passwords, as keepalived does since 2.4'],
  [/^ Startup script = /, 'keepalived 2.2 has it in the parent’s dump only'],
  [/10\.77\.0\.100\/24 brd 10\.77\.0\.255/, 'keepalived 2.2 does not mark it as set'],
  [/^ {5}prepend ::\/0 /, 'keepalived 2.2 loses the route `inet6 default`'],
  [
    /^ fd_in N fd_out = N$|^ {3}(Interface|Family|Protocol|Type|Rx buf size) = |^ {3}VRRP instances$|^ {5}VI_\d vrid/,
    'weir has sockets of its own for a virtual MAC and for a buffer size',
  ],
];

/** As ROWS_APART, of keepalived.json. */
const KEYS_APART: readonly (readonly [RegExp, string])[] = [
  [/last_transition$/, 'the moment'],
  [/advert_(sent|rcvd)$/, 'how long it runs'],
  [/\.script(_[a-z_]+)?$|track_script\[\d\]$/, 'paths as they are written'],
  [/auth_data$/, 'masked'],
  [/data\.track_process$/, 'keepalived has it since 2.3'],
  [/VI_1.*vips\[0\]$/, 'keepalived 2.2 does not mark it as set'],
  [/VI_1.*vroutes\[\d\]$/, 'keepalived 2.2 loses the route `inet6 default`'],
];

/** A router that is master of some, backup of one and in fault with another. */
async function running(context: TestContext, kind: Kind): Promise<Operated> {
  const lab = new Lab(context, ['a', 'b']);
  writeFileSync(join(lab.folder, TRACK_FILE), '3\n');
  for (const [name, peer] of [
    ['eth1', 'eth7'],
    ['eth2', 'eth8'],
  ] as const) {
    lab.ip('a', 'link', 'add', name, 'type', 'veth', 'peer', 'name', peer);
    lab.ip('a', 'link', 'set', peer, 'up');
  }
  lab.ip('a', 'addr', 'add', '10.78.0.1/24', 'dev', 'eth1');
  lab.ip('a', 'link', 'set', 'eth1', 'up');
  const peer = lab.start('b', 'keepalived', PEER);
  await peer.says(/Entering MASTER STATE/);
  const router = new Operated(lab, 'a', kind, everything(lab.folder));
  for (const each of ['VI_1', 'VI_3', 'VI_4', 'VI_5', 'VI_6']) {
    await router.process.says(new RegExp(`\\(${each}\\) Entering MASTER STATE`));
  }
  await router.process.says(/VRRP_Script\(chk\) succeeded/);
  return router;
}

interface Life {
  data: { iname: string };
  stats: { become_master: number; release_master: number };
}

/** Whether it went straight into its states: a machine with too much to do makes routers late, of either kind. */
async function isCalm(router: Operated): Promise<boolean> {
  const lives = JSON.parse(await router.dump('json')) as Life[];
  return lives.every(({ data, stats }) => {
    return stats.release_master === 0 && stats.become_master === (/^VI_[27]$/.test(data.iname) ? 0 : 1);
  });
}

/** One of each in the same state, with the same past. */
async function bothRunning(context: TestContext): Promise<[Operated, Operated]> {
  for (let attempt = 1; ; attempt++) {
    const both = await Promise.all([running(context, 'keepalived'), running(context, 'weir')]);
    const calm = await Promise.all(both.map(isCalm));
    if (!calm.includes(false) || attempt === ATTEMPTS_MAX) return both;
    context.diagnostic('one of them was late: once more');
    await Promise.all(both.map((each) => each.process.stop('SIGTERM')));
  }
}

function explain(rows: readonly string[], reasons: readonly (readonly [RegExp, string])[]): string[] {
  return rows.filter((row) => !reasons.some(([pattern]) => pattern.test(row)));
}

describe('operated as keepalived', { skip, concurrency: 3 }, () => {
  test('its dumps have keepalived’s rows and keys', { skip: long }, async (context) => {
    const [theirs, ours] = await bothRunning(context);
    for (const kind of ['data', 'stats'] as const) {
      const wanted = settled(await theirs.dump(kind));
      const { equal, missing, extra } = compareRows(wanted, settled(await ours.dump(kind)));
      context.diagnostic(`keepalived.${kind}: ${equal} of ${wanted.length} rows`);
      assert.deepEqual(explain([...missing, ...extra], ROWS_APART), []);
      assert.ok(equal / wanted.length >= EQUAL_MIN, `${equal} of ${wanted.length}`);
    }
    const wanted = JSON.parse(await theirs.dump('json'));
    const { count, apart } = differences(wanted, JSON.parse(await ours.dump('json')));
    context.diagnostic(`keepalived.json: ${count - apart.length} of ${count} values`);
    assert.deepEqual(explain(apart, KEYS_APART), []);
    assert.equal(statSync(ours.path('data')).mode & 0o777, 0o600);
  });

  test('version 2 of keepalived.json has the tracked processes beside the instances', {
    skip: long,
  }, async (context) => {
    const lab = new Lab(context, ['a']);
    const track = ['track_process {', 'tp', '}'];
    const conf =
      `global_defs {\njson_version 2\n}\nvrrp_track_process tp {\nprocess nosuchprogram\nweight 3\n}\n` +
      GLOBAL +
      instanceText({ priority: 150, lines: track });
    const router = new Operated(lab, 'a', 'weir', conf);
    await router.process.says(/Entering MASTER STATE/);
    const { vrrp, track_process } = JSON.parse(await router.dump('json'));
    assert.deepEqual(
      vrrp.map((each: { data: { iname: string; track_process: string[] } }) => [
        each.data.iname,
        each.data.track_process,
      ]),
      [['VI_1', ['tp']]],
    );
    assert.deepEqual(track_process, [
      {
        process: 'tp',
        param_match: 'none',
        min_processes: 1,
        current_processes: 0,
        have_quorum: false,
        weight: 3,
        terminate_delay: 0,
        fork_delay: 0,
        fork_delay_timer_running: false,
        terminate_delay_timer_running: false,
        full_command: false,
      },
    ]);
  });

  test('its mails are keepalived’s, word for word', { skip: long }, async (context) => {
    const told = async (kind: Kind): Promise<string[]> => {
      const lab = new Lab(context, ['a']);
      lab.ip('a', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth7');
      lab.ip('a', 'link', 'set', 'eth7', 'up');
      lab.ip('a', 'link', 'set', 'eth1', 'up');
      const server = await MailServer.start(lab, 'a');
      const router = new Operated(lab, 'a', kind, MAILING);
      // keepalived sends several at a time, so that their order is not told by the server: each step is waited for.
      await server.until(/VRRP Group G1 - Entering MASTER state/, 6);
      lab.ip('a', 'link', 'set', 'eth1', 'down');
      await server.until(/VRRP Group G1 - Entering FAULT state/, 9);
      assert.ok(!router.process.isEnded);
      return server.mails();
    };
    const [theirs, ours] = await Promise.all([told('keepalived'), told('weir')]);
    context.diagnostic(`${ours.length} mails`);
    assert.deepEqual(ours, theirs);
  });

  test('signals named by --signum write the dumps, real-time ones do no harm, and weir vrrp shows a split brain', async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    const router = new Operated(lab, 'a', 'weir', confText({ priority: 150 }));
    await router.process.says(/\(VI_1\) Entering MASTER STATE/);
    for (const number of REALTIME_SIGNALS) process.kill(router.process.child.pid!, number);
    const numbers = Object.fromEntries(
      ['STOP', 'RELOAD', 'DATA', 'STATS', 'STATS_CLEAR', 'JSON'].map((word) => [
        word,
        Number(execFileSync(LAUNCHER, [`--signum=${word}`], { encoding: 'utf8' })),
      ]),
    );
    assert.deepEqual(numbers, { ...Operated.NUMBERS.weir });
    assert.match(await router.dump('data'), /^------< Global definitions >------\n/);
    assert.equal(JSON.parse(await router.dump('json'))[0].data.iname, 'VI_1');
    const sentOf = (text: string): number => Number(/Sent: (\d+)/.exec(text)![1]);
    const before = sentOf(await router.dump('stats'));
    router.signal('STATS_CLEAR');
    await until('the counters to begin anew', () => {
      router.signal('STATS');
      return sentOf(readFileSync(router.path('stats'), 'latin1')) < before;
    });

    const weir = (...words: string[]): string => {
      const namespace = lab.namespace('a');
      return execFileSync('ip', ['netns', 'exec', namespace, LAUNCHER, 'vrrp', ...words], { encoding: 'utf8' });
    };
    assert.match(weir(), /^INSTANCE +STATE .*\nVI_1 +MASTER /);
    const report = JSON.parse(weir('--json'));
    assert.equal(report.instances[0].state, 'master');
    assert.deepEqual(
      report.transitions.map(({ name, from, to }: Record<string, string>) => `${name} ${from} ${to}`),
      ['VI_1  BACKUP', 'VI_1 BACKUP MASTER'],
    );
    assert.match(weir('--dump', 'data'), / VRRP Instance = VI_1\n/);
    assert.equal(router.process.count(/\(VI_1\) Entering MASTER STATE/), 1);
    assert.equal(router.process.isEnded, false);

    // One that does not hear us becomes master as well.
    const deaf =
      'add table ip t; add chain ip t i { type filter hook input priority 0; }; add rule ip t i ip protocol 112 drop';
    execFileSync('ip', ['netns', 'exec', lab.namespace('b'), 'nft', deaf]);
    lab.start('b', 'keepalived', confText({ priority: 100 }));
    await router.process.says(/10\.77\.0\.2 with lower priority 100, ours 150: two masters/);
    assert.match(weir(), /\nVI_1: SPLIT BRAIN, there is another master: \d+ adverts?, the last \ds ago\n/);
    const { splitBrain, state } = JSON.parse(weir('--json')).instances[0];
    assert.deepEqual([state, splitBrain.now, splitBrain.adverts > 0], ['master', true, true]);
  });
});
