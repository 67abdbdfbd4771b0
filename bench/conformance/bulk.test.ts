// Goal: long bodies arrive whole and in order however they travel, and leave nothing open behind.
// Method: 24 MiB of seeded bytes down, up, and both ways at once, through http and tcp mode, by splice(2) and by
// receive and send, on both engines; hashes compared, fds and buffers counted afterwards.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { after, before, test } from 'node:test';
import { Prng } from '../../core/base/prng.ts';
import { ask } from '../../core/testing/cli-client.ts';
import { makeFolder } from '../../core/testing/weir-process.ts';
import { findWeir } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { type ProxyProcess, startProxy } from '../rig/proxy-process.ts';

const BODY_BYTES = 24 * 1024 * 1024;
const body = Buffer.alloc(BODY_BYTES);
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let origin: Server;
let echo: ReturnType<typeof createTcpServer>;

before(async () => {
  const prng = new Prng(20_261_122);
  for (let at = 0; at < BODY_BYTES; at += 4) body.writeUInt32LE(prng.next32() >>> 0, at);
  origin = createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (bytes) => hash.update(bytes));
    request.on('end', () => {
      response.setHeader('x-digest', hash.digest('hex'));
      if (request.url === '/chunked') response.end(body);
      else if (request.url === '/down') response.writeHead(200, { 'content-length': BODY_BYTES }).end(body);
      else response.writeHead(200, { 'content-length': 2 }).end('ok');
    });
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
});

after(() => {
  origin.closeAllConnections();
  origin.close();
  echo.close();
});

function send(port: number, method: string, path: string, upload: Buffer | null): Promise<{ got: Buffer; of: string }> {
  return new Promise((resolve, reject) => {
    const headers = upload === null ? {} : { 'content-length': upload.length };
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (bytes: Buffer) => parts.push(bytes));
      response.on('end', () => resolve({ got: Buffer.concat(parts), of: String(response.headers['x-digest']) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(upload ?? undefined);
  });
}

function throughTunnel(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('data', (bytes: Buffer) => parts.push(bytes));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('error', reject);
    socket.end(body);
  });
}

async function restingFds(proxy: ProxyProcess, atMost: number, waitMs: number): Promise<number> {
  const deadlineMs = performance.now() + waitMs;
  while (proxy.fdCount() > atMost && performance.now() < deadlineMs) await new Promise((done) => setTimeout(done, 20));
  return proxy.fdCount();
}

for (const engine of ['uring', 'epoll']) {
  for (const args of [[], ['-dS']]) {
    const way = args.length === 0 ? 'spliced' : 'received and sent';
    test(`long bodies arrive whole when ${way} (${engine})`, { timeout: 60_000 }, async () => {
      const ports = [await freePort(), await freePort()];
      const configText = `global
  nbthread 1
  maxconn 200
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 2s
listen web
  bind 127.0.0.1:${ports[0]}
  option httpclose
  server s 127.0.0.1:${(origin.address() as AddressInfo).port}
listen raw
  mode tcp
  bind 127.0.0.1:${ports[1]}
  server s 127.0.0.1:${(echo.address() as AddressInfo).port}
`;
      const peer = await findWeir();
      assert.ok(peer !== null, 'weir is here');
      const proxy = await startProxy(peer, { configText, ports, args: ['--engine', engine, ...args] });
      try {
        await send(ports[0]!, 'GET', '/', null); // what is opened once, at first use, is no leak
        const fdsAtRest = await restingFds(proxy, 0, 500);
        const [down, chunked, up, tunnel] = await Promise.all([
          send(ports[0]!, 'GET', '/down', null),
          send(ports[0]!, 'GET', '/chunked', null),
          send(ports[0]!, 'POST', '/up', body),
          throughTunnel(ports[1]!),
        ]);
        const wanted = digest(body);
        assert.equal(digest(down.got), wanted, 'a Content-Length response');
        assert.equal(digest(chunked.got), wanted, 'a chunked response');
        assert.equal(up.of, wanted, 'a Content-Length request');
        assert.equal(digest(tunnel), wanted, 'both ways through a tunnel');
        // Idle pipes are kept for the next body: two fds each, for the five directions above.
        const pipes = args.length === 0 ? 10 : 0;
        const fds = await restingFds(proxy, fdsAtRest + pipes, 10_000);
        assert.ok(fds <= fdsAtRest + pipes, `fds at rest went from ${fdsAtRest} to ${fds}`);
      } finally {
        await proxy.stop();
      }
    });
  }
}

for (const engine of ['uring', 'epoll']) {
  test(`after one long body from a server hardly a byte of the next is copied, whatever the connection (${engine})`, {
    timeout: 60_000,
  }, async (context) => {
    const control = `${makeFolder(context).path}/control`;
    const ports = [await freePort()];
    const configText = `global
  nbthread 1
  stats socket ${control} level admin
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 2s
listen web
  bind 127.0.0.1:${ports[0]}
  option httpclose
  server s 127.0.0.1:${(origin.address() as AddressInfo).port}
`;
    const peer = await findWeir();
    assert.ok(peer !== null, 'weir is here');
    const proxy = await startProxy(peer, { configText, ports, args: ['--engine', engine] });
    try {
      await send(ports[0]!, 'GET', '/down', null);
      const spliced = async (): Promise<number> =>
        Number(/^TotalSplicedBytesOut: (\d+)$/m.exec(await ask(control, 'show info\n'))![1]);
      const before = await spliced();
      for (let count = 0; count < 3; count++) {
        const { got } = await send(ports[0]!, 'GET', '/down', null);
        assert.equal(got.length, BODY_BYTES);
      }
      const copied = 3 * BODY_BYTES - ((await spliced()) - before);
      assert.ok(copied <= 3 * 64 * 1024, `${copied} bytes of three bodies were copied`);
    } finally {
      await proxy.stop();
    }
  });
}
