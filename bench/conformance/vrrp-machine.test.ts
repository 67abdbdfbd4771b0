// Goal: a master's addresses, routes and rules are the ones keepalived makes of the same file, and links count as up
// and down when the file says so. Method: namespaces; ip(8) asked about both.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import {
  confText,
  instanceText,
  type Kind,
  Lab,
  type NodeName,
  until,
  wallMs,
  whyNot,
  wireMissing,
} from './vrrp-rig.ts';

const skip = whyNot('weir');
const skipParity = whyNot();
/** All of it takes half a minute: VRRP_INTEROP=all. */
const isWhole = process.env['VRRP_INTEROP'] === 'all';
const whole = { skip: isWhole ? false : 'VRRP_INTEROP=all runs it' };
const VIP = '10.77.0.100';
const block = (name: string, lines: readonly string[]): string[] => [`${name} {`, ...lines, '}'];

function sysctl(lab: Lab, name: NodeName, path: string, value?: string): string {
  const action = value === undefined ? `cat /proc/sys/net/${path}` : `echo ${value} > /proc/sys/net/${path}`;
  return execFileSync('ip', ['netns', 'exec', lab.namespace(name), 'sh', '-c', action], { encoding: 'utf8' }).trim();
}

// --------------------------------------------------------------------------------------------------- words of the file

const ADDRESSES = [
  'fd77::100/64',
  '10.77.0.120/32 dev eth0 label eth0:v scope link',
  '10.77.0.121/24 brd +',
  '10.77.0.122/24 brd 10.77.0.250 dev eth0',
  'fd77::101/64 preferred_lft forever',
  'fd77::102/128',
  'fd77::104/64 mngtmpaddr',
  'fd77::105/64 noprefixroute',
  'fd77::106/64 home',
];

const ROUTES = [
  '10.90.0.0/16 via 10.77.0.2',
  '10.91.0.0/16 via 10.77.0.2 dev eth0 metric 7 table 300',
  '10.92.0.0/24 dev eth0',
  '10.93.0.0/24 via 10.77.0.2 src 10.77.0.100',
  'src 10.77.0.100 to 10.94.0.0/24 via 10.77.0.2 dev eth0',
  'blackhole 10.95.0.0/24',
  'unreachable 10.95.1.0/24',
  'prohibit 10.95.2.0/24',
  'throw 10.95.3.0/24 table 301',
  '10.96.0.0/24 via 10.77.0.2 mtu 1400 hoplimit 10 advmss 1300 rtt 100 rttvar 101 reordering 5 window 1000 cwnd 8',
  '10.96.1.0/24 via 10.77.0.2 ssthresh 9 initcwnd 11 initrwnd 12 quickack 1 fastopen_no_cookie 1',
  '10.97.0.0/24 via 10.77.0.2 mtu lock 1400 rto_min 200 features ecn congctl reno',
  '10.98.0.0/24 via 10.77.0.2 realms 3/4 tos 16',
  '10.99.0.0/24 via 10.77.0.200 dev eth0 onlink',
  '10.100.0.0/24 nexthop via 10.77.0.2 dev eth0 weight 2 nexthop via 10.77.0.3 dev eth0 weight 3',
  '10.102.0.0/24 via 10.77.0.2 protocol static scope global no_track',
  '10.103.0.0/24 dev eth0 scope link ttl-propagate enabled',
  '0.0.0.0/0 via 10.77.0.2 table 100',
  'default via 10.77.0.2 table 101',
  '10.110.0.0/24 via 10.77.0.2 metric 5',
  '10.110.0.0/24 via 10.77.0.3 metric 5 append',
  '10.111.0.0/24 via 10.77.0.2 metric 5',
  '10.111.0.0/24 via 10.77.0.3 metric 5 prepend',
  '10.112.0.0/24 via 10.77.0.2 add',
  '10.113.0.1 via 10.77.0.2',
  'fd90::/64 via fd77::2',
  'fd91::/64 via fd77::2 dev eth0 metric 77 table 300',
  'fd92::/64 dev eth0',
  'fd93::/64 via fd77::2 src fd77::100 pref high',
  'fd94::/64 via fd77::2 mtu 1400 hoplimit 5',
  'fd96::/64 nexthop via fd77::2 dev eth0 weight 2 nexthop via fd77::3 dev eth0 weight 3',
  'blackhole fd97::/64',
  'unreachable fd98::/64',
  'fd99::/64 via fd77::2 from fd77::/64',
  'default via fd77::2 table 100',
];

