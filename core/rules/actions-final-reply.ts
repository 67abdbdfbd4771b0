// Actions that answer instead of a server: deny, tarpit, return, auth (manual §4.4).

import type { ReplyAst, RuleSetName } from '../model/rules.ts';
import type { Linker } from '../sample/rows.ts';
import type { Subject } from '../sample/subject.ts';
import {
  type Action,
  type ActionLine,
  type ActionRow,
  type ReplyBuffer,
  RULE_DENY,
  RULE_INTERNAL,
  RULE_REPLY,
  RULE_TARPIT,
  type RuleParts,
} from './contract.ts';
import { CRLF, compileReply, errorRepliesOf, latin1, type Reply, writer } from './reply.ts';
import { parseReply, wordsOf } from './reply-parse.ts';

const STATUS_FORBIDDEN = 403;
const STATUS_TARPIT = 500;
const STATUS_BAD_RESPONSE = 502;
const STATUS_UNAUTHORIZED = 401;

/** `deny` alone, or with nothing but a status, gives the proxy's own page; any other word asks for what it says. */
function parseDeny(line: ActionLine, statusDefault: number): RuleParts | null {
  if (line.atEnd) return reply(parseReply(wordsOf(['default-errorfiles']), line, statusDefault));
  if (line.peek() !== 'deny_status') return reply(parseReply(line, line, statusDefault));
  line.next();
  const status = line.next();
  if (line.atEnd) {
    return reply(parseReply(wordsOf(['status', status, 'default-errorfiles']), line, statusDefault));
  }
  return reply(parseReply(followedBy(['status', status], line), line, statusDefault));
}

/** Those words, then the line's. */
function followedBy(words: string[], line: ActionLine): { peek(): string; next(): string } {
  return {
    peek: () => words[0] ?? line.peek(),
    next: () => words.shift() ?? line.next(),
  };
}

const reply = (ast: ReplyAst | null): RuleParts | null => (ast === null ? null : { reply: ast });

function compileAnswer(reply: ReplyAst | null, linker: Linker, outcome: number): Action {
  const compiled: Reply = compileReply(reply!, linker);
  return (subject, run) => (compiled.write(subject, run.reply) ? outcome : RULE_INTERNAL);
}

function parseAuth(line: ActionLine): RuleParts | null {
  if (line.peek() !== 'realm') return {};
  line.next();
  const realm = line.next();
  return realm === '' ? line.fail('missing realm value.\n') : { options: { realm } };
}

const AUTHENTICATE = latin1('www-authenticate: ');
const REALM_START = latin1('Basic realm="');
const REALM_END = latin1('"\r\n');

/** The page of 401 with the header that makes a browser ask (RFC 7617 §2). Without a realm the section's name is it. */
function compileAuth(realm: string | null, linker: Linker): Action {
  const errors = errorRepliesOf(linker);
  const names = linker.model.proxies.map((proxy) => Uint8Array.from(Buffer.from(proxy.name, 'utf8')));
  const own = realm === null ? null : latin1(realm);
  const none = new Uint8Array(0);
  return (subject: Subject, run): number => {
    const front = subject.stream === null ? -1 : subject.stream.frontendIndex;
    const back = subject.stream === null ? -1 : subject.stream.backendIndex;
    const page = errors.find(STATUS_UNAUTHORIZED, front, back);
    if (!page.write(subject, run.reply)) return RULE_INTERNAL;
    run.reply.status = STATUS_UNAUTHORIZED;
    const name = own ?? names[back >= 0 ? back : front] ?? none;
    return addAuthenticate(run.reply, name) ? RULE_REPLY : RULE_INTERNAL;
  };
}

/** Puts our header last in the head, and takes out those that an errorfile may have. */
function addAuthenticate(out: ReplyBuffer, realm: Uint8Array): boolean {
  const { bytes } = out;
  removeLines(out);
  const lineLength = AUTHENTICATE.length + REALM_START.length + realm.length + REALM_END.length;
  if (out.length + lineLength > bytes.length) return false;
  if (out.headLength === 0) return true; // an empty errorfile: nothing is said at all
  const at = out.headLength - CRLF.length;
  bytes.copyWithin(at + lineLength, at, out.length);
  writer.begin(bytes, at);
  writer.text(AUTHENTICATE);
  writer.text(REALM_START);
  writer.text(realm);
  writer.text(REALM_END);
  out.headLength += lineLength;
  out.length += lineLength;
  return true;
}

function removeLines(out: ReplyBuffer): void {
  const { bytes } = out;
  let start = 0;
  while (start < out.headLength) {
    let end = start;
    while (end < out.headLength && bytes[end] !== 10) end++;
    end++;
    if (startsWith(bytes, start, AUTHENTICATE)) {
      bytes.copyWithin(start, end, out.length);
      out.length -= end - start;
      out.headLength -= end - start;
    } else start = end;
  }
}

function startsWith(bytes: Uint8Array, offset: number, text: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[offset + at] !== text[at]) return false;
  return true;
}

const BOTH: readonly RuleSetName[] = ['http-request', 'http-response'];

export const replyActions: readonly ActionRow[] = [
  {
    name: 'deny',
    isPrefix: false,
    sets: BOTH,
    parse: (line) => parseDeny(line, line.set === 'http-request' ? STATUS_FORBIDDEN : STATUS_BAD_RESPONSE),
    compile: (ast, linker) => compileAnswer(ast.reply, linker, RULE_DENY),
  },
  {
    name: 'tarpit',
    isPrefix: false,
    sets: ['http-request'],
    parse: (line) => parseDeny(line, STATUS_TARPIT),
    compile: (ast, linker) => compileAnswer(ast.reply, linker, RULE_TARPIT),
  },
  {
    name: 'return',
    isPrefix: false,
    sets: BOTH,
    parse: (line) => reply(parseReply(line, line, 200)),
    compile: (ast, linker) => compileAnswer(ast.reply, linker, RULE_REPLY),
  },
  {
    name: 'auth',
    isPrefix: false,
    sets: ['http-request'],
    parse: parseAuth,
    compile: (ast, linker) => compileAuth((ast.options['realm'] as string | undefined) ?? null, linker),
  },
];
