// Datagrams with their control messages (recvmsg(2), sendmsg(2), cmsg(3)) and waiting on a few descriptors (ppoll(2)).
//
// One mapped area a thread holds every struct the kernel reads or writes, so nothing moves under it and nothing is
// allocated per packet. For raw sockets at set-up rates and VRRP's packets; the proxy's data path is core/io's.

import {
  AF_NETLINK,
  AF_PACKET,
  IP_PKTINFO,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  MSG_TRUNC,
  SO_ATTACH_FILTER,
  SO_TIMESTAMPNS,
  SOL_SOCKET,
} from './abi.ts';
import { EAGAIN, EINTR } from './errno.ts';
import { lastErrno } from './ffi.ts';
import * as libc from './libc.ts';
import { type Mapping, mapAnonymous } from './memory.ts';

// struct msghdr (64-bit): name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48.
const MSGHDR = 0;
const IOVEC = 64;
const NAME = 128;
const NAME_BYTES = 128;
const CONTROL = 256;
const CONTROL_BYTES = 256;
const DATA = 4096;
const CMSG_HEADER_BYTES = 16; // len 0 (8 bytes), level 8, type 12
const PKTINFO6_BYTES = 20; // in6_addr, ifindex
const PKTINFO4_BYTES = 12; // ifindex, spec_dst, addr

export const RECEIVE_NOTHING = -1; // nothing is waiting
export const RECEIVE_FAILED = -2; // see `errno`: ENOBUFS on a netlink socket says that messages were lost

/** The buffers of one thread's datagram calls; what one call leaves is valid until the next. */
export class PacketIo {
  readonly data: Uint8Array; // the datagram: what was received, or what is to be sent
  readonly dataBytesMax: number;
  readonly name: Uint8Array; // the source's struct sockaddr after receive()
  nameLength = 0;
  truncated = false;
  hopLimit = -1; // IPV6_HOPLIMIT or IP_TTL, -1 when the kernel did not tell
  errno = 0; // of the last failed call
  readonly destination6 = new Uint8Array(16); // IPV6_PKTINFO's address, zero when not told
  readonly destination4 = new Uint8Array(4); // IP_PKTINFO's address, zero when not told
  interfaceIndex = 0; // IPV6_PKTINFO's or IP_PKTINFO's
  /** SO_TIMESTAMPNS: when the kernel took the packet in, wall clock, ms with fractions; 0 when not told. */
  stampMs = 0;
  /** While true send() names no descriptor to the kernel and says that all went well: rehearsals go that way. */
  isDeaf = false;

  private readonly memory: Mapping;
  private readonly view: DataView;

  constructor(dataBytes: number) {
    this.dataBytesMax = dataBytes;
    this.memory = mapAnonymous(DATA + dataBytes);
    this.view = new DataView(this.memory.buffer);
    this.data = this.memory.bytes.subarray(DATA, DATA + dataBytes);
    this.name = this.memory.bytes.subarray(NAME, NAME + NAME_BYTES);
    this.view.setBigUint64(IOVEC, this.memory.address + BigInt(DATA), true);
    this.view.setBigUint64(MSGHDR, this.memory.address + BigInt(NAME), true);
    this.view.setBigUint64(MSGHDR + 16, this.memory.address + BigInt(IOVEC), true);
    this.view.setBigUint64(MSGHDR + 24, 1n, true);
  }

  /**
   * The datagram's length in bytes, RECEIVE_NOTHING or RECEIVE_FAILED. `withControl` reads what the socket was set to
   * tell: hop limit, destination, time stamp.
   */
  receive(fd: number, withControl: boolean): number {
    const { view } = this;
    view.setUint32(MSGHDR + 8, NAME_BYTES, true);
    view.setBigUint64(IOVEC + 8, BigInt(this.dataBytesMax), true);
    view.setBigUint64(MSGHDR + 32, withControl ? this.memory.address + BigInt(CONTROL) : 0n, true);
    view.setBigUint64(MSGHDR + 40, withControl ? BigInt(CONTROL_BYTES) : 0n, true);
    view.setInt32(MSGHDR + 48, 0, true);
    const length = libc.recvmsg(fd, this.memory.address, 0);
    if (length < 0) {
      this.errno = lastErrno();
      return this.errno === EAGAIN || this.errno === EINTR ? RECEIVE_NOTHING : RECEIVE_FAILED;
    }
    this.nameLength = view.getUint32(MSGHDR + 8, true);
    this.truncated = (view.getInt32(MSGHDR + 48, true) & MSG_TRUNC) !== 0;
    if (withControl) this.readControl();
    return length;
  }

