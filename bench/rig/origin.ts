// Tiny origin servers for the demo and for tests: they say who they are and what they were asked.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

export interface Origin {
  name: string;
  port: number;
  requestCount(): number; // HTTP: requests answered; TCP: connections accepted
  /** Closes the listener and every connection. */
  stop(): Promise<void>;
}

/** What an HTTP origin answers: JSON, or `key: value` lines when the client asks for text/plain first. */
export interface OriginAnswer {
  origin: string;
  method: string;
  host: string;
  path: string;
  forwardedFor: string | null; // x-forwarded-for as received; null when no proxy added it
  bodyBytes: number;
}

/** An HTTP origin called `name` on `port` (0: any) of 127.0.0.1. Rejects when the port is taken. */
export async function startHttpOrigin(name: string, port = 0): Promise<Origin> {
  let requestCount = 0;
  const server = createHttpServer((request, response) => {
    requestCount++;
    answer(name, request, response);
  });
  server.keepAliveTimeout = 65_000; // longer than the proxies' idle pools, so that they close first
  return await listening(name, server, port, () => requestCount);
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  let bodyBytes = 0;
  request.on('error', () => response.destroy());
  request.on('data', (bytes: Buffer) => {
    bodyBytes += bytes.length;
  });
  request.on('end', () => {
    const forwardedFor = request.headers['x-forwarded-for'];
    const said: OriginAnswer = {
      origin: name,
      method: request.method ?? '',
      host: request.headers.host ?? '',
      path: request.url ?? '',
      forwardedFor: forwardedFor === undefined ? null : String(forwardedFor),
      bodyBytes,
    };
    const wantsText = (request.headers.accept ?? '').startsWith('text/plain');
    const body = wantsText ? asText(said) : `${JSON.stringify(said)}\n`;
    response.writeHead(200, {
      'content-type': wantsText ? 'text/plain; charset=utf-8' : 'application/json',
      'content-length': Buffer.byteLength(body),
      'x-origin': name,
    });
    response.end(body);
  });
}

function asText(said: OriginAnswer): string {
  return Object.entries(said)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

/** A TCP origin: greets with `name` and returns every byte it gets. */
export async function startTcpOrigin(name: string, port = 0): Promise<Origin> {
  let connectionCount = 0;
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    connectionCount++;
    socket.on('error', () => socket.destroy());
    socket.write(`hello from ${name}\n`);
    socket.pipe(socket);
  });
  return await listening(name, server, port, () => connectionCount);
}

async function listening(name: string, server: Server, port: number, requestCount: () => number): Promise<Origin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name,
    port: (server.address() as AddressInfo).port,
    requestCount,
    stop() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
