// Who is at the two ends of a client's connection: read from the kernel once, or from a PROXY header.

import { AF_INET, AF_INET6, AF_UNIX, lastName, readOwnName, readPeerName } from '../io/net.ts';
import {
  LOG_FAMILY_INET,
  LOG_FAMILY_INET6,
  LOG_FAMILY_NONE,
  LOG_FAMILY_UNIX,
  type LogRecord,
} from '../sample/log-record.ts';
import type { Connection } from './connection.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Both ends of a client's connection, as headers, logs and balancing see them. */
export interface Ends {
  sourceFamily: number;
  sourcePort: number;
  source0: number;
  source1: number;
  source2: number;
  source3: number;
  targetFamily: number;
  targetPort: number;
  target0: number;
  target1: number;
  target2: number;
  target3: number;
}

const changedEnds: Ends = {
  sourceFamily: 0,
  sourcePort: 0,
  source0: 0,
  source1: 0,
  source2: 0,
  source3: 0,
  targetFamily: 0,
  targetPort: 0,
  target0: 0,
  target1: 0,
  target2: 0,
  target3: 0,
};

/**
 * The addresses that count for this stream: the connection's own, or what `set-src` and `set-dst` made of them. One
 * object serves all streams that have changed ones: it lasts until the next call.
 */
export function endsOf(stream: Stream): Ends {
  const front = stream.front!;
  const { sourceSet, targetSet } = stream;
  if (sourceSet === null && targetSet === null) return front;
  const ends = changedEnds;
  ends.sourceFamily = sourceSet === null ? front.sourceFamily : sourceSet.family;
  ends.sourcePort = sourceSet === null ? front.sourcePort : sourceSet.port;
  ends.source0 = sourceSet === null ? front.source0 : sourceSet.word0;
  ends.source1 = sourceSet === null ? front.source1 : sourceSet.word1;
  ends.source2 = sourceSet === null ? front.source2 : sourceSet.word2;
  ends.source3 = sourceSet === null ? front.source3 : sourceSet.word3;
  ends.targetFamily = targetSet === null ? front.targetFamily : targetSet.family;
  ends.targetPort = targetSet === null ? front.targetPort : targetSet.port;
  ends.target0 = targetSet === null ? front.target0 : targetSet.word0;
  ends.target1 = targetSet === null ? front.target1 : targetSet.word1;
  ends.target2 = targetSet === null ? front.target2 : targetSet.word2;
  ends.target3 = targetSet === null ? front.target3 : targetSet.word3;
  return ends;
}

/** getpeername(2) into the connection; an already closed socket leaves the family 0. */
export function readSource(front: Connection): void {
  if (readPeerName(front.fd) < 0) return;
  front.sourceFamily = lastName.family;
  front.sourcePort = lastName.port;
  front.source0 = lastName.word0;
  front.source1 = lastName.word1;
  front.source2 = lastName.word2;
  front.source3 = lastName.word3;
}

/** getsockname(2) into the connection. */
export function readTarget(front: Connection): void {
  if (readOwnName(front.fd) < 0) return;
  front.targetFamily = lastName.family;
  front.targetPort = lastName.port;
  front.target0 = lastName.word0;
  front.target1 = lastName.word1;
  front.target2 = lastName.word2;
  front.target3 = lastName.word3;
}

/** Both ends of a server's connection into it: ours is its source, the server its target. */
export function learnBack(thread: ProxyThread, back: Connection): void {
  if (back.sourceFamily === 0 && readOwnName(back.fd) >= 0) {
    back.sourceFamily = lastName.family;
    back.sourcePort = lastName.port;
    back.source0 = lastName.word0;
    back.source1 = lastName.word1;
    back.source2 = lastName.word2;
    back.source3 = lastName.word3;
  }
  if (back.targetFamily === 0 && readPeerName(back.fd) < 0) targetFromServer(thread, back);
  else if (back.targetFamily === 0) {
    back.targetFamily = lastName.family;
    back.targetPort = lastName.port;
    back.target0 = lastName.word0;
    back.target1 = lastName.word1;
    back.target2 = lastName.word2;
    back.target3 = lastName.word3;
  }
}

// Not connected, or not any more: where it was to go.
function targetFromServer(thread: ProxyThread, back: Connection): void {
  const server = back.server;
  if (server === null || server.sockaddrOffset < 0 || server.portFromClient) return;
  const { bytes } = thread;
  const at = server.sockaddrOffset;
  back.targetFamily = server.family;
  if (server.family !== AF_INET && server.family !== AF_INET6) return;
  back.targetPort = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const from = server.family === AF_INET ? at + 4 : at + 8;
  back.target0 = wordAt(bytes, from);
  back.target1 = wordAt(bytes, from + 4);
  back.target2 = wordAt(bytes, from + 8);
  back.target3 = wordAt(bytes, from + 12);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Copies both addresses into a log record; `ends` the connection itself, or what rules made of it. */
export function fillAddresses(_thread: ProxyThread, front: Connection, log: LogRecord, ends: Ends = front): void {
  log.clientFamily = logFamily(ends.sourceFamily);
  log.clientPort = ends.sourceFamily === AF_UNIX ? front.frontend!.proxy.binds[front.bindIndex]!.id : ends.sourcePort;
  putWords(log.clientAddress, ends.source0, ends.source1, ends.source2, ends.source3);
  if (!front.frontend!.logger.needsDestination) return;
  log.destinationFamily = logFamily(ends.targetFamily);
  log.destinationPort = ends.targetPort;
  putWords(log.destinationAddress, ends.target0, ends.target1, ends.target2, ends.target3);
}

function logFamily(family: number): number {
  if (family === AF_INET) return LOG_FAMILY_INET;
  if (family === AF_INET6) return LOG_FAMILY_INET6;
  return family === AF_UNIX ? LOG_FAMILY_UNIX : LOG_FAMILY_NONE;
}

function putWords(bytes: Uint8Array, word0: number, word1: number, word2: number, word3: number): void {
  putWord(bytes, 0, word0);
  putWord(bytes, 4, word1);
  putWord(bytes, 8, word2);
  putWord(bytes, 12, word3);
}

/** A big-endian word to four bytes. */
export function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = (word >>> 16) & 255;
  bytes[at + 2] = (word >>> 8) & 255;
  bytes[at + 3] = word & 255;
}
