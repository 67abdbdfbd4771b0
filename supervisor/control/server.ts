// The sockets of the runtime API: accepts operators' connections and carries their bytes to a session each.
//
// The listening sockets were opened at boot, before rights were dropped; the server owns them. As HAProxy counts
// `stats maxconn`, whoever comes when it is reached waits until another session ends.

import { createServer, type Server, type Socket } from 'node:net';
import type { ControlLevel } from './command.ts';
import type { Control } from './control.ts';
import { Session } from './session.ts';

/** Operators that wait for a session; more are turned away: each costs a descriptor. */
const WAITING_COUNT_MAX = 256;
/** How long a client may take to close after its session ended. */
const LINGER_MS = 1_000;

/** A listening socket and what it allows. */
export interface ControlListener {
  fd: number;
  level: ControlLevel;
}

interface Waiting {
  socket: Socket;
  level: ControlLevel;
}

export class ControlServer {
  private readonly control: Control;
  private readonly servers: Server[] = [];
  private readonly open = new Set<Socket>();
  private readonly waiting: Waiting[] = [];
  private readonly idled: (() => void)[] = [];

  constructor(control: Control) {
    this.control = control;
  }

  start(listeners: readonly ControlListener[]): void {
    for (const { fd, level } of listeners) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
        this.accept(socket, level),
      );
      server.on('error', (error) => this.control.report(`runtime socket: ${error.message}`));
      server.listen({ fd });
      this.servers.push(server);
    }
  }

  /** Accepts no more; the descriptors close. Sessions go on. Idempotent. */
  stop(): void {
    for (const server of this.servers.splice(0)) server.close();
    for (const { socket } of this.waiting.splice(0)) socket.destroy();
  }

  /** Resolves when no session is left; only after stop(). */
  drained(): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idled.push(resolve));
  }

  private accept(socket: Socket, level: ControlLevel): void {
    socket.on('error', () => socket.destroy()); // the peer's business
    if (this.open.size < this.control.model.global.controlMaxconn) return this.serve(socket, level);
    if (this.waiting.length >= WAITING_COUNT_MAX) {
      socket.destroy();
      return;
    }
    this.waiting.push({ socket, level });
  }

  private serve(socket: Socket, level: ControlLevel): void {
    this.open.add(socket);
    this.control.sessionCount++;
    this.control.sessionTotal++;
    let ending = false;
    const session = new Session(this.control, level, {
      write: (text) => {
        socket.write(text, 'latin1');
      },
      end: () => {
        ending = true;
        socket.end(() => {
          // Closing with bytes unread would take the answer from the client: let it close first, but not forever.
          if (!socket.destroyed) setTimeout(() => socket.destroy(), LINGER_MS).unref();
        });
      },
    });
    socket.setEncoding('latin1');
    socket.setTimeout(session.timeoutMs);
    socket.on('data', (text: string) => {
      if (ending) return;
      session.receive(text);
      socket.setTimeout(session.timeoutMs);
    });
    socket.on('timeout', () => {
      if (!session.busy) socket.destroy();
    });
    socket.on('end', () => session.receiveEnd());
    socket.on('close', () => {
      session.close();
      this.leave(socket);
    });
    socket.resume();
  }

  private leave(socket: Socket): void {
    this.open.delete(socket);
    this.control.sessionCount--;
    while (this.waiting.length > 0 && this.open.size < this.control.model.global.controlMaxconn) {
      const next = this.waiting.shift()!;
      if (!next.socket.destroyed) this.serve(next.socket, next.level);
    }
    if (this.open.size > 0 || this.waiting.length > 0) return;
    for (const resolve of this.idled.splice(0)) resolve();
  }
}
