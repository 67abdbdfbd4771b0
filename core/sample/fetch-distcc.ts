// Tokens of distcc's protocol (manual §7.3.5): four letters and eight hex digits, behind some of them as many bytes.

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import { dataOf } from './fetch-aim.ts';
import type { FetchRow, Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_BIN, TYPE_SINT, USE_L6REQ, USE_L6RES } from './types.ts';

const TOKEN_BYTES = 12;

const wordOf = (text: string): number =>
  (text.charCodeAt(0) << 24) | (text.charCodeAt(1) << 16) | (text.charCodeAt(2) << 8) | text.charCodeAt(3);

const WITHOUT_BODY: readonly number[] = ['ARGC', 'DIST', 'NFIL', 'STAT', 'DONE'].map(wordOf);

/** Refuses names that are not four characters, in HAProxy's words. */
export function checkDistcc(args: readonly Arg[]): string | null {
  const name = args[0];
  return name?.kind === 'str' && name.text.length === 4 ? null : 'token name must be exactly 4 characters';
}

/** The token found: bytes of the buffer and its number. */
const found = { parameter: 0, bodyAt: 0, bodyBytes: 0 };

const hexOf = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
};

/** The given occurrence of a token (0: the first) into `found`. Bodies are skipped only when they are all there. */
function findToken(subject: Subject, sample: Sample, token: number, occurrence: number): boolean {
  const { stream } = subject;
  if (stream === null || stream.http) return false;
  const { bytes, offset, length } = dataOf(subject);
  let at = 0;
  let count = 0;
  for (;;) {
    if (at + TOKEN_BYTES > length) {
      sample.mayChange = at + TOKEN_BYTES <= roomOf(subject);
      return false;
    }
    const word = readWord(bytes, offset + at);
    let parameter = 0;
    for (let index = 4; index < TOKEN_BYTES; index++) {
      const digit = hexOf(bytes[offset + at + index]!);
      if (digit < 0) return false;
      parameter = parameter * 16 + digit;
    }
    at += TOKEN_BYTES;
    const bodyBytes = WITHOUT_BODY.includes(word) ? 0 : parameter;
    if (word === token && (++count === occurrence || occurrence === 0)) {
      found.parameter = parameter;
      found.bodyAt = at;
      found.bodyBytes = bodyBytes;
      return true;
    }
    if (bodyBytes > length - at) return false;
    at += bodyBytes;
  }
}

const readWord = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

const roomOf = ({ model }: Subject): number => model.global.bufsize - model.global.maxrewrite;

function wanted(args: readonly Arg[]): { token: number; occurrence: number } {
  const [name, occurrence] = args;
  assert(name?.kind === 'str', 'a distcc token has a name');
  return {
    token: wordOf(name.text),
    occurrence: occurrence?.kind === 'sint' ? Number(BigInt.asUintN(32, BigInt(occurrence.exact))) : 0,
  };
}

/** The token's body; one too long for the buffer is cut there, another is waited for. */
function fetchBody(subject: Subject, sample: Sample): boolean {
  const data = dataOf(subject);
  const { bodyAt, bodyBytes } = found;
  const room = roomOf(subject);
  const isCut = bodyAt + bodyBytes > room;
  const end = isCut ? room : bodyAt + bodyBytes;
  if (end > data.length && !data.complete) {
    sample.mayChange = true;
    return false;
  }
  if (isCut) sample.mayChange = true;
  sample.setBytes(TYPE_BIN, data.bytes, data.offset + bodyAt, Math.max(0, Math.min(end, data.length) - bodyAt));
  return true;
}

const TOKEN_ARGS: Signature = { kinds: ['str', 'sint'], min: 1 };
const row = { args: TOKEN_ARGS, uses: USE_L6REQ | USE_L6RES, check: checkDistcc };

export const distccFetches: readonly FetchRow[] = [
  {
    ...row,
    name: 'distcc_body',
    out: TYPE_BIN,
    compile: (args) => {
      const { token, occurrence } = wanted(args);
      return (subject, sample) => findToken(subject, sample, token, occurrence) && fetchBody(subject, sample);
    },
  },
  {
    ...row,
    name: 'distcc_param',
    out: TYPE_SINT,
    compile: (args) => {
      const { token, occurrence } = wanted(args);
      return (subject, sample) => {
        if (!findToken(subject, sample, token, occurrence)) return false;
        sample.setInt(found.parameter);
        return true;
      };
    },
  },
];
