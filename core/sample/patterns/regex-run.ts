// A backtracking matcher of our own for what JavaScript's engine cannot do as PCRE2 does: look-around, references, atomic
// groups, lines, captures inside of repeats. It counts its steps and gives up ("no match") when there are too many, as PCRE2
// does at its match limit: no pattern and no subject can hold up the thread.
//
// The tree becomes a program of small integers; choices that are still open lie on one stack, together with what has to be
// restored when one of them is taken. Nothing is allocated while matching, except when the stack grows.

import {
  fixedWidth,
  lookBehindBranches,
  REPEAT_FOREVER,
  type RegexAssert,
  type RegexNode,
  type RegexTree,
} from './regex-parse.ts';
import { FOLD } from './texts.ts';

const OP_SET = 0; // set
const OP_BYTE = 1; // byte
const OP_SPLIT = 2; // first, second
const OP_JUMP = 3; // target
const OP_SAVE = 4; // slot
const OP_ASSERT = 5; // what
const OP_MATCH = 6;
const OP_EMPTY = 7; // slot, target: there, when nothing was taken since the slot was saved
const OP_LOOK = 8; // negative, target
const OP_ATOMIC = 9; // target
const OP_BACK = 10; // bytes
const OP_REFERENCE = 11; // ignore case, count, groups…
const OP_CONDITION = 12; // target when unset, count, groups…
const OP_FAIL = 13;
const OP_REPEAT_SET = 14; // set, min, max, mode

const MODE_GREEDY = 0;
const MODE_LAZY = 1;
const MODE_POSSESSIVE = 2;

const ASSERTS: readonly RegexAssert[] = [
  ...(['subject-start', 'start', 'line-start', 'end', 'line-end', 'subject-end', 'word', 'not-word'] as const),
];

const PROGRAM_MAX = 50_000; // instructions' words
const STEPS_MAX = 1_000_000;
const STACK_MAX = 1 << 20; // words

// Kinds of stack entries, four words each.
const ENTRY_RESUME = 0; // pc, position
const ENTRY_RESTORE = 1; // slot, value
const ENTRY_SHRINK = 2; // pc, position, least position
const ENTRY_GROW = 3; // pc of the repeat, position, how many more
const ENTRY_WORDS = 4;

export class ProgramTooLarge extends Error {}

class Writer {
  readonly words: number[] = [];
  readonly tables: Uint8Array[] = [];
  slotCount: number;

  constructor(groupCount: number) {
    this.slotCount = (groupCount + 1) * 2;
  }

  put(...words: number[]): number {
    const at = this.words.length;
    this.words.push(...words);
    if (this.words.length > PROGRAM_MAX) throw new ProgramTooLarge();
    return at;
  }

  get here(): number {
    return this.words.length;
  }

  write(node: RegexNode): void {
    switch (node.kind) {
      case 'set': {
        const bytes = node.set.list();
        if (bytes.length === 1) this.put(OP_BYTE, bytes[0]!);
        else this.put(OP_SET, this.table(bytes));
        return;
      }
      case 'sequence':
        for (const item of node.items) this.write(item);
        return;
      case 'choice':
        return this.writeChoice(node.options.map((option) => () => this.write(option)));
      case 'repeat':
        return this.writeRepeat(node.body, node.min, node.max, node.mode);
      case 'group':
        if (node.number > 0) this.put(OP_SAVE, node.number * 2);
        this.write(node.body);
        if (node.number > 0) this.put(OP_SAVE, node.number * 2 + 1);
        return;
      case 'atomic':
        return this.writeAtomic(() => this.write(node.body));
      case 'look': {
        const at = this.put(OP_LOOK, node.negative ? 1 : 0, 0);
        if (node.behind) {
          this.writeChoice(
            lookBehindBranches(node.body).map((branch) => () => {
              this.put(OP_BACK, fixedWidth(branch));
              this.write(branch);
            }),
          );
        } else this.write(node.body);
        this.put(OP_MATCH);
        this.words[at + 2] = this.here;
        return;
      }
      case 'assert':
        this.put(OP_ASSERT, ASSERTS.indexOf(node.what));
        return;
      case 'reference':
        this.put(OP_REFERENCE, node.ignoreCase ? 1 : 0, node.numbers.length, ...node.numbers);
        return;
      case 'condition': {
        const at = this.put(OP_CONDITION, 0, node.numbers.length, ...node.numbers);
        this.write(node.yes);
        const jump = this.put(OP_JUMP, 0);
        this.words[at + 1] = this.here;
        this.write(node.no);
        this.words[jump + 1] = this.here;
        return;
      }
      case 'keep':
        this.put(OP_SAVE, 0);
        return;
      case 'fail':
        this.put(OP_FAIL);
    }
  }

