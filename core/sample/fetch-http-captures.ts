// Fetches of what was kept of messages that may be gone (manual §7.3.6, capture.*).

import type { Arg } from '../model/language.ts';
import { indexOfByte, pathOffset } from './http-uri.ts';
import { noteRequestLineUse } from './request-line-use.ts';
import type { Fetch, FetchRow, Signature } from './rows.ts';
import { NO_ARGS } from './rows.ts';
import type { CaptureStore, Subject } from './subject.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const SPACE = 0x20;

function captured(args: readonly Arg[], ofResponse: boolean): Fetch {
  const slot = args[0]?.kind === 'sint' ? args[0].value : -1;
  return (subject, sample) => {
    const { stream } = subject;
    if (stream === null) return false;
    const store = ofResponse ? stream.responseCaptures : stream.requestCaptures;
    return store !== null && setCapture(sample, store, slot);
  };
}

function setCapture(sample: Sample, store: CaptureStore, slot: number): boolean {
  if (slot < 0 || slot >= store.count) return false;
  const length = store.lengthOf(slot);
  if (length < 0) return false;
  sample.setBytes(types.TYPE_STR, store.bytesOf(slot), 0, length);
  return true;
}

/** First word of the request line as the log has it. */
function capturedMethod(subject: Subject, sample: Sample): boolean {
  const log = subject.stream?.log;
  if (log === undefined || log.requestLineLength === 0) return false;
  const end = indexOfByte(log.requestLine, 0, log.requestLineLength, SPACE);
  sample.setBytes(types.TYPE_STR, log.requestLine, 0, end);
  return true;
}

/** Path and query of its second word. */
function capturedUri(subject: Subject, sample: Sample): boolean {
  const log = subject.stream?.log;
  if (log === undefined || log.requestLineLength === 0) return false;
  const line = log.requestLine;
  const first = indexOfByte(line, 0, log.requestLineLength, SPACE);
  if (first === log.requestLineLength) return false;
  const end = indexOfByte(line, first + 1, log.requestLineLength, SPACE);
  const path = pathOffset(line, first + 1, end);
  if (path < 0) return false;
  sample.setBytes(types.TYPE_STR, line, path, end - path);
  return true;
}

const { TYPE_STR, USE_HRQHP, USE_HRSHP } = types;
/** Reads the request line, which is only kept where something does. */
function ofLine(name: string, fetch: Fetch): FetchRow {
  const compile: FetchRow['compile'] = (_args, linker) => {
    noteRequestLineUse(linker);
    return fetch;
  };
  return { name, args: NO_ARGS, out: TYPE_STR, uses: USE_HRQHP, compile };
}

const SLOT: Signature = { kinds: ['sint'], min: 1 };

export const httpCaptureFetches: readonly FetchRow[] = [
  {
    name: 'capture.req.hdr',
    args: SLOT,
    out: TYPE_STR,
    uses: USE_HRQHP,
    compile: (args) => captured(args, false),
  },
  ofLine('capture.req.method', capturedMethod),
  ofLine('capture.req.uri', capturedUri),
  {
    name: 'capture.res.hdr',
    args: SLOT,
    out: TYPE_STR,
    uses: USE_HRSHP,
    compile: (args) => captured(args, true),
  },
];
