// Goal: operators and their scripts get from the runtime socket what HAProxy's gives them, and what they change is so
// in every thread when the answer comes. Method: a real process with two threads, real clients and origins.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { AF_INET, SOCK_STREAM } from '../../core/sys/abi.ts';
import { encodeInet } from '../../core/sys/sockaddr.ts';
import { bindAndListen, closeFd, localAddress, openSocket } from '../../core/sys/socket.ts';
import { ask, CliSession } from '../../core/testing/cli-client.ts';
import { freePort, makeFolder, startWeir, statusOf, type WeirProcess } from '../../core/testing/weir-process.ts';

interface Rig {
  weir: WeirProcess;
  socket: string;
  port: number; // http, backend b
  otherPort: number; // http, backend other
  tcpPort: number; // mode tcp, same origin
  origins: [Origin, Origin];
  ask(text: string): Promise<string>;
}

interface Origin {
  port: number;
  server: Server;
  hold: boolean; // requests wait until they are let go
  requestCount: number;
  letGo(): void;
}

async function startOrigin(context: TestContext, name: string): Promise<Origin> {
  const waiting: (() => void)[] = [];
  const server = createServer((_, response) => {
    origin.requestCount++;
    const answer = (): void => void response.end(name);
    if (origin.hold) waiting.push(answer);
    else answer();
  });
  const origin: Origin = {
    port: 0,
    server,
    hold: false,
    requestCount: 0,
    letGo() {
      this.hold = false;
      for (const answer of waiting.splice(0)) answer();
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin.port = (server.address() as AddressInfo).port;
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return origin;
}

async function startRig(context: TestContext, global = ''): Promise<Rig> {
  const folder = makeFolder(context);
  const origins: [Origin, Origin] = [await startOrigin(context, 'one'), await startOrigin(context, 'two')];
  const [port, otherPort, tcpPort] = [await freePort(), await freePort(), await freePort()];
  const socket = `${folder.path}/cli.sock`;
  const file = folder.file(
    'weir.cfg',
    `global
  nbthread 2
  maxconn 100
  stats socket ${socket} level admin mode 660
  ${global}
defaults
  mode http
  timeout client 20s
  timeout connect 2s
  timeout server 20s
  timeout queue 10s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
frontend g
  bind 127.0.0.1:${otherPort}
  default_backend other
frontend t
  mode tcp
  bind 127.0.0.1:${tcpPort}
  default_backend tcp
backend b
  balance roundrobin
  server s1 127.0.0.1:${origins[0].port} weight 10
  server s2 127.0.0.1:${origins[1].port} backup
backend other
  balance static-rr
  server s1 127.0.0.1:${origins[0].port} maxconn 1
backend tcp
  mode tcp
  server s1 127.0.0.1:${origins[0].port}
`,
  );
  const weir = startWeir(context, ['-f', file, '-db']);
  await weir.started();
  return { weir, socket, port, otherPort, tcpPort, origins, ask: (text) => ask(socket, `${text}\n`) };
}

function bodyOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
    });
    asked.on('error', (error) => resolve(`error ${(error as NodeJS.ErrnoException).code}`));
    asked.end();
  });
}

/** Asks until it is so; the test runner's own limit is far away. */
async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error('it never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a line is answered command by command, each with an empty line, and the session ends', async (t) => {
  const { socket, ask: cli } = await startRig(t);
  match(await cli('show version'), /^3\.4\.0-weir\S+\n\n$/);
  strictEqual(await cli('show cli level;show cli level'), 'admin\n\nadmin\n\n');
  strictEqual(await cli(''), '\n');
  strictEqual(await cli(';'), '\n\n');
  strictEqual(await cli('echo a b\\ c\\;d'), 'a b c;d\n\n');
  strictEqual(await cli('quit;show version'), '');
  strictEqual(await ask(socket, 'show cli level\n', true), 'admin\n\n');
  strictEqual(await ask(socket, 'show cli level', true), '', 'a line that does not end is none');
  match(await ask(socket, 'show version\nshow version\n'), /^3\.4\.0\S+\n\n$/, 'one line a session');
  match(await cli(`echo ${'x'.repeat(20_000)}`), /^The command line is too big for the buffer size\./);
  strictEqual(await cli('user;operator;show cli level'), '\nPermission denied\n\nuser\n\n');
  strictEqual(await cli('operator;set weight b/s1 5;show cli level'), '\nPermission denied\n\noperator\n\n');
  match(await cli('shwo stat'), /^Unknown command: 'shwo', but maybe[\s\S]*\n {2}show stat [\s\S]*\n {2}quit .*\n\n$/);
  strictEqual(await cli('user -;show cli level'), 'user\n\n', 'a dash asks for no empty line');
  strictEqual(
    await cli('set severity-output string;show cli level;get weight b/s1;get weight b/none'),
    '\n[info]: admin\n\n10 (initial 10)\n\n[err]: No such server.\n\n',
  );
  strictEqual(await cli('set severity-output number;show cli level'), '\n[6]: admin\n\n');
  strictEqual(await cli('set var proc.x int(1)'), 'This command is restricted to experimental mode only.\n\n');
});

