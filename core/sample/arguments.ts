// `(…)` behind a fetch or converter: HAProxy's second quoting layer, and the kinds of arguments (manual §2.2, §7.1).
//
// Only what the text itself tells is checked here; names of proxies, servers and userlists, and regexes, are looked at when
// the whole configuration was read, as in HAProxy: they are left in scope.uses.

import type { Arg, MatchMethod } from '../model/language.ts';
import { NOT_INET4, parseInet6, parseInt64, parseStrictInet4 } from './numbers.ts';
import type { NameUse, ParseScope, PatternReading } from './parse-scope.ts';
import type { ArgKind, Signature } from './rows.ts';
import { parseVariableName } from './variable-names.ts';

/** What messages and dumps call the kinds. Maps and variables are texts until they are checked. */
export const ARG_KIND_NAMES: Record<ArgKind, string> = {
  str: 'string',
  sint: 'integer',
  ms: 'delay',
  bytes: 'size',
  ipv4: 'IPv4 address',
  ipv6: 'IPv6 address',
  mask4: 'IPv4 mask',
  mask6: 'IPv6 mask',
  frontend: 'frontend',
  backend: 'backend',
  server: 'server',
  userlist: 'user list',
  patterns: 'string',
  regex: 'regex',
  variable: 'string',
  fields: 'Protocol buffers field number',
  table: 'table',
};

export type ArgumentsResult =
  | { ok: true; args: Arg[]; end: number } // end: the first character that is not part of the list
  | { ok: false; error: string; position: number }; // position: of the argument at fault, from 0

/** Whose arguments they are, for NameUse. */
export interface ArgumentsOwner {
  readonly keyword: string;
  readonly converter: string;
}

interface Word {
  readonly text: string;
  readonly end: number;
}

/**
 * Reads the list that may begin at text[at]. Without parentheses there is one empty argument when one is needed: that is how
 * `fe_conn` means the frontend at hand.
 */
export function parseArguments(
  text: string,
  at: number,
  signature: Signature,
  owner: ArgumentsOwner,
  scope: ParseScope,
): ArgumentsResult {
  const { kinds, min } = signature;
  const isList = text[at] === '(';
  const args: Arg[] = [];
  let next = isList ? at + 1 : text.length;
  let position = 0;
  while (position < kinds.length && (isList || min > 0)) {
    const word = readWord(text, next);
    if (typeof word === 'string') return { ok: false, error: unquoteError(word, kinds, position), position };
    const kind = kinds[position]!;
    next = word.end;
    if (word.text === '' && NEEDS_TEXT.has(kind)) {
      if (position >= min) break;
      const error = `expected type '${ARG_KIND_NAMES[kind]}' at position ${position + 1}, but got nothing`;
      return { ok: false, error, position };
    }
    const arg = convert(kind, word.text, scope);
    if (arg === null) {
      const error = `failed to parse '${word.text}' as type '${ARG_KIND_NAMES[kind]}' at position ${position + 1}`;
      return { ok: false, error, position };
    }
    args.push(arg);
    if (isLookedUpLater(arg)) scope.uses.push(nameUse(arg, position, owner, scope));
    position++;
    if (next >= text.length || text[next] === ')' || position >= kinds.length) break;
    next++; // the comma
  }
  if (position < min) {
    const error = `missing arguments (got ${position}/${min}), type '${ARG_KIND_NAMES[kinds[position]!]}' expected`;
    return { ok: false, error, position };
  }
  if (!isList) return { ok: true, args, end: at };
  if (text[next] === ')') return { ok: true, args, end: next + 1 };
  const rest = text.slice(next);
  const error = rest === '' ? `expected ')'` : `expected ')' before '${rest}'`;
  return { ok: false, error, position: position > 1 ? position - 1 : position };
}

/** Kinds of which an empty text is not one. */
const NEEDS_TEXT: ReadonlySet<ArgKind> = new Set<ArgKind>([
  ...(['sint', 'ms', 'bytes', 'ipv4', 'ipv6', 'mask4', 'mask6', 'fields'] as const),
]);

