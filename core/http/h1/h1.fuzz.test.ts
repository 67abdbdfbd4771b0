// Goal: no bytes make the parsers crash, hang, read or write outside their input, or depend on how TCP cuts it; what
// is forwarded is understood the same by the next parser. Method: good messages spoiled at random from a seed, and
// messages built by fast-check.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { Head, METHOD_CONNECT, METHOD_GET, METHOD_HEAD } from '../message.ts';
import { CHUNKS_BAD, CHUNKS_DONE, CHUNKS_MORE, ChunkDecoder } from './chunked.ts';
import {
  asRequest,
  asResponse,
  checkGuards,
  forwardRequest,
  forwardResponse,
  LIMITS,
  type Parse,
  parseInPieces,
  START,
  sampleOf,
  textAt,
} from './fixture.ts';
import { HEAD_OK, HEAD_PARTIAL } from './verdict.ts';

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x/1.0\r\nAccept: */*\r\n\r\n',
  'POST http://user@example.com:80/a?b=c HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5, 5\r\nExpect: 100-continue\r\n\r\nhello',
  'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nProxy-Connection: x\r\n\r\n',
  'PUT /x HTTP/1.0\r\nConnection: keep-alive, foo\r\nTransfer-Encoding: gzip, chunked\r\nX-A: 1\r\n  2\r\n\t3\r\n\r\n0\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: [::1]:80\r\nConnection: "q,\\"r", Upgrade\r\nUpgrade: h2c, websocket\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nTE: trailers\r\n\r\n',
  '\r\n\nOPTIONS * HTTP/1.1\nHost:a\nHost: A\nContent_Length: 1\n\n',
];
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 612\r\nConnection: keep-alive\r\n\r\n',
  'HTTP/1.0 302 Moved  \r\nLocation: /\r\nSet-Cookie: a=b;\r\n c\r\nContent-Length: 0\r\nContent-Length: 00\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
  'HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: close, x\r\nTE: trailers\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
];
const BODIES = [
  '5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\nGET',
  '1\r\na\r\n000a ;q="a\\"b;"\r\n0123456789\r\n0\r\nX: 1\r\n 2\r\nContent-Length: 3\r\n\r\n',
  '3\r\nabc\r\n0;last\r\nA:b\n\n',
];
const SPICES = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  ',',
  '"',
  '\\',
  '\0',
  '\x7f',
  '\xff',
  '0',
  'chunked',
  'close',
  'Host: b\r\n',
  '\r\n ',
];

/** One of the samples with a few places changed, so that most of it still makes sense. */
function spoil(prng: Prng, samples: readonly string[]): string {
  let text = prng.pick(samples);
  for (let change = prng.below(5); change > 0; change--) {
    const at = prng.below(text.length + 1);
    const span = prng.below(4);
    const kind = prng.below(6);
    if (kind === 0) text = text.slice(0, at) + String.fromCharCode(prng.below(256)) + text.slice(at + 1);
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + span);
    else if (kind === 2) text = text.slice(0, at) + prng.pick(SPICES) + text.slice(at + prng.below(2));
    else if (kind === 3) text = text.slice(0, at) + text.slice(at, at + prng.below(30)) + text.slice(at);
    else if (kind === 4) text = text.slice(0, at) + prng.pick(samples).slice(prng.below(40));
    else text = text.slice(0, at) + prng.pick(SPICES).repeat(1 + span) + text.slice(at);
  }
  return text;
}

function cutsOf(prng: Prng, length: number): number[] {
  const cuts: number[] = [];
  for (let count = prng.below(6); count > 0; count--) cuts.push(prng.below(length + 1));
  return cuts.sort((a, b) => a - b);
}

/** The same outcome for any cut and for any bytes around the text; what cuts see earlier may only be the same error. */
function checkHead(prng: Prng, text: string, parse: Parse): void {
  const whole = parseInPieces(text, [], parse);
  assert.deepEqual(parseInPieces(text, [], parse, prng.pick([10, 13, 32, 58, 65, 97])), whole, JSON.stringify(text));
  const cuts = cutsOf(prng, text.length);
  let cut = parseInPieces(text, cuts, parse);
  // A wrong byte in a line that came in pieces is told when the line ends, so end it.
  if (whole.verdict > HEAD_PARTIAL && cut.verdict === HEAD_PARTIAL) {
    cut = parseInPieces(`${text}\r\n\r\n`, [...cuts, text.length], parse);
  }
  assert.deepEqual(cut, whole, `${JSON.stringify(text)} cut at ${cuts}`);
  if (whole.head === null) return;
  const end = Number(whole.head['endOffset']);
  assert.ok(end > START && end <= START + text.length, 'the head ends inside its bytes');
}

fuzz('h1 request head', (prng) => {
  const text = spoil(prng, REQUESTS);
  checkHead(prng, text, asRequest);
  checkForwarded(text, forwardRequest);
});

fuzz('h1 response head', (prng) => {
  const method = prng.pick([METHOD_GET, METHOD_HEAD, METHOD_CONNECT]);
  const text = spoil(prng, RESPONSES);
  checkHead(prng, text, asResponse(method));
  checkForwarded(text, (message) => forwardResponse(message, undefined, method));
});

/** Connection and Upgrade without empty elements at their ends: the reference drops some at every hop, so we do. */
function withoutEmptyEnds(head: string): string {
  const shortened = head.replace(/(\r\n(?:connection|upgrade): [^\r]*?)[ \t,]+(?=\r\n)/g, '$1');
  return shortened.replace(/\r\n(?:connection|upgrade): ?(?=\r\n)/g, '');
}

