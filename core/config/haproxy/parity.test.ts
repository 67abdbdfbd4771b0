// Goal: an operator reads the same words from weir as from HAProxy. Method: give the same wrong configurations to
// both and compare every line of the diagnostics and the verdict.

import { notDeepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import { PARITY_CASES, PARITY_DIFFERENCES } from './parity-cases.ts';
import { Peer } from './parity-peer.ts';

const peer = new Peer();
const { skip } = peer;

after(() => peer.close());

for (const [title, content] of Object.entries(PARITY_CASES)) {
  if (Object.hasOwn(PARITY_DIFFERENCES, title)) continue;
  test(`weir says what HAProxy says about ${title}`, { skip }, () => {
    const { expected, actual } = peer.judge(content);
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
  });
}

// Method: a difference that no longer exists must leave the list, and each entry names a case.
for (const [title, reason] of Object.entries(PARITY_DIFFERENCES)) {
  test(`weir differs from HAProxy on purpose about ${title}: ${reason}`, { skip }, () => {
    const content = PARITY_CASES[title];
    ok(content !== undefined, 'a listed difference has no case');
    const { expected, actual } = peer.judge(content);
    notDeepStrictEqual(actual, expected);
  });
}
