// What goes wrong: timeouts, clients and servers that vanish, servers that cannot be reached, queues, error pages.

import { ask, type Case, get, post, request } from './parity-case.ts';
import type { Script } from './scripted-origin.ts';

const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const SILENT: Script = { answers: [['body', { until: 'never' }]] };
const HALF: Script = {
  answers: [['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf' }, { until: 'never' }]],
};
const untilClosed = { untilClosed: true } as const;

const TIMEOUTS: readonly Case[] = [
  { name: 'timeout http-request: no byte', on: 'request-timeout', steps: [untilClosed] },
  {
    name: 'timeout http-request: half a head',
    on: 'request-timeout',
    steps: [{ send: 'GET / HTTP/1.1\r\nHost' }, untilClosed],
  },
  {
    name: 'timeout http-request: the second request, no byte',
    on: 'request-timeout',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, untilClosed],
  },
  {
    name: 'timeout http-request: the second request, half a head',
    on: 'request-timeout',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, { send: 'GET /' }, untilClosed],
  },
  {
    name: 'timeout http-request: a body may take longer',
    on: 'request-timeout',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 4'], 'ab') },
      { pauseMs: 450 },
      { send: 'cd' },
      { until: '\r\n\r\nok' },
    ],
  },
  { name: 'probes ignored: no byte, then the timeout', on: 'probes', steps: [untilClosed] },
  { name: 'probes ignored: half a head, then the timeout', on: 'probes', steps: [{ send: 'GET' }, untilClosed] },
  { name: 'probes ignored: connect and leave', on: 'probes', steps: [{ halfClose: true }, untilClosed] },
  {
    name: 'probes ignored: half a head and leave',
    on: 'probes',
    steps: [{ send: 'GET' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
  },
  { name: 'dontlognull: no byte, then the timeout', on: 'dontlognull', steps: [untilClosed] },
  { name: 'dontlognull: half a head, then the timeout', on: 'dontlognull', steps: [{ send: 'GET' }, untilClosed] },
  { name: 'dontlognull: connect and leave', on: 'dontlognull', steps: [{ halfClose: true }, untilClosed] },
  {
    name: 'timeout http-keep-alive: idle',
    on: 'keep-alive-timeout',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, untilClosed],
  },
  { name: 'timeout client: no byte', on: 'client-timeout', steps: [untilClosed] },
  { name: 'timeout client: half a head', on: 'client-timeout', steps: [{ send: 'GET /' }, untilClosed] },
  {
    name: 'timeout client: half a body',
    on: 'client-timeout',
    steps: [{ send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') }, untilClosed],
  },
  {
    name: 'timeout client: half a chunk',
    on: 'client-timeout',
    steps: [{ send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '5\r\nha') }, untilClosed],
  },
  {
    name: 'timeout client: idle between requests',
    on: 'client-timeout',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, untilClosed],
  },
  {
    name: 'timeout server: no answer',
    on: 'server-timeout',
    steps: [{ send: get('/') }, { until: '</html>' }],
    origin: SILENT,
  },
  {
    name: 'timeout server: no answer to a POST',
    on: 'server-timeout',
    steps: [{ send: post('/', 'abc') }, { until: '</html>' }],
    origin: SILENT,
  },
  {
    name: 'timeout server: half a head',
    on: 'server-timeout',
    steps: [{ send: get('/') }, { until: '</html>' }],
    origin: { answers: [['body', { send: 'HTTP/1.1 200' }, { until: 'never' }]] },
  },
  {
    name: 'timeout server: after a 100',
    on: 'server-timeout',
    steps: [{ send: get('/') }, { until: '</html>' }],
    origin: { answers: [['body', { send: 'HTTP/1.1 100 Continue\r\n\r\n' }, { until: 'never' }]] },
  },
  { name: 'timeout server: half a body', on: 'server-timeout', steps: [{ send: get('/') }, untilClosed], origin: HALF },
  {
    name: 'timeout server: half of chunks',
    on: 'server-timeout',
    steps: [{ send: get('/') }, untilClosed],
    origin: {
      answers: [
        ['body', { send: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n' }, { until: 'never' }],
      ],
    },
  },
  {
    name: 'timeout server: a slow answer that keeps coming',
    on: 'server-timeout',
    steps: [{ send: get('/') }, { until: 'end' }],
    origin: {
      answers: [
        [
          'body',
          { send: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' },
          { pauseMs: 250 },
          { send: 'sli' },
          { pauseMs: 250 },
          { send: 'ces' },
          { pauseMs: 250 },
          { send: 'end' },
        ],
      ],
    },
  },
  {
    name: 'timeout server: HEAD',
    on: 'server-timeout',
    steps: [{ send: request('HEAD', '/', '1.1', [], '') }, { until: '\r\n\r\n' }],
    origin: SILENT,
  },
  {
    name: 'timeout server: 1.0 client',
    on: 'server-timeout',
    steps: [{ send: request('GET', '/', '1.0', [], '') }, untilClosed],
    origin: SILENT,
  },
];

const UNREACHABLE: readonly Case[] = [
  { name: 'refused: no retries', on: 'dead', steps: ask(get('/')) },
  { name: 'refused: a POST', on: 'dead', steps: ask(post('/', 'abc')) },
  { name: 'refused: HEAD', on: 'dead', steps: ask(request('HEAD', '/', '1.1', [], '')) },
  { name: 'refused: with close', on: 'dead', steps: ask(get('/', 'Connection: close')) },
  { name: 'refused: 1.0', on: 'dead', steps: ask(request('GET', '/', '1.0', [], '')) },
  { name: 'refused: 1.0, kept', on: 'dead', steps: ask(request('GET', '/', '1.0', ['Connection: keep-alive'], '')) },
  {
    name: 'refused: 1.0, kept, HEAD',
    on: 'dead',
    steps: ask(request('HEAD', '/', '1.0', ['Connection: keep-alive'], '')),
  },
  { name: 'refused: upgrade asked', on: 'dead', steps: ask(get('/', 'Connection: Upgrade', 'Upgrade: foo')) },
  { name: 'refused: one retry', on: 'dead-retry', steps: [{ send: get('/') }, { until: '</html>' }] },
  {
    name: 'refused: redispatch to the other server',
    on: 'redispatch',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }],
  },
  {
    name: 'refused: redispatch, then the next request',
    on: 'redispatch',
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, { send: get('/2') }, { pauseMs: 60 }],
  },
  { name: 'refused: no redispatch', on: 'no-redispatch', steps: [{ send: get('/') }, { until: '</html>' }] },
  {
    name: 'refused: redispatch with source hashing',
    on: 'redispatch-source',
    steps: [{ send: get('/') }, { until: '</html>' }],
  },
  { name: 'connect timeout: no retries', on: 'full', steps: [{ send: get('/') }, { until: '</html>' }] },
  { name: 'connect timeout: one retry', on: 'full-retry', steps: [{ send: get('/') }, { until: '</html>' }] },
  {
    name: 'connect timeout: the client leaves before',
    on: 'full',
    steps: [{ send: get('/') }, { pauseMs: 80 }, { halfClose: true }, untilClosed],
  },
  {
    name: 'connect timeout: the client resets before',
    on: 'full',
    steps: [{ send: get('/') }, { pauseMs: 80 }, { reset: true }],
    silentMs: 50,
  },
  { name: 'no server: disabled', on: 'disabled', steps: ask(get('/')) },
  { name: 'no server: none', on: 'no-backend-servers', steps: ask(get('/')) },
  {
    name: 'no server: a POST whose body is still to come',
    on: 'disabled',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 6'], 'abc') },
      { until: '</html>' },
      { send: `def${get('/')}` },
      { pauseMs: 40 },
    ],
  },
  { name: 'backup: the only one left', on: 'backup', steps: ask(get('/')) },
  {
    name: 'roundrobin: three requests',
    on: 'roundrobin',
    steps: [
      { send: get('/1') },
      { until: '\r\n\r\nok' },
      { send: get('/2') },
      { pauseMs: 40 },
      { send: get('/3', 'Connection: close') },
      untilClosed,
    ],
  },
];

