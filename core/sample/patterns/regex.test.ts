// Goal: patterns match as PCRE2's, say HAProxy's words when they are wrong, and hold nobody up.
// Method: tables of expected values; two engines against each other from a seed; the peer's words where one is there.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { type CompiledRegex, checkReplacement, compileRegex, newCaptures, writeReplacement } from './regex.ts';
import { parseRegex } from './regex-parse.ts';
import { OwnMatcher } from './regex-run.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

function compiled(source: string, ignoreCase = false, captures = true): CompiledRegex {
  const result = compileRegex(source, ignoreCase, captures);
  assert.ok(result.ok, result.ok ? '' : result.message);
  return result.regex;
}

/** Texts of the match and its groups, null where a group took no part; null: no match. */
function match(regex: CompiledRegex, subject: string, notBol = false): (string | null)[] | null {
  const bytes = bytesOf(`##${subject}##`);
  const captures = newCaptures();
  const found = regex.exec(bytes, 2, subject.length, captures, notBol);
  if (!notBol) assert.equal(regex.test(bytes, 2, subject.length), found, 'test and exec agree');
  if (!found) return null;
  return Array.from({ length: Math.min(regex.groupCount, 9) + 1 }, (_, group) => {
    const start = captures[group * 2]!;
    return start < 0 ? null : subject.slice(start, captures[group * 2 + 1]);
  });
}

test('expressions find what PCRE2 finds, with its captures', () => {
  const cases: readonly [string, string, (string | null)[] | null][] = [
    ['^/api/', '/api/x', ['/api/']],
    ['\\.png$', '/a.png', ['.png']],
    ['\\.png$', '/a.png\n', ['.png']],
    ['\\.png\\z', '/a.png\n', null],
    ['^abc$', 'abcd', null],
    ['^abc$', 'abc', ['abc']],
    ['(a)|b', 'b', ['b', null]],
    ['(?:(a)|b)*', 'ab', ['ab', 'a']],
    ['(\\w+)@(\\w+)', 'x me@here', ['me@here', 'me', 'here']],
    ['(?<user>\\w+):\\k<user>', 'a:b b:b', ['b:b', 'b']],
    ['(?i)ABC', 'xabc', ['abc']],
    ['a(?i:B)c', 'aBc', ['aBc']],
    ['a(?i:B)c', 'ABc', null],
    ['[[:upper:]][[:^digit:]]', 'aB1Cd', ['Cd']],
    ['\\h\\R', 'a \r\n', [' \r\n']],
    ['(?m)^b$', 'a\nb\nc', ['b']],
    ['^b', 'a\nb', null],
    ['(?s)a.b', 'a\nb', ['a\nb']],
    ['a.b', 'a\nb', null],
    ['a++b', 'aaab', ['aaab']],
    ['a++a', 'aaa', null],
    ['(?>a|ab)c', 'abc', null],
    ['foo(?=bar)', 'foobar', ['foo']],
    ['foo(?!bar)', 'foobar foobaz', ['foo']],
    ['(?<=/)x(?<!y)', 'ax/x', ['x']],
    ['foo\\Kbar', 'foobar', ['bar']],
    ['(a)?b(?(1)c|d)', 'abd bd', ['bd', null]],
    ['(?|(a)|(b))\\1', 'bb', ['bb', 'b']],
    ['\\Qa.b\\E+', 'xa.bb', ['a.bb']],
    ['(?x) a  b # c', 'ab', ['ab']],
    ['a{2,3}?', 'aaa', ['aa']],
    ['x{,3}', 'x{,3}', ['x{,3}']],
    ['\\x41\\101\\cA', 'AA\u0001', ['AA\u0001']],
    ['[a\\]-]+', 'a]-', ['a]-']],
    ['[]a]+', ']a', [']a']],
    ['\\w', '\xe9', null],
    ['[^a]', '\xe9', ['\xe9']],
    ['(a*)*', 'b', ['', '']],
    ['(?=(a))', 'xa', ['', 'a']],
    ['\\bfoo\\b', 'a foo.', ['foo']],
  ];
  for (const [source, subject, expected] of cases) {
    assert.deepEqual(match(compiled(source), subject), expected, `${source} on ${JSON.stringify(subject)}`);
  }
});

test('ignoring case folds ASCII letters and nothing else', () => {
  assert.deepEqual(match(compiled('[a-c]X', true), 'Bx'), ['Bx']);
  assert.equal(match(compiled('\xe9', true), '\xc9'), null);
  assert.equal(match(compiled('[k]', true), '\u212a'), null);
});

