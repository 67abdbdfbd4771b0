// Goal: dumps have keepalived's layouts, show what is and no password. Method: a file as weir reads it, a status beside
// it, and rows that keepalived 2.2.7 wrote for the same. The whole comparison is in bench/conformance/vrrp-operate.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadKeepalived } from '../../core/config/keepalived/load.ts';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { dumpPath, dumpText, writeDump } from './dump.ts';
import { commandText, stampText } from './dump-words.ts';
import type { DumpParts, InstanceStatus } from './status.ts';

const CONF = `
global_defs {
  router_id box1
  script_user root
  FILES
}
vrrp_script chk {
  script "/bin/true a 'b c'"
  interval 0.25
  weight 3
}
vrrp_track_process p {
  process nginx
}
vrrp_sync_group G {
  group {
    V1
  }
  sync_group_tracking_weight
}
vrrp_instance V1 {
  interface eth0
  version 2
  virtual_router_id 51
  priority 150
  nopreempt
  authentication {
    auth_type PASS
    auth_pass geheim12
  }
  virtual_ipaddress {
    10.77.0.100/24 brd + scope link label eth0:1
    10.77.0.101 dev eth1 no_track
  }
  virtual_ipaddress_excluded {
    fd77::110/64 -nodad home
    fd77::111
  }
  virtual_routes {
    10.99.0.0/16 via 10.77.0.2 dev eth0 metric 7 table 300 mtu lock 1400
    blackhole 10.96.0.0/16 no_track
    10.95.0.0/16 no_track nexthop via 10.77.0.2 dev eth0 weight 2 nexthop via 10.77.0.3 dev eth0
  }
  virtual_rules {
    from fd77::/64 to fd78::/32 fwmark 3/255 iif eth0 table 7 preference 88
    to 10.1.1.1 prohibit preference 89
  }
  track_script {
    chk weight -3 reverse
  }
  track_process {
    p
  }
  notify_master "/bin/true 'it''s'"
}
`;

