// Fetches of credentials (manual §7.3.6, http_auth…): the Authorization header, Basic (RFC 7617) and Bearer (RFC 6750).

import { assert } from '../base/assert.ts';
import { asciiBytes } from '../base/text.ts';
import type { Arg } from '../model/language.ts';
import { type Credentials, credentialsOf } from './credentials.ts';
import { HeaderName, HeaderWalk } from './http-header-walk.ts';
import { bytesOf, requestOf } from './http-message.ts';
import { indexOfByte } from './http-uri.ts';
import { type Fetch, type FetchRow, type Linker, NO_ARGS, type Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import type { Trash } from './trash.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const SPACE = 0x20;
const COLON = 0x3a;
const AUTHORIZATION = new HeaderName('authorization');
const BASIC = asciiBytes('Basic');
const BEARER = asciiBytes('Bearer');

const SCHEME_NONE = 0;
const SCHEME_BASIC = 1;
const SCHEME_BEARER = 2;

/** What the header at hand says; offsets of Basic's parts are in trash.bytes, those of the token in the head's bytes. */
class Authorization {
  userOffset = 0;
  userLength = 0;
  passOffset = 0;
  passLength = 0;
  tokenOffset = 0;
  tokenLength = 0;
  private readonly walk = new HeaderWalk();

  read(subject: Subject, sample: Sample): number {
    const head = requestOf(subject, sample);
    if (head === null) return SCHEME_NONE;
    const bytes = bytesOf(subject, head);
    const { walk } = this;
    walk.begin();
    if (!walk.next(head, bytes, AUTHORIZATION, false)) return SCHEME_NONE;
    const end = walk.offset + walk.length;
    const space = indexOfByte(bytes, walk.offset, end, SPACE);
    if (space === end || space === walk.offset) return SCHEME_NONE;
    this.tokenOffset = skipSpaces(bytes, space, end);
    this.tokenLength = end - this.tokenOffset;
    if (isWord(bytes, walk.offset, space, BEARER)) return SCHEME_BEARER;
    return isWord(bytes, walk.offset, space, BASIC) && this.readBasic(bytes, subject.trash)
      ? SCHEME_BASIC
      : SCHEME_NONE;
  }

  /** `user:password` in base64. The user ends at the first colon, the password at a NUL. */
  private readBasic(bytes: Uint8Array, trash: Trash): boolean {
    const start = trash.take();
    const length = decodeBase64(bytes, this.tokenOffset, this.tokenLength, trash.bytes, start, trash.chunkBytes - 1);
    if (length < 0) return false;
    const end = indexOfByte(trash.bytes, start, start + length, 0);
    const colon = indexOfByte(trash.bytes, start, end, COLON);
    if (colon === end) return false;
    this.userOffset = start;
    this.userLength = colon - start;
    this.passOffset = colon + 1;
    this.passLength = end - colon - 1;
    return true;
  }
}

const authorization = new Authorization();

function skipSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] === SPACE) at++;
  return at;
}

/** Is bytes[from, end) this word, but for the case of letters? */
function isWord(bytes: Uint8Array, from: number, end: number, word: Uint8Array): boolean {
  if (end - from !== word.length) return false;
  for (let index = 0; index < word.length; index++) {
    if ((bytes[from + index]! | 0x20) !== (word[index]! | 0x20)) return false;
  }
  return true;
}

