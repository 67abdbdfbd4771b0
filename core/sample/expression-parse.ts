// Text → ExpressionAst: `fetch(args),converter(args),…` (manual §7.1). Errors are HAProxy's words.
//
// Start at parseExpression. Types are followed along the chain, so that a converter which can never get its input is
// refused here.

import type { AclAst, Arg, ExpressionAst } from '../model/language.ts';
import { type ArgumentsOwner, parseArguments, settleArguments } from './arguments.ts';
import { CAST_FREE, CAST_IMPOSSIBLE, castKind } from './casts.ts';
import { converterRow } from './converters.ts';
import { fetchRow } from './fetches.ts';
import type { ParseScope } from './parse-scope.ts';
import type { ConverterRow, FetchRow } from './rows.ts';
import { type SampleType, TYPE_ANY, TYPE_SAME } from './types.ts';

export interface ParsedExpression {
  readonly ok: true;
  readonly ast: ExpressionAst;
  readonly at: number; // the first word that is not part of it
  readonly end: number; // with stopAnywhere: the first character of words[at] that is not part of it
}

export type ExpressionResult = ParsedExpression | { readonly ok: false; readonly error: string };

const isNameChar = (char: string | undefined): boolean => char !== undefined && /[A-Za-z0-9._\-+:]/.test(char);

/** The end of the fetch's or converter's name at `from`. */
export function nameEnd(text: string, from: number): number {
  let at = from;
  while (isNameChar(text[at])) at++;
  return at;
}

/**
 * Reads an expression that begins at words[at]. Following words are part of it as long as they are converters; with
 * `stopAnywhere` it is within one word, and ends where something else begins (`%[…]`).
 */
export function parseExpression(
  words: readonly string[],
  at: number,
  scope: ParseScope,
  stopAnywhere = false,
): ExpressionResult {
  const text = words[at] ?? '';
  const end = nameEnd(text, 0);
  if (end === 0) return refuse('missing fetch method');
  const name = text.slice(0, end);
  const row = fetchRow(name);
  if (row === undefined) return refuse(`unknown fetch method '${name}'`);
  const owner = { keyword: row.name, converter: '' };
  const list = parseArguments(text, end, row.args, owner, scope);
  if (!list.ok) return refuse(`fetch method '${name}' : ${list.error}`);
  const error = checkFetch(row, list.args, owner, scope);
  if (error !== null) return refuse(`invalid args in fetch method '${name}' : ${error}`);
  return parseConverters(words, at, list.end, row, list.args, scope, stopAnywhere ? 'anywhere' : 'words');
}

const refuse = (error: string): { ok: false; error: string } => ({ ok: false, error });

/** The row's own look at its arguments, which it only gets when there are any or could be. */
export function checkFetch(row: FetchRow, args: Arg[], owner: ArgumentsOwner, scope: ParseScope): string | null {
  if (args.length === 0 && row.args.min === 0 && row.check === undefined) return null;
  if (row.name === 'acl') {
    return nameAcls(args, scope);
  }
  const error = settleArguments(args, row.args, owner, scope);
  if (error !== null) return error;
  // HAProxy has no list to check when no argument was given.
  return args.length === 0 ? null : (row.check?.(args) ?? null);
}

/** `acl(name,!name,…)`: all of them must hold. The names become the ACLs themselves. */
function nameAcls(args: Arg[], scope: ParseScope): string | null {
  const group: { acl: AclAst; negated: boolean }[] = [];
  for (const arg of args) {
    const text = arg.kind === 'str' ? arg.text : '';
    const negated = text.startsWith('!');
    const name = negated ? text.slice(1) : text;
    const acl = scope.findAcl(name);
    if (typeof acl === 'string') return `ACL '${name}' not found`;
    group.push({ acl, negated });
  }
  const text = group.map(({ acl, negated }) => (negated ? `!${acl.name}` : acl.name)).join(' ');
  const { file, line } = scope;
  args.splice(0, args.length, { kind: 'condition', condition: { unless: false, groups: [group], text, file, line } });
  return null;
}

