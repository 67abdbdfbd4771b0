// Child process that stands in for nginx as the origin where nginx is not installed: the same files from memory.
//
// Argument: PORT of 127.0.0.1. Slower than nginx, so requests per second say less; CPU per request stays good.

import { createServer } from 'node:http';
import { fileBytes } from './scenarios.ts';

const bodies = new Map<string, Buffer>();
for (const [name, bytes] of Object.entries(fileBytes)) bodies.set(`/${name}`, Buffer.alloc(bytes, 'a'));

const server = createServer((request, response) => {
  const body = bodies.get(request.url ?? '');
  if (body === undefined) {
    response.writeHead(404, { 'content-length': 0 });
    response.end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 75_000;
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