/** Without the default ports at an authority's end: of `a::80` the reference drops one at every hop, so we do. */
function withoutDefaultPorts(head: string): string {
  return head
    .replace(/^(\S+ [a-zA-Z]+:\/\/[^/ ?]*?)(?::(?:80|443)?)+(?=[/ ?])/, '$1')
    .replace(/(\r\nhost: [^\r]*?)(?::(?:80|443)?)+(?=\r\n)/, '$1');
}

/** Without an upgrade that no Upgrade line explains any more: the reference takes the one out a hop after the other. */
function withoutLoneUpgrade(head: string): string {
  if (/\r\nupgrade: /.test(head)) return head;
  return head
    .replace(/(\r\nconnection: [^\r]*)/g, (line) => line.replace(/[ \t]*,?[ \t]*\bupgrade\b[ \t]*(?=,|$)/gi, ''))
    .replace(/(\r\nconnection:)[ \t,]*/g, '$1 ')
    .replace(/\r\nconnection: ?(?=\r\n)/g, '');
}

const settled = (head: string): string => withoutDefaultPorts(withoutLoneUpgrade(withoutEmptyEnds(head)));

/** A head that passes is forwarded as something that passes again, and changes no more. */
function checkForwarded(text: string, forward: (text: string) => string | number): void {
  const parse = forward === forwardRequest ? asRequest : asResponse();
  if (parseInPieces(text, [], parse).verdict === HEAD_PARTIAL) return;
  const once = forward(text);
  if (typeof once === 'number') return;
  const twice = forward(once);
  assert.equal(settled(String(twice)), settled(once), JSON.stringify(text));
  const lines = once.slice(once.indexOf('\r\n'));
  assert.doesNotMatch(once, /[^\r]\n|\r[^\n]/, 'no line break but CRLF leaves');
  assert.doesNotMatch(lines, /\0/, 'no NUL leaves but in a reason phrase, which may hold anything');
  assert.doesNotMatch(lines, /\r\n[^:\r]*[A-Z][^:\r]*:/, 'names leave in lower case');
}

/** The payload of a body, decoded in pieces; guards are checked around every piece. */
function decodeInPieces(
  text: string,
  cuts: readonly number[],
  guard: number,
): { verdict: number; payload: string; used: number } {
  const decoder = new ChunkDecoder();
  const trailers = new Head(128);
  let payload = '';
  let from = 0;
  let verdict = CHUNKS_MORE;
  for (const cut of [...cuts, text.length]) {
    const sample = sampleOf(text.slice(from, cut), guard);
    verdict = decoder.decode(sample.bytes, START, sample.end, trailers, LIMITS);
    checkGuards(sample);
    assert.ok(decoder.consumedOffset >= START && decoder.consumedOffset <= sample.end, 'it stops inside its bytes');
    payload += textAt(sample.bytes, decoder.dataOffset, decoder.dataLength);
    from += decoder.consumedOffset - START;
    if (verdict !== CHUNKS_MORE) break;
  }
  return verdict === CHUNKS_BAD ? { verdict, payload: '', used: 0 } : { verdict, payload, used: from };
}

fuzz('h1 chunked body', (prng) => {
  const text = spoil(prng, BODIES);
  const whole = decodeInPieces(text, [], 0xaa);
  assert.deepEqual(decodeInPieces(text, [], prng.pick([10, 13, 48, 59])), whole, JSON.stringify(text));
  const cuts = cutsOf(prng, text.length);
  assert.deepEqual(decodeInPieces(text, cuts, 0xaa), whole, `${JSON.stringify(text)} cut at ${cuts}`);
});

const tokens = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const values = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,40}[\x21-\x7e])?$/);
const fields = fc.array(fc.tuple(tokens, values), { maxLength: 20 });
const FRAMING = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te']);

test('any request of valid lines passes with names in lower case and values untouched', () => {
  fc.assert(
    fc.property(fields, (lines) => {
      const plain = lines.filter(([name]) => !FRAMING.has(name.toLowerCase()));
      const received = plain.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const sent = plain.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`).join('');
      assert.equal(forwardRequest(`GET /x HTTP/1.1\r\n${received}\r\n`), `GET /x HTTP/1.1\r\n${sent}\r\n`);
      assert.equal(forwardResponse(`HTTP/1.1 200 OK\r\n${received}\r\n`), `HTTP/1.1 200 OK\r\n${sent}\r\n`);
    }),
  );
});

test('any payload survives any chunking and any cut', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 8 });
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(600), { maxLength: 6 }), (parts, places) => {
      const pieces = parts.map((part) => Buffer.from(part).toString('latin1'));
      const text = `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;
      const cuts = places.map((place) => Math.min(place, text.length)).sort((a, b) => a - b);
      assert.deepEqual(decodeInPieces(text, cuts, 0xaa), {
        verdict: CHUNKS_DONE,
        payload: pieces.join(''),
        used: text.length,
      });
    }),
  );
});

test('the fuzzers reach every part: spoiled samples still pass often enough, and fail often enough', async () => {
  const { Prng: Random } = await import('../../base/prng.ts');
  const prng = new Random(1);
  let passed = 0;
  let failed = 0;
  for (let index = 0; index < 1000; index++) {
    const { verdict } = parseInPieces(spoil(prng, REQUESTS), [], asRequest);
    if (verdict === HEAD_OK) passed++;
    else if (verdict !== HEAD_PARTIAL) failed++;
  }
  assert.ok(passed > 150 && failed > 150, `${passed} passed, ${failed} failed of 1000`);
});
