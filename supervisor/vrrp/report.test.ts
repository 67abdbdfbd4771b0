// Goal: who looks at the election sees who is master, what is wrong and what happened, and never a password. Method: a
// status written out, its report and its page; the socket asked as the command asks it.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { VrrpModel } from '../../core/model/vrrp.ts';
import { History } from './history.ts';
import { durationText, pageOf, tableOf } from './page.ts';
import { type ReportParts, reportOf, type VrrpReport } from './report.ts';
import { askRunning, type Question, serveStatus } from './status-socket.ts';

const WALL_MS = Date.UTC(2026, 10, 22, 12, 0, 0);
const INSTANCE = {
  name: 'VI_1',
  group: '',
  state: 'backup',
  wantState: 'backup',
  basePriority: 100,
  effectivePriority: 90,
  faults: { link: false, address: false, tracker: 0 },
  masterPriority: 150,
  masterAddress: new Uint8Array([10, 0, 0, 1]),
  masterAdvertIntMs: 100,
  source: new Uint8Array([10, 0, 0, 2]),
  masterDownMs: 361,
  nextAdvertInMs: -1,
  masterDownInMs: 200,
  sinceMs: 1_000,
  unexpectedAtMs: -1,
  counters: { advert_sent: 1, advert_rcvd: 7, auth_failure: 2, chk_err: 3, unexpected_master: 0 },
  config: {
    interfaceName: 'eth0',
    vrid: 51,
    version: 2,
    addresses: [{ address: '10.0.0.9', prefix: 32 }],
    excluded: [],
    auth: { type: 'pass', password: 'secret12' },
  },
};

function reportWith(change: object, parts: Partial<ReportParts> = {}): VrrpReport {
  const instances = [{ ...INSTANCE, ...change }];
  return reportOf({
    model: { instances: [], groups: [] } as unknown as VrrpModel,
    answer: { kind: 'status', instances, groups: [], nowMs: 6_500, figures: {} as never },
    tracking: { scripts: [], files: [], processes: [] },
    transitions: [],
    wallMs: WALL_MS,
    ...parts,
  });
}

test('the report shows states and sums, and no password', () => {
  const report = reportWith({});
  assert.doesNotMatch(JSON.stringify(report), /secret12/);
  assert.equal(report.instances[0]!.since, '2026-11-22T11:59:54.500Z');
  assert.equal(
    tableOf(report),
    'INSTANCE  STATE   FOR  IF    VRID  PRIO      MASTER    SENT  RCVD  ERRORS  ADDRESSES\n' +
      'VI_1      BACKUP  5s   eth0  51    90 (100)  10.0.0.1  1     7     5       10.0.0.9/32\n',
  );
});

test('a machine whose processors come and go is told of, as long as there is something to tell', () => {
  const counters = { ...INSTANCE.counters, late_master: 2, advert_by_deputy: 31 };
  const page = pageOf(reportWith({ counters }), false);
  assert.match(page, /^VI_1: gave up 2 times because it woke too late$/m);
  assert.match(page, /^VI_1: 31 adverts were late and sent by its deputy/m);
  assert.doesNotMatch(pageOf(reportWith({}), false), /deputy|woke too late/);
});

test('another master is an alarm while it is heard, a remark afterwards, and red on a terminal only', () => {
  const counters = { ...INSTANCE.counters, unexpected_master: 12 };
  const now = reportWith({ state: 'master', counters, unexpectedAtMs: 6_000 });
  assert.deepEqual(now.instances[0]!.splitBrain, { adverts: 12, lastMs: 500, now: true });
  const words = 'VI_1: SPLIT BRAIN, there is another master: 12 adverts, the last 0s ago';
  assert.ok(pageOf(now, false).includes(`\n${words}\n`));
  assert.ok(pageOf(now, true).includes(`\x1b[1;31m${words}\x1b[0m`));
  const quiet = reportWith(
    { state: 'master', counters, unexpectedAtMs: 6_000 },
    {
      answer: {
        kind: 'status',
        instances: [{ ...INSTANCE, state: 'master', counters, unexpectedAtMs: 6_000 }],
        groups: [],
        nowMs: 6_000 + 3_600_000,
        figures: {} as never,
      },
    },
  );
  assert.equal(quiet.instances[0]!.splitBrain.now, false, 'it was heard an hour ago');
  const past = reportWith({ state: 'backup', counters, unexpectedAtMs: 6_000 });
  assert.equal(past.instances[0]!.splitBrain.now, false);
  assert.match(pageOf(past, true), /^VI_1: there was another master: 12 adverts, the last 0s ago$/m);
});

