// Actions on the start line (manual §4.4): set-method, set-path, set-pathq, set-query, set-uri, their replace-… forms,
// normalize-uri, and set-status of responses.

import { Buffer } from 'node:buffer';
import type { Head } from '../http/message.ts';
import type { RuleAst } from '../model/rules.ts';
import { methodOf } from '../sample/casts.ts';
import { compileFormat } from '../sample/format.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  RULE_BAD_REQUEST,
  RULE_CONTINUE,
  type RuleParts,
} from './contract.ts';
import {
  copyText,
  EDIT_FAILED,
  isHeadText,
  queryStart,
  rewriteFailed,
  setPath,
  setQuery,
  setUri,
  type TextWriter,
  verdictOf,
  writeText,
} from './edit.ts';
import {
  NORMALIZE_INVALID,
  NORMALIZERS,
  type Normalizer,
  PART_PATH,
  PART_PATH_AND_QUERY,
  PART_QUERY,
} from './normalize-uri.ts';
import { Replacement, regexProblem } from './replacement.ts';
import { UriParts } from './uri-parts.ts';

const parts = new UriParts();

/** Puts a text in the place of one part of the start line; false: it could not be done. */
type SetPart = (subject: Subject, head: Head, text: TextWriter) => boolean;

function setMethod(subject: Subject, head: Head, text: TextWriter): boolean {
  const start = subject.editAt;
  const end = writeText(subject, text, start);
  if (end < 0) return false;
  head.methodOffset = start;
  head.methodLength = end - start;
  // What is asked of the server; the client still gets the answer to what it asked (no body to a HEAD).
  head.method = methodOf(subject.bytes, start, end - start);
  subject.editAt = end;
  return true;
}

const setPathOnly: SetPart = (subject, head, text) => setPath(subject, head, text, false);
const setPathAndQuery: SetPart = (subject, head, text) => setPath(subject, head, text, true);

function setWholeUri(subject: Subject, head: Head, text: TextWriter): boolean {
  const start = subject.editAt;
  const end = writeText(subject, text, start);
  return end >= 0 && setUri(subject, head, start, end);
}

function parseSet(line: ActionLine): RuleParts | null {
  const next = line.peek(1);
  if (line.peek() === '' || (next !== '' && next !== 'if' && next !== 'unless')) {
    return line.fail('expects exactly 1 argument <format>');
  }
  const format = line.format();
  return format === null ? null : { formats: [format] };
}

function compileSet(ast: RuleAst, linker: Linker, setPart: SetPart): Action {
  const format = compileFormat(ast.formats[0]!, linker);
  return (subject, run) => {
    const head = subject.request;
    return head === null ? RULE_CONTINUE : verdictOf(setPart(subject, head, format), run);
  };
}

function parseReplace(line: ActionLine): RuleParts | null {
  const next = line.peek(2);
  const isMore = next !== '' && next !== 'if' && next !== 'unless';
  if (line.peek() === '' || line.peek(1) === '' || isMore) {
    return line.fail('expects exactly 2 arguments <match-regex> and <replace-format>');
  }
  const regex = line.next();
  const problem = regexProblem(regex);
  if (problem !== null) return line.fail(`failed to parse the regex : ${problem}`);
  const format = line.format();
  return format === null ? null : { formats: [format], options: { regex } };
}

/** The part of the target a rule works on: [from, to), empty when there is none; filled by findPart. */
class Part {
  from = 0;
  to = 0;

  find(bytes: Uint8Array, head: Head, kind: number): void {
    this.from = head.uriOffset;
    this.to = head.uriOffset + head.uriLength;
    if (kind === PART_WHOLE) return;
    parts.parse(bytes, this.from, this.to);
    if (parts.pathStart < 0) this.to = this.from;
    else this.from = parts.pathStart;
    if (kind === PART_PATH) this.to = queryStart(bytes, this.from, this.to);
  }
}

const PART_WHOLE = 3; // beside PART_… of normalize-uri.ts
const part = new Part();

function compileReplace(ast: RuleAst, linker: Linker, kind: number, setPart: SetPart): Action {
  const pattern = new Replacement(String(ast.options.regex));
  const format = compileFormat(ast.formats[0]!, linker);
  return (subject, run) => {
    const head = subject.request;
    if (head === null) return RULE_CONTINUE;
    part.find(subject.bytes, head, kind);
    if (part.from === part.to || !pattern.matches(subject.bytes, part.from, part.to)) return RULE_CONTINUE;
    pattern.prepare(subject, format);
    return verdictOf(setPart(subject, head, pattern), run);
  };
}

