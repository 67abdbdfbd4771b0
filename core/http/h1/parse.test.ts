// Goal: requests and responses mean here what they mean to HAProxy 3.4. Method: each expectation was seen on the wire
// in front of and behind the real program; only what a head says and how it is forwarded is compared here.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEAD_ABSOLUTE_URI,
  HEAD_CHUNKED,
  HEAD_CLOSE,
  HEAD_CLOSE_DELIMITED,
  HEAD_EXPECT_CONTINUE,
  HEAD_HTTP_10,
  HEAD_KEEP_ALIVE,
  HEAD_LENGTH,
  HEAD_MUST_CLOSE,
  HEAD_NO_BODY,
  HEAD_TUNNEL,
  HEAD_UPGRADE,
  HEAD_WEBSOCKET,
  HEADER_CONTENT_LENGTH,
  HEADER_HOST,
  HEADER_OTHER,
  Head,
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_OTHER,
  METHOD_PATCH,
  METHOD_POST,
} from '../message.ts';
import { asRequest, asResponse, forwardRequest, LIMITS, parseInPieces, parseText, START, sampleOf } from './fixture.ts';
import { parseRequestHead } from './parse.ts';
import { HEAD_OK, HEAD_PARTIAL, HEAD_TARGET_TOO_LONG, HEAD_TOO_LARGE, headLimits, statusOfVerdict } from './verdict.ts';

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** Parses a request and returns its status as an answer would have it: 200 when it passes. */
function statusOf(text: string): number {
  const { verdict } = parseText(text);
  assert.notEqual(verdict, HEAD_PARTIAL, `the head is complete: ${JSON.stringify(text.slice(0, 80))}`);
  return verdict === HEAD_OK ? 200 : statusOfVerdict(verdict);
}

function flagsOf(text: string): number {
  const { verdict, head } = parseText(text);
  assert.equal(verdict, HEAD_OK, text);
  return head.flags;
}

function responseFlags(text: string, requestMethod = METHOD_GET): number {
  const { verdict, head } = parseText(text, asResponse(requestMethod));
  assert.equal(verdict, HEAD_OK, text);
  return head.flags;
}

test('a request head is split into offsets without copying anything', () => {
  const { verdict, head, bytes } = parseText(
    'POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-A:  b c \r\n\r\nabc',
  );
  assert.equal(verdict, HEAD_OK);
  const text = (offset: number, length: number): string =>
    Buffer.from(bytes).toString('latin1', offset, offset + length);
  assert.equal(head.method, METHOD_POST);
  assert.equal(text(head.methodOffset, head.methodLength), 'POST');
  assert.equal(text(head.uriOffset, head.uriLength), '/a?b');
  assert.equal(text(head.versionOffset, head.versionLength), 'HTTP/1.1');
  assert.equal(text(head.startOffset, head.startLineEnd - head.startOffset), 'POST /a?b HTTP/1.1');
  assert.equal(text(head.endOffset, 3), 'abc');
  assert.equal(head.headerCount, 3);
  assert.deepEqual([...head.headerId.subarray(0, 3)], [HEADER_HOST, HEADER_CONTENT_LENGTH, HEADER_OTHER]);
  assert.equal(text(head.nameOffset[2]!, head.nameLength[2]!), 'x-a');
  assert.equal(text(head.valueOffset[2]!, head.valueLength[2]!), 'b c');
  assert.equal(head.contentLength, 3);
  assert.equal(head.flags, HEAD_LENGTH);
});

test('methods are known by their exact name', () => {
  const methodOf = (name: string): number => parseText(`${name} / HTTP/1.1\r\n\r\n`).head.method;
  assert.equal(methodOf('GET'), METHOD_GET);
  assert.equal(methodOf('PATCH'), METHOD_PATCH);
  assert.equal(methodOf('get'), METHOD_OTHER);
  assert.equal(methodOf('GETT'), METHOD_OTHER);
  assert.equal(methodOf('BREW'), METHOD_OTHER);
});

test('the request line is read with the tolerance of the reference', () => {
  const passes = [
    '\r\n\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET  \t /  \t HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\nHost: a\nX: 1\n\n',
    'get / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.2\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
    'GET / HTTP/3.0\r\n\r\n',
    'GET / HTTP/0.5\r\n\r\n',
    'GET /a"<>\\^`{|}b HTTP/1.1\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\n\r\n',
    'FOO * HTTP/1.1\r\n\r\n',
  ];
  for (const text of passes) assert.equal(statusOf(text), 200, JSON.stringify(text));
});

