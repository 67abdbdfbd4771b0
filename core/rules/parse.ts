// One rule's line → RuleAst (manual §4.3, §4.4): finds the action, lets its row read the words, reads the condition.
// Errors are HAProxy's words; what the parser needs of the configuration around the line comes as a RuleSection.
//
// Start at parseRule. core/config/haproxy/keywords-rules.ts is its caller, for all sets and both the section's own checks
// before and the warnings after.

import type { ConditionAst, ExpressionAst, FormatAst } from '../model/language.ts';
import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { type ConditionResult, parseCondition } from '../sample/acl-parse.ts';
import { parseExpression } from '../sample/expression-parse.ts';
import { parseFormat } from '../sample/format-parse.ts';
import type { ParseScope, UsePlace } from '../sample/parse-scope.ts';
import {
  AT_BE_HRQ_HDR,
  AT_BE_HRS_HDR,
  AT_BE_REQ_CNT,
  AT_BE_RES_CNT,
  AT_FE_CON_ACC,
  AT_FE_HRQ_HDR,
  AT_FE_HRS_HDR,
  AT_FE_REQ_CNT,
  AT_FE_RES_CNT,
  AT_FE_SES_ACC,
} from '../sample/types.ts';
import { fetchProblem } from '../sample/validity.ts';
import type { ActionLine, ActionRow, RuleParts } from './contract.ts';
import { ACTION_WORDS, type ActionWord, actionNameOf, actionRow, TCP_OWN_WORDS } from './rows.ts';

/** The configuration around a rule's line. */
export interface RuleSection {
  readonly word: string; // 'frontend', 'backend', 'proxy' (a listen section), 'defaults'
  readonly name: string;
  readonly front: boolean;
  readonly back: boolean;
  readonly isDefaults: boolean;
  readonly file: string;
  readonly line: number;
  readonly bufsize: number;
  readonly stickCounters: number;
  readonly maxrewrite: number;
  readonly experimentalAllowed: boolean;
  scope(where: UsePlace): ParseScope;
  /** `parsing [file:line] : text`, tight: `parsing [file:line]: text`; abort: the rest of the file is not read. */
  alert(text: string, tight: boolean, abort: boolean): void;
  warn(text: string): void;
  notImplemented(what: string): void;
  /** The bytes, or HAProxy's words for why not. */
  readFile(path: string): Uint8Array | string;
  readErrorFile(path: string): Uint8Array | string;
  addCapture(length: number): number;
  /** What an unknown word may have meant, '' nothing. */
  suggest(word: string, known: readonly ActionWord[], more: readonly string[]): string;
}

/** Where the rules of a set are evaluated: AT_… bits. */
export function placesOf(set: RuleSetName, section: { front: boolean; back: boolean }): number {
  const both = (front: number, back: number): number => (section.front ? front : 0) | (section.back ? back : 0);
  switch (set) {
    case 'tcp-request connection':
      return AT_FE_CON_ACC;
    case 'tcp-request session':
      return AT_FE_SES_ACC;
    case 'tcp-request content':
      return both(AT_FE_REQ_CNT, AT_BE_REQ_CNT);
    case 'tcp-response content':
      return both(AT_FE_RES_CNT, AT_BE_RES_CNT);
    case 'http-request':
      return both(AT_FE_HRQ_HDR, AT_BE_HRQ_HDR);
    default:
      return both(AT_FE_HRS_HDR, AT_BE_HRS_HDR);
  }
}

const isTcp = (set: RuleSetName): boolean => set.startsWith('tcp-');

/** What messages about names call the place of a set's expressions. */
function usePlaceOf(set: RuleSetName): UsePlace {
  return set === 'http-after-response' ? 'http-response' : set;
}

const endsArguments = (word: string): boolean => word === '' || word === 'if' || word === 'unless';

/** What RuleLine needs to know about the line it reads. */
export interface LineKind {
  readonly set: RuleSetName;
  readonly word: string; // the action
  readonly where: number; // AT_… bits
  readonly use: UsePlace;
  /** The whole message of what fail() is told. */
  refuse(text: string): void;
}

/** The words of one line, from the one behind the action on. */
export class RuleLine implements ActionLine {
  readonly set: RuleSetName;
  readonly word: string;
  readonly front: boolean;
  readonly back: boolean;
  readonly proxy: string;
  readonly isDefaults: boolean;
  readonly sectionWord: string;
  readonly stickCounters: number;
  readonly bufsize: number;
  readonly maxrewrite: number;
  readonly file: string;
  readonly line: number;
  at: number;
  private condition: ConditionResult | null = null;
  private readonly words: readonly string[];
  private readonly section: RuleSection;
  private readonly kind: LineKind;

