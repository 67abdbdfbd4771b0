// Commands about the process: version, environment, sockets, limits, counters (management guide §9.3).

import { VERSION_TEXT } from '../../core/base/version.ts';
import {
  type Answer,
  type Call,
  type Command,
  CommandError,
  dump,
  durationMs,
  failure,
  hasLevel,
  info,
  leadingInteger,
} from './command.ts';

function showSockets({ control }: Call): Answer {
  const { boundSockets } = control.parts;
  if (boundSockets.length === 0) return null;
  const rows = boundSockets.map(({ name, level }) => `${name} ${level} all\n`);
  return dump(`# socket lvl processes\n${rows.join('')}`);
}

function showEnvironment(call: Call): Answer {
  const name = call.word(2);
  if (name === '') {
    const rows = Object.entries(process.env).map(([key, value]) => `${key}=${value}\n`);
    return dump(latin1(rows.join('')));
  }
  const value = process.env[name];
  return value === undefined ? failure('Variable not found\n') : dump(latin1(`${name}=${value}\n`));
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

async function setMaxconn({ control, ...call }: Call): Promise<Answer> {
  const text = call.words[3] ?? '';
  if (text === '') return failure('Expects an integer value.\n');
  let value = leadingInteger(text);
  if (value > control.state.hardMaxconn) return failure('Value out of range.\n');
  if (value <= 0) value = control.state.hardMaxconn;
  control.model.global.maxconn = value;
  await control.threads.change({ kind: 'global-maxconn', maxconn: value });
  return null;
}

const RATE_USAGE =
  "'set rate-limit' only supports :\n" +
  "   - 'connections global' to set the per-process maximum connection rate\n" +
  "   - 'sessions global' to set the per-process maximum session rate\n";

async function setRateLimit(call: Call): Promise<Answer> {
  const { control } = call;
  const what = call.word(2);
  if ((what !== 'connections' && what !== 'sessions') || call.word(3) !== 'global') return failure(RATE_USAGE);
  if (call.word(4) === '') return failure('Expects an integer value.\n');
  const perSecond = leadingInteger(call.word(4));
  if (perSecond < 0) return failure('Value out of range.\n');
  control.rateLimits[what] = perSecond;
  await control.threads.change({ kind: 'rate-limit', what, perSecond });
  return null;
}

async function clearCounters(call: Call): Promise<Answer> {
  const all = call.word(2) === 'all';
  if (all && !hasLevel(call.session.level, 'admin')) throw new CommandError('Permission denied\n');
  await call.control.threads.change({ kind: 'clear-counters', all });
  call.control.tables.serverLoad.clearMaxima();
  return null;
}

const WAIT_USAGE =
  'Usage: wait {-h|<duration>} [condition [args...]]\n' +
  "  - '-h' displays this help\n" +
  '  - <duration> is the maximum wait time, optionally suffixed by the unit among\n' +
  "    'us', 'ms', 's', 'm', 'h', and 'd'. ; the default unit is milliseconds.\n" +
  '  - <condition> indicates what to wait for, no longer than the specified\n' +
  '    duration. Supported conditions are:\n' +
  '    - <none> : by default, just sleep for the specified duration.\n';

async function wait(call: Call): Promise<Answer> {
  if (call.word(1) === '') return failure('Expects a duration in milliseconds.\n');
  if (call.word(1) === '-h') return info(WAIT_USAGE);
  const ms = durationMs(call.word(1), 'ms');
  if (ms < 1) return failure('Invalid duration.\n');
  if (call.word(2) !== '') return call.word(2) === '-h' ? info(WAIT_USAGE) : failure(WAIT_USAGE);
  const interrupted = await call.session.sleep(ms);
  return interrupted ? failure('Interrupted.\n') : null;
}

function showErrors(call: Call): Answer {
  const name = call.word(2);
  const { proxies } = call.control.model;
  if (name !== '' && !proxies.some((proxy) => proxy.name === name || proxy.id === leadingInteger(name))) {
    return failure('No such proxy.\n');
  }
  // Nothing is captured so far: the head alone, as of a process that met no invalid message.
  return dump(`Total events captured on [${dateText(new Date())}] : 0\n`);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "22/Nov/2026:17:33:17.321", local time. */
function dateText(date: Date): string {
  const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
  const day = `${pad(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  return `${day}:${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

export const systemCommands: readonly Command[] = [
  {
    words: ['show', 'version'],
    usage: 'show version                            : show version of the current process',
    level: 'user',
    run: () => info(`${VERSION_TEXT}\n`),
  },
  {
    words: ['show', 'cli', 'sockets'],
    usage: 'show cli sockets                        : dump list of cli sockets',
    level: 'user',
    run: showSockets,
  },
  {
    words: ['show', 'env'],
    usage: 'show env [var]                          : dump environment variables known to the process',
    level: 'operator',
    run: showEnvironment,
  },
  {
    words: ['show', 'errors'],
    usage: 'show errors [<px>] [request|response]   : report last request and/or response errors for each proxy',
    level: 'operator',
    run: showErrors,
  },
  {
    words: ['set', 'maxconn', 'global'],
    usage: 'set maxconn global <value>              : change the per-process maxconn setting',
    level: 'admin',
    run: setMaxconn,
  },
  {
    words: ['set', 'rate-limit'],
    usage: 'set rate-limit <setting> <value>        : change a rate limiting value',
    level: 'admin',
    run: setRateLimit,
  },
  {
    words: ['clear', 'counters'],
    usage: 'clear counters [all]                    : clear max statistics counters (or all counters)',
    level: 'operator',
    run: clearCounters,
  },
  {
    words: ['wait'],
    usage: 'wait {-h|<delay_ms>} cond [args...]     : wait the specified delay or condition (-h to see list)',
    level: 'admin',
    run: wait,
  },
];
