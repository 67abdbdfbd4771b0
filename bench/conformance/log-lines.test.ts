// Goal: lines in formats of the operator's own are HAProxy's, alias by alias and flag by flag. Method: both proxies read
// the same file, get the same requests, and their lines are compared where they do not differ by nature. Skipped without a
// HAProxy 3.4.

import { deepStrictEqual, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { type TestContext, test } from 'node:test';
import { freePort, LAUNCHER, makeFolder, startWeir } from '../../core/testing/weir-process.ts';
import { FORMATS, type LineFormat, REQUESTS } from './log-lines-cases.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const version = spawnSync(PEER, ['-v'], { encoding: 'utf8' }).stdout ?? '';
const skip = version.includes('version 3.4') ? false : 'needs a HAProxy 3.4, by HAPROXY_PEER or on PATH';

/** An address of its own on the loopback: nobody else tries its ports. */
const HOST = '127.83.71.11';
const DEADLINE_MS = 20_000;
const MARKER = 'the-last-line';

interface Ports {
  readonly log: number;
  readonly origin: number;
  readonly closed: number; // nobody listens there
  readonly marker: number;
  readonly of: Readonly<Record<string, number>>;
}

async function makePorts(): Promise<Ports> {
  const of: Record<string, number> = {};
  for (const name of Object.keys(FORMATS)) of[name] = await freePort();
  const [origin, closed, marker] = [await freePort(), await freePort(), await freePort()];
  return { log: 0, origin, closed, marker, of };
}

const RULES = `
  http-request set-var(txn.t) req.hdr(x-t)
  http-request do-log if { path /note }
  http-request set-var(txn.late) path if { path /late }
  http-response do-log if { var(txn.late) -m found }
  http-request set-log-level silent if { path /silent }
  http-request deny deny_status 403 if { path /deny }
  use_backend refused if { path /refused }
`;

function section(name: string, { mode, lines }: LineFormat, ports: Ports): string {
  const text = lines.join('\n  ').replaceAll('@LOG@', String(ports.log));
  return `frontend ${name}
  mode ${mode}
  bind ${HOST}:${ports.of[name]}
  log-tag ${name}
  ${text}
  ${mode === 'http' ? RULES : ''}
  default_backend over-${mode}
`;
}

function configuration(ports: Ports): string {
  const sections = Object.entries(FORMATS).map(([name, each]) => section(name, each, ports));
  return `global
  nbthread 1
  user root
defaults
  mode http
  log 127.0.0.1:${ports.log} len 4096 format rfc3164 local0
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  retries 0
${sections.join('')}
frontend marker
  bind ${HOST}:${ports.marker}
  log-format ${MARKER}-%ST
  http-request return status 200
backend over-http
  server s1 ${HOST}:${ports.origin}
backend over-tcp
  mode tcp
  server t1 ${HOST}:${ports.origin}
backend refused
  server down ${HOST}:${ports.closed}
frontend origin
  no log
  bind ${HOST}:${ports.origin}
  http-request return status 200 content-type text/plain lf-string "id=%[req.hdr(x-unique)] early=%[req.hdr(x-early)]" hdr x-r "reply" hdr set-cookie "sid=fedcba9876543210; path=/"
`;
}

/** Sends one request and reads until the proxy closes. */
async function ask(port: number, text: string, clientPorts: Set<number>): Promise<string> {
  const socket = connect({ port, host: HOST, allowHalfOpen: true });
  let received = '';
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  clientPorts.add(socket.localPort!);
  socket.write(Buffer.from(text, 'latin1'));
  await new Promise((resolve) => {
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  socket.destroy();
  return received;
}

interface Outcome {
  /** Masked lines by frontend. */
  readonly lines: Readonly<Record<string, readonly string[]>>;
  /** The origin's answer, which shows the request's unique id. */
  readonly identified: string;
}

/** Runs all requests through one program. */
async function run(context: TestContext, program: string): Promise<Outcome> {
  const log = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  context.after(() => log.close());
  const received: string[] = [];
  log.on('message', (bytes) => received.push(bytes.toString('latin1')));
  log.bind(0, '127.0.0.1');
  await once(log, 'listening');
  const ports = { ...(await makePorts()), log: log.address().port };
  const file = makeFolder(context).file('log.cfg', configuration(ports));
  const proxy = startWeir(context, ['-f', file], { program });
  await proxy.until('accepting', () => accepts(ports.marker));
  const clientPorts = new Set<number>();
  let identified = '';
  for (const [request, text] of Object.entries(REQUESTS)) {
    for (const [name, { mode, skipped = [] }] of Object.entries(FORMATS)) {
      if (mode === 'tcp' && request !== 'plain') continue;
      if (skipped.includes(request)) continue;
      const answer = await ask(ports.of[name]!, text, clientPorts);
      if (name === 'identified' && request === 'plain') identified = answer.slice(answer.indexOf('id='));
    }
    await ask(ports.marker, 'GET / HTTP/1.0\r\n\r\n', clientPorts);
  }
  const markerCount = (): number => received.filter((line) => line.includes(`${MARKER}-200`)).length;
  await proxy.until('all lines', () => markerCount() >= Object.keys(REQUESTS).length);
  const mask = masker(ports, clientPorts, proxy.pid);
  const lines: Record<string, string[]> = {};
  for (const line of received) {
    const [name, message] = split(line);
    if (name === 'marker') continue;
    lines[name] = [...(lines[name] ?? []), mask(message, FORMATS[name]?.hasTimers === true)];
  }
  return { lines, identified: mask(identified, false) };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

const TAGGED = /^<(\d+)>(?:1 )?(?:\w{3} [ \d]\d [\d:]{8} \S+|\S+ \S+) (\w+)(?:\[\d+\]:| \d+ -) ([\s\S]*)$/;

/** The tag, which is the frontend, and what follows it, with the priority. */
function split(line: string): [name: string, message: string] {
  const match = TAGGED.exec(line.replace(/\n$/, ''));
  if (match === null) return [line.split(' ')[0]!, line]; // a target without a header
  const name = match[2] === 'haproxy' || match[2] === 'weir' ? 'marker' : match[2]!;
  return [name, `<${match[1]}> ${match[3]}`];
}

const hexadecimal = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

function masker(
  ports: Ports,
  clientPorts: ReadonlySet<number>,
  pid: number,
): (line: string, timers: boolean) => string {
  const names = new Map<string, string>();
  const add = (value: number, name: string): void => {
    names.set(String(value), name);
    names.set(hexadecimal(value, 4), name);
  };
  for (const port of clientPorts) add(port, '<client>');
  for (const port of Object.values(ports.of)) add(port, '<front>');
  add(ports.origin, '<origin>');
  add(ports.closed, '<closed>');
  const pids = [String(pid), hexadecimal(pid, 4)];
  return (line, timers) => {
    const masked = line
      .replaceAll(hostname(), '<host>')
      .replace(/\b\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d(\.\d{3})?/g, '<date>')
      .replace(/\b1[78]\d{8}\b/g, '<second>')
      .replace(/\b6[0-9A-F]{7}\b/g, '<SECOND>')
      .replace(/\b(rt|[abs]c)-[0-9A-F]+/g, '$1-<number>')
      .replace(/\bpid-(\w+)/g, (text, shown) => (pids.includes(shown) ? 'pid-<own>' : text))
      .replace(/(?<![.\d])[0-9A-F]{4,7}\b(?!\.)/g, (text) => names.get(text) ?? text);
    return timers ? masked.replace(/(?<![-.\w<])\d+\b(?!\.)/g, 'N') : masked;
  };
}

test('lines in custom formats are those of HAProxy', { skip, timeout: 3 * DEADLINE_MS }, async (context) => {
  const [expected, actual] = [await run(context, PEER), await run(context, LAUNCHER)];
  ok(Object.keys(expected.lines).length >= Object.keys(FORMATS).length, 'every frontend was logged');
  for (const name of Object.keys(FORMATS)) {
    await context.test(`in frontend ${name}`, () => deepStrictEqual(actual.lines[name], expected.lines[name]));
  }
  await context.test('and the unique id that the server is sent', () =>
    deepStrictEqual(actual.identified, expected.identified),
  );
});
