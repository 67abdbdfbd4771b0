// `json_query` and the queries into JSON Web Tokens (manual §7.3.1): one value of a JSON text, by a path like `$.a.b[2]`.
//
// The text is read only as far as needed, and read as HAProxy's parser reads it: white space and nesting are checked, the
// rest is tolerated. Safe on hostile bytes: what is no JSON has no value. Nothing is allocated but for odd numbers.

import { writeInt } from '../base/text.ts';
import { bytesOfText, hasArg, textOf } from './convert-arguments.ts';
import { decodeBase64Url } from './convert-base64.ts';
import { hexDigit } from './convert-number.ts';
import type { ConverterRow } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_ANY, TYPE_BIN, TYPE_STR } from './types.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_CLOSE = 0x5d;
const BRACE = 0x7b;
const BRACE_CLOSE = 0x7d;

const DEPTH_MAX = 20;

// Tokens besides the brackets' own bytes.
const TOKEN_NONE = 0;
const TOKEN_STRING = 11;
const TOKEN_NUMBER = 12;
const TOKEN_TRUE = 13;
const TOKEN_FALSE = 14;
const TOKEN_NULL = 15;
const TOKEN_KEY = 20;

const isValue = (token: number): boolean => token > 10 && token < 20;

const TRUE = bytesOfText('true');
const FALSE = bytesOfText('false');
const NULL = bytesOfText('null');

// --- numbers, in doubles as HAProxy's reader adds them up

// Where readNumber() stopped: where it began when there is no number.
let numberEnd = 0;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** 10 to the power of `exponent`, by repeated squaring. */
function powerOfTen(exponent: number): number {
  let factor = 10;
  let power = 1;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power *= factor;
    factor *= factor;
  }
  return power;
}

const EXPONENT_MAX = 100_000; // far beyond what a double has

function readNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  let value = 0;
  const sign = at < end && bytes[at] === MINUS ? -1 : 1;
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) at++;
  numberEnd = from;
  if (at < end && isDigit(bytes[at]!)) {
    for (; at < end && isDigit(bytes[at]!); at++) value = value * 10 + (bytes[at]! - 0x30);
    numberEnd = at;
  } else if (at >= end || bytes[at] !== DOT) return 0;
  value *= sign;
  if (at < end && bytes[at] === DOT) {
    let fraction = 0;
    let base = 0.1;
    for (at++; at < end && isDigit(bytes[at]!); at++) {
      fraction += base * (bytes[at]! - 0x30);
      base /= 10;
    }
    value += fraction * sign;
    numberEnd = at;
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    const exponent = readExponent(bytes, at + 1, end);
    const power = powerOfTen(Math.abs(exponent));
    return exponent < 0 ? value / power : value * power;
  }
  if (at > from && !isDigit(bytes[at - 1]!)) numberEnd = from;
  return value;
}

/** What follows an `e`: `-3`. */
function readExponent(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  const isNegative = at < end && bytes[at] === MINUS;
  if (isNegative) at++;
  if (at < end && bytes[at] === PLUS) at++;
  let exponent = 0;
  for (; at < end && isDigit(bytes[at]!); at++) exponent = Math.min(exponent * 10 + bytes[at]! - 0x30, EXPONENT_MAX);
  numberEnd = at;
  return isNegative ? -exponent : exponent;
}

// --- the search: one at a time, its state in one object

class Search {
  bytes: Uint8Array = new Uint8Array(0);
  path: Uint8Array = new Uint8Array(0);
  pathAt = 1; // behind the `$`
  depth = 0; // of what is being read
  wantedDepth = 0; // how far the path has been followed
  index = 0; // in the array that the path points into
  wantedIndex = 0;
  containerAt = -1; // where the array or object begins that the path ends at
  token = TOKEN_NONE; // what was found, …
  start = 0; // … bytes[start, end)
  end = 0;

  begin(bytes: Uint8Array, path: Uint8Array): void {
    this.bytes = bytes;
    this.path = path;
    this.pathAt = 1;
    this.depth = 0;
    this.wantedDepth = 0;
    this.index = 0;
    this.wantedIndex = 0;
    this.containerAt = -1;
    this.token = TOKEN_NONE;
  }

  /** One token of the text; true ends the reading. */
  take(token: number, start: number, end: number): boolean {
    switch (token) {
      case BRACE:
        this.openContainer(start);
        return false;
      case BRACKET:
        this.openArray();
        this.openContainer(start);
        return false;
      case COMMA:
        this.nextElement();
        return false;
      case TOKEN_KEY:
        return this.takeKey(start, end);
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        this.depth--;
        if (!this.isAtEnd() || this.containerAt < 0) return false;
        return this.found(token - 2, this.containerAt, end);
      default:
        return isValue(token) && this.isAtEnd() && this.found(token, start, end);
    }
  }

