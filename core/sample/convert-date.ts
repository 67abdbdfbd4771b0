// Dates as text and text as dates (manual §7.3.1): ltime, utime and their kin after strftime(3) in the C locale, http_date
// and date after RFC 9110 §5.6.7.

import { CivilDate, LocalCalendar } from '../base/calendar.ts';
import { writeBytes, writeInt } from '../base/text.ts';
import { bytesOfText, exactInt, exactOf, hasArg, intOf, textOf } from './convert-arguments.ts';
import { loadZoneNames, zoneName } from './convert-zone.ts';
import { type Convert, type ConverterRow, NO_ARGS } from './rows.ts';
import type { Subject } from './subject.ts';
import { type Sample, TYPE_SINT, TYPE_STR } from './types.ts';

const DAY_SECONDS = 86_400;
const CYCLE_SECONDS = 146_097n * 86_400n; // 400 years
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const MONTH_BYTES = MONTHS.map(bytesOfText);
const DAY_BYTES = DAYS.map(bytesOfText);
const SHORT = 3; // letters of their short forms

/** One moment split into fields, in one zone. */
class DateFields extends CivilDate {
  hour = 0;
  minute = 0;
  second = 0;
  weekday = 4; // 0: Sunday
  yearDay = 0; // 0–365
  offsetMinutes = 0; // east of Greenwich
  seconds = 0; // since 1970
  local = false;

  /** Also of moments beyond 2⁵³: the calendar repeats itself every 400 years. */
  loadExact(seconds: bigint, local: boolean): void {
    const cycles = Number(seconds / CYCLE_SECONDS);
    this.load(Number(seconds % CYCLE_SECONDS), local);
    this.year += cycles * 400;
    this.seconds = Number(seconds);
  }

  load(seconds: number, local: boolean): void {
    this.seconds = seconds;
    this.local = local;
    this.offsetMinutes = 0;
    if (local) {
      calendar.load(seconds);
      this.offsetMinutes = calendar.offsetMinutes;
    }
    const shown = seconds + this.offsetMinutes * 60;
    const days = Math.floor(shown / DAY_SECONDS);
    const secondOfDay = shown - days * DAY_SECONDS;
    this.hour = Math.floor(secondOfDay / 3600);
    this.minute = Math.floor(secondOfDay / 60) % 60;
    this.second = secondOfDay % 60;
    this.weekday = (((days + 4) % 7) + 7) % 7;
    this.loadDay(days);
    this.yearDay = days - daysBefore(this.year);
  }
}

const calendar = new LocalCalendar();
const fields = new DateFields();