test('what is no request line of HTTP/1 is refused with 400', () => {
  const refused = [
    ' GET / HTTP/1.1\r\n\r\n',
    '\rGET / HTTP/1.1\r\n\r\n',
    'G@T / HTTP/1.1\r\n\r\n',
    '/ HTTP/1.1\r\n\r\n',
    'GET /\r\n\r\n',
    'GET\r\n\r\n',
    'GET / \r\n\r\n',
    'GET / HTTP/1.1 \r\n\r\n',
    'GET / HTTP/1.1 x\r\n\r\n',
    'GET / HTTP/1.10\r\n\r\n',
    'GET / HTTP/1\r\n\r\n',
    'GET / http/1.1\r\n\r\n',
    'GET / RTSP/1.0\r\n\r\n',
    'GET / HTTP/1.1\rX: 1\r\n\r\n',
    'GET /a#b HTTP/1.1\r\n\r\n',
    'GET /\x01 HTTP/1.1\r\n\r\n',
    'GET /\x7f HTTP/1.1\r\n\r\n',
    'GET /\xe9 HTTP/1.1\r\n\r\n',
    'GET a.com:80 HTTP/1.1\r\n\r\n',
    'GET * HTTP/1.1\r\n\r\n',
    'OPTIONS ** HTTP/1.1\r\n\r\n',
    'GET http://a.com?q HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ];
  for (const text of refused) assert.equal(statusOf(text), 400, JSON.stringify(text));
});

test('header lines are read with the tolerance of the reference', () => {
  const fields = ["X_y!#$%&'*+-.^`|~: 1", 'X: a\x01b\x7f\xe9c', 'X:\ta\tb\t ', 'X:', 'X: ', 'X:\r\n a\r\n\tb'];
  for (const field of fields) assert.equal(statusOf(`GET / HTTP/1.1\r\n${field}\r\n\r\n`), 200, JSON.stringify(field));
});

test('broken header lines are refused with 400', () => {
  const fields = [
    'X : 1',
    ': 1',
    'X',
    ' X: 1',
    '\tX: 1',
    'X\xe9: 1',
    'X(): 1',
    'X@: 1',
    'X[: 1',
    'X\x00: 1',
    'X\r: 1',
    'abcd,efg: 1',
    'abcd\refg: 1',
    'X: a\x00b',
    'X: a\rb',
    'X: a\r\r\n',
    'X: 1\r\n\rY: 2',
  ];
  for (const field of fields) assert.equal(statusOf(`GET / HTTP/1.1\r\n${field}\r\n\r\n`), 400, JSON.stringify(field));
});

test('every byte is judged alike at every place of a name, whether words or single bytes are read', () => {
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
  for (let byte = 0; byte < 256; byte++) {
    const letter = String.fromCharCode(byte);
    for (let place = 0; place < 6; place++) {
      const name = `${'abcdef'.slice(0, place)}${letter}${'ghijkl'.slice(place)}`;
      const { verdict, head, bytes } = parseText(`GET / HTTP/1.1\r\n${name}: 1\r\n\r\n`);
      if (!token.test(letter)) {
        // A colon ends the name, a line end before the first letter the head; everything else is refused.
        if (letter === ':' && place > 0) continue;
        if (letter === '\n' && place === 0) continue;
        assert.ok(verdict > HEAD_PARTIAL, `byte ${byte} at ${place}`);
        continue;
      }
      assert.equal(verdict, HEAD_OK, `byte ${byte} at ${place}`);
      const parsed = Buffer.from(bytes).toString(
        'latin1',
        head.nameOffset[0],
        head.nameOffset[0]! + head.nameLength[0]!,
      );
      assert.equal(parsed, name.toLowerCase());
    }
  }
});

test('every byte is judged alike at every place of a value', () => {
  for (let byte = 0; byte < 256; byte++) {
    const letter = String.fromCharCode(byte);
    for (let place = 1; place < 8; place++) {
      const value = `${'abcdefgh'.slice(0, place)}${letter}${'ijklmnop'.slice(place)}`;
      const { verdict, head } = parseText(`GET / HTTP/1.1\r\nx: ${value}\r\n\r\n`);
      if (byte === 0 || byte === 10 || byte === 13) assert.ok(verdict > HEAD_PARTIAL, `byte ${byte} at ${place}`);
      else assert.deepEqual([verdict, head.valueLength[0]], [HEAD_OK, value.length], `byte ${byte} at ${place}`);
    }
  }
});

test('one hundred header lines pass and one more is refused', () => {
  const fields = (count: number): string => Array.from({ length: count }, (_, index) => `X${index}: 1\r\n`).join('');
  assert.equal(statusOf(`GET / HTTP/1.1\r\n${fields(100)}\r\n`), 200);
  assert.equal(statusOf(`GET / HTTP/1.1\r\n${fields(101)}\r\n`), 400);
  // A line that leaves nothing behind takes no place.
  assert.equal(statusOf(`GET / HTTP/1.1\r\n${fields(100)}Connection: close\r\n\r\n`), 200);
  assert.equal(statusOf(`GET / HTTP/1.1\r\nHost: a\r\n${fields(99)}Host: a\r\n\r\n`), 200);
});

test('a complete head that outgrows the buffer less its reserve is refused with 431', () => {
  const sized = (total: number): string => {
    const frame = 'GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n';
    return frame.replace('X: ', `X: ${'v'.repeat(total - frame.length)}`);
  };
  assert.equal(statusOf(sized(15_270)), 200);
  assert.equal(statusOf(sized(15_295)), 431);
  assert.equal(statusOf(sized(20_000)), 431);
  const target = (total: number): string => `GET /${'u'.repeat(total - 5)} HTTP/1.1\r\n\r\n`;
  assert.equal(statusOf(target(15_276)), 200);
  assert.equal(statusOf(target(15_277)), 431);
});

test('an incomplete head is waited for until the buffer is full: 414 in the request line, 431 behind it', () => {
  const verdictOf = (text: string): number => parseText(text).verdict;
  const line = (total: number): string => `GET /${'u'.repeat(total - 5)}`;
  const fields = (total: number): string => `GET / HTTP/1.1\r\nX: ${'v'.repeat(total - 19)}`;
  assert.equal(verdictOf(line(16_327)), HEAD_PARTIAL);
  assert.equal(verdictOf(line(16_328)), HEAD_TARGET_TOO_LONG);
  assert.equal(verdictOf(fields(16_327)), HEAD_PARTIAL);
  assert.equal(verdictOf(fields(16_328)), HEAD_TOO_LARGE);
  assert.equal(verdictOf(`${line(16_328)} HTTP/1.1\r\n\r\n`), HEAD_TARGET_TOO_LONG);
  assert.equal(statusOfVerdict(HEAD_TARGET_TOO_LONG), 414);
  assert.equal(statusOfVerdict(HEAD_TOO_LARGE), 431);
});

test('limits follow tune.bufsize and tune.maxrewrite', () => {
  const limits = headLimits(65_536, 1024, 101);
  const sample = sampleOf(`GET /${'u'.repeat(30_000)} HTTP/1.1\r\n\r\n`);
  assert.equal(parseRequestHead(sample.bytes, START, sample.end, new Head(128), limits), HEAD_OK);
});

test('Content-Length repeated alike collapses to its plain digits', () => {
  const { head, bytes } = parseText('POST / HTTP/1.1\r\nContent-Length: 0003 , 3\r\nX: 1\r\nContent-length: 3\r\n\r\n');
  assert.equal(head.contentLength, 3);
  assert.equal(head.headerCount, 2);
  assert.equal(String.fromCharCode(bytes[head.valueOffset[0]!]!), '3');
  assert.equal(head.valueLength[0], 1);
});

test('Content-Length that is no single number is refused with 400', () => {
  for (const value of [
    '3, 4',
    '+3',
    '-3',
    '',
    ' ',
    '3,',
    ',3',
    '3 3',
    '0x3',
    '3;4',
    '9007199254740992',
    '18446744073709551616',
  ]) {
    assert.equal(statusOf(`POST / HTTP/1.1\r\nContent-Length: ${value}\r\n\r\n`), 400, value);
  }
  assert.equal(statusOf('POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n'), 400);
  assert.equal(
    parseText('POST / HTTP/1.1\r\nContent-Length: 9007199254740991\r\n\r\n').head.contentLength,
    2 ** 53 - 1,
  );
});

test('Transfer-Encoding must be chunked, once and last: 400 otherwise, 422 for codings we do not know', () => {
  const withCoding = (value: string): number => statusOf(`POST / HTTP/1.1\r\nTransfer-Encoding: ${value}\r\n\r\n`);
  for (const value of ['chunked', 'Chunked', 'CHUNKED ']) assert.equal(withCoding(value), 200, value);
  const refused = [
    'xchunked',
    'chunked, gzip',
    'chunked, chunked',
    'identity',
    'gzip',
    '',
    ',',
    ',chunked',
    'chunked,',
    'chunked;q=1',
    '"chunked"',
  ];
  for (const value of refused) assert.equal(withCoding(value), 400, value);
  assert.equal(withCoding('gzip, chunked'), 422);
  assert.equal(withCoding('gzip\r\nTransfer-Encoding: chunked'), 422);
  assert.equal(withCoding('chunked\r\nTransfer-Encoding: chunked'), 400);
});

test('Transfer-Encoding overrules Content-Length and the connection ends', () => {
  const { head } = parseText('POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n');
  assert.equal(head.flags, HEAD_CHUNKED | HEAD_MUST_CLOSE | HEAD_CLOSE);
  assert.equal(head.find(HEADER_CONTENT_LENGTH, 0), -1);
  assert.equal(head.contentLength, 0);
  const old = flagsOf('POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n');
  assert.equal(old, HEAD_HTTP_10 | HEAD_KEEP_ALIVE | HEAD_CHUNKED | HEAD_MUST_CLOSE | HEAD_CLOSE);
});

test('a body on GET, HEAD or DELETE passes in HTTP/1.1 and is 413 in HTTP/1.0', () => {
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    assert.equal(statusOf(`${method} / HTTP/1.1\r\nContent-Length: 3\r\n\r\n`), 200);
    assert.equal(statusOf(`${method} / HTTP/1.0\r\nContent-Length: 3\r\n\r\n`), 413);
    assert.equal(statusOf(`${method} / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n`), 413);
    assert.equal(statusOf(`${method} / HTTP/1.0\r\nContent-Length: 0\r\n\r\n`), 200);
  }
  assert.equal(statusOf('TRACE / HTTP/1.0\r\nContent-Length: 3\r\n\r\n'), 200);
});

