// Goal: the same key lands on the same server as with HAProxy, whatever the algorithm, hash type and weights. Method: one
// configuration with a section for each, run by both; the same 200 requests through each section of both; servers answer
// with their letter. Requests without a key take turns, and those turns are compared too.

import { strictEqual } from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { freePort, LAUNCHER } from '../testing/weir-process.ts';

const PEER = process.env['HAPROXY_PEER'] ?? 'haproxy';
const version = spawnSync(PEER, ['-v'], { encoding: 'utf8' }).stdout ?? '';
const skip = /HAProxy version 3\.4/.test(version) ? false : 'needs a HAProxy 3.4, by HAPROXY_PEER or on PATH';

const REQUEST_COUNT = 200;
const RDP_COUNT = 40;
const HELD_COUNT = 40;
const START_MS = 20_000;
const ANSWER_MS = 30_000;
const WEIGHTS = [1, 3, 2, 4];

const HASH_TYPES: readonly string[] = ['map-based', 'consistent'].flatMap((method) => [
  method,
  ...['sdbm', 'djb2', 'wt6', 'crc32', 'none'].flatMap((name) => [`${method} ${name}`, `${method} ${name} avalanche`]),
]);
const FEW_TYPES = ['map-based', 'consistent', 'map-based crc32 avalanche'];

const EVERYWHERE = ['uri', 'url_param id', 'hdr(X-Key)', 'hash url_param(id)'];
const SOMEWHERE = [
  ...['uri whole', 'uri path-only', 'uri len 5', 'uri depth 1', 'uri depth 2 len 9 whole', 'uri path-only whole'],
  ...['hdr(host)', 'hdr(Host) use_domain_only', 'hdr(absent)', 'url_param nobody check_post'],
  ...['hash path,lower', 'hash method', 'hash hdr(x-key),length', 'hash hdr_ip(x-ip)', 'hash dst', 'hash req.body'],
  ...['hash str(x),crc32', 'hash rdp_cookie', 'rdp-cookie'],
];

interface Section {
  readonly name: string;
  readonly balance: string;
  readonly hashType: string;
  readonly rdp: boolean; // mode tcp, RDP connection requests
  readonly held: boolean; // each request stays with its server while the next ones come
  readonly server: string; // options of each server
  readonly lines: readonly string[];
}

const plain = { rdp: false, held: false, server: '', lines: [] };
const consistent = { ...plain, balance: 'uri', hashType: 'consistent' };
const all: Omit<Section, 'name'>[] = [
  ...EVERYWHERE.flatMap((balance) => HASH_TYPES.map((hashType) => ({ ...plain, balance, hashType }))),
  ...SOMEWHERE.flatMap((balance) => FEW_TYPES.map((hashType) => ({ ...plain, balance, hashType }))),
  ...['id', 'id32', 'addr', 'addr-port', 'guid guid g@'].map((key) => ({ ...consistent, server: `hash-key ${key}` })),
  { ...consistent, server: 'id 10@' },
  { ...consistent, server: 'hash-key id32 id 7@7' },
  { ...consistent, server: 'backup', lines: ['option allbackups'] },
  { ...plain, balance: 'uri', hashType: 'map-based', server: 'backup' },
  // Forwarded addresses are added before the key is looked for; rules change what it is made of.
  { ...plain, balance: 'hdr(x-forwarded-for)', hashType: 'map-based', lines: ['option forwardfor'] },
  { ...plain, balance: 'uri', hashType: 'map-based', lines: ['http-request set-uri /x%[url_param(id)]'] },
  { ...plain, balance: 'hdr(x-new)', hashType: 'consistent', lines: ['http-request set-header X-New %[path]'] },
  { ...plain, balance: 'hash var(txn.k)', hashType: 'consistent', lines: ['http-request set-var(txn.k) url'] },
  { ...plain, balance: 'url_param id', hashType: 'map-based', lines: ['http-request set-header X-Y z'] },
  // Who is busy is passed over; idle servers never are.
  { ...consistent, lines: ['hash-balance-factor 125'] },
  { ...consistent, lines: ['hash-preserve-affinity maxconn'], server: 'maxconn 1' },
  ...[101, 125, 200, 700].map((factor) => ({ ...consistent, held: true, lines: [`hash-balance-factor ${factor}`] })),
  { ...plain, balance: 'uri', hashType: 'map-based', held: true, lines: ['hash-balance-factor 125'] },
  { ...consistent, held: true, lines: ['hash-balance-factor 125', 'option allbackups'], server: 'backup' },
  { ...consistent, held: true, lines: ['hash-preserve-affinity maxconn'], server: 'maxconn 10' },
  { ...consistent, held: true, lines: ['hash-preserve-affinity maxconn'], server: 'maxconn 16 minconn 10' },
  { ...consistent, balance: 'hdr(x)', held: true, server: 'maxconn 10' },
  { ...plain, balance: 'hdr(x)', hashType: 'map-based', held: true, server: 'maxconn 10' },
  ...FEW_TYPES.flatMap((hashType) =>
    ['rdp-cookie', 'rdp-cookie(msts)', 'hash req.rdp_cookie', 'hash req.payload(0,16)'].map((balance) => ({
      ...plain,
      balance,
      hashType,
      rdp: true,
    })),
  ),
];
const sections: readonly Section[] = all.map((section, index) => ({ ...section, name: `s${index}` }));

