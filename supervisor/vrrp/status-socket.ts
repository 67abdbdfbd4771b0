// How `weir vrrp` and `weir --signum`'s users reach the running election: one line asks, one text answers.
//
// The socket has an abstract name, which belongs to the network namespace as the election does: nothing to clean up, no
// folder to be writable, reachable from a chroot. It changes nothing. States are for everybody on the machine; the dump
// of the configuration only for root and our own user, as keepalived's file with mode 0600.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { DUMP_KINDS, type DumpKind } from './dump.ts';
import { peerOf } from './role-socket.ts';

const SOCKET = '\0weir-vrrp';
const ASK_MS = 3_000;
const REQUEST_BYTES_MAX = 64;
const LISTEN_RETRY_MS = 1_000; // a predecessor may still have the name
const LISTEN_TRIES_TOLD = 10;

export type Question = 'status' | DumpKind;

export interface StatusSource {
  /** The text that answers; null when there is none just now. */
  answer(question: Question): Promise<string | null>;
}

/** Serves until closed; `onFailure` is told when another process keeps the name. */
export function serveStatus(source: StatusSource, onFailure: (text: string) => void, name = SOCKET): Server {
  const server = createServer((socket) => serve(socket, source));
  let tries = 0;
  let retry: NodeJS.Timeout | null = null;
  server.on('error', (error) => {
    tries++;
    if (tries === LISTEN_TRIES_TOLD) onFailure(`'weir vrrp' will not answer: ${error.message}`);
    retry = setTimeout(() => server.listen(name), LISTEN_RETRY_MS);
    retry.unref();
  });
  server.on('close', () => {
    if (retry !== null) clearTimeout(retry);
  });
  server.listen(name);
  server.unref();
  return server;
}

function serve(socket: Socket, source: StatusSource): void {
  let request = '';
  socket.setEncoding('latin1');
  socket.setTimeout(ASK_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    if (request.includes('\n')) return;
    request += text;
    if (request.length > REQUEST_BYTES_MAX) return void socket.destroy();
    const end = request.indexOf('\n');
    if (end < 0) return;
    const question = request.slice(0, end);
    if (question !== 'status' && !mayRead(socket)) return void socket.end('E only root and the user of weir may\n');
    if (question !== 'status' && !DUMP_KINDS.includes(question as DumpKind)) return void socket.destroy();
    source.answer(question as Question).then(
      (answer) => void socket.end(answer === null ? 'E the election does not answer just now\n' : `A ${answer}`),
      () => void socket.destroy(),
    );
  });
}

function mayRead(socket: Socket): boolean {
  const { uid } = peerOf(socket);
  return uid === 0 || uid === process.geteuid!();
}

/** Asks the weir of this network namespace: its answer, or why there is none. */
export function askRunning(question: Question, name = SOCKET): Promise<{ text: string } | { failure: string }> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(name, () => socket.write(`${question}\n`));
    socket.setEncoding('utf8');
    socket.setTimeout(ASK_MS, () => socket.destroy());
    socket.on('data', (more: string) => {
      text += more;
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (text.startsWith('A ')) resolve({ text: text.slice(2) });
      else if (text.startsWith('E ')) resolve({ failure: `${text.slice(2).trim()}.` });
      else resolve({ failure: 'No weir with VRRP runs in this network namespace.' });
    });
  });
}
