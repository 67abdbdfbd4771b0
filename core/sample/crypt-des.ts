// The first crypt(3) of Unix: thirteen characters, a salt of two and 25 rounds of a salted DES (FIPS 46-3). Eight
// characters of the password count, seven bits each. Weak, and still in old files.
//
// Bits are array elements, as in the standard's own words: slow to modern eyes, and fast enough for half a millisecond.

import { cryptDigits } from './crypt-base64.ts';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SETTING = /^[./0-9A-Za-z]{13}$/;
const ROUNDS = 16;
const TURNS = 25;

const numbers = (text: string): Uint8Array => Uint8Array.from(text.trim().split(/\s+/), Number);

const KEY_CHOICE_1 = numbers(`
  57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36
  63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4`);
const KEY_CHOICE_2 = numbers(`
  14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2
  41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32`);
const SHIFTS = numbers('1 1 2 2 2 2 2 2 1 2 2 2 2 2 2 1');
const EXPANSION = numbers(`
  32 1 2 3 4 5 4 5 6 7 8 9 8 9 10 11 12 13 12 13 14 15 16 17
  16 17 18 19 20 21 20 21 22 23 24 25 24 25 26 27 28 29 28 29 30 31 32 1`);
const PERMUTATION = numbers(`
  16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25`);
const FINAL = numbers(`
  40 8 48 16 56 24 64 32 39 7 47 15 55 23 63 31 38 6 46 14 54 22 62 30 37 5 45 13 53 21 61 29
  36 4 44 12 52 20 60 28 35 3 43 11 51 19 59 27 34 2 42 10 50 18 58 26 33 1 41 9 49 17 57 25`);
const BOXES = [
  `14 4 13 1 2 15 11 8 3 10 6 12 5 9 0 7 0 15 7 4 14 2 13 1 10 6 12 11 9 5 3 8
   4 1 14 8 13 6 2 11 15 12 9 7 3 10 5 0 15 12 8 2 4 9 1 7 5 11 3 14 10 0 6 13`,
  `15 1 8 14 6 11 3 4 9 7 2 13 12 0 5 10 3 13 4 7 15 2 8 14 12 0 1 10 6 9 11 5
   0 14 7 11 10 4 13 1 5 8 12 6 9 3 2 15 13 8 10 1 3 15 4 2 11 6 7 12 0 5 14 9`,
  `10 0 9 14 6 3 15 5 1 13 12 7 11 4 2 8 13 7 0 9 3 4 6 10 2 8 5 14 12 11 15 1
   13 6 4 9 8 15 3 0 11 1 2 12 5 10 14 7 1 10 13 0 6 9 8 7 4 15 14 3 11 5 2 12`,
  `7 13 14 3 0 6 9 10 1 2 8 5 11 12 4 15 13 8 11 5 6 15 0 3 4 7 2 12 1 10 14 9
   10 6 9 0 12 11 7 13 15 1 3 14 5 2 8 4 3 15 0 6 10 1 13 8 9 4 5 11 12 7 2 14`,
  `2 12 4 1 7 10 11 6 8 5 3 15 13 0 14 9 14 11 2 12 4 7 13 1 5 0 15 10 3 9 8 6
   4 2 1 11 10 13 7 8 15 9 12 5 6 3 0 14 11 8 12 7 1 14 2 13 6 15 0 9 10 4 5 3`,
  `12 1 10 15 9 2 6 8 0 13 3 4 14 7 5 11 10 15 4 2 7 12 9 5 6 1 13 14 0 11 3 8
   9 14 15 5 2 8 12 3 7 0 4 10 1 13 11 6 4 3 2 12 9 5 15 10 11 14 1 7 6 0 8 13`,
  `4 11 2 14 15 0 8 13 3 12 9 7 5 10 6 1 13 0 11 7 4 9 1 10 14 3 5 12 2 15 8 6
   1 4 11 13 12 3 7 14 10 15 6 8 0 5 9 2 6 11 13 8 1 4 10 7 9 5 0 15 14 2 3 12`,
  `13 2 8 4 6 15 11 1 10 9 3 14 5 0 12 7 1 15 13 8 10 3 7 4 12 5 6 11 0 14 9 2
   7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8 2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11`,
].map(numbers);

