// What SIGHUP shows: one line a server, one a proxy, in HAProxy's words (management manual §4).

import type { Model } from '../../core/model/model.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import { CONNECTIONS, SESSIONS } from '../../core/shared/counters.ts';
import { SERVER_MAINT, SERVER_UP, wordUsable } from '../../core/shared/server-words.ts';
import type { SharedTables } from './shared-tables.ts';

export function serverStateLines(model: Model, tables: SharedTables): string[] {
  return model.proxies.flatMap((proxy) => proxyLines(proxy, tables));
}

function proxyLines(proxy: Proxy, tables: SharedTables): string[] {
  const { serverWords, serverLoad, counters } = tables;
  const lines: string[] = [];
  let queuedCount = serverLoad.queued(serverLoad.backend(proxy.index));
  const unassignedCount = queuedCount;
  let activeCount = 0;
  let backupCount = 0;
  for (const server of proxy.servers) {
    const word = serverWords.word(server.index);
    const up = (word & (SERVER_UP | SERVER_MAINT)) === SERVER_UP;
    const row = serverLoad.server(server.index);
    const queued = serverLoad.queued(row);
    queuedCount += queued;
    if (wordUsable(word) && server.backup) backupCount++;
    if (wordUsable(word) && !server.backup) activeCount++;
    const total = counters.sum(row, SESSIONS);
    lines.push(
      `SIGHUP: Server ${proxy.name}/${server.name} is ${up ? 'UP' : 'DOWN'}. ` +
        `Conn: ${serverLoad.current(row)} act, ${queued} pend, ${total} tot.`,
    );
  }
  const front = serverLoad.current(serverLoad.frontend(proxy.index));
  const back = serverLoad.current(serverLoad.backend(proxy.index));
  const frontTotal = counters.sum(counters.frontend(proxy.index), CONNECTIONS);
  const backTotal = counters.sum(counters.backend(proxy.index), SESSIONS);
  lines.push(
    `SIGHUP: Proxy ${proxy.name} ${availability(proxy, activeCount, backupCount)} ` +
      `Conn: act(FE+BE): ${front}+${back}, ${queuedCount} pend (${unassignedCount} unass), ` +
      `tot(FE+BE): ${frontTotal}+${backTotal}.`,
  );
  return lines;
}

function availability(proxy: Proxy, activeCount: number, backupCount: number): string {
  if (proxy.servers.length === 0) return 'has no servers.';
  if (activeCount > 0) {
    return `has ${activeCount} active servers and ${backupCount} backup servers available.`;
  }
  return backupCount > 0 ? 'is running on backup servers !' : 'has no server available !';
}
