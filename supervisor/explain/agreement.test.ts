// Goal: what weir explain says is what weir does. Method: a configuration made from a seed, with several frontends and
// rules of all kinds, runs in a real process before origins that tell what they received; requests made from the same seed
// go through it, and status, backend, server and every header of both messages are compared with the explanation.

import assert from 'node:assert/strict';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Prng } from '../../core/base/prng.ts';
import { type Folder, freePort, makeFolder, startWeir } from '../../core/testing/weir-process.ts';
import type { Explanation, HeaderLine } from './explanation.ts';
import { clientHello, explained, loadModel } from './fixture-explain.ts';

const CASES_PER_ROUND = 20_000; // of what other fuzzers call a case: a round starts a process
const ROUNDS = Math.ceil(Number(process.env['FUZZ_CASES'] ?? 1) / CASES_PER_ROUND);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);
const FRONTENDS = 8;
const REQUESTS = 5;
const BACKENDS = ['alpha', 'beta', 'gamma'] as const;
const ANSWER_MS = 5_000;
/** Where frontends listen: an address of this test alone, so that no connection's own port is in their way. */
const FRONT_HOST = `127.${1 + (process.pid % 254)}.0.1`;

// Origins

interface Origin {
  name: string;
  port: number;
  received: string[]; // whole requests, or the bytes of TCP streams
}

const originResponse = (name: string): string =>
  `HTTP/1.1 ${name.endsWith('2') ? '404 Not Found' : '200 OK'}\r\nContent-Length: 2\r\nX-Origin: ${name}\r\nX-K: a, b\r\n` +
  'Set-Cookie: s=1; path=/\r\nConnection: close\r\n\r\nok';

async function startOrigin(context: TestContext, name: string): Promise<Origin> {
  const origin: Origin = { name, port: 0, received: [] };
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (!isWhole(text)) return;
      origin.received.push(text);
      socket.end(originResponse(name));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin.port = (server.address() as { port: number }).port;
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return origin;
}

/** A TLS record counts as whole at once. */
function isWhole(text: string): boolean {
  if (text.startsWith('\x16')) return true;
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length >= end + 4 + length;
}

// Configurations

const pick = <T>(prng: Prng, from: readonly T[]): T => from[prng.below(from.length)]!;

const TESTS = [
  ...['path_beg /api', 'path_end .png', 'path,length gt 12', 'url_param(q) -m found', 'url_param(q) -m int ge 5'],
  ...['req.hdr(x-k) -m str a b', 'req.hdr_cnt(x-k) gt 1', 'req.fhdr(x-k) -m sub a', 'hdr(host) -i -m dom example.org'],
  ...['method POST', 'src 127.0.0.0/8', 'src 10.0.0.0/8', 'req.cook(s) -m found', 'base,lower -m reg ^[a-z.]+/(api|x)'],
  ...['var(txn.v) -m found', 'var(txn.v) -m beg /a', 'req.body -m sub hello', 'req.body_len gt 0', 'always_true'],
  ...['path,map_beg(MAP) -m found', 'path,map_beg(MAP,none) -m str two', 'query -m len 0:4', 'fe_name -m str f1'],
  ...['src_is_local', 'dst_port gt 1', 'http_auth(people)', 'capture.req.hdr(0) -m beg www', 'var(sess.s) -m found'],
  ...['req.ver 1.1', 'cookie(s) 1', 'srv_is_up(alpha/alpha2)', 'nbsrv(beta) eq 1', 'var(txn.d) -m found'],
];

function condition(prng: Prng): string {
  const term = (): string =>
    prng.below(4) === 0
      ? pick(prng, ['is_api', '!is_api', 'is_x', 'METH_GET', '!LOCALHOST'])
      : `${pick(prng, ['', '!'])}{ ${pick(prng, TESTS)} }`;
  const group = (): string => Array.from({ length: 1 + prng.below(2) }, term).join(' ');
  if (prng.below(4) === 0) return '';
  const groups = Array.from({ length: 1 + prng.below(2) }, group).join(' or ');
  return ` ${pick(prng, ['if', 'if', 'if', 'unless'])} ${groups}`;
}

