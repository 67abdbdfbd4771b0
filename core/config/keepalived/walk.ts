// Lines to rows: which keyword, which block, which braces (keepalived's own rules, so its own recoveries).
//
// An unknown word is told and left; its block, if it has one, is not skipped as a whole: the brace is "unexpected" and
// the words inside are looked up where the unknown word stood, as keepalived does.

import type { ConfBlock } from '../../model/vrrp.ts';
import type { KeywordTable, Parse, Row } from './keyword-table.ts';
import type { ConfLine, LineSource } from './reader.ts';
import { splitWords, Words } from './words.ts';

const BLOCK_LINE_COUNT_MAX = 100_000;
const LEVEL_MAX = 16; // the tables are not deeper

/** Reads `source` to its end with `table`. */
export function walk(source: LineSource, table: KeywordTable, parse: Parse): void {
  const walker = new Walker(source, parse);
  parse.blockLines = (words) => walker.blockLines(words);
  parse.skipBlock = (opened) => walker.skip(opened);
  walker.block(table, false, 0);
}

class Walker {
  private readonly source: LineSource;
  private readonly parse: Parse;
  private skipDepth = 0; // 0 not skipping; -1 from the next brace on; n inside n braces

  constructor(source: LineSource, parse: Parse) {
    this.source = source;
    this.parse = parse;
  }

  skip(opened: boolean): void {
    this.skipDepth = opened ? 1 : -1;
  }

  /** True: the block was skipped, so it has no end. */
  block(table: KeywordTable, braceNeeded: boolean, level: number): boolean {
    const { diagnostics } = this.parse;
    let needed = braceNeeded;
    for (;;) {
      const line = this.source.next();
      if (line === null) return false;
      const words = this.split(line, table);
      const first = words.list[0];
      if (first === undefined) continue;
      if (this.skipDepth !== 0) {
        const took = this.passOver(first, level);
        if (took === 'block-ended') return true;
        if (took === 'brace') needed = false;
        if (took !== 'not-skipping') continue;
      }
      if (needed) {
        needed = false;
        if (first === '{' && level > 0) continue;
        diagnostics.warning("Missing '{' at beginning of configuration block");
      } else if (first === '{') {
        diagnostics.warning("Unexpected '{' - ignoring");
        continue;
      }
      if (first === '}' && level > 0) return false;
      this.keyword(words, table, level);
    }
  }

  private passOver(first: string, level: number): 'brace' | 'passed' | 'block-ended' | 'not-skipping' {
    if (this.skipDepth === -1) {
      if (first === '{') {
        this.skipDepth = 1;
        return 'brace';
      }
      this.skipDepth = 0;
      return 'not-skipping';
    }
    if (first === '{') this.skipDepth++;
    else if (first === '}' && --this.skipDepth === 0 && level > 0) return 'block-ended';
    return 'passed';
  }

  private keyword(words: Words, table: KeywordTable, level: number): void {
    const word = words.at(0);
    const row = Object.hasOwn(table, word) ? table[word]! : undefined;
    if (row === undefined) {
      this.parse.warning(`Unknown keyword '${word}'`);
      return;
    }
    if (row.ignored !== undefined) this.parse.diagnostics.notice(`'${words.at(0)}' has no effect: ${row.ignored}`);
    row.set(words, this.parse);
    if (row.body === undefined || level >= LEVEL_MAX) return;
    const skipped = this.block(row.body, true, level + 1);
    if (!skipped) row.end?.(this.parse);
  }

  private split(line: ConfLine, table: KeywordTable): Words {
    const { diagnostics } = this.parse;
    const word = /^[^ \t"]*/.exec(line.text)![0];
    const row: Row | undefined = Object.hasOwn(table, word) ? table[word] : undefined;
    return new Words(splitWords(line.text, diagnostics, row?.quoted === true), line.text, diagnostics);
  }

  /** A block whose lines are no keywords: addresses, names. */
  blockLines(head: Words): Words[] {
    const { diagnostics } = this.parse;
    const lines: Words[] = [];
    if (head.count > 1) diagnostics.warning(`Block ${head.at(0)} has extra parameters ${head.at(1)} ...`);
    let needed = true;
    for (;;) {
      const line = this.source.next();
      if (line === null) return lines;
      const list = splitWords(line.text, diagnostics, false);
      if (list.length === 0) continue;
      const brace = list[0] === '{';
      if (needed && !brace) diagnostics.notice(`'{' missing from beginning of block ${head.at(0)}`);
      const opening = needed && brace;
      needed = false;
      if (opening) continue;
      if (list[0] === '}') return lines;
      if (lines.length >= BLOCK_LINE_COUNT_MAX) diagnostics.limit(`Block ${head.at(0)} has too many lines`);
      lines.push(new Words(list, line.text, diagnostics));
    }
  }
}

/** A statement that is kept as it stands: its words and, when `table` says it has braces, what they hold. */
export function keepBlock(source: LineSource, words: Words, table: KeywordTable | null, parse: Parse): ConfBlock {
  const body: ConfBlock[] = [];
  if (table !== null) keepBody(source, body, table, parse, 0);
  return { words: [...words.list], file: words.file, line: words.line, body };
}

function keepBody(source: LineSource, body: ConfBlock[], table: KeywordTable, parse: Parse, level: number): void {
  const { diagnostics } = parse;
  let needed = true;
  for (;;) {
    const line = source.next();
    if (line === null) return;
    const list = splitWords(line.text, diagnostics, true);
    const first = list[0];
    if (first === undefined) continue;
    if (first === '{') {
      if (!needed) diagnostics.warning("Unexpected '{' - ignoring");
      needed = false;
      continue;
    }
    if (needed) diagnostics.warning("Missing '{' at beginning of configuration block");
    needed = false;
    if (first === '}') return;
    const row = Object.hasOwn(table, first) ? table[first]! : undefined;
    const free = Object.hasOwn(table, '*');
    if (row === undefined && !free) {
      diagnostics.warning(`Unknown keyword '${first}'`);
      continue;
    }
    const inner: ConfBlock[] = [];
    const place = { file: line.file, line: line.line };
    if (row?.body !== undefined && level < LEVEL_MAX) keepBody(source, inner, row.body, parse, level + 1);
    body.push({ words: list, ...place, body: inner });
  }
}