function parseNormalize(line: ActionLine): RuleParts | null {
  const name = line.peek();
  if (name === '') return line.fail('missing argument <normalizer>');
  const known = NORMALIZERS.filter((normalizer) => normalizer.name === name);
  if (known.length === 0) return line.fail(`unknown normalizer '${name}'`);
  line.next();
  // HAProxy 3.4 forgets which normalizer it is when a condition follows at once (`percent-to-uppercase if …` merges
  // slashes); here it is the one that was named.
  if (known.length === 1 || line.atEnd) return { options: { normalizer: name, option: '' } };
  const option = line.next();
  if (known.some((normalizer) => normalizer.option === option)) return { options: { normalizer: name, option } };
  return line.fail(`unknown argument '${option}' for '${name}' normalizer`);
}

/** A normalizer's result as a text to be put in place. */
class Normalized implements TextWriter {
  invalid = false;
  from = 0;
  to = 0;
  private readonly run: Normalizer;

  constructor(run: Normalizer) {
    this.run = run;
  }

  write(_subject: Subject, bytes: Uint8Array, at: number, limit: number): number {
    const end = this.run(bytes, this.from, this.to, bytes, at, limit);
    this.invalid = end === NORMALIZE_INVALID;
    return end;
  }
}

const SET_PART: Readonly<Record<number, SetPart>> = {
  [PART_PATH]: setPathOnly,
  [PART_PATH_AND_QUERY]: setPathAndQuery,
  [PART_QUERY]: setQuery,
};

function compileNormalize(ast: RuleAst): Action {
  const { normalizer, option } = ast.options;
  const found = NORMALIZERS.find((each) => each.name === normalizer && each.option === option)!;
  const setPart = SET_PART[found.part]!;
  const text = new Normalized(found.run);
  return (subject, run) => {
    const head = subject.request;
    if (head === null) return RULE_CONTINUE;
    const bytes = subject.bytes;
    part.find(bytes, head, found.part);
    if (part.from === part.to) return RULE_CONTINUE;
    text.to = part.to;
    text.from = found.part === PART_QUERY ? queryStart(bytes, part.from, part.to) + 1 : part.from;
    if (text.from > text.to) return RULE_CONTINUE; // no query
    text.invalid = false;
    if (setPart(subject, head, text)) return RULE_CONTINUE;
    return text.invalid ? RULE_BAD_REQUEST : rewriteFailed(run);
  };
}

function parseStatus(line: ActionLine): RuleParts | null {
  if (line.peek() === '') return line.fail('expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>');
  const word = line.next();
  const status = Number(word);
  // Digits with a sign and blanks before them, as strtol reads them.
  if (!/^\s*[+-]?\d+$/.test(word) || status < 100 || status > 999) {
    return line.fail('expects an integer status code between 100 and 999');
  }
  const given = line.peek(1);
  if (line.peek() !== 'reason' || given === '' || given === 'if' || given === 'unless') {
    return { options: { status, reason: '' } };
  }
  line.next();
  const reason = line.next();
  if (/[\r\n\0]/.test(reason)) return line.fail('a reason phrase cannot have line ends');
  return { options: { status, reason } };
}

function compileStatus(ast: RuleAst): Action {
  const status = Number(ast.options.status);
  const reason = Uint8Array.from(Buffer.from(String(ast.options.reason), 'latin1'));
  return (subject, run) => {
    const head = subject.response;
    if (head === null) return RULE_CONTINUE;
    const start = subject.editAt;
    const end = copyText(subject, reason, 0, reason.length, start);
    if (end === EDIT_FAILED || !isHeadText(subject.bytes, start, end)) return rewriteFailed(run);
    head.status = status;
    head.reasonOffset = start;
    head.reasonLength = reason.length; // 0: the writer gives the status its usual phrase
    subject.editAt = end;
    return RULE_CONTINUE;
  };
}

const setRow = (name: string, setPart: SetPart): ActionRow => ({
  name,
  isPrefix: false,
  sets: ['http-request'],
  parse: parseSet,
  compile: (ast, linker) => compileSet(ast, linker, setPart),
});

const replaceRow = (name: string, kind: number, setPart: SetPart): ActionRow => ({
  name,
  isPrefix: false,
  sets: ['http-request'],
  parse: parseReplace,
  compile: (ast, linker) => compileReplace(ast, linker, kind, setPart),
});

export const uriActions: readonly ActionRow[] = [
  setRow('set-method', setMethod),
  setRow('set-path', setPathOnly),
  setRow('set-pathq', setPathAndQuery),
  setRow('set-query', setQuery),
  setRow('set-uri', setWholeUri),
  replaceRow('replace-path', PART_PATH, setPathOnly),
  replaceRow('replace-pathq', PART_PATH_AND_QUERY, setPathAndQuery),
  replaceRow('replace-uri', PART_WHOLE, setWholeUri),
  {
    name: 'normalize-uri',
    isPrefix: false,
    sets: ['http-request'],
    isExperimental: true,
    parse: parseNormalize,
    compile: compileNormalize,
  },
  {
    name: 'set-status',
    isPrefix: false,
    sets: ['http-response', 'http-after-response'],
    parse: parseStatus,
    compile: compileStatus,
  },
];
