// What rules may do to the stream at hand, besides changing its message (core/rules/contract.ts, RuleHost).

import { assert } from '../base/assert.ts';
import { NO_BUFFER } from '../io/engine.ts';
import { setSocketMark, setSocketTos } from '../io/net.ts';
import { letterCode } from '../observe/names.ts';
import type { RuleHost, TimeoutName } from '../rules/contract.ts';
import { ORIGIN_TCP_CONNECTION, ORIGIN_TCP_SESSION } from '../sample/log-origin.ts';
import { LogRecord, MARK_NONE } from '../sample/log-record.ts';
import * as counters from '../shared/counters.ts';
import { type Connection, FRONT_PROXY_HEADER } from './connection.ts';
import { fillAddresses } from './endpoints.ts';
import { fillLoads } from './loads.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';
import { countOne, isErrorStatus, isFailStatus, startTracking } from './tracked.ts';

const PRIORITY_CLASS_MAX = 2047;
const PRIORITY_OFFSET_MS_MAX = 524_287;

export class StreamHost implements RuleHost {
  private readonly thread: ProxyThread;
  stream: Stream | null = null; // null while a connection's own rules run
  front: Connection | null = null;
  isSession = false; // of a connection's own rules: those of its session
  private readonly record = new LogRecord(0); // of a connection that logs

  constructor(thread: ProxyThread) {
    this.thread = thread;
  }

  setTimeout(which: TimeoutName, ms: number): void {
    const stream = this.stream;
    if (stream === null) return;
    switch (which) {
      case 'client':
        stream.clientTimeoutMs = ms;
        break;
      case 'server':
        stream.serverTimeoutMs = ms;
        break;
      case 'connect':
        stream.connectTimeoutMs = ms;
        break;
      case 'queue':
        stream.queueTimeoutMs = ms;
        break;
      case 'tarpit':
        stream.tarpitTimeoutMs = ms;
        break;
      case 'tunnel':
        stream.tunnelTimeoutMs = ms;
        break;
    }
    stream.timeoutsSet |= TIMEOUT_BITS[which];
  }

  setRetries(count: number): void {
    if (this.stream !== null) {
      this.stream.retriesLeft = count;
      this.stream.retriesMax = count;
    }
  }

  setMark(ofFront: boolean, mark: number): void {
    if (ofFront) setSocketMark(this.clientFd(), mark);
    else if (this.stream !== null) this.stream.rule.backMark = mark;
  }

  setTos(ofFront: boolean, tos: number): void {
    const front = this.front ?? this.stream?.front ?? null;
    if (ofFront && front !== null) setSocketTos(front.fd, front.sourceFamily, tos);
    else if (this.stream !== null) this.stream.rule.backTos = tos;
  }

  setPriorityClass(value: number): void {
    if (this.stream === null) return;
    this.stream.rule.priorityClass = Math.max(-PRIORITY_CLASS_MAX - 1, Math.min(PRIORITY_CLASS_MAX, value));
  }

  setPriorityOffsetMs(value: number): void {
    if (this.stream === null) return;
    this.stream.rule.priorityOffsetMs = Math.max(-PRIORITY_OFFSET_MS_MAX, Math.min(PRIORITY_OFFSET_MS_MAX, value));
  }

  setLogLevel(level: number): void {
    if (this.stream !== null) this.stream.log.level = level;
  }

  disableL7Retry(): void {
    // Requests are only tried again before a byte of them was sent: there is no such retry to disable.
  }

  sendInterim(bytes: Uint8Array, offset: number, length: number): void {
    const { thread } = this;
    const front = this.stream?.front ?? null;
    const bufferId = front === null ? NO_BUFFER : thread.buffers.take();
    if (front === null || bufferId === NO_BUFFER) return;
    const at = thread.buffers.dataOffset(bufferId);
    for (let index = 0; index < length; index++) thread.bytes[at + index] = bytes[offset + index]!;
    thread.send(front, bufferId, at, length);
  }

