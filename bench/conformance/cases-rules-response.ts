// http-response and tcp-response content rules in mode http: what a server answers, changed, refused or looked at.

import { answer, ask, type Case, get, post, request } from './parity-case.ts';
import { type Section, section } from './section.ts';

const response = `
  http-request set-var(txn.p) path
  http-response set-header X-Set "%[status] %[res.hdr(x-a)] %[res.ver]" if { var(txn.p) -m str /set }
  http-response add-header X-Add "%[var(txn.p)]" if { var(txn.p) -m str /add }
  http-response add-header X-Add two if { var(txn.p) -m str /add }
  http-response del-header X-Del if { var(txn.p) -m str /del }
  http-response del-header x-d -m beg if { var(txn.p) -m str /del-beg }
  http-response del-header content-length if { var(txn.p) -m str /del-length }
  http-response del-header transfer-encoding if { var(txn.p) -m str /del-chunked }
  http-response set-header content-length 1 if { var(txn.p) -m str /set-length }
  http-response set-header transfer-encoding chunked if { var(txn.p) -m str /set-chunked }
  http-response set-header connection close if { var(txn.p) -m str /set-close }
  http-response replace-header Location ^http://(.*)$ https://\\1 if { var(txn.p) -m str /replace }
  http-response replace-header Set-Cookie (.*) "\\1; Secure" if { var(txn.p) -m str /replace }
  http-response replace-value Vary ^a(.*) b\\1 if { var(txn.p) -m str /replace-value }
  http-response set-headers-bin var(txn.bin) if { var(txn.p) -m str /none }
  http-response set-var(txn.bin) res.hdrs_bin if { var(txn.p) -m str /bin }
  http-response del-header x-a if { var(txn.p) -m str /bin }
  http-response set-headers-bin var(txn.bin) if { var(txn.p) -m str /bin }
  http-response add-headers-bin var(txn.bin) prefix x- if { var(txn.p) -m str /bin }
  http-response del-headers-bin var(txn.bin) -m end if { var(txn.p) -m str /bin-del }
  http-response set-status 201 if { var(txn.p) -m str /status }
  http-response set-status 598 reason "Own words" if { var(txn.p) -m str /status-reason }
  http-response set-status 304 if { var(txn.p) -m str /status-304 }
  http-response set-status 204 if { var(txn.p) -m str /status-204 }
  http-response deny if { var(txn.p) -m str /deny }
  http-response deny deny_status 503 if { var(txn.p) -m str /deny-503 }
  http-response deny status 404 content-type text/plain string no hdr X-D 1 if { var(txn.p) -m str /deny-string }
  http-response return status 200 content-type text/plain lf-string "instead of %[var(txn.p)]" hdr X-R "%[src]" if { var(txn.p) -m str /return }
  http-response return status 200 content-type text/plain lf-string "%[status]" hdr X-R "%[res.hdr(x-a)]" if { var(txn.p) -m str /return-response }
  http-response return status 404 errorfile @DIR@/own-404.http if { var(txn.p) -m str /return-errorfile }
  http-response redirect location /elsewhere if { var(txn.p) -m str /redirect }
  http-response redirect location "%[res.hdr(location)]" code 301 if { var(txn.p) -m str /redirect-format }
  http-response silent-drop if { var(txn.p) -m str /silent-drop }
  http-response set-log-level silent if { var(txn.p) -m str /silent }
  http-response set-nice 10
  http-response set-fc-mark 1
  http-response set-fc-tos 16
  http-response set-mark 1
  http-response set-tos 16
  http-response pause 60ms if { var(txn.p) -m str /pause }
  http-response pause res.hdr(x-pause) if { var(txn.p) -m str /pause-header }
  http-response wait-for-body time 200ms if { var(txn.p) -m str /wait }
  http-response wait-for-body time 200ms at-least 3 if { var(txn.p) -m str /wait-3 }
  http-response set-header X-Body "%[res.body_len] %[res.body,hex]" if { var(txn.p) -m beg /wait }
  http-response allow if { var(txn.p) -m str /allow }
  http-response set-header X-Last "%[res.hdr_cnt] %[res.fhdr(x-a)] %[res.cook(c)] %[res.hdr_names]" if { var(txn.p) -m str /fetch }
  http-response set-header X-Unless 1 unless { status 200 }
  http-after-response set-header X-After "%[status]"
`;

