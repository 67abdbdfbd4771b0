// What happened, counted: one row of Float64 cells a thread for every server, backend, frontend and the process.
//
// Writer of a row: its thread alone, with plain `+=`; nothing is locked. Readers sum the rows of all threads: an
// aligned 64-bit store is seen whole, and a count may be read a moment late but never torn. Rows have one shape
// and the row numbers of ServerLoad (server, frontend, backend, process). A replaced thread goes on in the
// same row, so totals never go back.
//
// Hot path: `const at = counters.at(row); counters.cells[at + REQUESTS]! += 1;`, or add(row, REQUESTS, 1).

import { assert } from '../base/assert.ts';
import { THREAD_COUNT_MAX } from '../base/limits.ts';
import type { Model } from '../model/model.ts';

// Fields; in brackets the column of `show stat` (manual management §9.1) where it is not the same word.
export const CONNECTIONS = 0; // accepted connections [conn_tot]
export const SESSIONS = 1; // sessions; on servers and backends streams assigned [stot]
export const REQUESTS = 2; // HTTP requests, whole heads [req_tot]
export const LB_CHOSEN = 3; // times load balancing chose it [lbtot]
export const REQ_IN_BYTES = 4; // from the client [bin]
export const REQ_OUT_BYTES = 5; // to the server
export const RES_IN_BYTES = 6; // from the server
export const RES_OUT_BYTES = 7; // to the client [bout]
export const DENIED_CONNECTIONS = 8; // [dcon]
export const DENIED_SESSIONS = 9; // [dses]
export const DENIED_REQUESTS = 10; // [dreq]
export const DENIED_RESPONSES = 11; // [dresp]
export const FAILED_REQUESTS = 12; // bad, timed out or aborted before they were whole [ereq]
export const FAILED_CONNECTS = 13; // [econ]
export const FAILED_RESPONSES = 14; // [eresp]
export const INTERNAL_ERRORS = 15; // [eint]
export const FAILED_REWRITES = 16; // [wrew]
export const RETRIES = 17; // [wretr]
export const REDISPATCHES = 18; // [wredis]
export const CLIENT_ABORTS = 19; // [cli_abrt]
export const SERVER_ABORTS = 20; // [srv_abrt]
export const INTERCEPTED = 21; // answered by us: monitor-uri, redirects, stats
export const CONNECTS = 22; // new connections to servers [connect]
export const REUSES = 23; // [reuse]
export const RESPONSES_OTHER = 24; // [hrsp_other]
export const RESPONSES_1XX = 25; // …24 + class, see countResponse
export const RESPONSES_2XX = 26;
export const RESPONSES_3XX = 27;
export const RESPONSES_4XX = 28;
export const RESPONSES_5XX = 29;
export const LAST_SESSION_MS = 30; // Clock.nowMs of the last session, 0 never; gathered as a maximum [lastsess]
export const QUEUE_MS_MAX = 31; // longest seen; maxima too [qtime_max]
export const CONNECT_MS_MAX = 32;
export const RESPONSE_MS_MAX = 33;
export const TOTAL_MS_MAX = 34;
const FIRST_MAXIMUM = LAST_SESSION_MS;
const LAST_MAXIMUM = TOTAL_MS_MAX;
const QUEUE_MS_SUM = 35; // sliding sums over the last TIME_SAMPLE_COUNT streams, see addTimes
const CONNECT_MS_SUM = 36;
const RESPONSE_MS_SUM = 37;
const TOTAL_MS_SUM = 38;
const TIME_SAMPLES = 39;

// Rates: four cells each. Numbers are the first cell, so they serve as names.
export const CONNECTION_RATE = 40;
export const SESSION_RATE = 44;
export const REQUEST_RATE = 48;
const RATE_TICK_MS = 0; // start of the running second
const RATE_CURRENT = 1; // events in it
const RATE_PREVIOUS = 2; // events in the second before
const RATE_MAX = 3; // highest rate over all threads that this thread has seen
const RATE_CELLS = 4;
const LAST_RATE = REQUEST_RATE;

// Of REQ_OUT_BYTES and RES_OUT_BYTES, what went through a pipe.
export const REQ_SPLICED_BYTES = 52;
export const RES_SPLICED_BYTES = 53;
export const LOG_LINES = 54; // written in a custom format (%lc)
const FIELD_COUNT = 55;
const ROW_CELLS = 56; // a multiple of 8: no two threads' rows share a cache line

const RATE_PERIOD_MS = 1000;
const TIME_SAMPLE_COUNT = 512;

const HEADER_SERVER_COUNT = 0;
const HEADER_PROXY_COUNT = 1;
const HEADER_THREAD_COUNT = 2;
const HEADER_CELLS = 8;

/** What the supervisor shows of one row, over all threads. */
export interface CounterSums {
  fields: Float64Array; // indexed by the field names above
  queueMsAverage: number; // over about the last 512 streams of each thread
  connectMsAverage: number;
  responseMsAverage: number;
  totalMsAverage: number;
}

