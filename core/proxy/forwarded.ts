// Who the client is, told to the server in headers (manual §4.2 "option forwardfor", "option originalto",
// "option forwarded"; RFC 7239).
//
// Each is a new line after those already there, but a Forwarded that is understood is continued; the backend's
// option counts before the frontend's, and
// `if-none` only when every side that has the option says so. Order on the wire: forwarded, x-forwarded-for,
// x-original-to. Texts are written to the thread's edit space, which lasts until the head has been written.

import type { Head } from '../http/message.ts';
import { HEADER_FORWARDED, HEADER_X_FORWARDED_FOR, HEADER_X_ORIGINAL_TO } from '../http/message.ts';
import { AF_INET, AF_INET6 } from '../io/net.ts';
import { writeAddress } from './address-text.ts';
import { type Ends, endsOf } from './endpoints.ts';
import { writeForwarded, writeForwardedBy } from './forwarded-7239.ts';
import { forwardedIsValid } from './forwarded-valid.ts';
import type { Backend, ForwardHeader, Frontend } from './runtime.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Adds what the two sides' options ask for. Lines that no longer fit in the head's columns are left out. */
export function addForwarded(
  thread: ProxyThread,
  stream: Stream,
  frontend: Frontend,
  backend: Backend,
  head: Head,
): void {
  const ends = endsOf(stream);
  let at = thread.editOffset;
  if (backend.forwarded !== null) {
    const line = lineToContinue(thread, head);
    const from = line < 0 ? at : copyValue(thread, head, line, at);
    const expressions = backend.forwardedExpressions;
    const end =
      expressions === null
        ? writeForwarded(thread, backend.forwarded, ends, head, from)
        : writeForwardedBy(thread, stream, backend.forwarded, expressions, head, from);
    if (end > from && line >= 0) {
      head.valueOffset[line] = at;
      head.valueLength[line] = end - at;
      at = end;
    } else if (end > from) {
      head.addHeader(HEADER_FORWARDED, backend.forwardedName.offset, backend.forwardedName.length, at, end - at);
      at = end;
    }
  }
  const forBack = backend.forwardFor;
  const forFront = frontend.forwardFor;
  if ((forBack !== null || forFront !== null) && knowsSource(ends)) {
    at = addAddress(thread, head, forFront, forBack, HEADER_X_FORWARDED_FOR, ends, true, at);
  }
  const toBack = backend.originalTo;
  const toFront = frontend.originalTo;
  if ((toBack !== null || toFront !== null) && knowsTarget(ends)) {
    addAddress(thread, head, toFront, toBack, HEADER_X_ORIGINAL_TO, ends, false, at);
  }
}

/** Longest Forwarded value that is continued: it is copied to the edit space. */
const CONTINUED_BYTES_MAX = 2048;
const COMMA = 44;

// The last Forwarded line when all of them are understood, else -1.
function lineToContinue(thread: ProxyThread, head: Head): number {
  let last = -1;
  for (let index = head.find(HEADER_FORWARDED, 0); index >= 0; index = head.find(HEADER_FORWARDED, index + 1)) {
    const length = head.valueLength[index]!;
    if (length > CONTINUED_BYTES_MAX || !forwardedIsValid(thread.bytes, head.valueOffset[index]!, length)) return -1;
    last = index;
  }
  return last;
}

// Copies a value and a comma to `at`; returns the offset after them.
function copyValue(thread: ProxyThread, head: Head, index: number, at: number): number {
  const offset = head.valueOffset[index]!;
  const length = head.valueLength[index]!;
  thread.bytes.copyWithin(at, offset, offset + length);
  thread.bytes[at + length] = COMMA;
  return at + length + 1;
}

function knowsSource(ends: Ends): boolean {
  return ends.sourceFamily === AF_INET || ends.sourceFamily === AF_INET6;
}

function knowsTarget(ends: Ends): boolean {
  return ends.targetFamily === AF_INET || ends.targetFamily === AF_INET6;
}

function addAddress(
  thread: ProxyThread,
  head: Head,
  ofFront: ForwardHeader | null,
  ofBack: ForwardHeader | null,
  id: number,
  ends: Ends,
  source: boolean,
  at: number,
): number {
  // `except` of either side keeps the line away for the addresses it names.
  if (excepted(ofFront, ends, source) || excepted(ofBack, ends, source)) return at;
  const option = (ofBack ?? ofFront)!;
  const ifNone = (ofFront === null || ofFront.ifNone) && (ofBack === null || ofBack.ifNone);
  if (ifNone && present(thread, head, option)) return at;
  const family = source ? ends.sourceFamily : ends.targetFamily;
  const end = source
    ? writeAddress(thread.bytes, at, family, ends.source0, ends.source1, ends.source2, ends.source3)
    : writeAddress(thread.bytes, at, family, ends.target0, ends.target1, ends.target2, ends.target3);
  head.addHeader(id, option.name.offset, option.name.length, at, end - at);
  return end;
}

function present(thread: ProxyThread, head: Head, option: ForwardHeader): boolean {
  const { offset, length } = option.name;
  const bytes = thread.bytes;
  for (let index = 0; index < head.headerCount; index++) {
    if (head.nameLength[index] !== length || head.headerFlags[index] !== 0) continue;
    const name = head.nameOffset[index]!;
    let same = 0;
    while (same < length && bytes[name + same] === bytes[offset + same]) same++;
    if (same === length) return true;
  }
  return false;
}

function excepted(option: ForwardHeader | null, ends: Ends, source: boolean): boolean {
  if (option === null || option.exceptFamily === 0) return false;
  const family = source ? ends.sourceFamily : ends.targetFamily;
  if (family !== option.exceptFamily) return false;
  const { exceptMask, exceptWords } = option;
  for (let index = 0; index < exceptMask.length; index++) {
    const word = wordOf(ends, source, index);
    if ((word & exceptMask[index]!) !== exceptWords[index]) return false;
  }
  return true;
}

function wordOf(ends: Ends, source: boolean, index: number): number {
  if (index === 0) return source ? ends.source0 : ends.target0;
  if (index === 1) return source ? ends.source1 : ends.target1;
  if (index === 2) return source ? ends.source2 : ends.target2;
  return source ? ends.source3 : ends.target3;
}
