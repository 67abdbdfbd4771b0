// Goal: clients that rules keep waiting (tarpit, pause, wait-for-body, inspection) cost nobody else anything, and leave
// nothing behind whether they stay or go. Method: crowds of them on purpose, other clients served meanwhile, weir's own
// figures during and after.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { send } from './fault-load.ts';
import { ENGINES, type FaultProxy, startFaultProxy, waitUntil } from './fault-proxy.ts';
import { RawClient } from './raw-client.ts';

const CROWD = 2_000;
const GET = 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n';
const HALF_POST = 'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf';

const origin = createServer((request, response) => {
  request.resume();
  response.end('slow');
});
before(() => new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve)));
after(() => {
  origin.closeAllConnections();
  origin.close();
});

const config = (): string => {
  const server = `server s 127.0.0.1:${(origin.address() as AddressInfo).port}`;
  return `
global
  nbthread 1
  maxconn 5000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tarpit 20s
listen tarpit
  bind 127.0.0.1:@TARPIT@ backlog 4000
  http-request set-timeout tarpit 900ms if { path /short }
  http-request tarpit
  ${server}
listen pause
  bind 127.0.0.1:@PAUSE@
  http-request pause 20s
  ${server}
listen body
  bind 127.0.0.1:@BODY@
  http-request wait-for-body time 20s
  ${server}
listen respond
  bind 127.0.0.1:@RESPOND@
  http-response pause 20s
  ${server}
listen inspect
  mode tcp
  bind 127.0.0.1:@INSPECT@
  tcp-request inspect-delay 20s
  tcp-request content reject if { req.payload(0,9) -m str impatient }
  ${server}
listen main
  bind 127.0.0.1:@FRONT@
  ${server}
`;
};

async function streamsReach(proxy: FaultProxy, count: number): Promise<void> {
  let streams = 0;
  await waitUntil(
    async () => {
      streams = (await proxy.figures())[0]!.streams;
      return streams >= count;
    },
    () => `${streams} streams instead of ${count}`,
  );
}

async function isServed(proxy: FaultProxy): Promise<void> {
  const ask = { method: 'GET', path: '/slow/1', bodyBytes: 0, chunked: false, close: true } as const;
  assert.equal(await send(proxy.port('FRONT'), ask), 'ok');
}

for (const engine of ENGINES) {
  test(`${CROWD} clients in the tarpit hold no buffer, harm nobody and all get their answer (${engine})`, async () => {
    const proxy = await startFaultProxy(config(), { engine });
    const clients: RawClient[] = [];
    try {
      await isServed(proxy);
      origin.closeIdleConnections();
      await proxy.atRest(proxy.socketCount());
      const baseSockets = proxy.socketCount();
      for (let count = 0; count < CROWD; count++) {
        const client = new RawClient(proxy.port('TARPIT'));
        client.send(count % 2 === 0 ? GET : GET.replace('/x', '/long'));
        clients.push(client);
      }
      await streamsReach(proxy, CROWD);
      const [figures] = await proxy.figures();
      assert.ok(figures!.buffersHeld < 20, `${figures!.buffersHeld} buffers for ${CROWD} clients who wait`);
      await isServed(proxy);
      const late = new RawClient(proxy.port('TARPIT'));
      clients.push(late);
      late.send(GET.replace('/x', '/short'));
      await late.waitUntil(() => late.text().includes('</html>'), 5_000);
      assert.match(late.text(), /^HTTP\/1\.1 500 /);
      // Half of them lose patience, the others are cut off by their reset.
      for (const [index, client] of clients.entries()) if (index % 2 === 0) client.halfClose();
      await Promise.all(
        clients.filter((_, index) => index % 2 === 0).map((client) => client.waitUntil(() => false, 10_000)),
      );
      for (const client of clients) client.reset();
      origin.closeIdleConnections();
      await proxy.atRest(baseSockets);
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });

  test(`clients that vanish from every place where rules wait leave nothing behind (${engine})`, async () => {
    const proxy = await startFaultProxy(config(), { engine });
    const clients: RawClient[] = [];
    try {
      const baseSockets = proxy.socketCount();
      const places: readonly (readonly [string, string])[] = [
        ['TARPIT', GET],
        ['TARPIT', HALF_POST],
        ['PAUSE', GET],
        ['PAUSE', HALF_POST],
        ['BODY', HALF_POST],
        ['RESPOND', GET],
        ['INSPECT', 'abc'],
      ];
      for (let round = 0; round < 3; round++) {
        const crowd = places.flatMap(([name, text]) =>
          Array.from({ length: 10 }, () => {
            const client = new RawClient(proxy.port(name));
            client.send(text);
            return client;
          }),
        );
        clients.push(...crowd);
        await streamsReach(proxy, crowd.length);
        await isServed(proxy);
        for (const client of crowd) client.reset();
        origin.closeIdleConnections();
        await proxy.atRest(baseSockets);
      }
    } finally {
      for (const client of clients) client.reset();
      await proxy.stop();
    }
  });
}
