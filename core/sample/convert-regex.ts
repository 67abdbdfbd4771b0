// `regsub` (manual §7.3.1): what a regular expression matches is replaced, once or everywhere.

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';
import { bytesOfText, textOf } from './convert-arguments.ts';
import { type CompiledRegex, compileRegex, newCaptures } from './patterns/regex.ts';
import type { Convert, ConverterRow } from './rows.ts';
import { TYPE_STR } from './types.ts';

/** A replacement: literal bytes and numbers of groups in turn; null: it is broken off (a lone `\` at its end). */
type Replacement = readonly (Uint8Array | number)[] | null;

const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

// As HAProxy takes it: any byte, also one that is no digit.
function hexValue(byte: number): number {
  const upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
  const digit = (upper - 0x30) & 0xff;
  return digit > 9 ? (digit - 7) & 0xff : digit;
}

/** `\1` a group, `\x41` a byte, `\` and any other character that character. */
export function parseReplacement(text: string): Replacement {
  const source = bytesOfText(text);
  const parts: (Uint8Array | number)[] = [];
  let literal: number[] = [];
  for (let at = 0; at < source.length; at++) {
    const byte = source[at]!;
    if (byte !== BACKSLASH) {
      literal.push(byte);
      continue;
    }
    at++;
    if (at === source.length) return null;
    const escaped = source[at]!;
    if (escaped >= 0x30 && escaped <= 0x39) {
      parts.push(Uint8Array.from(literal), escaped - 0x30);
      literal = [];
    } else if (escaped === LETTER_X) {
      if (at + 2 >= source.length) return null;
      literal.push(((hexValue(source[at + 1]!) << 4) + hexValue(source[at + 2]!)) & 0xff);
      at += 2;
    } else literal.push(escaped);
  }
  parts.push(Uint8Array.from(literal));
  return parts;
}

/** Bytes the replacement has for these captures. */
function replacementBytes(parts: readonly (Uint8Array | number)[], captures: Int32Array): number {
  let total = 0;
  for (const part of parts) {
    if (typeof part !== 'number') total += part.length;
    else if (captures[part * 2]! >= 0) total += captures[part * 2 + 1]! - captures[part * 2]!;
  }
  return total;
}

function compileSubstitute(regex: CompiledRegex, replacement: Replacement, isGlobal: boolean): Convert {
  const captures = newCaptures();
  return (sample, subject) => {
    const { trash } = subject;
    const { bytes } = sample;
    if (sample.length > trash.chunkBytes) return false;
    const at = trash.take();
    const limit = at + trash.chunkBytes;
    const end = sample.offset + sample.length;
    let start = sample.offset;
    let next = at;
    let isLater = false;
    for (;;) {
      const isFound = (isGlobal || !isLater) && regex.exec(bytes, start, end - start, captures, isLater);
      const before = isFound ? captures[0]! : end - start;
      next = writeBytes(trash.bytes, next, bytes, start, Math.min(before, limit - next));
      if (!isFound || replacement === null) break;
      // One that does not fit a chunk by itself ends it; one that only does not fit here any more is cut.
      if (replacementBytes(replacement, captures) >= trash.chunkBytes) break;
      for (const part of replacement) {
        if (typeof part !== 'number') {
          next = writeBytes(trash.bytes, next, part, 0, Math.min(part.length, limit - next));
        } else if (captures[part * 2]! >= 0) {
          const length = captures[part * 2 + 1]! - captures[part * 2]!;
          next = writeBytes(trash.bytes, next, bytes, start + captures[part * 2]!, Math.min(length, limit - next));
        }
      }
      if (start >= end) break;
      let taken = captures[1]!;
      // An empty match stands before a byte, which is kept, so that the next search makes progress.
      if (taken === 0) {
        if (next < limit) trash.bytes[next++] = bytes[start]!;
        taken = 1;
      }
      start += taken;
      isLater = true;
    }
    sample.setBytes(sample.type, trash.bytes, at, next - at);
    return true;
  };
}

export const regexConverters: readonly ConverterRow[] = [
  {
    name: 'regsub',
    args: { kinds: ['regex', 'str', 'str'], min: 2 },
    in: TYPE_STR,
    out: TYPE_STR,
    check(args) {
      const odd = /[^ig]/.exec(textOf(args, 2));
      return odd === null ? null : `invalid regex flag '${odd[0]}', only 'i' and 'g' are supported`;
    },
    compile(args) {
      const [pattern] = args;
      assert(pattern?.kind === 'regex', 'regsub() has a regex');
      const flags = textOf(args, 2);
      const result = compileRegex(pattern.source, pattern.ignoreCase || flags.includes('i'));
      assert(result.ok, 'the regex of regsub() was checked when it was parsed');
      return compileSubstitute(result.regex, parseReplacement(textOf(args, 1)), flags.includes('g'));
    },
  },
];
