// What `show stat` counts of servers and backends, besides what the phases count where it happens.

import { LOG_SERVER_NONE, type LogRecord } from '../sample/log-record.ts';
import * as counters from '../shared/counters.ts';
import type { Backend, ServerLink } from './runtime.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** A stream goes to the server: [lbtot] unless it has just been there, [rate], [lastsess] of both. */
export function countChosen(thread: ProxyThread, server: ServerLink, isChosen: boolean): void {
  const { cells } = thread.counters;
  const { nowMs } = thread.clock;
  const { backend } = server;
  if (isChosen) {
    cells[server.counterAt + counters.LB_CHOSEN]! += 1;
    cells[backend.counterAt + counters.LB_CHOSEN]! += 1;
  }
  thread.counters.countRate(server.counterRow, counters.SESSION_RATE, nowMs);
  thread.counters.countRate(backend.counterRow, counters.SESSION_RATE, nowMs);
}

/** Bytes went through a pipe instead of our memory. */
export function countSpliced(thread: ProxyThread, stream: Stream, field: number, bytes: number): void {
  if (bytes === 0) return;
  const { cells } = thread.counters;
  cells[stream.frontend!.counterAt + field]! += bytes;
  if (stream.backend !== null) cells[stream.backend.counterAt + field]! += bytes;
}

/** The stream is over: its server's bytes and responses, and the times of both. */
export function accountServer(thread: ProxyThread, backend: Backend, log: LogRecord, http: boolean): void {
  const { serverIndex } = log;
  if (serverIndex <= LOG_SERVER_NONE) return;
  const table = thread.counters;
  const row = table.server(serverIndex);
  const at = table.at(row);
  if (http) table.countResponse(row, log.status);
  table.cells[at + counters.REQ_IN_BYTES]! += log.bytesUploaded;
  table.cells[at + counters.RES_OUT_BYTES]! += log.bytesRead;
  const began = Math.max(log.markRequest, 0);
  const queueMs = log.markQueue < 0 ? -1 : log.markQueue - began;
  const connectMs = log.markConnect < 0 ? -1 : log.markConnect - log.markQueue;
  const responseMs = log.markData < 0 ? -1 : log.markData - log.markConnect;
  const totalMs = log.markClose - Math.max(log.markIdle, 0) - log.markHandshake;
  table.addTimes(row, queueMs, connectMs, responseMs, totalMs);
  table.addTimes(backend.counterRow, queueMs, connectMs, responseMs, totalMs);
}
