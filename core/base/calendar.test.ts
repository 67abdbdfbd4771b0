// Goal: local dates are right in every zone, over clock changes and leap days. Method: compare with Date.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { LocalCalendar } from './calendar.ts';

const zoneBefore = process.env['TZ'];
after(() => {
  if (zoneBefore === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zoneBefore;
});

function checkSecond(calendar: LocalCalendar, seconds: number): void {
  calendar.load(seconds);
  const date = new Date(seconds * 1000);
  const wanted = [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours()];
  wanted.push(date.getMinutes(), date.getSeconds(), 0 - date.getTimezoneOffset());
  const { year, month, day, hour, minute, second, offsetMinutes } = calendar;
  assert.deepEqual([year, month, day, hour, minute, second, offsetMinutes], wanted, `at ${seconds}`);
}

for (const zone of ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Australia/Lord_Howe']) {
  test(`dates in ${zone} are those of Date`, () => {
    process.env['TZ'] = zone;
    const calendar = new LocalCalendar();
    const prng = new Prng(20_261_122);
    for (let index = 0; index < 3000; index++) checkSecond(calendar, prng.below(4_102_444_800));
    // Both clock changes of 2026 in Europe, Australia and America fall into these hours, walked in uneven steps.
    for (const month of [2, 3, 9, 10]) {
      const start = Date.UTC(2026, month, 1) / 1000;
      for (let seconds = start; seconds < start + 31 * 86_400; seconds += 897) checkSecond(calendar, seconds);
    }
    for (const day of [
      '2024-02-29T23:59:59Z',
      '2024-12-31T23:59:59Z',
      '2000-02-29T00:00:00Z',
      '2100-03-01T00:00:00Z',
    ]) {
      checkSecond(calendar, Date.parse(day) / 1000);
    }
  });
}
