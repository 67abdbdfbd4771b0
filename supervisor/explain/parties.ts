// The client's connection, the stream and the host of its rules, as weir explain stands them in for core/proxy's: what
// fetches read and what actions do to them is the same, no socket is behind.

import type { Proxy } from '../../core/model/proxy.ts';
import type { RuleHost, TimeoutName } from '../../core/rules/contract.ts';
import { CapturePool } from '../../core/sample/captures.ts';
import { LogRecord } from '../../core/sample/log-record.ts';
import type { AddressView, CaptureStore, ConnectionView, StreamView, TrackedView } from '../../core/sample/subject.ts';
import { countEvent } from '../../core/sample/table-reads.ts';
import { NO_BYTES } from '../../core/sample/types.ts';
import type { StickTable } from '../../core/tables/stick-table.ts';
import type { ChangeReport } from './explanation.ts';

/** tune.stick-counters is never larger. */
const COUNTERS_MAX = 100;

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function makeConnection(
  from: AddressView,
  to: AddressView,
  proxyIndex: number,
  bindIndex: number,
  nowMs: number,
  nowWallMs: number,
): ConnectionView {
  return {
    slot: 0,
    fd: -1,
    bindIndex,
    sinceMs: nowMs,
    sinceWallMs: nowWallMs,
    requestCount: 0,
    proxyTlvs: null,
    errno: 0,
    frontend: { proxy: { index: proxyIndex } },
    listener: { current: 1 },
    isHandshaking: false,
    receivedProxy: false,
    failure: 0,
    glitchCount: 0,
    handshakeMs: 0,
    sourceFamily: from.family,
    sourcePort: from.port,
    source0: from.word0,
    source1: from.word1,
    source2: from.word2,
    source3: from.word3,
    targetFamily: to.family,
    targetPort: to.port,
    target0: to.word0,
    target1: to.word1,
    target2: to.word2,
    target3: to.word3,
  };
}

/** A stream that has just begun. */
export class ExplainStream implements StreamView {
  http: boolean;
  requestFlags = 0;
  method = 0;
  startedMs: number;
  readonly log: LogRecord;
  readonly frontendIndex: number;
  backendIndex = -1;
  serverIndex = -1;
  retriesLeft = 0;
  reusedBack = false;
  tracked: TrackedView | null = null;
  requestBytes = 0;
  responseBytes = 0;
  requestBytesSent = 0;
  responseBytesSent = 0;
  clientTimeoutMs: number;
  serverTimeoutMs = 0;
  connectTimeoutMs = 0;
  queueTimeoutMs = 0;
  tarpitTimeoutMs: number;
  tunnelTimeoutMs = 0;
  readonly rule = { priorityClass: 0, priorityOffsetMs: 0 };
  id32 = 0;
  sourceSet: AddressView | null = null;
  targetSet: AddressView | null = null;
  readonly requestCaptures: CaptureStore | null;
  readonly responseCaptures: CaptureStore | null;
  readonly requestCapturePool: CapturePool;
  readonly responseCapturePool: CapturePool;
  readonly uniqueId = { bytes: NO_BYTES, length: -1 };
  private readonly timeoutsSet = new Set<TimeoutName>();

  constructor(frontend: Proxy, nowMs: number, nowWallMs: number, lineBytesMax: number) {
    this.http = frontend.mode === 'http';
    this.startedMs = nowMs;
    this.log = new LogRecord(lineBytesMax);
    this.log.frontendIndex = frontend.index;
    this.log.backendIndex = frontend.index;
    this.log.acceptDateMs = nowWallMs;
    this.frontendIndex = frontend.index;
    this.clientTimeoutMs = frontend.timeouts.client;
    this.tarpitTimeoutMs = frontend.timeouts.tarpit;
    this.requestCapturePool = new CapturePool(frontend.requestCaptures);
    this.responseCapturePool = new CapturePool(frontend.responseCaptures);
    this.requestCaptures = this.requestCapturePool.isEmpty ? null : this.requestCapturePool.take();
    this.responseCaptures = this.responseCapturePool.isEmpty ? null : this.responseCapturePool.take();
  }

