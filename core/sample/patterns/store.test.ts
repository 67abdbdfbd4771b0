// Goal: every method finds the entry that HAProxy's finds, whatever was added, changed and deleted before.
// Method: a naive list that follows the manual and pattern matching word by word, against the store, from a seed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import type { MatchMethod, PatternRef, PatternUse } from '../../model/language.ts';
import { fuzz } from '../../testing/fuzz.ts';
import type { Subject } from '../subject.ts';
import { Trash } from '../trash.ts';
import { Sample, TYPE_BIN, TYPE_METH, TYPE_STR } from '../types.ts';
import { ALL_ALIKE, CURRENT_VERSION, type PatternChange, PatternStore, ruleChange } from './store.ts';
import { latin1Bytes, TextStore } from './texts.ts';

const subject = { trash: new Trash(16_384) } as Subject;

function refOf(
  keys: readonly string[],
  values: readonly string[] | null,
  uses: readonly PatternUse[] = [],
): PatternRef {
  const pack = (texts: readonly string[]): PatternRef['keys'] => {
    const store = new TextStore();
    for (const text of texts) store.pushText(text);
    return store.pack();
  };
  return {
    ...{ index: 0, id: 7, name: 'f.map', isMap: values !== null, isAcl: values === null, display: 'd' },
    keys: pack(keys),
    values: values === null ? null : pack(values),
    ...{ lines: new Int32Array(keys.length), uses: [...uses], hosts: {} },
  };
}

function textSample(text: string, type = TYPE_STR): Sample {
  const sample = new Sample();
  const bytes = latin1Bytes(`<${text}>`);
  sample.setBytes(type, bytes, 1, text.length);
  return sample;
}

/** Key of the entry that matches a text; null: none. */
function find(store: PatternStore, method: MatchMethod, ignoreCase: boolean, sample: Sample | string): string | null {
  const matcher = store.matcher(0, method, ignoreCase);
  const entry = matcher.match(typeof sample === 'string' ? textSample(sample) : sample, subject);
  return entry < 0 ? null : matcher.keyText(entry);
}

const over = (...keys: string[]): PatternStore => new PatternStore([refOf(keys, null)]);

function intSample(value: bigint): Sample {
  const sample = new Sample();
  sample.setWide(value);
  return sample;
}

test('str compares whole texts, the first of equal ones counts, and -i folds ASCII', () => {
  const store = over('abc', 'ABC', 'abd');
  assert.equal(find(store, 'str', false, 'ABC'), 'ABC');
  assert.equal(find(store, 'str', true, 'ABC'), 'abc');
  assert.equal(find(store, 'str', false, 'ab'), null);
  assert.equal(find(store, 'str', false, 'abc\0def'), 'abc', 'texts in trees end at a NUL');
  assert.equal(find(store, 'str', true, 'abc\0def'), null);
});

test('beg takes the longest pattern, and the first one of the list with -i', () => {
  const store = over('/a', '/api', '/', '/api/v1');
  assert.equal(find(store, 'beg', false, '/api/v2'), '/api');
  assert.equal(find(store, 'beg', false, '/x'), '/');
  assert.equal(find(store, 'beg', false, 'x'), null);
  assert.equal(find(store, 'beg', true, '/API/V1'), '/a');
});

test('end and sub take the first pattern of the list', () => {
  const store = over('.gif', 'f', 'bc');
  assert.equal(find(store, 'end', false, 'x.gif'), '.gif');
  assert.equal(find(store, 'end', false, 'xf'), 'f');
  assert.equal(find(store, 'end', true, 'x.GIF'), '.gif');
  assert.equal(find(store, 'sub', false, 'abcf'), 'f');
  assert.equal(find(store, 'sub', false, 'abcd'), 'bc');
  assert.equal(find(store, 'sub', false, 'b'), null);
});

