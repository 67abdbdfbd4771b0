// Goal: the threads of a process take turns together, as one. Method: a script of opens, closes and changes is played
// once by a single thread with its own rotation (balance.test.ts holds that against HAProxy), and once by four real
// threads that hand a baton round in the script's random order; both must choose the same servers. Then four threads
// without a baton, whose counts must be those of one sequence; and a thread that dies in the middle of a pick.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { Prng } from '../base/prng.ts';
import type { Model } from '../model/model.ts';
import type { BalanceAlgorithm, Proxy, Server } from '../model/proxy.ts';
import { Counters } from '../shared/counters.ts';
import { Rotations } from '../shared/rotations.ts';
import { ServerLoad } from '../shared/server-load.ts';
import { SERVER_MAINT, ServerWords } from '../shared/server-words.ts';
import { AVOID_NONE, type Balancer, HASH_NONE, PICK_FULL, PICK_NONE } from './contract.ts';
import { makeBalancer } from './make.ts';

const THREADS = 4;
const CASES = Number(process.env['FUZZ_CASES'] ?? 30);
const STEPS = 250;
const PICKS = 60_000; // per thread; a multiple of all periods below
const QUEUED = -3;
const PATIENCE_MS = 20_000;

type Name = 'roundrobin' | 'static-rr' | 'leastconn';

interface Setting {
  name: Name;
  servers: Partial<Server>[];
  allbackups: boolean;
}

// What a step does: `who` is the thread, `what` one of the verbs, `on` a position or one of the streams it has open.
type Verb = 'open' | 'retry' | 'close' | 'weight' | 'maint' | 'up';
interface Step {
  who: number;
  what: Verb;
  on: number;
  value: number;
}

interface Tables {
  words: SharedArrayBuffer;
  load: SharedArrayBuffer;
  rotations: SharedArrayBuffer;
}

interface Task {
  kind: 'baton' | 'crowd';
  threadIndex: number;
  settings: Setting[];
  tables: Tables[];
  scripts: Step[][];
  baton: SharedArrayBuffer; // [0]: the step whose turn it is; [1]: threads that are ready
  chosen: SharedArrayBuffer; // by step, over all scripts
}

function proxyOf(setting: Setting): Proxy {
  const defaults = { weight: 1, backup: false, maxconn: 0, minconn: 0, maxqueue: 0, disabled: false, resolved: true };
  return {
    ...{ index: 0, kind: 'listen', name: 'l', maxconn: 0, fullconn: 0, switching: [], defaultBackend: '' },
    ...{ balance: { name: setting.name } as BalanceAlgorithm, allbackups: setting.allbackups, disabled: false },
    servers: setting.servers.map((server, index) => ({ ...defaults, index, id: index + 1, ...server })),
  } as unknown as Proxy;
}

const modelOf = (proxy: Proxy): Model => ({ serverCount: proxy.servers.length, proxies: [proxy] }) as unknown as Model;

/** One thread's part of the proxy core: plays steps and says which position each open chose. */
class Player {
  readonly balancer: Balancer;
  private readonly words: ServerWords;
  private readonly load: ServerLoad;
  readonly open: number[] = [];

  /** Without tables: a single thread that has everything for itself. */
  constructor(setting: Setting, tables: Tables | null, threadIndex: number) {
    const proxy = proxyOf(setting);
    const model = modelOf(proxy);
    const threadCount = tables === null ? 1 : THREADS;
    this.words = tables === null ? ServerWords.create(model) : new ServerWords(tables.words);
    this.load = new ServerLoad(tables?.load ?? ServerLoad.create(model, 1).buffer, threadIndex);
    const { words, load } = this;
    const counters = new Counters(Counters.create(model, threadCount).buffer, threadIndex);
    const clock = { nowMs: 1 } as Clock;
    const parts = { words, load, counters, clock, threadIndex, seed: 1 };
    const rotations = tables === null ? {} : { rotations: new Rotations(tables.rotations, threadIndex) };
    this.balancer = makeBalancer(model, proxy, 2000, { ...parts, ...rotations });
  }

  play(step: Step): number {
    switch (step.what) {
      case 'open':
        return this.take(this.balancer.pick(HASH_NONE, AVOID_NONE));
      case 'retry':
        return this.take(this.balancer.pick(HASH_NONE, step.on));
      case 'close':
        return this.close(step.on);
      case 'weight':
        this.words.setWeight(step.on, step.value);
        return 0;
      case 'maint':
        this.words.setFlags(step.on, SERVER_MAINT, 0);
        return 0;
      case 'up':
        this.words.setFlags(step.on, 0, SERVER_MAINT);
        return 0;
    }
  }

  private take(position: number): number {
    if (position === PICK_NONE || position === PICK_FULL) return position;
    // Only the one backup may be full: its queue is what is left.
    if (!this.load.tryAcquire(this.load.server(position), this.balancer.maxconn(position))) return QUEUED;
    this.balancer.taken(position);
    this.open.push(position);
    return position;
  }

  private close(which: number): number {
    const [position] = this.open.splice(which, 1);
    this.load.release(this.load.server(position!));
    this.balancer.dropped(position!);
    return position!;
  }
}

