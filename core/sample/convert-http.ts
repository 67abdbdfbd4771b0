// Converters that know HTTP: the best language of an Accept-Language (RFC 9110 §12.5.4), captures.

import { bytesOfText, hasArg, intOf, textOf } from './convert-arguments.ts';
import type { Convert, ConverterRow } from './rows.ts';
import { TYPE_STR } from './types.ts';

const COMMA = 0x2c;
const DASH = 0x2d;
const DOT = 0x2e;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const LETTER_Q = 0x71;
const QUALITY_MAX = 1000; // q=1 in thousandths

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function skipSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at]!)) at++;
  return at;
}

/** Whether bytes[offset, end) is the language `tag`, or one of its kinds (`fr-CH` for `fr`). */
function matchesLanguage(bytes: Uint8Array, offset: number, end: number, tag: Uint8Array): boolean {
  const length = end - offset;
  for (let index = 0; index < length; index++) {
    const byte = bytes[offset + index];
    if (index === tag.length) return byte === DASH;
    if (byte !== tag[index]) return false;
  }
  return length === tag.length;
}

function isDigit(bytes: Uint8Array, at: number, end: number): boolean {
  return at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
}

/** `0.75` in thousandths; what is no number is the best. */
function quality(bytes: Uint8Array, from: number, end: number): number {
  if (!isDigit(bytes, from, end)) return QUALITY_MAX;
  let value = (bytes[from]! - 0x30) * 1000;
  if (from + 1 >= end || bytes[from + 1] !== DOT) return Math.min(value, QUALITY_MAX);
  for (let at = from + 2, scale = 100; scale >= 1 && isDigit(bytes, at, end); at++, scale /= 10) {
    value += (bytes[at]! - 0x30) * scale;
  }
  return Math.min(value, QUALITY_MAX);
}

/** What follows a language up to the comma: its quality, 1000 when there is none; −1: unreadable. */
function qualityAfter(bytes: Uint8Array, from: number, end: number): number {
  let at = skipSpaces(bytes, from, end);
  if (at >= end || bytes[at] === COMMA) return QUALITY_MAX;
  if (bytes[at] !== SEMICOLON) return -1;
  at = skipSpaces(bytes, at + 1, end);
  if (at >= end || bytes[at] !== LETTER_Q) return QUALITY_MAX;
  at = skipSpaces(bytes, at + 1, end);
  if (at >= end || bytes[at] !== EQUALS) return QUALITY_MAX;
  at = skipSpaces(bytes, at + 1, end);
  return at >= end ? QUALITY_MAX : quality(bytes, at, end);
}

function compileLanguage(tags: readonly Uint8Array[], fallback: Uint8Array | null): Convert {
  return (sample) => {
    const { bytes } = sample;
    const end = sample.offset + sample.length;
    let best: Uint8Array | null = null;
    let bestQuality = 0;
    for (let at = sample.offset; at < end && bestQuality < QUALITY_MAX; at++) {
      const token = skipSpaces(bytes, at, end);
      let tokenEnd = token;
      while (tokenEnd < end && bytes[tokenEnd] !== SEMICOLON && bytes[tokenEnd] !== COMMA) {
        if (isSpace(bytes[tokenEnd]!)) break;
        tokenEnd++;
      }
      at = tokenEnd;
      for (let index = 0; tokenEnd > token && index < tags.length; index++) {
        if (!matchesLanguage(bytes, token, tokenEnd, tags[index]!)) continue;
        const found = qualityAfter(bytes, tokenEnd, end);
        if (found > bestQuality) {
          best = tags[index]!;
          bestQuality = found;
        }
        break;
      }
      while (at < end && bytes[at] !== COMMA) at++;
    }
    const answer = best === null || best.length === 0 ? fallback : best;
    if (answer === null || answer.length === 0) return false;
    sample.setBytes(TYPE_STR, answer, 0, answer.length);
    return true;
  };
}

const languageRow: ConverterRow = {
  name: 'language',
  args: { kinds: ['str', 'str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_STR,
  compile(args) {
    const tags = textOf(args, 0).split(';').map(bytesOfText);
    return compileLanguage(tags, hasArg(args, 1) ? bytesOfText(textOf(args, 1)) : null);
  },
};

/** Keeps the value in a slot that `declare capture` made, and passes it on. */
function captureRow(name: string, of: 'requestCaptures' | 'responseCaptures'): ConverterRow {
  return {
    name,
    args: { kinds: ['sint'], min: 1 },
    in: TYPE_STR,
    out: TYPE_STR,
    compile(args) {
      const slot = intOf(args, 0, -1);
      return (sample, subject) => {
        const captures = subject.stream === null ? null : subject.stream[of];
        if (captures === null || slot < 0 || slot >= captures.count) return false;
        captures.set(slot, sample.bytes, sample.offset, sample.length);
        return true;
      };
    },
  };
}

export const httpConverters: readonly ConverterRow[] = [
  languageRow,
  captureRow('capture-req', 'requestCaptures'),
  captureRow('capture-res', 'responseCaptures'),
];
