// Goal: whoever dies while a role moves, one thread is the router or the service hears that none is left, and nothing
// that was said is lost. Method: threads that do nothing by themselves; each test plays what they say and how they end.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { ToVrrpWorker, VrrpAnswer } from '../../core/model/vrrp-worker.ts';
import { Asks } from './asks.ts';
import { Move, type MoveEvents, type MovingThread } from './move.ts';

const RESULT: ToVrrpWorker = { kind: 'tracked', result: { kind: 'script', name: 's', up: true, value: 0 } };
const QUESTION: ToVrrpWorker = { kind: 'ask', id: 99, question: 'status' };
const STATE: VrrpAnswer = { kind: 'state', state: { of: 'the thread' }, takenAtMs: 7 };

class Actor implements MovingThread {
  readonly wakeFd = -1;
  ready = false;
  wakeFdUsers = 1;
  readonly heard: ToVrrpWorker[] = [];
  private readonly whenPrepared = Promise.withResolvers<boolean>();
  private readonly whenAdopted = Promise.withResolvers<boolean>();
  private readonly whenGone = Promise.withResolvers<void>();
  readonly prepared = this.whenPrepared.promise;
  readonly adopted = this.whenAdopted.promise;
  readonly gone = this.whenGone.promise;
  private isGone = false;
  private readonly onExit: (who: Actor, reason: string) => void;

  constructor(onExit: (who: Actor, reason: string) => void) {
    this.onExit = onExit;
  }

  kinds(): string[] {
    return this.heard.map((each) => each.kind);
  }

  prepare(): void {
    this.whenPrepared.resolve(true);
  }

  run(): void {
    this.ready = true;
    this.whenAdopted.resolve(true);
  }

  exit(reason: string): void {
    if (this.isGone) return;
    this.isGone = true;
    this.whenPrepared.resolve(false);
    this.whenAdopted.resolve(false);
    this.whenGone.resolve();
    this.onExit(this, reason);
  }

  post(message: ToVrrpWorker): void {
    if (!this.isGone) this.heard.push(message);
  }

  holdWakeFd(): void {
    this.wakeFdUsers++;
  }

  dropWakeFd(): void {
    this.wakeFdUsers--;
  }

  async terminate(): Promise<void> {
    this.exit('terminated');
  }
}

interface Play {
  thread: Actor;
  heir: Actor;
  move: Move;
  said: string[]; // what the service heard
  lost: { wasReady: boolean; state: object | null; held: readonly ToVrrpWorker[] }[];
  result: Promise<boolean>;
  /** The thread answers the last offer. */
  answer(answer: VrrpAnswer): void;
  /** Asks the router; what it is told comes into `told`. */
  ask(): void;
  told: (VrrpAnswer | null)[];
  heirRuns(): void;
}

/** A move that has begun; `handing`: the heir is ready, and the thread has heard of it. */
async function begin(context: TestContext, stage: 'preparing' | 'handing', mayBegin = true): Promise<Play> {
  const said: string[] = [];
  const lost: Play['lost'] = [];
  const asks = new Asks();
  let isOver = false; // as the service, which forgets a move that is over
  const onExit = (who: Actor, reason: string): void => {
    asks.ended(who);
    if (!isOver) move.onExit(who, reason);
  };
  const over = (text: string): void => {
    assert.equal(isOver, false, 'a move ends once');
    isOver = true;
    said.push(text);
  };
  const [thread, heir] = [new Actor(onExit), new Actor(onExit)];
  thread.run();
  const events: MoveEvents = {
    moved: () => over('moved'),
    failed: () => over('failed'),
    heirEnded: () => said.push('the heir ended'),
    threadDied: () => {
      said.push('the thread died');
      return mayBegin;
    },
    lost: (wasReady, reason, { state, held }) => {
      said.push(`lost: ${reason}`);
      lost.push({ wasReady, state, held });
    },
  };
  const { port1, port2 } = new MessageChannel();
  context.after(() => {
    port1.close();
    port2.close();
  });
  const move = new Move(thread, heir, port1, asks, events);
  const result = move.run();
  const answer = (answer: VrrpAnswer): void => {
    const offer = thread.heard.findLast((each) => each.kind === 'hand-over')!;
    asks.answered(offer.id, answer);
  };
  const told: Play['told'] = [];
  const ask = (): void => {
    const id = asks.add(move.answerer(), (answer) => told.push(answer));
    move.post({ kind: 'ask', id, question: 'status' });
  };
  const heirRuns = (): void => {
    heir.run();
    assert.equal(move.onReady(heir), true);
  };
  if (stage === 'handing') {
    heir.prepare();
    await settled();
    assert.deepEqual(thread.kinds(), ['hand-over']);
  }
  return { thread, heir, move, said, lost, result, answer, ask, told, heirRuns };
}

