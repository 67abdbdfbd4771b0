// Variables of one scope: values by the number that the linker gave their name (manual §2.8).

import type { VariableScope } from '../model/language.ts';
import type { Sample } from './types.ts';

export interface Variables {
  /** Whose variables these are just now: one table is `req` first and `res` later. Numbers are counted for each scope. */
  readonly scope: VariableScope;
  /** Puts the value into `sample`; text is a view that stays until the variable is set again. */
  get(variable: number, sample: Sample): boolean;
  /**
   * Copies the value in, text too, when the conditions hold (SET_IF_… of variable-names.ts; 0: always). False: they do not,
   * or a limit (tune.vars.*) is reached.
   */
  set(variable: number, sample: Sample, conditions?: number): boolean;
  unset(variable: number): void;
  clear(): void;
}