  private table(bytes: readonly number[]): number {
    const table = new Uint8Array(256);
    for (const byte of bytes) table[byte] = 1;
    this.tables.push(table);
    return this.tables.length - 1;
  }

  private writeAtomic(body: () => void): void {
    const at = this.put(OP_ATOMIC, 0);
    body();
    this.put(OP_MATCH);
    this.words[at + 1] = this.here;
  }

  private writeChoice(options: readonly (() => void)[]): void {
    const jumps: number[] = [];
    for (const [index, option] of options.entries()) {
      if (index === options.length - 1) {
        option();
        break;
      }
      const split = this.put(OP_SPLIT, this.here + 3, 0);
      option();
      jumps.push(this.put(OP_JUMP, 0));
      this.words[split + 2] = this.here;
    }
    for (const jump of jumps) this.words[jump + 1] = this.here;
  }

  private writeRepeat(body: RegexNode, min: number, max: number, mode: 'greedy' | 'lazy' | 'possessive'): void {
    if (body.kind === 'set') {
      const code = mode === 'greedy' ? MODE_GREEDY : mode === 'lazy' ? MODE_LAZY : MODE_POSSESSIVE;
      this.put(OP_REPEAT_SET, this.table(body.set.list()), min, max, code);
      return;
    }
    if (mode === 'possessive') return this.writeAtomic(() => this.writeRepeat(body, min, max, 'greedy'));
    for (let count = 0; count < min; count++) this.write(body);
    if (max === REPEAT_FOREVER) return this.writeLoop(body, mode);
    const splits: number[] = [];
    for (let count = min; count < max; count++) {
      splits.push(this.split(mode));
      this.write(body);
    }
    for (const split of splits) this.leaveTo(split, mode, this.here);
  }

  // An iteration that takes nothing ends the loop.
  private writeLoop(body: RegexNode, mode: 'greedy' | 'lazy'): void {
    const slot = this.slotCount++;
    const loop = this.here;
    const split = this.split(mode);
    this.put(OP_SAVE, slot);
    this.write(body);
    const empty = this.put(OP_EMPTY, slot, 0);
    this.put(OP_JUMP, loop);
    this.leaveTo(split, mode, this.here);
    this.words[empty + 2] = this.here;
  }

  /** Into what follows, or (patched by leaveTo) past it. */
  private split(mode: 'greedy' | 'lazy'): number {
    const at = this.here;
    return mode === 'greedy' ? this.put(OP_SPLIT, at + 3, 0) : this.put(OP_SPLIT, 0, at + 3);
  }

  private leaveTo(split: number, mode: 'greedy' | 'lazy', target: number): void {
    this.words[split + (mode === 'greedy' ? 2 : 1)] = target;
  }
}

/** Throws ProgramTooLarge when the pattern makes a larger program than an OwnMatcher takes. */
export function checkSize(tree: RegexTree): void {
  if (programWords(tree.root) > PROGRAM_MAX) throw new ProgramTooLarge();
}

// As the writer's, or a little more.
function programWords(node: RegexNode): number {
  switch (node.kind) {
    case 'sequence':
      return node.items.reduce((sum, item) => sum + programWords(item), 0);
    case 'choice':
      return node.options.reduce((sum, option) => sum + programWords(option) + 5, 0);
    case 'repeat': {
      if (node.body.kind === 'set') return 5;
      const copies = node.max === REPEAT_FOREVER ? node.min + 1 : node.max;
      return copies * (programWords(node.body) + 3) + 12;
    }
    case 'group':
      return programWords(node.body) + 4;
    case 'atomic':
      return programWords(node.body) + 3;
    case 'look':
      return programWords(node.body) + 12;
    case 'reference':
      return 3 + node.numbers.length;
    case 'condition':
      return 5 + node.numbers.length + programWords(node.yes) + programWords(node.no);
    default:
      return 2;
  }
}