function load(context: TestContext, more = ''): VrrpModel {
  const folder = mkdtempSync(join(tmpdir(), 'weir-dump-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'keepalived.conf');
  writeFileSync(path, CONF.replace('FILES', more));
  const { model, diagnostics } = loadKeepalived([path], { hostName: 'here', environment: {}, cpuCount: 2 });
  assert.ok(model !== null, JSON.stringify(diagnostics));
  return model;
}

const COUNTERS = new Proxy({}, { get: (_target, name) => (name === 'advert_sent' ? 11 : 0) });

function partsOf(model: VrrpModel, state: 'backup' | 'master'): DumpParts {
  const [config] = model.instances;
  const isMaster = state === 'master';
  const instance: InstanceStatus = {
    name: 'V1',
    group: 'G',
    state,
    wantState: state,
    basePriority: 150,
    effectivePriority: 147,
    faults: { link: false, address: false, tracker: 0 },
    masterPriority: isMaster ? 147 : 200,
    masterAddress: isMaster ? null : new Uint8Array([10, 77, 0, 2]),
    source: new Uint8Array([10, 77, 0, 1]),
    ifindex: 3,
    masterAdvertIntMs: 0,
    masterDownMs: 3_425.781,
    nextAdvertInMs: isMaster ? 400 : -1,
    masterDownInMs: isMaster ? -1 : 1_000,
    sinceMs: 5_000,
    sinceWallMs: 1_795_379_998_695,
    unexpectedAtMs: -1,
    counters: COUNTERS as InstanceStatus['counters'],
    config: config!,
  };
  return {
    model,
    instances: [instance],
    groups: [{ name: 'G', state, members: ['V1'] }],
    tracking: {
      scripts: [{ name: 'chk', result: 1, known: true, up: true, running: false, last: 'now returning 0' }],
      files: [],
      processes: [{ name: 'p', up: true, count: 2, waiting: '' }],
    },
    sockets: [
      {
        ...{ fdIn: 20, fdOut: 21, interfaceName: 'eth0', family: 'inet', protocol: 112, source: '' },
        ...{ receiveBytes: 0, instances: ['V1'] },
      },
    ],
    bfd: [],
    nowMs: 7_000,
    realtime: false,
  };
}

test('keepalived.data has rows that keepalived wrote for the same file', (context) => {
  const text = dumpText('data', partsOf(load(context), 'master'));
  for (const row of [
    ' Router ID = box1',
    '------< VRRP Topology >------',
    ' VRRP Instance = V1',
    '   Sync group = G',
    '   State = MASTER',
    `   Last transition = ${stampText(1_795_379_998_695)}`,
    '   Master down timer = 3425781 usecs',
    '   Effective priority = 147',
    '   Preempt = disabled',
    '   Authentication type = SIMPLE_PASSWORD',
    '   Virtual IP (2):',
    '     10.77.0.100/24 brd 10.77.0.255 dev eth0 scope link label eth0:1 set',
    '     10.77.0.101 dev eth1 scope global no_track set',
    '     fd77::110/64 dev eth0 scope global home -nodad preferred_lft forever set',
    '     fd77::111 dev eth0 scope global deprecated set',
    '     prepend 10.99.0.0/16 via inet 10.77.0.2 dev eth0 table 300 proto 18 metric 7 mtu lock 1400',
    '     from fd77::/64 to fd78::/32 priority 88 tos 0x0 fwmark 0x3/0xff iif eth0 protocol 18 lookup 7',
    '     from all to 10.1.1.1 priority 89 tos 0x0 protocol 18 type prohibit',
    '     chk weight -3 reverse',
    '     p, weight 0',
    "   Master state transition script = '/bin/true' 'its', uid:gid 0:0",
    '   fd_in 20, fd_out 21',
    '     V1 vrid 51',
    ' VRRP Sync Group = G, MASTER',
    '   Interval = 0.250 sec',
    "   Command = '/bin/true' 'a' 'b c'",
    '   Status = GOOD',
    '     V1, weight -3 reverse',
    '   Current processes = 2',
  ]) {
    assert.ok(text.includes(`\n${row}\n`) || text.startsWith(`${row}\n`), `${row}\nis not in\n${text}`);
  }
  assert.match(text, /\n {5}add blackhole 10\.96\.0\.0\/16 .*no_track\n/);
  assert.match(
    text,
    / nexthop via inet 10\.77\.0\.2 dev eth0 weight 2 nexthop via inet 10\.77\.0\.3 dev eth0 no_track\n/,
  );
  assert.doesNotMatch(text, /geheim12/);
});

test('a backup holds nothing, and names its master', (context) => {
  const text = dumpText('data', partsOf(load(context), 'backup'));
  assert.match(text, / {3}State = BACKUP\n {3}Master router = 10\.77\.0\.2\n {3}Master priority = 200\n/);
  assert.match(text, /10\.77\.0\.100\/24 brd 10\.77\.0\.255 dev eth0 scope link label eth0:1\n/);
});

test('keepalived.json has keepalived’s keys, without the password', (context) => {
  const text = dumpText('json', partsOf(load(context), 'master'));
  assert.doesNotMatch(text, /geheim12/);
  const [{ data, stats }] = JSON.parse(text);
  assert.equal(data.iname, 'V1');
  assert.equal(data.last_transition, 1795379998.695);
  assert.equal(data.state, 2);
  assert.equal(data.nopreempt, true);
  assert.equal(data.auth_type, 1);
  assert.equal(data.auth_data, '********');
  assert.deepEqual(data.track_script, ["'/bin/true' 'a' 'b c'"]);
  assert.equal(stats.advert_sent, 11);
  assert.equal(stats.auth_ext_stale, undefined, 'only with auth_hmac');
  const second = JSON.parse(dumpText('json', partsOf(load(context, 'json_version 2'), 'master')));
  assert.deepEqual(Object.keys(second), ['vrrp', 'track_process']);
  assert.equal(second.track_process[0].current_processes, 2);
});

test('the counters of auth_hmac have rows where it is used', (context) => {
  const parts = partsOf(load(context), 'master');
  assert.doesNotMatch(dumpText('stats', parts), /Extension/);
  const authHmac = { keys: [], sendId: 1, mode: 'enforce', windowMs: 3_000 } as const;
  const config = { ...parts.instances[0]!.config, authHmac };
  const text = dumpText('stats', { ...parts, instances: [{ ...parts.instances[0]!, config }] });
  assert.match(text, /\n {2}Authentication Extension Errors:\n {4}Missing: 0\n/);
});

test('words of a command are quoted as a shell reads them', () => {
  assert.equal(commandText(['/a b', "it's"]), "'/a b' 'it'\\''s'");
});

test('dumps are where TMPDIR or the file says', (context) => {
  const model = load(context);
  assert.equal(dumpPath('data', model, undefined), '/tmp/keepalived.data');
  assert.equal(dumpPath('json', model, '/run/x'), '/run/x/keepalived.json');
  assert.equal(dumpPath('json', model, 'relative'), '/tmp/keepalived.json');
  const given = (more: string): string => dumpPath('stats', load(context, more), undefined);
  assert.equal(given('stats_dump_file /run/s.txt'), '/run/s.txt');
  assert.equal(given('stats_dump_file /run/weir/'), '/run/weir/keepalived.stats');
  assert.equal(given('stats_dump_file s.txt'), '/tmp/s.txt');
  const named = { ...model, global: { ...model.global, instanceName: 'one', namespace: 'blue' } };
  const operation = { ...model.operation!, dataUseInstance: true };
  assert.equal(dumpPath('data', { ...named, operation }, undefined), '/tmp/keepalived.blue_one.data');
});

test('a dump replaces the file as a whole, for its owner only, and leaves nothing behind when it cannot', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-dump-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'stats');
  const parts = partsOf(load(context, `stats_dump_file ${path}`), 'master');
  assert.deepEqual(writeDump('stats', parts), { path, failure: '' });
  assert.match(readFileSync(path, 'latin1'), /^VRRP Instance: V1\n/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const lost = partsOf(load(context, `stats_dump_file ${folder}/none/stats`), 'master');
  assert.match(writeDump('stats', lost).failure, /ENOENT/);
  const blocked = partsOf(load(context, `stats_dump_file ${folder}/blocked`), 'master');
  mkdirSync(join(folder, 'blocked'));
  assert.match(writeDump('stats', blocked).failure, /EISDIR/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => /\.[0-9a-f]{12}$/.test(name)),
    [],
  );
});
