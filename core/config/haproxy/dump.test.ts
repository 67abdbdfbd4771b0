// Goal: the dump says what weir implements, in a form that can be compared with HAProxy's. Method: the shape of each
// class, and (where HAProxy 3.4 is installed) that no line is one HAProxy does not have.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { dumpKeywords } from './dump.ts';

function dump(classes: string): string[] {
  let out = '';
  dumpKeywords(classes, (text) => {
    out += text;
  });
  return out.split('\n').slice(0, -1);
}

test('a class without entries is its heading', () => {
  deepStrictEqual(dump('flt,svc'), ['# List of registered filter names:', '# List of registered service names:']);
  deepStrictEqual(dump('nonsense'), []);
  strictEqual(dump('help')[1], 'all: list all keywords');
});

test('all classes come in the order of HAProxy', () => {
  const headings = dump('all').filter((line) => line.startsWith('#'));
  match(headings.join('|'), /ACL.*configuration.*CLI.*converter.*filter.*fetch.*service/);
});

test('every section has its line, and keywords are sorted within their kind', () => {
  const lines = dump('cfg');
  for (const section of ['global', 'listen', 'userlist', 'peers', 'crt-list', 'crt-store', 'traces', 'acme']) {
    ok(lines.includes(section), section);
  }
  const binds = lines.filter((line) => line.startsWith('\tbind <addr> '));
  deepStrictEqual(binds, [...binds].sort());
  ok(binds.includes('\tbind <addr> accept-proxy') && binds.includes('\tbind <addr> name +1'));
  ok(lines.includes('\toption http-ignore-probes [ FE HTTP ]'));
});

const peer = process.env['HAPROXY_PEER'] ?? 'haproxy';
const reference = spawnSync(peer, ['-dKcfg', '-q', '-c', '-f', '/dev/null'], { encoding: 'utf8', timeout: 20_000 });
const versionText = spawnSync(peer, ['-v'], { encoding: 'utf8', timeout: 20_000 }).stdout ?? '';
const skip = /version 3\.4/.test(versionText) ? false : 'HAPROXY_PEER is no HAProxy 3.4';

test('every line of weir’s dump is a line of HAProxy’s', { skip }, () => {
  const known = new Set(reference.stdout.split('\n'));
  deepStrictEqual(
    dump('cfg').filter((line) => !known.has(line)),
    [],
  );
});
