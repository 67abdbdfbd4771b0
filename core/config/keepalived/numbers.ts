// Numbers as keepalived reads them: strtol(3) and what it says about the rest of the word (keepalived.conf(5) "TYPES").
//
// Text behind a number ("10s") is a mistake that keepalived forgives when it runs and not when it tests. `value` is
// then null as in the test; the few callers that use the number anyway take `read`.

import type { KeepalivedDiagnostics } from './diagnostics.ts';

export const INT_MAX = 2_147_483_647;
export const UINT_MAX = 4_294_967_295;
/** Seconds that fit into microseconds of 32 bits. */
export const SECONDS_MAX = Math.floor(UINT_MAX / 1_000_000);

interface Digits {
  value: bigint;
  end: number; // first character behind the number
}

/** strtol: blanks, sign, digits in `base` (0: by prefix). Nothing read: 0, end 0. */
function leadingNumber(text: string, base: 0 | 10): Digits {
  const pattern = base === 10 ? /^[ \t\n\v\f\r]*([+-]?)(\d+)/ : /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|\d+)/;
  const match = pattern.exec(text);
  if (match === null) return { value: 0n, end: 0 };
  let digits = match[2]!.slice(0, 400);
  let end = match[0].length;
  if (base === 0 && /^0\d/.test(digits)) {
    const octal = /^0[0-7]*/.exec(digits)![0];
    end -= digits.length - octal.length;
    digits = octal === '0' ? '0' : `0o${octal.slice(1)}`;
  }
  const value = BigInt(digits);
  return { value: match[1] === '-' ? -value : value, end };
}

export class Numbers {
  private readonly diagnostics: KeepalivedDiagnostics;

  constructor(diagnostics: KeepalivedDiagnostics) {
    this.diagnostics = diagnostics;
  }

  /** A signed number of `min` to `max`; null after a warning. */
  int(text: string, min: number, max: number): number | null {
    const { value, end } = leadingNumber(text, 10);
    const number = Number(value);
    if (end < text.length || end === 0) this.diagnostics.warning(`invalid number '${text}'`);
    else if (number < -INT_MAX - 1 || number > INT_MAX) {
      this.diagnostics.warning(`number '${text}' outside integer range`);
    } else if (number < min || number > max) {
      this.diagnostics.warning(`number '${text}' outside range [${min}, ${max}]`);
    } else return number;
    return null;
  }

  /** An unsigned number of `min` to `max`; null after a warning. */
  unsigned(text: string, min: number, max: number, base: 0 | 10 = 10): number | null {
    const { value, end } = leadingNumber(text, base);
    const number = Number(value);
    if (/^[ \t\f\n\r\v]*-/.test(text)) this.diagnostics.warning(`negative number '${text}'`);
    else if (end < text.length || end === 0) this.diagnostics.warning(`invalid number '${text}'`);
    else if (number > UINT_MAX) this.diagnostics.warning(`number '${text}' outside unsigned integer range`);
    else if (number < min || number > max) {
      this.diagnostics.warning(`number '${text}' outside range [${min}, ${max}]`);
    } else return number;
    return null;
  }

  /** As `unsigned` for 64 bits; the number stays text, as JavaScript's numbers have 53 bits. */
  unsigned64(text: string): string | null {
    const { value, end } = leadingNumber(text, 10);
    if (/^[ \t\f\n\r\v]*-/.test(text)) this.diagnostics.warning(`negative number '${text}'`);
    else if (end < text.length || end === 0) this.diagnostics.warning(`invalid number '${text}'`);
    else if (value >= 1n << 64n) this.diagnostics.warning(`number '${text}' outside unsigned 64 bit range`);
    else return value.toString();
    return null;
  }

  /**
   * A decimal fraction, returned times 10^`places` and rounded to a whole number; `min` and `max` are in that unit.
   * null after a warning.
   */
  decimal(text: string, min: number, max: number, places: number): number | null {
    if (text.startsWith('-')) {
      this.diagnostics.warning(`negative number '${text}'`);
      return null;
    }
    const point = text.indexOf('.');
    let fraction = point < 0 ? '' : text.slice(point + 1);
    const whole = point < 0 ? text : text.slice(0, point);
    let roundUp = false;
    if (fraction.length > places) {
      this.diagnostics.warning(`number '${text}' has too many decimal places`);
      roundUp = fraction[places]! >= '5';
      fraction = fraction.slice(0, places);
    }
    const digits = whole + fraction.padEnd(places, '0');
    const { value, end } = leadingNumber(digits, 10);
    const number = Number(value) + (roundUp ? 1 : 0);
    if (end < digits.length || end === 0) this.diagnostics.warning(`invalid number '${text}'`);
    else if (value >= 1n << 64n) {
      this.diagnostics.warning(`number '${text}' outside unsigned decimal range`);
    } else if (number < min || number > max) {
      const show = (limit: number): string => {
        const unit = 10 ** places;
        return `${Math.floor(limit / unit)}.${String(limit % unit).padStart(places, '0')}`;
      };
      this.diagnostics.warning(`number '${text}' outside range [${show(min)}, ${show(max)}]`);
    } else return number;
    return null;
  }
}

/** on, true, yes; off, false, no; null: none of them. Lower case only. */
export function parseBoolean(text: string): boolean | null {
  if (text === 'on' || text === 'true' || text === 'yes') return true;
  if (text === 'off' || text === 'false' || text === 'no') return false;
  return null;
}

/** strtoul(…, 0) of a whole word: null when it is no number. */
export function wholeNumber(text: string): number | null {
  const { value, end } = leadingNumber(text, 0);
  return end === 0 || end < text.length ? null : Number(value);
}
