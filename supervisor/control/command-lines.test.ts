// Goal: bytes become the same commands however they come. Method: known lines, then cut at every byte; limits at the edge.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../../core/testing/fuzz.ts';
import { CommandLines, type LineEvent, splitWords } from './command-lines.ts';

const LIMITS = { lineBytes: 16_384, payloadBytes: 131_072 };

function eventsOf(pieces: readonly string[], limits = LIMITS): LineEvent[] {
  const lines = new CommandLines(limits);
  const events: LineEvent[] = [];
  for (const piece of pieces) {
    lines.push(piece);
    for (let event = lines.next(); event !== null; event = lines.next()) events.push(event);
  }
  return events;
}

const line = (...commands: (string | [string, string])[]): LineEvent => ({
  kind: 'line',
  commands: commands.map((each) =>
    typeof each === 'string' ? { text: each, payload: null } : { text: each[0], payload: each[1] },
  ),
});

const LONG = `${'b'.repeat(90)}\n`;

const GATHERING: LineEvent = { kind: 'gathering' };

test('a line is one command, or several between semicolons, and may be empty', () => {
  deepStrictEqual(eventsOf(['show info\n']), [line('show info')]);
  deepStrictEqual(eventsOf(['a;b ;\n']), [line('a', 'b ', '')]);
  deepStrictEqual(eventsOf(['\n\r\n']), [line(''), line('')]);
  deepStrictEqual(eventsOf(['no line end']), []);
});

test('a backslash takes the separator that follows it into the word', () => {
  deepStrictEqual(eventsOf(['add acl f a\\;b;c\n']), [line('add acl f a\\;b', 'c')]);
  deepStrictEqual(splitWords('add acl f a\\;b\\ c\\\\d'), ['add', 'acl', 'f', 'a;b c\\d']);
  deepStrictEqual(splitWords(' \t a\tb  '), ['a', 'b']);
  deepStrictEqual(splitWords('a\\'), ['a']);
  deepStrictEqual(splitWords('  '), []);
});

test('a command has at most 64 words', () => {
  strictEqual((splitWords('w '.repeat(64)) as string[]).length, 64);
  strictEqual(splitWords('w '.repeat(65)), 'Too many arguments. Commands must have at most 64 arguments.\n');
});

test('a payload belongs to the last command of its line and ends with an empty line', () => {
  deepStrictEqual(eventsOf(['show info;add map m <<\nk v\n\\x;y\r\n\n']), [
    GATHERING,
    GATHERING,
    GATHERING,
    line('show info', ['add map m ', 'k v\n\\x;y\r']),
  ]);
  deepStrictEqual(eventsOf(['x <<\n\n']), [GATHERING, line('x ')]);
});

test('a payload may end with a pattern of up to 64 characters', () => {
  deepStrictEqual(eventsOf(['x <<%EOF%\n\n%EOF\n%EOF%\nnext\n']), [
    GATHERING,
    GATHERING,
    GATHERING,
    line(['x ', '\n%EOF']),
    line('next'),
  ]);
  strictEqual(eventsOf([`x <<${'p'.repeat(64)}\n`])[0]!.kind, 'gathering');
  deepStrictEqual(eventsOf([`x <<${'p'.repeat(65)}\n`]), [line(`x <<${'p'.repeat(65)}`)]);
  deepStrictEqual(eventsOf(['x << y\n']), [line('x << y')]);
});

test('what is longer than its limit is refused instead of kept', () => {
  const limits = { lineBytes: 100, payloadBytes: 200 };
  strictEqual(eventsOf(['a'.repeat(99), '\n'], limits)[0]!.kind, 'line');
  const [refused] = eventsOf(['a'.repeat(100)], limits);
  ok(refused!.kind === 'refused' && refused.text.startsWith('The command line is too big'));
  const events = eventsOf(['x <<\n', LONG, LONG, 'b'.repeat(90)], limits);
  const last = events.at(-1)!;
  ok(last.kind === 'refused' && last.text.startsWith('The payload is too big'));
});

const PIECES = ['show', ' ', ';', '\\', '\n', '<<', '\r', 'E', '\t', 'é'];

fuzz('command-lines', (prng) => {
  let text = '';
  for (let count = prng.below(30); count > 0; count--) text += PIECES[prng.below(PIECES.length)]!;
  const whole = eventsOf([text]);
  const cut = prng.below(text.length + 1);
  deepStrictEqual(eventsOf([text.slice(0, cut), text.slice(cut)]), whole);
  deepStrictEqual(eventsOf([...text]), whole);
  for (const event of whole) if (event.kind === 'line') for (const each of event.commands) splitWords(each.text);
});