test('a request without length has no body', () => {
  assert.equal(flagsOf('POST / HTTP/1.1\r\n\r\n'), HEAD_NO_BODY);
  assert.equal(flagsOf('POST / HTTP/1.1\r\nContent-Length: 00\r\n\r\n'), HEAD_NO_BODY | HEAD_LENGTH);
});

test('Connection decides whether the peer wants to go on', () => {
  const flags = (version: string, value: string): number =>
    flagsOf(`GET / HTTP/${version}\r\n${value === '' ? '' : `Connection: ${value}\r\n`}\r\n`) & ~HEAD_NO_BODY;
  assert.equal(flags('1.1', ''), 0);
  assert.equal(flags('1.1', 'close'), HEAD_CLOSE);
  assert.equal(flags('1.1', 'Keep-Alive'), HEAD_KEEP_ALIVE);
  assert.equal(flags('1.1', 'foo, CLOSE ,bar'), HEAD_CLOSE);
  assert.equal(flags('1.1', '"close"'), 0);
  assert.equal(flags('1.1', 'keep-alive\r\nConnection: close'), HEAD_KEEP_ALIVE | HEAD_CLOSE);
  assert.equal(flags('1.0', ''), HEAD_HTTP_10 | HEAD_CLOSE);
  assert.equal(flags('1.0', 'keep-alive'), HEAD_HTTP_10 | HEAD_KEEP_ALIVE);
});

