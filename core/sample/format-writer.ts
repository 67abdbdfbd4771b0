// Where a format's text goes, and how values are written into it: quoted, escaped, as JSON or CBOR (manual §8.2.6).
//
// Every method returns false when there is no room: what was written so far stays, or not at all where HAProxy takes it
// back, and the rest of the line is cut. `options` and `typecast` are those of the part at hand.

import { writeBytes, writeInt } from '../base/text.ts';
import {
  CBOR_ANY_LENGTH,
  CBOR_ARRAY_BEGIN,
  CBOR_BREAK,
  CBOR_BYTES,
  CBOR_FALSE,
  CBOR_NEGATIVE,
  CBOR_NULL,
  CBOR_TEXT,
  CBOR_TRUE,
  CBOR_UNSIGNED,
  ESCAPE_HTTP,
  ESCAPE_JSON,
  ESCAPE_NOTHING,
  ESCAPE_VALUE,
  type EscapeMap,
  HEX_DIGITS,
} from './format-encode.ts';
import {
  OPTION_BIN,
  OPTION_CBOR,
  OPTION_ENCODE,
  OPTION_ESCAPE,
  OPTION_JSON,
  OPTION_MANDATORY,
  OPTION_QUOTE,
} from './format-options.ts';
import { NO_BYTES, type Sample, TYPE_BOOL, TYPE_STR } from './types.ts';

const QUOTE = 0x22;
const PERCENT = 0x25;
const COMMA = 0x2c;
const DASH = 0x2d;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));
const NULL = Uint8Array.from(Buffer.from('null'));
const NUMBER_BYTES_MAX = 24;
const HEX_DIGITS_MAX = 16;

export class FormatWriter {
  bytes: Uint8Array = NO_BYTES;
  at = 0;
  limit = 0;
  options = 0; // OPTION_… of the part at hand
  typecast = 0;
  isAfterSpace = true; // a separator writes nothing
  private inText = false; // between beginText and endText
  private readonly digits = new Uint8Array(NUMBER_BYTES_MAX);

  begin(bytes: Uint8Array, at: number, limit: number): void {
    this.bytes = bytes;
    this.at = at;
    this.limit = limit;
    this.isAfterSpace = true;
    this.inText = false;
  }

  byte(value: number): boolean {
    if (this.at >= this.limit) return false;
    this.bytes[this.at++] = value;
    return true;
  }

  /** As it is; what does not fit is cut. */
  raw(text: Uint8Array, offset: number, length: number): boolean {
    const room = this.limit - this.at;
    const kept = Math.min(length, room);
    this.at = writeBytes(this.bytes, this.at, text, offset, kept);
    return kept === length;
  }

  /** As it is and whole, or not at all. */
  private whole(text: Uint8Array, offset: number, length: number): boolean {
    return length <= this.limit - this.at && this.raw(text, offset, length);
  }

  // Texts

  /** A value as the part's options say: quoted, escaped, `-` for nothing. A NUL ends it. */
  text(text: Uint8Array, offset: number, length: number): boolean {
    const kept = untilNul(text, offset, length);
    const { options } = this;
    if ((options & (OPTION_QUOTE | OPTION_JSON)) !== 0) return this.quoted(text, offset, kept);
    if (kept === 0 && (options & (OPTION_CBOR | OPTION_MANDATORY)) === OPTION_MANDATORY) return this.byte(DASH);
    return this.body(text, offset, kept);
  }

  /** As text(), but only quoted where the encoding needs it, and never `-`. */
  plainText(text: Uint8Array, offset: number, length: number): boolean {
    const kept = untilNul(text, offset, length);
    if (!this.inText && (this.options & OPTION_JSON) !== 0) return this.quoted(text, offset, kept);
    return this.body(text, offset, kept);
  }

  /** Without room for the second quote nothing is written. */
  private quoted(text: Uint8Array, offset: number, length: number): boolean {
    const { at } = this;
    const fits = this.byte(QUOTE) && this.body(text, offset, length) && this.byte(QUOTE);
    if (!fits) this.at = at;
    return fits;
  }

  private body(text: Uint8Array, offset: number, length: number): boolean {
    if (length === 0) return true;
    const { options } = this;
    if ((options & OPTION_CBOR) !== 0) return this.cborPiece(text, offset, length, CBOR_TEXT);
    if ((options & OPTION_JSON) !== 0) return this.escaped(text, offset, length, ESCAPE_JSON);
    if ((options & OPTION_ESCAPE) !== 0) return this.escaped(text, offset, length, ESCAPE_VALUE);
    return this.raw(text, offset, length);
  }

  private escaped(text: Uint8Array, offset: number, length: number, map: EscapeMap): boolean {
    for (let at = offset; at < offset + length; at++) {
      const byte = text[at]!;
      if (map[byte] === 0 ? !this.byte(byte) : !this.backslashed(byte)) return false;
    }
    return true;
  }

  // An escape is only begun with a byte to spare behind it.
  private backslashed(byte: number): boolean {
    if (this.at + 2 >= this.limit) return false;
    this.bytes[this.at++] = BACKSLASH;
    this.bytes[this.at++] = byte;
    return true;
  }

