// The few synchronous socket calls of the data path: one place for them, each counted by its caller.
//
// Each works on scratch memory mapped once per thread and returns what the kernel returned: no object is made.

import { networkInterfaces } from 'node:os';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  F_SETPIPE_SZ,
  IP_BIND_ADDRESS_NO_PORT,
  IP_TOS,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  O_CLOEXEC,
  O_NONBLOCK,
  SO_BINDTODEVICE,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_MARK,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
  TCP_INFO,
  TCP_NODELAY,
  TCP_REPAIR,
  TCP_USER_TIMEOUT,
} from '../sys/abi.ts';
import { EAGAIN, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETIMEDOUT } from '../sys/errno.ts';
import { lastErrno } from '../sys/ffi.ts';
import * as libc from '../sys/libc.ts';
import { mapAnonymous } from '../sys/memory.ts';
import { encodeInet, encodeUnixAbstract, encodeUnixPath, SOCKADDR_BYTES_MAX } from '../sys/sockaddr.ts';

export { AF_INET, AF_INET6, AF_UNIX, EAGAIN, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETIMEDOUT };

const scratch = mapAnonymous(4096);
const nameBytes = scratch.bytes.subarray(0, SOCKADDR_BYTES_MAX);
const nameView = new DataView(scratch.buffer, 0, SOCKADDR_BYTES_MAX);
const lengthCell = new Int32Array(scratch.buffer, 256, 1);
const optionCells = new Int32Array(scratch.buffer, 512, 2);
const pipeFds = new Int32Array(scratch.buffer, 1024, 2);

/** An address as the last peerName/ownName call read it: family, port, and big-endian words (IPv4: word 0 only). */
export const lastName = { family: 0, port: 0, word0: 0, word1: 0, word2: 0, word3: 0 };

/** socket(2) for a non-blocking stream; the fd or -errno. */
export function openStreamSocket(family: number): number {
  const fd = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -lastErrno() : fd;
}

/** Small packets leave at once (tcp(7)). 0 or -1; a socket that is no TCP refuses, which changes nothing. */
export function setNodelay(fd: number): number {
  optionCells[0] = 1;
  return libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, optionCells, 4);
}

export function setKeepalive(fd: number): number {
  optionCells[0] = 1;
  return libc.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, optionCells, 4);
}

export function setUserTimeout(fd: number, timeoutMs: number): number {
  optionCells[0] = timeoutMs;
  return libc.setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, optionCells, 4);
}

/** close(2) will send RST and forget unsent bytes (option nolinger). */
export function setNoLinger(fd: number): number {
  optionCells[0] = 1;
  optionCells[1] = 0;
  return libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, optionCells, 8);
}

/** The packets' firewall mark (socket(7) SO_MARK); needs CAP_NET_ADMIN, else it is refused with -1. */
export function setSocketMark(fd: number, mark: number): number {
  optionCells[0] = mark;
  return libc.setsockopt(fd, SOL_SOCKET, SO_MARK, optionCells, 4);
}

/** The packets' TOS or traffic class (ip(7), ipv6(7)), 0–255. */
export function setSocketTos(fd: number, family: number, tos: number): number {
  optionCells[0] = tos;
  if (family === AF_INET6) libc.setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, optionCells, 4);
  return libc.setsockopt(fd, IPPROTO_IP, IP_TOS, optionCells, 4);
}

/**
 * The peer will not be told when this socket is closed. With CAP_NET_ADMIN the connection is simply forgotten
 * (TCP_REPAIR); without, or with `ttl`, it is reset by a packet that dies after so many hops (1 without `ttl`).
 */
export function forgetSocket(fd: number, family: number, ttl: number): void {
  if (ttl > 0) {
    limitHops(fd, family, ttl);
    return;
  }
  optionCells[0] = 1;
  if (libc.setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, optionCells, 4) === 0) return;
  limitHops(fd, family, 1);
}

// A reset that does not get farther than `ttl` hops: to a firewall near by, not to the peer.
function limitHops(fd: number, family: number, ttl: number): void {
  optionCells[0] = ttl;
  if (family === AF_INET6) libc.setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, optionCells, 4);
  else libc.setsockopt(fd, IPPROTO_IP, IP_TTL, optionCells, 4);
  setNoLinger(fd);
}

/** Binds an outgoing socket to a source address (`source`); port 0 leaves the choice to connect(2). 0 or -errno. */
export function bindSource(fd: number, sockaddr: Uint8Array, interfaceName: Uint8Array | null): number {
  optionCells[0] = 1;
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, optionCells, 4);
  libc.setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, optionCells, 4);
  if (interfaceName !== null) {
    if (libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interfaceName, interfaceName.length) < 0) return -lastErrno();
  }
  return libc.bind(fd, sockaddr, sockaddr.length) < 0 ? -lastErrno() : 0;
}