test('an upgrade needs the option and the line, and a WebSocket its key', () => {
  const flags = (fields: string): number => flagsOf(`GET / HTTP/1.1\r\n${fields}\r\n`) & ~HEAD_NO_BODY;
  assert.equal(flags('Connection: Upgrade\r\nUpgrade: foo\r\n'), HEAD_UPGRADE);
  assert.equal(flags(`Connection: upgrade\r\nUpgrade: WebSocket\r\n${KEY}`), HEAD_UPGRADE | HEAD_WEBSOCKET);
  assert.equal(flags('Connection: Upgrade\r\n'), 0);
  assert.equal(flags('Upgrade: websocket\r\n'), 0);
  assert.equal(flags('Connection: Upgrade\r\nUpgrade: h2c\r\n'), 0);
  assert.equal(statusOf('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'), 400);
  assert.equal(
    statusOf('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\n\r\n'),
    400,
  );
});

test('Expect: 100-continue counts in HTTP/1.1 only', () => {
  const text = (version: string): string =>
    `POST / HTTP/${version}\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n`;
  assert.equal(flagsOf(text('1.1')), HEAD_EXPECT_CONTINUE | HEAD_LENGTH);
  assert.equal(flagsOf(text('1.0')) & HEAD_EXPECT_CONTINUE, 0);
});

