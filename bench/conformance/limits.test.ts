// Goal: `source` with a port range and `rate-limit sessions` do what the manual says (§4.2). Method: a weir before an
// origin that tells the client's port, and more connections at once than a second may bring.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { findWeir } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { startProxy } from '../rig/proxy-process.ts';

const RATE = 5;
let origin: Server;

before(async () => {
  origin = createServer((request, response) => response.end(String(request.socket.remotePort)));
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
});

after(() => {
  origin.closeAllConnections();
  origin.close();
});

async function ask(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return await response.text();
}

test('a source port range is used in turn, and a session rate holds the next second back', {
  timeout: 60_000,
}, async () => {
  const [ranged, limited, first] = [await freePort(), await freePort(), await freePort()];
  const server = `server s 127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const configText = `global
  nbthread 1
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 2s
  option http-server-close
listen ranged
  bind 127.0.0.1:${ranged}
  ${server} source 127.0.0.1:${first}-${first + 2}
listen limited
  bind 127.0.0.1:${limited}
  rate-limit sessions ${RATE}
  ${server}
`;
  const peer = await findWeir();
  assert.ok(peer !== null, 'weir is here');
  const proxy = await startProxy(peer, { configText, ports: [ranged] });
  try {
    const ports: number[] = [];
    for (let index = 0; index < 3; index++) ports.push(Number(await ask(ranged)));
    assert.deepEqual(ports.toSorted(), [first, first + 1, first + 2]);
    const beganMs = performance.now();
    await Promise.all(Array.from({ length: RATE * 3 }, () => ask(limited)));
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 1_000, `${RATE * 3} sessions at ${RATE}/s took ${Math.round(tookMs)} ms`);
  } finally {
    await proxy.stop();
  }
});
