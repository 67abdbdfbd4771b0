// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration language writes variables the same way

// Goal: a line means the same words as in HAProxy, and no bytes can break the lexer. Method: the manual's examples,
// a round trip through quoteWord, random lines; parity.test.ts adds the comparison with HAProxy itself.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Prng } from '../../base/prng.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { Environment } from './environment.ts';
import { type LexResult, lexLine, quoteWord, showLine, WORD_COUNT_MAX } from './lexer.ts';

const environment = new Environment({ A: 'one', B: 'two words', SPACES: '  x   y  ', EMPTY: '' });
const lex = (line: string): LexResult => lexLine(line, environment, { file: 'f.cfg', line: 7, section: 'fe' });

function words(line: string, ...expected: string[]): void {
  const result = lex(line);
  strictEqual(result.error, null, line);
  deepStrictEqual(result.words, expected, line);
}

test('blanks part words and a hash ends the line', () => {
  words('  a\tb   c # d e', 'a', 'b', 'c');
  words('a#b', 'a');
  words('# all of it');
  words('a b\r\nc', 'a', 'b');
});

test('quotes and backslashes keep what would part or end words', () => {
  words(`a 'b c' "d e" f\\ g`, 'a', 'b c', 'd e', 'f g');
  words(`'a # b' "c # d" e\\#f`, 'a # b', 'c # d', 'e#f');
  words(`a'b'"c"d`, 'abcd');
  words(`'a\\b' "a\\b" a\\b`, 'a\\b', 'a\\b', 'a\\b');
  words(`"\\"" '"' "'" \\'`, '"', '"', "'", "'");
  words(`\\t\\n\\r\\x41\\\\`, '\t\n\rA\\');
  words(`"\\$A" '\\$A' \\$A`, '$A', '\\$A', '\\$A');
  words(`a\\`, 'a\\');
});

test('variables are replaced inside double quotes only', () => {
  words(`"$A" '$A' $A`, 'one', '$A', '$A');
  words(`"\${A}x" "$Ax y"`, 'onex', ' y');
  words(`"\${NONE-two}" "\${A-two}" "\${NONE-a b}"`, 'two', 'one', 'a b');
  words(`"$B"`, 'two words');
});

test('an array expands to as many words as the value has', () => {
  words(`a "\${B[*]}" b`, 'a', 'two', 'words', 'b');
  words(`a "\${SPACES[*]}" b`, 'a', 'x', 'y', 'b');
  words(`a "\${EMPTY[*]}" "\${NONE[*]}" b`, 'a', 'b');
  words(`"x\${B[*]}y"`, 'xtwo', 'wordsy');
});

test('pseudo variables name the file, the line and the section', () => {
  words('"${.FILE}:${.LINE} $.SECTION"', 'f.cfg:7 fe');
});

test('an empty word is kept and its place is known', () => {
  const quoted = lex(`log "" x`);
  deepStrictEqual(quoted.words, ['log', '', 'x']);
  strictEqual(quoted.emptyPosition, 5, 'the quote that closes it');
  const unset = lex(`log "$NONE" x`);
  deepStrictEqual(unset.words, ['log', '', 'x']);
  strictEqual(unset.emptyPosition, 6);
  ok(unset.emptyIsVariable);
});

test('mistakes are found with their position', () => {
  const cases: [string, LexResult['error'], number][] = [
    [`a "b`, 'quote', 2],
    [`a 'b`, 'quote', 2],
    [`a \\x4`, 'hexadecimal', 2],
    [`a \\xg1`, 'hexadecimal', 2],
    [`"\${A"`, 'brace', 2],
    [`"\${A-b"`, 'brace', 2],
    [`"$1"`, 'variable-name', 2],
    [`"\${.NOPE}"`, 'variable-name', 3],
    [`"\${A[1]}"`, 'expansion', 4],
  ];
  for (const [line, error, position] of cases) {
    const result = lex(line);
    strictEqual(result.error, error, line);
    strictEqual(result.position, position, line);
  }
});

test('a line has at most sixty-four words', () => {
  const line = (count: number): string => Array.from({ length: count }, () => 'w').join(' ');
  strictEqual(lex(line(WORD_COUNT_MAX)).error, null);
  strictEqual(lex(line(WORD_COUNT_MAX + 1)).error, 'too-many-words');
});

test('a shown line fits its width and the caret stays under the place', () => {
  const line = `${'a'.repeat(100)}!${'b'.repeat(100)}`;
  const shown = showLine(line, 100, 80);
  strictEqual(shown.text[shown.column], '!');
  ok(shown.text.length <= 80);
  strictEqual(showLine('a\tb\x01c', 2, 80).text, 'a b?c');
});

const SYNTAX = [
  ...['"', "'", '\\', '$', '{', '}', '[*]', '[', '-', '#', ' ', '\t', '\r', '\n', '.', 'A', 'B', 'EMPTY', 'NONE', 'x4'],
  ...['1', '\\x41', '${A}', '"${B[*]}"', '"${NONE-d}"', '\x00', '\x7f', '\xff', '.LINE', 'word'],
];

function randomLine(prng: Prng): string {
  let line = '';
  for (let left = prng.below(40); left > 0; left--) {
    line += prng.below(8) === 0 ? String.fromCharCode(prng.below(256)) : prng.pick(SYNTAX);
  }
  return line;
}

fuzz('no line breaks the lexer', (prng) => {
  const line = randomLine(prng);
  const result = lex(line);
  ok(result.position >= 0 && result.position <= line.length, 'a position is within the line');
  ok(result.emptyPosition >= -1 && result.emptyPosition <= line.length, 'so is that of an empty word');
  if (result.error === null) ok(result.words.length <= WORD_COUNT_MAX, 'the words are counted');
  ok(showLine(line, result.position, 80).text.length <= 80, 'what is shown fits');
});

fuzz('a quoted word comes back as it went in, whatever its bytes', (prng) => {
  const given = Array.from({ length: 1 + prng.below(20) }, () => {
    const bytes = prng.bytes(prng.below(30));
    return Buffer.from(bytes).toString('latin1');
  });
  const line = given.map(quoteWord).join(prng.below(2) === 0 ? ' ' : ' \t ');
  const result = lex(line);
  strictEqual(result.error, null);
  deepStrictEqual(result.words, given);
});
