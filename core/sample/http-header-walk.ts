// Header values one by one (manual §7.3.6 on req.hdr and req.fhdr): lines of a name, and the comma-separated values in
// them, where a quoted comma separates nothing.
//
// A walk is made when an expression is compiled and keeps its place between the calls of an ACL that asks for value
// after value. Nothing is allocated or copied: offset and length say where the value at hand stands.

import { headerIdOf } from '../http/header-names.ts';
import type { Head } from '../http/message.ts';
import * as message from '../http/message.ts';

// Own copies: V8 folds a module's own constant into the code but loads an imported one anew at every use.
const OTHER = message.HEADER_OTHER;
const REMOVED = message.HEADER_REMOVED;

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A header name, ready to be compared: lower case, with its number when it is a known one. */
export class HeaderName {
  readonly text: Uint8Array;
  readonly length: number;
  readonly id: number;

  /** @param text latin1; '' stands for any header */
  constructor(text: string) {
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index) & 255;
      bytes[index] = code >= 65 && code <= 90 ? code + 32 : code;
    }
    this.text = bytes;
    this.length = bytes.length;
    this.id = headerIdOf(new DataView(bytes.buffer), 0, bytes.length);
  }
}

/** Index of the first line of that name at or after `from`, −1 none. */
export function findLine(head: Head, bytes: Uint8Array, name: HeaderName, from: number): number {
  const count = head.headerCount;
  const flags = head.headerFlags;
  const { id, text, length } = name;
  if (id !== OTHER) {
    const ids = head.headerId;
    for (let index = from; index < count; index++) {
      if (ids[index] === id && (flags[index]! & REMOVED) === 0) return index;
    }
    return -1;
  }
  const lengths = head.nameLength;
  for (let index = from; index < count; index++) {
    if (length !== 0 && lengths[index] !== length) continue;
    if ((flags[index]! & REMOVED) === 0 && isText(bytes, head.nameOffset[index]!, text, length)) return index;
  }
  return -1;
}

/** Index of the last line of that name, −1 none. */
export function findLastLine(head: Head, bytes: Uint8Array, name: HeaderName): number {
  const flags = head.headerFlags;
  const { id, text, length } = name;
  if (id !== OTHER) {
    const ids = head.headerId;
    for (let index = head.headerCount - 1; index >= 0; index--) {
      if (ids[index] === id && (flags[index]! & REMOVED) === 0) return index;
    }
    return -1;
  }
  const lengths = head.nameLength;
  for (let index = head.headerCount - 1; index >= 0; index--) {
    if (length !== 0 && lengths[index] !== length) continue;
    if ((flags[index]! & REMOVED) === 0 && isText(bytes, head.nameOffset[index]!, text, length)) return index;
  }
  return -1;
}

function isText(bytes: Uint8Array, offset: number, text: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[offset + at] !== text[at]) return false;
  return true;
}

/** Offset of the comma that ends the value at `from`, else `end`. */
function valueEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > COMMA) continue;
    if (byte === COMMA) return at;
    if (byte === QUOTE) return quotedValueEnd(bytes, at, end);
  }
  return at;
}

function quotedValueEnd(bytes: Uint8Array, from: number, end: number): number {
  let quoted = false;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === COMMA) return at;
  }
  return end;
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 9;

export class HeaderWalk {
  /** The value at hand, without the blanks around it. */
  offset = 0;
  length = 0;
  index = -1; // its line; −1 before the first
  private restOffset = 0; // of the line: the comma behind the value, or lineEnd
  private lineEnd = 0;

  /** Before the first value. */
  begin(): void {
    this.index = -1;
  }

  /**
   * The next value of that name; false after the last.
   * @param full whole lines, commas and all
   */
  next(head: Head, bytes: Uint8Array, name: HeaderName, full: boolean): boolean {
    if (!full && this.index >= 0 && this.restOffset < this.lineEnd) {
      // Behind a last comma stands one more, empty value.
      this.take(bytes, bytes[this.restOffset] === COMMA ? this.restOffset + 1 : this.restOffset, false);
      return true;
    }
    const index = findLine(head, bytes, name, this.index + 1);
    if (index < 0) return false;
    this.enter(head, bytes, index, full);
    return true;
  }

  /** The last value of all, which is what a fetch gives unless told otherwise. */
  last(head: Head, bytes: Uint8Array, name: HeaderName, full: boolean): boolean {
    const index = findLastLine(head, bytes, name);
    if (index < 0) return false;
    this.enter(head, bytes, index, full);
    while (!full && this.restOffset < this.lineEnd) {
      this.take(bytes, bytes[this.restOffset] === COMMA ? this.restOffset + 1 : this.restOffset, false);
    }
    return true;
  }

