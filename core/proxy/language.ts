// The rule language of one thread: compiled rules of every section, the one subject they are evaluated on, and where its
// texts and variables live.

import { CHUNKS_UNFINISHED, findChunksEnd } from '../http/h1/chunked-scan.ts';
import type { Head } from '../http/message.ts';
import { HEAD_CHUNKED, HEAD_CLOSE_DELIMITED, HEAD_LENGTH } from '../http/message.ts';
import { NO_BUFFER } from '../io/engine.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RuleAst } from '../model/rules.ts';
import { RuleRun } from '../rules/contract.ts';
import { compileRules, type RuleSet, runRules } from '../rules/rule-set.ts';
import { ServerChoice, Switching } from '../rules/switching.ts';
import type { PatternStore } from '../sample/patterns/store.ts';
import type { Linker } from '../sample/rows.ts';
import { DIRECTION_REQUEST, DIRECTION_RESPONSE, Subject, type World } from '../sample/subject.ts';
import { Trash } from '../sample/trash.ts';
import type { VariableNames, VariablePool, VariableTable } from '../sample/variables.ts';
import type { Connection } from './connection.ts';
import { StreamHost } from './rule-host.ts';
import type { Stream } from './stream.ts';
import type { ProxyThread } from './thread.ts';

/** Texts that rules add to one head, before it is written. */
export const EDIT_BYTES = 32 * 1024;

/** The compiled rules of one section; each null when it has none of that kind. */
export interface ProxyRules {
  readonly tcpRequestConnection: RuleSet | null;
  readonly tcpRequestSession: RuleSet | null;
  readonly tcpRequestContent: RuleSet | null;
  readonly tcpResponseContent: RuleSet | null;
  readonly httpRequest: RuleSet | null;
  readonly redirect: RuleSet | null;
  readonly httpResponse: RuleSet | null;
  readonly httpAfterResponse: RuleSet | null;
  readonly switching: Switching | null;
  readonly servers: ServerChoice | null;
}

/** What the thread shares with others about the language; workers/proxy makes it. */
export interface LanguageParts {
  readonly linker: Linker;
  readonly world: World;
  readonly procVariables: VariableTable;
  readonly variables: VariablePool;
  readonly names: VariableNames;
  readonly patterns: PatternStore;
}

export class Language {
  readonly subject: Subject;
  readonly run: RuleRun;
  readonly host: StreamHost;
  readonly linker: Linker;
  readonly variables: VariablePool;
  readonly procVariables: VariableTable;
  readonly names: VariableNames;
  readonly patterns: PatternStore;
  readonly isUsable: (serverIndex: number) => boolean;
  private readonly editOffset: number;

  constructor(thread: ProxyThread, parts: LanguageParts) {
    const { bytes, model, clock, wallClock, load, words, counters } = thread;
    const trash = new Trash(model.global.bufsize);
    const { world, procVariables } = parts;
    this.subject = new Subject({
      bytes,
      trash,
      model,
      clock,
      wallClock,
      load,
      words,
      counters,
      world,
      procVariables,
    });
    this.subject.tables = thread.tables;
    this.host = new StreamHost(thread);
    this.run = new RuleRun(this.host, model.global.bufsize);
    this.isUsable = (serverIndex) => thread.words.running(serverIndex);
    this.linker = parts.linker;
    this.variables = parts.variables;
    this.procVariables = procVariables;
    this.names = parts.names;
    this.patterns = parts.patterns;
    this.editOffset = thread.buffers.allocateStatic(EDIT_BYTES);
  }

  /** Points the subject's edit space at the thread's own, or where the stream's edits were kept. */
  aimEdits(thread: ProxyThread, stream: Stream): void {
    const { rule } = stream;
    const { subject } = this;
    if (rule.editBuffer !== NO_BUFFER) {
      subject.editAt = rule.editAt;
      subject.editEnd = thread.buffers.dataEnd(rule.editBuffer);
      return;
    }
    if (rule.editAt === 0) rule.editAt = this.editOffset;
    subject.editAt = rule.editAt;
    subject.editEnd = this.editOffset + EDIT_BYTES;
  }

  /** Moves the texts that were added to `head` from the thread's edit space to a slot of the stream's: others run now. */
  keepEdits(thread: ProxyThread, stream: Stream, head: Head): boolean {
    const { rule } = stream;
    if (rule.editBuffer !== NO_BUFFER) return true;
    const length = rule.editAt - this.editOffset;
    const bufferId = thread.buffers.take();
    if (bufferId === NO_BUFFER) return false;
    const at = thread.buffers.dataOffset(bufferId);
    if (length > 0) {
      thread.bytes.copyWithin(at, this.editOffset, this.editOffset + length);
      moveTexts(head, this.editOffset, this.editOffset + length, at - this.editOffset);
    }
    rule.editBuffer = bufferId;
    rule.editAt = at + Math.max(0, length);
    return true;
  }
}

