// The cookie of a Remote Desktop client's connection request (manual §7.3.5 "req.rdp_cookie", MS-RDPBCGR §2.2.1.1).

import type { Arg } from '../model/language.ts';
import { latin1Bytes } from './fetch-aim.ts';
import type { Fetch, FetchRow, Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_SINT, TYPE_STR, USE_L6REQ } from './types.ts';

const HEADER_BYTES = 11; // TPKT and X.224, which are not looked at
const LABEL = latin1Bytes('cookie:');
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const EQUALS = 0x3d;

const isPrefix = (bytes: Uint8Array, at: number, lower: Uint8Array): boolean => {
  for (let index = 0; index < lower.length; index++) {
    const byte = bytes[at + index]!;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== lower[index]) return false;
  }
  return true;
};

/** The value of `Cookie: name=value`; `name` empty: of whatever cookie there is. */
function fetchCookie(subject: Subject, sample: Sample, name: Uint8Array): boolean {
  const { stream, requestData } = subject;
  if (stream === null || stream.http) return false;
  const { bytes } = requestData;
  const end = requestData.offset + requestData.length;
  let at = requestData.offset + HEADER_BYTES;
  if (end - at <= LABEL.length) return wait(sample);
  if (!isPrefix(bytes, at, LABEL)) return false;
  at += LABEL.length;
  while (at < end && bytes[at] === SPACE) at++;
  if (name.length > 0) {
    if (end - at <= name.length) return wait(sample);
    if (bytes[at + name.length] !== EQUALS || !isPrefix(bytes, at, name)) return false;
    at += name.length;
  } else {
    while (at < end && bytes[at] !== EQUALS) {
      if (bytes[at] === CR || bytes[at] === LF) return false;
      at++;
    }
    if (at === end) return wait(sample);
  }
  at++;
  let valueEnd = at;
  while (valueEnd < end && bytes[valueEnd] !== CR) valueEnd++;
  if (end - valueEnd < 2) return wait(sample);
  if (bytes[valueEnd + 1] !== LF) return false;
  sample.setBytes(TYPE_STR, bytes, at, valueEnd - at);
  return true;
}

function wait(sample: Sample): boolean {
  sample.mayChange = true;
  return false;
}

// Names match whatever their case.
function nameOf(args: readonly Arg[]): Uint8Array {
  const arg = args[0];
  return latin1Bytes(arg?.kind === 'str' ? arg.text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : '');
}

function compileCookie(args: readonly Arg[]): Fetch {
  const name = nameOf(args);
  return (subject, sample) => fetchCookie(subject, sample, name);
}

/** 1 or 0; no value while the bytes do not tell. */
function compileCount(args: readonly Arg[]): Fetch {
  const name = nameOf(args);
  return (subject, sample) => {
    const found = fetchCookie(subject, sample, name);
    if (sample.mayChange) return false;
    sample.setInt(found ? 1 : 0);
    return true;
  };
}

const NAME_ARG: Signature = { kinds: ['str'], min: 0 };
const row = { args: NAME_ARG, uses: USE_L6REQ };

export const rdpFetches: readonly FetchRow[] = [
  { ...row, name: 'rdp_cookie', out: TYPE_STR, compile: compileCookie },
  { ...row, name: 'rdp_cookie_cnt', out: TYPE_SINT, compile: compileCount },
  { ...row, name: 'req.rdp_cookie', out: TYPE_STR, compile: compileCookie },
  { ...row, name: 'req.rdp_cookie_cnt', out: TYPE_SINT, compile: compileCount },
];
