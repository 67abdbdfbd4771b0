// What the tests of actions share: rules parsed from words, compiled, run on a real parsed message, and the head that is
// sent afterwards as text.

import assert from 'node:assert/strict';
import type { TurnClock } from '../base/clock.ts';
import type { WallClock } from '../base/wall-clock.ts';
import { parseRequestHead, parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { CONNECTION_NONE, WRITE_FULL, writeRequestHead, writeResponseHead } from '../http/h1/write.ts';
import { Head, METHOD_GET } from '../http/message.ts';
import type { PatternRef } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { CapturePool, type Captures } from '../sample/captures.ts';
import { LogRecord } from '../sample/log-record.ts';
import type { ParseScope, PatternStore } from '../sample/parse-scope.ts';
import type { Linker } from '../sample/rows.ts';
import {
  type ConnectionView,
  DIRECTION_RESPONSE,
  FAMILY_INET,
  type StreamView,
  Subject,
  type World,
} from '../sample/subject.ts';
import { Trash } from '../sample/trash.ts';
import { VariableNames, VariableTable } from '../sample/variables.ts';
import type { Counters } from '../shared/counters.ts';
import type { ServerLoad } from '../shared/server-load.ts';
import type { ServerWords } from '../shared/server-words.ts';
import { type Action, type CheckedProxy, RULE_CONTINUE, type RuleHost, RuleRun } from './contract.ts';
import { parseRule, type RuleSection } from './parse.ts';
import { actionRow } from './rows.ts';

const EDIT_AT = 20_000; // behind the message
const EDIT_END = 40_000;
const OUT_AT = 42_000;
const OUT_END = 64_000;
const START = 32;
const ARENA_BYTES = 65_536;
const HEADERS_MAX = 128;
const LIMITS = headLimits(16_384, 1024, 101);

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function newStream(): Writable<StreamView> {
  return {
    ...{ http: true, requestFlags: 0, method: 0, startedMs: 0, frontendIndex: 0, backendIndex: 0, serverIndex: -1 },
    ...{ retriesLeft: 3, reusedBack: false, requestBytes: 0, responseBytes: 0, sourceSet: null, targetSet: null },
    ...{ requestCaptures: null, responseCaptures: null, log: new LogRecord(1_024) },
    uniqueId: { bytes: new Uint8Array(0), length: -1 },
  } as Writable<StreamView>;
}

function newConnection(): ConnectionView {
  return {
    ...{ slot: 0, fd: -1, bindIndex: 0, sinceMs: 0, sinceWallMs: 0, requestCount: 0, proxyTlvs: null, errno: 0 },
    ...{ sourceFamily: FAMILY_INET, sourcePort: 1234, source0: 0x7f000001, source1: 0, source2: 0, source3: 0 },
    ...{ targetFamily: FAMILY_INET, targetPort: 80, target0: 0x7f000001, target1: 0, target2: 0, target3: 0 },
  } as ConnectionView;
}

/** Words between blanks; `'…'` holds blanks. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

export interface SectionKind {
  readonly front: boolean;
  readonly back: boolean;
  readonly isDefaults?: boolean;
}

const LISTEN: SectionKind = { front: true, back: true };

/** Parses and runs rules; remembers what they asked of the proxy. */
export class RuleBench {
  readonly refs: PatternRef[] = [];
  readonly changes: string[] = []; // World.changePatterns, in words
  readonly asked: string[] = []; // RuleHost, in words
  readonly captureLengths: number[] = [];
  readonly names = new VariableNames();
  readonly limits = { global: 0, proc: 0, sess: 0, txn: 0, reqres: 0 };
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly run: RuleRun;
  readonly linker: Linker;
  kind: SectionKind = LISTEN;
  /** What the kernel says when it is asked for the client's address; null: nothing. */
  learnt: { family: number; port: number } | null = null;
  private readonly trash = new Trash(16_384);

  constructor() {
    const global = { bufsize: 16_384, maxrewrite: 1_024, maxhdr: 101, variableLimits: this.limits };
    const model = { global, patternRefs: this.refs, userlists: [], proxies: [] } as unknown as Model;
    this.linker = {
      ...{ model, threadIndex: 0, threadCount: 1, pid: 1, startedAtMs: 0 },
      variable: (scope, name) => this.names.numberOf(scope, name),
      map: () => assert.fail('no maps here'),
    };
    this.run = new RuleRun(this.host(), 16_384);
  }

  private host(): RuleHost {
    const note =
      (what: string) =>
      (...values: readonly unknown[]): void => {
        this.asked.push([what, ...values].join(' '));
      };
    return new Proxy({} as RuleHost, { get: (_target, name) => note(String(name)) });
  }

  addRef(name: string, isMap: boolean): void {
    this.refs.push({ index: this.refs.length, name, isMap, isAcl: !isMap } as PatternRef);
  }

  private section(): RuleSection {
    const { kind } = this;
    const patterns: PatternStore = {
      fromFile: () => 'no files here',
      inline: () => 0,
      isIdUsed: () => false,
    };
    const scope = (where: ParseScope['where']): ParseScope => ({
      ...{ file: 'test.cfg', line: 1, where, patterns, acls: new Map(), uses: [], groupTests: [] },
      findAcl: (name: string) => `no such ACL : '${name}'`,
      warn: (text: string) => this.warnings.push(text),
      suspect: () => {},
    });
    return {
      ...{ word: kind.front ? (kind.back ? 'proxy' : 'frontend') : 'backend', name: 'px' },
      ...{ front: kind.front, back: kind.back, isDefaults: kind.isDefaults === true },
      ...{ file: 'test.cfg', line: 1, bufsize: 16_384, stickCounters: 3, maxrewrite: 1_024, experimentalAllowed: true },
      scope,
      alert: (text) => this.errors.push(text),
      warn: (text) => this.warnings.push(text),
      notImplemented: (what) => this.errors.push(`not implemented: ${what}`),
      readFile: () => 'no files here',
      readErrorFile: () => 'no files here',
      addCapture: (length) => this.captureLengths.push(length) - 1,
      suggest: () => '',
    };
  }

  /** null: refused, and `errors` says why. */
  parse(set: RuleSetName, line: string): RuleAst | null {
    return parseRule(set, wordsOf(line), 0, this.section());
  }

  /** What is said about a line that is refused. */
  problem(set: RuleSetName, line: string): string {
    this.errors.length = 0;
    assert.equal(this.parse(set, line), null, `accepted: ${line}`);
    return this.errors.join('\n');
  }

  check(ast: RuleAst, proxy: CheckedProxy): string | null {
    return actionRow(ast.set, ast.action)!.check?.(ast, proxy) ?? null;
  }

  compile(set: RuleSetName, line: string): Action {
    const ast = this.parse(set, line);
    assert.ok(ast !== null, `${line}: ${this.errors.join('\n')}`);
    const row = actionRow(set, ast.action);
    assert.ok(row !== null);
    return row.compile(structuredClone(ast), this.linker); // as it comes in a thread
  }

  /** A subject with room, variables and a world; its message comes next. */
  private subject(text: string, ofResponse: boolean): Subject {
    const world: World = {
      changePatterns: (ref, kind, key, value) => {
        this.changes.push(`${kind} ${ref} ${key}=${value}`);
        return true;
      },
      procVariableChanged: (variable) => this.changes.push(`proc ${variable}`),
      learnAddresses: (connection) => {
        if (this.learnt === null) return;
        connection.sourceFamily = this.learnt.family;
        connection.sourcePort = this.learnt.port;
      },
    };
    const subject = new Subject({
      ...{ bytes: new Uint8Array(ARENA_BYTES).fill(0xaa), trash: this.trash, model: this.linker.model, world },
      ...{ clock: {} as TurnClock, wallClock: {} as WallClock, load: {} as ServerLoad, words: {} as ServerWords },
      ...{ counters: {} as Counters, procVariables: this.table('proc') },
    });
    subject.editAt = EDIT_AT;
    subject.editEnd = EDIT_END;
    subject.sessVariables = this.table('sess');
    subject.txnVariables = this.table('txn');
    subject.reqresVariables = this.table(ofResponse ? 'res' : 'req');
    subject.front = newConnection();
    subject.bytes.set(Buffer.from(text, 'latin1'), START);
    return subject;
  }

  private table(scope: Parameters<VariableTable['begin']>[0]): VariableTable {
    const variables = new VariableTable(this.limits);
    variables.begin(scope, null);
    return variables;
  }

  request(text: string): Subject {
    const subject = this.subject(text, false);
    const head = new Head(HEADERS_MAX);
    assert.equal(parseRequestHead(subject.bytes, START, START + text.length, head, LIMITS), HEAD_OK, text);
    const view = newStream();
    view.method = head.method;
    view.requestFlags = head.flags;
    subject.request = head;
    subject.stream = view;
    return subject;
  }

  response(text: string): Subject {
    const subject = this.subject(text, true);
    const head = new Head(HEADERS_MAX);
    const end = START + text.length;
    assert.equal(parseResponseHead(subject.bytes, START, end, head, METHOD_GET, LIMITS), HEAD_OK, text);
    subject.direction = DIRECTION_RESPONSE;
    subject.response = head;
    subject.stream = newStream();
    return subject;
  }

  /** Runs rules; the first verdict that is not RULE_CONTINUE, or that. */
  apply(subject: Subject, set: RuleSetName, ...lines: readonly string[]): number {
    const actions = lines.map((line) => this.compile(set, line));
    for (const action of actions) {
      const verdict = action(subject, this.run);
      if (verdict !== RULE_CONTINUE) return verdict;
    }
    return RULE_CONTINUE;
  }

  /** A request's head after the rules, lines joined with `|`; the rules must all go through. */
  edit(text: string, ...lines: readonly string[]): string {
    const subject = this.request(text);
    assert.equal(this.apply(subject, 'http-request', ...lines), RULE_CONTINUE);
    return shown(requestText(subject));
  }

  editResponse(text: string, ...lines: readonly string[]): string {
    const subject = this.response(text);
    assert.equal(this.apply(subject, 'http-response', ...lines), RULE_CONTINUE);
    return shown(responseText(subject));
  }
}

export function streamOf(subject: Subject): Writable<StreamView> {
  return subject.stream as Writable<StreamView>;
}

/** Stores for captures of these lengths, in both directions. */
export function giveCaptures(subject: Subject, lengths: readonly number[]): { request: Captures; response: Captures } {
  const pool = new CapturePool(lengths.map((length) => ({ header: '', length })));
  const stores = { request: pool.take(), response: pool.take() };
  const view = subject.stream === null ? newStream() : streamOf(subject);
  view.requestCaptures = stores.request;
  view.responseCaptures = stores.response;
  subject.stream = view;
  return stores;
}

export function requestText(subject: Subject): string {
  const end = writeRequestHead(subject.request!, subject.bytes, OUT_AT, OUT_END, false, CONNECTION_NONE);
  return textOf(subject, end);
}

export function responseText(subject: Subject): string {
  const end = writeResponseHead(subject.response!, subject.bytes, OUT_AT, OUT_END, CONNECTION_NONE);
  return textOf(subject, end);
}

function textOf(subject: Subject, end: number): string {
  assert.notEqual(end, WRITE_FULL, 'the head has room');
  return Buffer.from(subject.bytes.subarray(OUT_AT, end)).toString('latin1');
}

const shown = (text: string): string => text.replace(/\r\n\r\n$/, '').replaceAll('\r\n', '|');