  /** The backend's timeouts count from now on, except where a rule has set others. */
  enterBackend(backend: Proxy): void {
    const { server, tunnel, connect, queue, tarpit } = backend.timeouts;
    this.backendIndex = backend.index;
    this.log.backendIndex = backend.index;
    this.retriesLeft = backend.retries;
    if (!this.timeoutsSet.has('server')) this.serverTimeoutMs = server;
    if (!this.timeoutsSet.has('tunnel')) this.tunnelTimeoutMs = tunnel;
    if (!this.timeoutsSet.has('connect')) this.connectTimeoutMs = connect;
    if (!this.timeoutsSet.has('queue')) this.queueTimeoutMs = queue || connect;
    if (!this.timeoutsSet.has('tarpit') && tarpit !== 0) this.tarpitTimeoutMs = tarpit;
  }

  setTimeout(which: TimeoutName, ms: number): void {
    this.timeoutsSet.add(which);
    this[`${which}TimeoutMs`] = ms;
  }
}

/** Takes down what actions ask of the proxy; Walk gives it the stream. */
export class ExplainHost implements RuleHost {
  stream: ExplainStream | null = null; // null while a connection's own rules run
  front: Mutable<ConnectionView> | null = null;
  tables: readonly StickTable[] = [];
  closesFront = false;
  closesBack = false;
  expectsProxy = false;
  switchesToHttp = false;
  readonly asked: ChangeReport[] = []; // of the rule at hand

  private note(kind: ChangeReport['kind'], name: string, after: string | null): void {
    this.asked.push({ kind, name, before: null, after });
  }

  isTracking(ofConnection: boolean, counter: number): boolean {
    const tracked = (ofConnection ? this.front : this.stream)?.tracked ?? null;
    return tracked !== null && tracked.tables[counter]! >= 0;
  }

  // As core/proxy does: the connection is counted, and the request that was there before this counter.
  startTracking(ofConnection: boolean, counter: number, tableIndex: number, entry: number): void {
    const holder = ofConnection ? this.front : this.stream;
    const table = this.tables[tableIndex]!;
    if (holder === null) return;
    holder.tracked ??= {
      tables: new Int32Array(COUNTERS_MAX).fill(-1),
      entries: new Int32Array(COUNTERS_MAX).fill(-1),
    };
    holder.tracked.tables[counter] = tableIndex;
    holder.tracked.entries[counter] = entry;
    const current = table.column('conn_cur');
    if (current >= 0) table.add(entry, current, 1);
    countEvent(table, entry, 'conn_cnt', null, 0, 1, 0);
    if (!ofConnection && this.stream?.http === true) countEvent(table, entry, 'http_req_cnt', null, 0, 1, 0);
    this.note('stream', `track-sc${counter}`, `table ${table.model.name}`);
  }

  setTimeout(which: TimeoutName, ms: number): void {
    this.stream?.setTimeout(which, ms);
    this.note('timeout', which, `${ms}ms`);
  }

  setRetries(count: number): void {
    if (this.stream !== null) this.stream.retriesLeft = count;
    this.note('stream', 'retries', String(count));
  }

  setMark(ofFront: boolean, mark: number): void {
    this.note('connection', `${ofFront ? 'client' : 'server'} mark`, String(mark));
  }

  setTos(ofFront: boolean, tos: number): void {
    this.note('connection', `${ofFront ? 'client' : 'server'} tos`, String(tos));
  }

  setPriorityClass(value: number): void {
    if (this.stream !== null) this.stream.rule.priorityClass = value;
    this.note('stream', 'priority-class', String(value));
  }

  setPriorityOffsetMs(value: number): void {
    if (this.stream !== null) this.stream.rule.priorityOffsetMs = value;
    this.note('stream', 'priority-offset', String(value));
  }

  setLogLevel(level: number): void {
    if (this.stream !== null) this.stream.log.level = level;
    this.note('log', 'level', LEVELS[level] ?? 'silent');
  }

  disableL7Retry(): void {
    this.note('stream', 'retries after the request was sent', 'off');
  }

  sendInterim(bytes: Uint8Array, offset: number, length: number): void {
    const text = Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
    this.note('interim', '', text.trimEnd().replaceAll('\r\n', ' | '));
  }

  logNow(place: string): void {
    this.note('log', 'a line now', place);
  }

  rewriteFailed(): void {
    this.note('stream', 'rewrite', 'failed');
  }

  closeFront(): void {
    this.closesFront = true;
    this.note('connection', 'client', 'closes after the response');
  }

  closeBack(): void {
    this.closesBack = true;
    this.note('connection', 'server', 'closes now');
  }

  expectProxy(): void {
    this.expectsProxy = true;
    this.note('connection', 'client', 'a PROXY header is expected first');
  }

  switchToHttp(): void {
    this.switchesToHttp = true;
    this.note('stream', 'mode', 'http');
  }
}

const LEVELS: readonly string[] = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];
