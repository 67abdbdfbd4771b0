// Parameters of query strings and of form bodies: name=value between `&`, `;` or a delimiter of one's own. Nothing is
// decoded (that is the converter url_dec's); a name must be spelt as it stands there.

const AMPERSAND = 0x26;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

export class ParamScan {
  /** The value that was found; its end is where the next search begins. */
  valueOffset = 0;
  valueEnd = 0;

  private readonly name: Uint8Array;
  private readonly ignoreCase: boolean;

  /** @param name length 0: the next parameter, whatever its name */
  constructor(name: Uint8Array, ignoreCase: boolean) {
    this.name = ignoreCase ? name.map(lower) : name;
    this.ignoreCase = ignoreCase;
  }

  /** The next parameter in bytes[from, end). */
  next(bytes: Uint8Array, from: number, end: number, delimiter: number): boolean {
    const value = this.name.length === 0 ? anyValue(bytes, from, end) : this.namedValue(bytes, from, end, delimiter);
    if (value < 0) return false;
    this.valueOffset = value;
    this.valueEnd = nextDelimiter(bytes, value, end, delimiter);
    return true;
  }

  private namedValue(bytes: Uint8Array, from: number, end: number, delimiter: number): number {
    const length = this.name.length;
    let at = from;
    while (at + length < end) {
      if (bytes[at + length] === EQUALS) {
        if (this.isName(bytes, at)) return at + length + 1;
        at += length + 1;
      }
      at = nextDelimiter(bytes, at, end, delimiter) + 1;
    }
    return -1;
  }

  private isName(bytes: Uint8Array, offset: number): boolean {
    const { name } = this;
    for (let index = 0; index < name.length; index++) {
      const byte = bytes[offset + index]!;
      if ((this.ignoreCase ? lower(byte) : byte) !== name[index]) return false;
    }
    return true;
  }
}

function anyValue(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== EQUALS) at++;
  return at < end ? at + 1 : -1;
}

function nextDelimiter(bytes: Uint8Array, from: number, end: number, delimiter: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === AMPERSAND || byte === SEMICOLON || byte === delimiter) break;
    at++;
  }
  return at;
}