const RULES = [
  'from 10.77.0.100/32 table 300 preference 77',
  'from 10.1.0.0/16 to 10.2.0.0/16 lookup 302 priority 79',
  'fwmark 5 table 300 preference 80',
  'fwmark 5/7 table 300 preference 81',
  'iif eth0 table 300 preference 82',
  'oif eth0 table 300 preference 83',
  'from 10.3.0.0/16 tos 16 table 300 preference 84',
  'not from 10.4.0.0/16 table 300 preference 85',
  'from 10.5.0.0/16 blackhole preference 86',
  'from 10.6.0.0/16 type unreachable preference 87',
  'from 10.7.0.0/16 prohibit preference 88',
  'from 10.8.0.0/16 table 300 suppress_prefixlength 4 preference 89',
  'from 10.9.0.0/16 table 300 suppress_ifgroup 5 preference 90',
  'from 10.10.0.0/16 realms 3/4 table 300 preference 91',
  'from 10.13.0.0/16 uidrange 1000-2000 table 300 preference 94',
  'from 10.14.0.0/16 goto 200 preference 95',
  'from 10.17.0.0/16 table main',
  'from fd77::100 table 300 preference 98',
  'to fd90::/64 table 300 preference 99',
  'from fd91::/64 iif eth0 table 300',
];

const WORDS = confText({
  priority: 150,
  addresses: ['10.77.0.100/24'],
  lines: [
    ...block('virtual_ipaddress_excluded', ADDRESSES),
    ...block('virtual_routes', ROUTES),
    ...block('virtual_rules', RULES),
  ],
});

const onVmac = (name: string, address: string, lines: readonly string[], vrid = 51): string =>
  instanceText({ priority: 150, name, vrid, addresses: [address], lines });
const VMACS = [
  confText({ priority: 150, lines: ['use_vmac'] }),
  onVmac('VI_2', 'fe80::100/64', ['use_vmac']),
  onVmac('VI_3', '10.78.0.103/32', ['use_vmac', ...block('virtual_ipaddress_excluded', ['fd78::103/64'])]).replace(
    'interface eth0',
    'interface eth1',
  ),
  onVmac('VI_4', '10.77.0.104/32', ['use_vmac blue'], 52),
  onVmac('VI_5', '10.77.0.105/32', ['use_vmac 02:00:00:00:07', 'vmac_xmit_base'], 53),
  onVmac(
    'VI_6',
    '10.77.0.106/32',
    ['use_vmac_addr', ...block('virtual_ipaddress_excluded', ['10.78.0.106/32 dev eth1', 'fd77::106/64'])],
    54,
  ),
  onVmac('VI_7', '10.77.0.107/32 dev eth0 use_vmac', [], 55),
].join('');

function addSecondLink(lab: Lab): void {
  const peer = ['peer', 'name', 'eth9', 'address', '02:00:00:00:00:09'];
  lab.ip('a', 'link', 'add', 'eth1', 'address', '02:00:00:00:00:01', 'type', 'veth', ...peer);
  lab.ip('a', 'addr', 'add', '10.78.0.1/24', 'dev', 'eth1');
  for (const name of ['eth1', 'eth9']) lab.ip('a', 'link', 'set', name, 'up');
}

const STATICS = [
  ...block('static_ipaddress', [
    '10.77.0.200/24 dev eth0 label eth0:s',
    'fd77::200/64 dev eth0',
    '10.77.0.201/32 dev eth0 scope link',
    'fd77::201/128 dev eth0',
  ]),
  ...block('static_routes', [
    '10.80.0.0/16 via 10.77.0.2 dev eth0 metric 9',
    '10.81.0.0/16 dev eth0 table 77',
    'fd80::/64 via fd77::2 dev eth0',
    'blackhole 10.82.0.0/16',
  ]),
  ...block('static_rules', ['from 10.80.0.0/16 table 77 preference 66', 'to fd80::/64 table 77 preference 67']),
  confText({ priority: 150 }),
].join('\n');

/** Everything ip(8) tells, without what differs by itself: the addresses of a machine's own cards. */
function told(lab: Lab): string[] {
  const own = lab.ip('a', 'link', 'show', 'eth0').match(/link\/ether (\S+)/)![1]!;
  return [
    ...['addr', '-6 addr', 'route show table all', '-6 route show table all', 'rule', '-6 rule'].flatMap((words) => {
      const text = lab.ip('a', '-d', ...words.split(' '));
      return text.split('\n').map((line) => `${words}: ${line.trim()}`);
    }),
  ]
    .filter((line) => !/fe80::\S*ff:fe|link-netns/.test(line))
    .map((line) =>
      line
        .replaceAll(own, 'OWN')
        .replace(/link-netnsid \d+|@if\d+/g, '')
        .replace(/expires \d+sec|state (UP|UNKNOWN)/, ''),
    );
}