export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly cells: Float64Array;
  readonly serverCount: number;
  readonly proxyCount: number;
  readonly threadCount: number;
  readonly rowCount: number;
  private readonly ownOffset: number; // −1 in the supervisor, which counts nothing

  /** Attaches. `threadIndex` is the proxy thread's own, or −1 for one that only reads. */
  constructor(buffer: SharedArrayBuffer, threadIndex: number) {
    this.buffer = buffer;
    this.cells = new Float64Array(buffer);
    this.serverCount = this.cells[HEADER_SERVER_COUNT]!;
    this.proxyCount = this.cells[HEADER_PROXY_COUNT]!;
    this.threadCount = this.cells[HEADER_THREAD_COUNT]!;
    this.rowCount = this.serverCount + 2 * this.proxyCount + 1;
    assert(threadIndex >= -1 && threadIndex < this.threadCount, 'thread index is outside the table');
    this.ownOffset = threadIndex < 0 ? -1 : this.threadOffset(threadIndex);
  }

  static create(model: Pick<Model, 'serverCount' | 'proxies'>, threadCount: number): Counters {
    assert(threadCount >= 1 && threadCount <= THREAD_COUNT_MAX, 'thread count out of range');
    const rowCount = model.serverCount + 2 * model.proxies.length + 1;
    const cells = new Float64Array(new SharedArrayBuffer((HEADER_CELLS + threadCount * rowCount * ROW_CELLS) * 8));
    cells[HEADER_SERVER_COUNT] = model.serverCount;
    cells[HEADER_PROXY_COUNT] = model.proxies.length;
    cells[HEADER_THREAD_COUNT] = threadCount;
    return new Counters(cells.buffer as SharedArrayBuffer, -1);
  }

  server(serverIndex: number): number {
    return serverIndex;
  }

  frontend(proxyIndex: number): number {
    return this.serverCount + proxyIndex;
  }

  backend(proxyIndex: number): number {
    return this.serverCount + this.proxyCount + proxyIndex;
  }

  process(): number {
    return this.serverCount + 2 * this.proxyCount;
  }

  /** Where this thread's cells of a row begin in `cells`; may be kept, it never changes. */
  at(row: number): number {
    assert(row >= 0 && row < this.rowCount, 'counter row is outside the table');
    assert(this.ownOffset >= 0, 'only a proxy thread may count');
    return this.ownOffset + row * ROW_CELLS;
  }

  add(row: number, field: number, by: number): void {
    assert((field >= 0 && field < FIRST_MAXIMUM) || field >= REQ_SPLICED_BYTES, 'not a field to add to');
    this.cells[this.at(row) + field]! += by;
  }

  /** By status class; anything but 100–599 counts as other. */
  countResponse(row: number, status: number): void {
    const statusClass = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
    this.cells[this.at(row) + RESPONSES_OTHER + statusClass]! += 1;
  }

  /** Once a finished stream: the log's Tw, Tc, Tr and Tt in ms; a phase never reached (−1) counts as 0. */
  addTimes(row: number, queueMs: number, connectMs: number, responseMs: number, totalMs: number): void {
    const at = this.at(row);
    const cells = this.cells;
    // Filling at first, then each new sample pushes out the average one.
    const full = cells[at + TIME_SAMPLES]! >= TIME_SAMPLE_COUNT;
    if (!full) cells[at + TIME_SAMPLES]! += 1;
    const fade = full ? 1 - 1 / TIME_SAMPLE_COUNT : 1;
    addTime(cells, at + QUEUE_MS_SUM, at + QUEUE_MS_MAX, queueMs, fade);
    addTime(cells, at + CONNECT_MS_SUM, at + CONNECT_MS_MAX, connectMs, fade);
    addTime(cells, at + RESPONSE_MS_SUM, at + RESPONSE_MS_MAX, responseMs, fade);
    addTime(cells, at + TOTAL_MS_SUM, at + TOTAL_MS_MAX, totalMs, fade);
  }

  /** One event of a rate (CONNECTION_RATE, SESSION_RATE, REQUEST_RATE); SESSION_RATE also dates the last session. */
  countRate(row: number, rate: number, nowMs: number): void {
    const cells = this.cells;
    const cell = this.at(row) + rate;
    if (rate === SESSION_RATE) cells[this.at(row) + LAST_SESSION_MS] = nowMs;
    if (nowMs - cells[cell + RATE_TICK_MS]! >= RATE_PERIOD_MS) this.rotateRate(row, rate, nowMs);
    cells[cell + RATE_CURRENT]! += 1;
  }

  /** This thread's events per second: the running second and the fitting part of the one before. */
  ownRate(row: number, rate: number, nowMs: number): number {
    return rateOf(this.cells, this.at(row) + rate, nowMs);
  }

  /** Events per second over all threads. */
  totalRate(row: number, rate: number, nowMs: number): number {
    let sum = 0;
    for (let threadIndex = 0; threadIndex < this.threadCount; threadIndex++) {
      sum += rateOf(this.cells, this.threadOffset(threadIndex) + row * ROW_CELLS + rate, nowMs);
    }
    return sum;
  }

  /** The highest rate seen; threads compare once a second each, so a burst shorter than that may be missed. */
  maxRate(row: number, rate: number, nowMs: number): number {
    let max = this.totalRate(row, rate, nowMs);
    for (let threadIndex = 0; threadIndex < this.threadCount; threadIndex++) {
      max = Math.max(max, this.cells[this.threadOffset(threadIndex) + row * ROW_CELLS + rate + RATE_MAX]!);
    }
    return max;
  }

  /** One field over all threads. */
  sum(row: number, field: number): number {
    let sum = 0;
    const isMaximum = field >= FIRST_MAXIMUM && field <= LAST_MAXIMUM;
    for (let threadIndex = 0; threadIndex < this.threadCount; threadIndex++) {
      const value = this.cells[this.threadOffset(threadIndex) + row * ROW_CELLS + field]!;
      sum = isMaximum ? Math.max(sum, value) : sum + value;
    }
    return sum;
  }

  /** A whole row over all threads; for the supervisor, it allocates. */
  gather(row: number): CounterSums {
    assert(row >= 0 && row < this.rowCount, 'counter row is outside the table');
    const fields = new Float64Array(QUEUE_MS_SUM);
    for (let field = 0; field < QUEUE_MS_SUM; field++) fields[field] = this.sum(row, field);
    const samples = Math.max(1, this.sum(row, TIME_SAMPLES));
    return {
      fields,
      queueMsAverage: this.sum(row, QUEUE_MS_SUM) / samples,
      connectMsAverage: this.sum(row, CONNECT_MS_SUM) / samples,
      responseMsAverage: this.sum(row, RESPONSE_MS_SUM) / samples,
      totalMsAverage: this.sum(row, TOTAL_MS_SUM) / samples,
    };
  }

  /** `clear counters`: this thread's maxima begin anew, with `all` everything but the running second of its rates. */
  clearOwn(all: boolean): void {
    for (let row = 0; row < this.rowCount; row++) {
      const at = this.at(row);
      const first = all ? 0 : QUEUE_MS_MAX;
      const end = all ? CONNECTION_RATE : LAST_MAXIMUM + 1;
      this.cells.fill(0, at + first, at + end);
      for (let rate = CONNECTION_RATE; rate <= LAST_RATE; rate += RATE_CELLS) this.cells[at + rate + RATE_MAX] = 0;
      if (all) this.cells.fill(0, at + REQ_SPLICED_BYTES, at + FIELD_COUNT);
    }
  }

  private rotateRate(row: number, rate: number, nowMs: number): void {
    const cells = this.cells;
    const cell = this.at(row) + rate;
    const total = this.totalRate(row, rate, nowMs);
    if (total > cells[cell + RATE_MAX]!) cells[cell + RATE_MAX] = total;
    const nextTickMs = cells[cell + RATE_TICK_MS]! + RATE_PERIOD_MS;
    const missedOne = nowMs - nextTickMs >= RATE_PERIOD_MS;
    cells[cell + RATE_PREVIOUS] = missedOne ? 0 : cells[cell + RATE_CURRENT]!;
    cells[cell + RATE_TICK_MS] = missedOne ? nowMs : nextTickMs;
    cells[cell + RATE_CURRENT] = 0;
  }

  private threadOffset(threadIndex: number): number {
    return HEADER_CELLS + threadIndex * this.rowCount * ROW_CELLS;
  }
}

function addTime(cells: Float64Array, sumCell: number, maxCell: number, ms: number, fade: number): void {
  const counted = Math.max(ms, 0);
  cells[sumCell] = cells[sumCell]! * fade + counted;
  if (counted > cells[maxCell]!) cells[maxCell] = counted;
}

// As HAProxy's sliding-second counters: the events of the running second plus the part of the previous second
// that still lies within one second before now. A lone old event counts fully until its second is over, so that
// rates below one per second do not flicker.
function rateOf(cells: Float64Array, cell: number, nowMs: number): number {
  let current = cells[cell + RATE_CURRENT]!;
  let previous = cells[cell + RATE_PREVIOUS]!;
  let leftMs = cells[cell + RATE_TICK_MS]! + RATE_PERIOD_MS - nowMs;
  if (leftMs < 0) {
    leftMs += RATE_PERIOD_MS;
    previous = leftMs >= 0 ? current : 0;
    current = 0;
  }
  if (current === 0 && previous <= 1) return previous;
  return Math.floor((previous * leftMs) / RATE_PERIOD_MS) + current;
}

assert(LAST_RATE + RATE_CELLS === REQ_SPLICED_BYTES && FIELD_COUNT <= ROW_CELLS, 'counter fields do not fit their row');
