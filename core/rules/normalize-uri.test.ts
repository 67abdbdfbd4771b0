import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { NORMALIZER_CASES } from './fixture-normalize-uri.ts';
import { NORMALIZE_FULL, NORMALIZERS } from './normalize-uri.ts';

const AT = 8000;
const LIMIT = 16_000;

function normalize(name: string, option: string, text: string): string | number {
  const bytes = new Uint8Array(LIMIT).fill(0x2f);
  bytes.set(Buffer.from(text, 'latin1'), 100);
  const row = NORMALIZERS.find((each) => each.name === name && each.option === option);
  assert.ok(row !== undefined, name);
  const end = row.run(bytes, 100, 100 + text.length, bytes, AT, LIMIT);
  if (end < 0) return end;
  assert.equal(Buffer.from(bytes.subarray(100, 100 + text.length)).toString('latin1'), text, 'the input is untouched');
  return Buffer.from(bytes.subarray(AT, end)).toString('latin1');
}

test('Each normalizer does what HAProxy 3.4 does', () => {
  for (const [name, option, from, to] of NORMALIZER_CASES) {
    assert.equal(normalize(name, option, from), to, `${name} ${option} of ${from}`);
  }
});

test('A result that does not fit is refused, at any size of the room', () => {
  const bytes = new Uint8Array(1000).fill(0x23);
  bytes.set(Buffer.from('/a/../b//%41/./c?d&a'), 0);
  for (const { run, name } of NORMALIZERS) {
    const end = run(bytes, 0, 20, bytes, 500, 1000);
    assert.ok(end >= 500, name);
    for (let limit = 500; limit < end; limit++) {
      const copy = bytes.slice();
      assert.equal(run(copy, 0, 20, copy, 500, limit), NORMALIZE_FULL, `${name} with ${limit - 500} bytes`);
      assert.ok(
        copy.subarray(limit, end).every((byte, at) => byte === bytes[limit + at]),
        'nothing behind the limit',
      );
    }
  }
});

test('As many parameters as HAProxy can sort are sorted, one more is refused', () => {
  const params = (count: number): string => Array.from({ length: count }, (_, at) => `${(at * 7) % 10}`).join('&');
  const sorted = normalize('query-sort-by-name', '', params(1024));
  assert.equal(sorted, params(1024).split('&').sort().join('&'));
  assert.equal(normalize('query-sort-by-name', '', params(1025)), NORMALIZE_FULL);
});

// Straight from the manual: segments on a stack.
function dotDotModel(path: string, full: boolean): string {
  const segments = path.slice(1).split('/');
  const kept: string[] = [];
  let up = 0;
  for (const segment of segments) {
    if (segment !== '..') kept.push(segment);
    else if (kept.length > 0) kept.pop();
    else up++;
  }
  const rest = `/${kept.join('/')}`;
  const slash = segments.at(-1) === '..' && kept.length > 0 ? '/' : '';
  return full ? rest + slash : `${'/..'.repeat(up)}${rest}${slash}`;
}

test('Paths of random segments come out as the same path on a stack', () => {
  const caseCount = Number(process.env['FUZZ_CASES'] ?? 3000);
  const prng = new Prng(0x5eed);
  const words = ['..', '..', 'a', 'bb', '', '.', '...', '..a'];
  for (let index = 0; index < caseCount; index++) {
    const count = 1 + prng.below(8);
    const path = `/${Array.from({ length: count }, () => words[prng.below(words.length)]).join('/')}`;
    for (const option of ['', 'full']) {
      assert.equal(
        normalize('path-strip-dotdot', option, path),
        dotDotModel(path, option === 'full'),
        `${path} ${option}`,
      );
    }
  }
});