  logNow(): void {
    const stream = this.stream;
    if (stream === null) {
      if (this.front !== null) this.logConnection(this.front);
      return;
    }
    const { log } = stream;
    const { customLog, logger } = stream.frontend!;
    const { markRequest, status, bytesUploaded, bytesRead } = log;
    // As HAProxy has it in the middle of the rules: the request's time counts when they are done, bytes at the end, and no
    // status is known before the response.
    if (!stream.rule.responding) log.markRequest = MARK_NONE;
    if (stream.http && status === 0) log.status = -1;
    log.bytesUploaded = 0;
    log.bytesRead = 0;
    log.markClose = this.thread.clock.nowMs - stream.startedMs;
    fillLoads(this.thread, stream);
    if (customLog === null) logger.now(log);
    else customLog.now(stream);
    log.markRequest = markRequest;
    log.status = status;
    log.bytesUploaded = bytesUploaded;
    log.bytesRead = bytesRead;
    log.markClose = 0;
  }

  // There is no stream yet, which HAProxy logs as a refused one.
  private logConnection(front: Connection): void {
    const { thread, record } = this;
    const frontend = front.frontend!;
    if (!frontend.logger.active) return;
    record.reset();
    record.frontendIndex = frontend.proxy.index;
    record.backendIndex = frontend.proxy.index;
    record.acceptDateMs = front.sinceWallMs;
    record.id32 = thread.nextStreamId();
    record.markHandshake = this.isSession ? 0 : MARK_NONE;
    record.markIdle = 0;
    record.markClose = thread.clock.nowMs - front.sinceMs;
    record.setTermination(letterCode('P'), letterCode('R'));
    record.actconn = thread.load.current(thread.load.process());
    record.feconn = thread.load.current(frontend.loadRow);
    fillAddresses(thread, front, record);
    const origin = this.isSession ? ORIGIN_TCP_SESSION : ORIGIN_TCP_CONNECTION;
    if (frontend.customLog === null) frontend.logger.now(record);
    else frontend.customLog.nowOf(record, origin);
  }

  rewriteFailed(): void {
    const { stream, thread } = this;
    if (stream === null) return;
    const cells = thread.counters.cells;
    cells[stream.frontend!.counterAt + counters.FAILED_REWRITES]! += 1;
    if (stream.backend !== null) cells[stream.backend.counterAt + counters.FAILED_REWRITES]! += 1;
    if (stream.server !== null) cells[stream.server.counterAt + counters.FAILED_REWRITES]! += 1;
  }

  isTracking(ofConnection: boolean, counter: number): boolean {
    const holder = this.holder(ofConnection);
    return holder !== null && holder.tracked !== null && holder.tracked.tables[counter]! >= 0;
  }

  startTracking(ofConnection: boolean, counter: number, tableIndex: number, entry: number): void {
    const { thread, stream } = this;
    const holder = this.holder(ofConnection);
    assert(holder !== null, 'a rule tracks for a connection or a stream');
    startTracking(thread, holder, counter, tableIndex, entry);
    if (ofConnection || stream === null || !stream.http) return;
    // The request, and what its response said, were counted before this counter was there.
    countOne(thread, holder.tracked!, counter, 'http_req_cnt', 1);
    const { status } = stream.log;
    if (!stream.rule.responding) return;
    if (isErrorStatus(status)) countOne(thread, holder.tracked!, counter, 'http_err_cnt', 1);
    else if (isFailStatus(status)) countOne(thread, holder.tracked!, counter, 'http_fail_cnt', 1);
  }

  private holder(ofConnection: boolean): Connection | Stream | null {
    return ofConnection ? this.front : this.stream;
  }

  closeFront(): void {
    if (this.stream !== null) this.stream.closeFront = true;
  }

  closeBack(): void {
    if (this.stream !== null) this.stream.rule.closeBack = true;
  }

  expectProxy(): void {
    if (this.front !== null) this.front.phase = FRONT_PROXY_HEADER;
  }

  switchToHttp(): void {
    if (this.stream !== null) this.stream.rule.switchToHttp = true;
  }

  private clientFd(): number {
    return (this.front ?? this.stream!.front!).fd;
  }
}

/** Bits of Stream.timeoutsSet: what `set-timeout` said stays when a backend is chosen. */
export const TIMEOUT_BITS: Readonly<Record<TimeoutName, number>> = {
  client: 1,
  server: 2,
  tunnel: 4,
  connect: 8,
  queue: 16,
  tarpit: 32,
};