  private found(token: number, start: number, end: number): true {
    this.token = token;
    this.start = start;
    this.end = end;
    return true;
  }

  private pathByte(at: number): number {
    return at < this.path.length ? this.path[at]! : 0;
  }

  private isAtEnd(): boolean {
    return this.depth === this.wantedDepth && this.pathByte(this.pathAt) === 0;
  }

  private openContainer(start: number): void {
    if (this.isAtEnd()) this.containerAt = start;
    this.depth++;
  }

  private openArray(): void {
    if (this.depth !== this.wantedDepth || this.pathByte(this.pathAt) !== BRACKET) return;
    this.index = 0;
    this.wantedIndex = Math.trunc(readNumber(this.path, this.pathAt + 1, this.path.length));
    if (this.wantedIndex !== 0) return;
    this.wantedDepth++;
    this.pathAt += 3;
  }

  private nextElement(): void {
    if (this.depth !== this.wantedDepth + 1) return;
    this.index++;
    if (this.index !== this.wantedIndex) return;
    while (this.pathAt < this.path.length && this.path[this.pathAt] !== BRACKET_CLOSE) this.pathAt++;
    this.pathAt++;
    this.wantedDepth++;
  }

  private takeKey(start: number, end: number): boolean {
    if (this.depth === this.wantedDepth) return true; // the object that was followed ends without it
    if (this.depth !== this.wantedDepth + 1 || this.pathByte(this.pathAt) !== DOT) return false;
    const stop = this.matchKey(start + 1, end - 1);
    if (stop < 0) return false;
    this.wantedDepth++;
    this.pathAt = stop;
    return false;
  }

  /** Where the path goes on behind this key; −1: it is another one. A backslash in the path takes the next byte as it is. */
  private matchKey(start: number, end: number): number {
    let at = this.pathAt + 1;
    let key = start;
    for (;;) {
      let byte = this.pathByte(at);
      if (byte === 0 || byte === DOT || byte === BRACKET) return key === end ? at : -1;
      if (byte === BACKSLASH) byte = this.pathByte(++at);
      if (key === end || this.bytes[key] !== byte) return -1;
      key++;
      at++;
    }
  }
}

const search = new Search();

// --- the reader

const EXPECT_VALUE = 0;
const EXPECT_KEY = 1;
const EXPECT_COLON = 2;
const EXPECT_COMMA = 3; // or the end of the container

const nesting = new Uint8Array(DEPTH_MAX);

/** Where the string's closing quote is, reading from behind the opening one; −1: there is none. */
function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at;
    if (byte === 0) return -1;
    if (byte === BACKSLASH && at + 1 < end && isEscapable(bytes[at + 1]!)) at++;
  }
  return -1;
}

function isEscapable(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || (byte >= 0x08 && byte <= 0x0d && byte !== 0x0b);
}

function isWord(bytes: Uint8Array, at: number, end: number, word: Uint8Array): boolean {
  if (at + word.length > end) return false;
  for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word[index]) return false;
  return true;
}

// What readScalar() found; TOKEN_NONE: nothing that could be a value.
let scalarToken = TOKEN_NONE;

/** A string, number or word at bytes[at]; returns its end. */
function readScalar(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at]!;
  scalarToken = TOKEN_NONE;
  if (byte === QUOTE) {
    const quote = stringEnd(bytes, at + 1, end);
    if (quote >= 0) scalarToken = TOKEN_STRING;
    return quote + 1;
  }
  if (byte === MINUS || isDigit(byte)) {
    readNumber(bytes, at, end);
    scalarToken = TOKEN_NUMBER;
    return numberEnd;
  }
  if (isWord(bytes, at, end, TRUE)) scalarToken = TOKEN_TRUE;
  else if (isWord(bytes, at, end, FALSE)) scalarToken = TOKEN_FALSE;
  else if (isWord(bytes, at, end, NULL)) scalarToken = TOKEN_NULL;
  return at + (scalarToken === TOKEN_FALSE ? FALSE.length : TRUE.length);
}

