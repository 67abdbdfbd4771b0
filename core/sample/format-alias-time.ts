// Aliases of dates and durations (manual §8.2.6, §8.4).

import { LocalCalendar } from '../base/calendar.ts';
import { MONTH_LETTERS, writeBytes, writePadded, writeTriple } from '../base/text.ts';
import { type FormatAlias, recordOf, type WriteAlias } from './format-alias.ts';
import { OPTION_HEXA } from './format-options.ts';
import type { FormatWriter } from './format-writer.ts';
import { WAIT_BYTES, WAIT_INIT } from './log-origin.ts';
import type { LogRecord } from './log-record.ts';
import type { Linker } from './rows.ts';
import type { Subject } from './subject.ts';

const SLASH = 0x2f;
const COLON = 0x3a;
const DOT = 0x2e;
const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DATE_BYTES_MAX = 32;

const calendar = new LocalCalendar();
const text = new Uint8Array(DATE_BYTES_MAX);

/** `26/Apr/2024:09:39:58` of the date the calendar has; where it ended. */
function putDate(): number {
  let next = writePadded(text, 0, calendar.day, 2);
  text[next++] = SLASH;
  next = writeBytes(text, next, MONTH_LETTERS, calendar.month * 3, 3);
  text[next++] = SLASH;
  next = writePadded(text, next, calendar.year, 4);
  text[next++] = COLON;
  next = writePadded(text, next, calendar.hour, 2);
  text[next++] = COLON;
  next = writePadded(text, next, calendar.minute, 2);
  text[next++] = COLON;
  return writePadded(text, next, calendar.second, 2);
}

/** ` +0200` */
function putZone(at: number): number {
  const offset = Math.abs(calendar.offsetMinutes);
  text[at] = SPACE;
  text[at + 1] = calendar.offsetMinutes < 0 ? MINUS : PLUS;
  return writePadded(text, writePadded(text, at + 2, Math.floor(offset / 60), 2), offset % 60, 2);
}

type DateOf = (record: LogRecord) => number;

const acceptMs: DateOf = (record) => record.acceptDateMs;
const requestMs: DateOf = (record) => record.acceptDateMs + beforeRequestMs(record);

/** Between accept and the first byte of the request. */
function beforeRequestMs(record: LogRecord): number {
  return record.markIdle >= 0 ? record.markIdle + record.markHandshake : 0;
}

// Dates are whole or not at all.
function writeDate(writer: FormatWriter, length: number): boolean {
  return length <= writer.limit - writer.at && writer.plainText(text, 0, length);
}

function dateWithMs(date: DateOf): WriteAlias {
  return (subject, writer) => {
    const ms = date(recordOf(subject));
    const second = Math.floor(ms / 1000);
    calendar.load(second);
    const end = putDate();
    text[end] = DOT;
    return writeDate(writer, writeTriple(text, end + 1, Math.floor(ms - second * 1000)));
  };
}

function dateWithZone(date: DateOf, isLocal: boolean): WriteAlias {
  return (subject, writer) => {
    const second = Math.floor(date(recordOf(subject)) / 1000);
    if (isLocal) calendar.load(second);
    else calendar.loadUtc(second);
    return writeDate(writer, putZone(putDate()));
  };
}

const acceptSecond: WriteAlias = (subject, writer) => {
  const second = Math.floor(recordOf(subject).acceptDateMs / 1000);
  return (writer.options & OPTION_HEXA) !== 0 ? writer.hexadecimal(second, 4) : writer.int(second);
};

const acceptFraction: WriteAlias = (subject, writer) => {
  const ms = Math.floor(recordOf(subject).acceptDateMs) % 1000;
  return (writer.options & OPTION_HEXA) !== 0 ? writer.hexadecimal(ms, 2) : writer.padded(ms, 3);
};

/** A mark that was not reached makes −1. */
function timer(duration: (record: LogRecord) => number): WriteAlias {
  return (subject, writer) => writer.int(duration(recordOf(subject)));
}

/** Totals get a `+` where the line does not wait for the end (`option logasap`). */
function total(linker: Linker, duration: (record: LogRecord) => number): WriteAlias {
  return (subject, writer) => {
    const record = recordOf(subject);
    return hintEarly(linker, subject, record, writer) && writer.int(duration(record));
  };
}

export function hintEarly(linker: Linker, subject: Subject, record: LogRecord, writer: FormatWriter): boolean {
  const frontend = linker.model.proxies[subject.stream?.frontendIndex ?? record.frontendIndex];
  return frontend?.logasap !== true || writer.hint(PLUS);
}

const since = (mark: number, earlier: number): number => (mark >= 0 ? mark - earlier : -1);

function row(name: string, waits: number, http: boolean, write: WriteAlias): FormatAlias {
  return { name, http, uses: 0, waits, compile: () => write };
}

const totalRow = (name: string, http: boolean, duration: (record: LogRecord) => number): FormatAlias => ({
  ...{ name, http, uses: 0, waits: WAIT_BYTES },
  compile: (linker) => total(linker, duration),
});

/** The time of the data: after the response head in HTTP, after the connection in TCP. */
function dataRow(): FormatAlias {
  return {
    ...{ name: 'Td', http: false, uses: 0, waits: WAIT_BYTES },
    compile: ({ model }) =>
      timer((record) => {
        const isHttp = model.proxies[record.backendIndex]?.mode === 'http';
        const mark = isHttp ? record.markData : record.markConnect;
        return mark >= 0 ? record.markClose - mark : -1;
      }),
  };
}

export const timeAliases: readonly FormatAlias[] = [
  row('T', WAIT_INIT, false, dateWithZone(acceptMs, false)),
  row('Tl', WAIT_INIT, false, dateWithZone(acceptMs, true)),
  row('t', WAIT_INIT, false, dateWithMs(acceptMs)),
  row('tr', WAIT_INIT, true, dateWithMs(requestMs)),
  row('trg', WAIT_INIT, true, dateWithZone(requestMs, false)),
  row('trl', WAIT_INIT, true, dateWithZone(requestMs, true)),
  row('Ts', WAIT_INIT, false, acceptSecond),
  row('ms', WAIT_INIT, false, acceptFraction),
  row(
    'Th',
    WAIT_BYTES,
    false,
    timer((record) => record.markHandshake),
  ),
  row(
    'Ti',
    WAIT_BYTES,
    true,
    timer((record) => record.markIdle),
  ),
  row(
    'Tq',
    WAIT_BYTES,
    true,
    timer((record) => record.markRequest),
  ),
  row(
    'TR',
    WAIT_BYTES,
    true,
    timer((record) => since(record.markRequest, record.markIdle + record.markHandshake)),
  ),
  row(
    'Tw',
    WAIT_BYTES,
    false,
    timer((record) => since(record.markQueue, record.markRequest)),
  ),
  row(
    'Tc',
    WAIT_BYTES,
    false,
    timer((record) => since(record.markConnect, record.markQueue)),
  ),
  row(
    'Tr',
    WAIT_BYTES,
    true,
    timer((record) => since(record.markData, record.markConnect)),
  ),
  dataRow(),
  totalRow('Ta', true, (record) => record.markClose - beforeRequestMs(record)),
  totalRow('Tt', false, (record) => record.markClose),
  totalRow('Tu', false, (record) => record.markClose - Math.max(record.markIdle, 0)),
];
