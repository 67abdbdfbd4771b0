// Goal: weir behaves as HAProxy does, seen from both sides. Method: one configuration and some 3,000 exchanges, well-formed,
// odd, hostile and cut at every byte, go through both; what clients and origins get, how connections end and what is
// logged must be the same, but for the differences listed in differences.ts, which must still be there.
//
// Runs where haproxy is installed; HAPROXY_PEER names another one.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { findHaproxy, findWeir, weirPath } from '../rig/peers.ts';
import { DIFFERENCES } from './differences.ts';
import { CASES, runParity, sideBySide } from './parity.ts';
import { SECTIONS } from './sections.ts';

const SHOWN_COUNT_MAX = 10;

const peer = await findHaproxy();
const weir = await findWeir();
const skip = peer === null ? 'haproxy is not installed' : weir === null ? 'weir cannot be started' : false;

for (const engine of ['uring', 'epoll']) {
  test(`weir on ${engine} does what HAProxy ${peer?.version ?? ''} does`, { skip }, async (context) => {
    const findings = await runParity(peer!, weir!, { subjectArgs: ['--engine', engine] });
    const wrong = findings.filter((each) => each.wrong !== '');
    const shown = wrong.slice(0, SHOWN_COUNT_MAX).map((each) => `${sideBySide(each.result)}\n   ${each.wrong}`);
    context.diagnostic(`${findings.length} exchanges compared, ${wrong.length} wrong`);
    assert.equal(wrong.length, 0, `${wrong.length} cases are wrong:\n${shown.join('\n\n')}`);
    assert.ok(findings.length > 1_000, 'the tables were not run');
  });
}

test('each listed difference names a case, and no two cases have the same name', () => {
  const names = CASES.map((each) => each.name);
  const unknown = [...DIFFERENCES.keys()].filter((name) => !names.includes(name));
  assert.deepEqual(unknown, []);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

/** Actions of stick tables have tests of their own, against HAProxy too. */
const ELSEWHERE = /^(sc-|track-sc)/;

test('each action weir has in a set of rules is in the configuration of the parity test', {
  skip: weir === null,
}, () => {
  // It lists them, then refuses a configuration with nothing to listen on.
  const dump = spawnSync(weirPath, ['-dKcfg', '-q', '-c', '-f', '/dev/null'], { encoding: 'utf8' }).stdout;
  const configs = SECTIONS.map((section) => section.config).join('\n');
  const sets =
    'http-request|http-response|http-after-response|tcp-request (?:connection|session|content)|tcp-response content';
  const known = [...dump.matchAll(new RegExp(`^\\t(${sets}) ([a-z0-9-]+)\\*?$`, 'gm'))];
  assert.ok(known.length > 100, `weir lists only ${known.length} actions`);
  const missing = known.filter(([, set, action]) => {
    if (ELSEWHERE.test(action!)) return false;
    return !new RegExp(`^ *${set} ${action}(?=[ (]|$)`, 'm').test(configs);
  });
  assert.deepEqual(
    missing.map(([, set, action]) => `${set} ${action}`),
    [],
  );
});
