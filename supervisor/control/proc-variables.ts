// What `get var` and `set var` need of the process-wide variables.

export interface ProcVariables {
  /** "proc.name"; null when it is not set. `text` is null for a value that cannot be shown. */
  get(name: string): { type: string; text: string | null } | null;
  /**
   * Evaluates an expression (or a log-format with `isFormat`) without traffic and stores it in all threads. Resolves
   * with '' or with the error's text, nothing having changed.
   */
  set(name: string, text: string, isFormat: boolean): Promise<string>;
}
