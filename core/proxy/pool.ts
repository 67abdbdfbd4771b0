// Idle server connections (manual §4.2 "http-reuse", §5.2 "pool-max-conn", "pool-purge-delay").
//
// Each thread keeps its own. As HAProxy tells them apart: a connection is *unproven* after its first request and
// *safe* once it was reused with success; `http-reuse` says which a client's first request may ride. With
// `never`, and behind a PROXY header, a connection stays with the client connection it was made for.

import { assert } from '../base/assert.ts';
import type { HttpReuse } from '../model/proxy.ts';
import { type Connection, IDLE_NOT, IDLE_PRIVATE, IDLE_SAFE, IDLE_UNPROVEN } from './connection.ts';
import type { ServerLink } from './runtime.ts';
import type { ProxyThread } from './thread.ts';

/** HAProxy's max-session-srv-conns: how many server connections one client connection keeps to itself. */
const PRIVATE_COUNT_MAX = 5;

/**
 * An idle connection to the server that this request may use, or null. It leaves its list.
 * @param mappedPort the port this request goes to, where the server takes that from the client; else 0
 */
export function takeIdle(
  server: ServerLink,
  front: Connection,
  reuse: HttpReuse,
  notFirst: boolean,
  mappedPort: number,
): Connection | null {
  const own = findPrivate(front, server, mappedPort);
  if (own !== null) {
    unlinkIdle(own);
    return own;
  }
  if (server.idleCount === 0 || reuse === 'never') return null;
  let found: Connection | null = null;
  const safe = toPort(server.safeFirst, mappedPort);
  if (notFirst) found = toPort(server.unprovenFirst, mappedPort) ?? safe;
  else if (reuse === 'aggressive') found = safe;
  else if (reuse === 'always') found = safe ?? toPort(server.unprovenFirst, mappedPort);
  if (found !== null) unlinkIdle(found);
  return found;
}

// The first of a list that went to this port: of most servers' the first at once.
function toPort(first: Connection | null, mappedPort: number): Connection | null {
  let back = first;
  while (back !== null && back.mappedPort !== mappedPort) back = back.idleNext;
  return back;
}

/** Keeps a connection for later requests; false when the limits say to close it instead. */
export function putIdle(thread: ProxyThread, back: Connection, front: Connection | null): boolean {
  const server = back.server;
  assert(server !== null && back.idle === IDLE_NOT, 'only a busy server connection becomes idle');
  const model = server.model;
  if (model.maxReuse >= 0 && back.requestCount > model.maxReuse) return false;
  if (back.pinned) return false;
  if (server.sendsUniqueId) return false; // its PROXY header says whose request it was
  // A PROXY header speaks for one client: nobody else's request may follow it.
  if (server.backend.proxy.httpReuse === 'never' || model.sendProxy !== 'none') {
    if (front === null || countPrivate(front) >= PRIVATE_COUNT_MAX) return false;
    back.idle = IDLE_PRIVATE;
    back.owner = front;
    linkBefore(back, front.privateFirst);
    front.privateFirst = back;
    thread.setDeadline(back, 0);
    return true;
  }
  if (!hasRoom(thread, server, back.requestCount > 1)) return false;
  if (back.requestCount > 1) {
    back.idle = IDLE_SAFE;
    linkBefore(back, server.safeFirst);
    server.safeFirst = back;
  } else {
    back.idle = IDLE_UNPROVEN;
    linkBefore(back, server.unprovenFirst);
    server.unprovenFirst = back;
  }
  server.idleCount++;
  thread.setDeadline(back, 0);
  if (server.purgeAtMs === 0) {
    server.purgeAtMs = thread.clock.nowMs + model.poolPurgeDelayMs;
    if (thread.purgeAtMs === 0 || server.purgeAtMs < thread.purgeAtMs) thread.purgeAtMs = server.purgeAtMs;
  }
  return true;
}

// One idle connection is always worth keeping; more only as far as the recent need (used at once) goes, and while
// the process is not short of fds (tune.pool-low-fd-ratio 20, tune.pool-high-fd-ratio 25).
function hasRoom(thread: ProxyThread, server: ServerLink, safe: boolean): boolean {
  const model = server.model;
  if (model.poolPurgeDelayMs === 0) return false;
  if (model.poolMaxConn >= 0 && server.idleCount >= model.poolMaxConn) return false;
  if (thread.openCount >= thread.poolHighCount) return false;
  if (server.safeFirst === null && (safe || server.unprovenFirst === null)) return true;
  if (thread.openCount >= thread.poolLowCount) return false;
  const needed = Math.max(server.usedCount, server.neededCount) + model.poolLowConn;
  return server.usedCount + server.idleCount <= needed;
}

