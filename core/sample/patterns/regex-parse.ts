// Regular expressions as PCRE2 reads them (pcre2pattern(3)), over bytes: text → tree, or PCRE2's words for what is wrong.
//
// Classes, case folding (ASCII letters only, as in the C locale) and options are settled here: what comes out are sets of
// bytes, sequences, choices and assertions. What weir cannot run (recursion, callouts, Unicode properties, most verbs) is
// refused here, in the same form as a mistake.

export type RegexNode =
  | { kind: 'set'; set: ByteSet } // one byte of these; a literal is a set of one or two
  | { kind: 'sequence'; items: readonly RegexNode[] }
  | { kind: 'choice'; options: readonly RegexNode[] }
  | { kind: 'repeat'; body: RegexNode; min: number; max: number; mode: 'greedy' | 'lazy' | 'possessive' }
  | { kind: 'group'; body: RegexNode; number: number } // 0: does not capture
  | { kind: 'atomic'; body: RegexNode }
  | { kind: 'look'; body: RegexNode; behind: boolean; negative: boolean; offset: number }
  | { kind: 'assert'; what: RegexAssert }
  | { kind: 'reference'; numbers: readonly number[]; ignoreCase: boolean } // what the first of them that is set captured
  | { kind: 'condition'; numbers: readonly number[]; yes: RegexNode; no: RegexNode }
  | { kind: 'keep' } // \K
  | { kind: 'fail' };

export type RegexAssert =
  | 'subject-start' // \A
  | 'start' // ^: as \A, but not where the caller says that the line did not begin here
  | 'line-start'
  | 'end' // $ and \Z: at the end or before a last line feed
  | 'line-end'
  | 'subject-end' // \z
  | 'word'
  | 'not-word';

/** Without bound, as `max` of a repeat. */
export const REPEAT_FOREVER = -1;

export interface RegexTree {
  root: RegexNode;
  groupCount: number; // numbered groups, without the whole match
}

export class RegexError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

export class ByteSet {
  readonly bits = new Uint32Array(8);

  static of(...bytes: readonly number[]): ByteSet {
    const set = new ByteSet();
    for (const byte of bytes) set.add(byte);
    return set;
  }

  static range(from: number, to: number): ByteSet {
    const set = new ByteSet();
    for (let byte = from; byte <= to; byte++) set.add(byte);
    return set;
  }

  add(byte: number): void {
    this.bits[byte >> 5]! |= 1 << (byte & 31);
  }

  has(byte: number): boolean {
    return ((this.bits[byte >> 5]! >>> (byte & 31)) & 1) !== 0;
  }

  addAll(other: ByteSet): void {
    for (let index = 0; index < 8; index++) this.bits[index]! |= other.bits[index]!;
  }

  not(): ByteSet {
    const set = new ByteSet();
    for (let index = 0; index < 8; index++) set.bits[index] = ~this.bits[index]!;
    return set;
  }

  /** Adds the other case of each ASCII letter. */
  fold(): void {
    for (let byte = 0x41; byte <= 0x5a; byte++) {
      if (!this.has(byte) && !this.has(byte + 32)) continue;
      this.add(byte);
      this.add(byte + 32);
    }
  }

  /** The bytes in it, ascending. */
  list(): number[] {
    return Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => this.has(byte));
  }
}

const union = (...sets: readonly ByteSet[]): ByteSet => {
  const all = new ByteSet();
  for (const set of sets) all.addAll(set);
  return all;
};

const DIGIT = ByteSet.range(0x30, 0x39);
const UPPER = ByteSet.range(0x41, 0x5a);
const LOWER = ByteSet.range(0x61, 0x7a);
const SPACE = ByteSet.of(0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20);
const WORD = union(DIGIT, UPPER, LOWER, ByteSet.of(0x5f));
const HORIZONTAL = ByteSet.of(0x09, 0x20, 0xa0);
const VERTICAL = ByteSet.of(0x0a, 0x0b, 0x0c, 0x0d, 0x85);
const ANY = ByteSet.range(0, 255);
const NOT_NEWLINE = ByteSet.of(0x0a).not();
const GRAPH = ByteSet.range(0x21, 0x7e);
const ALNUM = union(DIGIT, UPPER, LOWER);

