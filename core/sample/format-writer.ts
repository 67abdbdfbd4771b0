// Where a format's text goes, and how values are written into it (HAProxy's lf_text and its kin).
//
// Every method returns false when there is no room: what was written so far stays, the rest of the line is cut.

import { writeBytes } from '../base/text.ts';
import { OPTION_ESCAPE, OPTION_MANDATORY, OPTION_QUOTE } from './format-options.ts';
import { NO_BYTES, type Sample } from './types.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const DASH = 0x2d;
const PERCENT = 0x25;
const DIGITS = '0123456789ABCDEF';
const HEX = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));

export class FormatWriter {
  bytes: Uint8Array = NO_BYTES;
  at = 0;
  limit = 0;
  options = 0; // OPTION_… of the part at hand
  typecast = 0;
  isAfterSpace = true; // a separator writes nothing

  begin(bytes: Uint8Array, at: number, limit: number): void {
    this.bytes = bytes;
    this.at = at;
    this.limit = limit;
    this.isAfterSpace = true;
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

  /** A value as the part's options say: quoted, escaped, `-` for nothing. A NUL ends it. */
  text(text: Uint8Array, offset: number, length: number): boolean {
    const kept = untilNul(text, offset, length);
    if ((this.options & OPTION_QUOTE) !== 0) {
      return this.byte(QUOTE) && this.escaped(text, offset, kept) && this.byte(QUOTE);
    }
    if (kept === 0) return (this.options & OPTION_MANDATORY) === 0 || this.byte(DASH);
    return this.escaped(text, offset, kept);
  }

  /** As text(), never quoted and never `-`. */
  plainText(text: Uint8Array, offset: number, length: number): boolean {
    return this.escaped(text, offset, untilNul(text, offset, length));
  }

  private escaped(text: Uint8Array, offset: number, length: number): boolean {
    if ((this.options & OPTION_ESCAPE) === 0) return this.raw(text, offset, length);
    for (let at = offset; at < offset + length; at++) {
      const byte = text[at]!;
      if ((byte === QUOTE || byte === BACKSLASH || byte === CLOSING_BRACKET) && !this.byte(BACKSLASH)) return false;
      if (!this.byte(byte)) return false;
    }
    return true;
  }

  /** Bytes that HTTP does not allow in a field are written %XX (RFC 9110 §5.5). With +E, `"\]` get a backslash. */
  http(text: Uint8Array, offset: number, length: number): boolean {
    if (length <= this.limit - this.at && isPlain(text, offset, length) && (this.options & OPTION_ESCAPE) === 0) {
      return this.raw(text, offset, length);
    }
    for (let at = offset; at < offset + length; at++) if (!this.httpByte(text[at]!)) return false;
    return true;
  }

  private httpByte(byte: number): boolean {
    if (isForbidden(byte)) {
      if (this.at + 3 > this.limit) return false;
      this.bytes[this.at++] = PERCENT;
      this.bytes[this.at++] = HEX[byte >> 4]!;
      this.bytes[this.at++] = HEX[byte & 15]!;
      return true;
    }
    const special = byte === QUOTE || byte === BACKSLASH || byte === CLOSING_BRACKET;
    if (special && (this.options & OPTION_ESCAPE) !== 0) {
      if (this.at + 2 > this.limit) return false;
      this.bytes[this.at++] = BACKSLASH;
    }
    return this.byte(byte);
  }

  /** A text-like sample, as text() or http(). */
  sample(sample: Sample, isHttp: boolean): boolean {
    return isHttp
      ? this.http(sample.bytes, sample.offset, sample.length)
      : this.text(sample.bytes, sample.offset, sample.length);
  }
}

const isForbidden = (byte: number): boolean => (byte < 0x20 && byte !== 0x09) || byte === 0x7f;

function isPlain(text: Uint8Array, offset: number, length: number): boolean {
  for (let at = offset; at < offset + length; at++) if (isForbidden(text[at]!)) return false;
  return true;
}

function untilNul(text: Uint8Array, offset: number, length: number): number {
  for (let index = 0; index < length; index++) if (text[offset + index] === 0) return index;
  return length;
}
