// Aliases of the request line and of what was captured (manual §8.2.6, §8.6, §8.8).

import { asciiBytes } from '../base/text.ts';
import { type FormatAlias, recordOf, type WriteAlias } from './format-alias.ts';
import { ESCAPE_HEADER, ESCAPE_URI } from './format-encode.ts';
import { OPTION_QUOTE } from './format-options.ts';
import type { FormatWriter } from './format-writer.ts';
import { indexOfByte, pathEnd, pathOffset } from './http-uri.ts';
import { WAIT_REQUEST, WAIT_REQUEST_HEADERS, WAIT_RESPONSE_HEADERS } from './log-origin.ts';
import { noteRequestLineUse } from './request-line-use.ts';
import type { Linker } from './rows.ts';
import type { CaptureStore, Subject, TextCell } from './subject.ts';
import { NO_BYTES } from './types.ts';

const HASH = 0x23;
const SPACE = 0x20;
const QUESTION_MARK = 0x3f;
const PIPE = 0x7c;
const DASH = 0x2d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const BAD_REQUEST = asciiBytes('<BADREQ>');
const HTTP_09 = asciiBytes('HTTP/0.9');

/** A part of the request line bytes[0, length), into `part`; false: the line has none, it is a bad one. */
type FindPart = (line: Uint8Array, length: number) => boolean;

const part: { bytes: Uint8Array; offset: number; length: number } = { bytes: NO_BYTES, offset: 0, length: 0 };

function setPart(bytes: Uint8Array, from: number, end: number): boolean {
  part.bytes = bytes;
  part.offset = from;
  part.length = end - from;
  return true;
}

const whole: FindPart = (line, length) => setPart(line, 0, length);

const method: FindPart = (line, length) => {
  const end = indexOfByte(line, 0, length, SPACE);
  return end < length && setPart(line, 0, end);
};

/** Where the target begins; -1: there is none. */
function targetOffset(line: Uint8Array, length: number): number {
  const blank = indexOfByte(line, 0, length, SPACE);
  return blank < length ? blank + 1 : -1;
}

const target: FindPart = (line, length) => {
  const from = targetOffset(line, length);
  return from >= 0 && setPart(line, from, indexOfByte(line, from, length, SPACE));
};

/** Up to the query, with scheme and authority when it has them. */
const targetPath: FindPart = (line, length) => {
  const from = targetOffset(line, length);
  return from >= 0 && setPart(line, from, pathEnd(line, from, indexOfByte(line, from, length, SPACE)));
};

const path: FindPart = (line, length) => {
  const from = targetOffset(line, length);
  if (from < 0) return false;
  const end = indexOfByte(line, from, length, SPACE);
  const at = pathOffset(line, from, end);
  return at < 0 ? setPart(line, from, from) : setPart(line, at, pathEnd(line, at, end));
};

/** From the first question mark on. */
const query: FindPart = (line, length) => {
  const from = indexOfByte(line, 0, length, QUESTION_MARK);
  return setPart(line, from, indexOfByte(line, from, length, SPACE));
};

const version: FindPart = (line, length) => {
  const from = targetOffset(line, length);
  if (from < 0) return false;
  const blank = indexOfByte(line, from, length, SPACE);
  return blank + 1 < length ? setPart(line, blank + 1, length) : setPart(HTTP_09, 0, HTTP_09.length);
};

function ofRequestLine(find: FindPart): WriteAlias {
  return (subject, writer) => {
    const { requestLine, requestLineLength } = recordOf(subject);
    if (requestLineLength === 0 || !find(requestLine, requestLineLength)) setPart(BAD_REQUEST, 0, BAD_REQUEST.length);
    return writer.beginText() && writer.encoded(part.bytes, part.offset, part.length, HASH, ESCAPE_URI);
  };
}

// Captures

type StoreOf = (subject: Subject) => CaptureStore | null;

const requestStore: StoreOf = ({ stream }) => stream?.requestCaptures ?? null;
const responseStore: StoreOf = ({ stream }) => stream?.responseCaptures ?? null;

function writeCapture(writer: FormatWriter, store: CaptureStore, slot: number): boolean {
  return writer.encoded(store.bytesOf(slot), 0, Math.max(store.lengthOf(slot), 0), HASH, ESCAPE_HEADER, true);
}

/** `{first|second}`; nothing at all in a frontend that captures nothing. */
function captures(of: StoreOf): WriteAlias {
  return (subject, writer) => {
    const store = of(subject);
    if (store === null || store.count === 0) return true;
    if (!writer.beginText() || !writer.char(OPENING_BRACE)) return false;
    for (let slot = 0; slot < store.count; slot++) {
      if (slot > 0 && !writer.char(PIPE)) return false;
      if (store.lengthOf(slot) >= 0 && !writeCapture(writer, store, slot)) return false;
    }
    return writer.char(CLOSING_BRACE);
  };
}

/** One text after the other, `-` for none. */
function captureList(of: StoreOf): WriteAlias {
  return (subject, writer) => {
    const store = of(subject);
    if (store === null || store.count === 0) return true;
    if (!writer.beginList()) return false;
    for (let slot = 0; slot < store.count; slot++) {
      if (slot > 0 && !writer.nextInList()) return false;
      if (!writer.beginText()) return false;
      if (store.lengthOf(slot) >= 0) {
        if (!writeCapture(writer, store, slot)) return false;
      } else if ((writer.options & OPTION_QUOTE) === 0 && !writer.char(DASH)) return false;
      if (!writer.endText()) return false;
    }
    return writer.endList();
  };
}

function cookie(of: (subject: Subject) => TextCell | null): WriteAlias {
  return (subject, writer) => {
    const cell = of(subject);
    return cell === null || cell.length < 0 ? writer.text(NO_BYTES, 0, 0) : writer.text(cell.bytes, 0, cell.length);
  };
}

function lineRow(name: string, find: FindPart): FormatAlias {
  const write = ofRequestLine(find);
  const compile = (linker: Linker): WriteAlias => {
    noteRequestLineUse(linker);
    return write;
  };
  return { name, http: true, uses: 0, waits: WAIT_REQUEST, compile };
}

function row(name: string, http: boolean, waits: number, write: WriteAlias): FormatAlias {
  return { name, http, uses: 0, waits, compile: () => write };
}

export const httpAliases: readonly FormatAlias[] = [
  lineRow('r', whole),
  lineRow('HM', method),
  lineRow('HU', target),
  lineRow('HP', targetPath),
  lineRow('HPO', path),
  lineRow('HQ', query),
  lineRow('HV', version),
  row('hr', false, WAIT_REQUEST_HEADERS, captures(requestStore)),
  row('hrl', false, WAIT_REQUEST_HEADERS, captureList(requestStore)),
  row('hs', false, WAIT_RESPONSE_HEADERS, captures(responseStore)),
  row('hsl', false, WAIT_RESPONSE_HEADERS, captureList(responseStore)),
  row(
    'CC',
    true,
    WAIT_REQUEST_HEADERS,
    cookie(({ stream }) => stream?.clientCookie ?? null),
  ),
  row(
    'CS',
    true,
    WAIT_RESPONSE_HEADERS,
    cookie(({ stream }) => stream?.serverCookie ?? null),
  ),
];
