import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild, startChild } from './children.ts';
import { type Demo, startDemo, welcome } from './demo.ts';
import type { OriginAnswer } from './origin.ts';
import { findHaproxy, weirPath } from './peers.ts';
import { freePort } from './ports.ts';
import { paintFor } from './terminal.ts';

const plain = paintFor({ isTTY: false });

async function ask(port: number, path: string): Promise<OriginAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  assert.equal(answer.status, 200);
  return (await answer.json()) as OriginAnswer;
}

// What the welcome promises, whichever program reads the file.
async function checkDemo(demo: Demo): Promise<void> {
  const counts = new Map<string, number>();
  for (let count = 0; count < 10; count++) {
    const said = await ask(demo.httpPort, '/hello');
    assert.equal(said.path, '/hello');
    assert.equal(said.forwardedFor, '127.0.0.1');
    counts.set(said.origin, (counts.get(said.origin) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(counts), { alder: 4, birch: 4, cedar: 2 });
  assert.equal((await ask(demo.tcpPort, '/raw')).forwardedFor, null);
  const alive = await fetch(`http://127.0.0.1:${demo.httpPort}/alive`);
  assert.equal(alive.status, 200);
  await alive.text();
}

async function demoOn(program: string, t: TestContext): Promise<void> {
  // The wished HTTP port is taken, as 8080 so often is.
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
  t.after(() => squatter.close());
  const taken = (squatter.address() as AddressInfo).port;
  const tcpPort = await freePort();
  const demo = await startDemo({ program, httpPort: taken, tcpPort: tcpPort, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    assert.notEqual(demo.httpPort, taken);
    await checkDemo(demo);
  } finally {
    await demo.stop();
  }
  assert.equal(demo.proxy.hasExited(), true);
}

test('the demo does on weir what its welcome says', (t) => demoOn(weirPath, t));

test('the demo does on HAProxy what its welcome says: its file is an unmodified haproxy.cfg', async (t) => {
  const haproxy = await findHaproxy();
  if (haproxy === null) return t.skip('haproxy is not installed');
  await demoOn(haproxy.path, t);
});

test('npm start prints the addresses, stops on SIGINT and says so, without colours on a pipe', async () => {
  const env = { DEMO_HTTP_PORT: String(await freePort()), DEMO_TCP_PORT: String(await freePort()) };
  const demo = await startChild(process.execPath, [fileURLToPath(new URL('./demo.ts', import.meta.url))], { env });
  const started = new Promise<void>((resolve) => {
    demo.process.stdout!.on('data', () => demo.lastWords().includes('Ctrl-C') && resolve());
  });
  await Promise.race([started, demo.exited]);
  demo.process.kill('SIGINT');
  const { code } = await demo.exited;
  const words = demo.lastWords();
  assert.match(words, new RegExp(`curl -i http://127\\.0\\.0\\.1:${env.DEMO_HTTP_PORT}/hello`));
  assert.match(words, /Stopped: weir and the three origins/);
  assert.equal(words.includes('\x1b'), false);
  assert.equal(code, 0);
});

test('the welcome says which port is in use and which was taken instead', () => {
  const text = welcome({ httpPort: 8080, tcpPort: 12_345 }, { http: 8080, tcp: 8081 }, plain);
  assert.match(text, /Port 8081 is in use; took 12345 instead/);
  assert.doesNotMatch(text, /Port 8080 is in use/);
});

test('a demo whose proxy does not start leaves no origin behind', async () => {
  const serverCount = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
  const settled = async (count: number): Promise<void> => {
    const deadlineMs = performance.now() + 5_000;
    while (serverCount() !== count && performance.now() < deadlineMs)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(serverCount(), count);
  };
  await settled(0);
  const wish = { program: '/no/such/weir', httpPort: await freePort(), tcpPort: await freePort() };
  await assert.rejects(startDemo({ ...wish, stdio: 'ignore' }), /cannot start/);
  await settled(0);
});

const examplesFolder = fileURLToPath(new URL('../../deploy/examples/', import.meta.url));

test('every example is a file that HAProxy accepts', async (t) => {
  const haproxy = await findHaproxy();
  if (haproxy === null) return t.skip('haproxy is not installed');
  await checkExamples(haproxy.path);
});

test('every example is a file that weir accepts', () => checkExamples(weirPath));

async function checkExamples(program: string): Promise<void> {
  const names = readdirSync(examplesFolder).filter((name) => name.endsWith('.cfg'));
  assert.ok(names.length >= 3);
  for (const name of names) {
    const { code, stdout, stderr } = await runChild(program, ['-c', '-f', `${examplesFolder}${name}`], 10_000);
    assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
    assert.doesNotMatch(stdout + stderr, /\[(WARNING|ALERT)\][^\n]*\.cfg:/, name);
  }
}
