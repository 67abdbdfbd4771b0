// A stranger on the wire: sends whole Ethernet frames out of eth0 as told, from within a network namespace.
//
//   vrrp-inject.ts SOCKET      listens on the Unix socket; each line {frames: hex[], times, perSecond} is carried out
//                              and answered with {sent, failed, ms}

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW } from '../../core/sys/abi.ts';
import { check } from '../../core/sys/errno.ts';
import { socket as openSocket } from '../../core/sys/libc.ts';
import { encodePacketAddress, PacketIo } from '../../core/sys/packet-io.ts';

const FRAME_BYTES_MAX = 4_096;
const MAC_BYTES = 6;
const PAUSE_MS = 1;

export interface Injection {
  frames: readonly string[];
  times: number; // how often all of them are sent
  perSecond: number; // frames; 0: as fast as it goes
}

const io = new PacketIo(FRAME_BYTES_MAX);
const fd = check('socket', openSocket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
const ifindex = Number(readFileSync('/sys/class/net/eth0/ifindex', 'latin1'));

function send(frame: Uint8Array): boolean {
  io.data.set(frame);
  const etherType = (frame[12]! << 8) | frame[13]!;
  const target = encodePacketAddress(ifindex, etherType, frame.subarray(0, MAC_BYTES));
  return io.send(fd, frame.length, target, 0, null, 0) === 0;
}

async function carryOut({ frames, times, perSecond }: Injection): Promise<object> {
  const bytes = frames.map((frame) => Buffer.from(frame, 'hex'));
  const count = bytes.length * times;
  const startMs = performance.now();
  let sent = 0;
  let failed = 0;
  while (sent + failed < count) {
    const dueMs = ((sent + failed) * 1_000) / perSecond;
    if (perSecond > 0 && performance.now() - startMs < dueMs) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      continue;
    }
    if (send(bytes[(sent + failed) % bytes.length]!)) sent++;
    else failed++;
  }
  return { sent, failed, ms: performance.now() - startMs };
}

createServer((client) => {
  let text = '';
  let busy = Promise.resolve();
  client.on('data', (bytes) => {
    text += bytes.toString('latin1');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const injection = JSON.parse(text.slice(0, end)) as Injection;
      text = text.slice(end + 1);
      busy = busy.then(async () => void client.write(`${JSON.stringify(await carryOut(injection))}\n`));
    }
  });
  client.on('error', () => {});
  client.on('close', () => process.exit(0)); // also when the test was killed
}).listen(process.argv[2], () => process.stdout.write('ready to inject\n'));