const PADDING = 64;
const BASE64 = new Uint8Array(256).fill(255);
const LETTERS = asciiBytes('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
for (let index = 0; index < LETTERS.length; index++) BASE64[LETTERS[index]!] = index;
BASE64[0x3d] = PADDING;

/**
 * HAProxy's strict reading: whole groups of four; a padded group may also stand in the middle. Returns the length of what
 * was written at `to`, −1 when it is no base64 or does not fit.
 */
function decodeBase64(
  bytes: Uint8Array,
  offset: number,
  length: number,
  target: Uint8Array,
  to: number,
  room: number,
): number {
  if (length % 4 !== 0 || (length / 4) * 3 > room) return -1;
  let out = to;
  for (let at = offset; at < offset + length; at += 4) {
    const first = BASE64[bytes[at]!]!;
    const second = BASE64[bytes[at + 1]!]!;
    const third = BASE64[bytes[at + 2]!]!;
    const fourth = BASE64[bytes[at + 3]!]!;
    // "X===" gives nothing and is let pass, "====" is not: as the reference does.
    if (first >= PADDING || second > PADDING || third > PADDING || fourth > PADDING) return -1;
    const padding = second === PADDING ? 3 : third === PADDING ? 2 : fourth === PADDING ? 1 : 0;
    if (padding > 1 && fourth !== PADDING) return -1;
    if (padding > 2 && third !== PADDING) return -1;
    const group = (first << 18) | ((second & 63) << 12) | ((third & 63) << 6) | (fourth & 63);
    if (padding < 3) target[out++] = group >>> 16;
    if (padding < 2) target[out++] = group >>> 8;
    if (padding < 1) target[out++] = group;
  }
  return out - to;
}

function type(subject: Subject, sample: Sample): boolean {
  const scheme = authorization.read(subject, sample);
  if (scheme === SCHEME_NONE) return false;
  const name = scheme === SCHEME_BASIC ? BASIC : BEARER;
  sample.setBytes(types.TYPE_STR, name, 0, name.length);
  return true;
}

function user(subject: Subject, sample: Sample): boolean {
  if (authorization.read(subject, sample) !== SCHEME_BASIC) return false;
  sample.setBytes(types.TYPE_STR, subject.trash.bytes, authorization.userOffset, authorization.userLength);
  return true;
}

function pass(subject: Subject, sample: Sample): boolean {
  if (authorization.read(subject, sample) !== SCHEME_BASIC) return false;
  sample.setBytes(types.TYPE_STR, subject.trash.bytes, authorization.passOffset, authorization.passLength);
  return true;
}

/** The token behind "Bearer", out of Authorization or of a header of one's own. */
function bearer(args: readonly Arg[]): Fetch {
  const [arg] = args;
  if (arg?.kind === 'str') return bearerOf(new HeaderName(arg.text));
  return (subject, sample) => {
    if (authorization.read(subject, sample) !== SCHEME_BEARER) return false;
    // Only a head of the request has one, and `read` has just found it there.
    const head = requestOf(subject, sample);
    if (head === null) return false;
    sample.setBytes(types.TYPE_STR, bytesOf(subject, head), authorization.tokenOffset, authorization.tokenLength);
    return true;
  };
}

/** Without such a header the value is an empty text, as in HAProxy. */
function bearerOf(name: HeaderName): Fetch {
  const walk = new HeaderWalk();
  return (subject, sample) => {
    const head = requestOf(subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    walk.begin();
    if (!walk.next(head, bytes, name, false)) {
      sample.setBytes(types.TYPE_STR, types.NO_BYTES, 0, 0);
      return true;
    }
    const end = walk.offset + walk.length;
    const space = indexOfByte(bytes, walk.offset, end, SPACE);
    if (!isWord(bytes, walk.offset, space, BEARER)) return false;
    const token = skipSpaces(bytes, space, end);
    sample.setBytes(types.TYPE_STR, bytes, token, end - token);
    return true;
  };
}

function credentialsFor(args: readonly Arg[], linker: Linker): Credentials {
  const arg = args[0];
  assert(arg?.kind === 'userlist', 'http_auth has a userlist');
  const list = linker.model.userlists[arg.index];
  assert(list !== undefined, 'the userlist is in the model');
  return credentialsOf(list);
}

function check(credentials: Credentials, subject: Subject): boolean {
  const { userOffset, userLength, passOffset, passLength } = authorization;
  return credentials.check(subject.trash.bytes, userOffset, userLength, passOffset, passLength);
}

function isAuthenticated(args: readonly Arg[], linker: Linker): Fetch {
  const credentials = credentialsFor(args, linker);
  return (subject, sample) => {
    if (authorization.read(subject, sample) !== SCHEME_BASIC) return false;
    sample.setBool(check(credentials, subject));
    return true;
  };
}

/** The user's name, when his password is right. (An ACL on it compares his groups: sample/acl.) */
function authenticatedUser(args: readonly Arg[], linker: Linker): Fetch {
  const credentials = credentialsFor(args, linker);
  return (subject, sample) => {
    if (authorization.read(subject, sample) !== SCHEME_BASIC || !check(credentials, subject)) return false;
    sample.setBytes(types.TYPE_STR, subject.trash.bytes, authorization.userOffset, authorization.userLength);
    return true;
  };
}

const { TYPE_BOOL, TYPE_STR, USE_HRQHV } = types;
const HEADER_NAME: Signature = { kinds: ['str'], min: 0 };
const USERLIST: Signature = { kinds: ['userlist'], min: 1 };

export const authFetches: readonly FetchRow[] = [
  { name: 'http_auth', args: USERLIST, out: TYPE_BOOL, uses: USE_HRQHV, compile: isAuthenticated },
  { name: 'http_auth_bearer', args: HEADER_NAME, out: TYPE_STR, uses: USE_HRQHV, compile: bearer },
  { name: 'http_auth_group', args: USERLIST, out: TYPE_STR, uses: USE_HRQHV, compile: authenticatedUser },
  { name: 'http_auth_pass', args: NO_ARGS, out: TYPE_STR, uses: USE_HRQHV, compile: () => pass },
  { name: 'http_auth_type', args: NO_ARGS, out: TYPE_STR, uses: USE_HRQHV, compile: () => type },
  { name: 'http_auth_user', args: NO_ARGS, out: TYPE_STR, uses: USE_HRQHV, compile: () => user },
];
