// reload_time_file: a reload at a time that a file names, so that all routers change at once (keepalived.conf(5)).
//
// The file's first line is HH:MM:SS, YY-MM-DD HH:MM:SS or YYYY-MM-DD HH:MM:SS, local time, or UTC with a Z behind it. A
// time without a date is the next such moment. The file goes away when the reload is due, unless reload_repeat is set
// and it names no date. The wall clock is looked at again and again, since it may be set meanwhile.

import { type FSWatcher, readFileSync, unlinkSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { VrrpModel } from '../../core/model/vrrp.ts';

const DAY_MS = 86_400_000;
const LOOK_MS_MAX = 30_000;
const LINE_BYTES_MAX = 20;

export type ReloadTime = { atMs: number; isDated: boolean } | 'invalid' | 'past';

const FORMAT = /^(?:(\d{2}|\d{4})-(\d{2})-(\d{2}) )?(\d{2}):(\d{2}):(\d{2})(Z?)$/;

/** What the line means at `nowMs` (wall clock). */
export function parseReloadTime(line: string, nowMs: number): ReloadTime {
  const match = FORMAT.exec(line);
  if (match === null) return 'invalid';
  const [, year, month, day, hour, minute, second, zone] = match;
  const isUtc = zone === 'Z';
  const isDated = year !== undefined;
  const now = new Date(nowMs);
  const today = isUtc
    ? [now.getUTCFullYear(), now.getUTCMonth() + 1, now.getUTCDate()]
    : [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  const date = isDated ? [fullYear(year), Number(month), Number(day)] : today;
  const time = [Number(hour), Number(minute), Number(second)];
  const atMs = momentOf(date, time, isUtc);
  if (atMs === null) return 'invalid';
  if (atMs > nowMs) return { atMs, isDated };
  if (isDated) return 'past';
  if (isUtc) return { atMs: atMs + DAY_MS, isDated };
  // Tomorrow at that time, however long the day is.
  const tomorrow = new Date(date[0]!, date[1]! - 1, date[2]! + 1, time[0], time[1], time[2]);
  return { atMs: tomorrow.getTime(), isDated };
}

// strptime(3)'s %y: 69 to 99 are of the last century.
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length === 4) return year;
  return year >= 69 ? 1900 + year : 2000 + year;
}

/** null: there is no such moment, as on the 31st of April. */
function momentOf(date: readonly number[], time: readonly number[], isUtc: boolean): number | null {
  const [year, month, day] = date as [number, number, number];
  const [hour, minute, second] = time as [number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  if (isUtc) return Date.UTC(year, month - 1, day, hour, minute, second);
  const local = new Date(year, month - 1, day, hour, minute, second);
  // An hour that a change of clocks leaves out.
  return local.getHours() === hour && local.getMinutes() === minute ? local.getTime() : null;
}

type Log = (level: 'info' | 'warn' | 'error', text: string) => void;

export class ReloadClock {
  private readonly reload: () => void;
  private readonly log: Log;
  private path = '';
  private repeats = false;
  private watcher: FSWatcher | null = null;
  private timer: NodeJS.Timeout | null = null;
  private due: { atMs: number; isDated: boolean } | null = null;

  constructor(reload: () => void, log: Log) {
    this.reload = reload;
    this.log = log;
  }

  configure(model: VrrpModel): void {
    const { reloadTimeFile } = model.global;
    this.repeats = model.operation?.reloadRepeat ?? false;
    if (reloadTimeFile === this.path && (this.watcher !== null || this.path === '')) return this.read();
    this.stop();
    this.path = reloadTimeFile;
    if (this.path === '') return;
    const name = basename(this.path);
    try {
      this.watcher = watch(dirname(this.path), (_event, changed) => {
        if (changed === null || changed === name) this.read();
      });
      this.watcher.unref();
      this.watcher.on('error', () => {});
    } catch (error) {
      this.log('error', `reload_time_file ${this.path} cannot be watched: ${(error as Error).message}`);
    }
    this.read();
  }

  /** When the next reload is due (wall clock); null: none is. */
  get dueAtMs(): number | null {
    return this.due?.atMs ?? null;
  }

  stop(): void {
    this.watcher?.close();
    this.watcher = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.due = null;
  }

  private read(): void {
    if (this.path === '') return;
    const line = firstLine(this.path);
    const time = line === null || line === '' ? null : parseReloadTime(line, Date.now());
    if (time === 'invalid') this.log('warn', `Reload time '${line}' is invalid and ignored`);
    else if (time === 'past') this.log('warn', `Reload time '${line}' is in the past and ignored`);
    this.schedule(typeof time === 'string' ? null : time);
  }

  private schedule(due: { atMs: number; isDated: boolean } | null): void {
    const before = this.due;
    this.due = due;
    if (before?.atMs !== due?.atMs) {
      if (due !== null) this.log('info', `Reload scheduled for ${new Date(due.atMs).toISOString()}`);
      else this.log('info', `The reload scheduled for ${new Date(before!.atMs).toISOString()} is cancelled`);
    }
    this.wait();
  }

  private wait(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.due === null) return;
    const leftMs = this.due.atMs - Date.now();
    if (leftMs <= 0) return this.ring(this.due);
    this.timer = setTimeout(() => this.wait(), Math.min(leftMs, LOOK_MS_MAX));
    this.timer.unref();
  }

  private ring({ isDated }: { isDated: boolean }): void {
    this.due = null;
    if (!this.repeats || isDated) {
      try {
        unlinkSync(this.path);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOENT') this.log('warn', `${this.path} cannot be removed: ${(error as Error).message}`);
      }
    }
    this.log('info', 'Reloading, as scheduled');
    this.reload();
    this.read(); // with reload_repeat: tomorrow's
  }
}

function firstLine(path: string): string | null {
  try {
    const [line = ''] = readFileSync(path, 'latin1')
      .slice(0, LINE_BYTES_MAX + 1)
      .split('\n', 1);
    return line;
  } catch {
    return null;
  }
}
