// Goal: what leaves is what HAProxy 3.4 would send. Method: requests and responses seen on both sides of the real
// program, beside what the parser and the writer make of them; then properties of the writer alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEADER_CONNECTION,
  HEADER_OTHER,
  HEADER_X_FORWARDED_FOR,
  Head,
  METHOD_CONNECT,
  METHOD_HEAD,
} from '../message.ts';
import { asRequest, asResponse, forwardRequest, forwardResponse, parseText, textAt } from './fixture.ts';
import { HEAD_OK } from './verdict.ts';
import {
  CONNECTION_CLOSE,
  CONNECTION_KEEP_ALIVE,
  CONNECTION_NONE,
  WRITE_FULL,
  writeRequestHead,
  writeResponseHead,
} from './write.ts';

const KEY = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const ACCEPT = 'sec-websocket-accept: x\r\n';

/** What a client sends and what the server behind the reference receives. */
const REQUESTS: readonly (readonly [string, string, string])[] = [
  ['a plain request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['HTTP/1.2 becomes 1.1', 'GET / HTTP/1.2\r\nX: 1\r\n\r\n', 'GET / HTTP/1.1\r\nx: 1\r\n\r\n'],
  ['1.0 asks to be kept', 'GET / HTTP/1.0\r\nX: 1\r\n\r\n', 'GET / HTTP/1.0\r\nx: 1\r\nconnection: keep-alive\r\n\r\n'],
  ['older words stay', 'GET / HTTP/0.5\r\nX: 1\r\n\r\n', 'GET / HTTP/0.5\r\nx: 1\r\nconnection: keep-alive\r\n\r\n'],
  [
    '1.0 with an upgrade',
    'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n',
    'GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n',
  ],
  [
    'blanks and bare LF are put right',
    '\r\nGET  \t/ \tHTTP/1.1\nHost: a\nX: 1\n\n',
    'GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n',
  ],
  [
    'folded lines are joined by spaces',
    'GET / HTTP/1.1\r\nX:\r\n a\r\n\tb \r\n c\r\nY: \r\n\r\n',
    'GET / HTTP/1.1\r\nx: a  \tb    c\r\ny: \r\n\r\n',
  ],
  [
    'blanks around a value go',
    'GET / HTTP/1.1\r\nX:\ta\tb\t \r\nY:z\r\nZ:   1\r\n\r\n',
    'GET / HTTP/1.1\r\nx: a\tb\r\ny: z\r\nz: 1\r\n\r\n',
  ],
  [
    'close and keep-alive are consumed, other options stay',
    'GET / HTTP/1.1\r\nConnection: foo, keep-alive, bar ,close\r\nX: 1\r\nConnection: "a,b", keep-alive\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: foo,bar\r\nx: 1\r\nconnection: "a,b"\r\n\r\n',
  ],
  [
    'text before the first removal stays as it was',
    'GET / HTTP/1.1\r\nConnection: a ,b,,c,Keep-ALIVE , d\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: a ,b,,c,d\r\n\r\n',
  ],
  [
    'an empty Connection line goes',
    'GET / HTTP/1.1\r\nConnection: \r\nX: 1\r\nConnection: ,\r\n\r\n',
    'GET / HTTP/1.1\r\nx: 1\r\n\r\n',
  ],
  [
    'Keep-Alive and Proxy-Connection pass',
    'GET / HTTP/1.1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\r\n',
    'GET / HTTP/1.1\r\nkeep-alive: 5\r\nproxy-connection: x\r\n\r\n',
  ],
  [
    'of TE only trailers passes',
    'GET / HTTP/1.1\r\nTE: gzip, trailers\r\nTe: trailers;q=1\r\nte: trailers, deflate\r\nTE: TRAILERS\r\n\r\n',
    'GET / HTTP/1.1\r\nte: trailers\r\nte: trailers\r\n\r\n',
  ],
  [
    'a WebSocket handshake',
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n${KEY}\r\n`,
    `GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${KEY}\r\n`,
  ],
  [
    'h2c is declined in silence',
    'GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: abc\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: HTTP2-Settings\r\nhttp2-settings: abc\r\n\r\n',
  ],
  [
    'h2c leaves the other protocols',
    'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: foo, h2c, bar\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: foo,bar\r\n\r\n',
  ],
  [
    'Upgrade without its option goes',
    'GET / HTTP/1.1\r\nUpgrade: foo\r\nX: 1\r\n\r\n',
    'GET / HTTP/1.1\r\nx: 1\r\n\r\n',
  ],
  [
    'the option without its line goes',
    'GET / HTTP/1.1\r\nConnection: a, upgrade, b\r\nX: 1\r\n\r\n',
    'GET / HTTP/1.1\r\nconnection: a,b\r\nx: 1\r\n\r\n',
  ],
  [
    'lengths collapse',
    'POST / HTTP/1.1\r\nContent-Length: 0003 , 3\r\nX: 1\r\nContent-length: 3\r\n\r\n',
    'POST / HTTP/1.1\r\ncontent-length: 3\r\nx: 1\r\n\r\n',
  ],
  [
    'chunked overrules a length',
    'POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked\r\nX: 1\r\n\r\n',
    'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nx: 1\r\n\r\n',
  ],
  [
    'equal hosts merge',
    'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nHost: A\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n',
  ],
  [
    'an absolute target stays',
    'GET http://u:p@A.com:80/x?y HTTP/1.1\r\nX: 1\r\n\r\n',
    'GET http://u:p@A.com/x?y HTTP/1.1\r\nx: 1\r\n\r\n',
  ],
  [
    'a default port goes, a path comes, Host follows',
    'GET http://u:p@A.com:80 HTTP/1.1\r\nX: 1\r\nHost: a.COM\r\nY: 2\r\n\r\n',
    'GET http://u:p@A.com/ HTTP/1.1\r\nx: 1\r\nhost: A.com\r\ny: 2\r\n\r\n',
  ],
  [
    'the port of https too',
    'GET HTTPS://a.com:443/p HTTP/1.1\r\nHost: a.COM:443\r\n\r\n',
    'GET HTTPS://a.com/p HTTP/1.1\r\nhost: a.com\r\n\r\n',
  ],
  [
    'an empty port too',
    'GET http://a.com:/x HTTP/1.1\r\nHost: A.COM\r\n\r\n',
    'GET http://a.com/x HTTP/1.1\r\nhost: a.com\r\n\r\n',
  ],
  [
    'a missing path',
    'GET http://a.com HTTP/1.1\r\nHost: A.COM\r\n\r\n',
    'GET http://a.com/ HTTP/1.1\r\nhost: a.com\r\n\r\n',
  ],
  ['a missing path before several blanks', 'GET http://a.com   HTTP/1.1\r\n\r\n', 'GET http://a.com/ HTTP/1.1\r\n\r\n'],
  [
    'OPTIONS needs no path',
    'OPTIONS http://a.com HTTP/1.1\r\nHost: A.COM\r\n\r\n',
    'OPTIONS http://a.com HTTP/1.1\r\nhost: A.COM\r\n\r\n',
  ],
  [
    'nor a port',
    'OPTIONS http://a.com:80 HTTP/1.1\r\nHost: A.COM\r\n\r\n',
    'OPTIONS http://a.com HTTP/1.1\r\nhost: a.com\r\n\r\n',
  ],
  [
    'Host may say a port that the target leaves out',
    'GET http://a.com/ HTTP/1.1\r\nHost: a.com:80\r\n\r\n',
    'GET http://a.com/ HTTP/1.1\r\nhost: a.com:80\r\n\r\n',
  ],
  [
    'CONNECT drops a default port of Host',
    'CONNECT a.com:80 HTTP/1.1\r\nHost: a.com:80\r\n\r\n',
    'CONNECT a.com:80 HTTP/1.1\r\nhost: a.com\r\n\r\n',
  ],
  [
    'and keeps other ports',
    'CONNECT [::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n',
    'CONNECT [::1]:8080 HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n',
  ],
  [
    'CONNECT speaks of no body',
    'CONNECT a.com:8080 HTTP/1.1\r\nContent-Length: 0\r\nX: y\r\n\r\n',
    'CONNECT a.com:8080 HTTP/1.1\r\nx: y\r\n\r\n',
  ],
];

for (const [name, received, sent] of REQUESTS) {
  test(`request forwarded as by the reference: ${name}`, () => assert.equal(forwardRequest(received), sent));
}

/** Lists with empty elements: what is received after the colon, and what is sent as Connection and as Upgrade. */
const EMPTY_ELEMENTS: readonly (readonly [string, string, string])[] = [
  [',,,, keep-alive', ',,', ',,,, keep-alive'],
  [',,,', ',', ','],
  ['a,,,', 'a,', 'a,'],
  [',a,,, close', ',a,', ',a,,, close'],
  ['a,,b,,', 'a,,b', 'a,,b'],
  [',,,, x,,', ',,,, x', ',,,, x'],
];

test('empty list elements are forwarded, and lost at the end, as by the reference', () => {
  for (const [received, connection, upgrade] of EMPTY_ELEMENTS) {
    const plain = `GET / HTTP/1.1\r\nConnection:${received}\r\nX: 1\r\n\r\n`;
    assert.equal(forwardRequest(plain), `GET / HTTP/1.1\r\nconnection: ${connection}\r\nx: 1\r\n\r\n`);
    const upgrading = `GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade:${received}\r\nX: 1\r\n\r\n`;
    const sent = `GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: ${upgrade}\r\nx: 1\r\n\r\n`;
    assert.equal(forwardRequest(upgrading), sent);
  }
});

/** What a server sends, what the client in front of the reference receives, our Connection line and the method. */
const RESPONSES: readonly (readonly [string, string, string, number?, number?])[] = [
  [
    'plain',
    'HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 2\r\n\r\n',
  ],
  [
    '1.0 stays 1.0 and is kept',
    'HTTP/1.0 200 OK\r\nX: 1\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.0 200 OK\r\nx: 1\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n',
    CONNECTION_KEEP_ALIVE,
  ],
  ['2.0 becomes 1.1', 'HTTP/2.0 200 x\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n'],
  [
    'a reason is found',
    'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n',
  ],
  ['by its class', 'HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 299 Success\r\ncontent-length: 0\r\n\r\n'],
  [
    'the reason keeps its end',
    'HTTP/1.1   200 \t  Very \x80 Well  \r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 Very \x80 Well  \r\ncontent-length: 0\r\n\r\n',
  ],
  ['two digits', 'HTTP/1.1 99 x\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 99 x\r\ncontent-length: 0\r\n\r\n'],
  [
    'close comes last',
    'HTTP/1.1 200 OK\r\nX: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: 1\r\nconnection: close\r\n\r\n',
    CONNECTION_CLOSE,
  ],
  [
    'chunked overrules a length',
    'HTTP/1.1 200 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
  ['204 speaks of no body', 'HTTP/1.1 204 x\r\nContent-Length: 2\r\nX: 1\r\n\r\n', 'HTTP/1.1 204 x\r\nx: 1\r\n\r\n'],
  [
    '204 not even chunked',
    'HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n',
    'HTTP/1.1 204 x\r\nx: 1\r\n\r\n',
  ],
  [
    '304 says what 200 would',
    'HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 304 x\r\ncontent-length: 2\r\n\r\n',
  ],
  [
    'so does the answer to HEAD',
    'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n',
    'HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\nx: 1\r\n\r\n',
    CONNECTION_NONE,
    METHOD_HEAD,
  ],
  [
    'CONNECT accepted speaks of no body',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
    CONNECTION_NONE,
    METHOD_CONNECT,
  ],
  [
    'an interim response',
    'HTTP/1.1 103 x\r\nContent-Length: 0\r\nUpgrade: zz\r\nConnection: close\r\n\r\n',
    'HTTP/1.1 103 x\r\nupgrade: zz\r\n\r\n',
  ],
  ['an interim response of 1.0', 'HTTP/1.0 100 \r\n\r\n', 'HTTP/1.0 100 Continue\r\n\r\n'],
  [
    'an upgrade option silences our line',
    'HTTP/1.1 200 x\r\nConnection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-length: 0\r\n\r\n',
    'HTTP/1.1 200 x\r\nconnection: Upgrade\r\ncontent-length: 0\r\n\r\n',
    CONNECTION_CLOSE,
  ],
  [
    'Upgrade alone does not',
    'HTTP/1.1 200 x\r\nUpgrade: foo\r\nContent-length: 0\r\n\r\n',
    'HTTP/1.1 200 x\r\nupgrade: foo\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
    CONNECTION_CLOSE,
  ],
  [
    'a WebSocket accepted',
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${ACCEPT}\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n${ACCEPT}\r\n`,
  ],
  [
    'Host is any other header here, TE goes',
    'HTTP/1.1 200 OK\r\nTE: foo\r\nHost: a,b\r\nhost: b\r\nset_cookie: 1\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nhost: a,b\r\nhost: b\r\nset_cookie: 1\r\ncontent-length: 0\r\n\r\n',
  ],
];

for (const [name, received, sent, connection, method] of RESPONSES) {
  test(`response forwarded as by the reference: ${name}`, () => {
    assert.equal(forwardResponse(received, connection, method), sent);
  });
}

/** Parses, lets `edit` change the head (text it adds stands at `free`), and writes. */
function edited(
  text: string,
  edit: (head: Head, bytes: Uint8Array, free: number) => void,
  connection = CONNECTION_NONE,
): string {
  const { verdict, head, bytes } = parseText(text);
  assert.equal(verdict, HEAD_OK);
  const free = bytes.length - 39_000;
  edit(head, bytes, free);
  const end = writeRequestHead(head, bytes, free + 1000, bytes.length, false, connection);
  return textAt(bytes, free + 1000, end - free - 1000);
}

/** Adds a line whose name and value stand at `free`. */
function addLine(head: Head, bytes: Uint8Array, free: number, id: number, name: string, value: string): number {
  bytes.set(Buffer.from(name + value), free);
  return head.addHeader(id, free, name.length, free + name.length, value.length);
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n';

test('added lines come after the received ones and before our Connection line', () => {
  const sent = edited(
    GET,
    (head, bytes, free) => addLine(head, bytes, free, HEADER_X_FORWARDED_FOR, 'x-forwarded-for', '192.0.2.1'),
    CONNECTION_CLOSE,
  );
  assert.equal(
    sent,
    'GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\ny: 2\r\nx-forwarded-for: 192.0.2.1\r\nconnection: close\r\n\r\n',
  );
});

test('removed lines are left out wherever they stood', () => {
  assert.equal(
    edited(GET, (head) => head.removeHeader(0)),
    'GET / HTTP/1.1\r\nx: 1\r\ny: 2\r\n\r\n',
  );
  assert.equal(
    edited(GET, (head) => head.removeHeader(1)),
    'GET / HTTP/1.1\r\nhost: a\r\ny: 2\r\n\r\n',
  );
  assert.equal(
    edited(GET, (head) => head.removeHeader(2)),
    'GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n',
  );
});

test('a value or target replaced by text elsewhere is written from there', () => {
  const sent = edited(GET, (head, bytes, free) => {
    bytes.set(Buffer.from('/newvalue'), free);
    head.uriOffset = free;
    head.uriLength = 4;
    head.valueOffset[1] = free + 4;
    head.valueLength[1] = 5;
  });
  assert.equal(sent, 'GET /new HTTP/1.1\r\nhost: a\r\nx: value\r\ny: 2\r\n\r\n');
});

test('a value cut short in place is written short', () => {
  const sent = edited('GET / HTTP/1.1\r\nX: abc\r\n\r\n', (head) => {
    head.valueLength[0] = 1;
  });
  assert.equal(sent, 'GET / HTTP/1.1\r\nx: a\r\n\r\n');
});

test('a line may stand at the very end of the arena', () => {
  const sent = edited('GET / HTTP/1.1\r\n\r\n', (head, bytes) => {
    const text = 'x: last';
    bytes.set(Buffer.from(text), bytes.length - text.length);
    head.addHeader(HEADER_OTHER, bytes.length - text.length, 1, bytes.length - 4, 4);
  });
  assert.equal(sent, 'GET / HTTP/1.1\r\nx: last\r\n\r\n');
});

test('a status that was changed is written, with the reason that stands in the head', () => {
  const { head, bytes } = parseText('HTTP/1.1 200 OK\r\nX: 1\r\n\r\n', asResponse());
  head.status = 503;
  const out = bytes.length - 30_000;
  const end = writeResponseHead(head, bytes, out, bytes.length, CONNECTION_NONE);
  assert.equal(textAt(bytes, out, end - out), 'HTTP/1.1 503 OK\r\nx: 1\r\n\r\n');
});

test('a Connection line that a rule adds loses close and keep-alive as a received one does', () => {
  const add = (value: string, connection = CONNECTION_NONE): string =>
    edited(
      'GET / HTTP/1.1\r\n\r\n',
      (head, bytes, free) => addLine(head, bytes, free, HEADER_CONNECTION, 'connection', value),
      connection,
    );
  assert.equal(add('close'), 'GET / HTTP/1.1\r\n\r\n');
  assert.equal(add('a, close, b'), 'GET / HTTP/1.1\r\nconnection: a,b\r\n\r\n');
  assert.equal(
    add('keep-alive, b , c', CONNECTION_CLOSE),
    'GET / HTTP/1.1\r\nconnection: b,c\r\nconnection: close\r\n\r\n',
  );
  assert.equal(add('upgrade', CONNECTION_CLOSE), 'GET / HTTP/1.1\r\nconnection: upgrade\r\n\r\n');
});

test('a head of many lines refuses one more than its columns hold', () => {
  const head = new Head(2);
  assert.equal(head.addHeader(HEADER_OTHER, 0, 1, 1, 1), 0);
  assert.equal(head.addHeader(HEADER_OTHER, 0, 1, 1, 1), 1);
  assert.equal(head.addHeader(HEADER_OTHER, 0, 1, 1, 1), -1);
  assert.equal(head.headerCount, 2);
});

// Goal: never a byte too far. Method: every room from nothing to enough, with guard bytes behind it.
test('what does not fit is not written past the end', () => {
  const texts = [
    'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n',
    'GET  / HTTP/1.2\r\nHost:a\r\nTE: trailers\r\nConnection: a, close, b\r\n\r\n',
    'OPTIONS http://a:80 HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  ];
  for (const text of texts) {
    const { head, bytes } = parseText(text, asRequest);
    const out = bytes.length - 30_000;
    for (const connection of [CONNECTION_NONE, CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE]) {
      const size = writeRequestHead(head, bytes, out, bytes.length, false, connection) - out;
      const sent = textAt(bytes, out, size);
      for (let room = 0; room <= size; room++) {
        bytes.fill(0xaa, out);
        const end = writeRequestHead(head, bytes, out, out + room, false, connection);
        assert.equal(end, room < size ? WRITE_FULL : out + size);
        assert.equal(bytes[out + room], 0xaa, `room ${room} of ${size}`);
      }
      assert.equal(textAt(bytes, out, size), sent);
    }
  }
  const { head, bytes } = parseText('HTTP/1.1 404\r\nX:1\r\n\r\n', asResponse());
  const out = bytes.length - 30_000;
  const size = writeResponseHead(head, bytes, out, bytes.length, CONNECTION_CLOSE) - out;
  for (let room = 0; room < size; room++) {
    bytes.fill(0xaa, out);
    assert.equal(writeResponseHead(head, bytes, out, out + room, CONNECTION_CLOSE), WRITE_FULL);
    assert.equal(bytes[out + room], 0xaa, `room ${room} of ${size}`);
  }
});
