// Goal: a limit holds over all threads, no place leaks, and no wake-up is lost. Method: the verbs one by one, then
// real worker threads that fight for few places, sleeping and waking by WakeBoard as proxy threads do.

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Model } from '../model/model.ts';
import { ServerLoad } from './server-load.ts';
import { WakeBoard } from './wake.ts';

const THREADS = 4;
const REFUSALS = 30_000; // proof that threads really met; on one core they hardly do, so:
const ATTEMPTS_MAX = 3_000_000;
const TURNS = 3_000;
const WAKE_MS_MAX = 10_000; // a wake that takes longer is lost

interface Task {
  kind: 'grab' | 'queue';
  load: SharedArrayBuffer;
  wakes: SharedArrayBuffer;
  bells: SharedArrayBuffer; // stand in for the eventfds: a counter a thread, asleep while it is 0
  inside: SharedArrayBuffer; // [now inside, most ever inside, threads ready, enough]
  threadIndex: number;
}

const model = { serverCount: 2, proxies: [{}, {}, {}] } as unknown as Model;

if (isMainThread) runTests();
else parentPort!.postMessage((workerData as Task).kind === 'grab' ? grab(workerData) : queue(workerData));

/** All start together: a thread that finished before the next began would meet nobody. */
function lineUp(inside: Int32Array): void {
  Atomics.add(inside, 2, 1);
  while (Atomics.load(inside, 2) < THREADS);
}

function enter(inside: Int32Array): void {
  const now = Atomics.add(inside, 0, 1) + 1;
  let most = Atomics.load(inside, 1);
  while (now > most) most = Atomics.compareExchange(inside, 1, most, now) === most ? now : Atomics.load(inside, 1);
}

/** Tries again and again without waiting, until some thread was refused often enough; returns how often it got in. */
function grab(task: Task): number {
  const load = new ServerLoad(task.load, task.threadIndex);
  const inside = new Int32Array(task.inside);
  let entered = 0;
  let refused = 0;
  lineUp(inside);
  for (let i = 0; i < ATTEMPTS_MAX && Atomics.load(inside, 3) === 0; i++) {
    if (!load.tryAcquire(load.server(1), 1)) {
      if (++refused === REFUSALS) Atomics.store(inside, 3, 1);
      continue;
    }
    enter(inside);
    entered++;
    Atomics.sub(inside, 0, 1);
    load.release(load.server(1));
  }
  return entered;
}

/** Gets in TURNS times through the one place there is, sleeping while it is taken; −1 when a wake was lost. */
function queue(task: Task): number {
  const { threadIndex } = task;
  const load = new ServerLoad(task.load, threadIndex);
  const bells = new Int32Array(task.bells);
  const board = new WakeBoard(task.wakes, (fd) => {
    Atomics.add(bells, fd, 1);
    Atomics.notify(bells, fd);
  });
  const row = load.backend(2);
  const inside = new Int32Array(task.inside);
  lineUp(inside);
  for (let turn = 0; turn < TURNS; turn++) {
    while (!load.tryAcquire(row, 1)) {
      load.startWaiting(row, threadIndex);
      if (load.tryAcquire(row, 1)) break;
      if (Atomics.wait(bells, threadIndex, 0, WAKE_MS_MAX) === 'timed-out') return -1;
      Atomics.store(bells, threadIndex, 0);
      board.woken(threadIndex);
    }
    load.stopWaiting(row, threadIndex);
    enter(inside);
    Atomics.sub(inside, 0, 1);
    load.release(row);
    const waiter = load.nextWaiter(row, threadIndex);
    if (waiter >= 0) board.wake(waiter);
  }
  return TURNS;
}

interface Outcome {
  results: number[];
  load: ServerLoad;
  most: number;
}

