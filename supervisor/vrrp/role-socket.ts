// How the role of a running weir reaches the one that replaces it (`-sf`, `-st`): the successor asks, the predecessor
// stops sending and answers with its state, and no other router notices.
//
// The socket has an abstract name, which belongs to the network namespace as the role does. Any user could connect to
// such a name, or take it: both sides look at the other's credentials (SO_PEERCRED, unix(7)) before they believe it.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { type PeerCredentials, peerCredentials } from '../../core/sys/socket.ts';

const SOCKET = '\0weir-vrrp-role';
const ASK_MS = 2_000;

/** core/vrrp's ExportedState, and when it was taken on CLOCK_MONOTONIC: the same clock for all processes. */
export interface Role {
  state: object;
  takenAtMs: number;
}

/** Gives the role to the first successor of our own user, or root's, that asks. `give` resolves to null when it has none. */
export function serveRole(give: () => Promise<Role | null>, onFailure: (text: string) => void, name = SOCKET): Server {
  const server = createServer((socket) => {
    socket.setTimeout(ASK_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    const { uid } = peerOf(socket);
    if (uid !== 0 && uid !== process.geteuid!()) return socket.destroy();
    // The first byte asks: a connection alone takes nothing away.
    socket.once('data', () => {
      void give().then((role) => socket.end(role === null ? '' : JSON.stringify(role)));
    });
  });
  server.on('error', (error) => onFailure(`a successor cannot take over the VRRP role: ${error.message}`));
  server.listen(name);
  server.unref();
  return server;
}

/** The role of one of the processes `pids`; null when none of them runs an election here, or does not answer in time. */
export function askForRole(pids: readonly number[], name = SOCKET): Promise<Role | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(name);
    socket.setTimeout(ASK_MS, () => socket.destroy());
    socket.on('connect', () => {
      if (pids.includes(peerOf(socket).pid)) socket.write('?');
      else socket.destroy();
    });
    socket.on('data', (bytes) => {
      text += bytes.toString('utf8');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(roleOf(text)));
  });
}

function roleOf(text: string): Role | null {
  try {
    return JSON.parse(text) as Role;
  } catch {
    return null; // nothing, or cut off: a successor then begins as if there had been nobody
  }
}

export function peerOf(socket: Socket): PeerCredentials {
  return peerCredentials((socket as unknown as { _handle: { fd: number } })._handle.fd);
}
