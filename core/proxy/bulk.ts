// Long bodies through a pipe: splice(2) moves the kernel's pages from one socket to the other, so that no byte is
// copied through user space (manual §4.2 "option splice-auto", "splice-request", "splice-response").
//
// A direction goes over in steps, because bytes that were received must leave before bytes that were spliced:
//   BULK_STARTING  receiving is being cancelled, what came so far is being sent
//   BULK_RUNNING   readiness → splice into the pipe → splice out of it, until the body's end
// io_uring's own splice always runs in a kernel worker thread, so it is readiness that the engine is asked for.

import { assert } from '../base/assert.ts';
import { POLLIN, POLLOUT, POLLRDHUP } from '../io/engine.ts';
import { closeNow, EAGAIN, lastPipeWriteEnd, openPipe, spliceBytes } from '../io/net.ts';
import { BODY_CLOSE, BODY_LENGTH, type Body } from './body-state.ts';
import { type Connection, OP_POLL_IN, OP_POLL_OUT } from './connection.ts';
import { NO_SEGMENT } from './segments.ts';
import type { ProxyThread } from './thread.ts';

export const BULK_NONE = 0;
export const BULK_STARTING = 1;
export const BULK_RUNNING = 2;

/** What became of a pump call. */
export const PUMP_WAITS = 0; // a readiness event will call again
export const PUMP_DONE = 1; // the body's last byte is on its way
export const PUMP_SOURCE_ENDED = 2; // FIN, after everything before it was passed on
export const PUMP_SOURCE_FAILED = 3;
export const PUMP_TARGET_FAILED = 4;
export const PUMP_NO_PIPE = 5; // no fds for a pipe: go on receiving and sending
export const PUMP_SLOW = 6; // the source has little to say just now: receiving and sending costs less

const PIPE_BYTES = 512 * 1024;
/** A call that moved less before the source ran dry is not bulk any more. */
const BULK_BYTES_MIN = 8 * 1024;
const IDLE_PIPES_MAX = 64;
/** Rounds before another connection gets its turn. */
const ROUNDS_MAX = 2;

/** One direction's pipe. */
export class Bulk {
  state = BULK_NONE;
  readFd = -1;
  writeFd = -1;
  heldBytes = 0; // in the pipe
  movedBytes = 0; // since the last look: for counters and deadlines
}

/** Pipes that are empty and wait for another use: making one costs three system calls. */
export class Pipes {
  private readonly idleRead: number[] = [];
  private readonly idleWrite: number[] = [];

  get idleCount(): number {
    return this.idleRead.length;
  }

  /** False: no fd was to be had. */
  open(thread: ProxyThread, bulk: Bulk): boolean {
    const idle = this.idleRead.pop();
    if (idle !== undefined) {
      bulk.readFd = idle;
      bulk.writeFd = this.idleWrite.pop()!;
    } else {
      const fd = openPipe(PIPE_BYTES);
      if (fd < 0) return false;
      bulk.readFd = fd;
      bulk.writeFd = lastPipeWriteEnd();
      if (Math.max(bulk.readFd, bulk.writeFd) >= thread.owners.fdCount) {
        closeNow(bulk.readFd);
        closeNow(bulk.writeFd);
        return false;
      }
      thread.owners.set(bulk.readFd, thread.threadIndex);
      thread.owners.set(bulk.writeFd, thread.threadIndex);
    }
    bulk.heldBytes = 0;
    return true;
  }

  /** Gives the pipe back; one that still holds bytes is closed, so that nobody else ever reads them. */
  close(thread: ProxyThread, bulk: Bulk): void {
    if (bulk.readFd < 0) return;
    if (bulk.heldBytes === 0 && this.idleRead.length < IDLE_PIPES_MAX) {
      this.idleRead.push(bulk.readFd);
      this.idleWrite.push(bulk.writeFd);
    } else {
      thread.owners.clear(bulk.readFd);
      thread.owners.clear(bulk.writeFd);
      closeNow(bulk.readFd);
      closeNow(bulk.writeFd);
    }
    bulk.readFd = -1;
    bulk.writeFd = -1;
    bulk.heldBytes = 0;
  }
}

/** Asks for the direction to go over to splicing. */
export function startBulk(thread: ProxyThread, bulk: Bulk, from: Connection): void {
  assert(bulk.state === BULK_NONE, 'a direction goes over to splicing once');
  bulk.state = BULK_STARTING;
  thread.recvStop(from);
}

/** Whether everything received before has left, so that splicing may begin. */
export function bulkReady(bulk: Bulk, from: Connection, to: Connection): boolean {
  return bulk.state === BULK_STARTING && !from.recvArmed && to.outFirst === NO_SEGMENT;
}

/** The direction is over, or gave up: its pipe goes home. */
export function endBulk(thread: ProxyThread, bulk: Bulk): void {
  if (bulk.state === BULK_NONE) return;
  bulk.state = BULK_NONE;
  thread.pipes.close(thread, bulk);
}

/** Moves what can be moved now. `body` says how much may be taken (BODY_LENGTH) or that all may (BODY_CLOSE). */
export function pump(thread: ProxyThread, bulk: Bulk, body: Body, from: Connection, to: Connection): number {
  if (bulk.state === BULK_STARTING) {
    if (!thread.pipes.open(thread, bulk)) {
      bulk.state = BULK_NONE;
      return PUMP_NO_PIPE;
    }
    bulk.state = BULK_RUNNING;
  }
  assert(body.mode === BODY_LENGTH || body.mode === BODY_CLOSE, 'only plain bytes can be spliced');
  const engine = thread.engine;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (bulk.heldBytes === 0) {
      const wanted = body.mode === BODY_LENGTH ? Math.min(body.leftBytes, PIPE_BYTES) : PIPE_BYTES;
      if (wanted === 0) return PUMP_DONE;
      const taken = spliceBytes(from.fd, bulk.writeFd, wanted);
      engine.syscallCount++;
      if (taken === -EAGAIN) {
        if (round > 0 && bulk.movedBytes < BULK_BYTES_MIN && body.mode === BODY_CLOSE) return PUMP_SLOW;
        thread.pollArm(from, OP_POLL_IN, POLLIN | POLLRDHUP);
        return PUMP_WAITS;
      }
      if (taken === 0) return PUMP_SOURCE_ENDED;
      if (taken < 0) {
        from.errno = -taken;
        return PUMP_SOURCE_FAILED;
      }
      bulk.heldBytes = taken;
      if (body.mode === BODY_LENGTH) body.leftBytes -= taken;
    }
    const given = spliceBytes(bulk.readFd, to.fd, bulk.heldBytes);
    engine.syscallCount++;
    if (given === -EAGAIN) {
      thread.pollArm(to, OP_POLL_OUT, POLLOUT);
      return PUMP_WAITS;
    }
    if (given < 0) {
      to.errno = -given;
      return PUMP_TARGET_FAILED;
    }
    bulk.heldBytes -= given;
    bulk.movedBytes += given;
    if (bulk.heldBytes > 0) {
      thread.pollArm(to, OP_POLL_OUT, POLLOUT);
      return PUMP_WAITS;
    }
    if (body.mode === BODY_LENGTH && body.leftBytes === 0) return PUMP_DONE;
  }
  thread.pollArm(from, OP_POLL_IN, POLLIN | POLLRDHUP);
  return PUMP_WAITS;
}
