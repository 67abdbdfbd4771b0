// The epoll engine: the contract's completions imitated over epoll(7), for kernels that refuse io_uring.
//
// A call on the engine is carried out at once as far as it goes (a send that fits, a connect that fails); what has
// to wait becomes an op in its fd's list. Every fd is registered once, edge-triggered for both directions, when it
// first has to wait, and never again: an edge sets the fd's READABLE and WRITABLE bits, a short read or write
// clears them. `turn` runs the fds that have work left, waits, and runs those that got an edge. Completions go
// through a ring, and only those queued before `turn` returned are seen, as with io_uring.
//
// What the kernel may still report about a closed fd (its socket may live on in another process) carries the
// fd's old generation and is dropped.

import { assert } from '../base/assert.ts';
import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  MSG_NOSIGNAL,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../sys/abi.ts';
import { check, EAGAIN, ECANCELED, EEXIST, EINPROGRESS, EINTR, ENOBUFS, SysError } from '../sys/errno.ts';
import { lastErrno } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { mapAnonymous } from '../sys/memory.ts';
import type { Buffers } from './buffers.ts';
import { type Engine, GROUP_FRONT, NO_BUFFER } from './engine.ts';

const EVENT_COUNT_MAX = 512; // edges taken from the kernel in one turn
const ACCEPTS_PER_TURN = 64; // of one listener; io_uring stops after 32 too
const RECEIVES_PER_TURN = 8; // of one connection

// struct epoll_event is packed on x86-64 alone: { u32 events; u64 data }. We keep fd and generation in `data`.
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
const EVENT_DATA_WORD = process.arch === 'x64' ? 1 : 2;
const INTEREST = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

// Bits of an fd's state.
const REGISTERED = 1;
const READABLE = 2; // a receive or accept may find something
const WRITABLE = 4; // a send that waited may find room
const ENDED = 8; // the peer's end or an error is queued: a short read is not the last one
const LINED_UP = 16; // the fd is in the work queue
const LISTENING = 32; // accepts were armed

const OP_ACCEPT = 1;
const OP_RECV = 2;
const RECV_ONCE = 2; // with the group of a receive: it ends with its first bytes, so many at most:
const RECV_LENGTH_SHIFT = 2;
const OP_SEND = 3;
const OP_CONNECT = 4;
const OP_POLL = 5;

const NO_OP = 0; // op indices begin at 1

export class EpollEngine implements Engine {
  readonly name = 'epoll';
  readonly buffers: Buffers;
  readonly wakeFd: number;
  ticketLow = 0;
  ticketHigh = 0;
  result = 0;
  bufferId = NO_BUFFER;
  more = false;
  syscallCount = 0;

  private readonly fd: number;
  private readonly arenaAddress: number;
  private readonly events: Int32Array;
  private readonly eventsAddress: number;
  private readonly interest: Int32Array; // one struct epoll_event, for epoll_ctl
  private readonly interestAddress: number;
  private readonly wakeValue = new Uint8Array(8);
  private readonly optionValue = new Int32Array(1);
  private readonly optionLength = new Int32Array(1);
  private readonly ownsWakeFd: boolean;
  private woken = false;

  // By fd.
  private states = new Uint8Array(1024);
  private generations = new Int32Array(1024);
  private opsFirst = new Int32Array(1024); // the fd's ops in the order they were armed
  private opsLast = new Int32Array(1024); // meaningful while opsFirst is not NO_OP

  // By op.
  private opNext = new Int32Array(256);
  private opKinds = new Uint8Array(256);
  private opLows = new Int32Array(256);
  private opHighs = new Int32Array(256);
  private opOffsets = new Int32Array(256); // send: arena offset of what is left
  private opLefts = new Int32Array(256); // send: bytes left
  private opTotals = new Int32Array(256); // send: bytes at first
  private opExtras = new Int32Array(256); // recv: group; send: flags; poll: events
  private opFree = NO_OP; // free ops, linked through opNext
  private opUsed = 1;

  // Fds with work left that no edge will announce, each once (LINED_UP).
  private work = new Int32Array(1024);
  private workCount = 0;
  private workSpare = new Int32Array(1024);

  // Completions, five words each.
  private ring = new Int32Array(1024 * 5);
  private ringMask = 1023;
  private ringHead = 0;
  private ringTail = 0;
  private ringShown = 0; // the end of what `next` may show

