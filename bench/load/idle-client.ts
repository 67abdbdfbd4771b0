// Child process of the idle case: opens many keep-alive connections, makes one request on each, and holds them.
//
// Arguments: PORT COUNT PATH. Speaks over the IPC channel: {opened} on the way, {ready, failed} at the end, and
// {open} (how many are still there) whenever asked anything; ends with its parent.

import { connect, type Socket } from 'node:net';

const CONCURRENCY_MAX = 64;
const PER_SOURCE_ADDRESS_MAX = 5_000; // source ports run out per address: 127.0.0.1, .2, .3 …
const REPORT_EVERY = 500;

const port = Number(process.argv[2]);
const count = Number(process.argv[3]);
const request = `GET ${process.argv[4]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

const open = new Set<Socket>();
let started = 0;
let settled = 0;
let failed = 0;

function settle(isGood: boolean): void {
  settled++;
  if (!isGood) failed++;
  if (settled % REPORT_EVERY === 0) process.send?.({ opened: settled - failed });
  if (settled === count) process.send?.({ ready: open.size, failed });
  else openNext();
}

function openNext(): void {
  if (started === count) return;
  const localAddress = `127.0.0.${1 + Math.floor(started / PER_SOURCE_ADDRESS_MAX)}`;
  started++;
  let text = '';
  let isSettled = false;
  const once = (isGood: boolean): void => {
    if (isSettled) return;
    isSettled = true;
    settle(isGood);
  };
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.once('connect', () => {
    open.add(socket);
    socket.write(request);
  });
  socket.on('data', (bytes) => {
    if (isSettled) return;
    text += bytes.toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    const length = /\r\ncontent-length: *(\d+)/i.exec(text);
    if (headEnd < 0 || !length || text.length < headEnd + 4 + Number(length[1])) return;
    const isGood = text.startsWith('HTTP/1.1 200 ');
    text = '';
    once(isGood);
  });
  socket.on('error', () => once(false));
  socket.on('close', () => {
    open.delete(socket);
    once(false);
  });
}

process.on('message', () => process.send?.({ open: open.size }));
process.on('disconnect', () => process.exit(0));
for (let index = 0; index < Math.min(CONCURRENCY_MAX, count); index++) openNext();