  /**
   * Bytes of `map` are written as `escape` and two digits, then what the options say of the others. Outside of
   * beginText it is one value: CBOR makes a byte string of it, or a text when `isText`.
   */
  encoded(text: Uint8Array, offset: number, length: number, escape: number, map: EscapeMap, isText = false): boolean {
    const { options } = this;
    const kept = isText ? untilNul(text, offset, length) : length;
    if ((options & OPTION_CBOR) !== 0) return this.cborPieces(text, offset, kept, escape, map, isText || this.inText);
    const special =
      (options & OPTION_JSON) !== 0 ? ESCAPE_JSON : (options & OPTION_ESCAPE) !== 0 ? ESCAPE_VALUE : ESCAPE_NOTHING;
    for (let at = offset; at < offset + kept; at++) {
      const byte = text[at]!;
      if (map[byte] !== 0) {
        if (!this.escapedByte(byte, escape)) return false;
      } else if (special[byte] !== 0 ? !this.backslashed(byte) : !this.byte(byte)) return false;
    }
    return true;
  }

  private escapedByte(byte: number, escape: number): boolean {
    if (this.at + 3 >= this.limit) return false;
    this.bytes[this.at++] = escape;
    this.bytes[this.at++] = HEX_DIGITS[byte >> 4]!;
    this.bytes[this.at++] = HEX_DIGITS[byte & 15]!;
    return true;
  }

  /** Bytes that HTTP does not allow in a field are written %XX. With +E, `"\]` get a backslash. */
  http(text: Uint8Array, offset: number, length: number): boolean {
    return this.encoded(text, offset, length, PERCENT, ESCAPE_HTTP);
  }

  /** A text of several pieces begins: quoted once as a whole. */
  beginText(): boolean {
    this.inText = true;
    if ((this.options & OPTION_CBOR) !== 0) return this.cborByte(CBOR_TEXT | CBOR_ANY_LENGTH);
    return (this.options & (OPTION_QUOTE | OPTION_JSON)) === 0 || this.byte(QUOTE);
  }

  /** Does nothing without beginText. */
  endText(): boolean {
    if (!this.inText) return true;
    this.inText = false;
    if ((this.options & OPTION_CBOR) !== 0) return this.cborByte(CBOR_BREAK);
    return (this.options & (OPTION_QUOTE | OPTION_JSON)) === 0 || this.byte(QUOTE);
  }

  /** One character of a text, or between values. */
  char(value: number): boolean {
    if (!this.inText || (this.options & OPTION_CBOR) === 0) return this.byte(value);
    return this.cborByte(CBOR_TEXT | 1) && this.cborByte(value);
  }

  /** A hint that is no part of the value, `+`: left out of encodings. */
  hint(value: number): boolean {
    return (this.options & OPTION_ENCODE) !== 0 || this.byte(value);
  }

  beginList(): boolean {
    if ((this.options & OPTION_JSON) !== 0) return this.byte(0x5b);
    return (this.options & OPTION_CBOR) === 0 || this.cborByte(CBOR_ARRAY_BEGIN);
  }

  nextInList(): boolean {
    if ((this.options & OPTION_CBOR) !== 0) return true;
    if ((this.options & OPTION_JSON) !== 0 && !this.byte(COMMA)) return false;
    return this.byte(SPACE);
  }

  endList(): boolean {
    if ((this.options & OPTION_JSON) !== 0) return this.byte(0x5d);
    return (this.options & OPTION_CBOR) === 0 || this.cborByte(CBOR_BREAK);
  }

  // Numbers

  /** A whole number of up to 2⁵³; encodings heed the typecast. */
  int(value: number): boolean {
    if ((this.options & OPTION_ENCODE) !== 0) return this.encodedInt(value, null);
    return this.whole(this.digits, 0, writeInt(this.digits, 0, value));
  }

  /** An integer's sample, for encodings. */
  intSample(sample: Sample): boolean {
    return this.encodedInt(sample.number, sample.wide);
  }

  /** With at least `digits` decimal digits. */
  padded(value: number, digits: number): boolean {
    if ((this.options & OPTION_ENCODE) !== 0) return this.encodedInt(value, null);
    for (let index = digits - 1, left = value; index >= 0; index--, left = Math.floor(left / 10)) {
      this.digits[index] = 0x30 + (left % 10);
    }
    return this.whole(this.digits, 0, digits);
  }

  /** Upper case hexadecimal of 32 bits, with at least `digits` digits; a text in encodings. */
  hexadecimal(value: number, digits: number): boolean {
    let left = value >>> 0;
    let at = HEX_DIGITS_MAX;
    while (left !== 0 || HEX_DIGITS_MAX - at < digits) {
      this.digits[--at] = HEX_DIGITS[left & 15]!;
      left >>>= 4;
    }
    const length = HEX_DIGITS_MAX - at;
    return length <= this.limit - this.at && this.plainText(this.digits, at, length);
  }

