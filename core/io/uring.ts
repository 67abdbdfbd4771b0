// The io_uring engine: rings mapped as typed arrays, one io_uring_enter(2) a turn (io_uring(7)).
//
// The ring belongs to the thread that made it (SINGLE_ISSUER, DEFER_TASKRUN): completions appear only inside
// that thread's own enter with GETEVENTS. Ring indices are 32-bit and wrap: they are compared for equality.
// Receives are multishot from rings of provided buffers, so a connection that is idle holds no buffer.

import { assert } from '../base/assert.ts';
import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  MAP_POPULATE,
  MAP_SHARED,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SYS_io_uring_enter,
  SYS_io_uring_register,
  SYS_io_uring_setup,
} from '../sys/abi.ts';
import { check, EAGAIN, EBUSY, EINTR, ENOBUFS, ENOENT, ETIME, SysError } from '../sys/errno.ts';
import { lastErrno } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { type Mapping, mapAnonymous, mapFile } from '../sys/memory.ts';
import type { Buffers } from './buffers.ts';
import { type Engine, GROUP_BACK, GROUP_FRONT, NO_BUFFER, POLLIN } from './engine.ts';
import * as abi from './uring-abi.ts';

const SQ_ENTRIES = 1024;
const CQ_ENTRIES = 8192;
const LENT_START = 64; // buffers lent to each receive group at first; doubles whenever the kernel runs dry
const LENT_MAX = 256; // 16 MiB: what one turn may bring; a receive that finds none is armed again the next turn
const ABANDON_ROUNDS_MAX = 32;
const LENT_SCARCE = 1; // to the back group, while buffers are scarce
const EVENTS_WORDS = 16;

/** Tickets whose low word is 0 are the engine's own: their completions are not shown to the caller. */
const TICKET_SILENT = 0;
const TICKET_WAKE_HIGH = 1; // low 0, high 1: the wake eventfd

/** One provided-buffer ring (io_uring_register_buf_ring(3)). */
class ReceiveGroup {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly mapping: Mapping;
  lentCount = 0;
  lentTarget = LENT_START;
  tail = 0;

  constructor() {
    this.mapping = mapAnonymous(LENT_MAX * abi.PBUF_ENTRY_BYTES);
    this.words = new Int32Array(this.mapping.buffer);
    this.halves = new Uint16Array(this.mapping.buffer);
  }
}

export class UringEngine implements Engine {
  readonly name = 'uring';
  readonly buffers: Buffers;
  readonly wakeFd: number;
  ticketLow = 0;
  ticketHigh = 0;
  result = 0;
  bufferId = NO_BUFFER;
  more = false;
  syscallCount = 0;

  private readonly fd: number;
  private readonly ring: Int32Array;
  private readonly sqes: Int32Array;
  private readonly sqHeadIndex: number;
  private readonly sqTailIndex: number;
  private readonly sqMask: number;
  private readonly cqHeadIndex: number;
  private readonly cqTailIndex: number;
  private readonly cqMask: number;
  private readonly cqesIndex: number;
  private readonly groups: readonly ReceiveGroup[];
  private readonly groupOfSlot: Uint8Array; // which group a lent slot was lent to
  private readonly arenaLow: number;
  private readonly arenaHigh: number;
  private readonly eventsArg: Int32Array; // struct io_uring_getevents_arg, then its struct __kernel_timespec
  private readonly eventsArgAddress: number;
  private readonly wakeValue = new Uint8Array(8);
  private sqTail = 0;
  private pendingCount = 0;
  private cqHead = 0;
  private cqTail = 0;
  private readonly ownsWakeFd: boolean;
  private woken = false;

