// `capture` of a value into a slot of the stream (manual §4.3, §4.4): `len N` makes a request slot of its own, `id N` names
// one that `declare capture` or another rule has made.

import type { RuleAst } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import type { Linker } from '../sample/rows.ts';
import { Sample, TYPE_STR } from '../sample/types.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  type CheckedProxy,
  RULE_CONTINUE,
  type RuleParts,
} from './contract.ts';
import { readNumber } from './words.ts';

/** Are there three words before the condition? */
function hasThreeWords(line: ActionLine): boolean {
  for (let ahead = 0; ahead < 3; ahead++) {
    const word = line.peek(ahead);
    if (word === '' || word === 'if' || word === 'unless') return false;
  }
  return true;
}

function parseRequest(line: ActionLine): RuleParts | null {
  if (!hasThreeWords(line)) return line.fail("expects <expression> [ 'len' <length> | id <idx> ]");
  const expression = line.expression();
  if (expression === null) return null;
  const word = line.peek();
  if (word === '') return line.fail("expects 'len or 'id'");
  if (word === 'id') {
    const slot = parseId(line);
    return slot === null ? null : { expressions: [expression], options: { slot, isNamed: true } };
  }
  if (word !== 'len') return line.fail(`expects 'len' or 'id', found '${word}'`);
  if (!line.front) return line.fail(`proxy '${line.proxy}' has no frontend capability`);
  line.next();
  const length = readNumber(line.next());
  if (length <= 0) return line.fail('length must be > 0');
  return { expressions: [expression], options: { slot: line.addCapture(length), isNamed: false } };
}

function parseResponse(line: ActionLine): RuleParts | null {
  if (!hasThreeWords(line)) return line.fail('expects <expression> id <idx>');
  const expression = line.expression();
  if (expression === null) return null;
  const word = line.peek();
  if (word === '') return line.fail("expects 'id'");
  if (word !== 'id') return line.fail(`expects 'id', found '${word}'`);
  const slot = parseId(line);
  return slot === null ? null : { expressions: [expression], options: { slot, isNamed: true } };
}

/** `id N`; null: reported. */
function parseId(line: ActionLine): number | null {
  line.next();
  const word = line.next();
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(word) && word !== '') return line.fail(`cannot parse id '${word}'`);
  return readNumber(word);
}

/** `tcp-request content capture`: always a slot of its own. HAProxy names the line's words in each complaint. */
function parseContent(line: ActionLine): RuleParts | null {
  const what = `'${line.set} ${line.word}'`;
  if (!line.front) return line.fail(`${what} : proxy '${line.proxy}' has no frontend capability`);
  if (line.set !== 'tcp-request content') {
    const words = `'${line.word} ${line.peek()}'`;
    return line.fail(`${words} is not allowed in '${line.set}' rules in ${line.sectionWord} '${line.proxy}'`);
  }
  const expression = line.expression();
  if (expression === null) return null;
  if (line.peek() !== 'len') return line.fail(`${what} : a positive 'len' argument is mandatory`);
  line.next();
  const length = readNumber(line.next());
  if (length <= 0) return line.fail(`${what} : length must be > 0`);
  return { expressions: [expression], options: { slot: line.addCapture(length), isNamed: false } };
}

// A backend's rules may name slots that the frontend of the request has not got: they keep nothing then.
function check(ast: RuleAst, proxy: CheckedProxy): string | null {
  const { slot, isNamed } = ast.options;
  if (isNamed !== true || !proxy.front) return null;
  const ofRequest = ast.set === 'http-request';
  const count = ofRequest ? proxy.requestCaptureCount : proxy.responseCaptureCount;
  if (Number(slot) < count) return null;
  const rule = ofRequest ? 'http-request' : 'http-response';
  return `unable to find capture id '${slot}' referenced by ${rule} capture rule`;
}

function compile(ast: RuleAst, linker: Linker): Action {
  const slot = Number(ast.options.slot);
  const ofRequest = ast.set === 'http-request' || ast.set === 'tcp-request content';
  const expression = compileExpression(ast.expressions[0]!, linker);
  const sample = new Sample();
  return (subject) => {
    const { stream } = subject;
    const store = stream === null ? null : ofRequest ? stream.requestCaptures : stream.responseCaptures;
    if (store === null || slot < 0 || slot >= store.count) return RULE_CONTINUE;
    if (!expression.evaluateAs(subject, sample, TYPE_STR)) return RULE_CONTINUE;
    store.set(slot, sample.bytes, sample.offset, sample.length);
    return RULE_CONTINUE;
  };
}

export const captureActions: readonly ActionRow[] = [
  { name: 'capture', isPrefix: false, sets: ['http-request'], parse: parseRequest, check, compile },
  {
    name: 'capture',
    isPrefix: false,
    sets: ['http-response', 'http-after-response'],
    parse: parseResponse,
    check,
    compile,
  },
  {
    name: 'capture',
    isPrefix: false,
    sets: ['tcp-request connection', 'tcp-request session', 'tcp-request content'],
    parse: parseContent,
    compile,
  },
];