/** Bytes that a match can begin with; null: it may be empty, or anything may stand there. */
export function firstBytes(node: RegexNode): Uint8Array | null {
  const table = new Uint8Array(256);
  return collectFirst(node, table) === TAKES ? table : null;
}

const TAKES = 1; // at least one byte is taken, all possible first ones are in the table
const MAYBE = 0; // possibly nothing is taken
const UNKNOWN = -1;

function collectFirst(node: RegexNode, table: Uint8Array): number {
  switch (node.kind) {
    case 'set':
      for (const byte of node.set.list()) table[byte] = 1;
      return TAKES;
    case 'sequence': {
      for (const item of node.items) {
        const result = collectFirst(item, table);
        if (result !== MAYBE) return result;
      }
      return MAYBE;
    }
    case 'choice': {
      let all = TAKES;
      for (const option of node.options) {
        const result = collectFirst(option, table);
        if (result === UNKNOWN) return UNKNOWN;
        if (result === MAYBE) all = MAYBE;
      }
      return all;
    }
    case 'repeat': {
      const result = collectFirst(node.body, table);
      return result === TAKES && node.min === 0 ? MAYBE : result;
    }
    case 'group':
    case 'atomic':
      return collectFirst(node.body, table);
    case 'reference':
    case 'condition':
      return UNKNOWN;
    default:
      return MAYBE; // takes nothing, and forbids rather than allows
  }
}

function startsAnchored(node: RegexNode): boolean {
  if (node.kind === 'assert') return node.what === 'subject-start' || node.what === 'start';
  if (node.kind === 'sequence') return node.items.length > 0 && startsAnchored(node.items[0]!);
  if (node.kind === 'choice') return node.options.every(startsAnchored);
  return node.kind === 'group' && startsAnchored(node.body);
}

// One stack for all matchers of a thread: only one matches at a time.
let stack = new Int32Array(1024);

export class OwnMatcher {
  readonly anchored: boolean;
  private readonly program: Int32Array;
  private readonly tables: readonly Uint8Array[];
  private readonly slots: Int32Array; // captures, then positions of loops
  private readonly first: Uint8Array | null;
  private bytes: Uint8Array = new Uint8Array(0);
  private from = 0;
  private end = 0;
  private notBol = false;
  private steps = 0;
  private top = 0;

  /** Throws ProgramTooLarge. */
  constructor(tree: RegexTree) {
    const writer = new Writer(tree.groupCount);
    writer.write(tree.root);
    writer.put(OP_MATCH);
    this.program = Int32Array.from(writer.words);
    this.tables = writer.tables;
    this.slots = new Int32Array(writer.slotCount);
    this.first = firstBytes(tree.root);
    this.anchored = startsAnchored(tree.root);
  }

  /**
   * Looks for the first match in bytes[offset, offset + length). `captures` takes start and end of the match and of the groups,
   * from `offset`, −1 where a group took no part; as many as it has room for. It is known that none begins before `start`.
   */
  exec(
    bytes: Uint8Array,
    offset: number,
    length: number,
    captures: Int32Array | null,
    notBol: boolean,
    start = 0,
  ): boolean {
    this.bytes = bytes;
    this.from = offset;
    this.end = offset + length;
    this.notBol = notBol;
    this.steps = 0;
    const last = this.anchored ? offset : this.end;
    for (let at = offset + start; at <= last; at++) {
      if (this.first !== null && (at === this.end || this.first[bytes[at]!] === 0)) continue;
      this.slots.fill(-1);
      this.slots[0] = at;
      this.top = 0;
      const end = this.run(0, at);
      if (this.steps > STEPS_MAX) return false;
      if (end < 0) continue;
      if (captures !== null) this.report(captures, end);
      return true;
    }
    return false;
  }

  private report(captures: Int32Array, end: number): void {
    this.slots[1] = end;
    const groupSlots = Math.min(captures.length, this.slots.length);
    captures.fill(-1);
    for (let slot = 0; slot + 1 < groupSlots; slot += 2) {
      if (this.slots[slot]! < 0 || this.slots[slot + 1]! < 0) continue;
      captures[slot] = this.slots[slot]! - this.from;
      captures[slot + 1] = this.slots[slot + 1]! - this.from;
    }
  }

