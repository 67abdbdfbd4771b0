// One configuration file, line by line (manual §2.1–§2.4): macros and conditions, then the section's parser.
//
// A file is read twice. The discovery pass reads every line but acts only on the global section's words that
// shape the process (`setenv`, `daemon` …); a mistake in quoting stops there, before any keyword is looked at.
// The full pass does the rest. Both passes are HAProxy's, and they decide which errors are seen together.

import { evaluateCondition } from './conditions.ts';
import { type Negation, type ParseContext, Statement } from './context.ts';
import { type LexError, type LexResult, lexLine, looksLikeName, showLine, WORD_COUNT_MAX } from './lexer.ts';
import { isSectionWord, openSection, parseSectionLine } from './sections.ts';
import { invalidNameChar, isWordChar, skipSpaces } from './text.ts';

const FATAL_LINE_COUNT_MAX = 50;
const NESTED_CONDITION_COUNT_MAX = 100;
const LINE_COLUMNS = 80;

const LEX_MESSAGES: Record<Exclude<LexError, 'too-many-words'>, string> = {
  quote: 'unmatched quote',
  brace: 'unmatched brace in environment variable name',
  'variable-name': 'forbidden first char in environment variable name',
  hexadecimal: 'truncated or invalid hexadecimal sequence',
  expansion: 'truncated or invalid word expansion sequence',
};

/** `no …` and `default …` exist only for these. */
const NEGATABLE = new Set([
  'option',
  'log',
  'busy-polling',
  'set-dumpable',
  'strict-limits',
  'insecure-fork-wanted',
  'numa-cpu-mapping',
]);

type Branch = 'take' | 'drop' | 'skip'; // skip: an earlier branch was taken, or the block around is dropped

interface Condition {
  word: '.if' | '.elif' | '.else';
  branch: Branch;
}

/** Reads `content` (bytes as latin1) of `file` in the pass that `context` is in. */
export function readFile(file: string, content: string, context: ParseContext): void {
  new FileReader(file, content, context).read();
}

class FileReader {
  private readonly content: string;
  private readonly context: ParseContext;
  private readonly conditions: Condition[] = [];
  private fatalLineCount = 0;
  private truncatedAt = -1; // the length of the last line when it has no LF
  private stopped = false;
  private indent = 0; // leading spaces of the current line: positions count them, the shown text does not

  constructor(file: string, content: string, context: ParseContext) {
    this.content = content;
    this.context = context;
    context.file = file;
    context.line = 0;
    context.section = '';
    context.sectionName = '';
    context.fileFatal = false;
    context.applyPathMode();
  }

  read(): void {
    const { context } = this;
    let at = 0;
    while (at < this.content.length && !this.stopped) {
      const end = this.content.indexOf('\n', at);
      const raw = this.content.slice(at, end < 0 ? undefined : end);
      at = end < 0 ? this.content.length : end + 1;
      if (this.truncatedAt >= 0) {
        context.alertTight(`Stray NUL character at position ${this.truncatedAt + 1}.`);
        this.truncatedAt = -1;
        break;
      }
      context.line++;
      if (this.fatalLineCount >= FATAL_LINE_COUNT_MAX) {
        context.alertTight(`too many fatal errors (${this.fatalLineCount}), stopping now.`);
        break;
      }
      const nul = raw.indexOf('\0');
      if (end < 0 || nul >= 0) this.truncatedAt = nul >= 0 ? nul : raw.length;
      context.lineFatal = false;
      this.line(nul >= 0 ? raw.slice(0, nul) : raw);
      if (context.lineFatal) this.fatalLineCount++;
      if (context.aborted && !this.stopped) return;
    }
    this.finish();
  }

  private finish(): void {
    const { context } = this;
    if (this.truncatedAt >= 0) {
      context.alertTight(
        `Missing LF on last line, file might have been truncated at position ${this.truncatedAt + 1}.`,
      );
    }
    if (this.conditions.length > 0) {
      context.alertTight(`non-terminated '.if' block.`);
      context.aborted = true;
    }
  }

