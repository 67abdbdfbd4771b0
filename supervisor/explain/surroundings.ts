// What a configuration is evaluated in: the real compiled rules, as one thread has them, with fresh tables and no sockets.

import { TurnClock } from '../../core/base/clock.ts';
import { TurnWallClock } from '../../core/base/wall-clock.ts';
import { type HeadLimits, headLimits } from '../../core/http/h1/verdict.ts';
import { Head } from '../../core/http/message.ts';
import type { ConditionAst, FormatAst } from '../../core/model/language.ts';
import type { Model } from '../../core/model/model.ts';
import type { Proxy } from '../../core/model/proxy.ts';
import type { RuleAst } from '../../core/model/rules.ts';
import { RuleRun } from '../../core/rules/contract.ts';
import { compileRules, type RuleSet } from '../../core/rules/rule-set.ts';
import { ServerChoice, Switching } from '../../core/rules/switching.ts';
import { compileExpression } from '../../core/sample/compile.ts';
import { compileFormat } from '../../core/sample/format.ts';
import { PatternStore } from '../../core/sample/patterns/store.ts';
import type { Linker } from '../../core/sample/rows.ts';
import { type StreamView, Subject, type TextCell } from '../../core/sample/subject.ts';
import { Trash } from '../../core/sample/trash.ts';
import { Sample, TYPE_STR } from '../../core/sample/types.ts';
import { VariableNames, VariablePool, VariableTable } from '../../core/sample/variables.ts';
import { Counters } from '../../core/shared/counters.ts';
import { ServerLoad } from '../../core/shared/server-load.ts';
import { ServerWords } from '../../core/shared/server-words.ts';
import { StickTable } from '../../core/tables/stick-table.ts';
import { isOwnAddress } from './input.ts';
import { Listener } from './listen.ts';
import { ExplainHost } from './parties.ts';

/** Texts that rules add to one head, as a thread has them. */
const EDIT_BYTES = 32 * 1024;
/** Before each message: a head written anew may be longer than it came. */
const HEADROOM_BYTES = 1024;
/** Lines that the proxy adds by itself. */
const OWN_HEADERS_MAX = 8;

/** HAProxy's UNIQUEID_LEN, which counts an end byte. */
const UNIQUE_ID_BYTES_MAX = 127;

/** The compiled rules of one section. */
export interface CompiledProxy {
  readonly proxy: Proxy;
  readonly tcpRequestConnection: RuleSet;
  readonly tcpRequestSession: RuleSet;
  readonly tcpRequestContent: RuleSet;
  readonly tcpResponseContent: RuleSet;
  readonly httpRequest: RuleSet;
  readonly redirect: RuleSet;
  readonly httpResponse: RuleSet;
  readonly httpAfterResponse: RuleSet;
  readonly switching: Switching;
  readonly servers: ServerChoice;
}

export class Surroundings {
  readonly model: Model;
  readonly clock = new TurnClock();
  readonly wallClock = new TurnWallClock();
  readonly words: ServerWords;
  readonly load: ServerLoad;
  readonly counters: Counters;
  readonly names = new VariableNames();
  readonly variables: VariablePool;
  readonly subject: Subject;
  readonly host = new ExplainHost();
  readonly run: RuleRun;
  readonly linker: Linker;
  readonly listener: Listener;
  readonly limits: HeadLimits;
  uniqueIdFormat: FormatAst | null = null; // the frontend's
  readonly requestAt = HEADROOM_BYTES;
  readonly responseAt: number;
  private readonly editAt: number;
  private readonly proxies = new Map<number, CompiledProxy>();

