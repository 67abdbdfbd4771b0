// Requests that wait in their rules: for their body, for a moment, with clients that go on, stop or leave meanwhile.

import { ask, type Case, get, post, request } from './parity-case.ts';
import { type Section, section } from './section.ts';

const body = `
  http-request wait-for-body time 150ms if { path_beg /wait }
  http-request wait-for-body time 150ms at-least 3 if { path /three }
  http-request wait-for-body time 0 if { path /zero }
  http-request set-header X-Body "%[req.body_len] %[req.body_size] %[req.body,hex] %[req.body_param(a)]"
  http-request set-header X-Before 1
  http-request pause 60ms if { path_beg /pause }
  http-request pause req.hdr(x-ms) if { path /ms }
  http-request pause 30ms if { path /pause-twice }
  http-request set-header X-Then "%[path] %[req.hdr(x-before)]"
  http-request deny if { path_end /deny }
`;

export const WAIT_SECTIONS: readonly Section[] = [
  section('waits', { front: body }, { copies: 3, since: '3.4' }),
  section('waits-back', { back: body }, { copies: 2, since: '3.4' }),
  section(
    'waits-for-peer',
    {
      front: 'http-request wait-for-body time 0',
      back: 'http-response wait-for-body time 0',
      timeouts: 'timeout client 250ms\ntimeout server 250ms',
    },
    { since: '3.4' },
  ),
  section('waits-abort', { front: body, back: 'option abortonclose' }, { since: '3.4' }),
  section('waits-no-abort', { front: body, back: 'no option abortonclose' }, { since: '3.4' }),
  section(
    'buffer-request',
    {
      front: 'option http-buffer-request\nhttp-request set-header X-Body "%[req.body_len] %[req.body,hex]"',
      timeouts: 'timeout http-request 200ms',
    },
    { copies: 2, since: '3.4' },
  ),
  section(
    'buffer-request-back',
    {
      back: 'timeout http-request 200ms\noption http-buffer-request\nhttp-request set-header X-Body "%[req.body_len] %[req.body,hex]"',
      timeouts: 'timeout http-request 200ms',
    },
    { since: '3.4' },
  ),
  section(
    'set-timeouts',
    {
      front: 'http-request set-timeout client 150ms if { path /client }',
      back: `http-request set-timeout server 150ms if { path /server }
        http-request set-timeout tunnel 150ms if { path /tunnel }
        http-request set-timeout queue 100ms if { path /queue }
        http-request set-timeout server req.hdr(x-ms) if { path /server-ms }`,
      server: 'maxconn 1',
    },
    { copies: 2, since: '3.4' },
  ),
  section(
    'set-timeout-connect',
    {
      servers: 'server s 127.0.0.1:@FULL@',
      back: 'retries 0\nhttp-request set-timeout connect 100ms',
      timeouts: 'timeout connect 3s',
    },
    { since: '3.4' },
  ),
  section(
    'set-priority',
    {
      front: `http-request set-priority-class req.hdr(x-class) if { req.hdr(x-class) -m found }
        http-request set-priority-offset req.hdr(x-offset) if { req.hdr(x-offset) -m found }`,
      server: 'maxconn 1',
    },
    { since: '3.4' },
  ),
];

const half = (path: string, ...lines: string[]): string =>
  request('POST', path, '1.1', ['Content-Length: 6', ...lines], 'abc');
const chunked = (path: string, text: string): string =>
  request('POST', path, '1.1', ['Transfer-Encoding: chunked'], text);
const untilClosed = { untilClosed: true } as const;
const later = { pauseMs: 40 } as const;
const long = 'l'.repeat(20_000);

