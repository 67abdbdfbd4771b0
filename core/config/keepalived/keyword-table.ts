// A keyword is a row: what it sets, what its braces may hold, and whether weir does what it asks.
//
// Tables are read by walk.ts, which knows no keyword. A row's `set` gets the line and the drafts; it reports mistakes
// in keepalived's words and leaves the default, as keepalived does.

import type { KeepalivedDiagnostics } from './diagnostics.ts';
import { type Draft, type GlobalDraft, type InstanceDraft, newDraft, newGlobal } from './drafts.ts';
import { Numbers, parseBoolean } from './numbers.ts';
import type { RouteNames } from './route-names.ts';
import type { ScriptUsers } from './script-users.ts';
import type { Words } from './words.ts';

export interface Row {
  set(words: Words, parse: Parse): void;
  readonly body?: KeywordTable; // its braces hold keywords
  /** After the closing brace; not when `set` skipped the block. */
  end?(parse: Parse): void;
  readonly quoted?: boolean; // its parameter is a command, split from the raw line
  /** Why weir does nothing for it, and why that changes nothing. Absent: it does. */
  readonly ignored?: string;
  /** Why weir refuses it. Absent: it does not. */
  readonly refused?: string;
}

export type KeywordTable = Readonly<Record<string, Row>>;

/** What the environment decides. */
export interface ParseOptions {
  /** Interfaces that exist; null: every name is taken as existing. */
  readonly interfaces: ReadonlySet<string> | null;
  readonly hostName: string;
  readonly cpuCount: number;
}

/** All that a row may need while files are read. */
export class Parse {
  readonly diagnostics: KeepalivedDiagnostics;
  readonly numbers: Numbers;
  readonly options: ParseOptions;
  readonly users: ScriptUsers;
  readonly routeNames: RouteNames;
  readonly global: GlobalDraft = newGlobal();
  readonly draft: Draft = newDraft();
  /** A name that is on no interface was used, with `dynamic_interfaces` absent: keepalived does not start. */
  interfaceMissing = false;
  /** The lines of the block that opened on the current line; set by walk.ts. */
  blockLines: (words: Words) => Words[] = () => [];
  /** Leave out the block that opened, or will open, on the current line; set by walk.ts. */
  skipBlock: (opened: boolean) => void = () => {};
  /** `include_check`'s bits; set by load.ts. */
  setIncludeCheck: (change: (before: number) => number) => void = () => {};

  constructor(
    diagnostics: KeepalivedDiagnostics,
    options: ParseOptions,
    tools: { users: ScriptUsers; routeNames: RouteNames },
  ) {
    this.diagnostics = diagnostics;
    this.numbers = new Numbers(diagnostics);
    this.options = options;
    this.users = tools.users;
    this.routeNames = tools.routeNames;
  }

  warning(text: string): void {
    this.diagnostics.warning(text);
  }

  /** Runs `each` on the lines of the block that opens here, mistakes going to their lines. */
  eachLine(words: Words, each: (line: Words) => void): void {
    const lines = this.blockLines(words);
    const { file, line } = this.diagnostics;
    for (const entry of lines) {
      this.diagnostics.at(entry.file, entry.line);
      each(entry);
    }
    this.diagnostics.at(file, line);
  }

  get instance(): InstanceDraft {
    return this.draft.instance;
  }

  /** Whether `name` may be used as an interface; remembers that one was missing. */
  interfaceExists(name: string): boolean {
    const exists = this.mayBeInterface(name);
    this.interfaceMissing ||= !exists;
    return exists;
  }

  /** The same, where keepalived makes nothing more of one that is missing. */
  mayBeInterface(name: string): boolean {
    const { interfaces } = this.options;
    return interfaces === null || interfaces.has(name) || this.global.dynamicInterfaces;
  }
}

/** A row without parameters. */
export function flag(set: (parse: Parse) => void): Row {
  return { set: (_words, parse) => set(parse) };
}

/** `[<BOOL>]`: on when the word is missing. `mistake` gets the word. */
export function boolean(
  set: (parse: Parse, value: boolean) => void,
  mistake: (word: string, parse: Parse) => string,
): Row {
  return {
    set(words, parse) {
      const value = words.count < 2 ? true : parseBoolean(words.at(1));
      if (value === null) parse.warning(mistake(words.at(1), parse));
      else set(parse, value);
    },
  };
}

/** An unsigned number; `mistake` gets the word. */
export function unsigned(
  min: number,
  max: number,
  set: (parse: Parse, value: number) => void,
  mistake: (word: string, parse: Parse) => string,
): Row {
  return {
    set(words, parse) {
      const value = parse.numbers.unsigned(words.at(1), min, max);
      if (value === null) parse.warning(mistake(words.at(1), parse));
      else set(parse, value);
    },
  };
}

/** A number with `places` decimals, as a whole number of that unit. */
export function decimal(
  range: { min: number; max: number; places: number },
  set: (parse: Parse, value: number, word: string) => void,
  mistake: (word: string, parse: Parse) => string,
): Row {
  return {
    set(words, parse) {
      const value = parse.numbers.decimal(words.at(1), range.min, range.max, range.places);
      if (value === null) parse.warning(mistake(words.at(1), parse));
      else set(parse, value, words.at(1));
    },
  };
}

/** weir takes the word and does nothing; `why` says why that is right. */
export function ignored(why: string): Row {
  return { set: () => {}, ignored: why };
}

/** weir refuses to start with it: leaving it out would change what happens. */
export function refused(why: string, body?: KeywordTable): Row {
  const row = { set: (words: Words, parse: Parse) => parse.diagnostics.notImplemented(words.at(0), why), refused: why };
  return body === undefined ? row : { ...row, body };
}
