// `acl` lines, `{ … }` and conditions: words → AclAst, ConditionAst (manual §7.1, §7.2, §7.4). Errors are HAProxy's words.
//
// parseAcl and parseCondition are the doors. An ACL that is named by a condition is the same object as the one that later
// `acl` lines of that name add to.

import type { AclAst, AclTest, ConditionAst, ExpressionAst, MatchMethod } from '../model/language.ts';
import { type AclKeyword, aclKeyword, predefinedAcl } from './acl-keywords.ts';
import { parseArguments } from './arguments.ts';
import { CAST_IMPOSSIBLE, castKind } from './casts.ts';
import { checkFetch, nameEnd, parseConverters, parseExpression } from './expression-parse.ts';
import { fetchRow } from './fetches.ts';
import { readOperators } from './operator-patterns.ts';
import { type ParseScope, scopeAt } from './parse-scope.ts';
import {
  type SampleType,
  TYPE_ADDR,
  TYPE_BIN,
  TYPE_BOOL,
  TYPE_IPV4,
  TYPE_IPV6,
  TYPE_METH,
  TYPE_SINT,
  TYPE_STR,
} from './types.ts';

export type Refused = { readonly ok: false; readonly error: string };

const refuse = (error: string): Refused => ({ ok: false, error });

const ACL_DEPTH_MAX = 1000;

/** What each method needs of a value (HAProxy's pat_match_types). */
const METHOD_TYPES: Record<MatchMethod, SampleType> = {
  found: TYPE_SINT,
  bool: TYPE_SINT,
  int: TYPE_SINT,
  ip: TYPE_ADDR,
  bin: TYPE_BIN,
  len: TYPE_STR,
  str: TYPE_STR,
  beg: TYPE_STR,
  sub: TYPE_STR,
  dir: TYPE_STR,
  dom: TYPE_STR,
  end: TYPE_STR,
  reg: TYPE_STR,
  regm: TYPE_STR,
  meth: TYPE_METH,
  ver: TYPE_SINT,
};

/** What `-m` can name; `regm` is one of HAProxy's names, too. */
const WRITABLE: ReadonlySet<string> = new Set(
  Object.keys(METHOD_TYPES).filter((method) => method !== 'meth' && method !== 'ver'),
);

const isMethod = (word: string): word is MatchMethod => WRITABLE.has(word);

/** The method that goes with a type when none is said; null: it must be said. */
function methodOfType(type: SampleType): MatchMethod | null {
  switch (type) {
    case TYPE_BOOL:
      return 'bool';
    case TYPE_SINT:
      return 'int';
    case TYPE_ADDR:
    case TYPE_IPV4:
    case TYPE_IPV6:
      return 'ip';
    case TYPE_STR:
      return 'str';
    default:
      return null;
  }
}

/** The subject of a test: an expression, and the ACL keyword it was written with. */
interface Subject {
  readonly ok: true;
  readonly ast: ExpressionAst;
  readonly keyword: AclKeyword | null;
  readonly name: string; // what messages call it
  readonly next: number; // the first word behind it
}

function parseSubject(words: readonly string[], scope: ParseScope): Subject | Refused {
  const text = words[0] ?? '';
  const end = nameEnd(text, 0);
  const keyword = aclKeyword(text.slice(0, end)) ?? null;
  if (keyword === null || fetchRow(keyword.fetch) === undefined) {
    const parsed = parseExpression(words, 0, scope);
    if (!parsed.ok) return refuse(`${parsed.error} in ACL expression '${text}'`);
    return { ok: true, ast: parsed.ast, keyword: null, name: parsed.ast.fetch, next: Math.max(parsed.at, 1) };
  }
  const row = fetchRow(keyword.fetch)!;
  const owner = { keyword: keyword.name, converter: '' };
  const list = parseArguments(text, end, row.args, owner, scope);
  if (!list.ok) return refuse(`ACL keyword '${keyword.name}' : ${list.error}`);
  const error = checkFetch(row, list.args, owner, scope);
  if (error !== null) return refuse(`in argument to '${keyword.name}', ${error}`);
  const parsed = parseConverters(words, 0, list.end, row, list.args, scope, 'word');
  if (!parsed.ok) return refuse(`ACL keyword '${keyword.name}' : ${parsed.error}`);
  const { ast } = parsed;
  const isPlain = ast.converters.length === 0;
  return { ok: true, ast, keyword, name: isPlain ? keyword.name : row.name, next: 1 };
}

