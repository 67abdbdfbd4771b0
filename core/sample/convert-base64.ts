// Base64 as HAProxy reads and writes it (RFC 4648 §4 and §5): decoders are strict about length and padding. Writes into
// room that the caller made sure of; nothing is allocated.

const PAD = 64; // the value `=` decodes to
const INVALID = 255;
const EQUALS = 0x3d;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const encodeTable = (last: string): Uint8Array => Uint8Array.from(LETTERS + last, (letter) => letter.charCodeAt(0));

function decodeTable(encode: Uint8Array, padding: number): Uint8Array {
  const table = new Uint8Array(256).fill(INVALID);
  for (let value = 0; value < 64; value++) table[encode[value]!] = value;
  table[EQUALS] = padding;
  return table;
}

const ENCODE = encodeTable('+/');
const ENCODE_URL = encodeTable('-_');
const DECODE = decodeTable(ENCODE, PAD);
const DECODE_URL = decodeTable(ENCODE_URL, 63); // HAProxy takes a `=` for a `_` there

/** Bytes of the encoded text; without padding in the URL's alphabet. */
export function encodedBytes(length: number, isUrl: boolean): number {
  return isUrl ? Math.ceil((length * 4) / 3) : Math.ceil(length / 3) * 4;
}

/** Encodes bytes[offset, offset + length) into out at `at`; returns where it ended. */
export function encodeBase64(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  isUrl: boolean,
): number {
  const table = isUrl ? ENCODE_URL : ENCODE;
  const last = offset + length - (length % 3);
  let next = at;
  for (let from = offset; from < last; from += 3) {
    const word = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    out[next] = table[word >>> 18]!;
    out[next + 1] = table[(word >>> 12) & 63]!;
    out[next + 2] = table[(word >>> 6) & 63]!;
    out[next + 3] = table[word & 63]!;
    next += 4;
  }
  const rest = length % 3;
  if (rest === 0) return next;
  const word = (bytes[last]! << 16) | (rest === 2 ? bytes[last + 1]! << 8 : 0);
  out[next++] = table[word >>> 18]!;
  out[next++] = table[(word >>> 12) & 63]!;
  if (rest === 2) out[next++] = table[(word >>> 6) & 63]!;
  if (isUrl) return next;
  if (rest === 1) out[next++] = EQUALS;
  out[next++] = EQUALS;
  return next;
}

/**
 * Decodes bytes[offset, offset + length) into out at `at`; returns the count of bytes, −1 when it is no base64. Each group of
 * four may have its padding, so that several texts may follow each other, as in HAProxy.
 */
export function decodeBase64(out: Uint8Array, at: number, bytes: Uint8Array, offset: number, length: number): number {
  if (length % 4 !== 0) return -1;
  let next = at;
  for (let from = offset; from < offset + length; from += 4) {
    const first = DECODE[bytes[from]!]!;
    const second = DECODE[bytes[from + 1]!]!;
    const third = DECODE[bytes[from + 2]!]!;
    const fourth = DECODE[bytes[from + 3]!]!;
    if (first >= PAD || second > PAD || third > PAD || fourth > PAD) return -1;
    // Once padded, padded to the end; a single letter before it stands for nothing.
    if ((second === PAD && third !== PAD) || (third === PAD && fourth !== PAD)) return -1;
    if (second === PAD) continue;
    out[next++] = (first << 2) | (second >>> 4);
    if (third === PAD) continue;
    out[next++] = (second << 4) | (third >>> 2);
    if (fourth !== PAD) out[next++] = (third << 6) | fourth;
  }
  return next - at;
}

/** The same in the URL's alphabet, where padding is left out. The last group writes up to two bytes more than it counts. */
export function decodeBase64Url(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): number {
  const rest = length % 4;
  if (rest === 1) return -1;
  const end = offset + length;
  let next = at;
  for (let from = offset; from < end; from += 4) {
    let word = 0;
    for (let index = from; index < from + 4; index++) {
      const value = index < end ? DECODE_URL[bytes[index]!]! : 0;
      if (value === INVALID) return -1;
      word = (word << 6) | value;
    }
    out[next] = word >>> 16;
    out[next + 1] = word >>> 8;
    out[next + 2] = word;
    next += 3;
  }
  return next - at - (rest === 0 ? 0 : 4 - rest);
}