test('prompt makes a session interactive, quietly or not, and payloads show a prompt of their own', async (t) => {
  const { socket } = await startRig(t);
  const session = new CliSession(socket);
  t.after(() => session.close());
  strictEqual(await session.exchange('prompt\n', '> '), '\n> ');
  strictEqual(await session.exchange('show cli level;show cli level\n', '> '), 'admin\n\nadmin\n\n> ');
  strictEqual(await session.exchange('add map nope <<\n', '+ '), '+ ');
  strictEqual(await session.exchange('k v\n', '+ '), '+ ');
  strictEqual(await session.exchange('\n', '> '), 'Unknown map identifier. Please use #<id> or <file>.\n\n> ');
  strictEqual(await session.exchange('prompt i\n', '\n'), '\n');
  strictEqual(await session.exchange('show cli level\n', '\n\n'), 'admin\n\n');
  match(await session.exchange('prompt timed\n', '> '), /^\n\[0:00:00:\d\d\]> $/);
  session.send('prompt n\nshow cli level\n');
  await session.until(() => session.ended);
});

test('stats timeout ends silent sessions, stats maxconn makes others wait', async (t) => {
  const { socket } = await startRig(t, 'stats timeout 400ms\n  stats maxconn 1');
  const first = new CliSession(socket);
  t.after(() => first.close());
  await first.exchange('prompt\n', '> ');
  const second = new CliSession(socket);
  t.after(() => second.close());
  second.send('show cli level\n');
  // The second is served once the first has been silent for too long.
  await second.until(() => second.received === 'admin\n\n');
  ok(first.ended);
  const patient = new CliSession(socket);
  t.after(() => patient.close());
  await patient.exchange('prompt;set timeout cli 1h\n', '> ');
  strictEqual(await patient.exchange('wait 600ms\n', '> '), '\n> ', 'a command may take longer than the timeout');
  ok(!patient.ended);
});

test('a server in maintenance gets nothing from any thread, and returns when it is ready', async (t) => {
  const { port, ask: cli } = await startRig(t);
  const all = async (): Promise<string[]> => {
    const bodies = await Promise.all(Array.from({ length: 12 }, () => bodyOf(port)));
    return [...new Set(bodies)];
  };
  deepStrictEqual(await all(), ['200 one']);
  strictEqual(await cli('set server b/s1 state maint'), '\n');
  deepStrictEqual(await all(), ['200 two'], 'the backup takes over');
  match(await cli('show servers state b'), /^\d+ b 1 s1 127\.0\.0\.1 0 1 10 10 \d+ 1 /m);
  match(await cli('show stat'), /^b,s1,.*,MAINT,/m);
  strictEqual(await cli('disable server b/s2'), '\n');
  deepStrictEqual([...new Set((await all()).map((each) => each.slice(0, 3)))], ['503']);
  match(await cli('show stat'), /^b,BACKEND,.*,DOWN,0,0,0,/m);
  strictEqual(await cli('enable server b/s1'), '\n');
  deepStrictEqual(await all(), ['200 one']);
  strictEqual(await cli('set server b/s1 state drain'), '\n');
  match(await cli('show servers state b'), /^\d+ b 1 s1 127\.0\.0\.1 2 8 /m);
  match(await cli('show stat'), /^b,s1,.*,DRAIN,0,1,0,/m);
  deepStrictEqual([...new Set((await all()).map((each) => each.slice(0, 3)))], ['503']);
  strictEqual(await cli('set server b/s1 state ready;set server b/s1 health down'), '\n\n');
  match(await cli('show stat'), /^b,s1,.*,DOWN,/m);
  strictEqual(await cli('set server b/s1 health up'), '\n');
  deepStrictEqual(await all(), ['200 one']);
  match(await cli('set server b/s1 state x'), /^'set server <srv> state' expects 'ready', 'drain' and 'maint'\.\n\n$/);
  strictEqual(await cli('set server nope/s1 state maint'), 'No such backend.\n\n');
  strictEqual(await cli('set server b/nope state maint'), 'No such server.\n\n');
  strictEqual(await cli('set server b'), "Require 'backend/server'.\n\n");
});

