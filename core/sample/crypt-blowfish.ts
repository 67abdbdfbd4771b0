// bcrypt, $2a$, $2b$ and $2y$ (N. Provos, D. Mazières, "A Future-Adaptable Password Scheme", 1999): Blowfish with a key
// schedule that is made slow on purpose, 2^cost times.
//
// Blowfish's tables are the digits of π behind the point; they are computed when the first hash asks for them.

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SETTING = /^\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})/;
const COST_MIN = 4;
const COST_MAX = 31;
const KEY_BYTES_MAX = 72;
const SUBKEY_COUNT = 18;
const BOX_WORDS = 1_024; // four boxes of 256
const TEXT = 'OrpheanBeholderScryDoubt';
const TEXT_ROUNDS = 64;

let piWords: Int32Array | null = null;

/** arctan(1/x) as a fixed-point number of `one`'s precision, by its series. */
function arctanInverse(x: bigint, one: bigint): bigint {
  const square = x * x;
  let power = one / x;
  let sum = power;
  let sign = -1n;
  for (let divisor = 3n; power > 0n; divisor += 2n) {
    power /= square;
    sum += (sign * power) / divisor;
    sign = -sign;
  }
  return sum;
}

/** π − 3 in words of 32 bits, by Machin's formula. */
function digitsOfPi(): Int32Array {
  if (piWords !== null) return piWords;
  const wordCount = SUBKEY_COUNT + BOX_WORDS;
  const guardBits = 64n;
  const bits = BigInt(wordCount * 32);
  const one = 1n << (bits + guardBits);
  const pi = 4n * (4n * arctanInverse(5n, one) - arctanInverse(239n, one));
  const digits = ((pi - 3n * one) >> guardBits).toString(16).padStart(wordCount * 8, '0');
  piWords = new Int32Array(wordCount);
  for (let index = 0; index < wordCount; index++) {
    piWords[index] = Number.parseInt(digits.slice(index * 8, index * 8 + 8), 16);
  }
  return piWords;
}

class Blowfish {
  private readonly keys = new Int32Array(SUBKEY_COUNT);
  private readonly boxes = new Int32Array(BOX_WORDS);
  left = 0;
  right = 0;

  constructor() {
    const pi = digitsOfPi();
    this.keys.set(pi.subarray(0, SUBKEY_COUNT));
    this.boxes.set(pi.subarray(SUBKEY_COUNT));
  }

  /** Enciphers the block in `left` and `right`. */
  encipher(): void {
    const { keys, boxes } = this;
    let left = this.left ^ keys[0]!;
    let right = this.right;
    for (let round = 1; round <= 16; round += 2) {
      right ^= this.mix(boxes, left) ^ keys[round]!;
      left ^= this.mix(boxes, right) ^ keys[round + 1]!;
    }
    this.left = right ^ keys[17]!;
    this.right = left;
  }

  private mix(boxes: Int32Array, word: number): number {
    const sum = (boxes[word >>> 24]! + boxes[256 + ((word >>> 16) & 255)]!) ^ boxes[512 + ((word >>> 8) & 255)]!;
    return (sum + boxes[768 + (word & 255)]!) | 0;
  }

  /** Makes new subkeys and boxes out of a key, and a salt of four words when there is one. */
  expand(key: Int32Array, salt: Int32Array | null): void {
    const { keys } = this;
    for (let index = 0; index < SUBKEY_COUNT; index++) keys[index]! ^= key[index]!;
    this.left = 0;
    this.right = 0;
    let saltAt = this.fill(keys, salt, 0);
    saltAt = this.fill(this.boxes, salt, saltAt);
  }

  private fill(words: Int32Array, salt: Int32Array | null, saltAt: number): number {
    let from = saltAt;
    for (let index = 0; index < words.length; index += 2) {
      if (salt !== null) {
        this.left ^= salt[from]!;
        this.right ^= salt[from + 1]!;
        from = (from + 2) & 3;
      }
      this.encipher();
      words[index] = this.left;
      words[index + 1] = this.right;
    }
    return from;
  }
}

/** The bytes over and over as `count` words. */
function cycled(bytes: Uint8Array, count: number): Int32Array {
  const words = new Int32Array(count);
  for (let index = 0; index < count * 4; index++) {
    const word = index >> 2;
    words[word] = (words[word]! << 8) | bytes[index % bytes.length]!;
  }
  return words;
}

/** The hash of a password; null: the setting is none of this form. */
export function bcrypt(password: Uint8Array, setting: string): string | null {
  const parsed = SETTING.exec(setting);
  if (parsed === null) return null;
  const cost = Number(parsed[1]);
  if (cost < COST_MIN || cost > COST_MAX) return null;
  const saltBytes = decode(parsed[2]!, 16);
  const salt = cycled(saltBytes, 4);
  // The zero behind a password belongs to its key.
  const keyBytes = new Uint8Array(Math.min(password.length + 1, KEY_BYTES_MAX));
  keyBytes.set(password.subarray(0, keyBytes.length));
  const key = cycled(keyBytes, SUBKEY_COUNT);
  const saltKey = cycled(saltBytes, SUBKEY_COUNT);

  const cipher = new Blowfish();
  cipher.expand(key, salt);
  for (let round = 2 ** cost; round > 0; round--) {
    cipher.expand(key, null);
    cipher.expand(saltKey, null);
  }
  return `${setting.slice(0, 7)}${encode(saltBytes)}${encode(encipherText(cipher).subarray(0, 23))}`;
}

function encipherText(cipher: Blowfish): Uint8Array {
  const words = cycled(Buffer.from(TEXT, 'latin1'), 6);
  for (let index = 0; index < words.length; index += 2) {
    cipher.left = words[index]!;
    cipher.right = words[index + 1]!;
    for (let round = 0; round < TEXT_ROUNDS; round++) cipher.encipher();
    words[index] = cipher.left;
    words[index + 1] = cipher.right;
  }
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setInt32(index * 4, word);
  });
  return bytes;
}

/** bcrypt's base64: the usual order of bits, its own alphabet, no padding. */
function encode(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const count = Math.min(bytes.length - at, 3) + 1;
    for (let index = 0; index < count; index++) text += ALPHABET[(group >>> (18 - 6 * index)) & 63]!;
  }
  return text;
}

function decode(text: string, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (const char of text) {
    bits = (bits << 6) | ALPHABET.indexOf(char);
    bitCount += 6;
    if (bitCount < 8 || at === count) continue;
    bitCount -= 8;
    bytes[at++] = (bits >>> bitCount) & 255;
  }
  return bytes;
}
