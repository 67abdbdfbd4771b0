// What the tests of HTTP fetches share: a subject pointed at real bytes, and a fetch's values as plain data.

import assert from 'node:assert/strict';
import type { TurnClock } from '../base/clock.ts';
import type { WallClock } from '../base/wall-clock.ts';
import { parseRequestHead, parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { Head, METHOD_GET } from '../http/message.ts';
import type { Arg, Userlist } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import type { Counters } from '../shared/counters.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import type { ServerWords } from '../shared/server-words.ts';
import { authFetches } from './fetch-auth.ts';
import { httpCaptureFetches } from './fetch-http-captures.ts';
import { httpCookieFetches } from './fetch-http-cookies.ts';
import { httpHeaderFetches } from './fetch-http-headers.ts';
import { httpLineFetches } from './fetch-http-line.ts';
import { httpParamFetches } from './fetch-http-params.ts';
import { LogRecord } from './log-record.ts';
import type { Fetch, FetchRow, Linker } from './rows.ts';
import {
  type ConnectionView,
  DIRECTION_REQUEST,
  DIRECTION_RESPONSE,
  FAMILY_INET,
  type StreamView,
  Subject,
  type World,
} from './subject.ts';
import { Trash } from './trash.ts';
import * as types from './types.ts';
import { Sample } from './types.ts';
import type { Variables } from './variables-contract.ts';

export const httpRows: readonly FetchRow[] = [
  ...httpLineFetches,
  ...httpHeaderFetches,
  ...httpCookieFetches,
  ...httpParamFetches,
  ...httpCaptureFetches,
  ...authFetches,
];

const LIMITS = headLimits(16_384, 1024, 101);
const START = 32;
const ARENA_BYTES = 65_536;

const userlists: Userlist[] = [];
const global = { bufsize: 16_384, maxrewrite: 1_024, maxhdr: 101 };
const model = { global, userlists } as unknown as Model;
const linker = { model, threadIndex: 0, threadCount: 1 } as unknown as Linker;

/** The number of a userlist that http_auth can be given. */
export function addUserlist(list: Userlist): number {
  return userlists.push(list) - 1;
}

function emptySubject(): Subject {
  return new Subject({
    bytes: new Uint8Array(ARENA_BYTES).fill(0xaa),
    trash: new Trash(16_384),
    model,
    clock: {} as TurnClock,
    wallClock: {} as WallClock,
    load: {} as ServerLoad,
    words: {} as ServerWords,
    counters: {} as Counters,
    world: {} as World,
    procVariables: {} as Variables,
  });
}

export function connection(): ConnectionView {
  return {
    slot: 0,
    fd: -1,
    bindIndex: 0,
    sinceMs: 0,
    sinceWallMs: 0,
    requestCount: 0,
    proxyTlvs: null,
    errno: 0,
    sourceFamily: FAMILY_INET,
    sourcePort: 1234,
    source0: 0x7f000001,
    source1: 0,
    source2: 0,
    source3: 0,
    targetFamily: FAMILY_INET,
    targetPort: 80,
    target0: 0x7f000001,
    target1: 0,
    target2: 0,
    target3: 0,
  };
}

export type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

export function stream(http: boolean): Writable<StreamView> {
  return {
    http,
    requestFlags: 0,
    method: 0,
    startedMs: 0,
    log: new LogRecord(1_024),
    frontendIndex: 0,
    backendIndex: 0,
    serverIndex: -1,
    retriesLeft: 3,
    reusedBack: false,
    requestBytes: 0,
    responseBytes: 0,
    sourceSet: null,
    targetSet: null,
    requestCaptures: null,
    responseCaptures: null,
    uniqueId: { bytes: new Uint8Array(0), length: -1 },
  };
}

/** What stands in front of a rule of the request: its head parsed, its body as far as it is in `text`. */
let messageCount = 0;

/** Each message has a number, so that the tests run on what is remembered as well. */
export function requestSubject(text: string, complete = true): Subject {
  const subject = emptySubject();
  const bytes = Buffer.from(text, 'latin1');
  subject.bytes.set(bytes, START);
  const head = new Head(128);
  const end = START + bytes.length;
  assert.equal(parseRequestHead(subject.bytes, START, end, head, LIMITS), HEAD_OK, `not a request: ${text}`);
  const view = stream(true);
  view.method = head.method;
  view.requestFlags = head.flags;
  const line = [
    [head.methodOffset, head.methodLength],
    [head.uriOffset, head.uriLength],
    [head.versionOffset, head.versionLength],
  ].map(([offset = 0, length = 0]) => Buffer.from(subject.bytes.subarray(offset, offset + length)).toString('latin1'));
  view.log.captureRequestLine(Buffer.from(line.join(' '), 'latin1'), 0, line.join(' ').length);
  subject.request = head;
  subject.messageSerial = ++messageCount;
  subject.stream = view;
  subject.front = connection();
  fill(subject, subject.requestData, head.endOffset, end, complete);
  return subject;
}

function fill(subject: Subject, data: Subject['requestData'], from: number, end: number, complete: boolean): void {
  data.bytes = subject.bytes;
  data.offset = from;
  data.length = end - from;
  data.complete = complete;
}

/** The same of a response. */
export function responseSubject(text: string, complete = true): Subject {
  const subject = emptySubject();
  const bytes = Buffer.from(text, 'latin1');
  subject.bytes.set(bytes, START);
  const head = new Head(128);
  const end = START + bytes.length;
  const verdict = parseResponseHead(subject.bytes, START, end, head, METHOD_GET, LIMITS);
  assert.equal(verdict, HEAD_OK, `not a response: ${text}`);
  subject.direction = DIRECTION_RESPONSE;
  subject.response = head;
  subject.messageSerial = ++messageCount;
  subject.stream = stream(true);
  subject.front = connection();
  fill(subject, subject.responseData, head.endOffset, end, complete);
  return subject;
}

/** Bytes that wait in a TCP proxy. */
export function tcpSubject(text: string, complete: boolean): Subject {
  const subject = emptySubject();
  const bytes = Buffer.from(text, 'latin1');
  subject.bytes.set(bytes, START);
  subject.direction = DIRECTION_REQUEST;
  subject.stream = stream(false);
  subject.front = connection();
  fill(subject, subject.requestData, START, START + bytes.length, complete);
  return subject;
}

export type ArgText = string | number | { userlist: number };

export function argsOf(values: readonly ArgText[]): Arg[] {
  return values.map((value): Arg => {
    if (typeof value === 'string') return { kind: 'str', text: value };
    if (typeof value === 'number') return { kind: 'sint', value, exact: String(value) };
    return { kind: 'userlist', name: '', index: value.userlist };
  });
}

export function rowOf(name: string): FetchRow {
  const row = httpRows.find((each) => each.name === name);
  assert.ok(row !== undefined, `no fetch ${name}`);
  return row;
}

export function fetchOf(name: string, ...args: readonly ArgText[]): Fetch {
  return rowOf(name).compile(argsOf(args), linker);
}

/** A value as text: latin1 of texts, decimal of numbers, hexadecimal of binaries and of IPv6. */
export function textOf(sample: Sample): string {
  switch (sample.type) {
    case types.TYPE_BOOL:
    case types.TYPE_SINT:
      return String(sample.number);
    case types.TYPE_IPV4:
      return [24, 16, 8, 0].map((shift) => (sample.number >>> shift) & 255).join('.');
    case types.TYPE_IPV6:
      return Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length)).toString('hex');
    default:
      return Buffer.from(sample.bytes.subarray(sample.offset, sample.offset + sample.length)).toString('latin1');
  }
}

/** What a single evaluation gives; null: nothing. */
export function one(subject: Subject, name: string, ...args: readonly ArgText[]): string | null {
  const sample = new Sample();
  sample.begin();
  subject.iterate = false;
  return fetchOf(name, ...args)(subject, sample) ? textOf(sample) : null;
}

/** What an ACL is given, value after value. */
export function all(subject: Subject, name: string, ...args: readonly ArgText[]): string[] {
  const fetch = fetchOf(name, ...args);
  const sample = new Sample();
  const values: string[] = [];
  sample.begin();
  subject.iterate = true;
  while (fetch(subject, sample)) {
    values.push(textOf(sample));
    if (!sample.more) break;
    assert.ok(values.length < 100_000, 'an iteration ends');
  }
  subject.iterate = false;
  return values;
}