const EDITS = [
  ...['set-header x-a %[path]', 'add-header x-a two', 'set-header x-v "%[var(txn.v)] of %[src]"', 'del-header x-k'],
  ...['set-path /p%[path]', 'set-query "%[query,lower]&z=1"', 'set-uri /u?from=uri', 'replace-path /api/(.*) /\\1'],
  ...['replace-header x-k a b', 'replace-value x-k b c', 'set-var(txn.v) path', 'set-var(req.n) int(7),add(1)'],
  ...['set-header x-n %[var(req.n)]', 'set-header x-m %[path,map_beg(MAP,none)]', 'normalize-uri path-merge-slashes'],
  ...[
    'set-log-level silent',
    'set-method PUT',
    'strict-mode off',
    'set-src hdr(x-ip)',
    'unset-var(txn.v)',
    'pause 5ms',
  ],
  ...['wait-for-body time 2s', 'set-header x-file %[last_rule_line]', 'set-nice 5', 'del-header x- -m beg'],
  ...[
    'set-header x-u %[unique-id]',
    'set-header x-c %[capture.req.hdr(0)]',
    'set-header x-q %[url32,hex]',
    'set-dst-port int(7)',
  ],
  ...['set-header x-l "%ci %HM %HU"', 'set-var-fmt(txn.v) "%[method]-%[path]"', 'set-var(sess.s) req.hdr(x-k)'],
  ...['set-header x-w %[waiting_entity]', 'set-header x-i %[req.hdr_cnt],%[req.body_len]', 'set-pathq /pq?%[query]'],
];

const ENDS = [
  ...[
    'deny',
    'deny deny_status 429 hdr x-why %[path]',
    'return status 200 content-type text/plain string hi hdr x-r %[method]',
  ],
  ...[
    'redirect location /moved code 302',
    'redirect prefix https://example.org code 301 drop-query',
    'tarpit',
    'allow',
  ],
  ...[
    'return status 404 content-type text/plain lf-string "no %[path]"',
    'reject',
    'auth realm here',
    'tarpit deny_status 410',
  ],
];

const RESPONSE_EDITS = [
  ...['set-header x-res %[status]', 'del-header set-cookie', 'set-status 202', 'replace-header x-k (.*) <\\1>'],
  ...[
    'add-header x-o %[res.hdr(x-origin)]',
    'set-var(res.w) status',
    'set-header x-w %[var(res.w)]',
    'set-header x-t %[var(txn.v)]',
  ],
];

const rules = (prng: Prng, set: string, count: number, actions: readonly string[]): string[] =>
  Array.from({ length: prng.below(count + 1) }, () => `    ${set} ${pick(prng, actions)}`);

function requestRules(prng: Prng): string[] {
  const lines: string[] = [];
  for (let left = 2 + prng.below(5); left > 0; left--) {
    const ends = prng.below(5) === 0;
    const tail = condition(prng);
    lines.push(`    http-request ${pick(prng, ends ? ENDS : EDITS)}${ends && tail === '' ? ' if is_x' : tail}`);
  }
  return lines;
}

function responseRules(prng: Prng): string[] {
  const lines = rules(prng, 'http-response', 3, RESPONSE_EDITS);
  if (prng.below(3) === 0) lines.push('    http-response deny deny_status 502 if { status 404 }');
  if (prng.below(3) === 0) lines.push('    http-response return status 203 if { res.hdr(x-origin) -m end a1 }');
  if (prng.below(2) === 0) lines.push('    http-after-response set-header x-after %[status]');
  return lines;
}

function switching(prng: Prng): string[] {
  const name = (): string => pick(prng, [...BACKENDS, '%[path,map_beg(MAP,nobody)]', '%[req.hdr(x-backend)]']);
  const lines = Array.from({ length: prng.below(4) }, () => `    use_backend ${name()}${condition(prng)}`);
  if (prng.below(6) !== 0) lines.push(`    default_backend ${pick(prng, BACKENDS)}`);
  return lines;
}

const ACLS = ['    acl is_api path_beg /api', '    acl is_api hdr(x-api) -m found', '    acl is_x path /x /xx'];

function frontend(prng: Prng, index: number, port: number): string[] {
  const connection = pick(prng, ['', '', '    tcp-request connection reject if { src 10.0.0.0/8 }']);
  const session = pick(prng, ['', '    tcp-request session set-var(sess.s) src']);
  const content = pick(prng, [
    '',
    '',
    '    tcp-request inspect-delay 20ms\n    tcp-request content accept if { req.len gt 9000 }',
  ]);
  const redirect = pick(prng, ['', '', '    redirect location /r code 303 if is_x']);
  return [
    `frontend f${index}${pick(prng, ['', ' from spare'])}`,
    `    bind ${FRONT_HOST}:${port}`,
    ...ACLS,
    ...[connection, session, content],
    `    ${pick(prng, ['', 'option http-buffer-request'])}`,
    '    monitor-uri /up',
    '    capture request header host len 12',
    '    unique-id-format id-%[path]-%[req.hdr_cnt]',
    ...requestRules(prng),
    redirect,
    ...responseRules(prng),
    ...switching(prng),
  ];
}

