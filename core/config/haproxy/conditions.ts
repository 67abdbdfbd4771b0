// Conditions of `.if`, `.elif` and the command line's `-cc` (manual §2.4).
//
// Parsing and evaluation are apart, as in HAProxy: a mistake anywhere in the expression is reported even where
// the left side already decides.

import { FEATURES, VERSION_TEXT } from '../../base/version.ts';
import type { Environment } from './environment.ts';
import { parseLong } from './units.ts';

const RECURSION_MAX = 1024;

const PREDICATES: Readonly<Record<string, number>> = {
  defined: 1,
  feature: 1,
  streq: 2,
  strneq: 2,
  strstr: 2,
  version_atleast: 1,
  version_before: 1,
  openssl_version_atleast: 1,
  openssl_version_before: 1,
  ssllib_name_startswith: 1,
  awslc_api_atleast: 1,
  awslc_api_before: 1,
  enabled: 1,
};

type Term =
  | { kind: 'constant'; value: boolean; negated: boolean }
  | { kind: 'predicate'; name: string; args: string[]; negated: boolean }
  | { kind: 'group'; any: Term[][]; negated: boolean };

/** What `enabled(…)` answers: names as HAProxy spells them. */
export type EnabledOptions = ReadonlySet<string>;

export const ENABLED_DEFAULT: EnabledOptions = new Set(['EPOLL', 'SPLICE', 'GETADDRINFO', 'REUSEPORT', 'FAST-FORWARD']);

export type ConditionResult = { ok: true; value: boolean } | { ok: false; message: string; position: number };

