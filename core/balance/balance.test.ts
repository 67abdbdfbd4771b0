// Goal: each algorithm chooses as HAProxy 3.4 does. Method: the sequences below were recorded from HAProxy 3.4.0
// (one thread, TCP, origins that answer with their letter; 'a' is the first server) and are replayed here: '+'
// opens a connection and keeps it, '.' opens and closes one, '-n' closes the nth kept one.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../model/model.ts';
import type { BalanceAlgorithm, HashAffinity, HashType, Proxy, Server } from '../model/proxy.ts';
import { Counters, SESSION_RATE } from '../shared/counters.ts';
import { ServerLoad } from '../shared/server-load.ts';
import { SERVER_DRAIN, SERVER_MAINT, SERVER_UP, ServerWords } from '../shared/server-words.ts';
import { AVOID_NONE, type Balancer, HASH_NONE, PICK_FULL, PICK_NONE } from './contract.ts';
import { hashSource, mix } from './hash.ts';
import { fullconnOf, makeBalancer } from './make.ts';

type ServerOptions = Partial<
  Pick<Server, 'id' | 'weight' | 'backup' | 'maxconn' | 'minconn' | 'maxqueue' | 'disabled' | 'resolved'>
>;

interface SceneOptions {
  hashType?: Partial<HashType>;
  allbackups?: boolean;
  fullconn?: number;
  hashBalanceFactor?: number;
  hashAffinity?: HashAffinity;
  seed?: number;
  threadCount?: number;
  threadIndex?: number;
  shareWith?: Scene;
}

function makeServer(options: ServerOptions, position: number): Server {
  const defaults = { id: position + 1, weight: 1, backup: false, maxconn: 0, minconn: 0, maxqueue: 0 };
  return { ...defaults, disabled: false, resolved: true, index: position, ...options } as Server;
}

/** One backend, its shared memory and one thread's balancer; plays the proxy core's part of the contract. */
class Scene {
  readonly words: ServerWords;
  readonly load: ServerLoad;
  readonly counters: Counters;
  readonly clock = { nowMs: 1_000_000 };
  readonly balancer: Balancer;
  readonly kept: number[] = [];
  private readonly avalanche: boolean;

  constructor(balance: BalanceAlgorithm, servers: ServerOptions[], options: SceneOptions = {}) {
    const hashType = { method: 'map-based', function: 'sdbm', avalanche: false, ...options.hashType };
    this.avalanche = hashType.avalanche;
    const proxy = {
      ...{ index: 0, kind: 'listen', name: 'l', balance, hashType, allbackups: options.allbackups ?? false },
      ...{ hashBalanceFactor: options.hashBalanceFactor ?? 0, hashAffinity: options.hashAffinity ?? 'always' },
      ...{ fullconn: options.fullconn ?? 0, maxconn: 0, switching: [], defaultBackend: '', disabled: false },
      servers: servers.map(makeServer),
    } as unknown as Proxy;
    const model: Pick<Model, 'serverCount' | 'proxies'> = { serverCount: servers.length, proxies: [proxy] };
    const threadCount = options.threadCount ?? 1;
    const threadIndex = options.threadIndex ?? 0;
    const shared = options.shareWith;
    this.words = shared?.words ?? ServerWords.create(model);
    this.load = new ServerLoad(shared?.load.buffer ?? ServerLoad.create(model, threadCount).buffer, threadIndex);
    this.counters = new Counters(Counters.create(model, threadCount).buffer, threadIndex);
    const { words, load, counters, clock } = this;
    const seed = options.seed ?? 1;
    this.balancer = makeBalancer(model, proxy, 2000, { words, load, counters, clock, threadIndex, seed });
  }

  /** Opens a stream and keeps it; the letter of its server, '-' when it had to queue, '!' when none was fit. */
  open(hash = HASH_NONE, avoid = AVOID_NONE): string {
    const position = this.balancer.pick(hash, avoid);
    if (position === PICK_NONE) return '!';
    if (position === PICK_FULL) return '-';
    if (!this.load.tryAcquire(this.load.server(position), this.balancer.maxconn(position))) return '-';
    this.load.acquire(this.load.backend(0));
    this.balancer.taken(position);
    this.kept.push(position);
    return letter(position);
  }

  close(which: number): void {
    const position = this.kept[which]!;
    this.load.release(this.load.server(position));
    this.load.release(this.load.backend(0));
    this.balancer.dropped(position);
  }

