// Goal: which names a restricted section lets pass. Method: heads parsed from text, and the lines left in them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../http/h1/fixture.ts';
import { parseRequestHead } from '../http/h1/parse.ts';
import { HEAD_OK } from '../http/h1/verdict.ts';
import { HEADER_REMOVED, Head } from '../http/message.ts';
import { restrictNames } from './restrict-names.ts';

function parse(...names: string[]): { bytes: Uint8Array; head: Head } {
  const lines = names.map((name) => `${name}: x\r\n`).join('');
  const bytes = new Uint8Array(Buffer.from(`GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`, 'latin1'));
  const head = new Head(LIMITS.headerCountMax);
  assert.equal(parseRequestHead(bytes, 0, bytes.length, head, LIMITS), HEAD_OK);
  return { bytes, head };
}

function left({ bytes, head }: { bytes: Uint8Array; head: Head }): string[] {
  const names: string[] = [];
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const offset = head.nameOffset[index]!;
    names.push(Buffer.from(bytes.subarray(offset, offset + head.nameLength[index]!)).toString('latin1'));
  }
  return names;
}

test('names of letters, digits and dashes stay, all others are taken out', () => {
  const message = parse('x-a-1', 'x_b', 'X-C', 'x-d_', '_', 'x!e', 'x.f', '9');
  assert.equal(restrictNames(message.bytes, message.head, false), true);
  assert.deepEqual(left(message), ['host', 'x-a-1', 'x-c', '9']);
});

test('one such name is enough to refuse the request', () => {
  const plain = parse('x-a', 'x-b');
  const odd = parse('x-a', 'x_b');
  assert.equal(restrictNames(plain.bytes, plain.head, true), true);
  assert.equal(restrictNames(odd.bytes, odd.head, true), false);
});

test('a line that rules have removed refuses nothing', () => {
  const message = parse('x-a', 'x_b');
  message.head.removeHeader(2);
  assert.equal(restrictNames(message.bytes, message.head, true), true);
});
