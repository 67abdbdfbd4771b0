// Goal: who reads or writes slowly costs little, is timed out as HAProxy does it, and loses no byte while it keeps
// going. Method: clients that stop reading, thousands of heads that never end; weir's own figures and its log.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { pattern } from './fault-bytes.ts';
import { send } from './fault-load.ts';
import { ENGINES, type EngineName, type FaultProxy, startFaultProxy, waitUntil } from './fault-proxy.ts';
import { RawClient } from './raw-client.ts';

const BODY_BYTES = 10 << 20;
const BODY = pattern(BODY_BYTES);
const HASH = createHash('sha256').update(BODY).digest('hex');
const READER_COUNT = 60;
const SLOWLORIS_COUNT = 2_000;
/**
 * What one stream may hold while its client reads nothing: the high mark, and what the receive brings after it. The kernel
 * repeats a multishot receive up to 32 times a turn (MULTISHOT_MAX_RETRY), and on a busy machine its cancel may be a turn
 * late: twice 32 and the eight of the high mark. 37 is usual.
 */
const BUFFERS_HELD_MAX: Record<EngineName, number> = { uring: 72, epoll: 16 };

const CONFIG = `
global
  nbthread 1
  maxconn 4000
  log @LOG@ local0
defaults
  mode http
  log global
  option httplog
  timeout connect 1s
  timeout server 20s
frontend patient
  bind 127.0.0.1:@PATIENT@
  timeout client 20s
  default_backend origins
frontend strict
  bind 127.0.0.1:@STRICT@
  timeout client 700ms
  default_backend origins
frontend heads
  bind 127.0.0.1:@HEADS@
  timeout client 20s
  timeout http-request 1500ms
  default_backend origins
backend origins
  server s 127.0.0.1:@ORIGIN@
`;

const origin = createServer((request, response) => {
  const isSized = request.url === '/sized';
  if (isSized) response.setHeader('content-length', BODY_BYTES);
  if (request.url !== '/sized' && request.url !== '/chunked')
    response.end(request.url!.startsWith('/bytes') ? '\0' : 'ok');
  else {
    for (let at = 0; at < BODY_BYTES; at += 1 << 16) response.write(BODY.subarray(at, at + (1 << 16)));
    response.end();
  }
});
before(() => new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve)));
after(() => {
  origin.closeAllConnections();
  origin.close();
});

const config = (): string => CONFIG.replace('@ORIGIN@', String((origin.address() as AddressInfo).port));

function ask(proxy: FaultProxy, name: string, path: string): RawClient {
  const client = new RawClient(proxy.port(name));
  client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  client.pause();
  return client;
}

/** Resolves when no more of the response moves: all windows and weir's share of buffers are full. */
async function stalled(proxy: FaultProxy): Promise<void> {
  let last = '';
  let sameCount = 0;
  await waitUntil(
    async () => {
      const now = JSON.stringify(await proxy.figures());
      sameCount = now === last ? sameCount + 1 : 0;
      last = now;
      return sameCount >= 5;
    },
    () => `the figures still change: ${last}`,
  );
}

