// Goal: weir and HAProxy agree about lines nobody thought of. Method: random lines, random arguments and misspelt
// words from a seed; both programs read the file and their diagnostics are compared.
//
// Each case starts a HAProxy, so there are a hundredth of FUZZ_CASES.

import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { Environment } from './environment.ts';
import * as known from './known-keywords.ts';
import { lexLine } from './lexer.ts';
import { Peer } from './parity-peer.ts';

const CASE_SHARE = 100;
const peer = new Peer();

after(() => peer.close());

function fuzzWithPeer(name: string, run: (prng: Prng) => void): void {
  if (peer.skip === false) fuzz(name, run, CASE_SHARE);
  else test(`fuzz: ${name}`, { skip: peer.skip }, () => {});
}

const PIECES = [
  ...[
    '"',
    "'",
    '\\',
    '$',
    '{',
    '}',
    '[*]',
    '[',
    ' ',
    '  ',
    '\t',
    '#',
    'a',
    'bc',
    'HOME',
    'PATH',
    'NONE_AT_ALL',
    '\\x41',
  ],
  ...[
    '"$HOME"',
    `"$${'{'}PATH[*]}"`,
    `"$${'{'}HOME}"`,
    '\\ ',
    '\\"',
    "\\'",
    '\\#',
    '\\$',
    '\\n',
    '\\x4',
    "''",
    '""',
    '\x7f',
  ],
  '\xe9',
];

/** What HAProxy shows of a line under a message is cut at its own marks; the message has the position anyway. */
function withoutShownLines(text: string): string {
  const lines = text.split('\n');
  return lines.filter((line) => !line.startsWith('  ')).join('\n');
}

// `.notice` prints its first word and complains about a second.
fuzzWithPeer('random lines have the same words in HAProxy', (prng) => {
  // One mistake keeps HAProxy from looking at the words of the other lines: half of the files have none.
  const sound = prng.below(2) === 0;
  const nowhere = { file: '', line: 1, section: '' };
  let content = '';
  for (let left = 40; left > 0; left--) {
    let line = '.notice ';
    for (let pieces = prng.below(8); pieces > 0; pieces--) line += prng.pick(PIECES);
    if (!sound || lexLine(line, new Environment(process.env), nowhere).error === null) content += `${line}\n`;
  }
  const { expected, actual } = peer.judge(content);
  strictEqual(withoutShownLines(actual.text), withoutShownLines(expected.text));
});

const LETTERS = 'abcdefghijklmnopqrstuvwxyz-_.0123456789';

function misspell(prng: Prng, word: string): string {
  let out = word;
  for (let changes = 1 + prng.below(3); changes > 0; changes--) {
    const at = prng.below(out.length + 1);
    const how = prng.below(4);
    const letter = how === 1 || how === 3 ? '' : LETTERS[prng.below(LETTERS.length)]!;
    const rest = how === 3 ? '' : out.slice(how === 0 ? at : at + 1);
    out = out.slice(0, how === 3 ? Math.max(3, at) : at) + letter + rest;
  }
  return `x${out}`.replace(/^x(?=[a-z])/, '');
}

/** Line number → what is said about an unknown word there. */
function hints(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const place = /case\.cfg:(\d+)\]/.exec(line)?.[1];
    const said = /unknown (?:keyword|option) .*/.exec(line)?.[0];
    if (place !== undefined && said !== undefined) found.set(place, said);
  }
  return found;
}

fuzzWithPeer('misspelt words get the same hints as in HAProxy', (prng) => {
  const some = (count: number, prefix: string, words: readonly string[]): string =>
    Array.from({ length: count }, () => ` ${prefix}${misspell(prng, prng.pick(words))}\n`).join('');
  const content =
    `global\n${some(10, '', [...known.GLOBAL_REGISTERED, ...known.GLOBAL_COMMON])}` +
    `listen l\n${some(10, '', [...known.PROXY_REGISTERED, ...known.PROXY_COMMON])}` +
    some(8, 'option ', [...known.OPTIONS_REGISTERED, ...known.OPTIONS_COMMON]) +
    some(9, 'bind :1 ', [...known.BIND_PLAIN, ...known.BIND_TLS]) +
    some(9, 'server s 127.0.0.1:1 ', known.SERVER_WORDS);
  const { expected, actual } = peer.judge(content);
  const ours = hints(actual.text);
  // A word may come out as one that exists: what is said then is no hint.
  for (const [place, said] of hints(expected.text)) if (ours.has(place)) strictEqual(ours.get(place), said);
});

