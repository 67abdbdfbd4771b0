// For tests of the language itself: text is parsed, compiled and run on a subject without a connection.

import { ok } from 'node:assert/strict';
import type { AclTest, ExpressionAst, PatternRef } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import { findAcl, parseAcl, parseCondition } from './acl-parse.ts';
import { compileCondition, compileExpression } from './compile.ts';
import { parseExpression } from './expression-parse.ts';
import { Bench } from './fixture-fetch.ts';
import { compileFormat } from './format.ts';
import { type FormatOptions, parseFormat } from './format-parse.ts';
import type { ParseScope } from './parse-scope.ts';
import { PatternLoader } from './patterns/load.ts';
import { PatternStore } from './patterns/store.ts';
import type { Linker } from './rows.ts';
import { valueText } from './sample-text.ts';
import { DIRECTION_REQUEST, type Subject } from './subject.ts';
import { AT_CFG_PARSER, Sample } from './types.ts';
import { type VariableLimits, VariableNames, VariableTable } from './variables.ts';

const NO_LIMITS: VariableLimits = { global: 0, proc: 0, sess: 0, txn: 0, reqres: 0 };
const FORMAT_BYTES_MAX = 4096;

export class LanguageBench {
  readonly bench = new Bench();
  readonly subject: Subject = this.bench.subject;
  readonly sample = new Sample();
  readonly names = new VariableNames();
  readonly warnings: string[] = [];
  readonly changedVariables: number[] = [];
  readonly proc: VariableTable;
  readonly txn: VariableTable;
  readonly reqres: VariableTable;
  private readonly refs: PatternRef[] = [];
  readonly scope: ParseScope;

  constructor(limits: Partial<VariableLimits> = {}) {
    const all = { ...NO_LIMITS, ...limits };
    const loader = new PatternLoader({
      patternRefs: this.refs,
      resolvePath: (path) => path,
      resolver: { prefetch: () => {}, lookup: () => null },
    });
    this.scope = {
      ...{ file: 'test.cfg', line: 7, where: 'acl', patterns: loader, acls: new Map(), uses: [], groupTests: [] },
      findAcl: (name) => findAcl(name, this.scope),
      warn: (text) => this.warnings.push(text),
      suspect: () => {},
    };
    [this.proc, this.txn, this.reqres] = [new VariableTable(all), new VariableTable(all), new VariableTable(all)];
    this.proc.begin('proc', null);
    this.txn.begin('txn', this.proc);
    this.reqres.begin('req', this.txn);
    this.subject.procVariables = this.proc;
    this.subject.txnVariables = this.txn;
    this.subject.reqresVariables = this.reqres;
    this.subject.direction = DIRECTION_REQUEST;
    this.bench.world.procVariableChanged = (variable) => this.changedVariables.push(variable);
  }

  /** Made anew for each compilation, as patterns are added while tests parse. */
  get linker(): Linker {
    const patterns = new PatternStore(this.refs);
    return {
      ...this.bench.linker,
      model: { ...this.bench.model, userlists: [] } as Model,
      variable: (scope, name) => this.names.numberOf(scope, name),
      map: (ref, method, ignoreCase) => patterns.matcher(ref, method as AclTest['method'], ignoreCase),
    };
  }

  parse(text: string): ExpressionAst {
    const parsed = parseExpression([text], 0, this.scope);
    ok(parsed.ok, parsed.ok ? '' : parsed.error);
    return parsed.ast;
  }

  /** What is wrong with an expression of these words; '' nothing. */
  error(...words: string[]): string {
    const parsed = parseExpression(words, 0, this.scope);
    return parsed.ok ? '' : parsed.error;
  }

  /** The value as people see it; null: none. */
  evaluate(text: string): string | null {
    const expression = compileExpression(this.parse(text), this.linker);
    return expression.evaluate(this.subject, this.sample) ? valueText(this.sample) : null;
  }

  /** Adds a named ACL; what is wrong, or ''. */
  acl(line: string): string {
    const [name = '', ...words] = line.split(' ');
    const parsed = parseAcl(name, words, this.scope);
    return parsed.ok ? '' : parsed.error;
  }

  /** CONDITION_… of `if …` or `unless …`. */
  condition(text: string): number {
    const parsed = parseCondition(text.split(' '), 0, this.scope);
    ok(parsed.ok, parsed.ok ? '' : parsed.error);
    return compileCondition(parsed.ast, this.linker).evaluate(this.subject);
  }

  /** What a format writes, with at most `bytesMax` bytes. */
  format(text: string, options: Partial<FormatOptions> = {}, bytesMax = FORMAT_BYTES_MAX): string {
    const parsed = parseFormat(text, this.scope, { where: AT_CFG_PARSER, ...options });
    ok(parsed.ok, parsed.ok ? '' : parsed.error);
    const bytes = new Uint8Array(bytesMax + 8).fill(0x7e);
    const end = compileFormat(parsed.ast, this.linker).write(this.subject, bytes, 4, 4 + bytesMax);
    ok(bytes[4 + bytesMax] === 0x7e && bytes[3] === 0x7e, 'a format writes only where it may');
    return Buffer.from(bytes.subarray(4, end)).toString('latin1');
  }
}
