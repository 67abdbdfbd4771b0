// Regular expressions (manual §7.1.5): PCRE2's words, matched on bytes.
//
// What is only literal text with or without anchors becomes a byte comparison. What JavaScript's engine does as PCRE2 does
// runs there, on the subject as a string of one character a byte. The rest runs on our own matcher (regex-run.ts).
//
// No pattern may hold up a thread for the subject that a stranger sent. V8 goes over to its breadth-first engine after
// 50 000 steps back (the flag below), where the pattern is one which that engine can run; what it cannot run goes to V8 only
// when its worst case is small, and else to our own matcher, which counts its steps.

import { setFlagsFromString } from 'node:v8';
import { parseRegex, REPEAT_FOREVER, RegexError, type RegexNode, type RegexTree } from './regex-parse.ts';
import { checkSize, OwnMatcher, ProgramTooLarge } from './regex-run.ts';
import { FOLD } from './texts.ts';

// The launcher gives it already. It is read whenever an expression is made ready, so that it works in tests as well.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

export interface CompiledRegex {
  readonly source: string;
  /** Groups that capture, without the whole match. */
  readonly groupCount: number;
  /** How it is run, for `weir explain` and tests. */
  readonly plan: 'bytes' | 'v8' | 'own';
  test(bytes: Uint8Array, offset: number, length: number): boolean;
  /**
   * The first match. `captures` takes start and end of it and of its groups, counted from `offset`, −1 for groups that took no
   * part and for those past the last; groups that it has no room for are left out.
   * @param notBol `^` does not match at the subject's start
   */
  exec(bytes: Uint8Array, offset: number, length: number, captures: Int32Array, notBol?: boolean): boolean;
}

export type RegexResult = { ok: true; regex: CompiledRegex } | { ok: false; message: string };

/** As many groups, with the whole match, as replacements can name. */
export const CAPTURE_GROUPS = 10;

export function newCaptures(): Int32Array {
  return new Int32Array(CAPTURE_GROUPS * 2);
}

/** @param captures false: plain parentheses capture nothing, as where only a match is asked for */
export function compileRegex(source: string, ignoreCase: boolean, captures = true): RegexResult {
  try {
    const tree = parseRegex(source, ignoreCase, captures);
    checkSize(tree);
    return { ok: true, regex: build(source, tree) };
  } catch (error) {
    if (error instanceof ProgramTooLarge) return invalid(source, 'regular expression is too large', source.length);
    if (!(error instanceof RegexError)) throw error;
    return invalid(source, error.message, error.offset);
  }
}

function invalid(source: string, message: string, offset: number): RegexResult {
  return { ok: false, message: `regex '${source}' is invalid (error=${message}, erroffset=${offset})` };
}

function build(source: string, tree: RegexTree): CompiledRegex {
  const literal = literalOf(tree.root);
  if (literal !== null && tree.groupCount === 0) return new LiteralRegex(source, tree, literal);
  const plain = plainOf(tree);
  return plain === null ? new OwnRegex(source, tree) : new EngineRegex(source, tree, plain);
}

// --- Literal text ------------------------------------------------------------------------------------------------------

interface Literal {
  bytes: Uint8Array; // lower case when `fold`
  fold: boolean;
  atStart: boolean;
  atEnd: boolean; // as `$`: a last line feed may follow
}

/** The pattern as text between optional anchors; null when it is more than that. */
function literalOf(root: RegexNode): Literal | null {
  const items = root.kind === 'sequence' ? [...root.items] : [root];
  const isAssert = (node: RegexNode | undefined, what: string): boolean =>
    node?.kind === 'assert' && node.what === what;
  const atStart = isAssert(items[0], 'start');
  if (atStart) items.shift();
  const atEnd = isAssert(items.at(-1), 'end');
  if (atEnd) items.pop();
  const text = literalText(items);
  return text === null || text.count < items.length ? null : { bytes: text.bytes, fold: text.fold, atStart, atEnd };
}

/** Leading single bytes of a sequence; all of one kind: exact, or letters in both cases. */
function literalText(items: readonly RegexNode[]): { bytes: Uint8Array; fold: boolean; count: number } | null {
  const bytes: number[] = [];
  let exactLetters = 0;
  let foldedLetters = 0;
  for (const item of items) {
    if (item.kind !== 'set') break;
    const list = item.set.list();
    const [byte, other] = list as [number, number];
    if (list.length === 1) {
      if (FOLD[byte] !== byte || (byte >= 0x61 && byte <= 0x7a)) exactLetters++;
    } else if (list.length === 2 && FOLD[byte] === other && FOLD[byte] !== byte) foldedLetters++;
    else break;
    if (exactLetters > 0 && foldedLetters > 0) break;
    bytes.push(list.length === 2 ? other : byte);
  }
  return { bytes: Uint8Array.from(bytes), fold: foldedLetters > 0, count: bytes.length };
}

