// Goal: what only asks is answered as HAProxy answers it: words, stream and exit code. Method: the launcher itself.

import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LAUNCHER, makeFolder, runWeir } from '../../core/testing/weir-process.ts';

const VALID = `defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind 127.0.0.1:8080
  default_backend b
backend b
  server s 127.0.0.1:8081
`;
const WARNING = VALID.replace('  timeout client 5s\n', '');
const ERRORS = VALID.replace('bind 127.0.0.1:8080', 'bind 127.0.0.1:80x0').replace('server s', 'sever s');
const NO_LISTENER = 'defaults\n  mode http\n';

test('a valid file is answered with silence and 0, and in words when asked with -V', async (context) => {
  const file = makeFolder(context).file('ok.cfg', VALID);
  assert.deepEqual(await runWeir(['-c', '-f', file]), { code: 0, signal: null, stdout: '', stderr: '' });
  const verbose = await runWeir(['-c', '-V', '-f', file]);
  assert.deepEqual([verbose.code, verbose.stdout], [0, 'Configuration file is valid\n']);
});

test('errors are all named with file and line on stderr, and the exit code is 1', async (context) => {
  const file = makeFolder(context).file('bad.cfg', ERRORS);
  const { code, stdout, stderr } = await runWeir(['-c', '-f', file]);
  assert.deepEqual([code, stdout], [1, '']);
  const lines = stderr.trimEnd().split('\n');
  assert.match(lines[0]!, /^\[NOTICE\] {3}\(\d+\) : haproxy version is 3\.4\.0-weir/);
  assert.match(lines[1]!, /^\[NOTICE\] {3}\(\d+\) : path to executable is .*supervisor\/weir$/);
  assert.match(lines[2]!, /^\[ALERT\] {4}\(\d+\) : config : parsing \[.*bad\.cfg:7\] : 'bind'/);
  assert.match(stderr, /\[ALERT\] {4}\(\d+\) : config : parsing \[.*bad\.cfg:10\] : unknown keyword 'sever'/);
  assert.match(lines.at(-1)!, /Fatal errors found in configuration\.$/);
});

test('warnings leave the exit code at 0 unless -dW makes them fatal', async (context) => {
  const file = makeFolder(context).file('warn.cfg', WARNING);
  const mild = await runWeir(['-c', '-f', file]);
  assert.deepEqual([mild.code, mild.stdout], [0, 'Warnings were found.\n']);
  assert.match(mild.stderr, /\[WARNING\] {2}\(\d+\) : /);
  const strict = await runWeir(['-c', '-dW', '-f', file]);
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /Some warnings were found and 'zero-warning' is set\. Aborting\./);
});

test('a file with nothing to listen on is no error, but 2 says that it would not start', async (context) => {
  const file = makeFolder(context).file('none.cfg', NO_LISTENER);
  const { code, stdout } = await runWeir(['-c', '-f', file]);
  assert.equal(code, 2);
  assert.equal(stdout, 'Configuration file has no error but will not start (no listener) => exit(2).\n');
});

test('quiet mode answers with the exit code alone', async (context) => {
  const file = makeFolder(context).file('bad.cfg', ERRORS);
  assert.deepEqual(await runWeir(['-c', '-q', '-f', file]), { code: 1, signal: null, stdout: '', stderr: '' });
});

test('files are found from the folder that -C names, and a folder stands for its .cfg files', async (context) => {
  const folder = makeFolder(context);
  folder.file('one.cfg', VALID);
  folder.file('ignored.txt', 'nonsense\n');
  assert.equal((await runWeir(['-c', '-C', folder.path, '-f', 'one.cfg'])).code, 0);
  assert.equal((await runWeir(['-c', '-f', folder.path])).code, 0);
  const nowhere = await runWeir(['-C', join(folder.path, 'nowhere'), '-c', '-f', 'one.cfg']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /Could not change to directory/);
});

test('a file that is not there is an error that names it', async () => {
  const { code, stderr } = await runWeir(['-c', '-f', '/nowhere/x.cfg']);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot open configuration file\/directory \/nowhere\/x\.cfg : No such file or directory/);
});

test('a wrong command line shows how it should be, with 1', async () => {
  for (const args of [[], ['-c'], ['-Q'], ['stray.cfg']]) {
    const { code, stdout, stderr } = await runWeir(args);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^Usage : weir /m);
  }
  const asked = await runWeir(['--help']);
  assert.deepEqual([asked.code, asked.stderr], [0, '']);
  assert.match(asked.stdout, /^Usage : weir /);
});

test('what is not implemented yet is refused in words', async () => {
  const { code, stderr } = await runWeir(['-W', '-f', 'x.cfg']);
  assert.equal(code, 1);
  assert.match(stderr, /\[ALERT\] {4}\(\d+\) : option '-W' is not implemented yet: /);
});

test('conditions are true with 0, false with 1, and no conditions with 2', async () => {
  const answer = async (condition: string, env = {}): Promise<number | null> =>
    (await runWeir(['-cc', condition], { env })).code;
  assert.equal(await answer('version_atleast(3.4)'), 0);
  assert.equal(await answer('version_atleast(1024)'), 1);
  assert.equal(await answer('streq("$WEIR_TEST_VALUE",\'foo bar\')', { WEIR_TEST_VALUE: 'foo bar' }), 0);
  assert.equal(await answer('streq(foo,bar)'), 1);
  assert.equal(await answer("streq('foo"), 2);
  const broken = await runWeir(['-cc', 'streq(a,b']);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /Failed to evaluate condition: /);
});

test('the version is told in all its forms, with the lines that harnesses look for', async () => {
  const short = await runWeir(['-v']);
  assert.equal(short.code, 0);
  assert.match(short.stdout, /^weir version \d+\.\d+\.\d+\nHAProxy version 3\.4\.0-weir\S+ 2026\/\d\d\/\d\d /);
  const long = await runWeir(['-vv']);
  assert.match(long.stdout, /^ {2}TARGET {2}= linux-glibc$/m);
  assert.match(long.stdout, /^Feature list : .*\+EPOLL/m);
  assert.match(long.stdout, /^Feature list : .*-QUIC/m);
  assert.match(long.stdout, /^Available services : none$/m);
  assert.match(long.stdout, /^ {6}epoll : pref=300, {2}test result OK$/m);
  assert.equal((await runWeir(['-vqs'])).stdout, '3.4.0\n');
  assert.equal((await runWeir(['-vqb'])).stdout, '3.4\n');
});

test('the launcher works through a symlink of any name, without a home and without a writable cache', async (context) => {
  const folder = makeFolder(context);
  const link = join(folder.path, 'haproxy');
  symlinkSync(LAUNCHER, link);
  const { code, stderr } = await runWeir(['-Q'], { program: link, env: { HOME: '/nowhere', XDG_CACHE_HOME: '/proc' } });
  assert.equal(code, 1);
  assert.match(stderr, /^Usage : haproxy /m);
});
