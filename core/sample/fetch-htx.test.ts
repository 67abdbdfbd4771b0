// Goal: an HTTP message is counted block by block as HAProxy's form counts it. Method: a request and a response worked out
// by hand (start line 20 bytes beside its texts, one byte for the end of headers, 8 bytes an entry).

import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { checkBlock, htxFetches as rows } from './fetch-htx.ts';
import { payloadFetches } from './fetch-payload.ts';
import { Bench, str } from './fixture-fetch.ts';

function expect(bench: Bench, expected: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(expected)) equal(bench.fetch(rows, name), value, name);
}

const POST = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde';

test('a request is a start line, headers, their end, and data', () => {
  const bench = new Bench(true);
  bench.request(POST, true);
  const data = 20 + 4 + 2 + 8 + (4 + 1) + (14 + 1) + 1 + 5;
  const used = data + 5 * 8;
  expect(bench, { 'internal.htx.nbblks': 5, 'internal.htx.data': data, 'internal.htx.used': used });
  expect(bench, { 'internal.htx.size': 16_344, 'internal.htx.free': 16_344 - used });
  expect(bench, { 'internal.htx.free_data': 16_344 - used - 8, 'internal.htx.has_eom': true });
  equal(bench.fetch(payloadFetches, 'req.len'), data);
  equal(bench.fetch(rows, 'internal.htx_blk.start_line', str('first')), 'POST /x HTTP/1.1');
  equal(bench.fetch(rows, 'internal.htx_blk.hdrname', str('2')), 'content-length');
  equal(bench.fetch(rows, 'internal.htx_blk.hdrval', str('2')), '5');
  equal(bench.fetch(rows, 'internal.htx_blk.type', str('3')), 'HTX_BLK_EOH');
  equal(bench.fetch(rows, 'internal.htx_blk.data', str('tail')), 'abcde');
  equal(bench.fetch(rows, 'internal.htx_blk.size', str('tail')), 5);
});

test('a header that a rule removed is no block', () => {
  const bench = new Bench(true);
  bench.request(POST, true);
  bench.subject.request!.removeHeader(0);
  expect(bench, { 'internal.htx.nbblks': 4, 'internal.htx.data': 55 });
  equal(bench.fetch(rows, 'internal.htx_blk.hdrname', str('1')), 'content-length');
  equal(bench.fetch(rows, 'internal.htx_blk.hdrname', str('2')), '');
});

test('a body that is still coming has no end, and one that has not come is no block', () => {
  const bench = new Bench(true);
  bench.request('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n', false);
  expect(bench, { 'internal.htx.nbblks': 4, 'internal.htx.has_eom': false });
  equal(bench.fetch(rows, 'internal.htx_blk.type', str('tail')), 'HTX_BLK_EOH');
  equal(bench.fetch(rows, 'internal.htx_blk.type', str('9')), 'HTX_BLK_UNUSED');
  equal(bench.fetch(rows, 'internal.htx_blk.size', str('9')), 0);
});

test('a response has a start line of its own kind', () => {
  const bench = new Bench(true);
  bench.response('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  equal(bench.fetch(rows, 'internal.htx_blk.type', str('head')), 'HTX_BLK_RES_SL');
  equal(bench.fetch(rows, 'internal.htx_blk.start_line', str('head')), 'HTTP/1.1 404 Not Found');
  equal(bench.fetch(rows, 'internal.htx_blk.size', str('head')), 20 + 8 + 3 + 9);
  expect(bench, { 'internal.htx.nbblks': 3, 'internal.htx.data': 40 + 15 + 1 });
});

test('a request line as long as a buffer is cut where the room for it ends', () => {
  const bench = new Bench(true);
  bench.request(`GET /${'x'.repeat(15_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, true);
  const line = bench.fetch(rows, 'internal.htx_blk.start_line', str('head')) as string;
  equal(line.length, 4 + 15_001 + 9);
});

test('without a message there is nothing to count', () => {
  const bench = new Bench(true);
  for (const { name } of rows) equal(bench.fetch(rows, name, str('head')), null, name);
  bench.subject.stream = null;
  for (const { name } of rows) equal(bench.fetch(rows, name, str('head')), null, name);
});

test('a block position that is none is refused in the words of HAProxy', () => {
  const expected = 'a block position is expected (> 0) or a special block name (head, tail, first)';
  equal(checkBlock([str('')]), expected);
  for (const bad of ['foo', '-5', '5x']) equal(checkBlock([str(bad)]), 'invalid block position', bad);
  for (const good of ['head', 'tail', 'first', '0', '12']) equal(checkBlock([str(good)]), null, good);
});