class ConditionError {
  readonly message: string;
  readonly position: number;
  constructor(message: string, position: number) {
    this.message = message;
    this.position = position;
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

class ConditionParser {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** EXPR = AND [ '||' EXPR ]. null: there is none here, and `at` shows where the reader lost the thread. */
  expression(depth: number): Term[][] | null {
    if (this.at >= this.text.length) return null;
    if (depth <= 0) this.unparsable('conditional expression', this.at);
    const all = this.conjunction(depth - 1);
    if (all === null) return this.unparsable('conditional expression', this.at);
    this.at = skipBlanks(this.text, this.at);
    if (!this.text.startsWith('||', this.at)) return [all];
    const operatorAt = this.at;
    this.at = skipBlanks(this.text, this.at + 2);
    const others = this.expression(depth - 1);
    if (others === null) {
      this.at = operatorAt;
      return null;
    }
    return [all, ...others];
  }

  /** AND = TERM [ '&&' AND ] */
  private conjunction(depth: number): Term[] | null {
    if (this.at >= this.text.length) return null;
    if (depth <= 0) this.unparsable('conditional sub-expression', this.at);
    const startAt = this.at;
    const term = this.term(depth - 1);
    if (term === null) return this.unparsable('conditional sub-expression', startAt);
    this.at = skipBlanks(this.text, this.at);
    if (!this.text.startsWith('&&', this.at)) return [term];
    const operatorAt = this.at;
    this.at = skipBlanks(this.text, this.at + 2);
    const others = this.conjunction(depth - 1);
    if (others === null) {
      this.at = operatorAt;
      return null;
    }
    return [term, ...others];
  }

  private term(depth: number): Term | null {
    const from = this.at;
    let at = skipBlanks(this.text, from);
    if (at >= this.text.length) return null;
    if (depth <= 0) this.unparsable('conditional expression', from);
    let negated = false;
    while (this.text[at] === '!') {
      negated = !negated;
      at = skipBlanks(this.text, at + 1);
    }
    const rest = this.text.slice(at);
    const number = parseLong(rest, 0);
    if (number.rest !== rest) {
      this.at = this.text.length - number.rest.length;
      return { kind: 'constant', value: number.value !== 0, negated };
    }
    if (this.text[at] === '(') return this.group(at, from, depth, negated);
    const name = /^[^ (]*/.exec(rest)![0];
    const count = Object.hasOwn(PREDICATES, name) ? PREDICATES[name]! : 0;
    if (count === 0) this.unparsable('conditional expression', from);
    const args = this.predicateArgs(at + name.length, name, count);
    return { kind: 'predicate', name, args, negated };
  }

  private group(openAt: number, from: number, depth: number, negated: boolean): Term {
    this.at = skipBlanks(this.text, openAt + 1);
    const any = this.expression(depth - 1);
    if (any === null) return this.unparsable('conditional expression', from);
    const closeAt = skipBlanks(this.text, this.at);
    if (this.text[closeAt] !== ')') {
      throw new ConditionError(`expected ')' after conditional expression '${this.text.slice(from)}'`, from);
    }
    this.at = skipBlanks(this.text, closeAt + 1);
    return { kind: 'group', any, negated };
  }

  /** `(a,b)`, with quotes and backslashes. No parentheses at all are one empty argument. */
  private predicateArgs(from: number, name: string, count: number): string[] {
    const fail = (message: string, position: number, number = 1): never => {
      const where = `in argument ${number} of predicate '${name}' used in conditional expression`;
      throw new ConditionError(`${message} ${where}`, position);
    };
    const bare = this.text[from] !== '(';
    const args: string[] = bare ? [''] : [];
    let at = bare ? from : from + 1;
    while (!bare && args.length < count) {
      const read = readArgument(this.text, at);
      if (!read.complete) {
        const place = `as type 'string' at position ${args.length + 1}`;
        fail(`failed to parse '\\' after '${read.value}' ${place}`, read.end, args.length);
      }
      args.push(read.value);
      at = read.end;
      if (this.text[at] !== ',' || args.length === count) break;
      at++;
    }
    if (args.length < count) fail(`missing arguments (got ${args.length}/${count}), type 'string' expected`, at);
    if (!bare && this.text[at] !== ')') {
      const rest = this.text.slice(at);
      fail(rest === '' ? `expected ')'` : `expected ')' before '${rest}'`, at);
    }
    this.at = bare ? at : at + 1;
    return args;
  }

  private unparsable(what: string, position: number): never {
    throw new ConditionError(`unparsable ${what} '${this.text.slice(position)}'`, position);
  }
}

/** One argument, up to an unquoted comma or parenthesis. Not complete: a backslash ends the text. */
function readArgument(text: string, from: number): { value: string; end: number; complete: boolean } {
  let value = '';
  let quote = '';
  let at = from;
  while (at < text.length) {
    const char = text[at]!;
    if ((char === '"' || char === "'") && (quote === '' || quote === char)) quote = quote === '' ? char : '';
    else if (char === '\\' && quote !== "'") {
      const next = text[at + 1];
      if (next === undefined) return { value, end: at, complete: false };
      if (next === '\\' || next === ' ' || next === '"' || next === "'") value += next;
      else if (next === 'r' || next === 'n' || next === 't') value += { r: '\r', n: '\n', t: '\t' }[next];
      else {
        value += char;
        at--;
      }
      at++;
    } else if (quote === '' && (char === ',' || char === ')')) break;
    else value += char;
    at++;
  }
  return { value, end: at, complete: true };
}

const TAG_RANKS: readonly (readonly [string, number])[] = [
  ['dev', 1],
  ['rc', 2],
  ['pre', 2],
];
const TAG_NONE = 3; // a release is newer than its own development versions
const VERSION_PART_COUNT_MAX = 4;

/**
 * `2.4`, `2.4-dev18`, `2.4-dev18-28`, `3.4.0-64a335366` as seven numbers that compare in order: up to four parts,
 * the tag's rank, the tag's number, commits since. null: not a version.
 */
export function splitVersion(text: string): number[] | null {
  const result = [0, 0, 0, 0, TAG_NONE, 0, 0];
  if (text === '') return null;
  let rest = text;
  for (let part = 0; ; part++) {
    const number = parseLong(rest, 10);
    result[part] = number.value;
    const separator = number.rest[0] ?? '';
    rest = number.rest.slice(1);
    if (separator === '') return result;
    if (separator === '-') break;
    if (separator !== '.' || part === VERSION_PART_COUNT_MAX - 1) return null;
  }
  const tag = TAG_RANKS.find(([name]) => rest.startsWith(name));
  if (tag !== undefined) {
    const number = parseLong(rest.slice(tag[0].length), 10);
    result[4] = tag[1];
    result[5] = number.value;
    if (number.rest === '') return result;
    if (number.rest[0] !== '-') return null;
    rest = number.rest.slice(1);
  }
  const lastDash = rest.lastIndexOf('-');
  if (lastDash === rest.length - 1 && lastDash >= 0) return null;
  const commits = parseLong(rest.slice(lastDash + 1), 10);
  result[6] = commits.rest === '' ? commits.value : 0;
  return result;
}

/** <0: `text` is older than this weir's HAProxy version; null: not a version. */
export function compareVersion(text: string): number | null {
  const own = splitVersion(VERSION_TEXT)!;
  const other = splitVersion(text);
  if (other === null) return null;
  for (let part = 0; part < own.length; part++) {
    if (other[part] !== own[part]) return other[part]! < own[part]! ? -1 : 1;
  }
  return 0;
}

function evaluateVersion(name: string, text: string): boolean {
  const order = compareVersion(text);
  // What is no version counts as older than all, as in HAProxy.
  const before = order !== null && order > 0;
  return name === 'version_before' ? before : !before;
}

class Evaluator {
  private readonly environment: Environment;
  private readonly enabled: EnabledOptions;

  constructor(environment: Environment, enabled: EnabledOptions) {
    this.environment = environment;
    this.enabled = enabled;
  }

  any(alternatives: readonly Term[][]): boolean {
    return alternatives.some((all) => all.every((term) => this.term(term)));
  }

  private term(term: Term): boolean {
    if (term.kind === 'constant') return term.value !== term.negated;
    if (term.kind === 'group') return this.any(term.any) !== term.negated;
    return this.predicate(term.name, term.args) !== term.negated;
  }

  private predicate(name: string, args: readonly string[]): boolean {
    const [first = '', second = ''] = args;
    switch (name) {
      case 'defined':
        return this.environment.get(first) !== null;
      case 'feature':
        return FEATURES.some((each) => each.enabled && each.name === first);
      case 'streq':
        return first === second;
      case 'strneq':
        return first !== second;
      case 'strstr':
        return first.includes(second);
      case 'version_atleast':
      case 'version_before':
        return evaluateVersion(name, first);
      case 'enabled':
        return this.enabled.has(first);
      case 'ssllib_name_startswith':
        return false; // no TLS library yet
      default:
        // openssl_version_* and awslc_api_* without such a library cannot be answered, as in HAProxy.
        throw new ConditionError(`invalid argument to conditional expression predicate '${name}': '${first}'`, 0);
    }
  }
}

/** `text` is the condition as written, with words joined by single spaces. An empty one is false. */
export function evaluateCondition(
  text: string,
  environment: Environment,
  enabled: EnabledOptions = ENABLED_DEFAULT,
): ConditionResult {
  if (text === '') return { ok: true, value: false };
  const parser = new ConditionParser(text);
  try {
    const any = parser.expression(RECURSION_MAX);
    if (any === null) {
      return { ok: false, message: `unparsable conditional expression '${text}'`, position: parser.at };
    }
    const end = skipBlanks(text, parser.at);
    if (end < text.length) {
      const message = `unexpected character '${text[end]}' at the end of conditional expression '${text}'`;
      return { ok: false, message, position: end };
    }
    return { ok: true, value: new Evaluator(environment, enabled).any(any) };
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    return { ok: false, message: error.message, position: error.position };
  }
}
