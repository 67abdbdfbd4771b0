// Goal: datagrams keep their bytes, source, hop limit and destination, and waits end when they should. Method: UDP over
// the IPv6 loopback, which needs no rights.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  AF_INET,
  AF_INET6,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  IP_PKTINFO,
  IP_RECVTTL,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_UNICAST_HOPS,
  POLLIN,
  SOCK_DGRAM,
} from './abi.ts';
import { check } from './errno.ts';
import * as libc from './libc.ts';
import { PacketIo, Poller, RECEIVE_NOTHING } from './packet-io.ts';
import { decodeSockaddr, encodeInet } from './sockaddr.ts';
import { localAddress, openSocket, setOption } from './socket.ts';

function udp6(context: TestContext): { fd: number; port: number } {
  const fd = openSocket(AF_INET6, SOCK_DGRAM);
  context.after(() => void libc.close(fd));
  const name = encodeInet('::1', 0);
  check('bind', libc.bind(fd, name, name.length));
  return { fd, port: localAddress(fd).port };
}

test('a datagram arrives with its source, hop limit and destination', (context) => {
  const io = new PacketIo(2048);
  const from = udp6(context);
  const to = udp6(context);
  setOption(from.fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 77);
  setOption(to.fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  setOption(to.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  assert.equal(io.receive(to.fd, true), RECEIVE_NOTHING);
  const loopback = new Uint8Array(16);
  loopback[15] = 1;
  io.data.set([1, 2, 3]);
  assert.equal(io.send(from.fd, 3, encodeInet('::1', to.port), 0, loopback, 1), 0);
  io.data.fill(0);
  assert.equal(io.receive(to.fd, true), 3);
  assert.deepEqual([...io.data.subarray(0, 4)], [1, 2, 3, 0]);
  assert.deepEqual(decodeSockaddr(io.name, io.nameLength), { family: AF_INET6, host: '::1', port: from.port });
  assert.equal(io.hopLimit, 77);
  assert.deepEqual(io.destination6, loopback);
  assert.equal(io.interfaceIndex, 1);
  assert.equal(io.truncated, false);
});

test('an IPv4 datagram tells its TTL and destination too', (context) => {
  const io = new PacketIo(2048);
  const to = openSocket(AF_INET, SOCK_DGRAM);
  const from = openSocket(AF_INET, SOCK_DGRAM);
  context.after(() => void [libc.close(to), libc.close(from)]);
  const name = encodeInet('0.0.0.0', 0);
  check('bind', libc.bind(to, name, name.length));
  setOption(from, IPPROTO_IP, IP_TTL, 201);
  setOption(to, IPPROTO_IP, IP_RECVTTL, 1);
  setOption(to, IPPROTO_IP, IP_PKTINFO, 1);
  io.data.set([7]);
  assert.equal(io.send(from, 1, encodeInet('127.0.0.5', localAddress(to).port), 0, null, 0), 0);
  assert.equal(io.receive(to, true), 1);
  assert.equal(io.hopLimit, 201);
  assert.deepEqual([...io.destination4], [127, 0, 0, 5]);
  assert.equal(io.interfaceIndex, 1);
});

test('a datagram that is too large says that it was cut', (context) => {
  const io = new PacketIo(64);
  const socket = udp6(context);
  const large = new PacketIo(2048);
  assert.equal(large.send(socket.fd, 100, encodeInet('::1', socket.port), 0, null, 0), 0);
  assert.equal(io.receive(socket.fd, false), 64);
  assert.equal(io.truncated, true);
});

test('a wait ends at its time when nothing comes, and at once when something does', (context) => {
  const fd = check('eventfd', libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  context.after(() => void libc.close(fd));
  const poller = new Poller(4);
  poller.watch([fd], POLLIN);
  const startMs = performance.now();
  assert.equal(poller.wait(3.5), 0);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 3.4, `${tookMs} ms`);
  libc.eventfd_write(fd, 1);
  assert.equal(poller.wait(10_000), 1);
  assert.equal(poller.ready(0), POLLIN);
  assert.throws(() => poller.watch([1, 2, 3, 4, 5], POLLIN), RangeError);
});
