// weir's own events as structured lines on stderr (pino's JSON): which engine and why, a crash and its reason.
//
// Traffic logs are not these: they keep HAProxy's formats and go where `log` says. The logger is loaded with the
// first event, so that a start does not wait for it. Lines are written at once: the next call may end the process.

import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import type { EventLevel } from '../../core/model/worker-data.ts';

export class Events {
  private readonly level: EventLevel;
  private logger: Logger | null = null;

  constructor(level: EventLevel) {
    this.level = level;
  }

  emit(level: EventLevel, text: string, fields: Record<string, string | number> = {}): void {
    this.load()[level](fields, text);
  }

  /** Loads the logger now: before a chroot hides its files. */
  load(): Logger {
    if (this.logger !== null) return this.logger;
    const pino = createRequire(import.meta.url)('pino') as typeof import('pino').default;
    const options = {
      level: this.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    this.logger = pino(options, pino.destination({ dest: 2, sync: true }));
    return this.logger;
  }
}
