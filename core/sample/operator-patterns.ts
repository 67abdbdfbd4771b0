// Operators before integer patterns of an ACL: `gt 5`, `le 3.1` become ranges (manual §7.1.2).

import { INT64_MAX, INT64_MIN } from './numbers.ts';

const PART_COUNT = 65_536n;

const OPERATORS: ReadonlySet<string> = new Set(['eq', 'le', 'lt', 'ge', 'gt', 'ne']);

/** Digits with a sign, all of the text; null when it is anything else or does not fit 64 bits. */
function wholeInt(text: string): bigint | null {
  if (!/^-?[0-9]*$/.test(text) || text === '') return null;
  const value = BigInt(text === '-' ? '0' : text);
  return value > INT64_MAX || value < INT64_MIN ? null : value;
}

/**
 * Patterns without their operators, as ranges: `lt 5` is `:4`; with `versions`, `gt 3.1` is `3.2:`. Those without an
 * operator stay as they are. A string is what is wrong, in HAProxy's words.
 */
export function readOperators(words: readonly string[], versions: boolean): readonly string[] | string {
  let operator = 'eq';
  const patterns: string[] = [];
  for (const word of words) {
    if (OPERATORS.has(word)) {
      operator = word;
      continue;
    }
    const isPlain = operator === 'eq' || word.includes(':') || word.includes('-');
    const pattern = isPlain ? { ok: true as const, text: word } : bounded(word, operator, versions);
    if (!pattern.ok) return pattern.error;
    patterns.push(pattern.text);
  }
  return patterns;
}

type Pattern = { ok: true; text: string } | { ok: false; error: string };

function bounded(word: string, operator: string, versions: boolean): Pattern {
  const dot = word.indexOf('.');
  let minor: bigint | null = 0n;
  if (versions && dot >= 0) {
    minor = wholeInt(word.slice(dot + 1));
    if (minor === null) return notANumber(word);
    if (minor >= PART_COUNT) return { ok: false, error: `'${word}' contains too large a minor value` };
  }
  let value = wholeInt(dot < 0 ? word : word.slice(0, dot));
  if (value === null) return notANumber(word);
  if (versions) {
    if (value >= PART_COUNT) return { ok: false, error: `'${word}' contains too large a major value` };
    value = value * PART_COUNT + minor;
  }
  if (operator === 'ne') return { ok: true, text: word }; // read, and taken for eq
  if (operator === 'gt') value++;
  if (operator === 'lt') value--;
  const text = versions ? `${value >> 16n}.${value & 0xffffn}` : String(value);
  return { ok: true, text: operator.startsWith('g') ? `${text}:` : `:${text}` };
}

const notANumber = (word: string): Pattern => ({
  ok: false,
  error: `'${word}' is neither a number nor a supported operator`,
});
