// Where HTTP fetches find their message: the head at hand or, in a TCP proxy, one that is parsed on the spot.
//
// A head's offsets count in bytesOf(subject, head): the arena, or the private copy a TCP proxy's bytes were parsed in
// (the parser rewrites what it reads, and those bytes go on to the server as they came). That copy is one a thread: what
// was taken from it is valid until another stream's bytes are parsed.

import { writeBytes } from '../base/text.ts';
import { parseRequestHead } from '../http/h1/parse.ts';
import { HEAD_OK, HEAD_PARTIAL, type HeadLimits, headLimits } from '../http/h1/verdict.ts';
import { Head } from '../http/message.ts';
import { DIRECTION_REQUEST, DIRECTION_RESPONSE, type Subject } from './subject.ts';
import { NO_BYTES, type Sample } from './types.ts';

/** Which message a fetch reads. EITHER: that of the rules at hand. */
export const SIDE_REQUEST = 0;
export const SIDE_RESPONSE = 1;
export const SIDE_EITHER = 2;

let rawHead: Head | null = null;
let rawLimits: HeadLimits = headLimits(16_384, 1024, 101);
let rawBytes: Uint8Array = NO_BYTES;

/** The head on that side, or null: sample.mayChange says whether there may be one later. */
export function headOf(side: number, subject: Subject, sample: Sample): Head | null {
  const direction = subject.direction;
  if (side === SIDE_RESPONSE || (side === SIDE_EITHER && direction === DIRECTION_RESPONSE)) {
    return responseOf(subject, sample);
  }
  return requestOf(subject, sample);
}

/** The request's head; in the response's rules it is gone, as in HAProxy. */
export function requestOf(subject: Subject, sample: Sample): Head | null {
  if (subject.direction !== DIRECTION_REQUEST) return null;
  return subject.request ?? absentRequest(subject, sample);
}

export function responseOf(subject: Subject, sample: Sample): Head | null {
  if (subject.direction !== DIRECTION_RESPONSE) return null;
  const head = subject.response;
  if (head === null && subject.stream !== null && subject.stream.http) sample.mayChange = true;
  return head;
}

/** What the offsets of this head count in. */
export function bytesOf(subject: Subject, head: Head): Uint8Array {
  return head === rawHead ? rawBytes : subject.bytes;
}

/** Was this head parsed from a TCP proxy's bytes? It then has no body. */
export function isRaw(head: Head): boolean {
  return head === rawHead;
}

function absentRequest(subject: Subject, sample: Sample): Head | null {
  const stream = subject.stream;
  if (stream === null) return null;
  if (stream.http) {
    sample.mayChange = true;
    return null;
  }
  return parseRaw(subject, sample);
}

function parseRaw(subject: Subject, sample: Sample): Head | null {
  const data = subject.requestData;
  if (rawHead === null) {
    const { bufsize, maxrewrite, maxhdr } = subject.model.global;
    rawHead = new Head(maxhdr);
    rawLimits = headLimits(bufsize, maxrewrite, maxhdr);
  }
  if (rawBytes.length < data.length) rawBytes = new Uint8Array(Math.max(data.length, subject.trash.chunkBytes));
  // The parser may look at a few bytes behind the end, never use them.
  writeBytes(rawBytes, 0, data.bytes, data.offset, data.length);
  rawHead.reset();
  const verdict = parseRequestHead(rawBytes, 0, data.length, rawHead, rawLimits);
  if (verdict === HEAD_OK) return rawHead;
  rawHead.reset();
  if (verdict === HEAD_PARTIAL && !data.complete) sample.mayChange = true;
  return null;
}