  /** Opens and closes `count` streams one after the other. */
  turns(count: number): string {
    let letters = '';
    for (let i = 0; i < count; i++) {
      letters += this.open();
      this.close(this.kept.length - 1);
    }
    return letters;
  }

  opens(count: number): string {
    let letters = '';
    for (let i = 0; i < count; i++) letters += this.open();
    return letters;
  }

  source(address: string): string {
    const bytes = Uint8Array.from(address.split('.'), Number);
    return letter(this.balancer.pick(hashSource(bytes, 0, bytes.length, this.avalanche), AVOID_NONE));
  }

  sources(): string {
    return sourceAddresses.map((address) => this.source(address)).join('');
  }
}

const letter = (position: number): string => String.fromCharCode(97 + position);
const positionOf = (name: string): number => name.charCodeAt(0) - 97;
const weights = (...list: number[]): ServerOptions[] => list.map((weight) => ({ weight }));
const sourceAddresses = [0, 1, 7, 200].flatMap((third) =>
  [1, 2, 3, 4, 77, 254].map((last) => `127.0.${third}.${last}`),
);

// Recorded: weights → roundrobin, static-rr.
const rotations: [number[], string, string][] = [
  [[1, 1, 1], 'abcabcabcabcabcabcabcabc', 'abcabcabcabcabcabcabcabc'],
  [[1, 2, 3], 'cbcacbcbcacbcbcacbcbcacb', 'acbcbcacbcbcacbcbcacbcbc'],
  [[5, 1, 1], 'aaabaacaaabaacaaabaacaaa', 'aaabaacaaabaacaaabaacaaa'],
  [[3, 2], 'aababaababaababaababaaba', 'aababaababaababaababaaba'],
  [
    [10, 20, 30, 40],
    'dcdbcdadcbdcdbcdadcbdcdbcdadcbdcdbcdadcbdcdbcdadcbdcdbcdadcb',
    'abdcdbcdcdabdcdbcdcdabdcdbcdcdabdcdbcdcdabdcdbcdcdabdcdbcdcd',
  ],
  [[256, 1], 'a'.repeat(60), 'a'.repeat(60)],
  [[7, 5, 3, 2], 'abacbadabcabaacbdabacbadabcabaacbd', 'ababacbadabcabacdababacbadabcabacd'],
  [
    [100, 50, 25, 10, 1],
    'aabacabadabacabaabacabaeabacdabaabacabaabacabadabacabaabacab',
    'aababacabacabaabacdaababacaababacabadabaabacabacabadaababaca',
  ],
  [[1, 0, 2], 'ccaccaccaccaccaccaccacca', 'accaccaccaccaccaccaccacc'],
  [[13], 'a'.repeat(26), 'a'.repeat(26)],
];

for (const [list, roundrobin, staticRr] of rotations) {
  test(`roundrobin with weights ${list} turns exactly as HAProxy's`, () => {
    equal(new Scene({ name: 'roundrobin' }, weights(...list)).turns(roundrobin.length), roundrobin);
  });
  test(`static-rr with weights ${list} turns exactly as HAProxy's`, () => {
    equal(new Scene({ name: 'static-rr' }, weights(...list)).turns(staticRr.length), staticRr);
  });
}

test('roundrobin follows weights changed at run time exactly as HAProxy does', () => {
  const scene = new Scene({ name: 'roundrobin' }, weights(1, 1, 1));
  equal(scene.turns(5), 'abcab');
  scene.words.setWeight(0, 3);
  equal(scene.turns(15), 'cabaacabaacabaa');
  scene.words.setWeight(1, 0);
  equal(scene.turns(10), 'caaacaaaca');
  scene.words.setWeight(1, 2);
  equal(scene.turns(16), 'abacababacababac');
});

test('roundrobin lets servers leave and come back exactly as HAProxy does', () => {
  const scene = new Scene({ name: 'roundrobin' }, weights(10, 20, 30));
  equal(scene.turns(7), 'cbcacbc');
  scene.words.setWeight(0, 60);
  equal(scene.turns(22), 'bacaacbaacabacaacbaaca');
  scene.words.setFlags(2, SERVER_MAINT, 0);
  equal(scene.turns(10), 'baaabaaaba');
  scene.words.setFlags(2, 0, SERVER_MAINT);
  equal(scene.turns(16), 'aabcaacabacaabca');
});

test('a weight changed before the first turn counts from the first turn on', () => {
  const scene = new Scene({ name: 'roundrobin' }, weights(1, 1, 1));
  scene.words.setWeight(1, 2);
  equal(scene.turns(16), 'acbbacbbacbbacbb');
});