  /** @param requestBytes, responseBytes how long the messages are that are to be read */
  constructor(model: Model, requestBytes: number, responseBytes: number) {
    const { bufsize, maxrewrite, maxhdr, variableLimits } = model.global;
    this.model = model;
    this.limits = headLimits(bufsize, maxrewrite, maxhdr);
    this.words = ServerWords.create(model);
    this.load = new ServerLoad(ServerLoad.create(model, 1).buffer, 0);
    this.counters = new Counters(Counters.create(model, 1).buffer, 0);
    this.variables = new VariablePool(variableLimits);
    this.listener = new Listener(model);
    this.run = new RuleRun(this.host, bufsize);
    const patterns = new PatternStore(model.patternRefs);
    const procVariables = new VariableTable(variableLimits);
    procVariables.begin('proc', null);
    // The longest answer of a rule is read as a response, too.
    this.responseAt = this.requestAt + requestBytes + HEADROOM_BYTES;
    this.editAt = this.responseAt + Math.max(responseBytes, bufsize) + HEADROOM_BYTES;
    this.subject = new Subject({
      bytes: new Uint8Array(this.editAt + EDIT_BYTES),
      trash: new Trash(bufsize),
      model,
      clock: this.clock,
      wallClock: this.wallClock,
      load: this.load,
      words: this.words,
      counters: this.counters,
      procVariables,
      world: {
        changePatterns: (refIndex, kind, key, value) => {
          if (!patterns.change(refIndex, kind, key, value)) return false;
          const ref = model.patternRefs[refIndex]!;
          const after = kind === 'del' ? null : ref.values === null ? key : `${key} ${value}`;
          this.host.asked.push({ kind: 'map', name: ref.name, before: kind === 'del' ? key : null, after });
          return true;
        },
        procVariableChanged: () => undefined,
        isStopping: () => false,
        isLocalAddress: (family, ...words) => (isOwnAddress(family, words) ? 1 : 0),
        uniqueId: (stream) => this.uniqueIdOf(stream),
      },
    });
    this.subject.tables = model.tables.map((table) => new StickTable(table, StickTable.create(table, 1).buffer, 0, 1));
    this.host.tables = this.subject.tables;
    this.subject.editAt = this.editAt;
    this.subject.editEnd = this.editAt + EDIT_BYTES;
    this.linker = {
      model,
      threadIndex: 0,
      threadCount: 1,
      pid: process.pid,
      startedAtMs: Date.now(),
      variable: (scope, name) => this.names.numberOf(scope, name),
      map: (refIndex, method, ignoreCase) => this.listener.matcher(patterns, refIndex, method, ignoreCase),
    };
    this.setProcessVariables(procVariables);
  }

  /** Made when it is first asked for, as core/proxy does. */
  private uniqueIdOf({ uniqueId }: StreamView): TextCell | null {
    if (this.uniqueIdFormat === null || uniqueId.length >= 0) return this.uniqueIdFormat === null ? null : uniqueId;
    uniqueId.bytes = new Uint8Array(UNIQUE_ID_BYTES_MAX);
    uniqueId.length = 0; // a format that names the id itself finds it empty
    const format = compileFormat(this.uniqueIdFormat, this.linker);
    uniqueId.length = format.write(this.subject, uniqueId.bytes, 0, UNIQUE_ID_BYTES_MAX);
    return uniqueId;
  }

  /** `set-var` and `set-var-fmt` of the global section, in their order. */
  private setProcessVariables(table: VariableTable): void {
    const { subject, linker } = this;
    const sample = new Sample();
    for (const { name, expression, format } of this.model.global.setVars) {
      const variable = this.names.numberOf('proc', name);
      if (expression !== null) {
        if (compileExpression(expression, linker).evaluate(subject, sample)) table.set(variable, sample);
      } else if (format !== null) {
        const { trash } = subject;
        const at = trash.take();
        const end = compileFormat(format, linker).write(subject, trash.bytes, at, at + trash.chunkBytes);
        sample.begin();
        sample.setBytes(TYPE_STR, trash.bytes, at, end - at);
        table.set(variable, sample);
      }
    }
  }

  newHead(): Head {
    return new Head(this.limits.headerCountMax + OWN_HEADERS_MAX);
  }

  /** Texts that rules add begin anew: another message is looked at. */
  clearEdits(): void {
    this.subject.editAt = this.editAt;
  }

  compiled(proxy: Proxy): CompiledProxy {
    const known = this.proxies.get(proxy.index);
    if (known !== undefined) return known;
    const { linker } = this;
    const { rules } = proxy;
    const compiled: CompiledProxy = {
      proxy,
      tcpRequestConnection: this.compile(rules.tcpRequestConnection),
      tcpRequestSession: this.compile(rules.tcpRequestSession),
      tcpRequestContent: this.compile(rules.tcpRequestContent),
      tcpResponseContent: this.compile(rules.tcpResponseContent),
      httpRequest: this.compile(rules.httpRequest),
      redirect: this.compile(rules.redirect),
      httpResponse: this.compile(rules.httpResponse),
      httpAfterResponse: this.compile(rules.httpAfterResponse),
      switching: new Switching(proxy.switching, linker),
      servers: new ServerChoice(proxy.serverRules, proxy.index, linker),
    };
    this.attach(proxy.switching);
    this.attach(proxy.serverRules);
    this.proxies.set(proxy.index, compiled);
    return compiled;
  }

  private compile(asts: readonly RuleAst[]): RuleSet {
    const set = compileRules(asts, this.linker);
    this.attach(asts);
    return set;
  }

  private attach(rules: readonly { condition: ConditionAst | null }[]): void {
    for (const { condition } of rules) this.listener.attach(condition, this.linker);
  }
}
