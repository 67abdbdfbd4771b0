// Goal: in steady state nothing is allocated per request: the heap of a proxy thread stays flat and no collection of
// garbage is long. Method: keep-alive requests at full load for SOAK_SECONDS (a few without it), weir's own --trace-gc output read.

import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { ENGINES, type EngineName, startFaultProxy, waitUntil } from './fault-proxy.ts';

const SOAK_SECONDS = Number(process.env['SOAK_SECONDS'] ?? 0);
const CLIENT_COUNT = 32;
/** Of the long run. A short one shares the machine with other tests, which stretches every pause. */
const PAUSE_MS_MAX = SOAK_SECONDS >= 60 ? 2 : 25;
const SECONDS_SHORT: Record<EngineName, number> = { uring: 10, epoll: 5 };
const HEAP_GROWTH_MB_MAX = 1;
const GET = Buffer.from('GET /small HTTP/1.1\r\nhost: soak\r\nuser-agent: soak\r\naccept: */*\r\n\r\n');
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsmall');

interface Collection {
  atMs: number;
  kind: string;
  usedMb: number; // of the heap, afterwards
  pauseMs: number;
}

/** V8's trace lines by isolate: one is the supervisor, each thread has its own. */
function collections(output: string): Map<string, Collection[]> {
  const found = new Map<string, Collection[]>();
  const pattern = /^\[\d+:(0x[\da-f]+)\]\s+(\d+) ms: (\S+).*? -> ([\d.]+) \([\d.]+\) MB,.*? ([\d.]+) \/ [\d.]+ ms/gm;
  for (const match of output.matchAll(pattern)) {
    const list = found.get(match[1]!) ?? [];
    found.set(match[1]!, list);
    list.push({ atMs: Number(match[2]), kind: match[3]!, usedMb: Number(match[4]), pauseMs: Number(match[5]) });
  }
  return found;
}

for (const engine of ENGINES) {
  const seconds = SOAK_SECONDS || SECONDS_SHORT[engine];
  test(`${seconds} s of keep-alive requests leave the heap flat and make no long pause (${engine})`, async (context) => {
    const origin = createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('data', () => socket.write(ANSWER)); // one request at a time comes on a connection, in one piece
    });
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
    const proxy = await startFaultProxy(
      `
global
  nbthread 1
  maxconn 1000
  log @LOG@ local0
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
listen main
  bind 127.0.0.1:@FRONT@
  log global
  option httplog
  server s 127.0.0.1:${(origin.address() as AddressInfo).port}
`,
      { engine, env: { WEIR_NODE_OPTIONS: '--trace-gc' } },
    );
    const clients: Socket[] = [];
    try {
      let answerCount = 0;
      let errorCount = 0;
      for (let count = 0; count < CLIENT_COUNT; count++) {
        const client = connect({ port: proxy.port('FRONT'), host: '127.0.0.1', noDelay: true });
        client.on('error', () => errorCount++);
        client.on('data', () => {
          answerCount++;
          client.write(GET);
        });
        client.on('connect', () => client.write(GET));
        clients.push(client);
      }
      const startMs = performance.now();
      await waitUntil(
        () => performance.now() - startMs >= seconds * 1000,
        () => '',
        seconds * 2000,
      );
      const rate = Math.round(answerCount / ((performance.now() - startMs) / 1000));
      for (const client of clients) client.destroy();
      assert.equal(errorCount, 0);
      // The first isolate is the supervisor's; the first third of the run is the thread's warm-up.
      const isolates = [...collections(proxy.output()).values()].slice(1);
      const steady = (isolates[0] ?? []).filter((each) => each.atMs > (seconds * 1000) / 3);
      const pauses = steady.map((each) => each.pauseMs).sort((a, b) => a - b);
      const growthMb = steady.length < 2 ? 0 : steady.at(-1)!.usedMb - steady[0]!.usedMb;
      const pauseMsMax = pauses.at(-1) ?? 0;
      context.diagnostic(
        `${rate} requests/s; ${steady.length} collections in the last two thirds, longest ${pauseMsMax} ms, ` +
          `heap ${steady[0]?.usedMb} → ${steady.at(-1)?.usedMb} MB`,
      );
      assert.ok(isolates.length > 0 && rate > 200, `only ${rate} requests/s`);
      assert.ok(growthMb <= HEAP_GROWTH_MB_MAX, `the heap grew by ${growthMb} MB`);
      assert.ok(pauseMsMax <= PAUSE_MS_MAX, `a pause of ${pauseMsMax} ms`);
    } finally {
      for (const client of clients) client.destroy();
      origin.close();
      await proxy.stop();
    }
  });
}
