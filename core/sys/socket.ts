// Sockets for set-up paths: create, name, options. The data path talks to core/io instead.

import {
  AF_INET6,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  O_NONBLOCK,
  SO_DOMAIN,
  SO_PEERCRED,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from './abi.ts';
import { check } from './errno.ts';
import * as libc from './libc.ts';
import { type DecodedSockaddr, decodeSockaddr, SOCKADDR_BYTES_MAX } from './sockaddr.ts';

// Scratch for option values and names: only lent to libc for the length of a call.
const intValue = new Int32Array(1);
const lingerValue = new Int32Array(2);
const credentials = new Int32Array(3);
const nameBytes = new Uint8Array(SOCKADDR_BYTES_MAX);
const nameLength = new Int32Array(1);

/** socket(2), non-blocking and close-on-exec; returns the fd or throws SysError. */
export function openSocket(family: number, type: number): number {
  return check('socket', libc.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** setsockopt(2) with an int; throws SysError. */
export function setOption(fd: number, level: number, option: number, value: number): void {
  check('setsockopt', trySetOption(fd, level, option, value));
}

/** setsockopt(2) with an int; returns 0 or -1. For options whose refusal changes nothing that matters. */
export function trySetOption(fd: number, level: number, option: number, value: number): number {
  intValue[0] = value;
  return libc.setsockopt(fd, level, option, intValue, 4);
}

/** SO_LINGER on with `seconds`: 0 makes close(2) send RST (option nolinger). */
export function setLinger(fd: number, seconds: number): void {
  lingerValue[0] = 1;
  lingerValue[1] = seconds;
  check('setsockopt', libc.setsockopt(fd, SOL_SOCKET, 13, lingerValue, 8));
}

/** getsockopt(2) of an int; throws SysError. */
export function getOption(fd: number, level: number, option: number): number {
  nameLength[0] = 4;
  check('getsockopt', libc.getsockopt(fd, level, option, intValue, nameLength));
  return intValue[0]!;
}

/** setsockopt(2) with a string, as SO_BINDTODEVICE takes; throws SysError. */
export function setOptionText(fd: number, level: number, option: number, text: string): void {
  const bytes = new TextEncoder().encode(`${text}\0`);
  check('setsockopt', libc.setsockopt(fd, level, option, bytes, bytes.length));
}

/** bind(2) then listen(2); throws SysError naming the call that failed. */
export function bindAndListen(fd: number, sockaddr: Uint8Array, backlog: number): void {
  check('bind', libc.bind(fd, sockaddr, sockaddr.length));
  check('listen', libc.listen(fd, backlog));
}

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Who is at the other end of a connected Unix socket (SO_PEERCRED, unix(7)); throws SysError. */
export function peerCredentials(fd: number): PeerCredentials {
  nameLength[0] = credentials.byteLength;
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, nameLength));
  return { pid: credentials[0]!, uid: credentials[1]!, gid: credentials[2]! };
}

/** The socket's own address; throws SysError. */
export function localAddress(fd: number): DecodedSockaddr {
  nameLength[0] = SOCKADDR_BYTES_MAX;
  check('getsockname', libc.getsockname(fd, nameBytes, nameLength));
  return decodeSockaddr(nameBytes, nameLength[0]!);
}

/** The address family of an inherited socket (SO_DOMAIN); throws SysError (ENOTSOCK when it is none). */
export function socketFamily(fd: number): number {
  return getOption(fd, SOL_SOCKET, SO_DOMAIN);
}

/** Whether a family is IPv6 here, where the difference is an option's level. */
export function isInet6(family: number): boolean {
  return family === AF_INET6;
}

/** Makes an inherited fd non-blocking and close-on-exec; throws SysError (EBADF when it is not open). */
export function adoptFd(fd: number): void {
  const status = check('fcntl', libc.fcntl(fd, F_GETFL, 0));
  check('fcntl', libc.fcntl(fd, F_SETFL, status | O_NONBLOCK));
  const flags = check('fcntl', libc.fcntl(fd, F_GETFD, 0));
  check('fcntl', libc.fcntl(fd, F_SETFD, flags | FD_CLOEXEC));
}

/** close(2); throws SysError. On Linux the fd is gone whatever it returns. */
export function closeFd(fd: number): void {
  check('close', libc.close(fd));
}
