// One line of a configuration file → words (manual §2.2 "Quoting and escaping" and §2.3 "Environment variables").
//
// Pure: the line, the environment and the pseudo variables go in; words, or the first mistake with its position,
// come out. Bytes are characters (see text.ts). Safe on hostile input: every exit is a result, the output is at
// most the line plus the values of the variables it names.

import type { Environment } from './environment.ts';
import { isDigit, isLetter, isSpace, isWordChar, skipSpaces } from './text.ts';

/** A line longer than this many words is refused (MAX_LINE_ARGS). */
export const WORD_COUNT_MAX = 64;

export type LexError = 'quote' | 'brace' | 'variable-name' | 'hexadecimal' | 'expansion' | 'too-many-words';

export interface LexResult {
  readonly words: string[];
  readonly error: LexError | null;
  readonly position: number; // of the mistake in the line; for too-many-words, of word 64 in the output
  readonly emptyPosition: number; // where the first empty word comes from; -1 none
  readonly emptyIsVariable: boolean; // it is the name of an unknown variable
}

export interface PseudoVariables {
  readonly file: string;
  readonly line: number;
  readonly section: string;
}

const SIMPLE_ESCAPES: Record<string, string> = { ' ': ' ', '\\': '\\', t: '\t', n: '\n', r: '\r', '#': '#' };

class Stop {
  readonly error: LexError;
  readonly position: number;
  constructor(error: LexError, position: number) {
    this.error = error;
    this.position = position;
  }
}

class Lexer {
  readonly words: string[] = [];
  private readonly line: string;
  private readonly environment: Environment;
  private readonly pseudo: PseudoVariables;
  private readonly comments: boolean;
  private at = 0;
  private word = '';
  private inWord = false;
  private wasInWord = false;
  private wordStart = -1; // where the current word begins in the line
  private quote = ''; // the open quote, '' outside
  private quoteAt = 0;
  private quoteEmpty = false; // nothing between the quotes so far: '' and "" still make a word
  private unknownVariableAt = -1;
  private tooMany = false;
  emptyPosition = -1;
  emptyIsVariable = false;

  constructor(line: string, environment: Environment, pseudo: PseudoVariables, comments: boolean) {
    this.line = line;
    this.environment = environment;
    this.pseudo = pseudo;
    this.comments = comments;
  }

  run(): Stop | null {
    for (;;) {
      this.wasInWord = this.inWord;
      const startedAt = this.at;
      const char = this.line[this.at];
      if (char === undefined || char === '\0' || char === '\n' || char === '\r') break;
      if (char === '#' && this.comments && this.quote === '') break;
      const stop = this.step(char, startedAt);
      if (stop !== null) return stop;
      this.turn(startedAt);
    }
    if (this.inWord) this.endWord();
    if (this.quote !== '') return new Stop('quote', this.quoteAt);
    return this.tooMany ? new Stop('too-many-words', this.outputPosition()) : null;
  }

  private step(char: string, startedAt: number): Stop | null {
    if ((char === '"' && this.quote !== "'") || (char === "'" && this.quote !== '"')) this.quoteMark(char);
    else if (char === '\\' && this.quote !== "'") return this.escape();
    else if (isSpace(char) && this.quote === '') {
      this.inWord = false;
      this.at = skipSpaces(this.line, this.at);
    } else if (char === '$' && this.quote === '"') return this.variable(startedAt);
    else {
      this.inWord = true;
      this.emit(char);
      this.at++;
    }
    return null;
  }

  private emit(char: string): void {
    this.word += char;
    this.quoteEmpty = false;
  }

  /** After a step: has a word begun or ended? */
  private turn(startedAt: number): void {
    if (!this.wasInWord && this.inWord) this.beginWord(startedAt);
    if (this.wasInWord && !this.inWord) this.endWord();
  }

  private beginWord(startedAt: number): void {
    this.wordStart = startedAt;
    if (this.words.length >= WORD_COUNT_MAX) this.tooMany = true;
  }

  private endWord(): void {
    if (this.word === '' && this.emptyPosition < 0) {
      this.emptyIsVariable = this.unknownVariableAt >= 0;
      this.emptyPosition = this.emptyIsVariable ? this.unknownVariableAt : this.wordStart;
    }
    this.words.push(this.word);
    this.word = '';
    this.quoteEmpty = false;
  }

  private quoteMark(char: string): void {
    if (this.quote === '') {
      this.quote = char;
      this.quoteAt = this.at;
      this.quoteEmpty = true;
    } else {
      if (this.quoteEmpty) this.inWord = true;
      this.quote = '';
    }
    this.at++;
  }

