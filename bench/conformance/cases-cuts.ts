// Exchanges that are cut at every byte, on the client's side and on the origin's: how TCP cuts them means nothing.

import { type Case, get, request, type Step } from './parity-case.ts';

import type { CutExchange } from './parity-run.ts';
import type { Action } from './scripted-origin.ts';

interface Exchange {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly closes?: boolean; // the origin ends the response by closing
  readonly until: string; // what the client's bytes end with
  readonly cutsRequest?: boolean; // false: only the response is cut
}

const EXCHANGES: readonly Exchange[] = [
  {
    name: 'a get and its length',
    request: get('/cut', 'X-A:  b ', 'Connection: foo, keep-alive'),
    response: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhello',
    until: 'hello',
  },
  {
    name: 'chunks with trailers both ways',
    request: request(
      'POST',
      '/cut',
      '1.1',
      ['Transfer-Encoding: chunked'],
      '4;x=y\r\nabcd\r\n1\r\ne\r\n0\r\nT: u\r\n\r\n',
    ),
    response: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;e\r\nlo\r\n0\r\nX-T: 1\r\n\r\n',
    until: 'x-t: 1\r\n\r\n',
  },
  {
    name: 'two requests, a folded header, an interim response',
    request: `POST /cut HTTP/1.1\r\nHost: a\r\nA: b\r\n  c\r\nContent-Length: 3\r\n\r\nabc${get('/next')}`,
    response: 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    until: 'last',
  },
  {
    name: 'an upgrade with bytes behind it',
    request: `${get('/cut', 'Connection: Upgrade', 'Upgrade: foo')}`,
    response: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nhello',
    until: 'hello',
  },
  {
    name: '1.0 until the end',
    request: request('GET', 'http://a/cut', '1.0', ['Host: a:80'], ''),
    response: 'HTTP/1.0 200 OK\nServer: o\n\nuntil the end',
    closes: true,
    until: 'the end',
  },
  {
    name: 'a refused head',
    request: `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
    response: '',
    until: '</html>\n',
  },
  {
    name: 'a response that is refused',
    request: get('/cut'),
    response: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    until: '</html>\n',
    cutsRequest: false,
  },
];

const LAST: readonly Action[] = ['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast' }];
/** Long enough that the proxy has read the first part, in nearly every case. */
const CUT_MS = 2;

/**
 * HAProxy 3.4.0 forgets the digits it has read of a status code that comes in two parts when it reads another
 * response in between, and answers 502: at these cuts it is no measure.
 */
function peerErrsAt(response: string, at: number): boolean {
  const line = response.lastIndexOf('HTTP/', at);
  return line >= 0 && at > line + 9 && at < line + 12;
}

function exchangeCase(
  each: Exchange,
  name: string,
  sent: readonly string[],
  answered: readonly string[],
  peerErrs = false,
): Case {
  const steps: Step[] = sent.flatMap((send, index): Step[] =>
    index === 0 ? [{ send }] : [{ pauseMs: CUT_MS }, { send }],
  );
  const actions = answered.flatMap((send, index): Action[] =>
    index === 0 ? [{ send }] : [{ pauseMs: CUT_MS }, { send }],
  );
  return {
    name,
    on: 'cut',
    steps: [...steps, { until: peerErrs ? '\r\n' : each.until }],
    origin: { answers: [['body', ...actions, ...(each.closes ? (['fin'] as const) : [])], LAST] },
    ...(peerErrs ? { peerErrs } : {}),
  };
}

const cutAt = (text: string, at: number): string[] => [text.slice(0, at), text.slice(at)];

export const CUT_EXCHANGES: readonly CutExchange[] = EXCHANGES.map((each) => {
  const variants: Case[] = [];
  for (let at = 1; at < each.request.length && each.cutsRequest !== false; at++) {
    variants.push(exchangeCase(each, `cut: ${each.name}, request at ${at}`, cutAt(each.request, at), [each.response]));
  }
  for (let at = 1; at < each.response.length; at++) {
    const name = `cut: ${each.name}, response at ${at}`;
    const parts = cutAt(each.response, at);
    variants.push(exchangeCase(each, name, [each.request], parts, peerErrsAt(each.response, at)));
  }
  return { whole: exchangeCase(each, `cut: ${each.name}, whole`, [each.request], [each.response]), variants };
});
