// `var(name[,default])`: the value of a variable (manual §7.3.2).

import { assert } from '../base/assert.ts';
import type { Arg } from '../model/language.ts';
import type { Fetch, FetchRow, Linker } from './rows.ts';
import { TYPE_ANY, TYPE_STR, USE_CONST } from './types.ts';
import { variablesOf } from './variables.ts';

function compileVar(args: readonly Arg[], linker: Linker): Fetch {
  const [name, other] = args;
  assert(name?.kind === 'variable', 'var() names a variable');
  const { scope } = name;
  const variable = linker.variable(scope, name.name);
  const fallback = other?.kind === 'str' ? new Uint8Array(Buffer.from(other.text, 'latin1')) : null;
  return (subject, sample) => {
    const table = variablesOf(subject, scope);
    if (table === null) return false;
    if (table.get(variable, sample)) return true;
    if (fallback === null) return false;
    sample.setBytes(TYPE_STR, fallback, 0, fallback.length);
    return true;
  };
}

export const variableFetches: readonly FetchRow[] = [
  { name: 'var', args: { kinds: ['variable', 'str'], min: 1 }, out: TYPE_ANY, uses: USE_CONST, compile: compileVar },
];