function backend(prng: Prng, name: string, origins: readonly Origin[]): string[] {
  const spare = pick(prng, ['', '', ' disabled', ' backup', ' weight 3']);
  const fails = pick(prng, ['', '    http-error status 503 content-type text/plain string busy']);
  return [
    `backend ${name}`,
    `    balance ${pick(prng, ['first', 'source'])}`,
    ...ACLS,
    ...requestRules(prng),
    ...(prng.below(2) === 0 ? [`    use-server ${name}2 if { req.hdr(x-pin) 2 } or is_x`] : []),
    ...responseRules(prng),
    fails,
    ...origins.map((origin, at) => `    server ${origin.name} 127.0.0.1:${origin.port}${at === 1 ? '' : spare}`),
  ];
}

const listenSection = (prng: Prng, port: number, originPort: number): string[] => [
  'listen own',
  `    bind ${FRONT_HOST}:${port}`,
  '    capture request header host len 12',
  ...ACLS,
  ...requestRules(prng),
  ...responseRules(prng),
  ...(prng.below(2) === 0 ? ['    use_backend alpha if { path_beg /one }'] : []),
  `    server alone 127.0.0.1:${originPort}`,
];

const HEAD = `global
    expose-experimental-directives
userlist people
    user ann insecure-password bee
defaults spare
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout tarpit 10ms
    http-request set-var(txn.d) str(spare)
    http-request set-header x-d %[path] if { path_beg /api }
    http-response set-header x-dr %[var(txn.d)]
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout tarpit 10ms
`;

// Requests

