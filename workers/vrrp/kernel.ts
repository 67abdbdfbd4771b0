// The thread's two netlink sockets: one to ask and command, one that listens for what others change.
//
// The kernel answers a command within the send, so nothing here waits. A monitor that lost messages (ENOBUFS) says
// so, and its owner dumps everything again.

import {
  type MessageWriter,
  type NetlinkMessage,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseError,
  parseMessages,
} from '../../core/netlink/message.ts';
import {
  AF_NETLINK,
  NETLINK_EXT_ACK,
  NETLINK_ROUTE,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
} from '../../core/sys/abi.ts';
import { check, ENOBUFS } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodeNetlinkAddress, type PacketIo, RECEIVE_FAILED } from '../../core/sys/packet-io.ts';
import { trySetOption } from '../../core/sys/socket.ts';

const MONITOR_BUFFER_BYTES = 1024 * 1024;
const DUMP_TRIES_MAX = 5; // of a dump that the kernel says was interrupted by a change

export interface Acknowledgement {
  errno: number; // 0: done
  text: string; // the kernel's words, '' none
}

/** Opens a netlink socket of `protocol`, bound with multicast `groups`; throws SysError. */
export function openNetlink(protocol: number, groups: number): number {
  const fd = check('socket', libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  const name = encodeNetlinkAddress(groups);
  check('bind', libc.bind(fd, name, name.length));
  trySetOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  return fd;
}

export class Kernel {
  readonly monitorFd: number;
  errorCount = 0;
  overrunCount = 0;
  private readonly io: PacketIo;
  private readonly commandFd: number;
  private sequence = 0;

  /** Throws SysError when netlink cannot be had. */
  constructor(io: PacketIo, monitorGroups: number) {
    this.io = io;
    this.commandFd = openNetlink(NETLINK_ROUTE, 0);
    this.monitorFd = openNetlink(NETLINK_ROUTE, monitorGroups);
    if (trySetOption(this.monitorFd, SOL_SOCKET, SO_RCVBUFFORCE, MONITOR_BUFFER_BYTES) < 0) {
      trySetOption(this.monitorFd, SOL_SOCKET, SO_RCVBUF, MONITOR_BUFFER_BYTES);
    }
  }

  nextSequence(): number {
    this.sequence = (this.sequence + 1) >>> 0;
    return this.sequence;
  }

  /** Sends a command that asks for an acknowledgement, and reads it. */
  command(message: Uint8Array): Acknowledgement {
    const sequence = this.sequence;
    const refused = this.send(message);
    if (refused !== 0) return { errno: refused, text: '' };
    for (;;) {
      const batch = this.take(this.commandFd);
      if (typeof batch === 'number') return { errno: batch === 0 ? ENOBUFS : batch, text: '' };
      for (const answer of batch) {
        if (answer.type === NLMSG_ERROR && answer.sequence === sequence) return parseError(answer);
      }
    }
  }

  /** Every message a dump answers with; null when it failed. `encode` writes the request for a sequence number. */
  dump(encode: (sequence: number) => Uint8Array): NetlinkMessage[] | null {
    for (let attempt = 0; attempt < DUMP_TRIES_MAX; attempt++) {
      const messages = this.dumpOnce(encode(this.nextSequence()));
      if (messages !== 'interrupted') return messages;
    }
    this.errorCount++;
    return null;
  }

  private dumpOnce(request: Uint8Array): NetlinkMessage[] | 'interrupted' | null {
    const sequence = this.sequence;
    if (this.send(request) !== 0) return null;
    const found: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      const batch = this.take(this.commandFd);
      if (typeof batch === 'number') return null;
      for (const message of batch) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_DONE) return interrupted ? 'interrupted' : found;
        if (message.type === NLMSG_ERROR) return null;
        found.push(message);
      }
    }
  }

  /** What happened since the last look, oldest first; 'lost' when the kernel had to drop some. */
  changes(): NetlinkMessage[] | 'lost' {
    const found: NetlinkMessage[] = [];
    let lost = false;
    for (;;) {
      const batch = this.take(this.monitorFd);
      if (batch === ENOBUFS) {
        lost = true;
        this.overrunCount++;
        continue;
      }
      if (typeof batch === 'number') return lost ? 'lost' : found;
      found.push(...batch);
    }
  }

  close(): void {
    libc.close(this.commandFd);
    libc.close(this.monitorFd);
  }

  private send(message: Uint8Array): number {
    this.io.data.set(message);
    return this.io.send(this.commandFd, message.length, KERNEL, 0, null, 0);
  }

  // The messages of one datagram, copied out of the shared buffer; 0 when there is none, else the errno.
  private take(fd: number): NetlinkMessage[] | number {
    const length = this.io.receive(fd, false);
    if (length === RECEIVE_FAILED) return this.io.errno;
    if (length < 0) return 0;
    return parseMessages(this.io.data.slice(0, length));
  }
}

const KERNEL = encodeNetlinkAddress(0);

/** A writer large enough for any command of VRRP's. */
export const COMMAND_BYTES_MAX = 8192;
export type Encode = (writer: MessageWriter, sequence: number) => Uint8Array;