function configuration(directory: string, ports: readonly number[]): string {
  const servers = (options: string): string =>
    ports
      .map((port, at) => {
        const own = options.replaceAll('@', String(at + 1));
        return ` server s${at} 127.0.0.${at + 1}:${port} weight ${WEIGHTS[at]} ${own}\n`;
      })
      .join('');
  const section = ({ name, balance, hashType, rdp, server, lines }: Section): string =>
    `listen ${name}\n bind unix@${join(directory, name)}\n balance ${balance}\n hash-type ${hashType}\n` +
    (rdp ? ' mode tcp\n tcp-request inspect-delay 5s\n tcp-request content accept if RDP_COOKIE\n' : '') +
    lines.map((line) => ` ${line}\n`).join('') +
    servers(server.replace('g@', `${name}-g@`));
  return (
    'global\n nbthread 1\ndefaults\n mode http\n timeout client 20s\n timeout server 20s\n timeout connect 5s\n' +
    sections.map(section).join('')
  );
}

/** Requests that have and lack keys in every way the algorithms look for. */
function requests(): string[] {
  const prng = new Prng(0x5eed);
  return Array.from({ length: REQUEST_COUNT }, (_unused, at) => {
    const words = Array.from({ length: 1 + prng.below(4) }, () => `d${prng.below(50)}`).join(['/', '//', '.'][at % 3]);
    const number = prng.below(2 ** 31) - 2 ** 30;
    const id = ['', `?id=${number}`, `?a=b&id=k${number}&c=d`, '?id=', `?xid=1&id=${at}`, `?id2=${at}`][prng.below(6)];
    const path = `/${words}${id}`;
    const target = at % 11 === 0 ? `http://h${at}.example.org${path}` : path;
    const host = ['www', 'a.b', 'x'][at % 3] + ['.', ''][prng.below(2)] + ['site', 'shop'][prng.below(2)];
    const lines = [
      `Host: ${at % 11 === 0 ? `h${at}.example.org` : `${host}${prng.below(30)}.example${['', ':80'][at % 2]}`}`,
    ];
    const key = ['', `X-Key: ${number}`, `x-KEY:  v${number} , w`, 'X-Key: ,x', 'X-Key:', `X-Key: "a,${at}", b`][
      at % 6
    ]!;
    if (key !== '') lines.push(key);
    if (at % 5 === 0) lines.push(`X-Ip: 10.${at}.3.${prng.below(256)}`, `X-Forwarded-For: 192.0.2.${prng.below(256)}`);
    if (at % 4 !== 0) return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
    const body = ['', `id=b${number}`, `nobody=${at}&id=x${number}&z`, `nobody=a"${at}`, `nobody=v ${at}`][
      prng.below(5)
    ]!;
    if (prng.below(3) === 0 && body !== '') {
      const cut = prng.below(body.length) + 1;
      const chunks = [body.slice(0, cut), body.slice(cut)].filter((chunk) => chunk !== '');
      const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
      return `POST ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n${text}0\r\n\r\n`;
    }
    return `POST ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
}

function rdpRequest(at: number): Buffer {
  const cookie = at % 4 === 3 ? `msts=${at * 7919}.${at}.0000` : `mstshash=user${at * 31}`;
  const text = `Cookie: ${cookie}\r\n`;
  const bytes = Buffer.concat([Buffer.alloc(11), Buffer.from(text, 'latin1')]);
  bytes[0] = 3;
  bytes[3] = bytes.length;
  bytes[4] = bytes.length - 5;
  bytes[5] = 0xe0;
  return bytes;
}

/** Answers every request, or a whole RDP connection, with its letter. */
function startServer(letter: string, host: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (text.charCodeAt(0) === 3) {
        if (text.includes('\r\n')) socket.end(letter);
        return;
      }
      for (let end = messageEnd(text); end > 0; end = messageEnd(text)) {
        const length = text.startsWith('GET /held') ? 2 : 1; // the second byte never comes
        text = text.slice(end);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${letter}`);
      }
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Where the first request in `text` ends; 0 while it has not come whole. */
function messageEnd(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd === 3) return 0;
  const head = text.slice(0, headEnd);
  if (/\r\ntransfer-encoding:/i.test(head)) {
    const last = text.indexOf('0\r\n\r\n', headEnd);
    return last < 0 ? 0 : last + 5;
  }
  const end = headEnd + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return text.length < end ? 0 : end;
}