test('without captures plain parentheses only group', () => {
  assert.equal(compiled('(a)(b)', false, false).groupCount, 0);
  assert.equal(compiled('(a)(?<n>b)', false, false).groupCount, 1);
  const result = compileRegex('(a)\\1', false, false);
  assert.equal(
    result.ok ? '' : result.message,
    "regex '(a)\\1' is invalid (error=reference to non-existent subpattern, erroffset=4)",
  );
});

test('plain text is compared as bytes, and only what V8 does differently runs on our own matcher', () => {
  for (const source of ['abc', '^abc', 'abc$', '^abc$', '\\.png$', '(?i)abc']) {
    assert.equal(compiled(source, false, false).plan, 'bytes', source);
  }
  for (const source of ['^/(a|b)', '[0-9]+', '(a+)+$', '^(/.*)?x', '\\.(jpg|png)$']) {
    assert.equal(compiled(source, false, false).plan, 'v8', source);
  }
  for (const source of ['(?=a)b', '(?<n>a)\\k<n>', 'a++', '(?m)^a', '(a*)*b', '([a-z]{1,63}\\.)+com']) {
    assert.equal(compiled(source, false, false).plan, 'own', source);
  }
});

test('the start of a line can be ruled out, as for the second replacement in one text', () => {
  assert.equal(match(compiled('^a'), 'a', true), null);
  assert.deepEqual(match(compiled('^a|b'), 'ab', true), ['b']);
  assert.deepEqual(match(compiled('\\Aa'), 'a', true), ['a']);
});

const WRONG: readonly string[] = [
  ...['(a', 'a)', '[a', 'a{2,1}', '(?<n>a', '*a', 'a**', '(?z)', '[z-a]', '[[:foo:]]', 'x(?<=a*)b', '(?<=(a|bc))d'],
  ...['(?<1a>b)', '(?#abc', '\\c', '\\x{zz}', '(?<a>x)(?<a>y)', '\\N{U+41}', '\\8', '\\o{9}', '[a-\\d]', '\\g{3}'],
  ...['a{99999}', '[:alpha:]', '[[.a.]]', '\\l', '\\U', '[\\N]', '[]', '[^]', '(?<>a)', '\\y', '[\\y]', '\\1', '^*a'],
  ...[
    '\\b+a',
    '\\A{2}',
    '(?i)*a',
    '|*',
    '\\g0',
    '\\k<x>',
    '(?P=foo)',
    '(*FOO)a',
    '\\400',
    '(?P<n',
    '(?<ab.c>d)',
    '\\o',
  ],
  ...['\\x{}', '[[:^digit:]-a]', '[\\w-a]', '(?n)(a)\\1', '[a-', '(?:a', 'a(?', '(?i', '\\'],
];

test('every mistake has a message with its place', () => {
  for (const source of WRONG) {
    const result = compileRegex(source, false, false);
    assert.ok(!result.ok, source);
    assert.match(result.message, /^regex '.*' is invalid \(error=.+, erroffset=[0-9]+\)$/s);
  }
});

test('what cannot be run is refused by name', () => {
  for (const source of ['(?R)', '(a)(?1)', '(?&n)', '(?C1)', '\\p{L}', '\\X', '(*COMMIT)a', '(*UTF)a']) {
    const result = compileRegex(source, false);
    assert.match(result.ok ? 'accepted' : result.message, /error=weir does not support /, source);
  }
});

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const isPeer = /version 3\.4/.test(spawnSync(PEER, ['-v'], { encoding: 'utf8' }).stdout ?? '');

