// Goal: a slot has one owner at a time and always comes home. Method: the edges of the layout, each wrong hand-over
// by name, and random histories against a plain model.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../testing/fuzz.ts';
import { Buffers, SLOT_HEADROOM_BYTES, SLOT_TAILROOM_BYTES } from './buffers.ts';

const sizes = { slotCount: 8, dataBytes: 1000, staticBytes: 100 };

test('slots are whole pages, lie behind the static part and do not overlap', () => {
  const buffers = new Buffers(sizes);
  assert.equal(buffers.slotBytes % 4096, 0);
  assert.ok(buffers.dataBytes >= sizes.dataBytes);
  assert.equal(buffers.slotBytes, SLOT_HEADROOM_BYTES + buffers.dataBytes + SLOT_TAILROOM_BYTES);
  assert.equal(buffers.slotOffset(0), 4096);
  for (let id = 0; id < sizes.slotCount; id++) {
    assert.equal(buffers.dataOffset(id), buffers.slotOffset(id) + SLOT_HEADROOM_BYTES);
    assert.equal(buffers.dataEnd(id), buffers.dataOffset(id) + buffers.dataBytes);
    if (id > 0) assert.equal(buffers.slotOffset(id), buffers.dataEnd(id - 1) + SLOT_TAILROOM_BYTES);
  }
  assert.equal(buffers.dataEnd(sizes.slotCount - 1) + SLOT_TAILROOM_BYTES, buffers.bytes.length);
});

test('the arena is zeroed, writable to its last byte and named by its address', () => {
  const buffers = new Buffers(sizes);
  assert.equal(buffers.bytes[buffers.bytes.length - 1], 0);
  buffers.bytes[buffers.bytes.length - 1] = 42;
  assert.equal(buffers.mapping.bytes[buffers.bytes.length - 1], 42);
  assert.equal(buffers.address, buffers.mapping.address);
});

test('the static part is given out aligned and never beyond its end', () => {
  const buffers = new Buffers(sizes);
  assert.equal(buffers.allocateStatic(3), 0);
  assert.equal(buffers.allocateStatic(8), 8);
  assert.equal(buffers.placeStatic(new Uint8Array([1, 2, 3])), 16);
  assert.deepEqual([...buffers.bytes.subarray(16, 19)], [1, 2, 3]);
  assert.throws(() => buffers.allocateStatic(4096), /static part/);
  assert.equal(buffers.allocateStatic(4096 - 24), 24);
  assert.throws(() => buffers.allocateStatic(1), /static part/);
});

test('an arena outside its limits is refused', () => {
  assert.throws(() => new Buffers({ ...sizes, slotCount: 3 }), /slotCount/);
  assert.throws(() => new Buffers({ ...sizes, slotCount: 32_769 }), /slotCount/);
  assert.throws(() => new Buffers({ ...sizes, slotCount: 32_768, dataBytes: 100_000 }), /1\.75 GiB/);
});

test('the last slot given back is the first given out, and an empty arena says -1', () => {
  const buffers = new Buffers(sizes);
  const first = buffers.take();
  const second = buffers.take();
  buffers.release(first);
  assert.equal(buffers.take(), first);
  for (let count = buffers.freeCount; count > 0; count--) assert.ok(buffers.take() >= 0);
  assert.equal(buffers.take(), -1);
  assert.equal(buffers.lend(), -1);
  buffers.release(second);
  assert.equal(buffers.lend(), second);
});

test('a slot changes hands only from the hand that holds it', () => {
  const buffers = new Buffers(sizes);
  const own = buffers.take();
  const lent = buffers.lend();
  const free = buffers.take();
  buffers.release(free);
  assert.throws(() => buffers.release(free), /does not own/);
  assert.throws(() => buffers.release(lent), /does not own/);
  assert.throws(() => buffers.handOver(own), /not lent/);
  assert.throws(() => buffers.handOver(free), /not lent/);
  assert.throws(() => buffers.takeBack(own), /not lent/);
  assert.throws(() => buffers.release(99), /does not own/);
  assert.throws(() => buffers.release(-1), /does not own/);
  buffers.handOver(lent);
  assert.throws(() => buffers.takeBack(lent), /not lent/);
  buffers.release(lent);
  buffers.release(own);
  assert.equal(buffers.freeCount, sizes.slotCount);
});

test('what is lent when an engine stops comes back, what the caller holds does not', () => {
  const buffers = new Buffers(sizes);
  buffers.lend();
  const held = buffers.take();
  buffers.handOver(buffers.lend());
  buffers.lend();
  buffers.takeBackLent();
  assert.equal(buffers.freeCount, sizes.slotCount - 2);
  buffers.release(held);
  assert.equal(buffers.freeCount, sizes.slotCount - 1);
});

fuzz(
  'slots have one owner at a time',
  (prng) => {
    const buffers = new Buffers({ ...sizes, slotCount: 4 + prng.below(12) });
    const held = new Set<number>();
    const lent = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const choice = prng.below(5);
      if (choice < 2) {
        const bufferId = choice === 0 ? buffers.take() : buffers.lend();
        assert.equal(bufferId === -1, held.size + lent.size === buffers.slotCount);
        if (bufferId === -1) continue;
        assert.ok(!held.has(bufferId) && !lent.has(bufferId), 'a slot was given out twice');
        (choice === 0 ? held : lent).add(bufferId);
      } else {
        const from = choice === 2 ? held : lent;
        if (from.size === 0) continue;
        const bufferId = prng.pick([...from]);
        from.delete(bufferId);
        if (choice === 2) buffers.release(bufferId);
        else if (choice === 3) buffers.takeBack(bufferId);
        else {
          buffers.handOver(bufferId);
          held.add(bufferId);
        }
      }
      assert.equal(buffers.freeCount, buffers.slotCount - held.size - lent.size);
    }
  },
  100,
);
