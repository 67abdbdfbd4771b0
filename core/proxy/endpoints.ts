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
import type { ProxyThread } from './thread.ts';

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

/** Copies both addresses into a log record. */
export function fillAddresses(_thread: ProxyThread, front: Connection, log: LogRecord): void {
  log.clientFamily = logFamily(front.sourceFamily);
  log.clientPort = front.sourceFamily === AF_UNIX ? front.frontend!.proxy.binds[front.bindIndex]!.id : front.sourcePort;
  putWords(log.clientAddress, front.source0, front.source1, front.source2, front.source3);
  if (!front.frontend!.logger.needsDestination) return;
  log.destinationFamily = logFamily(front.targetFamily);
  log.destinationPort = front.targetPort;
  putWords(log.destinationAddress, front.target0, front.target1, front.target2, front.target3);
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