const waits = (on: string): Case[] => [
  ...ask(get('/wait')).map((step): Case => ({ name: `${on}: wait-for-body without a body`, on, steps: [step] })),
  { name: `${on}: wait-for-body, at once`, on, steps: ask(post('/wait', 'a=b&c=d')) },
  { name: `${on}: wait-for-body, in two pieces`, on, steps: [{ send: half('/wait') }, later, { send: 'def' }, later] },
  {
    name: `${on}: wait-for-body, in pieces, and a request behind`,
    on,
    steps: [{ send: half('/wait') }, later, { send: `def${get('/next')}` }, later],
  },
  {
    name: `${on}: wait-for-body, byte by byte`,
    on,
    steps: [
      { send: half('/wait') },
      { pauseMs: 5 },
      { send: 'd' },
      { pauseMs: 5 },
      { send: 'e' },
      { pauseMs: 5 },
      { send: 'f' },
      later,
    ],
  },
  { name: `${on}: wait-for-body in vain`, on, steps: [{ send: half('/wait') }, { until: '</html>' }] },
  {
    name: `${on}: wait-for-body in vain, the rest comes after`,
    on,
    steps: [{ send: half('/wait') }, { until: '</html>' }, { send: `def${get('/next')}` }, later],
  },
  {
    name: `${on}: wait-for-body in vain, close`,
    on,
    steps: [{ send: half('/wait', 'Connection: close') }, { until: '</html>' }],
  },
  { name: `${on}: wait-for-body, chunks at once`, on, steps: ask(chunked('/wait', '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n')) },
  {
    name: `${on}: wait-for-body, chunks in pieces`,
    on,
    steps: [
      { send: chunked('/wait', '3\r\nab') },
      later,
      { send: 'c\r\n3\r\ndef\r\n0' },
      later,
      { send: `\r\n\r\n${get('/next')}` },
      later,
    ],
  },
  { name: `${on}: wait-for-body, a bad chunk at once`, on, steps: ask(chunked('/wait', '3\r\nabc\r\nzz\r\n')) },
  {
    name: `${on}: wait-for-body, a bad chunk later`,
    on,
    steps: [{ send: chunked('/wait', '3\r\nabc\r\n') }, later, { send: 'zz\r\n' }, later],
  },
  {
    name: `${on}: wait-for-body, chunks in vain`,
    on,
    steps: [{ send: chunked('/wait', '3\r\nabc\r\n') }, { until: '</html>' }],
  },
  {
    name: `${on}: wait-for-body, Expect`,
    on,
    steps: [
      { send: request('POST', '/wait', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], '') },
      { until: '100' },
      { send: 'abc' },
      later,
    ],
  },
  {
    name: `${on}: wait-for-body, Expect, the body is there`,
    on,
    steps: ask(request('POST', '/wait', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], 'abc')),
  },
  { name: `${on}: wait-for-body, 1.0`, on, steps: ask(request('POST', '/wait', '1.0', ['Content-Length: 3'], 'abc')) },
  {
    name: `${on}: wait-for-body, 1.0 in vain`,
    on,
    steps: [{ send: request('POST', '/wait', '1.0', ['Content-Length: 6'], 'abc') }, { until: '</html>' }],
  },
  { name: `${on}: wait-for-body, a long body`, on, steps: ask(post('/wait', long)) },
  {
    name: `${on}: wait-for-body, a long body in pieces and a request behind`,
    on,
    steps: [
      { send: post('/wait', long).slice(0, 9_000) },
      later,
      { send: post('/wait', long).slice(9_000) + get('/next') },
      later,
    ],
  },
  {
    name: `${on}: wait-for-body, half-closed in it`,
    on,
    steps: [{ send: half('/wait') }, later, { halfClose: true }, untilClosed],
  },
  {
    name: `${on}: wait-for-body, half-closed behind it`,
    on,
    steps: [{ send: post('/wait', 'abc') }, { halfClose: true }, untilClosed],
  },
  {
    name: `${on}: wait-for-body, reset in it`,
    on,
    steps: [{ send: half('/wait') }, later, { reset: true }],
    silentMs: 40,
  },
  {
    name: `${on}: wait-for-body, then deny`,
    on,
    steps: [{ send: half('/wait/deny') }, later, { send: `def${get('/next')}` }, later],
  },
  { name: `${on}: wait-for-body at least 3`, on, steps: [{ send: half('/three') }, later, { send: 'def' }, later] },
  { name: `${on}: wait-for-body at least 3, of fewer`, on, steps: ask(post('/three', 'ab')) },
  {
    name: `${on}: wait-for-body at least 3, in vain`,
    on,
    steps: [{ send: request('POST', '/three', '1.1', ['Content-Length: 6'], 'ab') }, { until: '</html>' }],
  },
  { name: `${on}: wait-for-body for no time`, on, steps: [{ send: half('/zero') }, later, { send: 'def' }, later] },
  { name: `${on}: pause`, on, steps: [{ send: get('/pause') }, { until: 'ok' }] },
  {
    name: `${on}: pause, HEAD`,
    on,
    steps: [{ send: request('HEAD', '/pause', '1.1', [], '') }, { until: '\r\n\r\n' }],
  },
  { name: `${on}: pause, a POST`, on, steps: [{ send: post('/pause', 'abc') }, { until: 'ok' }] },
  { name: `${on}: pause, twice`, on, steps: [{ send: get('/pause-twice') }, { until: 'ok' }] },
  {
    name: `${on}: pause, the body comes meanwhile`,
    on,
    steps: [{ send: half('/pause') }, { pauseMs: 20 }, { send: 'def' }, { until: 'ok' }],
  },
  {
    name: `${on}: pause, the body comes after`,
    on,
    steps: [{ send: half('/pause') }, { pauseMs: 100 }, { send: 'def' }, { until: 'ok' }],
  },
  {
    name: `${on}: pause, a request meanwhile`,
    on,
    steps: [{ send: get('/pause') }, { pauseMs: 20 }, { send: get('/next') }, { pauseMs: 100 }],
  },
  {
    name: `${on}: pause, requests at once`,
    on,
    steps: [{ send: get('/pause') + get('/pause2') + get('/next') }, { pauseMs: 180 }],
  },
  {
    name: `${on}: pause, half-closed meanwhile`,
    on,
    steps: [{ send: get('/pause') }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
  },
  {
    name: `${on}: pause, half-closed in the body`,
    on,
    steps: [{ send: half('/pause') }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
  },
  {
    name: `${on}: pause, reset meanwhile`,
    on,
    steps: [{ send: get('/pause') }, { pauseMs: 20 }, { reset: true }],
    silentMs: 100,
  },
  {
    name: `${on}: pause, then deny`,
    on,
    steps: [{ send: half('/pause/deny') }, { pauseMs: 90 }, { send: `def${get('/next')}` }, later],
  },
  { name: `${on}: pause by a header`, on, steps: [{ send: get('/ms', 'X-Ms: 70') }, { until: 'ok' }] },
  { name: `${on}: pause by a header that is none`, on, steps: [{ send: get('/ms', 'X-Ms: x') }, { until: 'ok' }] },
  { name: `${on}: pause of a long body`, on, steps: [{ send: post('/pause', long) }, { until: 'ok' }] },
];

const buffers = (on: string): Case[] => [
  { name: `${on}: without a body`, on, steps: ask(get('/')) },
  { name: `${on}: at once`, on, steps: ask(post('/', 'abc')) },
  { name: `${on}: in pieces`, on, steps: [{ send: half('/') }, later, { send: 'def' }, later] },
  {
    name: `${on}: chunks in pieces`,
    on,
    steps: [{ send: chunked('/', '3\r\nab') }, later, { send: 'c\r\n0\r\n\r\n' }, later],
  },
  { name: `${on}: in vain`, on, steps: [{ send: half('/') }, { until: '</html>' }] },
  { name: `${on}: chunks in vain`, on, steps: [{ send: chunked('/', '3\r\nab') }, { until: '</html>' }] },
  { name: `${on}: a long body`, on, steps: ask(post('/', long)) },
  {
    name: `${on}: a bad chunk later`,
    on,
    steps: [{ send: chunked('/', '3\r\nabc\r\n') }, later, { send: 'zz\r\n' }, later],
  },
  {
    name: `${on}: Expect`,
    on,
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], '') },
      { until: '100' },
      { send: 'abc' },
      later,
    ],
  },
  { name: `${on}: half-closed in the body`, on, steps: [{ send: half('/') }, later, { halfClose: true }, untilClosed] },
  { name: `${on}: reset in the body`, on, steps: [{ send: half('/') }, later, { reset: true }], silentMs: 40 },
  {
    name: `${on}: a second request`,
    on,
    steps: [{ send: post('/1', 'abc') }, later, { send: half('/2') }, later, { send: 'def' }, later],
  },
];

