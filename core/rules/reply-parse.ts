// The words of an answer of our own: `status 404 content-type text/plain string "gone"` (manual §4.4 "http-request
// return"), as deny, tarpit, return and `http-error` share them.

import { REPLY_STATUSES } from '../http/reply.ts';
import type { FormatAst } from '../model/language.ts';
import type { ReplyAst } from '../model/rules.ts';
import type { ActionLine } from './contract.ts';
import { readNumber } from './words.ts';

const STATUS_MIN = 200;
const STATUS_MAX = 599;
const NO_BODY = new Uint8Array(0);
const IGNORED_HEADERS: readonly string[] = ['content-length', 'transfer-encoding', 'content-type'];

/** Words that follow one another; '' behind the last. */
export interface WordSource {
  peek(): string;
  next(): string;
}

export function wordsOf(words: readonly string[]): WordSource {
  let at = 0;
  return { peek: () => words[at] ?? '', next: () => words[at++] ?? '' };
}

/** What was read so far. */
class ReplyDraft {
  kind: ReplyAst['kind'] = 'none';
  kindWord = ''; // the word that chose it
  status: number;
  contentType = '';
  body: Uint8Array = NO_BODY;
  bodyText = ''; // of a format
  errors = '';
  readonly headers: { name: string; format: FormatAst }[] = [];

  constructor(status: number) {
    this.status = status;
  }
}

/**
 * Reads as many words as belong to the answer.
 * @param statusDefault 0: none
 * @returns null after line.fail() said what is wrong
 */
export function parseReply(words: WordSource, line: ActionLine, statusDefault: number): ReplyAst | null {
  const draft = new ReplyDraft(statusDefault);
  for (;;) {
    const word = words.peek();
    if (!Object.hasOwn(READERS, word)) break;
    words.next();
    if (!READERS[word]!(draft, word, words, line)) return null;
  }
  return finish(draft, line);
}

type Reader = (draft: ReplyDraft, word: string, words: WordSource, line: ActionLine) => boolean;

/** The value behind a word; '' after its absence was reported. */
function valueOf(words: WordSource, word: string, notation: string, line: ActionLine): string {
  const value = words.next();
  if (value === '') line.fail(`'${word}' expects ${notation} as argument`);
  return value;
}

/** Remembers where the body comes from; false when an earlier word has said so already. */
function choose(draft: ReplyDraft, word: string, kind: ReplyAst['kind'], line: ActionLine): boolean {
  if (draft.kind !== 'none') {
    line.fail(`unexpected '${word}' argument, '${draft.kindWord}' already defined`);
    return false;
  }
  draft.kind = kind;
  draft.kindWord = word;
  return true;
}

