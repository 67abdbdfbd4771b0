// Goal: servers and threads may die under load at any moment; clients get only the errors that follow, and when all
// is over nothing is left behind. Method: real processes, kill -9, the crash hook; then descriptors, places and
// buffers are counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../core/base/prng.ts';
import { KillableOrigin } from './fault-children.ts';
import { askOf, Load, type Outcome, send } from './fault-load.ts';
import { ENGINES, type EngineName, type FaultProxy, startFaultProxy, waitUntil } from './fault-proxy.ts';

const CLIENT_COUNT = 8;
const KILLS: Record<EngineName, number> = { uring: 50, epoll: 15 };
const CRASHES: Record<EngineName, number> = { uring: 20, epoll: 8 };

const CONFIG = `
global
  nbthread 2
  maxconn 500
  log @LOG@ local0
defaults
  mode http
  log global
  option httplog
  option redispatch
  retries 2
  timeout connect 100ms
  timeout client 5s
  timeout server 5s
  timeout queue 5s
listen main
  bind 127.0.0.1:@FRONT@
  balance roundrobin
  server a 127.0.0.1:@A@
  server b 127.0.0.1:@B@
  server c 127.0.0.1:@C@
  server d 127.0.0.1:@D@
`;

async function startOrigins(proxy: FaultProxy): Promise<KillableOrigin[]> {
  const origins = ['A', 'B', 'C', 'D'].map((name) => new KillableOrigin(proxy.port(name)));
  await Promise.all(origins.map((origin) => origin.start()));
  return origins;
}

for (const engine of ENGINES) {
  test(`${KILLS[engine]} times kill -9 of an origin under load leaves nothing behind (${engine})`, async () => {
    const prng = new Prng(0x5eed);
    const proxy = await startFaultProxy(CONFIG, { engine });
    const origins = await startOrigins(proxy);
    const front = proxy.port('FRONT');
    let load: Load | null = null;
    try {
      const baseSockets = proxy.socketCount();
      load = new Load(front, CLIENT_COUNT);
      await waitUntil(
        () => load!.count('ok') > 2 * CLIENT_COUNT,
        () => `no load: ${JSON.stringify([...load!.counts])}`,
      );
      const restarts: Promise<void>[] = [];
      for (let kill = 0; kill < KILLS[engine]; kill++) {
        await waitUntil(
          () => origins.some((origin) => origin.isAlive()),
          () => 'no origin came back',
        );
        const victim = prng.pick(origins.filter((origin) => origin.isAlive()));
        const from = load.total;
        await victim.kill();
        restarts.push(victim.start());
        await waitUntil(
          () => load.total > from + CLIENT_COUNT,
          () => 'the load stands still',
        );
      }
      await Promise.all(restarts);
      await load.stop();
      const possible: Outcome[] = ['ok', 'closed', 'cut', 'status 502', 'status 503'];
      assert.deepEqual(load.others(...possible), {}, 'a dead origin is a closed connection, a cut body, 502 or 503');
            // Idle connections to the dead are noticed dead; every origin answers again.
      for (let index = 0; index < 30; index++) assert.equal(await send(front, askOf(index)), 'ok');
      await Promise.all(origins.map((origin) => origin.kill()));
      await proxy.atRest(baseSockets);
      assertServersIdle(await proxy.servers());
    } finally {
      await load?.stop();
      await Promise.all(origins.map((origin) => origin.kill()));
      await proxy.stop();
    }
  });
}

function assertServersIdle(text: string): void {
  for (const [, active, pending] of text.matchAll(/Conn: (\d+) act, (\d+) pend/g)) {
    assert.equal(`${active} ${pending}`, '0 0', text);
  }
  assert.match(text, /act\(FE\+BE\): 0\+0, 0 pend/, text);
}
