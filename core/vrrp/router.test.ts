// Goal: what concerns several instances at once: sync groups, reloads, trackers, hand-over. Method: routers on the
// bench, as in instance.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrackedObject, VrrpInstance } from '../model/vrrp.ts';
import { fuzz } from '../testing/fuzz.ts';
import type { ExportedState, Intent } from './contract.ts';
import { groupOf, instanceOf, linkOf, modelOf, virtualAddress } from './fixture-model.ts';
import { factOf, Rig, specOf } from './fixture-rig.ts';
import { VrrpRouter } from './router.ts';
import { judge, TrackBoard } from './track.ts';

const ONE = instanceOf({ name: 'IN', vrid: 1, addresses: [virtualAddress('10.77.0.101')] });
const TWO = instanceOf({ name: 'OUT', vrid: 2, addresses: [virtualAddress('10.77.0.102')] });
const GROUPED = modelOf([ONE, TWO], { groups: [groupOf('G', ['IN', 'OUT'])] });

const states = (rig: Rig): string =>
  `${rig.status('IN').state} ${rig.status('OUT').state} ${rig.router.groups()[0]?.state}`;

function groupMaster(model = GROUPED): Rig {
  const rig = Rig.ofModel(model).start();
  rig.wait(800);
  rig.take();
  assert.equal(states(rig), 'master master master');
  return rig;
}

// --------------------------------------------------------------------------------------------------- sync groups

test('a group becomes master only when all members want to, and then at once', () => {
  const rig = Rig.ofModel(GROUPED).start();
  for (let round = 0; round < 10; round++) rig.wait(100).hear({ priority: 200 }, ONE);
  assert.equal(states(rig), 'backup backup backup');
  assert.equal(rig.status('OUT').wantState, 'master');
  rig.take();
  rig.wait(400);
  assert.equal(states(rig), 'master master master');
  const words = rig.words();
  assert.equal(words.filter((each) => each === 'GROUP G MASTER').length, 1);
  assert.ok(words.indexOf('INSTANCE OUT MASTER') < words.indexOf('GROUP G MASTER'));
});

test('one member that gives way takes all with it, without priority 0', () => {
  const rig = groupMaster();
  rig.hear({ priority: 200 }, TWO);
  assert.equal(states(rig), 'backup backup backup');
  assert.ok(!rig.words().includes('advert 0'));
});

test('a fault of one is the fault of all, each with priority 0, and all come back together', () => {
  const tracked: TrackedObject[] = [{ kind: 'process', name: 'p', weight: 0, reverse: false, serversUpMin: 0 }];
  const rig = groupMaster(modelOf([{ ...ONE, tracked }, TWO], { groups: GROUPED.groups }));
  rig.tell('process', 'p', false);
  assert.equal(states(rig), 'fault fault fault');
  assert.equal(rig.words().filter((each) => each === 'advert 0').length, 2);
  rig.tell('process', 'p', true);
  assert.equal(states(rig), 'backup backup backup');
});

test('what the group tracks counts for all members', () => {
  const tracked: TrackedObject[] = [{ kind: 'script', name: 's', weight: -30, reverse: false, serversUpMin: 0 }];
  const rig = groupMaster(modelOf([ONE, TWO], { groups: [groupOf('G', ['IN', 'OUT'], { tracked })] }));
  rig.tell('script', 's', false);
  assert.deepEqual([rig.status('IN').effectivePriority, rig.status('OUT').effectivePriority], [70, 70]);
});

test('with an owner in the group, what the group tracks fails it instead of weighing on a part of it', () => {
  const tracked: TrackedObject[] = [{ kind: 'process', name: 'p', weight: -30, reverse: false, serversUpMin: 0 }];
  const groups = [groupOf('G', ['IN', 'OUT'], { tracked })];
  const rig = groupMaster(modelOf([{ ...ONE, priority: 255 }, TWO], { groups }));
  rig.tell('process', 'p', false);
  assert.equal(states(rig), 'fault fault fault');
});