  /** Throws SysError: ENOSYS or EPERM where io_uring is refused, EINVAL where the kernel is older than 6.1. */
  constructor(buffers: Buffers, wakeFd = -1) {
    this.buffers = buffers;
    const params = new Uint32Array(30);
    params[1] = CQ_ENTRIES;
    params[2] =
      abi.IORING_SETUP_CQSIZE |
      abi.IORING_SETUP_COOP_TASKRUN |
      abi.IORING_SETUP_SINGLE_ISSUER |
      abi.IORING_SETUP_DEFER_TASKRUN;
    this.fd = check('io_uring_setup', libc.io_uring_setup(SYS_io_uring_setup, SQ_ENTRIES, params));
    this.ownsWakeFd = wakeFd < 0;
    this.wakeFd = this.ownsWakeFd ? libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : wakeFd;
    if (this.wakeFd < 0) throw this.abandoned('eventfd');
    const sqEntries = params[0]!;
    const cqEntries = params[1]!;
    // struct io_sqring_offsets begins at word 10, struct io_cqring_offsets at word 20.
    const sqArrayOffset = params[16]!;
    const cqesOffset = params[25]!;
    const ringBytes = Math.max(sqArrayOffset + sqEntries * 4, cqesOffset + cqEntries * abi.CQE_BYTES);
    const flags = MAP_SHARED | MAP_POPULATE;
    this.ring = new Int32Array(mapFile(this.fd, (ringBytes + 3) & ~3, flags, abi.IORING_OFF_SQ_RING).buffer);
    this.sqes = new Int32Array(mapFile(this.fd, sqEntries * abi.SQE_BYTES, flags, abi.IORING_OFF_SQES).buffer);
    this.sqHeadIndex = params[10]! >> 2;
    this.sqTailIndex = params[11]! >> 2;
    this.sqMask = sqEntries - 1;
    this.cqHeadIndex = params[20]! >> 2;
    this.cqTailIndex = params[21]! >> 2;
    this.cqMask = cqEntries - 1;
    this.cqesIndex = cqesOffset >> 2;
    for (let index = 0; index < sqEntries; index++) this.ring[(sqArrayOffset >> 2) + index] = index;

    this.arenaLow = Number(buffers.address & 0xffff_ffffn) | 0;
    this.arenaHigh = Number(buffers.address >> 32n);
    const events = mapAnonymous(EVENTS_WORDS * 4);
    this.eventsArg = new Int32Array(events.buffer);
    this.eventsArgAddress = Number(events.address);
    const timespecAddress = events.address + 24n;
    this.eventsArg[4] = Number(timespecAddress & 0xffff_ffffn) | 0;
    this.eventsArg[5] = Number(timespecAddress >> 32n);
    this.groupOfSlot = new Uint8Array(buffers.slotCount);
    this.groups = [this.registerGroup(GROUP_FRONT), this.registerGroup(GROUP_BACK)];
    this.wakeArm();
  }

  acceptArm(fd: number, ticketLow: number, ticketHigh: number): void {
    const at = this.prepare(abi.IORING_OP_ACCEPT | abi.IORING_ACCEPT_MULTISHOT, fd, ticketLow, ticketHigh);
    this.sqes[at + 7] = SOCK_NONBLOCK | SOCK_CLOEXEC;
  }

  recvArm(fd: number, group: number, ticketLow: number, ticketHigh: number): void {
    let op = abi.IORING_OP_RECV | abi.IOSQE_BUFFER_SELECT | abi.IORING_RECV_MULTISHOT;
    // A server has nothing to say before it was asked: wait for it at once instead of trying in vain first.
    if (group === GROUP_BACK) op |= abi.IORING_RECVSEND_POLL_FIRST;
    const at = this.prepare(op, fd, ticketLow, ticketHigh);
    this.sqes[at + 10] = group;
  }

  recvOnce(fd: number, group: number, lengthMax: number, ticketLow: number, ticketHigh: number): void {
    let op = abi.IORING_OP_RECV | abi.IOSQE_BUFFER_SELECT;
    if (group === GROUP_BACK) op |= abi.IORING_RECVSEND_POLL_FIRST;
    const at = this.prepare(op, fd, ticketLow, ticketHigh);
    this.sqes[at + 6] = lengthMax;
    this.sqes[at + 10] = group;
  }

