// `~SEQ(v, start, step, end) line` and `~LST(v, a, b, …) line` (keepalived.conf(5)): a line repeated with other values.
//
// Parsing only: a sequence says what its name is next and which text to read, and when it is done.

import type { Definitions } from './definitions.ts';
import type { KeepalivedDiagnostics } from './diagnostics.ts';

const PARAMETERS_BYTES_MAX = 64; // three numbers of 64 bits with what parts them

export interface Sequence {
  readonly text: string; // read once per step
  /** Sets the names for one step; false: it was the last. */
  step(definitions: Definitions): boolean;
}

/** A line that begins with ~SEQ or ~LST; null after a warning. */
export function parseSequence(
  line: string,
  definitions: Definitions,
  diagnostics: KeepalivedDiagnostics,
): Sequence | null {
  const isSeq = line.startsWith('~SEQ');
  const sequence = isSeq ? parseSeq(line, definitions, diagnostics) : parseLst(line, diagnostics);
  if (sequence === null) diagnostics.warning(`Invalid ${isSeq ? '~SEQ' : '~LST'} specification '${line}'`);
  return sequence;
}

function parseSeq(line: string, definitions: Definitions, diagnostics: KeepalivedDiagnostics): Sequence | null {
  const refuse = (text: string): null => {
    diagnostics.warning(`${text} '${line}'`);
    return null;
  };
  const open = /^~SEQ(x?)[ \t]*\([ \t]*/.exec(line);
  if (open === null) return null;
  const head = /^([^ \t,)]+)[ \t]*,[ \t]*/.exec(line.slice(open[0].length));
  if (head === null || head[1]!.startsWith('{')) return refuse('Invalid ~SEQ definition');
  const start = open[0].length + head[0].length;
  const close = line.indexOf(')', start);
  if (close < 0) return refuse("~SEQ missing terminating ')'");
  if (close + 1 - start > PARAMETERS_BYTES_MAX) return refuse('~SEQ parameter strings too long');
  const expanded = definitions.expand(line.slice(start, close));
  if (expanded === null) return null;
  if (expanded.follow !== null) return refuse('~SEQ parameter is multiline definition');
  const numbers = expanded.text.split(',').map(longOf);
  if (numbers.length > 3 || numbers.some((number) => number === null)) return refuse('Invalid ~SEQ definition');
  const range = rangeOf(numbers as number[]);
  if (range === null) return refuse('Invalid ~SEQ values');
  const hex = open[1] === 'x';
  if (hex && (range.first < 0 || range.last < 0)) return refuse('~SEQx is only valid for positive numbers');
  return new NumberSequence(head[1]!, range, hex, line.slice(close + 1).replace(/^[ \t]+/, ''));
}

// strtol(…, 0); nothing at all is 0, as there.
function longOf(text: string): number | null {
  const match = /^[ \t]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*|)[ \t]*$/.exec(text);
  if (match === null) return null;
  const digits = match[2]!;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  if (!Number.isSafeInteger(value)) return null;
  return match[1] === '-' ? -value : value;
}

interface Range {
  first: number;
  step: number;
  last: number;
}

/** (end), (start, end) or (start, step, end). */
function rangeOf(numbers: readonly number[]): Range | null {
  const [one, two, three] = numbers as [number, number | undefined, number | undefined];
  if (two === undefined) return { first: one < 0 ? -1 : 1, step: one < 1 ? -1 : 1, last: one };
  if (three === undefined) return { first: one, step: one <= two ? 1 : -1, last: two };
  const towards = one === three || one < three === two > 0;
  return two === 0 || !towards ? null : { first: one, step: two, last: three };
}

class NumberSequence implements Sequence {
  readonly text: string;
  private readonly name: string;
  private readonly range: Range;
  private readonly hex: boolean;
  private next: number;

  constructor(name: string, range: Range, hex: boolean, text: string) {
    this.name = name;
    this.range = range;
    this.hex = hex;
    this.text = text;
    this.next = range.first;
  }

  step(definitions: Definitions): boolean {
    definitions.assign(this.name, this.next.toString(this.hex ? 16 : 10));
    this.next += this.range.step;
    return this.range.step > 0 ? this.next <= this.range.last : this.next >= this.range.last;
  }
}

class ListSequence implements Sequence {
  readonly text: string;
  private readonly names: readonly string[];
  private readonly sets: readonly (readonly string[])[];
  private next = 0;

  constructor(names: readonly string[], sets: readonly (readonly string[])[], text: string) {
    this.names = names;
    this.sets = sets;
    this.text = text;
  }

  step(definitions: Definitions): boolean {
    const values = this.sets[this.next]!;
    for (const [index, name] of this.names.entries()) definitions.assign(name, values[index] ?? '');
    this.next++;
    return this.next < this.sets.length;
  }
}

/** One name or value, or several in braces. */
function takeGroup(text: string, at: number): { items: string[]; end: number } | null {
  const pattern = /[ \t]*(?:\{([^{}]*)\}|([^ \t,{})]*))[ \t]*/y;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return null;
  const items = match[1] === undefined ? [match[2]!] : match[1].split(',').map((item) => item.trim());
  if (items.some((item) => /[ \t)]/.test(item))) return null;
  return { items, end: at + match[0].length };
}

function parseLst(line: string, diagnostics: KeepalivedDiagnostics): Sequence | null {
  const open = /^~LST[ \t]*\(/.exec(line);
  const names = open === null ? null : takeGroup(line, open[0].length);
  if (names === null || line[names.end] !== ',') return null;
  const sets: string[][] = [];
  let at = names.end;
  while (line[at] === ',') {
    const set = takeGroup(line, at + 1);
    if (set === null) return null;
    if (set.items.length > names.items.length) {
      diagnostics.warning(`~LST specification has too many values '${line}'`);
      return null;
    }
    sets.push(set.items);
    at = set.end;
  }
  if (line[at] !== ')') return null;
  return new ListSequence(names.items, sets, line.slice(at + 1).replace(/^[ \t]+/, ''));
}
