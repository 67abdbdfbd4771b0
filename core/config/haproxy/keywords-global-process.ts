// Rows of the `global` section that change the environment, and those that HAProxy has and weir need not act on.
//
// The second kind only tunes how HAProxy itself uses memory, CPU or system calls. Nothing a client, a server or a
// log reader can see depends on them, weir has no such mechanism, and refusing them would keep working files from
// loading. A word about a feature that weir lacks, or one that shapes traffic, is never among them.

import type { ParseContext, Statement } from './context.ts';
import { type GlobalKeyword, readTime } from './keyword-table.ts';
import { cInteger, parseLong, parseSize } from './units.ts';

type Set = GlobalKeyword['set'];

function setVariable(statement: Statement, _global: unknown, context: ParseContext): void {
  const [keyword, name, value] = [statement.at(0), statement.at(1), statement.at(2)];
  if (context.tooManyWords(statement, 2)) return;
  if (name === '') return context.alert(`'${keyword}' expects environment variable name.\n.`);
  if (value === '') return context.alert(`'${keyword}' expects environment variable value for '${name}'.\n.`);
  if (name.includes('=')) return context.alert(`'${keyword}' failed on variable '${name}' : Invalid argument.\n`);
  if (keyword === 'setenv' || context.environment.get(name) === null) context.environment.set(name, value);
}

function unsetVariables(statement: Statement, _global: unknown, context: ParseContext): void {
  if (statement.at(1) === '') return context.alert(`'unsetenv' expects at least one variable name.\n`);
  for (const name of statement.words.slice(1)) {
    if (name.includes('=')) return context.alert(`'unsetenv' failed on variable '${name}' : Invalid argument.\n`);
    context.environment.unset(name);
  }
}

function resetVariables(statement: Statement, _global: unknown, context: ParseContext): void {
  context.environment.keepOnly(statement.words.slice(1));
}

const inBoth = (name: string, args: readonly string[], set: Set): GlobalKeyword => ({
  name,
  args,
  set,
  listed: true,
  passes: 'both',
});

function allow(field: 'deprecatedAllowed' | 'experimentalAllowed'): Set {
  return (statement, _global, context) => {
    if (!context.tooManyWords(statement, 0)) context[field] = true;
  };
}

const PATH_MODES: readonly string[] = ['current', 'config', 'parent', 'origin'];

/** `default-path`: where relative file names start (manual §3.1). */
function setDefaultPath(statement: Statement, _global: unknown, context: ParseContext): void {
  const mode = statement.at(1);
  if (!PATH_MODES.includes(mode)) {
    const problem = mode === '' ? 'missing' : 'unsupported';
    return context.alert(
      `${problem} default-path mode '${mode}' for 'default-path', ` +
        `supported modes include 'current', 'config', 'parent', and 'origin'.`,
    );
  }
  if (mode === 'origin' && statement.at(2) === '') {
    return context.alert(`'default-path origin' expects a directory as an argument.`);
  }
  context.setPathBase(mode as 'current' | 'config' | 'parent' | 'origin', statement.at(2));
}

export const environmentKeywords: readonly GlobalKeyword[] = [
  inBoth('setenv', ['<name>', '<value>'], setVariable),
  inBoth('presetenv', ['<name>', '<value>'], setVariable),
  inBoth('unsetenv', ['<name>…'], unsetVariables),
  inBoth('resetenv', ['[<name>…]'], resetVariables),
  inBoth('expose-deprecated-directives', [], allow('deprecatedAllowed')),
  { ...inBoth('expose-experimental-directives', [], allow('experimentalAllowed')), passes: 'full' },
  { ...inBoth('default-path', ['current|config|parent|origin <path>'], setDefaultPath), passes: 'full' },
];

type Check = (text: string, statement: Statement, context: ParseContext) => void;

const anyInteger: Check = (text, statement, context) => {
  if (text === '') context.alert(`'${statement.at(0)}' expects an integer argument.`);
};

const anySize: Check = (text, statement, context) => {
  const size = text === '' ? '' : parseSize(text);
  if (size === '') context.alert(`'${statement.at(0)}' expects an integer argument.`);
  else if (typeof size === 'string') {
    context.alert(`unexpected '${size}' after size passed to '${statement.at(0)}'`);
  }
};

const onOff: Check = (text, statement, context) => {
  if (text !== 'on' && text !== 'off')
    context.alert(`'${statement.at(0)}' expects either 'on' or 'off' but got '${text}'.`);
};

const anyTime: Check = (text, statement, context) => {
  const name = statement.at(0);
  readTime(text, 'ms', name, context, (char) => `unexpected character '${char}' in argument to <${name}>.`);
};