/** Whether `text` stands at bytes[at…]; there is room for it. `text` is lower case when folding. */
function standsAt(bytes: Uint8Array, at: number, text: Uint8Array, fold: boolean): boolean {
  if (fold) {
    for (let index = 0; index < text.length; index++) if (FOLD[bytes[at + index]!] !== text[index]) return false;
    return true;
  }
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

class LiteralRegex implements CompiledRegex {
  readonly source: string;
  readonly groupCount = 0;
  readonly plan = 'bytes';
  private readonly tree: RegexTree;
  private readonly literal: Literal;
  private own: OwnMatcher | null = null;

  constructor(source: string, tree: RegexTree, literal: Literal) {
    this.source = source;
    this.tree = tree;
    this.literal = literal;
  }

  test(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.find(bytes, offset, length) >= 0;
  }

  exec(bytes: Uint8Array, offset: number, length: number, captures: Int32Array, notBol = false): boolean {
    if (notBol && this.literal.atStart) {
      this.own ??= new OwnMatcher(this.tree);
      return this.own.exec(bytes, offset, length, captures, true);
    }
    const at = this.find(bytes, offset, length);
    if (at < 0) return false;
    captures.fill(-1);
    captures[0] = at - offset;
    captures[1] = at - offset + this.literal.bytes.length;
    return true;
  }

  private find(bytes: Uint8Array, offset: number, length: number): number {
    const { bytes: text, fold, atStart, atEnd } = this.literal;
    const last = offset + length - text.length;
    if (last < offset) return -1;
    if (atStart) {
      if (atEnd && last !== offset && !(last === offset + 1 && bytes[offset + length - 1] === 0x0a)) return -1;
      return standsAt(bytes, offset, text, fold) ? offset : -1;
    }
    if (atEnd) {
      if (last > offset && bytes[offset + length - 1] === 0x0a && standsAt(bytes, last - 1, text, fold))
        return last - 1;
      return standsAt(bytes, last, text, fold) ? last : -1;
    }
    for (let at = offset; at <= last; at++) if (standsAt(bytes, at, text, fold)) return at;
    return -1;
  }
}

// --- JavaScript's engine -----------------------------------------------------------------------------------------------

interface Plain {
  regex: RegExp; // without captures: those come from our own matcher, as PCRE2's differ
  usesStart: boolean; // notBol matters
  usesEnd: boolean; // `$`: a subject that ends with a line feed is for our own matcher
  prefix: Literal | null; // what a match can only begin with, at the subject's start
}

class NotPlain extends Error {}

const SUBJECT_TYPICAL_MAX = 16_384; // tune.bufsize: longer subjects are rare
const WORST_STEPS_MAX = 2_000_000;
const REPLICATION_MAX = 16; // what V8's breadth-first engine takes

function plainOf(tree: RegexTree): Plain | null {
  try {
    const writer = new PlainWriter();
    const regex = new RegExp(writer.write(tree.root));
    if (!isLinear(tree.root) && worstSteps(tree.root) > WORST_STEPS_MAX) return null;
    return { regex, usesStart: writer.usesStart, usesEnd: writer.usesEnd, prefix: prefixOf(tree.root) };
  } catch (error) {
    if (error instanceof NotPlain || error instanceof SyntaxError) return null;
    throw error;
  }
}

function prefixOf(root: RegexNode): Literal | null {
  if (root.kind !== 'sequence' || root.items[0]?.kind !== 'assert' || root.items[0].what !== 'start') return null;
  const text = literalText(root.items.slice(1));
  return text === null || text.count === 0 ? null : { ...text, atStart: true, atEnd: false };
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

class PlainWriter {
  usesStart = false;
  usesEnd = false;

  write(node: RegexNode): string {
    switch (node.kind) {
      case 'set':
        return this.set(node.set.list());
      case 'sequence':
        return node.items.map((item) => this.item(item)).join('');
      case 'choice':
        return node.options.map((option) => this.item(option)).join('|');
      case 'repeat': {
        // A round that takes nothing is refused by JavaScript, and ends the repeat in PCRE2.
        if (node.mode === 'possessive' || mayBeEmpty(node.body)) throw new NotPlain();
        const { min, max } = node;
        const bounds = max === REPEAT_FOREVER ? `{${min},}` : min === max ? `{${min}}` : `{${min},${max}}`;
        const body = node.body.kind === 'set' ? this.write(node.body) : `(?:${this.write(node.body)})`;
        return `${body}${bounds}${node.mode === 'lazy' ? '?' : ''}`;
      }
      case 'group':
        return `(?:${this.write(node.body)})`;
      case 'assert':
        return this.assert(node.what);
      default:
        throw new NotPlain();
    }
  }

  private item(node: RegexNode): string {
    return node.kind === 'choice' ? `(?:${this.write(node)})` : this.write(node);
  }

  private assert(what: string): string {
    if (what === 'subject-start') return '^';
    if (what === 'subject-end') return '$';
    if (what === 'word') return '\\b';
    if (what === 'not-word') return '\\B';
    if (what === 'start') {
      this.usesStart = true;
      return '^';
    }
    if (what !== 'end') throw new NotPlain();
    this.usesEnd = true;
    return '$';
  }

  private set(bytes: readonly number[]): string {
    if (bytes.length === 1) return hex(bytes[0]!);
    if (bytes.length === 256) return '[^]';
    let text = '';
    for (let index = 0; index < bytes.length; ) {
      let last = index;
      while (last + 1 < bytes.length && bytes[last + 1] === bytes[last]! + 1) last++;
      text += last === index ? hex(bytes[index]!) : `${hex(bytes[index]!)}-${hex(bytes[last]!)}`;
      index = last + 1;
    }
    return `[${text}]`;
  }
}

function mayBeEmpty(node: RegexNode): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.every(mayBeEmpty);
    case 'choice':
      return node.options.some(mayBeEmpty);
    case 'group':
      return mayBeEmpty(node.body);
    case 'repeat':
      return node.min === 0 || mayBeEmpty(node.body);
    default:
      return true;
  }
}

