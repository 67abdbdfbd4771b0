// Leaving: what closes at once on a soft stop, and everything on a hard one.

import { NO_BUFFER } from '../io/engine.ts';
import { CONNECTION_OPEN, FRONT_HEAD, SIDE_FRONT } from './connection.ts';
import { abortStream, closeFront, setTermination } from './finish.ts';
import { closeIdle } from './pool.ts';
import { phaseLetter } from './reply.ts';
import type { ProxyThread } from './thread.ts';

/** Soft stop: idle connections, of clients between requests and to servers, close now; the others finish first. */
export function drainIdle(thread: ProxyThread): void {
  for (const backend of thread.backends) {
    if (backend === null) continue;
    for (const server of backend.servers) closeIdle(thread, server);
  }
  for (const connection of thread.connections) {
    if (connection.state !== CONNECTION_OPEN || connection.side !== SIDE_FRONT) continue;
    const idle = connection.phase === FRONT_HEAD && connection.headBuffer === NO_BUFFER && connection.inFirst < 0;
    if (idle) closeFront(thread, connection);
  }
}

/** Hard stop: every stream is cut and logged, every connection closed. */
export function stopAll(thread: ProxyThread): void {
  for (const connection of thread.connections) {
    if (connection.state !== CONNECTION_OPEN || connection.side !== SIDE_FRONT) continue;
    const stream = connection.stream;
    if (stream !== null) {
      setTermination(stream, 'K', phaseLetter(stream));
      abortStream(thread, stream);
    } else closeFront(thread, connection);
  }
  drainIdle(thread);
  for (const connection of thread.connections) {
    if (connection.state === CONNECTION_OPEN) thread.closeConnection(connection);
  }
}