/** What comes back until it is enough; `kept` gets the connection, which is closed at once otherwise. */
function ask(
  path: string,
  bytes: Buffer,
  isDone: (text: string) => boolean,
  kept: Socket[] | null = null,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => socket.write(bytes));
    const settle = (): void => {
      if (kept === null) socket.destroy();
      else kept.push(socket);
      resolve(text);
    };
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`no answer from ${path}: ${text.slice(-200)}`)));
    socket.on('error', reject);
    socket.on('end', settle);
    socket.on('data', (more: Buffer) => {
      text += more.toString('latin1');
      if (isDone(text)) settle();
    });
  });
}

const bodies = (text: string): string => [...text.matchAll(/\r\n\r\n(.)/gs)].map((match) => match[1]).join('');

/** The letters of the servers that the section chose. */
async function choices(directory: string, { name, rdp, held }: Section, asked: readonly string[]): Promise<string> {
  const path = join(directory, name);
  if (rdp) {
    let letters = '';
    for (let at = 0; at < RDP_COUNT; at++) letters += await ask(path, rdpRequest(at), (text) => text !== '');
    return letters;
  }
  if (held) {
    const kept: Socket[] = [];
    let letters = '';
    for (let at = 0; at < HELD_COUNT; at++) {
      const bytes = Buffer.from(`GET /held${(at * 7) % 5} HTTP/1.1\r\nHost: x\r\n\r\n`);
      letters += bodies(await ask(path, bytes, (text) => bodies(text) !== '', kept));
    }
    for (const socket of kept) socket.destroy();
    return letters;
  }
  const bytes = Buffer.from(asked.join(''), 'latin1');
  return bodies(await ask(path, bytes, (text) => bodies(text).length >= asked.length));
}

const servers: Server[] = [];
const sockets = new Set<Socket>();
const children: ChildProcess[] = [];
const root = mkdtempSync(join(tmpdir(), 'weir-balance-'));

async function start(program: string, name: string, ports: readonly number[]): Promise<string> {
  const directory = mkdtempSync(join(root, name));
  const file = join(directory, 'cfg');
  writeFileSync(file, configuration(directory, ports));
  const child = spawn(program, ['-f', file, '-q'], { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
  });
  const deadlineMs = performance.now() + START_MS;
  const last = join(directory, sections.at(-1)!.name);
  while (!(await isListening(last))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error(`${name} does not start:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return directory;
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

let theirs = '';
let ours = '';

before(async () => {
  if (skip !== false) return;
  const ports: number[] = [];
  for (let at = 0; at < WEIGHTS.length; at++) {
    const port = await freePort();
    const server = await startServer('abcd'[at]!, `127.0.0.${at + 1}`, port);
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    servers.push(server);
    ports.push(port);
  }
  [theirs, ours] = await Promise.all([start(PEER, 'peer', ports), start(LAUNCHER, 'weir', ports)]);
});

after(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.on('exit', resolve));
  }
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  rmSync(root, { recursive: true, force: true });
});

const asked = requests();

for (const section of sections) {
  const { balance, hashType, rdp, held, server, lines } = section;
  const more = [rdp ? 'mode tcp' : '', held ? 'busy' : '', server, ...lines].filter((part) => part !== '').join(', ');
  test(`balance ${balance}, hash-type ${hashType}${more === '' ? '' : `, ${more}`}: HAProxy's servers`, {
    skip,
  }, async () => {
    const expected = await choices(theirs, section, asked);
    strictEqual(expected.length, rdp ? RDP_COUNT : held ? HELD_COUNT : REQUEST_COUNT);
    strictEqual(await choices(ours, section, asked), expected);
  });
}
