// Who the client is: forwarded headers, and the PROXY protocol in both directions.

import { ask, type Case, get, post } from './parity-case.ts';
import type { Script } from './scripted-origin.ts';

const FORWARDING_SECTIONS = [
  'forwardfor',
  'forwardfor-front',
  'forwardfor-both',
  'forwardfor-except',
  'forwardfor-other-except',
  'forwardfor-if-none',
  'forwardfor-if-none-both',
  'forwardfor-if-none-mixed',
  'originalto',
  'originalto-header',
  'originalto-except',
  'forwarded',
  'forwarded-all',
  'forwarded-order',
] as const;

const WAYS: readonly (readonly [string, string])[] = [
  ['plain', get('/')],
  [
    'headers there already',
    get('/', 'X-Forwarded-For: 6.6.6.6', 'X-Original-To: 7.7.7.7', 'Forwarded: for=8.8.8.8', 'X: y'),
  ],
  ['headers twice', get('/', 'X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 2.2.2.2, 3.3.3.3')],
  ['empty header', get('/', 'X-Forwarded-For:', 'X-Front:', 'X-Back:', 'X-To: a')],
  ['a POST with close', post('/', 'abc', 'Connection: close')],
];

const FORWARDING: readonly Case[] = FORWARDING_SECTIONS.flatMap((on) =>
  WAYS.map(([way, bytes]) => ({ name: `${on}: ${way}`, on, steps: ask(bytes) })),
).concat(
  [
    ['an IPv6 host', 'GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n'],
    ['no host', 'GET / HTTP/1.0\r\n\r\n'],
    ['a host with quotes', 'GET / HTTP/1.1\r\nHost: a"b\r\n\r\n'],
    ['a host with an underscore', 'GET / HTTP/1.1\r\nHost: a_b\r\n\r\n'],
  ].map(([way, bytes]) => ({ name: `forwarded-all: ${way}`, on: 'forwarded-all', steps: ask(bytes!) })),
);

const FORWARDED_BEFORE: readonly (readonly [string, readonly string[]])[] = [
  ['an extension', ['secret=x']],
  ['an IPv6 node', ['for="[2001:db8::1]:80";proto=https']],
  ['two elements', ['for=1.1.1.1, for=2.2.2.2']],
  ['two lines', ['for=1.1.1.1', 'by=2.2.2.2']],
  ['two lines, the first strange', ['For=1.1.1.1', 'by=2.2.2.2']],
  ['two lines, the second strange', ['for=1.1.1.1', 'by=2.2.2']],
  ['an unfinished quote', ['for="1.1.1.1']],
  ['a host with a port', ['host="a.b:80";for=_x']],
  ['an empty line', ['']],
  ['2000 bytes', [`for=${'_a'.repeat(1000)}`]],
];

const FORWARDED: readonly Case[] = FORWARDED_BEFORE.map(([way, values]) => ({
  name: `forwarded before: ${way}`,
  on: 'forwarded',
  steps: ask(get('/', ...values.map((value) => `Forwarded: ${value}`), 'X: y')),
}));

const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const hex = (text: string): string => Buffer.from(text.replace(/ /g, ''), 'hex').toString('latin1');
/** A v2 header: version and command, family and protocol, then addresses and more as hexadecimal. */
const v2 = (command: string, family: string, rest: string): string => {
  const bytes = hex(rest);
  const length = Buffer.from([bytes.length >> 8, bytes.length & 255]).toString('latin1');
  return SIGNATURE + hex(command + family) + length + bytes;
};
const INET = 'c0000201 c6336401 dc04 01bb';
const INET6 = '20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb';