/** Whether V8's breadth-first engine can run it: what it would have to write out more than 16 times it refuses. */
function isLinear(node: RegexNode, factor = 1): boolean {
  switch (node.kind) {
    case 'sequence':
      return node.items.every((item) => isLinear(item, factor));
    case 'choice':
      return node.options.every((option) => isLinear(option, factor));
    case 'group':
      return isLinear(node.body, factor);
    case 'repeat': {
      if (node.min > REPLICATION_MAX || node.max > REPLICATION_MAX) return false;
      const inner = factor * (node.max === REPEAT_FOREVER ? Math.max(node.min, 1) : Math.max(node.max, 1));
      return inner <= REPLICATION_MAX && isLinear(node.body, inner);
    }
    default:
      return true;
  }
}

/** An upper bound for the ways in which a backtracking engine can go through, from all starts. */
function worstSteps(root: RegexNode): number {
  const ways = (node: RegexNode): number => {
    switch (node.kind) {
      case 'sequence':
        return node.items.reduce((product, item) => product * ways(item), 1);
      case 'choice':
        return node.options.reduce((sum, option) => sum + ways(option), 0);
      case 'group':
        return ways(node.body);
      case 'repeat': {
        const inner = ways(node.body);
        const max = node.max === REPEAT_FOREVER ? SUBJECT_TYPICAL_MAX : node.max;
        return (inner > 1 ? inner ** max : 1) * (max - node.min + 1);
      }
      default:
        return 1;
    }
  };
  const anchored = root.kind === 'sequence' && root.items[0]?.kind === 'assert' && root.items[0].what === 'start';
  return ways(root) * (anchored ? 1 : SUBJECT_TYPICAL_MAX);
}

const latin1Slice = Buffer.prototype.latin1Slice as (this: Uint8Array, start: number, end: number) => string;

/** bytes[offset, offset + length) as a string of one character a byte. */
export function subjectText(bytes: Uint8Array, offset: number, length: number): string {
  return latin1Slice.call(bytes, offset, offset + length);
}

class EngineRegex implements CompiledRegex {
  readonly source: string;
  readonly groupCount: number;
  readonly plan = 'v8';
  private readonly tree: RegexTree;
  private readonly plain: Plain;
  private own: OwnMatcher | null = null;

  constructor(source: string, tree: RegexTree, plain: Plain) {
    this.source = source;
    this.tree = tree;
    this.groupCount = tree.groupCount;
    this.plain = plain;
  }

  test(bytes: Uint8Array, offset: number, length: number): boolean {
    const { prefix } = this.plain;
    if (prefix !== null && (length < prefix.bytes.length || !standsAt(bytes, offset, prefix.bytes, prefix.fold)))
      return false;
    if (this.plain.usesEnd && length > 0 && bytes[offset + length - 1] === 0x0a) {
      return this.ownMatcher().exec(bytes, offset, length, null, false);
    }
    try {
      return this.plain.regex.test(subjectText(bytes, offset, length));
    } catch {
      return false; // V8's stack for going back is full: as PCRE2 at a limit of its own
    }
  }

