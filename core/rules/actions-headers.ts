// Actions on header lines (manual §4.4): add-header, set-header, del-header, replace-header, replace-value, and their
// forms that take many headers from one binary value (set-headers-bin and its siblings).
//
// They change text only. What the proxy does with a message was read from it before any rule ran; framing.ts says what
// becomes of a Content-Length or Transfer-Encoding that rules have touched.

import { assert } from '../base/assert.ts';
import { headerIdOf } from '../http/header-names.ts';
import { HEADER_REMOVED, type Head } from '../http/message.ts';
import type { RuleAst, RuleSetName } from '../model/rules.ts';
import { compileExpression } from '../sample/expression.ts';
import { compileFormat } from '../sample/format.ts';
import { findLine, HeaderName } from '../sample/http-header-walk.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { Sample, TYPE_BIN } from '../sample/types.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  RULE_CONTINUE,
  RULE_INTERNAL,
  type RuleParts,
  type RuleRun,
} from './contract.ts';
import {
  actsOnRequest,
  addLine,
  addLineOf,
  EDIT_FAILED,
  elementEnd,
  headOf,
  ReadyLine,
  removeLines,
  rewriteFailed,
  setValue,
  type TextWriter,
  trimEnd,
  trimStart,
  verdictOf,
  writeText,
} from './edit.ts';
import { Replacement, regexProblem } from './replacement.ts';
import { readVarint, VARINT_CUT, VarintReader } from './varint.ts';
import { readHeader } from './words.ts';

const HTTP_SETS: readonly RuleSetName[] = ['http-request', 'http-response', 'http-after-response'];

function compileHeader(ast: RuleAst, linker: Linker, replaces: boolean): Action {
  const onRequest = actsOnRequest(ast.set);
  const name = new HeaderName(String(ast.options.name));
  const formatAst = ast.formats[0]!;
  const format = compileFormat(formatAst, linker);
  if (formatAst.parts.every(({ kind }) => kind === 'text' || kind === 'separator') && name.text[0] !== COLON) {
    return constantHeader(onRequest, name, format, replaces);
  }
  return (subject, run) => {
    const head = headOf(subject, onRequest);
    return head === null ? RULE_CONTINUE : verdictOf(addLine(subject, head, name, format, replaces), run);
  };
}

const COLON = 0x3a;

/** A text without values: the line is made when it is needed first. */
function constantHeader(onRequest: boolean, name: HeaderName, format: TextWriter, replaces: boolean): Action {
  let ready: ReadyLine | null = null;
  return (subject, run) => {
    const head = headOf(subject, onRequest);
    if (head === null) return RULE_CONTINUE;
    if (ready !== null) return verdictOf(ready.add(subject, head, name, replaces), run);
    const count = head.headerCount;
    if (!addLine(subject, head, name, format, replaces)) return rewriteFailed(run);
    assert(head.headerCount === count + 1, 'a line was added and is not there');
    ready = new ReadyLine(head, subject.bytes, count);
    return RULE_CONTINUE;
  };
}

// How del-header compares names; `reg` is another matter.
const MATCH_WORDS: readonly string[] = ['str', 'beg', 'end', 'sub', 'reg'];

function parseDelete(line: ActionLine): RuleParts | null {
  if (line.peek() === '') return line.fail('expects at least 1 argument');
  const name = line.next();
  const method = parseMethod(line);
  if (method === null) return null;
  if (method === 'reg') {
    const problem = regexProblem(name);
    if (problem !== null) return line.fail(problem);
  }
  return { options: { name, method } };
}

/** `-m METHOD`, `str` when it is not there; null: reported. */
function parseMethod(line: ActionLine): string | null {
  if (line.peek() !== '-m') return 'str';
  line.next();
  if (line.peek() === '') return line.fail('-m flag expects exactly 1 argument');
  const method = line.next();
  if (MATCH_WORDS.includes(method)) return method;
  return line.fail(`-m with unsupported matching method '${method}'`);
}

