// Child process of the logging case: a UDP socket that counts the datagrams it gets.
//
// It must not be what is measured. So it runs at the lowest priority, and it reads in bursts with pauses outside
// the event loop: a reader that waits in poll would be woken for every datagram, at the expense of the proxy that
// sends it. What it is too slow for, the kernel counts as drops of its socket, and the parent adds them.
// Speaks over the IPC channel: says {port} at start; {lines} whenever asked anything; ends with its parent.

import { createSocket } from 'node:dgram';
import { constants, setPriority } from 'node:os';

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const PAUSE_MS = 5; // at 30 000 lines a second 150 datagrams, which the usual limit of a receive buffer still holds

const pause = new Int32Array(new SharedArrayBuffer(4));
let lines = 0;
let linesBefore = 0;
try {
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Not allowed: only the machine's noise is larger then.
}
const socket = createSocket('udp4');
socket.on('message', () => {
  lines++;
});

// Reads as long as there is something, then leaves the event loop for a moment.
function turn(): void {
  if (lines === linesBefore) Atomics.wait(pause, 0, 0, PAUSE_MS);
  linesBefore = lines;
  setImmediate(turn);
}

socket.bind(0, '127.0.0.1', () => {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's limit is lower; drops are counted either way.
  }
  process.send?.({ port: socket.address().port });
  turn();
});
process.on('message', () => process.send?.({ lines }));
process.on('disconnect', () => process.exit(0));
