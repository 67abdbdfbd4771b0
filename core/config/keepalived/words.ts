// A line's words (keepalived.conf(5), "Quoted strings"): split at blanks, `"…"` is one word.
//
// Scripts are split by other rules, from the raw line: both kinds of quotes, escapes, and pieces that touch are one.

import type { KeepalivedDiagnostics } from './diagnostics.ts';

const BLANKS = ' \t\f\n\r\v';

/** A line that was split. `at` ends the reading when the word is not there, as keepalived does. */
export class Words {
  readonly list: readonly string[];
  readonly raw: string; // the line, for scripts
  readonly file: string;
  readonly line: number;
  private readonly diagnostics: KeepalivedDiagnostics;

  constructor(list: readonly string[], raw: string, diagnostics: KeepalivedDiagnostics) {
    this.list = list;
    this.raw = raw;
    this.file = diagnostics.file;
    this.line = diagnostics.line;
    this.diagnostics = diagnostics;
  }

  get count(): number {
    return this.list.length;
  }

  /** The word at `index`; 0 is the keyword. */
  at(index: number): string {
    const word = this.list[index];
    if (word !== undefined) return word;
    const before = index > 0 ? this.list[index - 1] : undefined;
    const after = before === undefined ? '' : ` after keyword \`${before}\``;
    const start = `*** Configuration line starting \`${this.list[0] ?? '***MISSING ***'}\` is missing a parameter`;
    return this.diagnostics.stop(`${start}${after} at word position ${index + 1}`);
  }
}

/** Splits `text`. `openQuoteAllowed`: the second word will be split again from the raw line. */
export function splitWords(text: string, diagnostics: KeepalivedDiagnostics, openQuoteAllowed: boolean): string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && BLANKS.includes(text[at]!)) at++;
    if (at >= text.length) return words;
    if (text[at] === '"') {
      const close = text.indexOf('"', at + 1);
      if (close < 0) {
        if (!openQuoteAllowed || words.length < 2) diagnostics.warning(`Unmatched quote: '${text}'`);
        return words;
      }
      words.push(text.slice(at + 1, close));
      at = close + 1;
      continue;
    }
    const start = at;
    while (at < text.length && text[at] !== '"' && !BLANKS.includes(text[at]!)) at++;
    words.push(text.slice(start, at));
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Splits with quotes and escapes; null after a mistake, told, or when there is nothing. */
export function splitEscaped(text: string, diagnostics: KeepalivedDiagnostics): string[] | null {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && BLANKS.includes(text[at]!)) at++;
    if (at >= text.length) return words.length === 0 ? null : words;
    let word = '';
    let quote = '';
    for (; at < text.length; ) {
      const char = text[at]!;
      if (char === '\\') {
        if (at + 1 >= text.length) {
          diagnostics.notice(`Missing escape char at end: '${text}'`);
          return null;
        }
        const escape = readEscape(text, at + 1);
        word += escape.char;
        at = escape.end;
      } else if (char === quote) {
        quote = '';
        at++;
      } else if (quote === '' && (char === '"' || char === "'")) {
        quote = char;
        at++;
      } else if (quote === '' && BLANKS.includes(char)) {
        break;
      } else {
        word += char;
        at++;
      }
    }
    if (quote !== '') {
      diagnostics.warning(`String '${text}': missing terminating ${quote}`);
      return null;
    }
    words.push(word);
  }
}

function readEscape(text: string, at: number): { char: string; end: number } {
  const hex = /^x([0-9a-fA-F]{1,2})/.exec(text.slice(at, at + 3));
  if (hex !== null) return { char: String.fromCharCode(Number.parseInt(hex[1]!, 16)), end: at + hex[0].length };
  if (text[at] === 'c' && at + 1 < text.length) {
    return { char: String.fromCharCode(text.charCodeAt(at + 1) & 0x1f), end: at + 2 };
  }
  const octal = /^[0-7]{1,3}/.exec(text.slice(at, at + 3));
  if (octal !== null) {
    return { char: String.fromCharCode(Number.parseInt(octal[0], 8) & 0xff), end: at + octal[0].length };
  }
  return { char: ESCAPES[text[at]!] ?? text[at]!, end: at + 1 };
}
