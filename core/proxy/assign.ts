// Choose the server: balance, wait for a place, reuse a connection or make one, retry when that fails
// (manual §4.2 "balance", "retries", "option redispatch"; §5.2 "maxconn", "maxqueue").

import { AVOID_NONE, PICK_FULL, PICK_NONE } from '../balance/contract.ts';
import { hashSource } from '../balance/hash.ts';
import { assert } from '../base/assert.ts';
import { NO_BUFFER } from '../io/engine.ts';
import {
  AF_INET,
  AF_INET6,
  bindSource,
  openStreamSocket,
  setKeepalive,
  setNoLinger,
  setSocketMark,
  setSocketTos,
  setUserTimeout,
} from '../io/net.ts';
import type { TerminationCause, TerminationPhase } from '../observe/names.ts';
import * as counters from '../shared/counters.ts';
import { countChosen } from './account.ts';
import { type Connection, OP_BITS, OP_CONNECT, SIDE_BACK } from './connection.ts';
import { type Ends, endsOf } from './endpoints.ts';
import { setTermination } from './finish.ts';
import { fillLoads } from './loads.ts';
import { startUsing, stopUsing, takeIdle } from './pool.ts';
import { writeProxyHeader } from './proxy-out.ts';
import { acquirePlace, joinQueue, leaveQueue, queueLength, releasePlace } from './queue.ts';
import { closeSilently, replyStatus } from './reply.ts';
import type { Backend, ServerLink, SourceBind } from './runtime.ts';
import { PHASE_CONNECT, PHASE_RESPONSE, PHASE_TUNNEL, type Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';
import { beginInspection, refreshDeadlines } from './tunnel.ts';

/** Longest pause before the same server is tried again; `timeout connect` may be shorter. */
const RETRY_PAUSE_MS_MAX = 1_000;

/** The stream has its backend: finds it a server, a queue, or the answer 503. */
export function assignServer(thread: ProxyThread, stream: Stream): void {
  const backend = stream.backend;
  if (backend === null || backend.balancer === null) {
    failStream(thread, stream, 503, 'S', 'C');
    return;
  }
  if (stream.rule.forcedServer >= 0 && useForced(thread, stream, backend)) return;
  if (backend.balancer.needsSourceHash && stream.hash < 0) stream.hash = sourceHash(thread, stream);
  const position = backend.balancer.pick(stream.hash, stream.avoidPosition);
  if (position === PICK_NONE) {
    failStream(thread, stream, 503, 'S', 'C');
    return;
  }
  if (position === PICK_FULL) {
    waitForPlace(thread, stream, backend, null);
    return;
  }
  const server = backend.servers[position]!;
  // Whoever waits here already comes first.
  const queue = backend.balancer.hashes ? server : backend;
  if (queue.waitingFirst === null && acquirePlace(thread, stream, server)) {
    useServer(thread, stream);
    return;
  }
  const maxqueue = server.model.maxqueue;
  if (maxqueue > 0 && queueLength(thread, server.loadRow) >= maxqueue) {
    failStream(thread, stream, 503, 'S', 'Q');
    return;
  }
  waitForPlace(thread, stream, backend, backend.balancer.hashes ? server : null);
}

// `use-server` (manual §4.2) counts for the first attempt, as long as its server can be used. False: balance.
function useForced(thread: ProxyThread, stream: Stream, backend: Backend): boolean {
  const server = backend.servers.find((each) => each.index === stream.rule.forcedServer);
  stream.rule.forcedServer = -1;
  if (server === undefined || !thread.words.running(server.index)) return false;
  if (server.waitingFirst === null && acquirePlace(thread, stream, server)) useServer(thread, stream);
  else waitForPlace(thread, stream, backend, server);
  return true;
}

/** The stream holds a place on `stream.server`: from the queue, or at once. */
export function useServer(thread: ProxyThread, stream: Stream): void {
  const server = stream.server;
  assert(server !== null, 'a stream connects to the server it holds a place on');
  const log = stream.log;
  stream.granted = false;
  if (log.serverIndex >= 0 && log.serverIndex !== server.index) {
    log.redispatched = true;
    thread.counters.cells[server.backend.counterAt + counters.REDISPATCHES]! += 1;
    thread.counters.cells[thread.counters.at(thread.counters.server(log.serverIndex)) + counters.REDISPATCHES]! += 1;
  } else if (stream.avoidPosition === server.position) {
    // Another one was looked for, and there was none, or the hash allows none.
    countRetry(thread, server);
  }
  const isChosen = log.serverIndex !== server.index;
  log.serverIndex = server.index;
  log.markQueue = thread.clock.nowMs - stream.startedMs;
  log.srvConn = thread.load.current(server.loadRow) - 1; // the others; logged when the connection fails
  thread.counters.cells[server.counterAt + counters.SESSIONS]! += 1;
  countChosen(thread, server, isChosen);
  const front = stream.front!;
  if (stream.http && !tellsOwnAddresses(stream, server)) {
    const mappedPort = server.portFromClient ? mappedPortOf(stream, server) : 0;
    const idle = takeIdle(server, front, server.backend.proxy.httpReuse, stream.notFirst, mappedPort);
    if (idle !== null) {
      stream.reusedBack = true;
      thread.counters.cells[server.counterAt + counters.REUSES]! += 1;
      attachBack(stream, idle);
      log.markConnect = thread.clock.nowMs - stream.startedMs;
      sendRequest(thread, stream);
      return;
    }
  }
  connect(thread, stream, server);
}

// A PROXY header with addresses that rules gave to this request.
function tellsOwnAddresses({ sourceSet, targetSet }: Stream, server: ServerLink): boolean {
  return server.model.sendProxy !== 'none' && (sourceSet !== null || targetSet !== null);
}

// The port the client came to, plus the server's offset.
function mappedPortOf(stream: Stream, server: ServerLink): number {
  return (endsOf(stream).targetPort + server.model.portOffset) & 0xffff;
}

function waitForPlace(thread: ProxyThread, stream: Stream, backend: Backend, server: ServerLink | null): void {
  joinQueue(thread, stream, backend, server);
  if (takeLatePlace(thread, stream, backend, server)) return;
  // As HAProxy: the stream itself counts.
  if (server === null) stream.log.backendQueue = queueLength(thread, backend.loadRow);
  else stream.log.srvQueue = queueLength(thread, server.loadRow);
  thread.setDeadline(stream.front!, thread.after(stream.queueTimeoutMs));
}

// A place given back after our look and before joinQueue said that we wait woke nobody: look once more. Streams
// that waited before us had said so already.
function takeLatePlace(thread: ProxyThread, stream: Stream, backend: Backend, server: ServerLink | null): boolean {
  if ((server ?? backend).waitingFirst !== stream) return false;
  const position = server === null ? backend.balancer!.pick(stream.hash, stream.avoidPosition) : server.position;
  if (position < 0 || !acquirePlace(thread, stream, backend.servers[position]!)) return false;
  leaveQueue(thread, stream);
  useServer(thread, stream);
  return true;
}

function sourceHash(thread: ProxyThread, stream: Stream): number {
  const ends = endsOf(stream);
  if (ends.sourceFamily !== AF_INET && ends.sourceFamily !== AF_INET6) return -1;
  const at = thread.editOffset;
  const length = ends.sourceFamily === AF_INET ? 4 : 16;
  writeWords(thread.bytes, at, ends, length >> 2);
  return hashSource(thread.bytes, at, at + length, stream.backend!.proxy.hashType.avalanche);
}

function writeWords(bytes: Uint8Array, at: number, ends: Ends, wordCount: number): void {
  for (let index = 0; index < wordCount; index++) {
    const word = index === 0 ? ends.source0 : index === 1 ? ends.source1 : index === 2 ? ends.source2 : ends.source3;
    bytes[at + index * 4] = word >>> 24;
    bytes[at + index * 4 + 1] = (word >>> 16) & 255;
    bytes[at + index * 4 + 2] = (word >>> 8) & 255;
    bytes[at + index * 4 + 3] = word & 255;
  }
}

function connect(thread: ProxyThread, stream: Stream, server: ServerLink): void {
  const proxy = server.backend.proxy;
  stream.phase = PHASE_CONNECT;
  const fd = openStreamSocket(server.family);
  if (fd < 0 || fd >= thread.owners.fdCount) {
    // Out of fds, or of memory: HAProxy calls it a resource failure and does not retry.
    releasePlace(thread, stream);
    failStream(thread, stream, 503, 'R', 'C');
    return;
  }
  const inet = server.family === AF_INET || server.family === AF_INET6;
  if (inet && proxy.srvtcpka) setKeepalive(fd);
  if (inet && server.model.tcpUserTimeoutMs > 0) setUserTimeout(fd, server.model.tcpUserTimeoutMs);
  if (proxy.nolingerBack) setNoLinger(fd);
  if (stream.rule.backMark >= 0) setSocketMark(fd, stream.rule.backMark);
  if (stream.rule.backTos >= 0) setSocketTos(fd, server.family, stream.rule.backTos);
  const back = thread.openConnection(fd, SIDE_BACK);
  back.server = server;
  back.pinned = tellsOwnAddresses(stream, server);
  attachBack(stream, back);
  if (server.source !== null && !bindToSource(fd, server.source)) {
    connectFailed(thread, stream, 'S');
    return;
  }
  const sockaddrOffset = server.portFromClient ? mappedSockaddr(thread, stream, back, server) : server.sockaddrOffset;
  if (sockaddrOffset < 0) {
    connectFailed(thread, stream, 'S');
    return;
  }
  thread.counters.cells[server.counterAt + counters.CONNECTS]! += 1;
  back.connecting = true;
  back.inflightCount++;
  thread.setDeadline(back, thread.after(stream.connectTimeoutMs));
  thread.setDeadline(stream.front!, 0);
  const ticketLow = (back.slot << OP_BITS) | OP_CONNECT;
  thread.engine.connect(fd, sockaddrOffset, server.sockaddrLength, ticketLow, back.generation);
}

/** Ports of a source range that are tried before the attempt counts as failed. */
const SOURCE_PORTS_TRIED_MAX = 32;

function bindToSource(fd: number, source: SourceBind): boolean {
  const { sockaddr, portFirst, portCount } = source;
  for (let tries = Math.min(portCount, SOURCE_PORTS_TRIED_MAX); tries > 0; tries--) {
    if (portFirst !== 0) {
      const port = portFirst + source.portNext;
      source.portNext = (source.portNext + 1) % portCount;
      sockaddr[2] = port >> 8;
      sockaddr[3] = port & 255;
    }
    if (bindSource(fd, sockaddr, source.interfaceName) === 0) return true;
  }
  return false;
}

// The server's address with the port the client came to, plus the server's offset. It must stay until the
// connect is done, so it gets a slot, which the connection gives back with its head buffer.
function mappedSockaddr(thread: ProxyThread, stream: Stream, back: Connection, server: ServerLink): number {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) return -1;
  back.headBuffer = bufferId;
  const at = thread.buffers.dataOffset(bufferId);
  const bytes = thread.bytes;
  for (let index = 0; index < server.sockaddrLength; index++) bytes[at + index] = bytes[server.sockaddrOffset + index]!;
  const port = mappedPortOf(stream, server);
  back.mappedPort = port;
  bytes[at + 2] = port >> 8;
  bytes[at + 3] = port & 255;
  return at;
}