test('weights are absolute or relative, and static algorithms take only 0 and the first one', async (t) => {
  const { port, ask: cli } = await startRig(t);
  strictEqual(await cli('set weight b/s1 50%;get weight b/s1'), '\n5 (initial 10)\n\n');
  strictEqual(await cli('set server b/s1 weight 256;get weight b/#1'), '\n256 (initial 10)\n\n');
  strictEqual(await cli('set server b/s1 weight 0'), '\n');
  strictEqual(await bodyOf(port), '200 two');
  strictEqual(await cli('set weight b/s1 100%;get weight b/s1'), '\n10 (initial 10)\n\n');
  strictEqual(await bodyOf(port), '200 one');
  match(await cli('set weight b/s1 257'), /^Absolute weight can only be between 0 and 256 inclusive\./);
  match(await cli('set weight b/s1 x'), /^Empty weight string/);
  match(await cli('set weight b/s1 1x'), /^Trailing garbage/);
  match(await cli('set weight other/s1 7'), /^Backend is using a static LB algorithm/);
  strictEqual(await cli('set weight other/s1 0;get weight other/s1'), '\n0 (initial 1)\n\n');
});

test('a new address is used by every thread at once, and the old one is said', async (t) => {
  const { port, origins, ask: cli } = await startRig(t);
  strictEqual(await bodyOf(port), '200 one');
  const [one, two] = origins;
  strictEqual(
    await cli(`set server b/s1 addr 127.0.0.2 port ${two.port}`),
    `IP changed from '127.0.0.1' to '127.0.0.2', port changed from '${one.port}' to '${two.port}' by 'stats socket command'\n\n`,
  );
  strictEqual(
    await cli('set server b/s1 addr 127.0.0.1'),
    "IP changed from '127.0.0.2' to '127.0.0.1' by 'stats socket command'\n\n",
  );
  const bodies = await Promise.all(Array.from({ length: 12 }, () => bodyOf(port)));
  deepStrictEqual([...new Set(bodies)], ['200 two']);
  strictEqual(await cli('set server b/s1 addr 127.0.0.1'), 'nothing changed\n\n');
  strictEqual(await cli('set server b/s1 addr nonsense'), "Invalid addr 'nonsense'\n\n");
  strictEqual(await cli('set server b/s1 addr 127.0.0.1 port x'), "problem converting port 'x' to an int\n\n");
  match(await cli('show stat'), new RegExp(`^b,s1,.*,127\\.0\\.0\\.1:${two.port},`, 'm'));
  match(await cli('show servers state b'), new RegExp(` s1 127\\.0\\.0\\.1 2 0 .* ${two.port} `));
});

test('more places on a server let those in its queue go at once', async (t) => {
  const { otherPort, origins, ask: cli } = await startRig(t);
  origins[0].hold = true;
  const asked = [statusOf(otherPort, '/'), statusOf(otherPort, '/'), statusOf(otherPort, '/')];
  await eventually(async () => /^other,BACKEND,2,/m.test(await cli('show stat')));
  strictEqual(origins[0].requestCount, 1);
  strictEqual(await cli('set maxconn server other/s1 3'), '\n');
  await eventually(() => origins[0].requestCount === 3);
  origins[0].letGo();
  deepStrictEqual(await Promise.all(asked), [200, 200, 200]);
  match(await cli('show stat'), /^other,s1,0,\d+,0,3,3,3,/m);
  match(await cli('set maxconn server other/s1 x'), /^maxconn string empty or preceded by garbage/);
});

