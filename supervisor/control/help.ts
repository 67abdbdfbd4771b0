// `help`, and what an unknown command gets: the commands that look most like it (management guide §9.3 "help").
//
// As HAProxy: as many leading words as possible must match exactly; of what follows, the words that look most alike
// win, and nothing else is shown once there are such.

import { fingerprint, fingerprintDistance } from '../../core/config/haproxy/hints.ts';
import type { Command } from './command.ts';

const MATCH_COUNT_MAX = 5;
const WORD_COUNT_MAX = 5; // of a command's name
const FLAG_COUNT = 32; // cells of a fingerprint that only flag what occurs; the others count

const ALWAYS =
  '  help [<command>]                        : list matching or all commands\n' +
  '  prompt [help | n | i | p | timed ]*     : toggle interactive mode with prompt\n' +
  '  quit                                    : disconnect\n';

/** `words` are those after "help", or the unknown command's. `commands` are those this session may see. */
export function helpText(commands: readonly Command[], words: readonly string[], asked: boolean): string {
  const given = words.filter((word) => word !== '');
  let matched = 0;
  for (const command of commands) matched = Math.max(matched, commonPrefix(command.words, given));
  let text = asked ? 'The following commands are valid at this level:\n' : `Unknown command: '${words[0] ?? ''}'`;
  if (!asked) {
    text +=
      matched === 0 && given.length === 0
        ? '. Please enter one of the following commands only:\n'
        : ', but maybe one of the following ones is a better match:\n';
  }
  const prefix = given.slice(0, matched);
  const siblings = commands.filter((command) => command.usage !== null && startsWith(command.words, prefix));
  const alike = given.length > matched ? mostAlike(siblings, given, matched) : [];
  const listed = alike.length > 0 ? alike : siblings;
  for (const usage of listed.map((each) => each.usage!).sort(byBytes)) text += `  ${usage}\n`;
  return text + ALWAYS;
}

function commonPrefix(words: readonly string[], given: readonly string[]): number {
  let count = 0;
  while (count < words.length && count < given.length && words[count] === given[count]) count++;
  return count;
}

const startsWith = (words: readonly string[], prefix: readonly string[]): boolean =>
  commonPrefix(words, prefix) === prefix.length;

function mostAlike(commands: readonly Command[], given: readonly string[], from: number): Command[] {
  const wanted = given.slice(from, WORD_COUNT_MAX);
  const wantedPrint = printOf(wanted);
  const wantedBytes = lengthOf(wanted);
  const found: { command: Command; distance: number }[] = [];
  for (const command of commands) {
    const rest = command.words.slice(from, WORD_COUNT_MAX);
    const distance = fingerprintDistance(wantedPrint, printOf(rest));
    if (distance < Math.floor((5 * (wantedBytes + lengthOf(rest))) / 2)) found.push({ command, distance });
  }
  found.sort((left, right) => left.distance - right.distance);
  const best = found[0];
  if (best === undefined) return [];
  const limit = Math.floor((5 * best.distance) / 2);
  return found
    .slice(0, MATCH_COUNT_MAX)
    .filter(({ distance }) => distance <= limit)
    .map(({ command }) => command);
}

function printOf(words: readonly string[]): Uint8Array {
  const print = new Uint8Array(FLAG_COUNT * FLAG_COUNT);
  for (const word of words) {
    for (const [at, count] of fingerprint(word).entries()) {
      print[at] = at < FLAG_COUNT ? Math.max(print[at]!, count) : print[at]! + count;
    }
  }
  return print;
}

const lengthOf = (words: readonly string[]): number => words.reduce((sum, word) => sum + word.length, 0);

const byBytes = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
