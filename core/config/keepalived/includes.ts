// The files being read: `include` and its stricter kinds, what they match, where each line came from.
//
// A missing file is no mistake for plain `include`; the letters behind the word and `include_check` say what is
// (keepalived.conf(5), "Include files"). Files may include each other without end, so depth and number are bounded.

import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LINE_BYTES_MAX } from './definitions.ts';
import type { KeepalivedDiagnostics } from './diagnostics.ts';
import { globFiles, hasBrace } from './glob.ts';

const FILE_DEPTH_MAX = 64;
const FILE_COUNT_MAX = 5_000;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

// What must hold of an `include`'s files, or-ed.
export const READABLE = 1;
export const MATCH = 2;
export const WILDCARD_MATCH = 4;
export const BRACE_MATCH = 8;

const KINDS: Readonly<Record<string, number>> = {
  '': 0,
  r: READABLE,
  m: READABLE | MATCH,
  w: READABLE | MATCH | WILDCARD_MATCH,
  b: READABLE | BRACE_MATCH,
  a: READABLE | MATCH | WILDCARD_MATCH | BRACE_MATCH,
};

interface OpenFiles {
  paths: readonly string[]; // all that the pattern matched
  next: number; // the next of them
  folder: string; // where the pattern stood
  kind: number;
  checkBefore: number; // `check` when this pattern was opened
  name: string; // the current file, as matched
  fileFolder: string; // its folder, absolute
  lines: readonly string[];
  line: number; // 1 for the first
}

export class Includes {
  /** `include_check`: holds for every include. */
  check = 0;
  /** True after a file that had to be there was not: keepalived does not start. */
  failed = false;
  readonly files: string[] = []; // all that were opened, absolute
  private readonly stack: OpenFiles[] = [];
  private readonly waiting: string[]; // main files, read one after the other
  private readonly diagnostics: KeepalivedDiagnostics;

  /** @param files the main ones, by name: no pattern */
  constructor(files: readonly string[], diagnostics: KeepalivedDiagnostics) {
    this.waiting = [...files];
    this.diagnostics = diagnostics;
  }

  /** The folder that relative names are looked up in, and `${_PWD}`. */
  get folder(): string {
    return this.stack.at(-1)?.fileFolder ?? process.cwd();
  }

  /** Opens what `pattern` names; `kind` as in KINDS. False: nothing. */
  open(pattern: string, kind: number): boolean {
    if (this.stack.length >= FILE_DEPTH_MAX) {
      this.complain(READABLE, kind, `Configuration file '${pattern}' open problem (Too many open files) - skipping`);
      return false;
    }
    const { paths, missing, wildcards } = globFiles(pattern, this.folder);
    if (paths.length === 0) {
      if (missing) {
        this.complain(hasBrace(pattern) ? BRACE_MATCH : MATCH, kind, `Config files missing '${pattern}'.`);
      } else if (wildcards && ((this.check | kind) & WILDCARD_MATCH) !== 0) {
        this.complain(WILDCARD_MATCH, kind, `No config files matched '${pattern}'.`);
      }
      return false;
    }
    if (missing) {
      this.complain(BRACE_MATCH, kind, `Some config files missing: "${pattern}".`);
      if (((this.check | kind) & BRACE_MATCH) !== 0) return false;
    }
    return this.push(paths, kind);
  }

  private push(paths: readonly string[], kind: number): boolean {
    const open = { paths, next: 0, folder: this.folder, kind, checkBefore: this.check };
    this.stack.push({ ...open, name: '', fileFolder: open.folder, lines: [], line: 0 });
    if (this.openNext()) return true;
    this.stack.pop();
    return false;
  }

  /** Opens the next main file; it has to be there. False: there was none left. */
  private openMain(): boolean {
    const path = this.waiting.shift();
    if (path === undefined) return false;
    this.diagnostics.at('', 0);
    if (!existsSync(path)) this.complain(READABLE, READABLE, `Config files missing '${path}'.`);
    else this.push([path], READABLE | MATCH | WILDCARD_MATCH);
    return true;
  }

  /** `include PATTERN` and its kinds, as a line. False: the line is something else. */
  take(text: string): boolean {
    const match = /^include([rmwba]?)[ \t\n\v\f\r][ \t]*(.*)$/s.exec(text);
    if (match === null) return false;
    this.open(match[2]!, KINDS[match[1]!]!);
    return true;
  }

  /** The next line as it stands in its file, without its end; null after the last. */
  nextLine(): string | null {
    for (;;) {
      const top = this.stack.at(-1);
      if (top === undefined) {
        if (this.openMain()) continue;
        return null;
      }
      if (top.line < top.lines.length) {
        const text = top.lines[top.line++]!;
        this.diagnostics.at(top.name, top.line);
        if (text.length <= LINE_BYTES_MAX && Buffer.byteLength(text) <= LINE_BYTES_MAX) return text;
        this.diagnostics.warning('line too long - ignoring');
        return '';
      }
      this.check = top.checkBefore;
      if (this.openNext()) continue;
      this.stack.pop();
    }
  }

  /** Opens the next readable file of the top pattern. */
  private openNext(): boolean {
    const top = this.stack.at(-1)!;
    while (top.next < top.paths.length) {
      const path = top.paths[top.next++]!;
      const content = this.readChecked(path, top);
      if (content === null) continue;
      top.name = path;
      top.fileFolder = path.includes('/') ? resolve(top.folder, dirname(path)) : top.folder;
      top.lines = content;
      top.line = 0;
      return true;
    }
    return false;
  }

  private readChecked(path: string, top: OpenFiles): string[] | null {
    const absolute = resolve(top.folder, path);
    const bad = (text: string): null => {
      this.complain(READABLE, top.kind, `Configuration file '${path}' ${text}`);
      return null;
    };
    if (path.endsWith('/')) return bad('is a directory - skipping');
    try {
      const status = statSync(absolute);
      if (!status.isFile() || (status.mode & 0o111) !== 0)
        return bad('is not a regular non-executable file - skipping');
      if (status.size > FILE_BYTES_MAX) return bad('open problem (File too large) - skipping');
      if (this.files.length >= FILE_COUNT_MAX) this.diagnostics.limit('Too many configuration files');
      const bytes = readFileSync(absolute);
      this.files.push(absolute);
      return linesOf(bytes, this.diagnostics);
    } catch (error) {
      if (error instanceof Error && 'code' in error) return bad(`open problem (${error.code}) - skipping`);
      throw error;
    }
  }

  private complain(what: number, kind: number, text: string): void {
    if (((this.check | kind) & what) === 0) {
      this.diagnostics.notice(text);
      return;
    }
    this.failed = true;
    this.diagnostics.error(text, 4);
  }
}

/** Text is UTF-8 where it can be, else each byte is a character. NULs end a line as they do in C. */
function linesOf(bytes: Buffer, diagnostics: KeepalivedDiagnostics): string[] {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => {
    const end = line.indexOf('\0');
    const kept = end < 0 ? line : line.slice(0, end);
    if (end > 0) diagnostics.notice('configuration appears to have embedded NULs');
    return kept.replace(/\r+$/, '');
  });
}