/** Texts of the head that stand in [from, to) stand `delta` further on now. */
function moveTexts(head: Head, from: number, to: number, delta: number): void {
  if (head.methodOffset >= from && head.methodOffset < to) head.methodOffset += delta;
  if (head.uriOffset >= from && head.uriOffset < to) head.uriOffset += delta;
  if (head.versionOffset >= from && head.versionOffset < to) head.versionOffset += delta;
  if (head.reasonOffset >= from && head.reasonOffset < to) head.reasonOffset += delta;
  for (let index = 0; index < head.headerCount; index++) {
    const name = head.nameOffset[index]!;
    if (name >= from && name < to) head.nameOffset[index] = name + delta;
    const value = head.valueOffset[index]!;
    if (value >= from && value < to) head.valueOffset[index] = value + delta;
  }
}

/** Compiles the section's rules; null when it has none. */
export function linkRules(proxy: Proxy, linker: Linker): ProxyRules | null {
  const { rules } = proxy;
  const set = (asts: readonly RuleAst[]): RuleSet | null => (asts.length === 0 ? null : compileRules(asts, linker));
  const conditional = proxy.switching.length > 0;
  const linked: ProxyRules = {
    tcpRequestConnection: set(rules.tcpRequestConnection),
    tcpRequestSession: set(rules.tcpRequestSession),
    tcpRequestContent: set(rules.tcpRequestContent),
    tcpResponseContent: set(rules.tcpResponseContent),
    httpRequest: set(rules.httpRequest),
    redirect: set(rules.redirect),
    httpResponse: set(rules.httpResponse),
    httpAfterResponse: set(rules.httpAfterResponse),
    switching: conditional ? new Switching(proxy.switching, linker) : null,
    servers: proxy.serverRules.length > 0 ? new ServerChoice(proxy.serverRules, proxy.index, linker) : null,
  };
  return Object.values(linked).every((each) => each === null) ? null : linked;
}

/**
 * Runs a set for the stream that the subject is aimed at, from where the stream stands in it (subject.final is set). What
 * the run leaves stays with the stream: others are evaluated before it goes on.
 */
export function runStreamRules(thread: ProxyThread, stream: Stream, set: RuleSet): number {
  const { subject, run, host } = thread.language;
  const { rule } = stream;
  host.stream = stream;
  run.index = rule.index;
  run.resumed = rule.yielded;
  run.strict = rule.strict;
  run.yieldedSinceMs = rule.yieldedSinceMs;
  run.waitUntilMs = 0;
  const verdict = runRules(set, subject, run);
  rule.index = run.index;
  rule.yielded = run.resumed;
  rule.yieldedSinceMs = run.yieldedSinceMs;
  rule.strict = run.strict;
  rule.editAt = subject.editAt;
  rule.lastRuleFile = subject.lastRuleFile;
  rule.lastRuleLine = subject.lastRuleLine;
  rule.waitingFile = subject.waitingEntityFile;
  rule.waitingLine = subject.waitingEntityLine;
  return verdict;
}

/** Points the subject at a connection alone: nothing of a stream or a message is there. */
export function aimConnection(thread: ProxyThread, front: Connection): Subject {
  const { subject } = thread.language;
  subject.messageSerial++;
  subject.direction = DIRECTION_REQUEST;
  subject.front = front;
  subject.back = null;
  subject.stream = null;
  subject.request = null;
  subject.response = null;
  subject.requestData.length = 0;
  subject.responseData.length = 0;
  subject.sessVariables = sessionVariables(thread, front);
  subject.txnVariables = null;
  subject.reqresVariables = null;
  return subject;
}

/** Points the subject at a stream's request; `head` null in mode tcp, or when the request has left. */
export function aimRequest(thread: ProxyThread, stream: Stream, head: Head | null): Subject {
  const subject = aimStream(thread, stream);
  const front = stream.front!;
  subject.direction = DIRECTION_REQUEST;
  subject.request = head;
  subject.response = null;
  const data = subject.requestData;
  subject.responseData.length = 0;
  data.bytes = thread.bytes;
  if (front.headBuffer === NO_BUFFER) {
    data.length = 0;
    data.complete = front.endSeen || head !== null;
  } else {
    data.offset = head === null ? front.headStart : head.endOffset;
    data.length = front.headEnd - data.offset;
    data.complete = front.endSeen || isFull(thread, front) || (head !== null && isWhole(thread.bytes, front, head));
  }
  thread.language.aimEdits(thread, stream);
  return subject;
}