test('streams are listed, and die when they are told to', async (t) => {
  const { port, origins, weir, ask: cli } = await startRig(t);
  origins[0].hold = true;
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const asked = statusOf(port, '/held');
  const rowOf = async (): Promise<string> => (await cli('show sess')).split('\n')[0]!;
  let row = '';
  await eventually(async () => {
    row = await rowOf();
    return /srv=s1/.test(row);
  });
  match(row, /^0x[0-9a-f]+: proto=tcpv4 src=127\.0\.0\.1:\d+ fe=f be=b srv=s1 ts=00 epoch=0 age=\d+s calls=0 /);
  const id = row.slice(0, row.indexOf(':'));
  match(await cli(`show sess ${id}`), /^0x[0-9a-f]+: \[.*\n.*\n {2}frontend=f \(id=\d+ mode=http\)/);
  match(await cli('show sess all server b/s1'), /phase=response/);
  strictEqual(await cli('show sess all frontend g'), '\n');
  strictEqual(await cli('show sess older 1h'), '\n');
  match(await cli('show info'), /^CurrStreams: 2$/m);
  strictEqual(await cli('shutdown session 0x1'), "No such session (use 'show sess').\n\n");
  strictEqual(await cli('shutdown session x'), "Session pointer expected (use 'show sess').\n\n");
  strictEqual(await cli(`shutdown session ${id}`), '\n');
  strictEqual(await asked, 0, 'the client sees its connection end');
  strictEqual(await rowOf(), '');
  const others = [statusOf(port, '/1'), statusOf(port, '/2')];
  await eventually(async () => (await cli('show sess server b/s1')).split('\n').length === 4);
  strictEqual(await cli('shutdown sessions server b/s1'), '\n');
  deepStrictEqual(await Promise.all(others), [0, 0]);
  ok(!/crashed/.test(weir.stderr));
});

test('a frontend is disabled, enabled and shut down', async (t) => {
  const { port, otherPort, weir, ask: cli } = await startRig(t);
  strictEqual(await cli('disable frontend f'), '\n');
  strictEqual(await statusOf(port, '/'), 0);
  strictEqual(await statusOf(otherPort, '/'), 200);
  match(await cli('show stat f 1 -1'), /^f,FRONTEND,.*,PAUSED,/m);
  strictEqual(await cli('disable frontend f'), 'All sockets are already disabled.\n\n');
  strictEqual(await cli('enable frontend f'), '\n');
  strictEqual(await statusOf(port, '/'), 200);
  strictEqual(await cli('enable frontend f'), 'All sockets are already enabled.\n\n');
  strictEqual(await cli('shutdown frontend f'), '\n');
  strictEqual(await statusOf(port, '/'), 0);
  strictEqual(await cli('shutdown frontend f'), 'Frontend was already shut down.\n\n');
  strictEqual(await cli('enable frontend f'), 'Frontend was previously shut down, cannot enable.\n\n');
  match(await cli('show stat f 1 -1'), /^f,FRONTEND,.*,STOP,/m);
  strictEqual(await cli('enable frontend nope'), 'No such frontend.\n\n');
  match(
    weir.stderr,
    /Paused proxy f\.[\s\S]*Resumed proxy f\.[\s\S]*Proxy f stopped \(cumulated conns: FE: \d+, BE: 0\)\./,
  );
  weir.kill('SIGUSR1');
  strictEqual((await weir.end()).code, 0);
});

test('limits of connections change for everybody', async (t) => {
  const { tcpPort, ask: cli } = await startRig(t);
  strictEqual(await cli('set maxconn frontend t 1'), '\n');
  match(await cli('show stat t 1 -1'), /^t,FRONTEND,,,0,0,1,/m);
  const first = new CliSession(tcpPort);
  const second = new CliSession(tcpPort);
  t.after(() => first.close());
  t.after(() => second.close());
  const serves = (count: number) => async () =>
    new RegExp(`^t,FRONTEND,,,${count},`, 'm').test(await cli('show stat t 1 -1'));
  await eventually(serves(1));
  strictEqual(await cli('set maxconn frontend t 2'), '\n');
  await eventually(serves(2));
  strictEqual(await cli('set maxconn frontend t -1'), 'Value out of range.\n\n');
  strictEqual(await cli('set maxconn global 50'), '\n');
  match(await cli('show info'), /^Maxconn: 50\nHard_maxconn: 100$/m);
  strictEqual(await cli('set maxconn global 101'), 'Value out of range.\n\n');
  strictEqual(await cli('set rate-limit sessions global 5'), '\n');
  match(await cli('show info'), /^SessRateLimit: 5$/m);
  match(await cli('set rate-limit nonsense'), /^'set rate-limit' only supports :/);
});

test('a rate limit of sessions slows clients down', async (t) => {
  const { port, ask: cli } = await startRig(t);
  strictEqual(await cli('set rate-limit sessions global 3'), '\n');
  const beganMs = performance.now();
  const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(port, '/')));
  deepStrictEqual([...new Set(statuses)], [200]);
  ok(performance.now() - beganMs > 900, 'eight sessions at three a second take more than a second or so');
});

