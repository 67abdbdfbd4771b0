// Edited heads beside HAProxy's: the same bytes through the same rules, by a HAProxy 3.4 in front of an origin that tells
// what it was sent, and by our actions and writer. Skipped without one (HAPROXY_PEER names it).

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RULE_BAD_REQUEST, RULE_CONTINUE } from './contract.ts';
import { giveCaptures, RuleBench, requestText, responseText, wordsOf } from './fixture-actions.ts';
import { NORMALIZER_CASES } from './fixture-normalize-uri.ts';
import { FRAMING_BROKEN, settleFraming } from './framing.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const WAIT_MS = 10_000;
const HAS_PEER = /HAProxy version 3\.4/.test(spawnSync(PEER, ['-v'], { encoding: 'utf8' }).stdout ?? '');
const SKIP = HAS_PEER ? false : 'needs a HAProxy 3.4, by HAPROXY_PEER or on PATH';

interface Case {
  readonly rules: readonly string[]; // http-request, or http-response when there is a response
  readonly request: string;
  readonly response: string; // '' a case of requests
}

const cases: Case[] = [];

const request = (target: string, lines = '', method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\nHost: h.example\r\n${lines}\r\n`;

function requestCase(text: string, ...rules: readonly string[]): void {
  cases.push({ rules, request: text, response: '' });
}

function responseCase(text: string, ...rules: readonly string[]): void {
  cases.push({ rules, request: request('/'), response: text });
}

for (const [name, option, from] of NORMALIZER_CASES) {
  const target = name === 'query-sort-by-name' ? `/p?${from}` : from;
  const rule = `normalize-uri ${name} ${option}`.trim();
  // No parser lets a `#` in: a rule puts it there.
  if (target.includes('#')) requestCase(request('/'), `set-uri ${target}`, rule);
  else requestCase(request(target), rule);
}
const LINES = 'X-A: 1, a2 , "a,3"\r\nX-B: b\r\nX-A: \r\nX-A: a4,\r\nCookie: a=1; b=2\r\n';
const headerRules = [
  ['set-header X-A %[req.hdr(x-b)]'],
  ['add-header X-A new', 'add-header X-C %[path]', 'del-header x-b'],
  ['set-header empty %[req.hdr(nope)]'],
  ["set-header blanks ' v '"],
  ['set-header q %[query,url_dec]'],
  ['set-header :p v', 'set-header after w'],
  ['del-header X- -m beg'],
  ['del-header -a -m end'],
  ['del-header OO -m sub'],
  ['del-header ^x-[ab]$ -m reg'],
  ['replace-header X-A a(.) <\\1>\\x41\\0'],
  ['replace-header X-A ^$ was-empty'],
  ['replace-value X-A ^a(.)$ <\\1%[req.hdr(x-b)]>'],
  ['replace-value X-A ^.*$ z\\0'],
  ['replace-value x-b (.)(.)? [\\1\\2\\3]'],
  ['replace-header Cookie a=[0-9]+;\\s*(.*) \\1'],
  ['set-header Host other', 'set-header x-h %[req.hdr(host)]'],
  ['del-header Host'],
  ['set-headers-bin req.hdrs_bin'],
  ['add-headers-bin req.hdrs_bin prefix x-'],
  ['set-var(txn.n) req.hdr_names,length', 'set-header n %[var(txn.n)]'],
];
for (const rules of headerRules) requestCase(request('/p?a=%0d%0ab%7f%c3', LINES), ...rules);
const uriRules = [
  ['set-path /v%[path]'],
  ['set-pathq /v%[pathq]'],
  ['set-query q=%[query]'],
  ['set-query %[req.hdr(nope)]'],
  ['set-uri /new?%[query]'],
  ['set-uri http://u:p@new.example:81/z?%[query]'],
  ['set-uri noscheme'],
  ['set-uri https://new.example'],
  ['set-method POST'],
  ['set-method %[path]'],
  ['replace-path (.*)/(.*) \\2/\\1'],
  ['replace-path ^/$ /root'],
  ['replace-pathq (.*)\\?(.*) \\2\\1'],
  ['replace-uri ^(.*)$ /all/\\1'],
  ['replace-uri [a-z] X'],
  ['set-header Host other.example'],
  ['replace-value Host ^h o'],
];
const targets = ['/', '/a/b?c=d', '/a?b?c', '/?', 'http://h.example/x/y?z', 'http://u@h.example/a', 'http://h.example'];
for (const rules of uriRules) for (const target of targets) requestCase(request(target), ...rules);
requestCase(request('*', '', 'OPTIONS'), 'set-path /x%[path]');
requestCase(request('*', '', 'OPTIONS'), 'replace-uri .* /x');
const body = (lines: string, content: string): string => `${request('/', lines, 'POST')}${content}`;
const framingRules = [
  [],
  ['del-header content-length', 'del-header transfer-encoding'],
  ['set-header transfer-encoding gzip'],
  ['add-header transfer-encoding chunked'],
  ['set-header content-length 3'],
  ['set-header content-length 5'],
  ['set-header content-length x'],
];
for (const rules of framingRules) {
  requestCase(body('Content-Length: 5\r\n', 'hello'), ...rules);
  requestCase(body('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'), ...rules);
  requestCase(request('/'), ...rules);
}
// What changes something else is seen by what later rules read.
const conditions = [
  'ifexists',
  'ifnotexists',
  'ifempty',
  'ifnotempty',
  'ifset',
  'ifnotset',
  'ifgt',
  'iflt',
  'ifset,ifgt',
];
const firsts = [
  'unset-var(txn.a)',
  'set-var(txn.a) int(3)',
  'set-var(txn.a) int(9)',
  'set-var(txn.a) str()',
  'set-var(txn.a) path',
];
for (const condition of conditions) {
  for (const first of firsts) {
    for (const then of ['int(5)', 'path', 'req.hdr(empty)', 'req.hdr(nope)']) {
      const rules = [first, `set-var(txn.a,${condition}) ${then}`, 'set-header v <%[var(txn.a)]>'];
      requestCase(request('/p', 'Empty:\r\n'), ...rules);
    }
  }
}
const stateRules = [
  ['set-var(proc.p,ifexists) int(1)', 'set-header v %[var(proc.p)]'],
  ['set-var(proc.q,ifnotexists) int(1)', 'set-header v <%[var(proc.q)]>'],
  ['set-var-fmt(req.a) <%[path]-%[req.hdr(x-b)]>', 'set-header v %[var(req.a),upper]'],
  ['set-var(res.a) int(1)', 'set-header v <%[var(res.a)]>'],
  ['set-var(txn.a) int(1)', 'unset-var(txn.a)', 'set-header v <%[var(txn.a)]>'],
  ['capture path len 3', 'capture req.hdr(x-b) len 9', 'set-header c %[capture.req.hdr(0)]/%[capture.req.hdr(1)]'],
  ['capture path len 9', 'capture req.hdr(x-b) id 0', 'set-header c %[capture.req.hdr(0)]'],
  ['set-src ipv4(192.0.2.1)', 'set-src-port int(70000)', 'set-header s %[src]:%[src_port]'],
  ['set-dst ipv6(2001:db8::1)', 'set-dst-port int(7)', 'set-header s %[dst]:%[dst_port]'],
  ['set-src ipv4(192.0.2.1)', 'set-src req.hdr(x-b)', 'set-header s %[src]'],
  ['set-src str(192.0.2.77),ipmask(24)', 'set-header s %[src]'],
];
for (const rules of stateRules) requestCase(request('/path', LINES), ...rules);
const RESPONSE = 'HTTP/1.1 200 Fine\r\nServer: s\r\nX-A: 1, a2\r\nContent-Length: 5\r\n\r\nhello';
const responseRules = [
  ['set-status 503'],
  ["set-status 418 reason 'a teapot'"],
  ['set-status 777'],
  ['set-status 204'],
  ['set-header Server w', 'add-header X-A %[status]'],
  ['del-header x -m beg'],
  ['replace-value x-a a(.) \\1'],
  ['replace-header Server (.*) \\1-%[res.hdr(x-a)]'],
  ['set-header transfer-encoding chunked'],
  ['set-header content-length 5'],
  ['set-header location /'],
];
for (const rules of responseRules) responseCase(RESPONSE, ...rules);

