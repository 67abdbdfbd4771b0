// set-var(NAME[,CONDITION…]), set-var-fmt and unset-var (manual §4.4, §2.8).

import type { Arg, VariableScope } from '../model/language.ts';
import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import { compileFormat } from '../sample/format.ts';
import type { Linker } from '../sample/rows.ts';
import { Sample, TYPE_STR } from '../sample/types.ts';
import { parseVariableAction } from '../sample/variable-names.ts';
import { setVariable, unsetVariable } from '../sample/variables.ts';
import { type Action, type ActionLine, type ActionRow, RULE_CONTINUE, type RuleParts } from './contract.ts';

const ALL_SETS: readonly RuleSetName[] = [
  'tcp-request connection',
  'tcp-request session',
  'tcp-request content',
  'tcp-response content',
  'http-request',
  'http-response',
  'http-after-response',
];

interface Target {
  readonly arg: Extract<Arg, { kind: 'variable' }>;
  readonly conditions: number;
}

/** The variable and the conditions in the action's own word; null: reported. */
function parseTarget(line: ActionLine): Target | null {
  const parsed = parseVariableAction(line.word);
  if (typeof parsed === 'string') return line.fail(parsed);
  return { arg: { kind: 'variable', scope: parsed.scope, name: parsed.name }, conditions: parsed.conditions };
}

function parseSet(line: ActionLine): RuleParts | null {
  const target = parseTarget(line);
  if (target === null) return null;
  const expression = line.expression(undefined, line.word);
  if (expression === null) return null;
  return { args: [target.arg], expressions: [expression], options: { conditions: target.conditions } };
}

function parseSetFormat(line: ActionLine): RuleParts | null {
  const target = parseTarget(line);
  if (target === null) return null;
  const format = line.format(true);
  return format === null ? null : { args: [target.arg], formats: [format], options: { conditions: target.conditions } };
}

function parseUnset(line: ActionLine): RuleParts | null {
  const target = parseTarget(line);
  return target === null ? null : { args: [target.arg] };
}

function variableOf(ast: RuleAst, linker: Linker): { scope: VariableScope; variable: number } {
  const arg = ast.args[0] as Target['arg'];
  return { scope: arg.scope, variable: linker.variable(arg.scope, arg.name) };
}

// A value that is not there, a condition that does not hold, a limit that is reached: the variable stays as it was.
function compileSet(ast: RuleAst, linker: Linker): Action {
  const { scope, variable } = variableOf(ast, linker);
  const conditions = Number(ast.options.conditions);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const sample = new Sample();
  return (subject) => {
    if (expression.evaluate(subject, sample)) setVariable(subject, scope, variable, sample, conditions);
    return RULE_CONTINUE;
  };
}

function compileSetFormat(ast: RuleAst, linker: Linker): Action {
  const { scope, variable } = variableOf(ast, linker);
  const conditions = Number(ast.options.conditions);
  const format = compileFormat(ast.formats[0]!, linker);
  const sample = new Sample();
  return (subject) => {
    const { trash } = subject;
    const at = trash.take();
    const end = format.write(subject, trash.bytes, at, at + trash.chunkBytes);
    if (end < at) return RULE_CONTINUE;
    sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
    setVariable(subject, scope, variable, sample, conditions);
    return RULE_CONTINUE;
  };
}

function compileUnset(ast: RuleAst, linker: Linker): Action {
  const { scope, variable } = variableOf(ast, linker);
  return (subject) => {
    unsetVariable(subject, scope, variable);
    return RULE_CONTINUE;
  };
}

export const variableActions: readonly ActionRow[] = [
  { name: 'set-var', isPrefix: true, sets: ALL_SETS, parse: parseSet, compile: compileSet },
  { name: 'set-var-fmt', isPrefix: true, sets: ALL_SETS, parse: parseSetFormat, compile: compileSetFormat },
  { name: 'unset-var', isPrefix: true, sets: ALL_SETS, parse: parseUnset, compile: compileUnset },
];