const twoWaiting: Case['steps'] = [{ send: get('/1') }, { untilOrigin: '/1' }, { send: get('/2'), client: 1 }];

const QUEUES: readonly Case[] = [
  {
    name: 'queue: the second waits for the first',
    on: 'queue',
    steps: [...twoWaiting, { until: 'first' }, { until: 'second', client: 1 }],
    origin: {
      answers: [
        ['body', { pauseMs: 100 }, { send: ok('first') }],
        ['body', { send: ok('second') }],
      ],
    },
  },
  {
    name: 'queue: the second waits too long',
    on: 'queue',
    steps: [...twoWaiting, { until: '</html>', client: 1 }, { until: 'first' }],
    origin: { answers: [['body', { pauseMs: 800 }, { send: ok('first') }]] },
  },
  {
    name: 'queue: the second leaves while it waits',
    on: 'queue',
    steps: [
      ...twoWaiting,
      { pauseMs: 60 },
      { halfClose: true, client: 1 },
      { untilClosed: true, client: 1 },
      { until: 'first' },
    ],
    origin: { answers: [['body', { pauseMs: 200 }, { send: ok('first') }]] },
  },
  {
    name: 'queue: the second resets while it waits',
    on: 'queue',
    steps: [...twoWaiting, { pauseMs: 60 }, { reset: true, client: 1 }, { until: 'first' }],
    origin: { answers: [['body', { pauseMs: 200 }, { send: ok('first') }]] },
  },
  {
    name: 'queue: full',
    on: 'maxqueue',
    steps: [
      ...twoWaiting,
      { pauseMs: 30 },
      { send: get('/3'), client: 2 },
      { until: '</html>', client: 2 },
      { until: 'first' },
      { until: 'second', client: 1 },
    ],
    origin: {
      answers: [
        ['body', { pauseMs: 250 }, { send: ok('first') }],
        ['body', { send: ok('second') }],
      ],
    },
  },
];

