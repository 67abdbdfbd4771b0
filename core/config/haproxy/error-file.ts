// `errorfile`: a whole response in a file (manual §4.2 "errorfile").
//
// HAProxy parses the file when it reads the configuration; the same checks are made here, on bytes, so that a
// broken file is found by `-c` and not by the first client that needs it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export const ERROR_STATUSES: readonly number[] = [
  200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
];

export type ErrorFileResult =
  | { ok: true; body: Uint8Array; truncated: boolean }
  | { ok: false; message: string; truncated: boolean };

/** `path` is opened, `shown` is what messages call it; at most `bytesMax` bytes (tune.bufsize) are taken. */
export function loadErrorFile(path: string, shown: string, bytesMax: number): ErrorFileResult {
  let bytes: Buffer;
  let truncated = false;
  try {
    const fd = openSync(path, 'r');
    try {
      const size = fstatSync(fd).size;
      truncated = size > bytesMax;
      bytes = Buffer.alloc(Math.min(size, bytesMax));
      const read = readSync(fd, bytes, 0, bytes.length, 0);
      if (read !== bytes.length) return { ok: false, message: `error reading file '${shown}'.`, truncated };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const reading = (error as NodeJS.ErrnoException).syscall === 'read';
    return { ok: false, message: `error ${reading ? 'reading' : 'opening'} file '${shown}'.`, truncated: false };
  }
  const problem = bytes.length === 0 ? '' : checkMessage(bytes.toString('latin1'));
  if (problem !== '') return { ok: false, message: `'${shown}': ${problem}`, truncated };
  return { ok: true, body: bytes, truncated };
}

interface Head {
  readonly status: number;
  readonly end: number; // offset of the body
  readonly contentLength: number; // -1: not announced
  readonly chunked: boolean;
}

/** '' for a usable response, else what is wrong. */
function checkMessage(text: string): string {
  const version = /^(\S+) /.exec(text)?.[1] ?? '';
  const head = readHead(text);
  if (typeof head === 'number') return `unable to parse headers (error offset: ${head})`;
  if (!/^HTTP\/\d\.\d$/.test(version)) return `invalid http version (${version})`;
  const { status, end, contentLength, chunked } = head;
  if (status < 200 && (status === 100 || status >= 102)) {
    return `invalid http status code for an error message (${status})`;
  }
  const neverBody = status === 204 || status === 304;
  if (chunked && !neverBody) return 'chunk-encoded payload not supported';
  const bodyBytes = text.length - end;
  if ((neverBody || contentLength === 0) && bodyBytes > 0) return 'message payload not expected';
  if (!neverBody && contentLength >= 0 && contentLength !== bodyBytes) {
    return `payload size does not match the announced content-length (${bodyBytes} != ${contentLength})`;
  }
  return '';
}

/** A number is the offset of the first byte that is no part of a response head. */
function readHead(text: string): Head | number {
  const first = /^HTTP\/\d\.\d +(\d{3})(?: [^\r\n\0]*)?\r?\n/.exec(text);
  if (first === null) return firstOddOffset(text);
  let at = first[0].length;
  let contentLength = -1;
  let chunked = false;
  for (;;) {
    const line = /^([^\r\n]*)(\r?\n)/.exec(text.slice(at));
    if (line === null) return text.length;
    if (line[1] === '') return { status: Number(first[1]), end: at + line[0].length, contentLength, chunked };
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\0]*?)[ \t]*$/.exec(line[1]!);
    if (field === null) return at;
    const name = field[1]!.toLowerCase();
    if (name === 'content-length') {
      if (!/^\d+$/.test(field[2]!)) return at;
      contentLength = Number(field[2]);
    }
    if (name === 'transfer-encoding') chunked = true;
    at += line[0].length;
  }
}

function firstOddOffset(text: string): number {
  const pattern = 'HTTP/';
  for (let at = 0; at < pattern.length; at++) if (text[at] !== pattern[at]) return at;
  return pattern.length;
}
