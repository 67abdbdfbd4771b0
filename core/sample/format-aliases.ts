// `%ci`, `%ST`, `%{+Q}r` …: what a log format can name besides expressions (manual §8.2.6). `%o` is the parser's own.

import type { FormatAlias } from './format-alias.ts';
import { httpAliases } from './format-alias-http.ts';
import { streamAliases } from './format-alias-stream.ts';
import { timeAliases } from './format-alias-time.ts';

export const formatAliases: readonly FormatAlias[] = [...timeAliases, ...streamAliases, ...httpAliases];

const byName = new Map(formatAliases.map((alias) => [alias.name, alias]));

export function formatAlias(name: string): FormatAlias | undefined {
  return byName.get(name);
}
