// Goal: an operator reads the same words about formats of logs from weir as from HAProxy. Method: give the same
// configurations to both and compare every line of the diagnostics and the verdict.

import { strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import { PARITY_LOG_FORMAT_CASES } from './parity-log-format-cases.ts';
import { Peer } from './parity-peer.ts';

const peer = new Peer();
const { skip } = peer;

after(() => peer.close());

for (const [title, content] of Object.entries(PARITY_LOG_FORMAT_CASES)) {
  test(`weir says what HAProxy says about ${title}`, { skip }, () => {
    const { expected, actual } = peer.judge(content);
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
    if (title.startsWith('right ')) strictEqual(expected.exitCode, 0, expected.text);
  });
}