  constructor(words: readonly string[], at: number, section: RuleSection, kind: LineKind) {
    this.words = words;
    this.at = at;
    this.section = section;
    this.kind = kind;
    this.set = kind.set;
    this.word = kind.word;
    this.front = section.front;
    this.back = section.back;
    this.proxy = section.name;
    this.isDefaults = section.isDefaults;
    this.sectionWord = section.word;
    this.bufsize = section.bufsize;
    this.stickCounters = section.stickCounters;
    this.maxrewrite = section.maxrewrite;
    this.file = section.file;
    this.line = section.line;
  }

  peek(ahead = 0): string {
    return this.words[this.at + ahead] ?? '';
  }

  next(): string {
    const word = this.peek();
    if (word !== '') this.at++;
    return word;
  }

  get atEnd(): boolean {
    return endsArguments(this.peek());
  }

  /** The condition from here to the end of the line; null: there is none. Read once. */
  readCondition(): ConditionResult | null {
    if (this.peek() === '') return null;
    this.condition ??= parseCondition(this.words, this.at, this.section.scope(this.kind.use));
    return this.condition;
  }

  conditionProblem(): string | null {
    const read = this.readCondition();
    return read === null || read.ok ? null : read.error;
  }

  expression(problem?: string, shown?: string): ExpressionAst | null {
    const parsed = parseExpression(this.words, this.at, this.section.scope(this.kind.use));
    if (!parsed.ok) return this.failAt(problem ?? parsed.error);
    this.at = Math.max(parsed.at, this.at + 1);
    return problem !== undefined || this.isValid(parsed.ast, shown ?? this.words[this.at - 1]!) ? parsed.ast : null;
  }

  expressionOf(text: string): ExpressionAst | null {
    const parsed = parseExpression([text], 0, this.section.scope(this.kind.use));
    if (!parsed.ok) return this.failAt(parsed.error);
    return this.isValid(parsed.ast, text) ? parsed.ast : null;
  }

  private isValid(ast: ExpressionAst, shown: string): boolean {
    const text = fetchProblem(shown, ast.uses, this.kind.where);
    if (text !== null) this.failAt(text);
    return text === null;
  }

  format(isPlain = false): FormatAst | null {
    const word = this.next();
    return this.formatOf(word, isPlain);
  }

  formatOf(text: string, isPlain = false): FormatAst | null {
    const { kind, section } = this;
    const parsed = parseFormat(text, section.scope(kind.use), { where: kind.where, http: !isPlain });
    return parsed.ok ? parsed.ast : this.fail(parsed.error);
  }

  readFile(path: string): Uint8Array | null {
    const read = this.section.readFile(path);
    return typeof read === 'string' ? this.fail(read) : read;
  }

  readErrorFile(path: string): Uint8Array | null {
    const read = this.section.readErrorFile(path);
    return typeof read === 'string' ? this.fail(read) : read;
  }

  addCapture(length: number): number {
    return this.section.addCapture(length);
  }

  fail(text: string): null {
    this.kind.refuse(text);
    return null;
  }

  // HAProxy's own actions of TCP rules say where an expression is wrong.
  private failAt(text: string): null {
    const own = isTcp(this.set) && this.word === 'capture';
    return this.fail(own ? `'${this.set} ${this.word}' : ${text}` : text);
  }

  notImplemented(what: string): null {
    this.section.notImplemented(what);
    return null;
  }

  warn(text: string): void {
    this.section.warn(text);
  }
}

/**
 * Parses the rule whose action is words[at].
 * @returns null when it was refused: section.alert() has said why
 */
export function parseRule(
  set: RuleSetName,
  words: readonly string[],
  at: number,
  section: RuleSection,
): RuleAst | null {
  return new RuleParser(set, words, at, section).parse();
}

class RuleParser {
  private readonly set: RuleSetName;
  private readonly words: readonly string[];
  private readonly at: number;
  private readonly section: RuleSection;
  private readonly word: string;

  constructor(set: RuleSetName, words: readonly string[], at: number, section: RuleSection) {
    this.set = set;
    this.words = words;
    this.at = at;
    this.section = section;
    this.word = words[at] ?? '';
  }

