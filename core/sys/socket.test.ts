// Goal: the set-up helpers do what their names say and their failures name the call. Method: real sockets, asked
// back through getsockopt and fcntl.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as abi from './abi.ts';
import { check, EADDRINUSE, EBADF, ENOTSOCK, SysError } from './errno.ts';
import * as libc from './libc.ts';
import { encodeInet } from './sockaddr.ts';
import {
  adoptFd,
  bindAndListen,
  closeFd,
  getOption,
  isInet6,
  localAddress,
  openSocket,
  setLinger,
  setOption,
  setOptionText,
  socketFamily,
  trySetOption,
} from './socket.ts';

function failsWith(errno: number, syscall: string): (error: unknown) => boolean {
  return (error) => error instanceof SysError && error.errno === errno && error.syscall === syscall;
}

function withSocket(run: (fd: number) => void): void {
  const fd = openSocket(abi.AF_INET, abi.SOCK_STREAM);
  try {
    run(fd);
  } finally {
    closeFd(fd);
  }
}

test('a new socket is non-blocking and closes on exec', () => {
  withSocket((fd) => {
    assert.ok(libc.fcntl(fd, abi.F_GETFL, 0) & abi.O_NONBLOCK);
    assert.equal(libc.fcntl(fd, abi.F_GETFD, 0), abi.FD_CLOEXEC);
  });
});

test('options keep the value they were given', () => {
  withSocket((fd) => {
    assert.equal(getOption(fd, abi.IPPROTO_TCP, abi.TCP_NODELAY), 0);
    setOption(fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1);
    assert.notEqual(getOption(fd, abi.IPPROTO_TCP, abi.TCP_NODELAY), 0);
    setLinger(fd, 7);
    const linger = new Int32Array(2);
    const length = new Int32Array([8]);
    check('getsockopt', libc.getsockopt(fd, abi.SOL_SOCKET, abi.SO_LINGER, linger, length));
    assert.deepEqual([...linger], [1, 7]);
    assert.equal(trySetOption(fd, abi.SOL_SOCKET, 9999, 1), -1);
    assert.throws(() => setOption(fd, abi.SOL_SOCKET, 9999, 1), SysError);
    assert.throws(() => setOptionText(fd, abi.SOL_SOCKET, abi.SO_BINDTODEVICE, 'no-such-device0'), SysError);
  });
});

test('an address in use is told by the name of bind', () => {
  withSocket((fd) => {
    bindAndListen(fd, encodeInet('127.0.0.1', 0), 1);
    assert.equal(getOption(fd, abi.SOL_SOCKET, abi.SO_ACCEPTCONN), 1);
    const { port } = localAddress(fd);
    withSocket((second) => {
      assert.throws(() => bindAndListen(second, encodeInet('127.0.0.1', port), 1), failsWith(EADDRINUSE, 'bind'));
    });
  });
});

test('an inherited fd becomes non-blocking and close-on-exec; what is no socket or not open says so', () => {
  const pipe = new Int32Array(32);
  check('pipe2', libc.pipe2(pipe, 0));
  try {
    adoptFd(pipe[0]!);
    assert.ok(libc.fcntl(pipe[0]!, abi.F_GETFL, 0) & abi.O_NONBLOCK);
    assert.equal(libc.fcntl(pipe[0]!, abi.F_GETFD, 0), abi.FD_CLOEXEC);
    assert.throws(() => socketFamily(pipe[0]!), failsWith(ENOTSOCK, 'getsockopt'));
  } finally {
    closeFd(pipe[0]!);
    closeFd(pipe[1]!);
  }
  assert.throws(() => adoptFd(pipe[0]!), failsWith(EBADF, 'fcntl'));
  assert.throws(() => closeFd(pipe[0]!), failsWith(EBADF, 'close'));
});

test('the family of a socket is known', () => {
  withSocket((fd) => assert.equal(socketFamily(fd), abi.AF_INET));
  assert.equal(isInet6(abi.AF_INET6), true);
  assert.equal(isInet6(abi.AF_INET), false);
});
