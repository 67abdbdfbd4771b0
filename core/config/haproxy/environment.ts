// The environment variables a configuration sees and changes (manual §2.3 and `setenv` in §3.1).
//
// A copy of the process's own: parsing never touches process.env, so a check leaves no trace and a test needs no
// clean-up. What the new process should export is taken from `entries()` when the configuration is adopted.

import { bestMatch } from './hints.ts';
import { isWordChar, toBytes } from './text.ts';

export class Environment {
  private readonly variables = new Map<string, string>();

  constructor(initial: Readonly<Record<string, string | undefined>>) {
    for (const [name, value] of Object.entries(initial)) {
      if (value !== undefined) this.variables.set(toBytes(name), toBytes(value));
    }
  }

  get(name: string): string | null {
    return this.variables.get(name) ?? null;
  }

  set(name: string, value: string): void {
    this.variables.set(name, value);
  }

  unset(name: string): void {
    this.variables.delete(name);
  }

  /** `resetenv`: only the named ones stay. */
  keepOnly(names: readonly string[]): void {
    for (const name of [...this.variables.keys()]) {
      if (!names.includes(name)) this.variables.delete(name);
    }
  }

  /** The known name that looks most like `name`, or ''. */
  suggest(name: string): string {
    return bestMatch(name, this.variables.keys());
  }

  /** Byte strings; see text.ts. */
  entries(): IterableIterator<[string, string]> {
    return this.variables.entries();
  }

  /** `$NAME` and `${NAME}` inside an address; an unknown name becomes nothing. */
  expand(text: string): string {
    let out = '';
    let at = 0;
    while (at < text.length) {
      if (text[at] !== '$') {
        out += text[at++];
        continue;
      }
      const braced = text[at + 1] === '{';
      const nameAt = at + (braced ? 2 : 1);
      let end = nameAt;
      while (end < text.length && isWordChar(text[end]!)) end++;
      out += this.get(text.slice(nameAt, end)) ?? '';
      at = braced && text[end] === '}' ? end + 1 : end;
    }
    return out;
  }
}
