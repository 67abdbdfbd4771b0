// Connections: who closes what and when (frontend × backend modes), pipelining, reuse between clients, tunnels.

import { answer, ask, type Case, get, OK, post, request, type Step } from './parity-case.ts';
import type { Action, Script } from './scripted-origin.ts';

const MODES = ['keep-alive', 'server-close', 'httpclose'] as const;

const ok = (body: string, ...lines: string[]): string =>
  `${['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
/** An origin whose answers can be told apart. */
const NUMBERED: Script = {
  answers: ['one', 'two', 'three', 'four', 'five'].map((word): Action[] => ['body', { send: ok(word) }]),
};
const UNTIL_CLOSE: Script = answer('HTTP/1.1 200 OK\r\n\r\nuntil the end', 'fin');
const CHUNKED: Script = answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
const CLOSES: Script = {
  answers: [['body', { send: ok('one', 'Connection: close') }, 'fin'], ...NUMBERED.answers!.slice(1)],
};

const WAYS: readonly (readonly [string, string, Script])[] = [
  ['1.1', get('/'), NUMBERED],
  ['1.1 with close', get('/', 'Connection: close'), NUMBERED],
  ['1.1 with keep-alive', get('/', 'Connection: keep-alive'), NUMBERED],
  ['1.0', request('GET', '/', '1.0', [], ''), NUMBERED],
  ['1.0 with keep-alive', request('GET', '/', '1.0', ['Connection: keep-alive'], ''), NUMBERED],
  ['post', post('/', 'abc'), NUMBERED],
  ['chunked answer', get('/'), CHUNKED],
  ['answer until close', get('/'), UNTIL_CLOSE],
  ['server closes', get('/'), CLOSES],
  ['1.0 server', get('/'), answer('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'fin')],
  ['upgrade asked', get('/', 'Connection: Upgrade', 'Upgrade: foo'), NUMBERED],
  ['204', get('/'), answer('HTTP/1.1 204 No Content\r\n\r\n')],
];

const MODE_CASES: readonly Case[] = MODES.flatMap((front) =>
  MODES.flatMap((back) =>
    WAYS.flatMap(([way, bytes, origin]): Case[] => [
      { name: `mode ${front} × ${back}: ${way}`, on: `mode-${front}-${back}`, steps: ask(bytes), origin },
    ]).concat([
      {
        name: `mode ${front} × ${back}: two requests, one after the other`,
        on: `mode-${front}-${back}`,
        steps: [{ send: get('/1') }, { until: 'one' }, { send: get('/2') }, { until: 'two' }],
        origin: NUMBERED,
      },
    ]),
  ),
);

const PRETEND_CASES: readonly Case[] = WAYS.map(([way, bytes, origin]) => ({
  name: `pretend keep-alive: ${way}`,
  on: 'pretend',
  steps: ask(bytes),
  origin,
}));

const PIPELINES: readonly Case[] = [
  {
    name: 'pipeline: two requests at once',
    on: 'plain',
    steps: [{ send: get('/1') + get('/2') }, { until: 'two' }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: five requests at once',
    on: 'plain',
    steps: [{ send: [1, 2, 3, 4, 5].map((each) => get(`/${each}`)).join('') }, { until: 'five' }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: posts with bodies',
    on: 'plain',
    steps: [{ send: post('/1', 'abc') + post('/2', 'defgh') + get('/3') }, { until: 'three' }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: chunked posts',
    on: 'plain',
    steps: [
      {
        send:
          request('POST', '/1', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n') +
          request('POST', '/2', '1.1', ['Transfer-Encoding: chunked'], '3\r\ndef\r\n0\r\nT: x\r\n\r\n') +
          get('/3'),
      },
      { until: 'three' },
    ],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: the first closes',
    on: 'plain',
    steps: [{ send: get('/1', 'Connection: close') + get('/2') }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: the second is malformed',
    on: 'plain',
    steps: [{ send: `${get('/1')}junk\r\n\r\n` }, { untilClosed: true }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: the second is half there, the rest comes later',
    on: 'plain',
    steps: [
      { send: `${get('/1')}GET /2 HT` },
      { until: 'one' },
      { send: 'TP/1.1\r\nHost: b\r\n\r\n' },
      { until: 'two' },
    ],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: the second comes with an Expect',
    on: 'plain',
    steps: [
      { send: get('/1') + request('POST', '/2', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], 'abc') },
      { until: 'two' },
    ],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: a HEAD before a GET',
    on: 'plain',
    steps: [{ send: request('HEAD', '/1', '1.1', [], '') + get('/2') }, { until: 'two' }],
    origin: {
      answers: [
        ['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n' }],
        ['body', { send: ok('two') }],
      ],
    },
  },
  {
    name: 'pipeline: a 304 and a 204 between',
    on: 'plain',
    steps: [{ send: get('/1') + get('/2') + get('/3') }, { until: 'three' }],
    origin: {
      answers: [
        ['body', { send: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n' }],
        ['body', { send: 'HTTP/1.1 204 No Content\r\n\r\n' }],
        ['body', { send: ok('three') }],
      ],
    },
  },
  {
    name: 'pipeline: an answer of 200 kB, then a small one',
    on: 'plain',
    steps: [{ send: get('/1') + get('/2') }, { until: 'two' }],
    origin: {
      answers: [
        ['body', { send: ok('v'.repeat(200_000)) }],
        ['body', { send: ok('two') }],
      ],
    },
  },
  {
    name: 'pipeline: empty lines between the requests',
    on: 'plain',
    steps: [{ send: `${get('/1')}\r\n\r\n${get('/2')}` }, { until: 'two' }],
    origin: NUMBERED,
  },
  {
    name: 'pipeline: 30 requests with headers of 1000 bytes',
    on: 'plain',
    steps: [
      { send: Array.from({ length: 30 }, (_, index) => get(`/${index}`, `A: ${'v'.repeat(1000)}`)).join('') },
      { until: 'thirtieth' },
    ],
    origin: { answers: [...Array.from({ length: 29 }, () => OK), ['body', { send: ok('thirtieth') }]] },
  },
  {
    name: 'kept: the second request after the server closed its idle connection',
    on: 'plain',
    steps: [{ send: get('/1') }, { until: 'one' }, { pauseMs: 60 }, { send: get('/2') }, { until: 'two' }],
    origin: {
      answers: [
        ['body', { send: ok('one') }, { pauseMs: 10 }, 'fin'],
        ['body', { send: ok('two') }],
      ],
    },
  },
  {
    name: 'kept: the server closes the reused connection without an answer',
    on: 'plain',
    steps: [{ send: get('/1') }, { until: 'one' }, { send: get('/2') }, { untilClosed: true }],
    origin: {
      answers: [
        ['body', { send: ok('one') }],
        ['body', 'fin'],
      ],
    },
  },
  {
    name: 'kept: the server resets the reused connection',
    on: 'plain',
    steps: [{ send: get('/1') }, { until: 'one' }, { send: get('/2') }, { untilClosed: true }],
    origin: {
      answers: [
        ['body', { send: ok('one') }],
        ['body', 'reset'],
      ],
    },
  },
  {
    name: 'kept: the server answers half a head on the reused connection',
    on: 'plain',
    steps: [{ send: get('/1') }, { until: 'one' }, { send: get('/2') }, { until: '502' }],
    origin: {
      answers: [
        ['body', { send: ok('one') }],
        ['body', { send: 'HTTP/1.1 2' }, 'fin'],
      ],
    },
  },
  {
    name: 'kept: junk arrives on the idle server connection',
    on: 'plain',
    steps: [{ send: get('/1') }, { until: 'one' }, { pauseMs: 60 }, { send: get('/2') }, { until: 'two' }],
    origin: {
      answers: [
        ['body', { send: ok('one') }, { pauseMs: 10 }, { send: 'junk' }],
        ['body', { send: ok('two') }],
      ],
    },
  },
  {
    name: 'kept: an error page does not close',
    on: 'dead',
    steps: [{ send: get('/1') }, { until: '</html>' }, { send: get('/2') }, { pauseMs: 40 }],
  },
  {
    name: 'kept: an error page after a body',
    on: 'dead',
    steps: [{ send: post('/1', 'abc') + get('/2') }, { pauseMs: 40 }],
  },
  {
    name: 'kept: an error page while the body is still to come',
    on: 'dead',
    steps: [
      { send: request('POST', '/1', '1.1', ['Content-Length: 6'], 'abc') },
      { until: '</html>' },
      { send: `def${get('/2')}` },
      { pauseMs: 60 },
    ],
  },
  {
    name: 'kept: an error page while the chunks are still to come',
    on: 'dead',
    steps: [
      { send: request('POST', '/1', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n') },
      { until: '</html>' },
      { send: `0\r\n\r\n${get('/2')}` },
      { pauseMs: 60 },
    ],
  },
];

const twoClients = (one: string, other: string): Step[] => [
  { send: one },
  { until: 'one' },
  { send: other, client: 1 },
  { until: 'two', client: 1 },
];

const REUSE: readonly Case[] = (['never', 'safe', 'aggressive', 'always'] as const).flatMap((mode): Case[] => [
  {
    name: `reuse ${mode}: a second client, the first still there`,
    on: `reuse-${mode}`,
    steps: twoClients(get('/1'), get('/2')),
    origin: NUMBERED,
  },
  {
    name: `reuse ${mode}: a second client, the first closed`,
    on: `reuse-${mode}`,
    steps: [
      { send: get('/1', 'Connection: close') },
      { untilClosed: true },
      { send: get('/2'), client: 1 },
      { until: 'two', client: 1 },
    ],
    origin: NUMBERED,
  },
  {
    name: `reuse ${mode}: a second client after two requests`,
    on: `reuse-${mode}`,
    steps: [
      { send: get('/1') },
      { until: 'one' },
      { send: get('/2') },
      { until: 'two' },
      { send: get('/3'), client: 1 },
      { until: 'three', client: 1 },
    ],
    origin: NUMBERED,
  },
  {
    name: `reuse ${mode}: the second client's second request`,
    on: `reuse-${mode}`,
    steps: [...twoClients(get('/1'), get('/2')), { send: get('/3'), client: 1 }, { until: 'three', client: 1 }],
    origin: NUMBERED,
  },
  {
    name: `reuse ${mode}: a client that went away leaves its connection`,
    on: `reuse-${mode}`,
    steps: [
      { send: get('/1') },
      { until: 'one' },
      { send: get('/2') },
      { until: 'two' },
      { halfClose: true },
      { untilClosed: true },
      { send: get('/3'), client: 1 },
      { until: 'three', client: 1 },
    ],
    origin: NUMBERED,
  },
  {
    name: `reuse ${mode}: the server closed the shared idle connection`,
    on: `reuse-${mode}`,
    steps: [
      { send: get('/1') },
      { until: 'one' },
      { send: get('/2') },
      { until: 'two' },
      { pauseMs: 60 },
      { send: get('/3'), client: 1 },
      { until: 'three', client: 1 },
    ],
    origin: {
      answers: [
        ['body', { send: ok('one') }],
        ['body', { send: ok('two') }, { pauseMs: 10 }, 'fin'],
        ['body', { send: ok('three') }],
      ],
    },
  },
  {
    name: `reuse ${mode}: the server resets on the second client's first request`,
    on: `reuse-${mode}`,
    steps: [
      { send: get('/1') },
      { until: 'one' },
      { send: get('/2') },
      { until: 'two' },
      { send: get('/3'), client: 1 },
      { pauseMs: 60 },
    ],
    origin: {
      answers: [['body', { send: ok('one') }], ['body', { send: ok('two') }], ['body', 'reset'], ...NUMBERED.answers!],
    },
  },
]);

