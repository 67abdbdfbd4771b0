// Goal: each HTTP fetch gives the value the manual promises (§7.3.6), also where no HAProxy is at hand to compare with.
// Method: real bytes through the real parser, then one evaluation, or the values an ACL is given in turn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  all,
  argsOf,
  connection,
  fetchOf,
  one,
  requestSubject,
  responseSubject,
  rowOf,
  tcpSubject,
} from './fixture-http.ts';
import { FAMILY_INET6, FAMILY_UNIX, type Subject } from './subject.ts';
import * as types from './types.ts';
import { Sample } from './types.ts';

const GET = (uri: string, headers = 'Host: h\r\n'): Subject => requestSubject(`GET ${uri} HTTP/1.1\r\n${headers}\r\n`);
const lists = (...values: string[]): Subject =>
  GET('/', `Host: h\r\n${values.map((value) => `X-List: ${value}\r\n`).join('')}`);

/** One evaluation, and whether more bytes could change it. */
function judge(subject: Subject, name: string): [found: boolean, mayChange: boolean] {
  const sample = new Sample();
  sample.begin();
  return [fetchOf(name)(subject, sample), sample.mayChange];
}

test('the target is taken apart without being decoded', () => {
  const subject = GET('/a/b%20c?d=e?f');
  assert.equal(one(subject, 'url'), '/a/b%20c?d=e?f');
  assert.equal(one(subject, 'path'), '/a/b%20c');
  assert.equal(one(subject, 'pathq'), '/a/b%20c?d=e?f');
  assert.equal(one(subject, 'query'), 'd=e?f');
  assert.equal(one(subject, 'query', 'with_qm'), '?d=e?f');
  assert.equal(one(subject, 'base'), 'h/a/b%20c');
  assert.equal(one(subject, 'baseq'), 'h/a/b%20c?d=e?f');
  assert.equal(one(GET('/'), 'query'), null);
  assert.equal(one(GET('/?'), 'query'), '');
  assert.equal(one(GET('/?'), 'query', 'with_qm'), '');
});

