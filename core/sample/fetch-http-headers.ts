// Fetches of header lines (manual §7.3.6): one value, all of them, how many, as number or address, and whole heads.
//
// Which value: an occurrence counts from the first (1) or from the last (−1). Without one, an ACL is given all values in
// turn and everybody else the last. `hdr` splits lines at their commas, `fhdr` does not.

import { writeBytes } from '../base/text.ts';
import { HEADER_REMOVED, type Head } from '../http/message.ts';
import type { Arg } from '../model/language.ts';
import { type HeaderMemo, HeaderName, HeaderWalk, memoOf } from './http-header-walk.ts';
import { bytesOf, headOf, isRaw, SIDE_EITHER, SIDE_REQUEST, SIDE_RESPONSE } from './http-message.ts';
import { ADDRESS_IPV4, ADDRESS_NONE, readAddress, readInt } from './http-values.ts';
import type { Fetch, FetchRow, Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import type { Trash } from './trash.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const OCCURRENCE_MIN = -10; // HAProxy remembers that many values when it counts from the last
const COLON = 0x3a;
const SPACE = 0x20;
const CR = 13;
const LF = 10;

const noValue: Fetch = () => false;

/** The value a fetch was asked for, its place kept from call to call. */
class HeaderFetch {
  private readonly side: number;
  private readonly name: HeaderName;
  private readonly occurrence: number;
  private readonly full: boolean;
  private readonly walk = new HeaderWalk();
  private readonly memo: HeaderMemo | null; // null: a certain occurrence, or of any header

  constructor(side: number, args: readonly Arg[], full: boolean) {
    this.side = side;
    const [name, occurrence] = args;
    const text = name?.kind === 'str' ? name.text : '';
    this.name = new HeaderName(text);
    this.occurrence = occurrence?.kind === 'sint' ? occurrence.value : 0;
    this.full = full;
    this.memo = text !== '' && this.occurrence === 0 ? memoOf(text, full) : null;
  }

  fetch(subject: Subject, sample: Sample): boolean {
    sample.more = false;
    const head = headOf(this.side, subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    const { walk, memo } = this;
    if (memo !== null && subject.messageSerial !== 0 && sample.cursor === 0 && !isRaw(head)) {
      const known = memo.look(subject.messageSerial, head, bytes);
      if (known === 0) return false;
      if (known === 1) {
        sample.setBytes(types.TYPE_STR, bytes, memo.offset, memo.length);
        return true;
      }
    }
    if (this.occurrence === 0 && subject.iterate) {
      if (sample.cursor === 0) walk.begin();
      if (!walk.next(head, bytes, this.name, this.full)) return false;
      sample.cursor = 1;
      sample.more = true;
    } else if (!walk.pick(head, bytes, this.name, this.occurrence === 0 ? -1 : this.occurrence, this.full)) {
      return false;
    }
    sample.setBytes(types.TYPE_STR, bytes, walk.offset, walk.length);
    return true;
  }
}

function value(side: number, full: boolean): FetchRow['compile'] {
  return (args) => {
    if (args.length === 0) return noValue;
    const state = new HeaderFetch(side, args, full);
    return (subject, sample) => state.fetch(subject, sample);
  };
}

function number(side: number): FetchRow['compile'] {
  return (args) => {
    if (args.length === 0) return noValue;
    const state = new HeaderFetch(side, args, false);
    return (subject, sample) => {
      if (!state.fetch(subject, sample)) return false;
      sample.setInt(readInt(sample.bytes, sample.offset, sample.length));
      return true;
    };
  };
}

const ipv4 = { word: 0 };

/** An ACL passes over values that are no addresses; a single value that is none is no value. */
function address(side: number): FetchRow['compile'] {
  return (args) => {
    if (args.length === 0) return noValue;
    const state = new HeaderFetch(side, args, false);
    return (subject, sample) => {
      while (state.fetch(subject, sample)) {
        if (setAddress(sample, subject.trash)) return true;
        if (!sample.more) return false;
      }
      return false;
    };
  };
}

function setAddress(sample: Sample, trash: Trash): boolean {
  const at = trash.take();
  const kind = readAddress(sample.bytes, sample.offset, sample.length, ipv4, trash.bytes, at);
  if (kind === ADDRESS_NONE) return false;
  if (kind === ADDRESS_IPV4) sample.setIpv4(ipv4.word);
  else sample.setBytes(types.TYPE_IPV6, trash.bytes, at, 16);
  return true;
}

function count(side: number, full: boolean): FetchRow['compile'] {
  return (args) => {
    const name = new HeaderName(args[0]?.kind === 'str' ? args[0].text : '');
    const walk = new HeaderWalk();
    return (subject, sample) => {
      const head = headOf(side, subject, sample);
      if (head === null) return false;
      sample.setInt(walk.count(head, bytesOf(subject, head), name, full));
      return true;
    };
  };
}

/** The separator a name list is asked for: the first byte of the argument, a comma without one. */
export function separatorOf(args: readonly Arg[]): number {
  const arg = args[0];
  if (arg?.kind !== 'str') return 0x2c;
  return arg.text === '' ? 0 : arg.text.charCodeAt(0) & 255;
}

function names(side: number): FetchRow['compile'] {
  return (args) => {
    const separator = separatorOf(args);
    return (subject, sample) => {
      const head = headOf(side, subject, sample);
      if (head === null) return false;
      const { trash } = subject;
      const start = trash.take();
      const end = writeNames(head, bytesOf(subject, head), separator, trash, start);
      if (end < 0) return false;
      sample.setBytes(types.TYPE_STR, trash.bytes, start, end - start);
      return true;
    };
  };
}

function writeNames(head: Head, bytes: Uint8Array, separator: number, trash: Trash, start: number): number {
  const limit = start + trash.chunkBytes;
  let at = start;
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const length = head.nameLength[index]!;
    if (at + length + 1 > limit) return -1;
    if (at > start) trash.bytes[at++] = separator;
    at = writeBytes(trash.bytes, at, bytes, head.nameOffset[index]!, length);
  }
  return at;
}

/** All lines as they would be sent, and the empty line. */
function text(side: number): FetchRow['compile'] {
  return () => (subject, sample) => {
    const head = headOf(side, subject, sample);
    if (head === null) return false;
    const { trash } = subject;
    const start = trash.take();
    const end = writeLines(head, bytesOf(subject, head), trash, start);
    if (end < 0) return false;
    sample.setBytes(types.TYPE_STR, trash.bytes, start, end - start);
    return true;
  };
}

function writeLines(head: Head, bytes: Uint8Array, trash: Trash, start: number): number {
  const limit = start + trash.chunkBytes - 2;
  const out = trash.bytes;
  let at = start;
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    if (at + head.nameLength[index]! + head.valueLength[index]! + 4 > limit) return -1;
    at = writeBytes(out, at, bytes, head.nameOffset[index]!, head.nameLength[index]!);
    out[at++] = COLON;
    out[at++] = SPACE;
    at = writeBytes(out, at, bytes, head.valueOffset[index]!, head.valueLength[index]!);
    out[at++] = CR;
    out[at++] = LF;
  }
  out[at++] = CR;
  out[at++] = LF;
  return at;
}

