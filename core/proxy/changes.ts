// What a command of the runtime API changes in a thread (core/model/worker-data.ts Change). The supervisor has checked
// it and changed its own model; here it only has to be done, between two turns of the loop.

import { serverKey } from '../balance/server-key.ts';
import { encodeAddress } from '../io/net.ts';
import type { Address } from '../model/proxy.ts';
import type { Change } from '../model/worker-data.ts';
import type { PatternStore } from '../sample/patterns/store.ts';
import { assignServer } from './assign.ts';
import { setProcValue } from './language-link.ts';
import type { Listeners } from './listener.ts';
import { closeIdle } from './pool.ts';
import { leaveQueue } from './queue.ts';
import type { ServerLink } from './runtime.ts';
import { killServerStreams } from './sessions.ts';
import { PHASE_CONNECT } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/**
 * The caller lets the thread's queues be served afterwards (dispatch.ts runWoken). `patterns` is the thread's store, which
 * its rules match with.
 */
export function applyChange(thread: ProxyThread, listeners: Listeners, patterns: PatternStore, change: Change): void {
  switch (change.kind) {
    case 'server-changed':
      return serverChanged(thread, change.serverIndex);
    case 'server-address':
      return changeAddress(thread, change.serverIndex, change.address, change.portOffset);
    case 'server-maxconn':
      return changeServerMaxconn(thread, change.serverIndex, change.maxconn, change.minconn);
    case 'frontend-maxconn': {
      const frontend = thread.frontends[change.proxyIndex];
      if (frontend != null) frontend.maxconn = change.maxconn === 0 ? thread.globalMaxconn : change.maxconn;
      return listeners.revisit();
    }
    case 'global-maxconn':
      for (const frontend of thread.frontends) {
        // Without a limit of its own a frontend has the process's.
        if (frontend !== null && frontend.proxy.maxconn === 0) frontend.maxconn = change.maxconn;
      }
      thread.globalMaxconn = change.maxconn;
      return listeners.revisit();
    case 'rate-limit':
      if (change.what === 'connections') thread.connectionRateLimit = change.perSecond;
      else thread.sessionRateLimit = change.perSecond;
      return listeners.revisit();
    case 'frontend-accepts':
      return listeners.setAccepting(change.proxyIndex, change.accepts, change.forGood);
    case 'clear-counters':
      return thread.counters.clearOwn(change.all);
    case 'patterns':
      patterns.apply(change.change);
      return;
    case 'proc-variable':
      return setProcValue(thread, change.variable);
    case 'kill-server-streams':
      return killServerStreams(thread, change.serverIndex);
  }
}

function findServer(thread: ProxyThread, serverIndex: number): ServerLink | null {
  for (const backend of thread.backends) {
    if (backend === null) continue;
    for (const server of backend.servers) if (server.index === serverIndex) return server;
  }
  return null; // of a disabled section
}

// Who waits for a server that can take nobody looks for another one.
function serverChanged(thread: ProxyThread, serverIndex: number): void {
  const server = findServer(thread, serverIndex);
  if (server === null || thread.words.usable(serverIndex)) return;
  for (let left = server.waitingCount; left > 0 && server.waitingFirst !== null; left--) {
    const stream = server.waitingFirst;
    leaveQueue(thread, stream);
    stream.phase = PHASE_CONNECT;
    assignServer(thread, stream);
  }
  closeIdle(thread, server);
}

// Streams that work with the old address go on; what is idle there is of no use any more.
function changeAddress(thread: ProxyThread, serverIndex: number, address: Address, portOffset: number): void {
  const server = findServer(thread, serverIndex);
  if (server === null) return;
  server.model.address = address;
  server.model.portOffset = portOffset;
  server.model.resolved = true;
  const inet = address.family === 'inet' || address.family === 'inet6';
  server.readdress(encodeAddress(address), inet && (address.port === 0 || portOffset !== 0), thread.buffers);
  server.balancer.rekey(server.position, serverKey(server.model));
  closeIdle(thread, server);
}

function changeServerMaxconn(thread: ProxyThread, serverIndex: number, maxconn: number, minconn: number): void {
  const server = findServer(thread, serverIndex);
  if (server === null) return;
  server.model.maxconn = maxconn;
  server.model.minconn = minconn;
  server.balancer.setMaxconn(server.position, maxconn, minconn);
}