const READERS: Readonly<Record<string, Reader>> = {
  status: (draft, word, words, line) => {
    const text = valueOf(words, word, '<status_code>', line);
    if (text === '') return false;
    draft.status = readNumber(text);
    if (draft.status >= STATUS_MIN && draft.status <= STATUS_MAX) return true;
    line.fail(`Unexpected status code '${draft.status}'`);
    return false;
  },
  'content-type': (draft, word, words, line) => {
    draft.contentType = valueOf(words, word, '<ctype>', line);
    return draft.contentType !== '';
  },
  errorfiles: (draft, word, words, line) => {
    if (!choose(draft, word, 'errorfiles', line)) return false;
    draft.errors = valueOf(words, word, '<name>', line);
    return draft.errors !== '';
  },
  'default-errorfiles': (draft, word, _words, line) => choose(draft, word, 'default', line),
  errorfile: (draft, word, words, line) => {
    if (!choose(draft, word, 'errorfile', line)) return false;
    const path = valueOf(words, word, '<fmt>', line);
    const body = path === '' ? null : line.readErrorFile(path);
    if (body === null) return false;
    draft.body = body;
    return true;
  },
  file: (draft, word, words, line) => {
    if (!choose(draft, word, 'file', line)) return false;
    const path = valueOf(words, word, '<file>', line);
    const body = path === '' ? null : readBody(path, line);
    if (body === null) return false;
    draft.body = body;
    return true;
  },
  string: (draft, word, words, line) => {
    if (!choose(draft, word, 'string', line)) return false;
    const text = valueOf(words, word, '<str>', line);
    draft.body = Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);
    return text !== '';
  },
  'lf-file': (draft, word, words, line) => {
    if (!choose(draft, word, 'lf-file', line)) return false;
    const path = valueOf(words, word, '<file>', line);
    const body = path === '' ? null : readBody(path, line);
    if (body === null) return false;
    draft.bodyText = textOf(body);
    return true;
  },
  'lf-string': (draft, word, words, line) => {
    if (!choose(draft, word, 'lf-string', line)) return false;
    draft.bodyText = valueOf(words, word, '<fmt>', line);
    return draft.bodyText !== '';
  },
  hdr: (draft, word, words, line) => {
    const name = words.next();
    const value = words.next();
    if (name === '' || value === '') {
      line.fail(`'${word}' expects <name> and <value> as arguments`);
      return false;
    }
    if (IGNORED_HEADERS.includes(name.toLowerCase())) {
      line.warn(`header '${name}' always ignored by the http reply.`);
      return true;
    }
    const format = line.formatOf(value);
    if (format === null) return false;
    draft.headers.push({ name, format });
    return true;
  },
};

/** A format ends at the file's first NUL, as a C string does. */
function textOf(body: Uint8Array): string {
  const text = Buffer.from(body).toString('latin1');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function readBody(path: string, line: ActionLine): Uint8Array | null {
  const body = line.readFile(path);
  if (body === null || body.length <= line.bufsize) return body;
  return line.fail(`file '${path}' exceeds the buffer size (${body.length} > ${line.bufsize})`);
}

function finish(draft: ReplyDraft, line: ActionLine): ReplyAst | null {
  const { status } = draft;
  let format: FormatAst | null = null;
  switch (draft.kind) {
    case 'none':
      ignoreType(draft, 'because neither errorfile nor payload defined', line);
      break;
    case 'errorfile':
    case 'errorfiles':
    case 'default':
      if (draft.kind !== 'errorfile' && !REPLY_STATUSES.includes(status)) {
        return line.fail(`status code '${status}' not handled by default with '${draft.kindWord}' argument.`);
      }
      ignoreType(draft, 'when used with an errorfile', line);
      if (draft.headers.length > 0) {
        line.warn('hdr parameters ignored by the http reply when used with an errorfile.');
        draft.headers.length = 0;
      }
      break;
    case 'file':
    case 'string':
      if (!checkBody(draft, line)) return null;
      break;
    default:
      if (status === 204 || status === 304) return line.fail(`No body expected for ${status} responses`);
      if (draft.contentType === '') return line.fail('a content type must be defined with a log-format payload');
      format = line.formatOf(draft.bodyText, true);
      if (format === null) return null;
  }
  const { kind, contentType, body, errors, headers } = draft;
  return { kind, status, contentType, body, format, errors, headers };
}

function ignoreType(draft: ReplyDraft, why: string, line: ActionLine): void {
  if (draft.contentType === '') return;
  line.warn(`content-type '${draft.contentType}' ignored by the http reply ${why}.`);
  draft.contentType = '';
}

function checkBody(draft: ReplyDraft, line: ActionLine): boolean {
  const { status, body } = draft;
  if ((status === 204 || status === 304) && body.length > 0) {
    line.fail(`No body expected for ${status} responses`);
    return false;
  }
  if (draft.contentType === '' && body.length > 0) {
    line.fail('a content type must be defined when non-empty payload is configured');
    return false;
  }
  if (body.length === 0) ignoreType(draft, 'when used with an empty payload', line);
  if (line.bufsize - body.length < line.maxrewrite) {
    line.warn(
      'http reply payload runs over the buffer space reserved to headers rewriting.' +
        ' It may lead to internal errors if strict rewriting mode is enabled.',
    );
  }
  return true;
}
