// The `global` section (manual §3): what weir implements, row by row.
//
// Some words shape the process before anything else is read; HAProxy acts on them in its discovery pass, where
// their mistakes end the run. A row's `passes` says when it acts.

import { groupId, userId } from './accounts.ts';
import type { ParseContext, Statement } from './context.ts';
import type { GlobalDraft } from './drafts.ts';
import { bestMatch } from './hints.ts';
import { type GlobalKeyword, readSize, readTime, tableOf } from './keyword-table.ts';
import { readControlSocket } from './keywords-bind.ts';
import { environmentKeywords } from './keywords-global-process.ts';
import { resourceKeywords } from './keywords-global-resources.ts';
import { parseLogLine } from './keywords-log.ts';
import { variableKeywords } from './keywords-variables.ts';
import { GLOBAL_COMMON, GLOBAL_REGISTERED, GLOBAL_UNLISTED } from './known-keywords.ts';
import { isDigit, isLetter } from './text.ts';
import { cInteger, parseLong } from './units.ts';

type Setter<Value> = (global: GlobalDraft, value: Value) => void;
const ID_MAX = 0x7fffffff;
const THREAD_COUNT_MAX = 1_024;
const THREAD_GROUP_COUNT_MAX = 32;

function row(
  name: string,
  args: readonly string[],
  set: GlobalKeyword['set'],
  how: { listed?: boolean; passes?: GlobalKeyword['passes'] } = {},
): GlobalKeyword {
  return { name, args, set, listed: how.listed ?? false, passes: how.passes ?? 'full' };
}

/** A word without arguments that the discovery pass acts on. */
function early(name: string, set: (global: GlobalDraft) => void): GlobalKeyword {
  return row(
    name,
    [],
    (statement, global, context) => {
      if (!context.tooManyWords(statement, 0)) set(global);
    },
    { listed: true, passes: 'discovery' },
  );
}

function flag(name: string, set: (global: GlobalDraft, on: boolean) => void): GlobalKeyword {
  return row(name, [], (statement, global, context) => {
    if (!context.tooManyWords(statement, 0)) set(global, statement.negation !== 'no');
  });
}

/** An integer that may be given once: a second one is complained about and passed over. */
function integerOnce(name: string, get: (global: GlobalDraft) => number, set: Setter<number>): GlobalKeyword {
  return row(name, ['<number>'], (statement, global, context) => {
    if (context.tooManyWords(statement, 1)) return;
    if (get(global) !== 0) context.complain(`'${name}' already specified. Continuing.`);
    else if (statement.at(1) === '') context.alert(`'${name}' expects an integer argument.`);
    else set(global, cInteger(statement.at(1)));
  });
}

function duration(name: string, set: Setter<number>): GlobalKeyword {
  const read: GlobalKeyword['set'] = (statement, global, context) => {
    const text = statement.at(1);
    if (text === '') {
      context.alert(`'${name}' expects <time> as argument.\n`);
      return;
    }
    const value = readTime(
      text,
      'ms',
      name,
      context,
      (char) => `unexpected character '${char}' in argument to <${name}>.\n`,
    );
    if (value !== null) set(global, value);
  };
  return row(name, ['<time>'], read, { listed: true });
}

function setMaxconn(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (global.maxconn !== 0) return context.complain(`'maxconn' already specified. Continuing.`);
  const text = statement.at(1);
  if (text === '') return context.alert(`'maxconn' expects an integer argument.`);
  const number = parseLong(text, 10);
  global.maxconn = number.value | 0;
  if (number.rest !== '') context.alert(`cannot parse 'maxconn' value '${text}', an integer is expected.`);
}

function setId(name: 'uid' | 'gid', other: 'user' | 'group'): GlobalKeyword {
  const specified = name === 'uid' ? 'user/uid already specified' : 'group/gid already specified';
  return row(name, ['<number>'], (statement, global, context) => {
    if (context.tooManyWords(statement, 1)) return;
    const text = statement.at(1);
    if (global[name] >= 0) context.complain(`${specified}. Continuing.`);
    else if (text === '') context.alert(`'${name}' expects an integer argument.`);
    else if (/^-?[0-9]+$/.test(text) && Math.abs(Number(text)) <= ID_MAX) global[name] = Number(text);
    else {
      context.warn(
        ` ${name}: string '${text}' is not a number.\n` +
          `   | You might want to use the '${other}' parameter to use a system ${other} name.`,
      );
    }
  });
}