const SILENT: Case['origin'] = { answers: [['body', { until: 'never' }]] };
const ok = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

const timeouts: readonly Case[] = [
  { name: 'set-timeout: client', on: 'set-timeouts', steps: [{ send: half('/client') }, { until: '</html>' }] },
  {
    name: 'set-timeout: server',
    on: 'set-timeouts',
    steps: [{ send: get('/server') }, { until: '</html>' }],
    origin: SILENT,
  },
  {
    name: 'set-timeout: server by a header',
    on: 'set-timeouts',
    steps: [{ send: get('/server-ms', 'X-Ms: 120') }, { until: '</html>' }],
    origin: SILENT,
  },
  {
    name: 'set-timeout: tunnel',
    on: 'set-timeouts',
    steps: [{ send: get('/tunnel', 'Connection: Upgrade', 'Upgrade: foo') }, untilClosed],
    origin: {
      answers: [['body', { send: 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n' }, 'echo']],
    },
  },
  {
    name: 'set-timeout: queue',
    on: 'set-timeouts',
    steps: [
      { send: get('/1') },
      { untilOrigin: '/1' },
      { send: get('/queue'), client: 1 },
      { until: '</html>', client: 1 },
      { until: 'first' },
    ],
    origin: { answers: [['body', { pauseMs: 300 }, { send: ok('first') }]] },
  },
  {
    name: 'set-timeout: of the first request, not of the second',
    on: 'set-timeouts',
    steps: [{ send: get('/server') }, { until: 'first' }, { send: get('/2') }, { until: 'second' }],
    origin: {
      answers: [
        ['body', { send: ok('first') }],
        ['body', { pauseMs: 300 }, { send: ok('second') }],
      ],
    },
  },
  { name: 'set-timeout: connect', on: 'set-timeout-connect', steps: [{ send: get('/') }, { until: '</html>' }] },
  {
    name: 'set-priority: the class decides who is next',
    on: 'set-priority',
    steps: [
      { send: get('/1') },
      { untilOrigin: '/1' },
      { send: get('/late', 'X-Class: 5'), client: 1 },
      { pauseMs: 20 },
      { send: get('/soon', 'X-Class: -5'), client: 2 },
      { until: '\r\n\r\n', client: 1 },
      { until: '\r\n\r\n', client: 2 },
    ],
    origin: {
      answers: [
        ['body', { pauseMs: 120 }, { send: ok('first') }],
        ['body', { send: ok('then') }],
      ],
    },
  },
  {
    name: 'set-priority: the offset decides who is next',
    on: 'set-priority',
    steps: [
      { send: get('/1') },
      { untilOrigin: '/1' },
      { send: get('/late', 'X-Offset: 5000'), client: 1 },
      { pauseMs: 20 },
      { send: get('/soon', 'X-Offset: -5000'), client: 2 },
      { until: '\r\n\r\n', client: 1 },
      { until: '\r\n\r\n', client: 2 },
    ],
    origin: {
      answers: [
        ['body', { pauseMs: 120 }, { send: ok('first') }],
        ['body', { send: ok('then') }],
      ],
    },
  },
];

// Where abortonclose is on, HAProxy finds such a client gone before or after it has connected: it says one or the other.
const peers: readonly Case[] = [
  {
    name: 'waits-for-peer: half a request body',
    on: 'waits-for-peer',
    steps: [{ send: half('/') }, { until: '</html>' }],
  },
  {
    name: 'waits-for-peer: half a response body',
    on: 'waits-for-peer',
    steps: [{ send: get('/') }, { until: '</html>' }],
    origin: { answers: [['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf' }, { until: 'never' }]] },
  },
];

const isOpen = ({ name, on }: Case): boolean =>
  on === 'waits-no-abort' || !/half-closed (behind it|meanwhile)/.test(name);

const aborts = ['waits-abort', 'waits-no-abort'].flatMap((on) =>
  waits(on).filter((each) => /half-closed|reset/.test(each.name)),
);

export const WAIT_CASES: readonly Case[] = [
  ...waits('waits').filter(isOpen),
  ...waits('waits-back').filter(isOpen),
  ...aborts.filter(isOpen),
  ...peers,
  ...buffers('buffer-request'),
  ...buffers('buffer-request-back'),
  ...timeouts,
];
