// Goal: lines come as keepalived reads them. Method: small files in a folder, and the lines a Reader makes of them.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KeepalivedDiagnostics } from './diagnostics.ts';
import { expandBraces, globFiles, matchName } from './glob.ts';
import { Reader } from './reader.ts';
import { splitEscaped } from './words.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-keepalived-reader-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function linesOf(text: string): { lines: string[]; findings: string[]; failed: boolean } {
  const diagnostics = new KeepalivedDiagnostics();
  const surroundings = { configId: 'me', environment: { NAME: 'value' }, random: () => 7 };
  const reader = new Reader([write('main.conf', text)], surroundings, diagnostics);
  while (reader.next() !== null);
  const lines = reader.lines.map((line) => line.text);
  return { lines, findings: diagnostics.entries.map((entry) => entry.text), failed: reader.includes.failed };
}

test('comments end at the line, escapes and quotes keep their signs', () => {
  const { lines } = linesOf('a # b\n! c\nd "#e" f\ng \\#h \\!i\n  j\t\n');
  assert.deepEqual(lines, ['a', 'd "#e" f', 'g #h !i', 'j']);
});

test('every brace outside quotes is a line of its own', () => {
  assert.deepEqual(linesOf('a { b "{" } c\n').lines, ['a', '{', 'b "{"', '}', 'c']);
});

test('names are replaced where they end, or stand in braces, and what comes in is looked at again', () => {
  const { lines } = linesOf(`$A=x\n$B=$\{A}\n$AB=no\ny $B z\n[$\{A}]\n$\{A}$\{B}q $AC $A,\n`);
  assert.deepEqual(lines, ['y x z', '[x]', 'xxq $AC x,']);
});

test('a definition of several lines brings its lines, other definitions and loops', () => {
  const text = '$IN= \\\n  three \\\n  four\n$OUT=one \\\n  ~SEQ(i, 1, 2) two $i \\\n  $IN\nbegin $OUT\nend\n';
  assert.deepEqual(linesOf(text).lines, ['begin one', 'two 1', 'two 2', 'three', 'four', 'end']);
});

test('the leftmost of several loops on a line is the slowest', () => {
  assert.deepEqual(linesOf(`~SEQ(a, 2) ~LST(b, x, y) $\{a}$\{b},\n`).lines, ['1x,', '1y,', '2x,', '2y,']);
  assert.deepEqual(linesOf('~SEQ(i, 6, -2, 1) $i\n').lines, ['6', '4', '2']);
  assert.deepEqual(linesOf('~SEQx(i, 9, 11) $i\n').lines, ['9', 'a', 'b']);
  assert.deepEqual(linesOf('~LST({n, v}, {a, 1}, {b}) .$n $v .\n').lines, ['.a 1 .', '.b  .']);
});

test('a line with @ counts for its host only, a line with @^ for the others', () => {
  assert.deepEqual(linesOf('@me a\n@you b\n@^me c\n@^you d\n@me\n').lines, ['a', 'd']);
});

test('predefined names tell folder, host, environment and the signs of comments', () => {
  const { lines } = linesOf(`a $\{_PWD} $\{_INSTANCE} $\{_ENV NAME} $\{_RANDOM 5 6} $\{_HASH}b\n`);
  assert.deepEqual(lines, [`a ${folder} me value 6`]);
});

test('includes are relative to their file, sorted, and do not end the line before', () => {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  write('sub/b.inc', 'from b\ninclude c.deep\n');
  write('sub/a.inc', 'from a\n');
  write('sub/c.deep', `deep $\{_PWD}\n`);
  const { lines, findings } = linesOf('one\ninclude sub/*.inc\ninclude sub/{a,x}.inc\ntwo\n');
  assert.deepEqual(lines, ['one', 'from a', 'from b', `deep ${join(folder, 'sub')}`, 'from a', 'two']);
  assert.deepEqual(findings, ['Some config files missing: "sub/{a,x}.inc".']);
  assert.ok(linesOf('includea sub/{a,x}.inc\n').failed);
  assert.ok(!linesOf('include sub/nothing*\n').failed);
});

test('names match patterns as the shell has them', () => {
  for (const [pattern, name] of [
    ['*.c', 'a.c'],
    ['a?c', 'abc'],
    ['[a-c]x', 'bx'],
    ['[!a]x', 'bx'],
    ['\\*', '*'],
    ['**', ''],
  ]) {
    assert.ok(matchName(pattern!, name!), `${pattern} ${name}`);
  }
  for (const [pattern, name] of [
    ['*.c', 'a.d'],
    ['a?c', 'ac'],
    ['[!a]x', 'ax'],
    ['\\*', 'a'],
    ['[a', 'a'],
  ]) {
    assert.ok(!matchName(pattern!, name!), `${pattern} ${name}`);
  }
  assert.deepEqual(expandBraces('a{b,c{d,e}}f{g'), ['abf{g', 'acdf{g', 'acef{g']);
  assert.equal(globFiles('/nope/nope', '/').missing, true);
});

test('a command is split by quotes and escapes, and pieces that touch are one word', () => {
  const diagnostics = new KeepalivedDiagnostics();
  assert.deepEqual(splitEscaped(`a"b c"'d e' \\x41\\102\\n "it's"`, diagnostics), ['ab cd e', 'AB\n', "it's"]);
  assert.equal(splitEscaped('a "b', diagnostics), null);
  assert.deepEqual(
    diagnostics.entries.map((entry) => entry.text),
    [`String 'a "b': missing terminating "`],
  );
});