const WS_KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const WS_ACCEPT = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const upgrade = (...lines: string[]): string => get('/ws', 'Connection: Upgrade', ...lines);
const switching = (...lines: string[]): string =>
  `${['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', ...lines].join('\r\n')}\r\n\r\n`;
const ECHO: Script = { answers: [[{ send: switching('Upgrade: foo') }, 'echo']] };

const TUNNELS: readonly Case[] = [
  {
    name: 'tunnel: an upgrade, bytes both ways, the client leaves',
    on: 'plain',
    steps: [
      { send: upgrade('Upgrade: foo') },
      { until: '\r\n\r\n' },
      { send: 'ping' },
      { until: 'ping' },
      { halfClose: true },
      { untilClosed: true },
    ],
    origin: ECHO,
  },
  {
    name: 'tunnel: bytes sent together with the upgrade',
    on: 'plain',
    steps: [{ send: `${upgrade('Upgrade: foo')}early` }, { until: 'early' }],
    origin: ECHO,
  },
  {
    name: 'tunnel: bytes of the server together with the 101',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: foo') }, { until: 'hello' }],
    origin: { answers: [[{ send: `${switching('Upgrade: foo')}hello` }, 'echo']] },
  },
  {
    name: 'tunnel: the server leaves',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: foo') }, { untilClosed: true }],
    origin: { answers: [[{ send: `${switching('Upgrade: foo')}bye` }, { pauseMs: 20 }, 'fin']] },
  },
  {
    name: 'tunnel: the server resets',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: foo') }, { until: 'bye' }, { untilClosed: true }],
    origin: { answers: [[{ send: `${switching('Upgrade: foo')}bye` }, { pauseMs: 40 }, 'reset']] },
  },
  {
    name: 'tunnel: a WebSocket',
    on: 'plain',
    steps: [
      { send: upgrade('Upgrade: websocket', WS_KEY) },
      { until: '\r\n\r\n' },
      { send: '\x81\x02hi' },
      { until: 'hi' },
    ],
    origin: { answers: [[{ send: switching('Upgrade: websocket', WS_ACCEPT) }, 'echo']] },
  },
  {
    name: 'tunnel: a WebSocket whose accept is missing',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: websocket', WS_KEY) }],
    origin: { answers: [[{ send: switching('Upgrade: websocket') }, 'echo']] },
  },
  {
    name: 'tunnel: a WebSocket with a wrong accept',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: websocket', WS_KEY) }],
    origin: { answers: [[{ send: switching('Upgrade: websocket', 'Sec-WebSocket-Accept: AAAA') }, 'echo']] },
  },
  {
    name: 'tunnel: an upgrade with a body',
    on: 'plain',
    steps: [{ send: post('/ws', 'abc', 'Connection: Upgrade', 'Upgrade: foo') }, { until: 'hello' }],
    origin: { answers: [['body', { send: `${switching('Upgrade: foo')}hello` }]] },
  },
  {
    name: 'tunnel: the server refuses the upgrade, and another request follows',
    on: 'plain',
    steps: [{ send: upgrade('Upgrade: foo') }, { until: 'one' }, { send: get('/2') }, { until: 'two' }],
    origin: NUMBERED,
  },
  {
    name: 'tunnel: CONNECT',
    on: 'plain',
    steps: [
      { send: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n' },
      { until: '\r\n\r\n' },
      { send: 'ping' },
      { until: 'ping' },
      { halfClose: true },
      { untilClosed: true },
    ],
    origin: { answers: [[{ send: 'HTTP/1.1 200 Connected\r\n\r\n' }, 'echo']] },
  },
  {
    name: 'tunnel: CONNECT, the answer has a length',
    on: 'plain',
    steps: [{ send: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n' }, { until: 'xyz' }],
    origin: { answers: [[{ send: 'HTTP/1.1 200 Connected\r\nContent-Length: 1\r\n\r\nxyz' }, 'echo']] },
  },
  {
    name: 'tunnel: CONNECT refused',
    on: 'plain',
    steps: [{ send: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n' }, { until: 'no' }],
    origin: { answers: [[{ send: 'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno' }]] },
  },
  {
    name: 'tunnel: CONNECT with early bytes',
    on: 'plain',
    steps: [{ send: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nearly' }, { until: 'early' }],
    origin: { answers: [[{ send: 'HTTP/1.1 200 Connected\r\n\r\n' }, 'echo']] },
  },
  {
    name: 'tunnel: nothing moves for timeout tunnel',
    on: 'tunnel',
    steps: [{ send: upgrade('Upgrade: foo') }, { until: '\r\n\r\n' }, { untilClosed: true }],
    origin: ECHO,
  },
];

const TCP: readonly Case[] = [
  {
    name: 'tcp: bytes both ways, the client leaves',
    on: 'tcp',
    steps: [
      { send: 'hello' },
      { until: 'hello' },
      { send: ' again' },
      { until: 'again' },
      { halfClose: true },
      { untilClosed: true },
    ],
    origin: { raw: [['echo']] },
  },
  {
    name: 'tcp: the server speaks first',
    on: 'tcp',
    steps: [{ until: 'banner' }],
    origin: { raw: [[{ send: 'banner' }, 'echo']] },
  },
  {
    name: 'tcp: the server closes at once',
    on: 'tcp',
    steps: [{ untilClosed: true }],
    origin: { raw: [['fin']] },
  },
  {
    name: 'tcp: the server says something and closes',
    on: 'tcp',
    steps: [{ send: 'x' }, { untilClosed: true }],
    origin: { raw: [[{ until: 'x' }, { send: 'bye' }, 'fin']] },
  },
  {
    name: 'tcp: the client half-closes, the server answers after',
    on: 'tcp',
    steps: [{ send: 'question' }, { halfClose: true }, { until: 'answer' }],
    origin: { raw: [[{ until: 'question' }, { pauseMs: 30 }, { send: 'answer' }, 'fin']] },
  },
  {
    name: 'tcp: the client resets',
    on: 'tcp',
    steps: [{ send: 'x' }, { untilOrigin: 'x' }, { reset: true }],
    origin: { raw: [['echo']] },
    silentMs: 60,
  },
  {
    name: 'tcp: the server resets',
    on: 'tcp',
    steps: [{ send: 'x' }, { untilClosed: true }],
    origin: { raw: [[{ until: 'x' }, 'reset']] },
  },
  {
    name: 'tcp: 300 kB down',
    on: 'tcp',
    steps: [{ until: 'END' }, { untilClosed: true }],
    origin: { raw: [[{ send: `${'v'.repeat(300_000)}END` }, 'fin']] },
  },
  {
    name: 'tcp: 300 kB up',
    on: 'tcp',
    steps: [{ send: `${'v'.repeat(300_000)}END` }, { untilOrigin: 'END' }, { halfClose: true }, { untilClosed: true }],
    origin: { raw: [['body']] },
  },
  {
    name: 'tcp: a dead server',
    on: 'dead-tcp',
    steps: [{ untilClosed: true }],
  },
  {
    name: 'tcp: neither side says a word',
    on: 'tcp-timeout',
    steps: [{ untilClosed: true }],
    origin: { raw: [['body']] },
  },
  {
    name: 'tcp: silence after some bytes',
    on: 'tcp-timeout',
    steps: [{ send: 'x' }, { until: 'x' }, { untilClosed: true }],
    origin: { raw: [['echo']] },
  },
  {
    name: 'tcp: silence after the client half-closed',
    on: 'tcp-timeout',
    steps: [{ send: 'x' }, { halfClose: true }, { untilClosed: true }],
    origin: { raw: [['deaf']] },
  },
  {
    name: 'tcp: logasap',
    on: 'tcp-logasap',
    steps: [{ send: 'hello' }, { until: 'hello' }],
    origin: { raw: [['echo']] },
  },
  {
    name: 'tcp: the default log format',
    on: 'tcp-default-log',
    steps: [{ send: 'hello' }, { until: 'hello' }],
    origin: { raw: [['echo']] },
  },
];

export const CONNECTION_CASES: readonly Case[] = [
  ...MODE_CASES,
  ...PRETEND_CASES,
  ...PIPELINES,
  ...REUSE,
  {
    name: 'reuse: no pool',
    on: 'pool-none',
    steps: twoClients(get('/1'), get('/2')),
    origin: NUMBERED,
  },
  ...TUNNELS,
  ...TCP,
];
