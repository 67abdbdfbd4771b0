// Goal: threads are started, asked, replaced and ended as fleet.ts says. Method: real worker threads whose few lines
// answer as the contract says (core/model/worker-data.ts), and misbehave where a test asks for it.

import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { Model } from '../../core/model/model.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import { createSharedTables, type SharedTables } from './shared-tables.ts';

const model = { global: { engine: '' }, proxies: [], serverCount: 0, tables: [], files: [] } as unknown as Model;

// `extra` runs first and sees `data` (workerData), `port` and `reply`.
function workerUrl(extra = ''): URL {
  const script = `
    import { parentPort as port, workerData as data } from 'node:worker_threads';
    const reply = (message) => port.postMessage(message);
    ${extra}
    port.on('message', (message) => {
      if (message.kind === 'ping') reply({ kind: 'pong', id: message.id });
      if (message.kind === 'dump') reply({ kind: 'dump', text: 'thread ' + data.threadIndex });
      if (message.kind === 'soft-stop') reply({ kind: 'drained' });
      if (message.kind === 'crash') throw new Error('asked to crash');
      if (message.kind === 'hard-stop') { reply({ kind: 'stopped' }); port.close(); }
    });
    reply({ kind: 'ready', engine: 'epoll', engineReason: 'test' });`;
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`);
}

interface Started {
  fleet: Fleet;
  tables: SharedTables;
  events: { text: string; fields: Record<string, string | number> }[];
  ready: Promise<void>;
  gaveUp: Promise<string>;
  eventNamed(text: string): Promise<Record<string, string | number>>;
}

function startFleet(threadCount: number, url: URL): Started {
  const tables = createSharedTables(model, threadCount, 1024);
  const ready = Promise.withResolvers<void>();
  const gaveUp = Promise.withResolvers<string>();
  const events: Started['events'] = [];
  const waiters: (() => void)[] = [];
  const options: FleetOptions = {
    model,
    threadCount,
    tables,
    listeners: () => [],
    startedAtMs: Date.now(),
    workerUrl: url,
    image: null,
    onReady: () => ready.resolve(),
    onGiveUp: (reason) => gaveUp.resolve(reason),
    onEvent: (_level, text, fields) => {
      events.push({ text, fields });
      for (const waiter of waiters.splice(0)) waiter();
    },
  };
  const fleet = new Fleet(options);
  fleet.start();
  const eventNamed = async (text: string): Promise<Record<string, string | number>> => {
    for (;;) {
      const found = events.find((event) => event.text.includes(text));
      if (found !== undefined) return found.fields;
      await new Promise<void>((resolve) => waiters.push(resolve));
    }
  };
  return { fleet, tables, events, ready: ready.promise, gaveUp: gaveUp.promise, eventNamed };
}

test('a fleet is ready once all its threads are, and ends when told', async () => {
  const { fleet, ready, events } = startFleet(3, workerUrl());
  await ready;
  assert.equal(events.filter((event) => event.text === 'proxy thread accepts').length, 3);
  assert.deepEqual(await fleet.dump(), ['thread 0', 'thread 1', 'thread 2']);
  assert.equal(await fleet.hardStop(5_000), true);
});

test('a soft stop resolves when every thread has drained', async () => {
  const { fleet, ready } = startFleet(2, workerUrl());
  await ready;
  await fleet.softStop();
  await fleet.drained();
  assert.equal(await fleet.hardStop(5_000), true);
});

function isOpenAs(fd: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === path;
  } catch {
    return false;
  }
}

test('a crashed thread is replaced, the descriptors it owned are closed and its places given back', async () => {
  const { fleet, tables, ready, eventNamed, events } = startFleet(2, workerUrl());
  await ready;
  const owned = openSync('/dev/zero', 'r');
  assert.ok(isOpenAs(owned, '/dev/zero'));
  const others = openSync('/dev/null', 'r');
  tables.fdOwners.set(owned, 1);
  tables.fdOwners.set(others, 0);
  fleet.crash(1);
  const fields = await eventNamed('starting another');
  assert.match(String(fields['reason']), /asked to crash/);
  assert.equal(fields['thread'], 1);
  assert.equal(fields['closedFds'], 1);
  // Its number may be another file's by now: the thread that took over opens some.
  assert.ok(!isOpenAs(owned, '/dev/zero'), 'the crashed thread still has its file');
  assert.equal(tables.fdOwners.ownerOf(owned), -1);
  assert.ok(fstatSync(others));
  closeSync(others);
  while (events.filter((event) => event.text === 'proxy thread accepts').length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await fleet.dump(), ['thread 0', 'thread 1']);
  assert.equal(await fleet.hardStop(5_000), true);
});

test('crashes of all threads again and again leave the fleet complete', async () => {
  const { fleet, ready, events } = startFleet(2, workerUrl());
  await ready;
  const accepted = (): number => events.filter((event) => event.text === 'proxy thread accepts').length;
  for (let round = 0; round < 4; round++) {
    fleet.crash(0);
    fleet.crash(1);
    while (accepted() < 2 * (round + 2)) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.deepEqual(await fleet.dump(), ['thread 0', 'thread 1']);
  assert.equal(await fleet.hardStop(5_000), true);
});

test('a thread that fails before it ever served stops the start, with its reason', async () => {
  const { fleet, gaveUp } = startFleet(1, workerUrl("throw new Error('no engine here');"));
  assert.match(await gaveUp, /proxy thread 0 did not start: .*no engine here/);
  assert.equal(await fleet.hardStop(5_000), true);
});

test('a thread that crashes while it drains is not replaced', async () => {
  const { fleet, ready, events } = startFleet(
    2,
    workerUrl(
      "port.on('message', (m) => { if (m.kind === 'soft-stop' && data.threadIndex === 1) throw new Error('late'); });",
    ),
  );
  await ready;
  await fleet.softStop();
  await fleet.drained();
  assert.ok(events.some((event) => event.text === 'proxy thread crashed while stopping'));
  assert.ok(!events.some((event) => event.text.includes('starting another')));
  assert.equal(await fleet.hardStop(5_000), true);
});

test('a thread that will not end does not keep hardStop from returning', async () => {
  const { fleet, ready } = startFleet(
    1,
    workerUrl(
      "port.postMessage({ kind: 'ready', engine: 'epoll', engineReason: '' }); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);",
    ),
  );
  await ready;
  assert.equal(await fleet.hardStop(50), false);
});

test('pausing is known to threads that start later', async () => {
  const record =
    "port.on('message', (m) => { if (m.kind === 'pause') reply({ kind: 'event', level: 'info', text: 'paused ' + data.threadIndex }); });";
  const { fleet, ready, eventNamed, events } = startFleet(1, workerUrl(record));
  await ready;
  await fleet.pause();
  assert.equal(events.filter((event) => event.text === 'paused 0').length, 1);
  fleet.crash(0);
  await eventNamed('starting another');
  while (events.filter((event) => event.text === 'paused 0').length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(await fleet.hardStop(5_000), true);
});
