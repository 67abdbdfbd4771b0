// One ICMP echo to an address (RFC 792, RFC 4443), from within a network namespace; not every machine has ping(8).
//
//   vrrp-rig-ping.ts ADDRESS WAIT_MS     says "answered" or "no answer"; asks again each 500 ms until then

import { isIPv4 } from 'node:net';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_ICMPV6,
  POLLIN,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { socket } from '../../core/sys/libc.ts';
import { PacketIo, Poller } from '../../core/sys/packet-io.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';

const IPPROTO_ICMP = 1;
const ECHO4 = { request: 8, reply: 0 };
const ECHO6 = { request: 128, reply: 129 };
const ECHO_BYTES = 16;
const ECHO_ID = process.pid & 0xffff;
const AGAIN_MS = 500;
const PACKET_BYTES_MAX = 2_048;

const [address, waitText] = process.argv.slice(2);
const isInet = isIPv4(address!);
const echo = isInet ? ECHO4 : ECHO6;
const family = isInet ? AF_INET : AF_INET6;
const fd = check(
  'socket',
  socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, isInet ? IPPROTO_ICMP : IPPROTO_ICMPV6),
);
const io = new PacketIo(PACKET_BYTES_MAX);
const poller = new Poller(1);
poller.watch([fd], POLLIN);

process.stdout.write(isAnswered(Number(waitText)) ? 'answered\n' : 'no answer\n');

function isAnswered(waitMs: number): boolean {
  const target = encodeInet(address!, 0);
  for (let leftMs = waitMs; leftMs > 0; leftMs -= AGAIN_MS) {
    writeEcho(io.data.subarray(0, ECHO_BYTES));
    io.send(fd, ECHO_BYTES, target, 0, null, 0);
    const deadlineMs = performance.now() + Math.min(AGAIN_MS, leftMs);
    while (performance.now() < deadlineMs) {
      if (poller.wait(deadlineMs - performance.now()) > 0 && isReply()) return true;
    }
  }
  return false;
}

// The kernel writes ICMPv6's checksum, ICMP's is ours (RFC 1071).
function writeEcho(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes.fill(0);
  bytes[0] = echo.request;
  view.setUint16(4, ECHO_ID);
  if (!isInet) return;
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += view.getUint16(at);
  view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
}

function isReply(): boolean {
  const length = io.receive(fd, false);
  const at = isInet ? (io.data[0]! & 15) * 4 : 0; // the IP header comes along
  if (length < at + ECHO_BYTES) return false;
  const id = (io.data[at + 4]! << 8) | io.data[at + 5]!;
  return io.data[at] === echo.reply && id === ECHO_ID;
}
