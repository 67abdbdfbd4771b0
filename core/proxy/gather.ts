// Bytes that only make sense together (a message head, a block of trailers) while they come in pieces.
//
// The first piece stays where it arrived; the next ones are copied behind it. A slot holds more than any head may
// be long, so what does not fit is body or the next message and goes to the connection's held bytes.

import { NO_BUFFER } from '../io/engine.ts';
import type { Connection } from './connection.ts';
import { NO_SEGMENT } from './segments.ts';
import type { ProxyThread } from './thread.ts';

/** Adds received bytes to what the connection gathers; the slot is the connection's afterwards. */
export function gather(
  thread: ProxyThread,
  connection: Connection,
  bufferId: number,
  offset: number,
  length: number,
): void {
  if (connection.headBuffer === NO_BUFFER) {
    connection.headBuffer = bufferId;
    connection.headStart = offset;
    connection.headEnd = offset + length;
    return;
  }
  const room = thread.buffers.dataEnd(connection.headBuffer) - connection.headEnd;
  const taken = Math.min(length, room);
  thread.bytes.copyWithin(connection.headEnd, offset, offset + taken);
  connection.headEnd += taken;
  if (taken === length) thread.buffers.release(bufferId);
  else thread.hold(connection, bufferId, offset + taken, length - taken);
}

/** Takes the gathered slot away from the connection, which gathers anew with the next bytes. */
export function takeGathered(connection: Connection): number {
  const bufferId = connection.headBuffer;
  connection.headBuffer = NO_BUFFER;
  return bufferId;
}

/**
 * Copies [from, to) of a slot that is about to be sent to a slot of its own, and puts it *before* what the
 * connection holds already: the next request's first bytes, or the start of a trailer block. False: no slot free.
 */
export function holdRest(thread: ProxyThread, connection: Connection, from: number, to: number): boolean {
  const bufferId = thread.buffers.take();
  if (bufferId === NO_BUFFER) return false;
  const at = thread.buffers.dataOffset(bufferId);
  thread.bytes.copyWithin(at, from, to);
  const segment = thread.segments.make(bufferId, at, to - from);
  thread.segments.link(segment, connection.inFirst);
  connection.inFirst = segment;
  if (connection.inLast === NO_SEGMENT) connection.inLast = segment;
  connection.inBytes += to - from;
  return true;
}

/** The gathered slot is not forwarded: what stands in it from `offset` on is held, first in line; else it goes home. */
export function holdGathered(thread: ProxyThread, connection: Connection, offset: number): void {
  const end = connection.headEnd;
  const bufferId = takeGathered(connection);
  if (offset === end) {
    thread.buffers.release(bufferId);
    return;
  }
  const segment = thread.segments.make(bufferId, offset, end - offset);
  thread.segments.link(segment, connection.inFirst);
  connection.inFirst = segment;
  if (connection.inLast === NO_SEGMENT) connection.inLast = segment;
  connection.inBytes += end - offset;
}

/** What takeHeldBytes took last: a slot, which is the caller's now, and the bytes in it. */
export const held = { bufferId: NO_BUFFER, offset: 0, length: 0 };

/** Takes the connection's oldest held bytes into `held`; there are some. */
export function takeHeldBytes(thread: ProxyThread, connection: Connection): void {
  const { segments } = thread;
  const segment = thread.takeHeld(connection);
  held.bufferId = segments.bufferOf(segment);
  held.offset = segments.offsetOf(segment);
  held.length = segments.lengthOf(segment);
  segments.forget(segment);
}

/** The oldest held bytes become what the connection gathers: an unfinished block waits there for the rest of it. */
export function gatherHeld(thread: ProxyThread, connection: Connection): void {
  takeHeldBytes(thread, connection);
  connection.headBuffer = held.bufferId;
  connection.headStart = held.offset;
  connection.headEnd = held.offset + held.length;
}