  private escape(): Stop | null {
    this.inWord = true;
    const next = this.line[this.at + 1] ?? '';
    if (next === 'x') {
      const digits = this.line.slice(this.at + 2, this.at + 4);
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) return new Stop('hexadecimal', this.at);
      this.emit(String.fromCharCode(Number.parseInt(digits, 16)));
      this.at += 4;
      return null;
    }
    const replacement = next === '#' && !this.comments ? undefined : SIMPLE_ESCAPES[next];
    const literal = next === "'" || next === '"' || (next === '$' && this.quote === '"');
    if (replacement !== undefined) this.emit(replacement);
    else this.emit(literal ? next : '\\');
    this.at += replacement !== undefined || literal ? 2 : 1;
    return null;
  }

  private variable(startedAt: number): Stop | null {
    this.at++;
    const braceAt = this.line[this.at] === '{' ? this.at++ : -1;
    const nameAt = this.at;
    const first = this.line[nameAt] ?? '';
    if (!isLetter(first) && first !== '_' && first !== '.') return new Stop('variable-name', nameAt);
    if (first === '.') this.at++;
    while (isWordChar(this.line[this.at] ?? '')) this.at++;
    let value = this.lookUp(this.line.slice(nameAt, this.at));
    if (value === undefined) return new Stop('variable-name', nameAt);

    let spread = false;
    if (braceAt >= 0 && this.line[this.at] === '[') {
      if (this.line.slice(this.at, this.at + 3) !== '[*]') return new Stop('expansion', this.at);
      spread = true;
      this.at += 3;
    }
    if (braceAt >= 0) {
      if (this.line[this.at] === '-') {
        const end = this.line.indexOf('}', this.at);
        if (end < 0) return new Stop('brace', braceAt);
        value ??= this.line.slice(this.at + 1, end);
        this.unknownVariableAt = -1;
        this.at = end;
      } else if (this.line[this.at] !== '}') return new Stop('brace', braceAt);
      this.at++;
    }
    this.insert(value, spread, nameAt, startedAt);
    return null;
  }

  /** null: not set; undefined: a pseudo variable that does not exist. */
  private lookUp(name: string): string | null | undefined {
    if (!name.startsWith('.')) return this.environment.get(name);
    if (name === '.LINE') return String(this.pseudo.line);
    if (name === '.FILE') return this.pseudo.file;
    return name === '.SECTION' ? this.pseudo.section : undefined;
  }

  private insert(value: string | null, spread: boolean, nameAt: number, startedAt: number): void {
    // `"${V[*]}"` of nothing makes no word at all, not even an empty one.
    if (spread) this.quoteEmpty = false;
    if (value === null) {
      if (spread) return;
      this.inWord = true;
      if (this.unknownVariableAt < 0) this.unknownVariableAt = nameAt;
      return;
    }
    this.unknownVariableAt = -1;
    let at = 0;
    while (at < value.length) {
      if (spread && isSpace(value[at]!)) {
        this.inWord = false;
        at = skipSpaces(value, at);
      } else {
        this.inWord = true;
        this.emit(value[at++]!);
      }
      this.turn(startedAt);
      this.wasInWord = this.inWord;
    }
  }

  /** Where word 64 stands when all words are written one after the other, each with its NUL. */
  private outputPosition(): number {
    let position = 0;
    for (let word = 0; word < WORD_COUNT_MAX - 1; word++) position += this.words[word]!.length + 1;
    return position;
  }
}

/** `comments` false: `#` is a character like others, as in a condition of the command line. */
export function lexLine(line: string, environment: Environment, pseudo: PseudoVariables, comments = true): LexResult {
  const lexer = new Lexer(line, environment, pseudo, comments);
  const stop = lexer.run();
  return {
    words: lexer.words,
    error: stop === null ? null : stop.error,
    position: stop === null ? 0 : stop.position,
    emptyPosition: lexer.emptyPosition,
    emptyIsVariable: lexer.emptyIsVariable,
  };
}

/**
 * Writes `word` so that lexLine gives it back as one word whatever its bytes: single quotes, and `\xHH` or an
 * escape for what they cannot hold.
 */
export function quoteWord(word: string): string {
  let out = '';
  let plain = '';
  const flush = (): void => {
    if (plain !== '') out += `'${plain}'`;
    plain = '';
  };
  for (const char of word) {
    if (char >= ' ' && char <= '~' && char !== "'") plain += char;
    else {
      flush();
      out += `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
    }
  }
  flush();
  return out === '' ? "''" : out;
}

/** A copy of `line` that can be shown in `width` columns around `position`, and where that is now. */
export function showLine(line: string, position: number, width: number): { text: string; column: number } {
  const printable = (from: number, count: number): string => {
    let out = '';
    for (let at = from; at < line.length && out.length < count; at++) {
      const char = line[at]!;
      out += isSpace(char) ? ' ' : char >= ' ' && char <= '~' ? char : '?';
    }
    return out;
  };
  if (position < width) return { text: printable(0, width), column: position };
  const shift = position - Math.floor(width / 2);
  return { text: `...${printable(shift + 3, width - 6)}...`, column: position - shift };
}

/** True when the empty word's position points at something that looks like a variable's name. */
export function looksLikeName(line: string, position: number): boolean {
  const char = line[position] ?? '';
  return isLetter(char) || isDigit(char) || char === '_';
}
