// Origins of fault-origin.ts as processes that can be killed and come back on the same port.

import { fileURLToPath } from 'node:url';
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