test('dir and dom want delimiters around, and forget those of the pattern', () => {
  assert.equal(find(over('/img/'), 'dir', false, '/a/img?x'), '/img/');
  assert.equal(find(over('img'), 'dir', false, '/a/imgs'), null);
  assert.equal(find(over('a/b'), 'dir', false, '/a/b'), 'a/b');
  assert.equal(find(over('img.x'), 'dir', false, '/img.x'), 'img.x');
  assert.equal(find(over('.example.com'), 'dom', false, 'www.example.com:80'), '.example.com');
  assert.equal(find(over('example'), 'dom', true, 'www.EXAMPLE.com'), 'example');
  assert.equal(find(over('ample'), 'dom', false, 'www.example.com'), null);
  assert.equal(find(over('/'), 'dir', false, '/a/b'), null);
});

test('int and len take numbers and ranges, the first that holds', () => {
  const store = over('5', '10:20', ':3', '100:', '12', '9223372036854775807');
  assert.equal(find(store, 'int', false, intSample(5n)), '5');
  assert.equal(find(store, 'int', false, intSample(12n)), '10:20');
  assert.equal(find(store, 'int', false, intSample(-7n)), ':3');
  assert.equal(find(store, 'int', false, intSample(9223372036854775807n)), '100:');
  assert.equal(find(store, 'int', false, intSample(4n)), null);
  assert.equal(find(over('9007199254740993'), 'int', false, intSample(9007199254740992n)), null);
  assert.equal(find(over('9007199254740993'), 'int', false, intSample(9007199254740993n)), '9007199254740993');
  assert.equal(find(store, 'int', false, '15'), '10:20', 'texts are read as numbers');
  assert.equal(find(store, 'len', false, 'abcde'), '5');
  assert.equal(find(over('3.1:'), 'ver', false, intSample(0x30002n)), '3.1:');
  assert.equal(find(over('3.1:'), 'ver', false, intSample(0x30000n)), null);
});

test('ip takes the longest network, of either family', () => {
  const store = over('10.0.0.0/8', '10.1.0.0/16', '0.0.0.0/0', '2001:db8::/32', '10.1.2.3', '::ffff:192.0.2.0/120');
  assert.equal(find(store, 'ip', false, '10.1.2.4'), '10.1.0.0/16');
  assert.equal(find(store, 'ip', false, '10.1.2.3'), '10.1.2.3');
  assert.equal(find(store, 'ip', false, '11.0.0.1'), '0.0.0.0/0');
  assert.equal(find(store, 'ip', false, '2001:db8::1'), '2001:db8::/32');
  assert.equal(find(store, 'ip', false, '::ffff:10.9.9.9'), '10.0.0.0/8', 'mapped');
  assert.equal(find(store, 'ip', false, '2002:0a01:0203::'), '10.1.2.3', '6to4');
  assert.equal(find(store, 'ip', false, 'fe80::1'), null);
  assert.equal(find(over('::ffff:192.0.2.0/120'), 'ip', false, '192.0.2.9'), '::ffff:192.0.2.0/120');
  assert.equal(find(over('10.0.0.1/255.0.0.255'), 'ip', false, '10.7.8.1'), '10.0.0.1/255.0.0.255');
  assert.equal(find(over('10.0.0.1/255.0.0.255'), 'ip', false, '10.7.8.2'), null);
});

test('bin compares bytes that are written in hex', () => {
  assert.equal(find(over('00ff', 'AB'), 'bin', false, textSample('\xab', TYPE_BIN)), 'AB');
  assert.equal(find(over('00ff'), 'bin', false, textSample('\0\xff', TYPE_BIN)), '00ff');
  assert.equal(find(over('00ff'), 'bin', false, textSample('\0', TYPE_BIN)), null);
});

test('reg takes the first expression that matches', () => {
  assert.equal(find(over('^/a', 'b$'), 'reg', false, '/ab'), '^/a');
  assert.equal(find(over('^/a', 'b$'), 'reg', false, 'xb'), 'b$');
  assert.equal(find(over('^/a'), 'reg', true, '/Ab'), '^/a');
});