  parse(): RuleAst | null {
    const { set, section, word } = this;
    const name = nameOf(set, word);
    if (name === null) return this.unknown();
    const row = actionRow(set, name);
    if (row === null) {
      section.notImplemented(`${set} ${word}`);
      return null;
    }
    if (row.isExperimental === true && !section.experimentalAllowed) {
      const text = `'${name}' action is experimental, must be allowed via a global 'expose-experimental-directives'`;
      section.alert(text, false, true);
      return null;
    }
    const line = new RuleLine(this.words, this.at + 1, section, {
      set,
      word,
      where: placesOf(set, section),
      use: usePlaceOf(set),
      refuse: (text) => this.refuse(text),
    });
    const parts = row.parse(line);
    if (parts === null) return null;
    const condition = this.condition(line);
    return condition === undefined ? null : this.rule(row, parts, condition);
  }

  private rule(row: ActionRow, parts: RuleParts, condition: ConditionAst | null): RuleAst {
    const { set, section, words, at } = this;
    return {
      set,
      action: row.name,
      condition,
      args: parts.args ?? [],
      expressions: parts.expressions ?? [],
      formats: parts.formats ?? [],
      reply: parts.reply ?? null,
      options: parts.options ?? {},
      text: words.slice(at).join(' '),
      file: section.file,
      line: section.line,
      inDefaults: section.isDefaults,
    };
  }

  private get place(): string {
    return `${this.section.word} '${this.section.name}'`;
  }

  /** What is wrong with the action; a message that quotes the end of a word stops there, as C's strings do. */
  private refuse(said: string): void {
    const { set, section, word } = this;
    const nul = said.indexOf('\0');
    const text = nul < 0 ? said : said.slice(0, nul);
    if (isTcp(set)) section.alert(text, false, false);
    else {
      section.alert(`error detected in ${this.place} while parsing '${set} ${word}' rule : ${text}.`, false, true);
    }
  }

  /** undefined: refused; null: there is none. */
  private condition(line: RuleLine): ConditionAst | null | undefined {
    const first = line.peek();
    if (!endsArguments(first)) {
      this.refuseExtra(first);
      return undefined;
    }
    const parsed = line.readCondition();
    if (parsed === null) return null;
    if (parsed.ok) return parsed.ast;
    this.refuseCondition(first, parsed.error);
    return undefined;
  }

  private refuseExtra(found: string): void {
    const { set, section, word } = this;
    if (isTcp(set)) {
      section.alert(`'${set} ${word}' only accepts 'if' or 'unless', in ${this.place} (got '${found}')`, false, false);
      return;
    }
    section.alert(
      `'${set} ${word}' expects either 'if' or 'unless' followed by a condition but found '${found}'.`,
      true,
      true,
    );
  }

  private refuseCondition(first: string, error: string): void {
    const { set, section, word } = this;
    if (isTcp(set)) {
      section.alert(
        `'${set} ${word}' : error detected in ${this.place} while parsing '${first}' condition : ${error}`,
        false,
        false,
      );
    } else section.alert(`error detected while parsing an '${set} ${word}' condition : ${error}.`, false, true);
  }

  private unknown(): null {
    const { set, section, word } = this;
    const list = ACTION_WORDS[set].map(({ name, isPrefix }) => `'${name}${isPrefix ? '(*)' : ''}'`).join(', ');
    const more = tcpOwnWords(set);
    const best = section.suggest(word, ACTION_WORDS[set], more);
    const hint = best === '' ? '' : ` Did you mean '${best}' maybe ?`;
    if (!isTcp(set)) {
      const missing = word === '' ? ' (missing argument)' : '';
      section.alert(`'${set}' expects ${list}, but got '${word}'${missing}.${hint}`, true, true);
    } else if (set === 'tcp-response content') {
      section.alert(
        `'${set}' expects 'accept', 'close', 'reject', ${list} in ${this.place} (got '${word}').${hint}`,
        false,
        false,
      );
    } else {
      section.alert(
        `'${set}' expects 'accept', 'reject', 'capture', 'expect-proxy', 'expect-netscaler-cip', ` +
          `'track-sc0' ... 'track-sc2', ${list} in ${this.place} (got '${word}').${hint}\n`,
        false,
        false,
      );
    }
    return null;
  }
}

function tcpOwnWords(set: RuleSetName): readonly string[] {
  if (!isTcp(set)) return [];
  return set === 'tcp-response content' ? TCP_OWN_WORDS.response : TCP_OWN_WORDS.request;
}

/** The name of the row that `word` asks for; null: HAProxy does not know it here either. */
function nameOf(set: RuleSetName, word: string): string | null {
  const own = tcpOwnWords(set);
  if (own.includes(word)) return word;
  if (own.includes('track-sc') && word.startsWith('track-sc')) return 'track-sc';
  return actionNameOf(set, word);
}
