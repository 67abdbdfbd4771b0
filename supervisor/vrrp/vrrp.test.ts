// Goal: scripts are judged, told and dumped as keepalived does it. Method: its counting written out, its own texts.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SETPRIV } from '../../core/config/keepalived/script-users.ts';
import type { NotifyScripts, VrrpModel, VrrpTrackProcess } from '../../core/model/vrrp.ts';
import { runScript, type ScriptEnd } from './child.ts';
import { statsText } from './dump-stats.ts';
import { commandsOf, fifoLine, Notifier } from './notify.ts';
import type { InstanceStatus } from './status.ts';
import { TrackFiles } from './track-files.ts';
import { matches, TrackProcesses } from './track-processes.ts';
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
  assert.deepEqual(words('MASTER_PRIORITY'), [], 'that is for FIFOs alone');
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
  assert.equal(matches({ ...tracked, parameterMatch: 'initial' }, longer), true, 'the last one may be longer');
  assert.equal(matches({ ...tracked, parameterMatch: 'partial' }, longer), false);
  assert.equal(matches({ ...tracked, parameterMatch: 'partial', parameters: ['-f'] }, longer), true, 'the first ones');
  assert.equal(matches({ ...tracked, parameterMatch: 'none', parameters: [] }, longer), true, 'whatever they are');
  assert.equal(matches({ ...tracked, parameterMatch: 'exact', parameters: [] }, longer), false, 'it must have none');
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

test('a tracked file gets its first value at a start, and keeps what it holds at a reload', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-file-'));
  const path = join(folder, 'value');
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const told: string[] = [];
  const said: string[] = [];
  const report = {
    result: ({ name, value }: { name: string; value: number }) => told.push(`${name} ${value}`),
    log: (_level: string, text: string) => said.push(text),
  };
  const initFile = { create: true, overwrite: true, value: 7 };
  const trackFiles = [
    { name: 'f', path, initFile },
    { name: 'pipe', path: fifo, initFile },
  ];
  const files = new TrackFiles(report);
  context.after(() => {
    files.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const model = { trackFiles } as unknown as VrrpModel;
  files.configure(model);
  assert.deepEqual(told, ['f 7', 'pipe 0']);
  assert.match(said.join(), /pipe: it is not a regular file/);
  writeFileSync(path, '9\n');
  files.configure(model);
  assert.equal(told.at(-1), 'f 9');
  files.configure({ trackFiles: [] } as unknown as VrrpModel);
  assert.deepEqual(files.status(), []);
  const successor = new TrackFiles(report);
  successor.succeed();
  successor.configure(model);
  successor.stop();
  assert.equal(readFileSync(path, 'latin1'), '9\n');
});

test('running processes are counted, and one that ended does not count though nobody has reaped it', async (context) => {
  const name = `weirt${process.pid}`.slice(0, 15);
  const folder = mkdtempSync(join(tmpdir(), 'weir-track-'));
  const program = join(folder, name);
  copyFileSync('/bin/sleep', program);
  // The shell does not look after its child before its own input ends.
  const parent = spawn('sh', ['-c', `${program} 600 & echo $!; read line; kill -9 $!; wait`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  context.after(() => {
    parent.stdin!.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const tracked = {
    name: 't',
    process: name,
    parameters: [],
    parameterMatch: 'none',
    quorum: 1,
    quorumMax: -1,
  } as const;
  const delays = {
    weight: 0,
    weightReverse: false,
    delayMs: 0,
    terminateDelayMs: 0,
    forkDelayMs: 0,
    fullCommand: false,
  };
  const told: boolean[] = [];
  const tracking = new TrackProcesses({ result: ({ up }) => told.push(up), log: () => {} });
  const [pid] = (await new Promise<Buffer>((resolve) => parent.stdout!.once('data', resolve))).toString().split('\n');
  tracking.configure({ trackProcesses: [{ ...tracked, ...delays }] } as unknown as VrrpModel);
  context.after(() => tracking.stop());
  while (!told.includes(true)) await new Promise((resolve) => setTimeout(resolve, 10));
  process.kill(Number(pid), 'SIGKILL');
  while (told.at(-1) !== false || told.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(readFileSync(`/proc/${pid}/stat`, 'latin1'), /\) Z /);
  assert.equal(tracking.status()[0]!.count, 0);
});

test('what a script has started ends with it', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-script-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'pid');
  const command = [`sleep 600 & echo $! > ${path}; wait`];
  let end = (): void => {};
  const ended = new Promise<ScriptEnd>((resolve) => {
    end = runScript({ command, shell: true, uid: -1, gid: -1, timeoutMs: 0 }, resolve);
  });
  const read = (): string => (existsSync(path) ? readFileSync(path, 'latin1').trim() : '');
  while (read() === '') await new Promise((resolve) => setTimeout(resolve, 5));
  const pid = read();
  assert.ok(isAlive(pid));
  end();
  assert.deepEqual(await ended, { kind: 'signal', signal: 'SIGTERM' });
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
});

/** Somebody's unreaped child is none. */
function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** A user who is in more than one group; null: there is none here, or we may not run anything as somebody else. */
function memberOfSeveral(): { uid: number; gid: number } | null {
  if (process.geteuid!() !== 0 || SETPRIV === null) return null;
  const rowsOf = (path: string): string[][] =>
    readFileSync(path, 'latin1')
      .split('\n')
      .map((row) => row.split(':'));
  const members = rowsOf('/etc/group').flatMap((row) => (row[3] ?? '').split(','));
  const user = rowsOf('/etc/passwd').find(([name = '', , uid]) => name !== '' && uid !== '0' && members.includes(name));
  return user === undefined ? null : { uid: Number(user[2]), gid: Number(user[3]) };
}

const member = memberOfSeveral();

test('a script of another user has all groups of that user when they are wanted, else one', {
  skip: member === null,
}, async () => {
  const countOf = async (allGroups: boolean): Promise<number> => {
    const end = await new Promise<ScriptEnd>((resolve) => {
      runScript({ command: ['exit $(id -G | wc -w)'], shell: true, ...member!, timeoutMs: 0, allGroups }, resolve);
    });
    assert.equal(end.kind, 'exit');
    return end.kind === 'exit' ? end.code : 0;
  };
  assert.equal(await countOf(false), 1);
  assert.equal(
    await countOf(true),
    execFileSync('id', ['-G', String(member!.uid)], { encoding: 'utf8' })
      .trim()
      .split(' ').length,
  );
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

test('after a reload the FIFO gets the states of those that it did not change, when that is asked for', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-fifo-'));
  const path = join(folder, 'fifo');
  const notifier = new Notifier(() => {});
  context.after(() => {
    notifier.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const global = { notifyFifo: path, notifyFifoScript: null, vrrpNotifyFifo: '', vrrpNotifyFifoScript: null };
  notifier.configure({ global, instances: [], groups: [] } as unknown as VrrpModel);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  context.after(() => closeSync(reader));
  notifier.changed(change('FAULT'));
  notifier.writeStates([change('FAULT'), { ...change('BACKUP'), name: 'VI_2' }, { ...change('INIT'), name: 'VI_3' }]);
  const bytes = Buffer.alloc(1_000);
  const text = bytes.toString('latin1', 0, readSync(reader, bytes));
  assert.equal(text, 'INSTANCE "VI_1" FAULT 150\nINSTANCE "VI_2" BACKUP 150\n');
});