test('an absolute target has its path behind the authority, an asterisk none', () => {
  const absolute = requestSubject('GET http://1.2.3.4:8080/p?q HTTP/1.1\r\nHost: 1.2.3.4:8080\r\n\r\n');
  assert.equal(one(absolute, 'path'), '/p');
  assert.equal(one(absolute, 'pathq'), '/p?q');
  assert.equal(one(absolute, 'base'), '1.2.3.4:8080/p');
  assert.equal(one(absolute, 'url_ip'), '1.2.3.4');
  assert.equal(one(absolute, 'url_port'), '8080');
  assert.equal(one(GET('/http://1.2.3.4/'), 'url_ip'), null);
  const asterisk = requestSubject('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(one(asterisk, 'path'), null);
  assert.equal(one(asterisk, 'base'), 'h');
  assert.equal(one(asterisk, 'url'), '*');
});

test('hashes of host and path are those of HAProxy, with the client behind them', () => {
  const subject = GET('/path?x=1', 'Host: example.com\r\n');
  assert.equal(one(subject, 'base32'), '1596762673');
  assert.equal(one(subject, 'url32'), '1887900564');
  assert.equal(one(GET('/path?x=2', 'Host: example.com\r\n'), 'base32'), '1596762673', 'the query does not count');
  const hash = Number(one(subject, 'base32')).toString(16).padStart(8, '0');
  const hex = (text: string | null): string => Buffer.from(text ?? '', 'latin1').toString('hex');
  assert.equal(hex(one(subject, 'base32+src')), `${hash}7f000001`);
  subject.front = { ...connection(), sourceFamily: FAMILY_INET6, source0: 1, source1: 2, source2: 3, source3: -1 };
  assert.equal(hex(one(subject, 'base32+src')), `${hash}000000010000000200000003ffffffff`);
  assert.equal(one(subject, 'url32+src')?.length, 20);
  subject.front = { ...connection(), sourceFamily: FAMILY_UNIX };
  assert.equal(one(subject, 'base32+src'), null);
});

test('the method is a number or a name, and set-method does not change the number', () => {
  const subject = requestSubject('PURGE / HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(one(subject, 'method'), 'PURGE');
  assert.equal(one(GET('/'), 'method'), 'GET');
  assert.equal(rowOf('method').out, types.TYPE_METH);
  const changed = GET('/');
  changed.request!.method = 3;
  assert.equal(one(changed, 'method'), 'GET');
});

test('versions, first request and protocol', () => {
  const old = requestSubject('GET / HTTP/1.0\r\n\r\n');
  assert.equal(one(old, 'req.ver'), '1.0');
  assert.equal(one(old, 'req_ver'), '1.0');
  assert.equal(one(old, 'capture.req.ver'), 'HTTP/1.0');
  old.request = null;
  assert.equal(one(old, 'capture.req.ver'), 'HTTP/1.0', 'remembered when the head is gone');
  const subject = GET('/');
  assert.equal(one(subject, 'req.ver'), '1.1');
  assert.equal(one(subject, 'http_first_req'), '1');
  subject.front = { ...connection(), requestCount: 1 };
  assert.equal(one(subject, 'http_first_req'), '0');
  assert.equal(one(subject, 'req_proto_http'), '1');
});

test('a header is its last value unless an occurrence is asked for', () => {
  const subject = lists('1, 2', '"a,b" , 3');
  assert.equal(one(subject, 'req.hdr', 'x-list'), '3');
  assert.equal(one(subject, 'req.hdr', 'X-List', 1), '1');
  assert.equal(one(subject, 'req.hdr', 'x-list', 3), '"a,b"');
  assert.equal(one(subject, 'req.hdr', 'x-list', -2), '"a,b"');
  assert.equal(one(subject, 'req.hdr', 'x-list', 5), null);
  assert.equal(one(subject, 'req.hdr', 'x-list', -5), null);
  assert.equal(one(subject, 'req.fhdr', 'x-list'), '"a,b" , 3');
  assert.equal(one(subject, 'req.fhdr', 'x-list', 1), '1, 2');
  assert.equal(one(subject, 'req.hdr_cnt', 'x-list'), '4');
  assert.equal(one(subject, 'req.fhdr_cnt', 'x-list'), '2');
  assert.equal(one(subject, 'hdr_cnt'), '5');
  assert.equal(one(subject, 'req.hdr'), null, 'without parentheses there is no name to look for');
});

test('an ACL is given every value of a header', () => {
  assert.deepEqual(all(lists('1, 2', '', '3,'), 'req.hdr', 'x-list'), ['1', '2', '', '3', '']);
  assert.deepEqual(all(lists('1, 2', '3,'), 'req.fhdr', 'x-list'), ['1, 2', '3,']);
  assert.deepEqual(all(lists('1, 2'), 'req.hdr', 'x-list', 1), ['1']);
  assert.deepEqual(all(lists('x, 1.2.3.4:80', '[::1], y'), 'req.hdr_ip', 'x-list'), ['1.2.3.4', `${'0'.repeat(31)}1`]);
  assert.deepEqual(all(GET('/'), 'req.hdr', 'x-list'), []);
});

test('removed lines are invisible and added ones count', () => {
  const subject = lists('1', '2');
  const head = subject.request!;
  head.removeHeader(2);
  assert.equal(one(subject, 'req.hdr', 'x-list'), '1');
  assert.equal(one(subject, 'req.hdr_names'), 'host,x-list');
  const at = 60_000;
  subject.bytes.set(Buffer.from('x-list9', 'latin1'), at);
  assert.equal(head.addHeader(0, at, 6, at + 6, 1), 3);
  assert.equal(one(subject, 'req.hdr', 'x-list'), '9');
  assert.equal(one(subject, 'req.hdrs'), 'host: h\r\nx-list: 1\r\nx-list: 9\r\n\r\n');
});

test('what is remembered of a message is forgotten with it, and when its lines change', () => {
  const subject = lists('1');
  subject.messageSerial = 7;
  assert.equal(one(subject, 'req.hdr', 'x-list'), '1');
  assert.equal(one(subject, 'req.hdr', 'x-gone'), null);
  assert.equal(one(subject, 'path'), '/');
  const head = subject.request!;
  const at = 60_000;
  subject.bytes.set(Buffer.from('x-listx-gone/new?x 9,8', 'latin1'), at);
  head.valueOffset[1] = at + 19; // replaced by "9,8"
  head.valueLength[1] = 3;
  assert.equal(one(subject, 'req.hdr', 'x-list'), '8');
  assert.deepEqual(all(subject, 'req.hdr', 'X-List'), ['9', '8']);
  assert.deepEqual(all(subject, 'req.fhdr', 'X-List'), ['9,8']);
  head.addHeader(0, at + 6, 6, at + 19, 1);
  assert.equal(one(subject, 'req.hdr', 'x-gone'), '9');
  head.removeHeader(1);
  assert.equal(one(subject, 'req.hdr', 'x-list'), null);
  assert.equal(one(subject, 'req.fhdr', 'x-list'), null);
  head.removeHeader(2);
  assert.equal(one(subject, 'req.hdr', 'x-gone'), null);
  head.uriOffset = at + 12;
  head.uriLength = 6;
  assert.equal(one(subject, 'path'), '/new');
  // Another message in the same place: only the number tells.
  subject.bytes.set(Buffer.from('/n?w/x', 'latin1'), at + 12);
  assert.equal(one(subject, 'path'), '/n?w', 'the same number is the same message');
  subject.messageSerial = 8;
  assert.equal(one(subject, 'path'), '/n');
});

test('header values are read as numbers and addresses', () => {
  assert.equal(one(lists('-12x'), 'req.hdr_val', 'x-list'), '-12');
  assert.equal(one(lists('4294967297'), 'req.hdr_val', 'x-list'), '1', '32 bits, wrapping');
  assert.equal(one(lists(''), 'req.hdr_val', 'x-list'), '0');
  assert.equal(one(lists('10.0.0.1:65535'), 'req.hdr_ip', 'x-list'), '10.0.0.1');
  assert.equal(one(lists('10.0.0.1:65536'), 'req.hdr_ip', 'x-list'), null);
  assert.equal(one(lists('2001:db8::1'), 'req.hdr_ip', 'x-list'), '20010db8000000000000000000000001');
});

test('whole heads come as text and in the binary form of SPOE', () => {
  const subject = GET('/', `Host: h\r\nX: ${'y'.repeat(300)}\r\n`);
  const text = one(subject, 'req.hdrs_bin') ?? '';
  // 300 is 0xfc (its low byte with the four high bits), then (300 − 240) >> 4.
  assert.equal(text, `\x04host\x01h\x01x\xfc\x03${'y'.repeat(300)}\0\0`);
  assert.equal(one(subject, 'req.hdr_names', '; '), 'host;x');
});

test('a cookie is found by its name, its value is the last of that name', () => {
  const subject = GET('/', 'Cookie: a=1; b="x;y"; a = 2 , c=3; $d=4\r\nCookie: e=5\r\n');
  assert.equal(one(subject, 'req.cook', 'a'), '2');
  assert.equal(one(subject, 'cook', 'b'), '"x;y"');
  assert.equal(one(subject, 'cookie', 'c'), '3');
  assert.equal(one(subject, 'req.cook', '$d'), null);
  assert.equal(one(subject, 'req.cook'), '1');
  assert.equal(one(subject, 'req.cook_cnt', 'a'), '2');
  assert.equal(one(subject, 'req.cook_cnt'), '5');
  assert.equal(one(subject, 'cook_val', 'e'), '5');
  assert.equal(one(subject, 'req.cook_names', '|'), 'a|b|a|c|e');
  assert.deepEqual(all(subject, 'req.cook', 'a'), ['1', '2']);
  assert.deepEqual(all(subject, 'req.cook'), ['1', '"x;y"', '2', '3', '5']);
});

test('a Set-Cookie line is one cookie and its attributes', () => {
  const subject = responseSubject(
    'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; b=2\r\nSet-Cookie: c=3; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n',
  );
  assert.equal(one(subject, 'res.cook', 'a'), '1');
  assert.equal(one(subject, 'scook', 'b'), null);
  assert.equal(one(subject, 'scook_cnt', 'a'), '1');
  assert.equal(one(subject, 'scook_val', 'c'), '3');
  assert.equal(one(subject, 'res.cook_names'), 'a,c');
  assert.equal(one(subject, 'cookie', 'c'), '3', 'of the message whose rules run');
});

test('parameters of the query string', () => {
  const subject = GET('/p?a=1&b=2;A=3&a=&c');
  assert.equal(one(subject, 'urlp', 'a'), '1');
  assert.equal(one(subject, 'url_param', 'b'), '2');
  assert.equal(one(subject, 'urlp', 'c'), null);
  assert.equal(one(subject, 'urlp'), '1');
  assert.equal(one(subject, 'urlp_val', 'b'), '2');
  assert.equal(one(subject, 'urlp', 'B', '', 'i'), '2');
  assert.equal(one(subject, 'urlp', 'b', ';'), null);
  assert.deepEqual(all(subject, 'urlp', 'a'), ['1', '']);
  assert.deepEqual(all(subject, 'urlp', 'a', '', 'i'), ['1', '3', '']);
  assert.deepEqual(all(subject, 'urlp'), ['1', '2', '3', '']);
  assert.equal(one(GET('/p;a=1/b=2?c'), 'urlp', 'a', ';'), '1/b=2?c', 'to the end: no ampersand follows');
});

test('a body is what came of it, chunks put together', () => {
  const whole = requestSubject('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\na=1&b=2GET /next');
  assert.equal(one(whole, 'req.body'), 'a=1&b=2', 'the next request is not part of it');
  assert.equal(one(whole, 'req.body_len'), '7');
  assert.equal(one(whole, 'req.body_param', 'b'), '2');
  assert.deepEqual(all(whole, 'req.body_param'), ['1', '2']);
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunked = requestSubject(`${head}3\r\na=1\r\n4;x=y\r\n&a=2\r\n0\r\nT: x\r\n\r\n`);
  assert.equal(one(chunked, 'req.body'), 'a=1&a=2');
  assert.equal(one(chunked, 'req.body_size'), '7');
  assert.deepEqual(all(chunked, 'req.body_param', 'a'), ['1', '2']);
  assert.equal(one(requestSubject(`${head}zz\r\n`), 'req.body'), null, 'broken chunks have no body');
});

test('a body that is not complete may still change', () => {
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n';
  assert.deepEqual(judge(requestSubject(`${head}12345`, false), 'req.body'), [true, true]);
  assert.deepEqual(judge(requestSubject(`${head}12345`, true), 'req.body'), [true, false]);
  assert.deepEqual(judge(requestSubject(`${head}1234567890`, false), 'req.body'), [true, false]);
  assert.equal(one(requestSubject(`${head}12345`, false), 'req.body_size'), '10');
  assert.equal(one(requestSubject(`${head}12345`, false), 'req.body_len'), '5');
  const chunked = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\n123';
  assert.deepEqual(judge(requestSubject(chunked, false), 'req.body'), [true, true]);
  assert.equal(one(requestSubject(chunked, false), 'req.body_size'), '10', 'the chunk says so');
  assert.deepEqual(judge(requestSubject('GET / HTTP/1.1\r\nHost: h\r\n\r\n', false), 'req.body'), [true, false]);
});

test('a response has its status, version, headers and body', () => {
  const subject = responseSubject('HTTP/1.0 404 Not Found\r\nX-List: 1, 2\r\n\r\nrest', false);
  assert.equal(one(subject, 'status'), '404');
  assert.equal(one(subject, 'txn.status'), '404');
  assert.equal(one(subject, 'res.ver'), '1.0');
  assert.equal(one(subject, 'resp_ver'), '1.0');
  assert.equal(one(subject, 'capture.res.ver'), 'HTTP/1.0');
  assert.equal(one(subject, 'shdr', 'x-list', 1), '1');
  assert.equal(one(subject, 'hdr', 'x-list'), '2', 'hdr reads the message whose rules run');
  assert.equal(one(subject, 'res.body'), 'rest');
  assert.deepEqual(judge(subject, 'res.body'), [true, true]);
  assert.equal(one(subject, 'req.hdr', 'x-list'), null);
  assert.equal(one(subject, 'path'), null);
});

test('in the log the status is what was sent, and 0 came from no server', () => {
  const subject = responseSubject('HTTP/1.1 200 OK\r\n\r\n');
  subject.response = null;
  subject.stream!.log.status = 503;
  assert.equal(one(subject, 'txn.status'), '503');
  assert.equal(one(subject, 'server_status'), '0');
  subject.stream!.log.markData = 5;
  assert.equal(one(subject, 'server_status'), '503');
  assert.equal(one(subject, 'status'), null);
});

test('captures outlive their message', () => {
  const subject = GET('http://h/a?b');
  subject.request = null;
  assert.equal(one(subject, 'capture.req.method'), 'GET');
  assert.equal(one(subject, 'capture.req.uri'), '/a?b');
  assert.equal(one(subject, 'capture.req.hdr', 0), null);
  const texts = ['one', null];
  subject.stream = {
    ...subject.stream!,
    requestCaptures: {
      count: 2,
      set: () => assert.fail('a fetch captures nothing'),
      bytesOf: (slot) => Buffer.from(texts[slot] ?? '', 'latin1'),
      lengthOf: (slot) => texts[slot]?.length ?? -1,
    },
    uniqueId: { bytes: Buffer.from('id-7xx', 'latin1'), length: 4 },
  };
  assert.equal(one(subject, 'capture.req.hdr', 0), 'one');
  assert.equal(one(subject, 'capture.req.hdr', 1), null);
  assert.equal(one(subject, 'capture.req.hdr', 2), null);
  assert.equal(one(subject, 'capture.res.hdr', 0), null);
  assert.equal(one(subject, 'unique-id'), 'id-7');
});

test('in a TCP proxy the request is parsed where it waits, and its bytes stay as they came', () => {
  const text = 'GET /p?x HTTP/1.1\r\nHOST: H\r\nX-List: 1,2\r\n\r\nbody';
  const subject = tcpSubject(text, false);
  const before = subject.bytes.slice();
  assert.equal(one(subject, 'req.proto_http'), '1');
  assert.equal(one(subject, 'path'), '/p');
  assert.equal(one(subject, 'method'), 'GET');
  assert.equal(one(subject, 'req.ver'), '1.1');
  assert.equal(one(subject, 'req.hdr', 'host'), 'H');
  assert.deepEqual(all(subject, 'req.hdr', 'x-list'), ['1', '2']);
  assert.equal(one(subject, 'base'), 'H/p');
  assert.equal(one(subject, 'req.body'), '');
  assert.deepEqual(subject.bytes, before);
  assert.deepEqual(judge(tcpSubject('GET / HT', false), 'req.proto_http'), [false, true]);
  assert.deepEqual(judge(tcpSubject('GET / HT', true), 'req.proto_http'), [false, false]);
  assert.deepEqual(judge(tcpSubject('\x16\x03\x01\0\0', false), 'req.proto_http'), [false, false]);
});

test('before the head is there a value may still come, after it is gone none will without a stream', () => {
  const subject = GET('/');
  subject.request = null;
  assert.deepEqual(judge(subject, 'path'), [false, true]);
  subject.stream = null;
  assert.deepEqual(judge(subject, 'path'), [false, false]);
  assert.deepEqual(judge(subject, 'method'), [false, false]);
  assert.deepEqual(judge(subject, 'unique-id'), [false, false]);
});

test('arguments are refused in HAProxy’s words', () => {
  const refuse = (name: string, ...args: (string | number)[]): string | null | undefined =>
    rowOf(name).check?.(argsOf(args));
  assert.equal(refuse('req.hdr', 'x', -11), 'header occurrence must be >= -10');
  assert.equal(refuse('res.hdr_ip', 'x', -10), null);
  assert.equal(refuse('query', 'qm'), "supported options are: 'with_qm'");
  assert.equal(refuse('query', 'with_qm'), null);
});
