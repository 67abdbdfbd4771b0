// Encodings (manual §7.3.1): base64, hexadecimal and binary digits, integers in decimal, percent-encoding, JSON strings.
// Where a chunk of the trash is too small each does what HAProxy's does: some fail, others stop there.

import { writeInt } from '../base/text.ts';
import { bytesOfText, intOf, textOf } from './convert-arguments.ts';
import { decodeBase64, decodeBase64Url, encodeBase64, encodedBytes } from './convert-base64.ts';
import { hexDigit } from './convert-number.ts';
import { type Convert, type ConverterRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BIN, TYPE_STR } from './types.ts';

const HEX_UPPER = bytesOfText('0123456789ABCDEF');
const HEX_LOWER = bytesOfText('0123456789abcdef');

function compileEncode(isUrl: boolean): Convert {
  return (sample, subject) => {
    const { trash } = subject;
    const { bytes, offset, length } = sample;
    // Both are refused by the padded size, and HAProxy keeps a byte for a final NUL.
    if (encodedBytes(length, false) >= trash.chunkBytes) return false;
    const at = trash.take();
    const end = encodeBase64(trash.bytes, at, bytes, offset, length, isUrl);
    sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
    return true;
  };
}

function compileDecode(decode: typeof decodeBase64): Convert {
  return (sample, subject) => {
    const { trash } = subject;
    if (sample.length > trash.chunkBytes) return false;
    const at = trash.take();
    const length = decode(trash.bytes, at, sample.bytes, sample.offset, sample.length);
    if (length < 0) return false;
    sample.setBytes(TYPE_BIN, trash.bytes, at, length);
    return true;
  };
}

function hex(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const { bytes, offset, length } = sample;
  if (length * 2 > trash.chunkBytes) return false;
  const at = trash.take();
  for (let index = 0; index < length; index++) {
    const byte = bytes[offset + index]!;
    trash.bytes[at + index * 2] = HEX_UPPER[byte >>> 4]!;
    trash.bytes[at + index * 2 + 1] = HEX_UPPER[byte & 15]!;
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, length * 2);
  return true;
}