  private line(raw: string): void {
    this.indent = skipSpaces(raw, 0);
    const text = raw.slice(this.indent);
    if (text.startsWith('[')) {
      this.scope(text);
      return;
    }
    const { context } = this;
    const lexed = lexLine(text, context.environment, {
      file: context.file,
      line: context.line,
      section: context.sectionName,
    });
    if (lexed.error !== null) this.lexError(text, lexed, lexed.error);
    else if (lexed.words.length > 0 && lexed.words[0] !== '') this.words(text, lexed);
  }

  /** `[scope]` lines belong to SPOE files; here they are only checked. */
  private scope(text: string): void {
    const { context } = this;
    const end = text.indexOf(']');
    if (end <= 1) {
      context.alert('empty scope name is forbidden.');
      return;
    }
    const wrong = invalidNameChar(text.slice(1, end));
    const place = `parsing [${context.file}:${context.line}] : character`;
    if (wrong !== null) {
      context.abort(`${place} '${wrong}' is not permitted in a scope name.`);
      return;
    }
    const after = text[skipSpaces(text, end + 1)] ?? '#';
    if (after !== '#') context.abort(`${place} '${after}' is not permitted after scope declaration.`);
  }

  private lexError(text: string, lexed: LexResult, error: LexError): void {
    if (error === 'too-many-words') {
      const last = lexed.words[WORD_COUNT_MAX - 1];
      this.context.alertTight(
        `too many words, truncating after word ${WORD_COUNT_MAX}, position ${lexed.position + 1}: <${last}>.`,
      );
      return;
    }
    const shown = showLine(text, lexed.position, LINE_COLUMNS);
    const position = this.indent + lexed.position + 1;
    this.context.alertTight(
      `${LEX_MESSAGES[error]} at position ${position}:\n  ${shown.text}\n  ${' '.repeat(shown.column)}^`,
    );
  }

  private words(text: string, lexed: LexResult): void {
    const { words } = lexed;
    const first = words[0]!;
    if (first === '.if' || first === '.elif') this.conditionLine(first, words);
    else if (first === '.else' || first === '.endif') this.conditionEnd(first, words);
    else if (this.conditions.length > 0 && this.conditions.at(-1)!.branch !== 'take') return;
    else if (first.startsWith('.') && this.context.pass === 'full') this.directive(words);
    else if (!this.refusesEmptyWord(text, lexed)) this.statement(words);
  }

  private conditionLine(word: '.if' | '.elif', words: readonly string[]): void {
    const { context, conditions } = this;
    if (word === '.if') {
      if (conditions.length + 1 >= NESTED_CONDITION_COUNT_MAX) {
        this.abort(`too many nested '.if', max is ${NESTED_CONDITION_COUNT_MAX}.`);
        return;
      }
      const outer = conditions.at(-1);
      if (outer !== undefined && outer.branch !== 'take') {
        conditions.push({ word, branch: 'skip' });
        return;
      }
    } else {
      const current = conditions.at(-1);
      if (current === undefined) return this.abort(`lone '.elif' with no matching '.if'.`);
      if (current.word === '.else') return this.abort(`'.elif' after '.else' is not permitted.`);
      current.word = word;
      if (current.branch !== 'drop') {
        current.branch = 'skip';
        return;
      }
    }
    const text = words.slice(1).join(' ');
    const result = evaluateCondition(text, context.environment, context.options.enabled);
    if (!result.ok) {
      const shown = showLine(text, result.position, LINE_COLUMNS - word.length - 1);
      this.abort(
        `${result.message} in '${word}' at position ${result.position + 1}:\n` +
          `  ${word} ${shown.text}\n  ${' '.repeat(shown.column + word.length + 1)}^`,
      );
      return;
    }
    const branch = result.value ? 'take' : 'drop';
    if (word === '.if') conditions.push({ word, branch });
    else conditions.at(-1)!.branch = branch;
  }

