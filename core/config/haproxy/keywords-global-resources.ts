// Rows of the `global` section that weir accepts and need not act on (manual §3.2).
//
// They only tune how HAProxy itself uses memory, CPU or system calls. Nothing a client, a server or a log reader can
// see depends on them, weir has no such mechanism, and refusing them would keep working files from loading. A word
// about a feature that weir lacks, or one that shapes traffic, is never among them. Arguments are checked as HAProxy
// checks them: a mistake there is a mistake here.

import type { ParseContext, Statement } from './context.ts';
import type { GlobalKeyword } from './keyword-table.ts';
import { isDigit } from './text.ts';
import { cInteger, parseLong, parseSize, parseTime } from './units.ts';

type Check = (text: string, statement: Statement, context: ParseContext) => void;

const INT_MAX = 0x7fffffff;

/** Refuses with the message that `fault` gives, if any. */
function check(fault: (text: string, name: string) => string): Check {
  return (text, statement, context) => {
    const message = fault(text, statement.at(0));
    if (message !== '') context.alert(message);
  };
}

/** As `check`, for words that may be given once. */
function once(fault: (text: string, name: string) => string): Check {
  return (text, statement, context) => {
    const name = statement.at(0);
    if (context.seenOnce.has(name)) return context.warn(`'${name}' already specified. Continuing.`);
    const message = fault(text, name);
    if (message !== '') context.alert(message);
    // A zero is as good as nothing said.
    else if (cInteger(text) !== 0) context.seenOnce.add(name);
  };
}

const missing = (text: string, message: string): string => (text === '' ? message : '');

const integer = (text: string, name: string): string => missing(text, `'${name}' expects an integer argument.`);

const positive = check((text, name) =>
  text === '' || cInteger(text) < 0 ? `'${name}' expects a positive numeric value` : '',
);

function range(low: number, high: number): Check {
  return check((text, name) => {
    const value = text === '' ? -1 : cInteger(text);
    return value < low || value > high ? `'${name}' expects an integer argument between ${low} and ${high}.` : '';
  });
}

/** One of `choices`; `expects` is how HAProxy lists them. */
function choice(choices: readonly string[], expects: string, showsGot = true): Check {
  return check((text, name) => {
    if (choices.includes(text)) return '';
    return `'${name}' expects ${expects}${showsGot ? ` but got '${text}'` : ''}.`;
  });
}

const eitherOnOff = choice(['on', 'off'], "either 'on' or 'off'");
const onOff = choice(['on', 'off'], "'on' or 'off'", false);

function size(bytesMax: number): Check {
  return check((text, name) => {
    if (text === '') return integer(text, name);
    const bytes = parseSize(text);
    if (typeof bytes === 'string') return `unexpected '${bytes}' after size passed to '${name}'`;
    return bytes > bytesMax ? `'${name}' expects a size in bytes from 0 to ${bytesMax}.` : '';
  });
}

const IDLE_MS_MAX = 65_535;

const idleTimer = check((text, name) => {
  const limits = `'${name}' expects a timer value between 0 and ${IDLE_MS_MAX} ms.`;
  if (text === '') return limits;
  const time = parseTime(text, 'ms');
  if (time.ok) return time.value > IDLE_MS_MAX ? limits : '';
  const where = `in argument <${text}> to <${name}>`;
  if (time.why === 'over') return `timer overflow ${where}, maximum value is ${IDLE_MS_MAX} ms.`;
  if (time.why === 'character') return `unexpected character '${time.char}' in argument to <${name}>.`;
  return `timer underflow ${where}, minimum non-null value is 1 ms.`;
});

const WARN_MS_MAX = 1_000;

const warnTime = check((text, name) => {
  if (text === '') return `'${name}' expects <time> as argument between 1 and ${WARN_MS_MAX} ms.\n`;
  const time = parseTime(text, 'ms');
  const where = `in argument '${text}' to '${name}'`;
  if (time.ok) {
    const fits = time.value >= 1 && time.value <= WARN_MS_MAX;
    return fits ? '' : `timer out of range ${where} (value must be between 1 and ${WARN_MS_MAX} ms)`;
  }
  if (time.why === 'over') return `timer overflow ${where} (maximum value is ${WARN_MS_MAX} ms)`;
  if (time.why === 'character') return `unexpected character '${time.char}' in argument to <${name}>.\n`;
  return `timer underflow ${where} (minimum value is 1 ms)`;
});

const maxPollEvents = once((text, name) => {
  if (text === '') return integer(text, name);
  const tooMany = parseLong(text, 10).value > 1_000_000;
  return tooMany ? `'${name}' expects an integer value lower than or equal to 1000000.` : '';
});

