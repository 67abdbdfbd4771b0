// tcp-request connection, session and content rules, tcp-response content in mode tcp, and what is seen of bytes that
// come in pieces.

import { type Case, get, post, type Step } from './parity-case.ts';
import type { CutExchange } from './parity-run.ts';
import type { Script } from './scripted-origin.ts';
import { type Section, section } from './section.ts';

const tcpBackend = (name: string, origin: string): string =>
  `backend @NAME@_${name}\n  mode tcp\n  timeout connect 1s\n  timeout server 5s\n  server ${name}1 ${origin}\n`;
const httpBackend = (name: string, origin: string): string =>
  `backend @NAME@_${name}\n  mode http\n  timeout connect 1s\n  timeout server 5s\n  http-request set-header X-Backend ${name}\n  server ${name}1 ${origin}\n`;

const everyContent = `
  tcp-request content set-nice 4
  tcp-request content set-log-level silent if { req.payload(0,6) -m str silent }
  tcp-request content set-src int(0),ipmask(0) if { req.payload(0,6) -m str no-src }
  tcp-request content set-src str(10.2.3.4) if { req.payload(0,3) -m str src }
  tcp-request content set-src-port int(77) if { req.payload(0,3) -m str src }
  tcp-request content set-dst str(10.2.3.5) if { req.payload(0,3) -m str src }
  tcp-request content set-dst-port int(78) if { req.payload(0,3) -m str src }
  tcp-request content set-mark 1
  tcp-request content set-tos 16
  tcp-request content set-fc-mark 1
  tcp-request content set-fc-tos 16
  tcp-request content set-bc-mark 1
  tcp-request content set-bc-tos 16
  tcp-request content set-priority-class int(1)
  tcp-request content set-priority-offset int(1)
  tcp-request content set-var(txn.len) req.len
  tcp-request content set-var-fmt(txn.fmt) "%[req.payload(0,4),hex]"
  tcp-request content unset-var(txn.none)
  tcp-request content do-log if { req.payload(0,3) -m str log }
  tcp-request content reject if { req.payload(0,6) -m str reject }
  tcp-request content silent-drop if { req.payload(0,4) -m str drop }
  tcp-request content accept if { req.payload(0,6) -m str accept }
  tcp-request content reject if { req.payload(7,6) -m str behind }
`;

const contentRules = `
  tcp-request inspect-delay 250ms
  tcp-request content accept if WAIT_END
  tcp-request content reject if { req.len gt 0 } { req.len lt 3 }
${everyContent}`;

const waitRules = `
  tcp-request inspect-delay 200ms
  tcp-request content reject if { req.payload(0,3) -m str bad }
  tcp-request content accept if { req.payload(0,4) -m str good }
  tcp-request content reject if WAIT_END
`;

const response = `
  tcp-response inspect-delay 200ms
  tcp-response content reject if { res.payload(0,3) -m str bad }
  tcp-response content close if { res.payload(0,5) -m str close }
  tcp-response content silent-drop if { res.payload(0,4) -m str drop }
  tcp-response content set-var(txn.r) res.len
  tcp-response content set-log-level silent if { res.payload(0,6) -m str silent }
  tcp-response content do-log if { res.payload(0,3) -m str log }
  tcp-response content accept if { res.payload(0,4) -m str good }
`;

const sni = `
  tcp-request inspect-delay 400ms
  tcp-request content capture req.ssl_sni len 20
  tcp-request content set-var(txn.ver) req.ssl_ver
  tcp-request content set-var(txn.alpn) req.ssl_alpn
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend @NAME@_one if { req.ssl_sni -i one.example }
  use_backend @NAME@_two if { req.ssl_sni -m end .two.example }
  log-format "%ci:%cp %ft %b %ts {%hr} %[var(txn.ver)] %[var(txn.alpn)]"
`;

const sniff = `
  tcp-request inspect-delay 400ms
  tcp-request content set-var(txn.h) req.proto_http
  tcp-request content switch-mode http if HTTP
  tcp-request content accept if { req.len gt 0 }
  http-request set-header X-Switched "%[path] %[var(txn.h)]"
  http-response set-header X-Switched yes
  use_backend @NAME@_http if { req.proto_http }
`;