/** Eight digits a byte, as many bytes as fit; HAProxy stops one byte before the chunk is full. */
function base2(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const { bytes, offset, length } = sample;
  if (length > trash.chunkBytes) return false;
  const at = trash.take();
  const lastAt = at + trash.chunkBytes - 8;
  let next = at;
  for (let index = 0; index < length && next < lastAt; index++) {
    const byte = bytes[offset + index]!;
    for (let bit = 7; bit >= 0; bit--) trash.bytes[next++] = 0x30 | ((byte >>> bit) & 1);
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
  return true;
}

const CHUNK_BYTES_MAX = 8;
const CHUNK_BYTES_EXACT = 6; // so many bytes always fit a double

// HAProxy's le2dec shifts within 32 bits, so that it is wrong from four bytes on; this one is not.
/** The unsigned integer of bytes[at, at + count), which is at most eight of them, in decimal. */
function writeChunk(
  out: Uint8Array,
  next: number,
  bytes: Uint8Array,
  at: number,
  count: number,
  isBig: boolean,
): number {
  if (count <= CHUNK_BYTES_EXACT) {
    let value = 0;
    for (let index = 0; index < count; index++)
      value = value * 256 + bytes[isBig ? at + index : at + count - 1 - index]!;
    return writeInt(out, next, value);
  }
  let exact = 0n;
  for (let index = 0; index < count; index++) {
    exact = (exact << 8n) | BigInt(bytes[isBig ? at + index : at + count - 1 - index]!);
  }
  const text = exact.toString();
  for (let index = 0; index < text.length; index++) out[next + index] = text.charCodeAt(index);
  return next + text.length;
}

const DIGITS_MAX = 20; // of 2⁶⁴ − 1

function decRow(name: string, isBig: boolean): ConverterRow {
  return {
    name,
    args: { kinds: ['str', 'sint', 'sint'], min: 1 },
    in: TYPE_BIN,
    out: TYPE_STR,
    check(args) {
      const size = intOf(args, 1, 0);
      if (size <= 0 || size > CHUNK_BYTES_MAX) return `chunk_size out of [1..8] range (${exactText(args, 1)})`;
      return checkTruncate(args);
    },
    compile(args) {
      const separator = bytesOfText(textOf(args, 0));
      const size = intOf(args, 1, 1);
      const truncate = intOf(args, 2, 0) !== 0;
      const scratch = new Uint8Array(DIGITS_MAX);
      return (sample, subject) => {
        const { trash } = subject;
        const { bytes, offset, length } = sample;
        if (length > trash.chunkBytes) return false;
        const at = trash.take();
        const end = at + trash.chunkBytes;
        const last = truncate ? length - size + 1 : length;
        let next = at;
        for (let from = 0; from < last; from += size) {
          const count = Math.min(size, length - from);
          const digits = writeChunk(scratch, 0, bytes, offset + from, count, isBig);
          const separatorBytes = from === 0 ? 0 : separator.length;
          // A byte is kept for the final NUL of HAProxy's digits.
          if (next + separatorBytes + digits >= end) break;
          for (let index = 0; index < separatorBytes; index++) trash.bytes[next++] = separator[index]!;
          for (let index = 0; index < digits; index++) trash.bytes[next++] = scratch[index]!;
        }
        sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
        return true;
      };
    },
  };
}

type Args = Parameters<NonNullable<ConverterRow['check']>>[0];

function exactText(args: Args, index: number): string {
  const arg = args[index];
  return arg !== undefined && arg.kind === 'sint' ? arg.exact : '0';
}

function checkTruncate(args: Args): string | null {
  const truncate = intOf(args, 2, 0);
  return truncate === 0 || truncate === 1 ? null : `Unsupported truncate value (${exactText(args, 2)})`;
}

const be2hexRow: ConverterRow = {
  name: 'be2hex',
  args: { kinds: ['str', 'sint', 'sint'], min: 1 },
  in: TYPE_BIN,
  out: TYPE_STR,
  check(args) {
    if (intOf(args, 1, 0) <= 0 && (textOf(args, 0) !== '' || intOf(args, 2, 0) !== 0)) {
      return `chunk_size needs to be positive (${exactText(args, 1)})`;
    }
    return checkTruncate(args);
  },
  compile(args) {
    const separator = bytesOfText(textOf(args, 0));
    const chunkSize = intOf(args, 1, 0);
    const truncate = intOf(args, 2, 0) !== 0;
    const isWhole = separator.length === 0 && !truncate; // nothing between, nothing dropped: chunks do not show
    return (sample, subject) => {
      const { trash } = subject;
      const { bytes, offset, length } = sample;
      const size = isWhole ? length : chunkSize;
      if (length * 2 > trash.chunkBytes || size * 2 > trash.chunkBytes) return false;
      const at = trash.take();
      const last = truncate ? length - size + 1 : length;
      // Room for a whole chunk must be left before each, and one separator more than there is.
      const roomEnd = at + trash.chunkBytes - size * 2 - separator.length;
      let next = at;
      for (let from = 0; from < last && (from === 0 || next < roomEnd); from += size) {
        if (from !== 0) for (let index = 0; index < separator.length; index++) trash.bytes[next++] = separator[index]!;
        const chunkEnd = Math.min(from + size, length);
        for (let index = from; index < chunkEnd; index++) {
          const byte = bytes[offset + index]!;
          trash.bytes[next++] = HEX_UPPER[byte >>> 4]!;
          trash.bytes[next++] = HEX_UPPER[byte & 15]!;
        }
      }
      sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
      return true;
    };
  },
};

// --- percent-encoding

const PERCENT = 0x25;
const PLUS = 0x2b;
const QUESTION = 0x3f;
const SPACE = 0x20;

// A `+` is a blank within a query: from the start when asked for, else behind the first `?`. A NUL ends the text.
function compileUrlDecode(inForm: boolean): Convert {
  return (sample, subject) => {
    const { trash } = subject;
    const { bytes, offset, length } = sample;
    if (length >= trash.chunkBytes) return false;
    const at = trash.take();
    const end = offset + length;
    let isQuery = inForm;
    let next = at;
    for (let from = offset; from < end; from++) {
      const byte = bytes[from]!;
      if (byte === 0) break;
      if (byte === PERCENT) {
        const high = from + 2 < end ? hexDigit(bytes[from + 1]!) : -1;
        const low = from + 2 < end ? hexDigit(bytes[from + 2]!) : -1;
        if (high < 0 || low < 0) return false;
        trash.bytes[next++] = (high << 4) | low;
        from += 2;
        continue;
      }
      if (byte === QUESTION) isQuery = true;
      trash.bytes[next++] = byte === PLUS && isQuery ? SPACE : byte;
    }
    sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
    return true;
  };
}

// RFC 3986's unreserved characters stay.
const URL_PLAIN = new Uint8Array(256);
for (const byte of bytesOfText('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'))
  URL_PLAIN[byte] = 1;

function urlEncode(sample: Sample, subject: Subject): boolean {
  const { trash } = subject;
  const { bytes, offset, length } = sample;
  if (length > trash.chunkBytes) return false;
  const at = trash.take();
  const stop = at + trash.chunkBytes - 1;
  let next = at;
  for (let index = 0; index < length && next < stop; index++) {
    const byte = bytes[offset + index]!;
    if (URL_PLAIN[byte] === 1) {
      trash.bytes[next++] = byte;
      continue;
    }
    if (next + 3 >= stop) break;
    trash.bytes[next++] = PERCENT;
    trash.bytes[next++] = HEX_UPPER[byte >>> 4]!;
    trash.bytes[next++] = HEX_UPPER[byte & 15]!;
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
  return true;
}

// --- JSON strings

const JSON_ESCAPES = new Uint8Array(256); // the letter behind the backslash, 0: none
for (const [byte, letter] of ['""', '\\\\', '//', '\bb', '\ff', '\rr', '\nn', '\tt']) {
  JSON_ESCAPES[byte!.charCodeAt(0)] = letter!.charCodeAt(0);
}

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

// What utf8Next() found: the character and how many bytes it took.
let utf8Char = 0;
let utf8Bytes = 0;

const UTF8_OK = 0;
const UTF8_OVERLONG = 1;
const UTF8_BAD = 2; // a broken sequence, or a character that must not be

/** The character at bytes[at], with `left` bytes there. The old forms of five and six bytes are read too. */
function utf8Next(bytes: Uint8Array, at: number, left: number): number {
  const first = bytes[at]!;
  utf8Char = first;
  utf8Bytes = 1;
  if (first < 0x80) return UTF8_OK;
  const size =
    first < 0xc0 || first >= 0xfe ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : first < 0xfc ? 5 : 6;
  if (size === 0 || left < size) return UTF8_BAD;
  let char = first & (0x7f >> size);
  for (let index = 1; index < size; index++) {
    const byte = bytes[at + index]!;
    utf8Bytes = index;
    if ((byte & 0xc0) !== 0x80) return UTF8_BAD;
    char = (char << 6) | (byte & 0x3f);
  }
  utf8Char = char;
  utf8Bytes = size;
  if ((char >= 0xd800 && char <= 0xdfff) || char === 0xfffe || char === 0xffff) return UTF8_BAD;
  const needed = char <= 0x7f ? 1 : char <= 0x7ff ? 2 : char <= 0xffff ? 3 : char <= 0x1f_ffff ? 4 : size;
  return size > needed ? UTF8_OVERLONG : UTF8_OK;
}

interface JsonInput {
  utf8: boolean;
  permissive: boolean; // overlong forms are taken
  skips: boolean; // what cannot be read is left out; else the converter fails
}

const JSON_INPUTS: Readonly<Record<string, JsonInput>> = {
  '': { utf8: false, permissive: false, skips: false },
  ascii: { utf8: false, permissive: false, skips: false },
  utf8: { utf8: true, permissive: false, skips: false },
  utf8s: { utf8: true, permissive: false, skips: true },
  utf8p: { utf8: true, permissive: true, skips: false },
  utf8ps: { utf8: true, permissive: true, skips: true },
};

/** One character of a JSON string at `next`; returns its end, or −1 when it does not fit before `limit`. */
function writeJsonChar(out: Uint8Array, next: number, limit: number, char: number): number {
  const escape = char <= 0xff ? JSON_ESCAPES[char]! : 0;
  const isPlain = escape === 0 && char >= 0x20 && char < 0x7f;
  const size = isPlain ? 1 : escape !== 0 ? 2 : 6;
  if (next + size > limit) return -1;
  if (isPlain) {
    out[next] = char;
    return next + 1;
  }
  out[next] = BACKSLASH;
  if (escape !== 0) {
    out[next + 1] = escape;
    return next + 2;
  }
  out[next + 1] = LETTER_U;
  for (let digit = 0; digit < 4; digit++) out[next + 2 + digit] = HEX_LOWER[(char >>> (12 - digit * 4)) & 15]!;
  return next + 6;
}

function compileJson(input: JsonInput): Convert {
  return (sample, subject) => {
    const { trash } = subject;
    const { bytes, offset, length } = sample;
    const at = trash.take();
    const limit = at + trash.chunkBytes;
    const end = offset + length;
    let next = at;
    for (let from = offset; from < end; ) {
      let char = bytes[from]!;
      if (!input.utf8) from++;
      else {
        const verdict = utf8Next(bytes, from, end - from);
        from += utf8Bytes;
        char = utf8Char;
        const isBad = verdict === UTF8_BAD || (verdict === UTF8_OVERLONG && !input.permissive) || char > 0xffff;
        if (isBad && input.skips) continue;
        if (isBad) return false;
      }
      next = writeJsonChar(trash.bytes, next, limit, char);
      if (next < 0) return false;
    }
    sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
    return true;
  };
}

export const encodingConverters: readonly ConverterRow[] = [
  { name: 'base64', args: NO_ARGS, in: TYPE_BIN, out: TYPE_STR, compile: () => compileEncode(false) },
  { name: 'ub64enc', args: NO_ARGS, in: TYPE_BIN, out: TYPE_STR, compile: () => compileEncode(true) },
  { name: 'b64dec', args: NO_ARGS, in: TYPE_STR, out: TYPE_BIN, compile: () => compileDecode(decodeBase64) },
  { name: 'ub64dec', args: NO_ARGS, in: TYPE_STR, out: TYPE_BIN, compile: () => compileDecode(decodeBase64Url) },
  { name: 'hex', args: NO_ARGS, in: TYPE_BIN, out: TYPE_STR, compile: () => hex },
  { name: 'base2', args: NO_ARGS, in: TYPE_BIN, out: TYPE_STR, compile: () => base2 },
  decRow('be2dec', true),
  decRow('le2dec', false),
  be2hexRow,
  {
    name: 'url_dec',
    args: { kinds: ['sint'], min: 0 },
    in: TYPE_STR,
    out: TYPE_STR,
    compile: (args) => compileUrlDecode(intOf(args, 0, 0) !== 0),
  },
  {
    name: 'url_enc',
    args: { kinds: ['str'], min: 1 },
    in: TYPE_STR,
    out: TYPE_STR,
    check(args) {
      const type = textOf(args, 0);
      return type === '' || type === 'query' ? null : "Unexpected encode type. Allowed value is 'query'";
    },
    compile: () => urlEncode,
  },
  {
    name: 'json',
    args: { kinds: ['str'], min: 1 },
    in: TYPE_STR,
    out: TYPE_STR,
    check(args) {
      if (Object.hasOwn(JSON_INPUTS, textOf(args, 0))) return null;
      return "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'";
    },
    compile: (args) => compileJson(JSON_INPUTS[textOf(args, 0)]!),
  },
];
