// Byte strings: how the configuration room carries text.
//
// Files are read as latin1, so that one character is one byte: `\xHH`, positions under a caret and 8-bit bytes
// then behave as in HAProxy. Names from outside (argv, environment) come in through `toBytes`, and what leaves
// for the model or the file system goes out through `fromBytes`.

const ASCII = /^[\x00-\x7f]*$/;

export function toBytes(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** UTF-8 where the bytes are UTF-8; any other bytes stay one character each. */
export function fromBytes(bytes: string): string {
  if (ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  const text = buffer.toString('utf8');
  return Buffer.from(text, 'utf8').equals(buffer) ? text : bytes;
}

export function isSpace(char: string): boolean {
  return char === ' ' || (char >= '\t' && char <= '\r');
}

export function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

export function isLetter(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z');
}

export function isWordChar(char: string): boolean {
  return isLetter(char) || isDigit(char) || char === '_';
}

export function skipSpaces(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at]!)) at++;
  return at;
}

/** The first character that a section, server or guid name must not have, '' when all are fine (manual §2.2). */
export function invalidNameChar(name: string): string | null {
  if (name === '') return '';
  for (const char of name) {
    if (!isLetter(char) && !isDigit(char) && char !== '.' && char !== ':' && char !== '_' && char !== '-') return char;
  }
  return null;
}