/** A connection to the server begins to work for a stream. */
export function startUsing(server: ServerLink): void {
  const used = ++server.usedCount;
  if (used > server.usedCountMax) server.usedCountMax = used;
  if (used > server.neededCount) server.neededCount = used;
}

/** It no longer does, whether it went to the pool or was closed. */
export function stopUsing(server: ServerLink): void {
  assert(server.usedCount > 0, 'a server connection stopped working that did not work');
  server.usedCount--;
}

/** Every pool-purge-delay: closes half of what exceeds the need, oldest last used first. */
export function purgeIdle(thread: ProxyThread): void {
  const nowMs = thread.clock.nowMs;
  thread.purgeAtMs = 0;
  for (const backend of thread.backends) {
    if (backend === null) continue;
    for (const server of backend.servers) {
      if (server.purgeAtMs === 0) continue;
      if (server.purgeAtMs <= nowMs) purgeServer(thread, server);
      if (server.purgeAtMs === 0) continue;
      if (thread.purgeAtMs === 0 || server.purgeAtMs < thread.purgeAtMs) thread.purgeAtMs = server.purgeAtMs;
    }
  }
}

function purgeServer(thread: ProxyThread, server: ServerLink): void {
  const exceeding = server.usedCount + server.idleCount - Math.max(server.usedCountMax, server.neededCount);
  server.neededCount = Math.max(server.usedCountMax, (server.neededCount + server.usedCountMax) >> 1);
  server.usedCountMax = server.usedCount;
  for (let left = (exceeding + 1) >> 1; left > 0 && server.idleCount > 0; left--) {
    const back = oldest(server.unprovenFirst) ?? oldest(server.safeFirst);
    if (back === null) break;
    unlinkIdle(back);
    thread.closeConnection(back);
  }
  server.purgeAtMs = server.idleCount > 0 ? thread.clock.nowMs + server.model.poolPurgeDelayMs : 0;
}

function oldest(first: Connection | null): Connection | null {
  let last = first;
  while (last !== null && last.idleNext !== null) last = last.idleNext;
  return last;
}

/** Takes a connection out of whichever idle list it is in. */
export function unlinkIdle(back: Connection): void {
  const previous = back.idlePrevious;
  const next = back.idleNext;
  if (previous !== null) previous.idleNext = next;
  if (next !== null) next.idlePrevious = previous;
  if (back.idle === IDLE_PRIVATE) {
    const owner = back.owner;
    assert(owner !== null, 'a private connection has an owner');
    if (previous === null) owner.privateFirst = next;
  } else {
    const server = back.server;
    assert(server !== null && back.idle !== IDLE_NOT, 'only an idle connection can be taken from the pool');
    if (previous === null) {
      if (back.idle === IDLE_SAFE) server.safeFirst = next;
      else server.unprovenFirst = next;
    }
    server.idleCount--;
  }
  back.idlePrevious = null;
  back.idleNext = null;
  back.owner = null;
  back.idle = IDLE_NOT;
}

/** The client's connection goes: so do those that belong to it alone. */
export function closePrivate(thread: ProxyThread, front: Connection): void {
  while (front.privateFirst !== null) {
    const back = front.privateFirst;
    unlinkIdle(back);
    thread.closeConnection(back);
  }
}

/** Soft stop: nothing will ask for them again. */
export function closeIdle(thread: ProxyThread, server: ServerLink): void {
  for (;;) {
    const back = server.unprovenFirst ?? server.safeFirst;
    if (back === null) return;
    unlinkIdle(back);
    thread.closeConnection(back);
  }
}

function linkBefore(back: Connection, first: Connection | null): void {
  back.idlePrevious = null;
  back.idleNext = first;
  if (first !== null) first.idlePrevious = back;
}

function findPrivate(front: Connection, server: ServerLink, mappedPort: number): Connection | null {
  for (let back = front.privateFirst; back !== null; back = back.idleNext) {
    if (back.server === server && back.mappedPort === mappedPort) return back;
  }
  return null;
}

function countPrivate(front: Connection): number {
  let count = 0;
  for (let back = front.privateFirst; back !== null; back = back.idleNext) count++;
  return count;
}
