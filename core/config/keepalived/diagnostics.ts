// What keepalived would say about its configuration, in its words, each with file and line (keepalived(8) -t).
//
// Nothing is printed here: the caller decides where the entries go. keepalived has many classes of mistakes, but only
// four exit codes of `--config-test` come from them, and the highest class wins; `exitCode` follows that.

/**
 * notice: told, and no mistake. warning: a mistake keepalived steps over, using a default or leaving the line out.
 * error: keepalived would not run this, or weir cannot do what is asked.
 */
export type Severity = 'notice' | 'warning' | 'error';

export interface KeepalivedDiagnostic {
  readonly severity: Severity;
  readonly file: string; // '' when it belongs to no line
  readonly line: number; // 0 when it belongs to no line
  readonly text: string;
}

/** `--config-test`: 0 no mistake, 2 a parameter is missing, 4 cannot run, 5 mistakes, 6 security or files missing. */
export type ConfigTestCode = 0 | 2 | 4 | 5 | 6;

const ENTRY_COUNT_MAX = 10_000;

/** Thrown where keepalived exits at once: reading ends, and no model is made. */
export class ConfigStop extends Error {}

export class KeepalivedDiagnostics {
  readonly entries: KeepalivedDiagnostic[] = [];
  exitCode: ConfigTestCode = 0;
  /** True: there is nothing to run; see Severity 'error'. */
  refused = false;
  file = '';
  line = 0;
  private readonly told = new Set<string>();

  /** What follows belongs to this line. */
  at(file: string, line: number): void {
    this.file = file;
    this.line = line;
  }

  /** A remark without consequence. */
  notice(text: string): void {
    this.add('notice', text);
  }

  /** A mistake that keepalived reports and steps over. */
  warning(text: string): void {
    this.raise(5);
    this.add('warning', text);
  }

  /** As `warning`, of the class that scripts' safety has. */
  security(text: string): void {
    this.raise(6);
    this.add('warning', text);
  }

  /** A mistake after which keepalived does not run. `code` is what --config-test answers for it alone. */
  error(text: string, code: ConfigTestCode = 5): void {
    this.raise(code);
    this.refused = true;
    this.add('error', text);
  }

  /** Something keepalived can do and weir cannot (yet). */
  notImplemented(word: string, why: string): void {
    this.error(`'${word}' is known to keepalived 2.4 but not implemented by weir yet: ${why}`);
  }

  /** A parameter is missing: keepalived ends here, whatever comes later. */
  stop(text: string): never {
    this.exitCode = 2;
    this.refused = true;
    this.add('error', text);
    throw new ConfigStop(text);
  }

  /** A limit of ours against files that never end. */
  limit(text: string): never {
    this.error(text);
    throw new ConfigStop(text);
  }

  /** Something to know that is no mistake in the file: it does not change what --config-test answers. */
  remark(text: string): void {
    this.add('warning', text);
  }

  private raise(code: ConfigTestCode): void {
    if (this.exitCode < code) this.exitCode = code;
  }

  private add(severity: Severity, text: string): void {
    // The files are gone through twice, and a repeated line (~SEQ) repeats its mistakes: one of each is enough.
    const key = `${this.line}:${this.file}:${text}`;
    if (this.told.has(key)) return;
    if (this.told.size <= ENTRY_COUNT_MAX) this.told.add(key);
    if (this.entries.length < ENTRY_COUNT_MAX) {
      this.entries.push({ severity, file: this.file, line: this.line, text });
    } else if (this.entries.length === ENTRY_COUNT_MAX) {
      this.entries.push({ severity: 'warning', file: '', line: 0, text: 'Too many mistakes to show them all' });
    }
  }
}

/** `(file: Line N) text`, as keepalived writes it. */
export function formatDiagnostic(entry: KeepalivedDiagnostic): string {
  return entry.line === 0 ? entry.text : `(${entry.file}: Line ${entry.line}) ${entry.text}`;
}