test('counters count, and are cleared in all threads', async (t) => {
  const { port, ask: cli } = await startRig(t);
  await Promise.all(Array.from({ length: 6 }, () => statusOf(port, '/')));
  const column = async (object: string, name: string): Promise<string> => {
    const text = await cli('show stat');
    const names = text.slice(2).split('\n', 1)[0]!.split(',');
    const row = text.split('\n').find((each) => each.startsWith(`${object},`))!;
    return row.split(',')[names.indexOf(name)]!;
  };
  for (const [object, name] of [
    ...[
      ['f,FRONTEND', 'req_tot'],
      ['f,FRONTEND', 'hrsp_2xx'],
      ['f,FRONTEND', 'h1sess'],
      ['b,BACKEND', 'stot'],
    ],
    ...[
      ['b,s1', 'stot'],
      ['b,s1', 'hrsp_2xx'],
      ['b,s1', 'lbtot'],
      ['b,BACKEND', 'lbtot'],
      ['b,s1', 'req_tot'],
    ],
  ] as [string, string][]) {
    await eventually(async () => (await column(object, name)) === '6');
  }
  ok(Number(await column('b,s1', 'bout')) > 0);
  ok(['0', '1', '2', '3'].includes(await column('b,s1', 'lastsess')));
  ok(Number(await column('f,FRONTEND', 'smax')) > 0);
  strictEqual(await cli('clear counters'), '\n');
  strictEqual(await column('f,FRONTEND', 'smax'), '0');
  strictEqual(await column('f,FRONTEND', 'stot'), '6');
  strictEqual(await cli('operator;clear counters all'), '\nPermission denied\n\n');
  strictEqual(await cli('clear counters all'), '\n');
  for (const name of ['stot', 'hrsp_2xx', 'bin', 'bout']) strictEqual(await column('f,FRONTEND', name), '0', name);
});

test('bytes that went through a pipe are counted apart', async (t) => {
  const { port, origins, ask: cli } = await startRig(t);
  const length = 4 << 20;
  origins[0].server.removeAllListeners('request');
  origins[0].server.on('request', (_, response) => response.end(Buffer.alloc(length)));
  strictEqual((await bodyOf(port)).length, '200 '.length + length);
  const spliced = async (kind: string, name: string): Promise<number> =>
    Number(new RegExp(`^${kind}\\..*\\.${name}\\.1:MCPV:u64:(\\d+)$`, 'm').exec(await cli('show stat typed'))![1]);
  // How much came before the pipe was opened is the kernel's affair.
  const bytes = await spliced('F', 'h1_spliced_bytes_out');
  ok(bytes > 256 * 1024 && bytes < length);
  strictEqual(await spliced('B', 'h1_spliced_bytes_in'), bytes);
  strictEqual(await spliced('F', 'h1_spliced_bytes_in'), 0);
  ok((await cli('show info')).includes(`\nTotalSplicedBytesOut: ${bytes}\n`));
});