function setAccount(name: 'user' | 'group'): GlobalKeyword {
  const idField = name === 'user' ? 'uid' : 'gid';
  const specified = name === 'user' ? 'user/uid already specified' : 'gid/group was already specified';
  const find = name === 'user' ? userId : groupId;
  return row(name, ['<name>'], (statement, global, context) => {
    if (context.tooManyWords(statement, 1)) return;
    if (global[idField] >= 0) return context.complain(`${specified}. Continuing.`);
    const id = find(statement.at(1));
    if (id === null) return context.alert(`cannot find ${name} id for '${statement.at(1)}' (0:Success)`);
    global[name] = statement.at(1);
    global[idField] = id;
  });
}

function setThreads(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  const count = threadNumber(statement, context, THREAD_COUNT_MAX);
  if (count === null) return;
  if (global.nbthread !== 0) {
    context.suspect(
      `parsing [${context.file}:${context.line}] : 'nbthread' is already defined and will be overridden.`,
    );
  }
  global.nbthread = count;
}

function threadNumber(statement: Statement, context: ParseContext, max: number): number | null {
  const name = statement.at(0);
  if (context.tooManyWords(statement, 1)) return null;
  if (context.nonGlobalSeen) {
    context.alert(
      `'${name}' not allowed if a non-global section was previously defined. ` +
        'This parameter must be declared in the first global section',
    );
    return null;
  }
  const number = parseLong(statement.at(1), 10);
  if (statement.at(1) === '' || number.rest !== '') {
    context.alert(`'${name}' passed a missing or unparsable integer value in '${statement.at(1)}'`);
    return null;
  }
  if (number.value < 1 || number.value > max) {
    context.alert(`'${name}' value must be between 1 and ${max} (was ${number.value})`);
    return null;
  }
  return number.value;
}

function setThreadGroups(statement: Statement, _global: GlobalDraft, context: ParseContext): void {
  const count = threadNumber(statement, context, THREAD_GROUP_COUNT_MAX);
  if (count !== null && count !== 1) context.notImplemented(`thread-groups ${count}`);
}

function setThreadLimit(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  const number = parseLong(statement.at(1), 10);
  if (statement.at(1) === '' || number.rest !== '') {
    context.alert(`'thread-hard-limit' passed a missing or unparsable integer value in '${statement.at(1)}'`);
  } else if (number.value < 1 || number.value > THREAD_COUNT_MAX) {
    context.alert(`'thread-hard-limit' value must be at least 1 (was ${number.value})`);
  } else global.threadHardLimit = number.value;
}

function setNode(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  const name = statement.at(1);
  const fits = [...name].every((char) => isLetter(char) || isDigit(char) || '_-.'.includes(char));
  if (name !== '' && fits) global.node = name;
  else {
    context.alertTight(
      `'node' requires valid node name - non-empty string` +
        ' with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscode(_).',
    );
  }
}

function setDescription(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (statement.at(1) === '') context.alertTight(`'description' expects a string argument.`);
  else global.description = statement.words.slice(1).join(' ');
}

function setLogTag(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') context.alert(`'log-tag' expects a tag for use in syslog.`);
  else global.logTag = statement.at(1);
}

function setLogHostname(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (global.logSendHostname !== '') context.complain(`'log-send-hostname' already specified. Continuing.`);
  else global.logSendHostname = statement.at(1) === '' ? context.hostName : statement.at(1);
}

function setPidfile(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (global.pidfile !== '') context.warn(`'pidfile' already specified. Continuing.`);
  else if (statement.at(1) === '') context.alert(`'pidfile' expects a file name as an argument.`);
  else global.pidfile = statement.at(1);
}

function setChroot(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (global.chroot !== '') context.warn(`'chroot' is already specified. Continuing.\n`);
  else if (statement.at(1) === '') context.alert(`'chroot' expects a directory as an argument.\n`);
  else global.chroot = statement.at(1);
}

function setLocalPeer(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') context.alert(`'localpeer' expects a name as an argument.\n`);
  else if (context.options.localPeerForced) {
    context.alert(`'localpeer' ignored since it is already set by using the '-L' command line argument.\n`);
  } else global.localPeer = statement.at(1);
}

const BUFSIZE_MAX = 0x7fffffff - 16;
const BUFSIZE_ALIGNMENT = 16;

