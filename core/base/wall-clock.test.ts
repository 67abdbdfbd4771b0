// Goal: log dates follow the system's date. Method: replace Date.now and step it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnWallClock } from './wall-clock.ts';

function checkTurn(clock: TurnWallClock): void {
  const before = Date.now();
  clock.turn();
  const after = Date.now();
  assert.ok(clock.nowMs > before - 3 && clock.nowMs < after + 4, `${clock.nowMs} is not in ${before}..${after}`);
}

test('the wall clock agrees with Date to two milliseconds and does not jump between turns', () => {
  const clock = new TurnWallClock();
  let last = clock.nowMs;
  for (let turn = 0; turn < 2000; turn++) {
    checkTurn(clock);
    assert.ok(clock.nowMs >= last - 2, 'went back without a reason');
    last = clock.nowMs;
  }
});

test('the wall clock follows when the date is set', (context) => {
  const realNow = Date.now;
  let stepMs = 0;
  context.mock.method(Date, 'now', () => realNow.call(Date) + stepMs);
  const clock = new TurnWallClock();
  for (stepMs of [3_600_000, -7_200_000, 5]) {
    checkTurn(clock);
  }
});
