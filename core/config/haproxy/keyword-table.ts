// The shape of a keyword row, and the readers that check one kind of argument with HAProxy's words.
//
// A row says where a keyword is legal, what arguments it takes and what it sets. Tables of rows are the whole of
// what weir implements: parsing, the `-dKcfg` dump and "known but not implemented" all come from them.

import type { ParseContext, Statement } from './context.ts';
import type { GlobalDraft } from './drafts.ts';
import { parseSize, parseTime, type TimeResult, type TimeUnit } from './units.ts';

export interface Keyword<Target> {
  readonly name: string;
  readonly args: readonly string[]; // what follows, in the manual's notation
  readonly listed: boolean; // `haproxy -dKcfg` lists it: HAProxy's older keywords are not in its tables
  set(statement: Statement, target: Target, context: ParseContext): void;
}

/** A row of the `global` section. Some act in the discovery pass, before anything else is read. */
export interface GlobalKeyword extends Keyword<GlobalDraft> {
  readonly passes: 'full' | 'discovery' | 'both';
}

/** Looks rows up by name; the first row of a name counts. */
export function tableOf<Row extends { readonly name: string }>(rows: readonly Row[]): ReadonlyMap<string, Row> {
  const table = new Map<string, Row>();
  for (const row of rows) if (!table.has(row.name)) table.set(row.name, row);
  return table;
}

const TIME_MAX: Record<TimeUnit, string> = {
  us: '2147483647 us',
  ms: '2147483647 ms or ~24.8 days',
  s: '2147483647 s or ~68 years',
};

/** HAProxy accepts junk behind a complete unit, with this warning. */
export function warnTrailing(text: string, result: TimeResult, context: ParseContext): void {
  if (!result.ok || result.trailing === '') return;
  context.warnText(
    `unexpected character '${result.trailing}' after the timer value '${text}', only ` +
      '(us=microseconds,ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are supported.' +
      ' This will be reported as an error in next versions.',
  );
}

/**
 * A time argument, in `unit`. null after an alert. `label` names the keyword in the range messages, `odd` makes
 * the message for a character that is no part of a time.
 */
export function readTime(
  text: string,
  unit: TimeUnit,
  label: string,
  context: ParseContext,
  odd: (char: string) => string,
): number | null {
  const result = parseTime(text, unit);
  if (result.ok) {
    warnTrailing(text, result, context);
    return result.value;
  }
  context.alert(timeProblem(text, label, result, odd));
  return null;
}

/** The most common wording; `bind` and `server` options put their own place before it. */
export function timeProblem(
  text: string,
  label: string,
  result: Exclude<TimeResult, { ok: true }>,
  odd: (char: string) => string,
  unit: TimeUnit = 'ms',
): string {
  if (result.why === 'character') return odd(result.char);
  const where = `in argument '${text}' to '${label}'`;
  if (result.why === 'over') return `timer overflow ${where} (maximum value is ${TIME_MAX[unit]})`;
  return `timer underflow ${where} (minimum non-null value is 1 ${unit})`;
}

/** A size in bytes; null after an alert. */
export function readSize(statement: Statement, context: ParseContext): number | null {
  const text = statement.at(1);
  const keyword = statement.at(0);
  if (text === '') {
    context.alert(`'${keyword}' expects an integer argument.`);
    return null;
  }
  const size = parseSize(text);
  if (typeof size === 'number') return size;
  context.alert(`unexpected '${size}' after size passed to '${keyword}'`);
  return null;
}
