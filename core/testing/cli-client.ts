// An operator's end of the runtime socket, for tests.

import { connect, type Socket } from 'node:net';

const WAIT_MS = 10_000;

/** A path, or a port of 127.0.0.1. */
export type Where = string | number;

const open = (where: Where): Socket =>
  typeof where === 'number' ? connect({ host: '127.0.0.1', port: where }) : connect(where);

/** Sends `text` and gives everything that came until the other side closed. With `half`, our side closes first. */
export function ask(where: Where, text: string, half = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(where);
    let answer = '';
    socket.setEncoding('latin1');
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error(`no end of the answer to ${text}: ${answer}`)));
    socket.on('data', (piece: string) => {
      answer += piece;
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    if (half) socket.end(text, 'latin1');
    else socket.write(text, 'latin1');
  });
}

/** A session that stays: what it is sent is answered in pieces. */
export class CliSession {
  received = '';
  ended = false;
  private readonly socket: Socket;
  private waiting: (() => void)[] = [];

  constructor(where: Where) {
    this.socket = open(where);
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => {
      this.received += piece;
      this.wake();
    });
    const end = (): void => {
      this.ended = true;
      this.wake();
    };
    this.socket.on('end', end);
    this.socket.on('error', end);
    this.socket.on('close', end);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Sends and gives what came, once it ends with `end`. */
  async exchange(text: string, end: string): Promise<string> {
    this.received = '';
    this.send(text);
    await this.until(() => this.received.endsWith(end));
    return this.received;
  }

  async until(isTrue: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS;
    while (!isTrue()) {
      if (performance.now() > deadlineMs) throw new Error(`waited in vain; received: ${this.received}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
