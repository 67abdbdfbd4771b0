// Responses: what the origin may send, well-formed, odd and hostile, and what of it the client gets.

import { answer, ask, type Case, get, OK, post, request } from './parity-case.ts';
import type { Action } from './scripted-origin.ts';

type Row = readonly [name: string, text: string, more?: readonly Action[]];

const big = (length: number): string => 'v'.repeat(length);
const ok = (body: string, ...lines: string[]): string =>
  `${['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
const bare = (start: string, ...lines: string[]): string => `${[start, ...lines].join('\r\n')}\r\n\r\n`;
const chunked = (body: string, ...lines: string[]): string =>
  `${['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', ...lines].join('\r\n')}\r\n\r\n${body}`;

const ROWS: readonly Row[] = [
  ['length', ok('hello')],
  ['length 0', ok('')],
  [
    'many headers',
    ok('x', 'Server: o', 'Date: Thu, 01 Jan 1970 00:00:00 GMT', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'X-Y: z'),
  ],
  ['chunked', chunked('5\r\nhello\r\n0\r\n\r\n')],
  ['chunked with trailers', chunked('5\r\nhello\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\n')],
  ['chunked with forbidden trailers', chunked('5\r\nhello\r\n0\r\nContent-Length: 3\r\nX: 1\r\n\r\n')],
  ['chunked with extensions', chunked('5;x=y\r\nhello\r\n0;z\r\n\r\n')],
  ['chunked, empty', chunked('0\r\n\r\n')],
  ['chunked, several', chunked('1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n')],
  ['until close', 'HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end', ['fin']],
  ['until close, empty', 'HTTP/1.1 200 OK\r\n\r\n', ['fin']],
  ['until close in 1.0', 'HTTP/1.0 200 OK\r\n\r\nold', ['fin']],
  ['until close, cut by a reset', 'HTTP/1.1 200 OK\r\n\r\nhalf', [{ pauseMs: 40 }, 'reset']],
  ['1.0 with length', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', ['fin']],
  ['1.0 with length, kept', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'],
  ['1.0 with length, not closing', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['Connection: close', ok('x', 'Connection: close'), ['fin']],
  ['Connection: close, not closing', ok('x', 'Connection: close')],
  ['Connection: keep-alive', ok('x', 'Connection: keep-alive', 'Keep-Alive: timeout=5')],
  ['Connection with a token', ok('x', 'Connection: foo', 'Foo: bar')],
  ['Proxy-Connection', ok('x', 'Proxy-Connection: close')],
  ['Upgrade offered', ok('x', 'Connection: Upgrade', 'Upgrade: h2,foo')],
  ['closes after length', ok('x'), ['fin']],
  ['204', bare('HTTP/1.1 204 No Content')],
  ['204 with length', bare('HTTP/1.1 204 No Content', 'Content-Length: 5')],
  ['204 with chunked', bare('HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked')],
  ['204 with a body', `${bare('HTTP/1.1 204 No Content')}oops`],
  ['205', bare('HTTP/1.1 205 Reset Content', 'Content-Length: 0')],
  ['304', bare('HTTP/1.1 304 Not Modified', 'ETag: "x"')],
  ['304 with length', bare('HTTP/1.1 304 Not Modified', 'Content-Length: 5')],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'],
  ['no reason but a space', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'],
  ['long reason', 'HTTP/1.1 200 All is very well, thank you\r\nContent-Length: 0\r\n\r\n'],
  ['eight-bit reason', 'HTTP/1.1 200 \xe9\r\nContent-Length: 0\r\n\r\n'],
  ['control byte in the reason', 'HTTP/1.1 200 a\x01b\r\nContent-Length: 0\r\n\r\n'],
  ['status 99', 'HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n'],
  ['status 600', 'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n'],
  ['status 999', 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n'],
  ['status 1000', 'HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n'],
  ['status 000', 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n'],
  ['status 2x0', 'HTTP/1.1 2x0 X\r\nContent-Length: 0\r\n\r\n'],
  ['status with two spaces', 'HTTP/1.1  200  OK\r\nContent-Length: 0\r\n\r\n'],
  ['status with a tab', 'HTTP/1.1\t200\tOK\r\nContent-Length: 0\r\n\r\n'],
  ['leading CRLF', `\r\n${ok('x')}`],
  ['leading space', ` ${ok('x')}`],
  ['junk', 'hello there\r\n\r\n'],
  ['junk without a line end', 'hello there'],
  ['junk, then close', 'hello there', ['fin']],
  ['version http/1.1', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['version HTTP/1.10', 'HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['version HTTP/0.9', 'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['version ICY', 'ICY 200 OK\r\n\r\n', ['fin']],
  ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['bare CR in a value', 'HTTP/1.1 200 OK\r\nA: a\rb\r\nContent-Length: 0\r\n\r\n'],
  ['NUL in a value', 'HTTP/1.1 200 OK\r\nA: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ['control byte in a value', ok('x', 'A: a\x01b')],
  ['eight-bit value', ok('x', 'A: \xe9')],
  ['space before the colon', ok('x', 'A : b')],
  ['no colon', ok('x', 'Abc')],
  ['empty name', ok('x', ': b')],
  ['illegal name', ok('x', 'a(b: c')],
  ['folded value', ok('x', 'A: b', '  c')],
  ['100 header lines', ok('x', ...Array.from({ length: 99 }, (_, index) => `x${index}: y`))],
  ['101 header lines', ok('x', ...Array.from({ length: 100 }, (_, index) => `x${index}: y`))],
  ['head of 15000 bytes', ok('x', `A: ${big(15_000)}`)],
  ['head of 15500 bytes', ok('x', `A: ${big(15_500)}`)],
  ['head of 20000 bytes', ok('x', `A: ${big(20_000)}`)],
  ['same length twice', ok('abc', 'Content-Length: 3')],
  ['length as a list', 'HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc'],
  ['different lengths', ok('abc', 'Content-Length: 4')],
  ['length with a plus', 'HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc'],
  ['empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
  ['length with zeros', 'HTTP/1.1 200 OK\r\nContent-Length: 0003\r\n\r\nabc'],
  ['length over 2^63', 'HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nabc'],
  ['chunked and length', chunked('3\r\nabc\r\n0\r\n\r\n', 'Content-Length: 2')],
  ['coding gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', []],
  ['coding gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc', ['fin']],
  ['coding identity', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc', ['fin']],
  ['coding chunked twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
  ['chunked in 1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', ['fin']],
  ['bad chunk at once', chunked('zz\r\nabc\r\n0\r\n\r\n')],
  ['bad chunk later', chunked('3\r\nabc\r\n'), [{ pauseMs: 40 }, { send: 'zz\r\n' }]],
  ['chunk end missing', chunked('3\r\nabcde\r\n0\r\n\r\n')],
  ['chunk of 2^31', chunked('80000000\r\nabc')],
  ['bad trailer', chunked('3\r\nabc\r\n0\r\nX T: y\r\n\r\n')],
  ['closed mid body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', [{ pauseMs: 40 }, 'fin']],
  ['closed mid body, at once', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', ['fin']],
  ['reset mid body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', [{ pauseMs: 40 }, 'reset']],
  ['closed mid chunk', chunked('5\r\nhe'), [{ pauseMs: 40 }, 'fin']],
  ['closed before the last chunk', chunked('5\r\nhello\r\n'), [{ pauseMs: 40 }, 'fin']],
  ['closed in the trailers', chunked('5\r\nhello\r\n0\r\nX: y\r\n'), [{ pauseMs: 40 }, 'fin']],
  ['closed mid head', 'HTTP/1.1 200 OK\r\nConte', ['fin']],
  ['reset mid head', 'HTTP/1.1 200 OK\r\nConte', [{ pauseMs: 40 }, 'reset']],
  ['more than the length', `${ok('abc')}more`],
  ['a second response', `${ok('abc')}${ok('smuggled')}`],
  ['100, then 200', `${bare('HTTP/1.1 100 Continue')}${ok('x')}`],
  ['100, a pause, then 200', bare('HTTP/1.1 100 Continue'), [{ pauseMs: 40 }, { send: ok('x') }]],
  ['103 with headers, then 200', `${bare('HTTP/1.1 103 Early Hints', 'Link: </x>; rel=preload')}${ok('x')}`],
  ['102 and 103, then 200', `${bare('HTTP/1.1 102 Processing')}${bare('HTTP/1.1 103 Early Hints', 'A: b')}${ok('x')}`],
  ['100 with a length, then 200', `${bare('HTTP/1.1 100 Continue', 'Content-Length: 3')}${ok('x')}`],
  ['199, then 200', `${bare('HTTP/1.1 199 Whatever')}${ok('x')}`],
  ['100, then close', bare('HTTP/1.1 100 Continue'), ['fin']],
  ['100, then junk', `${bare('HTTP/1.1 100 Continue')}junk\r\n\r\n`],
  [
    '101 unasked',
    bare('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: foo'),
    [{ pauseMs: 40 }, 'fin'],
  ],
  ['101 without Connection', bare('HTTP/1.1 101 Switching Protocols', 'Upgrade: foo'), [{ pauseMs: 40 }, 'fin']],
  ['nothing, then close', '', ['fin']],
  ['nothing, then reset', '', ['reset']],
  ['404', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'],
  ['500', 'HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\nno'],
  ['401', 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'],
  ['401 with NTLM', 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n'],
  ['302', 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'],
  ['body of 16 kB', ok(big(16_384))],
  ['body of 300 kB', ok(big(300_000))],
  ['chunked body of 100 kB', chunked(`${(100_000).toString(16)}\r\n${big(100_000)}\r\n0\r\n\r\n`)],
  ['two chunks of 40 kB', chunked(`9c40\r\n${big(40_000)}\r\n9c40\r\n${big(40_000)}\r\n0\r\n\r\n`)],
];

/** The responses whose meaning depends on the request, asked in other ways too. */
const OTHER_WAYS: readonly (readonly [string, string, (name: string) => boolean])[] = [
  [
    'HEAD',
    request('HEAD', '/', '1.1', [], ''),
    (name) =>
      /^(length|chunked|until close|204|304|1\.0 with length|Connection|404|different|100, then 200|head of)/.test(
        name,
      ),
  ],
  [
    'in 1.0',
    request('GET', '/', '1.0', [], ''),
    (name) => /^(length|chunked|until close|1\.0|Connection|10[0-3]|20[45]|304|bad chunk|closed)/.test(name),
  ],
  [
    'in 1.0, kept',
    request('GET', '/', '1.0', ['Connection: keep-alive'], ''),
    (name) => /^(length|chunked|until close|1\.0|Connection|100|204|304)/.test(name),
  ],
  [
    'with close',
    get('/', 'Connection: close'),
    (name) => /^(length|chunked|until close|1\.0|204|junk|closed mid)/.test(name),
  ],
  ['to a POST', post('/', 'abc'), (name) => /^(length$|204|closed mid head|nothing|junk|100)/.test(name)],
];

const rows = (way: string, bytes: string, takes: (name: string) => boolean): Case[] =>
  ROWS.filter(([name]) => takes(name)).map(([name, text, more]) => ({
    name: `response${way === '' ? '' : ` ${way}`}: ${name}`,
    on: 'plain',
    steps: ask(bytes),
    origin: text === '' ? { answers: [['body', ...(more ?? [])]] } : answer(text, ...(more ?? [])),
  }));

const LENGTH_10 = get('/').replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 10\r\n\r\n');

const EARLY: readonly Case[] = [
  {
    name: 'early: the answer comes before the body, which then comes',
    on: 'plain',
    steps: [{ send: `${LENGTH_10}12345` }, { until: 'early' }, { send: '67890' }],
    origin: { answers: [[{ send: ok('early') }], OK] },
  },
  {
    name: 'early: answer, close, and the client stops sending',
    on: 'plain',
    steps: [{ send: `${LENGTH_10}12345` }, { until: 'early' }],
    origin: { answers: [[{ send: ok('early', 'Connection: close') }, 'fin']] },
  },
  {
    name: 'early: the answer, then the client half-closes',
    on: 'plain',
    steps: [{ send: `${LENGTH_10}12345` }, { until: 'early' }, { halfClose: true }],
    origin: { answers: [[{ send: ok('early') }]] },
  },
  {
    name: 'early: the answer, then the client stalls for its timeout',
    on: 'client-timeout',
    steps: [{ send: `${LENGTH_10}12345` }, { until: 'early' }, { untilClosed: true }],
    origin: { answers: [[{ send: ok('early') }]] },
  },
  {
    name: 'early: the origin closes without an answer while the body is awaited',
    on: 'plain',
    steps: [{ send: `${LENGTH_10}12345` }],
    origin: { answers: [['fin']] },
  },
  {
    name: 'early: chunked body, answer at once',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n') },
      { until: 'early' },
      { send: '0\r\n\r\n' },
      { send: get('/next') },
      { until: '\r\n\r\nok' },
    ],
    origin: { answers: [[{ send: ok('early') }], OK] },
  },
  {
    name: 'continue: 100 from the origin, then the body, then 200',
    on: 'plain',
    steps: [
      { send: request('POST', '/', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], '') },
      { until: '100 Continue' },
      { send: 'abc' },
      { until: 'done' },
    ],
    origin: { answers: [[{ send: 'HTTP/1.1 100 Continue\r\n\r\n' }, 'body', { send: ok('done') }]] },
  },
  {
    name: 'continue: the origin says 417 instead',
    on: 'plain',
    steps: [{ send: request('POST', '/', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], '') }, { until: '417' }],
    origin: { answers: [[{ send: 'HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' }, 'fin']] },
  },
  {
    name: 'continue: the body is sent without waiting',
    on: 'plain',
    steps: ask(request('POST', '/', '1.1', ['Content-Length: 3', 'Expect: 100-continue'], 'abc')),
    origin: { answers: [[{ send: 'HTTP/1.1 100 Continue\r\n\r\n' }, 'body', { send: ok('done') }]] },
  },
  {
    name: 'continue: asked in 1.0',
    on: 'plain',
    steps: ask(request('POST', '/', '1.0', ['Content-Length: 3', 'Expect: 100-continue'], 'abc')),
    origin: { answers: [['body', { send: 'HTTP/1.1 100 Continue\r\n\r\n' }, { send: ok('done') }]] },
  },
  {
    name: 'continue: another expectation',
    on: 'plain',
    steps: ask(request('POST', '/', '1.1', ['Content-Length: 3', 'Expect: the-unexpected'], 'abc')),
  },
];

export const RESPONSE_CASES: readonly Case[] = [
  ...rows('', get('/'), () => true),
  ...OTHER_WAYS.flatMap(([way, bytes, takes]) => rows(way, bytes, takes)),
  ...EARLY,
];
