// add-acl, del-acl, set-map and del-map (manual §4.4): patterns changed by what a message says.
//
// The name in the parentheses is looked up among the files that ACLs and maps of the configuration use; an action on a name
// that none of them uses does nothing, as in HAProxy. Other threads learn of the change from World.changePatterns.

import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import { latin1 } from '../sample/patterns/texts.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { type Action, type ActionLine, type ActionRow, RULE_CONTINUE, type RuleParts } from './contract.ts';

const HTTP_SETS: readonly RuleSetName[] = ['http-request', 'http-response', 'http-after-response'];

const parsePatterns =
  (name: string, takesValue: boolean) =>
  (line: ActionLine): RuleParts | null => {
    const { word } = line;
    if (takesValue && (line.peek() === '' || line.peek(1) === '')) return line.fail('expects exactly 2 arguments');
    if (line.peek() === '') return line.fail('expects exactly 1 arguments');
    if (word[name.length] !== '(' || word.length < name.length + 2) {
      return line.fail(`expects a file name in parentheses after '${name}'`);
    }
    // The last character is the closing parenthesis, whatever it is.
    const file = word.slice(name.length + 1, -1);
    const key = line.format(true);
    if (key === null) return null;
    if (!takesValue) return { formats: [key], options: { file } };
    const value = line.format(true);
    return value === null ? null : { formats: [key, value], options: { file } };
  };

/** A format's result as text, at most a buffer long; the strings are for tables, which are changed seldom. */
function textOf(format: Format, subject: Subject): string {
  const { trash } = subject;
  const at = trash.take();
  const end = format.write(subject, trash.bytes, at, at + trash.chunkBytes - 1);
  const text = latin1(trash.bytes, at, Math.max(end - at, 0));
  const nul = text.indexOf('\0'); // patterns are C strings
  return nul < 0 ? text : text.slice(0, nul);
}

const NOTHING: Action = () => RULE_CONTINUE;

/** Sets the value of what is there, adds it when it is not; an ACL's entry is just there or not. */
function compileStore(ast: RuleAst, linker: Linker): Action {
  const ref = linker.model.patternRefs.find(({ name }) => name !== '' && name === ast.options.file);
  if (ref === undefined) return NOTHING;
  const key = compileFormat(ast.formats[0]!, linker);
  const value = ast.formats.length > 1 ? compileFormat(ast.formats[1]!, linker) : null;
  return (subject) => {
    const keyText = textOf(key, subject);
    const valueText = value === null ? '' : textOf(value, subject);
    subject.world.changePatterns(ref.index, 'add', keyText, valueText);
    return RULE_CONTINUE;
  };
}

function compileDelete(ast: RuleAst, linker: Linker): Action {
  const ref = linker.model.patternRefs.find(({ name }) => name !== '' && name === ast.options.file);
  if (ref === undefined) return NOTHING;
  const key = compileFormat(ast.formats[0]!, linker);
  return (subject) => {
    subject.world.changePatterns(ref.index, 'del', textOf(key, subject), '');
    return RULE_CONTINUE;
  };
}

const row = (
  name: string,
  takesValue: boolean,
  compile: (ast: RuleAst, linker: Linker) => Action,
  sets: readonly RuleSetName[],
): ActionRow => ({ name, isPrefix: true, sets, parse: parsePatterns(name, takesValue), compile });

export const patternActions: readonly ActionRow[] = [
  row('add-acl', false, compileStore, ['http-request', 'http-response']),
  row('del-acl', false, compileDelete, HTTP_SETS),
  row('set-map', true, compileStore, HTTP_SETS),
  row('del-map', false, compileDelete, HTTP_SETS),
];
