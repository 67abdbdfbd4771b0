import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Cue,
  DEPUTY_INTERVAL_MS_MAX,
  DEPUTY_SLOT_COUNT,
  DEPUTY_SPEAKS_MS,
  DeputyBoard,
  type Rhythm,
} from './deputy-board.ts';

const FD = 7;
const GRACE_MS = 2; // a fifth of 10 ms
const DOWN_PARTS = 3.5; // intervals: three and a skew

const rhythm = (nextAtMs: number, intervalMs: number): Rhythm => ({
  nextAtMs,
  intervalMs,
  downMs: intervalMs * DOWN_PARTS,
});

function cueOf(text: string, packetCount = 1): Cue {
  const packets = Array.from({ length: packetCount }, (_, index) => ({
    target: new Uint8Array([2, 0, 10, 0, 0, index]),
    bytes: new TextEncoder().encode(`${text}${index}`),
  }));
  return { fd: FD, flags: 4, interfaceIndex: 3, source: null, packets };
}

class Bench {
  readonly board = DeputyBoard.create();
  readonly sent: string[] = [];
  during: () => void = () => {};
  errno = 0;

  constructor() {
    this.board.reset();
    this.board.begin();
  }

  speak(nowMs: number): number {
    return this.board.speak(nowMs, (fd, flags, interfaceIndex, source, target, bytes) => {
      this.during();
      const from = source === null ? '' : ` from ${source.join('.')}`;
      const text = new TextDecoder().decode(bytes.slice());
      this.sent.push(`${text} to ${target.join('.')} by ${fd},${flags},${interfaceIndex}${from}`);
      return this.errno;
    });
  }
}

test('a deputy says nothing for a router that is on time', () => {
  const { board, ...bench } = new Bench();
  for (let nowMs = 100; nowMs < 200; nowMs += 10) {
    assert.ok(board.arm(0, cueOf('a'), rhythm(nowMs + 10, 10), nowMs));
    assert.equal(board.nextMs(nowMs), nowMs + 10 + GRACE_MS);
    assert.equal(
      board.speak(nowMs + 11, () => 0),
      0,
    );
  }
  assert.deepEqual(bench.sent, []);
});

test('a deputy sends what a late router would have sent, to everybody, in its rhythm, and says how often', () => {
  const bench = new Bench();
  const { board } = bench;
  board.arm(5, { ...cueOf('a', 2), source: new Uint8Array(16).fill(9) }, rhythm(110, 10), 100);
  assert.equal(bench.speak(110), 0);
  assert.equal(bench.speak(112), 1);
  assert.equal(bench.speak(113), 0);
  assert.equal(bench.speak(122), 1);
  const from = ` from ${'9.'.repeat(15)}9`;
  const both = [`a0 to 2.0.10.0.0.0 by 7,4,3${from}`, `a1 to 2.0.10.0.0.1 by 7,4,3${from}`];
  assert.deepEqual(bench.sent, [...both, ...both]);
  assert.equal(board.spokenTotal, 2);
  assert.equal(board.spoken(5), 2);
  assert.equal(board.spokenAtMs(5), 122);
});

test('a deputy that is late itself goes on from there and sends nothing twice', () => {
  const bench = new Bench();
  bench.board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  assert.equal(bench.speak(125), 1);
  assert.equal(bench.board.nextMs(125), 125 + 10 + GRACE_MS);
});

test('a router that hangs is spoken for only so long', () => {
  const bench = new Bench();
  bench.board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  let nowMs = 100;
  while (bench.board.nextMs(nowMs) !== Infinity) {
    nowMs = bench.board.nextMs(nowMs);
    bench.speak(nowMs);
    assert.ok(nowMs < 100 + DEPUTY_SPEAKS_MS * 2, 'it ends');
  }
  assert.ok(nowMs > DEPUTY_SPEAKS_MS && nowMs <= 100 + DEPUTY_SPEAKS_MS + 10, `${nowMs}`);
  bench.board.arm(0, cueOf('a'), rhythm(nowMs + 10, 10), nowMs);
  assert.equal(bench.board.nextMs(nowMs), nowMs + 10 + GRACE_MS);
});

test('a deputy that stood still with its machine says nothing: the others have elected by then', () => {
  for (const nowMs of [100 + 36, 100 + DEPUTY_SPEAKS_MS / 2, 100 + DEPUTY_SPEAKS_MS * 60]) {
    const bench = new Bench();
    bench.board.arm(0, cueOf('a'), rhythm(110, 10), 100);
    assert.equal(bench.board.nextMs(nowMs), Infinity);
    assert.equal(bench.speak(nowMs), 0);
    bench.board.arm(0, cueOf('a'), rhythm(nowMs + 10, 10), nowMs);
    assert.equal(bench.speak(nowMs + 12), 1, 'the router is back');
  }
});