const GLOBAL_STARTS = [
  ...['maxconn', 'ulimit-n', 'nbthread', 'uid', 'gid', 'user', 'group', 'hard-stop-after', 'grace', 'node', 'log'],
  ...[
    'description',
    'log-tag',
    'log-send-hostname',
    'stats',
    'stats timeout',
    'stats maxconn',
    'unix-bind',
    'log 127.0.0.1',
  ],
  ...[
    'tune.maxrewrite',
    'tune.http.maxhdr',
    'tune.http.logurilen',
    'strict-limits',
    'thread-groups',
    'thread-hard-limit',
  ],
  ...['busy-polling', 'nosplice', 'maxpipes', 'tune.maxpollevents', 'tune.pipesize', 'tune.idletimer', 'cpu-map'],
  ...['set-dumpable', 'tune.recv_enough', 'tune.runqueue-depth', 'profiling.tasks', 'tune.sched.low-latency', 'noktls'],
];
const PROXY_STARTS = [
  ...['mode', 'id', 'description', 'disabled', 'enabled', 'option', 'no option', 'default option', 'timeout', 'log'],
  ...['timeout client', 'timeout server', 'timeout connect', 'timeout queue', 'timeout tunnel', 'timeout client-fin'],
  ...['timeout http-request', 'timeout http-keep-alive', 'log-tag', 'errorfile', 'bind', 'maxconn', 'backlog', 'guid'],
  ...[
    'rate-limit',
    'rate-limit sessions',
    'monitor-uri',
    'default_backend',
    'use_backend',
    'server',
    'server @',
    'source',
  ],
  ...[
    'server @ 127.0.0.1:80',
    'server @ 127.0.0.1:80 weight',
    'default-server',
    'balance',
    'balance random',
    'hash-type',
  ],
  ...['fullconn', 'retries', 'retry-on', 'http-reuse', 'no log', 'bind :80', 'bind 127.0.0.1:1-3', 'log 127.0.0.1:514'],
  ...['option forwardfor', 'option originalto', 'option redispatch', 'option httplog', 'option tcplog', 'option tcpka'],
  ...['option httpclose', 'option forwarded', 'no option http-no-delay', 'option splice-auto', 'option nolinger'],
];
const ARGUMENTS = [
  ...['0', '1', '-1', '5s', '10ms', '99', 'abc', '1x', '2147483648', '30d', '1us', '10k', '127.0.0.1', '127.0.0.1:80'],
  ...[
    '[::1]:80',
    ':0',
    ':99999',
    '::1',
    '*:80',
    '/tmp/x',
    'unix@/a',
    'abns@x',
    'stdout',
    'local0',
    'info',
    'len',
    '80',
  ],
  ...['format', 'raw', 'sample', '1-3,5:9', 'global', 'http', 'tcp', 'roundrobin', 'consistent', 'sdbm', 'avalanche'],
  ...['never', 'sessions', 'name', 'weight', 'backup', 'on', 'off', 'x/y', 'header', 'except', 'if-none', '10.0.0.0/8'],
  ...['for', 'by_port', 'conn-failure', '400', '1.2.3', 'interface', 'accept-proxy', 'id', 'mss', 'init-addr', 'none'],
  ...[
    'send-proxy',
    'disabled',
    'clf',
    'preserve',
    '300',
    'pool-max-conn',
    'tcp-ut',
    'user',
    'mode',
    '600',
    'last,libc',
  ],
  ...[
    'nice',
    'shards',
    'by-thread',
    'proto',
    'h1',
    'tfo',
    'v6only',
    'minconn',
    'max-reuse',
    'pool-purge-delay',
    'guid',
  ],
];

