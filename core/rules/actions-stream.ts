// Actions on the stream and its connections (manual §4.4): log level, socket marks and TOS, queue priority, timeouts,
// retries. The proxy does what they ask: see RuleHost in contract.ts.

import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { Sample, TYPE_SINT } from '../sample/types.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  RULE_CONTINUE,
  type RuleHost,
  type RuleParts,
  type TimeoutName,
} from './contract.ts';
import { readNumber, readTimeMs } from './words.ts';

/** An integer that is there, or an expression that gives one each time. */
type IntReader = (subject: Subject) => number;

/** The expression had no value. Not an integer, so that it cannot be mistaken for one. */
const NO_VALUE = Number.NaN;

function compileInt(ast: RuleAst, linker: Linker): IntReader {
  const expressionAst = ast.expressions[0];
  if (expressionAst === undefined) {
    const value = Number(ast.options.value);
    return () => value;
  }
  const expression = compileExpression(expressionAst, linker);
  const sample = new Sample();
  return (subject) => (expression.evaluateAs(subject, sample, TYPE_SINT) ? int32Of(sample) : NO_VALUE);
}

/** HAProxy keeps these in ints: the low 32 bits count. */
function int32Of(sample: Sample): number {
  return sample.wide === null ? sample.number | 0 : Number(BigInt.asIntN(32, sample.wide));
}

/** An action that hands an integer to the host, if there is one. */
const intAction =
  (use: (host: RuleHost, value: number) => void) =>
  (ast: RuleAst, linker: Linker): Action => {
    const read = compileInt(ast, linker);
    return (subject, run) => {
      const value = read(subject);
      if (!Number.isNaN(value)) use(run.host, value);
      return RULE_CONTINUE;
    };
  };

/** As strtol with base 0: `10`, `0x1f`, `017`, with a sign; null when anything else is in it. */
function readCInteger(text: string): number | null {
  const parts = /^[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(text);
  if (parts === null) return null;
  const [, sign, hex, octal, decimal] = parts;
  const value = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : Number(decimal);
  return sign === '-' ? -value : value;
}

/** A number or an expression. */
function parseIntOrExpression(line: ActionLine): RuleParts | null {
  const value = readCInteger(line.peek());
  if (value !== null) {
    line.next();
    return { options: { value: value % 2 ** 32 } };
  }
  const expression = line.expression();
  return expression === null ? null : { expressions: [expression] };
}

function parseMark(line: ActionLine): RuleParts | null {
  return line.peek() === '' ? line.fail('expects an argument') : parseIntOrExpression(line);
}

/** What HAProxy's message calls the keyword: it takes the first word that the action's parser was given. */
function keywordOf(line: ActionLine): string {
  return line.set.startsWith('http-') ? line.word : 'tcp-request';
}

function parseRetries(line: ActionLine): RuleParts | null {
  const word = line.peek();
  if (word === '') return line.fail('expects exactly 1 argument (an expression or an integer between 1 and 100)');
  const keyword = keywordOf(line);
  if (!line.back) return line.fail(`'${keyword}' only available in backend or listen section`);
  if (line.isDefaults) return line.fail(`'${keyword}' is not allowed in 'defaults' sections`);
  const value = readCInteger(word);
  if (value !== null && (value < 0 || value > RETRIES_MAX)) {
    return line.fail('expects an expression or an integer between 1 and 100');
  }
  return parseIntOrExpression(line);
}

const RETRIES_MAX = 100;

function parsePriority(line: ActionLine): RuleParts | null {
  const expression = line.expression(undefined, keywordOf(line));
  return expression === null ? null : { expressions: [expression] };
}

const LOG_LEVELS: readonly string[] = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];
const SILENT = -1;

function parseLogLevel(line: ActionLine): RuleParts | null {
  const level = line.peek() === 'silent' ? SILENT : LOG_LEVELS.indexOf(line.peek());
  if (level < 0 && line.peek() !== 'silent') {
    return line.fail("expects exactly 1 argument (log level name or 'silent')");
  }
  line.next();
  return { options: { value: level } };
}

const NICE_MAX = 1024;

function parseNice(line: ActionLine): RuleParts | null {
  if (line.peek() === '') return line.fail('expects exactly 1 argument (integer value)');
  return { options: { value: Math.max(-NICE_MAX, Math.min(NICE_MAX, readNumber(line.next()))) } };
}

const TIMEOUT_SIDE: Readonly<Record<TimeoutName, 'front' | 'back' | ''>> = {
  client: 'front',
  connect: 'back',
  queue: 'back',
  server: 'back',
  tarpit: '',
  tunnel: 'back',
};