function bodyOf(client: RawClient): Buffer {
  const all = Buffer.concat(client.chunks);
  const bytes = all.subarray(all.indexOf('\r\n\r\n') + 4);
  if (!all.subarray(0, 1000).toString('latin1').includes('transfer-encoding: chunked')) return bytes;
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

for (const engine of ENGINES) {
  for (const path of ['/sized', '/chunked']) {
    test(`a client that stops reading ${path.slice(1)} 10 MiB is waited for with few buffers and gets all of it (${engine})`, async () => {
      const proxy = await startFaultProxy(config(), { engine });
      const client = ask(proxy, 'PATIENT', path);
      try {
        const baseSockets = proxy.socketCount();
        await stalled(proxy);
        const [figures] = await proxy.figures();
        assert.equal(figures!.streams, 1);
        assert.ok(figures!.buffersHeld <= BUFFERS_HELD_MAX[engine], `${figures!.buffersHeld} buffers held`);
        client.resume();
        await client.waitUntil(() => false, 20_000);
        const body = bodyOf(client);
        assert.equal(body.length, BODY_BYTES);
        assert.equal(createHash('sha256').update(body).digest('hex'), HASH);
        await waitUntil(
          () => proxy.logs.some((line) => line.text.includes(path)),
          () => 'no log line',
        );
        assert.equal(proxy.logs.find((line) => line.text.includes(path))!.flags, '----');
        await client.finish(1_000);
        origin.closeIdleConnections();
        await proxy.atRest(baseSockets, 10);
      } finally {
        client.reset();
        await proxy.stop();
      }
    });

    test(`a client that never reads the rest of ${path.slice(1)} 10 MiB runs into timeout client, cD (${engine})`, async () => {
      const proxy = await startFaultProxy(config(), { engine });
      const client = ask(proxy, 'STRICT', path);
      try {
        await waitUntil(
          () => proxy.logs.some((line) => line.text.includes(path)),
          () => 'no log line',
        );
        const line = proxy.logs.find((each) => each.text.includes(path))!;
        assert.equal(`${line.status} ${line.flags}`, '200 cD--', line.text);
        client.reset();
        origin.closeIdleConnections();
        await proxy.atRest(proxy.socketCount(), 10);
      } finally {
        client.reset();
        await proxy.stop();
      }
    });
  }

  test(`${READER_COUNT} clients that read nothing leave buffers for the others (${engine})`, async () => {
    const proxy = await startFaultProxy(config().replace('maxconn 4000', 'maxconn 200'), { engine });
    const clients: RawClient[] = [];
    try {
      const baseSockets = proxy.socketCount();
      for (let count = 0; count < READER_COUNT; count++) clients.push(ask(proxy, 'PATIENT', '/chunked'));
      await stalled(proxy);
      const startMs = performance.now();
      for (let count = 0; count < 80; count++) {
        assert.equal(
          await send(proxy.port('PATIENT'), {
            method: 'GET',
            path: '/bytes/1',
            bodyBytes: 0,
            chunked: false,
            close: true,
          }),
          'ok',
        );
      }
      const perRequestMs = (performance.now() - startMs) / 80;
      assert.ok(perRequestMs < 100, `${perRequestMs} ms a request while ${JSON.stringify(await proxy.figures())}`);
      for (const client of clients) client.reset();
      origin.closeIdleConnections();
      await proxy.atRest(baseSockets, 10);
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });

  test(`${SLOWLORIS_COUNT} heads that never end get 408 and do not delay others (${engine})`, async () => {
    const proxy = await startFaultProxy(config(), { engine });
    const clients: RawClient[] = [];
    try {
      const baseSockets = proxy.socketCount();
      for (let count = 0; count < SLOWLORIS_COUNT; count++) {
        const client = new RawClient(proxy.port('HEADS'));
        client.send('GET / HTTP/1.1\r\nhost: a\r\nx: ');
        clients.push(client);
      }
      let next = 0;
      const dribble = setInterval(() => {
        for (let count = 0; count < 50; count++) clients[next++ % clients.length]!.send('x');
      }, 10);
      let latencyMsMax = 0;
      let answers = 0;
      try {
        while (clients.some((client) => client.state === 'open')) {
          const startMs = performance.now();
          assert.equal(
            await send(proxy.port('PATIENT'), {
              method: 'GET',
              path: '/bytes/1',
              bodyBytes: 0,
              chunked: false,
              close: true,
            }),
            'ok',
          );
          latencyMsMax = Math.max(latencyMsMax, performance.now() - startMs);
          answers++;
          if (performance.now() - clients[0]!.openedMs > 15_000) break;
        }
      } finally {
        clearInterval(dribble);
      }
      const open = clients.filter((client) => client.state === 'open').length;
      assert.equal(open, 0, 'connections are still open');
      const refused = clients.filter((client) => client.text().startsWith('HTTP/1.1 408 ')).length;
      // A byte that crosses with weir's FIN may turn the page into a reset; nearly all must see it.
      assert.ok(refused >= SLOWLORIS_COUNT * 0.9, `${refused} of ${SLOWLORIS_COUNT} got 408`);
      assert.ok(answers > 10 && latencyMsMax < 1_000, `${answers} answers, the slowest after ${latencyMsMax} ms`);
      const ports = new Set(clients.map((client) => client.port));
      const lines = proxy.logs.filter(
        (line) => line.text.includes(' heads ') && ports.has(Number(/^[\d.]+:(\d+) /.exec(line.text)?.[1])),
      );
      assert.ok(
        lines.length > 0 && lines.every((line) => `${line.status} ${line.flags}` === '408 cR--'),
        lines[0]?.text,
      );
      for (const client of clients) client.reset();
      origin.closeIdleConnections();
      await proxy.atRest(baseSockets, 10);
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });
}
