// An HTTP origin that can be killed: a process of its own, `node fault-origin.ts PORT` (0: any), which prints the
// port it listens on. A path says what comes back; pattern() is what both sides know bodies by.
//
//   GET  /bytes/N       N bytes of the pattern, with a content-length
//   GET  /chunked/N     the same in chunks
//   POST /echo          the request's body
//   POST /count         how many bytes of the pattern it was, or `wrong`
//   GET  /slow/MS       `slow` after so long

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process, { argv, stdout } from 'node:process';
import { isPattern, pattern } from './fault-bytes.ts';

const CHUNK_BYTES = 20_000;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, what = '', amount = ''] = (request.url ?? '').split('/');
  request.on('error', () => response.destroy());
  if (what === 'echo') {
    response.writeHead(200, lengthOf(request));
    request.pipe(response);
    return;
  }
  let byteCount = 0;
  let isRight = true;
  request.on('data', (bytes: Buffer) => {
    isRight &&= isPattern(bytes, byteCount);
    byteCount += bytes.length;
  });
  request.on('end', () => {
    if (what === 'bytes') {
      response.writeHead(200, { 'content-length': amount });
      response.end(pattern(Number(amount)));
    } else if (what === 'chunked') {
      const bytes = pattern(Number(amount));
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) response.write(bytes.subarray(at, at + CHUNK_BYTES));
      response.end();
    } else if (what === 'slow') setTimeout(() => response.end('slow'), Number(amount));
    else response.end(isRight ? String(byteCount) : 'wrong');
  });
}

function lengthOf(request: IncomingMessage): Record<string, string> {
  const length = request.headers['content-length'];
  return length === undefined ? {} : { 'content-length': length };
}

const server = createServer({ keepAliveTimeout: 60_000 }, answer);
server.listen(Number(argv[2]), '127.0.0.1', () => stdout.write(`${(server.address() as AddressInfo).port}\n`));

// Whoever started us may be killed without a chance to end us.
const parentPid = process.ppid;
setInterval(() => process.ppid !== parentPid && process.exit(0), 1_000).unref();
