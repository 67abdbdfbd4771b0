// Goal: a full table (descriptors, places, buffers) delays those who come late and harms nobody else; when places
// come free they go round. Method: fill each table on purpose, look at weir's own figures, then let go and count.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { findOnPath } from '../rig/peers.ts';
import { cpuSeconds } from '../rig/proc.ts';
import { type Ask, send } from './fault-load.ts';
import { ENGINES, startFaultProxy, waitUntil } from './fault-proxy.ts';
import { RawClient } from './raw-client.ts';

const SLOW_ASK: Ask = { method: 'GET', path: '/slow/2', bodyBytes: 0, chunked: false, close: true };
const GET = 'GET /slow/2 HTTP/1.1\r\nhost: a\r\n\r\n';
const ANSWERED = /\r\n\r\nslow$/;

// Answers `slow` after the milliseconds the path names.
const origin = createServer((request, response) => {
  setTimeout(() => response.end('slow'), Number(request.url!.split('/')[2])).unref();
  request.resume();
});
before(() => new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve)));
after(() => {
  origin.closeAllConnections();
  origin.close();
});
const originPort = (): number => (origin.address() as AddressInfo).port;

const config = (global: string, sections: string): string => `
global
  log @LOG@ local0
  ${global}
defaults
  mode http
  log global
  option httplog
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  timeout queue 20s
${sections}
`;

async function answerOf(client: RawClient): Promise<boolean> {
  await client.waitUntil(() => ANSWERED.test(client.text()), 10_000);
  return ANSWERED.test(client.text());
}

