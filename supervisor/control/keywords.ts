// The commands as `-dKcli` lists them (management guide §3 "-dK").

import { allCommands } from './commands.ts';

// HAProxy's master process has these too; the mark stays, so that both programs' lists can be compared.
const ALSO_OF_MASTER: ReadonlySet<string> = new Set([
  ...['echo', 'experimental-mode', 'expert-mode', 'help', 'operator', 'prompt', 'quit', 'user'],
  ...['show cli level', 'show cli sockets', 'show env', 'show startup-logs', 'show version'],
]);

/** The session answers these itself. */
const OF_SESSION: readonly string[] = ['help', 'quit'];

export function commandKeywords(): string[] {
  const rows = allCommands.map(({ words, mode }) => ({ name: words.join(' '), mode }));
  const all = [...rows, ...OF_SESSION.map((name) => ({ name, mode: undefined }))];
  return all.map(({ name, mode }) => {
    const master = ALSO_OF_MASTER.has(name) ? '[MASTER] ' : '';
    const restricted = mode === undefined ? '' : mode === 'expert' ? '[EXPERT] ' : '[EXPERIM] ';
    return `${name} ${master}[WORKER] ${restricted}`;
  });
}