const HEADERS: readonly (readonly [string, string])[] = [
  ['v1', V1],
  ['v1, IPv6', 'PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n'],
  ['v1, unknown', 'PROXY UNKNOWN\r\n'],
  ['v1, unknown with more', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'],
  ['v1, bad address', 'PROXY TCP4 192.0.2.999 198.51.100.1 56324 443\r\n'],
  ['v1, bad port', 'PROXY TCP4 192.0.2.1 198.51.100.1 99999 443\r\n'],
  ['v1, port with zeros', 'PROXY TCP4 192.0.2.1 198.51.100.1 00443 443\r\n'],
  ['v1, missing port', 'PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n'],
  ['v1, two spaces', 'PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n'],
  ['v1, LF only', 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n'],
  ['v1, CR without LF', 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\rx'],
  ['v1, junk after', 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 x\r\n'],
  ['v1, lower case', 'proxy TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'],
  ['v1, UDP4', 'PROXY UDP4 192.0.2.1 198.51.100.1 56324 443\r\n'],
  ['v1, families mixed', 'PROXY TCP4 2001:db8::1 198.51.100.1 56324 443\r\n'],
  ['v1, too long', `PROXY UNKNOWN ${'x'.repeat(120)}\r\n`],
  ['v1 twice', V1 + V1],
  ['v2', v2('21', '11', INET)],
  ['v2, IPv6', v2('21', '21', INET6)],
  ['v2, local', v2('20', '00', '')],
  ['v2, local with addresses', v2('20', '11', INET)],
  ['v2, unspecified', v2('21', '00', '')],
  ['v2, datagram', v2('21', '12', INET)],
  ['v2, unix', v2('21', '31', '00'.repeat(216))],
  ['v2, TLVs', v2('21', '11', `${INET} 02 0003 616263 04 0000 05 0002 7878`)],
  ['v2, TLV too long', v2('21', '11', `${INET} 02 00ff 61`)],
  ['v2, TLV cut short', v2('21', '11', `${INET} 02 00`)],
  ['v2, wrong checksum', v2('21', '11', `${INET} 03 0004 00000000`)],
  ['v2, addresses too short', v2('21', '11', 'c0000201')],
  ['v2, version 1', v2('11', '11', INET)],
  ['v2, version 3', v2('31', '11', INET)],
  ['v2, command 5', v2('25', '11', INET)],
  ['v2, family 4', v2('21', '41', INET)],
  ['v2, protocol 3', v2('21', '13', INET)],
  ['v2, no room for a unix address', v2('21', '31', '00'.repeat(100))],
  ['no header at all', ''],
  ['half a signature', '\r\n\r\n\0\r\nQU'],
  ['empty lines', '\r\n\r\n\r\n'],
];

const ECHO: Script = { raw: [['echo']] };

const PROXY_IN: readonly Case[] = HEADERS.flatMap(([way, header]): Case[] => [
  { name: `proxy header in: ${way}`, on: 'accept-proxy', steps: ask(header + get('/')) },
  {
    name: `proxy header in, tcp: ${way}`,
    on: 'accept-proxy-tcp',
    steps: [{ send: `${header}hello` }, { until: 'hello' }],
    origin: ECHO,
  },
]);

const PROXY_MORE: readonly Case[] = [
  { name: 'proxy header in: nothing comes', on: 'accept-proxy', steps: [{ untilClosed: true }] },
  {
    name: 'proxy header in: half of it comes',
    on: 'accept-proxy',
    steps: [{ send: 'PROXY TCP4 1' }, { untilClosed: true }],
  },
  {
    name: 'proxy header in: the client leaves before',
    on: 'accept-proxy',
    steps: [{ halfClose: true }, { untilClosed: true }],
  },
  {
    name: 'proxy header in: the client leaves within',
    on: 'accept-proxy',
    steps: [{ send: 'PROXY TCP4' }, { pauseMs: 20 }, { halfClose: true }, { untilClosed: true }],
  },
  { name: 'proxy header in: then nothing', on: 'accept-proxy', steps: [{ send: V1 }, { untilClosed: true }] },
  {
    name: 'proxy header in: then two requests',
    on: 'accept-proxy',
    steps: [{ send: V1 + get('/1') + get('/2') }, { pauseMs: 40 }],
  },
  { name: 'proxy header in, tcp: nothing comes', on: 'accept-proxy-tcp', steps: [{ untilClosed: true }], origin: ECHO },
  {
    name: 'proxy header in: in three segments',
    on: 'accept-proxy',
    steps: [
      { send: V1.slice(0, 7) },
      { pauseMs: 15 },
      { send: V1.slice(7, 30) },
      { pauseMs: 15 },
      { send: V1.slice(30) + get('/') },
    ],
  },
  ...(['v1', 'v2', 'v1, IPv6', 'v2, IPv6', 'v1, unknown', 'v2, local', 'v2, unix'] as const).map((way) => ({
    name: `proxy header in and out: ${way}`,
    on: 'proxy-in-out',
    steps: ask(HEADERS.find(([name]) => name === way)![1] + get('/')),
  })),
  { name: 'proxy header out: v1', on: 'send-proxy', steps: ask(get('/')) },
  { name: 'proxy header out: v1, a POST', on: 'send-proxy', steps: ask(post('/', 'abc')) },
  {
    name: 'proxy header out: v1, two requests',
    on: 'send-proxy',
    steps: [{ send: get('/1') }, { until: '\r\n\r\nok' }, { send: get('/2') }, { pauseMs: 40 }],
  },
  {
    name: 'proxy header out: v1, two clients',
    on: 'send-proxy',
    steps: [
      { send: get('/1') },
      { until: '\r\n\r\nok' },
      { send: get('/2'), client: 1 },
      { until: '\r\n\r\nok', client: 1 },
    ],
  },
  { name: 'proxy header out: v2', on: 'send-proxy-v2', steps: ask(get('/')) },
  { name: 'proxy header out: v2 with a checksum', on: 'send-proxy-v2-crc', steps: ask(get('/')) },
  {
    name: 'proxy header out, tcp',
    on: 'send-proxy-tcp',
    steps: [{ send: 'hello' }, { until: 'hello' }],
    origin: { raw: [[{ until: 'hello' }, { send: 'hello' }]] },
  },
  {
    name: 'proxy header out, tcp: the server speaks first',
    on: 'send-proxy-tcp',
    steps: [{ until: 'banner' }],
    origin: { raw: [[{ send: 'banner' }]] },
  },
];

export const FORWARDING_CASES: readonly Case[] = [...FORWARDING, ...FORWARDED, ...PROXY_IN, ...PROXY_MORE];
