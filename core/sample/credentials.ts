// Who is in a userlist with which password (manual §3.4): the check behind http_auth.
//
// A hashed password costs milliseconds to verify, so this thread remembers answers, good and bad ones apart and a bounded
// number of each: a flood of wrong passwords must not push the right ones out. What is remembered is a digest with a
// random key, never the password.

import { hash as digestOf, randomBytes } from 'node:crypto';
import type { Userlist } from '../model/language.ts';
import { cryptMatches, PASSWORD_BYTES_MAX } from './crypt.ts';

const ANSWER_COUNT_MAX = 4_096;
const KEY_BYTES = 32;

interface User {
  readonly name: Uint8Array;
  readonly password: Uint8Array;
  readonly hash: string; // '' for a plain password
  readonly plain: boolean;
}

/** The oldest goes when the set is full. */
class BoundedSet {
  private readonly values = new Set<string>();

  has(value: string): boolean {
    return this.values.has(value);
  }

  add(value: string): void {
    if (this.values.size >= ANSWER_COUNT_MAX) {
      for (const oldest of this.values) {
        this.values.delete(oldest);
        break;
      }
    }
    this.values.add(value);
  }
}

const right = new BoundedSet();
const wrong = new BoundedSet();
const room = new Uint8Array(KEY_BYTES + 4 + PASSWORD_BYTES_MAX);
room.set(randomBytes(KEY_BYTES));
const roomWords = new DataView(room.buffer);
let userCount = 0;

const known = new WeakMap<Userlist, Credentials>();

/** The one object of this thread for that userlist, however many expressions ask it. */
export function credentialsOf(list: Userlist): Credentials {
  let credentials = known.get(list);
  if (credentials === undefined) {
    credentials = new Credentials(list);
    known.set(list, credentials);
  }
  return credentials;
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export class Credentials {
  private readonly users: readonly User[];
  private readonly firstUser: number; // this list's users have numbers of their own among all of the thread

  constructor(list: Userlist) {
    this.firstUser = userCount;
    userCount += list.users.length;
    this.users = list.users.map((user) => ({
      name: latin1(user.name),
      password: latin1(user.password),
      hash: user.isHashed ? user.password : '',
      plain: !user.isHashed,
    }));
  }

  /**
   * Is there a user with that name and password?
   * The name is bytes[nameOffset, + nameLength), the password bytes[offset, + length).
   */
  check(bytes: Uint8Array, nameOffset: number, nameLength: number, offset: number, length: number): boolean {
    const index = this.find(bytes, nameOffset, nameLength);
    if (index < 0) return false;
    const user = this.users[index]!;
    return user.plain
      ? isSecret(bytes, offset, length, user.password)
      : verify(bytes, offset, length, this.firstUser + index, user.hash);
  }

  private find(bytes: Uint8Array, offset: number, length: number): number {
    for (let index = 0; index < this.users.length; index++) {
      const { name } = this.users[index]!;
      if (name.length !== length) continue;
      let at = 0;
      while (at < length && name[at] === bytes[offset + at]) at++;
      if (at === length) return index;
    }
    return -1;
  }
}

/** Compares without telling by its time where the first difference is. */
function isSecret(bytes: Uint8Array, offset: number, length: number, secret: Uint8Array): boolean {
  let difference = length ^ secret.length;
  for (let at = 0; at < length; at++) difference |= bytes[offset + at]! ^ (secret[at] ?? 0);
  return difference === 0;
}

function verify(bytes: Uint8Array, offset: number, length: number, user: number, hash: string): boolean {
  if (length > PASSWORD_BYTES_MAX) return false;
  roomWords.setUint32(KEY_BYTES, user);
  for (let at = 0; at < length; at++) room[KEY_BYTES + 4 + at] = bytes[offset + at]!;
  const answer = digestOf('sha256', room.subarray(0, KEY_BYTES + 4 + length), 'binary');
  if (right.has(answer)) return true;
  if (wrong.has(answer)) return false;
  const matches = cryptMatches(bytes.slice(offset, offset + length), hash);
  (matches ? right : wrong).add(answer);
  return matches;
}