test('found needs no pattern, bool a number that is not zero', () => {
  assert.equal(store0(find(over(), 'found', false, 'x')), true);
  assert.equal(store0(find(over(), 'bool', false, '2')), true);
  assert.equal(store0(find(over(), 'bool', false, '0')), false);
});

const store0 = (key: string | null): boolean => key !== null;

test('methods are compared by what they are, and by name only when unknown', () => {
  const method = (number: number, name: string): Sample => {
    const sample = textSample(name, TYPE_METH);
    sample.number = number;
    return sample;
  };
  assert.equal(find(over('GET', 'PURGE'), 'meth', false, method(1, '')), 'GET');
  assert.equal(find(over('get'), 'meth', true, method(1, '')), null);
  assert.equal(find(over('GET', 'PURGE'), 'meth', false, method(0, 'PURGE')), 'PURGE');
  assert.equal(find(over('purge'), 'meth', true, method(0, 'PURGE')), 'purge');
  assert.equal(find(over('purge'), 'meth', false, method(0, 'PURGE')), null);
});

// --- Against a plain list ----------------------------------------------------------------------------------------------

interface Pair {
  key: string;
  value: string;
}

const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function words(text: string, delimiters: string): { word: string; at: number }[] {
  const starts = [...text].flatMap((char, at) =>
    !delimiters.includes(char) && (at === 0 || delimiters.includes(text[at - 1]!)) ? [at] : [],
  );
  return starts.map((at) => ({ word: text.slice(at), at }));
}

function inet(text: string): { word: number; mask: number; bits: number } {
  const [host = '', length = '32'] = text.split('/');
  const word = host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const bits = Number(length);
  return { word, mask: bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0, bits };
}

/** What HAProxy's loops over a list, or its trees, come to. */
function naive(pairs: readonly Pair[], method: MatchMethod, ignoreCase: boolean, text: string): string | null {
  const fold = (value: string): string => (ignoreCase ? lower(value) : value);
  const subjectText = fold(text);
  const longest = (fits: readonly Pair[], size: (key: string) => number): string | null =>
    fits.reduce<Pair | null>((best, each) => (best === null || size(each.key) > size(best.key) ? each : best), null)
      ?.key ?? null;
  const wordFits = (key: string, delimiters: string): boolean => {
    const stripped = fold(key).replace(new RegExp(`^[${delimiters}]+|[${delimiters}]+$`, 'g'), '');
    if (stripped === '') return false;
    return words(subjectText, delimiters).some(({ word }) => {
      const next = word[stripped.length];
      return word.startsWith(stripped) && (next === undefined || delimiters.includes(next));
    });
  };
  switch (method) {
    case 'str':
      return pairs.find(({ key }) => fold(key) === subjectText)?.key ?? null;
    case 'beg': {
      const fits = pairs.filter(({ key }) => subjectText.startsWith(fold(key)));
      return ignoreCase ? (fits[0]?.key ?? null) : longest(fits, (key) => key.length);
    }
    case 'end':
      return pairs.find(({ key }) => subjectText.endsWith(fold(key)))?.key ?? null;
    case 'sub':
      return pairs.find(({ key }) => subjectText.includes(fold(key)))?.key ?? null;
    case 'dir':
      return pairs.find(({ key }) => wordFits(key, '/?'))?.key ?? null;
    case 'dom':
      return pairs.find(({ key }) => wordFits(key, '/?.:'))?.key ?? null;
    case 'ip': {
      const fits = pairs.filter(({ key }) => ((inet(key).word ^ inet(text).word) & inet(key).mask) === 0);
      return longest(fits, (key) => inet(key).bits);
    }
    default: {
      const value = method === 'len' ? text.length : Number(text);
      const holds = (key: string): boolean => {
        const [low = '', high = low] = key.split(':');
        return (low === '' || Number(low) <= value) && (high === '' || value <= Number(high));
      };
      return pairs.find(({ key }) => holds(key))?.key ?? null;
    }
  }
}