test('Host lines must agree and hold no byte of another meaning', () => {
  const hosts = (...values: string[]): number =>
    statusOf(`GET / HTTP/1.1\r\n${values.map((value) => `Host: ${value}\r\n`).join('')}\r\n`);
  for (const value of ['a', 'A_b!$', '[::1]', '[::1]:80', 'a:80', '']) assert.equal(hosts(value), 200, value);
  for (const value of ['a,b', 'a b', 'a/b', 'u@a', 'a?b', 'a#b', 'a\\b', '[::1', '::1]', 'a[b]', '\xe9']) {
    assert.equal(hosts(value), 400, value);
  }
  assert.equal(hosts('a', 'A'), 200);
  assert.equal(hosts('', ''), 200);
  assert.equal(hosts('a', 'b'), 400);
});

test('an absolute target must name the authority that Host names', () => {
  const absolute = (target: string, host: string): number =>
    statusOf(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  assert.equal(absolute('http://a.com/', 'A.com'), 200);
  assert.equal(absolute('http://u:p@a.com:80/', 'a.com'), 200);
  assert.equal(absolute('http://a.com/', 'a.com:80'), 200);
  assert.equal(absolute('http://a.com:8080/', 'a.com:8080'), 200);
  assert.equal(absolute('https://a.com:80/', 'a.com:80'), 200);
  assert.equal(absolute('http:///x', ''), 200);
  assert.equal(absolute('http://b.com/', 'a.com'), 400);
  assert.equal(absolute('http://a.com:8080/', 'a.com'), 400);
  assert.equal(absolute('https://a.com:80/', 'a.com'), 400);
  assert.equal(absolute('ftp://a.com:21/', 'a.com'), 400);
  assert.equal(absolute('http://a,b/', 'a,b'), 400);
  assert.equal(flagsOf('GET http://a/ HTTP/1.1\r\n\r\n'), HEAD_ABSOLUTE_URI | HEAD_NO_BODY);
});

test('CONNECT names host and port and agrees with Host', () => {
  const connect = (target: string, fields = ''): number => statusOf(`CONNECT ${target} HTTP/1.1\r\n${fields}\r\n`);
  assert.equal(connect('a.com:80'), 200);
  assert.equal(connect('a.com:443', 'Host: A.COM\r\n'), 200);
  assert.equal(connect('a.com:8080', 'Host: a.com:8080\r\nTransfer-Encoding: chunked\r\n'), 200);
  assert.equal(connect('a.com:8080', 'Content-Length: 0\r\n'), 200);
  for (const target of ['a.com', 'a.com:', '/a:80', 'http://a:80', '*', 'a,b:80'])
    assert.equal(connect(target), 400, target);
  assert.equal(connect('a.com:8080', 'Host: a.com\r\n'), 400);
  assert.equal(connect('a.com:80', 'Host: b.com\r\n'), 400);
  assert.equal(connect('a.com:80', 'Host: a.com:443\r\n'), 400);
  assert.equal(connect('a.com:80', 'Host:\r\n'), 400);
  assert.equal(connect('a.com:80', 'Content-Length: 3\r\n'), 400);
  assert.equal(flagsOf('CONNECT a:80 HTTP/1.1\r\nContent-Length: 0\r\n\r\n'), HEAD_TUNNEL | HEAD_NO_BODY);
});

test('a response is framed by its status, the request method and its lines', () => {
  const ok = (fields: string, method = METHOD_GET): number => responseFlags(`HTTP/1.1 200 OK\r\n${fields}\r\n`, method);
  assert.equal(ok('Content-Length: 2\r\n'), HEAD_LENGTH);
  assert.equal(ok('Content-Length: 0\r\n'), HEAD_LENGTH | HEAD_NO_BODY);
  assert.equal(ok('Transfer-Encoding: chunked\r\n'), HEAD_CHUNKED);
  assert.equal(ok(''), HEAD_CLOSE_DELIMITED | HEAD_CLOSE);
  assert.equal(ok('Content-Length: 2\r\n', METHOD_HEAD), HEAD_NO_BODY);
  assert.equal(ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), HEAD_CHUNKED | HEAD_MUST_CLOSE | HEAD_CLOSE);
  assert.equal(ok('Content-Length: 5\r\n', METHOD_CONNECT), HEAD_TUNNEL | HEAD_NO_BODY);
  for (const status of [100, 102, 103, 199, 204, 304]) {
    assert.equal(responseFlags(`HTTP/1.1 ${status} x\r\nContent-Length: 3\r\n\r\n`), HEAD_NO_BODY, String(status));
  }
  assert.equal(responseFlags('HTTP/1.1 205 x\r\n\r\n'), HEAD_CLOSE_DELIMITED | HEAD_CLOSE);
  assert.equal(responseFlags('HTTP/1.1 407 x\r\nContent-Length: 3\r\n\r\n', METHOD_CONNECT), HEAD_LENGTH);
  const old = HEAD_HTTP_10 | HEAD_CLOSE | HEAD_LENGTH;
  assert.equal(responseFlags('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n'), old);
  assert.equal(
    responseFlags('HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n'),
    HEAD_HTTP_10 | HEAD_KEEP_ALIVE | HEAD_LENGTH,
  );
});