function setBufsize(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') return context.alert(`'tune.bufsize' expects an integer argument`);
  const size = readSize(statement, context);
  if (size === null) return;
  if (size > BUFSIZE_MAX) {
    return context.alert(`'tune.bufsize' expects a size in bytes from 0 to ${BUFSIZE_MAX}.`);
  }
  const aligned = Math.ceil(size / BUFSIZE_ALIGNMENT) * BUFSIZE_ALIGNMENT;
  if (aligned === 0) context.alert(`'tune.bufsize' expects a positive integer argument.`);
  else global.bufsize = aligned;
}

function setMaxrewrite(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') return context.alert(`'tune.maxrewrite' expects an integer argument.`);
  const value = cInteger(statement.at(1));
  if (value < 0) context.alert(`'tune.maxrewrite' expects a positive integer argument.`);
  else global.maxrewrite = value;
}

const HEADER_COUNT_MAX = 32_767;

function setMaxhdr(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') return context.alert(`'tune.http.maxhdr' expects an integer argument.`);
  const value = cInteger(statement.at(1));
  if (value < 1 || value > HEADER_COUNT_MAX) {
    context.alert(`'tune.http.maxhdr' expects a numeric value between 1 and ${HEADER_COUNT_MAX}`);
  } else global.maxhdr = value;
}

function setLogUriBytes(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  if (statement.at(1) === '') context.alert(`'tune.http.logurilen' expects an integer argument.`);
  else global.logUriBytes = cInteger(statement.at(1)) + 1;
}

const STICK_COUNTERS_MAX = 100;

function setStickCounters(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  if (context.tooManyWords(statement, 1)) return;
  const count = Number(statement.at(1));
  if (!/^[0-9]+$/.test(statement.at(1)) || count > STICK_COUNTERS_MAX) {
    return context.alert(
      `'tune.stick-counters' expects a number between 0 and ${STICK_COUNTERS_MAX}, got '${statement.at(1)}'.`,
    );
  }
  global.stickCounters = count;
}

function setStats(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  const what = statement.at(1);
  if (what === 'socket') readControlSocket(statement, global, context);
  else if (what === 'timeout') setStatsTimeout(statement.at(2), global, context);
  else if (what === 'maxconn') {
    const value = cInteger(statement.at(2));
    if (value <= 0) context.alert(`'stats maxconn' expects a positive value`);
    else global.statsMaxconn = value;
  } else if (what === 'calculate-max-counters') {
    const state = statement.at(2).toLowerCase();
    if (state === 'off') context.notImplemented('stats calculate-max-counters off');
    else if (state !== 'on') {
      context.alert(`'${what}' only supports 'on' and 'off', received '${statement.at(2)}'`);
    }
  } else if (what === 'bind-process') context.alert(`'stats bind-process' is not supported anymore.`);
  else {
    context.alert(
      `'stats' only supports 'socket', 'maxconn', 'bind-process', 'calculate-max-counters' ` +
        ` and 'timeout' (got '${what}')`,
    );
  }
}

function setStatsTimeout(text: string, global: GlobalDraft, context: ParseContext): void {
  const odd = (char: string): string => `'stats timeout' : unexpected character '${char}'`;
  const value = readTime(text, 'ms', 'stats timeout', context, odd);
  if (value === 0) context.alert(`'stats timeout' expects a positive value`);
  else if (value !== null) global.statsTimeoutMs = value;
}

const UNIX_BIND_WORDS = `'prefix', 'mode', 'uid', 'gid', 'user' and 'group'`;

function setUnixBind(statement: Statement, global: GlobalDraft, context: ParseContext): void {
  for (let at = 1; statement.at(at) !== ''; at += 2) {
    const word = statement.at(at);
    const value = statement.at(at + 1);
    if (word === 'prefix') {
      if (global.unixBindPrefix !== '') {
        context.complain(`unix-bind 'prefix' already specified. Continuing.`);
      } else if (value === '') return context.alert(`unix_bind 'prefix' expects a path as an argument.`);
      else global.unixBindPrefix = value;
    } else if (word === 'mode') global.unixBindMode = parseLong(value, 8).value;
    else if (word === 'uid') global.unixBindUid = cInteger(value);
    else if (word === 'gid') global.unixBindGid = cInteger(value);
    else if (word === 'user' || word === 'group') {
      const id = word === 'user' ? userId(value) : groupId(value);
      if (id === null) return context.alert(`'unix-bind' : '${value}' unknown ${word}.`);
      if (word === 'user') global.unixBindUid = id;
      else global.unixBindGid = id;
    } else return context.alert(`'unix-bind' only supports the ${UNIX_BIND_WORDS} options.`);
  }
}

