// Goal: `source` with a port range and `rate-limit sessions` do what the manual says (§4.2). Method: a weir before an
// origin that tells the client's port, and more connections at once than a second may bring.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
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

// Goal: a client that owes a PROXY header is given `timeout client-hs`, not `timeout client`, and one that has sent it
// is given the latter. Method: two clients of one bind, one silent, one that sends its header and then nothing.
test('a PROXY header must come within timeout client-hs, the request within timeout client', {
  timeout: 30_000,
}, async () => {
  const port = await freePort();
  const configText = `global
  nbthread 1
defaults
  mode http
  timeout client 4s
  timeout client-hs 300ms
  timeout server 4s
  timeout connect 2s
frontend f
  bind 127.0.0.1:${port} accept-proxy
`;
  const peer = await findWeir();
  assert.ok(peer !== null, 'weir is here');
  const proxy = await startProxy(peer, { configText, ports: [port] });
  try {
    const [silent, late] = await Promise.all([
      untilClosed(port, ''),
      untilClosed(port, 'PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n'),
    ]);
    assert.ok(silent.ms >= 250 && silent.ms < 3_000, `the silent client was closed after ${silent.ms} ms`);
    assert.equal(silent.text, '', 'without a header nobody is answered');
    assert.ok(late.ms >= 3_500, `the client with a header was closed after ${late.ms} ms`);
    assert.match(late.text, /^HTTP\/1\.1 408 /);
  } finally {
    await proxy.stop();
  }
});

function untilClosed(port: number, first: string): Promise<{ ms: number; text: string }> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(first));
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ ms: performance.now() - beganMs, text }));
  });
}