function parseTimeout(line: ActionLine): RuleParts | null {
  const which = line.peek();
  if (which === '' || line.peek(1) === '') return line.fail('expects exactly 2 arguments');
  if (!isTimeoutName(which)) {
    return line.fail(
      `'set-timeout' rule supports 'client'/'connect'/'queue'/'server'/'tarpit'/'tunnel' (got '${which}')`,
    );
  }
  const side = TIMEOUT_SIDE[which];
  if (side !== '' && !line[side]) return line.fail(`'${line.proxy}' has no ${side}end capability`);
  line.next();
  const word = line.peek();
  const time = readTimeMs(word);
  if (!time.ok && time.why === 'character') {
    const expression = line.expression(`unexpected character '${time.char}' in rule 'set-timeout ${which}'`);
    return expression === null ? null : { expressions: [expression], options: { which } };
  }
  const argument = `in argument '${word}' to rule 'set-timeout ${which}'`;
  if (!time.ok && time.why === 'over') {
    return line.fail(`timer overflow ${argument} (maximum value is 2147483647 ms or ~24.8 days)`);
  }
  if (!time.ok) return line.fail(`timer underflow ${argument} (minimum value is 1 ms)`);
  if (time.ms === 0) return line.fail(`null value is not valid for a 'set-timeout ${which}' rule`);
  line.next();
  return { options: { which, value: time.ms } };
}

function isTimeoutName(word: string): word is TimeoutName {
  return Object.hasOwn(TIMEOUT_SIDE, word);
}

function compileTimeout(ast: RuleAst, linker: Linker): Action {
  const which = ast.options.which as TimeoutName;
  // A negative time has no meaning; the timeout stays as it was. 0 is no limit, as in HAProxy.
  return intAction((host, ms) => {
    if (ms >= 0) host.setTimeout(which, ms);
  })(ast, linker);
}

const clamp = (value: number, max: number): number => Math.max(-max, Math.min(max, value));
const PRIORITY_CLASS_MAX = 0x7ff;
const PRIORITY_OFFSET_MS_MAX = 0x7ffff;

const CONNECTION_SETS: readonly RuleSetName[] = ['tcp-request connection', 'tcp-request session'];
const CONTENT_SETS: readonly RuleSetName[] = ['tcp-request content', 'tcp-response content'];
const REQUEST_SETS: readonly RuleSetName[] = ['tcp-request content', 'http-request'];
const STREAM_SETS: readonly RuleSetName[] = [...CONTENT_SETS, 'http-request', 'http-response'];

const row = (
  name: string,
  sets: readonly RuleSetName[],
  parse: (line: ActionLine) => RuleParts | null,
  compile: (ast: RuleAst, linker: Linker) => Action,
): ActionRow => ({ name, isPrefix: false, sets, parse, compile });

const frontMark = intAction((host, value) => host.setMark(true, value >>> 0));
const backMark = intAction((host, value) => host.setMark(false, value >>> 0));
const frontTos = intAction((host, value) => host.setTos(true, value | 0));
const backTos = intAction((host, value) => host.setTos(false, value | 0));

export const streamActions: readonly ActionRow[] = [
  row('set-log-level', [...STREAM_SETS, 'http-after-response'], parseLogLevel, (ast) => {
    const level = Number(ast.options.value);
    return (_subject, run) => {
      run.host.setLogLevel(level);
      return RULE_CONTINUE;
    };
  }),
  // The nice value orders tasks in HAProxy's run queue. weir has none: what the kernel completed is handled in the order
  // it came, so that there is nothing to be done, and nobody waits behind anybody.
  row('set-nice', STREAM_SETS, parseNice, () => () => RULE_CONTINUE),
  row('set-mark', [...CONNECTION_SETS, ...STREAM_SETS], parseMark, frontMark),
  row('set-fc-mark', [...CONNECTION_SETS, ...STREAM_SETS], parseMark, frontMark),
  row('set-bc-mark', REQUEST_SETS, parseMark, backMark),
  row('set-tos', [...CONNECTION_SETS, ...STREAM_SETS], parseMark, frontTos),
  row('set-fc-tos', [...CONNECTION_SETS, ...STREAM_SETS], parseMark, frontTos),
  row('set-bc-tos', REQUEST_SETS, parseMark, backTos),
  row(
    'set-priority-class',
    REQUEST_SETS,
    parsePriority,
    intAction((host, value) => host.setPriorityClass(clamp(value, PRIORITY_CLASS_MAX))),
  ),
  row(
    'set-priority-offset',
    REQUEST_SETS,
    parsePriority,
    intAction((host, value) => host.setPriorityOffsetMs(clamp(value, PRIORITY_OFFSET_MS_MAX))),
  ),
  row('set-timeout', ['http-request', 'http-response'], parseTimeout, compileTimeout),
  row(
    'set-retries',
    REQUEST_SETS,
    parseRetries,
    intAction((host, value) => {
      if (value >= 0 && value <= RETRIES_MAX) host.setRetries(value);
    }),
  ),
  row(
    'disable-l7-retry',
    ['http-request'],
    () => ({}),
    () => (_subject, run) => {
      run.host.disableL7Retry();
      return RULE_CONTINUE;
    },
  ),
];
