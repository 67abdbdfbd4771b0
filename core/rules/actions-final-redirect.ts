// The action `redirect` (manual §4.4): a whole answer that sends the client elsewhere. redirect-parse.ts reads its words.

import { HEADER_HOST } from '../http/message.ts';
import type { RuleAst } from '../model/rules.ts';
import { compileFormat, type Format } from '../sample/format.ts';
import { indexOfByte, pathEnd, pathOffset } from '../sample/http-uri.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import { type Action, type ActionRow, type ReplyBuffer, RULE_CONTINUE, RULE_INTERNAL, RULE_REPLY } from './contract.ts';
import { parseRedirect, type RedirectKind } from './redirect-parse.ts';
import { CRLF, latin1, statusLineOf, writer } from './reply.ts';

const CODES_UNCACHED: readonly number[] = [302, 303, 307];

const SLASH = 47;
const QUESTION_MARK = 63;
const AMPERSAND = 38;
const CONTENT_LENGTH_LOCATION = latin1('content-length: 0\r\nlocation: ');
const SCHEME_END = latin1('://');
const NO_CACHE = latin1('cache-control: no-cache\r\n');
const SET_COOKIE = latin1('set-cookie: ');
const ROOT = latin1('/');

class Redirect {
  private readonly kind: RedirectKind;
  private readonly code: number;
  private readonly statusLine: Uint8Array;
  private readonly target: Uint8Array;
  private readonly format: Format | null;
  private readonly cookie: Uint8Array;
  private readonly cookieFormat: Format | null;
  private readonly dropQuery: boolean;
  private readonly keepQuery: boolean;
  private readonly appendSlash: boolean;
  readonly ignoreEmpty: boolean;
  private readonly noCache: boolean;

  constructor(ast: RuleAst, linker: Linker) {
    const { options } = ast;
    this.kind = options['kind'] as RedirectKind;
    this.code = options['code'] as number;
    this.statusLine = statusLineOf(this.code);
    const plain = options['target'] as string | undefined;
    this.target = latin1(plain ?? '');
    this.format = plain === undefined ? compileFormat(ast.formats[0]!, linker) : null;
    this.cookie = latin1(options['cookie'] as string);
    const cookieFormat = options['cookieFormat'] as number | undefined;
    this.cookieFormat = cookieFormat === undefined ? null : compileFormat(ast.formats[cookieFormat]!, linker);
    this.dropQuery = options['drop-query'] === true;
    this.keepQuery = options['keep-query'] === true;
    this.appendSlash = options['append-slash'] === true;
    // Only formats of `location` can turn out empty.
    this.ignoreEmpty = options['ignore-empty'] === true && this.kind === 'location' && this.format !== null;
    this.noCache = CODES_UNCACHED.includes(this.code);
  }

  run(subject: Subject, out: ReplyBuffer): number {
    writer.begin(out.bytes, 0);
    writer.text(this.statusLine);
    writer.text(CONTENT_LENGTH_LOCATION);
    const start = writer.at;
    if (this.kind === 'location') {
      this.writeTarget(subject);
      if (this.ignoreEmpty && writer.at === start) return RULE_CONTINUE;
      if (this.keepQuery) copyQuery(subject, out.bytes, start);
    } else {
      this.writeTarget(subject);
      if (this.kind === 'scheme') copyHost(subject);
      this.copyPath(subject);
      if (this.appendSlash && writer.at > start && out.bytes[writer.at - 1] !== SLASH) writer.byte(SLASH);
    }
    writer.text(CRLF);
    if (this.noCache) writer.text(NO_CACHE);
    this.writeCookie(subject);
    writer.text(CRLF);
    out.headLength = writer.at;
    out.length = writer.at;
    out.status = this.code;
    out.closes = false;
    return writer.fits ? RULE_REPLY : RULE_INTERNAL;
  }

  private writeTarget(subject: Subject): void {
    if (this.format === null) writer.text(this.target);
    else writer.format(this.format, subject);
  }

  private writeCookie(subject: Subject): void {
    if (this.cookieFormat === null && this.cookie.length === 0) return;
    writer.text(SET_COOKIE);
    if (this.cookieFormat === null) writer.text(this.cookie);
    else writer.format(this.cookieFormat, subject);
    writer.text(CRLF);
  }

  private copyPath(subject: Subject): void {
    const { request, bytes } = subject;
    const path = request === null ? -1 : pathOffset(bytes, request.uriOffset, request.uriOffset + request.uriLength);
    if (path < 0) {
      writer.text(ROOT);
      return;
    }
    const end = request!.uriOffset + request!.uriLength;
    writer.part(bytes, path, (this.dropQuery ? pathEnd(bytes, path, end) : end) - path);
  }
}

function copyHost(subject: Subject): void {
  const { request, bytes } = subject;
  writer.text(SCHEME_END);
  const host = request === null ? -1 : request.find(HEADER_HOST, 0);
  if (host >= 0) writer.part(bytes, request!.valueOffset[host]!, request!.valueLength[host]!);
}

/** `keep-query`: the request's query behind a location that may have one of its own. */
function copyQuery(subject: Subject, out: Uint8Array, start: number): void {
  const { request, bytes } = subject;
  if (request === null) return;
  const end = request.uriOffset + request.uriLength;
  const path = pathOffset(bytes, request.uriOffset, end);
  if (path < 0) return;
  const query = pathEnd(bytes, path, end) + 1;
  if (query >= end) return;
  const own = indexOfByte(out, start, writer.at, QUESTION_MARK);
  if (own === writer.at) writer.byte(QUESTION_MARK);
  else if (own + 1 < writer.at) writer.byte(AMPERSAND);
  writer.part(bytes, query, end - query);
}

function compile(ast: RuleAst, linker: Linker): Action {
  const redirect = new Redirect(ast, linker);
  return (subject, run) => redirect.run(subject, run.reply);
}

export const redirectActions: readonly ActionRow[] = [
  {
    name: 'redirect',
    isPrefix: false,
    sets: ['http-request', 'http-response'],
    parse: (line) => parseRedirect(line, false),
    compile,
  },
];