/** Days from 1970 to the first of January of `year`. */
function daysBefore(year: number): number {
  const last = year - 1;
  return (
    365 * (year - 1970) + (Math.floor(last / 4) - 492) - (Math.floor(last / 100) - 19) + (Math.floor(last / 400) - 4)
  );
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

// --- strftime

/** One part of a compiled format: writes at `at`, whose room the caller made sure of, and returns its end. */
type WritePart = (out: Uint8Array, at: number, nanoseconds: number) => number;

const PART_BYTES_MAX = 64; // what one conversion writes without a width
const WIDTH_MAX = 1024;

interface Flags {
  pad: string; // '' the conversion's own, '-' none, '0', '_' blanks
  upper: boolean; // ^
  swap: boolean; // #
  width: number; // −1: its own
}

/** A number, at least `digits` wide unless the format says otherwise. */
function numberPart(value: () => number, digits: number, padding: string, flags: Flags): WritePart {
  const pad = flags.pad === '' ? padding : flags.pad;
  const width = pad === '-' ? 0 : Math.max(flags.width < 0 ? digits : flags.width, flags.width < 0 ? 0 : digits);
  const padByte = pad === '_' ? 0x20 : 0x30;
  return (out, at) => {
    const number = value();
    const start = number < 0 ? at + 1 : at;
    let scale = 10;
    let size = number < 0 ? 2 : 1;
    const magnitude = Math.abs(number);
    while (magnitude >= scale) {
      scale *= 10;
      size++;
    }
    if (number < 0 && padByte === 0x30) out[at] = 0x2d;
    let next = padByte === 0x30 ? start : at;
    for (let left = width - size; left > 0; left--) out[next++] = padByte;
    return writeInt(out, next, number < 0 && padByte === 0x30 ? magnitude : number);
  };
}

function changeCase(out: Uint8Array, at: number, end: number, first: number): void {
  for (let index = at; index < end; index++) if ((out[index]! - first) >>> 0 <= 25) out[index]! ^= 0x20;
}

/** Text, cased and padded as the flags say. `swapsToLower`: what `#` makes of %p and %Z; of others it makes capitals. */
function textPart(write: WritePart, flags: Flags, swapsToLower: boolean): WritePart {
  const toUpper = flags.upper || (flags.swap && !swapsToLower);
  const toLower = flags.swap && swapsToLower;
  const padByte = flags.pad === '0' ? 0x30 : 0x20;
  if (!toUpper && !toLower && flags.width <= 0) return write;
  return (out, at, nanoseconds) => {
    const end = write(out, at, nanoseconds);
    const missing = flags.width - (end - at);
    if (missing > 0) {
      out.copyWithin(at + missing, at, end);
      out.fill(padByte, at, at + missing);
    }
    const last = Math.max(end, at + flags.width);
    if (toLower) changeCase(out, at, last, 0x41);
    else if (toUpper) changeCase(out, at, last, 0x61);
    return last;
  };
}

function namePart(names: readonly Uint8Array[], index: () => number, isShort: boolean): WritePart {
  return (out, at) => {
    const name = names[index()]!;
    return writeBytes(out, at, name, 0, isShort ? SHORT : name.length);
  };
}

const hour12 = (): number => (fields.hour % 12 === 0 ? 12 : fields.hour % 12);

/** Weeks that begin on `first` (0: Sunday), the days before the first one being week 0. */
const weekOf = (first: number): number => Math.floor((fields.yearDay + 7 - ((fields.weekday + 7 - first) % 7)) / 7);

/** ISO 8601: the week has the year that its Thursday is in. */
function isoYear(): number {
  const thursday = fields.yearDay + 3 - ((fields.weekday + 6) % 7);
  if (thursday < 0) return fields.year - 1;
  return thursday >= (isLeap(fields.year) ? 366 : 365) ? fields.year + 1 : fields.year;
}

function isoWeek(): number {
  const thursday = fields.yearDay + 3 - ((fields.weekday + 6) % 7);
  const year = isoYear();
  if (year < fields.year) return Math.floor((thursday + (isLeap(year) ? 366 : 365)) / 7) + 1;
  return year > fields.year ? 1 : Math.floor(thursday / 7) + 1;
}

const centuryYear = (year: number): number => ((year % 100) + 100) % 100;

/** Numbers by conversion: value, digits, padding. */
const NUMBERS: Readonly<Record<string, [value: () => number, digits: number, padding: string]>> = {
  C: [() => Math.floor(fields.year / 100), 2, '0'],
  d: [() => fields.day, 2, '0'],
  e: [() => fields.day, 2, '_'],
  g: [() => centuryYear(isoYear()), 2, '0'],
  G: [isoYear, 1, '0'],
  H: [() => fields.hour, 2, '0'],
  I: [hour12, 2, '0'],
  j: [() => fields.yearDay + 1, 3, '0'],
  k: [() => fields.hour, 2, '_'],
  l: [hour12, 2, '_'],
  m: [() => fields.month + 1, 2, '0'],
  M: [() => fields.minute, 2, '0'],
  s: [() => fields.seconds - (fields.local ? 0 : utcSkewSeconds()), 1, '0'],
  S: [() => fields.second, 2, '0'],
  u: [() => (fields.weekday === 0 ? 7 : fields.weekday), 1, '0'],
  U: [() => weekOf(0), 2, '0'],
  V: [isoWeek, 2, '0'],
  w: [() => fields.weekday, 1, '0'],
  W: [() => weekOf(1), 2, '0'],
  y: [() => centuryYear(fields.year), 2, '0'],
  Y: [() => fields.year, 1, '0'],
};

// %s is mktime(3) of the fields: those of UTC are taken for local time.
function utcSkewSeconds(): number {
  calendar.load(fields.seconds);
  return calendar.offsetMinutes * 60;
}

/** Conversions that stand for others. */
const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
};

const AM = bytesOfText('AM');
const PM = bytesOfText('PM');

function writeZone(out: Uint8Array, at: number): number {
  const name = fields.local ? zoneName(fields.seconds, fields.offsetMinutes) : 'GMT';
  for (let index = 0; index < name.length; index++) out[at + index] = name.charCodeAt(index);
  return at + name.length;
}

