// Answers of our own as the configuration words them (manual §4.4 "http-request return", §4.2 "errorfile",
// "http-error", §3.8 http-errors sections): compiled from their plain form, written into a ReplyBuffer.
//
// What is written is a whole HTTP/1.1 response in HAProxy's spelling: lower-case names, the rule's own headers first,
// then content-length and content-type; the caller adds the connection header. A caller that answers HEAD sends the head
// alone. Start at compileReply and ErrorReplies.

import { assert } from '../base/assert.ts';
import { parseResponseHead } from '../http/h1/parse.ts';
import { HEAD_OK, headLimits } from '../http/h1/verdict.ts';
import { CONNECTION_NONE, WRITE_FULL, writeResponseHead } from '../http/h1/write.ts';
import { HEAD_CLOSE, HEAD_CLOSE_DELIMITED, HEADER_CONNECTION, Head, METHOD_GET } from '../http/message.ts';
import { reasonOf } from '../http/reason.ts';
import { pageCloses, REPLY_STATUSES, streamReply } from '../http/reply.ts';
import type { HttpErrors, ReplyAst } from '../model/rules.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import type { ReplyBuffer } from './contract.ts';

const NO_BODY = new Uint8Array(0);
const HEADER_COUNT_MAX = 128;

export interface Reply {
  /** What is logged and counted; an errorfile may say another one to the client. */
  readonly status: number;
  /** Puts the whole answer into `out`; length 0: close without a word. False: it has no room. */
  write(subject: Subject, out: ReplyBuffer): boolean;
}

/** Bytes that are ready: default pages, errorfiles, fixed bodies without formats. */
class ReadyReply implements Reply {
  readonly status: number;
  private readonly bytes: Uint8Array;
  private readonly headLength: number;
  private readonly closes: boolean;

  constructor(status: number, bytes: Uint8Array, headLength: number, closes: boolean) {
    this.status = status;
    this.bytes = bytes;
    this.headLength = headLength;
    this.closes = closes;
  }

  write(_subject: Subject, out: ReplyBuffer): boolean {
    if (this.bytes.length > out.bytes.length) return false;
    out.bytes.set(this.bytes);
    out.headLength = this.headLength;
    out.length = this.bytes.length;
    out.status = this.status;
    out.closes = this.closes;
    return true;
  }
}

interface HeaderPart {
  readonly name: Uint8Array; // `name: `, in lower case
  readonly format: Format;
}

/** A head with formats in it, or a body that is one. */
class BuiltReply implements Reply {
  readonly status: number;
  private readonly statusLine: Uint8Array;
  private readonly headers: readonly HeaderPart[];
  private readonly contentType: Uint8Array; // the whole line
  private readonly body: Uint8Array;
  private readonly format: Format | null;

  constructor(
    status: number,
    headers: readonly HeaderPart[],
    contentType: string,
    body: Uint8Array,
    format: Format | null,
  ) {
    this.status = status;
    this.statusLine = statusLineOf(status);
    this.headers = headers;
    this.contentType = contentType === '' ? NO_BODY : latin1(`content-type: ${contentType}\r\n`);
    this.body = body;
    this.format = format;
  }

  write(subject: Subject, out: ReplyBuffer): boolean {
    let body = this.body;
    let bodyAt = 0;
    let bodyEnd = body.length;
    if (this.format !== null) {
      const { trash } = subject;
      body = trash.bytes;
      bodyAt = trash.take();
      bodyEnd = this.format.write(subject, body, bodyAt, bodyAt + trash.chunkBytes);
    }
    writer.begin(out.bytes, 0);
    writer.text(this.statusLine);
    for (const header of this.headers) writer.header(header, subject);
    writer.text(CONTENT_LENGTH);
    writer.number(bodyEnd - bodyAt);
    writer.text(CRLF);
    if (bodyEnd > bodyAt) writer.text(this.contentType);
    writer.text(CRLF);
    out.headLength = writer.at;
    for (let at = bodyAt; at < bodyEnd && writer.fits; at++) writer.byte(body[at]!);
    out.length = writer.at;
    out.status = this.status;
    out.closes = false;
    return writer.fits;
  }
}

