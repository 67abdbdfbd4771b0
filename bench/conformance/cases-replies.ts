// Rules that answer instead of a server: deny, return, redirect, auth, tarpit, reject, silent-drop, and the pages they use.
//
// What becomes of the connection matters as much as the answer: bodies that were not read, requests that follow, 1.0.

import { answer, ask, type Case, get, post, request } from './parity-case.ts';
import { type Section, section } from './section.ts';

const replies = `
  errorfile 403 @DIR@/own-403.http
  errorfile 429 @DIR@/own-429.http
  http-request deny if { path /deny }
  http-request deny deny_status 429 if { path /deny-429 }
  http-request deny deny_status 400 if { path /deny-400 }
  http-request deny status 404 default-errorfiles if { path /deny-404 }
  http-request deny status 418 if { path /deny-418 }
  http-request deny status 503 content-type text/plain string "no %[src]" hdr X-A "%[path]" if { path /deny-string }
  http-request deny status 410 content-type text/plain lf-string "no %[src] %[path]" if { path /deny-lf }
  http-request deny errorfile @DIR@/own-403.http if { path /deny-errorfile }
  http-request deny errorfiles @NAME@_errors status 404 if { path /deny-errorfiles }
  http-request deny status 500 errorfiles @NAME@_errors if { path /deny-errorfiles-none }
  http-request return if { path /return }
  http-request return status 204 if { path /return-204 }
  http-request return status 304 if { path /return-304 }
  http-request return status 599 hdr X-A one hdr X-A two if { path /return-599 }
  http-request return content-type text/plain string "hello" if { path /return-string }
  http-request return content-type "text/html; charset=utf-8" lf-string "<%[path]> %[req.hdr(x-v)] %[date(0),bool]" hdr Cache-Control no-cache if { path /return-lf }
  http-request return content-type text/plain lf-string "%[req.hdr(none)]" if { path /return-empty }
  http-request return content-type text/plain file @DIR@/page.txt if { path /return-file }
  http-request return content-type text/plain lf-file @DIR@/page.lf if { path /return-lf-file }
  http-request return status 200 errorfile @DIR@/own-200.http if { path /return-errorfile }
  http-request return status 404 errorfiles @NAME@_errors hdr X-Ignored 1 if { path /return-errorfiles }
  http-request return status 403 default-errorfiles if { path /return-default }
  http-request return status 200 content-type text/plain string "body" hdr Connection close if { path /return-close }
  http-request return status 200 content-type text/plain string "body" hdr Set-Cookie "a=%[rand(1)]" if { path /return-cookie }
  http-request return status 200 content-type text/plain file @DIR@/long.txt if { path /return-long }
  http-request auth if { path /auth } !{ http_auth(@NAME@_users) }
  http-request auth realm "A \\"realm\\"" if { path /auth-realm } !{ http_auth(@NAME@_users) }
  http-request auth realm x if { path /auth-group } !{ http_auth_group(@NAME@_users) admins }
  http-request set-header X-User "%[http_auth_user] %[http_auth_type]" if { path_beg /auth }
  http-request reject if { path /reject }
  http-request silent-drop if { path /silent-drop }
  http-request silent-drop rst-ttl 1 if { path /silent-drop-ttl }
  http-request tarpit if { path /tarpit }
  http-request tarpit deny_status 429 if { path /tarpit-429 }
  http-request tarpit status 401 content-type text/plain string "slow" hdr X-A 1 if { path /tarpit-string }
  http-request early-hint Link "<%[path].css>" if { path /hint } || { path /hints } || { path /hint-deny }
  http-request early-hint X-B b if { path /hints }
  http-request deny if { path /hint-deny }
`;

const errorsAndUsers = `http-errors @NAME@_errors
  errorfile 404 @DIR@/own-404.http
  errorfile 400 @DIR@/page-400.http
userlist @NAME@_users
  group admins users alice
  user alice insecure-password secret
  user bob password $5$abcdefgh$iMmLJBsIJkVRi5pKzmVyVCLlnFhNBo6ZLPMgv7VGkP.
`;

