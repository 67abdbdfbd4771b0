// The header in front of a log line: one of eight forms, its date cached for a second (manual §4.2 "log", "format").
//
// The forms, as HAProxy sends them (every line ends with "\n", which the logger adds):
//   local     <pri>Mmm dd hh:mm:ss tag[pid]:
//   rfc3164   <pri>Mmm dd hh:mm:ss host tag[pid]:        host "localhost" without log-send-hostname
//   rfc5424   <pri>1 YYYY-MM-DDThh:mm:ss.uuuuuu+hh:mm host tag pid - -      host "-" without log-send-hostname
//   priority  <pri>
//   short     <level>
//   timed     <level>YYYY-MM-DDThh:mm:ss.uuuuuu+hh:mm
//   iso       YYYY-MM-DDThh:mm:ss.uuuuuu+hh:mm
//   raw       nothing
// pri is facility × 8 + level. An empty tag leaves out tag and pid in the first two, and is "-" in rfc5424.

import type { LocalCalendar } from '../base/calendar.ts';
import { asciiBytes, MONTH_LETTERS, writeBytes, writeInt, writePadded } from '../base/text.ts';
import type { WallClock } from '../base/wall-clock.ts';
import type { LogTarget } from '../model/proxy.ts';

/** Severities of syslog(3): the smaller the worse. */
export const LEVEL_EMERG = 0;
export const LEVEL_ALERT = 1;
export const LEVEL_CRIT = 2;
export const LEVEL_ERR = 3;
export const LEVEL_WARNING = 4;
export const LEVEL_NOTICE = 5;
export const LEVEL_INFO = 6;
export const LEVEL_DEBUG = 7;

const NO_STRUCTURED_DATA = '- ';

const PRIORITY_NONE = 0;
const PRIORITY_LEVEL = 1;
const PRIORITY_FULL = 2;

const DATE_NONE = 0;
const DATE_LEGACY = 1;
const DATE_ISO = 2;

const LEGACY_DATE_BYTES = 16; // "Nov 22 14:48:54 "
const ISO_DATE_BYTES = 33; // "2026-11-22T14:48:54.058512+00:00 "
const PRIORITY_BYTES_MAX = 5; // "<191>"
const ISO_MICROS_AT = 20;

/** What headers say about this process and proxy. */
export interface LogIdentity {
  hostname: string; // log-send-hostname; '' not sent
  tag: string; // log-tag
  pid: number;
}

export class SyslogHeader {
  /** No header of this target is longer. */
  readonly bytesMax: number;

  private readonly priority: number;
  private readonly facility8: number;
  private readonly dateForm: number;
  private readonly calendar: LocalCalendar;
  // Everything behind "<pri>": the date, whose text is made anew when the second changes, and the constant rest.
  private readonly rest: Uint8Array;
  private readonly structuredBytes: number; // of its end: what stands for absent structured data, 0 in other forms
  private readonly dateOffset: number;
  private cachedSecond = Number.NaN;

  constructor(target: LogTarget, identity: LogIdentity, calendar: LocalCalendar) {
    const format = target.format;
    this.calendar = calendar;
    this.facility8 = target.facility < 0 ? 0 : target.facility * 8;
    if (format === 'iso' || format === 'raw') this.priority = PRIORITY_NONE;
    else this.priority = format === 'short' || format === 'timed' ? PRIORITY_LEVEL : PRIORITY_FULL;
    if (format === 'local' || format === 'rfc3164') this.dateForm = DATE_LEGACY;
    else this.dateForm = format === 'rfc5424' || format === 'timed' || format === 'iso' ? DATE_ISO : DATE_NONE;
    const before = asciiBytes(format === 'rfc5424' ? '1 ' : '');
    const after = asciiBytes(constantTail(format, identity));
    const dateBytes =
      this.dateForm === DATE_LEGACY ? LEGACY_DATE_BYTES : this.dateForm === DATE_ISO ? ISO_DATE_BYTES : 0;
    this.rest = new Uint8Array(before.length + dateBytes + after.length);
    this.rest.set(before, 0);
    this.rest.set(after, before.length + dateBytes);
    this.structuredBytes = format === 'rfc5424' ? NO_STRUCTURED_DATA.length : 0;
    this.dateOffset = before.length;
    this.bytesMax = PRIORITY_BYTES_MAX + this.rest.length;
  }

  /**
   * Writes the header at `bytes[at]`; returns its end. `bytesMax` bytes are free there.
   * @param level 0–7, already capped by the target's levelMin
   * @param clock its fraction of a millisecond counts in the forms with microseconds
   */
  write(bytes: Uint8Array, at: number, level: number, clock: WallClock): number {
    let next = at;
    if (this.priority !== PRIORITY_NONE) {
      bytes[next++] = 0x3c;
      next = writeInt(bytes, next, this.priority === PRIORITY_FULL ? this.facility8 + level : level);
      bytes[next++] = 0x3e;
    }
    if (this.dateForm !== DATE_NONE) this.renewDate(clock);
    return writeBytes(bytes, next, this.rest, 0, this.rest.length);
  }

