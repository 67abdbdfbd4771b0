// Who leaves or dies while rules wait (fault-cases.ts says how a case is written).

import { ended, type FaultCase, has, leave, type Scene, WAYS, type Way } from './fault-cases.ts';
import type { Action, Script } from './scripted-origin.ts';

const GET = 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n';
const HALF_POST = 'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf';
const SERVER = 'server s 127.0.0.1:@O@';
const HTTP = `mode http\noption httplog\n${SERVER}`;
const TCP = `mode tcp\noption tcplog\n${SERVER}`;
const SILENT: Script = { answers: [[{ until: 'never sent' }]] };
const HALF_ANSWER: Action = { send: 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf' };

type Lines = readonly string[] | Record<Way, readonly string[]>;

/** One case a way: the client sends `text`, and leaves when it has been read. */
function leaves(name: string, config: string, text: string, lines: Lines, rest: Partial<FaultCase> = {}): FaultCase[] {
  return WAYS.map((way) => ({
    name: `a client leaves by ${way} ${name}`,
    config,
    lines: Array.isArray(lines) ? lines : (lines as Record<Way, readonly string[]>)[way],
    act: async (scene: Scene): Promise<void> => {
      const client = await scene.client();
      client.send(text);
      await scene.settled(client);
      await leave(client, way);
    },
    ...rest,
  }));
}

const gone = { peerDiffers: true } as const;

const requests: readonly FaultCase[] = [
  ...leaves(
    'while its request is paused',
    `${HTTP}\nhttp-request pause 300ms`,
    GET,
    { FIN: ['-1 CC-- 0'], RST: ['-1 CR-- 0'], 'half-close': ['-1 CC-- 0'] },
    { ...gone, origin: SILENT },
  ),
  ...leaves(
    'while its body is waited for',
    `${HTTP}\nhttp-request wait-for-body time 1s`,
    HALF_POST,
    { FIN: ['400 CR-- 0'], RST: ['-1 CR-- 0'], 'half-close': ['400 CR-- 0'] },
    gone,
  ),
  ...leaves(
    'while its body is buffered',
    `${HTTP}\noption http-buffer-request`,
    HALF_POST,
    { FIN: ['400 CR-- 0'], RST: ['-1 CR-- 0'], 'half-close': ['400 CR-- 0'] },
    gone,
  ),
  ...leaves('in the tarpit', `${HTTP}\ntimeout tarpit 400ms\nhttp-request tarpit`, GET, ['500 PT-- 0']),
  ...leaves(
    'while its first bytes are inspected',
    `${TCP}\ntcp-request inspect-delay 500ms\ntcp-request content reject if { req.payload(0,9) -m str impatient }`,
    'abc',
    { FIN: ['- -- 0'], RST: ['- CR 0'], 'half-close': ['- -- 0'] },
    { ...gone, origin: { raw: [['echo']] } },
  ),
  {
    name: 'a client stays in the tarpit',
    config: `${HTTP}\ntimeout tarpit 200ms\nhttp-request tarpit`,
    lines: ['500 PT-- 0'],
    act: async (scene) => {
      const client = await scene.client();
      client.send(GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
      await ended(client);
    },
  },
  {
    name: 'a body that is waited for does not come',
    config: `${HTTP}\nhttp-request wait-for-body time 200ms`,
    lines: ['408 cR-- 0'],
    act: async (scene) => {
      const client = await scene.client();
      client.send(HALF_POST);
      await ended(client);
    },
  },
  {
    name: 'a body that is waited for without a limit does not come',
    config: `${HTTP}\nhttp-request wait-for-body time 0`,
    lines: ['408 cR-- 0'],
    act: async (scene) => {
      const client = await scene.client();
      client.send(HALF_POST);
      await ended(client);
    },
  },
  {
    name: 'a client trickles while it is inspected',
    config: `${TCP}\ntcp-request inspect-delay 300ms\ntcp-request content reject if { req.len lt 900 }`,
    lines: ['- PR 0'],
    act: async (scene) => {
      const client = await scene.client();
      const timer = setInterval(() => client.send('x'), 5);
      await ended(client);
      clearInterval(timer);
    },
    peerDiffers: true,
  },
];

async function askAndClose(scene: Scene): Promise<void> {
  const client = await scene.client();
  client.send(GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
  await ended(client);
}

const responses: readonly FaultCase[] = [
  ...(['fin', 'reset'] as const).flatMap((way): FaultCase[] => {
    const verb = way === 'fin' ? 'closes' : 'resets';
    const dies: Script = { answers: [['body', HALF_ANSWER, { pauseMs: 30 }, way]] };
    return [
      {
        name: `a server ${verb} while its response is paused`,
        config: `${HTTP}\nhttp-response pause 200ms`,
        origin: dies,
        lines: ['200 SD-- 0'],
        act: askAndClose,
      },
      {
        name: `a server ${verb} while its body is waited for`,
        config: `${HTTP}\nhttp-response wait-for-body time 1s`,
        origin: dies,
        lines: ['200 SD-- 0'],
        act: askAndClose,
      },
      {
        name: `a server ${verb} while its first bytes are inspected`,
        config: `${TCP}\ntcp-response inspect-delay 1s\ntcp-response content reject if { res.payload(0,9) -m str impatient }`,
        origin: { raw: [[{ until: 'x' }, { send: 'abc' }, { pauseMs: 30 }, way]] },
        lines: [way === 'fin' ? '- -- 0' : '- SD 0'],
        peerDiffers: true,
        act: async (scene: Scene): Promise<void> => {
          const client = await scene.client();
          client.send('x');
          if (way === 'fin') client.halfClose();
          await ended(client);
        },
      },
    ];
  }),
  {
    name: 'a server stalls while its body is waited for',
    config: `${HTTP}\nhttp-response wait-for-body time 200ms`,
    origin: { answers: [['body', HALF_ANSWER, { until: 'never sent' }]] },
    lines: ['504 sH-- 0'],
    act: askAndClose,
  },
  {
    name: 'a server stalls while its body is waited for without a limit',
    config: `${HTTP}\nhttp-response wait-for-body time 0`,
    origin: { answers: [['body', HALF_ANSWER, { until: 'never sent' }]] },
    lines: ['504 sH-- 0'],
    act: askAndClose,
  },
  {
    name: 'a whole response is paused and its server leaves',
    config: `${HTTP}\nhttp-response pause 200ms`,
    origin: {
      answers: [['body', { send: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok' }, { pauseMs: 30 }, 'fin']],
    },
    lines: ['200 ---- 0'],
    act: async (scene) => {
      const client = await scene.client();
      client.send(GET.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
      await has(client, 'ok');
      await ended(client);
    },
  },
  ...WAYS.map(
    (way): FaultCase => ({
      name: `a client leaves by ${way} while its response is paused`,
      config: `${HTTP}\nhttp-response pause 300ms`,
      origin: { answers: [['body', HALF_ANSWER, { until: 'never sent' }]] },
      lines: way === 'RST' ? ['-1 CR-- 0'] : ['200 CD-- 0'],
      peerDiffers: true,
      act: async (scene) => {
        const client = await scene.client();
        client.send(GET);
        await scene.originHas('/x');
        await leave(client, way);
      },
    }),
  ),
];

export const RULE_FAULTS: readonly FaultCase[] = [...requests, ...responses];
