// What `capture` keeps of messages for logs and capture.* (manual §4.2 "capture", §4.4 "capture", §8.8): per stream one
// store of request captures and one of response captures, pooled by frontend; and the one cookie of `capture cookie`.

import { assert } from '../base/assert.ts';
import { writeBytes } from '../base/text.ts';
import { HEADER_COOKIE, HEADER_REMOVED, HEADER_SET_COOKIE, type Head } from '../http/message.ts';
import type { CaptureSlot, CookieCapture } from '../model/rules.ts';
import { CookieScan } from './http-cookies.ts';
import { HeaderName } from './http-header-walk.ts';
import type { CaptureStore, TextCell } from './subject.ts';
import { NO_BYTES } from './types.ts';

const EQUALS = 0x3d;
const NOTHING = -1;
const BYTES_MIN = 32; // of a slot that is used at all
const BYTES_KEPT = 1024; // larger ones are not kept for the next stream

export class Captures implements CaptureStore {
  private readonly limits: Int32Array;
  private readonly lengths: Int32Array;
  private readonly texts: Uint8Array[];

  /** @param limits bytes that each slot keeps at most */
  constructor(limits: Int32Array) {
    this.limits = limits;
    this.lengths = new Int32Array(limits.length).fill(NOTHING);
    this.texts = Array.from(limits, () => NO_BYTES);
  }

  get count(): number {
    return this.limits.length;
  }

  /** Keeps the beginning of a text, in place of what the slot held. A slot that is not there keeps nothing. */
  set(slot: number, bytes: Uint8Array, offset: number, length: number): void {
    if (slot < 0 || slot >= this.limits.length) return;
    const kept = Math.min(length, this.limits[slot]!);
    if (this.texts[slot]!.length < kept) this.texts[slot] = new Uint8Array(roomFor(kept));
    writeBytes(this.texts[slot]!, 0, bytes, offset, kept);
    this.lengths[slot] = kept;
  }

  bytesOf(slot: number): Uint8Array {
    return this.texts[slot]!;
  }

  lengthOf(slot: number): number {
    return this.lengths[slot]!;
  }

  clear(): void {
    this.lengths.fill(NOTHING);
    for (let slot = 0; slot < this.texts.length; slot++) {
      if (this.texts[slot]!.length > BYTES_KEPT) this.texts[slot] = NO_BYTES;
    }
  }
}

function roomFor(length: number): number {
  let room = BYTES_MIN;
  while (room < length) room *= 2;
  return room;
}

/** Empty stores of one frontend and direction, and which headers go into them. One a thread. */
export class CapturePool {
  private readonly limits: Int32Array;
  private readonly headers: readonly { readonly slot: number; readonly name: HeaderName }[];
  private readonly free: Captures[] = [];

  /** @param slots Proxy.requestCaptures or responseCaptures */
  constructor(slots: readonly CaptureSlot[]) {
    this.limits = Int32Array.from(slots, ({ length }) => Math.max(length, 0));
    this.headers = slots.flatMap(({ header }, slot) => (header === '' ? [] : [{ slot, name: new HeaderName(header) }]));
  }

  /** Are there any slots? Without, no store is needed. */
  get isEmpty(): boolean {
    return this.limits.length === 0;
  }

  take(): Captures {
    return this.free.pop() ?? new Captures(this.limits);
  }

  /** The stream is over, and its line logged: whoever had the store must not look at it again. */
  give(store: Captures): void {
    assert(store.count === this.limits.length, 'a store of captures came back to another pool');
    store.clear();
    this.free.push(store);
  }

  /** `capture request|response header`: of lines with the same name the last one counts, as it came. */
  captureHeaders(head: Head, bytes: Uint8Array, store: Captures): void {
    const { headers } = this;
    if (headers.length === 0) return;
    for (let index = 0; index < head.headerCount; index++) {
      if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
      for (let at = 0; at < headers.length; at++) {
        const { slot, name } = headers[at]!;
        if (!isNamed(head, bytes, index, name.text)) continue;
        store.set(slot, bytes, head.valueOffset[index]!, head.valueLength[index]!);
      }
    }
  }
}

function isNamed(head: Head, bytes: Uint8Array, index: number, name: Uint8Array): boolean {
  if (head.nameLength[index] !== name.length) return false;
  const offset = head.nameOffset[index]!;
  for (let at = 0; at < name.length; at++) if (bytes[offset + at] !== name[at]) return false;
  return true;
}

/** `capture cookie NAME len N`: the first cookie whose `name=value` begins with NAME (`NAME=` is that name alone). */
export class CookieCapturer {
  private readonly prefix: Uint8Array;
  private readonly limit: number;
  private readonly scan = new CookieScan();

  /** @param cookieBytesMax tune.http.cookielen, which no length can exceed */
  constructor(capture: CookieCapture, cookieBytesMax: number) {
    this.prefix = Uint8Array.from(Buffer.from(capture.name, 'latin1'));
    this.limit = Math.max(0, Math.min(capture.length, cookieBytesMax));
  }

  /** Fills `cell` from the Cookie lines of a request or the Set-Cookie lines of a response, unless it is filled already. */
  capture(head: Head, bytes: Uint8Array, ofResponse: boolean, cell: TextCell): void {
    const id = ofResponse ? HEADER_SET_COOKIE : HEADER_COOKIE;
    for (let index = head.find(id, 0); index >= 0 && cell.length < 0; index = head.find(id, index + 1)) {
      const end = head.valueOffset[index]! + head.valueLength[index]!;
      this.captureLine(bytes, head.valueOffset[index]!, end, ofResponse, cell);
    }
  }

  private captureLine(bytes: Uint8Array, from: number, end: number, ofResponse: boolean, cell: TextCell): void {
    const { scan } = this;
    let at = from;
    while (scan.value(bytes, at, end, NO_BYTES, !ofResponse)) {
      if (this.begins(bytes)) {
        if (cell.bytes.length < this.limit) cell.bytes = new Uint8Array(this.limit);
        const { nameLength, valueLength } = scan;
        const nameEnd = writeBytes(cell.bytes, 0, bytes, scan.nameOffset, Math.min(nameLength, this.limit));
        let length = nameEnd;
        if (length < this.limit) cell.bytes[length++] = EQUALS;
        const kept = Math.min(valueLength, this.limit - length);
        cell.length = writeBytes(cell.bytes, length, bytes, scan.valueOffset, kept);
        return;
      }
      if (ofResponse) return; // what follows are the cookie's attributes
      at = scan.next;
    }
  }

  /** Does `name=value`, without blanks around the sign, begin with the text asked for? */
  private begins(bytes: Uint8Array): boolean {
    const { prefix, scan } = this;
    const { nameOffset, nameLength, valueOffset, valueLength } = scan;
    if (prefix.length > nameLength + 1 + valueLength) return false;
    for (let index = 0; index < prefix.length; index++) {
      const byte =
        index < nameLength
          ? bytes[nameOffset + index]
          : index === nameLength
            ? EQUALS
            : bytes[valueOffset + index - nameLength - 1];
      if (byte !== prefix[index]) return false;
    }
    return true;
  }
}