  /**
   * Sends `length` bytes of `data` to `sockaddr`; a source address (16 bytes) and interface go along as IPV6_PKTINFO
   * when `interfaceIndex` is not 0. Returns 0, or the positive errno.
   */
  send(
    fd: number,
    length: number,
    sockaddr: Uint8Array,
    flags: number,
    source6: Uint8Array | null,
    interfaceIndex: number,
  ): number {
    const { view } = this;
    this.name.set(sockaddr);
    view.setUint32(MSGHDR + 8, sockaddr.length, true);
    view.setBigUint64(IOVEC + 8, BigInt(length), true);
    view.setInt32(MSGHDR + 48, 0, true);
    if (source6 === null) {
      view.setBigUint64(MSGHDR + 32, 0n, true);
      view.setBigUint64(MSGHDR + 40, 0n, true);
    } else {
      view.setBigUint64(MSGHDR + 32, this.memory.address + BigInt(CONTROL), true);
      view.setBigUint64(MSGHDR + 40, BigInt(CMSG_HEADER_BYTES + 24), true);
      view.setBigUint64(CONTROL, BigInt(CMSG_HEADER_BYTES + PKTINFO6_BYTES), true);
      view.setInt32(CONTROL + 8, IPPROTO_IPV6, true);
      view.setInt32(CONTROL + 12, IPV6_PKTINFO, true);
      this.memory.bytes.set(source6, CONTROL + CMSG_HEADER_BYTES);
      view.setInt32(CONTROL + CMSG_HEADER_BYTES + 16, interfaceIndex, true);
    }
    const sent = libc.sendmsg(this.isDeaf ? -1 : fd, this.memory.address, flags);
    if (sent >= 0 || this.isDeaf) return 0;
    this.errno = lastErrno();
    return this.errno;
  }

  private readControl(): void {
    const { view } = this;
    this.hopLimit = -1;
    this.interfaceIndex = 0;
    this.stampMs = 0;
    this.destination6.fill(0);
    this.destination4.fill(0);
    const end = CONTROL + Math.min(CONTROL_BYTES, Number(view.getBigUint64(MSGHDR + 40, true)));
    let at = CONTROL;
    while (at + CMSG_HEADER_BYTES <= end) {
      const length = Number(view.getBigUint64(at, true));
      if (length < CMSG_HEADER_BYTES || at + length > end) return;
      const payload = at + CMSG_HEADER_BYTES;
      if (view.getInt32(at + 8, true) === SOL_SOCKET) {
        // struct timespec; 32 bits of its seconds last until 2106.
        const isStamp = view.getInt32(at + 12, true) === SO_TIMESTAMPNS && length >= CMSG_HEADER_BYTES + 16;
        if (isStamp) this.stampMs = view.getUint32(payload, true) * 1e3 + view.getUint32(payload + 8, true) / 1e6;
      } else if (view.getInt32(at + 8, true) === IPPROTO_IPV6) {
        const type = view.getInt32(at + 12, true);
        if (type === IPV6_HOPLIMIT && length >= CMSG_HEADER_BYTES + 4) this.hopLimit = view.getInt32(payload, true);
        if (type === IPV6_PKTINFO && length >= CMSG_HEADER_BYTES + PKTINFO6_BYTES) {
          this.destination6.set(this.memory.bytes.subarray(payload, payload + 16));
          this.interfaceIndex = view.getInt32(payload + 16, true);
        }
      } else if (view.getInt32(at + 8, true) === IPPROTO_IP) {
        const type = view.getInt32(at + 12, true);
        if (type === IP_TTL && length >= CMSG_HEADER_BYTES + 4) this.hopLimit = view.getInt32(payload, true);
        if (type === IP_PKTINFO && length >= CMSG_HEADER_BYTES + PKTINFO4_BYTES) {
          this.interfaceIndex = view.getInt32(payload, true);
          this.destination4.set(this.memory.bytes.subarray(payload + 8, payload + 12));
        }
      }
      at += (length + 7) & ~7;
    }
  }
}