/** Sixteen keys of 48 bits out of 64. */
function roundKeys(key: Uint8Array): Uint8Array[] {
  let left: Uint8Array = KEY_CHOICE_1.subarray(0, 28).map((bit) => key[bit - 1]!);
  let right: Uint8Array = KEY_CHOICE_1.subarray(28).map((bit) => key[bit - 1]!);
  const turned = (half: Uint8Array, by: number): Uint8Array => half.map((_, index) => half[(index + by) % 28]!);
  return Array.from({ length: ROUNDS }, (_, round) => {
    left = turned(left, SHIFTS[round]!);
    right = turned(right, SHIFTS[round]!);
    return KEY_CHOICE_2.map((bit) => (bit <= 28 ? left[bit - 1]! : right[bit - 29]!));
  });
}

/** A salt bit swaps the two bits of the expansion that stand 24 apart. */
function saltedExpansion(salt: number): Uint8Array {
  const expansion = EXPANSION.slice();
  for (let bit = 0; bit < 12; bit++) {
    if (((salt >>> bit) & 1) === 0) continue;
    expansion[bit] = EXPANSION[bit + 24]!;
    expansion[bit + 24] = EXPANSION[bit]!;
  }
  return expansion;
}

const substituted = new Uint8Array(32);

/** left ^= f(right, key) */
function mix(left: Uint8Array, right: Uint8Array, key: Uint8Array, expansion: Uint8Array): void {
  for (let box = 0; box < 8; box++) {
    let six = 0;
    for (let bit = box * 6; bit < box * 6 + 6; bit++) six = (six << 1) | (right[expansion[bit]! - 1]! ^ key[bit]!);
    const row = ((six >>> 4) & 2) | (six & 1);
    const value = BOXES[box]![row * 16 + ((six >>> 1) & 15)]!;
    for (let bit = 0; bit < 4; bit++) substituted[box * 4 + bit] = (value >>> (3 - bit)) & 1;
  }
  for (let bit = 0; bit < 32; bit++) left[bit]! ^= substituted[PERMUTATION[bit]! - 1]!;
}

/** The hash of a password with the salt that `setting`, a whole hash, begins with; null: it is no such hash. */
export function desCrypt(password: Uint8Array, setting: string): string | null {
  if (!SETTING.test(setting)) return null;
  const key = new Uint8Array(64);
  for (let index = 0; index < Math.min(password.length, 8); index++) {
    for (let bit = 0; bit < 7; bit++) key[index * 8 + bit] = (password[index]! >>> (6 - bit)) & 1;
  }
  const keys = roundKeys(key);
  const salt = ALPHABET.indexOf(setting[0]!) | (ALPHABET.indexOf(setting[1]!) << 6);
  const expansion = saltedExpansion(salt);
  // The text is all zeroes; between the turns the two permutations at the ends of DES cancel out.
  let left = new Uint8Array(32);
  let right = new Uint8Array(32);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const each of keys) {
      mix(left, right, each, expansion);
      [left, right] = [right, left];
    }
    [left, right] = [right, left];
  }
  const block = new Uint8Array(66);
  for (let bit = 0; bit < 64; bit++) {
    const from = FINAL[bit]! - 1;
    block[bit] = from < 32 ? left[from]! : right[from - 32]!;
  }
  return setting.slice(0, 2) + digits(block);
}

/** Eleven characters of six bits, the highest first. */
function digits(block: Uint8Array): string {
  let text = '';
  for (let at = 0; at < 66; at += 6) {
    let six = 0;
    for (let bit = 0; bit < 6; bit++) six = (six << 1) | block[at + bit]!;
    text += cryptDigits(six, 1);
  }
  return text;
}