test('101 opens a tunnel when the server says upgrade, and a WebSocket when it accepts the key', () => {
  const status = (fields: string): number => parseText(`HTTP/1.1 101 x\r\n${fields}\r\n`, asResponse()).verdict;
  assert.equal(
    responseFlags('HTTP/1.1 101 x\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\n'),
    HEAD_TUNNEL | HEAD_NO_BODY | HEAD_UPGRADE,
  );
  assert.ok(status('') > HEAD_PARTIAL);
  assert.ok(status('Connection: upgrade\r\nUpgrade: websocket\r\n') > HEAD_PARTIAL);
  assert.equal(status('Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n'), HEAD_OK);
});

test('status lines are read with the tolerance of the reference', () => {
  const passes = [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 404',
    'HTTP/1.1 299 ',
    'HTTP/1.1   200 \t  Well',
    'HTTP/1.1 99 x',
    'HTTP/2.0 200 x',
  ];
  for (const line of passes) {
    assert.equal(parseText(`\r\n${line}\r\nContent-Length: 0\r\n\r\n`, asResponse()).verdict, HEAD_OK, line);
  }
  const refused = [
    'HTTP/1.1 1000 x',
    'HTTP/1.1 x',
    'HTTP/1.1',
    'HTTP/1.1 20x',
    'http/1.1 200 OK',
    'HTTP/1.10 200 OK',
    ' HTTP/1.1 200 OK',
    'ICY 200 OK',
  ];
  for (const line of refused) {
    assert.ok(parseText(`${line}\r\nContent-Length: 0\r\n\r\n`, asResponse()).verdict > HEAD_PARTIAL, line);
  }
});

test('a response may repeat Host and hold values no request may', () => {
  assert.equal(parseText('HTTP/1.1 200 OK\r\nHost: a,b\r\nhost: b\r\n\r\n', asResponse()).verdict, HEAD_OK);
  assert.ok(parseText('HTTP/1.1 200 OK\r\n\x80: 1\r\n\r\n', asResponse()).verdict > HEAD_PARTIAL);
  assert.ok(parseText('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', asResponse()).verdict > HEAD_PARTIAL);
  assert.ok(
    parseText('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', asResponse()).verdict > HEAD_PARTIAL,
  );
});

test('an error in what has arrived is told before the head is complete', () => {
  for (const text of ['GET / HTTP/1.1x', 'GET / HTTP/1.1\r\nBad Header', ' ', 'GET / HTTP/1.1\r\nX: a\x00']) {
    assert.equal(statusOf(text), 400, JSON.stringify(text));
  }
});

