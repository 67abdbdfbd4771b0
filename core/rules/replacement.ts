// A regular expression and the text that takes the place of what it was looked for in (replace-header, replace-uri …).
//
// Per rule: prepare() makes the text from the rule's format, matches() looks at one subject, write() puts the text with
// \0…\9 and \xHH resolved where the caller wants it. The whole subject is replaced, not only what matched.

import { assert } from '../base/assert.ts';
import { type CompiledRegex, compileRegex, newCaptures, writeReplacement } from '../sample/patterns/regex.ts';
import type { Subject } from '../sample/subject.ts';
import { EDIT_FAILED, type TextWriter } from './edit.ts';

/** What is wrong with a regular expression, in HAProxy's words; null when nothing is. */
export function regexProblem(source: string): string | null {
  const result = compileRegex(source, false);
  return result.ok ? null : result.message;
}

export class Replacement implements TextWriter {
  private readonly regex: CompiledRegex;
  private readonly captures = newCaptures();
  private found: Uint8Array; // what matches() looked at last
  private foundAt = 0;
  private template: Uint8Array;
  private templateAt = 0;
  private templateEnd = -1; // −1: the text did not fit into a buffer

  /** @param source one that regexProblem found nothing wrong with; letters' case counts */
  constructor(source: string) {
    const result = compileRegex(source, false);
    assert(result.ok, 'the expressions of rules are checked when they are parsed');
    this.regex = result.regex;
    this.found = this.template = new Uint8Array(0);
  }

  /** Makes the replacement's text, for the matches that follow. It ends at a NUL: to HAProxy it is a C string. */
  prepare(subject: Subject, format: TextWriter): void {
    const { trash } = subject;
    const at = trash.take();
    const end = format.write(subject, trash.bytes, at, at + trash.chunkBytes);
    this.template = trash.bytes;
    this.templateAt = at;
    this.templateEnd = end;
    for (let index = at; index < end; index++) {
      if (trash.bytes[index] !== 0) continue;
      this.templateEnd = index;
      break;
    }
  }

  /** Is the expression found in bytes[from, to)? */
  matches(bytes: Uint8Array, from: number, to: number): boolean {
    this.found = bytes;
    this.foundAt = from;
    return this.regex.exec(bytes, from, to - from, this.captures);
  }

  /** The replacement for what matched last; returns where it ended, or EDIT_FAILED. */
  write(_subject: Subject, bytes: Uint8Array, at: number, limit: number): number {
    const { template, templateAt, templateEnd } = this;
    if (templateEnd < templateAt) return EDIT_FAILED;
    const length = templateEnd - templateAt;
    const end = writeReplacement(
      bytes,
      at,
      limit,
      this.found,
      this.foundAt,
      this.captures,
      template,
      templateAt,
      length,
    );
    return end < 0 ? EDIT_FAILED : end;
  }
}