const redirects = `
  http-request redirect location /new if { path /location }
  http-request redirect location http://b%[path]?%[query] code 301 if { path /location-format }
  http-request redirect location "%[req.hdr(none)]" ignore-empty if { path /ignore-empty }
  http-request redirect location "%[req.hdr(none)]" if { path /empty }
  http-request redirect location /new?own=1 keep-query if { path /keep-query }
  http-request redirect location /new keep-query if { path /keep-query-plain }
  http-request redirect prefix http://b if { path_beg /prefix }
  http-request redirect prefix http://b drop-query if { path_beg /drop }
  http-request redirect prefix http://b drop-query append-slash if { path_beg /slash }
  http-request redirect prefix http://b append-slash if { path_beg /q-slash }
  http-request redirect prefix / if { path /root-prefix }
  http-request redirect scheme https if { path /scheme }
  http-request redirect scheme https code 308 drop-query if { path /scheme-308 }
  http-request redirect location / code 303 set-cookie SEEN=1 if { path /set-cookie }
  http-request redirect location / set-cookie-fmt SEEN=%[path] if { path /set-cookie-fmt }
  http-request redirect location / code 307 clear-cookie SEEN= if { path /clear-cookie }
  redirect location /old-style if { path /old }
  redirect prefix http://c code 301 unless { path_beg /pass }
`;

const afterAll = `
  http-after-response set-header X-After "%[status] %[res.hdr(content-length)] %[var(txn.p)]"
  http-after-response add-header X-After 2
  http-after-response replace-header Location (.*) \\1#f
  http-after-response replace-value Cache-Control no-(.*) \\1
  http-after-response del-header X-Del
  http-after-response set-status 299 reason "Very Fine" if { status 299 }
  http-after-response set-status 404 if { status 410 }
  http-after-response set-log-level silent if { status 418 }
  http-after-response set-headers-bin var(txn.hdrs)
  http-after-response add-headers-bin var(txn.hdrs) prefix x-d
  http-after-response del-headers-bin var(txn.hdrs) -m beg if { status 416 }
  http-request set-var(txn.p) path
  http-request deny if { path /deny }
  http-request deny status 410 if { path /deny-410 }
  http-request deny status 418 if { path /deny-418 }
  http-request return status 200 content-type text/plain string "x" hdr X-Del 1 if { path /return }
  http-request redirect location /there if { path /redirect }
  http-request auth if { path /auth }
  http-request tarpit if { path /tarpit }
  http-request wait-for-body time 100ms if { path /wait }
`;

export const REPLY_SECTIONS: readonly Section[] = [
  section('replies', { front: `timeout tarpit 150ms\n${replies}`, extra: errorsAndUsers }, { copies: 4, since: '3.4' }),
  section('replies-back', { back: replies, extra: errorsAndUsers, timeouts: 'timeout tarpit 150ms' }, { since: '3.4' }),
  section('replies-tarpit-none', { front: 'http-request tarpit' }, { since: '3.4' }),
  section(
    'replies-tarpit-set',
    { front: 'timeout tarpit 3s\nhttp-request set-timeout tarpit 80ms\nhttp-request tarpit' },
    { since: '3.4' },
  ),
  section('redirects', { front: redirects }, { copies: 2, since: '3.4' }),
  section(
    'redirects-back',
    { back: 'redirect location /b if { path /b }\nredirect scheme https if { path /s }' },
    { since: '3.4' },
  ),
  section(
    'replies-after',
    { front: `timeout tarpit 100ms\n${afterAll}`, timeouts: 'timeout http-request 400ms' },
    { copies: 2, since: '3.4' },
  ),
  section('replies-after-back', { back: afterAll, timeouts: 'timeout tarpit 100ms' }, { since: '3.4' }),
  section(
    'after-no-server',
    {
      front: 'http-after-response set-header X-F "%[status]"',
      back: 'http-after-response set-header X-B "%[status]"',
      server: 'disabled',
    },
    { since: '3.4' },
  ),
  section(
    'after-dead',
    {
      front: 'http-after-response set-header X-F "%[status]"',
      servers: 'server s 127.0.0.1:@DEAD@',
      back: 'retries 0',
    },
    { since: '3.4' },
  ),
  section(
    'errors-front',
    {
      front: `errorfile 503 @DIR@/page-503.http
        errorloc 502 http://err/502
        errorloc302 504 /504
        errorloc303 400 /400
        http-error status 403 content-type text/plain string "denied" hdr X-E 1
        http-error status 404 content-type text/plain lf-string "gone %[path]"
        http-error status 500 content-type text/plain file @DIR@/page.txt
        http-error status 408 errorfile @DIR@/empty.http
        http-error status 429 errorfiles @NAME@_errors
        http-request deny if { path /403 }
        http-request deny deny_status 404 if { path /404 }
        http-request deny deny_status 500 if { path /500 }
        http-request deny deny_status 429 if { path /429 }
        http-request deny deny_status 408 if { path /408 }
        http-request deny deny_status 502 if { path /502 }
        http-request deny deny_status 400 if { path /400 }
        http-request return status 503 default-errorfiles if { path /503 }`,
      extra: 'http-errors @NAME@_errors\n  errorfile 429 @DIR@/own-429.http\n',
      timeouts: 'timeout server 200ms\ntimeout http-request 200ms',
    },
    { copies: 2, since: '3.4' },
  ),
  section(
    'errors-both',
    {
      front: `errorfiles @NAME@_one
        http-request deny if { path /front-403 }
        http-request deny deny_status 404 if { path /front-404 }`,
      back: `errorfiles @NAME@_two 403 503
        http-request deny if { path /back-403 }
        http-request deny deny_status 404 if { path /back-404 }`,
      extra:
        'http-errors @NAME@_one\n  errorfile 403 @DIR@/own-403.http\n  errorfile 404 @DIR@/own-404.http\nhttp-errors @NAME@_two\n  errorfile 403 @DIR@/own-200.http\n  errorfile 404 @DIR@/own-429.http\n  errorfile 503 @DIR@/page-503.http\n',
      server: 'disabled',
    },
    { since: '3.4' },
  ),
  section(
    'monitor-rules',
    { front: 'monitor-uri /alive\nhttp-request deny\nhttp-after-response set-header X-A 1' },
    { since: '3.4' },
  ),
];

