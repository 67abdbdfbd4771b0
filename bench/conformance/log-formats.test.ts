// Goal: lines in the operator's formats are written when, and only when, they should be. Method: weir alone, with requests
// whose lines are stated here.

import { deepStrictEqual, match, ok } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { freePort, makeFolder, startWeir, statusOf } from '../../core/testing/weir-process.ts';

const HOST = '127.0.0.1';

interface Running {
  readonly port: number;
  readonly tcpPort: number;
  /** The next `count` lines, without their ends. */
  lines(count: number): Promise<string[]>;
}

async function start(context: TestContext, lines: string): Promise<Running> {
  const log = createSocket('udp4');
  context.after(() => log.close());
  const received: string[] = [];
  log.on('message', (bytes) => received.push(bytes.toString('latin1').trimEnd()));
  log.bind(0, HOST);
  await once(log, 'listening');
  const [port, tcpPort, origin] = [await freePort(), await freePort(), await freePort()];
  const target = `log ${HOST}:${log.address().port} format raw local0`;
  const text = `global
  nbthread 1
  user root
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend f
  bind ${HOST}:${port}
  ${target}
  ${lines}
  use_backend refused if { path /refused }
  default_backend b
frontend t
  mode tcp
  bind ${HOST}:${tcpPort}
  ${target}
  log-format "tcp %ci %b/%s %ST %ts %B"
  default_backend c
backend b
  server s ${HOST}:${origin}
backend c
  mode tcp
  server s ${HOST}:${origin}
backend refused
  server s ${HOST}:${await freePort()}
  retries 0
frontend o
  bind ${HOST}:${origin}
  http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-id)]" hdr x-r reply
`;
  const weir = startWeir(context, ['-f', makeFolder(context).file('log.cfg', text)]);
  await weir.started();
  return {
    port,
    tcpPort,
    async lines(count) {
      await weir.until(`${count} lines`, () => received.length >= count);
      return received.splice(0, count);
    },
  };
}

async function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, HOST);
  let received = '';
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  socket.write(text);
  await once(socket, 'close');
  return received;
}

const request = (path: string, ...lines: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: h', 'Connection: close', ...lines].join('\r\n')}\r\n\r\n`;

test('each request has its line, with its server, its captures and its end', async (context) => {
  const running = await start(
    context,
    `capture request header x-a len 3
  capture response header x-r len 10
  http-request deny if { path /deny }
  log-format "%r|%ST|%b/%s|%ts|%hr|%hs|%si"`,
  );
  await ask(running.port, request('/a', 'X-A: abcdef'));
  await ask(running.port, request('/deny', 'X-A: x'));
  await ask(running.port, request('/refused'));
  await ask(running.port, 'no request\r\n\r\n');
  await ask(running.tcpPort, request('/'));
  const lines = await running.lines(5);
  deepStrictEqual(lines.slice(0, 4), [
    `GET /a HTTP/1.1|200|b/s|--|{abc}|{reply}|${HOST}`,
    'GET /deny HTTP/1.1|403|f/<NOSRV>|PR|{x}|{}|-',
    `GET /refused HTTP/1.1|503|refused/s|SC|{}|{}|${HOST}`,
    '<BADREQ>|400|f/<NOSRV>|PR|||-',
  ]);
  match(lines[4]!, /^tcp 127\.0\.0\.1 c\/s 0 -- \d\d+$/);
});

test('what cannot be read has the error format, rules write lines and keep others from being written', async (context) => {
  const running = await start(
    context,
    `log-format "%HU %OG %lc"
  error-log-format "error %ST %ts %[txn.status] %lc"
  http-request do-log if { path /twice }
  http-request set-log-level silent if { path /none }`,
  );
  await ask(running.port, 'no request\r\n\r\n');
  for (const path of ['/none', '/twice', '/last']) await ask(running.port, request(path));
  deepStrictEqual(await running.lines(4), [
    'error 400 PR - 0',
    '/twice http-req 1',
    ...['/twice txn_close 1', '/last txn_close 2'],
  ]);
});

test('the unique id is made once: the server, rules and the log have the same', async (context) => {
  const running = await start(
    context,
    `unique-id-format "%ci-%[uuid]"
  unique-id-header X-Id
  http-request set-header X-Early %[unique-id]
  log-format "%ID %[unique-id] %ST"`,
  );
  const answer = await ask(running.port, request('/'));
  const id = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  match(id, /^127\.0\.0\.1-[0-9a-f-]{36}$/);
  deepStrictEqual(await running.lines(1), [`${id} ${id} 200`]);
  ok((await statusOf(running.port, '/')) === 200);
  const [second] = await running.lines(1);
  ok(!second!.includes(id), 'another request has another one');
});
