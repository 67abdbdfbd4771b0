// The signals that keepalived's users ask for by name (`--signum`, keepalived(8)), as numbers that a running weir obeys.
//
// keepalived takes SIGUSR1, and real-time signals, which Node cannot receive; SIGUSR1 is HAProxy's soft stop. So weir
// listens to signals that neither program nor Node uses. Scripts that ask for the number work with both; real-time ones
// from scripts that do not ask are taken and do nothing (core/sys/signals.ts).

import { constants } from 'node:os';

export const SIGNALS = {
  STOP: 'SIGTERM',
  RELOAD: 'SIGHUP',
  DATA: 'SIGIO',
  STATS: 'SIGUSR2',
  STATS_CLEAR: 'SIGVTALRM',
  JSON: 'SIGURG',
} as const satisfies Record<string, NodeJS.Signals>;

/** keepalived's own for JSON (SIGRTMIN+2), STATS_CLEAR (SIGRTMAX-1) and TDUMP (SIGRTMAX), with glibc on Linux. */
export const KEEPALIVED_REALTIME_SIGNALS = [36, 63, 64] as const;

/** null: there is no such word. */
export function signalNumber(word: string): number | null {
  return Object.hasOwn(SIGNALS, word) ? constants.signals[SIGNALS[word as keyof typeof SIGNALS]] : null;
}