/** Leaves the choice to the proxy at hand when it is written: `deny` without more words, default-errorfiles. */
class DefaultReply implements Reply {
  readonly status: number;
  private readonly errors: ErrorReplies;

  constructor(status: number, errors: ErrorReplies) {
    this.status = status;
    this.errors = errors;
  }

  write(subject: Subject, out: ReplyBuffer): boolean {
    const stream = subject.stream;
    const front = stream === null ? -1 : stream.frontendIndex;
    const back = stream === null ? -1 : stream.backendIndex;
    const done = this.errors.find(this.status, front, back).write(subject, out);
    out.status = this.status;
    return done;
  }
}

/** Writes forward and remembers when it did not fit. One a thread: see `writer`. */
class ByteWriter {
  at = 0;
  fits = true;
  private bytes: Uint8Array = NO_BODY;

  begin(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.at = at;
    this.fits = true;
  }

  byte(value: number): void {
    if (this.at < this.bytes.length) this.bytes[this.at++] = value;
    else this.fits = false;
  }

  text(text: Uint8Array): void {
    this.part(text, 0, text.length);
  }

  part(source: Uint8Array, offset: number, length: number): void {
    if (length > this.bytes.length - this.at) {
      this.fits = false;
      return;
    }
    for (let index = 0; index < length; index++) this.bytes[this.at + index] = source[offset + index]!;
    this.at += length;
  }

  number(value: number): void {
    let divisor = 1;
    while (divisor * 10 <= value) divisor *= 10;
    for (; divisor >= 1; divisor = Math.floor(divisor / 10)) this.byte(48 + (Math.floor(value / divisor) % 10));
  }

  /** What a format makes here. */
  format(format: Format, subject: Subject): void {
    this.at = format.write(subject, this.bytes, this.at, this.bytes.length);
  }

  /** A header line; none when its value is empty, as in HAProxy's replies. */
  header(header: HeaderPart, subject: Subject): void {
    const start = this.at;
    this.text(header.name);
    const value = this.at;
    this.format(header.format, subject);
    if (this.at === value) this.at = start;
    else this.text(CRLF);
  }
}

/** Nobody who writes with it calls another who does before he is done. */
export const writer = new ByteWriter();

export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);
export const CRLF = latin1('\r\n');
const CONTENT_LENGTH = latin1('content-length: ');

export function statusLineOf(status: number): Uint8Array {
  const start = latin1(`HTTP/1.1 ${status} `);
  const reason = reasonOf(status);
  const line = new Uint8Array(start.length + reason.length + 2);
  line.set(start);
  line.set(reason, start.length);
  line.set(CRLF, start.length + reason.length);
  return line;
}

/** The name of a header as it is sent. */
export function headerStart(name: string): Uint8Array {
  return latin1(`${name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}: `);
}

/** A reply of a rule or of `http-error`. */
export function compileReply(ast: ReplyAst, linker: Linker): Reply {
  switch (ast.kind) {
    case 'default':
      return new DefaultReply(ast.status, errorRepliesOf(linker));
    case 'errorfile':
      return messageReply(ast.status, ast.body);
    case 'errorfiles':
      return sectionReply(ast, linker);
    default:
      return builtReply(ast, linker);
  }
}

function builtReply(ast: ReplyAst, linker: Linker): Reply {
  const headers = ast.headers.map(({ name, format }) => ({
    name: headerStart(name),
    format: compileFormat(format, linker),
  }));
  const format = ast.format === null ? null : compileFormat(ast.format, linker);
  if (headers.length > 0 || format !== null) {
    return new BuiltReply(ast.status, headers, ast.contentType, ast.body, format);
  }
  const type = ast.contentType === '' || ast.body.length === 0 ? '' : `content-type: ${ast.contentType}\r\n`;
  const start = statusLineOf(ast.status);
  const rest = latin1(`content-length: ${ast.body.length}\r\n${type}\r\n`);
  const bytes = new Uint8Array(start.length + rest.length + ast.body.length);
  bytes.set(start);
  bytes.set(rest, start.length);
  bytes.set(ast.body, start.length + rest.length);
  return new ReadyReply(ast.status, bytes, start.length + rest.length, false);
}