test('the typed and JSON forms say the same as the plain ones', async (t) => {
  const { ask: cli } = await startRig(t);
  const csv = await cli('show stat');
  const names = csv.slice(2).split('\n', 1)[0]!.split(',');
  const json = JSON.parse(await cli('show stat json')) as { field: { name: string }; value: { value: unknown } }[][];
  const rows = csv.split('\n').filter((row) => row !== '' && !row.startsWith('#'));
  strictEqual(json.length, rows.length);
  for (const [index, row] of rows.entries()) {
    const values = row.split(',');
    for (const { field, value } of json[index]!) {
      if (field.name === 'lastchg' || field.name === 'downtime') continue;
      strictEqual(String(value.value), values[names.indexOf(field.name)], `${values[0]}/${values[1]} ${field.name}`);
    }
    strictEqual(values.filter((value) => value !== '' && value !== '-').length, json[index]!.length);
  }
  match(
    await cli('show stat b 4 1 typed'),
    /^S\.\d+\.1\.0\.pxname\.1:KNSV:str:b\nS\.\d+\.1\.1\.svname\.1:KNSV:str:s1\n/,
  );
  match(await cli('show stat b 4 1 typed desc'), /\.pxname\.1:KNSV:str:b:"[^"]+"\n/);
  match(await cli('show info typed'), /^0\.Name\.1:POSV:str:HAProxy\n/);
  match(await cli('show info desc'), /^Name: HAProxy:"[^"]+"\n/);
  const info = JSON.parse(await cli('show info json')) as { field: { name: string }; value: { value: unknown } }[];
  strictEqual(info.find(({ field }) => field.name === 'Nbthread')!.value.value, 2);
  strictEqual(await cli('show stat nope 1 1'), 'No such proxy.\n\n');
  strictEqual(await cli('set server b/s2 state maint'), '\n');
  ok(!/^b,s2,/m.test(await cli('show stat no-maint')));
  match(await cli('show stat up'), /^b,BACKEND,.*,UP \(1\/2\),/m);
});

test('a replaced thread starts with what was commanded', async (t) => {
  const folder = makeFolder(t);
  const [one, two] = [await startOrigin(t, 'one'), await startOrigin(t, 'two')];
  const port = await freePort();
  const socket = `${folder.path}/cli.sock`;
  const file = folder.file(
    'weir.cfg',
    `global
  nbthread 1
  stats socket ${socket} level admin
defaults
  mode http
  timeout client 5s
  timeout connect 2s
  timeout server 5s
listen l
  bind 127.0.0.1:${port}
  server s 127.0.0.1:${one.port}
`,
  );
  const weir = startWeir(t, ['-f', file, '-db'], { env: { WEIR_TEST_CRASH: '1' } });
  await weir.started();
  strictEqual(await bodyOf(port), '200 one');
  match(await ask(socket, `set server l/s addr 127.0.0.1 port ${two.port}\n`), /^port changed/);
  weir.kill('SIGUSR2');
  await weir.says(/starting another[\s\S]*proxy thread accepts/);
  strictEqual(await bodyOf(port), '200 two');
  match(await ask(socket, 'show info\n'), /^CurrConns: /m);
});

test('a map changed at run time is so in every thread, and in one that comes later', async (t) => {
  const folder = makeFolder(t);
  const origins = [await startOrigin(t, 'one'), await startOrigin(t, 'two')];
  const port = await freePort();
  const socket = `${folder.path}/cli.sock`;
  const map = folder.file('places.map', '/ one\n');
  const file = folder.file(
    'weir.cfg',
    `global
  nbthread 2
  stats socket ${socket} level admin
defaults
  mode http
  timeout client 5s
  timeout connect 2s
  timeout server 5s
frontend f
  bind 127.0.0.1:${port}
  use_backend %[path,map(${map})]
backend one
  server s 127.0.0.1:${origins[0]!.port}
backend two
  server s 127.0.0.1:${origins[1]!.port}
`,
  );
  const weir = startWeir(t, ['-f', file, '-db'], { env: { WEIR_TEST_CRASH: '1' } });
  await weir.started();
  const bodies = async (): Promise<string[]> => {
    const all = await Promise.all(Array.from({ length: 12 }, () => bodyOf(port)));
    return [...new Set(all)];
  };
  deepStrictEqual(await bodies(), ['200 one']);
  strictEqual(await ask(socket, `set map ${map} / two\n`), '\n');
  deepStrictEqual(await bodies(), ['200 two']);
  // A whole new version, unseen until it is committed.
  strictEqual(await ask(socket, `prepare map ${map};add map @1 ${map} / one\n`), 'New version created: 1\n\n\n');
  deepStrictEqual(await bodies(), ['200 two']);
  strictEqual(await ask(socket, `commit map @1 ${map}\n`), '\n');
  deepStrictEqual(await bodies(), ['200 one']);
  strictEqual(await ask(socket, `set map ${map} / two;prepare map ${map}\n`), '\nNew version created: 2\n\n');
  weir.kill('SIGUSR2');
  await weir.says(/starting another[\s\S]*proxy thread accepts/);
  deepStrictEqual(await bodies(), ['200 two']);
  strictEqual(await ask(socket, `add map @2 ${map} / one;commit map @2 ${map}\n`), '\n\n');
  deepStrictEqual(await bodies(), ['200 one'], 'the new thread counts versions as the others');
});