export const TCP_RULE_SECTIONS: readonly Section[] = [
  section('conn-reject', { front: 'tcp-request connection reject if { src 127.0.0.0/8 }' }, { since: '3.4' }),
  section(
    'conn-accept',
    { front: 'tcp-request connection accept if { src 127.0.0.1 }\ntcp-request connection reject' },
    { since: '3.4' },
  ),
  section(
    'conn-unless',
    { front: 'tcp-request connection reject unless { src 10.0.0.0/8 127.0.0.1 }\ntcp-request connection do-log' },
    { since: '3.4' },
  ),
  section('conn-silent-drop', { front: 'tcp-request connection silent-drop' }, { since: '3.4' }),
  section('conn-reject-tcp', { mode: 'tcp', front: 'tcp-request connection reject' }, { since: '3.4' }),
  section(
    'conn-expect-proxy',
    {
      front: 'tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }',
      back: 'option forwardfor',
      timeouts: 'timeout client 400ms',
    },
    { since: '3.4' },
  ),
  section(
    'conn-set-src',
    {
      front:
        'option dontlognull\ntcp-request connection set-src str(10.1.1.1)\ntcp-request connection set-src-port int(9)\ntcp-request connection set-dst str(10.1.1.2)\ntcp-request connection set-dst-port int(8)',
      back: 'option forwardfor\noption originalto',
      server: 'send-proxy',
    },
    { since: '3.4' },
  ),
  section('session-reject', { front: 'tcp-request session reject if { src 127.0.0.1 }' }, { since: '3.4' }),
  section(
    'session-accept',
    { front: 'tcp-request session accept if { src 127.0.0.1 }\ntcp-request session reject' },
    { since: '3.4' },
  ),
  section('session-silent-drop', { front: 'tcp-request session silent-drop rst-ttl 3' }, { since: '3.4' }),
  section('session-do-log', { front: 'tcp-request session do-log' }, { since: '3.4' }),
  section(
    'session-reject-proxied',
    { bind: 'accept-proxy', front: 'tcp-request session reject if { src 10.0.0.1 }', back: 'option forwardfor' },
    { since: '3.4' },
  ),
  section(
    'session-set-src',
    {
      front:
        'option dontlognull\ntcp-request session set-src str(10.1.1.1)\ntcp-request session set-src-port int(9)\ntcp-request session set-dst str(10.1.1.2)\ntcp-request session set-dst-port int(8)',
      back: 'option forwardfor\noption originalto',
      server: 'send-proxy',
    },
    { since: '3.4' },
  ),
  section(
    'content-http',
    {
      front: `tcp-request inspect-delay 300ms
        tcp-request content reject if { path /reject }
        tcp-request content accept if { path /accept }
        tcp-request content silent-drop if { path /drop }
        tcp-request content capture req.hdr(x-c) len 6
        tcp-request content set-var(txn.seen) path
        tcp-request content reject if { path_end /late }
        http-request set-header X-Seen "%[var(txn.seen)]"`,
      back: `tcp-request inspect-delay 300ms
        tcp-request content reject if { path /back-reject }
        tcp-request content set-var(txn.back) path`,
    },
    { copies: 2, since: '3.4' },
  ),
  section(
    'content-http-body',
    {
      front:
        'tcp-request inspect-delay 200ms\ntcp-request content accept if { req.body_len ge 3 }\ntcp-request content reject if { req.body_len ge 1 }',
    },
    { since: '3.4' },
  ),
  section(
    'content-tcp',
    {
      mode: 'tcp',
      log: '',
      front: `log-format "%ci:%cp %ft %b/%s %ts %U %B %[var(txn.len)] %[var(txn.fmt)]"\n${contentRules.replace('tcp-request content accept if WAIT_END', '')}`,
    },
    { copies: 2, since: '3.4' },
  ),
  section('content-tcp-wait', { mode: 'tcp', front: waitRules }, { copies: 2, since: '3.4' }),
  section('content-tcp-back', { mode: 'tcp', back: waitRules }, { since: '3.4' }),
  section('response-tcp', { mode: 'tcp', back: response }, { copies: 2, since: '3.4' }),
  section(
    'sni',
    { mode: 'tcp', log: '', front: sni, extra: tcpBackend('one', '@ORIGIN@') + tcpBackend('two', '@ORIGIN2@') },
    { copies: 2, since: '3.4' },
  ),
  section(
    'sni-cut',
    { mode: 'tcp', log: '', front: sni, extra: tcpBackend('one', '@ORIGIN@') + tcpBackend('two', '@ORIGIN2@') },
    { copies: 6, since: '3.4' },
  ),
  section(
    'switch-mode',
    { mode: 'tcp', log: 'httplog', front: sniff, extra: httpBackend('http', '@ORIGIN@') },
    { copies: 2, since: '3.4' },
  ),
  section(
    'switch-mode-cut',
    { mode: 'tcp', log: 'httplog', front: sniff, extra: httpBackend('http', '@ORIGIN@') },
    { copies: 6, since: '3.4' },
  ),
  section(
    'rules-cut',
    {
      front:
        'http-request set-header X-A "%[path] %[req.hdr(x-a)]"\nhttp-request del-header x-b\nhttp-request replace-value x-c ^(.)$ \\1\\1\nhttp-request set-query %[query]&z\nhttp-request wait-for-body time 2s\nhttp-request set-header X-Body %[req.body,hex]',
    },
    { copies: 6, since: '3.4' },
  ),
];