test('a lower master on one member makes all announce themselves', () => {
  const rig = groupMaster();
  rig.hear({ priority: 50 }, ONE);
  const words = rig.words();
  assert.ok(words.includes('announce 10.77.0.101 ×5') && words.includes('announce 10.77.0.102 ×5'));
});

test('a group of owners is master at its start, a mixed one is not', () => {
  const owner = { priority: 255, wantedState: 'MASTER' } as const;
  const all = Rig.ofModel(
    modelOf(
      [
        { ...ONE, ...owner },
        { ...TWO, ...owner },
      ],
      { groups: GROUPED.groups },
    ),
  ).start();
  assert.equal(states(all), 'master master master');
  const mixed = Rig.ofModel(modelOf([{ ...ONE, ...owner }, TWO], { groups: GROUPED.groups })).start();
  assert.equal(states(mixed), 'backup backup backup');
});

test('a late member takes the group back', () => {
  const rig = groupMaster();
  rig.sleep(1000);
  rig.router.onTime(rig.nowMs, rig.intents);
  assert.equal(states(rig), 'backup backup backup');
  assert.ok(!rig.words().some((each) => each.startsWith('advert')));
});

test('a lost address sets the whole group up anew', () => {
  const rig = groupMaster();
  rig.router.onAddressLost('eth0', new Uint8Array([10, 77, 0, 101]), rig.nowMs, rig.intents);
  assert.equal(states(rig), 'backup backup backup');
  rig.wait(70);
  assert.equal(states(rig), 'master master master');
});

test('a member whose script has not spoken holds the group in INIT', () => {
  const tracked: TrackedObject[] = [{ kind: 'script', name: 's', weight: 0, reverse: false, serversUpMin: 0 }];
  const rig = Rig.ofModel(modelOf([ONE, { ...TWO, tracked }], { groups: GROUPED.groups })).start();
  rig.wait(1000);
  assert.equal(states(rig), 'init init init');
  rig.tell('script', 's', true);
  assert.equal(states(rig), 'backup backup backup');
});

// ------------------------------------------------------------------------------------------------------- reload

const reload = (rig: Rig, ...configs: VrrpInstance[]): string[] => {
  rig.take();
  rig.router.reload(modelOf(configs), rig.nowMs, rig.intents);
  return rig.words();
};

test('a reload of the same configuration changes nothing but sends an advert', () => {
  const rig = new Rig().master();
  const before = rig.status();
  assert.deepEqual(reload(rig, instanceOf()), ['advert 100']);
  const after = rig.status();
  after.counters.advert_sent--;
  assert.deepEqual({ ...after, nextAdvertInMs: 0 }, { ...before, nextAdvertInMs: 0 });
});

test('a reload’s new priority is in the next advert, at once, and a lower one loses to the backup', () => {
  const rig = new Rig({ priority: 150 }).master();
  assert.deepEqual(reload(rig, instanceOf({ priority: 90 })), ['advert 90']);
});

test('a reload exchanges addresses in place, and announces only the new ones', () => {
  const rig = new Rig({ addresses: [virtualAddress('10.77.0.100'), virtualAddress('10.77.0.101')] }).master();
  const words = reload(rig, instanceOf({ addresses: [virtualAddress('10.77.0.101'), virtualAddress('10.77.0.102')] }));
  assert.deepEqual(words, ['remove-addresses', 'add-addresses', 'announce 10.77.0.102 ×5', 'advert 100']);
  assert.equal(rig.state, 'master');
});

test('a shorter interval by reload does not make a master late', () => {
  const rig = new Rig({ advertIntMs: 1000 }).master();
  rig.wait(900);
  assert.deepEqual(reload(rig, instanceOf({ advertIntMs: 10 })), ['advert 100']);
  assert.equal(rig.state, 'master');
});

test('a reload that comes too late finds a backup', () => {
  const rig = new Rig().master();
  rig.sleep(500);
  assert.deepEqual(reload(rig, instanceOf({ advertIntMs: 1000 })), ['remove-addresses', 'INSTANCE VI_1 BACKUP']);
});

