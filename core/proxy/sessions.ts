// What the runtime API sees and ends of a thread's streams (management guide §9.3 "show sess", "shutdown session").
//
// Off the request path: called when an operator asks, so it may allocate. A stream is named by a number that tells
// thread, connection slot and which of its requests it is, so that a late "shutdown" never hits a successor.

import type { StreamReport, ThreadFigures } from '../model/worker-data.ts';
import { writeAddress } from './address-text.ts';
import { CONNECTION_OPEN, type Connection, SIDE_FRONT } from './connection.ts';
import { readSource, readTarget } from './endpoints.ts';
import { abortStream, setTermination } from './finish.ts';
import { phaseLetter } from './reply.ts';
import {
  PHASE_BODY,
  PHASE_CONNECT,
  PHASE_QUEUE,
  PHASE_REPLY,
  PHASE_RESPONSE,
  PHASE_TUNNEL,
  type Stream,
} from './stream.ts';
import type { ProxyThread } from './thread.ts';

const SLOT_SPAN = 2 ** 20;
const GENERATION_SPAN = 2 ** 14;
const REQUEST_SPAN = 2 ** 10;

const PHASE_NAMES: Readonly<Record<number, string>> = {
  [PHASE_QUEUE]: 'queue',
  [PHASE_CONNECT]: 'connect',
  [PHASE_RESPONSE]: 'response',
  [PHASE_BODY]: 'body',
  [PHASE_TUNNEL]: 'tunnel',
  [PHASE_REPLY]: 'reply',
};

/** Never 0, below 2^51; unique among the threads as long as the stream lives. */
function streamId(thread: ProxyThread, front: Connection): number {
  let id = thread.threadIndex + 1;
  id = id * SLOT_SPAN + (front.slot % SLOT_SPAN);
  id = id * GENERATION_SPAN + (front.generation % GENERATION_SPAN);
  return id * REQUEST_SPAN + (front.requestCount % REQUEST_SPAN);
}

/** Client connections that have a stream just now. The list is a copy: streams may end while it is walked. */
function busyFronts(thread: ProxyThread): Connection[] {
  return thread.connections.filter(
    (each) => each.state === CONNECTION_OPEN && each.side === SIDE_FRONT && each.stream !== null,
  );
}

export function listStreams(thread: ProxyThread): StreamReport[] {
  return busyFronts(thread).map((front) => report(thread, front, front.stream!));
}

function report(thread: ProxyThread, front: Connection, stream: Stream): StreamReport {
  if (front.sourceFamily === 0) readSource(front);
  if (front.targetFamily === 0) readTarget(front);
  const { log, back } = stream;
  return {
    id: streamId(thread, front),
    proxyIndex: front.frontend!.proxy.index,
    bindIndex: front.bindIndex,
    backendIndex: stream.backend === null ? -1 : stream.backend.proxy.index,
    serverIndex: stream.server === null ? -1 : stream.server.index,
    source: sourceText(thread, front),
    target: targetText(thread, front),
    ageMs: Math.max(0, thread.clock.nowMs - stream.startedMs),
    phase: PHASE_NAMES[stream.phase] ?? 'request',
    isHttp: stream.http,
    requestLine: latin1(log.requestLine, 0, log.requestLineLength),
    frontFd: front.fd,
    backFd: back === null ? -1 : back.fd,
    frontLeftMs: timeLeft(thread, front),
    backLeftMs: back === null ? -1 : timeLeft(thread, back),
    bytesIn: log.bytesUploaded,
    bytesOut: log.bytesRead,
    waitingToSendFront: front.outBytes,
    waitingToSendBack: back === null ? 0 : back.outBytes,
    retries: log.retries,
  };
}

function timeLeft(thread: ProxyThread, connection: Connection): number {
  return connection.deadlineMs === 0 ? -1 : Math.max(0, connection.deadlineMs - thread.clock.nowMs);
}

function sourceText(thread: ProxyThread, front: Connection): string {
  const { sourceFamily, sourcePort, source0, source1, source2, source3 } = front;
  if (sourceFamily === 0) return '';
  const isUnix = front.frontend!.proxy.binds[front.bindIndex]!.address.family === 'unix';
  if (isUnix) return `unix:${front.frontend!.proxy.binds[front.bindIndex]!.id}`;
  return `${addressText(thread, sourceFamily, source0, source1, source2, source3)}:${sourcePort}`;
}

function targetText(thread: ProxyThread, front: Connection): string {
  const { targetFamily, targetPort, target0, target1, target2, target3 } = front;
  if (targetFamily === 0 || front.frontend!.proxy.binds[front.bindIndex]!.address.family === 'unix') return '';
  return `${addressText(thread, targetFamily, target0, target1, target2, target3)}:${targetPort}`;
}

function addressText(thread: ProxyThread, family: number, w0: number, w1: number, w2: number, w3: number): string {
  const at = thread.editOffset;
  return latin1(thread.bytes, at, writeAddress(thread.bytes, at, family, w0, w1, w2, w3));
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

/** Ends the stream of that name as the log's 'K' says it: killed by the operator. False: it is not here (any more). */
export function killStream(thread: ProxyThread, id: number): boolean {
  for (const front of busyFronts(thread)) {
    if (streamId(thread, front) !== id) continue;
    kill(thread, front.stream!);
    return true;
  }
  return false;
}

/** Ends every stream that holds a place on the server. */
export function killServerStreams(thread: ProxyThread, serverIndex: number): void {
  for (const front of busyFronts(thread)) {
    const stream = front.stream;
    if (stream !== null && stream.server !== null && stream.server.index === serverIndex) kill(thread, stream);
  }
}

function kill(thread: ProxyThread, stream: Stream): void {
  setTermination(stream, 'K', phaseLetter(stream));
  abortStream(thread, stream);
}

/** This thread's part of `show info`, `show stat` and `show servers conn`. */
export function threadFigures(thread: ProxyThread, droppedLogs: number): ThreadFigures {
  const servers: ThreadFigures['servers'] = [];
  for (const backend of thread.backends) {
    if (backend === null) continue;
    for (const server of backend.servers) {
      let safe = 0;
      for (let idle = server.safeFirst; idle !== null; idle = idle.idleNext) safe++;
      servers[server.index] = {
        unproven: server.idleCount - safe,
        safe,
        priv: 0,
        used: server.usedCount,
        usedMax: server.usedCountMax,
        needed: server.neededCount,
      };
    }
  }
  let pipesUsed = 0;
  for (const front of thread.connections) {
    if (front.state !== CONNECTION_OPEN || front.side !== SIDE_FRONT) continue;
    for (let own = front.privateFirst; own !== null; own = own.idleNext) servers[own.server!.index]!.priv++;
    if (front.stream === null) continue;
    if (front.stream.bulkDown.readFd >= 0) pipesUsed++;
    if (front.stream.bulkUp.readFd >= 0) pipesUsed++;
  }
  return { streamCount: thread.streamCount, droppedLogs, pipesUsed, pipesFree: thread.pipes.idleCount, servers };
}
