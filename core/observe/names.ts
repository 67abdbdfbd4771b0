// Words of logs and statistics that people know from the manual, each said once.

/** First letter of the termination state: who or what ended the stream (manual §8.5). */
export const TERMINATION_CAUSES = {
  '-': 'the stream ended normally',
  C: 'the client closed or broke the TCP connection',
  S: 'the server closed, broke or refused the TCP connection',
  P: 'the proxy refused or ended it: a rule, a limit, or a message it must not pass on',
  L: 'the proxy answered by itself, no server was asked',
  R: 'a resource of the proxy was exhausted',
  I: 'an internal error of the proxy',
  D: 'the server was marked down and its streams were ended',
  U: 'a regular server came back and streams on a backup were ended',
  K: 'an operator killed the stream',
  c: 'the client did not send or take data in time',
  s: 'the server did not send or take data in time',
} as const;

/** Second letter: what the stream was doing when it ended. */
export const TERMINATION_PHASES = {
  '-': 'it was over: data transfer had ended',
  R: 'receiving the request from the client',
  Q: 'waiting in a queue for a server',
  C: 'connecting to the server',
  H: 'waiting for the response head',
  D: 'transferring data',
  L: 'sending the last data to the client, the server being done',
  T: 'held in a tarpit',
} as const;

/** Third letter: the persistence cookie that came with the request. */
export const TERMINATION_COOKIES = {
  '-': 'persistence by cookie is not used',
  N: 'no cookie',
  I: 'a cookie that matches no server',
  D: 'a cookie of a server that is down',
  V: 'a valid cookie',
  E: 'a cookie that expired',
  O: 'a cookie that is too old',
  U: 'a cookie that was not used, another server being forced',
} as const;

/** Fourth letter: what happened to the persistence cookie in the response. */
export const TERMINATION_SET_COOKIES = {
  '-': 'persistence by cookie is not used',
  N: 'none came from the server, none was added',
  I: 'one was inserted by the proxy',
  U: 'one was updated by the proxy',
  P: 'one came from the server and was passed on',
  R: 'one came from the server and was rewritten',
  D: 'one came from the server and was deleted',
} as const;

export type TerminationCause = keyof typeof TERMINATION_CAUSES;
export type TerminationPhase = keyof typeof TERMINATION_PHASES;

/** A letter as LogRecord keeps it. */
export function letterCode(letter: TerminationCause | TerminationPhase): number {
  return letter.charCodeAt(0);
}

/** One sentence a letter for a state as logged ("SC--", in TCP mode "SC"); unknown letters are named as such. */
export function explainTermination(state: string): string[] {
  const tables = [TERMINATION_CAUSES, TERMINATION_PHASES, TERMINATION_COOKIES, TERMINATION_SET_COOKIES];
  return Array.from(state.slice(0, 4), (letter, index) => {
    const table: Readonly<Record<string, string>> = tables[index]!;
    return Object.hasOwn(table, letter) ? table[letter]! : `unknown letter '${letter}'`;
  });
}

/** Levels of syslog(3) by number, as the configuration spells them. */
export const LOG_LEVELS = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const;

/** Facilities by number, as the configuration spells them (manual §4.2 "log"). */
export const LOG_FACILITIES = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news'],
  ...['uucp', 'cron', 'auth2', 'ftp', 'ntp', 'audit', 'alert', 'cron2'],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const;

/** Metrics of the log itself; the first is the name that `show info` has for it. */
export const METRIC_DROPPED_LOGS = 'DroppedLogs';
export const METRIC_FAILED_LOGS = 'FailedLogs';