const ESCAPES: Record<string, string> = {
  '\\': '\\',
  ' ': ' ',
  '"': '"',
  "'": "'",
  r: '\r',
  n: '\n',
  t: '\t',
};

/** One argument, quotes and escapes resolved. A string: what could be read before a backslash that ends the text. */
function readWord(text: string, from: number): Word | string {
  let at = from;
  let out = '';
  let quote = '';
  while (at < text.length) {
    const char = text[at]!;
    if ((char === '"' || char === "'") && (quote === '' || quote === char)) {
      quote = quote === '' ? char : '';
      at++;
    } else if (char === '\\' && quote !== "'") {
      if (at + 1 === text.length) return out;
      const escaped = ESCAPES[text[at + 1]!];
      out += escaped ?? '\\';
      at += escaped === undefined ? 1 : 2;
    } else if (quote === '' && (char === ',' || char === ')')) break;
    else {
      out += char;
      at++;
    }
  }
  return { text: out, end: at };
}

function unquoteError(before: string, kinds: readonly ArgKind[], position: number): string {
  const name = ARG_KIND_NAMES[kinds[position]!];
  return `failed to parse '\\' after '${before}' as type '${name}' at position ${position + 1}`;
}

const isLookedUpLater = (arg: Arg): boolean =>
  arg.kind === 'proxy' ||
  arg.kind === 'server' ||
  arg.kind === 'userlist' ||
  arg.kind === 'regex' ||
  arg.kind === 'table';

function nameUse(arg: Arg, position: number, owner: ArgumentsOwner, scope: ParseScope): NameUse {
  const { where, file, line } = scope;
  return { arg, position, keyword: owner.keyword, converter: owner.converter, where, file, line };
}

function convert(kind: ArgKind, text: string, scope: ParseScope): Arg | null {
  switch (kind) {
    case 'sint':
      return integerArg(text);
    case 'ms':
      return timeArg(text, scope);
    case 'bytes':
      return sizeArg(text);
    case 'ipv4':
      return inet4Arg('ipv4', text);
    case 'mask4':
      return text.includes('.') ? inet4Arg('mask4', text) : prefixArg4(text);
    case 'ipv6':
      return inet6Arg('ipv6', text);
    case 'mask6':
      return text.includes(':') ? inet6Arg('mask6', text) : prefixArg6(text);
    case 'fields':
      return fieldsArg(text);
    default:
      return nameArg(kind, text);
  }
}

function nameArg(kind: ArgKind, text: string): Arg {
  switch (kind) {
    case 'frontend':
      return { kind: 'proxy', side: 'front', name: text, index: -1 };
    case 'backend':
      return { kind: 'proxy', side: 'back', name: text, index: -1 };
    case 'server':
      return { kind: 'server', backend: '', name: text, index: -1 };
    case 'userlist':
      return { kind: 'userlist', name: text, index: -1 };
    case 'table':
      return { kind: 'table', name: text, index: -1 };
    case 'regex':
      return { kind: 'regex', source: text, ignoreCase: false };
    default:
      return { kind: 'str', text };
  }
}

function integerArg(text: string): Arg | null {
  const { value, rest } = parseInt64(text);
  return rest === '' ? { kind: 'sint', value: Number(value), exact: value.toString() } : null;
}

const TIME_UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, '': 1 };
const TIME_MS_MAX = 2 ** 31 - 1;

function timeArg(text: string, scope: ParseScope): Arg | null {
  const match = /^([0-9]+)(us|ms|s|m|h|d|)(.*)$/s.exec(text);
  if (match === null) return null;
  const [, digits, unit, rest] = match;
  if (rest !== '' && unit === '') return null;
  const value = Math.ceil(Number(digits) * TIME_UNITS[unit!]!);
  if (value > TIME_MS_MAX) return null;
  if (rest !== '') {
    scope.warn(
      `unexpected character '${rest![0]}' after the timer value '${text}', only ` +
        '(us=microseconds,ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are supported.' +
        ' This will be reported as an error in next versions.',
    );
  }
  return { kind: 'ms', value };
}

