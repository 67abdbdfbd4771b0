// Goal: files and lists of patterns are read as HAProxy reads them, shared as it shares them, refused in its words.
// Method: files in a temporary folder; the same configurations to the peer where one is there; lines from a seed.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MatchMethod, PackedTexts, PatternRef } from '../../model/language.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { PatternLoader, readPatternLines } from './load.ts';
import { packedText } from './texts.ts';

const directory = mkdtempSync(join(tmpdir(), 'weir-patterns-'));
after(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, 'latin1');
  return path;
}

interface Loading {
  refs: PatternRef[];
  loader: PatternLoader;
  asked: string[];
}

function loading(hosts: Readonly<Record<string, string>> = {}): Loading {
  const refs: PatternRef[] = [];
  const asked: string[] = [];
  const resolver = {
    prefetch: (questions: readonly { name: string }[]): void => void asked.push(...questions.map(({ name }) => name)),
    lookup: (name: string): { host: string } | null => (name in hosts ? { host: hosts[name]! } : null),
  };
  return { refs, asked, loader: new PatternLoader({ patternRefs: refs, resolvePath: (path) => path, resolver }) };
}

const reading = (method: MatchMethod, out: '' | 'str' | 'sint' | 'addr' = '', ignoreCase = false, noNames = false) =>
  ({ method, out, ignoreCase, noNames }) as const;

const PLACE = { file: 'h.cfg', line: 7 };

const texts = (packed: PackedTexts): string[] =>
  Array.from({ length: packed.ends.length }, (_, index) => packedText(packed, index));

test('an ACL file has one pattern a line, blanks inside belong to it', () => {
  const { loader, refs } = loading();
  const path = file('acl', '# comment\n\n  a b \r\nc\n \t\n #no comment\nlast');
  assert.equal(loader.fromFile(path, false, false, reading('str'), PLACE), 0);
  const ref = refs[0]!;
  assert.deepEqual(texts(ref.keys), ['a b ', 'c', '#no comment', 'last']);
  assert.deepEqual([...ref.lines], [3, 4, 6, 7]);
  assert.equal(ref.values, null);
  assert.equal(ref.display, `pattern loaded from file '${path}' used by acl at file 'h.cfg' line 7`);
  assert.deepEqual([ref.isAcl, ref.isMap], [true, false]);
});

test('a map has a key and the rest of the line as its value', () => {
  const { loader, refs } = loading();
  const path = file('map', 'k v w \t\n  k2\tx\nalone\nk 2nd\n');
  assert.equal(loader.fromFile(path, true, true, reading('str', 'str'), PLACE), 0);
  assert.deepEqual(texts(refs[0]!.keys), ['k', 'k2', 'alone', 'k']);
  assert.deepEqual(texts(refs[0]!.values!), ['v w', 'x', '', '2nd']);
});

test('a line ends at a NUL, and at 16383 bytes another begins', () => {
  const read = (content: string): string[] => texts(readPatternLines(Buffer.from(content), false).keys.pack());
  assert.deepEqual(read('ab\0cd\nef'), ['ab', 'ef']);
  assert.deepEqual(
    read(`${'x'.repeat(16_383)}yz\n`).map(({ length }) => length),
    [16_383, 2],
  );
});

test('one file is one reference, however it is named and used', () => {
  const { loader, refs } = loading();
  const path = file('shared', '10.0.0.1 1\n');
  assert.equal(loader.fromFile(path, true, true, reading('ip', 'sint'), PLACE), 0);
  assert.equal(loader.fromFile(`file@${path}`, false, true, reading('str'), { file: 'h.cfg', line: 9 }), 0);
  assert.equal(refs.length, 1);
  assert.deepEqual([refs[0]!.isMap, refs[0]!.isAcl, refs[0]!.uses.length], [true, true, 2]);
  assert.ok(refs[0]!.display.endsWith("used by map at file 'h.cfg' line 7, by map at file 'h.cfg' line 9"));
  assert.equal(
    loader.fromFile(path, false, false, reading('str'), PLACE),
    `The file "${path}" is already used as two column file and cannot be used by as one column file.`,
  );
  assert.equal(loader.find(`opt@${path}`), refs[0]);
});

test('methods that HAProxy keeps in one list are one use, named after the first', () => {
  const { loader, refs } = loading();
  const path = file('lists', 'a x\n');
  for (const method of ['sub', 'dir', 'dom', 'end'] as const)
    loader.fromFile(path, true, true, reading(method, 'str'), PLACE);
  loader.fromFile(path, true, true, reading('beg', 'str'), PLACE);
  assert.deepEqual(
    refs[0]!.uses.map(({ method }) => method),
    ['sub', 'beg'],
  );
});

test('missing files, folders, optional and virtual ones', () => {
  const { loader, refs } = loading();
  const missing = join(directory, 'missing');
  const load = (name: string): number | string => loader.fromFile(name, true, true, reading('str', 'str'), PLACE);
  assert.equal(load(missing), `failed to open pattern file <${missing}>`);
  assert.equal(load(`file@${missing}`), `failed to open pattern file <${missing}>`);
  assert.equal(load(directory), `error encountered while reading  <${directory}> : Is a directory`);
  assert.equal(refs.length, 0);
  assert.equal(load(`opt@${missing}`), 0);
  assert.equal(refs[0]!.name, missing);
  assert.equal(load('virt@tokens'), 1);
  assert.equal(refs[1]!.name, 'virt@tokens');
  assert.equal(refs[1]!.values?.ends.length, 0);
  assert.equal(load('virt@tokens'), 1);
});

