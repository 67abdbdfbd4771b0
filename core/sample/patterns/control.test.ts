// Goal: the runtime API shows and changes references as HAProxy does, and every thread's copy stays the same.
// Method: a directory whose publishing feeds a second store, compared after each change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PatternRef, PatternUse } from '../../model/language.ts';
import { PatternDirectory } from './control.ts';
import { PatternStore } from './store.ts';
import { TextStore } from './texts.ts';

class Refused extends Error {}

function refOf(
  index: number,
  id: number,
  name: string,
  pairs: readonly [string, string][],
  uses: PatternUse[],
): PatternRef {
  const keys = new TextStore();
  const values = new TextStore();
  for (const [key, value] of pairs) {
    keys.pushText(key);
    values.pushText(value);
  }
  const isMap = uses.some(({ out }) => out !== '');
  return {
    ...{ index, id, name, isMap, isAcl: !isMap, display: `display ${index}` },
    keys: keys.pack(),
    values: isMap ? values.pack() : null,
    ...{ lines: new Int32Array(pairs.length), uses, hosts: {} },
  };
}

const MAP_USES: PatternUse[] = [
  { method: 'str', ignoreCase: false, out: 'str' },
  { method: 'ip', ignoreCase: false, out: 'sint' },
];

function setUp(): { directory: PatternDirectory; thread: PatternStore } {
  const refs = [
    refOf(
      0,
      5,
      'net.map',
      [
        ['10.0.0.1', '1'],
        ['10.0.0.0/8', '2'],
        ['10.0.0.1', '3'],
      ],
      MAP_USES,
    ),
    refOf(1, 0, '', [['a.b', '']], [{ method: 'reg', ignoreCase: true, out: '' }]),
  ];
  const thread = new PatternStore(refs);
  const publish = async (change: Parameters<PatternStore['apply']>[0]): Promise<void> => void thread.apply(change);
  const directory = new PatternDirectory(new PatternStore(refs), publish, (message) => new Refused(message));
  return { directory, thread };
}

const shown = (directory: PatternDirectory, version = 0): [string, string | null][] =>
  [...directory.entries(5, version)].map(({ key, value }) => [key, value]);

function threadShows(thread: PatternStore): [string, string][] {
  const { entries } = thread.state(0);
  const live = Array.from({ length: entries.texts.count }, (_, entry) => entry).filter((entry) =>
    entries.isLive(entry),
  );
  return live.map((entry) => [entries.texts.text(entry), entries.values.text(entry)]);
}

test('references are listed by id and found by #id or name', () => {
  const { directory } = setUp();
  assert.deepEqual(
    directory.list().map(({ id, name, entryCount, hasSamples }) => [id, name, entryCount, hasSamples]),
    [
      [0, '', 1, false],
      [5, 'net.map', 3, true],
    ],
  );
  assert.equal(directory.find('#5')?.name, 'net.map');
  assert.equal(directory.find('file@net.map')?.id, 5);
  for (const unknown of ['#7', '#5x', 'other', '']) assert.equal(directory.find(unknown), null, unknown);
});

test('a lookup tells of every way of matching', () => {
  const { directory } = setUp();
  const base = { ignoresCase: false, isTree: true };
  assert.deepEqual(directory.get(5, '10.0.0.1'), [
    { ...base, method: 'str', key: '10.0.0.1', value: '1', valueType: 'str' },
    { ...base, method: 'ip', key: '10.0.0.1', value: '1', valueType: 'sint' },
  ]);
  assert.deepEqual(directory.get(5, '10.9.9.9'), [
    { method: 'str', ignoresCase: false, isTree: false, key: null, value: null, valueType: '' },
    { ...base, method: 'ip', key: '10.0.0.0/8', value: '2', valueType: 'sint' },
  ]);
  assert.deepEqual(directory.get(0, 'xA-B'), [
    { method: 'reg', ignoresCase: true, isTree: false, key: 'a.b', value: null, valueType: '' },
  ]);
});

test('changes by key and by entry reach the threads alike', async () => {
  const { directory, thread } = setUp();
  await directory.add(5, 0, [{ key: '10.0.0.1', value: '4' }]);
  assert.equal(await directory.set(5, '10.0.0.1', '9'), true);
  const entries = [...directory.entries(5, 0)];
  assert.equal(new Set(entries.map(({ ref }) => ref)).size, 4);
  assert.equal(await directory.set(5, entries[2]!.ref, '33'), true);
  assert.equal(await directory.delete(5, entries[0]!.ref), true);
  assert.equal(await directory.delete(5, entries[0]!.ref), false);
  assert.equal(await directory.delete(5, 'nothing'), false);
  assert.deepEqual(shown(directory), [
    ['10.0.0.0/8', '2'],
    ['10.0.0.1', '33'],
    ['10.0.0.1', '9'],
  ]);
  assert.deepEqual(threadShows(thread), shown(directory));
  assert.equal(await directory.delete(5, '10.0.0.1'), true);
  assert.deepEqual(threadShows(thread), [
    ['10.0.0.0/8', '2'],
    ['10.0.0.1', '9'],
  ]);
});

test('versions are prepared, filled, shown and committed', async () => {
  const { directory, thread } = setUp();
  assert.equal(await directory.prepare(5), 1);
  await directory.add(5, 1, [
    { key: '10.0.0.2', value: '1' },
    { key: '10.0.0.3', value: '2' },
  ]);
  assert.equal(shown(directory, 1).length, 2);
  assert.equal(shown(directory, 2).length, 0);
  assert.equal(directory.find('#5')!.entryCount, 5);
  await directory.commit(5, 1);
  assert.deepEqual(threadShows(thread), [
    ['10.0.0.2', '1'],
    ['10.0.0.3', '2'],
  ]);
  const { currentVersion, nextVersion } = directory.find('#5')!;
  assert.deepEqual([currentVersion, nextVersion], [1, 1]);
  await directory.clear(5, 1);
  assert.deepEqual([threadShows(thread), shown(directory, 1)], [[], []]);
});

test('what cannot be done is refused before anyone is told', async () => {
  const { directory, thread } = setUp();
  const pairs = [
    { key: '10.0.0.7', value: '1' },
    { key: 'x', value: '1' },
  ];
  await assert.rejects(directory.add(5, 0, pairs), new Refused("'x' is not a valid IPv4 or IPv6 address"));
  await assert.rejects(directory.set(5, '10.0.0.1', 'x'), new Refused("unable to parse 'x'"));
  await assert.rejects(directory.set(5, 77n, '1'), new Refused('key or pattern not found'));
  await assert.rejects(directory.commit(5, 4), new Refused('Version number out of range'));
  assert.equal(threadShows(thread).length, 3);
});

test('what the threads changed themselves is learned', () => {
  const { directory } = setUp();
  directory.learn({ kind: 'put', ref: 0, key: '10.0.0.9', value: '5' });
  directory.learn({ kind: 'put', ref: 0, key: 'bad', value: '5' });
  assert.deepEqual(shown(directory).at(-1), ['10.0.0.9', '5']);
});