  send(fd: number, offset: number, length: number, flags: number, ticketLow: number, ticketHigh: number): void {
    const at = this.prepare(abi.IORING_OP_SEND, fd, ticketLow, ticketHigh);
    const sqes = this.sqes;
    sqes[at + 4] = this.arenaLow + offset;
    sqes[at + 5] = this.arenaHigh;
    sqes[at + 6] = length;
    sqes[at + 7] = flags | MSG_WAITALL | MSG_NOSIGNAL;
  }

  connect(fd: number, sockaddrOffset: number, sockaddrLength: number, ticketLow: number, ticketHigh: number): void {
    const at = this.prepare(abi.IORING_OP_CONNECT, fd, ticketLow, ticketHigh);
    const sqes = this.sqes;
    sqes[at + 2] = sockaddrLength;
    sqes[at + 4] = this.arenaLow + sockaddrOffset;
    sqes[at + 5] = this.arenaHigh;
  }

  pollArm(fd: number, events: number, ticketLow: number, ticketHigh: number): void {
    const at = this.prepare(abi.IORING_OP_POLL_ADD, fd, ticketLow, ticketHigh);
    this.sqes[at + 7] = events;
  }

  cancel(_fd: number, ticketLow: number, ticketHigh: number): void {
    const at = this.prepare(abi.IORING_OP_ASYNC_CANCEL | abi.IOSQE_CQE_SKIP_SUCCESS, -1, TICKET_SILENT, 0);
    this.sqes[at + 4] = ticketLow;
    this.sqes[at + 5] = ticketHigh;
  }

  // Not IORING_OP_SHUTDOWN: that always runs in a kernel worker thread, which looks the fd up when it gets there.
  // By then it may have been closed and be another connection's.
  shutdown(fd: number, how: number): void {
    libc.shutdown(fd, how);
    this.syscallCount++;
  }

  close(fd: number): void {
    this.prepare(abi.IORING_OP_CLOSE | abi.IOSQE_CQE_SKIP_SUCCESS, fd, TICKET_SILENT, 0);
  }

  turn(timeoutMs: number): void {
    this.refill(GROUP_FRONT);
    this.refill(GROUP_BACK);
    this.enter(timeoutMs);
    this.cqTail = Atomics.load(this.ring, this.cqTailIndex);
  }

  next(): boolean {
    while (this.cqHead !== this.cqTail) {
      const at = this.cqesIndex + ((this.cqHead & this.cqMask) << 2);
      const ring = this.ring;
      const low = ring[at]!;
      const high = ring[at + 1]!;
      const result = ring[at + 2]!;
      const flags = ring[at + 3]!;
      this.cqHead = (this.cqHead + 1) | 0;
      if (low === TICKET_SILENT) {
        if (high === TICKET_WAKE_HIGH) this.wakeDone(flags);
        continue;
      }
      this.ticketLow = low;
      this.ticketHigh = high;
      this.result = result;
      this.more = (flags & abi.IORING_CQE_F_MORE) !== 0;
      if ((flags & abi.IORING_CQE_F_BUFFER) !== 0) this.takeFilled(flags >>> abi.IORING_CQE_BUFFER_SHIFT, result);
      else this.bufferId = NO_BUFFER;
      if (result === -ENOBUFS) this.growGroups();
      return true;
    }
    Atomics.store(this.ring, this.cqHeadIndex, this.cqHead);
    return false;
  }

  takeWoken(): boolean {
    const woken = this.woken;
    this.woken = false;
    return woken;
  }

