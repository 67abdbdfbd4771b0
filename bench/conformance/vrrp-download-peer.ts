// Both ends of the test of what a client sees while an address moves: the origin behind the proxies, and the client.
//
//   vrrp-download-peer.ts origin PORT             small answers at /, an endless one at /big, a piece at a time
//   vrrp-download-peer.ts client ADDRESS PORT     asks without pause in three ways; SIGTERM prints what it saw, as JSON

import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';

const NEW_EVERY_MS = 10; // whether or not the one before is answered
const KEPT_PAUSE_MS = 5;
const REQUEST_TIMEOUT_MS = 4_000; // what a patient client waits for an answer
const SILENCE_MS = 2_000; // a download that stands still this long has stalled, whatever comes of it
const PIECE_BYTES = 8_192;
const PIECE_MS = 5;
const BODY_BYTES = 2_000_000_000;

/** One request: on a connection of its own or on the kept one. Times are wall clock. */
export interface Asked {
  startMs: number;
  endMs: number;
  outcome: string; // the node that answered, or what went wrong
}

export interface Seen {
  fresh: Asked[];
  kept: Asked[];
  /** Of the download: connected to whom, when its last byte came, and its end ('' it still runs or stands still). */
  download: { node: string; lastByteMs: number; endMs: number; end: string; bytes: number; longestGapMs: number };
}

const wallMs = (): number => performance.timeOrigin + performance.now();

const [mode, ...words] = process.argv.slice(2);
if (mode === 'origin') serve(Number(words[0]));
else ask(words[0]!, Number(words[1]));

function serve(port: number): void {
  const server = createServer((request, response) => {
    if (request.url !== '/big') {
      response.end('here\n');
      return;
    }
    response.writeHead(200, { 'content-length': BODY_BYTES });
    const piece = Buffer.alloc(PIECE_BYTES, 'x');
    const timer = setInterval(() => {
      if (response.writableLength < PIECE_BYTES * 8) response.write(piece);
    }, PIECE_MS);
    response.on('close', () => clearInterval(timer));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, '::', () => process.stdout.write('origin listens\n'));
}

/** Sends one request on `socket`; `done` gets the node's name, or what went wrong. */
function request(socket: Socket, closes: boolean, done: (outcome: string) => void): void {
  let text = '';
  const timer = setTimeout(() => finish('timeout'), REQUEST_TIMEOUT_MS);
  const onData = (bytes: Buffer): void => {
    text += bytes.toString('latin1');
    if (text.endsWith('here\n')) finish(/x-node: (\w+)/i.exec(text)?.[1] ?? 'nobody');
    else if (/^HTTP\/1\.1 [45]/.test(text)) finish(text.slice(9, 12));
  };
  const onError = (error: NodeJS.ErrnoException): void => finish(error.code ?? 'error');
  const onClose = (): void => finish('closed');
  const finish = (outcome: string): void => {
    clearTimeout(timer);
    socket.off('data', onData).off('error', onError).off('close', onClose);
    socket.on('error', () => {});
    done(outcome);
  };
  socket.on('data', onData).on('error', onError).on('close', onClose);
  socket.write(`GET / HTTP/1.1\r\nHost: service\r\n${closes ? 'Connection: close\r\n' : ''}\r\n`);
}

function ask(host: string, port: number): void {
  const seen: Seen = {
    fresh: [],
    kept: [],
    download: { node: '', lastByteMs: 0, endMs: 0, end: '', bytes: 0, longestGapMs: 0 },
  };
  const fresh = (): void => {
    const startMs = wallMs();
    const socket = connect({ host, port });
    request(socket, true, (outcome) => {
      seen.fresh.push({ startMs, endMs: wallMs(), outcome });
      socket.destroy();
    });
  };
  const keep = (socket: Socket): void => {
    const startMs = wallMs();
    request(socket, false, (outcome) => {
      seen.kept.push({ startMs, endMs: wallMs(), outcome });
      const isGood = outcome.length === 1;
      if (!isGood) socket.destroy();
      setTimeout(() => keep(isGood ? socket : connect({ host, port })), KEPT_PAUSE_MS);
    });
  };
  setInterval(fresh, NEW_EVERY_MS);
  keep(connect({ host, port }));
  download(host, port, seen.download);
  process.stdout.write('client asks\n');
  process.on('SIGTERM', () => {
    process.stdout.write(`\n${JSON.stringify({ seen })}\n`, () => process.exit(0));
  });
}

function download(host: string, port: number, state: Seen['download']): void {
  const socket = connect({ host, port });
  let head = '';
  socket.on('data', (bytes) => {
    if (state.bytes === 0) head += bytes.toString('latin1');
    if (state.node === '') state.node = /x-node: (\w+)/i.exec(head)?.[1] ?? '';
    const now = wallMs();
    if (state.bytes > 0) state.longestGapMs = Math.max(state.longestGapMs, now - state.lastByteMs);
    state.bytes += bytes.length;
    state.lastByteMs = now;
  });
  const end = (text: string): void => {
    if (state.end !== '') return;
    state.end = text;
    state.endMs = wallMs();
  };
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
  socket.on('end', () => end('cut short'));
  const watch = setInterval(() => {
    if (state.bytes === 0 || wallMs() - state.lastByteMs < SILENCE_MS) return;
    end('stalled');
    clearInterval(watch);
  }, 50);
  socket.write('GET /big HTTP/1.1\r\nHost: service\r\n\r\n');
}
