// Free TCP ports for programs that want a number in a config file.
//
// A port of the kernel's ephemeral range can be taken by any outgoing connection between our look and the
// program's bind, and a load generator makes many: so we draw below that range, at random so that test files
// running at the same time rarely meet. Sockets of our own need none of this: they listen on port 0.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const PORT_MIN = 10_000;
const DRAW_COUNT_MAX = 200;

// Ports handed out earlier by this process, which nobody may have bound yet.
const handedOut = new Set<number>();

/** First port the kernel gives to outgoing connections (net.ipv4.ip_local_port_range). */
export function ephemeralPortMin(): number {
  try {
    const first = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return first > PORT_MIN + 1_000 ? first : 32_768;
  } catch {
    return 32_768;
  }
}

/** Can `port` be bound on `host` now? Never throws. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on `host` that was free a moment ago and was not handed out before. Throws when none is found. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const portCount = ephemeralPortMin() - PORT_MIN;
  for (let draw = 0; draw < DRAW_COUNT_MAX; draw++) {
    const port = PORT_MIN + Math.floor(Math.random() * portCount);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isPortFree(port, host)) return port;
  }
  throw new Error(`no free port on ${host} after ${DRAW_COUNT_MAX} draws`);
}

/** `wanted` when it is free, else another free port: for programs people talk to. */
export async function freePortPreferring(wanted: number, host = '127.0.0.1'): Promise<number> {
  if (!handedOut.has(wanted) && (await isPortFree(wanted, host))) {
    handedOut.add(wanted);
    return wanted;
  }
  return freePort(host);
}