// Goal: segmentation never changes meaning. Method: cut at every byte, and into single bytes, and compare.
test('a head means the same however TCP cuts it', () => {
  const requests = [
    '\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\nX:\r\n b\r\n\tc \r\n d\r\nConnection: foo, close, bar\r\nY: \r\n\r\nrest',
    'POST http://u@A.com:80 HTTP/1.1\nHost: a.com\nContent-Length: 1, 1\n\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'GET / HTTP/1.1\r\nX: a\r\n b\x00\r\n\r\n',
  ];
  for (const text of requests) {
    const whole = parseInPieces(text, [], asRequest);
    for (let cut = 0; cut < text.length; cut++) {
      assert.deepEqual(parseInPieces(text, [cut], asRequest), whole, `${JSON.stringify(text)} cut at ${cut}`);
    }
    const bytewise = Array.from({ length: text.length }, (_, index) => index);
    assert.deepEqual(parseInPieces(text, bytewise, asRequest), whole, JSON.stringify(text));
  }
  const response = 'HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=b\r\n ; c\r\nTransfer-Encoding: Chunked\r\n\r\n0';
  const whole = parseInPieces(response, [], asResponse());
  for (let cut = 0; cut < response.length; cut++) {
    assert.deepEqual(parseInPieces(response, [cut], asResponse()), whole, `cut at ${cut}`);
  }
});