test('faults are told in words, and names cannot steer the terminal', () => {
  const faults = { link: true, address: true, tracker: 2 };
  const page = pageOf(reportWith({ name: 'V\x1b[2J\u009b1', faults }), false);
  assert.match(page, /V\?\[2J\?1: its interface is missing or down\n/);
  assert.match(page, /it has no address to send from\n/);
  assert.match(page, /2 things it tracks have failed\n/);
  assert.ok(!page.includes('\x1b') && !page.includes('\u009b'));
});

test('what is tracked is shown with its state and with those who track it', () => {
  const tracked = (kind: string, name: string): object => ({ kind, name });
  const instances = [
    {
      name: 'VI_1',
      trackInterfaces: [{ name: 'eth1' }],
      tracked: [tracked('script', 'chk'), tracked('backend', 'web'), tracked('process', 'p')],
    },
  ];
  const groups = [{ name: 'G', trackInterfaces: [], tracked: [tracked('script', 'chk'), tracked('file', 'f')] }];
  const report = reportWith(
    {},
    {
      model: { instances, groups } as unknown as VrrpModel,
      tracking: {
        scripts: [{ name: 'chk', result: 0, known: true, up: false, running: false, last: 'now returning 1' }],
        files: [{ name: 'f', value: 7 }],
        processes: [{ name: 'p', up: true, count: 2, waiting: 'terminate' }],
      },
      answer: {
        kind: 'status',
        instances: [],
        groups: [],
        nowMs: 0,
        figures: {} as never,
        backends: [{ name: 'web', serversUp: 0 }],
        links: [{ name: 'eth1', up: true }],
      },
    },
  );
  assert.deepEqual(
    report.tracking.map(({ kind, name, up, detail, by }) => [kind, name, up, detail, by.join()]),
    [
      ['interface', 'eth1', true, '', 'VI_1'],
      ['script', 'chk', false, 'now returning 1', 'VI_1,G'],
      ['backend', 'web', false, '0 servers up', 'VI_1'],
      ['process', 'p', true, '2 running, changing', 'VI_1'],
      ['file', 'f', true, 'value 7', 'G'],
    ],
  );
  assert.match(pageOf(report, false), /^chk +script +DOWN +VI_1 G +now returning 1$/m);
});

test('the history keeps the last 32 changes with where they came from and why', () => {
  const history = new History();
  history.learn('(VI_1) Entering BACKUP STATE: it starts', 1);
  history.learn('(VI_1) removed from the configuration', 2);
  history.learn('(odd) (name) Entering MASTER STATE: Receive advertisement timeout', 3);
  for (let index = 0; index < 31; index++) {
    history.learn(`(VI_1) Entering ${index % 2 === 0 ? 'MASTER' : 'BACKUP'} STATE: ${index}`, 10 + index);
  }
  const list = history.list();
  assert.equal(list.length, 32);
  assert.deepEqual(list[0], {
    atMs: 3,
    name: 'odd) (name',
    from: '',
    to: 'MASTER',
    reason: 'Receive advertisement timeout',
  });
  assert.deepEqual(list[1], { atMs: 10, name: 'VI_1', from: 'BACKUP', to: 'MASTER', reason: '0' });
  history.keep([]);
  history.learn('(VI_1) Entering BACKUP STATE: it starts', 99);
  assert.equal(history.list().at(-1)!.from, '', 'one that was away begins anew');
});

test('durations are short', () => {
  const texts = [0, 59_999, 60_000, 185_000, 3_600_000, 7_980_000, 90_000_000 * 4].map(durationText);
  assert.deepEqual(texts, ['0s', '59s', '1m00s', '3m05s', '1h00m', '2h13m', '4d04h']);
});

let socketCount = 0;

function served(context: TestContext, answer: (question: Question) => Promise<string | null>): string {
  const name = `\0weir-test-${process.pid}-${++socketCount}`;
  const server = serveStatus({ answer }, () => {}, name);
  context.after(() => server.close());
  return name;
}

test('the socket answers what is asked, and says when there is no answer', async (context) => {
  const name = served(context, async (question) => (question === 'json' ? null : `${question}!\n`));
  assert.deepEqual(await askRunning('status', name), { text: 'status!\n' });
  assert.deepEqual(await askRunning('data', name), { text: 'data!\n' });
  assert.deepEqual(await askRunning('json', name), { failure: 'the election does not answer just now.' });
  const nobody = await askRunning('status', `${name}-nobody`);
  assert.deepEqual(nobody, { failure: 'No weir with VRRP runs in this network namespace.' });
});

test('nonsense on the socket is hung up on', async (context) => {
  const name = served(context, async () => 'never');
  for (const text of ['x'.repeat(1_000), 'stats2\n', '\n', 'GET / HTTP/1.1\r\n\r\n']) {
    const got = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect(name, () => socket.write(text));
      socket.on('data', (bytes) => {
        all += bytes.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(all));
    });
    assert.equal(got, '', JSON.stringify(text));
  }
});

test('a name that another process still has is taken once it is free', async (context) => {
  const name = `\0weir-test-${process.pid}-${++socketCount}`;
  const first = serveStatus({ answer: async () => 'first\n' }, () => {}, name);
  await new Promise((resolve) => first.once('listening', resolve));
  const second = serveStatus({ answer: async () => 'second\n' }, () => {}, name);
  context.after(() => second.close());
  await new Promise((resolve) => second.once('error', resolve));
  assert.deepEqual(await askRunning('status', name), { text: 'first\n' });
  first.close();
  // Its retries do not keep a process alive by themselves.
  while (!second.listening) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(await askRunning('status', name), { text: 'second\n' });
});
