// `set-var(name[,condition…])` and `unset-var(name)` within an expression (manual §7.3.1).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import type { Convert, ConverterRow, Linker } from './rows.ts';
import { TYPE_ANY } from './types.ts';
import { parseSetConditions } from './variable-names.ts';
import { setVariable, unsetVariable } from './variables.ts';

const conditionWords = (args: readonly Arg[]): string[] =>
  args.slice(1).map((arg) => (arg.kind === 'str' ? arg.text : ''));

function checkConditions(args: readonly Arg[]): string | null {
  const bits = parseSetConditions(conditionWords(args));
  return typeof bits === 'string' ? bits : null;
}

function compileSet(args: readonly Arg[], linker: Linker): Convert {
  const [name] = args;
  assert(name?.kind === 'variable', 'set-var() names a variable');
  const { scope } = name;
  const variable = linker.variable(scope, name.name);
  const conditions = parseSetConditions(conditionWords(args));
  assert(typeof conditions === 'number', 'the conditions of set-var() were checked');
  return (sample, subject) => setVariable(subject, scope, variable, sample, conditions);
}

function compileUnset(args: readonly Arg[], linker: Linker): Convert {
  const [name] = args;
  assert(name?.kind === 'variable', 'unset-var() names a variable');
  const { scope } = name;
  const variable = linker.variable(scope, name.name);
  return (_sample, subject) => unsetVariable(subject, scope, variable);
}

export const variableConverters: readonly ConverterRow[] = [
  {
    name: 'set-var',
    args: { kinds: ['variable', 'str', 'str', 'str', 'str'], min: 1 },
    in: TYPE_ANY,
    out: TYPE_ANY,
    check: checkConditions,
    compile: compileSet,
  },
  {
    name: 'unset-var',
    args: { kinds: ['variable'], min: 1 },
    in: TYPE_ANY,
    out: TYPE_ANY,
    compile: compileUnset,
  },
];
