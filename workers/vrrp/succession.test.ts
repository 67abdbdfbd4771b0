// Goal: whichever thread is late, a role has one owner and an advert counts once. Method: the claim and the packets
// kept, without sockets; two threads for the race.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { AdvertFact } from '../../core/vrrp/contract.ts';
import { Claim, Overheard } from './succession.ts';

const newWord = (): SharedArrayBuffer => new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
const EMPTY = new Uint8Array(0);
const fact = (name: number): AdvertFact => ({
  ifindex: name,
  family: 'inet',
  bytes: EMPTY,
  source: EMPTY,
  destination: EMPTY,
  hopLimit: -1,
});
const names = (facts: readonly AdvertFact[]): number[] => facts.map((each) => each.ifindex);

test('an offer that nobody takes in time comes back, and cannot be taken afterwards', () => {
  const word = newWord();
  assert.equal(new Claim(word).giveWithin(1), false);
  assert.equal(new Claim(word).take(), false);
});

test('an offer that was taken is given, however late one looks, and nobody takes it twice', () => {
  const word = newWord();
  assert.equal(new Claim(word).take(), true);
  assert.equal(new Claim(word).take(), false);
  assert.equal(new Claim(word).giveWithin(0), true);
});

test('two threads never both have the role, nor neither of them', async () => {
  const words = Array.from({ length: 300 }, newWord);
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.url).then(({ Claim }) => {
      parentPort.postMessage('begins');
      parentPort.postMessage(workerData.words.map((word) => new Claim(word).take()));
    });`;
  const workerData = { words, url: new URL('./succession.ts', import.meta.url).href };
  const heir = new Worker(source, { eval: true, workerData });
  await new Promise((resolve) => heir.once('message', resolve));
  const taken = new Promise<boolean[]>((resolve) => heir.once('message', resolve));
  const given = words.map((word) => new Claim(word).giveWithin(0.05));
  assert.deepEqual(given, await taken);
  await heir.terminate();
});

test('a successor acts on what came after its predecessor’s last packet, socket by socket', () => {
  const overheard = new Overheard();
  overheard.keep('a', 100, 5, fact(1));
  overheard.keep('a', 101, 5.5, fact(2));
  overheard.keep('b', 100.5, 6, fact(3));
  overheard.keep('a', 102, 7, fact(4));
  const heard = [
    ['a', 101],
    ['b', 99],
  ] as const;
  assert.deepEqual(names(overheard.takeAfter(heard, 6.5)), [3, 4]);
  assert.deepEqual(overheard.takeAfter(heard, 0), [], 'nothing is kept any more');
});

test('without time stamps, or where nothing was heard, the moment of reading decides', () => {
  const overheard = new Overheard();
  overheard.keep('a', 0, 5, fact(1));
  overheard.keep('a', 0, 7, fact(2));
  overheard.keep('b', 50, 5, fact(3));
  overheard.keep('b', 50, 7, fact(4));
  assert.deepEqual(names(overheard.takeAfter([['a', 40]], 6)), [2, 4]);
});

test('of a flood only the last packets are kept, in their order', () => {
  const overheard = new Overheard();
  for (let name = 1; name <= 1_000; name++) overheard.keep('a', name, name, fact(name));
  const kept = names(overheard.takeAfter([['a', 0]], 0));
  assert.equal(kept.at(-1), 1_000);
  assert.deepEqual(
    kept,
    kept.toSorted((a, b) => a - b),
  );
  assert.ok(kept.length < 1_000);
});
