// Goal: scripts are judged, told and dumped as keepalived does it. Method: its counting written out, its own texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotifyScripts, VrrpTrackProcess } from '../../core/model/vrrp.ts';
import { runScript, type ScriptEnd } from './child.ts';
import { statsText } from './dump.ts';
import { commandsOf, fifoLine } from './notify.ts';
import { reportOf, tableOf } from './report.ts';
import type { InstanceStatus } from './status.ts';
import { matches } from './track-processes.ts';
import { judge } from './track-scripts.ts';

function verdicts(
  script: { rise: number; fall: number },
  known: boolean,
  runs: readonly boolean[],
): (boolean | null)[] {
  let result = 0;
  let isKnown = known;
  return runs.map((passed) => {
    const step = judge(script, result, isKnown, passed);
    result = step.result;
    isKnown = true;
    return step.verdict;
  });
}

test('the first run of a script decides at once, whatever rise and fall say', () => {
  assert.deepEqual(verdicts({ rise: 3, fall: 3 }, false, [true]), [true]);
  assert.deepEqual(verdicts({ rise: 3, fall: 3 }, false, [false]), [false]);
});

test('with init_fail a script must pass rise times before it counts as up', () => {
  assert.deepEqual(verdicts({ rise: 2, fall: 1 }, true, [true, true, true]), [null, true, null]);
});

test('fall failures in a row take a script down, one success in between starts the count anew', () => {
  const script = { rise: 2, fall: 3 };
  assert.deepEqual(verdicts(script, false, [true, false, false, true, false, false, false]), [
    ...[true, null, null, null, null, null],
    false,
  ]);
  assert.deepEqual(verdicts(script, false, [false, true, true]), [false, null, true]);
});

const script = (name: string): { command: string[]; uid: number; gid: number } => ({
  command: [name],
  uid: -1,
  gid: -1,
});
const SCRIPTS: NotifyScripts = {
  master: script('to-master'),
  backup: script('to-backup'),
  fault: null,
  stop: null,
  deleted: null,
  masterRxLowerPri: script('lower'),
  any: script('any'),
};
const change = (state: string) => ({ type: 'INSTANCE', name: 'VI_1', state, priority: 150 }) as const;

test('the script of a state comes before the one of all, which alone is told what happened', () => {
  const words = (state: string): string[] => commandsOf(SCRIPTS, change(state)).map((each) => each.command.join(' '));
  assert.deepEqual(words('MASTER'), ['to-master', 'any INSTANCE VI_1 MASTER 150']);
  assert.deepEqual(words('FAULT'), ['any INSTANCE VI_1 FAULT 150']);
  assert.deepEqual(words('MASTER_RX_LOWER_PRI'), ['lower']);
  assert.deepEqual(words('MASTER_PRIORITY'), ['any INSTANCE VI_1 MASTER_PRIORITY 150']);
  assert.equal(fifoLine(change('MASTER')), 'INSTANCE "VI_1" MASTER 150\n');
});

test('a tracked process is told by its name and, as asked, by its parameters', () => {
  const tracked: VrrpTrackProcess = {
    name: 't',
    process: 'haproxy',
    parameters: ['-f', '/etc/h'],
    parameterMatch: 'exact',
    weight: 0,
    weightReverse: false,
    quorum: 1,
    quorumMax: -1,
    delayMs: 0,
    terminateDelayMs: 0,
    forkDelayMs: 0,
    fullCommand: false,
  };
  const running = { comm: 'haproxy', words: ['/usr/sbin/haproxy', '-f', '/etc/h'] };
  const longer = { comm: 'haproxy', words: ['/usr/sbin/haproxy', '-f', '/etc/haproxy', '-db'] };
  assert.equal(matches(tracked, running), true);
  assert.equal(matches(tracked, longer), false);
  assert.equal(matches({ ...tracked, parameterMatch: 'partial' }, longer), true);
  assert.equal(matches({ ...tracked, parameterMatch: 'initial', parameters: ['-f'] }, longer), true);
  assert.equal(matches({ ...tracked, parameterMatch: 'none' }, running), false);
  assert.equal(matches({ ...tracked, process: 'nginx' }, running), false);
});

test('a script that takes too long is ended and counts as that', async () => {
  const run = (words: string[], timeoutMs: number): Promise<ScriptEnd> =>
    new Promise((resolve) => {
      runScript({ command: words, shell: false, uid: -1, gid: -1, timeoutMs }, resolve);
    });
  assert.deepEqual(await run(['sleep', '60'], 20), { kind: 'timeout' });
  assert.deepEqual(await run(['sh', '-c', 'exit 3'], 5_000), { kind: 'exit', code: 3 });
  assert.equal((await run(['/nonexistent/script'], 5_000)).kind, 'error');
});

test('keepalived.stats has keepalived’s rows', () => {
  const counters = new Proxy(
    {},
    { get: (_target, name) => (name === 'advert_sent' ? 11 : name === 'become_master' ? 1 : 0) },
  );
  const text = statsText([{ name: 'VI_1', counters } as InstanceStatus]);
  assert.equal(
    text,
    `VRRP Instance: VI_1
  Advertisements:
    Received: 0
    Sent: 11
  Became master: 1
  Released master: 0
  Packet Errors:
    Length: 0
    TTL: 0
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: 0
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 0
  Priority Zero:
    Received: 0
    Sent: 0
`,
  );
});

test('the report shows states and sums, and no password', () => {
  const instance = {
    name: 'VI_1',
    group: '',
    state: 'backup',
    wantState: 'backup',
    basePriority: 100,
    effectivePriority: 90,
    masterPriority: 150,
    masterAddress: new Uint8Array([10, 0, 0, 1]),
    masterDownMs: 361,
    nextAdvertInMs: -1,
    masterDownInMs: 200,
    sinceMs: 1_000,
    counters: { advert_sent: 1, advert_rcvd: 7, auth_failure: 2, chk_err: 3 },
    config: {
      interfaceName: 'eth0',
      vrid: 51,
      version: 2,
      addresses: [{ address: '10.0.0.9', prefix: 32 }],
      auth: { type: 'pass', password: 'secret12' },
    },
  };
  const report = reportOf({ kind: 'status', instances: [instance], groups: [], nowMs: 6_500, figures: {} as never });
  assert.doesNotMatch(JSON.stringify(report), /secret12/);
  assert.equal(
    tableOf(report),
    'INSTANCE  STATE   FOR  IF    VRID  PRIO      MASTER    SENT  RCVD  ERRORS  ADDRESSES\n' +
      'VI_1      BACKUP  5s   eth0  51    90 (100)  10.0.0.1  1     7     5       10.0.0.9/32\n',
  );
});