  /**
   * As write(), with structured data (`log-format-sd`) in the form that has room for them (RFC 5424 §6.3); they and a
   * blank are free behind bytesMax.
   */
  writeWithData(
    bytes: Uint8Array,
    at: number,
    level: number,
    clock: WallClock,
    data: Uint8Array,
    dataLength: number,
  ): number {
    const end = this.write(bytes, at, level, clock);
    if (this.structuredBytes === 0 || dataLength === 0) return end;
    const next = writeBytes(bytes, end - this.structuredBytes, data, 0, dataLength);
    bytes[next] = 0x20;
    return next + 1;
  }

  // The clock and not its number, which would be boxed on the way.
  private renewDate(clock: WallClock): void {
    const nowMs = clock.nowMs;
    const second = Math.floor(nowMs / 1000);
    if (second !== this.cachedSecond) {
      this.cachedSecond = second;
      this.calendar.load(second);
      if (this.dateForm === DATE_LEGACY) writeLegacyDate(this.rest, this.dateOffset, this.calendar);
      else writeIsoDate(this.rest, this.dateOffset, this.calendar);
    }
    if (this.dateForm === DATE_ISO) {
      // A double holds today's milliseconds to a quarter of a microsecond: cutting off would lose one.
      const micros = Math.min(Math.round((nowMs - second * 1000) * 1000), 999_999) | 0;
      writePadded(this.rest, this.dateOffset + ISO_MICROS_AT, micros, 6);
    }
  }
}

function constantTail(format: LogTarget['format'], identity: LogIdentity): string {
  const { hostname, tag, pid } = identity;
  const tagAndPid = tag === '' ? '' : `${tag}[${pid}]: `;
  if (format === 'local') return tagAndPid;
  if (format === 'rfc3164') return `${hostname === '' ? 'localhost' : hostname} ${tagAndPid}`;
  if (format === 'rfc5424')
    return `${hostname === '' ? '-' : hostname} ${tag === '' ? '-' : tag} ${pid} - ${NO_STRUCTURED_DATA}`;
  return '';
}

// "Nov  2 14:48:54 ": the day is padded with a space (RFC 3164 §4.1.2).
function writeLegacyDate(bytes: Uint8Array, at: number, date: LocalCalendar): void {
  let next = writeBytes(bytes, at, MONTH_LETTERS, date.month * 3, 3);
  bytes[next++] = 0x20;
  if (date.day < 10) bytes[next++] = 0x20;
  next = writeInt(bytes, next, date.day);
  bytes[next++] = 0x20;
  next = writeTime(bytes, next, date);
  bytes[next] = 0x20;
}

function writeIsoDate(bytes: Uint8Array, at: number, date: LocalCalendar): void {
  let next = writePadded(bytes, at, date.year, 4);
  bytes[next] = 0x2d;
  next = writePadded(bytes, next + 1, date.month + 1, 2);
  bytes[next] = 0x2d;
  next = writePadded(bytes, next + 1, date.day, 2);
  bytes[next] = 0x54;
  next = writeTime(bytes, next + 1, date);
  bytes[next] = 0x2e;
  next = writePadded(bytes, next + 1, 0, 6);
  const offset = Math.abs(date.offsetMinutes);
  bytes[next] = date.offsetMinutes < 0 ? 0x2d : 0x2b;
  next = writePadded(bytes, next + 1, Math.floor(offset / 60), 2);
  bytes[next] = 0x3a;
  next = writePadded(bytes, next + 1, offset % 60, 2);
  bytes[next] = 0x20;
}

/** "14:48:54" */
export function writeTime(bytes: Uint8Array, at: number, date: LocalCalendar): number {
  let next = writePadded(bytes, at, date.hour, 2);
  bytes[next] = 0x3a;
  next = writePadded(bytes, next + 1, date.minute, 2);
  bytes[next] = 0x3a;
  return writePadded(bytes, next + 1, date.second, 2);
}

/**
 * `sample <ranges>:<size>`: of every `size` lines, those whose number lies in one of the ranges are sent.
 * Each thread counts its own lines, so over threads the share is kept and not the exact sequence.
 */
export class Sampler {
  private readonly lows: number[];
  private readonly highs: number[];
  private readonly size: number;
  private range = 0;
  private count = 0;

  /** @param ranges inclusive, numbered from 1, not overlapping; none: every line is taken */
  constructor(ranges: readonly (readonly [number, number])[], size: number) {
    const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
    this.lows = sorted.map((range) => range[0]);
    this.highs = sorted.map((range) => range[1]);
    this.size = size;
  }

  /** Counts one line; true when it is to be sent. */
  take(): boolean {
    if (this.lows.length === 0) return true;
    const next = this.count + 1;
    const inRange = this.lows[this.range]! <= next && next <= this.highs[this.range]!;
    if (inRange && next === this.highs[this.range]!) this.range = (this.range + 1) % this.lows.length;
    this.count = next % this.size;
    return inRange;
  }
}