function compileDelete(ast: RuleAst): Action {
  const onRequest = actsOnRequest(ast.set);
  const method = String(ast.options.method);
  const text = String(ast.options.name);
  if (method === 'reg') return deleteMatching(onRequest, new Replacement(text));
  const name = new HeaderName(text);
  return (subject) => {
    const head = headOf(subject, onRequest);
    if (head !== null) deleteLines(head, subject.bytes, name, method);
    return RULE_CONTINUE;
  };
}

function deleteMatching(onRequest: boolean, pattern: Replacement): Action {
  return (subject) => {
    const head = headOf(subject, onRequest);
    if (head === null) return RULE_CONTINUE;
    for (let index = 0; index < head.headerCount; index++) {
      if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
      const offset = head.nameOffset[index]!;
      if (pattern.matches(subject.bytes, offset, offset + head.nameLength[index]!)) head.removeHeader(index);
    }
    return RULE_CONTINUE;
  };
}

function deleteLines(head: Head, bytes: Uint8Array, name: HeaderName, method: string): void {
  if (method === 'str') {
    removeLines(head, bytes, name);
    return;
  }
  for (let index = 0; index < head.headerCount; index++) {
    if ((head.headerFlags[index]! & HEADER_REMOVED) !== 0) continue;
    const from = head.nameOffset[index]!;
    if (nameMatches(bytes, from, from + head.nameLength[index]!, name, method)) head.removeHeader(index);
  }
}

/** Has the name bytes[from, to) this text at its beginning, its end, or somewhere? */
function nameMatches(bytes: Uint8Array, from: number, to: number, name: HeaderName, method: string): boolean {
  const { text, length } = name;
  const last = to - length;
  if (last < from) return false;
  if (method === 'beg') return standsAt(bytes, from, text, length);
  if (method === 'end') return standsAt(bytes, last, text, length);
  for (let at = from; at <= last; at++) if (standsAt(bytes, at, text, length)) return true;
  return false;
}

