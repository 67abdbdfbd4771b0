import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { startHttpOrigin } from './origin.ts';
import { findHaproxy } from './peers.ts';
import { freePort, isPortFree } from './ports.ts';
import { startProxy } from './proxy-process.ts';

const config = (port: number, originPort: number): string => `
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen web
    bind 127.0.0.1:${port}
    server one 127.0.0.1:${originPort}
`;

test('a proxy is started, measured and stopped without a trace', async (t) => {
  const haproxy = await findHaproxy();
  if (haproxy === null) return t.skip('haproxy is not installed');
  const origin = await startHttpOrigin('alder');
  const port = await freePort();
  const proxy = await startProxy(haproxy, { configText: config(port, origin.port), ports: [port] });
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/x`, { headers: { connection: 'close' } });
    assert.equal(((await answer.json()) as { origin: string }).origin, 'alder');
    assert.ok(proxy.memory().rssBytes > 100_000);
    assert.ok(proxy.fdCount() > 3);
    assert.ok(proxy.cpuSeconds() >= 0);
    assert.equal(proxy.hasExited(), false);
    assert.ok(existsSync(proxy.folder));
  } finally {
    await proxy.stop();
    await origin.stop();
  }
  assert.equal(proxy.hasExited(), true);
  assert.equal(existsSync(proxy.folder), false);
  assert.equal(await isPortFree(port), true);
});

test('a proxy that refuses its config fails with its own words', async (t) => {
  const haproxy = await findHaproxy();
  if (haproxy === null) return t.skip('haproxy is not installed');
  const port = await freePort();
  const configText = 'frontend x\n    no-such-keyword\n';
  await assert.rejects(
    startProxy(haproxy, { configText, ports: [port] }),
    /ended before it listened[\s\S]*no-such-keyword/,
  );
});
