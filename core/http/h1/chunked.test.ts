// Goal: chunked bodies are read as HAProxy 3.4 reads them, wherever TCP cuts them, and never past the buffer.
// Method: bodies accepted and refused by the real program; then every cut, compared with the uncut body.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Head } from '../message.ts';
import {
  CHUNK_DONE,
  CHUNK_HEADER_BYTES_MAX,
  CHUNK_TRAILERS,
  CHUNKS_BAD,
  CHUNKS_DONE,
  CHUNKS_MORE,
  ChunkDecoder,
  writeChunkHeader,
  writeLastChunk,
} from './chunked.ts';
import { checkGuards, LIMITS, START, sampleOf, textAt } from './fixture.ts';

interface Decoded {
  readonly verdict: number;
  readonly payload: string;
  readonly rest: string;
  readonly trailers: string;
}

function trailerText(bytes: Uint8Array, trailers: Head): string {
  const out = bytes.length - 20_000;
  const end = writeLastChunk(bytes, out, bytes.length, trailers);
  return textAt(bytes, out + 3, end - out - 5);
}

/** Decodes a body that arrives in pieces cut at these distances; bytes left unread begin the next piece. */
function decode(text: string, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkDecoder();
  const trailers = new Head(128);
  let payload = '';
  let unread = '';
  let from = 0;
  for (const cut of [...cuts, text.length]) {
    const sample = sampleOf(unread + text.slice(from, cut));
    from = cut;
    const verdict = decoder.decode(sample.bytes, START, sample.end, trailers, LIMITS);
    checkGuards(sample);
    payload += textAt(sample.bytes, decoder.dataOffset, decoder.dataLength);
    if (decoder.dataLength > 0) {
      assert.ok(decoder.dataOffset >= START && decoder.dataOffset + decoder.dataLength <= decoder.consumedOffset);
    }
    assert.ok(decoder.consumedOffset <= sample.end);
    unread = textAt(sample.bytes, decoder.consumedOffset, sample.end - decoder.consumedOffset);
    if (verdict === CHUNKS_BAD) return { verdict, payload: '', rest: '', trailers: '' };
    if (verdict === CHUNKS_DONE) {
      assert.equal(decoder.state, CHUNK_DONE);
      return { verdict, payload, rest: unread + text.slice(cut), trailers: trailerText(sample.bytes, trailers) };
    }
    assert.equal(unread === '' || decoder.state === CHUNK_TRAILERS, true, 'only trailers stay unread');
  }
  return { verdict: CHUNKS_MORE, payload, rest: unread, trailers: '' };
}

const done = (payload: string, trailers = '', rest = ''): Decoded => ({
  verdict: CHUNKS_DONE,
  payload,
  rest,
  trailers,
});

const ACCEPTED: readonly (readonly [string, Decoded])[] = [
  ['0\r\n\r\n', done('')],
  ['3\r\nabc\r\n0\r\n\r\n', done('abc')],
  ['3\r\nabc\r\n4\r\ndefg\r\n1\r\nh\r\n0\r\n\r\nGET', done('abcdefgh', '', 'GET')],
  ['a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', done('01234567890123456789')],
  ['000000000000000000000003\r\nabc\r\n000\r\n\r\n', done('abc')],
  ['3 \t\r\nabc\r\n0\r\n\r\n', done('abc')],
  ['3 ;x\r\nabc\r\n0;y=z\r\n\r\n', done('abc')],
  ['3;a="b;\\"c\\\\"\r\nabc\r\n0\r\n\r\n', done('abc')],
  ['3;a\tb\xff\r\nabc\r\n0\r\n\r\n', done('abc')],
  ['3\r\nabc\r\n0\r\nX-T:  1 \r\nFold: a\r\n b\r\n\r\nrest', done('abc', 'x-t: 1\r\nfold: a   b\r\n', 'rest')],
  ['0\r\nx: 1\n\n', done('', 'x: 1\r\n')],
  [
    '0\r\nConnection: close, Foo\r\nUpgrade: h2c, foo\r\nTE: x\r\nContent-Length: 007, 7\r\nHost: zz\r\n\r\n',
    done('', 'connection: close, Foo\r\nupgrade: foo\r\nte: x\r\ncontent-length: 7\r\nhost: zz\r\n'),
  ],
];

test('chunked bodies are read as by the reference', () => {
  for (const [text, expected] of ACCEPTED) assert.deepEqual(decode(text), expected, JSON.stringify(text));
});

const REFUSED: readonly string[] = [
  '\r\nabc',
  ' 3\r\nabc\r\n',
  '-3\r\nabc\r\n',
  '0x3\r\nabc\r\n',
  'g\r\n',
  '3\nabc\r\n',
  '3\r\rabc',
  '3 x\r\nabc\r\n',
  '3\r\nabcd\r\n',
  '3\r\nabc\n0\r\n\r\n',
  '3\r\nabc\rX',
  '3;a="b\r\nabc\r\n0\r\n\r\n',
  '3;a=\\b\r\nabc\r\n0\r\n\r\n',
  '3;a="b\\\r\nabc\r\n',
  '3;a\x01\r\nabc\r\n',
  '3;a\nabc\r\n',
  '10000000000000\r\n',
  'ffffffffffffff\r\n',
  '0\r\nx 1\r\n\r\n',
  '0\r\nTransfer-Encoding: x\r\n\r\n',
  '0\r\nTransfer-Encoding: gzip, chunked, x\r\n\r\n',
  '0\r\nHost: a,b\r\n\r\n',
  '0\r\nContent-Length: 1, 2\r\n\r\n',
];

