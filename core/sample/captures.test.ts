import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequestHead, parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { Head, METHOD_GET } from '../http/message.ts';
import type { CaptureSlot } from '../model/rules.ts';
import { CapturePool, type Captures, CookieCapturer } from './captures.ts';
import type { TextCell } from './subject.ts';

const LIMITS = headLimits(16_384, 1024, 101);

interface Parsed {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

function parsed(text: string): Parsed {
  const head = new Head(128);
  const bytes = new Uint8Array(text.length + 64);
  bytes.set(bytesOf(text), 16);
  const end = 16 + text.length;
  const verdict = text.startsWith('HTTP/')
    ? parseResponseHead(bytes, 16, end, head, METHOD_GET, LIMITS)
    : parseRequestHead(bytes, 16, end, head, LIMITS);
  assert.equal(verdict, HEAD_OK, text);
  return { head, bytes };
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

function textOf(store: Captures, slot: number): string | null {
  const length = store.lengthOf(slot);
  return length < 0 ? null : Buffer.from(store.bytesOf(slot).subarray(0, length)).toString('latin1');
}

const slots: CaptureSlot[] = [
  { header: 'host', length: 10 },
  { header: '', length: 3 },
  { header: 'x-a', length: 4 },
  { header: 'host', length: 2 },
];

test('A slot keeps the beginning of what is set last', () => {
  const store = new CapturePool(slots).take();
  assert.equal(store.count, 4);
  assert.equal(textOf(store, 1), null);
  store.set(1, bytesOf('..abcdef'), 2, 6);
  assert.equal(textOf(store, 1), 'abc');
  store.set(1, bytesOf(''), 0, 0);
  assert.equal(textOf(store, 1), '');
  store.set(-1, bytesOf('x'), 0, 1);
  store.set(4, bytesOf('x'), 0, 1);
  assert.deepEqual(
    [0, 1, 2, 3].map((slot) => textOf(store, slot)),
    [null, '', null, null],
  );
});

test('Headers go into every slot of their name, the last line counts', () => {
  const pool = new CapturePool(slots);
  const store = pool.take();
  const { head, bytes } = parsed('GET / HTTP/1.1\r\nHost: example\r\nX-A: first\r\nX-a: second\r\nX-AB: no\r\n\r\n');
  pool.captureHeaders(head, bytes, store);
  assert.deepEqual(
    [0, 1, 2, 3].map((slot) => textOf(store, slot)),
    ['example', null, 'seco', 'ex'],
  );
});

test('A store comes back empty and is used again', () => {
  const pool = new CapturePool([{ header: '', length: 100_000 }]);
  const store = pool.take();
  store.set(0, new Uint8Array(100_000), 0, 100_000);
  assert.equal(store.lengthOf(0), 100_000);
  pool.give(store);
  const again = pool.take();
  assert.equal(again, store);
  assert.equal(again.lengthOf(0), -1);
  assert.equal(again.bytesOf(0).length, 0, 'large texts are not kept');
});

test('A length that is none keeps an empty text, and a pool without slots is empty', () => {
  const store = new CapturePool([{ header: '', length: -5 }]).take();
  store.set(0, bytesOf('abc'), 0, 3);
  assert.equal(textOf(store, 0), '');
  assert.equal(new CapturePool([]).isEmpty, true);
});

/** What `capture cookie NAME len N` keeps. */
function cookie(name: string, length: number, lines: string, ofResponse = false): string | null {
  const text = ofResponse ? `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n` : `GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n\r\n`;
  const { head, bytes } = parsed(text);
  const cell: TextCell = { bytes: new Uint8Array(0), length: -1 };
  const capturer = new CookieCapturer({ name, isPrefix: true, length }, 63);
  capturer.capture(head, bytes, ofResponse, cell);
  return cell.length < 0 ? null : Buffer.from(cell.bytes.subarray(0, cell.length)).toString('latin1');
}

test('The first cookie whose text begins with the name is kept, cut at the length', () => {
  assert.equal(cookie('SESS', 63, 'Cookie: a=1; SESSID=abc; SESS=d'), 'SESSID=abc');
  assert.equal(cookie('SESS=', 63, 'Cookie: a=1; SESSID=abc; SESS=d'), 'SESS=d');
  assert.equal(cookie('SESS=d', 63, 'Cookie: SESS=abc; SESS=def'), 'SESS=def');
  assert.equal(cookie('SESS', 6, 'Cookie: SESSID=abc'), 'SESSID');
  assert.equal(cookie('SESS', 8, 'Cookie: SESSID=abc'), 'SESSID=a');
  assert.equal(cookie('SESS', 2, 'Cookie: SESSID=abc'), 'SE');
  assert.equal(cookie('sess', 63, 'Cookie: SESSID=abc'), null);
  assert.equal(cookie('b', 63, 'Cookie: a=1\r\nCookie: b = "x;y" ; c=2'), 'b="x;y"');
  assert.equal(cookie('a', 100, `Cookie: a=${'x'.repeat(100)}`)?.length, 63);
});

test('Of a Set-Cookie line only the cookie counts, not its attributes', () => {
  assert.equal(cookie('P', 63, 'Set-Cookie: a=1; Path=/', true), null);
  assert.equal(cookie('P', 63, 'Set-Cookie: a=1; Path=/\r\nSet-Cookie: PX=2; Secure', true), 'PX=2');
});

test('What was captured first stays', () => {
  const { head, bytes } = parsed('GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\n\r\n');
  const cell: TextCell = { bytes: bytesOf('b=2'), length: 3 };
  new CookieCapturer({ name: 'a', isPrefix: true, length: 9 }, 63).capture(head, bytes, false, cell);
  assert.equal(Buffer.from(cell.bytes).toString('latin1'), 'b=2');
});