test('static-rr takes a server out of its table and puts it back', () => {
  const scene = new Scene({ name: 'static-rr' }, weights(1, 2, 3));
  equal(scene.turns(4), 'acbc');
  scene.words.setFlags(2, SERVER_MAINT, 0);
  equal(scene.turns(8), 'abbabbab');
  scene.words.setFlags(2, 0, SERVER_MAINT);
  equal(scene.turns(14), 'bcbcacbcbcacbc');
});

test('only the first usable backup works, and only while no active server does', () => {
  const scene = new Scene({ name: 'roundrobin' }, [{}, { backup: true, weight: 2 }, { backup: true }]);
  equal(scene.turns(3), 'aaa');
  scene.words.setFlags(0, SERVER_MAINT, 0);
  equal(scene.turns(5), 'bbbbb');
  scene.words.setFlags(1, SERVER_MAINT, 0);
  equal(scene.turns(4), 'cccc');
  scene.words.setFlags(0, 0, SERVER_MAINT);
  equal(scene.turns(4), 'aaaa');
});

test('option allbackups spreads over all backups by weight', () => {
  const servers: ServerOptions[] = [{}, { backup: true, weight: 2 }, { backup: true }];
  const scene = new Scene({ name: 'roundrobin' }, servers, { allbackups: true });
  equal(scene.turns(3), 'aaa');
  scene.words.setFlags(0, SERVER_MAINT, 0);
  equal(scene.turns(8), 'bbcbbcbb');
  scene.words.setFlags(1, SERVER_MAINT, 0);
  equal(scene.turns(4), 'cccc');
  scene.words.setFlags(0, 0, SERVER_MAINT);
  equal(scene.turns(4), 'aaaa');
});

test('static-rr with option allbackups walks a table of the backups', () => {
  const servers: ServerOptions[] = [{}, { backup: true, weight: 2 }, { backup: true, weight: 3 }];
  const scene = new Scene({ name: 'static-rr' }, servers, { allbackups: true });
  equal(scene.turns(3), 'aaa');
  scene.words.setFlags(0, SERVER_MAINT, 0);
  equal(scene.turns(12), 'cbccbcbccbcb');
});

test('every algorithm keeps to one backup without option allbackups and uses several with it', () => {
  const servers: ServerOptions[] = [{}, { backup: true, weight: 2 }, { backup: true, weight: 2 }];
  for (const balance of algorithms) {
    for (const allbackups of [false, true]) {
      const scene = new Scene(balance, servers, { allbackups });
      scene.words.setFlags(0, SERVER_MAINT, 0);
      const seen = new Set<string>();
      for (let i = 0; i < 200; i++) {
        seen.add(scene.open(Math.imul(i, 0x9e3779b9) >>> 0));
        scene.close(i);
      }
      // `first` fills one server at a time, however many may be used.
      const expected = allbackups && balance.name !== 'first' ? ['b', 'c'] : ['b'];
      deepEqual([...seen].sort(), expected, `${balance.name} allbackups ${allbackups}`);
    }
  }
});

const algorithms: BalanceAlgorithm[] = [
  { name: 'roundrobin' },
  { name: 'static-rr' },
  { name: 'leastconn' },
  { name: 'first' },
  { name: 'source' },
  { name: 'random', draws: 2 },
];

test('roundrobin and static-rr pass full servers by and go on where a place comes free', () => {
  for (const name of ['roundrobin', 'static-rr'] as const) {
    const scene = new Scene({ name }, [{ maxconn: 2 }, { maxconn: 1 }, { maxconn: 3 }]);
    equal(scene.opens(8), 'abcacc--');
    scene.close(0);
    equal(scene.opens(2), 'a-');
    scene.close(1);
    equal(scene.opens(1), 'b');
  }
});

test('first fills the lowest id up to its maxconn before the next', () => {
  const scene = new Scene({ name: 'first' }, [{ maxconn: 2 }, { maxconn: 1 }, { maxconn: 3 }]);
  equal(scene.opens(8), 'aabccc--');
  scene.close(0);
  equal(scene.opens(2), 'a-');
  scene.close(2);
  equal(scene.opens(1), 'b');
});