function attachBack(stream: Stream, back: Connection): void {
  assert(stream.back === null && back.stream === null, 'a stream has one server connection');
  stream.back = back;
  back.stream = stream;
  startUsing(back.server!);
}

/** The connection is there: the request goes out and the server's turn begins. */
export function connectDone(thread: ProxyThread, stream: Stream): void {
  const back = stream.back!;
  const server = back.server!;
  if (back.headBuffer !== NO_BUFFER) {
    thread.buffers.release(back.headBuffer);
    back.headBuffer = NO_BUFFER;
  }
  stream.log.markConnect = thread.clock.nowMs - stream.startedMs;
  if (server.model.sendProxy !== 'none' && !writeProxyHeader(thread, stream, back, server)) {
    failStream(thread, stream, 503, 'R', 'C');
    return;
  }
  sendRequest(thread, stream);
}

function sendRequest(thread: ProxyThread, stream: Stream): void {
  const back = stream.back!;
  const front = stream.front!;
  back.requestCount++;
  stream.spliceDown = thread.model.global.splice;
  stream.spliceUp = thread.model.global.splice && !stream.request.discards;
  stream.phase = stream.http ? PHASE_RESPONSE : PHASE_TUNNEL;
  if (stream.http && back.server!.sendsLong) back.recvSingly = true;
  thread.recvStart(back);
  if (stream.requestLength > 0) {
    const bufferId = stream.requestBuffer;
    stream.requestBuffer = NO_BUFFER;
    stream.requestSent = true;
    thread.send(back, bufferId, stream.requestOffset, stream.requestLength);
  }
  if (!stream.http) {
    const rules = stream.backend!.rules;
    if (rules !== null && rules.tcpResponseContent !== null) beginInspection(thread, stream);
    if (stream.frontend!.logsEarly) {
      const { customLog, logger } = stream.frontend!;
      fillLoads(thread, stream);
      if (customLog === null) logger.connected(stream.log);
      else customLog.connected(stream);
    }
    refreshDeadlines(thread, stream);
    thread.fronts.push(front);
    return;
  }
  thread.setDeadline(back, thread.after(stream.serverTimeoutMs));
  if (stream.request.done) thread.setDeadline(front, 0);
  else {
    thread.setDeadline(front, thread.after(stream.clientTimeoutMs));
    thread.fronts.push(front);
  }
}