async function runThreads(kind: Task['kind']): Promise<Outcome> {
  const load = ServerLoad.create(model, THREADS);
  const bells = new SharedArrayBuffer(THREADS * 4);
  const board = WakeBoard.create(THREADS, () => {});
  for (let threadIndex = 0; threadIndex < THREADS; threadIndex++) board.publish(threadIndex, threadIndex);
  const inside = new SharedArrayBuffer(16);
  const running = Array.from({ length: THREADS }, (_unused, threadIndex) => {
    const task: Task = { kind, load: load.buffer, wakes: board.buffer, bells, inside, threadIndex };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    return new Promise<number>((resolve, reject) => {
      let result = -2;
      worker.once('message', (message: number) => {
        result = message;
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve(result));
    });
  });
  return { results: await Promise.all(running), load, most: new Int32Array(inside)[1]! };
}

function runTests(): void {
  test('threads that fight for one place never hold two', async () => {
    const { results, load, most } = await runThreads('grab');
    ok(Math.max(...results) > 0 && Math.min(...results) >= 0, `${results}`);
    equal(most, 1);
    equal(load.current(load.server(1)), 0);
    equal(load.currentMax(load.server(1)), 1);
    equal(load.current(load.server(0)), 0);
  });

  test('threads that sleep until a place comes free are all woken in the end', async () => {
    const { results, load, most } = await runThreads('queue');
    deepEqual(results, Array(THREADS).fill(TURNS));
    equal(most, 1);
    equal(load.current(load.backend(2)), 0);
    equal(load.nextWaiter(load.backend(2), 0), -1);
  });

  test('servers, frontends, backends and the process have rows of their own', () => {
    const load = new ServerLoad(ServerLoad.create(model, 1).buffer, 0);
    const rows = [load.server(0), load.server(1), ...[0, 1, 2].flatMap((p) => [load.frontend(p), load.backend(p)])];
    rows.push(load.process());
    equal(new Set(rows).size, load.rowCount);
    for (const [i, row] of rows.entries()) for (let n = 0; n <= i; n++) load.acquire(row);
    for (const [i, row] of rows.entries()) equal(load.current(row), i + 1);
  });

  test('a limit of 0 is none; maxima remember', () => {
    const load = new ServerLoad(ServerLoad.create(model, 1).buffer, 0);
    for (let i = 0; i < 1000; i++) ok(load.tryAcquire(0, 0));
    equal(load.tryAcquire(0, 1000), false);
    ok(load.tryAcquire(0, 1001));
    for (let i = 0; i < 1001; i++) load.release(0);
    load.enqueue(0);
    load.enqueue(0);
    load.dequeue(0);
    deepEqual([load.current(0), load.currentMax(0), load.queued(0), load.queuedMax(0)], [0, 1001, 1, 2]);
  });

  test('giving back what one does not hold is a mistake that stops the thread', () => {
    const table = ServerLoad.create(model, 2);
    const mine = new ServerLoad(table.buffer, 0);
    const theirs = new ServerLoad(table.buffer, 1);
    throws(() => mine.release(0), { name: 'AssertionFailure' });
    const fresh = ServerLoad.create(model, 2);
    new ServerLoad(fresh.buffer, 1).acquire(0);
    throws(() => new ServerLoad(fresh.buffer, 0).release(0), /released more than it held/);
    throws(() => theirs.dequeue(0), { name: 'AssertionFailure' });
    throws(() => table.acquire(0), /only a proxy thread/);
    throws(() => mine.acquire(table.rowCount), /outside the table/);
    throws(() => new ServerLoad(table.buffer, 2), /outside the table/);
  });

  test('wakes go round the waiting threads, up to 64 of them, oneself last', () => {
    const load = new ServerLoad(ServerLoad.create(model, 64).buffer, 0);
    const row = load.process();
    equal(load.nextWaiter(row, 5), -1);
    const waiting = [0, 5, 31, 32, 33, 63];
    for (const threadIndex of waiting) load.startWaiting(row, threadIndex);
    load.startWaiting(row, 5);
    const round: number[] = [];
    let last = 5;
    for (let i = 0; i < waiting.length; i++) round.push((last = load.nextWaiter(row, last)));
    deepEqual(round, [31, 32, 33, 63, 0, 5]);
    for (let from = 0; from < 64; from++) {
      equal(load.nextWaiter(row, from), waiting.find((threadIndex) => threadIndex > from) ?? 0);
    }
    load.stopWaiting(row, 31);
    load.stopWaiting(row, 63);
    equal(load.nextWaiter(row, 5), 32);
    equal(load.nextWaiter(row, 33), 0);
  });

  test('what a crashed thread held comes back, what others hold stays', () => {
    const table = ServerLoad.create(model, 2);
    const crashed = new ServerLoad(table.buffer, 0);
    const other = new ServerLoad(table.buffer, 1);
    for (const load of [crashed, other]) {
      ok(load.tryAcquire(load.server(1), 5));
      load.acquire(load.backend(1));
      load.acquire(load.backend(1));
      load.release(load.backend(1));
      load.enqueue(load.backend(1));
      load.startWaiting(load.server(1), load === crashed ? 0 : 1);
    }
    table.reclaim(0);
    for (const again of [0, 1]) {
      deepEqual(
        [table.current(1), table.current(table.backend(1)), table.queued(table.backend(1)), table.nextWaiter(1, 1)],
        [1, 1, 1, 1],
        `reclaim ${again}`,
      );
      table.reclaim(0);
    }
    const replacement = new ServerLoad(table.buffer, 0);
    replacement.acquire(1);
    replacement.release(1);
    other.release(1);
    equal(table.current(1), 0);
  });
}