  private conditionEnd(word: '.else' | '.endif', words: readonly string[]): void {
    const current = this.conditions.at(-1);
    if ((words[1] ?? '') !== '') {
      // HAProxy leaves the loop here, yet still looks at what remains open.
      this.abort(`Unexpected argument '${words[1]}' for '${word}'.`);
      this.stopped = true;
      return;
    }
    if (current === undefined) {
      this.abort(`lone '${word}' with no matching '.if'.`);
      return;
    }
    if (word === '.endif') {
      this.conditions.pop();
      return;
    }
    if (current.word === '.else') {
      this.abort(`'.else' after '.else' is not permitted.`);
      return;
    }
    current.word = '.else';
    current.branch = current.branch === 'drop' ? 'take' : 'skip';
  }

  private abort(text: string): void {
    this.context.abort(`parsing [${this.context.file}:${this.context.line}]: ${text}`);
  }

  /** `.alert`, `.warning`, `.notice`, `.diag`: messages from the configuration itself. */
  private directive(words: readonly string[]): void {
    const { context } = this;
    const [word = '', message = '', extra = ''] = words;
    if (!['.alert', '.warning', '.notice', '.diag'].includes(word)) {
      context.alertTight(`unknown directive '${word}'.`);
      this.stopped = true;
      return;
    }
    if (extra !== '') {
      context.alertTight(
        `Unexpected argument '${extra}' for '${word}'. Use quotes if the message should contain spaces.`,
      );
      // Fatal for the file, yet not one of the fifty that make the reader give up.
      context.lineFatal = false;
      return;
    }
    const place = `parsing [${context.file}:${context.line}]`;
    if (word === '.alert') this.abort(`'${message}'.`);
    else if (word === '.warning') context.warnTight(`'${message}'.`);
    else if (word === '.diag') context.suspect(`${place}: '${message}'.`);
    else context.diagnostics.add('NOTICE', context.file, context.line, `${place}: '${message}'.`);
  }

  /** An empty word would silently end the arguments: most often a variable that is not set. */
  private refusesEmptyWord(text: string, lexed: LexResult): boolean {
    const { context } = this;
    if (context.pass === 'discovery') return false;
    const index = lexed.words.indexOf('');
    if (index < 0) return false;
    const position = Math.max(lexed.emptyPosition, 0);
    const shown = showLine(text, position, LINE_COLUMNS);
    const explanation = context.emptyWordExplained
      ? ''
      : '\nAborting to prevent all subsequent arguments from being silently ignored. ' +
        'If this is caused by an environment variable expansion, please have a look at section ' +
        '2.3 of the configuration manual to find solutions to address this.';
    context.emptyWordExplained = true;
    context.alertTight(
      `argument number ${index} at position ${this.indent + position + 1} is empty and marks the end of the ` +
        `argument list:\n  ${shown.text}\n  ${' '.repeat(shown.column)}^${explanation}`,
    );
    if (looksLikeName(shown.text, shown.column)) {
      let end = shown.column;
      while (isWordChar(shown.text[end] ?? '')) end++;
      const suggestion = context.environment.suggest(shown.text.slice(shown.column, end));
      if (suggestion !== '') context.diagnostics.notice(`Hint: maybe you meant ${suggestion} instead ?`);
    }
    return true;
  }

  private statement(words: readonly string[]): void {
    const { context } = this;
    let negation: Negation = 'none';
    if (words[0] === 'no' || words[0] === 'default') negation = words[0];
    const statement = new Statement(negation === 'none' ? words : words.slice(1), negation);
    if (negation !== 'none' && !NEGATABLE.has(statement.at(0))) {
      context.alertTight(
        'negation/default currently supported only for options, log, busy-polling, ' +
          'set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.',
      );
    }
    if (isSectionWord(statement.at(0))) {
      openSection(statement, context);
      return;
    }
    if (context.section !== '') parseSectionLine(statement, context);
    else if (context.pass === 'full') {
      context.alertTight(`unknown keyword '${statement.at(0)}' out of section.`);
    }
  }
}