/** The connection could not be made. `cause`: 'S' refused or failed, 's' timed out. Retries, or answers 503. */
export function connectFailed(thread: ProxyThread, stream: Stream, cause: 'S' | 's'): void {
  const back = stream.back!;
  const server = back.server!;
  const backend = server.backend;
  const proxy = backend.proxy;
  stream.back = null;
  back.stream = null;
  const { customLog } = stream.frontend!;
  if (customLog !== null) customLog.backLeaves(stream, back);
  stopUsing(server);
  thread.closeConnection(back);
  releasePlace(thread, stream);
  if (stream.retriesLeft === 0) {
    thread.counters.cells[server.counterAt + counters.FAILED_CONNECTS]! += 1;
    thread.counters.cells[backend.counterAt + counters.FAILED_CONNECTS]! += 1;
    failStream(thread, stream, 503, cause, 'C');
    return;
  }
  stream.retriesLeft--;
  const attempt = stream.retriesMax - stream.retriesLeft;
  stream.log.retries = attempt;
  const balanced = !backend.balancer!.hashes;
  const activeCount = usableCount(thread, backend);
  const several = proxy.redispatch !== 0 && balanced && activeCount > 1;
  if (redispatches(proxy.redispatch, stream.retriesMax, attempt) || several) {
    stream.avoidPosition = server.position;
    if (cause === 's' || activeCount > 1) {
      assignServer(thread, stream);
      return;
    }
  } else {
    countRetry(thread, server);
    stream.avoidPosition = AVOID_NONE;
    if (cause === 's') {
      retryServer(thread, stream, server);
      return;
    }
  }
  // The same server would most likely refuse again at once: wait a moment first.
  const pauseMs = Math.min(RETRY_PAUSE_MS_MAX, stream.connectTimeoutMs || RETRY_PAUSE_MS_MAX);
  stream.phase = PHASE_CONNECT;
  stream.retryServer = server;
  thread.setDeadline(stream.front!, thread.clock.nowMs + pauseMs);
}