const CLASS_ESCAPES: Readonly<Record<string, ByteSet>> = {
  ...{ d: DIGIT, D: DIGIT.not(), s: SPACE, S: SPACE.not(), w: WORD, W: WORD.not() },
  ...{ h: HORIZONTAL, H: HORIZONTAL.not(), v: VERTICAL, V: VERTICAL.not() },
};

const POSIX: Readonly<Record<string, ByteSet>> = {
  ...{ alpha: union(UPPER, LOWER), lower: LOWER, upper: UPPER, alnum: ALNUM, digit: DIGIT, word: WORD, space: SPACE },
  ...{ ascii: ByteSet.range(0, 127), blank: ByteSet.of(0x09, 0x20), graph: GRAPH, print: ByteSet.range(0x20, 0x7e) },
  cntrl: union(ByteSet.range(0, 31), ByteSet.of(127)),
  punct: GRAPH.list()
    .filter((byte) => !ALNUM.has(byte))
    .reduce((set, byte) => {
      set.add(byte);
      return set;
    }, new ByteSet()),
  xdigit: union(DIGIT, ByteSet.range(0x41, 0x46), ByteSet.range(0x61, 0x66)),
};

const CONTROL_ESCAPES: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };
const ASSERT_ESCAPES: Readonly<Record<string, RegexAssert>> = {
  ...{ A: 'subject-start', Z: 'end', z: 'subject-end', G: 'subject-start', b: 'word', B: 'not-word' },
};

// Words at the very start that only tune PCRE2's machine.
const START_OPTIONS = /^\(\*(?:NO_AUTO_POSSESS|NO_DOTSTAR_ANCHOR|NO_JIT|NO_START_OPT|LF|LIMIT_[A-Z]+=[0-9]+)\)/;

const REPEAT_MAX = 65535;
const NESTING_MAX = 250;
const NAME_LENGTH_MAX = 32;
const NODE_COUNT_MAX = 100_000;

interface Options {
  ignoreCase: boolean; // i
  multiline: boolean; // m
  dotAll: boolean; // s
  extended: boolean; // x
  extendedMore: boolean; // xx
  noCapture: boolean; // n
  ungreedy: boolean; // U
  duplicateNames: boolean; // J
}

const FALSE_OPTIONS: Options = {
  ...{ ignoreCase: false, multiline: false, dotAll: false, extended: false, extendedMore: false },
  ...{ noCapture: false, ungreedy: false, duplicateNames: false },
};

const literal = (byte: number, ignoreCase: boolean): RegexNode => {
  const set = ByteSet.of(byte);
  if (ignoreCase) set.fold();
  return { kind: 'set', set };
};

const EMPTY: RegexNode = { kind: 'sequence', items: [] };

/** @param captures false: plain parentheses only group (PCRE2_NO_AUTO_CAPTURE). Throws RegexError. */
export function parseRegex(source: string, ignoreCase: boolean, captures: boolean): RegexTree {
  return new RegexReader(source, { ...FALSE_OPTIONS, ignoreCase, noCapture: !captures }).read();
}

interface Reference {
  node: { numbers: number[] };
  name: string; // '' by number
  number: number;
  offset: number;
}

class RegexReader {
  private readonly source: string;
  private at = 0;
  private options: Options;
  private groupCount = 0;
  private groupMax = 0;
  private depth = 0;
  private nodeCount = 0;
  private readonly names = new Map<string, number[]>();
  private readonly references: Reference[] = [];

  constructor(source: string, options: Options) {
    this.source = source;
    this.options = options;
  }

  read(): RegexTree {
    for (let start = START_OPTIONS.exec(this.source); start !== null; ) {
      this.at += start[0].length;
      start = START_OPTIONS.exec(this.source.slice(this.at));
    }
    const root = this.choice();
    if (this.at < this.source.length) this.fail('unmatched closing parenthesis');
    this.resolve();
    checkLooks(root);
    return { root, groupCount: this.groupMax };
  }

  private fail(message: string, offset = this.at): never {
    throw new RegexError(message, offset);
  }

