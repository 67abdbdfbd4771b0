// The process's variables as the supervisor keeps them: what `set-var` lines made before the first thread ran, what commands
// and the threads' rules made of them since.

import { TurnClock } from '../../core/base/clock.ts';
import { TurnWallClock } from '../../core/base/wall-clock.ts';
import type { ExpressionAst, FormatAst, PlainValue, ProcValue } from '../../core/model/language.ts';
import type { Model } from '../../core/model/model.ts';
import { compileExpression } from '../../core/sample/compile.ts';
import { parseExpression } from '../../core/sample/expression-parse.ts';
import { compileFormat } from '../../core/sample/format.ts';
import { parseFormat } from '../../core/sample/format-parse.ts';
import type { ParseScope } from '../../core/sample/parse-scope.ts';
import type { PatternStore } from '../../core/sample/patterns/store.ts';
import { fromPlain, toPlain } from '../../core/sample/plain-value.ts';
import type { Linker } from '../../core/sample/rows.ts';
import { plainText } from '../../core/sample/sample-text.ts';
import { Subject } from '../../core/sample/subject.ts';
import { Trash } from '../../core/sample/trash.ts';
import { AT_CLI_PARSER, Sample, TYPE_NAMES, TYPE_STR } from '../../core/sample/types.ts';
import { fetchProblem } from '../../core/sample/validity.ts';
import { parseVariableName } from '../../core/sample/variable-names.ts';
import { VariableNames, VariableTable } from '../../core/sample/variables.ts';
import type { SharedTables } from '../fleet/shared-tables.ts';
import type { ProcVariables } from './proc-variables.ts';

const NO_PATTERNS = 'patterns cannot be given here';

export class SupervisorVariables implements ProcVariables {
  private readonly names = new VariableNames();
  private readonly table: VariableTable;
  private readonly subject: Subject;
  private readonly linker: Linker;
  private readonly sample = new Sample();
  private readonly publish: (variable: ProcValue) => Promise<void>;

  /** `publish` resolves when every thread has the value. */
  constructor(
    model: Model,
    tables: SharedTables,
    patterns: PatternStore,
    startedAtMs: number,
    publish: (variable: ProcValue) => Promise<void>,
  ) {
    this.publish = publish;
    this.table = new VariableTable(model.global.variableLimits);
    this.table.begin('proc', null);
    this.subject = new Subject({
      bytes: new Uint8Array(model.global.bufsize),
      trash: new Trash(model.global.bufsize),
      model,
      clock: new TurnClock(),
      wallClock: new TurnWallClock(),
      load: tables.serverLoad,
      words: tables.serverWords,
      counters: tables.counters,
      world: { changePatterns: () => false, procVariableChanged: () => undefined },
      procVariables: this.table,
    });
    this.linker = {
      model,
      threadIndex: 0,
      threadCount: tables.serverLoad.threadCount,
      pid: process.pid,
      startedAtMs,
      variable: (scope, name) => this.names.numberOf(scope, name),
      map: (refIndex, method, ignoreCase) => patterns.matcher(refIndex, method, ignoreCase),
    };
    for (const { name, expression, format } of model.global.setVars) {
      if (expression !== null) this.evaluate(name, expression);
      else if (format !== null) this.evaluateFormat(name, format);
    }
  }

  /** All that have a value: what a thread begins with. */
  values(): ProcValue[] {
    return this.table.list().map((variable) => {
      this.table.get(variable, this.sample);
      return { name: this.names.nameOf('proc', variable), value: toPlain(this.sample) };
    });
  }

  /** A thread's rule set it. */
  learn({ name, value }: ProcValue): void {
    this.store(name, value);
  }

  get(name: string): { type: string; text: string | null } | null {
    const parsed = parseVariableName(name);
    if (typeof parsed === 'string' || parsed.scope !== 'proc') return null;
    const variable = this.names.find('proc', parsed.name);
    if (variable < 0 || !this.table.get(variable, this.sample)) return null;
    return { type: TYPE_NAMES[this.sample.type]!, text: plainText(this.sample) };
  }

  async set(name: string, text: string, isFormat: boolean): Promise<string> {
    const parsed = parseVariableName(name);
    if (typeof parsed === 'string' || parsed.scope !== 'proc') {
      return "'set var': only variables of scope 'proc' can be set.\n";
    }
    const known = this.names.find('proc', parsed.name) >= 0;
    if (!known) this.names.numberOf('proc', parsed.name);
    const problem = isFormat ? this.setFormat(parsed.name, text) : this.setExpression(parsed.name, text);
    if (problem !== '') return `'set var': ${problem}.\n`;
    const variable = this.names.find('proc', parsed.name);
    const value = this.table.get(variable, this.sample) ? toPlain(this.sample) : null;
    await this.publish({ name: parsed.name, value });
    return '';
  }

  private setExpression(name: string, text: string): string {
    const parsed = parseExpression([text], 0, this.scope());
    if (!parsed.ok) return parsed.error;
    const problem = fetchProblem('set var', parsed.ast.uses, AT_CLI_PARSER);
    if (problem !== null) return problem;
    this.evaluate(name, parsed.ast);
    return '';
  }

  private setFormat(name: string, text: string): string {
    const parsed = parseFormat(text, this.scope(), { where: AT_CLI_PARSER });
    if (!parsed.ok) return parsed.error;
    this.evaluateFormat(name, parsed.ast);
    return '';
  }

  private scope(): ParseScope {
    return {
      file: 'CLI',
      line: 0,
      where: 'cli',
      patterns: { fromFile: () => NO_PATTERNS, inline: () => NO_PATTERNS, isIdUsed: () => false },
      acls: new Map(),
      uses: [],
      groupTests: [],
      findAcl: () => NO_PATTERNS,
      warn: () => undefined,
      suspect: () => undefined,
    };
  }

  private evaluate(name: string, ast: ExpressionAst): void {
    this.turn();
    const { sample, subject } = this;
    const variable = this.names.numberOf('proc', name);
    if (compileExpression(ast, this.linker).evaluate(subject, sample)) this.table.set(variable, sample);
  }

  private evaluateFormat(name: string, ast: FormatAst): void {
    this.turn();
    const { sample, subject } = this;
    const { trash } = subject;
    const at = trash.take();
    const end = compileFormat(ast, this.linker).write(subject, trash.bytes, at, at + trash.chunkBytes);
    sample.begin();
    sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
    this.table.set(this.names.numberOf('proc', name), sample);
  }

  private turn(): void {
    this.subject.clock.turn();
    (this.subject.wallClock as TurnWallClock).turn();
  }

  private store(name: string, value: PlainValue | null): void {
    const variable = this.names.numberOf('proc', name);
    if (value === null) {
      this.table.unset(variable);
      return;
    }
    fromPlain(value, this.sample);
    this.table.set(variable, this.sample);
  }
}