const TEXT_METHODS: readonly MatchMethod[] = ['str', 'beg', 'end', 'sub', 'dir', 'dom'];

function randomKey(prng: Prng, method: MatchMethod): string {
  if (method === 'ip') {
    const bits = prng.pick([0, 4, 8, 15, 16, 17, 24, 31, 32]);
    return `${prng.pick([10, 10, 11])}.${prng.below(2)}.${prng.below(3)}.${prng.below(4)}/${bits}`;
  }
  if (method === 'int' || method === 'len') {
    const low = prng.below(9);
    return prng.pick([`${low}`, `${low}:${low + prng.below(4)}`, `:${low}`, `${low}:`]);
  }
  return Array.from({ length: 1 + prng.below(5) }, () => prng.pick([...'aabA/.'])).join('');
}

function randomSubject(prng: Prng, method: MatchMethod): string {
  if (method === 'ip') return `${prng.pick([10, 11, 12])}.${prng.below(2)}.${prng.below(3)}.${prng.below(4)}`;
  if (method === 'int') return String(prng.below(12));
  return Array.from({ length: prng.below(12) }, () => prng.pick([...'aabA/.?:'])).join('');
}

function randomChange(prng: Prng, pairs: readonly Pair[], method: MatchMethod): PatternChange {
  const known = pairs.length > 0 && prng.below(3) > 0 ? prng.pick(pairs).key : randomKey(prng, method);
  const value = `v${prng.below(100)}`;
  const version = CURRENT_VERSION;
  switch (prng.below(5)) {
    case 0:
    case 1:
      return { kind: 'delete', ref: 0, version, key: known, nth: prng.below(2) };
    case 2:
      return { kind: 'set', ref: 0, version, key: known, nth: prng.pick([ALL_ALIKE, 0, 1]), value };
    case 3:
      return { kind: 'put', ref: 0, key: known, value };
    default:
      return { kind: 'add', ref: 0, version, pairs: [{ key: known, value }] };
  }
}

function applyNaive(pairs: Pair[], change: PatternChange): void {
  const alike = (key: string): number[] => pairs.flatMap((pair, index) => (pair.key === key ? [index] : []));
  if (change.kind === 'add') pairs.push({ key: change.pairs[0]!.key, value: change.pairs[0]!.value! });
  else if (change.kind === 'delete') {
    const index = alike(change.key)[change.nth];
    if (index !== undefined) pairs.splice(index, 1);
  } else if (change.kind === 'set' || change.kind === 'put') {
    const found = alike(change.key);
    const wanted = change.kind === 'put' || change.nth === ALL_ALIKE ? found : found.slice(change.nth, change.nth + 1);
    for (const index of wanted) pairs[index]!.value = change.value!;
    if (change.kind === 'put' && found.length === 0) pairs.push({ key: change.key, value: change.value! });
  }
}

fuzz('trees and tables find what a plain list finds, through all changes', (prng) => {
  const method = prng.pick<MatchMethod>([...TEXT_METHODS, 'ip', 'int', 'len']);
  const ignoreCase = TEXT_METHODS.includes(method) && prng.below(2) === 0;
  const pairs: Pair[] = Array.from({ length: prng.below(12) }, (_, index) => ({
    key: randomKey(prng, method),
    value: `l${index}`,
  }));
  const store = new PatternStore([
    refOf(
      pairs.map(({ key }) => key),
      pairs.map(({ value }) => value),
    ),
  ]);
  const matcher = store.matcher(0, method, ignoreCase);
  for (let round = 0; round < 12; round++) {
    const text = randomSubject(prng, method);
    const entry = matcher.match(textSample(text), subject);
    const expected = naive(pairs, method, ignoreCase, text);
    const place = `${method}${ignoreCase ? ' -i' : ''} '${text}' among ${JSON.stringify(pairs)}`;
    assert.equal(entry < 0 ? null : matcher.keyText(entry), expected, place);
    if (entry >= 0) {
      const value = new Sample();
      matcher.value(entry, value);
      const got = Buffer.from(value.bytes.subarray(value.offset, value.offset + value.length)).toString('latin1');
      assert.equal(got, pairs.find(({ key }) => key === expected)?.value, place);
    }
    const change = randomChange(prng, pairs, method);
    store.apply(change);
    applyNaive(pairs, change);
    assert.equal(matcher.count, pairs.length);
  }
});

