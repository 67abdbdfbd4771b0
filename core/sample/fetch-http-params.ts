// Fetches of bodies and parameters (manual §7.3.6). An ACL is given parameter after parameter, everybody else the first.

import type { Arg } from '../model/language.ts';
import { bodyOf } from './http-body.ts';
import { bytesOf, headOf, requestOf, SIDE_REQUEST, SIDE_RESPONSE } from './http-message.ts';
import { ParamScan } from './http-params.ts';
import { indexOfByte } from './http-uri.ts';
import { readInt } from './http-values.ts';
import { type FetchRow, NO_ARGS, type Signature } from './rows.ts';
import type { Subject } from './subject.ts';
import type { Sample } from './types.ts';
import * as types from './types.ts';

const QUESTION_MARK = 0x3f;
const AMPERSAND = 0x26;

const textOf = (arg: Arg | undefined): string => (arg?.kind === 'str' ? arg.text : '');

function scanOf(name: Arg | undefined, option: Arg | undefined): ParamScan {
  return new ParamScan(Buffer.from(textOf(name), 'latin1'), textOf(option).startsWith('i'));
}

/** Parameters of the target, behind the first delimiter ("?" unless told otherwise). */
function urlParam(args: readonly Arg[]): (subject: Subject, sample: Sample) => boolean {
  const scan = scanOf(args[0], args[2]);
  const delimiterText = textOf(args[1]);
  const delimiter = delimiterText === '' ? QUESTION_MARK : delimiterText.charCodeAt(0) & 255;
  return (subject, sample) => {
    const resumed = sample.cursor;
    sample.more = false;
    const head = requestOf(subject, sample);
    if (head === null) return false;
    const bytes = bytesOf(subject, head);
    const { uriOffset } = head;
    const end = uriOffset + head.uriLength;
    let from = uriOffset + resumed;
    if (resumed === 0) {
      const mark = indexOfByte(bytes, uriOffset, end, delimiter);
      if (mark === end) return false;
      from = mark + 1;
    }
    if (!scan.next(bytes, from, end, delimiter)) return false;
    sample.setBytes(types.TYPE_STR, bytes, scan.valueOffset, scan.valueEnd - scan.valueOffset);
    sample.cursor = scan.valueEnd - uriOffset;
    sample.more = subject.iterate && scan.valueEnd < end;
    return true;
  };
}

function urlParamNumber(args: readonly Arg[]): (subject: Subject, sample: Sample) => boolean {
  const fetch = urlParam(args);
  return (subject, sample) => {
    if (!fetch(subject, sample)) return false;
    sample.setInt(readInt(sample.bytes, sample.offset, sample.length));
    return true;
  };
}

/** Parameters of a form in the body. The body is read when the first is asked for: `at` and `end` stay until the last. */
function bodyParam(args: readonly Arg[]): (subject: Subject, sample: Sample) => boolean {
  const scan = scanOf(args[0], args[1]);
  let bytes: Uint8Array = types.NO_BYTES;
  let end = 0;
  return (subject, sample) => {
    sample.more = false;
    let from = sample.cursor;
    if (from === 0) {
      const head = requestOf(subject, sample);
      if (head === null) return false;
      const body = bodyOf(subject, head);
      if (body === null) return false;
      bytes = body.bytes;
      from = body.offset;
      end = from + body.length;
    }
    if (!scan.next(bytes, from, end, AMPERSAND)) return false;
    sample.setBytes(types.TYPE_STR, bytes, scan.valueOffset, scan.valueEnd - scan.valueOffset);
    sample.cursor = scan.valueEnd;
    sample.more = subject.iterate && scan.valueEnd < end;
    return true;
  };
}

/** All of the body that is there. */
function body(side: number): FetchRow['compile'] {
  return () => (subject, sample) => {
    const head = headOf(side, subject, sample);
    if (head === null) return false;
    const view = bodyOf(subject, head);
    if (view === null) return false;
    sample.setBytes(types.TYPE_BIN, view.bytes, view.offset, view.length);
    if (!view.complete) sample.mayChange = true;
    return true;
  };
}

function length(side: number, announced: boolean): FetchRow['compile'] {
  return () => (subject, sample) => {
    const head = headOf(side, subject, sample);
    if (head === null) return false;
    const view = bodyOf(subject, head);
    if (view === null) return false;
    sample.setInt(announced ? view.announced : view.length);
    return true;
  };
}

const { TYPE_BIN, TYPE_SINT, TYPE_STR, USE_HRQHV, USE_HRSHV } = types;
const THREE_TEXTS: Signature = { kinds: ['str', 'str', 'str'], min: 0 };
const TWO_TEXTS: Signature = { kinds: ['str', 'str'], min: 0 };

function messageFamily(prefix: string, side: number, uses: number): FetchRow[] {
  return [
    { name: `${prefix}.body`, args: NO_ARGS, out: TYPE_BIN, uses, compile: body(side) },
    { name: `${prefix}.body_len`, args: NO_ARGS, out: TYPE_SINT, uses, compile: length(side, false) },
    { name: `${prefix}.body_size`, args: NO_ARGS, out: TYPE_SINT, uses, compile: length(side, true) },
  ];
}

export const httpParamFetches: readonly FetchRow[] = [
  ...messageFamily('req', SIDE_REQUEST, USE_HRQHV),
  { name: 'req.body_param', args: TWO_TEXTS, out: TYPE_BIN, uses: USE_HRQHV, compile: bodyParam },
  ...messageFamily('res', SIDE_RESPONSE, USE_HRSHV),
  { name: 'url_param', args: THREE_TEXTS, out: TYPE_STR, uses: USE_HRQHV, compile: urlParam },
  { name: 'urlp', args: THREE_TEXTS, out: TYPE_STR, uses: USE_HRQHV, compile: urlParam },
  { name: 'urlp_val', args: THREE_TEXTS, out: TYPE_SINT, uses: USE_HRQHV, compile: urlParamNumber },
];
