// Goal: whoever leaves, stalls or dies in whichever phase, the log says so with HAProxy's flags and nothing is left
// behind. Method: every case of fault-cases.ts has a section and an origin of its own, so all run at once; one run
// per engine, and one with HAProxy 3.4 where it is installed, so that the expected lines are its own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { findHaproxy, findPeer, type Peer } from '../rig/peers.ts';
import { freePort } from '../rig/ports.ts';
import { type FaultCase, CASES as PHASE_FAULTS, type Scene } from './fault-cases.ts';
import { RULE_FAULTS } from './fault-cases-rules.ts';
import { FullListener } from './fault-children.ts';
import { ENGINES, type FaultProxy, type FaultProxyOptions, startFaultProxy, waitUntil } from './fault-proxy.ts';
import { RawClient } from './raw-client.ts';
import { ScriptedOrigin } from './scripted-origin.ts';

const CASES: readonly FaultCase[] = [...PHASE_FAULTS, ...RULE_FAULTS];

const HEAD = `
global
  nbthread 1
  maxconn 1000
defaults
  log @LOG@ local0
  timeout connect 700ms
  timeout client 1500ms
  timeout server 2s
  timeout http-request 1s
  timeout http-keep-alive 2s
  timeout queue 3s
  timeout tunnel 0
`;

const READ_EVERY_MS = 60;

const full = new FullListener();
before(() => full.start());
after(() => full.stop());

/** Runs all cases on one proxy; the log lines of each, sorted, or the error that ended it. */
async function runCases(options: FaultProxyOptions): Promise<Map<string, string[]>> {
  const origins = await Promise.all(
    CASES.map(async (each) => {
      const origin = new ScriptedOrigin();
      await origin.listen();
      origin.begin(each.origin ?? {});
      return origin;
    }),
  );
  const deadPort = await freePort();
  const sections = CASES.map((each, index) => {
    const lines = each.config
      .replaceAll('@O@', String(origins[index]!.port))
      .replaceAll('@DEAD@', String(deadPort))
      .replaceAll('@FULL@', String(full.port));
    return `listen case${index}\n  bind 127.0.0.1:@CASE${index}@\n  ${lines.replaceAll('\n', '\n  ')}\n`;
  });
  const proxy = await startFaultProxy(HEAD + sections.join(''), options);
  try {
    const baseSockets = proxy.socketCount();
    const results = await Promise.all(CASES.map((each, index) => runCase(proxy, each, origins[index]!, index)));
    await Promise.all(origins.map((origin) => origin.close()));
    if (proxy.name.startsWith('weir')) await proxy.atRest(baseSockets);
    return new Map(CASES.map((each, index) => [each.name, results[index]!]));
  } finally {
    await Promise.all(origins.map((origin) => origin.close().catch(() => {})));
    await proxy.stop();
  }
}

async function runCase(proxy: FaultProxy, each: FaultCase, origin: ScriptedOrigin, index: number): Promise<string[]> {
  const port = proxy.port(`CASE${index}`);
  const opened: RawClient[] = [];
  const scene: Scene = {
    async client() {
      const client = new RawClient(port);
      opened.push(client);
      await client.waitUntil(() => client.isConnected(), 5_000);
      return client;
    },
    settled: (client) =>
      waitUntil(
        () => hasRead(port, client.port),
        () => `${each.name}: the proxy does not read`,
      ),
    originHas: (text) =>
      waitUntil(
        () => origin.connections.some((connection) => Buffer.concat(connection.chunks).includes(text)),
        () => `${each.name}: the origin never got ${text}`,
      ),
  };
  try {
    await each.act(scene);
    const lines = (): string[] =>
      proxy.logs
        .filter((line) => line.text.includes(` case${index} case${index}/`))
        .filter((line) => isOf(line.text, opened))
        .map((line) => `${Number.isNaN(line.status) ? '-' : line.status} ${line.flags} ${line.retries}`)
        .sort();
    // One line a client; cases whose clients ask twice end when the second line is there.
    await waitUntil(
      () => lines().length >= each.lines.length,
      () => 'no log line',
      3_000,
    ).catch(() => {});
    return lines();
  } catch (error) {
    return [(error as Error).message];
  } finally {
    for (const client of opened) client.reset();
  }
}

// The kernel forgets the address of a client that resets before it was asked for: such a line names nobody.
function isOf(text: string, clients: readonly RawClient[]): boolean {
  return text.startsWith('-:- ') || clients.some((client) => text.startsWith(`127.0.0.1:${client.port} `));
}

// The proxy's end of the connection, as the kernel sees it: accepted (it has an inode), and nothing left to read.
function hasRead(frontPort: number, clientPort: number): boolean {
  const text = readConnections();
  const at = text.indexOf(`:${hex(frontPort)} 0100007F:${hex(clientPort)} `);
  if (at < 0) return false;
  const fields = text.slice(at, text.indexOf('\n', at)).split(/\s+/);
  return fields[8] !== '0' && fields[3]!.endsWith(':00000000');
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

// Many cases look at the same time, and on a machine full of old connections the kernel takes its time.
let connections = '';
let connectionsMs = 0;
function readConnections(): string {
  if (performance.now() - connectionsMs > READ_EVERY_MS) {
    connections = readFileSync('/proc/net/tcp', 'latin1');
    connectionsMs = performance.now();
  }
  return connections;
}

function report(results: Map<string, string[]>): string[] {
  return CASES.filter((each) => results.get(each.name)!.join(', ') !== [...each.lines].sort().join(', ')).map(
    (each) => `${each.name}: ${results.get(each.name)!.join(', ')} instead of ${each.lines.join(', ')}`,
  );
}

for (const engine of ENGINES) {
  test(`every way to leave, stall or die is logged with HAProxy's flags and leaves nothing behind (${engine})`, async () => {
    const results = await runCases({ engine });
    assert.deepEqual(report(results), []);
  });
}

test('HAProxy 3.4 logs the same lines', async (context) => {
  const peer = await haproxy34();
  if (peer === null) return context.skip('HAProxy 3.4 is not installed');
  const results = await runCases({ peer });
  // It may add a line for a connection that is reset just after its stream: so each line must be among its own.
  const missing = CASES.filter((each) => !each.peerDiffers).filter((each) =>
    each.lines.some((line) => !results.get(each.name)!.includes(line)),
  );
  assert.deepEqual(
    missing.map((each) => `${each.name}: ${results.get(each.name)!.join(', ')} instead of ${each.lines.join(', ')}`),
    [],
  );
});

async function haproxy34(): Promise<Peer | null> {
  const peer = await findHaproxy();
  if (peer !== null && /^3\.[4-9]/.test(peer.version)) return peer;
  return await findPeer('haproxy=haproxy-3.4').catch(() => null);
}