test('IPv6 networks are found by their longest prefix among thousands', () => {
  const keys = Array.from(
    { length: 4096 },
    (_, index) => `2001:db8:${index.toString(16)}::/${index % 2 === 0 ? 48 : 56}`,
  );
  const store = over('2000::/3', '2001:db8::/32', '::/0', ...keys);
  assert.equal(find(store, 'ip', false, '2001:db8:abc::1'), '2001:db8:abc::/48');
  assert.equal(find(store, 'ip', false, '2001:db8:abd:0080::1'), '2001:db8:abd::/56');
  assert.equal(find(store, 'ip', false, '2001:db8:abd:0180::1'), '2001:db8::/32');
  assert.equal(find(store, 'ip', false, '2002:ffff::1'), '2000::/3');
  assert.equal(find(store, 'ip', false, 'fe80::1'), '::/0');
});

// --- Changes at run time -----------------------------------------------------------------------------------------------

test('a prepared version is seen when it is committed, and all older ones go', () => {
  const store = new PatternStore([refOf(['a'], ['1'])]);
  const state = store.state(0);
  assert.equal(find(store, 'str', false, 'a'), 'a');
  assert.equal(state.prepare(), 1);
  assert.equal(state.prepare(), 2);
  const pairs = [{ key: 'b', value: '2' }];
  store.apply({ kind: 'add', ref: 0, version: 2, pairs });
  store.apply({ kind: 'add', ref: 0, version: 1, pairs: [{ key: 'c', value: '3' }] });
  assert.equal(find(store, 'str', false, 'b'), null);
  assert.equal(state.entryCount, 3);
  assert.equal(store.check({ kind: 'commit', ref: 0, version: 3 }), 'Version number out of range');
  assert.equal(store.check({ kind: 'commit', ref: 0, version: 0 }), 'Version number out of range');
  assert.ok(store.apply({ kind: 'commit', ref: 0, version: 2 }));
  assert.equal(find(store, 'str', false, 'b'), 'b');
  assert.equal(find(store, 'str', false, 'a'), null);
  assert.equal(state.entryCount, 1);
  assert.equal(state.version(1), null);
  assert.equal(store.check({ kind: 'commit', ref: 0, version: 1 }), 'Version number out of range');
});

test('committing a version without entries empties the reference', () => {
  const store = over('a');
  store.apply({ kind: 'prepare', ref: 0 });
  store.apply({ kind: 'commit', ref: 0, version: 1 });
  assert.equal(find(store, 'str', false, 'a'), null);
  store.apply({ kind: 'add', ref: 0, version: CURRENT_VERSION, pairs: [{ key: 'z', value: null }] });
  assert.equal(find(store, 'str', false, 'z'), 'z');
});

test('clear takes one version, and what was loaded does not come back', () => {
  const store = over('a', 'b');
  const matcher = store.matcher(0, 'str', false);
  store.apply({ kind: 'prepare', ref: 0 });
  store.apply({ kind: 'add', ref: 0, version: 1, pairs: [{ key: 'n', value: null }] });
  store.apply({ kind: 'clear', ref: 0, version: 1 });
  assert.equal(matcher.count, 2);
  store.apply({ kind: 'clear', ref: 0, version: CURRENT_VERSION });
  assert.equal(matcher.count, 0);
  assert.equal(matcher.match(textSample('a'), subject), -1);
});

