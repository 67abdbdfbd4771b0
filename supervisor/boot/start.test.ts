// Goal: a start, a life and an end as an operator of HAProxy knows them: sockets, pid file, daemon, rights, signals,
// exit codes. Method: real processes; `monitor-uri` answers without a server, so that traffic needs none.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type Folder,
  freePort,
  isAlive,
  makeFolder,
  runWeir,
  startWeir,
  statusOf,
} from '../../core/testing/weir-process.ts';

const isRoot = process.geteuid!() === 0;

function config(bind: string, global = ''): string {
  return `global
  nbthread 2
  maxconn 100
${global}
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind ${bind}
  monitor-uri /alive
  default_backend b
backend b
  server s 127.0.0.1:9
`;
}

async function tcpConfig(folder: Folder, global = ''): Promise<{ file: string; port: number }> {
  const port = await freePort();
  return { port, file: folder.file('weir.cfg', config(`127.0.0.1:${port}`, global)) };
}

/** Listens on a port of 127.0.0.1 that then is taken. */
async function takenPort(context: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as { port: number }).port;
}

function connectTo(context: TestContext, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
    context.after(() => socket.destroy());
  });
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

test('a start accepts on all its threads, names its engine, and SIGUSR1 ends it with 0', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  assert.equal((weir.stderr.match(/"msg":"proxy thread accepts"/g) ?? []).length, 2);
  assert.match(weir.stderr, /"engine":"(uring|epoll)","reason":"/);
  for (let count = 0; count < 8; count++) assert.equal(await statusOf(port, '/alive'), 200);
  assert.equal(readFileSync(`/proc/${weir.pid}/comm`, 'latin1'), 'weir\n');
  weir.kill('SIGUSR1');
  const { code, stderr } = await weir.end();
  assert.equal(code, 0);
  assert.match(stderr, /\[WARNING\] {2}\(\d+\) : Proxy f stopped \(cumulated conns: FE: \d+, BE: 0\)\.\n/);
  assert.match(stderr, /Proxy b stopped/);
  assert.doesNotMatch(stderr, /resisted/);
});

test('the engine can be forced, and each of the two serves', async (context) => {
  for (const engine of ['epoll', 'uring']) {
    const { file, port } = await tcpConfig(makeFolder(context));
    const weir = startWeir(context, ['-db', '--engine', engine, '-f', file]);
    await weir.until('its first word on the engine', () => /"engine":|did not start/.test(weir.stderr));
    if (engine === 'uring' && /did not start/.test(weir.stderr)) {
      context.diagnostic('io_uring is refused here');
      assert.equal((await weir.end()).code, 1);
      continue;
    }
    await weir.started();
    assert.ok(weir.stderr.includes(`"engine":"${engine}"`));
    assert.equal(await statusOf(port, '/alive'), 200);
    weir.kill('SIGTERM');
    await weir.end();
  }
});

test('SIGTERM and SIGINT end it at once, by that very signal', async (context) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { file, port } = await tcpConfig(makeFolder(context));
    const weir = startWeir(context, ['-db', '-f', file]);
    await weir.started();
    const client = await connectTo(context, port);
    client.on('error', () => {});
    weir.kill(signal);
    assert.equal((await weir.end()).signal, signal);
  }
});

test('a soft stop refuses new connections and lets old ones finish', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  const client = await connectTo(context, port);
  let answer = '';
  client.on('data', (bytes: Buffer) => {
    answer += bytes.toString('latin1');
  });
  client.write('GET /alive HTTP/1.1\r\nhost: a\r\n'); // not whole yet: this connection is busy
  await weir.until('the client was accepted', async () => {
    weir.kill('SIGHUP');
    return /Proxy f has no servers\. Conn: act\(FE\+BE\): 1\+0/.test(weir.stderr);
  });
  weir.kill('SIGUSR1');
  await weir.says(/Proxy f stopped/);
  await assert.rejects(connectTo(context, port), { code: 'ECONNREFUSED' });
  client.end('\r\n');
  assert.equal((await weir.end()).code, 0);
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('hard-stop-after ends a soft stop that takes too long, and says so', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context), '  hard-stop-after 50ms\n');
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  const client = await connectTo(context, port);
  client.on('error', () => {});
  client.write('GET /alive HTTP/1.1\r\n');
  await weir.until('the client was accepted', async () => {
    weir.kill('SIGHUP');
    return /act\(FE\+BE\): 1\+0/.test(weir.stderr);
  });
  weir.kill('SIGUSR1');
  const { code, stderr } = await weir.end();
  assert.equal(code, 0);
  assert.match(stderr, /soft-stop running for too long, performing a hard-stop\./);
  assert.match(stderr, /Proxy f hard-stopped \(1 remaining conns will be closed\)\./);
});