for (const engine of ENGINES) {
  test(`1000 requests through a server with maxconn 2 all complete, whichever thread they are on (${engine})`, async () => {
    const proxy = await startFaultProxy(
      config(
        'nbthread 2\n  maxconn 500',
        `listen queued\n  bind 127.0.0.1:@FRONT@\n  server s 127.0.0.1:${originPort()} maxconn 2`,
      ),
      { engine },
    );
    const clients = Array.from({ length: 20 }, () => new RawClient(proxy.port('FRONT')));
    try {
      const baseSockets = proxy.socketCount();
      const counts = clients.map(() => 0);
      let asked = 0;
      await Promise.all(
        clients.map(async (client, index) => {
          while (asked < 1000) {
            asked++;
            client.chunks.length = 0;
            client.send(GET);
            assert.ok(await answerOf(client), `a queued request came to nothing: ${client.state} ${client.text()}`);
            counts[index]!++;
          }
        }),
      );
      // Kept-alive clients stay on their thread: a thread that served its own waiters only would starve the other's.
      assert.ok(Math.min(...counts) >= 10, `places do not go round: ${counts.join(' ')}`);
      for (const client of clients) client.reset();
      await waitUntil(
        async () => (await proxy.servers()).includes('act(FE+BE): 0+0, 0 pend'),
        () => 'places are held still',
      );
      origin.closeIdleConnections();
      await proxy.atRest(baseSockets, 100);
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });

  test(`a frontend's maxconn holds over two threads and every place comes back (${engine})`, async () => {
    const proxy = await startFaultProxy(
      config(
        'nbthread 2\n  maxconn 500',
        `listen narrow\n  bind 127.0.0.1:@FRONT@ backlog 200\n  maxconn 3\n  server s 127.0.0.1:${originPort()}`,
      ),
      { engine },
    );
    try {
      let asked = 0;
      const outcomes = new Set<string>();
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (asked++ < 300) outcomes.add(await send(proxy.port('FRONT'), SLOW_ASK));
        }),
      );
      assert.deepEqual([...outcomes], ['ok']);
      const counts = proxy.logs.map((line) => Number(/ \d+\/(\d+)\/\d+\/\d+\/\+?\d+ \d+\/\d+ /.exec(line.text)?.[1]));
      assert.ok(Math.max(...counts) <= 3, `${Math.max(...counts)} connections at once`);
      await proxy.atRest(proxy.socketCount(), 100);
      assert.match(await proxy.servers(), /act\(FE\+BE\): 0\+0, 0 pend/);
    } finally {
      await proxy.stop();
    }
  });

  test(`out of descriptors, weir waits without spinning and serves again when some come free (${engine})`, async (context) => {
    const prlimit = findOnPath('prlimit');
    if (prlimit === '') return context.skip('prlimit is not installed');
    const proxy = await startFaultProxy(
      config(
        'nbthread 1\n  maxconn 1000',
        `listen main\n  bind 127.0.0.1:@FRONT@ backlog 500\n  server s 127.0.0.1:${originPort()}`,
      ),
      { engine },
    );
    const clients: RawClient[] = [];
    try {
      const baseSockets = proxy.socketCount();
      // weir refuses to start with fewer than its maxconn needs, so the limit comes down while it runs.
      const limit = readdirSync(`/proc/${proxy.pid}/fd`).length + 60;
      execFileSync(prlimit, ['--pid', String(proxy.pid), `--nofile=${limit}:${limit}`]);
      for (let count = 0; count < 200; count++) clients.push(new RawClient(proxy.port('FRONT')));
      await Promise.all(clients.map((client) => client.waitUntil(() => client.isConnected(), 5_000)));
      let sockets = -1;
      await waitUntil(
        () => {
          const before = sockets;
          sockets = proxy.socketCount();
          return sockets === before && sockets > 30;
        },
        () => `${sockets} sockets`,
      );
      const cpuBefore = cpuSeconds(proxy.pid);
      const startMs = performance.now();
      await waitUntil(
        () => performance.now() - startMs > 500,
        () => '',
      );
      const busy = (cpuSeconds(proxy.pid) - cpuBefore) / ((performance.now() - startMs) / 1000);
      assert.ok(busy < 0.5, `${(busy * 100).toFixed(0)} % of a processor while nothing can be done`);
      for (const client of clients.splice(0)) client.reset();
      await waitUntil(
        async () => (await send(proxy.port('FRONT'), SLOW_ASK)) === 'ok',
        () => 'it does not serve again',
      );
      origin.closeIdleConnections();
      await proxy.atRest(baseSockets, 100);
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });

  test(`one client that dribbles cannot take all buffers (${engine})`, async () => {
    const sockets: Socket[] = [];
    // Fills the client's and weir's windows, then goes on byte by byte.
    const dribbler = createTcpServer((socket) => {
      sockets.push(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const chunk = `10000\r\n${'b'.repeat(0x10000)}\r\n`;
        for (let count = 0; count < 64; count++) socket.write(chunk);
        const timer = setInterval(() => socket.write('1\r\nb\r\n'), 1);
        socket.once('close', () => clearInterval(timer));
      });
    });
    await new Promise<void>((resolve) => dribbler.listen(0, '127.0.0.1', resolve));
    const proxy = await startFaultProxy(
      config(
        'nbthread 1\n  maxconn 100',
        `listen main\n  bind 127.0.0.1:@FRONT@\n  server s 127.0.0.1:${originPort()}\n` +
          `listen dribble\n  bind 127.0.0.1:@DRIBBLE@\n  server s 127.0.0.1:${(dribbler.address() as AddressInfo).port}\n` +
          `listen queued\n  bind 127.0.0.1:@QUEUED@\n  server s 127.0.0.1:${originPort()} maxconn 1`,
      ),
      { engine },
    );
    const clients: RawClient[] = [];
    try {
      const open = (name: string, text: string): RawClient => {
        const client = new RawClient(proxy.port(name));
        clients.push(client);
        client.send(text);
        return client;
      };
      const stalled = open('DRIBBLE', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      stalled.pause();
      open('QUEUED', 'GET /slow/60000 HTTP/1.1\r\nhost: a\r\n\r\n');
      const held = open('QUEUED', 'POST /slow/1 HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n');
      const pipelining = open('FRONT', 'GET /slow/60000 HTTP/1.1\r\nhost: a\r\n\r\n');
      let sent = 0;
      const dribble = setInterval(() => {
        for (let count = 0; count < 4; count++) {
          held.send('b');
          pipelining.send('G');
          sent++;
        }
      }, 1);
      try {
        await waitUntil(
          () => sent > 2_000,
          () => `only ${sent} bytes`,
        );
        const [figures] = await proxy.figures();
        assert.ok(figures!.buffersHeld < 50, `${figures!.buffersHeld} buffers for ${sent} bytes of two clients`);
        assert.equal(await send(proxy.port('FRONT'), SLOW_ASK), 'ok');
      } finally {
        clearInterval(dribble);
      }
    } finally {
      for (const client of clients) client.reset();
      for (const socket of sockets) socket.destroy();
      dribbler.close();
      await proxy.stop();
    }
  });
}
