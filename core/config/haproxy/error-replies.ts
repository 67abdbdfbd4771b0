// The pages of a proxy: errorfile, errorfiles, errorloc*, http-error (manual §4.2), and sections http-errors (§3.8).
//
// Lines are kept in their order; a later one of the same status counts. Names of http-errors sections are looked up when
// everything was read.

import type { ReplyAst } from '../../model/rules.ts';
import { RuleLine } from '../../rules/parse.ts';
import { isUsableMessage } from '../../rules/reply.ts';
import { parseReply } from '../../rules/reply-parse.ts';
import { AT_CFG_PARSER } from '../../sample/types.ts';
import type { ParseContext, Statement } from './context.ts';
import type { ErrorFileDraft, ErrorLine, ProxyDraft } from './drafts.ts';
import { ERROR_STATUSES } from './error-file.ts';
import { readErrorFile, ruleSection } from './rule-section.ts';
import { invalidNameChar } from './text.ts';
import { cInteger } from './units.ts';

const EVERY_PLACE = AT_CFG_PARSER - 1; // all of requests and responses

/** A whole message as a reply. */
function messageReply(status: number, body: Uint8Array): ReplyAst {
  return { kind: 'errorfile', status, contentType: '', body, format: null, errors: '', headers: [] };
}

/** The status and file behind `errorfile`, or what is wrong with them. */
function readPage(statement: Statement, context: ParseContext): { status: number; body: Uint8Array } | string {
  const status = cInteger(statement.at(1));
  if (!ERROR_STATUSES.includes(status)) return `status code '${status}' not handled.`;
  const body = readErrorFile(statement.at(2), context);
  return typeof body === 'string' ? body : { status, body };
}

export function addErrorFile(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [statusText, path] = [statement.at(1), statement.at(2)];
  if (statusText === '' || path === '') {
    return context.alert('errorfile : expects <status_code> and <file> as arguments.\n');
  }
  if (statement.at(3) !== '') return context.alert('errorfile : expects exactly two arguments.\n');
  const page = readPage(statement, context);
  if (typeof page === 'string') return context.alert(`errorfile : ${page}`);
  proxy.errorLines.push({ kind: 'file', errorFile: { ...page, path }, ...context.place });
}

export function addErrorLocation(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const [keyword, statusText, url] = [statement.at(0), statement.at(1), statement.at(2)];
  if (statusText === '' || url === '') {
    return context.alert(`${keyword} : expects <status_code> and <url> as arguments.\n`);
  }
  if (statement.at(3) !== '') return context.alert(`${keyword} : expects exactly two arguments.\n`);
  const status = cInteger(statusText);
  if (!ERROR_STATUSES.includes(status)) return context.alert(`${keyword} : status code '${status}' not handled.`);
  const line = keyword === 'errorloc303' ? '303 See Other' : '302 Found';
  const text = `HTTP/1.1 ${line}\r\nCache-Control: no-cache\r\nContent-length: 0\r\nLocation: ${url}\r\n\r\n`;
  const body = Uint8Array.from(Buffer.from(text, 'latin1'));
  if (!isUsableMessage(body)) {
    const key = `errorloc${line.slice(0, 3)} ${url}`;
    return context.alert(`${keyword} : '${key}': unable to parse headers (error offset: ${text.length - 4})`);
  }
  proxy.errorLines.push({ kind: 'reply', status, reply: messageReply(status, body), ...context.place });
}

export function addErrorFiles(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const name = statement.at(1);
  if (name === '') return context.alert('errorfiles : expects <name> as argument.');
  const statuses: number[] = [];
  for (const text of statement.words.slice(2)) {
    const status = cInteger(text);
    if (!ERROR_STATUSES.includes(status)) return context.alert(`errorfiles : status code '${status}' not handled.`);
    statuses.push(status);
  }
  proxy.errorLines.push({ kind: 'section', name, statuses, ...context.place });
}

