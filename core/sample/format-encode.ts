// Bytes that a log format writes otherwise than they are: which ones, and how numbers and texts look in CBOR (RFC 8949).

const DIGITS = '0123456789ABCDEF';

/** Upper case digits, by value. */
export const HEX_DIGITS = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));

/** 1 for each byte that is escaped, by byte. */
export type EscapeMap = Uint8Array;

function mapOf(test: (byte: number) => boolean): EscapeMap {
  return Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
}

const oneOf = (text: string): ((byte: number) => boolean) => {
  const codes = Array.from(text, (char) => char.charCodeAt(0));
  return (byte) => codes.includes(byte);
};

const isSpecial = oneOf('"\\]');
const isJsonSpecial = oneOf('"\\');
const isHeaderSpecial = oneOf('"#{|}');
const isUriSpecial = oneOf('"#');
const isUnprintable = (byte: number): boolean => byte < 0x20 || byte >= 0x7f;

export const ESCAPE_NOTHING = mapOf(() => false);
/** Of a PARAM-VALUE, with a backslash (RFC 5424 §6.3.3). */
export const ESCAPE_VALUE = mapOf(isSpecial);
export const ESCAPE_JSON = mapOf(isJsonSpecial);
/** Captured headers, as #XX. */
export const ESCAPE_HEADER = mapOf((byte) => isUnprintable(byte) || isHeaderSpecial(byte));
/** Request lines and their parts, as #XX. */
export const ESCAPE_URI = mapOf((byte) => isUnprintable(byte) || isUriSpecial(byte));
/** What HTTP does not allow in a field, as %XX (RFC 9110 §5.5). */
export const ESCAPE_HTTP = mapOf((byte) => (byte < 0x20 && byte !== 0x09) || byte === 0x7f);

// Major types of CBOR in the top three bits of an item's first byte, and items without an argument.
export const CBOR_UNSIGNED = 0x00;
export const CBOR_NEGATIVE = 0x20;
export const CBOR_BYTES = 0x40;
export const CBOR_TEXT = 0x60;
export const CBOR_FALSE = 0xf4;
export const CBOR_TRUE = 0xf5;
export const CBOR_NULL = 0xf6;
export const CBOR_BREAK = 0xff;
export const CBOR_ANY_LENGTH = 0x1f; // added to a major type: pieces follow until a break
export const CBOR_ARRAY_BEGIN = 0x9f;
export const CBOR_MAP_BEGIN = 0xbf;
