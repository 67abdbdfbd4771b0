// `$NAME=value` and `${NAME}` (keepalived.conf(5), "Parameter substitution"): what names stand for, and putting it in.
//
// A name is replaced where it is used, and what comes in is looked at again, so definitions may use each other. A
// definition of several lines may only stand at the end of a line: its first line goes there, the others follow as
// lines of their own. Definitions that use themselves would never end, so replacements per line are counted.

import type { KeepalivedDiagnostics } from './diagnostics.ts';

const REPLACEMENT_COUNT_MAX = 4_000; // per line
export const LINE_BYTES_MAX = 1_023;

export interface Definition {
  readonly name: string;
  lines: string[]; // one, unless multiline
  multiline: boolean;
  /** The value is made at each use. */
  make: ((parameters: readonly string[]) => string) | null;
  readonly parameterCountMin: number;
  readonly parameterCountMax: number;
  readonly numbersOnly: boolean;
}

/** What decides the predefined names. */
export interface Surroundings {
  configId: string;
  environment: Readonly<Record<string, string | undefined>>;
  folder(): string; // of the file being read
  random(): number; // 0 to 2^31-1
}

export interface Expansion {
  text: string;
  /** The lines to be read next, of the last multi-line definition that was used. null: none was. */
  follow: readonly string[] | null;
  replaced: boolean;
}

interface Use {
  definition: Definition;
  parameters: string[];
  end: number; // behind the use
}

export class Definitions {
  private readonly byName = new Map<string, Definition>();
  private readonly diagnostics: KeepalivedDiagnostics;

  constructor(surroundings: Surroundings, diagnostics: KeepalivedDiagnostics) {
    this.diagnostics = diagnostics;
    this.predefine('_PWD', () => surroundings.folder());
    this.predefine('_INSTANCE', () => surroundings.configId);
    this.predefine('_RANDOM', (range) => this.randomOf(range, surroundings), 0, 2, true);
    this.predefine('_ENV', ([name]) => surroundings.environment[name ?? ''] ?? '', 1, 1);
    this.predefine('_HASH', () => '#');
    this.predefine('_BANG', () => '!');
  }

  /** A definition's line, `$NAME=TEXT`; null when `text` is none. A trailing `\` says that more lines follow. */
  define(text: string): Definition | null {
    const match = /^\$([A-Za-z_]\w*)=[ \t]*(.*)$/s.exec(text);
    if (match === null) return null;
    const value = match[2]!;
    const multiline = value.endsWith('\\');
    const first = multiline ? value.slice(0, -1).replace(/[ \t]+$/, '') : value;
    return this.set(match[1]!, multiline && first === '' ? [] : [first], multiline);
  }

  /** Gives `name` a value of one line: ~SEQ and ~LST. */
  assign(name: string, value: string): void {
    this.set(name, [value], false);
  }

  /** Replaces every use of a name in `text`; null when the line would grow too long, told. */
  expand(text: string): Expansion | null {
    let result = text;
    let follow: readonly string[] | null = null;
    let replaced = false;
    let at = 0;
    for (let count = 0; ; ) {
      at = result.indexOf('$', at);
      if (at < 0 || at + 1 >= result.length) return { text: result, follow, replaced };
      const use = this.findUse(result, at + 1);
      if (use === null) {
        at++;
        continue;
      }
      if (++count > REPLACEMENT_COUNT_MAX) {
        this.diagnostics.warning(`Parameter substitution on line '${text}' does not end`);
        return null;
      }
      replaced = true;
      const { definition } = use;
      const value = definition.make === null ? (definition.lines[0] ?? '') : definition.make(use.parameters);
      if (definition.multiline) follow = definition.lines.slice(1);
      const longer = result.slice(0, at) + value + result.slice(use.end);
      if (Buffer.byteLength(longer) > LINE_BYTES_MAX) {
        this.diagnostics.warning(`Parameter substitution on line '${text}' would exceed maximum line length`);
        return null;
      }
      result = longer;
      if (/^[ \t]*~/.test(value)) return { text: result, follow, replaced };
    }
  }

  private findUse(text: string, at: number): Use | null {
    const braces = text[at] === '{';
    const pattern = braces ? /\{([A-Za-z_]\w*)(?:[ \t]+([\w \t]*\w))?\}/y : /([A-Za-z_]\w*)(?=[ \t,)]|$)/y;
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return null;
    const definition = this.byName.get(match[1]!);
    if (definition === undefined) return null;
    const end = at + match[0].length;
    if (definition.multiline && end < text.length) return null;
    const parameters = match[2] === undefined ? [] : match[2].split(/[ \t]+/);
    if (parameters.length > 0 && !this.takes(definition, parameters)) return null;
    return { definition, parameters, end };
  }

  private takes(definition: Definition, parameters: readonly string[]): boolean {
    const { name, parameterCountMin, parameterCountMax } = definition;
    if (parameterCountMax === 0) return false;
    if (definition.numbersOnly && !parameters.every((each) => /^\d+$/.test(each))) {
      this.diagnostics.warning(`Definition ${name} requires numeric parameters only.`);
      return false;
    }
    if (parameters.length >= parameterCountMin && parameters.length <= parameterCountMax) return true;
    const range = `between ${parameterCountMin} and ${parameterCountMax} parameters, ${parameters.length} specified`;
    this.diagnostics.warning(`Definition ${name} requires ${range}.`);
    return false;
  }

  private set(name: string, lines: string[], multiline: boolean): Definition {
    const definition = plain(name, lines, multiline);
    this.byName.set(name, definition);
    return definition;
  }

  private predefine(name: string, make: Definition['make'], min = 0, max = 0, numbersOnly = false): void {
    const definition = { ...plain(name, [], false), make };
    this.byName.set(name, { ...definition, parameterCountMin: min, parameterCountMax: max, numbersOnly });
  }

  private randomOf(range: readonly string[], surroundings: Surroundings): string {
    const min = Number(range[0] ?? 0);
    let max = Number(range[1] ?? 32_767);
    if (min > max) {
      this.diagnostics.warning(`\${_RANDOM}: min ${min} exceeds max ${max}, using ${min}`);
      max = min;
    }
    return String((surroundings.random() % (max - min + 1)) + min);
  }
}

function plain(name: string, lines: string[], multiline: boolean): Definition {
  return { name, lines, multiline, make: null, parameterCountMin: 0, parameterCountMax: 0, numbersOnly: false };
}
