// Cookies in the values of Cookie and Set-Cookie headers, found as HAProxy finds them (RFC 6265 with RFC 2965's quotes):
// name = value pairs between semicolons; pairs without "=" and names that begin with "$" are passed over.

const SEMICOLON = 0x3b;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const DOLLAR = 0x24;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 9;

export class CookieScan {
  // The pair that was found.
  nameOffset = 0;
  nameLength = 0;
  valueOffset = 0;
  valueLength = 0;
  /** Where to go on from; may be one behind the end. */
  next = 0;

  /**
   * The next cookie of that name in bytes[from, end).
   * @param name length 0: any cookie
   * @param list the value may hold several (Cookie); otherwise only the first pair is a cookie, the others its attributes
   */
  value(bytes: Uint8Array, from: number, end: number, name: Uint8Array, list: boolean): boolean {
    for (let at = from; at + name.length + 1 < end; at = this.next + 1) {
      if (!this.pair(bytes, at, end, list)) continue;
      if (name.length === 0 || this.isNamed(bytes, name)) {
        this.next++;
        return true;
      }
      if (!list) return false;
    }
    return false;
  }

  /** The next cookie whatever its name; commas are part of names here. */
  name(bytes: Uint8Array, from: number, end: number): boolean {
    for (let at = from; at + 1 < end; at = this.next + 1) {
      if (!this.pair(bytes, at, end, false)) continue;
      this.next++;
      return true;
    }
    return false;
  }

  /** Reads one pair; `next` is the delimiter that ends it. False: not a cookie. */
  private pair(bytes: Uint8Array, from: number, end: number, commaEnds: boolean): boolean {
    let at = from;
    while (at < end && isBlank(bytes[at]!)) at++;
    const nameOffset = at;
    let nameEnd = at;
    while (at < end) {
      const byte = bytes[at]!;
      // Most bytes of a name lie above all those that mean something.
      if (byte <= EQUALS && (byte === EQUALS || byte === SEMICOLON || (commaEnds && byte === COMMA))) break;
      at++;
      if (!isBlank(byte)) nameEnd = at;
    }
    this.next = at;
    if (at >= end || bytes[at] !== EQUALS) return false;
    at++;
    while (at < end && isBlank(bytes[at]!)) at++;
    this.next = valueEnd(bytes, at, end);
    let tail = this.next;
    while (tail > at && isBlank(bytes[tail - 1]!)) tail--;
    this.nameOffset = nameOffset;
    this.nameLength = nameEnd - nameOffset;
    this.valueOffset = at;
    this.valueLength = tail - at;
    return bytes[nameOffset] !== DOLLAR;
  }

  private isNamed(bytes: Uint8Array, name: Uint8Array): boolean {
    if (this.nameLength !== name.length) return false;
    for (let index = 0; index < name.length; index++) {
      if (bytes[this.nameOffset + index] !== name[index]) return false;
    }
    return true;
  }
}

/** Offset of the delimiter behind a value, quotes respected. */
function valueEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > SEMICOLON) continue;
    if (byte === SEMICOLON || byte === COMMA) return at;
    if (byte === QUOTE) return quotedValueEnd(bytes, at, end);
  }
  return end;
}

function quotedValueEnd(bytes: Uint8Array, from: number, end: number): number {
  let quoted = false;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === COMMA || byte === SEMICOLON) return at;
  }
  return end;
}