/** What the flags before the patterns say. */
class Flags {
  method: MatchMethod | null;
  byGroup = false;
  methodForced = false;
  ignoreCase = false;
  noNames = false;
  id = -1;
  asMap = false;
  readonly files: number[] = [];
  readonly ignoreCaseFiles: boolean[] = [];

  constructor(subject: Subject) {
    const { keyword, ast } = subject;
    if (keyword !== null && ast.converters.length === 0) {
      this.method = keyword.method;
      this.byGroup = keyword.byGroup;
    } else this.method = methodOfType(ast.out);
  }
}

/** The words of one test, without the ACL's name: subject, flags, patterns. */
export function parseTest(words: readonly string[], outer: ParseScope): { ok: true; test: AclTest } | Refused {
  const scope = scopeAt(outer, 'acl');
  const subject = parseSubject(words, scope);
  if (!subject.ok) return subject;
  const flags = new Flags(subject);
  if (flags.method !== null && subject.ast.out !== TYPE_BOOL && (words[1] ?? '') === '')
    warnNoPattern(words[0]!, scope);
  const at = parseFlags(words, subject, flags, scope);
  if (typeof at === 'string') return refuse(at);
  if (flags.method === null) return refuse(methodMissing(subject));
  warnOverwritten(subject, flags, scope);
  const patterns = operatorPatterns(words.slice(at), flags);
  if (typeof patterns === 'string') return refuse(patterns);
  const { method, ignoreCase, noNames } = flags;
  for (const pattern of words.slice(at)) suspectPattern(pattern, scope);
  const display = `acl '${subject.name}' file '${scope.file}' line ${scope.line}`;
  const ref = scope.patterns.inline(flags.id, display, patterns, { method, ignoreCase, noNames, out: '' });
  if (typeof ref === 'string') return refuse(ref);
  return {
    ok: true,
    test: {
      expression: subject.ast,
      keyword: subject.name,
      method,
      byGroup: flags.byGroup,
      ignoreCase,
      files: flags.files,
      ignoreCaseFiles: flags.ignoreCaseFiles,
      patterns: ref,
      text: words.join(' '),
      file: scope.file,
      line: scope.line,
    },
  };
}

const methodMissing = (subject: Subject): string =>
  `matching method must be specified first (using '-m') when using a sample fetch of this type ('${subject.name}')`;

function warnNoPattern(word: string, scope: ParseScope): void {
  scope.warn(
    `parsing acl keyword '${word}' :\n` +
      '  no pattern to match against were provided, so this ACL will never match.\n' +
      "  If this is what you intended, please add '--' to get rid of this warning.\n" +
      "  If you intended to match only for existence, please use '-m found'.\n" +
      "  If you wanted to force an int to match as a bool, please use '-m bool'.\n",
  );
}

const OVERWRITABLE: ReadonlySet<MatchMethod> = new Set([
  'beg',
  'dir',
  'dom',
  'end',
  'len',
  'reg',
  'sub',
  'meth',
] as const);

function warnOverwritten({ keyword }: Subject, flags: Flags, scope: ParseScope): void {
  if (keyword === null) return;
  const lostMethod = OVERWRITABLE.has(keyword.method) && keyword.method !== flags.method;
  if (!lostMethod && keyword.byGroup === flags.byGroup) return;
  scope.warn(
    `parsing [${scope.file}:${scope.line}] : original matching method '${keyword.name}' was overwritten and will not ` +
      'be applied as expected.',
  );
}

/** Reads -i -f -m -n -M -u; the index of the first pattern, or what is wrong. */
function parseFlags(words: readonly string[], subject: Subject, flags: Flags, scope: ParseScope): number | string {
  let at = subject.next;
  for (; words[at]?.startsWith('-'); at++) {
    const word = words[at]!;
    const value = words[at + 1] ?? '';
    let error: string | null = null;
    if (word === '-i') flags.ignoreCase = true;
    else if (word === '-n') flags.noNames = true;
    else if (word === '-M') flags.asMap = true;
    else if (word === '--') return at + 1;
    else if (word === '-u') error = readId(value, flags, scope);
    else if (word === '-f') error = readFile(value, subject, flags, scope);
    else if (word === '-m') error = readMethod(value, subject, flags);
    else return `'${word}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'`;
    if (error !== null) return error;
    if (word === '-u' || word === '-f' || word === '-m') at++;
  }
  return at;
}