test('SIGTTOU makes connections refused, SIGTTIN accepted again', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  weir.kill('SIGTTOU');
  await weir.says(/Paused proxy f\./);
  assert.equal(await statusOf(port, '/alive'), 0);
  weir.kill('SIGTTIN');
  await weir.says(/Resumed proxy f\./);
  assert.equal(await statusOf(port, '/alive'), 200);
});

test('SIGHUP shows every server, SIGQUIT every thread, and SIGUSR2 and SIGPIPE do no harm', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  for (const signal of ['SIGUSR2', 'SIGPIPE', 'SIGHUP', 'SIGQUIT'] as const) weir.kill(signal);
  await weir.says(/SIGHUP: Server b\/s is UP\. Conn: 0 act, 0 pend, 0 tot\./);
  await weir.says(/SIGHUP: Proxy b has 1 active servers and 0 backup servers available\. Conn: act\(FE\+BE\): 0\+0/);
  await weir.says(/thread 0: [\s\S]*thread 1: /);
  assert.equal(await statusOf(port, '/alive'), 200);
});

test('a port that another program holds stops the start with its name, line and 1', async (context) => {
  const port = await takenPort(context);
  const file = makeFolder(context).file('weir.cfg', config(`127.0.0.1:${port}`));
  const { code, stderr } = await runWeir(['-db', '-f', file]);
  assert.equal(code, 1);
  const words = `: Binding \\[${file}:11\\] for frontend f: protocol tcpv4: cannot bind socket \\(Address already in use\\)`;
  assert.match(stderr, new RegExp(`\\[ALERT\\] {4}\\(\\d+\\) ${words} for \\[127\\.0\\.0\\.1:${port}\\]\\.\n`));
  assert.match(stderr, /\[weir\.main\(\)\] Some protocols failed to start their listeners! Exiting\./);
});

test('all binds that fail are named together', async (context) => {
  const port = await takenPort(context);
  const bind = `127.0.0.1:${port}\n  bind 192.0.2.1:80\n  bind /nowhere/x.sock`;
  const file = makeFolder(context).file('weir.cfg', config(bind));
  const { code, stderr } = await runWeir(['-db', '-f', file]);
  assert.equal(code, 1);
  assert.match(stderr, /cannot bind socket \(Cannot assign requested address\) for \[192\.0\.2\.1:80\]/);
  assert.match(stderr, /protocol unix_stream: .*\(No such file or directory\) \[\/nowhere\/x\.sock\]/);
});

test('without anything to listen on it does not start', async (context) => {
  const file = makeFolder(context).file('weir.cfg', 'defaults\n  mode http\n');
  const { code, stderr } = await runWeir(['-db', '-f', file]);
  assert.equal(code, 1);
  assert.match(stderr, /No enabled listener found \(check for 'bind' directives\) ! Exiting\./);
});

test('a Unix socket has its mode from the start and replaces the one that was there', async (context) => {
  const folder = makeFolder(context);
  const path = join(folder.path, 'weir.sock');
  const file = folder.file('weir.cfg', config(`${path} mode 640`));
  for (let round = 0; round < 2; round++) {
    const weir = startWeir(context, ['-db', '-f', file]);
    await weir.started();
    assert.equal(statSync(path).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(folder.path).sort(), ['weir.cfg', 'weir.sock']);
    assert.equal(await statusOf(path, '/alive'), 200);
    weir.kill('SIGTERM');
    await weir.end();
  }
});

