// Goal: queued ranges keep their order and every slot comes home. Method: a seeded walk against plain arrays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Buffers } from '../io/buffers.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { fuzz } from '../testing/fuzz.ts';
import { NO_SEGMENT, Segments } from './segments.ts';

const buffers = new Buffers({ slotCount: 64, dataBytes: 1024, staticBytes: 4096 });

test('a segment gives its slot back when it is dropped, and not when it is forgotten', () => {
  const segments = new Segments(buffers, 4);
  const free = buffers.freeCount;
  const first = buffers.take();
  segments.drop(segments.make(first, 0, 10));
  assert.equal(buffers.freeCount, free);
  const second = buffers.take();
  segments.forget(segments.make(second, 0, 10));
  assert.equal(buffers.freeCount, free - 1);
  buffers.release(second);
  assert.equal(segments.usedCount, 0);
});

test('a segment that only borrows its bytes frees no slot', () => {
  const segments = new Segments(buffers, 4);
  const free = buffers.freeCount;
  segments.drop(segments.make(NO_BUFFER, 5, 10));
  assert.equal(buffers.freeCount, free);
});

test('the pool of nodes grows when it runs out and keeps what is queued', () => {
  const segments = new Segments(buffers, 2);
  const made: number[] = [];
  for (let index = 0; index < 9; index++) made.push(segments.make(NO_BUFFER, index * 100, index + 1));
  made.forEach((segment, index) => {
    assert.equal(segments.offsetOf(segment), index * 100);
    assert.equal(segments.lengthOf(segment), index + 1);
    assert.equal(segments.nextOf(segment), NO_SEGMENT);
  });
  assert.equal(new Set(made).size, made.length);
});

fuzz('segments behave like arrays of ranges', (prng) => {
  const segments = new Segments(buffers, 1 + prng.below(4));
  const queue: { segment: number; offset: number; length: number }[] = [];
  for (let step = 0; step < 60; step++) {
    if (prng.below(3) > 0 || queue.length === 0) {
      const offset = prng.below(1000);
      const length = 1 + prng.below(1000);
      queue.push({ segment: segments.make(NO_BUFFER, offset, length), offset, length });
    } else {
      const { segment, offset, length } = queue.shift()!;
      assert.equal(segments.offsetOf(segment), offset);
      assert.equal(segments.lengthOf(segment), length);
      segments.drop(segment);
    }
    assert.equal(segments.usedCount, queue.length);
  }
});
