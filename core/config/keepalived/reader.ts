// From files to statements' lines (keepalived.conf(5), "CONFIGURATION FILE"): comments, continuation, `@id`, names,
// ~SEQ and ~LST, includes; every brace comes as a line of its own.
//
// Lazy: the caller may change `includes.check` between two lines (`include_check`). What was read can be replayed.
// Bounded whatever the files say: see DRAWN_LINE_COUNT_MAX here, and the limits of definitions and includes.

import { type Definition, Definitions, type Surroundings } from './definitions.ts';
import type { KeepalivedDiagnostics } from './diagnostics.ts';
import { Includes } from './includes.ts';
import { parseSequence, type Sequence } from './sequences.ts';

// Lines looked at, those of ~SEQ and of definitions too: a file may ask for 10^9 of them.
const DRAWN_LINE_COUNT_MAX = 300_000;
const SEQUENCE_DEPTH_MAX = 100;
const FOLLOW_DEPTH_MAX = 1_000;

export interface ConfLine {
  readonly text: string; // not empty, no blanks around
  readonly file: string;
  readonly line: number;
}

/** Where lines come from: the files, or what was read before. Sets the place that mistakes are reported at. */
export interface LineSource {
  next(): ConfLine | null;
}

interface Follow {
  lines: readonly string[];
  index: number;
  sequenceDepth: number; // sequences that were open when this began
}

export class Reader implements LineSource {
  readonly includes: Includes;
  readonly lines: ConfLine[] = []; // all that `next` gave
  private readonly definitions: Definitions;
  private readonly diagnostics: KeepalivedDiagnostics;
  private readonly configId: string;
  private readonly sequences: Sequence[] = [];
  private readonly follows: Follow[] = [];
  private residue: string | null = null; // of a line that a brace cut
  private collecting: Definition | null = null; // the multi-line definition whose lines are being read
  private blockDepth = 0;
  private drawnCount = 0;

  constructor(
    files: readonly string[],
    surroundings: Omit<Surroundings, 'folder'>,
    diagnostics: KeepalivedDiagnostics,
  ) {
    this.includes = new Includes(files, diagnostics);
    const folder = (): string => this.includes.folder;
    this.definitions = new Definitions({ ...surroundings, folder }, diagnostics);
    this.diagnostics = diagnostics;
    this.configId = surroundings.configId;
  }

  next(): ConfLine | null {
    for (;;) {
      const drawn = this.draw();
      if (drawn === null) return this.finish();
      if (this.collecting !== null) {
        this.collect(this.collecting, drawn);
        continue;
      }
      const text = this.expand(drawn);
      if (text === '' || this.includes.take(text)) continue;
      const line = { text: this.cutAtBrace(text), file: this.diagnostics.file, line: this.diagnostics.line };
      this.lines.push(line);
      return line;
    }
  }

  private finish(): null {
    if (this.blockDepth > 0) {
      this.diagnostics.warning(`There are ${this.blockDepth} missing '}'s or extra '{'s`);
      this.blockDepth = 0;
    }
    return null;
  }

  /** The next raw line, from whatever is open innermost; may be empty. null: everything was read. */
  private draw(): string | null {
    if (++this.drawnCount > DRAWN_LINE_COUNT_MAX) this.diagnostics.limit('The configuration expands to too many lines');
    if (this.residue !== null) {
      const text = this.residue;
      this.residue = null;
      return text;
    }
    const follow = this.follows.at(-1);
    if (this.sequences.length > (follow?.sequenceDepth ?? 0)) {
      const sequence = this.sequences.at(-1)!;
      if (!sequence.step(this.definitions)) this.sequences.pop();
      return sequence.text;
    }
    if (follow !== undefined) {
      const text = follow.lines[follow.index++] ?? '';
      if (follow.index >= follow.lines.length) this.follows.pop();
      return text;
    }
    const raw = this.includes.nextLine();
    if (raw === null) return null;
    if (raw === '') this.endCollecting();
    return this.decomment(raw);
  }

  private collect(definition: Definition, text: string): void {
    if (text === '') return;
    const more = text.endsWith('\\');
    const kept = more ? text.slice(0, -1).replace(/[ \t]+$/, '') : text;
    if (kept !== '') definition.lines.push(kept);
    if (!more) this.endCollecting();
  }