function readId(value: string, flags: Flags, scope: ParseScope): string | null {
  if (!/^[ \t\n\v\f\r]*[-+]?[0-9]+$/.test(value) && value !== '') return 'the argument of -u must be an integer';
  const id = Number(value);
  if (scope.patterns.isIdUsed(id)) return 'the id is already used';
  flags.id = id;
  return null;
}

function readFile(name: string, subject: Subject, flags: Flags, scope: ParseScope): string | null {
  if (flags.method === null) return methodMissing(subject);
  const { ignoreCase, noNames } = flags;
  const use = { method: flags.method, ignoreCase, noNames, out: '' } as const;
  const ref = scope.patterns.fromFile(name, false, flags.asMap, use, scope);
  if (typeof ref === 'string') return ref;
  flags.files.push(ref);
  flags.ignoreCaseFiles.push(ignoreCase);
  return null;
}

function readMethod(word: string, subject: Subject, flags: Flags): string | null {
  if (flags.files.length > 0) {
    return "'-m' must only be specified before patterns and files in parsing ACL expression";
  }
  if (flags.methodForced) {
    return (
      "only one explicit matching method can be defined with '-m' parameter. " +
      'if migrating from an old version, just keep the last one'
    );
  }
  if (!isMethod(word)) return `unknown matching method '${word}' when parsing ACL expression`;
  if (word !== 'found' && castKind(subject.ast.out, METHOD_TYPES[word]) === CAST_IMPOSSIBLE) {
    return `matching method '${word}' cannot be used with fetch keyword '${subject.name}'`;
  }
  flags.method = word;
  flags.byGroup = false;
  flags.methodForced = true;
  return null;
}

/** `gt 5 lt 3` and the like as ranges; other patterns as they are. A string is what is wrong with one. */
function operatorPatterns(words: readonly string[], flags: Flags): readonly string[] | string {
  const end = words.indexOf('');
  const patterns = end < 0 ? words : words.slice(0, end);
  if (flags.method === 'ver') return readOperators(patterns, true);
  if (flags.method === 'int' || flags.method === 'len') return readOperators(patterns, false);
  return patterns;
}

function suspectPattern(pattern: string, scope: ParseScope): void {
  const place = `parsing [${scope.file}:${scope.line}] : pattern '${pattern}'`;
  if (['&&', 'and', '||', 'or'].includes(pattern)) {
    scope.suspect(`${place} looks like a failed attempt at using an operator inside a pattern list`);
  } else if (pattern === '#' || pattern === '//') {
    scope.suspect(`${place} looks like a failed attempt at commenting an end of line`);
  } else if (aclKeyword(pattern.slice(0, nameEnd(pattern, 0))) !== undefined) {
    scope.suspect(`${place} suspiciously looks like a known acl keyword`);
  } else if (fetchRow(pattern.slice(0, nameEnd(pattern, 0))) !== undefined) {
    scope.suspect(`${place} suspiciously looks like a known sample fetch keyword`);
  }
}

/** An ACL's name followed by a test; `''` is an anonymous one. Adds to scope.acls, or to what it has of that name. */
export function parseAcl(
  name: string,
  words: readonly string[],
  scope: ParseScope,
): { ok: true; acl: AclAst } | Refused {
  const odd = /[^A-Za-z0-9_:.-]/.exec(name);
  if (odd !== null) return refuse(`invalid character in ACL name : '${odd[0]}'`);
  const parsed = parseTest(words, scope);
  if (!parsed.ok) return parsed;
  const { test } = parsed;
  if (test.byGroup) scope.groupTests.push({ acl: name, test });
  const [subject = '', pattern = ''] = words;
  if (!subject.includes('(') && pattern.startsWith('(')) warnSpace(name, subject, pattern, scope);
  if (name === '') return { ok: true, acl: { name, tests: [test] } };
  const known = scope.acls.get(name);
  if (known === undefined) {
    const acl = { name, tests: [test] };
    scope.acls.set(name, acl);
    return { ok: true, acl };
  }
  const depth = aclDepth(known, test, ACL_DEPTH_MAX);
  if (depth <= 0) return refuse(depth < 0 ? 'have a recursive loop' : 'too deep acl() tree');
  known.tests.push(test);
  return { ok: true, acl: known };
}

