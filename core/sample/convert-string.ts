// String converters (manual §7.3.1): case, parts, joins, comparisons. What only takes a part of its input gives a view of
// it; what changes bytes writes them to the trash.

import { writeBytes } from '../base/text.ts';
import {
  byteSet,
  bytesOfText,
  checkOperand,
  compileOperand,
  compileVariableAs,
  hasArg,
  intOf,
  isVariable,
  parseInteger,
  type ReadArgument,
  textOf,
} from './convert-arguments.ts';
import { type Convert, type ConverterRow, type Linker, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { NO_BYTES, Sample, type SampleType, TYPE_BIN, TYPE_BOOL, TYPE_SINT, TYPE_STR } from './types.ts';

const DOT = 0x2e;
const COLON = 0x3a;
const EQUALS = 0x3d;
const BRACKET_CLOSE = 0x5d;
const CASE_BIT = 0x20;

/** A converter without arguments. */
function plain(name: string, from: SampleType, out: SampleType, convert: Convert): ConverterRow {
  return { name, args: NO_ARGS, in: from, out, compile: () => convert };
}

// Letters from `first` to `first` + 25 get their case bit flipped; texts without any stay where they are.
function changeCase(sample: Sample, subject: Subject, first: number): boolean {
  const { trash } = subject;
  const { bytes, offset, length } = sample;
  if (length >= trash.chunkBytes) return false;
  let index = 0;
  while (index < length && (bytes[offset + index]! - first) >>> 0 > 25) index++;
  if (index === length) return true;
  const at = trash.take();
  writeBytes(trash.bytes, at, bytes, offset, length);
  for (; index < length; index++) {
    const byte = trash.bytes[at + index]!;
    if ((byte - first) >>> 0 <= 25) trash.bytes[at + index] = byte ^ CASE_BIT;
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, length);
  return true;
}

const lower: Convert = (sample, subject) => changeCase(sample, subject, 0x41);
const upper: Convert = (sample, subject) => changeCase(sample, subject, 0x61);

function length(sample: Sample): boolean {
  sample.setInt(sample.length);
  return true;
}

function cutCrlf(sample: Sample): boolean {
  const { bytes, offset } = sample;
  let kept = 0;
  while (kept < sample.length && bytes[offset + kept] !== 0x0d && bytes[offset + kept] !== 0x0a) kept++;
  sample.length = kept;
  return true;
}

function reverse(sample: Sample, subject: Subject): boolean {
  const { bytes, offset, length } = sample;
  const { trash } = subject;
  if (length >= trash.chunkBytes) return false;
  const at = trash.take();
  for (let index = 0; index < length; index++) trash.bytes[at + index] = bytes[offset + length - 1 - index]!;
  sample.setBytes(TYPE_STR, trash.bytes, at, length);
  return true;
}

// `a.b.c` to `c.b.a`; one dot at the end does not count, an empty label spoils it.
function reverseDom(sample: Sample, subject: Subject): boolean {
  const { bytes, offset } = sample;
  let length = sample.length;
  if (length > 0 && bytes[offset + length - 1] === DOT) length--;
  const { trash } = subject;
  if (length === 0 || length >= trash.chunkBytes) return false;
  const at = trash.take();
  let next = at;
  let labelEnd = length;
  for (;;) {
    let labelStart = labelEnd;
    while (labelStart > 0 && bytes[offset + labelStart - 1] !== DOT) labelStart--;
    if (labelStart === labelEnd) return false;
    next = writeBytes(trash.bytes, next, bytes, offset + labelStart, labelEnd - labelStart);
    if (labelStart === 0) break;
    trash.bytes[next++] = DOT;
    labelEnd = labelStart - 1;
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, length);
  return true;
}

// Where a Host value's port begins, the colon included; its length when it has none.
function portAt(sample: Sample): number {
  const { bytes, offset, length } = sample;
  for (let index = length - 1; index >= 0; index--) {
    const byte = bytes[offset + index];
    if (byte === COLON) return index;
    if (byte === BRACKET_CLOSE) break;
  }
  return length;
}

function hostOnly(sample: Sample, subject: Subject): boolean {
  sample.length = portAt(sample);
  return lower(sample, subject);
}

// Every byte is taken for a digit, and 32 bits wrap, as HAProxy does.
function portOnly(sample: Sample): boolean {
  const { bytes, offset, length } = sample;
  let port = 0;
  for (let index = portAt(sample) + 1; index < length; index++) {
    port = (Math.imul(port, 10) + bytes[offset + index]! - 0x30) | 0;
  }
  sample.setInt(port >>> 0);
  return true;
}

function compileTrimLeft(set: Uint8Array): Convert {
  return (sample) => {
    const { bytes } = sample;
    while (sample.length > 0 && set[bytes[sample.offset]!] === 1) {
      sample.offset++;
      sample.length--;
    }
    return true;
  };
}

function compileTrimRight(set: Uint8Array): Convert {
  return (sample) => {
    const { bytes, offset } = sample;
    while (sample.length > 0 && set[bytes[offset + sample.length - 1]!] === 1) sample.length--;
    return true;
  };
}

// --- field and word

/** Sets the view to [start, end) of itself. */
function narrow(sample: Sample, start: number, end: number): boolean {
  sample.offset += start;
  sample.length = end - start;
  return true;
}

function notFound(sample: Sample): boolean {
  sample.length = 0;
  return false;
}

/** `count` fields from field `wanted` on, counted from 1; no end to them when count is below 1. */
function fieldForward(sample: Sample, set: Uint8Array, wanted: number, count: number): boolean {
  const { bytes, offset, length } = sample;
  let field = 1;
  let start = 0;
  let left = count;
  for (let at = 0; at < length; at++) {
    if (set[bytes[offset + at]!] === 0) continue;
    if (field !== wanted) {
      start = at + 1;
      field++;
    } else if (left === 1) return narrow(sample, start, at);
    else left--;
  }
  return field === wanted ? narrow(sample, start, length) : notFound(sample);
}

/** The same from the end: wanted −1 is the last field, and further ones lie before it. */
function fieldBackward(sample: Sample, set: Uint8Array, wanted: number, count: number): boolean {
  const { bytes, offset } = sample;
  let field = -1;
  let end = sample.length;
  let left = count;
  for (let start = end; start > 0; start--) {
    if (set[bytes[offset + start - 1]!] === 0) continue;
    if (field !== wanted) {
      end = start - 1;
      field--;
    } else if (left === 1) return narrow(sample, start, end);
    else left--;
  }
  return field === wanted ? narrow(sample, 0, end) : notFound(sample);
}

/** As fieldForward, with any number of separators in a row counting as one, and none at the ends. */
function wordForward(sample: Sample, set: Uint8Array, wanted: number, count: number): boolean {
  const { bytes, offset, length } = sample;
  let word = 0;
  let inWord = false;
  let start = 0;
  let left = count;
  for (let at = 0; at < length; at++) {
    const isSeparator = set[bytes[offset + at]!] === 1;
    if (inWord !== isSeparator) continue;
    inWord = !isSeparator;
    if (!isSeparator) {
      if (word === wanted) continue;
      word++;
      start = at;
    } else if (word === wanted) {
      if (left === 1) return narrow(sample, start, at);
      left--;
    }
  }
  return word === wanted ? narrow(sample, start, length) : notFound(sample);
}

function wordBackward(sample: Sample, set: Uint8Array, wanted: number, count: number): boolean {
  const { bytes, offset } = sample;
  let word = 0;
  let inWord = false;
  let end = sample.length;
  let left = count;
  for (let start = end; start > 0; start--) {
    const isSeparator = set[bytes[offset + start - 1]!] === 1;
    if (inWord !== isSeparator) continue;
    inWord = !isSeparator;
    if (!isSeparator) {
      if (word === wanted) continue;
      word--;
      end = start;
    } else if (word === wanted) {
      if (left === 1) return narrow(sample, start, end);
      left--;
    }
  }
  return word === wanted ? narrow(sample, 0, end) : notFound(sample);
}

type TakePart = (sample: Sample, set: Uint8Array, wanted: number, count: number) => boolean;

function partRow(name: string, forward: TakePart, backward: TakePart): ConverterRow {
  return {
    name,
    args: { kinds: ['sint', 'str', 'sint'], min: 2 },
    in: TYPE_STR,
    out: TYPE_STR,
    check(args) {
      if (intOf(args, 0, 0) === 0) return 'Unexpected value 0 for index';
      return textOf(args, 1) === '' ? 'Empty separators list' : null;
    },
    compile(args) {
      const wanted = intOf(args, 0, 1);
      const set = byteSet(textOf(args, 1));
      const count = intOf(args, 2, 1);
      // A count below 1 never reaches 1 again: all the rest.
      const take = wanted > 0 ? forward : backward;
      return (sample) => take(sample, set, wanted, count);
    },
  };
}

// --- bytes

const bytesRow: ConverterRow = {
  name: 'bytes',
  args: { kinds: ['str', 'str'], min: 1 },
  in: TYPE_BIN,
  out: TYPE_BIN,
  check(args) {
    const start = textOf(args, 0);
    const startWords = checkOperand(start);
    if (startWords !== null) return startWords;
    if (!isVariable(start) && parseInteger(start)! < 0n) return 'expects a non-negative integer';
    if (!hasArg(args, 1)) return null;
    const count = textOf(args, 1);
    const countWords = checkOperand(count);
    if (countWords !== null) return countWords;
    return !isVariable(count) && parseInteger(count)! <= 0n ? 'expects a positive integer' : null;
  },
  compile(args, linker) {
    const readStart = compileOperand(textOf(args, 0), linker);
    const readLength = hasArg(args, 1) ? compileOperand(textOf(args, 1), linker) : null;
    const operand = new Sample();
    return (sample, subject) => {
      if (!readStart(subject, operand) || operand.number < 0) return fail(sample);
      const start = operand.number;
      if (start >= sample.length) return shorten(sample, subject, 0);
      const rest = sample.length - start;
      if (readLength === null) return narrow(sample, start, sample.length);
      if (!readLength(subject, operand) || operand.number < 0) return fail(sample);
      // HAProxy gives the whole input where fewer bytes are left than asked for, not what is left.
      if (operand.number > rest) return shorten(sample, subject, sample.length);
      return narrow(sample, start, start + operand.number);
    };
  },
};

function fail(sample: Sample): boolean {
  sample.mayChange = false;
  sample.length = 0;
  return false;
}

// Fewer bytes than asked for: when no more can come, the first `kept` of them are the answer, else there is none yet.
function shorten(sample: Sample, subject: Subject, kept: number): boolean {
  sample.length = subject.final ? kept : 0;
  return subject.final;
}

// --- joins

// A sum that is larger by more than this fails, a smaller one is cut: HAProxy measures it with a chunk's header.
const JOIN_EXCESS = 32;

/** Text that grows in one chunk of the trash and is cut where the chunk ends, a byte before for HAProxy's final NUL. */
function append(trash: Uint8Array, at: number, limit: number, text: Uint8Array, offset: number, count: number): number {
  return writeBytes(trash, at, text, offset, Math.min(count, limit - at));
}

function checkOptionalVariable(text: string): string | null {
  if (text === '' || isVariable(text)) return null;
  return `failed to register variable name '${text}'`;
}

/** `delimited`: the first text only goes between a text that is there and something that follows (add_item). */
function compileJoin(first: string, variable: string, last: string, linker: Linker, delimited: boolean): Convert {
  const firstBytes = bytesOfText(first);
  const lastBytes = bytesOfText(last);
  const read: ReadArgument | null = compileVariableAs(variable, TYPE_STR, linker);
  const middle = new Sample();
  return (sample, subject) => {
    const { trash } = subject;
    const middleLength = read?.(subject, middle) ? middle.length : 0;
    const total = sample.length + firstBytes.length + middleLength + lastBytes.length;
    if (total > trash.chunkBytes + JOIN_EXCESS) return false;
    const at = trash.take();
    const limit = at + trash.chunkBytes - 1;
    let next = append(trash.bytes, at, limit, sample.bytes, sample.offset, sample.length);
    if (!delimited || (sample.length > 0 && middleLength + lastBytes.length > 0)) {
      next = append(trash.bytes, next, limit, firstBytes, 0, firstBytes.length);
    }
    if (middleLength > 0) next = append(trash.bytes, next, limit, middle.bytes, middle.offset, middleLength);
    next = append(trash.bytes, next, limit, lastBytes, 0, lastBytes.length);
    sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
    return true;
  };
}

const concatRow: ConverterRow = {
  name: 'concat',
  args: { kinds: ['str', 'str', 'str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_STR,
  check: (args) => checkOptionalVariable(textOf(args, 1)),
  compile: (args, linker) => compileJoin(textOf(args, 0), textOf(args, 1), textOf(args, 2), linker, false),
};

const addItemRow: ConverterRow = {
  name: 'add_item',
  args: { kinds: ['str', 'str', 'str'], min: 2 },
  in: TYPE_STR,
  out: TYPE_STR,
  check(args) {
    const words = checkOptionalVariable(textOf(args, 1));
    if (words !== null) return words;
    if (textOf(args, 1) !== '' || textOf(args, 2) !== '') return null;
    return 'one of the optional arguments has to be nonempty';
  },
  compile: (args, linker) => compileJoin(textOf(args, 0), textOf(args, 1), textOf(args, 2), linker, true),
};

// --- comparisons and choices

/** The error's words for converters that compare with a variable. */
export function checkVariable(text: string): string | null {
  if (text === '') return 'missing variable name';
  return isVariable(text) ? null : `failed to register variable name '${text}'`;
}

// strncmp(3) over the common length, then the shorter one is smaller: a NUL in both ends the comparison.
function compareTexts(left: Sample, right: Sample): number {
  const common = Math.min(left.length, right.length);
  for (let index = 0; index < common; index++) {
    const byte = left.bytes[left.offset + index]!;
    const difference = byte - right.bytes[right.offset + index]!;
    if (difference !== 0) return difference;
    if (byte === 0) break;
  }
  return Math.sign(left.length - right.length);
}

const strcmpRow: ConverterRow = {
  name: 'strcmp',
  args: { kinds: ['str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_SINT,
  check: (args) => checkVariable(textOf(args, 0)),
  compile(args, linker) {
    const read = compileVariableAs(textOf(args, 0), TYPE_STR, linker);
    const other = new Sample();
    return (sample, subject) => {
      if (read === null || !read(subject, other)) return false;
      sample.setInt(compareTexts(sample, other));
      return true;
    };
  },
};

const iifRow: ConverterRow = {
  name: 'iif',
  args: { kinds: ['str', 'str'], min: 2 },
  in: TYPE_BOOL,
  out: TYPE_STR,
  compile(args) {
    const whenTrue = bytesOfText(textOf(args, 0));
    const whenFalse = bytesOfText(textOf(args, 1));
    return (sample) => {
      const chosen = sample.number !== 0 ? whenTrue : whenFalse;
      sample.setBytes(TYPE_STR, chosen, 0, chosen.length);
      return true;
    };
  },
};

// --- param

const AMPERSAND = 0x26;

function equalAt(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) if (bytes[at + index] !== name[index]) return false;
  return true;
}

const paramRow: ConverterRow = {
  name: 'param',
  args: { kinds: ['str', 'str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_STR,
  check(args) {
    if (!hasArg(args, 1) || textOf(args, 1).length === 1) return null;
    return 'Delimiter must be exactly 1 character.';
  },
  compile(args) {
    const name = bytesOfText(textOf(args, 0));
    const delimiter = hasArg(args, 1) ? textOf(args, 1).charCodeAt(0) : AMPERSAND;
    return (sample) => {
      const { bytes, offset, length } = sample;
      const end = offset + length;
      let at = offset;
      while (at < end) {
        const equal = at + name.length;
        if (equal > end) break;
        const ends = equal === end || bytes[equal] === delimiter;
        if (ends && equalAt(bytes, at, name)) {
          sample.setBytes(TYPE_STR, NO_BYTES, 0, 0);
          return true;
        }
        if (ends) {
          at = equal + 1;
          continue;
        }
        const isFound = bytes[equal] === EQUALS && equalAt(bytes, at, name);
        let stop = isFound ? equal + 1 : at;
        while (stop < end && bytes[stop] !== delimiter) stop++;
        if (isFound) return narrow(sample, equal + 1 - offset, stop - offset);
        at = stop + 1;
      }
      return notFound(sample);
    };
  },
};

export const stringConverters: readonly ConverterRow[] = [
  plain('lower', TYPE_STR, TYPE_STR, lower),
  plain('upper', TYPE_STR, TYPE_STR, upper),
  plain('length', TYPE_STR, TYPE_SINT, length),
  plain('cut_crlf', TYPE_STR, TYPE_STR, cutCrlf),
  plain('reverse', TYPE_STR, TYPE_STR, reverse),
  plain('reverse_dom', TYPE_STR, TYPE_STR, reverseDom),
  plain('host_only', TYPE_STR, TYPE_STR, hostOnly),
  plain('port_only', TYPE_STR, TYPE_SINT, portOnly),
  {
    name: 'ltrim',
    args: { kinds: ['str'], min: 1 },
    in: TYPE_STR,
    out: TYPE_STR,
    compile: (args) => compileTrimLeft(byteSet(textOf(args, 0))),
  },
  {
    name: 'rtrim',
    args: { kinds: ['str'], min: 1 },
    in: TYPE_STR,
    out: TYPE_STR,
    compile: (args) => compileTrimRight(byteSet(textOf(args, 0))),
  },
  partRow('field', fieldForward, fieldBackward),
  partRow('word', wordForward, wordBackward),
  bytesRow,
  concatRow,
  addItemRow,
  strcmpRow,
  iifRow,
  paramRow,
];
