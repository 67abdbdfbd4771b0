// Goal: much work is spread over turns without losing its order. Method: a backlog whose work takes time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualAddress } from '../../core/model/vrrp.ts';
import type { Intent } from '../../core/vrrp/contract.ts';
import { Backlog } from './backlog.ts';

const addressesOf = (count: number): VirtualAddress[] =>
  Array.from({ length: count }, (_, index) => ({ address: `10.0.0.${index}` }) as VirtualAddress);
const adding = (count: number): Intent => ({
  do: 'add-addresses',
  instance: 'V',
  interfaceName: 'eth0',
  accept: true,
  addresses: addressesOf(count),
});
const removing = (count: number): Intent => ({
  do: 'remove-addresses',
  instance: 'V',
  interfaceName: 'eth0',
  addresses: addressesOf(count),
});
const textOf = (intent: Intent): string[] => {
  if (intent.do === 'log') return [intent.text];
  if (intent.do === 'add-addresses') return intent.addresses.map((each) => `+${each.address}`);
  if (intent.do === 'remove-addresses') return intent.addresses.toReversed().map((each) => `-${each.address}`);
  return [intent.do];
};

test('everything is done in its order, piece by piece, and words come after what they tell of', () => {
  const done: string[] = [];
  const backlog = new Backlog((intent) => done.push(...textOf(intent)));
  backlog.add(adding(10));
  backlog.add(removing(6));
  backlog.add({ do: 'log', level: 'info', text: 'all done' });
  backlog.proceed(Number.POSITIVE_INFINITY);
  const added = addressesOf(10).map((each) => `+${each.address}`);
  const removed = addressesOf(6).map((each) => `-${each.address}`);
  assert.deepEqual(done, [...added, ...removed.toReversed(), 'all done']);
  assert.ok(backlog.isEmpty);
});

test('a turn ends when its time is over, and the next one goes on', () => {
  let pieces = 0;
  const backlog = new Backlog(() => {
    pieces++;
    const endAtMs = performance.now() + 0.5;
    while (performance.now() < endAtMs);
  });
  backlog.add(adding(200));
  backlog.proceed(1);
  assert.ok(pieces >= 1 && pieces <= 3, `${pieces} pieces of half a millisecond in one`);
  assert.equal(backlog.isEmpty, false);
  for (let turn = 0; !backlog.isEmpty; turn++) {
    assert.ok(turn < 200);
    backlog.proceed(1);
  }
  assert.equal(pieces, 50);
});