const LEAVERS: readonly Case[] = ['plain', 'abort', 'no-abort'].flatMap((on): Case[] => [
  {
    name: `leaves, ${on}: half-close right after the request`,
    on,
    steps: [{ send: get('/') }, { untilOrigin: '\r\n\r\n' }, { halfClose: true }, untilClosed],
    origin: { answers: [['body', { pauseMs: 100 }, { send: ok('late') }]] },
  },
  {
    name: `leaves, ${on}: half-close after a POST`,
    on,
    steps: [{ send: post('/', 'abc') }, { untilOrigin: 'abc' }, { halfClose: true }, untilClosed],
    origin: { answers: [['body', { pauseMs: 100 }, { send: ok('late') }]] },
  },
  {
    name: `leaves, ${on}: half-close in the body`,
    on,
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') },
      { untilOrigin: 'half' },
      { halfClose: true },
      untilClosed,
    ],
  },
  {
    name: `leaves, ${on}: half-close in a chunk`,
    on,
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '9\r\nhalf') },
      { untilOrigin: 'half' },
      { halfClose: true },
      untilClosed,
    ],
  },
  {
    name: `leaves, ${on}: half-close in the answer`,
    on,
    steps: [{ send: get('/') }, { until: 'half' }, { halfClose: true }, untilClosed],
    origin: {
      answers: [
        ['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf' }, { pauseMs: 700 }, { send: 'rest' }],
      ],
    },
  },
  {
    name: `leaves, ${on}: reset while the server thinks`,
    on,
    steps: [{ send: get('/') }, { untilOrigin: '\r\n\r\n' }, { reset: true }],
    origin: SILENT,
    silentMs: 60,
  },
  {
    name: `leaves, ${on}: reset in the answer`,
    on,
    steps: [{ send: get('/') }, { until: 'half' }, { reset: true }],
    origin: HALF,
    silentMs: 60,
  },
  {
    name: `leaves, ${on}: reset in the body`,
    on,
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') },
      { untilOrigin: 'half' },
      { reset: true },
    ],
    origin: SILENT,
    silentMs: 60,
  },
  { name: `leaves, ${on}: without a byte`, on, steps: [{ halfClose: true }, untilClosed] },
  {
    name: `leaves, ${on}: in the head`,
    on,
    steps: [{ send: 'GET / HT' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
  },
  {
    name: `leaves, ${on}: in the head, by reset`,
    on,
    steps: [{ send: 'GET / HT' }, { pauseMs: 20 }, { reset: true }],
    silentMs: 60,
  },
  {
    name: `leaves, ${on}: between requests`,
    on,
    steps: [{ send: get('/') }, { until: '\r\n\r\nok' }, { halfClose: true }, untilClosed],
  },
  {
    name: `leaves, ${on}: in the second head`,
    on,
    steps: [
      { send: get('/') },
      { until: '\r\n\r\nok' },
      { send: 'GET /2' },
      { pauseMs: 20 },
      { halfClose: true },
      untilClosed,
    ],
  },
]);

