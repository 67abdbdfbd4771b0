// `-cc CONDITION`: one condition from the command line (management guide §3 "-cc").

import { ENABLED_DEFAULT, type EnabledOptions, evaluateCondition } from './conditions.ts';
import type { Environment } from './environment.ts';
import { type LexError, lexLine } from './lexer.ts';
import { toBytes } from './text.ts';

const LEX_MESSAGES: Partial<Record<LexError, string>> = {
  quote: 'Syntax Error in condition: Unmatched quote.',
  hexadecimal: 'Syntax Error in condition: Truncated or invalid hexadecimal sequence.',
  'too-many-words': 'Error in condition: Too many words.',
};
const LEX_MESSAGE_OTHER = 'Unhandled error in condition, please report this to the developers.';

export interface CommandConditionResult {
  readonly exitCode: 0 | 1 | 2; // true, false, not a condition
  readonly alert: string; // the ALERT's text for exit code 2, else ''
}

export function evaluateCommandCondition(
  condition: string,
  environment: Environment,
  enabled: EnabledOptions = ENABLED_DEFAULT,
): CommandConditionResult {
  const nowhere = { file: '', line: 0, section: '' };
  const lexed = lexLine(toBytes(condition), environment, nowhere, false);
  if (lexed.error !== null) return { exitCode: 2, alert: LEX_MESSAGES[lexed.error] ?? LEX_MESSAGE_OTHER };
  const result = evaluateCondition(lexed.words.join(' '), environment, enabled);
  if (!result.ok) return { exitCode: 2, alert: `Failed to evaluate condition: ${result.message}` };
  return { exitCode: result.value ? 0 : 1, alert: '' };
}
