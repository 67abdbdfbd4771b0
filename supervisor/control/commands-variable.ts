// Process-wide variables (management guide §9.3 "get var", "set var").

import { type Answer, type Call, type Command, failure, info } from './command.ts';

function getVariable(call: Call): Answer {
  const name = call.word(2);
  if (name === '') return failure('Missing process-wide variable identifier.\n');
  const found = call.control.parts.variables?.get(name) ?? null;
  if (found === null) return failure('Variable not found.\n');
  const shown = found.text === null ? '(undisplayable)' : `<${found.text.replace(/[^\x20-\x7e]/g, '.')}>`;
  return info(`${name}: type=${found.type} value=${shown}\n`);
}

async function setVariable(call: Call): Promise<Answer> {
  const { variables } = call.control.parts;
  const name = call.word(2);
  if (name === '') return failure('Missing process-wide variable identifier.\n');
  if (call.word(3) === '') return failure("Missing either 'expr', 'fmt' or expression.\n");
  const isLong = call.word(4) !== '';
  const kind = call.word(3);
  if (isLong && kind !== 'fmt' && kind !== 'expr') {
    return failure(`'set var': arg type must be either 'expr' or 'fmt' but got '${kind}'.`);
  }
  if (variables === null) return failure("'set var': this process has no variables.\n");
  const error = await variables.set(name, isLong ? call.word(4) : kind, isLong && kind === 'fmt');
  return error === '' ? null : failure(error);
}

export const variableCommands: readonly Command[] = [
  {
    words: ['get', 'var'],
    usage: 'get var <name>                          : retrieve contents of a process-wide variable',
    level: 'operator',
    run: getVariable,
  },
  {
    words: ['set', 'var'],
    usage: 'set var <name> [fmt|expr] {<fmt>|<expr>}: set variable from an expression or a format',
    level: 'operator',
    mode: 'experimental',
    run: setVariable,
  },
];
