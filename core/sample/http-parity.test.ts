// Goal: HTTP fetches give what HAProxy 3.4 gives. Method: one generated configuration answers every request with the
// values of all expressions; the same bytes go through our fetches, and the texts are compared. Responses come from a
// server here that sends fixed bytes. Skipped where HAPROXY_PEER is no HAProxy 3.4.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Prng } from '../base/prng.ts';
import {
  type ArgText,
  addUserlist,
  all,
  connection,
  httpRows,
  one,
  requestSubject,
  responseSubject,
  rowOf,
} from './fixture-http.ts';
import * as types from './types.ts';
import { placesOf } from './validity.ts';

const peer = process.env['HAPROXY_PEER'] ?? 'haproxy';
const versionText = spawnSync(peer, ['-v'], { encoding: 'utf8', timeout: 20_000 }).stdout ?? '';
const skip = /version 3\.4/.test(versionText) ? false : 'HAPROXY_PEER is no HAProxy 3.4';

type Expression = readonly [name: string, ...args: readonly ArgText[]];

const USERS = {
  name: 'ul',
  users: [
    { name: 'plain', password: 'secret', isHashed: false, groups: ['g1', 'g2'] },
    {
      name: 'hashed',
      password: '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
      isHashed: true,
      groups: [],
    },
  ],
};
const list = { userlist: addUserlist(USERS) };

const occurrences = (name: string): Expression[] => [
  ...[1, 2, 3, 9, -1, -2, -10].map((occurrence): Expression => [name, 'x-list', occurrence]),
  [name],
  [name, 'x-list'],
  [name, 'X-LIST'],
  [name, ''],
  [name, '', 2],
  [name, 'host'],
  [name, 'absent'],
  [name, 'x-list', 0],
];

const messageExpressions = (prefix: string): Expression[] => [
  ...occurrences(`${prefix}.hdr`),
  ...occurrences(`${prefix}.fhdr`),
  ...occurrences(`${prefix}.hdr_val`).slice(0, 9),
  ...occurrences(`${prefix}.hdr_ip`).slice(0, 9),
  ...['', 'x-list', 'host', 'absent'].flatMap((name): Expression[] => [
    [`${prefix}.hdr_cnt`, name],
    [`${prefix}.fhdr_cnt`, name],
  ]),
  [`${prefix}.hdr_cnt`],
  [`${prefix}.hdr_names`],
  [`${prefix}.hdr_names`, ';'],
  [`${prefix}.hdrs`],
  [`${prefix}.hdrs_bin`],
  [`${prefix}.ver`],
  ...['a', 'b', 'c', 'session', '', '$Path', 'x', 'Expires'].flatMap((name): Expression[] => [
    [`${prefix}.cook`, name],
    [`${prefix}.cook_cnt`, name],
    [`${prefix}.cook_val`, name],
  ]),
  [`${prefix}.cook`],
  [`${prefix}.cook_cnt`],
  [`${prefix}.cook_names`],
  [`${prefix}.cook_names`, '|'],
  [`${prefix}.body`],
  [`${prefix}.body_len`],
  [`${prefix}.body_size`],
];

const requestExpressions: readonly Expression[] = [
  ...['method', 'path', 'pathq', 'url', 'query', 'base', 'baseq', 'base32', 'url32', 'url_ip', 'url_port'].map(
    (name): Expression => [name],
  ),
  ['base32+src'],
  ['url32+src'],
  ['query', 'with_qm'],
  ['query', ''],
  ...['a', 'b', 'xy', 'A', '', 'q', 'long-name'].flatMap((name): Expression[] => [
    ['urlp', name],
    ['url_param', name, '/'],
    ['urlp', name, '', 'i'],
    ['urlp', name, ';'],
    ['urlp_val', name],
    ['req.body_param', name],
    ['req.body_param', name, 'i'],
  ]),
  ['urlp'],
  ['req.body_param'],
  ['hdr', 'x-list'],
  ['hdr', 'x-list', 1],
  ['cook', 'a'],
  ['cookie', 'a'],
  ['req.proto_http'],
  ['req_ver'],
  ['http_first_req'],
  ['capture.req.method'],
  ['capture.req.uri'],
  ['capture.req.ver'],
  ['http_auth_type'],
  ['http_auth_user'],
  ['http_auth_pass'],
  ['http_auth_bearer'],
  ['http_auth_bearer', 'x-token'],
  ['http_auth', list],
  ['http_auth_group', list],
  ...messageExpressions('req'),
];

