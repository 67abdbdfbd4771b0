// Byte classes of HTTP/1 (RFC 9110 §5.6.2, RFC 9112 §3) as tables: one load decides about one byte.

export const HT = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const COMMA = 44;
export const SLASH = 47;
export const COLON = 58;

/** The lower-case form of a token byte; 0 for a byte that no token holds. */
export const TOKEN_LOWER = new Uint8Array(256);
/** The lower-case form of any byte. */
export const LOWER = new Uint8Array(256);
/** 1 for bytes of a request target: visible ASCII but `#` (HAProxy lets `" < > \ ^ { }` pass too). */
export const TARGET = new Uint8Array(256);
/** 1 for bytes of a field value: everything but NUL, CR and LF. */
export const VALUE = new Uint8Array(256);
/** 1 for bytes of a request target that relaxed limits let pass. */
export const TARGET_RELAXED = new Uint8Array(256);
/** 1 for bytes that may stand in a version word. */
export const VERSION = new Uint8Array(256);
/** 1 for the bytes that an authority or Host value never holds; brackets are judged by their place. */
export const AUTHORITY_SUSPECT = new Uint8Array(256);
/** The value of a hexadecimal digit, 255 for other bytes. */
export const HEX = new Uint8Array(256).fill(255);

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";
const AUTHORITY_MARKS = ',#/?@[\\]';

for (let byte = 0; byte < 256; byte++) {
  const upper = byte >= 65 && byte <= 90;
  const lower = byte >= 97 && byte <= 122;
  const digit = byte >= 48 && byte <= 57;
  LOWER[byte] = upper ? byte + 32 : byte;
  if (upper || lower || digit) TOKEN_LOWER[byte] = LOWER[byte]!;
  TARGET[byte] = byte >= 33 && byte <= 126 && byte !== 35 ? 1 : 0;
  TARGET_RELAXED[byte] = byte >= 33 && byte !== 127 ? 1 : 0;
  VALUE[byte] = byte === 0 || byte === CR || byte === LF ? 0 : 1;
  VERSION[byte] = upper || digit || byte === 46 || byte === SLASH ? 1 : 0;
  AUTHORITY_SUSPECT[byte] = byte < 33 || byte > 126 ? 1 : 0;
  if (digit) HEX[byte] = byte - 48;
  else if ((byte >= 65 && byte <= 70) || (byte >= 97 && byte <= 102)) HEX[byte] = (byte & 31) + 9;
}
for (let index = 0; index < TOKEN_MARKS.length; index++) {
  TOKEN_LOWER[TOKEN_MARKS.charCodeAt(index)] = TOKEN_MARKS.charCodeAt(index);
}
for (let index = 0; index < AUTHORITY_MARKS.length; index++) {
  AUTHORITY_SUSPECT[AUTHORITY_MARKS.charCodeAt(index)] = 1;
}

/** Are these two stretches of `bytes` the same text but for the case of letters? */
export function equalText(bytes: Uint8Array, a: number, aLength: number, b: number, bLength: number): boolean {
  if (aLength !== bLength) return false;
  for (let index = 0; index < aLength; index++) {
    if (LOWER[bytes[a + index]!] !== LOWER[bytes[b + index]!]) return false;
  }
  return true;
}

/** Is this stretch of `bytes` that word (given in lower case), but for the case of letters? */
export function equalWord(bytes: Uint8Array, offset: number, length: number, word: Uint8Array): boolean {
  if (length !== word.length) return false;
  for (let index = 0; index < length; index++) {
    if (LOWER[bytes[offset + index]!] !== word[index]) return false;
  }
  return true;
}

/** The bytes of an ASCII word; for tables made at boot. */
export function wordOf(text: string): Uint8Array {
  const word = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) word[index] = text.charCodeAt(index);
  return word;
}
