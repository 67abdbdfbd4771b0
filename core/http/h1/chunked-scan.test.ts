import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNKS_FAULTY, CHUNKS_UNFINISHED, findChunksEnd } from './chunked-scan.ts';

const scan = (text: string): number => {
  const bytes = Buffer.from(`xx${text}`, 'latin1');
  const end = findChunksEnd(bytes, 2, bytes.length);
  return end < 0 ? end : end - 2;
};

// Goal: the end is found exactly, and never before it has come. Method: cut a body at every byte.
test('the end of a chunked body is found only when it is there', () => {
  const body = '5\r\nhello\r\n1A;name=x\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx-sum: 1\r\n\r\n';
  assert.equal(scan(`${body}GET / HTTP/1.1`), body.length);
  for (let cut = 0; cut < body.length; cut++)
    assert.equal(scan(body.slice(0, cut)), CHUNKS_UNFINISHED, `cut at ${cut}`);
});

test('what is no chunk is faulty, whatever follows', () => {
  for (const text of ['\r\n', 'g\r\n', '5x\r\nhello', ';a\r\n', '123456789abcdef\r\n']) {
    assert.equal(scan(text), CHUNKS_FAULTY, JSON.stringify(text));
  }
});