const responseExpressions: readonly Expression[] = [
  ['status'],
  ['txn.status'],
  ['server_status'],
  ['resp_ver'],
  ['capture.res.ver'],
  ['hdr', 'x-list'],
  ['cookie', 'a'],
  ['scook', 'a'],
  ['shdr', 'x-list', 1],
  ['shdr_cnt', 'x-list'],
  ['shdr_val', 'x-list'],
  ['shdr_ip', 'x-list'],
  ...messageExpressions('res'),
];

/** ACLs: which expressions are iterated over, and texts that some of their values are. */
const iterated: readonly Expression[] = [
  ['req.hdr', 'x-list'],
  ['req.fhdr', 'x-list'],
  ['req.hdr', ''],
  ['req.cook', 'a'],
  ['req.cook'],
  ['urlp', 'a'],
  ['urlp'],
  ['req.body_param', 'a'],
  ['req.hdr_ip', 'x-list'],
];
const candidates = ['1', '2', 'a', 'a,b', 'b', '127.0.0.1', '12', 'x"y,z"', 'c'];

/** Quoted for haproxy.cfg, the argument list in quotes of its own. */
function written([name, ...args]: Expression): string {
  if (args.length === 0) return name;
  const texts = args.map((arg) => {
    if (typeof arg === 'object') return USERS.name;
    return typeof arg === 'string' && /[^a-zA-Z0-9_-]/.test(arg) ? `"${arg}"` : String(arg);
  });
  return `${name}(${texts.join(',')})`;
}

/** Texts as length:hex, so that an empty one differs from none (the peer counts up to a NUL). */
const isText = ([name]: Expression): boolean =>
  [types.TYPE_STR, types.TYPE_BIN, types.TYPE_METH].includes(rowOf(name).out);

function format(expressions: readonly Expression[]): string {
  return expressions
    .map((each) => {
      const text = written(each);
      if (!isText(each)) return `%[${text}]`;
      const aside = each[0] === 'req.body_param' || each[0].endsWith('hdrs') ? ',concat()' : '';
      return `%[${text}${aside},length]:%[${text}${aside},hex]`;
    })
    .join('|');
}

function ours(subject: Parameters<typeof one>[0], expression: Expression): string {
  const value = one(subject, ...expression);
  if (value === null) return isText(expression) ? ':' : '';
  if (rowOf(expression[0]).out === types.TYPE_ADDR && value.length === 32) return ipv6Text(value);
  if (!isText(expression)) return value;
  const nul = value.indexOf('\0');
  return `${nul < 0 ? value.length : nul}:${Buffer.from(value, 'latin1').toString('hex').toUpperCase()}`;
}

function ipv6Text(hex: string): string {
  const mapped = /^0{20}ffff(..)(..)(..)(..)$/.exec(hex);
  if (mapped !== null)
    return `::ffff:${mapped
      .slice(1)
      .map((byte) => Number.parseInt(byte, 16))
      .join('.')}`;
  const groups = hex.match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

function userlist(): string {
  const lines = USERS.users.map(
    ({ name, password, isHashed, groups }) =>
      ` user ${name} ${isHashed ? 'password' : 'insecure-password'} '${password}'${groups.length > 0 ? ` groups ${groups}` : ''}`,
  );
  return ['userlist ul', ' group g1', ' group g2', ...lines].join('\n');
}

const quoted = (text: string): string => `'${text}'`;

function configuration(directory: string, serverPort: number): string {
  const acls = iterated.flatMap((expression, index) =>
    candidates.map((candidate, at) => {
      const method = expression[0].endsWith('_ip') ? '-m ip ' : '-m str ';
      if (method === '-m ip ' && !/^[0-9.]{3,}$/.test(candidate)) return '';
      return ` acl i${index}_${at} ${quoted(written(expression))} ${method}-- ${quoted(candidate)}`;
    }),
  );
  const verdicts = acls.map((line) => (line === '' ? '0' : `%[acl(${line.split(' ')[2]})]`)).join('|');
  return [
    'global\n tune.bufsize 65536\n tune.http.maxhdr 200',
    'defaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 10s\n option http-buffer-request',
    userlist(),
    'frontend f',
    ` bind unix@${join(directory, 'f.sock')}`,
    ' log 127.0.0.1:9 local0\n option httplog',
    ...acls.filter((line) => line !== ''),
    ' http-request wait-for-body time 5s',
    ` http-request return status 200 content-type text/plain lf-string ${quoted(`${format(requestExpressions)}@${verdicts}`)}`,
    'frontend r',
    ` bind unix@${join(directory, 'r.sock')}`,
    ' default_backend b',
    'backend b',
    ' http-response wait-for-body time 5s',
    ` http-response set-header x-values ${quoted(format(responseExpressions))}`,
    ` server s 127.0.0.1:${serverPort}`,
    '',
  ].join('\n');
}

const directory = skip ? '' : mkdtempSync(join(tmpdir(), 'weir-fetches-'));
let child: ChildProcess | null = null;
let server: Server | null = null;
let answer = '';
const sockets = new Set<Socket>();

/** Sends bytes to one of the two frontends and returns the answer's body, or all of it once the connection is closed. */
function ask(name: string, text: string, whole = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(directory, `${name}.sock`));
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      got += chunk;
      const head = got.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(got.slice(0, head));
      if (whole || head < 0 || (length !== null && got.length < head + 4 + Number(length[1]))) return;
      socket.destroy();
      resolve(got.slice(head + 4));
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(got));
    socket.write(Buffer.from(text, 'latin1'));
  });
}

