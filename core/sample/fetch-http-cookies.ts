// Fetches of cookies (manual §7.3.6): one value, all of them, how many, their names.
//
// With a name, an ACL is given the value of every such cookie and everybody else the last; without, the first of all.

import { writeBytes } from '../base/text.ts';
import type { Head } from '../http/message.ts';
import type { Arg } from '../model/language.ts';
import { separatorOf } from './fetch-http-headers.ts';
import { CookieScan } from './http-cookies.ts';
import { HeaderName, HeaderWalk } from './http-header-walk.ts';
import { bytesOf, headOf, SIDE_EITHER, SIDE_REQUEST, SIDE_RESPONSE } from './http-message.ts';
import { readInt } from './http-values.ts';
import type { FetchRow, Signature } from './rows.ts';
import { DIRECTION_REQUEST, type Subject } from './subject.ts';
import type { Trash } from './trash.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const COOKIE = new HeaderName('cookie');
const SET_COOKIE = new HeaderName('set-cookie');

function nameBytes(args: readonly Arg[]): Uint8Array {
  return Buffer.from(args[0]?.kind === 'str' ? args[0].text : '', 'latin1');
}

class CookieFetch {
  private readonly side: number;
  private readonly name: Uint8Array;
  private readonly walk = new HeaderWalk();
  private readonly scan = new CookieScan();
  private inside = false; // scan.next stands in the header value at hand

  constructor(side: number, args: readonly Arg[]) {
    this.side = side;
    this.name = nameBytes(args);
  }

  fetch(subject: Subject, sample: Sample): boolean {
    sample.more = false;
    const head = headOf(this.side, subject, sample);
    if (head === null) return false;
    if (sample.cursor === 0) this.begin();
    const bytes = bytesOf(subject, head);
    const list = subject.direction === DIRECTION_REQUEST;
    let found = false;
    while (this.next(head, bytes, list)) {
      sample.setBytes(types.TYPE_STR, bytes, this.scan.valueOffset, this.scan.valueLength);
      found = true;
      if (subject.iterate) {
        sample.cursor = 1;
        sample.more = true;
        break;
      }
      if (this.name.length === 0) break;
    }
    return found;
  }

  count(subject: Subject, sample: Sample): boolean {
    const head = headOf(this.side, subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    let count = 0;
    this.begin();
    while (this.next(head, bytes, subject.direction === DIRECTION_REQUEST)) count++;
    sample.setInt(count);
    return true;
  }

  private begin(): void {
    this.walk.begin();
    this.inside = false;
  }

  private next(head: Head, bytes: Uint8Array, list: boolean): boolean {
    const { walk, scan, name } = this;
    for (;;) {
      if (!this.inside) {
        if (!walk.next(head, bytes, list ? COOKIE : SET_COOKIE, false)) return false;
        if (walk.length < name.length + 1) continue;
        scan.next = walk.offset;
        this.inside = true;
      }
      if (scan.value(bytes, scan.next, walk.offset + walk.length, name, list)) return true;
      this.inside = false;
    }
  }
}

function value(side: number): FetchRow['compile'] {
  return (args) => {
    const state = new CookieFetch(side, args);
    return (subject, sample) => state.fetch(subject, sample);
  };
}

function number(side: number): FetchRow['compile'] {
  return (args) => {
    const state = new CookieFetch(side, args);
    return (subject, sample) => {
      if (!state.fetch(subject, sample)) return false;
      sample.setInt(readInt(sample.bytes, sample.offset, sample.length));
      return true;
    };
  };
}

function count(side: number): FetchRow['compile'] {
  return (args) => {
    const state = new CookieFetch(side, args);
    return (subject, sample) => state.count(subject, sample);
  };
}

const walk = new HeaderWalk();
const scan = new CookieScan();

function names(side: number): FetchRow['compile'] {
  return (args) => {
    const separator = separatorOf(args);
    return (subject, sample) => {
      const head = headOf(side, subject, sample);
      if (head === null) return false;
      const { trash } = subject;
      const start = trash.take();
      const end = writeNames(head, bytesOf(subject, head), side === SIDE_REQUEST, separator, trash, start);
      if (end < 0) return false;
      sample.setBytes(types.TYPE_STR, trash.bytes, start, end - start);
      return true;
    };
  };
}

/** A Set-Cookie line is one cookie whatever its commas; a Cookie line holds many. */
function writeNames(
  head: Head,
  bytes: Uint8Array,
  ofRequest: boolean,
  separator: number,
  trash: Trash,
  start: number,
): number {
  const limit = start + trash.chunkBytes;
  let at = start;
  walk.begin();
  while (walk.next(head, bytes, ofRequest ? COOKIE : SET_COOKIE, !ofRequest)) {
    const end = walk.offset + walk.length;
    scan.next = walk.offset;
    while (scan.name(bytes, scan.next, end)) {
      if (at + scan.nameLength + 1 > limit) return -1;
      if (at > start) trash.bytes[at++] = separator;
      at = writeBytes(trash.bytes, at, bytes, scan.nameOffset, scan.nameLength);
      if (!ofRequest) break;
    }
  }
  return at;
}

const { TYPE_SINT, TYPE_STR, USE_HRQHV, USE_HRSHV } = types;
const ONE_TEXT: Signature = { kinds: ['str'], min: 0 };
const USES = [USE_HRQHV, USE_HRSHV, USE_HRQHV | USE_HRSHV];

function row(name: string, side: number, out: number, compile: FetchRow['compile']): FetchRow {
  return { name, args: ONE_TEXT, out, uses: USES[side]!, compile };
}

function family(name: string, side: number): FetchRow[] {
  return [
    row(name, side, TYPE_STR, value(side)),
    row(`${name}_cnt`, side, TYPE_SINT, count(side)),
    row(`${name}_val`, side, TYPE_SINT, number(side)),
  ];
}

export const httpCookieFetches: readonly FetchRow[] = [
  ...family('cook', SIDE_REQUEST),
  row('cookie', SIDE_EITHER, TYPE_STR, value(SIDE_EITHER)),
  ...family('req.cook', SIDE_REQUEST),
  row('req.cook_names', SIDE_REQUEST, TYPE_STR, names(SIDE_REQUEST)),
  ...family('res.cook', SIDE_RESPONSE),
  row('res.cook_names', SIDE_RESPONSE, TYPE_STR, names(SIDE_RESPONSE)),
  ...family('scook', SIDE_RESPONSE),
];
