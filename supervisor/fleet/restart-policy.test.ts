// Goal: a lone crash is repaired at once, a storm of crashes is slowed down and ends. Method: facts and times by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartPolicy } from './restart-policy.ts';

const delayOf = (policy: RestartPolicy, thread: number, nowMs: number): number => {
  const verdict = policy.crashed(thread, true, nowMs);
  assert.ok(verdict.restart);
  return verdict.delayMs;
};

test('a thread that crashes once is started again at once', () => {
  assert.equal(delayOf(new RestartPolicy(2), 1, 0), 0);
});

test('crashes in a row wait longer and longer, up to a second', () => {
  const policy = new RestartPolicy(1);
  const delays = [0, 1, 2, 3, 4, 5, 6, 7].map((nowMs) => delayOf(policy, 0, nowMs));
  assert.deepEqual(delays, [0, 50, 100, 200, 400, 800, 1000, 1000]);
});

test('a calm while makes the next crash a lone one again', () => {
  const policy = new RestartPolicy(1);
  delayOf(policy, 0, 0);
  assert.equal(delayOf(policy, 0, 5_000), 50);
  assert.equal(delayOf(policy, 0, 20_000), 0);
});

test("one thread's crashes do not slow down another's restart", () => {
  const policy = new RestartPolicy(2);
  for (let nowMs = 0; nowMs < 5; nowMs++) delayOf(policy, 0, nowMs);
  assert.equal(delayOf(policy, 1, 5), 0);
});

test('a thread that never gets to serve is given up after five tries', () => {
  const policy = new RestartPolicy(1);
  for (let attempt = 1; attempt <= 4; attempt++) assert.ok(policy.crashed(0, false, attempt).restart);
  const verdict = policy.crashed(0, false, 5);
  assert.equal(verdict.restart, false);
});

test('a thread that served in between starts counting afresh', () => {
  const policy = new RestartPolicy(1);
  for (let attempt = 1; attempt <= 4; attempt++) policy.crashed(0, false, attempt);
  assert.ok(policy.crashed(0, true, 5).restart);
  assert.ok(policy.crashed(0, false, 6).restart);
});

test('sixty crashes within a minute end the process, sixty within two hours do not', () => {
  const storm = new RestartPolicy(4);
  const verdicts = Array.from({ length: 60 }, (_, index) => storm.crashed(index % 4, true, index * 900));
  assert.ok(verdicts.slice(0, 59).every((verdict) => verdict.restart));
  assert.equal(verdicts[59]!.restart, false);
  const slow = new RestartPolicy(4);
  for (let index = 0; index < 60; index++) assert.ok(slow.crashed(index % 4, true, index * 120_000).restart);
});
