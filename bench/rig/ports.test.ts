import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { ephemeralPortMin, freePort, freePortPreferring, isPortFree } from './ports.ts';

test('a port that was handed out can be bound and is not handed out again', async () => {
  const ports = new Set<number>();
  for (let count = 0; count < 20; count++) ports.add(await freePort());
  assert.equal(ports.size, 20);
  for (const port of ports) {
    assert.ok(port < ephemeralPortMin(), 'a port of the ephemeral range may be taken by any outgoing connection');
    assert.ok(await isPortFree(port));
  }
});

test('a port that somebody listens on is not free, and another one is taken instead', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const taken = (server.address() as AddressInfo).port;
  assert.equal(await isPortFree(taken), false);
  assert.notEqual(await freePortPreferring(taken), taken);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await freePortPreferring(taken), taken);
});
