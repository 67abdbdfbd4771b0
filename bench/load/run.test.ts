import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild } from '../rig/children.ts';
import { findHaproxy, findNginx, type Peer, weirPath } from '../rig/peers.ts';
import { configFor } from './configs.ts';
import { idleCountFor, whyNot } from './measure.ts';
import type { BenchResult } from './report.ts';
import { parseCommandLine } from './run.ts';
import { chooseScenarios, scenarios } from './scenarios.ts';

const runPath = fileURLToPath(new URL('./run.ts', import.meta.url));

test('the command line gives settings, and the usual ones where it is silent', () => {
  const usual = parseCommandLine([]);
  assert.ok(typeof usual === 'object');
  assert.equal(usual.cases.length, scenarios.length);
  assert.deepEqual([usual.roundCount, usual.seconds, usual.connectionCount, usual.idleCount], [5, 4, 64, 10_000]);
  const chosen = parseCommandLine(['--cases', 'tcp-bulk,close', '--rounds', '7', '--peers=a=/x,nginx', '--publish']);
  assert.ok(typeof chosen === 'object');
  assert.deepEqual(
    chosen.cases.map((scenario) => scenario.name),
    ['close', 'tcp-bulk'],
  );
  assert.deepEqual([chosen.roundCount, chosen.peerWords, chosen.isPublished], [7, ['a=/x', 'nginx'], true]);
  assert.equal(parseCommandLine(['--help']), 'help');
  assert.equal(parseCommandLine(['--list']), 'list');
});

test('unknown options, cases and values are errors that name them', () => {
  const bad: [string[], RegExp][] = [
    [['--round', '5'], /--round/],
    [['stray'], /stray/],
    [['--cases', 'keepalive'], /unknown case 'keepalive'.*keep-alive/],
    [['--rounds', '0'], /--rounds takes a whole number from 1/],
    [['--seconds', '1.5'], /'1\.5'/],
    [['--rounds'], /rounds/],
    [['--tool', 'ab'], /'ab'/],
  ];
  for (const [args, message] of bad) assert.throws(() => parseCommandLine(args), message, args.join(' '));
});

test('the command ends with status 2 on wrong usage and 0 on --help', async () => {
  const wrong = await runChild(process.execPath, [runPath, '--nonsense'], 20_000);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--nonsense[\s\S]*--help/);
  const help = await runChild(process.execPath, [runPath, '--help'], 20_000);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--cases/);
});

test('every case has a name of its own, and an unknown name is an error', () => {
  assert.equal(new Set(scenarios.map((scenario) => scenario.name)).size, scenarios.length);
  assert.throws(() => chooseScenarios(['nope']));
});

test('idle connections are as many as two files each allow', () => {
  assert.equal(idleCountFor(20_500), 10_000);
  assert.equal(idleCountFor(10), 0);
});

async function checkConfigs(peer: Peer, check: (folder: string, path: string) => string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-test-'));
  try {
    for (const scenario of scenarios) {
      if (whyNot(peer, scenario) !== '') continue;
      const path = join(folder, scenario.name);
      const logPort = scenario.kind === 'logging' ? 9_999 : 0;
      writeFileSync(
        path,
        configFor(peer, scenario, {
          port: 1_234,
          originPort: 1_235,
          logPort,
          connectionCountMax: 100,
          mapPath: '/dev/null',
        }),
      );
      const { code, stdout, stderr } = await runChild(peer.path, check(folder, path), 20_000);
      assert.equal(code, 0, `${scenario.name}: ${stdout}${stderr}`);
      assert.doesNotMatch(stdout + stderr, /parsing \[|\[warn\]/, scenario.name);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('HAProxy accepts the config of every case without a warning about it', async (t) => {
  const haproxy = await findHaproxy();
  if (haproxy === null) return t.skip('haproxy is not installed');
  await checkConfigs(haproxy, (_folder, path) => ['-c', '-f', path]);
});

test('weir accepts the config of every case', () => {
  const weir: Peer = { name: 'weir', kind: 'weir', path: weirPath, version: '', canTcp: true, streamModule: '' };
  return checkConfigs(weir, (_folder, path) => ['-c', '-f', path]);
});

test('nginx accepts the config of every case it can take part in', async (t) => {
  const nginx = await findNginx();
  if (nginx === null) return t.skip('nginx is not installed');
  await checkConfigs(nginx, (folder, path) => ['-t', '-q', '-p', folder, '-c', path]);
});

// Goal: the bench cannot rot unseen. Method: the real command with everything tiny, on what is installed.
test('a tiny bench runs from end to end and saves a result and a chart', async (t) => {
  const peers = [await findHaproxy(), await findNginx()].filter((peer) => peer !== null);
  if (peers.length === 0) return t.skip('neither haproxy nor nginx is installed');
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-test-'));
  const jsonPath = join(folder, 'tiny.json');
  const word = `first=${peers[0]!.path}`;
  const sizes = ['--rounds', '1', '--seconds', '1', '--warmup', '1', '--clients', '4', '--idle', '40'];
  try {
    const args = [
      runPath,
      ...sizes,
      '--cases',
      'idle,logging',
      '--peers',
      word,
      '--reference',
      'first',
      '--json',
      jsonPath,
    ];
    const said = await runChild(process.execPath, args, 120_000);
    assert.equal(said.code, 0, said.stdout + said.stderr);
    assert.equal(said.stdout.includes('\x1b'), false, 'colours on a pipe');
    assert.match(said.stderr, /round 1 of 1/);
    const result = JSON.parse(readFileSync(jsonPath, 'utf8')) as BenchResult;
    checkTinyResult(result);
    assert.match(readFileSync(join(folder, 'tiny.svg'), 'utf8'), /^<svg [\s\S]*<\/svg>\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function checkTinyResult(result: BenchResult): void {
  assert.deepEqual(
    result.cases.map((one) => one.name),
    ['idle', 'logging'],
  );
  const [idle, logging] = result.cases;
  assert.ok(idle!.entries[0]!.figures.fdCount!.median > 40, 'the idle connections were not there');
  const [quiet, loud] = logging!.entries;
  for (const entry of [quiet!, loud!]) {
    assert.equal(entry.failure, '');
    assert.equal(entry.runs.length, 1);
    assert.ok(entry.figures.requestsPerSecond!.median > 0);
    assert.ok(entry.figures.cpuUsPerRequest!.median > 0);
    assert.equal(entry.figures.errorCount!.max, 0);
    assert.equal(entry.ratios.cpuUsPerRequest!.median, 1);
  }
  const { logLineCount, logLostCount, logDroppedCount } = loud!.runs[0]!;
  assert.ok(logLineCount! > 0, 'no log line came in');
  assert.ok(logLostCount! <= logDroppedCount!, 'lines are missing that were not dropped at the socket');
  assert.equal(quiet!.runs[0]!.logLineCount, undefined);
}
