// For tests of fetches: a subject of two proxies and three servers, whose parts a test changes as it likes.

import assert from 'node:assert/strict';
import { parseRequestHead, parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { Head, METHOD_GET } from '../http/message.ts';
import type { Arg } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import { Counters } from '../shared/counters.ts';
import { ServerLoad } from '../shared/server-load.ts';
import { ServerWords } from '../shared/server-words.ts';
import { LogRecord } from './log-record.ts';
import type { FetchRow, Linker } from './rows.ts';
import {
  type ConnectionView,
  DIRECTION_RESPONSE,
  FAMILY_INET,
  type StreamView,
  Subject,
  type TextCell,
  type World,
} from './subject.ts';
import { Trash } from './trash.ts';
import { Sample, TYPE_BOOL, TYPE_IPV4, TYPE_IPV6, TYPE_SINT } from './types.ts';
import type { Variables } from './variables-contract.ts';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
export type TestConnection = Writable<ConnectionView>;
export type TestStream = Writable<StreamView>;

export const NOW_MS = 100_000;
export const WALL_MS = 1_700_000_000_123.456;
export const STARTED_MS = WALL_MS - 61_900;
const THREAD_COUNT = 2;
const ARENA_BYTES = 65_536;
const HEAD_OFFSET = 32;
const LIMITS = headLimits(16_384, 1024, 101);

const noTimeouts = {
  ...{ client: 0, server: 0, connect: 0, queue: 0, httpRequest: 0, httpKeepAlive: 0, tunnel: 0 },
  ...{ clientFin: 0, clientHandshake: 0, serverFin: 0, check: 0, tarpit: 0 },
};

function server(index: number, name: string, settings: object): object {
  return { index, id: index + 11, name, weight: 1, backup: false, maxconn: 0, minconn: 0, maxqueue: 0, ...settings };
}

/** Proxy 0: frontend `front`, two binds; proxy 1: backend `back` with servers s0, s1 and the backup s2. */
export function testModel(): Model {
  const shared = { disabled: false, allbackups: false, defaultBackend: '', fullconn: 0, binds: [], servers: [] };
  const servers = [
    server(0, 's0', { weight: 10, maxconn: 5, maxqueue: 3, resolved: true }),
    server(1, 's1', { weight: 20, maxconn: 6, maxqueue: 4, resolved: true }),
    server(2, 's2', { weight: 1, backup: true, maxconn: 7, maxqueue: 5, resolved: true }),
  ];
  const model = {
    global: { bufsize: 16_384, maxrewrite: 1024 },
    serverCount: servers.length,
    proxies: [
      {
        ...shared,
        ...{ index: 0, id: 2, name: 'front', kind: 'frontend', defaultBackend: 'back' },
        timeouts: { ...noTimeouts, client: 1001, tarpit: 1002 },
        binds: [
          { id: 1, name: 'first' },
          { id: 7, name: '' },
        ],
      },
      {
        ...shared,
        ...{ index: 1, id: 3, name: 'back', kind: 'backend', servers },
        timeouts: { ...noTimeouts, server: 2001, connect: 2002, queue: 2003, tunnel: 2004, tarpit: 2005 },
      },
    ],
  };
  return model as unknown as Model;
}

export function testConnection(): TestConnection {
  return {
    ...{ slot: 1, fd: 9, bindIndex: 0, sinceMs: NOW_MS, sinceWallMs: WALL_MS, requestCount: 0, errno: 0 },
    proxyTlvs: null,
    frontend: { proxy: { index: 0 } },
    ...{ sourceFamily: FAMILY_INET, sourcePort: 4711, source0: 0x7f000001, source1: 0, source2: 0, source3: 0 },
    ...{ targetFamily: FAMILY_INET, targetPort: 80, target0: 0x0a000001 | 0, target1: 0, target2: 0, target3: 0 },
  };
}

export function testStream(http: boolean): TestStream {
  const uniqueId: TextCell = { bytes: new Uint8Array(0), length: -1 };
  return {
    ...{ http, requestFlags: 0, method: 0, startedMs: NOW_MS, frontendIndex: 0, backendIndex: 1, serverIndex: -1 },
    ...{ retriesLeft: 3, reusedBack: false, requestBytes: 0, responseBytes: 0, sourceSet: null, targetSet: null },
    ...{ requestCaptures: null, responseCaptures: null, uniqueId },
    log: new LogRecord(1024),
  };
}

/** Everything a test may want to turn. Fields of `world` may be replaced. */
export class Bench {
  readonly model = testModel();
  readonly load: ServerLoad;
  readonly words = ServerWords.create(this.model);
  readonly counters: Counters;
  readonly world: Writable<World> = { changePatterns: () => false, procVariableChanged: () => {} };
  readonly front = testConnection();
  readonly back = testConnection();
  readonly stream: TestStream;
  readonly subject: Subject;
  readonly linker: Linker;
  readonly sample = new Sample();

  constructor(http = false) {
    this.load = new ServerLoad(ServerLoad.create(this.model, THREAD_COUNT).buffer, 0);
    this.counters = new Counters(Counters.create(this.model, THREAD_COUNT).buffer, 0);
    this.stream = testStream(http);
    this.linker = {
      ...{ model: this.model, threadIndex: 1, threadCount: THREAD_COUNT, pid: 4242, startedAtMs: STARTED_MS },
      variable: () => assert.fail('no variables here'),
      map: () => assert.fail('no maps here'),
    };
    this.subject = new Subject({
      ...{ bytes: new Uint8Array(ARENA_BYTES), trash: new Trash(16_384), model: this.model },
      ...{ clock: { nowMs: NOW_MS, turn() {} }, wallClock: { nowMs: WALL_MS }, load: this.load, words: this.words },
      ...{ counters: this.counters, world: this.world },
      procVariables: {} as Variables, // no fetch here looks at them
    });
    this.subject.front = this.front;
    this.subject.back = this.back;
    this.subject.stream = this.stream;
  }

  /** What waits on the request's side; it ends amid other bytes, so that reading behind it shows. */
  put(bytes: Uint8Array, complete = false): void {
    const around = new Uint8Array(bytes.length + 64).fill(0x5a);
    around.set(bytes, 32);
    this.subject.requestData.bytes = around;
    this.subject.requestData.offset = 32;
    this.subject.requestData.length = bytes.length;
    this.subject.requestData.complete = complete;
  }

  /** A request head, and what came of its body. */
  request(text: string, complete: boolean): void {
    const { subject } = this;
    subject.bytes.fill(0x5a);
    const length = Buffer.from(text, 'latin1').copy(subject.bytes, HEAD_OFFSET);
    assert.equal(length, text.length, 'the arena is too small');
    const head = new Head(101);
    assert.equal(parseRequestHead(subject.bytes, HEAD_OFFSET, HEAD_OFFSET + length, head, LIMITS), HEAD_OK);
    subject.request = head;
    this.put(subject.bytes.slice(head.endOffset, HEAD_OFFSET + length), complete);
  }

  /** A response head without body, whose rules run now. */
  response(text: string): void {
    const { subject } = this;
    const length = Buffer.from(text, 'latin1').copy(subject.bytes, HEAD_OFFSET);
    const head = new Head(101);
    const verdict = parseResponseHead(subject.bytes, HEAD_OFFSET, HEAD_OFFSET + length, head, METHOD_GET, LIMITS);
    assert.equal(verdict, HEAD_OK);
    subject.response = head;
    subject.direction = DIRECTION_RESPONSE;
  }

  /** The fetch's value: a number, true or false, latin1 text, an address as text; null: none. */
  fetch(rows: readonly FetchRow[], name: string, ...args: Arg[]): number | bigint | boolean | string | null {
    const row = rows.find((candidate) => candidate.name === name);
    assert(row !== undefined, `${name} is not in the table`);
    const fetch = row.compile(args, this.linker);
    this.sample.begin();
    return fetch(this.subject, this.sample) ? this.value() : null;
  }

  value(): number | bigint | boolean | string {
    const { type, number, wide, bytes, offset, length } = this.sample;
    if (type === TYPE_BOOL) return number === 1;
    if (type === TYPE_SINT) return wide ?? number;
    if (type === TYPE_IPV4) return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
    return type === TYPE_IPV6 ? text.toString('hex') : text.toString('latin1');
  }
}

export const str = (text: string): Arg => ({ kind: 'str', text });
export const sint = (value: number | bigint): Arg => ({ kind: 'sint', value: Number(value), exact: String(value) });
export const backend = (index: number): Arg => ({ kind: 'proxy', side: 'back', name: '', index });
export const frontend = (index: number): Arg => ({ kind: 'proxy', side: 'front', name: '', index });
export const serverArg = (index: number): Arg => ({ kind: 'server', backend: '', name: '', index });