function texts(letter: string, flags: Flags): WritePart | null {
  switch (letter) {
    case 'a':
      return textPart(
        namePart(DAY_BYTES, () => fields.weekday, true),
        flags,
        false,
      );
    case 'A':
      return textPart(
        namePart(DAY_BYTES, () => fields.weekday, false),
        flags,
        false,
      );
    case 'b':
    case 'h':
      return textPart(
        namePart(MONTH_BYTES, () => fields.month, true),
        flags,
        false,
      );
    case 'B':
      return textPart(
        namePart(MONTH_BYTES, () => fields.month, false),
        flags,
        false,
      );
    case 'p':
      return textPart((out, at) => writeBytes(out, at, fields.hour < 12 ? AM : PM, 0, 2), flags, true);
    case 'P':
      return textPart(
        (out, at) => {
          out[at] = fields.hour < 12 ? 0x61 : 0x70;
          out[at + 1] = 0x6d;
          return at + 2;
        },
        flags,
        true,
      );
    case 'Z':
      loadZoneNames();
      return textPart(writeZone, flags, true);
    default:
      return null;
  }
}

/** ±hhmm */
function zonePart(flags: Flags): WritePart {
  const digits = numberPart(
    () => {
      const minutes = Math.abs(fields.offsetMinutes);
      return Math.floor(minutes / 60) * 100 + (minutes % 60);
    },
    flags.width < 0 ? 4 : Math.max(flags.width - 1, 4),
    '0',
    { ...flags, width: -1 },
  );
  return (out, at, nanoseconds) => {
    out[at] = fields.offsetMinutes < 0 ? 0x2d : 0x2b;
    return digits(out, at + 1, nanoseconds);
  };
}

function literalPart(text: string): WritePart {
  const bytes = bytesOfText(text);
  return (out, at) => writeBytes(out, at, bytes, 0, bytes.length);
}

/** The first digits of nine: date(1)'s %N, which HAProxy adds for its ms_ and us_ forms. */
function nanosecondsPart(digits: number): WritePart {
  return (out, at, nanoseconds) => {
    let left = nanoseconds;
    for (let index = 8; index >= 0; index--) {
      const digit = left % 10;
      left = Math.floor(left / 10);
      if (index < digits) out[at + index] = 0x30 + digit;
    }
    return at + digits;
  };
}

const NOTHING: Flags = { pad: '', upper: false, swap: false, width: -1 };

interface Part {
  write: WritePart;
  bytesMax: number; // the most it writes
}

