// An origin server that does as it is told and remembers every byte: one TCP listener, its connections recorded in
// the order they came, each request answered by the actions of a script.
//
// It knows just enough HTTP to find where a request ends. What it cannot read as a request it only records.

import { createServer, type Server, type Socket } from 'node:net';

/** What an origin does once a request's head is there (or, in a raw script, once a connection is). */
export type Action =
  | { readonly send: string }
  | { readonly pauseMs: number }
  | { readonly until: string } // waits until the connection has received this text
  | 'body' // waits for the whole of the request
  | 'fin'
  | 'reset'
  | 'echo' // from here on everything received is sent back; FIN answers FIN
  | 'deaf'; // receives nothing more

export interface Script {
  /** Actions for the first, second … request, counted over all connections; the last serves all later ones. */
  readonly answers?: readonly (readonly Action[])[];
  /** Actions for each connection, which is then not looked at as HTTP. The last serves all later ones. */
  readonly raw?: readonly (readonly Action[])[];
}

export interface OriginConnection {
  readonly chunks: Buffer[];
  byteCount: number;
  state: 'open' | 'closed'; // closed: by the proxy, in whichever way
  socket: Socket;
}

interface Reader {
  readonly connection: OriginConnection;
  requestStart: number; // in the bytes received
  wake: (() => void) | null; // the script waits for more bytes
  ended: boolean;
  echoing: boolean;
}

export class ScriptedOrigin {
  port = 0;
  connections: OriginConnection[] = [];
  lastChangeMs = 0;
  pausingCount = 0; // scripts in a pause: more is to come
  private script: Script = {};
  private requestCount = 0;
  private readonly server: Server;

  constructor() {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as { port: number }).port;
  }

  /** Forgets what was recorded and takes up another script. The connections of before must be gone (`finish`). */
  begin(script: Script): void {
    this.script = script;
    this.requestCount = 0;
    this.connections = [];
  }

  /** Ends all connections; resolves when the proxy has closed its side of each, or `timeoutMs` later. */
  async finish(timeoutMs: number): Promise<void> {
    const sockets = this.connections.map((connection) => connection.socket).filter((socket) => !socket.destroyed);
    await Promise.all(sockets.map((socket) => endGently(socket, timeoutMs)));
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(socket: Socket): void {
    const connection: OriginConnection = { chunks: [], byteCount: 0, state: 'open', socket };
    const reader: Reader = { connection, requestStart: 0, wake: null, ended: false, echoing: false };
    const index = this.connections.length;
    this.connections.push(connection);
    this.lastChangeMs = performance.now();
    const changed = (): void => {
      this.lastChangeMs = performance.now();
      reader.wake?.();
    };
    socket.on('data', (bytes) => {
      connection.chunks.push(bytes);
      connection.byteCount += bytes.length;
      if (reader.echoing) socket.write(bytes);
      changed();
    });
    const gone = (): void => {
      connection.state = 'closed';
      reader.ended = true;
      changed();
    };
    socket.on('end', () => {
      gone();
      socket.end(); // an origin that is left by its client leaves too; what it still sends goes out first
    });
    socket.on('error', gone);
    socket.on('close', gone);
    const { raw } = this.script;
    const serving = raw === undefined ? this.serve(reader) : this.act(reader, pick(raw, index), 0);
    serving.catch((error: Error) => socket.destroy(error));
  }

  private async serve(reader: Reader): Promise<void> {
    for (;;) {
      const headEnd = await findHeadEnd(reader);
      if (headEnd < 0) return;
      const answers = this.script.answers ?? DEFAULT_ANSWERS;
      const goesOn = await this.act(reader, pick(answers, this.requestCount++), headEnd);
      if (!goesOn) return;
      const bodyEnd = await findBodyEnd(reader, headEnd);
      if (bodyEnd < 0) return;
      reader.requestStart = bodyEnd;
    }
  }

  // False when the connection speaks no HTTP any more.
  private async act(reader: Reader, actions: readonly Action[], headEnd: number): Promise<boolean> {
    const { socket } = reader.connection;
    for (const action of actions) {
      if (action === 'body') {
        if ((await findBodyEnd(reader, headEnd)) < 0) return false;
      } else if (action === 'fin') {
        socket.end();
      } else if (action === 'reset') {
        socket.resetAndDestroy();
        return false;
      } else if (action === 'deaf') {
        socket.pause();
        return false;
      } else if (action === 'echo') {
        const rest = received(reader).subarray(headEnd);
        if (rest.length > 0) socket.write(rest);
        reader.echoing = true;
        return false;
      } else if ('send' in action) {
        if (!socket.destroyed) socket.write(action.send, 'latin1');
      } else if ('pauseMs' in action) {
        this.pausingCount++;
        await new Promise((resolve) => setTimeout(resolve, action.pauseMs));
        this.pausingCount--;
        this.lastChangeMs = performance.now();
      } else {
        while (!received(reader).includes(action.until, 0, 'latin1')) if (!(await more(reader))) return false;
      }
    }
    return true;
  }
}

const DEFAULT_ANSWERS: readonly (readonly Action[])[] = [
  ['body', { send: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' }],
];

function pick<T>(list: readonly T[], index: number): T {
  return list[Math.min(index, list.length - 1)]!;
}

/** Resolves when the other side has closed too, or by force `timeoutMs` later. */
export function endGently(socket: Socket, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.end();
  });
}

function received(reader: Reader): Buffer {
  const { chunks } = reader.connection;
  if (chunks.length > 1) chunks.splice(0, chunks.length, Buffer.concat(chunks));
  return chunks[0] ?? Buffer.alloc(0);
}

async function more(reader: Reader): Promise<boolean> {
  if (reader.ended) return false;
  await new Promise<void>((resolve) => {
    reader.wake = resolve;
  });
  reader.wake = null;
  return true;
}

async function findHeadEnd(reader: Reader): Promise<number> {
  for (;;) {
    const at = received(reader).indexOf('\r\n\r\n', reader.requestStart, 'latin1');
    if (at >= 0) return at + 4;
    if (!(await more(reader))) return -1;
  }
}

async function findBodyEnd(reader: Reader, headEnd: number): Promise<number> {
  const head = received(reader).toString('latin1', reader.requestStart, headEnd);
  const length = /^content-length: *(\d+)/im.exec(head);
  if (/^transfer-encoding:.*chunked/im.test(head)) return findChunkEnd(reader, headEnd);
  const end = headEnd + (length === null ? 0 : Number(length[1]));
  while (reader.connection.byteCount < end) if (!(await more(reader))) return -1;
  return end;
}

async function findChunkEnd(reader: Reader, from: number): Promise<number> {
  let at = from;
  for (;;) {
    const lineEnd = received(reader).indexOf('\r\n', at, 'latin1');
    if (lineEnd >= 0) {
      const size = Number.parseInt(received(reader).toString('latin1', at, lineEnd), 16);
      if (size === 0) {
        const last = received(reader).indexOf('\r\n\r\n', lineEnd, 'latin1');
        if (last >= 0) return last + 4;
      } else if (reader.connection.byteCount >= lineEnd + 4 + size) {
        at = lineEnd + 4 + size;
        continue;
      }
    }
    if (!(await more(reader))) return -1;
  }
}
