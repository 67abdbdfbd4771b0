// Goal: bytes are counted as HAProxy counts them. Method: heads whose figures were read from HAProxy 3.4's log.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestFormBytes, responseFormBytes, trailerFormBytes } from './form-bytes.ts';
import { parseRequestHead, parseResponseHead } from './h1/parse.ts';
import { headLimits } from './h1/verdict.ts';
import { Head, METHOD_GET } from './message.ts';

const LIMITS = headLimits(16_384, 1024, 101);

function response(text: string): number {
  const head = new Head(110);
  const bytes = new TextEncoder().encode(text);
  assert.equal(parseResponseHead(bytes, 0, bytes.length, head, METHOD_GET, LIMITS), 0);
  return responseFormBytes(head);
}

test('a response head counts its start line, its words, its headers and its end', () => {
  assert.equal(response('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'), 49);
  assert.equal(response('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), 58);
  assert.equal(response('HTTP/1.1 100 Continue\r\n\r\n'), 40);
});

test('a status of two digits counts two', () => {
  assert.equal(response('HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n'), 47);
});

test('headers that were taken out do not count', () => {
  const whole = response('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n');
  assert.equal(whole, 49);
});

test('a request head counts method, target and version', () => {
  const head = new Head(110);
  const bytes = new TextEncoder().encode('GET /abc HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(parseRequestHead(bytes, 0, bytes.length, head, LIMITS), 0);
  assert.equal(requestFormBytes(head), 20 + 3 + 4 + 8 + 5 + 1);
});

test('a body without trailers ends with one byte', () => {
  assert.equal(trailerFormBytes(new Head(4)), 1);
});
