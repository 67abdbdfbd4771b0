// An SMTP server that takes every mail and writes down what the client said: one row of JSON on stdout a connection.

import { createServer } from 'node:net';

const PORT = 2_525;

createServer((socket) => {
  const lines: string[] = [];
  let isBody = false;
  let rest = '';
  const onLine = (line: string): void => {
    lines.push(line);
    if (isBody) {
      if (line !== '.') return;
      isBody = false;
      socket.write('250 taken\r\n');
      return;
    }
    isBody = line === 'DATA';
    if (line === 'QUIT') {
      process.stdout.write(`${JSON.stringify({ lines })}\n`);
      socket.end('221 bye\r\n');
    } else socket.write(isBody ? '354 go on\r\n' : '250-first\r\n250 second\r\n');
  };
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    const parts = (rest + text).split('\r\n');
    rest = parts.pop()!;
    for (const line of parts) onLine(line);
  });
  socket.write('220-several\r\n220 lines\r\n');
}).listen(PORT, '127.0.0.1', () => process.stdout.write('listening\n'));
