// Goal: our own answers are HAProxy 3.4's to the byte. Method: the lengths and orders its documentation of facts
// lists, and some whole messages as they were seen on the wire.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_NONE } from './h1/write.ts';
import { reasonOf } from './reason.ts';
import { earlyReply, REPLY_STATUSES, type Reply, streamReply } from './reply.ts';

const BODY_LENGTHS: Record<number, number> = {
  200: 58,
  400: 90,
  401: 112,
  403: 93,
  404: 83,
  405: 147,
  407: 112,
  408: 110,
  410: 114,
  413: 106,
  414: 110,
  421: 104,
  422: 116,
  425: 80,
  429: 117,
  431: 105,
  500: 97,
  501: 135,
  502: 107,
  503: 107,
  504: 92,
};

function text(reply: Reply): string {
  return Buffer.from(reply.bytes).toString('latin1');
}

test('the default replies have the statuses and body lengths of the reference', () => {
  assert.deepEqual(REPLY_STATUSES, Object.keys(BODY_LENGTHS).map(Number));
  for (const status of REPLY_STATUSES) {
    for (const reply of [
      earlyReply(status),
      streamReply(status, CONNECTION_NONE),
      streamReply(status, CONNECTION_CLOSE),
    ]) {
      assert.equal(reply.status, status);
      assert.equal(reply.bytes.length - reply.headLength, BODY_LENGTHS[status], String(status));
      assert.match(text(reply), new RegExp(`content-length: ${BODY_LENGTHS[status]}\r\n`, 'i'));
      assert.ok(text(reply).slice(0, reply.headLength).endsWith('\r\n\r\n'));
    }
  }
});

test('answers given before there is a stream are spelled in mixed case', () => {
  assert.equal(
    text(earlyReply(400)),
    'HTTP/1.1 400 Bad request\r\nContent-length: 90\r\nCache-Control: no-cache\r\nConnection: close\r\n' +
      'Content-Type: text/html\r\n\r\n<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n' +
      '</body></html>\n',
  );
  assert.equal(
    text(earlyReply(413)),
    'HTTP/1.1 413 Payload Too Large\r\nContent-length: 106\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n\r\n' +
      '<html><body><h1>413 Payload Too Large</h1>\nThe request entity exceeds the maximum allowed.\n</body></html>\n',
  );
  assert.match(text(earlyReply(408)), /\r\nConnection: close\r\nContent-Type: text\/html\r\n\r\n/);
  assert.doesNotMatch(text(earlyReply(431)), /connection/i);
});

test('answers of a stream are spelled in lower case, our Connection line last', () => {
  const body =
    '<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n';
  const head =
    'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 107\r\ncache-control: no-cache\r\ncontent-type: text/html\r\n';
  assert.equal(text(streamReply(502, CONNECTION_NONE)), `${head}\r\n${body}`);
  assert.equal(text(streamReply(502, CONNECTION_CLOSE)), `${head}connection: close\r\n\r\n${body}`);
  assert.equal(text(streamReply(502, CONNECTION_KEEP_ALIVE)), `${head}connection: keep-alive\r\n\r\n${body}`);
});

test('a status without a reply of its own is answered with 500', () => {
  assert.equal(earlyReply(418).status, 500);
  assert.equal(streamReply(299, CONNECTION_NONE).status, 500);
});

test('every status has a reason, by itself or by its class', () => {
  const reason = (status: number): string => Buffer.from(reasonOf(status)).toString('latin1');
  assert.equal(reason(200), 'OK');
  assert.equal(reason(408), 'Request Time-out');
  assert.equal(reason(599), 'Server Error');
  assert.equal(reason(0), 'Other');
  assert.equal(reason(999), 'Other');
  assert.equal(reason(-1), 'Other');
});