const u16 = (value: number): number[] => [value >> 8, value & 255];
const block = (bytes: number[]): number[] => [...u16(bytes.length), ...bytes];
const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];

/** A ClientHello of TLS 1.2 that may also offer 1.3, as bytes in latin1. */
function hello(sniName: string, alpn: readonly string[] = []): string {
  const extensions: number[] = [];
  if (sniName !== '') extensions.push(...u16(0), ...block(block([0, ...block(ascii(sniName))])));
  if (alpn.length > 0)
    extensions.push(...u16(16), ...block(block(alpn.flatMap((each) => [each.length, ...ascii(each)]))));
  extensions.push(...u16(10), ...block([0, 2, 0, 29]));
  extensions.push(...u16(43), 0, 3, 2, 3, 4);
  const random = Array.from({ length: 32 }, (_, index) => index);
  const session = Array.from({ length: 4 }, (_, index) => index + 7);
  const body = [3, 3, ...random, session.length, ...session, 0, 4, 0x13, 1, 0xc0, 0x2f, 1, 0, ...block(extensions)];
  const handshake = [1, 0, ...u16(body.length), ...body];
  return Buffer.from([22, 3, 1, ...block(handshake)]).toString('latin1');
}

const untilClosed = { untilClosed: true } as const;
const hears = (text: string, until: string): Script => ({ raw: [[{ until }, { send: text }]] });
const ECHO: Script = { raw: [['echo']] };

const connections: readonly Case[] = [
  ...['conn-reject', 'session-reject', 'conn-reject-tcp'].flatMap((on): Case[] => [
    { name: `${on}: with a request`, on, steps: [{ send: get('/') }, untilClosed] },
    { name: `${on}: without a byte`, on, steps: [untilClosed] },
  ]),
  ...['conn-silent-drop', 'session-silent-drop'].map(
    (on): Case => ({ name: `${on}: nothing comes back`, on, steps: [{ pauseMs: 20 }], silentMs: 60 }),
  ),
  ...['conn-accept', 'conn-unless', 'session-accept', 'session-do-log', 'conn-set-src', 'session-set-src'].map(
    (on): Case => ({
      name: `${on}: two requests`,
      on,
      steps: [{ send: get('/') }, { until: 'ok' }, { send: get('/2') }, { pauseMs: 30 }],
    }),
  ),
  {
    name: 'conn-expect-proxy: with a header',
    on: 'conn-expect-proxy',
    steps: [{ send: `PROXY TCP4 10.0.0.9 10.0.0.2 1 2\r\n${get('/')}` }],
  },
  { name: 'conn-expect-proxy: without', on: 'conn-expect-proxy', steps: [{ send: get('/') }, untilClosed] },
  {
    name: 'session-reject-proxied: rejected',
    on: 'session-reject-proxied',
    steps: [{ send: `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${get('/')}` }, untilClosed],
  },
  {
    name: 'session-reject-proxied: let in',
    on: 'session-reject-proxied',
    steps: [{ send: `PROXY TCP4 10.0.0.3 10.0.0.2 1 2\r\n${get('/')}` }],
  },
];

