// Goal: the command line of weir explain does what its help says, with the exit codes of its README. Method: real runs of
// the launcher, as a user starts it.

import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { type Folder, LAUNCHER, makeFolder } from '../../core/testing/weir-process.ts';
import type { Explanation } from './explanation.ts';

const CONFIG = `defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:8080 name main
    bind :8081
    http-request deny if { path /no }
    http-request set-header x-place été
    default_backend app
backend app
    server one 127.0.0.1:9001
`;

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

function explain(args: readonly string[], input = '', environment: Record<string, string> = {}): Run {
  const { status, stdout, stderr } = spawnSync(LAUNCHER, ['explain', ...args], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...environment },
  });
  return { code: status, stdout, stderr };
}

function site(context: TestContext): { folder: Folder; cfg: string } {
  const folder = makeFolder(context);
  return { folder, cfg: folder.file('my.cfg', CONFIG) };
}

test('a request typed into stdin is explained, as text and as JSON', (context) => {
  const { cfg } = site(context);
  const text = explain(['-f', cfg, '--request', '-'], 'GET /no HTTP/1.1\nHost: a\n');
  equal(text.stderr, '');
  equal(text.code, 0);
  match(text.stdout, /answers {3}\S+my\.cfg:9 {2}deny if \{ path \/no \}/);
  match(text.stdout, /→ answered with 403 Forbidden\n$/);
  const json = explain(['-f', cfg, '--request', '-', '--json', '--to', 'main'], 'GET / HTTP/1.1\nHost: a\n');
  const explanation = JSON.parse(json.stdout) as Explanation;
  deepEqual(explanation.outcome, { kind: 'forwarded', status: 0, backend: 'app', server: 'one' });
  deepEqual(explanation.sent!.headers, [
    { name: 'host', value: 'a' },
    { name: 'x-place', value: 'été' },
  ]);
});

test('signs are ASCII where the locale is not UTF-8, and there are no colours in a pipe', (context) => {
  const { cfg } = site(context);
  const { stdout } = explain(['-f', cfg, '--request', '-'], 'GET /no HTTP/1.1\nHost: a\n\n', { LC_ALL: 'C' });
  equal(/[^\n -~]/.test(stdout), false);
  match(stdout, /-> answered with 403/);
});

test('a configuration with errors says what -c says, and exits with 1', (context) => {
  const folder = makeFolder(context);
  const cfg = folder.file('bad.cfg', 'frontend f\n    bind :1\n    mode http\n    http-request deny if { nothing }\n');
  const { code, stdout, stderr } = explain(['-f', cfg, '--request', '-'], 'GET / HTTP/1.1\n\n');
  const checked = spawnSync(LAUNCHER, ['-c', '-f', cfg], { encoding: 'utf8' });
  const withoutPid = (text: string): string => text.replace(/\(\d+\)/g, '(pid)');
  equal(withoutPid(stderr), withoutPid(checked.stderr));
  match(stderr, /unknown fetch method 'nothing'/);
  equal(stdout, '');
  equal(code, 1);
  equal(checked.status, 1);
});

test('a wrong command line says what is wrong, and exits with 2', (context) => {
  const { folder, cfg } = site(context);
  const request = folder.file('r', 'GET / HTTP/1.1\n');
  const wrong: [string[], RegExp][] = [
    [[], /-f FILE is missing/],
    [['-f', cfg], /--request FILE is missing/],
    [['-f', cfg, '--request', `${request}.not`], /--request: ENOENT/],
    [['-f', cfg, '--request', request, '--from', 'nobody'], /--from expects IP or IP:PORT, not 'nobody'/],
    [['-f', cfg, '--request', request, '--unheard'], /Unknown option '--unheard'/],
    [['-f', cfg, '--request', request, 'word'], /Unexpected argument 'word'/],
    [['-f', cfg, '--request', '-', '--response', '-'], /only one of the messages/],
    [
      ['-f', cfg, '--request', request, '--to', ':1'],
      /no bind matches --to :1; there are:\n {2}127\.0\.0\.1:8080 \(frontend web, name main\)\n/,
    ],
  ];
  for (const [args, words] of wrong) {
    const { code, stdout, stderr } = explain(args);
    match(stderr, words);
    equal(stdout, '');
    equal(code, 2, args.join(' '));
  }
});

test('--help names every option', () => {
  const { code, stdout } = explain(['--help']);
  equal(code, 0);
  for (const option of ['-f', '--request', '--response', '--from', '--to', '--json', '--no-color']) {
    equal(stdout.includes(`    ${option} `), true, option);
  }
});
