// Commands about the session itself: prompt, levels, modes, its timeout (management guide §9.3).

import { type Answer, type Call, type Command, durationMs, failure, info } from './command.ts';
import type { SeverityOutput } from './session.ts';

const PROMPT_USAGE =
  'Usage: prompt [help | n | i | p | timed]*\n' +
  'Changes the default prompt and interactive mode. Available options:\n' +
  '  help    display this help\n' +
  '  n       set to single-command mode (no prompt, single command)\n' +
  '  i       set to interactive mode only (no prompt, multi-command)\n' +
  '  p       set to prompt+interactive mode (prompt + multi-command)\n' +
  '  timed   toggle displaying the current date in the prompt\n' +
  'Without any argument, toggles between n/i->p, p->n.\n';

function prompt({ words, session }: Call): Answer {
  let mode = '';
  let timed = false;
  for (const word of words.slice(1)) {
    if (word === 'help') return info(PROMPT_USAGE);
    if (word === 'timed') timed = true;
    else if (word === 'n' || word === 'i' || word === 'p') mode = word;
    else return failure(PROMPT_USAGE);
  }
  if (timed) {
    session.timed = !session.timed;
    if (mode === '') mode = 'p';
  }
  if (mode === '') mode = session.prompting && session.interactive ? 'n' : 'p';
  session.prompting = mode === 'p';
  session.interactive = mode !== 'n';
  return null;
}

// "-" as the last word: no empty line after the answer.
function lower(call: Call, level: 'user' | 'operator'): Answer {
  const { session } = call;
  if (call.word(1) === '-') session.noLineEnd = true;
  session.level = level;
  session.expert = false;
  session.experimental = false;
  return null;
}

function changeMode(call: Call, mode: 'expert' | 'experimental'): Answer {
  const { session } = call;
  if (call.word(1) === '') return info(`${mode}-mode is ${session[mode] ? 'ON' : 'OFF'}\n`);
  if (call.word(2) === '-') session.noLineEnd = true;
  session[mode] = call.word(1) === 'on';
  return null;
}

function setSeverityOutput(call: Call): Answer {
  const { session } = call;
  if (call.word(3) === '-') session.noLineEnd = true;
  const wanted = call.word(2);
  if (wanted !== 'none' && wanted !== 'number' && wanted !== 'string') {
    return failure("one of 'none', 'number', 'string' is a required argument\n");
  }
  session.severityOutput = wanted satisfies SeverityOutput;
  return null;
}

function setTimeoutOf(call: Call): Answer {
  if (call.word(2) !== 'cli') return failure("'set timeout' only supports 'cli'.\n");
  if (call.word(3) === '') return failure('Expects an integer value.\n');
  const ms = durationMs(call.word(3), 's');
  if (ms < 1) return failure('Invalid timeout value.\n');
  call.session.timeoutMs = ms;
  return null;
}

export const sessionCommands: readonly Command[] = [
  { words: ['prompt'], usage: null, level: 'user', run: prompt },
  {
    words: ['echo'],
    usage: 'echo <text>                             : print text to the output',
    level: 'user',
    run: ({ words }) => info(`${words.slice(1).join(' ')}\n`),
  },
  { words: ['expert-mode'], usage: null, level: 'admin', run: (call) => changeMode(call, 'expert') },
  { words: ['experimental-mode'], usage: null, level: 'admin', run: (call) => changeMode(call, 'experimental') },
  {
    words: ['operator'],
    usage: 'operator                                : lower the level of the current CLI session to operator',
    level: 'operator',
    run: (call) => lower(call, 'operator'),
  },
  {
    words: ['user'],
    usage: 'user                                    : lower the level of the current CLI session to user',
    level: 'user',
    run: (call) => lower(call, 'user'),
  },
  {
    words: ['set', 'severity-output'],
    usage: 'set severity-output [none|number|string]: set presence of severity level in feedback information',
    level: 'user',
    run: setSeverityOutput,
  },
  {
    words: ['set', 'timeout'],
    usage: 'set timeout [cli] <delay>               : change a timeout setting',
    level: 'user',
    run: setTimeoutOf,
  },
  {
    words: ['show', 'cli', 'level'],
    usage: 'show cli level                          : display the level of the current CLI session',
    level: 'user',
    run: ({ session }) => info(`${session.level}\n`),
  },
];