test('a head that trickles in byte by byte is not read again and again', () => {
  // Goal: work grows with the bytes, not with their square. Method: count what the parser reads, bytes through a
  // proxy array and words through DataView, for a head with a long folded line fed byte by byte.
  const text = `GET /${'u'.repeat(500)} HTTP/1.1\r\nX: ${'v'.repeat(1500)}\r\n ${'w\r\n '.repeat(500)}x\r\nY: 1\r\n\r\n`;
  const sample = sampleOf(text);
  const head = new Head(128);
  let verdict = HEAD_PARTIAL;
  let reads = 0;
  const counted = new Proxy(sample.bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
  const readWord = DataView.prototype.getInt32;
  DataView.prototype.getInt32 = function (this: DataView, offset: number, little?: boolean): number {
    reads += 4;
    return readWord.call(this, offset, little);
  };
  try {
    for (let end = START + 1; end <= sample.end && verdict === HEAD_PARTIAL; end++) {
      verdict = parseRequestHead(counted, START, end, head, LIMITS);
    }
  } finally {
    DataView.prototype.getInt32 = readWord;
  }
  assert.equal(verdict, HEAD_OK);
  assert.ok(reads > text.length / 2, `the proxy counts: ${reads} reads`);
  assert.ok(reads < text.length * 12, `${reads} reads for ${text.length} bytes`);
});

test('a half parsed head survives being moved with its bytes', () => {
  const text = 'GET /a HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n';
  for (const delta of [1000, -1000]) {
    const from = 2000;
    const bytes = new Uint8Array(4000);
    bytes.set(Buffer.from(text), from);
    const end = from + text.length;
    const cut = end - 6;
    const head = new Head(128);
    assert.equal(parseRequestHead(bytes, from, cut, head, LIMITS), HEAD_PARTIAL);
    bytes.copyWithin(from + delta, from, end);
    bytes.fill(0, from, end);
    head.moveBy(delta);
    assert.equal(parseRequestHead(bytes, from + delta, end + delta, head, LIMITS), HEAD_OK);
    assert.equal(head.headerCount, 3);
    const target = Buffer.from(bytes).toString('latin1', head.uriOffset, head.uriOffset + head.uriLength);
    assert.equal(target, '/a');
    assert.equal(head.endOffset, end + delta);
  }
});

// Goal: only [start, end) is read and written. Method: every beginning of a head, with different bytes behind its end:
// ones that would end a line, lengthen a name or be lower-cased, and the very bytes that are to come.
test('no byte behind the end is touched or believed', () => {
  const samples = [
    ['GET /abc HTTP/1.1\r\nHost: Example.COM\r\nContent-Length: 12\r\nX-Y: Z\r\n\r\n', asRequest],
    ['HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nTransfer-Encoding: Chunked\r\n\r\n', asResponse()],
  ] as const;
  for (const [text, parse] of samples) {
    for (let cut = 0; cut <= text.length; cut++) {
      const expected = parseInPieces(text.slice(0, cut), [], parse);
      for (const guard of [10, 13, 32, 58, 65, 97]) {
        assert.deepEqual(
          parseInPieces(text.slice(0, cut), [], parse, guard),
          expected,
          `cut at ${cut}, guard ${guard}`,
        );
      }
      const { bytes } = sampleOf(text);
      const before = bytes.slice(START + cut);
      assert.equal(parse(bytes, START + cut, new Head(128)), expected.verdict, `cut at ${cut}`);
      assert.deepEqual(bytes.subarray(START + cut), before, `cut at ${cut}`);
      // What comes in the end is something else than what happened to stand there.
      const surprise = `${text.slice(0, cut)} ?\r\n\r\n`;
      const late = sampleOf(surprise.padEnd(text.length + 8));
      const head = new Head(128);
      late.bytes.set(Buffer.from(text), START);
      let verdict = parse(late.bytes, START + cut, head);
      late.bytes.set(Buffer.from(surprise.slice(cut)), START + cut);
      if (verdict === HEAD_PARTIAL) verdict = parse(late.bytes, START + surprise.length, head);
      assert.equal(verdict, parseInPieces(surprise, [cut], parse).verdict, `cut at ${cut}`);
    }
  }
});

test('a header name of 255 bytes passes and a longer one is refused with 400', () => {
  const named = (length: number): number => statusOf(`GET / HTTP/1.1\r\n${'n'.repeat(length)}: 1\r\n\r\n`);
  assert.equal(named(255), 200);
  assert.equal(named(256), 400);
});

test('a name that only begins like a known one is another name', () => {
  const known = [
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'te',
    'date',
    'x-forwarded-for',
  ];
  for (const name of known) {
    const idOf = (spelled: string): number =>
      parseText(`GET / HTTP/1.1\r\n${spelled}: 1\r\n\r\n`, asRequest).head.headerId[0]!;
    for (let place = 0; place < name.length; place++) {
      const letter = name[place] === 'z' ? 'y' : 'z';
      assert.equal(
        idOf(name.slice(0, place) + letter + name.slice(place + 1)),
        HEADER_OTHER,
        `${name} changed at ${place}`,
      );
    }
    assert.equal(idOf(`${name}z`), HEADER_OTHER);
    assert.equal(idOf(name.slice(0, -1)), HEADER_OTHER);
  }
});

test('a head given up half way is forgotten by reset', () => {
  const head = new Head(128);
  const first = sampleOf('POST /first HTTP/1.0\r\nContent-Length: 3\r\nHost: a\r\n');
  assert.equal(parseRequestHead(first.bytes, START, first.end, head, LIMITS), HEAD_PARTIAL);
  head.reset();
  const second = sampleOf('GET / HTTP/1.1\r\nHost: b\r\n\r\n');
  assert.equal(parseRequestHead(second.bytes, START, second.end, head, LIMITS), HEAD_OK);
  assert.equal(head.headerCount, 1);
  assert.equal(head.flags, HEAD_NO_BODY);
});

test('too few columns for the configured number of lines is our own fault', () => {
  const sample = sampleOf('GET / HTTP/1.1\r\n\r\n');
  assert.throws(() => parseRequestHead(sample.bytes, START, sample.end, new Head(50), LIMITS), /fewer columns/);
});

test('pipelined requests are read one after the other', () => {
  const text = 'GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n';
  const sample = sampleOf(text);
  const head = new Head(128);
  assert.equal(parseRequestHead(sample.bytes, START, sample.end, head, LIMITS), HEAD_OK);
  const next = head.endOffset;
  assert.equal(next, START + text.length / 2);
  assert.equal(parseRequestHead(sample.bytes, next, sample.end, head, LIMITS), HEAD_OK);
  assert.equal(sample.bytes[head.uriOffset + 1], '2'.charCodeAt(0));
});

test('forwardRequest of the fixture tells refusals from heads', () => {
  assert.equal(forwardRequest('GET * HTTP/1.1\r\n\r\n'), 400);
  assert.equal(typeof forwardRequest('GET / HTTP/1.1\r\n\r\n'), 'string');
});
