// Child process of the logging case: a UDP socket that counts the datagrams it gets.
//
// It runs at the lowest priority: on a small machine it would otherwise take the CPU that the proxies are
// measured with. What it is too slow for, the kernel counts as drops of its socket, and the parent adds them.
// Speaks over the IPC channel: says {port} at start; {lines} whenever asked anything; ends with its parent.

import { createSocket } from 'node:dgram';
import { constants, setPriority } from 'node:os';

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

let lines = 0;
try {
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Not allowed: only the machine's noise is larger then.
}
const socket = createSocket('udp4');
socket.on('message', () => {
  lines++;
});
socket.bind(0, '127.0.0.1', () => {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's limit is lower; drops are counted either way.
  }
  process.send?.({ port: socket.address().port });
});
process.on('message', () => process.send?.({ lines }));
process.on('disconnect', () => process.exit(0));