let directory = '';
let child: ChildProcess | null = null;
let origin: Server | null = null;

const socketOf = (name: string | number): string => join(directory, `${name}.s`);

/** Answers with the case's response, or with the head and body it was sent. The path of the socket says which. */
function startOrigin(): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (!isWhole(text)) return;
      const marked = /\r\nx-case: (\d+)\r\n/.exec(text);
      const response = marked === null ? '' : cases[Number(marked[1])]!.response;
      const echo = `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
      socket.end(Buffer.from(response === '' ? echo : response, 'latin1'));
    });
  });
  return new Promise((resolve) => {
    server.listen(socketOf('origin'), () => resolve(server));
  });
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  if (/\r\ntransfer-encoding: chunked\r\n/.test(text)) return text.endsWith('0\r\n\r\n');
  const length = Number(/\r\ncontent-length: (\d+)\r\n/.exec(text.slice(0, head + 2))?.[1] ?? 0);
  return text.length >= head + 4 + length;
}

/** Words as the configuration has them: nothing in strong quotes is special. */
const quoted = (line: string): string =>
  wordsOf(line)
    .map((word) => `'${word}'`)
    .join(' ');

function configuration(): string {
  const parts = cases.map(({ rules, response }, index) => {
    const set = response === '' ? 'http-request' : 'http-response';
    // Set last and taken out by the test again: the origin knows the case by it.
    const mark = response === '' ? '' : `  http-request set-header x-case ${index}\n`;
    const lines = rules.map((rule) => `  ${set} ${quoted(rule)}\n`).join('');
    return `listen l${index}\n  bind unix@${socketOf(index)}\n${mark}${lines}  server s unix@${socketOf('origin')}\n`;
  });
  return [
    'global\n  expose-experimental-directives\n',
    'defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n',
    ...parts,
  ].join('');
}

before(async () => {
  if (SKIP !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'weir-edit-'));
  writeFileSync(join(directory, 'peer.cfg'), configuration(), 'latin1');
  origin = await startOrigin();
  const peer = spawn(PEER, ['-f', join(directory, 'peer.cfg')], { stdio: ['ignore', 'ignore', 'pipe'] });
  child = peer;
  let said = '';
  peer.stderr?.on('data', (data: Buffer) => {
    said += data.toString('latin1');
  });
  let ended = false;
  peer.once('exit', () => {
    ended = true;
  });
  const until = Date.now() + WAIT_MS;
  while (!(await canConnect(socketOf(cases.length - 1)))) {
    assert.ok(!ended && Date.now() < until, `the peer did not start: ${said}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

