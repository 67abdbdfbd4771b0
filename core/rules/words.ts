// Numbers, times, sizes (manual §2.5) and header names as rules' words have them, read as HAProxy reads them.

import type { ActionLine, RuleParts } from './contract.ts';

/** atol() stored in an int: no digits are 0, and what does not fit loses its high bits. */
export function readNumber(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)?.[1];
  if (digits === undefined) return 0;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value | 0 : value < 0 ? 0 : -1;
}

export type TimeRead =
  | { ok: true; ms: number; trailing: string } // trailing: '' or the character after a complete unit
  | { ok: false; why: 'over' }
  | { ok: false; why: 'under' }
  | { ok: false; why: 'character'; char: string };

const MS_PER_UNIT: Readonly<Record<string, readonly [bigint, bigint]>> = {
  '': [1n, 1n], // multiplied by, divided by
  us: [1n, 1000n],
  ms: [1n, 1n],
  s: [1000n, 1n],
  m: [60_000n, 1n],
  h: [3_600_000n, 1n],
  d: [86_400_000n, 1n],
};
const TIME_OVER = 0x8000_0000n;
const WORD_BITS = 64;

/** `10`, `500us`, `5s`, `2m` … in milliseconds, rounded up. */
export function readTimeMs(text: string): TimeRead {
  const digits = /^[0-9]+/.exec(text)?.[0] ?? '';
  if (digits === '') return { ok: false, why: 'character', char: text[0] ?? '\0' };
  const rest = text.slice(digits.length);
  const unit = /^(us|ms|[smhd])/.exec(rest)?.[0] ?? '';
  if (unit === '' && rest !== '') return { ok: false, why: 'character', char: rest[0]! };
  const value = BigInt.asUintN(WORD_BITS, BigInt(digits));
  const [multiplier, divisor] = MS_PER_UNIT[unit]!;
  const ms = BigInt.asUintN(WORD_BITS, value * multiplier + divisor - 1n) / divisor;
  if (ms >= TIME_OVER) return { ok: false, why: 'over' };
  if (ms === 0n && value !== 0n) return { ok: false, why: 'under' };
  return { ok: true, ms: Number(ms), trailing: rest[unit.length] ?? '' };
}

const SIZE_SHIFTS: Readonly<Record<string, number>> = { k: 10, m: 20, g: 30 };
const SIZE_MAX = 2 ** 32 - 1;

/** `16384`, `16k`, `1m`, `1g`: bytes. A string begins with the character that does not fit. */
export function readSize(text: string): number | string {
  let at = 0;
  let value = 0;
  for (; at < text.length && text[at]! >= '0' && text[at]! <= '9'; at++) {
    const next = value * 10 + Number(text[at]);
    if (next > SIZE_MAX) return text.slice(at);
    value = next;
  }
  if (at === 0) return text === '' ? '\0' : text;
  if (at === text.length) return value;
  const shift = SIZE_SHIFTS[text[at]!.toLowerCase()];
  if (shift === undefined || value > Math.floor(SIZE_MAX / 2 ** shift)) return text.slice(at);
  return at + 1 === text.length ? value * 2 ** shift : text.slice(at + 1);
}

// A header name may hold these (RFC 9110 §5.6.2); HAProxy warns about others and uses the name as it is.
const TOKEN = /^[-!#$%&'*+.^_`|~0-9A-Za-z]$/;
// These could end the line: no configuration needs them in a name.
const BREAKS_LINE = /[\r\n\0]/;

/** `NAME FORMAT` of a header that a rule writes; null: refused, and said why. */
export function readHeader(line: ActionLine): RuleParts | null {
  const name = line.peek();
  if (name === '' || line.peek(1) === '') return line.fail('expects exactly 2 arguments');
  line.next();
  const format = line.format();
  if (format === null) return null;
  if (BREAKS_LINE.test(name)) return line.fail(`header name '${name}' contains a forbidden character`);
  const odd = [...name].find((char, at) => !TOKEN.test(char) && !(at === 0 && char === ':'));
  if (odd !== undefined) line.warn(`header name '${name}' contains forbidden character '${odd}'.`);
  return { formats: [format], options: { name } };
}