async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const ready = await ask('f', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n').then(
      (text) => text !== '',
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the peer does not answer');
}

before(async () => {
  if (skip) return;
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')));
  });
  await new Promise<void>((resolve) => {
    server!.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const file = join(directory, 'peer.cfg');
  writeFileSync(file, configuration(directory, address.port), 'latin1');
  const started = spawn(peer, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  child = started;
  let said = '';
  started.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const died = new Promise<never>((_, reject) => {
    started.once('exit', (code) => reject(new Error(`the peer ended with ${code}: ${said}`)));
  });
  died.catch(() => {});
  await Promise.race([untilReady(), died]);
});

after(async () => {
  if (child !== null && child.exitCode === null) {
    const gone = new Promise((resolve) => child!.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
  for (const socket of sockets) socket.destroy();
  server?.close();
  if (directory !== '') rmSync(directory, { recursive: true, force: true });
});

const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text, 'latin1').toString('base64')}\r\n`;
const get = (uri: string, headers = 'Host: h\r\n'): string => `GET ${uri} HTTP/1.1\r\n${headers}\r\n`;
const lists = (...values: string[]): string =>
  get('/', `Host: h\r\n${values.map((value) => `X-List:${value}\r\n`).join('')}`);
const cookies = (...values: string[]): string =>
  get('/', `Host: h\r\n${values.map((value) => `Cookie:${value}\r\n`).join('')}`);
const post = (body: string, type = 'application/x-www-form-urlencoded'): string =>
  `POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const requests: readonly string[] = [
  get('/'),
  get('/a/b?c=d&e', 'Host: Example.COM:8080\r\n'),
  get('/a?', 'Host: h\r\n'),
  get('/?a=1&b=2;a=3&xy=4&A=9'),
  get('/?&xy=1&a=&xy=3&=5&;a=7'),
  get('/?xyz=1&xy=2&x=xy=3'),
  get('/p;a=1;b=2/a=3/b=4?a=5'),
  get('/?a'),
  get('/?a='),
  get('/?=x&a=1'),
  get('/?long-name=1&long-nam=2'),
  get('/a?x?y=z&a=?b=1'),
  get('/%C3%A9?q=%20+'),
  get('/a//b/../c?a=-12x&b=9999999999'),
  'GET /x HTTP/1.1\r\nHost: \r\n\r\n',
  'GET /x HTTP/1.0\r\n\r\n',
  'GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET http://h HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET http://1.2.3.4:8080/x?y HTTP/1.1\r\nHost: 1.2.3.4:8080\r\n\r\n',
  'GET http://1.2.3.4/x HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n',
  'GET HTTPS://1.2.3.4:443/x HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n',
  'GET http://[::1]:81/x HTTP/1.1\r\nHost: [::1]:81\r\n\r\n',
  'GET http://1.2.3.4.5/x HTTP/1.1\r\nHost: 1.2.3.4.5\r\n\r\n',
  'GET ftp://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n',
  'PATCH /p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n',
  'PURGE /p?a=1 HTTP/1.1\r\nHost: h\r\n\r\n',
  lists(' 1', ' 2,3', ' 4'),
  lists(' 1,2 , 3 ,'),
  lists(''),
  lists(' ,'),
  lists(' ,,a'),
  lists(' x"y,z",b', 'a'),
  lists(' "a\\",b",c'),
  lists(' "a,b'),
  lists(' a\\,b'),
  lists('1,2,3,4,5,6,7,8,9,10,11,12'),
  lists(' 127.0.0.1'),
  lists(' 127.0.0.1:80, x'),
  lists(' x', ' 127.0.0.1:65536', ' 1.2.3.4:-0', ' 1.2.3'),
  lists(' ::1'),
  lists(' [2001:db8::1]'),
  lists(' 2001:db8::1:80, ::ffff:1.2.3.4'),
  lists(' [::1', ' fe80::1%eth0'),
  lists(' 01.02.03.004'),
  lists(' -5', ' 12abc', ' 1 2', ' 99999999999', ' -', '+5'),
  lists(' \xe9\xff1'),
  get('/', 'Host: h\r\nX-List: a\r\nx-list: b\r\nX-LIST: c\r\nX-Listx: d\r\n'),
  cookies(' a=1; b=2'),
  cookies(' a=1; a=2', ' a=3'),
  cookies(' a = 1 ; b="x;y" ; c'),
  cookies(' a=1,b=2; c=3'),
  cookies(' $Version=1; a=2; $Path=/'),
  cookies(' =x; a=', ' ;;; a=5 ;'),
  cookies(' session=abc'),
  cookies(' a'),
  cookies(' a="1\\";b=2"; b=4'),
  cookies('', ' a=-7'),
  cookies(' xa=1; ax=2; a==3'),
  cookies(' a=1=2; b'),
  post('a=1&b=2&A=3'),
  post(''),
  post('a'),
  post('a=1;b=2&xy=x&a=2'),
  post('{"a":1}', 'application/json'),
  post(`x=${'y'.repeat(5_000)}&a=z`),
  'POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n4;ext="q"\r\n&b=2\r\n0\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na=1&b\r\n1\r\n=\r\n1\r\n9\r\n0\r\nX-T: 1\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  get('/', `Host: h\r\n${basic('plain:secret')}`),
  get('/', `Host: h\r\n${basic('plain:wrong')}`),
  get('/', `Host: h\r\n${basic('plain:secret\0x')}`),
  get('/', `Host: h\r\n${basic('hashed:Hello world!')}`),
  get('/', `Host: h\r\n${basic('hashed:hello world!')}`),
  get('/', `Host: h\r\n${basic('nobody:x')}`),
  get('/', `Host: h\r\n${basic('plain:')}`),
  get('/', `Host: h\r\n${basic('plain')}`),
  get('/', `Host: h\r\n${basic(':')}`),
  get('/', `Host: h\r\n${basic('a:b:c')}`),
  get('/', 'Host: h\r\nAuthorization: basic   cGxhaW46c2VjcmV0\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic cGxhaW46c2VjcmV0=\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic cGxhaW46c2VjcmV\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic cGxhaW4=OnNlY3JldA==\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic cGxh!W46c2VjcmV0\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic YTpi Zzzz\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic YTpiY===\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic ====\r\n'),
  get('/', 'Host: h\r\nAuthorization: Basic\r\n'),
  get('/', 'Host: h\r\nAuthorization: Bearer abc.def.ghi\r\n'),
  get('/', 'Host: h\r\nAuthorization: bEARER  t,x\r\n'),
  get('/', 'Host: h\r\nAuthorization: Digest x=y\r\n'),
  get('/', 'Host: h\r\nX-Token: Bearer   abcdefg\r\n'),
  get('/', 'Host: h\r\nX-Token: Bearer\r\n'),
  get('/', 'Host: h\r\nX-Token: Other abc\r\n'),
  get('/', `Host: h\r\nX-Long: ${'v'.repeat(300)}\r\nX-Longer: ${'w'.repeat(3_000)}\r\n`),
  get('/', 'Host: h\r\nConnection: keep-alive, x\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: foo\r\n'),
];

const responses: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.0 404 Not Found\r\nX-List: 1, 2\r\nX-List: 127.0.0.1\r\n\r\nbody to the end',
  'HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nSet-Cookie: b=2; a=3\r\nSet-Cookie: a="x;y"; HttpOnly\r\nSet-Cookie: session=, x=1\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nX-List: ,\r\n\r\n',
  'HTTP/1.1 500\r\nX-List: "a,b",c\r\nSet-Cookie:\r\nSet-Cookie: $a=1\r\nSet-Cookie: c\r\nContent-Length: 0\r\n\r\n',
];