/** Points the subject at a stream's response; `head` null in mode tcp. */
export function aimResponse(thread: ProxyThread, stream: Stream, head: Head | null): Subject {
  const subject = aimStream(thread, stream);
  const back = stream.back;
  subject.direction = DIRECTION_RESPONSE;
  subject.request = null;
  subject.response = head;
  subject.requestData.length = 0;
  const data = subject.responseData;
  data.bytes = thread.bytes;
  data.length = 0;
  data.complete = true;
  if (back !== null && back.headBuffer !== NO_BUFFER) {
    data.offset = head === null ? back.headStart : head.endOffset;
    data.length = back.headEnd - data.offset;
    data.complete = back.endSeen || isFull(thread, back) || (head !== null && isWhole(thread.bytes, back, head));
  }
  thread.language.aimEdits(thread, stream);
  return subject;
}

function aimStream(thread: ProxyThread, stream: Stream): Subject {
  const { subject, variables } = thread.language;
  const { rule } = stream;
  const front = stream.front!;
  rule.used = true;
  subject.messageSerial++;
  subject.front = front;
  subject.back = stream.back;
  subject.stream = stream;
  const session = sessionVariables(thread, front);
  rule.txn ??= variables.take('txn', session);
  rule.reqres ??= variables.take(rule.responding ? 'res' : 'req', rule.txn);
  subject.sessVariables = session;
  subject.lastRuleFile = rule.lastRuleFile;
  subject.lastRuleLine = rule.lastRuleLine;
  subject.waitingEntityFile = rule.waitingFile;
  subject.waitingEntityLine = rule.waitingLine;
  subject.txnVariables = rule.txn;
  subject.reqresVariables = rule.reqres;
  return subject;
}

/** Points the subject at what a stream leaves for its log: no message is there any more. */
export function aimLine(thread: ProxyThread, stream: Stream): Subject {
  const subject = aimStream(thread, stream);
  if (stream.back === null && stream.pastBack.known) subject.back = stream.pastBack;
  subject.request = null;
  subject.response = null;
  subject.requestData.length = 0;
  subject.responseData.length = 0;
  return subject;
}

function sessionVariables(thread: ProxyThread, front: Connection): VariableTable {
  const { variables, procVariables } = thread.language;
  front.variables ??= variables.take('sess', procVariables);
  return front.variables;
}

/** The response's turn: variables of scope `req` end, those of `res` begin (manual §2.8). */
export function beginResponseVariables(thread: ProxyThread, stream: Stream): void {
  const { rule } = stream;
  rule.responding = true;
  if (rule.reqres !== null) thread.language.variables.give(rule.reqres);
  rule.reqres = null;
}

// As much as HAProxy's buffer would hold: nobody waits for more.
function isFull(thread: ProxyThread, connection: Connection): boolean {
  const { bufsize, maxrewrite } = thread.model.global;
  return connection.inBytes > 0 || connection.headEnd - connection.headStart >= bufsize - maxrewrite;
}

/** Everything of the body stands behind its head. */
export function isWhole(bytes: Uint8Array, connection: Connection, head: Head): boolean {
  if ((head.flags & HEAD_CHUNKED) !== 0) {
    return findChunksEnd(bytes, head.endOffset, connection.headEnd) !== CHUNKS_UNFINISHED;
  }
  if ((head.flags & HEAD_LENGTH) !== 0) return connection.headEnd - head.endOffset >= head.contentLength;
  return (head.flags & HEAD_CLOSE_DELIMITED) === 0;
}

/** The request has left, or never will: the head that waited in rules and the texts added to it go back. */
export function forgetRequest(thread: ProxyThread, stream: Stream): void {
  const { rule } = stream;
  if (rule.requestHead !== null) thread.freeHead(rule.requestHead);
  rule.requestHead = null;
  if (rule.editBuffer !== NO_BUFFER) thread.buffers.release(rule.editBuffer);
  rule.editBuffer = NO_BUFFER;
  rule.editAt = 0;
}

/** What rules left with a stream goes back; called once, when it ends. */
export function releaseRules(thread: ProxyThread, stream: Stream): void {
  const { rule } = stream;
  const { variables } = thread.language;
  forgetRequest(thread, stream);
  if (rule.responseHead !== null) thread.freeHead(rule.responseHead);
  rule.responseHead = null;
  if (rule.reqres !== null) variables.give(rule.reqres);
  if (rule.txn !== null) variables.give(rule.txn);
  rule.txn = null;
  rule.reqres = null;
  rule.reset();
}