test('mistakes are told with their line', () => {
  const bad = (content: string, method: MatchMethod, out: '' | 'sint' | 'addr' = ''): string => {
    const path = file('bad', content);
    const result = loading().loader.fromFile(path, out !== '', out !== '', reading(method, out, false, true), PLACE);
    return String(result).replace(path, 'F');
  };
  assert.equal(bad('1.2.3.4\nx\n', 'ip'), "'x' is not a valid IPv4 or IPv6 address at line 2 of file 'F'");
  assert.equal(bad('#\n5\n9:1', 'int'), "'9:1' is not a valid number range at line 3 of file 'F'");
  assert.equal(bad('abc', 'int'), "'abc' is not a number at line 1 of file 'F'");
  assert.equal(bad('0', 'bin'), "an even number of hex digit is expected at line 1 of file 'F'");
  assert.equal(bad('0x', 'bin'), "an hex digit is expected (found 'x') at line 1 of file 'F'");
  assert.equal(
    bad('(', 'reg'),
    "regex '(' is invalid (error=missing closing parenthesis, erroffset=1) at line 1 of file 'F'",
  );
  assert.equal(bad('a 1\nb x', 'str', 'sint'), "unable to parse 'x' at line 2 of file 'F'");
  assert.equal(bad('a 1.2.3', 'str', 'addr'), "unable to parse '1.2.3' at line 1 of file 'F'");
});

test('host names become addresses, all asked for at once, but not after -n and not in maps', () => {
  const hosts = { 'a.example': '192.0.2.1' };
  const first = loading(hosts);
  const path = file('hosts', 'a.example\n10.0.0.0/8\n::1\n');
  assert.equal(first.loader.fromFile(path, false, false, reading('ip'), PLACE), 0);
  assert.deepEqual(first.refs[0]!.hosts, hosts);
  assert.deepEqual(first.asked, ['a.example']);
  const second = loading(hosts);
  assert.match(
    String(second.loader.fromFile(path, false, false, reading('ip', '', false, true), PLACE)),
    /^'a.example' is not a valid/,
  );
  assert.match(
    String(loading(hosts).loader.fromFile(file('hm', 'a.example x\n'), true, true, reading('ip', 'str'), PLACE)),
    /^'a.ex/,
  );
});

test('patterns of a line have no line, and ids are the lowest that nobody forced', () => {
  const { loader, refs } = loading();
  const inline = (id: number): number | string => loader.inline(id, "acl 'x'", ['a'], reading('str'));
  assert.deepEqual([inline(-1), inline(-1), inline(1), inline(-1), inline(4), inline(-1)], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(
    refs.map(({ id }) => id),
    [0, 2, 1, 3, 4, 5],
  );
  assert.equal(loader.isIdUsed(1), true);
  assert.equal(loader.isIdUsed(2), false);
  assert.equal(loader.inline(-1, 'd', ['x'], reading('int')), "'x' is not a number");
});

fuzz('lines of any bytes give patterns without blanks before them, each with its line', (prng) => {
  const content = Buffer.from(
    Array.from({ length: prng.below(60) }, () =>
      prng.below(3) === 0 ? prng.below(256) : prng.pick([0x0a, 0x0d, 0x20, 0x09, 0x23, 0x61]),
    ),
  );
  const { keys, values, lines } = readPatternLines(content, true, 24);
  assert.equal(keys.count, values!.count);
  assert.equal(keys.count, lines.length);
  for (let index = 0; index < keys.count; index++) {
    assert.match(keys.text(index), /^[^ \t\r\n\0]+$/);
    assert.doesNotMatch(values!.text(index), /^[ \t]|[ \t]$|[\r\n\0]/);
    assert.ok(index === 0 || lines[index]! > lines[index - 1]!);
  }
});

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const isPeer = /version 3\.4/.test(spawnSync(PEER, ['-v'], { encoding: 'utf8' }).stdout ?? '');

test('HAProxy has the same words for bad patterns', { skip: isPeer ? false : 'needs a HAProxy 3.4' }, () => {
  const cases: readonly [MatchMethod, string][] = [
    ...(['x', '1.2.3.4/33', '1.2.3', '::1/129', '1.2.3.4/', '::g', '1.2.3.4/255.0.0'] as const).map(
      (key) => ['ip', key] as const,
    ),
    ...(['abc', '9:1', '1:x', ':', '5-', '--1', '1:2:3', '99999999999999999999'] as const).map(
      (key) => ['int', key] as const,
    ),
    ...(['0', '0x', 'zz', '00ff0'] as const).map((key) => ['bin', key] as const),
    ...(['1:', 'a'] as const).map((key) => ['len', key] as const),
  ] as never;
  const ours: string[] = [];
  const acls = cases.map(([method, key], index) => {
    const result = loading().loader.fromFile(
      file(`case${index}`, `${key}\n`),
      false,
      false,
      reading(method, '', false, true),
      PLACE,
    );
    if (typeof result === 'string') ours.push(result);
    return `  acl a${index} req.hdr(x) -n -m ${method} -f ${join(directory, `case${index}`)}\n`;
  });
  const config = file('case.cfg', `defaults\n  mode http\nfrontend f\n  bind :0\n${acls.join('')}`);
  const { stderr } = spawnSync(PEER, ['-c', '-f', config], { encoding: 'latin1' });
  const theirs = [...stderr.matchAll(/error detected while parsing ACL '.*' : (.*)\.$/gm)].map((found) => found[1]);
  assert.deepEqual(ours, theirs);
});