const CONVERSION = /%([-_0^#]*)(\d*)([EO]?)(.)/s;

function conversion(letter: string, flags: Flags): WritePart | null {
  if (letter === '%') return textPart(literalPart('%'), flags, false);
  if (letter === 'n') return textPart(literalPart('\n'), flags, false);
  if (letter === 't') return textPart(literalPart('\t'), flags, false);
  if (letter === 'z') return zonePart(flags);
  const number = NUMBERS[letter];
  if (number !== undefined) return numberPart(number[0], number[1], number[2], flags);
  const composed = COMPOSED[letter];
  if (composed === undefined) return texts(letter, flags);
  const inner = compileFormat(composed, false);
  const write: WritePart = (out, at, nanoseconds) => {
    let next = at;
    for (const part of inner) next = part.write(out, next, nanoseconds);
    return next;
  };
  return textPart(write, flags, false);
}

/** The parts of a strftime(3) format. `withFractions`: %N and %3N are replaced first. */
function compileFormat(text: string, withFractions: boolean): readonly Part[] {
  const parts: Part[] = [];
  let rest = text;
  while (rest !== '') {
    const match = CONVERSION.exec(rest);
    const before = match === null ? rest : rest.slice(0, match.index);
    if (before !== '') parts.push({ write: literalPart(before), bytesMax: before.length });
    if (match === null) break;
    const [whole, flagText, widthText, , letter] = match as unknown as [string, string, string, string, string];
    rest = rest.slice(match.index + whole.length);
    const width = widthText === '' ? -1 : Math.min(Number(widthText), WIDTH_MAX);
    if (withFractions && letter === 'N' && /^%\d*N$/.test(whole)) {
      const digits = Math.min(Number(whole.slice(1, -1) || '9'), 9);
      parts.push({ write: nanosecondsPart(digits), bytesMax: 9 });
      continue;
    }
    const flags: Flags = { ...NOTHING, width };
    for (const flag of flagText) {
      if (flag === '^') flags.upper = true;
      else if (flag === '#') flags.swap = true;
      else flags.pad = flag;
    }
    const part = conversion(letter, flags);
    // What strftime does not know it leaves as it is.
    if (part === null) parts.push({ write: literalPart(whole), bytesMax: whole.length });
    else parts.push({ write: part, bytesMax: Math.max(width, 0) + PART_BYTES_MAX });
  }
  return parts;
}

/** The date in `fields` as the format says; nothing when it does not fit, as strftime(3). */
function writeDate(sample: Sample, subject: Subject, parts: readonly Part[], nanoseconds: number): boolean {
  const { trash } = subject;
  const at = trash.take();
  const end = at + trash.chunkBytes;
  let next = at;
  for (const part of parts) {
    if (next + part.bytesMax >= end) {
      next = at;
      break;
    }
    next = part.write(trash.bytes, next, nanoseconds);
  }
  sample.setBytes(TYPE_STR, trash.bytes, at, next - at);
  return true;
}

const SECONDS_MASK = (1n << 55n) - 1n; // HAProxy's guard against dates that overflow

/** Loads the date of a sint in seconds, without its upper bits. */
function loadMasked(sample: Sample, offset: number, local: boolean): void {
  if (sample.wide === null && sample.number >= 0) fields.load(sample.number + offset, local);
  else fields.loadExact((exactInt(sample) & SECONDS_MASK) + BigInt(offset), local);
}

const NEGATIVE_FRACTION = 184_467_440; // the digits HAProxy shows of a fraction before 1970

/** `perSecond`: units of the input a second; 1 for ltime and utime, whose upper bits are cut and which have no %N. */
function timeRow(name: string, perSecond: number, local: boolean): ConverterRow {
  return {
    name,
    args: { kinds: ['str', 'sint'], min: 1 },
    in: TYPE_SINT,
    out: TYPE_STR,
    compile(args): Convert {
      const parts = compileFormat(textOf(args, 0), perSecond > 1);
      const offset = intOf(args, 1, 0);
      return (sample, subject) => {
        if (perSecond === 1) {
          loadMasked(sample, offset, local);
          return writeDate(sample, subject, parts, 0);
        }
        const { wide, number } = sample;
        const seconds = wide === null ? Math.trunc(number / perSecond) : Number(wide / BigInt(perSecond));
        const fraction = wide === null ? number % perSecond : Number(wide % BigInt(perSecond));
        fields.load(seconds + offset, local);
        return writeDate(sample, subject, parts, fraction < 0 ? NEGATIVE_FRACTION : fraction * (1e9 / perSecond));
      };
    },
  };
}

// --- http_date

const UNITS: Readonly<Record<string, number>> = { s: 1, ms: 1_000, us: 1_000_000 };
const HTTP_DATE = compileFormat('%a, %d %b %Y %H:%M:%S', false);
const GMT = bytesOfText(' GMT');

const httpDateRow: ConverterRow = {
  name: 'http_date',
  args: { kinds: ['sint', 'str'], min: 0 },
  in: TYPE_SINT,
  out: TYPE_STR,
  check(args) {
    const unit = textOf(args, 1);
    if (!hasArg(args, 1) || Object.hasOwn(UNITS, unit)) return null;
    return `expects 's', 'ms' or 'us', got '${unit}'`;
  },
  compile(args) {
    const offset = exactOf(args, 0);
    const narrowOffset = Number(offset);
    const perSecond = hasArg(args, 1) ? UNITS[textOf(args, 1)]! : 1;
    return (sample, subject) => {
      if (offset !== 0n) {
        const sum = sample.number + narrowOffset;
        if (sample.wide === null && Number.isSafeInteger(sum)) sample.setInt(sum);
        else sample.setWide(exactInt(sample) + offset);
      }
      let fraction = 0;
      if (perSecond > 1) {
        const exact = exactInt(sample);
        fraction = Number(exact % BigInt(perSecond));
        sample.setWide(exact / BigInt(perSecond));
      }
      loadMasked(sample, 0, false);
      writeDate(sample, subject, HTTP_DATE, 0);
      const out = sample.bytes;
      let end = sample.offset + sample.length;
      if (perSecond > 1) {
        out[end] = 0x2e;
        end = writeInt(out, end + 1, fraction);
      }
      end = writeBytes(out, end, GMT, 0, GMT.length);
      sample.length = end - sample.offset;
      return true;
    };
  },
};

// --- date: text to seconds

// Where the reader is; a failed step leaves it at −1, and all further ones fail.
let at = 0;
let end = 0;
let source: Uint8Array = new Uint8Array(0);

function expect(byte: number): void {
  if (at >= 0 && at < end && source[at] === byte) at++;
  else at = -1;
}

function digits(count: number): number {
  let value = 0;
  for (let index = 0; index < count && at >= 0; index++) {
    const digit = at < end ? source[at]! - 0x30 : -1;
    if (digit < 0 || digit > 9) at = -1;
    else {
      value = value * 10 + digit;
      at++;
    }
  }
  return value;
}

/** One of the names, whole or its first letters; −1: none. */
function name(names: readonly Uint8Array[], isShort: boolean): number {
  if (at < 0) return -1;
  for (let index = 0; index < names.length; index++) {
    const bytes = names[index]!;
    const length = isShort ? SHORT : bytes.length;
    let same = 0;
    while (same < length && at + same < end && source[at + same] === bytes[same]) same++;
    if (same < length) continue;
    at += length;
    return index;
  }
  at = -1;
  return -1;
}

const SPACE = 0x20;
const COMMA = 0x2c;
const DASH = 0x2d;
const COLON = 0x3a;

let secondOfDay = 0;

function timeOfDay(): void {
  const hour = digits(2);
  expect(COLON);
  const minute = digits(2);
  expect(COLON);
  secondOfDay = hour * 3600 + minute * 60 + digits(2);
}

function gmt(): void {
  for (let index = 0; index < GMT.length; index++) expect(GMT[index]!);
}

// Fields may be out of their range (day 45, hour 99): they are added up all the same, as HAProxy does.
function secondsOf(year: number, month: number, day: number): number {
  let days = daysBefore(year) + day - 1;
  for (let index = 0; index < month; index++) days += MONTH_DAYS[index]! + (index === 1 && isLeap(year) ? 1 : 0);
  return days * DAY_SECONDS + secondOfDay;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `Sun, 06 Nov 1994 08:49:37 GMT` */
function imfDate(): number {
  name(DAY_BYTES, true);
  expect(COMMA);
  expect(SPACE);
  const day = digits(2);
  expect(SPACE);
  const month = name(MONTH_BYTES, true);
  expect(SPACE);
  const year = digits(4);
  expect(SPACE);
  timeOfDay();
  gmt();
  return secondsOf(year, month, day);
}

/** `Sunday, 06-Nov-94 08:49:37 GMT`; years up to 60 are of this century, four digits are taken too. */
function rfc850Date(): number {
  name(DAY_BYTES, false);
  expect(COMMA);
  expect(SPACE);
  const day = digits(2);
  expect(DASH);
  const month = name(MONTH_BYTES, true);
  expect(DASH);
  let year = digits(2);
  if (at >= 0 && at < end && source[at] !== SPACE) year = year * 100 + digits(2);
  else year += year <= 60 ? 2000 : 1900;
  expect(SPACE);
  timeOfDay();
  gmt();
  return secondsOf(year, month, day);
}

/** `Sun Nov  6 08:49:37 1994` */
function asctimeDate(): number {
  name(DAY_BYTES, true);
  expect(SPACE);
  const month = name(MONTH_BYTES, true);
  expect(SPACE);
  const isShort = at >= 0 && at < end && source[at] === SPACE;
  if (isShort) at++;
  const day = digits(isShort ? 1 : 2);
  expect(SPACE);
  timeOfDay();
  expect(SPACE);
  const year = digits(4);
  return secondsOf(year, month, day);
}

const DATE_FORMS = [imfDate, rfc850Date, asctimeDate];

function parseDate(sample: Sample): boolean {
  source = sample.bytes;
  end = sample.offset + sample.length;
  for (const form of DATE_FORMS) {
    at = sample.offset;
    const seconds = form();
    if (at < 0) continue;
    sample.setInt(seconds);
    return true;
  }
  return false;
}

export const dateConverters: readonly ConverterRow[] = [
  timeRow('ltime', 1, true),
  timeRow('ms_ltime', 1_000, true),
  timeRow('us_ltime', 1_000_000, true),
  timeRow('utime', 1, false),
  timeRow('ms_utime', 1_000, false),
  timeRow('us_utime', 1_000_000, false),
  httpDateRow,
  { name: 'date', args: NO_ARGS, in: TYPE_STR, out: TYPE_SINT, compile: () => parseDate },
];
