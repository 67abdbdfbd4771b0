// Variable-length integers of HAProxy's binary lists of headers (peers and SPOE use them too): one byte below 240, else four
// bits of the first byte and seven of each following one, as long as their top bit is set.

/** The bytes end before the value does. */
export const VARINT_CUT = -1;

/** Walks through bytes[at, end); reused. */
export class VarintReader {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;

  begin(bytes: Uint8Array, from: number, to: number): void {
    this.bytes = bytes;
    this.at = from;
    this.end = to;
  }

  /** Where the next `length` bytes begin, and goes past them; VARINT_CUT when there are not that many. */
  take(length: number): number {
    if (length < 0 || length > this.end - this.at) return VARINT_CUT;
    const at = this.at;
    this.at += length;
    return at;
  }
}

/** The integer at hand, or VARINT_CUT. One beyond 2⁵³ is not exact: no text is that long. */
export function readVarint(reader: VarintReader): number {
  const { bytes, end } = reader;
  let at = reader.at;
  if (at >= end) return VARINT_CUT;
  let value = bytes[at++]!;
  if (value >= 240) {
    let shift = 4;
    let byte: number;
    do {
      if (at >= end) return VARINT_CUT;
      byte = bytes[at++]!;
      value += byte * 2 ** shift;
      shift += 7;
    } while (byte >= 128);
  }
  reader.at = at;
  return value;
}
