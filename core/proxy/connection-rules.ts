// `tcp-request connection` and `tcp-request session` (manual §4.3): before there is a stream, a client is let in or not.

import { forgetSocket, setNoLinger } from '../io/net.ts';
import { RULE_CONTINUE, RULE_SILENT_DROP, RULE_STOP } from '../rules/contract.ts';
import { type RuleSet, runRules } from '../rules/rule-set.ts';
import { DENIED_SESSIONS } from '../shared/counters.ts';
import type { Connection } from './connection.ts';
import { closeFront } from './finish.ts';
import { aimConnection } from './language.ts';
import type { ProxyThread } from './thread.ts';

/** False: the rules refused the client, which is closed and counted. */
export function admits(thread: ProxyThread, front: Connection, set: RuleSet, deniedField: number): boolean {
  const { run, host } = thread.language;
  const subject = aimConnection(thread, front);
  subject.final = true;
  host.stream = null;
  host.front = front;
  host.isSession = deniedField === DENIED_SESSIONS;
  run.index = 0;
  run.resumed = false;
  const verdict = runRules(set, subject, run);
  host.front = null;
  if (verdict === RULE_CONTINUE || verdict === RULE_STOP) return true;
  const cells = thread.counters.cells;
  cells[front.frontend!.counterAt + deniedField]! += 1;
  if (verdict === RULE_SILENT_DROP) forgetSocket(front.fd, front.sourceFamily, run.silentDropTtl);
  else if (!host.isSession) setNoLinger(front.fd); // one RST ends it
  closeFront(thread, front);
  return false;
}
