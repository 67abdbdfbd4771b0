// Goal: servers and threads may die under load at any moment; clients get only the errors that follow, and when all
// is over nothing is left behind. Method: real processes, kill -9, the crash hook; then descriptors, places and
// buffers are counted.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Prng } from '../../core/base/prng.ts';
import { KillableOrigin } from './fault-children.ts';
import { type Ask, askOf, Load, type Outcome, send } from './fault-load.ts';
import { ENGINES, type EngineName, type FaultProxy, startFaultProxy, waitUntil } from './fault-proxy.ts';
import { RawClient } from './raw-client.ts';

const CLIENT_COUNT = 8;
const KILLS: Record<EngineName, number> = { uring: 35, epoll: 15 };
const GET = 'GET /bytes/3 HTTP/1.1\r\nhost: a\r\n\r\n';
/** Log sockets and pipes that are kept for reuse. */
const FD_SLACK = 4;
const CRASHES: Record<EngineName, number> = { uring: 12, epoll: 8 };

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
    const loads: Load[] = [];
    try {
      const baseSockets = proxy.socketCount();
      const load = new Load(front, CLIENT_COUNT);
      loads.push(load);
      await waitUntil(
        () => load.count('ok') > 2 * CLIENT_COUNT,
        () => `no load: ${JSON.stringify([...load.counts])}`,
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
      await Promise.all(loads.map((each) => each.stop()));
      await Promise.all(origins.map((origin) => origin.kill()));
      await proxy.stop();
    }
  });
}

const CRASH_CONFIG = `
global
  nbthread 2
  maxconn 500
  log @LOG@ local0
defaults
  mode http
  log global
  timeout connect 1s
  timeout client 20s
  timeout server 20s
  timeout queue 20s
listen main
  bind 127.0.0.1:@FRONT@
  server a 127.0.0.1:@A@
listen narrow
  bind 127.0.0.1:@NARROW@ backlog 200
  maxconn 4
  server a 127.0.0.1:@A@ maxconn 1
`;

for (const engine of ENGINES) {
  test(`${CRASHES[engine]} crashes of proxy threads under load take their own connections only (${engine})`, async () => {
    const proxy = await startFaultProxy(CRASH_CONFIG, { engine, crashes: true, env: { WEIR_TEST_CRASH: '1' } });
    const origin = new KillableOrigin(proxy.port('A'));
    await origin.start();
    const loads: Load[] = [];
    const idle: RawClient[] = [];
    try {
      const baseSockets = proxy.socketCount();
      const baseFds = readdirSync(`/proc/${proxy.pid}/fd`).length;
      loads.push(new Load(proxy.port('FRONT'), CLIENT_COUNT), new Load(proxy.port('NARROW'), CLIENT_COUNT, askBriefly));
      await waitUntil(
        () => loads.every((load) => load.count('ok') > CLIENT_COUNT),
        () => 'no load',
      );
      for (let crash = 0; crash < CRASHES[engine]; crash++) {
        // Kept-alive clients on both threads: those of the other thread must survive.
        for (const client of idle.splice(0)) client.reset();
        idle.push(...Array.from({ length: 8 }, () => new RawClient(proxy.port('FRONT'))));
        for (const client of idle) client.send(GET);
        await Promise.all(idle.map((client) => client.waitUntil(() => client.text().endsWith('>'), 5_000)));
        const answered = idle.filter((client) => client.state === 'open' && client.text().endsWith('>'));
        proxy.signal('SIGUSR2');
        await waitUntil(
          () => proxy.events('proxy thread crashed').length > crash,
          () => 'no thread crashed',
        );
        await proxy.readyAfter(crash + 1);
        for (const client of answered) client.send(GET);
        await Promise.all(
          answered.map((client) => client.waitUntil(() => client.text().match(/200 OK/g)!.length > 1, 5_000)),
        );
        const stuck = answered.filter(
          (client) => client.state === 'open' && client.text().match(/200 OK/g)!.length < 2,
        );
        assert.equal(stuck.length, 0, 'a client is neither answered nor closed');
      }
      for (const client of idle.splice(0)) client.reset();
      await Promise.all(loads.map((load) => load.stop()));
      for (const load of loads) assert.deepEqual(load.others('ok', 'closed', 'cut'), {});
      const crashes = proxy.events('proxy thread crashed');
      assert.equal(crashes.length, CRASHES[engine], 'one line a crash');
      for (const event of crashes) assert.match(String(event['reason']), /crashed on request of a test/);
      assert.deepEqual([...new Set(crashes.map((event) => event['thread']))].sort(), [0, 1], 'both threads crashed');
      // Places of the crashed threads came back: the narrow section still serves, one at a time.
      for (let index = 0; index < 10; index++) {
        assert.equal(await send(proxy.port('NARROW'), askBriefly()), 'ok');
      }
      await origin.kill();
      await proxy.atRest(baseSockets);
      await waitUntil(
        () => readdirSync(`/proc/${proxy.pid}/fd`).length <= baseFds + FD_SLACK,
        () => `${readdirSync(`/proc/${proxy.pid}/fd`).length} descriptors instead of ${baseFds}`,
      );
      assertServersIdle(await proxy.servers());
    } finally {
      for (const client of idle) client.reset();
      await Promise.all(loads.map((each) => each.stop()));
      await origin.kill();
      await proxy.stop();
    }
  });
}

// Always closed: a kept-alive connection would keep its place from the others.
const askBriefly = (): Ask => ({ method: 'GET', path: '/bytes/10', bodyBytes: 0, chunked: false, close: true });

function assertServersIdle(text: string): void {
  for (const [, active, pending] of text.matchAll(/Conn: (\d+) act, (\d+) pend/g)) {
    assert.equal(`${active} ${pending}`, '0 0', text);
  }
  assert.match(text, /act\(FE\+BE\): 0\+0, 0 pend/, text);
}
