// The pid file: one decimal number and a line end, replaced whole (management manual §3 "-p").

import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { Messages } from './messages.ts';

/** False after an ALERT. */
export function writePidfile(path: string, messages: Messages): boolean {
  try {
    try {
      unlinkSync(path);
    } catch {
      // There was none.
    }
    const fd = openSync(path, 'wx', 0o644);
    writeSync(fd, `${process.pid}\n`);
    closeSync(fd);
    return true;
  } catch {
    messages.mainAlert(`Cannot create pidfile ${path}`);
    return false;
  }
}