  /** Throws SysError (EMFILE). */
  constructor(buffers: Buffers, wakeFd = -1) {
    this.buffers = buffers;
    this.arenaAddress = Number(buffers.address);
    const events = mapAnonymous(EVENT_COUNT_MAX * 16);
    this.events = new Int32Array(events.buffer);
    this.eventsAddress = Number(events.address);
    const interest = mapAnonymous(16);
    this.interest = new Int32Array(interest.buffer);
    this.interestAddress = Number(interest.address);
    this.fd = check('epoll_create1', libc.epoll_create1(EPOLL_CLOEXEC));
    this.ownsWakeFd = wakeFd < 0;
    this.wakeFd = this.ownsWakeFd ? libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : wakeFd;
    if (this.wakeFd < 0) {
      const errno = lastErrno();
      libc.close(this.fd);
      throw new SysError('eventfd', errno);
    }
    check('epoll_ctl', this.control(EPOLL_CTL_ADD, this.wakeFd, EPOLLIN));
  }

  acceptArm(fd: number, ticketLow: number, ticketHigh: number): void {
    this.arm(OP_ACCEPT, fd, 0, ticketLow, ticketHigh);
    this.states[fd]! |= LISTENING;
  }

  recvArm(fd: number, group: number, ticketLow: number, ticketHigh: number): void {
    this.arm(OP_RECV, fd, group, ticketLow, ticketHigh);
  }

  recvOnce(fd: number, group: number, lengthMax: number, ticketLow: number, ticketHigh: number): void {
    this.arm(OP_RECV, fd, group | RECV_ONCE | (lengthMax << RECV_LENGTH_SHIFT), ticketLow, ticketHigh);
  }

  send(fd: number, offset: number, length: number, flags: number, ticketLow: number, ticketHigh: number): void {
    this.reach(fd);
    const op = this.addOp(OP_SEND, fd, ticketLow, ticketHigh);
    this.opOffsets[op] = offset;
    this.opLefts[op] = length;
    this.opTotals[op] = length;
    this.opExtras[op] = flags | MSG_NOSIGNAL;
    if (this.firstOp(fd, OP_SEND) !== op) return; // behind another: the order of the bytes is the order of the calls
    this.runSend(fd, op);
  }

  connect(fd: number, sockaddrOffset: number, sockaddrLength: number, ticketLow: number, ticketHigh: number): void {
    this.reach(fd);
    const result = libc.connectAt(fd, this.arenaAddress + sockaddrOffset, sockaddrLength);
    this.syscallCount++;
    const errno = result < 0 ? lastErrno() : 0;
    if (errno !== EINPROGRESS && errno !== EINTR) {
      this.complete(ticketLow, ticketHigh, -errno, NO_BUFFER, false);
      return;
    }
    const op = this.addOp(OP_CONNECT, fd, ticketLow, ticketHigh);
    // A socket connects once, so whatever was registered under this number was another, closed behind our back.
    this.states[fd]! &= ~(REGISTERED | READABLE | WRITABLE | ENDED);
    this.register(fd, op);
  }

  // Edges tell what changes, not what is: setting the interest anew makes the kernel report the present state too.
  pollArm(fd: number, events: number, ticketLow: number, ticketHigh: number): void {
    this.reach(fd);
    const op = this.addOp(OP_POLL, fd, ticketLow, ticketHigh);
    this.opExtras[op] = events | EPOLLERR | EPOLLHUP;
    this.register(fd, op);
  }

  cancel(fd: number, ticketLow: number, ticketHigh: number): void {
    if (fd >= this.states.length) return;
    for (let op = this.opsFirst[fd]!; op !== NO_OP; op = this.opNext[op]!) {
      if (this.opLows[op] !== ticketLow || this.opHighs[op] !== ticketHigh) continue;
      const sent = this.opKinds[op] === OP_SEND ? this.opTotals[op]! - this.opLefts[op]! : 0;
      this.finishOp(fd, op, sent > 0 ? sent : -ECANCELED);
      return;
    }
  }

  shutdown(fd: number, how: number): void {
    libc.shutdown(fd, how);
    this.syscallCount++;
  }

  close(fd: number): void {
    this.reach(fd);
    assert(this.opsFirst[fd] === NO_OP, 'an fd was closed with an operation armed');
    // Listening sockets are often shared with other processes: without this, each connection there would wake us.
    if ((this.states[fd]! & LISTENING) !== 0) this.control(EPOLL_CTL_DEL, fd, 0);
    this.forget(fd);
    libc.close(fd);
    this.syscallCount++;
  }