const contentsHttp: readonly Case[] = ['/', '/reject', '/accept', '/accept/late', '/x/late', '/back-reject'].flatMap(
  (path): Case[] => [
    {
      name: `tcp-request content in http: ${path}`,
      on: 'content-http',
      steps: [{ send: get(path, 'X-C: captured') }, { pauseMs: 10 }],
    },
    {
      name: `tcp-request content in http: ${path}, a POST`,
      on: 'content-http',
      steps: [{ send: post(path, 'abc') }, { pauseMs: 10 }],
    },
    {
      name: `tcp-request content in http: ${path}, second`,
      on: 'content-http',
      steps: [{ send: get('/first') }, { until: 'ok' }, { send: get(path) }, { pauseMs: 30 }],
    },
  ],
);

const bodies: readonly Case[] = [
  { name: 'tcp-request content in http: drop', on: 'content-http', steps: [{ send: get('/drop') }], silentMs: 60 },
  {
    name: 'tcp-request content in http: a head in pieces',
    on: 'content-http',
    steps: [
      { send: 'GET /rej' },
      { pauseMs: 20 },
      { send: 'ect HTTP/1.1\r\nHost: a\r\n' },
      { pauseMs: 20 },
      { send: '\r\n' },
      untilClosed,
    ],
  },
  {
    name: 'tcp-request content in http: a bad request',
    on: 'content-http',
    steps: [{ send: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n' }],
  },
  {
    name: 'tcp-request content waits for a body: enough',
    on: 'content-http-body',
    steps: [{ send: post('/', 'abcd') }],
  },
  {
    name: 'tcp-request content waits for a body: too short',
    on: 'content-http-body',
    steps: [{ send: post('/', 'a') }, { pauseMs: 250 }],
  },
  { name: 'tcp-request content waits for a body: none', on: 'content-http-body', steps: [{ send: get('/') }] },
];

const contents: readonly Case[] = [
  ...['reject', 'silent', 'src...', 'no-src', 'log...', 'accept behind', 'hello world', 'nothing'].flatMap(
    (text): Case[] =>
      ['content-tcp'].map(
        (on): Case => ({
          name: `${on}: ${text}`,
          on,
          steps: [{ send: `${text}\n` }, { pauseMs: 30 }, { halfClose: true }, untilClosed],
          origin: ECHO,
        }),
      ),
  ),
  { name: 'content-tcp: drop', on: 'content-tcp', steps: [{ send: 'drop it\n' }], silentMs: 60 },
  {
    name: 'content-tcp: in two pieces',
    on: 'content-tcp',
    steps: [
      { send: 'hel' },
      { pauseMs: 30 },
      { send: 'lo world, behind' },
      { pauseMs: 30 },
      { halfClose: true },
      untilClosed,
    ],
    origin: ECHO,
  },
  {
    name: 'content-tcp: rejected in the second piece',
    on: 'content-tcp',
    steps: [{ send: 'rej' }, { pauseMs: 30 }, { send: 'ect' }, untilClosed],
    origin: ECHO,
  },
  {
    name: 'content-tcp: too short until the end',
    on: 'content-tcp',
    steps: [{ send: 'he' }, untilClosed],
    origin: ECHO,
  },
  {
    name: 'content-tcp: too short, half-closed',
    on: 'content-tcp',
    steps: [{ send: 'he' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
    origin: ECHO,
  },
  {
    name: 'content-tcp: half-closed without a byte',
    on: 'content-tcp',
    steps: [{ halfClose: true }, untilClosed],
    origin: ECHO,
  },
  {
    name: 'content-tcp: reset while waiting',
    on: 'content-tcp',
    steps: [{ send: 'h' }, { pauseMs: 30 }, { reset: true }],
    silentMs: 300,
  },
  {
    name: 'content-tcp: a server that speaks first',
    on: 'content-tcp',
    steps: [{ send: 'hello world' }, { until: 'banner' }, { pauseMs: 10 }],
    origin: { raw: [[{ send: 'banner' }, 'echo']] },
  },
  {
    name: 'content-tcp: a lot',
    on: 'content-tcp',
    steps: [{ send: 'q'.repeat(40_000) }, { pauseMs: 60 }, { halfClose: true }, untilClosed],
    origin: ECHO,
  },
  ...['content-tcp-wait', 'content-tcp-back'].flatMap((on): Case[] => [
    { name: `${on}: good`, on, steps: [{ send: 'good one' }, { until: 'good one' }], origin: ECHO },
    { name: `${on}: bad`, on, steps: [{ send: 'bad one' }, untilClosed], origin: ECHO },
    {
      name: `${on}: good in pieces`,
      on,
      steps: [
        { send: 'g' },
        { pauseMs: 20 },
        { send: 'oo' },
        { pauseMs: 20 },
        { send: 'd' },
        { until: 'good' },
        { send: '!' },
        { until: '!' },
      ],
      origin: ECHO,
    },
    { name: `${on}: neither`, on, steps: [{ send: 'neither' }, untilClosed], origin: ECHO },
    {
      name: `${on}: neither, later`,
      on,
      steps: [{ send: 'go' }, { pauseMs: 60 }, { send: 'th' }, untilClosed],
      origin: ECHO,
    },
    { name: `${on}: no byte`, on, steps: [untilClosed], origin: ECHO },
    {
      name: `${on}: half-closed in the middle`,
      on,
      steps: [{ send: 'go' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
      origin: ECHO,
    },
    {
      name: `${on}: half-closed after good`,
      on,
      steps: [{ send: 'good' }, { halfClose: true }, untilClosed],
      origin: ECHO,
    },
  ]),
  ...['good', 'bad', 'close', 'drop', 'silent', 'log', 'other words'].flatMap((word): Case[] => [
    {
      name: `response-tcp: ${word}`,
      on: 'response-tcp',
      steps: [{ send: 'hello' }, { pauseMs: 40 }, { halfClose: true }, { pauseMs: 260 }],
      origin: hears(`${word} is what I say`, 'hello'),
      silentMs: 60,
    },
    {
      name: `response-tcp: ${word}, then the server ends`,
      on: 'response-tcp',
      steps: [{ send: 'hello' }, { pauseMs: 40 }],
      origin: { raw: [[{ until: 'hello' }, { send: `${word} is what I say` }, 'fin']] },
      silentMs: 60,
    },
  ]),
  {
    name: 'response-tcp: good in pieces',
    on: 'response-tcp',
    steps: [{ send: 'hello' }, { until: 'more' }],
    origin: {
      raw: [[{ until: 'hello' }, { send: 'go' }, { pauseMs: 30 }, { send: 'od' }, { pauseMs: 10 }, { send: 'more' }]],
    },
  },
  {
    name: 'response-tcp: bad in pieces',
    on: 'response-tcp',
    steps: [{ send: 'hello' }, untilClosed],
    origin: { raw: [[{ until: 'hello' }, { send: 'b' }, { pauseMs: 30 }, { send: 'ad' }]] },
  },
  {
    name: 'response-tcp: too little in time',
    on: 'response-tcp',
    steps: [{ send: 'hello' }, { until: 'g' }],
    origin: hears('g', 'hello'),
  },
  {
    name: 'response-tcp: nothing at all',
    on: 'response-tcp',
    steps: [{ send: 'hello' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
    origin: { raw: [[{ until: 'hello' }, { pauseMs: 50 }, 'fin']] },
  },
  {
    name: 'response-tcp: the server resets while it is looked at',
    on: 'response-tcp',
    steps: [{ send: 'hello' }, untilClosed],
    origin: { raw: [[{ until: 'hello' }, { send: 'g' }, { pauseMs: 30 }, 'reset']] },
  },
];

const greeted = 'got it';
const helloCase = (name: string, bytes: string, on = 'sni'): Case => ({
  name,
  on,
  steps: [{ send: bytes }, { until: greeted }],
  origin: hears(greeted, bytes.slice(-6)),
  second: hears(greeted, bytes.slice(-6)),
});

const hellos: readonly Case[] = [
  helloCase('sni: one', hello('one.example')),
  helloCase('sni: in capitals', hello('ONE.Example')),
  helloCase('sni: two', hello('a.two.example', ['h2', 'http/1.1'])),
  helloCase('sni: another', hello('three.example')),
  helloCase('sni: none', hello('')),
  helloCase('sni: longer than captured', hello('a-rather-long-name.two.example')),
  helloCase('sni: bytes behind it', `${hello('one.example')}and more`),
  { name: 'sni: no TLS', on: 'sni', steps: [{ send: get('/') }, { until: greeted }], origin: hears(greeted, 'GET') },
  {
    name: 'sni: half a hello',
    on: 'sni',
    steps: [{ send: hello('one.example').slice(0, 60) }, { until: greeted }],
    origin: hears(greeted, '\x16'),
  },
  {
    name: 'sni: an alert',
    on: 'sni',
    steps: [{ send: '\x15\x03\x01\0\x02\x02\x28' }, { until: greeted }],
    origin: hears(greeted, '\x15'),
  },
  {
    name: 'sni: half-closed in the hello',
    on: 'sni',
    steps: [{ send: hello('one.example').slice(0, 60) }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
    origin: { raw: [['echo']] },
  },
];

const switchCases: readonly Case[] = [
  { name: 'switch-mode: a request', on: 'switch-mode', steps: [{ send: get('/a') }] },
  {
    name: 'switch-mode: two requests',
    on: 'switch-mode',
    steps: [{ send: get('/a') }, { until: 'ok' }, { send: get('/b') }, { pauseMs: 30 }],
  },
  {
    name: 'switch-mode: requests at once',
    on: 'switch-mode',
    steps: [{ send: get('/a') + post('/b', 'abc') + get('/c') }, { pauseMs: 30 }],
  },
  {
    name: 'switch-mode: a POST, in pieces',
    on: 'switch-mode',
    steps: [
      { send: 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc' },
      { pauseMs: 20 },
      { send: 'def' },
      { pauseMs: 20 },
    ],
  },
  {
    name: 'switch-mode: a line in pieces',
    on: 'switch-mode',
    steps: [
      { send: 'GE' },
      { pauseMs: 20 },
      { send: 'T /a HT' },
      { pauseMs: 20 },
      { send: 'TP/1.1\r\nHost: a\r\n' },
      { pauseMs: 20 },
      { send: '\r\n' },
      { pauseMs: 20 },
    ],
  },
  {
    name: 'switch-mode: a bad head',
    on: 'switch-mode',
    steps: [{ send: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n' }, { pauseMs: 20 }],
  },
  {
    name: 'switch-mode: no HTTP',
    on: 'switch-mode',
    steps: [{ send: 'hello there\n' }, { pauseMs: 40 }, { halfClose: true }, untilClosed],
    origin: { raw: [['echo']] },
  },
  {
    name: 'switch-mode: half a line, half-closed',
    on: 'switch-mode',
    steps: [{ send: 'GET /' }, { pauseMs: 20 }, { halfClose: true }, untilClosed],
    origin: { raw: [['echo']] },
  },
  {
    name: 'switch-mode: no byte, half-closed',
    on: 'switch-mode',
    steps: [{ halfClose: true }, untilClosed],
    origin: { raw: [['echo']] },
  },
];

export const TCP_RULE_CASES: readonly Case[] = [
  ...connections,
  ...contentsHttp,
  ...bodies,
  ...contents,
  ...hellos,
  ...switchCases,
];

const CUT_MS = 2;

function cuts(name: string, whole: Case, text: string): CutExchange {
  const variants: Case[] = [];
  for (let at = 1; at < text.length; at++) {
    const steps: Step[] = [
      { send: text.slice(0, at) },
      { pauseMs: CUT_MS },
      { send: text.slice(at) },
      ...whole.steps.slice(1),
    ];
    variants.push({ ...whole, name: `${name}, cut at ${at}`, steps });
  }
  return { whole: { ...whole, name: `${name}, whole` }, variants };
}

const cutHello = hello('a.two.example', ['h2']);
const cutRequest = `${get('/cut?q=1', 'X-A: 1', 'X-B: 2', 'X-C: a, b')}`;
const cutPost = post('/cut?q=1', 'abc', 'X-A: 1', 'X-B: 2', 'X-C: a, b');

/** Rules see the same however TCP cuts what they look at. */
export const RULE_CUT_EXCHANGES: readonly CutExchange[] = [
  cuts('cut: a TLS hello', helloCase('', cutHello, 'sni-cut'), cutHello),
  cuts(
    'cut: a request in mode tcp',
    { name: '', on: 'switch-mode-cut', steps: [{ send: cutRequest }, { until: 'ok' }] },
    cutRequest,
  ),
  cuts(
    'cut: a request with a body and rules',
    { name: '', on: 'rules-cut', steps: [{ send: cutPost }, { until: 'ok' }] },
    cutPost,
  ),
];
