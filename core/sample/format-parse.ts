// Text → FormatAst: log-format strings (manual §8.2.6), also those of rules. Errors are HAProxy's words.

import type { FormatAst, FormatPart } from '../model/language.ts';
import { parseExpression } from './expression-parse.ts';
import { formatAlias } from './format-aliases.ts';
import {
  applyFlags,
  OPTION_BIN,
  OPTION_CBOR,
  OPTION_ENCODE,
  OPTION_ESCAPE,
  OPTION_HTTP,
  OPTION_JSON,
  OPTION_MANDATORY,
  OPTION_MERGE_SPACES,
  OPTION_REQUEST,
  OPTION_RESPONSE,
  TYPECAST_RAW,
} from './format-options.ts';
import type { ParseScope } from './parse-scope.ts';
import {
  AT_BE_CHK_RUL,
  AT_BE_SRV_CON,
  AT_FE_LOG_END,
  TYPE_BOOL,
  TYPE_SAME,
  TYPE_SINT,
  TYPE_STR,
  USE_L6REQ,
  USE_L6RES,
} from './types.ts';
import { placesOf, sourceNames } from './validity.ts';

export interface FormatOptions {
  readonly where: number; // AT_… bits of the place the format is for
  readonly http?: boolean; // values go into HTTP: what it forbids is written %XX
  readonly log?: boolean; // a line of a log: `-` for empty values, spaces are merged
  readonly merge?: boolean; // spaces are merged
}

export type FormatResult =
  | { readonly ok: true; readonly ast: FormatAst }
  | { readonly ok: false; readonly error: string };

// A request has its places up to the choice of the server, a response all from the server's connection to the log; checks
// have both.
const BEFORE_CONNECTION = AT_BE_SRV_CON - 1;
const REQUEST_PLACES = BEFORE_CONNECTION | AT_BE_CHK_RUL;
const RESPONSE_PLACES = (((AT_FE_LOG_END << 1) - 1) & ~BEFORE_CONNECTION) | AT_BE_CHK_RUL;

export function parseFormat(text: string, scope: ParseScope, options: FormatOptions): FormatResult {
  const reader = new FormatReader(text, scope, options);
  const error = reader.read();
  if (error !== null) return { ok: false, error };
  return { ok: true, ast: reader.finish() };
}

type WritablePart = { -readonly [Key in keyof FormatPart]: FormatPart[Key] } & FormatPart;

const isAlpha = (char: string): boolean => /^[A-Za-z]$/.test(char);
const isAlnum = (char: string): boolean => /^[A-Za-z0-9]$/.test(char);

/** What stands between `%` and the alias or expression. */
interface Prefix {
  name: string;
  typecast: number;
  flags: string;
}

class FormatReader {
  private readonly text: string;
  private readonly scope: ParseScope;
  private readonly where: number;
  private readonly parts: WritablePart[] = [];
  private options: number; // of the parts that follow: %o changes them
  private common = 0; // those that all parts have by %o
  private uses = 0;
  private at = 0;

  constructor(text: string, scope: ParseScope, { where, http = false, log = false, merge = false }: FormatOptions) {
    this.text = text;
    this.scope = scope;
    this.where = where;
    this.options = (http ? OPTION_HTTP : 0) | (log ? OPTION_MANDATORY : 0) | (log || merge ? OPTION_MERGE_SPACES : 0);
  }

  /** Null, or what is wrong. */
  read(): string | null {
    while (this.at < this.text.length) {
      const char = this.text[this.at]!;
      if (char === '%') {
        const error = this.item();
        if (error !== null) return error;
      } else if (char === ' ' && (this.options & OPTION_MERGE_SPACES) !== 0) {
        this.parts.push({ kind: 'separator' });
        this.at++;
      } else this.literal(this.at);
    }
    return null;
  }

  /** Text that begins with the character at `from`, whatever that is. */
  private literal(from: number): void {
    const merges = (this.options & OPTION_MERGE_SPACES) !== 0;
    let end = from + 1;
    while (end < this.text.length && this.text[end] !== '%' && !(merges && this.text[end] === ' ')) end++;
    this.parts.push({ kind: 'text', text: this.text.slice(from, end) });
    this.at = end;
  }

  /** What begins with the `%` at hand. */
  private item(): string | null {
    const prefix: Prefix = { name: '', typecast: TYPE_SAME, flags: '' };
    this.at++;
    if (this.text[this.at] === '(') {
      const error = this.name(prefix);
      if (error !== null) return error;
    }
    const char = this.text[this.at] ?? '';
    if (char === '') return "truncated line after '%'";
    if (char === '{') return this.flags(prefix);
    if (char === '[') return this.expression(prefix);
    if (isAlpha(char)) return this.alias(prefix);
    if (isAlnum(char) || char === ' ' || char === '\t') {
      return (
        `unexpected alias name near '${char}' at position ${this.at} line : '${this.text}'. ` +
        "Maybe you want to write a single '%', use the syntax '%%'"
      );
    }
    this.literal(this.at); // `%%`; before any other character the % is lost
    return null;
  }

