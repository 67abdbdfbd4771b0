// Idle server connections (manual §4.2 "http-reuse", §5.2 "pool-max-conn", "pool-purge-delay").
//
// Each thread keeps its own. As HAProxy tells them apart: a connection is *unproven* after its first request and
// *safe* once it was reused with success; `http-reuse` says which a client's first request may ride. With
// `never` a connection stays with the client connection it was made for.

import { assert } from '../base/assert.ts';
import type { HttpReuse } from '../model/proxy.ts';
import { type Connection, IDLE_NOT, IDLE_PRIVATE, IDLE_SAFE, IDLE_UNPROVEN } from './connection.ts';
import type { ServerLink } from './runtime.ts';
import type { ProxyThread } from './thread.ts';

/** HAProxy's max-session-srv-conns: how many server connections one client connection keeps to itself. */
const PRIVATE_COUNT_MAX = 5;

/** An idle connection to the server that this request may use, or null. It leaves its list. */
export function takeIdle(
  server: ServerLink,
  front: Connection,
  reuse: HttpReuse,
  notFirst: boolean,
): Connection | null {
  const own = findPrivate(front, server);
  if (own !== null) {
    unlinkIdle(own);
    return own;
  }
  if (server.idleCount === 0 || reuse === 'never') return null;
  let found: Connection | null = null;
  if (notFirst) found = server.unprovenFirst ?? server.safeFirst;
  else if (reuse === 'aggressive') found = server.safeFirst;
  else if (reuse === 'always') found = server.safeFirst ?? server.unprovenFirst;
  if (found !== null) unlinkIdle(found);
  return found;
}

/** Keeps a connection for later requests; false when the limits say to close it instead. */
export function putIdle(thread: ProxyThread, back: Connection, front: Connection | null): boolean {
  const server = back.server;
  assert(server !== null && back.idle === IDLE_NOT, 'only a busy server connection becomes idle');
  const model = server.model;
  if (model.maxReuse >= 0 && back.requestCount > model.maxReuse) return false;
  if (server.backend.proxy.httpReuse === 'never') {
    if (front === null || countPrivate(front) >= PRIVATE_COUNT_MAX) return false;
    back.idle = IDLE_PRIVATE;
    back.owner = front;
    linkBefore(back, front.privateFirst);
    front.privateFirst = back;
    thread.setDeadline(back, 0);
    return true;
  }
  if (model.poolMaxConn >= 0 && server.idleCount >= model.poolMaxConn) return false;
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
  thread.setDeadline(back, thread.after(model.poolPurgeDelayMs));
  return true;
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

function findPrivate(front: Connection, server: ServerLink): Connection | null {
  for (let back = front.privateFirst; back !== null; back = back.idleNext) {
    if (back.server === server) return back;
  }
  return null;
}

function countPrivate(front: Connection): number {
  let count = 0;
  for (let back = front.privateFirst; back !== null; back = back.idleNext) count++;
  return count;
}