test('a backup’s timer follows its new settings', () => {
  const rig = new Rig().start();
  rig.wait(100);
  reload(rig, instanceOf({ downTimerAdverts: 5 }));
  assert.ok(Math.abs(rig.status().masterDownInMs - 460.9375) < 0.01);
});

test('an instance gone from the configuration sends priority 0 and is notified as FAULT, or DELETED if asked', () => {
  const rig = new Rig().master();
  assert.deepEqual(reload(rig), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 FAULT']);
  const deleted = { command: ['/bin/true'], uid: -1, gid: -1 };
  const asked = new Rig({ notify: { ...instanceOf().notify, deleted } }).master();
  assert.deepEqual(reload(asked), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 DELETED']);
});

test('another VRID is another virtual router; a new instance starts as BACKUP', () => {
  const rig = new Rig().master();
  const words = reload(rig, instanceOf({ vrid: 52 }));
  assert.deepEqual(words.slice(0, 3), ['advert 0', 'remove-addresses', 'INSTANCE VI_1 FAULT']);
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().counters.advert_sent, 0);
});

test('a reload that groups a master with a backup brings them to agree', () => {
  const rig = Rig.ofModel(modelOf([ONE, TWO])).start();
  for (let round = 0; round < 8; round++) rig.wait(100).hear({ priority: 200 }, ONE);
  assert.deepEqual([rig.status('IN').state, rig.status('OUT').state], ['backup', 'master']);
  rig.router.reload(GROUPED, rig.nowMs, rig.intents);
  assert.equal(states(rig), 'backup backup backup');
  rig.wait(800);
  assert.equal(states(rig), 'master master master');
});

// ----------------------------------------------------------------------------------------------------- trackers

const script = {
  name: 's',
  command: [],
  shell: false,
  intervalMs: 1000,
  timeoutMs: 0,
  weight: 0,
  weightReverse: false,
};
const SCRIPTS = [{ ...script, rise: 1, fall: 1, initFail: false, uid: -1, gid: -1, backend: null, file: '', line: 1 }];

test('weights and faults follow the table of keepalived', () => {
  const board = new TrackBoard(modelOf([], { scripts: SCRIPTS }));
  const of = (object: Partial<TrackedObject>, up: boolean, value = 0): [number, number] => {
    const tracked = {
      kind: 'script',
      name: 's',
      weight: 0,
      reverse: false,
      serversUpMin: 0,
      ...object,
    } as TrackedObject;
    board.tell({ kind: tracked.kind, name: tracked.name, up, value, serversUp: value });
    const verdict = judge(board, [], [tracked], () => true);
    return [verdict.weight, verdict.faults.length];
  };
  assert.deepEqual(of({ weight: 10 }, true), [10, 0]);
  assert.deepEqual(of({ weight: 10 }, false), [0, 0]);
  assert.deepEqual(of({ weight: -10 }, true), [0, 0]);
  assert.deepEqual(of({ weight: -10 }, false), [-10, 0]);
  assert.deepEqual(of({ weight: 10, reverse: true }, true), [-10, 0]);
  assert.deepEqual(of({ weight: -10, reverse: true }, false), [10, 0]);
  assert.deepEqual(of({}, true), [0, 0]);
  assert.deepEqual(of({}, false), [0, 1]);
  assert.deepEqual(of({ reverse: true }, true), [0, 1]);
  assert.deepEqual(of({ weight: null }, false), [0, 1]);
  const file = { kind: 'file', name: 'f' } as const;
  assert.deepEqual(of({ ...file, weight: 2 }, true, 20), [40, 0]);
  assert.deepEqual(of({ ...file, weight: 2 }, true, 500), [253, 0]);
  assert.deepEqual(of({ ...file, weight: 2 }, true, -126), [-252, 0]);
  assert.deepEqual(of({ ...file, weight: 2 }, true, -127), [0, 1]);
  assert.deepEqual(of({ ...file, weight: 2, reverse: true }, true, 127), [0, 1]);
  assert.deepEqual(of({ ...file, weight: 0 }, true, 1), [0, 1]);
  assert.deepEqual(of({ ...file, weight: 0 }, true, 0), [0, 0]);
  assert.deepEqual(of({ ...file, weight: 0, reverse: true }, true, 0), [0, 1]);
  const backend = { kind: 'backend', name: 'app', serversUpMin: 2 } as const;
  assert.deepEqual(of({ ...backend, weight: 0 }, true, 2), [0, 0]);
  assert.deepEqual(of({ ...backend, weight: 0 }, true, 1), [0, 1]);
  assert.deepEqual(of({ ...backend, weight: -20 }, true, 1), [-20, 0]);
});

test('a script that stands for a backend needs no script', () => {
  const scripts = [{ ...SCRIPTS[0]!, backend: { name: 'app', serversUpMin: 2 } }];
  const tracked: TrackedObject[] = [{ kind: 'script', name: 's', weight: null, reverse: false, serversUpMin: 0 }];
  const rig = Rig.ofModel(modelOf([instanceOf({ tracked })], { scripts })).start();
  assert.equal(rig.state, 'init');
  rig.tell('backend', 'app', true, 3);
  assert.equal(rig.state, 'backup');
  rig.tell('backend', 'app', true, 1);
  assert.equal(rig.state, 'fault');
});

test('init_fail starts with a failure', () => {
  const tracked: TrackedObject[] = [{ kind: 'script', name: 's', weight: null, reverse: false, serversUpMin: 0 }];
  const scripts = [{ ...SCRIPTS[0]!, initFail: true }];
  const rig = Rig.ofModel(modelOf([instanceOf({ tracked })], { scripts })).start();
  assert.equal(rig.state, 'fault');
});

test('tracked interfaces fail it or weigh on it', () => {
  const trackInterfaces = [
    { name: 'eth1', weight: 0, reverse: false },
    { name: 'eth2', weight: -20, reverse: false },
  ];
  const rig = new Rig({ trackInterfaces }).start();
  assert.equal(rig.state, 'fault');
  rig.router.onLink(linkOf(1, { name: 'eth1', ifindex: 3 }), rig.nowMs, rig.intents);
  assert.equal(rig.state, 'backup');
  assert.equal(rig.status().effectivePriority, 80);
  rig.router.onLink(linkOf(1, { name: 'eth2', ifindex: 4 }), rig.nowMs, rig.intents);
  assert.equal(rig.status().effectivePriority, 100);
});

// ----------------------------------------------------------------------------------------------------- hand-over

function handOver(
  rig: Rig,
  clockMs: number,
  ageMs: number,
): { next: VrrpRouter; state: ExportedState; intents: Intent[] } {
  const state = structuredClone(rig.router.exportState(rig.nowMs));
  const next = new VrrpRouter(modelOf([rig.config]), { wallMs: () => rig.wallMs });
  const intents: Intent[] = [];
  next.importState(JSON.parse(JSON.stringify(state)), ageMs, clockMs);
  next.onLink(linkOf(1), clockMs, intents);
  next.start(clockMs, intents);
  return { next, state, intents };
}

test('a master moves to another process on another clock without a word and without a missed advert', () => {
  const rig = new Rig().master();
  rig.wait(230);
  const dueInMs = rig.status().nextAdvertInMs;
  const { next, intents } = handOver(rig, 5_000_000, 4);
  assert.deepEqual(intents, []);
  assert.equal(next.status(5_000_000)[0]!.state, 'master');
  assert.ok(Math.abs(next.deadlineMs - (5_000_000 - 4 + dueInMs)) < 1e-6);
  const due: Intent[] = [];
  next.onTime(next.deadlineMs, due);
  const sent = due.find((each) => each.do === 'send-advert')!;
  assert.equal(sent.packets[0]!.bytes[5], rig.status().counters.advert_sent + 1, 'the IP id goes on');
  assert.equal(next.status(5_000_000)[0]!.counters.advert_sent, rig.status().counters.advert_sent + 1);
});

test('a backup keeps its master, its learned interval and its timer', () => {
  const rig = new Rig().start().hear({ advertIntMs: 1000 });
  rig.wait(100);
  const { next, intents } = handOver(rig, 77, 1);
  assert.deepEqual(intents, []);
  const [before, after] = [rig.status(), next.status(77)[0]!];
  assert.deepEqual(after.masterAddress, before.masterAddress);
  assert.equal(after.masterAdvertIntMs, 1000);
  assert.ok(Math.abs(after.masterDownInMs - (before.masterDownInMs - 1)) < 1e-6);
});

test('what is handed over twice is the same', () => {
  const rig = new Rig({ version: 2, advertIntMs: 1000, auth: { type: 'ah', password: 'x' } }).master();
  rig.hear({ priority: 50, ahSequence: 40 });
  rig.wait(1500);
  const { next, state } = handOver(rig, rig.nowMs, 0);
  assert.deepEqual(next.exportState(rig.nowMs), state);
});

test('a master whose hand-over took longer than its Down goes back before it sends', () => {
  const rig = new Rig().master();
  const { next, intents } = handOver(rig, 9000, 400);
  next.onTime(9000, intents);
  assert.ok(!intents.some((each) => each.do === 'send-advert'));
  assert.equal(next.status(9000)[0]!.state, 'backup');
});

test('a role that is taken over does not wait for a start-up delay', () => {
  const rig = new Rig().master();
  const delayed = modelOf([rig.config], { global: { startupDelayMs: 60_000, delayAfterBootMs: 1e9 } });
  const next = new VrrpRouter(delayed, { wallMs: () => rig.wallMs });
  next.importState(rig.router.exportState(rig.nowMs), 0, rig.nowMs);
  next.onLink(linkOf(1), rig.nowMs, []);
  next.start(rig.nowMs, []);
  assert.ok(next.deadlineMs < rig.nowMs + rig.config.advertIntMs + 1);
});

test('a result that only the successor has heard changes its priority as if nobody had moved', () => {
  const tracked: TrackedObject[] = [{ kind: 'script', name: 's', weight: -30, reverse: false, serversUpMin: 0 }];
  const rig = new Rig({ tracked, notifyPriorityChanges: true });
  rig.router.onTracked({ kind: 'script', name: 's', up: true, value: 0, serversUp: 0 }, rig.nowMs, rig.intents);
  rig.master();
  const next = new VrrpRouter(modelOf([rig.config]), { wallMs: () => rig.wallMs });
  const intents: Intent[] = [];
  next.onTracked({ kind: 'script', name: 's', up: false, value: 0, serversUp: 0 }, rig.nowMs, []);
  next.importState(rig.router.exportState(rig.nowMs), 0, rig.nowMs);
  next.onLink(linkOf(1), rig.nowMs, intents);
  next.start(rig.nowMs, intents);
  assert.equal(next.status(rig.nowMs)[0]!.effectivePriority, rig.config.priority - 30);
  assert.deepEqual(
    intents.filter((each) => each.do === 'notify').map((each) => each.state),
    ['MASTER_PRIORITY'],
  );
});

test('what is left of a spaced burst is announced by the successor', () => {
  const garp = { ...instanceOf().garp, masterRepeat: 3, masterDelayMs: 0, intervalMs: 10 };
  const rig = new Rig({ garp }).start();
  rig.wait(rig.status().masterDownInMs + 0.001);
  const before = rig.take().filter((each) => each.do === 'announce').length;
  assert.equal(before, 1);
  const { next, intents } = handOver(rig, rig.nowMs, 0);
  for (const endMs = rig.nowMs + 50; next.deadlineMs <= endMs; ) next.onTime(next.deadlineMs, intents);
  assert.equal(intents.filter((each) => each.do === 'announce').length, 2);
});

test('a sync group moves as a whole', () => {
  const rig = groupMaster();
  const next = new VrrpRouter(GROUPED, { wallMs: () => rig.wallMs });
  const intents: Intent[] = [];
  next.importState(rig.router.exportState(rig.nowMs), 0, rig.nowMs);
  next.onLink(linkOf(1), rig.nowMs, intents);
  next.start(rig.nowMs, intents);
  assert.deepEqual(intents, []);
  assert.deepEqual(next.groups(), rig.router.groups());
  next.onAdvert(factOf(TWO), rig.nowMs, intents);
  assert.deepEqual(
    next.status(rig.nowMs).map((each) => each.state),
    ['backup', 'backup'],
  );
});

test('state of an instance that is configured no more, or as another virtual router, is not taken', () => {
  const rig = new Rig().master();
  const next = new VrrpRouter(modelOf([instanceOf({ vrid: 52 })]), { wallMs: () => rig.wallMs });
  next.importState(rig.router.exportState(rig.nowMs), 0, rig.nowMs);
  assert.equal(next.status(rig.nowMs)[0]!.state, 'init');
});

test('counters can be cleared, states cannot', () => {
  const rig = new Rig().master();
  rig.router.clearCounters();
  assert.equal(rig.status().counters.become_master, 0);
  assert.equal(rig.state, 'master');
});

// ------------------------------------------------------------------------------------- two routers, packet by packet

test('two of weir elect, hand over and heal as measured between two keepalived', () => {
  const a = new Rig({ priority: 150 });
  const b = new Rig({ priority: 100 });
  const hosts = new Map([
    [a, 1],
    [b, 2],
  ]);
  for (const [rig, host] of hosts) {
    rig.router.onLink(linkOf(host), rig.nowMs, rig.intents);
    rig.router.start(rig.nowMs, rig.intents);
  }
  let isCut = false;
  const carry = (): void => {
    for (let again = true; again; ) {
      again = false;
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        for (const each of from.take()) {
          if (each.do !== 'send-advert' || isCut) continue;
          again = true;
          const { bytes, destination } = each.packets[0]!;
          const { source, family } = each;
          to.router.onAdvert({ ifindex: 2, family, bytes, source, destination, hopLimit: 255 }, to.nowMs, to.intents);
        }
      }
    }
  };
  const run = (ms: number): void => {
    for (let tick = 0; tick < ms; tick++) {
      a.wait(1);
      b.wait(1);
      carry();
    }
  };
  run(342);
  assert.deepEqual([a.state, b.state], ['master', 'backup'], 'cold start: 341 ms');
  run(1000);
  isCut = true;
  run(370);
  assert.deepEqual([a.state, b.state], ['master', 'master'], 'the cable is out');
  isCut = false;
  run(101);
  assert.deepEqual([a.state, b.state], ['master', 'backup'], 'healed within an interval');
  a.router.stop(a.nowMs, a.intents);
  carry();
  for (let tick = 0; tick < 62; tick++) b.wait(1);
  assert.equal(b.state, 'master', 'priority 0: skew alone');
});

