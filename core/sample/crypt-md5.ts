// MD5 crypt, $1$ (FreeBSD's of 1994): a thousand rounds, weak today, still in many files.

import { hash as digestOf } from 'node:crypto';
import { cryptText } from './crypt-base64.ts';

const ROUNDS = 1_000;
const SALT_BYTES_MAX = 8;
const MAGIC = Buffer.from('$1$', 'latin1');
const ZERO = Buffer.alloc(1);

const ORDER = [
  [0, 6, 12, 4],
  [1, 7, 13, 4],
  [2, 8, 14, 4],
  [3, 9, 15, 4],
  [4, 10, 5, 4],
  [-1, -1, 11, 2],
] as const;

const md5 = (parts: readonly Uint8Array[]): Buffer => digestOf('md5', Buffer.concat(parts), 'buffer');

/** The hash of a password, with the salt of `setting`, which begins with `$1$`. */
export function md5Crypt(password: Uint8Array, setting: string): string {
  const rest = setting.slice(3);
  const end = rest.indexOf('$');
  const saltText = (end < 0 ? rest : rest.slice(0, end)).slice(0, SALT_BYTES_MAX);
  const salt = Buffer.from(saltText, 'latin1');
  const inner = md5([password, salt, password]);
  const parts: Uint8Array[] = [password, MAGIC, salt];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(left, 16)));
  for (let left = password.length; left > 0; left >>>= 1) parts.push((left & 1) !== 0 ? ZERO : password.subarray(0, 1));
  let digest = md5(parts);
  for (let round = 0; round < ROUNDS; round++) {
    const odd = (round & 1) !== 0;
    const mixed: Uint8Array[] = [odd ? password : digest];
    if (round % 3 !== 0) mixed.push(salt);
    if (round % 7 !== 0) mixed.push(password);
    mixed.push(odd ? digest : password);
    digest = md5(mixed);
  }
  return `$1$${saltText}$${cryptText(digest, ORDER)}`;
}
