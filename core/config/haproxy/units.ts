// Numbers as a configuration writes them: C's integers, times and sizes (manual §2.5).

import { isDigit, isSpace } from './text.ts';

/** The result of a time: its value in the asked unit, or what is wrong with it. */
export type TimeResult =
  | { ok: true; value: number; trailing: string } // trailing: '' or the character after a complete unit
  | { ok: false; why: 'over' | 'under' }
  | { ok: false; why: 'character'; char: string };

export type TimeUnit = 'us' | 'ms' | 's';

const UNITS_PER_SECOND: Record<TimeUnit, bigint> = { us: 1_000_000n, ms: 1_000n, s: 1n };
const TIME_OVER = 0x80000000n;
const WORD_BITS = 64;

/**
 * `10`, `500us`, `5s`, `2m`, `1h`, `7d`. Without a unit the number is in `unit`. Rounds up to `unit`; more than
 * 2147483647 is 'over', a non-zero time that rounds to nothing 'under'.
 */
export function parseTime(text: string, unit: TimeUnit): TimeResult {
  let at = 0;
  while (at < text.length && isDigit(text[at]!)) at++;
  if (at === 0) return { ok: false, why: 'character', char: text[0] ?? '\0' };
  const value = BigInt.asUintN(WORD_BITS, BigInt(text.slice(0, at)));
  let multiplier = 1n; // the written unit, in seconds, as multiplier / divisor
  let divisor = 1n;
  const suffix = text[at] ?? '';
  if (suffix === '') return withinTime(value, value, '');
  if (suffix === 'u' && text[at + 1] !== 's') return { ok: false, why: 'character', char: 'u' };
  if (suffix === 'u') {
    divisor = 1_000_000n;
    at++;
  } else if (suffix === 'm' && text[at + 1] === 's') {
    divisor = 1_000n;
    at++;
  } else if (suffix === 'm') multiplier = 60n;
  else if (suffix === 'h') multiplier = 3_600n;
  else if (suffix === 'd') multiplier = 86_400n;
  else if (suffix !== 's') return { ok: false, why: 'character', char: suffix };
  const product = BigInt.asUintN(WORD_BITS, value * multiplier * UNITS_PER_SECOND[unit] + divisor - 1n);
  return withinTime(product / divisor, value, text[at + 1] ?? '');
}

function withinTime(result: bigint, value: bigint, trailing: string): TimeResult {
  if (result >= TIME_OVER) return { ok: false, why: 'over' };
  if (result === 0n && value !== 0n) return { ok: false, why: 'under' };
  return { ok: true, value: Number(result), trailing };
}

/** True for a bare number between 1 and `least`−1: most likely seconds meant as milliseconds. */
export function looksTooSmall(text: string, least: number): boolean {
  if (!/^[0-9]*$/.test(text)) return false;
  const value = cInteger(text);
  return value !== 0 && value < least;
}

const SIZE_SHIFTS: Record<string, number> = { k: 10, m: 20, g: 30 };
const SIZE_MAX = 2 ** 32 - 1;

/** `16384`, `16k`, `1m`, `1g`: bytes. A string is the text from the first character that does not fit. */
export function parseSize(text: string): number | string {
  let at = 0;
  let value = 0;
  while (at < text.length && isDigit(text[at]!)) {
    const next = value * 10 + Number(text[at]);
    if (next > SIZE_MAX) return text.slice(at);
    value = next;
    at++;
  }
  if (at === 0) return text === '' ? '\0' : text;
  if (at === text.length) return value;
  const shift = SIZE_SHIFTS[text[at]!.toLowerCase()];
  if (shift === undefined || value > Math.floor(SIZE_MAX / 2 ** shift)) return text.slice(at);
  return at + 1 === text.length ? value * 2 ** shift : text.slice(at + 1);
}

export interface LongResult {
  readonly value: number;
  readonly rest: string; // what follows the number; the whole text when there is none
}

/** strtol(): leading spaces, a sign, and digits of `base` (0: by prefix 0x and 0). */
export function parseLong(text: string, base: 0 | 8 | 10): LongResult {
  let at = 0;
  while (at < text.length && isSpace(text[at]!)) at++;
  const negative = text[at] === '-';
  if (negative || text[at] === '+') at++;
  let radix: number = base;
  const hexadecimal = base === 0 && /^0[xX][0-9a-fA-F]/.test(text.slice(at));
  if (base === 0) radix = hexadecimal ? 16 : text[at] === '0' ? 8 : 10;
  if (hexadecimal) at += 2;
  const from = at;
  while (at < text.length && digitOf(text[at]!) < radix) at++;
  if (at === from) return { value: 0, rest: text };
  let value = 0;
  for (let digit = from; digit < at; digit++) value = value * radix + digitOf(text[digit]!);
  const limited = Math.min(value, Number.MAX_SAFE_INTEGER);
  return { value: negative ? -limited : limited, rest: text.slice(at) };
}

function digitOf(char: string): number {
  if (isDigit(char)) return char.charCodeAt(0) - 48;
  const lower = char.toLowerCase();
  return lower >= 'a' && lower <= 'f' ? lower.charCodeAt(0) - 87 : 99;
}

/** atol() stored in an int: no digits are 0, and what does not fit loses its high bits. */
export function cInteger(text: string): number {
  return parseLong(text, 10).value | 0;
}