  private unsupported(what: string, offset = this.at): never {
    this.fail(`weir does not support ${what}`, offset);
  }

  private peek(text: string): boolean {
    return this.source.startsWith(text, this.at);
  }

  private take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.at += text.length;
    return true;
  }

  private get atEnd(): boolean {
    return this.at >= this.source.length;
  }

  private count<T>(node: T): T {
    if (++this.nodeCount > NODE_COUNT_MAX) this.fail('regular expression is too large');
    return node;
  }

  // Branches up to a closing parenthesis or the end. Options set inside end there.
  private choice(resetNumbers = false): RegexNode {
    const outer = this.options;
    const numberFrom = this.groupCount;
    let numberMax = numberFrom;
    const options: RegexNode[] = [];
    do {
      if (resetNumbers) this.groupCount = numberFrom;
      options.push(this.sequence());
      numberMax = Math.max(numberMax, this.groupCount);
    } while (this.take('|'));
    this.groupCount = numberMax;
    this.options = outer;
    return options.length === 1 ? options[0]! : { kind: 'choice', options };
  }

  private sequence(): RegexNode {
    const items: RegexNode[] = [];
    for (;;) {
      this.skipNothing();
      if (this.atEnd || this.peek('|') || this.peek(')')) break;
      if (this.take('\\Q')) {
        this.quoted(items);
        continue;
      }
      const node = this.atom();
      if (node === null) continue; // an option
      items.push(this.repeats(node));
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  // Between \Q and \E nothing is special; only the last byte is repeated by what follows.
  private quoted(items: RegexNode[]): void {
    const end = this.source.indexOf('\\E', this.at);
    const to = end < 0 ? this.source.length : end;
    while (this.at < to) {
      const node = this.count(literal(this.source.charCodeAt(this.at++), this.options.ignoreCase));
      if (this.at < to) items.push(node);
      else {
        this.take('\\E');
        items.push(this.repeats(node));
      }
    }
    this.take('\\E');
  }

  private skipBlanks(): void {
    if (!this.options.extended) return;
    for (;;) {
      if (/[ \t\n\v\f\r]/.test(this.source[this.at] ?? '')) this.at++;
      else if (this.peek('#')) {
        const end = this.source.indexOf('\n', this.at);
        this.at = end < 0 ? this.source.length : end + 1;
      } else return;
    }
  }

  // Assertions in parentheses may be repeated, once or not at all; the simple ones may not.
  private repeats(node: RegexNode): RegexNode {
    this.skipNothing();
    const bounds = this.quantifier();
    if (bounds === null) return node;
    if (node.kind === 'assert' || node.kind === 'keep' || node.kind === 'fail') this.notRepeatable();
    let mode: 'greedy' | 'lazy' | 'possessive' = this.options.ungreedy ? 'lazy' : 'greedy';
    if (this.take('?')) mode = this.options.ungreedy ? 'greedy' : 'lazy';
    else if (this.take('+')) mode = 'possessive';
    this.skipNothing();
    if (this.quantifier() !== null) this.notRepeatable();
    const { min, max } = bounds;
    if (node.kind === 'look') return min === 0 ? { kind: 'repeat', body: node, min: 0, max: 1, mode } : node;
    return this.count({ kind: 'repeat', body: node, min, max, mode });
  }

  // The quantifier was taken.
  private notRepeatable(): never {
    this.fail('quantifier does not follow a repeatable item', this.at - 1);
  }

  // What may stand between an item and its quantifier: comments, empty quotes.
  private skipNothing(): void {
    for (;;) {
      this.skipBlanks();
      if (this.peek('(?#')) this.comment();
      else if (!this.take('\\Q\\E') && !this.take('\\E')) return;
    }
  }

  private comment(): void {
    const end = this.source.indexOf(')', this.at + 3);
    if (end < 0) this.fail('missing ) after (?# comment', this.source.length);
    this.at = end + 1;
  }

  // `{` opens a quantifier only when a whole one stands there: {3}, {3,}, {3,7}.
  private quantifier(): { min: number; max: number } | null {
    if (this.take('*')) return { min: 0, max: REPEAT_FOREVER };
    if (this.take('+')) return { min: 1, max: REPEAT_FOREVER };
    if (this.take('?')) return { min: 0, max: 1 };
    const match = /^\{([0-9]+)(?:(,)([0-9]*))?\}/.exec(this.source.slice(this.at, this.at + 64));
    if (match === null) return null;
    const min = this.bound(match[1]!, this.at + 1);
    let max = min;
    if (match[2] !== undefined) {
      max = match[3] === '' ? REPEAT_FOREVER : this.bound(match[3]!, this.at + 2 + match[1]!.length);
    }
    this.at += match[0].length;
    if (max !== REPEAT_FOREVER && max < min) this.fail('numbers out of order in {} quantifier', this.at - 1);
    return { min, max };
  }

  private bound(digits: string, offset: number): number {
    let value = 0;
    for (let index = 0; index < digits.length; index++) {
      value = value * 10 + Number(digits[index]);
      if (value > REPEAT_MAX) this.fail('number too big in {} quantifier', offset + index + 1);
    }
    return value;
  }

  private atom(): RegexNode | null {
    const char = this.source[this.at]!;
    if (this.quantifier() !== null) this.notRepeatable();
    switch (char) {
      case '(':
        return this.parenthesis();
      case '[':
        this.at++;
        return this.count(this.characterClass());
      case '.':
        this.at++;
        return this.count({ kind: 'set', set: this.options.dotAll ? ANY : NOT_NEWLINE });
      case '^':
        this.at++;
        return { kind: 'assert', what: this.options.multiline ? 'line-start' : 'start' };
      case '$':
        this.at++;
        return { kind: 'assert', what: this.options.multiline ? 'line-end' : 'end' };
      case '\\':
        this.at++;
        return this.count(this.escape());
      default:
        this.at++;
        return this.count(literal(char.charCodeAt(0), this.options.ignoreCase));
    }
  }

  private quantifierStarts(): boolean {
    const from = this.at;
    const starts = this.quantifier() !== null;
    this.at = from;
    return starts;
  }

  // After a backslash, outside of a class.
  private escape(): RegexNode {
    if (this.atEnd) this.fail('\\ at end of pattern');
    const from = this.at;
    const char = this.source[this.at++]!;
    const set = CLASS_ESCAPES[char];
    if (set !== undefined) return { kind: 'set', set };
    const assert = ASSERT_ESCAPES[char];
    if (assert !== undefined) return { kind: 'assert', what: assert };
    if (char >= '1' && char <= '9') {
      const reference = this.numberedReference(from);
      if (reference !== null) return reference;
    }
    switch (char) {
      case 'N':
        if (this.peek('{U+')) this.fail('\\N{U+dddd} is supported only in Unicode (UTF) mode', this.at);
        if (this.peek('{') && !this.quantifierStarts()) this.unsupportedCase();
        return { kind: 'set', set: NOT_NEWLINE };
      case 'C':
        return { kind: 'set', set: ANY };
      case 'R':
        return lineBreak();
      case 'K':
        return { kind: 'keep' };
      case 'g':
        return this.groupReference();
      case 'k':
        return this.namedReference();
      case 'X':
      case 'p':
      case 'P':
        this.unsupported('Unicode properties', this.at);
    }
    return literal(this.escapedByte(char, from), this.options.ignoreCase);
  }

  private unsupportedCase(): never {
    this.fail('PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u', this.at);
  }

  // Escapes that stand for one byte, in and out of classes; `char` was taken, it stood at `from`.
  private escapedByte(char: string, from: number): number {
    const control = CONTROL_ESCAPES[char];
    if (control !== undefined) return control;
    if (char >= '0' && char <= '7') {
      const digits = /^[0-7]{1,3}/.exec(this.source.slice(from, from + 3))![0];
      this.at = from + digits.length;
      const value = Number.parseInt(digits, 8);
      if (value > 255) this.fail('octal value is greater than \\377 in 8-bit non-UTF-8 mode');
      return value;
    }
    switch (char) {
      case 'x':
        return this.hexByte();
      case 'o':
        return this.braced(8, 'octal', 'o');
      case 'c':
        return this.controlByte();
      case 'l':
      case 'L':
      case 'u':
      case 'U':
      case 'F':
        return this.unsupportedCase();
    }
    if (/[a-zA-Z0-9]/.test(char)) this.fail('unrecognized character follows \\', from);
    return char.charCodeAt(0);
  }

  private hexByte(): number {
    if (this.peek('{')) return this.braced(16, 'hex', 'x');
    const digits = /^[0-9a-fA-F]{0,2}/.exec(this.source.slice(this.at, this.at + 2))![0];
    this.at += digits.length;
    return digits === '' ? 0 : Number.parseInt(digits, 16);
  }

  private braced(base: 8 | 16, word: string, letter: string): number {
    if (!this.take('{')) this.fail(`missing opening brace after \\${letter}`, this.at - 1);
    const isDigit = base === 8 ? /[0-7]/ : /[0-9a-fA-F]/;
    let value = 0;
    const from = this.at;
    while (!this.atEnd && isDigit.test(this.source[this.at]!)) {
      value = value * base + Number.parseInt(this.source[this.at]!, base);
      this.at++;
      if (value > 255) this.fail('character code point value in \\x{} or \\o{} is too large');
    }
    if (!this.peek('}')) this.fail(`non-${word} character in \\${letter}{} (closing brace missing?)`);
    if (this.at === from) this.fail(`digits missing in \\x{} or \\o{} or \\N{U+}`);
    this.at++;
    return value;
  }

  private controlByte(): number {
    if (this.atEnd) this.fail('\\c at end of pattern');
    const code = this.source.charCodeAt(this.at);
    if (code < 32 || code > 126) this.fail('\\c must be followed by a printable ASCII character');
    this.at++;
    return (code >= 0x61 && code <= 0x7a ? code - 32 : code) ^ 0x40;
  }

  // \1 … : a reference when there are that many groups so far, or it is one digit, or starts with 8 or 9; else octal.
  private numberedReference(from: number): RegexNode | null {
    const digits = /^[0-9]+/.exec(this.source.slice(from))![0];
    const number = Number(digits);
    if (number >= 10 && digits[0]! < '8' && number > this.groupCount) return null;
    this.at = from + digits.length;
    return this.reference('', number, this.at - 1);
  }

  private reference(name: string, number: number, offset: number): RegexNode {
    const numbers: number[] = [];
    this.references.push({ node: { numbers }, name, number, offset });
    return { kind: 'reference', numbers, ignoreCase: this.options.ignoreCase };
  }

  // \g1 \g{1} \g{-1} \g{name}; \g<…> is a call.
  private groupReference(): RegexNode {
    if (this.peek('<') || this.peek("'")) this.unsupported('subroutine calls', this.at);
    const from = this.at;
    const match = /^(?:\{([-+]?[0-9]+)\}|([-+]?[0-9]+))/.exec(this.source.slice(this.at));
    if (match === null) {
      if (this.take('{')) return this.nameUntil('}');
      this.fail('a numbered reference must not be zero');
    }
    this.at += match[0].length;
    const digits = match[1] ?? match[2]!;
    let number = Number(digits);
    if (digits[0] === '-') number = this.groupCount + 1 + number;
    else if (digits[0] === '+') number = this.groupCount + number;
    if (number <= 0) this.fail('reference to non-existent subpattern', digits[0] === '-' ? from : this.at);
    return this.reference('', number, this.at - 1);
  }

  private namedReference(): RegexNode {
    for (const [open, close] of [
      ['{', '}'],
      ['<', '>'],
      ["'", "'"],
    ] as const) {
      if (this.take(open)) return this.nameUntil(close);
    }
    this.fail('\\k is not followed by a braced, angle-bracketed, or quoted name');
  }

  private nameUntil(close: string): RegexNode {
    const from = this.at;
    const name = this.name(close);
    return this.reference(name, 0, from);
  }

  /** A group's name and what closes it. */
  private name(close: string): string {
    const from = this.at;
    const first = this.source[this.at] ?? '';
    if (/[0-9]/.test(first)) this.fail('subpattern name must start with a non-digit');
    if (!/[A-Za-z_]/.test(first)) this.fail('subpattern name expected');
    while (/[A-Za-z0-9_]/.test(this.source[this.at] ?? '')) {
      this.at++;
      if (this.at - from > NAME_LENGTH_MAX) {
        this.fail(`subpattern name is too long (maximum ${NAME_LENGTH_MAX} code units)`);
      }
    }
    const name = this.source.slice(from, this.at);
    if (!this.take(close)) this.fail('syntax error in subpattern name (missing terminator?)');
    return name;
  }

  private parenthesis(): RegexNode | null {
    this.at++;
    if (this.peek('*')) return this.verb();
    if (!this.take('?')) {
      if (this.options.noCapture) return this.group(0);
      return this.group(this.nextGroup());
    }
    if (this.atEnd) this.fail('missing closing parenthesis');
    return this.special();
  }

  private nextGroup(): number {
    this.groupCount++;
    this.groupMax = Math.max(this.groupMax, this.groupCount);
    return this.groupCount;
  }

  private body(resetNumbers = false): RegexNode {
    if (++this.depth > NESTING_MAX) this.fail('parentheses are too deeply nested');
    const body = this.choice(resetNumbers);
    this.depth--;
    if (!this.take(')')) this.fail('missing closing parenthesis');
    return this.count(body);
  }

  private group(number: number): RegexNode {
    return { kind: 'group', body: this.body(), number };
  }

  // After `(?`.
  private special(): RegexNode | null {
    const from = this.at - 2;
    if (this.take(':')) return this.group(0);
    if (this.take('|')) return { kind: 'group', body: this.body(true), number: 0 };
    if (this.take('>')) return { kind: 'atomic', body: this.body() };
    if (this.take('=')) return this.look(false, false, from);
    if (this.take('!')) return this.look(false, true, from);
    if (this.take('<=')) return this.look(true, false, from);
    if (this.take('<!')) return this.look(true, true, from);
    if (this.take('P=')) return this.nameUntil(')');
    if (this.peek('P>') || this.peek('R') || this.peek('&')) this.unsupported('recursion', this.at);
    if (this.take('P<') || this.take('<')) return this.named('>');
    if (this.take("'")) return this.named("'");
    if (this.take('(')) return this.conditional();
    if (this.peek('C')) this.unsupported('callouts', this.at);
    if (/^[-+]?[0-9]/.test(this.source.slice(this.at, this.at + 2))) this.unsupported('recursion', this.at);
    return this.inlineOptions();
  }

  private look(behind: boolean, negative: boolean, offset: number): RegexNode {
    return { kind: 'look', body: this.body(), behind, negative, offset };
  }

  private named(close: string): RegexNode {
    const name = this.name(close);
    const known = this.names.get(name);
    const number = this.nextGroup();
    if (known === undefined) this.names.set(name, [number]);
    else if (known.includes(number))
      return this.group(number); // the same number after a branch reset
    else if (!this.options.duplicateNames) {
      this.fail('two named subpatterns have the same name (PCRE2_DUPNAMES not set)');
    } else known.push(number);
    return this.group(number);
  }

  // After `(?(`: only whether a group took part.
  private conditional(): RegexNode {
    const from = this.at;
    if (this.peek('?') || this.peek('*')) this.unsupported('conditions that are assertions', from);
    const digits = /^([-+]?[0-9]+)\)/.exec(this.source.slice(this.at));
    let name = '';
    let number = 0;
    if (digits !== null) {
      this.at += digits[0].length;
      number = Number(digits[1]);
      if (digits[1]![0] === '-') number = this.groupCount + 1 + number;
      else if (digits[1]![0] === '+') number = this.groupCount + number;
    } else {
      const quote = /^['<]/.exec(this.source[this.at] ?? '')?.[0] ?? '';
      this.at += quote.length;
      name = this.name(quote === '<' ? '>' : quote === "'" ? "'" : ')');
      if (quote !== '' && !this.take(')')) this.fail('missing closing parenthesis for condition');
      if (/^(?:R[0-9]*|DEFINE|VERSION)$/.test(name)) this.unsupported('recursion', from);
    }
    const numbers: number[] = [];
    this.references.push({ node: { numbers }, name, number, offset: digits === null ? from : from - 1 });
    const body = this.body();
    const options = body.kind === 'choice' ? body.options : [body];
    if (options.length > 2) {
      this.fail('conditional subpattern contains more than two branches', this.at);
    }
    return { kind: 'condition', numbers, yes: options[0]!, no: options[1] ?? EMPTY };
  }

  // (?i) (?i-s) (?^) (?i:…)
  private inlineOptions(): RegexNode | null {
    const next = { ...this.options };
    if (this.take('^')) Object.assign(next, FALSE_OPTIONS, { noCapture: this.options.noCapture });
    let value = true;
    for (;;) {
      if (this.atEnd) this.fail('missing closing parenthesis');
      const char = this.source[this.at]!;
      if (char === ')' || char === ':') break;
      if (char === '-' && value) value = false;
      else if (char === 'i') next.ignoreCase = value;
      else if (char === 'm') next.multiline = value;
      else if (char === 's') next.dotAll = value;
      else if (char === 'n') next.noCapture = value;
      else if (char === 'J') next.duplicateNames = value;
      else if (char === 'U') next.ungreedy = value;
      else if (char === 'x') {
        next.extended = value;
        next.extendedMore = value && this.source[this.at + 1] === 'x';
        if (this.source[this.at + 1] === 'x') this.at++;
      } else this.fail('unrecognized character after (? or (?-');
      this.at++;
    }
    if (this.take(')')) {
      this.options = next; // until the group around it ends
      return null;
    }
    this.at++;
    const outer = this.options;
    this.options = next;
    const node = this.group(0);
    this.options = outer;
    return node;
  }

  // (*FAIL) is all that is known.
  private verb(): RegexNode {
    const match = /^\*([A-Za-z_]*)/.exec(this.source.slice(this.at))!;
    this.at += match[0].length;
    if ((match[1] === 'F' || match[1] === 'FAIL') && this.take(')')) return { kind: 'fail' };
    if (/^(?:ACCEPT|COMMIT|PRUNE|SKIP|THEN|MARK|UTF|UCP|CR|CRLF|ANY|ANYCRLF|NUL|BSR_.*)?$/.test(match[1]!)) {
      this.unsupported(`(*${match[1]})`);
    }
    this.fail('(*VERB) not recognized or malformed');
  }

  // After `[`.
  private characterClass(): RegexNode {
    const open = this.at - 1;
    const posix = /^([:.=])[^\]\\]*?\1\]/.exec(this.source.slice(this.at));
    if (posix !== null && !posix[0].slice(1, -2).includes('[')) {
      if (posix[1] !== ':') this.fail('POSIX collating elements are not supported', open);
      this.fail('POSIX named classes are supported only within a class', open);
    }
    const negative = this.take('^');
    const set = new ByteSet();
    let first = true;
    let quoting = false;
    for (;;) {
      if (this.atEnd) this.fail('missing terminating ] for character class');
      if (quoting) {
        if (this.take('\\E')) {
          quoting = false;
          continue;
        }
      } else {
        if (this.take('\\E')) continue;
        if (this.take('\\Q')) {
          quoting = true;
          continue;
        }
        if (this.options.extendedMore && (this.take(' ') || this.take('\t'))) continue;
        if (!first && this.take(']')) break;
      }
      first = false;
      this.classItem(set, quoting);
    }
    if (this.options.ignoreCase) set.fold();
    return { kind: 'set', set: negative ? set.not() : set };
  }

  private classItem(set: ByteSet, quoting: boolean): void {
    const low = this.classAtom(quoting);
    if (quoting || !this.peek('-') || this.source[this.at + 1] === ']' || this.at + 1 >= this.source.length) {
      if (typeof low === 'number') set.add(low);
      else set.addAll(low);
      return;
    }
    if (typeof low !== 'number') this.fail('invalid range in character class');
    this.at++;
    const highAt = this.at;
    const high = this.classAtom(false);
    if (typeof high !== 'number') this.fail('invalid range in character class');
    if (high < low) this.fail('range out of order in character class', Math.max(highAt, this.at - 1));
    set.addAll(ByteSet.range(low, high));
  }

  // One byte, or a set of them.
  private classAtom(quoting: boolean): number | ByteSet {
    const from = this.at;
    const char = this.source[this.at++]!;
    if (quoting) return char.charCodeAt(0);
    if (char === '[') {
      const named = /^([:.=])(\^?)([^\]\\]*?)\1\]/.exec(this.source.slice(this.at));
      if (named !== null && /^[a-zA-Z]*$/.test(named[3]!)) {
        if (named[1] !== ':') this.fail('POSIX collating elements are not supported', from);
        const set = POSIX[named[3]!];
        if (set === undefined) this.fail('unknown POSIX class name', this.at + 1 + named[2]!.length);
        this.at += named[0].length;
        const folded =
          this.options.ignoreCase && (named[3] === 'upper' || named[3] === 'lower') ? POSIX['alpha']! : set;
        return named[2] === '' ? folded : folded.not();
      }
    }
    if (char !== '\\') return char.charCodeAt(0);
    if (this.atEnd) this.fail('\\ at end of pattern');
    const escapedAt = this.at;
    const escaped = this.source[this.at++]!;
    const set = CLASS_ESCAPES[escaped];
    if (set !== undefined) return set;
    if (escaped === 'b') return 8;
    if (escaped === 'N') this.fail('\\N is not supported in a class');
    if (/[BRX]/.test(escaped)) this.fail('escape sequence is invalid in character class');
    if (/[pP]/.test(escaped)) this.unsupported('Unicode properties');
    return this.escapedByte(escaped, escapedAt);
  }

  // Groups may be named after they are referred to.
  private resolve(): void {
    for (const { node, name, number, offset } of this.references) {
      if (name !== '') {
        const numbers = this.names.get(name);
        if (numbers === undefined) this.fail('reference to non-existent subpattern', offset);
        node.numbers.push(...numbers);
      } else {
        if (number < 1 || number > this.groupMax) this.fail('reference to non-existent subpattern', offset);
        node.numbers.push(number);
      }
    }
  }
}