const maxAccept = once((text, name) => {
  if (text === '') return `'${name}' expects an integer argument`;
  const tooMany = parseLong(text, 10).value > INT_MAX;
  return tooMany ? `'${name}' expects -1 or an integer from 0 to INT_MAX.` : '';
});

const GROUP_THREAD_COUNT_MAX = 64;

const threadsPerGroup = check((text, name) => {
  const number = parseLong(text, 10);
  const fits = text !== '' && number.rest === '' && number.value >= 0 && number.value <= GROUP_THREAD_COUNT_MAX;
  const expects = `must be an integer between 1 and ${GROUP_THREAD_COUNT_MAX}`;
  return fits ? '' : `'${name}' value ${expects},  got '${text}'`;
});

const takeover = check((text, name) => {
  const expects = `'${name}' expects 'none', 'restricted', or 'full'`;
  if (text === '') return expects;
  return ['none', 'restricted', 'full'].includes(text) ? '' : `${expects}, got '${text}'`;
});

const epollEvents = check((text, name) => {
  const odd = text.split(',').find((word) => !['err', 'hup', 'rdhup', ''].includes(word));
  if (odd === undefined) return '';
  return `'${name}' expects a comma-delimited list of 'err', 'hup' and 'rdhup' but got '${odd}'.`;
});

const PROFILING_WORDS: readonly string[] = ['on', 'auto', 'off', 'lock', 'no-lock', 'memory', 'no-memory'];

const profiling: Check = (text, statement, context) => {
  const odd = statement.words.slice(1).find((word) => !PROFILING_WORDS.includes(word));
  if (text !== '' && odd === undefined) return;
  context.alert(
    `'${statement.at(0)}' expects a combination of either 'on', 'auto', 'off', 'lock', 'no-lock', 'memory', ` +
      `or 'no-memory', but got '${odd ?? ''}'.`,
  );
};

const dumpable: Check = (text, statement, context) => {
  if (statement.negation === 'no' || ['', 'on', 'libs', 'off'].includes(text)) return;
  context.alert(`'set-dumpable' only supports 'on' and 'off' as an argument, found '${text}'.`);
};

const maxPipes: Check = (text, _statement, context) => {
  if (context.seenOnce.has('maxpipes')) context.complain(`'maxpipes' already specified. Continuing.`);
  else if (text === '') context.alert(`'maxpipes' expects an integer argument.`);
  else if (cInteger(text) !== 0) context.seenOnce.add('maxpipes');
};

const RING_QUEUE_COUNT_MAX = 16;
const GROUP_SET_MAX = 64;
const CPU_MAX = 1_023;

/** `cpu-map [auto:]1-4/1-8 0-7,16 …`: which threads run where is left to the kernel. */
const cpuMap: Check = (_text, statement, context) => {
  const [threads, cpus] = [statement.at(1), statement.at(2)];
  if (threads === '' || cpus === '') {
    return context.alert(
      `cpu-map expects a thread group number  ('all', 'odd', 'even', a number from 1 to ${GROUP_SET_MAX} or a range), ` +
        ` followed by a list of CPU ranges with numbers from 0 to ${GROUP_SET_MAX - 1}.`,
    );
  }
  const slash = threads.indexOf('/');
  const groups = (slash < 0 ? threads : threads.slice(0, slash)).replace(/^auto:/, '');
  const problem = numberSetProblem(groups) || (slash < 0 ? '' : numberSetProblem(threads.slice(slash + 1)));
  if (problem !== '') return context.alert(`cpu-map : ${problem}`);
  for (const word of statement.words.slice(2)) {
    if (!isDigit(word[0] ?? '')) return context.alert(`cpu-map : '${word}' is not a CPU range.`);
    for (const [number] of word.matchAll(/[0-9]+/g)) {
      if (Number(number) > CPU_MAX) return context.alert(`cpu-map : supports CPU numbers from 0 to ${CPU_MAX}.`);
    }
  }
};

function numberSetProblem(text: string): string {
  if (text === 'all' || text === 'odd' || text === 'even') return '';
  if (!/^[0-9]*-?[0-9]*$/.test(text)) return `'${text}' is not a valid number/range.`;
  const [first = '', last] = text.split('-');
  const low = Number(first);
  const high = last === undefined ? low : last === '' ? GROUP_SET_MAX : Number(last);
  if (Math.min(low, high) >= 1 && Math.max(low, high) <= GROUP_SET_MAX) return '';
  return `'${text}' is not a valid number/range. It supports numbers from 1 to ${GROUP_SET_MAX}.\n`;
}

interface Details {
  readonly listed?: boolean;
  readonly passes?: GlobalKeyword['passes'];
  readonly argCount?: number; // -1: the check looks at all of them
}