  private endCollecting(): void {
    if (this.collecting?.lines.length === 0) this.collecting.multiline = false;
    this.collecting = null;
  }

  /** Conditions, definitions, sequences, names. '': nothing is left of the line. */
  private expand(drawn: string): string {
    let text = drawn;
    for (;;) {
      if (text.startsWith('@')) {
        text = this.takeCondition(text);
        if (text === '') return '';
      }
      const definition = text.startsWith('$') ? this.definitions.define(text) : null;
      if (definition !== null) {
        if (definition.multiline) this.collecting = definition;
        return '';
      }
      if (text.startsWith('~SEQ') || text.startsWith('~LST')) {
        this.openSequence(text);
        return '';
      }
      if (text.startsWith('~') || !text.includes('$')) return text;
      const expansion = this.definitions.expand(text);
      if (expansion === null || !expansion.replaced) return text;
      if (expansion.follow !== null) this.openFollow(expansion.follow);
      text = this.decomment(expansion.text);
      if (!/^[@~]/.test(text) && !text.includes('$')) return text;
    }
  }

  private takeCondition(text: string): string {
    const match = /^@(\^?)([^ \t]*)[ \t]+(.*)$/s.exec(text);
    if (match === null) return '';
    return (match[2] === this.configId) === (match[1] === '') ? match[3]! : '';
  }

  private openSequence(text: string): void {
    const sequence = parseSequence(text, this.definitions, this.diagnostics);
    if (sequence === null) return;
    if (this.sequences.length >= SEQUENCE_DEPTH_MAX) this.diagnostics.limit('~SEQ and ~LST are nested too deeply');
    this.sequences.push(sequence);
  }

  private openFollow(lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (this.follows.length >= FOLLOW_DEPTH_MAX) this.diagnostics.limit('Definitions are nested too deeply');
    this.follows.push({ lines, index: 0, sequenceDepth: this.sequences.length });
  }

  /** Without comment, escapes of # and !, and blanks around; a trailing `\` stays. */
  private decomment(raw: string): string {
    let kept = '';
    let quoted = false;
    let continued = false;
    const text = raw.replace(/^[ \t]+/, '');
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (char === '"') quoted = !quoted;
      else if (char === '\\') {
        if (at + 1 >= text.length) {
          continued = true;
          break;
        }
        const next = text[++at]!;
        kept += !quoted && (next === '#' || next === '!') ? next : char + next;
        continue;
      } else if (!quoted && (char === '#' || char === '!')) break;
      kept += char;
    }
    if (quoted) this.diagnostics.warning(`Unterminated quote '${text}'`);
    kept = kept.replace(/[ \t]+$/, '');
    return continued ? `${kept}\\` : kept;
  }

  /** A brace outside quotes ends the line before it; the rest is read next. */
  private cutAtBrace(text: string): string {
    let at = 0;
    if (text[0] !== '{' && text[0] !== '}') {
      at = -1;
      for (let index = 0; index < text.length && at < 0; index++) {
        if (text[index] === '"') {
          index = text.indexOf('"', index + 1);
          if (index < 0) break;
        } else if (text[index] === '{' || text[index] === '}') at = index;
      }
    }
    let kept = text;
    if (at >= 0) {
      const cut = at === 0 ? 1 : at;
      const rest = text.slice(cut).trim();
      if (rest !== '') this.residue = rest;
      kept = text.slice(0, cut);
    }
    kept = kept.replace(/[ \t]+$/, '');
    if (kept === '{') this.blockDepth++;
    else if (kept === '}' && this.blockDepth-- < 1) {
      this.diagnostics.warning("Extra '}' found");
      this.blockDepth = 0;
    }
    return kept;
  }
}

/** What a reader gave, once more. */
export class Replay implements LineSource {
  private readonly lines: readonly ConfLine[];
  private readonly diagnostics: KeepalivedDiagnostics;
  private index = 0;

  constructor(lines: readonly ConfLine[], diagnostics: KeepalivedDiagnostics) {
    this.lines = lines;
    this.diagnostics = diagnostics;
  }

  next(): ConfLine | null {
    const line = this.lines[this.index++];
    if (line === undefined) return null;
    this.diagnostics.at(line.file, line.line);
    return line;
  }
}