type Extent = 'words' | 'anywhere' | 'word';

/**
 * The converters behind a fetch whose own text ends at words[at][end]. Extent 'words': in following words too, 'word': all
 * of this word, 'anywhere': up to the first character that is no comma.
 */
export function parseConverters(
  words: readonly string[],
  at: number,
  end: number,
  row: FetchRow,
  args: readonly Arg[],
  scope: ParseScope,
  extent: Extent,
): ExpressionResult {
  const chain = new Chain(row);
  let wordAt = at;
  let text = words[at]!;
  let next = end;
  while (true) {
    if (next < text.length && text[next] !== ',') {
      if (extent === 'anywhere') break;
      return refuse(chain.commaError);
    }
    while (text[next] === ',') next++;
    let isNewWord = false;
    if (next >= text.length) {
      if (extent !== 'words') break;
      wordAt++;
      text = words[wordAt] ?? '';
      next = 0;
      isNewWord = true;
      if (text === '') break;
    }
    const nameAt = next;
    const name = text.slice(nameAt, nameEnd(text, nameAt));
    const converter = converterRow(name);
    if (converter === undefined) {
      if (isNewWord) break; // not ours
      return refuse(`unknown converter '${name}'`);
    }
    const read = chain.add(converter, text, nameAt + name.length, scope);
    if (typeof read === 'string') return refuse(read);
    next = read;
  }
  const { file, line } = scope;
  const written =
    extent === 'anywhere' ? text.slice(0, next) : [...words.slice(at, Math.max(wordAt, at + 1))].join(' ');
  const ast: ExpressionAst = {
    text: written,
    fetch: row.name,
    args,
    converters: chain.converters,
    out: outputType(row, chain.rows),
    uses: row.uses,
    file,
    line,
  };
  return { ok: true, ast, at: extent === 'words' ? wordAt : at, end: next };
}

/** The converters read so far, and what comes out of the last. */
class Chain {
  readonly converters: { name: string; args: readonly Arg[] }[] = [];
  readonly rows: ConverterRow[] = [];
  private readonly fetch: FetchRow;
  private type: SampleType;

  constructor(fetch: FetchRow) {
    this.fetch = fetch;
    this.type = fetch.out;
  }

  get commaError(): string {
    const last = this.rows.at(-1);
    return last === undefined ? 'missing comma after fetch keyword' : `missing comma after converter '${last.name}'`;
  }

  /** Reads the arguments at text[at]; the end, or what is wrong. */
  add(row: ConverterRow, text: string, at: number, scope: ParseScope): number | string {
    const { name } = row;
    const cast = castKind(this.type, row.in);
    if (cast === CAST_IMPOSSIBLE) return `converter '${name}' cannot be applied`;
    if (row.out !== TYPE_SAME) this.type = row.out;
    else if (cast !== CAST_FREE) this.type = row.in;
    const owner = { keyword: this.fetch.name, converter: name };
    const list = parseArguments(text, at, row.args, owner, scope);
    if (!list.ok) return `invalid arg ${list.position + 1} in converter '${name}' : ${list.error}`;
    const error = settleArguments(list.args, row.args, owner, scope) ?? row.check?.(list.args) ?? null;
    if (error !== null) return `invalid args in converter '${name}' : ${error}`;
    this.rows.push(row);
    this.converters.push({ name, args: list.args });
    return list.end;
  }
}

/** The most exact type that is known of the result, looking from the end (HAProxy's smp_expr_output_type). */
export function outputType(fetch: FetchRow, converters: readonly ConverterRow[]): SampleType {
  let next: SampleType = TYPE_ANY;
  for (let index = converters.length - 1; index >= 0; index--) {
    const row = converters[index]!;
    if (row.out !== TYPE_SAME) return castKind(row.out, next) === CAST_FREE ? row.out : next;
    if (castKind(TYPE_ANY, next) !== CAST_FREE) return next;
    next = row.in;
  }
  return castKind(fetch.out, next) === CAST_FREE ? fetch.out : next;
}
