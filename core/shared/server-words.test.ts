// Goal: one word per server says all, and nobody's change is lost. Method: every verb, and two threads that
// change different parts of the same word at full speed.

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Model } from '../model/model.ts';
import {
  packServerWord,
  SERVER_DRAIN,
  SERVER_MAINT,
  SERVER_STOPPING,
  SERVER_UNRESOLVED,
  SERVER_UP,
  ServerWords,
  wordEffectiveWeight,
  wordFlags,
  wordUsable,
  wordWeight,
} from './server-words.ts';

const CHANGE_COUNT = 100_000;

function modelOf(servers: object[]): Model {
  const full = servers.map((server, index) => ({ index, weight: 1, disabled: false, resolved: true, ...server }));
  return { serverCount: servers.length, proxies: [{ servers: full }] } as unknown as Model;
}

if (isMainThread) runTests();
else weigh();

/** Both start together: a thread that finished before the other began would prove nothing. */
function lineUp(ready: Int32Array): void {
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < 2);
}

// The second thread: weights only.
function weigh(): void {
  const words = new ServerWords(workerData.buffer);
  lineUp(new Int32Array(workerData.ready));
  for (let i = 0; i < CHANGE_COUNT; i++) words.setWeight(0, i % 257);
  words.setWeight(0, 200);
  parentPort!.postMessage('done');
}

function runTests(): void {
  test('the model decides who starts up and who in maintenance', () => {
    const words = ServerWords.create(
      modelOf([{ weight: 256 }, { disabled: true }, { resolved: false }, { weight: 0 }]),
    );
    const facts = [0, 1, 2, 3].map((i) => [wordWeight(words.word(i)), wordFlags(words.word(i)), words.usable(i)]);
    deepEqual(facts, [
      [256, SERVER_UP, true],
      [1, SERVER_UP | SERVER_MAINT, false],
      [1, SERVER_UP | SERVER_MAINT | SERVER_UNRESOLVED, false],
      [0, SERVER_UP, false],
    ]);
  });

  test('weight, effective weight and flags do not touch each other', () => {
    for (const weight of [0, 1, 255, 256]) {
      for (const effective of [0, 1, 4095, 4096]) {
        for (const flags of [0, SERVER_UP, SERVER_UP | SERVER_DRAIN, SERVER_UNRESOLVED | SERVER_STOPPING]) {
          const word = packServerWord(weight, effective, flags);
          deepEqual([wordWeight(word), wordEffectiveWeight(word), wordFlags(word)], [weight, effective, flags]);
          equal(wordUsable(word), flags === SERVER_UP && effective > 0);
        }
      }
    }
  });

  test('another thread attached to the same buffer sees a change, and the epoch moves once for it', () => {
    const words = ServerWords.create(modelOf([{}, {}]));
    const other = new ServerWords(words.buffer);
    const before = other.epoch();
    words.setWeight(1, 7);
    equal(other.epoch(), before + 1);
    deepEqual([wordWeight(other.word(1)), wordEffectiveWeight(other.word(1))], [7, 112]);
    words.setWeight(1, 7);
    words.setFlags(1, SERVER_UP, SERVER_MAINT);
    equal(other.epoch(), before + 1, 'a change that changes nothing is no news');
    words.setEffectiveWeight(1, 3);
    deepEqual([wordWeight(other.word(1)), wordEffectiveWeight(other.word(1))], [7, 3]);
    words.setFlags(1, SERVER_DRAIN, 0);
    equal(other.usable(1), false);
    equal(other.epoch(), before + 3);
  });

  test('what is out of range is refused', () => {
    const words = ServerWords.create(modelOf([{}]));
    for (const bad of [
      () => words.word(1),
      () => words.word(-1),
      () => words.setWeight(0, 257),
      () => words.setWeight(0, -1),
      () => words.setEffectiveWeight(0, 4097),
      () => words.setFlags(0, 1, 0),
      () => words.setFlags(0, SERVER_UP, SERVER_UP),
      () => words.setFlags(1, SERVER_UP, 0),
    ]) {
      throws(bad, { name: 'AssertionFailure' });
    }
  });

  test('two writers of the same word never undo each other', async () => {
    const words = ServerWords.create(modelOf([{}]));
    const ready = new SharedArrayBuffer(4);
    const worker = new Worker(new URL(import.meta.url), { workerData: { buffer: words.buffer, ready } });
    const done = new Promise((resolve) => worker.once('message', resolve));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('online', resolve));
    lineUp(new Int32Array(ready));
    for (let i = 0; i < CHANGE_COUNT; i++) {
      words.setFlags(0, SERVER_MAINT, SERVER_UP);
      ok(!words.usable(0), 'the weight writer brought an old flag back');
      words.setFlags(0, SERVER_UP, SERVER_MAINT);
      equal(wordFlags(words.word(0)), SERVER_UP);
    }
    await done;
    await ended;
    equal(wordWeight(words.word(0)), 200);
  });
}