  // From pc at a position to OP_MATCH: where it ended, or −1. Entries below the stack's top at the call are not touched.
  private run(pcFirst: number, atFirst: number): number {
    const { program, tables, slots, bytes, end } = this;
    const base = this.top;
    let pc = pcFirst;
    let at = atFirst;
    for (;;) {
      if (++this.steps > STEPS_MAX) return -1;
      let failed = false;
      switch (program[pc]) {
        case OP_BYTE:
          if (at < end && bytes[at] === program[pc + 1]) {
            at++;
            pc += 2;
          } else failed = true;
          break;
        case OP_SET:
          if (at < end && tables[program[pc + 1]!]![bytes[at]!] === 1) {
            at++;
            pc += 2;
          } else failed = true;
          break;
        case OP_SPLIT:
          if (!this.push(ENTRY_RESUME, program[pc + 2]!, at, 0)) return -1;
          pc = program[pc + 1]!;
          break;
        case OP_JUMP:
          pc = program[pc + 1]!;
          break;
        case OP_SAVE: {
          const slot = program[pc + 1]!;
          if (!this.push(ENTRY_RESTORE, slot, slots[slot]!, 0)) return -1;
          slots[slot] = at;
          pc += 2;
          break;
        }
        case OP_ASSERT:
          if (this.holds(program[pc + 1]!, at)) pc += 2;
          else failed = true;
          break;
        case OP_MATCH:
          return at;
        case OP_EMPTY:
          pc = slots[program[pc + 1]!] === at ? program[pc + 2]! : pc + 3;
          break;
        case OP_LOOK: {
          const inner = this.top;
          const found = this.run(pc + 3, at) >= 0;
          if (this.steps > STEPS_MAX) return -1;
          const negative = program[pc + 1] === 1;
          if (found && negative) this.unwind(inner);
          else if (found) this.forgetChoices(inner);
          if (found !== negative) pc = program[pc + 2]!;
          else failed = true;
          break;
        }
        case OP_ATOMIC: {
          const inner = this.top;
          const next = this.run(pc + 2, at);
          if (this.steps > STEPS_MAX) return -1;
          if (next >= 0) {
            this.forgetChoices(inner);
            at = next;
            pc = program[pc + 1]!;
          } else failed = true;
          break;
        }
        case OP_BACK:
          at -= program[pc + 1]!;
          pc += 2;
          failed = at < this.from;
          break;
        case OP_REFERENCE: {
          const count = program[pc + 2]!;
          const next = this.afterReference(pc, at);
          if (next >= 0) {
            at = next;
            pc += 3 + count;
          } else failed = true;
          break;
        }
        case OP_CONDITION:
          pc = this.setGroup(pc + 3, program[pc + 2]!) > 0 ? pc + 3 + program[pc + 2]! : program[pc + 1]!;
          break;
        case OP_REPEAT_SET: {
          const next = this.repeatSet(pc, at);
          if (next === -2) return -1;
          if (next >= 0) {
            at = next;
            pc += 5;
          } else failed = true;
          break;
        }
        default:
          failed = true;
      }
      if (!failed) continue;
      // The latest choice that is left, with everything put back to how it was then.
      for (;;) {
        if (this.top === base) return -1;
        const entry = this.top - ENTRY_WORDS;
        const kind = stack[entry];
        const first = stack[entry + 1]!;
        const second = stack[entry + 2]!;
        if (kind === ENTRY_RESTORE) {
          this.top = entry;
          slots[first] = second;
          continue;
        }
        if (kind === ENTRY_RESUME) {
          this.top = entry;
          pc = first;
          at = second;
          break;
        }
        if (kind === ENTRY_SHRINK) {
          at = second - 1;
          pc = first;
          if (at === stack[entry + 3]) this.top = entry;
          else stack[entry + 2] = at;
          break;
        }
        const left = stack[entry + 3]!;
        if (left === 0 || second === end || tables[program[first + 1]!]![bytes[second]!] === 0) {
          this.top = entry;
          continue;
        }
        at = second + 1;
        pc = first + 5;
        stack[entry + 2] = at;
        if (left > 0) stack[entry + 3] = left - 1;
        break;
      }
    }
  }