  exec(bytes: Uint8Array, offset: number, length: number, captures: Int32Array, notBol = false): boolean {
    const endsLine = this.plain.usesEnd && length > 0 && bytes[offset + length - 1] === 0x0a;
    if (endsLine || (notBol && this.plain.usesStart)) {
      return this.ownMatcher().exec(bytes, offset, length, captures, notBol);
    }
    const match = this.find(bytes, offset, length);
    if (match === null) return false;
    const { index } = match;
    if (this.groupCount > 0) return this.ownMatcher().exec(bytes, offset, length, captures, notBol, index);
    captures.fill(-1);
    captures[0] = index;
    captures[1] = index + match[0].length;
    return true;
  }

  private find(bytes: Uint8Array, offset: number, length: number): RegExpExecArray | null {
    try {
      return this.plain.regex.exec(subjectText(bytes, offset, length));
    } catch {
      return null;
    }
  }

  private ownMatcher(): OwnMatcher {
    this.own ??= new OwnMatcher(this.tree);
    return this.own;
  }
}

// --- Our own matcher ---------------------------------------------------------------------------------------------------

class OwnRegex implements CompiledRegex {
  readonly source: string;
  readonly groupCount: number;
  readonly plan = 'own';
  private readonly matcher: OwnMatcher;

  constructor(source: string, tree: RegexTree) {
    this.source = source;
    this.groupCount = tree.groupCount;
    this.matcher = new OwnMatcher(tree);
  }

  test(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.matcher.exec(bytes, offset, length, null, false);
  }

  exec(bytes: Uint8Array, offset: number, length: number, captures: Int32Array, notBol = false): boolean {
    return this.matcher.exec(bytes, offset, length, captures, notBol);
  }
}

// --- Replacements ------------------------------------------------------------------------------------------------------

const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/** What is wrong with a replacement: where its bad escape begins (−1 nothing), and the warnings HAProxy gives for it. */
export function checkReplacement(text: string): { errorAt: number; warnings: readonly string[] } {
  const warnings: string[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') continue;
    const escape = at++;
    const char = text[at] ?? '';
    if (char === '') return { errorAt: escape, warnings };
    if (char === 'x') {
      if (!/^[0-9a-fA-F]{2}/.test(text.slice(at + 1, at + 3))) return { errorAt: escape, warnings };
      at += 2;
    } else if (!/[0-9]/.test(char)) {
      warnings.push(`'\\${char}' : deprecated use of a backslash before something not '\\','x' or a digit.`);
    }
  }
  return { errorAt: -1, warnings };
}

/**
 * Writes `template` with \0…\9 replaced by what `captures` found in subject[subjectAt…], \xHH by that byte.
 * Returns where it ended, −1 when it does not fit below `limit` (of which one byte stays free, as in HAProxy) or the
 * template ends in an escape.
 */
export function writeReplacement(
  out: Uint8Array,
  outAt: number,
  limit: number,
  subject: Uint8Array,
  subjectAt: number,
  captures: Int32Array,
  template: Uint8Array,
  templateAt: number,
  templateLength: number,
): number {
  let at = outAt;
  const end = templateAt + templateLength;
  for (let from = templateAt; from < end; from++) {
    let byte = template[from]!;
    if (byte === BACKSLASH) {
      if (++from >= end) return -1;
      byte = template[from]!;
      if (byte >= 0x30 && byte <= 0x39) {
        const group = (byte - 0x30) * 2;
        const start = captures[group]!;
        const length = captures[group + 1]! - start;
        if (start < 0) continue;
        if (at + length >= limit) return -1;
        for (let index = 0; index < length; index++) out[at + index] = subject[subjectAt + start + index]!;
        at += length;
        continue;
      }
      if (byte === LETTER_X) {
        if (from + 2 >= end) return -1;
        byte = ((hexValue(template[from + 1]!) << 4) + hexValue(template[from + 2]!)) & 0xff;
        from += 2;
      }
    }
    if (at >= limit) return -1;
    out[at++] = byte;
  }
  return at >= limit ? -1 : at;
}

// As HAProxy computes it, also for what is no digit.
function hexValue(byte: number): number {
  const upper = byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte;
  const value = (upper - 0x30) & 0xff;
  return value > 9 ? (value - 7) & 0xff : value;
}
