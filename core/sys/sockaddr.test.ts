// Goal: addresses mean the same to us, to the kernel and to node. Method: node's net as referee for texts and for
// real sockets, the kernel's getsockname for round trips, random addresses from seeds.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, SocketAddress } from 'node:net';
import { test } from 'node:test';
import { fuzz } from '../testing/fuzz.ts';
import { AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM } from './abi.ts';
import { check, EINPROGRESS } from './errno.ts';
import { lastErrno } from './ffi.ts';
import * as libc from './libc.ts';
import { decodeSockaddr, encodeInet, encodeUnixAbstract, encodeUnixPath, ipv6ToBytes, ipv6ToText } from './sockaddr.ts';
import { bindAndListen, closeFd, localAddress, openSocket, socketFamily } from './socket.ts';

test('a bound socket tells the address it was given', () => {
  for (const [host, family] of [
    ['127.0.0.1', AF_INET],
    ['0.0.0.0', AF_INET],
    ['127.255.0.9', AF_INET],
    ['::', AF_INET6],
    ['::1', AF_INET6],
  ] as const) {
    const fd = openSocket(family, SOCK_STREAM);
    try {
      bindAndListen(fd, encodeInet(host, 0), 1);
      const address = localAddress(fd);
      assert.equal(address.family, family);
      assert.equal(address.host, host);
      assert.ok(address.port > 0 && address.port < 65_536);
      assert.equal(socketFamily(fd), family);
    } finally {
      closeFd(fd);
    }
  }
});

// Connects our socket to a listener of node and returns what node says of us and we say of ourselves.
async function connectToNode(server: Server, sockaddr: Uint8Array, family: number): Promise<void> {
  const arrived = once(server, 'connection');
  const fd = openSocket(family, SOCK_STREAM);
  try {
    if (libc.connect(fd, sockaddr, sockaddr.length) < 0) assert.equal(lastErrno(), EINPROGRESS);
    const [socket] = await arrived;
    const own = localAddress(fd);
    if (family !== AF_UNIX) {
      assert.equal(socket.remotePort, own.port);
      assert.equal(socket.remoteAddress, own.host);
    }
    socket.destroy();
  } finally {
    closeFd(fd);
    server.close();
  }
}

test('node, listening on either family, sees the address that our socket sees', async () => {
  for (const [host, family] of [
    ['127.0.0.1', AF_INET],
    ['::1', AF_INET6],
  ] as const) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await connectToNode(server, encodeInet(host, port), family);
  }
});

test('node, listening on an abstract name, is reached by it', async () => {
  const name = `weir-sockaddr-test-${process.pid}`;
  const server = createServer().listen(`\0${name}`);
  await once(server, 'listening');
  await connectToNode(server, encodeUnixAbstract(name, false), AF_UNIX);
});

test('unix addresses survive the way through the kernel', () => {
  for (const padded of [true, false]) {
    const address = encodeUnixAbstract(`weir-${process.pid}-${padded}`, padded);
    const fd = openSocket(AF_UNIX, SOCK_STREAM);
    try {
      check('bind', libc.bind(fd, address, address.length));
      const decoded = localAddress(fd);
      assert.equal(decoded.family, AF_UNIX);
      const name = `\0weir-${process.pid}-${padded}`;
      assert.equal(decoded.host, padded ? name.padEnd(108, '\0') : name);
    } finally {
      closeFd(fd);
    }
  }
  const path = encodeUnixPath('/run/weir.sock');
  assert.deepEqual(decodeSockaddr(path, path.length), { family: AF_UNIX, host: '/run/weir.sock', port: 0 });
  assert.deepEqual(decodeSockaddr(new Uint8Array([1, 0]), 2), { family: AF_UNIX, host: '', port: 0 });
});

test('what does not fit sun_path, or is no address, is refused', () => {
  encodeUnixPath('x'.repeat(107));
  assert.throws(() => encodeUnixPath('x'.repeat(108)), RangeError);
  encodeUnixAbstract('x'.repeat(107), true);
  assert.throws(() => encodeUnixAbstract('x'.repeat(108), true), RangeError);
  for (const host of ['', 'localhost', '1.2.3', '1.2.3.256', ':::', '1::2::3']) {
    assert.throws(() => encodeInet(host, 1), TypeError, host);
  }
});

test('a family nobody knows decodes to its number', () => {
  assert.deepEqual(decodeSockaddr(new Uint8Array([17, 0, 1, 2]), 4), { family: 17, host: '', port: 0 });
});

fuzz(
  'random addresses and ports survive encoding, and node agrees on the text',
  (prng) => {
    const port = prng.below(65_536);
    const inet = [...prng.bytes(4)].join('.');
    const encoded = encodeInet(inet, port);
    assert.deepEqual(decodeSockaddr(encoded, encoded.length), { family: AF_INET, host: inet, port });
    const bytes = prng.bytes(16);
    for (let index = 0; index < 16; index++) if (prng.below(3) > 0) bytes[index] = 0;
    const text = ipv6ToText(bytes, 0);
    const back = new Uint8Array(16);
    ipv6ToBytes(text, back, 0);
    assert.deepEqual(back, bytes, text);
    const encoded6 = encodeInet(text, port);
    assert.deepEqual(decodeSockaddr(encoded6, encoded6.length), { family: AF_INET6, host: text, port });
    // Node writes ::0.0.0.9 where libc writes ::9: only the dots differ.
    if (!/^::[0-9a-f]{1,4}$/.test(text)) {
      assert.equal(new SocketAddress({ address: text, family: 'ipv6' }).address, text);
    }
  },
  4,
);
