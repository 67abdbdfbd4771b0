// The words of `redirect`, as an action and as the older keyword of proxy sections (manual §4.2 "redirect", §4.4).

import type { FormatAst } from '../model/language.ts';
import type { ActionLine, RuleParts } from './contract.ts';
import { readNumber } from './words.ts';

const CODE_DEFAULT = 302;
const CODES: readonly number[] = [301, 302, 303, 307, 308];

export type RedirectKind = 'location' | 'prefix' | 'scheme';

const FLAGS: readonly string[] = ['drop-query', 'keep-query', 'append-slash', 'ignore-empty'];

/** What the words said, before formats are read. */
interface Words {
  kind: RedirectKind | '';
  target: string;
  code: number;
  cookie: string;
  cookieWord: 'set-cookie' | 'set-cookie-fmt' | 'clear-cookie' | '';
  flags: Set<string>;
}

/**
 * Reads a redirect's words up to the condition.
 * @param isKeyword the proxy keyword: its target is plain text, not a format
 */
export function parseRedirect(line: ActionLine, isKeyword: boolean): RuleParts | null {
  const words = readWords(line);
  if (words === null) return null;
  const problem = line.conditionProblem();
  if (problem !== null) return line.fail(`error in condition: ${problem}`);
  if (words.kind === '') return line.fail(`redirection type expected ('prefix', 'location', or 'scheme')`);
  if (line.set !== 'http-request' && words.kind !== 'location') {
    return line.fail(`response only supports redirect type 'location'`);
  }
  const { kind, code, target, flags } = words;
  const formats: FormatAst[] = [];
  // `prefix /` means the path as it is.
  const isSelf = kind === 'prefix' && target === '/';
  if (!isKeyword && !isSelf) {
    const format = line.formatOf(target);
    if (format === null) return null;
    formats.push(format);
  }
  const options: Record<string, string | number | boolean> = { kind, code, cookie: '' };
  if (formats.length === 0) options['target'] = isSelf ? '' : target;
  for (const flag of flags) options[flag] = true;
  if (words.cookieWord === 'set-cookie') options['cookie'] = `${words.cookie}; path=/;`;
  if (words.cookieWord === 'clear-cookie') options['cookie'] = `${words.cookie}; path=/; Max-Age=0;`;
  if (words.cookieWord === 'set-cookie-fmt') {
    const format = line.formatOf(`${words.cookie}; path=/;`);
    if (format === null) return null;
    formats.push(format);
    options['cookieFormat'] = formats.length - 1;
  }
  return { formats, options };
}

function readWords(line: ActionLine): Words | null {
  const words: Words = {
    kind: '',
    target: '',
    code: CODE_DEFAULT,
    cookie: '',
    cookieWord: '',
    flags: new Set(),
  };
  while (!line.atEnd) {
    const word = line.next();
    if (FLAGS.includes(word)) {
      words.flags.add(word);
      continue;
    }
    if (!isValued(word)) {
      return line.fail(
        `expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'set-cookie-fmt', ` +
          `'clear-cookie', 'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' (was '${word}')`,
      );
    }
    const value = line.next();
    if (value === '') return line.fail(`missing argument for '${word}'`);
    if (word === 'code') {
      words.code = readNumber(value);
      if (!CODES.includes(words.code)) {
        return line.fail(`'${word}': unsupported HTTP code '${value}' (must be one of 301, 302, 303, 307 or 308)`);
      }
    } else if (word === 'location' || word === 'prefix' || word === 'scheme') {
      words.kind = word;
      words.target = value;
    } else {
      words.cookieWord = word as Words['cookieWord'];
      words.cookie = value;
    }
  }
  return words;
}

const VALUED: readonly string[] = [
  ...['code', 'location', 'prefix', 'scheme'],
  ...['set-cookie', 'set-cookie-fmt', 'clear-cookie'],
];

const isValued = (word: string): boolean => VALUED.includes(word);
