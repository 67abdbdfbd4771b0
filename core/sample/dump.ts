// What the rule language has, line by line as `haproxy -dKsmp`, `-dKcnv` and `-dKacl` list it.

import { aclKeywords } from './acl-keywords.ts';
import { ARG_KIND_NAMES } from './arguments.ts';
import { converterRows } from './converters.ts';
import { fetchRow, fetchRows } from './fetches.ts';
import type { Signature } from './rows.ts';
import { TYPE_NAMES } from './types.ts';
import { PLACE_NAMES, placesOf } from './validity.ts';

function unique<Row extends { readonly name: string }>(rows: readonly Row[]): Row[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** `(string[,integer])`; the mandatory ones stand before the bracket. */
function signature({ kinds, min }: Signature): string {
  if (kinds.length === 0) return '';
  let text = '';
  kinds.forEach((kind, index) => {
    if (index === min) text += '[';
    if (index > 0) text += ',';
    text += ARG_KIND_NAMES[kind];
  });
  return `(${text}${kinds.length > min ? ']' : ''})`;
}

/** The drawing above the columns: a line for each place. */
function placeHeading(): string[] {
  const count = PLACE_NAMES.length;
  const lines: string[] = [];
  for (let bit = 0; bit <= count + 1; bit++) {
    let line = `#${' '.repeat(Math.max(count + 1 - bit, 0))}`;
    line += (bit <= count ? '/ ' : ' |').repeat(Math.min(bit, count));
    if (bit < count) line += `_.${'-'.repeat(count)}`.slice(0, count + 2 - bit);
    lines.push(`${line} ${PLACE_NAMES[bit] ?? ''}`);
  }
  return lines;
}

export function fetchLines(): string[] {
  const lines = unique(fetchRows).map(({ name, args, out, uses }) => {
    const places = placesOf(uses);
    const marks = PLACE_NAMES.map((_, bit) => ((places & (1 << bit)) !== 0 ? 'Y ' : '. ')).join('');
    return `[ ${marks}] ${name}${signature(args)}: ${TYPE_NAMES[out]}`;
  });
  return [...placeHeading(), ...lines];
}

export function converterLines(): string[] {
  return unique(converterRows).map(
    (row) => `${row.name}${signature(row.args)}: ${TYPE_NAMES[row.out]} => ${TYPE_NAMES[row.in]}`,
  );
}

/** Keywords of which the fetch is there. */
export function aclLines(): string[] {
  return unique(aclKeywords)
    .filter(({ fetch }) => fetchRow(fetch) !== undefined)
    .map(({ name, fetch, method }) => `${name} = ${fetch} -m ${DUMPED_METHODS[method] ?? method}`);
}

/** Ways of comparing that are the keyword's own are listed as what they are made from. */
const DUMPED_METHODS: Partial<Record<string, string>> = { meth: 'str', ver: 'int' };