test('first goes by id, not by order in the file, and ignores all weights but 0', () => {
  const byId = new Scene({ name: 'first' }, [
    { maxconn: 2, id: 30 },
    { maxconn: 1, id: 10 },
    { maxconn: 3, id: 20 },
  ]);
  equal(byId.opens(8), 'bcccaa--');
  byId.close(0);
  equal(byId.opens(2), 'b-');
  byId.close(2);
  equal(byId.opens(1), 'c');
  const weighted = new Scene({ name: 'first' }, [
    { maxconn: 2, weight: 1 },
    { maxconn: 1, weight: 0 },
    { maxconn: 3, weight: 50 },
  ]);
  equal(weighted.opens(6), 'aaccc-');
});

// HAProxy 3.4 keeps equals in four lists drawn at random, so its leastconn sequences differ from run to run;
// what never differs is that the chosen server has the lowest key. Ours takes equals strictly in turn.
test('leastconn finds every choice that HAProxy was seen to make a lowest-key choice', () => {
  const recorded: [number[], string][] = [
    [[1, 1, 1], 'abcabcbac'],
    [[1, 2, 3], 'bcacbccbccabcbccba'],
    [[10, 1], 'baaaaaaaaaaaaaaaaaaaab'],
  ];
  for (const [list, sequence] of recorded) {
    const scene = new Scene({ name: 'leastconn' }, weights(...list));
    for (const name of sequence) {
      const key = (position: number): number => {
        const inflight = scene.load.current(position);
        return inflight === 0 ? 0 : Math.floor(((inflight + 1) * 256) / list[position]!);
      };
      const ours = scene.balancer.pick(HASH_NONE, AVOID_NONE);
      equal(key(ours), key(positionOf(name)), `${list} ${sequence}`);
      scene.load.acquire(positionOf(name));
      scene.balancer.taken(positionOf(name));
    }
  }
});

test('leastconn takes equals in turn, idle servers first, then by load for the weight', () => {
  equal(new Scene({ name: 'leastconn' }, weights(1, 1, 1)).turns(9), 'abcabcabc');
  equal(new Scene({ name: 'leastconn' }, weights(1, 1, 1)).opens(9), 'abcabcabc');
  equal(new Scene({ name: 'leastconn' }, weights(10, 1)).opens(22), `ab${'a'.repeat(18)}ba`);
});

test('leastconn leaves full servers out unless maxqueue lets them queue', () => {
  equal(new Scene({ name: 'leastconn' }, [{ maxconn: 2 }, { maxconn: 1 }, { maxconn: 3 }]).opens(8), 'abcacc--');
  const scene = new Scene({ name: 'leastconn' }, [{ maxconn: 1, maxqueue: 2 }, { maxconn: 1 }]);
  equal(scene.opens(2), 'ab');
  for (const inQueue of [0, 1]) {
    equal(scene.balancer.pick(HASH_NONE, AVOID_NONE), 0, `with ${inQueue} in its queue`);
    scene.load.enqueue(scene.load.server(0));
    scene.balancer.taken(0);
  }
  equal(scene.balancer.pick(HASH_NONE, AVOID_NONE), PICK_FULL);
});

test('leastconn sees the load that other threads make', () => {
  const servers = Array.from({ length: 100 }, () => ({}));
  const mine = new Scene({ name: 'leastconn' }, servers, { threadCount: 2 });
  const theirs = new Scene({ name: 'leastconn' }, servers, { threadCount: 2, threadIndex: 1, shareWith: mine });
  for (let i = 0; i < 100; i++) theirs.open();
  // Every server has one stream of theirs: the keys in our heap are all out of date, and so is the top.
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) seen.add(mine.open());
  equal(seen.size, 100);
  // A server that we last saw busiest and that they emptied is found within one sweep (100 servers, 16 a pick).
  for (let i = 0; i < 9; i++) theirs.load.acquire(42);
  mine.close(mine.kept.indexOf(42));
  for (let i = 0; i < 10; i++) theirs.load.release(42);
  let picks = 1;
  while (picks < 50 && mine.balancer.pick(HASH_NONE, AVOID_NONE) !== 42) picks++;
  ok(picks <= 7, `${picks} picks`);
});

