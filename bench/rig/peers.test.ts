import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOnPath, findPeer, parseVersion } from './peers.ts';

test('each kind of proxy is known by what its -v says', () => {
  assert.deepEqual(parseVersion('HAProxy version 3.4.0-64a335366 2026/06/03 - https://haproxy.org/\n'), {
    kind: 'haproxy',
    version: '3.4.0-64a335366',
  });
  assert.deepEqual(parseVersion('nginx version: nginx/1.22.1\n'), { kind: 'nginx', version: '1.22.1' });
  assert.deepEqual(parseVersion('weir version 0.1.0\nHAProxy version 3.4.0-weir0.1.0 2026/06/03\n'), {
    kind: 'weir',
    version: '0.1.0',
  });
  assert.equal(parseVersion('sh: 1.0'), null);
});

test('a peer that is no proxy, or a word that names none, is refused', async () => {
  await assert.rejects(findPeer('apache'), /unknown peer 'apache'/);
  await assert.rejects(findPeer('x=/no/such/file'), /cannot start/);
  const echo = findOnPath('echo');
  assert.notEqual(echo, '');
  await assert.rejects(findPeer(`x=${echo}`), /no weir, haproxy or nginx/);
});

test('a program that is not on PATH is not found', () => {
  assert.equal(findOnPath('no-such-program-anywhere'), '');
});
