// What rows of the alias tables are, and what they share: the record of the stream at hand, names, the load.

import type { FormatWriter } from './format-writer.ts';
import { ORIGIN_NONE } from './log-origin.ts';
import { LOG_SERVER_STATS, LogRecord } from './log-record.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';

/** Writes its value as writer.options say; false: there was no room, the rest is cut. */
export type WriteAlias = (subject: Subject, writer: FormatWriter) => boolean;

export interface FormatAlias {
  readonly name: string;
  /** Needs HTTP: in a TCP proxy it is always empty. */
  readonly http: boolean;
  readonly uses: number; // USE_… bits, 0 when it has a value wherever something is logged
  readonly waits: number; // WAIT_… bits of log-origin.ts
  compile(linker: Linker): WriteAlias;
}

// Where there is no stream, as in rules on connections: a record that says so.
const nothing = new LogRecord(0);

/** What is known of the stream, or of the connection alone. */
export function recordOf(subject: Subject): LogRecord {
  const record = subject.stream?.log ?? subject.record;
  if (record !== null) return record;
  nothing.reset();
  nothing.acceptDateMs = subject.front?.sinceWallMs ?? 0;
  nothing.frontendIndex = subject.front?.frontend?.proxy.index ?? 0;
  nothing.backendIndex = nothing.frontendIndex;
  return nothing;
}

/** A line is being written: counts are those that its stream left, not those of this moment. */
export function isLine(subject: Subject): boolean {
  return subject.logOrigin !== ORIGIN_NONE;
}

const latin = (text: string): Uint8Array => new TextEncoder().encode(text);
const NO_SERVER = latin('<NOSRV>');
const STATS_SERVER = latin('<STATS>');

/** Names as bytes, by index in the model. */
export class Names {
  readonly proxies: readonly Uint8Array[];
  private readonly servers: Uint8Array[] = [];

  constructor({ model }: Linker) {
    this.proxies = model.proxies.map(({ name }) => latin(name));
    for (const { servers } of model.proxies) for (const { index, name } of servers) this.servers[index] = latin(name);
  }

  server(index: number): Uint8Array {
    return this.servers[index] ?? (index === LOG_SERVER_STATS ? STATS_SERVER : NO_SERVER);
  }
}

const names = new WeakMap<Linker, Names>();

/** One table a thread. */
export function namesOf(linker: Linker): Names {
  const known = names.get(linker) ?? new Names(linker);
  names.set(linker, known);
  return known;
}
