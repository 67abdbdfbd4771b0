// Goal: a keepalived.conf given with -f is found by what it says, checked with -c, and tested as keepalived would with
// --config-test. Method: the launcher itself.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeFolder, runWeir } from '../../core/testing/weir-process.ts';

const ROUTER = `global_defs {
  dynamic_interfaces
}
vrrp_instance V {
  interface eth0
  virtual_router_id 7
  virtual_ipaddress {
    192.0.2.7
  }
}
`;
const MISTAKE = ROUTER.replace('virtual_router_id 7', 'virtual_router_id 7\n  priority 300');
const FATAL = ROUTER.replace('  virtual_router_id 7\n', '');
const PROXY = `defaults
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

test('a keepalived.conf is checked alone and beside a haproxy.cfg, whatever its name', async (context) => {
  const folder = makeFolder(context);
  const router = folder.file('routers.txt', ROUTER);
  const proxy = folder.file('proxy.cfg', PROXY);
  assert.deepEqual(await runWeir(['-c', '-f', router]), { code: 0, signal: null, stdout: '', stderr: '' });
  const both = await runWeir(['-c', '-V', '-f', proxy, '-f', router]);
  assert.deepEqual([both.code, both.stdout], [0, 'Configuration file is valid\n']);
});

test('its mistakes are warnings with file and line, and what keeps it from running is an error', async (context) => {
  const folder = makeFolder(context);
  const proxy = folder.file('proxy.cfg', PROXY);
  const mild = await runWeir(['-c', '-f', proxy, '-f', folder.file('mild.conf', MISTAKE)]);
  assert.equal(mild.code, 0);
  assert.match(mild.stderr, /\[WARNING\] {2}\(\d+\) : \(.*mild\.conf: Line 7\) number '300' outside range \[1, 255\]/);
  const bad = await runWeir(['-c', '-f', proxy, '-f', folder.file('bad.conf', FATAL)]);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /\[ALERT\] {4}\(\d+\) : \(.*bad\.conf: Line 4\) \(V\) the virtual router id must be set/);
  assert.equal((await runWeir(['-c', '-dW', '-f', folder.file('strict.conf', MISTAKE)])).code, 1);
});

test('a watched backend must be one of the proxies, with that many servers', async (context) => {
  const folder = makeFolder(context);
  const proxy = folder.file('proxy.cfg', PROXY);
  const watching = (name: string, words: string): string =>
    folder.file(name, ROUTER.replace(/}\n$/, `  track_script {\n    weir:backend ${words}\n  }\n}\n`));
  assert.equal((await runWeir(['-c', '-f', proxy, '-f', watching('good.conf', 'b up>=1')])).code, 0);
  const unknown = await runWeir(['-c', '-f', proxy, '-f', watching('unknown.conf', 'bb up>=1')]);
  assert.equal(unknown.code, 1);
  assert.match(
    unknown.stderr,
    /unknown\.conf: Line 4\) \(V\) weir:backend: no backend 'bb' .*; did you mean 'b' maybe \?/,
  );
  const many = await runWeir(['-c', '-f', proxy, '-f', watching('many.conf', 'b up>=2')]);
  assert.equal(many.code, 1);
  assert.match(many.stderr, /backend 'b' has 1 servers, up>=2 can never be true/);
});

test('the example of a pair of boxes is valid', async (context) => {
  const read = (name: string): string =>
    readFileSync(new URL(`../../deploy/examples/pair/${name}`, import.meta.url), 'utf8');
  const folder = makeFolder(context);
  const proxy = folder.file('proxy.cfg', read('haproxy.cfg'));
  // Whatever interfaces this machine has.
  const router = folder.file(
    'routers.conf',
    read('keepalived.conf').replace('global_defs {', 'global_defs {\n  dynamic_interfaces'),
  );
  const { code, stderr } = await runWeir(['-c', '-f', proxy, '-f', router]);
  assert.deepEqual([code, stderr], [0, '']);
});

test('--config-test answers with the exit codes of keepalived', async (context) => {
  const folder = makeFolder(context);
  const run = (name: string, text: string, ...words: string[]): ReturnType<typeof runWeir> =>
    runWeir(['--config-test', ...words, '-f', folder.file(name, text)]);
  assert.deepEqual(await run('good.conf', ROUTER), { code: 0, signal: null, stdout: '', stderr: '' });
  const mistake = await run('mistake.conf', MISTAKE);
  assert.equal(mistake.code, 5);
  assert.match(mistake.stderr, /^\(.*mistake\.conf: Line 7\) number '300' outside range \[1, 255\]\n/);
  const missing = await run('missing.conf', ROUTER.replace('_id 7', '_id'));
  assert.equal(missing.code, 2);
  assert.equal((await run('insecure.conf', ROUTER.replace('_id 7', '_id 7\n notify_master /bin/true root'))).code, 6);
  assert.equal((await runWeir(['--config-test', '-f', '/nope/keepalived.conf'])).code, 6);
});

test('--config-test=FILE writes what it says there, and --config-id decides about @ lines', async (context) => {
  const folder = makeFolder(context);
  const log = folder.file('log', '');
  const file = folder.file('id.conf', `@one foo\n@two bar\n${ROUTER}`);
  const { code, stderr } = await runWeir([`--config-test=${log}`, '--config-id', 'two', '-f', file]);
  assert.deepEqual([code, stderr], [5, '']);
  assert.match(readFileSync(log, 'utf8'), /^\(.*id\.conf: Line 2\) Unknown keyword 'bar'\n$/);
});
