// `%ci`, `%ST`, `%{+Q}r` …: what a log format can name besides expressions (manual §8.2.6).

import type { FormatWriter } from './format-writer.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';

export interface FormatAlias {
  readonly name: string;
  /** Needs HTTP: in a TCP proxy it is always empty. */
  readonly http: boolean;
  readonly uses: number; // USE_… bits, 0 when it has a value wherever something is logged
  /** Writes its value as writer.options say; false: there was no room, the rest is cut. */
  compile(linker: Linker): (subject: Subject, writer: FormatWriter) => boolean;
}

export const formatAliases: readonly FormatAlias[] = [];

const byName = new Map(formatAliases.map((alias) => [alias.name, alias]));

export function formatAlias(name: string): FormatAlias | undefined {
  return byName.get(name);
}