if (isMainThread) runTests();
else if ((workerData as Task).kind === 'baton') parentPort!.postMessage(playBaton(workerData));
else parentPort!.postMessage(playCrowd(workerData));

function playBaton(task: Task): number[] {
  const { threadIndex } = task;
  const baton = new Int32Array(task.baton);
  const chosen = new Int32Array(task.chosen);
  let at = 0;
  for (const [which, script] of task.scripts.entries()) {
    const player = new Player(task.settings[which]!, task.tables[which]!, threadIndex);
    for (const step of script) {
      // Who plays the first step must not find the others' balancers missing: all are made before it.
      if (at % STEPS === 0) waitFor(baton, 1, which * THREADS + arrive(baton));
      if (step.who === threadIndex) {
        while (Atomics.load(baton, 0) !== at) {
          const now = Atomics.load(baton, 0);
          if (now !== at && Atomics.wait(baton, 0, now, PATIENCE_MS) === 'timed-out') return [-1];
        }
        chosen[at] = player.play(step);
        Atomics.add(baton, 0, 1);
        Atomics.notify(baton, 0);
      }
      at++;
    }
  }
  return [at];
}

// Counts this thread in; then all wait until everybody has come.
function arrive(baton: Int32Array): number {
  Atomics.add(baton, 1, 1);
  Atomics.notify(baton, 1);
  return THREADS;
}

function waitFor(cells: Int32Array, cell: number, value: number): void {
  for (let now = Atomics.load(cells, cell); now < value; now = Atomics.load(cells, cell)) {
    if (Atomics.wait(cells, cell, now, PATIENCE_MS) === 'timed-out') throw new Error('another thread never came');
  }
}

/** Picks as fast as it can; how often which server. */
function playCrowd(task: Task): number[] {
  const player = new Player(task.settings[0]!, task.tables[0]!, task.threadIndex);
  const counts = task.settings[0]!.servers.map(() => 0);
  const baton = new Int32Array(task.baton);
  Atomics.add(baton, 1, 1);
  while (Atomics.load(baton, 1) < THREADS);
  for (let i = 0; i < PICKS; i++) counts[player.balancer.pick(HASH_NONE, AVOID_NONE)]!++;
  return counts;
}

function tablesOf(setting: Setting): Tables {
  const model = modelOf(proxyOf(setting));
  return {
    words: ServerWords.create(model).buffer,
    load: ServerLoad.create(model, THREADS).buffer,
    rotations: Rotations.create(model, THREADS).buffer,
  };
}

async function runThreads(parts: Omit<Task, 'threadIndex' | 'baton'>): Promise<number[][]> {
  const baton = new SharedArrayBuffer(8);
  return Promise.all(
    Array.from({ length: THREADS }, (_unused, threadIndex) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { ...parts, threadIndex, baton } });
      return new Promise<number[]>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
}

function randomSetting(prng: Prng, name: Name): Setting {
  const serverCount = 1 + prng.below(name === 'leastconn' ? 16 : 12);
  const weightMax = prng.pick([1, 4, 256]);
  const maxconn = prng.pick([0, 0, 2]);
  const servers = Array.from({ length: serverCount }, () => ({
    weight: 1 + prng.below(weightMax),
    maxconn: maxconn === 0 ? 0 : prng.below(2 * maxconn + 1),
    backup: prng.below(5) === 0,
  }));
  return { name, servers, allbackups: prng.below(2) === 0 };
}

/** Plays a random script with a single thread; returns it with what was chosen. */
function script(prng: Prng, setting: Setting): { steps: Step[]; chosen: number[] } {
  const player = new Player(setting, null, 0);
  const holders: number[] = []; // by stream as the single player holds them: the thread that shall hold it
  const steps: Step[] = [];
  const chosen: number[] = [];
  const { name } = setting;
  for (let i = 0; i < STEPS; i++) {
    const on = prng.below(setting.servers.length);
    const step: Step = { who: prng.below(THREADS), what: 'open', on, value: 1 + prng.below(256) };
    const dice = prng.below(20);
    if (dice < 8 && holders.length > 0) step.what = 'close';
    else if (dice === 19) step.what = 'retry';
    else if (dice === 18 && name === 'roundrobin') step.what = 'weight';
    // Leastconn's threads put who came back behind its equals one after the other, a single one does so once.
    else if (dice === 17 && name !== 'leastconn') step.what = prng.pick(['maint', 'up']);
    if (step.what === 'close') {
      const which = prng.below(holders.length);
      step.who = holders[which]!;
      step.on = holders.slice(0, which).filter((holder) => holder === step.who).length;
      holders.splice(which, 1);
      chosen.push(player.play({ ...step, on: which }));
    } else {
      const before = player.open.length;
      chosen.push(player.play(step));
      if (player.open.length > before) holders.push(step.who);
    }
    steps.push(step);
  }
  return { steps, chosen };
}