/** All lines as SPOE sends them: each name and value behind its length, two zero lengths at the end. */
function binary(side: number): FetchRow['compile'] {
  return () => (subject, sample) => {
    const head = headOf(side, subject, sample);
    if (head === null) return false;
    const { trash } = subject;
    const start = trash.take();
    const end = writeBinary(head, bytesOf(subject, head), trash, start);
    if (end < 0) return false;
    sample.setBytes(types.TYPE_BIN, trash.bytes, start, end - start);
    return true;
  };
}

function writeBinary(head: Head, bytes: Uint8Array, trash: Trash, start: number): number {
  const limit = start + trash.chunkBytes;
  const out = trash.bytes;
  let at = start;
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const nameLength = head.nameLength[index]!;
    const valueLength = head.valueLength[index]!;
    // Two lengths of at most five bytes each, and the two zeroes at the end.
    if (at + nameLength + valueLength + 12 > limit) return -1;
    at = writeBytes(out, writeLength(out, at, nameLength), bytes, head.nameOffset[index]!, nameLength);
    at = writeBytes(out, writeLength(out, at, valueLength), bytes, head.valueOffset[index]!, valueLength);
  }
  if (at + 2 > limit) return -1;
  out[at++] = 0;
  out[at++] = 0;
  return at;
}

