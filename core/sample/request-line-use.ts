// Whether anything that was compiled for a thread reads the request line that logs keep: only then it is kept.

import type { Linker } from './rows.ts';

const users = new WeakSet<Linker>();

/** Called by whoever compiles something that reads it. */
export function noteRequestLineUse(linker: Linker): void {
  users.add(linker);
}

export function usesRequestLine(linker: Linker): boolean {
  return users.has(linker);
}
