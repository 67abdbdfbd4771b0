// Goal: a link counts as up and down when the file says so. Method: the clock is a number; what the kernel says is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VrrpLink } from '../../core/model/vrrp.ts';
import { LinkStates } from './link-states.ts';

const eth0: VrrpLink = { name: 'eth0', linkbeat: '', downDelayMs: 500, upDelayMs: 200 };

function statesOf(...links: VrrpLink[]): LinkStates {
  const states = new LinkStates(() => {});
  states.configure(links, 0);
  return states;
}

test('a link of which the file says nothing counts as the kernel says', () => {
  const states = statesOf();
  assert.equal(states.isUp('eth0', true, 0), true);
  assert.equal(states.isUp('eth0', false, 1), false);
  assert.equal(states.nextMs, Number.POSITIVE_INFINITY);
});

test('a link that comes back within its delay was never down', () => {
  const states = statesOf(eth0);
  assert.equal(states.isUp('eth0', true, 0), true);
  assert.equal(states.isUp('eth0', false, 100), true);
  assert.equal(states.nextMs, 600);
  assert.equal(states.isUp('eth0', true, 599), true);
  assert.equal(states.nextMs, Number.POSITIVE_INFINITY);
  assert.equal(states.isUp('eth0', false, 700), true);
  assert.equal(states.isUp('eth0', false, 1_199), true, 'the delay begins anew');
  assert.equal(states.isUp('eth0', false, 1_200), false);
});

test('both delays count, each from its change', () => {
  const states = statesOf(eth0);
  states.isUp('eth0', true, 0);
  states.isUp('eth0', false, 0);
  assert.equal(states.isUp('eth0', false, 500), false);
  assert.equal(states.isUp('eth0', true, 1_000), false);
  assert.equal(states.nextMs, 1_200);
  assert.equal(states.isUp('eth0', true, 1_200), true);
});

test('a link that has never been up counts at once', () => {
  const states = statesOf(eth0);
  assert.equal(states.isUp('eth0', false, 0), false);
  assert.equal(states.isUp('eth0', true, 10), true);
});

test('a link that went and came starts anew', () => {
  const states = statesOf(eth0);
  states.isUp('eth0', true, 0);
  states.forget('eth0');
  assert.equal(states.isUp('eth0', false, 10), false);
});

test('a reload keeps what is pending, and another delay holds from the next change on', () => {
  const states = statesOf(eth0);
  states.isUp('eth0', true, 0);
  states.isUp('eth0', false, 100);
  states.configure([{ ...eth0, downDelayMs: 0 }], 200);
  assert.equal(states.isUp('eth0', false, 300), true);
  assert.equal(states.isUp('eth0', false, 600), false);
});

test('a card is asked at once and then each second; one that is not there is down', () => {
  const states = statesOf({ ...eth0, name: 'nope0', linkbeat: 'any' });
  assert.equal(states.nextMs, 0);
  states.poll(0);
  assert.equal(states.isUp('nope0', true, 0), false, 'the kernel’s word does not count');
  assert.equal(states.nextMs, 1_000);
  states.poll(999);
  assert.equal(states.nextMs, 1_000);
  states.poll(1_000);
  assert.equal(states.nextMs, 2_000);
  states.close();
});

test('the loopback has a link by ethtool and by its flags, and no MII', () => {
  const states = statesOf({ name: 'lo', linkbeat: 'MII', downDelayMs: 0, upDelayMs: 0 });
  states.poll(0);
  assert.equal(states.isUp('lo', false, 0), true);
  states.close();
});