  /**
   * One value by its number: 1 the first, −1 the last.
   * @returns false when there are not that many
   */
  pick(head: Head, bytes: Uint8Array, name: HeaderName, occurrence: number, full: boolean): boolean {
    if (occurrence === -1) return this.last(head, bytes, name, full);
    let left = occurrence;
    if (left < 0) {
      left += this.count(head, bytes, name, full) + 1;
      if (left <= 0) return false;
    }
    this.begin();
    for (; left > 0; left--) if (!this.next(head, bytes, name, full)) return false;
    return true;
  }

  count(head: Head, bytes: Uint8Array, name: HeaderName, full: boolean): number {
    let count = 0;
    this.begin();
    while (this.next(head, bytes, name, full)) count++;
    return count;
  }

  /** No further value stands in the line at hand. */
  get isLineDone(): boolean {
    return this.restOffset >= this.lineEnd;
  }

  private enter(head: Head, bytes: Uint8Array, index: number, full: boolean): void {
    const offset = head.valueOffset[index]!;
    this.index = index;
    this.lineEnd = offset + head.valueLength[index]!;
    this.take(bytes, offset, full);
  }

  private take(bytes: Uint8Array, from: number, full: boolean): void {
    let start = from;
    while (start < this.lineEnd && isBlank(bytes[start]!)) start++;
    let end = full ? this.lineEnd : valueEnd(bytes, start, this.lineEnd);
    this.restOffset = end;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    this.offset = start;
    this.length = end - start;
  }
}

const UNKNOWN = 0;
const ABSENT = 1; // no line has that name
const SINGLE = 2; // one line has it, with one value
const MANY = 3;

/**
 * What is known of one header of the message at hand (Subject.messageSerial), shared by all fetches of that name. Most
 * headers have one value: then the first, the last and the only one are the same, and it is found once a message.
 */
export class HeaderMemo {
  offset = 0;
  length = 0;
  private readonly name: HeaderName;
  private readonly full: boolean;
  private readonly walk = new HeaderWalk();
  private serial = 0;
  private head: Head | null = null;
  private state = UNKNOWN;
  // The answer holds as long as no line was added and its own is untouched.
  private headerCount = 0;
  private index = 0;
  private valueOffset = 0;
  private valueLength = 0;

  constructor(name: HeaderName, full: boolean) {
    this.name = name;
    this.full = full;
  }

  /** 0: there is no such header, 1: offset and length are its one value, −1: it has several values, or may have. */
  look(serial: number, head: Head, bytes: Uint8Array): number {
    if (!this.holds(serial, head)) this.search(serial, head, bytes);
    return this.state === SINGLE ? 1 : this.state === ABSENT ? 0 : -1;
  }

  private holds(serial: number, head: Head): boolean {
    if (this.serial !== serial || this.head !== head || this.headerCount !== head.headerCount) return false;
    if (this.state !== SINGLE) return true;
    const { index } = this;
    return (
      (head.headerFlags[index]! & REMOVED) === 0 &&
      head.valueOffset[index] === this.valueOffset &&
      head.valueLength[index] === this.valueLength
    );
  }

  private search(serial: number, head: Head, bytes: Uint8Array): void {
    const { walk, name, full } = this;
    this.serial = serial;
    this.head = head;
    this.headerCount = head.headerCount;
    walk.begin();
    if (!walk.next(head, bytes, name, full)) {
      this.state = ABSENT;
      return;
    }
    const { index } = walk;
    const isSingle = (full || walk.isLineDone) && findLine(head, bytes, name, index + 1) < 0;
    this.state = isSingle ? SINGLE : MANY;
    this.index = index;
    this.valueOffset = head.valueOffset[index]!;
    this.valueLength = head.valueLength[index]!;
    this.offset = walk.offset;
    this.length = walk.length;
  }
}

const memos = new Map<string, HeaderMemo>();

/** The memo of this thread for that name; for compiling. */
export function memoOf(text: string, full: boolean): HeaderMemo {
  const key = `${full ? 'full' : 'list'} ${text.toLowerCase()}`;
  let memo = memos.get(key);
  if (memo === undefined) {
    memo = new HeaderMemo(new HeaderName(text), full);
    memos.set(key, memo);
  }
  return memo;
}