  turn(timeoutMs: number): void {
    this.runWork();
    const idle = this.ringHead === this.ringTail && this.workCount === 0;
    const wait = idle ? Math.ceil(timeoutMs) : 0;
    const count = libc.epoll_wait(this.fd, this.eventsAddress, EVENT_COUNT_MAX, wait);
    this.syscallCount++;
    if (count < 0 && lastErrno() !== EINTR) throw new SysError('epoll_wait', lastErrno());
    const events = this.events;
    for (let index = 0; index < count; index++) {
      const at = index * EVENT_WORDS;
      const fd = events[at + EVENT_DATA_WORD]!;
      if (fd === this.wakeFd) this.wakeDone();
      else if (events[at + EVENT_DATA_WORD + 1] === this.generations[fd]) this.edge(fd, events[at]!);
    }
    this.ringShown = this.ringTail;
  }

  next(): boolean {
    if (this.ringHead === this.ringShown) return false;
    const at = (this.ringHead & this.ringMask) * 5;
    const ring = this.ring;
    this.ticketLow = ring[at]!;
    this.ticketHigh = ring[at + 1]!;
    this.result = ring[at + 2]!;
    this.bufferId = ring[at + 3]!;
    this.more = ring[at + 4] !== 0;
    this.ringHead = (this.ringHead + 1) | 0;
    return true;
  }

  takeWoken(): boolean {
    const woken = this.woken;
    this.woken = false;
    return woken;
  }

  // Between turns no buffer is lent: only those in completions nobody has seen have to come home.
  // Nothing is under way in the kernel: all operations are ours, and the epoll fd goes when its owner closes it.
  abandon(): void {}

  ownFds(): readonly number[] {
    return this.ownsWakeFd ? [this.fd, this.wakeFd] : [this.fd];
  }

  stop(): void {
    for (; this.ringHead !== this.ringTail; this.ringHead = (this.ringHead + 1) | 0) {
      const bufferId = this.ring[(this.ringHead & this.ringMask) * 5 + 3]!;
      if (bufferId !== NO_BUFFER) this.buffers.release(bufferId);
    }
    this.ringShown = this.ringTail;
    check('close', libc.close(this.fd));
    if (this.ownsWakeFd) check('close', libc.close(this.wakeFd));
  }

  // A receive or accept: known readiness is used in this turn's work, else the kernel tells on registration.
  private arm(kind: number, fd: number, extra: number, ticketLow: number, ticketHigh: number): void {
    this.reach(fd);
    const op = this.addOp(kind, fd, ticketLow, ticketHigh);
    this.opExtras[op] = extra;
    const state = this.states[fd]!;
    if ((state & REGISTERED) === 0) this.register(fd, op);
    else if ((state & (READABLE | ENDED)) !== 0) this.lineUp(fd);
  }

  // Registers the fd, or asks again for its present state. A refusal (EBADF, EPERM, ENOSPC) ends the op.
  private register(fd: number, op: number): void {
    const state = this.states[fd]!;
    const control = (state & REGISTERED) === 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    let result = this.control(control, fd, INTEREST);
    if (result < 0 && control === EPOLL_CTL_ADD && lastErrno() === EEXIST) {
      result = this.control(EPOLL_CTL_MOD, fd, INTEREST);
    }
    if (result < 0) this.finishOp(fd, op, -lastErrno());
    else this.states[fd] = state | REGISTERED;
  }

  private control(operation: number, fd: number, events: number): number {
    this.interest[0] = events;
    this.interest[EVENT_DATA_WORD] = fd;
    this.interest[EVENT_DATA_WORD + 1] = fd < this.generations.length ? this.generations[fd]! : 0;
    this.syscallCount++;
    return libc.epoll_ctl(this.fd, operation, fd, this.interestAddress);
  }