test('an inherited socket serves under its number, also when a variable names it, and its owner may keep it', async (context) => {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const file = makeFolder(context).file('weir.cfg', config(`"fd@\${fe1}"`));
  const weir = startWeir(context, ['-d', '-dM', '-dI', '-dW', '-f', file], {
    stdio: ['ignore', 'pipe', 'pipe', fd],
    env: { fe1: '3' },
  });
  await weir.started();
  server.close();
  assert.equal(await statusOf(port, '/alive'), 200);
});

test('in the foreground no pid file is written, as in HAProxy', async (context) => {
  const folder = makeFolder(context);
  const { file } = await tcpConfig(folder);
  const weir = startWeir(context, ['-db', '-f', file, '-p', join(folder.path, 'pid')]);
  await weir.started();
  assert.equal(existsSync(join(folder.path, 'pid')), false);
});

test('a daemon serves when its launcher has ended with 0, alone and off the terminal', async (context) => {
  const folder = makeFolder(context);
  const { file, port } = await tcpConfig(folder);
  const pidfile = join(folder.path, 'pid');
  const launcher = await runWeir(['-D', '-f', file, '-p', pidfile]);
  const text = readFileSync(pidfile, 'latin1');
  assert.match(text, /^\d+\n$/);
  const pid = Number(text);
  context.after(() => killNow(pid));
  assert.equal(launcher.code, 0);
  assert.equal(await statusOf(port, '/alive'), 200);
  for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null');
  const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  assert.equal(session, String(pid));
  process.kill(pid, 'SIGUSR1');
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('the word daemon in the file does the same, an inherited socket included, and -db overrules it', async (context) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const folder = makeFolder(context);
  const pidfile = join(folder.path, 'pid');
  const file = folder.file('weir.cfg', config('fd@5', `  daemon\n  pidfile ${pidfile}\n`));
  const stdio = ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', fd] as const;
  assert.equal((await runWeir(['-f', file], { stdio: [...stdio] })).code, 0);
  const pid = Number(readFileSync(pidfile, 'latin1'));
  context.after(() => killNow(pid));
  server.close();
  assert.equal(await statusOf(port, '/alive'), 200);
  killNow(pid);
  const { file: tcpFile } = await tcpConfig(folder, '  daemon\n');
  const weir = startWeir(context, ['-db', '-f', tcpFile]);
  await weir.started();
});

test('a daemon that cannot start gives its exit code to the launcher, and no pid file stays', async (context) => {
  const folder = makeFolder(context);
  const port = await takenPort(context);
  const file = folder.file('weir.cfg', config(`127.0.0.1:${port}`));
  const busy = await runWeir(['-D', '-f', file, '-p', join(folder.path, 'pid')]);
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /cannot bind socket \(Address already in use\)/);
  assert.match(busy.stderr, /\[ALERT\] {4}\(\d+\) : Process \d+ exited with code 1 \(Exit\)/);
  assert.equal(existsSync(join(folder.path, 'pid')), false);
  const { file: free } = await tcpConfig(folder);
  const noPidfile = await runWeir(['-D', '-f', free, '-p', '/nowhere/pid']);
  assert.equal(noPidfile.code, 1);
  assert.match(noPidfile.stderr, /Cannot create pidfile \/nowhere\/pid/);
});

test('-sf lets the old process finish once the new one listens, on the same port', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const old = startWeir(context, ['-db', '-f', file]);
  await old.started();
  const next = startWeir(context, ['-db', '-f', file, '-sf', String(old.pid)]);
  await next.started();
  assert.equal((await old.end()).code, 0);
  assert.equal(await statusOf(port, '/alive'), 200);
});

test('-st ends the old process, and a port it holds alone is waited for', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const old = startWeir(context, ['-db', '-dR', '-f', file]);
  await old.started();
  const next = startWeir(context, ['-db', '-dR', '-f', file, '-st', String(old.pid)]);
  await next.started();
  assert.equal((await old.end()).signal, 'SIGTERM');
  assert.equal(await statusOf(port, '/alive'), 200);
});