function randomSection(prng: Prng, starts: readonly string[], lineCount: number): string {
  let text = '';
  for (let left = lineCount; left > 0; left--) {
    // Servers have names of their own: HAProxy 3.4.0 is not reliable about two of one name.
    let line = prng.pick(starts).replace('@', `s${prng.next32()}`);
    for (let args = prng.below(4); args > 0; args--) line += ` ${prng.pick(ARGUMENTS)}`;
    text += ` ${line}\n`;
  }
  return text;
}

fuzzWithPeer('random arguments get the same answers as in HAProxy', (prng) => {
  let content = `global\n${randomSection(prng, GLOBAL_STARTS, prng.below(8))}`;
  content += `defaults\n timeout client 3s\n timeout server 3s\n timeout connect 3s\n`;
  content += randomSection(prng, PROXY_STARTS, prng.below(4));
  for (let count = prng.below(3); count >= 0; count--) {
    const kind = prng.pick(['frontend', 'backend', 'listen']);
    content += `${kind} p${count}\n${randomSection(prng, PROXY_STARTS, prng.below(8))}`;
  }
  const { expected, actual } = peer.judge(content);
  // A file that weir refuses as not implemented, or that crashed HAProxy, says nothing.
  if (actual.text.includes('not implemented by weir yet') || expected.exitCode < 0) return;
  deepStrictEqual(actual.text.split('\n'), expected.text.split('\n'));
});

const SOUND_LINES = [
  ...['mode http', 'mode tcp', 'option httplog', 'option tcplog', 'log 127.0.0.1 local0', 'log global', 'no log'],
  ...[
    'timeout client 3s',
    'timeout connect 3s',
    'timeout server 3s',
    'timeout tunnel 1h',
    'timeout queue 1s',
    'disabled',
  ],
  ...[
    'option forwardfor',
    'option originalto',
    'option http-no-delay',
    'option splice-auto',
    'option httpclose',
    'enabled',
  ],
  ...[
    'monitor-uri /x',
    'retries 2',
    'balance roundrobin',
    'maxconn 100',
    'fullconn 9',
    'http-reuse safe',
    'description x',
  ],
  ...[
    'option forwarded',
    'option redispatch',
    'option tcpka',
    'default-server weight 3',
    'source 127.0.0.1',
    'backlog 9',
  ],
];
const FRONT_LINES = [
  ...[
    'bind 127.0.0.1:80',
    'bind :81-82',
    'bind /tmp/w.sock proto h1',
    'bind :83 proto none',
    'option http-ignore-probes',
  ],
  ...['default_backend p0', 'default_backend p1', 'use_backend p2', 'use_backend p1', 'default_backend none'],
];
const BACK_LINES = ['server @ 127.0.0.1:80', 'server @ 127.0.0.1:80 proto h1', 'option http-pretend-keepalive'];

// Method: lines that are all well-formed, so that what is compared comes from the checks of the whole.
fuzzWithPeer('whole configurations are judged as in HAProxy', (prng) => {
  const some = (lines: readonly string[], count: number): string =>
    Array.from({ length: count }, () => ` ${prng.pick(lines).replace('@', `s${prng.next32()}`)}\n`).join('');
  let content = `global\n log 127.0.0.1 local1\ndefaults${prng.pick(['', ' d'])}\n${some(SOUND_LINES, prng.below(9))}`;
  for (let index = 0; index < 3; index++) {
    const kind = prng.pick(['frontend', 'backend', 'listen']);
    content += `${kind} p${index}\n${some(SOUND_LINES, prng.below(6))}`;
    if (kind !== 'backend') content += some(FRONT_LINES, prng.below(4));
    // One server at most: HAProxy warns about a default_backend beside servers whatever their number.
    if (kind !== 'frontend') content += some(BACK_LINES, prng.below(2));
  }
  const { expected, actual } = peer.judge(content);
  deepStrictEqual(actual.text.split('\n'), expected.text.split('\n'));
  strictEqual(actual.exitCode, expected.exitCode);
});
