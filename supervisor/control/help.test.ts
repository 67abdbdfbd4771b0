// Goal: an operator who mistypes is shown what was meant. Method: the commands there are, words near and far.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { allCommands } from './commands.ts';
import { helpText } from './help.ts';
import { commandKeywords } from './keywords.ts';

const ALWAYS = ['help [<command>]', 'prompt [help | n | i | p | timed ]*', 'quit'];

/** The first line, and the names of the commands listed. */
function shown(words: readonly string[], asked: boolean): { head: string; names: string[] } {
  const [head, ...rows] = helpText(allCommands, words, asked).trimEnd().split('\n');
  return { head: head!, names: rows.map((row) => row.slice(2).split(/\s*: /)[0]!.trim()) };
}

test('help lists all commands in order, and always how to leave', () => {
  const { head, names } = shown([], true);
  strictEqual(head, 'The following commands are valid at this level:');
  deepStrictEqual(names.slice(-3), ALWAYS);
  const listed = names.slice(0, -3);
  deepStrictEqual(
    listed,
    [...listed].sort((left, right) => (left < right ? -1 : 1)),
  );
  strictEqual(listed.length, allCommands.filter(({ usage }) => usage !== null).length);
});

test('help with a command shows that one', () => {
  deepStrictEqual(shown(['show', 'stat'], true).names, ['show stat [desc|json|no-maint|typed|up]*', ...ALWAYS]);
});

test('an unknown word gets the commands that look like it', () => {
  const { head, names } = shown(['shwo', 'stat'], false);
  strictEqual(head, "Unknown command: 'shwo', but maybe one of the following ones is a better match:");
  deepStrictEqual(names, ['show stat [desc|json|no-maint|typed|up]*', ...ALWAYS]);
  deepStrictEqual(shown(['show', 'stats'], false).names, names);
});

test('a known first word alone lists what may follow it', () => {
  const { head, names } = shown(['set'], false);
  match(head, /^Unknown command: 'set', but maybe/);
  ok(names.length > 8 && names.slice(0, -3).every((name) => name.startsWith('set ')));
});

test('no two commands have the same words, and none hides behind a shorter one', () => {
  const names = allCommands.map(({ words }) => words.join(' '));
  strictEqual(new Set(names).size, names.length);
  for (const [index, { words }] of allCommands.entries()) {
    const found = allCommands.findIndex((each) => each.words.every((word, at) => word === words[at]));
    strictEqual(found, index, names[index]);
  }
});

test('the list of keywords names every command once, with where it may be used', () => {
  const rows = commandKeywords();
  ok(rows.includes('show info [WORKER] '));
  ok(rows.includes('show version [MASTER] [WORKER] '));
  ok(rows.includes('set var [WORKER] [EXPERIM] '));
  strictEqual(rows.length, allCommands.length + 2);
});