/**
 * Whether an address is one of this system's: the kernel lets only its own be bound. 1 yes, 0 no, -1 it cannot be told.
 */
export function isOwnAddress(sockaddr: Uint8Array): number {
  const fd = libc.socket(sockaddr[0]!, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const bound = libc.bind(fd, sockaddr, sockaddr.length);
  libc.close(fd);
  return bound === 0 ? 1 : 0;
}

const TCP_INFO_BYTES = 232;
const infoCells = new Int32Array(scratch.buffer, 2048, TCP_INFO_BYTES / 4);

/** One 32-bit field of the kernel's struct tcp_info (tcp(7)), by its byte offset; -1 when it is not to be had. */
export function tcpInfo(fd: number, offset: number): number {
  lengthCell[0] = TCP_INFO_BYTES;
  if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, infoCells, lengthCell) < 0) return -1;
  return offset + 4 <= lengthCell[0]! ? infoCells[offset >> 2]! >>> 0 : -1;
}

/** getpeername(2) into `lastName`; 0 or -errno. */
export function readPeerName(fd: number): number {
  lengthCell[0] = SOCKADDR_BYTES_MAX;
  if (libc.getpeername(fd, nameBytes, lengthCell) < 0) return -lastErrno();
  readName();
  return 0;
}

/** getsockname(2) into `lastName`; 0 or -errno. */
export function readOwnName(fd: number): number {
  lengthCell[0] = SOCKADDR_BYTES_MAX;
  if (libc.getsockname(fd, nameBytes, lengthCell) < 0) return -lastErrno();
  readName();
  return 0;
}

function readName(): void {
  const family = nameView.getUint16(0, true);
  const name = lastName;
  name.family = family;
  name.port = 0;
  name.word1 = 0;
  name.word2 = 0;
  name.word3 = 0;
  if (family === AF_INET) {
    name.port = nameView.getUint16(2);
    name.word0 = nameView.getInt32(4);
  } else if (family === AF_INET6) {
    name.port = nameView.getUint16(2);
    name.word0 = nameView.getInt32(8);
    name.word1 = nameView.getInt32(12);
    name.word2 = nameView.getInt32(16);
    name.word3 = nameView.getInt32(20);
  } else {
    name.word0 = 0;
  }
}

/** A pipe of `bytes` capacity for splice(2): its read end, write end in `pipeWriteEnd`; or -errno. */
export function openPipe(bytes: number): number {
  if (libc.pipe2(pipeFds, O_NONBLOCK | O_CLOEXEC) < 0) return -lastErrno();
  // A refusal (fs.pipe-user-pages-soft) leaves the default 64 KiB, which only costs more calls.
  libc.fcntl(pipeFds[1]!, F_SETPIPE_SZ, bytes);
  return pipeFds[0]!;
}

/** The write end of the pipe that openPipe has just made. */
export function lastPipeWriteEnd(): number {
  return pipeFds[1]!;
}

/** splice(2), non-blocking, at most `length` bytes: bytes moved, 0 at end of stream, or -errno. */
export function spliceBytes(fdFrom: number, fdTo: number, length: number): number {
  const moved = libc.splice(fdFrom, 0, fdTo, 0, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  return moved < 0 ? -lastErrno() : moved;
}

/** close(2) at once, for fds no engine operation is pending on. */
export function closeNow(fd: number): void {
  libc.close(fd);
}

/** An IPv4 or IPv6 text as big-endian 32-bit words: one or four. */
export function addressWords(host: string): number[] {
  const bytes = encodeInet(host, 0);
  const view = new DataView(bytes.buffer);
  return bytes.length === 16 ? [view.getInt32(4)] : [8, 12, 16, 20].map((at) => view.getInt32(at));
}

/** The addresses that a connection can be made to or bound to; an inherited fd has none. */
export type ReachableAddress =
  | { family: 'inet'; host: string; port: number }
  | { family: 'inet6'; host: string; port: number; scope: string }
  | { family: 'unix'; path: string }
  | { family: 'abns'; name: string; zeroTerminated: boolean }
  | { family: 'fd'; fd: number };

/** An address of the model as struct sockaddr bytes; throws TypeError for an fd, which cannot be connected to. */
export function encodeAddress(address: ReachableAddress): Uint8Array {
  switch (address.family) {
    case 'inet':
      return encodeInet(address.host, address.port);
    case 'inet6':
      return encodeInet(address.host, address.port, scopeId(address.scope));
    case 'unix':
      return encodeUnixPath(address.path);
    case 'abns':
      return encodeUnixAbstract(address.name, address.zeroTerminated);
    default:
      throw new TypeError('an inherited socket is not an address to connect to');
  }
}

function scopeId(scope: string): number {
  if (scope === '') return 0;
  if (/^[0-9]+$/.test(scope)) return Number(scope);
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const found = addresses?.find((address) => address.family === 'IPv6' && name === scope);
    if (found?.family === 'IPv6') return found.scopeid;
  }
  return 0;
}