describe('the kernel is told what keepalived tells it', { skip: skipParity, concurrency: 2 }, () => {
  for (const [title, text, wanted] of [
    [
      'addresses, routes and rules with all their words',
      WORDS,
      ['fd77::106/64', 'default via fd77::2', 'from fd91::/64'],
    ],
    [
      'virtual MACs, their names and what is on them',
      VMACS,
      [
        ...['10.77.0.100/32', 'fe80::100/64', '10.78.0.103/32', 'fd78::103/64', '10.77.0.104/32', '10.77.0.105/32'],
        ...['10.77.0.106/32', '10.78.0.106/32', 'fd77::106/64', '10.77.0.107/32'],
      ],
    ],
    ['addresses, routes and rules that are always there', STATICS, ['10.77.0.100/32', 'to fd80::/64']],
  ] as const) {
    test(title, title.startsWith('virtual') ? {} : whole, async (context) => {
      const results: Record<Kind, string[]> = { weir: [], keepalived: [] };
      const left: Record<Kind, string[]> = { weir: [], keepalived: [] };
      await Promise.all(
        (['weir', 'keepalived'] as const).map(async (kind) => {
          const lab = new Lab(context, ['a']);
          addSecondLink(lab);
          const router = lab.start('a', kind, text);
          await router.says(router.enters('MASTER'));
          await until('all of it', () => {
            const lines = told(lab);
            return wanted.every((each) => lines.some((line) => line.includes(each)));
          });
          results[kind] = told(lab);
          await router.stop('SIGTERM');
          left[kind] = told(lab);
        }),
      );
      assert.deepEqual(results.weir, results.keepalived);
      assert.deepEqual(left.weir, left.keepalived);
    });
  }

  test('routes that somebody else set stay, before and after a mastership', whole, async (context) => {
    const routes = ['10.90.0.0/16 via 10.77.0.2', '10.91.0.0/16 via 10.77.0.2 append', 'blackhole 10.92.0.0/16'];
    const text = confText({ priority: 150, lines: block('virtual_routes', routes) });
    const shown: Record<Kind, string[]> = { weir: [], keepalived: [] };
    for (const kind of ['weir', 'keepalived'] as const) {
      const lab = new Lab(context, ['a']);
      for (const to of ['10.90.0.0/16', '10.91.0.0/16', '10.92.0.0/16']) {
        lab.ip('a', 'route', 'add', to, 'via', '10.77.0.9', 'proto', 'static');
      }
      const before = lab.ip('a', 'route');
      const router = lab.start('a', kind, text);
      await router.says(router.enters('MASTER'));
      await until('the routes', () => /10\.91\.0\.0\/16 via 10\.77\.0\.2/.test(lab.ip('a', 'route')));
      shown[kind] = lab.ip('a', 'route').split('\n');
      await router.stop('SIGTERM');
      assert.equal(lab.ip('a', 'route'), before, kind);
      await lab.close();
    }
    assert.deepEqual(shown.weir, shown.keepalived);
  });
});

// --------------------------------------------------------------------------------------------------------------- links

