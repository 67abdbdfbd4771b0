// Load with a memory: clients that ask in every way (kept alive and closed, bodies both ways) and sort what becomes
// of each request, so that a test can say which ends it allows.

import { Agent, type IncomingMessage, request } from 'node:http';
import { isPattern, pattern } from './fault-bytes.ts';

/** What became of a request. `closed`: no byte of an answer; `cut`: its body broke off; `wrong`: 200 and not what was asked for; `stuck`: no end in sight. */
export type Outcome = 'ok' | 'closed' | 'cut' | 'wrong' | 'stuck' | `status ${number}`;

export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  bodyBytes: number;
  chunked: boolean; // the request's body
  close: boolean;
}

const PAUSE_MS = 8;
const STUCK_MS = 25_000;
const SIZES = [0, 1, 900, 17_000, 70_000, 160_000];

/** The nth kind of request; they differ in method, sizes, framing and whether the connection is kept. */
export function askOf(index: number): Ask {
  const size = SIZES[index % SIZES.length]!;
  const close = index % 5 === 0;
  const kind = index % 7;
  if (kind < 3) return { method: 'GET', path: `/bytes/${size}`, bodyBytes: 0, chunked: false, close };
  if (kind === 3) return { method: 'GET', path: `/chunked/${size}`, bodyBytes: 0, chunked: false, close };
  const path = kind === 4 ? '/count' : '/echo';
  return { method: 'POST', path, bodyBytes: size, chunked: kind === 6, close };
}

export class Load {
  readonly counts = new Map<Outcome, number>();
  total = 0;
  latencyMsMax = 0;
  private running = true;
  private readonly agent: Agent;
  private readonly port: number;
  private readonly clients: Promise<void>[];

  /** Starts `clientCount` clients, each with one request at a time. */
  constructor(port: number, clientCount: number, askFor: (index: number) => Ask = askOf) {
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: clientCount, scheduling: 'fifo' });
    this.clients = Array.from({ length: clientCount }, (_, index) => this.client(index * 101, askFor));
  }

  count(outcome: Outcome): number {
    return this.counts.get(outcome) ?? 0;
  }

  /** Outcomes other than these, with their counts: for the message of an assertion. */
  others(...allowed: Outcome[]): Record<string, number> {
    return Object.fromEntries([...this.counts].filter(([outcome]) => !allowed.includes(outcome)));
  }

  /** Lets the requests under way end, then closes the connections. Must be called, else the clients go on for ever. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients);
    this.agent.destroy();
  }

  private async client(first: number, askFor: (index: number) => Ask): Promise<void> {
    for (let index = first; this.running; index++) {
      const startMs = performance.now();
      const outcome = await send(this.port, askFor(index), this.agent);
      this.latencyMsMax = Math.max(this.latencyMsMax, performance.now() - startMs);
      this.counts.set(outcome, this.count(outcome) + 1);
      this.total++;
      // Room for others: whoever is killed needs processor time to come back.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** One request; never rejects. Without an agent it has a connection of its own. */
export function send(port: number, ask: Ask, agent: Agent | false = false): Promise<Outcome> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = {};
    if (ask.close) headers['connection'] = 'close';
    if (ask.method === 'POST' && !ask.chunked) headers['content-length'] = String(ask.bodyBytes);
    const outgoing = request(
      { host: '127.0.0.1', port, method: ask.method, path: ask.path, headers, agent },
      (response) => {
        resolve(judge(ask, response));
      },
    );
    outgoing.on('error', () => resolve('closed'));
    // Longer than any timeout a test gives to the proxy.
    const timer = setTimeout(() => {
      resolve('stuck');
      outgoing.destroy();
    }, STUCK_MS);
    outgoing.on('close', () => clearTimeout(timer));
    const body = pattern(ask.bodyBytes);
    if (ask.chunked) for (let at = 0; at < body.length; at += 30_000) outgoing.write(body.subarray(at, at + 30_000));
    outgoing.end(ask.chunked || body.length === 0 ? undefined : body);
  });
}

function judge(ask: Ask, response: IncomingMessage): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    response.on('data', (bytes: Buffer) => chunks.push(bytes));
    response.on('error', () => resolve('cut'));
    response.on('end', () => {
      if (!response.complete) resolve('cut');
      else if (response.statusCode !== 200) resolve(`status ${response.statusCode!}`);
      else resolve(isRight(ask, Buffer.concat(chunks)) ? 'ok' : 'wrong');
    });
    response.on('close', () => resolve('cut'));
  });
}

function isRight(ask: Ask, body: Buffer): boolean {
  const [, what, amount] = ask.path.split('/');
  if (what === 'count') return body.toString() === String(ask.bodyBytes);
  if (what === 'slow') return body.toString() === 'slow';
  return body.length === (what === 'echo' ? ask.bodyBytes : Number(amount)) && isPattern(body, 0);
}