function warnSpace(name: string, subject: string, pattern: string, scope: ParseScope): void {
  scope.warn(
    `parsing acl '${name}' :\n` +
      `  matching '${subject}' for pattern '${pattern}' is likely a mistake and probably\n` +
      "  not what you want. Maybe you need to remove the extraneous space before '('.\n" +
      "  If you are really sure this is not an error, please insert '--' between the\n" +
      '  match and the pattern to make this warning message disappear.',
  );
}

/** Follows acl() of a test: −1 when it comes back to `acl`, 0 when it is too deep, else how much depth is left. */
function aclDepth(acl: AclAst, test: AclTest, left: number): number {
  const [arg] = test.expression.args;
  if (arg?.kind !== 'condition') return left;
  let rest = left - 1;
  if (rest <= 0) return 0;
  for (const term of arg.condition.groups.flat()) {
    if (term.acl === acl) return -1;
    for (const inner of term.acl.tests) {
      rest = aclDepth(acl, inner, rest);
      if (rest <= 0) return rest;
    }
  }
  return rest;
}

/** A named ACL of the section, or a predefined one, which then is one of the section's. A string: there is none. */
export function findAcl(name: string, scope: ParseScope): AclAst | string {
  const known = scope.acls.get(name);
  if (known !== undefined) return known;
  const words = predefinedAcl(name);
  if (words === null) return `no such ACL : '${name}'`;
  const parsed = parseTest(words, scope);
  if (!parsed.ok) return parsed.error;
  const acl = { name, tests: [parsed.test] };
  scope.acls.set(name, acl);
  return acl;
}

export type ConditionResult = { readonly ok: true; readonly ast: ConditionAst } | Refused;

/** `if …` or `unless …`, from words[at] to the end of the line. */
export function parseCondition(words: readonly string[], at: number, scope: ParseScope): ConditionResult {
  const word = words[at] ?? '';
  if (word !== 'if' && word !== 'unless') return refuse("conditions must start with either 'if' or 'unless'");
  const reader = new ConditionReader(words.slice(at + 1), scope);
  const groups = reader.read();
  if (typeof groups === 'string') return refuse(groups);
  const { file, line } = scope;
  const text = words.slice(at + 1).join(' ');
  return { ok: true, ast: { unless: word === 'unless', groups, text, file, line } };
}

interface AstTerm {
  readonly acl: AclAst;
  readonly negated: boolean;
}

class ConditionReader {
  private readonly words: readonly string[];
  private readonly scope: ParseScope;
  private at = 0;

  constructor(words: readonly string[], scope: ParseScope) {
    this.words = words;
    this.scope = scope;
  }

  /** An OR of ANDs; a string is what is wrong. Lone `!` and empty groups count for nothing, as in HAProxy. */
  read(): readonly (readonly AstTerm[])[] | string {
    const groups: AstTerm[][] = [];
    let group: AstTerm[] | null = null;
    let negated = false;
    for (; (this.words[this.at] ?? '') !== ''; this.at++) {
      let word = this.words[this.at]!;
      while (word.startsWith('!')) {
        negated = !negated;
        word = word.slice(1);
      }
      if (word === '') continue;
      if (word.toLowerCase() === 'or' || word === '||') {
        group = null;
        negated = false;
        continue;
      }
      const acl = word === '{' ? this.anonymous() : findAcl(word, this.scope);
      if (typeof acl === 'string') return acl;
      if (group === null) {
        group = [];
        groups.push(group);
      }
      group.push({ acl, negated });
      negated = false;
    }
    return groups;
  }

  private anonymous(): AclAst | string {
    const from = this.at + 1;
    let end = from;
    while ((this.words[end] ?? '') !== '' && this.words[end] !== '}') end++;
    if (this.words[end] !== '}') return "missing closing '}' in condition";
    this.at = end;
    const parsed = parseAcl('', this.words.slice(from, end), this.scope);
    return parsed.ok ? parsed.acl : parsed.error;
  }
}