test('limits that cannot be had are refused with the figures', async (context) => {
  const { file } = await tcpConfig(makeFolder(context), '  ulimit-n 150\n');
  const low = await runWeir(['-db', '-f', file]);
  assert.equal(low.code, 1);
  assert.match(
    low.stderr,
    /FD limit \(150\) too low for maxconn=100\/maxsock=\d+\. Please raise 'ulimit-n' to \d+ or more/,
  );
  const { file: huge } = await tcpConfig(makeFolder(context), '  ulimit-n 2000000000\n');
  const high = await runWeir(['-db', '-f', huge]);
  assert.equal(high.code, 1);
  assert.match(high.stderr, /Cannot raise FD limit to 2000000000, current limit is \d+ and hard limit is \d+\./);
});

test('the descriptor limit is what was computed from maxconn, and maxconn from the limit', async (context) => {
  const limitOf = (pid: number): number =>
    Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))![1]);
  const { file } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file]);
  await weir.started();
  assert.ok(limitOf(weir.pid) > 200 && limitOf(weir.pid) < 400, `limit ${limitOf(weir.pid)}`);
  const folder = makeFolder(context);
  const free = folder.file('free.cfg', readFileSync(file, 'latin1').replace('  maxconn 100\n', ''));
  const computed = startWeir(context, ['-db', '-f', free]);
  await computed.started();
  const [, maxconn] = /Automatically setting global\.maxconn to (\d+)\./.exec(computed.stderr)!;
  assert.ok(Number(maxconn) * 2 <= limitOf(computed.pid));
});

test('a crashed thread is replaced while the others serve', async (context) => {
  const { file, port } = await tcpConfig(makeFolder(context));
  const weir = startWeir(context, ['-db', '-f', file], { env: { WEIR_TEST_CRASH: '1' } });
  await weir.started();
  const accepting = (): number => (weir.stderr.match(/"msg":"proxy thread accepts"/g) ?? []).length;
  for (let round = 1; round <= 2; round++) {
    weir.kill('SIGUSR2');
    await weir.until('the replacement accepted', () => accepting() === 2 + round);
    for (let count = 0; count < 4; count++) assert.equal(await statusOf(port, '/alive'), 200);
  }
  assert.match(weir.stderr, /"msg":"proxy thread crashed, starting another"/);
});

test('user, group and chroot hold for every thread, and a thread is replaced behind them', {
  skip: !isRoot,
}, async (context) => {
  const folder = makeFolder(context);
  const jail = join(folder.path, 'jail');
  mkdirSync(jail);
  const { file, port } = await tcpConfig(folder, `  user nobody\n  group nogroup\n  chroot ${jail}\n`);
  const weir = startWeir(context, ['-db', '-f', file], { env: { WEIR_TEST_CRASH: '1' } });
  await weir.started();
  assert.equal(readlinkSync(`/proc/${weir.pid}/root`), jail);
  const accepting = (): number => (weir.stderr.match(/"msg":"proxy thread accepts"/g) ?? []).length;
  weir.kill('SIGUSR2');
  await weir.until('the replacement accepted', () => accepting() === 3);
  for (const task of readdirSync(`/proc/${weir.pid}/task`)) {
    const status = readFileSync(`/proc/${weir.pid}/task/${task}/status`, 'latin1');
    assert.match(status, /^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
    assert.match(status, /^Gid:\s+65534\s+65534\s+65534\s+65534$/m);
    assert.match(status, /^Groups:\s*$/m);
  }
  for (let count = 0; count < 4; count++) assert.equal(await statusOf(port, '/alive'), 200);
  weir.kill('SIGUSR1');
  assert.equal((await weir.end()).code, 0);
});

test('a chroot that cannot be entered stops the start', async (context) => {
  const { file } = await tcpConfig(makeFolder(context), '  chroot /nowhere\n');
  const { code, stderr } = await runWeir(['-db', '-f', file]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot chroot\(\/nowhere\)\./);
});