/** Everything that follows from what was said has been done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('while the heir gets ready both are told what happens, and the thread alone is asked', async (context) => {
  const { thread, heir, move, said } = await begin(context, 'preparing');
  move.post(RESULT);
  move.post(QUESTION);
  assert.deepEqual([thread.heard, heir.heard], [[RESULT, QUESTION], [RESULT]]);
  assert.equal(move.answerer(), thread);
  assert.deepEqual(said, []);
  assert.equal(move.onReady(thread), false, 'that is no news of the move');
  await move.settle();
});

test('the role moves, and what was said meanwhile goes to the heir', async (context) => {
  const { thread, heir, move, said, result, answer, heirRuns } = await begin(context, 'handing');
  move.post(RESULT);
  move.post(QUESTION);
  assert.deepEqual([thread.kinds(), heir.heard], [['hand-over'], []]);
  answer(STATE);
  heirRuns();
  assert.deepEqual(heir.heard, [RESULT, QUESTION]);
  assert.deepEqual(said, ['moved']);
  await settled();
  assert.equal(heir.wakeFdUsers, 2, 'the thread may still write to it');
  thread.exit('exit code 0');
  assert.equal(await result, true);
  assert.equal(heir.wakeFdUsers, 1);
});

test('an heir that is not awake in time is offered the role again, five times at most', async (context) => {
  const { thread, heir, move, said, result, answer } = await begin(context, 'handing');
  move.post(QUESTION);
  for (let count = 1; count <= 5; count++) {
    assert.equal(thread.kinds().filter((kind) => kind === 'hand-over').length, count);
    answer({ kind: 'done' });
    await settled();
  }
  assert.equal(await result, false);
  assert.deepEqual(thread.kinds().slice(0, 3), ['hand-over', 'ask', 'hand-over'], 'between two offers it is asked');
  assert.deepEqual(heir.kinds(), []);
  assert.deepEqual(said, ['failed']);
});

test('an heir that does not get ready in time is ended, and the thread goes on', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { thread, heir, said, result } = await begin(context, 'preparing');
  context.mock.timers.tick(10_000);
  assert.equal(await result, false);
  assert.deepEqual([said, thread.kinds(), heir.wakeFdUsers], [['failed'], [], 1]);
});

test('when the heir dies while it gets ready, nothing happened', async (context) => {
  const { thread, heir, said, result } = await begin(context, 'preparing');
  heir.exit('a crash');
  assert.equal(await result, false);
  assert.deepEqual([said, thread.kinds()], [['the heir ended', 'failed'], []]);
});

test('when the thread dies while the heir gets ready, the heir begins at once and hears the rest', async (context) => {
  const { thread, heir, move, said, result, heirRuns } = await begin(context, 'preparing');
  thread.exit('a crash');
  move.post(QUESTION);
  assert.deepEqual(heir.heard, [{ kind: 'adopt', state: null, takenAtMs: 0, claim: null }]);
  heir.prepare();
  await settled();
  heirRuns();
  assert.equal(await result, true);
  assert.deepEqual(
    [said, heir.kinds()],
    [
      ['the thread died', 'moved'],
      ['adopt', 'ask'],
    ],
  );
});

test('when the thread has died too often, the heir does not begin', async (context) => {
  const { thread, heir, said, result } = await begin(context, 'preparing', false);
  thread.exit('a crash');
  assert.equal(await result, false);
  assert.deepEqual([said, heir.kinds()], [['the thread died', 'failed'], []]);
});

test('a thread that hangs is ended, and the heir begins', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { heir, move, said, result, heirRuns } = await begin(context, 'handing');
  move.post(RESULT);
  context.mock.timers.tick(2_000);
  await settled();
  assert.deepEqual(heir.kinds(), ['adopt']);
  heirRuns();
  assert.equal(await result, true);
  assert.deepEqual([said, heir.kinds()], [['moved'], ['adopt', 'tracked']]);
});

test('a thread that takes the role back and dies in the same turn is followed by the heir', async (context) => {
  const { thread, heir, move, said, result, answer, heirRuns } = await begin(context, 'handing');
  move.post(QUESTION);
  answer({ kind: 'done' });
  thread.exit('a crash');
  await settled();
  assert.deepEqual(heir.kinds(), ['adopt']);
  heirRuns();
  assert.equal(await result, true);
  assert.deepEqual([said, heir.kinds()], [['moved'], ['adopt', 'ask']]);
});

test('when the heir dies with the offer, the thread that takes the role back hears what waited', async (context) => {
  const { thread, heir, move, said, result, answer } = await begin(context, 'handing');
  move.post(QUESTION);
  heir.exit('a crash');
  assert.deepEqual(said, ['the heir ended'], 'the thread is yet to say whose the role is');
  answer({ kind: 'done' });
  assert.equal(await result, false);
  assert.deepEqual(
    [said, thread.kinds()],
    [
      ['the heir ended', 'failed'],
      ['hand-over', 'ask'],
    ],
  );
});

for (const last of ['thread', 'heir'] as const) {
  test(`when both die and the ${last} is the last, the next one gets the state and what waited`, async (context) => {
    const { thread, heir, move, said, lost, result, answer } = await begin(context, 'handing');
    move.post(QUESTION);
    const ends = [
      () => heir.exit('a crash'),
      () => {
        answer(STATE);
        thread.exit('exit code 0');
      },
    ];
    for (const end of last === 'thread' ? ends : ends.reverse()) end();
    assert.equal(await result, false);
    const reason = last === 'thread' ? 'the thread that was to take over ended' : 'a crash';
    assert.deepEqual(said, ['the heir ended', 'failed', `lost: ${reason}`]);
    assert.deepEqual(lost, [{ wasReady: last === 'thread', state: STATE, held: [QUESTION] }]);
  });
}

test('an heir that hangs with the role is ended, and the next one gets the state', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { thread, heir, said, lost, result, answer } = await begin(context, 'handing');
  answer(STATE);
  thread.exit('exit code 0');
  await settled();
  context.mock.timers.tick(2_000);
  assert.equal(await result, false);
  assert.deepEqual(said, ['the heir ended', 'failed', 'lost: terminated']);
  assert.deepEqual([lost[0]!.state, heir.wakeFdUsers], [STATE, 1]);
});

for (const isPrepared of [true, false]) {
  const when = isPrepared ? 'was ready' : 'got ready';
  test(`an heir that ${when} when the thread died has its time to begin, and no more`, async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const { thread, heir, said, result } = await begin(context, 'preparing');
    thread.exit('a crash');
    if (isPrepared) heir.prepare();
    else context.mock.timers.tick(9_999);
    await settled();
    assert.deepEqual(said, ['the thread died']);
    context.mock.timers.tick(isPrepared ? 2_000 : 1);
    await settled();
    if (!isPrepared) context.mock.timers.tick(2_000);
    assert.equal(await result, false);
    assert.deepEqual(said, ['the thread died', 'the heir ended', 'failed', 'lost: terminated']);
  });
}

test('a thread that gave its role away and does not end is ended', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { thread, heir, said, result, answer, heirRuns } = await begin(context, 'handing');
  answer(STATE);
  heirRuns();
  await settled();
  context.mock.timers.tick(2_000);
  assert.equal(await result, true);
  await thread.gone;
  assert.deepEqual([said, heir.wakeFdUsers], [['moved'], 1]);
});

test('what a thread is started with is not told to it again', async (context) => {
  const { thread, heir, move, lost, result, answer } = await begin(context, 'handing');
  const reload = { kind: 'reload', model: {}, backends: [] } as unknown as ToVrrpWorker;
  for (const message of [RESULT, QUESTION, reload, { kind: 'stop' } as const]) move.post(message);
  answer(STATE);
  thread.exit('exit code 0');
  heir.exit('a crash');
  assert.equal(await result, false);
  assert.deepEqual(lost[0]!.held, [QUESTION, { kind: 'stop' }]);
});

test('a question that waited and comes back to the thread is answered by it, or by its end', async (context) => {
  const { thread, heir, ask, told, result, answer } = await begin(context, 'handing');
  ask();
  answer({ kind: 'done' });
  await settled();
  assert.deepEqual(thread.kinds(), ['hand-over', 'ask', 'hand-over']);
  thread.exit('a crash');
  assert.deepEqual(told, [null]);
  heir.exit('a crash');
  assert.equal(await result, false);
});

test('a question that waited outlives the heir: the thread that takes the role back is to answer', async (context) => {
  const { thread, heir, ask, told, result, answer } = await begin(context, 'handing');
  ask();
  heir.exit('a crash');
  ask();
  assert.deepEqual(told, []);
  answer({ kind: 'done' });
  assert.equal(await result, false);
  assert.deepEqual(thread.kinds(), ['hand-over', 'ask', 'ask']);
  thread.exit('a crash');
  assert.deepEqual(told, [null, null]);
});

test('a question that waited and went with the role is answered by the heir, or by its end', async (context) => {
  const { thread, heir, ask, told, result, answer, heirRuns } = await begin(context, 'handing');
  ask();
  answer(STATE);
  thread.exit('exit code 0');
  heirRuns();
  assert.equal(await result, true);
  assert.deepEqual([heir.kinds(), told], [['adopt', 'ask'], []]);
  heir.exit('a crash');
  assert.deepEqual(told, [null]);
});

test('at the end of all an heir that gets ready is ended, and a role that is under way arrives', async (context) => {
  const early = await begin(context, 'preparing');
  await early.move.settle();
  assert.deepEqual([await early.result, early.said], [false, ['failed']]);

  const late = await begin(context, 'handing');
  const end = late.move.settle();
  late.answer(STATE);
  late.thread.exit('exit code 0');
  late.heirRuns();
  await end;
  assert.deepEqual([await late.result, late.said], [true, ['moved']]);
});

test('at the end of all a role that was taken back is not offered again', async (context) => {
  const { thread, move, said, result, answer } = await begin(context, 'handing');
  const end = move.settle();
  answer({ kind: 'done' });
  await end;
  assert.deepEqual([await result, said, thread.kinds()], [false, ['failed'], ['hand-over']]);
});