test('mistakes have the words and offsets of HAProxy', { skip: isPeer ? false : 'needs a HAProxy 3.4' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-regex-'));
  try {
    const file = join(directory, 'case.cfg');
    const theirs: (string | undefined)[] = [];
    // It gives up after 50 mistakes.
    for (let from = 0; from < WRONG.length; from += 40) {
      const acls = WRONG.slice(from, from + 40).map((source, index) => `  acl a${index} path -m reg '${source}'\n`);
      writeFileSync(file, `defaults\n  mode http\nfrontend f\n  bind :0\n${acls.join('')}`, 'latin1');
      const { stderr } = spawnSync(PEER, ['-c', '-f', file], { encoding: 'latin1' });
      theirs.push(...[...stderr.matchAll(/ : (regex '.*' is invalid \(.*\))\.$/gm)].map((found) => found[1]));
    }
    const ours = WRONG.map((source) => compileRegex(source, false, false)).map(
      (result) => !result.ok && result.message,
    );
    assert.deepEqual(ours, theirs);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

// The bound is far above what is needed (tens of ms), and far below what going back without end would take (years).
test('no pattern takes long, however many ways there are through it', () => {
  const subject = bytesOf(`${'a'.repeat(10_000)}!`);
  const patterns = [
    '(a+)+$',
    '(a|aa)+$',
    '(a*)*b',
    '(a+)+\\1$',
    '(?=(a+)+$)b',
    '([a-z]{1,63}\\.)+com',
    '(.*)(.*)(.*)(.*)x$',
  ];
  for (const source of patterns) {
    const regex = compiled(source);
    const startedMs = performance.now();
    assert.equal(regex.test(subject, 0, subject.length), false);
    assert.equal(regex.exec(subject, 0, subject.length, newCaptures()), false);
    assert.ok(performance.now() - startedMs < 5_000, source);
  }
});

const ATOMS = ['a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '/', '\\.', '(?i:a)', '\\x41', '[[:alpha:]]', '\\s'];
const AFTER = ['*', '+', '?', '{2}', '{1,3}', '*?', '+?', '??', '++', '{2,}'];
const ZERO = ['\\b', '^', '$', '(?=a)', '(?<!b)', '\\z', '(?m)^', '(?>a+)'];

function randomSource(prng: Prng, depth: number): string {
  const kind = depth <= 0 ? 0 : prng.below(8);
  const inner = (): string => randomSource(prng, depth - 1);
  if (kind < 3) return prng.pick(ATOMS);
  if (kind === 3) return `(${inner()})`;
  if (kind === 4) return `(?:${inner()}|${inner()})`;
  if (kind === 5) return `(?:${inner()})${prng.pick(AFTER)}`;
  if (kind === 6) return prng.pick(ZERO);
  return inner() + inner();
}

fuzz('both engines find the same match', (prng) => {
  const source = randomSource(prng, 4);
  const ignoreCase = prng.below(4) === 0;
  const regex = compiled(source, ignoreCase);
  const own = new OwnMatcher(parseRegex(source, ignoreCase, true));
  const subject = bytesOf(Array.from({ length: prng.below(9) }, () => prng.pick([...'abA/.\n1 '])).join(''));
  const captures = [newCaptures(), newCaptures()] as const;
  const found = regex.exec(subject, 0, subject.length, captures[0]);
  assert.equal(regex.test(subject, 0, subject.length), found, source);
  assert.equal(own.exec(subject, 0, subject.length, captures[1], false), found, source);
  assert.deepEqual(captures[0], captures[1], source);
});

fuzz('any text is an expression or a mistake with a place', (prng) => {
  const pieces = [
    '(',
    ')',
    '[',
    ']',
    '?',
    '*',
    '+',
    '{',
    '}',
    '1',
    ',',
    '\\',
    'Q',
    'E',
    'a',
    '-',
    '^',
    '$',
    '|',
    ':',
    'P',
    '<',
    '>',
  ];
  const source = Array.from({ length: prng.below(14) }, () =>
    prng.below(8) === 0 ? String.fromCharCode(1 + prng.below(255)) : prng.pick(pieces),
  ).join('');
  const result = compileRegex(source, prng.below(2) === 0, prng.below(2) === 0);
  if (result.ok) result.regex.test(bytesOf('aab(1)'), 0, 6);
  else {
    const offset = Number(/erroffset=([0-9]+)\)$/.exec(result.message)?.[1]);
    assert.ok(offset >= 0 && offset <= source.length, result.message);
  }
});

test('replacements put in what was captured, and bytes by number', () => {
  const write = (template: string, limit = 100): string | null => {
    const subject = bytesOf('xxab');
    const captures = newCaptures();
    assert.ok(compiled('(a)(c)?(b)').exec(subject, 2, 2, captures));
    const out = new Uint8Array(100);
    const bytes = bytesOf(template);
    const end = writeReplacement(out, 1, limit, subject, 2, captures, bytes, 0, bytes.length);
    return end < 0 ? null : Buffer.from(out.subarray(1, end)).toString('latin1');
  };
  assert.equal(write('<\\3\\1>\\0'), '<ba>ab');
  assert.equal(write('\\2|\\9|\\x41\\x7e\\\\'), '||A~\\');
  assert.equal(write('abc\\'), null);
  assert.equal(write('abc', 5), 'abc');
  assert.equal(write('abc', 4), null, 'one byte stays free');
  assert.equal(write('\\0\\0', 4), null);
});

test('replacements are checked for bad escapes', () => {
  assert.deepEqual(checkReplacement('a\\1\\x41'), { errorAt: -1, warnings: [] });
  assert.equal(checkReplacement('ab\\').errorAt, 2);
  assert.equal(checkReplacement('\\x4').errorAt, 0);
  assert.equal(checkReplacement('\\n').warnings.length, 1);
});