/** Accepted and without effect; `checks` keeps the argument honest. */
function accepted(name: string, arg: string, checks: Check | null, details: Details = {}): GlobalKeyword {
  const { listed = true, passes = 'full', argCount = checks === null ? 0 : 1 } = details;
  return {
    name,
    args: arg === '' ? [] : [arg],
    listed,
    passes,
    set(statement, _global, context) {
      if (argCount >= 0 && context.tooManyWords(statement, argCount)) return;
      checks?.(statement.at(1), statement, context);
    },
  };
}

const bare = (name: string, details: Details = {}): GlobalKeyword => accepted(name, '', null, details);

export const resourceKeywords: readonly GlobalKeyword[] = [
  bare('noepoll', { passes: 'discovery' }),
  bare('nopoll', { passes: 'discovery' }),
  bare('nokqueue', { passes: 'discovery' }),
  bare('noevports', { passes: 'discovery' }),
  bare('noktls', { passes: 'discovery' }),
  bare('nogetaddrinfo', { listed: false }),
  bare('no-memory-trimming'),
  bare('prealloc-fd'),
  bare('busy-polling', { listed: false }),
  bare('quick-exit', { listed: false }),
  bare('insecure-fork-wanted', { listed: false }),
  bare('insecure-setuid-wanted', { listed: false }),
  bare('numa-cpu-mapping', { listed: false, argCount: -1 }),
  bare('tune.disable-fast-forward'),
  bare('tune.disable-zero-copy-forwarding'),
  accepted('set-dumpable', '[on|off|libs]', dumpable, { listed: false }),
  accepted('maxpipes', '<number>', maxPipes, { listed: false }),
  accepted('max-threads-per-group', '<number>', threadsPerGroup),
  accepted('profiling.tasks', '{ auto | on | off … }', profiling, { argCount: -1 }),
  accepted('warn-blocked-traffic-after', '<time>', warnTime, { argCount: -1 }),
  accepted('cpu-map', '<threads> <cpus>…', cpuMap, { listed: false, argCount: -1 }),
  accepted('tune.applet.zero-copy-forwarding', '{ on | off }', onOff),
  accepted(
    'tune.buffers.reserve',
    '<number>',
    check((text, name) => (cInteger(text) < 0 ? `'${name}' expects a non-negative number but got '${text}'.` : '')),
  ),
  accepted('tune.defaults.purge', '', () => {}),
  accepted('tune.epoll.mask-events', '<event[,event...]>', epollEvents),
  accepted('tune.events.max-events-at-once', '<number>', range(1, 10_000)),
  accepted('tune.h1.zero-copy-fwd-recv', '{ on | off }', onOff),
  accepted('tune.h1.zero-copy-fwd-send', '{ on | off }', onOff),
  accepted('tune.idle-pool.shared', '{ full | on | off }', choice(['full', 'on', 'off'], "'full', 'on' or 'off'")),
  accepted('tune.idletimer', '<time>', idleTimer),
  accepted(
    'tune.listener.default-shards',
    '{ by-process | by-thread | by-group }',
    choice(['by-process', 'by-group', 'by-thread'], "either 'by-process', 'by-group', or 'by-thread'"),
  ),
  accepted(
    'tune.listener.multi-queue',
    '{ on | fair | off }',
    choice(['on', 'fair', 'off'], "either 'on', 'fair', or 'off'"),
  ),
  accepted('tune.max-rules-at-once', '<number>', positive),
  accepted('tune.maxaccept', '<number>', maxAccept),
  accepted('tune.maxpollevents', '<number>', maxPollEvents),
  accepted(
    'tune.memory.hot-size',
    '<number>',
    check((text, name) => (parseLong(text, 10).value <= 0 ? `'${name}' expects a strictly positive value.` : '')),
  ),
  accepted('tune.pattern.cache-size', '<number>', positive),
  accepted('tune.pipesize', '<size>', size(Number.POSITIVE_INFINITY)),
  accepted('tune.pool-high-fd-ratio', '<number>', range(0, 100)),
  accepted('tune.pool-low-fd-ratio', '<number>', range(0, 100)),
  accepted('tune.pt.zero-copy-forwarding', '{ on | off }', onOff),
  accepted('tune.recv_enough', '<size>', size(INT_MAX)),
  accepted(
    'tune.ring.queues',
    '<number>',
    check((text, name) => {
      const queues = cInteger(text);
      return queues < 0 || queues > RING_QUEUE_COUNT_MAX
        ? `'${name}' expects a number between 0 and ${RING_QUEUE_COUNT_MAX} but got '${text}'.`
        : '';
    }),
  ),
  accepted('tune.runqueue-depth', '<number>', once(integer)),
  accepted('tune.sched.low-latency', '{ on | off }', eitherOnOff),
  accepted('tune.takeover-other-tg-connections', '<value>', takeover),
];