const LATER: readonly Case[] = [
  {
    name: 'body later: a bad chunk in the second segment',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n') },
      { untilOrigin: 'abc' },
      { send: 'zz\r\n' },
      untilClosed,
    ],
  },
  {
    name: 'body later: a bad chunk after the answer began',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n') },
      { until: 'half' },
      { send: 'zz\r\n' },
      untilClosed,
    ],
    origin: { answers: [[{ send: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf' }]] },
  },
  {
    name: 'body later: a bad chunk after the whole answer',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n') },
      { until: 'whole' },
      { send: 'zz\r\n' },
      untilClosed,
    ],
    origin: { answers: [[{ send: ok('whole') }]] },
  },
  {
    name: 'body later: trailers in the second segment',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\nX-T') },
      { untilOrigin: 'abc' },
      { send: ': y\r\n\r\n' },
      { until: '\r\n\r\nok' },
    ],
  },
  {
    name: 'body later: the server closes while the body comes',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') },
      { untilOrigin: 'half' },
      { pauseMs: 60 },
      { send: 'more' },
      { pauseMs: 30 },
    ],
    origin: { answers: [[{ until: 'half' }, 'fin']] },
  },
  {
    name: 'body later: the server resets while the body comes',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') },
      { untilOrigin: 'half' },
      { pauseMs: 60 },
    ],
    origin: { answers: [[{ until: 'half' }, 'reset']] },
  },
  {
    name: 'body later: the server answers and resets while the body comes',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 9'], 'half') },
      { until: 'early' },
      { pauseMs: 60 },
      { send: 'more!' },
    ],
    origin: { answers: [[{ until: 'half' }, { send: ok('early') }, { pauseMs: 20 }, 'reset']] },
  },
];

const PAGES: readonly Case[] = [
  { name: 'errorfile: frontend, 503', on: 'errorfile', steps: ask(get('/')) },
  { name: 'errorfile: frontend, 503 to HEAD', on: 'errorfile', steps: ask(request('HEAD', '/', '1.1', [], '')) },
  { name: 'errorfile: frontend, 503 with close', on: 'errorfile', steps: ask(get('/', 'Connection: close')) },
  { name: 'errorfile: frontend, 503 in 1.0', on: 'errorfile', steps: ask(request('GET', '/', '1.0', [], '')) },
  {
    name: 'errorfile: frontend, 503 in 1.0, kept',
    on: 'errorfile',
    steps: ask(request('GET', '/', '1.0', ['Connection: keep-alive'], '')),
  },
  { name: 'errorfile: frontend, 400', on: 'errorfile', steps: ask('junk\r\n\r\n') },
  { name: 'errorfile: backend, 503', on: 'errorfile-back', steps: ask(get('/')) },
  { name: 'monitor-uri', on: 'monitor', steps: ask(get('/alive')) },
  { name: 'monitor-uri: HEAD', on: 'monitor', steps: ask(request('HEAD', '/alive', '1.1', [], '')) },
  { name: 'monitor-uri: 1.0', on: 'monitor', steps: ask(request('GET', '/alive', '1.0', [], '')) },
  { name: 'monitor-uri: with close', on: 'monitor', steps: ask(get('/alive', 'Connection: close')) },
  { name: 'monitor-uri: POST', on: 'monitor', steps: ask(post('/alive', 'abc')) },
  { name: 'monitor-uri: with a query', on: 'monitor', steps: ask(get('/alive?x')) },
  { name: 'monitor-uri: absolute form', on: 'monitor', steps: ask('GET http://a/alive HTTP/1.1\r\nHost: a\r\n\r\n') },
  { name: 'monitor-uri: a longer path', on: 'monitor', steps: ask(get('/alive/x')) },
  {
    name: 'monitor-uri: then a request',
    on: 'monitor',
    steps: [{ send: get('/alive') + get('/') }, { until: '\r\n\r\nok' }],
  },
];

const LOGS: readonly Case[] = [
  { name: 'log: the default format', on: 'http-default-log', steps: ask(get('/')) },
  {
    name: 'log: the default format, two requests',
    on: 'http-default-log',
    steps: [{ send: get('/') + get('/') }, { pauseMs: 40 }],
  },
  { name: 'log: the default format, a bad request', on: 'http-default-log', steps: ask('junk\r\n\r\n') },
  { name: 'log: logasap', on: 'logasap', steps: ask(get('/')) },
  {
    name: 'log: logasap, cut later',
    on: 'logasap',
    steps: [{ send: get('/') }, { until: 'half' }, { reset: true }],
    origin: HALF,
    silentMs: 60,
  },
  { name: 'log: logasap, a bad request', on: 'logasap', steps: ask('junk\r\n\r\n') },
  { name: 'log: characters that are escaped', on: 'plain', steps: ask(get('/"a#b|{}\\~'.replace('#', '%23'))) },
  {
    name: 'log: separate errors',
    on: 'separate-errors',
    steps: ask(get('/')),
    origin: { answers: [['body', { send: 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n' }]] },
  },
];

export const FAILURE_CASES: readonly Case[] = [
  ...TIMEOUTS,
  ...UNREACHABLE,
  ...QUEUES,
  ...LEAVERS,
  ...LATER,
  ...PAGES,
  ...LOGS,
];