test('version numbers wrap at 2³²', () => {
  const store = over('a');
  const state = store.state(0);
  state.current = 0xffff_ffff;
  state.next = 0xffff_ffff;
  assert.equal(state.prepare(), 0);
  store.apply({ kind: 'add', ref: 0, version: 0, pairs: [{ key: 'b', value: null }] });
  assert.ok(state.mayCommit(0));
  assert.ok(!state.mayCommit(1));
  assert.ok(state.commit(0));
});

test('an entry that one of its users cannot read is refused in words', () => {
  const uses: PatternUse[] = [
    { method: 'ip', ignoreCase: false, out: 'sint' },
    { method: 'str', ignoreCase: false, out: 'addr' },
  ];
  const store = new PatternStore([refOf([], [], uses)]);
  const add = (key: string, value: string): string | null =>
    store.check({ kind: 'add', ref: 0, version: CURRENT_VERSION, pairs: [{ key, value }] });
  assert.equal(add('10.0.0.0/8', 'x'), "unable to parse 'x'");
  assert.equal(add('10.0.0.0/33', '1'), "'10.0.0.0/33' is not a valid IPv4 or IPv6 address");
  assert.equal(add('10.0.0.0/8', '7'), "unable to parse '7'");
  const wrong = { kind: 'set', ref: 0, version: CURRENT_VERSION, key: 'k', nth: ALL_ALIKE, value: 'q' } as const;
  assert.equal(store.check(wrong), "unable to parse 'q'");
  assert.equal(store.change(0, 'set', '10.0.0.0/8', '1'), false);
});

test('what rules add is there once, and set and del tell whether there was something', () => {
  const store = new PatternStore([refOf(['a'], ['1'])]);
  assert.equal(store.change(0, 'set', 'b', '2'), false);
  assert.equal(store.change(0, 'add', 'b', '2'), true);
  assert.equal(store.change(0, 'add', 'b', '3'), true);
  assert.equal(store.state(0).entryCount, 2);
  assert.equal(store.change(0, 'set', 'a', '9'), true);
  assert.equal(store.change(0, 'del', 'b', ''), true);
  assert.equal(store.change(0, 'del', 'b', ''), false);
  assert.deepEqual(ruleChange(3, 'add', 'k', 'v'), { kind: 'put', ref: 3, key: 'k', value: 'v' });
});

test('a value that is held stays what it was when it is set anew', () => {
  const store = new PatternStore([refOf(['a'], ['old'])]);
  const matcher = store.matcher(0, 'str', false);
  const held = textSample('a');
  matcher.value(matcher.match(textSample('a'), subject), held);
  for (let round = 0; round < 200; round++) store.change(0, 'set', 'a', 'x'.repeat(1000));
  assert.equal(Buffer.from(held.bytes.subarray(held.offset, held.offset + held.length)).toString(), 'old');
  matcher.value(matcher.match(textSample('a'), subject), held);
  assert.equal(held.length, 1000);
});

test('a table that is filled and emptied for long keeps its size', () => {
  const store = new PatternStore([refOf(['first'], ['f'])]);
  const matchers = (['str', 'beg', 'end'] as const).map((method) => store.matcher(0, method, false));
  for (let round = 0; round < 20_000; round++) {
    store.change(0, 'add', `key-${round}`, `value-${round}`);
    if (round >= 50) assert.ok(store.change(0, 'del', `key-${round - 50}`, ''));
  }
  const entries = store.state(0).entries;
  assert.equal(entries.count, 51);
  assert.ok(entries.texts.count < 3_000, `${entries.texts.count} places for 51 entries`);
  for (const matcher of matchers) {
    assert.equal(matcher.keyText(matcher.match(textSample('key-19999'), subject)), 'key-19999');
    assert.equal(matcher.match(textSample('key-19'), subject), -1);
    assert.equal(matcher.keyText(matcher.match(textSample('first'), subject)), 'first');
  }
});