// Recorded for 24 client addresses 127.0.{0,1,7,200}.{1,2,3,4,77,254}.
const sourceFacts: [number[], Partial<HashType>, string][] = [
  [[1, 1, 1], {}, 'cabcaaabcabbabcabbbcabcc'],
  [[1, 1, 1], { avalanche: true }, 'baaaaccbabcccaaaaaacabbb'],
  [[1, 1, 1], { method: 'consistent', avalanche: true }, 'bacacabaccbcabcbbbccabaa'],
  [[1, 1, 1], { method: 'consistent' }, 'bbbbbbbbbbbbbbbbbbbbbbbb'],
  [[1, 2, 3], {}, 'cacbcacbcacbcbcacbcbcbcb'],
  [[1, 2, 3], { avalanche: true }, 'ccaccbbbcbbcbaccaccbacbc'],
  [[1, 2, 3], { method: 'consistent', avalanche: true }, 'cabaccbaccbcabcbbbbcabca'],
  [[1, 2, 3], { method: 'consistent' }, 'bbbbbbbbbbbbbbbbbbbbbbbb'],
  [[10, 20, 30, 40], {}, 'cdbcdcdabdbdbcdcbccdbcdc'],
  [[10, 20, 30, 40], { avalanche: true }, 'ccdddaacdaddccdbdbbccbdb'],
  [[10, 20, 30, 40], { method: 'consistent', avalanche: true }, 'dccaacdcdcdcddabccbcdddc'],
  [[10, 20, 30, 40], { method: 'consistent' }, 'dddddddddddddddddddddddd'],
];

for (const [list, hashType, expected] of sourceFacts) {
  test(`source with weights ${list} and ${JSON.stringify(hashType)} sends clients where HAProxy does`, () => {
    equal(new Scene({ name: 'source' }, weights(...list), { hashType }).sources(), expected);
  });
}

const consistent: SceneOptions = { hashType: { method: 'consistent', avalanche: true } };

test('a server that leaves a consistent ring moves its own clients alone, and gets them back', () => {
  const scene = new Scene({ name: 'source' }, weights(1, 1, 1, 1), consistent);
  const before = 'ddcacadacdbcdbcbbbccabda';
  equal(scene.sources(), before);
  scene.words.setFlags(1, SERVER_MAINT, 0);
  const without = 'ddcacadacdccddcdccccaada';
  equal(scene.sources(), without);
  for (let i = 0; i < before.length; i++) ok(before[i] === 'b' || before[i] === without[i]);
  scene.words.setFlags(1, 0, SERVER_MAINT);
  equal(scene.sources(), before);
});

test('the ring follows server ids and weights raised at run time', () => {
  const byId = new Scene({ name: 'source' }, [{ id: 7 }, { id: 100 }, { id: 3 }], consistent);
  equal(byId.sources(), 'cbaacbbbaaaacccbabcccbcb');
  const scene = new Scene({ name: 'source' }, weights(1, 1, 1), consistent);
  equal(scene.sources(), 'bacacabaccbcabcbbbccabaa');
  scene.words.setWeight(1, 5);
  equal(scene.sources(), 'babacbbbbbbcbbcbbbbbabba');
});

test('a client without an address takes turns instead of hashing', () => {
  equal(new Scene({ name: 'source' }, weights(1, 2, 3)).turns(6), 'acbcbc');
  const ring = new Scene({ name: 'source' }, weights(1, 1), consistent);
  const letters = ring.turns(32); // once round: each server has 16 nodes
  equal([...letters].filter((name) => name === 'a').length, 16);
  equal(ring.turns(32), letters);
});

