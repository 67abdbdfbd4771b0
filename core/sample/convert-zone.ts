// The local time zone's abbreviation at a moment (`CET`, `CEST`), which JavaScript does not tell: read once from the zone's
// TZif file (RFC 9636). Where there is no such file it is UTC, as for the C library.

import { readFileSync } from 'node:fs';

interface ZoneNames {
  startsAt: Float64Array; // seconds since 1970, ascending: when names[i + 1] begins
  names: readonly string[];
  /** Names by the minutes east of Greenwich, for moments after the last transition. */
  rule: ReadonlyMap<number, string>;
}

const UTC: ZoneNames = { startsAt: new Float64Array(0), names: ['UTC'], rule: new Map() };

const HEADER_BYTES = 44;

/** Both blocks have the same form; the second one has 64-bit times. */
function readBlock(view: DataView, at: number, timeBytes: number): { zone: ZoneNames; end: number } {
  const [isUtcCount, isStdCount, leapCount, timeCount, typeCount, charCount] = [20, 24, 28, 32, 36, 40].map((offset) =>
    view.getUint32(at + offset),
  ) as [number, number, number, number, number, number];
  const timesAt = at + HEADER_BYTES;
  const indexesAt = timesAt + timeCount * timeBytes;
  const typesAt = indexesAt + timeCount;
  const charsAt = typesAt + typeCount * 6;
  const end = charsAt + charCount + leapCount * (timeBytes + 4) + isStdCount + isUtcCount;
  const nameOf = (type: number): string => {
    let text = '';
    for (let index = charsAt + view.getUint8(typesAt + type * 6 + 5); view.getUint8(index) !== 0; index++) {
      text += String.fromCharCode(view.getUint8(index));
    }
    return text;
  };
  const startsAt = new Float64Array(timeCount);
  const names = [nameOf(0)];
  for (let index = 0; index < timeCount; index++) {
    const from = timesAt + index * timeBytes;
    startsAt[index] = timeBytes === 8 ? Number(view.getBigInt64(from)) : view.getInt32(from);
    names.push(nameOf(view.getUint8(indexesAt + index)));
  }
  return { zone: { startsAt, names, rule: new Map() }, end };
}

const RULE = /^(?:<([^>]+)>|([A-Za-z]+))([-+]?\d+)(?::(\d+))?(?:(?:<([^>]+)>|([A-Za-z]+))([-+]?\d+)?(?::(\d+))?)?/;

function minutesWest(hours: string, minutes: string | undefined): number {
  const sign = hours.startsWith('-') ? -1 : 1;
  return sign * (Math.abs(Number(hours)) * 60 + Number(minutes ?? 0));
}

/** POSIX's TZ text: `CET-1CEST,M3.5.0,M10.5.0/3`. */
function readRule(text: string): Map<number, string> {
  const rule = new Map<number, string>();
  const match = RULE.exec(text);
  if (match === null) return rule;
  const west = minutesWest(match[3]!, match[4]);
  rule.set(0 - west, match[1] ?? match[2]!);
  const summer = match[5] ?? match[6];
  if (summer !== undefined)
    rule.set(0 - (match[7] === undefined ? west - 60 : minutesWest(match[7], match[8])), summer);
  return rule;
}

function readZone(file: string): ZoneNames {
  const bytes = readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.toString('latin1', 0, 4) !== 'TZif') return UTC;
  const first = readBlock(view, 0, 4);
  if (bytes[4] === 0) return first.zone;
  const second = readBlock(view, first.end, 8);
  return { ...second.zone, rule: readRule(bytes.toString('latin1', second.end).trim()) };
}

function loadZone(): ZoneNames {
  const setting = process.env['TZ']?.replace(/^:/, '');
  if (setting === '') return UTC;
  const file = setting === undefined ? '/etc/localtime' : setting;
  try {
    return readZone(file.startsWith('/') ? file : `/usr/share/zoneinfo/${file}`);
  } catch {
    const rule = setting === undefined ? new Map<number, string>() : readRule(setting);
    return { ...UTC, rule };
  }
}

let zone: ZoneNames | null = null;

/** Reads the zone now: done when a format that shows it is compiled, before the process gives up its files. */
export function loadZoneNames(): void {
  zone ??= loadZone();
}

/** The name in force at `seconds` since 1970, when local time is `offsetMinutes` east of Greenwich. */
export function zoneName(seconds: number, offsetMinutes: number): string {
  loadZoneNames();
  const { startsAt, names, rule } = zone!;
  let low = 0;
  let high = startsAt.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startsAt[middle]! <= seconds) low = middle + 1;
    else high = middle;
  }
  const named = low === startsAt.length ? rule.get(offsetMinutes) : undefined;
  return named ?? names[low]!;
}