after(() => {
  child?.kill('SIGKILL');
  origin?.close();
  if (directory !== '') rmSync(directory, { recursive: true, force: true });
});

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** What the peer answers, as text. */
function ask(index: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketOf(index), () => {
      socket.write(Buffer.from(cases[index]!.request, 'latin1'));
    });
    let text = '';
    socket.setTimeout(WAIT_MS, () => reject(new Error(`case ${index} hangs: ${text}`)));
    socket.on('error', reject);
    const finish = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (isWhole(text) || /^HTTP\/1.1 204/.test(text)) finish();
    });
    socket.on('close', finish);
  });
}

const headOf = (text: string): string => text.slice(0, text.indexOf('\r\n\r\n'));

/** The head that reached the other side, or `! status`. */
async function theirs(index: number): Promise<string> {
  const answer = await ask(index);
  if (cases[index]!.response !== '') return headOf(answer);
  const sent = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  const status = answer.slice(9, 12);
  return status === '200' ? headOf(sent) : `! ${status}`;
}

function ours(index: number): string {
  const { rules, request: text, response } = cases[index]!;
  const bench = new RuleBench();
  const ofResponse = response !== '';
  const subject = ofResponse ? bench.response(response) : bench.request(text);
  const lengths = rules.flatMap((rule) => /^capture .* len (\d+)$/.exec(rule)?.[1] ?? []).map(Number);
  if (lengths.length > 0) giveCaptures(subject, lengths);
  const verdict = bench.apply(subject, ofResponse ? 'http-response' : 'http-request', ...rules);
  if (verdict !== RULE_CONTINUE) return verdict === RULE_BAD_REQUEST ? '! 400' : '! 500';
  const head = ofResponse ? subject.response! : subject.request!;
  if (settleFraming(subject, head, ofResponse) === FRAMING_BROKEN) return '! 500';
  return headOf(ofResponse ? responseText(subject) : requestText(subject));
}

test('Heads that rules have edited are those of HAProxy 3.4', { skip: SKIP }, async () => {
  const different: string[] = [];
  for (let index = 0; index < cases.length; index++) {
    const [expected, actual] = [await theirs(index), ours(index)];
    if (expected === actual) continue;
    different.push(
      `${cases[index]!.rules.join('; ')}\n  on ${JSON.stringify(cases[index]!.request)}\n` +
        `  haproxy ${JSON.stringify(expected)}\n  weir    ${JSON.stringify(actual)}`,
    );
  }
  assert.equal(different.join('\n'), '');
  assert.ok(cases.length > 350, `${cases.length} cases`);
});