test('a hash may be any 32-bit number', () => {
  for (const options of [{}, consistent]) {
    const scene = new Scene({ name: 'source' }, weights(1, 2, 3), options);
    for (const hash of [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) {
      const position = scene.balancer.pick(hash, AVOID_NONE);
      ok(position >= 0 && position < 3);
    }
  }
});

test('random draws in proportion to the weights, and the same from the same seed', () => {
  const list = [1, 2, 3, 4];
  const draw = (seed: number): string =>
    new Scene({ name: 'random', draws: 0 }, weights(...list), { seed }).turns(1000);
  equal(draw(7), draw(7));
  ok(draw(7) !== draw(8));
  // The ring is uneven (16 nodes a weight unit), so what a fair draw gives is what evenly spaced hashes give.
  const even = new Scene({ name: 'source' }, weights(...list), consistent);
  const scene = new Scene({ name: 'random', draws: 1 }, weights(...list), { seed: 3 });
  const drawCount = 40_000;
  const drawn = [0, 0, 0, 0];
  for (const name of scene.turns(drawCount)) drawn[positionOf(name)]!++;
  const evenCounts = [0, 0, 0, 0];
  for (let i = 0; i < drawCount; i++)
    evenCounts[even.balancer.pick(Math.floor((i * 2 ** 32) / drawCount), AVOID_NONE)]!++;
  for (const [position, weight] of list.entries()) {
    const share = evenCounts[position]! / drawCount;
    ok(Math.abs(drawn[position]! / drawCount - share) < 0.01, `server ${position}: fair ${share}`);
    ok(Math.abs(share - weight / 10) < 0.06, `server ${position} owns ${share} of the ring`);
  }
});

test('random with two draws keeps the less loaded of them', () => {
  const worst = (draws: number): number => {
    const scene = new Scene({ name: 'random', draws }, weights(...Array(20).fill(10)), { seed: 5 });
    scene.opens(2000);
    const currents = Array.from({ length: 20 }, (_unused, position) => scene.load.current(position));
    return Math.max(...currents) - Math.min(...currents);
  };
  const one = worst(1);
  const two = worst(2);
  ok(two <= 8 && two < one / 3, `spread ${one} with one draw, ${two} with two`);
});

test('random tells equally loaded servers apart by their sessions of the last second', () => {
  const scene = new Scene({ name: 'random', draws: 8 }, weights(1, 1), { seed: 9 });
  for (let i = 0; i < 50; i++) scene.counters.countRate(scene.counters.server(0), SESSION_RATE, scene.clock.nowMs);
  const letters = scene.turns(300);
  ok([...letters].filter((name) => name === 'b').length > 290, letters);
});

test('random sends to the backend queue when the server it drew is full', () => {
  const scene = new Scene({ name: 'random', draws: 2 }, [{ maxconn: 1 }, { maxconn: 1 }], { seed: 2 });
  const letters = scene.opens(50);
  deepEqual([...letters.replaceAll('-', '')].sort(), ['a', 'b']);
  equal(letters.slice(-20), '-'.repeat(20));
});

test('each algorithm turns away from the server that failed, if another is left', () => {
  for (const balance of algorithms) {
    for (const options of balance.name === 'source' ? [{}, consistent] : [{}]) {
      const scene = new Scene(balance, weights(1, 1, 1), options);
      for (let i = 0; i < 60; i++) {
        const hash = balance.name === 'source' ? Math.imul(i, 0x9e3779b9) >>> 0 : HASH_NONE;
        const failed = scene.balancer.pick(hash, AVOID_NONE);
        const again = scene.balancer.pick(hash, failed);
        const mapBased = balance.name === 'source' && options !== consistent;
        ok(mapBased ? again === failed : again !== failed, balance.name);
      }
      scene.words.setFlags(0, SERVER_MAINT, 0);
      scene.words.setFlags(2, SERVER_DRAIN, 0);
      equal(scene.balancer.pick(HASH_NONE, 1), 1, `${balance.name}: the only one left is taken again`);
    }
  }
});

test('without a usable server every algorithm says so, and recovers by epoch', () => {
  for (const balance of algorithms) {
    for (const options of balance.name === 'source' ? [{}, consistent] : [{}]) {
      const scene = new Scene(balance, [{ disabled: true }, { resolved: false }, { weight: 0 }], options);
      equal(scene.balancer.pick(5, AVOID_NONE), PICK_NONE, balance.name);
      scene.words.setWeight(2, 3);
      equal(scene.balancer.pick(5, AVOID_NONE), 2, balance.name);
      scene.words.setFlags(2, 0, SERVER_UP);
      equal(scene.balancer.pick(5, AVOID_NONE), PICK_NONE, balance.name);
      scene.words.setFlags(0, 0, SERVER_MAINT);
      equal(scene.balancer.pick(5, AVOID_NONE), 0, balance.name);
      ok(scene.balancer.usable(0) && !scene.balancer.usable(2));
    }
  }
});

test('a backend without servers has nobody to pick', () => {
  for (const balance of algorithms) equal(new Scene(balance, []).balancer.pick(5, AVOID_NONE), PICK_NONE);
});

test('while streams wait in the backend queue, roundrobin, static-rr and first send newcomers there', () => {
  for (const name of ['roundrobin', 'static-rr', 'first'] as const) {
    const scene = new Scene({ name }, [{ maxconn: 2 }, { maxconn: 2 }]);
    scene.open();
    const backend = scene.load.backend(0);
    scene.load.acquire(backend); // the waiting stream counts in the backend too
    scene.load.enqueue(backend);
    equal(scene.open(), '-', name);
    scene.close(0); // nothing is served any more: nobody would empty the queue
    ok(scene.open() !== '-', name);
  }
});

test('maxconn grows from minconn to maxconn with the load of the backend', () => {
  const scene = new Scene({ name: 'roundrobin' }, [{ minconn: 2, maxconn: 10 }, { minconn: 5 }], { fullconn: 20 });
  const backend = scene.load.backend(0);
  const seen: number[] = [];
  for (let i = 0; i <= 20; i++) {
    seen.push(scene.balancer.maxconn(0));
    scene.load.acquire(backend);
  }
  deepEqual(seen, [2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10]);
  equal(scene.balancer.maxconn(1), 5);
});

test('fullconn is a tenth of what the frontends that reach the backend can take', () => {
  const proxy = (index: number, name: string, kind: string, more: object): Proxy =>
    ({
      ...{ index, name, kind, maxconn: 0, fullconn: 0, disabled: false },
      switching: [],
      defaultBackend: '',
      ...more,
    }) as unknown as Proxy;
  const backend = proxy(0, 'b', 'backend', {});
  const proxies = [
    backend,
    proxy(1, 'f', 'frontend', { maxconn: 95, defaultBackend: 'b', switching: [{ backend: 'b' }] }),
    proxy(2, 'g', 'frontend', { switching: [{ backend: 'x' }, { backend: 'b' }] }),
    proxy(3, 'l', 'listen', { maxconn: 5000 }),
    proxy(4, 'off', 'frontend', { maxconn: 7000, defaultBackend: 'b', disabled: true }),
  ];
  equal(fullconnOf({ proxies }, backend, 2000), 210);
  equal(fullconnOf({ proxies }, proxies[3]!, 2000), 500);
  equal(fullconnOf({ proxies }, { ...backend, fullconn: 7 }, 2000), 7);
  equal(fullconnOf({ proxies: [] }, backend, 2000), 1);
});

test('threads begin their rotation with different servers', () => {
  const starts = [0, 1, 2, 3].map((threadIndex) => {
    const options = { threadCount: 4, threadIndex };
    return ['roundrobin', 'static-rr', 'leastconn']
      .map((name) => new Scene({ name } as BalanceAlgorithm, weights(1, 1, 1), options).turns(3))
      .join(' ');
  });
  deepEqual(starts, ['abc abc abc', 'bca bca bca', 'cab cab cab', 'abc abc abc']);
});

test('a warming server gets its fraction of a weight unit', () => {
  const scene = new Scene({ name: 'roundrobin' }, weights(1, 1));
  scene.words.setEffectiveWeight(1, 4); // a quarter
  scene.turns(20); // into the rhythm of the new weights
  equal([...scene.turns(100)].filter((name) => name === 'b').length, 20);
});

test('a thousand servers get their shares, through changes, from every algorithm that gives shares', () => {
  const list = Array.from({ length: 1000 }, (_unused, position) => 1 + (position % 4));
  const total = list.reduce((sum, weight) => sum + weight, 0);
  for (const name of ['roundrobin', 'static-rr'] as const) {
    const scene = new Scene({ name }, weights(...list));
    const counts = new Map<number, number>();
    const run = (): void => {
      counts.clear();
      for (let i = 0; i < total; i++) {
        const position = scene.balancer.pick(HASH_NONE, AVOID_NONE);
        counts.set(position, (counts.get(position) ?? 0) + 1);
      }
    };
    run();
    for (const [position, weight] of list.entries()) equal(counts.get(position), weight, `${name} ${position}`);
    scene.words.setFlags(500, SERVER_MAINT, 0);
    run();
    equal(counts.has(500), false);
  }
});

test('every algorithm with a key chooses by its hash alone, as source does', () => {
  const keyed = ['uri', 'url_param', 'hdr', 'rdp-cookie', 'hash'] as const;
  for (const options of [{}, consistent]) {
    const source = new Scene({ name: 'source' }, weights(1, 2, 3), options);
    for (const name of keyed) {
      const scene = new Scene({ name } as BalanceAlgorithm, weights(1, 2, 3), options);
      equal(scene.balancer.hashes, true);
      equal(scene.balancer.needsSourceHash, false, 'the hash is not that of the address');
      for (let i = 0; i < 100; i++) {
        const hash = Math.imul(i, 0x9e3779b9) >>> 0;
        equal(scene.balancer.pick(hash, AVOID_NONE), source.balancer.pick(hash, AVOID_NONE), `${name} ${hash}`);
      }
    }
  }
});

test('the only server left is full for a stream whose key is missing, where HAProxy asks for a key all the same', () => {
  for (const options of [{}, consistent]) {
    for (const [name, expected] of [
      ['hdr', 0],
      ['hash', 0],
      ['url_param', PICK_FULL],
      ['rdp-cookie', PICK_FULL],
    ] as const) {
      const scene = new Scene({ name } as BalanceAlgorithm, [{ maxconn: 1 }, { disabled: true }], options);
      equal(scene.open(), 'a');
      equal(scene.balancer.pick(HASH_NONE, AVOID_NONE), expected, name);
      equal(scene.balancer.pick(7, AVOID_NONE), 0, `${name} with a key waits for its server`);
    }
  }
});

test('hash-balance-factor keeps every server within its share, whatever the hashes', () => {
  const list = [1, 2, 5];
  const scene = new Scene({ name: 'uri' } as BalanceAlgorithm, weights(...list), {
    ...consistent,
    hashBalanceFactor: 120,
  });
  for (let opened = 0; opened < 400; opened++) {
    ok(scene.open(12345) !== '-');
    for (const [position, weight] of list.entries()) {
      const bound = Math.ceil((((opened + 1) * 1.2) / 8) * weight) + 1;
      ok(scene.load.current(position) <= bound, `${position} has ${scene.load.current(position)} of ${bound}`);
    }
  }
  // Map-based hashing knows no bound.
  const map = new Scene({ name: 'uri' } as BalanceAlgorithm, weights(...list), { hashBalanceFactor: 120 });
  equal(new Set(Array.from({ length: 50 }, () => map.open(12345))).size, 1);
});

test('hash-preserve-affinity maxconn and maxqueue pass busy servers over, always does not', () => {
  const servers = [{ maxconn: 1, maxqueue: 1 }, { maxconn: 1 }];
  const make = (hashAffinity: HashAffinity): Scene =>
    new Scene({ name: 'uri' } as BalanceAlgorithm, servers, { ...consistent, hashAffinity });
  const ofFirst = [...Array(100).keys()]
    .map((value) => Math.imul(value, 0x9e3779b9) >>> 0)
    .find((value) => make('always').balancer.pick(value, AVOID_NONE) === 0)!;
  const queueUp = (scene: Scene): void => {
    scene.load.enqueue(scene.load.server(0));
    scene.balancer.taken(0);
  };
  const always = make('always');
  always.open(ofFirst);
  equal(always.balancer.pick(ofFirst, AVOID_NONE), 0);
  const byPlaces = make('maxconn');
  byPlaces.open(ofFirst);
  equal(byPlaces.balancer.pick(ofFirst, AVOID_NONE), 1);
  const byQueue = make('maxqueue');
  byQueue.open(ofFirst);
  equal(byQueue.balancer.pick(ofFirst, AVOID_NONE), 0, 'its queue has a place');
  queueUp(byQueue);
  equal(byQueue.balancer.pick(ofFirst, AVOID_NONE), 1);
  byQueue.open(ofFirst);
  equal(byQueue.balancer.pick(ofFirst, AVOID_NONE), 1, 'without maxqueue a queue is never full');
});

test('when every server is past its load the owner of the last node of the ring gets the stream', () => {
  const options = { ...consistent, hashAffinity: 'maxconn' as const };
  const scene = new Scene(
    { name: 'uri' } as BalanceAlgorithm,
    [{ maxconn: 1 }, { maxconn: 1 }, { maxconn: 1 }],
    options,
  );
  for (let i = 0; i < 3; i++) scene.open(99);
  const last = new Scene({ name: 'uri' } as BalanceAlgorithm, weights(1, 1, 1), consistent);
  const lastKey = Math.max(...[1, 2, 3].flatMap((id) => [...Array(16).keys()].map((node) => mix(id * 4096 + node))));
  const owner = last.balancer.pick(lastKey, AVOID_NONE);
  for (const hash of [0, 99, 0x80000000, 0xffffffff]) equal(scene.balancer.pick(hash, AVOID_NONE), owner);
});

test('a server with another key on the ring takes its new place, and the others keep theirs', () => {
  const scene = new Scene({ name: 'source' }, weights(1, 1, 1), consistent);
  const before = scene.sources();
  scene.balancer.rekey(1, 7 * 4096);
  const after = scene.sources();
  ok(before !== after);
  for (let i = 0; i < before.length; i++) ok(before[i] === after[i] || before[i] === 'b' || after[i] === 'b');
  equal(after, new Scene({ name: 'source' }, [{ id: 1 }, { id: 7 }, { id: 3 }], consistent).sources());
});