  // The mapped rings keep the kernel's ring alive after close(2), and an armed receive may write into its buffer:
  // everything is cancelled and waited for first. Completions nobody has seen give their buffers back too.
  abandon(): void {
    this.enter(0); // what was armed or closed last goes out
    // A multishot operation whose event is just being worked off is in no list where a cancel finds it, and arms
    // itself again: only two cancels in a row that find nothing, with an enter between them, mean that nothing is left.
    let emptyCount = 0;
    for (let round = 0; round < ABANDON_ROUNDS_MAX && emptyCount < 2; round++) {
      emptyCount = this.cancelEverything() ? 0 : emptyCount + 1;
      this.enter(0);
    }
    this.cqTail = Atomics.load(this.ring, this.cqTailIndex);
  }

  stop(): void {
    this.abandon();
    check('close', libc.close(this.fd));
    if (this.ownsWakeFd) check('close', libc.close(this.wakeFd));
    this.buffers.takeBackLent();
  }

  ownFds(): readonly number[] {
    return this.ownsWakeFd ? [this.fd, this.wakeFd] : [this.fd];
  }

  // The next SQE, with everything but opcode, fd and ticket zeroed; returns its first word's index.
  private prepare(op: number, fd: number, ticketLow: number, ticketHigh: number): number {
    if (this.pendingCount > this.sqMask) this.flush();
    const at = (this.sqTail & this.sqMask) << 4;
    const sqes = this.sqes;
    sqes[at] = op;
    sqes[at + 1] = fd;
    sqes[at + 2] = 0;
    sqes[at + 3] = 0;
    sqes[at + 4] = 0;
    sqes[at + 5] = 0;
    sqes[at + 6] = 0;
    sqes[at + 7] = 0;
    sqes[at + 8] = ticketLow;
    sqes[at + 9] = ticketHigh;
    sqes[at + 10] = 0;
    sqes[at + 11] = 0;
    this.sqTail = (this.sqTail + 1) | 0;
    this.pendingCount++;
    return at;
  }

  // The submission ring is full: hand it to the kernel without waiting. Completions stay for the next turn.
  private flush(): void {
    Atomics.store(this.ring, this.sqTailIndex, this.sqTail);
    const submitted = libc.io_uring_enter(SYS_io_uring_enter, this.fd, this.pendingCount, 0, 0, 0, 0);
    this.syscallCount++;
    if (submitted < 0) this.enterFailed();
    else this.pendingCount -= submitted;
    assert(this.pendingCount <= this.sqMask, 'the kernel took nothing from a full submission ring');
  }

  private enter(timeoutMs: number): void {
    Atomics.store(this.ring, this.sqTailIndex, this.sqTail);
    const args = this.eventsArg;
    const seconds = (timeoutMs / 1000) | 0;
    args[6] = seconds;
    args[8] = (timeoutMs - seconds * 1000) * 1_000_000;
    const flags = abi.IORING_ENTER_GETEVENTS | abi.IORING_ENTER_EXT_ARG;
    const wait = timeoutMs === 0 ? 0 : 1;
    const submitted = libc.io_uring_enter(
      SYS_io_uring_enter,
      this.fd,
      this.pendingCount,
      wait,
      flags,
      this.eventsArgAddress,
      24,
    );
    this.syscallCount++;
    if (submitted < 0) this.enterFailed();
    else this.pendingCount -= submitted;
  }

  // ETIME: the wait ran out; EINTR: a signal; EAGAIN/EBUSY: completions must be reaped first. What was
  // submitted before shows in the ring's own head, so that nothing is submitted twice.
  private enterFailed(): void {
    const errno = lastErrno();
    this.pendingCount = (this.sqTail - Atomics.load(this.ring, this.sqHeadIndex)) | 0;
    if (errno !== ETIME && errno !== EINTR && errno !== EAGAIN && errno !== EBUSY) {
      throw new SysError('io_uring_enter', errno);
    }
  }

