// `npm start`: without arguments the demo (three tiny origins in this process, weir before them on
// deploy/examples/demo.cfg); with arguments weir itself with these arguments.

import type { StdioOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './children.ts';
import { type Origin, startHttpOrigin } from './origin.ts';
import { weirPath } from './peers.ts';
import { freePortPreferring } from './ports.ts';
import { waitUntilAccepts } from './proxy-process.ts';
import { type Paint, paintFor } from './terminal.ts';

const HTTP_PORT = 8080;
const TCP_PORT = 8081;
const ORIGIN_NAMES = ['alder', 'birch', 'cedar'] as const;

export const demoConfigPath: string = fileURLToPath(new URL('../../deploy/examples/demo.cfg', import.meta.url));

export interface DemoOptions {
  program: string; // weir's launcher; a test may give any program that reads haproxy.cfg
  httpPort: number; // wished; another free one is taken when it is in use
  tcpPort: number;
  stdio: StdioOptions; // of the proxy: its logs are part of what the demo shows
}

export interface Demo {
  httpPort: number;
  tcpPort: number;
  proxy: Child;
  origins: readonly Origin[];
  /** Ends the proxy, then the origins. */
  stop(): Promise<void>;
}

/** Starts the origins and the proxy. Throws, with everything stopped again, when the proxy does not come up. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const origins: Origin[] = [];
  let proxy: Child | null = null;
  const stop = async (): Promise<void> => {
    await proxy?.stop();
    for (const origin of origins) await origin.stop();
  };
  try {
    for (const name of ORIGIN_NAMES) origins.push(await startHttpOrigin(name));
    const httpPort = await freePortPreferring(options.httpPort);
    const tcpPort = await freePortPreferring(options.tcpPort);
    const env: Record<string, string> = { DEMO_HTTP_PORT: String(httpPort), DEMO_TCP_PORT: String(tcpPort) };
    origins.forEach((origin, index) => {
      env[`DEMO_ORIGIN_${index + 1}_PORT`] = String(origin.port);
    });
    proxy = await startChild(options.program, ['-db', '-f', demoConfigPath], { env, stdio: options.stdio });
    await waitUntilAccepts(httpPort, proxy, 'weir');
    await waitUntilAccepts(tcpPort, proxy, 'weir');
    return { httpPort, tcpPort, proxy, origins, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the demo tells whoever started it. */
export function welcome(demo: Pick<Demo, 'httpPort' | 'tcpPort'>, wished: { http: number; tcp: number }, paint: Paint) {
  const web = `http://127.0.0.1:${demo.httpPort}`;
  const raw = `http://127.0.0.1:${demo.tcpPort}`;
  const taken = (port: number, got: number): string[] =>
    port === got ? [] : [paint.dim(`Port ${port} is in use; took ${got} instead.`)];
  const row = (command: string, what: string): string =>
    `  ${paint.cyan(command.padEnd(48))} ${paint.dim(`# ${what}`)}`;
  return [
    '',
    `${paint.bold(paint.green('weir is running'))} on deploy/examples/demo.cfg, before three origins: ${ORIGIN_NAMES.join(', ')}`,
    ...taken(wished.http, demo.httpPort),
    ...taken(wished.tcp, demo.tcpPort),
    '',
    `  ${paint.bold('HTTP')}  ${web}/`,
    `  ${paint.bold('TCP')}   127.0.0.1:${demo.tcpPort}`,
    '',
    'Try, in another terminal:',
    '',
    row(`curl -i ${web}/hello`, 'again and again: the origins take turns'),
    row(`curl -d 'some bytes' ${web}/form`, 'a request with a body'),
    row(`curl -i ${web}/alive`, 'weir answers by itself (monitor-uri)'),
    row(`curl -i ${raw}/hello`, 'through the TCP frontend: nobody adds a header'),
    '',
    `Your own file:  ${paint.cyan('npm start -- -f my.cfg')}`,
    `Below come weir's traffic logs. ${paint.bold('Ctrl-C')} stops everything.`,
    '',
    '',
  ].join('\n');
}

function wishedPort(variable: string, usual: number): number {
  const text = process.env[variable] ?? '';
  const port = Number(text);
  return /^\d+$/.test(text) && port > 0 && port < 65_536 ? port : usual;
}

/** Resolves with the first SIGINT, SIGTERM or SIGHUP. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}

async function runDemo(): Promise<number> {
  const paint = paintFor(process.stdout);
  const wished = { http: wishedPort('DEMO_HTTP_PORT', HTTP_PORT), tcp: wishedPort('DEMO_TCP_PORT', TCP_PORT) };
  const signalled = stopSignal().then(() => null);
  let demo: Demo;
  try {
    const stdio: StdioOptions = ['ignore', 'inherit', 'inherit'];
    demo = await startDemo({ program: weirPath, httpPort: wished.http, tcpPort: wished.tcp, stdio });
  } catch (error) {
    process.stderr.write(`${paintFor(process.stderr).red('The demo could not start')}: ${(error as Error).message}\n`);
    return 1;
  }
  process.stdout.write(welcome(demo, wished, paint));
  const ended = await Promise.race([signalled, demo.proxy.exited]);
  await demo.stop();
  // Ctrl-C reaches the proxy as well as us: that it ended by it is what was asked for.
  if (ended !== null && !isAskedFor(ended)) {
    process.stderr.write(`weir ended by itself (${ended.signal ?? `status ${ended.code}`}).\n`);
    return 1;
  }
  process.stdout.write('\nStopped: weir and the three origins.\n');
  return 0;
}

const isAskedFor = (ended: { code: number | null; signal: NodeJS.Signals | null }): boolean =>
  ended.code === 0 ||
  ended.code === 130 ||
  ended.code === 143 ||
  ended.signal === 'SIGINT' ||
  ended.signal === 'SIGTERM';

// weir with the user's own arguments: its terminal, its signals, its exit status.
async function runWeir(args: readonly string[]): Promise<number> {
  const weir = await startChild(weirPath, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
    process.on(signal, () => weir.process.kill(signal));
  }
  const { code, signal } = await weir.exited;
  return code ?? (signal === 'SIGKILL' ? 137 : signal === 'SIGINT' ? 130 : 143);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  process.exitCode = args.length === 0 ? await runDemo() : await runWeir(args);
}
