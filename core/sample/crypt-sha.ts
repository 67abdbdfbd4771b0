// SHA-256 and SHA-512 crypt, $5$ and $6$ (U. Drepper, "Unix crypt using SHA-256 and SHA-512", 2008).

import { hash as digestOf } from 'node:crypto';
import { cryptText } from './crypt-base64.ts';

const ROUNDS_DEFAULT = 5_000;
const ROUNDS_MIN = 1_000;
const ROUNDS_MAX = 999_999_999;
const SALT_BYTES_MAX = 16;
const ROUNDS = 'rounds=';

type Algorithm = 'sha256' | 'sha512';
type Quad = readonly [number, number, number, number];

/** Four characters from each three bytes, which stand a third of the digest apart; `stride` from one turn to the next. */
function turns(count: number, stride: number): Quad[] {
  const bytes = count * 3;
  const at = (step: number, third: number): number => (step * stride + third * count) % bytes;
  return Array.from({ length: count }, (_, step) => [at(step, 0), at(step, 1), at(step, 2), 4] as const);
}

const ORDER: Record<Algorithm, readonly Quad[]> = {
  sha256: [...turns(10, 21), [-1, 31, 30, 3]],
  sha512: [...turns(21, 22), [-1, -1, 63, 2]],
};

interface Setting {
  readonly prefix: string; // with its last '$' and the salt
  readonly salt: Buffer;
  readonly rounds: number;
}

function readSetting(text: string): Setting | null {
  let rest = text.slice(3);
  let rounds = ROUNDS_DEFAULT;
  let named = '';
  if (rest.startsWith(ROUNDS)) {
    const end = rest.indexOf('$');
    const digits = rest.slice(ROUNDS.length, Math.max(end, 0));
    if (!/^[1-9][0-9]{3,8}$/.test(digits)) return null;
    rounds = Number(digits);
    if (rounds < ROUNDS_MIN || rounds > ROUNDS_MAX) return null;
    named = `${ROUNDS}${digits}$`;
    rest = rest.slice(end + 1);
  }
  const end = rest.indexOf('$');
  const salt = (end < 0 ? rest : rest.slice(0, end)).slice(0, SALT_BYTES_MAX);
  return { prefix: `${text.slice(0, 3)}${named}${salt}$`, salt: Buffer.from(salt, 'latin1'), rounds };
}

/** The hash of a password; null: the setting is none of this form. */
export function shaCrypt(password: Uint8Array, text: string, algorithm: Algorithm): string | null {
  const setting = readSetting(text);
  if (setting === null) return null;
  const { salt } = setting;
  const first = digestOf(algorithm, Buffer.concat([password, salt, password]), 'buffer');
  const parts: Uint8Array[] = [password, salt, repeated(first, password.length)];
  for (let length = password.length; length > 0; length >>>= 1) parts.push((length & 1) !== 0 ? first : password);
  const start = digestOf(algorithm, Buffer.concat(parts), 'buffer');
  const times = (bytes: Uint8Array, count: number): Buffer =>
    digestOf(algorithm, Buffer.concat(new Array<Uint8Array>(count).fill(bytes)), 'buffer');
  const passwordBytes = repeated(times(password, password.length), password.length);
  const saltBytes = repeated(times(salt, 16 + start[0]!), salt.length);
  const digest = stretch(algorithm, start, passwordBytes, saltBytes, setting.rounds);
  return setting.prefix + cryptText(digest, ORDER[algorithm]);
}

/** The first `length` bytes of the digest said over and over. */
function repeated(digest: Uint8Array, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = digest[index % digest.length]!;
  return bytes;
}

function stretch(
  algorithm: Algorithm,
  start: Uint8Array,
  password: Uint8Array,
  salt: Uint8Array,
  rounds: number,
): Uint8Array {
  const room = Buffer.alloc(start.length + salt.length + 2 * password.length);
  let digest = start;
  for (let round = 0; round < rounds; round++) {
    const odd = (round & 1) !== 0;
    let at = put(room, 0, odd ? password : digest);
    if (round % 3 !== 0) at = put(room, at, salt);
    if (round % 7 !== 0) at = put(room, at, password);
    at = put(room, at, odd ? digest : password);
    digest = digestOf(algorithm, room.subarray(0, at), 'buffer');
  }
  return digest;
}

function put(room: Uint8Array, at: number, bytes: Uint8Array): number {
  room.set(bytes, at);
  return at + bytes.length;
}