/** Looks for the path in bytes[offset, end); search has what was found, TOKEN_NONE when nothing was. */
function find(bytes: Uint8Array, offset: number, end: number, path: Uint8Array): void {
  search.begin(bytes, path);
  let expected = EXPECT_VALUE;
  let depth = 0;
  for (let at = offset; at < end; ) {
    const byte = bytes[at]!;
    const start = at++;
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue;
    let token = byte;
    const mayClose =
      depth > 0 && (expected === EXPECT_COMMA || byte === (expected === EXPECT_KEY ? BRACE_CLOSE : BRACKET_CLOSE));
    if (expected !== EXPECT_COLON && mayClose && (byte === BRACE_CLOSE || byte === BRACKET_CLOSE)) {
      if (byte !== nesting[depth - 1]! + 2) return;
      depth--;
      expected = EXPECT_COMMA;
    } else if (expected === EXPECT_VALUE && (byte === BRACE || byte === BRACKET)) {
      if (depth === DEPTH_MAX) return;
      nesting[depth++] = byte;
      if (byte === BRACE) expected = EXPECT_KEY;
    } else if (expected === EXPECT_VALUE) {
      at = readScalar(bytes, start, end);
      token = scalarToken;
      if (token === TOKEN_NONE) return;
      expected = EXPECT_COMMA;
    } else if (expected === EXPECT_KEY) {
      const quote = byte === QUOTE ? stringEnd(bytes, at, end) : -1;
      if (quote < 0) return;
      at = quote + 1;
      token = TOKEN_KEY;
      expected = EXPECT_COLON;
    } else if (expected === EXPECT_COLON) {
      if (byte !== COLON) return;
      expected = EXPECT_VALUE;
    } else {
      if (depth === 0 || byte !== COMMA) return;
      expected = nesting[depth - 1] === BRACE ? EXPECT_KEY : EXPECT_VALUE;
    }
    if (search.take(token, start, at)) return;
    if (depth === 0) return;
  }
}

// --- results

const SAFE_MAX = Number.MAX_SAFE_INTEGER;

/** strtoll(3) with base 0: decimal, 0x and octal; NaN beyond ±(2⁵³−1). */
function readInteger(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  const isNegative = at < end && bytes[at] === MINUS;
  if (at < end && (bytes[at] === MINUS || bytes[at] === PLUS)) at++;
  let base = 10;
  if (at < end && bytes[at] === 0x30) {
    const isHex = at + 2 < end && (bytes[at + 1]! | 0x20) === 0x78 && hexDigit(bytes[at + 2]!) >= 0;
    base = isHex ? 16 : 8;
    if (isHex) at += 2;
  }
  let value = 0;
  for (; at < end; at++) {
    const digit = hexDigit(bytes[at]!);
    if (digit < 0 || digit >= base) break;
    value = value * base + digit;
    if (value > SAFE_MAX) return Number.NaN;
  }
  return isNegative && value !== 0 ? -value : value;
}

const DIGITS = 6; // that count in %g
const DIGITS_EXACT = 60; // of a value's expansion: enough to tell a tie

/** C's %g: six digits that count, ties go to the even one. */
function generalFormat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [expansion, exponentText] = Math.abs(value).toExponential(DIGITS_EXACT).split('e') as [string, string];
  const digits = expansion.replace('.', '');
  let exponent = Number(exponentText);
  let kept = Number(digits.slice(0, DIGITS));
  const half = '5'.padEnd(DIGITS_EXACT + 1 - DIGITS, '0');
  const rest = digits.slice(DIGITS);
  if (rest > half || (rest === half && kept % 2 === 1)) kept++;
  if (kept === 10 ** DIGITS) {
    kept /= 10;
    exponent++;
  }
  return (value < 0 ? '-' : '') + placeDigits(String(kept), exponent);
}

