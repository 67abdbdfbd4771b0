// Log lines out of the process: datagrams (UDP, Unix) by sendmmsg(2), everything else by few write(2)s. Never blocks.
//
// Implements the LogWriter port of core/observe/log-sink.ts, to which a worker gives it. A channel is one address
// with its own stretch of mapped memory, where lines lie one behind the other until they were sent. A receiver that
// is busy keeps its lines waiting there; only when the room is used up are new lines lost, and counted. A line is
// never cut by a busy receiver: what a pipe or a stream socket took only half of is continued later.
//
// Datagram sockets are shared by family and not connected, so that a receiver may come, go and come back. Over UDP,
// neighbouring lines of equal length are handed to the kernel as one message that it cuts into its datagrams
// (udp(7) UDP_SEGMENT): the receiver sees no difference, and the way through the network stack is gone once for all.
// A line of up to 4096 bytes (PIPE_BUF) reaches a pipe in one piece even when several threads write to it.

import { constants, fstatSync, openSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { isatty } from 'node:tty';
import { assert } from '../base/assert.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  F_GETFL,
  F_SETFL,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  SO_RCVBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../sys/abi.ts';
import { EAGAIN, EINTR, EINVAL, ENOBUFS, errnoText } from '../sys/errno.ts';
import { lastErrno } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { type Mapping, mapAligned } from '../sys/memory.ts';
import { encodeInet, encodeUnixAbstract, encodeUnixPath, SOCKADDR_BYTES_MAX } from '../sys/sockaddr.ts';
import { getOption, openSocket, trySetOption } from '../sys/socket.ts';

/** Where a log line can go: the `log` line's target, `stdout` and `stderr` being file descriptors 1 and 2. */
export type LogSocketAddress =
  | { family: 'inet'; host: string; port: number }
  | { family: 'inet6'; host: string; port: number; scope: string }
  | { family: 'unix'; path: string }
  | { family: 'abns'; name: string; zeroTerminated: boolean }
  | { family: 'fd'; fd: number }
  | { family: 'stdout' | 'stderr' };

const EIO = 5;
const EMSGSIZE = 90;
const EOPNOTSUPP = 95;
const SEGMENT_REFUSALS: readonly number[] = [EIO, EINVAL, EMSGSIZE, EOPNOTSUPP];
const LINE_COUNT_MAX = 1024; // UIO_MAXIOV: the most that one sendmmsg takes
const TEXT_BYTES = 256 * 1024;
const PIPE_BUF = 4096;
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
const CONTROL_BYTES = 24; // CMSG_SPACE(sizeof(uint16_t))
const CMSG_LEN = 18;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const SEGMENT_COUNT_MAX = 64; // UDP_MAX_SEGMENTS
const SEGMENTED_BYTES_MAX = 60_000; // a UDP message holds 65507 at most

// A channel's memory: sockaddr | struct mmsghdr[] | struct iovec[] | struct cmsghdr[] | text.
const MESSAGES_AT = SOCKADDR_BYTES_MAX;
const IOVECS_AT = MESSAGES_AT + LINE_COUNT_MAX * MMSGHDR_BYTES;
const CONTROLS_AT = IOVECS_AT + LINE_COUNT_MAX * IOVEC_BYTES;
const TEXT_AT = CONTROLS_AT + LINE_COUNT_MAX * CONTROL_BYTES;
const CHANNEL_BYTES = Math.ceil((TEXT_AT + TEXT_BYTES) / 4096) * 4096;

const SEND_DATAGRAMS = 0; // a line a message
const SEND_STREAM = 1; // stream socket
const WRITE = 2; // pipe, terminal, file

export class LogSocket {
  readonly bytes: Uint8Array;
  droppedCount = 0;
  failedCount = 0;
  failure = '';
  /** Calls that sent something or tried to, for tests and counters. */
  syscallCount = 0;

  private readonly mapping: Mapping;
  private readonly channels: Channel[] = [];
  private readonly channelCountMax: number;
  private readonly ownFds: number[] = [];
  private readonly datagramFds = new Map<number, number>(); // by family

  /** @param channelCountMax how often open() will be called; memory becomes real only where lines are written */
  constructor(channelCountMax: number) {
    this.channelCountMax = channelCountMax;
    this.mapping = mapAligned(Math.max(1, channelCountMax) * CHANNEL_BYTES);
    this.bytes = this.mapping.bytes;
  }

  /** The fds it opened itself: whoever cleans up after this thread closes them. */
  fds(): readonly number[] {
    return this.ownFds;
  }

  /** See LogWriter. */
  open(address: LogSocketAddress): number {
    assert(this.channels.length < this.channelCountMax, 'more log addresses than LogSocket was made for');
    const index = this.channels.length;
    const channel = new Channel(this, this.mapping, index * CHANNEL_BYTES);
    this.channels.push(channel);
    try {
      this.connectChannel(channel, address);
    } catch (error) {
      channel.fd = -1;
      channel.openFailure = error instanceof Error ? error.message : String(error);
    }
    return index;
  }

  /** See LogWriter. */
  reserve(channel: number, lengthMax: number): number {
    return this.channels[channel]!.reserve(lengthMax);
  }

  /** See LogWriter. */
  commit(channel: number, length: number): void {
    this.channels[channel]!.commit(length);
  }

  /** See LogWriter. */
  flush(): boolean {
    let done = true;
    for (let index = 0; index < this.channels.length; index++) {
      const channel = this.channels[index]!;
      if (channel.first === channel.count) continue;
      channel.busy = false;
      channel.send();
      if (channel.first !== channel.count) done = false;
    }
    return done;
  }

  /** Closes what it opened; lines still waiting are lost. */
  stop(): void {
    for (const fd of this.ownFds.splice(0)) libc.close(fd);
    this.datagramFds.clear();
    for (const channel of this.channels) {
      channel.fd = -1;
      channel.openFailure = 'the log is closed';
    }
  }

  private connectChannel(channel: Channel, address: LogSocketAddress): void {
    switch (address.family) {
      case 'inet':
        channel.useDatagrams(this.datagramSocket(AF_INET), encodeInet(address.host, address.port));
        break;
      case 'inet6': {
        const sockaddr = encodeInet(address.host, address.port, scopeIdOf(address.scope));
        channel.useDatagrams(this.datagramSocket(AF_INET6), sockaddr);
        break;
      }
      case 'unix':
        channel.useDatagrams(this.datagramSocket(AF_UNIX), encodeUnixPath(address.path));
        break;
      case 'abns': {
        const sockaddr = encodeUnixAbstract(address.name, !address.zeroTerminated);
        channel.useDatagrams(this.datagramSocket(AF_UNIX), sockaddr);
        break;
      }
      case 'fd':
        this.useFd(channel, address.fd);
        break;
      default:
        this.useFd(channel, address.family === 'stdout' ? 1 : 2);
    }
  }

  private datagramSocket(family: number): number {
    let fd = this.datagramFds.get(family);
    if (fd === undefined) {
      fd = openSocket(family, SOCK_DGRAM);
      trySetOption(fd, SOL_SOCKET, SO_RCVBUF, 0); // nothing is ever received on it
      this.ownFds.push(fd);
      this.datagramFds.set(family, fd);
    }
    return fd;
  }

  private useFd(channel: Channel, fd: number): void {
    const stat = fstatSync(fd);
    if (stat.isSocket()) {
      if (getOption(fd, SOL_SOCKET, SO_TYPE) === SOCK_STREAM) channel.useStream(fd, SEND_STREAM, TEXT_BYTES);
      else channel.useDatagrams(fd, null);
    } else if (stat.isFIFO()) {
      channel.useStream(this.nonBlockingPipe(fd), WRITE, PIPE_BUF);
    } else {
      if (!isatty(fd)) setNonBlocking(fd);
      channel.useStream(fd, WRITE, TEXT_BYTES);
    }
  }

  // O_NONBLOCK belongs to the open file, which a shell's other commands may share: opened anew, it is ours alone.
  private nonBlockingPipe(fd: number): number {
    try {
      const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
      this.ownFds.push(own);
      return own;
    } catch {
      setNonBlocking(fd); // no /proc, or no right to open it: then as HAProxy does it
      return fd;
    }
  }
}

function setNonBlocking(fd: number): void {
  const flags = libc.fcntl(fd, F_GETFL, 0);
  if (flags >= 0) libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

function scopeIdOf(scope: string): number {
  if (scope === '') return 0;
  if (/^\d+$/.test(scope)) return Number(scope);
  const entry = networkInterfaces()[scope]?.find((candidate) => candidate.family === 'IPv6');
  if (entry === undefined) throw new Error(`no such interface: ${scope}`);
  return entry.scopeid;
}

class Channel {
  fd = -1;
  openFailure = '';
  busy = false; // its receiver took no more in this turn
  first = 0; // lines [first, count) wait
  count = 0;

  private readonly owner: LogSocket;
  private readonly textAt: number; // in the mapping, as all offsets here
  private readonly textEnd: number;
  private readonly messagesAddress: number;
  private readonly textAddressBase: number; // address of offset 0 of the mapping
  private readonly words: Uint32Array;
  private readonly sockaddrAt: number;
  private readonly iovecsWord: number; // index in `words` of the first iovec
  private readonly addressLow: number;
  private readonly addressHigh: number;
  private readonly lineAt = new Int32Array(LINE_COUNT_MAX);
  private readonly lineLength = new Int32Array(LINE_COUNT_MAX);
  private used: number; // where the next line begins
  private readonly messageEnd = new Int32Array(LINE_COUNT_MAX); // by message: the line behind its last
  private segments = false; // equal lines may go out as one message
  private kind = WRITE;
  private groupBytesMax = TEXT_BYTES;

  constructor(owner: LogSocket, mapping: Mapping, at: number) {
    this.owner = owner;
    this.textAt = at + TEXT_AT;
    this.textEnd = at + CHANNEL_BYTES;
    this.used = this.textAt;
    this.textAddressBase = Number(mapping.address);
    this.messagesAddress = this.textAddressBase + at + MESSAGES_AT;
    this.words = new Uint32Array(mapping.buffer);
    this.sockaddrAt = at;
    this.iovecsWord = (at + IOVECS_AT) / 4;
    this.addressLow = Number(mapping.address & 0xffff_ffffn);
    this.addressHigh = Number(mapping.address >> 32n);
  }

  /** Lines go out as one datagram each; `sockaddr` null: the fd is connected. */
  useDatagrams(fd: number, sockaddr: Uint8Array | null): void {
    this.fd = fd;
    this.kind = SEND_DATAGRAMS;
    this.segments = sockaddr !== null && (sockaddr[0] === AF_INET || sockaddr[0] === AF_INET6);
    if (sockaddr !== null) this.owner.bytes.set(sockaddr, this.sockaddrAt);
    const messagesWord = (this.sockaddrAt + MESSAGES_AT) / 4;
    for (let index = 0; index < LINE_COUNT_MAX; index++) {
      const word = messagesWord + (index * MMSGHDR_BYTES) / 4;
      if (sockaddr !== null) {
        this.words[word] = this.addressLow + this.sockaddrAt;
        this.words[word + 1] = this.addressHigh;
        this.words[word + 2] = sockaddr.length;
      }
      this.words[word + 4] = this.addressLow + this.sockaddrAt + IOVECS_AT + index * IOVEC_BYTES;
      this.words[word + 5] = this.addressHigh;
      this.words[word + 6] = 1;
      this.words[word + 8] = this.addressLow + this.sockaddrAt + CONTROLS_AT + index * CONTROL_BYTES;
      this.words[word + 9] = this.addressHigh;
      const control = (this.sockaddrAt + CONTROLS_AT + index * CONTROL_BYTES) / 4;
      this.words[control] = CMSG_LEN;
      this.words[control + 2] = SOL_UDP;
      this.words[control + 3] = UDP_SEGMENT;
    }
  }

  /** Lines go out as bytes, at most `groupBytesMax` in a call unless one line alone is longer. */
  useStream(fd: number, kind: number, groupBytesMax: number): void {
    this.fd = fd;
    this.kind = kind;
    this.groupBytesMax = groupBytesMax;
  }

  reserve(lengthMax: number): number {
    if (this.fits(lengthMax)) return this.used;
    if (!this.busy) this.send();
    if (!this.fits(lengthMax) && this.first > 0) this.compact();
    if (this.fits(lengthMax)) return this.used;
    this.owner.droppedCount++;
    return -1;
  }

  commit(length: number): void {
    const index = this.count++;
    assert(length > 0 && this.used + length <= this.textEnd, 'a log line is longer than what was reserved');
    this.lineAt[index] = this.used;
    this.lineLength[index] = length;
    this.used += length;
  }

  send(): void {
    if (this.first === this.count) return;
    if (this.fd < 0) this.fail(this.openFailure);
    else if (this.kind === SEND_DATAGRAMS) this.sendDatagrams();
    else this.sendBytes();
    if (this.first !== this.count) return;
    this.first = 0;
    this.count = 0;
    this.used = this.textAt;
  }

  private fits(length: number): boolean {
    return this.count < LINE_COUNT_MAX && this.used + length <= this.textEnd;
  }

  private sendDatagrams(): void {
    while (this.first < this.count) {
      const messageCount = this.buildMessages();
      this.owner.syscallCount++;
      const sent = libc.sendmmsg(this.fd, this.messagesAddress, messageCount, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) this.first = this.messageEnd[sent - 1]!;
      else if (this.stopsAt(sent < 0 ? lastErrno() : EAGAIN)) return;
    }
  }

  // The waiting lines as messages; returns how many. With segments: lines as long as the first, and one shorter.
  private buildMessages(): number {
    let message = 0;
    let line = this.first;
    while (line < this.count) {
      const segmentBytes = this.lineLength[line]!;
      let messageBytes = segmentBytes;
      let end = line + 1;
      while (this.segments && end < this.count && end - line < SEGMENT_COUNT_MAX) {
        const length = this.lineLength[end]!;
        if (length > segmentBytes || messageBytes + length > SEGMENTED_BYTES_MAX) break;
        messageBytes += length;
        end++;
        if (length < segmentBytes) break;
      }
      this.setMessage(message, this.lineAt[line]!, messageBytes, end - line > 1 ? segmentBytes : 0);
      this.messageEnd[message++] = end;
      line = end;
    }
    return message;
  }

  private setMessage(message: number, at: number, length: number, segmentBytes: number): void {
    const words = this.words;
    const vector = this.iovecsWord + message * (IOVEC_BYTES / 4);
    words[vector] = this.addressLow + at;
    words[vector + 1] = this.addressHigh;
    words[vector + 2] = length;
    words[(this.sockaddrAt + MESSAGES_AT + message * MMSGHDR_BYTES) / 4 + 10] = segmentBytes === 0 ? 0 : CONTROL_BYTES;
    words[(this.sockaddrAt + CONTROLS_AT + message * CONTROL_BYTES) / 4 + 4] = segmentBytes;
  }

  private sendBytes(): void {
    while (this.first < this.count) {
      const at = this.lineAt[this.first]!;
      let length = this.lineLength[this.first]!;
      for (let index = this.first + 1; index < this.count; index++) {
        if (length + this.lineLength[index]! > this.groupBytesMax) break;
        length += this.lineLength[index]!;
      }
      const address = this.textAddressBase + at;
      this.owner.syscallCount++;
      const sent =
        this.kind === SEND_STREAM
          ? libc.sendAt(this.fd, address, length, MSG_DONTWAIT | MSG_NOSIGNAL)
          : libc.writeAt(this.fd, address, length);
      if (sent > 0) this.consume(sent);
      else if (this.stopsAt(sent < 0 ? lastErrno() : EAGAIN)) return;
    }
  }

  // Bytes that went out: whole lines, and perhaps the beginning of one, whose rest stays first in line.
  private consume(sent: number): void {
    let left = sent;
    while (left > 0) {
      const length = this.lineLength[this.first]!;
      if (left < length) {
        this.lineAt[this.first]! += left;
        this.lineLength[this.first]! -= left;
        return;
      }
      left -= length;
      this.first++;
    }
  }

  // True when nothing more can be sent now: a busy receiver keeps its lines, any other error loses them.
  private stopsAt(errno: number): boolean {
    if (errno === EINTR) return false;
    if (errno === EAGAIN || errno === ENOBUFS) {
      this.busy = true;
      return true;
    }
    if (this.segments && SEGMENT_REFUSALS.includes(errno) && this.messageEnd[0]! - this.first > 1) {
      this.segments = false; // not on this route: lines longer than its MTU, or a device that cannot
      return false;
    }
    if (errno === EMSGSIZE && this.kind === SEND_DATAGRAMS) {
      this.first++;
      this.owner.failedCount++;
      this.owner.failure = errnoText(errno);
      return false;
    }
    this.fail(errnoText(errno));
    return true;
  }

  private fail(text: string): void {
    this.owner.failedCount += this.count - this.first;
    this.owner.failure = text;
    this.first = this.count;
  }

  // Waiting lines move to the front of the channel's memory.
  private compact(): void {
    const shift = this.lineAt[this.first]! - this.textAt;
    this.owner.bytes.copyWithin(this.textAt, this.textAt + shift, this.used);
    this.used -= shift;
    const waiting = this.count - this.first;
    for (let index = 0; index < waiting; index++) {
      this.lineAt[index] = this.lineAt[this.first + index]! - shift;
      this.lineLength[index] = this.lineLength[this.first + index]!;
    }
    this.first = 0;
    this.count = waiting;
  }
}
