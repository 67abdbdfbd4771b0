// crypt(3): whether a password belongs to a hash of a userlist (manual §3.4). The forms in use: SHA-512 ($6$), SHA-256
// ($5$), Blowfish ($2a$, $2b$, $2y$), MD5 ($1$) and the old DES one; the text is made anew and compared, as crypt's users do.
//
// Slow by design: a millisecond or many. Who asks per request keeps the answers (sample/credentials).

import { bcrypt } from './crypt-blowfish.ts';
import { desCrypt } from './crypt-des.ts';
import { md5Crypt } from './crypt-md5.ts';
import { shaCrypt } from './crypt-sha.ts';

/** libcrypt refuses longer passwords; without a bound one request could keep a thread busy for long. */
export const PASSWORD_BYTES_MAX = 511;

/** Forms that libcrypt knows and that are not made here: extended DES, yescrypt, scrypt, PBKDF1, SunMD5, NT. */
const FOREIGN = /^(_|\$(y|gy|sm3|sm3y|7|3|sha1|md5)[$,])/;

/** Characters that no hash has; libcrypt refuses them wherever they stand. */
const BAD = /[^\x21-\x7e]|[!*:;\\]/;

/** Is this a hash that crypt(3) may know and this program does not? Texts that are no hashes at all just never match. */
export function isForeignHash(hash: string): boolean {
  return FOREIGN.test(hash);
}

const BCRYPT_COST = /^(\$2[aby]\$)([0-9]{2})(?=\$)/;
const SHA_ROUNDS = /^(\$[56]\$rounds=)([0-9]{4,9})(?=\$)/;
const COST_MEASURED = 6;
const ROUNDS_MEASURED = 2_000;

/**
 * For hashes that name how much work they take: a setting of less work, and how many times that one the hash itself takes.
 * So the time a hash costs can be told without spending it. null: it takes the usual work of its kind.
 */
export function lighterSetting(hash: string): { setting: string; factor: number } | null {
  const cost = BCRYPT_COST.exec(hash);
  if (cost !== null) {
    const bits = Number(cost[2]);
    const measured = Math.min(bits, COST_MEASURED);
    return {
      setting: hash.replace(BCRYPT_COST, `$1${String(measured).padStart(2, '0')}`),
      factor: 2 ** (bits - measured),
    };
  }
  const rounds = SHA_ROUNDS.exec(hash);
  if (rounds === null) return null;
  return {
    setting: hash.replace(SHA_ROUNDS, `$1${ROUNDS_MEASURED}`),
    factor: Number(rounds[2]) / ROUNDS_MEASURED,
  };
}

/** The password's hash with the parameters that `setting` begins with (a whole hash is one); null: it is no setting. */
export function crypt(password: Uint8Array, setting: string): string | null {
  if (password.length > PASSWORD_BYTES_MAX || BAD.test(setting)) return null;
  if (setting.startsWith('$6$')) return shaCrypt(password, setting, 'sha512');
  if (setting.startsWith('$5$')) return shaCrypt(password, setting, 'sha256');
  if (setting.startsWith('$1$')) return md5Crypt(password, setting);
  if (setting.startsWith('$2')) return bcrypt(password, setting);
  return desCrypt(password, setting);
}

/** Does this password have this hash? */
export function cryptMatches(password: Uint8Array, hash: string): boolean {
  return hash !== '' && crypt(password, hash) === hash;
}