/** Asks the peer about one request and adds what our fetches say otherwise. */
async function compare(text: string, differences: string[]): Promise<void> {
  const body = await ask('f', text);
  const [line = '', verdicts = ''] = body.split('@');
  const shown = JSON.stringify(text.slice(0, 300));
  const theirs = line.split('|');
  assert.equal(theirs.length, requestExpressions.length, `${shown} was answered ${JSON.stringify(body.slice(0, 200))}`);
  const subject = requestSubject(text);
  subject.front = { ...connection(), sourceFamily: 1 }; // the peer is asked over a Unix socket
  requestExpressions.forEach((expression, index) => {
    const value = ours(subject, expression);
    if (value !== theirs[index]) differences.push(`${written(expression)} of ${shown}: ${value}, not ${theirs[index]}`);
  });
  const matched = verdicts.split('|');
  iterated.forEach((expression, index) => {
    const values = all(subject, ...expression);
    candidates.forEach((candidate, at) => {
      const expected = matched[index * candidates.length + at] === '1';
      if (values.includes(candidate) === expected) return;
      differences.push(`${written(expression)} ${candidate} of ${shown}: ${values} ${expected ? 'lack' : 'hold'} it`);
    });
  });
}

test('requests mean to our fetches what they mean to HAProxy', { skip }, async () => {
  const differences: string[] = [];
  for (const text of requests) await compare(text, differences);
  assert.deepEqual(differences, []);
});

