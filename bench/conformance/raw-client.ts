// A client that sends bytes as they are given and records what comes back and how it ends.

import { connect, type Socket } from 'node:net';
import { endGently } from './scripted-origin.ts';

export type ClientState = 'open' | 'fin' | 'reset';

export class RawClient {
  port = 0; // our own
  state: ClientState = 'open';
  byteCount = 0;
  firstMs = 0; // when the first byte came
  openedMs = 0;
  lastChangeMs = 0;
  endedMs = 0; // when FIN or reset was seen, 0 before
  readonly chunks: Buffer[] = [];
  private readonly socket: Socket;
  private readonly waiters = new Set<() => void>();
  private connected = false;

  constructor(port: number) {
    this.openedMs = performance.now();
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('connect', () => {
      this.connected = true;
      this.port = this.socket.localPort!;
      this.changed();
    });
    this.socket.on('data', (bytes) => {
      if (this.byteCount === 0) this.firstMs = performance.now();
      this.chunks.push(bytes);
      this.byteCount += bytes.length;
      this.changed();
    });
    this.socket.on('end', () => this.ended('fin'));
    this.socket.on('error', () => this.ended('reset'));
  }

  private ended(state: ClientState): void {
    if (this.state === 'reset') return;
    this.state = state;
    if (this.endedMs === 0) this.endedMs = performance.now();
    this.changed();
  }

  private changed(): void {
    this.lastChangeMs = performance.now();
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Waits until `isTrue`, the end of the connection, or `timeoutMs`. */
  waitUntil(isTrue: () => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiters.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.state !== 'open' || isTrue()) done();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiters.add(look);
      look();
    });
  }

  isConnected(): boolean {
    return this.connected;
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  send(bytes: string): void {
    if (!this.socket.destroyed) this.socket.write(bytes, 'latin1');
  }

  halfClose(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Leaves in peace: FIN, then waits for the proxy's. */
  async finish(timeoutMs: number): Promise<void> {
    if (!this.socket.destroyed) await endGently(this.socket, timeoutMs);
  }
}