const percentage: Check = (text, statement, context) => {
  const value = cInteger(text);
  if (text === '' || value < 0 || value > 100) {
    context.alert(`'${statement.at(0)}' expects an integer argument between 0 and 100.`);
  }
};

const maxPollEvents: Check = (text, statement, context) => {
  if (text === '') context.alert(`'tune.maxpollevents' expects an integer argument.`);
  else if (parseLong(text, 10).value > 1_000_000) {
    context.alert(`'${statement.at(0)}' expects an integer value lower than or equal to 1000000.`);
  }
};

/** Accepted and without effect; `check` keeps its argument honest. */
function accepted(name: string, arg = '', check: Check | null = null, listed = true): GlobalKeyword {
  return {
    name,
    args: arg === '' ? [] : [arg],
    listed,
    passes: 'full',
    set(statement, _global, context) {
      if (context.tooManyWords(statement, check === null ? 0 : 1)) return;
      check?.(statement.at(1), statement, context);
    },
  };
}

/** Accepted with any arguments: placement of threads on CPUs. */
function placement(name: string, args: readonly string[], least: number, listed: boolean): GlobalKeyword {
  return {
    name,
    args,
    listed,
    passes: 'full',
    set(statement, _global, context) {
      if (statement.at(least) !== '' || least === 0) return;
      context.alert(
        `${name} expects a thread group number ('all', 'odd', 'even', a number from 1 to 64 or a range), ` +
          ' followed by a list of CPU ranges with numbers from 0 to 63.',
      );
    },
  };
}

export const resourceKeywords: readonly GlobalKeyword[] = [
  accepted('noepoll'),
  accepted('nopoll'),
  accepted('nokqueue'),
  accepted('noevports'),
  accepted('noktls'),
  accepted('nogetaddrinfo', '', null, false),
  accepted('no-memory-trimming'),
  accepted('prealloc-fd'),
  accepted('busy-polling', '', null, false),
  accepted('quick-exit', '', null, false),
  accepted('insecure-fork-wanted', '', null, false),
  accepted('insecure-setuid-wanted', '', null, false),
  accepted('set-dumpable', '[on|off|libs]', () => {}, false),
  accepted('maxpipes', '<number>', anyInteger, false),
  accepted('max-threads-per-group', '<number>', anyInteger),
  accepted('profiling.tasks', '{ auto | on | off }', () => {}),
  accepted('warn-blocked-traffic-after', '<time>', anyTime),
  placement('cpu-map', ['<threads>', '<cpus>…'], 2, false),
  placement('numa-cpu-mapping', [], 0, false),
  accepted('tune.buffers.reserve', '<number>', anyInteger),
  accepted('tune.defaults.purge', '', () => {}),
  accepted('tune.disable-fast-forward'),
  accepted('tune.disable-zero-copy-forwarding'),
  accepted('tune.epoll.mask-events', '<event[,event...]>', () => {}),
  accepted('tune.events.max-events-at-once', '<number>', anyInteger),
  accepted('tune.fd.edge-triggered', '{ on | off }', onOff),
  accepted('tune.h1.zero-copy-fwd-recv', '{ on | off }', onOff),
  accepted('tune.h1.zero-copy-fwd-send', '{ on | off }', onOff),
  accepted('tune.idle-pool.shared', '{ auto | on | off }', () => {}),
  accepted('tune.idletimer', '<time>', anyTime),
  accepted('tune.listener.default-shards', '{ by-process | by-thread | by-group }', () => {}),
  accepted('tune.listener.multi-queue', '{ on | fair | off }', () => {}),
  accepted('tune.max-rules-at-once', '<number>', anyInteger),
  accepted('tune.maxaccept', '<number>', (text, _statement, context) => {
    if (text === '') context.alert(`'tune.maxaccept' expects an integer argument`);
  }),
  accepted('tune.maxpollevents', '<number>', maxPollEvents),
  accepted('tune.memory.hot-size', '<number>', anySize),
  accepted('tune.pattern.cache-size', '<number>', anyInteger),
  accepted('tune.pipesize', '<size>', anySize),
  accepted('tune.pool-high-fd-ratio', '<number>', percentage),
  accepted('tune.pool-low-fd-ratio', '<number>', percentage),
  accepted('tune.pt.zero-copy-forwarding', '{ on | off }', onOff),
  accepted('tune.applet.zero-copy-forwarding', '{ on | off }', onOff),
  accepted('tune.recv_enough', '<size>', anySize),
  accepted('tune.ring.queues', '<number>', anyInteger),
  accepted('tune.runqueue-depth', '<number>', anyInteger),
  accepted('tune.sched.low-latency', '{ on | off }', onOff),
  accepted('tune.takeover-other-tg-connections', '<value>', () => {}),
];