/** d.ddddd × 10^exponent without the zeros at its end. */
function placeDigits(digits: string, exponent: number): string {
  if (exponent < -4 || exponent >= DIGITS) {
    const magnitude = String(Math.abs(exponent)).padStart(2, '0');
    return `${trimZeros(`${digits[0]}.${digits.slice(1)}`)}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  if (exponent < 0) return trimZeros(`0.${'0'.repeat(-exponent - 1)}${digits}`);
  return trimZeros(`${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`);
}

function trimZeros(digits: string): string {
  return digits.replace(/\.?0*$/, '');
}

const PLAIN_MAX = 1_000_000; // whole numbers below are shown by %g as they are

function writeNumber(sample: Sample, subject: Subject, value: number): true {
  const { trash } = subject;
  const at = trash.take();
  let end: number;
  if (Number.isInteger(value) && Math.abs(value) < PLAIN_MAX && !Object.is(value, -0)) {
    end = writeInt(trash.bytes, at, value);
  } else {
    const text = generalFormat(value);
    end = at + text.length;
    for (let index = 0; index < text.length; index++) trash.bytes[at + index] = text.charCodeAt(index);
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
  return true;
}

// As HAProxy takes it: bytes that are no digits count too.
function hexNibble(byte: number): number {
  if (isDigit(byte)) return byte - 0x30;
  return byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : byte - 0x57;
}

const ESCAPES = new Int16Array(256).fill(-1);
for (const [letter, byte] of ['b\b', 'f\f', 'n\n', 'r\r', 't\t', '\\\\', '""']) {
  ESCAPES[letter!.charCodeAt(0)] = byte!.charCodeAt(0);
}

const LETTER_U = 0x75;
const ZERO = 0x30;

/** The string between its quotes, unescaped; of \uXXXX only the first 256 characters, as bytes. False: what it cannot read. */
function writeString(sample: Sample, subject: Subject, start: number, end: number): boolean {
  const { trash } = subject;
  const { bytes } = sample;
  const at = trash.take();
  const limit = at + trash.chunkBytes;
  let next = at;
  for (let from = start; from < end; from++) {
    if (next >= limit) return false;
    const byte = bytes[from]!;
    if (byte !== BACKSLASH || from + 1 >= end) {
      trash.bytes[next++] = byte;
      continue;
    }
    if (bytes[from + 1] === LETTER_U && from + 5 < end) {
      if (bytes[from + 2] !== ZERO || bytes[from + 3] !== ZERO) return false;
      trash.bytes[next++] = (hexNibble(bytes[from + 4]!) << 4) | hexNibble(bytes[from + 5]!);
      from += 5;
      continue;
    }
    const escape = ESCAPES[bytes[from + 1]!]!;
    if (escape < 0) return false;
    trash.bytes[next++] = escape;
    from++;
  }
  if (next >= limit) return false;
  sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
  return true;
}

/** The value at the path in the sample's text; `asInt`: numbers become integers, else text. */
function query(sample: Sample, subject: Subject, path: Uint8Array, asInt: boolean): boolean {
  const { bytes } = sample;
  const end = sample.offset + sample.length;
  if (path[0] !== 0x24) return false;
  find(bytes, sample.offset, end, path);
  switch (search.token) {
    case TOKEN_NUMBER: {
      if (!asInt) return writeNumber(sample, subject, readNumber(bytes, search.start, search.end));
      const value = readInteger(bytes, search.start, end);
      if (Number.isNaN(value)) return false;
      sample.setInt(value);
      return true;
    }
    case TOKEN_TRUE:
    case TOKEN_FALSE:
      sample.setBool(search.token === TOKEN_TRUE);
      return true;
    case TOKEN_STRING:
      return writeString(sample, subject, search.start + 1, search.end - 1);
    case BRACKET:
      if (search.end - search.start > subject.trash.chunkBytes) return false;
      sample.setBytes(TYPE_STR, bytes, search.start, search.end - search.start);
      return true;
    default:
      return false;
  }
}

type CheckArgs = NonNullable<ConverterRow['check']>;

const checkType: CheckArgs = (args) => {
  const type = textOf(args, 1);
  return type === '' || type === 'int' ? null : 'output_type only supports "int" as argument';
};

const jsonQueryRow: ConverterRow = {
  name: 'json_query',
  args: { kinds: ['str', 'str'], min: 1 },
  in: TYPE_STR,
  out: TYPE_ANY,
  check: (args) => (textOf(args, 0) === '' ? 'json_path must not be empty' : checkType(args)),
  compile(args) {
    const path = bytesOfText(textOf(args, 0));
    const asInt = textOf(args, 1) === 'int';
    return (sample, subject) => query(sample, subject, path, asInt);
  },
};

// --- JSON Web Tokens

/** Narrows the sample to one part between the dots, decoded; false: there is no such part, or it is no base64. */
function decodePart(sample: Sample, subject: Subject, part: number): boolean {
  const { bytes, length } = sample;
  const end = sample.offset + length;
  let start = sample.offset;
  for (let left = part; left > 0; left--) {
    while (start < end && bytes[start] !== DOT) start++;
    if (start === end) return false;
    start++;
  }
  let stop = start;
  while (stop < end && bytes[stop] !== DOT) stop++;
  const { trash } = subject;
  if (stop - start > trash.chunkBytes) return false;
  const at = trash.take();
  const decoded = decodeBase64Url(trash.bytes, at, bytes, start, stop - start);
  if (decoded < 0) return false;
  sample.setBytes(TYPE_STR, trash.bytes, at, decoded);
  return true;
}

function jwtRow(name: string, part: number): ConverterRow {
  return {
    name,
    args: { kinds: ['str', 'str'], min: 0 },
    in: TYPE_BIN,
    out: TYPE_ANY,
    check: checkType,
    compile(args) {
      const path = hasArg(args, 0) ? bytesOfText(textOf(args, 0)) : null;
      const asInt = textOf(args, 1) === 'int';
      return (sample, subject) =>
        decodePart(sample, subject, part) && (path === null || query(sample, subject, path, asInt));
    },
  };
}

export const jsonConverters: readonly ConverterRow[] = [
  jsonQueryRow,
  jwtRow('jwt_header_query', 0),
  jwtRow('jwt_payload_query', 1),
];