const SIZE_SHIFTS: Record<string, number> = { '': 0, k: 10, m: 20, g: 30 };
const SIZE_MAX = 2 ** 32 - 1;

function sizeArg(text: string): Arg | null {
  const match = /^([0-9]+)([kmgKMG]?)$/.exec(text);
  if (match === null) return null;
  const value = Number(match[1]) * 2 ** SIZE_SHIFTS[match[2]!.toLowerCase()]!;
  return value > SIZE_MAX ? null : { kind: 'bytes', value };
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function inet4Arg(kind: 'ipv4' | 'mask4', text: string): Arg | null {
  const word = parseStrictInet4(latin1(text), 0, text.length);
  return word === NOT_INET4 ? null : { kind, word };
}

type Words = readonly [number, number, number, number];

function inet6Arg(kind: 'ipv6' | 'mask6', text: string): Arg | null {
  const out = Buffer.alloc(16);
  if (!parseInet6(latin1(text), 0, text.length, out, 0)) return null;
  const words: Words = [out.readUInt32BE(0), out.readUInt32BE(4), out.readUInt32BE(8), out.readUInt32BE(12)];
  return { kind, words };
}

/** A prefix length as strtol() reads it, or −1. */
function prefixOf(text: string, max: number): number {
  const match = /^[ \t\n\v\f\r]*([-+]?[0-9]+)$/.exec(text);
  const value = match === null ? -1 : Number(match[1]);
  return value >= 0 && value <= max ? value : -1;
}

const wordOfPrefix = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? 0xffff_ffff : (-1 << (32 - bits)) >>> 0);

function prefixArg4(text: string): Arg | null {
  const bits = prefixOf(text, 32);
  return bits < 0 ? null : { kind: 'mask4', word: wordOfPrefix(bits) };
}

function prefixArg6(text: string): Arg | null {
  const bits = prefixOf(text, 128);
  if (bits < 0) return null;
  const words: Words = [wordOfPrefix(bits), wordOfPrefix(bits - 32), wordOfPrefix(bits - 64), wordOfPrefix(bits - 96)];
  return { kind: 'mask6', words };
}

function fieldsArg(text: string): Arg | null {
  if (!/^[0-9]+(\.[0-9]+)*$/.test(text)) return null;
  return { kind: 'fields', numbers: text.split('.').map((part) => Number(part) >>> 0) };
}

/**
 * The second look: texts that name a variable or a map become what they name. Changes `args` in place; the error's words,
 * or null.
 */
export function settleArguments(
  args: Arg[],
  signature: Signature,
  owner: ArgumentsOwner,
  scope: ParseScope,
): string | null {
  for (let position = 0; position < args.length; position++) {
    const arg = args[position]!;
    const kind = signature.kinds[position];
    if (arg.kind !== 'str') continue;
    if (kind === 'variable') {
      const name = parseVariableName(arg.text);
      if (typeof name === 'string') return name;
      args[position] = { kind: 'variable', scope: name.scope, name: name.name };
    } else if (kind === 'patterns') {
      const index = scope.patterns.fromFile(arg.text, true, true, mapUse(owner.converter), scope);
      if (typeof index === 'string') return index;
      args[position] = { kind: 'patterns', index };
    }
  }
  return null;
}

/** How the keys of a map are compared is the second word of the converter's name; `map` alone is `map_str`. */
function mapUse(converter: string): PatternReading {
  const [, method = 'str', out = 'str'] = converter.split('_');
  const read = { ignoreCase: false, noNames: false };
  return { ...read, method: method as MatchMethod, out: out === 'int' ? 'sint' : out === 'ip' ? 'addr' : 'str' };
}