function standsAt(bytes: Uint8Array, at: number, text: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

function parseReplace(line: ActionLine): RuleParts | null {
  const name = line.peek();
  if (name === '' || line.peek(1) === '' || line.peek(2) === '') return line.fail('expects exactly 3 arguments');
  line.next();
  const regex = line.next();
  const problem = regexProblem(regex);
  if (problem !== null) return line.fail(problem);
  const format = line.format();
  return format === null ? null : { formats: [format], options: { name, regex } };
}

function compileReplace(ast: RuleAst, linker: Linker, full: boolean): Action {
  const onRequest = actsOnRequest(ast.set);
  const name = new HeaderName(String(ast.options.name));
  const pattern = new Replacement(String(ast.options.regex));
  const format = compileFormat(ast.formats[0]!, linker);
  return (subject, run) => {
    const head = headOf(subject, onRequest);
    if (head === null) return RULE_CONTINUE;
    pattern.prepare(subject, format); // the text is made once, from the lines as they were
    const bytes = subject.bytes;
    const count = head.headerCount;
    for (let index = findLine(head, bytes, name, 0); index >= 0 && index < count; ) {
      const done = full ? replaceLine(subject, head, index, pattern) : replaceElements(subject, head, index, pattern);
      if (!done) return rewriteFailed(run);
      index = findLine(head, bytes, name, index + 1);
    }
    return RULE_CONTINUE;
  };
}

/** The whole value, without the blanks around it, if the pattern is found in it. */
function replaceLine(subject: Subject, head: Head, index: number, pattern: Replacement): boolean {
  const bytes = subject.bytes;
  const end = head.valueOffset[index]! + head.valueLength[index]!;
  const from = trimStart(bytes, head.valueOffset[index]!, end);
  if (!pattern.matches(bytes, from, trimEnd(bytes, from, end))) return true;
  const start = subject.editAt;
  const edited = writeText(subject, pattern, start);
  if (edited < 0) return false;
  subject.editAt = edited;
  return setValue(subject, head, index, start, edited, start, edited);
}

/** Each element of the comma-separated value by itself; the others and the commas stay as they are. */
function replaceElements(subject: Subject, head: Head, index: number, pattern: Replacement): boolean {
  const bytes = subject.bytes;
  const end = head.valueOffset[index]! + head.valueLength[index]!;
  const start = subject.editAt;
  let written = start; // how far the new value got
  let copied = head.valueOffset[index]!; // how far the old one is in it
  let hostFrom = 0;
  let hostTo = -1;
  for (let from = copied; ; ) {
    const first = trimStart(bytes, from, end);
    const stop = elementEnd(bytes, first, end);
    const last = trimEnd(bytes, first, stop);
    if (pattern.matches(bytes, first, last)) {
      if (written + (from - copied) > subject.editEnd) return false;
      bytes.copyWithin(written, copied, from);
      hostFrom = written + (from - copied);
      hostTo = writeText(subject, pattern, hostFrom);
      if (hostTo === EDIT_FAILED) return false;
      written = hostTo;
      copied = stop;
    }
    if (stop >= end) break;
    from = stop + 1;
  }
  if (hostTo < 0) return true;
  if (written + (end - copied) > subject.editEnd) return false;
  bytes.copyWithin(written, copied, end);
  const to = written + (end - copied);
  subject.editAt = to;
  return setValue(subject, head, index, start, to, hostFrom, hostTo);
}

function parseSetBin(line: ActionLine): RuleParts | null {
  if (line.peek() === '') return line.fail('expects exactly one argument or three arguments <headers> prefix <pfx>');
  const expression = line.expression();
  if (expression === null) return null;
  let prefix = '';
  if (line.peek() === 'prefix') {
    line.next();
    if (line.peek() === '') {
      return line.fail('expects 1 argument: <headers>; or 3 arguments: <headers> prefix <pfx>');
    }
    prefix = line.next();
  }
  return { expressions: [expression], options: { prefix } };
}

// Headers that describe the connection or the framing, and such that only proxies themselves may say: a list of headers
// from outside never sets them.
const IMMUTABLE: readonly HeaderName[] = [
  ...['expect', 'trailer', 'upgrade', 'connection', 'keep-alive', 'content-length', 'proxy-connection'],
  ...['transfer-encoding', 'proxy-authenticate', 'proxy-authorization'],
].map((name) => new HeaderName(name));

const NAME_BYTES_MAX = 255;

/** A name out of a value, in lower case; reused. */
class NameBuffer implements HeaderName {
  readonly text = new Uint8Array(NAME_BYTES_MAX);
  length = 0;
  id = 0;
  private readonly view = new DataView(this.text.buffer);

  /** False: no name that a line can have. (HAProxy would write it.) */
  take(source: Uint8Array, from: number, to: number): boolean {
    this.length = to - from;
    if (this.length > NAME_BYTES_MAX) return false;
    for (let index = 0; index < this.length; index++) {
      const byte = source[from + index]!;
      if (byte <= 0x20 || byte === 0x7f || (byte === 0x3a && index > 0)) return false;
      this.text[index] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    }
    this.id = headerIdOf(this.view, 0, this.length);
    return true;
  }

  isImmutable(): boolean {
    for (const name of IMMUTABLE) {
      if (name.length === this.length && standsAt(this.text, 0, name.text, name.length)) return true;
    }
    return false;
  }
}

// The names and values come as pairs of variable-length integers and texts, an empty name and an empty value end them
// (converter and fetch `req.hdrs_bin`). A list that ends otherwise is an internal error; a broken one a failed rewrite.
function compileSetBin(ast: RuleAst, linker: Linker, replaces: boolean): Action {
  const onRequest = actsOnRequest(ast.set);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const prefix = Uint8Array.from(Buffer.from(String(ast.options.prefix), 'latin1'));
  const sample = new Sample();
  const reader = new VarintReader();
  const name = new NameBuffer();
  return (subject, run) => {
    const head = headOf(subject, onRequest);
    if (head === null || !expression.evaluateAs(subject, sample, TYPE_BIN)) return RULE_CONTINUE;
    const source = sample.bytes;
    reader.begin(source, sample.offset, sample.offset + sample.length);
    while (reader.at < reader.end) {
      const nameLength = readVarint(reader);
      if (nameLength === 0) return readVarint(reader) === 0 ? RULE_CONTINUE : rewriteFailed(run);
      const nameAt = reader.take(nameLength);
      const valueLength = nameAt === VARINT_CUT ? VARINT_CUT : readVarint(reader);
      const valueAt = reader.take(valueLength);
      if (valueAt === VARINT_CUT) return rewriteFailed(run);
      if (!hasPrefix(source, nameAt, nameLength, prefix)) continue;
      if (!name.take(source, nameAt, nameAt + nameLength)) return rewriteFailed(run);
      if (name.isImmutable()) continue;
      if (!addLineOf(subject, head, name, source, valueAt, valueAt + valueLength, replaces)) return rewriteFailed(run);
    }
    return RULE_INTERNAL;
  };
}

/** Compared letter by letter: `req.hdrs_bin` gives names in lower case. */
function hasPrefix(source: Uint8Array, from: number, length: number, prefix: Uint8Array): boolean {
  return length >= prefix.length && standsAt(source, from, prefix, prefix.length);
}

function parseDeleteBin(line: ActionLine): RuleParts | null {
  if (line.peek() === '') return line.fail('expects at least 1 argument');
  const expression = line.expression();
  if (expression === null) return null;
  const method = parseMethod(line);
  if (method === null) return null;
  if (method === 'reg') return line.fail('-m reg is unsupported with del-headers-bin due to performance reasons');
  return { expressions: [expression], options: { method } };
}

function compileDeleteBin(ast: RuleAst, linker: Linker): Action {
  const onRequest = actsOnRequest(ast.set);
  const expression = compileExpression(ast.expressions[0]!, linker);
  const method = String(ast.options.method);
  const sample = new Sample();
  const reader = new VarintReader();
  const name = new NameBuffer();
  return (subject, run: RuleRun) => {
    const head = headOf(subject, onRequest);
    if (head === null || !expression.evaluateAs(subject, sample, TYPE_BIN)) return RULE_CONTINUE;
    reader.begin(sample.bytes, sample.offset, sample.offset + sample.length);
    while (reader.at < reader.end) {
      const length = readVarint(reader);
      if (length === 0) return RULE_CONTINUE;
      const at = reader.take(length);
      if (at === VARINT_CUT) return rewriteFailed(run);
      if (!name.take(sample.bytes, at, at + length) || name.isImmutable()) continue;
      deleteLines(head, subject.bytes, name, method);
    }
    return RULE_INTERNAL;
  };
}

const row = (
  name: string,
  parse: (line: ActionLine) => RuleParts | null,
  compile: (ast: RuleAst, linker: Linker) => Action,
): ActionRow => ({ name, isPrefix: false, sets: HTTP_SETS, parse, compile });

export const headerActions: readonly ActionRow[] = [
  row('add-header', readHeader, (ast, linker) => compileHeader(ast, linker, false)),
  row('set-header', readHeader, (ast, linker) => compileHeader(ast, linker, true)),
  row('del-header', parseDelete, compileDelete),
  row('replace-header', parseReplace, (ast, linker) => compileReplace(ast, linker, true)),
  row('replace-value', parseReplace, (ast, linker) => compileReplace(ast, linker, false)),
  row('add-headers-bin', parseSetBin, (ast, linker) => compileSetBin(ast, linker, false)),
  row('set-headers-bin', parseSetBin, (ast, linker) => compileSetBin(ast, linker, true)),
  row('del-headers-bin', parseDeleteBin, compileDeleteBin),
];