const POLLFD_BYTES = 8;
const TIMESPEC_BYTES = 16;

/** ppoll(2) over a set of descriptors that changes rarely; waits in nanoseconds, so that timers are not rounded. */
export class Poller {
  private readonly memory: Mapping;
  private readonly view: DataView;
  private readonly fdCountMax: number;
  private count = 0;

  constructor(fdCountMax: number) {
    this.fdCountMax = fdCountMax;
    this.memory = mapAnonymous(TIMESPEC_BYTES + fdCountMax * POLLFD_BYTES);
    this.view = new DataView(this.memory.buffer);
  }

  /** Watches `fds` for reading from now on; throws RangeError for more than the poller has room for. */
  watch(fds: readonly number[], events: number): void {
    if (fds.length > this.fdCountMax) throw new RangeError('more descriptors than the poller has room for');
    this.count = fds.length;
    for (let index = 0; index < fds.length; index++) {
      const at = TIMESPEC_BYTES + index * POLLFD_BYTES;
      this.view.setInt32(at, fds[index]!, true);
      this.view.setInt16(at + 4, events, true);
      this.view.setInt16(at + 6, 0, true);
    }
  }

  /** Waits at most `waitMs` (fractions count; 0 looks only). The number of ready descriptors; 0 on a signal too. */
  wait(waitMs: number): number {
    const seconds = Math.floor(waitMs / 1000);
    this.view.setBigInt64(0, BigInt(seconds), true);
    this.view.setBigInt64(8, BigInt(Math.floor((waitMs - seconds * 1000) * 1e6)), true);
    const { address } = this.memory;
    const ready = libc.ppoll(address + BigInt(TIMESPEC_BYTES), this.count, address, 0, 8);
    return Math.max(0, ready);
  }

  /** What the last wait() found for the descriptor at `index` of watch(): POLLIN, POLLERR, … */
  ready(index: number): number {
    return this.view.getInt16(TIMESPEC_BYTES + index * POLLFD_BYTES + 6, true);
  }
}

/** struct sockaddr_nl of the kernel, or to bind with multicast `groups` (a bit mask). */
export function encodeNetlinkAddress(groups: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return bytes;
}

/** struct sockaddr_ll: frames of `protocol` (an Ethernet type) out of an interface to a 6-byte address. */
export function encodePacketAddress(interfaceIndex: number, protocol: number, destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol, false);
  view.setInt32(4, interfaceIndex, true);
  bytes[11] = destination.length;
  bytes.set(destination, 12);
  return bytes;
}

/** struct ipv6_mreq: group and interface. */
export function encodeMembership6(group: Uint8Array, interfaceIndex: number): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set(group, 0);
  new DataView(bytes.buffer).setInt32(16, interfaceIndex, true);
  return bytes;
}

/** struct ip_mreqn: group, local address 0, interface. */
export function encodeMembership4(group: Uint8Array, interfaceIndex: number): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(group, 0);
  new DataView(bytes.buffer).setInt32(8, interfaceIndex, true);
  return bytes;
}

// struct sock_fprog {len 0, filter 8} and its one instruction at 16: return 0 bytes of every packet.
const BPF_RET_K = 0x06;
let dropProgram: Uint8Array | null = null;

/** A sending socket need not queue what others send: drops everything before it is queued. Returns 0 or -1. */
export function receiveNothing(fd: number): number {
  if (dropProgram === null) {
    const memory = mapAnonymous(4096);
    const view = new DataView(memory.buffer);
    view.setUint16(0, 1, true);
    view.setBigUint64(8, memory.address + 16n, true);
    view.setUint16(16, BPF_RET_K, true);
    dropProgram = memory.bytes;
  }
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, dropProgram, 16);
}
