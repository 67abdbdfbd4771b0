// Goal: rules and options see the message, the addresses and the variables they should, in traffic and not only in their
// own tests. Method: one weir, an origin that says what it was sent, and answers that are known.

import { deepEqual, equal, match } from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { freePort, makeFolder, startWeir } from '../../core/testing/weir-process.ts';

const NAMES = [
  'switching',
  'tcp',
  'session',
  'connect',
  'names',
  'told',
  'captures',
  'unsafe',
  'mapped',
  'proxied',
  'receiver',
  'origin',
] as const;
type Ports = Readonly<Record<(typeof NAMES)[number], number>>;

async function makePorts(): Promise<Ports> {
  const entries: [string, number][] = [];
  for (const name of NAMES) entries.push([name, await freePort()]);
  return Object.fromEntries(entries) as Ports;
}

const configuration = (ports: Ports): string => `global
  nbthread 1
  user root
defaults base
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  timeout tunnel 10s
defaults capturing from base
  http-request capture req.hdr(x-a) len 8

frontend switching from base
  bind 127.0.0.1:${ports.switching}
  use_backend marked if { path_beg /marked }
backend marked from base
  http-response set-header x-mark %[status]
  use-server second if { path_end second }
  server first 127.0.0.1:${ports.origin} weight 1
  server second 127.0.0.1:${ports.origin} weight 0
  http-response set-header x-server %[srv_name]

frontend tcp from base
  mode tcp
  bind 127.0.0.1:${ports.tcp}
  tcp-request inspect-delay 5s
  tcp-request content reject unless { req.len gt 0 }
  tcp-request content set-var(req.seen) str(yes)
  default_backend tcp-origin
backend tcp-origin from base
  mode tcp
  tcp-response inspect-delay 5s
  tcp-response content set-var(res.begin) res.payload(0,8)
  tcp-response content reject if { var(req.seen) -m found }
  tcp-response content reject unless { var(res.begin) -m str HTTP/1.1 }
  server s1 127.0.0.1:${ports.origin}

frontend session from base
  bind 127.0.0.1:${ports.session}
  tcp-request connection set-src ipv4(10.0.0.1)
  tcp-request session set-src ipv4(10.0.0.2)
  tcp-request session set-dst ipv4(10.0.0.3)
  tcp-request content set-src ipv4(10.0.0.4) if { path /own }
  http-request return status 200 content-type text/plain lf-string "%[fc_src] %[src] %[fc_dst] %[dst]"

frontend connect from base
  bind 127.0.0.1:${ports.connect}
  http-request return status 200 content-type text/plain string granted

frontend names from base
  bind 127.0.0.1:${ports.names}
  option http-restrict-req-hdr-names delete
  http-request set-header x-seen %[req.hdr(x_a)]
  use_backend careful if { path /careful }
  default_backend plain
backend careful from base
  option http-restrict-req-hdr-names reject
  http-request set-header x_b 1 if { hdr(x-add) 1 }
  server s1 127.0.0.1:${ports.origin}
backend plain from base
  server s1 127.0.0.1:${ports.origin}

frontend told from base
  bind 127.0.0.1:${ports.told}
  http-request set-src req.hdr(x-src)
  use_backend ports if { path /ports }
  default_backend nodes
backend nodes from base
  option forwarded host-expr req.hdr(x-host) for-expr req.hdr(x-for) by
  server s1 127.0.0.1:${ports.origin}
backend ports from base
  option forwarded for-expr src for_port-expr req.hdr(x-port) by by_port-expr int(10)
  server s1 127.0.0.1:${ports.origin}

frontend captures from capturing
  bind 127.0.0.1:${ports.captures}
  http-request capture req.hdr(x-b) len 8
  http-request return status 200 content-type text/plain lf-string "%[capture.req.hdr(0)] %[capture.req.hdr(1)]"

frontend unsafe from base
  bind 127.0.0.1:${ports.unsafe}
  option accept-unsafe-violations-in-http-request
  default_backend plain

frontend mapped from base
  bind 127.0.0.1:${ports.mapped}
  http-request set-dst-port req.hdr(x-port)
  default_backend anywhere
backend anywhere from base
  http-reuse always
  server s1 127.0.0.1

frontend proxied from base
  bind 127.0.0.1:${ports.proxied}
  http-request set-src req.hdr(x-src) if { req.hdr(x-src) -m found }
  default_backend proxied-origin
backend proxied-origin from base
  server s1 127.0.0.1:${ports.receiver} send-proxy
frontend receiver from base
  bind 127.0.0.1:${ports.receiver} accept-proxy
  http-request return status 200 content-type text/plain lf-string "<%[src]>"

frontend origin from base
  bind 127.0.0.1:${ports.origin}
  option accept-unsafe-violations-in-http-request
  http-request return status 200 content-type text/plain lf-string "%[url] forwarded=%[req.fhdr(forwarded)] x_a=%[req.hdr(x_a)] x-a=%[req.hdr(x-a)] x-seen=%[req.hdr(x-seen)]"
`;

/** Sends `text` and reads until the proxy closes. */
function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(text, 'latin1')));
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

function get(port: number, path: string, ...lines: string[]): Promise<string> {
  const all = ['host: h', 'connection: close', ...lines].map((line) => `${line}\r\n`).join('');
  return ask(port, `GET ${path} HTTP/1.1\r\n${all}\r\n`);
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);
const forwardedOf = (answer: string): string => /forwarded=(.*) x_a=/.exec(answer)?.[1] ?? '';