export const REPLY_FILES: Readonly<Record<string, string>> = {
  'own-403.http': 'HTTP/1.1 403 Own\r\nX-Own: 403\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nown\n',
  'own-404.http': 'HTTP/1.1 404 Own\r\nX-Own: 404\r\nContent-Length: 3\r\nConnection: close\r\n\r\n404',
  'own-429.http': 'HTTP/1.1 429 Own\r\nX-Own: 429\r\nContent-Length: 0\r\n\r\n',
  'own-200.http': 'HTTP/1.1 200 Fine\r\nX-Own: 200\r\nContent-Length: 5\r\n\r\nfine\n',
  'empty.http': '',
  'page.txt': 'a page of text\n%[src]\n',
  'page.lf': 'a page for %[path] of %[src]\n',
  'long.txt': `${'0123456789abcde\n'.repeat(700)}`,
};

const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString('base64')}`;

const REPLY_PATHS: readonly string[] = [
  ...['deny', 'deny-429', 'deny-400', 'deny-404', 'deny-418', 'deny-string', 'deny-lf', 'deny-errorfile'],
  ...['deny-errorfiles', 'deny-errorfiles-none', 'return', 'return-204', 'return-304', 'return-599', 'return-string'],
  ...['return-lf', 'return-empty', 'return-file', 'return-lf-file', 'return-errorfile', 'return-errorfiles'],
  ...[
    'return-default',
    'return-close',
    'return-cookie',
    'return-long',
    'auth',
    'auth-realm',
    'reject',
    'hint',
    'hints',
  ],
  'hint-deny',
];

const WAYS: readonly (readonly [string, (path: string) => string])[] = [
  ['', (path) => get(path)],
  [' HEAD', (path) => request('HEAD', path, '1.1', [], '')],
  [' in 1.0', (path) => request('GET', path, '1.0', [], '')],
  [' in 1.0, kept', (path) => request('GET', path, '1.0', ['Connection: keep-alive'], '')],
  [' with close', (path) => get(path, 'Connection: close')],
  [' to a POST', (path) => post(path, 'abc')],
  [' twice', (path) => get(path) + get(path)],
];

/** Few ways are worth trying on every path. */
const MANY: ReadonlySet<string> = new Set([
  'deny',
  'deny-string',
  'return-string',
  'return-204',
  'return-errorfile',
  'return-lf',
  'auth',
  'reject',
  'hint',
  'hints',
  'hint-deny',
  'return-304',
  'deny-429',
]);

const singles: readonly Case[] = REPLY_PATHS.flatMap((path) =>
  WAYS.filter(([way]) => way === '' || way === ' twice' || MANY.has(path)).map(
    ([way, text]): Case => ({ name: `reply: ${path}${way}`, on: 'replies', steps: ask(text(`/${path}`)) }),
  ),
);

const chunkedRequest = (path: string, body: string): string =>
  request('POST', path, '1.1', ['Transfer-Encoding: chunked'], body);
const untilClosed = { untilClosed: true } as const;

// Answers before the body is there.
const bodies: readonly Case[] = ['deny', 'return-string', 'return-close', 'auth', 'reject', 'return-errorfile'].flatMap(
  (path): Case[] => [
    {
      name: `reply: ${path}, the body comes later, then a request`,
      on: 'replies',
      steps: [
        { send: request('POST', `/${path}`, '1.1', ['Content-Length: 6'], 'abc') },
        { pauseMs: 30 },
        { send: `def${get('/after')}` },
        { pauseMs: 30 },
      ],
    },
    {
      name: `reply: ${path}, chunks come later, then a request`,
      on: 'replies',
      steps: [
        { send: chunkedRequest(`/${path}`, '3\r\nabc\r\n') },
        { pauseMs: 30 },
        { send: `3\r\ndef\r\n0\r\n\r\n${get('/after')}` },
        { pauseMs: 30 },
      ],
    },
    {
      name: `reply: ${path}, body and a request at once`,
      on: 'replies',
      steps: ask(post(`/${path}`, 'abcdef') + get('/after') + get(`/${path}`) + get('/last')),
    },
    {
      name: `reply: ${path}, a bad chunk comes later`,
      on: 'replies',
      steps: [
        { send: chunkedRequest(`/${path}`, '3\r\nabc\r\n') },
        { pauseMs: 30 },
        { send: `zz\r\n` },
        { pauseMs: 30 },
      ],
    },
    {
      name: `reply: ${path}, the client half-closes in the body`,
      on: 'replies',
      steps: [
        { send: request('POST', `/${path}`, '1.1', ['Content-Length: 6'], 'abc') },
        { pauseMs: 30 },
        { halfClose: true },
        untilClosed,
      ],
    },
    {
      name: `reply: ${path}, Expect: 100-continue`,
      on: 'replies',
      steps: [
        { send: request('POST', `/${path}`, '1.1', ['Content-Length: 3', 'Expect: 100-continue'], '') },
        { pauseMs: 40 },
        { send: `abc${get('/after')}` },
        { pauseMs: 30 },
      ],
    },
  ],
);

const longBody = 'b'.repeat(40_000);

const others: readonly Case[] = [
  ...singles,
  ...bodies,
  {
    name: 'reply: deny, a long body and a request behind it',
    on: 'replies',
    steps: ask(post('/deny', longBody) + get('/after')),
  },
  { name: 'reply: auth, right', on: 'replies', steps: ask(get('/auth', basic('alice:secret'))) },
  { name: 'reply: auth, wrong', on: 'replies', steps: ask(get('/auth', basic('alice:secreT'))) },
  { name: 'reply: auth, unknown user', on: 'replies', steps: ask(get('/auth', basic('carol:x'))) },
  { name: 'reply: auth, a wrong one for a hash', on: 'replies', steps: ask(get('/auth', basic('bob:wrong'))) },
  { name: 'reply: auth, no colon', on: 'replies', steps: ask(get('/auth', basic('alice'))) },
  { name: 'reply: auth, no base64', on: 'replies', steps: ask(get('/auth', 'Authorization: Basic ***')) },
  { name: 'reply: auth, Bearer', on: 'replies', steps: ask(get('/auth', 'Authorization: Bearer abc')) },
  { name: 'reply: auth, in the group', on: 'replies', steps: ask(get('/auth-group', basic('alice:secret'))) },
  { name: 'reply: auth, not in the group', on: 'replies', steps: ask(get('/auth-group', basic('bob:x'))) },
  {
    name: 'reply: auth, first wrong then right',
    on: 'replies',
    steps: ask(get('/auth') + get('/auth', basic('alice:secret'))),
  },
  { name: 'reply: auth of an absolute target', on: 'replies', steps: ask(get('http://a/auth')) },
  { name: 'reply: silent-drop', on: 'replies', steps: ask(get('/silent-drop')), silentMs: 60 },
  { name: 'reply: silent-drop with rst-ttl', on: 'replies', steps: ask(get('/silent-drop-ttl')), silentMs: 60 },
  {
    name: 'reply: silent-drop of a second request',
    on: 'replies',
    steps: [{ send: get('/return-string') }, { until: 'hello' }, { send: get('/silent-drop') }, { pauseMs: 60 }],
  },
  ...['tarpit', 'tarpit-429', 'tarpit-string'].flatMap((path): Case[] => [
    { name: `reply: ${path}`, on: 'replies', steps: [{ send: get(`/${path}`) }, { until: '\r\n\r\n' }] },
    {
      name: `reply: ${path} to a POST`,
      on: 'replies',
      steps: [{ send: post(`/${path}`, 'abc') }, { until: '\r\n\r\n' }],
    },
    {
      name: `reply: ${path} HEAD`,
      on: 'replies',
      steps: [{ send: request('HEAD', `/${path}`, '1.1', [], '') }, { until: '\r\n\r\n' }],
    },
  ]),
  {
    name: 'reply: tarpit, a request behind it',
    on: 'replies',
    steps: [{ send: get('/tarpit') + get('/after') }, { until: '\r\n\r\nok' }],
  },
  {
    name: 'reply: tarpit, the body comes meanwhile',
    on: 'replies',
    steps: [
      { send: request('POST', '/tarpit', '1.1', ['Content-Length: 6'], 'abc') },
      { pauseMs: 40 },
      { send: 'def' },
      { until: '\r\n\r\n' },
    ],
  },
  {
    name: 'reply: tarpit, the client half-closes',
    on: 'replies',
    steps: [{ send: get('/tarpit') }, { pauseMs: 40 }, { halfClose: true }, untilClosed],
  },
  {
    name: 'reply: tarpit, the client resets',
    on: 'replies',
    steps: [{ send: get('/tarpit') }, { pauseMs: 40 }, { reset: true }],
    silentMs: 200,
  },
  {
    name: 'reply: tarpit without a timeout',
    on: 'replies-tarpit-none',
    steps: [{ send: get('/') }, { until: '\r\n\r\n' }],
  },
  {
    name: 'reply: tarpit by set-timeout',
    on: 'replies-tarpit-set',
    steps: [{ send: get('/') }, { until: '\r\n\r\n' }],
  },
  { name: 'reply: hint, the origin answers in the end', on: 'replies', steps: ask(get('/hints') + get('/hint')) },
  ...['deny', 'deny-lf', 'return-string', 'return-lf-file', 'auth', 'reject', 'tarpit', 'hints', 'deny-errorfiles'].map(
    (path): Case => ({
      name: `reply, backend: ${path}`,
      on: 'replies-back',
      steps: [{ send: post(`/${path}`, 'abc') }, { pauseMs: 20 }],
    }),
  ),
  { name: 'reply, backend: silent-drop', on: 'replies-back', steps: ask(get('/silent-drop')), silentMs: 60 },
];

const REDIRECTS: readonly string[] = [
  ...[
    '/location',
    '/location-format?a=b',
    '/ignore-empty',
    '/empty',
    '/keep-query?x=1',
    '/keep-query',
    '/keep-query-plain?x=1',
  ],
  ...[
    '/prefix',
    '/prefix/a?b=c',
    '/drop?a=1',
    '/slash?a=1',
    '/slash/?a=1',
    '/q-slash?a=1',
    '/root-prefix?x',
    '/scheme?x=1',
  ],
  ...[
    '/scheme-308?x=1',
    '/set-cookie',
    '/set-cookie-fmt',
    '/clear-cookie',
    '/old',
    '/pass',
    '/other?x',
    'http://h/scheme?y',
    'http://h/prefix?y',
  ],
];

const redirectCases: readonly Case[] = [
  ...REDIRECTS.map((path): Case => ({ name: `redirect: ${path}`, on: 'redirects', steps: ask(get(path)) })),
  ...WAYS.filter(([way]) => way !== '').map(
    ([way, text]): Case => ({ name: `redirect: /location${way}`, on: 'redirects', steps: ask(text('/location')) }),
  ),
  { name: 'redirect: without Host', on: 'redirects', steps: ask('GET /scheme HTTP/1.0\r\n\r\n') },
  { name: 'redirect: asterisk', on: 'redirects', steps: ask(request('OPTIONS', '*', '1.1', [], '')) },
  {
    name: 'redirect: the body comes later',
    on: 'redirects',
    steps: [
      { send: request('POST', '/location', '1.1', ['Content-Length: 6'], 'abc') },
      { pauseMs: 30 },
      { send: `def${get('/pass')}` },
      { pauseMs: 30 },
    ],
  },
  ...['/b', '/s?x', '/none'].map(
    (path): Case => ({ name: `redirect, backend: ${path}`, on: 'redirects-back', steps: ask(get(path)) }),
  ),
];

const withHeaders = (status: number, ...lines: string[]): string =>
  `HTTP/1.1 ${status} Yes\r\n${lines.map((line) => `${line}\r\n`).join('')}Content-Length: 2\r\n\r\nok`;

const afterCases: readonly Case[] = ['replies-after', 'replies-after-back'].flatMap((on): Case[] => [
  ...['deny', 'deny-410', 'deny-418', 'return', 'redirect', 'auth', 'other'].flatMap((path) =>
    WAYS.filter(([way]) => [' HEAD', '', ' in 1.0', ' with close'].includes(way)).map(
      ([way, text]): Case => ({ name: `${on}: ${path}${way}`, on, steps: ask(text(`/${path}`)) }),
    ),
  ),
  { name: `${on}: tarpit`, on, steps: [{ send: get('/tarpit') }, { until: '\r\n\r\n' }] },
  {
    name: `${on}: a server's answer`,
    on,
    steps: ask(get('/')),
    origin: answer(withHeaders(299, 'Cache-Control: no-store, no-cache', 'X-Del: 1', 'Location: /x')),
  },
  { name: `${on}: a server's 410`, on, steps: ask(get('/')), origin: answer(withHeaders(410)) },
  { name: `${on}: a server's 304`, on, steps: ask(get('/')), origin: answer('HTTP/1.1 304 Not\r\nETag: "x"\r\n\r\n') },
  {
    name: `${on}: a server's 100 and 103`,
    on,
    steps: ask(get('/')),
    origin: answer(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${withHeaders(200)}`),
  },
  { name: `${on}: a server that breaks`, on, steps: ask(get('/')), origin: { answers: [['body', 'fin']] } },
  { name: `${on}: a server that says nonsense`, on, steps: ask(get('/')), origin: answer('nonsense\r\n\r\n') },
  { name: `${on}: a bad request`, on, steps: ask('GET / HTTP/1.1\r\nHost: a b\r\n\r\n') },
  {
    name: `${on}: wait-for-body in vain`,
    on,
    steps: [{ send: request('POST', '/wait', '1.1', ['Content-Length: 6'], 'abc') }, { until: '</html>' }],
  },
]);

const errorCases: readonly Case[] = [
  ...['403', '404', '500', '429', '408', '502', '400', '503'].flatMap((path) =>
    WAYS.filter(([way]) => ['', ' HEAD', ' in 1.0', ' twice'].includes(way)).map(
      ([way, text]): Case => ({ name: `errors: ${path}${way}`, on: 'errors-front', steps: ask(text(`/${path}`)) }),
    ),
  ),
  {
    name: 'errors: a server that breaks',
    on: 'errors-front',
    steps: ask(get('/')),
    origin: { answers: [['body', 'fin']] },
  },
  {
    name: 'errors: a server that is silent',
    on: 'errors-front',
    steps: [{ send: get('/') }, { until: '504' }],
    origin: { answers: [['body', { until: 'never' }]] },
  },
  { name: 'errors: a bad request', on: 'errors-front', steps: ask('GET / HTTP/1.1\r\nHost: a b\r\n\r\n') },
  { name: 'errors: a request in vain', on: 'errors-front', steps: [{ send: 'GET / HTT' }, untilClosed] },
  { name: 'errors: no byte', on: 'errors-front', steps: [untilClosed] },
  ...['/front-403', '/front-404', '/back-403', '/back-404', '/'].map(
    (path): Case => ({ name: `errors in both: ${path}`, on: 'errors-both', steps: ask(get(path)) }),
  ),
  { name: 'monitor-uri before rules', on: 'monitor-rules', steps: ask(get('/alive')) },
  { name: 'monitor-uri before rules, HEAD', on: 'monitor-rules', steps: ask(request('HEAD', '/alive', '1.1', [], '')) },
  { name: 'after-response: no server', on: 'after-no-server', steps: ask(get('/')) },
  { name: 'after-response: no server, HEAD', on: 'after-no-server', steps: ask(request('HEAD', '/', '1.1', [], '')) },
  { name: 'after-response: no server, a POST', on: 'after-no-server', steps: ask(post('/', 'abc') + get('/2')) },
  { name: 'after-response: refused', on: 'after-dead', steps: [{ send: get('/') }, { until: '</html>' }] },
];

export const REPLY_CASES: readonly Case[] = [...others, ...redirectCases, ...afterCases, ...errorCases];