describe('settings and states of links', { skip, concurrency: 2 }, () => {
  test('promote_secondaries holds while it is wanted and is given back', async (context) => {
    const lab = new Lab(context, ['a']);
    const path = 'ipv4/conf/eth0/promote_secondaries';
    sysctl(lab, 'a', path, '0');
    const text = confText({ priority: 150, lines: ['promote_secondaries'] });
    const router = lab.start('a', 'weir', text);
    await router.says(router.enters('MASTER'));
    assert.equal(sysctl(lab, 'a', path), '1');
    lab.reload('a', router, confText({ priority: 150 }));
    await until('the setting given back by the reload', () => sysctl(lab, 'a', path) === '0');
    lab.reload('a', router, text);
    await until('the setting again', () => sysctl(lab, 'a', path) === '1');
    await router.stop('SIGTERM');
    assert.equal(sysctl(lab, 'a', path), '0');
  });

  test(
    'a link that is down for less than its delay is not missed, one that stays down is after it',
    whole,
    async (context) => {
      const lab = new Lab(context, ['a']);
      const delays = block('interface_up_down_delays', ['eth0 0.7 0.3']).join('\n');
      const router = lab.start('a', 'weir', `${confText({ priority: 150, advertInt: 1 })}${delays}\n`);
      await router.says(router.enters('MASTER'));
      const cable = (state: 'up' | 'down'): void => {
        execFileSync('ip', ['-n', lab.namespace('s'), 'link', 'set', 'pa', state]);
      };
      cable('down');
      await until('the kernel to see it', () => /state DOWN|NO-CARRIER/.test(lab.ip('a', 'link', 'show', 'eth0')));
      cable('up');
      await until('the kernel to see it', () => /state UP/.test(lab.ip('a', 'link', 'show', 'eth0')));
      const downAtMs = wallMs();
      cable('down');
      await router.says(router.enters('FAULT'));
      assert.equal(router.count(router.enters('FAULT')), 1);
      assert.ok(wallMs() - downAtMs >= 690, `a fault ${wallMs() - downAtMs} ms after the link went`);
      const upAtMs = wallMs();
      cable('up');
      await until('the link to count', () => router.count(router.enters('BACKUP')) >= 2);
      assert.ok(wallMs() - upAtMs >= 290, `up ${wallMs() - upAtMs} ms after the link came`);
    },
  );

  test('a card that is asked each second tells of its link', whole, async (context) => {
    const lab = new Lab(context, ['a']);
    const linkbeat = block('linkbeat_interfaces', ['eth0 MII']).join('\n');
    const router = lab.start('a', 'weir', `${confText({ priority: 150 })}${linkbeat}\n`);
    await router.says(/eth0\): Configured linkbeat type MII not supported, using ETHTOOL/);
    await router.says(router.enters('MASTER'));
    await lab.untilHeld('a', VIP, true);
    execFileSync('ip', ['-n', lab.namespace('s'), 'link', 'set', 'pa', 'down']);
    await router.says(router.enters('FAULT'));
    execFileSync('ip', ['-n', lab.namespace('s'), 'link', 'set', 'pa', 'up']);
    await until('the link to count', () => router.count(router.enters('MASTER')) >= 2);
  });

  test('a second virtual MAC of the same address is left out, told once, and its instance stays in fault', async (context) => {
    const lab = new Lab(context, ['a']);
    const second = onVmac('VI_2', '10.77.0.101/32', ['use_vmac', 'mcast_dst_ip 224.0.0.99']);
    const router = lab.start('a', 'weir', confText({ priority: 150, lines: ['use_vmac group 9'] }) + second);
    await router.says(/\(VI_1\) Entering MASTER/);
    await lab.untilHeld('a', VIP, true);
    assert.match(lab.ip('a', 'link', 'show', 'vrrp.51'), /group 9/);
    assert.equal(router.count(/has the same virtual MAC on eth0 as vrrp\.51: it is left out/), 1);
    await router.says(/\(VI_2\) Entering FAULT/);
    assert.equal(lab.holds('a', '10.77.0.101'), false);
    // An address that somebody takes off a virtual interface is back soon.
    lab.ip('a', 'addr', 'del', `${VIP}/32`, 'dev', 'vrrp.51');
    await lab.untilHeld('a', VIP, true);
  });

  test(
    'an ipvlan that the kernel does not know is told once, and the instance stays in fault',
    whole,
    async (context) => {
      const lab = new Lab(context, ['a']);
      const router = lab.start('a', 'weir', confText({ priority: 150, lines: ['use_ipvlan 10.77.0.50/24 private'] }));
      await router.says(router.enters('FAULT'));
      assert.equal(router.count(/making vrrp\.51: Operation not supported|making vrrp\.51: Unknown device type/), 1);
      assert.equal(lab.holds('a', VIP), false);
    },
  );

  test('disable_local_igmp silences reports while the router runs', whole, async (context) => {
    const lab = new Lab(context, ['a']);
    const path = 'ipv4/igmp_link_local_mcast_reports';
    const text = confText({ priority: 150, globals: ['disable_local_igmp'], lines: ['use_vmac'] });
    const router = lab.start('a', 'weir', text);
    await router.says(router.enters('MASTER'));
    assert.equal(sysctl(lab, 'a', path), '0');
    await router.stop('SIGTERM');
    assert.equal(sysctl(lab, 'a', path), '1');
  });

  test('links that carry addresses but no adverts are announced from time to time', {
    skip: wireMissing || whole.skip,
  }, async (context) => {
    const lab = new Lab(context, ['a', 'b']);
    addSecondLink(lab);
    const wire = await lab.wire('b');
    const others = block('virtual_ipaddress_excluded', ['10.77.0.106/32 dev eth0', '10.77.0.107/32 dev eth0']);
    const lines = ['use_vmac_addr', 'garp_extra_if 1', 'garp_master_delay 0', ...others];
    const text = onVmac('VI_1', '10.78.0.106/32', lines).replace('interface eth0', 'interface eth1');
    const router = lab.start('a', 'weir', text);
    await router.says(router.enters('MASTER'));
    // Five of each when they are added, then one of the first a second; none of the second.
    const told = (address: string): number => wire.frames().filter((frame) => frame.arpAddress === address).length;
    await until('two more', () => told('10.77.0.106') >= 7);
    assert.equal(told('10.77.0.107'), 5);
    assert.ok(wire.frames().every((frame) => frame.arp === 0 || frame.sourceMac === '00:00:5e:00:01:33'));
    await router.stop('SIGTERM');
  });
});