async function start(context: TestContext): Promise<Ports> {
  const ports = await makePorts();
  const weir = startWeir(context, ['-f', makeFolder(context).file('rules.cfg', configuration(ports))]);
  await weir.started();
  return ports;
}

test('rules and options in traffic', { timeout: 30_000 }, async (context) => {
  const ports = await start(context);

  await context.test('a backend and a server are chosen by the request, whatever responses passed before', async () => {
    for (let turn = 0; turn < 3; turn++) {
      match(await get(ports.switching, '/marked'), /^HTTP\/1.1 200 [\s\S]*x-mark: 200\r\nx-server: first\r\n/);
      match(await get(ports.switching, '/marked/second'), /\r\nx-server: second\r\n/);
      match(await get(ports.switching, '/other'), /^HTTP\/1.1 503 /);
    }
  });

  await context.test("variables of a TCP response are there, and the request's are gone", async () => {
    match(await get(ports.tcp, '/through'), /^HTTP\/1.1 200 [\s\S]*\/through forwarded=/);
  });

  await context.test('the connection, the session and the stream each have addresses of their own', async () => {
    const target = '127.0.0.1 10.0.0.3';
    equal(bodyOf(await get(ports.session, '/')), `10.0.0.1 10.0.0.2 ${target}`);
    equal(bodyOf(await get(ports.session, '/own')), `10.0.0.1 10.0.0.4 ${target}`);
  });

  await context.test('a rule answers CONNECT with a whole response, after which the connection ends', async () => {
    const answer = await ask(ports.connect, 'CONNECT a.example:443 HTTP/1.1\r\nhost: a.example\r\n\r\n');
    match(answer, /^HTTP\/1.1 200 OK\r\ncontent-length: 7\r\n[\s\S]*\r\n\r\ngranted$/);
  });

  await context.test('names that are restricted go after the rules of their section, or the request does', async () => {
    const deleted = await get(ports.names, '/', 'x_a: 1', 'x-a: 2');
    match(deleted, / x_a= x-a=2 x-seen=1$/);
    match(await get(ports.names, '/careful', 'x_a: 1'), /^HTTP\/1.1 200 /, 'the frontend took it out');
    match(await get(ports.names, '/careful', 'x-add: 1'), /^HTTP\/1.1 403 /);
  });

  await context.test('expressions say what Forwarded tells, as far as RFC 7239 allows', async () => {
    const told = async (path: string, ...lines: string[]): Promise<string> =>
      forwardedOf(await get(ports.told, path, ...lines));
    equal(await told('/', 'x-host: a.b', 'x-for: 1.2.3.4'), 'host="a.b";by=127.0.0.1;for=1.2.3.4');
    equal(await told('/', 'x-host: a"b', 'x-for: 1.2.3'), 'host="";by=127.0.0.1;for=_1.2.3');
    equal(await told('/', 'x-for: [::1]'), 'host="";by=127.0.0.1;for="[::1]"');
    equal(await told('/', 'x-for: _hidden'), 'host="";by=127.0.0.1;for=_hidden');
    equal(await told('/', 'x-for: a b'), 'host="";by=127.0.0.1;for=unknown');
    equal(await told('/', `x-for: ${'a'.repeat(3000)}`), 'host="";by=127.0.0.1;for=unknown');
    equal(await told('/ports', 'x-src: 10.1.1.1', 'x-port: id'), 'by="127.0.0.1:10";for="10.1.1.1:_id"');
    equal(await told('/ports', 'x-src: ::1', 'x-port: 80'), 'by="127.0.0.1:10";for="[::1]:80"');
    equal(await told('/ports', 'x-src: ::1', 'x-port: 0x'), 'by="127.0.0.1:10";for="[::1]:_0x"');
    equal(await told('/ports', 'x-src: 10.1.1.1', 'x-port: a b'), 'by="127.0.0.1:10";for="10.1.1.1"');
  });

  await context.test('what a defaults section captures has the first slots of its sections', async () => {
    equal(bodyOf(await get(ports.captures, '/', 'x-a: one', 'x-b: two')), 'one two');
  });

  await context.test('a connection is used again for its own port and its own client alone', async () => {
    const to = (port: number): string => `GET / HTTP/1.1\r\nhost: h\r\nx-port: ${port}\r\n`;
    const mapped = `${to(ports.origin)}\r\n${to(ports.session)}\r\n${to(ports.origin)}\r\n${to(ports.session)}connection: close\r\n\r\n`;
    const bodies = (await ask(ports.mapped, mapped)).match(/forwarded=|10\.0\.0\.2/g);
    deepEqual(bodies, ['forwarded=', '10.0.0.2', 'forwarded=', '10.0.0.2']);
    const from = (address: string): string => `GET / HTTP/1.1\r\nhost: h\r\nx-src: ${address}\r\n`;
    const proxied = `${from('10.2.2.1')}\r\n${from('10.2.2.2')}\r\nGET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`;
    const sources = (await ask(ports.proxied, proxied)).match(/<[\d.]+>/g);
    deepEqual(sources, ['<10.2.2.1>', '<10.2.2.2>', '<127.0.0.1>']);
  });

  await context.test('a request that is wrong passes where that is accepted', async () => {
    match(await get(ports.unsafe, '/a#b', 'x b: 1'), /^HTTP\/1.1 200 [\s\S]*\/a#b forwarded=/);
    match(await get(ports.names, '/a#b'), /^HTTP\/1.1 400 /);
  });
});