/** SPOE's numbers: one byte below 240, else four bits of it in the first byte and seven in each further one. */
function writeLength(out: Uint8Array, at: number, length: number): number {
  let next = at;
  if (length < 240) {
    out[next++] = length;
    return next;
  }
  out[next++] = (length & 255) | 240;
  let rest = (length - 240) >>> 4;
  while (rest >= 128) {
    out[next++] = (rest & 255) | 128;
    rest = (rest - 128) >>> 7;
  }
  out[next++] = rest;
  return next;
}

function checkOccurrence(args: readonly Arg[]): string | null {
  const occurrence = args[1];
  if (occurrence?.kind !== 'sint' || occurrence.value >= OCCURRENCE_MIN) return null;
  return `header occurrence must be >= ${OCCURRENCE_MIN}`;
}

const { TYPE_ADDR, TYPE_BIN, TYPE_SINT, TYPE_STR, USE_HRQHV, USE_HRSHV } = types;
const NAME_AND_OCCURRENCE: Signature = { kinds: ['str', 'sint'], min: 0 };
const ONE_TEXT: Signature = { kinds: ['str'], min: 0 };
const NOTHING: Signature = { kinds: [], min: 0 };

const USES = [USE_HRQHV, USE_HRSHV, USE_HRQHV | USE_HRSHV];

function one(name: string, side: number, out: number, compile: FetchRow['compile']): FetchRow {
  return { name, args: NAME_AND_OCCURRENCE, out, uses: USES[side]!, check: checkOccurrence, compile };
}

function all(name: string, side: number, args: Signature, out: number, compile: FetchRow['compile']): FetchRow {
  return { name, args, out, uses: USES[side]!, compile };
}

/** The four that `hdr`, `req.hdr`, `res.hdr` and `shdr` have in common. */
function family(prefix: string, side: number): FetchRow[] {
  return [
    all(`${prefix}_cnt`, side, ONE_TEXT, TYPE_SINT, count(side, false)),
    one(`${prefix}_ip`, side, TYPE_ADDR, address(side)),
    one(`${prefix}_val`, side, TYPE_SINT, number(side)),
  ];
}

/** Those that `req.` and `res.` have in common. */
function messageFamily(prefix: string, side: number): FetchRow[] {
  return [
    one(`${prefix}.hdr`, side, TYPE_STR, value(side, false)),
    ...family(`${prefix}.hdr`, side),
    one(`${prefix}.fhdr`, side, TYPE_STR, value(side, true)),
    all(`${prefix}.fhdr_cnt`, side, ONE_TEXT, TYPE_SINT, count(side, true)),
    all(`${prefix}.hdr_names`, side, ONE_TEXT, TYPE_STR, names(side)),
    all(`${prefix}.hdrs`, side, NOTHING, TYPE_BIN, text(side)),
    all(`${prefix}.hdrs_bin`, side, NOTHING, TYPE_BIN, binary(side)),
  ];
}

export const httpHeaderFetches: readonly FetchRow[] = [
  one('hdr', SIDE_EITHER, TYPE_STR, value(SIDE_EITHER, false)),
  ...family('hdr', SIDE_REQUEST),
  ...messageFamily('req', SIDE_REQUEST),
  ...messageFamily('res', SIDE_RESPONSE),
  one('shdr', SIDE_RESPONSE, TYPE_STR, value(SIDE_RESPONSE, false)),
  ...family('shdr', SIDE_RESPONSE),
];
