// How busy everything is, as lines of the log tell it.

import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** What the log's line says of the load, this stream included. */
export function fillLoads(thread: ProxyThread, stream: Stream): void {
  const { log, backend, server } = stream;
  log.actconn = thread.load.current(thread.load.process());
  log.feconn = thread.load.current(stream.frontend!.loadRow);
  if (backend !== null) log.beconn = thread.load.current(backend.loadRow);
  if (server !== null) log.srvConn = thread.load.current(server.loadRow);
}