export function addHttpError(statement: Statement, proxy: ProxyDraft, context: ParseContext): void {
  const refuse = (text: string): void => context.alert(`http-error : ${text}`);
  const line = new RuleLine(statement.words, 1, ruleSection(context, proxy), {
    ...{ set: 'http-request', word: 'http-error', use: 'http-error' },
    ...{ where: EVERY_PLACE, refuse },
  });
  const reply = parseReply(line, line, 0);
  if (reply === null) return;
  const { status } = reply;
  if (status === 0) return refuse('expects at least a <status> as arguments.\n');
  if (!ERROR_STATUSES.includes(status)) return context.alert(`http-error: status code '${status}' not handled.`);
  if (line.peek() !== '') return refuse(`unknown keyword '${line.peek()}'.`);
  const place = context.place;
  if (reply.kind === 'errorfiles') {
    proxy.errorLines.push({ kind: 'section', name: reply.errors, statuses: [status], ...place });
  } else proxy.errorLines.push({ kind: 'reply', status, reply, ...place });
}

/** What a status is answered with; both null: HAProxy's own page. */
interface Page {
  readonly file: ErrorFileDraft | null;
  readonly reply: ReplyAst | null;
}

/** Looks sections up and settles which page each status has. False: a section is missing. */
export function settleErrorReplies(proxy: ProxyDraft, context: ParseContext): boolean {
  let sound = true;
  const pages = new Map<number, Page>();
  for (const line of proxy.errorLines) {
    if (line.kind === 'file') pages.set(line.errorFile.status, { file: line, reply: null });
    // HAProxy's own page is what there is when nothing is said.
    else if (line.kind === 'reply') {
      pages.set(line.status, { file: null, reply: line.reply.kind === 'default' ? null : line.reply });
    } else if (!settleSection(line, proxy, pages, context)) sound = false;
  }
  proxy.errorFiles = [];
  proxy.errorReplies = [];
  for (const [status, page] of pages) {
    if (page.file !== null) proxy.errorFiles.push(page.file);
    else if (page.reply !== null) proxy.errorReplies.push({ status, reply: page.reply });
  }
  return sound;
}

function settleSection(
  line: Extract<ErrorLine, { kind: 'section' }>,
  proxy: ProxyDraft,
  pages: Map<number, Page>,
  context: ParseContext,
): boolean {
  const section = context.httpErrors.find((each) => each.name === line.name);
  if (section === undefined) {
    context.alertText(
      `proxy '${proxy.name}': unknown http-errors section '${line.name}' (at ${line.file}:${line.line}).`,
    );
    return false;
  }
  const replies = new Map(section.replies.map(({ status, reply }) => [status, reply]));
  for (const status of line.statuses.length === 0 ? ERROR_STATUSES : line.statuses) {
    const reply = replies.get(status);
    if (reply !== undefined) pages.set(status, { file: null, reply });
    else if (line.statuses.length > 0) {
      context.warnText(
        `config: proxy '${proxy.name}' : status '${status}' not declared in http-errors section '${line.name}' ` +
          `(at ${line.file}:${line.line}).`,
      );
    }
  }
  return true;
}

// Sections http-errors

/** `http-errors NAME`. */
export function openHttpErrors(statement: Statement, context: ParseContext): void {
  const name = statement.at(1);
  const place = `parsing [${context.file}:${context.line}]`;
  if (name === '') return context.abort(`${place} : missing name for http-errors section.`);
  const wrong = invalidNameChar(name);
  if (wrong !== '' && wrong !== null) {
    context.alert(`character '${wrong}' is not permitted in 'http-errors' name '${name}'.`);
  }
  const twin = context.httpErrors.find((each) => each.name === name);
  if (twin !== undefined) {
    context.alertTight(`http-errors section '${name}' already exists (declared at ${twin.file}:${twin.line}).`);
  }
  context.httpErrors.push({ name, replies: [], ...context.place });
}

export function parseHttpErrorsLine(statement: Statement, context: ParseContext): void {
  const word = statement.at(0);
  if (word !== 'errorfile') return context.unknownKeyword(word, '');
  if (statement.at(1) === '' || statement.at(2) === '') {
    return context.alert('errorfile: expects <status_code> and <file> as arguments.');
  }
  const page = readPage(statement, context);
  if (typeof page === 'string') return context.alert(`errorfile : ${page}`);
  const { status, body } = page;
  context.httpErrors.at(-1)?.replies.push({ status, reply: messageReply(status, body) });
}
