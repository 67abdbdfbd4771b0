// Goal: the wheel tells the same story as a plain map of deadlines, at every distance and for every step of the
// clock. Method: fixed cases for the edges, then random histories replayed against the naive model.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { fuzz } from '../testing/fuzz.ts';
import { MS_UNTIL_NEXT_MAX, NO_TIMER, Timers } from './timers.ts';

function expiredIds(timers: Timers): number[] {
  const ids: number[] = [];
  for (let id = timers.nextExpired(); id !== NO_TIMER; id = timers.nextExpired()) ids.push(id);
  return ids;
}

test('a timer fires in the first advance at its deadline and not a millisecond before', () => {
  for (const distance of [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 16_777_215, 16_777_216, 2 ** 31]) {
    for (const origin of [0, 1, 255, 256, 65_535, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40 + 77]) {
      const timers = new Timers(origin);
      timers.start(3, origin + distance);
      timers.advance(origin + distance - 1);
      assert.equal(timers.nextExpired(), NO_TIMER, `early at ${origin}+${distance}`);
      assert.equal(timers.msUntilNext(origin + distance - 1), 1, `wait at ${origin}+${distance}`);
      timers.advance(origin + distance);
      assert.equal(timers.nextExpired(), 3, `late at ${origin}+${distance}`);
      assert.equal(timers.count, 0);
    }
  }
});

test('a deadline beyond the wheel waits its whole time', () => {
  const timers = new Timers(1000);
  const deadline = 1000 + 3 * 2 ** 32 + 12_345;
  timers.start(0, deadline);
  let now = 1000;
  let turns = 0;
  while (now < deadline) {
    timers.advance(now);
    assert.equal(timers.nextExpired(), NO_TIMER, `early at ${now}`);
    now += timers.msUntilNext(now);
    turns++;
  }
  timers.advance(now);
  assert.equal(now, deadline);
  assert.equal(timers.nextExpired(), 0);
  assert.ok(turns < 64, `the engine was woken ${turns} times for one timer`);
});

test('a jump of the clock over months fires everything once, in the order of the deadlines', () => {
  const timers = new Timers(5);
  const prng = new Prng(1);
  const deadlines: number[] = [];
  for (let id = 0; id < 1000; id++) {
    deadlines[id] = 6 + Math.floor(2 ** (prng.below(3400) / 100));
    timers.start(id, deadlines[id]!);
  }
  timers.advance(2 ** 35);
  const ids = expiredIds(timers);
  assert.equal(ids.length, 1000);
  const inOrder = ids.map((id) => deadlines[id]!);
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
  );
});

test('a clock that goes back changes nothing', () => {
  const timers = new Timers(1_000_000);
  timers.start(0, 1_000_010);
  timers.advance(500);
  assert.equal(timers.nextExpired(), NO_TIMER);
  timers.advance(1_000_010);
  assert.equal(timers.nextExpired(), 0);
});

test('a timer whose deadline has passed fires at the next millisecond, not in the same loop', () => {
  const timers = new Timers(100);
  timers.start(1, 50);
  timers.advance(100);
  assert.equal(timers.nextExpired(), NO_TIMER);
  assert.equal(timers.msUntilNext(100), 1);
  timers.advance(101);
  assert.equal(timers.nextExpired(), 1);
});

test('a stopped timer does not fire, even when it had expired already', () => {
  const timers = new Timers(0);
  timers.start(1, 10);
  timers.start(2, 10);
  timers.start(3, 500);
  timers.stop(3);
  timers.advance(1000);
  timers.stop(2);
  assert.deepEqual(expiredIds(timers), [1]);
  timers.stop(1);
  timers.stop(999_999);
  assert.equal(timers.count, 0);
  assert.equal(timers.msUntilNext(1000), MS_UNTIL_NEXT_MAX);
});

test('an id far beyond the room made at the start gets its room', () => {
  const timers = new Timers(0, 1);
  timers.start(0, 7);
  timers.start(100_000, 5);
  timers.advance(7);
  assert.deepEqual(expiredIds(timers), [100_000, 0]);
});

test('a deadline that is no number is refused', () => {
  const timers = new Timers(0);
  assert.throws(() => timers.start(0, Number.NaN), /finite deadline/);
  assert.throws(() => timers.start(0, Number.POSITIVE_INFINITY), /finite deadline/);
  assert.throws(() => timers.start(-1, 5), /timer id/);
});

// The model: a map of id to the moment it may fire at.
function checkHistory(prng: Prng, steps: number): void {
  const below = (limit: number): number => prng.below(limit);
  let now = below(3) === 0 ? 2 ** 32 - 500 : below(1_000_000);
  const timers = new Timers(now, 4);
  const model = new Map<number, number>();
  const due: number[] = []; // expired in the wheel, not handed out yet
  const idCount = 1 + below(200);
  const reach = 2 ** (1 + below(32));
  for (let step = 0; step < steps; step++) {
    const where = `step ${step} now ${now}`;
    const choice = below(10);
    if (choice < 5) {
      const id = below(idCount);
      const deadline = now + below(reach) - 3;
      timers.start(id, deadline);
      model.set(id, Math.max(deadline, now + 1));
    } else if (choice < 7) {
      const id = below(idCount);
      timers.stop(id);
      model.delete(id);
    } else {
      let nearest = Number.POSITIVE_INFINITY;
      for (const moment of model.values()) nearest = Math.min(nearest, moment);
      const wait = timers.msUntilNext(now);
      assert.ok(now + wait <= nearest, `${where}: waits ${wait} beyond ${nearest}`);
      assert.ok(wait >= 1, `${where}: does not wait though nothing is due`);
      now += below(3) === 0 ? below(reach) : Math.min(wait, reach);
      timers.advance(now);
      due.length = 0;
      for (const [id, moment] of model) if (moment <= now) due.push(id);
      const fired = expiredIds(timers).sort((a, b) => a - b);
      assert.deepEqual(
        fired,
        due.sort((a, b) => a - b),
        where,
      );
      for (const id of fired) model.delete(id);
    }
    assert.equal(timers.count, model.size, where);
  }
}

fuzz('timer histories agree with the naive model', (prng) => checkHistory(prng, 300), 10);

// Goal: O(1), whatever the count. Method: the same work with few and with many timers running; a wheel that
// searched would be a thousand times slower, so a factor of 40 leaves room for caches and a busy machine.
test('starting and stopping costs the same with a hundred thousand timers running', () => {
  const nanosecondsPerPair = (runningCount: number): number => {
    const timers = new Timers(0, runningCount + 1);
    for (let id = 0; id < runningCount; id++) timers.start(id, 60_000 + (id % 1000));
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const begin = performance.now();
      for (let turn = 0; turn < 20_000; turn++) {
        timers.start(runningCount, 1 + turn);
        timers.stop(runningCount);
      }
      best = Math.min(best, (performance.now() - begin) * 50);
    }
    return best;
  };
  nanosecondsPerPair(10);
  const few = nanosecondsPerPair(100);
  const many = nanosecondsPerPair(100_000);
  assert.ok(many < few * 40 + 1000, `${many} ns with 100000 timers, ${few} ns with 100`);
});
