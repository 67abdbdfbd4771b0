// Names of variables as they are written, `txn.user`, `proc.hits` (manual §2.8), and the conditions of set-var.

import type { VariableScope } from '../model/language.ts';

const SCOPES: readonly VariableScope[] = ['proc', 'sess', 'txn', 'req', 'res', 'check'];

export interface VariableName {
  scope: VariableScope;
  name: string; // without the scope
}

/** A string is what is wrong with it, in HAProxy's words. */
export function parseVariableName(text: string): VariableName | string {
  if (text === '') return 'Empty variable name cannot be accepted';
  if (/^p(sess|txn|req|res)\../.test(text)) {
    // Of a stream's parent: only SPOE and the like have one, so here they are never set. No stream has scope `check` either.
    const name = parseVariableName(text.slice(1));
    return typeof name === 'string' ? name : { scope: 'check', name: text };
  }
  const scope = SCOPES.find((each) => text.startsWith(`${each}.`) && text.length > each.length + 1);
  if (scope === undefined) {
    return (
      `invalid variable name '${text}'. A variable name must start with its scope. ` +
      "The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'"
    );
  }
  const name = text.slice(scope.length + 1);
  const odd = /[^A-Za-z0-9_.]/.exec(name);
  return odd === null ? { scope, name } : `invalid syntax at char '${odd[0]}'`;
}

/** Conditions of set-var, as bits; all given ones have to hold. */
export const SET_IF_EXISTS = 1;
export const SET_IF_NOT_EXISTS = 2;
export const SET_IF_EMPTY = 4; // the new value is an empty text
export const SET_IF_NOT_EMPTY = 8;
export const SET_IF_SET = 16; // it has a value
export const SET_IF_NOT_SET = 32;
export const SET_IF_GREATER = 64; // what it holds is greater than the new value; integers only
export const SET_IF_LESS = 128;

const CONDITIONS: Record<string, number> = {
  ifexists: SET_IF_EXISTS,
  ifnotexists: SET_IF_NOT_EXISTS,
  ifempty: SET_IF_EMPTY,
  ifnotempty: SET_IF_NOT_EMPTY,
  ifset: SET_IF_SET,
  ifnotset: SET_IF_NOT_SET,
  ifgt: SET_IF_GREATER,
  iflt: SET_IF_LESS,
};

/** SET_IF_… bits of their words; a string is what is wrong with them. */
export function parseSetConditions(words: readonly string[]): number | string {
  let bits = 0;
  for (const word of words) {
    const bit = Object.hasOwn(CONDITIONS, word) ? CONDITIONS[word]! : 0;
    if (bit === 0) return `unknown condition "${word}"`;
    bits |= bit;
  }
  return bits;
}

export interface VariableAction extends VariableName {
  action: 'set-var' | 'set-var-fmt' | 'unset-var';
  conditions: number;
}

const EXPECTS = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'";

/** An action's word, `set-var(txn.x,ifempty)`; a string is what is wrong with it, in HAProxy's words. */
export function parseVariableAction(word: string): VariableAction | string {
  const action = (['set-var-fmt', 'set-var', 'unset-var'] as const).find((each) => word.startsWith(each));
  const list = action === undefined ? '' : word.slice(action.length);
  if (action === undefined || !list.startsWith('(')) return `invalid or incomplete action '${word}'. ${EXPECTS}`;
  if (!list.endsWith(')') || list.length < 2) return `incomplete argument after action '${word}'. ${EXPECTS}`;
  const [nameText = '', ...words] = list.slice(1, -1).split(',');
  // The first empty condition ends them, as in HAProxy.
  const end = words.indexOf('');
  const conditionWords = end < 0 ? words : words.slice(0, end);
  if (conditionWords.length > 0 && action === 'unset-var') {
    return (
      'unset-var does not expect parameters after the variable name. ' +
      'Only "set-var" and "set-var-fmt" manage conditions'
    );
  }
  const conditions = parseSetConditions(conditionWords);
  if (typeof conditions === 'string') return conditions;
  const name = parseVariableName(nameText);
  return typeof name === 'string' ? name : { ...name, action, conditions };
}
