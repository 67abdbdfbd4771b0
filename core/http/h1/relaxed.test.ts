// Goal: under relaxed limits what the manual lists passes, as HAProxy 3.4 passes it on, and nothing else does; where it is
// cut never matters. Method: messages, what goes out for them (values taken from HAProxy 3.4), and cuts at every byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEAD_HTTP_10, Head, METHOD_GET } from '../message.ts';
import { asRequest, asResponse, LIMITS, type Parse, parseInPieces, parseText, START, textAt } from './fixture.ts';
import { parseRequestHead, parseResponseHead } from './parse.ts';
import { HEAD_OK, relaxed } from './verdict.ts';
import { CONNECTION_NONE, writeRequestHead, writeResponseHead } from './write.ts';

const RELAXED = relaxed(LIMITS);
const OUT_BYTES = 4096;
const request: Parse = (bytes, end, head) => parseRequestHead(bytes, START, end, head, RELAXED);
const response: Parse = (bytes, end, head) => parseResponseHead(bytes, START, end, head, METHOD_GET, RELAXED);

function forward(text: string, isRequest: boolean): string | null {
  const { verdict, head, bytes } = parseText(text, isRequest ? request : response);
  if (verdict !== HEAD_OK) return null;
  const out = bytes.length - OUT_BYTES;
  const http10 = (head.flags & HEAD_HTTP_10) !== 0;
  const end = isRequest
    ? writeRequestHead(head, bytes, out, bytes.length, http10, CONNECTION_NONE)
    : writeResponseHead(head, bytes, out, bytes.length, CONNECTION_NONE);
  return textAt(bytes, out, end - out);
}

const REQUESTS: readonly (readonly [sent: string, passedOn: string | null, strictToo?: true])[] = [
  ['GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /a#b HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /\xc3\xa9 HTTP/1.1\r\nhost: h\r\n\r\n'],
  ['GET /a\x7f HTTP/1.1\r\nHost: h\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: h\r\nx y: 1\r\nq\0: 3\r\nZ: a\0b\r\n\r\n', 'GET / HTTP/1.1\r\nhost: h\r\nz: a\0b\r\n\r\n'],
  ['GET / HTTP/1.1\r\nA\x7fb: 1\r\nc\xff: 2\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n'],
  ['GET / HTTP/1.1\r\n\x01: x\r\n f\r\ny: 1\r\n\r\n', 'GET / HTTP/1.1\r\ny: 1\r\n\r\n'],
  ['GET / HTTP/1.1\r\ncontent length: 5\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n'],
  ['GET / HTTP/1.1\r\nnocolon\r\n\r\n', null],
  ['GET / HTTP/1.1\r\n: x\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: h#x\r\n\r\n', null],
  ['GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n', 'GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n'],
  ['GET http://a?x#y HTTP/1.1\r\nHost: b\r\n\r\n', 'GET http://a?x#y/ HTTP/1.1\r\nhost: a?x#y\r\n\r\n'],
  ['GET http://a,b/ HTTP/1.1\r\n\r\n', 'GET http://a,b/ HTTP/1.1\r\n\r\n'],
  ['CONNECT nothing HTTP/1.1\r\nHost: b\r\n\r\n', 'CONNECT nothing HTTP/1.1\r\nhost: b\r\n\r\n'],
  ['CONNECT /p HTTP/1.1\r\nHost: b\r\n\r\n', null],
  ['GET /old\r\n', 'GET /old HTTP/1.0\r\n\r\n'],
  ['GET /old \n', 'GET /old HTTP/1.0\r\n\r\n'],
  ['POST /old\r\n', null],
  ['GET / RTSP/1.0\r\n\r\n', 'GET / RTSP/1.0\r\n\r\n'],
  ['GET / HTTP/11.1\r\n\r\n', 'GET / HTTP/11.1\r\n\r\n'],
  [
    'GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  ],
  ['GET / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', null],
  ['GET /p HTTP/1.1\r\nHost: h\r\nx: y\r\n\r\n', 'GET /p HTTP/1.1\r\nhost: h\r\nx: y\r\n\r\n', true],
];

const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const RESPONSES: typeof REQUESTS = [
  [
    'HTTP/1.1 200 OK\r\nx y: 1\r\nZ: a\0b\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nz: a\0b\r\ncontent-length: 0\r\n\r\n',
  ],
  ['HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'],
  ['HTTP/1.1 65519 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 65519 OK\r\ncontent-length: 0\r\n\r\n'],
  ['HTTP/1.1 65520 OK\r\nContent-Length: 0\r\n\r\n', null],
  ['HTTP/1.1 70000 OK\r\nContent-Length: 0\r\n\r\n', null],
  ['RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', 'RTSP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['HTTP/11.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/11.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n', CHUNKED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked,\r\n\r\n', CHUNKED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding:  ,chunked\r\n\r\n', CHUNKED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n', CHUNKED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', null],
  [
    'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  ],
  [CHUNKED, CHUNKED, true],
];

for (const [isRequest, cases] of [
  [true, REQUESTS],
  [false, RESPONSES],
] as const) {
  for (const [sent, passedOn, strictToo] of cases) {
    test(`relaxed: ${JSON.stringify(sent)} ${passedOn === null ? 'is refused' : 'passes'}`, () => {
      assert.equal(forward(sent, isRequest), passedOn);
      const strict = parseText(sent, isRequest ? asRequest : asResponse()).verdict;
      assert.equal(strict === HEAD_OK, strictToo === true, 'the same under strict limits');
    });
  }
}

test('a head under relaxed limits means the same however it is cut', () => {
  for (const [isRequest, cases] of [
    [true, REQUESTS],
    [false, RESPONSES],
  ] as const) {
    const parse = isRequest ? request : response;
    for (const [sent] of cases) {
      const whole = parseInPieces(sent, [], parse);
      for (let cut = 1; cut < sent.length; cut++) {
        assert.deepEqual(parseInPieces(sent, [cut], parse), whole, `${JSON.stringify(sent)} cut at ${cut}`);
      }
    }
  }
});

test('a head that was relaxed leaves nothing for the next one', () => {
  const head = new Head(128);
  const [odd, plain] = ['GET / RTSP/1.0\r\nx y: 1\r\n\r\n', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'];
  for (const text of [odd, plain]) {
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
    assert.equal(parseRequestHead(bytes, 0, bytes.length, head, RELAXED), HEAD_OK);
  }
  assert.equal(head.flags & HEAD_HTTP_10, 0);
  assert.equal(head.headerCount, 1);
});
