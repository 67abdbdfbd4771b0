// Places on servers, and the streams that wait for one (manual §5.2 "maxconn", "maxqueue"; §4.2 "timeout queue").
//
// A place is taken in the shared load table, so `maxconn` holds over all threads; the streams that wait are in
// lists of this thread. Giving a place back serves this thread's oldest waiter first, else wakes another thread
// that said it waits (the order that loses no wake-up is described in core/shared/server-load.ts).

import { AVOID_NONE } from '../balance/contract.ts';
import { assert } from '../base/assert.ts';
import type { Backend, ServerLink } from './runtime.ts';
import { PHASE_QUEUE, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Takes a place on the server for the stream; false when it is full. */
export function acquirePlace(thread: ProxyThread, stream: Stream, server: ServerLink): boolean {
  if (!thread.load.tryAcquire(server.loadRow, server.balancer.maxconn(server.position))) return false;
  holdPlace(stream, server);
  return true;
}

function holdPlace(stream: Stream, server: ServerLink): void {
  assert(stream.server === null, 'a stream holds one place at a time');
  stream.server = server;
  server.balancer.taken(server.position);
}

/** Gives the stream's place back and serves whoever waits for it. */
export function releasePlace(thread: ProxyThread, stream: Stream): void {
  const server = stream.server;
  if (server === null) return;
  stream.server = null;
  thread.load.release(server.loadRow);
  server.balancer.dropped(server.position);
  if (server.model.maxconn !== 0) servePlace(thread, server);
}

/**
 * Puts the stream into the server's own queue, or the backend's when `server` is null: behind all whose turn is not after
 * its own (manual §4.4 "set-priority-class", "set-priority-offset"), which without priorities is the end.
 */
export function joinQueue(thread: ProxyThread, stream: Stream, backend: Backend, server: ServerLink | null): void {
  stream.phase = PHASE_QUEUE;
  stream.queuedOn = server;
  const queue = server ?? backend;
  stream.queueDueMs = thread.clock.nowMs + stream.rule.priorityOffsetMs;
  let previous = queue.waitingLast;
  while (previous !== null && isBefore(stream, previous)) previous = previous.queuePrevious;
  const next: Stream | null = previous === null ? queue.waitingFirst : previous.queueNext;
  stream.queuePrevious = previous;
  stream.queueNext = next;
  if (previous === null) queue.waitingFirst = stream;
  else previous.queueNext = stream;
  if (next === null) queue.waitingLast = stream;
  else next.queuePrevious = stream;
  queue.waitingCount++;
  thread.load.enqueue(queue.loadRow);
  thread.load.startWaiting(queue.loadRow, thread.threadIndex);
}

function isBefore(stream: Stream, other: Stream): boolean {
  const { priorityClass } = stream.rule;
  if (priorityClass !== other.rule.priorityClass) return priorityClass < other.rule.priorityClass;
  return stream.queueDueMs < other.queueDueMs;
}

/** Takes the stream out of its queue: it was granted a place, gave up, or its client went away. */
export function leaveQueue(thread: ProxyThread, stream: Stream): void {
  assert(stream.phase === PHASE_QUEUE && stream.backend !== null, 'only a waiting stream can leave a queue');
  const queue = stream.queuedOn ?? stream.backend;
  const previous = stream.queuePrevious;
  const next = stream.queueNext;
  if (previous === null) queue.waitingFirst = next;
  else previous.queueNext = next;
  if (next === null) queue.waitingLast = previous;
  else next.queuePrevious = previous;
  stream.queuePrevious = null;
  stream.queueNext = null;
  stream.queuedOn = null;
  stream.log.markQueue = thread.clock.nowMs - stream.startedMs;
  queue.waitingCount--;
  thread.load.dequeue(queue.loadRow);
  if (queue.waitingCount === 0) thread.load.stopWaiting(queue.loadRow, thread.threadIndex);
}

// A place on the server may be free: of the two queues' first streams, the one whose turn is earlier gets it. While streams wait in
// other threads too, every other place goes to them: a thread that always has waiters of its own would keep them all.
function servePlace(thread: ProxyThread, server: ServerLink): void {
  const own = server.waitingFirst;
  const shared = server.backend.waitingFirst;
  let stream = own ?? shared;
  if (own !== null && shared !== null && isBefore(shared, own)) stream = shared;
  server.servesOwn = !server.servesOwn;
  const keeps = server.servesOwn || !waitsElsewhere(thread, server);
  // Who waits for this server by name does so whatever its weight.
  const fits = stream === own ? thread.words.running(server.index) : server.balancer.usable(server.position);
  if (stream !== null && keeps && fits && acquirePlace(thread, stream, server)) {
    grant(thread, stream);
    return;
  }
  wakeWaiter(thread, server.loadRow);
  wakeWaiter(thread, server.backend.loadRow);
}

function waitsElsewhere(thread: ProxyThread, server: ServerLink): boolean {
  const { load, threadIndex } = thread;
  const ofServer = load.nextWaiter(server.loadRow, threadIndex);
  if (ofServer >= 0 && ofServer !== threadIndex) return true;
  const ofBackend = load.nextWaiter(server.backend.loadRow, threadIndex);
  return ofBackend >= 0 && ofBackend !== threadIndex;
}

function wakeWaiter(thread: ProxyThread, row: number): void {
  const waiter = thread.load.nextWaiter(row, thread.threadIndex);
  if (waiter >= 0 && waiter !== thread.threadIndex) thread.wakeBoard.wake(waiter);
}

function grant(thread: ProxyThread, stream: Stream): void {
  leaveQueue(thread, stream);
  stream.granted = true;
  thread.granted.push(stream);
}

/** Another thread gave places back, or servers changed: serves what now can be served. */
export function serveQueues(thread: ProxyThread): void {
  for (const backend of thread.backends) {
    if (backend === null) continue;
    for (const server of backend.servers) {
      while (server.waitingFirst !== null && thread.words.running(server.index)) {
        const stream: Stream = server.waitingFirst;
        if (!acquirePlace(thread, stream, server)) break;
        grant(thread, stream);
      }
    }
    while (backend.waitingFirst !== null && backend.balancer !== null) {
      const stream: Stream = backend.waitingFirst;
      const position = backend.balancer.pick(stream.hash, AVOID_NONE);
      if (position < 0 || !acquirePlace(thread, stream, backend.servers[position]!)) break;
      grant(thread, stream);
    }
    // Algorithms that let nobody overtake the queue say "full" as long as there is one: its own streams may go on.
    for (const server of backend.servers) {
      while (backend.waitingFirst !== null && server.balancer.usable(server.position)) {
        const stream: Stream = backend.waitingFirst;
        if (!acquirePlace(thread, stream, server)) break;
        grant(thread, stream);
      }
    }
    // Two releasers may have woken this one thread: whoever still waits elsewhere is told if places are left.
    for (const server of backend.servers) {
      if (server.model.maxconn === 0 || !server.balancer.hasRoom(server.position)) continue;
      wakeWaiter(thread, server.loadRow);
      wakeWaiter(thread, backend.loadRow);
    }
  }
}

/** How many wait before a new one would be served: the log's srv_queue and backend_queue. */
export function queueLength(thread: ProxyThread, row: number): number {
  return thread.load.queued(row);
}