export const globalKeywords: readonly GlobalKeyword[] = [
  early('daemon', (global) => {
    global.daemon = true;
  }),
  early('quiet', (global) => {
    global.quiet = true;
  }),
  early('zero-warning', (global) => {
    global.zeroWarning = true;
  }),
  row('pidfile', ['<path>'], setPidfile, { listed: true, passes: 'discovery' }),
  row('localpeer', ['<name>'], setLocalPeer, { listed: true, passes: 'discovery' }),
  row('maxconn', ['<number>'], setMaxconn),
  integerOnce(
    'ulimit-n',
    (global) => global.ulimitN,
    (global, value) => {
      global.ulimitN = value;
    },
  ),
  integerOnce(
    'fd-hard-limit',
    (global) => global.fdHardLimit,
    (global, value) => {
      global.fdHardLimit = value;
    },
  ),
  flag('strict-limits', (global, on) => {
    global.strictLimits = on;
  }),
  setId('uid', 'user'),
  setId('gid', 'group'),
  setAccount('user'),
  setAccount('group'),
  row('chroot', ['<jail dir>'], setChroot, { listed: true }),
  row('nbthread', ['<number>'], setThreads, { listed: true }),
  row('thread-hard-limit', ['<number>'], setThreadLimit, { listed: true }),
  row('thread-groups', ['1'], setThreadGroups, { listed: true }),
  duration('hard-stop-after', (global, value) => {
    global.hardStopAfterMs = value;
  }),
  duration('grace', (global, value) => {
    global.graceMs = value;
  }),
  row('node', ['<name>'], setNode),
  row('description', ['<text>'], setDescription),
  row(
    'log',
    ['<target>', '[len <length>]', '[format <format>]', '[sample ...]', '<facility>', '[max [min]]'],
    (statement, global, context) => {
      parseLogLine(statement, global.log, null, context);
    },
  ),
  row('log-tag', ['<string>'], setLogTag),
  row('log-send-hostname', ['[<string>]'], setLogHostname),
  row('stats', ['socket|timeout|maxconn', '...'], setStats, { listed: true }),
  row('unix-bind', ['[prefix|mode|user|uid|group|gid ...]'], setUnixBind),
  row('tune.bufsize', ['<size>'], setBufsize, { listed: true }),
  row('tune.maxrewrite', ['<number>'], setMaxrewrite, { listed: true }),
  row('tune.http.maxhdr', ['<number>'], setMaxhdr, { listed: true }),
  row('tune.stick-counters', ['<number>'], setStickCounters, { listed: true }),
  row('tune.http.logurilen', ['<number>'], setLogUriBytes, { listed: true }),
  flag('nosplice', (global) => {
    global.splice = false;
  }),
  flag('noreuseport', (global) => {
    global.reusePort = false;
  }),
  ...environmentKeywords,
  ...resourceKeywords,
  ...variableKeywords,
];

const table = tableOf(globalKeywords);

/** Words that HAProxy itself refuses, with its explanation. */
const REMOVED: Readonly<Record<string, string>> = {
  nbproc:
    'nbproc is not supported any more since HAProxy 2.5. ' +
    'Threads will automatically be used on multi-processor machines if available.',
  'tune.chksize': "option 'tune.chksize' is not supported any more (tune.bufsize is used instead).",
};

export function parseGlobalLine(statement: Statement, context: ParseContext): void {
  const word = statement.at(0);
  const found = table.get(word);
  if (found !== undefined) {
    if (found.passes === 'both' || found.passes === context.pass) found.set(statement, context.global, context);
    return;
  }
  if (context.pass === 'discovery') return;
  const removed = Object.hasOwn(REMOVED, word) ? REMOVED[word] : undefined;
  if (removed !== undefined) context.alert(removed);
  else if ([GLOBAL_REGISTERED, GLOBAL_COMMON, GLOBAL_UNLISTED].some((words) => words.includes(word))) {
    context.notImplemented(word);
  } else context.unknownKeyword(word, bestMatch(word, [...GLOBAL_REGISTERED, ...GLOBAL_COMMON]));
}