  /** `(name)` or `(name:type)`. */
  private name(prefix: Prefix): string | null {
    const from = this.at + 1;
    let end = from;
    let typeAt = -1;
    while (this.text[end] !== ')') {
      const char = this.text[end] ?? '';
      if (char === ':' && typeAt < 0) typeAt = end + 1;
      else if (!isAlnum(char) && char !== '_' && char !== '-') {
        // A NUL ends HAProxy's own message.
        if (char === '') return "invalid character in custom name near '";
        return `invalid character in custom name near '${char}' at position ${end} line : '${this.text}'`;
      }
      end++;
    }
    prefix.name = this.text.slice(from, typeAt < 0 ? end : typeAt - 1);
    this.at = end + 1;
    return typeAt < 0 ? null : this.typecast(prefix, typeAt, end);
  }

  private typecast(prefix: Prefix, from: number, end: number): string | null {
    const word = this.text.slice(from, end);
    const types: Record<string, number> = { str: TYPE_STR, sint: TYPE_SINT, bool: TYPE_BOOL, raw: TYPECAST_RAW };
    const type = Object.hasOwn(types, word) ? types[word]! : -1;
    prefix.typecast = type;
    if (type >= 0) return null;
    return (
      `unexpected output type '${word}' at position ${from} line : '${this.text}'. ` +
      'Supported types are: str, sint, bool, raw'
    );
  }

  /** `{+Q}` and what it is for. */
  private flags(prefix: Prefix): string | null {
    const from = this.at + 1;
    const end = this.text.indexOf('}', from);
    if (end < 0) return `truncated line after '${this.text.slice(from)}'`;
    prefix.flags = this.text.slice(from, end);
    this.at = end + 1;
    const char = this.text[this.at] ?? '';
    if (char === '[') return this.expression(prefix);
    if (isAlnum(char)) return this.alias(prefix);
    return `parse argument modifier without alias name near '%{${prefix.flags}}'`;
  }

  private alias({ name, typecast, flags }: Prefix): string | null {
    const from = this.at;
    while (isAlnum(this.text[this.at] ?? '')) this.at++;
    const word = this.text.slice(from, this.at);
    const options = flags === '' ? this.options : applyFlags(this.options, flags);
    if (word === 'o') {
      this.options = options;
      this.common = this.common === 0 ? options : this.common & options;
      return null;
    }
    const alias = formatAlias(word);
    if (alias === undefined) {
      return `no such format alias '${word}'. If you wanted to emit the '%' character verbatim, you need to use '%%'`;
    }
    this.uses |= alias.uses;
    this.parts.push({ kind: 'alias', alias: word, name, options, typecast });
    return null;
  }

  private expression({ name, typecast, flags }: Prefix): string | null {
    const from = this.at + 1;
    const rest = this.text.slice(from);
    const parsed = parseExpression([rest], 0, this.scope, true);
    if (!parsed.ok) return `failed to parse sample expression <${rest}> : ${parsed.error}`;
    const { ast, end } = parsed;
    const places = placesOf(ast.uses) & this.where;
    if (places === 0) {
      return (
        `sample fetch <${ast.fetch}> may not be reliably used here because it needs '${sourceNames(ast.uses)}' ` +
        'which is not available here'
      );
    }
    this.warnLayer6(ast.fetch, ast.uses);
    let options = flags === '' ? this.options : applyFlags(this.options, flags);
    if ((places & REQUEST_PLACES) !== 0) options |= OPTION_REQUEST;
    if ((places & RESPONSE_PLACES) !== 0) options |= OPTION_RESPONSE;
    this.uses |= ast.uses;
    this.parts.push({ kind: 'sample', expression: ast, name, options, typecast });
    const next = rest[end] ?? '';
    if (next === ']') {
      this.at = from + end + 1;
      return null;
    }
    const read = rest.slice(0, end);
    return /^[ -~]$/.test(next) ? `expected ']' after '${read}', but found '${next}'` : `missing ']' after '${read}'`;
  }

  private warnLayer6(fetch: string, uses: number): void {
    if ((this.options & OPTION_HTTP) === 0 || (uses & (USE_L6REQ | USE_L6RES)) === 0) return;
    const { file, line } = this.scope;
    this.scope.warn(`parsing [${file}:${line}] : L6 sample fetch <${fetch}> ignored in HTTP log-format string.`);
  }

  /** Options that exclude each other are settled when all are known. */
  finish(): FormatAst {
    const common = settle(this.common, 0);
    for (const part of this.parts) {
      if (part.kind !== 'alias' && part.kind !== 'sample') continue;
      const kept = (common & OPTION_ENCODE) !== 0 ? OPTION_BIN | OPTION_ENCODE : OPTION_BIN;
      part.options = settle((part.options & ~kept) | (common & kept), common);
    }
    const encoding = (common & OPTION_JSON) !== 0 ? 'json' : (common & OPTION_CBOR) !== 0 ? 'cbor' : '';
    const { text, parts, uses } = this;
    return { text, encoding, options: common, parts, uses, file: this.scope.file, line: this.scope.line };
  }
}

function settle(options: number, common: number): number {
  let out = options;
  if ((out & OPTION_HTTP) !== 0) {
    const encodingWins = (common & (OPTION_HTTP | OPTION_ENCODE)) !== 0 && (common & OPTION_HTTP) === 0;
    out &= encodingWins ? ~OPTION_HTTP : ~OPTION_ENCODE;
  }
  return (out & OPTION_ENCODE) === 0 ? out : out & ~OPTION_ESCAPE;
}
