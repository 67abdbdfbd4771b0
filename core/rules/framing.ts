// What becomes of Content-Length and Transfer-Encoding after rules: they describe the body as it was received, and the body
// is forwarded as it was received, so that no rule may make them say something else (RFC 9112 §6.3; else one message could be
// taken for two). Found by trying HAProxy 3.4:
//
//   a line that the body does not need is left out      set-header transfer-encoding on a body with a length, and so on
//   a line that a rule spelled differently is put right  transfer-encoding always says `chunked`
//   the needed line is gone, request                     the body is dropped, `content-length: 0` is sent
//   the needed line is gone, response                    the body ends with the connection
//   another length than the body's                       internal error. (HAProxy sends a length that is too long and then
//                                                        waits or closes; weir refuses that one, too.)
//   the status says that there is no body                the body is dropped
//
// settleFraming is called once, after the last rule and before the head is written, by who ran rules on it.

import {
  HEAD_CHUNKED,
  HEAD_CLOSE_DELIMITED,
  HEAD_LENGTH,
  HEAD_NO_BODY,
  HEAD_TUNNEL,
  HEADER_CONNECTION,
  HEADER_CONTENT_LENGTH,
  HEADER_TRANSFER_ENCODING,
  type Head,
} from '../http/message.ts';
import { HeaderName } from '../sample/http-header-walk.ts';
import type { Subject } from '../sample/subject.ts';
import { addLineOf, copyText, elementEnd, trimEnd, trimStart } from './edit.ts';

export const FRAMING_KEPT = 0; // forward the body as it was received
export const FRAMING_DROP_BODY = 1; // send the head; what follows in this message goes nowhere
export const FRAMING_UNTIL_CLOSE = 2; // responses: no length is said, close after the last byte
export const FRAMING_BROKEN = 3; // answer 500: the head contradicts the body

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const CHUNKED = ascii('chunked');
const CLOSE = ascii('close');
const NULL_LENGTH = ascii('0');
const CONTENT_LENGTH = new HeaderName('content-length');

/** Makes the lines agree with the body; answers what is to be done with it. */
export function settleFraming(subject: Subject, head: Head, ofResponse: boolean): number {
  if ((head.flags & HEAD_TUNNEL) !== 0) {
    removeAdded(head, HEADER_CONTENT_LENGTH, true);
    removeAdded(head, HEADER_TRANSFER_ENCODING, true);
    return FRAMING_KEPT;
  }
  const verdict = (head.flags & HEAD_CHUNKED) !== 0 ? settleChunked(subject, head) : settleLength(subject, head);
  if (verdict === FRAMING_BROKEN) return FRAMING_BROKEN;
  if (ofResponse && head.status === 204) removeAdded(head, HEADER_TRANSFER_ENCODING, false);
  if (verdict === FRAMING_DROP_BODY) return ofResponse ? FRAMING_UNTIL_CLOSE : dropBody(subject, head);
  const forbidsBody = ofResponse && (head.status < 200 || head.status === 204 || head.status === 304);
  return forbidsBody && (head.flags & HEAD_NO_BODY) === 0 ? FRAMING_DROP_BODY : FRAMING_KEPT;
}

/** Has a rule put `close` into a Connection line? Then the connection this head goes out on ends after its message. */
export function saysClose(subject: Subject, head: Head): boolean {
  for (let index = head.find(HEADER_CONNECTION, 0); index >= 0; index = head.find(HEADER_CONNECTION, index + 1)) {
    if (!isAdded(head, index)) continue;
    const end = head.valueOffset[index]! + head.valueLength[index]!;
    for (let from = head.valueOffset[index]!; from < end; ) {
      const to = elementEnd(subject.bytes, from, end);
      const start = trimStart(subject.bytes, from, to);
      if (isWord(subject.bytes, start, trimEnd(subject.bytes, start, to), CLOSE)) return true;
      from = to + 1;
    }
  }
  return false;
}

function isWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let at = 0; at < word.length; at++) if ((bytes[from + at]! | 0x20) !== word[at]) return false;
  return true;
}