test('a cue is not wiped by a deputy that comes back late from one that was ended', (context) => {
  const bench = new Bench();
  const { board } = bench;
  board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  bench.during = () => board.end(0);
  // The router arms between any two steps of the deputy after its send.
  let isSent = false;
  let isArmed = false;
  const { compareExchange, load } = Atomics;
  const arm = (): void => {
    if (!isSent || isArmed) return;
    isSent = false;
    isArmed = board.arm(0, cueOf('b'), rhythm(122, 10), 112);
    isSent = true;
  };
  bench.during = () => {
    board.end(0);
    isSent = true;
  };
  context.mock.method(Atomics, 'compareExchange', (...words: Parameters<typeof compareExchange>) => {
    arm();
    return compareExchange(...words);
  });
  context.mock.method(Atomics, 'load', (...words: Parameters<typeof load>) => {
    const value = load(...words);
    arm();
    return value;
  });
  bench.speak(112);
  isSent = false;
  bench.during = () => {};
  assert.ok(isArmed);
  assert.equal(bench.speak(124), 1);
  assert.match(bench.sent.at(-1)!, /^b0/);
});

test('what is ended is not sent, even by a deputy that has just begun', () => {
  const bench = new Bench();
  const { board } = bench;
  board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  board.end(0);
  assert.equal(bench.speak(500), 0);
  board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  bench.during = () => board.end(0);
  assert.equal(bench.speak(112), 1);
  assert.equal(board.nextMs(112), Infinity);
  assert.equal(bench.speak(200), 0);
});

test('while the deputy sends, the router gets the slot neither to write nor to close its descriptor', () => {
  const bench = new Bench();
  const { board } = bench;
  board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  bench.during = () => {
    assert.equal(board.arm(0, cueOf('b'), rhythm(120, 10), 112), false);
    assert.equal(board.letGo(FD), false);
    assert.equal(board.letGo(FD + 1), true);
  };
  bench.speak(112);
  bench.during = () => {};
  assert.ok(board.letGo(FD));
  assert.equal(bench.speak(200), 0, 'letting go has ended it');
  assert.ok(board.arm(0, cueOf('b'), rhythm(220, 10), 210));
  bench.speak(222);
  assert.match(bench.sent.at(-1)!, /^b0/);
});

test('a packet that the kernel refuses does not count as an advert', () => {
  const bench = new Bench();
  bench.board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  bench.errno = 100;
  assert.equal(bench.speak(112), 0);
  assert.equal(bench.board.spokenTotal, 0);
  assert.equal(bench.board.nextMs(112), 122, 'and is tried again an interval later');
});

test('a router knows when a sleeping deputy has to be woken', () => {
  const { board } = new Bench();
  board.sleepUntil(Infinity);
  assert.ok(board.isAsleep(110, 10));
  board.sleepUntil(500);
  assert.ok(board.isAsleep(110, 10));
  board.sleepUntil(112);
  assert.ok(!board.isAsleep(110, 10));
  const wrapMs = 2 ** 30;
  board.sleepUntil(wrapMs - 5);
  assert.ok(!board.isAsleep(wrapMs + 10, 10), 'it wakes before, across the wrap');
  board.sleepUntil(wrapMs + 50);
  assert.ok(board.isAsleep(wrapMs - 10, 10));
});

test('a cue without room is refused and leaves the one that is there', () => {
  const bench = new Bench();
  bench.board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  assert.equal(bench.board.arm(0, cueOf('long', 300), rhythm(110, 10), 100), false);
  bench.speak(112);
  assert.match(bench.sent[0]!, /^a0/);
});

test('every slot is its own, to the last', () => {
  const bench = new Bench();
  for (let slot = 0; slot < DEPUTY_SLOT_COUNT; slot++) {
    bench.board.arm(slot, cueOf(`s${slot}.`), rhythm(110 + slot, DEPUTY_INTERVAL_MS_MAX), 100);
  }
  assert.equal(bench.speak(110 + DEPUTY_INTERVAL_MS_MAX), DEPUTY_SLOT_COUNT);
  assert.deepEqual(
    bench.sent.map((each) => each.split(' ')[0]),
    Array.from({ length: DEPUTY_SLOT_COUNT }, (_, slot) => `s${slot}.0`),
  );
  bench.board.endAll();
  assert.equal(bench.board.nextMs(0), Infinity);
});

test('after a reset nobody’s word counts: of a deputy that died while it sent, of a router that died while it wrote', () => {
  const bench = new Bench();
  const { board } = bench;
  board.arm(0, cueOf('a'), rhythm(110, 10), 100);
  bench.during = () => {
    throw new Error('it dies');
  };
  assert.throws(() => bench.speak(112), /it dies/);
  assert.equal(board.arm(0, cueOf('b'), rhythm(120, 10), 112), false);
  board.reset();
  assert.equal(board.runs, false);
  assert.ok(board.arm(0, cueOf('b'), rhythm(120, 10), 112));
});
