import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from './prng.ts';

test('the same seed gives the same sequence and another seed another', () => {
  const take = (seed: number): number[] => {
    const prng = new Prng(seed);
    return Array.from({ length: 8 }, () => prng.next32());
  };
  assert.deepEqual(take(7), take(7));
  assert.notDeepEqual(take(7), take(8));
  assert.deepEqual(take(0x1_0000_0007), take(7), 'only the low 32 bits count');
});

test('every seed starts a sequence, also the ones that would mix to zero', () => {
  for (const seed of [0, 1, -1, 0x9e3779b9, 2 ** 31]) {
    const prng = new Prng(seed);
    for (let index = 0; index < 100; index++) assert.notEqual(prng.next32(), 0);
  }
});

test('below stays below and reaches every value', () => {
  const prng = new Prng(3);
  const seen = new Set<number>();
  for (let index = 0; index < 1000; index++) {
    const value = prng.below(10);
    assert.ok(Number.isInteger(value) && value >= 0 && value < 10);
    seen.add(value);
  }
  assert.equal(seen.size, 10);
  assert.equal(prng.below(1), 0);
  assert.throws(() => prng.below(0), /bound/);
});

test('bytes and pick draw from the same sequence', () => {
  assert.deepEqual(new Prng(5).bytes(16), new Prng(5).bytes(16));
  assert.ok(new Set(new Prng(5).bytes(256)).size > 100);
  const letters = ['a', 'b', 'c'];
  const prng = new Prng(9);
  assert.deepEqual([...new Set(Array.from({ length: 100 }, () => prng.pick(letters)))].sort(), letters);
  assert.throws(() => prng.pick([]), /empty/);
});
