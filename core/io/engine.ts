// The engine contract: operations are armed, `turn` submits them and waits, `next` hands out completions.
//
// Everything here is called from the one thread that made the engine. An operation carries a ticket: two
// 32-bit words that come back with its completion; the engine never looks inside, except that a low word of 0
// is its own. No operation recurses into the caller: completions are only seen through `next`.
//
// Bytes live in the arena, one mapping per thread, and are named by offset: `arena.bytes[offset]`. A buffer
// is a slot of the arena (core/io/buffers.ts) with exactly one owner at a time: the free list, the kernel
// (lent for receiving), or the caller, who gives it back with `buffers.release`. The range of a `send` and
// the sockaddr of a `connect` belong to the engine until their completion has been seen.
//
// Sockets given to the engine are non-blocking (O_NONBLOCK); it closes none but those named in `close`.

import type { Buffers } from './buffers.ts';

export type EngineName = 'uring' | 'epoll';

/** Receive groups: the front side cannot starve the back side, whose answers are what frees the front's buffers. */
export const GROUP_FRONT = 0;
export const GROUP_BACK = 1;

/** Events of `pollArm`, poll(2)'s values. */
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLHUP = 16;
export const POLLRDHUP = 0x2000;

/** No buffer came with this completion. */
export const NO_BUFFER = -1;

export interface Engine {
  readonly name: EngineName;
  readonly buffers: Buffers;

  /**
   * eventfd(2) that any thread may write to, to end a `turn` at once (core/shared/wake.ts). Given to the
   * constructor by whoever owns it, else the engine's own.
   */
  readonly wakeFd: number;

  /**
   * Accepts until cancelled: a completion per connection, `result` the new non-blocking fd or -errno.
   * `more` is true while it stays armed; after EMFILE, ENFILE, ENOBUFS or ENOMEM it is not, arm it again later.
   */
  acceptArm(fd: number, ticketLow: number, ticketHigh: number): void;

  /**
   * Receives until cancelled, end of stream or error: a completion per buffer filled, `result` the byte count
   * (> 0, with `bufferId` and the bytes at `buffers.dataOffset(bufferId)`), 0 at end of stream, or -errno.
   * `more` is true while it stays armed. -ENOBUFS: no buffer was free; arm again once buffers came home.
   */
  recvArm(fd: number, group: number, ticketLow: number, ticketHigh: number): void;

  /** As `recvArm`, but over with its first completion, of `lengthMax` bytes at most: a look before more comes. */
  recvOnce(fd: number, group: number, lengthMax: number, ticketLow: number, ticketHigh: number): void;

  /**
   * Sends arena bytes [offset, offset+length): one completion when all went out (`result` = length), or -errno; less
   * than length when an error or a cancel came after a part. One send at a time on an fd: a second one, started
   * before the first was seen to complete, may put its bytes in the midst of the first's.
   */
  send(fd: number, offset: number, length: number, flags: number, ticketLow: number, ticketHigh: number): void;

  /** Connects to the sockaddr at arena [sockaddrOffset, +sockaddrLength): one completion, `result` 0 or -errno. */
  connect(fd: number, sockaddrOffset: number, sockaddrLength: number, ticketLow: number, ticketHigh: number): void;

  /** One readiness event: one completion, `result` the poll(2) events that are true, or -errno. */
  pollArm(fd: number, events: number, ticketLow: number, ticketHigh: number): void;

  /**
   * Cancels what was armed with this ticket. The cancelled operation still completes, with -ECANCELED (or
   * what it had reached) and `more` false; the cancel itself is silent. `fd` is where it was armed.
   */
  cancel(fd: number, ticketLow: number, ticketHigh: number): void;

  /** shutdown(2); silent, errors (ENOTCONN) are ignored. Ordered after the sends already completed only. */
  shutdown(fd: number, how: number): void;

  /** Closes; silent. The caller has seen the last completion of every operation on this fd. */
  close(fd: number): void;

  /** Submits what was armed, then waits for a completion, the wake fd, or `timeoutMs` (0: no wait). */
  turn(timeoutMs: number): void;

  /** Steps to the next completion; false when there is none left for this turn. */
  next(): boolean;

  // The completion that `next` stepped to.
  ticketLow: number;
  ticketHigh: number;
  result: number;
  bufferId: number; // NO_BUFFER or a slot now owned by the caller
  more: boolean; // the operation is still armed

  /** True once after a turn in which the wake fd fired. Reading it clears it. */
  takeWoken(): boolean;

  /** System calls made so far, for counters and tests. */
  syscallCount: number;

  /** The engine's own open fds (ring or epoll, wake): whoever cleans up after this thread closes them. */
  ownFds(): readonly number[];

  /**
   * Last words of a thread that is about to die of a fault: ends every operation in the kernel and closes nothing.
   * Without it an io_uring lives on in its mappings, and its accepts go on taking clients nobody serves.
   */
  abandon(): void;

  /** Ends every operation and frees the engine's own fds and memory; the arena stays mapped. */
  stop(): void;
}