  private edge(fd: number, events: number): void {
    let state = this.states[fd]!;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) state |= READABLE;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) state |= ENDED;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) state |= WRITABLE;
    this.states[fd] = state;
    for (let op = this.opsFirst[fd]!; op !== NO_OP; ) {
      const after = this.opNext[op]!; // the op may end, which frees it
      if (this.opKinds[op] === OP_POLL) {
        const asked = events & this.opExtras[op]!;
        if (asked !== 0) this.finishOp(fd, op, asked);
      } else if (this.opKinds[op] === OP_CONNECT) {
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) !== 0) this.finishOp(fd, op, -this.socketError(fd));
      }
      op = after;
    }
    this.runFd(fd);
  }

  // The fds lined up before this turn; what they line up anew waits for the next.
  private runWork(): void {
    const count = this.workCount;
    if (count === 0) return;
    const work = this.work;
    this.work = this.workSpare;
    this.workSpare = work;
    this.workCount = 0;
    for (let index = 0; index < count; index++) {
      const fd = work[index]!;
      this.states[fd]! &= ~LINED_UP;
      this.runFd(fd);
    }
  }

  private runFd(fd: number): void {
    for (let op = this.opsFirst[fd]!; op !== NO_OP; ) {
      const after = this.opNext[op]!;
      const kind = this.opKinds[op]!;
      const state = this.states[fd]!;
      if (kind === OP_RECV && (state & (READABLE | ENDED)) !== 0) this.runRecv(fd, op);
      else if (kind === OP_SEND && (state & WRITABLE) !== 0) this.runSend(fd, op);
      else if (kind === OP_ACCEPT && (state & READABLE) !== 0) this.runAccept(fd, op);
      op = after;
    }
  }

  private runAccept(fd: number, op: number): void {
    const low = this.opLows[op]!;
    const high = this.opHighs[op]!;
    for (let count = 0; count < ACCEPTS_PER_TURN; count++) {
      const accepted = libc.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      this.syscallCount++;
      if (accepted < 0) {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        if (errno === EAGAIN) this.states[fd]! &= ~READABLE;
        else this.finishOp(fd, op, -errno);
        return;
      }
      this.reach(accepted);
      assert(this.opsFirst[accepted] === NO_OP, 'a new connection has the fd of one with operations armed');
      this.forget(accepted); // in case the last holder of this number closed it without us
      this.complete(low, high, accepted, NO_BUFFER, true);
    }
    this.lineUp(fd);
  }

  private runRecv(fd: number, op: number): void {
    const buffers = this.buffers;
    const extra = this.opExtras[op]!;
    const once = (extra & RECV_ONCE) !== 0;
    const dataBytes = once ? Math.min(buffers.dataBytes, extra >> RECV_LENGTH_SHIFT) : buffers.dataBytes;
    const reserve = (extra & 1) === GROUP_FRONT ? buffers.slotCount >> 2 : 0;
    for (let count = buffers.isScarce ? RECEIVES_PER_TURN - 1 : 0; count < RECEIVES_PER_TURN; ) {
      const bufferId = buffers.freeCount > reserve ? buffers.lend() : -1;
      if (bufferId < 0) {
        this.finishOp(fd, op, -ENOBUFS);
        return;
      }
      const length = libc.recvAt(fd, this.arenaAddress + buffers.dataOffset(bufferId), dataBytes, 0);
      this.syscallCount++;
      if (length <= 0) {
        buffers.takeBack(bufferId);
        const errno = length < 0 ? lastErrno() : 0;
        if (errno === EINTR) continue;
        if (errno === EAGAIN) this.states[fd]! &= ~(READABLE | ENDED);
        else this.finishOp(fd, op, -errno);
        return;
      }
      buffers.handOver(bufferId);
      if (once) {
        if (length < dataBytes && (this.states[fd]! & ENDED) === 0) this.states[fd]! &= ~READABLE;
        this.finishOp(fd, op, length, bufferId);
        return;
      }
      this.complete(this.opLows[op]!, this.opHighs[op]!, length, bufferId, true);
      if (length < dataBytes && (this.states[fd]! & ENDED) === 0) {
        this.states[fd]! &= ~READABLE; // whatever comes from now on is a new edge
        return;
      }
      count++;
    }
    this.lineUp(fd);
  }

  private runSend(fd: number, op: number): void {
    for (;;) {
      const left = this.opLefts[op]!;
      const sent = libc.sendAt(fd, this.arenaAddress + this.opOffsets[op]!, left, this.opExtras[op]!);
      this.syscallCount++;
      if (sent === left) {
        this.finishOp(fd, op, this.opTotals[op]!);
        return;
      }
      if (sent < 0) {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) {
          this.finishOp(fd, op, -errno);
          return;
        }
      } else {
        this.opOffsets[op]! += sent;
        this.opLefts[op] = left - sent;
      }
      // No room: the kernel will announce it, once the fd is registered.
      this.states[fd]! &= ~WRITABLE;
      if ((this.states[fd]! & REGISTERED) === 0) this.register(fd, op);
      return;
    }
  }

  // The fd's number now names another file. The work queue may still hold it; there it has nothing to do.
  private forget(fd: number): void {
    this.generations[fd] = (this.generations[fd]! + 1) | 0;
    this.states[fd]! &= LINED_UP;
  }

  private socketError(fd: number): number {
    this.optionLength[0] = 4;
    this.syscallCount++;
    const result = libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, this.optionValue, this.optionLength);
    return result < 0 ? lastErrno() : this.optionValue[0]!;
  }

  private wakeDone(): void {
    libc.read(this.wakeFd, this.wakeValue, 8);
    this.syscallCount++;
    this.woken = true;
  }

  private lineUp(fd: number): void {
    const state = this.states[fd]!;
    if ((state & LINED_UP) !== 0) return;
    this.states[fd] = state | LINED_UP;
    if (this.workCount === this.work.length) {
      const work = new Int32Array(this.workCount * 2);
      work.set(this.work);
      this.work = work;
      this.workSpare = new Int32Array(this.workCount * 2);
    }
    this.work[this.workCount++] = fd;
  }

  private firstOp(fd: number, kind: number): number {
    let op = this.opsFirst[fd]!;
    while (op !== NO_OP && this.opKinds[op] !== kind) op = this.opNext[op]!;
    return op;
  }

  // A new op at the end of the fd's list.
  private addOp(kind: number, fd: number, ticketLow: number, ticketHigh: number): number {
    assert(ticketLow !== 0, 'a ticket with a low word of 0 belongs to the engine');
    let op = this.opFree;
    if (op !== NO_OP) this.opFree = this.opNext[op]!;
    else {
      if (this.opUsed === this.opNext.length) this.growOps();
      op = this.opUsed++;
    }
    this.opKinds[op] = kind;
    this.opLows[op] = ticketLow;
    this.opHighs[op] = ticketHigh;
    this.opNext[op] = NO_OP;
    if (this.opsFirst[fd] === NO_OP) this.opsFirst[fd] = op;
    else this.opNext[this.opsLast[fd]!] = op;
    this.opsLast[fd] = op;
    return op;
  }

  // The op's last completion; the op is free afterwards.
  private finishOp(fd: number, op: number, result: number, bufferId = NO_BUFFER): void {
    this.complete(this.opLows[op]!, this.opHighs[op]!, result, bufferId, false);
    const after = this.opNext[op]!;
    let before = this.opsFirst[fd]!;
    if (before === op) this.opsFirst[fd] = after;
    else {
      while (this.opNext[before] !== op) before = this.opNext[before]!;
      this.opNext[before] = after;
      if (after === NO_OP) this.opsLast[fd] = before;
    }
    this.opKinds[op] = 0;
    this.opNext[op] = this.opFree;
    this.opFree = op;
  }

  private complete(ticketLow: number, ticketHigh: number, result: number, bufferId: number, more: boolean): void {
    if (((this.ringTail - this.ringHead) | 0) > this.ringMask) this.growRing();
    const at = (this.ringTail & this.ringMask) * 5;
    const ring = this.ring;
    ring[at] = ticketLow;
    ring[at + 1] = ticketHigh;
    ring[at + 2] = result;
    ring[at + 3] = bufferId;
    ring[at + 4] = more ? 1 : 0;
    this.ringTail = (this.ringTail + 1) | 0;
  }

  // Makes room for the fd's state. Fds are small and dense: the kernel gives out the lowest free number.
  private reach(fd: number): void {
    if (fd < this.states.length) return;
    let count = this.states.length;
    while (count <= fd) count *= 2;
    const states = new Uint8Array(count);
    states.set(this.states);
    this.states = states;
    this.generations = grown(this.generations, count);
    this.opsFirst = grown(this.opsFirst, count);
    this.opsLast = grown(this.opsLast, count);
  }

  private growOps(): void {
    const count = this.opNext.length * 2;
    const kinds = new Uint8Array(count);
    kinds.set(this.opKinds);
    this.opKinds = kinds;
    this.opNext = grown(this.opNext, count);
    this.opLows = grown(this.opLows, count);
    this.opHighs = grown(this.opHighs, count);
    this.opOffsets = grown(this.opOffsets, count);
    this.opLefts = grown(this.opLefts, count);
    this.opTotals = grown(this.opTotals, count);
    this.opExtras = grown(this.opExtras, count);
  }

  private growRing(): void {
    const count = (this.ringMask + 1) * 2;
    const ring = new Int32Array(count * 5);
    for (let index = this.ringHead; index !== this.ringTail; index = (index + 1) | 0) {
      const from = (index & this.ringMask) * 5;
      ring.set(this.ring.subarray(from, from + 5), (index & (count - 1)) * 5);
    }
    this.ring = ring;
    this.ringMask = count - 1;
  }
}

function grown(array: Int32Array, count: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(count);
  larger.set(array);
  return larger;
}