const BROKEN = [
  ...[
    'GET /api HTTP/9\r\nHost: a\r\n\r\n',
    'GET /api HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n',
    'GET /\x01 HTTP/1.1\r\n\r\n',
  ],
  ...[
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab',
    'nonsense\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
  ...[
    'GET http://b/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n',
  ],
];

function makeRequest(prng: Prng): string {
  if (prng.below(10) === 0) return pick(prng, BROKEN);
  const path = pick(prng, [
    '/',
    '/api',
    '/api/users//list',
    '/x',
    '/xx',
    '/one/two.png',
    '/two',
    '/API?q=9',
    '/a?Q=1&q=3',
  ]);
  const method = pick(prng, ['GET', 'GET', 'POST', 'HEAD', 'OPTIONS']);
  const body = method === 'POST' ? pick(prng, ['', 'hello=1', 'x'.repeat(300)]) : '';
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${pick(prng, ['example.org', 'www.Example.org:8080', 'other'])}`,
    'Connection: close',
    ...(prng.below(2) === 0 ? ['X-K: a, b'] : []),
    ...(prng.below(3) === 0 ? ['X-K: c'] : []),
    ...(prng.below(3) === 0 ? ['Cookie: s=1; t=2'] : []),
    ...(prng.below(4) === 0 ? ['X-Pin: 2'] : []),
    ...(prng.below(4) === 0 ? ['X-Api: 1'] : []),
    ...(prng.below(3) === 0 ? [`X-Backend: ${pick(prng, ['beta', 'nobody'])}`] : []),
    ...(prng.below(4) === 0 ? ['X-Ip: 192.0.2.7'] : []),
    ...(prng.below(4) === 0 ? [`Authorization: Basic ${pick(prng, ['YW5uOmJlZQ==', 'YW5uOm5v'])}`] : []),
    ...(method === 'POST' ? [`Content-Length: ${body.length}`] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Everything that comes back until the end. */
function ask(port: number, request: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = openSocket({ port, host: FRONT_HOST });
    let text = '';
    socket.setTimeout(ANSWER_MS, () => {
      socket.destroy();
      reject(new Error(`no end of the answer: ${text}`));
    });
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    socket.write(typeof request === 'string' ? Buffer.from(request, 'latin1') : request);
  });
}

// What is compared

interface Seen {
  status: number; // 0: closed
  reason: string;
  headers: string[];
}

function seenOf(answer: string): Seen {
  if (answer === '') return { status: 0, reason: '', headers: [] };
  const [first = '', ...lines] = answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n');
  return {
    status: Number(first.split(' ')[1]),
    reason: first.slice('HTTP/1.1 200 '.length),
    headers: withoutConnection(lines),
  };
}

const withoutConnection = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => !/^connection:/i.test(line))
    .map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()));

const linesOf = (headers: readonly HeaderLine[]): string[] =>
  withoutConnection(headers.map(({ name, value }) => `${name}: ${value}`));

function told(explanation: Explanation): Seen {
  const { outcome, answer, response } = explanation;
  if (outcome.kind === 'answered')
    return { status: outcome.status, reason: answer!.reason, headers: linesOf(answer!.headers) };
  if (outcome.kind !== 'forwarded') return { status: 0, reason: '', headers: [] };
  return { status: outcome.status, reason: response!.sent!.reason, headers: linesOf(response!.sent!.headers) };
}

interface Site {
  path: string;
  ports: number[];
  origins: Map<string, Origin>;
}

async function makeSite(context: TestContext, folder: Folder, prng: Prng): Promise<Site> {
  const origins = new Map<string, Origin>();
  const map = folder.file('paths.map', '/one one\n/two two\n/x alpha\n/api/users beta\n');
  let text = HEAD;
  const ports: number[] = [];
  for (let index = 0; index < FRONTENDS; index++) {
    ports.push(await freePort());
    text += `${frontend(prng, index, ports[index]!).join('\n')}\n`;
  }
  for (const name of BACKENDS) {
    const own = [await startOrigin(context, `${name}1`), await startOrigin(context, `${name}2`)];
    for (const origin of own) origins.set(origin.name, origin);
    text += `${backend(prng, name, own).join('\n')}\n`;
  }
  ports.push(await freePort());
  const alone = await startOrigin(context, 'alone');
  origins.set(alone.name, alone);
  text += `${listenSection(prng, ports.at(-1)!, alone.port).join('\n')}\n`;
  return { path: folder.file('site.cfg', text.replaceAll('MAP', map)), ports, origins };
}

async function compareOne(
  site: Site,
  model: ReturnType<typeof loadModel>,
  port: number,
  request: string,
): Promise<void> {
  const to = { to: `${FRONT_HOST}:${port}` };
  const first = explained(model, request, to);
  const server = first.outcome.server;
  const response = first.outcome.kind === 'forwarded' ? { response: originResponse(server) } : {};
  const explanation = explained(model, request, { ...to, ...response });
  for (const origin of site.origins.values()) origin.received.length = 0;
  const answer = await ask(port, request);
  const reached = [...site.origins.values()].filter(({ received }) => received.length > 0);
  assert.deepEqual(seenOf(answer), told(explanation));
  const goesOut = explanation.response !== null;
  assert.deepEqual(
    reached.map(({ name }) => name),
    goesOut ? [server] : [],
  );
  if (!goesOut) return;
  const [line, ...headers] = reached[0]!.received[0]!.split('\r\n\r\n')[0]!.split('\r\n');
  const { sent } = explanation;
  assert.equal(line, `${sent!.method} ${sent!.uri} HTTP/1.1`);
  assert.deepEqual(withoutConnection(headers), linesOf(sent!.headers));
}

for (let round = 0; round < ROUNDS; round++) {
  const seed = SEED + round;
  test(`weir does what weir explain says (seed ${seed})`, async (context) => {
    const prng = new Prng(seed);
    const folder = makeFolder(context);
    const site = await makeSite(context, folder, prng);
    const model = loadModel([site.path]);
    await startWeir(context, ['-db', '-f', site.path]).started();
    const fates = new Set<string>();
    for (const port of site.ports) {
      for (let count = 0; count < REQUESTS; count++) {
        const request = makeRequest(prng);
        try {
          await compareOne(site, model, port, request);
        } catch (error) {
          const { message } = error as Error;
          throw new Error(`FUZZ_SEED=${seed}, port ${port} of\n${await readBack(site.path)}\n${request}\n${message}`);
        }
        const { kind, status, server } = explained(model, request, { to: `${FRONT_HOST}:${port}` }).outcome;
        fates.add(`${kind} ${status} ${server}`);
      }
    }
    context.diagnostic([...fates].sort().join(', '));
    assert.ok(fates.size > 4, 'the requests had many fates');
  });
}

async function readBack(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8');
}

test('a TCP frontend sends a ClientHello where weir explain says', async (context) => {
  const folder = makeFolder(context);
  const origins = [await startOrigin(context, 'one'), await startOrigin(context, 'two')];
  const port = await freePort();
  const servers = origins.map(({ name, port: at }) => `backend ${name}\n    server ${name} 127.0.0.1:${at}\n`).join('');
  const path = folder.file(
    'tcp.cfg',
    `defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend tls
    bind ${FRONT_HOST}:${port}
    tcp-request inspect-delay 2s
    tcp-request content reject if { req.ssl_sni -m end .bad }
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend one if { req.ssl_sni one.example.org }
    default_backend two
${servers}`,
  );
  const model = loadModel([path]);
  await startWeir(context, ['-db', '-f', path]).started();
  for (const name of ['one.example.org', 'elsewhere.example.org', 'very.bad']) {
    const hello = clientHello(name);
    const { outcome } = explained(model, hello);
    for (const origin of origins) origin.received.length = 0;
    const answer = await ask(port, hello);
    const reached = origins.filter(({ received }) => received.length > 0).map((origin) => origin.name);
    assert.deepEqual(reached, outcome.server === '' ? [] : [outcome.server], name);
    assert.equal(answer === '', outcome.kind === 'closed', name);
  }
});
