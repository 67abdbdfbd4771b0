// Goal: the fast tables say what the plain rules say. Method: the heap against a sorted list, the server map against
// the rule done naively, the ring against a scan over all its nodes; random cases from a seed.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Server } from '../model/proxy.ts';
import { ServerLoad } from '../shared/server-load.ts';
import { SERVER_MAINT, ServerWords } from '../shared/server-words.ts';
import { fuzz } from '../testing/fuzz.ts';
import { ConsistentRing } from './consistent.ts';
import { mix } from './hash.ts';
import { KeyedHeap } from './keyed-heap.ts';
import { type BalancedProxy, ServerGroup } from './server-group.ts';
import { ServerMap } from './server-map.ts';

function makeGroup(weights: readonly number[]): { group: ServerGroup; words: ServerWords } {
  const servers = weights.map((weight, index) => {
    return {
      index,
      id: index + 1,
      weight,
      backup: false,
      maxconn: 0,
      minconn: 0,
      maxqueue: 0,
      resolved: true,
    } as Server;
  });
  const proxy = {
    index: 0,
    allbackups: false,
    servers,
    hashBalanceFactor: 0,
    hashAffinity: 'always',
  } satisfies BalancedProxy;
  const model = { serverCount: weights.length, proxies: [proxy] } as unknown as Parameters<
    typeof ServerWords.create
  >[0];
  const words = ServerWords.create(model);
  return { group: new ServerGroup(proxy, words, ServerLoad.create(model, 1), 100), words };
}

fuzz(
  'a keyed heap is a sorted list whose equals queue up',
  (prng) => {
    const count = 1 + prng.below(12);
    const heap = new KeyedHeap(count);
    let list: { position: number; key: number; turn: number }[] = [];
    for (let turn = 0; turn < 60; turn++) {
      const position = prng.below(count);
      const found = list.find((item) => item.position === position);
      if (found === undefined) {
        const key = prng.below(4);
        heap.insert(position, key);
        list.push({ position, key, turn });
      } else {
        heap.remove(position);
        if (prng.below(2) === 0) heap.restore(position);
        else list = list.filter((item) => item !== found);
      }
      list.sort((a, b) => a.key - b.key || a.turn - b.turn);
      equal(heap.first(), list[0]?.position ?? -1);
      equal(heap.count, list.length);
    }
  },
  4,
);

function naiveMap(shares: readonly number[]): number[] {
  const length = shares.reduce((sum, share) => sum + share, 0);
  const scores = shares.map(() => 0);
  const entries: number[] = [];
  for (let place = 0; place < length; place++) {
    let best = -1;
    let most = -1;
    for (const [position, share] of shares.entries()) {
      if (share === 0) continue;
      scores[position]! += share;
      const whole = Math.floor((scores[position]! + length) / length);
      if (best < 0 || whole > most) {
        best = position;
        most = whole;
      }
    }
    scores[best]! -= length;
    entries.push(best);
  }
  return entries;
}

fuzz(
  'the server map is what adding up scores place by place gives',
  (prng) => {
    const weights = Array.from({ length: 1 + prng.below(9) }, () => 1 + prng.below(prng.below(2) === 0 ? 5 : 256));
    const { group, words } = makeGroup(weights);
    const map = new ServerMap(group);
    const divisor = weights.reduce((a, b) => greatestCommonDivisor(a, b));
    const shares = weights.map((weight) => weight / divisor);
    deepEqual([...map.entries.subarray(0, map.length)], naiveMap(shares));
    const out = prng.below(weights.length);
    words.setFlags(out, SERVER_MAINT, 0);
    group.refresh();
    map.rebuild();
    deepEqual([...map.entries.subarray(0, map.length)], naiveMap(shares.with(out, 0)));
  },
  20,
);

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

fuzz(
  'the ring gives the nearest node of all, and only its own keys move when a server leaves',
  (prng) => {
    const weights = Array.from({ length: 2 + prng.below(6) }, () => 1 + prng.below(4));
    const { group, words } = makeGroup(weights);
    const ring = new ConsistentRing(group);
    const hashes = Array.from({ length: 20 }, () => prng.below(2 ** 32));
    const nearest = (hash: number): number => {
      let distanceMin = 2 ** 32;
      for (const [position, weight] of weights.entries()) {
        for (let node = 0; node < weight * 16; node++) {
          const key = mix((position + 1) * 4096 + node);
          distanceMin = Math.min(distanceMin, (hash - key) >>> 0, (key - hash) >>> 0);
        }
      }
      return distanceMin;
    };
    const before = hashes.map((hash) => ring.nearest(hash, -1));
    for (const [i, hash] of hashes.entries()) {
      const reached = [...Array(weights[before[i]!]! * 16).keys()].map((node) => {
        const key = mix((before[i]! + 1) * 4096 + node);
        return Math.min((hash - key) >>> 0, (key - hash) >>> 0);
      });
      equal(Math.min(...reached), nearest(hash));
      ok(ring.nearest(hash, before[i]!) !== before[i]);
    }
    const out = prng.below(weights.length);
    words.setFlags(out, SERVER_MAINT, 0);
    group.refresh();
    ring.rebuild();
    for (const [i, hash] of hashes.entries()) {
      const after = ring.nearest(hash, -1);
      ok(after !== out);
      if (before[i] !== out) equal(after, before[i]);
    }
  },
  40,
);

test('a large map is built in the time of its length, not of its length times the servers', () => {
  const weights = Array.from({ length: 1000 }, (_unused, position) => 100 + ((position * 37) % 157));
  const { group } = makeGroup(weights);
  const started = performance.now();
  const map = new ServerMap(group);
  equal(
    map.length,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
  const tookMs = performance.now() - started;
  ok(tookMs < 1500, `${tookMs} ms; the naive way needs over 170 million steps`);
  const counts = new Map<number, number>();
  for (const position of map.entries.subarray(0, map.length)) counts.set(position, (counts.get(position) ?? 0) + 1);
  for (const [position, weight] of weights.entries()) equal(counts.get(position), weight);
});
