// What the tests of final actions share: a configuration of one frontend and one backend, rules parsed and run in it, and
// the answer they give as text.

import assert from 'node:assert/strict';
import type { AclAst } from '../model/language.ts';
import type { Model } from '../model/model.ts';
import type { HttpErrors, ReplyAst, RuleAst, RuleSetName } from '../model/rules.ts';
import { requestSubject } from '../sample/fixture-http.ts';
import type { ParseScope, UsePlace } from '../sample/parse-scope.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { type RuleHost, RuleRun } from './contract.ts';
import { parseRule, type RuleSection } from './parse.ts';
import { actionRow } from './rows.ts';

const REPLY_BYTES_MAX = 16_384;

export interface ProxyPages {
  errorFiles?: { status: number; body: Uint8Array; path: string }[];
  errorReplies?: { status: number; reply: ReplyAst }[];
}

const none = { errorFiles: [], errorReplies: [], servers: [], disabled: false };

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** A reply that is a whole message. */
export function errorFile(status: number, message: string): ReplyAst {
  const [body, contentType] = [bytesOf(message), ''];
  return { kind: 'errorfile', status, contentType, body, format: null, errors: '', headers: [] };
}

export class AnswerBench {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly files = new Map<string, string>();
  readonly asked: string[] = [];
  readonly run = new RuleRun(this.host(), REPLY_BYTES_MAX);
  readonly clock = { nowMs: 1_000_000 };
  readonly linker: Linker;
  isBackend = false;

  constructor(front: ProxyPages = {}, back: ProxyPages = {}, httpErrors: readonly HttpErrors[] = []) {
    const proxies = [
      { ...none, ...front, index: 0, name: 'fe', kind: 'frontend' },
      { ...none, ...back, index: 1, name: 'be', kind: 'backend' },
    ];
    const model = { global: { bufsize: 16_384 }, proxies, httpErrors, patternRefs: [] } as unknown as Model;
    this.linker = {
      ...{ model, threadIndex: 0, threadCount: 1, pid: 1, startedAtMs: 0 },
      variable: () => 0,
      map: () => assert.fail('no maps here'),
    };
  }

  private host(): RuleHost {
    const note =
      (name: string) =>
      (...values: unknown[]): void => {
        if (name !== 'sendInterim') this.asked.push([name, ...values].join(' '));
        else this.asked.push(textOf(values[0] as Uint8Array, values[1] as number, values[2] as number));
      };
    return new Proxy({} as RuleHost, { get: (_target, name) => note(String(name)) });
  }

  section(): RuleSection {
    const scope = (where: UsePlace): ParseScope =>
      ({
        ...{ file: 'a.cfg', line: 7, where, acls: new Map(), uses: [] },
        patterns: { fromFile: () => 'no files here', inline: () => 0, isIdUsed: () => false },
        findAcl: (name: string): AclAst | string => `no such ACL : '${name}'`,
        warn: (text: string) => this.warnings.push(text),
        suspect: () => {},
      }) as unknown as ParseScope;
    const read = (path: string): Uint8Array | string => {
      const text = this.files.get(path);
      return text === undefined ? `error opening file '${path}'` : bytesOf(text);
    };
    return {
      ...{ word: this.isBackend ? 'backend' : 'frontend', name: this.isBackend ? 'be' : 'fe' },
      ...{ front: !this.isBackend, back: this.isBackend, isDefaults: false, file: 'a.cfg', line: 7 },
      ...{ bufsize: 16_384, stickCounters: 3, maxrewrite: 1_024, experimentalAllowed: false, scope },
      alert: (text) => this.errors.push(text),
      warn: (text) => this.warnings.push(text),
      notImplemented: (what) => this.errors.push(`not implemented: ${what}`),
      readFile: read,
      readErrorFile: read,
      addCapture: () => 0,
      suggest: () => '',
    };
  }

  parse(set: RuleSetName, line: string): RuleAst | null {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    return parseRule(set, words, 0, this.section());
  }

  /** Why a line is refused. */
  problem(set: RuleSetName, line: string): string {
    this.errors.length = 0;
    assert.equal(this.parse(set, line), null, `accepted: ${line}`);
    return this.errors.join('\n');
  }

  request(text = 'GET /a/b?c=d HTTP/1.1\r\nHost: example.org:81\r\n\r\n'): Subject {
    const subject = requestSubject(text);
    (subject as { clock: unknown }).clock = this.clock;
    Object.assign(subject.stream!, { frontendIndex: 0, backendIndex: this.isBackend ? 1 : -1 });
    return subject;
  }

  /** The verdict of one rule on a request. */
  outcome(line: string, subject = this.request(), set: RuleSetName = 'http-request'): number {
    const ast = this.parse(set, line);
    assert.ok(ast !== null, `${line}: ${this.errors.join('\n')}`);
    return actionRow(set, ast.action)!.compile(structuredClone(ast), this.linker)(subject, this.run);
  }

  get answer(): string {
    const { reply } = this.run;
    const text = textOf(reply.bytes, 0, reply.length);
    assert.equal(reply.headLength, text.indexOf('\r\n\r\n') + 4, 'headLength is that of the head');
    return text.replaceAll('\r\n', '\n');
  }

  /** What one rule answers to a request. */
  reply(line: string, subject = this.request(), set: RuleSetName = 'http-request'): string {
    this.outcome(line, subject, set);
    return this.answer;
  }
}

function textOf(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
}