/** `errorfiles NAME`: a status the section does not have is answered without a body. */
function sectionReply(ast: ReplyAst, linker: Linker): Reply {
  const section = linker.model.httpErrors.find((each) => each.name === ast.errors);
  const found = section === undefined ? null : lastReply(section, ast.status);
  if (found !== null) return messageReply(ast.status, found.body);
  return builtReply({ ...ast, kind: 'none', body: NO_BODY, format: null, headers: [], contentType: '' }, linker);
}

function lastReply(section: HttpErrors, status: number): ReplyAst | null {
  let found: ReplyAst | null = null;
  for (const each of section.replies) if (each.status === status) found = each.reply;
  return found;
}

/** Whether these bytes can be sent as an answer: what core/config asks before it accepts them. */
export function isUsableMessage(message: Uint8Array): boolean {
  const head = new Head(HEADER_COUNT_MAX);
  const limits = headLimits(Math.max(65_536, message.length * 2), 0, HEADER_COUNT_MAX - 1);
  return parseResponseHead(message.slice(), 0, message.length, head, METHOD_GET, limits) === HEAD_OK;
}

/** An errorfile, parsed and written anew. An empty one closes without a word. */
function messageReply(status: number, message: Uint8Array): Reply {
  if (message.length === 0) return new ReadyReply(status, NO_BODY, 0, true);
  const room = message.length * 2 + 256;
  const bytes = new Uint8Array(message.length + room);
  bytes.set(message);
  const head = new Head(HEADER_COUNT_MAX);
  const limits = headLimits(Math.max(65_536, message.length * 2), 0, HEADER_COUNT_MAX - 1);
  const verdict = parseResponseHead(bytes, 0, message.length, head, METHOD_GET, limits);
  assert(verdict === HEAD_OK, 'an errorfile that the configuration accepted is no HTTP response');
  head.removeAll(HEADER_CONNECTION);
  const end = writeResponseHead(head, bytes, message.length, bytes.length, CONNECTION_NONE);
  assert(end !== WRITE_FULL, 'a head written anew is no longer than twice itself');
  const headLength = end - message.length;
  const out = new Uint8Array(headLength + message.length - head.endOffset);
  out.set(bytes.subarray(message.length, end));
  out.set(message.subarray(head.endOffset), headLength);
  return new ReadyReply(status, out, headLength, (head.flags & (HEAD_CLOSE | HEAD_CLOSE_DELIMITED)) !== 0);
}

/**
 * What each proxy answers by status: its own pages (errorfile, errorfiles, errorloc, http-error), those of the
 * frontend, HAProxy's. One a thread; see errorRepliesOf.
 */
export class ErrorReplies {
  private readonly own: readonly ReadonlyMap<number, Reply>[]; // by Proxy.index
  private readonly defaults: ReadonlyMap<number, Reply>;

  constructor(linker: Linker) {
    this.defaults = new Map(REPLY_STATUSES.map((status) => [status, defaultPage(status)]));
    const own: Map<number, Reply>[] = linker.model.proxies.map(() => new Map());
    this.own = own;
    byLinker.set(linker, this);
    for (const proxy of linker.model.proxies) {
      const replies = own[proxy.index]!;
      for (const { status, body } of proxy.errorFiles) replies.set(status, messageReply(status, body));
      for (const { status, reply } of proxy.errorReplies) replies.set(status, compileReply(reply, linker));
    }
  }

  /** @param frontendIndex, backendIndex in Model.proxies, −1 none; a status that has no page gets that of 500 */
  find(status: number, frontendIndex: number, backendIndex: number): Reply {
    const known = this.defaults.has(status) ? status : 500;
    return this.own[backendIndex]?.get(known) ?? this.own[frontendIndex]?.get(known) ?? this.defaults.get(known)!;
  }
}

function defaultPage(status: number): Reply {
  const { bytes, headLength } = streamReply(status, CONNECTION_NONE);
  return new ReadyReply(status, bytes, headLength, pageCloses(status));
}

const byLinker = new WeakMap<Linker, ErrorReplies>();

/** The thread's one ErrorReplies. */
export function errorRepliesOf(linker: Linker): ErrorReplies {
  return byLinker.get(linker) ?? new ErrorReplies(linker);
}
