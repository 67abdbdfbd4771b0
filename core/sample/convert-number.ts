// Integer converters (manual §7.3.1): arithmetic that saturates at the ends of 64 bits as HAProxy's does, bit operations,
// truth values. Numbers within ±(2⁵³−1) never touch a bigint.

import { checkOperand, compileOperand, exactInt, lowWord, setWords, textOf } from './convert-arguments.ts';
import { clampInt64 } from './numbers.ts';
import { type Convert, type ConverterRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { Sample, TYPE_BIN, TYPE_BOOL, TYPE_SINT, TYPE_STR } from './types.ts';

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const WORD = 0x1_0000_0000;

/** One operation twice: on numbers (any unsafe result or NaN asks for the other) and exactly. */
interface Operator {
  narrow(left: number, right: number): number;
  wide(left: bigint, right: bigint): bigint;
}

// Safe integers in two's complement: the high word is within ±2²¹, so the result is exact again (−2⁵³ is caught as unsafe).
const highWord = (value: number): number => Math.floor(value / WORD);

const OPERATORS: Readonly<Record<string, Operator>> = {
  add: { narrow: (left, right) => left + right, wide: (left, right) => clampInt64(left + right) },
  sub: { narrow: (left, right) => left - right, wide: (left, right) => clampInt64(left - right) },
  // + 0 turns −0 into 0.
  mul: { narrow: (left, right) => left * right + 0, wide: (left, right) => clampInt64(left * right) },
  div: {
    narrow: (left, right) => (left - (left % right)) / right + 0,
    wide: (left, right) => (right === 0n ? INT64_MAX : clampInt64(left / right)),
  },
  mod: {
    narrow: (left, right) => (right === 0 ? 0 : (left % right) + 0),
    wide: (left, right) => (right === 0n ? 0n : left % right),
  },
  and: {
    narrow: (left, right) => (highWord(left) & highWord(right)) * WORD + ((left & right) >>> 0),
    wide: (left, right) => left & right,
  },
  or: {
    narrow: (left, right) => (highWord(left) | highWord(right)) * WORD + ((left | right) >>> 0),
    wide: (left, right) => left | right,
  },
  xor: {
    narrow: (left, right) => (highWord(left) ^ highWord(right)) * WORD + ((left ^ right) >>> 0),
    wide: (left, right) => left ^ right,
  },
};

function operatorRow(name: string, operator: Operator): ConverterRow {
  return {
    name,
    args: { kinds: ['str'], min: 1 },
    in: TYPE_SINT,
    out: TYPE_SINT,
    check: (args) => checkOperand(textOf(args, 0)),
    compile(args, linker): Convert {
      const read = compileOperand(textOf(args, 0), linker);
      const operand = new Sample();
      return (sample, subject) => {
        if (!read(subject, operand)) return false;
        if (sample.wide === null && operand.wide === null) {
          const result = operator.narrow(sample.number, operand.number);
          if (Number.isSafeInteger(result)) {
            sample.setInt(result);
            return true;
          }
        }
        sample.setWide(operator.wide(exactInt(sample), exactInt(operand)));
        return true;
      };
    },
  };
}

function plainRow(name: string, out: number, convert: Convert): ConverterRow {
  return { name, args: NO_ARGS, in: TYPE_SINT, out, compile: () => convert };
}

function neg(sample: Sample): boolean {
  if (sample.wide === null) sample.setInt(0 - sample.number);
  else sample.setWide(clampInt64(-sample.wide));
  return true;
}

function cpl(sample: Sample): boolean {
  if (sample.wide === null && sample.number !== Number.MAX_SAFE_INTEGER) sample.setInt(-sample.number - 1);
  else sample.setWide(~exactInt(sample));
  return true;
}

function isTrue(sample: Sample): boolean {
  return sample.wide !== null || sample.number !== 0;
}

function isOdd(sample: Sample): boolean {
  return (lowWord(sample) & 1) === 1;
}

// The low 32 bits in network order.
function htonl(sample: Sample, subject: Subject): boolean {
  const word = lowWord(sample);
  const { trash } = subject;
  const at = trash.take();
  trash.bytes[at] = word >>> 24;
  trash.bytes[at + 1] = word >>> 16;
  trash.bytes[at + 2] = word >>> 8;
  trash.bytes[at + 3] = word;
  sample.setBytes(TYPE_BIN, trash.bytes, at, 4);
  return true;
}

/** Value of a hexadecimal digit's byte, −1 for others. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

// The last 16 digits count: the others leave 64 bits at the top.
function hex2i(sample: Sample): boolean {
  const { bytes, offset, length } = sample;
  let high = 0;
  let low = 0;
  for (let index = 0; index < length; index++) {
    const digit = hexDigit(bytes[offset + index]!);
    if (digit < 0) return false;
    high = (high << 4) | (low >>> 28);
    low = (low << 4) | digit;
  }
  setWords(sample, high, low);
  return true;
}

export const numberConverters: readonly ConverterRow[] = [
  ...Object.entries(OPERATORS).map(([name, operator]) => operatorRow(name, operator)),
  plainRow('neg', TYPE_SINT, neg),
  plainRow('cpl', TYPE_SINT, cpl),
  plainRow('bool', TYPE_BOOL, (sample) => {
    sample.setBool(isTrue(sample));
    return true;
  }),
  plainRow('not', TYPE_BOOL, (sample) => {
    sample.setBool(!isTrue(sample));
    return true;
  }),
  plainRow('odd', TYPE_BOOL, (sample) => {
    sample.setBool(isOdd(sample));
    return true;
  }),
  plainRow('even', TYPE_BOOL, (sample) => {
    sample.setBool(!isOdd(sample));
    return true;
  }),
  plainRow('htonl', TYPE_BIN, htonl),
  { name: 'hex2i', args: NO_ARGS, in: TYPE_STR, out: TYPE_SINT, compile: () => hex2i },
];
