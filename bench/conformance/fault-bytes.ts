// Bytes that both ends of a fault test know: byte i of a body depends on i alone, so that any part that is lost,
// doubled or exchanged shows.

const PERIOD = 65_521; // a prime: no buffer size divides it
const once = Buffer.from(Array.from({ length: PERIOD }, (_, index) => (index * 31 + (index >> 8) * 7) & 255));

/** The first `length` bytes, or `length` bytes from `from` on. */
export function pattern(length: number, from = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const start = (from + at) % PERIOD;
    at += once.copy(bytes, at, start, Math.min(PERIOD, start + length - at));
  }
  return bytes;
}

/** Is this the pattern from byte `from` on? */
export function isPattern(bytes: Buffer, from: number): boolean {
  return bytes.equals(pattern(bytes.length, from));
}
