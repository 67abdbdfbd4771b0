// What several converters need of their arguments and of integers: texts, variables named in arguments, operands that
// are a number or a variable, and 64-bit integers as two 32-bit words.

import type { Arg } from '../model/language.ts';
import { castTo } from './casts.ts';
import { parseInt64 } from './numbers.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, type SampleType, TYPE_SINT } from './types.ts';
import { parseVariableName } from './variable-names.ts';
import { variablesOf } from './variables.ts';

/** Puts what an argument stands for into `sample`; false: there is none just now. */
export type ReadArgument = (subject: Subject, sample: Sample) => boolean;

const WORD = 0x1_0000_0000;

/** Whether argument `index` was given; one left out between two commas was not. */
export function hasArg(args: readonly Arg[], index: number): boolean {
  const arg = args[index];
  return arg !== undefined && arg.kind !== 'none';
}

/** The text of a string argument; '' when it was not given. */
export function textOf(args: readonly Arg[], index: number): string {
  const arg = args[index];
  return arg !== undefined && arg.kind === 'str' ? arg.text : '';
}

/** The value of an integer argument, rounded beyond 2⁵³; `missing` when it was not given. */
export function intOf(args: readonly Arg[], index: number, missing: number): number {
  const arg = args[index];
  return arg !== undefined && arg.kind === 'sint' ? arg.value : missing;
}

/** The exact value of an integer argument, 0 when it was not given. */
export function exactOf(args: readonly Arg[], index: number): bigint {
  const arg = args[index];
  if (arg === undefined || arg.kind !== 'sint') return 0n;
  return Number.isSafeInteger(arg.value) ? BigInt(arg.value) : BigInt.asIntN(64, BigInt(arg.exact));
}

/** The bytes of a configured text (one character a byte). */
export function bytesOfText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index) & 0xff;
  return bytes;
}

/** A table that is 1 for each byte of `text`: separators, characters to trim. */
export function byteSet(text: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const byte of bytesOfText(text)) set[byte] = 1;
  return set;
}

/** Whether the text names a variable (manual §2.8); converters have words of their own for what is none. */
export function isVariable(text: string): boolean {
  return typeof parseVariableName(text) !== 'string';
}

/** Reads the variable of that name as it is stored; null when `text` is not a variable's name. */
export function compileVariable(text: string, linker: Linker): ReadArgument | null {
  const variable = parseVariableName(text);
  if (typeof variable === 'string') return null;
  const { scope } = variable;
  const number = linker.variable(scope, variable.name);
  return (subject, sample) => variablesOf(subject, scope)?.get(number, sample) ?? false;
}

/** The same, cast to `type`; false also when it cannot be cast. */
export function compileVariableAs(text: string, type: SampleType, linker: Linker): ReadArgument | null {
  const read = compileVariable(text, linker);
  if (read === null) return null;
  return (subject, sample) => read(subject, sample) && castTo(sample, type, subject);
}

/** An integer as operands are written: a sign, digits, nothing else; saturates. Null: it is not one. */
export function parseInteger(text: string): bigint | null {
  const { value, rest } = parseInt64(text);
  return rest === '' ? value : null;
}

/** The error's words for an operand that is neither a variable nor an integer; null: it is good. */
export function checkOperand(text: string): string | null {
  if (isVariable(text) || parseInteger(text) !== null) return null;
  return 'expects an integer or a variable name';
}

/** An operand: the variable's value as an integer, or the constant. */
export function compileOperand(text: string, linker: Linker): ReadArgument {
  const read = compileVariableAs(text, TYPE_SINT, linker);
  if (read !== null) return read;
  const exact = parseInteger(text) ?? 0n;
  const value = Number(exact);
  const wide = Number.isSafeInteger(value) ? null : exact;
  return (_subject, sample) => {
    sample.setInt(value);
    sample.wide = wide;
    return true;
  };
}

/** The exact value of a sint; allocates. */
export function exactInt(sample: Sample): bigint {
  return sample.wide ?? BigInt(sample.number);
}

/** The lower 32 bits of a sint, as bit operations leave them. */
export function lowWord(sample: Sample): number {
  return sample.wide === null ? sample.number | 0 : Number(BigInt.asIntN(32, sample.wide));
}

/** A 64-bit signed integer from its two words; allocates only beyond ±2⁵³. */
export function setWords(sample: Sample, high: number, low: number): void {
  const value = (high | 0) * WORD + (low >>> 0);
  if (Number.isSafeInteger(value)) sample.setInt(value);
  else sample.setWide((BigInt(high | 0) << 32n) | BigInt(low >>> 0));
}