// Valid packets with anything in them, at any time: the invariants are asserted by the router after each.
fuzz(
  'vrrp-valid-adverts',
  (prng) => {
    const rig = new Rig({
      priority: prng.pick([1, 100, 254, 255]),
      wantedState: prng.pick(['MASTER', 'BACKUP'] as const),
      preempt: prng.below(2) === 0,
      preemptDelayMs: prng.pick([0, 250]),
      higherPrioSendAdvert: prng.below(2) === 0,
      lowerPrioNoAdvert: prng.below(2) === 0,
    }).start();
    for (let step = 0; step < 100; step++) {
      if (prng.below(3) === 0) rig.sleep(prng.below(600));
      else rig.wait(prng.below(120));
      rig.hear({
        priority: prng.pick([0, 1, 99, 100, 254, 255, prng.below(256)]),
        advertIntMs: prng.below(4096) * 10,
        host: 1 + prng.below(4),
        addresses: Array.from({ length: prng.below(4) }, () => prng.bytes(4)),
      });
      const status = rig.status();
      if (status.state === 'master') assert.ok(status.nextAdvertInMs <= 100);
      else assert.ok(status.masterDownInMs <= 4 * 3000, 'no stranger holds a backup longer than the cap allows');
    }
  },
  10,
);

test('specs and facts of the bench agree', () => {
  assert.equal(factOf(ONE).bytes[21], specOf(ONE).vrid);
});