test('broken chunks and trailers are refused', () => {
  for (const text of REFUSED) assert.equal(decode(text).verdict, CHUNKS_BAD, JSON.stringify(text));
});

test('sizes count up to 52 bits', () => {
  const { bytes, end } = sampleOf('fffffffffffff\r\nabc');
  const decoder = new ChunkDecoder();
  assert.equal(decoder.decode(bytes, START, end, new Head(128), LIMITS), CHUNKS_MORE);
  assert.equal(decoder.dataLength, 3);
  assert.equal(decoder.remaining, 2 ** 52 - 1 - 3);
});

test('a body means the same however TCP cuts it', () => {
  for (const text of [...ACCEPTED.map(([body]) => body), ...REFUSED]) {
    const whole = decode(text);
    for (let first = 0; first <= text.length; first++) {
      for (let second = first; second <= text.length; second += 3) {
        assert.deepEqual(decode(text, [first, second]), whole, `${JSON.stringify(text)} cut at ${first} and ${second}`);
      }
    }
    const bytewise = Array.from({ length: text.length }, (_, index) => index);
    assert.deepEqual(decode(text, bytewise), whole, JSON.stringify(text));
  }
});

test('the payload of one buffer stands in one piece where its first byte was', () => {
  const sample = sampleOf('3\r\nabc\r\n3\r\ndef\r\n8\r\ngh');
  const decoder = new ChunkDecoder();
  assert.equal(decoder.decode(sample.bytes, START, sample.end, new Head(128), LIMITS), CHUNKS_MORE);
  assert.equal(decoder.dataOffset, START + 3);
  assert.equal(textAt(sample.bytes, decoder.dataOffset, decoder.dataLength), 'abcdefgh');
  assert.equal(decoder.consumedOffset, sample.end);
  assert.equal(decoder.remaining, 6);
});

test('another decoder goes on from the numbers of the first', () => {
  const text = '5;x="y"\r\nabcde\r\n0\r\n\r\n';
  for (let cut = 0; cut < text.length - 4; cut++) {
    const first = new ChunkDecoder();
    const head = sampleOf(text.slice(0, cut));
    first.decode(head.bytes, START, head.end, new Head(128), LIMITS);
    const second = Object.assign(new ChunkDecoder(), JSON.parse(JSON.stringify(first)));
    const tail = sampleOf(text.slice(cut));
    assert.equal(second.decode(tail.bytes, START, tail.end, new Head(128), LIMITS), CHUNKS_DONE, `cut at ${cut}`);
    const payload = textAt(head.bytes, first.dataOffset, first.dataLength);
    assert.equal(payload + textAt(tail.bytes, second.dataOffset, second.dataLength), 'abcde');
  }
});

test('endless size lines and trailers are refused', () => {
  assert.equal(decode(`3;${'x'.repeat(20_000)}`).verdict, CHUNKS_BAD);
  assert.equal(decode(`0\r\nx: ${'y'.repeat(20_000)}`).verdict, CHUNKS_BAD);
  assert.equal(decode(`0\r\nx: ${'y'.repeat(10_000)}`).verdict, CHUNKS_MORE);
  const lines = Array.from({ length: 101 }, (_, index) => `x${index}: 1\r\n`).join('');
  assert.equal(decode(`0\r\n${lines}\r\n`).verdict, CHUNKS_BAD);
});

test('a decoder is ready for the next message after reset', () => {
  const decoder = new ChunkDecoder();
  const broken = sampleOf('3;"x');
  assert.equal(decoder.decode(broken.bytes, START, broken.end, new Head(128), LIMITS), CHUNKS_MORE);
  decoder.reset();
  assert.deepEqual({ ...decoder }, { ...new ChunkDecoder() });
});

test('a chunk header ends where the payload begins', () => {
  const bytes = new Uint8Array(64).fill(0xaa);
  for (const [size, text] of [
    [1, '1\r\n'],
    [10, 'A\r\n'],
    [255, 'FF\r\n'],
    [4096, '1000\r\n'],
    [2 ** 31, '80000000\r\n'],
    [2 ** 52 - 1, 'FFFFFFFFFFFFF\r\n'],
  ] as const) {
    bytes.fill(0xaa);
    const start = writeChunkHeader(bytes, 40, size);
    assert.equal(textAt(bytes, start, 40 - start), text);
    assert.ok(40 - start <= CHUNK_HEADER_BYTES_MAX);
    assert.equal(bytes[40], 0xaa);
    assert.equal(bytes[start - 1], 0xaa);
  }
});

test('the last chunk is written with its trailers or not at all', () => {
  const sample = sampleOf('0\r\nA: 1\r\nB:\r\n\r\n');
  const trailers = new Head(128);
  new ChunkDecoder().decode(sample.bytes, START, sample.end, trailers, LIMITS);
  const out = sample.end + 100;
  for (const [head, expected] of [
    [trailers, '0\r\na: 1\r\nb: \r\n\r\n'],
    [null, '0\r\n\r\n'],
  ] as const) {
    for (let room = 0; room <= expected.length; room++) {
      sample.bytes.fill(0xaa, out);
      const end = writeLastChunk(sample.bytes, out, out + room, head);
      assert.equal(end, room < expected.length ? -1 : out + expected.length);
      assert.equal(sample.bytes[out + room], 0xaa, `room ${room}`);
    }
    assert.equal(textAt(sample.bytes, out, expected.length), expected);
  }
  trailers.removeHeader(0);
  const end = writeLastChunk(sample.bytes, out, out + 100, trailers);
  assert.equal(textAt(sample.bytes, out, end - out), '0\r\nb: \r\n\r\n');
});