  // False: there was nothing to cancel.
  private cancelEverything(): boolean {
    const request = new BigInt64Array(9); // struct io_uring_sync_cancel_reg, 8 words, and one as in registerGroup
    request[1] = BigInt(abi.IORING_ASYNC_CANCEL_ALL | abi.IORING_ASYNC_CANCEL_ANY) << 32n;
    request[2] = -1n; // no timeout
    request[3] = -1n;
    const result = libc.io_uring_register(SYS_io_uring_register, this.fd, abi.IORING_REGISTER_SYNC_CANCEL, request, 1);
    if (result < 0 && lastErrno() !== ENOENT) throw new SysError('io_uring_register', lastErrno());
    return result >= 0;
  }

  private wakeArm(): void {
    const at = this.prepare(abi.IORING_OP_POLL_ADD, this.wakeFd, TICKET_SILENT, TICKET_WAKE_HIGH);
    this.sqes[at + 6] = abi.IORING_POLL_ADD_MULTI;
    this.sqes[at + 7] = POLLIN;
  }

  private wakeDone(flags: number): void {
    libc.read(this.wakeFd, this.wakeValue, 8);
    this.syscallCount++;
    this.woken = true;
    if ((flags & abi.IORING_CQE_F_MORE) === 0) this.wakeArm();
  }

  private registerGroup(group: number): ReceiveGroup {
    const receive = new ReceiveGroup();
    const request = new BigUint64Array(9); // struct io_uring_buf_reg; 9 words so that V8 keeps it off its moving heap
    request[0] = receive.mapping.address;
    request[1] = BigInt(LENT_MAX) | (BigInt(group) << 32n);
    const register = abi.IORING_REGISTER_PBUF_RING;
    const result = libc.io_uring_register(SYS_io_uring_register, this.fd, register, request, 1);
    if (result < 0) throw this.abandoned('io_uring_register');
    return receive;
  }

  // The constructor cannot go on: nobody will get this engine, so nobody else could close its fds.
  private abandoned(syscall: string): SysError {
    const errno = lastErrno();
    if (this.ownsWakeFd && this.wakeFd >= 0) libc.close(this.wakeFd);
    libc.close(this.fd);
    return new SysError(syscall, errno);
  }

  // Lends free buffers until the group has its target. The front group leaves a quarter of all slots to the back.
  private refill(group: number): void {
    const receive = this.groups[group]!;
    const buffers = this.buffers;
    // One multishot receive may fill 32 buffers before its owner can stop it: when few are left, few are lent.
    const target = group === GROUP_BACK && buffers.isScarce ? LENT_SCARCE : receive.lentTarget;
    if (receive.lentCount >= target) return;
    const reserve = group === GROUP_FRONT ? buffers.slotCount >> 2 : 0;
    const words = receive.words;
    while (receive.lentCount < target && buffers.freeCount > reserve) {
      const bufferId = buffers.lend();
      this.groupOfSlot[bufferId] = group;
      const at = (receive.tail & (LENT_MAX - 1)) << 2;
      words[at] = this.arenaLow + buffers.dataOffset(bufferId);
      words[at + 1] = this.arenaHigh;
      words[at + 2] = buffers.dataBytes;
      receive.halves[(at << 1) + 6] = bufferId;
      receive.tail = (receive.tail + 1) & 0xffff;
      receive.lentCount++;
    }
    // The tail lies in the reserved half-word of entry 0. A plain store: x86 keeps store order, and the
    // kernel reads it in the enter that follows on this same thread.
    receive.halves[7] = receive.tail;
  }

  private takeFilled(bufferId: number, result: number): void {
    this.groups[this.groupOfSlot[bufferId]!]!.lentCount--;
    if (result > 0) {
      this.bufferId = bufferId;
      this.buffers.handOver(bufferId);
    } else {
      this.bufferId = NO_BUFFER; // consumed by the kernel without a byte: the caller is not bothered with it
      this.buffers.takeBack(bufferId);
    }
  }

  private growGroups(): void {
    if (this.buffers.isScarce) return;
    for (const receive of this.groups) {
      if (receive.lentCount === 0 && receive.lentTarget < LENT_MAX) receive.lentTarget *= 2;
    }
  }
}
