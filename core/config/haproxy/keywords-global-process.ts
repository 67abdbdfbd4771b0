// Rows of the `global` section that change the environment and what the parser itself accepts (manual §3.1).

import type { ParseContext, Statement } from './context.ts';
import type { GlobalKeyword } from './keyword-table.ts';

type Set = GlobalKeyword['set'];

function setVariable(statement: Statement, _global: unknown, context: ParseContext): void {
  const [keyword, name, value] = [statement.at(0), statement.at(1), statement.at(2)];
  if (context.tooManyWords(statement, 2)) return;
  if (name === '') return context.alert(`'${keyword}' expects environment variable name.\n.`);
  if (value === '') return context.alert(`'${keyword}' expects environment variable value for '${name}'.\n.`);
  if (name.includes('=')) return context.alert(`'${keyword}' failed on variable '${name}' : Invalid argument.\n`);
  if (keyword === 'setenv' || context.environment.get(name) === null) context.environment.set(name, value);
}

function unsetVariables(statement: Statement, _global: unknown, context: ParseContext): void {
  if (statement.at(1) === '') return context.alert(`'unsetenv' expects at least one variable name.\n`);
  for (const name of statement.words.slice(1)) {
    if (name.includes('=')) return context.alert(`'unsetenv' failed on variable '${name}' : Invalid argument.\n`);
    context.environment.unset(name);
  }
}

function resetVariables(statement: Statement, _global: unknown, context: ParseContext): void {
  context.environment.keepOnly(statement.words.slice(1));
}

const inBoth = (name: string, args: readonly string[], set: Set): GlobalKeyword => ({
  name,
  args,
  set,
  listed: true,
  passes: 'both',
});

function allow(field: 'deprecatedAllowed' | 'experimentalAllowed'): Set {
  return (statement, _global, context) => {
    if (!context.tooManyWords(statement, 0)) context[field] = true;
  };
}

const PATH_MODES: readonly string[] = ['current', 'config', 'parent', 'origin'];

/** `default-path`: where relative file names start (manual §3.1). */
function setDefaultPath(statement: Statement, _global: unknown, context: ParseContext): void {
  const mode = statement.at(1);
  if (!PATH_MODES.includes(mode)) {
    const problem = mode === '' ? 'missing' : 'unsupported';
    return context.alert(
      `${problem} default-path mode '${mode}' for 'default-path', ` +
        `supported modes include 'current', 'config', 'parent', and 'origin'.`,
    );
  }
  if (mode === 'origin' && statement.at(2) === '') {
    return context.alert(`'default-path origin' expects a directory as an argument.`);
  }
  context.setPathBase(mode as 'current' | 'config' | 'parent' | 'origin', statement.at(2));
}

export const environmentKeywords: readonly GlobalKeyword[] = [
  inBoth('setenv', ['<name>', '<value>'], setVariable),
  inBoth('presetenv', ['<name>', '<value>'], setVariable),
  inBoth('unsetenv', ['<name>...'], unsetVariables),
  inBoth('resetenv', ['[<name>...]'], resetVariables),
  inBoth('expose-deprecated-directives', [], allow('deprecatedAllowed')),
  { ...inBoth('expose-experimental-directives', [], allow('experimentalAllowed')), passes: 'full' },
  { ...inBoth('default-path', ['current|config|parent|origin <path>'], setDefaultPath), passes: 'full' },
];