function dropBody(subject: Subject, head: Head): number {
  const added = addLineOf(subject, head, CONTENT_LENGTH, NULL_LENGTH, 0, 1, false);
  return added ? FRAMING_DROP_BODY : FRAMING_BROKEN;
}

/** The first transfer-encoding line says `chunked`, no other length is said; FRAMING_DROP_BODY: no such line is left. */
function settleChunked(subject: Subject, head: Head): number {
  for (let at = head.find(HEADER_CONTENT_LENGTH, 0); at >= 0; at = head.find(HEADER_CONTENT_LENGTH, at + 1)) {
    if (lengthOf(subject.bytes, head, at) < 0) return FRAMING_BROKEN;
    head.removeHeader(at);
  }
  const index = head.find(HEADER_TRANSFER_ENCODING, 0);
  if (index < 0) return FRAMING_DROP_BODY;
  for (let more = head.find(HEADER_TRANSFER_ENCODING, index + 1); more >= 0; ) {
    if (isAdded(head, more)) head.removeHeader(more);
    more = head.find(HEADER_TRANSFER_ENCODING, more + 1);
  }
  if (!isAdded(head, index)) return FRAMING_KEPT;
  const start = subject.editAt;
  const end = copyText(subject, CHUNKED, 0, CHUNKED.length, start);
  if (end < 0) return FRAMING_BROKEN;
  head.valueOffset[index] = start;
  head.valueLength[index] = CHUNKED.length;
  subject.editAt = end;
  return FRAMING_KEPT;
}

/** As settleChunked for a body with a length, for none, and for one that ends with the connection. */
function settleLength(subject: Subject, head: Head): number {
  removeAdded(head, HEADER_TRANSFER_ENCODING, true);
  const isHeadAlone = head === subject.response && (head.flags & HEAD_NO_BODY) !== 0;
  const hasLength = (head.flags & HEAD_LENGTH) !== 0 || (isHeadAlone && hadLength(head));
  // A head without a body that could follow (HEAD, 304) may say any length; a request without a body, none but 0.
  const anyLength = isHeadAlone || (head.flags & HEAD_CLOSE_DELIMITED) !== 0;
  let seen = false;
  let index = head.find(HEADER_CONTENT_LENGTH, 0);
  for (; index >= 0; index = head.find(HEADER_CONTENT_LENGTH, index + 1)) {
    const length = isAdded(head, index) ? lengthOf(subject.bytes, head, index) : head.contentLength;
    if (length < 0) return FRAMING_BROKEN;
    if (!anyLength && length !== (hasLength ? head.contentLength : 0)) return FRAMING_BROKEN;
    if (!hasLength || seen) head.removeHeader(index);
    seen = true;
  }
  return hasLength && !seen ? FRAMING_DROP_BODY : FRAMING_KEPT;
}

/** Was a length received, whether its line is still there or not? */
function hadLength(head: Head): boolean {
  for (let index = 0; index < head.headerCount; index++) {
    if (head.headerId[index] === HEADER_CONTENT_LENGTH && !isAdded(head, index)) return true;
  }
  return false;
}

/** Takes out lines with this id; `addedOnly`: those that a rule made. */
function removeAdded(head: Head, id: number, addedOnly: boolean): void {
  for (let index = head.find(id, 0); index >= 0; index = head.find(id, index + 1)) {
    if (!addedOnly || isAdded(head, index)) head.removeHeader(index);
  }
}

/** Did a rule make this line, or its value? What was received stands in the message's own bytes. */
function isAdded(head: Head, index: number): boolean {
  const offset = head.valueOffset[index]!;
  return offset < head.startOffset || offset >= head.endOffset;
}

const LENGTH_DIGITS_MAX = 15; // below 2⁵³

/** The decimal number a line says, −1 when it is none (RFC 9110 §8.6). */
function lengthOf(bytes: Uint8Array, head: Head, index: number): number {
  const lineEnd = head.valueOffset[index]! + head.valueLength[index]!;
  const from = trimStart(bytes, head.valueOffset[index]!, lineEnd);
  const to = trimEnd(bytes, from, lineEnd);
  if (to === from || to - from > LENGTH_DIGITS_MAX) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
