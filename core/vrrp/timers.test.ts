// Goal: the timers are those of the RFCs. Method: the table of computed and measured values.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learnedIntervalMs, masterDownMs, skewMs } from './timers.ts';

test('Master_Down and skew have the values of the table', () => {
  // priority, v2 1 s, v3 1 s, v3 100 ms, v3 10 ms
  const rows = [
    [100, 3609.375, 3609.375, 360.9375, 36.09375],
    [200, 3218.75, 3218.75, 321.875, 32.1875],
    [254, 3007.8125, 3007.8125, 300.78125, 30.078125],
    [1, 3996.09375, 3996.09375, 399.609375, 39.9609375],
    [255, 3003.90625, 3003.90625, 300.390625, 30.0390625],
  ] as const;
  for (const [priority, v2, v3, tenth, hundredth] of rows) {
    assert.equal(masterDownMs(2, priority, 1000, 3), v2);
    assert.equal(masterDownMs(3, priority, 1000, 3), v3);
    assert.equal(masterDownMs(3, priority, 100, 3), tenth);
    assert.equal(masterDownMs(3, priority, 10, 3), hundredth);
  }
});

test('after priority 0 a backup waits its skew alone', () => {
  assert.equal(skewMs(2, 100, 1000), 609.375);
  assert.equal(skewMs(3, 100, 100), 60.9375);
  assert.equal(skewMs(3, 100, 10), 6.09375);
});

test('v2’s skew is in seconds whatever the interval, v3’s in parts of it', () => {
  assert.equal(skewMs(2, 100, 5000), 609.375);
  assert.equal(skewMs(3, 100, 5000), 3046.875);
});

test('down_timer_adverts replaces the three', () => {
  assert.equal(masterDownMs(3, 100, 100, 5), 560.9375);
});

test('a learned interval is at least a centisecond and at most ten of ours or three seconds', () => {
  assert.equal(learnedIntervalMs(0, 100, 10), 10);
  assert.equal(learnedIntervalMs(1, 100, 10), 10);
  assert.equal(learnedIntervalMs(100, 100, 10), 1000);
  assert.equal(learnedIntervalMs(4095, 100, 10), 3000);
  assert.equal(learnedIntervalMs(4095, 1000, 10), 10_000);
  assert.equal(learnedIntervalMs(4095, 100, 0), 40_950);
});
