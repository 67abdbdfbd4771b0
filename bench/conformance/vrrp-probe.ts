// A client that measures to the millisecond whose router answers for an address, with every processor busy.
//
//   vrrp-probe.ts ADDRESS DEVICE [listen]    as root, in the client's namespace
//
// It asks ADDRESS (IPv4) by ICMP echo every millisecond (`listen`: it only listens), through the kernel's own neighbour
// table as any client would, and reads every frame of DEVICE from a packet socket with the kernel's time stamps: which
// MAC answered, who sent adverts, which announcements came. It runs in real time, above the routers it watches, so that
// a router at work does not delay it. When its own millisecond comes late, a processor of the machine stood still: no
// router could have done better meanwhile. Commands on stdin, a line each:
//
//   kill PID…     SIGSTOP to all, then SIGKILL to all; the moment before is remembered
//   report        one line of JSON with what was seen since the last report (ProbeReport)
//
// It ends when stdin does.

import { readFileSync, writeSync } from 'node:fs';
import {
  AF_INET,
  AF_PACKET,
  CLOCK_REALTIME,
  POLLIN,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_TIMESTAMPNS,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import * as libc from '../../core/sys/libc.ts';
import { encodePacketAddress, PacketIo, Poller } from '../../core/sys/packet-io.ts';
import { setRealtime, setTimerSlack } from '../../core/sys/realtime.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { setOption } from '../../core/sys/socket.ts';

const ETH_P_ALL = 0x0003;
const ETH_P_IP = 0x0800;
const ETH_P_ARP = 0x0806;
const PACKET_OUTGOING = 4;
const IPPROTO_ICMP = 1;
const IPPROTO_VRRP = 112;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const ECHO_ID = 0x7765;
const ECHO_BYTES = 16;
const REALTIME_PRIORITY = 60; // the routers have 50
const RECEIVE_BYTES = 4 * 1024 * 1024;
const FRAME_BYTES_MAX = 2048;
const EVENTS_MAX = 1_000_000;
const TICK_MS = 1;

/** Times are wall-clock milliseconds with fractions. */
export interface ProbeReport {
  killedMs: number; // 0: nobody
  adverts: { atMs: number; source: string; priority: number }[];
  announcements: { atMs: number; mac: string }[]; // gratuitous ARP for the address
  answers: { atMs: number; mac: string }[]; // the first of each run of answers from the same MAC, and the last of all
  answerCount: number;
  askedCount: number;
  stallMsMax: number; // how late its own ticks came at most
}

const [addressText, device, mode = 'ask'] = process.argv.slice(2);
const address = addressText!.split('.').map(Number);

function wallMs(): number {
  libc.clock_gettime(CLOCK_REALTIME, timespec);
  return Number(timespec[0]) * 1e3 + Number(timespec[1]) / 1e6;
}
const timespec = new BigInt64Array(2);

const report: ProbeReport = newReport();
let lastAnswer: { atMs: number; mac: string } | null = null;

function newReport(): ProbeReport {
  return { killedMs: 0, adverts: [], announcements: [], answers: [], answerCount: 0, askedCount: 0, stallMsMax: 0 };
}

const macAt = (bytes: Uint8Array, at: number): string => Buffer.from(bytes.subarray(at, at + 6)).toString('hex');
const isAddressAt = (bytes: Uint8Array, at: number): boolean =>
  address.every((byte, index) => bytes[at + index] === byte);

function onFrame(bytes: Uint8Array, atMs: number, isOutgoing: boolean): void {
  if (isOutgoing || report.adverts.length + report.announcements.length > EVENTS_MAX) return;
  const etherType = (bytes[12]! << 8) | bytes[13]!;
  if (etherType === ETH_P_ARP) {
    // Sender and target are the address itself.
    if (isAddressAt(bytes, 28) && isAddressAt(bytes, 38)) report.announcements.push({ atMs, mac: macAt(bytes, 6) });
    return;
  }
  if (etherType !== ETH_P_IP) return;
  const protocol = bytes[23];
  const payload = 14 + (bytes[14]! & 0x0f) * 4;
  if (protocol === IPPROTO_VRRP) {
    report.adverts.push({ atMs, source: bytes.subarray(26, 30).join('.'), priority: bytes[payload + 2]! });
  } else if (protocol === IPPROTO_ICMP && bytes[payload] === ECHO_REPLY && isAddressAt(bytes, 26)) {
    report.answerCount++;
    const mac = macAt(bytes, 6);
    if (lastAnswer === null || lastAnswer.mac !== mac) report.answers.push({ atMs, mac });
    lastAnswer = { atMs, mac };
  }
}

function echoRequest(sequence: number): Uint8Array {
  const bytes = new Uint8Array(ECHO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(4, ECHO_ID);
  view.setUint16(6, sequence & 0xffff);
  let sum = 0;
  for (let at = 0; at < ECHO_BYTES; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(2, ~sum & 0xffff);
  return bytes;
}

// All of it at once: process.stdout would leave the rest of a long line to an event loop that never comes.
function say(what: object): void {
  const bytes = Buffer.from(`${JSON.stringify(what)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

function kill(pids: readonly number[]): void {
  report.killedMs = wallMs();
  // A worker alone would be restarted, its parent alone would let it say a last word.
  if (pids.length > 1) for (const pid of pids) process.kill(pid, 'SIGSTOP');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

function onCommand(line: string): void {
  const [word, ...rest] = line.split(' ');
  if (word === 'kill') return kill(rest.map(Number));
  if (lastAnswer !== null) report.answers.push(lastAnswer);
  say(report);
  Object.assign(report, newReport());
  lastAnswer = null;
}

function main(): void {
  const io = new PacketIo(FRAME_BYTES_MAX);
  const poller = new Poller(2);
  const ifindex = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'latin1'));
  const capture = check('socket', libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  setOption(capture, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  setOption(capture, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES);
  const name = encodePacketAddress(ifindex, ETH_P_ALL, new Uint8Array(6));
  check('bind', libc.bind(capture, name, name.length));
  const sender = check('socket', libc.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP));
  setOption(sender, SOL_SOCKET, SO_RCVBUF, 0); // the answers are read from the frames
  const target = encodeInet(addressText!, 0);
  setTimerSlack(1);
  setRealtime(REALTIME_PRIORITY);
  poller.watch([capture, 0], POLLIN);
  say({ probing: true });

  let text = '';
  let nextMs = performance.now();
  const words = new Uint8Array(4096);
  for (;;) {
    poller.wait(Math.max(0, nextMs - performance.now()));
    report.stallMsMax = Math.max(report.stallMsMax, performance.now() - nextMs);
    for (;;) {
      const length = io.receive(capture, true);
      if (length < 0) break;
      onFrame(io.data, io.stampMs, io.name[10] === PACKET_OUTGOING);
    }
    const now = performance.now();
    if (now < nextMs) continue;
    nextMs = Math.max(nextMs + TICK_MS, now);
    if (mode === 'ask') {
      io.data.set(echoRequest(++report.askedCount));
      io.send(sender, ECHO_BYTES, target, 0, null, 0);
    }
    if (poller.ready(1) !== 0) {
      const length = libc.read(0, words, words.length);
      if (length <= 0) return;
      text += Buffer.from(words.subarray(0, length)).toString('latin1');
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) onCommand(line);
    }
  }
}

const htons = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

main();
