// Goal: only one thread is inside a rotation, nobody waits long for one, and a dead thread's is freed. Method: the verbs
// one by one, with two threads' views in one thread; then real threads that add to plain cells behind the lock.

import { deepEqual, equal, notEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Model } from '../model/model.ts';
import { Rotation, Rotations } from './rotations.ts';

const THREADS = 4;
const ROUNDS = 50_000;

interface Task {
  rotations: SharedArrayBuffer;
  ready: SharedArrayBuffer;
  threadIndex: number;
}

const proxy = (kind: string, name: string, serverCount: number): object => ({
  kind,
  balance: { name },
  servers: Array.from({ length: serverCount }, () => ({})),
});

const model = {
  proxies: [
    proxy('frontend', 'roundrobin', 0),
    proxy('backend', 'roundrobin', 3),
    proxy('backend', 'source', 5),
    proxy('listen', 'leastconn', 7),
    proxy('backend', 'roundrobin', 0),
    proxy('backend', 'static-rr', 2),
  ],
} as unknown as Model;

const TAKING_TURNS = [1, 3, 5];

if (isMainThread) runTests();
else parentPort!.postMessage(count(workerData));

/** Adds one to a plain cell behind the lock as often as it gets in; returns how often that was. */
function count(task: Task): number {
  const rotation = new Rotations(task.rotations, task.threadIndex).backend(3);
  const cells = rotation.body().int32s(1);
  const ready = new Int32Array(task.ready);
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < THREADS);
  let entered = 0;
  for (let i = 0; i < ROUNDS; i++) {
    if (!rotation.enter()) continue;
    cells[0]! += 1;
    rotation.leave();
    entered++;
  }
  return entered;
}

function runTests(): void {
  test('every backend that takes turns has memory of its own, and all threads see the same', () => {
    const table = Rotations.create(model, 2);
    for (const index of TAKING_TURNS) {
      const mine = new Rotations(table.buffer, 0).backend(index);
      const theirs = new Rotations(table.buffer, 1).backend(index);
      mine.cells.fill(index);
      deepEqual([...theirs.cells], [...mine.cells]);
    }
    const body = new Rotations(table.buffer, 0).backend(3).body().int32s(7).fill(77);
    for (const index of TAKING_TURNS) {
      deepEqual([...new Rotations(table.buffer, 0).backend(index).cells], Array(16).fill(index));
    }
    deepEqual([...new Rotations(table.buffer, 1).backend(3).body().int32s(7)], [...body]);
    for (const index of [0, 2, 4, 6, -1]) throws(() => new Rotations(table.buffer, 0).backend(index));
    throws(() => new Rotations(table.buffer, 2), /outside the table/);
    throws(() => new Rotations(table.buffer, -1).backend(1), /only a proxy thread/);
    throws(() => new Rotations(table.buffer, 0).backend(3).body().int32s(9), /too small/);
  });

  test('a rotation that is held is given up on, at once while the same holding lasts', () => {
    const table = Rotations.create(model, 2);
    const mine = new Rotations(table.buffer, 0).backend(1);
    const theirs = new Rotations(table.buffer, 1).backend(1);
    for (let holding = 0; holding < 3; holding++) {
      ok(theirs.enter());
      for (let i = 0; i < 100_000; i++) equal(mine.enter(), false);
      throws(() => mine.leave(), /not entered/);
      theirs.leave();
      ok(mine.enter(), 'another holding is another matter');
      equal(theirs.enter(), false);
      mine.leave();
    }
  });

  test('the count of holdings may wrap', () => {
    const table = Rotations.create(model, 2);
    const mine = new Rotations(table.buffer, 0).backend(1);
    const theirs = new Rotations(table.buffer, 1).backend(1);
    for (const word of [0x7fffff80, -128]) {
      mine.cells[0] = word;
      for (let i = 0; i < 3; i++) {
        ok(mine.enter());
        equal(theirs.enter(), false);
        mine.leave();
        ok(theirs.enter());
        theirs.leave();
      }
    }
  });

  test("a dead thread's rotation is freed and no longer built, the others are left alone", () => {
    const table = Rotations.create(model, THREADS);
    const dead = new Rotations(table.buffer, 2);
    const mine = new Rotations(table.buffer, 0);
    for (const index of TAKING_TURNS) {
      const rotation = mine.backend(index);
      ok(rotation.enter());
      rotation.follow(9);
      rotation.leave();
    }
    const held = dead.backend(3);
    ok(held.enter());
    const alive = new Rotations(table.buffer, 1).backend(1);
    ok(alive.enter());
    const rotation = mine.backend(3);
    equal(rotation.enter(), false);
    table.reclaim(2);
    ok(rotation.enter());
    equal(rotation.built(), false);
    rotation.follow(10);
    equal(rotation.epoch(), 10);
    rotation.leave();
    equal(mine.backend(1).enter(), false, 'held by a living thread');
    alive.leave();
    for (const index of [1, 5]) equal(mine.backend(index).built(), true);
  });

  test("a thread's own rotation needs no lock", () => {
    const own = Rotation.own('roundrobin', 3);
    ok(own.alone && own.enter() && own.enter());
    own.leave();
    throws(() => Rotation.own('source', 3), /takes no turns/);
  });

  test('only one thread at a time is inside', async () => {
    const table = Rotations.create(model, THREADS);
    const ready = new SharedArrayBuffer(4);
    const entered = await Promise.all(
      Array.from({ length: THREADS }, (_unused, threadIndex) => {
        const task: Task = { rotations: table.buffer, ready, threadIndex };
        const worker = new Worker(new URL(import.meta.url), { workerData: task });
        return new Promise<number>((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
      }),
    );
    const sum = entered.reduce((all, each) => all + each, 0);
    notEqual(sum, 0);
    equal(new Rotations(table.buffer, 0).backend(3).body().int32s(1)[0], sum);
  });
}