const MARKS = [...'ab12=;,&?/"\\ $.:-', 'xy', 'a=', '; ', ', ', '&a=', '127.0.0.1', '::1', 'session', '?a=', '://'];

function randomText(prng: Prng, forbidden: RegExp): string {
  let text = '';
  for (let length = prng.below(14); length > 0; length--) text += prng.pick(MARKS);
  return text.replace(forbidden, '');
}

function randomRequest(prng: Prng): string {
  const body = randomText(prng, /\n/g);
  const lines = Array.from({ length: prng.below(4) }, () => {
    return `${prng.pick(['X-List', 'Cookie', 'X-Other', 'Authorization'])}: ${randomText(prng, /\n/g)}\r\n`;
  });
  const uri = `/${randomText(prng, / /g)}`;
  return `POST ${uri} HTTP/1.1\r\nHost: h\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n${body}`;
}

test('requests made by chance mean the same too', { skip }, async () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 0x8000_0000));
  const caseCount = Number(process.env['FUZZ_CASES'] ?? 200);
  for (let index = 0; index < caseCount; index++) {
    const differences: string[] = [];
    await compare(randomRequest(new Prng(seed + index)), differences);
    assert.deepEqual(differences, [], `replay it with FUZZ_SEED=${seed + index} FUZZ_CASES=1`);
  }
});

test('responses mean to our fetches what they mean to HAProxy', { skip }, async () => {
  const differences: string[] = [];
  for (const text of responses) {
    answer = text;
    const reply = await ask('r', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', true);
    const theirs = (/\r\nx-values: (.*)\r\n/.exec(reply)?.[1] ?? reply).split('|');
    const shown = JSON.stringify(text);
    assert.equal(theirs.length, responseExpressions.length, `${shown} was answered ${theirs.join('|').slice(0, 200)}`);
    const subject = responseSubject(text);
    responseExpressions.forEach((expression, index) => {
      const value = ours(subject, expression);
      if (value !== theirs[index])
        differences.push(`${written(expression)} of ${shown}: ${value}, not ${theirs[index]}`);
    });
  }
  assert.deepEqual(differences, []);
});

const PLACE_COUNT = 22;

/** A row as HAProxy dumps it: `[ places ] name(first[,others]): type`. */
function dumped({ name, args: { kinds, min }, out, uses }: (typeof httpRows)[number]): string {
  const words: Record<string, string> = { str: 'string', sint: 'integer', userlist: 'user list' };
  const texts = kinds.map((kind) => words[kind] ?? kind);
  const needed = texts.slice(0, min).join(',');
  const others = texts.slice(min).join(',');
  const optional = others === '' ? '' : `[${min > 0 ? ',' : ''}${others}]`;
  const places = Array.from({ length: PLACE_COUNT }, (_, bit) => ((placesOf(uses) >>> bit) & 1 ? 'Y' : '.')).join(' ');
  return `[ ${places} ] ${name}${kinds.length > 0 ? `(${needed}${optional})` : ''}: ${types.TYPE_NAMES[out]}`;
}

test('names, arguments, types and places of use are those of HAProxy', { skip }, () => {
  const child = spawnSync(peer, ['-dKsmp', '-q', '-c', '-f', '/dev/null'], { encoding: 'utf8', timeout: 20_000 });
  const lines = new Set(child.stdout.split('\n').map((line) => line.trim()));
  for (const row of httpRows) assert.ok(lines.has(dumped(row)), dumped(row));
});