  // Where a repeat of one set leads first, its other ends on the stack; −1: too few, −2: the stack is full.
  private repeatSet(pc: number, at: number): number {
    const { program, bytes, end } = this;
    const table = this.tables[program[pc + 1]!]!;
    const min = program[pc + 2]!;
    const max = program[pc + 3]!;
    const mode = program[pc + 4]!;
    const least = at + min;
    if (least > end) return -1;
    const most = mode === MODE_LAZY ? least : max === REPEAT_FOREVER ? end : Math.min(end, at + max);
    let next = at;
    while (next < most && table[bytes[next]!] === 1) next++;
    this.steps += next - at;
    if (next < least) return -1;
    if (mode === MODE_LAZY) {
      return this.push(ENTRY_GROW, pc, next, max === REPEAT_FOREVER ? -1 : max - min) ? next : -2;
    }
    if (mode === MODE_GREEDY && next > least && !this.push(ENTRY_SHRINK, pc + 5, next, least)) return -2;
    return next;
  }

  private push(kind: number, first: number, second: number, third: number): boolean {
    const at = this.top;
    if (at + ENTRY_WORDS > stack.length) {
      if (stack.length >= STACK_MAX) {
        this.steps = STEPS_MAX + 1;
        return false;
      }
      const larger = new Int32Array(stack.length * 2);
      larger.set(stack);
      stack = larger;
    }
    stack[at] = kind;
    stack[at + 1] = first;
    stack[at + 2] = second;
    stack[at + 3] = third;
    this.top = at + ENTRY_WORDS;
    return true;
  }

  /** Takes back what was saved since the stack was `to` high, and all choices. */
  private unwind(to: number): void {
    while (this.top > to) {
      this.top -= ENTRY_WORDS;
      if (stack[this.top] === ENTRY_RESTORE) this.slots[stack[this.top + 1]!] = stack[this.top + 2]!;
    }
  }

  /** Leaves only what restores slots. */
  private forgetChoices(from: number): void {
    let to = from;
    for (let entry = from; entry < this.top; entry += ENTRY_WORDS) {
      if (stack[entry] !== ENTRY_RESTORE) continue;
      stack.copyWithin(to, entry, entry + ENTRY_WORDS);
      to += ENTRY_WORDS;
    }
    this.top = to;
  }

  private setGroup(pc: number, count: number): number {
    for (let index = 0; index < count; index++) {
      const number = this.program[pc + index]!;
      if (this.slots[number * 2]! >= 0 && this.slots[number * 2 + 1]! >= 0) return number;
    }
    return 0;
  }

  private afterReference(pc: number, at: number): number {
    const number = this.setGroup(pc + 3, this.program[pc + 2]!);
    if (number === 0) return -1;
    const from = this.slots[number * 2]!;
    const length = this.slots[number * 2 + 1]! - from;
    if (at + length > this.end) return -1;
    const fold = this.program[pc + 1] === 1;
    this.steps += length;
    for (let index = 0; index < length; index++) {
      const wanted = this.bytes[from + index]!;
      const byte = this.bytes[at + index]!;
      if (wanted !== byte && !(fold && FOLD[wanted] === FOLD[byte])) return -1;
    }
    return at + length;
  }

  private holds(what: number, at: number): boolean {
    const { bytes, from, end } = this;
    switch (ASSERTS[what]!) {
      case 'subject-start':
        return at === from;
      case 'start':
        return at === from && !this.notBol;
      case 'line-start':
        return at === from ? !this.notBol : bytes[at - 1] === 0x0a && at < end;
      case 'end':
        return at === end || (at === end - 1 && bytes[at] === 0x0a);
      case 'line-end':
        return at === end || bytes[at] === 0x0a;
      case 'subject-end':
        return at === end;
      case 'word':
        return this.isWord(at - 1) !== this.isWord(at);
      case 'not-word':
        return this.isWord(at - 1) === this.isWord(at);
    }
  }

  private isWord(at: number): boolean {
    if (at < this.from || at >= this.end) return false;
    const byte = this.bytes[at]!;
    if (byte >= 0x30 && byte <= 0x39) return true;
    const lower = byte | 0x20;
    return (lower >= 0x61 && lower <= 0x7a) || byte === 0x5f;
  }
}
