// Who leaves, stalls or dies in which phase, and the log line that says so: one section of the configuration each.
//
// `lines` is what HAProxy 3.4 logs for the case's clients, as `status flags retries` (mode tcp: `- flags retries`),
// sorted; fault tests hold weir to it, and HAProxy itself where 3.4 is installed.

import type { RawClient } from './raw-client.ts';
import type { Action, Script } from './scripted-origin.ts';

export interface Scene {
  /** A new client of the section, connected. */
  client(): Promise<RawClient>;
  /** Resolves when the proxy has accepted the client and read all it sent. */
  settled(client: RawClient): Promise<void>;
  /** Resolves when some connection of the origin has received this text. */
  originHas(text: string): Promise<void>;
}

export interface FaultCase {
  readonly name: string;
  readonly config: string; // lines of the section; @O@ is the origin's port, @DEAD@ and @FULL@ refuse and ignore
  readonly origin?: Script;
  readonly act: (scene: Scene) => Promise<void>;
  readonly lines: readonly string[];
  readonly peerDiffers?: boolean; // HAProxy logs it otherwise (differences.ts says why), or now this and now that
}

const WAIT_MS = 8_000;
const GET = 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n';
const OK: readonly Action[] = [{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok' }];
const SILENT: Script = { answers: [[{ until: 'never sent' }]] };
const HALF_BODY = `HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${'b'.repeat(100)}`;
const HTTP = 'mode http\noption httplog\nserver s 127.0.0.1:@O@';
const TCP = 'mode tcp\noption tcplog\nserver s 127.0.0.1:@O@';

export type Way = 'FIN' | 'RST' | 'half-close';
export const WAYS: readonly Way[] = ['FIN', 'RST', 'half-close'];

export async function leave(client: RawClient, way: Way): Promise<void> {
  if (way === 'RST') client.reset();
  else client.halfClose();
  // A client that closes for good resets what still comes; one that half-closes reads it.
  if (way === 'FIN') await client.finish(0);
  else if (way === 'half-close') await ended(client);
}

export async function ended(client: RawClient): Promise<void> {
  await client.waitUntil(() => false, WAIT_MS);
  if (client.state === 'open') throw new Error(`the connection is stuck; received: ${client.text().slice(0, 200)}`);
}

export async function has(client: RawClient, text: string): Promise<void> {
  await client.waitUntil(() => client.text().includes(text), WAIT_MS);
  if (!client.text().includes(text)) throw new Error(`instead of ${text} came ${client.text().slice(0, 200)}`);
}

/** One case for each way to leave; `lines` by way, or the same for all. */
function eachWay(
  name: string,
  config: string,
  lines: readonly string[] | Record<Way, readonly string[]>,
  act: (scene: Scene, way: Way) => Promise<void>,
  origin?: Script,
): FaultCase[] {
  return WAYS.map((way) => ({
    name: `a client leaves by ${way} ${name}`,
    config,
    origin,
    lines: Array.isArray(lines) ? lines : (lines as Record<Way, readonly string[]>)[way],
    act: (scene) => act(scene, way),
  }));
}

const clients: FaultCase[] = [
  ...eachWay('before its first byte', HTTP, ['400 CR-- 0'], async (scene, way) => {
    const client = await scene.client();
    await scene.settled(client);
    await leave(client, way);
  }),
  ...eachWay('inside a request head', HTTP, ['400 CR-- 0'], async (scene, way) => {
    const client = await scene.client();
    client.send('GET /x HT');
    await scene.settled(client);
    await leave(client, way);
  }),
  ...eachWay(
    'while queued',
    `${HTTP} maxconn 1`,
    ['-1 CQ-- 0', '200 ---- 0', '200 ---- 0'],
    async (scene, way) => {
      const first = await scene.client();
      first.send('GET /first HTTP/1.1\r\nhost: a\r\n\r\n');
      await scene.originHas('/first');
      const second = await scene.client();
      second.send(GET);
      await scene.settled(second);
      await leave(second, way);
      first.send('GET /release HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      await ended(first);
    },
    { answers: [[{ pauseMs: 300 }, ...OK]] },
  ),
  ...eachWay(
    'while connecting',
    'mode http\noption httplog\nretries 0\ntimeout connect 2s\nserver s 127.0.0.1:@FULL@',
    ['-1 CC-- 0'],
    async (scene, way) => {
      const client = await scene.client();
      client.send(GET);
      await scene.settled(client);
      await leave(client, way);
    },
  ),
  ...eachWay(
    'while waiting for the response',
    HTTP,
    { FIN: ['400 CH-- 0'], RST: ['400 CD-- 0'], 'half-close': ['400 CH-- 0'] },
    async (scene, way) => {
      const client = await scene.client();
      client.send(GET);
      await scene.originHas('/x');
      await leave(client, way);
    },
    SILENT,
  ),
  ...eachWay(
    'in the middle of a response',
    HTTP,
    { FIN: ['200 CD-- 0'], RST: ['200 CD-- 0'], 'half-close': ['200 CD-- 0'] },
    async (scene, way) => {
      const client = await scene.client();
      client.send(GET);
      await has(client, 'bbbb');
      await leave(client, way);
    },
    { answers: [[{ send: HALF_BODY }, { until: 'never sent' }]] },
  ),
  ...eachWay(
    'in the middle of a request body',
    HTTP,
    ['400 CH-- 0'],
    async (scene, way) => {
      const client = await scene.client();
      client.send('POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nbbbb');
      await scene.originHas('bbbb');
      await leave(client, way);
    },
    SILENT,
  ),
  ...eachWay(
    'in a TCP tunnel',
    TCP,
    { FIN: ['- -- 0'], RST: ['- CD 0'], 'half-close': ['- -- 0'] },
    async (scene, way) => {
      const client = await scene.client();
      client.send('ping');
      await has(client, 'ping');
      await leave(client, way);
    },
    { raw: [['echo']] },
  ),
  ...eachWay(
    'in a WebSocket',
    HTTP,
    { FIN: ['101 ---- 0'], RST: ['101 CD-- 0'], 'half-close': ['101 ---- 0'] },
    async (scene, way) => {
      const client = await scene.client();
      client.send(
        'GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      await has(client, '\r\n\r\n');
      client.send('ping');
      await has(client, 'ping');
      await leave(client, way);
    },
    {
      answers: [
        [
          {
            send: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
          },
          'echo',
        ],
      ],
    },
  ),
  ...eachWay(
    'between two requests',
    HTTP,
    ['200 ---- 0'],
    async (scene, way) => {
      const client = await scene.client();
      client.send(GET);
      await has(client, 'ok');
      await leave(client, way);
    },
    { answers: [OK] },
  ),
  ...eachWay('while the proxy waits for it to leave', HTTP, ['400 PR-- 0'], async (scene, way) => {
    const client = await scene.client();
    client.send('nonsense\r\n\r\n');
    await has(client, '400');
    client.send('x'.repeat(1000));
    await leave(client, way);
  }),
];

async function ask(scene: Scene): Promise<void> {
  const client = await scene.client();
  client.send(GET);
  await client.waitUntil(() => false, WAIT_MS);
}

async function askAndClose(scene: Scene): Promise<void> {
  const client = await scene.client();
  client.send(GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
  await ended(client);
}

const dies = (way: 'fin' | 'reset', before: readonly Action[], lines: readonly string[], name: string): FaultCase => ({
  name: `a server ${way === 'fin' ? 'closes' : 'resets'} ${name}`,
  config: HTTP,
  origin: { answers: [['body', ...before, way]] },
  act: askAndClose,
  lines,
});

const servers: FaultCase[] = [
  ...(['fin', 'reset'] as const).flatMap((way) => [
    dies(way, [], ['502 SH-- 0'], 'before it answers'),
    dies(way, [{ send: 'HTTP/1.1 20' }, { pauseMs: 30 }], ['502 PH-- 0'], 'inside its response head'),
    dies(way, [{ send: HALF_BODY }, { pauseMs: 30 }], ['200 SD-- 0'], 'in the middle of its response'),
    {
      name: `a server ${way === 'fin' ? 'closes' : 'resets'} a reused connection instead of answering`,
      config: HTTP,
      origin: { answers: [OK, [way]] },
      act: async (scene: Scene): Promise<void> => {
        const client = await scene.client();
        client.send(GET);
        await has(client, 'ok');
        client.send(GET);
        await ended(client);
      },
      lines: ['200 ---- 0'],
    },
    {
      name: `a server ${way === 'fin' ? 'closes' : 'resets'} a TCP tunnel`,
      config: TCP,
      origin: { raw: [[{ until: 'ping' }, { send: 'pong' }, { pauseMs: 30 }, way]] },
      act: async (scene: Scene): Promise<void> => {
        const client = await scene.client();
        client.send('ping');
        await has(client, 'pong');
        if (way === 'fin') client.halfClose();
        await ended(client);
      },
      lines: way === 'fin' ? ['- -- 0'] : ['- SD 0'],
    },
  ]),
  { name: 'a server never answers', config: HTTP, origin: SILENT, act: askAndClose, lines: ['504 sH-- 0'] },
  {
    name: 'a server stalls in its response',
    config: HTTP,
    origin: { answers: [[{ send: HALF_BODY }, { until: 'never sent' }]] },
    act: askAndClose,
    lines: ['200 sD-- 0'],
  },
  {
    name: 'a server refuses',
    config: 'mode http\noption httplog\nretries 2\nserver s 127.0.0.1:@DEAD@',
    act: askAndClose,
    lines: ['503 SC-- 2'],
  },
  {
    name: 'a server refuses and another takes over',
    config:
      'mode http\noption httplog\noption redispatch\nbalance roundrobin\nserver dead 127.0.0.1:@DEAD@\nserver s 127.0.0.1:@O@',
    origin: { answers: [OK] },
    act: askAndClose,
    lines: ['200 ---- +1'],
  },
  {
    name: 'a server answers no SYN',
    config: 'mode http\noption httplog\nretries 1\nserver s 127.0.0.1:@FULL@',
    act: askAndClose,
    lines: ['503 sC-- 1'],
  },
  {
    name: 'a server answers no SYN of a TCP session',
    config: 'mode tcp\noption tcplog\nretries 0\nserver s 127.0.0.1:@FULL@',
    act: ask,
    lines: ['- sC 0'],
  },
  {
    name: 'a server refuses a TCP session',
    config: 'mode tcp\noption tcplog\nretries 0\nserver s 127.0.0.1:@DEAD@',
    act: ask,
    lines: ['- SC 0'],
  },
  {
    name: 'no place on a server comes free',
    config: `${HTTP} maxconn 1\ntimeout queue 200ms`,
    origin: { answers: [[{ pauseMs: 500 }, ...OK]] },
    act: async (scene) => {
      const first = await scene.client();
      first.send(GET);
      await scene.originHas('/x');
      await askAndClose(scene);
      await has(first, 'ok');
      await first.finish(0);
    },
    lines: ['200 ---- 0', '503 sQ-- 0'],
  },
  {
    name: 'nobody says anything in a TCP tunnel (client first)',
    config: `${TCP}\ntimeout client 600ms\ntimeout server 5s`,
    origin: { raw: [['echo']] },
    act: async (scene) => {
      const client = await scene.client();
      client.send('ping');
      await has(client, 'ping');
      await ended(client);
    },
    lines: ['- cD 0'],
  },
  {
    name: 'nobody says anything in a TCP tunnel (server first)',
    config: `${TCP}\ntimeout client 5s\ntimeout server 600ms`,
    origin: { raw: [['echo']] },
    act: async (scene) => {
      const client = await scene.client();
      client.send('ping');
      await has(client, 'ping');
      await ended(client);
      await client.finish(0);
    },
    lines: ['- sD 0'],
  },
];

const slow: FaultCase[] = [
  {
    name: 'a client says nothing',
    config: HTTP,
    act: async (scene) => ended(await scene.client()),
    lines: ['408 cR-- 0'],
  },
  {
    name: 'a request head comes byte by byte and does not end',
    config: HTTP,
    act: async (scene) => {
      const client = await scene.client();
      const timer = setInterval(() => client.send('x'), 20);
      client.send('GET /');
      await ended(client);
      clearInterval(timer);
    },
    lines: ['408 cR-- 0'],
  },
  {
    name: 'a request body stalls',
    config: HTTP,
    origin: SILENT,
    act: async (scene) => {
      const client = await scene.client();
      client.send('POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nbbbb');
      await scene.originHas('bbbb');
      await ended(client);
    },
    lines: ['400 cH-- 0'],
  },
];

export const CASES: readonly FaultCase[] = [...clients, ...servers, ...slow];
