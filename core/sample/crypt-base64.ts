// The base64 of crypt(3): six bits a character, the lowest first.

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `count` characters of a number of up to 24 bits. */
export function cryptDigits(value: number, count: number): string {
  let text = '';
  let rest = value;
  for (let index = 0; index < count; index++) {
    text += ALPHABET[rest & 63]!;
    rest >>>= 6;
  }
  return text;
}

/**
 * A digest in crypt's order.
 * @param order three byte numbers for each four characters, highest first; −1 stands for a zero
 */
export function cryptText(digest: Uint8Array, order: readonly (readonly [number, number, number, number])[]): string {
  const byte = (index: number): number => (index < 0 ? 0 : digest[index]!);
  return order.map(([a, b, c, count]) => cryptDigits((byte(a) << 16) | (byte(b) << 8) | byte(c), count)).join('');
}