/** The pause before another attempt at the same server is over. */
export function retryServer(thread: ProxyThread, stream: Stream, server: ServerLink): void {
  stream.retryServer = null;
  if (stream.avoidPosition !== AVOID_NONE) assignServer(thread, stream);
  else if (thread.words.running(server.index) && acquirePlace(thread, stream, server)) useServer(thread, stream);
  else assignServer(thread, stream);
}

function countRetry(thread: ProxyThread, server: ServerLink): void {
  thread.counters.cells[server.counterAt + counters.RETRIES]! += 1;
  thread.counters.cells[server.backend.counterAt + counters.RETRIES]! += 1;
}

// `option redispatch N`: -1 on the last retry, N > 0 on every Nth, -N on the Nth before the last.
function redispatches(interval: number, retries: number, attempt: number): boolean {
  if (interval > 0) return attempt % interval === 0;
  if (interval === 0) return false;
  const period = retries + 1 + interval;
  return period > 0 && attempt % period === 0;
}

function usableCount(thread: ProxyThread, backend: Backend): number {
  let count = 0;
  for (const server of backend.servers) {
    if (!server.model.backup && thread.words.usable(server.index)) count++;
  }
  return count;
}

/** No server will answer: an error page in HTTP, a close in TCP. */
export function failStream(
  thread: ProxyThread,
  stream: Stream,
  status: number,
  cause: TerminationCause,
  phase: TerminationPhase,
): void {
  if (stream.http) {
    replyStatus(thread, stream, status, cause, phase);
    return;
  }
  setTermination(stream, cause, phase);
  closeSilently(thread, stream, cause, phase);
}
