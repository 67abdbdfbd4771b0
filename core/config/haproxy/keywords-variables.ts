// Variables of the process that the `global` section sets, and limits for all variables (manual §2.8, §3.1 "set-var",
// §3.2 "tune.vars.*").

import { parseExpression } from '../../sample/expression-parse.ts';
import { parseFormat } from '../../sample/format-parse.ts';
import { AT_CFG_PARSER } from '../../sample/types.ts';
import { fetchProblem } from '../../sample/validity.ts';
import { parseVariableAction } from '../../sample/variable-names.ts';
import type { ParseContext, Statement } from './context.ts';
import { type GlobalDraft, ProxyDraft } from './drafts.ts';
import type { GlobalKeyword } from './keyword-table.ts';
import { languageScope } from './language-scope.ts';
import { namesProblems } from './names.ts';
import { parseLong } from './units.ts';

type SetVar = GlobalDraft['setVars'][number];

/** `set-var NAME EXPRESSION`, `set-var-fmt NAME FORMAT`. */
function setVariable(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  const keyword = statement.at(0);
  const made = keyword === 'set-var' ? readSetVar(statement, context) : readSetFormat(statement, context);
  if (typeof made === 'string') context.alert(made);
  else global.setVars.push(made);
}

/** The variable's name, or what is wrong. */
function readName(statement: Statement, what: string): { name: string } | string {
  const [keyword, name] = [statement.at(0), statement.at(1)];
  if (name === '' || statement.at(2) === '') {
    return `'${keyword}' requires a process-wide variable name ('proc.<name>') and ${what}.`;
  }
  const action = parseVariableAction(`${keyword}(${name})`);
  return typeof action === 'string' ? action : { name: action.scope === 'proc' ? action.name : '' };
}

const wrongScope = (statement: Statement): string =>
  `'${statement.at(0)}': cannot set variable '${statement.at(1)}', only scope 'proc' is permitted in the global section.`;

function readSetVar(statement: Statement, context: ParseContext): SetVar | string {
  const variable = readName(statement, 'a sample expression');
  if (typeof variable === 'string') return variable;
  const nobody = new ProxyDraft('defaults', 'CFG', context.place, 0);
  const parsed = parseExpression(statement.words, 2, languageScope(context, nobody, 'configuration'));
  if (!parsed.ok) return parsed.error;
  const { ast } = parsed;
  const problem = fetchProblem(`set-var(${statement.at(1)})`, ast.uses, AT_CFG_PARSER);
  if (problem !== null) return problem;
  if (variable.name === '') return wrongScope(statement);
  const missing = namesProblems(nobody.nameUses, nobody, context);
  if (missing.length > 0) return missing.join('\n  ');
  return { scope: 'proc', name: variable.name, expression: ast, format: null };
}

function readSetFormat(statement: Statement, context: ParseContext): SetVar | string {
  const variable = readName(statement, 'a format string');
  if (typeof variable === 'string') return variable;
  const nobody = new ProxyDraft('defaults', 'CFG', context.place, 0);
  const parsed = parseFormat(statement.at(2), languageScope(context, nobody, 'configuration'), {
    where: AT_CFG_PARSER,
  });
  if (!parsed.ok) return parsed.error;
  if (variable.name === '') return wrongScope(statement);
  const missing = namesProblems(nobody.nameUses, nobody, context);
  if (missing.length > 0) return missing.join('\n  ');
  return { scope: 'proc', name: variable.name, expression: null, format: parsed.ast };
}

function limit(name: string, set: (global: GlobalDraft, bytes: number) => void): GlobalKeyword {
  return {
    name,
    args: ['<size>'],
    listed: true,
    passes: 'full',
    set: (statement, global, context) => {
      const { value, rest } = parseLong(statement.at(1), 10);
      if (rest !== '') context.alert(`${name}: '${statement.at(1)}' is an invalid size`);
      else set(global, value >>> 0);
    },
  };
}

export const variableKeywords: readonly GlobalKeyword[] = [
  { name: 'set-var', args: ['<name>', '<expression>'], listed: true, passes: 'full', set: setVariable },
  { name: 'set-var-fmt', args: ['<name>', '<format>'], listed: true, passes: 'full', set: setVariable },
  limit('tune.vars.global-max-size', (global, bytes) => {
    global.variableLimits.global = bytes;
  }),
  limit('tune.vars.proc-max-size', (global, bytes) => {
    global.variableLimits.proc = bytes;
  }),
  limit('tune.vars.sess-max-size', (global, bytes) => {
    global.variableLimits.sess = bytes;
  }),
  limit('tune.vars.txn-max-size', (global, bytes) => {
    global.variableLimits.txn = bytes;
  }),
  limit('tune.vars.reqres-max-size', (global, bytes) => {
    global.variableLimits.reqres = bytes;
  }),
];
