// Goal: an operator reads the same words about rules from weir as from HAProxy. Method: give the same wrong configurations
// to both and compare every line of the diagnostics and the verdict.

import { strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { Peer } from './parity-peer.ts';
import { PARITY_RULES_CASES } from './parity-rules-cases.ts';

const peer = new Peer();
const { skip } = peer;

after(() => peer.close());

for (const [title, content] of Object.entries(PARITY_RULES_CASES)) {
  test(`weir says what HAProxy says about ${title}`, { skip }, () => {
    const { expected, actual } = peer.judge(content);
    strictEqual(actual.text, expected.text);
    strictEqual(actual.exitCode, expected.exitCode);
    if (title.startsWith('right ')) strictEqual(expected.exitCode, 0, expected.text);
  });
}

const STARTS: readonly string[] = [
  ...['http-request', 'http-response', 'http-after-response', 'tcp-request content', 'tcp-request connection'],
  ...['tcp-request session', 'tcp-response content', 'redirect', 'use_backend', 'use-server', 'http-error'],
  ...['http-request deny', 'http-request return', 'http-request redirect', 'http-response return'],
  ...['http-request set-var(txn.a)', 'http-request set-header a', 'http-request pause', 'http-request capture'],
];
const WORDS: readonly string[] = [
  ...['allow', 'deny', 'accept', 'reject', 'return', 'redirect', 'tarpit', 'auth', 'pause', 'set-var(txn.x)', 'status'],
  ...['set-var(txn.x', 'set-var(foo.x)', 'unset-var(txn.x)', 'set-header', 'x-y', '404', 'string', 'content-type'],
  ...['text/plain', 'hdr', 'lf-string', '%[path]', '%[', 'location', 'prefix', 'scheme', 'code', '301', 'if', 'unless'],
  ...[
    '{',
    '}',
    'path',
    '/x',
    '!',
    'or',
    '||',
    'TRUE',
    'hdr(a)',
    '-m',
    'beg',
    'found',
    '-i',
    '--',
    'realm',
    'errorfile',
  ],
  ...['/dev/null', 'time', '10s', '0', '-1', 'deny_status', 'set-cookie', 'a=b', 'drop-query', 'ignore-empty', 'close'],
  ...[
    'expect-proxy',
    'layer4',
    'silent-drop',
    'rst-ttl',
    '300',
    'strict-mode',
    'on',
    'wait-for-body',
    'at-least',
    '1k',
  ],
  ...['early-hint', 'do-log', 'capture', 'len', '5', 'id', 'del-header', 'replace-path', 'src', 'switch-mode', 'http'],
];

function someLine(prng: Prng): string {
  let line = STARTS[prng.below(STARTS.length)]!;
  for (let left = prng.below(7); left > 0; left--) line += ` ${WORDS[prng.below(WORDS.length)]}`;
  return line;
}

const PEER_CRASHES = /invalid pointer/;
const PEER_LACKS_LINE_END = /\.\n'/; // its warning about a condition that cannot hold ends too early
const OURS_IS_MISSING = /not implemented by weir/;

if (skip === false) {
  fuzz(
    'weir and HAProxy say the same about any words of a rule',
    (prng) => {
      const line = someLine(prng);
      const head = 'defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n';
      const section = `listen l\n bind :1\n server s 127.0.0.1:1\n ${line}\nbackend b\n`;
      const { expected, actual } = peer.judge(head + section);
      if (PEER_CRASHES.test(expected.text) || PEER_LACKS_LINE_END.test(expected.text)) return;
      if (OURS_IS_MISSING.test(actual.text)) return;
      strictEqual(actual.text, expected.text, line);
      strictEqual(actual.exitCode, expected.exitCode, line);
    },
    50,
  );
}