function lineBreak(): RegexNode {
  const pair: RegexNode = {
    kind: 'sequence',
    items: [literal(13, false), literal(10, false)],
  };
  return { kind: 'atomic', body: { kind: 'choice', options: [pair, { kind: 'set', set: VERTICAL }] } };
}

/** How many bytes a node takes when that is always the same; −1 otherwise. */
export function fixedWidth(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'sequence': {
      let width = 0;
      for (const item of node.items) {
        const part = fixedWidth(item);
        if (part < 0) return -1;
        width += part;
      }
      return width;
    }
    case 'choice': {
      const widths = node.options.map(fixedWidth);
      return widths.every((width) => width === widths[0]) ? widths[0]! : -1;
    }
    case 'repeat': {
      const body = fixedWidth(node.body);
      return body < 0 || node.min !== node.max ? -1 : body * node.min;
    }
    case 'group':
    case 'atomic':
      return fixedWidth(node.body);
    case 'reference':
      return -1;
    case 'condition': {
      const yes = fixedWidth(node.yes);
      return yes === fixedWidth(node.no) ? yes : -1;
    }
    default:
      return 0;
  }
}

/** The branches of a look-behind, each with its width. */
export function lookBehindBranches(body: RegexNode): readonly RegexNode[] {
  return body.kind === 'choice' ? body.options : [body];
}

/** PCRE2 looks behind by a fixed number of bytes a branch. */
function checkLooks(node: RegexNode): void {
  switch (node.kind) {
    case 'look':
      if (node.behind && lookBehindBranches(node.body).some((branch) => fixedWidth(branch) < 0)) {
        throw new RegexError('lookbehind assertion is not fixed length', node.offset);
      }
      checkLooks(node.body);
      return;
    case 'sequence':
      for (const item of node.items) checkLooks(item);
      return;
    case 'choice':
      for (const option of node.options) checkLooks(option);
      return;
    case 'repeat':
    case 'group':
    case 'atomic':
      checkLooks(node.body);
      return;
    case 'condition':
      checkLooks(node.yes);
      checkLooks(node.no);
  }
}