const timeouts = `
  http-response set-timeout server 100ms if { var(txn.p) -m str /timeout-server }
  http-response set-timeout tunnel 100ms if { var(txn.p) -m str /timeout-tunnel }
`;

const content = `
  tcp-response inspect-delay 300ms
  tcp-response content accept if { res.hdr(x-c) accept }
  tcp-response content reject if { res.hdr(x-c) reject }
  tcp-response content close if { res.hdr(x-c) close }
  tcp-response content silent-drop if { res.hdr(x-c) silent-drop }
  tcp-response content set-var(txn.c) status
  tcp-response content set-var-fmt(txn.f) "%[status]/%[res.hdr(x-c)]"
  tcp-response content unset-var(txn.none)
  tcp-response content do-log if { res.hdr(x-c) log }
  tcp-response content set-log-level silent if { res.hdr(x-c) silent }
  tcp-response content set-nice 5
  tcp-response content set-mark 1
  tcp-response content set-tos 16
  tcp-response content set-fc-mark 1
  tcp-response content set-fc-tos 16
  http-response set-header X-Seen "%[var(txn.c)] %[var(txn.f)]"
`;

export const RESPONSE_RULE_SECTIONS: readonly Section[] = [
  section(
    'rules-response',
    { front: 'http-response set-timeout client 5s', back: response + timeouts },
    { copies: 4, since: '3.4' },
  ),
  section('rules-response-front', { front: response }, { since: '3.4' }),
  section('rules-response-content', { back: content }, { copies: 2, since: '3.4' }),
  section(
    'rules-response-cut',
    {
      back: 'http-response set-header X-Set "%[res.hdr(x-a)]"\nhttp-response del-header x-b\nhttp-response set-status 202\nhttp-response replace-value x-a ^(.)$ \\1\\1',
    },
    { copies: 6, since: '3.4' },
  ),
];

const FULL =
  'HTTP/1.1 200 OK\r\nX-A: 1\r\nX-Del: 1\r\nX-Da: 2\r\nx-DEL: 3\r\nVary: abc, d, ae\r\nLocation: http://o/x\r\nSet-Cookie: c=1; path=/\r\nSet-Cookie: d=2\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKS =
  'HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n';
const CLOSED = 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello';
const OLD = 'HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello';

const PATHS: readonly string[] = [
  ...['set', 'add', 'del', 'del-beg', 'del-length', 'del-chunked', 'set-length', 'set-chunked', 'set-close', 'replace'],
  ...[
    'replace-value',
    'bin',
    'bin-del',
    'status',
    'status-reason',
    'status-304',
    'status-204',
    'deny',
    'deny-503',
    'deny-string',
  ],
  ...[
    'return',
    'return-errorfile',
    'redirect',
    'redirect-format',

    'silent',
    'pause',
    'wait',
    'wait-3',
    'allow',
    'fetch',
  ],
];

const untilClosed = { untilClosed: true } as const;
const WAITING: ReadonlySet<string> = new Set(['pause']);

const one = (name: string, path: string, text: string, origin: Case['origin']): Case => ({
  name,
  on: 'rules-response',
  steps: WAITING.has(path) ? [{ send: text }, { pauseMs: 90 }] : ask(text),
  ...(origin === undefined ? {} : { origin }),
});

const all: readonly Case[] = PATHS.flatMap((path) => [
  one(`http-response: ${path}`, path, get(`/${path}`), answer(FULL)),
  one(`http-response: ${path}, chunks`, path, get(`/${path}`), answer(CHUNKS)),
  one(`http-response: ${path}, until the end`, path, get(`/${path}`), answer(CLOSED, 'fin')),
  one(`http-response: ${path}, twice`, path, get(`/${path}`) + get(`/${path}`), answer(FULL)),
]);

const MANY: readonly string[] = [
  'set',
  'deny',
  'return',
  'redirect',
  'status',
  'del-length',
  'set-length',
  'set-chunked',
  'status-204',
];

