// Servers as a proxy fears them: origins (fault-origin.ts) that are killed and come back, and a port that never answers.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Child, startChild } from '../rig/children.ts';

const ORIGIN = fileURLToPath(new URL('./fault-origin.ts', import.meta.url));

export class KillableOrigin {
  readonly port: number;
  private child: Child | null = null;

  constructor(port: number) {
    this.port = port;
  }

  /** Resolves when it listens. Rejects when it ends before. */
  async start(): Promise<void> {
    const child = await startChild(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      ORIGIN,
      String(this.port),
    ]);
    await new Promise<void>((resolve, reject) => {
      child.process.stdout!.once('data', () => resolve());
      void child.exited.then(() => reject(new Error(`the origin ended: ${child.lastWords()}`)));
    });
    this.child = child;
  }

  isAlive(): boolean {
    return this.child !== null;
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    await child?.stop('SIGKILL');
  }
}

/** A port that answers no SYN: its accept queue is full and nobody empties it. */
export class FullListener {
  port = 0;
  private worker: Worker | null = null;
  private fillers: Socket[] = [];

  async start(): Promise<void> {
    const sleeper = `
      const { parentPort } = require('node:worker_threads');
      const server = require('node:net').createServer();
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
        parentPort.postMessage(server.address().port);
        setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      });`;
    this.worker = new Worker(sleeper, { eval: true });
    this.port = await new Promise<number>((resolve, reject) => {
      this.worker!.once('message', resolve);
      this.worker!.once('error', reject);
    });
    // Two fit in a queue of one; the third gets no answer.
    this.fillers = Array.from({ length: 3 }, () => connect({ port: this.port, host: '127.0.0.1' }));
    for (const filler of this.fillers) filler.on('error', () => filler.destroy());
    await Promise.all(this.fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
  }

  async stop(): Promise<void> {
    for (const filler of this.fillers) filler.destroy();
    await this.worker?.terminate();
  }
}
