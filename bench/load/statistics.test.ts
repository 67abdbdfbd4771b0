import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioSpread, spreadOf } from './statistics.ts';

test('the median is the middle value, or the mean of the middle two, in any order', () => {
  assert.deepEqual(spreadOf([3]), { median: 3, min: 3, max: 3 });
  assert.deepEqual(spreadOf([10, 2, 9]), { median: 9, min: 2, max: 10 });
  assert.deepEqual(spreadOf([10, 2, 9, 4]), { median: 6.5, min: 2, max: 10 });
  assert.throws(() => spreadOf([]));
});

test('a ratio is taken round by round, so a machine that slows down for both changes nothing', () => {
  assert.deepEqual(ratioSpread([7, 14, 70], [10, 20, 100]), { median: 0.7, min: 0.7, max: 0.7 });
});

test('rounds that only one of the two has, or that divide by nothing, do not count', () => {
  assert.deepEqual(ratioSpread([1, 2, 3], [2, 0]), { median: 0.5, min: 0.5, max: 0.5 });
  assert.equal(ratioSpread([1], []), null);
  assert.equal(ratioSpread([1], [0]), null);
});