const ways: readonly Case[] = MANY.flatMap((path) => [
  one(
    `http-response: ${path}, HEAD`,
    path,
    request('HEAD', `/${path}`, '1.1', [], ''),
    answer('HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n'),
  ),
  one(`http-response: ${path}, 1.0`, path, request('GET', `/${path}`, '1.0', [], ''), answer(FULL)),
  one(
    `http-response: ${path}, 1.0 kept`,
    path,
    request('GET', `/${path}`, '1.0', ['Connection: keep-alive'], ''),
    answer(FULL),
  ),
  one(
    `http-response: ${path}, 1.0 kept, chunks`,
    path,
    request('GET', `/${path}`, '1.0', ['Connection: keep-alive'], ''),
    answer(CHUNKS),
  ),
  one(`http-response: ${path}, an old server`, path, get(`/${path}`), answer(OLD, 'fin')),
  one(`http-response: ${path}, 204`, path, get(`/${path}`), answer('HTTP/1.1 204 No\r\nX-A: 1\r\n\r\n')),
  one(
    `http-response: ${path}, 304`,
    path,
    get(`/${path}`),
    answer('HTTP/1.1 304 Not\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n'),
  ),
  one(`http-response: ${path}, close`, path, get(`/${path}`, 'Connection: close'), answer(FULL)),
  one(
    `http-response: ${path}, a server that closes`,
    path,
    get(`/${path}`),
    answer(FULL.replace('X-A: 1', 'X-A: 1\r\nConnection: close'), 'fin'),
  ),
  one(
    `http-response: ${path}, interim ones before`,
    path,
    get(`/${path}`),
    answer(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${FULL}`),
  ),
  one(
    `http-response: ${path}, before the request's body is there`,
    path,
    request('POST', `/${path}`, '1.1', ['Content-Length: 6'], 'abc'),
    { answers: [[{ send: FULL }]] },
  ),
  one(`http-response: ${path}, to a POST`, path, post(`/${path}`, 'abc'), answer(FULL)),
  {
    name: `http-response: ${path}, 101`,
    on: 'rules-response',
    steps: [
      { send: get(`/${path}`, 'Connection: Upgrade', 'Upgrade: foo') },
      { pauseMs: 30 },
      { send: 'ping' },
      { pauseMs: 20 },
    ],
    origin: answer('HTTP/1.1 101 Switching\r\nX-A: 1\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nhello', 'echo'),
  },
  {
    name: `http-response: ${path}, the response is cut`,
    on: 'rules-response',
    steps: [{ send: get(`/${path}`) }, { pauseMs: 40 }],
    origin: answer('HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 500\r\n\r\nhello', { pauseMs: 15 }, 'fin'),
  },
  {
    name: `http-response: ${path}, chunks are cut`,
    on: 'rules-response',
    steps: [{ send: get(`/${path}`) }, { pauseMs: 40 }],
    origin: answer(
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      { pauseMs: 15 },
      'fin',
    ),
  },
  {
    name: `http-response: ${path}, then another on the connection`,
    on: 'rules-response',
    steps: [{ send: get(`/${path}`) }, { pauseMs: 30 }, { send: get('/set') }, { pauseMs: 20 }],
    origin: answer(FULL),
  },
]);

const SLOW_BODY: Case['origin'] = answer(
  'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 6\r\n\r\nab',
  { pauseMs: 30 },
  { send: 'c' },
  { pauseMs: 30 },
  { send: 'def' },
);

const special: readonly Case[] = [
  one('http-response: return what the response said', 'return', get('/return-response'), answer(FULL)),
  one('http-response: silent-drop', 'silent-drop', get('/silent-drop'), answer(FULL)),
  {
    ...one(
      'http-response: pause by header',
      'pause',
      get('/pause-header'),
      answer(FULL.replace('X-A: 1', 'X-Pause: 80')),
    ),
  },
  {
    name: 'http-response: pause, the server leaves meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { pauseMs: 110 }],
    origin: answer(FULL, { pauseMs: 20 }, 'fin'),
  },
  {
    name: 'http-response: pause, the server resets meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { pauseMs: 110 }],
    origin: answer(FULL, { pauseMs: 20 }, 'reset'),
  },
  {
    name: 'http-response: pause, half a body, the server leaves meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { pauseMs: 110 }],
    origin: answer('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf', { pauseMs: 20 }, 'fin'),
  },
  {
    name: 'http-response: pause, the client half-closes meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { pauseMs: 30 }, { halfClose: true }, untilClosed],
    origin: answer(FULL),
  },
  {
    name: 'http-response: pause, more of the body meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { until: 'def' }],
    origin: SLOW_BODY,
  },
  {
    name: 'http-response: pause, the next request meanwhile',
    on: 'rules-response',
    steps: [{ send: get('/pause') }, { pauseMs: 20 }, { send: get('/set') }, { pauseMs: 100 }],
    origin: answer(FULL),
  },
  {
    name: 'http-response: wait-for-body, in pieces',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { until: 'def' }],
    origin: SLOW_BODY,
  },
  {
    name: 'http-response: wait-for-body at least 3, in pieces',
    on: 'rules-response',
    steps: [{ send: get('/wait-3') }, { until: 'def' }],
    origin: SLOW_BODY,
  },
  {
    name: 'http-response: wait-for-body, chunks in pieces',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { pauseMs: 90 }],
    origin: answer(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab',
      { pauseMs: 20 },
      { send: 'c\r\n0\r\n\r\n' },
    ),
  },
  {
    name: 'http-response: wait-for-body in vain',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { until: '</html>' }],
    origin: answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab', { until: 'never' }),
  },
  {
    name: 'http-response: wait-for-body, the server leaves',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { pauseMs: 100 }],
    origin: answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab', { pauseMs: 20 }, 'fin'),
  },
  {
    name: 'http-response: wait-for-body, until the end',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { pauseMs: 100 }],
    origin: answer('HTTP/1.1 200 OK\r\n\r\nab', { pauseMs: 20 }, { send: 'cd' }, { pauseMs: 20 }, 'fin'),
  },
  {
    name: 'http-response: wait-for-body of a long body',
    on: 'rules-response',
    steps: [{ send: get('/wait') }, { pauseMs: 100 }],
    origin: answer(`HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'z'.repeat(60_000)}`),
  },
  {
    name: 'http-response: set-timeout server',
    on: 'rules-response',
    steps: [{ send: get('/timeout-server') }, untilClosed],
    origin: answer('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab', { until: 'never' }),
  },
  {
    name: 'http-response: set-timeout tunnel',
    on: 'rules-response',
    steps: [{ send: get('/timeout-tunnel', 'Connection: Upgrade', 'Upgrade: foo') }, untilClosed],
    origin: answer('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n', 'echo'),
  },
  {
    name: 'http-response: unless',
    on: 'rules-response',
    steps: ask(get('/')),
    origin: answer('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'),
  },
  ...['set', 'deny', 'return', 'redirect', 'allow', 'status'].map(
    (path): Case => ({
      name: `http-response, frontend: ${path}`,
      on: 'rules-response-front',
      steps: ask(get(`/${path}`)),
      origin: answer(FULL),
    }),
  ),
  ...['accept', 'reject', 'close', 'silent-drop', 'log', 'silent', 'other'].flatMap((word): Case[] => [
    {
      name: `tcp-response content: ${word}`,
      on: 'rules-response-content',
      steps: [{ send: get('/') }, { pauseMs: 40 }],
      origin: answer(`HTTP/1.1 200 OK\r\nX-C: ${word}\r\nContent-Length: 5\r\n\r\nhello`),
      silentMs: 50,
    },
    {
      name: `tcp-response content: ${word}, twice`,
      on: 'rules-response-content',
      steps: [{ send: get('/1') + get('/2') }, { pauseMs: 40 }],
      origin: answer(`HTTP/1.1 200 OK\r\nX-C: ${word}\r\nContent-Length: 5\r\n\r\nhello`),
      silentMs: 50,
    },
    {
      name: `tcp-response content: ${word}, an interim one before`,
      on: 'rules-response-content',
      steps: [{ send: get('/1') }, { pauseMs: 40 }],
      origin: answer(
        `HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-C: ${word}\r\nContent-Length: 5\r\n\r\nhello`,
      ),
      silentMs: 50,
    },
  ]),
];

export const RESPONSE_RULE_CASES: readonly Case[] = [...all, ...ways, ...special];