test('sockets of every kind serve, at their level, and close on a soft stop', async (t) => {
  const folder = makeFolder(t);
  // Not Node's own server: it would accept from the shared socket, too.
  const inherited = openSocket(AF_INET, SOCK_STREAM);
  t.after(() => closeFd(inherited));
  bindAndListen(inherited, encodeInet('127.0.0.1', 0, 0), 16);
  const inheritedPort = localAddress(inherited).port;
  const [port, tcpCli] = [await freePort(), await freePort()];
  const path = `${folder.path}/u.sock`;
  const file = folder.file(
    'weir.cfg',
    `global
  nbthread 1
  stats socket ${path} mode 600 level user
  stats socket ipv4@127.0.0.1:${tcpCli}
  stats socket fd@3 level admin
  stats socket abns@weir-${process.pid} level operator
defaults
  mode http
  timeout client 5s
  timeout connect 1s
  timeout server 5s
listen l
  bind 127.0.0.1:${port}
`,
  );
  const weir = startWeir(t, ['-f', file, '-db'], { stdio: ['ignore', 'pipe', 'pipe', inherited] });
  await weir.started();
  strictEqual(statSync(path).mode & 0o777, 0o600);
  strictEqual(await ask(path, 'show cli level\n'), 'user\n\n');
  strictEqual(await ask(path, 'show env HOME\n'), 'Permission denied\n\n');
  ok(!/127\.0\.0\.1/.test(await ask(path, 'show stat\n')), 'addresses are for operators');
  strictEqual(await ask(tcpCli, 'show cli level\n'), 'operator\n\n');
  strictEqual(await ask(inheritedPort, 'show cli level\n'), 'admin\n\n');
  strictEqual(await ask(`\0weir-${process.pid}`.padEnd(108, '\0'), 'show cli level\n'), 'operator\n\n');
  const sockets =
    `unix@${path} user all\nipv4@127.0.0.1:${tcpCli} operator all\n` +
    `ipv4@127.0.0.1:${inheritedPort} admin all\nabns@weir-${process.pid} operator all\n`;
  strictEqual(await ask(inheritedPort, 'show cli sockets\n'), `# socket lvl processes\n${sockets}\n`);
  match(await ask(tcpCli, 'show env HAPROXY_CLI\n'), /^HAPROXY_CLI=unix@.*;ipv4@127\.0\.0\.1:\d+;/);
  const session = new CliSession(tcpCli);
  t.after(() => session.close());
  await session.exchange('prompt\n', '> ');
  weir.kill('SIGUSR1');
  await weir.says(/Proxy l stopped/);
  match(await session.exchange('show info\n', '> '), /^Stopping: 1$/m, 'who is there stays');
  await weir.until('its socket is closed', async () => {
    try {
      await ask(path, 'show cli level\n');
      return false;
    } catch {
      return true;
    }
  });
  ok(existsSync(path), 'the name stays, as with HAProxy: a successor may have taken it');
  session.send('quit\n');
  strictEqual((await weir.end()).code, 0);
});

test('a socket that cannot be opened stops the start and is named', async (t) => {
  const folder = makeFolder(t);
  const file = folder.file(
    'weir.cfg',
    'global\n  stats socket /nonexistent/dir/s.sock\nlisten l\n  mode http\n  bind 127.0.0.1:1\n  timeout client 1s\n' +
      '  timeout connect 1s\n  timeout server 1s\n',
  );
  const { code, stderr } = await startWeir(t, ['-f', file, '-db']).end();
  strictEqual(code, 1);
  match(stderr, /Binding \[.*weir\.cfg:2\] for frontend GLOBAL: .*\[\/nonexistent\/dir\/s\.sock\]/);
});