function runTests(): void {
  for (const name of ['roundrobin', 'static-rr', 'leastconn'] as const) {
    test(`${name}: whichever threads pick, their picks are those of a single thread`, async () => {
      const seed = Number(process.env['FUZZ_SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
      const prng = new Prng(seed);
      const settings = Array.from({ length: CASES }, () => randomSetting(prng, name));
      const scripts = settings.map((setting) => script(prng, setting));
      const chosen = new SharedArrayBuffer(CASES * STEPS * 4);
      const results = await runThreads({
        kind: 'baton',
        settings,
        tables: settings.map(tablesOf),
        scripts: scripts.map((each) => each.steps),
        chosen,
      });
      deepEqual(results, Array(THREADS).fill([CASES * STEPS]), `replay: FUZZ_SEED=${seed}`);
      for (const [which, each] of scripts.entries()) {
        const theirs = [...new Int32Array(chosen, which * STEPS * 4, STEPS)];
        deepEqual(theirs, each.chosen, `case ${which}; replay: FUZZ_SEED=${seed}`);
      }
    });
  }

  for (const name of ['roundrobin', 'static-rr'] as const) {
    for (const weights of [
      [1, 1, 1, 1],
      [1, 2, 3],
    ]) {
      test(`${name}: threads that all pick at once give weights ${weights} their exact shares`, async () => {
        const setting: Setting = { name, servers: weights.map((weight) => ({ weight })), allbackups: false };
        const tables = [tablesOf(setting)];
        const chosen = new SharedArrayBuffer(4);
        const results = await runThreads({ kind: 'crowd', settings: [setting], tables, scripts: [], chosen });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        // roundrobin counts its holdings above bit 7: each is a pick on the shared wheels, but one a thread.
        const { cells } = new Rotations(tables[0]!.rotations, 0).backend(0);
        const sharedCount = name === 'roundrobin' ? (cells[0]! >>> 7) - THREADS : THREADS * PICKS;
        const ownCount = THREADS * PICKS - sharedCount;
        // How many depends on how often the machine stops a thread that holds the wheels; some must, or nothing is shown.
        ok(sharedCount > PICKS / 10, `only ${sharedCount} picks were taken on the shared wheels`);
        for (const [position, weight] of weights.entries()) {
          const sum = results.reduce((all, counts) => all + counts[position]!, 0);
          const off = Math.abs(sum - (THREADS * PICKS * weight) / total);
          ok(off <= Math.min(THREADS, ownCount), `server ${position} is ${off} off, ${ownCount} picks were own`);
        }
      });
    }
  }

  test('four threads that take one client each send them to four servers in order, with every algorithm', () => {
    for (const name of ['roundrobin', 'static-rr', 'leastconn'] as const) {
      const setting: Setting = { name, servers: [{}, {}, {}, {}], allbackups: false };
      const tables = tablesOf(setting);
      const players = [2, 0, 3, 1, 1, 0].map((threadIndex) => new Player(setting, tables, threadIndex));
      const open: Step = { who: 0, what: 'open', on: 0, value: 0 };
      const close: Step = { who: 0, what: 'close', on: 0, value: 0 };
      const chosen = players.map((player) => [player.play(open), player.play(close)][0]);
      deepEqual(chosen, [0, 1, 2, 3, 0, 1], name);
    }
  });

  test('a thread that dies in the middle of a pick stops nobody, and the wheels are built anew', () => {
    const setting: Setting = { name: 'roundrobin', servers: [{}, {}, {}], allbackups: false };
    const tables = tablesOf(setting);
    const table = new Rotations(tables.rotations, -1);
    const mine = new Player(setting, tables, 0);
    const pick = (): number => mine.balancer.pick(HASH_NONE, AVOID_NONE);
    equal(pick(), 0);
    const dead = new Rotations(tables.rotations, 2).backend(0);
    ok(dead.enter());
    // A half-written body: counts, queues and chains that contradict each other.
    dead.body().int32s(100).fill(0x5555);
    deepEqual([pick(), pick(), pick(), pick()], [0, 1, 2, 0], 'turns of its own meanwhile');
    table.reclaim(2);
    const theirs = new Player(setting, tables, 2);
    deepEqual([pick(), theirs.balancer.pick(HASH_NONE, AVOID_NONE), pick(), pick()], [0, 1, 2, 0]);
  });

  test("leastconn's numbers may wrap", () => {
    const setting: Setting = { name: 'leastconn', servers: [{}, {}, {}], allbackups: false };
    for (const start of [0x7ffffffd, -3]) {
      const tables = tablesOf(setting);
      // Made up: the count as it stands after so many streams.
      new Rotations(tables.rotations, 0).backend(0).cells[3] = start;
      const players = [0, 1, 2].map((threadIndex) => new Player(setting, tables, threadIndex));
      const chosen: number[] = [];
      for (let i = 0; i < 30; i++) {
        const player = players[i % 3]!;
        chosen.push(player.play({ who: 0, what: 'open', on: 0, value: 0 }));
        player.play({ who: 0, what: 'close', on: 0, value: 0 });
      }
      deepEqual(
        chosen,
        Array.from({ length: 30 }, (_unused, i) => i % 3),
      );
    }
  });
}