  private encodedInt(value: number, wide: bigint | null): boolean {
    const isJson = (this.options & OPTION_JSON) !== 0;
    if (this.typecast === TYPE_BOOL) return this.bool(value !== 0);
    if (!isJson) return this.cborInt(value, wide);
    const isText = this.typecast === TYPE_STR;
    const { digits } = this;
    let length = 0;
    if (isText) digits[length++] = QUOTE;
    length = wide === null ? writeInt(digits, length, value) : writeWide(digits, length, wide);
    if (isText) digits[length++] = QUOTE;
    return this.whole(digits, 0, length);
  }

  /** In encodings only. */
  bool(value: boolean): boolean {
    if ((this.options & OPTION_CBOR) !== 0) return this.cborByte(value ? CBOR_TRUE : CBOR_FALSE);
    const text = value ? TRUE : FALSE;
    return this.whole(text, 0, text.length);
  }

  /** What an encoding has where there is no value. */
  nothing(): boolean {
    if ((this.options & OPTION_JSON) !== 0) return this.whole(NULL, 0, NULL.length);
    return (this.options & OPTION_CBOR) === 0 || this.cborByte(CBOR_NULL);
  }

  // CBOR: each byte as two digits, unless +bin was asked for.

  cborByte(value: number): boolean {
    if ((this.options & OPTION_BIN) !== 0) return this.byte(value);
    if (this.at + 2 > this.limit) return false;
    this.bytes[this.at++] = HEX_DIGITS[value >> 4]!;
    this.bytes[this.at++] = HEX_DIGITS[value & 15]!;
    return true;
  }

  private cborInt(value: number, wide: bigint | null): boolean {
    if (wide !== null) return this.cborWide(wide);
    return value < 0 ? this.cborHead(CBOR_NEGATIVE, -1 - value) : this.cborHead(CBOR_UNSIGNED, value);
  }

  private cborWide(value: bigint): boolean {
    const isNegative = value < 0n;
    const magnitude = isNegative ? -1n - value : value;
    if (!this.cborByte((isNegative ? CBOR_NEGATIVE : CBOR_UNSIGNED) | 27)) return false;
    for (let shift = 56n; shift >= 0n; shift -= 8n) {
      if (!this.cborByte(Number((magnitude >> shift) & 0xffn))) return false;
    }
    return true;
  }

  /** The first bytes of an item: its type and its argument. */
  private cborHead(type: number, argument: number): boolean {
    if (argument < 24) return this.cborByte(type | argument);
    const sizeLog = argument <= 0xff ? 0 : argument <= 0xffff ? 1 : argument <= 0xffff_ffff ? 2 : 3;
    if (!this.cborByte(type | (24 + sizeLog))) return false;
    for (let left = (1 << sizeLog) - 1; left >= 0; left--) {
      if (!this.cborByte(Math.floor(argument / 2 ** (left * 8)) & 255)) return false;
    }
    return true;
  }

  /** A text or byte string of known length; whole or not at all. */
  cborPiece(text: Uint8Array, offset: number, length: number, type: number): boolean {
    const { at } = this;
    let fits = this.cborHead(type, length);
    for (let index = offset; fits && index < offset + length; index++) fits = this.cborByte(text[index]!);
    if (!fits) this.at = at;
    return fits;
  }

  // As few pieces as the escapes between them allow.
  private cborPieces(
    text: Uint8Array,
    offset: number,
    length: number,
    escape: number,
    map: EscapeMap,
    isText: boolean,
  ): boolean {
    const type = isText ? CBOR_TEXT : CBOR_BYTES;
    if (!this.inText && !this.cborByte(type | CBOR_ANY_LENGTH)) return false;
    const end = offset + length;
    let from = offset;
    for (let at = offset; at < end; at++) {
      if (map[text[at]!] === 0) continue;
      // What comes before an escape is a piece even when it is empty.
      if (!this.cborPiece(text, from, at - from, type) || !this.cborEscape(text[at]!, escape, type)) return false;
      from = at + 1;
    }
    if (from < end && !this.cborPiece(text, from, end - from, type)) return false;
    return this.inText || this.cborByte(CBOR_BREAK);
  }

  private cborEscape(byte: number, escape: number, type: number): boolean {
    const { digits } = this;
    digits[0] = escape;
    digits[1] = HEX_DIGITS[byte >> 4]!;
    digits[2] = HEX_DIGITS[byte & 15]!;
    return this.cborPiece(digits, 0, 3, type);
  }

  /** A text-like sample, as text() or http(). */
  sample(sample: Sample, isHttp: boolean): boolean {
    return isHttp
      ? this.http(sample.bytes, sample.offset, sample.length)
      : this.text(sample.bytes, sample.offset, sample.length);
  }
}

// Digits of an integer beyond 2⁵³: rare enough for a string.
function writeWide(bytes: Uint8Array, at: number, value: bigint): number {
  const digits = String(value);
  for (let index = 0; index < digits.length; index++) bytes[at + index] = digits.charCodeAt(index);
  return at + digits.length;
}

function untilNul(text: Uint8Array, offset: number, length: number): number {
  for (let index = 0; index < length; index++) if (text[offset + index] === 0) return index;
  return length;
}
