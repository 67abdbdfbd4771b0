// Where scheme, authority and path of a request target stand (RFC 9112 §3.2, RFC 3986 §3), as HAProxy's URI parser sees
// them: it asks only for the first letter and the next slash, so that anything is some target.

const SLASH = 0x2f;
const ASTERISK = 0x2a;
const COLON = 0x3a;
const AT = 0x40;

export class UriParts {
  hasScheme = false;
  /** The host and port, without user information; empty when the target has none. */
  authorityStart = 0;
  authorityEnd = 0;
  /** First byte of the path (the query belongs to it), −1 when there is no path: `*`, authority form, `http://host`. */
  pathStart = -1;

  /** Looks at bytes[from, to). */
  parse(bytes: Uint8Array, from: number, to: number): void {
    this.hasScheme = false;
    this.authorityStart = from;
    this.authorityEnd = from;
    this.pathStart = -1;
    if (from === to || bytes[from] === ASTERISK) return;
    if (bytes[from] === SLASH) {
      this.pathStart = from;
      return;
    }
    const schemeEnd = endOfScheme(bytes, from, to);
    this.hasScheme = schemeEnd > from;
    let at = schemeEnd;
    this.authorityStart = schemeEnd;
    while (at < to && bytes[at] !== SLASH) if (bytes[at++] === AT) this.authorityStart = at;
    this.authorityEnd = at;
    if (this.hasScheme && at < to) this.pathStart = at;
  }
}

/** The end of `scheme://` at `from`; `from` itself when there is none. */
function endOfScheme(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  if (!isAlpha(bytes[at]!)) return from;
  while (at < to && isSchemeByte(bytes[at]!)) at++;
  if (at + 3 > to) return from;
  return bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH ? at + 3 : from;
}

function isAlpha(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isSchemeByte(byte: number): boolean {
  return isAlpha(byte) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
