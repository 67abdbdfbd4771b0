// Goal: the lines of capture, declare and of the actions that edit messages are accepted and refused as HAProxy does, in its
// words. Method: one configuration a line, given to both.

import { strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import { Peer } from './parity-peer.ts';

const peer = new Peer();
const { skip } = peer;

after(() => peer.close());

const CAPTURES = [
  'capture',
  'capture cookie',
  'capture cookie a len',
  'capture cookie a len 5',
  'capture cookie a len 5 x',
  'capture request',
  'capture request header',
  'capture request header a len',
  'capture request header a length 5',
  'capture request header a len 5',
  'capture request header a len 5 x',
  'capture response header a',
  'capture response header a len 5',
  'capture response cookie a len 5',
  'declare',
  'declare x',
  'declare capture',
  'declare capture both',
  'declare capture request',
  'declare capture request len',
  'declare capture request len x',
  'declare capture request len 0',
  'declare capture request len -5',
  'declare capture response len 5',
];

const HTTP_REQUEST = [
  ...[
    'set-header',
    'set-header a',
    'set-header a b c',
    'set-header a %[nope]',
    'set-header a %[src',
    'set-header a %nope',
  ],
  ...["set-header 'a b' c", 'set-header :a b', 'set-header a: b', 'add-header a', 'add-header a %[res.hdr(b)]'],
  ...[
    'del-header',
    'del-header a b',
    'del-header a -m',
    'del-header a -m dom',
    'del-header a -m reg',
    'del-header ( -m reg',
  ],
  ...['replace-header', 'replace-header a b', 'replace-header a ( b', 'replace-header a b c d', 'replace-value a b'],
  ...['add-headers-bin', 'set-headers-bin nope', 'set-headers-bin src prefix', 'set-headers-bin req.hdrs_bin prefix x'],
  ...['set-headers-bin req.hdrs_bin x', 'del-headers-bin', 'del-headers-bin req.hdrs_bin -m', 'set-headers-bin status'],
  ...[
    'del-headers-bin req.hdrs_bin -m reg',
    'del-headers-bin req.hdrs_bin -m ip',
    'del-headers-bin req.hdrs_bin -m beg',
  ],
  ...['set-method', 'set-path', 'set-pathq a b', 'set-query a if TRUE', 'set-uri %[nope]', 'set-uri a b'],
  ...['replace-path', 'replace-path a', 'replace-path a b c', 'replace-pathq ( b', 'replace-uri a b'],
  ...['normalize-uri', 'normalize-uri x', 'normalize-uri path-strip-dotdot x', 'normalize-uri fragment-strip x'],
  ...['normalize-uri percent-to-uppercase strict if TRUE', 'normalize-uri percent-decode-unreserved full'],
  ...['set-var int(1)', 'set-var() int(1)', 'set-var(txn.a)', 'set-var(txn.a int(1)', 'set-var(a) int(1)'],
  ...[
    'set-var(txn.a-b) int(1)',
    'set-var(txn.a,ifx) int(1)',
    'set-var(txn.a,ifset,ifgt) int(1)',
    'set-var(txn.a) nope',
  ],
  ...['set-var(txn.a) res.hdr(b)', 'set-var(txn.a) int(1) x', 'set-var-fmt(txn.a) %[nope]', 'set-var-fmt(txn.a) a b'],
  ...['unset-var(txn.a,ifset)', 'unset-var(txn.a) x', 'unset-var(foo.a)', 'set-var(psess.a) int(1)'],
  ...['set-map(/f)', 'set-map(/f) a', 'set-map(/f) a b c', 'del-map(/f)', 'add-acl(/f) a b', 'del-acl(/f) %[src]'],
  ...['capture', 'capture path', 'capture path len', 'capture path len 0', 'capture path len 3 x', 'capture path by 3'],
  ...['capture path id x', 'capture path id 0', 'capture nope len 3', 'capture res.hdr(a) len 3', 'capture if len 3'],
  ...[
    'set-src',
    'set-src nope',
    'set-src hdr(a)',
    'set-src res.hdr(a)',
    'set-dst-port int(1) x',
    'set-src-port int(1)',
  ],
  ...['set-mark', 'set-mark x', 'set-mark 0x1g', 'set-mark 5', 'set-fc-mark 5 x', 'set-bc-mark src'],
  ...[
    'set-tos',
    'set-tos x',
    'set-fc-tos 5',
    'set-bc-tos int(5)',
    'set-log-level',
    'set-log-level x',
    'set-log-level silent',
  ],
  ...[
    'set-nice',
    'set-nice x',
    'set-nice 9999',
    'set-priority-class',
    'set-priority-class x',
    'set-priority-class res.hdr(a)',
    'set-priority-offset int(1)',
  ],
  ...['set-timeout', 'set-timeout server', 'set-timeout x 1s', 'set-timeout server x', 'set-timeout server 0'],
  ...['set-timeout server 99999999d', 'set-timeout server 1us', 'set-timeout client 1s', 'set-timeout tunnel int(5)'],
  ...['set-retries', 'set-retries 101', 'set-retries -1', 'set-retries x', 'set-retries 0', 'set-retries int(5)'],
  ...['disable-l7-retry', 'disable-l7-retry x'],
];

const HTTP_RESPONSE = [
  ...['set-status', 'set-status x', 'set-status 99', 'set-status 1000', 'set-status 200 reason', 'set-status 200 x'],
  ...['set-status 200 reason a', 'set-status 200 reason a b', 'set-header a %[req.hdr(b)]', 'set-header a %[path]'],
  ...['capture status id 0', 'capture status len 3', 'capture status', 'capture path id 0', 'capture status id'],
  ...['set-timeout server 1s', 'set-mark 1', 'set-var(res.a) status', 'del-header a -m sub', 'set-map(/f) a b'],
];

const TCP = [
  ...[
    'connection set-src',
    'connection set-src src,ipmask(8)',
    'connection set-var(sess.a) src',
    'connection set-mark x',
  ],
  ...['session set-dst dst', 'session set-tos 5', 'session set-var(txn.a) hdr(a)', 'session unset-var(sess.a)'],
  ...['content capture', 'content capture src', 'content capture src len', 'content capture src len 0'],
  ...[
    'content capture src len 5',
    'content capture nope len 5',
    'content capture src len 5 x',
    'content set-retries 3',
  ],
  ...[
    'content set-priority-class int(1)',
    'content set-priority-offset res.hdr(a)',
    'content set-log-level err',
    'content set-bc-mark 1',
    'content set-nice 5',
  ],
  ...['connection capture src len 5', 'session capture src len 5', 'content set-var-fmt(txn.a) %[src]'],
];

const SECTION = 'defaults\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\n';
const EXPERIMENTAL = 'global\n  expose-experimental-directives\n';

const kinds = [
  { name: 'listen', head: 'mode http\n  bind :1\n' },
  { name: 'frontend', head: 'mode http\n  bind :1\n' },
  { name: 'backend', head: 'mode http\n' },
];

/** One of these kinds of sections with one line, and a frontend so that the file has a listener. */
function content(kind: (typeof kinds)[number], line: string): string {
  const other = kind.name === 'backend' ? 'frontend o\n  mode http\n  bind :2\n  http-request return status 200\n' : '';
  const global = line.includes('normalize-uri') ? EXPERIMENTAL : '';
  return `${global}${SECTION}${other}${kind.name} px\n  ${kind.head}  ${line}\n`;
}

function compare(line: string, kind: (typeof kinds)[number]): string {
  const { expected, actual } = peer.judge(content(kind, line));
  if (expected.text === actual.text && expected.exitCode === actual.exitCode) return '';
  return `${kind.name}: ${line}\n  haproxy ${expected.exitCode} ${expected.text}  weir    ${actual.exitCode} ${actual.text}`;
}

const all = [
  ...CAPTURES,
  ...HTTP_REQUEST.map((line) => `http-request ${line}`),
  ...HTTP_RESPONSE.map((line) => `http-response ${line}`),
  ...TCP.map((line) => `tcp-request ${line}`),
];

test('HAProxy and weir agree about each of these lines', { skip }, () => {
  const different = all.map((line, index) => compare(line, kinds[index % kinds.length]!)).filter((text) => text !== '');
  strictEqual(different.join('\n'), '');
});
